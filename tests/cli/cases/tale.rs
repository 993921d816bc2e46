//! What every story needs: both sides in step, one state of each case at both ends and in what they export, and
//! names that come back to the byte.

use crate::officer::{Answer, Officer, PASSPHRASE, id, program};
use crate::relay::Relay;
use crate::scene::Scene;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use truceline::crypto::digest::Digest;
use truceline::deal::body::{Body, Content};
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::deal::judge::{Entry, Ledger, Said as Judged, judge};
use truceline::host::entropy::OsEntropy;
use truceline::host::vault::Vault;
use truceline::officer::engine::Officer as Engine;
use truceline::officer::held::{ChainRow, rows_of};
use truceline::officer::table;
use truceline::officer::view::check_export;
use truceline::party::role::Role;
use truceline::service::disk::Disk;
use truceline::statement::header::StatementId;
use truceline::statement::kind::Kind;
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::Heading;
use truceline::step::Record;
use truceline::time::UnixMillis;

/// The two officers of a channel.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub velmara: &'a Officer,
    pub tarrun: &'a Officer,
}

/// Says something, and gives the statement's id.
#[track_caller]
pub fn say(officer: &Officer, args: &[&str]) -> String {
    id(&officer.ok(&[args, &["--yes"]].concat()))
}

/// Holds that a statement is not signed, by the rule and with the remedy named.
#[track_caller]
pub fn not_signed(officer: &Officer, args: &[&str], rule: &str, remedy: &str) {
    officer.json(&[args, &["--yes"]].concat()).fails(3, rule, remedy);
}

/// What one side has said comes to the other.
#[track_caller]
pub fn post(from: &Officer, to: &Officer) {
    from.sync();
    to.sync();
}

/// A case as one side shows it.
#[track_caller]
pub fn case(officer: &Officer, id: &str) -> Value {
    officer.ok(&["case", "show", id])["case"].clone()
}

/// The state of one offer of a case.
#[track_caller]
pub fn state_of<'v>(case: &'v Value, offer: &str) -> &'v str {
    let offers = case["offers"].as_array().unwrap();
    let found = offers.iter().find(|it| it["id"] == offer);
    found.unwrap_or_else(|| panic!("no offer {offer}: {case}"))["state"].as_str().unwrap()
}

impl<'a> Sides<'a> {
    pub fn of(scene: &'a Scene) -> Self {
        Self { velmara: &scene.velmara, tarrun: &scene.tarrun }
    }

    /// All that was said is with both sides, and acknowledged; Velmara begins.
    pub fn settle(self) {
        for officer in [self.velmara, self.tarrun, self.velmara, self.tarrun] {
            officer.sync();
        }
    }

    /// The same, and Tarrun begins.
    pub fn settle_from_tarrun(self) {
        for officer in [self.tarrun, self.velmara, self.tarrun, self.velmara] {
            officer.sync();
        }
    }

    /// Holds that both sides show the same cases, each from its own end; gives them as Velmara does, by id.
    #[track_caller]
    pub fn same_cases(self) -> BTreeMap<String, Value> {
        let shown = [self.velmara, self.tarrun].map(|officer| officer.ok(&["cases"])["cases"].clone());
        self.same(&shown);
        let cases = shown[0].as_array().unwrap().iter();
        cases.map(|case| (case["id"].as_str().unwrap().to_owned(), case.clone())).collect()
    }

    /// The same of one case in full, with every statement and what became of it.
    #[track_caller]
    pub fn same_case(self, id: &str) -> Value {
        let shown = [self.velmara, self.tarrun].map(|officer| case(officer, id));
        self.same(&shown);
        let [ours, _] = shown;
        ours
    }

    /// Holds that Tarrun shows what Velmara shows, from its own end.
    #[track_caller]
    pub fn same(self, shown: &[Value; 2]) {
        let [ours, theirs] = shown;
        assert_eq!(common(ours, false), common(theirs, true));
    }

