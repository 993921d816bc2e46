//! What an officer hands in: texts, proposals, lists. What is wrong is named by its place, and nothing is said.

use crate::officer::{Answer, Officer, id};
use crate::scene::Scene;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

/// A proposal whose one list is `list.csv`.
const PROPOSAL: &str = "[[leg]]\ngiver = \"me\"\npersons = \"list.csv\"\n";

fn said_on(officer: &Officer, text: &[u8]) -> Answer {
    let mut child = officer
        .command(&["--json", "say", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has read enough may have closed its end.
    let _ = child.stdin.take().unwrap().write_all(text);
    Answer::of(child.wait_with_output().unwrap())
}

#[test]
fn four_thousand_characters_are_said_and_one_more_is_not() {
    let Scene { velmara, tarrun, relay: _relay } = Scene::new();
    let fits = "й".repeat(4_000);
    velmara.refused(&["say", &format!("{fits}!")], 6, "4001 characters", "");
    velmara.refused(&["say", ""], 6, "empty", "");
    let offer = id(&velmara.ok(&["say", &fits]));
    velmara.sync();
    tarrun.sync();
    assert_eq!(tarrun.ok(&["show", &offer])["statement"]["body"]["text"], fits.as_str());
    let reason = format!("{fits}!");
    let any = &offer[..8];
    velmara.refused(&["withdraw", any, "--reason", &reason, "--yes"], 6, "4001 characters", "");
}

#[test]
fn text_that_is_not_utf8_is_refused_wherever_it_comes_from() {
    let Scene { velmara, relay: _relay, .. } = Scene::new();
    let before = velmara.bytes();
    let latin1 = b"caf\xe9";
    let mut command = velmara.command(&["say"]);
    command.arg(std::ffi::OsStr::from_bytes(latin1));
    let answer = Answer::of(command.output().unwrap());
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("UTF-8"), "{answer:?}");
    said_on(&velmara, latin1).fails(6, "not UTF-8", "UTF-8");
    let toml = velmara.write("bad.toml", b"remarks = \"caf\xe9\"\n");
    velmara.refused(&["propose", &toml, "--yes"], 6, "not UTF-8", "examples/exchange.toml");
    let proposal = velmara.write("proposal.toml", PROPOSAL);
    velmara.write("list.csv", b"surname\ncaf\xe9\n");
    velmara.refused(&["propose", &proposal, "--yes"], 6, "list.csv", "");
    assert_eq!(velmara.bytes(), before);
    assert_eq!(said_on(&velmara, "Да.\n".as_bytes()).json()["summary"], "Да.");
}

#[test]
fn a_bad_row_is_named_by_line_and_column_and_nothing_is_said() {
    let Scene { velmara, relay: _relay, .. } = Scene::new();
    let proposal = velmara.write("proposal.toml", PROPOSAL);
    let lists: [(&str, &[&str]); 6] = [
        ("surname,birth_date\nКадошев,1990-01-01\nBrand,1990-13-01\n", &["list.csv", "line 3", "birth_date"]),
        ("surname,sex\nКадошев,male\nBrand,soldier\n", &["line 3", "sex"]),
        ("surname,shoe_size\nBrand,44\n", &["shoe_size"]),
        ("surname,birth_date\nBrand\n", &["line 2"]),
        ("surname\n", &["list.csv"]),
        ("", &["list.csv"]),
    ];
    for (list, named) in lists {
        velmara.write("list.csv", list);
        for name in named {
            velmara.refused(&["propose", &proposal, "--yes"], 6, name, "");
        }
    }
    velmara.write("list.csv", "surname,sex\nКадошев,soldier\n,\nBrand,male,\n");
    velmara.refused(&["propose", &proposal, "--yes"], 6, "cannot be used", "Correct the file");
    let told = velmara.run(&["propose", &proposal, "--yes"]).err;
    for fault in
        ["  list.csv, line 2, column sex: ", "  list.csv, line 3, column surname: ", "  list.csv, line 4: "]
    {
        assert!(told.contains(fault), "{told}");
    }
    std::fs::remove_file(velmara.dir.join("list.csv")).unwrap();
    velmara.refused(&["propose", &proposal, "--yes"], 6, "list.csv", "beside the proposal");
    let outside = velmara.write("outside.toml", PROPOSAL.replace("list.csv", "../passphrase"));
    velmara.refused(&["propose", &outside, "--yes"], 6, "outside the proposal's folder", "");
    let unknown = velmara.write("unknown.toml", "firmnes = \"firm\"\n");
    velmara.refused(&["propose", &unknown, "--yes"], 6, "unknown.toml, line 1", "examples/package.toml");
    velmara.refused(&["propose", "/nonexistent.toml", "--yes"], 6, "/nonexistent.toml", "Check the path");
}

#[test]
fn a_list_of_twenty_thousand_and_one_lines_and_a_statement_of_nine_mebibytes_are_refused() {
    let Scene { velmara, relay: _relay, .. } = Scene::new();
    let proposal = velmara.write("proposal.toml", PROPOSAL);
    let names = |count: usize| (0..count).map(|at| format!("Фамилия {at}\n")).collect::<String>();
    velmara.write("list.csv", format!("surname\n{}", names(20_001)));
    velmara.refused(&["propose", &proposal, "--yes"], 6, "20001", "");
    // Each line within its bounds, 20,000 of them, and all together more than a statement holds.
    let marks = "m".repeat(480);
    let rows: String = (0..20_000).map(|at| format!("Name {at},{marks}\n")).collect();
    assert!(rows.len() > 9 << 20);
    velmara.write("list.csv", format!("surname,marks\n{rows}"));
    velmara.refused(&["propose", &proposal, "--yes"], 6, "", "divide its lists");
}
