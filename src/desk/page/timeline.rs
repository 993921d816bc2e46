//! The timeline as a picture: two lanes, one a party; each statement an arrow from the one to the other, with when it was
//! said and when it was acknowledged. What is drawn is bounded, and what is left out is told. May not know a case.

use crate::deal::body::Content;
use crate::desk::page::model::{Body, Book, Part, Told};
use crate::desk::page::text::{line, when};
use crate::desk::screen::{cut, day_and_time, plain, short};
use crate::desk::tell::content_line;
use crate::desk::terms::offer_title;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use maud::{Markup, html};

/// Statements drawn, at most: the first, and the last.
const FIRST: usize = 24;
const LAST: usize = 120;
/// Rows of one picture: it stands whole on a sheet of paper.
const ROWS_MAX: usize = 20;
/// Columns of a label: with the widest of fonts they stand between the lanes.
const LABEL: usize = 40;

/// Columns of a party's name.
const NAME: usize = 20;

const WIDTH: u32 = 400;
const LANES: [u32; 2] = [58, 342];
const HEADER: u32 = 26;
const STATEMENT: u32 = 34;
const DAY: u32 = 22;

/// The shape of a mark: what sort of statement it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Words,
    Offer,
    Decision,
    Handover,
    Alarm,
}

impl Mark {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Words, "words, questions, answers"),
        (Self::Offer, "an offer"),
        (Self::Decision, "accept, confirm, reject, withdraw, lapse"),
        (Self::Handover, "handover"),
        (Self::Alarm, "breach, transfer, suspension, or void"),
    ];

    const fn of(kind: Option<Kind>) -> Self {
        match kind {
            Some(Kind::Offer) => Self::Offer,
            Some(Kind::Withdraw | Kind::Reject | Kind::Accept | Kind::Confirm | Kind::Lapse) => {
                Self::Decision
            }
            Some(
                Kind::Lock
                | Kind::Transport
                | Kind::TransportAcknowledged
                | Kind::Ready
                | Kind::Go
                | Kind::Lines
                | Kind::Closed,
            ) => Self::Handover,
            None | Some(Kind::ForkNotice | Kind::Suspend | Kind::TransferNotice | Kind::Breach) => {
                Self::Alarm
            }
            Some(_) => Self::Words,
        }
    }

    fn draw(self, x: u32, y: u32) -> Markup {
        let (left, right, above, below) = (x.saturating_sub(5), x + 5, y.saturating_sub(5), y + 5);
        html! {
            @match self {
                Self::Words => circle cx=(x) cy=(y) r="4" {},
                Self::Offer => path d={ "M" (x) " " (above - 1) "L" (right + 1) " " (y) "L" (x) " " (below + 1) "L" (left - 1) " " (y) "z" } {},
                Self::Decision => rect x=(x - 4) y=(y - 4) width="8" height="8" {},
                Self::Handover => path d={ "M" (x) " " (above) "L" (right) " " (below - 1) "H" (left) "z" } {},
                Self::Alarm => path.cross d={ "M" (left) " " (above) "L" (right) " " (below) "M" (left) " " (below) "L" (right) " " (above) } {},
            }
        }
    }
}

enum Row<'a> {
    Day(String),
    Statement(&'a Told),
    Gap(String),
}

impl Row<'_> {
    const fn height(&self) -> u32 {
        match self {
            Self::Statement(_) => STATEMENT,
            Self::Day(_) | Self::Gap(_) => DAY,
        }
    }
}

/// Whether a statement is a word of its author's: not a receipt, which the other's arrow shows.
pub fn is_drawn(told: &Told) -> bool {
    !Kind::from_number(told.header.kind).is_some_and(Kind::is_receipt)
}

fn rows<'a>(all: &[&'a Told]) -> Vec<Row<'a>> {
    let (head, tail) = if all.len() > FIRST + LAST { (FIRST, LAST) } else { (all.len(), 0) };
    let left = all.len() - head - tail;
    let mut rows = Vec::new();
    let mut day = String::new();
    for (at, told) in all.iter().enumerate() {
        if at == head && left > 0 {
            rows.push(Row::Gap(format!("{left} statements are not drawn")));
            day.clear();
        }
        if (head..head + left).contains(&at) {
            continue;
        }
        let of = day_and_time(told.header.clock).0;
        if of != day {
            rows.push(Row::Day(of.clone()));
            day = of;
        }
        rows.push(Row::Statement(told));
    }
    rows
}

/// The timeline of a book's statements.
pub fn timeline(book: &Book) -> Markup {
    let all: Vec<&Told> = book.statements.iter().filter(|told| is_drawn(told)).collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return html! { p.more { "Nothing was said yet." } };
    };
    let rows = rows(&all);
    let parts = rows.len().div_ceil(ROWS_MAX);
    let part_rows = rows.len().div_ceil(parts);
    html! {
        figure.timeline {
            @for (at, part) in rows.chunks(part_rows).enumerate() {
                (picture(book, part, (at + 1, parts)))
            }
            figcaption {
                p {
                    (all.len()) " statements, " (when(first.header.clock)) " to " (when(last.header.clock))
                    ", by their authors' clocks; receipts are not counted. Beside each arrow stand when it was said, and when the other side "
                    "had acknowledged it. An arrow that breaks off was not acknowledged as far as this page knows."
                }
                ul.legend {
                    @for (mark, name) in Mark::ALL {
                        li { svg viewBox="0 0 16 16" aria-hidden="true" { (mark.draw(8, 8)) } (name) }
                    }
                }
            }
        }
    }
}

