//! A vault's rows checked one by one, without an engine: each is of its form and in its place, both chains of every
//! channel are signed and continue themselves and each other, and what is kept beside them fits them. All damage is
//! found, not the first alone. Memory is flat: a statement is let go of once it is checked.

use crate::codec::{self, CellBytes};
use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::officer::cell::{Carries, Placement};
use crate::officer::check_chain::Chains;
pub use crate::officer::check_chain::{Job, place};
use crate::officer::deposits::HeldDeposit;
use crate::officer::draft::{Approval, Draft};
use crate::officer::drafts::{PART_APPROVAL, PART_DRAFT, PART_SENT};
use crate::officer::mandate::SignedMandate;
use crate::officer::own::OwnRecord;
use crate::officer::retire;
use crate::officer::settings::Settings;
use crate::officer::table;
use crate::officer::thread::{Session, Stage, Thread};
use crate::party::card::{Card, Identity, IdentitySeeds};
use crate::party::role::Role;
use crate::session::introduction::verify_role;
use crate::statement::receipt::ForkNotice;
use crate::statement::signed::StatementError;
use crate::step::Table;
use crate::time::UnixMillis;
use crate::wire::queue::CellHash;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// What rows are read from: those alone that open.
pub trait Source {
    /// Shows `key` and value of every row of a table, in key order.
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>));

    /// A row's value, if it is there; also while a table is shown.
    fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// Verifies signatures and commitments: one answer for each job, in their order.
pub type Verify<'a> = dyn FnMut(&[Job]) -> Vec<Result<(), StatementError>> + 'a;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: Table,
    /// The row; none where it is not one row.
    pub key: Option<Vec<u8>>,
    /// What is wrong with it.
    pub what: String,
}

/// What was checked, and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many rows of each table were read.
    pub rows: BTreeMap<u8, u64>,
    /// Channels whose introduction and chains were checked.
    pub channels: u64,
    /// Signatures that were verified, of statements, introductions, mandates, approvals and forks.
    pub signatures: u64,
    /// When the vault was retired, if it was.
    pub retired: Option<UnixMillis>,
    /// All that does not fit.
    pub findings: Vec<Finding>,
}

impl Checked {
    pub(super) fn found(&mut self, table: Table, key: Option<&[u8]>, what: impl Into<String>) {
        self.findings.push(Finding { table, key: key.map(<[u8]>::to_vec), what: what.into() });
    }
}

/// What the other rows are held against.
#[derive(Default)]
pub(super) struct Threads {
    pub(super) all: BTreeMap<u32, Thread>,
}

impl Threads {
    pub(super) fn session(&self, thread: u32) -> Option<&Session> {
        match &self.all.get(&thread)?.stage {
            Stage::Open(session) => Some(session),
            _ => None,
        }
    }
}

pub(super) fn thread_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*key.first_chunk()?))
}

pub(super) fn decoded<T: bincode::Encode + bincode::Decode<()>>(row: &[u8]) -> Result<T, String> {
    codec::decode(row, usize::MAX).map_err(|error| error.to_string())
}

/// Checks every row.
pub fn check(source: &dyn Source, verify: &mut Verify<'_>) -> Checked {
    let mut checked = Checked::default();
    let own = identity(source, &mut checked);
    let threads = threads(source, own.as_ref(), &mut checked);
    let mut sent = drafts(source, &threads, &mut checked);
    let chains = Chains::check(source, &threads, &mut sent, verify, &mut checked);
    for (id, key) in &sent {
        let what = format!("it became statement {}, which is not there", id.hex());
        checked.found(table::DRAFT, Some(key), what);
    }
    chains.check_marks(source, &threads, &mut checked);
    chains.check_index(source, &threads, &mut checked);
    outbox(source, &threads, &chains, &mut checked);
    inbox(source, &threads, &mut checked);
    forks(source, &threads, &mut checked);
    mandates(source, &mut checked);
    each(source, table::OWN, &mut checked, |_, key, row| {
        <[u8; 8]>::try_from(key).map_err(|_| "its key is none")?;
        let record = OwnRecord::decode(row).map_err(|error| error.to_string())?;
        if threads.all.contains_key(&record.thread) {
            Ok(())
        } else {
            Err("its channel is not there".to_owned())
        }
    });
    checked
}

