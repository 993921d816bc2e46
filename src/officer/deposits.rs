//! Deposits: what relays signed of our cells, by which key, and how it is shown to others. A relay's proof is kept
//! until the counterpart's own signature covers the statement.

use crate::codec::{self, CellBytes, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::seal::OneTimeKey;
use crate::crypto::secret::Secret;
use crate::crypto::sign::VerifyingKey;
use crate::officer::cell::{Carries, OutCell};
use crate::officer::engine::{Channel, Turn};
use crate::officer::link::{Purpose, Trouble};
use crate::officer::table;
use crate::party::relay::{RelayPlace, RelayPlaceError};
use crate::party::role::Role;
use crate::session::cell::{self, Parts};
use crate::session::content::{Content, Fragment};
use crate::time::UnixMillis;
use crate::wire::deposit::{Deposit, DepositError, DepositProof, StoredProof, key_digest, presented_key};
use crate::wire::queue::{CellHash, QueueId};
use bincode::{Decode, Encode};

/// Bytes of an encoded [`DepositEvidence`], at most: 22,705 with the longest address and path.
pub const EVIDENCE_BYTES_MAX: usize = 24 << 10;
const VERSION: u8 = 1;

/// What is known of the key with which the relay of a queue that we write signs deposits.
#[derive(Encode, Decode)]
pub struct RelayKey {
    /// The digest of the key that the queue's owner named in its signed offer or hello.
    pub named: Option<Digest>,
    /// The key: the one that was named or, where none was, the first that the relay presented.
    pub key: Option<VerifyingKey>,
    /// The digest of another key, where the relay presented one last.
    pub other: Option<Digest>,
    /// Proofs by the relay that did not hold.
    pub broken: u32,
}

/// How a presented key compares with what is known.
enum Presented {
    /// It is the key.
    Known,
    /// It is another than the first; the owner named none.
    Changed,
    /// It is another than the owner named.
    Refused,
}

impl RelayKey {
    /// Of a relay whose queue's owner named this digest; zeros are none.
    #[must_use]
    pub fn named_as(digest: Digest) -> Self {
        let named = (digest != Digest([0; 32])).then_some(digest);
        Self { named, key: None, other: None, broken: 0 }
    }

    /// Takes in what the relay presents; also whether that changed anything.
    fn present(&mut self, key: VerifyingKey) -> (Presented, bool) {
        let digest = key_digest(&key);
        let (other, outcome) = match (self.named, &self.key) {
            (Some(named), _) if named != digest => (Some(digest), Presented::Refused),
            (None, Some(first)) if *first != key => (Some(digest), Presented::Changed),
            _ => (None, Presented::Known),
        };
        let first = other.is_none() && self.key.is_none();
        let changed = first || other != self.other;
        if first {
            self.key = Some(key);
        }
        self.other = other;
        (outcome, changed)
    }
}

/// What a relay signed of one of our cells: the row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HeldDeposit {
    /// The writer id under which the cell was put.
    pub writer: QueueId,
    /// The cell's index.
    pub index: u64,
    /// The relay's clock.
    pub clock: UnixMillis,
    /// The proof.
    pub proof: DepositProof,
}

impl HeldDeposit {
    /// Checks the proof by the relay's key, for the cell with this hash.
    ///
    /// # Errors
    /// [`DepositError`].
    pub fn verify(&self, key: &VerifyingKey, cell: CellHash) -> Result<(), DepositError> {
        let Self { writer, index, clock, proof } = self;
        proof.verify(key, &Deposit { writer: *writer, index: *index, cell, clock: *clock })
    }
}

/// Where a whole statement was deposited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositedAt<'a> {
    /// The relay.
    pub place: &'a RelayPlace,
    /// When it had stored the last of the statement's cells, by its clock.
    pub clock: UnixMillis,
    /// The digest of the key by which it signed all of them; none where that is its bare word.
    pub signed: Option<Digest>,
}

/// Who named a relay's deposit key. Says how far the key can be believed; the evidence does not prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum KeySource {
    /// The counterpart, in its signed offer or hello.
    Counterpart,
    /// Nobody: it is the first key that the relay presented.
    FirstSeen,
}

/// All that shows one cell's deposit, and what was in the cell, to somebody else. It discloses the whole of the fragment in
/// the cell.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct DepositEvidence {
    /// Where the relay was.
    pub place: RelayPlace,
    /// Its deposit key.
    pub key: VerifyingKey,
    /// Who named the key.
    pub source: KeySource,
    /// The writer id under which the cell was put.
    pub writer: QueueId,
    /// The cell's index.
    pub index: u64,
    /// The relay's clock.
    pub clock: UnixMillis,
    /// What the relay signed.
    pub proof: DepositProof,
    /// The cell.
    pub cell: Box<CellBytes>,
    /// Key and nonce of its body.
    pub body_key: [u8; 44],
}

