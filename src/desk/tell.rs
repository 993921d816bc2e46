//! What statements say, in words: one line for a log, all of it for the officer who opens one.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::terms::{Category, Leg, Quantity, Selection, Substitution};
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::persons;
use crate::desk::screen::{count, day_and_time, field, list_of, paragraphs, plain, short, time};
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::statement::receipt::Read;
use std::collections::BTreeMap;

/// Columns of the names of fields.
pub const FIELD: usize = 14;

/// The kind as the log has it: at most eight letters.
#[must_use]
pub fn kind_word(kind: u16) -> &'static str {
    match Kind::from_number(kind) {
        None => "unknown",
        Some(Kind::Acknowledgement) => "receipt",
        Some(Kind::WordsConfirmed) => "words",
        Some(Kind::ForkNotice) => "fork",
        Some(kind) => kind.name(),
    }
}

/// A statement in one line of harmless text.
#[must_use]
pub fn line(shown: &Shown<'_>) -> String {
    let header = shown.header;
    match (Kind::from_number(header.kind), shown.content()) {
        (None, _) => format!("a statement of kind {}, which this program does not know", header.kind),
        (_, Some(Ok(content))) => content_line(&content),
        (_, Some(Err(_))) => "a body that cannot be read".to_owned(),
        (Some(Kind::Acknowledgement), None) => match header.peer_count.checked_sub(1) {
            Some(last) => format!("has all up to #{last}"),
            None => "has nothing yet".to_owned(),
        },
        (Some(Kind::Read), None) => read_line(shown),
        (Some(Kind::WordsConfirmed), None) => "the safety words agree".to_owned(),
        (Some(Kind::Relays), None) => "other relays from now on".to_owned(),
        (Some(_), None) => "two statements at one place of the other's chain".to_owned(),
    }
}

fn read_line(shown: &Shown<'_>) -> String {
    let statement = shown.statement().ok();
    let read = statement.and_then(|it| Read::decode(&it.said.body, shown.header.peer_count).ok());
    let Some(read) = read else { return "a receipt that cannot be read".to_owned() };
    let numbers: Vec<String> = read.sequences.iter().map(|sequence| format!("#{sequence}")).collect();
    format!("has read {}", list_of(&numbers))
}

fn with_reason(what: &str, id: &Digest, reason: Option<&Text>) -> String {
    let reason = reason.map(|reason| format!(": {}", plain(reason.as_str()))).unwrap_or_default();
    format!("{what} {}{reason}", short(id))
}

/// Content in one line of harmless text.
#[must_use]
pub fn content_line(content: &Content) -> String {
    match content {
        Content::Note(note) => plain(note.text.as_str()),
        Content::Offer(offer) => {
            let answers = offer.body().parent.map(|parent| format!(", to {}", short(&parent)));
            format!("{}{}", offer_title(offer), answers.unwrap_or_default())
        }
        Content::Withdraw(it) => with_reason("offer", &it.offer, it.reason.as_ref()),
        Content::Reject(it) => with_reason("offer", &it.offer, it.reason.as_ref()),
        Content::Accept(it) => format!("offer {} until {}", short(&it.offer), day_and_time(it.hold_until).0),
        Content::Confirm(it) => format!("acceptance {}", short(&it.acceptance)),
        Content::Lapse(it) => with_reason("acceptance", &it.acceptance, it.reason.as_ref()),
        Content::Standby(it) => {
            let until =
                it.until.map_or_else(|| "asks for time".to_owned(), |until| format!("until {}", time(until)));
            it.reason.as_ref().map_or(until.clone(), |reason| format!("{until}: {}", plain(reason.as_str())))
        }
        Content::Query(it) => plain(it.text.as_str()),
        Content::Answer(it) => with_reason(&format!("{} to", it.reply), &it.query, it.text.as_ref()),
        _ => String::new(),
    }
}

/// An offer in a few words, from its author's side: `40 persons for 40 persons`.
#[must_use]
pub fn offer_title(offer: &Offer) -> String {
    let Some(first) = offer.legs().first() else { return format!("cancels version {}", offer.body().base) };
    // The legs tell who gives; the author is not in the body, so the first giver stands first.
    let giver = first.giver;
    let of = |role: Role| {
        let given = offer.given_by(role);
        list_of(
            &given.into_iter().map(|(category, number)| category_count(category, number)).collect::<Vec<_>>(),
        )
    };
    let (gives, gets) = (of(giver), of(giver.other()));
    if gets.is_empty() { format!("{gives} for nothing in return") } else { format!("{gives} for {gets}") }
}

/// So many of a category.
#[must_use]
pub fn category_count(category: Category, number: u64) -> String {
    let many = match category {
        Category::Person => "persons",
        Category::PrisonerOfWar => "prisoners of war",
        Category::RetainedMedical => "retained medical personnel",
        Category::RetainedReligious => "retained chaplains",
        Category::CivilianInternee => "civilian internees",
        Category::CivilianUnclassified => "unclassified civilians",
        Category::Child => "children",
        Category::WoundedOrSick => "wounded or sick",
        Category::SeriouslyWounded => "seriously wounded",
        Category::Remains => "remains",
    };
    count(number, category.text(), many)
}

