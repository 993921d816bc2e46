//! How a vault of an older format becomes one of this format: one step from each format to the next, all in one
//! transaction with the number of the new one. So a vault that any release made opens in every later one, and a
//! crash leaves it as it was.

use super::seal::Head;
use super::{Step, Vault, altered, put_root};
use crate::host::rows::Writer;
use crate::host::store::StoreError;
use crate::step::{Record, Table};
use zeroize::Zeroizing;

/// From one format to the next.
pub(super) type Migration = fn(&mut Migrating<'_, '_>) -> Result<(), StoreError>;

/// The steps there are; the first is from format 1 to 2.
pub(super) const STEPS: &[Migration] = &[];

/// The format that this program writes.
pub(super) const VERSION: i32 = 1 + STEPS.len() as i32;

/// A vault while a step runs.
pub(super) struct Migrating<'a, 'b> {
    step: &'b mut Step<'a>,
}

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "format 1 is the first; a test runs a step from a made-up one")
)]
impl Migrating<'_, '_> {
    /// The keys of a table's rows, in their order.
    pub fn keys(&self, table: Table) -> Result<Vec<Vec<u8>>, StoreError> {
        self.step.writer.keys(u16::from(table.0))
    }

    /// One row's value.
    pub fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some((head, body)) = self.step.writer.read(u16::from(table.0), key)? else { return Ok(None) };
        let broken = || altered(table, "a row's seal does not open");
        let head = Head::parse(&head).ok_or_else(broken)?;
        self.step.keys.open(table, key, head, &body).map(Some).map_err(|_| broken())
    }

    /// Writes or deletes a row; one that was there is replaced, whatever its table.
    pub fn write(&mut self, record: Record) -> Result<(), StoreError> {
        if record.value.is_some() {
            self.step.apply(Record::delete(record.table, record.key.clone()))?;
        }
        self.step.apply(record)
    }
}

impl Vault {
    /// Runs the steps that are due.
    pub(super) fn migrate(&mut self, steps: &[Migration]) -> Result<(), StoreError> {
        let (keys, mutable, rng) = (&self.keys, self.mutable, self.rng.as_mut());
        let mut root = self.root.clone();
        self.rows.migrate(steps, |writer: &Writer<'_>, migration| {
            root.step += 1;
            let mut step = Step { writer, keys, mutable, root: std::mem::take(&mut root), rng: &mut *rng };
            migration(&mut Migrating { step: &mut step })?;
            put_root(writer, keys, &step.root, step.rng)?;
            root = step.root;
            Ok(())
        })?;
        self.root = root;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::entropy::OsEntropy;
    use crate::host::rows::Rows;
    use crate::host::vault::{FORMAT, PassphraseCost, VaultError};
    use rusqlite::Connection;
    use std::path::Path;

    const MUTABLE: &[Table] = &[Table(1)];
    const WORDS: &str = "words";

    fn open(dir: &Path, steps: &[Migration]) -> Result<Vault, VaultError> {
        // As `Vault::open` does, by a program that writes a format for each step.
        let version = 1 + steps.len() as i32;
        let rows = Rows::open(dir, crate::host::rows::Format { version, ..FORMAT })?;
        let (clear, wrapped) = super::super::header(&rows)?;
        let clear = super::super::Clear::parse(&clear)?;
        let vault_key = clear.unwrap(WORDS, &wrapped)?;
        let keys = super::super::RowKeys::new(&vault_key, clear.id());
        let root = super::super::open_root(&rows, &keys)?;
        let rng = Box::new(OsEntropy);
        let mut vault = Vault { rows, keys, vault_key, id: clear.id(), mutable: MUTABLE, root, rng };
        vault.migrate(steps)?;
        vault.check_mutable()?;
        Ok(vault)
    }

    fn version(dir: &Path) -> i64 {
        let db = Connection::open(dir.join("vault.sqlite")).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    fn content(vault: &mut Vault) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
        use crate::host::store::Store;
        let mut found = Vec::new();
        for table in [1, 2, 3] {
            vault
                .scan(Table(table), &mut |key, value| found.push((table, key.to_vec(), value.to_vec())))
                .unwrap();
        }
        found
    }

    /// Each value of table 2 gets a byte in front.
    fn lengthened(vault: &mut Migrating<'_, '_>) -> Result<(), StoreError> {
        for key in vault.keys(Table(2))? {
            let value = vault.read(Table(2), &key)?.unwrap();
            vault.write(Record::put(Table(2), key, [&[7], value.as_slice()].concat()))?;
        }
        Ok(())
    }

    /// The mutable row is divided in two, and table 2 becomes table 3.
    fn moved(vault: &mut Migrating<'_, '_>) -> Result<(), StoreError> {
        vault.write(Record::put(Table(1), b"a".to_vec(), b"1".to_vec()))?;
        vault.write(Record::put(Table(1), b"b".to_vec(), b"2".to_vec()))?;
        for key in vault.keys(Table(2))? {
            let value = vault.read(Table(2), &key)?.unwrap();
            vault.write(Record::delete(Table(2), key.clone()))?;
            vault.write(Record::put(Table(3), key, value.to_vec()))?;
        }
        Ok(())
    }

    fn stuck(_: &mut Migrating<'_, '_>) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    #[test]
    fn an_older_vault_takes_each_step_to_this_format_or_none_of_them() {
        use crate::host::store::Store;
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("vault");
        let mut vault =
            Vault::create(&dir, WORDS, PassphraseCost::LEAST, MUTABLE, Vec::new(), Box::new(OsEntropy))
                .unwrap();
        let rows = [(1, b"a".as_slice(), b"0"), (2, b"k", b"x"), (2, b"l", b"y")];
        let records = rows.map(|(table, key, value)| Record::put(Table(table), key.to_vec(), value.to_vec()));
        vault.commit(records.into()).unwrap();
        let before = content(&mut vault);
        drop(vault);
        // A step that fails leaves all as it was, with the number of its format.
        assert!(open(&dir, &[lengthened, stuck]).is_err());
        assert_eq!(version(&dir), 1);
        assert_eq!(content(&mut open(&dir, &[]).unwrap()), before);
        let mut vault = open(&dir, &[lengthened, moved]).unwrap();
        let expected = [
            (1, b"a".as_slice(), b"1".as_slice()),
            (1, b"b", b"2"),
            (3, b"k", b"\x07x"),
            (3, b"l", b"\x07y"),
        ];
        let expected = expected.map(|(table, key, value)| (table, key.to_vec(), value.to_vec()));
        assert_eq!(content(&mut vault), expected);
        assert_eq!(vault.step(), 3);
        drop(vault);
        assert_eq!(version(&dir), 3);
        // No step is taken twice; and a program of the older format refuses what the newer one wrote.
        assert_eq!(content(&mut open(&dir, &[lengthened, moved]).unwrap()), expected);
        let older = open(&dir, &[lengthened]).err();
        let known =
            matches!(older, Some(VaultError::Store(StoreError::VersionUnknown { found: 3, known: 2 })));
        assert!(known, "{older:?}");
    }
}
