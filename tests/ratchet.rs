//! The ratchet against a network that loses, repeats, reorders and alters, and against a counterpart that cheats.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{CHANNEL, NOW, channel_keys, copy, deliver, fresh, joined, rng, run, state};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::collections::BTreeMap;
use truceline::codec::{self, CELL_BYTES, CellBytes};
use truceline::crypto::agree::{AgreeError, DhPublic, DhSecret, KemSecret, encapsulate};
use truceline::crypto::derive::{expand, extract, mac};
use truceline::crypto::digest::Digest;
use truceline::crypto::label;
use truceline::crypto::secret::Secret;
use truceline::party::role::Role;
use truceline::session::cell::{self, Header, Parts, StepPublic};
use truceline::session::ratchet::{OwnKeys, Ratchet, RatchetError, SKIPPED_MAX};
use truceline::time::{Millis, UnixMillis};

type Cell = Box<CellBytes>;

/// One cell on its way: who sealed it, what it says, whether it was opened.
struct Flight {
    sender: usize,
    content: Vec<u8>,
    cell: Cell,
    opened: bool,
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    rng.next_u32() as usize % bound
}

fn refused(ratchet: &mut Ratchet, cell: &CellBytes, rng: &mut ChaCha20Rng) -> RatchetError {
    let before = state(ratchet);
    let error = deliver(ratchet, cell, NOW, rng).expect_err("the cell must be refused");
    assert!(state(ratchet) == before, "a refused cell changed the state: {error}");
    error
}

fn seal_many(ratchet: &mut Ratchet, count: usize, rng: &mut ChaCha20Rng) -> Vec<Cell> {
    (0..count).map(|at| ratchet.seal(&at.to_le_bytes(), rng).unwrap()).collect()
}

/// Seals the cells with these rising numbers, and none between: the sending chain is moved in the encoded state,
/// after channel 32, role 1, root 32, own keys 96 and a tag 1: chain key 32, header key 32, number u32.
fn seal_numbers(ratchet: &mut Ratchet, numbers: &[usize], rng: &mut ChaCha20Rng) -> BTreeMap<usize, Cell> {
    let mut cells = BTreeMap::new();
    for number in numbers {
        let mut bytes = state(ratchet);
        let mut chain = Secret::<32>::take(&mut bytes[162..194].try_into().unwrap());
        let at = u32::from_le_bytes(bytes[226..230].try_into().unwrap()) as usize;
        for _ in at..*number {
            chain = mac(&chain, label::CHAIN_NEXT, &[]);
        }
        bytes[162..194].copy_from_slice(chain.expose());
        bytes[226..230].copy_from_slice(&(*number as u32).to_le_bytes());
        *ratchet = codec::decode(&bytes, pair::STATE_MAX).unwrap();
        cells.insert(*number, ratchet.seal(&number.to_le_bytes(), rng).unwrap());
    }
    cells
}

fn open(ratchet: &mut Ratchet, cell: &CellBytes, rng: &mut ChaCha20Rng) -> usize {
    usize::from_le_bytes(deliver(ratchet, cell, NOW, rng).unwrap().try_into().unwrap())
}

