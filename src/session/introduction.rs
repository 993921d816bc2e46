//! The introduction: two strangers become a channel, through one invite.
//!
//! ```text
//! inviter                                  joiner
//!   Offered ── offer, in its queue ────────▶ (verifies it against the invite)
//!   (opens it with the one-time keys) ◀──── hello ── Greeting
//!   channel ── welcome, cell 0 ────────────▶ (verifies it) channel
//!
//! hello cell = version u8 = 1 ‖ X25519 32 ‖ ML-KEM ciphertext 1,088 ‖ ChaCha20-Poly1305(length ‖ content ‖ zeros)
//! extract    = HKDF-Extract(salt = invite secret, ikm = X25519 ‖ ML-KEM secret)
//! hello key ‖ nonce 44 = Expand(extract, label "hello/key" ‖ H(label "hello/bound" ‖ offer digest ‖ clear part))
//! channel    = H(label ‖ offer digest ‖ H(clear part) ‖ H(hello content without its signature))
//! RK ‖ HK_i ‖ NHK_j    = Expand(extract, label ‖ channel, 96)
//! each signs   label(role) ‖ channel ‖ H(inviter card) ‖ H(joiner card) ‖ H(own first ratchet keys)
//! ```

use crate::codec::{self, CELL_BYTES, CellBytes, CodecError};
use crate::crypto::agree::{AgreeError, DhPublic, DhSecret, KemCiphertext, KemSecret, encapsulate};
use crate::crypto::derive::{expand, extract};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label::{self, Label};
use crate::crypto::seal::{OneTimeKey, SealBroken, TAG_BYTES};
use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueKey, SignError, Signature};
use crate::party::card::{Card, CardError, Identity};
use crate::party::relay::{RELAYS_MAX, RelayPlace, RelayPlaceError};
use crate::party::role::Role;
use crate::session::content::{Content, Welcome};
use crate::session::invite::{SignedOffer, WriteCapability};
use crate::session::ratchet::{ChannelKeys, FirstKeys, Opened, OwnKeys, Ratchet, RatchetError};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;

/// Bytes of a hello's clear part.
const CLEAR_BYTES: usize = 1 + 32 + 1088;
const HELLO_TEXT_BYTES: usize = CELL_BYTES - CLEAR_BYTES - TAG_BYTES;

/// An introduction that is refused. Nothing is consumed by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntroductionError {
    /// Not sealed for this offer with this invite's secret, or altered.
    #[error("the hello does not open: it was not made from this invite")]
    HelloNotOpened,
    /// Opens, and is no hello.
    #[error("the hello is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// A signature that does not hold.
    #[error("the introduction's signature does not hold")]
    SignatureInvalid(#[from] SignError),
    /// See [`CardError`].
    #[error(transparent)]
    Card(#[from] CardError),
    /// See [`RelayPlaceError`].
    #[error(transparent)]
    Relay(#[from] RelayPlaceError),
    /// Both cards are one, or share a key.
    #[error("the counterpart's card holds one of our own keys")]
    CardsShareKey,
    /// Not one writer key or id for each relay, or no relay, or too many.
    #[error("the introduction does not name one writer for each relay")]
    RelaysMismatch,
    /// See [`AgreeError`].
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// See [`RatchetError`].
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
    /// The inviter's first cell opens, and is no welcome.
    #[error("the counterpart's first message is not a welcome")]
    WelcomeMissing,
}

impl From<SealBroken> for IntroductionError {
    fn from(_: SealBroken) -> Self {
        Self::HelloNotOpened
    }
}

#[derive(Encode, Decode)]
struct HelloContent {
    card: Card,
    relays: Vec<WriteCapability>,
    writer_keys: Vec<QueueKey>,
    first: FirstKeys,
}

fn check_relays(relays: &[WriteCapability]) -> Result<(), IntroductionError> {
    if !(1..=RELAYS_MAX).contains(&relays.len()) {
        return Err(IntroductionError::RelaysMismatch);
    }
    Ok(relays.iter().map(|relay| &relay.place).try_for_each(RelayPlace::check)?)
}

/// The id of a channel and what both parties signed of it.
struct Binding {
    channel: Digest,
    inviter: Digest,
    joiner: Digest,
}

impl Binding {
    fn new(
        offer: &SignedOffer,
        clear: &[u8],
        content: &[u8],
        joiner: &Card,
    ) -> Result<Self, IntroductionError> {
        if offer.card() == joiner || offer.card().key().shares_with(joiner.key()) {
            return Err(IntroductionError::CardsShareKey);
        }
        let clear = digest(label::HELLO_CLEAR, &[clear]);
        let content = digest(label::HELLO_CONTENT, &[content]);
        Ok(Self {
            channel: digest(label::CHANNEL, &[&offer.digest.0, &clear.0, &content.0]),
            inviter: offer.card().fingerprint()?,
            joiner: joiner.fingerprint()?,
        })
    }

    fn sign(&self, role: Role, identity: &Identity, first: &Digest) -> Result<Signature, SignError> {
        identity.key().sign(role_label(role), &[&self.channel.0, &self.inviter.0, &self.joiner.0, &first.0])
    }

    fn verify(
        &self,
        role: Role,
        card: &Card,
        first: &Digest,
        signature: &Signature,
    ) -> Result<(), SignError> {
        let parts: [&[u8]; 4] = [&self.channel.0, &self.inviter.0, &self.joiner.0, &first.0];
        card.key().verify(role_label(role), &parts, signature)
    }
}

const fn role_label(role: Role) -> Label {
    match role {
        Role::Inviter => label::INTRODUCE_INVITER,
        Role::Joiner => label::INTRODUCE_JOINER,
    }
}

/// Verifies a party's signature in the introduction that made `channel`: what a stranger can check.
///
/// # Errors
/// [`SignError::SignatureInvalid`].
pub fn verify_role(
    role: Role,
    channel: &Digest,
    cards: [&Digest; 2],
    first: &Digest,
    card: &Card,
    signature: &Signature,
) -> Result<(), SignError> {
    let [inviter, joiner] = cards.map(|card| *card);
    Binding { channel: *channel, inviter, joiner }.verify(role, card, first, signature)
}

fn hello_key(extract: &Secret<32>, offer: &Digest, clear: &[u8]) -> OneTimeKey {
    let bound = digest(label::HELLO_BOUND, &[&offer.0, clear]);
    OneTimeKey(expand(extract, label::HELLO_KEY, &[&bound.0]))
}

fn channel_keys(extract: &Secret<32>, channel: &Digest) -> ChannelKeys {
    ChannelKeys::new(&expand(extract, label::CHANNEL_KEYS, &[&channel.0]))
}

/// A party's part in the introduction, as evidence: its signature and what it covers besides the cards.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoleSignature {
    /// Digest of the party's first ratchet keys.
    pub first: Digest,
    /// The signature.
    pub signature: Signature,
}

/// The inviter's one-time keys: erased when a hello is accepted.
#[derive(Encode, Decode)]
pub struct OneTimeKeys {
    dh: DhSecret,
    kem: KemSecret,
}

impl OneTimeKeys {
    /// Fresh keys.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self { dh: DhSecret::random(rng), kem: KemSecret::random(rng) }
    }

    /// The offer of these keys.
    ///
    /// # Errors
    /// As [`SignedOffer::new`].
    pub fn offer(
        &self,
        identity: &Identity,
        relays: Vec<WriteCapability>,
    ) -> Result<SignedOffer, crate::session::invite::InviteError> {
        SignedOffer::new(identity, self.dh.public(), self.kem.public(), relays)
    }
}

