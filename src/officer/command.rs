//! What an officer can tell the engine to do. Each either does all of it or nothing, and says why.

use crate::codec::CodecError;
use crate::deal::body::{BodyError, Content};
use crate::deal::mandate::ruling::Ruling;
use crate::deal::verdict::VoidReason;
use crate::officer::adopt::AdoptError;
use crate::officer::cell::Carries;
use crate::officer::compose::ComposeError;
use crate::officer::draft::{ApprovalError, DraftError};
use crate::officer::engine::{Channel, Officer, OfficerStep, Turn};
use crate::officer::held::{Counts, Fresh};
use crate::officer::inbox::Inbox;
use crate::officer::introduce::{self, RelayLeave};
use crate::officer::listen::Listening;
use crate::officer::mandate::SignedMandateError;
use crate::officer::outbox::Outbox;
use crate::officer::past::Past;
use crate::officer::settings::Settings;
use crate::officer::table;
use crate::officer::thread::{Halt, Stage, Thread};
use crate::party::role::Role;
use crate::session::introduction::IntroductionError;
use crate::session::invite::{Invite, InviteError, SignedOffer};
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::list::List;
use crate::statement::receipt::WordsConfirmed;
use crate::statement::transcript::Transcript;
use crate::step::Record;
use crate::time::UnixMillis;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters in a thread's label, at most.
pub const LABEL_CHARS_MAX: usize = 40;

/// Why a command was not carried out. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No thread has this number.
    #[error("there is no such channel")]
    ThreadUnknown,
    /// Another thread has this label.
    #[error("a channel is called '{0}' already")]
    LabelTaken(String),
    /// Empty, too long, or with control characters.
    #[error("a label has 1 to {LABEL_CHARS_MAX} characters and no control characters")]
    LabelInvalid,
    /// A hello by this invite waits for its welcome.
    #[error("this vault has already joined by that invite, and waits for the inviter")]
    AlreadyJoined,
    /// No relay was given.
    #[error("at least one relay is needed")]
    NoRelay,
    /// See [`InviteError`].
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// See [`IntroductionError`].
    #[error(transparent)]
    Introduction(#[from] IntroductionError),
    /// See [`ComposeError`].
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The statement would be void for ever, so it is not signed.
    #[error("this would have no effect: {0}")]
    Void(#[from] VoidReason),
    /// The body is over a limit.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A body of the channel's own is over a limit.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// What was typed are not the channel's words.
    #[error("these are not the words of this channel")]
    WordsMismatch,
    /// The words were confirmed before.
    #[error("the words of this channel are confirmed already")]
    WordsAlreadyConfirmed,
    /// The mandate does not let the officer sign this.
    #[error("not signed: {0}")]
    Mandate(Box<Ruling>),
    /// A mandate that is not put in force.
    #[error(transparent)]
    MandateRefused(#[from] SignedMandateError),
    /// See [`DraftError`].
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// See [`ApprovalError`].
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The vault was retired.
    #[error("this vault was retired: it signs, sends and fetches nothing any more")]
    Retired,
    /// The channel's words differ, or it does not stand, so that there is nothing to renew.
    #[error("only a channel that stands, and whose words did not differ, can be renewed")]
    NotRenewable,
    /// Another channel has taken its place already.
    #[error("the channel was renewed already")]
    AlreadyRenewed,
    /// Who made the invite is not the counterpart of the channel to be renewed.
    #[error(
        "THIS INVITE IS NOT FROM THE OTHER SIDE OF THE CHANNEL TO BE RENEWED: its fingerprint is {found}, not {expected}"
    )]
    OtherParty {
        /// The fingerprint of who made the invite.
        found: String,
        /// The counterpart's.
        expected: String,
    },
    /// An export that cannot be taken in.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The channel stands, so it cannot be taken back.
    #[error("the channel stands: it cannot be discarded")]
    NotDiscardable,
}

impl Officer {
    pub(super) fn insert(&mut self, thread: Thread) -> u32 {
        let number = self.channels.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        self.channels.insert(number, Channel::new(number, thread, self.past.clone()));
        number
    }

    fn check_label(&self, label: &str) -> Result<(), CommandError> {
        let fits = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
        if !fits || label.chars().any(char::is_control) {
            return Err(CommandError::LabelInvalid);
        }
        match self.channels().find(|channel| channel.thread.label == label) {
            Some(_) => Err(CommandError::LabelTaken(label.to_owned())),
            None => Ok(()),
        }
    }

    /// Prepares an invite: it can be handed over once a relay holds its offer.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn invite(
        &mut self,
        label: String,
        relays: &[RelayLeave],
        expires: UnixMillis,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(u32, OfficerStep), CommandError> {
        self.check_not_retired()?;
        self.check_label(&label)?;
        if relays.is_empty() {
            return Err(CommandError::NoRelay);
        }
        let thread = introduce::invite(&self.identity, label, relays, expires, rng)?;
        let number = self.insert(thread);
        Ok((number, self.turn(number, now, rng, |channel, _| channel.changed = true)))
    }

