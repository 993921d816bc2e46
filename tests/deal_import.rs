//! Proposals from files: the shipped examples, names to the byte, and every bad input named by its place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use truceline::deal::body::{Body, BodyError, Content, Offer};
use truceline::deal::formula::formulas;
use truceline::deal::import::{Draft, ImportError, Sources, proposal_from_toml};
use truceline::deal::person::{Line, Status};
use truceline::deal::pledge::{End, Frame};
use truceline::deal::stage::Point;
use truceline::deal::terms::{Category, Firmness};
use truceline::deal::word::Text;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;
use truceline::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_900_000_000_000);

fn read(text: &str, me: Role, files: &[(&str, &[u8])]) -> Result<Draft, ImportError> {
    let mut list = |name: &str| {
        let found = files.iter().find(|(file, _)| *file == name);
        found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| "no such file".to_owned())
    };
    let mut drawn = 0;
    let mut seed = || {
        drawn += 1;
        [drawn; 32]
    };
    proposal_from_toml(text, &mut Sources { me, now: NOW, list: &mut list, seed: &mut seed })
}

fn fault(text: &str, files: &[(&str, &[u8])]) -> String {
    read(text, Inviter, files).unwrap_err().to_string()
}

fn fault_of_list(csv: &[u8]) -> String {
    fault("[[leg]]\ngiver = \"me\"\npersons = \"list.csv\"\n", &[("list.csv", csv)])
}

fn example(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)).unwrap()
}

fn shipped(name: &str, me: Role) -> Offer {
    let files = ["velmara.csv", "tarrun.csv", "velmara-counter.csv", "tarrun-counter.csv"];
    let bytes: Vec<_> = files.iter().map(|file| example(file)).collect();
    let files: Vec<_> = files.iter().zip(&bytes).map(|(file, bytes)| (*file, bytes.as_slice())).collect();
    let draft = read(&String::from_utf8(example(name)).unwrap(), me, &files).unwrap();
    let content = draft.offer(0, None).unwrap();
    let parsed = Body::parse(Kind::Offer, &content.encode().unwrap(), &draft.lists).unwrap();
    assert_eq!(parsed, content);
    match content {
        Content::Offer(offer) => *offer,
        _ => unreachable!(),
    }
}

#[test]
fn a_leg_asks_for_whoever_meets_the_one_thing_that_is_said() {
    let criteria = |said: &str| {
        let text = format!("[[leg]]\ngiver = \"me\"\ncount = 2\n{said}\n");
        let Content::Offer(offer) = read(&text, Inviter, &[]).unwrap().offer(0, None).unwrap() else {
            panic!()
        };
        offer.legs()[0].criteria.clone()
    };
    assert_eq!(criteria(""), None);
    for said in [
        "ages = \"18..25 on 2031-05-01\"",
        "health = [\"good\"]",
        "status = [\"civilian internee\"]",
        "sex = \"male\"",
    ] {
        assert!(criteria(said).is_some(), "{said}");
    }
}

