//! Random histories, and what must hold in every one of them.

use crate::alone::every_case_alone_is_what_it_is_among_all;
use crate::oracle::agrees_with_the_oracle;
use crate::talk::{
    Dice, Spoken, Talk, accept, amended_deal, content_of, given_deal, gone_deal, lapse, locked_deal, ready,
    ready_deal, sealed_deal, settled_deal, two_offers,
};
use std::collections::{BTreeMap, BTreeSet};
use truceline::crypto::digest::Digest;
use truceline::deal::body::Content;
use truceline::deal::case::{Acceptance, Means};
use truceline::deal::handover::Round;
use truceline::deal::judge::{Entry, Ledger, judge};
use truceline::deal::state::{CaseState, Duty};
use truceline::deal::verdict::Act;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;

/// How often an act is chosen where several may be: what binds and what leads on, more than what ends the matter.
const fn weight(act: &Act) -> usize {
    match act {
        Act::Accept(_) | Act::Confirm(_) | Act::Go { .. } => 16,
        Act::Lapse(_) | Act::Lock { .. } | Act::Ready { .. } => 12,
        Act::AcknowledgeTransport(_) | Act::Lines { .. } | Act::Transport(_) | Act::Close(_) => 8,
        Act::Offer { .. } => 6,
        Act::TransferNotice(_) | Act::Breach(_) | Act::AnswerBreach(_) => 1,
        _ => 2,
    }
}

/// One more statement, by chance: mostly what its author may do on what it says it has seen, else anything.
fn speak(talk: &mut Talk, dice: &mut Dice) {
    let author = if dice.below(2) == 0 { Inviter } else { Joiner };
    let (least, most) = (talk.seen(author), talk.count(author.other()));
    let peer = match dice.below(4) {
        0 => least + dice.next() % (most - least + 1),
        1 => least,
        _ => most,
    };
    let own = talk.count(author);
    let held = if author == Inviter { talk.part(own, peer) } else { talk.part(peer, own) };
    // The first case it knows, mostly: histories are deep rather than wide.
    let known: Vec<Digest> = talk.said.iter().map(|it| it.id).filter(|id| held.case(id).is_some()).collect();
    let choice = if dice.below(6) == 0 { dice.pick(&known) } else { known.first().copied() };
    let Some(case) = choice.filter(|_| dice.below(40) > 0) else {
        let remains_only = dice.below(3) == 0;
        talk.stale(author, peer, None, content_of(author, Act::Offer { base: 0, remains_only }, 4));
        return;
    };
    let shape = u32::try_from(dice.below(9)).unwrap();
    if dice.below(8) == 0 {
        talk.plain(author, Kind::Acknowledgement, peer);
    } else if dice.below(4) > 0 {
        let may = held.case(&case).unwrap().may(author);
        let weighted: Vec<Act> = may.iter().flat_map(|act| std::iter::repeat_n(*act, weight(act))).collect();
        match dice.pick(&weighted) {
            Some(act) => {
                let act = if dice.below(5) == 0 { amiss(talk, dice, act) } else { act };
                talk.stale(author, peer, Some(case), content_of(author, act, shape))
            }
            None => talk.plain(author, Kind::Acknowledgement, peer),
        };
    } else {
        let act = anything(talk, dice, case);
        talk.stale(author, peer, Some(case), content_of(author, act, shape));
    }
}

/// The same act about something else, as a liar or a mistaken client would.
fn amiss(talk: &Talk, dice: &mut Dice, act: Act) -> Act {
    let all: Vec<Digest> = talk.said.iter().map(|it| it.id).collect();
    match act {
        Act::Lock { version, .. } => Act::Lock { version, lists: dice.pick(&all).unwrap() },
        Act::AcknowledgeTransport(_) => {
            let notices = talk.said.iter().filter(|it| it.kind == Kind::Transport.number());
            let notices: Vec<Digest> = notices.map(|it| it.id).collect();
            Act::AcknowledgeTransport(dice.pick(&notices).unwrap())
        }
        Act::Lines { version, .. } => Act::Lines { version, legs: 1 + u128::from(dice.next() % 15) },
        Act::Close(version) => Act::Close(version + 1),
        act => act,
    }
}

