//! How a command of `truceline` fails: what happened, what to do, and the code the program ends with.

use crate::codec::CodecError;
use crate::deal::body::BodyError;
use crate::deal::import::ImportError;
use crate::deal::part::PartError;
use crate::deal::verdict::VoidReason;
use crate::desk::screen::{COLUMNS, plain, wrap};
use crate::host::folder::FolderError;
use crate::host::store::StoreError;
use crate::host::vault::{BackupError, VaultError};
use crate::officer::command::CommandError;
use crate::officer::compose::ComposeError;
use crate::officer::draft::{ApprovalError, DraftError};
use crate::officer::mandate::SignedMandateError;
use crate::officer::thread::Halt;
use crate::service::officer::ServiceError;
use crate::session::invite::InviteError;
use serde_json::json;

/// Whose fault a failure is, by a name for machines and a code the program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// What should not happen.
    Internal,
    /// The command line, or a question that nobody was there to answer.
    Usage,
    /// The rules of the channel or of the negotiation.
    Refused,
    /// The vault, or the disk it is on.
    Vault,
    /// Relays and the way to them.
    Network,
    /// A file or line that was handed in.
    Input,
    /// A transcript that does not hold, or is not between the parties named.
    Verification,
    /// The safety words that were typed are not the channel's.
    WordsMismatch,
}

impl Cause {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Vault => "vault",
            Self::Network => "network",
            Self::Input => "input",
            Self::Verification => "verification",
            Self::WordsMismatch => "words-mismatch",
        }
    }

    /// The program's exit code.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Vault => 4,
            Self::Network => 5,
            Self::Input => 6,
            Self::Verification => 7,
            Self::WordsMismatch => 8,
        }
    }
}

/// A command that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault.
    pub cause: Cause,
    /// What happened.
    pub what: String,
    /// What happened one by one, where it is several things: such as each bad cell of a list.
    pub details: Vec<String>,
    /// What to do.
    pub help: String,
}

impl Failure {
    /// A failure.
    #[must_use]
    pub fn new(cause: Cause, what: impl ToString, help: impl ToString) -> Self {
        Self { cause, what: what.to_string(), details: Vec::new(), help: help.to_string() }
    }

    /// Of a message that ends with its remedy, after its last colon.
    #[must_use]
    pub fn with_remedy_inside(cause: Cause, message: &str, otherwise: &str) -> Self {
        match message.rsplit_once(": ") {
            Some((what, remedy)) => Self::new(cause, what, sentence(remedy)),
            None => Self::new(cause, message, otherwise),
        }
    }

    /// For people: what happened in one line, what to do in another; all wrapped where a terminal shows them.
    #[must_use]
    pub fn text(&self, wrapped: bool) -> String {
        let hung = |line: &str, margin: &str| {
            let columns = if wrapped { COLUMNS - 2 - margin.len() } else { usize::MAX };
            format!("{margin}{}", wrap(&plain(line), columns).join(&format!("\n  {margin}")))
        };
        let mut lines = vec![hung(&format!("error: {}", self.what), "")];
        lines.extend(self.details.iter().map(|detail| hung(detail, "  ")));
        lines.push(hung(&format!("help: {}", self.help), ""));
        lines.join("\n")
    }

    /// For machines: one object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut error = json!({
            "code": self.cause.name(),
            "exit": self.cause.exit(),
            "message": self.what,
            "help": self.help,
        });
        if let Some(fields) = error.as_object_mut().filter(|_| !self.details.is_empty()) {
            fields.insert("details".to_owned(), self.details.clone().into());
        }
        json!({ "error": error })
    }
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if clause.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// A rule's message as it is told to whom it is about: the author is the officer at this desk.
fn to_its_author(message: &str) -> String {
    if !message.contains("its author") {
        return message.to_owned();
    }
    [
        ("its author's", "your"),
        ("its author has", "you have"),
        (", which binds it", ", which binds you"),
        ("how it moves those it gives", "how you move those you give"),
        ("in this round that it is ready", "in this round that you are ready"),
    ]
    .iter()
    .fold(message.to_owned(), |message, (of, to)| message.replace(of, to))
}

