//! What is sealed between two parties: cells, and the three messages of the introduction. The targets hold the real
//! keys, so that content of any kind comes to what reads it.

use super::pair::{self, CHANNEL, NOW, channel_keys, copy, deliver, joined, rng, state};
use super::{Input, patched, seeds, statement};
use std::sync::LazyLock;
use truceline::codec::{self, CELL_BYTES, CellBytes};
use truceline::crypto::agree::{DhPublic, DhSecret, KemCiphertext, KemSecret};
use truceline::crypto::derive::{expand, extract, mac};
use truceline::crypto::digest::digest;
use truceline::crypto::label;
use truceline::crypto::seal::OneTimeKey;
use truceline::crypto::secret::Secret;
use truceline::party::role::Role;
use truceline::session::cell::{self, CONTENT_BYTES_MAX, Parts};
use truceline::session::content::Content;
use truceline::session::introduction::Greeting;
use truceline::session::invite::Invite;
use truceline::session::ratchet::{Ratchet, SKIPPED_CHAIN_MAX};

const CLEAR_BYTES: usize = 1_121;
const PADDED_HELLO: usize = CELL_BYTES - CLEAR_BYTES - 16;
const PADDED_OFFER: usize = CELL_BYTES - 24 - 16;

fn cell_of(bytes: Vec<u8>) -> Box<CellBytes> {
    bytes.into_boxed_slice().try_into().unwrap()
}

/// The states of both ratchets once each has heard the other.
static TALKING: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let mut rng = rng(1);
    let (mut inviter, mut joiner) = joined(&mut rng);
    let answer = joiner.seal(b"moved", &mut rng).unwrap();
    deliver(&mut inviter, &answer, NOW, &mut rng).unwrap();
    [state(&inviter), state(&joiner)]
});

fn talking(at: usize) -> Ratchet {
    codec::decode(&TALKING[at], pair::STATE_MAX).unwrap()
}

/// `how u8 ‖ …`: where it is odd, the content that a good cell has; else how a good cell is changed. What opens is what
/// was sealed, and a cell opens once.
pub fn cell(data: &[u8]) {
    let (mut inviter, mut joiner, mut rng) = (talking(0), talking(1), rng(2));
    let mut input = Input(data);
    let how = input.u8();
    let data = input.rest();
    if how & 1 == 0 {
        let good = inviter.seal(b"good", &mut rng).unwrap();
        let Ok(bad) = <Box<CellBytes>>::try_from(patched(good.as_slice(), data).into_boxed_slice()) else {
            return;
        };
        assert_eq!(joiner.open(&bad, &mut rng).is_ok(), bad == good, "a cell that was changed opens");
        assert_eq!(deliver(&mut joiner, &good, NOW, &mut rng).unwrap(), b"good");
        return;
    }
    let sealed = inviter.seal(data, &mut rng);
    assert_eq!(sealed.is_ok(), data.len() <= CONTENT_BYTES_MAX);
    let Ok(sealed) = sealed else { return };
    assert!(deliver(&mut joiner, &sealed, NOW, &mut rng).unwrap() == data);
    assert!(deliver(&mut joiner, &sealed, NOW, &mut rng).is_err(), "a cell opens twice");
    let Ok(content) = Content::decode(data) else { return };
    assert!(content.encode().unwrap() == data, "a content has another encoding");
    if let Content::Fragment(fragment) = content
        && fragment.is_sound()
        && fragment.count == 1
    {
        statement::statement(&fragment.bytes);
    }
}

/// The inviter's first chain as its keys give it: sealed by hand, with any header.
struct Chain {
    header: cell::Header,
    header_key: Secret<32>,
    first: Secret<32>,
}

/// A joiner that has heard nothing, and the chain that it is to hear.
static UNHEARD: LazyLock<(Vec<u8>, Chain)> = LazyLock::new(|| {
    let mut rng = rng(3);
    let (mut inviter, joiner) = pair::fresh(&mut rng);
    let real = inviter.seal(b"", &mut rng).unwrap();
    let keys = codec::encode(&channel_keys(), 96).unwrap();
    let [root, header_key] =
        [0, 32].map(|at| Secret::<32>::fill(|to| to.copy_from_slice(&keys[at..at + 32])));
    let header = Parts::of(&real).open_header(&header_key, &direction()).unwrap();
    // X25519 32 ‖ ML-KEM seed 64 lie after channel 32, role 1 and root 32.
    let own = state(&joiner)[65..161].to_vec();
    let dh = DhSecret::from_bytes(Secret::fill(|to| to.copy_from_slice(&own[..32])));
    let kem = KemSecret::from_seed(Secret::fill(|to| to.copy_from_slice(&own[32..])));
    let (dh, kem) = (dh.agree(&header.step.dh).unwrap(), kem.decapsulate(&header.step.ciphertext));
    let stepped: Secret<96> = expand(
        &extract(root.expose(), &[dh.expose(), kem.expose()]),
        label::RATCHET_ROOT,
        &[&header.step.digest().0],
    );
    let first = Secret::fill(|to| to.copy_from_slice(&stepped.expose()[32..64]));
    (state(&joiner), Chain { header, header_key, first })
});

