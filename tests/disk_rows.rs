//! Frozen rows of a relay's store and of an officer's vault (`docs/DISK.md`), under `tests/vectors/`: made
//! again and compared, and read back into what writes the same bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pair;

use pair::{CHANNEL, NOW, fresh, identity, place, rng, run, secret};
use std::fmt::Write as _;
use std::path::PathBuf;
use truceline::codec::{self, CELL_BYTES};
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{QueueKey, QueueSecret, Signature, SigningSeeds, VerifyingKey};
use truceline::deal::consistent::{Place, Untruth};
use truceline::deal::word::Text;
use truceline::host::sqlite::SqliteStore;
use truceline::host::store::Store;
use truceline::officer::cell::{Carries, Placement};
use truceline::officer::deposits::{HeldDeposit, RelayKey};
use truceline::officer::held::{ChainRow, Counts, PlaceRow};
use truceline::officer::own::{Own, OwnRecord};
use truceline::officer::settings::Settings;
use truceline::officer::thread::{
    Greeted, Halt, Inbound, Inviting, OfferQueue, Outbound, Renews, Session, Stage, Thread,
};
use truceline::party::card::{Card, IdentitySeeds, PartyName};
use truceline::party::role::Role;
use truceline::relay::engine::Relay;
use truceline::relay::message::{ConnId, Input, Limits, Send};
use truceline::relay::table::Row;
use truceline::session::introduction::{OneTimeKeys, RoleSignature};
use truceline::statement::header::StatementId;
use truceline::statement::transcript::{Heading, Transcript};
use truceline::step::{Record, Table};
use truceline::time::{Millis, UnixMillis};
use truceline::wire::deposit::{DepositProof, LeafPath, SignedTree};
use truceline::wire::frame::Framed;
use truceline::wire::pass::Token;
use truceline::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put, sign_rekey};
use truceline::wire::reply::Reply;
use truceline::wire::request::{Open, Request};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// The frozen file must be `made`; `TRUCELINE_PRINT` prints it instead.
fn compare(name: &str, made: &str) {
    if std::env::var_os("TRUCELINE_PRINT").is_some() {
        println!("{made}");
        return;
    }
    let frozen = std::fs::read_to_string(path(name)).unwrap();
    for (at, (frozen, made)) in frozen.lines().zip(made.lines()).enumerate() {
        assert!(frozen == made, "{name}, line {}: {frozen:.80} is now {made:.80}", at + 1);
    }
    assert_eq!(frozen.lines().count(), made.lines().count(), "{name}");
}

