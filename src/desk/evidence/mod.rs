//! `truceline evidence`: a part of a transcript is written to a file, and checked from it.

mod page;
mod told;

use crate::crypto::digest::Digest;
use crate::desk::ask::Progress;
use crate::desk::converse;
use crate::desk::evidence::told::Told;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar::{EvidenceAbout, EvidenceCheck, EvidenceMake};
use crate::desk::open::{Desk, Place};
use crate::desk::own;
use crate::desk::screen::{Answer, count, plain};
use crate::desk::transcript::{consistent, identified, must_be_new, named, read, write_whole};
use crate::host::clock::now;
use crate::officer::compose::ComposeError;
use crate::officer::evidence::{Asked, CheckedEvidence, EvidenceError, MakeError, check};
use crate::statement::evidence::checked::BundleError;
use crate::statement::header::StatementId;
use serde_json::{Value, json};
use std::path::Path;

impl From<MakeError> for Failure {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::NotOpen => ComposeError::NotOpen.into(),
            MakeError::Unknown(_) | MakeError::NoCase(_) => {
                Self::new(Cause::Usage, error, "See the ids: truceline log, truceline cases")
            }
            MakeError::NoLine(_) => {
                Self::new(Cause::Usage, error, "See the lists: truceline show ID; write ID#LEG.LINE")
            }
            MakeError::NotSealed(_) => Self::new(
                Cause::Refused,
                error,
                "See how far the case has come: truceline case show ID. What was said of it can be shown with --case.",
            ),
            MakeError::NoFork => {
                Self::new(Cause::Refused, error, "See what is known of it: truceline status")
            }
            MakeError::TooLarge(_) => Self::new(Cause::Refused, error, "Ask for less."),
            MakeError::Unreadable(_) => {
                Self::new(Cause::Internal, error, "Check the vault: truceline transcript verify")
            }
        }
    }
}

fn holds(bytes: &[u8]) -> Result<CheckedEvidence, Failure> {
    let progress = Progress::new("Checking signatures");
    let checked = check(bytes);
    drop(progress);
    checked.map_err(|error| {
        let (cause, help) = if error == EvidenceError::Bundle(BundleError::NotEvidence) {
            (Cause::Input, "Give a file that 'truceline evidence make' wrote.")
        } else {
            let help = "Do not rely on it. Ask where the file comes from, and compare it with another copy.";
            (Cause::Verification, help)
        };
        Failure::new(cause, format!("the evidence does not hold: {error}"), help)
    })
}

/// What is asked for, and in which channel.
fn asked(desk: &Desk, about: &EvidenceAbout) -> Result<(u32, Asked), Failure> {
    if let Some(id) = &about.case {
        let (thread, case) = converse::named(desk, id)?;
        return Ok((thread, Asked::Case(case)));
    }
    if let Some(id) = &about.agreement {
        let found = desk.find(id)?;
        return Ok((found.thread, Asked::Agreement(found.id)));
    }
    if let Some(place) = &about.person {
        let named = own::named(desk, place)?;
        let (leg, line) = named.place.line.ok_or_else(|| {
            let what = format!("'{}' names a statement, and no line of a list", plain(place));
            Failure::new(Cause::Usage, what, "Write ID#LEG.LINE; see the lists: truceline show ID")
        })?;
        let offer = StatementId(named.place.statement);
        return Ok((named.thread, Asked::Person { offer, leg, line }));
    }
    if about.fork {
        return Ok((desk.one()?, Asked::Fork));
    }
    let found = about.statements.iter().map(|id| desk.find(id)).collect::<Result<Vec<_>, _>>()?;
    let thread = found.first().map_or_else(|| desk.one(), |first| Ok(first.thread))?;
    if found.iter().any(|it| it.thread != thread) {
        let what = "these statements are of several channels";
        return Err(Failure::new(Cause::Usage, what, "Make evidence for each channel."));
    }
    Ok((thread, Asked::Statements(found.into_iter().map(|it| it.id).collect())))
}

/// Writes the page where one is asked for; and says so.
fn as_page(
    evidence: &CheckedEvidence,
    told: &Told<'_>,
    identified: bool,
    file: Option<&Path>,
    force: bool,
) -> Result<String, Failure> {
    let Some(file) = file else { return Ok(String::new()) };
    crate::desk::page::write(file, force, &page::page(evidence, told, identified, now()))?;
    Ok(format!("\nAs a page: {}, readable for you only.\n", plain(&file.display().to_string())))
}

/// `truceline evidence make`.
///
/// # Errors
/// [`Failure`]; an existing file is left alone without `--force`.
pub fn make(desk: &Desk, wanted: &EvidenceMake) -> Result<Answer, Failure> {
    let (thread, asked) = asked(desk, &wanted.about)?;
    must_be_new(&wanted.out, wanted.force)?;
    let bytes = desk.channel(thread)?.evidence(&asked)?;
    // What is handed on is what would be checked.
    let evidence = holds(&bytes)?;
    write_whole(&wanted.out, wanted.force, &bytes)?;
    let told = Told::new(&evidence, false)?;
    let html = as_page(&evidence, &told, false, wanted.html.as_deref(), wanted.force)?;
    let file = wanted.out.display().to_string();
    let text = format!(
        "{} written, {}, readable for you only. It holds, in the clear:\n\n{}{html}",
        plain(&file),
        count(bytes.len() as u64, "byte", "bytes"),
        told.contents()
    );
    let next =
        format!("Anyone can check it: truceline evidence check {} --party ... --party ...\n", plain(&file));
    let json = json!({"file": file, "bytes": bytes.len(), "digest": evidence.bundle.digest.hex()});
    Ok(Answer::new(text, json).aside(next))
}

/// `truceline evidence check`: no vault, no network.
///
/// # Errors
/// [`Cause::Verification`] where it does not hold, or is not between the parties named; [`Cause::Input`] where it is no
/// evidence.
pub fn check_file(place: &Place, asked: &EvidenceCheck) -> Result<Answer, Failure> {
    let named: Vec<Digest> = named(&asked.parties)?;
    let evidence = holds(&read(&asked.file)?)?;
    let parties = Told::new(&evidence, false)?.fingerprints();
    let identified = identified("evidence", parties, &named)?;
    let told = Told::new(&evidence, identified)?;
    let html = as_page(&evidence, &told, identified, asked.html.as_deref(), asked.force)?;
    let text = format!(
        "{}\n{}{}\n{}\n{html}",
        told.parties(),
        told.statements(),
        told.verdicts(),
        place.style.bold(consistent(identified))
    );
    let mut json = told.json();
    if let Value::Object(fields) = &mut json {
        fields.insert("holds".to_owned(), Value::Bool(true));
        fields.insert("parties_identified".to_owned(), Value::Bool(identified));
    }
    Ok(Answer::new(text, json))
}
