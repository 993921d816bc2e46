//! Whether what is about to be said fits what the own side has said before, and what of that was not true. Warns,
//! and refuses nothing. Pure; nothing here ever leaves the own side.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer, Reply};
use crate::deal::handover::{Cause, HandoverLine, Outcome};
use crate::deal::history::{History, Spoken, at, record};
use crate::deal::identity::{Register, is_named_in, title};
use crate::deal::judge::Ledger;
use crate::deal::person::{Commission, Health, Judicial, Line, Person, Sex, Status, Wish};
use crate::deal::terms::{Category, Quantity};
use crate::deal::word::Text;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use bincode::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// A statement, or a person or bag on its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Place {
    /// The statement.
    pub statement: Digest,
    /// Leg and line, from 0; none for all of it.
    pub line: Option<(u16, u32)>,
}

/// Something the own side said that was not true.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Untruth {
    /// Where it was said.
    pub about: Place,
    /// What was said, in words, where the statement does not tell by itself.
    pub said: Option<Text>,
    /// What is so.
    pub truth: Text,
}

/// Something that does not fit what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Where it was said before.
    pub before: Place,
    /// Whom or what it is about.
    pub about: String,
    /// What of it.
    pub field: &'static str,
    /// What was said before.
    pub said: String,
    /// What the draft says.
    pub now: String,
    /// Whether what was said before is noted as not true.
    pub untrue: bool,
}

/// What an officer should know before the draft is signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// What does not fit.
    pub contradictions: Vec<Contradiction>,
    /// Untruths, by their places in the list that was given, that the draft touches and does not contradict.
    pub touched: Vec<usize>,
}

/// What the own side has said of one person or bag: the last of each kind.
#[derive(Default)]
struct Told<'h> {
    listed: BTreeMap<&'static str, (Place, String)>,
    /// What became of them; whether we were to give them.
    became: Option<(Place, &'h HandoverLine, bool)>,
    untruths: Vec<usize>,
}

/// A value that says something; none where the record is silent.
type Field = (&'static str, Option<String>);

/// The fields that are compared. `none` and `not asked` are what an empty cell reads as, so a record is silent there
/// until it has said otherwise: see [`Checker::compare`].
fn fields(person: &Person) -> Vec<Field> {
    let text = |text: Option<&Text>| text.map(|text| text.as_str().to_owned());
    let word = |is: bool, text: &str| is.then(|| text.to_owned());
    vec![
        ("service number", text(person.service_number.as_ref())),
        ("birth date", person.birth_date.map(|date| date.to_string())),
        ("sex", word(person.sex != Sex::Unknown, person.sex.text())),
        ("nationality", text(person.nationality.as_ref())),
        ("rank", text(person.rank.as_ref())),
        ("unit", text(person.unit.as_ref())),
        ("status", word(person.status != Status::Unknown, person.status.text())),
        ("health", word(person.health != Health::Unknown, person.health.text())),
        ("judicial state", word(person.judicial != Judicial::None, person.judicial.text())),
        ("commission", word(person.commission != Commission::None, person.commission.text())),
        ("consent", word(person.consent.wish != Wish::NotAsked, person.consent.wish.text())),
    ]
}

fn silent_now(field: &str) -> Option<&'static str> {
    match field {
        "judicial state" | "commission" => Some("none"),
        "consent" => Some("not asked"),
        _ => None,
    }
}

/// What the own side has said, ready to be compared with.
struct Checker<'h, 'a> {
    history: &'h History<'a>,
    untruths: &'h [Untruth],
    told: Register<'h, Told<'h>>,
    fit: Fit,
}

/// Whether a draft says anything that can be compared with what was said.
#[must_use]
pub const fn compares(draft: &Content) -> bool {
    matches!(draft, Content::Offer(_) | Content::Lines(_) | Content::Transport(_))
}

/// What of a statement [`fit`] reads: of the counterpart's lists, those alone that were sealed.
pub fn reads(ledger: &Ledger, me: Role) -> impl Fn(&Digest, Role, Option<Kind>) -> bool {
    let agreed = ledger
        .cases()
        .flat_map(|case| case.sealed().iter().map(|agreement| agreement.offer).collect::<Vec<_>>());
    let agreed: BTreeSet<Digest> = agreed.collect();
    move |id, author, kind| {
        author == me || !matches!(kind, Some(Kind::Offer | Kind::Lines)) || agreed.contains(id)
    }
}