/// A hello that opened and verified.
pub struct AcceptedHello {
    /// The channel's id.
    pub channel: Digest,
    /// The joiner's card.
    pub card: Card,
    /// The bootstrap write capabilities of the joiner's queues.
    pub relays: Vec<WriteCapability>,
    /// The joiner's writer key for each of the inviter's queues.
    pub writer_keys: Vec<QueueKey>,
    /// The joiner's signature.
    pub joiner: RoleSignature,
    /// The inviter's signature.
    pub inviter: RoleSignature,
    /// The inviter's ratchet: the welcome is the first thing it seals.
    pub ratchet: Ratchet,
}

/// Opens a hello: the inviter's side.
///
/// # Errors
/// [`IntroductionError`]; the keys stay as they were, and another hello can be tried.
pub fn accept_hello(
    cell: &CellBytes,
    secret: &Secret<32>,
    keys: &OneTimeKeys,
    offer: &SignedOffer,
    identity: &Identity,
    rng: &mut dyn CryptoRng,
) -> Result<AcceptedHello, IntroductionError> {
    let (clear, sealed) = cell.split_first_chunk::<CLEAR_BYTES>().ok_or(CodecError::Malformed)?;
    let (version, dh, ciphertext): (u8, DhPublic, KemCiphertext) = codec::decode(clear, CLEAR_BYTES)?;
    if version != 1 {
        return Err(IntroductionError::HelloNotOpened);
    }
    let (agreed, encapsulated) = (keys.dh.agree(&dh)?, keys.kem.decapsulate(&ciphertext));
    let extract = extract(secret.expose(), &[agreed.expose(), encapsulated.expose()]);
    let text = zeroize::Zeroizing::new(hello_key(&extract, &offer.digest, clear).open(&[], sealed)?);
    let (content, signature): (HelloContent, Signature) =
        codec::decode(codec::unpad(&text)?, HELLO_TEXT_BYTES)?;
    content.card.check()?;
    check_relays(&content.relays)?;
    if content.writer_keys.len() != offer.relays().len() {
        return Err(IntroductionError::RelaysMismatch);
    }
    let unsigned = zeroize::Zeroizing::new(codec::encode(&content, HELLO_TEXT_BYTES)?);
    let binding = Binding::new(offer, clear, &unsigned, &content.card)?;
    let first = content.first.digest();
    binding.verify(Role::Joiner, &content.card, &first, &signature)?;
    let keys = channel_keys(&extract, &binding.channel);
    let ratchet = Ratchet::inviter(binding.channel, keys, &content.first, rng)?;
    let own_first = ratchet.own_keys();
    let own_signature = binding.sign(Role::Inviter, identity, &own_first)?;
    Ok(AcceptedHello {
        channel: binding.channel,
        card: content.card,
        relays: content.relays,
        writer_keys: content.writer_keys,
        joiner: RoleSignature { first, signature },
        inviter: RoleSignature { first: own_first, signature: own_signature },
        ratchet,
    })
}

