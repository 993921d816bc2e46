//! A vault looked at row by row, whatever is wrong with it: all damage is found, not the first alone. May not change
//! a row.

use super::{FORMAT, HEADER, ROOT, Root, Vault, VaultError, header, open_root};
use crate::host::rows::Rows;
use crate::host::store::{StoreError, TABLE_RESERVED};
use crate::host::tally::Tally;
use crate::host::vault::seal::{Head, RowKeys};
use crate::host::vault::wrap::Clear;
use crate::step::Table;
use rand_core::CryptoRng;
use std::path::Path;
use zeroize::Zeroizing;

/// Something in a vault that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The table; none where it is the file, or a row that belongs to no table.
    pub table: Option<Table>,
    /// The row's key; none where it is not one row.
    pub key: Option<Vec<u8>>,
    /// What is wrong.
    pub what: String,
}

impl Damage {
    fn of(table: Table, key: Option<&[u8]>, what: impl Into<String>) -> Self {
        Self { table: Some(table), key: key.map(<[u8]>::to_vec), what: what.into() }
    }

    fn file(what: impl Into<String>) -> Self {
        Self { table: None, key: None, what: what.into() }
    }
}

/// A vault that is looked at.
pub struct Inspection {
    vault: Vault,
    /// Whether the root row opened: without it no row can be held against it.
    rooted: bool,
    damage: Vec<Damage>,
}

impl Inspection {
    /// Opens the vault in `dir` as far as it opens. What is wrong with its file and its root is noted.
    ///
    /// # Errors
    /// [`VaultError`] where nothing can be looked at: no vault, the wrong passphrase, a file that is none.
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
        let keys = RowKeys::new(&vault_key, clear.id());
        let mut damage: Vec<Damage> = match rows.integrity() {
            Ok(lines) => lines.into_iter().map(|line| Damage::file(format!("SQLite says: {line}"))).collect(),
            Err(error) => vec![Damage::file(error.to_string())],
        };
        let (root, rooted) = match open_root(&rows, &keys) {
            Ok(root) => (root, true),
            Err(error) => {
                damage.push(Damage::of(TABLE_RESERVED, None, error.to_string()));
                (Root::default(), false)
            }
        };
        let mut vault = Vault { rows, keys, vault_key, id: clear.id(), mutable, root, rng };
        if rooted {
            vault.migrate(super::migrate::STEPS)?;
        }
        Ok(Self { vault, rooted, damage })
    }

    /// Steps made durable since the vault was made; none where the root row is damaged.
    #[must_use]
    pub fn step(&self) -> Option<u64> {
        self.rooted.then_some(self.vault.root.step)
    }

    /// Shows `key` and value of every row of a table that opens, in key order, and gives what is wrong with the
    /// others and with the table.
    pub fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Vec<Damage> {
        let mut damage = Vec::new();
        let (mut found, mut missing) = (Tally::default(), self.mutable_keys(table));
        let scanned = self.vault.rows.scan(u16::from(table.0), &mut |key, head, body| {
            missing.retain(|known| known != key);
            found.add(table, &self.vault.keys.digest(table, key, head, body));
            match self.open_row(table, key, head, body) {
                Ok(value) => visit(key, value),
                Err(what) => damage.push(Damage::of(table, Some(key), what)),
            }
            Ok(())
        });
        if let Err(error) = scanned {
            damage.push(Damage::of(table, None, format!("its rows cannot all be read: {error}")));
        }
        damage.extend(missing.iter().map(|key| Damage::of(table, Some(key), "the row is missing")));
        if self.rooted && !self.vault.is_mutable(table) && !found.agrees(&self.vault.root.written, table) {
            let (written, found) = (self.vault.root.written.count(table), found.count(table));
            let what = if written == found {
                "a row was altered or put back".to_owned()
            } else {
                format!("{found} rows are there, and {written} were written")
            };
            damage.push(Damage::of(table, None, what));
        }
        damage
    }

    /// One row's value; none where it is missing or does not open.
    #[must_use]
    pub fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, body) = self.vault.rows.read(u16::from(table.0), key).ok()??;
        self.open_row(table, key, &head, &body).ok()
    }

    /// What is wrong with the file and the root, and rows of no table that is `known`.
    #[must_use]
    pub fn damage(&self, known: &[Table]) -> Vec<Damage> {
        let mut damage = self.damage.clone();
        for table in (0..TABLE_RESERVED.0).map(Table).filter(|table| !known.contains(table)) {
            let mut rows = 0u64;
            let _ = self.vault.rows.scan(u16::from(table.0), &mut |_, _, _| {
                rows += 1;
                Ok(())
            });
            if rows > 0 {
                damage.push(Damage::of(table, None, format!("{rows} rows are in a table that there is not")));
            }
        }
        for (kind, what) in [(ROOT, "root"), (HEADER, "header")] {
            let mut rows = 0u64;
            let _ = self.vault.rows.scan(kind, &mut |_, _, _| {
                rows += 1;
                Ok(())
            });
            if rows > 1 {
                damage.push(Damage::file(format!("there is more than one {what} row")));
            }
        }
        damage
    }

    fn mutable_keys(&self, table: Table) -> Vec<Vec<u8>> {
        let keys = self.vault.root.mutable.keys().filter(|(of, _)| *of == table);
        keys.map(|(_, key)| key.clone()).collect()
    }

    fn open_row(
        &self,
        table: Table,
        key: &[u8],
        head: &[u8],
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        if self.rooted {
            return self.vault.open_row(table, key, head, body).map_err(|error| match error {
                StoreError::Corrupt { what } => {
                    let table = format!("table {}: ", table.0);
                    what.strip_prefix(&table).unwrap_or(&what).to_owned()
                }
                other => other.to_string(),
            });
        }
        let head = Head::parse(head).ok_or("a row's head is cut short")?;
        let opened = self.vault.keys.open(table, key, head, body);
        opened.map_err(|_| "a row's seal does not open".to_owned())
    }
}
