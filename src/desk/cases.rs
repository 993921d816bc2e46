//! `truceline cases`: each negotiation in short, its state, whose turn it is and since when, what may be answered.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::case::{Acceptance, Means, OfferRecord};
use crate::deal::judge::Ledger;
use crate::deal::progress::Handover;
use crate::deal::state::{CaseState, Duty};
use crate::deal::verdict::Act;
use crate::desk::case::{overdue, overdue_json};
use crate::desk::failure::Failure;
use crate::desk::held::{self, Holds};
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::progress::Progress;
use crate::desk::record::side;
use crate::desk::screen::{
    Answer, COLUMNS, Style, count, cut, field, json_time_if, list_of, plain, short, span, time,
};
use crate::desk::terms::offer_title;
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FIELD: usize = 11;

/// What a channel's statements say of time.
pub struct Times {
    stored: BTreeMap<Digest, UnixMillis>,
    /// By case, who has asked for time: each side's last standby, by when it was stored here.
    standbys: BTreeMap<(Digest, Role), (UnixMillis, Asked)>,
}

impl Times {
    /// When a statement was stored here.
    #[must_use]
    pub fn get(&self, id: &Digest) -> Option<&UnixMillis> {
        self.stored.get(id)
    }
}

/// A side has asked for time.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The standby.
    pub id: Digest,
    /// Until when.
    pub until: Option<UnixMillis>,
}

/// When each statement of a channel was stored here, and who has asked for time.
#[must_use]
pub fn times(channel: &Channel, ledger: &Ledger) -> Times {
    let mut times = Times { stored: BTreeMap::new(), standbys: BTreeMap::new() };
    for shown in channel.statements() {
        let (id, stored) = (shown.id.0, shown.item.marks.stored);
        times.stored.insert(id, stored);
        let is_standby = shown.header.kind == Kind::Standby.number();
        if is_standby
            && ledger.verdict(&id) == Some(Ok(()))
            && let Some(Ok(Content::Standby(standby))) = shown.content()
        {
            let asked = Asked { id, until: standby.until };
            times.standbys.insert((shown.header.case.0, shown.header.author), (stored, asked));
        }
    }
    times
}

/// What one side is to do, and since when.
pub struct Turn {
    /// Which side.
    pub role: Role,
    /// What it owes.
    pub duties: Vec<Duty>,
    /// Since when it owes the first of these.
    pub since: Option<UnixMillis>,
    /// That it has asked for time since.
    pub asked: Option<Asked>,
}

/// Who owes something in a case.
#[must_use]
pub fn turns(case: &CaseState<'_>, times: &Times) -> Vec<Turn> {
    let owed = Role::BOTH.map(|role| {
        let duties = case.owes(role);
        let since = duties.iter().filter_map(|duty| times.get(&cause(case, role, *duty)?).copied()).min();
        let standby = times.standbys.get(&(case.id(), role));
        let asked = standby.filter(|(at, _)| since.is_none_or(|since| since <= *at)).map(|(_, asked)| *asked);
        Turn { role, duties, since, asked }
    });
    owed.into_iter().filter(|turn| !turn.duties.is_empty()).collect()
}

/// The statement that a duty of `role` comes from.
fn cause(case: &CaseState<'_>, role: Role, duty: Duty) -> Option<Digest> {
    let last = |means: &Means| match means {
        Means::Confirm { confirm, .. } => *confirm,
        Means::Crossing { others, .. } => *others,
    };
    match duty {
        Duty::Acknowledge(_) => case.pending().map(|agreement| last(&agreement.means)),
        Duty::Confirm(id)
        | Duty::Answer(id)
        | Duty::Reply(id)
        | Duty::AcknowledgeTransport(id)
        | Duty::AnswerBreach(id) => Some(id),
        Duty::Lock(_)
        | Duty::Transport(_)
        | Duty::Ready(_)
        | Duty::Go(_)
        | Duty::Lines(_)
        | Duty::Close(_) => {
            let moved = case.handover().and_then(|handover| handover.last(role.other()));
            moved.or_else(|| case.sealed().last().map(|agreement| last(&agreement.means)))
        }
    }
}