fn direction() -> Vec<u8> {
    cell::direction(&CHANNEL, Role::Inviter)
}

/// Cells of one chain with any number and any count of the chain before, each `number u16 ‖ previous u16 ‖ how u8`: each opens once
/// at most, none far ahead opens, and few keys are kept.
pub fn chain(data: &[u8]) {
    let (state_of, chain) = &*UNHEARD;
    let (mut joiner, mut rng) = (codec::decode::<Ratchet>(state_of, pair::STATE_MAX).unwrap(), rng(4));
    let mut input = Input(data);
    let (mut opened, mut highest) = (std::collections::BTreeSet::new(), 0);
    for at in 0..8 {
        if input.is_empty() {
            break;
        }
        let (number, previous, how) = (u32::from(input.u16()) % 3_000, input.u16(), input.u8());
        let number = if how & 1 == 0 { number } else { u32::MAX - number };
        let mut header = chain.header.clone();
        (header.number, header.previous) = (number, previous.into());
        if how & 2 != 0 {
            header.step.ciphertext.0[usize::from(previous) % 1_088] ^= 1;
        }
        let key = message_key(&chain.first, if how & 1 == 0 { number } else { 0 });
        let sealed = cell::seal(&chain.header_key, &key, &[at; 24], &direction(), &header, &[how]).unwrap();
        let before = state(&joiner);
        match deliver(&mut joiner, &sealed.cell, NOW, &mut rng) {
            Ok(content) => {
                assert!(content == [how] && how & 3 == 0 && opened.insert(number), "cell {number} opens");
                assert!(number <= highest + SKIPPED_CHAIN_MAX, "cell {number} opens, after {highest}");
                highest = highest.max(number + 1);
            }
            Err(_) => assert!(state(&joiner) == before, "a cell that does not open changes the ratchet"),
        }
        assert!(joiner.skipped_keys() <= SKIPPED_CHAIN_MAX as usize);
    }
}

fn message_key(first: &Secret<32>, number: u32) -> Secret<32> {
    let next = |key: Secret<32>, _| mac(&key, label::CHAIN_NEXT, &[]);
    mac(&(0..number).fold(first.copy(), next), label::CHAIN_MESSAGE, &[])
}

/// A hello, the key that seals it, and its content with its signature.
struct Hello {
    stage: pair::Stage,
    cell: Box<CellBytes>,
    key: Secret<44>,
    text: Vec<u8>,
}

static HELLO: LazyLock<Hello> = LazyLock::new(|| {
    let stage = pair::Stage::new(5);
    let (_, cell) = stage.greet(6);
    let keys = codec::encode(&stage.keys, 96).unwrap();
    let dh = DhSecret::from_bytes(Secret::fill(|to| to.copy_from_slice(&keys[..32])));
    let kem = KemSecret::from_seed(Secret::fill(|to| to.copy_from_slice(&keys[32..])));
    let (clear, sealed) = cell.split_at(CLEAR_BYTES);
    let dh = dh.agree(&DhPublic(clear[1..33].try_into().unwrap())).unwrap();
    let kem = kem.decapsulate(&KemCiphertext(Box::new(clear[33..].try_into().unwrap())));
    let prk = extract(stage.invite.secret().expose(), &[dh.expose(), kem.expose()]);
    let bound = digest(label::HELLO_BOUND, &[&stage.offer.digest.0, clear]);
    let key: Secret<44> = expand(&prk, label::HELLO_KEY, &[&bound.0]);
    let text = codec::unpad(&OneTimeKey(key.copy()).open(&[], sealed).unwrap()).unwrap().to_vec();
    Hello { stage, cell, key, text }
});

pub fn hello_seed() -> Vec<u8> {
    [&[1], HELLO.text.as_slice()].concat()
}

