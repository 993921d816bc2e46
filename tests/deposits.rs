//! Deposits, from a relay's signature to evidence in somebody else's hands: frozen bytes (`tests/vectors/deposit.txt`),
//! and each byte of them changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod pair;
mod sim;

use pair::{CHANNEL, fresh, place, rng, run, secret};
use sim::relays::depositor;
use sim::world::World;
use std::collections::BTreeMap;
use truceline::codec::{self, CELL_BYTES};
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::sign::{SigningKey, SigningSeeds};
use truceline::deal::body::{Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::desk::receipts::{Answers, Receipts};
use truceline::officer::check::{Source, check};
use truceline::officer::deposits::{
    DepositEvidence, EVIDENCE_BYTES_MAX, EvidenceError, KeySource, check_deposit,
};
use truceline::officer::engine::Channel;
use truceline::officer::link::{Purpose, Trouble};
use truceline::officer::table;
use truceline::party::role::Role;
use truceline::session::content::{Content, Fragment};
use truceline::step::Table;
use truceline::time::{Millis, UnixMillis};
use truceline::wire::deposit::{Deposit, LeafPath, SignedTree, StoredProof, key_digest, present_key};
use truceline::wire::queue::{CellHash, QueueId};
use zeroize::Zeroizing;

const FILE: &str = "deposit.txt";
const WRITER: QueueId = QueueId(Digest([0xbb; 32]));
const CLOCK: UnixMillis = UnixMillis(1_795_000_000_123);

fn key() -> SigningKey {
    SigningKey::expand(&SigningSeeds::from_seeds(secret(0x31), secret(0x51))).unwrap()
}

/// The three cells of the frozen commit, put at indexes 5 to 7.
fn deposits() -> Vec<Deposit> {
    let cell = |index: u64| CellHash(Digest(run(index as u8)));
    (5..8).map(|index| Deposit { writer: WRITER, index, cell: cell(index), clock: CLOCK }).collect()
}

fn vectors() -> BTreeMap<String, Vec<u8>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(FILE);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), unhex(value).unwrap()))
        .collect()
}

fn evidence() -> (DepositEvidence, Fragment) {
    let rng = &mut rng(77);
    let (mut inviter, _) = fresh(rng);
    let fragment = Fragment { sequence: 4, index: 0, count: 1, bytes: b"a whole statement".to_vec() };
    let content = Content::Fragment(fragment.clone()).encode().unwrap();
    let sealed = inviter.seal_shown(&content, rng).unwrap();
    let said = Deposit { writer: WRITER, index: 9, cell: CellHash::of(&sealed.cell), clock: CLOCK };
    let leaves: Vec<_> = deposits().iter().chain([&said]).map(Deposit::leaf).collect();
    let (tree, mut paths) = SignedTree::sign(&key(), &leaves).unwrap();
    let proof = StoredProof { tree, paths: vec![paths.remove(3)] }.of(0).unwrap();
    let evidence = DepositEvidence {
        place: place("south", 0x61),
        key: key().public().clone(),
        source: KeySource::Counterpart,
        writer: WRITER,
        index: 9,
        clock: CLOCK,
        proof,
        cell: sealed.cell,
        body_key: *sealed.key.expose(),
    };
    (evidence, fragment)
}

#[test]
#[ignore = "writes tests/vectors/deposit.txt anew: signatures are never made twice alike"]
fn freeze() {
    let leaves: Vec<_> = deposits().iter().map(Deposit::leaf).collect();
    let (tree, paths) = SignedTree::sign(&key(), &leaves).unwrap();
    let trimmed = |area: &[u8; CELL_BYTES]| hex(codec::unpad(area).unwrap());
    let mut page = String::from(
        "# A relay's deposits of three cells in one commit: docs/PROTOCOL.md. Cell areas without their padding.\n",
    );
    let mut put = |name: &str, value: String| page.push_str(&format!("{name}: {value}\n"));
    put("key.digest", key_digest(key().public()).hex());
    put("serving", trimmed(&present_key(key().public()).unwrap()));
    leaves.iter().zip(5..).for_each(|(leaf, index)| put(&format!("leaf.{index}"), leaf.hex()));
    put("root", tree.root.hex());
    put("stored", trimmed(&StoredProof { tree, paths }.encode().unwrap()));
    put("evidence", hex(&evidence().0.encode().unwrap()));
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(FILE);
    std::fs::write(path, page).unwrap();
}