fn play(seed: u64) {
    let rng = &mut rng(seed);
    let (inviter, joiner) = fresh(rng);
    let mut sides = [inviter, joiner];
    let mut flights: Vec<Flight> = Vec::new();
    for turn in 0..160u32 {
        match below(rng, 10) {
            0..4 => {
                let sender = below(rng, 2);
                let content = format!("{seed} {turn}").into_bytes();
                match sides[sender].seal(&content, rng) {
                    Ok(cell) => flights.push(Flight { sender, content, cell, opened: false }),
                    Err(error) => {
                        assert_eq!(error, RatchetError::NotYetSending);
                        assert!(sender == 1 && !flights.iter().any(|f| f.sender == 0 && f.opened));
                    }
                }
            }
            4..8 if !flights.is_empty() => {
                let at = below(rng, flights.len());
                let Flight { sender, content, cell, opened } = &mut flights[at];
                let reader = &mut sides[1 - *sender];
                if *opened {
                    let error = refused(reader, cell, rng);
                    assert!(matches!(error, RatchetError::Replayed | RatchetError::NotOpened), "{error}");
                } else {
                    assert_eq!(deliver(reader, cell, NOW, rng).as_ref(), Ok(&*content));
                    *opened = true;
                }
            }
            8 if !flights.is_empty() => {
                let at = below(rng, flights.len());
                let mut altered = flights[at].cell.clone();
                altered[below(rng, CELL_BYTES)] ^= 1 << below(rng, 8);
                let reader = 1 - flights[at].sender;
                refused(&mut sides[reader], &altered, rng);
                // A cell handed back to its sender is no cell to it either.
                refused(&mut sides[1 - reader], &flights[at].cell, rng);
            }
            9 => {
                let side = below(rng, 2);
                sides[side] = copy(&sides[side]);
                if turn % 3 == 0 && !flights.is_empty() {
                    let lost = below(rng, flights.len());
                    flights.swap_remove(lost);
                }
            }
            _ => {}
        }
    }
    // What was only late still opens, in any order.
    while !flights.is_empty() {
        let at = below(rng, flights.len());
        let flight = flights.swap_remove(at);
        let reader = &mut sides[1 - flight.sender];
        if !flight.opened {
            assert_eq!(deliver(reader, &flight.cell, NOW, rng).as_ref(), Ok(&flight.content));
        }
        refused(reader, &flight.cell, rng);
    }
}

#[test]
fn any_interleaving_loss_repetition_and_reordering_opens_each_cell_exactly_once() {
    let one = std::env::var("TRUCELINE_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    for seed in one.map_or(0..8, |seed| seed..seed + 1) {
        let played = std::panic::catch_unwind(|| play(seed));
        assert!(
            played.is_ok(),
            "again with: TRUCELINE_SEED={seed} cargo test --test ratchet any_interleaving"
        );
    }
}

#[test]
fn a_bit_flipped_anywhere_in_a_cell_is_refused_and_changes_nothing() {
    let rng = &mut rng(1);
    let (mut inviter, mut joiner) = joined(rng);
    let skipped = inviter.seal(b"skipped", rng).unwrap();
    let opened = inviter.seal(b"opened", rng).unwrap();
    deliver(&mut joiner, &opened, NOW, rng).unwrap();
    let current = inviter.seal(b"current", rng).unwrap();
    let answer = joiner.seal(b"answer", rng).unwrap();
    deliver(&mut inviter, &answer, NOW, rng).unwrap();
    let step = inviter.seal(b"step", rng).unwrap();
    let mut later = copy(&joiner);
    deliver(&mut later, &step, NOW, rng).unwrap();
    let cases = [
        ("skipped key", &skipped, copy(&joiner)),
        ("current chain", &current, copy(&joiner)),
        ("new chain", &step, copy(&joiner)),
        ("ended chain", &current, later),
    ];
    for (case, cell, mut reader) in cases {
        let before = state(&reader);
        let edges = (0..40).chain(2_330..2_370).chain(CELL_BYTES - 20..CELL_BYTES);
        for at in edges.chain((40..CELL_BYTES).step_by(251)) {
            let mut altered = cell.clone();
            altered[at] ^= 1 << (at % 8);
            let error = reader.open(&altered, rng).map(drop).expect_err(case);
            assert_eq!(error, RatchetError::NotOpened, "{case}, byte {at}");
        }
        assert!(state(&reader) == before, "{case}");
        assert_eq!(deliver(&mut reader, cell, NOW, rng).unwrap(), case_content(case));
    }
}

fn case_content(case: &str) -> &'static [u8] {
    match case {
        "skipped key" => b"skipped",
        "new chain" => b"step",
        _ => b"current",
    }
}

#[test]
fn a_replayed_cell_is_refused() {
    let rng = &mut rng(2);
    let (mut inviter, mut joiner) = joined(rng);
    let cells = seal_many(&mut inviter, 3, rng);
    for at in [2, 0] {
        open(&mut joiner, &cells[at], rng);
        assert_eq!(refused(&mut joiner, &cells[at], rng), RatchetError::Replayed);
    }
    let answer = joiner.seal(b"answer", rng).unwrap();
    deliver(&mut inviter, &answer, NOW, rng).unwrap();
    assert_eq!(refused(&mut inviter, &answer, rng), RatchetError::Replayed);
    let next = inviter.seal(b"next", rng).unwrap();
    deliver(&mut joiner, &next, NOW, rng).unwrap();
    assert_eq!(refused(&mut joiner, &cells[2], rng), RatchetError::Replayed, "from the chain that ended");
    assert_eq!(open(&mut joiner, &cells[1], rng), 1);
    assert_eq!(refused(&mut joiner, &cells[1], rng), RatchetError::NotOpened, "its chain owes nothing more");
}

