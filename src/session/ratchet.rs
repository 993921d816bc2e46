//! The Double Ratchet with header encryption (Signal's specification, revision 4, section 4), each
//! Diffie-Hellman step joined by an ML-KEM-768 step. A cell that does not open changes nothing: opening
//! gives a change, and only taking the change moves the ratchet.
//!
//! ```text
//! step digest          = H(X25519 key ‖ ML-KEM key ‖ ciphertext) of the sender
//! RK' ‖ CK ‖ NHK (96)  = HKDF(salt = RK, ikm = DH ‖ KEM secret, info = label ‖ step digest)
//! message key          = HMAC(CK, label "chain/message")
//! next CK              = HMAC(CK, label "chain/next")
//! ```

use crate::codec::{CellBytes, CodecError};
use crate::crypto::agree::{AgreeError, DhPublic, DhSecret, KemPublic, KemSecret, encapsulate};
use crate::crypto::derive::{expand, extract, mac};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::secret::Secret;
use crate::party::role::Role;
use crate::session::cell::{self, Header, NONCE_BYTES, Parts, Sealed, StepPublic};
use crate::time::{Millis, UnixMillis};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;
use std::collections::BTreeMap;

/// Keys of skipped cells kept for one chain, at most.
pub const SKIPPED_CHAIN_MAX: u32 = 1_024;
/// Keys of skipped cells kept in all, at most; the oldest chain gives way first.
pub const SKIPPED_MAX: usize = 2_048;
/// A skipped key is erased when its chain ended so long ago.
pub const SKIPPED_FOR: Millis = Millis::days(30);

/// Why a cell was not opened, or none could be sealed. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RatchetError {
    /// No header key opens the header, or the body does not open: not a cell of this channel, altered, or so
    /// old that its key is erased.
    #[error("the cell does not open")]
    NotOpened,
    /// The cell's key was used: it was opened before.
    #[error("the cell was opened before")]
    Replayed,
    /// The header's public values differ from those of its chain.
    #[error("the cell's header contradicts its chain")]
    HeaderMismatch,
    /// More cells would be skipped than keys may be kept.
    #[error("the cell lies {0} cells ahead; at most {SKIPPED_CHAIN_MAX} may be skipped")]
    TooFarAhead(u32),
    /// The joiner seals nothing until the welcome has opened.
    #[error("no cell can be sealed before the counterpart's first has opened")]
    NotYetSending,
    /// The chain has no numbers left.
    #[error("the sending chain is used up")]
    ChainExhausted,
    /// A public value that the standard tells to refuse.
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// Content over the limit of a cell.
    #[error(transparent)]
    Content(#[from] CodecError),
}

/// A party's public ratchet keys before any step: what the joiner's hello carries.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirstKeys {
    /// X25519 key.
    pub dh: DhPublic,
    /// ML-KEM key.
    pub kem: KemPublic,
}

impl FirstKeys {
    /// `SHA-256(label ‖ X25519 key ‖ ML-KEM key)`: what each party signs of its own in the introduction.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(label::RATCHET_KEYS, &[&self.dh.0, self.kem.0.as_ref()])
    }
}

/// The private side of a step.
#[derive(Encode, Decode)]
pub struct OwnKeys {
    dh: DhSecret,
    kem: KemSecret,
}

impl OwnKeys {
    /// Fresh keys.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self { dh: DhSecret::random(rng), kem: KemSecret::random(rng) }
    }

    /// The public side.
    #[must_use]
    pub fn public(&self) -> FirstKeys {
        FirstKeys { dh: self.dh.public(), kem: self.kem.public() }
    }
}

/// What the introduction gives the ratchet: `RK ‖ HK_i ‖ NHK_j`.
#[derive(Encode, Decode)]
pub struct ChannelKeys {
    root: Secret<32>,
    inviter_header: Secret<32>,
    joiner_next_header: Secret<32>,
}

impl ChannelKeys {
    /// Takes `root 32 ‖ inviter's header key 32 ‖ joiner's next header key 32`.
    #[must_use]
    pub fn new(bytes: &Secret<96>) -> Self {
        let [root, inviter_header, joiner_next_header] = thirds(bytes);
        Self { root, inviter_header, joiner_next_header }
    }
}

fn thirds(bytes: &Secret<96>) -> [Secret<32>; 3] {
    [0, 32, 64].map(|at| {
        Secret::fill(|to| {
            to.iter_mut().zip(bytes.expose().iter().skip(at)).for_each(|(to, from)| *to = *from)
        })
    })
}

#[derive(Encode, Decode)]
struct Sending {
    chain: Secret<32>,
    header: Secret<32>,
    number: u32,
    step: StepPublic,
}

