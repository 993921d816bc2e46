//! Secret bytes: boxed, erased on drop, unprintable, read through one greppable `expose()`.

use bincode::de::read::Reader;
use bincode::de::{BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroize;

/// `N` secret bytes. No `Debug`, `Clone` or `PartialEq`; encodes as `N` bytes, for sealed rows only.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// `N` fresh random bytes.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Self(Box::new([0; N]));
        rng.fill_bytes(secret.0.as_mut());
        secret
    }

    /// Takes bytes over and erases where they lay.
    #[must_use]
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let mut secret = Self(Box::new([0; N]));
        secret.0.copy_from_slice(bytes);
        bytes.zeroize();
        secret
    }

    /// Writes the secret where it will lie.
    #[must_use]
    pub fn fill(write: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        write(&mut secret.0);
        secret
    }

    /// A second copy, for the one place that must hold it too.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut secret = Self(Box::new([0; N]));
        secret.0.copy_from_slice(self.0.as_ref());
        secret
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> Encode for Secret<N> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(self.0.as_ref())
    }
}

impl<const N: usize, C> Decode<C> for Secret<N> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        decoder.claim_bytes_read(N)?;
        let mut secret = Self(Box::new([0; N]));
        decoder.reader().read(secret.0.as_mut())?;
        Ok(secret)
    }
}

impl<'de, const N: usize, C> BorrowDecode<'de, C> for Secret<N> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
