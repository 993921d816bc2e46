//! The valid statements of a channel with their times, as the own side's reckonings read them: delays, interest,
//! contradictions, figures. Decides nothing about validity: the ledger has.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Lines, Offer};
use crate::deal::case::Means;
use crate::deal::handover::{HandoverLine, Subject, TransferNotice};
use crate::deal::judge::Ledger;
use crate::deal::person::Line;
use crate::deal::state::CaseState;
use crate::party::role::Role;
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// A statement with its time.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Its id.
    pub id: Digest,
    /// Its author.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
    /// Statements of the other that it acknowledges.
    pub peer_count: u64,
    /// The case it belongs to; of the offer that opens one, itself.
    pub case: Option<Digest>,
    /// When: of an own statement its own clock, of the counterpart's the moment it was stored here. What the
    /// counterpart's clock says is its claim, and a delay is what we saw of it.
    pub at: UnixMillis,
    /// What it says in a negotiation.
    pub content: Option<Content>,
}

/// The valid statements of a channel.
pub struct History<'a> {
    /// The state of all cases.
    pub ledger: &'a Ledger,
    /// The own side.
    pub me: Role,
    spoken: Vec<Spoken>,
    places: BTreeMap<Digest, usize>,
}

/// An offer with the statement that makes it.
pub type Made<'h> = (&'h Spoken, &'h Offer);

impl<'a> History<'a> {
    /// Of `spoken`, each after those it acknowledges, what the ledger holds to be valid.
    #[must_use]
    pub fn new(ledger: &'a Ledger, me: Role, spoken: Vec<Spoken>) -> Self {
        let mut spoken: Vec<Spoken> =
            spoken.into_iter().filter(|it| ledger.verdict(&it.id).is_some_and(|it| it.is_ok())).collect();
        for it in &mut spoken {
            it.case = it.case.or_else(|| ledger.case(&it.id).map(|case| case.id()));
        }
        let places = spoken.iter().zip(0..).map(|(it, at)| (it.id, at)).collect();
        Self { ledger, me, spoken, places }
    }

    /// All of them, each after those it acknowledges.
    #[must_use]
    pub fn spoken(&self) -> &[Spoken] {
        &self.spoken
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &Digest) -> Option<&Spoken> {
        self.places.get(id).and_then(|at| self.spoken.get(*at))
    }

    /// All offers.
    pub fn offers(&self) -> impl Iterator<Item = Made<'_>> {
        self.spoken.iter().filter_map(made)
    }

    /// The offer with this id.
    #[must_use]
    pub fn offer(&self, id: &Digest) -> Option<Made<'_>> {
        self.get(id).and_then(made)
    }

    /// The offer that was sealed as this version of a case.
    #[must_use]
    pub fn version(&self, case: &Digest, version: u32) -> Option<Made<'_>> {
        let at = usize::try_from(version.checked_sub(1)?).ok()?;
        let id = self.ledger.case(case)?.sealed().get(at)?.offer;
        self.offer(&id)
    }

    /// The versions of a case with their offers, and each with its place in time: where in [`History::spoken`] it was
    /// agreed.
    pub fn versions(&self, case: &CaseState<'_>) -> impl Iterator<Item = (usize, u32, Made<'_>)> {
        let agreed = case.sealed().iter().zip(1u32..);
        agreed.filter_map(|(agreement, version)| {
            let by = match &agreement.means {
                Means::Confirm { confirm, .. } => self.places.get(confirm),
                Means::Crossing { openers, others } => self.places.get(openers).max(self.places.get(others)),
            };
            Some((*by?, version, self.offer(&agreement.offer)?))
        })
    }

    /// The third-country notices given of an offer.
    pub fn notices(&self, offer: &Digest) -> impl Iterator<Item = &TransferNotice> {
        self.spoken.iter().filter_map(move |it| match &it.content {
            Some(Content::TransferNotice(notice)) if notice.offer == *offer => Some(notice),
            _ => None,
        })
    }

    /// All statements of handover lines, with the sealed offer they are about.
    pub fn handovers(&self) -> impl Iterator<Item = (&Spoken, &Lines, Made<'_>)> {
        self.spoken.iter().filter_map(|it| match &it.content {
            Some(Content::Lines(lines)) => Some((it, lines, self.version(&it.case?, lines.body().version)?)),
            _ => None,
        })
    }
}

fn made(spoken: &Spoken) -> Option<Made<'_>> {
    match &spoken.content {
        Some(Content::Offer(offer)) => Some((spoken, offer)),
        _ => None,
    }
}

/// The record a handover line is about; none where it only counts.
#[must_use]
pub fn record<'o>(offer: &'o Offer, line: &'o HandoverLine) -> Option<&'o Line> {
    match &line.subject {
        Subject::Listed { leg, line } => at(offer, *leg, *line),
        Subject::Unlisted { who, .. } => Some(who),
        Subject::Counted { .. } => None,
    }
}

/// The record at a line of a leg's list, both from 0.
#[must_use]
pub fn at(offer: &Offer, leg: u16, line: u32) -> Option<&Line> {
    let leg = offer.legs().get(usize::from(leg))?;
    offer.lines(leg).get(usize::try_from(line).ok()?)
}
