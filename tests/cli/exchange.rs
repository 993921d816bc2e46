//! The whole exchange by commands, from the relay's folder to a transcript that anyone can check.

use crate::officer::{Answer, Officer, PROGRAM, example, id, program};
use crate::relay::Relay;
use crate::scene::Scene;
use serde_json::Value;
use std::path::Path;

/// Columns whose cells are free text, and so must come back byte for byte.
const TEXTS: [&str; 17] = [
    "surname",
    "first_names",
    "patronymic",
    "surname_romanised",
    "first_names_romanised",
    "patronymic_romanised",
    "romanisation",
    "birth_place",
    "nationality",
    "power",
    "service_number",
    "rank",
    "unit",
    "occupation",
    "father_first_name",
    "mother_maiden_name",
    "consent_asked_by",
];
/// Columns with words of a fixed set, or dates.
const WORDS: [&str; 7] = ["birth_date", "sex", "status", "judicial", "health", "commission", "consent"];

/// Holds that a list as shown is the CSV it was read from, cell for cell.
fn same_as_csv(list: &Value, file: &Path) {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), rows.len(), "{}", file.display());
    for (shown, row) in list.iter().zip(&rows) {
        for (column, cell) in heads.iter().zip(row) {
            let several = |values: &Value| {
                let values: Vec<&str> = values.as_array().unwrap().iter().filter_map(Value::as_str).collect();
                values.join("; ")
            };
            match column {
                "aliases" | "evidence" => assert_eq!(several(&shown[column]), cell, "{column}: {shown}"),
                "marks" => assert_eq!(shown[column].as_str().unwrap_or(""), cell, "{column}: {shown}"),
                text if TEXTS.contains(&text) => {
                    assert_eq!(shown[text].as_str().unwrap_or(""), cell, "{text}: {shown}");
                }
                word if WORDS.contains(&word) => {
                    if !cell.is_empty() {
                        assert_eq!(shown[word].as_str(), Some(cell), "{word}: {shown}");
                    }
                }
                other => panic!("a column nobody compares: {other}"),
            }
        }
    }
}

fn verify(args: &[&str]) -> Answer {
    Answer::of(program().arg("--json").arg("verify").args(args).output().unwrap())
}

/// Own statements of a channel, by id.
fn own(officer: &Officer, label: &str, statement: &str) -> Value {
    let channel = officer.channel(label);
    let statements = channel["statements"].as_array().unwrap();
    statements.iter().find(|it| it["id"] == statement).unwrap_or_else(|| panic!("{channel}")).clone()
}

fn state_of_case(officer: &Officer) -> (String, u64) {
    let cases = officer.ok(&["cases"]);
    let case = &cases["cases"].as_array().unwrap()[0];
    (case["state"].as_str().unwrap().to_owned(), case["version"].as_u64().unwrap())
}

/// From two empty folders to confirmed words, by commands alone.
fn meet(relay: &Relay) -> (Officer, Officer) {
    let (velmara, tarrun) = (Officer::new("Velmara"), Officer::new("Tarrun"));
    for officer in [&velmara, &tarrun] {
        officer.ok(&["settings", "--receipts-at-once"]);
    }
    let line = velmara.invite(&[relay], "tarrun");
    assert!(line.starts_with("truceline:"), "{line}");
    assert_eq!(velmara.channel("tarrun")["stage"], "inviting");
    let file = tarrun.write("invite.txt", format!("{line}\n"));
    tarrun.join(&file, &[relay], "velmara");
    velmara.sync();
    tarrun.sync();
    velmara.sync();
    let words = velmara.words("tarrun");
    assert_eq!(words, tarrun.words("velmara"));
    for officer in [&velmara, &tarrun] {
        officer.ok(&["words", "--confirm", &words.to_uppercase()]);
        officer.sync();
    }
    velmara.sync();
    for (officer, label) in [(&velmara, "tarrun"), (&tarrun, "velmara")] {
        let channel = officer.channel(label);
        assert_eq!(
            (&channel["stage"], &channel["words"]["both"]),
            (&"open".into(), &true.into()),
            "{channel}"
        );
        assert_eq!(channel["halt"], Value::Null);
    }
    (velmara, tarrun)
}

