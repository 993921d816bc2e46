//! Drafts: what is to be said, exactly, before it is signed; the file that shows one to the principal; and the
//! principal's approval of it. May not know what a mandate says.
//!
//! ```text
//! draft      = version u8 = 1 ‖ channel 32 ‖ author u8 ‖ kind u16 ‖ case 32 ‖ body (list of u8) ‖ lists (list)
//! draft's id = SHA-256(label ‖ channel 32 ‖ author u8 ‖ kind u16 ‖ case 32 ‖ body's length u64 ‖ body ‖
//!              for each list: root 32 ‖ lines u32)
//! draft file = version u8 = 1 ‖ draft (list of u8) ‖ drafter's card (list of u8) ‖ counterpart's name (string) ‖
//!              mandate's number u64 ‖ about (list of statements, each a list of u8)
//! approval   = version u8 = 1 ‖ draft's id 32 ‖ mandate's number u64 ‖ principal's card (list of u8) ‖ at u64 (ms) ‖
//!              signature 3,373
//! signature  = both keys over label ‖ draft's id 32 ‖ mandate's number u64 ‖ fingerprint of the principal's card 32 ‖
//!              at u64
//! ```
//! The mandate's number is that of the one in force when the file was written, 0 where there was none: an approval
//! counts under that mandate alone. `about` holds what the body names by id, so that the principal sees what is agreed to: of an accept the offer,
//! of a confirm the acceptance and then the offer.

use crate::codec::{self, CodecError};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::sign::{SIGNATURE_BYTES, SignError, Signature};
use crate::deal::body::{Body, BodyError, Content};
use crate::party::card::{CARD_BYTES_MAX, Card, CardError, Identity, PartyName};
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::list::List;
use crate::statement::signed::{STATEMENT_BYTES_MAX, Statement, StatementError};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// The version of drafts and approvals.
const VERSION: u8 = 1;
/// Bytes of a draft, at most: what a statement can say.
pub const DRAFT_BYTES_MAX: usize = STATEMENT_BYTES_MAX;
/// Bytes of a draft file, at most: the draft, and the two statements it may be about.
pub const DRAFT_FILE_BYTES_MAX: usize = 3 * STATEMENT_BYTES_MAX + CARD_BYTES_MAX + 1_024;
/// Bytes of an approval, at most.
pub const APPROVAL_BYTES_MAX: usize = 1 + 32 + 8 + 8 + CARD_BYTES_MAX + 8 + SIGNATURE_BYTES;

/// A draft or draft file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// A version this program does not know.
    #[error("the draft has version {0}, and this program reads version {VERSION}: update it")]
    VersionUnknown(u8),
    /// Not a draft.
    #[error("this is no draft: give the file that 'truceline draft ... --out' wrote")]
    Malformed(#[from] CodecError),
    /// A kind this program does not know.
    #[error("the draft has kind {0}, which this program does not know: update it")]
    KindUnknown(u16),
    /// See [`BodyError`].
    #[error("the draft says nothing that could be signed, {0}: make it again")]
    Body(#[from] BodyError),
    /// The drafter's card is none.
    #[error("the card in the draft is no card: ask for the draft again")]
    Card(#[from] CardError),
    /// What it is about is missing, another, or altered.
    #[error("the draft does not hold the {0} that it is about: ask for the draft again, and approve nothing")]
    AboutMissing(&'static str),
    /// There is no such draft in this vault.
    #[error("this vault holds no such draft: see the drafts with 'truceline draft list'")]
    Unknown,
    /// It was signed before.
    #[error("this draft was signed and sent before: see what became of it with 'truceline log'")]
    Sent,
}

/// An approval that does not let a draft be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// A version this program does not know.
    #[error("the approval has version {0}, and this program reads version {VERSION}: update it")]
    VersionUnknown(u8),
    /// Not an approval.
    #[error("this is no approval: give the file that 'truceline approve' wrote")]
    Malformed(#[from] CodecError),
    /// Its card is none.
    #[error("the card in the approval is no card: ask the principal to approve the draft again")]
    Card(#[from] CardError),
    /// The signature does not hold.
    #[error("the approval is not what its signer signed: ask the principal for the file again")]
    Signature(#[from] SignError),
    /// It approves something else. One changed number is enough.
    #[error(
        "the approval is for draft {approved}, and this is draft {found}, for any change makes another draft: have \
         the principal approve this one"
    )]
    OtherDraft {
        /// What was approved.
        approved: String,
        /// What was to be signed.
        found: String,
    },
    /// Under another mandate than the one in force.
    #[error(
        "the approval was given under mandate {approved}, and mandate {held} is in force: write the draft anew with \
         'truceline draft show', and have the principal approve it again"
    )]
    OtherMandate {
        /// Under which it was given; 0 for none.
        approved: u64,
        /// The one in force.
        held: u64,
    },
    /// By somebody else than the principal.
    #[error("the approval is signed by {found}, and the principal is {principal}: ask the principal")]
    NotByPrincipal {
        /// Who approved.
        found: String,
        /// Who should have.
        principal: String,
    },
    /// There is no mandate, so nobody is known as principal.
    #[error("no principal is known to this vault: set the principal's mandate first")]
    NoPrincipal,
    /// Who drafted approves.
    #[error("this vault's own key drafted this, and nobody approves their own draft: ask the principal")]
    OwnDraft,
}

/// What is to be said, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Draft {
    version: u8,
    channel: Digest,
    author: Role,
    kind: u16,
    case: StatementId,
    body: Vec<u8>,
    lists: Vec<List>,
}

