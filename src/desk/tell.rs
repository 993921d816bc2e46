//! What statements say, in words: one line for a log, all of it for the officer who opens one.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Lines, Offer};
use crate::deal::handover::{
    Breach, Cause, HandoverLine, Outcome, Remedy, Round, Subject, TransferNotice, Transport,
};
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::persons;
use crate::desk::screen::{count, day_and_time, field, list_of, paragraphs, plain, short, time};
use crate::desk::terms::{condition_text, numbers, offer_text, offer_title, window_text};
use crate::officer::view::Shown;
use crate::statement::kind::Kind;
use crate::statement::receipt::Read;
use crate::statement::renewal::Renewal;
use crate::time::UnixMillis;
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
        Some(Kind::Renewal) => "renews",
        Some(Kind::Transport) => "movement",
        Some(Kind::TransportAcknowledged) => "informed",
        Some(Kind::TransferNotice) => "transfer",
        Some(Kind::BreachAnswered) => "answered",
        Some(kind) => kind.name(),
    }
}

/// A statement in one line of harmless text.
#[must_use]
pub fn line(shown: &Shown<'_>) -> String {
    let header = &shown.header;
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
        (Some(Kind::Renewal), None) => renewal_line(shown),
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

fn renewal_line(shown: &Shown<'_>) -> String {
    let statement = shown.statement().ok();
    let renewal = statement.and_then(|it| Renewal::of(&it.header, &it.said));
    let Some(renewal) = renewal else { return "a renewal that cannot be read".to_owned() };
    let [inviter, joiner] = renewal.chains.map(|cited| cited.count);
    format!("takes the place of channel {} after {inviter} and {joiner} statements", short(&renewal.channel))
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
        Content::Lock(it) => format!("the lists of version {}", it.version),
        Content::Transport(it) => transport_line(it),
        Content::TransportAcknowledged(it) => format!("transport notice {}", short(&it.notice)),
        Content::Ready(it) => format!("version {}, {}", it.version, round_text(it.round)),
        Content::Go(it) => {
            let window = it.window.map(|window| format!(", until {}", time(window.to)));
            format!("version {}, {}{}", it.version, round_text(it.round), window.unwrap_or_default())
        }
        Content::Suspend(it) => {
            let reason = it.reason.as_ref().map(|reason| format!(": {}", plain(reason.as_str())));
            format!("version {}, {}{}", it.version, round_text(it.round), reason.unwrap_or_default())
        }
        Content::Lines(it) => lines_line(it),
        Content::Closed(it) => {
            let remark = it.remark.as_ref().map(|remark| format!(": {}", plain(remark.as_str())));
            format!("the lines of version {} are complete{}", it.version, remark.unwrap_or_default())
        }
        Content::TransferNotice(it) => format!(
            "{} of leg {} of offer {} to {}",
            some_lines(&it.lines),
            u32::from(it.leg) + 1,
            short(&it.offer),
            plain(it.country.as_str())
        ),
        Content::Breach(it) => format!(
            "condition {} of offer {}: {}",
            u32::from(it.condition) + 1,
            short(&it.offer),
            plain(it.facts.as_str())
        ),
        Content::BreachAnswered(it) => {
            with_reason(&format!("{} to", it.answer), &it.breach, it.text.as_ref())
        }
    }
}

/// Lines of a list, or all of it.
fn some_lines(lines: &[u32]) -> String {
    match lines {
        [] => "all".to_owned(),
        lines => format!("line {}", numbers(lines)),
    }
}

/// A round as people count it: how often it was broken off before.
#[must_use]
pub fn round_text(round: Round) -> String {
    match (round.opener, round.other) {
        (0, 0) => "first round".to_owned(),
        (opener, 0) => format!("broken off before: {} by the opener", times(opener)),
        (0, other) => format!("broken off before: {} by the other", times(other)),
        (opener, other) => {
            format!("broken off before: {} by the opener, {} by the other", times(opener), times(other))
        }
    }
}

fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => format!("{many} times"),
    }
}

fn transport_line(it: &Transport) -> String {
    let persons = it.persons.map(|persons| format!(", {}", count(persons.into(), "person", "persons")));
    let from = it.window.map(|window| format!(", from {}", time(window.from)));
    format!("version {} {}{}{}", it.version, it.mode, persons.unwrap_or_default(), from.unwrap_or_default())
}

fn lines_line(it: &Lines) -> String {
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    for line in it.lines() {
        let number = match line.subject {
            Subject::Counted { number, .. } => number.into(),
            Subject::Listed { .. } | Subject::Unlisted { .. } => 1,
        };
        *outcomes.entry(line.outcome).or_default() += number;
    }
    let told: Vec<String> = outcomes.iter().map(|(outcome, number)| format!("{number} {outcome}")).collect();
    format!("version {}: {}", it.body().version, told.join(", "))
}

