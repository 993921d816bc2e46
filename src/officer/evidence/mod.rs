//! Evidence: what a bundle says once everything in it is checked, and what its case has come to. Needs no vault.

mod deposit;
mod fork;
mod make;

pub use deposit::{DepositFault, DepositedBy};
pub use make::{Asked, MakeError};

use crate::crypto::digest::Digest;
use crate::deal::body::{Body, Content};
use crate::deal::history::at;
use crate::deal::judge::{Entry, Ledger, Said, judge_case};
use crate::deal::person::Line;
use crate::deal::shown::{Shown, ShownRecord};
use crate::officer::view::verify_introduction;
use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::statement::evidence::checked::{BundleError, CheckedBundle, Proven};
use crate::statement::evidence::{Disclosure, Scope, check as bundle};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::{Read, WordsConfirmed};
use crate::statement::renewal::Renewal;
use std::collections::BTreeMap;

/// Why a file is not evidence that holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// See [`BundleError`].
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A proof of deposit does not hold.
    #[error("a proof of deposit: {0}")]
    Deposit(#[from] DepositFault),
    /// What should open the case has no effect.
    #[error("no valid offer opens the case that it is said to be about")]
    NoCase,
    /// The offer is not sealed in what is shown.
    #[error("the offer that is said to be agreed is not sealed in what is shown")]
    NotSealed,
    /// The line is not shown.
    #[error("the line that it is said to be about is not shown")]
    LineNotShown,
    /// Beside a line a statement of another case is shown.
    #[error("a statement of another case is shown beside the line that it is said to be about")]
    OtherCase,
    /// No fork is shown.
    #[error("no two statements at one place are shown")]
    NoFork,
}

/// What a statement says, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing but its header.
    Withheld,
    /// Part of a negotiation.
    Deal(Box<Content>),
    /// Part of a negotiation, with single lines of its lists.
    Part(Shown),
    /// Which of the counterpart's statements its author has opened.
    Read(Read),
    /// That the author compared the words of this channel.
    WordsConfirmed,
    /// Something else that its kind allows.
    Other,
    /// What its kind does not allow.
    Malformed,
}

/// Evidence that holds.
pub struct CheckedEvidence {
    /// What is proven.
    pub bundle: CheckedBundle,
    /// What each statement of the bundle says.
    pub told: Vec<Told>,
    /// The relays that signed that they had stored statements.
    pub deposits: Vec<DepositedBy>,
    /// The state of the case at the heads, where the bundle is about one.
    pub ledger: Option<Ledger>,
    /// Of each statement that was opened the first receipt that says so, by its place among the statements.
    read: BTreeMap<(Role, u64), usize>,
}

/// Checks a bundle: the introduction, all signatures, proofs and commitments; and what its case has come to.
///
/// # Errors
/// [`EvidenceError`], at the first defect.
pub fn check(bytes: &[u8]) -> Result<CheckedEvidence, EvidenceError> {
    let bundle = bundle::check(bytes, verify_introduction)?;
    let [inviter, joiner] =
        bundle.preamble.cards.each_ref().map(|card| card.fingerprint().unwrap_or_default());
    let words = SafetyWords::of(&bundle.preamble.channel, &inviter, &joiner);
    let told: Vec<Told> = bundle.statements.iter().map(|it| told(it, &words)).collect();
    let mut read = BTreeMap::new();
    for (at, (proven, told)) in bundle.statements.iter().zip(&told).enumerate() {
        let Told::Read(said) = told else { continue };
        for sequence in &said.sequences {
            read.entry((proven.header.author.other(), *sequence)).or_insert(at);
        }
    }
    let deposits = deposit::check(&bundle)?;
    let mut evidence = CheckedEvidence { bundle, told, deposits, ledger: None, read };
    match evidence.bundle.scope {
        Scope::Statements => {}
        Scope::Fork if evidence.bundle.forks.is_empty() => return Err(EvidenceError::NoFork),
        Scope::Fork => {}
        Scope::Person { offer, leg, line } => {
            evidence.record(&offer, leg, line).ok_or(EvidenceError::LineNotShown)?;
            if evidence.shows_another_case(&offer) {
                return Err(EvidenceError::OtherCase);
            }
        }
        Scope::Case(case) | Scope::Agreement { case, .. } => {
            let ledger = evidence.judge(&case.0);
            let state = ledger.case(&case.0).ok_or(EvidenceError::NoCase)?;
            if let Scope::Agreement { offer, .. } = evidence.bundle.scope
                && !state.sealed().iter().any(|agreement| agreement.offer == offer.0)
            {
                return Err(EvidenceError::NotSealed);
            }
            evidence.ledger = Some(ledger);
        }
    }
    Ok(evidence)
}

