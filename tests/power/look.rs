//! What a program finds in a folder, and whether that is what it was told and no more.

use crate::disk::Tree;
use crate::relay_client::{Queue, cell};
use crate::world::{Ledger, PASSPHRASES, RELAY, SEED, Span, Told, VAULT};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use truceline::deal::body::Content;
use truceline::host::link::Acceptor;
use truceline::host::sqlite::SqliteStore;
use truceline::host::store::Store;
use truceline::host::vault::{PassphraseCost, Vault, VaultError};
use truceline::officer::engine::Channel;
use truceline::officer::thread::Halt;
use truceline::party::card::PartyName;
use truceline::party::role::Role;
use truceline::relay::engine::Relay;
use truceline::relay::message::Limits;
use truceline::relay::table::{CELL, QUEUE, RESTORED, Row, TOKEN};
use truceline::service::keep::check_vault;
use truceline::service::officer::{OfficerService, ServiceError};
use truceline::service::relay_config::RelayConfig;
use truceline::service::relay_folder::{RelayFolder, RelayFolderError};
use truceline::wire::pass::Token;

/// What is wrong, in words.
pub type Wrong = String;

/// What a relay's folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelaySeen {
    /// False where none was made.
    pub there: bool,
    /// Every row of its store.
    pub rows: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    /// Hashes of tokens in the files of passes.
    pub files: BTreeSet<String>,
    /// The rest of what it serves by: pin, deposit key, configuration.
    pub keys: Vec<String>,
}

fn told(error: impl std::fmt::Display) -> Wrong {
    error.to_string()
}

/// Looks at a relay as its start does, and at every cell. Where there is none, one can be made.
pub fn relay(dir: &Path) -> Result<RelaySeen, Wrong> {
    let folder = RelayFolder::at(dir);
    let config = match folder.config() {
        Err(error @ (RelayFolderError::Missing(_) | RelayFolderError::Unfinished(_))) => {
            if matches!(error, RelayFolderError::Unfinished(_)) {
                // As its message says.
                std::fs::remove_dir_all(dir).unwrap();
            }
            folder.init(&RelayConfig::default()).map_err(|error| format!("none can be made: {error}"))?;
            return Ok(RelaySeen::default());
        }
        config => config.map_err(told)?,
    };
    let mut seen = RelaySeen { there: true, ..RelaySeen::default() };
    let acceptor = Acceptor::load(&dir.join("certificate.pem"), &dir.join("key.pem")).map_err(told)?;
    let key = folder.deposit_key().map_err(told)?;
    let deposit = truceline::wire::deposit::key_digest(key.public());
    seen.keys = vec![acceptor.pin().0.hex(), deposit.hex(), format!("{config:?}")];
    let store = SqliteStore::open(dir).map_err(told)?;
    for table in RESTORED.into_iter().chain([CELL]) {
        let mut keep = |key: &[u8], value: zeroize::Zeroizing<Vec<u8>>| {
            seen.rows.insert((table.0, key.to_vec()), value.to_vec());
        };
        store.scan(table, &mut keep).map_err(told)?;
    }
    for (table, key) in seen.rows.keys().filter(|(table, _)| *table == CELL.0) {
        // As it is fetched.
        if store.read(CELL, key).map_err(told)?.is_none() {
            return Err(format!("a row of table {table} is scanned and not found"));
        }
    }
    let rows = seen.rows.iter().filter(|((table, _), _)| *table != CELL.0);
    let rows = rows.map(|((table, key), value)| Row {
        table: truceline::step::Table(*table),
        key: key.clone(),
        value: Some(value.clone()),
    });
    if Relay::restore(Limits::default(), rows).damaged > 0 {
        return Err("rows of its store are damaged".to_owned());
    }
    for entry in std::fs::read_dir(dir.join("passes")).map_err(told)? {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "pass") {
            let text = std::fs::read_to_string(&path).map_err(told)?;
            seen.files.extend(text.lines().skip(1).map(str::to_owned));
        }
    }
    Ok(seen)
}

impl RelaySeen {
    fn holds(&self, token: &Token) -> [bool; 2] {
        let hash = token.hash().0;
        [self.rows.contains_key(&(TOKEN.0, hash.0.to_vec())), self.files.contains(&hash.hex())]
    }

