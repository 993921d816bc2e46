//! What was a secret is not in memory once it is dropped: every writable page of the process is searched for it. A
//! secret is remembered masked, so that the search does not find itself.
//!
//! The heap must be clean. On the stack the compiler leaves copies where it moves values, which no program of safe Rust
//! can erase: they are counted and told, and are gone with the thread's stack. The last 16 bytes of each secret are
//! looked for, because the allocator writes into the first of what it takes back.

use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use truceline::codec;
use truceline::crypto::agree::{DhSecret, KemSecret, encapsulate};
use truceline::crypto::derive::{expand, extract, mac};
use truceline::crypto::digest::Digest;
use truceline::crypto::label;
use truceline::crypto::seal::{OneTimeKey, open_random, seal_random};
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueKey, QueueSecret, SigningKey, SigningSeeds};
use truceline::host::store::Store;
use truceline::host::vault::{PassphraseCost, Vault};
use truceline::party::card::{Identity, IdentitySeeds, PartyName};
use truceline::party::relay::{Pin, RelayPlace};
use truceline::session::introduction::{OneTimeKeys, accept_hello, greet};
use truceline::session::invite::{Invite, UntrustedInvite, WriteCapability};
use truceline::session::ratchet::{ChannelKeys, OwnKeys, Ratchet};
use truceline::step::{Record, Table};
use truceline::time::UnixMillis;
use truceline::wire::pass::Pass;
use zeroize::Zeroizing;

/// Never in memory beside what it masks.
const MASK: u8 = 0xa7;
/// Bytes that are looked for at once.
const LENGTH: usize = 16;
const PAGE: usize = 4_096;
const STACK_BYTES: usize = 4 << 20;

/// What is looked for, masked, by name.
#[derive(Clone, Default)]
struct Needles(Arc<Mutex<Vec<(String, [u8; LENGTH])>>>);

impl Needles {
    /// Remembers its last bytes, and of a long one those in the middle: a vector that grew leaves its beginning behind.
    fn note(&self, name: &str, secret: &[u8]) {
        let ends = [Some(secret.len()), (secret.len() > 64).then_some(secret.len() / 2)];
        for end in ends.into_iter().flatten() {
            let mut masked = [0; LENGTH];
            masked.iter_mut().zip(&secret[end - LENGTH..end]).for_each(|(to, from)| *to = from ^ MASK);
            self.0.lock().unwrap().push((name.to_owned(), masked));
        }
    }
}

/// Random bytes that no generator keeps: each is written where it is wanted, and nowhere else. Draws of 32 bytes or more
/// are secrets, but for the first so many.
struct Fresh {
    state: u64,
    needles: Needles,
    public: usize,
}

impl Fresh {
    fn new(state: u64, needles: &Needles) -> Self {
        Self { state, needles: needles.clone(), public: 0 }
    }

    /// SplitMix64.
    fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for Fresh {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word() as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for byte in to.iter_mut() {
            *byte = (self.word() >> 32) as u8;
        }
        if to.len() >= 32 && self.public > 0 {
            self.public -= 1;
        } else if to.len() >= 32 {
            self.needles.note("a random secret", to);
        }
        Ok(())
    }
}

impl TryCryptoRng for Fresh {}

/// A needle that was found, and where.
struct Found {
    name: String,
    at: usize,
}

/// Searches all that the process can write to.
fn search(needles: &Needles) -> Vec<Found> {
    let needles: Vec<_> =
        needles.0.lock().unwrap().iter().map(|(name, bytes)| (name.clone(), *bytes)).collect();
    let mut begins = [false; 256];
    needles.iter().for_each(|(_, masked)| begins[usize::from(masked[0] ^ MASK)] = true);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let own = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
    let zeros = [0; PAGE + LENGTH];
    let mut found: Vec<(String, usize)> = Vec::new();
    for range in maps.lines().filter_map(writable) {
        let mut from = range.start;
        while from < range.end {
            let size = buffer.len().min(range.end - from);
            memory.seek(SeekFrom::Start(from as u64)).unwrap();
            if memory.read_exact(&mut buffer[..size]).is_err() {
                break;
            }
            for at in (0..size).step_by(PAGE) {
                let span = &buffer[at..size.min(at + PAGE + LENGTH - 1)];
                // Most of memory is zeros.
                if *span != zeros[..span.len()] {
                    found
                        .extend(hits(&needles, &begins, span).map(|(name, place)| (name, from + at + place)));
                }
            }
            // What lies across two reads is in the next.
            from += if size > LENGTH && from + size < range.end { size - LENGTH + 1 } else { size };
        }
    }
    let found = found.into_iter().filter(|(_, at)| !own.contains(at));
    found.map(|(name, at)| Found { name, at }).collect()
}

/// The needles that begin in the first page of `span`, each with its place.
fn hits<'a>(
    needles: &'a [(String, [u8; LENGTH])],
    begins: &'a [bool; 256],
    span: &'a [u8],
) -> impl Iterator<Item = (String, usize)> + 'a {
    let candidates = (0..span.len().saturating_sub(LENGTH - 1)).filter(|at| begins[usize::from(span[*at])]);
    candidates.flat_map(move |at| {
        let window = &span[at..at + LENGTH];
        let is =
            move |masked: &[u8; LENGTH]| window.iter().zip(masked).all(|(byte, hid)| *byte == hid ^ MASK);
        needles.iter().filter(move |(_, masked)| is(masked)).map(move |(name, _)| (name.clone(), at))
    })
}

