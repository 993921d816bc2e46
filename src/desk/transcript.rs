//! `truceline transcript` and `truceline verify`: both chains checked again, from the bytes.

use crate::crypto::digest::{Digest, unhex};
use crate::desk::ask::Progress;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::{Desk, Place};
use crate::desk::screen::{Answer, Style, count, field, json_time_if, plain, short, time};
use crate::desk::succession;
use crate::officer::command::CommandError;
use crate::officer::compose::ComposeError;
use crate::officer::engine::Channel;
use crate::officer::view::{check_export, check_introduction};
use crate::party::role::Role;
use crate::service::verify::{Checked, Next, See, check_all};
use crate::statement::export::{self, CheckedExport, ExportError, Preamble};
use crate::statement::renewal;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

const FIELD: usize = 14;

fn does_not_hold(error: &ExportError) -> Failure {
    let (cause, help) = match error {
        ExportError::NotAnExport => (Cause::Input, "Give a file that 'truceline transcript export' wrote."),
        ExportError::Unreadable(_) => (Cause::Input, "Check the disk, and the path."),
        _ => (
            Cause::Verification,
            "Do not rely on it. Ask where the file comes from, and compare it with another copy.",
        ),
    };
    Failure::new(cause, format!("the transcript does not hold: {error}"), help)
}

/// A transcript that holds, as it is told.
pub(super) struct Told {
    channel: Digest,
    checked: Checked,
    parties: [(Role, String, Digest); 2],
}

impl Told {
    /// Checks a transcript whose statements `next` gives.
    fn check(preamble: &Preamble, next: &mut Next<'_>, see: &mut See<'_>) -> Result<Self, Failure> {
        let progress = Progress::new("Checking signatures");
        let checked = check_introduction(preamble).and_then(|()| check_all(preamble, next, see));
        drop(progress);
        let checked = checked.map_err(|error| does_not_hold(&error))?;
        let party = |role: Role| {
            let card = preamble.card(role);
            Ok::<_, Failure>((role, card.name().as_str().to_owned(), card.fingerprint()?))
        };
        let parties = [party(Role::Inviter)?, party(Role::Joiner)?];
        Ok(Self { channel: preamble.channel, checked, parties })
    }

    /// Each party's count and head, the inviter's first.
    pub(super) fn heads(&self) -> [(u64, Digest); 2] {
        self.checked.heads.map(|(number, head)| (number, head.0))
    }

    const fn words(&self, role: Role) -> bool {
        let [inviter, joiner] = self.checked.words;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for ((role, name, fingerprint), (number, head)) in self.parties.iter().zip(self.heads()) {
            let role = if *role == Role::Inviter { "inviter" } else { "joiner" };
            out.push_str(&field(role, FIELD, &fingerprint.hex()));
            out.push_str(&field("", FIELD, &format!("calls itself {}", plain(name))));
            let head = if number == 0 {
                "no statement".to_owned()
            } else {
                format!("{}, head {}", count(number, "statement", "statements"), short(&head))
            };
            out.push_str(&field("", FIELD, &head));
        }
        out.push_str(&field("channel", FIELD, &self.channel.hex()));
        let words = Role::BOTH.iter().filter(|role| self.words(**role)).count();
        let words =
            ["confirmed by neither", "confirmed by one side", "confirmed by both"].get(words).copied();
        out.push_str(&field("words", FIELD, words.unwrap_or_default()));
        if let Some((first, last)) = self.checked.span {
            let text = format!("{} to {}, by the authors' clocks", time(first), time(last));
            out.push_str(&field("said", FIELD, &text));
        }
        out
    }

    fn complete(&self) -> String {
        let heads =
            self.heads().map(|(number, head)| if number == 0 { "none".to_owned() } else { head.hex() });
        let [inviter, joiner] = heads;
        format!(
            "Complete up to heads\n  {inviter}\n  {joiner}\nWhether more was said after them, no check can tell.\n"
        )
    }

    fn json(&self) -> Value {
        let parties =
            self.parties.iter().zip(self.heads()).map(|((role, name, fingerprint), (number, head))| {
                json!({
                    "role": match role { Role::Inviter => "inviter", Role::Joiner => "joiner" },
                    "name": name,
                    "fingerprint": fingerprint.hex(),
                    "statements": number,
                    "head": (number > 0).then(|| head.hex()),
                    "words_confirmed": self.words(*role),
                })
            });
        let span = self.checked.span;
        json!({
            "channel": self.channel.hex(),
            "parties": parties.collect::<Vec<_>>(),
            "first": json_time_if(span.map(|(first, _)| first)),
            "last": json_time_if(span.map(|(_, last)| last)),
        })
    }
}

