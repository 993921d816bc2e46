//! What the own side reckons from the statements of a channel: contradictions, delays, interest, the family embargo,
//! figures. Over whole exchanges, from the first offer to the last line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use truceline::crypto::digest::Digest;
use truceline::deal::body::{
    Accept, Answer, Confirm, Content, Lapse, Lines, Offer, Query, Reject, Reply, Withdraw,
};
use truceline::deal::consistent::{Fit, Place, Untruth, compares, fit, reads};
use truceline::deal::delay::{Asked, End, Wait, delays, median, waits};
use truceline::deal::embargo::{MayTell, may_tell};
use truceline::deal::figures::figures;
use truceline::deal::handover::{
    Breach, BreachAnswer, BreachAnswered, Cause, Closed, Go, HandoverLine, LinesBody, Lock, Mode, Outcome,
    Ready, Remedy, Round, Subject, TransferNotice, Transport, TransportAcknowledged, lists_digest,
};
use truceline::deal::history::{History, Spoken, at};
use truceline::deal::import::{Sources, proposal_from_toml};
use truceline::deal::interest::interest;
use truceline::deal::judge::{Entry, Ledger, Said, judge};
use truceline::deal::terms::Category;
use truceline::deal::word::Text;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::time::{Millis, UnixMillis};

const HOUR: u64 = 3_600_000;

/// What both have said, an hour between statements. Each has seen all that was said before.
#[derive(Default, Clone)]
struct Talk {
    said: Vec<(Spoken, Kind)>,
}

impl Talk {
    fn new() -> Self {
        let mut talk = Self::default();
        for role in [Inviter, Joiner, Inviter] {
            talk.push(role, Kind::WordsConfirmed, None, None);
        }
        talk
    }

    fn count(&self, role: Role) -> u64 {
        self.said.iter().filter(|(it, _)| it.author == role).count() as u64
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.said.len() as u64 * HOUR)
    }

    fn push(&mut self, author: Role, kind: Kind, case: Option<Digest>, content: Option<Content>) -> Digest {
        let sequence = self.count(author);
        let mut id = [0x5a; 32];
        id[0] = author.number() + 1;
        id[1..9].copy_from_slice(&sequence.to_be_bytes());
        let id = Digest(id);
        let peer_count = self.count(author.other());
        let spoken = Spoken { id, author, sequence, peer_count, case, at: self.now(), content };
        self.said.push((spoken, kind));
        id
    }

    fn say(&mut self, author: Role, case: Option<Digest>, content: Content) -> Digest {
        self.push(author, content.kind(), case, Some(content))
    }

    /// Acknowledges what the other has said last.
    fn seen(&mut self, author: Role) {
        self.push(author, Kind::Acknowledgement, None, None);
    }

    fn ledger(&self) -> Ledger {
        let entries: Vec<Entry<'_>> = self
            .said
            .iter()
            .map(|(it, kind)| Entry {
                id: it.id,
                author: it.author,
                sequence: it.sequence,
                peer_count: it.peer_count,
                case: it.case,
                kind: kind.number(),
                said: it.content.as_ref().map_or(Said::Other, Said::Deal),
            })
            .collect();
        judge(&entries)
    }

    fn history<'a>(&self, ledger: &'a Ledger, me: Role) -> History<'a> {
        let spoken: Vec<Spoken> = self.said.iter().map(|(it, _)| it.clone()).collect();
        let all = spoken.len();
        let history = History::new(ledger, me, spoken);
        assert_eq!(history.spoken().len(), all, "something that was said is void");
        history
    }
}

/// The offer of a proposal file of `me`.
fn proposal(me: Role, base: u32, parent: Option<Digest>, toml: &str) -> Content {
    let (mut list, mut seed) = (|_: &str| Err(String::new()), || [7; 32]);
    let mut sources = Sources { me, now: UnixMillis(0), list: &mut list, seed: &mut seed };
    proposal_from_toml(toml, &mut sources).unwrap().offer(base, parent).unwrap()
}

fn offer(content: &Content) -> &Offer {
    match content {
        Content::Offer(offer) => offer,
        _ => panic!("no offer"),
    }
}

const EXCHANGE: &str = r#"
[[leg]]
giver = "me"
[[leg.person]]
surname = "Вельгин"
first_names = "Андрей"
service_number = "ТА-1"
status = "prisoner of war"
health = "seriously wounded"
evidence = "family 2031-02; denied 2030-01"
[[leg.person]]
surname = "Кадошев"
first_names = "Игорь"
birth_date = "1995-05-01"
status = "child"
evidence = "media 2030-12-05"
[[leg]]
giver = "them"

[[leg.bag]]
bag = "B-7"
"#;

fn line(subject: Subject, outcome: Outcome) -> HandoverLine {
    HandoverLine {
        subject,
        outcome,
        cause: Cause::Unknown,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    }
}

fn listed(leg: u16, row: u32, outcome: Outcome) -> HandoverLine {
    line(Subject::Listed { leg, line: row }, outcome)
}

fn lines(version: u32, lines: &[HandoverLine]) -> Content {
    let bytes = lines.iter().map(|line| line.encode_line().unwrap()).collect();
    let list = List::new([9; 32], bytes).unwrap();
    let body = LinesBody { version, lines: list.root() };
    Content::Lines(Lines::join(body, &[list]).unwrap())
}

