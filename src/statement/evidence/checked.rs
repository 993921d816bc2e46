//! What a bundle proves once it was checked, and the ways in which it can fail to. Decides nothing.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::crypto::merkle::ProofBroken;
use crate::crypto::sign::SignError;
use crate::party::card::CardError;
use crate::party::role::Role;
use crate::statement::evidence::{Deposit, Disclosure, Scope, of};
use crate::statement::export::Preamble;
use crate::statement::header::{Header, StatementId};
use crate::statement::signed::StatementError;

/// Why a file is not evidence that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Does not begin as an evidence bundle of version 1 does.
    #[error("the file is not an evidence bundle of version 1")]
    NotEvidence,
    /// Its digest is not that of its bytes.
    #[error("the bundle was changed after it was made: its digest is not that of its bytes")]
    Damaged,
    /// A part is not the one encoding of what it should be.
    #[error("the bundle is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// See [`CardError`].
    #[error(transparent)]
    Card(#[from] CardError),
    /// Both cards are one, or share a key.
    #[error("both cards share a key")]
    CardsShareKey,
    /// A party's signature in the introduction does not hold.
    #[error("a signature of the introduction does not hold")]
    IntroductionUnsigned(SignError),
    /// A head does not hold.
    #[error("the head of the {role:?}: {fault}")]
    Head {
        /// Whose.
        role: Role,
        /// What is wrong.
        fault: Fault,
    },
    /// A header of a run does not hold.
    #[error("the run of the {role:?}, header {sequence}: {fault}")]
    Run {
        /// Whose.
        role: Role,
        /// Which, by its place in the chain.
        sequence: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// A statement does not hold.
    #[error("statement {at} of the bundle: {fault}")]
    Statement {
        /// Which, from 0.
        at: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// A fork does not hold.
    #[error("fork {at} of the bundle: {fault}")]
    Fork {
        /// Which, from 0.
        at: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// A proof of deposit names a statement that is not the next in order, or not shown whole.
    #[error(
        "proof of deposit {at} of the bundle belongs to no statement that is shown whole, or is out of order"
    )]
    Deposit {
        /// Which, from 0.
        at: usize,
    },
    /// A case that is not whole.
    #[error("the case is not whole: {0}")]
    Incomplete(Gap),
}

/// What is wrong with a header, or what ties it to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another channel's id.
    #[error("it belongs to another channel")]
    ChannelMismatch,
    /// Another author or place than where it stands.
    #[error("it does not stand at its place")]
    Misplaced,
    /// Twice, or before one that comes first.
    #[error("it stands twice, or out of order")]
    OutOfOrder,
    /// The previous id is not that of the one before.
    #[error("it does not follow the one before")]
    ChainBroken,
    /// A root is not that of the ids.
    #[error("a root that it signs is not that of the statements before it")]
    RootMismatch,
    /// It acknowledges what is not the counterpart's chain.
    #[error("it acknowledges a chain that is not the counterpart's")]
    PeerMismatch,
    /// It acknowledges fewer than its author did before.
    #[error("it takes an acknowledgement back")]
    AcknowledgementReversed,
    /// See [`ProofBroken`].
    #[error("its proof does not hold")]
    Proof,
    /// There is no head to tie it to.
    #[error("no head of its author is shown")]
    NoHead,
    /// The two are one, or not at one place.
    #[error("these are not two statements at one place")]
    NoFork,
    /// A line that is out of order or not in its list.
    #[error("line {line} of list {list} is not shown to be in it")]
    Line {
        /// The list, from 1.
        list: usize,
        /// The line, from 1.
        line: u64,
    },
    /// See [`StatementError`].
    #[error("{0}")]
    Statement(#[from] StatementError),
}

/// What is missing of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// No offer that opens it.
    #[error("the offer that opens it is not shown")]
    Opening,
    /// A chain's headers do not reach back far enough.
    #[error("the headers of the {0:?} do not reach back to where they must")]
    Run(Role),
    /// A statement of the case, or a confirmation of the words, is withheld.
    #[error("statement {sequence} of the {role:?} is withheld")]
    Withheld {
        /// Whose.
        role: Role,
        /// Its place.
        sequence: u64,
    },
}

