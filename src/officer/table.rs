//! The vault's tables and the keys of their rows.
//!
//! ```text
//! table       key                                             value
//! 1 IDENTITY  -                                               identity seeds
//! 2 SETTINGS  -                                               settings                 mutable
//! 3 THREAD    thread u32                                      thread                   mutable
//! 4 STATEMENT thread u32 ‖ author u8 ‖ sequence u64           statement's bytes
//! 5 MARK      thread u32 ‖ author u8 ‖ sequence u64 ‖ mark u8 time u64
//! 6 CELL      thread u32 ‖ number u64                         what it carries ‖ sealed cell
//! 7 PLACES    thread u32 ‖ number u64                         placements, one a relay  mutable
//! 8 FRAGMENT  thread u32 ‖ sequence u64 ‖ index u32           count u32 ‖ bytes
//! 9 OPENED    thread u32 ‖ number u64 ‖ relay u8              cell hash
//! 10 FORK     thread u32 ‖ author u8                          fork notice
//! 11 MANDATE  number u64                                      signed mandate
//! 12 DRAFT    thread u32 ‖ draft's id 32 ‖ part u8            part 0: draft; 1: approval; 2: statement's id 32
//! 13 OWN      number u64                                      own-side record
//! 14 PLACE    statement's id 32                               thread u32, author u8, sequence u64
//! 15 CASE     thread u32 ‖ case 32 ‖ author u8 ‖ sequence u64 -
//! 16 UNREAD   thread u32 ‖ sequence u64                       -
//! 17 CHAIN    thread u32                                      both chains' ends        mutable
//! 18 DEPOSIT  thread u32 ‖ number u64 ‖ relay u8              a cell's deposit, as the relay signed it
//! 20 RETIRED  -                                               when, and the card, in the place of the identity
//! ```
//! Integers in keys are big-endian, so that rows come in their order.

use crate::crypto::digest::Digest;
use crate::party::role::Role;
use crate::step::Table;

/// The party's identity.
pub const IDENTITY: Table = Table(1);
/// The officer's settings.
pub const SETTINGS: Table = Table(2);
/// A thread: an invite, a greeting or a channel.
pub const THREAD: Table = Table(3);
/// A statement, as it was signed or as it arrived.
pub const STATEMENT: Table = Table(4);
/// When a statement was made, deposited, delivered, read.
pub const MARK: Table = Table(5);
/// A sealed cell that the counterpart has not yet acknowledged.
pub const CELL: Table = Table(6);
/// Where a sealed cell lies.
pub const PLACES: Table = Table(7);
/// A piece of a statement that is not yet whole or not yet due.
pub const FRAGMENT: Table = Table(8);
/// The hash of a cell that was taken in.
pub const OPENED: Table = Table(9);
/// Evidence of a fork.
pub const FORK: Table = Table(10);
/// A principal's signed mandate.
pub const MANDATE: Table = Table(11);
/// A draft, what approved it, and what became of it.
pub const DRAFT: Table = Table(12);
/// What the own side keeps to itself: notes, honesty ledger, profile.
pub const OWN: Table = Table(13);
/// Where a statement is: its thread and its place in its author's chain.
pub const PLACE: Table = Table(14);
/// The statements of a case.
pub const CASE: Table = Table(15);
/// The counterpart's statements that ask for being read and were not opened.
pub const UNREAD: Table = Table(16);
/// The ends of a channel's chains, and what is counted of them.
pub const CHAIN: Table = Table(17);

/// A relay's proof that it stored a cell.
pub const DEPOSIT: Table = Table(18);
/// What a retired vault keeps of the party's identity.
pub const RETIRED: Table = Table(20);

/// Every table.
pub const ALL: [Table; 19] = [
    IDENTITY, SETTINGS, THREAD, STATEMENT, MARK, CELL, PLACES, FRAGMENT, OPENED, FORK, MANDATE, DRAFT, OWN,
    PLACE, CASE, UNREAD, CHAIN, DEPOSIT, RETIRED,
];
/// Tables whose rows are rewritten and must never be found older than the last step.
pub const MUTABLE: &[Table] = &[SETTINGS, THREAD, PLACES, CHAIN];

/// `thread u32`.
#[must_use]
pub fn thread_key(thread: u32) -> Vec<u8> {
    thread.to_be_bytes().to_vec()
}

/// `thread u32 ‖ number u64`.
#[must_use]
pub fn number_key(thread: u32, number: u64) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &number.to_be_bytes()].concat()
}

/// `thread u32 ‖ author u8 ‖ sequence u64`.
#[must_use]
pub fn statement_key(thread: u32, author: Role, sequence: u64) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &[author.number()], &sequence.to_be_bytes()].concat()
}

/// `thread u32 ‖ author u8`: who forked.
#[must_use]
pub fn fork_key(thread: u32, author: Role) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &[author.number()]].concat()
}

/// `thread u32 ‖ sequence u64 ‖ index u32`.
#[must_use]
pub fn fragment_key(thread: u32, sequence: u64, index: u32) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &sequence.to_be_bytes(), &index.to_be_bytes()].concat()
}

/// `thread u32 ‖ author u8 ‖ sequence u64 ‖ mark u8`.
#[must_use]
pub fn mark_key(thread: u32, author: Role, sequence: u64, mark: u8) -> Vec<u8> {
    let mut key = statement_key(thread, author, sequence);
    key.push(mark);
    key
}

/// `thread u32 ‖ number u64 ‖ relay u8`: of [`OPENED`] and [`DEPOSIT`].
#[must_use]
pub fn opened_key(thread: u32, number: u64, relay: u8) -> Vec<u8> {
    let mut key = number_key(thread, number);
    key.push(relay);
    key
}

/// `thread u32 ‖ case 32 ‖ author u8 ‖ sequence u64`.
#[must_use]
pub fn case_key(thread: u32, case: &Digest, author: Role, sequence: u64) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &case.0, &[author.number()], &sequence.to_be_bytes()].concat()
}

/// `number u64`.
#[must_use]
pub fn mandate_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// `thread u32 ‖ draft's id 32 ‖ part u8`.
#[must_use]
pub fn draft_key(thread: u32, draft: &Digest, part: u8) -> Vec<u8> {
    [thread.to_be_bytes().as_slice(), &draft.0, &[part]].concat()
}

/// The author and the sequence number with which a key ends.
#[must_use]
pub fn place_at_end(key: &[u8]) -> Option<(Role, u64)> {
    let (rest, sequence) = key.split_last_chunk::<8>()?;
    Some((Role::from_number(*rest.last()?)?, u64::from_be_bytes(*sequence)))
}

/// The `u32` and, after `skip` more bytes, the `u64` of a key.
#[must_use]
pub fn split_key(key: &[u8], skip: usize) -> Option<(u32, u64)> {
    let (thread, rest) = key.split_first_chunk::<4>()?;
    let (number, _) = rest.get(skip..)?.split_first_chunk::<8>()?;
    Some((u32::from_be_bytes(*thread), u64::from_be_bytes(*number)))
}
