//! The life of a proposal between two parties that lie about what they have seen: random histories checked
//! against what must hold in all of them, and the races by name.
//!
//! `TRUCELINE_HISTORIES` sets how many histories (2,000 by default), `TRUCELINE_SEED` the first one's seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use truceline::crypto::digest::Digest;
use truceline::deal::body::{
    Accept, Answer, Confirm, Content, Lapse, Note, Offer, OfferBody, Query, Reject, Reply, Standby, Withdraw,
};
use truceline::deal::judge::{Entry, Ledger, Said, judge};
use truceline::deal::state::{Duty, OfferState};
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use truceline::deal::verdict::{Act, VoidReason};
use truceline::deal::word::Text;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;
use truceline::time::UnixMillis;

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing moves, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())])
    }
}

#[derive(Debug, Clone)]
struct Spoken {
    id: Digest,
    author: Role,
    sequence: u64,
    peer_count: u64,
    case: Option<Digest>,
    kind: u16,
    content: Option<Content>,
}

impl Spoken {
    fn entry(&self) -> Entry<'_> {
        let said = match &self.content {
            Some(content) => Said::Deal(content),
            None => Said::Other,
        };
        let Self { id, author, sequence, peer_count, case, kind, .. } = *self;
        Entry { id, author, sequence, peer_count, case, kind, said }
    }
}

/// All that both have said. Each statement says how much of the other's chain it acknowledges.
#[derive(Default, Clone)]
struct Talk {
    said: Vec<Spoken>,
}

fn leg(giver: Role, category: Category, count: u32) -> Leg {
    Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity: Quantity::Count(count),
        selection: Selection::Holder,
        substitution: Substitution::None,
        tolerance: 0,
        except: None,
        criteria: None,
        third_country: None,
        stage: None,
        group: 0,
    }
}

fn offer_of(author: Role, base: u32, category: Category, count: u32) -> Content {
    let legs = vec![leg(author, category, count), leg(author.other(), category, count)];
    let terms = Terms { legs, remarks: None, ..Terms::default() };
    let body = OfferBody {
        base,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: None,
        terms,
        lists: Vec::new(),
    };
    Content::Offer(Box::new(Offer::join(body, &[]).unwrap()))
}

impl Talk {
    /// Words confirmed by both, and both have seen it.
    fn trusted() -> Self {
        let mut talk = Self::default();
        talk.plain(Inviter, Kind::WordsConfirmed, 0);
        talk.plain(Joiner, Kind::WordsConfirmed, 1);
        talk.plain(Inviter, Kind::Acknowledgement, 1);
        talk
    }

    fn count(&self, role: Role) -> u64 {
        self.said.iter().filter(|it| it.author == role).count() as u64
    }

    /// The least that the next statement of `role` can acknowledge: counts never fall.
    fn seen(&self, role: Role) -> u64 {
        self.said.iter().filter(|it| it.author == role).map(|it| it.peer_count).max().unwrap_or(0)
    }

    fn push(
        &mut self,
        author: Role,
        kind: Kind,
        peer_count: u64,
        case: Option<Digest>,
        content: Option<Content>,
    ) -> Digest {
        let sequence = self.count(author);
        let mut id = [0x5a; 32];
        id[0] = author.number() + 1;
        id[1..9].copy_from_slice(&sequence.to_be_bytes());
        let id = Digest(id);
        self.said.push(Spoken { id, author, sequence, peer_count, case, kind: kind.number(), content });
        id
    }

    fn plain(&mut self, author: Role, kind: Kind, peer_count: u64) -> Digest {
        self.push(author, kind, peer_count, None, None)
    }

    fn acknowledge(&mut self, author: Role) -> Digest {
        self.plain(author, Kind::Acknowledgement, self.count(author.other()))
    }

    /// Said having seen `peer_count` of the other's.
    fn stale(&mut self, author: Role, peer_count: u64, case: Option<Digest>, content: Content) -> Digest {
        self.push(author, content.kind(), peer_count, case, Some(content))
    }

    /// Said having seen everything.
    fn say(&mut self, author: Role, case: Option<Digest>, content: Content) -> Digest {
        self.stale(author, self.count(author.other()), case, content)
    }

    fn ledger(&self) -> Ledger {
        judge(&self.said.iter().map(Spoken::entry).collect::<Vec<_>>())
    }

    /// The first statements of each: what somebody may hold.
    fn part(&self, inviter: u64, joiner: u64) -> Ledger {
        let held = |it: &&Spoken| it.sequence < if it.author == Inviter { inviter } else { joiner };
        judge(&self.said.iter().filter(held).map(Spoken::entry).collect::<Vec<_>>())
    }

    fn verdict(&self, id: Digest) -> Result<(), VoidReason> {
        self.ledger().verdict(&id).unwrap()
    }
}

fn accept(offer: Digest) -> Content {
    Content::Accept(Accept { offer, hold_until: UnixMillis(0), remark: None })
}