impl Draft {
    /// The draft of content in a channel.
    ///
    /// # Errors
    /// [`DraftError::Body`] over a limit.
    pub fn new(
        channel: Digest,
        author: Role,
        case: Option<StatementId>,
        content: &Content,
        lists: Vec<List>,
    ) -> Result<Self, DraftError> {
        let case = case.unwrap_or(StatementId::NONE);
        let (kind, body) = (content.kind().number(), content.encode()?);
        let draft = Self { version: VERSION, channel, author, kind, case, body, lists };
        draft.content()?;
        Ok(draft)
    }

    /// The draft's id: another one after any change.
    #[must_use]
    pub fn id(&self) -> Digest {
        let length = (self.body.len() as u64).to_le_bytes();
        let roots: Vec<_> = self.lists.iter().map(List::root).collect();
        let lines: Vec<_> = roots.iter().map(|root| root.lines.to_le_bytes()).collect();
        let (author, kind) = ([self.author.number()], self.kind.to_le_bytes());
        let mut parts: Vec<&[u8]> =
            vec![&self.channel.0, &author, &kind, &self.case.0.0, &length, &self.body];
        for (root, lines) in roots.iter().zip(&lines) {
            parts.push(&root.root.0);
            parts.push(lines);
        }
        digest(label::DRAFT, &parts)
    }

    /// What it says.
    ///
    /// # Errors
    /// [`DraftError`] where that could not be signed.
    pub fn content(&self) -> Result<Content, DraftError> {
        let kind = Kind::from_number(self.kind).ok_or(DraftError::KindUnknown(self.kind))?;
        Ok(Body::parse(kind, &self.body, &self.lists)?)
    }

    /// The channel's id.
    #[must_use]
    pub const fn channel(&self) -> Digest {
        self.channel
    }

    /// Who is to say it.
    #[must_use]
    pub const fn author(&self) -> Role {
        self.author
    }

    /// The case; none where it opens one.
    #[must_use]
    pub fn case(&self) -> Option<StatementId> {
        (self.case != StatementId::NONE).then_some(self.case)
    }

    /// The lists beside its body.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// The draft's bytes.
    ///
    /// # Errors
    /// [`DraftError::Malformed`] over [`DRAFT_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, DraftError> {
        Ok(codec::encode(self, DRAFT_BYTES_MAX)?)
    }

    /// The draft in these bytes.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DraftError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) if other < b' ' => return Err(DraftError::VersionUnknown(other)),
            _ => return Err(CodecError::Malformed.into()),
        }
        let draft: Self = codec::decode(bytes, DRAFT_BYTES_MAX)?;
        draft.content()?;
        Ok(draft)
    }
}

