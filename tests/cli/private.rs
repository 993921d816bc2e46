//! What the own side keeps to itself stays there: marks put into every kind of it are looked for in everything that
//! leaves the own vault, and in the vault's own bytes. What is said in a statement is found by the same search.

use crate::officer::{Officer, example, id};
use crate::relay::Relay;
use crate::scene::{Desk, Scene, run};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use truceline::party::role::Role;
use unicode_width::UnicodeWidthStr;

/// Said to the other side: the search must find it.
const SAID: &str = "Kyanite-said-aloud";
/// Kept: a note on a statement, on a person, on the other's statement; an untruth and what is so; a profile.
const KEPT: [&str; 7] = [
    "Obsidian-note-on-ours",
    "Obsidian-note-on-a-person",
    "Obsidian-note-on-theirs",
    "Obsidian-said-falsely",
    "Obsidian-what-is-so",
    "Obsidian-profile-key",
    "Obsidian-profile-text",
];
/// The part that all of [`KEPT`] share.
const MARK: &str = "Obsidian-";

/// Commands that reckon for the own side.
const OURS: [&str; 4] = ["delays", "interest", "report", "family"];

fn holds(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// Every file under a folder, with its name.
fn files(dir: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), out);
        } else {
            let name = entry.path().display().to_string();
            out.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
}

/// Bundles of every kind about these statements, of which the second is an offer; and the page of each.
fn bundles(officer: &Officer, statements: &[&str]) -> Vec<(String, Vec<u8>)> {
    let (all, person) = (statements.join(","), format!("{}#1.1", statements[1]));
    let about = [["--statements", &all], ["--case", statements[1]], ["--person", &person]];
    let mut out = Vec::new();
    for about in about {
        let [file, page] = ["evidence.bin", "evidence.html"].map(|name| officer.dir.join(name));
        let [file, page] = [&file, &page].map(|path| path.to_str().unwrap());
        let args = ["evidence", "make", about[0], about[1], "--out", file, "--html", page, "--force"];
        let told = officer.run(&args);
        assert_eq!(told.code, Some(0), "{told:?}");
        let check = officer.run(&["evidence", "check", file]);
        for (what, bytes) in [
            ("file", std::fs::read(file).unwrap()),
            ("page", std::fs::read(page).unwrap()),
            ("making", [told.out, told.err].concat().into_bytes()),
            ("check", [check.out, check.err].concat().into_bytes()),
        ] {
            out.push((format!("the {what} of evidence {}", about[0]), bytes));
        }
    }
    out
}

/// What each command that shows something answers, in both forms, on both outputs; an exported transcript, a page, evidence.
fn shown(officer: &Officer, statements: &[&str]) -> Vec<(String, Vec<u8>)> {
    let export = officer.dir.join("transcript.bin");
    officer.ok(&["transcript", "export", export.to_str().unwrap(), "--force"]);
    let page = officer.dir.join("page.html");
    officer.ok(&["report", "--html", page.to_str().unwrap(), "--force"]);
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["log"],
        vec!["status"],
        vec!["cases"],
        vec!["words"],
        vec!["transcript", "verify"],
        vec!["verify", export.to_str().unwrap()],
        vec!["delays"],
        vec!["interest", "--all"],
        vec!["report"],
        vec!["report", "--csv"],
        vec!["family", "ТА-918452"],
        vec!["settings"],
        vec!["sync"],
    ];
    commands.extend(statements.iter().map(|id| vec!["show", *id, "--full"]));
    let mut out = vec![
        ("the exported transcript".to_owned(), std::fs::read(&export).unwrap()),
        ("the page".to_owned(), std::fs::read(&page).unwrap()),
    ];
    out.extend(bundles(officer, statements));
    for args in commands {
        for form in [&[][..], &["--json"]] {
            let args = [form, &args].concat();
            let mut command = officer.command(&args);
            let answer = command.env("RUST_LOG", "trace").output().unwrap();
            assert!(answer.status.success(), "{args:?}: {}", String::from_utf8_lossy(&answer.stderr));
            if form.is_empty() && OURS.contains(&args[0]) && !args.contains(&"--csv") {
                let text = String::from_utf8(answer.stdout.clone()).unwrap();
                assert!(!text.is_empty() && text.lines().all(|line| line.width() <= 80), "{args:?}:\n{text}");
            }
            out.push((args.join(" "), [answer.stdout, answer.stderr].concat()));
        }
    }
    out
}