#[test]
fn the_shipped_exchange_is_forty_for_forty_and_names_come_back_byte_for_byte() {
    let offer = shipped("exchange.toml", Inviter);
    assert_eq!(offer.given_by(Inviter), [(Category::Person, 40)].into());
    assert_eq!(offer.given_by(Joiner), [(Category::Person, 40)].into());
    assert!(!offer.body().terms.is_remains_only());
    for (leg, file) in offer.legs().iter().zip(["velmara.csv", "tarrun.csv"]) {
        let text = String::from_utf8(example(file)).unwrap();
        let column = text.lines().next().unwrap().split(',').position(|name| name == "surname").unwrap();
        let written: Vec<_> = text.lines().skip(1).map(|row| row.split(',').nth(column).unwrap()).collect();
        let read: Vec<_> = offer
            .lines(leg)
            .iter()
            .filter_map(Line::person)
            .map(|person| person.name.surname.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(read, written);
        assert!(offer.tally(leg, |person| person.status)[&Status::PrisonerOfWar] >= 38);
    }
    // 20,000 lines like these, each with its length, fit the 8 MiB of a statement.
    let bytes: usize =
        offer.lines(&offer.legs()[0]).iter().map(|line| 8 + line.encode_line().unwrap().len()).sum();
    assert!(bytes * 20_000 / 40 < 8 << 20, "{} bytes a line", bytes / 40);
    let first = offer.lines(&offer.legs()[0])[0].person().unwrap();
    assert_eq!(first.name.to_string(), "Вельгин Андрей Андреевич");
    assert_eq!(first.romanised.as_ref().unwrap().name.to_string(), "Velʹgin Andrej Andreevič");
}

#[test]
fn the_shipped_counter_is_thirty_eight_for_thirty_eight_and_two_bags() {
    let offer = shipped("counter.toml", Joiner);
    assert_eq!(offer.given_by(Joiner), [(Category::Person, 38)].into());
    assert_eq!(offer.given_by(Inviter), [(Category::Person, 38), (Category::Remains, 2)].into());
    let bag = offer.lines(&offer.legs()[2])[0].remains().unwrap();
    assert_eq!(bag.claimed_side, Some(Joiner));
}

#[test]
fn counts_remains_and_moments_are_read() {
    let text = "firmness = \"exploratory\"\nvalid_until = 2031-05-01T12:00:00Z\n[[leg]]\ngiver = \"me\"\n\
                count = 20\ncategory = \"remains\"\n[[leg]]\ngiver = \"them\"\n[[leg.bag]]\nbag = \"7\"\n";
    let draft = read(text, Joiner, &[]).unwrap();
    assert!(draft.terms.is_remains_only());
    assert_eq!(
        (draft.firmness, draft.valid_until),
        (Firmness::Exploratory, Some(UnixMillis(1_935_403_200_000)))
    );
    assert_eq!((draft.terms.legs[0].giver, draft.terms.legs[1].giver), (Joiner, Inviter));
    let draft = read("valid_until = \"14 days\"\n", Inviter, &[]).unwrap();
    assert_eq!(draft.valid_until, Some(UnixMillis(NOW.0 + 14 * 86_400_000)));
    let years = read("valid_until = \"2 years 3 months 1 day\"\n", Inviter, &[]).unwrap();
    assert_eq!(years.valid_until, Some(UnixMillis(NOW.0 + (2 * 365 + 3 * 30 + 1) * 86_400_000)));
    assert!(
        fault("valid_until = 2030-03-17T17:46:40Z\n", &[]).contains("is not in the future"),
        "this very moment"
    );
    // Nothing to cancel on version 0, and an empty amendment on version 1 cancels it.
    assert_eq!(draft.offer(0, None), Err(BodyError::OffersNothing));
    assert!(draft.offer(1, None).is_ok());
}

#[test]
fn a_cell_of_a_table_may_be_a_number_or_a_date_but_no_list_where_one_is_asked() {
    let table =
        |cells: &str| format!("[[leg]]\ngiver = \"me\"\n[[leg.person]]\nsurname = \"Velgin\"\n{cells}");
    let draft = read(&table("service_number = 7\nbirth_date = 1994-03-17\n"), Inviter, &[]).unwrap();
    let line = Line::decode_line(&draft.lists[0].lines()[0]).unwrap();
    let person = line.person().unwrap();
    assert_eq!(person.service_number.as_ref().unwrap().as_str(), "7");
    assert_eq!(person.birth_date.unwrap().to_string(), "1994-03-17");
    assert!(fault(&table("rank = [\"major\"]\n"), &[]).contains("is not text"));
}

#[test]
fn a_byte_order_mark_and_any_order_of_columns_are_read() {
    let csv = "\u{feff}birth_date,surname\n1994-03,Кадошев\n\n1990..1995,\"Brânzescu, jr\"\n";
    let text = "[[leg]]\ngiver = \"me\"\npersons = \"list.csv\"\n";
    let draft = read(text, Inviter, &[("list.csv", csv.as_bytes())]).unwrap();
    let Content::Offer(offer) = draft.offer(0, None).unwrap() else { unreachable!() };
    let second = offer.lines(&offer.legs()[0])[1].person().unwrap();
    assert_eq!(second.name.to_string(), "Brânzescu, jr");
    assert_eq!(second.birth_date.unwrap().to_string(), "1990..1995");
}

#[test]
fn a_bad_cell_is_named_by_file_line_and_column() {
    let message = fault_of_list("surname,birth_date\nA,1994\nB,17.03.1994\n".as_bytes());
    assert_eq!(
        message,
        "list.csv, line 3, column birth_date: \"17.03.1994\" is not a date: write 1994, 1994-03, 1994-03-17, \
         or a range such as 1990..1995, or leave it empty"
    );
    let message = fault_of_list(b"surname,health\nA,well\n");
    assert!(
        message.starts_with(
            "list.csv, line 2, column health: \"well\" is not known: write one of unknown, good"
        )
    );
    let message = fault_of_list(b"surname,rank\n,private\n");
    assert!(message.starts_with("list.csv, line 2, column surname: is empty"), "{message}");
    let message = fault_of_list(b"surname,surname_romanised\nA,B\n");
    assert!(message.starts_with("list.csv, line 2, column romanisation: is empty"), "{message}");
    let message = fault_of_list(b"surname,evidence\nA,rumour 2031\n");
    assert!(
        message.starts_with("list.csv, line 2, column evidence: \"rumour 2031\" is not evidence"),
        "{message}"
    );
}

#[test]
fn bad_headers_and_rows_are_named() {
    let message = fault_of_list(b"surname,birthdate\nA,1994\n");
    assert!(
        message.starts_with("list.csv, line 1, column birthdate: is not a known column: rename or remove it")
    );
    assert!(message.contains("birth_date"));
    let message = fault_of_list(b"surname,surname\nA,B\n");
    assert!(message.starts_with("list.csv, line 1, column surname: stands twice"), "{message}");
    let message = fault_of_list(b"surname,rank\nA,private\nB\n");
    assert!(message.starts_with("list.csv, line 3: has 1 columns where the header has 2"), "{message}");
    let message = fault_of_list(b"surname\nA\nB\nA\n");
    assert!(message.starts_with("list.csv, line 4: says the same as line 2"), "{message}");
    assert!(fault_of_list(b"surname\n").starts_with("list.csv: has no line below its header"));
    assert!(fault_of_list(b"surname\nA\nB\xff\n").starts_with("list.csv, line 3: is not UTF-8"));
    let message = fault("[[leg]]\ngiver = \"me\"\npersons = \"other.csv\"\n", &[]);
    assert!(message.starts_with("other.csv: no such file"), "{message}");
}

#[test]
fn a_list_of_20_001_lines_is_refused_and_one_of_20_000_is_read() {
    let rows = |count: usize| {
        (0..count).fold("service_number,surname\n".to_owned(), |text, at| format!("{text}{at},A\n"))
    };
    assert!(
        fault_of_list(rows(20_001).as_bytes()).starts_with("list.csv, line 20002: is line 20001 of the list")
    );
    let text = "[[leg]]\ngiver = \"me\"\npersons = \"list.csv\"\n";
    let draft = read(text, Inviter, &[("list.csv", rows(20_000).as_bytes())]).unwrap();
    assert_eq!(draft.lists[0].lines().len(), 20_000);
}

#[test]
fn texts_of_4_001_characters_and_lines_past_4_096_bytes_are_refused() {
    let long = "ж".repeat(4_001);
    let message = fault(&format!("remarks = \"{long}\"\n"), &[]);
    assert!(message.starts_with("the proposal, remarks: the text has 4001 characters"), "{message}");
    let message = fault_of_list(format!("surname,marks\nA,{long}\n").as_bytes());
    assert!(message.starts_with("list.csv, line 2, column marks: the text has 4001 characters"), "{message}");
    let message = fault_of_list(format!("surname,marks\nA,{}\n", "ж".repeat(2_048)).as_bytes());
    assert!(message.starts_with("list.csv, line 2: the record takes 41"), "{message}");
}

#[test]
fn bad_proposals_are_named_by_key_and_leg() {
    let message = fault("firmness = \"firm\"\nvalid_untill = \"14 days\"\n", &[]);
    assert!(
        message.starts_with("the proposal, line 2: unknown field `valid_untill`, expected one of"),
        "{message}"
    );
    let leg = |rest: &str| fault(&format!("[[leg]]\n{rest}"), &[]);
    let message = leg("giver = \"us\"\ncount = 1\n");
    assert!(message.starts_with("the proposal, leg 1, giver: \"us\" is not known: write one of me, them"));
    assert!(leg("giver = \"me\"\n").starts_with("the proposal, leg 1: says not exactly one of: count"));
    assert!(leg("giver = \"me\"\ncount = 1\npersons = \"a\"\n").contains("not exactly one of"));
    assert!(leg("giver = \"me\"\ncount = -1\n").starts_with("the proposal, leg 1, count: -1"));
    assert!(leg("giver = \"me\"\ncount = 0\n").starts_with("the proposal: leg 1 counts nobody"));
    let message = leg("giver = \"me\"\n[[leg.person]]\nsurname = \"A\"\n[[leg.person]]\nname = \"B\"\n");
    assert!(message.starts_with("the proposal, leg 1, person 2, name: is not a known column"), "{message}");
    let message = leg("giver = \"me\"\n[[leg.person]]\nsurname = \"A\"\nbirth_date = 1994-02-30\n");
    assert!(message.starts_with("the proposal, line 5:"), "{message}");
    let message = leg("giver = \"me\"\ncategory = \"remains\"\n[[leg.person]]\nsurname = \"A\"\n");
    assert!(message.starts_with("the proposal, leg 1, category: does not fit"), "{message}");
    assert!(fault("valid_until = \"soon\"\n", &[]).contains("is neither a moment nor a duration"));
    assert!(fault("valid_until = 2020-01-01T00:00:00Z\n", &[]).contains("is not in the future"));
    let many = "[[leg]]\ngiver = \"me\"\ncount = 1\n".repeat(129);
    assert!(fault(&many, &[]).starts_with("the proposal: the terms have 129 legs"));
}

#[test]
fn the_shipped_package_has_every_part_of_a_proposal() {
    let offer = shipped("package.toml", Inviter);
    let terms = &offer.body().terms;
    let formulas: Vec<_> = formulas(&offer).into_iter().map(|formula| formula.text()).collect();
    let all = [
        "named persons",
        "counts by category",
        "all for all",
        "ratio",
        "package",
        "remains",
        "persons and remains",
        "third-country accommodation",
        "staged",
        "standing frame",
    ];
    assert_eq!(formulas, all);
    assert_eq!(terms.frame, Some(Frame { until: UnixMillis(1_956_528_000_000), every: 30 * 86_400 }));
    assert_eq!(terms.corridors[0].points[0], Point { latitude: 501_012_345, longitude: 302_000_000 });
    assert_eq!((terms.stages[0].corridor, &terms.stages[1].after), (Some(0), &vec![0]));
    assert_eq!(terms.legs[5].criteria.as_ref().unwrap().health.len(), 3);
    assert_eq!(offer.range(&terms.legs[4]), 15..=23);
    assert_eq!(offer.exceptions(&terms.legs[2])[0].person().unwrap().name.to_string(), "Белый Ігор");
    assert_eq!(terms.conditions[0].end, End::Seconds(365 * 86_400));
    assert_eq!(terms.legs.iter().map(|leg| leg.group).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3, 4]);
    let person = offer.lines(&terms.legs[1])[0].person().unwrap();
    assert_eq!(person.aliases.iter().map(Text::as_str).collect::<Vec<_>>(), ["Їжак", "Юрко"]);
}