/// Whatever there is, seen or not, allowed or not: mostly it will be void.
fn anything(talk: &Talk, dice: &mut Dice, case: Digest) -> Act {
    let ids = |kind: Kind| -> Vec<Digest> {
        talk.said.iter().filter(|it| it.kind == kind.number()).map(|it| it.id).collect()
    };
    let offer = dice.pick(&ids(Kind::Offer)).unwrap_or_default();
    let acceptance = dice.pick(&ids(Kind::Accept)).unwrap_or(offer);
    let notice = dice.pick(&ids(Kind::Transport)).unwrap_or(offer);
    let breach = dice.pick(&ids(Kind::Breach)).unwrap_or(offer);
    let ledger = talk.ledger();
    let handover = ledger.case(&case).and_then(|case| case.handover());
    let any = u32::try_from(dice.below(3)).unwrap();
    let version = handover.map(|it| it.version()).filter(|_| dice.below(4) > 0).unwrap_or(any);
    let lists = handover.map(|it| it.lists()).filter(|_| dice.below(4) > 0).unwrap_or(offer);
    let mut small = || u32::try_from(dice.below(3)).unwrap();
    let guess = Round { opener: small(), other: small() };
    let round = handover.map(|it| it.round()).filter(|_| dice.below(3) > 0).unwrap_or(guess);
    // Legs 0 and 1 are mostly prisoners, 2 remains where there is one, 3 never there.
    let legs = 1 + u128::from(dice.next() % 15);
    let acts = [
        Act::Offer { base: any, remains_only: false },
        Act::Withdraw(offer),
        Act::Reject(offer),
        Act::Accept(offer),
        Act::Confirm(acceptance),
        Act::Confirm(acceptance),
        Act::Lapse(acceptance),
        Act::Answer(acceptance),
        Act::Query,
        Act::Note,
        Act::Standby,
        Act::Lock { version, lists },
        Act::Transport(version),
        Act::AcknowledgeTransport(notice),
        Act::Ready { version, round },
        Act::Go { version, round },
        Act::Go { version, round },
        Act::Suspend { version, round },
        Act::Lines { version, legs },
        Act::Close(version),
        Act::TransferNotice(offer),
        Act::Breach(offer),
        Act::AnswerBreach(breach),
    ];
    acts[dice.below(acts.len())]
}

/// Where a history begins: mostly well on its way, as chance alone rarely gets far.
fn beginning(dice: &mut Dice) -> Talk {
    match dice.below(24) {
        0 | 1 => Talk::default(),
        2..=5 => Talk::trusted(),
        6..=11 => {
            let (mut talk, first, counter) = two_offers();
            // Both accept without having seen it of the other; one may then say that it lapsed in time.
            let (inviter_saw, joiner_saw) = (talk.count(Joiner), talk.count(Inviter));
            let of_counter = talk.stale(Inviter, inviter_saw, Some(first), accept(counter));
            let of_first = talk.stale(Joiner, joiner_saw, Some(first), accept(first));
            match dice.below(4) {
                0 => talk.stale(Inviter, inviter_saw, Some(first), lapse(of_counter)),
                1 => talk.stale(Joiner, joiner_saw, Some(first), lapse(of_first)),
                2 => talk.acknowledge(Inviter),
                _ => talk.acknowledge(Joiner),
            };
            talk
        }
        12 | 13 => sealed_deal().0,
        14 => locked_deal().0,
        15 | 16 => amended_deal().0,
        17 => settled_deal().0,
        18 | 19 => {
            let (mut talk, case) = given_deal();
            talk.say(Joiner, Some(case), ready(1, Round::default()));
            talk
        }
        20 | 21 => ready_deal().0,
        _ => gone_deal().0,
    }
}

