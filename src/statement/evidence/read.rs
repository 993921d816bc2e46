//! Reading a bundle's bytes: its parts one after another, each with its limit. May not check what they prove.

use crate::codec::{self, CodecError};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::merkle::Frontier;
use crate::crypto::sign::SIGNATURE_BYTES;
use crate::party::card::{CARD_BYTES_MAX, Card};
use crate::statement::evidence::checked::BundleError;
use crate::statement::evidence::{
    Bundle, ChainShown, DEPOSIT_BYTES_MAX, Deposit, ELEMENT_BYTES_MAX, Element, Fork, MAGIC, PROOF_MAX, Run,
    SignedHeader,
};
use crate::statement::export::{Introduced, Preamble};
use crate::statement::header::{HEADER_BYTES, Header};
use bincode::{Decode, Encode};

/// `u64` count and that many digests.
const PROOF_BYTES_MAX: usize = 8 + 32 * PROOF_MAX;
const SIGNED_BYTES: usize = HEADER_BYTES + SIGNATURE_BYTES;

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<T: Encode + Decode<()>>(&mut self, max: usize) -> Result<T, BundleError> {
        let (value, read) = codec::decode_first(self.0, max)?;
        self.0 = self.0.get(read..).unwrap_or_default();
        Ok(value)
    }

    /// `u64` count and that many values of at least `least` bytes: so a count that cannot be is refused before room
    /// is made for it.
    fn many<T: Encode + Decode<()>>(&mut self, least: usize, max: usize) -> Result<Vec<T>, BundleError> {
        let found = usize::try_from(self.take::<u64>(8)?).unwrap_or(usize::MAX);
        let room = self.0.len() / least.max(1);
        if found > room {
            return Err(CodecError::TooLong { found, max: room }.into());
        }
        (0..found).map(|_| self.take(max)).collect()
    }

    fn card(&mut self) -> Result<Card, BundleError> {
        Ok(Card::decode(&self.take::<Vec<u8>>(8 + CARD_BYTES_MAX)?)?)
    }

    fn introduced(&mut self) -> Result<Introduced, BundleError> {
        self.take(32 + SIGNATURE_BYTES)
    }

    fn chain(&mut self) -> Result<ChainShown, BundleError> {
        let head = self.take::<Option<SignedHeader>>(1 + SIGNED_BYTES)?;
        let consistency = self.take::<Vec<Digest>>(PROOF_BYTES_MAX)?;
        let run = match self.take::<u8>(1)? {
            0 => None,
            1 => {
                let before = self.take::<Frontier>(8 + PROOF_BYTES_MAX)?;
                Some(Run { before, headers: self.many::<Header>(HEADER_BYTES, HEADER_BYTES)? })
            }
            _ => return Err(CodecError::Malformed.into()),
        };
        Ok(ChainShown { head, consistency, run })
    }
}

/// Reads a bundle; and its digest.
pub(super) fn read(bytes: &[u8]) -> Result<(Bundle, Digest), BundleError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(BundleError::NotEvidence)?;
    let mut cursor = Cursor(rest);
    let channel = cursor.take(32)?;
    let cards = [cursor.card()?, cursor.card()?];
    let introduced = [cursor.introduced()?, cursor.introduced()?];
    let bundle = Bundle {
        preamble: Preamble { channel, cards, introduced },
        scope: cursor.take(4 + 64)?,
        chains: [cursor.chain()?, cursor.chain()?],
        statements: cursor.many::<Element>(4 + 9 + 4, ELEMENT_BYTES_MAX)?,
        forks: cursor.many::<Fork>(2 * SIGNED_BYTES, 2 * SIGNED_BYTES)?,
        deposits: cursor.many::<Deposit>(9 + 8, DEPOSIT_BYTES_MAX)?,
    };
    let before = bytes.len().checked_sub(cursor.0.len()).and_then(|end| bytes.get(..end));
    let found = digest(label::EVIDENCE, &[before.unwrap_or_default()]);
    match cursor.take::<Digest>(32) {
        Ok(said) if said == found && cursor.0.is_empty() => Ok((bundle, found)),
        Ok(_) if !cursor.0.is_empty() => Err(CodecError::Trailing(cursor.0.len()).into()),
        _ => Err(BundleError::Damaged),
    }
}