fn hold_none(of: &[(String, Vec<u8>)], whose: &str) {
    for (name, bytes) in of {
        assert!(!holds(bytes, MARK), "{whose}: {name} holds what is kept");
    }
}

fn mark_of(of: &[(String, Vec<u8>)], mark: &str) -> Vec<String> {
    of.iter().filter(|(_, bytes)| holds(bytes, mark)).map(|(name, _)| name.clone()).collect()
}

/// Puts all of [`KEPT`] into Velmara's vault; gives the offer they are about.
fn keep_all(scene: &Scene) -> [String; 3] {
    let Scene { velmara, tarrun, .. } = scene;
    let [note, person, theirs, falsely, so, key, text] = KEPT;
    let said = id(&velmara.ok(&["say", &format!("{SAID}: let us begin.")]));
    let offer = id(&velmara.ok(&["propose", example("exchange.toml").to_str().unwrap(), "--yes"]));
    let answer = id(&tarrun.ok(&["say", "We have heard you."]));
    for officer in [velmara, tarrun, velmara] {
        officer.sync();
    }
    velmara.ok(&["private", "note", &offer, note]);
    velmara.ok(&["private", "note", &format!("{offer}#1.2"), person]);
    velmara.ok(&["private", "note", &answer[..12], theirs]);
    velmara.ok(&["honesty", "add", &format!("{offer}#1.1"), "--said", falsely, "--truth", so]);
    velmara.ok(&["profile", "set", key, text]);
    [said, offer, answer]
}

#[test]
fn nothing_that_is_kept_reaches_a_statement_an_export_a_log_or_the_relay() {
    let mut scene = Scene::on(Relay::with("log_level = \"debug\"\n"));
    let [said, offer, answer] = keep_all(&scene);
    let Scene { velmara, tarrun, .. } = &scene;

    // They are kept: the commands that are asked for them show each.
    let kept = [velmara.text(&["private", "list"]), velmara.text(&["profile", "show"])].concat();
    let kept_json = [velmara.json(&["private", "list"]).out, velmara.json(&["profile", "show"]).out].concat();
    assert!(kept.lines().all(|line| line.width() <= 80), "{kept}");
    for mark in KEPT {
        assert!(kept.contains(mark) && kept_json.contains(mark), "{mark} is not kept: {kept}");
    }

    // Then the talk goes on: about the persons concerned, and in answer to what is noted.
    let counter = example("counter.toml");
    let again = id(&velmara.ok(&["counter", &offer, example("exchange.toml").to_str().unwrap(), "--yes"]));
    for officer in [velmara, tarrun] {
        officer.sync();
    }
    let countered = id(&tarrun.ok(&["counter", &again, counter.to_str().unwrap(), "--yes"]));
    tarrun.sync();
    velmara.sync();
    velmara.ok(&["accept", &countered, "--yes"]);
    let statements = [said.as_str(), &offer, &answer, &again, &countered];

    for (officer, whose) in [(velmara, "Velmara"), (tarrun, "Tarrun")] {
        let shown = shown(officer, &statements);
        hold_none(&shown, whose);
        // The search finds what was said, in the same places.
        let found = mark_of(&shown, SAID);
        let evidence = ["the file of evidence --statements", "the page of evidence --statements"];
        for place in ["the exported transcript", "the page", "log", "--json log"].into_iter().chain(evidence)
        {
            assert!(found.iter().any(|name| name == place), "{whose}: '{SAID}' is not in {place}: {found:?}");
        }
    }

    // Nothing is in clear on any disk: of the vaults, not even what was said.
    let mut vaults = Vec::new();
    files(&velmara.vault, &mut vaults);
    files(&tarrun.vault, &mut vaults);
    let mut relay = Vec::new();
    files(&scene.relay.dir, &mut relay);
    assert!(relay.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 16_128, "the relay stored no cell");
    for (of, whose) in [(&vaults, "a vault's file"), (&relay, "the relay's folder")] {
        hold_none(of, whose);
        assert_eq!(mark_of(of, SAID), Vec::<String>::new(), "{whose}");
    }
    scene.relay.terminate();
    let log = scene.relay.said.lock().unwrap().clone();
    assert!(log.contains("store read"), "the relay logged nothing: {log}");
    assert!(!log.contains(MARK) && !log.contains(SAID), "{log}");
}

