//! The races and rules of the handover by name.

use crate::talk::{
    Talk, accept, acknowledged, amended_deal, breach, breach_answered, closed, confirm, given_deal, go,
    gone_deal, lapse, lines, lock, locked_deal, offer_of, offer_with, ready, ready_deal, reject, sealed_deal,
    settled_deal, suspend, transfer_notice, transport, two_offers, withdraw,
};
use truceline::crypto::digest::Digest;
use truceline::deal::handover::Round;
use truceline::deal::state::Duty;
use truceline::deal::terms::Category;
use truceline::deal::verdict::{Act, VoidReason};
use truceline::party::role::Role::{self, Inviter, Joiner};

const FIRST: Round = Round { opener: 0, other: 0 };

const fn round(opener: u32, other: u32) -> Round {
    Round { opener, other }
}

fn owes(talk: &Talk, case: Digest, role: Role) -> Vec<Duty> {
    talk.ledger().case(&case).unwrap().owes(role)
}

fn is_effective(talk: &Talk, case: Digest) -> bool {
    talk.handover(case, |handover| handover.is_effective())
}

#[test]
fn from_the_seal_to_closing_each_owes_the_next_step() {
    let (mut talk, case) = sealed_deal();
    let lists = talk.handover(case, |handover| handover.lists());
    // The joiner accepted, so it waits for the inviter's lock.
    assert_eq!((owes(&talk, case, Inviter), owes(&talk, case, Joiner)), (vec![Duty::Lock(1)], vec![]));
    talk.say(Inviter, Some(case), lock(1, lists));
    assert_eq!((owes(&talk, case, Inviter), owes(&talk, case, Joiner)), (vec![], vec![Duty::Lock(1)]));
    talk.say(Joiner, Some(case), lock(1, lists));
    assert_eq!(owes(&talk, case, Inviter), [Duty::Transport(1)]);
    let inviters = talk.say(Inviter, Some(case), transport(1));
    assert_eq!(owes(&talk, case, Joiner), [Duty::Transport(1), Duty::AcknowledgeTransport(inviters)]);
    let joiners = talk.say(Joiner, Some(case), transport(1));
    talk.say(Joiner, Some(case), acknowledged(inviters));
    assert_eq!(owes(&talk, case, Inviter), [Duty::AcknowledgeTransport(joiners)]);
    assert!(owes(&talk, case, Joiner).is_empty());
    talk.say(Inviter, Some(case), acknowledged(joiners));
    for role in Role::BOTH {
        assert_eq!(owes(&talk, case, role), [Duty::Ready(1)]);
        talk.say(role, Some(case), ready(1, FIRST));
    }
    for role in Role::BOTH {
        assert_eq!(owes(&talk, case, role), [Duty::Go(1)]);
        assert!(!is_effective(&talk, case));
        talk.say(role, Some(case), go(1, FIRST));
    }
    assert!(is_effective(&talk, case));
    for role in Role::BOTH {
        assert_eq!(owes(&talk, case, role), [Duty::Lines(1)]);
        let said = talk.say(role, Some(case), lines(1, &[0, 1, 2]));
        assert_eq!(talk.handover(case, |handover| handover.lines(role).to_vec()), [said]);
        assert_eq!(owes(&talk, case, role), [Duty::Close(1)]);
        talk.say(role, Some(case), closed(1));
        assert!(owes(&talk, case, role).is_empty());
    }
    assert!(talk.handover(case, |handover| handover.is_closed()));
}

#[test]
fn a_second_go_of_a_round_is_void_and_the_first_stands() {
    let (mut talk, case) = ready_deal();
    let first = talk.say(Inviter, Some(case), go(1, FIRST));
    let at = talk.handover(case, |handover| handover.went(Inviter));
    let again = talk.say(Inviter, Some(case), go(1, FIRST));
    assert_eq!((talk.verdict(first), talk.verdict(again)), (Ok(()), Err(VoidReason::AuthorGone)));
    assert!(at.is_some());
    assert_eq!(talk.handover(case, |handover| (handover.went(Inviter), handover.went(Joiner))), (at, None));
}