fn history(dice: &mut Dice) -> Talk {
    let mut talk = beginning(dice);
    for _ in 0..6 + dice.below(20) {
        speak(&mut talk, dice);
    }
    talk
}

pub fn sealed(ledger: &Ledger) -> BTreeMap<Digest, Vec<Digest>> {
    let offers = |case: CaseState<'_>| case.sealed().iter().map(|agreement| agreement.offer).collect();
    ledger.cases().map(|case| (case.id(), offers(case))).collect()
}

/// The versions whose go is effective, by case.
pub fn effective(ledger: &Ledger) -> BTreeMap<Digest, (u32, Round)> {
    let of = |case: CaseState<'_>| {
        let handover = case.handover().filter(|handover| handover.is_effective())?;
        Some((case.id(), (handover.version(), handover.round())))
    };
    ledger.cases().filter_map(of).collect()
}

/// Counts agreements anew from what stands, version by version, without the ledger's own search.
pub fn never_two_agreements(ledger: &Ledger) {
    for case in ledger.cases() {
        let withdrawn: BTreeSet<Digest> =
            case.offers().filter(|it| it.withdrawn.is_some()).map(|it| it.id).collect();
        let mut agreed: BTreeMap<u32, BTreeSet<Digest>> = BTreeMap::new();
        let standing: Vec<_> =
            case.acceptances().filter(|it| it.lapsed.is_none() && !withdrawn.contains(&it.offer)).collect();
        for it in &standing {
            let crossed = standing.iter().any(|other| other.author != it.author && other.base == it.base);
            if it.confirmed.is_some() || (crossed && it.author != case.opener()) {
                agreed.entry(it.base).or_default().insert(it.offer);
            }
        }
        assert!(agreed.values().all(|offers| offers.len() == 1), "two agreements on one version: {agreed:?}");
        let versions: Vec<_> = agreed.values().flatten().copied().collect();
        let known: Vec<_> =
            case.sealed().iter().chain(case.pending()).map(|agreement| agreement.offer).collect();
        assert_eq!(versions, known);
    }
}

/// What an effective go stands on: locks, transport and both parties' ready, in its round.
pub fn nobody_moves_unprepared(ledger: &Ledger) {
    for case in ledger.cases() {
        let Some(handover) = case.handover().filter(|handover| handover.is_effective()) else { continue };
        assert!(handover.is_locked(), "a go without locks");
        assert!(handover.transport_settled(), "a go without acknowledged transport");
        assert!(Role::BOTH.into_iter().all(|role| handover.is_ready(role)), "a go without ready");
        assert!(case.pending().is_none(), "an agreement beside an effective go");
    }
}

/// Of each version at most one round has both parties' valid goes, and nothing is sealed beyond it.
fn one_effective_go_a_case(talk: &Talk, ledger: &Ledger) {
    let mut goes: BTreeMap<(Digest, u32, Round), BTreeSet<Role>> = BTreeMap::new();
    for it in talk.said.iter().filter(|it| ledger.verdict(&it.id) == Some(Ok(()))) {
        if let (Some(case), Some(Content::Go(go))) = (it.case, &it.content) {
            let fresh = goes.entry((case, go.version, go.round)).or_default().insert(it.author);
            assert!(fresh, "a second go of one party in one round");
        }
    }
    let both = goes.iter().filter(|(_, authors)| authors.len() == 2).map(|(key, _)| *key);
    let mut found = BTreeMap::new();
    for (case, version, round) in both {
        assert_eq!(found.insert(case, (version, round)), None, "two effective goes in one case");
    }
    assert_eq!(found, effective(ledger), "an effective go does not stand for ever");
}