impl From<ProofBroken> for Fault {
    fn from(_: ProofBroken) -> Self {
        Self::Proof
    }
}

/// What is proven of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Its id.
    pub id: StatementId,
    /// Its header: its author signed it, or signed a later statement that it is tied to.
    pub header: Header,
    /// The counterpart's first statement in the bundle that acknowledges it, whose author signed that likewise.
    pub acknowledged: Option<Header>,
    /// What it says, as far as it is shown.
    pub disclosure: Disclosure,
}

/// A bundle that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBundle {
    /// The bundle's digest.
    pub digest: Digest,
    /// The parties.
    pub preamble: Preamble,
    /// What it was made to show.
    pub scope: Scope,
    /// Each party's last statement that is shown to exist, the inviter's first.
    pub heads: [Option<Header>; 2],
    /// Each party's headers up to its head, where all are shown from the first on.
    pub runs: [Option<Vec<Header>>; 2],
    /// The statements, by author and sequence number.
    pub statements: Vec<Proven>,
    /// Two headers at one place, both signed by their author.
    pub forks: Vec<[Header; 2]>,
    /// Proofs of deposit, not checked here.
    pub deposits: Vec<Deposit>,
}

impl CheckedBundle {
    /// One party's headers that are shown, in the order of its chain: run and head.
    pub fn shown(&self, role: Role) -> impl Iterator<Item = &Header> {
        let head = of(&self.heads, role).iter();
        of(&self.runs, role).iter().flatten().chain(head)
    }

    /// The header at a place of a party's chain, where it is the head or among those that lead to it.
    #[must_use]
    pub fn header(&self, role: Role, sequence: u64) -> Option<&Header> {
        let head = of(&self.heads, role).as_ref()?;
        let run = of(&self.runs, role).as_deref().unwrap_or_default();
        let first = run.first().unwrap_or(head).sequence;
        match usize::try_from(sequence.checked_sub(first)?).ok()? {
            at if at < run.len() => run.get(at),
            at if at == run.len() => Some(head),
            _ => None,
        }
    }

    /// Each party's count and head: "complete up to heads X and Y".
    #[must_use]
    pub fn up_to(&self) -> [(u64, StatementId); 2] {
        let head = |head: &Option<Header>| match head {
            Some(head) => (head.sequence.saturating_add(1), head.id()),
            None => (0, StatementId::NONE),
        };
        let [inviter, joiner] = &self.heads;
        [head(inviter), head(joiner)]
    }

    /// The statement with this id.
    #[must_use]
    pub fn statement(&self, id: &StatementId) -> Option<&Proven> {
        self.statements.iter().find(|it| it.id == *id)
    }
}

impl CheckedBundle {
    /// Finds for every statement the counterpart's first header in the bundle that acknowledges it.
    pub(super) fn find_acknowledgements(&mut self) {
        let by = Role::BOTH.map(|role| {
            let apart = self.statements.iter().map(|it| &it.header).filter(|it| it.author == role);
            let mut headers: Vec<Header> = apart.chain(self.shown(role)).cloned().collect();
            headers.sort_by_key(|header| header.sequence);
            headers.dedup_by_key(|header| header.sequence);
            // None is the first to acknowledge anything but those that acknowledge more than all before.
            let mut most = 0;
            headers.retain(|header| {
                let more = header.peer_count > most;
                most = most.max(header.peer_count);
                more
            });
            headers
        });
        for statement in &mut self.statements {
            let sequence = statement.header.sequence;
            let headers = of(&by, statement.header.author.other());
            let first = headers.partition_point(|header| header.peer_count <= sequence);
            statement.acknowledged = headers.get(first).cloned();
        }
    }
}
