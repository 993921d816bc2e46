//! The house, held by a test: which room may import which, who may touch the operating system, and how long a
//! file may be. A failure names the rule, the file and the line.
//!
//! The source is read as text, not compiled: comments, strings and `#[cfg(test)]` items are taken out first.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at what cannot be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each room. Imports run downward only; rooms on one floor are strangers.
const FLOORS: [(&str, u8); 16] = [
    ("codec", 1),
    ("crypto", 1),
    ("step", 1),
    ("time", 1),
    ("party", 2),
    ("session", 3),
    ("statement", 3),
    ("wire", 3),
    ("deal", 4),
    ("host", 4),
    ("officer", 5),
    ("relay", 5),
    ("service", 6),
    ("desk", 7),
    ("bin", 8),
    ("lib", 9),
];

/// What `relay/` may know besides the ground floor: nothing that opens or means a cell.
const RELAY_NEVER: [&str; 4] = ["session", "statement", "deal", "officer"];

/// The rooms that may touch the operating system.
const OPEN_ROOMS: [&str; 4] = ["host", "service", "desk", "bin"];

/// What touches it.
const SYSTEM: [&str; 20] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "getrandom",
    "landlock",
    "libc",
    "rusqlite",
    "rustix",
    "rustls",
    "sd_notify",
    "seccompiler",
    "tempfile",
    "tokio",
    "tokio_postgres",
    "tokio_rustls",
    "tokio_socks",
];

/// Types of `std::net` that are addresses only: they parse text and open nothing.
const ADDRESSES: [&str; 3] = ["std::net::IpAddr", "std::net::Ipv4Addr", "std::net::Ipv6Addr"];

/// Lines in a file, at most.
const LINES_MAX: usize = 600;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Broken {
    rule: &'static str,
    line: usize,
    what: String,
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// The room of a file, by its path under `src/`.
fn room_of(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The source with comments, strings and character literals blanked; every line break stays.
fn without_words(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let blank = |out: &mut String, from: usize, to: usize| {
        out.extend(chars[from..to.min(chars.len())].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
    };
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        let end = match (chars[at], next) {
            ('/', Some('/')) => chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n),
            ('/', Some('*')) => block_comment_end(&chars, at),
            ('"', _) => string_end(&chars, at),
            ('r', Some('"' | '#')) if !follows_word(&chars, at) => raw_string_end(&chars, at),
            ('\'', _) => char_end(&chars, at),
            _ => at,
        };
        if end > at {
            blank(&mut out, at, end);
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn follows_word(chars: &[char], at: usize) -> bool {
    // `br"..."` is a raw string too.
    let before = at.checked_sub(1).map(|before| chars[before]);
    before.is_some_and(|c| is_word(c) && c != 'b')
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + 1 + hashes) != Some(&'"') {
        return from;
    }
    let mut at = from + 2 + hashes;
    while at < chars.len() {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        at += 1;
        if closes {
            return at + hashes;
        }
    }
    at
}

/// A character literal's end; a lifetime has none.
fn char_end(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), Some(_)) => {
            chars[from + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |n| from + n + 4)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from,
    }
}

/// Blanks every item under `#[cfg(test)]`: tests may use what they need.
fn without_tests(source: &str) -> String {
    let mut out: Vec<char> = source.chars().collect();
    let mark: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut at = 0;
    while at + mark.len() <= out.len() {
        if out[at..at + mark.len()] != mark[..] {
            at += 1;
            continue;
        }
        let end = item_end(&out, at + mark.len());
        out[at..end].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
        at = end;
    }
    out.into_iter().collect()
}

/// Where the item that begins at `from` ends: at its `;`, or at its closing brace. (`use a::{b};` closes a
/// brace and then ends at its `;`.)
fn item_end(chars: &[char], from: usize) -> usize {
    let item: String = chars[from..].iter().take(200).collect();
    let is_use = item.trim_start().trim_start_matches("pub ").starts_with("use ");
    let mut depth = 0usize;
    for (at, c) in chars.iter().enumerate().skip(from) {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (*c == ';' || (*c == '}' && !is_use)) {
            return at + 1;
        }
    }
    chars.len()
}

/// Every path in the source that names something outside it, `use` trees opened, with the line it begins on.
/// A path here is two or more words joined by `::`.
fn paths(source: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = source.chars().collect();
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        if chars[at] == '\n' {
            line += 1;
            at += 1;
        } else if is_word(chars[at]) {
            let begin = at;
            let found = read_tree(&chars, &mut at, "");
            out.extend(found.into_iter().filter(|path| path.contains("::")).map(|path| (line, path)));
            line += chars[begin..at].iter().filter(|c| **c == '\n').count();
        } else {
            at += 1;
        }
    }
    out
}

fn skip_space(chars: &[char], at: &mut usize) {
    while *at < chars.len() && chars[*at].is_whitespace() {
        *at += 1;
    }
}

