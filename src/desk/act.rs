//! What an officer says: notes, proposals and answers to them. A summary first, then the signature.

use crate::crypto::digest::Digest;
use crate::deal::body::{Accept, Confirm, Content, Lapse, Note, Reject, Withdraw};
use crate::deal::import::{Draft, Sources, proposal_from_toml};
use crate::deal::verdict::Act;
use crate::deal::word::Text;
use crate::desk::ask::{can_ask, consent};
use crate::desk::content::content_json;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::{Desk, Found};
use crate::desk::record::case_of;
use crate::desk::screen::{Answer, duration, paragraphs, plain, short, time};
use crate::desk::tell::content_line;
use crate::desk::terms::offer_text;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::list::List;
use crate::time::UnixMillis;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// Bytes of a proposal file, at most: inline persons included.
const PROPOSAL_BYTES_MAX: u64 = 32 << 20;
/// Bytes of a list file, at most: what a statement could hold, and room for a spreadsheet's ways.
const LIST_BYTES_MAX: u64 = 32 << 20;

fn text_of(text: &str) -> Result<Text, Failure> {
    Text::new(text).map_err(|error| {
        Failure::with_remedy_inside(Cause::Input, &error.to_string(), "Say it in several statements.")
    })
}

fn reason_of(reason: Option<&String>) -> Result<Option<Text>, Failure> {
    reason.map(|reason| text_of(reason)).transpose()
}

fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > max { Err(format!("it has more than {} MiB", max >> 20)) } else { Ok(bytes) }
}

/// `truceline say`.
///
/// # Errors
/// [`Failure`].
pub fn say(desk: &mut Desk, asked: &grammar::Say) -> Result<Answer, Failure> {
    let mut text = asked.text.clone();
    if text == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().take(1 << 20).read_to_end(&mut bytes);
        let unusable = |cause: String| {
            Failure::new(Cause::Input, format!("standard input: {cause}"), "Give text in UTF-8.")
        };
        read.map_err(|error| unusable(error.to_string()))?;
        text = String::from_utf8(bytes).map_err(|_| unusable("not UTF-8".to_owned()))?.trim_end().to_owned();
    }
    let content = Content::Note(Note { text: text_of(&text)? });
    let (thread, case) = match &asked.case {
        None => (desk.one()?, None),
        Some(id) => {
            let found = desk.find(id)?;
            (found.thread, Some(case(desk, &found)?))
        }
    };
    sign(desk, thread, case, &content, Vec::new(), true)
}

/// The case a statement belongs to.
fn case(desk: &Desk, found: &Found) -> Result<StatementId, Failure> {
    let channel = desk.channel(found.thread)?;
    let ledger = channel.ledger();
    let shown = channel.statements_of(found.author).find(|shown| shown.id == found.id);
    shown.and_then(|shown| case_of(&ledger, &shown)).ok_or_else(|| {
        let what = format!("statement {} belongs to no case", short(&found.id.0));
        Failure::new(Cause::Refused, what, "See the cases: truceline cases")
    })
}

/// Reads a proposal, and the lists beside it.
fn draft(desk: &mut Desk, thread: u32, path: &Path) -> Result<Draft, Failure> {
    let me = desk.channel(thread)?.thread.role;
    let unreadable = |cause: String| {
        let what = format!("the proposal {} cannot be read: {cause}", path.display());
        Failure::new(Cause::Input, what, "Check the path; examples/exchange.toml shows every part.")
    };
    let bytes = read_bounded(path, PROPOSAL_BYTES_MAX).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let now = desk.service.now();
    let mut list = |name: &str| {
        // A proposal may come from elsewhere: what it names must not be any file of this machine.
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err("lies outside the proposal's folder".to_owned());
        }
        read_bounded(&beside.join(name), LIST_BYTES_MAX)
    };
    let service = &mut desk.service;
    let mut seed = || service.random_seed();
    Ok(proposal_from_toml(&text, &mut Sources { me, now, list: &mut list, seed: &mut seed })?)
}