/// A duty in words.
#[must_use]
pub fn duty_text(duty: Duty) -> String {
    match duty {
        Duty::Acknowledge(_) => "acknowledge the agreement (a sync does)".to_owned(),
        Duty::Confirm(id) => format!("confirm {}", short(&id)),
        Duty::Answer(id) => format!("answer offer {}", short(&id)),
        Duty::Reply(id) => format!("answer the question {}", short(&id)),
        Duty::Lock(version) => format!("lock the lists of version {version}"),
        Duty::Transport(version) => format!("give notice of transport for version {version}"),
        Duty::AcknowledgeTransport(id) => format!("acknowledge transport notice {}", short(&id)),
        Duty::Ready(version) => format!("be ready for version {version}"),
        Duty::Go(version) => format!("go for version {version}"),
        Duty::Lines(version) => format!("give handover lines of version {version}"),
        Duty::Close(version) => format!("close version {version}"),
        Duty::AnswerBreach(id) => format!("answer breach {}", short(&id)),
    }
}

fn duty_json(duty: Duty) -> Value {
    let id = |what: &str, id: Digest| json!({"duty": what, "id": id.hex()});
    let version = |what: &str, version: u32| json!({"duty": what, "version": version});
    match duty {
        Duty::Acknowledge(it) => id("acknowledge", it),
        Duty::Confirm(it) => id("confirm", it),
        Duty::Answer(it) => id("answer", it),
        Duty::Reply(it) => id("reply", it),
        Duty::Lock(it) => version("lock", it),
        Duty::Transport(it) => version("transport", it),
        Duty::AcknowledgeTransport(it) => id("acknowledge-transport", it),
        Duty::Ready(it) => version("ready", it),
        Duty::Go(it) => version("go", it),
        Duty::Lines(it) => version("lines", it),
        Duty::Close(it) => version("close", it),
        Duty::AnswerBreach(it) => id("answer-breach", it),
    }
}

/// Turns for machines.
#[must_use]
pub fn turns_json(turns: &[Turn], me: Role) -> Value {
    let one = |turn: &Turn| {
        let duties: Vec<Value> = turn.duties.iter().map(|duty| duty_json(*duty)).collect();
        let standby = turn.asked.map(|it| json!({"id": it.id.hex(), "until": json_time_if(it.until)}));
        let since = json_time_if(turn.since);
        json!({"whose": side(turn.role, me), "since": since, "duties": duties, "standby": standby})
    };
    turns.iter().map(one).collect()
}