/// Content in full. `agreed` is the offer that it is about, where there is one: persons on its lists are then named.
#[must_use]
pub fn content_text(content: &Content, names: &Names, agreed: Option<&Offer>, full: bool) -> String {
    let about = |name: &str, id: &Digest| field(name, FIELD, &short(id));
    let version = |version: u32| field("version", FIELD, &version.to_string());
    let words = |text: Option<&Text>| {
        text.map(|text| format!("\n{}", paragraphs(text.as_str(), 2))).unwrap_or_default()
    };
    let moment =
        |name: &str, at: Option<UnixMillis>| at.map(|at| field(name, FIELD, &time(at))).unwrap_or_default();
    let round = |round: Round| field("round", FIELD, &round_text(round));
    match content {
        Content::Note(note) => paragraphs(note.text.as_str(), 2),
        Content::Offer(offer) => offer_text(offer, names) + &lists_text(offer, names, full),
        Content::Withdraw(it) => about("offer", &it.offer) + &words(it.reason.as_ref()),
        Content::Reject(it) => about("offer", &it.offer) + &words(it.reason.as_ref()),
        Content::Accept(it) => {
            about("offer", &it.offer)
                + &moment("held until", Some(it.hold_until))
                + &words(it.remark.as_ref())
        }
        Content::Confirm(it) => about("acceptance", &it.acceptance),
        Content::Lapse(it) => about("acceptance", &it.acceptance) + &words(it.reason.as_ref()),
        Content::Standby(it) => moment("until", it.until) + &words(it.reason.as_ref()),
        Content::Query(it) => {
            it.about.map(|id| about("about", &id)).unwrap_or_default()
                + &moment("answer by", it.answer_by)
                + &words(Some(&it.text))
        }
        Content::Answer(it) => {
            about("query", &it.query) + &field("answer", FIELD, it.reply.text()) + &words(it.text.as_ref())
        }
        Content::Lock(it) => version(it.version) + &field("lists", FIELD, &it.lists.hex()),
        Content::Transport(it) => transport_text(it),
        Content::TransportAcknowledged(it) => about("notice", &it.notice),
        Content::Ready(it) => version(it.version) + &round(it.round),
        Content::Go(it) => {
            version(it.version)
                + &round(it.round)
                + &it.window.map(|window| field("window", FIELD, &window_text(window))).unwrap_or_default()
        }
        Content::Suspend(it) => version(it.version) + &round(it.round) + &words(it.reason.as_ref()),
        Content::Lines(it) => version(it.body().version) + "\n" + &outcomes_text(it.lines(), agreed),
        Content::Closed(it) => version(it.version) + &words(it.remark.as_ref()),
        Content::TransferNotice(it) => transfer_text(it, agreed),
        Content::Breach(it) => breach_text(it, agreed),
        Content::BreachAnswered(it) => {
            about("breach", &it.breach) + &field("answer", FIELD, it.answer.text()) + &words(it.text.as_ref())
        }
    }
}

/// The lists of an offer: who is given, and who is not.
fn lists_text(offer: &Offer, names: &Names, full: bool) -> String {
    let mut out = String::new();
    for (leg, number) in offer.legs().iter().zip(1..) {
        for (what, lines) in [("gives", offer.lines(leg)), ("does not give", offer.exceptions(leg))] {
            if !lines.is_empty() {
                out.push_str(&format!("\nLeg {number}: {} {what}\n", names.name(leg.giver)));
                out.push_str(&if full { persons::in_full(lines, names) } else { persons::in_table(lines) });
            }
        }
    }
    out
}

fn transport_text(it: &Transport) -> String {
    let mut facts = vec![("version", it.version.to_string()), ("by", it.mode.text().to_owned())];
    facts.extend(it.vehicles.iter().map(|vehicle| {
        let looks = vehicle.description.as_ref().map(|text| format!(": {}", plain(text.as_str())));
        ("vehicle", format!("{}{}", plain(vehicle.mark.as_str()), looks.unwrap_or_default()))
    }));
    facts.extend(it.persons.map(|persons| ("persons", persons.to_string())));
    facts.extend(it.corridor.map(|at| ("corridor", (u32::from(at) + 1).to_string())));
    facts.extend(it.route.as_ref().map(|route| ("route", plain(route.as_str()))));
    facts.extend(it.window.map(|window| ("moves", window_text(window))));
    facts.extend(it.airspace.map(|window| ("airspace", format!("free {}", window_text(window)))));
    let mut out: String = facts.iter().map(|(name, text)| field(name, FIELD, text)).collect();
    if let Some(remark) = &it.remark {
        out.push_str(&format!("\n{}", paragraphs(remark.as_str(), 2)));
    }
    out
}

/// Persons of a whole leg that are named one by one, at most.
const NAMED_MAX: usize = 12;