#[test]
fn the_frozen_deposits_hold_and_are_written_alike() {
    let frozen = vectors();
    let is = |name: &str, bytes: &[u8]| assert_eq!(hex(&frozen[name]), hex(bytes), "{name}");
    is("key.digest", &key_digest(key().public()).0);
    is("serving", codec::unpad(present_key(key().public()).unwrap().as_slice()).unwrap());
    let mut area = [0; CELL_BYTES];
    area.copy_from_slice(&codec::pad(&frozen["stored"], CELL_BYTES).unwrap());
    let stored = StoredProof::decode(&area, 3).unwrap();
    is("root", &stored.tree.root.0);
    stored.tree.verify(key().public()).unwrap();
    for (at, said) in deposits().iter().enumerate() {
        is(&format!("leaf.{}", said.index), &said.leaf().0);
        stored.of(at).unwrap().verify(key().public(), said).unwrap();
    }
    assert_eq!(*stored.encode().unwrap(), area);
    let evidence = DepositEvidence::decode(&frozen["evidence"]).unwrap();
    is("evidence", &evidence.encode().unwrap());
    let proven = check_deposit(&evidence, &CHANNEL, Role::Inviter).unwrap();
    assert_eq!((proven.clock, proven.key), (CLOCK, key_digest(key().public())));
    assert_eq!(proven.fragment.bytes, b"a whole statement");
    assert_eq!(frozen.len(), 8, "no vector is left unchecked");
}

#[test]
fn evidence_shows_what_was_deposited_in_which_channel_by_whom() {
    let (evidence, fragment) = evidence();
    let proven = check_deposit(&evidence, &CHANNEL, Role::Inviter).unwrap();
    assert_eq!(proven.fragment, fragment);
    let refused = |channel: &Digest, role| check_deposit(&evidence, channel, role).err();
    assert_eq!(refused(&CHANNEL, Role::Joiner), Some(EvidenceError::NotOpened));
    assert_eq!(refused(&Digest([1; 32]), Role::Inviter), Some(EvidenceError::NotOpened));
}

/// What a change of these bytes cannot reach: where the relay was said to be, and who was said to have named its key.
fn is_claim(at: usize, evidence: &DepositEvidence) -> bool {
    let place = codec::encode(&evidence.place, 1_024).unwrap().len();
    let key = 32 + 1_952;
    (1..1 + place).contains(&at) || (1 + place + key..1 + place + key + 4).contains(&at)
}

#[test]
fn each_byte_of_evidence_changed_is_refused_or_changes_a_claim_alone() {
    let (evidence, _) = evidence();
    let proven = check_deposit(&evidence, &CHANNEL, Role::Inviter).unwrap();
    let bytes = evidence.encode().unwrap();
    assert!(bytes.len() <= EVIDENCE_BYTES_MAX);
    // The cell is checked first by its hash alone: one byte in 97 stands for the rest.
    let cell = bytes.len() - 44 - CELL_BYTES..bytes.len() - 44;
    for at in (0..bytes.len()).filter(|at| !cell.contains(at) || at % 97 == 0) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let outcome = DepositEvidence::decode(&changed)
            .and_then(|evidence| check_deposit(&evidence, &CHANNEL, Role::Inviter));
        if let Ok(other) = outcome {
            assert!(is_claim(at, &evidence), "byte {at} is held by nothing");
            assert_eq!(other, proven);
        }
    }
    assert!(DepositEvidence::decode(&[&bytes[..], &[0]].concat()).is_err());
    assert!(DepositEvidence::decode(&bytes[..bytes.len() - 1]).is_err());
    assert_eq!(DepositEvidence::decode(&[2]).err(), Some(EvidenceError::VersionUnknown(2)));
}

#[test]
fn the_largest_evidence_fits_its_bound() {
    let (mut evidence, _) = evidence();
    let address = format!("{}:65535", "a".repeat(253));
    evidence.place = truceline::party::relay::RelayPlace::new(&address, evidence.place.pin()).unwrap();
    evidence.proof.path = LeafPath { position: u64::MAX, digests: vec![Digest([9; 32]); 24] };
    assert_eq!(evidence.encode().unwrap().len(), 22_705);
}

const TO_PEER: Purpose = Purpose::Outbound(0);

/// Two officers over one relay whose line names its deposit key, or does not; the second is away from now on.
fn with_peer_away(names_key: bool) -> (World, u32) {
    let mut world = World::new(9, &["Velmara", "Tarrun"], 1);
    world.relays[0].names_key = names_key;
    let (a, _) = world.introduce(0, 1, &[0], &[0]);
    world.run_for(Millis::minutes(10));
    world.set_connected(1, false);
    (world, a)
}

