//! What an officer says from the seal to the last person: lock, transport, ready, go, suspend, lines, close. The
//! version and the round are filled in from what stands.

use crate::deal::body::Content;
use crate::deal::handover::Round;
use crate::deal::handover::{
    Closed, Go, Lock, Mode, Ready, Suspend, Transport, TransportAcknowledged, Vehicle,
};
use crate::deal::stage::Window;
use crate::desk::act::{case, text_if, text_of};
use crate::desk::converse::{from_zero, named, when, when_if, word};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, short};
use crate::desk::sign::{Leave, sign};
use crate::statement::header::StatementId;
use crate::time::UnixMillis;

/// A case that is sealed, and where its handover stands.
pub(crate) struct Sealed {
    pub(crate) thread: u32,
    pub(crate) case: StatementId,
    pub(crate) version: u32,
    pub(crate) round: Round,
    lists: crate::crypto::digest::Digest,
}

impl Sealed {
    /// The case that an id names.
    pub(crate) fn named(desk: &Desk, id: &str) -> Result<Self, Failure> {
        let (thread, case) = named(desk, id)?;
        let ledger = desk.channel(thread)?.ledger_of(&case.0);
        let state = ledger.case(&case.0);
        let handover = state.as_ref().and_then(|state| state.handover()).ok_or_else(|| {
            let what = format!("nothing is sealed in case {} yet", short(&case.0));
            Failure::new(
                Cause::Refused,
                what,
                "A handover begins once an offer is accepted, confirmed and acknowledged: truceline cases",
            )
        })?;
        let (version, round, lists) = (handover.version(), handover.round(), handover.lists());
        Ok(Self { thread, case, version, round, lists })
    }

    fn sign(&self, desk: &mut Desk, content: &Content, leave: Leave) -> Result<Answer, Failure> {
        sign(desk, self.thread, Some(self.case), content, Vec::new(), leave)
    }
}

/// `truceline lock`.
///
/// # Errors
/// [`Failure`].
pub fn lock(desk: &mut Desk, asked: &grammar::OnCase) -> Result<Answer, Failure> {
    let on = Sealed::named(desk, &asked.case)?;
    let content = Content::Lock(Lock { version: on.version, lists: on.lists });
    on.sign(desk, &content, Leave::yes(asked.yes))
}

fn window(from: Option<&String>, to: Option<&String>, now: UnixMillis) -> Result<Option<Window>, Failure> {
    let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
    let window = Window { from: when(from, now)?, to: when(to, now)? };
    if window.to <= window.from {
        let help = "Give the earlier moment first, as in --from 6h --to 9h.";
        return Err(Failure::new(Cause::Usage, "the window ends before it begins", help));
    }
    Ok(Some(window))
}

/// `truceline transport`.
///
/// # Errors
/// [`Failure`].
pub fn transport(desk: &mut Desk, asked: &grammar::Transport) -> Result<Answer, Failure> {
    let now = desk.service.now();
    let on = Sealed::named(desk, &asked.case)?;
    let mark = |mark: &String| Ok(Vehicle { mark: text_of(mark)?, description: None });
    let content = Content::Transport(Transport {
        version: on.version,
        mode: word(&asked.mode, Mode::from_text, Mode::ALL, Mode::text)?,
        vehicles: asked.vehicles.iter().map(mark).collect::<Result<_, Failure>>()?,
        persons: asked.persons,
        corridor: asked.corridor.map(|at| from_zero("corridor", at)).transpose()?,
        route: text_if(asked.route.as_ref())?,
        window: window(asked.from.as_ref(), asked.to.as_ref(), now)?,
        airspace: window(asked.airspace_from.as_ref(), asked.airspace_to.as_ref(), now)?,
        remark: text_if(asked.remark.as_ref())?,
    });
    on.sign(desk, &content, Leave::yes(asked.yes))
}

/// `truceline acknowledge`.
///
/// # Errors
/// [`Failure`].
pub fn acknowledge(desk: &mut Desk, asked: &grammar::Act) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let case = case(desk, &found)?;
    let content = Content::TransportAcknowledged(TransportAcknowledged { notice: found.id.0 });
    sign(desk, found.thread, Some(case), &content, Vec::new(), Leave::yes(asked.yes))
}

/// `truceline ready`.
///
/// # Errors
/// [`Failure`].
pub fn ready(desk: &mut Desk, asked: &grammar::OnCase) -> Result<Answer, Failure> {
    let on = Sealed::named(desk, &asked.case)?;
    let content = Content::Ready(Ready { version: on.version, round: on.round });
    on.sign(desk, &content, Leave::yes(asked.yes))
}

/// `truceline go`.
///
/// # Errors
/// [`Failure`].
pub fn go(desk: &mut Desk, asked: &grammar::Go) -> Result<Answer, Failure> {
    let now = desk.service.now();
    let window = when_if(asked.until.as_ref(), now)?.map(|to| Window { from: now, to });
    let on = Sealed::named(desk, &asked.case)?;
    let content = Content::Go(Go { version: on.version, round: on.round, window });
    on.sign(desk, &content, Leave { yes: asked.yes, late: asked.late })
}

/// `truceline suspend`.
///
/// # Errors
/// [`Failure`].
pub fn suspend(desk: &mut Desk, asked: &grammar::Suspend) -> Result<Answer, Failure> {
    let on = Sealed::named(desk, &asked.case)?;
    let reason = text_if(asked.reason.as_ref())?;
    let content = Content::Suspend(Suspend { version: on.version, round: on.round, reason });
    on.sign(desk, &content, Leave::yes(asked.yes))
}

/// `truceline close`.
///
/// # Errors
/// [`Failure`].
pub fn close(desk: &mut Desk, asked: &grammar::Close) -> Result<Answer, Failure> {
    let on = Sealed::named(desk, &asked.case)?;
    let content = Content::Closed(Closed { version: on.version, remark: text_if(asked.remark.as_ref())? });
    on.sign(desk, &content, Leave { yes: asked.yes, late: asked.untold })
}