fn told(proven: &Proven, words: &SafetyWords) -> Told {
    let (header, kind) = (&proven.header, Kind::from_number(proven.header.kind));
    let (said, kind) = match (&proven.disclosure, kind) {
        (Disclosure::Withheld, _) => return Told::Withheld,
        (Disclosure::Part(part), Some(kind)) => {
            return Shown::parse(kind, part).map_or(Told::Malformed, Told::Part);
        }
        (Disclosure::Whole(said), Some(kind)) => (said, kind),
        (_, None) => return Told::Malformed,
    };
    let bare = said.lists.is_empty();
    match kind {
        Kind::Acknowledgement if bare && said.body.is_empty() => Told::Other,
        Kind::WordsConfirmed if bare && WordsConfirmed::confirms(&said.body, words) => Told::WordsConfirmed,
        Kind::Read if bare => Read::decode(&said.body, header.peer_count).map_or(Told::Malformed, Told::Read),
        Kind::Acknowledgement | Kind::WordsConfirmed | Kind::Read => Told::Malformed,
        Kind::Renewal if Renewal::of(header, said).is_none() => Told::Malformed,
        Kind::Relays | Kind::ForkNotice | Kind::Renewal => Told::Other,
        _ => Body::parse(kind, &said.body, &said.lists)
            .map_or(Told::Malformed, |content| Told::Deal(Box::new(content))),
    }
}

impl CheckedEvidence {
    /// The statements with what they say.
    pub fn statements(&self) -> impl Iterator<Item = (&Proven, &Told)> {
        self.bundle.statements.iter().zip(&self.told)
    }

    /// The statement with this id.
    #[must_use]
    pub fn statement(&self, id: &Digest) -> Option<(&Proven, &Told)> {
        self.statements().find(|(proven, _)| proven.id.0 == *id)
    }

    /// The first receipt in the bundle that says the counterpart's officer has opened a statement.
    #[must_use]
    pub fn read(&self, proven: &Proven) -> Option<&Header> {
        let at = self.read.get(&(proven.header.author, proven.header.sequence))?;
        self.bundle.statements.get(*at).map(|receipt| &receipt.header)
    }

    /// Where a party confirmed the words, if that is shown.
    #[must_use]
    pub fn words_confirmed(&self, role: Role) -> Option<u64> {
        let confirmed = self.statements().filter(|(_, told)| **told == Told::WordsConfirmed);
        confirmed.map(|(proven, _)| &proven.header).find(|it| it.author == role).map(|it| it.sequence)
    }

    /// Who or what stands at a line of a leg's list, if that is shown.
    #[must_use]
    pub fn record(&self, offer: &StatementId, leg: u16, line: u32) -> Option<Line> {
        match self.statement(&offer.0)? {
            (_, Told::Part(Shown::Offer(_, records))) => {
                let listed = |it: &&ShownRecord| (it.leg, it.line, it.excepted) == (leg, line, false);
                records.iter().find(listed).map(|it| it.record.clone())
            }
            (_, Told::Deal(content)) => match content.as_ref() {
                Content::Offer(offer) => at(offer, leg, line).cloned(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a statement names another case than the one that an offer is of: its lines would be taken for the offer's.
    fn shows_another_case(&self, offer: &StatementId) -> bool {
        let named = |header: &Header| Some(header.case).filter(|case| *case != StatementId::NONE);
        let case = self.statement(&offer.0).and_then(|(proven, _)| named(&proven.header)).unwrap_or(*offer);
        self.statements().any(|(proven, _)| named(&proven.header).is_some_and(|other| other != case))
    }

    /// What the case comes to at the heads: the bundle holds all of it.
    fn judge(&self, case: &Digest) -> Ledger {
        let entries: Vec<Entry<'_>> = self
            .statements()
            .map(|(proven, told)| Entry {
                id: proven.id.0,
                author: proven.header.author,
                sequence: proven.header.sequence,
                peer_count: proven.header.peer_count,
                case: (proven.header.case != StatementId::NONE).then_some(proven.header.case.0),
                kind: proven.header.kind,
                said: match told {
                    Told::Deal(content) => Said::Deal(content),
                    Told::Read(_) | Told::WordsConfirmed | Told::Other => Said::Other,
                    Told::Withheld | Told::Part(_) | Told::Malformed => Said::Malformed,
                },
            })
            .collect();
        let words = Role::BOTH.map(|role| self.words_confirmed(role));
        let counts = self.bundle.up_to().map(|(count, _)| count);
        // What is acknowledged before the first header is before the case, and counts for nothing in it.
        judge_case(case, &entries, words, counts, |role, count| {
            let last = count.checked_sub(1);
            let header = last.and_then(|last| self.bundle.header(role, last));
            header.map_or(0, |header| header.peer_count)
        })
    }
}
