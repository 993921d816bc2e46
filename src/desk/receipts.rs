//! The four receipts of an own statement, told apart: deposited, delivered, read, answered; each with its time, how long
//! it took and how late it was. May not decide anything: it tells what the engine and the ledger hold.

use crate::crypto::digest::Digest;
use crate::deal::delay::{End, Wait, waits};
use crate::deal::judge::Ledger;
use crate::desk::own::history;
use crate::desk::record::is_receipt;
use crate::desk::screen::{json_time, json_time_if, list_of, plain, short, span, time};
use crate::desk::tell::kind_word;
use crate::officer::deposits::DepositedAt;
use crate::officer::engine::Channel;
use crate::officer::thread::Outbound;
use crate::officer::view::Shown;
use crate::statement::kind::Kind;
use crate::time::{Millis, UnixMillis};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A statement that is deposited and not acknowledged for longer than this is withheld, or its reader unreachable.
pub const DELIVERY_WITHIN: Millis = Millis::days(1);

/// What each own statement asked for, and how it was answered; of those that ask.
pub struct Answers(BTreeMap<Digest, (Wait, Option<u16>)>);

impl Answers {
    /// Of a channel.
    #[must_use]
    pub fn of(channel: &Channel, ledger: &Ledger) -> Self {
        let peer = channel.thread.role.other();
        let asked = waits(&history(channel, ledger)).into_iter().filter(|wait| wait.whose == peer);
        let mut answers: BTreeMap<_, _> = asked.map(|wait| (wait.id, (wait, None))).collect();
        let kinds: BTreeMap<_, _> =
            channel.statements_of(peer).map(|shown| (shown.id.0, shown.header.kind)).collect();
        for (wait, kind) in answers.values_mut() {
            if let End::Answered(by, _) = wait.end {
                *kind = kinds.get(&by).copied();
            }
        }
        Self(answers)
    }
}

/// How a statement was answered.
struct Answered {
    by: Digest,
    kind: u16,
    at: UnixMillis,
}

/// The receipts of one own statement.
pub struct Receipts<'a> {
    shown: &'a Shown<'a>,
    relays: Vec<DepositedAt<'a>>,
    asked: Option<&'a (Wait, Option<u16>)>,
    now: UnixMillis,
}

impl<'a> Receipts<'a> {
    /// Of an own statement.
    #[must_use]
    pub fn of(channel: &'a Channel, answers: &'a Answers, shown: &'a Shown<'a>, now: UnixMillis) -> Self {
        let relays = channel.deposited_at(shown.header.sequence);
        Self { shown, relays, asked: answers.0.get(&shown.id.0), now }
    }

