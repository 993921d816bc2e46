//! What an officer says: notes, proposals and answers to them. A summary first, then the signature.

use crate::crypto::digest::Digest;
use crate::deal::body::{Accept, Confirm, Content, Lapse, Note, Offer, OfferBody, Reject, Withdraw};
use crate::deal::import::{Draft, Sources, proposal_from_toml};
use crate::deal::part::part;
use crate::deal::terms::{Firmness, Terms};
use crate::deal::verdict::Act;
use crate::deal::word::Text;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::held;
use crate::desk::names::Names;
use crate::desk::open::{Desk, Found};
use crate::desk::record::case_of;
use crate::desk::screen::{Answer, duration, plain, short};
use crate::desk::sign::{Leave, sign};
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::list::List;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// Bytes of a proposal file, at most: inline persons included.
const PROPOSAL_BYTES_MAX: u64 = 32 << 20;
/// Bytes of a list file, at most: what a statement could hold, and room for a spreadsheet's ways.
pub(crate) const LIST_BYTES_MAX: u64 = 32 << 20;

/// A text as an officer wrote it.
///
/// # Errors
/// [`Cause::Input`].
pub fn text_of(text: &str) -> Result<Text, Failure> {
    Text::new(text).map_err(|error| {
        Failure::with_remedy_inside(Cause::Input, &error.to_string(), "Say it in several statements.")
    })
}

/// A text that may have been left out.
///
/// # Errors
/// [`Cause::Input`].
pub fn text_if(reason: Option<&String>) -> Result<Option<Text>, Failure> {
    reason.map(|reason| text_of(reason)).transpose()
}

/// A file's bytes, at most `max`.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, String> {
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
    sign(desk, thread, case, &content, Vec::new(), Leave::yes(true))
}

/// The case a statement belongs to.
///
/// # Errors
/// [`Cause::Refused`] where it belongs to none.
pub fn case(desk: &Desk, found: &Found) -> Result<StatementId, Failure> {
    let channel = desk.channel(found.thread)?;
    let shown = channel.statement_at(found.author, found.sequence);
    let ledger = shown.as_ref().map_or_else(|| channel.ledger_of(&found.id.0), |it| channel.ledger_about(it));
    shown.and_then(|shown| case_of(&ledger, &shown)).ok_or_else(|| {
        const CASES: &str = "See the cases: truceline cases";
        let id = short(&found.id.0);
        match ledger.verdict(&found.id.0) {
            Some(Err(reason)) => {
                let message = format!("statement {id} has no effect: {reason}");
                Failure::with_remedy_inside(Cause::Refused, &message, CASES)
            }
            _ => Failure::new(Cause::Refused, format!("statement {id} belongs to no case"), CASES),
        }
    })
}

/// Reads a proposal, and the lists beside it.
///
/// # Errors
/// [`Failure`].
pub fn draft(desk: &mut Desk, thread: u32, path: &Path) -> Result<Draft, Failure> {
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
    let read = proposal_from_toml(&text, &mut Sources { me, now, list: &mut list, seed: &mut seed });
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Ok(read.map_err(|error| error.in_file(&name))?)
}

/// What is to be said, and where: to be signed, or kept as a draft.
pub struct Saying {
    /// The thread.
    pub thread: u32,
    /// The case; none where it opens one.
    pub case: Option<StatementId>,
    /// What.
    pub content: Content,
    /// Its lists.
    pub lists: Vec<List>,
}

impl Saying {
    /// Signs it.
    ///
    /// # Errors
    /// [`Failure`]; nothing is signed then.
    pub fn sign(self, desk: &mut Desk, leave: Leave) -> Result<Answer, Failure> {
        sign(desk, self.thread, self.case, &self.content, self.lists, leave)
    }
}

