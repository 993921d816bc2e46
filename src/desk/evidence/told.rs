//! Checked evidence in words: who the parties are, what each statement says, what is proven and by whose signature,
//! and what is not.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::shown::{Shown, ShownRecord};
use crate::desk::cases::state;
use crate::desk::content::{content_json, line_json};
use crate::desk::held::{Holds, agreed};
use crate::desk::names::Names;
use crate::desk::persons;
use crate::desk::screen::{count, field, json_time, list_of, paragraphs, plain, short, time};
use crate::desk::tell::{FIELD, content_text, outcomes_text};
use crate::desk::terms::offer_text;
use crate::officer::deposits::KeySource;
use crate::officer::evidence::{CheckedEvidence, DepositedBy, Told as Said};
use crate::party::card::Card;
use crate::party::role::Role;
use crate::statement::evidence::checked::Proven;
use crate::statement::evidence::{Disclosure, Scope};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use serde_json::{Value, json};

impl Holds for CheckedEvidence {
    fn content(&self, id: &Digest) -> Option<Content> {
        match self.statement(id)? {
            (_, Said::Deal(content)) => Some(content.as_ref().clone()),
            (_, Said::Part(Shown::Offer(offer, _))) => Some(Content::Offer(offer.clone())),
            _ => None,
        }
    }
}

/// Evidence with the names of its parties.
pub(super) struct Told<'a> {
    evidence: &'a CheckedEvidence,
    names: Names,
    fingerprints: [Digest; 2],
    identified: bool,
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Inviter => "inviter",
        Role::Joiner => "joiner",
    }
}

fn kind_name(header: &Header) -> &'static str {
    Kind::from_number(header.kind).map_or("unknown", Kind::name)
}

impl<'a> Told<'a> {
    pub(super) fn new(evidence: &'a CheckedEvidence, identified: bool) -> Result<Self, CodecError> {
        let [inviter, joiner] = &evidence.bundle.preamble.cards;
        let name = |card: &Card| plain(card.name().as_str());
        let names = Names { me: Role::Inviter, own: name(inviter), peer: name(joiner) };
        let fingerprints = [inviter.fingerprint()?, joiner.fingerprint()?];
        Ok(Self { evidence, names, fingerprints, identified })
    }

    pub(super) const fn fingerprints(&self) -> [Digest; 2] {
        self.fingerprints
    }

    fn name(&self, role: Role) -> &str {
        self.names.name(role)
    }

    /// `offer 3f2a91c0, #4 of Velmara`.
    fn title(&self, proven: &Proven) -> String {
        let Header { author, sequence, .. } = proven.header;
        format!("{} {}, #{sequence} of {}", kind_name(&proven.header), short(&proven.id.0), self.name(author))
    }

    fn about(&self) -> String {
        let shown = self.evidence.bundle.statements.len() as u64;
        match self.evidence.bundle.scope {
            Scope::Statements => count(shown, "statement", "statements"),
            Scope::Case(case) => format!("case {}, all of it", short(&case.0)),
            Scope::Agreement { case, offer } => {
                format!("how offer {} of case {} was agreed and sealed", short(&offer.0), short(&case.0))
            }
            Scope::Person { offer, leg, line } => {
                let record = self.evidence.record(&offer, leg, line);
                let who = record.map(|record| format!(": {}", persons::name(&record))).unwrap_or_default();
                let (leg, line) = (u32::from(leg) + 1, u64::from(line) + 1);
                format!("line {line} of leg {leg} of offer {}{who}", short(&offer.0))
            }
            Scope::Fork => "two statements at one place of a chain".to_owned(),
        }
    }

    /// Who the parties are, and what the evidence is about.
    pub(super) fn parties(&self) -> String {
        let bundle = &self.evidence.bundle;
        let mut out = String::new();
        for ((role, fingerprint), (number, head)) in
            Role::BOTH.into_iter().zip(&self.fingerprints).zip(bundle.up_to())
        {
            out.push_str(&field(role_word(role), FIELD, &fingerprint.hex()));
            out.push_str(&field("", FIELD, &format!("calls itself {}", self.name(role))));
            let head = match number {
                0 => "no statement".to_owned(),
                _ => format!("{}, head {}", count(number, "statement", "statements"), short(&head.0)),
            };
            out.push_str(&field("", FIELD, &head));
        }
        out.push_str(&field("channel", FIELD, &bundle.preamble.channel.hex()));
        out.push_str(&field("about", FIELD, &self.about()));
        out.push_str(&field("digest", FIELD, &bundle.digest.hex()));
        out
    }

    /// What is in it, a line each.
    pub(super) fn contents(&self) -> String {
        let line = |(proven, _): (&Proven, &Said)| {
            field("  -", 4, &format!("{}: {}", self.title(proven), self.disclosed(proven)))
        };
        self.evidence.statements().map(line).collect()
    }

