//! The commands about a channel as a whole: what takes its place, what it lacks, and one that came to nothing.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Channel`].
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Invites the counterpart to a new channel that takes the place of this one
    #[command(
        after_help = "For a channel that is halted, or whose relays are gone. The other officer joins with --renews. Both compare
new words; then each program signs what it holds of the old channel, and nothing more is said there.

Example:
  truceline channel renew tarrun --relay relay.example:4433#PIN --pass truceline-pass:..."
    )]
    Renew(Renew),
    /// Takes in, from the counterpart's export of this channel, what an older copy of the vault lacks
    #[command(after_help = "Example:
  truceline channel adopt tarrun transcript.bin")]
    Adopt(Adopt),
    /// Takes back an invite or a join of which nothing has come
    #[command(after_help = "Example:
  truceline channel discard channel-2")]
    Discard(Discard),
}

/// See [`Channel::Renew`].
#[derive(Debug, Args)]
pub struct Renew {
    /// The channel that is renewed
    #[arg(value_name = "LABEL")]
    pub old: String,
    /// See [`super::Invite`].
    #[command(flatten)]
    pub invite: super::Invite,
    /// The other side has a new identity, and told you so: its fingerprint may be another
    #[arg(long)]
    pub new_identity: bool,
}

/// See [`Channel::Adopt`].
#[derive(Debug, Args)]
pub struct Adopt {
    /// The channel
    #[arg(value_name = "LABEL")]
    pub label: String,
    /// The counterpart's export of it
    #[arg(value_name = "EXPORT")]
    pub export: PathBuf,
}

/// See [`Channel::Discard`].
#[derive(Debug, Args)]
pub struct Discard {
    /// The channel
    #[arg(value_name = "LABEL")]
    pub label: String,
}