/// Version 1 of `EXCHANGE`, proposed by the inviter, sealed, locked, on its way: all but what became of whom.
fn under_way() -> (Talk, Digest) {
    let mut talk = Talk::new();
    let case = gone(&mut talk, Inviter, EXCHANGE);
    (talk, case)
}

/// The same in a talk that goes on, of a proposal by `opener` in which both give.
fn gone(talk: &mut Talk, opener: Role, toml: &str) -> Digest {
    let exchange = proposal(opener, 0, None, toml);
    let case = talk.say(opener, None, exchange.clone());
    let other = opener.other();
    let hold_until = UnixMillis(u64::MAX);
    let accept = Content::Accept(Accept { offer: case, hold_until, remark: None });
    let acceptance = talk.say(other, Some(case), accept);
    talk.say(opener, Some(case), Content::Confirm(Confirm { acceptance }));
    talk.seen(other);
    let roots = &offer(&exchange).body().lists;
    let lists = lists_digest(1, &case, roots);
    for role in Role::BOTH {
        talk.say(role, Some(case), Content::Lock(Lock { version: 1, lists }));
    }
    talk.seen(Inviter);
    for role in Role::BOTH {
        let transport = transport(2);
        let notice = talk.say(role, Some(case), transport);
        let acknowledged = Content::TransportAcknowledged(TransportAcknowledged { notice });
        talk.say(role.other(), Some(case), acknowledged);
    }
    let round = Round::default();
    for role in Role::BOTH {
        talk.say(role, Some(case), Content::Ready(Ready { version: 1, round }));
    }
    for role in Role::BOTH {
        talk.say(role, Some(case), Content::Go(Go { version: 1, round, window: None }));
    }
    talk.seen(Inviter);
    talk.seen(Joiner);
    case
}

fn transport(persons: u32) -> Content {
    Content::Transport(Transport {
        version: 1,
        mode: Mode::Bus,
        vehicles: Vec::new(),
        persons: Some(persons),
        corridor: None,
        route: None,
        window: None,
        airspace: None,
        remark: None,
    })
}

/// The joiner accepts, the inviter confirms, the joiner acknowledges.
fn seal(talk: &mut Talk, case: Digest, offer: Digest) {
    let hold_until = UnixMillis(u64::MAX);
    let acceptance =
        talk.say(Joiner, Some(case), Content::Accept(Accept { offer, hold_until, remark: None }));
    talk.say(Inviter, Some(case), Content::Confirm(Confirm { acceptance }));
    talk.seen(Joiner);
}

fn query(text: &str, answer_by: Option<UnixMillis>) -> Content {
    Content::Query(Query { about: None, text: Text::new(text).unwrap(), answer_by })
}

fn answer(query: Digest, reply: Reply) -> Content {
    Content::Answer(Answer { query, reply, text: None })
}

fn fit_of(talk: &Talk, untruths: &[Untruth], case: Option<Digest>, draft: &Content) -> Fit {
    let ledger = talk.ledger();
    fit(&talk.history(&ledger, Inviter), untruths, case, draft)
}

fn told(fit: &Fit) -> Vec<(&str, &'static str, &str, &str)> {
    fit.contradictions
        .iter()
        .map(|it| (it.about.as_str(), it.field, it.said.as_str(), it.now.as_str()))
        .collect()
}

#[test]
fn a_draft_that_says_something_else_of_the_same_person_is_a_contradiction() {
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let same = proposal(Inviter, 0, Some(case), EXCHANGE);
    assert_eq!(fit_of(&talk, &[], Some(case), &same), Fit::default());
    let changed = EXCHANGE
        .replace("seriously wounded", "good")
        .replace("status = \"child\"", "status = \"civilian internee\"")
        .replace("Кадошев\"", "КАДОШЕВ\"");
    let draft = proposal(Inviter, 0, Some(case), &changed);
    let found = fit_of(&talk, &[], Some(case), &draft);
    assert_eq!(
        told(&found),
        [
            ("Вельгин Андрей", "health", "seriously wounded", "good"),
            ("КАДОШЕВ Игорь", "status", "child", "civilian internee"),
        ]
    );
    assert!(found.contradictions.iter().all(|it| !it.untrue && it.before.statement == case));
    // Left unsaid is not taken back, and what the other side says binds only it.
    let silent = EXCHANGE.replace("health = \"seriously wounded\"\n", "");
    assert_eq!(fit_of(&talk, &[], Some(case), &proposal(Inviter, 0, None, &silent)), Fit::default());
    let mut theirs = Talk::new();
    theirs.say(Joiner, None, proposal(Joiner, 0, None, EXCHANGE));
    assert_eq!(fit_of(&theirs, &[], None, &draft), Fit::default());
}

#[test]
fn a_sentence_once_said_is_not_silently_dropped() {
    let sentenced = EXCHANGE.replace("status = \"child\"", "judicial = \"sentenced to death\"");
    let mut talk = Talk::new();
    talk.say(Inviter, None, proposal(Inviter, 0, None, &sentenced));
    let draft = proposal(Inviter, 0, None, &EXCHANGE.replace("status = \"child\"\n", ""));
    let found = fit_of(&talk, &[], None, &draft);
    assert_eq!(told(&found), [("Кадошев Игорь", "judicial state", "sentenced to death", "none")]);
}

