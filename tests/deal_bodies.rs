//! Frozen bodies: `tests/vectors/deal_bodies.txt` holds what each is on the wire, and what is refused by the name
//! of its defect. Each line: `body NAME KIND HEX [SEED:LINE,LINE…]…` or `refused DEFECT KIND HEX […]`; after the
//! body, the lists that travel beside it. `TRUCELINE_PRINT=1` prints what the file should hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write;
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::deal::body::{
    Accept, Answer, BODY_BYTES_MAX, Body, BodyError, Confirm, Content, Lapse, Lines, Note, Offer, OfferBody,
    Query, Reject, Reply, Standby, Withdraw,
};
use truceline::deal::date::{Date, PartialDate};
use truceline::deal::handover::{
    Breach, BreachAnswer, BreachAnswered, Cause, Closed, Go, HandoverLine, LinesBody, Lock, Mode, Outcome,
    Ready, Remedy, Round, Subject, Suspend, TransferNotice, Transport, TransportAcknowledged, Vehicle,
    lists_digest,
};
use truceline::deal::person::{
    Commission, Consent, Evidence, Health, Judicial, Line, Name, Person, Romanised, Sex, Source, Status, Wish,
};
use truceline::deal::pledge::{Condition, End, Frame, Guarantor, Obligation, Part, Sight};
use truceline::deal::remains::{Extent, Remains};
use truceline::deal::shown::Shown;
use truceline::deal::stage::{Abort, Corridor, Order, Place, Point, Stage, Window};
use truceline::deal::terms::{
    Ages, Category, Criteria, Firmness, LEGS_MAX, Leg, Quantity, Rounding, Selection, Substitution, Terms,
};
use truceline::deal::terms_rules::{MOMENT_MAX, SPAN_SECS_MAX};
use truceline::deal::word::Text;
use truceline::party::role::Role;
use truceline::statement::evidence::{PartList, PartSaid};
use truceline::statement::kind::Kind;
use truceline::statement::list::{List, ListRoot};
use truceline::time::UnixMillis;

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn person() -> Line {
    let some = |word: &str| Some(text(word));
    Line::Person(Box::new(Person {
        name: Name {
            surname: some("Їжакевич"), first_names: some("Юрій"), patronymic: some("Павлович")
        },
        aliases: vec![text("Їжак")],
        romanised: Some(Romanised {
            name: Name { surname: some("Ïžakevič"), first_names: some("Ûrìj"), patronymic: None },
            system: text("ISO 9"),
        }),
        birth_date: PartialDate::parse("1990-05..1991"),
        birth_place: some("Боровка"),
        sex: Sex::Male,
        nationality: some("Tarrunian"),
        power: some("Tarrun"),
        service_number: some("ТА-100001"),
        rank: some("private"),
        unit: None,
        occupation: None,
        father_first_name: some("Павел"),
        mother_maiden_name: None,
        marks: None,
        status: Status::PrisonerOfWar,
        judicial: Judicial::None,
        health: Health::SeriouslyWounded,
        commission: Commission::Direct,
        evidence: vec![Evidence {
            source: Source::IcrcConfirmed,
            date: PartialDate::parse("2031-03-17").unwrap(),
        }],
        consent: Consent { wish: Wish::Wishes, asked_by: some("ICRC delegate") },
    }))
}

fn bag() -> Line {
    Line::Remains(Remains {
        bag: text("K-0117"),
        place: None,
        date: PartialDate::parse("2030"),
        extent: Extent::Partial,
        claimed_identity: None,
        disc: Some(text("ТА-440912")),
        dna_reference: None,
        laboratory: None,
        parent_bag: Some(text("K-0100")),
        claimed_side: Some(Role::Joiner),
    })
}

fn leg(giver: Role, category: Category, quantity: Quantity) -> Leg {
    Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity,
        selection: Selection::Mutual,
        substitution: Substitution::SameCategory,
        tolerance: 2,
        except: None,
        criteria: None,
        third_country: None,
        stage: None,
        group: 0,
    }
}

fn list(seed: u8, lines: &[Line]) -> List {
    list_of([seed; 32], lines.iter().map(|line| line.encode_line().unwrap()).collect())
}

/// A list as it comes from the wire: its limits are not held yet.
fn list_of(seed: [u8; 32], lines: Vec<Vec<u8>>) -> List {
    let bytes = truceline::codec::encode(&(seed, lines), usize::MAX).unwrap();
    truceline::codec::decode(&bytes, usize::MAX).unwrap()
}

fn offer_body(legs: Vec<Leg>, lists: &[List]) -> OfferBody {
    OfferBody {
        base: 0,
        parent: Some(Digest([9; 32])),
        frame: None,
        firmness: Firmness::Exploratory,
        valid_until: Some(UnixMillis(1_935_403_200_000)),
        terms: Terms { legs, remarks: Some(text("Бридж")), ..Terms::default() },
        lists: lists.iter().map(List::root).collect(),
    }
}

