//! Rows that a vault or a relay keeps, before they are sealed: each by itself, and all that an engine is built of.

use super::Input;
use super::host::FROZEN;
use super::pair::NOW;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use truceline::codec::{decode, encode};
use truceline::crypto::secret::Secret;
use truceline::officer::cell::{Carries, Placement};
use truceline::officer::check::{Job, Source, check};
use truceline::officer::deposits::HeldDeposit;
use truceline::officer::engine::Officer;
use truceline::officer::held::{ChainRow, PlaceRow};
use truceline::officer::own::OwnRecord;
use truceline::officer::past::{Past, Unreadable};
use truceline::officer::settings::Settings;
use truceline::officer::table;
use truceline::officer::thread::Thread;
use truceline::party::card::{Card, IdentitySeeds};
use truceline::relay::engine::Relay;
use truceline::relay::message::{ConnId, Input as Event, Limits};
use truceline::relay::table::Row;
use truceline::session::ratchet::Ratchet;
use truceline::statement::receipt::ForkNotice;
use truceline::step::{Span, Table};
use truceline::time::UnixMillis;
use truceline::wire::queue::{CellHash, Exporter};
use zeroize::Zeroizing;

fn of<T: bincode::Encode + bincode::Decode<()>>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data, usize::MAX) {
        assert!(encode(&value, usize::MAX).unwrap() == data, "a row has another encoding");
    }
}

/// `which u8 ‖ …`: a row's value.
pub fn row(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let data = input.rest();
    match which % 14 {
        0 => of::<IdentitySeeds>(data),
        1 => of::<Settings>(data),
        2 => of::<Thread>(data),
        3 => of::<(Carries, Vec<u8>, Option<Secret<44>>)>(data),
        4 => of::<Vec<Placement>>(data),
        5 => of::<(u32, Vec<u8>)>(data),
        6 => of::<UnixMillis>(data),
        7 => of::<CellHash>(data),
        8 => of::<PlaceRow>(data),
        9 => of::<ChainRow>(data),
        10 => of::<HeldDeposit>(data),
        11 => of::<(u8, UnixMillis, Card)>(data),
        12 => of::<Ratchet>(data),
        _ => {
            of::<ForkNotice>(data);
            if let Ok(own) = OwnRecord::decode(data) {
                assert!(own.encode().unwrap() == data, "a row has another encoding");
            }
        }
    }
}

/// A vault's rows by table and key.
pub type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

#[derive(Clone)]
struct Held(Rows);

impl Held {
    fn of(&self, table: Table) -> impl Iterator<Item = (&Vec<u8>, Zeroizing<Vec<u8>>)> {
        let all = self.0.iter().filter(move |((of, _), _)| *of == table.0);
        all.map(|((_, key), value)| (key, Zeroizing::new(value.clone())))
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.get(&(table.0, key.to_vec())).cloned().map(Zeroizing::new)
    }
}

impl Past for Held {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), Unreadable> {
        self.of(table).for_each(|(key, value)| visit(key, value));
        Ok(())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
        Ok(self.get(table, key))
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), Unreadable> {
        let mut all: Vec<_> =
            self.of(table).filter(|(key, _)| (span.from..span.to).contains(&key.as_slice())).collect();
        if span.backward {
            all.reverse();
        }
        let _ = all.into_iter().all(|(key, value)| visit(key, value));
        Ok(())
    }

    fn damaged(&self, _: Table, _: &'static str) -> Unreadable {
        Unreadable
    }
}

impl Source for Held {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) {
        self.of(table).for_each(|(key, value)| visit(key, value));
    }

    fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.get(table, key)
    }
}

