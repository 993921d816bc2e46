//! The worked example of `docs/PROTOCOL.md`, built from its fixed inputs: every value must stand there. A value
//! that does not is printed as the document has to show it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at what cannot be")]

use truceline::codec;
use truceline::crypto::agree::{DhSecret, KemSecret, encapsulate};
use truceline::crypto::derive::{derive_id, expand, extract, mac};
use truceline::crypto::digest::{Digest, digest, hex};
use truceline::crypto::label;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueSecret, SigningSeeds};
use truceline::deal::body::{self as deal, Body, Offer, OfferBody};
use truceline::deal::date::PartialDate;
use truceline::deal::person::{
    Commission, Consent, Health, Judicial, Line, Name, Person, Romanised, Sex, Status, Wish,
};
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use truceline::deal::word::Text;
use truceline::party::card::{Identity, IdentitySeeds, PartyName};
use truceline::party::relay::{Pin, RelayPlace};
use truceline::party::role::Role;
use truceline::party::words::SafetyWords;
use truceline::session::cell::StepPublic;
use truceline::session::content::{Content, Fragment};
use truceline::session::introduction::{OneTimeKeys, accept_hello, greet};
use truceline::session::invite::{UntrustedInvite, WriteCapability, offer_queue};
use truceline::session::ratchet::{ChannelKeys, FirstKeys, OwnKeys, Ratchet};
use truceline::statement::header::{Header, StatementId};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::{Heading, Transcript};
use truceline::time::UnixMillis;
use truceline::wire::frame::Framed;
use truceline::wire::pass::Pass;
use truceline::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put};
use truceline::wire::request::Request;

/// The example's random bytes: 00, 01, 02 and so on, after ff again 00.
struct Counting(u8);

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        for byte in to {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

fn secret<const N: usize>(byte: u8) -> Secret<N> {
    Secret::take(&mut [byte; N])
}

fn identity(name: &str, ed25519: u8, mldsa: u8) -> Identity {
    let seeds = SigningSeeds::from_seeds(secret(ed25519), secret(mldsa));
    Identity::expand(&IdentitySeeds::new(PartyName::parse(name).unwrap(), seeds)).unwrap()
}

/// What the document must show: a name, and its value in lines of 64 digits.
#[derive(Default)]
struct Example(String);

impl Example {
    fn show(&mut self, name: &str, bytes: &[u8]) {
        self.0.push_str(&format!("{name} ({})\n", bytes.len()));
        let digits = hex(bytes);
        for line in digits.as_bytes().chunks(64) {
            self.0.push_str(&format!("    {}\n", std::str::from_utf8(line).unwrap()));
        }
    }

    fn say(&mut self, name: &str, text: &str) {
        self.0.push_str(&format!("{name}\n    {text}\n"));
    }

    /// Holds the values against the document, each with its name.
    fn held_by(&self, document: &str) {
        assert!(
            document.contains(&self.0),
            "docs/PROTOCOL.md does not show this part of the example as it is:\n{}",
            self.0
        );
    }
}

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROTOCOL.md")).unwrap()
}

#[test]
fn cards_lines_and_passes_are_as_shown() {
    let mut shown = Example::default();
    shown.show("label, as it enters", &label::CARD.bytes());
    for (name, party) in [("inviter", identity("Velmara", 1, 2)), ("joiner", identity("Tarrun", 3, 4))] {
        let card = party.card().encode().unwrap();
        let name_end = card.len() - 32 - 1952;
        shown.show(&format!("{name}: card, version and name"), &card[..name_end]);
        shown.show(&format!("{name}: card, Ed25519 key"), &card[name_end..name_end + 32]);
        shown.show(
            &format!("{name}: card, first 32 of the ML-DSA-65 key"),
            &card[name_end + 32..name_end + 64],
        );
        shown.show(&format!("{name}: fingerprint"), &party.card().fingerprint().unwrap().0);
    }
    let mut seed = vec![1, 2, 0, 0, 0];
    seed.extend([5; 32]);
    let line = truceline::party::line::print("truceline-pass", &seed);
    let pass = Pass::parse(&line).unwrap();
    assert_eq!(pass.print(), line);
    shown.say("pass", &line);
    for (at, token) in pass.tokens().enumerate() {
        shown.show(&format!("token {at}"), &token.0);
    }
    shown.show("hash of token 0", &pass.tokens().next().unwrap().hash().0.0);
    shown.held_by(&document());
}