fn full_offer() -> (OfferBody, Vec<List>) {
    let lists = vec![list(1, &[person()]), list(2, &[bag()])];
    let legs = vec![
        leg(Role::Inviter, Category::PrisonerOfWar, Quantity::List(0)),
        leg(Role::Joiner, Category::SeriouslyWounded, Quantity::Count(10)),
        leg(Role::Joiner, Category::Remains, Quantity::List(1)),
    ];
    (offer_body(legs, &lists), lists)
}

fn window() -> Window {
    Window { from: UnixMillis(1_935_403_200_000), to: UnixMillis(1_935_489_600_000) }
}

fn point(latitude: i32, longitude: i32) -> Point {
    Point { latitude, longitude }
}

/// An offer with everything that terms can hold.
fn package() -> (OfferBody, Vec<List>) {
    let lists = vec![list(3, &[person()]), list(4, &[person()])];
    let mut wounded = leg(Role::Inviter, Category::SeriouslyWounded, Quantity::List(0));
    (wounded.third_country, wounded.stage, wounded.group) = (Some(text("Ostrava")), Some(0), 1);
    let mut all = leg(Role::Joiner, Category::PrisonerOfWar, Quantity::All { least: 12 });
    (all.except, all.stage) = (Some(1), Some(1));
    all.criteria = Some(Criteria {
        ages: Some(Ages { from: 18, to: 25, on: Date::parse("2031-05-01").unwrap() }),
        health: vec![Health::Sick, Health::SeriouslyWounded],
        status: vec![Status::PrisonerOfWar],
        sex: Some(Sex::Female),
    });
    let mut some = leg(Role::Inviter, Category::Person, Quantity::Estimate { least: 10, most: 15 });
    some.stage = Some(1);
    let ratio = Quantity::Ratio { give: 3, per: 2, leg: 2, rounding: Rounding::Nearest };
    let mut three_for_two = leg(Role::Joiner, Category::CivilianInternee, ratio);
    three_for_two.stage = Some(1);
    let mut body = offer_body(vec![wounded, all, some, three_for_two], &lists);
    (body.base, body.frame) = (3, Some(Digest([8; 32])));
    body.terms.stages = vec![
        Stage {
            name: Some(text("The wounded")),
            after: vec![],
            place: Some(Place { name: text("Bridge of Kelda"), at: Some(point(501_000_000, -302_000_001)) }),
            window: Some(window()),
            corridor: Some(0),
            order: Order::Alternating,
            abort: Abort::Return,
        },
        Stage {
            name: None,
            after: vec![0],
            place: None,
            window: None,
            corridor: None,
            order: Order::Simultaneous,
            abort: Abort::Finish,
        },
    ];
    body.terms.corridors = vec![Corridor {
        name: text("Kelda road"),
        points: vec![point(900_000_000, 1_800_000_000), point(-900_000_000, -1_800_000_000)],
        width: 200,
        window: Some(window()),
    }];
    let condition = |lines, end| Condition {
        leg: 0,
        lines,
        obligation: Obligation::StayInCountry,
        text: None,
        end,
        monitor: Some(text("ICRC")),
        consequence: text("return"),
    };
    body.terms.conditions = vec![
        condition(vec![0], End::Seconds(31_536_000)),
        condition(vec![], End::Until(UnixMillis(1_935_403_200_000))),
        condition(vec![], End::Event(text("the end of the war"))),
    ];
    body.terms.guarantors = vec![Guarantor {
        name: text("Ostrava"),
        part: Part::Carrier,
        duty: Some(text("accommodates")),
        sight: Sight::Lists,
    }];
    body.terms.frame = Some(Frame { until: UnixMillis(1_956_528_000_000), every: 2_592_000 });
    (body, lists)
}

fn handover_lines() -> Vec<HandoverLine> {
    let line = |subject, outcome| HandoverLine {
        subject,
        outcome,
        cause: Cause::Unknown,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    };
    let full = HandoverLine {
        subject: Subject::Listed { leg: 0, line: 4 },
        outcome: Outcome::Substituted,
        cause: Cause::ListError,
        detail: Some(text("the brother came")),
        evidence: Some(text("photograph 7")),
        remedy: Remedy::Replace,
        deadline: Some(UnixMillis(1_935_403_200_000)),
    };
    vec![
        line(Subject::Counted { leg: 1, number: 5 }, Outcome::NotDelivered),
        line(Subject::Unlisted { leg: 1, who: person() }, Outcome::Surplus),
        line(Subject::Unlisted { leg: 2, who: bag() }, Outcome::OwnSide),
        full,
    ]
}