fn formulas_of(text: &str) -> Vec<&'static str> {
    let Content::Offer(offer) = read(text, Inviter, &[]).unwrap().offer(0, None).unwrap() else {
        unreachable!()
    };
    formulas(&offer).into_iter().map(|formula| formula.text()).collect()
}

#[test]
fn formulas_are_what_the_legs_come_to() {
    let leg = |giver: &str, rest: &str| format!("[[leg]]\ngiver = \"{giver}\"\n{rest}\n");
    let both = |mine: &str, theirs: &str| formulas_of(&(leg("me", mine) + &leg("them", theirs)));
    assert_eq!(both("count = 5", "count = 5"), ["counts by category"]);
    assert_eq!(both("count = 5", "count = 6"), ["counts by category", "package"]);
    assert_eq!(formulas_of(&leg("me", "count = 5")), ["counts by category", "unilateral"]);
    assert_eq!(both("count = \"all\"", "count = \"all\""), ["all for all"]);
    assert_eq!(both("count = 5", "ratio = \"2:1 of leg 1\""), ["counts by category", "ratio"]);
    let bags = "category = \"remains\"\ncount = 5";
    assert_eq!(both(bags, bags), ["counts by category", "remains"]);
    assert_eq!(both("count = 5", bags), ["counts by category", "package", "remains", "persons and remains"]);
}