/// Turns in words.
#[must_use]
pub fn turns_text(turns: &[Turn], names: &Names, now: UnixMillis) -> String {
    if turns.is_empty() {
        return "nobody's".to_owned();
    }
    let one = |turn: &Turn| {
        let whose = if turn.role == names.me { "yours".to_owned() } else { format!("{}'s", names.peer) };
        let since = turn.since.map(|since| format!(" since {} ({})", time(since), span(now.since(since))));
        let duties: Vec<String> = turn.duties.iter().map(|duty| duty_text(*duty)).collect();
        let asked = turn.asked.map(|it| {
            let until = it.until.map(|until| {
                let over = if until <= now { ", which is over" } else { "" };
                format!(" until {}{over}", time(until))
            });
            format!(" (asked for time{})", until.unwrap_or_default())
        });
        format!("{whose}{}: {}{}", since.unwrap_or_default(), list_of(&duties), asked.unwrap_or_default())
    };
    turns.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The state of a case: a word for machines, and a sentence.
#[must_use]
pub fn state(held: &dyn Holds, case: &CaseState<'_>, names: &Names) -> (&'static str, String) {
    let open = case.open_offers().count() as u64;
    let version = case.version();
    let sealed = if version == 0 { String::new() } else { format!("version {version} is sealed; ") };
    if let Some(agreement) = case.pending() {
        let waits: Vec<String> =
            agreement.unacknowledged.iter().map(|role| names.name(*role).to_owned()).collect();
        let text = format!(
            "{sealed}offer {} is agreed; the seal waits for {}",
            short(&agreement.offer),
            list_of(&waits)
        );
        return ("agreed", text);
    }
    let accepted = Role::BOTH.into_iter().find_map(|role| case.live(role));
    if let Some(acceptance) = accepted {
        let (who, waits) = (names.name(acceptance.author), names.name(acceptance.author.other()));
        let text =
            format!("{sealed}{who} accepted offer {}; {waits} is to confirm", short(&acceptance.offer));
        return ("accepted", text);
    }
    if open > 0 {
        return ("open", format!("{sealed}{}", count(open, "open offer", "open offers")));
    }
    if let Some(handover) = case.handover() {
        let untold = || Progress::of(held, case)?.untold_text(names);
        let text = match handover_text(&handover) {
            _ if handover.is_cancelled() => "cancelled".to_owned(),
            CLOSED => untold().map_or_else(|| CLOSED.to_owned(), |told| format!("closed by both; {told}")),
            text => text.to_owned(),
        };
        ("sealed", format!("sealed, version {version}; {text}"))
    } else {
        ("idle", "no open offer".to_owned())
    }
}

/// Said of a handover of whose every person both have told.
const CLOSED: &str = "handed over, closed by both";

/// How far a handover has come, in a few words.
fn handover_text(handover: &Handover<'_>) -> &'static str {
    if handover.is_closed() {
        CLOSED
    } else if handover.is_effective() {
        "both have said go"
    } else if Role::BOTH.into_iter().all(|role| handover.is_ready(role)) {
        "both are ready"
    } else if handover.is_locked() {
        "lists locked by both"
    } else {
        "lists not locked yet"
    }
}

/// What one may do in a case, as it is written on the command line.
#[must_use]
pub fn may_text(case: &CaseState<'_>, me: Role) -> String {
    let mut acts: Vec<String> = case.may(me).iter().filter_map(|act| act_text(act, case, me)).collect();
    acts.dedup();
    if acts.is_empty() { "nothing but say, query and standby".to_owned() } else { acts.join(", ") }
}

fn act_text(act: &Act, case: &CaseState<'_>, me: Role) -> Option<String> {
    let with = |what: &str, id: &Digest| Some(format!("{what} {}", short(id)));
    let on = |what: &str| Some(format!("{what} {}", short(&case.id())));
    match act {
        Act::Offer { base, .. } => {
            let others = case.open_offers().find(|offer| offer.author != me);
            match others {
                Some(offer) => Some(format!("counter {} FILE", short(&offer.id))),
                None if *base > 0 => Some(format!("amend {} FILE", short(&case.id()))),
                None => Some(format!("counter {} FILE", short(&case.offers().last()?.id))),
            }
        }
        Act::Withdraw(id) => with("withdraw", id),
        Act::Reject(id) => with("reject", id),
        Act::Accept(id) => with("accept", id),
        Act::Confirm(id) => with("confirm", id),
        Act::Lapse(id) => with("lapse", id),
        Act::Answer(id) | Act::AnswerBreach(id) => with("answer", id),
        Act::AcknowledgeTransport(id) => with("acknowledge", id),
        Act::Lock { .. } => on("lock"),
        Act::Transport(_) => on("transport"),
        Act::Ready { .. } => on("ready"),
        Act::Go { .. } => on("go"),
        Act::Suspend { .. } => on("suspend"),
        Act::Lines { .. } => on("lines"),
        Act::Close(_) => on("close"),
        Act::Breach(_) => on("breach"),
        // These stand open whatever has come before.
        Act::Note | Act::Standby | Act::Query | Act::TransferNotice(_) => None,
    }
}

fn act_json(act: &Act) -> Value {
    let (what, id) = match act {
        Act::Note => ("say", None),
        Act::Offer { .. } => ("counter", None),
        Act::Withdraw(id) => ("withdraw", Some(*id)),
        Act::Reject(id) => ("reject", Some(*id)),
        Act::Accept(id) => ("accept", Some(*id)),
        Act::Confirm(id) => ("confirm", Some(*id)),
        Act::Lapse(id) => ("lapse", Some(*id)),
        Act::Standby => ("standby", None),
        Act::Query => ("query", None),
        Act::Answer(id) | Act::AnswerBreach(id) => ("answer", Some(*id)),
        Act::Lock { .. } => ("lock", None),
        Act::Transport(_) => ("transport", None),
        Act::AcknowledgeTransport(id) => ("acknowledge", Some(*id)),
        Act::Ready { .. } => ("ready", None),
        Act::Go { .. } => ("go", None),
        Act::Suspend { .. } => ("suspend", None),
        Act::Lines { .. } => ("lines", None),
        Act::Close(_) => ("close", None),
        Act::TransferNotice(id) => ("transfer-notice", Some(*id)),
        Act::Breach(id) => ("breach", Some(*id)),
    };
    json!({"act": what, "id": id.map(|id| id.hex())})
}

/// The title of an offer that is held.
fn title(held: &dyn Holds, id: &Digest) -> String {
    held::offer(held, id).map(|offer| offer_title(&offer)).unwrap_or_default()
}

/// What a case is about: what is sealed, and before that the offer that opened it.
#[must_use]
pub fn case_title(held: &dyn Holds, case: &CaseState<'_>) -> String {
    match case.sealed().last().map(|it| it.offer) {
        Some(sealed) if sealed != case.id() => {
            format!("{} (offer {})", title(held, &sealed), short(&sealed))
        }
        _ => title(held, &case.id()),
    }
}

/// A case's offers, the oldest first.
fn offers<'c>(case: &CaseState<'c>, times: &Times) -> Vec<&'c OfferRecord> {
    let mut offers: Vec<&OfferRecord> = case.offers().collect();
    offers.sort_by_key(|offer| (times.get(&offer.id).copied(), offer.id));
    offers
}