/// Whatever was said before, two parties that see everything and want an agreement seal one within 5 statements,
/// unless one has said go.
fn willing_parties_seal(mut talk: Talk, id: Digest) {
    let goal = talk.ledger().case(&id).unwrap().version() + 1;
    for said in 0.. {
        let ledger = talk.ledger();
        let case = ledger.case(&id).unwrap();
        if case.version() >= goal {
            break;
        }
        assert!(said < 5, "willing parties reached no seal");
        let wanted = |act: &Act| match act {
            Act::Confirm(_) => 0,
            Act::Accept(_) => 1,
            Act::Offer { .. } => 2,
            _ => 3,
        };
        let acts =
            Role::BOTH.into_iter().flat_map(|role| case.may(role).into_iter().map(move |act| (role, act)));
        let best = acts.min_by_key(|(_, act)| wanted(act)).filter(|(_, act)| wanted(act) < 3);
        let owing = Role::BOTH
            .into_iter()
            .find(|role| case.owes(*role).iter().any(|duty| matches!(duty, Duty::Acknowledge(_))));
        match (owing, best) {
            (Some(role), _) => talk.acknowledge(role),
            (None, Some((role, act))) => talk.say(role, Some(id), content_of(role, act, 4)),
            // A confirm may have to wait until a lapse is acknowledged.
            (None, None) => {
                let role = case.live(Inviter).map_or(Joiner, |_| Inviter);
                talk.acknowledge(role)
            }
        };
    }
}

/// Whatever was said before, two parties that see everything and each do what they owe come from a sealed version
/// to an effective go within 12 statements, and to closing within 4 more.
fn willing_parties_finish(mut talk: Talk, id: Digest) {
    let mut said = 0;
    loop {
        let ledger = talk.ledger();
        let case = ledger.case(&id).unwrap();
        let Some(handover) = case.handover().filter(|handover| !handover.is_cancelled()) else { return };
        if handover.is_effective() {
            break;
        }
        assert!(said < 12, "willing parties reached no go: {:?}", Role::BOTH.map(|role| case.owes(role)));
        said += 1;
        step(&mut talk, &case);
    }
    for _ in 0..4 {
        let ledger = talk.ledger();
        let case = ledger.case(&id).unwrap();
        if !case.handover().unwrap().is_closed() {
            step(&mut talk, &case);
        }
    }
    assert!(talk.handover(id, |handover| handover.is_closed()), "willing parties could not close");
}

/// One of the two does what it owes to the handover; whoever hangs first ends that.
fn step(talk: &mut Talk, case: &CaseState<'_>) {
    let hangs = Role::BOTH.into_iter().find_map(|role| Some((role, case.live(role)?.id)));
    let round = case.handover().map(|handover| handover.round()).unwrap();
    let lists = case.handover().map(|handover| handover.lists()).unwrap();
    for role in Role::BOTH {
        for duty in case.owes(role) {
            let act = match duty {
                Duty::Acknowledge(_) => {
                    talk.acknowledge(role);
                    return;
                }
                Duty::Lock(version) => Act::Lock { version, lists },
                Duty::Transport(version) => Act::Transport(version),
                Duty::AcknowledgeTransport(notice) => Act::AcknowledgeTransport(notice),
                Duty::Ready(version) => Act::Ready { version, round },
                Duty::Go(version) => Act::Go { version, round },
                Duty::Lines(version) => Act::Lines { version, legs: 1 },
                Duty::Close(version) => Act::Close(version),
                Duty::Confirm(_) | Duty::Answer(_) | Duty::Reply(_) | Duty::AnswerBreach(_) => continue,
            };
            if let Some((author, acceptance)) = hangs {
                talk.say(author, Some(case.id()), lapse(acceptance));
                return;
            }
            assert_eq!(case.would_be(role, &act), Ok(()), "a duty cannot be done: {duty:?}");
            talk.say(role, Some(case.id()), content_of(role, act, 4));
            return;
        }
    }
    let (author, acceptance) = hangs.expect("nobody owes anything, and nothing is done");
    talk.say(author, Some(case.id()), lapse(acceptance));
}

