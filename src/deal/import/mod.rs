//! A proposal from the file an officer wrote: TOML, with persons inline or in a CSV beside it. All or nothing:
//! what is wrong is named by file, line, key and leg, with what to do. Opens no file, reads no clock
//! and draws no randomness: all three are handed in.

mod file;
mod leg;
pub(crate) mod list;
mod plan;
pub(crate) mod value;

use crate::crypto::digest::Digest;
use crate::deal::body::{BodyError, Content, Offer, OfferBody};
use crate::deal::import::file::ProposalFile;
use crate::deal::import::value::At;
use crate::deal::terms::{Firmness, Terms};
use crate::party::role::Role;
use crate::statement::list::List;
use crate::time::UnixMillis;

/// Faults of one list that are told, at most; of the rest, how many there are.
pub const FAULTS_MAX: usize = 20;

/// What a proposal file is called until its name is known: see [`ImportError::in_file`].
const THE_PROPOSAL: &str = "the proposal";

/// What is wrong with a proposal file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The TOML itself, or a key in it. Lines are counted from 1.
    #[error("{file}, line {line}: {fault}: correct it; examples/package.toml shows every part")]
    Toml {
        /// The proposal.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong.
        fault: String,
    },
    /// A value of a key.
    #[error("{file}, {place}: {fault}")]
    Value {
        /// The proposal.
        file: String,
        /// The key, and in which leg, stage, corridor or condition.
        place: String,
        /// What is wrong, and what it must look like.
        fault: String,
    },
    /// A list that could not be read.
    #[error("{file}: {fault}: put the list beside the proposal, and name it as it is")]
    Unreadable {
        /// The list.
        file: String,
        /// Why.
        fault: String,
    },
    /// A list as a whole.
    #[error("{file}: {fault}")]
    List {
        /// The list.
        file: String,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A line of a list, counted from 1, the header row included.
    #[error("{file}, line {line}: {fault}")]
    Row {
        /// The list.
        file: String,
        /// The line.
        line: u64,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A cell of a list.
    #[error("{file}, line {line}, column {column}: {fault}")]
    Cell {
        /// The list.
        file: String,
        /// The line, counted from 1, the header row included.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong, and what it must look like.
        fault: String,
    },
    /// Several of a list's lines and cells.
    #[error("{}", .faults.iter().map(ToString::to_string).chain(and_more(*.more)).collect::<Vec<_>>().join("\n"))]
    Several {
        /// The first, at most [`FAULTS_MAX`].
        faults: Vec<ImportError>,
        /// How many more there are.
        more: usize,
    },
    /// Terms that cannot be offered.
    #[error("{file}: {fault}")]
    Body {
        /// The proposal.
        file: String,
        /// What is wrong, and what to do.
        fault: BodyError,
    },
}

fn and_more(more: usize) -> Option<String> {
    (more > 0).then(|| format!("and {more} more: correct these first"))
}

impl ImportError {
    /// The same, with the proposal called by the name of its file.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        match &mut self {
            Self::Toml { file, .. } | Self::Value { file, .. } | Self::Body { file, .. } => {
                name.clone_into(file);
            }
            Self::Several { faults, .. } => {
                *faults = std::mem::take(faults).into_iter().map(|fault| fault.in_file(name)).collect();
            }
            Self::Unreadable { .. } | Self::List { .. } | Self::Row { .. } | Self::Cell { .. } => {}
        }
        self
    }

    /// The faults one by one; what this is, where it is one.
    #[must_use]
    pub fn each(&self) -> Vec<String> {
        match self {
            Self::Several { faults, more } => {
                faults.iter().map(ToString::to_string).chain(and_more(*more)).collect()
            }
            one => vec![one.to_string()],
        }
    }
}

impl From<BodyError> for ImportError {
    fn from(fault: BodyError) -> Self {
        Self::Body { file: THE_PROPOSAL.to_owned(), fault }
    }
}

/// What a proposal file needs from outside.
pub struct Sources<'a> {
    /// The side whose file it is: `me` in it.
    pub me: Role,
    /// The moment from which a duration counts.
    pub now: UnixMillis,
    /// The bytes of the list that the file names, or why there are none.
    pub list: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    /// 32 fresh random bytes, for the salts of one list.
    pub seed: &'a mut dyn FnMut() -> [u8; 32],
}

/// A proposal that was read, and not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Firm or exploratory.
    pub firmness: Firmness,
    /// Until when it stands.
    pub valid_until: Option<UnixMillis>,
    /// Its legs.
    pub terms: Terms,
    /// Its lists, in the order of the legs that name them.
    pub lists: Vec<List>,
}

impl Draft {
    /// The offer it makes on version `base` of a case, in answer to `parent`.
    ///
    /// # Errors
    /// [`BodyError`] where it cannot be made there: an empty one on version 0.
    pub fn offer(&self, base: u32, parent: Option<Digest>) -> Result<Content, BodyError> {
        self.offer_in_frame(base, parent, None)
    }

    /// The same, made in the frame of a sealed offer of another case.
    ///
    /// # Errors
    /// As [`Draft::offer`].
    pub fn offer_in_frame(
        &self,
        base: u32,
        parent: Option<Digest>,
        frame: Option<Digest>,
    ) -> Result<Content, BodyError> {
        let body = OfferBody {
            base,
            parent,
            frame,
            firmness: self.firmness,
            valid_until: self.valid_until,
            terms: self.terms.clone(),
            lists: self.lists.iter().map(List::root).collect(),
        };
        let content = Content::Offer(Box::new(Offer::join(body, &self.lists)?));
        content.encode().map(|_| content)
    }
}

/// Reads a proposal.
///
/// # Errors
/// [`ImportError`]; nothing is kept of what was read before it.
pub fn proposal_from_toml(text: &str, sources: &mut Sources<'_>) -> Result<Draft, ImportError> {
    let file: ProposalFile = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = 1 + before.matches('\n').count();
        ImportError::Toml { file: THE_PROPOSAL.to_owned(), line, fault: error.message().to_owned() }
    })?;
    let at = At::top(sources.now);
    let mut draft = Draft {
        firmness: at.word("firmness", file.firmness.as_ref(), Firmness::Firm, Firmness::read)?,
        valid_until: file.valid_until.as_ref().map(|value| valid_until(&at, value)).transpose()?,
        terms: Terms {
            legs: Vec::new(),
            stages: plan::stages(&file, sources.now)?,
            corridors: plan::corridors(&file, sources.now)?,
            conditions: plan::conditions(&file, sources.now)?,
            guarantors: plan::guarantors(&file, sources.now)?,
            frame: file.frame.as_ref().map(|frame| plan::frame(frame, sources.now)).transpose()?,
            remarks: at.text("remarks", file.remarks.as_ref())?,
        },
        lists: Vec::new(),
    };
    for (leg, number) in file.leg.iter().zip(1..) {
        let read = leg::read(leg, number, &file.stage, &mut draft.lists, sources)?;
        draft.terms.legs.push(read);
    }
    let lines = draft.lists.iter().map(|list| u32::try_from(list.lines().len()).unwrap_or(u32::MAX));
    draft.terms.check(&lines.collect::<Vec<_>>()).map_err(BodyError::from)?;
    Ok(draft)
}

fn valid_until(at: &At, value: &toml::Value) -> Result<UnixMillis, ImportError> {
    let moment = at.moment("valid_until", value)?;
    if moment > at.now {
        return Ok(moment);
    }
    let fault =
        format!("{value} is not in the future: write a later moment, or a time from now such as 14 days");
    Err(at.wrong("valid_until", fault))
}