    /// Joins by an invite whose offer was fetched: makes the one hello.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn join(
        &mut self,
        label: String,
        invite: &Invite,
        offer: &SignedOffer,
        relays: &[RelayLeave],
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(u32, OfficerStep), CommandError> {
        self.check_not_retired()?;
        // One hello an invite: until the welcome comes, its queues are written under the ids that the offer names. Said
        // before the label is looked at: who joins again after a crash gives the same one.
        let offered = |writer| offer.relays().iter().any(|relay| relay.writer == writer);
        if self.channels().flat_map(Channel::outbounds).any(|queue| offered(queue.writer.0)) {
            return Err(CommandError::AlreadyJoined);
        }
        self.check_label(&label)?;
        if relays.is_empty() {
            return Err(CommandError::NoRelay);
        }
        let (thread, hello) = introduce::join(&self.identity, label, invite, offer, relays, rng)?;
        let number = self.insert(thread);
        let step =
            self.turn(number, now, rng, |channel, turn| channel.enqueue(Carries::Hello, hello, None, turn));
        Ok((number, step))
    }

    /// Takes back an invite or a join of which nothing has come.
    ///
    /// # Errors
    /// [`CommandError::NotDiscardable`], [`CommandError::ThreadUnknown`].
    pub fn discard(&mut self, thread: u32) -> Result<OfficerStep, CommandError> {
        let channel = self.channels.get(&thread).ok_or(CommandError::ThreadUnknown)?;
        if matches!(channel.thread.stage, Stage::Open(_)) {
            return Err(CommandError::NotDiscardable);
        }
        let mut step = OfficerStep::new();
        step.records.push(Record::delete(table::THREAD, table::thread_key(thread)));
        let rows = channel.outbox.cells.iter().flat_map(|(number, cell)| cell.rows(thread, *number));
        step.records.extend(rows.map(|(table, key)| Record::delete(table, key)));
        for (number, relays) in channel.inbox.opened.values() {
            for at in (0..8u8).filter(|at| relays >> at & 1 == 1) {
                step.records.push(Record::delete(table::OPENED, table::opened_key(thread, *number, at)));
            }
        }
        // The number of the thread may be given again, and what was noted of this one is not of that one.
        for number in self.own_of(thread).map(|(number, _)| number).collect::<Vec<_>>() {
            step.append(self.drop_own(number));
        }
        self.channels.remove(&thread);
        Ok(step)
    }

    /// Says something in a negotiation, if it would not be void and the mandate lets the officer sign it.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn say(
        &mut self,
        thread: u32,
        case: Option<StatementId>,
        content: &Content,
        lists: Vec<List>,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(StatementId, OfficerStep), CommandError> {
        self.say_weighed(thread, case, content, lists, false, now, rng)
    }