#[test]
fn an_untruth_marks_the_contradiction_and_otherwise_is_recalled() {
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let untruth = |line: Option<(u16, u32)>| Untruth {
        about: Place { statement: case, line },
        said: None,
        truth: Text::new("He is well.").unwrap(),
    };
    let draft = proposal(Inviter, 0, None, &EXCHANGE.replace("seriously wounded", "good"));
    let found = fit_of(&talk, &[untruth(Some((0, 0)))], None, &draft);
    assert_eq!((found.contradictions.len(), found.touched.len()), (1, 0));
    assert!(found.contradictions[0].untrue);
    // An untruth about somebody else does not taint it, and is recalled as that person is listed too.
    let found = fit_of(&talk, &[untruth(Some((0, 1)))], None, &draft);
    assert!(!found.contradictions[0].untrue);
    assert_eq!(found.touched, [0]);
    // One about the statement as a whole is recalled in its case, and not in another.
    let plain = query("When?", None);
    assert_eq!(fit_of(&talk, &[untruth(None)], Some(case), &plain).touched, [0]);
    assert_eq!(fit_of(&talk, &[untruth(None)], None, &plain).touched, [0usize; 0]);
    assert_eq!(fit_of(&talk, &[untruth(Some((0, 0)))], Some(case), &plain).touched, [0usize; 0]);
}

#[test]
fn whom_we_said_dead_or_not_held_or_denied_is_not_to_be_offered() {
    let (mut talk, case) = under_way();
    talk.say(Inviter, Some(case), lines(1, &[listed(0, 0, Outcome::Died), listed(0, 1, Outcome::Delivered)]));
    let draft = proposal(Inviter, 1, None, EXCHANGE);
    let found = fit_of(&talk, &[], Some(case), &draft);
    assert_eq!(
        told(&found),
        [
            ("Вельгин Андрей", "what became of them", "died", "held by us"),
            ("Кадошев Игорь", "what became of them", "delivered as listed", "held by us"),
        ]
    );
    let again = lines(1, &[listed(0, 0, Outcome::Delivered), listed(0, 1, Outcome::Delivered)]);
    let found = fit_of(&talk, &[], Some(case), &again);
    assert_eq!(told(&found), [("Вельгин Андрей", "what became of them", "died", "delivered as listed")]);

    let mut talk = Talk::new();
    let asked = talk.say(Joiner, None, query("Do you hold Вельгин, Андрей?", None));
    let draft = proposal(Inviter, 0, None, EXCHANGE);
    let told_yes = {
        let mut talk = talk.clone();
        talk.say(Inviter, None, answer(asked, Reply::Yes));
        fit_of(&talk, &[], None, &draft)
    };
    assert_eq!(told_yes, Fit::default());
    let denied = talk.say(Inviter, None, answer(asked, Reply::No));
    let found = fit_of(&talk, &[], None, &draft);
    assert_eq!(found.contradictions.len(), 1, "{found:?}");
    assert_eq!(found.contradictions[0].before.statement, denied);
    assert_eq!(found.contradictions[0].about, "Вельгин Андрей");
}

#[test]
fn counts_that_do_not_fit_the_agreement_or_our_estimate_are_contradictions() {
    let (talk, case) = under_way();
    assert_eq!(fit_of(&talk, &[], Some(case), &transport(2)), Fit::default());
    let found = fit_of(&talk, &[], Some(case), &transport(3));
    assert_eq!(told(&found), [("the transport of all whom we give", "number", "2", "3")]);
}

#[test]
fn delays_are_counted_from_what_was_seen_here() {
    let mut talk = Talk::new();
    let begin = talk.now().0;
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let slow =
        talk.say(Inviter, Some(case), query("Who leads the convoy?", Some(UnixMillis(begin + 2 * HOUR))));
    talk.say(Joiner, Some(case), query("Where?", Some(UnixMillis(begin))));
    let counter = talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    talk.say(Joiner, Some(case), answer(slow, Reply::Later));
    let taken_back = talk.say(Joiner, Some(case), query("And when?", None));
    let ledger = talk.ledger();
    let all = waits(&talk.history(&ledger, Inviter));
    let theirs = delays(&all, Joiner, talk.now());
    // The offer was answered by a counter after 3 hours, the query after 3.
    assert_eq!((theirs.answers, theirs.median, theirs.late), (2, Some(Millis(3 * HOUR)), 1));
    assert_eq!(theirs.waiting, 0);
    let ours = delays(&all, Inviter, talk.now());
    assert_eq!((ours.answers, ours.median, ours.waiting, ours.overdue), (0, None, 3, 1));
    let open: Vec<Asked> = all.iter().filter(|wait| wait.end == End::Waits).map(|wait| wait.asked).collect();
    assert_eq!(open, [Asked::Query, Asked::Offer, Asked::Query]);

    talk.say(Joiner, Some(case), Content::Withdraw(Withdraw { offer: counter, reason: None }));
    talk.say(Inviter, Some(case), answer(taken_back, Reply::Told));
    let ledger = talk.ledger();
    let all = waits(&talk.history(&ledger, Inviter));
    assert_eq!(all.iter().find(|wait| wait.id == counter).unwrap().end, End::Moot);
    assert_eq!(delays(&all, Inviter, talk.now()).longest, Some((Millis(2 * HOUR), taken_back)));
}

