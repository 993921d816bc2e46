//! Evidence bundles: what each kind proves and tells, and every way to damage one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod forged;
mod frozen;
#[path = "../pair/mod.rs"]
mod pair;
#[path = "../sim/mod.rs"]
mod sim;
mod story;
mod tamper;

use story::{BESIDE, BUNDLES, ELSEWHERE, LINE, PERSONS, Story, bundle, surname};
use truceline::deal::body::Content;
use truceline::deal::handover::Outcome;
use truceline::deal::shown::Shown;
use truceline::officer::evidence::{Asked, CheckedEvidence, MakeError, Told, check};
use truceline::party::role::Role;
use truceline::statement::evidence::{Disclosure, Scope};
use truceline::statement::header::StatementId;
use truceline::statement::kind::Kind;

fn holds(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

fn checked(bytes: &[u8]) -> CheckedEvidence {
    check(bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn kinds(evidence: &CheckedEvidence) -> Vec<(Role, Kind)> {
    let kind = |number| Kind::from_number(number).unwrap();
    evidence.statements().map(|(it, _)| (it.header.author, kind(it.header.kind))).collect()
}

#[test]
fn statements_are_shown_whole_with_the_receipts_for_them_and_nothing_else() {
    let story = Story::agreed();
    let bytes = story.evidence(&Asked::Statements(vec![story.note, story.offer]));
    let evidence = checked(&bytes);
    assert_eq!(evidence.bundle.scope, Scope::Statements);
    let found = kinds(&evidence);
    assert_eq!(
        found,
        [(Role::Inviter, Kind::Note), (Role::Inviter, Kind::Offer), (Role::Joiner, Kind::Read)]
    );
    let (note, told) = evidence.statement(&story.note.0).unwrap();
    assert!(matches!(told, Told::Deal(content) if matches!(content.as_ref(), Content::Note(_))));
    assert!(note.acknowledged.is_some() && evidence.read(note).is_none());
    let (offer, _) = evidence.statement(&story.offer.0).unwrap();
    let read = evidence.read(offer).unwrap();
    assert!(read.author == Role::Joiner && read.peer_count > offer.header.sequence);
    assert!(holds(&bytes, BESIDE) && !holds(&bytes, ELSEWHERE));
    assert!(evidence.ledger.is_none());
}

#[test]
fn what_the_other_side_has_not_acknowledged_is_told_so() {
    let mut story = Story::agreed();
    story.world.set_connected(1, false);
    let late = story.propose(0, "[[leg]]\ngiver = \"me\"\ncount = 2\ncategory = \"person\"\n");
    let bytes = story.evidence(&Asked::Statements(vec![story.note, late]));
    let evidence = checked(&bytes);
    assert!(evidence.statement(&story.note.0).unwrap().0.acknowledged.is_some());
    assert!(evidence.statement(&late.0).unwrap().0.acknowledged.is_none());
    let case = checked(&story.evidence(&Asked::Case(late)));
    assert_eq!(case.ledger.unwrap().case(&late.0).unwrap().open_offers().count(), 1);
}

#[test]
fn a_case_is_whole_and_comes_to_what_both_sides_hold() {
    let story = Story::played();
    let bytes = story.evidence(&Asked::Case(story.offer));
    let evidence = checked(&bytes);
    let ledger = evidence.ledger.as_ref().unwrap();
    let (ours, theirs) = (story.channel(0).ledger(), ledger);
    let [here, there] = [ours.case(&story.offer.0).unwrap(), theirs.case(&story.offer.0).unwrap()];
    assert_eq!((here.sealed(), here.version()), (there.sealed(), there.version()));
    assert!(there.handover().unwrap().is_effective());
    assert_eq!(here.breaches(), there.breaches());
    let mut of_case = 0;
    for shown in story.channel(0).statements() {
        let is_case = shown.header.case == story.offer || shown.id == story.offer;
        let found = evidence.statement(&shown.id.0);
        if is_case {
            assert!(matches!(found.unwrap().0.disclosure, Disclosure::Whole(_)));
            assert_eq!(ours.verdict(&shown.id.0), theirs.verdict(&shown.id.0));
            of_case += 1;
        } else if let Some((_, told)) = found {
            assert!(matches!(told, Told::Read(_) | Told::WordsConfirmed), "{told:?}");
        }
    }
    assert!(of_case > 15, "{of_case}");
    assert!(!holds(&bytes, BESIDE) && !holds(&bytes, ELSEWHERE));
    assert_eq!(evidence.bundle.up_to().map(|(count, _)| count), counts(&story));
    // Either side makes it, and it comes to the same.
    let theirs = checked(&story.channel(1).evidence(&Asked::Case(story.offer)).unwrap());
    assert_eq!(theirs.ledger, evidence.ledger);
}

fn counts(story: &Story) -> [u64; 2] {
    Role::BOTH.map(|role| story.channel(0).transcript.chain(role).count())
}

#[test]
fn an_agreement_is_shown_by_any_part_of_it_up_to_its_seal() {
    let story = Story::played();
    let bundles =
        [story.offer, story.acceptance, story.confirm].map(|id| story.evidence(&Asked::Agreement(id)));
    for bytes in &bundles {
        let evidence = checked(bytes);
        let scope = Scope::Agreement { case: story.offer, offer: story.offer };
        assert_eq!(evidence.bundle.scope, scope);
        let case = evidence.ledger.as_ref().unwrap().case(&story.offer.0).unwrap();
        assert_eq!((case.version(), case.sealed().len()), (1, 1));
        assert!(case.handover().unwrap().lock(Role::Inviter).is_none(), "it ends with the seal");
        let confirm = evidence.statement(&story.confirm.0).unwrap().0;
        assert_eq!(confirm.acknowledged.as_ref(), evidence.bundle.heads[1].as_ref(), "which seals");
        assert!(!holds(bytes, BESIDE) && !holds(bytes, ELSEWHERE));
    }
    let asked = |id| story.channel(0).evidence(&Asked::Agreement(id)).unwrap_err();
    assert_eq!(asked(story.other_case), MakeError::NotSealed(story.other_case));
    assert_eq!(asked(story.note), MakeError::NotSealed(story.note));
}

#[test]
fn one_person_of_a_thousand_is_shown_in_under_64_kib_and_nothing_of_another() {
    let story = Story::played();
    let bytes = story.evidence(&Asked::Person { offer: story.offer, leg: 0, line: LINE });
    println!("{} bytes for one of {PERSONS}", bytes.len());
    assert!(bytes.len() < 64 << 10, "{}", bytes.len());
    for line in 0..PERSONS {
        assert_eq!(holds(&bytes, &surname(line)), line == LINE, "{line}");
    }
    let evidence = checked(&bytes);
    let shown = |kind: Kind| {
        let of_kind = evidence.statements().filter(move |(it, _)| it.header.kind == kind.number());
        of_kind.map(|(_, told)| told).collect::<Vec<_>>()
    };
    let [Told::Part(Shown::Offer(offer, records))] = shown(Kind::Offer)[..] else { panic!() };
    assert!(offer.lines(&offer.legs()[0]).is_empty());
    assert_eq!(records.len(), 1);
    let outcomes = shown(Kind::Lines).into_iter().map(|told| match told {
        Told::Part(Shown::Lines(body, lines)) => {
            assert_eq!((body.lines.lines, lines.len()), (PERSONS, 1));
            lines[0].1.outcome
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [Outcome::Delivered, Outcome::NotDelivered]);
    assert_eq!((shown(Kind::Accept).len(), shown(Kind::Confirm).len(), shown(Kind::Read).len()), (1, 1, 1));
    // The notice that names another too is withheld, and the one that names only another is not there.
    let notices = shown(Kind::TransferNotice);
    assert!(matches!(notices[..], [Told::Deal(_), Told::Withheld]), "{notices:?}");
    assert!(holds(&bytes, "1 of them") && !holds(&bytes, "2 of them"));
    assert!(matches!(shown(Kind::Breach)[..], [Told::Deal(_)]));
    // Neither the seed of a list nor a salt but the line's own is in it: seeds make every salt.
    let offer = story.channel(0).statements_of(Role::Inviter).find(|it| it.id == story.offer).unwrap();
    let list = &offer.statement().unwrap().said.lists[0];
    let seed = truceline::codec::encode(list, usize::MAX).unwrap()[..32].to_vec();
    let holds = |part: &[u8]| bytes.windows(32).any(|window| window == part);
    assert!(!holds(&seed));
    for line in [0, LINE - 1, LINE, LINE + 1, PERSONS - 1] {
        assert_eq!(holds(&list.show(line).unwrap().salt), line == LINE, "{line}");
    }
    let nobody = story.channel(0).evidence(&Asked::Person { offer: story.offer, leg: 0, line: PERSONS });
    assert_eq!(nobody.unwrap_err(), MakeError::NoLine(story.offer));
    let counted = story.channel(0).evidence(&Asked::Person { offer: story.offer, leg: 1, line: 0 });
    assert_eq!(counted.unwrap_err(), MakeError::NoLine(story.offer));
}

#[test]
fn what_is_not_there_cannot_be_asked_for() {
    let story = Story::agreed();
    let unknown = StatementId(truceline::crypto::digest::Digest([7; 32]));
    let asked = |asked| story.channel(0).evidence(&asked).unwrap_err();
    assert_eq!(asked(Asked::Statements(vec![unknown])), MakeError::Unknown(unknown));
    assert_eq!(asked(Asked::Case(unknown)), MakeError::NoCase(unknown));
    assert_eq!(asked(Asked::Case(story.note)), MakeError::NoCase(story.note));
    assert_eq!(asked(Asked::Agreement(unknown)), MakeError::NotSealed(unknown));
    assert_eq!(asked(Asked::Fork), MakeError::NoFork);
}

#[test]
fn bundles_are_as_large_as_what_they_show() {
    for (name, bytes) in BUNDLES.iter() {
        println!("{name}: {} bytes", bytes.len());
    }
    assert!(bundle("statements").len() < bundle("person").len());
    assert!(bundle("agreement").len() < bundle("case").len());
}