#[test]
fn message_60_delivered_first_loses_none_of_the_59_before_it() {
    let rng = &mut rng(3);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = seal_many(&mut inviter, 60, rng);
    assert_eq!(open(&mut joiner, &cells[59], rng), 59);
    for at in (0..59).rev() {
        assert_eq!(open(&mut joiner, &cells[at], rng), at);
    }
    assert_eq!(joiner.skipped_keys(), 0);
}

#[test]
fn a_cell_1_024_ahead_opens_and_one_1_025_ahead_is_refused() {
    let rng = &mut rng(4);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = seal_numbers(&mut inviter, &[0, 1, 1_024, 1_025], rng);
    assert_eq!(refused(&mut joiner, &cells[&1_025], rng), RatchetError::TooFarAhead(1_025));
    assert_eq!(open(&mut copy(&joiner), &cells[&1_024], rng), 1_024);
    open(&mut joiner, &cells[&0], rng);
    assert_eq!(open(&mut joiner, &cells[&1_025], rng), 1_025, "it lies 1,024 ahead now");
    assert_eq!(joiner.skipped_keys(), 1_024);
    assert_eq!(open(&mut joiner, &cells[&1], rng), 1);
}

#[test]
fn a_chain_never_keeps_more_than_1_024_skipped_keys_however_they_come() {
    let rng = &mut rng(5);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = seal_numbers(&mut inviter, &[7, 600, 1_025, 1_026, 1_027, 1_028], rng);
    open(&mut joiner, &cells[&600], rng);
    assert_eq!(open(&mut joiner, &cells[&1_025], rng), 1_025, "600 and 424 are 1,024");
    assert_eq!(joiner.skipped_keys(), 1_024);
    assert_eq!(refused(&mut joiner, &cells[&1_027], rng), RatchetError::TooFarAhead(1));
    assert_eq!(open(&mut joiner, &cells[&1_026], rng), 1_026, "the next one skips none");
    open(&mut joiner, &cells[&7], rng);
    assert_eq!(open(&mut joiner, &cells[&1_028], rng), 1_028, "a key that was used makes room");
    assert_eq!(joiner.skipped_keys(), 1_024);
}

#[test]
fn a_chain_that_ends_may_owe_1_024_cells_and_not_1_025() {
    for (sealed, fits) in [(1_025, true), (1_026, false)] {
        let rng = &mut rng(6);
        let (mut inviter, mut joiner) = fresh(rng);
        let cells = seal_numbers(&mut inviter, &[0, sealed - 1], rng);
        open(&mut joiner, &cells[&0], rng);
        let answer = joiner.seal(b"", rng).unwrap();
        deliver(&mut inviter, &answer, NOW, rng).unwrap();
        let next = inviter.seal(b"next", rng).unwrap();
        if fits {
            assert_eq!(deliver(&mut joiner, &next, NOW, rng).unwrap(), b"next");
            assert_eq!(joiner.skipped_keys(), 1_024);
            assert_eq!(open(&mut joiner, &cells[&(sealed - 1)], rng), sealed - 1);
        } else {
            assert_eq!(refused(&mut joiner, &next, rng), RatchetError::TooFarAhead(1_025));
        }
    }
}

#[test]
fn past_2_048_skipped_keys_the_oldest_chain_gives_way_first() {
    let rng = &mut rng(7);
    let (mut inviter, mut joiner) = fresh(rng);
    let mut chains = Vec::new();
    for _ in 0..3 {
        let cells = seal_numbers(&mut inviter, &[0, 5, 400, 799, 800], rng);
        open(&mut joiner, &cells[&800], rng);
        chains.push(cells);
        let answer = joiner.seal(b"", rng).unwrap();
        deliver(&mut inviter, &answer, NOW, rng).unwrap();
        assert!(joiner.skipped_keys() <= SKIPPED_MAX);
    }
    assert_eq!(joiner.skipped_keys(), 1_600);
    assert_eq!(refused(&mut joiner, &chains[0][&5], rng), RatchetError::NotOpened);
    for cells in &chains[1..] {
        for at in [0, 400, 799] {
            assert_eq!(open(&mut joiner, &cells[&at], rng), at);
        }
    }
}

