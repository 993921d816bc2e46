//! All histories of two parties, not some of them: every act that is valid, by either, having seen any part of the
//! other's chain from what it has acknowledged on. What must hold is asked at every consistent cut of every history.
//!
//! A history is two chains, whatever order they grew in, and each is visited once: of the orders that make it only
//! the one is followed in which the inviter always speaks as early as it can. Left out is what changes nothing: a void
//! statement, which is an acknowledgement; an acknowledgement of nothing new; notes, questions, notices and breaches.
//!
//! `TRUCELINE_DEPTH` sets how many statements the longest have from the opening offer on. From states after the seal,
//! where more can be said, it is so many less as [`EXPLORED`] says.

use crate::histories::{effective, never_two_agreements, no_dead_end, nobody_moves_unprepared, sealed};
use crate::oracle::agrees_with_the_oracle;
use crate::talk::{
    Talk, content_of, given_deal, gone_deal, locked_deal, offer_of, ready_deal, sealed_deal, settled_deal,
};
use std::collections::BTreeMap;
use truceline::crypto::digest::Digest;
use truceline::deal::judge::{Entry, Ledger, judge};
use truceline::deal::terms::Category;
use truceline::deal::verdict::Act;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;

/// A start, how many statements fewer than the depth are said from there, and how many histories that makes at the
/// depth that is the default.
type Start = (&'static str, fn() -> (Talk, Digest), u64, u64);

/// The depth where `TRUCELINE_DEPTH` says nothing.
const DEPTH: u64 = 5;

const EXPLORED: [Start; 8] = [
    ("opened by the inviter", || opened(Inviter), 1, 4_185),
    ("opened by the joiner", || opened(Joiner), 1, 4_185),
    ("sealed", sealed_deal, 2, 2_715),
    ("locked", locked_deal, 2, 1_661),
    ("settled", settled, 2, 2_753),
    ("given by one side", given_deal, 2, 2_753),
    ("ready", ready_deal, 2, 2_396),
    ("gone", gone_deal, 2, 361),
];

/// An offer by this party, made when each had seen all of the other's.
fn opened(opener: Role) -> (Talk, Digest) {
    let mut talk = Talk::trusted();
    talk.acknowledge(opener.other());
    let case = talk.say(opener, None, offer_of(opener, 0, Category::PrisonerOfWar, 5));
    (talk, case)
}

fn settled() -> (Talk, Digest) {
    let (talk, case, _) = settled_deal();
    (talk, case)
}

/// How much of the inviter's and of the joiner's chain is held.
type Held = (u64, u64);

const fn held(author: Role, own: u64, peer: u64) -> Held {
    match author {
        Inviter => (own, peer),
        Joiner => (peer, own),
    }
}

/// A search through all histories with one beginning.
struct Search {
    talk: Talk,
    case: Digest,
    /// What each consistent cut of the history makes of the case.
    ledgers: BTreeMap<Held, Ledger>,
    histories: u64,
}

impl Search {
    fn new((talk, case): (Talk, Digest)) -> Self {
        let mut ledgers = BTreeMap::new();
        for inviter in talk.seen(Joiner)..=talk.count(Inviter) {
            for joiner in talk.seen(Inviter)..=talk.count(Joiner) {
                ledgers.insert((inviter, joiner), talk.part(inviter, joiner));
            }
        }
        Self { talk, case, ledgers, histories: 0 }
    }

    /// Every history of up to `left` more statements.
    fn explore(&mut self, last: Option<Role>, left: u64) {
        self.histories += 1;
        agrees_with_the_oracle(
            &self.talk,
            &self.ledgers[&(self.talk.count(Inviter), self.talk.count(Joiner))],
        );
        no_dead_end(self.talk.clone());
        if left == 0 {
            return;
        }
        for author in Role::BOTH {
            let (seen, all) = (self.talk.seen(author), self.talk.count(author.other()));
            // The inviter speaks after the joiner only where it has to: having seen that.
            let least = if (author, last) == (Inviter, Some(Joiner)) { all } else { seen };
            for peer in least..=all {
                if peer > seen {
                    self.after(author, peer, None, left);
                }
                for act in self.acts(author, peer) {
                    self.after(author, peer, Some(act), left);
                }
            }
        }
    }

    /// What `author` may validly say, having seen so much, and not only in good order.
    fn acts(&self, author: Role, peer: u64) -> Vec<Act> {
        let ledger = &self.ledgers[&held(author, self.talk.count(author), peer)];
        let Some(case) = ledger.case(&self.case) else { return Vec::new() };
        let mut acts = case.may(author);
        acts.retain(|act| {
            !matches!(act, Act::Lock { .. } | Act::TransferNotice(_) | Act::Breach(_) | Act::AnswerBreach(_))
        });
        if let Some(handover) = case.handover() {
            for lists in [handover.lists(), Digest::default()] {
                let lock = Act::Lock { version: handover.version(), lists };
                acts.extend(case.would_be(author, &lock).is_ok().then_some(lock));
            }
        }
        acts
    }

    /// Every history that goes on with this statement: an acknowledgement where there is no act.
    fn after(&mut self, author: Role, peer: u64, act: Option<Act>, left: u64) {
        match act {
            Some(act) => self.talk.stale(author, peer, Some(self.case), content_of(author, act, 4)),
            None => self.talk.plain(author, Kind::Acknowledgement, peer),
        };
        let (own, all) = (self.talk.count(author), self.talk.count(author.other()));
        for other in peer..=all {
            let ledger = self.part(held(author, own, other));
            never_two_agreements(&ledger);
            nobody_moves_unprepared(&ledger);
            grew(&self.ledgers[&held(author, own - 1, other)], &ledger);
            if other > peer {
                grew(&self.ledgers[&held(author, own, other - 1)], &ledger);
            }
            self.ledgers.insert(held(author, own, other), ledger);
        }
        self.explore(Some(author), left - 1);
        for other in peer..=all {
            self.ledgers.remove(&held(author, own, other));
        }
        self.talk.said.pop();
    }

    /// The ledger of a cut, whatever order its statements come in.
    fn part(&self, (inviter, joiner): Held) -> Ledger {
        let said = self.talk.said.iter();
        let mut entries: Vec<Entry<'_>> = said
            .filter(|it| it.sequence < if it.author == Inviter { inviter } else { joiner })
            .map(|it| it.entry())
            .collect();
        let ledger = judge(&entries);
        entries.reverse();
        assert_eq!(judge(&entries), ledger, "the order of arrival changed the state");
        ledger
    }
}

/// What one statement more may do: nothing to any verdict, seal or effective go.
fn grew(before: &Ledger, after: &Ledger) {
    for (id, verdict) in before.verdicts() {
        assert_eq!(after.verdict(id), Some(verdict), "a verdict changed when a statement was added");
    }
    let now = sealed(after);
    for (case, versions) in sealed(before) {
        assert!(now[&case].starts_with(&versions), "a seal was undone");
    }
    let goes = effective(after);
    for (case, go) in effective(before) {
        assert_eq!(goes.get(&case), Some(&go), "an effective go was undone");
        assert_eq!(sealed(before)[&case], now[&case], "a version was sealed after an effective go");
    }
}

#[test]
fn no_history_to_the_stated_depth_breaks_what_must_hold() {
    let depth = std::env::var("TRUCELINE_DEPTH").map_or(DEPTH, |text| text.parse().unwrap());
    std::thread::scope(|threads| {
        EXPLORED.iter().for_each(|start| drop(threads.spawn(move || explored(start, depth))))
    });
}

fn explored((name, start, fewer, wanted): &Start, depth: u64) {
    let left = depth - fewer;
    let mut search = Search::new(start());
    let run = std::panic::AssertUnwindSafe(|| search.explore(None, left));
    if let Err(cause) = std::panic::catch_unwind(run) {
        eprintln!("a history that begins {name} fails, after {}:", search.histories);
        search.talk.said.iter().for_each(|it| eprintln!("  {it:?}"));
        std::panic::resume_unwind(cause);
    }
    println!("{name}, {left} more statements: {} histories", search.histories);
    if depth == DEPTH {
        assert_eq!(search.histories, *wanted, "{name}: histories to {left} more statements");
    }
}
