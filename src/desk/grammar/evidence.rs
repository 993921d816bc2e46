//! The commands about evidence: a part of a transcript that anyone can check.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Evidence`].
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Writes what was said of one matter to a file that anyone can check
    #[command(
        after_help = "The file holds what is asked for, in the clear, readable for its owner only; of anything else, not a word.
Of a person it holds one line of a list, and nothing from which another could be guessed. What stands in the
text of a proposal or a notice itself is in it: read it before you hand it on.

Example:
  truceline evidence make --case 3f2a91c0 --out case.evidence
  truceline evidence make --agreement 77aa88bb --out agreed.evidence
  truceline evidence make --person 3f2a91c0#1.12 --out person.evidence
  truceline evidence make --fork --out fork.evidence
  truceline evidence make --statements 3f2a91c0,77aa88bb --out said.evidence"
    )]
    Make(EvidenceMake),
    /// Checks such a file, with no vault and no network
    #[command(
        after_help = "Anyone can make up two parties: name both by the fingerprints you know, or the answer can only be
'consistent, parties not identified'.

Example:
  truceline evidence check person.evidence --party FINGERPRINT --party FINGERPRINT
  truceline evidence check person.evidence --html person.html"
    )]
    Check(EvidenceCheck),
}

/// See [`Evidence::Make`].
#[derive(Debug, Args)]
pub struct EvidenceMake {
    /// What it is about
    #[command(flatten)]
    pub about: EvidenceAbout,
    /// The file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Writes a page of it for people, too: for a browser, and for paper
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replaces these files if they exist
    #[arg(long)]
    pub force: bool,
}

/// What evidence is about: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct EvidenceAbout {
    /// Statements, whole
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub statements: Vec<String>,
    /// A case: every statement of it, and that there is no other
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
    /// How an offer was agreed and sealed, named by it, its acceptance or confirm; or a case's newest
    #[arg(long, value_name = "ID")]
    pub agreement: Option<String>,
    /// A person or bag on an offer's list, and what was said of it
    #[arg(long, value_name = "ID#LEG.LINE")]
    pub person: Option<String>,
    /// That a party signed two different statements at one place of its chain
    #[arg(long)]
    pub fork: bool,
}

/// See [`Evidence::Check`].
#[derive(Debug, Args)]
pub struct EvidenceCheck {
    /// The evidence
    pub file: PathBuf,
    /// Fingerprint of a party it must be between; give it twice
    #[arg(long = "party", value_name = "FINGERPRINT")]
    pub parties: Vec<String>,
    /// Writes a page of it for people, too: for a browser, and for paper
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replaces that page if it exists
    #[arg(long, requires = "html")]
    pub force: bool,
}