/// A list of handover lines with nothing checked, and its body.
fn lines_of(lines: &[HandoverLine]) -> (LinesBody, List) {
    let list =
        list_of([5; 32], lines.iter().map(|line| truceline::codec::encode(line, 4_096).unwrap()).collect());
    (LinesBody { version: 1, lines: list.root() }, list)
}

fn transport() -> Transport {
    Transport {
        version: 1,
        mode: Mode::Ambulance,
        vehicles: vec![Vehicle { mark: text("KE 117"), description: Some(text("white")) }],
        persons: Some(40),
        corridor: Some(0),
        route: Some(text("by the bridge")),
        window: Some(window()),
        airspace: Some(window()),
        remark: Some(text("slowly")),
    }
}

fn transfer_notice() -> TransferNotice {
    TransferNotice {
        offer: Digest([7; 32]),
        leg: 127,
        lines: vec![0, 2],
        country: text("Ostrava"),
        on: PartialDate::parse("2031-05"),
        accommodation: Some(text("a hospital")),
        reason: Some(text("health")),
    }
}

fn breach() -> Breach {
    Breach {
        offer: Digest([7; 32]),
        condition: 63,
        lines: vec![1],
        on: PartialDate::parse("2031-05-03"),
        facts: text("seen at the front"),
        remedy: Remedy::Explain,
        answer_by: Some(UnixMillis(1_935_403_200_000)),
    }
}

fn bodies() -> Vec<(&'static str, Content, Vec<List>)> {
    let id = Digest([7; 32]);
    let reason = Some(text("why"));
    let (full, lists) = full_offer();
    let (rich, rich_lists) = package();
    let mut cancel = offer_body(Vec::new(), &[]);
    (cancel.base, cancel.parent, cancel.valid_until) = (1, None, None);
    let offer = |body, lists: &[List]| Content::Offer(Box::new(Offer::join(body, lists).unwrap()));
    let (said, said_list) = lines_of(&handover_lines());
    let said = Lines::join(said, std::slice::from_ref(&said_list)).unwrap();
    let round = Round { opener: 1, other: 2 };
    let lists_digest = lists_digest(1, &id, &full.lists);
    vec![
        ("note", Content::Note(Note { text: text("Добрый день") }), vec![]),
        ("offer-of-lists-and-counts", offer(full, &lists), lists),
        ("offer-of-a-package", offer(rich, &rich_lists), rich_lists),
        ("offer-that-cancels", offer(cancel, &[]), vec![]),
        ("withdraw", Content::Withdraw(Withdraw { offer: id, reason: None }), vec![]),
        ("reject", Content::Reject(Reject { offer: id, reason: reason.clone() }), vec![]),
        ("accept", Content::Accept(Accept { offer: id, hold_until: UnixMillis(1), remark: None }), vec![]),
        ("confirm", Content::Confirm(Confirm { acceptance: id }), vec![]),
        ("lapse", Content::Lapse(Lapse { acceptance: id, reason: reason.clone() }), vec![]),
        ("standby", Content::Standby(Standby { until: Some(UnixMillis(2)), reason: reason.clone() }), vec![]),
        ("query", Content::Query(Query { about: Some(id), text: text("who?"), answer_by: None }), vec![]),
        ("answer", Content::Answer(Answer { query: id, reply: Reply::Told, text: Some(text("he")) }), vec![]),
        ("lock", Content::Lock(Lock { version: 1, lists: lists_digest }), vec![]),
        ("transport", Content::Transport(transport()), vec![]),
        (
            "transport-acknowledged",
            Content::TransportAcknowledged(TransportAcknowledged { notice: id }),
            vec![],
        ),
        ("ready", Content::Ready(Ready { version: 1, round }), vec![]),
        ("go", Content::Go(Go { version: 1, round, window: Some(window()) }), vec![]),
        ("suspend", Content::Suspend(Suspend { version: 1, round, reason: reason.clone() }), vec![]),
        ("lines", Content::Lines(said), vec![said_list]),
        ("closed", Content::Closed(Closed { version: 1, remark: reason.clone() }), vec![]),
        ("transfer-notice", Content::TransferNotice(transfer_notice()), vec![]),
        ("breach", Content::Breach(breach()), vec![]),
        (
            "breach-answered",
            Content::BreachAnswered(BreachAnswered {
                breach: id,
                answer: BreachAnswer::Remedied,
                text: reason,
            }),
            vec![],
        ),
    ]
}

/// A body as bincode writes it, with nothing checked.
fn raw<T: bincode::Encode>(body: &T) -> Vec<u8> {
    truceline::codec::encode(&(1u8, body), 1 << 20).unwrap()
}

/// A body that is refused, and how its reason begins.
struct Defect {
    name: &'static str,
    kind: Kind,
    bytes: Vec<u8>,
    lists: Vec<List>,
    reason: &'static str,
}

fn refused() -> Vec<Defect> {
    let mut all = refused_forms();
    all.extend(refused_lists());
    all.extend(refused_terms());
    all.extend(refused_handovers());
    all
}