/// `truceline propose`.
///
/// # Errors
/// [`Failure`]; nothing is signed then.
pub fn propose(desk: &mut Desk, asked: &grammar::Propose) -> Result<Answer, Failure> {
    let thread = desk.one()?;
    let draft = draft(desk, thread, &asked.file)?;
    let content = draft.offer(0, None)?;
    sign(desk, thread, None, &content, draft.lists, asked.yes)
}

/// `truceline counter`.
///
/// # Errors
/// [`Failure`]; nothing is signed then.
pub fn counter(desk: &mut Desk, asked: &grammar::Counter) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let case_id = case(desk, &found)?;
    let (version, answers) = {
        let ledger = desk.channel(found.thread)?.ledger();
        let case = ledger.case(&case_id.0);
        let offer = case.as_ref().and_then(|case| case.offers().find(|offer| offer.id == found.id.0));
        let answers = offer.map(|offer| offer.id).ok_or_else(|| {
            let what = format!("{} is not a valid offer", short(&found.id.0));
            Failure::new(Cause::Refused, what, "See the offers: truceline cases")
        })?;
        (case.map_or(0, |case| case.version()), answers)
    };
    let draft = draft(desk, found.thread, &asked.file)?;
    let content = draft.offer(version, Some(answers))?;
    sign(desk, found.thread, Some(case_id), &content, draft.lists, asked.yes)
}

/// `truceline accept`.
///
/// # Errors
/// [`Failure`].
pub fn accept(desk: &mut Desk, asked: &grammar::Accept) -> Result<Answer, Failure> {
    let hold = duration(&asked.hold).ok_or_else(|| {
        let what = format!("'{}' is no duration", plain(&asked.hold));
        Failure::new(Cause::Usage, what, "Write it as 48h, '3 days' or 90m.")
    })?;
    let found = desk.find(&asked.id)?;
    let hold_until = desk.service.now().plus(hold);
    let content = Content::Accept(Accept { offer: found.id.0, hold_until, remark: None });
    let case = case(desk, &found)?;
    sign(desk, found.thread, Some(case), &content, Vec::new(), asked.yes)
}

/// The acceptance that an id means: itself, or the live one of the offer it names.
fn acceptance(desk: &Desk, found: &Found, by: Role, case_id: &StatementId) -> Result<Digest, Failure> {
    let channel = desk.channel(found.thread)?;
    let ledger = channel.ledger();
    let is_offer =
        ledger.case(&case_id.0).is_some_and(|case| case.offers().any(|offer| offer.id == found.id.0));
    if !is_offer {
        return Ok(found.id.0);
    }
    let live = ledger.case(&case_id.0).and_then(|case| case.live(by).cloned());
    live.filter(|acceptance| acceptance.offer == found.id.0).map(|acceptance| acceptance.id).ok_or_else(
        || {
            let who = Names::of(channel).name(by).to_owned();
            let what = format!("no acceptance of offer {} by {who} stands", short(&found.id.0));
            Failure::new(
                Cause::Refused,
                what,
                "See what stands: truceline cases. What has not come yet: truceline sync",
            )
        },
    )
}

/// `truceline confirm`.
///
/// # Errors
/// [`Failure`].
pub fn confirm(desk: &mut Desk, asked: &grammar::Act) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let by = desk.channel(found.thread)?.thread.role.other();
    let content = Content::Confirm(Confirm { acceptance: acceptance(desk, &found, by, &case)? });
    sign(desk, found.thread, Some(case), &content, Vec::new(), asked.yes)
}

/// `truceline lapse`, `reject` and `withdraw`: an act on one statement, with a reason.
///
/// # Errors
/// [`Failure`].
pub fn take_back(desk: &mut Desk, kind: Kind, asked: &grammar::Reasoned) -> Result<Answer, Failure> {
    let reason = reason_of(asked.reason.as_ref())?;
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let content = match kind {
        Kind::Lapse => {
            let by = desk.channel(found.thread)?.thread.role;
            Content::Lapse(Lapse { acceptance: acceptance(desk, &found, by, &case)?, reason })
        }
        Kind::Withdraw => Content::Withdraw(Withdraw { offer: found.id.0, reason }),
        _ => Content::Reject(Reject { offer: found.id.0, reason }),
    };
    sign(desk, found.thread, Some(case), &content, Vec::new(), asked.yes)
}