/// A draft as its drafter shows it to the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFile {
    /// What is to be said.
    pub draft: Draft,
    /// Who is to say it.
    pub drafter: Card,
    /// What the counterpart calls itself, as the drafter says.
    pub peer: PartyName,
    /// The number of the mandate in force when the file was written; 0 where there was none.
    pub mandate: u64,
    /// The bytes of the statements it is about.
    about: Vec<Vec<u8>>,
}

impl DraftFile {
    /// A draft with the statements it is about.
    ///
    /// # Errors
    /// [`DraftError::AboutMissing`] where these are others.
    pub fn new(
        draft: Draft,
        drafter: Card,
        peer: PartyName,
        mandate: u64,
        about: Vec<Vec<u8>>,
    ) -> Result<Self, DraftError> {
        let file = Self { draft, drafter, peer, mandate, about };
        file.offer()?;
        Ok(file)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`DraftError::Malformed`] over a limit.
    pub fn encode(&self) -> Result<Vec<u8>, DraftError> {
        let fields = (self.draft.encode()?, self.drafter.encode()?, &self.peer, self.mandate, &self.about);
        let mut bytes = vec![VERSION];
        bytes.extend(codec::encode(&fields, DRAFT_FILE_BYTES_MAX - 1)?);
        Ok(bytes)
    }

    /// Reads a draft file.
    ///
    /// # Errors
    /// [`DraftError`]; nothing of it is to be approved then.
    pub fn decode(bytes: &[u8]) -> Result<Self, DraftError> {
        let rest = match bytes.split_first() {
            Some((&VERSION, rest)) => rest,
            Some((&other, _)) if other < b' ' => return Err(DraftError::VersionUnknown(other)),
            _ => return Err(CodecError::Malformed.into()),
        };
        let (draft, drafter, peer, mandate, about): (Vec<u8>, Vec<u8>, PartyName, u64, Vec<Vec<u8>>) =
            codec::decode(rest, DRAFT_FILE_BYTES_MAX - 1)?;
        let peer = PartyName::parse(peer.as_str())?;
        Self::new(Draft::decode(&draft)?, Card::decode(&drafter)?, peer, mandate, about)
    }

    /// The offer that would be made, accepted or confirmed, with its author: what is in the file is what the draft
    /// names by id.
    ///
    /// # Errors
    /// [`DraftError::AboutMissing`].
    pub fn offer(&self) -> Result<Option<(Role, Content)>, DraftError> {
        let mut about = self.about.iter();
        let mut next = |id: Digest, what: &'static str| {
            let statement = about.next().and_then(|bytes| Statement::decode(bytes).ok());
            let read = statement.and_then(|statement| self.read(&statement, id).ok());
            read.ok_or(DraftError::AboutMissing(what))
        };
        let offer = match self.draft.content()? {
            offer @ Content::Offer(_) => Some((self.draft.author, offer)),
            Content::Accept(accept) => Some(next(accept.offer, "offer")?),
            Content::Confirm(confirm) => match next(confirm.acceptance, "acceptance")? {
                (_, Content::Accept(accept)) => Some(next(accept.offer, "offer")?),
                _ => return Err(DraftError::AboutMissing("acceptance")),
            },
            _ => None,
        };
        match &offer {
            Some((_, Content::Offer(_))) | None if about.next().is_none() => Ok(offer),
            _ => Err(DraftError::AboutMissing("offer")),
        }
    }

    fn read(&self, statement: &Statement, id: Digest) -> Result<(Role, Content), StatementError> {
        let header = &statement.header;
        let named = statement.id().0 == id && header.channel == self.draft.channel;
        let kind = Kind::from_number(header.kind).filter(|_| named);
        if statement.said.commitment() != header.commitment {
            return Err(StatementError::CommitmentBroken);
        }
        let content =
            kind.and_then(|kind| Body::parse(kind, &statement.said.body, &statement.said.lists).ok());
        Ok((header.author, content.ok_or(CodecError::Malformed)?))
    }

    /// Whether this party may approve the draft: any but who drafted it, under whatever name.
    ///
    /// # Errors
    /// [`ApprovalError::OwnDraft`].
    pub fn check_approver(&self, approver: &Card) -> Result<(), ApprovalError> {
        if approver.key().shares_with(self.drafter.key()) { Err(ApprovalError::OwnDraft) } else { Ok(()) }
    }

    /// Approves exactly this draft, under the mandate that the file names.
    ///
    /// # Errors
    /// [`ApprovalError::OwnDraft`] where the drafter would approve.
    pub fn approve(&self, principal: &Identity, now: UnixMillis) -> Result<Approval, ApprovalError> {
        self.check_approver(principal.card())?;
        Approval::sign(principal, self.draft.id(), self.mandate, now)
    }
}

