//! Every label there is: what keeps one use of a key or a hash from being taken for another.
//!
//! A label enters a hash, a derivation or a signature as `length u8 ‖ ASCII`, so none is a prefix of another.

/// A domain-separation label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// `length u8 ‖ ASCII`.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.0.len());
        // A test holds every label under 64 bytes.
        out.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(self.0.as_bytes());
        out
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Label = Label(concat!("truceline/1/", $text));)*
        /// All labels, for the test that none is used twice.
        pub const ALL: &[Label] = &[$($name),*];
    };
}

labels! {
    /// A card's fingerprint.
    CARD = "card";
    /// The digest of an offer.
    OFFER = "offer";
    /// The inviter's signature on an offer.
    OFFER_SIGN = "offer/sign";
    /// The key that seals an offer in its queue.
    OFFER_SEAL = "offer/seal";
    /// The reader id of an offer's queue.
    OFFER_READER = "offer/reader-id";
    /// The reader key of an offer's queue.
    OFFER_READER_KEY = "offer/reader-key";
    /// The clear part of a hello.
    HELLO_CLEAR = "hello/clear";
    /// What binds a hello's key to offer and clear part.
    HELLO_BOUND = "hello/bound";
    /// The content of a hello without its signature.
    HELLO_CONTENT = "hello/content";
    /// The key that seals a hello.
    HELLO_KEY = "hello/key";
    /// A channel's id.
    CHANNEL = "channel";
    /// The first root and header keys of a channel.
    CHANNEL_KEYS = "channel/keys";
    /// A party's first ratchet keys.
    RATCHET_KEYS = "ratchet/keys";
    /// The inviter's signature in the introduction.
    INTRODUCE_INVITER = "introduce/inviter";
    /// The joiner's signature in the introduction.
    INTRODUCE_JOINER = "introduce/joiner";
    /// The safety words.
    WORDS = "words";
    /// The words' text, as a confirmation names it.
    WORDS_TEXT = "words/text";
    /// A root step of the ratchet.
    RATCHET_ROOT = "ratchet/root";
    /// The info of a root step: the hash of the three public values.
    RATCHET_STEP = "ratchet/step";
    /// A message key of a chain.
    CHAIN_MESSAGE = "chain/message";
    /// The next key of a chain.
    CHAIN_NEXT = "chain/next";
    /// The body key and nonce of a cell.
    CELL_BODY = "cell/body";
    /// The associated data of a cell.
    CELL_DATA = "cell/data";
    /// The hash of a cell.
    CELL = "cell";
    /// A statement's signature.
    STATEMENT_SIGN = "statement/sign";
    /// A statement's body commitment.
    BODY = "body";
    /// A line of a list.
    LINE = "list/line";
    /// The salt of a line of a list.
    LINE_SALT = "list/salt";
    /// The digest of an evidence bundle.
    EVIDENCE = "evidence";
    /// The lists of a version, as a lock names them.
    LOCK = "lock";
    /// A draft that a principal is asked to approve.
    DRAFT = "draft";
    /// A principal's signature on a draft.
    APPROVAL = "approval";
    /// A principal's signature on a mandate.
    MANDATE = "mandate";
    /// Proof of a queue's key on one connection.
    QUEUE_PROVE = "queue/prove";
    /// A writer's signature on a put.
    QUEUE_PUT = "queue/put";
    /// A reader's signature on a rekey.
    QUEUE_REKEY = "queue/rekey";
    /// The opening of a queue.
    QUEUE_OPEN = "queue/open";
    /// A cell that a relay stored, as a leaf of what it signs.
    DEPOSIT = "deposit";
    /// A relay's signature on the tree of the cells of one commit.
    DEPOSIT_SIGN = "deposit/sign";
    /// The digest of the key with which a relay signs deposits.
    DEPOSIT_KEY = "deposit/key";
    /// A token of a pass.
    PASS_TOKEN = "pass/token";
    /// The hash of a token, as the relay keeps it.
    PASS_TOKEN_HASH = "pass/token-hash";
    /// The exporter of a link's TLS connection (RFC 8446, section 7.5).
    LINK_EXPORTER = "link/exporter";
    /// The key that wraps a vault's key.
    VAULT_WRAP = "vault/wrap";
    /// The associated data of a vault's row.
    VAULT_ROW = "vault/row";
    /// The digest of a vault's mutable row.
    VAULT_ROW_DIGEST = "vault/row-digest";
    /// The key of one backup of a vault.
    VAULT_BACKUP = "vault/backup";
    /// The checksum of a relay's record.
    RELAY_RECORD = "relay/record";
    /// What the bytes of a batch in a relay's journal are mixed with.
    RELAY_JOURNAL = "relay/journal";
    /// The name of a file that holds a pass's hashes.
    RELAY_PASS = "relay/pass";
}

impl Label {
    /// The label's text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_label_is_short_and_its_own() {
        let texts: BTreeSet<_> = ALL.iter().map(|label| label.text()).collect();
        assert_eq!(texts.len(), ALL.len());
        assert!(texts.iter().all(|text| text.len() < 64 && text.is_ascii()));
    }
}