#[test]
fn nothing_of_a_handover_is_said_before_the_seal() {
    let (mut talk, case, _) = two_offers();
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    // Agreed, and not acknowledged.
    assert!(talk.ledger().case(&case).unwrap().handover().is_none());
    let acts = [
        Act::Lock { version: 1, lists: case },
        Act::Transport(1),
        Act::AcknowledgeTransport(case),
        Act::Ready { version: 1, round: FIRST },
        Act::Go { version: 1, round: FIRST },
        Act::Suspend { version: 1, round: FIRST },
        Act::Lines { version: 1, legs: 1 },
        Act::Close(1),
    ];
    for act in acts {
        assert_eq!(talk.would_be(Inviter, case, act), Err(VoidReason::NothingSealed), "{act:?}");
    }
    assert_eq!(talk.would_be(Inviter, case, Act::Breach(case)), Err(VoidReason::OfferNotSealed));
}

#[test]
fn a_lock_of_other_lists_is_told_from_one_that_is_missing_and_can_be_made_good() {
    let (mut talk, case) = sealed_deal();
    let lists = talk.handover(case, |handover| handover.lists());
    assert_eq!(talk.would_be(Inviter, case, Act::Transport(1)), Err(VoidReason::NotLocked));
    let wrong = talk.say(Inviter, Some(case), lock(1, case));
    assert_eq!(talk.verdict(wrong), Ok(()));
    assert_eq!(talk.handover(case, |handover| handover.lock(Inviter)), Some((wrong, case)));
    assert_eq!(talk.would_be(Inviter, case, Act::Transport(1)), Err(VoidReason::LockedOtherLists));
    assert_eq!(owes(&talk, case, Inviter), [Duty::Lock(1)]);
    talk.say(Joiner, Some(case), lock(1, lists));
    assert_eq!(talk.would_be(Joiner, case, Act::Transport(1)), Err(VoidReason::OtherLockedOtherLists));
    assert!(!talk.handover(case, |handover| handover.is_locked()));
    talk.say(Inviter, Some(case), lock(1, lists));
    assert!(talk.handover(case, |handover| handover.is_locked()));
    // And what is locked stays locked.
    let undo = Act::Lock { version: 1, lists: case };
    assert_eq!(talk.would_be(Inviter, case, undo), Err(VoidReason::AlreadyLocked));
}

#[test]
fn two_equal_locks_of_other_lists_do_not_lock() {
    let (mut talk, case) = sealed_deal();
    talk.say(Inviter, Some(case), lock(1, case));
    talk.say(Joiner, Some(case), lock(1, case));
    assert!(!talk.handover(case, |handover| handover.is_locked()));
}

#[test]
fn a_lock_names_the_version_and_none_is_made_while_hanging() {
    let (mut talk, case) = sealed_deal();
    let lists = talk.handover(case, |handover| handover.lists());
    let current = Err(VoidReason::VersionNotCurrent { version: 2, current: 1 });
    assert_eq!(talk.would_be(Inviter, case, Act::Lock { version: 2, lists }), current);
    let amendment = talk.say(Inviter, Some(case), offer_of(Inviter, 1, Category::PrisonerOfWar, 2));
    talk.say(Joiner, Some(case), accept(amendment));
    assert_eq!(talk.would_be(Joiner, case, Act::Lock { version: 1, lists }), Err(VoidReason::AuthorHanging));
    assert_eq!(talk.would_be(Inviter, case, Act::Lock { version: 1, lists }), Ok(()));
}

#[test]
fn ready_says_what_is_still_missing() {
    let (mut talk, case) = locked_deal();
    let say = Act::Ready { version: 1, round: FIRST };
    assert_eq!(talk.would_be(Inviter, case, say), Err(VoidReason::TransportMissing));
    let inviters = talk.say(Inviter, Some(case), transport(1));
    assert_eq!(talk.would_be(Inviter, case, say), Err(VoidReason::OtherTransportMissing));
    let joiners = talk.say(Joiner, Some(case), transport(1));
    assert_eq!(talk.would_be(Inviter, case, say), Err(VoidReason::TransportUnacknowledged));
    talk.say(Inviter, Some(case), acknowledged(joiners));
    assert_eq!(talk.would_be(Inviter, case, say), Err(VoidReason::OtherNotAcknowledged));
    talk.say(Joiner, Some(case), acknowledged(inviters));
    assert_eq!(talk.would_be(Inviter, case, say), Ok(()));
    assert_eq!(talk.would_be(Inviter, case, Act::Go { version: 1, round: FIRST }), Err(VoidReason::NotReady));
    talk.say(Inviter, Some(case), ready(1, FIRST));
    assert_eq!(talk.would_be(Inviter, case, say), Err(VoidReason::AlreadyReady));
    assert_eq!(
        talk.would_be(Inviter, case, Act::Go { version: 1, round: FIRST }),
        Err(VoidReason::OtherNotReady)
    );
}