/// Says something; gives its sequence number.
fn say(world: &mut World, thread: u32) -> u64 {
    let note = Deal::Note(Note { text: Text::new("what is withheld").unwrap() });
    world.command(0, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng)).unwrap();
    world.run_for(Millis::minutes(5));
    channel(world, thread).transcript.chain(Role::Inviter).count() - 1
}

fn channel(world: &World, thread: u32) -> &Channel {
    world.nodes[0].officer.channel(thread).unwrap()
}

fn reconnect(world: &mut World) {
    world.set_connected(0, false);
    world.set_connected(0, true);
    world.run_for(Millis::minutes(5));
}

fn rows(world: &mut World) -> usize {
    let mut rows = 0;
    world.nodes[0].store.scan(table::DEPOSIT, &mut |_, _| rows += 1).unwrap();
    rows
}

#[test]
fn a_statement_that_nobody_fetches_is_shown_withheld_with_its_proof_until_it_is_acknowledged() {
    let (mut world, thread) = with_peer_away(true);
    let sequence = say(&mut world, thread);
    let evidence = channel(&world, thread).deposits_of(sequence);
    world.kill_officer(0);
    assert_eq!(channel(&world, thread).deposits_of(sequence), evidence, "it is on the disk");
    let [evidence] = &evidence[..] else { panic!("{evidence:?}") };
    assert_eq!(evidence.source, KeySource::Counterpart);
    let id = channel(&world, thread).session().unwrap().channel;
    let proven = check_deposit(evidence, &id, Role::Inviter).unwrap();
    assert_eq!(proven.key, world.relays[0].deposit);
    let shown = |world: &World| {
        channel(world, thread).statements_of(Role::Inviter).next_back().unwrap().bytes().unwrap()
    };
    assert_eq!(proven.fragment.bytes, shown(&world)[..]);
    let told = |world: &World| {
        let (channel, now) = (channel(world, thread), UnixMillis(world.now));
        let answers = Answers::of(channel, &channel.ledger());
        let shown = channel.statements_of(Role::Inviter).last().unwrap();
        let receipts = Receipts::of(channel, &answers, &shown, now);
        (receipts.withheld_text(), receipts.json())
    };
    let (withheld, json) = told(&world);
    assert_eq!((withheld, &json["withheld"]), (None, &false.into()), "its time is not over");
    assert_eq!(json["deposited"]["relays"][0]["key"], world.relays[0].deposit.hex());
    world.tick_every = 60_000;
    world.run_for(Millis::days(2));
    let (withheld, json) = told(&world);
    let withheld = withheld.unwrap();
    assert!(withheld.contains("relay0.example:4433 signed at 2023-11-14"), "{withheld}");
    assert!(withheld.contains("truceline evidence make --statements"), "{withheld}");
    assert_eq!((&json["withheld"], &json["delivered"]), (&true.into(), &serde_json::Value::Null));
    world.set_connected(1, true);
    world.run_for(Millis::minutes(10));
    let (withheld, json) = told(&world);
    assert_eq!((withheld, &json["withheld"]), (None, &false.into()));
    assert!(json["delivered"]["late_ms"].as_u64().unwrap() >= 86_000_000, "{json}");
    assert!(
        channel(&world, thread).deposits_of(sequence).is_empty(),
        "the counterpart's own signature proves more"
    );
    assert_eq!(rows(&mut world), 0);
}

#[test]
fn nothing_is_put_where_the_key_is_not_the_one_that_the_counterpart_named() {
    let (mut world, thread) = with_peer_away(true);
    let honest = std::mem::replace(&mut world.relays[0].depositor, depositor(50).0);
    reconnect(&mut world);
    let puts = world.puts_on_the_wire;
    let sequence = say(&mut world, thread);
    let held = channel(&world, thread);
    assert_eq!(held.troubles.get(&TO_PEER), Some(&Trouble::DepositKeyOther));
    assert_eq!(held.troubles.get(&Purpose::Inbound(0)), Some(&Trouble::DepositKeyOwn));
    assert_eq!(held.session().unwrap().outbound[0].deposit.other, Some(depositor(50).1));
    assert!(held.deposits_of(sequence).is_empty() && held.deposited_at(sequence).is_empty());
    assert_eq!(world.puts_on_the_wire, puts);
    world.relays[0].depositor = honest;
    reconnect(&mut world);
    assert_eq!(channel(&world, thread).session().unwrap().outbound[0].deposit.other, None);
    assert_eq!(channel(&world, thread).deposits_of(sequence).len(), 1);
}

