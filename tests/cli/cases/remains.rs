//! 1,212 dead of whom 20 are the giver's own, and of whom two bags hold one person.

use crate::cases::story::{
    agree, exchange, exports_agree, go, legs, one_says, ready, same_discrepancy, say, sentences, table,
};
use crate::scene::Scene;
use serde_json::json;

const BAGS: usize = 1_212;
const OFFER: &str = "[[leg]]\ngiver = \"me\"\nremains = \"bags.csv\"\n\
                     [[leg]]\ngiver = \"them\"\ncategory = \"remains\"\ncount = 27\n";

fn bag(number: usize) -> Vec<String> {
    let who = ["Їжакевич Юрій", "ღვინიაშვილი ჭიაბერ", "الطارني عبد الرحيم", ""][number % 4];
    let place = "Северный берег Осмы";
    let date = format!("2030-{:02}", 1 + number % 12);
    vec![format!("К-{:04}", number + 1), place.to_owned(), date, who.to_owned(), "them".to_owned()]
}

/// What the laboratory of the receiver says: every sixtieth of the first 1,200 is of the giver's own, and bag 701 is
/// bag 700 again. `detail` names which.
fn examined(template: &str, detail: &str) -> String {
    let mut reader = csv::Reader::from_reader(template.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    let mut rows = Vec::new();
    for row in reader.records() {
        let mut row: Vec<String> = row.unwrap().iter().map(str::to_owned).collect();
        let line = (&row[at("leg")] == "1").then(|| row[at("line")].parse::<usize>().unwrap());
        let mut fill = |cells: &[(&str, &str)]| {
            cells.iter().for_each(|(column, cell)| row[at(column)] = (*cell).to_owned());
        };
        match line {
            Some(line) if line <= 1_200 && line % 60 == 0 => fill(&[
                ("outcome", "own-side remains"),
                ("cause", "error in the list"),
                ("evidence", "Профиль ДНК, лаборатория в Кельде"),
                ("remedy", "return"),
                ("deadline", "30 days"),
            ]),
            Some(701) => fill(&[("outcome", "duplicate"), ("detail", detail)]),
            _ => {}
        }
        rows.push(row);
    }
    table(&header.iter().collect::<Vec<_>>(), rows)
}

#[test]
fn own_side_remains_and_two_bags_of_one_person_are_counted_apart_and_results_may_change_after_the_closing() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let header = ["bag", "place", "date", "claimed_identity", "claimed_side"];
    tarrun.write("bags.csv", table(&header, (0..BAGS).map(bag)));
    let proposed = tarrun.ok(&["propose", &tarrun.write("offer.toml", OFFER), "--yes"]);
    assert_eq!(
        (&proposed["summary"], &proposed["warnings"]),
        (&"1212 remains for 27 remains".into(), &json!([]))
    );
    let offer = proposed["id"].as_str().unwrap().to_owned();
    let on = offer.as_str();
    agree(tarrun, velmara, on);
    let list = legs(velmara, on)[0]["list"].clone();
    for (number, shown) in list.as_array().unwrap().iter().enumerate() {
        let [name, place, date, who, _] = bag(number).try_into().unwrap();
        let said = [&shown["bag"], &shown["place"], &shown["date"], &shown["claimed_identity"]];
        assert_eq!(
            said.map(|it| it.as_str().unwrap_or("")),
            [&name, &place, &date, &who].map(String::as_str)
        );
        assert_eq!(shown["claimed_side"], "own", "they are said to be Velmara's: {shown}");
    }
    assert_eq!(list.as_array().unwrap().len(), BAGS);

    let lorry = ["--mode", "lorry"].as_slice();
    ready(tarrun, velmara, on, [lorry, lorry]);
    go(tarrun, velmara, on);
    say(tarrun, &["lines", on, "--all-delivered"]);
    let template = velmara.dir.join("lines.csv");
    velmara.ok(&["lines", on, "--template", template.to_str().unwrap()]);
    let template = std::fs::read_to_string(template).unwrap();
    // Two bags of one person: which other bag has to be said, by file, line and column.
    let vague = velmara.write("vague.csv", examined(&template, ""));
    velmara.refused(
        &["lines", on, &vague, "--yes"],
        6,
        "vague.csv, line 702, column detail: is empty",
        "Name the line or the bag that this one doubles.",
    );
    let exact = velmara.write("exact.csv", examined(&template, "Тот же человек, что в мешке К-0700"));
    say(velmara, &["lines", on, &exact]);
    for officer in [velmara, tarrun] {
        say(officer, &["close", on]);
    }
    exchange(tarrun, velmara);

    let found = same_discrepancy(velmara, tarrun, on);
    let leg = &found["legs"][0];
    assert_eq!(leg["own"]["summary"], "20 own-side remains (error in the list), 1 duplicate (cause unknown)");
    assert_eq!((&leg["own"]["delivered"], &leg["peer"]["summary"]), (&1_191.into(), &"as agreed".into()));
    assert_eq!(
        leg["summary"],
        "the giver says: as agreed; the receiver says: 20 own-side remains (error in the list), 1 duplicate (cause \
         unknown)"
    );
    let findings = sentences(&leg["findings"]);
    let own = ["lines 60, 120, 180", "the giver says delivered as listed, the receiver own-side remains"];
    one_says(&findings, &own);
    one_says(&findings, &["line 701: the giver says delivered as listed, the receiver duplicate", "compare"]);
    one_says(&findings, &["the receiver: 1191 delivered, and the leg asks for 1212", "agree on"]);
    let remedy = &found["remedies"][0];
    assert_eq!(
        [&remedy["by"], &remedy["remedy"], &remedy["leg"], &remedy["number"]],
        [&json!("own"), &json!("return"), &json!(1), &json!(20)],
        "{found}"
    );
    assert_eq!(found["legs"][1]["summary"], "as agreed", "{found}");

    // A second examination: one of the twenty is Velmara's after all. Remains alone may still change.
    let later =
        velmara.write("later.csv", "leg,line,outcome,evidence\n1,60,delivered as listed,Второй анализ\n");
    say(velmara, &["lines", on, &later]);
    exchange(velmara, tarrun);
    let found = same_discrepancy(velmara, tarrun, on);
    let told = "19 own-side remains (error in the list), 1 duplicate (cause unknown)";
    assert_eq!(found["legs"][0]["own"]["summary"], told, "{found}");
    assert_eq!(found["remedies"][0]["number"], 19, "{found}");
    let case = exports_agree(velmara, tarrun, on);
    assert_eq!(case["handover"]["closed"], json!({"own": true, "peer": true}), "{case}");
    assert_eq!(case["handover"]["lines"], json!({"own": BAGS + 2, "peer": BAGS + 1}), "{case}");
}
