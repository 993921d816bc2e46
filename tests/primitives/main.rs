//! Published answers for the primitives, through the modules that use them, and for whole sets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod published;
mod suite;

use rand_core::TryRng;

/// A generator that gives prepared bytes, once.
struct Prepared(Vec<u8>);

impl TryRng for Prepared {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("numbers are not prepared")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("numbers are not prepared")
    }
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        assert_eq!(to.len(), self.0.len());
        to.copy_from_slice(&self.0);
        self.0.clear();
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Prepared {}