fn refused_forms() -> Vec<Defect> {
    let (good, lists) = full_offer();
    let note = |text: &[u8]| {
        let mut bytes = vec![1];
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text);
        bytes
    };
    let confirm = |tail: &[u8]| [&[1][..], &[7; 32], tail].concat();
    let mut late_status = raw(&good);
    // The body's firmness: after format, base, parent and frame.
    late_status[1 + 4 + 33 + 1] = 2;
    let mut many_legs = raw(&good);
    // The number of legs: after firmness and the moment until which it stands. Memory could hold the first number.
    many_legs[1 + 4 + 33 + 1 + 1 + 9..][..8].copy_from_slice(&100_000u64.to_le_bytes());
    let mut endless_legs = many_legs.clone();
    endless_legs[1 + 4 + 33 + 1 + 1 + 9..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let malformed = "the body is malformed: the bytes are not a value";
    let of = |name, kind, bytes, reason| Defect { name, kind, bytes, lists: vec![], reason };
    vec![
        of("no-bytes", Kind::Note, vec![], malformed),
        of("format-2", Kind::Confirm, [&[2][..], &[7; 32]].concat(), "the body has format 2"),
        of("trailing-byte", Kind::Confirm, confirm(&[0]), "the body is malformed: 1 bytes follow the value"),
        of("cut-short", Kind::Confirm, confirm(&[])[..32].to_vec(), malformed),
        of("text-empty", Kind::Note, note(b""), malformed),
        of("text-blank", Kind::Note, note(" \u{a0}".as_bytes()), malformed),
        of("text-not-utf-8", Kind::Note, note(&[0xc3, 0x28]), malformed),
        of("text-of-4001-characters", Kind::Note, note(&[b'a'; 4_001]), malformed),
        of("option-byte-2", Kind::Withdraw, confirm(&[2]), malformed),
        Defect {
            lists: lists.clone(),
            ..of(
                "lists-beside-a-confirm",
                Kind::Confirm,
                confirm(&[]),
                "2 lists came with a body that names 0",
            )
        },
        of(
            "kind-of-no-deal",
            Kind::Acknowledgement,
            confirm(&[]),
            "a statement of kind acknowledgement carries no part",
        ),
        Defect { lists: lists.clone(), ..of("firmness-2", Kind::Offer, late_status, malformed) },
        Defect { lists: lists.clone(), ..of("legs-that-do-not-come", Kind::Offer, many_legs, malformed) },
        Defect { lists, ..of("legs-without-end", Kind::Offer, endless_legs, malformed) },
    ]
}

fn refused_lists() -> Vec<Defect> {
    let (good, lists) = full_offer();
    let with = |change: &dyn Fn(&mut OfferBody)| {
        let mut body = good.clone();
        change(&mut body);
        raw(&body)
    };
    let person_with = |change: &dyn Fn(&mut Person)| {
        let Line::Person(mut person) = person() else { unreachable!() };
        change(&mut person);
        vec![list(1, &[Line::Person(person)]), lists[1].clone()]
    };
    let no_name = Name { surname: None, first_names: None, patronymic: None };
    let unnamed = person_with(&|person| {
        person.name = no_name.clone();
        person.aliases.clear();
    });
    let unromanised = person_with(&|person| {
        person.romanised = Some(Romanised { name: no_name.clone(), system: text("ISO 9") });
    });
    let swapped = vec![lists[1].clone(), lists[0].clone()];
    let of_bags = vec![list(1, &[bag()]), lists[1].clone()];
    let torn = vec![List::new([1; 32], vec![vec![0, 0, 0, 0, 1]]).unwrap(), lists[1].clone()];
    let none = vec![list(1, &[]), lists[1].clone()];
    let holding = |lists: &[List]| raw(&offer_body(good.terms.legs.clone(), lists));
    let of = |name, bytes, lists, reason| Defect { name, kind: Kind::Offer, bytes, lists, reason };
    let no_record = "line 1 of list 1 is not a record";
    let not_it = "list 1 is not the list the body commits to";
    vec![
        of("list-missing", raw(&good), lists[..1].to_vec(), "1 lists came with a body that names 2"),
        of("lists-swapped", raw(&good), swapped, not_it),
        of("list-of-another-root", with(&|body| body.lists[0].root = Digest([0; 32])), lists.clone(), not_it),
        of("list-of-another-length", with(&|body| body.lists[0].lines = 2), lists.clone(), not_it),
        of(
            "list-named-by-no-leg",
            with(&|body| body.terms.legs.truncate(2)),
            lists.clone(),
            "a list belongs to no leg",
        ),
        of(
            "list-index-out-of-order",
            with(&|body| body.terms.legs.swap(0, 2)),
            lists.clone(),
            "leg 1 does not name the next list",
        ),
        of("list-empty", holding(&none), none, "list 1 has no line"),
        of("line-not-a-record", holding(&torn), torn, no_record),
        of("person-without-a-name", holding(&unnamed), unnamed, no_record),
        of("romanised-without-a-name", holding(&unromanised), unromanised, no_record),
        of("remains-where-persons-belong", holding(&of_bags), of_bags, no_record),
    ]
}