#[test]
fn a_notice_is_acknowledged_once_by_the_other_and_only_while_it_stands() {
    let (mut talk, case, [inviters, joiners]) = settled_deal();
    let act = Act::AcknowledgeTransport;
    assert_eq!(talk.would_be(Joiner, case, act(inviters)), Err(VoidReason::AlreadyAcknowledged));
    assert_eq!(talk.would_be(Joiner, case, act(joiners)), Err(VoidReason::NoticeOwn));
    assert_eq!(talk.would_be(Joiner, case, act(case)), Err(VoidReason::NoticeUnknown));
    let changed = talk.say(Inviter, Some(case), transport(1));
    assert_eq!(talk.would_be(Joiner, case, act(inviters)), Err(VoidReason::NoticeReplaced));
    assert_eq!(talk.would_be(Joiner, case, act(changed)), Ok(()));
}

#[test]
fn a_notice_acknowledged_without_having_seen_that_it_was_changed_settles_nothing() {
    let (mut talk, case) = locked_deal();
    let first = talk.say(Inviter, Some(case), transport(1));
    let joiner_saw = talk.count(Inviter);
    let changed = talk.say(Inviter, Some(case), transport(1));
    let late = talk.stale(Joiner, joiner_saw, Some(case), acknowledged(first));
    assert_eq!(talk.verdict(late), Ok(()));
    assert_eq!(talk.handover(case, |handover| handover.transport(Inviter)), Some((changed, None)));
}

#[test]
fn who_gives_nobody_need_not_say_how_they_are_moved() {
    let (mut talk, case) = given_deal();
    assert!(talk.handover(case, |handover| handover.needs_transport(Inviter)));
    assert!(!talk.handover(case, |handover| handover.needs_transport(Joiner)));
    assert!(talk.handover(case, |handover| handover.transport_settled()));
    // It may all the same, such as where it fetches them; once it was ready, that is a change.
    talk.say(Joiner, Some(case), ready(1, FIRST));
    talk.say(Inviter, Some(case), ready(1, FIRST));
    let fetches = talk.say(Joiner, Some(case), transport(1));
    assert_eq!(talk.verdict(fetches), Ok(()));
    assert_eq!(talk.handover(case, |handover| handover.round()), round(0, 1));
    let again = talk.would_be(Inviter, case, Act::Ready { version: 1, round: round(0, 1) });
    assert_eq!(again, Err(VoidReason::TransportUnacknowledged));
}

#[test]
fn a_transport_changed_after_ready_starts_a_new_round() {
    let (mut talk, case) = ready_deal();
    let changed = talk.say(Joiner, Some(case), transport(1));
    assert_eq!(talk.verdict(changed), Ok(()));
    assert_eq!(talk.handover(case, |handover| handover.round()), round(0, 1));
    assert!(!talk.handover(case, |handover| handover.is_ready(Inviter)));
    assert_eq!(
        talk.would_be(Inviter, case, Act::Go { version: 1, round: FIRST }),
        Err(VoidReason::RoundNotCurrent { round: FIRST, current: round(0, 1) })
    );
    assert_eq!(owes(&talk, case, Inviter), [Duty::AcknowledgeTransport(changed)]);
    talk.say(Inviter, Some(case), acknowledged(changed));
    for role in Role::BOTH {
        talk.say(role, Some(case), ready(1, round(0, 1)));
    }
    for role in Role::BOTH {
        talk.say(role, Some(case), go(1, round(0, 1)));
    }
    assert!(is_effective(&talk, case));
}

#[test]
fn a_transport_changed_by_one_while_the_other_goes_leaves_nobody_on_the_road_alone() {
    let (mut talk, case) = ready_deal();
    let saw = talk.count(Inviter);
    let went = talk.say(Inviter, Some(case), go(1, FIRST));
    let changed = talk.stale(Joiner, saw, Some(case), transport(1));
    assert_eq!((talk.verdict(went), talk.verdict(changed)), (Ok(()), Ok(())));
    let late = talk.say(Joiner, Some(case), go(1, FIRST));
    assert_eq!(talk.verdict(late), Err(VoidReason::RoundNotCurrent { round: FIRST, current: round(0, 1) }));
    assert!(!is_effective(&talk, case));
}

