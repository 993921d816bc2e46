//! An officer's vault: one folder, one file, every value in it sealed under a key that a passphrase holds.
//! Row keys, tables, steps and sizes are in clear: a record's key may be an id or a counter, never content.
//!
//! The root row, sealed anew in each transaction, knows the newest state: the step, the digest of each
//! mutable row, and for the other tables how many rows there are and the sum of their keyed digests. So a
//! row that was altered, taken back or taken away is noticed. What nobody can notice here is a whole older
//! copy of the file: the peers' signatures show that. A new passphrase does not revoke old copies.
//!
//! A vault is used from one thread; its calls block on the disk. It never keeps the passphrase.

mod backup;
mod error;
mod inspect;
mod migrate;
mod request;
mod seal;
mod wrap;

pub use backup::{Backup, BackupError, BackupFile};
pub use error::VaultError;
pub use inspect::{Damage, Inspection};
pub use request::{Asked, ask_for_backup, is_in_use};
pub use wrap::PassphraseCost;

use crate::codec;
use crate::crypto::derive::same_code;
use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::host::rows::{Format, Rows, Stored, Visit, Writer};
use crate::host::store::{Store, StoreError, TABLE_RESERVED, check_tables};
use crate::host::tally::Tally;
use crate::step::{Record, Span, Table};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;
use seal::{Head, RowKeys, VaultId};
use std::collections::BTreeMap;
use std::path::Path;
use wrap::Clear;
use zeroize::Zeroizing;

const FORMAT: Format = Format {
    file: "vault.sqlite",
    application: 0x7472_7663,
    version: migrate::VERSION,
    page_bytes: 4_096,
    cache_kib: 2_000,
};
const ROOT: u16 = TABLE_RESERVED.0 as u16;
const HEADER: u16 = 256;
/// A hundred thousand mutable rows fit.
const ROOT_BYTES_MAX: usize = 16 << 20;
/// What the log may hold before a commit tidies it: a vault is small, and what it deletes should go.
const BACKLOG_BYTES_MAX: u64 = 4 << 20;

/// The newest state, as the root row keeps it.
#[derive(Clone, Default)]
struct Root {
    step: u64,
    mutable: BTreeMap<(Table, Vec<u8>), Digest>,
    written: Tally,
}

/// A root as it is encoded: step, mutable rows in order, sums of the other tables.
#[derive(Encode, Decode)]
struct RootBytes(u64, Vec<(u8, Vec<u8>, Digest)>, Tally);

/// An open vault.
pub struct Vault {
    rows: Rows,
    keys: RowKeys,
    vault_key: Secret<32>,
    id: VaultId,
    mutable: &'static [Table],
    root: Root,
    rng: Box<dyn CryptoRng + Send>,
}

fn altered(table: Table, how: &str) -> StoreError {
    StoreError::corrupt(format!("table {}: {how}", table.0))
}

impl Vault {
    /// Makes a vault in `dir`, which is made where missing, with its `first` rows: it is there with all of them or not
    /// at all. Rows of the `mutable` tables may be rewritten; those of all others are written once.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn create(
        dir: &Path,
        passphrase: &str,
        cost: PassphraseCost,
        mutable: &'static [Table],
        first: Vec<Record>,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, VaultError> {
        check_tables(&first)?;
        let mut id = VaultId([0; 32]);
        rng.fill_bytes(&mut id.0);
        let clear = Clear::random(cost, id, rng.as_mut())?;
        let path = dir.join(FORMAT.file);
        if path.exists() {
            return Err(VaultError::Exists { path });
        }
        let vault_key = Secret::random(rng.as_mut());
        let wrapped = clear.wrap(passphrase, &vault_key, rng.as_mut())?;
        let keys = RowKeys::new(&vault_key, id);
        let mut root = Root { step: u64::from(!first.is_empty()), ..Root::default() };
        let rows = Rows::create(dir, FORMAT, |writer| {
            writer.put(HEADER, &[], &clear.bytes(), &wrapped)?;
            let step = Step { writer, keys: &keys, mutable, root: root.clone(), rng: rng.as_mut() };
            root = step.write(first)?;
            Ok(())
        })?;
        Ok(Self { rows, keys, vault_key, id, mutable, root, rng })
    }

    /// Opens the vault in `dir`. `mutable` must be what it was made with.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(
        dir: &Path,
        passphrase: &str,
        mutable: &'static [Table],
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, VaultError> {
        let rows = Rows::open(dir, FORMAT)?;
        let (clear, wrapped) = header(&rows)?;
        let clear = Clear::parse(&clear)?;
        let vault_key = clear.unwrap(passphrase, &wrapped)?;
        Self::unlocked(rows, vault_key, clear.id(), mutable, rng)
    }

