//! The order of writes between the real services over real TLS, as a ledger beside the disks sees it: a cell reaches a
//! relay only once its officer's disk holds it, a relay is told to drop a cell only once its reader's disk remembers
//! it, a receipt counts only for what the other's disk holds; and a disk that fails at every third commit, in any way
//! it can, changes nothing of that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::host::clock;
use truceline::host::entropy::OsEntropy;
use truceline::host::link::Acceptor;
use truceline::host::memory::MemoryStore;
use truceline::host::store::{Store, StoreError};
use truceline::host::tls::make_certificate;
use truceline::officer::engine::Notice;
use truceline::officer::introduce::RelayLeave;
use truceline::officer::restore::first_rows;
use truceline::officer::table;
use truceline::officer::thread::Stage;
use truceline::party::card::{IdentitySeeds, PartyName};
use truceline::party::role::Role;
use truceline::relay::table as relay_table;
use truceline::service::officer::{OfficerService, ServiceError};
use truceline::service::relay::RelayService;
use truceline::service::relay_config::RelayConfig;
use truceline::service::relay_folder::RelayFolder;
use truceline::service::sync::{SyncOptions, fetch_offer};
use truceline::session::invite::UntrustedInvite;
use truceline::step::{Record, Span, Table};
use truceline::time::Millis;
use truceline::wire::queue::CellHash;
use zeroize::Zeroizing;

/// How long an officer's disk takes: long enough for what is sent too early to be on the relay's, which does not wait.
const DISK: Duration = Duration::from_millis(4);
/// Statements of each side.
const EACH: u64 = 6;
/// Longer than anything takes that works.
const DEADLINE: Duration = Duration::from_secs(120);

/// What the disks of both officers ever held, kept apart from the engines.
#[derive(Default)]
struct Ledger {
    /// Rows that are long enough to hold a cell, by officer.
    long: [Vec<Vec<u8>>; 2],
    /// Hashes of cells taken in.
    opened: [BTreeSet<Vec<u8>>; 2],
    /// Statements.
    statements: [BTreeSet<Vec<u8>>; 2],
    /// Cells that reached the relay, were dropped there, and statements that counted as delivered.
    seen: [u64; 3],
}

impl Ledger {
    fn written(&mut self, officer: usize, Record { table, key, value }: &Record, disk: &MemoryStore) {
        let Some(value) = value.as_ref().map(|value| value.to_vec()) else { return };
        match *table {
            table::OPENED => drop(self.opened[officer].insert(value)),
            table::STATEMENT => drop(self.statements[officer].insert(value)),
            table::MARK => self.marked(officer, key, disk),
            _ if value.len() >= truceline::codec::CELL_BYTES => self.long[officer].push(value),
            _ => {}
        }
    }

    /// A statement of an officer's own counts as delivered: the other's disk holds it.
    fn marked(&mut self, officer: usize, key: &[u8], disk: &MemoryStore) {
        for (role, sequence) in Role::BOTH.into_iter().flat_map(|role| (0..100).map(move |at| (role, at))) {
            if key != table::mark_key(1, role, sequence, 3) {
                continue;
            }
            let said = disk.read(table::STATEMENT, &table::statement_key(1, role, sequence)).unwrap();
            let said = said.expect("what counts as delivered was said").to_vec();
            assert!(
                self.statements[1 - officer].contains(&said),
                "#{sequence} counts as delivered and is not on the other's disk"
            );
            self.seen[2] += 1;
        }
    }

    /// A cell comes to the relay's disk.
    fn stored(&mut self, cell: &[u8]) {
        let holds = |row: &Vec<u8>| row.windows(cell.len()).any(|at| at == cell);
        assert!(
            self.long.iter().flatten().any(holds),
            "a cell reached the relay before its officer's disk held it"
        );
        self.seen[0] += 1;
    }

    /// A cell goes from the relay's disk.
    fn dropped(&mut self, cell: &[u8]) {
        let hash = CellHash::of(cell.try_into().unwrap()).0.0.to_vec();
        assert!(
            self.opened.iter().any(|opened| opened.contains(&hash)),
            "a cell was dropped before its reader's disk remembered it"
        );
        self.seen[1] += 1;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Officer(usize),
    Relay,
}

/// A disk that is slow, tells the ledger, and fails when it is its time.
#[derive(Clone)]
struct Disk {
    whose: Whose,
    rows: Arc<Mutex<MemoryStore>>,
    ledger: Arc<Mutex<Ledger>>,
    /// Commits so far, and at every which one it fails.
    commits: Arc<Mutex<u64>>,
    fails_every: Option<u64>,
}

impl Disk {
    fn new(whose: Whose, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let ledger = Arc::clone(ledger);
        Self { whose, rows: Arc::default(), ledger, commits: Arc::default(), fails_every: None }
    }

    fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let copies: Vec<Record> = records
            .iter()
            .map(|it| Record { table: it.table, key: it.key.clone(), value: it.value.clone() })
            .collect();
        let mut rows = self.rows.lock().unwrap();
        let mut ledger = self.ledger.lock().unwrap();
        if self.whose == Whose::Relay {
            for record in copies.iter().filter(|record| record.table == relay_table::CELL) {
                match &record.value {
                    Some(cell) => ledger.stored(cell),
                    None => ledger.dropped(&rows.read(record.table, &record.key).unwrap().unwrap()),
                }
            }
        }
        rows.commit(records)?;
        if let Whose::Officer(at) = self.whose {
            copies.iter().for_each(|record| ledger.written(at, record, &rows));
        }
        Ok(())
    }
}

impl Store for Disk {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        self.rows.lock().unwrap().scan(table, visit)
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.rows.lock().unwrap().read(table, key)
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        self.rows.lock().unwrap().range(table, span, visit)
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        if self.whose != Whose::Relay {
            std::thread::sleep(DISK);
        }
        let number = {
            let mut commits = self.commits.lock().unwrap();
            *commits += 1;
            *commits
        };
        match self.fails_every.filter(|every| number.is_multiple_of(*every)).map(|every| number / every % 3) {
            None => self.write(records),
            Some(0) => Err(StoreError::Full),
            Some(1) => Err(StoreError::Failed { cause: "it was not written".to_owned(), fatal: true }),
            Some(_) => {
                self.write(records)?;
                Err(StoreError::Failed { cause: "it was written all the same".to_owned(), fatal: true })
            }
        }
    }
}

/// An officer whose program starts again from its disk whenever that failed.
struct Desk {
    at: usize,
    disk: Disk,
    service: OfficerService,
    /// Statements of the counterpart that were shown.
    shown: BTreeSet<Vec<u8>>,
    restarts: u64,
}

impl Desk {
    fn new(at: usize, name: &str, ledger: &Arc<Mutex<Ledger>>, fails_every: Option<u64>) -> Self {
        let mut disk = Disk::new(Whose::Officer(at), ledger);
        let seeds = IdentitySeeds::random(PartyName::parse(name).unwrap(), &mut OsEntropy);
        disk.commit(first_rows(&seeds).unwrap()).unwrap();
        disk.fails_every = fails_every;
        let service = OfficerService::with_store(Box::new(disk.clone())).unwrap();
        Self { at, disk, service, shown: BTreeSet::new(), restarts: 0 }
    }

    /// Does it until the disk lets it be done.
    fn command<T>(&mut self, act: impl Fn(&mut OfficerService) -> Result<T, ServiceError>) -> T {
        loop {
            match act(&mut self.service) {
                Ok(done) => return done,
                Err(error) => self.restart(&error),
            }
        }
    }

    fn restart(&mut self, error: &ServiceError) {
        assert!(matches!(error, ServiceError::Store(_)), "{error}");
        self.restarts += 1;
        self.service = OfficerService::with_store(Box::new(self.disk.clone())).unwrap();
    }

    /// Syncs until the disk lets it end.
    async fn sync(&mut self) {
        loop {
            let (options, _stop) = SyncOptions::once();
            let (shown, rows) = (&mut self.shown, &self.disk.rows);
            let mut show = |_: &_, notice: &Notice| {
                if let Notice::Received { id, .. } = notice {
                    assert!(shown.insert(id.0.0.to_vec()), "a statement is shown twice");
                    let place = rows.lock().unwrap().read(table::PLACE, &id.0.0).unwrap();
                    assert!(place.is_some(), "a statement is shown and not on the disk");
                }
            };
            match self.service.sync(&options, &mut show).await {
                Ok(report) => return assert!(report.reached && report.troubles.is_empty()),
                Err(error) => self.restart(&error),
            }
        }
    }

    fn say(&mut self, at: u64) {
        let text = format!("road report {at} of {}", self.at);
        // A command whose write failed may have been written: then it is not said again.
        let said = self.statements();
        let content = Content::Note(Note { text: Text::new(&text).unwrap() });
        self.command_unless(
            |desk| desk.statements() > said,
            |service| {
                service
                    .command(|officer, now, rng| officer.say(1, None, &content, Vec::new(), now, rng))
                    .map(drop)
            },
        );
    }

