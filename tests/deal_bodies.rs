//! Frozen bodies: `tests/vectors/deal_bodies.txt` holds what each is on the wire, and what is refused by the name
//! of its defect. Each line: `body NAME KIND HEX [SEED:LINE,LINE…]…` or `refused DEFECT KIND HEX […]`; after the
//! body, the lists that travel beside it. `TRUCELINE_PRINT=1` prints what the file should hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write;
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::deal::body::{
    Accept, Answer, Body, Confirm, Content, Lapse, Note, Offer, OfferBody, Query, Reject, Reply, Standby,
    Withdraw,
};
use truceline::deal::date::PartialDate;
use truceline::deal::person::{
    Commission, Consent, Evidence, Health, Judicial, Line, Name, Person, Romanised, Sex, Source, Status, Wish,
};
use truceline::deal::remains::{Extent, Remains};
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use truceline::deal::word::Text;
use truceline::party::role::Role;
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
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

fn bodies() -> Vec<(&'static str, Content, Vec<List>)> {
    let id = Digest([7; 32]);
    let reason = Some(text("why"));
    let (full, lists) = full_offer();
    let mut cancel = offer_body(Vec::new(), &[]);
    (cancel.base, cancel.parent, cancel.valid_until) = (1, None, None);
    let offer = |body, lists: &[List]| Content::Offer(Box::new(Offer::join(body, lists).unwrap()));
    vec![
        ("note", Content::Note(Note { text: text("Добрый день") }), vec![]),
        ("offer-of-lists-and-counts", offer(full, &lists), lists),
        ("offer-that-cancels", offer(cancel, &[]), vec![]),
        ("withdraw", Content::Withdraw(Withdraw { offer: id, reason: None }), vec![]),
        ("reject", Content::Reject(Reject { offer: id, reason: reason.clone() }), vec![]),
        ("accept", Content::Accept(Accept { offer: id, hold_until: UnixMillis(1), remark: None }), vec![]),
        ("confirm", Content::Confirm(Confirm { acceptance: id }), vec![]),
        ("lapse", Content::Lapse(Lapse { acceptance: id, reason: reason.clone() }), vec![]),
        ("standby", Content::Standby(Standby { until: Some(UnixMillis(2)), reason }), vec![]),
        ("query", Content::Query(Query { about: Some(id), text: text("who?"), answer_by: None }), vec![]),
        ("answer", Content::Answer(Answer { query: id, reply: Reply::Told, text: Some(text("he")) }), vec![]),
    ]
}

/// A body as bincode writes it, with nothing checked.
fn raw(body: &OfferBody) -> Vec<u8> {
    truceline::codec::encode(&(1u8, body), 1 << 20).unwrap()
}