    fn disclosed(&self, proven: &Proven) -> String {
        match &proven.disclosure {
            Disclosure::Withheld => "its header alone".to_owned(),
            Disclosure::Whole(_) => "whole".to_owned(),
            Disclosure::Part(part) => {
                let shown: usize = part.lists.iter().map(|list| list.lines.len()).sum();
                let all: u64 = part.lists.iter().map(|list| u64::from(list.root.lines)).sum();
                format!("its body, and {shown} of {}", count(all, "line", "lines"))
            }
        }
    }

    /// Each statement: where it stands, what shows that it came, what it says.
    pub(super) fn statements(&self) -> String {
        let mut out = String::new();
        for (proven, said) in self.evidence.statements() {
            let header = &proven.header;
            out.push_str(&paragraphs(&self.title(proven), 0));
            let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
            fact("id", &proven.id.0.hex());
            if header.case != StatementId::NONE {
                fact("case", &header.case.0.hex());
            }
            fact("said", &format!("{} by {}'s clock", time(header.clock), self.name(header.author)));
            fact("delivered", &self.delivered(proven));
            if let Some(read) = self.evidence.read(proven) {
                fact("read", &self.receipt(read));
            }
            for deposit in self.evidence.deposits.iter().filter(|it| it.statement == proven.id) {
                fact("deposited", &Self::deposited(deposit));
            }
            if let Some(Err(void)) = self.evidence.ledger.as_ref().and_then(|it| it.verdict(&proven.id.0)) {
                fact("verdict", &format!("VOID: {void}"));
            }
            fact("shown", &self.disclosed(proven));
            out.push_str(&self.said(said));
            out.push('\n');
        }
        out
    }

    fn receipt(&self, header: &Header) -> String {
        let who = self.name(header.author);
        format!("{who} signed so in its #{}, {} by its clock", header.sequence, time(header.clock))
    }

    fn deposited(by: &DepositedBy) -> String {
        let (key, at) = (short(&by.key), time(by.clock));
        format!(
            "a relay with deposit key {key} signed that it had stored all of it at {at} by its clock ({})",
            plain(&by.place.to_string())
        )
    }

    fn delivered(&self, proven: &Proven) -> String {
        match &proven.acknowledged {
            Some(header) => self.receipt(header),
            None => {
                format!("not acknowledged by {} in what is shown", self.name(proven.header.author.other()))
            }
        }
    }

    fn said(&self, said: &Said) -> String {
        match said {
            Said::Withheld | Said::Other => String::new(),
            Said::Malformed => "  A body that its kind does not allow: it has no effect.\n".to_owned(),
            Said::WordsConfirmed => "  The safety words agree.\n".to_owned(),
            Said::Read(read) => {
                let numbers: Vec<String> = read.sequences.iter().map(|it| format!("#{it}")).collect();
                field("  has read", FIELD, &list_of(&numbers))
            }
            Said::Deal(content) => {
                let offer = self.agreed(content);
                content_text(content, &self.names, offer.as_deref(), true)
            }
            Said::Part(Shown::Offer(offer, records)) => {
                let mut out = offer_text(offer, &self.names);
                for ShownRecord { leg, line, excepted, record } in records {
                    let given = if *excepted { "who is not part of it" } else { "whom it names" };
                    let (leg, line) = (u32::from(*leg) + 1, u64::from(*line) + 1);
                    out.push_str(&format!("\nLeg {leg}, line {line} of those {given}:\n"));
                    let full = persons::in_full(std::slice::from_ref(record), &self.names);
                    out.push_str(full.trim_start_matches("\n1.\n"));
                }
                out
            }
            Said::Part(Shown::Lines(body, lines)) => {
                let lines: Vec<_> = lines.iter().map(|(_, line)| line.clone()).collect();
                field("version", FIELD, &body.version.to_string()) + "\n" + &outcomes_text(&lines, None)
            }
        }
    }

    /// The offer that content is about by its lines, where that is shown.
    fn agreed(&self, content: &Content) -> Option<Box<Offer>> {
        let case = self.evidence.bundle.scope.case();
        let case = self.evidence.ledger.as_ref().zip(case).and_then(|(ledger, id)| ledger.case(&id.0));
        agreed(self.evidence, case.as_ref(), content)
    }