impl std::fmt::Debug for DepositEvidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DepositEvidence({} {} at {})", self.place, self.index, self.clock.0)
    }
}

/// What evidence of a deposit proves: that the relay with this key said it had stored, at this time by its clock, a cell
/// that opens to this fragment with the key its sender shows. Not that the counterpart could open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposited {
    /// The relay's clock.
    pub clock: UnixMillis,
    /// The digest of the relay's deposit key.
    pub key: Digest,
    /// The piece of a statement in the cell: its sequence number, which piece of how many, its bytes.
    pub fragment: Fragment,
}

/// Evidence of a deposit that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not of its form.
    #[error("the evidence of a deposit is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// A version this program does not know.
    #[error("the evidence of a deposit has version {0}; this program knows version 1")]
    VersionUnknown(u8),
    /// See [`RelayPlaceError`].
    #[error(transparent)]
    Relay(#[from] RelayPlaceError),
    /// The relay's proof does not hold.
    #[error("the proof of deposit does not hold: {0}")]
    Proof(#[from] DepositError),
    /// The cell does not open with the key, as a cell of this channel and direction.
    #[error("the cell does not open with the key that is shown")]
    NotOpened,
    /// The cell opens, and holds no piece of a statement.
    #[error("the cell holds no piece of a statement")]
    NoFragment,
}

impl DepositEvidence {
    /// The evidence's bytes: `version u8 = 1`, then the fields in their order.
    ///
    /// # Errors
    /// Never for evidence within its limits.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(&(VERSION, self), EVIDENCE_BYTES_MAX)
    }

    /// Reads evidence. Checks its form alone: see [`check_deposit`].
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let version = bytes.first().copied().unwrap_or_default();
        if version != VERSION {
            return Err(EvidenceError::VersionUnknown(version));
        }
        let (_, evidence): (u8, Self) = codec::decode(bytes, EVIDENCE_BYTES_MAX)?;
        evidence.place.check()?;
        Ok(evidence)
    }
}

/// Checks evidence of a deposit in `channel` by the party with role `sender`: signature, path, cell and what is in it.
/// Whose key it is, who checks must know; address, pin and source in the evidence are its maker's claims.
///
/// # Errors
/// [`EvidenceError`].
pub fn check_deposit(
    evidence: &DepositEvidence,
    channel: &Digest,
    sender: Role,
) -> Result<Deposited, EvidenceError> {
    let DepositEvidence { writer, index, clock, .. } = *evidence;
    let deposit = Deposit { writer, index, cell: CellHash::of(&evidence.cell), clock };
    evidence.proof.verify(&evidence.key, &deposit)?;
    let mut body_key = evidence.body_key;
    let key = OneTimeKey(Secret::take(&mut body_key));
    let content = Parts::of(&evidence.cell)
        .open_shown(&key, &cell::direction(channel, sender))
        .map_err(|_| EvidenceError::NotOpened)?;
    match Content::decode(&content) {
        Ok(Content::Fragment(fragment)) if fragment.is_sound() => {
            Ok(Deposited { clock, key: key_digest(&evidence.key), fragment })
        }
        _ => Err(EvidenceError::NoFragment),
    }
}

impl Channel {
    /// The evidence that relays hold the cells of our statement with this sequence number, in the order of its pieces;
    /// empty once the counterpart has acknowledged it, and where no relay signed.
    #[must_use]
    pub fn deposits_of(&self, sequence: u64) -> Vec<DepositEvidence> {
        let mut all = Vec::new();
        for cell in self.cells_of(sequence) {
            for (relay, held) in &cell.deposits {
                let outbound = self.outbounds().get(usize::from(*relay));
                let relay_key = outbound.and_then(|outbound| outbound.deposit.key.as_ref());
                let (Some(outbound), Some(key), Some(body_key)) = (outbound, relay_key, &cell.key) else {
                    continue;
                };
                let named = outbound.deposit.named.is_some();
                all.push(DepositEvidence {
                    place: outbound.place.clone(),
                    key: key.clone(),
                    source: if named { KeySource::Counterpart } else { KeySource::FirstSeen },
                    writer: held.writer,
                    index: held.index,
                    clock: held.clock,
                    proof: held.proof.clone(),
                    cell: cell.bytes.clone(),
                    body_key: *body_key.expose(),
                });
            }
        }
        all
    }

