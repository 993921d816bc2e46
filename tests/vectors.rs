//! Frozen bytes of every format, under `tests/vectors/`: what is deterministic is made again and compared,
//! what is randomised is opened and verified, and every rejection is refused by the name of its defect.
//! `tests/interop/ratchet_vectors.py` checks the same files with none of this code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{NOW, capability, deliver, identity, place, rng, run, secret, state};
use rand_core::Rng;
use std::fmt::Write as _;
use std::path::PathBuf;
use truceline::codec::{self, CellBytes};
use truceline::crypto::agree::{DhPublic, DhSecret, KemCiphertext, KemSecret};
use truceline::crypto::derive::{expand, extract, mac};
use truceline::crypto::digest::{Digest, digest, hex, unhex};
use truceline::crypto::label;
use truceline::crypto::merkle::Frontier;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueKey, QueueSecret};
use truceline::party::card::{Card, CardError, Identity};
use truceline::party::line;
use truceline::party::role::Role;
use truceline::party::words::SafetyWords;
use truceline::session::cell::{self, Parts};
use truceline::session::content::{Content, Welcome};
use truceline::session::introduction::{OneTimeKeys, accept_hello, greet, verify_role};
use truceline::session::invite::{Invite, SignedOffer, UntrustedInvite, offer_queue};
use truceline::session::ratchet::Ratchet;
use truceline::statement::export::{self, Introduced, Preamble};
use truceline::statement::header::{Header, StatementId, VERSION};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::statement::receipt::{Read, WordsConfirmed};
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::{Heading, Transcript};
use truceline::time::UnixMillis;
use truceline::wire::frame::Framed;
use truceline::wire::pass::Pass;
use truceline::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put, sign_rekey};
use truceline::wire::request::Request;

const KEYS_SEED: u64 = 101;
const OFFER_SEED: u64 = 102;
const GREET_SEED: u64 = 103;
const ACCEPT_SEED: u64 = 104;
const TALK_SEED: u64 = 105;