fn place() -> RelayPlace {
    RelayPlace::new("relay.example:4433", Pin(Digest([0xaa; 32]))).unwrap()
}

#[test]
fn the_invite_is_as_shown() {
    let mut shown = Example::default();
    let place = place();
    let encoded = codec::encode(&place, 512).unwrap();
    shown.show("relay's place", &encoded);
    let mut invite = vec![1];
    invite.extend(1u64.to_le_bytes());
    invite.extend(&encoded);
    invite.extend([7; 32]);
    invite.extend([8; 32]);
    invite.extend(1_800_000_000_000u64.to_le_bytes());
    shown.show("invite", &invite);
    let line = truceline::party::line::print("truceline", &invite);
    shown.say("invite, printed", &line);
    let read = UntrustedInvite::parse(&line).unwrap().verify(UnixMillis(1)).unwrap();
    assert_eq!(read.print().unwrap(), line);
    assert_eq!(read.relays(), std::slice::from_ref(&place));
    let queue = offer_queue(&secret(7), &place.pin());
    shown.show("offer's queue, reader id", &queue.reader.0);
    shown.show("offer's queue, reader's public key", &queue.reader_secret.public().0);
    assert_eq!(queue.reader, derive_id(&secret(7), label::OFFER_READER, &[&[0xaa; 32]]));
    shown.held_by(&document());
}

#[test]
fn introduction_ratchet_and_cell_are_as_shown() {
    let mut shown = Example::default();
    let (inviter_dh, inviter_kem) = (DhSecret::from_bytes(secret(0x11)), KemSecret::from_seed(secret(0x12)));
    let joiner_dh = DhSecret::from_bytes(secret(0x13));
    let (ciphertext, encapsulated) = encapsulate(&inviter_kem.public(), &mut Counting(0)).unwrap();
    let agreed = joiner_dh.agree(&inviter_dh.public()).unwrap();
    shown.show("X25519 secret", agreed.expose());
    shown.show("ML-KEM secret", encapsulated.expose());
    let offer = Digest([8; 32]);
    let clear = codec::encode(&(1u8, joiner_dh.public(), ciphertext), 1121).unwrap();
    shown.show("hello's clear part, first 33", &clear[..33]);
    let prk = extract(&[7; 32], &[agreed.expose(), encapsulated.expose()]);
    shown.show("extract", prk.expose());
    let bound = digest(label::HELLO_CLEAR, &[&offer.0, &clear]);
    shown.show("hello key and nonce", expand::<44>(&prk, label::HELLO_KEY, &[&bound.0]).expose());
    let clear = digest(label::HELLO_CLEAR, &[&clear]);
    shown.show("H(clear part)", &clear.0);
    let channel = digest(label::CHANNEL, &[&offer.0, &clear.0, &[9; 32]]);
    shown.show("channel", &channel.0);
    let keys: Secret<96> = expand(&prk, label::CHANNEL_KEYS, &[&channel.0]);
    shown.show("RK, HK_i, NHK_j", keys.expose());
    let cards = [identity("Velmara", 1, 2), identity("Tarrun", 3, 4)]
        .map(|party| party.card().fingerprint().unwrap());
    shown.say("safety words", &SafetyWords::of(&channel, &cards[0], &cards[1]).to_string());

    // The joiner's first ratchet keys come from the random bytes, and the inviter's after them.
    let mut rng = Counting(0);
    let joiner = OwnKeys::random(&mut rng);
    let joiner_public = joiner.public();
    shown.show("joiner's first ratchet keys, digest", &joiner_public.digest().0);
    let mut ratchet = Ratchet::inviter(channel, ChannelKeys::new(&keys), &joiner_public, &mut rng).unwrap();
    let content = Content::Fragment(Fragment { sequence: 0, index: 0, count: 1, bytes: b"truce".to_vec() });
    let content = content.encode().unwrap();
    shown.show("content", &content);
    let cell = ratchet.seal(&content, &mut rng).unwrap();

    // The same by the formulas alone.
    let mut rng = Counting(0);
    let _ = OwnKeys::random(&mut rng);
    let (dh, kem) = (DhSecret::random(&mut rng), KemSecret::random(&mut rng));
    let agreed = dh.agree(&joiner_public.dh).unwrap();
    let (ciphertext, encapsulated) = encapsulate(&joiner_public.kem, &mut rng).unwrap();
    let step = StepPublic { dh: dh.public(), kem: kem.public(), ciphertext }.digest();
    shown.show("step digest", &step.0);
    let prk = extract(&keys.expose()[..32], &[agreed.expose(), encapsulated.expose()]);
    let stepped: Secret<96> = expand(&prk, label::RATCHET_ROOT, &[&step.0]);
    shown.show("RK', CK, NHK_i", stepped.expose());
    let chain = Secret::<32>::fill(|to| to.copy_from_slice(&stepped.expose()[32..64]));
    let message_key = mac(&chain, label::CHAIN_MESSAGE, &[]);
    shown.show("message key 0", message_key.expose());
    shown.show("CK after it", mac(&chain, label::CHAIN_NEXT, &[]).expose());
    let body_key: Secret<44> = expand(&extract(&cell[..24], &[message_key.expose()]), label::CELL_BODY, &[]);
    shown.show("body key and nonce", body_key.expose());
    shown.show("cell, nonce", &cell[..24]);
    shown.show("cell, first 32 of the sealed header", &cell[24..56]);
    shown.show("cell, tag of the sealed header", &cell[2336..2352]);
    shown.show("cell, first 32 of the sealed body", &cell[2352..2384]);
    shown.show("cell, tag of the sealed body", &cell[16_112..]);
    shown.show("cell's hash", &CellHash::of(&cell).0.0);
    let mut opener = Ratchet::joiner(channel, ChannelKeys::new(&keys), joiner);
    let opened = opener.open(&cell, &mut rng).unwrap();
    assert_eq!(opener.take(opened, UnixMillis(0)), content);
    shown.held_by(&document());
}