#[test]
fn an_acceptance_waits_for_its_confirm_and_a_lapse_or_a_seal_ends_the_waiting() {
    let hold_until = UnixMillis(u64::MAX);
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let other = talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    let accept = |offer| Content::Accept(Accept { offer, hold_until, remark: None });
    let first = talk.say(Joiner, Some(case), accept(case));
    talk.say(Joiner, Some(case), Content::Lapse(Lapse { acceptance: first, reason: None }));
    talk.seen(Inviter);
    talk.seen(Joiner);
    seal(&mut talk, case, case);
    let ledger = talk.ledger();
    let all = waits(&talk.history(&ledger, Joiner));
    let end = |id: Digest| all.iter().find(|wait| wait.id == id).unwrap().end;
    assert_eq!((end(first), end(other)), (End::Moot, End::Moot));
    assert!(all.iter().all(|wait| wait.end != End::Waits), "{all:?}");
    let confirmed = delays(&all, Inviter, talk.now());
    assert_eq!((confirmed.answers, confirmed.median), (1, Some(Millis(HOUR))));
}

#[test]
fn interest_counts_lists_and_questions_by_person() {
    let mut talk = Talk::new();
    let theirs =
        EXCHANGE.replace("\"me\"", "\"x\"").replace("\"them\"", "\"me\"").replace("\"x\"", "\"them\"");
    let case = talk.say(Joiner, None, proposal(Joiner, 0, None, &theirs));
    let asked = talk.say(Joiner, None, query("How is Андрей Вельгин?", None));
    talk.say(Joiner, None, query("Nobody in particular.", None));
    talk.say(Inviter, None, answer(asked, Reply::Told));
    // What they offer to give is nobody they ask for.
    talk.say(Joiner, Some(case), proposal(Joiner, 0, None, EXCHANGE));
    let ledger = talk.ledger();
    let history = talk.history(&ledger, Inviter);
    let all = interest(&history, &waits(&history));
    let told: Vec<(String, usize, usize)> = all
        .iter()
        .map(|it| (truceline::deal::identity::title(it.who), it.asked.len(), it.answered))
        .collect();
    let expected = [("Вельгин Андрей", 2, 1), ("Кадошев Игорь", 1, 0), ("bag B-7", 1, 0)];
    assert_eq!(told, expected.map(|(name, asked, answered)| (name.to_owned(), asked, answered)));
    assert_eq!(all[0].asked, [(case, UnixMillis(3 * HOUR)), (asked, UnixMillis(4 * HOUR))]);
    assert_eq!(all[0].span(), Some((UnixMillis(3 * HOUR), UnixMillis(4 * HOUR))));
}

#[test]
fn a_family_is_told_nothing_until_the_receivers_line() {
    let tell = |talk: &Talk, row: u32| {
        let ledger = talk.ledger();
        let history = talk.history(&ledger, Joiner);
        let exchange = proposal(Inviter, 0, None, EXCHANGE);
        may_tell(&history, at(offer(&exchange), 0, row).unwrap())
    };
    let mut talk = Talk::new();
    talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    assert_eq!(tell(&talk, 0), MayTell::NotAgreed);
    let (mut talk, case) = under_way();
    assert_eq!(tell(&talk, 0), MayTell::NoLine);
    // The giver's word is not enough.
    talk.say(
        Inviter,
        Some(case),
        lines(1, &[listed(0, 0, Outcome::Delivered), listed(0, 1, Outcome::Delivered)]),
    );
    assert_eq!(tell(&talk, 0), MayTell::NoLine);
    let said = lines(1, &[listed(0, 0, Outcome::Died), listed(0, 1, Outcome::Delivered)]);
    let signed = talk.say(Joiner, Some(case), said);
    assert!(matches!(tell(&talk, 0), MayTell::Not(it, Outcome::Died) if it.statement == signed));
    assert!(
        matches!(tell(&talk, 1), MayTell::Crossed(it) if it.statement == signed && it.receiver == Joiner)
    );
    // Taken back by a later line.
    talk.say(Joiner, Some(case), lines(1, &[listed(0, 1, Outcome::IdentityMismatch)]));
    assert!(matches!(tell(&talk, 1), MayTell::Not(_, Outcome::IdentityMismatch)));
    assert!(matches!(tell(&talk, 0), MayTell::Not(_, Outcome::Died)));
}

/// The persons of `EXCHANGE`, asked for anew.
fn tell(talk: &Talk, toml: &str, row: u32) -> MayTell {
    let ledger = talk.ledger();
    let asked = proposal(Inviter, 0, None, toml);
    may_tell(&talk.history(&ledger, Joiner), at(offer(&asked), 0, row).unwrap())
}

