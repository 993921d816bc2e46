//! Taking in what an older copy of a vault lacks, from the counterpart's export of the same channel: so nothing that
//! was acknowledged is lost. May not change what is held, and lets nothing be sent.

use crate::officer::command::CommandError;
use crate::officer::engine::{Channel, Officer, OfficerStep, Turn};
use crate::officer::table;
use crate::officer::thread::{Halt, Session};
use crate::party::role::Role;
use crate::statement::export::CheckedExport;
use crate::statement::signed::Statement;
use crate::time::UnixMillis;
use rand_core::CryptoRng;

/// Why an export is not taken in. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Of another channel, or of other parties.
    #[error("the export is not of this channel: ask for the one of this channel's other side")]
    OtherChannel,
    /// It differs from what is held.
    #[error(
        "the export and this vault hold different statements as #{sequence} of the {author}: keep both, they may show a fork"
    )]
    Differs {
        /// Whose.
        author: Role,
        /// Where.
        sequence: u64,
    },
    /// The channel works, and what it lacks comes by itself.
    #[error(
        "nothing shows that this vault lacks what it once had: fetch what is missing with truceline sync"
    )]
    NotOlder,
    /// A statement does not continue what is held: never, of an export that was checked.
    #[error("the export does not continue what this vault holds")]
    Broken,
}

/// How many statements of each party were taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adopted {
    /// Of our own.
    pub own: u64,
    /// Of the counterpart's.
    pub peer: u64,
}

impl Officer {
    /// Takes in the statements of a checked export that the channel lacks. That it lacks some of its own shows that the
    /// vault is an older copy.
    ///
    /// # Errors
    /// [`AdoptError`].
    pub fn adopt(
        &mut self,
        thread: u32,
        export: &CheckedExport,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Adopted, OfficerStep), CommandError> {
        let channel = self.channel(thread).ok_or(CommandError::ThreadUnknown)?;
        let session = channel.session().ok_or(AdoptError::OtherChannel)?;
        if (export.preamble.channel, &export.preamble.cards) != (session.channel, &session.cards) {
            return Err(AdoptError::OtherChannel.into());
        }
        let missing = channel.missing(session, export)?;
        let mut outcome = Ok(Adopted::default());
        let step =
            self.turn(thread, now, rng, |channel, turn| outcome = channel.take_missing(&missing, turn));
        Ok((outcome?, step))
    }
}

impl Channel {
    fn missing<'a>(
        &self,
        session: &Session,
        export: &'a CheckedExport,
    ) -> Result<Vec<&'a Statement>, AdoptError> {
        let mut missing = Vec::new();
        for statement in &export.statements {
            let (author, sequence) = (statement.header.author, statement.header.sequence);
            match self.header_at(author, sequence).map(|header| header.id()) {
                Some(held) if held == statement.id() => {}
                Some(_) => return Err(AdoptError::Differs { author, sequence }),
                None => missing.push(statement),
            }
        }
        let older = session.halt.is_some_and(|halt| halt.is_doubt() || halt == Halt::RolledBack);
        let own = missing.iter().any(|statement| statement.header.author == self.thread.role);
        if older || own { Ok(missing) } else { Err(AdoptError::NotOlder) }
    }

    fn take_missing(&mut self, missing: &[&Statement], turn: &mut Turn<'_>) -> Result<Adopted, AdoptError> {
        let mut adopted = Adopted::default();
        for statement in missing {
            let (author, sequence) = (statement.header.author, statement.header.sequence);
            let bytes = statement.encode().map_err(|_| AdoptError::Broken)?;
            let had = self.transcript.chain(author).acknowledged();
            self.recall(author.other(), statement.header.peer_count);
            self.transcript.append_verified(&statement.header).map_err(|_| AdoptError::Broken)?;
            let own = author == self.thread.role;
            let now = turn.now;
            self.store(statement, bytes, turn);
            // Pieces of it that had come would take up room for ever.
            let pieces = if own { None } else { self.inbox.assemblies.remove(&sequence) };
            for index in pieces.iter().flat_map(|assembly| assembly.pieces.keys()) {
                turn.delete(table::FRAGMENT, table::fragment_key(self.number, sequence, *index));
            }
            // The counterpart holds what its export has.
            if own {
                self.mark(author, sequence, turn, |marks| marks.delivered = Some(now));
            } else {
                self.acknowledged(statement, had, turn);
            }
            *(if own { &mut adopted.own } else { &mut adopted.peer }) += 1;
        }
        if adopted.own > 0 {
            // Our own signature on what this vault did not know.
            self.halt(Halt::RolledBack, turn);
        }
        Ok(adopted)
    }
}
