//! Whose turn it is, who hangs, and what a statement's kind and its lines say: small histories, each for one rule.

use crate::talk::{accept, confirm, given_deal, gone_deal, lines, offer_of, ready_deal, text, two_offers};
use truceline::deal::body::{Content, Note};
use truceline::deal::judge::{Entry, Said, judge};
use truceline::deal::state::{Duty, OfferState};
use truceline::deal::terms::Category;
use truceline::deal::verdict::{Act, VoidReason};
use truceline::party::role::Role::{Inviter, Joiner};
use truceline::statement::kind::Kind;

#[test]
fn whoever_has_accepted_hangs_and_owes_no_answer_to_another_offer() {
    let (mut talk, case, counter) = two_offers();
    let other = talk.say(Joiner, Some(case), offer_of(Joiner, 0, Category::PrisonerOfWar, 37));
    talk.acknowledge(Inviter);
    let owes = |talk: &crate::talk::Talk| talk.ledger().case(&case).unwrap().owes(Inviter);
    assert_eq!(owes(&talk).len(), 2, "an answer to each");
    let accepted = talk.say(Inviter, Some(case), accept(counter));
    talk.acknowledge(Joiner);
    let ledger = talk.ledger();
    let state = ledger.case(&case).unwrap();
    assert_eq!([Inviter, Joiner].map(|role| state.is_hanging(role)), [true, false]);
    assert_eq!(owes(&talk), [], "{other:?} waits");
    assert_eq!(state.owes(Joiner), [Duty::Confirm(accepted)]);
    let ids: Vec<_> = state.acceptances().map(|acceptance| acceptance.id).collect();
    assert_eq!(ids, [accepted]);
    assert!(ledger.words_confirmed() && !judge(&[]).words_confirmed());
    let may = state.may(Joiner);
    assert_eq!(may.first(), Some(&Act::Offer { base: 0, remains_only: false }));
    assert!(may.contains(&Act::Confirm(accepted)), "{may:?}");
}

#[test]
fn lines_may_be_said_once_the_go_is_effective() {
    let (talk, case) = gone_deal();
    let ledger = talk.ledger();
    let may = ledger.case(&case).unwrap().may(Inviter);
    assert!(may.iter().any(|act| matches!(act, Act::Lines { .. })), "{may:?}");
    let sealed = ledger.case(&case).unwrap().sealed()[0].offer;
    assert!(may.contains(&Act::TransferNotice(sealed)), "{may:?}");
    assert!(may.contains(&Act::Breach(sealed)), "of its condition: {may:?}");
    assert_eq!(ledger.verdicts().count(), talk.said.len());
}

#[test]
fn only_a_sound_confirmation_of_the_words_confirms_them() {
    let entry = |kind: Kind, said| {
        let id = truceline::crypto::digest::Digest([7; 32]);
        let kind = kind.number();
        Entry { id, author: Inviter, sequence: 0, peer_count: 0, case: None, kind, said }
    };
    let confirms = [
        (Kind::WordsConfirmed, Said::Other),
        (Kind::WordsConfirmed, Said::Malformed),
        (Kind::Acknowledgement, Said::Other),
    ]
    .map(|(kind, said)| entry(kind, said).confirms_words());
    assert_eq!(confirms, [true, false, false]);
}

#[test]
fn whoever_has_gone_owes_no_confirmation() {
    let (mut talk, case) = ready_deal();
    let amendment = talk.say(Inviter, Some(case), offer_of(Inviter, 1, Category::PrisonerOfWar, 2));
    talk.acknowledge(Joiner);
    let gone = talk.say(Inviter, Some(case), crate::talk::go(1, Default::default()));
    let _accepted = talk.stale(Joiner, talk.count(Inviter) - 1, Some(case), accept(amendment));
    talk.acknowledge(Inviter);
    talk.acknowledge(Joiner);
    assert_eq!(talk.verdict(gone), Ok(()));
    let ledger = talk.ledger();
    let owed = ledger.case(&case).unwrap().owes(Inviter);
    assert!(!owed.iter().any(|duty| matches!(duty, Duty::Confirm(_))), "{owed:?}");
}

#[test]
fn the_last_word_of_each_on_a_handover_is_told() {
    let (talk, case) = gone_deal();
    let last = |role| {
        let said = talk.said.iter().rev().find(|it| it.author == role && it.case == Some(case));
        said.map(|it| it.id)
    };
    for role in [Inviter, Joiner] {
        assert_eq!(talk.handover(case, |handover| handover.last(role)), last(role));
    }
}

#[test]
fn a_statement_whose_body_is_of_another_kind_than_it_names_is_malformed() {
    let note = Content::Note(Note { text: text("hello") });
    let verdict = |kind: Kind| {
        let (id, said) = (truceline::crypto::digest::Digest([7; 32]), Said::Deal(&note));
        let kind = kind.number();
        let entry = Entry { id, author: Inviter, sequence: 0, peer_count: 0, case: None, kind, said };
        judge(&[entry]).verdict(&id)
    };
    assert_eq!(verdict(Kind::Note), Some(Ok(())));
    assert_eq!(verdict(Kind::Standby), Some(Err(VoidReason::Malformed)));
}

#[test]
fn lines_are_about_each_leg_once_however_many_speak_of_it() {
    let Content::Lines(lines) = lines(1, &[0, 0, 2]) else { unreachable!() };
    assert_eq!(lines.legs(), 0b101);
}

#[test]
fn an_offers_state_is_said_in_words() {
    let states = [
        OfferState::Open,
        OfferState::Withdrawn,
        OfferState::Rejected,
        OfferState::Superseded,
        OfferState::Sealed(2),
    ];
    let said = states.map(|state| state.to_string());
    assert_eq!(said, ["open", "withdrawn", "rejected", "superseded", "sealed as version 2"]);
}

#[test]
fn who_gives_alone_is_ready_without_a_notice_of_the_other() {
    let (talk, case) = given_deal();
    let ready = || Act::Ready { version: 1, round: Default::default() };
    assert_eq!([Inviter, Joiner].map(|role| talk.would_be(role, case, ready())), [Ok(()), Ok(())]);
}

#[test]
fn nothing_is_broken_before_its_agreement_is_sealed() {
    let (mut talk, case, counter) = two_offers();
    let accepted = talk.say(Inviter, Some(case), accept(counter));
    talk.say(Joiner, Some(case), confirm(accepted));
    assert_eq!(talk.would_be(Joiner, case, Act::Breach(counter)), Err(VoidReason::OfferNotSealed));
    talk.acknowledge(Inviter);
    talk.acknowledge(Joiner);
    assert_eq!(talk.would_be(Joiner, case, Act::Breach(counter)), Ok(()));
}
