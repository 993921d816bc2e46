//! One short exchange in which one thing goes wrong: a program dies, at each point of every step of both officers and of
//! the relay, or an officer's commit fails, each in every way. An introduction, notes both ways, a receipt for reading, and a
//! renewal with its words.

use crate::sim::disk::Failure;
use crate::sim::world::World;
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::officer::engine::Channel;
use truceline::officer::renewal::Old;
use truceline::officer::thread::Stage;
use truceline::party::role::Role;
use truceline::session::invite::UntrustedInvite;
use truceline::statement::kind::Kind;
use truceline::time::{Millis, UnixMillis};

/// How many of them are tried by default, evenly spread; `SEEDS` says how many instead.
const TRIED: usize = 90;
const NOTES: usize = 3;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Nothing,
    /// A program dies at this point.
    Death(u64),
    /// This commit of an officer fails.
    Commit(u64, Failure),
}

/// The exchange. What an officer tells its program is told again where it was not carried out.
struct Exchange {
    world: World,
    /// The thread of each in the channel that is spoken of.
    threads: [u32; 2],
}

impl Exchange {
    fn channel(&self, node: usize) -> Option<&Channel> {
        self.world.nodes[node].officer.channel(self.threads[node])
    }

    /// Lets time pass until `so`; a day at most.
    fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        for _ in 0..2_880 {
            if so(self) {
                return;
            }
            self.world.run_for(Millis::secs(30));
        }
        panic!("it never comes to this: {what}");
    }

    /// `inviter` invites and the other joins; a channel that stands takes the place of the threads' old one, where there is one.
    fn introduce(&mut self, inviter: usize, old: Option<[u32; 2]>) {
        let joiner = 1 - inviter;
        let label = if old.is_some() { "anew" } else { "peer" };
        let old_of = |node: usize| old.map(|threads| Old { thread: threads[node], new_identity: false });
        let found = |it: &Self, node: usize| {
            let named = |channel: &&Channel| channel.thread.label == label;
            it.world.nodes[node].officer.channels().find(named).map(|channel| channel.number)
        };
        let leave = self.world.leave(&[0], 4);
        while found(self, inviter).is_none() {
            let expires = UnixMillis(self.world.now).plus(Millis::days(2));
            self.world
                .attempt(inviter, |officer, now, rng| match old_of(inviter) {
                    Some(old) => officer.renew(old, label.into(), &leave, expires, now, rng),
                    None => officer.invite(label.into(), &leave, expires, now, rng),
                })
                .unwrap();
        }
        self.threads[inviter] = found(self, inviter).unwrap();
        let ready = |it: &Self| match &it.channel(inviter).unwrap().thread.stage {
            Stage::Inviting(inviting) => inviting.offers.iter().all(|offer| offer.stored),
            _ => false,
        };
        self.until("an invite that can be handed over", ready);
        let line = self.world.invite_line(inviter, self.threads[inviter]);
        let invite = UntrustedInvite::parse(&line).unwrap().verify(UnixMillis(self.world.now)).unwrap();
        let offer = invite.open_offer(&self.world.fetch(&invite, 0).unwrap()).unwrap();
        let leave = self.world.leave(&[0], 4);
        while found(self, joiner).is_none() {
            self.world
                .attempt(joiner, |officer, now, rng| match old_of(joiner) {
                    Some(old) => officer.join_renewal(old, label.into(), &invite, &offer, &leave, now, rng),
                    None => officer.join(label.into(), &invite, &offer, &leave, now, rng),
                })
                .unwrap();
        }
        self.threads[joiner] = found(self, joiner).unwrap();
        let heard = |it: &Self, node: usize| {
            it.channel(node).and_then(Channel::session).is_some_and(|session| session.heard)
        };
        self.until("a channel that stands", |it| heard(it, 0) && heard(it, 1));
    }

    fn confirm(&mut self, node: usize) {
        let thread = self.threads[node];
        let role = self.channel(node).unwrap().thread.role;
        while !self.channel(node).unwrap().words_confirmed_by(role) {
            let words = self.channel(node).unwrap().session().unwrap().words().to_string();
            self.world
                .attempt(node, |officer, now, rng| officer.confirm_words(thread, &words, now, rng))
                .unwrap();
        }
        self.world.run_for(Millis::secs(20));
    }

    fn notes(&self, node: usize) -> Vec<(Role, String)> {
        let notes =
            self.channel(node).unwrap().statements().into_iter().filter_map(|shown| match shown.content() {
                Some(Ok(Content::Note(note))) => Some((shown.header.author, note.text.as_str().to_owned())),
                _ => None,
            });
        notes.collect()
    }

    fn say(&mut self, node: usize, text: &str) {
        let note = Content::Note(Note { text: Text::new(text).unwrap() });
        let thread = self.threads[node];
        while !self.notes(node).iter().any(|(_, said)| said == text) {
            self.world
                .attempt(node, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng))
                .unwrap();
        }
        self.world.run_for(Millis::secs(3));
    }

    /// The officer opens what is unread: the other hears of it within an hour and some.
    fn open_unread(&mut self, node: usize) {
        let thread = self.threads[node];
        while let Some(sequence) = self.channel(node).unwrap().unread_places(1).pop() {
            self.world
                .attempt(node, |officer, now, rng| {
                    Ok(((), officer.open_statement(thread, sequence, now, rng)))
                })
                .unwrap();
        }
        self.until("a receipt for what was read", |it| {
            let role = it.channel(node).unwrap().thread.role;
            let other = it.channel(1 - node).unwrap();
            other.statements_of(role).any(|shown| shown.header.kind == Kind::Read.number())
        });
    }

    fn heads_are_equal(&self) -> bool {
        self.world.heads(0, self.threads[0]) == self.world.heads(1, self.threads[1])
    }

    /// What was said is there once, in both transcripts.
    fn agrees(&self, expected: &[String]) {
        for node in [0, 1] {
            let mut said: Vec<String> = self.notes(node).into_iter().map(|(_, text)| text).collect();
            said.sort();
            assert_eq!(said, expected);
            let session = self.channel(node).unwrap().session().unwrap();
            assert_eq!(session.halt, None, "a false alarm");
            let export = self.channel(node).unwrap().export().unwrap().unwrap();
            truceline::officer::view::check_export(&export).unwrap();
        }
    }

    /// From nothing to a renewed channel.
    fn play(wrong: Wrong) -> Self {
        let mut world = World::new(3, &["Velmara", "Tarrun"], 1);
        (world.tick_every, world.tokens) = (3_000, 4);
        match wrong {
            Wrong::Nothing => {}
            Wrong::Death(point) => world.crash_at = Some(point),
            Wrong::Commit(commit, failure) => world.fail_commit_at = Some((commit, failure)),
        }
        let mut it = Self { world, threads: [0; 2] };
        it.introduce(0, None);
        let old = it.threads;
        let mut expected = Vec::new();
        for at in 0..NOTES {
            for node in [0, 1] {
                // One is of two cells.
                let long = "\u{10348}".repeat(if (at, node) == (1, 0) { 3_900 } else { 0 });
                let text = format!("statement {at} of {node}{long}");
                it.say(node, &text);
                expected.push(text);
            }
        }
        expected.sort();
        it.until("equal transcripts", Self::heads_are_equal);
        it.open_unread(1);
        it.introduce(1, Some(old));
        [0, 1].into_iter().for_each(|node| it.confirm(node));
        let renewals = |it: &Self, node: usize| {
            let said = it.channel(node).unwrap().statements().into_iter();
            said.filter(|shown| shown.header.kind == Kind::Renewal.number()).count()
        };
        it.until("two renewals", |it| renewals(it, 0) == 2 && renewals(it, 1) == 2);
        it.until("equal transcripts of the new channel", Self::heads_are_equal);
        it.agrees(&[]);
        let new = std::mem::replace(&mut it.threads, old);
        it.until("equal transcripts of the old channel", Self::heads_are_equal);
        it.agrees(&expected);
        for node in [0, 1] {
            assert_eq!(it.channel(node).unwrap().thread.renewed_as, Some(new[node]));
        }
        it
    }
}

#[test]
fn an_exchange_survives_a_death_at_every_point_and_the_failure_of_every_commit() {
    let whole = Exchange::play(Wrong::Nothing).world;
    assert!(whole.struck.is_empty(), "something went wrong: {:?}", whole.struck);
    let mut wrongs: Vec<Wrong> = (1..=whole.points).map(Wrong::Death).collect();
    for commit in 1..=whole.commits {
        let failures = [Failure::Full, Failure::FailedLost, Failure::FailedKept];
        wrongs.extend(failures.map(|failure| Wrong::Commit(commit, failure)));
    }
    let asked = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok());
    let tried = asked.unwrap_or(TRIED).min(wrongs.len());
    println!("{:?}, {} commits: {} runs, {tried} of them now", whole.points_of, whole.commits, wrongs.len());
    for at in 0..tried {
        let wrong = wrongs[at * wrongs.len() / tried];
        println!("{wrong:?}");
        let world = Exchange::play(wrong).world;
        match wrong {
            Wrong::Nothing => {}
            Wrong::Death(point) => assert!(world.points >= point, "nothing died"),
            Wrong::Commit(commit, _) => assert!(world.commits >= commit, "no commit failed"),
        }
    }
}