#[test]
fn statement_and_list_are_as_shown() {
    let mut shown = Example::default();
    let author = identity("Velmara", 1, 2);
    let list = List::new([6; 32], vec![b"first line".to_vec(), b"second line".to_vec()]).unwrap();
    let root = list.root();
    shown.show("list's root", &root.root.0);
    let said = Said { salt: [5; 32], body: b"\x01\x05\x00truce".to_vec(), lists: vec![] };
    shown.show("body", &said.body);
    shown.show("commitment", &said.commitment().0);
    let mut with_list = said.clone();
    with_list.lists.push(list);
    shown.show("commitment, were the list beside it", &with_list.commitment().0);
    let transcript = Transcript::new(Digest([0xcc; 32]));
    let heading =
        Heading { kind: Kind::Note.number(), case: StatementId::NONE, clock: UnixMillis(1_800_000_000_000) };
    let header = transcript.next_header(Role::Inviter, heading, said.commitment());
    shown.show("header", &header.encode());
    shown.show("id", &header.id().0.0);
    let statement = Statement::sign(header.clone(), said, author.key()).unwrap();
    shown.show("Ed25519 signature", &statement.signature.ed25519);
    let bytes = statement.encode().unwrap();
    shown.show("statement, after its signatures", &bytes[252 + 3373..]);
    assert_eq!(Header::decode(&bytes[..252]).unwrap(), header);
    shown.held_by(&document());
}

fn person() -> Person {
    let text = |text: &str| Some(Text::new(text).unwrap());
    let named = |surname: &str| Name { surname: text(surname), first_names: None, patronymic: None };
    let romanised = Romanised { name: named("Koval"), system: Text::new("BGN").unwrap() };
    Person {
        name: named("Коваль"),
        aliases: Vec::new(),
        romanised: Some(romanised),
        birth_date: PartialDate::parse("1990-05"),
        birth_place: None,
        sex: Sex::Male,
        nationality: None,
        power: None,
        service_number: None,
        rank: None,
        unit: None,
        occupation: None,
        father_first_name: None,
        mother_maiden_name: None,
        marks: None,
        status: Status::PrisonerOfWar,
        judicial: Judicial::None,
        health: Health::Unknown,
        commission: Commission::None,
        evidence: Vec::new(),
        consent: Consent { wish: Wish::NotAsked, asked_by: None },
    }
}

