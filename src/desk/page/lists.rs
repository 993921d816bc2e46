//! Lists on a page: persons and remains of offers, and what became of whom. Each is bounded, and says how many are left
//! out. May not know a case.

use crate::deal::body::Offer;
use crate::deal::handover::HandoverLine;
use crate::deal::person::{Line, Person};
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::page::model::{Disclosed, Part};
use crate::desk::page::text::{foreign, line, more, paragraphs, table};
use crate::desk::persons;
use crate::desk::tell::outcome_row;
use crate::desk::terms::offer_facts;
use maud::{Markup, html};

/// Rows of one list, at most.
const ROWS_MAX: usize = 60;

fn text(text: Option<&Text>) -> Markup {
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
        text(person.service_number.as_ref()),
        html! { (words.join(", ")) },
    ]
}

fn bag_row(number: u64, record: &Line) -> Option<Vec<Markup>> {
    let bag = record.remains()?;
    let date = bag.date.map(|date| date.to_string()).unwrap_or_default();
    Some(vec![
        html! { (number) },
        foreign(bag.bag.as_str()),
        html! { (text(bag.place.as_ref())) @if !date.is_empty() { br; small { (date) } } },
        html! { (bag.extent.text()) },
        text(bag.claimed_identity.as_ref()),
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

/// An offer's terms and its lists.
pub fn offer(offer: &Offer, disclosed: &[Disclosed], names: &Names) -> Markup {
    let whose = |giver, excepted: bool, leg: usize| {
        let verb = if excepted { "does not give" } else { "gives" };
        html! { "Leg " (leg) ": " (line(names.name(giver))) " " (verb) }
    };
    html! {
        (crate::desk::page::text::facts(&offer_facts(offer, names)))
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

/// What became of whom, as one side says.
pub fn outcomes(caption: &Markup, lines: &[HandoverLine], agreed: Option<&Offer>) -> Markup {
    let (shown, rest) = lines.split_at(lines.len().min(ROWS_MAX));
    let rows: Vec<Vec<Markup>> = shown
        .iter()
        .map(|said| {
            let [place, who, outcome, beside] = outcome_row(said, agreed);
            vec![html! { (place) }, foreign(&who), html! { (outcome) }, line(&beside)]
        })
        .collect();
    html! { (table(caption, &["line", "who", "outcome", "more"], &rows)) (more(rest.len(), "lines")) }
}

/// What was disclosed of a body.
pub fn part(part: &Part, names: &Names) -> Markup {
    match part {
        Part::Offer(offer, disclosed) => self::offer(offer, disclosed, names),
        Part::Lines(version, of, lines) => {
            let said: Vec<HandoverLine> = lines.iter().map(|(_, said)| said.clone()).collect();
            let caption =
                html! { (said.len()) " of " (of) " handover lines of version " (version) " were disclosed" };
            outcomes(&caption, &said, None)
        }
    }
}