const CELLS: [&str; 8] =
    ["offer", "hello", "welcome", "joiner-0", "joiner-1", "inviter-1", "joiner-2", "inviter-2"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

fn cell(name: &str) -> Box<CellBytes> {
    read(&format!("{name}.cell")).into_boxed_slice().try_into().unwrap()
}

/// `name: value` lines.
#[derive(Default)]
struct Page(String);

impl Page {
    fn title(&mut self, text: &str) {
        writeln!(self.0, "# {text}").unwrap();
    }

    fn put(&mut self, name: &str, value: &[u8]) {
        writeln!(self.0, "{name}: {}", hex(value)).unwrap();
    }

    fn say(&mut self, name: &str, value: &str) {
        writeln!(self.0, "{name}: {value}").unwrap();
    }
}

fn compare(name: &str, made: &Page) {
    let frozen = text(name);
    for (at, (frozen, made)) in frozen.lines().zip(made.0.lines()).enumerate() {
        assert_eq!(frozen, made, "{name}, line {}", at + 1);
    }
    assert_eq!(frozen, made.0, "{name}");
}

fn velmara() -> Identity {
    identity("Velmara", 1)
}

fn tarrun() -> Identity {
    identity("Таррун", 101)
}

fn one_time_keys() -> (OneTimeKeys, DhSecret, KemSecret, Vec<u8>) {
    let keys = OneTimeKeys::random(&mut rng(KEYS_SEED));
    let bytes = codec::encode(&keys, 96).unwrap();
    let (dh, kem) = split_keys(&bytes);
    (keys, dh, kem, bytes)
}

fn split_keys(bytes: &[u8]) -> (DhSecret, KemSecret) {
    let mut dh: [u8; 32] = bytes[..32].try_into().unwrap();
    let mut kem: [u8; 64] = bytes[32..].try_into().unwrap();
    (DhSecret::from_bytes(Secret::take(&mut dh)), KemSecret::from_seed(Secret::take(&mut kem)))
}

/// `X25519 32 ‖ ML-KEM seed 64` of a ratchet: after channel 32, role 1 and root 32.
fn own(ratchet: &Ratchet) -> Vec<u8> {
    state(ratchet)[65..161].to_vec()
}

fn root(ratchet: &Ratchet) -> Vec<u8> {
    state(ratchet)[33..65].to_vec()
}

fn invite_of(offer: &SignedOffer) -> Invite {
    let places = vec![place("north", 0x21), place("east", 0x22)];
    Invite::new(places, secret(0x50), offer, UnixMillis(NOW.0 + 86_400_000)).unwrap()
}

fn joiner_relays() -> Vec<truceline::session::invite::WriteCapability> {
    vec![capability("south", 0x61)]
}

fn joiner_writer_keys() -> Vec<QueueKey> {
    vec![QueueKey(run(5)), QueueKey(run(6))]
}

fn thirds(keys: &Secret<96>) -> [Secret<32>; 3] {
    [0, 32, 64].map(|at| Secret::fill(|to| to.copy_from_slice(&keys.expose()[at..at + 32])))
}

/// All secrets of the introduction, from the inviter's one-time keys and the module's formulas.
struct Derived {
    page: Page,
    keys: [Secret<32>; 3],
    channel: Digest,
}

fn derive(invite: &Invite, offer: &SignedOffer, hello: &CellBytes) -> Derived {
    let mut page = Page::default();
    page.title("The introduction. The cells lie beside this file: offer.cell, hello.cell, welcome.cell.");
    page.title("Signatures and what contains them were made once: ML-DSA signs hedged.");
    page.say("invite.line", &invite.print().unwrap());
    page.put("invite.secret", invite.secret().expose());
    page.put("invite.expires", &invite.expires().0.to_be_bytes());
    page.put("offer.digest", &offer.digest.0);
    for place in invite.relays() {
        let queue = offer_queue(invite.secret(), &place.pin());
        page.put("offer.queue.pin", &place.pin().0.0);
        page.put("offer.queue.reader-id", &queue.reader.0);
        page.put("offer.queue.reader-key", &queue.reader_secret.public().0);
    }
    page.put("inviter.card", &velmara().card().encode().unwrap());
    page.put("inviter.fingerprint", &velmara().card().fingerprint().unwrap().0);
    page.put("joiner.card", &tarrun().card().encode().unwrap());
    page.put("joiner.fingerprint", &tarrun().card().fingerprint().unwrap().0);
    let (_, dh, kem, bytes) = one_time_keys();
    page.put("one-time.x25519", &bytes[..32]);
    page.put("one-time.mlkem-seed", &bytes[32..]);
    let (clear, sealed) = hello.split_at(1_121);
    let agreed = dh.agree(&DhPublic(clear[1..33].try_into().unwrap())).unwrap();
    let shared = kem.decapsulate(&KemCiphertext(Box::new(clear[33..].try_into().unwrap())));
    let prk = extract(invite.secret().expose(), &[agreed.expose(), shared.expose()]);
    page.put("hello.x25519-secret", agreed.expose());
    page.put("hello.mlkem-secret", shared.expose());
    page.put("hello.extract", prk.expose());
    let bound = digest(label::HELLO_BOUND, &[&offer.digest.0, clear]);
    page.put("hello.bound", &bound.0);
    let key: Secret<44> = expand(&prk, label::HELLO_KEY, &[&bound.0]);
    page.put("hello.key", key.expose());
    let text = truceline::crypto::seal::OneTimeKey(key).open(&[], sealed).unwrap();
    let signed = codec::unpad(&text).unwrap();
    let content = &signed[..signed.len() - 3_373];
    let hashes = [digest(label::HELLO_CLEAR, &[clear]), digest(label::HELLO_CONTENT, &[content])];
    page.put("hello.clear-digest", &hashes[0].0);
    page.put("hello.content-digest", &hashes[1].0);
    let channel = digest(label::CHANNEL, &[&offer.digest.0, &hashes[0].0, &hashes[1].0]);
    page.put("channel", &channel.0);
    let keys = thirds(&expand(&prk, label::CHANNEL_KEYS, &[&channel.0]));
    for (name, key) in ["root", "header-inviter", "header-joiner-next"].iter().zip(&keys) {
        page.put(&format!("channel.{name}"), key.expose());
    }
    let fingerprints = [velmara(), tarrun()].map(|party| party.card().fingerprint().unwrap());
    let words = SafetyWords::of(&channel, &fingerprints[0], &fingerprints[1]);
    let list = bip39::Language::English.word_list();
    let number = |word: &&str| list.iter().position(|known| known == word).unwrap().to_string();
    page.say("words", &words.to_string());
    page.say("words.numbers", &words.words().iter().map(number).collect::<Vec<_>>().join(" "));
    page.put("words.confirmed", &WordsConfirmed::new(&words).words.0);
    Derived { page, keys, channel }
}

/// A chain's keys, from both sides' secrets and the module's formulas.
struct Chain {
    header: Secret<32>,
    first: Secret<32>,
    next_header: Secret<32>,
}

/// Follows a conversation with all secrets in hand, and writes down every value.
struct Observer {
    page: Page,
    channel: Digest,
    root: Secret<32>,
    headers: Vec<Secret<32>>,
    owns: Vec<Vec<u8>>,
    chains: Vec<Chain>,
}

impl Observer {
    fn new(derived: &Derived, joiner_first: Vec<u8>) -> Self {
        let mut page = Page::default();
        page.title(
            "The ratchet, after the introduction of introduction.txt, with every secret of both parties.",
        );
        page.title("Step n is the sender's n-th change of keys: inviter 0, 2, 4, joiner 1, 3. Cells in the order sealed.");
        page.put("joiner.first.x25519", &joiner_first[..32]);
        page.put("joiner.first.mlkem-seed", &joiner_first[32..]);
        let [root, inviter, joiner] = &derived.keys;
        Self {
            page,
            channel: derived.channel,
            root: root.copy(),
            headers: vec![inviter.copy(), joiner.copy()],
            owns: vec![joiner_first],
            chains: Vec::new(),
        }
    }

    fn role(step: usize) -> Role {
        if step.is_multiple_of(2) { Role::Inviter } else { Role::Joiner }
    }

    /// A new chain, of which `cell` is any cell and `own` the sender's keys.
    fn step(&mut self, cell: &CellBytes, own: Vec<u8>) -> Vec<u8> {
        let at = self.chains.len();
        let header_key = self.headers[at].copy();
        let direction = cell::direction(&self.channel, Self::role(at));
        let header = Parts::of(cell).open_header(&header_key, &direction).unwrap();
        let (peer_dh, peer_kem) = split_keys(&self.owns[at]);
        let agreed = peer_dh.agree(&header.step.dh).unwrap();
        let shared = peer_kem.decapsulate(&header.step.ciphertext);
        let info = header.step.digest();
        let prk = extract(self.root.expose(), &[agreed.expose(), shared.expose()]);
        let [root, first, next_header] = thirds(&expand(&prk, label::RATCHET_ROOT, &[&info.0]));
        for (name, value) in [
            ("x25519", &own[..32]),
            ("mlkem-seed", &own[32..]),
            ("x25519-secret", agreed.expose()),
            ("mlkem-secret", shared.expose()),
            ("digest", &info.0),
            ("header-key", header_key.expose()),
            ("root", root.expose()),
            ("chain", first.expose()),
            ("next-header-key", next_header.expose()),
        ] {
            self.page.put(&format!("step.{at}.{name}"), value);
        }
        let made = root.expose().to_vec();
        self.headers.push(next_header.copy());
        self.root = root;
        self.owns.push(own);
        self.chains.push(Chain { header: header_key, first, next_header });
        made
    }

    fn cell(&mut self, name: &str, step: usize, number: u32, previous: u32, cell: &CellBytes) -> Vec<u8> {
        let chain = &self.chains[step];
        let direction = cell::direction(&self.channel, Self::role(step));
        let header = Parts::of(cell).open_header(&chain.header, &direction).unwrap();
        assert_eq!((header.number, header.previous), (number, previous), "{name}");
        let mut key = chain.first.copy();
        for _ in 0..number {
            key = mac(&key, label::CHAIN_NEXT, &[]);
        }
        let message_key = mac(&key, label::CHAIN_MESSAGE, &[]);
        let body_key: Secret<44> =
            expand(&extract(&cell[..24], &[message_key.expose()]), label::CELL_BODY, &[]);
        let content = Parts::of(cell).open_body(&message_key, &direction).unwrap();
        let place = format!("step {step} number {number} previous {previous}");
        self.page.say(&format!("cell.{name}"), &place);
        self.page.put(&format!("cell.{name}.message-key"), message_key.expose());
        self.page.put(&format!("cell.{name}.body-key"), body_key.expose());
        self.page.put(&format!("cell.{name}.content"), &content);
        self.page.put(&format!("cell.{name}.hash"), &CellHash::of(cell).0.0);
        assert_eq!(chain.next_header.expose().len(), 32);
        content
    }
}

/// What was made once: the cells that contain an ML-DSA signature.
struct Made {
    offer: Box<CellBytes>,
    hello: Box<CellBytes>,
    /// The welcome's content; `None` makes one.
    welcome: Option<Vec<u8>>,
}

/// Plays the whole conversation. Gives both pages, and the cells in the order of [`CELLS`].
fn play(invite: &Invite, made: Made) -> (Page, Page, Vec<Box<CellBytes>>) {
    let offer = invite.open_offer(&made.offer).unwrap();
    let derived = derive(invite, &offer, &made.hello);

    let mut probe = rng(GREET_SEED);
    let mut drawn = [0; 32 + 32 + 96];
    drawn.chunks_mut(32).for_each(|part| probe.fill_bytes(part));
    let joiner_first = drawn[64..].to_vec();
    let greeted = greet(
        &offer,
        invite.secret(),
        &tarrun(),
        joiner_relays(),
        joiner_writer_keys(),
        &mut rng(GREET_SEED),
    );
    let (greeting, again) = greeted.unwrap();
    assert_eq!(again[..1_121], made.hello[..1_121], "a hello's clear part is deterministic");
    assert_eq!(greeting.channel, derived.channel);

    let (keys, ..) = one_time_keys();
    let accepted =
        accept_hello(&made.hello, invite.secret(), &keys, &offer, &velmara(), &mut rng(ACCEPT_SEED)).unwrap();
    assert_eq!(accepted.channel, derived.channel);
    let (mut inviter, rng) = (accepted.ratchet, &mut rng(TALK_SEED));
    let content = made.welcome.unwrap_or_else(|| {
        let welcome = Welcome {
            writers: vec![Digest(run(0x31)), Digest(run(0x32))],
            writer_keys: vec![QueueKey(run(0x41))],
            signature: accepted.inviter.signature,
        };
        Content::Welcome(welcome).encode().unwrap()
    });

    let mut observer = Observer::new(&derived, joiner_first);
    let welcome = inviter.seal(&content, rng).unwrap();
    assert_eq!(observer.step(&welcome, own(&inviter)), root(&inviter));
    assert_eq!(observer.cell("welcome", 0, 0, 0, &welcome), content);
    let welcomed = greeting.open_welcome(&welcome, rng).unwrap();
    let mut joiner = greeting.into_ratchet(welcomed, NOW);

    let moved = Content::Moved(vec![Digest(run(0x51))]).encode().unwrap();
    let joiner0 = joiner.seal(&moved, rng).unwrap();
    assert_eq!(observer.step(&joiner0, own(&joiner)), root(&joiner));
    let joiner1 = joiner.seal("раз".as_bytes(), rng).unwrap();
    observer.cell("joiner-0", 1, 0, 0, &joiner0);
    observer.cell("joiner-1", 1, 1, 0, &joiner1);
    deliver(&mut inviter, &joiner1, NOW, rng).unwrap();

    let inviter1 = inviter.seal(b"", rng).unwrap();
    assert_eq!(observer.step(&inviter1, own(&inviter)), root(&inviter));
    observer.cell("inviter-1", 2, 0, 1, &inviter1);
    deliver(&mut joiner, &inviter1, NOW, rng).unwrap();

    let joiner2 = joiner.seal(b"two", rng).unwrap();
    assert_eq!(observer.step(&joiner2, own(&joiner)), root(&joiner));
    observer.cell("joiner-2", 3, 0, 2, &joiner2);
    deliver(&mut inviter, &joiner2, NOW, rng).unwrap();
    assert_eq!(deliver(&mut inviter, &joiner0, NOW, rng).unwrap(), moved, "late, by a skipped key");

    let inviter2 = inviter.seal(b"three", rng).unwrap();
    assert_eq!(observer.step(&inviter2, own(&inviter)), root(&inviter));
    observer.cell("inviter-2", 4, 0, 1, &inviter2);
    assert_eq!(deliver(&mut joiner, &inviter2, NOW, rng).unwrap(), b"three");

    let cells = vec![made.offer, made.hello, welcome, joiner0, joiner1, inviter1, joiner2, inviter2];
    (derived.page, observer.page, cells)
}

fn frozen_invite() -> Invite {
    let page = text("introduction.txt");
    let line = page.lines().find_map(|line| line.strip_prefix("invite.line: ")).unwrap();
    UntrustedInvite::parse(line).unwrap().verify(NOW).unwrap()
}

fn frozen_content(name: &str) -> Vec<u8> {
    let page = text("ratchet.txt");
    let value = page.lines().find_map(|line| line.strip_prefix(&format!("cell.{name}.content: "))).unwrap();
    unhex(value).unwrap()
}

#[test]
fn introduction_and_ratchet_give_their_frozen_bytes() {
    let made = Made { offer: cell("offer"), hello: cell("hello"), welcome: Some(frozen_content("welcome")) };
    let (introduction, ratchet, cells) = play(&frozen_invite(), made);
    compare("introduction.txt", &introduction);
    compare("ratchet.txt", &ratchet);
    for (name, made) in CELLS.iter().zip(&cells) {
        assert!(cell(name) == *made, "{name}.cell");
    }
}

#[test]
fn the_frozen_invite_prints_as_it_was_read() {
    let invite = frozen_invite();
    let offer = invite.open_offer(&cell("offer")).unwrap();
    assert_eq!(invite_of(&offer).print().unwrap(), invite.print().unwrap());
}

/// Statements, lists, words, passes and queues: all deterministic.
fn formats() -> Page {
    let mut page = Page::default();
    page.title("Formats without randomness.");
    let lines: Vec<Vec<u8>> =
        ["Олена Марʼяненко", "Łukasz Wiśniewski", ""].map(|line| line.as_bytes().to_vec()).into();
    page.put("list.seed", &run::<32>(0x71));
    for line in &lines {
        page.put("list.line", line);
    }
    let list = List::new(run(0x71), lines).unwrap();
    page.put("list.root", &list.root().root.0);
    let said = Said { salt: run(0x72), body: "Tekst — текст".as_bytes().to_vec(), lists: vec![list] };
    page.put("said.salt", &said.salt);
    page.put("said.body", &said.body);
    page.put("said", &codec::encode(&said, 4_096).unwrap());
    page.put("said.commitment", &said.commitment().0);
    let ids: Vec<_> = (0..5u8).map(|n| StatementId(Digest([n; 32]))).collect();
    let tree = |count: usize| Frontier::of(ids[..count].iter().map(|id| &id.0)).root();
    for count in 0..=ids.len() {
        page.put(&format!("tree.{count}"), &tree(count).0);
    }
    let header = Header {
        version: VERSION,
        author: Role::Joiner,
        kind: Kind::Note.number(),
        channel: Digest(run(0x73)),
        case: StatementId(Digest(run(0x74))),
        sequence: 3,
        previous: ids[2],
        own_root: tree(3),
        peer_count: 5,
        peer_head: ids[4],
        peer_root: tree(5),
        clock: NOW,
        commitment: said.commitment(),
    };
    page.put("statement.header", &header.encode());
    page.put("statement.id", &header.id().0.0);
    page.put("read.body", &Read::new(vec![0, 2, 3]).encode().unwrap());
    let pass: Pass = codec::decode(&[&[1][..], &4u32.to_le_bytes(), &run::<32>(0x75)].concat(), 37).unwrap();
    page.say("pass.line", &pass.print());
    page.put("pass.seed", &run::<32>(0x75));
    for (at, token) in pass.tokens().enumerate() {
        page.put(&format!("pass.token.{at}"), &token.0);
        page.put(&format!("pass.token.{at}.hash"), &token.hash().0.0);
    }
    let (key, id) = (QueueSecret::from_seed(secret(0x76)), QueueId(Digest(run(0x77))));
    page.put("queue.seed", &run::<32>(0x76));
    page.put("queue.key", &key.public().0);
    page.put("queue.id", &id.0.0);
    let exporter = Exporter(run(0x78));
    page.put("queue.exporter", &exporter.0);
    page.put("queue.prove.reader", &prove(&key, &exporter, QueueRole::Reader, &id).0);
    page.put("queue.prove.writer", &prove(&key, &exporter, QueueRole::Writer, &id).0);
    let hash = CellHash(Digest(run(0x79)));
    page.put("queue.cell-hash", &hash.0.0);
    page.put("queue.put.index-7", &sign_put(&key, &id, 7, &hash).0);
    let new = (QueueId(Digest(run(0x7a))), QueueKey(run(0x7b)));
    page.put("queue.rekey.writer", &new.0.0.0);
    page.put("queue.rekey.key", &new.1.0);
    page.put("queue.rekey", &sign_rekey(&key, &id, &new.0, &new.1).0);
    let close = Framed::<Request>::new(Request::Close, None).encode().unwrap();
    page.put("frame.close.envelope", &close[..256]);
    page
}

#[test]
fn formats_without_randomness_give_their_frozen_bytes() {
    compare("formats.txt", &formats());
}

fn preamble(channel: Digest, introduced: [Introduced; 2]) -> Preamble {
    Preamble { channel, cards: [velmara().card().clone(), tarrun().card().clone()], introduced }
}

fn verify(role: Role, preamble: &Preamble) -> Result<(), truceline::crypto::sign::SignError> {
    let [inviter, joiner] = &preamble.cards;
    let fingerprints = [inviter, joiner].map(|card| card.fingerprint().unwrap());
    let at = usize::from(role.number());
    let Introduced { first, signature } = &preamble.introduced[at];
    let cards = [&fingerprints[0], &fingerprints[1]];
    verify_role(role, &preamble.channel, cards, first, &preamble.cards[at], signature)
}

#[test]
fn the_frozen_export_still_verifies_with_its_frozen_heads() {
    let checked = export::check(&read("export.bin"), verify).unwrap();
    let page = text("export.txt");
    let mut made = Page::default();
    describe(&mut made, &checked);
    assert!(page.starts_with(&made.0), "{page}\n{}", made.0);
    let (introduction, cards) = (text("introduction.txt"), &checked.preamble.cards);
    assert!(introduction.contains(&format!("channel: {}", checked.preamble.channel.hex())));
    assert!(introduction.contains(&format!("inviter.card: {}", hex(&cards[0].encode().unwrap()))));
}

fn describe(page: &mut Page, checked: &export::CheckedExport) {
    page.title("export.bin: four statements. What a check finds in it, then what must be refused:");
    page.title("reject.NAME: OFFSET XOR ERROR, one byte of the file altered.");
    for (role, (count, head)) in ["inviter", "joiner"].iter().zip(checked.heads()) {
        page.say(&format!("{role}.count"), &count.to_string());
        page.put(&format!("{role}.head"), &head.0.0);
    }
    for (at, statement) in checked.statements.iter().enumerate() {
        page.put(&format!("statement.{at}.id"), &statement.id().0.0);
        page.put(&format!("statement.{at}.body"), &statement.said.body);
    }
}

/// `reject.NAME: OFFSET XOR ERROR` lines: the defect's name, where one byte is altered, and how, and the error.
fn rejects(page: &str) -> Vec<(String, usize, u8, String)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("reject.")?.split_once(": "));
    lines
        .map(|(name, rest)| {
            let mut parts = rest.splitn(3, ' ');
            let at = parts.next().unwrap().parse().unwrap();
            let xor = unhex(parts.next().unwrap()).unwrap()[0];
            (name.to_owned(), at, xor, parts.next().unwrap().to_owned())
        })
        .collect()
}

