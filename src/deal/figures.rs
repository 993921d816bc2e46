//! The figures of a channel, computed anew from its sealed agreements and the valid statements after them: what was
//! exchanged, who came back, what is open. Nothing is typed in, and nothing that is not sealed counts.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::case::Means;
use crate::deal::date::PartialDate;
use crate::deal::discrepancy::{Finding, LegResult, discrepancy};
use crate::deal::handover::{HandoverLine, Outcome, Subject};
use crate::deal::history::{History, Spoken, at};
use crate::deal::latest::latest;
use crate::deal::person::{Line, Source, Status};
use crate::deal::state::CaseState;
use crate::deal::terms::{Category, Leg};
use crate::party::role::Role;
use crate::time::{Millis, UnixMillis};
use std::collections::BTreeMap;

/// How many of a category one side gave.
pub type Given = BTreeMap<(Role, Category), u64>;

/// A person of a sealed agreement with the earliest evidence that they were held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The date of the evidence. Denials are none.
    pub since: PartialDate,
    /// Who.
    pub who: Line,
    /// Who holds or held them.
    pub giver: Role,
}

/// The figures of one case with a sealed agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFigures {
    /// The case.
    pub case: Digest,
    /// Its current version.
    pub version: u32,
    /// When its first offer was made.
    pub offered: UnixMillis,
    /// When its first agreement was sealed.
    pub sealed: Option<UnixMillis>,
    /// Whether both have closed the current version's handover.
    pub closed: bool,
    /// Whom each side is to give by the current version, at least.
    pub agreed: Given,
    /// Who came as listed, by the receivers' lines; the dead are among them under their category.
    pub returned: Given,
    /// Who or what came otherwise than agreed: substituted, of another category or identity, or surplus.
    pub otherwise: u64,
    /// Legs of the current version that are not as agreed, by what either side's lines say: see [`discrepancy`].
    pub discrepancies: usize,
    /// The person held longest of those who have not come back, and of those who have.
    pub longest: [Option<Held>; 2],
}

impl CaseFigures {
    /// From the first offer to the first seal.
    #[must_use]
    pub fn took(&self) -> Option<Millis> {
        self.sealed.map(|sealed| sealed.since(self.offered))
    }

    /// How many the returned are, persons and remains.
    #[must_use]
    pub fn returned_in_all(&self) -> (u64, u64) {
        self.returned.iter().fold((0, 0), |(persons, remains), ((_, category), number)| {
            if *category == Category::Remains {
                (persons, remains + number)
            } else {
                (persons + number, remains)
            }
        })
    }
}

/// The figures of every case that has a sealed agreement with legs, in the order of their first offers.
#[must_use]
pub fn figures(history: &History<'_>) -> Vec<CaseFigures> {
    let mut all: Vec<CaseFigures> =
        history.ledger.cases().filter_map(|case| of_case(history, &case)).collect();
    all.sort_by_key(|figures| (figures.offered, figures.case));
    all
}

fn of_case(history: &History<'_>, case: &CaseState<'_>) -> Option<CaseFigures> {
    let (id, version) = (case.id(), case.version());
    let (_, current) = history.version(&id, version)?;
    let closed = Role::BOTH.map(|role| has_closed(history, &id, version, role));
    let mut figures = CaseFigures {
        case: id,
        version,
        offered: history.get(&id)?.at,
        sealed: sealed_at(history, case),
        closed: closed == [true; 2],
        agreed: Given::new(),
        returned: Given::new(),
        otherwise: 0,
        discrepancies: 0,
        longest: [None, None],
    };
    for role in Role::BOTH {
        figures
            .agreed
            .extend(current.given_by(role).into_iter().map(|(category, number)| ((role, category), number)));
    }
    for version in 1..=version {
        let Some((made, offer)) = history.version(&id, version) else { continue };
        let board = Board::of(history, &id, version, offer);
        board.count(offer, &mut figures);
        if std::ptr::eq(offer, current) {
            figures.discrepancies = board.discrepancies(history, &made.id, offer, closed);
            board.held(offer, &mut figures.longest);
        }
    }
    Some(figures)
}

fn has_closed(history: &History<'_>, case: &Digest, version: u32, role: Role) -> bool {
    let of_role = |it: &&Spoken| it.author == role && it.case.as_ref() == Some(case);
    history.spoken().iter().filter(of_role).any(|it| match &it.content {
        Some(Content::Closed(closed)) => closed.version == version,
        _ => false,
    })
}

/// When the first agreement was sealed: when the last of those who had to acknowledge it did.
fn sealed_at(history: &History<'_>, case: &CaseState<'_>) -> Option<UnixMillis> {
    let acknowledged = |id: &Digest| {
        let said = history.get(id)?;
        let by = |it: &&Spoken| it.author != said.author && it.peer_count > said.sequence;
        history.spoken().iter().find(by).map(|it| it.at)
    };
    match &case.sealed().first()?.means {
        Means::Confirm { confirm, .. } => acknowledged(confirm),
        Means::Crossing { openers, others } => acknowledged(openers).max(acknowledged(others)),
    }
}

