//! The commands of `truceline-relay`, as they are written.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something else failed
  2  the command line cannot be understood
  3  the folder, its configuration or its certificate cannot be used
  4  another process uses the folder
  5  the disk is full, failed, or holds damaged data
  6  the address cannot be listened on";

/// A Truceline relay: keeps sealed cells until their reader has them, and can open none.
#[derive(Debug, Parser)]
#[command(name = "truceline-relay", version, after_help = EXIT_CODES, max_term_width = 80)]
pub struct Operator {
    /// Answers as JSON, on standard output; errors too, on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What an operator can ask for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a relay: its folder, store, certificate and relay.toml; prints its address, pin and deposit key
    #[command(after_help = "Example:
  truceline-relay init /srv/relay --listen 0.0.0.0:4433 --public relay.example:4433")]
    Init(Init),
    /// Serves, in the foreground, until SIGTERM or SIGINT. SIGHUP has it read limits and certificate again
    #[command(after_help = "When it listens it says so in one line on standard error:
  listening on ADDRESS (ADDRESS#PIN#DEPOSIT for clients)
With --json that line is {\"event\":\"listening\",\"address\":...,\"place\":...}.

Example:
  truceline-relay serve /srv/relay")]
    Serve(Serve),
    /// Prints a pass: leave to open queues. Works while the relay serves, and when it does not
    #[command(after_help = "An officer who invites needs two queues of it, one who joins needs one.

Example:
  truceline-relay pass /srv/relay --queues 4 --expires 30d")]
    Pass(Pass),
    /// Takes a pass back, whose line is read from standard input: what is left of it opens nothing. Works as 'pass' does
    #[command(after_help = "Queues that were opened with it stay: nothing says which they are.

Example:
  truceline-relay revoke /srv/relay < pass.txt
  truceline-relay revoke /srv/relay --all")]
    Revoke(Revoke),
    /// Looks whether the relay can serve and keep its promises: folder, configuration, certificate, clock, disk, limits, port
    #[command(
        after_help = "Changes nothing. Run it as the user who serves, before the first start, after a change and when something is wrong.

Example:
  truceline-relay check /srv/relay"
    )]
    Check(Folder),
    /// Tells queues, cells, bytes and the oldest cell's age: totals, for nothing else is known
    #[command(after_help = "Example:
  truceline-relay status /srv/relay --json")]
    Status(Folder),
}

/// The relay's folder.
#[derive(Debug, Args)]
pub struct Folder {
    /// The relay's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// See [`Command::Init`].
#[derive(Debug, Args)]
pub struct Init {
    /// See [`Folder`].
    #[command(flatten)]
    pub folder: Folder,
    /// IP address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4433")]
    pub listen: SocketAddr,
    /// Name or address, with port, under which clients reach it, where that is another
    #[arg(long, value_name = "ADDR")]
    pub public: Option<String>,
}

/// See [`Command::Serve`].
#[derive(Debug, Args)]
pub struct Serve {
    /// See [`Folder`].
    #[command(flatten)]
    pub folder: Folder,
    /// Listens here, whatever relay.toml says
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// See [`Command::Pass`].
#[derive(Debug, Args)]
pub struct Pass {
    /// See [`Folder`].
    #[command(flatten)]
    pub folder: Folder,
    /// Queues it opens, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub queues: u32,
    /// How long it is good for, as 30d, 12h or 90m
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub expires: String,
}

/// See [`Command::Revoke`].
#[derive(Debug, Args)]
pub struct Revoke {
    /// See [`Folder`].
    #[command(flatten)]
    pub folder: Folder,
    /// All passes issued until now; nothing is read
    #[arg(long)]
    pub all: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_holds_together_and_every_command_has_an_example() {
        let mut grammar = Operator::command();
        grammar.build();
        grammar.clone().debug_assert();
        for command in grammar.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example:\n  truceline-relay "), "{}", command.get_name());
        }
    }
}