/// A case for machines.
#[must_use]
pub fn case_json(channel: &Channel, case: &CaseState<'_>, times: &Times, now: UnixMillis) -> Value {
    let names = Names::of(channel);
    let me = names.me;
    let offer = |offer: &OfferRecord| {
        json!({
            "id": offer.id.hex(),
            "author": side(offer.author, me),
            "base": offer.base,
            "parent": offer.parent.map(|parent| parent.hex()),
            "state": case.offer_state(offer).to_string(),
            "title": title(channel, &offer.id),
        })
    };
    let acceptance = |it: &Acceptance| {
        json!({
            "id": it.id.hex(),
            "author": side(it.author, me),
            "offer": it.offer.hex(),
            "lapsed": it.lapsed.is_some(),
            "confirm": it.confirmed.map(|(confirm, _)| confirm.hex()),
        })
    };
    json!({
        "id": case.id().hex(),
        "channel": channel.thread.label,
        "title": title(channel, &case.id()),
        "opened": json_time_if(times.get(&case.id()).copied()),
        "opener": side(case.opener(), me),
        "version": case.version(),
        "state": state(channel, case, &names).0,
        "turns": turns_json(&turns(case, times), me),
        "offers": offers(case, times).into_iter().map(offer).collect::<Vec<_>>(),
        "acceptances": case.acceptances().map(acceptance).collect::<Vec<_>>(),
        "may": case.may(me).iter().map(act_json).collect::<Vec<_>>(),
        "handover": Progress::of(channel, case).map(|progress| progress.json(&names)),
        "overdue": overdue_json(case, me, now),
    })
}

