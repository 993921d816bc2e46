//! `truceline case show`: one case in full. All offers and what was said to each as a tree, whose turn it is, what is
//! sealed, how far the handover has come, what is overdue.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::case::Means;
use crate::deal::judge::Ledger;
use crate::deal::state::CaseState;
use crate::desk::cases::{Times, case_json, case_title, may_text, state, times, turns, turns_text};
use crate::desk::converse::named;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::progress::Progress;
use crate::desk::record::{json_of, void};
use crate::desk::renew;
use crate::desk::screen::{Answer, Style, field, json_time, paragraphs, plain, short, span, time};
use crate::desk::tell::{FIELD, content_line};
use crate::desk::terms::offer_title;
use crate::desk::tree::{Node, draw};
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A question or a breach whose answer is overdue.
pub struct Overdue {
    /// What was asked.
    pub id: Digest,
    /// Of what kind it is.
    pub kind: &'static str,
    /// Who owes the answer.
    pub whose: Role,
    /// Since when.
    pub since: UnixMillis,
}

/// The questions and breaches of a case that should have been answered before `now`.
#[must_use]
pub fn overdue(case: &CaseState<'_>, now: UnixMillis) -> Vec<Overdue> {
    let late = |at: Option<UnixMillis>| at.filter(|at| *at <= now);
    let queries = case.queries().filter(|(_, query)| query.answered.is_none()).filter_map(|(id, query)| {
        let since = late(query.answer_by)?;
        Some(Overdue { id: *id, kind: "query", whose: query.author.other(), since })
    });
    let breaches = case.breaches().into_iter().filter(|breach| breach.answered.is_none());
    let breaches = breaches.filter_map(|breach| {
        let since = late(breach.answer_by)?;
        Some(Overdue { id: breach.id, kind: "breach", whose: breach.author.other(), since })
    });
    queries.chain(breaches).collect()
}

/// What a statement hangs on in the tree, and what it says there.
pub struct Place {
    /// What it hangs on.
    pub on: Option<Digest>,
    /// What it says there, harmless.
    pub text: String,
}

impl Place {
    /// Of what belongs into the tree: offers, what is said to them, and whatever is void.
    #[must_use]
    pub fn of(content: &Content) -> Option<Self> {
        let reason = |text: Option<&crate::deal::word::Text>| {
            text.map(|text| plain(text.as_str())).unwrap_or_default()
        };
        let (on, text) = match content {
            Content::Offer(it) => (it.body().parent, offer_title(it)),
            Content::Withdraw(it) => (Some(it.offer), reason(it.reason.as_ref())),
            Content::Reject(it) => (Some(it.offer), reason(it.reason.as_ref())),
            Content::Accept(it) => (Some(it.offer), format!("holds until {}", time(it.hold_until))),
            Content::Confirm(it) => (Some(it.acceptance), String::new()),
            Content::Lapse(it) => (Some(it.acceptance), reason(it.reason.as_ref())),
            Content::Query(it) => (it.about, plain(it.text.as_str())),
            Content::Answer(it) => (Some(it.query), format!("{} {}", it.reply, reason(it.text.as_ref()))),
            Content::TransferNotice(it) => (Some(it.offer), content_line(content)),
            Content::Breach(it) => (Some(it.offer), content_line(content)),
            Content::BreachAnswered(it) => {
                (Some(it.breach), format!("{} {}", it.answer, reason(it.text.as_ref())))
            }
            Content::Standby(_) => (None, content_line(content)),
            _ => return None,
        };
        Some(Self { on, text: text.trim().to_owned() })
    }
}

