//! What is asked of the person at the terminal: passphrases, without showing them, and consent. And progress,
//! for whatever takes longer than a second.

use crate::crypto::derive::same_code;
use crate::desk::failure::{Cause, Failure};
use crate::host::folder::check_private;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a passphrase, at most.
const PASSPHRASE_BYTES_MAX: u64 = 4_096;
/// Bytes of a typed line, at most: a party's name fits.
const LINE_BYTES_MAX: u64 = 512;
/// The byte that Ctrl-C sends.
const INTERRUPT: u8 = 3;
/// What takes longer than this is shown to be under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// A passphrase.
pub type Passphrase = Zeroizing<String>;

/// Reads a passphrase from a file, without the line break at its end.
///
/// # Errors
/// [`Cause::Input`].
pub fn passphrase_from(path: &Path) -> Result<Passphrase, Failure> {
    let unusable = |cause: &dyn std::fmt::Display| {
        let what = format!("the passphrase file {} cannot be used: {cause}", path.display());
        Failure::new(
            Cause::Input,
            what,
            "Check the path; the file holds the passphrase on one line, in UTF-8.",
        )
    };
    let file = File::open(path).map_err(|error| unusable(&error))?;
    if file.metadata().is_ok_and(|data| data.is_file()) && check_private(path).is_err() {
        eprintln!("warning: others can read {}: chmod 600 it", path.display());
    }
    // All the room at once: where a text lay before it grew, it would stay.
    let mut text = Passphrase::new(String::with_capacity(PASSPHRASE_BYTES_MAX as usize + 1));
    file.take(PASSPHRASE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| unusable(&error))?;
    let length = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(length);
    if text.is_empty() || text.len() as u64 > PASSPHRASE_BYTES_MAX || text.contains('\n') {
        return Err(unusable(&"it must hold one line of 1 to 4,096 bytes"));
    }
    Ok(text)
}

/// Asks for a passphrase on the terminal, whatever standard input is.
///
/// # Errors
/// [`Cause::Usage`] without a terminal, or when interrupted.
pub fn passphrase(prompt: &str) -> Result<Passphrase, Failure> {
    let none = || {
        Failure::new(
            Cause::Usage,
            "a passphrase is needed, and there is no terminal to ask for it",
            "Give --passphrase-file FILE, or set TRUCELINE_PASSPHRASE_FILE.",
        )
    };
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(|_| none())?;
    let before = tcgetattr(&terminal).map_err(|_| none())?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    // Ctrl-C ends the line instead of the program, so that the terminal is always put right again.
    quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
    let _ = write!(terminal, "{prompt}: ");
    let _ = terminal.flush();
    tcsetattr(&terminal, OptionalActions::Flush, &quiet).map_err(|_| none())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX as usize));
    let read = read_line(&mut terminal, &mut bytes);
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &before);
    let _ = writeln!(terminal);
    read.map_err(|_| none())?;
    restored.map_err(|_| none())?;
    if bytes.contains(&INTERRUPT) {
        return Err(Failure::new(Cause::Usage, "interrupted", "Nothing was changed."));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::new(Cause::Usage, "the passphrase is not UTF-8", "Check the terminal's encoding.")
    })?;
    Ok(Passphrase::new(text.to_owned()))
}

fn read_line(terminal: &mut File, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut byte = [0];
    while bytes.len() < PASSPHRASE_BYTES_MAX as usize && terminal.read(&mut byte)? == 1 {
        let [byte] = byte;
        if byte == b'\n' {
            break;
        }
        bytes.push(byte);
        if byte == INTERRUPT {
            break;
        }
    }
    Ok(())
}

/// Asks for a new passphrase, twice.
///
/// # Errors
/// [`Cause::Usage`].
pub fn new_passphrase(prompt: &str) -> Result<Passphrase, Failure> {
    let first = passphrase(prompt)?;
    if first.is_empty() {
        return Err(Failure::new(
            Cause::Usage,
            "the passphrase is empty",
            "Choose six random words or more: it is all that guards the vault on a stolen disk.",
        ));
    }
    if !same_code(first.as_bytes(), passphrase("The same again")?.as_bytes()) {
        return Err(Failure::new(Cause::Usage, "the two passphrases differ", "Run the command again."));
    }
    Ok(first)
}

/// Whether somebody is there to be asked.
#[must_use]
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question to be answered with yes; anything else is no.
///
/// # Errors
/// [`Cause::Usage`] where nobody is there: `flag` is what answers beforehand.
pub fn consent(question: &str, flag: &str) -> Result<bool, Failure> {
    if !can_ask() {
        let what = format!("this needs an answer, and there is no terminal to ask on: {question}");
        return Err(Failure::new(Cause::Usage, what, format!("Answer beforehand with {flag}.")));
    }
    Ok(matches!(line(&format!("{question} [y/N] ")).to_lowercase().as_str(), "y" | "yes"))
}

/// One line that is typed, without what surrounds it; empty where none came.
#[must_use]
pub fn line(prompt: &str) -> String {
    eprint!("{prompt}");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = BufReader::new(std::io::stdin().take(LINE_BYTES_MAX)).read_line(&mut line);
    if read.is_ok() { line.trim().to_owned() } else { String::new() }
}

/// Says on standard error that something is under way, once it has taken a second; only on a terminal.
pub struct Progress {
    done: Option<mpsc::Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins; what it says ends when it is dropped.
    #[must_use]
    pub fn new(message: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { done: None, shown: None };
        }
        let (done, wait) = mpsc::channel();
        let shown = std::thread::Builder::new().spawn(move || show_until(&wait, message)).ok();
        Self { done: Some(done), shown }
    }
}

fn show_until(wait: &mpsc::Receiver<()>, message: &'static str) {
    if wait.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(message);
    while wait.recv_timeout(Duration::from_millis(120)) == Err(mpsc::RecvTimeoutError::Timeout) {
        bar.tick();
    }
    bar.finish_and_clear();
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(shown) = self.shown.take() {
            let _ = shown.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_file_is_one_line_and_its_end_is_no_part_of_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("passphrase");
        for (written, read) in [
            ("a b c\n", Some("a b c")),
            ("x\r\n", Some("x")),
            (" y ", Some(" y ")),
            ("", None),
            ("\n", None),
            ("a\nb\n", None),
        ] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(passphrase_from(&path).ok().as_deref().map(String::as_str), read, "{written:?}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(passphrase_from(&path).unwrap_err().cause, Cause::Input);
        assert_eq!(passphrase_from(&place.path().join("none")).unwrap_err().cause, Cause::Input);
    }
}