fn values(name: &str) -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(path(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let fields = lines.map(|line| line.split_once(": ").unwrap());
    fields.map(|(name, value)| (name.to_owned(), unhex(value.trim()).unwrap())).collect()
}

fn queue_secret(from: u8) -> QueueSecret {
    QueueSecret::from_seed(secret(from))
}

fn queue_id(from: u8) -> QueueId {
    QueueId(Digest(run(from)))
}

/// A relay that opens a queue, takes a cell, and gives the queue to another writer; the records of each.
fn relay_steps() -> Vec<(&'static str, Vec<Record>)> {
    let mut relay = Relay::new(Limits::default());
    let exporter = Exporter([0xee; 32]);
    let token = Token([0x70; 32]);
    let frame =
        |conn, said, cell| Input::Frame { conn, frame: Box::new(Ok(Framed::<Request>::new(said, cell))) };
    let (reader, writer) = (ConnId(1), ConnId(2));
    for conn in [reader, writer] {
        relay.handle(Input::Connected { conn, exporter }, NOW);
    }
    let expires = UnixMillis(NOW.0 + 1);
    let issued = relay.handle(Input::Tokens { hashes: vec![token.hash()], expires }, NOW);
    let keys = (queue_secret(0x20), queue_secret(0x30), queue_secret(0x40));
    let open = Open::new(token, (queue_id(1), &keys.0), (queue_id(2), keys.1.public()), &exporter);
    let opened = relay.handle(frame(reader, Request::Open(open), None), NOW);
    let role = QueueRole::Writer;
    let signature = prove(&keys.1, &exporter, role, &queue_id(2));
    relay.handle(frame(writer, Request::Prove { role, id: queue_id(2), signature }, None), NOW);
    let cell = Box::new([0x55; CELL_BYTES]);
    let signature = sign_put(&keys.1, &queue_id(2), 0, &CellHash::of(&cell));
    let put = relay.handle(frame(writer, Request::Put { index: 0, signature }, Some(cell)), NOW);
    let dropped = relay.handle(frame(reader, Request::Drop { below: 1 }, None), NOW);
    let (writer, key) = (queue_id(3), keys.2.public());
    let signature = sign_rekey(&keys.0, &queue_id(1), &writer, &key);
    let rekeyed = relay.handle(frame(reader, Request::Rekey { writer, key, signature }, None), NOW);
    vec![
        ("issued", issued.records),
        ("opened", opened.records),
        ("put", put.records),
        ("dropped", dropped.records),
        ("rekeyed", rekeyed.records),
    ]
}

/// A cell stands in the vectors as its first byte and its length.
fn shown(value: &[u8]) -> String {
    match value {
        [first, ..] if value.len() == CELL_BYTES => format!("{first:02x} x {CELL_BYTES}"),
        value => hex(value),
    }
}

/// Kind, key, head and body of a row in a store's file.
type FileRow = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

/// Every row of a store's file, but for its place in the journal, which has random bytes.
fn rows_of(dir: &std::path::Path) -> Vec<FileRow> {
    let db = rusqlite::Connection::open(dir.join("relay.sqlite")).unwrap();
    let mut rows = db
        .prepare(
            "SELECT kind, key, head, body FROM rows WHERE kind != 255 OR length(key) = 0 ORDER BY kind, key",
        )
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_relays_rows_are_what_they_were() {
    let mut page =
        "# A relay's rows, step by step (table key = value; none where it is deleted), and then as they\n\
                    # lie in the file after each of the first three (kind key = head, body).\n"
            .to_owned();
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("relay");
    drop(SqliteStore::create(&dir).unwrap());
    let mut filed = String::new();
    for (name, records) in relay_steps() {
        for record in &records {
            let value = record.value.as_ref().map_or("none".to_owned(), |value| shown(value));
            writeln!(page, "{name}: {} {} = {value}", record.table.0, hex(&record.key)).unwrap();
        }
        if matches!(name, "issued" | "opened" | "put") {
            let mut store = SqliteStore::open(&dir).unwrap();
            store.commit(records).unwrap();
            store.checkpoint().unwrap();
            drop(store);
            for (kind, key, head, body) in rows_of(&dir) {
                writeln!(filed, "{name}.file: {kind} {} = {}, {}", hex(&key), hex(&head), shown(&body))
                    .unwrap();
            }
        }
    }
    page.push_str(&filed);
    compare("relay_rows.txt", &page);
}

#[test]
fn a_relay_comes_back_from_its_frozen_rows() {
    let text = std::fs::read_to_string(path("relay_rows.txt")).unwrap();
    let mut rows = Vec::new();
    for line in text.lines() {
        let Some((step, row)) = line.split_once(": ") else { continue };
        if !matches!(step, "opened" | "put") || row.ends_with("none") || row.contains(" x ") {
            continue;
        }
        let (place, value) = row.split_once(" = ").unwrap();
        let (table, key) = place.split_once(' ').unwrap();
        let (table, key) = (Table(table.parse().unwrap()), unhex(key).unwrap());
        rows.push(Row { table, key, value: unhex(value) });
    }
    assert_eq!(rows.len(), 2, "the queue and what is known of its cell");
    let restored = Relay::restore(Limits::default(), rows);
    assert_eq!(restored.damaged, 0);
    let mut relay = restored.relay;
    let (conn, exporter) = (ConnId(1), Exporter([1; 32]));
    relay.handle(Input::Connected { conn, exporter }, NOW);
    let role = QueueRole::Writer;
    let signature = prove(&queue_secret(0x30), &exporter, role, &queue_id(2));
    let said = Request::Prove { role, id: queue_id(2), signature };
    let frame = Box::new(Ok(Framed::<Request>::new(said, None)));
    let step = relay.handle(Input::Frame { conn, frame }, NOW);
    let [Send::Reply { reply: Reply::Serving { low: 0, next: 1, last: Some(last), .. }, .. }] =
        &step.sends[..]
    else {
        panic!("{:?}", step.sends);
    };
    assert_eq!(last.cell, CellHash::of(&[0x55; CELL_BYTES]));
}

fn signature(byte: u8) -> Signature {
    Signature { ed25519: [byte; 64], mldsa: Box::new([byte; 3_309]) }
}

fn inbound() -> Inbound {
    Inbound {
        place: place("north", 0x21),
        deposit: Some(Digest([0x22; 32])),
        reader: queue_id(1),
        secret: queue_secret(0x20),
        writer: queue_id(2),
        writer_key: QueueKey(run(0x30)),
        tokens: vec![Token([0x70; 32]), Token([0x71; 32])],
        opened: true,
        cursor: 7,
        rekey: Some((queue_id(3), QueueKey(run(0x40)))),
        lost: 1,
    }
}

fn outbound() -> Outbound {
    let key = VerifyingKey { ed25519: [0x62; 32], mldsa: Box::new([0x63; 1_952]) };
    let deposit = RelayKey { named: None, key: Some(key), other: Some(Digest([0x64; 32])), broken: 5 };
    let mut outbound = Outbound::new(
        place("south", 0x61),
        deposit,
        queue_id(4),
        queue_secret(0x50),
        Some(queue_secret(0x60)),
    );
    (outbound.next, outbound.high, outbound.doubted) = (3, 4, 2);
    outbound.last = Some((3, CellHash(Digest([0x33; 32]))));
    outbound
}

fn thread(role: Role, stage: Stage) -> Thread {
    let label = "Tarrun".to_owned();
    let mut thread = Thread::new(label, role, vec![inbound()], stage);
    (thread.next_cell, thread.next_opened) = (5, 6);
    if role == Role::Joiner {
        thread.renews =
            Some(Renews { thread: 2, channel: CHANNEL, party: Some(Digest([0x44; 32])), said: true });
        thread.renewed_as = Some(3);
    }
    thread
}

fn inviting() -> Stage {
    let offer = OfferQueue {
        place: place("north", 0x21),
        reader: queue_id(1),
        reader_secret: queue_secret(0x20),
        writer: queue_id(2),
        writer_secret: queue_secret(0x30),
        tokens: vec![Token([0x72; 32])],
        opened: true,
        stored: false,
    };
    Stage::Inviting(Box::new(Inviting {
        secret: secret(0x10),
        keys: OneTimeKeys::random(&mut rng(201)),
        line: "truceline:LINE".to_owned(),
        expires: NOW,
        offer_cell: vec![0x0f; 8],
        offers: vec![offer],
        refused_hellos: 2,
    }))
}

fn open() -> Stage {
    let mut rng = rng(202);
    let (mut inviter, mut joiner) = fresh(&mut rng);
    let mut cells: Vec<_> = (0..3).map(|_| inviter.seal(b"cell", &mut rng).unwrap()).collect();
    pair::deliver(&mut joiner, &cells.remove(1), NOW, &mut rng).unwrap();
    let answer = joiner.seal(b"answer", &mut rng).unwrap();
    pair::deliver(&mut inviter, &answer, NOW, &mut rng).unwrap();
    let next = inviter.seal(b"next", &mut rng).unwrap();
    pair::deliver(&mut joiner, &next, NOW, &mut rng).unwrap();
    let cards = [identity("Velmara", 1).card().clone(), identity("Таррун", 101).card().clone()];
    let introduced =
        [0xa0, 0xb0].map(|byte| RoleSignature { first: Digest([byte; 32]), signature: signature(byte) });
    let mut session = Session::new(CHANNEL, cards, introduced, joiner, vec![outbound()]);
    session.heard = true;
    (session.sealed, session.sealed_fragments) = (2, 1);
    session.halt = Some(Halt::Forked { sequence: 9 });
    (session.delivered_due, session.read_due) = (Some(NOW), None);
    session.read = vec![1, 4];
    session.put_again_at = NOW;
    session.refused = 3;
    Stage::Open(Box::new(session))
}

fn row<T: bincode::Encode>(value: &T) -> Vec<u8> {
    codec::encode(value, usize::MAX).unwrap()
}

/// Three statements of the inviter and one of the joiner, who has acknowledged two.
fn chains() -> ChainRow {
    let mut transcript = Transcript::new(CHANNEL);
    for author in [Role::Inviter, Role::Inviter, Role::Joiner, Role::Inviter] {
        let heading = Heading { kind: 4, case: StatementId::NONE, clock: NOW };
        let header = transcript.next_header(author, heading, Digest([0x66; 32]));
        transcript.append_verified(&header).unwrap();
    }
    let ends = Role::BOTH.map(|role| transcript.chain(role).end().clone());
    ChainRow { ends, counts: Counts { words: [Some(1), None], sent: 2, read: 1, unread: 1 } }
}

fn officer_rows() -> Vec<(&'static str, Vec<u8>)> {
    let seeds = SigningSeeds::from_seeds(secret(1), secret(2));
    let seeds = IdentitySeeds::new(PartyName::parse("Velmara").unwrap(), seeds);
    let cell = |carries: Carries| {
        let key = matches!(carries, Carries::Fragment { .. }).then(|| Secret::take(&mut [0x56u8; 44]));
        row(&(carries, vec![0x55u8; 4], key))
    };
    let tree = SignedTree { size: 3, root: Digest([0x65; 32]), signature: signature(0x66) };
    let proof = DepositProof { tree, path: LeafPath { position: 1, digests: vec![Digest([0x67; 32]); 2] } };
    let deposit = HeldDeposit { writer: queue_id(4), index: 3, clock: NOW, proof };
    let placements = vec![
        Placement::default(),
        Placement { index: Some(3), given: NOW, stored: Some(NOW.plus(Millis(1))), tries: 2 },
    ];
    vec![
        ("identity", row(&seeds)),
        ("settings", row(&Settings::default())),
        ("thread.inviting", row(&thread(Role::Inviter, inviting()))),
        ("thread.greeting", row(&thread(Role::Joiner, greeting()))),
        ("thread.open", row(&thread(Role::Joiner, open()))),
        ("cell.hello", cell(Carries::Hello)),
        ("cell.welcome", cell(Carries::Welcome)),
        ("cell.moved", cell(Carries::Moved)),
        ("cell.fragment", cell(Carries::Fragment { sequence: 7, receipt: true })),
        ("places", row(&placements)),
        ("fragment", row(&(612u32, b"piece".to_vec()))),
        ("mark", row(&NOW)),
        ("opened", row(&CellHash(Digest([9; 32])))),
        ("place", row(&PlaceRow { thread: 3, author: Role::Joiner, sequence: 7 })),
        ("chain", row(&chains())),
        ("deposit", row(&deposit)),
        (
            "own.note",
            own(Own::Note { about: Place { statement: Digest([7; 32]), line: None }, text: text("n") }),
        ),
        ("own.untruth", own(untruth(None))),
        ("own.untruth-said", own(untruth(Some("s")))),
        ("retired", row(&(1u8, NOW, seeds_card()))),
        ("own.profile", own(Own::Profile { key: text("k"), text: text("Яна") })),
    ]
}

fn seeds_card() -> Card {
    identity("Velmara", 1).card().clone()
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn untruth(said: Option<&str>) -> Own {
    let about = Place { statement: Digest([8; 32]), line: Some((1, 2)) };
    Own::Untruth(Untruth { about, said: said.map(text), truth: text("t") })
}

fn own(what: Own) -> Vec<u8> {
    OwnRecord { at: NOW, thread: 3, what }.encode().unwrap()
}

/// The greeting holds a signature that is never made twice alike; here its bytes are set.
fn greeting() -> Stage {
    let stage = pair::Stage::new(203);
    let (mut greeting, _) = stage.greet(204);
    // The id covers the offer's signature and is therefore another each time.
    greeting.channel = CHANNEL;
    greeting.joiner.signature = signature(0xc0);
    let mut bytes = row(&greeting);
    // So is the ratchet, at the end.
    let own = row(&fresh(&mut rng(205)).1);
    let at = bytes.len() - own.len();
    bytes[at..].copy_from_slice(&own);
    let greeting = codec::decode(&bytes, usize::MAX).unwrap();
    Stage::Greeting(Box::new(Greeted { greeting, outbound: vec![outbound()] }))
}

#[test]
fn an_officers_rows_are_what_they_were() {
    let mut page = "# An officer's rows before they are sealed: the values of docs/DISK.md.\n".to_owned();
    for (name, bytes) in officer_rows() {
        writeln!(page, "{name}: {}", hex(&bytes)).unwrap();
    }
    compare("officer_rows.txt", &page);
}

fn read_again<T: bincode::Encode + bincode::Decode<()>>(name: &str, bytes: &[u8]) -> T {
    let value: T = codec::decode(bytes, usize::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(row(&value) == bytes, "{name}");
    assert!(codec::decode::<T>(&[bytes, &[0]].concat(), usize::MAX).is_err(), "{name}: a byte more");
    value
}

#[test]
fn an_officers_frozen_rows_are_read_and_written_alike() {
    let frozen = values("officer_rows.txt");
    assert_eq!(frozen.len(), officer_rows().len());
    for (name, bytes) in &frozen {
        match name.split('.').next().unwrap() {
            "identity" => drop(read_again::<IdentitySeeds>(name, bytes)),
            "settings" => assert_eq!(read_again::<Settings>(name, bytes), Settings::default()),
            "thread" => {
                let thread: Thread = read_again(name, bytes);
                assert_eq!((thread.next_cell, thread.next_opened), (5, 6));
                if let Stage::Open(session) = thread.stage {
                    assert_eq!(session.ratchet.as_ref().unwrap().skipped_keys(), 2);
                    assert_eq!(session.halt, Some(Halt::Forked { sequence: 9 }));
                }
            }
            "cell" => {
                let (carries, cell, key): (Carries, Vec<u8>, Option<Secret<44>>) = read_again(name, bytes);
                assert_eq!(cell, [0x55; 4]);
                assert_eq!(key.is_some(), matches!(carries, Carries::Fragment { .. }));
            }
            "deposit" => assert_eq!(read_again::<HeldDeposit>(name, bytes).index, 3),
            "places" => assert_eq!(read_again::<Vec<Placement>>(name, bytes)[1].tries, 2),
            "fragment" => assert_eq!(read_again::<(u32, Vec<u8>)>(name, bytes).1, b"piece"),
            "mark" => assert_eq!(read_again::<UnixMillis>(name, bytes), NOW),
            "opened" => drop(read_again::<CellHash>(name, bytes)),
            "place" => assert_eq!(read_again::<PlaceRow>(name, bytes).sequence, 7),
            "chain" => assert_eq!(read_again::<ChainRow>(name, bytes), chains()),
            "retired" => {
                assert_eq!(read_again::<(u8, UnixMillis, Card)>(name, bytes), (1, NOW, seeds_card()));
            }
            "own" => {
                let record = OwnRecord::decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!((record.at, record.thread), (NOW, 3));
                assert_eq!(&record.encode().unwrap(), bytes, "{name}");
                assert!(OwnRecord::decode(&[bytes, &[0][..]].concat()).is_err(), "{name}: a byte more");
                let other_version = [&[2], &bytes[1..]].concat();
                assert!(OwnRecord::decode(&other_version).is_err(), "{name}: another version");
            }
            other => panic!("{other} is no row"),
        }
    }
}
