//! Statements and their receipts as tables, the same in words as the timeline draws. May not know a case but as the place
//! of a statement.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::desk::names::Names;
use crate::desk::page::lists;
use crate::desk::page::model::{Body, Book, Part, Source, Told};
use crate::desk::page::text::{heading, id, line, paragraphs, table, when, when_if};
use crate::desk::page::timeline::is_drawn;
use crate::desk::receipts::DELIVERY_WITHIN;
use crate::desk::screen::{cut, span};

use crate::desk::tell::content_line;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::{Millis, UnixMillis};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Rows of a table, at most: the newest.
const ROWS_MAX: usize = 150;
/// Characters of one note, at most.
const NOTE_CHARS: usize = 600;

fn kind(told: &Told) -> &'static str {
    Kind::from_number(told.header.kind).map_or("unknown", Kind::name)
}

/// The statement that an answer answers.
fn answered(content: &Content) -> Option<Digest> {
    match content {
        Content::Offer(it) => it.body().parent,
        Content::Accept(it) => Some(it.offer),
        Content::Reject(it) => Some(it.offer),
        Content::Confirm(it) => Some(it.acceptance),
        Content::Answer(it) => Some(it.query),
        Content::TransportAcknowledged(it) => Some(it.notice),
        Content::BreachAnswered(it) => Some(it.breach),
        _ => None,
    }
}

/// The other side's first answer to each statement.
fn answers(book: &Book) -> BTreeMap<Digest, &Told> {
    let mut answers = BTreeMap::new();
    for told in book.statements.iter().filter(|told| book.void(told).is_none()) {
        let asked = told.content().and_then(|content| answered(&content));
        let asked =
            asked.and_then(|id| book.get(&id)).filter(|asked| asked.header.author != told.header.author);
        if let Some(asked) = asked {
            answers.entry(asked.id).or_insert(told);
        }
    }
    answers
}

/// The newest of what is told, and how many are left out.
fn newest<T>(all: Vec<T>) -> (usize, Vec<T>) {
    let mut all = all;
    let left = all.len().saturating_sub(ROWS_MAX);
    (left, all.split_off(left))
}

fn left_out(left: usize) -> Markup {
    html! { @if left > 0 { p.more { "The " (left) " before these are not shown on this page" } } }
}

/// A span in few words.
fn late(took: Millis) -> String {
    if took < Millis::minutes(1) { "< 1 min".to_owned() } else { span(took) }
}

/// How late something came after what it answers.
fn after(from: Option<UnixMillis>, at: Option<UnixMillis>) -> Markup {
    html! {
        (when_if(at))
        @if let (Some(from), Some(at)) = (from, at) { br; small { "after " (late(at.since(from))) } }
    }
}

/// Whether a relay has had it longer than a delivery takes.
fn is_withheld(told: &Told, now: UnixMillis) -> bool {
    let late = told.receipts.deposited.is_some_and(|at| at.plus(DELIVERY_WITHIN) <= now);
    late && told.receipts.delivered.is_none()
}

/// What became of each statement whose receipts are known: of the own side's in a vault.
pub fn receipts(book: &Book, source: &Source, made: UnixMillis) -> Markup {
    let kept = |told: &&Told| is_drawn(told) && told.receipts.stored.is_some();
    let (left, told) = newest(book.statements.iter().filter(kept).collect());
    if told.is_empty() {
        return html! { p.more { "No receipts are known here." } };
    }
    let answers = answers(book);
    let rows: Vec<Vec<Markup>> = told
        .iter()
        .map(|told| {
            let it = &told.receipts;
            let answer = answers.get(&told.id);
            vec![
                html! { (kind(told)) br; (id(&told.id)) },
                when_if(it.stored),
                html! { (when_if(it.deposited)) @if it.deposit_signed { br; small { "signed by the relay" } } },
                html! {
                    (after(it.stored, it.delivered))
                    @if is_withheld(told, made) { br; span.wrong { "withheld or unreachable" } }
                },
                after(it.stored, it.read),
                html! {
                    @if let Some(answer) = answer { (kind(answer)) " " (id(&answer.id)) br; small { (when(answer.header.clock)) } }
                    @else { span.none { "–" } }
                },
            ]
        })
        .collect();
    let whose = match (source, book.view) {
        (Source::Vault, Some(me)) => format!("What became of the statements of {}", book.names().name(me)),
        _ => "What became of the statements".to_owned(),
    };
    html! {
        p.note {
            @match source {
                Source::Vault => "“Deposited” is a relay’s word by its clock; “delivered” and “read” are the other side’s, under its signature, timed when they came.",
                Source::File(_) => "“Deposited” is a relay’s word by its clock; “delivered” and “read” are the other side’s, under its signature.",
            }
        }
        (left_out(left))
        (table(&line(&whose), &["statement", "stored", "deposited", "delivered", "read", "answered"], &rows))
    }
}

/// Every statement but receipts, in the order of the transcript.
pub fn statements(book: &Book) -> Markup {
    let (left, told) = newest(book.statements.iter().filter(|told| is_drawn(told)).collect());
    let names = book.names();
    let rows: Vec<Vec<Markup>> = told
        .iter()
        .map(|told| {
            let void = book.void(told);
            vec![
                html! { (id(&told.id)) br; small { "#" (told.header.sequence) } },
                html! { span.who.(crate::desk::page::case::side(told.header.author)) { (line(names.name(told.header.author))) } },
                html! { (when(told.header.clock)) br; small { "acknowledged " (when_if(told.receipts.delivered)) } },
                html! {
                    strong.kind { (kind(told)) } " "
                    @if let Some(void) = void { span.fate.wrong { "void: " (line(&void)) } " " }
                    (said(told))
                },
            ]
        })
        .collect();
    html! {
        (left_out(left))
        (table(&html! { "Statements, receipts left out" }, &["statement", "by", "said", "what"], &rows))
    }
}

fn said(told: &Told) -> Markup {
    match &told.body {
        Body::Whole(Content::Note(note)) => paragraphs(&cut(note.text.as_str(), NOTE_CHARS)),
        Body::Whole(content) => line(&cut(&content_line(content), NOTE_CHARS)),
        Body::Part(_) => html! { "some lines of its lists were disclosed" },
        Body::Withheld => html! { span.none { "not disclosed; its place is proven" } },
        Body::Other(text) | Body::Unreadable(text) => line(text),
    }
}

/// What was disclosed in part, where no case tells of it.
pub fn parts(book: &Book, names: &Names, level: u8) -> Markup {
    let in_case = |told: &Told| {
        let case = book.ledger.as_ref().and_then(|ledger| ledger.case(&book.case_of(told)?));
        case.is_some_and(|case| case.offers().any(|offer| offer.id == told.id))
    };
    let in_part = book.statements.iter().filter_map(|told| match &told.body {
        Body::Part(Part::Offer(..)) if in_case(told) => None,
        Body::Part(part) => Some((told, part)),
        _ => None,
    });
    html! {
        @for (told, part) in in_part {
            (heading(level, &html! { (kind(told)) " " (id(&told.id)) " of " (line(names.name(told.header.author))) }))
            (lists::part(part, told.header.author, names))
        }
    }
}

/// How many statements are words of their authors: inviter's, joiner's.
pub fn spoken(book: &Book) -> [usize; 2] {
    Role::BOTH.map(|role| {
        book.statements.iter().filter(|told| told.header.author == role && is_drawn(told)).count()
    })
}