    /// The vault once its key is known: what does not agree with the root is refused here.
    fn unlocked(
        rows: Rows,
        vault_key: Secret<32>,
        id: VaultId,
        mutable: &'static [Table],
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, VaultError> {
        let keys = RowKeys::new(&vault_key, id);
        let altered = |error| match error {
            StoreError::Corrupt { what } => VaultError::Altered { what },
            other => other.into(),
        };
        let root = open_root(&rows, &keys).map_err(altered)?;
        let mut vault = Self { rows, keys, vault_key, id, mutable, root, rng };
        vault.migrate(migrate::STEPS).map_err(altered)?;
        vault.check_mutable().map_err(altered)?;
        Ok(vault)
    }

    /// Whether there is a vault in `dir`.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FORMAT.file).exists()
    }

    /// Holds the vault's key by another passphrase. Copies made before still open with the old one.
    ///
    /// # Errors
    /// [`VaultError`]; the old passphrase then still holds.
    pub fn change_passphrase(&mut self, passphrase: &str, cost: PassphraseCost) -> Result<(), VaultError> {
        let clear = Clear::random(cost, self.id, self.rng.as_mut())?;
        let wrapped = clear.wrap(passphrase, &self.vault_key, self.rng.as_mut())?;
        self.rows.write(|writer| writer.put(HEADER, &[], &clear.bytes(), &wrapped))?;
        // The old one goes from the log, too.
        Ok(self.rows.checkpoint()?)
    }

    /// The most the vault's file may grow to, beside its log.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn limit_bytes(&mut self, max: u64) -> Result<(), VaultError> {
        Ok(self.rows.limit_bytes(max)?)
    }

    /// Steps made durable since the vault was made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.root.step
    }

    /// Checks each mutable row against the root, and that there is no other.
    fn check_mutable(&self) -> Result<(), StoreError> {
        for table in self.mutable {
            let mut found = 0;
            self.rows.scan(u16::from(table.0), &mut |key, head, body| {
                found += 1;
                self.open_row(*table, key, head, body).map(drop)
            })?;
            self.check_count(*table, found)?;
        }
        Ok(())
    }

    fn check_count(&self, table: Table, found: usize) -> Result<(), StoreError> {
        let known = self.root.mutable.range((table, Vec::new())..).take_while(|((of, _), _)| *of == table);
        if known.count() != found {
            return Err(altered(table, "rows are missing"));
        }
        Ok(())
    }

    /// Shows `key, head, body` of every row of a table; then holds the table against the root.
    fn scan_stored(&self, table: Table, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let (mut found, mut rows) = (Tally::default(), 0);
        self.rows.scan(u16::from(table.0), &mut |key, head, body| {
            visit(key, head, body)?;
            found.add(table, &self.keys.digest(table, key, head, body));
            rows += 1;
            Ok(())
        })?;
        if self.is_mutable(table) {
            return self.check_count(table, rows);
        }
        if !found.agrees(&self.root.written, table) {
            return Err(altered(table, "rows are missing, or were put back"));
        }
        Ok(())
    }

    fn is_mutable(&self, table: Table) -> bool {
        self.mutable.contains(&table)
    }

    fn open_row(
        &self,
        table: Table,
        key: &[u8],
        head: &[u8],
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if self.is_mutable(table) {
            let known = self.root.mutable.get(&(table, key.to_vec()));
            let found = self.keys.digest(table, key, head, body);
            if known.is_none_or(|known| !same_code(&known.0, &found.0)) {
                return Err(altered(table, "a row is not the newest that was written, or was altered"));
            }
        }
        let head = Head::parse(head).ok_or_else(|| altered(table, "a row's head is cut short"))?;
        if head.step > self.root.step {
            return Err(altered(table, "a row is newer than the root"));
        }
        self.keys.open(table, key, head, body).map_err(|_| altered(table, "a row's seal does not open"))
    }
}

/// The header's clear part and the wrapped key.
fn header(rows: &Rows) -> Result<Stored, VaultError> {
    rows.read(HEADER, &[])?.ok_or_else(|| VaultError::Damaged { what: "its header is missing".to_owned() })
}

fn put_root(
    writer: &Writer<'_>,
    keys: &RowKeys,
    root: &Root,
    rng: &mut dyn CryptoRng,
) -> Result<(), StoreError> {
    let mutable = root.mutable.iter().map(|((table, key), digest)| (table.0, key.clone(), *digest)).collect();
    let bytes = codec::encode(&RootBytes(root.step, mutable, root.written.clone()), ROOT_BYTES_MAX)
        .map_err(|_| StoreError::Misused("more mutable rows than a vault keeps"))?;
    let head = head(root.step, rng);
    writer.put(ROOT, &[], &head.bytes(), &keys.seal(TABLE_RESERVED, &[], head, &bytes))
}