/// Reads `a::b::{c, d::e}` from `at` on.
fn read_tree(chars: &[char], at: &mut usize, prefix: &str) -> Vec<String> {
    let mut path = prefix.to_owned();
    loop {
        let begin = *at;
        while *at < chars.len() && is_word(chars[*at]) {
            *at += 1;
        }
        let word: String = chars[begin..*at].iter().collect();
        path = if path.is_empty() { word } else { format!("{path}::{word}") };
        let mut ahead = *at;
        skip_space(chars, &mut ahead);
        if chars.get(ahead) != Some(&':') || chars.get(ahead + 1) != Some(&':') {
            return vec![path];
        }
        ahead += 2;
        skip_space(chars, &mut ahead);
        match chars.get(ahead) {
            Some('{') => {
                *at = ahead + 1;
                return read_group(chars, at, &path);
            }
            Some(c) if is_word(*c) => *at = ahead,
            _ => {
                *at = ahead;
                return vec![format!("{path}::*")];
            }
        }
    }
}

fn read_group(chars: &[char], at: &mut usize, prefix: &str) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        skip_space(chars, at);
        match chars.get(*at) {
            None => return out,
            Some('}') => {
                *at += 1;
                return out;
            }
            Some(c) if is_word(*c) => {
                out.extend(read_tree(chars, at, prefix));
                skip_alias(chars, at);
            }
            Some('*') => {
                out.push(format!("{prefix}::*"));
                *at += 1;
            }
            Some(_) => *at += 1,
        }
    }
}

/// Passes over ` as name`.
fn skip_alias(chars: &[char], at: &mut usize) {
    while *at < chars.len() && !matches!(chars[*at], ',' | '}') {
        *at += 1;
    }
}

/// The room that a path reaches, and whether it names this package.
fn target(path: &str) -> Option<&str> {
    let mut words = path.split("::");
    match words.next() {
        Some("crate" | "truceline") => words.next(),
        _ => None,
    }
}

fn touches_system(path: &str) -> bool {
    let under = |of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with("::"));
    let time = path == "std::time::*" || path == "std::time";
    (SYSTEM.iter().any(|of| under(of)) || time) && !ADDRESSES.iter().any(|of| under(of))
}

/// The rules that one file breaks, and the rooms it reaches.
fn check(path: &str, source: &str) -> (Vec<Broken>, BTreeSet<String>) {
    let (mut broken, mut reached) = (Vec::new(), BTreeSet::new());
    let mut report = |rule, line, what: String| broken.push(Broken { rule, line, what });
    if !source.starts_with("//!") {
        report("a file's first line is `//!`", 1, source.lines().next().unwrap_or_default().to_owned());
    }
    let lines = source.lines().count();
    if lines > LINES_MAX {
        report("a file has at most 600 lines", lines, format!("{lines} lines"));
    }
    let room = room_of(path);
    let Some(own) = floor(room) else {
        report("every room has a floor", 1, format!("{room} has none"));
        return (broken, reached);
    };
    // A file of tests beside the code may use what it needs.
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return (broken, reached);
    }
    for (line, path) in paths(&without_tests(&without_words(source))) {
        // crypto/ is a package of its own, which cannot reach another: its `crate` is itself.
        if let Some(other) = target(&path).filter(|other| *other != room && room != "crypto") {
            match floor(other) {
                _ if other.starts_with(|c: char| c.is_uppercase()) => {}
                None => report("an import names a room", line, path.clone()),
                Some(_) if room == "relay" && RELAY_NEVER.contains(&other) => {
                    report("relay/ never reaches what opens or means a cell", line, path.clone());
                }
                Some(theirs) if theirs > own => report("imports run downward only", line, path.clone()),
                // The ground floor is one room in several files; which are strangers there is checked by circles.
                Some(theirs) if theirs == own && own > 1 => {
                    report("rooms on one floor are strangers", line, path.clone());
                }
                Some(_) => drop(reached.insert(other.to_owned())),
            }
        }
        if touches_system(&path) && !OPEN_ROOMS.contains(&room) {
            report("only host/, service/, desk/ and bin/ touch the operating system", line, path);
        }
    }
    (broken, reached)
}

