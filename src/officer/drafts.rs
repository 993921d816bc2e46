//! The drafts a vault holds: made, shown to the principal, signed exactly as they are, or dropped. What was sent
//! stays with its approval, so that it is known who approved what. Nothing of it enters a statement.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::officer::command::CommandError;
use crate::officer::compose::ComposeError;
use crate::officer::draft::{Approval, Draft, DraftError, DraftFile};
use crate::officer::engine::{Channel, Officer, OfficerStep};
use crate::officer::table;
use crate::statement::header::StatementId;
use crate::statement::list::List;
use crate::step::Record;
use crate::time::UnixMillis;
use rand_core::CryptoRng;
use std::collections::btree_map::Entry;

/// The row of a draft itself.
pub(super) const PART_DRAFT: u8 = 0;
/// The row of the approval it was sent with.
pub(super) const PART_APPROVAL: u8 = 1;
/// The row of the statement it became.
pub(super) const PART_SENT: u8 = 2;

/// A draft that the vault holds.
pub struct HeldDraft {
    /// The channel's thread.
    pub thread: u32,
    /// What is to be said.
    pub draft: Draft,
    /// The approval it was sent with.
    pub approval: Option<Approval>,
    /// The statement it became.
    pub sent: Option<StatementId>,
}

impl Officer {
    /// All drafts, in the order of their ids.
    pub fn drafts(&self) -> impl Iterator<Item = (&Digest, &HeldDraft)> {
        self.drafts.iter()
    }

    /// Keeps a draft of what could be said now. What the mandate forbids is not even drafted: no approval lifts that.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn add_draft(
        &mut self,
        thread: u32,
        case: Option<StatementId>,
        content: &Content,
        lists: Vec<List>,
        now: UnixMillis,
    ) -> Result<(Digest, OfficerStep), CommandError> {
        let channel = self.channel(thread).ok_or(CommandError::ThreadUnknown)?;
        let id = channel.session().ok_or(ComposeError::NotOpen)?.channel;
        let author = channel.thread.role;
        let case_id = case.map(|case| case.0);
        let draft = Draft::new(id, author, case, content, lists)?;
        channel.would_be(case_id.as_ref(), content)?;
        if let Some(ruling) = self.ruling(thread, case_id, content, now)
            && !ruling.verdict().may_sign(true)
        {
            return Err(CommandError::Mandate(Box::new(ruling)));
        }
        let id = draft.id();
        let mut step = OfficerStep::new();
        if let Entry::Vacant(place) = self.drafts.entry(id) {
            let key = table::draft_key(thread, &id, PART_DRAFT);
            step.records.push(Record::put(table::DRAFT, key, draft.encode()?));
            place.insert(HeldDraft { thread, draft, approval: None, sent: None });
        }
        Ok((id, step))
    }

    /// A draft with all that the principal has to see.
    ///
    /// # Errors
    /// [`CommandError::Draft`].
    pub fn draft_file(&self, id: &Digest) -> Result<DraftFile, CommandError> {
        let held = self.drafts.get(id).ok_or(DraftError::Unknown)?;
        let channel = self.channel(held.thread).ok_or(CommandError::ThreadUnknown)?;
        let session = channel.session().ok_or(ComposeError::NotOpen)?;
        let statement = |id: Digest| channel.statement_bytes(&id);
        let offer_of = |acceptance: Digest| match channel.content(&acceptance) {
            Some(Content::Accept(accept)) => Some(accept.offer),
            _ => None,
        };
        let about: Vec<Option<Vec<u8>>> = match held.draft.content()? {
            Content::Accept(accept) => vec![statement(accept.offer)],
            Content::Confirm(confirm) => {
                vec![statement(confirm.acceptance), offer_of(confirm.acceptance).and_then(statement)]
            }
            _ => Vec::new(),
        };
        let about = about.into_iter().flatten().collect();
        let peer = session.card(channel.thread.role.other()).name().clone();
        let mandate = self.mandate.as_ref().map_or(0, |it| it.mandate().number);
        Ok(DraftFile::new(held.draft.clone(), self.identity.card().clone(), peer, mandate, about)?)
    }

    /// Signs exactly what a draft says. An approval has to be the principal's, for this draft, under the mandate in
    /// force.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn send_draft(
        &mut self,
        id: &Digest,
        approval: Option<Approval>,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(StatementId, OfficerStep), CommandError> {
        let held = self.drafts.get(id).ok_or(DraftError::Unknown)?;
        if held.sent.is_some() {
            return Err(DraftError::Sent.into());
        }
        if let Some(approval) = &approval {
            let mandate = self.mandate.as_ref().map(|it| (it.principal(), it.mandate().number));
            approval.check(held.draft.id(), self.identity.card(), mandate)?;
        }
        let (thread, case) = (held.thread, held.draft.case());
        let (content, lists) = (held.draft.content()?, held.draft.lists().to_vec());
        let approved = approval.is_some();
        let (statement, mut step) = self.say_weighed(thread, case, &content, lists, approved, now, rng)?;
        let mut put = |part: u8, bytes: Vec<u8>| {
            step.records.push(Record::put(table::DRAFT, table::draft_key(thread, id, part), bytes));
        };
        put(PART_SENT, statement.0.0.to_vec());
        if let Some(bytes) = approval.as_ref().and_then(|approval| approval.encode().ok()) {
            put(PART_APPROVAL, bytes);
        }
        if let Some(held) = self.drafts.get_mut(id) {
            held.sent = Some(statement);
            held.approval = approval;
        }
        Ok((statement, step))
    }

    /// Forgets a draft that was not sent.
    ///
    /// # Errors
    /// [`DraftError::Unknown`], [`DraftError::Sent`].
    pub fn drop_draft(&mut self, id: &Digest) -> Result<((), OfficerStep), CommandError> {
        let held = self.drafts.get(id).ok_or(DraftError::Unknown)?;
        if held.sent.is_some() {
            return Err(DraftError::Sent.into());
        }
        let mut step = OfficerStep::new();
        step.records.push(Record::delete(table::DRAFT, table::draft_key(held.thread, id, PART_DRAFT)));
        self.drafts.remove(id);
        Ok(((), step))
    }
}

impl Channel {
    fn statement_bytes(&self, id: &Digest) -> Option<Vec<u8>> {
        let (author, sequence) = self.place_of(id)?;
        Some(self.bytes_at(author, sequence)?.to_vec())
    }

    /// What the statement with this id says in a negotiation.
    pub(super) fn content(&self, id: &Digest) -> Option<Content> {
        self.statement(id)?.content()?.ok()
    }
}