/// Keys of one receiving chain's skipped cells.
#[derive(Encode, Decode)]
struct Skipped {
    header: Secret<32>,
    step: Digest,
    keys: BTreeMap<u32, Secret<32>>,
    /// When the chain ended; the receiving chain's own has not.
    ended: UnixMillis,
}

#[derive(Encode, Decode)]
struct Receiving {
    chain: Secret<32>,
    number: u32,
    skipped: Skipped,
}

/// One side's state of a channel's ratchet.
#[derive(Encode, Decode)]
pub struct Ratchet {
    channel: Digest,
    role: Role,
    root: Secret<32>,
    own: OwnKeys,
    sending: Option<Sending>,
    previous: u32,
    next_send_header: Secret<32>,
    receiving: Option<Receiving>,
    next_receive_header: Secret<32>,
    /// Chains that ended with keys unused, oldest first.
    ended: Vec<Skipped>,
}

/// An opened cell, and the change it asks of the ratchet: of the state that opened it. Between opening and
/// taking, the ratchet must open and take nothing else.
pub struct Opened {
    /// The content.
    pub content: Vec<u8>,
    /// Digest of the sender's public keys in this cell's chain, as [`FirstKeys::digest`].
    pub sender_keys: Digest,
    change: Change,
}

enum Change {
    /// A key of an ended chain is used up.
    Ended { chain: usize, number: u32 },
    /// A skipped key of the receiving chain is used up.
    Skipped { number: u32 },
    /// The receiving chain moves on.
    Advance(Advance),
    /// A new receiving chain begins.
    Step(Box<Step>),
}

struct Advance {
    chain: Secret<32>,
    number: u32,
    skipped: Vec<(u32, Secret<32>)>,
}

struct Step {
    root: Secret<32>,
    own: OwnKeys,
    sending: Sending,
    next_send_header: Secret<32>,
    next_receive_header: Secret<32>,
    /// What the chain that ends still owed.
    owed: Vec<(u32, Secret<32>)>,
    step: Digest,
    advance: Advance,
}

fn root_step(root: &Secret<32>, dh: &Secret<32>, kem: &Secret<32>, step: &Digest) -> [Secret<32>; 3] {
    let prk = extract(root.expose(), &[dh.expose(), kem.expose()]);
    thirds(&expand(&prk, label::RATCHET_ROOT, &[&step.0]))
}

/// The message key of `from`'s cell number `to`, the chain key after it, and the keys of those between.
fn walk(chain: &Secret<32>, from: u32, to: u32) -> Result<(Secret<32>, Advance), RatchetError> {
    let ahead = to.saturating_sub(from);
    if ahead > SKIPPED_CHAIN_MAX || to == u32::MAX {
        return Err(RatchetError::TooFarAhead(ahead));
    }
    let mut chain = chain.copy();
    let mut skipped = Vec::new();
    for number in from..to {
        skipped.push((number, mac(&chain, label::CHAIN_MESSAGE, &[])));
        chain = mac(&chain, label::CHAIN_NEXT, &[]);
    }
    let message_key = mac(&chain, label::CHAIN_MESSAGE, &[]);
    let chain = mac(&chain, label::CHAIN_NEXT, &[]);
    Ok((message_key, Advance { chain, number: to.saturating_add(1), skipped }))
}

/// The sending chain of `own` fresh keys towards the peer's last.
fn begin_sending(
    root: &Secret<32>,
    own: &OwnKeys,
    peer: &FirstKeys,
    header: Secret<32>,
    rng: &mut dyn CryptoRng,
) -> Result<(Secret<32>, Sending, Secret<32>), RatchetError> {
    let dh = own.dh.agree(&peer.dh)?;
    let (ciphertext, kem) = encapsulate(&peer.kem, rng)?;
    let FirstKeys { dh: dh_public, kem: kem_public } = own.public();
    let step = StepPublic { dh: dh_public, kem: kem_public, ciphertext };
    let [root, chain, next_header] = root_step(root, &dh, &kem, &step.digest());
    Ok((root, Sending { chain, header, number: 0, step }, next_header))
}