/// Checks each row of a table by itself.
pub(super) fn each(
    source: &dyn Source,
    table: Table,
    checked: &mut Checked,
    mut check: impl FnMut(&mut Checked, &[u8], &[u8]) -> Result<(), String>,
) {
    source.scan(table, &mut |key, row| {
        *checked.rows.entry(table.0).or_default() += 1;
        if let Err(what) = check(checked, key, &row) {
            checked.found(table, Some(key), what);
        }
    });
}

fn identity(source: &dyn Source, checked: &mut Checked) -> Option<Card> {
    let (mut held, mut retired) = (None, None);
    each(source, table::IDENTITY, checked, |_, _, row| {
        let seeds: IdentitySeeds = decoded(row)?;
        held = Some(Identity::expand(&seeds).map_err(|error| error.to_string())?.card().clone());
        Ok(())
    });
    each(source, table::RETIRED, checked, |checked, _, row| {
        let (at, card) = retire::read(row).map_err(|error| error.to_string())?;
        checked.retired = Some(at);
        retired = Some(card);
        Ok(())
    });
    match (&held, &retired) {
        (Some(_), Some(_)) => {
            checked.found(table::IDENTITY, None, "the vault is retired, and its keys are there")
        }
        (None, None) => checked.found(table::IDENTITY, None, "the identity is missing or cannot be read"),
        _ => {}
    }
    each(source, table::SETTINGS, checked, |_, _, row| decoded::<Settings>(row).map(drop));
    held.or(retired)
}

fn threads(source: &dyn Source, own: Option<&Card>, checked: &mut Checked) -> Threads {
    let mut threads = Threads::default();
    each(source, table::THREAD, checked, |checked, key, row| {
        let number = thread_of(key).filter(|_| key.len() == 4).ok_or("its key is none")?;
        let thread: Thread = decoded(row)?;
        if let Stage::Open(session) = &thread.stage {
            checked.channels += 1;
            checked.signatures += 2;
            let (role, wrong) = (thread.role, introduction(session));
            if own.is_some_and(|own| session.card(role) != own) {
                checked.found(table::THREAD, Some(key), "its own card is not this vault's");
            }
            wrong.into_iter().for_each(|what| checked.found(table::THREAD, Some(key), what));
        }
        threads.all.insert(number, thread);
        Ok(())
    });
    threads
}

pub(super) const fn side(role: Role) -> &'static str {
    match role {
        Role::Inviter => "inviter",
        Role::Joiner => "joiner",
    }
}

fn introduction(session: &Session) -> Vec<String> {
    let cards = session.cards.each_ref().map(|card| card.fingerprint().unwrap_or_default());
    let [inviter, joiner] = &cards;
    let parts = Role::BOTH.into_iter().zip(&session.introduced);
    let wrong = parts.filter(|(role, part)| {
        let card = session.card(*role);
        let verified =
            verify_role(*role, &session.channel, [inviter, joiner], &part.first, card, &part.signature);
        card.check().is_err() || verified.is_err()
    });
    wrong
        .map(|(role, _)| format!("the {}'s signature in the introduction does not hold", side(role)))
        .collect()
}

/// Checks drafts and approvals; gives the statements that were made of them, to be looked for.
fn drafts(source: &dyn Source, threads: &Threads, checked: &mut Checked) -> BTreeMap<Digest, Vec<u8>> {
    let (mut held, mut sent) = (BTreeSet::new(), BTreeMap::new());
    each(source, table::DRAFT, checked, |checked, key, row| {
        let (place, part) = key.split_at_checked(36).ok_or("its key is none")?;
        let thread = thread_of(place).ok_or("its key is none")?;
        match part {
            [PART_DRAFT] => {
                let draft = Draft::decode(row).map_err(|error| error.to_string())?;
                let channel = threads.session(thread).map(|session| session.channel);
                if place.get(4..) != Some(&draft.id().0) || channel != Some(draft.channel()) {
                    return Err("the draft is not in its place".to_owned());
                }
                held.insert(place.to_vec());
            }
            _ if !held.contains(place) => return Err("its draft is not there".to_owned()),
            [PART_APPROVAL] => {
                checked.signatures += 1;
                let approval = Approval::verify(row).map_err(|error| error.to_string())?;
                if place.get(4..) != Some(&approval.draft().0) {
                    return Err("the approval is of another draft".to_owned());
                }
            }
            [PART_SENT] => drop(sent.insert(decoded::<Digest>(row)?, key.to_vec())),
            _ => return Err("its key is none".to_owned()),
        }
        Ok(())
    });
    sent
}

