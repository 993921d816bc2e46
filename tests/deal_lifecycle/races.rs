//! The races of the negotiation by name, and what is void with its reason.

use crate::histories::sealed;
use crate::talk::{Talk, accept, confirm, content_of, lapse, offer_of, reject, text, two_offers, withdraw};
use truceline::crypto::digest::Digest;
use truceline::deal::body::{Content, Note};
use truceline::deal::state::{Duty, OfferState};
use truceline::deal::terms::Category;
use truceline::deal::verdict::{Act, VoidReason};
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;

#[test]
fn an_offer_accepted_confirmed_and_acknowledged_is_version_one() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    assert_eq!(talk.ledger().case(&case).unwrap().owes(Joiner), [Duty::Answer(case)]);
    let accepted = talk.say(Joiner, Some(case), accept(case));
    assert_eq!(talk.ledger().case(&case).unwrap().owes(Inviter), [Duty::Confirm(accepted)]);
    talk.say(Inviter, Some(case), confirm(accepted));
    let ledger = talk.ledger();
    let state = ledger.case(&case).unwrap();
    assert_eq!(state.version(), 0);
    assert_eq!(state.owes(Joiner), [Duty::Acknowledge(case)]);
    assert!(state.owes(Inviter).is_empty());
    // Until the seal both hang: neither can offer, and the acceptance cannot lapse any more.
    let again = Act::Offer { base: 0, remains_only: false };
    assert_eq!(state.would_be(Inviter, &again), Err(VoidReason::AuthorHanging));
    assert_eq!(state.would_be(Joiner, &again), Err(VoidReason::AuthorHanging));
    assert_eq!(state.would_be(Joiner, &Act::Lapse(accepted)), Err(VoidReason::AlreadyConfirmed));
    talk.acknowledge(Joiner);
    let ledger = talk.ledger();
    let state = ledger.case(&case).unwrap();
    assert_eq!((state.version(), state.sealed()[0].offer), (1, case));
    assert!(state.sealed()[0].is_sealed());
    assert_eq!(state.offer_state(state.offers().next().unwrap()), OfferState::Sealed(1));
}

#[test]
fn an_amendment_builds_on_the_sealed_version_and_no_other() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    talk.acknowledge(Joiner);
    let stale = talk.say(Inviter, Some(case), offer_of(Inviter, 0, Category::PrisonerOfWar, 41));
    assert_eq!(talk.verdict(stale), Err(VoidReason::NotOnCurrentVersion { base: 0, current: 1 }));
    let amendment = talk.say(Inviter, Some(case), offer_of(Inviter, 1, Category::PrisonerOfWar, 41));
    let accepted = talk.say(Joiner, Some(case), accept(amendment));
    talk.say(Inviter, Some(case), confirm(accepted));
    talk.acknowledge(Joiner);
    assert_eq!(sealed(&talk.ledger())[&case], [case, amendment]);
}

#[test]
fn a_withdrawal_that_races_an_acceptance_wins_in_every_order() {
    for joiner_first in [false, true] {
        let mut talk = Talk::trusted();
        let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
        let (inviter_saw, joiner_saw) = (talk.count(Joiner), talk.count(Inviter));
        let mut accepted = None;
        if joiner_first {
            accepted = Some(talk.stale(Joiner, joiner_saw, Some(case), accept(case)));
        }
        let withdrawn = talk.stale(Inviter, inviter_saw, Some(case), withdraw(case));
        let accepted = accepted.unwrap_or_else(|| talk.stale(Joiner, joiner_saw, Some(case), accept(case)));
        assert_eq!((talk.verdict(withdrawn), talk.verdict(accepted)), (Ok(()), Ok(())));
        assert!(talk.ledger().case(&case).unwrap().live(Joiner).is_none());
        let confirmed = talk.say(Inviter, Some(case), confirm(accepted));
        assert_eq!(talk.verdict(confirmed), Err(VoidReason::OfferWithdrawn));
        let again = talk.say(Joiner, Some(case), accept(case));
        assert_eq!(talk.verdict(again), Err(VoidReason::OfferWithdrawn));
    }
}

#[test]
fn an_offer_cannot_be_withdrawn_once_its_acceptance_was_confirmed() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    let withdrawn = talk.say(Inviter, Some(case), withdraw(case));
    assert_eq!(talk.verdict(withdrawn), Err(VoidReason::AuthorHanging));
    talk.acknowledge(Joiner);
    let late = talk.say(Inviter, Some(case), withdraw(case));
    assert_eq!(talk.verdict(late), Err(VoidReason::OfferSuperseded));
}