/// From wherever a history ends there is a way on.
pub fn no_dead_end(mut talk: Talk) {
    for role in [Inviter, Joiner, Inviter] {
        talk.acknowledge(role);
    }
    if !talk.ledger().words_confirmed() {
        talk.plain(Inviter, Kind::WordsConfirmed, talk.count(Joiner));
        talk.plain(Joiner, Kind::WordsConfirmed, talk.count(Inviter));
        talk.acknowledge(Inviter);
    }
    let ledger = talk.ledger();
    for case in ledger.cases() {
        let gone = |role| case.handover().is_some_and(|handover| handover.is_gone(role));
        if !gone(Inviter) && !gone(Joiner) {
            willing_parties_seal(talk.clone(), case.id());
        }
        if case.version() > 0 {
            willing_parties_finish(talk.clone(), case.id());
        }
    }
}

/// Without one statement, whatever has it in its past is not judged, and all else as if nothing more existed.
fn a_gap_hides_what_follows_it(talk: &Talk, dice: &mut Dice) {
    let gap = &talk.said[dice.below(talk.said.len())];
    let without: Vec<Entry<'_>> = talk.said.iter().filter(|it| it.id != gap.id).map(Spoken::entry).collect();
    let others = talk.said.iter().filter(|it| it.author != gap.author && it.peer_count > gap.sequence);
    let other = others.map(|it| it.sequence).min().unwrap_or_else(|| talk.count(gap.author.other()));
    let (inviter, joiner) = if gap.author == Inviter { (gap.sequence, other) } else { (other, gap.sequence) };
    assert_eq!(judge(&without), talk.part(inviter, joiner), "a gap changed what does not depend on it");
}

fn check(seed: u64) {
    let mut dice = Dice(seed);
    let talk = history(&mut dice);
    let ledger = talk.ledger();
    agrees_with_the_oracle(&talk, &ledger);
    never_two_agreements(&ledger);
    one_effective_go_a_case(&talk, &ledger);

    let mut shuffled: Vec<Entry<'_>> = talk.said.iter().map(Spoken::entry).collect();
    for _ in 0..dice.below(5) {
        let again = shuffled[dice.below(shuffled.len())];
        shuffled.push(again);
    }
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, dice.below(at + 1));
    }
    assert_eq!(judge(&shuffled), ledger, "order or repetition changed the ledger");
    a_gap_hides_what_follows_it(&talk, &mut dice);

    let (all_inviter, all_joiner) = (talk.count(Inviter), talk.count(Joiner));
    let (mut inviter, mut joiner) = (0, 0);
    let mut earlier: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    while inviter < all_inviter || joiner < all_joiner {
        inviter = (inviter + dice.next() % 4).min(all_inviter);
        joiner = (joiner + dice.next() % 4).min(all_joiner);
        let part = talk.part(inviter, joiner);
        never_two_agreements(&part);
        nobody_moves_unprepared(&part);
        for (id, verdict) in part.verdicts() {
            assert_eq!(ledger.verdict(id), Some(verdict), "a verdict changed when statements were added");
        }
        let now = sealed(&part);
        for (case, versions) in &earlier {
            let later = &now[case];
            assert!(later.starts_with(versions), "a seal was undone");
        }
        for (case, versions) in &now {
            assert!(sealed(&ledger)[case].starts_with(versions), "a seal was undone");
        }
        for (case, of) in effective(&part) {
            assert_eq!(effective(&ledger).get(&case), Some(&of), "an effective go was undone");
            assert_eq!(sealed(&ledger)[&case], now[&case], "a version was sealed after an effective go");
        }
        earlier = now;
    }
    every_case_alone_is_what_it_is_among_all(&talk, &mut dice);
    no_dead_end(talk);
}

#[test]
fn every_history_has_one_state_one_agreement_and_one_go_and_what_is_sealed_holds() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (count, first) = (number("TRUCELINE_HISTORIES", 1_000), number("TRUCELINE_SEED", 1));
    for seed in first..first + count {
        if let Err(cause) = std::panic::catch_unwind(|| check(seed)) {
            eprintln!(
                "seed {seed} fails; again: TRUCELINE_SEED={seed} TRUCELINE_HISTORIES=1 cargo test --test \
                 deal_lifecycle"
            );
            std::panic::resume_unwind(cause);
        }
    }
}

