//! Lists on a page: persons and remains of offers, and what became of whom. Each is bounded, and says how many are left
//! out. May not know a case.

use crate::deal::body::Offer;
use crate::deal::handover::{self, HandoverLine, Subject};
use crate::deal::person::{Line, Person};
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::page::model::{Disclosed, Part};
use crate::desk::page::text::{self, foreign, line, more, paragraphs, table};
use crate::desk::persons;
use crate::desk::tell::outcome_row;
use crate::desk::terms::offer_facts;
use crate::party::role::Role;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Rows of one list, at most.
const ROWS_MAX: usize = 60;

fn known_text(text: Option<&Text>) -> Markup {
    text.map(|text| foreign(text.as_str())).unwrap_or_default()
}

/// What is known of a state or a status: nothing where that says nothing.
fn known(word: &'static str) -> &'static str {
    if word == "unknown" { "" } else { word }
}

fn person_row(number: u64, person: &Person, record: &Line) -> Vec<Markup> {
    let romanised = person.romanised.as_ref().map(|it| it.name.to_string());
    let birth = person.birth_date.map(|date| date.to_string()).unwrap_or_default();
    let words = [known(person.status.text()), known(person.health.text())];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    vec![
        html! { (number) },
        html! {
            (foreign(&persons::name(record)))
            @if let Some(romanised) = romanised { br; small { (foreign(&romanised)) } }
        },
        html! { span.nowrap { (birth) } },
        known_text(person.service_number.as_ref()),
        html! { (words.join(", ")) },
    ]
}

fn bag_row(number: u64, record: &Line) -> Option<Vec<Markup>> {
    let bag = record.remains()?;
    let date = bag.date.map(|date| date.to_string()).unwrap_or_default();
    Some(vec![
        html! { (number) },
        foreign(bag.bag.as_str()),
        html! { (known_text(bag.place.as_ref())) @if !date.is_empty() { br; small { (date) } } },
        html! { (bag.extent.text()) },
        known_text(bag.claimed_identity.as_ref()),
    ])
}

/// Records with their numbers in the list, persons and bags each in a table of their own.
fn records(caption: &Markup, records: &[(u64, &Line)]) -> Markup {
    let (shown, rest) = records.split_at(records.len().min(ROWS_MAX));
    let persons: Vec<Vec<Markup>> = shown
        .iter()
        .filter_map(|(number, record)| Some(person_row(*number, record.person()?, record)))
        .collect();
    let bags: Vec<Vec<Markup>> =
        shown.iter().filter_map(|(number, record)| bag_row(*number, record)).collect();
    html! {
        @if !persons.is_empty() { (table(caption, &["line", "name", "born", "number", "status, health"], &persons)) }
        @if !bags.is_empty() { (table(caption, &["line", "bag", "recovered", "extent", "said to be"], &bags)) }
        (more(rest.len(), "lines"))
    }
}

/// An offer's terms and its lists. Of one that is sealed it is told elsewhere what it stands on.
pub fn offer(offer: &Offer, disclosed: &[Disclosed], is_sealed: bool, names: &Names) -> Markup {
    let mut facts = offer_facts(offer, names);
    facts.retain(|(name, _)| !(is_sealed && name == "on"));
    let whose = |giver, excepted: bool, leg: usize| {
        let verb = if excepted { "does not give" } else { "gives" };
        html! { "Leg " (leg) ": " (line(names.name(giver))) " " (verb) }
    };
    html! {
        (text::facts(&facts))
        @if let Some(remarks) = &offer.body().terms.remarks {
            div.remarks { p.note { "Remarks, which do not bind:" } (paragraphs(remarks.as_str())) }
        }
        @for (leg, number) in offer.legs().iter().zip(1usize..) {
            @for (excepted, all) in [(false, offer.lines(leg)), (true, offer.exceptions(leg))] {
                @let all: Vec<(u64, &Line)> = (1u64..).zip(all).collect();
                @if !all.is_empty() { (records(&whose(leg.giver, excepted, number), &all)) }
                @let some = shown(disclosed, number, excepted);
                @if !some.is_empty() {
                    (records(&html! { (whose(leg.giver, excepted, number)) ": the lines that were disclosed" }, &some))
                }
            }
        }
    }
}

/// The disclosed lines of a leg, which is counted from 1.
fn shown(disclosed: &[Disclosed], leg: usize, excepted: bool) -> Vec<(u64, &Line)> {
    let of = |it: &&Disclosed| usize::from(it.leg) + 1 == leg && it.excepted == excepted;
    disclosed.iter().filter(of).map(|it| (u64::from(it.line) + 1, &it.record)).collect()
}

/// One subject of handover lines: what each side says of it last.
struct Outcome {
    place: String,
    who: String,
    said: [Option<(String, String)>; 2],
    as_listed: bool,
}

/// The sides' lines, one row a subject, in the order of the lists: a later line takes the place of an earlier one.
fn outcome_rows(said: [&[HandoverLine]; 2], agreed: Option<&Offer>) -> Vec<Outcome> {
    let mut rows: BTreeMap<(u16, u8, u32, String), Outcome> = BTreeMap::new();
    for (side, lines) in said.iter().enumerate() {
        for line in *lines {
            let [place, who, outcome, beside] = outcome_row(line, agreed);
            let (kind, at, about) = match &line.subject {
                Subject::Listed { line, .. } => (0, *line, String::new()),
                Subject::Unlisted { .. } => (1, 0, who.clone()),
                Subject::Counted { .. } => (2, 0, outcome.clone()),
            };
            let new = || Outcome { place, who, said: [None, None], as_listed: true };
            let row = rows.entry((line.subject.leg(), kind, at, about)).or_insert_with(new);
            if let Some(place) = row.said.get_mut(side) {
                *place = Some((outcome, beside));
            }
        }
    }
    let both = said.iter().all(|lines| !lines.is_empty());
    let delivered = handover::Outcome::Delivered.text();
    for row in rows.values_mut() {
        let is_delivered = |said: &Option<(String, String)>| match said {
            Some((outcome, beside)) => outcome == delivered && beside.is_empty(),
            None => !both,
        };
        row.as_listed = row.said.iter().all(is_delivered);
    }
    rows.into_values().collect()
}

/// What became of whom, as each side says: first whoever did not come as listed, or of whom the sides speak differently.
pub fn outcomes(said: [&[HandoverLine]; 2], agreed: Option<&Offer>, names: &Names) -> Markup {
    let (listed, other): (Vec<Outcome>, Vec<Outcome>) =
        outcome_rows(said, agreed).into_iter().partition(|row| row.as_listed);
    let [inviter, joiner] = Role::BOTH.map(|role| names.name(role));
    let cell = |said: &Option<(String, String)>| match said {
        Some((outcome, beside)) => {
            html! { (outcome) @if !beside.is_empty() { br; small { (line(beside)) } } }
        }
        None => html! { span.none { "nothing" } },
    };
    let told = |caption: &str, rows: &[Outcome]| {
        let (shown, rest) = rows.split_at(rows.len().min(ROWS_MAX));
        let rows: Vec<Vec<Markup>> = shown
            .iter()
            .map(|row| {
                let [inviter, joiner] = &row.said;
                vec![html! { (row.place) }, foreign(&row.who), cell(inviter), cell(joiner)]
            })
            .collect();
        html! {
            @if !rows.is_empty() {
                (table(&html! { (caption) }, &["line", "who", inviter, joiner], &rows))
                (more(rest.len(), "lines"))
            }
        }
    };
    html! {
        (told("Not as listed, or the sides differ", &other))
        (told("As listed", &listed))
    }
}

/// What was disclosed of a body by `author`.
pub fn part(part: &Part, author: Role, names: &Names) -> Markup {
    match part {
        Part::Offer(offer, disclosed) => self::offer(offer, disclosed, false, names),
        Part::Lines(version, of, lines) => {
            let said: Vec<HandoverLine> = lines.iter().map(|(_, said)| said.clone()).collect();
            let sides: [&[HandoverLine]; 2] = match author {
                Role::Inviter => [&said, &[]],
                Role::Joiner => [&[], &said],
            };
            html! {
                p.note { (said.len()) " of " (of) " handover lines of version " (version) " were disclosed." }
                (outcomes(sides, None, names))
            }
        }
    }
}