/// What is left to do with a retired vault.
const RETIRED_HELP: &str = "What was said stays: truceline log, show, transcript export. To speak again, make a new \
                            vault and a new channel.";
const DEFECT: &str = "This is a defect of the program: please report it.";

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(Cause::Vault, &error, error.remedy())
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let cause = match &error {
            BackupError::Vault(_) => Cause::Vault,
            _ => Cause::Input,
        };
        Self::new(cause, &error, error.remedy())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Cause::Vault, &error, error.remedy())
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::new(Cause::Input, &error, error.remedy())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Vault(error) => error.into(),
            ServiceError::Backup(error) => error.into(),
            ServiceError::Store(error) => error.into(),
            ServiceError::Command(error) => error.into(),
            ServiceError::Restore(_) => Self::new(
                Cause::Vault,
                error,
                "Do not use this vault. Restore the newest copy of it, and report this.",
            ),
            ServiceError::Stopped => {
                Self::new(Cause::Vault, error, "Free or check the disk, then run the command again.")
            }
            ServiceError::OfferNotFetched(_) => Self::new(
                Cause::Network,
                error,
                "Check the network (or --via), then try again; if the invite was used or has ended, ask for a new one.",
            ),
            ServiceError::Runtime(_) => {
                Self::new(Cause::Internal, error, "End other programs and try again.")
            }
        }
    }
}

impl From<VoidReason> for Failure {
    fn from(reason: VoidReason) -> Self {
        let message =
            format!("not signed, for it would have no effect: {}", to_its_author(&reason.to_string()));
        Self::with_remedy_inside(Cause::Refused, &message, "See what is open: truceline cases")
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::with_remedy_inside(Cause::Input, &error.to_string(), "Correct it and try again.")
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        const CORRECT: &str = "Correct the file; nothing was sent.";
        match error.each().as_slice() {
            [one] => Self::with_remedy_inside(Cause::Input, one, CORRECT),
            several => Self {
                details: several.to_vec(),
                ..Self::new(Cause::Input, "the proposal cannot be used as it is", CORRECT)
            },
        }
    }
}

impl From<PartError> for Failure {
    fn from(error: PartError) -> Self {
        Self::with_remedy_inside(Cause::Refused, &error.to_string(), "See its groups: truceline show OFFER")
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self::new(Cause::Internal, error, DEFECT)
    }
}