/// What became of a statement of a case; none of what nothing becomes of.
#[must_use]
pub fn fate(case: &CaseState<'_>, id: Digest, now: UnixMillis) -> Option<String> {
    if let Some(offer) = case.offers().find(|offer| offer.id == id) {
        let agreed = case.pending().is_some_and(|agreement| agreement.offer == id);
        return Some(if agreed {
            "agreed, not sealed yet".to_owned()
        } else {
            case.offer_state(offer).to_string()
        });
    }
    if let Some(acceptance) = case.acceptances().find(|acceptance| acceptance.id == id) {
        let live = case.live(acceptance.author).is_some_and(|live| live.id == id);
        return match (acceptance.lapsed, acceptance.confirmed, live) {
            (Some(_), ..) => Some("lapsed".to_owned()),
            (None, Some(_), _) => Some("confirmed".to_owned()),
            (None, None, true) => Some("stands".to_owned()),
            (None, None, false) => Some("without effect any more".to_owned()),
        };
    }
    let query = case.queries().find(|(query, _)| **query == id).map(|(_, query)| query.answered.is_some());
    let breach = case.breaches().iter().find(|it| it.id == id).map(|it| it.answered.is_some());
    query.or(breach).map(|answered| {
        let word = if answered {
            "answered"
        } else if overdue(case, now).iter().any(|it| it.id == id) {
            "not answered, OVERDUE"
        } else {
            "not answered yet"
        };
        word.to_owned()
    })
}

/// How an agreement came about.
#[must_use]
pub fn means_text(means: &Means) -> String {
    match means {
        Means::Confirm { confirm, .. } => format!("confirm {}", short(confirm)),
        Means::Crossing { openers, others } => {
            format!("the crossing of {} and {}", short(openers), short(others))
        }
    }
}

/// One case, gathered for showing.
struct View<'a, 'l> {
    channel: &'a Channel,
    ledger: &'l Ledger,
    case: CaseState<'l>,
    /// Its statements, in the order of the transcript.
    shown: Vec<Shown<'a>>,
    names: Names,
    times: Times,
    now: UnixMillis,
}

