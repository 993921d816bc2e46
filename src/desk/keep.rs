//! `truceline vault`: back up, restore, change the passphrase, check, retire.

use crate::deal::state::CaseState;
use crate::desk::ask::{self, Progress};
use crate::desk::cases::state;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar::{Vault as Asked, VaultBackup, VaultPassphrase, VaultRestore, VaultRetire};
use crate::desk::names::Names;
use crate::desk::open::{Desk, Place};
use crate::desk::screen::{Answer, count, field, json_time_if, list_of, paragraphs, plain, time};
use crate::host::entropy::OsEntropy;
use crate::host::vault::{self, Backup, BackupFile, PassphraseCost, Vault};
use crate::officer::check::place as row_place;
use crate::officer::table;
use crate::service::keep::{VaultCheck, check_vault, restore};
use crate::step::Table;
use serde_json::{Map, Value, json};
use std::path::Path;

const FIELD: usize = 13;
/// Damage told one by one, at most.
const DETAILS_MAX: usize = 100;

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`].
pub fn run(place: &Place, asked: &Asked) -> Result<Answer, Failure> {
    match asked {
        Asked::Backup(asked) => back_up(place, asked),
        Asked::Restore(asked) => restored(place, asked),
        Asked::Passphrase(asked) => passphrase(place, asked),
        Asked::Check => check(place),
        Asked::Retire(asked) => retire(&mut place.open_to_act()?, asked),
    }
}

fn back_up(place: &Place, asked: &VaultBackup) -> Result<Answer, Failure> {
    place.check_exists()?;
    let file = std::path::absolute(&asked.file).map_err(|error| {
        let what = format!("{} cannot be written: {error}", asked.file.display());
        Failure::new(Cause::Input, what, "Check the path.")
    })?;
    let made = match asked_of_another(place, &file)? {
        Some(made) => made,
        None => {
            let passphrase = place.passphrase()?;
            let progress = Progress::new("Backing the vault up");
            let mut vault = Vault::open(&place.vault, &passphrase, table::MUTABLE, Box::new(OsEntropy))?;
            let made = vault.back_up(&file)?;
            drop(progress);
            made
        }
    };
    let Backup { bytes, step } = made;
    let shown = plain(&file.display().to_string());
    let text = format!("{shown} written: {bytes} bytes, the whole vault, sealed.\n");
    let aside = paragraphs(
        "It opens with the passphrase the vault has now, also after you set another. What is said from now on is not \
         in it: make the next one soon, and destroy this one then.",
        0,
    );
    let json = json!({"file": file.display().to_string(), "bytes": bytes, "step": step});
    Ok(Answer::new(text, json).aside(aside))
}

/// The backup, where another process uses the vault and made it; none where nobody uses it.
fn asked_of_another(place: &Place, file: &Path) -> Result<Option<Backup>, Failure> {
    if !vault::is_in_use(&place.vault)? {
        return Ok(None);
    }
    let progress = Progress::new("Waiting for the process that uses the vault");
    let answer = vault::ask_for_backup(&place.vault, file, &mut OsEntropy)?;
    drop(progress);
    match answer {
        vault::Asked::Made(backup) => Ok(Some(backup)),
        vault::Asked::Free => Ok(None),
        vault::Asked::Failed { what, help } => Err(Failure::new(Cause::Input, what, help)),
        vault::Asked::Unheard => Err(Failure::new(
            Cause::Vault,
            "another process uses this vault, and did not answer within a minute",
            "Wait until it ends, or end it. Only 'truceline sync' makes a backup while it runs.",
        )),
    }
}

fn restored(place: &Place, asked: &VaultRestore) -> Result<Answer, Failure> {
    let file = BackupFile::open(&asked.file)?;
    if place.vault.exists() {
        let what = format!("{} exists already", place.vault.display());
        return Err(Failure::new(Cause::Vault, what, "Name a folder that is not there with --vault DIR."));
    }
    let passphrase = match &place.passphrase_file {
        Some(file) => ask::passphrase_from(file)?,
        None => ask::passphrase(&format!("Passphrase of {}", plain(&asked.file.display().to_string())))?,
    };
    let progress = Progress::new("Restoring the vault");
    let step = restore(file, &place.vault, &passphrase)?;
    drop(progress);
    let progress = Progress::new("Checking the vault");
    let check = check_vault(&place.vault, &passphrase)?;
    drop(progress);
    let told = told(&place.vault, &check)?;
    let dir = plain(&place.vault.display().to_string());
    let text = format!("Vault restored in {dir}.\n{}", told.text);
    let next = if check.checked.retired.is_some() {
        "The vault is retired: what was said is readable, and nothing is sent.".to_owned()
    } else {
        "Until every relay has shown that nothing was said since the backup was made, this vault sends nothing. Next: \
         truceline sync. It goes on by itself, or tells that this is an older copy; then 'truceline channel renew' \
         leads on. Never use the old vault again beside this one."
            .to_owned()
    };
    let json = json!({"vault": place.vault.display().to_string(), "step": step, "check": told.json});
    Ok(Answer::new(text, json).aside(paragraphs(&next, 0)))
}

fn passphrase(place: &Place, asked: &VaultPassphrase) -> Result<Answer, Failure> {
    place.check_exists()?;
    let old = place.passphrase()?;
    let progress = Progress::new("Opening the vault");
    let mut vault = Vault::open(&place.vault, &old, table::MUTABLE, Box::new(OsEntropy))?;
    drop(progress);
    let new = match &asked.new_passphrase_file {
        Some(file) => ask::passphrase_from(file)?,
        None => ask::new_passphrase("The new passphrase")?,
    };
    let cost = if asked.fast_passphrase { PassphraseCost::LEAST } else { PassphraseCost::default() };
    let progress = Progress::new("Sealing the vault's key");
    vault.change_passphrase(&new, cost)?;
    drop(progress);
    let aside = paragraphs(
        "Copies and backups made before still open with the old one, and hold the same keys: destroy them, and make a \
         new backup.",
        0,
    );
    let json = json!({"vault": place.vault.display().to_string(), "changed": true});
    Ok(Answer::new("The vault opens with the new passphrase alone.\n", json).aside(aside))
}

fn check(place: &Place) -> Result<Answer, Failure> {
    place.check_exists()?;
    let passphrase = place.passphrase()?;
    let progress = Progress::new("Checking the vault");
    let check = check_vault(&place.vault, &passphrase)?;
    drop(progress);
    told(&place.vault, &check)
}

/// What a table is called.
const fn table_name(table: Table) -> &'static str {
    match table {
        table::IDENTITY => "identity",
        table::SETTINGS => "settings",
        table::THREAD => "thread",
        table::STATEMENT => "statement",
        table::MARK => "mark",
        table::CELL => "cell",
        table::PLACES => "places",
        table::DEPOSIT => "deposit",
        table::FRAGMENT => "fragment",
        table::OPENED => "opened",
        table::FORK => "fork",
        table::MANDATE => "mandate",
        table::DRAFT => "draft",
        table::OWN => "own",
        table::PLACE => "place",
        table::CASE => "case",
        table::UNREAD => "unread",
        table::CHAIN => "chain",
        table::RETIRED => "retired",
        Table(255) => "root",
        _ => "unknown",
    }
}

fn damage_text(table: Option<Table>, key: Option<&Vec<u8>>, what: &str) -> String {
    let what = plain(what);
    match (table, key) {
        (None, _) => format!("file: {what}"),
        (Some(table), None) => format!("table {} ({}): {what}", table.0, table_name(table)),
        (Some(table), Some(key)) => {
            let (name, row) = (table_name(table), row_place(table, key));
            format!("table {} ({name}), {row}: {what}", table.0)
        }
    }
}

/// What was checked; or all that is damaged.
fn told(dir: &Path, check: &VaultCheck) -> Result<Answer, Failure> {
    if !check.is_sound() {
        return Err(damaged(check));
    }
    let checked = &check.checked;
    let rows: u64 = checked.rows.values().sum();
    let of = |table: Table| checked.rows.get(&table.0).copied().unwrap_or_default();
    let mut text = format!("Vault {}: all is as it was written.\n", plain(&dir.display().to_string()));
    let mut tell = |name: &str, what: String| text.push_str(&field(name, FIELD, &what));
    tell("file", "SQLite finds nothing wrong".to_owned());
    tell("rows", format!("{rows}: each seal opens, and every table agrees with the root"));
    tell("channels", format!("{}: introduction, and both chains with their trees", checked.channels));
    let statements = of(table::STATEMENT);
    tell("statements", format!("{statements}: place, commitment, signature and marks"));
    let kept = [
        count(of(table::CELL), "cell that waits", "cells that wait"),
        count(of(table::MANDATE), "mandate", "mandates"),
        count(of(table::DRAFT), "row of drafts", "rows of drafts"),
        count(of(table::OWN), "own record", "own records"),
    ];
    tell("kept beside", list_of(&kept));
    tell("signatures", format!("{} verified", checked.signatures));
    if let Some(at) = checked.retired {
        tell("retired", format!("{}: it holds no key", time(at)));
    }
    let rows =
        checked.rows.iter().map(|(table, rows)| (table_name(Table(*table)).to_owned(), Value::from(*rows)));
    let json = json!({
        "sound": true,
        "step": check.step,
        "rows": rows.collect::<Map<String, Value>>(),
        "channels": checked.channels,
        "signatures": checked.signatures,
        "retired": json_time_if(checked.retired),
    });
    Ok(Answer::new(text, json))
}

fn damaged(check: &VaultCheck) -> Failure {
    let damage = check.damage.iter().map(|it| damage_text(it.table, it.key.as_ref(), &it.what));
    let findings = &check.checked.findings;
    let findings = findings.iter().map(|it| damage_text(Some(it.table), it.key.as_ref(), &it.what));
    let mut details: Vec<String> = damage.chain(findings).collect();
    let all = details.len();
    if all > DETAILS_MAX {
        details.truncate(DETAILS_MAX);
        details.push(format!("and {} more", all - DETAILS_MAX));
    }
    let things = count(all as u64, "thing is", "things are");
    Failure {
        details,
        ..Failure::new(
            Cause::Vault,
            format!("the vault is damaged: {things} not as written"),
            "Do not use it. Keep a copy of its folder, restore the newest backup into another one (truceline --vault NEW \
             vault restore FILE), and find out who or what changed the file.",
        )
    }
}

fn retire(desk: &mut Desk, asked: &VaultRetire) -> Result<Answer, Failure> {
    let name = desk.service.officer().identity().card().name().as_str().to_owned();
    let (unfinished, unfinished_json) = unfinished(desk);
    if !asked.yes && !consents(&name, &unfinished)? {
        return Err(Failure::new(Cause::Refused, "the vault was not retired", "Nothing was changed."));
    }
    desk.service.retire()?;
    let mut text = format!("The vault of {} is retired: it holds no key any more.\n", plain(&name));
    if asked.yes && !unfinished.is_empty() {
        text.push_str(&paragraphs(&format!("Left behind: {}.", list_of(&unfinished)), 0));
    }
    let aside = paragraphs(
        "What was said stays: truceline log, show, transcript verify, transcript export. Backups and copies made before \
         still hold the keys: destroy them. What a drive keeps of overwritten blocks is beyond this program.",
        0,
    );
    let retired = json_time_if(desk.service.officer().retired());
    Ok(Answer::new(text, json!({"party": name, "retired": retired, "unfinished": unfinished_json}))
        .aside(aside))
}

/// What retiring would leave behind for good: in words, and by channel.
fn unfinished(desk: &Desk) -> (Vec<String>, Value) {
    let (mut told, mut json) = (Vec::new(), Vec::new());
    for channel in desk.service.officer().channels() {
        let label = channel.thread.label.clone();
        let shown = plain(&label);
        if channel.session().is_none() {
            told.push(format!("channel {shown}: its introduction is not over"));
            json.push(json!({"channel": label, "introducing": true, "unsent": 0, "undelivered": 0, "open_cases": 0}));
            continue;
        }
        let own = channel.statements_of(channel.thread.role);
        let own: Vec<_> = own.filter(|it| !crate::desk::record::is_receipt(it)).collect();
        let marks = || own.iter().map(|it| it.item.marks).filter(|marks| marks.delivered.is_none());
        let unsent = marks().filter(|marks| marks.deposited.is_none()).count() as u64;
        let undelivered = (marks().count() as u64).saturating_sub(unsent);
        let ledger = channel.ledger();
        let names = Names::of(channel);
        let is_open = |case: &CaseState<'_>| match state(channel, case, &names).0 {
            "idle" => false,
            "sealed" => case.handover().is_some_and(|it| !it.is_closed() && !it.is_cancelled()),
            _ => true,
        };
        let open = ledger.cases().filter(is_open).count() as u64;
        let mut note = |number: u64, one: &str, many: &str, what: &str| {
            if number > 0 {
                told.push(format!("channel {shown}: {} {what}", count(number, one, many)));
            }
        };
        note(unsent, "statement", "statements", "never sent");
        note(undelivered, "statement", "statements", "sent, with no receipt");
        note(open, "case", "cases", "still open");
        json.push(json!({
            "channel": label, "introducing": false, "unsent": unsent, "undelivered": undelivered, "open_cases": open,
        }));
    }
    (told, Value::Array(json))
}

/// Tells what it means, and has the party's name typed.
fn consents(name: &str, unfinished: &[String]) -> Result<bool, Failure> {
    if !ask::can_ask() {
        let what = "this needs an answer, and there is no terminal to ask on: retire this vault for good?";
        return Err(Failure::new(Cause::Usage, what, "Answer beforehand with --yes."));
    }
    let mut text = paragraphs(
        "This erases every key of this vault. Nothing can be signed, sent or fetched with it any more, what is under \
         way never arrives, and nobody can undo it. What was said stays readable and provable. Make a backup first \
         if you are not sure: truceline vault backup FILE",
        0,
    );
    for left in unfinished {
        text.push_str(&paragraphs(&format!("! {left}"), 2));
    }
    let typed = ask::line(&format!("{text}To retire it, type the name of its party ({}): ", plain(name)));
    Ok(typed == name)
}
