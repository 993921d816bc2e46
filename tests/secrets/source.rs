//! The source, read as text: secrets have no trait that shows, copies or compares them, and what a key made is compared
//! by `same_code` alone.
//!
//! Most of it holds by construction: a type with a `Secret` in it cannot derive what `Secret` has not. What is left to
//! check is that `Secret` has none of it, and that nobody writes such a trait out by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What holds the bytes of a secret: all types with one of these in them are secrets themselves.
const SECRETS: [&str; 5] = ["Secret", "StaticSecret", "PqdsaKeyPair", "ed25519_dalek::SigningKey", "Token"];

/// What a secret may not do.
const NEVER: [&str; 13] = [
    "Debug",
    "Display",
    "Clone",
    "Copy",
    "PartialEq",
    "Eq",
    "PartialOrd",
    "Ord",
    "Hash",
    "Serialize",
    "Deref",
    "AsRef",
    "Borrow",
];

/// A token of a pass goes over the wire as it is, in requests that tests compare. It is written as `Token(..)` and
/// compared by `same_code`.
const ALLOWED: [(&str, &str); 5] =
    [("Token", "Clone"), ("Token", "Copy"), ("Token", "Debug"), ("Token", "PartialEq"), ("Token", "Eq")];

/// What makes a code with a key: no line may compare its result with `==`.
const CODES: [&str; 6] = [".expose()", "keys.digest(", "mac(", "hmac_sha256(", "expand(", "derive_id("];

/// The only files that may name `ct_eq`, so that there is one way.
const CONSTANT_TIME: &str = "crypto/derive.rs";

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("known_answers.rs") {
            out.push(path);
        }
    }
}

/// The source without comments and what follows its `#[cfg(test)]` module, every line in its place.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = source.lines().map(|line| line.split("//").next().unwrap());
    lines.map(|line| format!("{line}\n")).collect()
}

/// What stands between `open` at the beginning of `text` and what closes it.
fn within(text: &str, open: char, close: char) -> &str {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        depth += usize::from(c == open);
        if c == close {
            depth -= 1;
            if depth == 0 {
                return &text[..at];
            }
        }
    }
    text
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').filter(|word| !word.is_empty())
}

/// A struct or an enum: its derived traits and what its fields name.
struct Type<'a> {
    name: &'a str,
    derives: BTreeSet<&'a str>,
    fields: &'a str,
}

fn types(code: &str) -> Vec<Type<'_>> {
    let mut found = Vec::new();
    for keyword in ["struct ", "enum "] {
        for (at, _) in code.match_indices(keyword) {
            let before = code[..at].rsplit(['}', ';']).next().unwrap();
            if code[..at].ends_with(|c: char| !c.is_whitespace()) {
                continue;
            }
            let after = &code[at + keyword.len()..];
            let name = words(after).next().unwrap_or_default();
            let body = after.find(['{', '(', ';']).map_or("", |begin| &after[begin..]);
            let fields = if body.starts_with('(') { within(body, '(', ')') } else { within(body, '{', '}') };
            let derived =
                before.split("derive(").skip(1).flat_map(|list| words(list.split(')').next().unwrap()));
            let derives = derived.map(|name| name.rsplit("::").next().unwrap()).collect();
            let fields = if body.starts_with(';') { "" } else { fields };
            found.push(Type { name, derives, fields });
        }
    }
    found
}

/// The traits that are written out by hand, by type.
fn implementations(code: &str) -> Vec<(&str, &str)> {
    let heads = code.match_indices("impl").map(|(at, _)| code[at..].split('{').next().unwrap());
    let pairs = heads.filter_map(|head| {
        let (left, right) = head.split_once(" for ")?;
        let of = left
            .trim_end()
            .split('<')
            .next_back()
            .filter(|_| left.trim_end().ends_with('>'))
            .map_or(left, |_| left.trim_end().rsplit_once('<').map_or(left, |(name, _)| name));
        Some((words(of).last()?.rsplit("::").next()?, words(right).next()?))
    });
    pairs.collect()
}