    /// The same, of something that the principal may have approved.
    #[expect(clippy::too_many_arguments, reason = "what is said, and whether it was approved")]
    pub(super) fn say_weighed(
        &mut self,
        thread: u32,
        case: Option<StatementId>,
        content: &Content,
        lists: Vec<List>,
        approved: bool,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(StatementId, OfficerStep), CommandError> {
        let channel = self.channel(thread).ok_or(CommandError::ThreadUnknown)?;
        channel.check_may_compose()?;
        let case_id = case.map(|case| case.0);
        let body = content.encode()?;
        // What we sign must be what the counterpart will read.
        crate::deal::body::Body::parse(content.kind(), &body, &lists)?;
        channel.would_be(case_id.as_ref(), content)?;
        if let Some(ruling) = self.ruling(thread, case_id, content, now)
            && !ruling.verdict().may_sign(approved)
        {
            return Err(CommandError::Mandate(Box::new(ruling)));
        }
        let case = case.unwrap_or(StatementId::NONE);
        self.compose_in(thread, now, rng, |channel, turn| {
            channel.compose(content.kind(), case, body, lists, turn)
        })
    }

    fn compose_in(
        &mut self,
        thread: u32,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
        compose: impl FnOnce(&mut Channel, &mut Turn<'_>) -> Result<StatementId, ComposeError>,
    ) -> Result<(StatementId, OfficerStep), CommandError> {
        let mut outcome = Err(CommandError::ThreadUnknown);
        let step = self.turn(thread, now, rng, |channel, turn| {
            outcome = compose(channel, turn).map_err(CommandError::from);
            // What a refused command does is not made durable: nothing may be sealed by it.
            if outcome.is_ok() {
                channel.pump(turn);
            }
        });
        Ok((outcome?, step))
    }

    /// Confirms the safety words that the officers compared; `typed` must be they.
    ///
    /// # Errors
    /// [`CommandError::WordsMismatch`]: loud, and nothing is confirmed.
    pub fn confirm_words(
        &mut self,
        thread: u32,
        typed: &str,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(StatementId, OfficerStep), CommandError> {
        let channel = self.channel(thread).ok_or(CommandError::ThreadUnknown)?;
        channel.check_may_compose()?;
        let Stage::Open(session) = &channel.thread.stage else { return Err(ComposeError::NotOpen.into()) };
        let words = session.words();
        if !words.matches(typed) {
            return Err(CommandError::WordsMismatch);
        }
        if channel.words_confirmed_by(channel.thread.role) {
            return Err(CommandError::WordsAlreadyConfirmed);
        }
        let body = WordsConfirmed::new(&words).encode()?;
        let kind = Kind::WordsConfirmed;
        let (id, mut step) = self.compose_in(thread, now, rng, |channel, turn| {
            channel.compose(kind, StatementId::NONE, body, Vec::new(), turn)
        })?;
        step.append(self.say_renewal(thread, now, rng));
        Ok((id, step))
    }

    /// Closes a channel whose words differ: someone stands between the parties.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn words_differ(
        &mut self,
        thread: u32,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<OfficerStep, CommandError> {
        let channel = self.channel(thread).ok_or(CommandError::ThreadUnknown)?;
        if !matches!(channel.thread.stage, Stage::Open(_)) {
            return Err(ComposeError::NotOpen.into());
        }
        Ok(self.turn(thread, now, rng, |channel, turn| channel.halt(Halt::WordsDiffer, turn)))
    }

    /// Marks the vault as restored from a backup: no channel sends anything until every relay of its counterpart's has
    /// shown that nothing was put since the backup was made. It then goes on by itself. Invites and joins that were not
    /// over are taken back: what became of them since cannot be known, and their keys serve once.
    ///
    /// # Errors
    /// Never: what is taken back does not stand.
    pub fn mark_restored(&mut self) -> Result<OfficerStep, CommandError> {
        let mut step = OfficerStep::new();
        let begun = |channel: &Channel| channel.session().is_none().then_some(channel.number);
        for number in self.channels().filter_map(begun).collect::<Vec<_>>() {
            step.append(self.discard(number)?);
        }
        for (number, channel) in &mut self.channels {
            let Stage::Open(session) = &mut channel.thread.stage else { continue };
            session.halt.get_or_insert(Halt::Restored);
            if let Ok(row) = crate::codec::encode(&channel.thread, usize::MAX) {
                step.records.push(Record::put(table::THREAD, table::thread_key(*number), row));
            }
        }
        Ok(step)
    }

    /// Notes that the officer opened a statement of the counterpart.
    pub fn open_statement(
        &mut self,
        thread: u32,
        sequence: u64,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> OfficerStep {
        self.turn(thread, now, rng, |channel, turn| channel.opened_by_officer(sequence, turn))
    }

    /// Replaces the settings.
    pub fn set_settings(&mut self, settings: Settings) -> OfficerStep {
        let mut step = OfficerStep::new();
        if let Ok(bytes) = crate::codec::encode(&settings, usize::MAX) {
            step.records.push(Record::put(table::SETTINGS, Vec::new(), bytes));
        }
        self.settings = settings;
        step
    }
}

impl Channel {
    /// A thread with nothing in it yet.
    #[must_use]
    pub fn new(number: u32, thread: Thread, past: Arc<dyn Past>) -> Self {
        let channel = match &thread.stage {
            Stage::Open(session) => session.channel,
            _ => crate::crypto::digest::Digest::default(),
        };
        Self {
            number,
            thread,
            transcript: Transcript::new(channel),
            forks: Vec::new(),
            counts: Counts::default(),
            fresh: Fresh::default(),
            past,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            links: BTreeMap::new(),
            troubles: BTreeMap::new(),
            listening: Listening::default(),
            changed: false,
            counted: false,
        }
    }

    fn check_may_compose(&self) -> Result<(), ComposeError> {
        match &self.thread.stage {
            Stage::Open(session) if session.ratchet.is_none() => Err(ComposeError::Retired),
            Stage::Open(_) if self.thread.renewed_as.is_some() => Err(ComposeError::Renewed),
            Stage::Open(session) if session.heard => {
                session.halt.map_or(Ok(()), |halt| Err(ComposeError::Halted(halt)))
            }
            _ => Err(ComposeError::NotOpen),
        }
    }

    /// Whether a party's confirmation of the words is in the transcript.
    #[must_use]
    pub const fn words_confirmed_by(&self, role: Role) -> bool {
        self.counts.words_of(role).is_some()
    }
}
