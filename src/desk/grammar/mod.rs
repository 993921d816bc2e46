//! The commands of `truceline`, as they are written.

mod channel;
mod evidence;
mod handover;
mod mandate;
mod negotiation;
mod own;
mod vault;

pub use channel::*;
use clap::{Args, Parser, Subcommand};
pub use evidence::{Evidence, EvidenceAbout, EvidenceCheck, EvidenceMake};
pub use handover::*;
pub use mandate::*;
pub use negotiation::*;
pub use own::{
    Family, Honesty, HonestyAdd, Interest, Private, PrivateDrop, PrivateList, PrivateNote, Profile,
    ProfileSet, Report,
};
use std::path::PathBuf;
pub use vault::{Vault, VaultBackup, VaultPassphrase, VaultRestore, VaultRetire};

const AFTER: &str = "The vault is the folder in --vault, else in TRUCELINE_VAULT, else ~/.truceline. Its passphrase is read from \
--passphrase-file, else from the file in TRUCELINE_PASSPHRASE_FILE, else asked for on the terminal.

Ids are 64 hexadecimal digits; any beginning of 4 or more that is unique will do.

Exit codes:
  0  done
  1  something unexpected failed
  2  the command line cannot be understood, or nobody was there to answer
  3  refused by the rules: an act without effect, a closed channel, an expired invite
  4  the vault or its disk: wrong passphrase, in use, altered, full
  5  no relay could be reached, or a relay refused
  6  a file or line that was handed in cannot be used
  7  a transcript or evidence does not hold, or is not between the parties named
  8  the safety words do not match

Example:
  truceline init --name Velmara
  truceline demo";

/// A back-channel between enemies: signed and sealed statements, receipts, and a transcript both sides can check.
#[derive(Debug, Parser)]
#[command(name = "truceline", version, after_help = AFTER, max_term_width = 80)]
pub struct Cli {
    /// The vault's folder
    #[arg(long, global = true, value_name = "DIR")]
    pub vault: Option<PathBuf>,
    /// A file that holds the vault's passphrase
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Answers as one line of JSON on standard output; errors too, on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Which channel; needed only where the vault has several
    #[arg(long, global = true, value_name = "LABEL")]
    pub channel: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What an officer can ask for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a vault with a new identity
    #[command(after_help = "Example:
  truceline --vault ~/velmara init --name Velmara")]
    Init(Init),
    /// Invites a counterpart: prints one truceline: line to hand over in secret
    #[command(
        after_help = "Relay and pass come from the relay's operator. Give as many --pass as --relay, in the same order.
The line is the secret that starts the channel: hand it over so that nobody else sees it.

Example:
  truceline invite --relay relay.example:4433#PIN --pass truceline-pass:... --label tarrun"
    )]
    Invite(Invite),
    /// Joins by an invite that was handed over
    #[command(after_help = "Shows each address before it is contacted and asks; --yes agrees beforehand.

Example:
  truceline join invite.txt --relay relay.example:4433#PIN --pass truceline-pass:... --label velmara")]
    Join(Join),
    /// Shows, confirms or denies the twelve safety words
    #[command(
        after_help = "Compare the words in a call in which you know the other officer's voice. Until both sides have
confirmed them, only notes and proposals about remains have effect.

Example:
  truceline words
  truceline words --confirm \"word1 word2 ... word12\"
  truceline words --differ"
    )]
    Words(Words),
    /// Sends what waits, fetches what came, makes and sends receipts
    #[command(after_help = "Example:
  truceline sync
  truceline sync --watch --via socks5://127.0.0.1:9050")]
    Sync(Sync),
    /// Says something in free text, which never binds
    #[command(after_help = "The text '-' is read from standard input.

Example:
  truceline say \"Our list follows within the hour.\"")]
    Say(Say),
    /// Proposes an exchange, read from a file
    #[command(after_help = "Lists of persons are read from beside the file. See examples/exchange.toml.

