//! The invite (one printed line) and the offer it leads to (sealed, in a queue of its own).
//!
//! ```text
//! invite = version u8 = 1 ‖ relays ‖ secret 32 ‖ offer digest 32 ‖ expires u64 (ms)
//! offer  = version u8 = 1 ‖ card ‖ X25519 32 ‖ ML-KEM 1,184 ‖ relays ‖ Ed25519 64 ‖ ML-DSA 3,309
//! offer's cell = nonce 24 ‖ ChaCha20-Poly1305(length u32 ‖ offer ‖ zeros), key ‖ nonce from secret and nonce
//! ```

use crate::codec::{self, CELL_BYTES, CellBytes, CodecError};
use crate::crypto::agree::{DhPublic, KemPublic};
use crate::crypto::derive::{derive_id, expand, extract};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::seal::{OneTimeKey, SealBroken, TAG_BYTES};
use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueSecret, SignError, Signature};
use crate::party::card::{Card, CardError, Identity};
use crate::party::line::{self, LineError};
use crate::party::relay::{Pin, RELAYS_MAX, RelayPlace, RelayPlaceError};
use crate::session::cell::NONCE_BYTES;
use crate::time::UnixMillis;
use bincode::{Decode, Encode};
use rand_core::CryptoRng;

const PREFIX: &str = "truceline";
const INVITE_BYTES_MAX: usize = 2_048;
const OFFER_TEXT_BYTES: usize = CELL_BYTES - NONCE_BYTES - TAG_BYTES;

