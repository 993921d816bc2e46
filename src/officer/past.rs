//! How the engine reads its vault: handed in, like the clock and randomness, so that it does no input of its own.
//! It reads what it needs when it needs it, and so holds no more of a long history than of a short one.

use crate::step::{Span, Table};
use zeroize::Zeroizing;

/// The vault could not be read, or does not hold what it counts. Whoever handed the [`Past`] in knows why, and
/// makes nothing durable after it: what follows from a failed read is nothing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the vault could not be read")]
pub struct Unreadable;

/// What is durable, to read. Nothing may be read from within `visit`.
pub trait Past: Send + Sync {
    /// Shows every row of a table in key order, and holds that none is missing.
    ///
    /// # Errors
    /// [`Unreadable`].
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), Unreadable>;

    /// One row's value.
    ///
    /// # Errors
    /// [`Unreadable`].
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable>;

    /// Shows the rows whose keys lie in `span`, until `visit` says false.
    ///
    /// # Errors
    /// [`Unreadable`].
    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), Unreadable>;

    /// Takes note that a row is missing that another counts, or is not what it should be.
    fn damaged(&self, table: Table, how: &'static str) -> Unreadable;
}
