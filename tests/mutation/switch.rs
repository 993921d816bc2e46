//! Which mutant of the woven copy is on: the one that `MUTANT` names. `MUTANTS_SEEN` names a file that tells which were
//! asked for.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

const MANY: usize = 1 << 14;
static ON: LazyLock<usize> =
    LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|it| it.parse().ok()).unwrap_or(MANY));
static SEEN: LazyLock<Option<std::sync::Mutex<std::fs::File>>> = LazyLock::new(|| {
    let file = std::env::var_os("MUTANTS_SEEN")?;
    std::fs::File::options().append(true).create(true).open(file).ok().map(Into::into)
});
static ASKED: [AtomicBool; MANY] = [const { AtomicBool::new(false) }; MANY];

pub fn on(number: usize) -> bool {
    if SEEN.is_some() && !ASKED[number].swap(true, Ordering::Relaxed) {
        writeln!(SEEN.as_ref().unwrap().lock().unwrap(), "{number}").unwrap();
    }
    number == *ON
}
