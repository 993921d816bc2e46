//! The transcript: both parties' chains, braided by what each header acknowledges.
//!
//! A statement is appended only if it continues its author's chain, and acknowledges exactly what the
//! counterpart's chain holds. So equal heads mean equal transcripts.

use crate::crypto::digest::Digest;
use crate::crypto::merkle::Frontier;
use crate::crypto::sign::VerifyingKey;
use crate::party::role::Role;
use crate::statement::header::{Header, StatementId, VERSION};
use crate::statement::signed::{Statement, StatementError};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};
use std::collections::VecDeque;

/// Why a statement does not continue the transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// Another channel's id.
    #[error("the statement belongs to another channel")]
    ChannelMismatch,
    /// Not the next sequence number of its author.
    #[error("the statement has sequence number {found}; the next is {next}")]
    OutOfSequence {
        /// Its number.
        found: u64,
        /// The number due.
        next: u64,
    },
    /// The previous id is not that of the author's last statement.
    #[error("the statement does not follow its author's last one")]
    ChainBroken,
    /// The author's root is not that of its chain.
    #[error("the statement's own root is not that of its author's chain")]
    OwnRootMismatch,
    /// It acknowledges fewer statements than its author did before.
    #[error("the statement takes an acknowledgement back")]
    AcknowledgementReversed,
    /// It acknowledges statements that this transcript does not hold.
    #[error("the statement acknowledges {claimed} statements; {held} are held")]
    AcknowledgesUnknown {
        /// What it claims.
        claimed: u64,
        /// What is held.
        held: u64,
    },
    /// The acknowledged head or root is not that of the counterpart's chain.
    #[error("the statement acknowledges a chain that is not the counterpart's")]
    PeerMismatch,
    /// See [`StatementError`].
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// A chain at one of its lengths: what an acknowledgement of so many statements names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Id of its last statement; [`StatementId::NONE`] of none.
    pub head: StatementId,
    /// Merkle root of its ids.
    pub root: Digest,
}

/// The end of a chain: all that is needed to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct ChainEnd {
    /// Over the ids; it counts them.
    tree: Frontier,
    /// Id of the last statement.
    head: StatementId,
    /// How many of the counterpart's statements the last one acknowledges.
    acknowledged: u64,
}

impl ChainEnd {
    /// How many statements the chain has.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.tree.size()
    }

    /// Goes on with a statement whose place was checked.
    pub fn take(&mut self, header: &Header) {
        self.head = header.id();
        self.tree.push(self.head.0);
        self.acknowledged = header.peer_count;
    }

    fn stand(&self) -> Stand {
        Stand { head: self.head, root: self.tree.root() }
    }
}

/// One party's chain: its end, and of its earlier lengths those that may still be acknowledged. An
/// acknowledgement never goes back, so a transcript holds no more than is not yet acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    end: ChainEnd,
    /// How it stood at the lengths before this one, the shortest first.
    stands: VecDeque<Stand>,
    /// How it stood at a length that was let go and looked up again.
    recalled: Option<(u64, Stand)>,
}