#[test]
fn offer_and_line_are_as_shown() {
    let mut shown = Example::default();
    let line = Line::Person(Box::new(person())).encode_line().unwrap();
    shown.show("line", &line);
    let list = List::new([6; 32], vec![line]).unwrap();
    let leg = |giver: Role, quantity| Leg {
        giver,
        receiver: giver.other(),
        category: Category::PrisonerOfWar,
        quantity,
        selection: Selection::Holder,
        substitution: Substitution::None,
        tolerance: 0,
        except: None,
        criteria: None,
        third_country: None,
        stage: None,
        group: 0,
    };
    let legs = vec![leg(Role::Inviter, Quantity::List(0)), leg(Role::Joiner, Quantity::Count(2))];
    let body = OfferBody {
        base: 0,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: Some(UnixMillis(1_800_000_000_000)),
        terms: Terms { legs, remarks: None, ..Terms::default() },
        lists: vec![list.root()],
    };
    let offer = Offer::join(body, std::slice::from_ref(&list)).unwrap();
    let content = deal::Content::Offer(Box::new(offer));
    let body = content.encode().unwrap();
    assert_eq!(Body::parse(Kind::Offer, &body, &[list]).unwrap(), content);
    shown.show("offer's body", &body);
    shown.held_by(&document());
}

#[test]
fn what_goes_to_a_relay_is_as_shown() {
    let mut shown = Example::default();
    let key = QueueSecret::from_seed(secret(0x21));
    let id = QueueId(Digest([0xbb; 32]));
    shown.show("writer's public key", &key.public().0);
    let proof = prove(&key, &Exporter([0xee; 32]), QueueRole::Writer, &id);
    let frame =
        Framed::<Request>::new(Request::Prove { role: QueueRole::Writer, id, signature: proof }, None);
    shown.show("prove, envelope", &frame.encode().unwrap()[..256]);
    let cell = Box::new([0x55; codec::CELL_BYTES]);
    let hash = CellHash::of(&cell);
    shown.show("cell's hash", &hash.0.0);
    let put = Request::Put { index: 3, signature: sign_put(&key, &id, 3, &hash) };
    let frame = Framed::<Request>::new(put, Some(cell)).encode().unwrap();
    shown.show("put, envelope", &frame[..256]);
    shown.held_by(&document());
}

/// The document's formula of a channel's id is what the introduction computes.
#[test]
fn a_channels_id_is_the_formulas() {
    let (inviter, joiner) = (identity("Velmara", 1, 2), identity("Tarrun", 3, 4));
    let capability = |writer: u8| WriteCapability {
        place: place(),
        deposit: Digest::default(),
        writer: Digest([writer; 32]),
        secret: QueueSecret::from_seed(secret(writer)),
    };
    let keys = OneTimeKeys::random(&mut Counting(9));
    let offer = keys.offer(&inviter, vec![capability(1)]).unwrap();
    let writer_key = QueueSecret::from_seed(secret(3)).public();
    let mut rng = Counting(0);
    let (greeting, cell) =
        greet(&offer, &secret(7), &joiner, vec![capability(2)], vec![writer_key], &mut rng).unwrap();
    let accepted = accept_hello(&cell, &secret(7), &keys, &offer, &inviter, &mut rng).unwrap();

    let mut rng = Counting(0);
    let _: (DhSecret, Secret<32>) = (DhSecret::random(&mut rng), Secret::random(&mut rng));
    let FirstKeys { dh, kem } = OwnKeys::random(&mut rng).public();
    let mut content = joiner.card().encode().unwrap();
    content.extend(codec::encode(&vec![capability(2)], 4096).unwrap());
    content.extend(codec::encode(&vec![writer_key], 4096).unwrap());
    content.extend(dh.0);
    content.extend(kem.0.as_ref());
    let clear = digest(label::HELLO_CLEAR, &[&cell[..1121]]);
    let content = digest(label::HELLO_CONTENT, &[&content]);
    let channel = digest(label::CHANNEL, &[&offer.digest.0, &clear.0, &content.0]);
    assert_eq!((greeting.channel, accepted.channel), (channel, channel));
}

/// Every label that the program has stands in the document, and no other.
#[test]
fn every_label_stands_in_the_document() {
    let document = document();
    for label in label::ALL {
        assert!(document.contains(&format!("`{}`", label.text())), "{} is missing", label.text());
    }
    let shown = document.split('`').filter(|text| text.starts_with("truceline/1/") && text.len() > 12);
    for text in shown {
        assert!(label::ALL.iter().any(|label| label.text() == text), "{text} is no label");
    }
}