fn open_root(rows: &Rows, keys: &RowKeys) -> Result<Root, StoreError> {
    let broken = |how: &str| StoreError::corrupt(format!("its root row {how}"));
    let (head, body) = rows.read(ROOT, &[])?.ok_or_else(|| broken("is missing"))?;
    let head = Head::parse(&head).ok_or_else(|| broken("is cut short"))?;
    let bytes = keys.open(TABLE_RESERVED, &[], head, &body).map_err(|_| broken("does not open"))?;
    let RootBytes(step, mutable, written) =
        codec::decode(&bytes, ROOT_BYTES_MAX).map_err(|_| broken("is malformed"))?;
    let mutable = mutable.into_iter().map(|(table, key, digest)| ((Table(table), key), digest)).collect();
    Ok(Root { step, mutable, written })
}

fn head(step: u64, rng: &mut dyn CryptoRng) -> Head {
    let mut nonce = [0; 24];
    rng.fill_bytes(&mut nonce);
    Head { step, nonce }
}

/// One commit under way: the root as it will be.
struct Step<'a> {
    writer: &'a Writer<'a>,
    keys: &'a RowKeys,
    mutable: &'static [Table],
    root: Root,
    rng: &'a mut dyn CryptoRng,
}

impl Step<'_> {
    /// Writes the records and the root; gives the root.
    fn write(mut self, records: Vec<Record>) -> Result<Root, StoreError> {
        records.into_iter().try_for_each(|record| self.apply(record))?;
        put_root(self.writer, self.keys, &self.root, self.rng)?;
        Ok(self.root)
    }

    fn apply(&mut self, record: Record) -> Result<(), StoreError> {
        let Record { table, key, value } = record;
        let mutable = self.mutable.contains(&table);
        if !mutable {
            self.count_out(table, &key, value.is_none())?;
        }
        let Some(value) = value else {
            self.writer.delete(u16::from(table.0), &key)?;
            self.root.mutable.remove(&(table, key));
            return Ok(());
        };
        let head = head(self.root.step, self.rng);
        let body = self.keys.seal(table, &key, head, &value);
        let digest = self.keys.digest(table, &key, &head.bytes(), &body);
        self.writer.put(u16::from(table.0), &key, &head.bytes(), &body)?;
        if mutable {
            self.root.mutable.insert((table, key), digest);
        } else {
            self.root.written.add(table, &digest);
        }
        Ok(())
    }

    /// Takes a deleted row of an immutable table out of the sums; a row there may not be rewritten.
    fn count_out(&mut self, table: Table, key: &[u8], deleted: bool) -> Result<(), StoreError> {
        let Some((head, body)) = self.writer.read(u16::from(table.0), key)? else { return Ok(()) };
        if !deleted {
            return Err(StoreError::Misused("a row of a table that is written once was written again"));
        }
        let digest = self.keys.digest(table, key, &head, &body);
        self.root.written.remove(table, &digest).map_err(|how| altered(table, how))
    }
}

impl Store for Vault {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        self.scan_stored(table, &mut |key, head, body| {
            visit(key, self.open_row(table, key, head, body)?);
            Ok(())
        })
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match self.rows.read(u16::from(table.0), key)? {
            Some((head, body)) => self.open_row(table, key, &head, &body).map(Some),
            None if self.root.mutable.contains_key(&(table, key.to_vec())) => {
                Err(altered(table, "a row is missing"))
            }
            None => Ok(None),
        }
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        self.rows.range(u16::from(table.0), span, &mut |key, head, body| {
            Ok(visit(key, self.open_row(table, key, head, body)?))
        })
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        check_tables(&records)?;
        if records.is_empty() {
            return Ok(());
        }
        let mut root = self.root.clone();
        root.step += 1;
        let (keys, mutable, rng) = (&self.keys, self.mutable, self.rng.as_mut());
        self.root = self.rows.write(|writer| Step { writer, keys, mutable, root, rng }.write(records))?;
        if self.rows.wal_bytes() > BACKLOG_BYTES_MAX {
            // The commit is durable whatever comes of this; a failure shows at the next commit.
            let _ = self.rows.checkpoint();
        }
        Ok(())
    }

    fn backlog_bytes(&self) -> u64 {
        self.rows.wal_bytes()
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.rows.checkpoint()
    }

    fn answer_requests(&mut self) {
        self.answer_request();
    }
}

#[cfg(test)]
mod tests;