/// What each side has said of each subject of one version: its last line on it.
#[derive(Default)]
struct Board<'h> {
    /// By listed leg and line: the inviter's, the joiner's.
    listed: BTreeMap<(u16, u32), [Option<&'h HandoverLine>; 2]>,
    /// Their last lines on who or what is on no list, with their authors.
    others: Vec<(Role, &'h HandoverLine)>,
    /// All that the inviter said, and the joiner, in the order said.
    said: [Vec<&'h HandoverLine>; 2],
}

impl<'h> Board<'h> {
    fn of(history: &'h History<'_>, case: &Digest, version: u32, offer: &Offer) -> Self {
        let mut board = Self::default();
        let of_version = |made: &Spoken, lines: u32| made.case.as_ref() == Some(case) && lines == version;
        for (made, lines, _) in history.handovers() {
            if of_version(made, lines.body().version) {
                let [inviter, joiner] = &mut board.said;
                (if made.author == Role::Inviter { inviter } else { joiner }).extend(lines.lines());
            }
        }
        let [inviter, joiner] = board.said.each_ref().map(|said| latest(offer, said.iter().copied()).lines);
        let inviters = inviter.into_iter().map(|line| (Role::Inviter, line));
        for (author, line) in inviters.chain(joiner.into_iter().map(|line| (Role::Joiner, line))) {
            match line.subject {
                Subject::Listed { leg, line: row } => {
                    let [inviter, joiner] = board.listed.entry((leg, row)).or_default();
                    *(if author == Role::Inviter { inviter } else { joiner }) = Some(line);
                }
                _ => board.others.push((author, line)),
            }
        }
        board
    }

    /// The receiver's line on somebody on a list.
    fn receivers(&self, leg: &Leg, place: (u16, u32)) -> Option<&'h HandoverLine> {
        let [inviter, joiner] = self.listed.get(&place)?;
        if leg.receiver == Role::Inviter { *inviter } else { *joiner }
    }

    /// Counts by the receivers' lines alone: the giver's are a claim.
    fn count(&self, offer: &Offer, figures: &mut CaseFigures) {
        for place in self.listed.keys() {
            let Some(leg) = offer.legs().get(usize::from(place.0)) else { continue };
            let Some(line) = self.receivers(leg, *place) else { continue };
            figures.came(leg, at(offer, place.0, place.1), line.outcome, 1);
        }
        for (author, line) in &self.others {
            let Some(leg) = offer.legs().get(usize::from(line.subject.leg())) else { continue };
            if *author == leg.receiver {
                let number = if let Subject::Counted { number, .. } = line.subject { number } else { 1 };
                figures.came(leg, None, line.outcome, number);
            }
        }
    }

    /// Legs that are not as agreed. A side that has said nothing yet is none by itself, and a leg of which nobody has
    /// said anything is one only once a side has closed.
    fn discrepancies(&self, history: &History<'_>, id: &Digest, offer: &Offer, closed: [bool; 2]) -> usize {
        let notices: Vec<_> = history.notices(id).collect();
        let [inviter, joiner] = &self.said;
        let found = discrepancy(offer, [inviter, joiner], &notices);
        let is_open = |leg: &&LegResult| {
            let missing = leg.accounts.iter().zip(closed).any(|(it, closed)| closed && !it.fulfilled);
            if leg.accounts.iter().all(|account| account.outcomes.is_empty()) {
                return missing;
            }
            let findings = leg.findings.iter().any(|finding| !matches!(finding, Finding::Silent(_)));
            missing || findings || leg.accounts.iter().any(|account| !account.causes.is_empty())
        };
        found.legs.iter().filter(is_open).count()
    }

    fn held(&self, offer: &Offer, longest: &mut [Option<Held>; 2]) {
        for (leg, number) in offer.legs().iter().zip(0u16..) {
            for (line, row) in offer.lines(leg).iter().zip(0u32..) {
                let Some(since) = held_since(line) else { continue };
                let receivers = self.receivers(leg, (number, row));
                let back = receivers.is_some_and(|it| it.outcome == Outcome::Delivered);
                let [still, returned] = &mut *longest;
                let place = if back { returned } else { still };
                if place.as_ref().is_none_or(|held| since < held.since) {
                    *place = Some(Held { since, who: line.clone(), giver: leg.giver });
                }
            }
        }
    }
}

impl CaseFigures {
    fn came(&mut self, leg: &Leg, who: Option<&Line>, outcome: Outcome, number: u32) {
        match outcome {
            Outcome::Delivered => {
                let category = category(leg, who);
                *self.returned.entry((leg.giver, category)).or_insert(0) += u64::from(number);
            }
            Outcome::Substituted
            | Outcome::CategoryMismatch
            | Outcome::IdentityMismatch
            | Outcome::Surplus => self.otherwise += u64::from(number),
            _ => {}
        }
    }
}

/// The leg's category; where the leg is about anyone held, what the list says of the person.
fn category(leg: &Leg, who: Option<&Line>) -> Category {
    if leg.category != Category::Person {
        return leg.category;
    }
    match who.and_then(Line::person).map(|person| person.status) {
        Some(Status::PrisonerOfWar) => Category::PrisonerOfWar,
        Some(Status::RetainedMedical) => Category::RetainedMedical,
        Some(Status::RetainedReligious) => Category::RetainedReligious,
        Some(Status::CivilianInternee) => Category::CivilianInternee,
        Some(Status::CivilianUnclassified) => Category::CivilianUnclassified,
        Some(Status::Child) => Category::Child,
        Some(Status::Unknown | Status::Deceased) | None => Category::Person,
    }
}

/// The earliest date of evidence that the person was held.
fn held_since(line: &Line) -> Option<PartialDate> {
    let evidence = line.person()?.evidence.iter().filter(|it| it.source != Source::Denied);
    evidence.map(|it| it.date).min()
}
