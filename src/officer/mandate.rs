//! A principal's signed mandate, kept in the vault: who signed it, which one counts, and what it says of an act.
//! Nothing of it enters a statement; may not know how a draft is approved.
//!
//! ```text
//! signed mandate = version u8 = 1 ‖ principal's card (list of u8) ‖ text (list of u8) ‖ signature 3,373
//! signature      = both keys over label ‖ all that comes before it
//! ```

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::label;
use crate::crypto::sign::{SIGNATURE_BYTES, SignError, Signature};
use crate::deal::body::{Content, Offer};
use crate::deal::mandate::ruling::{Ruling, Verdict};
use crate::deal::mandate::weigh::Totals;
use crate::deal::mandate::{MANDATE_BYTES_MAX, Mandate, read::MandateError};
use crate::deal::state::CaseState;
use crate::officer::command::CommandError;
use crate::officer::engine::{Channel, Officer, OfficerStep};
use crate::officer::table;
use crate::party::card::{CARD_BYTES_MAX, Card, CardError, Identity};
use crate::party::role::Role;
use crate::step::Record;
use crate::time::UnixMillis;

/// The version of the file.
const VERSION: u8 = 1;
/// Bytes of a signed mandate, at most.
pub const SIGNED_BYTES_MAX: usize = 1 + 8 + CARD_BYTES_MAX + 8 + MANDATE_BYTES_MAX + SIGNATURE_BYTES;

/// A signed mandate that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedMandateError {
    /// A version this program does not know.
    #[error("the signed mandate has version {0}, and this program reads version {VERSION}: update it")]
    VersionUnknown(u8),
    /// Not a signed mandate.
    #[error("this is no signed mandate: give the file that 'truceline mandate sign' wrote")]
    Malformed(#[from] CodecError),
    /// Its card is none.
    #[error("the card in the signed mandate is no card: ask the principal to sign it again")]
    Card(#[from] CardError),
    /// The signature is not its principal's, or over something else.
    #[error("the mandate is not what its principal signed: ask the principal for the file again")]
    Signature(#[from] SignError),
    /// See [`MandateError`].
    #[error("{0}")]
    Text(#[from] MandateError),
    /// The first one, with no word of whose it is to be.
    #[error(
        "no principal is known to this vault yet, and the mandate is signed by {found}: compare that with \
         the fingerprint you had from the principal, and give it as --principal"
    )]
    PrincipalNotNamed {
        /// Who signed.
        found: String,
    },
    /// Signed by another than was named, or than signed the earlier ones.
    #[error(
        "the mandate is signed by {found}, and the principal is {principal}: take mandates from that \
         principal alone"
    )]
    OtherPrincipal {
        /// Who signed.
        found: String,
        /// Who should have.
        principal: String,
    },
    /// Signed with the officer's own key.
    #[error(
        "the mandate is signed by this vault's own key, and nobody is their own principal: have it signed in the \
         principal's vault"
    )]
    OwnPrincipal,
    /// Not higher than the one in force.
    #[error("the mandate has number {found}, and number {held} is in force: set one with a higher number")]
    NotNewer {
        /// Its number.
        found: u64,
        /// The one that counts.
        held: u64,
    },
}

/// A mandate whose principal's signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMandate {
    card: Card,
    text: Vec<u8>,
    signature: Signature,
    mandate: Mandate,
    principal: Digest,
}

impl SignedMandate {
    /// Signs the text of a mandate, which has to be one.
    ///
    /// # Errors
    /// [`SignedMandateError`].
    pub fn sign(identity: &Identity, text: &[u8]) -> Result<Self, SignedMandateError> {
        let mandate = Mandate::parse(text)?;
        let card = identity.card().clone();
        let signature = identity.key().sign(label::MANDATE, &[&signed_part(&card, text)?])?;
        let principal = card.fingerprint()?;
        Ok(Self { card, text: text.to_vec(), signature, mandate, principal })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Never for one that was signed or verified.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let fields = (VERSION, self.card.encode()?, &self.text, &self.signature);
        codec::encode(&fields, SIGNED_BYTES_MAX)
    }

    /// Reads a signed mandate and checks the signature.
    ///
    /// # Errors
    /// [`SignedMandateError`].
    pub fn verify(bytes: &[u8]) -> Result<Self, SignedMandateError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) if other < b' ' => return Err(SignedMandateError::VersionUnknown(other)),
            _ => return Err(CodecError::Malformed.into()),
        }
        let (_, card, text, signature): (u8, Vec<u8>, Vec<u8>, Signature) =
            codec::decode(bytes, SIGNED_BYTES_MAX)?;
        let card = Card::decode(&card)?;
        card.key().verify(label::MANDATE, &[&signed_part(&card, &text)?], &signature)?;
        let mandate = Mandate::parse(&text)?;
        let principal = card.fingerprint()?;
        Ok(Self { card, text, signature, mandate, principal })
    }

    /// What it says.
    #[must_use]
    pub const fn mandate(&self) -> &Mandate {
        &self.mandate
    }

    /// Its text, as it was signed.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Who signed.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The fingerprint of who signed.
    #[must_use]
    pub const fn principal(&self) -> Digest {
        self.principal
    }
}

fn signed_part(card: &Card, text: &[u8]) -> Result<Vec<u8>, CodecError> {
    codec::encode(&(VERSION, card.encode()?, text.to_vec()), SIGNED_BYTES_MAX)
}

impl Officer {
    /// The mandate in force.
    #[must_use]
    pub const fn mandate(&self) -> Option<&SignedMandate> {
        self.mandate.as_ref()
    }