/// A joiner between its hello and the welcome.
#[derive(Encode, Decode)]
pub struct Greeting {
    /// The channel's id.
    pub channel: Digest,
    /// The inviter's card.
    pub card: Card,
    /// The joiner's signature.
    pub joiner: RoleSignature,
    inviter_relays: u32,
    own_relays: u32,
    own_card: Digest,
    ratchet: Ratchet,
}

/// Makes a hello: the joiner's side. It is made once, and put again byte for byte until the welcome comes.
///
/// # Errors
/// [`IntroductionError`].
pub fn greet(
    offer: &SignedOffer,
    secret: &Secret<32>,
    identity: &Identity,
    relays: Vec<WriteCapability>,
    writer_keys: Vec<QueueKey>,
    rng: &mut dyn CryptoRng,
) -> Result<(Greeting, Box<CellBytes>), IntroductionError> {
    check_relays(&relays)?;
    let dh = DhSecret::random(rng);
    let (ciphertext, encapsulated) = encapsulate(offer.kem(), rng)?;
    let clear = codec::encode(&(1u8, dh.public(), ciphertext), CLEAR_BYTES)?;
    let extract = extract(secret.expose(), &[dh.agree(offer.dh())?.expose(), encapsulated.expose()]);
    let own = OwnKeys::random(rng);
    let first = own.public();
    let own_relays = u32::try_from(relays.len()).unwrap_or(u32::MAX);
    let content = HelloContent { card: identity.card().clone(), relays, writer_keys, first };
    let unsigned = zeroize::Zeroizing::new(codec::encode(&content, HELLO_TEXT_BYTES)?);
    let binding = Binding::new(offer, &clear, &unsigned, identity.card())?;
    let first = content.first.digest();
    let signature = binding.sign(Role::Joiner, identity, &first)?;
    let signed = codec::encode(&(content, signature.clone()), HELLO_TEXT_BYTES)?;
    let sealed = hello_key(&extract, &offer.digest, &clear).seal(&[], codec::pad(&signed, HELLO_TEXT_BYTES)?);
    let cell = [clear.as_slice(), &sealed].concat();
    let greeting = Greeting {
        channel: binding.channel,
        card: offer.card().clone(),
        joiner: RoleSignature { first, signature },
        inviter_relays: u32::try_from(offer.relays().len()).unwrap_or(u32::MAX),
        own_relays,
        own_card: binding.joiner,
        ratchet: Ratchet::joiner(binding.channel, channel_keys(&extract, &binding.channel), own),
    };
    Ok((greeting, cell.into_boxed_slice().try_into().map_err(|_| CodecError::Malformed)?))
}

/// A welcome that opened and verified.
pub struct Welcomed {
    /// The joiner's new writer id in each of the inviter's queues.
    pub writers: Vec<Digest>,
    /// The inviter's writer key for each of the joiner's queues.
    pub writer_keys: Vec<QueueKey>,
    /// The inviter's signature.
    pub inviter: RoleSignature,
    opened: Opened,
}

impl Greeting {
    /// Opens the welcome. Changes nothing: see [`Greeting::into_ratchet`].
    ///
    /// # Errors
    /// [`IntroductionError`].
    pub fn open_welcome(
        &self,
        cell: &CellBytes,
        rng: &mut dyn CryptoRng,
    ) -> Result<Welcomed, IntroductionError> {
        let opened = self.ratchet.open(cell, rng)?;
        let Content::Welcome(Welcome { writers, writer_keys, signature }) = Content::decode(&opened.content)?
        else {
            return Err(IntroductionError::WelcomeMissing);
        };
        let counts = [writers.len(), writer_keys.len()].map(u32::try_from);
        if counts != [Ok(self.inviter_relays), Ok(self.own_relays)] {
            return Err(IntroductionError::RelaysMismatch);
        }
        let inviter = RoleSignature { first: opened.sender_keys, signature };
        let binding =
            Binding { channel: self.channel, inviter: self.card.fingerprint()?, joiner: self.own_card };
        binding.verify(Role::Inviter, &self.card, &inviter.first, &inviter.signature)?;
        Ok(Welcomed { writers, writer_keys, inviter, opened })
    }

    /// The joiner's ratchet past the welcome: from here on it can seal.
    #[must_use]
    pub fn into_ratchet(mut self, welcomed: Welcomed, now: crate::time::UnixMillis) -> Ratchet {
        self.ratchet.take(welcomed.opened, now);
        self.ratchet
    }
}
