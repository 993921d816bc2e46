//! Passes that an operator takes back, while the relay serves and while it does not.

use super::relay_client::{Client, Queue, tokens};
use super::{Operator, PROGRAM, relay, text};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use truceline::party::relay::RelayPlace;
use truceline::wire::pass::Token;
use truceline::wire::reply::Reply;

/// Issues a pass: its line, and its tokens.
fn issue(operator: &Operator) -> (String, Vec<Token>) {
    let line = text(&relay(&["pass", operator.dir()]).stdout);
    let tokens = tokens(&line);
    (line, tokens)
}

fn revoke(operator: &Operator, args: &[&str], line: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["revoke", operator.dir()]).args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // With --all nothing is read.
    let _ = child.stdin.take().unwrap().write_all(line.as_bytes());
    child.wait_with_output().unwrap()
}

async fn opens(place: &RelayPlace, seed: u64, token: Token) -> bool {
    match Client::open(place, &Queue::seeded(seed), token).await.1 {
        Reply::Serving { .. } => true,
        Reply::PassRefused => false,
        other => panic!("an opening was answered {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_taken_back_opens_nothing_from_then_on_and_another_does() {
    let operator = Operator::init();
    let serving = operator.serve();
    let (stolen, kept) = (issue(&operator), issue(&operator));
    assert!(opens(&serving.place, 1, stolen.1[0]).await);
    let told = revoke(&operator, &[], &stolen.0);
    assert!(told.status.success(), "{}", text(&told.stderr));
    assert!(!text(&told.stdout).contains("truceline-pass"));
    // At once, and not only with the next look at the folder.
    assert!(!opens(&serving.place, 2, stolen.1[1]).await);
    assert!(opens(&serving.place, 3, kept.1[0]).await);
    // What was opened with it stays, and a sudden death brings nothing back.
    drop(serving);
    let serving = operator.serve();
    assert!(!opens(&serving.place, 4, stolen.1[2]).await);
    assert!(opens(&serving.place, 1, stolen.1[0]).await, "it is open already");
    assert_eq!(std::fs::read_dir(operator.dir.join("passes")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_taken_back_before_the_relay_has_seen_it_and_all_but_later_ones_with_one_word() {
    let operator = Operator::init();
    let status = || text(&relay(&["status", operator.dir()]).stdout);
    let (stolen, older) = (issue(&operator), issue(&operator));
    assert!(revoke(&operator, &[], &stolen.0).status.success());
    assert!(status().contains("tokens       4"), "{}", status());
    let serving = operator.serve();
    assert!(!opens(&serving.place, 1, stolen.1[0]).await);
    assert!(opens(&serving.place, 2, older.1[0]).await);
    drop(serving);
    let waits = issue(&operator);
    assert!(revoke(&operator, &["--all"], "").status.success());
    assert!(status().contains("tokens       0"), "{}", status());
    assert!(revoke(&operator, &["--all"], "").status.success(), "while the first still waits");
    let later = issue(&operator);
    assert!(status().contains("tokens       4"), "{}", status());
    let serving = operator.serve();
    for (seed, gone) in [(3, older.1[1]), (4, waits.1[0])] {
        assert!(!opens(&serving.place, seed, gone).await);
    }
    assert!(opens(&serving.place, 5, later.1[0]).await);
    // And while it serves.
    assert!(revoke(&operator, &["--all"], "").status.success());
    let newest = issue(&operator);
    assert!(!opens(&serving.place, 6, later.1[1]).await);
    assert!(opens(&serving.place, 7, newest.1[0]).await);
}

#[test]
fn what_is_no_pass_takes_nothing_back_and_is_not_shown() {
    let operator = Operator::init();
    let (line, _) = issue(&operator);
    for wrong in ["", "nothing\n", &line[..line.len() - 4], "truceline-pass:"] {
        let told = revoke(&operator, &[], wrong);
        assert_eq!(told.status.code(), Some(2), "{wrong}");
        let errors = text(&told.stderr);
        assert!(errors.contains("--all") && !errors.contains(&line[20..30]), "{errors}");
    }
    assert!(text(&relay(&["status", operator.dir()]).stdout).contains("tokens       4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_revocation_is_told_and_takes_nothing_back() {
    let operator = Operator::init();
    let (line, tokens) = issue(&operator);
    let mut serving = operator.serve();
    let file = operator.dir.join("passes/00112233445566778899aabbccddeeff.revoked");
    std::fs::write(&file, "revoked\nall\n").unwrap();
    assert!(serving.logged("a revocation").contains("revoke again"));
    let check = text(&relay(&["check", operator.dir()]).stdout);
    assert!(check.contains("warn  passes        1 files"), "{check}");
    assert!(opens(&serving.place, 1, tokens[0]).await);
    assert!(revoke(&operator, &[], &line).status.success());
    assert!(!opens(&serving.place, 2, tokens[1]).await, "another goes its way");
    assert!(file.exists());
}