#[test]
fn a_number_that_two_have_tells_nothing_of_either() {
    let (mut talk, case) = under_way();
    talk.say(Joiner, Some(case), lines(1, &[listed(0, 0, Outcome::Delivered)]));
    assert!(matches!(tell(&talk, EXCHANGE, 0), MayTell::Crossed(_)));
    for (from, to) in [("Вельгин", "Кадошев"), ("Андрей", "Олег")] {
        assert_eq!(tell(&talk, &EXCHANGE.replacen(from, to, 1), 0), MayTell::Unclear, "{to}");
    }
    // Another birth date of the same name is somebody else.
    let dated = EXCHANGE.replace("1995-05-01", "1995-05-02");
    assert_eq!(tell(&talk, &dated, 1), MayTell::NotAgreed);
    // The other side's bag of that number is not ours.
    let both = format!("{EXCHANGE}[[leg]]\ngiver = \"me\"\n[[leg.bag]]\nbag = \"B-7\"\n");
    let mut talk = Talk::new();
    let case = gone(&mut talk, Inviter, &both);
    talk.say(Inviter, Some(case), lines(1, &[listed(1, 0, Outcome::Delivered)]));
    let bags = "[[leg]]\ngiver = \"me\"\n[[leg.bag]]\nbag = \"B-7\"\n";
    assert_eq!(tell(&talk, bags, 0), MayTell::Unclear);
}

#[test]
fn who_is_listed_again_has_not_crossed_by_an_earlier_line() {
    for again in [EXCHANGE.to_owned(), EXCHANGE.replacen("Вельгин", "Велгин", 1)] {
        // The earlier case has the higher id.
        let mut talk = Talk::new();
        let theirs = EXCHANGE.replace("\"me\"", "\"x\"").replace("\"them\"", "\"me\"");
        let case = gone(&mut talk, Joiner, &theirs.replace("\"x\"", "\"them\""));
        talk.say(Joiner, Some(case), lines(1, &[listed(0, 0, Outcome::Delivered)]));
        assert!(matches!(tell(&talk, EXCHANGE, 0), MayTell::Crossed(_)));
        let later = gone(&mut talk, Inviter, &again);
        assert!(later < case);
        if again == EXCHANGE {
            assert_eq!(tell(&talk, EXCHANGE, 0), MayTell::NoLine);
            let signed = talk.say(Joiner, Some(later), lines(1, &[listed(0, 0, Outcome::Delivered)]));
            assert!(matches!(tell(&talk, EXCHANGE, 0), MayTell::Crossed(it) if it.statement == signed));
        } else {
            assert_eq!(tell(&talk, EXCHANGE, 0), MayTell::Unclear);
        }
    }
}

#[test]
fn who_was_given_by_either_side_is_not_told_of() {
    let (mut talk, case) = under_way();
    talk.say(Joiner, Some(case), lines(1, &[listed(0, 0, Outcome::Delivered)]));
    let later = gone(&mut talk, Joiner, EXCHANGE);
    talk.say(Inviter, Some(later), lines(1, &[listed(0, 0, Outcome::Delivered)]));
    assert_eq!(tell(&talk, EXCHANGE, 0), MayTell::Unclear);
}

#[test]
fn records_of_two_with_one_number_do_not_contradict_each_other() {
    let mut talk = Talk::new();
    talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let other = EXCHANGE
        .replacen("Вельгин", "Марков", 1)
        .replacen("Андрей", "Олег", 1)
        .replace("seriously wounded", "good");
    assert_eq!(fit_of(&talk, &[], None, &proposal(Inviter, 0, None, &other)), Fit::default());
    // A slip of the pen does not make another person of one.
    let slip = other.replace("Олег", "Андрей");
    assert_eq!(fit_of(&talk, &[], None, &proposal(Inviter, 0, None, &slip)).contradictions.len(), 1);

    // We took their bag B-7; ours of that number, and one from elsewhere, are others.
    let (mut talk, case) = under_way();
    talk.say(Inviter, Some(case), lines(1, &[listed(1, 0, Outcome::Delivered)]));
    let given = "[[leg]]\ngiver = \"me\"\n[[leg.bag]]\nbag = \"B-7\"\nplace = \"north\"\n";
    assert_eq!(fit_of(&talk, &[], None, &proposal(Inviter, 0, None, given)), Fit::default());
    let mut talk = Talk::new();
    let both = format!("{EXCHANGE}{given}");
    let case = gone(&mut talk, Inviter, &both);
    talk.say(Inviter, Some(case), lines(1, &[listed(2, 0, Outcome::Delivered)]));
    assert_eq!(fit_of(&talk, &[], None, &proposal(Inviter, 0, None, given)).contradictions.len(), 1);
    let elsewhere = given.replace("north", "south");
    assert_eq!(fit_of(&talk, &[], None, &proposal(Inviter, 0, None, &elsewhere)), Fit::default());
}

#[test]
fn a_draft_is_compared_without_the_lists_that_only_the_other_has_offered() {
    let (mut talk, case) = under_way();
    let theirs = talk.say(Joiner, None, proposal(Joiner, 0, None, EXCHANGE));
    let of_theirs = talk.say(Joiner, Some(case), lines(1, &[listed(0, 0, Outcome::Died)]));
    let own = talk.say(Inviter, Some(case), lines(1, &[listed(0, 0, Outcome::Died)]));
    let taken = gone(&mut talk, Joiner, EXCHANGE);
    let ledger = talk.ledger();
    let reads = reads(&ledger, Inviter);
    let mut light = talk.clone();
    for (it, kind) in &mut light.said {
        if !reads(&it.id, it.author, Some(*kind)) {
            it.content = None;
        }
    }
    let left = |id: Digest| light.said.iter().any(|(it, _)| it.id == id && it.content.is_some());
    assert_eq!([theirs, of_theirs, own, case, taken].map(left), [false, false, true, true, true]);
    let draft = proposal(Inviter, 1, None, &EXCHANGE.replace("seriously wounded", "good"));
    assert!(compares(&draft) && !compares(&query("When?", None)));
    let whole = fit_of(&talk, &[], Some(case), &draft);
    assert_eq!(whole.contradictions.len(), 2);
    assert_eq!(fit(&light.history(&ledger, Inviter), &[], Some(case), &draft), whole);
}