    /// Holds that both exports verify, between these two, up to the same heads; and that by the statements in each of
    /// them alone the cases stand as Velmara shows them.
    #[track_caller]
    pub fn exports_say(self, cases: &BTreeMap<String, Value>) {
        let status = self.velmara.ok(&["status"]);
        let [own, peer] = [&status["party"]["fingerprint"], &status["channels"][0]["peer"]["fingerprint"]]
            .map(|it| it.as_str().unwrap());
        let verified = [self.velmara, self.tarrun].map(|officer| {
            let file = officer.dir.join("transcript.bin");
            let file = file.to_str().unwrap();
            officer.ok(&["transcript", "export", file, "--force"]);
            let args = ["--json", "verify", file, "--party", own, "--party", peer];
            let checked = Answer::of(program().args(args).output().unwrap()).json();
            assert_eq!(checked["parties_identified"], true, "{checked}");
            told_by(&std::fs::read(file).unwrap(), cases);
            checked["parties"].clone()
        });
        assert_eq!(verified[0], verified[1]);
    }

    /// From an offer to its seal at both ends.
    #[track_caller]
    pub fn sealed(self, author: &Officer, other: &Officer, offer: &str) {
        post(author, other);
        say(other, &["accept", offer]);
        post(other, author);
        say(author, &["confirm", offer]);
        self.settle();
    }

    /// From the seal to both goes, where `giver`, who confirmed and so locks first, alone gives anybody.
    #[track_caller]
    pub fn gone(self, giver: &Officer, receiver: &Officer, case: &str) {
        say(giver, &["lock", case]);
        post(giver, receiver);
        say(receiver, &["lock", case]);
        post(receiver, giver);
        let notice = say(giver, &["transport", case, "--mode", "ambulance"]);
        post(giver, receiver);
        say(receiver, &["acknowledge", &notice]);
        say(receiver, &["ready", case]);
        post(receiver, giver);
        say(giver, &["ready", case]);
        say(giver, &["go", case]);
        post(giver, receiver);
        say(receiver, &["go", case]);
        self.settle();
    }
}

/// What must be equal at both ends: without what each side's own clock and desk add, and `mirrored` as the other side
/// would say it.
fn common(shown: &Value, mirrored: bool) -> Value {
    const OWN: [&str; 8] =
        ["channel", "opened", "since", "stored", "deposited", "delivered", "read", "receipts"];
    let turned = |text: &str| match text {
        "own" if mirrored => "peer".to_owned(),
        "peer" if mirrored => "own".to_owned(),
        other => other.to_owned(),
    };
    match shown {
        Value::String(text) => Value::String(turned(text)),
        // Each side lists in the order in which it came to know.
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(|it| common(it, mirrored)).collect();
            all.sort_by_key(Value::to_string);
            Value::Array(all)
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str()) && *name != "may");
            Value::Object(kept.map(|(name, it)| (turned(name), common(it, mirrored))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// The state of all cases by what an export holds.
fn judged(export: &[u8]) -> Ledger {
    let checked = check_export(export).unwrap();
    let said = checked.statements.iter().map(|it| match Kind::from_number(it.header.kind) {
        None | Some(Kind::Acknowledgement | Kind::Read | Kind::WordsConfirmed | Kind::Relays) => None,
        Some(kind) => Some(Body::parse(kind, &it.said.body, &it.said.lists).unwrap()),
    });
    let said: Vec<Option<Content>> = said.collect();
    let entries = checked.statements.iter().zip(&said).map(|(it, said)| Entry {
        id: it.id().0,
        author: it.header.author,
        sequence: it.header.sequence,
        peer_count: it.header.peer_count,
        case: (it.header.case != StatementId::NONE).then_some(it.header.case.0),
        kind: it.header.kind,
        said: said.as_ref().map_or(Judged::Other, Judged::Deal),
    });
    judge(&entries.collect::<Vec<_>>())
}

/// Holds that an export says of every case what a side shows of it.
#[track_caller]
fn told_by(export: &[u8], cases: &BTreeMap<String, Value>) {
    let ledger = judged(export);
    assert_eq!(
        ledger.cases().map(|case| case.id().hex()).collect::<Vec<_>>(),
        cases.keys().cloned().collect::<Vec<_>>()
    );
    let hex = |id: Digest| Value::from(id.hex());
    for case in ledger.cases() {
        let shown = &cases[&case.id().hex()];
        assert_eq!(shown["version"], case.version(), "{shown}");
        let offers: BTreeMap<String, String> =
            case.offers().map(|offer| (offer.id.hex(), case.offer_state(offer).to_string())).collect();
        for offer in shown["offers"].as_array().unwrap() {
            assert_eq!(offer["state"], offers[offer["id"].as_str().unwrap()], "{shown}");
        }
        assert_eq!(shown["offers"].as_array().unwrap().len(), offers.len(), "{shown}");
        let acceptances = case
            .acceptances()
            .map(|it| (hex(it.id), it.lapsed.is_some(), it.confirmed.map(|(confirm, _)| confirm.hex())));
        let told =
            shown["acceptances"].as_array().unwrap().iter().map(|it| {
                (it["id"].clone(), it["lapsed"] == true, it["confirm"].as_str().map(str::to_owned))
            });
        assert_eq!(acceptances.collect::<Vec<_>>(), told.collect::<Vec<_>>(), "{shown}");
        if let Some(handover) = case.handover() {
            assert_eq!(shown["handover"]["offer"], hex(handover.offer()), "{shown}");
            assert_eq!(shown["handover"]["effective"], handover.is_effective(), "{shown}");
        }
    }
}

/// Holds that a list as shown is the CSV it was read from, cell for cell and byte for byte. The cells hold texts, whole
/// dates and words; a side is none of these, and is left out.
#[track_caller]
pub fn came_to_the_byte(list: &Value, csv: &str) {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), rows.len());
    for (shown, row) in list.iter().zip(&rows) {
        for (column, cell) in heads.iter().zip(row).filter(|(column, _)| *column != "claimed_side") {
            assert_eq!(
                shown[column].as_str().unwrap_or_default().as_bytes(),
                cell.as_bytes(),
                "{column}: {shown}"
            );
        }
    }
}