fn refused() -> Vec<(&'static str, Kind, Vec<u8>, Vec<List>)> {
    let (good, lists) = full_offer();
    let with = |change: &dyn Fn(&mut OfferBody)| {
        let mut body = good.clone();
        change(&mut body);
        raw(&body)
    };
    let note = |text: &[u8]| {
        let mut bytes = vec![1];
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text);
        bytes
    };
    let confirm = |tail: &[u8]| [&[1][..], &[7; 32], tail].concat();
    let swapped = vec![lists[1].clone(), lists[0].clone()];
    let unnamed = {
        let Line::Person(mut person) = person() else { unreachable!() };
        person.name = Name { surname: None, first_names: None, patronymic: None };
        person.aliases.clear();
        vec![list(1, &[Line::Person(person)]), lists[1].clone()]
    };
    let of_bags = vec![list(1, &[bag()]), lists[1].clone()];
    let torn = vec![List::new([1; 32], vec![vec![0, 0, 0, 0, 1]]).unwrap(), lists[1].clone()];
    let none = vec![list(1, &[]), lists[1].clone()];
    let holding = |lists: &[List]| raw(&offer_body(good.terms.legs.clone(), lists));
    let mut late_status = raw(&good);
    // The body's firmness: after format, base and parent.
    late_status[1 + 4 + 33] = 2;
    let offer = Kind::Offer;
    vec![
        ("no-bytes", Kind::Note, vec![], vec![]),
        ("format-2", Kind::Confirm, [&[2][..], &[7; 32]].concat(), vec![]),
        ("trailing-byte", Kind::Confirm, confirm(&[0]), vec![]),
        ("cut-short", Kind::Confirm, confirm(&[])[..32].to_vec(), vec![]),
        ("text-empty", Kind::Note, note(b""), vec![]),
        ("text-not-utf-8", Kind::Note, note(&[0xc3, 0x28]), vec![]),
        ("text-of-4001-characters", Kind::Note, note(&[b'a'; 4_001]), vec![]),
        ("option-byte-2", Kind::Withdraw, confirm(&[2]), vec![]),
        ("lists-beside-a-confirm", Kind::Confirm, confirm(&[]), lists.clone()),
        ("kind-of-no-deal", Kind::Acknowledgement, confirm(&[]), vec![]),
        ("firmness-2", offer, late_status, lists.clone()),
        ("list-missing", offer, raw(&good), lists[..1].to_vec()),
        ("lists-swapped", offer, raw(&good), swapped),
        ("list-of-another-root", offer, with(&|body| body.lists[0].root = Digest([0; 32])), lists.clone()),
        ("list-of-another-length", offer, with(&|body| body.lists[0].lines = 2), lists.clone()),
        ("list-named-by-no-leg", offer, with(&|body| body.terms.legs.truncate(2)), lists.clone()),
        ("list-index-out-of-order", offer, with(&|body| body.terms.legs.swap(0, 2)), lists.clone()),
        ("list-empty", offer, holding(&none), none),
        ("line-not-a-record", offer, holding(&torn), torn),
        ("person-without-a-name", offer, holding(&unnamed), unnamed),
        ("remains-where-persons-belong", offer, holding(&of_bags), of_bags),
        ("given-to-itself", offer, with(&|body| body.terms.legs[1].receiver = Role::Joiner), lists.clone()),
        (
            "counts-nobody",
            offer,
            with(&|body| body.terms.legs[1].quantity = Quantity::Count(0)),
            lists.clone(),
        ),
        ("nothing-offered-on-version-0", offer, raw(&offer_body(vec![], &[])), vec![]),
        (
            "legs-129",
            offer,
            raw(&offer_body(vec![leg(Role::Inviter, Category::Child, Quantity::Count(1)); 129], &[])),
            vec![],
        ),
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
    for (defect, kind, bytes, lists) in refused() {
        line(&mut now, "refused", defect, kind, &bytes, &lists);
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
    let reason = |name: &str| {
        let (_, kind, bytes, lists) = refused().into_iter().find(|(defect, ..)| *defect == name).unwrap();
        Body::parse(kind, &bytes, &lists).unwrap_err().to_string()
    };
    assert!(reason("format-2").starts_with("the body has format 2"));
    assert!(reason("trailing-byte").contains("1 bytes follow the value"));
    assert!(reason("list-missing").starts_with("1 lists came with a body that names 2"));
    assert!(reason("lists-swapped").starts_with("list 1 is not the list"));
    assert!(reason("list-empty").starts_with("list 1 has no line"));
    assert!(reason("person-without-a-name").starts_with("line 1 of list 1 is not a record"));
    assert!(reason("remains-where-persons-belong").starts_with("line 1 of list 1 is not a record"));
    assert!(reason("legs-129").starts_with("the terms have 129 legs"));
    assert!(reason("list-named-by-no-leg").starts_with("a list belongs to no leg"));
    assert!(reason("nothing-offered-on-version-0").starts_with("the offer has no leg"));
    assert!(reason("kind-of-no-deal").contains("acknowledgement carries no part"));
}
