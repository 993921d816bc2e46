//! Handover lines as a table.

use crate::build::{NOW, bags, leg, named, offer, persons, soldiers};
use truceline::deal::body::Offer;
use truceline::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject};
use truceline::deal::lines::{all_delivered, lines_from_csv, lines_to_csv, template_of, to_fill_in};
use truceline::deal::terms::{Category, Quantity};
use truceline::party::role::Role;
use truceline::time::UnixMillis;

const US: Role = Role::Inviter;
const THEM: Role = Role::Joiner;

fn agreed() -> Offer {
    let named_list = persons("surname,first_names\nЇжакевич,Юрій\n\"Ward, Jr\",\nC,\n");
    let legs = vec![
        named(US, Category::Person, 0),
        named(THEM, Category::Remains, 1),
        leg(THEM, Category::PrisonerOfWar, Quantity::Count(12)),
        leg(THEM, Category::WoundedOrSick, Quantity::Estimate { least: 3, most: 5 }),
    ];
    offer(legs, &[named_list, bags("bag\nK-1\nK-2\n")])
}

fn read(csv: &str) -> Result<Vec<HandoverLine>, String> {
    lines_from_csv(csv, "lines.csv", &agreed(), THEM, NOW).map_err(|error| error.to_string())
}

#[test]
fn the_template_is_everything_agreed_delivered_as_listed() {
    let template = template_of(&agreed(), |_| true);
    assert_eq!(
        template,
        "leg,line,number,outcome,cause,detail,evidence,remedy,deadline,name,surname,first_names,birth_date,\
         service_number,status,health,bag,claimed_side\n\
         1,1,,delivered as listed,,,,,,Їжакевич Юрій,,,,,,,,\n\
         1,2,,delivered as listed,,,,,,\"Ward, Jr\",,,,,,,,\n\
         1,3,,delivered as listed,,,,,,C,,,,,,,,\n\
         2,1,,delivered as listed,,,,,,K-1,,,,,,,,\n\
         2,2,,delivered as listed,,,,,,K-2,,,,,,,,\n\
         3,,12,delivered as listed,,,,,,,,,,,,,,\n\
         4,,,delivered as listed,,,,,,,,,,,,,,\n"
    );
    // An estimate is counted by whoever fills it in.
    assert_eq!(
        read(&template).unwrap_err(),
        "lines.csv, line 8, column number: is empty, and the offer gives no exact number for leg 4: write how many \
         there were"
    );
    assert_eq!(to_fill_in(&template), [8]);
    let some = template_of(&agreed(), |leg| leg.giver == US);
    assert_eq!((some.lines().count(), to_fill_in(&some)), (4, vec![]));
    assert!(template.starts_with(&some), "{some}");
    let nobody = read("leg,line,number,outcome\n3,,,died\n").unwrap_err();
    assert!(nobody.contains("line 2: says of nobody: give the line of the list, a number"), "{nobody}");
    let filled = template.replace("\n4,,,", "\n4,,4,");
    let mut expected = all_delivered(&agreed());
    assert_eq!(expected.len(), 6);
    expected.push(HandoverLine { subject: Subject::Counted { leg: 3, number: 4 }, ..expected[0].clone() });
    assert_eq!(read(&filled).unwrap(), expected);
}

#[test]
fn lines_are_read_back_as_they_were_written_names_to_the_byte() {
    let csv = "\u{feff}leg,line,outcome,cause,detail,evidence,remedy,deadline,surname,birth_date,custody_evidence,bag,\
               claimed_side,number\n\
               1,2,not delivered,not fit to travel,,\"hospital list, p. 3\",deliver later,2031-06-01,,,,,,\n\
               1,3,substituted,,D. Eide,,,14 days,,,,,,\n\
               1,,surplus,,,,return,2031-05-02T06:00:00Z,И\u{306}ован ,1990..1991,family 2031-02,,,\n\
               2,,surplus,error in the list,,,,,,,,К-9,me,\n\
               2,1,own-side remains,,,,examine,,,,,,,\n\
               3,,refused,own will,,,,,,,,,,2\n\
               3,,delivered as listed,,,,,,,,,,,10\n";
    let lines = read(csv).unwrap();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[0].cause, Cause::Unfit);
    assert_eq!(lines[0].deadline, Some(UnixMillis(NOW.0 + 31 * 86_400_000)));
    assert_eq!(lines[1].deadline, Some(UnixMillis(NOW.0 + 14 * 86_400_000)));
    assert_eq!((lines[2].outcome, lines[2].remedy), (Outcome::Surplus, Remedy::Return));
    let Subject::Unlisted { who, .. } = &lines[2].subject else { panic!("{:?}", lines[2]) };
    assert_eq!(who.person().unwrap().name.surname.as_ref().unwrap().as_str(), "И\u{306}ован ");
    assert_eq!(who.person().unwrap().evidence.len(), 1);
    let Subject::Unlisted { who, .. } = &lines[3].subject else { panic!("{:?}", lines[3]) };
    assert_eq!(who.remains().unwrap().claimed_side, Some(THEM));
    assert_eq!(read(&lines_to_csv(&lines, &agreed(), THEM)).unwrap(), lines);
}