impl From<InviteError> for Failure {
    fn from(error: InviteError) -> Self {
        let (cause, help) = match &error {
            InviteError::Line(_) | InviteError::Malformed(_) | InviteError::Relay(_) => {
                (Cause::Input, "Copy the whole line again, from 'truceline:' to its end.")
            }
            InviteError::VersionUnknown(_) => (Cause::Input, "Use a newer version of this program."),
            InviteError::RelayCount(_) => (Cause::Input, "Name between one and four relays."),
            InviteError::Expired => (Cause::Refused, "Ask the other side for a new invite."),
            InviteError::OfferNotOpened
            | InviteError::OfferReplaced
            | InviteError::Card(_)
            | InviteError::OfferUnsigned(_) => (
                Cause::Refused,
                "Do not join. Someone may have tampered with it: ask for a new invite over another way.",
            ),
        };
        Self::new(cause, error, help)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Invite(error) => error.into(),
            CommandError::Void(reason) => reason.into(),
            CommandError::Body(error) => error.into(),
            CommandError::Codec(error) => error.into(),
            CommandError::Mandate(_) => Self::with_remedy_inside(Cause::Refused, &error.to_string(), ""),
            CommandError::MandateRefused(error) => error.into(),
            CommandError::Draft(error) => error.into(),
            CommandError::Approval(error) => error.into(),
            CommandError::Compose(error) => error.into(),
            CommandError::ThreadUnknown => {
                Self::new(Cause::Usage, error, "See the channels: truceline status")
            }
            CommandError::LabelTaken(_) => Self::new(
                Cause::Usage,
                error,
                "Give another one with --label. Or take back an invite that was not handed over: truceline channel discard",
            ),
            CommandError::LabelInvalid => Self::new(Cause::Usage, error, "Give a shorter --label."),
            CommandError::NoRelay => Self::new(Cause::Usage, error, "Name one: --relay ADDR#PIN --pass PASS"),
            CommandError::AlreadyJoined => {
                Self::new(Cause::Refused, error, "See how far it has come: truceline status")
            }
            CommandError::Introduction(_) => Self::new(
                Cause::Refused,
                error,
                "Do not join. Ask the other side for a new invite, over another way if this happens again.",
            ),
            CommandError::WordsMismatch => Self::new(
                Cause::WordsMismatch,
                "THE WORDS DO NOT MATCH. These are not the words of this channel; nothing was confirmed",
                "Ask for the words again over a call in which you know the voice. If they still differ, someone \
                 stands between you: run 'truceline words --differ', and say nothing over this channel.",
            ),
            CommandError::WordsAlreadyConfirmed => {
                Self::new(Cause::Refused, error, "Nothing is left to do here.")
            }
            CommandError::Retired => Self::new(Cause::Refused, error, RETIRED_HELP),
            CommandError::NotRenewable => Self::new(
                Cause::Refused,
                error,
                "Begin a channel of its own: truceline invite. Or take an unfinished one back: truceline channel discard",
            ),
            CommandError::AlreadyRenewed => {
                Self::new(Cause::Refused, error, "Renew the channel that took its place: truceline status")
            }
            CommandError::OtherParty { .. } => Self::new(
                Cause::Refused,
                error,
                "Do not join. Somebody else made this invite; or the other side has a new identity, and tells you so in \
                 a call in which you know the voice: then add --new-identity.",
            ),
            CommandError::Adopt(error) => {
                Self::with_remedy_inside(Cause::Refused, &error.to_string(), "Nothing was taken in.")
            }
            CommandError::NotDiscardable => Self::new(
                Cause::Refused,
                error,
                "To close it because the words differ: truceline words --differ",
            ),
        }
    }
}

impl From<SignedMandateError> for Failure {
    fn from(error: SignedMandateError) -> Self {
        let cause = match &error {
            SignedMandateError::OtherPrincipal { .. }
            | SignedMandateError::OwnPrincipal
            | SignedMandateError::NotNewer { .. }
            | SignedMandateError::Signature(_) => Cause::Refused,
            SignedMandateError::PrincipalNotNamed { .. } => Cause::Usage,
            _ => Cause::Input,
        };
        Self::with_remedy_inside(cause, &error.to_string(), "Correct the mandate and try again.")
    }
}

impl From<DraftError> for Failure {
    fn from(error: DraftError) -> Self {
        let cause = match error {
            DraftError::Unknown => Cause::Usage,
            DraftError::Sent => Cause::Refused,
            _ => Cause::Input,
        };
        Self::with_remedy_inside(cause, &error.to_string(), "Make the draft again.")
    }
}

impl From<ApprovalError> for Failure {
    fn from(error: ApprovalError) -> Self {
        let cause = match error {
            ApprovalError::VersionUnknown(_) | ApprovalError::Malformed(_) | ApprovalError::Card(_) => {
                Cause::Input
            }
            _ => Cause::Refused,
        };
        Self::with_remedy_inside(cause, &error.to_string(), "Ask the principal again.")
    }
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::NotOpen => Self::new(
                Cause::Refused,
                error,
                "Run 'truceline sync' on both sides until the introduction is over; see 'truceline status'.",
            ),
            ComposeError::Halted(halt) => {
                let (what, help) = halt_text(halt);
                Self::new(Cause::Refused, format!("this channel sends nothing more: {what}"), help)
            }
            ComposeError::Retired => Self::new(Cause::Refused, error, RETIRED_HELP),
            ComposeError::Renewed => {
                Self::new(Cause::Refused, error, "Go on in the channel that renews it: truceline status")
            }
            ComposeError::Statement(_) => {
                Self::new(Cause::Input, error, "Make it smaller: divide its lists.")
            }
            ComposeError::Transcript(_) => Self::new(Cause::Internal, error, DEFECT),
        }
    }
}