fn outbox(source: &dyn Source, threads: &Threads, chains: &Chains, checked: &mut Checked) {
    let (mut places, mut cells) = (BTreeMap::new(), BTreeMap::new());
    each(source, table::PLACES, checked, |_, key, row| {
        places.insert(key.to_vec(), decoded::<Vec<Placement>>(row)?.len());
        Ok(())
    });
    each(source, table::CELL, checked, |_, key, row| {
        let (carries, cell, shown): (Carries, Vec<u8>, Option<Secret<44>>) = decoded(row)?;
        let (thread, number) = table::split_key(key, 0).ok_or("its key is none")?;
        let held = threads.all.get(&thread).ok_or("its channel is not there")?;
        let queues = match &held.stage {
            Stage::Open(session) => session.outbound.len(),
            Stage::Greeting(greeted) => greeted.outbound.len(),
            _ => 0,
        };
        let bytes: Option<&CellBytes> = cell.as_slice().try_into().ok().filter(|_| number < held.next_cell);
        let bytes = bytes.ok_or("it is no cell that this vault sealed")?;
        cells.insert((thread, number), CellHash::of(bytes));
        if shown.is_some() != matches!(carries, Carries::Fragment { .. }) {
            return Err("the key to its body is not there, or where none belongs".to_owned());
        }
        if places.remove(key) != Some(queues) {
            return Err("where it lies is not known of each relay".to_owned());
        }
        match carries {
            Carries::Fragment { sequence, .. } if sequence >= chains.count(thread, held.role) => {
                Err(format!("it carries own statement #{sequence}, which is not there"))
            }
            _ => Ok(()),
        }
    });
    for key in places.keys() {
        checked.found(table::PLACES, Some(key), "its cell is not there");
    }
    each(source, table::DEPOSIT, checked, |checked, key, row| {
        checked.signatures += 1;
        let held: HeldDeposit = decoded(row)?;
        let (thread, number) = table::split_key(key, 0).ok_or("its key is none")?;
        let cell = cells.get(&(thread, number)).ok_or("its cell is not there")?;
        let session = threads.session(thread).ok_or("its channel is not there")?;
        let relay = key.get(12).and_then(|at| session.outbound.get(usize::from(*at)));
        let relay_key = relay.and_then(|relay| relay.deposit.key.as_ref()).ok_or("its relay is not known")?;
        held.verify(relay_key, *cell).map_err(|error| error.to_string())
    });
}

fn inbox(source: &dyn Source, threads: &Threads, checked: &mut Checked) {
    each(source, table::FRAGMENT, checked, |_, key, row| {
        let (count, _): (u32, Vec<u8>) = decoded(row)?;
        let index = key.get(12..).and_then(|index| Some(u32::from_be_bytes(index.try_into().ok()?)));
        let known = thread_of(key).is_some_and(|thread| threads.session(thread).is_some());
        if known && index.is_some_and(|index| index < count) {
            Ok(())
        } else {
            Err("it is out of place".to_owned())
        }
    });
    each(source, table::OPENED, checked, |_, key, row| {
        decoded::<CellHash>(row)?;
        let (thread, number) = table::split_key(key, 0).ok_or("its key is none")?;
        let held = threads.all.get(&thread).ok_or("its channel is not there")?;
        if key.len() == 13 && number < held.next_opened {
            Ok(())
        } else {
            Err("it is out of place".to_owned())
        }
    });
}

fn forks(source: &dyn Source, threads: &Threads, checked: &mut Checked) {
    each(source, table::FORK, checked, |checked, key, row| {
        checked.signatures += 2;
        let thread = thread_of(key).ok_or("its key is none")?;
        let session = threads.session(thread).ok_or("its channel is not there")?;
        let author = key.get(4).copied().and_then(Role::from_number).ok_or("its key is none")?;
        let proves = ForkNotice::proves(row, &session.channel, author, session.card(author).key());
        if proves && key == table::fork_key(thread, author) {
            Ok(())
        } else {
            Err("it does not prove that a party signed two statements at one place".to_owned())
        }
    });
}

fn mandates(source: &dyn Source, checked: &mut Checked) {
    let mut principal = None;
    each(source, table::MANDATE, checked, |checked, key, row| {
        checked.signatures += 1;
        let signed = SignedMandate::verify(row).map_err(|error| error.to_string())?;
        if key != table::mandate_key(signed.mandate().number) {
            return Err("the mandate is not in its place".to_owned());
        }
        if *principal.get_or_insert(signed.principal()) != signed.principal() {
            return Err("its principal is not the one who signed the first".to_owned());
        }
        Ok(())
    });
}