#[test]
fn every_bad_cell_of_a_list_is_told_and_past_twenty_how_many_more() {
    let message =
        fault_of_list(b"surname,birth_date,health\nA,1994,well\nB,17.03.94,ill\n,,good\nA,1994,good,\n");
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), 5, "{message}");
    for (line, begins) in lines.iter().zip([
        "list.csv, line 2, column health: \"well\"",
        "list.csv, line 3, column birth_date: \"17.03.94\"",
        "list.csv, line 3, column health: \"ill\"",
        "list.csv, line 4, column surname: is empty",
        "list.csv, line 5: has 4 columns where the header has 3",
    ]) {
        assert!(line.starts_with(begins), "{line}");
    }
    let message = fault_of_list(("surname,sex\n".to_owned() + &"A,x\n".repeat(50)).as_bytes());
    assert_eq!(message.lines().count(), 21);
    assert!(message.ends_with("\nand 30 more: correct these first"), "{message}");
    let inline = "[[leg]]\ngiver = \"me\"\n[[leg.person]]\nsurname = \"A\"\nsex = \"x\"\n[[leg.person]]\nrank = \"B\"\n";
    let message = fault(inline, &[]);
    assert!(message.contains("leg 1, person 1, sex: \"x\" is not known"), "{message}");
    assert!(message.contains("leg 1, person 2, surname: is empty"), "{message}");
    let error = read(inline, Inviter, &[]).unwrap_err();
    assert_eq!(error.each(), message.lines().collect::<Vec<_>>());
}