#[test]
fn of_a_go_and_a_suspend_that_cross_the_suspend_wins_in_every_order() {
    for suspend_first in [false, true] {
        for suspends in Role::BOTH {
            let (mut talk, case) = ready_deal();
            let goes = suspends.other();
            let (saw_suspender, saw_goer) = (talk.count(goes), talk.count(suspends));
            let mut said = Vec::new();
            let mut suspend_it = |talk: &mut Talk| {
                said.push(talk.stale(suspends, saw_suspender, Some(case), suspend(1, FIRST)));
            };
            if suspend_first {
                suspend_it(&mut talk);
            }
            let went = talk.stale(goes, saw_goer, Some(case), go(1, FIRST));
            if !suspend_first {
                suspend_it(&mut talk);
            }
            said.push(went);
            assert!(said.iter().all(|id| talk.verdict(*id) == Ok(())));
            assert!(!talk.handover(case, |handover| handover.is_gone(goes)));
            talk.acknowledge(goes);
            // Who suspended cannot go in the round it broke off, whatever it says that it saw.
            let late = talk.say(suspends, Some(case), go(1, FIRST));
            assert!(matches!(talk.verdict(late), Err(VoidReason::RoundNotCurrent { .. })));
            let new = talk.handover(case, |handover| handover.round());
            assert_eq!(new.opener + new.other, 1);
            for role in Role::BOTH {
                let act = Act::Go { version: 1, round: new };
                assert_eq!(talk.would_be(role, case, act), Err(VoidReason::NotReady));
                assert_eq!(owes(&talk, case, role), [Duty::Ready(1)]);
            }
            for role in Role::BOTH {
                talk.say(role, Some(case), ready(1, new));
            }
            for role in Role::BOTH {
                talk.say(role, Some(case), go(1, new));
            }
            assert!(is_effective(&talk, case));
        }
    }
}

#[test]
fn suspends_that_cross_count_both() {
    let (mut talk, case) = ready_deal();
    let saw = talk.count(Inviter);
    talk.say(Inviter, Some(case), suspend(1, FIRST));
    talk.stale(Joiner, saw, Some(case), suspend(1, FIRST));
    talk.acknowledge(Inviter);
    assert_eq!(talk.handover(case, |handover| handover.round()), round(1, 1));
    // A round that only one of them was in does not count: ready is said again, having seen both.
    let half = talk.say(Joiner, Some(case), ready(1, round(0, 1)));
    let current = round(1, 1);
    assert_eq!(talk.verdict(half), Err(VoidReason::RoundNotCurrent { round: round(0, 1), current }));
    let both = talk.say(Joiner, Some(case), ready(1, current));
    assert_eq!(talk.verdict(both), Ok(()));
}

#[test]
fn whoever_has_said_go_is_bound_until_the_other_breaks_off_or_goes() {
    let (mut talk, case) = ready_deal();
    let saw = talk.count(Inviter);
    talk.say(Inviter, Some(case), go(1, FIRST));
    let bound = [
        Act::Go { version: 1, round: FIRST },
        Act::Suspend { version: 1, round: FIRST },
        Act::Transport(1),
        Act::Offer { base: 1, remains_only: false },
    ];
    for act in bound {
        assert_eq!(talk.would_be(Inviter, case, act), Err(VoidReason::AuthorGone), "{act:?}");
    }
    assert_eq!(
        talk.would_be(Inviter, case, Act::Lines { version: 1, legs: 1 }),
        Err(VoidReason::NoEffectiveGo)
    );
    talk.stale(Joiner, saw, Some(case), suspend(1, FIRST));
    talk.acknowledge(Inviter);
    for act in [Act::Transport(1), Act::Offer { base: 1, remains_only: false }] {
        assert_eq!(talk.would_be(Inviter, case, act), Ok(()));
    }
}

