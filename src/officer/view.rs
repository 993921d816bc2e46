//! What a thread holds, read for showing: nothing here changes anything.

use crate::codec::CodecError;
use crate::crypto::sign::SignError;
use crate::deal::body::{Body, BodyError, Content};
use crate::deal::judge::{Entry, Ledger, Said as Judged, judge};
use crate::officer::engine::{Channel, Item};
use crate::officer::thread::{Session, Stage};
use crate::party::role::Role;
use crate::session::introduction::verify_role;
use crate::statement::export::{self, Introduced, Preamble};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::{Read, WordsConfirmed};
use crate::statement::renewal::Renewal;
use crate::statement::signed::{Said, Statement};

/// A statement with its place, for showing.
pub struct Shown<'a> {
    /// Its id.
    pub id: StatementId,
    /// Its header.
    pub header: &'a Header,
    /// Its bytes and marks.
    pub item: &'a Item,
    /// Whether we said it.
    pub own: bool,
}

impl Shown<'_> {
    /// The whole statement.
    ///
    /// # Errors
    /// Never for a stored statement.
    pub fn statement(&self) -> Result<Statement, crate::statement::signed::StatementError> {
        Statement::decode(&self.item.bytes)
    }

    /// What it says in a negotiation; none for other kinds.
    #[must_use]
    pub fn content(&self) -> Option<Result<Content, BodyError>> {
        let kind = Kind::from_number(self.header.kind)?;
        content(kind, &self.statement().ok()?)
    }
}

fn content(kind: Kind, statement: &Statement) -> Option<Result<Content, BodyError>> {
    match kind {
        Kind::Acknowledgement
        | Kind::Read
        | Kind::WordsConfirmed
        | Kind::Relays
        | Kind::ForkNotice
        | Kind::Renewal => None,
        _ => Some(Body::parse(kind, &statement.said.body, &statement.said.lists)),
    }
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

    /// One party's statements with their places.
    pub fn statements_of(&self, role: Role) -> impl Iterator<Item = Shown<'_>> {
        let own = role == self.thread.role;
        let chain = self.transcript.chain(role);
        let headers = chain.headers().iter().zip(self.items(role)).zip(0u64..);
        headers.map(move |((header, item), at)| Shown {
            id: chain.id(at).unwrap_or_default(),
            header,
            item,
            own,
        })
    }

    /// All statements, each after those it acknowledges; where that leaves a choice, by when they were stored here.
    #[must_use]
    pub fn statements(&self) -> Vec<Shown<'_>> {
        let mut chains = Role::BOTH.map(|role| self.statements_of(role).peekable());
        let mut taken = [0u64; 2];
        let mut all = Vec::new();
        loop {
            let [inviter, joiner] = &mut chains;
            let ready = |next: Option<&Shown<'_>>, other: u64| {
                next.filter(|shown| shown.header.peer_count <= other).map(|shown| shown.item.marks.stored)
            };
            let [inviters, joiners] = taken;
            let (from_inviter, from_joiner) =
                (ready(inviter.peek(), joiners), ready(joiner.peek(), inviters));
            let role = match (from_inviter, from_joiner) {
                (None, None) => return all,
                (Some(_), None) => Role::Inviter,
                (None, Some(_)) => Role::Joiner,
                (Some(a), Some(b)) if a <= b => Role::Inviter,
                (Some(_), Some(_)) => Role::Joiner,
            };
            let [inviters, joiners] = &mut taken;
            let (chain, count) = if role == Role::Inviter { (inviter, inviters) } else { (joiner, joiners) };
            all.extend(chain.next());
            *count = count.saturating_add(1);
        }
    }

    /// The state of all cases.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let Some(session) = self.session() else { return judge(&[]) };
        let words = session.words();
        let shown = self.statements();
        let said: Vec<_> = shown.iter().map(|shown| said(shown, &words)).collect();
        let entries: Vec<_> = shown
            .iter()
            .zip(&said)
            .map(|(shown, said)| Entry {
                id: shown.id.0,
                author: shown.header.author,
                sequence: shown.header.sequence,
                peer_count: shown.header.peer_count,
                case: (shown.header.case != StatementId::NONE).then_some(shown.header.case.0),
                kind: shown.header.kind,
                said: match said {
                    Held::Deal(content) => Judged::Deal(content),
                    Held::Other => Judged::Other,
                    Held::Malformed => Judged::Malformed,
                },
            })
            .collect();
        judge(&entries)
    }

    /// The transcript as a file that anyone can check.
    ///
    /// # Errors
    /// Never for a channel that stands.
    pub fn export(&self) -> Result<Option<Vec<u8>>, CodecError> {
        let Some(session) = self.session() else { return Ok(None) };
        let preamble = preamble(session);
        let statements = self.statements();
        export::write(&preamble, statements.iter().map(|shown| shown.item.bytes.as_ref())).map(Some)
    }
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

/// Checks a party's signature in the introduction.
pub(super) fn verify_introduction(role: Role, preamble: &Preamble) -> Result<(), SignError> {
    let [inviter, joiner] = &preamble.cards;
    let [introduced_inviter, introduced_joiner] = &preamble.introduced;
    let (card, introduced) = match role {
        Role::Inviter => (inviter, introduced_inviter),
        Role::Joiner => (joiner, introduced_joiner),
    };
    // A card that was decoded has a fingerprint.
    let cards = [inviter, joiner].map(|card| card.fingerprint().unwrap_or_default());
    let [first, second] = &cards;
    verify_role(role, &preamble.channel, [first, second], &introduced.first, card, &introduced.signature)
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
        Some(Kind::Renewal) => Renewal::of(shown.header, &statement.said).is_none(),
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
