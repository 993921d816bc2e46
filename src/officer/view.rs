//! What a thread holds, read for showing: nothing here changes anything.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::crypto::sign::SignError;
use crate::deal::body::{Body, BodyError, Content};
use crate::deal::judge::{Entry, Ledger, Said as Judged, is_of_a_deal, judge, judge_case};
use crate::deal::verdict::{Act, Verdict};
use crate::officer::engine::Channel;
use crate::officer::receipt::Marks;
use crate::officer::thread::{Session, Stage};
use crate::party::role::Role;
use crate::session::introduction::verify_role;
use crate::statement::export::{self, Introduced, Preamble};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::{Read, WordsConfirmed};
use crate::statement::renewal::Renewal;
use crate::statement::signed::{Said, Statement, StatementError};
use std::sync::Arc;

/// A statement's times.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The times.
    pub marks: Marks,
}

/// A statement with its place, for showing. What it says is read when it is asked for.
#[derive(Clone)]
pub struct Shown<'a> {
    /// Its id.
    pub id: StatementId,
    /// Its header.
    pub header: Header,
    /// Its times.
    pub item: Item,
    /// Whether we said it.
    pub own: bool,
    channel: &'a Channel,
    /// Its bytes, where it is one of many that are read in passing.
    held: Option<Arc<[u8]>>,
}

impl Shown<'_> {
    /// Its bytes, as they were signed or arrived; none where the vault cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Option<Arc<[u8]>> {
        self.held.clone().or_else(|| self.channel.bytes_at(self.header.author, self.header.sequence))
    }

    /// The whole statement.
    ///
    /// # Errors
    /// Never for a stored statement, unless the vault cannot be read.
    pub fn statement(&self) -> Result<Statement, StatementError> {
        Statement::decode(&self.bytes().unwrap_or_default())
    }

    /// What it says in a negotiation; none for other kinds.
    #[must_use]
    pub fn content(&self) -> Option<Result<Content, BodyError>> {
        let kind = Kind::from_number(self.header.kind).filter(|kind| is_of_a_deal(*kind))?;
        content(kind, &self.statement().ok()?)
    }
}

fn content(kind: Kind, statement: &Statement) -> Option<Result<Content, BodyError>> {
    is_of_a_deal(kind).then(|| Body::parse(kind, &statement.said.body, &statement.said.lists))
}

