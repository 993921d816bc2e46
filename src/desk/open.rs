//! An open vault at the desk: where it is, which channel is meant, and which statement an id names.

use crate::desk::ask::{self, Passphrase, Progress};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar::Cli;
use crate::desk::screen::{Style, plain};
use crate::officer::command::CommandError;
use crate::officer::engine::Channel;
use crate::officer::held::PlaceRow;
use crate::party::role::Role;
use crate::service::disk as reads;
use crate::service::officer::{OfficerService, ServiceError};
use crate::statement::header::StatementId;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Hexadecimal digits that name a statement, at least.
const PREFIX_DIGITS_MIN: usize = 4;

/// What stands beside the command.
#[derive(Debug, Clone)]
pub struct Place {
    /// The vault's folder.
    pub vault: PathBuf,
    /// Where the passphrase is, if not in the officer's head.
    pub passphrase_file: Option<PathBuf>,
    /// The channel that is meant.
    pub channel: Option<String>,
    /// Whether answers are for machines.
    pub json: bool,
    /// How text on standard output is coloured.
    pub style: Style,
    /// Where the vault that was opened tells of a read that failed.
    pub opened: Arc<OnceLock<reads::Failure>>,
}

impl Place {
    /// What the command line and the environment say.
    ///
    /// # Errors
    /// [`Cause::Usage`] where neither names a vault and there is no home.
    pub fn of(cli: &Cli) -> Result<Self, Failure> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || variable("HOME").map(|home| home.join(".truceline"));
        let vault = cli.vault.clone().or_else(|| variable("TRUCELINE_VAULT")).or_else(home);
        let vault = vault.ok_or_else(|| {
            Failure::new(Cause::Usage, "no vault is named, and HOME is not set", "Give --vault DIR.")
        })?;
        let passphrase_file = cli.passphrase_file.clone().or_else(|| variable("TRUCELINE_PASSPHRASE_FILE"));
        let colour = !cli.json && variable("NO_COLOR").is_none() && std::io::stdout().is_terminal();
        Ok(Self {
            vault,
            passphrase_file,
            channel: cli.channel.clone(),
            json: cli.json,
            style: Style { colour },
            opened: Arc::default(),
        })
    }

    /// The vault's passphrase.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn passphrase(&self) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(file) => ask::passphrase_from(file),
            None => ask::passphrase(&format!("Passphrase for {}", self.vault.display())),
        }
    }

    /// A passphrase for a new vault.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(file) => ask::passphrase_from(file),
            None => ask::new_passphrase("A passphrase for the new vault"),
        }
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(&self) -> Result<Desk, Failure> {
        self.check_exists()?;
        let passphrase = self.passphrase()?;
        let progress = Progress::new("Opening the vault");
        let service = OfficerService::open(&self.vault, &passphrase)?;
        drop(progress);
        let _ = self.opened.set(service.failure());
        Ok(Desk { service, place: self.clone() })
    }

    /// Opens the vault for what takes its keys: signing, sending, fetching.
    ///
    /// # Errors
    /// [`Failure`]; [`Cause::Refused`] where the vault is retired.
    pub fn open_to_act(&self) -> Result<Desk, Failure> {
        let desk = self.open()?;
        match desk.service.officer().retired() {
            Some(_) => Err(CommandError::Retired.into()),
            None => Ok(desk),
        }
    }

    /// [`Place::open_to_act`] where it `acts`, else [`Place::open`].
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open_for(&self, acts: bool) -> Result<Desk, Failure> {
        if acts { self.open_to_act() } else { self.open() }
    }

    /// Refuses a vault that is not there.
    ///
    /// # Errors
    /// [`Cause::Vault`].
    pub fn check_exists(&self) -> Result<(), Failure> {
        if !self.vault.exists() {
            let what = format!("there is no vault at {}", self.vault.display());
            return Err(Failure::new(
                Cause::Vault,
                what,
                "Check --vault, or make one: truceline init --name NAME",
            ));
        }
        Ok(())
    }

    /// Holds that all that was read of the vault could be read: else nothing that was found is told.
    ///
    /// # Errors
    /// [`Cause::Vault`].
    pub fn check_reads(&self) -> Result<(), Failure> {
        let failed = self.opened.get().and_then(reads::Failure::take);
        failed.map_or(Ok(()), |error| Err(ServiceError::from(error).into()))
    }
}

/// An open vault, and what stands beside the command.
pub struct Desk {
    /// The vault and its engine.
    pub service: OfficerService,
    /// What stands beside the command.
    pub place: Place,
}

/// A statement that an id named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its thread.
    pub thread: u32,
    /// Its id.
    pub id: StatementId,
    /// Who said it.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
}

impl Desk {
    /// The channels that are meant: the one named, else all.
    ///
    /// # Errors
    /// [`Cause::Usage`] where the name names none.
    pub fn chosen(&self) -> Result<Vec<u32>, Failure> {
        let channels = self.service.officer().channels();
        let Some(label) = &self.place.channel else {
            return Ok(channels.map(|channel| channel.number).collect());
        };
        let found = channels.filter(|channel| channel.thread.label == *label).map(|channel| channel.number);
        let found: Vec<u32> = found.collect();
        if found.is_empty() {
            let what = format!("no channel is called '{}'", plain(label));
            return Err(Failure::new(Cause::Usage, what, self.labels()));
        }
        Ok(found)
    }