/// A principal's approval of one draft, whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    draft: Digest,
    mandate: u64,
    card: Card,
    at: UnixMillis,
    signature: Signature,
}

impl Approval {
    fn sign(
        principal: &Identity,
        draft: Digest,
        mandate: u64,
        at: UnixMillis,
    ) -> Result<Self, ApprovalError> {
        let card = principal.card().clone();
        let fingerprint = card.fingerprint()?;
        let (number, moment) = (mandate.to_le_bytes(), at.0.to_le_bytes());
        let parts: [&[u8]; 4] = [&draft.0, &number, &fingerprint.0, &moment];
        let signature = principal.key().sign(label::APPROVAL, &parts)?;
        Ok(Self { draft, mandate, card, at, signature })
    }

    /// The draft that is approved.
    #[must_use]
    pub const fn draft(&self) -> Digest {
        self.draft
    }

    /// The number of the mandate under which it counts; 0 where there was none.
    #[must_use]
    pub const fn mandate(&self) -> u64 {
        self.mandate
    }

    /// Who approved.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// When, by the principal's clock.
    #[must_use]
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// Never for one that was signed or verified.
    pub fn encode(&self) -> Result<Vec<u8>, ApprovalError> {
        let fields = (VERSION, self.draft, self.mandate, self.card.encode()?, self.at, &self.signature);
        Ok(codec::encode(&fields, APPROVAL_BYTES_MAX)?)
    }

    /// Reads an approval and checks its signature.
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub fn verify(bytes: &[u8]) -> Result<Self, ApprovalError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) if other < b' ' => return Err(ApprovalError::VersionUnknown(other)),
            _ => return Err(CodecError::Malformed.into()),
        }
        let (_, draft, mandate, card, at, signature): (u8, Digest, u64, Vec<u8>, UnixMillis, Signature) =
            codec::decode(bytes, APPROVAL_BYTES_MAX)?;
        let card = Card::decode(&card)?;
        let fingerprint = card.fingerprint()?;
        let (number, moment) = (mandate.to_le_bytes(), at.0.to_le_bytes());
        let parts: [&[u8]; 4] = [&draft.0, &number, &fingerprint.0, &moment];
        card.key().verify(label::APPROVAL, &parts, &signature)?;
        Ok(Self { draft, mandate, card, at, signature })
    }

    /// Whether it lets `draft` be signed by `drafter`, under the mandate in force: its principal and its number.
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub fn check(
        &self,
        draft: Digest,
        drafter: &Card,
        mandate: Option<(Digest, u64)>,
    ) -> Result<(), ApprovalError> {
        let (principal, held) = mandate.ok_or(ApprovalError::NoPrincipal)?;
        if self.card.key().shares_with(drafter.key()) {
            return Err(ApprovalError::OwnDraft);
        }
        let found = self.card.fingerprint()?;
        if found != principal {
            return Err(ApprovalError::NotByPrincipal { found: found.hex(), principal: principal.hex() });
        }
        if self.draft != draft {
            return Err(ApprovalError::OtherDraft { approved: self.draft.hex(), found: draft.hex() });
        }
        if self.mandate != held {
            return Err(ApprovalError::OtherMandate { approved: self.mandate, held });
        }
        Ok(())
    }
}
