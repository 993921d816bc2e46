//! What is said beside offers and handover: standby, queries and answers, breaches, transfer notices.

use crate::crypto::digest::Digest;
use crate::deal::body::{Answer as Answered, Content, Query, Reply, Standby};
use crate::deal::date::{DATE_FORMS, PartialDate};
use crate::deal::handover::{Breach, BreachAnswer, BreachAnswered, Remedy, TransferNotice};
use crate::desk::act::{case, text_if, text_of};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::held;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, future, plain, short};
use crate::desk::sign::{Leave, sign};
use crate::officer::engine::Channel;
use crate::statement::header::StatementId;
use crate::time::UnixMillis;

/// A moment that is still to come, as an officer writes it.
///
/// # Errors
/// [`Cause::Usage`].
pub fn when(text: &str, now: UnixMillis) -> Result<UnixMillis, Failure> {
    future(text, now).ok_or_else(|| {
        let what = format!("'{}' is no time to come", plain(text));
        Failure::new(Cause::Usage, what, "Write 2h, '3 days', 2031-05-01 or '2031-05-01 14:05Z'.")
    })
}

/// A moment that may have been left out.
///
/// # Errors
/// [`Cause::Usage`].
pub fn when_if(text: Option<&String>, now: UnixMillis) -> Result<Option<UnixMillis>, Failure> {
    text.map(|text| when(text, now)).transpose()
}

/// A word of a fixed set.
///
/// # Errors
/// [`Cause::Usage`], with the words there are.
pub fn word<T: Copy>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    all: &[T],
    told: impl Fn(T) -> &'static str,
) -> Result<T, Failure> {
    read(text).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|word| told(*word)).collect();
        let help = format!("Write one of: {}.", words.join(", "));
        Failure::new(Cause::Usage, format!("'{}' is none of the words there are", plain(text)), help)
    })
}

fn date_if(text: Option<&String>) -> Result<Option<PartialDate>, Failure> {
    let read = |text: &String| {
        PartialDate::parse(text.trim()).ok_or_else(|| {
            let what = format!("'{}' is no date", plain(text));
            Failure::new(Cause::Usage, what, format!("Write {DATE_FORMS}."))
        })
    };
    text.map(read).transpose()
}

/// A number that people count from 1 as the wire counts it.
///
/// # Errors
/// [`Cause::Usage`] for 0.
pub fn from_zero<T: Copy + TryFrom<u64>>(what: &str, number: impl Into<u64>) -> Result<T, Failure> {
    let at = number.into().checked_sub(1).and_then(|at| T::try_from(at).ok());
    at.ok_or_else(|| {
        Failure::new(Cause::Usage, format!("there is no {what} 0"), format!("Count each {what} from 1."))
    })
}

/// Lines as the wire has them: from 0, rising, none twice.
fn lines_from_zero(lines: &[u32]) -> Result<Vec<u32>, Failure> {
    let mut at: Vec<u32> = lines.iter().map(|line| from_zero("line", *line)).collect::<Result<_, _>>()?;
    at.sort_unstable();
    at.dedup();
    Ok(at)
}

/// The case that an id names: its own, or that of any statement in it.
///
/// # Errors
/// [`Failure`].
pub fn named(desk: &Desk, id: &str) -> Result<(u32, StatementId), Failure> {
    let found = desk.find(id)?;
    Ok((found.thread, case(desk, &found)?))
}