#[test]
fn a_name_that_would_run_as_a_formula_is_disarmed_where_it_is_not_read() {
    let hostile = "\"=HYPERLINK(\"\"http://x.example\"\",\"\"A\"\")\"";
    let list = persons(&format!("surname\n{hostile}\n@B\n-C\nD-E\n"));
    let offer = offer(vec![named(US, Category::Person, 0)], &[list]);
    let template = template_of(&offer, |_| true);
    let names: Vec<String> = csv_rows(&template).into_iter().map(|row| row[9].clone()).collect();
    assert_eq!(names, ["name", "'=HYPERLINK(\"http://x.example\",\"A\")", "'@B", "'-C", "D-E"]);
    assert_eq!(lines_from_csv(&template, "lines.csv", &offer, THEM, NOW).unwrap(), all_delivered(&offer));
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn every_bad_row_is_named_with_what_to_do() {
    let head = "leg,line,number,outcome,detail,deadline,remedy,surname,bag,evidence\n";
    for (row, fault) in [
        (",1,,died,,,,,,", "column leg: is empty: write a number from 1 to 4"),
        ("5,1,,died,,,,,,", "column leg: there is no leg 5: write one from 1 to 4"),
        ("0,1,,died,,,,,,", "column leg: \"0\" is no such number: write a whole number from 1"),
        ("1,4,,died,,,,,,", "column line: leg 1 has no line 4: write one from 1 to 3"),
        ("3,1,,died,,,,,,", "column line: leg 3 has no list: give a number, or say who came"),
        ("1,1,2,died,,,,,,", "says more than one of line, number, and the record"),
        ("1,1,,,,,,,,", "column outcome: is empty: write one of delivered as listed, not delivered"),
        ("1,1,,gone,,,,,,", "column outcome: \"gone\" is not known: write one of"),
        ("1,1,,surplus,,,,,,", "column outcome: \"surplus\" is for who is on no list"),
        ("1,,,died,,,,X,,", "column outcome: \"died\" is for who is on the list"),
        ("1,1,,commingled,,,,,,", "column outcome: \"commingled\" is for remains"),
        ("2,1,,refused,,,,,,", "column outcome: \"refused\" is for persons"),
        ("1,,,surplus,,,,,K-1,", "column bag: does not fit the leg: this leg has persons"),
        ("2,1,,duplicate,,,,,,", "column detail: is empty: name the line or the bag"),
        ("1,1,,substituted,,,,,,", "column detail: is empty: name who came in the place"),
        ("1,1,,died,,soon,,,,", "column deadline: \"soon\" is neither a moment nor a duration"),
        ("1,1,,died,,,pay,,,", "column remedy: \"pay\" is not known: write one of none, deliver later"),
        ("1,1,,died", "has 4 columns where the header has 10"),
    ] {
        let error = read(&format!("{head}{row}\n")).unwrap_err();
        let expected =
            format!("lines.csv, line 2{} {fault}", if fault.starts_with("column") { "," } else { ":" });
        assert!(error.starts_with(&expected), "{row}: {error}");
        assert!(error.contains(": "), "{row}: {error}");
    }
    let custody = read("leg,outcome,surname,custody_evidence\n1,surplus,X,rumour\n").unwrap_err();
    assert!(custody.starts_with("lines.csv, line 2, column custody_evidence: "), "{custody}");
    let twice = read(&format!("{head}1,1,,died,,,,,,\n1,1,,refused,,,,,,\n")).unwrap_err();
    assert_eq!(twice, "lines.csv, line 3: is about the same as line 2: keep one of them");
    assert!(read("leg,line\n1,1\n").unwrap_err().contains("column outcome: is missing"));
    assert!(read("leg,outcome,who\n1,died,x\n").unwrap_err().contains("column who: is not a known column"));
    assert!(read(head).unwrap_err().contains("has no line below its header"));
}

#[test]
fn the_first_twenty_faults_are_told_and_the_rest_counted() {
    let mut csv = "leg,line,outcome\n".to_owned();
    (0..25).for_each(|_| csv.push_str("1,9,died\n"));
    let error = read(&csv).unwrap_err();
    assert_eq!(error.lines().count(), 21);
    assert!(error.ends_with("and 5 more: correct these first"), "{error}");
}

#[test]
fn a_statement_takes_twenty_thousand_lines_and_no_more() {
    let big = offer(
        vec![named(US, Category::Person, 0), leg(US, Category::Person, Quantity::Count(2))],
        &[soldiers("A", 20_000)],
    );
    let template = template_of(&big, |_| true);
    let read = |csv: &str| lines_from_csv(csv, "lines.csv", &big, THEM, NOW);
    assert_eq!(
        read(&template).unwrap_err().to_string(),
        "lines.csv, line 20002: is past the 20000 lines of one statement: divide the file in two"
    );
    let fits = template.trim_end().rsplit_once('\n').unwrap().0;
    assert_eq!(read(fits).unwrap().len(), 20_000);
}

#[test]
fn outcomes_that_a_leg_without_a_list_or_a_detail_allows_are_read() {
    let one = |line: &str| {
        read(&format!("leg,line,number,outcome,detail,surname\n{line}\n")).map(|it| it[0].outcome)
    };
    assert_eq!(one("3,,,delivered as listed,,Ward"), Ok(Outcome::Delivered));
    assert_eq!(one("1,1,,substituted,Ward came,"), Ok(Outcome::Substituted));
    assert_eq!(one("1,1,,duplicate,line 2,"), Ok(Outcome::Duplicate));
    assert!(one("1,1,,substituted,,").unwrap_err().contains("name who came in the place"));
}

#[test]
fn a_table_has_the_columns_of_those_it_is_about() {
    let only = |category| offer(vec![leg(US, category, Quantity::Count(2))], &[]);
    let has = |csv: &str| {
        ["surname", "bag"].map(|column| csv.lines().next().unwrap().split(',').any(|it| it == column))
    };
    assert_eq!(has(&template_of(&only(Category::Person), |_| true)), [true, false]);
    assert_eq!(has(&template_of(&only(Category::Remains), |_| true)), [false, true]);
    let counts = only(Category::Person);
    assert_eq!(has(&lines_to_csv(&all_delivered(&counts), &counts, US)), [false, false]);
}
