//! `truceline sync`: what came, what went, and what each relay had to say for itself.

use crate::desk::ask::Progress;
use crate::desk::failure::{Cause, Failure, halt_text};
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::record::json_of;
use crate::desk::screen::{Answer, COLUMNS, count, cut, json_line, list_of, plain, short};
use crate::desk::tell::{kind_word, line};
use crate::host::socks::Socks;
use crate::officer::engine::{Notice, Officer};
use crate::officer::link::{LinkKey, Purpose, Trouble};
use crate::party::relay::RelayPlace;
use crate::service::sync::{SyncOptions, SyncReport};
use crate::statement::header::StatementId;
use crate::wire::reply::Bound;
use serde_json::{Value, json};
use std::io::Write;

/// A proxy as it was written.
///
/// # Errors
/// [`Cause::Usage`].
pub fn proxy(via: Option<&str>) -> Result<Option<Socks>, Failure> {
    let read = |text: &str| {
        Socks::parse(text)
            .map_err(|error| Failure::new(Cause::Usage, error, "For Tor: --via socks5://127.0.0.1:9050"))
    };
    via.map(read).transpose()
}

/// The machine that runs what waits.
///
/// # Errors
/// [`Cause::Internal`].
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::new(
            Cause::Internal,
            format!("the program could not start its work: {error}"),
            "End other programs and try again.",
        )
    })
}

/// Why a link does not do its work: what happened, and what to do.
#[must_use]
pub fn trouble_text(trouble: &Trouble) -> (String, &'static str) {
    match trouble {
        Trouble::Unreachable(why) if why.contains("pin") => (
            plain(why),
            "Another machine answers in the relay's place. Ask its operator for the pin, over a way you trust.",
        ),
        Trouble::Unreachable(why) => (plain(why), "Check the network, or use --via; then sync again."),
        Trouble::Refused => (
            "it does not know this queue, or not this key".to_owned(),
            "The relay may have been replaced, or the queue closed. Ask its operator.",
        ),
        Trouble::PassRefused => (
            "it does not take the pass: unknown, spent or expired".to_owned(),
            "Ask its operator for a new pass.",
        ),
        Trouble::Full(Bound::Queue) => (
            "the queue is full: the counterpart has not fetched for long".to_owned(),
            "Nothing is lost: what waits is sent once the counterpart has fetched.",
        ),
        Trouble::Full(Bound::Disk) => {
            ("the relay's disk is full".to_owned(), "Tell its operator. Nothing is lost: sync again later.")
        }
        Trouble::Busy { after_secs } => {
            (format!("it is busy, and asks to come back in {after_secs} s"), "Sync again then.")
        }
        Trouble::Nonsense => (
            "it said something that makes no sense".to_owned(),
            "Check that both programs are of the same version; if so, tell its operator.",
        ),
        Trouble::DepositKeyOther => (
            "it presents another deposit key than the counterpart named".to_owned(),
            "Nothing is put there. Tell the counterpart: its relay lost its key, or another answers in its place.",
        ),
        Trouble::DepositKeyChanged => (
            "it presents another deposit key than it did first".to_owned(),
            "What it stores counts as deposited by its bare word. Ask the counterpart why its relay changed.",
        ),
        Trouble::DepositKeyOwn => (
            "it presents another deposit key than your counterpart was told".to_owned(),
            "The counterpart puts nothing there. Ask the operator to bring the relay's old deposit.key back.",
        ),
        Trouble::DepositBroken => (
            "its proof of deposit does not hold".to_owned(),
            "What it says it stored counts as not stored. Tell its operator; use a second relay.",
        ),
        Trouble::Flooded => (
            "the counterpart sends more than can be kept until what is missing comes".to_owned(),
            "Nothing to do here: ask the counterpart to sync and to put again what is missing.",
        ),
    }
}

const fn trouble_code(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Unreachable(_) => "unreachable",
        Trouble::Refused => "refused",
        Trouble::PassRefused => "pass-refused",
        Trouble::Full(_) => "full",
        Trouble::Busy { .. } => "busy",
        Trouble::Nonsense => "nonsense",
        Trouble::DepositKeyOther => "deposit-key-other",
        Trouble::DepositKeyChanged => "deposit-key-changed",
        Trouble::DepositKeyOwn => "deposit-key-own",
        Trouble::DepositBroken => "deposit-broken",
        Trouble::Flooded => "flooded",
    }
}

/// What happened at an address; some causes name it themselves.
#[must_use]
pub fn at(address: &str, what: &str) -> String {
    if what.starts_with(address) { what.to_owned() } else { format!("{address}: {what}") }
}

/// One trouble with one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    channel: String,
    own: bool,
    address: String,
    code: &'static str,
    what: String,
    help: &'static str,
}

