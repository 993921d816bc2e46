//! `truceline show`: one statement in full. Showing the counterpart's to an officer is what `read` means.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::cells::has_formula;
use crate::deal::change::changes;
use crate::deal::criteria::misfits;
use crate::deal::handover::TransferNotice;
use crate::deal::judge::Ledger;
use crate::deal::law::warnings;
use crate::deal::state::CaseState;
use crate::deal::write::{proposal_to_files, proposal_to_toml};
use crate::desk::content::content_json;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::held;
use crate::desk::names::Names;
use crate::desk::open::{Desk, Found};
use crate::desk::receipts::{Answers, Receipts};
use crate::desk::record::{case_of, json_of, void};
use crate::desk::renew;
use crate::desk::screen::{Answer, Style, field, is_hostile, plain, short, time};
use crate::desk::tell::{FIELD, content_text, kind_word, line};
use crate::host::folder::write_private;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Shows a statement, and notes that it was opened.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &grammar::Show) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let Found { thread, sequence, author, .. } = found;
    if author != desk.channel(thread)?.thread.role {
        desk.service
            .command(|officer, now, rng| Ok(((), officer.open_statement(thread, sequence, now, rng))))?;
    }
    let channel = desk.channel(thread)?;
    let shown = channel.statement_at(author, sequence);
    if asked.toml {
        let content = shown.as_ref().and_then(Shown::content);
        let Some(Ok(Content::Offer(offer))) = content else {
            let what = format!("statement {} is no offer", short(&found.id.0));
            return Err(Failure::new(
                Cause::Usage,
                what,
                "Leave --toml out, or name an offer: truceline cases",
            ));
        };
        return written(&offer, channel.thread.role, asked.out.as_deref());
    }
    // A list may be long: it is told once, to the reader there is.
    Ok(shown.map_or_else(Answer::default, |shown| {
        let ledger = channel.ledger_about(&shown);
        let beside = Beside::of(channel, &ledger, &shown);
        let answers = Answers::of(channel, &ledger);
        let receipts = shown.own.then(|| Receipts::of(channel, &answers, &shown, desk.service.now()));
        if desk.place.json {
            Answer::new("", json(channel, &ledger, &shown, receipts.as_ref(), &beside))
        } else {
            let style = desk.place.style;
            let text = text(channel, &ledger, &shown, receipts.as_ref(), asked.full, style) + &beside.text();
            Answer::new(text, Value::Null)
        }
    }))
}

/// An offer as the proposal file that would make it again: printed, or in a new folder with its lists beside it.
fn written(offer: &Offer, me: Role, out: Option<&Path>) -> Result<Answer, Failure> {
    let Some(folder) = out else {
        let text = proposal_to_toml(offer, me);
        let json = json!({ "toml": text });
        return Ok(Answer::new(harmless(&text), json));
    };
    let (text, lists) = proposal_to_files(offer, me);
    let formulas = lists.iter().any(|(_, csv)| has_formula(csv));
    let refused = |error: std::io::Error| {
        let why = match error.kind() {
            ErrorKind::AlreadyExists => "a folder or file of that name exists already".to_owned(),
            ErrorKind::NotFound => "the folder that it is to be in does not exist".to_owned(),
            _ => error.to_string(),
        };
        let what = format!("{} cannot be made: {why}", folder.display());
        Failure::new(Cause::Input, what, "Name a new folder, in one that exists.")
    };
    std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(refused)?;
    let mut files = Vec::new();
    for (name, text) in std::iter::once(("proposal.toml".to_owned(), text)).chain(lists) {
        let file = folder.join(name);
        write_private(&file, text.as_bytes())?;
        files.push(file.display().to_string());
    }
    let told: String = files.iter().map(|file| format!("  {}\n", plain(file))).collect();
    let mut names = "Whoever reads them learns every name: delete them when they have served.\n".to_owned();
    if formulas {
        names.push_str(
            "A table begins a cell with =, +, - or @, which a program for tables may run: open it as text alone.\n",
        );
    }
    Ok(Answer::new(format!("Written, readable for you only:\n{told}"), json!({ "files": files }))
        .aside(names))
}

