//! Frozen bundles: `tests/vectors/evidence-*.bin` with what a check finds in each, and bytes that must be refused, in
//! `tests/vectors/evidence.txt`. They were made once: signatures are randomised.

use crate::sim::forge::Forger;
use crate::story::Story;
use crate::tamper::{altered, read};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use truceline::officer::evidence::{Asked, CheckedEvidence, check};
use truceline::party::role::Role;
use truceline::statement::evidence::{Disclosure, Fork, Scope, SignedHeader};
use truceline::statement::kind::Kind;
use truceline::statement::signed::Statement;

const NAMES: [&str; 5] = ["statements", "case", "agreement", "person", "fork"];
/// Persons on the list of the frozen exchange, and the line shown.
const PERSONS: u32 = 5;
const LINE: u32 = 3;
/// Refused bytes of each.
const REFUSED: usize = 16;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(path(&format!("evidence-{name}.bin"))).unwrap()
}

/// What a check finds.
fn describe(name: &str, evidence: &CheckedEvidence) -> String {
    let mut out = String::new();
    let bundle = &evidence.bundle;
    let mut say = |what: &str, value: String| writeln!(out, "{name}.{what}: {value}").unwrap();
    say("digest", bundle.digest.hex());
    say("channel", bundle.preamble.channel.hex());
    for (role, (count, head)) in ["inviter", "joiner"].iter().zip(bundle.up_to()) {
        say(role, format!("{count} {}", head.0.hex()));
    }
    for (at, proven) in bundle.statements.iter().enumerate() {
        let shown = match &proven.disclosure {
            Disclosure::Withheld => "withheld".to_owned(),
            Disclosure::Whole(said) => format!("whole {}", said.body.len()),
            Disclosure::Part(part) => {
                let lines = part.lists.iter().flat_map(|list| &list.lines);
                let lines: Vec<String> = lines.map(|line| line.index.to_string()).collect();
                format!("part {} lines {}", part.body.len(), lines.join(" "))
            }
        };
        let had = proven.acknowledged.as_ref().map_or("-".to_owned(), |it| it.sequence.to_string());
        let (author, sequence) = (proven.header.author.number(), proven.header.sequence);
        say(
            &format!("statement.{at}"),
            format!("{} author {author} sequence {sequence} had {had} {shown}", proven.id.0.hex()),
        );
    }
    for [first, second] in &bundle.forks {
        say("fork", format!("{} {}", first.id().0.hex(), second.id().0.hex()));
    }
    for by in &evidence.deposits {
        say("deposit", format!("{} {} {}", by.statement.0.hex(), by.key.hex(), by.clock.0));
    }
    if let (Some(case), Some(ledger)) = (bundle.scope.case(), &evidence.ledger) {
        let state = ledger.case(&case.0).unwrap();
        say("case", format!("{} version {}", case.0.hex(), state.version()));
        for agreement in state.sealed() {
            say("sealed", agreement.offer.hex());
        }
    }
    out
}

/// `name.refused: AT XOR`.
fn refused(page: &str) -> BTreeMap<String, Vec<(usize, u8)>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once(": ").unwrap();
        if let Some(name) = name.strip_suffix(".refused") {
            let (at, by) = value.split_once(' ').unwrap();
            let entry = (at.parse().unwrap(), u8::from_str_radix(by, 16).unwrap());
            all.entry(name.to_owned()).or_default().push(entry);
        }
    }
    all
}

#[test]
fn frozen_bundles_prove_what_they_did() {
    let page = String::from_utf8(std::fs::read(path("evidence.txt")).unwrap()).unwrap();
    let refused = refused(&page);
    for name in NAMES {
        let bytes = file(name);
        let evidence = check(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read(&bytes).encode().unwrap(), bytes, "{name}");
        for line in describe(name, &evidence).lines() {
            assert!(page.lines().any(|frozen| frozen == line), "{line}");
        }
        let prefix = format!("{name}.");
        let told = page.lines().filter(|line| line.starts_with(&prefix)).count();
        assert_eq!(told, describe(name, &evidence).lines().count() + REFUSED, "{name}");
        for (at, by) in &refused[name] {
            assert!(check(&altered(&bytes, *at, *by)).is_err(), "{name}: byte {at}");
        }
    }
}

/// Makes the frozen bundles anew: `cargo test --test evidence -- --ignored freeze`.
#[test]
#[ignore = "replaces the frozen files"]
fn freeze() {
    let mut story = Story::played_on(PERSONS, LINE);
    story.world.set_connected(1, false);
    let late = story.note_by(0, "Not yet fetched.");
    let asked = [
        Asked::Statements(vec![story.note, late]),
        Asked::Case(story.offer),
        Asked::Agreement(story.confirm),
        Asked::Person { offer: story.offer, leg: 0, line: LINE },
    ];
    let mut made: Vec<Vec<u8>> = asked.iter().map(|asked| story.evidence(asked)).collect();
    made.push(fork(&mut story));
    let mut page = "# evidence-*.bin: what a check finds in each; then a byte of it and what it is changed by, with the digest made to\n\
                    # fit again, which must be refused.\n"
        .to_owned();
    for (name, bytes) in NAMES.iter().zip(&made) {
        std::fs::write(path(&format!("evidence-{name}.bin")), bytes).unwrap();
        page.push_str(&describe(name, &check(bytes).unwrap()));
        let step = (bytes.len() - 54) / REFUSED;
        for at in (0..REFUSED).map(|nth| 22 + nth * step) {
            let by = 1u8 << (at % 8);
            assert!(check(&altered(bytes, at, by)).is_err(), "{name}: byte {at}");
            writeln!(page, "{name}.refused: {at} {by:02x}").unwrap();
        }
    }
    std::fs::write(path("evidence.txt"), page).unwrap();
}

fn fork(story: &mut Story) -> Vec<u8> {
    let thread = story.threads()[1];
    let forger = Forger::of(&mut story.world, 1, thread);
    let forged = |text: &[u8]| forger.statement(Kind::Note.number(), text.to_vec(), |_| ());
    let signed = |it: Statement| SignedHeader { header: it.header, signature: it.signature };
    let mut pair = [b"one".as_slice(), b"other"].map(|text| signed(forged(text)));
    pair.sort_by_key(|it| it.header.id());
    assert!(pair.iter().all(|it| it.header.author == Role::Joiner));
    let mut bundle = read(&story.evidence(&Asked::Statements(vec![story.note])));
    bundle.scope = Scope::Fork;
    bundle.forks = vec![Fork(pair)];
    bundle.encode().unwrap()
}
