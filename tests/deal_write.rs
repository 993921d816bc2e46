//! Proposals written and read back: whatever an offer says, the file that would make it again says the same, inline
//! or with its lists beside it, names to the byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use truceline::deal::body::{Content, Offer, OfferBody};
use truceline::deal::date::{Date, PartialDate};
use truceline::deal::import::{Draft, Sources, proposal_from_toml};
use truceline::deal::person::{
    Commission, Consent, Evidence, Health, Judicial, Line, Name, Person, Romanised, Sex, Source, Status, Wish,
};
use truceline::deal::pledge::{Condition, End, Frame, Guarantor, Obligation, Part, Sight};
use truceline::deal::remains::{Extent, Remains};
use truceline::deal::stage::{Abort, Corridor, Order, Place, Point, Stage, Window};
use truceline::deal::terms::{
    Ages, Category, Criteria, Firmness, Leg, Quantity, Rounding, Selection, Substitution, Terms,
};
use truceline::deal::terms_rules::{MOMENT_MAX, SPAN_SECS_MAX};
use truceline::deal::word::Text;
use truceline::deal::write::{proposal_to_files, proposal_to_toml};
use truceline::party::role::Role;
use truceline::statement::list::List;
use truceline::time::UnixMillis;

/// Texts that break what is careless: quotes, separators, blanks at the ends, line breaks, other scripts, characters
/// that combine, turn the direction or have no shape.
fn text() -> impl Strategy<Value = Text> {
    let odd = select(vec![
        "\"",
        "\\",
        ";",
        ",",
        "'",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "\u{a0}",
        "\u{feff}",
        "\u{202e}",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "и\u{306}",
        "й",
        "ʹ",
        "می\u{200c}خواهم",
        "𐍈",
        "#",
        "=",
        "\"\"\"",
        "]]",
        "..",
        "unknown",
    ]);
    let part = prop_oneof![3 => "\\PC{1,4}", 2 => odd.prop_map(str::to_owned)];
    let whole = vec(part, 1..4).prop_map(|parts| parts.concat());
    whole.prop_filter_map("a text is not blank", |text| Text::new(&text).ok())
}

fn word<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn date() -> impl Strategy<Value = Date> {
    (1u16..=9_999, of(1u8..=12), of(1u8..=28))
        .prop_map(|(year, month, day)| Date::new(year, month, month.and(day)).unwrap())
}

fn partial() -> impl Strategy<Value = PartialDate> {
    (date(), date()).prop_map(|(one, other)| {
        PartialDate::between(one.min(other), one.max(other)).unwrap_or(PartialDate::on(one))
    })
}

fn name() -> impl Strategy<Value = Name> {
    (of(text()), of(text()), of(text())).prop_map(|(surname, first_names, patronymic)| Name {
        surname,
        first_names,
        patronymic,
    })
}

fn person() -> impl Strategy<Value = Line> {
    let romanised = (name(), text()).prop_map(|(name, system)| Romanised { name, system });
    let evidence = (word(Source::ALL), partial()).prop_map(|(source, date)| Evidence { source, date });
    let words = (
        word(Sex::ALL),
        word(Status::ALL),
        word(Judicial::ALL),
        word(Health::ALL),
        word(Commission::ALL),
        word(Wish::ALL),
    );
    let texts = vec(of(text()), 12);
    (name(), vec(text(), 0..3), of(romanised), of(partial()), vec(evidence, 0..3), words, texts)
        .prop_filter_map(
            "a record is sound",
            |(name, aliases, romanised, birth_date, evidence, words, mut texts)| {
                let mut next = || texts.pop().flatten();
                let (sex, status, judicial, health, commission, wish) = words;
                let line = Line::Person(Box::new(Person {
                    name,
                    aliases,
                    romanised,
                    birth_date,
                    birth_place: next(),
                    sex,
                    nationality: next(),
                    power: next(),
                    service_number: next(),
                    rank: next(),
                    unit: next(),
                    occupation: next(),
                    father_first_name: next(),
                    mother_maiden_name: next(),
                    marks: next(),
                    status,
                    judicial,
                    health,
                    commission,
                    evidence,
                    consent: Consent { wish, asked_by: next() },
                }));
                line.is_sound().then_some(line)
            },
        )
}

fn bag() -> impl Strategy<Value = Line> {
    let side = of(select(&Role::BOTH[..]));
    (text(), of(partial()), word(Extent::ALL), side, vec(of(text()), 6)).prop_map(
        |(bag, date, extent, claimed_side, mut texts)| {
            let mut next = || texts.pop().flatten();
            Line::Remains(Remains {
                bag,
                place: next(),
                date,
                extent,
                claimed_identity: next(),
                disc: next(),
                dna_reference: next(),
                laboratory: next(),
                parent_bag: next(),
                claimed_side,
            })
        },
    )
}