#[test]
fn whoever_has_said_go_neither_accepts_nor_confirms_and_may_withdraw() {
    let (mut talk, case, _) = settled_deal();
    let theirs = talk.say(Joiner, Some(case), offer_of(Joiner, 1, Category::PrisonerOfWar, 2));
    let own = talk.say(Inviter, Some(case), offer_of(Inviter, 1, Category::PrisonerOfWar, 4));
    for role in Role::BOTH {
        talk.say(role, Some(case), ready(1, FIRST));
    }
    talk.acknowledge(Inviter);
    let saw = talk.count(Inviter);
    talk.say(Inviter, Some(case), go(1, FIRST));
    assert_eq!(talk.would_be(Inviter, case, Act::Accept(theirs)), Err(VoidReason::AuthorGone));
    // The other accepts without having seen the go: now it hangs, and cannot go.
    let accepted = talk.stale(Joiner, saw, Some(case), accept(own));
    assert_eq!(talk.verdict(accepted), Ok(()));
    assert_eq!(talk.would_be(Inviter, case, Act::Confirm(accepted)), Err(VoidReason::AuthorGone));
    assert!(owes(&talk, case, Inviter).is_empty());
    let act = Act::Go { version: 1, round: FIRST };
    assert_eq!(talk.would_be(Joiner, case, act), Err(VoidReason::AuthorHanging));
    // Either of them can end that.
    let mut taken_back = talk.clone();
    taken_back.say(Inviter, Some(case), withdraw(own));
    assert_eq!(taken_back.would_be(Joiner, case, act), Ok(()));
    talk.say(Joiner, Some(case), lapse(accepted));
    talk.say(Joiner, Some(case), go(1, FIRST));
    assert!(is_effective(&talk, case));
}

#[test]
fn nothing_undoes_two_goes() {
    let (mut talk, case) = gone_deal();
    assert!(is_effective(&talk, case));
    let acts = [
        Act::Go { version: 1, round: FIRST },
        Act::Suspend { version: 1, round: FIRST },
        Act::Transport(1),
        Act::Offer { base: 1, remains_only: false },
    ];
    for role in Role::BOTH {
        for act in acts {
            assert_eq!(talk.would_be(role, case, act), Err(VoidReason::GoEffective), "{act:?}");
        }
        let said = talk.say(role, Some(case), suspend(1, FIRST));
        assert_eq!(talk.verdict(said), Err(VoidReason::GoEffective));
    }
    assert!(is_effective(&talk, case));
}

#[test]
fn a_go_that_has_not_seen_the_others_is_as_good() {
    let (mut talk, case) = ready_deal();
    let saw = talk.count(Inviter);
    talk.say(Inviter, Some(case), go(1, FIRST));
    let own = talk.stale(Joiner, saw, Some(case), go(1, FIRST));
    assert!(is_effective(&talk, case));
    // Until it holds the other's, it says nothing of what came of it.
    let early = talk.stale(Joiner, saw, Some(case), lines(1, &[0]));
    assert_eq!((talk.verdict(own), talk.verdict(early)), (Ok(()), Err(VoidReason::NoEffectiveGo)));
    let late = talk.say(Joiner, Some(case), lines(1, &[0]));
    assert_eq!(talk.verdict(late), Ok(()));
}

#[test]
fn lines_are_about_the_versions_legs_and_after_closing_about_remains_alone() {
    let (mut talk, case) = gone_deal();
    let lines_on = |legs: u128| Act::Lines { version: 1, legs };
    assert_eq!(talk.would_be(Joiner, case, lines_on(0b111)), Ok(()));
    assert_eq!(talk.would_be(Joiner, case, lines_on(0b1001)), Err(VoidReason::LegUnknown { legs: 3 }));
    talk.say(Joiner, Some(case), closed(1));
    assert_eq!(talk.would_be(Joiner, case, Act::Close(1)), Err(VoidReason::AlreadyClosed));
    assert_eq!(talk.would_be(Joiner, case, lines_on(0b101)), Err(VoidReason::LinesClosed));
    assert_eq!(talk.would_be(Joiner, case, lines_on(0b100)), Ok(()));
    // One party's closing does not end the other's lines.
    assert_eq!(talk.would_be(Inviter, case, lines_on(0b011)), Ok(()));
    let later = talk.say(Joiner, Some(case), lines(1, &[2]));
    assert_eq!(talk.verdict(later), Ok(()));
    assert!(!talk.handover(case, |handover| handover.is_closed()));
}