    /// What is proven, and by whose signature, in sentences.
    pub(super) fn proven(&self) -> Vec<String> {
        let bundle = &self.evidence.bundle;
        let (inviter, joiner) = (&self.names.own, &self.names.peer);
        let mut out = vec![format!(
            "{inviter} and {joiner} each signed the introduction of this one channel, with both cards in it."
        )];
        for (role, head) in Role::BOTH.into_iter().zip(&bundle.heads) {
            let (name, other) = (self.name(role), self.name(role.other()));
            if let Some(head) = head {
                let peer = match head.peer_count.checked_sub(1) {
                    Some(last) => format!("and that it had {other}'s up to #{last}"),
                    None => format!("and acknowledges nothing of {other}'s"),
                };
                out.push(format!("{name} signed its statements up to #{}, {peer}.", head.sequence));
            }
        }
        if bundle.heads.iter().all(Option::is_some) {
            out.push(
                "What each signed of the other's statements is one history with what the other signed."
                    .to_owned(),
            );
        }
        if let Scope::Person { offer, leg, line } = bundle.scope {
            out.extend(self.person(&offer, leg, line));
        }
        out.extend(self.agreement());
        if let Some(state) = self.state() {
            out.push(format!(
                "This is all that was said in the case up to these heads. By its statements alone: {state}."
            ));
        }
        for by in &self.evidence.deposits {
            out.push(format!("Of {}: {}.", short(&by.statement.0), Self::deposited(by)));
        }
        for [first, second] in &bundle.forks {
            let name = self.name(first.author);
            let ids = [first, second].map(|header| short(&header.id().0));
            out.push(format!(
                "{name} signed two different statements as its #{}: {} and {}.",
                first.sequence, ids[0], ids[1]
            ));
        }
        out
    }

    fn person(&self, offer: &StatementId, leg: u16, line: u32) -> Option<String> {
        let record = self.evidence.record(offer, leg, line)?;
        let (proven, _) = self.evidence.statement(&offer.0)?;
        let name = self.name(proven.header.author);
        let (leg, line) = (u32::from(leg) + 1, u64::from(line) + 1);
        Some(format!(
            "{name} signed offer {} with {} at line {line} of leg {leg}.",
            short(&offer.0),
            persons::name(&record)
        ))
    }

    /// Who signed an acceptance or a confirm that is shown.
    fn agreement(&self) -> Vec<String> {
        let sentence = |(proven, said): (&Proven, &Said)| {
            let Said::Deal(content) = said else { return None };
            let what = match content.as_ref() {
                Content::Accept(it) => format!("accepts offer {}", short(&it.offer)),
                Content::Confirm(it) => format!("confirms acceptance {}", short(&it.acceptance)),
                _ => return None,
            };
            let author = proven.header.author;
            let had = proven.acknowledged.as_ref().map(|header| {
                format!("; {} signed in its #{} that it had this", self.name(author.other()), header.sequence)
            });
            Some(format!("{} signed that it {what}{}.", self.name(author), had.unwrap_or_default()))
        };
        self.evidence.statements().filter_map(sentence).collect()
    }

    /// What the case has come to.
    fn state(&self) -> Option<String> {
        let case = self.evidence.bundle.scope.case()?;
        let case = self.evidence.ledger.as_ref()?.case(&case.0)?;
        Some(state(self.evidence, &case, &self.names).1)
    }

    /// What is not proven, in sentences.
    pub(super) fn not_proven(&self) -> Vec<String> {
        let bundle = &self.evidence.bundle;
        let mut out = vec![
            "That what was said is true: a signature shows who claims it.".to_owned(),
            "When it was said: times are claims by their authors' clocks.".to_owned(),
            "That nothing was said after the heads.".to_owned(),
        ];
        match bundle.scope {
            Scope::Statements | Scope::Person { .. } => out.push(
                "Whether something said before or between undid it: for that, ask for the evidence of the whole case."
                    .to_owned(),
            ),
            Scope::Agreement { .. } => {
                out.push("Whether another version has taken its place since.".to_owned());
            }
            Scope::Case(_) | Scope::Fork => {}
        }
        let is_lines = |said: &Said| match said {
            Said::Part(Shown::Lines(..)) => true,
            Said::Deal(content) => matches!(content.as_ref(), Content::Lines(_)),
            _ => false,
        };
        if bundle.scope.case().is_none() && self.evidence.told.iter().any(is_lines) {
            out.push(
                "Whom handover lines are about: they name a version, a leg and a line, and which offer a version is the \
                 evidence of the whole case shows."
                    .to_owned(),
            );
        }
        if self.evidence.told.contains(&Said::Withheld) {
            out.push("What the statements say of which only the header is shown.".to_owned());
        }
        let untold = bundle.statements.iter().filter(|it| it.acknowledged.is_none());
        let untold: Vec<String> = untold.map(|it| short(&it.id.0)).collect();
        if !untold.is_empty() {
            out.push(format!("That the other side had {}.", list_of(&untold)));
        }
        if !self.evidence.deposits.is_empty() {
            out.push(
                "Whose a relay's deposit key is, where that relay was, and that its clock was right."
                    .to_owned(),
            );
            out.push(
                "That what a relay stored lay in the other side's mailbox, and that the other side could open it."
                    .to_owned(),
            );
        }
        if !self.identified {
            out.push("Who the parties are: their names are what they call themselves.".to_owned());
        }
        out
    }