impl Told {
    /// Of a link.
    #[must_use]
    pub fn of(officer: &Officer, link: LinkKey, place: &RelayPlace, trouble: &Trouble) -> Self {
        let (what, help) = trouble_text(trouble);
        let channel =
            officer.channel(link.thread).map(|channel| channel.thread.label.clone()).unwrap_or_default();
        let own = !matches!(link.purpose, Purpose::Outbound(_));
        Self { channel, own, address: place.address().to_owned(), code: trouble_code(trouble), what, help }
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let relay = if self.own { "own" } else { "peer" };
        json!({
            "channel": self.channel, "relay": relay, "address": self.address,
            "code": self.code, "message": self.what, "help": self.help,
        })
    }

    /// For people: what happened, and what to do.
    #[must_use]
    pub fn text(&self) -> String {
        let whose = if self.own { "our" } else { "their" };
        format!(
            "{whose} relay, channel {}: {}\n  {}\n",
            plain(&self.channel),
            at(&self.address, &self.what),
            self.help
        )
    }
}

/// What a report says of relays, each trouble once.
#[must_use]
pub fn troubles(officer: &Officer, report: &SyncReport) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for (link, place, trouble) in &report.troubles {
        let one = Told::of(officer, *link, place, trouble);
        if !told.contains(&one) {
            told.push(one);
        }
    }
    told
}

/// A notice as a line for people, and as an object for machines.
fn notice(officer: &Officer, notice: &Notice) -> (String, Value) {
    let label =
        |thread: u32| officer.channel(thread).map(|channel| channel.thread.label.clone()).unwrap_or_default();
    let plainly = |thread: u32| plain(&label(thread));
    let event = |event: &str, thread: u32, why: Option<&str>| json!({"event": event, "channel": label(thread), "message": why});
    match notice {
        Notice::InviteReady { thread } => (
            format!("channel {}: the invite is ready", plainly(*thread)),
            event("invite-ready", *thread, None),
        ),
        Notice::Joined { thread } => (
            format!(
                "channel {}: the counterpart has joined; compare the words: truceline words",
                plainly(*thread)
            ),
            event("joined", *thread, None),
        ),
        Notice::HelloRefused { thread, why } => (
            format!("channel {}: somebody tried to join and was refused: {}", plainly(*thread), plain(why)),
            event("hello-refused", *thread, Some(why)),
        ),
        Notice::Welcomed { thread } => (
            format!("channel {}: the channel stands; compare the words: truceline words", plainly(*thread)),
            event("welcomed", *thread, None),
        ),
        Notice::Received { thread, id } => received(officer, *thread, id),
        Notice::Refused { thread, why } => (
            format!("channel {}: a statement was refused: {}", plainly(*thread), plain(why)),
            event("refused", *thread, Some(why)),
        ),
        Notice::CellRefused { thread, why } => (
            format!("channel {}: a cell did not open and was dropped: {}", plainly(*thread), plain(why)),
            event("cell-refused", *thread, Some(why)),
        ),
        Notice::CellsLost { thread, count: lost } => (
            format!(
                "channel {}: {} expired at the relay unread",
                plainly(*thread),
                count(*lost, "cell", "cells")
            ),
            json!({"event": "cells-lost", "channel": label(*thread), "count": lost}),
        ),
        Notice::Resumed { thread } => (
            format!(
                "channel {}: it goes on; the relays show that this vault is the newest",
                plainly(*thread)
            ),
            event("resumed", *thread, None),
        ),
        Notice::Halted { thread, halt } => {
            let (what, help) = halt_text(*halt);
            let text = format!("channel {} is HALTED: {what}\n  {help}", plainly(*thread));
            (text, event("halted", *thread, Some(&what)))
        }
    }
}

fn received(officer: &Officer, thread: u32, id: &StatementId) -> (String, Value) {
    let Some(channel) = officer.channel(thread) else { return (String::new(), Value::Null) };
    let Some(shown) = channel.statement(&id.0) else { return (String::new(), Value::Null) };
    let names = Names::of(channel);
    let text = format!("{}: {} {}  {}", names.peer, kind_word(shown.header.kind), short(&id.0), line(&shown));
    let statement = json_of(channel, &channel.ledger_about(&shown), &shown);
    (cut(&text, COLUMNS), json!({"event": "received", "statement": statement}))
}

/// How far all own statements have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    waiting: u64,
    sent: u64,
    delivered: u64,
    read: u64,
}

impl Counts {
    fn of(officer: &Officer) -> Self {
        let mut counts = Self { waiting: 0, sent: 0, delivered: 0, read: 0 };
        for channel in officer.channels() {
            let (own, peer) = (channel.thread.role, channel.thread.role.other());
            let said = channel.transcript.chain(own).count();
            counts.sent += channel.counts.sent;
            counts.waiting += said.saturating_sub(channel.counts.sent);
            counts.delivered += channel.transcript.chain(peer).acknowledged();
            counts.read += channel.counts.read;
        }
        counts
    }