impl Chain {
    /// How many statements it has.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.end.count()
    }

    /// Its end.
    #[must_use]
    pub const fn end(&self) -> &ChainEnd {
        &self.end
    }

    /// How it stood with `count` statements; none where it never had so many, or where that was let go.
    #[must_use]
    pub fn stand(&self, count: u64) -> Option<Stand> {
        if count == self.count() {
            return Some(self.end.stand());
        }
        if count == 0 {
            return Some(ChainEnd::default().stand());
        }
        let first = self.count().saturating_sub(self.stands.len() as u64);
        let held = count.checked_sub(first).and_then(|at| self.stands.get(usize::try_from(at).ok()?));
        let recalled = || self.recalled.filter(|(of, _)| *of == count).map(|(_, stand)| stand);
        held.copied().or_else(recalled)
    }

    /// Id of the last of the first `count`; [`StatementId::NONE`] of none, and where [`Chain::stand`] has none.
    #[must_use]
    pub fn head(&self, count: u64) -> StatementId {
        self.stand(count).map_or(StatementId::NONE, |stand| stand.head)
    }

    /// How many of the counterpart's statements the last one acknowledges.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.end.acknowledged
    }

    fn push(&mut self, header: &Header) {
        self.stands.push_back(self.end.stand());
        self.end.take(header);
    }

    /// Lets go of the lengths below `count`: nothing will name them any more.
    fn forget_below(&mut self, count: u64) {
        let first = self.count().saturating_sub(self.stands.len() as u64);
        let gone = usize::try_from(count.saturating_sub(first)).unwrap_or(usize::MAX).min(self.stands.len());
        self.stands.drain(..gone);
    }
}

/// Both chains of a channel.
#[derive(Debug, Clone)]
pub struct Transcript {
    channel: Digest,
    chains: [Chain; 2],
}

/// The kind, the case and the author's clock of a statement to be made.
#[derive(Debug, Clone, Copy)]
pub struct Heading {
    /// The kind's number.
    pub kind: u16,
    /// The case, or [`StatementId::NONE`].
    pub case: StatementId,
    /// The author's clock.
    pub clock: UnixMillis,
}

impl Transcript {
    /// An empty transcript.
    #[must_use]
    pub fn new(channel: Digest) -> Self {
        Self { channel, chains: [Chain::default(), Chain::default()] }
    }

    /// The channel's id.
    #[must_use]
    pub const fn channel(&self) -> &Digest {
        &self.channel
    }

