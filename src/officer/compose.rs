//! Statements of our own: signed over all that is stored, appended, and left to the outbox.

use crate::crypto::sign::Signature;
use crate::officer::engine::{Channel, Turn};
use crate::officer::table;
use crate::officer::thread::{Halt, Stage};
use crate::party::role::Role;
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::list::List;
use crate::statement::receipt::ForkNotice;
use crate::statement::signed::{Said, Statement, StatementError};
use crate::statement::transcript::{Heading, TranscriptError};

/// A header and its author's signature.
pub type SignedHeader = (Header, Signature);

/// Why a statement was not made. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The introduction is not over.
    #[error("the channel does not stand yet: the introduction is not over")]
    NotOpen,
    /// The channel sends nothing more.
    #[error("the channel is halted")]
    Halted(Halt),
    /// The vault was retired.
    #[error("this vault was retired: it signs, sends and fetches nothing any more")]
    Retired,
    /// Another channel has taken its place.
    #[error("the channel was renewed: nothing more is said in it")]
    Renewed,
    /// See [`StatementError`].
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Never: our own header continues our own chain.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
}

impl Channel {
    /// Makes, signs and stores a statement; it is sent when a link allows.
    pub(super) fn compose(
        &mut self,
        kind: Kind,
        case: StatementId,
        body: Vec<u8>,
        lists: Vec<List>,
        turn: &mut Turn<'_>,
    ) -> Result<StatementId, ComposeError> {
        match &self.thread.stage {
            Stage::Open(_) if self.thread.renewed_as.is_some() => return Err(ComposeError::Renewed),
            Stage::Open(session) if session.heard => match session.halt {
                None => {}
                Some(Halt::Forked { .. }) if kind == Kind::ForkNotice => {}
                Some(halt) => return Err(ComposeError::Halted(halt)),
            },
            _ => return Err(ComposeError::NotOpen),
        }
        let author = self.thread.role;
        let mut salt = [0; 32];
        turn.rng.fill_bytes(&mut salt);
        let said = Said { salt, body, lists };
        said.check()?;
        let heading = Heading { kind: kind.number(), case, clock: turn.now };
        let header = self.transcript.next_header(author, heading, said.commitment());
        let statement = Statement::sign(header, said, turn.identity.key())?;
        let bytes = statement.encode().map_err(StatementError::from)?;
        self.transcript.append_verified(&statement.header)?;
        self.store(&statement, bytes, turn);
        if let Stage::Open(session) = &mut self.thread.stage {
            // Any statement acknowledges all that is stored.
            session.delivered_due = None;
        }
        self.changed = true;
        Ok(statement.id())
    }

    /// Makes a statement that the channel itself needs; one that cannot be made is not missed.
    pub(super) fn compose_quietly(&mut self, kind: Kind, body: Vec<u8>, turn: &mut Turn<'_>) {
        let _ = self.compose(kind, StatementId::NONE, body, Vec::new(), turn);
    }

    /// Keeps both headers as evidence, freezes the channel, and tells the counterpart.
    pub(super) fn keep_fork(&mut self, first: SignedHeader, other: SignedHeader, turn: &mut Turn<'_>) {
        self.keep_notice(self.thread.role.other(), ForkNotice::new(first, other), turn);
        self.tell_fork(turn);
    }

    /// Halts a channel whose counterpart forked, and tells it so; a vault that may be an older copy says nothing, this
    /// neither, until it is known to be none.
    pub(super) fn tell_fork(&mut self, turn: &mut Turn<'_>) {
        let fork = self.fork_of(self.thread.role.other()).filter(|_| !self.is_in_doubt());
        let Some((sequence, body)) = fork.map(|fork| (fork.sequence(), fork.encode())) else { return };
        self.halt(Halt::Forked { sequence }, turn);
        if let Ok(body) = body {
            self.compose_quietly(Kind::ForkNotice, body, turn);
        }
    }

    /// Keeps the first proof that a party forked.
    pub(super) fn keep_notice(&mut self, author: Role, notice: ForkNotice, turn: &mut Turn<'_>) {
        if self.fork_of(author).is_none() {
            turn.put(table::FORK, table::fork_key(self.number, author), &notice);
            self.forks.push(notice);
        }
    }
}
