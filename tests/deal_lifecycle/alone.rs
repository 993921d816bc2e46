//! A case judged from its own statements alone is what it is in the whole transcript, wherever that ends.

use crate::talk::{Dice, Spoken, Talk, accept, offer_of, two_offers};
use std::collections::BTreeSet;
use std::fmt::Debug;
use truceline::crypto::digest::Digest;
use truceline::deal::handover::Round;
use truceline::deal::judge::{Entry, Ledger, judge_case};
use truceline::deal::progress::Handover;
use truceline::deal::state::CaseState;
use truceline::deal::terms::Category;
use truceline::deal::verdict::{Act, VoidReason};
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;

/// How many of the other's `role` acknowledges in its first `count` statements.
fn acknowledged(talk: &Talk, role: Role, count: u64) -> u64 {
    let last = talk.said.iter().find(|it| it.author == role && it.sequence + 1 == count);
    last.map_or(0, |it| it.peer_count)
}

fn words(talk: &Talk) -> [Option<u64>; 2] {
    Role::BOTH.map(|role| {
        let own = talk.said.iter().filter(|it| it.author == role && it.entry().confirms_words());
        own.map(|it| it.sequence).min()
    })
}

fn alone(talk: &Talk, case: &Digest, entries: &[Entry<'_>], counts: [u64; 2]) -> Ledger {
    judge_case(case, entries, words(talk), counts, |role, count| acknowledged(talk, role, count))
}

/// What names a case or would open it, in any order, one of them twice.
fn of_case<'a>(talk: &'a Talk, dice: &mut Dice, case: Digest) -> Vec<Entry<'a>> {
    let belongs = |it: &&Spoken| it.case == Some(case) || it.id == case;
    let mut entries: Vec<Entry<'_>> = talk.said.iter().filter(belongs).map(Spoken::entry).collect();
    entries.extend(dice.pick(&entries));
    for at in (1..entries.len()).rev() {
        entries.swap(at, dice.below(at + 1));
    }
    entries
}

fn handover(it: &Handover<'_>) -> impl PartialEq + Debug + use<> {
    let of = |role| {
        let said = (it.lock(role), it.transport(role), it.went(role), it.closed(role), it.last(role));
        (said, it.needs_transport(role), it.is_ready(role), it.lines(role).to_vec())
    };
    (it.version(), it.offer(), it.lists(), it.round(), it.is_effective(), Role::BOTH.map(of))
}

fn state(case: &CaseState<'_>) -> impl PartialEq + Debug + use<> {
    let offers: Vec<_> = case.offers().map(|it| (it.clone(), case.offer_state(it))).collect();
    let acceptances: Vec<_> = case.acceptances().cloned().collect();
    let queries: Vec<_> = case.queries().map(|(id, it)| (*id, it.clone())).collect();
    let of = |role| (case.owes(role), case.may(role), case.live(role).map(|it| it.id), case.is_hanging(role));
    (
        (case.id(), case.opener(), case.version()),
        (case.sealed().to_vec(), case.pending().cloned()),
        (offers, acceptances, queries, case.breaches(), case.transfer_notices()),
        case.handover().as_ref().map(handover),
        Role::BOTH.map(of),
    )
}

/// Acts about these statements, versions and rounds, allowed or not.
fn acts(ids: &[Digest], round: Round) -> Vec<Act> {
    let mut acts = vec![Act::Note, Act::Standby, Act::Query];
    for &id in ids {
        acts.extend([Act::Withdraw(id), Act::Reject(id), Act::Accept(id), Act::Confirm(id), Act::Lapse(id)]);
        acts.extend([Act::Answer(id), Act::AcknowledgeTransport(id), Act::TransferNotice(id)]);
        acts.extend([Act::Breach(id), Act::AnswerBreach(id), Act::Lock { version: 1, lists: id }]);
    }
    for version in 0..3 {
        acts.extend([true, false].map(|remains_only| Act::Offer { base: version, remains_only }));
        acts.extend([Act::Transport(version), Act::Close(version), Act::Lines { version, legs: 5 }]);
        for round in [round, Round::default()] {
            let [go, suspend] = [Act::Go { version, round }, Act::Suspend { version, round }];
            acts.extend([Act::Ready { version, round }, go, suspend]);
        }
    }
    acts
}