    fn command_unless(
        &mut self,
        done: impl Fn(&Self) -> bool,
        act: impl Fn(&mut OfficerService) -> Result<(), ServiceError>,
    ) {
        while !done(self) {
            if let Err(error) = act(&mut self.service) {
                self.restart(&error);
            }
        }
    }

    fn statements(&self) -> u64 {
        let channel = self.service.officer().channel(1).unwrap();
        channel.transcript.chain(channel.thread.role).count()
    }
}

/// Two officers meet over a relay, compare their words, and say all they have to say.
async fn exchange(fails_every: Option<u64>) -> ([u64; 3], u64) {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let place = TempDir::new().unwrap();
    let folder = RelayFolder::at(&place.path().join("relay"));
    let config =
        RelayConfig { listen: "127.0.0.1:0".parse().unwrap(), reserve_bytes: 0, ..RelayConfig::default() };
    folder.init(&config).unwrap();
    let made = make_certificate().unwrap();
    let acceptor = Acceptor::new(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
    let store = Box::new(Disk::new(Whose::Relay, &ledger));
    let relay = RelayService::start_with(folder.clone(), config, acceptor, store).await.unwrap();
    let leave = || {
        let pass = folder.issue(4, clock::now().plus(Millis::days(1)), &mut OsEntropy).unwrap();
        [RelayLeave { place: relay.place().unwrap(), deposit: None, pass }]
    };

    let mut a = Desk::new(0, "Velmara", &ledger, fails_every);
    let mut b = Desk::new(1, "Tarrun", &ledger, fails_every);
    for desk in [&mut a, &mut b] {
        let mut settings = desk.service.officer().settings().clone();
        settings.without_delay();
        desk.command(|service| {
            service.command(|officer, _, _| Ok(((), officer.set_settings(settings.clone()))))
        });
    }
    let expires = clock::now().plus(Millis::days(2));
    let ours = leave();
    a.command_unless(
        |desk| desk.service.officer().channel(1).is_some(),
        |service| {
            let invite = |officer: &mut truceline::officer::engine::Officer,
                          now,
                          rng: &mut dyn rand_core::CryptoRng| {
                officer.invite("to b".into(), &ours, expires, now, rng)
            };
            service.command(invite).map(drop)
        },
    );
    a.sync().await;
    let line = match &a.service.officer().channel(1).unwrap().thread.stage {
        Stage::Inviting(inviting) => inviting.line.clone(),
        _ => panic!("no invite"),
    };
    let invite = UntrustedInvite::parse(&line).unwrap().verify(clock::now()).unwrap();
    let offer = fetch_offer(&invite, None, DEADLINE).await.unwrap();
    let theirs = leave();
    b.command_unless(
        |desk| desk.service.officer().channel(1).is_some(),
        |service| {
            service
                .command(|officer, now, rng| officer.join("to a".into(), &invite, &offer, &theirs, now, rng))
                .map(drop)
        },
    );
    for _ in 0..2 {
        b.sync().await;
        a.sync().await;
    }
    for at in 0..EACH {
        a.say(at);
        b.say(at);
        if at % 2 == 0 {
            tokio::join!(a.sync(), b.sync());
        }
    }
    for _ in 0..3 {
        tokio::join!(a.sync(), b.sync());
    }
    let chains = |desk: &Desk| {
        let transcript = &desk.service.officer().channel(1).unwrap().transcript;
        Role::BOTH.map(|role| {
            let chain = transcript.chain(role);
            (chain.count(), chain.head(chain.count()))
        })
    };
    assert_eq!(chains(&a), chains(&b), "both transcripts agree");
    assert!(chains(&a).iter().all(|(count, _)| *count >= EACH));
    relay.shutdown().await.unwrap();
    let seen = ledger.lock().unwrap().seen;
    (seen, a.restarts + b.restarts)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_dropped_or_acknowledged_before_it_is_durable() {
    let ([stored, dropped, delivered], restarts) = exchange(None).await;
    assert_eq!(restarts, 0);
    assert!(
        stored >= 2 * EACH && dropped >= 2 * EACH && delivered >= 2 * EACH,
        "{stored} {dropped} {delivered}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_either_when_every_third_commit_fails_full_or_failed_or_failed_and_written() {
    let ([stored, dropped, delivered], restarts) = exchange(Some(3)).await;
    assert!(restarts > 9, "all three ways, several times: {restarts}");
    assert!(
        stored >= 2 * EACH && dropped >= 2 * EACH && delivered >= 2 * EACH,
        "{stored} {dropped} {delivered}"
    );
}
