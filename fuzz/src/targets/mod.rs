//! What is fuzzed: one function for each decoder of foreign bytes, and where its inputs begin. libFuzzer runs them
//! (`fuzz_targets/`), and so does `cargo test --test fuzz` on stable. May not know who calls.
//!
//! A target panics where a property is broken: what decodes encodes back to the same bytes, what was altered is not
//! accepted, what is shown is harmless. Many inputs are not the decoder's bytes themselves but say what goes into a
//! seal, or what is changed in good bytes: each target says what its input is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod body;
mod deal;
mod evidence;
mod host;
mod lines;
#[path = "../../../tests/pair/mod.rs"]
mod pair;
mod rows;
mod seeds;
mod session;
mod statement;
mod vault;
mod wire;

/// A decoder under test.
pub struct Target {
    /// Its name: that of its folder under `corpus/` and `regressions/`, and of its program.
    pub name: &'static str,
    /// One execution.
    pub run: fn(&[u8]),
    /// Where inputs begin.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What one execution costs, in some hundred microseconds: those that cost more are tried less by default.
    pub cost: u32,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, cost: u32) -> Target {
    Target { name, run, seeds, cost }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("frame", wire::frame, seeds::frame, 1),
    target("request", wire::request, seeds::request, 3),
    target("reply", wire::reply, seeds::reply, 1),
    target("deposit", wire::deposit, seeds::deposit, 4),
    target("cell", session::cell, seeds::cell, 12),
    target("chain", session::chain, seeds::chain, 12),
    target("hello", session::hello, seeds::hello, 12),
    target("welcome", session::welcome, seeds::welcome, 6),
    target("offer", session::offer, seeds::offer, 5),
    target("invite", lines::invite, seeds::invite, 1),
    target("pass", lines::pass, seeds::pass, 1),
    target("place", lines::place, seeds::place, 1),
    target("card", lines::card, seeds::card, 1),
    target("relay_toml", lines::relay_toml, seeds::relay_toml, 1),
    target("header", statement::header, seeds::header, 1),
    target("statement", statement::statement, seeds::statement, 4),
    target("body", body::body, seeds::body, 3),
    target("record", body::record, seeds::record, 1),
    target("bundle", evidence::bundle, seeds::bundle, 60),
    target("export", evidence::export, seeds::export, 20),
    target("proposal", deal::proposal, seeds::proposal, 4),
    target("persons", deal::persons, seeds::persons, 4),
    target("lines", deal::lines, seeds::lines, 4),
    target("mandate", deal::mandate, seeds::mandate, 2),
    target("signed_mandate", deal::signed_mandate, seeds::signed_mandate, 3),
    target("draft", deal::draft, seeds::draft, 2),
    target("approval", deal::approval, seeds::approval, 3),
    target("row", rows::row, seeds::row, 3),
    target("vault_rows", rows::vault_rows, seeds::vault_rows, 80),
    target("relay_rows", rows::relay_rows, seeds::relay_rows, 1),
    target("relay_file", host::relay_file, seeds::patches, 30),
    target("relay_journal", host::relay_journal, seeds::journal, 30),
    target("vault_file", host::vault_file, seeds::patches, 1500),
    target("wrapped_key", host::wrapped_key, seeds::wrapped_key, 1500),
    target("backup", vault::backup, seeds::backup, 60),
];

/// The target of this name.
#[must_use]
pub fn named(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target is called {name}"))
}

/// Takes `data` apart: what it runs out of is zero.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let taken = self.take(N);
        out[..taken.len()].copy_from_slice(taken);
        out
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// `length u16 ‖ bytes`.
    fn short(&mut self) -> &'a [u8] {
        let length = self.u16();
        self.take(length.into())
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Changes good bytes as `data` says, each change `at u24 ‖ length u8 ‖ bytes`; one of no bytes cuts the rest off.
fn patched(good: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let mut input = Input(data);
    while !input.is_empty() {
        let [a, b, c] = input.array();
        let at = (u32::from_le_bytes([a, b, c, 0]) as usize) % (bytes.len().max(1));
        let length = input.u8();
        let new = input.take(length.into());
        if length == 0 {
            bytes.truncate(at);
        }
        bytes.iter_mut().skip(at).zip(new).for_each(|(to, from)| *to = *from);
    }
    bytes
}

/// Text that a person sees has nothing in it that acts on a terminal or hides.
fn harmless(text: &str) {
    let hostile = text.chars().find(|c| *c != '\n' && truceline::desk::screen::is_hostile(*c));
    assert!(hostile.is_none(), "{hostile:?} is shown in {text:?}");
}

/// An error's text is not empty, and does not grow past what it is about.
fn told(error: &dyn std::fmt::Display, input: usize) {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert!(text.len() <= 40 * (input + 1_000), "{} bytes tell of {input}", text.len());
}