fn leg_text(offer: &Offer, leg: &Leg, number: usize, names: &Names) -> String {
    let named = if matches!(leg.quantity, Quantity::List(_)) { ", by name" } else { "" };
    let chosen = match leg.selection {
        Selection::Holder => "chosen by the holder",
        Selection::Receiver => "chosen by the receiver",
        Selection::Mutual => "chosen by both",
        Selection::Mediator => "chosen by a mediator",
        Selection::ByRule => "chosen by rule",
    };
    let substitution = match leg.substitution {
        Substitution::None => "nobody else instead",
        Substitution::SameCategory => "others of the same category may come instead",
        Substitution::ByAgreement => "others may come instead by agreement",
    };
    let tolerance = match leg.tolerance {
        0 => String::new(),
        tolerance => format!("; {tolerance} more or fewer still fulfil it"),
    };
    let text = format!(
        "{} gives {}{named}; {chosen}; {substitution}{tolerance}",
        names.name(leg.giver),
        category_count(leg.category, u64::from(offer.number(leg))),
    );
    let mut out = field(&format!("leg {number}"), FIELD, &text);
    for (what, counts) in tallies(offer, leg) {
        let counts: Vec<String> = counts.iter().map(|(word, number)| format!("{number} {word}")).collect();
        out.push_str(&field("", FIELD, &format!("{what}: {}", counts.join(", "))));
    }
    out
}

/// How many persons of a leg's list share a status and a state of health, where there is more than one such group
/// or it says something.
#[must_use]
pub fn tallies(offer: &Offer, leg: &Leg) -> Vec<(&'static str, BTreeMap<&'static str, u32>)> {
    let status = offer.tally(leg, |person| person.status.text());
    let health = offer.tally(leg, |person| person.health.text());
    let told = |counts: &BTreeMap<&str, u32>| counts.keys().any(|word| *word != "unknown");
    [("status", status), ("health", health)].into_iter().filter(|(_, counts)| told(counts)).collect()
}

/// An offer's terms in full, without its lists.
#[must_use]
pub fn offer_text(offer: &Offer, names: &Names) -> String {
    let body = offer.body();
    let mut out = field("terms", FIELD, &format!("{} ({})", offer_title(offer), body.firmness));
    let base = match body.base {
        0 => "none yet: it would become version 1".to_owned(),
        base => format!("version {base}: it would become version {}", base + 1),
    };
    out.push_str(&field("on", FIELD, &base));
    if let Some(parent) = body.parent {
        out.push_str(&field("answers", FIELD, &format!("offer {}", short(&parent))));
    }
    if let Some(until) = body.valid_until {
        out.push_str(&field("valid until", FIELD, &time(until)));
    }
    for (leg, number) in offer.legs().iter().zip(1..) {
        out.push_str(&leg_text(offer, leg, number, names));
    }
    let named: usize = offer.legs().iter().map(|leg| offer.lines(leg).len()).sum();
    if named > 0 {
        out.push_str(&field("names", FIELD, &format!("{named} in all")));
    }
    if let Some(remarks) = &body.terms.remarks {
        out.push_str("\nRemarks, which do not bind:\n");
        out.push_str(&paragraphs(remarks.as_str(), 2));
    }
    out
}

/// Content in full.
#[must_use]
pub fn content_text(content: &Content, names: &Names, full: bool) -> String {
    let reasoned = |what: &str, id: &Digest, reason: Option<&Text>| {
        let mut out = field(what, FIELD, &short(id));
        if let Some(reason) = reason {
            out.push('\n');
            out.push_str(&paragraphs(reason.as_str(), 2));
        }
        out
    };
    match content {
        Content::Note(note) => paragraphs(note.text.as_str(), 2),
        Content::Offer(offer) => {
            let mut out = offer_text(offer, names);
            for (leg, number) in offer.legs().iter().zip(1..).filter(|(leg, _)| !offer.lines(leg).is_empty())
            {
                out.push_str(&format!("\nLeg {number}: {} gives\n", names.name(leg.giver)));
                let lines = offer.lines(leg);
                out.push_str(&if full { persons::in_full(lines, names) } else { persons::in_table(lines) });
            }
            out
        }
        Content::Withdraw(it) => reasoned("offer", &it.offer, it.reason.as_ref()),
        Content::Reject(it) => reasoned("offer", &it.offer, it.reason.as_ref()),
        Content::Accept(it) => {
            let mut out = field("held until", FIELD, &time(it.hold_until));
            out.insert_str(0, &reasoned("offer", &it.offer, None));
            out.push_str(
                &it.remark.as_ref().map(|remark| paragraphs(remark.as_str(), 2)).unwrap_or_default(),
            );
            out
        }
        Content::Confirm(it) => reasoned("acceptance", &it.acceptance, None),
        Content::Lapse(it) => reasoned("acceptance", &it.acceptance, it.reason.as_ref()),
        Content::Standby(it) => {
            let mut out = it.until.map(|until| field("until", FIELD, &time(until))).unwrap_or_default();
            out.push_str(
                &it.reason.as_ref().map(|reason| paragraphs(reason.as_str(), 2)).unwrap_or_default(),
            );
            out
        }
        Content::Query(it) => paragraphs(it.text.as_str(), 2),
        Content::Answer(it) => reasoned("query", &it.query, it.text.as_ref()),
        _ => String::new(),
    }
}