#[test]
fn a_corrected_number_takes_the_place_of_the_earlier_in_the_figures() {
    let counts = "[[leg]]\ngiver = \"me\"\ncategory = \"prisoner of war\"\ncount = 5\n";
    let mut talk = Talk::new();
    let case = gone(&mut talk, Inviter, &format!("{EXCHANGE}{counts}"));
    let count = |number| line(Subject::Counted { leg: 2, number }, Outcome::Delivered);
    talk.say(Joiner, Some(case), lines(1, &[count(2), listed(0, 0, Outcome::NotDelivered)]));
    talk.say(Joiner, Some(case), lines(1, &[count(4), listed(0, 0, Outcome::Delivered)]));
    let ledger = talk.ledger();
    let figures = &figures(&talk.history(&ledger, Inviter))[0];
    assert_eq!(figures.returned_in_all(), (5, 0));
}

#[test]
fn figures_come_from_what_was_sealed_and_from_the_receivers_lines() {
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let ledger = talk.ledger();
    assert!(figures(&talk.history(&ledger, Inviter)).is_empty(), "an open offer of {case:?} counts");

    // Nobody has said who went where: nothing is otherwise than agreed.
    let mut talk = Talk::new();
    let abroad = format!("{EXCHANGE}[[leg]]\ngiver = \"me\"\ncount = 2\nthird_country = \"Ostrava\"\n");
    let case = gone(&mut talk, Inviter, &abroad);
    let open = |talk: &Talk| figures(&talk.history(&talk.ledger(), Inviter))[0].discrepancies;
    assert_eq!(open(&talk), 0);
    talk.say(Inviter, Some(case), Content::Closed(Closed { version: 1, remark: None }));
    assert_eq!(open(&talk), 3, "closed without a word");

    let (mut talk, case) = under_way();
    let begun = talk.ledger();
    let before = &figures(&talk.history(&begun, Inviter))[0];
    // Offered, accepted, confirmed, acknowledged: three hours to the seal.
    assert_eq!((before.case, before.version, before.took()), (case, 1, Some(Millis(3 * HOUR))));
    assert_eq!((before.returned_in_all(), before.closed, before.discrepancies), ((0, 0), false, 0));
    let [still, back] = &before.longest;
    assert_eq!(still.as_ref().unwrap().since.to_string(), "2030-12-05");
    assert!(back.is_none());

    let givers = [
        listed(0, 0, Outcome::Delivered),
        listed(0, 1, Outcome::Delivered),
        listed(1, 0, Outcome::Delivered),
    ];
    talk.say(Inviter, Some(case), lines(1, &givers));
    let receivers = [
        listed(0, 0, Outcome::NotDelivered),
        listed(0, 1, Outcome::Delivered),
        listed(1, 0, Outcome::Delivered),
    ];
    talk.say(Joiner, Some(case), lines(1, &receivers));
    for role in Role::BOTH {
        talk.say(role, Some(case), Content::Closed(Closed { version: 1, remark: None }));
    }
    let ledger = talk.ledger();
    let after = &figures(&talk.history(&ledger, Inviter))[0];
    let returned: Vec<_> = after.returned.iter().map(|(key, number)| (*key, *number)).collect();
    assert_eq!(returned, [((Inviter, Category::Child), 1), ((Joiner, Category::Remains), 1)]);
    assert_eq!((after.returned_in_all(), after.otherwise, after.discrepancies), ((1, 1), 0, 1));
    assert!(after.closed);
    let [still, back] = &after.longest;
    assert_eq!(still.as_ref().unwrap().since.to_string(), "2031-02");
    assert_eq!(back.as_ref().unwrap().since.to_string(), "2030-12-05");
}

/// What waits in a talk, by its name, and how that ended.
fn ends(talk: &Talk) -> Vec<(&'static str, &'static str)> {
    let ledger = talk.ledger();
    let end = |wait: &Wait| match wait.end {
        End::Waits => "waits",
        End::Answered(..) => "answered",
        End::Moot => "moot",
    };
    waits(&talk.history(&ledger, Inviter)).iter().map(|wait| (wait.asked.name(), end(wait))).collect()
}

fn accept(offer: Digest) -> Content {
    Content::Accept(Accept { offer, hold_until: UnixMillis(u64::MAX), remark: None })
}