/// The rows of a real vault, changed: each change `row u16 ‖ how u8 ‖ …`. An engine is built of them or refused, and the
/// check finds whatever was done to a statement.
pub fn vault_rows(data: &[u8]) {
    let good = &FROZEN.vault;
    let rows = changed(good, data);
    let held = Held(rows);
    if let Ok(officer) = Officer::restore(Arc::new(held.clone())) {
        let _ = officer.mandate().map(|mandate| mandate.principal());
        let _ = (0..8).map(|thread| officer.own_of(thread).count()).sum::<usize>();
    }
    let mut verify = |jobs: &[Job]| jobs.iter().map(|job| job.statement.verify(&job.author)).collect();
    let checked = check(&held, &mut verify);
    let statements = |rows: &Rows| -> BTreeSet<(Vec<u8>, Vec<u8>)> {
        let all = rows.iter().filter(|((of, _), _)| *of == table::STATEMENT.0);
        all.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    };
    if statements(&held.0) != statements(good) {
        assert!(!checked.findings.is_empty(), "what was done to a statement is not found");
    }
}

fn changed(good: &Rows, data: &[u8]) -> Rows {
    let keys: Vec<_> = good.keys().cloned().collect();
    let (mut rows, mut input) = (good.clone(), Input(data));
    while !input.is_empty() {
        let place = keys[usize::from(input.u16()) % keys.len()].clone();
        match input.u8() % 5 {
            0 => {
                let (at, new) = (input.u16().into(), input.u8());
                let new = input.take(new.into());
                if let Some(value) = rows.get_mut(&place) {
                    value.iter_mut().skip(at).zip(new).for_each(|(to, from)| *to = *from);
                }
            }
            1 => drop(rows.remove(&place)),
            2 => {
                let (key, value) = (input.short().to_vec(), rows.remove(&place));
                rows.extend(value.map(|value| ((place.0, key), value)));
            }
            3 => {
                let length = input.u16().into();
                rows.entry(place).and_modify(|value| value.truncate(length));
            }
            _ => {
                let table = input.u8() % 22;
                rows.insert((table, input.short().to_vec()), input.short().to_vec());
            }
        }
    }
    rows
}

/// What rows come to, by their lengths alone: queues, rows of cells that are whole and have a queue, tokens, damaged ones.
fn reckoned(rows: &[Row]) -> (u64, u64, u64, u64) {
    let (mut queues, mut cells, mut tokens, mut damaged) = (BTreeSet::new(), Vec::new(), BTreeSet::new(), 0);
    for Row { table, key, value } in rows {
        let value = value.as_deref().unwrap_or_default();
        let last = value.get(152).map(|has| (*has, value.len()));
        match (table.0, key.len(), value.len()) {
            (1, 8, _) if matches!(last, Some((0, 153) | (1, 257))) => drop(queues.insert(key.clone())),
            (2, 16, 104) => cells.push(&key[..8]),
            (4, 32, 8) => drop(tokens.insert(key)),
            _ => damaged += 1,
        }
    }
    let all = cells.len();
    cells.retain(|queue| queues.contains(*queue));
    let count = |number: usize| number as u64;
    (count(queues.len()), count(cells.len()), count(tokens.len()), damaged + count(all - cells.len()))
}

/// A relay's rows, each `table u8 ‖ kept u8 ‖ key, value: length u16 ‖ bytes`. A relay is built of any, and counts what it could not use.
pub fn relay_rows(data: &[u8]) {
    let mut input = Input(data);
    let mut rows = Vec::new();
    while !input.is_empty() {
        let (table, kept) = (Table(input.u8() % 6), input.u8());
        let (key, value) = (input.short().to_vec(), input.short().to_vec());
        rows.push(Row { table, key, value: (kept & 1 == 0).then_some(value) });
    }
    let count = rows.len() as u64;
    let (queues, cells, tokens, damaged) = reckoned(&rows);
    let restored = Relay::restore(Limits::default(), rows);
    assert_eq!(restored.damaged, damaged, "damaged rows are counted otherwise");
    let mut relay = restored.relay;
    let totals = relay.totals();
    assert_eq!((totals.queues, totals.tokens), (queues, tokens));
    assert!(totals.cells <= cells, "more cells than rows of cells");
    let conn = ConnId(1);
    for event in [Event::Connected { conn, exporter: Exporter([1; 32]) }, Event::Tick, Event::Gone { conn }] {
        relay.handle(event, NOW);
    }
    // Long after, when all is past its time; in as many turns as it needs.
    let later = UnixMillis(u64::MAX);
    for _ in 0..=count {
        relay.handle(Event::Tick, later);
    }
}
