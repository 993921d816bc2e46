//! How a vault's row is sealed, and the digest by which the root knows it.
//!
//! ```text
//! seal key   = HKDF-Expand(vault key, label "vault/row" ‖ vault id, 32)
//! digest key = HKDF-Expand(vault key, label "vault/row-digest" ‖ vault id, 32)
//! head       = step u64 ‖ nonce 24, random
//! body       = XChaCha20-Poly1305(seal key, nonce, associated data, value), tag last
//! associated data = label "vault/row" ‖ vault id 32 ‖ table u8 ‖ key length u64 ‖ key ‖ step u64
//! digest     = HMAC-SHA-256(digest key, label "vault/row-digest" ‖ table u8 ‖ key length u64 ‖ key ‖ head ‖ body)
//! ```

use crate::crypto::derive::{expand, mac};
use crate::crypto::digest::Digest;
use crate::crypto::label;
use crate::crypto::seal::{SealBroken, open_random, seal_random};
use crate::crypto::secret::Secret;
use crate::step::Table;
use zeroize::Zeroizing;

/// Bytes of a row's head.
pub(super) const HEAD_BYTES: usize = 32;

/// A vault's random id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct VaultId(pub [u8; 32]);

/// What is stored with a sealed row, in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The step in which the row was written.
    pub step: u64,
    /// The seal's nonce.
    pub nonce: [u8; 24],
}

impl Head {
    pub fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        let fields = self.step.to_le_bytes().into_iter().chain(self.nonce);
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (step, nonce) = bytes.split_first_chunk::<8>()?;
        Some(Self { step: u64::from_le_bytes(*step), nonce: nonce.try_into().ok()? })
    }
}

/// The keys of a vault's rows.
pub(super) struct RowKeys {
    id: VaultId,
    seal: Secret<32>,
    digest: Secret<32>,
}

impl RowKeys {
    pub fn new(vault_key: &Secret<32>, id: VaultId) -> Self {
        Self {
            id,
            seal: expand(vault_key, label::VAULT_ROW, &[&id.0]),
            digest: expand(vault_key, label::VAULT_ROW_DIGEST, &[&id.0]),
        }
    }

    fn associated(&self, table: Table, key: &[u8], step: u64) -> Vec<u8> {
        let length = (key.len() as u64).to_le_bytes();
        [&label::VAULT_ROW.bytes()[..], &self.id.0, &[table.0], &length, key, &step.to_le_bytes()].concat()
    }

    /// Seals a row's value.
    pub fn seal(&self, table: Table, key: &[u8], head: Head, value: &[u8]) -> Vec<u8> {
        // With room for the tag, so that the text is not left behind where the vector lay before it grew.
        let mut text = Vec::with_capacity(value.len() + crate::crypto::seal::TAG_BYTES);
        text.extend_from_slice(value);
        seal_random(&self.seal, &head.nonce, &self.associated(table, key, head.step), text)
    }

    /// Opens a row's body.
    pub fn open(
        &self,
        table: Table,
        key: &[u8],
        head: Head,
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealBroken> {
        let associated = self.associated(table, key, head.step);
        open_random(&self.seal, &head.nonce, &associated, body).map(Zeroizing::new)
    }

    /// The digest of a row as it is stored.
    pub fn digest(&self, table: Table, key: &[u8], head: &[u8], body: &[u8]) -> Digest {
        let length = (key.len() as u64).to_le_bytes();
        Digest(*mac(&self.digest, label::VAULT_ROW_DIGEST, &[&[table.0], &length, key, head, body]).expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::{hex, unhex};
    use std::collections::BTreeMap;

    /// The frozen vectors: `name = value` lines; a name's part before the dot is its row.
    fn vectors() -> BTreeMap<String, String> {
        include_str!("../../../tests/vectors/vault.txt")
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| line.split_once(" = ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    struct Row {
        keys: RowKeys,
        table: Table,
        key: Vec<u8>,
        head: Head,
        body: Vec<u8>,
    }

    fn row(vectors: &BTreeMap<String, String>, name: &str) -> Row {
        let field = |field: &str| {
            let own = vectors.get(&format!("{name}.{field}"));
            unhex(own.unwrap_or_else(|| &vectors[&format!("sealed.{field}")])).unwrap()
        };
        let mut vault_key: [u8; 32] = field("vault-key").try_into().unwrap();
        let id = VaultId(field("vault-id").try_into().unwrap());
        Row {
            keys: RowKeys::new(&Secret::take(&mut vault_key), id),
            table: Table(field("table")[0]),
            key: field("key"),
            head: Head::parse(&field("head")).unwrap(),
            body: field("body"),
        }
    }

    #[test]
    fn the_frozen_row_is_sealed_and_opened_as_ever() {
        let vectors = vectors();
        let row = row(&vectors, "sealed");
        let value = unhex(&vectors["sealed.value"]).unwrap();
        let head = row.head.bytes();
        assert_eq!(hex(&row.keys.seal(row.table, &row.key, row.head, &value)), vectors["sealed.body"]);
        let digest = row.keys.digest(row.table, &row.key, &head, &row.body);
        assert_eq!(digest.hex(), vectors["sealed.digest"]);
        assert_eq!(row.keys.open(row.table, &row.key, row.head, &row.body).unwrap().as_slice(), value);
    }

    #[test]
    fn each_frozen_rejection_is_refused() {
        let vectors = vectors();
        let names = [
            "wrong-step",
            "wrong-nonce",
            "wrong-vault-key",
            "other-vault",
            "other-table",
            "other-key",
            "flipped-bit",
            "cut-short",
        ];
        for name in names {
            assert!(vectors.keys().any(|key| key.starts_with(name)), "{name} is no vector");
            let row = row(&vectors, name);
            assert!(row.keys.open(row.table, &row.key, row.head, &row.body).is_err(), "{name}");
        }
    }
}
