//! An exchange played by two engines, from the words to a handover that the sides tell differently, with another case
//! and notes beside it; and a bundle of every kind from it.

use crate::sim::world::World;
use std::sync::LazyLock;
use truceline::deal::body::{Accept, Confirm, Content, Lines, Note, Reject};
use truceline::deal::handover::{
    Breach, Cause, Go, HandoverLine, LinesBody, Lock, Mode, Outcome, Ready, Remedy, Round, Subject,
    TransferNotice, Transport, TransportAcknowledged,
};
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::deal::word::Text;
use truceline::officer::engine::Channel;
use truceline::officer::evidence::Asked;
use truceline::party::role::Role;
use truceline::statement::header::StatementId;
use truceline::statement::list::List;
use truceline::time::{Millis, UnixMillis};

/// Said in a note beside the case.
pub const BESIDE: &str = "Kyanite-beside-the-case";
/// Said in the other case.
pub const ELSEWHERE: &str = "Kyanite-in-the-other-case";
/// Persons on the large list.
pub const PERSONS: u32 = 1_000;
/// The line of it that bundles are about, from 0.
pub const LINE: u32 = 411;

/// The surname at a line of the large list.
pub fn surname(line: u32) -> String {
    format!("Коваленко-{line:04}")
}

/// A played exchange: node 0 is the inviter.
pub struct Story {
    pub world: World,
    threads: [u32; 2],
    pub offer: StatementId,
    pub acceptance: StatementId,
    pub confirm: StatementId,
    pub note: StatementId,
    pub other_case: StatementId,
    persons: u32,
    seed: u8,
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

impl Story {
    pub fn channel(&self, node: usize) -> &Channel {
        self.world.nodes[node].officer.channel(self.threads[node]).unwrap()
    }

    pub const fn threads(&self) -> [u32; 2] {
        self.threads
    }

    pub fn evidence(&self, asked: &Asked) -> Vec<u8> {
        self.channel(0).evidence(asked).unwrap()
    }

    fn rest(&mut self) {
        self.world.run_for(Millis::minutes(4));
    }

    pub fn say(
        &mut self,
        node: usize,
        case: Option<StatementId>,
        content: Content,
        lists: Vec<List>,
    ) -> StatementId {
        let thread = self.threads[node];
        let said = self
            .world
            .command(node, |officer, now, rng| officer.say(thread, case, &content, lists, now, rng))
            .unwrap();
        self.rest();
        said
    }

    pub fn note_by(&mut self, node: usize, words: &str) -> StatementId {
        self.say(node, None, Content::Note(Note { text: text(words) }), Vec::new())
    }

    pub fn propose(&mut self, node: usize, toml: &str) -> StatementId {
        let me = Role::BOTH[node];
        let persons = self.persons;
        let csv = || {
            let rows = (0..persons).map(|at| format!("{},Олесь,ТА-{at:06},prisoner of war\n", surname(at)));
            Ok(format!("surname,first_names,service_number,status\n{}", rows.collect::<String>())
                .into_bytes())
        };
        let (mut list, seed) = (|_: &str| csv(), &mut self.seed);
        let mut seed = || {
            *seed += 1;
            [*seed; 32]
        };
        let mut sources = Sources { me, now: UnixMillis(self.world.now), list: &mut list, seed: &mut seed };
        let draft = proposal_from_toml(toml, &mut sources).unwrap();
        let content = draft.offer(0, None).unwrap();
        self.say(node, None, content, draft.lists)
    }

    /// Handover lines of version 1.
    fn lines(&mut self, node: usize, lines: &[HandoverLine]) {
        let records = lines.iter().map(|line| line.encode_line().unwrap()).collect();
        let lists = vec![List::new([0x70 + node as u8; 32], records).unwrap()];
        let body = LinesBody { version: 1, lines: lists[0].root() };
        let content = Content::Lines(Lines::join(body, &lists).unwrap());
        self.say(node, Some(self.offer), content, lists);
    }

    /// Version 1 is agreed, acknowledged, and nothing more.
    pub fn agreed() -> Self {
        Self::agreed_on(PERSONS)
    }

