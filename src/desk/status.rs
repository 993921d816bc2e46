//! `truceline status`: per channel the words, the heads, and what is unsent, undelivered, unread, overdue.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::judge::Ledger;
use crate::desk::cases::{Times, in_order, state, times, turns, turns_json, turns_text};
use crate::desk::failure::{Failure, halt_text};
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::receipts::{Answers, DELIVERY_WITHIN, Receipts, key_troubles, keys_json};
use crate::desk::record::{is_receipt, is_unread, json_of};
use crate::desk::renew;
use crate::desk::screen::{
    Answer, Style, count, field, json_time, json_time_if, list_of, plain, short, span, time,
};
use crate::desk::tell::kind_word;
use crate::officer::engine::Channel;
use crate::officer::thread::{Halt, Inviting, Outbound, Stage};
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::time::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FIELD: usize = 15;
/// Own statements whose receipts are shown, the newest; all of them are for machines.
const RECEIPTS_MAX: usize = 6;
/// Ids shown in one line.
const IDS_MAX: usize = 6;

/// Something whose time is over.
struct Overdue {
    what: &'static str,
    id: Digest,
    since: UnixMillis,
}

/// One channel, gathered for showing.
struct Board<'a> {
    channel: &'a Channel,
    ledger: Ledger,
    shown: Vec<Shown<'a>>,
    names: Names,
    times: Times,
    answers: Answers,
    now: UnixMillis,
}

impl<'a> Board<'a> {
    fn new(channel: &'a Channel, now: UnixMillis) -> Self {
        let ledger = channel.ledger();
        let times = times(channel, &ledger);
        let answers = Answers::of(channel, &ledger);
        Self { channel, ledger, shown: channel.statements(), names: Names::of(channel), times, answers, now }
    }