/// What one needs to show the cases of a channel.
struct Board<'a> {
    channel: &'a Channel,
    names: Names,
    times: Times,
    /// Which of how many cases of the same title each is, in the order they were opened.
    twins: BTreeMap<Digest, (usize, usize)>,
    now: UnixMillis,
}

impl<'a> Board<'a> {
    fn of(channel: &'a Channel, ledger: &Ledger, now: UnixMillis) -> Self {
        let times = times(channel, ledger);
        let mut same: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for case in in_order(ledger, &times) {
            same.entry(case_title(channel, &case)).or_default().push(case.id());
        }
        let twins = same
            .values()
            .flat_map(|ids| ids.iter().zip(1..).map(|(id, nth)| (*id, (nth, ids.len()))).collect::<Vec<_>>());
        Self { channel, names: Names::of(channel), times, twins: twins.collect(), now }
    }

    fn text(&self, case: &CaseState<'_>, style: Style) -> String {
        let id = case.id();
        let opened = self.times.get(&id).copied().map(time).unwrap_or_default();
        let twin = match self.twins.get(&id) {
            Some((nth, of)) if *of > 1 => format!(" ({nth} of {of} such cases)"),
            _ => String::new(),
        };
        let title = cut(&format!("{}{twin}", case_title(self.channel, case)), COLUMNS - FIELD);
        let mut out = format!("{}  {title}\n", style.bold(&short(&id)));
        let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
        fact("  opened", &format!("by {}, {opened}", self.names.name(case.opener())));
        fact("  state", &state(self.channel, case, &self.names).1);
        for offer in offers(case, &self.times) {
            if case.open_offers().any(|open| open.id == offer.id) {
                let (id, who) = (short(&offer.id), self.names.name(offer.author));
                fact("  offer", &format!("{id} of {who}: {}", self::title(self.channel, &offer.id)));
            }
        }
        let late = overdue(case, self.now);
        if !late.is_empty() {
            let told: Vec<String> = late.iter().map(|it| format!("{} {}", it.kind, short(&it.id))).collect();
            fact("  overdue", &format!("answer to {}", list_of(&told)));
        }
        let turns = turns(case, &self.times);
        let turn = field("  turn", FIELD, &turns_text(&turns, &self.names, self.now));
        let mine = turns.iter().any(|turn| turn.role == self.names.me);
        out.push_str(&if mine { turn.replacen("yours", &style.waits("yours"), 1) } else { turn });
        out.push_str(&field("  you may", FIELD, &may_text(case, self.names.me)));
        out
    }
}

/// The cases of a channel, the oldest first.
#[must_use]
pub fn in_order<'a>(ledger: &'a Ledger, times: &Times) -> Vec<CaseState<'a>> {
    let mut cases: Vec<CaseState<'_>> = ledger.cases().collect();
    cases.sort_by_key(|case| (times.get(&case.id()).copied(), case.id()));
    cases
}

/// `truceline cases`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk) -> Result<Answer, Failure> {
    let (mut blocks, mut all) = (Vec::new(), Vec::new());
    let chosen = desk.chosen()?;
    for number in &chosen {
        let channel = desk.channel(*number)?;
        let ledger = channel.ledger();
        let now = desk.service.now();
        let board = Board::of(channel, &ledger, now);
        let cases = in_order(&ledger, &board.times);
        if chosen.len() > 1 && !cases.is_empty() {
            blocks.push(format!("Channel {}\n", plain(&channel.thread.label)));
        }
        for case in &cases {
            blocks.push(board.text(case, desk.place.style));
            all.push(case_json(channel, case, &board.times, now));
        }
    }
    let (text, aside) = if all.is_empty() {
        ("No case yet: open one with 'truceline propose FILE'.\n".to_owned(), "")
    } else {
        (blocks.join("\n"), "One in full: truceline case show ID\n")
    };
    Ok(Answer::new(text, json!({"cases": all})).aside(aside))
}