Example:
  truceline propose examples/exchange.toml")]
    Propose(Propose),
    /// Answers an offer with another one
    #[command(after_help = "Example:
  truceline counter 3f2a91c0 examples/counter.toml")]
    Counter(Counter),
    /// Offers to change or cancel what is sealed
    #[command(
        after_help = "The file holds the whole of what is to hold, not the difference. It takes the other side's \
acceptance and your confirm, as every offer does.

Example:
  truceline amend 3f2a91c0 amended.toml
  truceline amend 3f2a91c0 --cancel"
    )]
    Amend(Amend),
    /// Accepts the other side's offer as it stands, or makes a counter-offer of some of its groups
    #[command(
        after_help = "The other side then confirms. Until --hold is over you promise not to let the acceptance lapse.

Example:
  truceline accept 3f2a91c0 --hold 48h
  truceline accept 3f2a91c0 --groups 1,3"
    )]
    Accept(Accept),
    /// Confirms the other side's acceptance of your offer: it is then agreed
    #[command(after_help = "Takes the id of the acceptance, or of the offer it accepts.

Example:
  truceline confirm 77aa88bb")]
    Confirm(Confirm),
    /// Takes back your acceptance, as long as it is not confirmed
    #[command(after_help = "Takes the id of the acceptance, or of the offer it accepts.

Example:
  truceline lapse 77aa88bb --reason \"The list has changed.\"")]
    Lapse(Lapse),
    /// Turns down the other side's offer
    #[command(after_help = "Example:
  truceline reject 3f2a91c0 --reason \"Three of those named are not held by us.\"")]
    Reject(Reasoned),
    /// Takes back your own offer
    #[command(after_help = "Example:
  truceline withdraw 3f2a91c0")]
    Withdraw(Reasoned),
    /// Asks the other side for time
    #[command(after_help = "WHEN is in how long (2h, 3 days) or a moment in UTC (2026-11-22 14:05Z).

Example:
  truceline standby 3f2a91c0 --until '3 days' --reason \"The lists are being compared.\"")]
    Standby(Standby),
    /// Asks a question about a statement
    #[command(after_help = "Example:
  truceline query 3f2a91c0 \"Is the third of those named in your hands?\" --answer-by 24h")]
    Query(Query),
    /// Answers a question, or a breach
    #[command(after_help = "Example:
  truceline answer 77aa88bb --reply yes
  truceline answer 77aa88bb \"Since March, in Kelda.\"
  truceline answer 99cc00dd --reply \"under inquiry\"")]
    Answer(Answer),
    /// Freezes the lists of what is sealed: the first step of its handover
    #[command(after_help = "Both sides lock; who accepted acts only after the other's lock.

Example:
  truceline lock 3f2a91c0")]
    Lock(OnCase),
    /// Says how your persons are moved; a changed notice starts a new round
    #[command(after_help = "WHEN is in how long (2h, 3 days) or a moment in UTC (2026-11-22 14:05Z).

Example:
  truceline transport 3f2a91c0 --mode bus --vehicle KA-2201 --persons 40 --from 6h --to 9h")]
    Transport(Transport),
    /// Acknowledges the other side's transport notice: your own forces have been told
    #[command(after_help = "Example:
  truceline acknowledge 55ee66ff")]
    Acknowledge(Act),
    /// Says that you are ready to move
    #[command(after_help = "Example:
  truceline ready 3f2a91c0")]
    Ready(OnCase),
    /// Says that you move, once both sides have said so
    #[command(
        after_help = "Nobody moves on their own go: wait until 'truceline case show' says that both hold both.

Example:
  truceline go 3f2a91c0 --until 2h"
    )]
    Go(Go),
    /// Breaks the round off: ready and go of it no longer count
    #[command(after_help = "Example:
  truceline suspend 3f2a91c0 --reason \"Shelling at the bridge.\"")]
    Suspend(Suspend),
    /// Says what became of whom at the handover
    #[command(
        after_help = "Each side says its own lines; what differs is computed, never typed. Lines can be said in parts.