/// The first word of an error's debug form and of what it wraps, without numbers and brackets.
fn name_of(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase())).collect::<Vec<_>>().join(" ")
}

fn export_defects(bytes: &[u8]) -> Vec<(&'static str, usize, u8)> {
    let first =
        23 + 32 + 2 * 8 + velmara().card().encode().unwrap().len() + tarrun().card().encode().unwrap().len();
    let statement = first + 2 * (32 + 3_373) + 8;
    vec![
        ("another-file", 0, 1),
        ("another-version", 21, 3),
        ("another-channel", 23, 1),
        ("card-too-long", 23 + 32 + 1, 0xff),
        ("card-of-version-2", 23 + 32 + 8, 3),
        ("inviter-name-altered", 23 + 32 + 8 + 1 + 8, 1),
        ("inviter-first-keys-altered", first, 1),
        ("inviter-ed25519-altered", first + 32, 1),
        ("inviter-mldsa-altered", first + 32 + 64, 1),
        ("joiner-mldsa-altered", first + 2 * (32 + 3_373) - 1, 0x80),
        ("one-statement-more", first + 2 * (32 + 3_373), 1),
        ("statement-of-version-2", statement + 8, 3),
        ("statement-by-the-other", statement + 8 + 1, 1),
        ("statement-channel", statement + 8 + 4, 1),
        ("statement-sequence", statement + 8 + 68, 1),
        ("statement-previous", statement + 8 + 76, 1),
        ("statement-own-root", statement + 8 + 108, 1),
        ("statement-peer-count", statement + 8 + 140, 1),
        ("statement-peer-head", statement + 8 + 148, 1),
        ("statement-peer-root", statement + 8 + 180, 1),
        ("statement-clock", statement + 8 + 212, 1),
        ("statement-commitment", statement + 8 + 220, 1),
        ("statement-ed25519", statement + 8 + 252, 1),
        ("statement-mldsa", statement + 8 + 252 + 64, 1),
        ("statement-salt", statement + 8 + 252 + 3_373, 1),
        ("statement-body", statement + 8 + 252 + 3_373 + 32 + 8, 1),
        ("last-byte", bytes.len() - 1, 1),
    ]
}

