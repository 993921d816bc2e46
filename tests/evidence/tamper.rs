//! Bundles and exports that were tampered with: every change is refused, or changes nothing that is proven. The digest
//! at a bundle's end is made to fit again each time: it finds damage, and proves nothing.

use crate::sim;
use crate::story::{BUNDLES, LINE, Story, bundle};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::ops::Range;
use truceline::codec;
use truceline::crypto::digest::{Digest, digest};
use truceline::crypto::label;
use truceline::officer::evidence::{Asked, CheckedEvidence, DepositFault, EvidenceError, check};
use truceline::officer::view::check_export;
use truceline::party::role::Role;
use truceline::statement::evidence::checked::{BundleError, CheckedBundle, Fault, Gap};
use truceline::statement::evidence::{Bundle, Disclosure, Fork, PartSaid, Place, Scope, SignedHeader};
use truceline::statement::kind::Kind;
use truceline::statement::list::ShownLine;
use truceline::statement::signed::Statement;
use truceline::time::Millis;

const MAGIC: usize = 21;
/// Bytes changed in each bundle.
const SAMPLE: usize = 250;

/// A seed for one run, printed, or the one in `TRUCELINE_SEED`.
fn dice() -> ChaCha20Rng {
    let seed = std::env::var("TRUCELINE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("again with TRUCELINE_SEED={seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

/// The bytes with the digest that belongs to them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let fits = digest(label::EVIDENCE, &[&bytes[..end]]);
    bytes[end..].copy_from_slice(&fits.0);
    bytes
}

/// The bytes with one changed, and the digest that belongs to them.
pub fn altered(bytes: &[u8], at: usize, by: u8) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[at] ^= by;
    sealed(altered)
}

/// All that is proven: everything but the digest.
fn proven(evidence: &CheckedEvidence) -> CheckedBundle {
    CheckedBundle { digest: Digest::default(), ..evidence.bundle.clone() }
}

/// Holds that changing a byte is refused, or changes nothing that is proven.
fn change(bytes: &[u8], at: usize, by: u8) {
    let mut damaged = bytes.to_vec();
    damaged[at] ^= by;
    assert!(check(&damaged).is_err(), "byte {at} of {}: the digest", bytes.len());
    if at < bytes.len() - 32
        && let Ok(found) = check(&altered(bytes, at, by))
    {
        assert_eq!(proven(&found), proven(&check(bytes).unwrap()), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn any_byte_of_any_bundle_changed_is_refused_or_changes_nothing_that_is_proven() {
    let mut dice = dice();
    for (name, bytes) in BUNDLES.iter() {
        println!("{name}: {} bytes", bytes.len());
        for _ in 0..SAMPLE {
            let at = dice.next_u32() as usize % bytes.len();
            change(bytes, at, 1 << (dice.next_u32() % 8));
        }
    }
}

#[test]
fn every_byte_of_scope_heads_places_and_proofs_changed_is_refused() {
    let bytes = bundle("person");
    let again = read(bytes);
    // From the scope to the end of the first statement's place; then what follows the last statement.
    let cards: usize = again.preamble.cards.iter().map(|card| 8 + card.encode().unwrap().len()).sum();
    let scope = MAGIC + 32 + cards + 2 * (32 + 3_373);
    let small: [Range<usize>; 3] =
        [0..MAGIC + 32 + 8, scope..scope + 42 + 253, bytes.len() - 48..bytes.len()];
    for at in small.into_iter().flatten() {
        change(bytes, at, 0x01);
    }
}

#[test]
fn any_byte_of_an_export_changed_is_refused() {
    let story = Story::agreed();
    let bytes = story.channel(0).export().unwrap().unwrap();
    let mut dice = dice();
    for _ in 0..60 {
        let at = dice.next_u32() as usize % bytes.len();
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (dice.next_u32() % 8);
        assert!(check_export(&altered).is_err(), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn what_is_cut_short_added_to_or_something_else_is_refused_by_name() {
    let bytes = bundle("statements");
    let refused = |bytes: &[u8]| match check(bytes).map(drop).unwrap_err() {
        EvidenceError::Bundle(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(refused(b"truceline transcript 1\n"), BundleError::NotEvidence);
    assert_eq!(refused(&bytes[..10]), BundleError::NotEvidence);
    for cut in [MAGIC, 200, bytes.len() / 2, bytes.len() - 33, bytes.len() - 1] {
        assert!(check(&bytes[..cut]).is_err(), "{cut}");
    }
    let longer = [bytes, &[0]].concat();
    assert!(matches!(refused(&longer), BundleError::Malformed(codec::CodecError::Trailing(1))));
    let mut damaged = bytes.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&damaged), BundleError::Damaged);
}

/// A bundle's parts again, from what was checked: as whoever tampers would take it apart.
pub fn read(bytes: &[u8]) -> Bundle {
    let bundle = Bundle::decode(bytes).unwrap();
    assert_eq!(bundle.encode().unwrap(), bytes, "one encoding");
    bundle
}

fn refusal(bundle: &Bundle) -> EvidenceError {
    check(&bundle.encode().unwrap()).map(drop).expect_err("it must be refused")
}

fn fault(bundle: &Bundle) -> Fault {
    match refusal(bundle) {
        EvidenceError::Bundle(
            BundleError::Statement { fault, .. }
            | BundleError::Head { fault, .. }
            | BundleError::Run { fault, .. }
            | BundleError::Fork { fault, .. },
        ) => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn every_element_of_a_case_dropped_exchanged_or_repeated_is_refused() {
    let whole = read(bundle("case"));
    for at in 0..whole.statements.len() {
        let mut without = whole.clone();
        let dropped = without.statements.remove(at);
        let receipt = matches!(&dropped.disclosure, Disclosure::Whole(said) if {
            said.lists.is_empty() && whole_kind(&whole, at) == Kind::Read.number()
        });
        // Receipts for the case are beside it: without one less is proven, and nothing else.
        match check(&without.encode().unwrap()) {
            Err(_) => assert!(!receipt, "{at}"),
            Ok(_) => assert!(receipt, "{at} is missed by nobody"),
        }
        let mut twice = whole.clone();
        twice.statements.insert(at, dropped);
        assert_eq!(fault(&twice), Fault::OutOfOrder, "{at}");
        if at > 0 {
            let mut exchanged = whole.clone();
            exchanged.statements.swap(at - 1, at);
            assert_eq!(fault(&exchanged), Fault::OutOfOrder, "{at}");
        }
    }
    for chain in 0..2 {
        let headers = whole.chains[chain].run.as_ref().unwrap().headers.len();
        assert!(headers > 10);
        for at in 0..headers {
            let mut without = whole.clone();
            without.chains[chain].run.as_mut().unwrap().headers.remove(at);
            refusal(&without);
            let mut twice = whole.clone();
            let run = twice.chains[chain].run.as_mut().unwrap();
            let header = run.headers[at].clone();
            run.headers.insert(at, header);
            refusal(&twice);
            if at > 0 {
                let mut exchanged = whole.clone();
                exchanged.chains[chain].run.as_mut().unwrap().headers.swap(at - 1, at);
                refusal(&exchanged);
            }
        }
        let mut headless = whole.clone();
        headless.chains[chain].head = None;
        refusal(&headless);
        let mut runless = whole.clone();
        runless.chains[chain].run = None;
        refusal(&runless);
    }
    let mut other = whole.clone();
    other.chains.swap(0, 1);
    refusal(&other);
}

fn whole_kind(bundle: &Bundle, at: usize) -> u16 {
    let checked = check(&bundle.encode().unwrap()).unwrap();
    checked.bundle.statements[at].header.kind
}

#[test]
fn a_case_with_a_statement_withheld_or_of_another_case_is_refused() {
    let mut whole = read(bundle("case"));
    let Scope::Case(case) = whole.scope else { panic!() };
    let other = read(bundle("the other case"));
    let Scope::Case(other) = other.scope else { panic!() };
    let last = whole.statements.len() - 1;
    let kept = std::mem::replace(&mut whole.statements[last].disclosure, Disclosure::Withheld);
    assert!(matches!(refusal(&whole), EvidenceError::Bundle(BundleError::Incomplete(Gap::Withheld { .. }))));
    whole.statements[last].disclosure = kept;
    whole.scope = Scope::Case(other);
    assert_eq!(refusal(&whole), EvidenceError::Bundle(BundleError::Incomplete(Gap::Opening)));
    whole.scope = Scope::Agreement { case, offer: other };
    assert_eq!(refusal(&whole), EvidenceError::NotSealed);
    whole.scope = Scope::Agreement { case, offer: case };
    assert!(check(&whole.encode().unwrap()).is_ok(), "the whole case shows its agreement too");
    whole.scope = Scope::Person { offer: case, leg: 1, line: 0 };
    assert_eq!(refusal(&whole), EvidenceError::LineNotShown);
    whole.scope = Scope::Fork;
    assert_eq!(refusal(&whole), EvidenceError::NoFork);
    // Headers that begin later hide what was said before.
    for chain in 0..2 {
        let mut later = read(bundle("case"));
        let ids: Vec<Digest> =
            later.chains[chain].run.as_ref().unwrap().headers.iter().map(|it| it.id().0).collect();
        let run = later.chains[chain].run.as_mut().unwrap();
        for id in ids.iter().take(3) {
            run.before.push(*id);
        }
        run.headers.drain(..3);
        refusal(&later);
    }
}

#[test]
fn forged_proofs_and_proofs_of_other_places_are_refused() {
    let good = read(bundle("person"));
    let with = |act: &dyn Fn(&mut Bundle)| {
        let mut other = good.clone();
        act(&mut other);
        fault(&other)
    };
    let proved = |bundle: &mut Bundle, act: &dyn Fn(&mut truceline::statement::evidence::Proved)| {
        let Some(Place::Proved(proved)) = bundle.statements.iter_mut().map(|it| &mut it.place).next() else {
            panic!()
        };
        act(proved);
    };
    assert_eq!(with(&|it| proved(it, &|proved| proved.own[0].0[0] ^= 1)), Fault::Proof);
    assert_eq!(with(&|it| proved(it, &|proved| proved.own.truncate(1))), Fault::Proof);
    assert_eq!(with(&|it| proved(it, &|proved| proved.own.push(Digest([1; 32])))), Fault::Proof);
    assert_eq!(with(&|it| proved(it, &|proved| proved.acknowledged[0].0[0] ^= 1)), Fault::Proof);
    assert_eq!(
        with(&|it| proved(it, &|proved| proved.acknowledged.clear())),
        Fault::Proof,
        "or it was not had"
    );
    assert_eq!(with(&|it| it.chains[0].consistency.push(Digest([1; 32]))), Fault::Proof);
    let resigned = |it: &mut Bundle| proved(it, &|proved| proved.signed.signature.ed25519[3] ^= 1);
    assert!(matches!(with(&resigned), Fault::Statement(_)));
    let retold = |it: &mut Bundle| proved(it, &|proved| proved.signed.header.clock.0 += 1);
    assert!(matches!(with(&retold), Fault::Statement(_)));
    let elsewhere = |it: &mut Bundle| {
        let second = it.statements[1].place.clone();
        it.statements[0].place = second;
    };
    refusal(&{
        let mut other = good.clone();
        elsewhere(&mut other);
        other
    });
    assert!(check(&good.encode().unwrap()).is_ok());
}

#[test]
fn a_wrong_line_a_neighbours_salt_and_a_wrong_place_are_refused() {
    let good = read(bundle("person"));
    let offer = good.statements.iter().position(|it| matches!(it.disclosure, Disclosure::Part(_))).unwrap();
    let with = |act: &dyn Fn(&mut PartSaid)| {
        let mut other = good.clone();
        let Disclosure::Part(part) = &mut other.statements[offer].disclosure else { panic!() };
        act(part);
        fault(&other)
    };
    let line = |act: &dyn Fn(&mut ShownLine)| with(&|part| act(&mut part.lists[0].lines[0]));
    let of = |line: u64| Fault::Line { list: 1, line };
    let shown = u64::from(LINE) + 1;
    assert_eq!(line(&|it| it.line.push(b' ')), of(shown));
    assert_eq!(line(&|it| it.salt[5] ^= 1), of(shown));
    assert_eq!(line(&|it| it.index += 1), of(shown + 1));
    assert_eq!(line(&|it| it.index = u32::MAX), of(1 << 32));
    assert_eq!(line(&|it| it.path.truncate(3)), of(shown));
    let twice = with(&|part| {
        let again = part.lists[0].lines[0].clone();
        part.lists[0].lines.push(again);
    });
    assert_eq!(twice, of(shown));
    assert!(matches!(with(&|part| part.body.push(0)), Fault::Statement(_)));
    assert!(matches!(with(&|part| part.salt[0] ^= 1), Fault::Statement(_)));
    assert!(matches!(with(&|part| part.lists[0].root.lines += 1), Fault::Line { .. } | Fault::Statement(_)));
    let mut bare = good.clone();
    let Disclosure::Part(part) = &mut bare.statements[offer].disclosure else { panic!() };
    part.lists[0].lines.clear();
    assert_eq!(refusal(&bare), EvidenceError::LineNotShown);
}

#[test]
fn heads_that_contradict_each_other_are_refused() {
    let good = read(bundle("statements"));
    let head = |act: &dyn Fn(&mut SignedHeader)| {
        let mut other = good.clone();
        act(other.chains[1].head.as_mut().unwrap());
        fault(&other)
    };
    // Without its author's key no field of a head can be changed at all.
    assert!(matches!(head(&|it| it.header.peer_root.0[0] ^= 1), Fault::Statement(_) | Fault::Proof));
    let beyond = head(&|it| it.header.peer_count += 1);
    assert!(matches!(beyond, Fault::Statement(_) | Fault::PeerMismatch | Fault::Proof), "{beyond}");
    let mut older = good.clone();
    let Some(Place::Proved(first)) = good.statements.iter().map(|it| &it.place).next() else { panic!() };
    let chain = usize::from(first.signed.header.author.number());
    older.chains[chain].head = Some(first.signed.clone());
    // An older head of one party, below what the other acknowledges.
    assert_eq!(fault(&older), Fault::PeerMismatch);
}

#[test]
fn a_fork_is_two_signed_headers_at_one_place() {
    let mut story = Story::agreed();
    let thread = story.threads()[1];
    let forger = sim::forge::Forger::of(&mut story.world, 1, thread);
    let one = forger.statement(Kind::Note.number(), b"one".to_vec(), |_| ());
    let other = forger.statement(Kind::Note.number(), b"other".to_vec(), |_| ());
    let signed = |it: &Statement| SignedHeader { header: it.header.clone(), signature: it.signature.clone() };
    let (mut first, mut second) = (signed(&one), signed(&other));
    if first.header.id() > second.header.id() {
        std::mem::swap(&mut first, &mut second);
    }
    let mut good = read(&story.evidence(&Asked::Statements(vec![story.note])));
    good.scope = Scope::Fork;
    good.forks = vec![Fork([first.clone(), second.clone()])];
    let evidence = check(&good.encode().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(evidence.bundle.forks, [[first.header.clone(), second.header.clone()]]);
    // The other side, to which both come, keeps the pair and shows it.
    forger_sends(&mut story, &one, &other);
    let kept = read(&story.evidence(&Asked::Fork));
    assert_eq!(kept.forks.len(), 1);
    assert_eq!(
        kept.forks[0].0.each_ref().map(|it| it.header.id()),
        good.forks[0].0.each_ref().map(|it| it.header.id())
    );
    assert!(check(&kept.encode().unwrap()).is_ok());
    let with = |forks: Vec<Fork>| fault(&Bundle { forks, ..good.clone() });
    assert_eq!(with(vec![Fork([second.clone(), first.clone()])]), Fault::NoFork);
    assert_eq!(with(vec![Fork([first.clone(), first.clone()])]), Fault::NoFork);
    let twice = vec![Fork([first.clone(), second.clone()]); 2];
    assert_eq!(with(twice), Fault::OutOfOrder);
    let exchanged = SignedHeader { signature: first.signature.clone(), ..second };
    assert!(matches!(with(vec![Fork([first, exchanged])]), Fault::Statement(_)));
    assert_eq!(refusal(&Bundle { forks: Vec::new(), ..good.clone() }), EvidenceError::NoFork);
}

fn forger_sends(story: &mut Story, one: &Statement, other: &Statement) {
    let thread = story.threads()[1];
    let mut forger = sim::forge::Forger::of(&mut story.world, 1, thread);
    forger.put_statement(&mut story.world, 0, one);
    forger.put_statement(&mut story.world, 0, other);
    story.world.run_for(Millis::minutes(4));
}

#[test]
fn a_deposit_is_shown_for_what_the_other_side_has_not_acknowledged() {
    let mut story = Story::agreed();
    story.world.set_connected(1, false);
    let late = story.propose(0, "[[leg]]\ngiver = \"me\"\npersons = \"many.csv\"\n");
    let bytes = story.evidence(&Asked::Statements(vec![story.note, late]));
    let evidence = check(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let [by] = &evidence.deposits[..] else { panic!("{:?}", evidence.deposits) };
    assert_eq!(by.statement, late);
    let good = read(&bytes);
    assert!(good.deposits[0].proofs.len() > 1, "a long list takes several cells");
    let with = |act: &dyn Fn(&mut Bundle)| {
        let mut other = good.clone();
        act(&mut other);
        refusal(&other)
    };
    let not_it = EvidenceError::Deposit(DepositFault::NotTheStatement);
    assert_eq!(with(&|it| drop(it.deposits[0].proofs.pop())), not_it);
    assert_eq!(with(&|it| it.deposits[0].proofs.swap(0, 1)), not_it);
    assert_eq!(with(&|it| it.deposits[0].proofs.clear()), not_it);
    let again = |it: &mut Bundle| {
        let first = it.deposits[0].proofs[0].clone();
        it.deposits[0].proofs.insert(0, first);
    };
    assert_eq!(with(&again), not_it);
    assert!(matches!(with(&|it| it.deposits[0].proofs[0][700] ^= 1), EvidenceError::Deposit(_)));
    let untied = EvidenceError::Bundle(BundleError::Deposit { at: 0 });
    assert_eq!(with(&|it| it.deposits[0].sequence += 1), untied);
    assert_eq!(with(&|it| it.deposits[0].author = Role::Joiner), untied);
    let twice = |it: &mut Bundle| {
        let first = it.deposits[0].clone();
        it.deposits.push(first);
    };
    assert_eq!(with(&twice), EvidenceError::Bundle(BundleError::Deposit { at: 1 }));
    // Proofs hold all of a statement: of one that is not shown whole there is none.
    let person = story.evidence(&Asked::Person { offer: late, leg: 0, line: LINE });
    assert!(read(&person).deposits.is_empty());
}

#[test]
fn what_the_other_side_has_not_acknowledged_takes_no_proof_that_it_has() {
    let mut story = Story::agreed();
    story.world.set_connected(1, false);
    let leg = "[[leg]]\ngiver = \"me\"\ncount = 2\ncategory = \"person\"\n";
    let [late, _later] = [0; 2].map(|_| story.propose(0, leg));
    let mut bundle = read(&story.evidence(&Asked::Statements(vec![late])));
    assert!(check(&bundle.encode().unwrap()).is_ok());
    let Place::Proved(proved) = &mut bundle.statements[0].place else { panic!("it is not the head") };
    proved.acknowledged.push(Digest([1; 32]));
    assert_eq!(fault(&bundle), Fault::Proof);
}