/// `truceline propose`: what it says.
///
/// # Errors
/// [`Failure`].
pub fn propose(desk: &mut Desk, file: &Path, in_frame: Option<&String>) -> Result<Saying, Failure> {
    let (thread, frame) = match in_frame {
        None => (desk.one()?, None),
        Some(id) => {
            let found = desk.find(id)?;
            (found.thread, Some(frame(desk, &found)?))
        }
    };
    let draft = draft(desk, thread, file)?;
    Ok(Saying { thread, case: None, content: draft.offer_in_frame(0, None, frame)?, lists: draft.lists })
}

/// The sealed offer that stands for exchanges to come: the one named, or the last sealed one of the case named.
fn frame(desk: &Desk, found: &Found) -> Result<Digest, Failure> {
    let case_id = case(desk, found)?;
    let channel = desk.channel(found.thread)?;
    let ledger = channel.ledger_of(&case_id.0);
    let sealed: Vec<Digest> = ledger
        .case(&case_id.0)
        .map_or_else(Vec::new, |case| case.sealed().iter().map(|it| it.offer).collect());
    let offer = if sealed.contains(&found.id.0) { Some(found.id.0) } else { sealed.last().copied() };
    let stands = |id: &Digest| {
        let content = channel.statement(id).and_then(|shown| shown.content());
        matches!(content, Some(Ok(Content::Offer(offer))) if offer.body().terms.frame.is_some())
    };
    offer.filter(stands).ok_or_else(|| {
        let what = format!("{} is no sealed offer that stands as a frame", short(&found.id.0));
        Failure::new(Cause::Refused, what, "See what each offer says: truceline show ID")
    })
}

/// `truceline amend`: what it says. No file cancels what is sealed.
///
/// # Errors
/// [`Failure`].
pub fn amend(desk: &mut Desk, case_named: &str, file: Option<&Path>) -> Result<Saying, Failure> {
    let found = desk.find(case_named)?;
    let case_id = case(desk, &found)?;
    let ledger = desk.channel(found.thread)?.ledger_of(&case_id.0);
    let case = ledger.case(&case_id.0);
    let sealed = case.as_ref().and_then(|case| case.sealed().last().map(|it| (case.version(), it.offer)));
    let Some((version, offer)) = sealed else {
        let what =
            format!("nothing is sealed in case {} yet, so there is nothing to amend", short(&case_id.0));
        return Err(Failure::new(Cause::Refused, what, "Answer its offers: truceline counter OFFER FILE"));
    };
    let (content, lists) = match file {
        Some(file) => {
            let draft = draft(desk, found.thread, file)?;
            (draft.offer(version, Some(offer))?, draft.lists)
        }
        None => {
            let body = OfferBody {
                base: version,
                parent: Some(offer),
                frame: None,
                firmness: Firmness::Firm,
                valid_until: None,
                terms: Terms::default(),
                lists: Vec::new(),
            };
            (Content::Offer(Box::new(Offer::join(body, &[])?)), Vec::new())
        }
    };
    Ok(Saying { thread: found.thread, case: Some(case_id), content, lists })
}

/// `truceline counter`: what it says.
///
/// # Errors
/// [`Failure`].
pub fn counter(desk: &mut Desk, offer: &str, file: &Path) -> Result<Saying, Failure> {
    let found = desk.find(offer)?;
    let case_id = case(desk, &found)?;
    let (version, answers) = {
        let ledger = desk.channel(found.thread)?.ledger_of(&case_id.0);
        let case = ledger.case(&case_id.0);
        let offer = case.as_ref().and_then(|case| case.offers().find(|offer| offer.id == found.id.0));
        let answers = offer.map(|offer| offer.id).ok_or_else(|| {
            let what = format!("{} is not a valid offer", short(&found.id.0));
            Failure::new(Cause::Refused, what, "See the offers: truceline cases")
        })?;
        (case.map_or(0, |case| case.version()), answers)
    };
    let draft = draft(desk, found.thread, file)?;
    let content = draft.offer(version, Some(answers))?;
    Ok(Saying { thread: found.thread, case: Some(case_id), content, lists: draft.lists })
}

