//! The family embargo: nothing about a person may be told until the receiver's signed line says that they crossed.
//! What the giver says, what was agreed, and what was seen do not count.

use crate::crypto::digest::Digest;
use crate::deal::body::Offer;
use crate::deal::handover::{Outcome, Subject};
use crate::deal::history::History;
use crate::deal::identity::{Likeness, likeness};
use crate::deal::person::Line;
use crate::party::role::Role;
use crate::time::UnixMillis;
use std::collections::BTreeSet;

/// The receiver's signed line on a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The statement that holds the line.
    pub statement: Digest,
    /// Who received.
    pub receiver: Role,
    /// When.
    pub at: UnixMillis,
}

/// What may be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayTell {
    /// That the person crossed.
    Crossed(Signed),
    /// Nothing: no sealed agreement lists the person.
    NotAgreed,
    /// Nothing: sealed agreements list several whom it may be, or have them given by either side.
    Unclear,
    /// Nothing: the receiver has signed no line on the person.
    NoLine,
    /// Nothing: the receiver's line says something else than that the person crossed as listed.
    Not(Signed, Outcome),
}

/// What may be told about the person in `line`: by the receiver's last line on them in the latest sealed version that
/// lists them. Listed several times there, each must say that they crossed. Where it is not certain who is meant,
/// nothing.
#[must_use]
pub fn may_tell(history: &History<'_>, line: &Line) -> MayTell {
    let mut latest: Option<Listing> = None;
    let mut ways = BTreeSet::new();
    for case in history.ledger.cases() {
        for (at, version, (_, offer)) in history.versions(&case) {
            let rows = rows_of(offer, line);
            ways.extend(rows.iter().filter(|row| row.likeness == Likeness::Same).map(|row| row.giver));
            if !rows.is_empty() && latest.as_ref().is_none_or(|it| it.at < at) {
                latest = Some(Listing { at, case: case.id(), version, rows });
            }
        }
    }
    let Some(latest) = latest else { return MayTell::NotAgreed };
    let mut answer = MayTell::Unclear;
    if ways.len() > 1 {
        return answer;
    }
    for row in latest.rows.iter().filter(|row| row.likeness == Likeness::Same) {
        let place = (&latest.case, latest.version);
        answer = match receivers_line(history, place, row.giver.other(), row.place) {
            Some((signed, Outcome::Delivered)) => MayTell::Crossed(signed),
            Some((signed, outcome)) => return MayTell::Not(signed, outcome),
            None => return MayTell::NoLine,
        };
    }
    answer
}

/// A sealed version that lists the person, or somebody who may be the person.
struct Listing {
    /// When it was agreed, as a place among all statements.
    at: usize,
    case: Digest,
    version: u32,
    rows: Vec<Row>,
}

/// A line of it.
struct Row {
    giver: Role,
    /// Leg and line.
    place: (u16, u32),
    likeness: Likeness,
}

fn rows_of(offer: &Offer, line: &Line) -> Vec<Row> {
    let listed = offer.legs().iter().zip(0u16..).flat_map(|(leg, number)| {
        offer.lines(leg).iter().zip(0u32..).map(move |(record, row)| Row {
            giver: leg.giver,
            place: (number, row),
            likeness: likeness(record, line),
        })
    });
    listed.filter(|row| row.likeness != Likeness::Other).collect()
}

/// The last line of `receiver` on the person at leg and line `(leg, row)` of a version of a case.
fn receivers_line(
    history: &History<'_>,
    (case, version): (&Digest, u32),
    receiver: Role,
    (leg, row): (u16, u32),
) -> Option<(Signed, Outcome)> {
    let of_version = history.handovers().filter(|(made, lines, _)| {
        made.author == receiver && made.case.as_ref() == Some(case) && lines.body().version == version
    });
    let on_person =
        of_version.flat_map(|(made, lines, _)| lines.lines().iter().map(move |line| (made, line)));
    let last = on_person.filter(|(_, line)| line.subject == Subject::Listed { leg, line: row }).last();
    last.map(|(made, line)| (Signed { statement: made.id, receiver, at: made.at }, line.outcome))
}