#[test]
fn exactly_2_048_skipped_keys_are_kept() {
    let rng = &mut rng(9);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = [0; 2].map(|_| {
        let cells = seal_numbers(&mut inviter, &[0, 1_024], rng);
        open(&mut joiner, &cells[&1_024], rng);
        let answer = joiner.seal(b"", rng).unwrap();
        deliver(&mut inviter, &answer, NOW, rng).unwrap();
        cells
    });
    assert_eq!(joiner.skipped_keys(), SKIPPED_MAX);
    assert_eq!(open(&mut joiner, &cells[0][&0], rng), 0);
}

#[test]
fn skipped_keys_are_erased_30_days_after_their_chain_ended() {
    let rng = &mut rng(8);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = seal_many(&mut inviter, 4, rng);
    open(&mut joiner, &cells[3], rng);
    let answer = joiner.seal(b"", rng).unwrap();
    deliver(&mut inviter, &answer, NOW, rng).unwrap();
    let next = seal_many(&mut inviter, 3, rng);
    open(&mut joiner, &next[0], rng);
    let last_moment = NOW.plus(Millis::days(30));
    deliver(&mut joiner, &next[1], last_moment, rng).unwrap();
    assert_eq!(joiner.skipped_keys(), 3);
    let mut quiet = copy(&joiner);
    deliver(&mut joiner, &next[2], UnixMillis(last_moment.0 + 1), rng).unwrap();
    assert_eq!(joiner.skipped_keys(), 0);
    assert_eq!(refused(&mut joiner, &cells[0], rng), RatchetError::NotOpened);
    quiet.erase_old(UnixMillis(last_moment.0 + 1));
    assert_eq!(quiet.skipped_keys(), 0, "without a cell too");
}

#[test]
fn the_joiner_seals_nothing_before_the_inviters_first_cell_has_opened() {
    let rng = &mut rng(9);
    let (mut inviter, mut joiner) = fresh(rng);
    let before = state(&joiner);
    assert_eq!(joiner.seal(b"early", rng).err(), Some(RatchetError::NotYetSending));
    let first = inviter.seal(b"welcome", rng).unwrap();
    let mut altered = first.clone();
    altered[CELL_BYTES - 1] ^= 1;
    refused(&mut joiner, &altered, rng);
    assert_eq!(joiner.seal(b"early", rng).err(), Some(RatchetError::NotYetSending));
    assert!(state(&joiner) == before);
    deliver(&mut joiner, &first, NOW, rng).unwrap();
    assert!(joiner.seal(b"now", rng).is_ok());
}

#[test]
fn a_cell_of_another_channel_is_refused() {
    let rng = &mut rng(10);
    let own = OwnKeys::random(rng);
    let mut inviter = Ratchet::inviter(Digest([1; 32]), channel_keys(), &own.public(), rng).unwrap();
    let mut joiner = Ratchet::joiner(CHANNEL, channel_keys(), own);
    let first = inviter.seal(b"welcome", rng).unwrap();
    assert_eq!(refused(&mut joiner, &first, rng), RatchetError::NotOpened);
}

/// The first 12 bytes of the body's key stream, of a body that begins with `plain`.
fn stream(cell: &CellBytes, plain: &[u8]) -> Vec<u8> {
    cell[24 + 2_328..].iter().zip(plain).map(|(sealed, plain)| sealed ^ plain).collect()
}

#[test]
fn a_ratchet_that_was_rolled_back_never_repeats_a_key_and_nonce() {
    let rng = &mut rng(11);
    let (_, joiner) = joined(rng);
    let (mut once, mut again) = (copy(&joiner), copy(&joiner));
    let first = once.seal(b"attack at dawn", rng).unwrap();
    let second = again.seal(b"attack at noon", rng).unwrap();
    assert!(state(&once) == state(&again), "the same chain position was used twice");
    assert_ne!(first[..24], second[..24]);
    let streams = [(&first, b"\x0e\0\0\0attack at dawn"), (&second, b"\x0e\0\0\0attack at noon")]
        .map(|(c, p)| stream(c, p));
    assert_ne!(streams[0], streams[1], "one key stream sealed two bodies");
}