fn moment() -> impl Strategy<Value = UnixMillis> {
    prop_oneof![0..=MOMENT_MAX.0, (0..=MOMENT_MAX.0 / 1_000).prop_map(|secs| secs * 1_000)]
        .prop_map(UnixMillis)
}

fn window() -> impl Strategy<Value = Window> {
    (moment(), moment()).prop_filter_map("a window has a span", |(one, other)| {
        (one != other).then(|| Window { from: one.min(other), to: one.max(other) })
    })
}

fn span() -> impl Strategy<Value = u64> {
    (1..=SPAN_SECS_MAX, select(vec![1, 60, 3_600, 86_400]))
        .prop_map(|(span, unit)| (span / unit).max(1) * unit)
}

fn point() -> impl Strategy<Value = Point> {
    (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000)
        .prop_map(|(latitude, longitude)| Point { latitude, longitude })
}

fn corridor() -> impl Strategy<Value = Corridor> {
    let points = prop_oneof![Just(Vec::new()), vec(point(), 2..5)];
    (text(), points, any::<u32>(), of(window())).prop_map(|(name, points, width, window)| Corridor {
        name,
        points,
        width,
        window,
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    let place = (text(), of(point())).prop_map(|(name, at)| Place { name, at });
    (
        of(text()),
        btree_set(0u8..4, 0..3),
        of(place),
        of(window()),
        of(0u8..3),
        word(Order::ALL),
        word(Abort::ALL),
    )
        .prop_map(|(name, after, place, window, corridor, order, abort)| Stage {
            name,
            after: after.into_iter().collect(),
            place,
            window,
            corridor,
            order,
            abort,
        })
}

fn criteria() -> impl Strategy<Value = Criteria> {
    let ages = (any::<u8>(), any::<u8>(), date()).prop_filter_map("a known day", |(one, other, on)| {
        on.day().map(|_| Ages { from: one.min(other), to: one.max(other), on })
    });
    let health = btree_set(word(Health::ALL), 0..3);
    let status = btree_set(word(Status::ALL), 0..3);
    (of(ages), health, status, of(word(Sex::ALL))).prop_filter_map(
        "asks something",
        |(ages, health, status, sex)| {
            let asked = ages.is_some() || !health.is_empty() || !status.is_empty() || sex.is_some();
            let (health, status) = (health.into_iter().collect(), status.into_iter().collect());
            asked.then_some(Criteria { ages, health, status, sex })
        },
    )
}

/// A leg, and its list or its exceptions; a ratio's leg and a stage are put right when all are known.
fn leg() -> impl Strategy<Value = (Leg, Vec<Line>, bool)> {
    let lines = any::<bool>().prop_flat_map(|bags| {
        let line = if bags { bag().boxed() } else { person().boxed() };
        (Just(bags), vec(line, 1..4))
    });
    let quantity = prop_oneof![
        3 => Just(Quantity::List(0)),
        1 => (1..=u32::MAX).prop_map(Quantity::Count),
        1 => (0..1_000u32, 1_000..=u32::MAX).prop_map(|(least, most)| Quantity::Estimate { least, most }),
        1 => any::<u32>().prop_map(|least| Quantity::All { least }),
        2 => (1..=u32::MAX, 1..=u32::MAX, 0u16..6, word(Rounding::ALL))
            .prop_map(|(give, per, leg, rounding)| Quantity::Ratio { give, per, leg, rounding }),
    ];
    let words = (word(Category::ALL), word(Selection::ALL), word(Substitution::ALL), select(&Role::BOTH[..]));
    let rest = (of(criteria()), of(text()), any::<u8>(), any::<u8>(), any::<u32>(), any::<bool>());
    (lines, quantity, words, rest).prop_map(|((bags, lines), quantity, words, rest)| {
        let (category, selection, substitution, giver) = words;
        let (criteria, third_country, stage, group, tolerance, except) = rest;
        let category = match (bags, category) {
            (true, _) => Category::Remains,
            (false, Category::Remains) => Category::Person,
            (false, category) => category,
        };
        let leg = Leg {
            giver,
            receiver: giver.other(),
            category,
            quantity,
            except: None,
            criteria: criteria.filter(|_| !bags),
            selection,
            substitution,
            tolerance,
            third_country: third_country.filter(|_| !bags),
            stage: Some(stage),
            group,
        };
        (leg, lines, except)
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let end = prop_oneof![
        span().prop_map(End::Seconds),
        moment().prop_map(End::Until),
        text().prop_map(End::Event)
    ];
    (0u16..6, btree_set(0u32..3, 0..3), word(Obligation::ALL), of(text()), end, of(text()), text()).prop_map(
        |(leg, lines, obligation, text, end, monitor, consequence)| Condition {
            leg,
            lines: lines.into_iter().collect(),
            obligation,
            text,
            end,
            monitor,
            consequence,
        },
    )
}

fn guarantor() -> impl Strategy<Value = Guarantor> {
    (text(), word(Part::ALL), of(text()), word(Sight::ALL)).prop_map(|(name, part, duty, sight)| Guarantor {
        name,
        part,
        duty,
        sight,
    })
}

/// An offer that keeps every rule: what was drawn at random is put right where it points nowhere.
fn offer() -> impl Strategy<Value = Offer> {
    let plan = (vec(corridor(), 0..3), vec(stage(), 0..4), vec(condition(), 0..3), vec(guarantor(), 0..3));
    let frame =
        of((moment(), prop_oneof![Just(0), span()]).prop_map(|(until, every)| Frame { until, every }));
    // Read back at the begin of time: a moment at which an offer stands must lie ahead of it.
    let head = (word(Firmness::ALL), of((1..=MOMENT_MAX.0).prop_map(UnixMillis)), of(text()));
    (vec(leg(), 1..6), plan, frame, head).prop_map(
        |(drawn, plan, frame, (firmness, valid_until, remarks))| {
            let (corridors, mut stages, conditions, guarantors) = plan;
            for (stage, at) in stages.iter_mut().zip(0..) {
                stage.after.retain(|before| *before < at);
                stage.corridor = stage.corridor.filter(|index| usize::from(*index) < corridors.len());
            }
            let plain: Vec<bool> =
                drawn.iter().map(|(leg, ..)| !matches!(leg.quantity, Quantity::Ratio { .. })).collect();
            let (mut legs, mut lists) = (Vec::new(), Vec::new());
            for ((mut leg, mut lines, except), at) in drawn.into_iter().zip(0..) {
                leg.stage = leg.stage.filter(|_| !stages.is_empty()).map(|stage| stage % stages.len() as u8);
                if let Quantity::Ratio { leg: other, .. } = &mut leg.quantity {
                    match plain.iter().enumerate().find(|(index, plain)| **plain && *index != at) {
                        Some((index, _)) => *other = index as u16,
                        None => leg.quantity = Quantity::Count(1),
                    }
                }
                let index = lists.len() as u16;
                let named = matches!(leg.quantity, Quantity::List(_));
                if named {
                    leg.quantity = Quantity::List(index);
                } else if except {
                    leg.except = Some(index);
                }
                if named || except {
                    let mut seen = std::collections::BTreeSet::new();
                    lines.retain(|line| seen.insert(line.encode_line().unwrap()));
                    let lines = lines.iter().map(|line| line.encode_line().unwrap()).collect();
                    lists.push(List::new([at as u8; 32], lines).unwrap());
                }
                legs.push(leg);
            }
            let fits = |mut condition: Condition| {
                let leg: &Leg = legs.get(usize::from(condition.leg))?;
                match leg.quantity {
                    Quantity::List(list) => {
                        let count = lists[usize::from(list)].lines().len();
                        condition.lines.retain(|line| (*line as usize) < count);
                    }
                    _ => condition.lines.clear(),
                }
                (leg.category != Category::Remains).then_some(condition)
            };
            let conditions = conditions.into_iter().filter_map(fits).collect();
            let terms = Terms { legs, stages, corridors, conditions, guarantors, frame, remarks };
            let roots = lists.iter().map(List::root).collect();
            let body =
                OfferBody { base: 0, parent: None, frame: None, firmness, valid_until, terms, lists: roots };
            Offer::join(body, &lists).unwrap()
        },
    )
}

fn read(text: &str, me: Role, files: &[(String, String)]) -> Draft {
    let files: BTreeMap<_, _> = files.iter().map(|(name, csv)| (name.as_str(), csv)).collect();
    let mut list = |name: &str| files.get(name).map(|csv| csv.as_bytes().to_vec()).ok_or("none".to_owned());
    let mut seed = || [9; 32];
    let sources = &mut Sources { me, now: UnixMillis(0), list: &mut list, seed: &mut seed };
    proposal_from_toml(text, sources).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What an offer says besides the salts of its lists.
fn said(offer: &Offer) -> (Firmness, Option<UnixMillis>, Terms, Vec<Vec<Line>>) {
    let lines =
        offer.legs().iter().flat_map(|leg| [offer.lines(leg).to_vec(), offer.exceptions(leg).to_vec()]);
    let body = offer.body();
    (body.firmness, body.valid_until, body.terms.clone(), lines.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn what_is_written_reads_back_the_same(offer in offer(), me in select(&Role::BOTH[..])) {
        let (toml, files) = proposal_to_files(&offer, me);
        for (text, files) in [(proposal_to_toml(&offer, me), Vec::new()), (toml, files)] {
            let again = read(&text, me, &files).offer(0, None).unwrap();
            let Content::Offer(again) = again else { unreachable!() };
            prop_assert_eq!(said(&again), said(&offer), "{}", text);
        }
    }
}