/// A change of a leg's criteria.
fn criteria(change: impl Fn(&mut Criteria)) -> impl Fn(&mut Leg) {
    move |leg| change(leg.criteria.as_mut().unwrap())
}

fn refused_terms() -> Vec<Defect> {
    let (good, lists) = package();
    let with = |name, reason, change: &dyn Fn(&mut OfferBody)| {
        let mut body = good.clone();
        change(&mut body);
        Defect { name, kind: Kind::Offer, bytes: raw(&body), lists: lists.clone(), reason }
    };
    let leg_with = |name, reason, at: usize, change: &dyn Fn(&mut Leg)| {
        with(name, reason, &|body| change(&mut body.terms.legs[at]))
    };
    let ratio = |give, per, leg| Quantity::Ratio { give, per, leg, rounding: Rounding::Down };
    let ages = |from, to, on: &'static str| {
        let on = Date::parse(on).unwrap();
        criteria(move |it| it.ages = Some(Ages { from, to, on }))
    };
    let condition = |name, reason, change: &dyn Fn(&mut Condition)| {
        with(name, reason, &|body| change(&mut body.terms.conditions[0]))
    };
    let late = UnixMillis(MOMENT_MAX.0 + 1);
    vec![
        leg_with("given-to-itself", "leg 2 is given and received by the same", 1, &|leg| {
            leg.receiver = Role::Joiner;
        }),
        leg_with("counts-nobody", "leg 3 counts nobody", 2, &|leg| leg.quantity = Quantity::Count(0)),
        leg_with("estimate-of-one-number", "leg 3 estimates 9 to 9", 2, &|leg| {
            leg.quantity = Quantity::Estimate { least: 9, most: 9 };
        }),
        leg_with("ratio-of-nothing", "leg 4 has a ratio with a 0", 3, &|leg| leg.quantity = ratio(1, 0, 2)),
        leg_with("ratio-of-itself", "leg 4 is a ratio of leg 4, which is no other", 3, &|leg| {
            leg.quantity = ratio(1, 1, 3);
        }),
        leg_with("ratio-of-no-leg", "leg 4 is a ratio of leg 5, which is no other", 3, &|leg| {
            leg.quantity = ratio(1, 1, 4);
        }),
        leg_with("ratio-of-a-ratio", "leg 3 is a ratio of leg 4, which is a ratio", 2, &|leg| {
            leg.quantity = ratio(1, 1, 3);
        }),
        leg_with("exceptions-from-a-list", "leg 1 has a list and exceptions", 0, &|leg| leg.except = Some(1)),
        leg_with(
            "criteria-that-ask-nothing",
            "leg 2 has criteria that ask nothing",
            1,
            &criteria(|it| {
                *it = Criteria { ages: None, health: vec![], status: vec![], sex: None };
            }),
        ),
        leg_with(
            "health-out-of-order",
            "leg 2 has criteria with a state of health twice",
            1,
            &criteria(|it| it.health.reverse()),
        ),
        leg_with(
            "status-twice",
            "leg 2 has criteria with a status twice",
            1,
            &criteria(|it| it.status.push(Status::PrisonerOfWar)),
        ),
        leg_with("ages-reversed", "leg 2 has ages from 25 to 18", 1, &ages(25, 18, "2031-05-01")),
        leg_with("ages-without-a-day", "leg 2 has ages on a date", 1, &ages(18, 25, "2031-05")),
        leg_with("criteria-of-remains", "leg 2 is of remains and has criteria", 1, &|leg| {
            leg.category = Category::Remains;
        }),
        leg_with("remains-accommodated", "leg 1 is of remains and names a third country", 0, &|leg| {
            leg.category = Category::Remains;
        }),
        leg_with("stage-missing", "leg 1 is in stage 3, which", 0, &|leg| leg.stage = Some(2)),
        leg_with("stage-not-named", "leg 1 is in no stage", 0, &|leg| leg.stage = None),
        with("stage-after-itself", "stage 2 must come after stages that stand before", &|body| {
            body.terms.stages[1].after = vec![0, 1];
        }),
        with("stage-after-one-twice", "stage 2 must come after stages that stand before", &|body| {
            body.terms.stages[1].after = vec![0, 0];
        }),
        with("stage-in-no-corridor", "stage 1 uses corridor 2, which", &|body| {
            body.terms.stages[0].corridor = Some(1);
        }),
        with("stage-over-before-it-begins", "stage 1 has a window that ends before", &|body| {
            let Window { from, to } = window();
            body.terms.stages[0].window = Some(Window { from: to, to: from });
        }),
        with("place-off-the-earth", "stage 1 has a point off the earth", &|body| {
            body.terms.stages[0].place.as_mut().unwrap().at = Some(point(900_000_001, 0));
        }),
        with("corridor-of-one-point", "corridor 1 has 1 points", &|body| {
            body.terms.corridors[0].points.truncate(1);
        }),
        with("corridor-of-65-points", "corridor 1 has 65 points", &|body| {
            body.terms.corridors[0].points = vec![point(0, 0); 65];
        }),
        with("corridor-off-the-earth", "corridor 1 has a point off the earth", &|body| {
            body.terms.corridors[0].points[1] = point(0, i32::MIN);
        }),
        with("corridor-of-no-time", "corridor 1 has a window that ends before", &|body| {
            let Window { from, .. } = window();
            body.terms.corridors[0].window = Some(Window { from, to: from });
        }),
        condition("condition-on-no-leg", "condition 1 binds leg 5, which", &|it| it.leg = 4),
        condition("condition-on-lines-of-no-list", "condition 1 binds lines of leg 2", &|it| it.leg = 1),
        condition("condition-on-a-line-twice", "condition 1 names lines twice", &|it| it.lines = vec![0, 0]),
        condition("condition-on-no-line", "condition 1 binds line 2,", &|it| it.lines = vec![1]),
        condition("condition-of-no-time", "condition 1 lasts 0 seconds", &|it| it.end = End::Seconds(0)),
        condition("condition-of-ages", "condition 1 lasts 3155760001 seconds", &|it| {
            it.end = End::Seconds(SPAN_SECS_MAX + 1);
        }),
        condition("condition-past-the-calendar", "condition 1 ends past the year 9999", &|it| {
            it.end = End::Until(late);
        }),
        with("condition-on-remains", "condition 2 binds leg 3, which is of remains", &|body| {
            body.terms.legs[2].category = Category::Remains;
            body.terms.conditions[1].leg = 2;
        }),
        with("frame-past-the-calendar", "the frame ends past the year 9999", &|body| {
            body.terms.frame = Some(Frame { until: late, every: 0 });
        }),
        with("frame-of-ages", "the frame lasts 3155760001 seconds", &|body| {
            body.terms.frame = Some(Frame { until: UnixMillis(1), every: SPAN_SECS_MAX + 1 });
        }),
        with("valid-past-the-calendar", "the time until which it stands lies past", &|body| {
            body.valid_until = Some(late);
        }),
        with("guarantors-17", "the terms have 17 guarantors", &|body| {
            body.terms.guarantors = vec![body.terms.guarantors[0].clone(); 17];
        }),
        with("stages-65", "the terms have 65 stages", &|body| {
            body.terms.stages = vec![body.terms.stages[1].clone(); 65];
        }),
        with("corridors-65", "the terms have 65 corridors", &|body| {
            body.terms.corridors = vec![body.terms.corridors[0].clone(); 65];
        }),
        with("conditions-65", "the terms have 65 conditions", &|body| {
            body.terms.conditions = vec![body.terms.conditions[1].clone(); 65];
        }),
        with("lists-65", "the terms have 65 lists", &|body| body.lists = vec![body.lists[0]; 65]),
        Defect {
            name: "legs-129",
            kind: Kind::Offer,
            bytes: raw(&offer_body(vec![leg(Role::Inviter, Category::Child, Quantity::Count(1)); 129], &[])),
            lists: vec![],
            reason: "the terms have 129 legs",
        },
        Defect {
            name: "nothing-offered-on-version-0",
            kind: Kind::Offer,
            bytes: raw(&offer_body(vec![], &[])),
            lists: vec![],
            reason: "the offer has no leg",
        },
    ]
}