/// What is wrong with these files, by path under `src/`.
fn faults(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let codes: BTreeMap<&str, String> =
        sources.iter().map(|(path, text)| (path.as_str(), code(text))).collect();
    for (path, code) in &codes {
        let types = types(code);
        // A name means the same within one file; a type of another that holds a secret cannot be derived over either.
        let mut secrets: BTreeSet<&str> = SECRETS.into();
        loop {
            let holds = |of: &&Type<'_>| words(of.fields).any(|word| secrets.contains(word));
            let more: Vec<&str> = types.iter().filter(holds).map(|of| of.name).collect();
            let before = secrets.len();
            // What holds a token is a message, not a secret of its own.
            secrets.extend(more.into_iter().filter(|name| !path.starts_with("wire/re") || *name == "Secret"));
            if secrets.len() == before {
                break;
            }
        }
        let derived = types.iter().flat_map(|of| of.derives.iter().map(move |name| (*name, of.name)));
        for (what, name) in derived.chain(implementations(code)) {
            if secrets.contains(name) && NEVER.contains(&what) && !ALLOWED.contains(&(name, what)) {
                faults.push(format!("src/{path}: {name} holds a secret and has {what}"));
            }
        }
        for (line, text) in (1..).zip(code.lines()) {
            let compares = text.contains("==") || text.contains("!=") || text.contains(".eq(");
            if compares && CODES.iter().any(|made| text.contains(made)) {
                faults.push(format!(
                    "src/{path}:{line}: compared by other means than same_code: {}",
                    text.trim()
                ));
            }
            if text.contains("ct_eq") && *path != CONSTANT_TIME {
                faults.push(format!("src/{path}:{line}: only same_code compares in constant time"));
            }
        }
    }
    faults
}

fn source() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let name = |file: &PathBuf| file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
    found.iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn no_secret_is_shown_copied_or_compared() {
    let sources = source();
    assert!(sources.len() > 100, "src/ was not read");
    let faults = faults(&sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where codes made with a key are compared: a place that goes is missed here, and a new one is looked at.
#[test]
fn what_a_key_made_is_compared_where_it_is_known_to_be() {
    let sources = source();
    let calls = |text: &String| code(text).matches("same_code(").count();
    let found: Vec<(&str, usize)> =
        sources.iter().map(|(path, text)| (path.as_str(), calls(text))).filter(|it| it.1 > 0).collect();
    let wanted = [
        ("crypto/derive.rs", 1),
        ("desk/ask.rs", 1),
        ("host/tally.rs", 2),
        ("host/vault.rs", 1),
        ("wire/pass.rs", 1),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn each_way_to_give_a_secret_away_is_found() {
    let at = |path: &str, text: &str| faults(&BTreeMap::from([(path.to_owned(), text.to_owned())])).len();
    for (text, wanted) in [
        ("#[derive(Clone)]\npub struct Secret<const N: usize>(Box<[u8; N]>);", 1),
        ("#[derive(Debug, Encode, PartialEq)]\nstruct Key { bytes: Secret<32> }", 2),
        ("struct Key(Secret<32>);\n#[derive(Debug)]\nstruct Two { one: Key, other: Key }", 1),
        ("struct Key(Secret<32>);\nimpl std::fmt::Debug for Key {\n}", 1),
        ("impl<const N: usize> PartialEq<[u8; N]> for Secret<N> {\n}", 1),
        ("impl AsRef<[u8]> for Secret<32> {\n}", 1),
        ("fn a() { if one.expose() == other.expose() {} }", 1),
        ("fn a() { known != Some(&self.keys.digest(table)) }", 1),
        ("fn a() { mac(&key, &[]).eq(&tag) }", 1),
        ("fn a() { one.ct_eq(other) }", 1),
        (
            "#[derive(Debug, Clone)]\nstruct Public([u8; 32]);\nstruct Key { own: Secret<32>, public: Public }",
            0,
        ),
        ("#[derive(Encode, Decode)]\npub struct Key(Secret<32>);", 0),
        ("// #[derive(Debug)]\nstruct Key(Secret<32>); // one.expose() == other", 0),
    ] {
        assert_eq!(at("crypto/a.rs", text), wanted, "{text}");
    }
    assert_eq!(at("crypto/derive.rs", "fn same_code() { one.ct_eq(other) }"), 0);
}