/// Shows what is about to be signed, asks where somebody is there, signs, and queues it.
fn sign(
    desk: &mut Desk,
    thread: u32,
    case: Option<StatementId>,
    content: &Content,
    lists: Vec<List>,
    yes: bool,
) -> Result<Answer, Failure> {
    let channel = desk.channel(thread)?;
    let names = Names::of(channel);
    let label = channel.thread.label.clone();
    let case_id = case.map(|case| case.0);
    if channel.session().is_some() {
        channel.ledger().would_be(names.me, case_id.as_ref(), &Act::of(content))?;
    }
    let kind = content.kind();
    if kind != Kind::Note {
        if !desk.place.json {
            eprint!(
                "To be signed as {}, for {} to read:\n\n{}\n",
                names.own,
                names.peer,
                summary(channel, content, &names)
            );
        }
        if !yes && can_ask() && !consent("Sign it?", "--yes")? {
            return Err(Failure::new(Cause::Refused, "not signed", "Nothing was said."));
        }
    }
    let id = desk.service.command(|officer, now, rng| officer.say(thread, case, content, lists, now, rng))?;
    let text = format!("{} {} is signed and waits to be sent.\n", capital(kind.name()), short(&id.0));
    let json = json!({
        "id": id.0.hex(),
        "channel": label,
        "kind": kind.name(),
        "case": case_id.or((kind == Kind::Offer).then_some(id.0)).map(|case| case.hex()),
        "summary": content_line(content),
        "body": match content { Content::Offer(_) => serde_json::Value::Null, other => content_json(other, &names) },
    });
    Ok(Answer::new(text, json).aside("Send it: truceline sync\n"))
}

/// What is signed, in words, and the whole offer that it is about.
fn summary(channel: &Channel, content: &Content, names: &Names) -> String {
    let peer = &names.peer;
    let (offer, hold) = about(channel, content);
    let means = match content {
        Content::Offer(offer) => return offer_text(offer, names),
        Content::Accept(accept) => format!(
            "You accept the whole of the offer below, and hold to that until {}. Once {peer} confirms, it binds \
             both, and only an amendment can change it.",
            time(accept.hold_until)
        ),
        Content::Confirm(_) => format!(
            "You confirm that {peer} accepted your offer below. Once {peer} acknowledges that, it binds both, and \
             only an amendment can change it."
        ),
        Content::Lapse(_) => {
            let promised = hold.map_or_else(String::new, |until| {
                format!(" You promised to hold to it until {}.", time(until))
            });
            format!("You take back your acceptance of the offer below.{promised}")
        }
        Content::Reject(_) => "You reject the offer below.".to_owned(),
        Content::Withdraw(_) => "You withdraw your offer below.".to_owned(),
        other => format!("{}: {}", other.kind().name(), content_line(other)),
    };
    let mut text = paragraphs(&means, 0);
    if let Some(shown) = offer {
        if !shown.own && shown.item.marks.read.is_none() {
            text.push_str("You have not opened it before.\n");
        }
        if let Some(Ok(Content::Offer(offer))) = shown.content() {
            text.push('\n');
            text.push_str(&offer_text(&offer, names));
        }
    }
    text
}

/// The offer that an act is about, and until when our acceptance of it was promised to hold.
fn about<'a>(channel: &'a Channel, content: &Content) -> (Option<Shown<'a>>, Option<UnixMillis>) {
    let held = |id: Digest| channel.statements().into_iter().find(|shown| shown.id.0 == id);
    match content {
        Content::Accept(Accept { offer, .. })
        | Content::Reject(Reject { offer, .. })
        | Content::Withdraw(Withdraw { offer, .. }) => (held(*offer), None),
        Content::Confirm(Confirm { acceptance }) | Content::Lapse(Lapse { acceptance, .. }) => {
            match held(*acceptance).and_then(|shown| shown.content()) {
                Some(Ok(Content::Accept(accept))) => (held(accept.offer), Some(accept.hold_until)),
                _ => (None, None),
            }
        }
        _ => (None, None),
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
