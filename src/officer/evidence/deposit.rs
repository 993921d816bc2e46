//! What relays signed of a statement that the counterpart has not acknowledged: put into a bundle, and checked from it.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::officer::deposits::{self, DepositEvidence, KeySource, check_deposit};
use crate::officer::engine::Channel;
use crate::party::relay::RelayPlace;
use crate::statement::evidence::checked::{CheckedBundle, Proven};
use crate::statement::evidence::{Deposit, Disclosure};
use crate::statement::header::StatementId;
use crate::statement::signed::Statement;
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// Why a proof of deposit does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepositFault {
    /// See [`deposits::EvidenceError`].
    #[error(transparent)]
    Evidence(#[from] deposits::EvidenceError),
    /// Not one after another the pieces of the statement, each signed by one relay.
    #[error("the cells that a relay signed are not those of the statement")]
    NotTheStatement,
}

/// A relay that signed that it had stored all of a statement's cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositedBy {
    /// The statement.
    pub statement: StatementId,
    /// Where the relay was, by who made the evidence.
    pub place: RelayPlace,
    /// The digest of the key by which it signed.
    pub key: Digest,
    /// Who named the key, by who made the evidence.
    pub source: KeySource,
    /// When it had stored the last of the cells, by its clock.
    pub clock: UnixMillis,
}

/// The proofs of deposit of an own statement: of each relay that signed all of its cells, in the order of its pieces.
pub(super) fn of(channel: &Channel, sequence: u64) -> Result<Option<Deposit>, CodecError> {
    let author = channel.thread.role;
    let Some(session) = channel.session() else { return Ok(None) };
    let mut relays: BTreeMap<(String, Digest), BTreeMap<u32, (u32, DepositEvidence)>> = BTreeMap::new();
    for evidence in channel.deposits_of(sequence) {
        // Our own cells open with the keys that we kept.
        let Ok(deposited) = check_deposit(&evidence, &session.channel, author) else { continue };
        let relay = (evidence.place.to_string(), deposited.key);
        let piece = (deposited.fragment.count, evidence);
        relays.entry(relay).or_default().entry(deposited.fragment.index).or_insert(piece);
    }
    let mut proofs = Vec::new();
    for pieces in relays.into_values() {
        let whole = pieces.values().all(|(count, _)| usize::try_from(*count) == Ok(pieces.len()));
        for (_, evidence) in pieces.into_values().filter(|_| whole) {
            proofs.push(evidence.encode()?);
        }
    }
    Ok((!proofs.is_empty()).then_some(Deposit { author, sequence, proofs }))
}

/// Checks every proof of deposit in a bundle.
pub(super) fn check(bundle: &CheckedBundle) -> Result<Vec<DepositedBy>, DepositFault> {
    let mut all = Vec::new();
    for deposit in &bundle.deposits {
        let at = |it: &&Proven| (it.header.author, it.header.sequence) == (deposit.author, deposit.sequence);
        let proven = bundle.statements.iter().find(at).ok_or(DepositFault::NotTheStatement)?;
        all.extend(check_one(bundle, proven, deposit)?);
    }
    Ok(all)
}

fn check_one(
    bundle: &CheckedBundle,
    proven: &Proven,
    deposit: &Deposit,
) -> Result<Vec<DepositedBy>, DepositFault> {
    let (mut all, mut bytes) = (Vec::new(), Vec::new());
    let mut relay: Option<DepositedBy> = None;
    let (mut next, mut count) = (0, 0);
    for proof in &deposit.proofs {
        let evidence = DepositEvidence::decode(proof)?;
        let deposited = check_deposit(&evidence, &bundle.preamble.channel, deposit.author)?;
        let by = DepositedBy {
            statement: proven.id,
            place: evidence.place,
            key: deposited.key,
            source: evidence.source,
            clock: deposited.clock,
        };
        let piece = deposited.fragment;
        let one = relay.get_or_insert_with(|| by.clone());
        let same = (&one.place, one.key, one.source) == (&by.place, by.key, by.source);
        if !same || piece.index != next || (next > 0 && piece.count != count) {
            return Err(DepositFault::NotTheStatement);
        }
        one.clock = one.clock.max(by.clock);
        bytes.extend(piece.bytes);
        (next, count) = (next.saturating_add(1), piece.count);
        if next == count {
            let statement = Statement::decode(&bytes).map_err(|_| DepositFault::NotTheStatement)?;
            if statement.header != proven.header || proven.disclosure != Disclosure::Whole(statement.said) {
                return Err(DepositFault::NotTheStatement);
            }
            let by = relay.take();
            let place = |it: &DepositedBy| (it.place.to_string(), it.key);
            // Rising, as they are made: none stands twice.
            if by.as_ref().map(place) <= all.last().map(place) {
                return Err(DepositFault::NotTheStatement);
            }
            all.extend(by);
            bytes.clear();
            next = 0;
        }
    }
    if next == 0 && !all.is_empty() { Ok(all) } else { Err(DepositFault::NotTheStatement) }
}