#[test]
fn a_list_separated_by_semicolons_or_tabs_is_told_so() {
    for (csv, sign) in [("surname;rank\nA;B\n", "semicolons"), ("surname\trank\nA\tB\n", "tabs")] {
        let message = fault_of_list(csv.as_bytes());
        assert!(
            message.starts_with(&format!(
                "list.csv, line 1: separates its columns by {sign}: save it with commas"
            ))
        );
    }
}

#[test]
fn aliases_with_semicolons_and_blanks_can_be_written() {
    let csv = "surname,aliases\nA,\" B ;C\\;D; \\ E\\\\ ;\\ \u{a0}F\\ \"\n";
    let draft = read("[[leg]]\ngiver = \"me\"\npersons = \"l.csv\"\n", Inviter, &[("l.csv", csv.as_bytes())])
        .unwrap();
    let line = Line::decode_line(&draft.lists[0].lines()[0]).unwrap();
    let aliases: Vec<_> =
        line.person().unwrap().aliases.iter().map(|alias| alias.as_str().to_owned()).collect();
    assert_eq!(aliases, ["B", "C;D", " E\\", " \u{a0}F "]);
    let message = fault_of_list(b"surname,aliases\nA,B\\\n");
    assert!(message.starts_with("list.csv, line 2, column aliases: ends with a backslash"), "{message}");
    assert!(
        fault_of_list(b"surname,aliases\nA,B;;C\n").contains("an alias cannot be used: the text is empty")
    );
}

#[test]
fn the_file_is_called_by_its_name_once_it_is_known() {
    let error = read("firmness = \"firm\"\nx = 1\n", Inviter, &[]).unwrap_err().in_file("first.toml");
    assert!(error.to_string().starts_with("first.toml, line 2: unknown field `x`"), "{error}");
    let error = read("[[leg]]\ngiver = \"me\"\ncount = 0\n", Inviter, &[]).unwrap_err().in_file("first.toml");
    assert_eq!(error.to_string(), "first.toml: leg 1 counts nobody: leave it out, or give a number from 1");
    let inline = "[[leg]]\ngiver = \"me\"\n[[leg.person]]\nsex = \"x\"\nhealth = \"y\"\n";
    let error = read(inline, Inviter, &[]).unwrap_err().in_file("first.toml");
    assert!(error.each().iter().all(|fault| fault.starts_with("first.toml, leg 1, person 1, ")), "{error}");
}