fn picture(book: &Book, rows: &[Row<'_>], (part, parts): (usize, usize)) -> Markup {
    let height = HEADER + rows.iter().map(Row::height).sum::<u32>() + 6;
    let said = rows.iter().filter(|row| matches!(row, Row::Statement(_))).count();
    let [left, right] = Role::BOTH.map(|role| cut(&plain(&book.party(role).name), NAME));
    let [inviter, joiner] = LANES;
    let placed = rows.iter().scan(HEADER, |y, row| {
        let at = *y;
        *y += row.height();
        Some((at, row))
    });
    html! {
        svg role="img" viewBox={ "0 0 " (WIDTH) " " (height) } {
            title { "Timeline, part " (part) " of " (parts) ": " (line(&left)) " on the left, " (line(&right)) " on the right" }
            desc { (said) " statements as arrows from one side to the other; the table of statements tells the same in words." }
            text.lane.a x=(inviter) y="14" { (left) }
            text.lane.b.end x=(joiner) y="14" { (right) }
            line.lane.a x1=(inviter) y1=(HEADER - 4) x2=(inviter) y2=(height) {}
            line.lane.b x1=(joiner) y1=(HEADER - 4) x2=(joiner) y2=(height) {}
            @for (y, row) in placed {
                @match row {
                    Row::Day(day) => { text.day x=(WIDTH / 2) y=(y + 14) { (day) } },
                    Row::Gap(gap) => { text.gap x=(WIDTH / 2) y=(y + 14) { (gap) } },
                    Row::Statement(told) => (arrow(book, told, y)),
                }
            }
        }
    }
}

/// One statement: its label above an arrow, its times on both sides.
fn arrow(book: &Book, told: &Told, top: u32) -> Markup {
    let author = told.header.author;
    let (side, from, to) = match (author, LANES) {
        (Role::Inviter, [left, right]) => ("a", left, right),
        (Role::Joiner, [left, right]) => ("b", right, left),
    };
    let is_void = book.void(told).is_some();
    let kind = Kind::from_number(told.header.kind);
    let mark = if is_void { Mark::Alarm } else { Mark::of(kind) };
    let y = top + 22;
    let rightward = from < to;
    let inward = |x: u32, by: u32| if rightward { x + by } else { x - by };
    let outward = |x: u32, by: u32| if rightward { x - by } else { x + by };
    let delivered = told.receipts.delivered;
    let end = if delivered.is_some() { outward(to, 2) } else { outward(to, 90) };
    let name = kind.map_or("unknown", Kind::name);
    let void = if is_void { " (void)" } else { "" };
    let label =
        cut(&format!("{} {}", short(&told.id), beside(told)), LABEL.saturating_sub(name.len() + void.len()));
    html! {
        g class={ (side) @if is_void { " void" } } {
            text.label.end[!rightward] x=(inward(from, 12)) y=(top + 13) {
                tspan.kind { (name) (void) } " " (label)
            }
            line.arrow.open[delivered.is_none()] x1=(inward(from, 6)) y1=(y) x2=(end) y2=(y) {}
            @if delivered.is_some() {
                path.head d={ "M" (end) " " (y) "L" (outward(end, 7)) " " (y - 3) "V" (y + 3) "z" } {}
            }
            (mark.draw(from, y))
            text.time.end[rightward] x=(outward(from, 8)) y=(y + 3) { (clock(told.header.clock)) }
            @if let Some(at) = delivered {
                text.time.seen.end[!rightward] x=(inward(to, 6)) y=(y + 3) { (seen(told.header.clock, at)) }
            }
        }
    }
}

/// What a label says beside kind and id: only the program's own words, for a picture cannot keep foreign ones apart.
fn beside(told: &Told) -> String {
    match &told.body {
        Body::Whole(Content::Offer(offer)) | Body::Part(Part::Offer(offer, _)) => offer_title(offer),
        Body::Whole(Content::Accept(it)) => format!("offer {}", short(&it.offer)),
        Body::Whole(
            content @ (Content::Confirm(_)
            | Content::Lock(_)
            | Content::TransportAcknowledged(_)
            | Content::Ready(_)
            | Content::Go(_)
            | Content::Lines(_)),
        ) => content_line(content),
        _ => String::new(),
    }
}

/// The time of day, in UTC as all are.
fn clock(at: UnixMillis) -> String {
    day_and_time(at).1.trim_end_matches('Z').to_owned()
}

/// When it was acknowledged: the time of day, or the day where it is another.
fn seen(said: UnixMillis, at: UnixMillis) -> String {
    let ((day, _), (of, _)) = (day_and_time(said), day_and_time(at));
    if day == of { clock(at) } else { of.split_once('-').map_or(of.clone(), |(_, rest)| rest.to_owned()) }
}