fn refused_handovers() -> Vec<Defect> {
    let of = |name, kind, bytes, reason| Defect { name, kind, bytes, lists: vec![], reason };
    let reversed = Some(Window { from: window().to, to: window().from });
    let round = Round::default();
    let vehicle = Vehicle { mark: text("A"), description: None };
    let lines = |name, reason, line: HandoverLine| {
        let (body, list) = lines_of(&[line]);
        Defect { name, kind: Kind::Lines, bytes: raw(&body), lists: vec![list], reason }
    };
    let about = |subject| HandoverLine { subject, ..handover_lines()[0].clone() };
    let unnamed = {
        let Line::Person(mut person) = person() else { unreachable!() };
        person.name = Name { surname: None, first_names: None, patronymic: None };
        person.aliases.clear();
        Line::Person(person)
    };
    let no_record = "line 1 of list 1 is not a record";
    let (said, said_list) = lines_of(&handover_lines());
    vec![
        of(
            "vehicles-65",
            Kind::Transport,
            raw(&Transport { vehicles: vec![vehicle; 65], ..transport() }),
            "the notice names 65 vehicles",
        ),
        of(
            "transport-over-before-it-begins",
            Kind::Transport,
            raw(&Transport { window: reversed, ..transport() }),
            "the statement has a window that ends before it begins",
        ),
        of(
            "airspace-over-before-it-begins",
            Kind::Transport,
            raw(&Transport { airspace: reversed, ..transport() }),
            "the statement has a window that ends before it begins",
        ),
        of(
            "go-over-before-it-begins",
            Kind::Go,
            raw(&Go { version: 1, round, window: reversed }),
            "the statement has a window that ends before it begins",
        ),
        of(
            "notice-of-a-line-twice",
            Kind::TransferNotice,
            raw(&TransferNotice { lines: vec![2, 2], ..transfer_notice() }),
            "lines are named twice or out of order",
        ),
        of(
            "notice-of-leg-129",
            Kind::TransferNotice,
            raw(&TransferNotice { leg: 128, ..transfer_notice() }),
            "there is no leg 129 in any offer",
        ),
        of(
            "breach-by-lines-out-of-order",
            Kind::Breach,
            raw(&Breach { lines: vec![2, 1], ..breach() }),
            "lines are named twice or out of order",
        ),
        of(
            "breach-of-condition-65",
            Kind::Breach,
            raw(&Breach { condition: 64, ..breach() }),
            "there is no condition 65 in any offer",
        ),
        lines("lines-of-leg-129", no_record, about(Subject::Listed { leg: 128, line: 0 })),
        lines(
            "lines-of-somebody-without-a-name",
            no_record,
            about(Subject::Unlisted { leg: 0, who: unnamed }),
        ),
        of("lines-without-a-list", Kind::Lines, raw(&said), "0 lists came with a body that names 1"),
        Defect {
            lists: vec![said_list],
            ..of(
                "lines-of-another-root",
                Kind::Lines,
                raw(&LinesBody { lines: ListRoot { root: Digest([0; 32]), lines: 4 }, ..said }),
                "list 1 is not the list",
            )
        },
    ]
}

