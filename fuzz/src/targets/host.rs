//! Whole files on a disk, damaged: a relay's store, a vault, and what holds a vault's key.

use super::rows::Rows;
use super::{Input, patched};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use tempfile::TempDir;
use truceline::host::sqlite::SqliteStore;
use truceline::host::store::{Store, StoreError};
use truceline::host::vault::{BackupFile, Vault};
use truceline::officer::table;
use truceline::relay::engine::Relay;
use truceline::relay::message::Limits;
use truceline::relay::table::Row;
use truceline::step::Table;

const PASSPHRASE: &str = "seven words that nobody says to strangers";
/// Magic and format come before the clear part in a backup's head.
const CLEAR_AT: usize = 25 + 4;
const CLEAR_BYTES: usize = 77;
const WRAPPED_BYTES: usize = 72;

/// The frozen files, and what is in them.
pub struct Frozen {
    relay_file: Vec<u8>,
    vault_file: Vec<u8>,
    backup: Vec<u8>,
    relay: Rows,
    pub vault: Rows,
}

pub static FROZEN: LazyLock<Frozen> = LazyLock::new(|| {
    let [relay_file, vault_file, backup] =
        ["relay-1/relay.sqlite", "vault-1/vault.sqlite", "vault-1.backup"].map(super::seeds::vector);
    let relay = relay_of(&relay_file).unwrap();
    let vault = vault_of(&vault_file).unwrap();
    Frozen { relay_file, vault_file, backup, relay, vault }
});

/// A folder of which nobody else can read, with one file.
fn private(name: &str, bytes: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    dir
}

fn relay_of(file: &[u8]) -> Result<Rows, StoreError> {
    let dir = private("relay.sqlite", file);
    rows_of(&SqliteStore::open(dir.path())?, &[1, 2, 3, 4].map(Table))
}

fn vault_of(file: &[u8]) -> Result<Rows, String> {
    let dir = private("vault.sqlite", file);
    let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
    let vault =
        Vault::open(dir.path(), PASSPHRASE, table::MUTABLE, rng).map_err(|error| error.to_string())?;
    rows_of(&vault, &table::ALL).map_err(|error| error.to_string())
}

pub fn rows_of(store: &dyn Store, tables: &[Table]) -> Result<Rows, StoreError> {
    let mut rows = Rows::new();
    for table in tables {
        store.scan(*table, &mut |key, value| {
            rows.insert((table.0, key.to_vec()), value.to_vec());
        })?;
    }
    Ok(rows)
}

/// Changes to a relay's file, as [`patched`] reads them. It is refused, or holds what it held.
pub fn relay_file(data: &[u8]) {
    match relay_of(&patched(&FROZEN.relay_file, data)) {
        Ok(rows) => {
            assert!(rows == FROZEN.relay, "damage is not noticed");
            let rows = rows.into_iter().map(|((table, key), value)| Row {
                table: Table(table),
                key,
                value: Some(value),
            });
            assert_eq!(
                Relay::restore(Limits::default(), rows.filter(|row| row.table != Table(3))).damaged,
                0
            );
        }
        Err(error) => super::told(&error, data.len()),
    }
}

/// A store with three batches in its journal, and what it holds with the first so many of them.
static JOURNAL: LazyLock<(TempDir, Vec<u8>, Vec<Rows>)> = LazyLock::new(|| {
    let dir = private("relay.sqlite", &super::seeds::vector("relay-2/relay.sqlite"));
    let journal = super::seeds::vector("relay-2/relay.journal");
    let mut held: Vec<Rows> = (0..=journal.len())
        .step_by(4_096)
        .map(|cut| journal_of(dir.path(), &journal[..cut]).unwrap())
        .collect();
    held.dedup();
    assert_eq!(held.len(), 4);
    (dir, journal, held)
});

fn journal_of(dir: &std::path::Path, journal: &[u8]) -> Result<Rows, StoreError> {
    let path = dir.join("relay.journal");
    fs::write(&path, journal).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    rows_of(&SqliteStore::open_to_read(dir)?, &[1, 2, 3, 4].map(Table))
}

/// Changes to a relay's journal, likewise: it is refused, or holds what it held up to some batch.
pub fn relay_journal(data: &[u8]) {
    let (dir, journal, held) = &*JOURNAL;
    match journal_of(dir.path(), &patched(journal, data)) {
        Ok(rows) => assert!(held.contains(&rows), "damage is not noticed"),
        Err(error) => super::told(&error, data.len()),
    }
}

/// Whether opening would ask for more memory and time than the least: a vault may, and a test cannot wait for it.
fn is_dear(clear: &[u8]) -> bool {
    let word = |at: usize| u32::from_le_bytes(clear[at..at + 4].try_into().unwrap());
    let (memory, passes, lanes) = (word(1), word(5), word(9));
    let allowed =
        (65_536..=4_194_304).contains(&memory) && (1..=64).contains(&passes) && (1..=16).contains(&lanes);
    allowed && (memory, passes, lanes) != (65_536, 1, 1)
}

/// Changes to a vault's file, likewise.
pub fn vault_file(data: &[u8]) {
    let (good, bytes) = (&FROZEN.vault_file, patched(&FROZEN.vault_file, data));
    let clear = &FROZEN.backup[CLEAR_AT..][..CLEAR_BYTES];
    let at = good.windows(CLEAR_BYTES).position(|part| part == clear).expect("a vault has its header");
    if bytes.get(at..at + CLEAR_BYTES).is_some_and(is_dear) {
        return;
    }
    match vault_of(&bytes) {
        Ok(rows) => assert!(rows == FROZEN.vault, "damage is not noticed"),
        Err(error) => super::told(&error, data.len()),
    }
}

/// `which u8 ‖ …`: where it is odd, a passphrase; else changes to how a passphrase holds the key of a backup. Only the right
/// passphrase opens it, and only as it was.
pub fn wrapped_key(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let good = &FROZEN.backup;
    let end = CLEAR_AT + CLEAR_BYTES + WRAPPED_BYTES;
    let mut bytes = good.clone();
    let mut passphrase = PASSPHRASE.to_owned();
    if which & 1 == 1 {
        passphrase = String::from_utf8_lossy(input.rest()).into_owned();
    } else {
        let head = patched(&good[CLEAR_AT..end], input.rest());
        bytes.splice(CLEAR_AT..end, head);
    }
    if is_dear(&bytes[CLEAR_AT..][..CLEAR_BYTES]) {
        return;
    }
    let dir = private("backup", &bytes);
    let path = dir.path().join("backup");
    let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
    let restored = BackupFile::open(&path)
        .and_then(|it| it.restore(&dir.path().join("vault"), &passphrase, table::MUTABLE, rng));
    match restored {
        Ok(vault) => {
            assert!(bytes == *good && passphrase == PASSPHRASE, "a vault opens for another");
            assert!(rows_of(&vault, &table::ALL).unwrap() == FROZEN.vault);
        }
        Err(error) => {
            assert!(bytes != *good || passphrase != PASSPHRASE, "a good backup is refused: {error}");
            super::told(&error, data.len());
        }
    }
}