/// Everything that is traced in this process.
static TRACED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Traces;

impl Write for Traces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        TRACED.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_that_is_kept_is_traced_or_sealed_into_a_statement() {
    let log = tracing_subscriber::fmt().with_env_filter("trace").with_writer(|| Traces);
    log.try_init().unwrap();
    let scene = Scene::new();
    keep_all(&scene);
    let mut desk = Desk::open(&scene.velmara);
    run(desk.sync());
    let mut kept = 0;
    for (number, record) in desk.service.officer().own_of(desk.thread) {
        assert!(record.encode().unwrap().windows(MARK.len()).any(|it| it == MARK.as_bytes()), "{number}");
        kept += 1;
    }
    assert_eq!(kept, 5);
    let mut said = 0;
    for shown in desk.channel().statements() {
        assert!(!holds(&shown.bytes().unwrap(), MARK), "#{} holds what is kept", shown.header.sequence);
        said += usize::from(shown.header.author == Role::Inviter && holds(&shown.bytes().unwrap(), SAID));
    }
    assert_eq!(said, 1, "the search does not find what was said");
    tracing::trace!("a trace of {SAID}");
    let traced = TRACED.lock().unwrap();
    assert!(holds(&traced, SAID), "the search does not find what is traced");
    assert!(!holds(&traced, MARK));
}

#[test]
fn records_are_about_what_is_there_and_can_be_dropped() {
    let scene = Scene::new();
    let [said, offer, answer] = keep_all(&scene);
    let velmara = &scene.velmara;
    let refused = |args: &[&str], code: i32, what: &str, help: &str| velmara.refused(args, code, what, help);
    let nobody = format!("{offer}#1.41");
    refused(&["private", "note", &nobody, "x"], 2, "lists nobody at 1.41", "truceline show");
    for wrong in ["#0.1", "#1", "#1.x", "#"] {
        let about = format!("{offer}{wrong}");
        refused(&["private", "note", &about, "x"], 2, "is no leg and line", "ID#LEG.LINE");
    }
    refused(&["honesty", "add", &answer, "--truth", "x"], 2, "is the other side's", "truceline private note");
    refused(&["private", "note", &said, ""], 6, "the text is empty", "Write something");
    refused(&["private", "drop", "99"], 2, "nothing is kept under number 99", "truceline private list");

    let of_offer = velmara.ok(&["private", "list", &offer]);
    let kinds: Vec<&str> =
        of_offer["records"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["note", "note", "untruth"]);
    let about = &of_offer["records"][1]["about"];
    assert_eq!((&about["leg"], &about["line"], &about["statement"]), (&1.into(), &2.into(), &offer.into()));
    assert!(about["name"].as_str().unwrap().starts_with("Кадошев"), "{about}");

    let number = of_offer["records"][1]["number"].as_u64().unwrap().to_string();
    velmara.ok(&["private", "drop", &number]);
    velmara.ok(&["profile", "set", KEPT[5], "another"]);
    let left = velmara.ok(&["private", "list"]).to_string();
    assert!(!left.contains(KEPT[1]) && !left.contains(KEPT[6]) && left.contains("another"), "{left}");
    let known = velmara.ok(&["profile", "show"])["channels"][0]["known"].clone();
    assert_eq!(known.as_array().map(Vec::len), Some(1), "{known}");
    assert_eq!(scene.tarrun.ok(&["private", "list"])["records"], Value::Array(Vec::new()));
}