/// Checks the transcript of a channel in the vault.
///
/// # Errors
/// [`Cause::Verification`]; [`Cause::Vault`] where it cannot be read.
pub(super) fn check_own(
    desk: &Desk,
    channel: &Channel,
    see: &mut See<'_>,
) -> Result<(Preamble, Told), Failure> {
    let preamble = channel.preamble().ok_or(ComposeError::NotOpen)?;
    let mut statements = channel.braid();
    let told = Told::check(&preamble, &mut || Ok(statements.next().and_then(|shown| shown.bytes())), see);
    // A row that cannot be read is not a statement that does not hold.
    desk.place.check_reads()?;
    Ok((preamble, told?))
}

/// Checks an exported transcript.
///
/// # Errors
/// [`Cause::Input`], [`Cause::Verification`].
pub(super) fn check_file(file: &Path, see: &mut See<'_>) -> Result<(Preamble, Told), Failure> {
    let opened = File::open(file).map_err(|error| {
        let what = format!("{} cannot be read: {error}", file.display());
        Failure::new(Cause::Input, what, "Check the path.")
    })?;
    let mut reader = export::Reader::new(BufReader::new(opened));
    let (preamble, mut left) = reader.beginning().map_err(|error| does_not_hold(&error))?;
    let mut next = || match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            Ok(Some(reader.statement()?.into()))
        }
        None => reader.end().map(|()| None),
    };
    let told = Told::check(&preamble, &mut next, see)?;
    Ok((preamble, told))
}

/// Reads an exported transcript whole, and checks it.
///
/// # Errors
/// [`Cause::Input`], [`Cause::Verification`].
pub(super) fn read_and_check(file: &Path) -> Result<CheckedExport, Failure> {
    let bytes = read(file)?;
    let progress = Progress::new("Checking signatures");
    let checked = check_export(&bytes);
    drop(progress);
    checked.map_err(|error| does_not_hold(&error))
}

/// `truceline transcript verify`.
///
/// # Errors
/// [`Cause::Verification`] where anything does not hold.
pub fn verify_own(desk: &Desk) -> Result<Answer, Failure> {
    let thread = desk.one()?;
    let channel = desk.channel(thread)?;
    let mut said = Vec::new();
    let (preamble, told) = check_own(desk, channel, &mut |statement, _| {
        if renewal::matters(statement.header.kind) {
            said.push(statement.clone());
        }
    })?;
    let held = Role::BOTH.map(|role| {
        let chain = channel.transcript.chain(role);
        (chain.count(), chain.head(chain.count()).0)
    });
    if held != told.heads() {
        return Err(Failure::new(
            Cause::Verification,
            "the statements hold, but they are not all that this vault counts",
            "Do not use this vault. Restore the newest copy of it, and report this.",
        ));
    }
    let label = plain(&channel.thread.label);
    let succeeds = succession::verify_own(desk, channel, &preamble, &said)?;
    let text = format!(
        "The transcript of channel {label} holds: every signature, commitment and place.\n{}\n{}\n{}\
         Both sides hold the same if both heads agree: compare them with the counterpart.\n",
        succeeds.as_ref().map_or("", |(text, _)| text),
        told.text(),
        told.complete()
    );
    let mut json = told.json();
    if let Value::Object(fields) = &mut json {
        fields.insert("holds".to_owned(), Value::Bool(true));
        fields.insert("label".to_owned(), Value::from(channel.thread.label.clone()));
        fields.insert("renews".to_owned(), succeeds.map(|(_, json)| json).into());
    }
    Ok(Answer::new(text, json))
}

/// `truceline transcript export`.
///
/// # Errors
/// [`Failure`]; an existing file is left alone without `--force`.
pub fn export_own(desk: &Desk, asked: &grammar::Export) -> Result<Answer, Failure> {
    let channel = desk.channel(desk.one()?)?;
    let preamble = channel.preamble().ok_or(ComposeError::NotOpen)?;
    must_be_new(&asked.file, asked.force)?;
    let bytes = write(&asked.file, |out| {
        let said: u64 = Role::BOTH.into_iter().map(|role| channel.transcript.chain(role).count()).sum();
        let beginning = export::beginning(&preamble, said).map_err(CommandError::from)?;
        let mut written = beginning.len() as u64;
        let refused = |error: std::io::Error| unwritable(&asked.file, &error);
        out.write_all(&beginning).map_err(refused)?;
        for bytes in channel.braid().filter_map(|shown| shown.bytes()) {
            out.write_all(&export::length(&bytes)).and_then(|()| out.write_all(&bytes)).map_err(refused)?;
            written += 8 + bytes.len() as u64;
        }
        desk.place.check_reads()?;
        Ok(written)
    })?;
    let file = asked.file.display().to_string();
    let text = format!(
        "{} written, readable for you only. It holds all that was said, in the clear.\n",
        plain(&file)
    );
    let next = format!("Anyone can check it: truceline verify {} --party ... --party ...\n", plain(&file));
    Ok(Answer::new(text, json!({"file": file, "bytes": bytes})).aside(next))
}