#[test]
fn each_frozen_rejection_of_the_export_is_refused_by_its_name() {
    let bytes = read("export.bin");
    let rejects = rejects(&text("export.txt"));
    assert_eq!(rejects.len(), export_defects(&bytes).len());
    for (name, at, xor, error) in rejects {
        let mut altered = bytes.clone();
        altered[at] ^= xor;
        let found = export::check(&altered, verify).map(drop).unwrap_err();
        assert_eq!(name_of(&found), error, "{name}");
    }
}

const CARD_DEFECTS: [(&str, &str); 6] = [
    ("version-2", "VersionUnknown"),
    ("name-empty", "NameInvalid"),
    ("name-with-a-control-character", "NameInvalid"),
    ("name-not-utf-8", "Malformed Malformed"),
    ("cut", "Malformed Malformed"),
    ("a-byte-more", "Malformed Trailing"),
];

fn defective_card(defect: &str) -> Vec<u8> {
    let mut card = velmara().card().encode().unwrap();
    match defect {
        "version-2" => card[0] = 2,
        "name-empty" => drop(card.splice(1..16, [0; 8])),
        "name-with-a-control-character" => card[9] = 7,
        "name-not-utf-8" => card[9] = 0xff,
        "cut" => drop(card.pop()),
        _ => card.push(0),
    }
    card
}