impl Channel {
    /// The session, once the channel stands.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        match &self.thread.stage {
            Stage::Open(session) => Some(session),
            Stage::Inviting(_) | Stage::Greeting(_) | Stage::Moving => None,
        }
    }

    /// The statement at a place; none where there is none, or the vault cannot be read.
    #[must_use]
    pub fn statement_at(&self, role: Role, sequence: u64) -> Option<Shown<'_>> {
        Some(Shown { held: None, ..self.read_at(role, sequence)? })
    }

    fn read_at(&self, role: Role, sequence: u64) -> Option<Shown<'_>> {
        let bytes = self.bytes_at(role, sequence)?;
        let header = self.header_of(&bytes)?;
        let item = Item { marks: self.marks_at(role, sequence) };
        let own = role == self.thread.role;
        Some(Shown { id: header.id(), header, item, own, channel: self, held: Some(bytes) })
    }

    /// The statement with this id.
    #[must_use]
    pub fn statement(&self, id: &Digest) -> Option<Shown<'_>> {
        let (role, sequence) = self.place_of(id)?;
        self.statement_at(role, sequence)
    }

    /// One party's statements with their places, each read when it is come to.
    pub fn statements_of(&self, role: Role) -> impl DoubleEndedIterator<Item = Shown<'_>> {
        (0..self.transcript.chain(role).count()).filter_map(move |at| self.statement_at(role, at))
    }

    /// All statements, each after those it acknowledges; where that leaves a choice, by when they were stored here.
    /// Each is read once, when it is come to, and holds its bytes: keep none of them.
    pub fn braid(&self) -> impl Iterator<Item = Shown<'_>> {
        let of = |role: Role| {
            (0..self.transcript.chain(role).count()).filter_map(move |at| self.read_at(role, at))
        };
        braided(of(Role::Inviter), of(Role::Joiner))
    }

    /// The statements of a case, in the same order.
    #[must_use]
    pub fn statements_in(&self, case: &Digest) -> Vec<Shown<'_>> {
        let places = self.places_in_case(case);
        let of = |role: Role| {
            let own = places.iter().filter(move |(author, _)| *author == role);
            own.filter_map(|(author, sequence)| self.statement_at(*author, *sequence))
        };
        braided(of(Role::Inviter), of(Role::Joiner)).collect()
    }

    /// All statements in the order of [`Channel::braid`]: for those who tell of everything.
    #[must_use]
    pub fn statements(&self) -> Vec<Shown<'_>> {
        self.braid().map(|shown| Shown { held: None, ..shown }).collect()
    }

    /// Whether what we would say now would be valid.
    ///
    /// # Errors
    /// Why it would be void.
    pub fn would_be(&self, case: Option<&Digest>, content: &Content) -> Verdict {
        let me = self.thread.role;
        match (Act::of(content), case) {
            // Free text never binds, so nothing stands against it.
            (Act::Note, _) => Ok(()),
            (act, Some(id)) => self.ledger_of(id).would_be(me, case, &act),
            (act, None) => Ledger::of_words(self.counts.words, self.both_counts()).would_be(me, None, &act),
        }
    }

    fn both_counts(&self) -> [u64; 2] {
        Role::BOTH.map(|role| self.transcript.chain(role).count())
    }

    /// The state of one case, judged from its own statements: no others are read. For a statement that belongs to no
    /// case, by its id: the verdict on it.
    #[must_use]
    pub fn ledger_of(&self, case: &Digest) -> Ledger {
        let mut shown = self.statements_in(case);
        if shown.is_empty() {
            shown.extend(self.statement(case));
        }
        let acknowledged = |role: Role, first: u64| {
            let header = first.checked_sub(1).and_then(|last| self.header_at(role, last));
            header.map_or(0, |header| header.peer_count)
        };
        self.judged(shown.into_iter(), |entries| {
            judge_case(case, entries, self.counts.words, self.both_counts(), acknowledged)
        })
    }

    /// The state of the case that a statement belongs to, with the verdict on it.
    #[must_use]
    pub fn ledger_about(&self, shown: &Shown<'_>) -> Ledger {
        let named = Some(shown.header.case).filter(|case| *case != StatementId::NONE);
        self.ledger_of(&named.unwrap_or(shown.id).0)
    }

    /// The state of all cases.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.judged(self.braid(), judge)
    }

    /// What `judge` makes of statements, each of which is read and let go.
    fn judged<'a>(
        &self,
        shown: impl Iterator<Item = Shown<'a>>,
        judge: impl FnOnce(&[Entry<'_>]) -> Ledger,
    ) -> Ledger {
        let Some(session) = self.session() else { return judge(&[]) };
        let words = session.words();
        let said: Vec<_> = shown.map(|shown| (shown.id, said(&shown, &words), shown.header)).collect();
        let entries: Vec<_> = said
            .iter()
            .map(|(id, said, header)| Entry {
                id: id.0,
                author: header.author,
                sequence: header.sequence,
                peer_count: header.peer_count,
                case: (header.case != StatementId::NONE).then_some(header.case.0),
                kind: header.kind,
                said: match said {
                    Held::Deal(content) => Judged::Deal(content),
                    Held::Other => Judged::Other,
                    Held::Malformed => Judged::Malformed,
                },
            })
            .collect();
        judge(&entries)
    }

    /// The parties and their introduction; none until the channel stands.
    #[must_use]
    pub fn preamble(&self) -> Option<Preamble> {
        self.session().map(preamble)
    }

    /// The transcript as a file that anyone can check, whole in memory.
    ///
    /// # Errors
    /// Never for a channel that stands.
    pub fn export(&self) -> Result<Option<Vec<u8>>, CodecError> {
        let Some(preamble) = self.preamble() else { return Ok(None) };
        let statements: Vec<Arc<[u8]>> = self.braid().filter_map(|shown| shown.bytes()).collect();
        export::write(&preamble, statements.iter().map(AsRef::as_ref)).map(Some)
    }
}