impl View<'_, '_> {
    /// Its statements that stand in the tree, each with what it hangs on.
    fn places(&self) -> Vec<(&Shown<'_>, Place)> {
        let place = |shown: &Shown<'_>| {
            let is_void = void(self.ledger, shown).is_some();
            match shown.content() {
                Some(Ok(content)) => Place::of(&content)
                    .or_else(|| is_void.then(|| Place { on: None, text: content_line(&content) })),
                Some(Err(error)) => Some(Place { on: None, text: plain(&error.to_string()) }),
                None => is_void.then(|| Place { on: None, text: String::new() }),
            }
        };
        self.shown.iter().filter_map(|shown| Some((shown, place(shown)?))).collect()
    }

    /// What became of a statement.
    fn fate(&self, shown: &Shown<'_>) -> Option<String> {
        void(self.ledger, shown)
            .map(|reason| format!("VOID: {reason}"))
            .or_else(|| fate(&self.case, shown.id.0, self.now))
    }

    fn who(&self, role: Role) -> &str {
        if role == self.names.me { "you" } else { &self.names.peer }
    }

    fn tree(&self) -> String {
        let places = self.places();
        let at: BTreeMap<Digest, usize> =
            places.iter().enumerate().map(|(at, (shown, _))| (shown.id.0, at)).collect();
        let node = |(nth, (shown, place)): (usize, &(&Shown<'_>, Place))| {
            let kind = Kind::from_number(shown.header.kind).map_or("unknown", Kind::name);
            let fate = self.fate(shown).map(|fate| format!(": {fate}")).unwrap_or_default();
            let when = self.times.get(&shown.id.0).copied().map(time).unwrap_or_default();
            let head =
                format!("{kind} {} by {}, {when}{fate}", short(&shown.id.0), self.who(shown.header.author));
            let parent = place.on.and_then(|on| at.get(&on)).copied().filter(|parent| *parent < nth);
            let text = [head, place.text.clone()].into_iter().filter(|text| !text.is_empty());
            Node { parent, text: text.collect() }
        };
        draw(&places.iter().enumerate().map(node).collect::<Vec<_>>())
    }

    fn text(&self, style: Style) -> String {
        let (case, names) = (&self.case, &self.names);
        let opener = self.who(case.opener());
        let mut out = style.bold(&format!("case {}, opened by {opener}", short(&case.id())));
        if !case.sealed().is_empty() {
            out.push_str(&format!("\n{}", paragraphs(&case_title(self.channel, case), 0).trim_end()));
        }
        out.push_str(&format!("\n\n{}\n", self.tree()));
        out.push_str(&field("state", FIELD, &state(self.channel, case, names).1));
        out.push_str(&field("turn", FIELD, &turns_text(&turns(case, &self.times), names, self.now)));
        out.push_str(&field("you may", FIELD, &may_text(case, names.me)));
        for agreement in case.sealed() {
            let means = means_text(&agreement.means);
            let version = agreement.base.saturating_add(1);
            let current = if version == case.version() { "; current" } else { "" };
            let text = format!("offer {}, agreed by {means}{current}", short(&agreement.offer));
            out.push_str(&field(&format!("version {version}"), FIELD, &text));
        }
        for late in overdue(case, self.now) {
            let ago = span(self.now.since(late.since));
            let text = format!(
                "{} {}: {} owes an answer since {ago}",
                late.kind,
                short(&late.id),
                self.who(late.whose)
            );
            let line = field("overdue", FIELD, &text);
            out.push_str(&if style.colour {
                line.replacen("overdue", &style.wrong("overdue"), 1)
            } else {
                line
            });
        }
        out.push_str(&renew::fork_lines(self.channel, None, FIELD));
        if let Some(progress) = Progress::of(self.channel, case) {
            out.push_str(&format!("\n{}", progress.text(names)));
        }
        out
    }

    fn json(&self) -> Value {
        let statements: Vec<Value> = self
            .places()
            .iter()
            .map(|(shown, place)| {
                let mut statement = json_of(self.channel, self.ledger, shown);
                if let Value::Object(fields) = &mut statement {
                    fields.insert("on".to_owned(), Value::from(place.on.map(|on| on.hex())));
                    fields.insert("fate".to_owned(), Value::from(self.fate(shown)));
                }
                statement
            })
            .collect();
        let versions: Vec<Value> = self
            .case
            .sealed()
            .iter()
            .map(|it| json!({"version": it.base.saturating_add(1), "offer": it.offer.hex()}))
            .collect();
        let mut case = case_json(self.channel, &self.case, &self.times, self.now);
        if let Value::Object(fields) = &mut case {
            fields.insert("versions".to_owned(), Value::from(versions));
            fields.insert("statements".to_owned(), Value::from(statements));
        }
        json!({ "case": case })
    }
}

/// What is overdue, for machines.
#[must_use]
pub fn overdue_json(case: &CaseState<'_>, me: Role, now: UnixMillis) -> Vec<Value> {
    let one = |it: Overdue| {
        let whose = crate::desk::record::side(it.whose, me);
        json!({"kind": it.kind, "id": it.id.hex(), "whose": whose, "since": json_time(it.since)})
    };
    overdue(case, now).into_iter().map(one).collect()
}

/// Shows a case.
///
/// # Errors
/// [`Failure`].
pub fn show(desk: &Desk, asked: &grammar::OneCase) -> Result<Answer, Failure> {
    let (thread, id) = named(desk, &asked.case)?;
    let channel = desk.channel(thread)?;
    let ledger = channel.ledger_of(&id.0);
    let Some(case) = ledger.case(&id.0) else {
        let what = format!("no valid offer opens case {}", short(&id.0));
        return Err(Failure::new(Cause::Refused, what, "See the cases: truceline cases"));
    };
    let shown = channel.statements_in(&id.0);
    let view = View {
        channel,
        ledger: &ledger,
        case,
        shown,
        names: Names::of(channel),
        times: times(channel, &ledger),
        now: desk.service.now(),
    };
    Ok(Answer::new(view.text(desk.place.style), view.json()))
}