#[test]
fn each_question_waits_until_its_own_answer_comes() {
    let (mut talk, case) = under_way();
    let breach = Content::Breach(Breach {
        offer: case,
        condition: 0,
        lines: Vec::new(),
        on: None,
        facts: Text::new("seen in arms").unwrap(),
        remedy: Remedy::None,
        answer_by: None,
    });
    let breach = talk.say(Inviter, Some(case), breach);
    let mut expected = ["offer", "acceptance", "transport notice", "transport notice"]
        .map(|asked| (asked, "answered"))
        .to_vec();
    expected.push(("breach", "waits"));
    assert_eq!(ends(&talk), expected);
    let answered = BreachAnswered { breach, answer: BreachAnswer::Admitted, text: None };
    talk.say(Joiner, Some(case), Content::BreachAnswered(answered));
    expected[4].1 = "answered";
    assert_eq!(ends(&talk), expected);
}

#[test]
fn an_offer_is_answered_by_one_who_saw_it_while_it_stood_and_by_nobody_else() {
    let made = || {
        let mut talk = Talk::new();
        let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
        talk.say(Inviter, Some(case), proposal(Inviter, 0, Some(case), EXCHANGE));
        (talk, case)
    };
    let (mut talk, case) = made();
    let counter = talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    talk.say(Inviter, Some(case), Content::Reject(Reject { offer: counter, reason: None }));
    assert_eq!(ends(&talk), [("offer", "answered"); 3]);

    let (mut talk, case) = made();
    talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    talk.said.last_mut().unwrap().0.peer_count -= 1;
    assert_eq!(ends(&talk), [("offer", "answered"), ("offer", "waits"), ("offer", "waits")], "one unseen");

    let (mut talk, case) = made();
    talk.say(Inviter, Some(case), Content::Withdraw(Withdraw { offer: case, reason: None }));
    assert_eq!(ends(&talk), [("offer", "moot"), ("offer", "waits")]);
    talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    assert_eq!(ends(&talk), [("offer", "moot"), ("offer", "answered"), ("offer", "waits")]);
}

#[test]
fn an_acceptance_that_crosses_another_waits_for_nothing() {
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, EXCHANGE));
    let counter = talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), EXCHANGE));
    talk.say(Inviter, Some(case), accept(counter));
    assert_eq!(ends(&talk)[2], ("acceptance", "waits"));
    talk.say(Joiner, Some(case), accept(case));
    talk.said.last_mut().unwrap().0.peer_count -= 1;
    assert_eq!(ends(&talk)[2..], [("acceptance", "moot"); 2]);
}

#[test]
fn a_transport_notice_takes_the_place_of_its_authors_last_and_of_nothing_else() {
    let mut talk = Talk::new();
    let exchange = proposal(Inviter, 0, None, EXCHANGE);
    let case = talk.say(Inviter, None, exchange.clone());
    seal(&mut talk, case, case);
    let lists = lists_digest(1, &case, &offer(&exchange).body().lists);
    for role in Role::BOTH {
        talk.say(role, Some(case), Content::Lock(Lock { version: 1, lists }));
    }
    talk.seen(Inviter);
    talk.say(Joiner, Some(case), transport(1));
    talk.say(Inviter, Some(case), query("Who leads the convoy?", None));
    talk.say(Inviter, Some(case), transport(2));
    let notice = "transport notice";
    assert_eq!(ends(&talk)[2..], [(notice, "waits"), ("query", "waits"), (notice, "waits")]);
    talk.say(Inviter, Some(case), transport(2));
    assert_eq!(
        ends(&talk)[2..],
        [(notice, "waits"), ("query", "waits"), (notice, "moot"), (notice, "waits")]
    );
}

#[test]
fn who_answers_in_the_last_moment_is_not_late_and_the_median_is_of_the_middle() {
    let (id, at) = (Digest([1; 32]), UnixMillis(5));
    let wait = |end| {
        let (asked, whose, since) = (Asked::Query, Inviter, UnixMillis(1));
        Wait { id, asked, whose, case: None, since, until: Some(at), end }
    };
    let all = [wait(End::Answered(id, at)), wait(End::Waits)];
    assert_eq!((delays(&all, Inviter, at).late, delays(&all, Inviter, at).overdue), (0, 0));
    assert_eq!(delays(&all, Inviter, UnixMillis(6)).overdue, 1);
    let middle = |spans: &[u64]| median(spans.iter().map(|span| Millis(*span)).collect());
    assert_eq!(middle(&[]), None);
    assert_eq!([middle(&[9, 1, 4]), middle(&[8, 1, 9, 4])], [Some(Millis(4)), Some(Millis(4))]);
}

#[test]
fn more_than_our_last_estimate_and_more_or_fewer_than_a_leg_allows_are_contradictions() {
    let leg = |giver: &str, count: &str| {
        format!("[[leg]]\ngiver = \"{giver}\"\ncategory = \"prisoner of war\"\ncount = {count}\n")
    };
    let mut talk = Talk::new();
    let estimates = leg("me", "\"3 to 5\"") + &leg("them", "\"10 to 20\"");
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, &estimates));
    talk.say(Joiner, Some(case), proposal(Joiner, 0, Some(case), &leg("me", "\"1 to 2\"")));
    let draft = |mine: &str| {
        let draft = proposal(Inviter, 0, Some(case), &(leg("me", mine) + &leg("them", "15")));
        told(&fit_of(&talk, &[], Some(case), &draft))
            .iter()
            .map(|it| (it.2.to_owned(), it.3.to_owned()))
            .collect()
    };
    let (none, more): (Vec<(String, String)>, _) = (draft("5"), draft("6"));
    assert_eq!((none, more), (vec![], vec![("at most 5".to_owned(), "6".to_owned())]));

    let mut talk = Talk::new();
    let tolerant = format!("{EXCHANGE}{}tolerance = 1\n", leg("me", "5"));
    let case = gone(&mut talk, Inviter, &tolerant);
    for (persons, said) in [(5, Some("6 to 8")), (6, None), (8, None), (9, Some("6 to 8"))] {
        let found = fit_of(&talk, &[], Some(case), &transport(persons));
        assert_eq!(told(&found).first().map(|it| it.2), said, "{persons}");
    }
}