/// Statements of both parties, each party's in its order: each after those it acknowledges, else by when they were
/// stored here.
fn braided<'a>(
    inviters: impl Iterator<Item = Shown<'a>>,
    joiners: impl Iterator<Item = Shown<'a>>,
) -> impl Iterator<Item = Shown<'a>> {
    let (mut inviters, mut joiners) = (inviters.peekable(), joiners.peekable());
    std::iter::from_fn(move || {
        // One waits while the other's next is among those it acknowledges.
        let waits = |one: &Shown<'_>, other: &Shown<'_>| other.header.sequence < one.header.peer_count;
        let inviters_first = match (inviters.peek(), joiners.peek()) {
            (Some(inviter), Some(joiner)) => {
                let first = inviter.item.marks.stored <= joiner.item.marks.stored;
                !waits(inviter, joiner) && (first || waits(joiner, inviter))
            }
            (inviter, _) => inviter.is_some(),
        };
        if inviters_first { inviters.next() } else { joiners.next() }
    })
}

/// Checks an exported transcript: the introduction, and of every statement place, commitment and signature.
///
/// # Errors
/// [`export::ExportError`], at the first defect.
pub fn check_export(bytes: &[u8]) -> Result<export::CheckedExport, export::ExportError> {
    export::check(bytes, verify_introduction)
}

/// What an export or a bundle says of a session's parties.
pub(super) fn preamble(session: &Session) -> Preamble {
    let [inviter, joiner] = &session.introduced;
    let introduced =
        [inviter, joiner].map(|part| Introduced { first: part.first, signature: part.signature.clone() });
    Preamble { channel: session.channel, cards: session.cards.clone(), introduced }
}

/// Checks the introduction: two parties, and what each signed in it.
///
/// # Errors
/// [`export::ExportError`].
pub fn check_introduction(preamble: &Preamble) -> Result<(), export::ExportError> {
    preamble.check(verify_introduction)
}

/// Checks a party's signature in the introduction.
pub(super) fn verify_introduction(role: Role, preamble: &Preamble) -> Result<(), SignError> {
    let [inviter, joiner] = &preamble.introduced;
    let introduced = match role {
        Role::Inviter => inviter,
        Role::Joiner => joiner,
    };
    // A card that was decoded has a fingerprint.
    let [first, second] = Role::BOTH.map(|role| preamble.card(role).fingerprint().unwrap_or_default());
    let card = preamble.card(role);
    verify_role(role, &preamble.channel, [&first, &second], &introduced.first, card, &introduced.signature)
}

/// What a stored body holds.
enum Held {
    /// Part of a negotiation, without the records of its lists: a channel may hold many long ones.
    Deal(Content),
    Other,
    Malformed,
}

fn said(shown: &Shown<'_>, words: &crate::party::words::SafetyWords) -> Held {
    let kind = Kind::from_number(shown.header.kind);
    let Ok(statement) = shown.statement() else { return Held::Malformed };
    let Said { body, lists, .. } = &statement.said;
    let malformed = match kind {
        Some(Kind::WordsConfirmed) => !lists.is_empty() || !WordsConfirmed::confirms(body, words),
        Some(Kind::Acknowledgement) => !lists.is_empty() || !body.is_empty(),
        Some(Kind::Renewal) => Renewal::of(&shown.header, &statement.said).is_none(),
        Some(Kind::Read) => !lists.is_empty() || Read::decode(body, shown.header.peer_count).is_err(),
        _ => false,
    };
    if malformed {
        return Held::Malformed;
    }
    match kind.and_then(|kind| content(kind, &statement)) {
        Some(Ok(content)) => Held::Deal(content.without_records()),
        Some(Err(_)) => Held::Malformed,
        None => Held::Other,
    }
}