    /// Whether a signed mandate may come after the one in force, if its principal is the one expected.
    ///
    /// # Errors
    /// [`SignedMandateError`].
    pub(super) fn check_mandate(
        &self,
        signed: &SignedMandate,
        principal: Option<Digest>,
    ) -> Result<(), SignedMandateError> {
        if signed.card.key().shares_with(self.identity.card().key()) {
            return Err(SignedMandateError::OwnPrincipal);
        }
        let found = signed.principal;
        let expected = [self.mandate.as_ref().map(|held| held.principal), principal];
        if let Some(principal) = expected.into_iter().flatten().find(|principal| *principal != found) {
            let principal = principal.hex();
            return Err(SignedMandateError::OtherPrincipal { found: found.hex(), principal });
        }
        if expected == [None, None] {
            return Err(SignedMandateError::PrincipalNotNamed { found: found.hex() });
        }
        match self.mandate.as_ref().map(|held| held.mandate.number) {
            Some(held) if signed.mandate.number <= held => {
                Err(SignedMandateError::NotNewer { found: signed.mandate.number, held })
            }
            _ => Ok(()),
        }
    }

    /// Puts a signed mandate in force. The first one pins its principal, who has to be named.
    ///
    /// # Errors
    /// [`CommandError::MandateRefused`].
    pub fn set_mandate(
        &mut self,
        bytes: &[u8],
        principal: Option<Digest>,
    ) -> Result<((), OfficerStep), CommandError> {
        let signed = SignedMandate::verify(bytes)?;
        self.check_mandate(&signed, principal)?;
        let mut step = OfficerStep::new();
        let key = table::mandate_key(signed.mandate.number);
        step.records.push(Record::put(table::MANDATE, key, signed.encode()?));
        self.mandate = Some(signed);
        Ok(((), step))
    }

    /// What the mandate says of an act; none where it binds nobody, or there is no mandate.
    ///
    /// An offer is weighed itself, an acceptance by the offer it accepts, a confirm by the own offer that was
    /// accepted; what is accepted or confirmed binds, so it is weighed as firm. Where we opened the case, our open
    /// offers may become agreed by our acceptance of another: if both sides accept at once. So they are weighed with
    /// it, as firm, and what stands against them forbids the acceptance: who approves that approves one offer alone.
    #[must_use]
    pub fn ruling(
        &self,
        thread: u32,
        case: Option<Digest>,
        content: &Content,
        now: UnixMillis,
    ) -> Option<Ruling> {
        let mandate = &self.mandate.as_ref()?.mandate;
        let channel = self.channel(thread)?;
        let me = channel.thread.role;
        let offer = match content {
            Content::Offer(offer) => return Some(mandate.weigh(offer, me, &self.totals(thread, case), now)),
            Content::Accept(accept) => channel.offer(&accept.offer)?,
            Content::Confirm(confirm) => match channel.content(&confirm.acceptance)? {
                Content::Accept(accept) => channel.offer(&accept.offer)?,
                _ => return None,
            },
            _ => return None,
        };
        let totals = self.totals(thread, case);
        let mut ruling = mandate.weigh_binding(&offer, me, &totals, now);
        if let Content::Accept(_) = content {
            let ledger = case.map(|case| (case, channel.ledger_of(&case)));
            let state = ledger.as_ref().and_then(|(case, ledger)| ledger.case(case));
            for id in state.map(|case| crossing(&case, me)).unwrap_or_default() {
                let Some(own) = channel.offer(&id) else { continue };
                ruling = ruling.and(if_crossed(&id, mandate.weigh_binding(&own, me, &totals, now)));
            }
        }
        Some(ruling)
    }

    /// What stands in all cases but this one, whose version would be replaced.
    #[must_use]
    pub fn totals(&self, thread: u32, case: Option<Digest>) -> Totals {
        let mut totals = Totals::default();
        for channel in self.channels() {
            let me = channel.thread.role;
            let others = channel.case_ids().into_iter();
            for id in others.filter(|id| channel.number != thread || Some(*id) != case) {
                let ledger = channel.ledger_of(&id);
                let Some(other) = ledger.case(&id) else { continue };
                let accepted = other.live(me).map(|acceptance| acceptance.offer);
                let crossing = accepted.map(|_| crossing(&other, me)).unwrap_or_default();
                // What is agreed replaces what is sealed only once it is sealed itself.
                let agreed = other.sealed().last().into_iter().chain(other.pending());
                let ids = agreed.map(|agreement| agreement.offer).chain(accepted).chain(crossing);
                let offers: Vec<(Offer, Role)> =
                    ids.filter_map(|id| Some((channel.offer(&id)?, me))).collect();
                if !offers.is_empty() {
                    totals.cases.push(offers);
                }
            }
        }
        totals
    }
}

/// Own open offers that become agreed if both sides accept at once.
fn crossing(case: &CaseState<'_>, me: Role) -> Vec<Digest> {
    let own = case.open_offers().filter(|offer| offer.author == me && case.opener() == me);
    own.map(|offer| offer.id).collect()
}

/// What stands against an own offer that an acceptance of another could bring about. No approval of the acceptance
/// shows that offer, so none lifts it.
fn if_crossed(own: &Digest, mut ruling: Ruling) -> Ruling {
    ruling.findings.retain(|finding| !finding.verdict.may_sign(false));
    let id: String = own.hex().chars().take(8).collect();
    for finding in &mut ruling.findings {
        finding.why = format!(
            "your own offer {id} is open, and is agreed if both sides accept at once; {}",
            finding.why
        );
        finding.verdict = Verdict::Forbidden;
        finding.remedy = format!("withdraw offer {id} first, for no approval lifts this");
    }
    ruling
}

impl Channel {
    /// The offer with this id.
    #[must_use]
    pub fn offer(&self, id: &Digest) -> Option<Offer> {
        match self.content(id) {
            Some(Content::Offer(offer)) => Some(*offer),
            _ => None,
        }
    }
}
