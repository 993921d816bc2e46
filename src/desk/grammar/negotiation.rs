//! What is written to say something in a negotiation: from a note to a breach.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Say`].
#[derive(Debug, Args)]
pub struct Say {
    /// What to say, up to 4,000 characters
    pub text: String,
    /// The case it belongs to
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
}

/// See [`super::Command::Propose`].
#[derive(Debug, Args)]
pub struct Propose {
    /// The proposal
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The sealed offer of another case in whose frame it is made
    #[arg(long, value_name = "OFFER")]
    pub frame: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Counter`].
#[derive(Debug, Args)]
pub struct Counter {
    /// The offer it answers
    pub id: String,
    /// The counter-proposal
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Amend`].
#[derive(Debug, Args)]
pub struct Amend {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// The whole of what is to hold from then on
    #[arg(value_name = "FILE.toml", required_unless_present = "cancel")]
    pub file: Option<PathBuf>,
    /// Offers to cancel what is sealed
    #[arg(long, conflicts_with = "file")]
    pub cancel: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// A group of legs, from 1.
pub(super) fn group(text: &str) -> Result<u8, String> {
    let read = text.trim().parse().ok().filter(|group| *group > 0);
    read.ok_or_else(|| {
        "a group is a number from 1 to 255; 'truceline show OFFER' tells each leg's".to_owned()
    })
}

/// See [`super::Command::Accept`].
#[derive(Debug, Args)]
pub struct Accept {
    /// The offer
    pub id: String,
    /// How long you promise to stand by it
    #[arg(long, value_name = "DURATION", default_value = "48h")]
    pub hold: String,
    /// Only these of its separable groups: makes the counter-offer that consists of them
    #[arg(long, value_name = "1,3", value_delimiter = ',', value_parser = group)]
    pub groups: Vec<u8>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Confirm`].
#[derive(Debug, Args)]
pub struct Confirm {
    /// The acceptance, or the offer it accepts
    pub id: String,
    /// Confirms although your offer's time is over
    #[arg(long)]
    pub late: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Lapse`].
#[derive(Debug, Args)]
pub struct Lapse {
    /// The acceptance, or the offer it accepts
    pub id: String,
    /// Why, for the other side to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Breaks the promise to hold to it that is not over yet
    #[arg(long)]
    pub late: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// An act on one statement.
#[derive(Debug, Args)]
pub struct Act {
    /// The statement it is about
    pub id: String,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// An act on one statement, with a reason.
#[derive(Debug, Args)]
pub struct Reasoned {
    /// The statement it is about
    pub id: String,
    /// Why, for the other side to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Standby`].
#[derive(Debug, Args)]
pub struct Standby {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// When an answer is to be expected: in how long, or a moment
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Why, for the other side to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Query`].
#[derive(Debug, Args)]
pub struct Query {
    /// The statement it is about, such as an offer
    pub id: String,
    /// The question
    pub text: String,
    /// By when an answer is expected: in how long, or a moment
    #[arg(long, value_name = "WHEN")]
    pub answer_by: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Answer`].
#[derive(Debug, Args)]
pub struct Answer {
    /// The query, or the breach
    pub id: String,
    /// The answer in words
    pub text: Option<String>,
    /// To a query: told, yes, no, not known, not said, later. To a breach: admitted, denied, under inquiry, remedied
    #[arg(long, value_name = "WORD")]
    pub reply: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::TransferNotice`].
#[derive(Debug, Args)]
pub struct TransferNotice {
    /// The offer in which they are listed
    pub offer: String,
    /// Its leg
    #[arg(long, value_name = "N")]
    pub leg: u16,
    /// Lines of the leg's list; all of the leg where none is named
    #[arg(long, value_name = "1,2,5", value_delimiter = ',')]
    pub lines: Vec<u32>,
    /// The third country
    #[arg(long, value_name = "NAME")]
    pub country: String,
    /// When: a date, or a part of one
    #[arg(long, value_name = "DATE")]
    pub on: Option<String>,
    /// Where they are accommodated, and by whom
    #[arg(long, value_name = "TEXT")]
    pub accommodation: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Breach`].
#[derive(Debug, Args)]
pub struct Breach {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// The condition that was broken
    #[arg(long, value_name = "N")]
    pub condition: u16,
    /// By whom: lines of the condition's list
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    pub lines: Vec<u32>,
    /// When: a date, or a part of one
    #[arg(long, value_name = "DATE")]
    pub on: Option<String>,
    /// What happened, and what shows it
    #[arg(long, value_name = "TEXT")]
    pub facts: String,
    /// What is asked: none, deliver later, replace, return, examine, explain
    #[arg(long, value_name = "WORD", default_value = "explain")]
    pub remedy: String,
    /// By when an answer is expected: in how long, or a moment
    #[arg(long, value_name = "WHEN")]
    pub answer_by: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Show`].
#[derive(Debug, Args)]
pub struct Show {
    /// The statement
    pub id: String,
    /// Every field of every person
    #[arg(long, conflicts_with = "toml")]
    pub full: bool,
    /// Prints an offer as the proposal file that would make it again
    #[arg(long)]
    pub toml: bool,
    /// Writes that file, and its lists as CSVs beside it, into this new folder
    #[arg(long, value_name = "DIR", requires = "toml")]
    pub out: Option<PathBuf>,
}

/// See [`super::Command::Case`].
#[derive(Debug, Subcommand)]
pub enum Case {
    /// Draws all offers and answers of a case as a tree, and tells how far it has come
    #[command(after_help = "Example:
  truceline case show 3f2a91c0")]
    Show(OneCase),
}

/// A case to look at.
#[derive(Debug, Args)]
pub struct OneCase {
    /// The case, by its id or that of any statement in it
    pub case: String,
}