/// An invite or offer that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// See [`LineError`].
    #[error(transparent)]
    Line(#[from] LineError),
    /// Not the encoding of an invite or offer.
    #[error("the invite or its offer is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// A version this program does not know.
    #[error("the invite has version {0}; this program knows version 1")]
    VersionUnknown(u8),
    /// No relay, or more than [`RELAYS_MAX`].
    #[error("an invite names 1 to {RELAYS_MAX} relays, this one {0}")]
    RelayCount(usize),
    /// See [`RelayPlaceError`].
    #[error(transparent)]
    Relay(#[from] RelayPlaceError),
    /// Its time is over.
    #[error("the invite has expired")]
    Expired,
    /// What lies in the offer's queue is not sealed with the invite's secret.
    #[error("the offer does not open with this invite")]
    OfferNotOpened,
    /// The offer is not the one the invite names.
    #[error("the offer is not the one that this invite names")]
    OfferReplaced,
    /// See [`CardError`].
    #[error(transparent)]
    Card(#[from] CardError),
    /// The inviter's signature on its offer does not hold.
    #[error("the offer's signature does not hold")]
    OfferUnsigned(#[from] SignError),
}

impl From<SealBroken> for InviteError {
    fn from(_: SealBroken) -> Self {
        Self::OfferNotOpened
    }
}

/// An invite whose time is not over.
#[derive(Encode, Decode)]
pub struct Invite {
    version: u8,
    relays: Vec<RelayPlace>,
    secret: Secret<32>,
    offer: Digest,
    expires: UnixMillis,
}

/// An invite as it was handed over. The only way to an [`Invite`] is [`UntrustedInvite::verify`].
pub struct UntrustedInvite(Invite);

impl UntrustedInvite {
    /// Parses a `truceline:` line, white space and case aside.
    ///
    /// # Errors
    /// [`InviteError`] but for expiry.
    pub fn parse(text: &str) -> Result<Self, InviteError> {
        let bytes = zeroize::Zeroizing::new(line::parse(PREFIX, text)?);
        let version = bytes.first().copied().unwrap_or_default();
        if version != 1 {
            return Err(InviteError::VersionUnknown(version));
        }
        let invite: Invite = codec::decode(&bytes, INVITE_BYTES_MAX)?;
        check_count(invite.relays.len())?;
        invite.relays.iter().try_for_each(RelayPlace::check)?;
        Ok(Self(invite))
    }

    /// The invite, if `now` is before its expiry.
    ///
    /// # Errors
    /// [`InviteError::Expired`].
    pub fn verify(self, now: UnixMillis) -> Result<Invite, InviteError> {
        if now >= self.0.expires { Err(InviteError::Expired) } else { Ok(self.0) }
    }
}

const fn check_count(relays: usize) -> Result<(), InviteError> {
    if relays == 0 || relays > RELAYS_MAX { Err(InviteError::RelayCount(relays)) } else { Ok(()) }
}

/// The reader's side of an offer's queue at one relay.
pub struct OfferQueue {
    /// The reader id.
    pub reader: Digest,
    /// The reader's key.
    pub reader_secret: QueueSecret,
}

/// What `secret` gives of an offer's queue at the relay with this pin: another id and key at each relay.
#[must_use]
pub fn offer_queue(secret: &Secret<32>, pin: &Pin) -> OfferQueue {
    OfferQueue {
        reader: derive_id(secret, label::OFFER_READER, &[&pin.0.0]),
        reader_secret: QueueSecret::from_seed(expand(secret, label::OFFER_READER_KEY, &[&pin.0.0])),
    }
}

impl Invite {
    /// An invite to `offer`.
    ///
    /// # Errors
    /// [`InviteError::RelayCount`].
    pub fn new(
        relays: Vec<RelayPlace>,
        secret: Secret<32>,
        offer: &SignedOffer,
        expires: UnixMillis,
    ) -> Result<Self, InviteError> {
        check_count(relays.len())?;
        Ok(Self { version: 1, relays, secret, offer: offer.digest, expires })
    }

    /// The printed line.
    ///
    /// # Errors
    /// Never for an invite within its limits.
    pub fn print(&self) -> Result<String, CodecError> {
        Ok(line::print(PREFIX, &zeroize::Zeroizing::new(codec::encode(self, INVITE_BYTES_MAX)?)))
    }

    /// Where the offer lies: any one of these.
    #[must_use]
    pub fn relays(&self) -> &[RelayPlace] {
        &self.relays
    }

    /// The secret: salt of the introduction, seed of the offer's queue and seal.
    #[must_use]
    pub const fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// When it ends.
    #[must_use]
    pub const fn expires(&self) -> UnixMillis {
        self.expires
    }

    /// Opens what lay in the offer's queue.
    ///
    /// # Errors
    /// [`InviteError`].
    pub fn open_offer(&self, cell: &CellBytes) -> Result<SignedOffer, InviteError> {
        let (nonce, sealed) = cell.split_first_chunk::<NONCE_BYTES>().ok_or(CodecError::Malformed)?;
        let text = zeroize::Zeroizing::new(offer_key(&self.secret, nonce).open(&[], sealed)?);
        let bytes = codec::unpad(&text)?;
        // Before anything in it is read: who knows the secret could have sealed other bytes.
        if offer_digest(bytes) == self.offer {
            SignedOffer::decode(bytes)
        } else {
            Err(InviteError::OfferReplaced)
        }
    }
}

fn offer_digest(bytes: &[u8]) -> Digest {
    digest(label::OFFER, &[bytes])
}

fn offer_key(secret: &Secret<32>, nonce: &[u8; NONCE_BYTES]) -> OneTimeKey {
    OneTimeKey(expand(&extract(nonce, &[secret.expose()]), label::OFFER_SEAL, &[]))
}

/// Leave to write into a queue: where it is, the writer's id, the writer's private key.
#[derive(Encode, Decode)]
pub struct WriteCapability {
    /// The relay.
    pub place: RelayPlace,
    /// Digest of the key with which the relay signs deposits; zeros where it signs none.
    pub deposit: Digest,
    /// The writer id.
    pub writer: Digest,
    /// The writer's key.
    pub secret: QueueSecret,
}

/// What the inviter offers, before its signature.
#[derive(Encode, Decode)]
pub struct Offer {
    version: u8,
    card: Card,
    dh: DhPublic,
    kem: KemPublic,
    relays: Vec<WriteCapability>,
}

/// An offer whose signature and card hold.
pub struct SignedOffer {
    /// `SHA-256(label ‖ offer with its signature)`.
    pub digest: Digest,
    offer: Offer,
    bytes: zeroize::Zeroizing<Vec<u8>>,
}

impl SignedOffer {
    /// Signs an offer of one-time keys and write capabilities.
    ///
    /// # Errors
    /// [`InviteError::RelayCount`], [`InviteError::OfferUnsigned`].
    pub fn new(
        identity: &Identity,
        dh: DhPublic,
        kem: KemPublic,
        relays: Vec<WriteCapability>,
    ) -> Result<Self, InviteError> {
        check_count(relays.len())?;
        let offer = Offer { version: 1, card: identity.card().clone(), dh, kem, relays };
        let content = codec::encode(&offer, OFFER_TEXT_BYTES)?;
        let signature = identity.key().sign(label::OFFER_SIGN, &[&content])?;
        let bytes = zeroize::Zeroizing::new(codec::encode(&(offer, signature), OFFER_TEXT_BYTES)?);
        Self::decode(&bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, InviteError> {
        let version = bytes.first().copied().unwrap_or_default();
        if version != 1 {
            return Err(InviteError::VersionUnknown(version));
        }
        let (offer, signature): (Offer, Signature) = codec::decode(bytes, OFFER_TEXT_BYTES)?;
        offer.card.check()?;
        check_count(offer.relays.len())?;
        offer.relays.iter().try_for_each(|relay| relay.place.check())?;
        let content = codec::encode(&offer, OFFER_TEXT_BYTES)?;
        offer.card.key().verify(label::OFFER_SIGN, &[&content], &signature)?;
        Ok(Self { digest: offer_digest(bytes), offer, bytes: zeroize::Zeroizing::new(bytes.to_vec()) })
    }

    /// The inviter's card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.offer.card
    }

    /// The inviter's one-time X25519 key.
    #[must_use]
    pub const fn dh(&self) -> &DhPublic {
        &self.offer.dh
    }

    /// The inviter's one-time ML-KEM key.
    #[must_use]
    pub const fn kem(&self) -> &KemPublic {
        &self.offer.kem
    }

    /// The bootstrap write capabilities of the inviter's inbound queues.
    #[must_use]
    pub fn relays(&self) -> &[WriteCapability] {
        &self.offer.relays
    }

    /// Seals the offer for its queue.
    ///
    /// # Errors
    /// Never for an offer within its limits.
    pub fn seal(&self, secret: &Secret<32>, rng: &mut dyn CryptoRng) -> Result<Box<CellBytes>, CodecError> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let sealed = offer_key(secret, &nonce).seal(&[], codec::pad(&self.bytes, OFFER_TEXT_BYTES)?);
        let cell = [nonce.as_slice(), &sealed].concat();
        cell.into_boxed_slice().try_into().map_err(|_| CodecError::Malformed)
    }
}