#[test]
fn a_key_that_nobody_named_is_kept_and_another_one_later_makes_deposits_a_bare_word() {
    let (mut world, thread) = with_peer_away(false);
    let before = say(&mut world, thread);
    let [first] = &channel(&world, thread).deposits_of(before)[..] else { panic!("no deposit") };
    assert_eq!(first.source, KeySource::FirstSeen);
    let honest = std::mem::replace(&mut world.relays[0].depositor, depositor(50).0);
    reconnect(&mut world);
    let after = say(&mut world, thread);
    let held = channel(&world, thread);
    assert_eq!(held.troubles.get(&TO_PEER), Some(&Trouble::DepositKeyChanged));
    assert!(held.deposits_of(after).is_empty());
    assert_eq!(held.deposited_at(after).iter().map(|at| at.signed).collect::<Vec<_>>(), [None]);
    assert_eq!(held.deposits_of(before).len(), 1, "what the first key signed stays");
    world.relays[0].depositor = honest;
    world.set_connected(1, true);
    reconnect(&mut world);
    world.run_for(Millis::minutes(10));
    assert_eq!(channel(&world, thread).troubles.get(&TO_PEER), None);
    assert!(channel(&world, thread).deposited_at(after).is_empty(), "delivered all the same");
}

#[test]
fn what_a_relay_stores_without_a_proof_that_holds_is_not_stored_there() {
    let (mut world, thread) = with_peer_away(true);
    world.relays[0].lies = true;
    world.faults.forge_deposit = 1_000;
    let sequence = say(&mut world, thread);
    let held = channel(&world, thread);
    // It also shows a false key, or none, where a new connection begins.
    assert!(held.troubles.contains_key(&TO_PEER));
    assert!(held.session().unwrap().outbound[0].deposit.broken > 0);
    assert!(held.deposited_at(sequence).is_empty());
    world.faults.forge_deposit = 0;
    world.run_for(Millis::minutes(5));
    assert_eq!(channel(&world, thread).deposits_of(sequence).len(), 1, "put again, and proven");
}

/// The rows of an officer's store, as a check of a vault reads them.
struct Rows(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Source for Rows {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) {
        let rows = self.0.iter().filter(|((of, _), _)| *of == table);
        rows.for_each(|((_, key), row)| visit(key, row.clone().into()));
    }

    fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.get(&(table, key.to_vec())).map(|row| row.clone().into())
    }
}

#[test]
fn a_check_of_the_vault_finds_a_deposit_that_was_altered_and_one_without_its_cell() {
    let (mut world, thread) = with_peer_away(true);
    say(&mut world, thread);
    let mut rows = Rows(BTreeMap::new());
    for table in table::ALL {
        let mut visit =
            |key: &[u8], row: Zeroizing<Vec<u8>>| drop(rows.0.insert((table, key.to_vec()), row.to_vec()));
        world.nodes[0].store.scan(table, &mut visit).unwrap();
    }
    let findings = |rows: &Rows| {
        let found = check(rows, &mut |jobs| jobs.iter().map(|_| Ok(())).collect()).findings;
        found.into_iter().map(|it| (it.table, it.what)).collect::<Vec<_>>()
    };
    assert_eq!(findings(&rows), []);
    let key = rows.0.keys().find(|(of, _)| *of == table::DEPOSIT).unwrap().clone();
    let whole = rows.0[&key].clone();
    for at in [0, 32, 40, 48, 88, 200, whole.len() - 1] {
        let mut row = whole.clone();
        row[at] ^= 1;
        rows.0.insert(key.clone(), row);
        let found = findings(&rows);
        assert!(matches!(&found[..], [(table::DEPOSIT, _)]), "byte {at}: {found:?}");
    }
    rows.0.insert(key.clone(), whole);
    let cell = (table::CELL, key.1[..12].to_vec());
    rows.0.remove(&cell).unwrap();
    let found: Vec<_> = findings(&rows).into_iter().map(|(table, _)| table).collect();
    assert_eq!(found, [table::PLACES, table::DEPOSIT]);
}

#[test]
fn a_retired_vault_keeps_the_deposits_it_has_with_their_cells() {
    let (mut world, thread) = with_peer_away(true);
    say(&mut world, thread);
    assert_eq!(rows(&mut world), 1);
    world.command(0, |officer, now, rng| officer.retire(now, rng)).unwrap();
    assert_eq!(rows(&mut world), 1);
    world.kill_officer(0);
    assert!(world.nodes[0].officer.retired().is_some(), "it opens again");
}
