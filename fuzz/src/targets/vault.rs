//! A vault's backup whose rows are sealed as they should be, whatever they hold: who has the key could make it, and so could a
//! defect of this program.

use super::host::rows_of;
use super::rows::Rows;
use super::{Input, told};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeMap;
use truceline::codec::encode;
use truceline::crypto::derive::{expand, mac};
use truceline::crypto::label;
use truceline::crypto::seal::seal_random;
use truceline::crypto::secret::Secret;
use truceline::crypto::stream::{CHUNK_TEXT_BYTES, StreamKey};
use truceline::host::vault::BackupFile;
use truceline::officer::table;
use truceline::step::Table;

const ROOT: u16 = 255;
const ID: [u8; 32] = [8; 32];

fn vault_key() -> Secret<32> {
    Secret::take(&mut [7; 32])
}

/// A row as it lies in a vault: `step u64 ‖ nonce 24`, and the sealed value.
fn sealed(table: u8, key: &[u8], step: u64, value: &[u8]) -> ([u8; 32], Vec<u8>) {
    let (length, step) = ((key.len() as u64).to_le_bytes(), step.to_le_bytes());
    let data = [&label::VAULT_ROW.bytes()[..], &ID, &[table], &length, key, &step].concat();
    let nonce = [table; 24];
    let seal = expand(&vault_key(), label::VAULT_ROW, &[&ID]);
    let head = [&step[..], &nonce].concat();
    (head.try_into().unwrap(), seal_random(&seal, &nonce, &data, value.to_vec()))
}

fn digest(table: u8, key: &[u8], head: &[u8], body: &[u8]) -> [u8; 32] {
    let keyed: Secret<32> = expand(&vault_key(), label::VAULT_ROW_DIGEST, &[&ID]);
    let length = (key.len() as u64).to_le_bytes();
    *mac(&keyed, label::VAULT_ROW_DIGEST, &[&[table], &length, key, head, body]).expose()
}

/// Rows on their way into a backup, with the root that belongs to them.
#[derive(Default)]
struct Making {
    text: Vec<u8>,
    good: Rows,
    mutable: Vec<(u8, Vec<u8>, [u8; 32])>,
    sums: BTreeMap<u8, (u64, [u8; 32])>,
    /// Rows are out of order; one is newer than the root, or missing.
    refused: bool,
    unreadable: bool,
}

impl Making {
    fn record(&mut self, kind: u16, key: &[u8], head: &[u8], body: &[u8]) {
        self.text.extend(kind.to_le_bytes());
        for part in [key, head, body] {
            self.text.extend((part.len() as u64).to_le_bytes());
            self.text.extend(part);
        }
    }

    fn row(&mut self, table: u8, key: &[u8], step: u64, value: &[u8]) {
        let (head, body) = sealed(table, key, step, value);
        self.record(table.into(), key, &head, &body);
        let digest = digest(table, key, &head, &body);
        if table::MUTABLE.contains(&Table(table)) {
            self.mutable.push((table, key.to_vec(), digest));
        } else {
            let (rows, sum) = self.sums.entry(table).or_default();
            *rows += 1;
            sum.iter_mut().zip(digest).for_each(|(to, from)| *to ^= from);
        }
        self.good.insert((table, key.to_vec()), value.to_vec());
    }

    fn root(&self) -> Vec<u8> {
        let sums: Vec<(u8, u64, [u8; 32])> =
            self.sums.iter().map(|(table, (rows, sum))| (*table, *rows, *sum)).collect();
        encode(&(3u64, &self.mutable, sums), 1 << 20).unwrap()
    }
}

/// `how u8 ‖ rows, each: table u8 ‖ how u8 ‖ key, value: length u16 ‖ bytes`. Where the first `how` is 0 the root fits the rows; where it is 1 the
/// first row's value is the root; where it is 3 the last row is left out, and the root counts it; else what follows is the text of the stream itself. What opens holds no row that was not sealed.
pub fn backup(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8() % 4;
    let mut making = Making::default();
    let (mut fits, mut root, mut last_row) = (how == 0, None, None);
    if how == 2 {
        making.text.extend(input.take(usize::MAX));
    }
    while !input.is_empty() {
        let (table, part) = (input.u8() % 24, input.u8());
        let (key, value) = (input.short().to_vec(), input.short());
        if how == 1 && root.is_none() {
            root = Some(value.to_vec());
        } else if part & 1 == 0 {
            let last = making.good.last_key_value().is_some_and(|(last, _)| *last >= (table, key.clone()));
            last_row = Some(making.text.len());
            making.refused |= last;
            making.unreadable |= part >> 1 > 3;
            fits &= !last && part >> 1 <= 3;
            making.row(table, &key, u64::from(part >> 1), value);
        } else {
            (fits, last_row) = (false, None);
            making.record(table.into(), &key, value, value);
        }
    }
    if let Some(at) = last_row.filter(|_| how == 3) {
        making.unreadable = true;
        making.text.truncate(at);
    }
    if how != 2 {
        let root = root.unwrap_or_else(|| making.root());
        let (head, body) = sealed(255, &[], 3, &root);
        making.record(ROOT, &[], &head, &body);
    }
    restore(&making, fits, data.len());
}

fn restore(making: &Making, fits: bool, input: usize) {
    let cost = [65_536u32, 1, 1].map(u32::to_le_bytes).concat();
    let clear = [&[1][..], &cost, &ID, &[0; 32]].concat();
    let head = [&b"truceline vault backup 1\n"[..], &1u32.to_le_bytes(), &clear, &[0; 72], &[5; 32]].concat();
    let mut key = StreamKey::new(expand(&vault_key(), label::VAULT_BACKUP, &[&head]));
    let mut file = head;
    let chunks = making.text.chunks(CHUNK_TEXT_BYTES);
    let last = chunks.len();
    chunks.zip(1..).for_each(|(text, at)| file.extend(key.seal(text.to_vec(), at == last)));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    std::fs::write(&path, file).unwrap();
    let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
    let opened = BackupFile::open(&path).unwrap();
    match opened.restore_by_key(&dir.path().join("vault"), vault_key(), table::MUTABLE, rng) {
        Ok(vault) => match rows_of(&vault, &(0..24).map(Table).collect::<Vec<_>>()) {
            Ok(rows) => {
                assert!(!making.refused, "rows that are out of order are taken");
                assert!(!making.unreadable, "a row that is newer than the root is read, or none is missed");
                assert!(!fits || rows == making.good, "a backup gives other rows than it took");
                assert!(
                    rows.iter().all(|row| making.good.get(row.0) == Some(row.1)),
                    "a row that nobody sealed"
                );
            }
            Err(error) => assert!(!fits, "a good backup is damaged: {error}"),
        },
        Err(error) => {
            assert!(!fits, "a good backup is refused: {error}");
            told(&error, input);
        }
    }
}