Example:
  truceline lines 3f2a91c0 --template lines.csv
  truceline lines 3f2a91c0 lines.csv
  truceline lines 3f2a91c0 --all-delivered"
    )]
    Lines(Lines),
    /// Computes from both sides' lines what differs from what was agreed
    #[command(after_help = "Example:
  truceline discrepancy 3f2a91c0")]
    Discrepancy(OneCase),
    /// Says that your lines are complete; results on remains may still change for 24 months
    #[command(after_help = "Example:
  truceline close 3f2a91c0")]
    Close(Close),
    /// Tells the home side of persons taken to a third country
    #[command(after_help = "Example:
  truceline transfer-notice 3f2a91c0 --leg 2 --lines 1,2,5 --country Helvia --on 2031-05")]
    TransferNotice(TransferNotice),
    /// Says that a condition of what is sealed was broken
    #[command(after_help = "Example:
  truceline breach 3f2a91c0 --condition 1 --lines 4 --facts \"Seen in uniform at Kelda.\" --answer-by '7 days'")]
    Breach(Breach),
    /// Lists the cases: state, whose turn it is, what may be answered
    #[command(after_help = "Example:
  truceline cases")]
    Cases,
    /// Shows one case in full
    #[command(
        subcommand,
        after_help = "Example:
  truceline case show 3f2a91c0"
    )]
    Case(Case),
    /// Shows one statement in full, and notes that you read it
    #[command(after_help = "Example:
  truceline show 3f2a91c0
  truceline show 3f2a91c0 --full
  truceline show 3f2a91c0 --toml --out counter")]
    Show(Show),
    /// Lists all statements, the newest last
    #[command(
        after_help = "WHEN is how long ago (2h, 3 days) or a time in UTC (2026-11-22, 2026-11-22 14:05Z).

Example:
  truceline log --since 2d"
    )]
    Log(Log),
    /// Tells per channel what is unsent, undelivered, unread, overdue, and whose turn it is
    #[command(after_help = "Example:
  truceline status --json")]
    Status,
    /// Renews a channel, completes an old one, or takes an invite back
    #[command(
        subcommand,
        after_help = "Example:
  truceline channel renew tarrun --relay relay.example:4433#PIN --pass truceline-pass:..."
    )]
    Channel(Channel),
    /// Checks or exports the transcript
    #[command(
        subcommand,
        after_help = "Example:
  truceline transcript verify
  truceline transcript export transcript.bin"
    )]
    Transcript(Transcript),
    /// Checks an exported transcript, with no vault and no network
    #[command(
        after_help = "Anyone can make up two parties: name both by the fingerprints you know, or the answer can only be
'consistent, parties not identified'.

Example:
  truceline verify transcript.bin --party FINGERPRINT --party FINGERPRINT
  truceline verify old.bin new.bin"
    )]
    Verify(Verify),
    /// Makes and checks evidence of one matter
    #[command(
        subcommand,
        after_help = "Example:
  truceline evidence make --case 3f2a91c0 --out case.evidence
  truceline evidence check case.evidence"
    )]
    Evidence(Evidence),
    /// Shows or sets how receipts are timed
    #[command(
        after_help = "Receipts show when an officer is at work; so, while a client stays connected, they wait a random time.

Example:
  truceline settings
  truceline settings --read-receipts off
  truceline settings --default"
    )]
    Settings(SettingsArgs),
    /// Keeps notes on statements and persons, for the own side alone
    #[command(
        subcommand,
        after_help = "Nothing of it is ever sent, exported or shown by other commands.

Example:
  truceline private note 3f2a91c0#1.12 \"His brother serves in our 4th.\"
  truceline private list"
    )]
    Private(Private),
    /// Keeps what was said that was not true, so that no later statement contradicts it
    #[command(
        subcommand,
        after_help = "Before you sign what does not fit what you said, you are warned.