/// `how u8 ‖ …`: where it is odd, what a hello holds, sealed as it should be; else how a good one is changed. Only the one
/// that was signed is accepted.
pub fn hello(data: &[u8]) {
    let good = &*HELLO;
    let mut input = Input(data);
    let how = input.u8();
    let data = input.rest();
    let (cell, is_good) = if how & 1 == 0 {
        let bytes = patched(good.cell.as_slice(), data);
        let Ok(cell) = <Box<CellBytes>>::try_from(bytes.into_boxed_slice()) else { return };
        let is_good = cell == good.cell;
        (cell, is_good)
    } else {
        let Ok(text) = codec::pad(data, PADDED_HELLO) else { return };
        let sealed = OneTimeKey(good.key.copy()).seal(&[], text);
        (cell_of([&good.cell[..CLEAR_BYTES], &sealed].concat()), data == good.text)
    };
    assert_eq!(good.stage.accept(&cell, 7).is_ok(), is_good, "a hello that nobody signed");
}

/// The inviter's ratchet once it accepted a hello; the joiner that waits for the welcome; the welcome's content.
static WELCOME: LazyLock<(Vec<u8>, Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let stage = pair::Stage::new(8);
    let (greeting, cell) = stage.greet(9);
    let accepted = stage.accept(&cell, 10).unwrap();
    let content = pair::welcome(&accepted).encode().unwrap();
    (state(&accepted.ratchet), codec::encode(&greeting, pair::STATE_MAX).unwrap(), content)
});

pub fn welcome_seed() -> Vec<u8> {
    WELCOME.2.clone()
}

/// A welcome's content, sealed as it should be: but for the new writers, nothing that was not signed is taken.
pub fn welcome(data: &[u8]) {
    let (inviter, greeting, good) = &*WELCOME;
    let mut inviter: Ratchet = codec::decode(inviter, pair::STATE_MAX).unwrap();
    let greeting: Greeting = codec::decode(greeting, pair::STATE_MAX).unwrap();
    let Ok(cell) = inviter.seal(data, &mut rng(11)) else { return };
    match (greeting.open_welcome(&cell, &mut rng(12)), Content::decode(good)) {
        (Ok(welcomed), Ok(Content::Welcome(good))) => {
            assert!(welcomed.inviter.signature == good.signature, "a welcome that nobody signed");
            assert_eq!((welcomed.writers.len(), welcomed.writer_keys.len()), (1, 1));
            let mut ratchet = greeting.into_ratchet(welcomed, NOW);
            assert!(
                copy(&ratchet).seal(b"moved", &mut rng(13)).is_ok()
                    && ratchet.seal(b"", &mut rng(14)).is_ok()
            );
        }
        (Ok(_), _) => panic!("the frozen welcome is none"),
        (Err(_), _) => assert!(data != good, "a good welcome is refused"),
    }
}

/// What the frozen offer holds: one that was made here would have another signature in every run.
static OFFER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let cell = seeds::vector("offer.cell");
    let (nonce, sealed) = cell.split_at(24);
    let text = offer_key(&seeds::invite_secret(), nonce).open(&[], sealed).unwrap();
    codec::unpad(&text).unwrap().to_vec()
});

pub fn offer_seed() -> Vec<u8> {
    OFFER.clone()
}

fn offer_key(secret: &Secret<32>, nonce: &[u8]) -> OneTimeKey {
    OneTimeKey(expand(&extract(nonce, &[secret.expose()]), label::OFFER_SEAL, &[]))
}

/// A signed offer's bytes, sealed as they should be, with an invite that names their digest: who knows the secret can do
/// that. Only what the inviter signed is taken.
pub fn offer(data: &[u8]) {
    let Ok(text) = codec::pad(data, PADDED_OFFER) else { return };
    let nonce = [9; 24];
    let secret = [7; 32];
    let sealed = offer_key(&Secret::take(&mut secret.clone()), &nonce).seal(&[], text);
    let fields = (1u8, vec![pair::place("north", 1)], secret, digest(label::OFFER, &[data]), NOW.0);
    let invite: Invite = codec::decode(&codec::encode(&fields, 2_048).unwrap(), 2_048).unwrap();
    match invite.open_offer(&cell_of([nonce.as_slice(), &sealed].concat())) {
        Ok(_) => assert!(data == *OFFER, "an offer that nobody signed"),
        Err(error) => {
            assert!(data != *OFFER, "a good offer is refused: {error}");
            super::told(&error, data.len());
        }
    }
}