#[test]
fn a_copied_state_opens_nothing_more_once_both_have_answered_each_other() {
    let rng = &mut rng(12);
    let (mut inviter, mut joiner) = joined(rng);
    let mut thief = copy(&joiner);
    let answer = joiner.seal(b"1", rng).unwrap();
    deliver(&mut inviter, &answer, NOW, rng).unwrap();
    let readable = inviter.seal(b"2", rng).unwrap();
    assert_eq!(deliver(&mut thief, &readable, NOW, rng).unwrap(), b"2", "the thief still reads this one");
    deliver(&mut joiner, &readable, NOW, rng).unwrap();
    let healed = joiner.seal(b"3", rng).unwrap();
    deliver(&mut inviter, &healed, NOW, rng).unwrap();
    let cell = inviter.seal(b"4", rng).unwrap();
    assert_eq!(refused(&mut thief, &cell, rng), RatchetError::NotOpened);
    assert_eq!(deliver(&mut joiner, &cell, NOW, rng).unwrap(), b"4");
}

#[test]
fn a_copied_state_opens_no_cell_that_was_opened_before() {
    let rng = &mut rng(13);
    let (mut inviter, mut joiner) = joined(rng);
    let mut recorded = Vec::new();
    for _ in 0..3 {
        for (from, to) in [(0, 1), (1, 0)] {
            let sides = [&mut inviter, &mut joiner];
            let cell = sides[from].seal(b"past", rng).unwrap();
            deliver(sides[to], &cell, NOW, rng).unwrap();
            recorded.push((to, cell));
        }
    }
    for (to, cell) in recorded {
        refused([&mut inviter, &mut joiner][to], &cell, rng);
    }
}

/// A counterpart that can put into its first chain whatever it likes.
struct Cheat {
    header_key: Secret<32>,
    step: StepPublic,
    dh: Secret<32>,
    kem: Secret<32>,
}

impl Cheat {
    fn new(joiner: &OwnKeys, rng: &mut ChaCha20Rng) -> Self {
        let first = joiner.public();
        let own = DhSecret::random(rng);
        let dh = own.agree(&first.dh).unwrap();
        let (ciphertext, kem) = encapsulate(&first.kem, rng).unwrap();
        let step = StepPublic { dh: own.public(), kem: KemSecret::random(rng).public(), ciphertext };
        Self { header_key: Secret::take(&mut run(0x30)), step, dh, kem }
    }

    /// The cell `number` of a chain whose first header named `step`, with a header that names `named`.
    fn seal(&self, step: &StepPublic, named: &StepPublic, number: u32) -> Cell {
        let root: [u8; 32] = run(0x10);
        let keys: Secret<96> = expand(
            &extract(&root, &[self.dh.expose(), self.kem.expose()]),
            label::RATCHET_ROOT,
            &[&step.digest().0],
        );
        let mut chain = Secret::<32>::fill(|to| to.copy_from_slice(&keys.expose()[32..64]));
        for _ in 0..number {
            chain = mac(&chain, label::CHAIN_NEXT, &[]);
        }
        let message_key = mac(&chain, label::CHAIN_MESSAGE, &[]);
        let header = Header { step: named.clone(), previous: 0, number };
        let nonce = run(number as u8);
        let direction = cell::direction(&CHANNEL, Role::Inviter);
        cell::seal(&self.header_key, &message_key, &nonce, &direction, &header, b"made").unwrap().cell
    }
}

#[test]
fn a_header_that_contradicts_its_chain_is_refused() {
    let rng = &mut rng(14);
    let own = OwnKeys::random(rng);
    let cheat = Cheat::new(&own, rng);
    let mut joiner = Ratchet::joiner(CHANNEL, channel_keys(), own);
    let named = &cheat.step;
    assert_eq!(deliver(&mut joiner, &cheat.seal(named, named, 2), NOW, rng).unwrap(), b"made");
    let mut others = [named.clone(), named.clone(), named.clone()];
    others[0].dh = DhSecret::random(rng).public();
    others[1].kem.0[7] ^= 1;
    others[2].ciphertext.0[7] ^= 1;
    for other in &others {
        for number in [0, 3] {
            let cell = cheat.seal(named, other, number);
            assert_eq!(refused(&mut joiner, &cell, rng), RatchetError::HeaderMismatch, "number {number}");
        }
    }
    for number in [0, 3] {
        assert_eq!(deliver(&mut joiner, &cheat.seal(named, named, number), NOW, rng).unwrap(), b"made");
    }
}