    /// The indexes that it holds of the queue of [`SEED`]; none where it does not know the queue.
    fn indexes(&self) -> Result<Option<BTreeSet<u64>>, Wrong> {
        let queue = Queue::seeded(SEED);
        let reader = queue.reader.0.0.0;
        let number =
            self.rows.iter().find(|((table, _), value)| *table == QUEUE.0 && value.starts_with(&reader));
        let Some(((_, number), _)) = number else { return Ok(None) };
        let mut indexes = BTreeSet::new();
        for ((table, key), bytes) in &self.rows {
            if *table == CELL.0 && key.starts_with(number) {
                let index = u64::from_be_bytes(key[8..].try_into().unwrap());
                if bytes[..] != cell(SEED, index)[..] {
                    return Err(format!("cell {index} is not what was put"));
                }
                indexes.insert(index);
            }
        }
        Ok(Some(indexes))
    }

    /// Holds what was told to be done by `now` against what is there, and what is there against what had been asked
    /// for by `asked`.
    pub fn check(&self, ledger: &Ledger, now: u64, asked: u64) -> Result<(), Wrong> {
        let done = |span: &Span| span.done <= now;
        let begun = |span: &Span| span.begun < asked;
        if !self.there {
            return if ledger.relay.as_ref().is_some_and(done) {
                Err("the relay is gone".to_owned())
            } else {
                Ok(())
            };
        }
        for (token, issued) in &ledger.issued {
            let [stored, filed] = self.holds(token);
            let spent = ledger.spent.iter().find(|(spent, _)| spent == token).map(|(_, span)| span);
            if spent.is_some_and(done) && (stored || filed) {
                return Err("a spent token is back".to_owned());
            }
            if done(issued) && !spent.is_some_and(begun) && !stored && !filed {
                return Err("a token that was issued is gone".to_owned());
            }
        }
        let Some(indexes) = self.indexes()? else {
            let opened = ledger.spent.iter().any(|(_, span)| done(span));
            return if opened { Err("a queue that was opened is gone".to_owned()) } else { Ok(()) };
        };
        let below = |is: &dyn Fn(&Span) -> bool| {
            ledger.drops.iter().filter(|(_, span)| is(span)).map(|(below, _)| *below).max().unwrap_or(0)
        };
        for (index, (_, put)) in (0u64..).zip(&ledger.puts) {
            let there = indexes.contains(&index);
            if done(put) && index >= below(&begun) && !there {
                return Err(format!("cell {index} was acknowledged and is gone"));
            }
            if there && !begun(put) {
                return Err(format!("cell {index} is there before it was put"));
            }
            if there && index < below(&done) {
                return Err(format!("cell {index} was dropped and is back"));
            }
        }
        match indexes.last() {
            Some(last) if *last >= ledger.puts.len() as u64 => Err(format!("nobody put cell {last}")),
            _ => Ok(()),
        }
    }
}

/// What an officer's vault holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VaultSeen {
    /// Which of [`PASSPHRASES`] opens it; none where there is no vault.
    pub opens: Option<usize>,
    /// Notes of the own side and of the other, as they stand in their chains.
    pub notes: [Vec<String>; 2],
    /// Whether it waits for the relays to show that it is the newest.
    pub restored: bool,
}

/// The notes that one side of a channel has said.
pub fn notes(channel: &Channel, of: Role) -> Vec<String> {
    let content = channel.statements_of(of).map(|shown| shown.content());
    let notes = content.filter_map(|content| match content {
        Some(Ok(Content::Note(note))) => Some(note.text.as_str().to_owned()),
        _ => None,
    });
    notes.collect()
}

/// Looks at a vault, and at all that was said in it, trying the passphrase `first`; `whole` checks every row and
/// signature, too. Where there is no vault, one can be made.
pub fn vault(dir: &Path, first: usize, whole: bool) -> Result<VaultSeen, Wrong> {
    if !Vault::exists(dir) {
        let name = PartyName::parse("Velmara").unwrap();
        OfficerService::create(dir, PASSPHRASES[0], name, PassphraseCost::LEAST)
            .map_err(|error| format!("none can be made: {error}"))?;
        return Ok(VaultSeen::default());
    }
    let (opens, service) = match OfficerService::open(dir, PASSPHRASES[first]) {
        Err(ServiceError::Vault(VaultError::PassphraseWrong)) => {
            (1 - first, OfficerService::open(dir, PASSPHRASES[1 - first]))
        }
        opened => (first, opened),
    };
    let service = service.map_err(told)?;
    let mut seen = VaultSeen { opens: Some(opens), ..VaultSeen::default() };
    if let Some(channel) = service.officer().channels().next() {
        let role = channel.thread.role;
        seen.notes = [role, role.other()].map(|of| notes(channel, of));
        seen.restored = channel.session().is_some_and(|session| session.halt == Some(Halt::Restored));
    }
    if let Some(error) = service.failure().take() {
        return Err(told(error));
    }
    drop(service);
    if whole {
        let check = check_vault(dir, PASSPHRASES[opens]).map_err(told)?;
        if !check.is_sound() {
            let findings = check.checked.findings.iter().map(|it| it.what.clone());
            let damage = check.damage.iter().map(|it| it.what.clone());
            return Err(findings.chain(damage).collect::<Vec<_>>().join("; "));
        }
    }
    Ok(seen)
}