#[test]
fn bad_values_are_named_by_their_table_and_key() {
    let leg = "[[leg]]\ngiver = \"me\"\n";
    let cases = [
        (format!("{leg}count = \"some\"\n"), "leg 1, count: some is no count: write a whole number, a range"),
        (format!("{leg}count = \"9 to 3\"\n"), "leg 1 estimates 9 to 3: the second number must be"),
        (format!("{leg}ratio = \"3 for 1\"\n"), "leg 1, ratio: \"3 for 1\" is no ratio: write such as"),
        (format!("{leg}ratio = \"3:1 of leg 0\"\n"), "leg 1, ratio: \"3:1 of leg 0\" is no ratio"),
        (format!("{leg}ratio = \"3:1 of leg 2\"\n"), "leg 1 is a ratio of leg 2, which is no other leg"),
        (format!("{leg}count = 3\nrounding = \"up\"\n"), "leg 1, rounding: stands beside no ratio"),
        (format!("{leg}count = 3\nages = \"young\"\n"), "leg 1, ages: \"young\" are no ages: write such as"),
        (format!("{leg}count = 3\nhealth = [\"good\", \"fine\"]\n"), "leg 1, health: \"fine\" is not known"),
        (format!("{leg}count = 3\nhealth = [7]\n"), "leg 1, health: 7 is no text: write it in quotes"),
        (format!("{leg}count = 3\nstage = 1\n"), "leg 1 is in stage 1, which the terms do not have"),
        (format!("{leg}count = 3\nstage = \"Last\"\n"), "leg 1, stage: \"Last\" is not in the file"),
        (format!("{leg}count = 3\nstage = 0\n"), "leg 1, stage: 0 names nothing: count from 1"),
        (format!("{leg}count = 3\ngroup = 256\n"), "leg 1, group: 256 is no such number"),
        (
            format!("[[stage]]\nname = \"A\"\n[[stage]]\nname = \"A\"\n{leg}count = 3\nstage = \"A\"\n"),
            "leg 1, stage: \"A\" is the name of several: write a number",
        ),
        (format!("[[stage]]\n{leg}count = 3\n"), "leg 1 is in no stage, and the terms have stages"),
        ("[[stage]]\nat = [1, 2]\n".to_owned(), "stage 1, place: is missing beside at: name the place"),
        ("[[stage]]\nplace = \"A\"\nat = [1]\n".to_owned(), "stage 1, at: [1] is no point: write latitude"),
        ("[[stage]]\nplace = \"A\"\nat = [91, 2]\n".to_owned(), "stage 1 has a point off the earth"),
        ("[[stage]]\nplace = \"A\"\nat = [1, 181.5]\n".to_owned(), "stage 1, at: [1, 181.5] is no point"),
        ("[[stage]]\nfrom = 2031-05-01\n".to_owned(), "stage 1, to: is missing beside from: give both"),
        (
            "[[stage]]\nfrom = 2031-05-02\nto = 2031-05-01\n".to_owned(),
            "stage 1 has a window that ends before it begins",
        ),
        (
            "[[stage]]\nfrom = 2031-05-01T10:00:00\nto = \"later\"\n".to_owned(),
            "stage 1, from: \"2031-05-01T10:00:00\" is neither a moment nor a duration",
        ),
        ("[[stage]]\nafter = [1]\n".to_owned(), "stage 1 must come after stages that stand before it"),
        ("[[stage]]\ncorridor = 2\n".to_owned(), "stage 1 uses corridor 2, which the terms do not have"),
        ("[[corridor]]\nname = \" \"\n".to_owned(), "corridor 1, name: the text is empty: write something"),
        ("[[corridor]]\nname = \"A\"\nwidth = -1\n".to_owned(), "corridor 1, width: -1 is no such number"),
        ("[frame]\nuntil = \"then\"\n".to_owned(), "frame, until: \"then\" is neither a moment nor"),
        (
            "[frame]\nuntil = \"1 year\"\nevery = \"1.5 ms\"\n".to_owned(),
            "frame, every: \"1.5 ms\" is no duration: write such as 36 hours, or 90 days",
        ),
    ];
    for (text, begins) in cases {
        let message = fault(&text, &[]);
        let known = message.strip_prefix("the proposal, ").or(message.strip_prefix("the proposal: "));
        assert!(known.unwrap().starts_with(begins), "{text}\n{message}");
    }
    let condition = |rest: &str| {
        fault(
            &format!("{leg}count = 3\n[[condition]]\nconsequence = \"C\"\nobligation = \"other\"\n{rest}"),
            &[],
        )
    };
    assert!(condition("leg = 1\n").starts_with("the proposal, condition 1: says not exactly one of: end"));
    assert!(
        condition("leg = 0\nend = \"1 day\"\n").contains("condition 1, leg: 0 names nothing: count from 1")
    );
    assert!(
        condition("leg = 2\nend = \"1 day\"\n").contains("condition 1 binds leg 2, which the terms do not")
    );
    assert!(
        condition("leg = 1\nlines = [1]\nend = \"1 day\"\n").contains("condition 1 binds lines of leg 1")
    );
    assert!(condition("leg = 1\nend = \"-1 day\"\n").contains("condition 1, end: \"-1 day\" is no duration"));
}