/// TOML that cannot steer a terminal: what could stands in strings alone, and is written by its number there.
fn harmless(toml: &str) -> String {
    let mut out = String::with_capacity(toml.len());
    for c in toml.chars() {
        if c != '\n' && is_hostile(c) {
            out.push_str(&format!("\\U{:08x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// What stands beside an offer, for the own side alone: what differs from the one it answers or amends, who does not
/// fit, what the law says.
#[derive(Default)]
struct Beside {
    against: Option<Digest>,
    changes: Vec<String>,
    misfits: Vec<String>,
    law: Vec<String>,
}

impl Beside {
    fn of(channel: &Channel, ledger: &Ledger, shown: &Shown<'_>) -> Self {
        let Some(Ok(Content::Offer(offer))) = shown.content() else { return Self::default() };
        let names = Names::of(channel);
        let case = case_of(ledger, shown).and_then(|id| ledger.case(&id.0));
        let amended = || {
            let base = usize::try_from(offer.body().base).ok()?.checked_sub(1)?;
            Some(case.as_ref()?.sealed().get(base)?.offer)
        };
        let before = offer.body().parent.or_else(amended);
        let before = before.and_then(|id| Some((id, held::offer(channel, &id)?)));
        let changes = before.as_ref().map_or_else(Vec::new, |(_, before)| {
            changes(before, &offer).lines(before, &offer, &|role| names.name(role).to_owned())
        });
        let misfits = offer.legs().iter().zip(1..).flat_map(|(leg, number)| {
            misfits(&offer, leg).into_iter().map(move |misfit| format!("leg {number}, {misfit}"))
        });
        let notices: Vec<TransferNotice> = case.iter().flat_map(|case| notices(channel, case)).collect();
        let law = warnings(&offer, &notices.iter().collect::<Vec<_>>());
        Self {
            against: before.map(|(id, _)| id),
            changes,
            misfits: misfits.collect(),
            law: law.iter().map(|it| it.told_to(names.me, &offer)).collect(),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut part = |head: String, lines: &[String]| {
            if !lines.is_empty() {
                out.push_str(&format!("\n{head}\n"));
                out.extend(lines.iter().map(|line| field("  -", 4, &plain(line))));
            }
        };
        if let Some(against) = &self.against {
            part(format!("Differs from offer {}:", short(against)), &self.changes);
        }
        part("Who does not fit, or may not:".to_owned(), &self.misfits);
        part("For you alone, what the law says:".to_owned(), &self.law);
        out
    }
}

/// The transfer notices of a case.
fn notices(channel: &Channel, case: &CaseState<'_>) -> Vec<TransferNotice> {
    let held = case.transfer_notices().into_iter();
    held.filter_map(|(id, _)| match held::content(channel, &id)? {
        Content::TransferNotice(notice) => Some(notice),
        _ => None,
    })
    .collect()
}

fn json(
    channel: &Channel,
    ledger: &Ledger,
    shown: &Shown<'_>,
    receipts: Option<&Receipts<'_>>,
    beside: &Beside,
) -> Value {
    let mut statement = json_of(channel, ledger, shown);
    let names = Names::of(channel);
    let content = shown.content().and_then(Result::ok);
    if let Value::Object(fields) = &mut statement {
        let header = &shown.header;
        let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        add("receipts", receipts.map_or(Value::Null, Receipts::json));
        add("acknowledges", header.peer_count.into());
        add("author_name", author_name(channel, shown).into());
        add("body", content.map_or(Value::Null, |content| content_json(&content, &names)));
        add("against", beside.against.map(|id| id.hex()).into());
        add("changes", beside.changes.clone().into());
        add("misfits", beside.misfits.clone().into());
        add("law", beside.law.clone().into());
    }
    json!({ "statement": statement })
}

fn author_name(channel: &Channel, shown: &Shown<'_>) -> Option<String> {
    Some(channel.session()?.card(shown.header.author).name().as_str().to_owned())
}

fn text(
    channel: &Channel,
    ledger: &Ledger,
    shown: &Shown<'_>,
    receipts: Option<&Receipts<'_>>,
    full: bool,
    style: Style,
) -> String {
    let names = Names::of(channel);
    let header = &shown.header;
    let kind = Kind::from_number(header.kind).map_or_else(|| kind_word(header.kind), Kind::name);
    let title =
        format!("{kind} {}, #{} of {}", short(&shown.id.0), header.sequence, names.name(header.author));
    let mut out = format!("{}\n\n", style.bold(&title));
    let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
    fact("id", &shown.id.0.hex());
    fact("channel", &plain(&channel.thread.label));
    if let Some(case) = case_of(ledger, shown) {
        fact("case", &short(&case.0));
    }
    fact("said", &format!("{} by its author's clock", time(header.clock)));
    let marks = &shown.item.marks;
    match receipts {
        Some(receipts) => receipts.facts().iter().for_each(|(name, text)| fact(name, text)),
        None => {
            fact("received", &time(marks.stored));
            fact("opened", &marks.read.map_or_else(|| "not yet".to_owned(), time));
        }
    }
    let seen = match header.peer_count.checked_sub(1) {
        Some(last) => format!("{}'s statements up to #{last}", names.name(header.author.other())),
        None => format!("nothing of {}'s yet", names.name(header.author.other())),
    };
    fact("acknowledges", &seen);
    match void(ledger, shown) {
        None => fact("verdict", "valid"),
        Some(reason) => {
            let mut lines = field("verdict", FIELD, &format!("VOID: {reason}"));
            if style.colour {
                lines = lines.replacen("VOID", &style.wrong("VOID"), 1);
            }
            out.push_str(&lines);
        }
    }
    if let Some(state) = offer_state(ledger, shown) {
        out.push_str(&field("state", FIELD, &state));
    }
    out.push_str(&renew::fork_lines(channel, Some((header.author, header.sequence)), FIELD));
    out.push('\n');
    match shown.content() {
        Some(Ok(content)) => {
            let case = case_of(ledger, shown).and_then(|id| ledger.case(&id.0));
            let agreed = held::agreed(channel, case.as_ref(), &content);
            out.push_str(&content_text(&content, &names, agreed.as_deref(), full));
        }
        Some(Err(error)) => {
            out.push_str(&format!("Its body cannot be read: {}\n", plain(&error.to_string())))
        }
        None => out.push_str(&format!("  {}\n", line(shown))),
    }
    out
}

/// What became of it, where it is an offer.
fn offer_state(ledger: &Ledger, shown: &Shown<'_>) -> Option<String> {
    let case = ledger.case(&case_of(ledger, shown)?.0)?;
    let offer = case.offers().find(|offer| offer.id == shown.id.0)?;
    let agreed = case.pending().is_some_and(|agreement| agreement.offer == offer.id);
    let state = case.offer_state(offer).to_string();
    Some(if agreed { "agreed; waits for its seal".to_owned() } else { state })
}