    fn unsent(&self) -> Vec<&Shown<'a>> {
        let waits = |shown: &&Shown<'_>| {
            let marks = &shown.item.marks;
            shown.own && marks.deposited.is_none() && marks.delivered.is_none()
        };
        self.shown.iter().filter(waits).collect()
    }

    fn undelivered(&self) -> Vec<&Shown<'a>> {
        let open =
            |shown: &&Shown<'_>| shown.own && !is_receipt(shown) && shown.item.marks.delivered.is_none();
        self.shown.iter().filter(open).collect()
    }

    fn unread(&self) -> Vec<&Shown<'a>> {
        self.shown.iter().filter(|shown| is_unread(shown)).collect()
    }

    /// The receipts of own statements that are none themselves.
    fn receipts(&self) -> Vec<Receipts<'_>> {
        let own = self.shown.iter().filter(|shown| shown.own && !is_receipt(shown));
        own.map(|shown| Receipts::of(self.channel, &self.answers, shown, self.now)).collect()
    }

    /// Promises of time that are over, and deliveries that take too long.
    fn overdue(&self) -> Vec<Overdue> {
        let (mut overdue, mut open, mut live) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for case in self.ledger.cases() {
            open.extend(case.open_offers().map(|offer| offer.id));
            live.extend(Role::BOTH.iter().filter_map(|role| case.live(*role)).map(|it| it.id));
        }
        // Only what still binds is read: a channel may hold many long lists.
        let binds = |shown: &&Shown<'_>| open.contains(&shown.id.0) || live.contains(&shown.id.0);
        for shown in self.shown.iter().filter(binds) {
            let (what, until) = match shown.content() {
                Some(Ok(Content::Offer(offer))) => ("offer past its time", offer.body().valid_until),
                Some(Ok(Content::Accept(it))) => ("acceptance past its hold", Some(it.hold_until)),
                _ => continue,
            };
            if let Some(since) = until.filter(|until| *until <= self.now) {
                overdue.push(Overdue { what, id: shown.id.0, since });
            }
        }
        for shown in self.undelivered() {
            if let Some(since) = shown.item.marks.deposited.map(|at| at.plus(DELIVERY_WITHIN))
                && since <= self.now
            {
                overdue.push(Overdue { what: "delivery", id: shown.id.0, since });
            }
        }
        overdue
    }

    fn halt(&self) -> Option<Halt> {
        self.channel.session().and_then(|session| session.halt)
    }

    const fn stage(&self) -> &'static str {
        match &self.channel.thread.stage {
            Stage::Inviting(_) => "inviting",
            Stage::Greeting(_) | Stage::Moving => "greeting",
            Stage::Open(_) => "open",
        }
    }

    const fn confirmed(&self, role: Role) -> bool {
        self.channel.words_confirmed_by(role)
    }

    fn words_text(&self) -> String {
        match (self.confirmed(self.names.me), self.confirmed(self.names.me.other())) {
            (true, true) => "confirmed by both".to_owned(),
            (true, false) => format!("confirmed by you; not yet by {}", self.names.peer),
            (false, true) => format!("confirmed by {}; not yet by you: truceline words", self.names.peer),
            (false, false) => "not confirmed: compare them, truceline words".to_owned(),
        }
    }

    fn head(&self, role: Role) -> (u64, Digest) {
        let chain = self.channel.transcript.chain(role);
        (chain.count(), chain.head(chain.count()).0)
    }

    fn head_text(&self, role: Role) -> String {
        match self.head(role) {
            (0, _) => "none yet".to_owned(),
            (number, id) => format!("{}, head {}", count(number, "statement", "statements"), short(&id)),
        }
    }

    fn text(&self, style: Style) -> String {
        let label = plain(&self.channel.thread.label);
        let with = match self.channel.session() {
            Some(_) => format!(" with {}", self.names.peer),
            None => String::new(),
        };
        let mut out = format!("{}\n", style.bold(&format!("Channel {label}{with}")));
        match &self.channel.thread.stage {
            Stage::Inviting(inviting) => out.push_str(&invite_text(inviting, self.now)),
            Stage::Greeting(_) | Stage::Moving => {
                out.push_str(&field(
                    "  stage",
                    FIELD,
                    "joined; waits for the inviter's welcome: truceline sync",
                ));
            }
            Stage::Open(_) => self.open_text(&mut out, style),
        }
        out.push_str(&field("  relays", FIELD, &self.relays_text()));
        let lost: u64 = self.channel.thread.inbound.iter().map(|inbound| inbound.lost).sum();
        if lost > 0 {
            let text =
                format!("{} expired at the relay before they were fetched", count(lost, "cell", "cells"));
            out.push_str(&field("  lost", FIELD, &text));
        }
        out
    }

    fn open_text(&self, out: &mut String, style: Style) {
        if let Some(halt) = self.halt() {
            let (what, help) = halt_text(halt);
            let lines = field("  HALTED", FIELD, &format!("{what}. {help}"));
            out.push_str(&lines.replacen("HALTED", &style.wrong("HALTED"), 1));
        }
        let me = self.names.me;
        let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
        if self.channel.session().is_some_and(|session| !session.heard) {
            fact("  stage", "a counterpart has joined; its first message is awaited: truceline sync");
        }
        fact("  words", &self.words_text());
        fact("  own", &self.head_text(me));
        fact("  theirs", &self.head_text(me.other()));
        fact("  unsent", &ids_text(&self.unsent()));
        fact("  undelivered", &ids_text(&self.undelivered()));
        fact("  unread", &ids_text(&self.unread()));
        let overdue: Vec<String> = self
            .overdue()
            .iter()
            .map(|it| {
                format!(
                    "{} {} since {} ({})",
                    it.what,
                    short(&it.id),
                    time(it.since),
                    span(self.now.since(it.since))
                )
            })
            .collect();
        fact("  overdue", overdue.first().map_or("none", String::as_str));
        for line in overdue.iter().skip(1) {
            fact("", line);
        }
        let receipts = self.receipts();
        let lines: Vec<String> = receipts.iter().rev().take(RECEIPTS_MAX).map(Receipts::line).collect();
        for (at, line) in lines.iter().enumerate() {
            fact(if at == 0 { "  receipts" } else { "" }, line);
        }
        for (at, receipts) in receipts.iter().filter(|receipts| receipts.is_withheld()).enumerate() {
            let text = format!("{} {}", receipts.name(), receipts.withheld_text().unwrap_or_default());
            fact(if at == 0 { "  withheld" } else { "" }, &text);
        }
        for text in key_troubles(self.peer_queues()) {
            fact("  deposits", &text);
        }
        for case in in_order(&self.ledger, &self.times) {
            let turn = turns_text(&turns(&case, &self.times), &self.names, self.now);
            let text =
                format!("{}: {}; turn: {turn}", short(&case.id()), state(self.channel, &case, &self.names).1);
            fact("  case", &text);
        }
    }

    fn peer_queues(&self) -> &[Outbound] {
        match &self.channel.thread.stage {
            Stage::Inviting(_) | Stage::Moving => &[],
            Stage::Greeting(greeted) => &greeted.outbound,
            Stage::Open(session) => &session.outbound,
        }
    }

    fn relays_text(&self) -> String {
        let own = self.channel.thread.inbound.iter().map(|queue| queue.place.address().to_owned());
        let peer = self.peer_queues().iter().map(|queue| queue.place.address().to_owned());
        let (own, peer): (Vec<_>, Vec<_>) = (own.collect(), peer.collect());
        let peer = if peer.is_empty() { String::new() } else { format!("; theirs {}", list_of(&peer)) };
        format!("ours {}{peer}", list_of(&own))
    }

    fn json(&self) -> Value {
        let me = self.names.me;
        let ids = |shown: &[&Shown<'_>]| shown.iter().map(|shown| shown.id.0.hex()).collect::<Vec<_>>();
        let head = |role: Role| {
            let (number, id) = self.head(role);
            json!({"count": number, "id": (number > 0).then(|| id.hex())})
        };
        let party = |role: Role| {
            let card = self.channel.session()?.card(role);
            Some(json!({"name": card.name().as_str(), "fingerprint": card.fingerprint().ok()?.hex()}))
        };
        let own: Vec<Value> = self
            .shown
            .iter()
            .filter(|shown| shown.own)
            .map(|shown| {
                let mut statement = json_of(self.channel, &self.ledger, shown);
                let receipts = Receipts::of(self.channel, &self.answers, shown, self.now).json();
                if let Value::Object(fields) = &mut statement {
                    fields.insert("receipts".to_owned(), receipts);
                }
                statement
            })
            .collect();
        let withheld = self.receipts().into_iter().filter(Receipts::is_withheld).map(|it| it.id().hex());
        let withheld: Vec<String> = withheld.collect();
        let overdue: Vec<Value> = self
            .overdue()
            .iter()
            .map(|it| json!({"what": it.what, "id": it.id.hex(), "since": json_time(it.since)}))
            .collect();
        let cases: Vec<Value> = in_order(&self.ledger, &self.times)
            .iter()
            .map(|case| {
                let turns = turns_json(&turns(case, &self.times), me);
                json!({"id": case.id().hex(), "state": state(self.channel, case, &self.names).0, "version": case.version(), "turns": turns})
            })
            .collect();
        let own_relays: Vec<_> =
            self.channel.thread.inbound.iter().map(|queue| queue.place.to_string()).collect();
        let peer_relays: Vec<_> = self.peer_queues().iter().map(|queue| queue.place.to_string()).collect();
        let halt = self.halt().map(|halt| {
            let (what, help) = halt_text(halt);
            json!({"code": halt_code(halt), "message": what, "help": help})
        });
        let (own_words, peer_words) = (self.confirmed(me), self.confirmed(me.other()));
        json!({
            "label": self.channel.thread.label,
            "stage": self.stage(),
            "role": match me { Role::Inviter => "inviter", Role::Joiner => "joiner" },
            "channel": self.channel.session().map(|session| session.channel.hex()),
            "peer": party(me.other()),
            "halt": halt,
            "invite": invite_json(&self.channel.thread.stage),
            "words": {"own": own_words, "peer": peer_words, "both": own_words && peer_words},
            "heads": {"own": head(me), "peer": head(me.other())},
            "unsent": ids(&self.unsent()),
            "undelivered": ids(&self.undelivered()),
            "withheld": withheld,
            "unread": ids(&self.unread()),
            "overdue": overdue,
            "cases": cases,
            "statements": own,
            "relays": {"own": own_relays, "peer": peer_relays},
            "deposit_keys": keys_json(self.peer_queues()),
            "cells_lost": self.channel.thread.inbound.iter().map(|inbound| inbound.lost).sum::<u64>(),
        })
    }
}

