//! The system's randomness: the only place that draws it.

use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// The operating system's random generator. A failure ends the process: nothing here may run on without
/// randomness, and nothing could be done about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

#[allow(clippy::disallowed_types, reason = "this is where randomness is drawn")]
fn drawn<T>(
    draw: impl FnOnce(&mut getrandom::SysRng) -> Result<T, getrandom::Error>,
) -> Result<T, Infallible> {
    match draw(&mut getrandom::SysRng) {
        Ok(value) => Ok(value),
        Err(error) => {
            eprintln!(
                "The operating system gives no random bytes: {error}. Nothing can be sealed without them."
            );
            std::process::abort()
        }
    }
}

impl TryRng for OsEntropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        drawn(TryRng::try_next_u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        drawn(TryRng::try_next_u64)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        drawn(|system| system.try_fill_bytes(bytes))
    }
}

impl TryCryptoRng for OsEntropy {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::CryptoRng;

    #[test]
    fn two_draws_differ() {
        let rng: &mut dyn CryptoRng = &mut OsEntropy;
        let (mut one, mut two) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut one);
        rng.fill_bytes(&mut two);
        assert_ne!(one, two);
        assert_ne!(rng.next_u64(), rng.next_u64());
    }
}