Example:
  truceline honesty add 3f2a91c0#1.12 --truth \"He died in March; we have not said so.\"
  truceline honesty list"
    )]
    Honesty(Honesty),
    /// Keeps and shows what is known of the counterpart
    #[command(
        subcommand,
        after_help = "Example:
  truceline profile set authority \"Has to ask the ministry for anyone sentenced.\"
  truceline profile show"
    )]
    Profile(Profile),
    /// Tells who holds the turn, how long each side takes to answer, and what is overdue
    #[command(after_help = "The other side's times are those at which its statements were stored here.

Example:
  truceline delays")]
    Delays,
    /// Tells whom the other side asks for repeatedly
    #[command(after_help = "Example:
  truceline interest
  truceline interest --all")]
    Interest(Interest),
    /// Tells what a family may be told now about a person: nothing, until the receiver has signed that they crossed
    #[command(after_help = "Example:
  truceline family 3f2a91c0#1.12
  truceline family \"Вельгин Андрей\"")]
    Family(Family),
    /// Tells the figures of all exchanges, computed anew from what was sealed
    #[command(after_help = "Example:
  truceline report
  truceline report --csv > report.csv
  truceline --channel tarrun report --html report.html")]
    Report(Report),
    /// Keeps the vault: backs it up, restores it, changes its passphrase, checks it, retires it
    #[command(
        subcommand,
        after_help = "Example:
  truceline vault backup /media/stick/velmara.backup
  truceline vault check"
    )]
    Vault(Vault),
    /// Signs, sets or shows the mandate: what the officer may agree to
    #[command(
        subcommand,
        after_help = "Example:
  truceline mandate set mandate.signed --principal FINGERPRINT
  truceline mandate show"
    )]
    Mandate(Mandate),
    /// Keeps what is to be said, exactly, for the principal to approve
    #[command(
        subcommand,
        after_help = "Example:
  truceline draft propose examples/exchange.toml --out proposal.draft
  truceline draft send 3f2a91c0 --approval proposal.approval"
    )]
    Draft(Draft),
    /// Approves a draft, in the principal's own vault
    #[command(after_help = "Shows the draft in full and asks. One changed number makes another draft.

Example:
  truceline --vault ~/principal approve proposal.draft --out proposal.approval")]
    Approve(Approve),
    /// Plays an exchange with a relay and two officers on this machine, told step by step
    #[command(after_help = "Example:
  truceline demo --keep /tmp/truceline-demo")]
    Demo(Demo),
}

/// See [`Command::Init`].
#[derive(Debug, Args)]
pub struct Init {
    /// The party's name, as the counterpart will see it
    #[arg(long)]
    pub name: String,
    /// The least cost of the passphrase (1 MiB, 1 pass): for tests and demonstrations alone
    #[arg(long, hide = true)]
    pub fast_passphrase: bool,
}

/// The relays that keep one's own queues.
#[derive(Debug, Args)]
pub struct Relays {
    /// A relay to receive at, as its operator wrote it; up to four
    #[arg(long = "relay", value_name = "ADDR#PIN", required = true)]
    pub relays: Vec<String>,
    /// The pass for that relay, in the same order
    #[arg(long = "pass", value_name = "PASS", required = true)]
    pub passes: Vec<String>,
    /// Connects through this SOCKS5 proxy
    #[arg(long, value_name = "socks5://ADDR")]
    pub via: Option<String>,
    /// What to call the channel
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
}

/// See [`Command::Invite`].
#[derive(Debug, Args)]
pub struct Invite {
    /// See [`Relays`].
    #[command(flatten)]
    pub at: Relays,
    /// Writes the line to this new file, for its owner only, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Shows the line as a QR code
    #[arg(long)]
    pub qr: bool,
    /// How long the invite is good for
    #[arg(long, value_name = "DURATION", default_value = "3 days")]
    pub expires: String,
}