impl Ratchet {
    /// The inviter's ratchet (the specification's Alice): it can seal at once.
    ///
    /// # Errors
    /// [`RatchetError::Agree`] when the joiner's keys are refused.
    pub fn inviter(
        channel: Digest,
        keys: ChannelKeys,
        joiner: &FirstKeys,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, RatchetError> {
        let own = OwnKeys::random(rng);
        let (root, sending, next_send_header) =
            begin_sending(&keys.root, &own, joiner, keys.inviter_header, rng)?;
        Ok(Self {
            channel,
            role: Role::Inviter,
            root,
            own,
            sending: Some(sending),
            previous: 0,
            next_send_header,
            receiving: None,
            next_receive_header: keys.joiner_next_header,
            ended: Vec::new(),
        })
    }

    /// The joiner's ratchet (the specification's Bob) with the keys its hello named: it seals once the
    /// inviter's first cell has opened.
    #[must_use]
    pub fn joiner(channel: Digest, keys: ChannelKeys, own: OwnKeys) -> Self {
        Self {
            channel,
            role: Role::Joiner,
            root: keys.root,
            own,
            sending: None,
            previous: 0,
            next_send_header: keys.joiner_next_header,
            receiving: None,
            next_receive_header: keys.inviter_header,
            ended: Vec::new(),
        }
    }

    /// Digest of this side's public keys, as [`FirstKeys::digest`].
    #[must_use]
    pub fn own_keys(&self) -> Digest {
        self.own.public().digest()
    }

    /// Seals content of at most [`cell::CONTENT_BYTES_MAX`] bytes and moves the sending chain. The new state
    /// must be durable before the cell is sent.
    ///
    /// # Errors
    /// [`RatchetError::NotYetSending`], [`RatchetError::ChainExhausted`], [`RatchetError::Content`].
    pub fn seal(&mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<Box<CellBytes>, RatchetError> {
        Ok(self.seal_shown(content, rng)?.cell)
    }

    /// As [`Ratchet::seal`], with the key to the cell's body.
    ///
    /// # Errors
    /// As [`Ratchet::seal`].
    pub fn seal_shown(&mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<Sealed, RatchetError> {
        let sending = self.sending.as_mut().ok_or(RatchetError::NotYetSending)?;
        let next = sending.number.checked_add(1).ok_or(RatchetError::ChainExhausted)?;
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let header = Header { step: sending.step.clone(), previous: self.previous, number: sending.number };
        let message_key = mac(&sending.chain, label::CHAIN_MESSAGE, &[]);
        let direction = cell::direction(&self.channel, self.role);
        let sealed = cell::seal(&sending.header, &message_key, &nonce, &direction, &header, content)?;
        sending.chain = mac(&sending.chain, label::CHAIN_NEXT, &[]);
        sending.number = next;
        Ok(sealed)
    }

    /// Opens a cell of the counterpart. Changes nothing: see [`Ratchet::take`].
    ///
    /// # Errors
    /// [`RatchetError`].
    pub fn open(&self, cell: &CellBytes, rng: &mut dyn CryptoRng) -> Result<Opened, RatchetError> {
        let parts = Parts::of(cell);
        let direction = cell::direction(&self.channel, self.role.other());
        if let Some(receiving) = &self.receiving
            && let Ok(header) = parts.open_header(&receiving.skipped.header, &direction)
        {
            return Self::open_current(receiving, &parts, &direction, &header);
        }
        if let Ok(header) = parts.open_header(&self.next_receive_header, &direction) {
            return self.open_step(&parts, &direction, &header, rng);
        }
        for (chain, skipped) in self.ended.iter().enumerate() {
            let Ok(header) = parts.open_header(&skipped.header, &direction) else { continue };
            let (content, sender_keys) = open_skipped(skipped, &parts, &direction, &header)?;
            return Ok(Opened {
                content,
                sender_keys,
                change: Change::Ended { chain, number: header.number },
            });
        }
        Err(RatchetError::NotOpened)
    }

    fn open_current(
        receiving: &Receiving,
        parts: &Parts<'_>,
        direction: &[u8],
        header: &Header,
    ) -> Result<Opened, RatchetError> {
        if header.number < receiving.number {
            let (content, sender_keys) = open_skipped(&receiving.skipped, parts, direction, header)?;
            return Ok(Opened { content, sender_keys, change: Change::Skipped { number: header.number } });
        }
        if header.step.digest() != receiving.skipped.step {
            return Err(RatchetError::HeaderMismatch);
        }
        room(receiving, header.number)?;
        let (message_key, advance) = walk(&receiving.chain, receiving.number, header.number)?;
        let content = parts.open_body(&message_key, direction).map_err(|_| RatchetError::NotOpened)?;
        Ok(Opened { content, sender_keys: sender_keys(header), change: Change::Advance(advance) })
    }

    fn open_step(
        &self,
        parts: &Parts<'_>,
        direction: &[u8],
        header: &Header,
        rng: &mut dyn CryptoRng,
    ) -> Result<Opened, RatchetError> {
        let owed = match &self.receiving {
            Some(receiving) => owed(receiving, header.previous)?,
            None => Vec::new(),
        };
        let step = header.step.digest();
        let dh = self.own.dh.agree(&header.step.dh)?;
        let kem = self.own.kem.decapsulate(&header.step.ciphertext);
        let [root, chain, next_receive_header] = root_step(&self.root, &dh, &kem, &step);
        let (message_key, advance) = walk(&chain, 0, header.number)?;
        let content = parts.open_body(&message_key, direction).map_err(|_| RatchetError::NotOpened)?;
        let own = OwnKeys::random(rng);
        let peer = FirstKeys { dh: header.step.dh, kem: header.step.kem.clone() };
        let (root, sending, next_send_header) =
            begin_sending(&root, &own, &peer, self.next_send_header.copy(), rng)?;
        let change = Step { root, own, sending, next_send_header, next_receive_header, owed, step, advance };
        Ok(Opened { content, sender_keys: sender_keys(header), change: Change::Step(Box::new(change)) })
    }

    /// Moves the ratchet past an opened cell, whatever its content turned out to be; gives the content.
    /// `now` dates the chain that ends.
    pub fn take(&mut self, opened: Opened, now: UnixMillis) -> Vec<u8> {
        match opened.change {
            Change::Ended { chain, number } => {
                if let Some(skipped) = self.ended.get_mut(chain) {
                    skipped.keys.remove(&number);
                }
            }
            Change::Skipped { number } => {
                if let Some(receiving) = &mut self.receiving {
                    receiving.skipped.keys.remove(&number);
                }
            }
            Change::Advance(advance) => {
                if let Some(receiving) = &mut self.receiving {
                    receiving.chain = advance.chain;
                    receiving.number = advance.number;
                    receiving.skipped.keys.extend(advance.skipped);
                }
            }
            Change::Step(step) => self.take_step(*step, now),
        }
        self.erase_old(now);
        opened.content
    }

    fn take_step(&mut self, step: Step, now: UnixMillis) {
        if let Some(receiving) = self.receiving.take() {
            let mut skipped = receiving.skipped;
            skipped.keys.extend(step.owed);
            skipped.ended = now;
            self.ended.push(skipped);
        }
        let header = std::mem::replace(&mut self.next_receive_header, step.next_receive_header);
        let Advance { chain, number, skipped } = step.advance;
        let keys = skipped.into_iter().collect();
        let skipped = Skipped { header, step: step.step, keys, ended: now };
        self.receiving = Some(Receiving { chain, number, skipped });
        self.previous = self.sending.as_ref().map_or(0, |sending| sending.number);
        self.sending = Some(step.sending);
        self.root = step.root;
        self.own = step.own;
        self.next_send_header = step.next_send_header;
    }

    /// Erases the keys of skipped cells that are too old or too many, as [`Ratchet::take`] does each time: for
    /// a channel in which no cell comes any more.
    pub fn erase_old(&mut self, now: UnixMillis) {
        self.ended.retain(|skipped| !skipped.keys.is_empty() && now.since(skipped.ended) <= SKIPPED_FOR);
        while self.skipped_keys() > SKIPPED_MAX && !self.ended.is_empty() {
            self.ended.remove(0);
        }
    }

    /// Keys of skipped cells held.
    #[must_use]
    pub fn skipped_keys(&self) -> usize {
        let current = self.receiving.as_ref().map_or(0, |receiving| receiving.skipped.keys.len());
        self.ended.iter().fold(current, |sum, skipped| sum.saturating_add(skipped.keys.len()))
    }
}

fn sender_keys(header: &Header) -> Digest {
    FirstKeys { dh: header.step.dh, kem: header.step.kem.clone() }.digest()
}

fn open_skipped(
    skipped: &Skipped,
    parts: &Parts<'_>,
    direction: &[u8],
    header: &Header,
) -> Result<(Vec<u8>, Digest), RatchetError> {
    if header.step.digest() != skipped.step {
        return Err(RatchetError::HeaderMismatch);
    }
    let message_key = skipped.keys.get(&header.number).ok_or(RatchetError::Replayed)?;
    let content = parts.open_body(message_key, direction).map_err(|_| RatchetError::NotOpened)?;
    Ok((content, sender_keys(header)))
}

/// Holds the limit of one chain: the keys it keeps already count with those of the cells before `to`.
fn room(receiving: &Receiving, to: u32) -> Result<(), RatchetError> {
    let ahead = to.saturating_sub(receiving.number);
    let kept = u32::try_from(receiving.skipped.keys.len()).unwrap_or(u32::MAX);
    if kept.saturating_add(ahead) > SKIPPED_CHAIN_MAX {
        Err(RatchetError::TooFarAhead(ahead))
    } else {
        Ok(())
    }
}

/// Keys of the cells that a chain of `length` cells still owes.
fn owed(receiving: &Receiving, length: u32) -> Result<Vec<(u32, Secret<32>)>, RatchetError> {
    match length.checked_sub(receiving.number) {
        None | Some(0) => Ok(Vec::new()),
        Some(_) => {
            room(receiving, length)?;
            let last = length.saturating_sub(1);
            let (message_key, mut advance) = walk(&receiving.chain, receiving.number, last)?;
            advance.skipped.push((last, message_key));
            Ok(advance.skipped)
        }
    }
}