    /// The statement's id.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.shown.id.0
    }

    /// The statement in two words: its kind and the beginning of its id.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", kind_word(self.shown.header.kind), short(&self.shown.id.0))
    }

    /// By when it was to be acknowledged; none before it is deposited, and for a receipt.
    fn due(&self) -> Option<UnixMillis> {
        let deposited = self.shown.item.marks.deposited.filter(|_| !is_receipt(self.shown));
        deposited.map(|at| at.plus(DELIVERY_WITHIN))
    }

    /// Whether its deadline is over and nothing acknowledges it: a relay keeps it back, or the counterpart does not
    /// fetch or answer.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.shown.item.marks.delivered.is_none() && self.due().is_some_and(|due| due < self.now)
    }

    fn after(&self, at: UnixMillis) -> Millis {
        at.since(self.shown.item.marks.stored)
    }

    fn answered(&self) -> Option<Answered> {
        let (wait, kind) = self.asked?;
        match wait.end {
            End::Answered(by, at) => Some(Answered { by, kind: (*kind)?, at }),
            End::Waits | End::Moot => None,
        }
    }

    /// By when an answer was asked for.
    fn answer_due(&self) -> Option<UnixMillis> {
        self.asked.and_then(|(wait, _)| wait.until)
    }

    fn answered_text(&self) -> String {
        if let Some(it) = self.answered() {
            let told = self.told(Some(it.at), self.answer_due());
            return format!("by {} {}, {told}", kind_word(it.kind), short(&it.by));
        }
        match self.asked {
            None => "it asks for no answer".to_owned(),
            Some((Wait { end: End::Moot, .. }, _)) => "no answer is owed any more".to_owned(),
            Some((wait, _)) => match wait.until.filter(|_| wait.is_overdue(self.now)) {
                Some(until) => format!("not yet, {} late", span(self.now.since(until))),
                None => "not yet".to_owned(),
            },
        }
    }

    fn told(&self, at: Option<UnixMillis>, due: Option<UnixMillis>) -> String {
        let Some(at) = at else { return "not yet".to_owned() };
        let late = due.map(|due| at.since(due)).filter(|late| *late > Millis(0));
        let late = late.map(|late| format!(", {} late", span(late))).unwrap_or_default();
        format!("{}, after {}{late}", time(at), span(self.after(at)))
    }

    /// Where it lies, while that is kept: until it is acknowledged.
    fn where_text(&self) -> String {
        let one = |at: &DepositedAt<'_>| {
            let relay = plain(at.place.address());
            match &at.signed {
                Some(key) => format!("{relay}, signed with the key {}", short(key)),
                None => format!("{relay}, by its bare word"),
            }
        };
        list_of(&self.relays.iter().map(one).collect::<Vec<_>>())
    }

    /// Names and texts for people.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let marks = &self.shown.item.marks;
        let mut deposited = self.told(marks.deposited, None);
        if !self.relays.is_empty() {
            deposited.push_str(&format!(", at {}", self.where_text()));
        }
        let mut facts = vec![
            ("deposited", deposited),
            ("delivered", self.told(marks.delivered, self.due())),
            ("read", self.told(marks.read, None)),
            ("answered", self.answered_text()),
        ];
        facts.extend(self.withheld_text().map(|text| ("withheld", text)));
        facts
    }

    /// What is known of a statement that is withheld, and how to show it to others.
    #[must_use]
    pub fn withheld_text(&self) -> Option<String> {
        let due = self.due().filter(|_| self.is_withheld())?;
        let signed: Vec<String> = self
            .relays
            .iter()
            .filter_map(|at| {
                let key = short(at.signed.as_ref()?);
                Some(format!("{} signed at {} (key {key})", plain(at.place.address()), time(at.clock)))
            })
            .collect();
        let proof = if signed.is_empty() {
            "No relay has signed that it has it.".to_owned()
        } else {
            let id = short(&self.shown.id.0);
            format!(
                "{} that it has it: truceline evidence make --statements {id} --out FILE",
                list_of(&signed)
            )
        };
        Some(format!(
            "or unreachable: nothing acknowledges it since {} ({}). {proof}",
            time(due),
            span(self.now.since(due))
        ))
    }

    /// One line for a list of many.
    #[must_use]
    pub fn line(&self) -> String {
        let marks = &self.shown.item.marks;
        let head = self.name();
        let mut parts = Vec::new();
        let signed = if self.relays.iter().any(|at| at.signed.is_some()) { " (signed)" } else { "" };
        let mut part = |name: &str, at: Option<UnixMillis>| {
            if let Some(at) = at {
                parts.push(format!("{name} after {}", span(self.after(at))));
            }
        };
        part(&format!("deposited{signed}"), marks.deposited);
        part("delivered", marks.delivered);
        part("read", marks.read);
        part("answered", self.answered().map(|it| it.at));
        if self.is_withheld() {
            parts.push("WITHHELD or unreachable".to_owned());
        }
        if parts.is_empty() {
            format!("{head}: not sent yet")
        } else {
            format!("{head}: {}", parts.join(", "))
        }
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let marks = &self.shown.item.marks;
        let late = |at: UnixMillis, due: Option<UnixMillis>| due.map(|due| at.since(due).0);
        let relay = |at: &DepositedAt<'_>| {
            let key = at.signed.map(|key| key.hex());
            json!({"relay": at.place.to_string(), "at": json_time(at.clock), "signed": key.is_some(), "key": key})
        };
        let relays: Vec<Value> = self.relays.iter().map(relay).collect();
        let after = |at: UnixMillis| self.after(at).0;
        let answered = self.answered().map(|it| {
            let kind = Kind::from_number(it.kind).map_or("unknown", Kind::name);
            let late = late(it.at, self.answer_due());
            json!({"by": it.by.hex(), "kind": kind, "at": json_time(it.at), "after_ms": after(it.at), "late_ms": late})
        });
        json!({
            "deposited": marks.deposited.map(|at| json!({"at": json_time(at), "after_ms": after(at), "relays": relays})),
            "delivered": marks.delivered.map(|at| {
                json!({"at": json_time(at), "after_ms": after(at), "late_ms": late(at, self.due())})
            }),
            "read": marks.read.map(|at| json!({"at": json_time(at), "after_ms": after(at)})),
            "answered": answered,
            "deliver_by": json_time_if(self.due()),
            "answer_by": json_time_if(self.answer_due()),
            "withheld": self.is_withheld(),
        })
    }
}

/// What is wrong with the deposit keys of the counterpart's relays, in words.
#[must_use]
pub fn key_troubles(queues: &[Outbound]) -> Vec<String> {
    let mut told = Vec::new();
    for queue in queues {
        let (relay, key) = (plain(queue.place.address()), &queue.deposit);
        if let Some(other) = &key.other {
            let what = match key.named {
                Some(named) => {
                    format!("not {}, which the counterpart named; nothing is put there", short(&named))
                }
                None => "not the one it presented first; what it stores counts by its bare word".to_owned(),
            };
            told.push(format!("{relay} presents the deposit key {}, {what}", short(other)));
        }
        if key.broken > 0 {
            told.push(format!("{relay}: proofs of deposit that did not hold: {}", key.broken));
        }
    }
    told
}

/// The deposit keys of the counterpart's relays, for machines.
#[must_use]
pub fn keys_json(queues: &[Outbound]) -> Value {
    let one = |queue: &Outbound| {
        let key = queue.deposit.key.as_ref().map(|key| crate::wire::deposit::key_digest(key).hex());
        json!({
            "relay": queue.place.to_string(),
            "key": key,
            "named": queue.deposit.named.map(|digest| digest.hex()),
            "other": queue.deposit.other.map(|digest| digest.hex()),
            "broken": queue.deposit.broken,
        })
    };
    queues.iter().map(one).collect()
}