    /// The relays that have all cells of our statement with this sequence number; empty once it is acknowledged.
    #[must_use]
    pub fn deposited_at(&self, sequence: u64) -> Vec<DepositedAt<'_>> {
        let sealed = self.session().is_some_and(|session| sequence < session.sealed);
        let cells: Vec<&OutCell> = self.cells_of(sequence).collect();
        if !sealed || cells.is_empty() {
            return Vec::new();
        }
        let relays = (0u8..).zip(self.outbounds());
        relays
            .filter_map(|(at, outbound)| {
                let stored = |cell: &&OutCell| {
                    let signed = cell.deposits.get(&at).map(|held| held.clock);
                    signed.or_else(|| cell.places.get(usize::from(at))?.stored)
                };
                let times: Option<Vec<_>> = cells.iter().map(stored).collect();
                let signed = cells.iter().all(|cell| cell.deposits.contains_key(&at));
                let key = outbound.deposit.key.as_ref().filter(|_| signed).map(key_digest);
                Some(DepositedAt { place: &outbound.place, clock: times?.into_iter().max()?, signed: key })
            })
            .collect()
    }

    fn cells_of(&self, sequence: u64) -> impl Iterator<Item = &OutCell> {
        let of_it = move |cell: &&OutCell| matches!(cell.carries, Carries::Fragment { sequence: of, .. } if of == sequence);
        self.outbox.cells.values().filter(of_it)
    }

    /// Holds the deposit key that the relay of a counterpart's queue presents against what is known. False where
    /// nothing may be put there.
    pub(super) fn relay_key(&mut self, at: u8, area: Option<&CellBytes>) -> bool {
        let purpose = Purpose::Outbound(at);
        let Some(key) = area.and_then(|area| presented_key(area).ok()) else {
            self.trouble(purpose, Trouble::Nonsense);
            return false;
        };
        let Some(outbound) = self.outbounds_mut().get_mut(usize::from(at)) else { return false };
        let (presented, changed) = outbound.deposit.present(key);
        self.changed |= changed;
        if let Some(link) = self.links.get_mut(&purpose) {
            link.signs = matches!(presented, Presented::Known);
        }
        match presented {
            Presented::Known => true,
            Presented::Changed => {
                // Not a reason to stop: a relay whose key is lost still carries, and its word is told for what it is.
                self.troubles.insert(purpose, Trouble::DepositKeyChanged);
                true
            }
            Presented::Refused => {
                self.trouble(purpose, Trouble::DepositKeyOther);
                false
            }
        }
    }

    /// Holds the key that a relay of our own presents against what the counterpart was told of it.
    pub(super) fn own_relay_key(&mut self, at: u8, area: Option<&CellBytes>) {
        let named = self.inbound(at).and_then(|inbound| inbound.deposit);
        let presented = area.and_then(|area| presented_key(area).ok()).map(|key| key_digest(&key));
        if named.is_some() && presented != named {
            self.troubles.insert(Purpose::Inbound(at), Trouble::DepositKeyOwn);
        }
    }

    /// What came with `Stored`, its signature verified.
    pub(super) fn signed_tree(
        &self,
        at: u8,
        area: Option<&CellBytes>,
        count: u32,
    ) -> Result<StoredProof, DepositError> {
        let outbound = self.outbounds().get(usize::from(at));
        let key = outbound.and_then(|outbound| outbound.deposit.key.as_ref());
        let (Some(area), Some(key)) = (area, key) else { return Err(DepositError::SignatureInvalid) };
        let proof = StoredProof::decode(area, count)?;
        proof.tree.verify(key)?;
        Ok(proof)
    }

    /// Checks that the cell put at `index` is in the tree whose signature was verified, and keeps the proof: the first of
    /// each relay, of a statement's cells.
    pub(super) fn keep_deposit(
        &mut self,
        at: u8,
        index: u64,
        clock: UnixMillis,
        proof: DepositProof,
        turn: &mut Turn<'_>,
    ) -> Result<(), DepositError> {
        let relay = usize::from(at);
        let writer = self.outbounds().get(relay).map(|outbound| outbound.writer);
        let number = self.outbox.at_index(relay, index);
        let cell = number.and_then(|number| Some((number, self.outbox.cells.get_mut(&number)?)));
        // What was acknowledged since it was put is no longer here.
        let (Some(writer), Some((number, cell))) = (writer, cell) else { return Ok(()) };
        proof.tree.holds(&Deposit { writer, index, cell: cell.hash, clock }, &proof.path)?;
        if matches!(cell.carries, Carries::Fragment { .. }) && !cell.deposits.contains_key(&at) {
            let held = HeldDeposit { writer, index, clock, proof };
            turn.put(table::DEPOSIT, table::opened_key(self.number, number, at), &held);
            cell.deposits.insert(at, held);
        }
        Ok(())
    }

    /// A proof did not hold: nothing that it covers counts as stored.
    pub(super) fn deposit_broken(&mut self, at: u8) {
        if let Some(outbound) = self.outbounds_mut().get_mut(usize::from(at)) {
            outbound.deposit.broken = outbound.deposit.broken.saturating_add(1);
            self.changed = true;
        }
        self.trouble(Purpose::Outbound(at), Trouble::DepositBroken);
    }
}