fn confirm(acceptance: Digest) -> Content {
    Content::Confirm(Confirm { acceptance })
}

fn lapse(acceptance: Digest) -> Content {
    Content::Lapse(Lapse { acceptance, reason: None })
}

fn withdraw(offer: Digest) -> Content {
    Content::Withdraw(Withdraw { offer, reason: None })
}

fn reject(offer: Digest) -> Content {
    Content::Reject(Reject { offer, reason: None })
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

/// What `act` says, in full.
fn content_of(author: Role, act: Act, count: u32) -> Content {
    match act {
        Act::Note => Content::Note(Note { text: text("x") }),
        Act::Offer { base, remains_only: true } => offer_of(author, base, Category::Remains, count),
        Act::Offer { base, .. } => offer_of(author, base, Category::PrisonerOfWar, count),
        Act::Withdraw(id) => withdraw(id),
        Act::Reject(id) => reject(id),
        Act::Accept(id) => accept(id),
        Act::Confirm(id) => confirm(id),
        Act::Lapse(id) => lapse(id),
        Act::Standby => Content::Standby(Standby { until: None, reason: None }),
        Act::Query => Content::Query(Query { about: None, text: text("who?"), answer_by: None }),
        Act::Answer(query) => Content::Answer(Answer { query, reply: Reply::Told, text: Some(text("he")) }),
        other => panic!("no content for {other:?}"),
    }
}

/// How often an act is chosen where several may be: what binds, far more than what ends the matter.
const fn weight(act: &Act) -> usize {
    match act {
        Act::Accept(_) | Act::Confirm(_) => 8,
        Act::Lapse(_) => 6,
        Act::Offer { .. } => 3,
        _ => 1,
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
        talk.stale(author, peer, None, content_of(author, Act::Offer { base: 0, remains_only }, 1));
        return;
    };
    let count = 1 + u32::try_from(dice.below(9)).unwrap();
    if dice.below(8) == 0 {
        talk.plain(author, Kind::Acknowledgement, peer);
    } else if dice.below(4) > 0 {
        let may = held.case(&case).unwrap().may(author);
        let weighted: Vec<Act> = may.iter().flat_map(|act| std::iter::repeat_n(*act, weight(act))).collect();
        match dice.pick(&weighted) {
            Some(act) => talk.stale(author, peer, Some(case), content_of(author, act, count)),
            None => talk.plain(author, Kind::Acknowledgement, peer),
        };
    } else {
        // Whatever there is, seen or not, allowed or not: mostly it will be void.
        let ids = |kind: Kind| -> Vec<Digest> {
            talk.said.iter().filter(|it| it.kind == kind.number()).map(|it| it.id).collect()
        };
        let offer = dice.pick(&ids(Kind::Offer)).unwrap_or_default();
        let acceptance = dice.pick(&ids(Kind::Accept)).unwrap_or(offer);
        let base = u32::try_from(dice.below(3)).unwrap();
        let act = [
            Act::Offer { base, remains_only: false },
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
        ][dice.below(11)];
        talk.stale(author, peer, Some(case), content_of(author, act, count));
    }
}

fn history(dice: &mut Dice) -> Talk {
    let mut talk = if dice.below(12) == 0 { Talk::default() } else { Talk::trusted() };
    if dice.below(3) == 0 {
        let (begun, first, counter) = two_offers();
        talk = begun;
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
    }
    let length = 6 + dice.below(18);
    for _ in 0..length {
        speak(&mut talk, dice);
    }
    talk
}

fn sealed(ledger: &Ledger) -> BTreeMap<Digest, Vec<Digest>> {
    let offers = |case: truceline::deal::state::CaseState<'_>| {
        case.sealed().iter().map(|agreement| agreement.offer).collect()
    };
    ledger.cases().map(|case| (case.id(), offers(case))).collect()
}