#[test]
fn the_histories_reach_what_they_are_to_test() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..2_000 {
        let talk = history(&mut Dice(seed));
        let ledger = talk.ledger();
        for (_, verdict) in ledger.verdicts() {
            if let Err(reason) = verdict {
                let name = format!("{reason:?}");
                let name = name.split([' ', '(']).next().unwrap();
                *reached.entry(name.to_owned()).or_default() += 1;
            }
        }
        let mut hit = |name: &str, reached_it| {
            *reached.entry(name.to_owned()).or_default() += usize::from(reached_it);
        };
        hit("sealed", ledger.cases().any(|case| !case.sealed().is_empty()));
        hit("second version", ledger.cases().any(|case| case.version() > 1));
        let crossed = |case: CaseState<'_>| {
            let means = case.sealed().iter().chain(case.pending()).map(|agreement| agreement.means.clone());
            means.into_iter().any(|it| matches!(it, Means::Crossing { .. }))
        };
        hit("crossing", ledger.cases().any(crossed));
        let stale_lapse = |it: &Acceptance| it.lapsed.is_some() && it.confirmed.is_some();
        hit("stale lapse", ledger.cases().any(|case| case.acceptances().any(stale_lapse)));
        let handovers: Vec<_> = ledger.cases().filter_map(|case| case.handover()).collect();
        hit("locked", handovers.iter().any(|it| it.is_locked()));
        hit("later round", handovers.iter().any(|it| it.round() != Round::default()));
        hit("go in a later round", {
            handovers.iter().any(|it| it.round() != Round::default() && it.is_effective())
        });
        let one = |it: &&truceline::deal::progress::Handover<'_>| it.is_gone(Inviter) != it.is_gone(Joiner);
        hit("one gone", handovers.iter().any(|it| one(&it)));
        hit("closed", handovers.iter().any(|it| it.is_closed()));
        hit("cancelled", handovers.iter().any(|it| it.is_cancelled()));
        hit("go of a later version", handovers.iter().any(|it| it.is_effective() && it.version() > 1));
        let lines_twice = |role| handovers.iter().any(|it| it.lines(role).len() > 1);
        hit("lines twice", Role::BOTH.into_iter().any(lines_twice));
        hit("breach answered", {
            ledger.cases().any(|case| case.breaches().iter().any(|breach| breach.answered.is_some()))
        });
        hit("transfer notice", ledger.cases().any(|case| !case.transfer_notices().is_empty()));
    }
    let names = [
        "sealed",
        "second version",
        "crossing",
        "stale lapse",
        "locked",
        "later round",
        "go in a later round",
        "one gone",
        "closed",
        "cancelled",
        "go of a later version",
        "lines twice",
        "breach answered",
        "transfer notice",
        "AuthorHanging",
        "LapseUnacknowledged",
        "AlreadyConfirmed",
        "NothingSealed",
        "VersionNotCurrent",
        "Cancelled",
        "RoundNotCurrent",
        "AuthorGone",
        "GoEffective",
        "AlreadyLocked",
        "NotLocked",
        "LockedOtherLists",
        "OtherNotLocked",
        "OtherLockedOtherLists",
        "NoticeUnknown",
        "NoticeOwn",
        "NoticeReplaced",
        "AlreadyAcknowledged",
        "TransportMissing",
        "OtherTransportMissing",
        "TransportUnacknowledged",
        "OtherNotAcknowledged",
        "AlreadyReady",
        "NotReady",
        "OtherNotReady",
        "NoEffectiveGo",
        "LegUnknown",
        "LinesClosed",
        "AlreadyClosed",
        "OfferNotSealed",
        "BreachUnknown",
        "BreachOwn",
    ];
    let missed: Vec<_> =
        names.iter().filter(|name| reached.get(**name).is_none_or(|count| *count == 0)).collect();
    assert!(missed.is_empty(), "no history reached {missed:?}; {reached:?}");
}