#[test]
fn two_officers_meet_and_agree_an_exchange_by_commands_and_anyone_can_check_it() {
    let relay = Relay::new();
    let (velmara, tarrun) = meet(&relay);

    let offer = id(&velmara.ok(&["propose", example("exchange.toml").to_str().unwrap(), "--yes"]));
    let waiting = own(&velmara, "tarrun", &offer);
    assert_eq!([&waiting["deposited"], &waiting["delivered"], &waiting["read"]], [&Value::Null; 3]);
    velmara.sync();
    let deposited = own(&velmara, "tarrun", &offer);
    assert!(deposited["deposited"].is_string(), "{deposited}");
    assert_eq!([&deposited["delivered"], &deposited["read"]], [&Value::Null; 2], "{deposited}");
    let receipts = &deposited["receipts"];
    let key = relay.place.rsplit_once('#').unwrap().1;
    assert_eq!(receipts["deposited"]["relays"][0]["key"], key, "{receipts}");
    assert_eq!([&receipts["delivered"], &receipts["read"], &receipts["answered"]], [&Value::Null; 3]);
    assert_eq!(receipts["withheld"], false);
    tarrun.sync();
    let shown = tarrun.ok(&["show", &offer[..12]])["statement"].clone();
    assert_eq!(
        (&shown["id"], &shown["author"], &shown["void"]),
        (&offer.clone().into(), &"peer".into(), &Value::Null)
    );
    let legs = shown["body"]["legs"].as_array().unwrap();
    assert_eq!([&legs[0]["giver"], &legs[1]["giver"]], ["peer", "own"]);
    same_as_csv(&legs[0]["list"], &example("velmara.csv"));
    same_as_csv(&legs[1]["list"], &example("tarrun.csv"));
    tarrun.sync();
    velmara.sync();
    let read = own(&velmara, "tarrun", &offer);
    assert!(["deposited", "delivered", "read"].iter().all(|mark| read[mark].is_string()), "{read}");

    let counter = id(&tarrun.ok(&["counter", &offer, example("counter.toml").to_str().unwrap(), "--yes"]));
    tarrun.sync();
    velmara.sync();
    let receipts = velmara.ok(&["show", &offer])["statement"]["receipts"].clone();
    assert_eq!(receipts["answered"]["by"], counter.as_str(), "{receipts}");
    assert_eq!(
        (&receipts["answered"]["kind"], &receipts["delivered"]["late_ms"]),
        (&"offer".into(), &0.into())
    );
    assert_eq!(
        receipts["deposited"]["relays"],
        serde_json::json!([]),
        "the proof is given up once it is delivered"
    );
    let acceptance = id(&velmara.ok(&["accept", &counter[..8], "--hold", "48h", "--yes"]));
    assert_eq!(state_of_case(&velmara), ("accepted".to_owned(), 0));
    velmara.sync();
    tarrun.sync();
    tarrun.ok(&["confirm", &acceptance, "--yes"]);
    for officer in [&tarrun, &velmara, &tarrun, &velmara] {
        officer.sync();
    }
    for officer in [&velmara, &tarrun] {
        assert_eq!(state_of_case(officer), ("sealed".to_owned(), 1));
        assert!(officer.text(&["cases"]).contains("sealed, version 1"));
        assert!(officer.text(&["log"]).contains(&offer[..8]));
        assert!(officer.text(&["status"]).contains("confirmed by both"));
    }
    // Names in both scripts reach a pipe as they were written.
    let shown = velmara.text(&["show", &counter, "--full"]);
    assert!(shown.contains("Вельгин") && shown.contains("Achterveld") && shown.contains("K-0117"), "{shown}");
    anyone_can_check(&velmara, &tarrun);
    written_and_proposed_again(&velmara, &counter);
}