    /// What is proven, and what is not.
    pub(super) fn verdicts(&self) -> String {
        let part = |head: &str, lines: Vec<String>| {
            let lines: String = lines.iter().map(|line| field("  -", 4, line)).collect();
            format!("{head}\n{lines}")
        };
        format!("{}\n{}", part("Proven:", self.proven()), part("Not proven:", self.not_proven()))
    }

    pub(super) fn json(&self) -> Value {
        let bundle = &self.evidence.bundle;
        let parties = Role::BOTH.into_iter().zip(&self.fingerprints).zip(bundle.up_to());
        let parties = parties.map(|((role, fingerprint), (number, head))| {
            let [inviter, joiner] = &bundle.preamble.cards;
            let card = if role == Role::Inviter { inviter } else { joiner };
            json!({
                "role": role_word(role),
                "name": card.name().as_str(),
                "fingerprint": fingerprint.hex(),
                "statements": number,
                "head": (number > 0).then(|| head.0.hex()),
                "words_confirmed": self.evidence.words_confirmed(role).is_some(),
            })
        });
        let forks = bundle.forks.iter().map(|pair| {
            let [first, second] = pair.each_ref().map(|header| header.id().0.hex());
            json!({"author": role_word(pair[0].author), "sequence": pair[0].sequence, "ids": [first, second]})
        });
        json!({
            "digest": bundle.digest.hex(),
            "channel": bundle.preamble.channel.hex(),
            "parties": parties.collect::<Vec<_>>(),
            "about": self.about_json(),
            "state": self.state(),
            "statements": self.evidence.statements().map(|it| self.statement_json(it)).collect::<Vec<_>>(),
            "forks": forks.collect::<Vec<_>>(),
            "proven": self.proven(),
            "not_proven": self.not_proven(),
        })
    }

    fn about_json(&self) -> Value {
        match self.evidence.bundle.scope {
            Scope::Statements => json!({"kind": "statements"}),
            Scope::Case(case) => json!({"kind": "case", "case": case.0.hex()}),
            Scope::Agreement { case, offer } => {
                json!({"kind": "agreement", "case": case.0.hex(), "offer": offer.0.hex()})
            }
            Scope::Person { offer, leg, line } => json!({
                "kind": "person",
                "offer": offer.0.hex(),
                "leg": u32::from(leg) + 1,
                "line": u64::from(line) + 1,
                "who": self.evidence.record(&offer, leg, line).map(|it| persons::json(&it, &self.names)),
            }),
            Scope::Fork => json!({"kind": "fork"}),
        }
    }

    fn statement_json(&self, (proven, said): (&Proven, &Said)) -> Value {
        let header = &proven.header;
        let receipt = |header: &Header| json!({"sequence": header.sequence, "at": json_time(header.clock)});
        let case = (header.case != StatementId::NONE).then(|| header.case.0.hex());
        let verdict = self.evidence.ledger.as_ref().and_then(|ledger| ledger.verdict(&proven.id.0));
        let (shown, body, lines) = match said {
            Said::Withheld => ("header", Value::Null, Value::Null),
            Said::Part(Shown::Offer(offer, records)) => {
                let record = |it: &ShownRecord| {
                    json!({
                        "leg": u32::from(it.leg) + 1,
                        "line": u64::from(it.line) + 1,
                        "excepted": it.excepted,
                        "who": persons::json(&it.record, &self.names),
                    })
                };
                let offer = content_json(&Content::Offer(offer.clone()), &self.names);
                ("part", offer, records.iter().map(record).collect())
            }
            Said::Part(Shown::Lines(body, lines)) => {
                let lines = lines.iter().map(|(_, line)| line_json(line, &self.names)).collect();
                ("part", json!({"version": body.version}), lines)
            }
            Said::Deal(content) => ("whole", content_json(content, &self.names), Value::Null),
            _ => ("whole", Value::Null, Value::Null),
        };
        let deposits = self.evidence.deposits.iter().filter(|it| it.statement == proven.id).map(|it| {
            let named = it.source == KeySource::Counterpart;
            json!({
                "relay": it.place.to_string(),
                "key": it.key.hex(),
                "key_named": named,
                "at": json_time(it.clock),
            })
        });
        json!({
            "id": proven.id.0.hex(),
            "author": role_word(header.author),
            "sequence": header.sequence,
            "kind": kind_name(header),
            "case": case,
            "said": json_time(header.clock),
            "deposits": deposits.collect::<Vec<_>>(),
            "delivered": proven.acknowledged.as_ref().map(receipt),
            "read": self.evidence.read(proven).map(receipt),
            "void": verdict.and_then(Result::err).map(|reason| reason.to_string()),
            "shown": shown,
            "body": body,
            "lines": lines,
        })
    }
}