/// A mapping of private memory that can be written.
fn writable(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let (from, to) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    rights.starts_with("rw").then_some(address(from)?..address(to)?)
}

/// Runs in a thread of its own, and searches there, before its stack is gone: what was found in the heap, and how much
/// on the stack.
fn after(story: impl FnOnce(&Needles) + Send + 'static) -> (usize, Vec<String>, usize) {
    let run = move || {
        let mark = 0u8;
        let top = std::ptr::from_ref(&mark) as usize;
        let stack = top - STACK_BYTES..top + (64 << 10);
        let needles = Needles::default();
        story(&needles);
        let (stacked, heaped): (Vec<Found>, _) =
            search(&needles).into_iter().partition(|it| stack.contains(&it.at));
        let names = heaped.into_iter().map(|it| it.name).collect();
        (needles.0.lock().unwrap().len(), names, stacked.len())
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

fn clean(name: &str, story: impl FnOnce(&Needles) + Send + 'static) {
    let (looked, heap, stack) = after(story);
    println!("{name}: {looked} secrets, {} left in the heap, {stack} copies on the stack", heap.len());
    assert!(looked > 0, "{name}: nothing was looked for");
    assert!(heap.is_empty(), "{name}: left in the heap: {heap:?}");
}

/// Bytes that only the caller's vector holds.
fn planted(needles: &Needles, state: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Fresh::new(state, needles).try_fill_bytes(&mut bytes).unwrap();
    bytes
}

fn place() -> RelayPlace {
    RelayPlace::new("north.example:4433", Pin(Digest([3; 32]))).unwrap()
}

fn capability(rng: &mut dyn CryptoRng) -> WriteCapability {
    WriteCapability {
        place: place(),
        deposit: Digest([0; 32]),
        writer: Digest([9; 32]),
        secret: QueueSecret::random(rng),
    }
}

fn identity(name: &str, rng: &mut dyn CryptoRng) -> Identity {
    let seeds = IdentitySeeds::new(PartyName::parse(name).unwrap(), SigningSeeds::random(rng));
    Identity::expand(&seeds).unwrap()
}

/// Encoded as a row is, and decoded again.
fn stored<T: bincode::Encode + bincode::Decode<()>>(value: &T) -> T {
    codec::decode(&Zeroizing::new(codec::encode(value, 1 << 20).unwrap()), 1 << 20).unwrap()
}

fn signing(needles: &Needles) {
    let mut rng = Fresh::new(1, needles);
    let seeds = stored(&SigningSeeds::random(&mut rng));
    let key = SigningKey::expand(&seeds).unwrap();
    let signature = key.sign(label::STATEMENT_SIGN, &[b"words"]).unwrap();
    key.public().verify(label::STATEMENT_SIGN, &[b"words"], &signature).unwrap();
    let queue = stored(&QueueSecret::random(&mut rng));
    let _ = queue.copy().sign(label::STATEMENT_SIGN, &[b"words"]);
}

fn agreement(needles: &Needles) {
    let mut rng = Fresh::new(2, needles);
    let (one, other) = (stored(&DhSecret::random(&mut rng)), DhSecret::random(&mut rng));
    let shared = one.agree(&other.public()).unwrap();
    needles.note("a shared secret", shared.expose());
    let kem = stored(&KemSecret::random(&mut rng));
    let (ciphertext, made) = encapsulate(&kem.public(), &mut rng).unwrap();
    needles.note("an encapsulated secret", made.expose());
    assert!(kem.decapsulate(&ciphertext).expose() == made.expose());
    let prk = extract(shared.expose(), &[made.expose()]);
    needles.note("an extracted key", prk.expose());
    needles.note("a chain key", mac(&prk, label::CHAIN_NEXT, &[]).expose());
    let key: Secret<44> = expand(&prk, label::CELL_BODY, &[]);
    needles.note("a body key", &key.expose()[..32]);
    let again = OneTimeKey(key.copy());
    let sealed = OneTimeKey(key).seal(b"data", vec![5; 100]);
    assert_eq!(again.open(b"data", &sealed).unwrap(), [5; 100]);
    let sealed = seal_random(&prk, &[1; 24], b"data", vec![5; 100]);
    assert_eq!(open_random(&prk, &[1; 24], b"data", &sealed).unwrap(), [5; 100]);
}

/// Root, own X25519 key and own ML-KEM seed, as a stored ratchet has them after its channel and role.
fn note_ratchet(needles: &Needles, ratchet: &Ratchet) {
    let bytes = Zeroizing::new(codec::encode(ratchet, 1 << 20).unwrap());
    needles.note("a root", &bytes[33..65]);
    needles.note("a ratchet's own key", &bytes[65..97]);
    needles.note("a ratchet's own seed", &bytes[97..161]);
}

fn ratchet(needles: &Needles) {
    let mut rng = Fresh::new(3, needles);
    let (channel, now) = (Digest([0xc4; 32]), UnixMillis(1_800_000_000_000));
    let own = stored(&OwnKeys::random(&mut rng));
    let keys: Secret<96> = Secret::random(&mut rng);
    let mut inviter = Ratchet::inviter(channel, ChannelKeys::new(&keys), &own.public(), &mut rng).unwrap();
    let mut joiner = Ratchet::joiner(channel, ChannelKeys::new(&keys), own);
    for _ in 0..3 {
        // The first of two is late, so a key is skipped.
        let late = inviter.seal(b"late", &mut rng).unwrap();
        let cell = inviter.seal_shown(b"words", &mut rng).unwrap();
        needles.note("a cell's body key", &cell.key.expose()[..32]);
        for cell in [&cell.cell, &late] {
            let opened = joiner.open(cell, &mut rng).unwrap();
            joiner.take(opened, now);
        }
        inviter = stored(&inviter);
        note_ratchet(needles, &inviter);
        note_ratchet(needles, &joiner);
        std::mem::swap(&mut inviter, &mut joiner);
    }
}

fn introduction(needles: &Needles) {
    let mut rng = Fresh::new(4, needles);
    let (inviter, joiner) = (identity("Velmara", &mut rng), identity("Tarrun", &mut rng));
    let keys = stored(&OneTimeKeys::random(&mut rng));
    let offer = keys.offer(&inviter, vec![capability(&mut rng)]).unwrap();
    let now = UnixMillis(1_800_000_000_000);
    let invite =
        Invite::new(vec![place()], Secret::random(&mut rng), &offer, UnixMillis(now.0 + 86_400_000)).unwrap();
    let line = Zeroizing::new(invite.print().unwrap());
    let invite = UntrustedInvite::parse(&line).unwrap().verify(now).unwrap();
    let relays = vec![capability(&mut rng)];
    let (greeting, hello) =
        greet(&offer, invite.secret(), &joiner, relays, vec![QueueKey([5; 32])], &mut rng).unwrap();
    drop(stored(&greeting));
    drop(accept_hello(&hello, invite.secret(), &keys, &offer, &inviter, &mut rng).unwrap());
}

fn pass(needles: &Needles) {
    let mut rng = Fresh::new(5, needles);
    // Many, because what is freed is soon written over.
    let lines: Vec<Zeroizing<String>> =
        (0..50).map(|_| Zeroizing::new(Pass::random(2, &mut rng).print())).collect();
    for line in &lines {
        needles.note("a pass's line", line.as_bytes());
        for token in Pass::parse(line).unwrap().tokens() {
            needles.note("a token", &token.0);
        }
    }
}

fn vault(needles: &Needles) {
    const TABLE: Table = Table(1);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("vault");
    let word = |needles: &Needles, state| {
        let mut rng = Fresh::new(state, &Needles::default());
        let mut text = Zeroizing::new(String::with_capacity(200));
        (0..200).for_each(|_| text.push(char::from(b'a' + (rng.word() >> 32) as u8 % 26)));
        needles.note("a passphrase", text.as_bytes());
        text
    };
    let (passphrase, other) = (word(needles, 61), word(needles, 62));
    // The vault's id and its salt are no secrets.
    let rng = Fresh { public: 2, ..Fresh::new(6, needles) };
    let mut vault =
        Vault::create(&dir, &passphrase, PassphraseCost::LEAST, &[], Vec::new(), Box::new(rng)).unwrap();
    for row in 0..50u8 {
        let value = planted(needles, 1_000 + u64::from(row), 200);
        vault.commit(vec![Record::put(TABLE, vec![row], value)]).unwrap();
    }
    drop(vault);
    let rng = Fresh { public: 99, ..Fresh::new(8, needles) };
    let mut vault = Vault::open(&dir, &passphrase, &[], Box::new(rng)).unwrap();
    vault.scan(TABLE, &mut |_, value| assert_eq!(value.len(), 200)).unwrap();
    drop(vault.read(TABLE, &[7]).unwrap().unwrap());
    vault.change_passphrase(&other, PassphraseCost::LEAST).unwrap();
}

#[test]
fn what_was_a_secret_is_not_in_the_heap_once_it_is_dropped() {
    // What the search can find: bytes freed and not erased, and a secret that is held.
    let (_, heap, _) = after(|needles| drop(std::hint::black_box(planted(needles, 7, 64_000))));
    assert_eq!(heap.len(), 2, "freed bytes that nobody erased are not found");
    let (_, heap, _) = after(|needles| std::mem::forget(Secret::<32>::random(&mut Fresh::new(9, needles))));
    assert_eq!(heap.len(), 1, "a secret that is held is not found");
    clean("a dropped secret", |needles| drop(Secret::<8_192>::random(&mut Fresh::new(10, needles)).copy()));
    clean("signing", signing);
    clean("agreement and seals", agreement);
    clean("ratchet", ratchet);
    clean("introduction", introduction);
    clean("pass", pass);
    clean("vault", vault);
}
