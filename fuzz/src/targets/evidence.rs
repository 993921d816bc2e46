//! What anyone can check without a vault: bundles of evidence and exported transcripts. Where a digest finds damage and
//! proves nothing, it is made to fit what was changed.

use super::seeds;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, OnceLock};
use truceline::crypto::digest::digest;
use truceline::crypto::label;
use truceline::desk::evidence::check_file;
use truceline::desk::grammar::EvidenceCheck;
use truceline::desk::open::Place;
use truceline::desk::screen::{Style, json_line};
use truceline::officer::evidence::{CheckedEvidence, check};
use truceline::officer::view::check_export;
use truceline::statement::evidence::{Bundle, Disclosure};
use truceline::statement::header::StatementId;
use truceline::statement::signed::{Said, commitment};

/// All that the frozen bundles prove.
#[derive(Default)]
struct Signed {
    headers: BTreeSet<Vec<u8>>,
    commitments: BTreeMap<StatementId, truceline::crypto::digest::Digest>,
    lines: BTreeSet<(u32, [u8; 32], Vec<u8>)>,
    said: Vec<Said>,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let mut signed = Signed::default();
    for bytes in seeds::good_bundles() {
        let evidence = check(&bytes).unwrap();
        for header in headers(&evidence) {
            signed.commitments.insert(header.id(), header.commitment);
            signed.headers.insert(header.encode());
        }
        for proven in &evidence.bundle.statements {
            match &proven.disclosure {
                Disclosure::Withheld => {}
                Disclosure::Whole(said) => signed.said.push(said.clone()),
                Disclosure::Part(part) => {
                    let lines = part.lists.iter().flat_map(|list| &list.lines);
                    signed.lines.extend(lines.map(|it| (it.index, it.salt, it.line.clone())));
                }
            }
        }
    }
    signed
});

fn headers(evidence: &CheckedEvidence) -> impl Iterator<Item = &truceline::statement::header::Header> {
    let bundle = &evidence.bundle;
    let shown = truceline::party::role::Role::BOTH.into_iter().flat_map(|role| bundle.shown(role));
    shown.chain(bundle.statements.iter().map(|it| &it.header)).chain(bundle.forks.iter().flatten())
}

/// The bytes with the digest that belongs to them.
fn resealed(data: &[u8]) -> Vec<u8> {
    let Some(end) = data.len().checked_sub(32) else { return data.to_vec() };
    let fits = digest(label::EVIDENCE, &[&data[..end]]);
    [&data[..end], &fits.0].concat()
}

/// A bundle's bytes. What checks proves nothing that was not signed, and is told.
pub fn bundle(data: &[u8]) {
    let bytes = resealed(data);
    assert!(bytes == data || check(data).is_err(), "a bundle whose digest does not fit");
    if let Ok(bundle) = Bundle::decode(&bytes) {
        assert!(bundle.encode().unwrap() == bytes, "a bundle has another encoding");
    }
    match check(&bytes) {
        Ok(evidence) => {
            only_signed(&evidence);
            show(&bytes);
        }
        Err(error) => super::told(&error, data.len()),
    }
}

fn only_signed(evidence: &CheckedEvidence) {
    for header in headers(evidence) {
        assert!(SIGNED.headers.contains(&header.encode()), "a header that nobody signed");
    }
    for proven in &evidence.bundle.statements {
        let known = SIGNED.commitments[&proven.id];
        match &proven.disclosure {
            Disclosure::Withheld => {}
            Disclosure::Whole(said) => assert_eq!(said.commitment(), known, "what nobody said"),
            Disclosure::Part(part) => {
                let roots = part.lists.iter().map(|list| list.root);
                assert_eq!(commitment(&part.salt, &part.body, roots), known, "what nobody said");
                for line in part.lists.iter().flat_map(|list| &list.lines) {
                    let shown = SIGNED.lines.contains(&(line.index, line.salt, line.line.clone()));
                    let whole = SIGNED.said.iter().flat_map(|said| &said.lists).flat_map(|list| list.lines());
                    assert!(
                        shown || whole.into_iter().any(|it| *it == line.line),
                        "a line that is on no list"
                    );
                }
            }
        }
    }
    for by in &evidence.deposits {
        assert!(SIGNED.commitments.contains_key(&by.statement), "a deposit of no statement");
    }
}

/// As text, as JSON and as a page.
fn show(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("evidence");
    std::fs::write(&file, bytes).unwrap();
    let place = Place {
        vault: dir.path().to_owned(),
        passphrase_file: None,
        channel: None,
        json: false,
        style: Style::PLAIN,
        opened: Arc::new(OnceLock::new()),
    };
    let html = Some(dir.path().join("page.html"));
    let answer = check_file(&place, &EvidenceCheck { file, parties: Vec::new(), html, force: true });
    let Ok(answer) = answer else { panic!("evidence that holds is not told") };
    super::harmless(&answer.text);
    super::harmless(&json_line(&answer.json));
}

static SAID: LazyLock<BTreeSet<Vec<u8>>> = LazyLock::new(|| {
    let exports = seeds::export();
    let statements = exports.iter().flat_map(|bytes| check_export(bytes).unwrap().statements);
    statements.map(|it| it.encode().unwrap()).collect()
});

/// An export's bytes. What checks holds only statements that were signed, in chains that continue.
pub fn export(data: &[u8]) {
    match check_export(data) {
        Ok(export) => {
            for statement in &export.statements {
                assert!(SAID.contains(&statement.encode().unwrap()), "a statement that nobody signed");
            }
            let counts = export.heads().map(|(count, _)| count);
            assert_eq!(counts.iter().sum::<u64>(), export.statements.len() as u64);
        }
        Err(error) => super::told(&error, data.len()),
    }
}