impl VaultSeen {
    /// As [`RelaySeen::check`], of one of the two officers.
    pub fn check(&self, ledger: &Ledger, who: usize, now: u64, asked: u64) -> Result<(), Wrong> {
        let done = |span: &Span| span.done <= now;
        let begun = |span: &Span| span.begun < asked;
        let [own, other] = [&ledger.officers[who], &ledger.officers[1 - who]];
        let Some(opens) = self.opens else {
            return if own.made.as_ref().is_some_and(done) {
                Err("the vault is gone".to_owned())
            } else {
                Ok(())
            };
        };
        match own.passphrase {
            Some(span) if done(&span) && opens == 0 => {
                return Err("the old passphrase still holds".to_owned());
            }
            Some(span) if begun(&span) => {}
            _ if opens == 1 => return Err("another passphrase holds than any that was set".to_owned()),
            _ => {}
        }
        let heard =
            own.heard.iter().filter(|(_, span)| done(span)).map(|(count, _)| *count).max().unwrap_or(0);
        let said = own.said.iter().filter(|(_, span)| done(span)).count();
        for (notes, ledger, least) in [(&self.notes[0], own, said), (&self.notes[1], other, heard)] {
            compare(notes, &ledger.said, least, &begun)?;
        }
        Ok(())
    }
}

/// Holds that `notes` are the first of those said, at least `least` of them, and none that nobody had begun to say.
fn compare(
    notes: &[String],
    said: &Told<String>,
    least: usize,
    begun: &dyn Fn(&Span) -> bool,
) -> Result<(), Wrong> {
    let most = said.iter().filter(|(_, span)| begun(span)).count();
    let expected = said.iter().map(|(text, _)| text);
    if !notes.iter().eq(expected.take(notes.len())) {
        return Err(format!("these notes were never said: {notes:?}"));
    }
    if !(least..=most).contains(&notes.len()) {
        return Err(format!("{} notes are there, of at least {least} and at most {most}", notes.len()));
    }
    Ok(())
}

/// Holds the files that commands wrote against what they had written when they were done. A backup is whole once it has
/// its name.
pub fn files(tree: &Tree, ledger: &Ledger, now: u64) -> Result<(), Wrong> {
    for ((path, bytes), span) in &ledger.files {
        let here = tree.keys().next().is_some_and(|machine| path.starts_with(machine));
        let found = tree.get(path).and_then(|(_, bytes)| bytes.as_ref());
        if here && span.done <= now && found != Some(bytes) {
            return Err(format!("{} is gone, or not whole", path.display()));
        }
        if path.ends_with("backup") && found.is_some_and(|found| found != bytes) {
            return Err(format!("{} has its name and is not whole", path.display()));
        }
    }
    Ok(())
}

/// What is found on a machine that came back, whose folder lies in `place`. `changed` says that another passphrase may
/// have been set.
pub fn machine(place: &Path, machine: &str, changed: bool, whole: bool) -> Result<Seen, Wrong> {
    let dir = place.join(machine).join(VAULT);
    Ok(match machine {
        "relay" => Seen::Relay(relay(&place.join(RELAY))?),
        "velmara" => Seen::Vault(0, vault(&dir, usize::from(changed), whole)?),
        "tarrun" => Seen::Vault(1, vault(&dir, 0, whole)?),
        _ if Vault::exists(&dir) => Seen::Spare(vault(&dir, 0, whole)?),
        _ => Seen::Spare(VaultSeen::default()),
    })
}

/// What was seen on a machine.
#[derive(Debug, Clone)]
pub enum Seen {
    Relay(RelaySeen),
    Vault(usize, VaultSeen),
    Spare(VaultSeen),
}

impl Seen {
    pub fn check(&self, ledger: &Ledger, now: u64, asked: u64) -> Result<(), Wrong> {
        match self {
            Self::Relay(seen) => seen.check(ledger, now, asked),
            Self::Vault(who, seen) => seen.check(ledger, *who, now, asked),
            Self::Spare(seen) => match seen.opens {
                None if ledger.restored.is_some_and(|span| span.done <= now) => {
                    Err("the restored vault is gone".to_owned())
                }
                Some(_) if !seen.restored => Err("a restored vault does not know that it is one".to_owned()),
                _ => Ok(()),
            },
        }
    }
}