#[test]
fn each_defective_card_is_refused_by_its_name() {
    for (defect, error) in CARD_DEFECTS {
        let found: CardError = Card::decode(&defective_card(defect)).unwrap_err();
        assert_eq!(name_of(&found), error, "{defect}");
    }
}

#[test]
fn each_frozen_line_with_a_defect_is_refused_by_its_name() {
    let page = text("lines.txt");
    let mut seen = 0;
    for (name, rest) in page.lines().filter_map(|line| line.strip_prefix("reject.")?.split_once(": ")) {
        let (error, line) = rest.split_once(" | ").unwrap();
        let found = if name.starts_with("pass") {
            name_of(&Pass::parse(line).map(drop).unwrap_err())
        } else {
            name_of(
                &UntrustedInvite::parse(line).and_then(|invite| invite.verify(NOW)).map(drop).unwrap_err(),
            )
        };
        assert_eq!(found, error, "{name}");
        seen += 1;
    }
    assert_eq!(seen, line_defects(&frozen_invite()).len());
}

fn line_defects(invite: &Invite) -> Vec<(&'static str, String)> {
    let good = invite.print().unwrap();
    let bytes = line::parse("truceline", &good).unwrap();
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        line::print("truceline", &bytes)
    };
    let pass = |bytes: &[u8]| line::print("truceline-pass", bytes);
    let tokens = |count: u32| pass(&[&[1][..], &count.to_le_bytes(), &[7; 32]].concat());
    let end = bytes.len();
    vec![
        ("invite-without-prefix", good[10..].to_owned()),
        ("invite-cut", good[..good.len() - 3].to_owned()),
        ("invite-character-altered", good.replacen("AAAA", "AAAB", 1)),
        ("invite-of-version-2", change(&|bytes| bytes[0] = 2)),
        ("invite-a-byte-more", change(&|bytes| bytes.push(0))),
        ("invite-five-relays-said", change(&|bytes| bytes[1] = 5)),
        ("invite-relay-without-port", change(&|bytes| bytes[9 + 8 + 13] = b'x')),
        ("invite-expired", change(&|bytes| bytes[end - 8..].fill(0))),
        ("pass-is-an-invite", good.clone()),
        ("pass-of-version-2", pass(&[&[2][..], &4u32.to_le_bytes(), &[7; 32]].concat())),
        ("pass-of-no-token", tokens(0)),
        ("pass-of-1001-tokens", tokens(1_001)),
        ("pass-cut", pass(&[1; 36])),
    ]
}