    fn since(self, before: Self) -> String {
        let more = |now: u64, then: u64, what: &str| {
            let number = now.saturating_sub(then);
            (number > 0).then(|| format!("{number} {what}"))
        };
        let told: Vec<String> = [
            more(self.sent, before.sent, "sent"),
            more(self.delivered, before.delivered, "now known as delivered"),
            more(self.read, before.read, "now known as read"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let waiting =
            if self.waiting > 0 { format!("; {} still to be sent", self.waiting) } else { String::new() };
        let told = if told.is_empty() { "nothing new".to_owned() } else { list_of(&told) };
        format!("Own statements: {told}{waiting}.\n")
    }
}

/// `truceline sync`.
///
/// # Errors
/// [`Cause::Network`] where no relay was reached.
pub fn run(desk: &mut Desk, asked: &grammar::Sync) -> Result<Answer, Failure> {
    if desk.service.officer().channels().next().is_none() {
        return Ok(Answer::new(
            "Nothing to sync: this vault has no channel yet.\n",
            json!({"events": [], "troubles": []}),
        ));
    }
    let (mut options, stop) = SyncOptions::once();
    options.via = proxy(asked.via.as_deref())?;
    options.watch = asked.watch;
    options.only = match desk.place.channel {
        Some(_) => Some(desk.one()?),
        None => None,
    };
    let before = Counts::of(desk.service.officer());
    let (watch, as_json) = (asked.watch, desk.place.json);
    let mut notices = Vec::new();
    let mut show = |officer: &Officer, heard: &Notice| {
        if watch {
            let (line, event) = notice(officer, heard);
            print_now(if as_json { json_line(&event) } else { line });
        } else {
            notices.push(heard.clone());
        }
    };
    let runtime = runtime()?;
    if watch && !as_json {
        eprintln!("Connected until interrupted (Ctrl-C).");
    }
    let progress = (!watch).then(|| Progress::new("Talking to the relays"));
    let report = runtime.block_on(async {
        if watch {
            tokio::spawn(async move {
                interrupted().await;
                let _ = stop.send(true);
            });
            desk.service.sync(&options, &mut show).await
        } else {
            let report = desk.service.sync(&options, &mut show).await;
            drop(stop);
            report
        }
    });
    drop(progress);
    let report = report?;
    let officer = desk.service.officer();
    let (mut lines, mut events) = (String::new(), Vec::new());
    for heard in &notices {
        let (line, event) = notice(officer, heard);
        lines.push_str(&line);
        lines.push('\n');
        events.push(event);
    }
    answer(officer, &report, before, (lines, events))
}

fn print_now(line: String) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn answer(
    officer: &Officer,
    report: &SyncReport,
    before: Counts,
    (lines, events): (String, Vec<Value>),
) -> Result<Answer, Failure> {
    let told = troubles(officer, report);
    let told_text: String = told.iter().map(Told::text).collect();
    if !report.reached
        && let Some(first) = told.first()
    {
        let others = if told.len() > 1 { format!(" (and {} more)", told.len() - 1) } else { String::new() };
        let what = format!("no relay was reached: {}{others}", at(&first.address, &first.what));
        return Err(Failure::new(Cause::Network, what, first.help));
    }
    let after = Counts::of(officer);
    let mut text = lines;
    text.push_str(&after.since(before));
    let unread: u64 = officer.channels().map(|channel| channel.counts.unread).sum();
    if unread > 0 {
        text.push_str(&format!(
            "{} unread: truceline log, then truceline show ID\n",
            count(unread, "statement", "statements")
        ));
    }
    let aside = if told_text.is_empty() {
        String::new()
    } else {
        format!("Not all relays did their work:\n{told_text}")
    };
    let troubles: Vec<Value> = told.iter().map(Told::json).collect();
    let json = json!({
        "events": events, "troubles": troubles, "reached": report.reached,
        "sent": after.sent.saturating_sub(before.sent), "waiting": after.waiting,
        "delivered": after.delivered.saturating_sub(before.delivered),
        "read": after.read.saturating_sub(before.read), "unread": unread,
    });
    Ok(Answer::new(text, json).aside(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_a_remedy_and_foreign_words_in_it_are_harmless() {
        let troubles = [
            Trouble::Unreachable("no route \u{1b}[1m".to_owned()),
            Trouble::Unreachable("whoever answers has the pin x, not the expected y".to_owned()),
            Trouble::Refused,
            Trouble::PassRefused,
            Trouble::Full(Bound::Queue),
            Trouble::Full(Bound::Disk),
            Trouble::Busy { after_secs: 9 },
            Trouble::Nonsense,
            Trouble::DepositKeyOther,
            Trouble::DepositKeyChanged,
            Trouble::DepositKeyOwn,
            Trouble::DepositBroken,
            Trouble::Flooded,
        ];
        for trouble in troubles {
            let (what, help) = trouble_text(&trouble);
            assert!(!what.is_empty() && help.ends_with('.'), "{trouble:?}");
            assert!(!what.chars().any(crate::desk::screen::is_hostile), "{what}");
        }
    }
}