/// See [`Command::Join`].
#[derive(Debug, Args)]
pub struct Join {
    /// The truceline: line, a file that holds it, or - for standard input
    #[arg(value_name = "LINE|FILE")]
    pub invite: String,
    /// See [`Relays`].
    #[command(flatten)]
    pub at: Relays,
    /// Agrees to contact the addresses that are shown
    #[arg(long)]
    pub yes: bool,
    /// Allows addresses on this machine and on private networks
    #[arg(long)]
    pub allow_private: bool,
    /// The channel that the new one takes the place of: the invite must be of the same other side
    #[arg(long, value_name = "LABEL")]
    pub renews: Option<String>,
    /// The other side has a new identity, and told you so: its fingerprint may be another
    #[arg(long, requires = "renews")]
    pub new_identity: bool,
}

/// See [`Command::Words`].
#[derive(Debug, Args)]
pub struct Words {
    /// The words the other officer read out: confirms them if they are the channel's
    #[arg(long, value_name = "TWELVE WORDS", conflicts_with = "differ")]
    pub confirm: Option<String>,
    /// The words differ: closes the channel for good
    #[arg(long)]
    pub differ: bool,
    /// Closes it without asking
    #[arg(long, requires = "differ")]
    pub yes: bool,
}

/// See [`Command::Sync`].
#[derive(Debug, Args)]
pub struct Sync {
    /// Stays connected until interrupted
    #[arg(long)]
    pub watch: bool,
    /// Connects through this SOCKS5 proxy
    #[arg(long, value_name = "socks5://ADDR")]
    pub via: Option<String>,
}

/// See [`Command::Log`].
#[derive(Debug, Args)]
pub struct Log {
    /// Only what was stored since then
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
}

/// See [`Command::Transcript`].
#[derive(Debug, Subcommand)]
pub enum Transcript {
    /// Checks every signature, commitment and place again, from the vault's bytes
    #[command(after_help = "Example:
  truceline transcript verify")]
    Verify,
    /// Writes the transcript to a file that anyone can check
    #[command(after_help = "The file holds all that was said, in the clear, readable for its owner only.

Example:
  truceline transcript export transcript.bin")]
    Export(Export),
}

/// See [`Transcript::Export`].
#[derive(Debug, Args)]
pub struct Export {
    /// The file
    pub file: PathBuf,
    /// Replaces the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// See [`Command::Verify`].
#[derive(Debug, Args)]
pub struct Verify {
    /// The exported transcript
    pub file: PathBuf,
    /// That of the channel which renewed the first one's: whether the two are one
    #[arg(value_name = "NEWER")]
    pub newer: Option<PathBuf>,
    /// Fingerprint of a party it must be between; give it twice
    #[arg(long = "party", value_name = "FINGERPRINT")]
    pub parties: Vec<String>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// See [`Command::Settings`].
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Whether the other side is told what you have read
    #[arg(long, value_name = "on|off")]
    pub read_receipts: Option<Switch>,
    /// Makes receipts without delay, which shows when you are at work
    #[arg(long)]
    pub receipts_at_once: bool,
    /// Goes back to the settings of a new vault
    #[arg(long, conflicts_with_all = ["read_receipts", "receipts_at_once"])]
    pub default: bool,
}

/// See [`Command::Demo`].
#[derive(Debug, Args)]
pub struct Demo {
    /// Leaves everything in this new folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn check(command: &clap::Command) {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example:\n  truceline "), "{}", command.get_name());
            check(command);
        }
    }

    #[test]
    fn the_grammar_holds_together_and_every_command_has_an_example() {
        let mut grammar = Cli::command();
        grammar.build();
        grammar.clone().debug_assert();
        check(&grammar);
    }

    #[test]
    fn global_flags_may_stand_on_either_side_of_the_command() {
        for line in ["truceline --json --vault v status", "truceline status --vault v --json"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(cli.json && cli.vault.is_some_and(|vault| vault.ends_with("v")), "{line}");
        }
    }
}