const fn halt_code(halt: Halt) -> &'static str {
    match halt {
        Halt::WordsDiffer => "words-differ",
        Halt::Forked { .. } => "forked",
        Halt::RolledBack => "rolled-back",
        Halt::PeerAhead { .. } => "peer-ahead",
        Halt::Restored => "restored",
    }
}

fn invite_text(inviting: &Inviting, now: UnixMillis) -> String {
    let ended = if now >= inviting.expires { "ended" } else { "good until" };
    let stored = inviting.offers.iter().filter(|offer| offer.stored).count();
    let text = format!(
        "waits for the counterpart to join; the invite {ended} {}; its offer lies at {stored} of {}",
        time(inviting.expires),
        count(inviting.offers.len() as u64, "relay", "relays"),
    );
    let mut out = field("  stage", FIELD, &text);
    if inviting.refused_hellos > 0 {
        let refused = count(u64::from(inviting.refused_hellos), "hello", "hellos");
        let text =
            format!("{refused} did not open: someone else may know the invite, or its copy was altered");
        out.push_str(&field("  refused", FIELD, &text));
    }
    out
}

fn invite_json(stage: &Stage) -> Value {
    let Stage::Inviting(inviting) = stage else { return Value::Null };
    json!({
        "expires": json_time(inviting.expires),
        "stored": inviting.offers.iter().filter(|offer| offer.stored).count(),
        "refused_hellos": inviting.refused_hellos,
    })
}

