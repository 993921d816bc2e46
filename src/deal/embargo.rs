//! The family embargo: nothing about a person may be told until the receiver's signed line says that they crossed.
//! What the giver says, what was agreed, and what was seen do not count.

use crate::crypto::digest::Digest;
use crate::deal::handover::{Outcome, Subject};
use crate::deal::history::History;
use crate::deal::identity::Register;
use crate::deal::person::Line;
use crate::party::role::Role;
use crate::time::UnixMillis;

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
    /// Nothing: the receiver has signed no line on the person.
    NoLine,
    /// Nothing: the receiver's line says something else than that the person crossed as listed.
    Not(Signed, Outcome),
}

/// What may be told about the person in `line`: by the receiver's last line on them in the last sealed agreement that
/// lists them and has one; a leg in which they did not cross does not take back one in which they did.
#[must_use]
pub fn may_tell(history: &History<'_>, line: &Line) -> MayTell {
    let mut one = Register::default();
    one.entry(line, || ());
    let is = |other: &Line| one.get(other).is_some();
    let mut answer = MayTell::NotAgreed;
    for case in history.ledger.cases() {
        let id = case.id();
        for version in 1..=case.version() {
            let Some((_, offer)) = history.version(&id, version) else { continue };
            for (leg, number) in offer.legs().iter().zip(0u16..) {
                for (_, row) in offer.lines(leg).iter().zip(0u32..).filter(|(line, _)| is(line)) {
                    let found = receivers_line(history, (&id, version), leg.receiver, (number, row));
                    answer = match (answer, found) {
                        (_, Some((signed, Outcome::Delivered))) => MayTell::Crossed(signed),
                        (MayTell::Crossed(_), _) => answer,
                        (_, Some((signed, outcome))) => MayTell::Not(signed, outcome),
                        (MayTell::Not(..), None) => answer,
                        (_, None) => MayTell::NoLine,
                    };
                }
            }
        }
    }
    answer
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