/// `truceline accept`: what it says, of an offer as it stands, or as a counter-offer of some of its groups.
///
/// # Errors
/// [`Failure`].
pub fn accept(desk: &mut Desk, offer: &str, hold: &str, groups: &[u8]) -> Result<Saying, Failure> {
    let hold = duration(hold).ok_or_else(|| {
        let what = format!("'{}' is no duration", plain(hold));
        Failure::new(Cause::Usage, what, "Write it as 48h, '3 days' or 90m.")
    })?;
    let found = desk.find(offer)?;
    let case = case(desk, &found)?;
    if !groups.is_empty() {
        return accept_part(desk, &found, case, groups);
    }
    let hold_until = desk.service.now().plus(hold);
    let content = Content::Accept(Accept { offer: found.id.0, hold_until, remark: None });
    Ok(Saying { thread: found.thread, case: Some(case), content, lists: Vec::new() })
}

/// A part of an offer cannot be accepted: it is offered back, made from the offer itself, and its author accepts it.
fn accept_part(desk: &mut Desk, found: &Found, case: StatementId, groups: &[u8]) -> Result<Saying, Failure> {
    let channel = desk.channel(found.thread)?;
    channel.ledger_of(&case.0).would_be(channel.thread.role, Some(&case.0), &Act::Accept(found.id.0))?;
    let shown = held::statement(channel, &found.id.0);
    let held = shown.and_then(|shown| Some((held::offer(channel, &shown.id.0)?, shown.statement().ok()?)));
    let Some((offer, statement)) = held else {
        let what = format!("{} is no offer", short(&found.id.0));
        return Err(Failure::new(Cause::Refused, what, "See the offers: truceline cases"));
    };
    let groups = groups.iter().copied().collect();
    let service = &mut desk.service;
    let mut draft = part(&offer, &statement.said.lists, &groups, &mut || service.random_seed())?;
    let now = service.now();
    draft.valid_until = offer.body().valid_until.filter(|until| *until > now);
    let content = draft.offer(offer.body().base, Some(found.id.0))?;
    Ok(Saying { thread: found.thread, case: Some(case), content, lists: draft.lists })
}

/// The acceptance that an id means: itself, or the live one of the offer it names.
///
/// # Errors
/// [`Cause::Refused`] where none stands.
fn acceptance(desk: &Desk, found: &Found, by: Role, case_id: &StatementId) -> Result<Digest, Failure> {
    let channel = desk.channel(found.thread)?;
    let ledger = channel.ledger_of(&case_id.0);
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

/// `truceline confirm`: what it says.
///
/// # Errors
/// [`Failure`].
pub fn confirm(desk: &Desk, id: &str) -> Result<Saying, Failure> {
    let found = desk.find(id)?;
    let case = case(desk, &found)?;
    let by = desk.channel(found.thread)?.thread.role.other();
    let content = Content::Confirm(Confirm { acceptance: acceptance(desk, &found, by, &case)? });
    Ok(Saying { thread: found.thread, case: Some(case), content, lists: Vec::new() })
}

/// `truceline lapse`.
///
/// # Errors
/// [`Failure`].
pub fn lapse(desk: &mut Desk, asked: &grammar::Lapse) -> Result<Answer, Failure> {
    let reason = text_if(asked.reason.as_ref())?;
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let by = desk.channel(found.thread)?.thread.role;
    let content = Content::Lapse(Lapse { acceptance: acceptance(desk, &found, by, &case)?, reason });
    let leave = Leave { yes: asked.yes, late: asked.late };
    sign(desk, found.thread, Some(case), &content, Vec::new(), leave)
}

/// `truceline reject` and `withdraw`.
///
/// # Errors
/// [`Failure`].
pub fn turn_down(desk: &mut Desk, kind: Kind, asked: &grammar::Reasoned) -> Result<Answer, Failure> {
    let reason = text_if(asked.reason.as_ref())?;
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let content = match kind {
        Kind::Withdraw => Content::Withdraw(Withdraw { offer: found.id.0, reason }),
        _ => Content::Reject(Reject { offer: found.id.0, reason }),
    };
    sign(desk, found.thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}