/// Puts a proposal into an officer's vault, signed and in its place in the chain, with no rule asked: what a client does
/// that was altered. The next sync sends it.
pub fn say_unchecked(officer: &Officer, proposal: &str) -> String {
    let vault = Vault::open(&officer.vault, PASSPHRASE, table::MUTABLE, Box::new(OsEntropy)).unwrap();
    let disk = Arc::new(Disk::new(vault));
    let engine = Engine::restore(disk.clone()).unwrap();
    let channel = engine.channels().next().unwrap();
    let (number, author) = (channel.number, channel.thread.role);
    // By the clock of the chain's own last statement: this one comes after it.
    let now = channel.statements_of(author).next_back().map_or(UnixMillis(1), |last| last.header.clock);
    let mut list = |name: &str| Err(format!("{name}: no lists here"));
    let mut seed = || [5; 32];
    let sources = &mut Sources { me: author, now, list: &mut list, seed: &mut seed };
    let draft = proposal_from_toml(proposal, sources).unwrap();
    let body = draft.offer(0, None).unwrap().encode().unwrap();
    let said = Said { salt: [6; 32], body, lists: draft.lists };
    let heading = Heading { kind: Kind::Offer.number(), case: StatementId::NONE, clock: now };
    let header = channel.transcript.next_header(author, heading, said.commitment());
    let statement = Statement::sign(header, said, engine.identity().key()).unwrap();
    let sequence = statement.header.sequence;
    let stored = truceline::codec::encode(&now, usize::MAX).unwrap();
    let mut transcript = channel.transcript.clone();
    transcript.append_verified(&statement.header).unwrap();
    let ends = Role::BOTH.map(|role| transcript.chain(role).end().clone());
    let chain = truceline::codec::encode(&ChainRow { ends, counts: channel.counts }, usize::MAX).unwrap();
    let mut records = rows_of(number, author, &statement.header, statement.encode().unwrap());
    records.push(Record::put(table::MARK, table::mark_key(number, author, sequence, 1), stored));
    records.push(Record::put(table::CHAIN, table::thread_key(number), chain));
    disk.commit(records).unwrap();
    statement.id().0.hex()
}

/// Two officers from two empty vaults, whose channel stands and whose words neither has confirmed.
pub fn strangers(relay: &Relay) -> [Officer; 2] {
    let (velmara, tarrun) = (Officer::new("Velmara"), Officer::new("Tarrun"));
    for officer in [&velmara, &tarrun] {
        officer.ok(&["settings", "--receipts-at-once"]);
    }
    let line = velmara.invite(&[relay], "tarrun");
    tarrun.join(&line, &[relay], "velmara");
    for officer in [&velmara, &tarrun, &velmara] {
        officer.sync();
    }
    [velmara, tarrun]
}
