//! A transcript checked on all cores: what needs no other statement is checked on any of them, batch by batch, while the
//! next batch is read; what needs the ones before it, here. May hold no more than two batches.

use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::statement::export::{Checking, ExportError, Preamble, heads, verified};
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::receipt::WordsConfirmed;
use crate::statement::signed::{Statement, StatementError};
use crate::statement::transcript::Transcript;
use crate::time::UnixMillis;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{available_parallelism, scope};

/// Statements of a batch, and their bytes, at most; one statement may be longer.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 16 << 20;

/// What is told of a transcript that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Each party's count and head, the inviter's first.
    pub heads: [(u64, StatementId); 2],
    /// The earliest and the latest clock of an author.
    pub span: Option<(UnixMillis, UnixMillis)>,
    /// Whether the inviter has confirmed the safety words, and the joiner.
    pub words: [bool; 2],
}

/// Statements' bytes in their order, one at each call, none at the end.
pub type Next<'a> = dyn FnMut() -> Result<Option<Arc<[u8]>>, ExportError> + 'a;

/// Is shown each statement once it holds, with the chains as they end with it.
pub type See<'a> = dyn FnMut(&Statement, &Transcript) + 'a;

/// Checks of every statement place, commitment and signature, on all cores. The introduction was checked before.
///
/// # Errors
/// [`ExportError`], at the first defect.
pub fn check_all(
    preamble: &Preamble,
    next: &mut Next<'_>,
    see: &mut See<'_>,
) -> Result<Checked, ExportError> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let mut told = Told::of(preamble);
    let mut checking = Checking::new(preamble.channel);
    let mut batch = read(next)?;
    while !batch.is_empty() {
        let share = batch.len().div_ceil(cores);
        let (found, later) = scope(|threads| {
            let check = |part: &[Arc<[u8]>]| part.iter().map(|it| verified(it, preamble)).collect::<Vec<_>>();
            let parts: Vec<_> = batch.chunks(share).map(|part| threads.spawn(move || check(part))).collect();
            let later = read(next);
            let join = |part: std::thread::ScopedJoinHandle<'_, Vec<Found>>| {
                part.join().unwrap_or_else(|panicked| resume_unwind(panicked))
            };
            (parts.into_iter().flat_map(join).collect::<Vec<_>>(), later)
        });
        for found in found {
            let statement = checking.take(found)?;
            told.take(&statement);
            see(&statement, checking.transcript());
        }
        batch = later?;
    }
    Ok(Checked { heads: heads(checking.transcript()), span: told.span, words: told.words })
}

type Found = Result<(Statement, Result<(), StatementError>), StatementError>;

fn read(next: &mut Next<'_>) -> Result<Vec<Arc<[u8]>>, ExportError> {
    let (mut batch, mut bytes) = (Vec::new(), 0usize);
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        let Some(statement) = next()? else { break };
        bytes = bytes.saturating_add(statement.len());
        batch.push(statement);
    }
    Ok(batch)
}

struct Told {
    safety: SafetyWords,
    span: Option<(UnixMillis, UnixMillis)>,
    words: [bool; 2],
}

impl Told {
    fn of(preamble: &Preamble) -> Self {
        // A card that was checked has a fingerprint.
        let [inviter, joiner] = Role::BOTH.map(|role| preamble.card(role).fingerprint().unwrap_or_default());
        let safety = SafetyWords::of(&preamble.channel, &inviter, &joiner);
        Self { safety, span: None, words: [false; 2] }
    }

    fn take(&mut self, statement: &Statement) {
        let header = &statement.header;
        let (first, last) = self.span.unwrap_or((header.clock, header.clock));
        self.span = Some((first.min(header.clock), last.max(header.clock)));
        let [inviter, joiner] = &mut self.words;
        let confirmed = match header.author {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        };
        *confirmed |= header.kind == Kind::WordsConfirmed.number()
            && statement.said.lists.is_empty()
            && WordsConfirmed::confirms(&statement.said.body, &self.safety);
    }
}
