//! Two parties of a channel in memory, made from seeds.

#![allow(dead_code)]

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use truceline::codec::{self, CellBytes};
use truceline::crypto::digest::Digest;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueKey, QueueSecret, SigningSeeds};
use truceline::party::card::{Identity, IdentitySeeds, PartyName};
use truceline::party::relay::{Pin, RelayPlace};
use truceline::session::content::{Content, Welcome};
use truceline::session::introduction::{AcceptedHello, Greeting, OneTimeKeys, accept_hello, greet};
use truceline::session::invite::{Invite, SignedOffer, WriteCapability};
use truceline::session::ratchet::{ChannelKeys, OwnKeys, Ratchet, RatchetError};
use truceline::time::UnixMillis;

/// A moment on which the tests agree.
pub const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// Bytes of an encoded ratchet, at most.
pub const STATE_MAX: usize = 4 << 20;

/// A generator from a seed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// `N` bytes that count up from `from`.
pub fn run<const N: usize>(from: u8) -> [u8; N] {
    let mut bytes = [0; N];
    (0u8..=255).cycle().zip(&mut bytes).for_each(|(at, byte)| *byte = from.wrapping_add(at));
    bytes
}

/// The secret with the bytes of [`run`].
pub fn secret<const N: usize>(from: u8) -> Secret<N> {
    Secret::take(&mut run(from))
}

/// The identity whose seeds begin at `from`.
pub fn identity(name: &str, from: u8) -> Identity {
    let seeds = SigningSeeds::from_seeds(secret(from), secret(from.wrapping_add(1)));
    Identity::expand(&IdentitySeeds::new(PartyName::parse(name).unwrap(), seeds)).unwrap()
}

/// The place of a relay.
pub fn place(name: &str, pin: u8) -> RelayPlace {
    RelayPlace::new(&format!("{name}.example:4433"), Pin(Digest([pin; 32]))).unwrap()
}

/// A bootstrap capability at the relay of [`place`].
pub fn capability(name: &str, from: u8) -> WriteCapability {
    WriteCapability {
        place: place(name, from),
        deposit: Digest([0; 32]),
        writer: Digest(run(from)),
        secret: QueueSecret::from_seed(secret(from.wrapping_add(7))),
    }
}

/// An invite, its offer, and both parties.
pub struct Stage {
    /// The inviter.
    pub inviter: Identity,
    /// The joiner.
    pub joiner: Identity,
    /// The inviter's one-time keys.
    pub keys: OneTimeKeys,
    /// The offer.
    pub offer: SignedOffer,
    /// The invite.
    pub invite: Invite,
}

impl Stage {
    /// A stage from a seed; the parties are always Velmara and Tarrun.
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let inviter = identity("Velmara", 1);
        let keys = OneTimeKeys::random(&mut rng);
        let offer = keys.offer(&inviter, vec![capability("north", 0x21)]).unwrap();
        let expires = UnixMillis(NOW.0 + 86_400_000);
        let invite =
            Invite::new(vec![place("north", 0x21)], Secret::random(&mut rng), &offer, expires).unwrap();
        Self { inviter, joiner: identity("Tarrun", 101), keys, offer, invite }
    }

    /// The joiner's hello, from a seed.
    pub fn greet(&self, seed: u64) -> (Greeting, Box<CellBytes>) {
        self.greet_as(&self.joiner, self.invite.secret(), seed)
    }

    /// A hello by `identity`, who thinks that `secret` is the invite's.
    pub fn greet_as(
        &self,
        identity: &Identity,
        secret: &Secret<32>,
        seed: u64,
    ) -> (Greeting, Box<CellBytes>) {
        let relays = vec![capability("south", 0x61)];
        greet(&self.offer, secret, identity, relays, vec![QueueKey(run(5))], &mut rng(seed)).unwrap()
    }

    /// What the inviter makes of a hello.
    pub fn accept(
        &self,
        hello: &CellBytes,
        seed: u64,
    ) -> Result<AcceptedHello, truceline::session::introduction::IntroductionError> {
        accept_hello(hello, self.invite.secret(), &self.keys, &self.offer, &self.inviter, &mut rng(seed))
    }
}

/// The welcome that belongs to an accepted hello.
pub fn welcome(accepted: &AcceptedHello) -> Content {
    Content::Welcome(Welcome {
        writers: vec![Digest(run(0x31))],
        writer_keys: vec![QueueKey(run(0x41))],
        signature: accepted.inviter.signature.clone(),
    })
}

/// The id of [`fresh`]'s channel.
pub const CHANNEL: Digest = Digest([0xc4; 32]);

/// Keys of a channel that nobody made by an introduction.
pub fn channel_keys() -> ChannelKeys {
    ChannelKeys::new(&secret(0x10))
}

/// The inviter's ratchet and the joiner's, before any cell.
pub fn fresh(rng: &mut ChaCha20Rng) -> (Ratchet, Ratchet) {
    let own = OwnKeys::random(rng);
    let inviter = Ratchet::inviter(CHANNEL, channel_keys(), &own.public(), rng).unwrap();
    (inviter, Ratchet::joiner(CHANNEL, channel_keys(), own))
}

/// The same after the inviter's first cell.
pub fn joined(rng: &mut ChaCha20Rng) -> (Ratchet, Ratchet) {
    let (mut inviter, mut joiner) = fresh(rng);
    let first = inviter.seal(b"welcome", rng).unwrap();
    assert_eq!(deliver(&mut joiner, &first, NOW, rng).unwrap(), b"welcome");
    (inviter, joiner)
}

/// Opens a cell and moves the ratchet past it.
pub fn deliver(
    ratchet: &mut Ratchet,
    cell: &CellBytes,
    now: UnixMillis,
    rng: &mut ChaCha20Rng,
) -> Result<Vec<u8>, RatchetError> {
    let opened = ratchet.open(cell, rng)?;
    Ok(ratchet.take(opened, now))
}

/// A ratchet's state as a vault would keep it.
pub fn state(ratchet: &Ratchet) -> Vec<u8> {
    codec::encode(ratchet, STATE_MAX).unwrap()
}

/// A second ratchet in the same state.
pub fn copy(ratchet: &Ratchet) -> Ratchet {
    codec::decode(&state(ratchet), STATE_MAX).unwrap()
}