/// Statements over the frozen introduction, signed once.
fn make_export(channel: Digest, introduced: [Introduced; 2]) -> Vec<u8> {
    let mut transcript = Transcript::new(channel);
    let mut made = Vec::new();
    let turns = [Role::Inviter, Role::Joiner, Role::Joiner, Role::Inviter];
    for (turn, author) in (1u8..).zip(turns) {
        let party = if author == Role::Inviter { velmara() } else { tarrun() };
        let list = List::new(run(turn), vec![b"one".to_vec(), "два".as_bytes().to_vec()]).unwrap();
        let said = Said {
            salt: run(turn),
            body: format!("statement {turn}").into_bytes(),
            lists: if turn == 3 { vec![list] } else { vec![] },
        };
        let clock = UnixMillis(NOW.0 + u64::from(turn));
        let heading = Heading { kind: Kind::Note.number(), case: StatementId::NONE, clock };
        let header = transcript.next_header(author, heading, said.commitment());
        let statement = Statement::sign(header, said, party.key()).unwrap();
        transcript.append(&statement, party.card().key()).unwrap();
        made.push(statement.encode().unwrap());
    }
    export::write(&preamble(channel, introduced), made.iter().map(Vec::as_slice)).unwrap()
}

#[test]
#[ignore = "writes tests/vectors anew: only where a format changes on purpose"]
fn freeze() {
    let (keys, ..) = one_time_keys();
    let relays = vec![capability("north", 0x21), capability("east", 0x22)];
    let offer = keys.offer(&velmara(), relays).unwrap();
    let invite = invite_of(&offer);
    let offer_cell = offer.seal(invite.secret(), &mut rng(OFFER_SEED)).unwrap();
    let greeted = greet(
        &offer,
        invite.secret(),
        &tarrun(),
        joiner_relays(),
        joiner_writer_keys(),
        &mut rng(GREET_SEED),
    );
    let (greeting, hello) = greeted.unwrap();
    let accepted =
        accept_hello(&hello, invite.secret(), &keys, &offer, &velmara(), &mut rng(ACCEPT_SEED)).unwrap();
    let (introduction, ratchet, cells) =
        play(&invite, Made { offer: offer_cell, hello: hello.clone(), welcome: None });
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();
    write("introduction.txt", introduction.0.as_bytes());
    write("ratchet.txt", ratchet.0.as_bytes());
    for (name, cell) in CELLS.iter().zip(&cells) {
        write(&format!("{name}.cell"), cell.as_slice());
    }
    write("formats.txt", formats().0.as_bytes());

    let part = |part: &truceline::session::introduction::RoleSignature| Introduced {
        first: part.first,
        signature: part.signature.clone(),
    };
    let export = make_export(greeting.channel, [part(&accepted.inviter), part(&accepted.joiner)]);
    let mut page = Page::default();
    describe(&mut page, &export::check(&export, verify).unwrap());
    for (name, at, xor) in export_defects(&export) {
        let mut altered = export.clone();
        altered[at] ^= xor;
        let error = name_of(&export::check(&altered, verify).map(drop).unwrap_err());
        page.say(&format!("reject.{name}"), &format!("{at} {xor:02x} {error}"));
    }
    write("export.bin", &export);
    write("export.txt", page.0.as_bytes());

    let mut page = Page::default();
    page.title(
        "Lines that must be refused: reject.NAME: ERROR | LINE. Invites are read at 1800000000000 ms.",
    );
    for (name, line) in line_defects(&invite) {
        let error = if name.starts_with("pass") {
            name_of(&Pass::parse(&line).map(drop).unwrap_err())
        } else {
            name_of(&UntrustedInvite::parse(&line).and_then(|i| i.verify(NOW)).map(drop).unwrap_err())
        };
        page.say(&format!("reject.{name}"), &format!("{error} | {line}"));
    }
    write("lines.txt", page.0.as_bytes());
}