/// Whom a leg's lines are about, by name where the offer is known.
fn persons_named(leg: u16, lines: &[u32], agreed: Option<&Offer>) -> String {
    let listed = |offer: &Offer| Some(offer.lines(offer.legs().get(usize::from(leg))?).len());
    let listed = agreed.and_then(listed).filter(|listed| lines.is_empty() && *listed > 0);
    if let Some(listed) = listed {
        let all: Vec<u32> = (0u32..).take(listed).collect();
        let (shown, rest) = all.split_at(listed.min(NAMED_MAX));
        let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
        return format!("all of {}{more}", persons_named(leg, shown, agreed));
    }
    let named: Vec<String> = lines
        .iter()
        .map(|line| {
            let name = agreed.and_then(|offer| persons::listed(offer, leg, *line));
            format!("{}{}", u64::from(*line) + 1, name.map(|name| format!(" ({name})")).unwrap_or_default())
        })
        .collect();
    let leg = u32::from(leg) + 1;
    if named.is_empty() {
        format!("leg {leg}, all of it")
    } else {
        format!("leg {leg}, line {}", list_of(&named))
    }
}

fn transfer_text(it: &TransferNotice, agreed: Option<&Offer>) -> String {
    let mut facts = vec![
        ("offer", short(&it.offer)),
        ("persons", persons_named(it.leg, &it.lines, agreed)),
        ("country", plain(it.country.as_str())),
    ];
    facts.extend(it.on.map(|on| ("on", on.to_string())));
    facts.extend(it.accommodation.as_ref().map(|text| ("accommodated", plain(text.as_str()))));
    facts.extend(it.reason.as_ref().map(|text| ("reason", plain(text.as_str()))));
    facts.iter().map(|(name, text)| field(name, FIELD, text)).collect()
}

fn breach_text(it: &Breach, agreed: Option<&Offer>) -> String {
    let condition = agreed.and_then(|offer| offer.body().terms.conditions.get(usize::from(it.condition)));
    let told = condition.map(|condition| format!(": {}", condition_text(condition)));
    let mut facts = vec![
        ("offer", short(&it.offer)),
        ("condition", format!("{}{}", u32::from(it.condition) + 1, told.unwrap_or_default())),
    ];
    if let (Some(condition), false) = (condition, it.lines.is_empty()) {
        facts.push(("by", persons_named(condition.leg, &it.lines, agreed)));
    } else {
        facts.push(("by", if it.lines.is_empty() { "not known".to_owned() } else { some_lines(&it.lines) }));
    }
    facts.extend(it.on.map(|on| ("on", on.to_string())));
    facts.push(("asked", it.remedy.text().to_owned()));
    facts.extend(it.answer_by.map(|at| ("answer by", time(at))));
    let facts: String = facts.iter().map(|(name, text)| field(name, FIELD, text)).collect();
    format!("{facts}\n{}", paragraphs(it.facts.as_str(), 2))
}

/// Handover lines as a table: about whom, what became of them, and what is said of it.
#[must_use]
pub fn outcomes_text(lines: &[HandoverLine], agreed: Option<&Offer>) -> String {
    let rows: Vec<Vec<String>> = lines.iter().map(|line| outcome_row(line, agreed).to_vec()).collect();
    persons::headed(&[7, 26, 19, 22], &["line", "who", "outcome", "more"], &rows)
}

/// A handover line: its place, about whom, what became of them, and what is said of it.
#[must_use]
pub fn outcome_row(line: &HandoverLine, agreed: Option<&Offer>) -> [String; 4] {
    let (place, who) = match &line.subject {
        Subject::Listed { leg, line } => {
            let name = agreed.and_then(|offer| persons::listed(offer, *leg, *line));
            (format!("{}.{}", u32::from(*leg) + 1, u64::from(*line) + 1), name.unwrap_or_default())
        }
        Subject::Counted { leg, number } => {
            (format!("{}", u32::from(*leg) + 1), format!("{number} of the leg, not named"))
        }
        Subject::Unlisted { leg, who } => {
            (format!("{}", u32::from(*leg) + 1), format!("{}, on no list", persons::name(who)))
        }
    };
    let mut more: Vec<String> = Vec::new();
    if line.outcome != Outcome::Delivered || line.cause != Cause::Unknown {
        more.push(format!("cause {}", line.cause));
    }
    if line.remedy != Remedy::None {
        let by = line.deadline.map(|at| format!(" by {}", time(at)));
        more.push(format!("asked: {}{}", line.remedy, by.unwrap_or_default()));
    }
    more.extend(line.detail.as_ref().map(|text| plain(text.as_str())));
    more.extend(line.evidence.as_ref().map(|text| format!("shown by {}", plain(text.as_str()))));
    [place, who, line.outcome.text().to_owned(), more.join("; ")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_no_list_has_are_counted_from_one_all_the_same() {
        let last = Subject::Listed { leg: u16::MAX, line: u32::MAX };
        let line = HandoverLine {
            subject: last,
            outcome: Outcome::Died,
            cause: Cause::Unknown,
            detail: None,
            evidence: None,
            remedy: Remedy::None,
            deadline: None,
        };
        let table = outcomes_text(&[line], None);
        assert!(table.contains("65536.") && !table.contains("65536.0"), "{table}");
        assert_eq!(persons_named(0, &[u32::MAX], None), "leg 1, line 4294967296");
    }
}
