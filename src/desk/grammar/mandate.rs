//! How mandates, drafts and approvals are asked for.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Mandate`].
#[derive(Debug, Subcommand)]
pub enum Mandate {
    /// Signs a mandate, in the principal's own vault
    #[command(after_help = "The file is TOML: see examples/mandate.toml and docs/MANDATE.md.

Example:
  truceline --vault ~/principal mandate sign mandate.toml --out mandate.signed")]
    Sign(MandateSign),
    /// Puts a signed mandate in force, in the officer's vault
    #[command(
        after_help = "The first one pins its principal: give the fingerprint you had from the principal in person. Later ones
must be by the same principal, and have a higher number.

Example:
  truceline mandate set mandate.signed --principal FINGERPRINT"
    )]
    Set(MandateSet),
    /// Shows the mandate in force
    #[command(after_help = "Example:
  truceline mandate show")]
    Show,
    /// Says what the mandate makes of a proposal, without drafting it
    #[command(after_help = "Example:
  truceline mandate check examples/exchange.toml
  truceline mandate check examples/counter.toml --counter 3f2a91c0")]
    Check(MandateCheck),
}

/// See [`Mandate::Sign`].
#[derive(Debug, Args)]
pub struct MandateSign {
    /// The mandate
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The new file for the signed mandate, readable for its owner only
    #[arg(long, value_name = "SIGNED")]
    pub out: PathBuf,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`Mandate::Set`].
#[derive(Debug, Args)]
pub struct MandateSet {
    /// The signed mandate
    #[arg(value_name = "SIGNED")]
    pub file: PathBuf,
    /// The principal's fingerprint; needed for the first mandate
    #[arg(long, value_name = "FINGERPRINT")]
    pub principal: Option<String>,
}

/// See [`Mandate::Check`].
#[derive(Debug, Args)]
pub struct MandateCheck {
    /// The proposal
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The offer it would answer
    #[arg(long, value_name = "OFFER", conflicts_with = "amend")]
    pub counter: Option<String>,
    /// The case it would amend
    #[arg(long, value_name = "CASE")]
    pub amend: Option<String>,
}

/// See [`super::Command::Draft`].
#[derive(Debug, Subcommand)]
pub enum Draft {
    /// Drafts a proposal
    #[command(after_help = "Example:
  truceline draft propose examples/exchange.toml --out proposal.draft")]
    Propose(DraftPropose),
    /// Drafts an answer to an offer by another one
    #[command(after_help = "Example:
  truceline draft counter 3f2a91c0 examples/counter.toml --out counter.draft")]
    Counter(DraftAnswer),
    /// Drafts an amendment of what is sealed in a case
    #[command(after_help = "Example:
  truceline draft amend 3f2a91c0 amendment.toml --out amendment.draft")]
    Amend(DraftAmend),
    /// Drafts an acceptance
    #[command(after_help = "Hold it long enough for the principal to answer.

Example:
  truceline draft accept 3f2a91c0 --hold '5 days' --out accept.draft")]
    Accept(DraftAccept),
    /// Drafts a confirm of the other side's acceptance
    #[command(after_help = "Takes the id of the acceptance, or of the offer it accepts.

Example:
  truceline draft confirm 77aa88bb --out confirm.draft")]
    Confirm(DraftConfirm),
    /// Lists the drafts, and what became of them
    #[command(after_help = "Example:
  truceline draft list")]
    List,
    /// Shows a draft in full, and what the mandate says of it now
    #[command(after_help = "Example:
  truceline draft show 3f2a91c0
  truceline draft show 3f2a91c0 --out proposal.draft")]
    Show(DraftShow),
    /// Signs exactly what a draft says
    #[command(after_help = "Example:
  truceline draft send 3f2a91c0 --approval proposal.approval")]
    Send(DraftSend),
    /// Forgets a draft that was not sent
    #[command(after_help = "Example:
  truceline draft drop 3f2a91c0")]
    Drop(DraftDrop),
}

/// Where a draft is written for the principal.
#[derive(Debug, Args)]
pub struct DraftOut {
    /// A new file for the principal to read and approve, readable for its owner only
    #[arg(long, value_name = "DRAFTFILE")]
    pub out: Option<PathBuf>,
}

/// See [`Draft::Propose`].
#[derive(Debug, Args)]
pub struct DraftPropose {
    /// The proposal
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The sealed offer of another case in whose frame it is made
    #[arg(long, value_name = "OFFER")]
    pub frame: Option<String>,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Amend`].
#[derive(Debug, Args)]
pub struct DraftAmend {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// The whole of what is to hold from then on
    #[arg(value_name = "FILE.toml", required_unless_present = "cancel")]
    pub file: Option<PathBuf>,
    /// Offers to cancel what is sealed
    #[arg(long, conflicts_with = "file")]
    pub cancel: bool,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Counter`].
#[derive(Debug, Args)]
pub struct DraftAnswer {
    /// The offer it answers
    pub id: String,
    /// The proposal
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Accept`].
#[derive(Debug, Args)]
pub struct DraftAccept {
    /// The offer
    pub id: String,
    /// How long you would promise to stand by it, from now on
    #[arg(long, value_name = "DURATION", default_value = "5 days")]
    pub hold: String,
    /// Only these of its separable groups: drafts the counter-offer that consists of them
    #[arg(long, value_name = "1,3", value_delimiter = ',', value_parser = super::negotiation::group)]
    pub groups: Vec<u8>,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Confirm`].
#[derive(Debug, Args)]
pub struct DraftConfirm {
    /// The acceptance, or the offer it accepts
    pub id: String,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Show`].
#[derive(Debug, Args)]
pub struct DraftShow {
    /// The draft
    pub id: String,
    /// See [`DraftOut`].
    #[command(flatten)]
    pub to: DraftOut,
}

/// See [`Draft::Send`].
#[derive(Debug, Args)]
pub struct DraftSend {
    /// The draft
    pub id: String,
    /// The principal's approval of it
    #[arg(long, value_name = "APPROVAL")]
    pub approval: Option<PathBuf>,
    /// Signs although a promise of time stands against it
    #[arg(long)]
    pub late: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`Draft::Drop`].
#[derive(Debug, Args)]
pub struct DraftDrop {
    /// The draft
    pub id: String,
}

/// See [`super::Command::Approve`].
#[derive(Debug, Args)]
pub struct Approve {
    /// The draft, as 'truceline draft ... --out' wrote it
    #[arg(value_name = "DRAFTFILE")]
    pub file: PathBuf,
    /// The new file for the approval, readable for its owner only
    #[arg(long, value_name = "APPROVAL")]
    pub out: PathBuf,
    /// Approves without asking
    #[arg(long)]
    pub yes: bool,
}