/// `truceline standby`.
///
/// # Errors
/// [`Failure`].
pub fn standby(desk: &mut Desk, asked: &grammar::Standby) -> Result<Answer, Failure> {
    let until = when_if(asked.until.as_ref(), desk.service.now())?;
    let (thread, case) = named(desk, &asked.case)?;
    let content = Content::Standby(Standby { until, reason: text_if(asked.reason.as_ref())? });
    sign(desk, thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}

/// `truceline query`.
///
/// # Errors
/// [`Failure`].
pub fn query(desk: &mut Desk, asked: &grammar::Query) -> Result<Answer, Failure> {
    let answer_by = when_if(asked.answer_by.as_ref(), desk.service.now())?;
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let content = Content::Query(Query { about: Some(found.id.0), text: text_of(&asked.text)?, answer_by });
    sign(desk, found.thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}

/// `truceline answer`: to a query, or to a breach.
///
/// # Errors
/// [`Failure`].
pub fn answer(desk: &mut Desk, asked: &grammar::Answer) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let text = text_if(asked.text.as_ref())?;
    let content = match held::content(desk.channel(found.thread)?, &found.id.0) {
        Some(Content::Query(_)) => {
            to_be_answered(desk.channel(found.thread)?, &case, &found.id.0)?;
            let reply = match (&asked.reply, &text) {
                (Some(reply), _) => word(reply, Reply::from_text, Reply::ALL, Reply::text)?,
                (None, Some(_)) => Reply::Told,
                (None, None) => {
                    let help = "Answer in words, or with --reply yes, no, 'not known', 'not said' or later.";
                    return Err(Failure::new(Cause::Usage, "an answer needs words, or a --reply", help));
                }
            };
            if reply == Reply::Told && text.is_none() {
                let help = "Say it behind the id, or choose another --reply.";
                return Err(Failure::new(Cause::Usage, "'told' needs the words that are told", help));
            }
            Content::Answer(Answered { query: found.id.0, reply, text })
        }
        Some(Content::Breach(_)) => {
            let Some(reply) = &asked.reply else {
                let help = "Give --reply admitted, denied, 'under inquiry' or remedied.";
                return Err(Failure::new(
                    Cause::Usage,
                    "a breach is answered by a word of a fixed set",
                    help,
                ));
            };
            let answer = word(reply, BreachAnswer::from_text, BreachAnswer::ALL, BreachAnswer::text)?;
            Content::BreachAnswered(BreachAnswered { breach: found.id.0, answer, text })
        }
        _ => {
            let what = format!("{} is neither a query nor a breach", short(&found.id.0));
            let help =
                "To answer an offer: truceline accept, counter or reject. See the cases: truceline cases";
            return Err(Failure::new(Cause::Refused, what, help));
        }
    };
    sign(desk, found.thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}

/// Whether an answer to a query would have any effect: it is the other's, and has none yet but `later`.
fn to_be_answered(channel: &Channel, case: &StatementId, id: &Digest) -> Result<(), Failure> {
    let (me, ledger) = (channel.thread.role, channel.ledger_of(&case.0));
    let asked = ledger.case(&case.0).and_then(|case| {
        let query = case.queries().find(|(query, _)| *query == id);
        query.map(|(_, query)| (query.author, query.answered))
    });
    let refused = |what: String, help: &str| {
        let what = format!("not signed, for it would have no effect: {what}");
        Err(Failure::new(Cause::Refused, what, help))
    };
    match asked {
        Some((author, _)) if author == me => {
            refused(format!("the question {} is your own", short(id)), "Only the other side can answer it.")
        }
        Some((_, Some(answer))) if !is_later(channel, &answer) => refused(
            format!("you have answered the question {} already, in {}", short(id), short(&answer)),
            "Say what is to be added in a note: truceline say --case CASE TEXT",
        ),
        _ => Ok(()),
    }
}

fn is_later(channel: &Channel, answer: &Digest) -> bool {
    matches!(held::content(channel, answer), Some(Content::Answer(Answered { reply: Reply::Later, .. })))
}

/// `truceline transfer-notice`.
///
/// # Errors
/// [`Failure`].
pub fn transfer_notice(desk: &mut Desk, asked: &grammar::TransferNotice) -> Result<Answer, Failure> {
    let found = desk.find(&asked.offer)?;
    let case = case(desk, &found)?;
    let leg: u16 = from_zero("leg", asked.leg)?;
    let lines = lines_from_zero(&asked.lines)?;
    let offer = held::offer(desk.channel(found.thread)?, &found.id.0).ok_or_else(|| {
        let what = format!("{} is no offer", short(&found.id.0));
        Failure::new(
            Cause::Refused,
            what,
            "Name the offer in which they are listed: truceline case show CASE",
        )
    })?;
    let Some(of) = offer.legs().get(usize::from(leg)) else {
        let what = format!("offer {} has no leg {}", short(&found.id.0), asked.leg);
        return Err(Failure::new(Cause::Usage, what, "See its legs: truceline show OFFER"));
    };
    no_line_past(&lines, offer.lines(of).len(), u64::from(asked.leg))?;
    let names = Names::of(desk.channel(found.thread)?);
    if of.giver != names.me {
        let what = format!(
            "leg {} is given by {}: only who gives can give notice of it",
            asked.leg,
            names.name(of.giver)
        );
        let help = format!("Ask for the notice: truceline query {} TEXT", short(&found.id.0));
        return Err(Failure::new(Cause::Refused, what, help));
    }
    let content = Content::TransferNotice(TransferNotice {
        offer: found.id.0,
        leg,
        lines,
        country: text_of(&asked.country)?,
        on: date_if(asked.on.as_ref())?,
        accommodation: text_if(asked.accommodation.as_ref())?,
        reason: text_if(asked.reason.as_ref())?,
    });
    sign(desk, found.thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}

fn no_line_past(lines: &[u32], listed: usize, leg: u64) -> Result<(), Failure> {
    let past = lines.iter().find(|line| usize::try_from(**line).is_ok_and(|line| line >= listed));
    past.map_or(Ok(()), |line| {
        let what = format!("the list of leg {leg} has {listed} lines, and no line {}", u64::from(*line) + 1);
        Err(Failure::new(Cause::Usage, what, "See its lines: truceline show OFFER"))
    })
}

/// `truceline breach`.
///
/// # Errors
/// [`Failure`].
pub fn breach(desk: &mut Desk, asked: &grammar::Breach) -> Result<Answer, Failure> {
    let remedy = word(&asked.remedy, Remedy::from_text, Remedy::ALL, Remedy::text)?;
    let answer_by = when_if(asked.answer_by.as_ref(), desk.service.now())?;
    let condition: u16 = from_zero("condition", asked.condition)?;
    let lines = lines_from_zero(&asked.lines)?;
    let (thread, case_id) = named(desk, &asked.case)?;
    let channel = desk.channel(thread)?;
    let ledger = channel.ledger_of(&case_id.0);
    let sealed = ledger.case(&case_id.0).and_then(|case| case.sealed().last().map(|it| it.offer));
    let Some((offer, id)) = sealed.and_then(|id| Some((held::offer(channel, &id)?, id))) else {
        let what = format!("nothing is sealed in case {}, so no condition binds", short(&case_id.0));
        return Err(Failure::new(Cause::Refused, what, "See how far it has come: truceline cases"));
    };
    let Some(broken) = offer.body().terms.conditions.get(usize::from(condition)) else {
        let what = format!("the sealed offer {} has no condition {}", short(&id), asked.condition);
        return Err(Failure::new(
            Cause::Usage,
            what,
            format!("See its conditions: truceline show {}", short(&id)),
        ));
    };
    if let Some(leg) = offer.legs().get(usize::from(broken.leg)) {
        no_line_past(&lines, offer.lines(leg).len(), u64::from(broken.leg) + 1)?;
    }
    let content = Content::Breach(Breach {
        offer: id,
        condition,
        lines,
        on: date_if(asked.on.as_ref())?,
        facts: text_of(&asked.facts)?,
        remedy,
        answer_by,
    });
    sign(desk, thread, Some(case_id), &content, Vec::new(), Leave::yes(asked.yes))
}