    /// One party's chain.
    #[must_use]
    pub const fn chain(&self, role: Role) -> &Chain {
        let [inviter, joiner] = &self.chains;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    const fn chain_mut(&mut self, role: Role) -> &mut Chain {
        let [inviter, joiner] = &mut self.chains;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    /// The transcript whose chains end so.
    #[must_use]
    pub fn resume(channel: Digest, ends: [ChainEnd; 2]) -> Self {
        let chains = ends.map(|end| Chain { end, ..Chain::default() });
        Self { channel, chains }
    }

    /// Lets go of all that is not the chains' ends: it can be looked up again, see [`Transcript::recall`].
    pub fn forget(&mut self) {
        for chain in &mut self.chains {
            chain.stands.clear();
            chain.recalled = None;
        }
    }

    /// Recalls how a chain stood before one of its statements, by that statement's header.
    pub fn recall(&mut self, stored: &Header) {
        let stand = Stand { head: stored.previous, root: stored.own_root };
        self.chain_mut(stored.author).recalled = Some((stored.sequence, stand));
    }

    /// The header of `author`'s next statement: it acknowledges all that is held of the counterpart.
    #[must_use]
    pub fn next_header(&self, author: Role, heading: Heading, commitment: Digest) -> Header {
        let (own, peer) = (self.chain(author), self.chain(author.other()));
        Header {
            version: VERSION,
            author,
            kind: heading.kind,
            channel: self.channel,
            case: heading.case,
            sequence: own.count(),
            previous: own.end.head,
            own_root: own.end.tree.root(),
            peer_count: peer.count(),
            peer_head: peer.end.head,
            peer_root: peer.end.tree.root(),
            clock: heading.clock,
            commitment,
        }
    }

    /// Checks that a header continues its author's chain and acknowledges what is held. Not its signature. Where
    /// [`Chain::stand`] has let go of what it acknowledges, that has to be recalled first.
    ///
    /// # Errors
    /// [`TranscriptError`] but for [`TranscriptError::Statement`].
    pub fn check_place(&self, header: &Header) -> Result<(), TranscriptError> {
        let (own, peer) = (self.chain(header.author), self.chain(header.author.other()));
        if header.channel != self.channel {
            return Err(TranscriptError::ChannelMismatch);
        }
        if header.sequence != own.count() {
            return Err(TranscriptError::OutOfSequence { found: header.sequence, next: own.count() });
        }
        if header.previous != own.end.head {
            return Err(TranscriptError::ChainBroken);
        }
        if header.own_root != own.end.tree.root() {
            return Err(TranscriptError::OwnRootMismatch);
        }
        if header.peer_count < own.acknowledged() {
            return Err(TranscriptError::AcknowledgementReversed);
        }
        if header.peer_count > peer.count() {
            let (claimed, held) = (header.peer_count, peer.count());
            return Err(TranscriptError::AcknowledgesUnknown { claimed, held });
        }
        let acknowledged = Stand { head: header.peer_head, root: header.peer_root };
        if peer.stand(header.peer_count) != Some(acknowledged) {
            return Err(TranscriptError::PeerMismatch);
        }
        Ok(())
    }

    /// Appends a statement whose place, commitment and signature hold.
    ///
    /// # Errors
    /// [`TranscriptError`]; nothing is appended then.
    pub fn append(&mut self, statement: &Statement, author: &VerifyingKey) -> Result<(), TranscriptError> {
        self.check_place(&statement.header)?;
        statement.verify(author)?;
        self.append_verified(&statement.header)
    }

    /// Appends the header of a statement that was verified before it was stored.
    ///
    /// # Errors
    /// As [`Transcript::check_place`].
    pub fn append_verified(&mut self, header: &Header) -> Result<(), TranscriptError> {
        self.check_place(header)?;
        self.chain_mut(header.author).push(header);
        self.chain_mut(header.author.other()).forget_below(header.peer_count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::crypto::sign::{SigningKey, SigningSeeds};
    use crate::statement::signed::Said;

    fn key(seed: u8) -> SigningKey {
        let half = |n: u8| Secret::take(&mut [n; 32]);
        SigningKey::expand(&SigningSeeds::from_seeds(half(seed), half(seed + 1))).unwrap()
    }

    fn said(text: &str) -> Said {
        Said { salt: [4; 32], body: text.as_bytes().to_vec(), lists: vec![] }
    }

    fn next(transcript: &Transcript, author: Role, text: &str, key: &SigningKey) -> Statement {
        let heading = Heading { kind: 4, case: StatementId::NONE, clock: UnixMillis(1) };
        let said = said(text);
        let header = transcript.next_header(author, heading, said.commitment());
        Statement::sign(header, said, key).unwrap()
    }

    #[test]
    fn statements_of_both_parties_make_one_braid() {
        let keys = [key(1), key(5)];
        let mut transcript = Transcript::new(Digest([9; 32]));
        for (turn, author) in
            [Role::Inviter, Role::Joiner, Role::Joiner, Role::Inviter].into_iter().enumerate()
        {
            let key = &keys[usize::from(author.number())];
            let statement = next(&transcript, author, &format!("{turn}"), key);
            let again = Statement::decode(&statement.encode().unwrap()).unwrap();
            assert_eq!(again, statement);
            transcript.append(&again, key.public()).unwrap();
            assert!(matches!(
                transcript.append(&again, key.public()),
                Err(TranscriptError::OutOfSequence { .. })
            ));
        }
        assert_eq!(transcript.chain(Role::Inviter).count(), 2);
        assert_eq!(transcript.chain(Role::Inviter).acknowledged(), 2);
    }

    #[test]
    fn each_defect_of_a_header_is_refused_by_its_name() {
        let keys = [key(1), key(5)];
        let mut transcript = Transcript::new(Digest([9; 32]));
        let first = next(&transcript, Role::Inviter, "a", &keys[0]);
        transcript.append(&first, keys[0].public()).unwrap();
        let reply = next(&transcript, Role::Joiner, "b", &keys[1]);
        transcript.append(&reply, keys[1].public()).unwrap();
        let good = next(&transcript, Role::Joiner, "c", &keys[1]);
        let refused = |change: fn(&mut Header)| {
            let mut header = good.header.clone();
            change(&mut header);
            let altered = Statement::sign(header, good.said.clone(), &keys[1]).unwrap();
            transcript.clone().append(&altered, keys[1].public()).unwrap_err()
        };
        assert_eq!(refused(|h| h.channel = Digest([1; 32])), TranscriptError::ChannelMismatch);
        assert_eq!(refused(|h| h.sequence = 2), TranscriptError::OutOfSequence { found: 2, next: 1 });
        assert_eq!(refused(|h| h.previous = StatementId::NONE), TranscriptError::ChainBroken);
        assert_eq!(refused(|h| h.own_root = Digest([1; 32])), TranscriptError::OwnRootMismatch);
        assert_eq!(refused(|h| h.peer_count = 0), TranscriptError::AcknowledgementReversed);
        let unknown = TranscriptError::AcknowledgesUnknown { claimed: 2, held: 1 };
        assert_eq!(refused(|h| h.peer_count = 2), unknown);
        assert_eq!(refused(|h| h.peer_root = Digest([1; 32])), TranscriptError::PeerMismatch);
        assert_eq!(refused(|h| h.peer_head = StatementId::NONE), TranscriptError::PeerMismatch);
        let broken = TranscriptError::Statement(StatementError::CommitmentBroken);
        assert_eq!(refused(|h| h.commitment = Digest([1; 32])), broken);
        let mut forged = good.clone();
        forged.signature.mldsa[7] ^= 1;
        let unsigned = transcript.clone().append(&forged, keys[1].public()).unwrap_err();
        assert!(matches!(unsigned, TranscriptError::Statement(StatementError::SignatureInvalid(_))));
        let mut forged = good.clone();
        forged.signature.ed25519[7] ^= 1;
        assert!(transcript.clone().append(&forged, keys[1].public()).is_err());
        let mut other = good;
        other.said.body.push(1);
        assert_eq!(transcript.append(&other, keys[1].public()).unwrap_err(), broken);
    }

    #[test]
    fn what_was_let_go_is_recalled_and_nothing_else_is_taken_for_it() {
        let keys = [key(1), key(5)];
        let mut transcript = Transcript::new(Digest([9; 32]));
        let mut said = Vec::new();
        for text in ["a", "b", "c"] {
            let statement = next(&transcript, Role::Inviter, text, &keys[0]);
            transcript.append(&statement, keys[0].public()).unwrap();
            said.push(statement.header);
        }
        // The counterpart acknowledges the first alone.
        let mut early = Transcript::new(Digest([9; 32]));
        early.append_verified(&said[0]).unwrap();
        let answer = next(&early, Role::Joiner, "has the first", &keys[1]).header;
        transcript.clone().append_verified(&answer).unwrap();
        let mut ended = transcript.clone();
        ended.recall(&said[1]);
        ended.forget();
        assert_eq!([1, 2].map(|count| ended.chain(Role::Inviter).stand(count)), [None, None]);
        let ends = Role::BOTH.map(|role| transcript.chain(role).end().clone());
        let mut resumed = Transcript::resume(Digest([9; 32]), ends);
        assert_eq!(resumed.clone().append_verified(&answer), Err(TranscriptError::PeerMismatch));
        resumed.recall(&said[2]);
        assert_eq!(resumed.clone().append_verified(&answer), Err(TranscriptError::PeerMismatch));
        resumed.recall(&said[1]);
        let stand = transcript.chain(Role::Inviter).stand(1);
        assert_eq!(resumed.chain(Role::Inviter).stand(1), stand);
        resumed.append_verified(&answer).unwrap();
        // What is acknowledged is not held any longer.
        transcript.append_verified(&answer).unwrap();
        assert_eq!(transcript.chain(Role::Inviter).stands.len(), 2);
    }
}