fn agree(whole: &Ledger, alone: &Ledger, case: Option<&Digest>, ids: &[Digest]) {
    let round = case.and_then(|id| whole.case(id)?.handover().map(|it| it.round()));
    for act in acts(ids, round.unwrap_or_default()) {
        for role in Role::BOTH {
            let (expected, found) = (whole.would_be(role, case, &act), alone.would_be(role, case, &act));
            assert_eq!(found, expected, "{role:?}, {act:?} in {case:?}");
        }
    }
}

/// Whether the first statements of each acknowledge nothing beyond them.
fn is_whole(talk: &Talk, [inviter, joiner]: [u64; 2]) -> bool {
    acknowledged(talk, Inviter, inviter) <= joiner && acknowledged(talk, Joiner, joiner) <= inviter
}

/// Every case of a history, opened or not, at every cut that is a transcript of its own.
pub fn every_case_alone_is_what_it_is_among_all(talk: &Talk, dice: &mut Dice) {
    let ends = Role::BOTH.map(|role| talk.count(role));
    let cases: BTreeSet<Digest> = talk.said.iter().map(|it| it.case.unwrap_or(it.id)).collect();
    let cases: Vec<(Digest, Vec<Entry<'_>>)> =
        cases.into_iter().map(|case| (case, of_case(talk, dice, case))).collect();
    let ids: Vec<Digest> = talk.said.iter().map(|it| it.id).collect();
    let cuts = (0..=ends[0]).flat_map(|inviter| (0..=ends[1]).map(move |joiner| [inviter, joiner]));
    for cut in cuts.filter(|cut| is_whole(talk, *cut)) {
        let whole = talk.part(cut[0], cut[1]);
        let few: Vec<Digest> = if cut == ends { ids.clone() } else { dice.pick(&ids).into_iter().collect() };
        let none = Ledger::of_words(words(talk), cut);
        assert_eq!(none.words_confirmed(), whole.words_confirmed());
        agree(&whole, &none, None, &few);
        for (case, entries) in &cases {
            let alone = alone(talk, case, entries, cut);
            for it in entries.iter().filter(|it| it.case.unwrap_or(it.id) == *case) {
                assert_eq!(alone.verdict(&it.id), whole.verdict(&it.id), "{it:?} at {cut:?}");
            }
            let (found, expected) = (alone.case(case), whole.case(case));
            assert_eq!(found.as_ref().map(state), expected.as_ref().map(state), "{case:?} at {cut:?}");
            assert_eq!(alone.cases().count(), usize::from(found.is_some()));
            if expected.is_some() || cut == ends {
                agree(&whole, &alone, Some(case), &few);
            }
        }
    }
}

/// Ids as if they opened cases, and statements that name no case although they need one.
#[test]
fn what_opens_no_case_is_judged_alone_as_among_all() {
    let (mut talk, first, counter) = two_offers();
    // A counter names a case, so it opens none; an acknowledgement opens none either.
    let silent = talk.acknowledge(Joiner);
    let misled = [counter, silent].map(|case| talk.say(Inviter, Some(case), accept(first)));
    let lost = talk.say(Joiner, None, accept(first));
    let amendment = talk.say(Joiner, None, offer_of(Joiner, 1, Category::PrisonerOfWar, 2));
    talk.push(Inviter, Kind::Offer, talk.count(Joiner), None, None);
    every_case_alone_is_what_it_is_among_all(&talk, &mut Dice(1));

    let ends = Role::BOTH.map(|role| talk.count(role));
    let judged = |case: Digest| alone(&talk, &case, &of_case(&talk, &mut Dice(1), case), ends);
    assert_eq!(judged(counter).verdict(&misled[0]), Some(Err(VoidReason::CaseUnknown)));
    assert_eq!(judged(counter).verdict(&counter), None, "it belongs to another case");
    assert_eq!(judged(first).verdict(&counter), Some(Ok(())));
    assert_eq!(judged(silent).verdict(&misled[1]), Some(Err(VoidReason::CaseUnknown)));
    assert_eq!(judged(lost).verdict(&lost), Some(Err(VoidReason::NoCase)));
    let wrong = VoidReason::NotOnCurrentVersion { base: 1, current: 0 };
    assert_eq!(judged(amendment).verdict(&amendment), Some(Err(wrong)));
}