#[test]
fn figures_keep_cases_apart_and_count_what_came_otherwise() {
    let counts = "[[leg]]\ngiver = \"me\"\ncategory = \"prisoner of war\"\ncount = 5\n";
    let mut talk = Talk::new();
    gone(&mut talk, Inviter, &format!("{EXCHANGE}{counts}"));
    let second = gone(&mut talk, Inviter, &format!("{EXCHANGE}{counts}"));
    let count = |outcome| line(Subject::Counted { leg: 2, number: 3 }, outcome);
    talk.say(
        Joiner,
        Some(second),
        lines(1, &[count(Outcome::Substituted), listed(0, 0, Outcome::Delivered)]),
    );
    for role in Role::BOTH {
        talk.say(role, Some(second), Content::Closed(Closed { version: 1, remark: None }));
    }
    let ledger = talk.ledger();
    let all = figures(&talk.history(&ledger, Inviter));
    let told: Vec<_> = all.iter().map(|it| (it.closed, it.returned_in_all(), it.otherwise)).collect();
    assert_eq!(told, [(false, (0, 0), 0), (true, (1, 0), 3)]);
}

#[test]
fn the_latest_agreement_tells_what_may_be_told_wherever_it_stands_among_the_cases() {
    let mut talk = Talk::new();
    let earlier = gone(&mut talk, Inviter, EXCHANGE);
    talk.say(Joiner, Some(earlier), lines(1, &[listed(0, 0, Outcome::Delivered)]));
    let later = gone(&mut talk, Inviter, EXCHANGE);
    assert!(earlier < later);
    assert_eq!(tell(&talk, EXCHANGE, 0), MayTell::NoLine);
}

#[test]
fn a_wish_once_said_is_not_dropped_and_whom_we_said_not_to_hold_is_not_offered() {
    let wishing = EXCHANGE.replacen("surname", "consent = \"wishes\"\nsurname", 1);
    let mut talk = Talk::new();
    let case = talk.say(Inviter, None, proposal(Inviter, 0, None, &wishing));
    let draft = proposal(Inviter, 0, Some(case), EXCHANGE);
    let found = fit_of(&talk, &[], Some(case), &draft);
    assert_eq!(told(&found), [("Вельгин Андрей", "consent", "wishes", "not asked")]);

    let (mut talk, case) = under_way();
    let gone = HandoverLine { cause: Cause::NotHeld, ..listed(0, 0, Outcome::NotDelivered) };
    talk.say(Inviter, Some(case), lines(1, &[gone]));
    let found = fit_of(&talk, &[], Some(case), &proposal(Inviter, 1, None, EXCHANGE));
    let said = ("Вельгин Андрей", "what became of them", Cause::NotHeld.text(), "held by us");
    assert_eq!(told(&found), [said]);
}

#[test]
fn a_leg_is_not_as_agreed_where_who_has_closed_left_it_so_or_where_the_sides_differ() {
    let open = |talk: &Talk| figures(&talk.history(&talk.ledger(), Inviter))[0].discrepancies;
    let all = [(0, 0), (0, 1), (1, 0)].map(|(leg, row)| listed(leg, row, Outcome::Delivered));
    let closed = || Content::Closed(Closed { version: 1, remark: None });
    let (mut talk, case) = under_way();
    talk.say(Inviter, Some(case), lines(1, &all));
    talk.say(Inviter, Some(case), closed());
    assert_eq!(open(&talk), 0, "the other has said nothing yet");
    talk.say(Joiner, Some(case), lines(1, &[listed(0, 0, Outcome::NotDelivered)]));
    assert_eq!(open(&talk), 1, "they differ");

    let (mut talk, case) = under_way();
    talk.say(Inviter, Some(case), lines(1, &all[..1]));
    assert_eq!(open(&talk), 1, "one leg is half told");
    talk.say(Inviter, Some(case), closed());
    assert_eq!(open(&talk), 2, "nothing more will be said");
}

#[test]
fn a_notice_of_a_transfer_is_of_the_offer_it_names() {
    let (mut talk, case) = under_way();
    let country = Text::new("Ostrava").unwrap();
    let lines = Vec::new();
    let (on, accommodation, reason) = (None, None, None);
    let notice = TransferNotice { offer: case, leg: 0, lines, country, on, accommodation, reason };
    talk.say(Inviter, Some(case), Content::TransferNotice(notice));
    let ledger = talk.ledger();
    let history = talk.history(&ledger, Inviter);
    assert_eq!([case, Digest([9; 32])].map(|offer| history.notices(&offer).count()), [1, 0]);
}