fn line(out: &mut String, word: &str, name: &str, kind: Kind, bytes: &[u8], lists: &[List]) {
    let _ = write!(
        out,
        "{word} {name} {} {}",
        kind.number(),
        if bytes.is_empty() { "-".into() } else { hex(bytes) }
    );
    for list in lists {
        // The seed stands first in a list's own encoding.
        let seed = &truceline::codec::encode(list, 1 << 20).unwrap()[..32];
        let lines: Vec<_> = list.lines().iter().map(|line| hex(line)).collect();
        let _ = write!(out, " {}:{}", hex(seed), lines.join(","));
    }
    out.push('\n');
}

#[test]
fn bodies_are_what_they_were() {
    let mut now = String::new();
    for (name, content, lists) in bodies() {
        line(&mut now, "body", name, content.kind(), &content.encode().unwrap(), &lists);
    }
    for Defect { name, kind, bytes, lists, .. } in refused() {
        line(&mut now, "refused", name, kind, &bytes, &lists);
    }
    if std::env::var_os("TRUCELINE_PRINT").is_some() {
        print!("{now}");
    }
    assert!(
        now == include_str!("vectors/deal_bodies.txt"),
        "a frozen body changed: TRUCELINE_PRINT=1 shows them"
    );
}

#[test]
fn frozen_bodies_parse_and_encode_back_and_defects_are_refused() {
    let mut counts = (0, 0);
    for vector in include_str!("vectors/deal_bodies.txt").lines() {
        let parts: Vec<_> = vector.split(' ').collect();
        let kind = Kind::from_number(parts[2].parse().unwrap()).unwrap();
        let bytes = if parts[3] == "-" { Vec::new() } else { unhex(parts[3]).unwrap() };
        let list = |part: &&str| {
            let (seed, lines) = part.split_once(':').unwrap();
            let lines =
                lines.split(',').filter(|line| !line.is_empty()).map(|line| unhex(line).unwrap()).collect();
            list_of(unhex(seed).unwrap().try_into().unwrap(), lines)
        };
        let lists: Vec<_> = parts[4..].iter().map(list).collect();
        let parsed = Body::parse(kind, &bytes, &lists);
        if parts[0] == "body" {
            assert_eq!(parsed.unwrap().encode().unwrap(), bytes, "{}", parts[1]);
            counts.0 += 1;
        } else {
            assert!(parsed.is_err(), "{} was accepted", parts[1]);
            counts.1 += 1;
        }
    }
    assert_eq!(counts, (bodies().len(), refused().len()));
}

#[test]
fn each_defect_is_refused_for_its_own_reason() {
    for Defect { name, kind, bytes, lists, reason } in refused() {
        let found = Body::parse(kind, &bytes, &lists).unwrap_err().to_string();
        assert!(found.starts_with(reason), "{name}: {found}");
    }
}