/// A circle among rooms, if there is one.
fn circle(reached: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk(
        room: &str,
        reached: &BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|other| other == room) {
            return Some(way[at..].to_vec());
        }
        if !done.insert(room.to_owned()) {
            return None;
        }
        way.push(room.to_owned());
        let found = reached.get(room).into_iter().flatten().find_map(|next| walk(next, reached, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    reached.keys().find_map(|room| walk(room, reached, &mut Vec::new(), &mut done))
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn the_source_keeps_to_the_house() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    assert!(found.len() > 20, "src/ was not read");
    let (mut broken, mut reached) = (Vec::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for file in found {
        let name = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        let (faults, rooms) = check(&name, &fs::read_to_string(&file).unwrap());
        broken
            .extend(faults.into_iter().map(|it| format!("src/{name}:{}: {}: {}", it.line, it.rule, it.what)));
        reached.entry(room_of(&name).to_owned()).or_default().extend(rooms);
    }
    if let Some(way) = circle(&reached) {
        broken.push(format!("no circles between rooms: {}", way.join(" -> ")));
    }
    assert!(broken.is_empty(), "the house rules are broken:\n{}", broken.join("\n"));
}

/// The rules a file breaks, each once a line.
fn rules(path: &str, source: &str) -> Vec<(&'static str, usize)> {
    let mut found: Vec<_> = check(path, source).0.into_iter().map(|it| (it.rule, it.line)).collect();
    found.dedup();
    found
}

const UPWARD: &str = "imports run downward only";
const STRANGERS: &str = "rooms on one floor are strangers";
const SEALED: &str = "relay/ never reaches what opens or means a cell";
const CLOSED: &str = "only host/, service/, desk/ and bin/ touch the operating system";

#[test]
fn an_import_upward_is_found_however_it_is_written() {
    for import in [
        "use crate::session::cell::Header;",
        "use crate::{codec, session};",
        "use crate::{codec::{self, CELL_BYTES}, session::{cell::{Header, Parts}}};",
        "use crate::{\n    codec,\n    session as other,\n};",
        "fn a() { let _ = crate::session::cell::seal; }",
        "pub use crate::session::*;",
        "fn a(b: &crate::session :: cell::Header) {}",
        "use truceline::session::cell::Header;",
    ] {
        assert_eq!(rules("party/card.rs", &format!("//! A.\n\n{import}\n")), [(UPWARD, 3)], "{import}");
    }
}

#[test]
fn strangers_and_a_relay_that_could_open_a_cell_are_found() {
    let source = "//! A.\nuse crate::statement::header::Header;\n";
    assert_eq!(rules("session/cell.rs", source), [(STRANGERS, 2)]);
    assert_eq!(rules("relay/engine.rs", source), [(SEALED, 2)]);
    assert_eq!(rules("relay/engine.rs", "//! A.\nuse crate::{wire, deal::body};\n"), [(SEALED, 2)]);
    assert_eq!(rules("deal/body.rs", source), []);
}

#[test]
fn what_touches_the_system_is_found_outside_the_rooms_that_may() {
    for touch in [
        "use std::fs;",
        "use std::{fmt, net::TcpStream};",
        "use std::time::{Duration, Instant};",
        "use std::time::*;",
        "fn a() { std::env::var(\"A\"); }",
        "use tokio::sync::mpsc;",
        "use rusqlite::Connection;",
        "fn a() { let _ = getrandom::SysRng; }",
        "use std::process::exit;",
    ] {
        let source = format!("//! A.\n{touch}\n");
        assert_eq!(rules("officer/outbox.rs", &source), [(CLOSED, 2)], "{touch}");
        assert_eq!(rules("host/store.rs", &source), [], "{touch}");
    }
    assert_eq!(rules("party/relay.rs", "//! A.\nuse std::net::{IpAddr, Ipv6Addr};\n"), []);
    assert_eq!(rules("officer/a.rs", "//! A.\nuse std::time::Duration;\n"), []);
}

#[test]
fn words_comments_and_tests_are_not_imports() {
    let source = r##"//! See crate::session.
/* use crate::session; /* nested */ std::fs */
// std::env
const A: &str = "crate::session::x \" std::fs::y";
const B: &str = r#"std::net "quoted" crate::desk"#;
const C: char = '"';
fn a<'a>(b: &'a str) -> &'a str { b }
#[cfg(test)]
mod tests {
    use crate::session::cell;
    use std::fs;
}
#[cfg(test)]
use crate::desk::{a, b};
use crate::session::found;
"##;
    assert_eq!(rules("party/card.rs", source), [(UPWARD, 15)]);
}

#[test]
fn a_file_without_its_purpose_a_long_file_and_an_unknown_room_are_found() {
    assert_eq!(rules("party/card.rs", "use std::fmt;\n"), [("a file's first line is `//!`", 1)]);
    let long = format!("//! A.\n{}", "\n".repeat(LINES_MAX));
    assert_eq!(rules("party/card.rs", &long), [("a file has at most 600 lines", LINES_MAX + 1)]);
    assert_eq!(rules("util/a.rs", "//! A.\n"), [("every room has a floor", 1)]);
    assert_eq!(rules("party/a.rs", "//! A.\nuse crate::util::b;\n"), [("an import names a room", 2)]);
}

#[test]
fn a_circle_is_found() {
    let to = |rooms: &[&str]| rooms.iter().map(|room| (*room).to_owned()).collect();
    let mut reached = BTreeMap::from([
        ("codec".to_owned(), to(&["time"])),
        ("crypto".to_owned(), to(&["codec"])),
        ("time".to_owned(), to(&[])),
    ]);
    assert_eq!(circle(&reached), None);
    reached.insert("time".to_owned(), to(&["crypto"]));
    assert_eq!(circle(&reached).map(|way| way.len()), Some(3));
}