    fn agreed_on(persons: u32) -> Self {
        let mut world = World::new(11, &["Velmara", "Tarrun"], 1);
        world.tick_every = 4_000;
        let (a, b) = world.introduce(0, 1, &[0], &[0]);
        world.run_for(Millis::minutes(5));
        let none = StatementId::NONE;
        let mut story = Self {
            world,
            threads: [a, b],
            offer: none,
            acceptance: none,
            confirm: none,
            note: none,
            other_case: none,
            persons,
            seed: 0,
        };
        let words = story.channel(0).session().unwrap().words().to_string();
        for node in 0..2 {
            let thread = story.threads[node];
            story
                .world
                .command(node, |officer, now, rng| officer.confirm_words(thread, &words, now, rng))
                .unwrap();
            story.rest();
        }
        story.other_case = story.propose(
            1,
            &format!(
                "remarks = \"{ELSEWHERE}\"\n[[leg]]\ngiver = \"me\"\ncount = 2\ncategory = \"person\"\n"
            ),
        );
        story.note = story.say(0, None, Content::Note(Note { text: text(BESIDE) }), Vec::new());
        story.offer = story.propose(
            0,
            "[[leg]]\ngiver = \"me\"\npersons = \"many.csv\"\n[[leg]]\ngiver = \"them\"\ncount = 3\ncategory = \
             \"prisoner of war\"\n[[condition]]\nleg = 1\nobligation = \"bear no arms\"\nend = \"1 year\"\n\
             consequence = \"Return to internment.\"\n",
        );
        let (offer, thread) = (story.offer, story.threads[1]);
        let sequence =
            story.channel(1).statements_of(Role::Inviter).find(|it| it.id == offer).unwrap().header.sequence;
        story
            .world
            .command(1, |officer, now, rng| Ok(((), officer.open_statement(thread, sequence, now, rng))))
            .unwrap();
        story.world.run_for(Millis::minutes(70));
        let hold_until = UnixMillis(story.world.now + 86_400_000);
        let accept = Content::Accept(Accept { offer: offer.0, hold_until, remark: None });
        story.acceptance = story.say(1, Some(offer), accept, Vec::new());
        let confirm = Content::Confirm(Confirm { acceptance: story.acceptance.0 });
        story.confirm = story.say(0, Some(offer), confirm, Vec::new());
        let reject = Reject { offer: story.other_case.0, reason: Some(text(ELSEWHERE)) };
        story.say(0, Some(story.other_case), Content::Reject(reject), Vec::new());
        story.world.run_for(Millis::minutes(10));
        story
    }

    /// The whole handover after it.
    pub fn played() -> Self {
        Self::played_on(PERSONS, LINE)
    }

    /// The same with so many persons on the list.
    pub fn played_on(persons: u32, marked: u32) -> Self {
        let mut story = Self::agreed_on(persons);
        let on = Some(story.offer);
        let lists = {
            let ledger = story.channel(0).ledger();
            ledger.case(&story.offer.0).unwrap().handover().unwrap().lists()
        };
        let round = Round::default();
        for node in 0..2 {
            story.say(node, on, Content::Lock(Lock { version: 1, lists }), Vec::new());
        }
        let transport = Transport {
            version: 1,
            mode: Mode::Bus,
            vehicles: Vec::new(),
            persons: None,
            corridor: None,
            route: None,
            window: None,
            airspace: None,
            remark: None,
        };
        for node in 0..2 {
            let notice = story.say(node, on, Content::Transport(transport.clone()), Vec::new()).0;
            let known = Content::TransportAcknowledged(TransportAcknowledged { notice });
            story.say(1 - node, on, known, Vec::new());
        }
        for node in 0..2 {
            story.say(node, on, Content::Ready(Ready { version: 1, round }), Vec::new());
        }
        for node in 0..2 {
            story.say(node, on, Content::Go(Go { version: 1, round, window: None }), Vec::new());
        }
        for (node, outcome) in [(0, Outcome::Delivered), (1, Outcome::NotDelivered)] {
            let line = |line: u32| HandoverLine {
                subject: Subject::Listed { leg: 0, line },
                outcome: if line == marked { outcome } else { Outcome::Delivered },
                cause: Cause::Unknown,
                detail: (line == marked).then(|| text("Seen at the bridge.")),
                evidence: None,
                remedy: Remedy::None,
                deadline: None,
            };
            story.lines(node, &(0..persons).map(line).collect::<Vec<_>>());
        }
        for lines in [vec![marked], vec![marked, marked + 1], vec![marked + 1]] {
            let notice = TransferNotice {
                offer: story.offer.0,
                leg: 0,
                country: text(&format!("Гелвия, {} of them", lines.len())),
                lines,
                on: None,
                accommodation: None,
                reason: None,
            };
            story.say(0, on, Content::TransferNotice(notice), Vec::new());
        }
        let breach = Breach {
            offer: story.offer.0,
            condition: 0,
            lines: vec![marked],
            on: None,
            facts: text("Seen in arms."),
            remedy: Remedy::Explain,
            answer_by: None,
        };
        story.say(0, on, Content::Breach(breach), Vec::new());
        story.say(1, None, Content::Note(Note { text: text(BESIDE) }), Vec::new());
        story
    }
}

/// A bundle of every kind, each with its name.
pub static BUNDLES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let story = Story::played();
    let made = |asked| story.evidence(&asked);
    let statements = vec![story.note, story.acceptance];
    vec![
        ("statements", made(Asked::Statements(statements))),
        ("case", made(Asked::Case(story.offer))),
        ("the other case", made(Asked::Case(story.other_case))),
        ("agreement", made(Asked::Agreement(story.confirm))),
        ("person", made(Asked::Person { offer: story.offer, leg: 0, line: LINE })),
    ]
});

/// The bundle of this name.
pub fn bundle(name: &str) -> &'static [u8] {
    &BUNDLES.iter().find(|(it, _)| *it == name).unwrap().1
}