/// Counts agreements anew from what stands, version by version, without the ledger's own search.
fn never_two_agreements(ledger: &Ledger) {
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

/// Whatever was said before, two parties that see everything and want an agreement seal one.
fn willing_parties_seal(mut talk: Talk) {
    for role in [Inviter, Joiner, Inviter] {
        talk.acknowledge(role);
    }
    if !talk.ledger().words_confirmed() {
        talk.plain(Inviter, Kind::WordsConfirmed, talk.count(Joiner));
        talk.plain(Joiner, Kind::WordsConfirmed, talk.count(Inviter));
        talk.acknowledge(Inviter);
    }
    let cases: Vec<Digest> = talk.ledger().cases().map(|case| case.id()).collect();
    for id in cases {
        let goal = talk.ledger().case(&id).unwrap().version() + 1;
        let mut author = Inviter;
        for _ in 0..12 {
            let ledger = talk.ledger();
            let case = ledger.case(&id).unwrap();
            if case.version() >= goal {
                break;
            }
            let may = case.may(author);
            let wanted = [
                may.iter().find(|act| matches!(act, Act::Confirm(_))),
                may.iter().find(|act| matches!(act, Act::Accept(_))),
                may.iter().find(|act| matches!(act, Act::Offer { .. }) && case.open_offers().count() == 0),
            ];
            match wanted.into_iter().flatten().next() {
                Some(act) => talk.say(author, Some(id), content_of(author, *act, 1)),
                None => talk.acknowledge(author),
            };
            author = author.other();
        }
        assert!(talk.ledger().case(&id).unwrap().version() >= goal, "willing parties reached no seal");
    }
}

fn check(seed: u64) {
    let mut dice = Dice(seed);
    let talk = history(&mut dice);
    let ledger = talk.ledger();
    never_two_agreements(&ledger);

    let mut shuffled: Vec<Entry<'_>> = talk.said.iter().map(Spoken::entry).collect();
    for _ in 0..dice.below(5) {
        let again = shuffled[dice.below(shuffled.len())];
        shuffled.push(again);
    }
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, dice.below(at + 1));
    }
    assert_eq!(judge(&shuffled), ledger, "order or repetition changed the ledger");

    let (all_inviter, all_joiner) = (talk.count(Inviter), talk.count(Joiner));
    let (mut inviter, mut joiner) = (0, 0);
    let mut earlier: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    while inviter < all_inviter || joiner < all_joiner {
        inviter = (inviter + dice.next() % 4).min(all_inviter);
        joiner = (joiner + dice.next() % 4).min(all_joiner);
        let part = talk.part(inviter, joiner);
        never_two_agreements(&part);
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
        earlier = now;
    }
    willing_parties_seal(talk);
}

#[test]
fn every_history_has_one_state_one_agreement_and_seals_that_hold() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (count, first) = (number("TRUCELINE_HISTORIES", 2_000), number("TRUCELINE_SEED", 1));
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
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..1_000 {
        let ledger = history(&mut Dice(seed)).ledger();
        let mut hit = |name, reached_it| *reached.entry(name).or_default() += usize::from(reached_it);
        hit("sealed", ledger.cases().any(|case| !case.sealed().is_empty()));
        hit("second version", ledger.cases().any(|case| case.version() > 1));
        let crossed = |case: truceline::deal::state::CaseState<'_>| {
            let means = case.sealed().iter().chain(case.pending()).map(|agreement| agreement.means.clone());
            means.into_iter().any(|it| matches!(it, truceline::deal::case::Means::Crossing { .. }))
        };
        hit("crossing", ledger.cases().any(crossed));
        let void = |reason| ledger.verdicts().any(|(_, verdict)| verdict == Err(reason));
        hit("hanging", void(VoidReason::AuthorHanging));
        hit("lapse unacknowledged", void(VoidReason::LapseUnacknowledged));
        hit("already confirmed", void(VoidReason::AlreadyConfirmed));
        let stale_lapse =
            |it: &truceline::deal::case::Acceptance| it.lapsed.is_some() && it.confirmed.is_some();
        hit("stale lapse", ledger.cases().any(|case| case.acceptances().any(stale_lapse)));
    }
    let names = [
        "sealed",
        "second version",
        "crossing",
        "hanging",
        "lapse unacknowledged",
        "already confirmed",
        "stale lapse",
    ];
    for name in names {
        assert!(reached[name] > 0, "no history reached: {name}; {reached:?}");
    }
}

/// Words, an offer of the inviter and a counter of the joiner, both seen by both.
fn two_offers() -> (Talk, Digest, Digest) {
    let mut talk = Talk::trusted();
    let first = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let counter = talk.say(Joiner, Some(first), offer_of(Joiner, 0, Category::PrisonerOfWar, 38));
    talk.acknowledge(Inviter);
    (talk, first, counter)
}

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

#[test]
fn a_transcript_of_thousands_is_judged() {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let begun = (talk.count(Inviter), talk.count(Joiner));
    for round in 0u64..1_500 {
        // Put there by hand, as `say` counts all that was said before.
        let mut put = |author: Role, sequence, peer_count, kind: Kind, content| {
            let mut id = [0x5a; 32];
            id[0] = author.number() + 1;
            id[1..9].copy_from_slice(&u64::to_be_bytes(sequence));
            let (id, case, kind) = (Digest(id), Some(case), kind.number());
            talk.said.push(Spoken { id, author, sequence, peer_count, case, kind, content });
        };
        let offer = offer_of(Joiner, 0, Category::PrisonerOfWar, 1);
        put(Joiner, begun.1 + round, begun.0 + round, Kind::Offer, Some(offer));
        put(Inviter, begun.0 + round, begun.1 + round + 1, Kind::Acknowledgement, None);
    }
    assert_eq!(talk.ledger().case(&case).unwrap().open_offers().count(), 1_501);
}
