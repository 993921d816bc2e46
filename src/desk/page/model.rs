//! What a page tells of, between what it is read from and HTML: an open channel fills it, and so does a file that was
//! checked. Holds what both sides of a channel hold and their receipts; never what one side keeps to itself.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::handover::HandoverLine;
use crate::deal::judge::Ledger;
use crate::deal::person::Line;
use crate::desk::case::Place;
use crate::desk::held::Holds;
use crate::desk::names::Names;
use crate::desk::screen::plain;
use crate::party::role::Role;
use crate::statement::header::{Header, StatementId};
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// A page: where its content is from, and one book a channel.
pub struct Page {
    /// When it was made.
    pub made: UnixMillis,
    /// What it was made from.
    pub source: Source,
    /// The figures of all exchanges, each a name and what it comes to; none where nobody reckoned them.
    pub figures: Vec<(String, String)>,
    /// The channels.
    pub books: Vec<Book>,
}

/// What a page was made from.
pub enum Source {
    /// The vault of the party whose view the books are.
    Vault,
    /// A file that was checked with no vault.
    File(Checked),
}

/// What the check of a file came to, in sentences for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the file is: `evidence`, `transcript`.
    pub kind: String,
    /// Whether both parties were named by fingerprints that whoever checked knew.
    pub identified: bool,
    /// What is proven, and by whose signature.
    pub proven: Vec<String>,
    /// What is not.
    pub not_proven: Vec<String>,
}

/// One channel, or the part of it that a file holds.
pub struct Book {
    /// The channel's id.
    pub channel: Digest,
    /// The inviter, and the joiner.
    pub parties: [Party; 2],
    /// Whose vault it was read from.
    pub view: Option<Role>,
    /// The statements, each after those it acknowledges.
    pub statements: Vec<Told>,
    /// The state of the cases that the statements decide; none where too few were disclosed.
    pub ledger: Option<Ledger>,
    /// Both chains' heads, the inviter's first.
    pub heads: [Head; 2],
    places: BTreeMap<Digest, usize>,
}

/// A party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The name on its card, as it stands there.
    pub name: String,
    /// Its card's fingerprint.
    pub fingerprint: Digest,
    /// Whether it confirmed the safety words; none where that is not known here.
    pub words: Option<bool>,
}

/// How far a chain goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many statements it has.
    pub count: u64,
    /// Id of the last; zeros of none.
    pub id: Digest,
}

/// A statement.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its id.
    pub id: Digest,
    /// Its header.
    pub header: Header,
    /// What is known of its body.
    pub body: Body,
    /// Its receipts, as far as they are known here.
    pub receipts: Receipts,
}

/// What is known of a statement's body.
#[derive(Debug, Clone)]
pub enum Body {
    /// All of it.
    Whole(Content),
    /// Some lines of its list alone.
    Part(Part),
    /// Nothing but its place.
    Withheld,
    /// What is no part of a negotiation, in a line of harmless text.
    Other(String),
    /// What its kind does not allow: why, in a line of harmless text.
    Unreadable(String),
}

/// A body of which not all lines were disclosed.
#[derive(Debug, Clone)]
pub enum Part {
    /// An offer without its lists ([`Offer::without_lists`]), and the lines of them that were disclosed.
    Offer(Box<Offer>, Vec<Disclosed>),
    /// Handover lines: of which version, how many there are, and those that were disclosed, from 0.
    Lines(u32, u32, Vec<(u32, HandoverLine)>),
}

/// A disclosed line of an offer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// The leg, from 0.
    pub leg: u16,
    /// The line of its list, from 0.
    pub line: u32,
    /// Whether it stands on the list of those who are not given.
    pub excepted: bool,
    /// The record.
    pub record: Line,
}

/// The receipts of a statement, each with its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipts {
    /// When its author's vault held it.
    pub stored: Option<UnixMillis>,
    /// When a relay had all its cells, by the relay's clock.
    pub deposited: Option<UnixMillis>,
    /// Whether the relay signed that.
    pub deposit_signed: bool,
    /// When the other side's acknowledgement came; where that is not known, when the other side said it.
    pub delivered: Option<UnixMillis>,
    /// When the other side's `read` came; where that is not known, when the other side said it.
    pub read: Option<UnixMillis>,
}

impl Told {
    /// What it says in a negotiation, where all of it is known, or all but its lists.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        match &self.body {
            Body::Whole(content) => Some(content.clone()),
            Body::Part(Part::Offer(offer, _)) => Some(Content::Offer(offer.clone())),
            Body::Part(Part::Lines(..)) | Body::Withheld | Body::Other(_) | Body::Unreadable(_) => None,
        }
    }

    /// What it hangs on in a case's tree, and what it says there.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Place::of(&self.content()?)
    }
}

impl Book {
    /// Of `statements`, each after those it acknowledges. A delivery whose time is not known is taken from the first
    /// statement of the other side among them that acknowledges it.
    #[must_use]
    pub fn new(
        channel: Digest,
        parties: [Party; 2],
        view: Option<Role>,
        mut statements: Vec<Told>,
        ledger: Option<Ledger>,
        heads: [Head; 2],
    ) -> Self {
        acknowledge(&mut statements);
        let places = statements.iter().zip(0..).map(|(told, at)| (told.id, at)).collect();
        Self { channel, parties, view, statements, ledger, heads, places }
    }

    /// The statement with this id.
    #[must_use]
    pub fn get(&self, id: &Digest) -> Option<&Told> {
        self.places.get(id).and_then(|at| self.statements.get(*at))
    }

    /// Where a statement stands among [`Book::statements`].
    #[must_use]
    pub fn at(&self, id: &Digest) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// A party.
    #[must_use]
    pub const fn party(&self, role: Role) -> &Party {
        let [inviter, joiner] = &self.parties;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    /// What the parties are called, made harmless; where the page is nobody's view, the inviter stands first.
    #[must_use]
    pub fn names(&self) -> Names {
        let me = self.view.unwrap_or(Role::Inviter);
        let name = |role| plain(&self.party(role).name);
        Names { me, own: name(me), peer: name(me.other()) }
    }

    /// Why a statement has no effect; none for a valid one, and where nobody can tell.
    #[must_use]
    pub fn void(&self, told: &Told) -> Option<String> {
        self.ledger.as_ref()?.verdict(&told.id)?.err().map(|reason| reason.to_string())
    }

    /// The case a statement belongs to: the one its header names, or itself where it opens one.
    #[must_use]
    pub fn case_of(&self, told: &Told) -> Option<Digest> {
        if told.header.case != StatementId::NONE {
            return Some(told.header.case.0);
        }
        self.ledger.as_ref()?.case(&told.id).map(|case| case.id())
    }
}

impl Holds for Book {
    fn content(&self, id: &Digest) -> Option<Content> {
        self.get(id)?.content()
    }
}

/// Fills in deliveries from the headers that acknowledge them.
fn acknowledge(statements: &mut [Told]) {
    for author in Role::BOTH {
        let mut acknowledging: Vec<(u64, UnixMillis)> = Vec::new();
        let others = statements.iter().filter(|told| told.header.author != author);
        acknowledging.extend(others.map(|told| (told.header.peer_count, told.header.clock)));
        let open = |told: &&mut Told| told.header.author == author && told.receipts.delivered.is_none();
        for told in statements.iter_mut().filter(open) {
            let first = acknowledging.partition_point(|(count, _)| *count <= told.header.sequence);
            told.receipts.delivered = acknowledging.get(first).map(|(_, clock)| *clock);
        }
    }
}
