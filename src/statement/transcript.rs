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

/// One party's statements.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    headers: Vec<Header>,
    ids: Vec<StatementId>,
    tree: Frontier,
}

impl Chain {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.headers.len() as u64
    }

    /// The headers, in order.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The id at `sequence`.
    #[must_use]
    pub fn id(&self, sequence: u64) -> Option<StatementId> {
        self.ids.get(usize::try_from(sequence).ok()?).copied()
    }

    /// Id of the last of the first `count`; [`StatementId::NONE`] of none.
    #[must_use]
    pub fn head(&self, count: u64) -> StatementId {
        count.checked_sub(1).and_then(|last| self.id(last)).unwrap_or(StatementId::NONE)
    }

    /// Merkle root of the first `count` ids, of those that are held.
    #[must_use]
    pub fn root(&self, count: u64) -> Digest {
        let later = usize::try_from(count).ok().and_then(|at| self.headers.get(at));
        later.map_or_else(|| self.tree.root(), |header| header.own_root)
    }

    /// How many of the counterpart's statements the last one acknowledges.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.headers.last().map_or(0, |header| header.peer_count)
    }

    fn push(&mut self, header: Header, id: StatementId) {
        self.headers.push(header);
        self.ids.push(id);
        self.tree.push(id.0);
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
            previous: own.head(own.count()),
            own_root: own.tree.root(),
            peer_count: peer.count(),
            peer_head: peer.head(peer.count()),
            peer_root: peer.tree.root(),
            clock: heading.clock,
            commitment,
        }
    }

    /// Checks that a header continues its author's chain and acknowledges what is held. Not its signature.
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
        if header.previous != own.head(own.count()) {
            return Err(TranscriptError::ChainBroken);
        }
        if header.own_root != own.tree.root() {
            return Err(TranscriptError::OwnRootMismatch);
        }
        if header.peer_count < own.acknowledged() {
            return Err(TranscriptError::AcknowledgementReversed);
        }
        if header.peer_count > peer.count() {
            let (claimed, held) = (header.peer_count, peer.count());
            return Err(TranscriptError::AcknowledgesUnknown { claimed, held });
        }
        let acknowledged = (peer.head(header.peer_count), peer.root(header.peer_count));
        if (header.peer_head, header.peer_root) != acknowledged {
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
        self.chain_mut(header.author).push(header.clone(), header.id());
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
}
