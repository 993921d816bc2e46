//! Long transcripts: judged in time that grows with their length, and one case of them with its own.

use crate::talk::{Spoken, Talk, content_of, offer_of, offer_with, text};
use std::cell::Cell;
use truceline::crypto::digest::Digest;
use truceline::deal::body::{Content, Note};
use truceline::deal::judge::{Entry, judge_case};
use truceline::deal::terms::Category;
use truceline::deal::verdict::Act;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;

/// Puts statements at the ends of two chains without counting all that was said before.
struct Quick {
    said: Vec<Spoken>,
    counts: [u64; 2],
}

impl Quick {
    fn trusted() -> Self {
        let said = Talk::trusted().said;
        let count = |role| said.iter().filter(|it| it.author == role).count() as u64;
        Self { counts: Role::BOTH.map(count), said }
    }

    fn say(&mut self, author: Role, case: Option<Digest>, content: Option<Content>) -> Digest {
        let [own, peer_count] =
            if author == Inviter { [0, 1] } else { [1, 0] }.map(|at: usize| self.counts[at]);
        let mut id = [0x5a; 32];
        id[0] = author.number() + 1;
        id[1..9].copy_from_slice(&own.to_be_bytes());
        let id = Digest(id);
        let kind = content.as_ref().map_or(Kind::Acknowledgement, Content::kind).number();
        self.said.push(Spoken { id, author, sequence: own, peer_count, case, kind, content });
        self.counts[usize::from(author.number())] += 1;
        id
    }

    fn talk(self) -> Talk {
        Talk { said: self.said }
    }
}

#[test]
fn thousands_of_offers_in_one_case_are_judged() {
    let mut quick = Quick::trusted();
    let case = quick.say(Inviter, None, Some(offer_of(Inviter, 0, Category::PrisonerOfWar, 40)));
    for _ in 0..5_000 {
        quick.say(Joiner, Some(case), Some(offer_of(Joiner, 0, Category::PrisonerOfWar, 1)));
        quick.say(Inviter, None, None);
    }
    assert_eq!(quick.talk().ledger().case(&case).unwrap().open_offers().count(), 5_001);
}

#[test]
fn thousands_of_acceptances_that_lapse_are_judged() {
    let mut quick = Quick::trusted();
    let case = quick.say(Inviter, None, Some(offer_of(Inviter, 0, Category::PrisonerOfWar, 40)));
    for _ in 0..5_000 {
        let accepted = quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Accept(case), 0)));
        quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Lapse(accepted), 0)));
    }
    let ledger = quick.talk().ledger();
    let case = ledger.case(&case).unwrap();
    assert_eq!(case.acceptances().filter(|it| it.lapsed.is_some()).count(), 5_000);
}

#[test]
fn thousands_of_versions_are_judged() {
    let mut quick = Quick::trusted();
    let case = quick.say(Inviter, None, Some(offer_of(Inviter, 0, Category::PrisonerOfWar, 40)));
    let mut offer = case;
    for version in 1..=2_500 {
        let accepted = quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Accept(offer), 0)));
        quick.say(Inviter, Some(case), Some(content_of(Inviter, Act::Confirm(accepted), 0)));
        quick.say(Joiner, None, None);
        offer = quick.say(Inviter, Some(case), Some(offer_with(version, Vec::new())));
    }
    assert_eq!(quick.talk().ledger().case(&case).unwrap().version(), 2_500);
}

#[test]
fn thousands_of_rounds_are_judged() {
    let (talk, case, _) = crate::talk::settled_deal();
    let count = |role| talk.count(role);
    let mut quick = Quick { counts: Role::BOTH.map(count), said: talk.said };
    for opener in 0..5_000 {
        let round = truceline::deal::handover::Round { opener, other: 0 };
        quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Ready { version: 1, round }, 0)));
        quick.say(Inviter, Some(case), Some(content_of(Inviter, Act::Suspend { version: 1, round }, 0)));
    }
    assert_eq!(quick.talk().handover(case, |it| it.round().opener), 5_000);
}

#[test]
fn thousands_of_notes_beside_a_hundred_cases_are_judged() {
    let mut quick = Quick::trusted();
    for _ in 0..100 {
        let case = quick.say(Inviter, None, Some(offer_of(Inviter, 0, Category::PrisonerOfWar, 40)));
        for _ in 0..50 {
            quick.say(Joiner, Some(case), Some(Content::Note(Note { text: text("we hear you") })));
        }
        quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Accept(case), 0)));
    }
    let ledger = quick.talk().ledger();
    assert_eq!(ledger.cases().filter(|case| case.live(Joiner).is_some()).count(), 100);
}

#[test]
fn a_case_alone_asks_of_the_rest_no_more_than_it_is_long() {
    let mut quick = Quick::trusted();
    let deal = |quick: &mut Quick| {
        let case = quick.say(Inviter, None, Some(offer_of(Inviter, 0, Category::PrisonerOfWar, 40)));
        let accepted = quick.say(Joiner, Some(case), Some(content_of(Joiner, Act::Accept(case), 0)));
        quick.say(Inviter, Some(case), Some(content_of(Inviter, Act::Confirm(accepted), 0)));
        quick.say(Joiner, None, None);
        case
    };
    let cases: Vec<Digest> = (0..1_000).map(|_| deal(&mut quick)).collect();
    let (counts, talk) = (quick.counts, quick.talk());
    for case in [cases[0], cases[500], cases[999]] {
        let own = talk.said.iter().filter(|it| it.id == case || it.case == Some(case));
        let own: Vec<Entry<'_>> = own.map(Spoken::entry).collect();
        let asked = Cell::new(0);
        let ledger = judge_case(&case, &own, [Some(0), Some(0)], counts, |role, count| {
            asked.set(asked.get() + 1);
            let last = talk.said.iter().find(|it| it.author == role && it.sequence + 1 == count);
            last.unwrap().peer_count
        });
        assert_eq!(ledger.case(&case).unwrap().version(), 1);
        assert!(asked.get() <= 2 * own.len() + 2, "asked {} times for {}", asked.get(), own.len());
    }
}