fn ids_text(shown: &[&Shown<'_>]) -> String {
    if shown.is_empty() {
        return "none".to_owned();
    }
    let one = |shown: &&Shown<'_>| format!("{} {}", kind_word(shown.header.kind), short(&shown.id.0));
    let mut ids: Vec<String> = shown.iter().take(IDS_MAX).map(one).collect();
    if shown.len() > IDS_MAX {
        ids.push(format!("{} more", shown.len() - IDS_MAX));
    }
    format!("{}: {}", shown.len(), ids.join(", "))
}

/// `truceline status`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk) -> Result<Answer, Failure> {
    let card = desk.service.officer().identity().card();
    let fingerprint = card.fingerprint()?.hex();
    let name = plain(card.name().as_str());
    let mut text = field("party", FIELD, &name);
    text.push_str(&field("fingerprint", FIELD, &fingerprint));
    text.push_str(&field("vault", FIELD, &desk.place.vault.display().to_string()));
    let retired = desk.service.officer().retired();
    if let Some(at) = retired {
        let told = format!("{}: it holds no key, and sends and fetches nothing", time(at));
        text.push_str(&field("retired", FIELD, &told));
    }
    let mut channels = Vec::new();
    for number in desk.chosen()? {
        let board = Board::new(desk.channel(number)?, desk.service.now());
        text.push('\n');
        text.push_str(&board.text(desk.place.style));
        text.push_str(&renew::text(desk.service.officer(), board.channel, FIELD));
        let mut json = board.json();
        renew::tell(desk.service.officer(), board.channel, &mut json);
        channels.push(json);
    }
    if channels.is_empty() {
        text.push_str("\nNo channel yet: begin one with 'truceline invite' or 'truceline join'.\n");
    }
    let party = json!({"name": card.name().as_str(), "fingerprint": fingerprint});
    Ok(Answer::new(
        text,
        json!({
            "party": party, "vault": desk.place.vault.display().to_string(), "retired": json_time_if(retired),
            "channels": channels,
        }),
    ))
}