/// What the file written for an offer says, proposed again, is what the offer said.
fn written_and_proposed_again(officer: &Officer, offer: &str) {
    use std::os::unix::fs::PermissionsExt;
    let legs = |id: &str| officer.ok(&["show", id])["statement"]["body"]["legs"].clone();
    let folder = officer.dir.join("written");
    let out = folder.to_str().unwrap();
    let files = officer.ok(&["show", offer, "--toml", "--out", out])["files"].clone();
    let names = ["proposal.toml", "leg-1.csv", "leg-2.csv", "leg-3.csv"];
    assert_eq!(files.as_array().unwrap().len(), names.len(), "{files}");
    for name in names {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    officer.refused(&["show", offer, "--toml", "--out", out], 6, "exists", "new folder");
    let inline = officer.write("inline.toml", officer.text(&["show", offer, "--toml"]));
    for file in [format!("{out}/proposal.toml"), inline] {
        let again = id(&officer.ok(&["propose", &file, "--yes"]));
        assert_eq!(legs(&again), legs(offer));
    }
}

fn anyone_can_check(velmara: &Officer, tarrun: &Officer) {
    let [ours, theirs] = [velmara, tarrun].map(|officer| officer.ok(&["transcript", "verify"]));
    assert_eq!((&ours["holds"], &theirs["holds"]), (&true.into(), &true.into()), "{ours} {theirs}");
    assert_eq!(ours["parties"], theirs["parties"], "both hold the same heads");
    let file = velmara.dir.join("transcript.bin");
    let file = file.to_str().unwrap();
    velmara.ok(&["transcript", "export", file]);
    let status = velmara.ok(&["status"]);
    let fingerprints = [&status["party"]["fingerprint"], &status["channels"][0]["peer"]["fingerprint"]];
    let [own, peer] = fingerprints.map(|it| it.as_str().unwrap());
    let checked = verify(&[file]).json();
    assert!(checked.to_string().contains(own), "{checked}");
    verify(&[file, "--party", own, "--party", peer]).json();
    verify(&[file, "--party", own, "--party", &"0".repeat(64)]).fails(7, "", "");
    let bytes = std::fs::read(file).unwrap();
    // Anywhere: in the preamble, in a statement, in the last signature; and cut short.
    for at in [100, bytes.len() / 2, bytes.len() - 5] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let flipped = velmara.write(&format!("flipped-{at}"), flipped);
        verify(&[&flipped]).fails(7, "", "");
    }
    let cut = velmara.write("cut", &bytes[..bytes.len() - 1]);
    verify(&[&cut]).fails(7, "cut short", "");
    velmara.refused(&["transcript", "export", file], 6, "exists", "--force");
    assert_eq!(std::fs::read(file).unwrap(), bytes);
}

#[test]
fn an_offer_is_withdrawn_another_rejected_and_an_acceptance_lapses() {
    let Scene { velmara, tarrun, relay: _relay } = Scene::new();
    let file = example("exchange.toml");
    let propose = || id(&velmara.ok(&["propose", file.to_str().unwrap(), "--yes"]));
    let (first, second, third) = (propose(), propose(), propose());
    velmara.ok(&["withdraw", &first, "--reason", "The list has changed.", "--yes"]);
    velmara.sync();
    tarrun.sync();
    tarrun.refused(&["accept", &first, "--yes"], 3, "withdrawn", "made again");
    tarrun.refused(&["withdraw", &second, "--yes"], 3, "other side's offer", "");
    tarrun.ok(&["reject", &second, "--reason", "Три имени нам неизвестны.", "--yes"]);
    let acceptance = id(&tarrun.ok(&["accept", &third, "--yes"]));
    tarrun.ok(&["lapse", &acceptance, "--late", "--yes"]);
    tarrun.sync();
    velmara.sync();
    velmara.refused(&["confirm", &acceptance, "--yes"], 3, "lapsed", "");
    let cases = velmara.ok(&["cases"]);
    let states: Vec<_> =
        cases["cases"].as_array().unwrap().iter().map(|case| case["offers"][0]["state"].clone()).collect();
    assert_eq!(states[0], "withdrawn", "{cases}");
    assert_eq!(states[1], "rejected", "{cases}");
    assert!(cases["cases"][2]["acceptances"][0]["lapsed"] == true, "{cases}");
    let log = velmara.ok(&["log"]);
    let rejection =
        log["statements"].as_array().unwrap().iter().find(|it| it["kind"] == "reject").unwrap().clone();
    let shown = velmara.ok(&["show", rejection["id"].as_str().unwrap()]);
    assert_eq!(shown["statement"]["body"]["reason"], "Три имени нам неизвестны.");
}

#[test]
fn without_a_terminal_and_without_a_passphrase_file_it_says_what_is_missing() {
    let officer = Officer::new("Velmara");
    let vault = officer.vault.to_str().unwrap();
    for args in [["status"].as_slice(), &["log"], &["sync"], &["say", "x"]] {
        // A session of its own has no terminal that could be asked.
        let mut command = std::process::Command::new("setsid");
        command.args(["-w", PROGRAM, "--vault", vault]).args(args);
        command.env_remove("TRUCELINE_PASSPHRASE_FILE").stdin(std::process::Stdio::null());
        Answer::of(command.output().unwrap()).fails(2, "no terminal", "--passphrase-file");
    }
    let Answer { code, out, .. } = Answer::of(program().args(["--help"]).output().unwrap());
    assert_eq!(code, Some(0));
    assert!(out.contains("Exit codes:") && out.contains("Example:"), "{out}");
}