#[test]
fn of_crossing_counters_each_accepted_by_the_other_the_openers_is_agreed() {
    let (mut talk, first, counter) = two_offers();
    let (inviter_saw, joiner_saw) = (talk.count(Joiner), talk.count(Inviter));
    let of_counter = talk.stale(Inviter, inviter_saw, Some(first), accept(counter));
    let of_first = talk.stale(Joiner, joiner_saw, Some(first), accept(first));
    let ledger = talk.ledger();
    let state = ledger.case(&first).unwrap();
    assert_eq!(state.pending().unwrap().offer, first);
    assert_eq!(state.pending().unwrap().unacknowledged, Role::BOTH);
    assert_eq!(state.would_be(Inviter, &Act::Confirm(of_first)), Err(VoidReason::AuthorHanging));
    assert_eq!(state.would_be(Inviter, &Act::Lapse(of_counter)), Err(VoidReason::AlreadyCrossed));
    talk.acknowledge(Joiner);
    assert_eq!(talk.ledger().case(&first).unwrap().owes(Inviter), [Duty::Acknowledge(first)]);
    talk.acknowledge(Inviter);
    assert_eq!(sealed(&talk.ledger())[&first], [first]);
}

#[test]
fn nobody_accepts_having_seen_the_others_live_acceptance() {
    let (mut talk, first, counter) = two_offers();
    let of_first = talk.say(Joiner, Some(first), accept(first));
    let of_counter = talk.say(Inviter, Some(first), accept(counter));
    assert_eq!(talk.verdict(of_counter), Err(VoidReason::OtherHasAccepted));
    talk.say(Joiner, Some(first), lapse(of_first));
    let of_counter = talk.say(Inviter, Some(first), accept(counter));
    assert_eq!(talk.verdict(of_counter), Ok(()));
}

#[test]
fn a_stale_lapse_cannot_defeat_the_openers_precedence() {
    // The joiner accepted the opener's offer; it also saw the opener's acceptance of its own. It now claims to
    // have lapsed in time, and confirms the opener's acceptance, so that its own offer would be agreed.
    let (mut talk, first, counter) = two_offers();
    let (inviter_saw, joiner_saw) = (talk.count(Joiner), talk.count(Inviter));
    let of_first = talk.stale(Joiner, joiner_saw, Some(first), accept(first));
    let of_counter = talk.stale(Inviter, inviter_saw, Some(first), accept(counter));
    talk.acknowledge(Inviter);
    let lapsed = talk.stale(Joiner, joiner_saw, Some(first), lapse(of_first));
    let confirmed = talk.say(Joiner, Some(first), confirm(of_counter));
    assert_eq!(talk.verdict(lapsed), Ok(()));
    assert_eq!(talk.verdict(confirmed), Err(VoidReason::LapseUnacknowledged));
    assert!(talk.ledger().case(&first).unwrap().pending().is_none());
    // Once the opener has seen the lapse, and lets its acceptance stand, the confirm is good.
    talk.acknowledge(Inviter);
    let confirmed = talk.say(Joiner, Some(first), confirm(of_counter));
    assert_eq!(talk.verdict(confirmed), Ok(()));
}

#[test]
fn a_lapse_that_had_not_seen_the_confirm_ends_it_and_one_that_had_is_void() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let joiner_saw = talk.count(Inviter);
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    let mut seen = talk.clone();
    let lapsed = talk.stale(Joiner, joiner_saw, Some(case), lapse(accepted));
    assert_eq!(talk.verdict(lapsed), Ok(()));
    assert!(talk.ledger().case(&case).unwrap().pending().is_none());
    let lapsed = seen.say(Joiner, Some(case), lapse(accepted));
    assert_eq!(seen.verdict(lapsed), Err(VoidReason::AlreadyConfirmed));
    // And void though it is, it acknowledges: it seals what it wanted to end.
    assert_eq!(sealed(&seen.ledger())[&case], [case]);
}

#[test]
fn a_proposal_about_the_living_before_the_words_is_void_for_ever_and_one_about_remains_is_not() {
    let mut talk = Talk::default();
    let living = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let remains = talk.say(Inviter, None, offer_of(Inviter, 0, Category::Remains, 20));
    let note = talk.say(Joiner, None, Content::Note(Note { text: text("good morning") }));
    let early = talk.say(Joiner, Some(remains), accept(remains));
    talk.plain(Inviter, Kind::WordsConfirmed, 0);
    // The joiner has confirmed, but has not seen the inviter's confirmation.
    let own = talk.plain(Joiner, Kind::WordsConfirmed, 2);
    let half = talk.stale(Joiner, 2, None, offer_of(Joiner, 0, Category::PrisonerOfWar, 1));
    let accepted = talk.say(Joiner, Some(remains), accept(remains));
    let late = talk.say(Joiner, Some(living), accept(living));
    let ledger = talk.ledger();
    let verdict = |id| ledger.verdict(&id).unwrap();
    assert_eq!(verdict(living), Err(VoidReason::WordsNotConfirmed));
    assert_eq!(verdict(early), Err(VoidReason::WordsNotConfirmed));
    assert_eq!(verdict(half), Err(VoidReason::WordsNotConfirmed));
    assert_eq!(verdict(late), Err(VoidReason::CaseUnknown));
    for id in [remains, note, own, accepted] {
        assert_eq!(verdict(id), Ok(()));
    }
}

