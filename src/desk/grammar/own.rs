//! The commands about what the own side keeps to itself, and what it reckons from what was said.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Private`].
#[derive(Debug, Subcommand)]
pub enum Private {
    /// Notes something about a statement, or about a person on its lists
    #[command(after_help = "LEG and LINE are counted from 1, as 'truceline show' numbers them.

Example:
  truceline private note 3f2a91c0 \"Read out by the deputy, not by the general.\"
  truceline private note 3f2a91c0#1.12 \"His brother serves in our 4th.\"")]
    Note(PrivateNote),
    /// Lists what is kept: all of it, or what is about one statement
    #[command(after_help = "Example:
  truceline private list
  truceline private list 3f2a91c0")]
    List(PrivateList),
    /// Deletes one record, by its number in the list
    #[command(after_help = "Example:
  truceline private drop 7")]
    Drop(PrivateDrop),
}

/// See [`Private::Note`].
#[derive(Debug, Args)]
pub struct PrivateNote {
    /// The statement; or the person at a line of a leg of it
    #[arg(value_name = "ID[#LEG.LINE]")]
    pub about: String,
    /// The note, up to 4,000 characters
    pub text: String,
}

/// See [`Private::List`].
#[derive(Debug, Args)]
pub struct PrivateList {
    /// The statement it is about
    pub id: Option<String>,
}

/// See [`Private::Drop`].
#[derive(Debug, Args)]
pub struct PrivateDrop {
    /// The record's number
    pub number: u64,
}

/// See [`super::Command::Honesty`].
#[derive(Debug, Subcommand)]
pub enum Honesty {
    /// Notes that an own statement was not true, and what is so
    #[command(after_help = "Example:
  truceline honesty add 3f2a91c0#1.12 --truth \"He died in March; we have not said so.\"
  truceline honesty add 77aa88bb --said \"no aircraft in the valley\" --truth \"There were two.\"")]
    Add(HonestyAdd),
    /// Lists what was said that was not true
    #[command(after_help = "Example:
  truceline honesty list")]
    List,
}

/// See [`Honesty::Add`].
#[derive(Debug, Args)]
pub struct HonestyAdd {
    /// The own statement; or the person at a line of a leg of it
    #[arg(value_name = "ID[#LEG.LINE]")]
    pub about: String,
    /// What is so
    #[arg(long, value_name = "TEXT")]
    pub truth: String,
    /// What was said, where the statement does not tell by itself
    #[arg(long, value_name = "TEXT")]
    pub said: Option<String>,
}

/// See [`super::Command::Profile`].
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// Notes something of the counterpart, in the place of what stood under that key
    #[command(after_help = "Example:
  truceline profile set authority \"Has to ask the ministry for anyone sentenced.\"")]
    Set(ProfileSet),
    /// Shows what is known of the counterpart, and what its statements tell of its ways
    #[command(after_help = "Example:
  truceline profile show")]
    Show,
}

/// See [`Profile::Set`].
#[derive(Debug, Args)]
pub struct ProfileSet {
    /// What it is about
    pub key: String,
    /// What is known
    pub text: String,
}

/// See [`super::Command::Interest`].
#[derive(Debug, Args)]
pub struct Interest {
    /// Also those asked for only once
    #[arg(long)]
    pub all: bool,
}

/// See [`super::Command::Family`].
#[derive(Debug, Args)]
pub struct Family {
    /// A person on a list; or a name or service number to look for on all lists
    #[arg(value_name = "ID#LEG.LINE|NAME")]
    pub who: String,
}

/// See [`super::Command::Report`].
#[derive(Debug, Args)]
pub struct Report {
    /// One row a case, for a spreadsheet
    #[arg(long)]
    pub csv: bool,
    /// Writes one page for people, with all that was said: for a browser, and for paper
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    pub html: Option<PathBuf>,
    /// Replaces that file if it exists
    #[arg(long, requires = "html")]
    pub force: bool,
}
