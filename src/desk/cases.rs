//! `truceline cases`: each negotiation, its state, whose turn it is and since when, what may be answered.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::case::{Means, OfferRecord};
use crate::deal::judge::Ledger;
use crate::deal::state::{CaseState, Duty};
use crate::deal::verdict::Act;
use crate::desk::failure::Failure;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::record::side;
use crate::desk::screen::{
    Answer, COLUMNS, Style, count, cut, field, json_time_if, list_of, plain, short, span, time,
};
use crate::desk::terms::offer_title;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::time::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FIELD: usize = 11;

/// What a channel's statements say of time: when each was stored here.
pub type Times = BTreeMap<Digest, UnixMillis>;

/// When each statement of a channel was stored here.
#[must_use]
pub fn times(channel: &Channel) -> Times {
    channel.statements().iter().map(|shown| (shown.id.0, shown.item.marks.stored)).collect()
}

/// What one side is to do, and since when.
pub struct Turn {
    /// Which side.
    pub role: Role,
    /// What it owes.
    pub duties: Vec<Duty>,
    /// Since when it owes the first of these.
    pub since: Option<UnixMillis>,
}

/// Who owes something in a case.
#[must_use]
pub fn turns(case: &CaseState<'_>, times: &Times) -> Vec<Turn> {
    let owed = Role::BOTH.map(|role| {
        let duties = case.owes(role);
        let since = duties.iter().filter_map(|duty| times.get(&cause(case, role, *duty)?).copied()).min();
        Turn { role, duties, since }
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
        json!({"whose": side(turn.role, me), "since": json_time_if(turn.since), "duties": duties})
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
        format!("{whose}{}: {}", since.unwrap_or_default(), list_of(&duties))
    };
    turns.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The state of a case: a word for machines, and a sentence.
#[must_use]
pub fn state(case: &CaseState<'_>, names: &Names) -> (&'static str, String) {
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
    if version > 0 {
        ("sealed", format!("sealed, version {version}"))
    } else {
        ("idle", "no open offer".to_owned())
    }
}

fn act_text(act: &Act, case: &CaseState<'_>, me: Role) -> Option<String> {
    let with = |what: &str, id: &Digest| Some(format!("{what} {}", short(id)));
    match act {
        Act::Offer { .. } => {
            let others = case.open_offers().find(|offer| offer.author != me);
            let any = others.map(|offer| offer.id).or_else(|| case.offers().last().map(|offer| offer.id))?;
            Some(format!("counter {} FILE", short(&any)))
        }
        Act::Withdraw(id) => with("withdraw", id),
        Act::Reject(id) => with("reject", id),
        Act::Accept(id) => with("accept", id),
        Act::Confirm(id) => with("confirm", id),
        Act::Lapse(id) => with("lapse", id),
        _ => None,
    }
}

const fn act_json(act: &Act) -> (&'static str, Option<Digest>) {
    match act {
        Act::Note => ("say", None),
        Act::Offer { .. } => ("counter", None),
        Act::Withdraw(id) => ("withdraw", Some(*id)),
        Act::Reject(id) => ("reject", Some(*id)),
        Act::Accept(id) => ("accept", Some(*id)),
        Act::Confirm(id) => ("confirm", Some(*id)),
        Act::Lapse(id) => ("lapse", Some(*id)),
        Act::Standby => ("standby", None),
        Act::Query => ("query", None),
        Act::Answer(id) => ("answer", Some(*id)),
        _ => ("say", None),
    }
}

/// What one needs to show the cases of a channel.
struct Board<'a> {
    channel: &'a Channel,
    names: Names,
    times: Times,
    titles: BTreeMap<Digest, String>,
    now: UnixMillis,
}

impl Board<'_> {
    fn title(&self, id: &Digest) -> &str {
        self.titles.get(id).map_or("", String::as_str)
    }

    /// A case's offers, the oldest first.
    fn offers<'c>(&self, case: &CaseState<'c>) -> Vec<&'c OfferRecord> {
        let mut offers: Vec<&OfferRecord> = case.offers().collect();
        offers.sort_by_key(|offer| (self.times.get(&offer.id).copied(), offer.id));
        offers
    }

    fn text(&self, case: &CaseState<'_>, style: Style) -> String {
        let id = case.id();
        let opener = self.names.name(case.opener());
        let title = cut(&format!("{}, opened by {opener}", self.title(&id)), COLUMNS - FIELD);
        let mut out = format!("{}  {title}\n", style.bold(&short(&id)));
        out.push_str(&field("  state", FIELD, &state(case, &self.names).1));
        for offer in self.offers(case) {
            let text = format!(
                "{} of {}: {}; {}",
                short(&offer.id),
                self.names.name(offer.author),
                self.title(&offer.id),
                case.offer_state(offer)
            );
            out.push_str(&field("  offer", FIELD, &text));
        }
        let turns = turns(case, &self.times);
        let turn = field("  turn", FIELD, &turns_text(&turns, &self.names, self.now));
        let mine = turns.iter().any(|turn| turn.role == self.names.me);
        out.push_str(&if mine { turn.replacen("yours", &style.waits("yours"), 1) } else { turn });
        let acts: Vec<String> =
            case.may(self.names.me).iter().filter_map(|act| act_text(act, case, self.names.me)).collect();
        let acts = if acts.is_empty() { "nothing but say".to_owned() } else { acts.join(", ") };
        out.push_str(&field("  you may", FIELD, &acts));
        out
    }

    fn json(&self, case: &CaseState<'_>) -> Value {
        let me = self.names.me;
        let offers: Vec<Value> = self
            .offers(case)
            .into_iter()
            .map(|offer| {
                json!({
                    "id": offer.id.hex(),
                    "author": side(offer.author, me),
                    "base": offer.base,
                    "parent": offer.parent.map(|parent| parent.hex()),
                    "state": case.offer_state(offer).to_string(),
                    "title": self.title(&offer.id),
                })
            })
            .collect();
        let acceptances: Vec<Value> = case
            .acceptances()
            .map(|it| {
                json!({
                    "id": it.id.hex(),
                    "author": side(it.author, me),
                    "offer": it.offer.hex(),
                    "lapsed": it.lapsed.is_some(),
                    "confirm": it.confirmed.map(|(confirm, _)| confirm.hex()),
                })
            })
            .collect();
        let may: Vec<Value> = case
            .may(me)
            .iter()
            .map(act_json)
            .map(|(act, id)| json!({"act": act, "id": id.map(|id| id.hex())}))
            .collect();
        json!({
            "id": case.id().hex(),
            "channel": self.channel.thread.label,
            "title": self.title(&case.id()),
            "opener": side(case.opener(), me),
            "version": case.version(),
            "state": state(case, &self.names).0,
            "turns": turns_json(&turns(case, &self.times), me),
            "offers": offers,
            "acceptances": acceptances,
            "may": may,
        })
    }
}

/// An offer's title.
fn title(shown: &Shown<'_>) -> Option<(Digest, String)> {
    match shown.content()?.ok()? {
        Content::Offer(offer) => Some((shown.id.0, offer_title(&offer))),
        _ => None,
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
        let titles = channel.statements().iter().filter_map(title).collect();
        let times = times(channel);
        let board = Board { channel, names: Names::of(channel), times, titles, now: desk.service.now() };
        let cases = in_order(&ledger, &board.times);
        if chosen.len() > 1 && !cases.is_empty() {
            blocks.push(format!("Channel {}\n", plain(&channel.thread.label)));
        }
        for case in &cases {
            blocks.push(board.text(case, desk.place.style));
            all.push(board.json(case));
        }
    }
    let text = if all.is_empty() {
        "No case yet: open one with 'truceline propose FILE'.\n".to_owned()
    } else {
        blocks.join("\n")
    };
    Ok(Answer::new(text, json!({"cases": all})))
}