#[test]
fn a_body_past_its_limit_is_refused_before_it_is_signed_and_when_it_comes() {
    let (mut body, lists) = full_offer();
    let long = text(&"ж".repeat(4_000));
    let guarantor = Guarantor {
        name: long.clone(),
        part: Part::Witness,
        duty: Some(long.clone()),
        sight: Sight::Nothing,
    };
    body.terms.guarantors = vec![guarantor; 16];
    let bytes = raw(&body);
    assert!(bytes.len() < BODY_BYTES_MAX && Body::parse(Kind::Offer, &bytes, &lists).is_ok());
    body.terms.remarks = Some(long);
    let (bytes, offer) = (raw(&body), Offer::join(body, &lists).unwrap());
    assert!(bytes.len() > BODY_BYTES_MAX, "{}", bytes.len());
    let refused = Content::Offer(Box::new(offer)).encode().unwrap_err().to_string();
    assert!(refused.contains(&format!("takes {} bytes; at most 262144 are allowed: shorten", bytes.len())));
    assert!(
        Body::parse(Kind::Offer, &bytes, &lists).unwrap_err().to_string().contains("where at most 262144")
    );
}

/// A body with every line of its lists shown.
fn in_part(body: &impl bincode::Encode, lists: &[List]) -> PartSaid {
    let shown = |list: &List| PartList {
        root: list.root(),
        lines: (0..list.root().lines).map(|at| list.show(at).unwrap()).collect(),
    };
    PartSaid { salt: [0; 32], body: raw(body), lists: lists.iter().map(shown).collect() }
}

#[test]
fn lines_that_are_shown_of_an_offer_are_read_by_the_leg_that_names_their_list() {
    let (mut body, lists) = full_offer();
    let all = leg(Role::Joiner, Category::SeriouslyWounded, Quantity::All { least: 3 });
    body.terms.legs.push(Leg { except: Some(2), ..all });
    let lists = [&lists[..], &[list(3, &[person()])]].concat();
    body.lists = lists.iter().map(List::root).collect();
    let good = in_part(&body, &lists);
    let Shown::Offer(_, records) = Shown::parse(Kind::Offer, &good).unwrap() else { panic!() };
    let places: Vec<_> = records.iter().map(|it| (it.leg, it.line, it.excepted)).collect();
    assert_eq!(places, [(0, 0, false), (2, 0, false), (3, 0, true)]);
    assert_eq!(records.iter().map(|it| it.record.clone()).collect::<Vec<_>>(), [person(), bag(), person()]);
    let refused = |change: fn(&mut PartSaid)| {
        let mut other = good.clone();
        change(&mut other);
        Shown::parse(Kind::Offer, &other).map(drop).unwrap_err()
    };
    let fewer = refused(|it| drop(it.lists.pop()));
    assert_eq!(fewer, BodyError::ListCount { found: 2, named: 3 });
    assert_eq!(refused(|it| it.lists[1].root.lines += 1), BodyError::ListMismatch(2));
    let malformed = BodyError::LineMalformed { list: 2, line: 1 };
    assert_eq!(refused(|it| it.lists[1].lines[0].line = person().encode_line().unwrap()), malformed);
    assert_eq!(refused(|it| it.lists[1].lines[0].line.truncate(3)), malformed);
}

#[test]
fn lines_that_are_shown_of_a_handover_name_a_leg_that_an_offer_can_have() {
    let line = |leg: usize| HandoverLine {
        subject: Subject::Counted { leg: leg as u16, number: 5 },
        ..handover_lines().remove(0)
    };
    let shown = |leg: usize| {
        let (body, list) = lines_of(&[line(0), line(leg)]);
        Shown::parse(Kind::Lines, &in_part(&body, &[list]))
    };
    let Ok(Shown::Lines(_, lines)) = shown(LEGS_MAX - 1) else { panic!() };
    assert_eq!(lines, [(0, line(0)), (1, line(LEGS_MAX - 1))]);
    assert_eq!(shown(LEGS_MAX).map(drop), Err(BodyError::LineMalformed { list: 1, line: 2 }));
}

#[test]
fn what_would_be_refused_is_not_written() {
    let window = Some(Window { from: window().to, to: window().from });
    let go = Content::Go(Go { version: 1, round: Round::default(), window });
    assert!(go.encode().unwrap_err().to_string().ends_with("give an end later than the begin"));
}

#[test]
fn a_transport_notice_names_as_many_vehicles_as_its_limit_says() {
    let vehicle = Vehicle { mark: text("A"), description: None };
    let of = |count| Content::Transport(Transport { vehicles: vec![vehicle.clone(); count], ..transport() });
    assert_eq!([64, 65].map(|count| of(count).encode().is_ok()), [true, false]);
}