#[test]
fn public_values_that_the_standards_refuse_are_refused_inside_a_header_too() {
    let rng = &mut rng(15);
    let own = OwnKeys::random(rng);
    let cheat = Cheat::new(&own, rng);
    let mut joiner = Ratchet::joiner(CHANNEL, channel_keys(), own);
    let mut zero = cheat.step.clone();
    zero.dh = DhPublic([0; 32]);
    let cell = cheat.seal(&zero, &zero, 0);
    assert_eq!(refused(&mut joiner, &cell, rng), RatchetError::Agree(AgreeError::NonContributory));
    let mut past_modulus = cheat.step.clone();
    past_modulus.kem.0[0] = 0xff;
    past_modulus.kem.0[1] = 0xff;
    let cell = cheat.seal(&past_modulus, &past_modulus, 0);
    assert_eq!(refused(&mut joiner, &cell, rng), RatchetError::Agree(AgreeError::KemKeyInvalid));
    let last = cheat.seal(&cheat.step, &cheat.step, 0);
    assert_eq!(deliver(&mut joiner, &last, NOW, rng).unwrap(), b"made");
}

#[test]
fn a_number_at_the_end_of_its_range_is_refused_without_work() {
    let rng = &mut rng(16);
    let own = OwnKeys::random(rng);
    let cheat = Cheat::new(&own, rng);
    let mut joiner = Ratchet::joiner(CHANNEL, channel_keys(), own);
    let header = Header { step: cheat.step.clone(), previous: u32::MAX, number: u32::MAX };
    let direction = cell::direction(&CHANNEL, Role::Inviter);
    let any = Secret::random(rng);
    let cell = cell::seal(&cheat.header_key, &any, &[3; 24], &direction, &header, b"").unwrap();
    assert_eq!(refused(&mut joiner, &cell.cell, rng), RatchetError::TooFarAhead(u32::MAX));
}

#[test]
fn content_fills_a_cell_to_its_last_byte_and_no_further() {
    let rng = &mut rng(17);
    let (mut inviter, mut joiner) = fresh(rng);
    let full = vec![7; cell::CONTENT_BYTES_MAX];
    let cell = inviter.seal(&full, rng).unwrap();
    assert_eq!(deliver(&mut joiner, &cell, NOW, rng).unwrap(), full);
    let before = state(&inviter);
    let over = inviter.seal(&[&full[..], &[7]].concat(), rng).map(drop);
    assert!(matches!(over, Err(RatchetError::Content(codec::CodecError::TooLong { .. }))));
    assert!(state(&inviter) == before);
}

#[test]
fn a_state_that_was_cut_or_added_to_is_not_restored() {
    let rng = &mut rng(18);
    let (mut inviter, mut joiner) = fresh(rng);
    let cells = seal_many(&mut inviter, 3, rng);
    open(&mut joiner, &cells[2], rng);
    let bytes = state(&joiner);
    assert!(state(&codec::decode::<Ratchet>(&bytes, bytes.len()).unwrap()) == bytes);
    for cut in [0, 1, 100, bytes.len() - 1] {
        assert!(codec::decode::<Ratchet>(&bytes[..cut], bytes.len()).is_err(), "{cut}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(codec::decode::<Ratchet>(&longer, longer.len()).is_err());
}

#[test]
fn a_header_opens_only_with_its_own_nonce_and_direction() {
    let rng = &mut rng(19);
    let (mut inviter, _) = fresh(rng);
    let cell = inviter.seal(b"", rng).unwrap();
    let key = Secret::take(&mut run(0x30));
    let direction = cell::direction(&CHANNEL, Role::Inviter);
    let header = Parts::of(&cell).open_header(&key, &direction).unwrap();
    assert_eq!((header.previous, header.number), (0, 0));
    assert!(Parts::of(&cell).open_header(&key, &cell::direction(&CHANNEL, Role::Joiner)).is_err());
}