#[test]
fn what_names_the_wrong_thing_is_void_with_its_reason() {
    let (mut talk, first, counter) = two_offers();
    let elsewhere = talk.say(Joiner, None, offer_of(Joiner, 0, Category::Child, 1));
    let nobody = Digest([0xee; 32]);
    let ledger = talk.ledger();
    let would = |role, case: Option<&Digest>, act| ledger.would_be(role, case, &act);
    let case = Some(&first);
    assert_eq!(would(Joiner, None, Act::Accept(first)), Err(VoidReason::NoCase));
    assert_eq!(would(Joiner, Some(&nobody), Act::Accept(first)), Err(VoidReason::CaseUnknown));
    assert_eq!(would(Joiner, case, Act::Accept(nobody)), Err(VoidReason::OfferUnknown));
    assert_eq!(would(Inviter, case, Act::Accept(elsewhere)), Err(VoidReason::OfferUnknown));
    assert_eq!(would(Inviter, case, Act::Accept(first)), Err(VoidReason::OfferOwn));
    assert_eq!(would(Inviter, case, Act::Withdraw(counter)), Err(VoidReason::OfferNotOwn));
    assert_eq!(would(Inviter, case, Act::Confirm(nobody)), Err(VoidReason::AcceptanceUnknown));
    let rejected = talk.say(Inviter, Some(first), reject(counter));
    assert_eq!(talk.verdict(rejected), Ok(()));
    let late = talk.say(Inviter, Some(first), accept(counter));
    assert_eq!(talk.verdict(late), Err(VoidReason::OfferRejected));
    let accepted = talk.say(Joiner, Some(first), accept(first));
    let ledger = talk.ledger();
    let would = |role, act| ledger.would_be(role, Some(&first), &act);
    assert_eq!(would(Joiner, Act::Reject(first)), Err(VoidReason::RejectsOwnAcceptance));
    assert_eq!(would(Joiner, Act::Confirm(accepted)), Err(VoidReason::AcceptanceOwn));
    assert_eq!(would(Inviter, Act::Lapse(accepted)), Err(VoidReason::AcceptanceNotOwn));
    let lapsed = talk.say(Joiner, Some(first), lapse(accepted));
    assert_eq!(talk.verdict(lapsed), Ok(()));
    let late = talk.say(Inviter, Some(first), confirm(accepted));
    assert_eq!(talk.verdict(late), Err(VoidReason::AcceptanceLapsed));
}

#[test]
fn an_unknown_kind_and_a_malformed_body_are_void_and_still_acknowledge() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    let strange = talk.acknowledge(Joiner);
    talk.said.last_mut().unwrap().kind = 999;
    assert_eq!(talk.verdict(strange), Err(VoidReason::UnknownKind(999)));
    assert_eq!(sealed(&talk.ledger())[&case], [case]);
    let broken = talk.acknowledge(Joiner);
    talk.said.last_mut().unwrap().kind = Kind::Offer.number();
    assert_eq!(talk.verdict(broken), Err(VoidReason::Malformed));
}

#[test]
fn a_statement_whose_past_is_not_held_is_not_judged() {
    let (talk, first, counter) = two_offers();
    let without_first = talk.part(2, 2);
    assert_eq!(without_first.verdict(&counter), None);
    assert!(without_first.case(&first).is_none());
}

#[test]
fn a_counter_offer_answers_and_a_query_waits_for_its_answer() {
    let (mut talk, first, counter) = two_offers();
    let owes = |talk: &Talk, role| talk.ledger().case(&first).unwrap().owes(role);
    assert!(owes(&talk, Joiner).is_empty());
    assert_eq!(owes(&talk, Inviter), [Duty::Answer(counter)]);
    let query = talk.say(Inviter, Some(first), content_of(Inviter, Act::Query, 1));
    assert_eq!(owes(&talk, Joiner), [Duty::Reply(query)]);
    talk.say(Joiner, Some(first), content_of(Joiner, Act::Answer(query), 1));
    assert!(owes(&talk, Joiner).is_empty());
}
