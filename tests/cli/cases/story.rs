//! What the stories of an agreement that goes wrong share: people with names in several scripts, the steps from an
//! offer to both goes, and the comparison of what both sides and their exports say of a case.

use crate::officer::{Answer, Officer, id, program};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use truceline::deal::body::Body;
use truceline::deal::judge::{Entry, Said, judge};
use truceline::officer::view::check_export;
use truceline::party::role::Role;
use truceline::statement::header::StatementId;
use truceline::statement::kind::Kind;

/// Surname and first names, then both in Latin letters, and the system. One is not in composed form, one has
/// marks that a program could be tempted to tidy up.
const NAMES: [[&str; 5]; 8] = [
    ["Їжакевич", "Юрій Ґедеонович", "Izhakevych", "Yurii Gedeonovych", "passport (ICAO 9303)"],
    ["ღვინიაშვილი", "ჭიაბერ", "Ghviniashvili", "Ch'iaber", "national 2002"],
    ["الطارني", "عبد الرحيم", "al-Tarni", "Abd ar-Rahim", "passport (ICAO 9303)"],
    ["Παπαδιαμάντης", "Ὀδυσσεύς", "Papadiamantis", "Odysseus", "ELOT 743"],
    ["Brânze\u{327}scu", "Zoe\u{308}", "Branzescu", "Zoe", "passport (ICAO 9303)"],
    ["Ёлкина-Щорс", "Фёдор", "Ëlkina-Ŝors", "Fëdor", "ISO 9"],
    ["Քաջազնունի", "Հայկ", "Kʻajaznuni", "Hayk", "ALA-LC"],
    ["O’Ruairc", "Séamus\u{a0}Óg", "O'Ruairc", "Seamus Og", "passport (ICAO 9303)"],
];

/// The columns of [`NAMES`], and of the service number that tells two of one name apart.
const COLUMNS: [&str; 6] = [
    "surname",
    "first_names",
    "surname_romanised",
    "first_names_romanised",
    "romanisation",
    "service_number",
];

fn person(number: usize) -> [String; 6] {
    let [surname, first_names, surname_romanised, first_names_romanised, system] =
        NAMES[number % NAMES.len()].map(str::to_owned);
    [surname, first_names, surname_romanised, first_names_romanised, system, format!("ТА-{number:06}")]
}

/// A table as it is handed in.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).unwrap();
    rows.into_iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// A list of the people with these numbers, with what `more` says of each in further columns.
pub fn people<const N: usize>(
    numbers: Range<usize>,
    columns: [&str; N],
    more: impl Fn(usize) -> [String; N],
) -> String {
    let header = [COLUMNS.as_slice(), &columns].concat();
    table(&header, numbers.map(|number| [person(number).as_slice(), &more(number)].concat()))
}

/// Holds that a list, as JSON has it, names these people in this order, to the byte.
#[track_caller]
pub fn names_are(list: &Value, numbers: impl Iterator<Item = usize>) {
    let list = list.as_array().unwrap();
    let mut numbers = numbers.peekable();
    assert!(numbers.peek().is_some());
    let mut count = 0;
    for (shown, number) in list.iter().zip(numbers.by_ref()) {
        for (column, cell) in COLUMNS.iter().zip(person(number)) {
            assert_eq!(shown[column].as_str().map(str::as_bytes), Some(cell.as_bytes()), "{column}: {shown}");
        }
        count += 1;
    }
    assert_eq!((count, numbers.next()), (list.len(), None), "as many as are named");
}

/// A surname as it was written.
pub fn surname(number: usize) -> &'static str {
    NAMES[number % NAMES.len()][0]
}

/// Signs something: its id.
#[track_caller]
pub fn say(officer: &Officer, args: &[&str]) -> String {
    id(&officer.ok(&[args, &["--yes"]].concat()))
}

/// What one has said comes to the other.
#[track_caller]
pub fn pass(from: &Officer, to: &Officer) {
    from.sync();
    to.sync();
}

/// What both have said comes to both.
#[track_caller]
pub fn exchange(one: &Officer, two: &Officer) {
    pass(one, two);
    one.sync();
}

/// The legs of an offer, as one side reads them.
#[track_caller]
pub fn legs(officer: &Officer, offer: &str) -> Value {
    officer.ok(&["show", offer])["statement"]["body"]["legs"].clone()
}