/// Whether `draft`, in `case`, fits what the own side has said.
#[must_use]
pub fn fit(history: &History<'_>, untruths: &[Untruth], case: Option<Digest>, draft: &Content) -> Fit {
    let mut checker = Checker { history, untruths, told: Register::default(), fit: Fit::default() };
    checker.read();
    match draft {
        Content::Offer(offer) => checker.offer(offer),
        Content::Lines(lines) => {
            if let Some((_, offer)) = case.and_then(|case| history.version(&case, lines.body().version)) {
                checker.lines(offer, lines.lines());
            }
        }
        Content::Transport(transport) => {
            let sealed = case.and_then(|case| history.version(&case, transport.version));
            if let (Some((made, offer)), Some(persons)) = (sealed, transport.persons) {
                checker.transport(made, offer, persons);
            }
        }
        _ => {}
    }
    checker.remind(case);
    checker.fit
}

impl<'h> Checker<'h, '_> {
    /// Reads what the own side has said of whom.
    fn read(&mut self) {
        let history = self.history;
        for (made, offer) in history.offers().filter(|(made, _)| made.author == history.me) {
            for (leg, number) in offer.legs().iter().zip(0u16..) {
                for (line, row) in offer.lines(leg).iter().zip(0u32..) {
                    let place = Place { statement: made.id, line: Some((number, row)) };
                    let Some(told) = self.told.entry(leg.giver, line, Told::default) else { continue };
                    for (field, said) in line.person().map(fields).unwrap_or_default() {
                        if let Some(said) = said {
                            told.listed.insert(field, (place, said));
                        }
                    }
                }
            }
        }
        for (made, lines, (_, offer)) in history.handovers().filter(|(made, ..)| made.author == history.me) {
            for line in lines.lines() {
                let Some(who) = record(offer, line) else { continue };
                let Some(leg) = offer.legs().get(usize::from(line.subject.leg())) else { continue };
                let place = Place { statement: made.id, line: None };
                if let Some(told) = self.told.entry(leg.giver, who, Told::default) {
                    told.became = Some((place, line, leg.giver == history.me));
                }
            }
        }
        for (untruth, number) in self.untruths.iter().zip(0..) {
            let Some((leg, line)) = untruth.about.line else { continue };
            let Some((_, offer)) = history.offer(&untruth.about.statement) else { continue };
            let giver = offer.legs().get(usize::from(leg)).map(|leg| leg.giver);
            let Some((giver, line)) = giver.zip(at(offer, leg, line)) else { continue };
            if let Some(told) = self.told.entry(giver, line, Told::default) {
                told.untruths.push(number);
            }
        }
    }

    fn contradicts(&mut self, before: Place, about: String, field: &'static str, said: &str, now: &str) {
        let untrue = self.untruths.iter().any(|it| {
            it.about.statement == before.statement
                && (it.about.line.is_none() || it.about.line == before.line)
        });
        let (said, now) = (said.to_owned(), now.to_owned());
        self.fit.contradictions.push(Contradiction { before, about, field, said, now, untrue });
    }

    /// Compares a record with what was said of the same person.
    fn compare(&mut self, giver: Role, line: &Line) {
        let Some(told) = self.told.get(giver, line) else { return };
        let now = line.person().map(fields).unwrap_or_default();
        let mut differ = Vec::new();
        for (field, now) in now {
            let now = now.or_else(|| silent_now(field).map(str::to_owned));
            if let (Some((place, said)), Some(now)) = (told.listed.get(field), now)
                && *said != now
            {
                differ.push((*place, field, said.clone(), now));
            }
        }
        self.fit.touched.extend(&told.untruths);
        for (place, field, said, now) in differ {
            self.contradicts(place, title(line), field, &said, &now);
        }
    }

    fn offer(&mut self, offer: &Offer) {
        let me = self.history.me;
        for leg in offer.legs() {
            for line in offer.lines(leg) {
                self.compare(leg.giver, line);
                if leg.giver == me {
                    self.given(line);
                }
            }
            if leg.giver == me {
                self.counted(leg.category, offer.number(leg));
            }
        }
        self.denied(offer);
    }

    /// Somebody we offer to give, of whom we said that nobody could.
    fn given(&mut self, line: &Line) {
        let told = self.told.get(self.history.me, line);
        let Some((place, became, given)) = told.and_then(|told| told.became) else { return };
        let gone = match (became.outcome, became.cause, given) {
            (Outcome::Died, ..) | (Outcome::Delivered, _, true) => became.outcome.text(),
            (Outcome::NotDelivered, Cause::NotHeld | Cause::ThirdCountry, true) => became.cause.text(),
            _ => return,
        };
        self.contradicts(place, title(line), "what became of them", gone, "held by us");
    }

    /// More than we said that there are.
    fn counted(&mut self, category: Category, number: u32) {
        let me = self.history.me;
        let own = self.history.offers().filter(|(made, _)| made.author == me);
        let most = own.filter_map(|(made, offer)| {
            let legs = offer.legs().iter().filter(|leg| leg.giver == me && leg.category == category);
            legs.rev()
                .filter_map(|leg| match leg.quantity {
                    Quantity::Estimate { most, .. } => Some((made.id, most)),
                    _ => None,
                })
                .next()
        });
        if let Some((statement, most)) = most.last().filter(|(_, most)| *most < number) {
            let place = Place { statement, line: None };
            let said = format!("at most {most}");
            self.contradicts(place, format!("{category}, given by us"), "number", &said, &number.to_string());
        }
    }

    /// Somebody of whom we answered that it is not so, or not known.
    fn denied(&mut self, offer: &Offer) {
        let (history, me) = (self.history, self.history.me);
        let denials =
            history.spoken().iter().filter(|it| it.author == me).filter_map(|it| match &it.content {
                Some(Content::Answer(answer)) if matches!(answer.reply, Reply::No | Reply::NotKnown) => {
                    match &history.get(&answer.query)?.content {
                        Some(Content::Query(query)) => Some((it.id, answer.reply, query.text.as_str())),
                        _ => None,
                    }
                }
                _ => None,
            });
        for (statement, reply, question) in denials {
            for leg in offer.legs().iter().filter(|leg| leg.giver == me) {
                for line in offer.lines(leg) {
                    if line.person().is_some_and(|person| is_named_in(question, person)) {
                        let place = Place { statement, line: None };
                        let said = format!("'{reply}' to a question that names them");
                        self.contradicts(place, title(line), "our answer", &said, "held by us");
                    }
                }
            }
        }
    }

    /// Lines that do not fit our lists, or our lines before.
    fn lines(&mut self, offer: &Offer, lines: &[HandoverLine]) {
        for line in lines {
            let leg = offer.legs().get(usize::from(line.subject.leg()));
            let Some((leg, who)) = leg.zip(record(offer, line)) else { continue };
            let before = self.told.get(leg.giver, who).and_then(|told| told.became);
            if let Some((place, before, _)) = before
                && before.outcome != line.outcome
            {
                let (said, now) = (before.outcome.text(), line.outcome.text());
                self.contradicts(place, title(who), "what became of them", said, now);
            }
            self.compare(leg.giver, who);
        }
    }

    /// Another number of persons on the way than we are to give.
    fn transport(&mut self, made: &Spoken, offer: &Offer, persons: u32) {
        let given = given_in_all(offer, self.history.me);
        if !given.contains(&u64::from(persons)) {
            let place = Place { statement: made.id, line: None };
            let said = match (given.start(), given.end()) {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let about = "the transport of all whom we give".to_owned();
            self.contradicts(place, about, "number", &said, &persons.to_string());
        }
    }

    /// Adds untruths that are about no person: those said in the case of the draft, or in none.
    fn remind(&mut self, case: Option<Digest>) {
        for (untruth, number) in self.untruths.iter().zip(0..) {
            let said_in = self.history.get(&untruth.about.statement).and_then(|said| said.case);
            if untruth.about.line.is_none() && (said_in.is_none() || said_in == case) {
                self.fit.touched.push(number);
            }
        }
        let untruths = self.untruths;
        let contradictions = &self.fit.contradictions;
        self.fit.touched.retain(|number| {
            let about = untruths.get(*number).map(|untruth| untruth.about.statement);
            !contradictions.iter().any(|it| it.untrue && Some(it.before.statement) == about)
        });
        self.fit.touched.sort_unstable();
        self.fit.touched.dedup();
    }
}

/// How many `giver` gives in all legs, at least and at most.
fn given_in_all(offer: &Offer, giver: Role) -> std::ops::RangeInclusive<u64> {
    let legs = offer.legs().iter().filter(|leg| leg.giver == giver);
    legs.fold(0..=0, |sum, leg| {
        let range = offer.range(leg);
        let (less, more) = (leg.tolerance.min(*range.start()), leg.tolerance);
        sum.start() + u64::from(range.start() - less)..=sum.end() + u64::from(*range.end()) + u64::from(more)
    })
}