/// Refuses to replace a file without `--force`.
///
/// # Errors
/// [`Cause::Input`].
pub fn must_be_new(file: &Path, force: bool) -> Result<(), Failure> {
    if file.exists() && !force {
        let what = format!("{} exists already", file.display());
        return Err(Failure::new(Cause::Input, what, "Name a new file, or replace it with --force."));
    }
    Ok(())
}

/// Writes a file whole, its owner's alone, or leaves none.
///
/// # Errors
/// [`Cause::Input`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, |out| out.write_all(bytes).map_err(|error| unwritable(path, &error)))
}

/// Writes beside, then renames: the file is whole or not there, and its owner's alone.
fn write<T>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".making");
    let making: PathBuf = path.with_file_name(name);
    if making.exists() {
        std::fs::remove_file(&making).map_err(|error| unwritable(path, &error))?;
    }
    let mut out = BufWriter::new(crate::host::folder::private_file(&making)?);
    let filled = fill(&mut out).and_then(|filled| {
        let durable = out.flush().and_then(|()| out.get_ref().sync_all());
        durable.and_then(|()| std::fs::rename(&making, path)).map_err(|error| unwritable(path, &error))?;
        crate::host::folder::sync_parent(path)?;
        Ok(filled)
    });
    if filled.is_err() {
        // What is left of it is of no use, and readable for its owner alone.
        let _ = std::fs::remove_file(&making);
    }
    filled
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("{} cannot be written: {error}", path.display());
    Failure::new(Cause::Input, what, "Check the folder and the space on its disk.")
}

/// What the command line says of the parties.
///
/// # Errors
/// [`Cause::Usage`] for what is no fingerprint.
pub fn named(parties: &[String]) -> Result<Vec<Digest>, Failure> {
    let read = |text: &String| {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
        let bytes = unhex(&digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Digest).ok_or_else(|| {
            let what = format!("'{}' is no fingerprint", plain(text));
            Failure::new(
                Cause::Usage,
                what,
                "Give all 64 hexadecimal digits, as 'truceline status' shows them.",
            )
        })
    };
    if parties.len() > 2 {
        return Err(Failure::new(Cause::Usage, "there are two parties", "Give --party once or twice."));
    }
    parties.iter().map(read).collect()
}

/// The bytes of a file.
///
/// # Errors
/// [`Cause::Input`].
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        let what = format!("{} cannot be read: {error}", file.display());
        Failure::new(Cause::Input, what, "Check the path.")
    })
}

/// `truceline verify`: no vault, no network.
///
/// # Errors
/// [`Cause::Verification`] where it does not hold, or is not between the parties named.
pub fn verify_file(place: &Place, asked: &grammar::Verify) -> Result<Answer, Failure> {
    let named = named(&asked.parties)?;
    let (_, told) = check_file(&asked.file, &mut |_, _| {})?;
    verdict(&told, &named, place.style)
}

/// Whether both parties were named. `what` is between them.
///
/// # Errors
/// [`Cause::Verification`] where one was named that is no party.
pub fn identified(what: &str, parties: [Digest; 2], named: &[Digest]) -> Result<bool, Failure> {
    if let Some(stranger) = named.iter().find(|wanted| !parties.contains(wanted)) {
        let [inviter, joiner] = parties.map(|party| party.hex());
        let what =
            format!("{} is no party of this {what}: it is between {inviter} and {joiner}", stranger.hex());
        return Err(Failure::new(Cause::Verification, what, "Do not take it for what you were told it is."));
    }
    Ok(parties.iter().all(|party| named.contains(party)))
}

/// What can be said of the parties.
#[must_use]
pub const fn consistent(identified: bool) -> &'static str {
    if identified {
        "Consistent, and between the two parties you named."
    } else {
        "Consistent, parties not identified: anyone can make up two parties. Name both\nwith --party, by fingerprints that you know from elsewhere."
    }
}

fn verdict(told: &Told, named: &[Digest], style: Style) -> Result<Answer, Failure> {
    let parties = told.parties.each_ref().map(|(_, _, fingerprint)| *fingerprint);
    let identified = identified("transcript", parties, named)?;
    let line = consistent(identified);
    let text = format!("{}\n{}\n{}", told.text(), style.bold(line), format_args!("\n{}", told.complete()));
    let mut json = told.json();
    if let Value::Object(fields) = &mut json {
        fields.insert("holds".to_owned(), Value::Bool(true));
        fields.insert("parties_identified".to_owned(), Value::Bool(identified));
    }
    Ok(Answer::new(text, json))
}