/// The sentences of an answer for the own side alone.
pub fn sentences(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// Holds that one of the sentences has all these words.
#[track_caller]
pub fn one_says(sentences: &[String], words: &[&str]) {
    let fits = |sentence: &&String| words.iter().all(|word| sentence.contains(word));
    assert!(sentences.iter().any(|sentence| fits(&sentence)), "none has {words:?}: {sentences:#?}");
}

/// An offer made and not sent is accepted, confirmed and sealed at both ends.
#[track_caller]
pub fn agree(author: &Officer, other: &Officer, offer: &str) {
    pass(author, other);
    say(other, &["accept", offer]);
    pass(other, author);
    say(author, &["confirm", offer]);
    pass(author, other);
    author.sync();
}

/// From the seal to both being ready. `first` confirmed, and locks first; `how` are the arguments of both transport
/// notices, whose ids come back. The last word, `first`'s ready, is not sent yet.
#[track_caller]
pub fn ready(first: &Officer, second: &Officer, on: &str, how: [&[&str]; 2]) -> [String; 2] {
    let transport = |officer: &Officer, how: &[&str]| say(officer, &[&["transport", on], how].concat());
    say(first, &["lock", on]);
    pass(first, second);
    say(second, &["lock", on]);
    let seconds = transport(second, how[1]);
    pass(second, first);
    say(first, &["acknowledge", &seconds]);
    let firsts = transport(first, how[0]);
    pass(first, second);
    say(second, &["acknowledge", &firsts]);
    say(second, &["ready", on]);
    pass(second, first);
    say(first, &["ready", on]);
    [firsts, seconds]
}

/// Both say go, and both hold both.
#[track_caller]
pub fn go(first: &Officer, second: &Officer, on: &str) {
    say(first, &["go", on]);
    pass(first, second);
    say(second, &["go", on]);
    pass(second, first);
}

/// What one side's answer says, as the other side would say it.
fn mirrored(value: &Value) -> Value {
    let turned = |word: &str| match word {
        "own" => "peer".to_owned(),
        "peer" => "own".to_owned(),
        other => other.to_owned(),
    };
    match value {
        Value::String(text) => turned(text).into(),
        Value::Array(all) => all.iter().map(mirrored).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (turned(key), mirrored(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Without what differs by where one stands: the own label, the own clock, what the own side may do. What has an id
/// stands in the order of ids.
fn shared(value: &Value) -> Value {
    const OWN: [&str; 9] =
        ["channel", "opened", "since", "stored", "deposited", "delivered", "read", "receipts", "may"];
    match value {
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(shared).collect();
            all.sort_by_key(|it| it["id"].as_str().map(str::to_owned));
            all.into()
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
            kept.map(|(key, value)| (key.clone(), shared(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Holds that both sides say the same of a case: the answer of the first.
#[track_caller]
pub fn same_case(one: &Officer, two: &Officer, on: &str) -> Value {
    let [ours, theirs] = [one, two].map(|officer| officer.ok(&["case", "show", on])["case"].clone());
    assert_eq!(shared(&ours), shared(&mirrored(&theirs)));
    ours
}

/// Holds that both sides compute the same discrepancy: the answer of the first.
#[track_caller]
pub fn same_discrepancy(one: &Officer, two: &Officer, on: &str) -> Value {
    let [ours, theirs] = [one, two].map(|officer| officer.ok(&["discrepancy", on]));
    assert_eq!(ours, mirrored(&theirs));
    ours
}

/// What an exported transcript says of a case, judged from its bytes: version, what became of each offer, whether both
/// have said go, whether both have closed.
fn told_by_export(bytes: &[u8], on: &str) -> Value {
    let checked = check_export(bytes).unwrap();
    let contents: Vec<_> = checked
        .statements
        .iter()
        .map(|it| {
            let kind = Kind::from_number(it.header.kind).unwrap();
            Body::parse(kind, &it.said.body, &it.said.lists).ok()
        })
        .collect();
    let entries: Vec<Entry<'_>> = checked
        .statements
        .iter()
        .zip(&contents)
        .map(|(it, content)| Entry {
            id: it.id().0,
            author: it.header.author,
            sequence: it.header.sequence,
            peer_count: it.header.peer_count,
            case: (it.header.case != StatementId::NONE).then_some(it.header.case.0),
            kind: it.header.kind,
            said: content.as_ref().map_or(Said::Other, Said::Deal),
        })
        .collect();
    let ledger = judge(&entries);
    let case = ledger.cases().find(|case| case.id().hex() == on).unwrap();
    let offers: BTreeMap<String, String> =
        case.offers().map(|offer| (offer.id.hex(), case.offer_state(offer).to_string())).collect();
    let handover = case.handover();
    json!({
        "version": case.version(),
        "opened by the inviter": case.opener() == Role::Inviter,
        "offers": offers,
        "effective": handover.is_some_and(|it| it.is_effective()),
        "closed": handover.is_some_and(|it| it.is_closed()),
    })
}

/// Holds that both sides' exports verify between the two, and say of the case what both sides say; that answer.
/// The first of the two made the invite.
#[track_caller]
pub fn exports_agree(inviter: &Officer, joiner: &Officer, on: &str) -> Value {
    let case = same_case(inviter, joiner, on);
    let status = inviter.ok(&["status"]);
    let fingerprints = [&status["party"]["fingerprint"], &status["channels"][0]["peer"]["fingerprint"]];
    let [ours, theirs] = fingerprints.map(|it| it.as_str().unwrap());
    let offers: BTreeMap<&str, &str> = case["offers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| (offer["id"].as_str().unwrap(), offer["state"].as_str().unwrap()))
        .collect();
    let closed = &case["handover"]["closed"];
    let expected = json!({
        "version": case["version"],
        "opened by the inviter": case["opener"] == "own",
        "offers": offers,
        "effective": case["handover"]["effective"] == true,
        "closed": closed["own"] == true && closed["peer"] == true,
    });
    for officer in [inviter, joiner] {
        let file = officer.dir.join("transcript.bin");
        let file = file.to_str().unwrap();
        officer.ok(&["transcript", "export", file, "--force"]);
        let args = ["--json", "verify", file, "--party", ours, "--party", theirs];
        let verified = Answer::of(program().args(args).output().unwrap()).json();
        assert_eq!([&verified["holds"], &verified["parties_identified"]], [true, true], "{verified}");
        assert_eq!(told_by_export(&std::fs::read(file).unwrap(), on), expected, "{case}");
    }
    case
}