#[test]
fn an_amendment_starts_the_handover_again_and_its_predecessors_locks_do_not_count() {
    let (mut talk, case) = amended_deal();
    assert_eq!(talk.handover(case, |handover| (handover.version(), handover.is_locked())), (2, true));
    assert!(!talk.handover(case, |handover| handover.transport_settled()));
    let old = Act::Ready { version: 1, round: FIRST };
    let current = Err(VoidReason::VersionNotCurrent { version: 1, current: 2 });
    assert_eq!(talk.would_be(Inviter, case, old), current);
    talk.say(Inviter, Some(case), transport(2));
    assert_eq!(owes(&talk, case, Inviter), []);
}

#[test]
fn a_cancelled_version_has_no_handover_and_can_be_amended() {
    let (mut talk, case) = locked_deal();
    let nothing = talk.say(Inviter, Some(case), offer_with(1, Vec::new()));
    let accepted = talk.say(Joiner, Some(case), accept(nothing));
    talk.say(Inviter, Some(case), confirm(accepted));
    talk.acknowledge(Joiner);
    talk.acknowledge(Inviter);
    let lists = talk.handover(case, |handover| handover.lists());
    assert!(talk.handover(case, |handover| handover.is_cancelled()));
    let acts = [
        Act::Lock { version: 2, lists },
        Act::Transport(2),
        Act::Ready { version: 2, round: FIRST },
        Act::Go { version: 2, round: FIRST },
        Act::Suspend { version: 2, round: FIRST },
        Act::Lines { version: 2, legs: 0 },
        Act::Close(2),
    ];
    for act in acts {
        assert_eq!(talk.would_be(Inviter, case, act), Err(VoidReason::Cancelled), "{act:?}");
    }
    assert!(Role::BOTH.into_iter().all(|role| owes(&talk, case, role).is_empty()));
    assert_eq!(talk.would_be(Inviter, case, Act::Offer { base: 2, remains_only: false }), Ok(()));
}

#[test]
fn a_breach_is_of_a_sealed_offer_and_its_last_answer_counts() {
    let (mut talk, case) = amended_deal();
    let open = talk.say(Joiner, Some(case), offer_of(Joiner, 2, Category::PrisonerOfWar, 1));
    assert_eq!(talk.would_be(Inviter, case, Act::Breach(open)), Err(VoidReason::OfferNotSealed));
    // An earlier version binds no less for what was handed over under it.
    let said = talk.say(Inviter, Some(case), breach(case));
    assert_eq!(talk.verdict(said), Ok(()));
    assert!(owes(&talk, case, Joiner).contains(&Duty::AnswerBreach(said)));
    assert_eq!(talk.would_be(Inviter, case, Act::AnswerBreach(said)), Err(VoidReason::BreachOwn));
    assert_eq!(talk.would_be(Joiner, case, Act::AnswerBreach(open)), Err(VoidReason::BreachUnknown));
    talk.say(Joiner, Some(case), breach_answered(said));
    let last = talk.say(Joiner, Some(case), breach_answered(said));
    assert_eq!(talk.ledger().case(&case).unwrap().breaches()[0].answered, Some(last));
    assert!(!owes(&talk, case, Joiner).contains(&Duty::AnswerBreach(said)));
}

#[test]
fn a_transfer_notice_is_about_any_valid_offer_of_the_case() {
    let (mut talk, case, counter) = two_offers();
    talk.say(Inviter, Some(case), reject(counter));
    let said = talk.say(Joiner, Some(case), transfer_notice(counter));
    assert_eq!(talk.verdict(said), Ok(()));
    assert_eq!(talk.ledger().case(&case).unwrap().transfer_notices(), [(said, Joiner)]);
    let unknown = Act::TransferNotice(Digest([0xee; 32]));
    assert_eq!(talk.would_be(Joiner, case, unknown), Err(VoidReason::OfferUnknown));
}

#[test]
fn an_answer_counts_only_where_its_author_has_seen_the_question() {
    for asks in Role::BOTH {
        let (mut talk, case, _) = two_offers();
        let saw = talk.count(asks);
        let query = talk.say(asks, Some(case), crate::talk::content_of(asks, Act::Query, 0));
        let answers = asks.other();
        let unseen = crate::talk::content_of(answers, Act::Answer(query), 0);
        talk.stale(answers, saw, Some(case), unseen.clone());
        assert!(owes(&talk, case, answers).contains(&Duty::Reply(query)));
        talk.say(answers, Some(case), unseen);
        assert!(!owes(&talk, case, answers).contains(&Duty::Reply(query)));
    }
}