/// Why a channel is halted, and what to do.
#[must_use]
pub fn halt_text(halt: Halt) -> (String, &'static str) {
    match halt {
        Halt::WordsDiffer => (
            "the safety words differed, so someone stands between the parties".to_owned(),
            "Make a new invite and hand it over in another way, if you can in person.",
        ),
        Halt::Forked { sequence } => (
            format!("the counterpart signed two different statements as its #{sequence}"),
            "Keep the proof (truceline evidence make --fork --out FILE), and settle it with the counterpart; to go on: \
             truceline channel renew",
        ),
        Halt::RolledBack => (
            "this vault is an older copy: statements were sent that it does not know".to_owned(),
            "Use the newest copy of the vault. If there is none: truceline channel renew",
        ),
        Halt::PeerAhead { claimed } => (
            format!("the counterpart says it holds {claimed} of our statements, more than this vault does"),
            "If this vault is an older copy, use the newest one. Otherwise sync: once every relay of theirs shows that \
             this vault made the last put, it goes on. If it does not: truceline channel renew",
        ),
        Halt::Restored => (
            "this vault was restored from a backup, and nothing shows yet that it is the newest".to_owned(),
            "Run 'truceline sync': once every relay of theirs shows that nothing was put since the backup, it goes on. \
             If a relay is gone for good: truceline channel renew",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_at_the_end_of_a_message_becomes_the_help() {
        let failure = Failure::from(VoidReason::OfferWithdrawn);
        assert_eq!(failure.cause, Cause::Refused);
        assert_eq!(failure.what, "not signed, for it would have no effect: that offer was withdrawn");
        assert_eq!(failure.help, "Ask for it to be made again.");
        assert!(failure.text(false).starts_with("error: not signed"));
    }

    #[test]
    fn a_rule_speaks_to_the_officer_who_broke_it() {
        for (reason, told) in [
            (VoidReason::AuthorGone, "you have said go in this round, which binds you"),
            (VoidReason::LapseUnacknowledged, "that your own acceptance lapsed"),
            (VoidReason::NotReady, "you have not said in this round that you are ready"),
            (VoidReason::OtherNotReady, "the other side has not said in this round that it is ready"),
        ] {
            let failure = Failure::from(reason);
            assert!(failure.what.contains(told), "{}", failure.what);
        }
    }

    #[test]
    fn each_of_several_faults_keeps_its_margin() {
        let long = "list.csv, line 2, column health: ".to_owned() + &"word ".repeat(20);
        let failure = Failure {
            details: vec![long, "short".to_owned()],
            ..Failure::new(Cause::Input, "bad", "mend it")
        };
        let text = failure.text(true);
        let margins: Vec<usize> = text.lines().map(|line| line.len() - line.trim_start().len()).collect();
        assert_eq!(margins, [0, 2, 4, 2, 0], "{text}");
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
    }

    #[test]
    fn a_mismatch_of_words_has_a_code_of_its_own() {
        let failure = Failure::from(CommandError::WordsMismatch);
        assert_eq!(failure.cause.exit(), 8);
        assert_eq!(failure.json()["error"]["code"], "words-mismatch");
    }

    #[test]
    fn foreign_text_in_a_failure_cannot_steer_the_terminal() {
        let failure = Failure::new(Cause::Input, "cell \u{1b}[2J", "see \u{202e}");
        assert_eq!(failure.text(false), "error: cell \\u{1b}[2J\nhelp: see \\u{202e}");
    }
}