    fn labels(&self) -> String {
        let labels: Vec<_> =
            self.service.officer().channels().map(|channel| plain(&channel.thread.label)).collect();
        if labels.is_empty() {
            "Begin one with 'truceline invite' or 'truceline join'.".to_owned()
        } else {
            format!("This vault has: {}. Name one with --channel LABEL.", labels.join(", "))
        }
    }

    /// The one channel that is meant.
    ///
    /// # Errors
    /// [`Cause::Usage`] where there is none, or several and none was named.
    pub fn one(&self) -> Result<u32, Failure> {
        let mut chosen = self.chosen()?;
        if self.place.channel.is_none() && chosen.len() > 1 {
            // Where nothing more can be said is not meant, unless it is named.
            let renewed = |number: &u32| {
                self.service.officer().channel(*number).is_some_and(|it| it.thread.renewed_as.is_some())
            };
            chosen.retain(|number| !renewed(number));
        }
        match chosen.as_slice() {
            [one] => Ok(*one),
            [] => Err(Failure::new(Cause::Usage, "this vault has no channel yet", self.labels())),
            _ => Err(Failure::new(Cause::Usage, "this vault has several channels", self.labels())),
        }
    }

    /// A channel by its number.
    ///
    /// # Errors
    /// Never for a number that [`Desk::chosen`] gave.
    pub fn channel(&self, number: u32) -> Result<&Channel, Failure> {
        let gone = || Failure::new(Cause::Internal, "the channel is gone", "Run the command again.");
        self.service.officer().channel(number).ok_or_else(gone)
    }

    /// The statement whose id begins with `prefix`, in the channels that are meant.
    ///
    /// # Errors
    /// [`Cause::Usage`] where it is no id, or names none or several.
    pub fn find(&self, prefix: &str) -> Result<Found, Failure> {
        let chosen = self.chosen()?;
        let digits = prefix.trim().to_ascii_lowercase();
        // Fewer digits would name thousands, and are refused below.
        let enough = digits.len() >= PREFIX_DIGITS_MIN;
        let all = if enough { self.service.officer().ids_from(&digits) } else { Vec::new() };
        let named = all.into_iter().filter(|(_, place)| chosen.contains(&place.thread));
        let found = named.map(|(id, PlaceRow { thread, author, sequence })| {
            (id.hex(), Found { thread, id: StatementId(id), author, sequence })
        });
        resolve(prefix, found)
    }
}

/// The one of `all` whose id in hexadecimal digits begins with `prefix`.
///
/// # Errors
/// [`Cause::Usage`].
pub fn resolve<T>(prefix: &str, all: impl Iterator<Item = (String, T)>) -> Result<T, Failure> {
    let wanted = prefix.trim().to_ascii_lowercase();
    let digits = wanted.chars().all(|c| c.is_ascii_hexdigit());
    if !digits || !(PREFIX_DIGITS_MIN..=64).contains(&wanted.len()) {
        let what = format!("'{}' is no id", plain(prefix));
        let help =
            format!("Give {PREFIX_DIGITS_MIN} to 64 hexadecimal digits, as 'truceline log' shows them.");
        return Err(Failure::new(Cause::Usage, what, help));
    }
    let mut found: Vec<(String, T)> = all.filter(|(id, _)| id.starts_with(&wanted)).collect();
    match (found.pop(), found.len()) {
        (Some((_, one)), 0) => Ok(one),
        (None, _) => {
            let what = format!("no statement's id begins with {wanted}");
            Err(Failure::new(
                Cause::Usage,
                what,
                "See the ids: truceline log. What has not come yet: truceline sync",
            ))
        }
        (Some((last, _)), others) => {
            let mut ids: Vec<String> = found.into_iter().map(|(id, _)| id).chain([last]).collect();
            ids.sort_unstable();
            let shown: Vec<String> =
                ids.iter().take(4).map(|id| id.chars().take(wanted.len() + 8).collect()).collect();
            let what = format!("{} ids begin with {wanted}: {}", others + 1, shown.join(", "));
            Err(Failure::new(Cause::Usage, what, "Give more digits."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(prefix: &str) -> Result<u8, Failure> {
        let ids = ["abcd1111", "abcd2222", "ffff0000"].map(|id| id.repeat(8));
        resolve(prefix, ids.into_iter().zip(0u8..))
    }

    #[test]
    fn an_id_is_named_by_any_beginning_that_is_unique() {
        assert_eq!(resolved("abcd1"), Ok(0));
        assert_eq!(resolved("ABCD2"), Ok(1));
        assert_eq!(resolved(&"ffff0000".repeat(8)), Ok(2));
    }

    #[test]
    fn what_is_too_short_unknown_ambiguous_or_no_id_is_said_so() {
        for wrong in ["abc", "", "zzzz", "abcd-1", &"a".repeat(65)] {
            assert!(resolved(wrong).unwrap_err().what.ends_with("is no id"), "{wrong}");
        }
        assert_eq!(resolved("1234").unwrap_err().what, "no statement's id begins with 1234");
        let ambiguous = resolved("abcd").unwrap_err();
        assert_eq!(ambiguous.what, "2 ids begin with abcd: abcd1111abcd, abcd2222abcd");
        assert_eq!(ambiguous.cause, Cause::Usage);
    }
}
