//! Ten seriously wounded are agreed by name; five of them come, and five others with them.

use super::tale::{Sides, came_to_the_byte, not_signed, post, say};
use crate::scene::Scene;
use serde_json::Value;

/// In seven scripts; one name is written with a combining accent, another holds a no-break space.
const TEN: &str = "surname,first_names,patronymic,surname_romanised,first_names_romanised,romanisation,birth_date,\
    service_number,status,health,commission\n\
    Їжакевич,Юрій,Олексійович,Izhakevych,Yurii,passport (ICAO 9303),1990-05-17,ВЕ-100101,prisoner of war,seriously wounded,A direct\n\
    ბერიძე,გურამ,,Beridze,Guram,ISO 9984,1988,ВЕ-100102,prisoner of war,seriously wounded,A direct\n\
    الكلدي,عبد الرحمٰن,,al-Kaldi,Abd ar-Rahman,ALA-LC,1994-02,ВЕ-100103,prisoner of war,seriously wounded,B neutral country\n\
    Κελδινός,Ἀλέξιος,,Keldinos,Alexios,ISO 843,2001-11-30,ВЕ-100104,prisoner of war,seriously wounded,A direct\n\
    Քելդյան,Արամ,Տիգրանի,Keldyan,Aram,ISO 9985,1979..1981,ВЕ-100105,prisoner of war,seriously wounded,manifestly serious\n\
    Ne\u{301}mec,Ondřej,,,,,1999-06-08,ВЕ-100106,prisoner of war,seriously wounded,A direct\n\
    Сорока,Олесь\u{a0}Іван,,Soroka,Oles Ivan,passport (ICAO 9303),1997-01-02,ВЕ-100107,prisoner of war,seriously wounded,A direct\n\
    כהנוב,דב,,Kahanov,Dov,ISO 259,1992-12-01,ВЕ-100108,retained medical,seriously wounded,A direct\n\
    O’Dúill,Seán,,,,,1985-03-03,ВЕ-100109,prisoner of war,seriously wounded,A direct\n\
    Кадошев,Ростислав,Ильич,Kadoshev,Rostislav,passport (ICAO 9303),2002-08-24,ВЕ-100110,prisoner of war,seriously wounded,NC re-examine\n";
const PROPOSAL: &str = "remarks = \"Without anything in return.\"\n[[leg]]\ngiver = \"me\"\npersons = \"ten.csv\"\n\
    category = \"seriously wounded\"\n";
/// Who came, and was on no list.
const OTHERS: [(&str, &str); 5] = [
    ("Ґалаґан", "Ївга"),
    ("მაისურაძე", "ნინო"),
    ("الأحمد", "يوسف"),
    ("Ζαΐμης", "Ιωάννης"),
    ("Złotek", "Łucja"),
];

/// What the receiver saw: the first five, and five others; what it asks for in the place of those who did not come.
fn five_and_five_others() -> String {
    let mut csv = String::from("leg,line,outcome,remedy,deadline,surname,first_names,health\n");
    for line in 1..=10 {
        let cells = if line > 5 { "not delivered,deliver later,10 days" } else { "delivered as listed,," };
        csv.push_str(&format!("1,{line},{cells},,,\n"));
    }
    for (surname, first_names) in OTHERS {
        csv.push_str(&format!("1,,surplus,,,{surname},{first_names},slightly wounded\n"));
    }
    csv
}

#[test]
fn of_ten_seriously_wounded_five_come_with_five_others_and_both_ends_compute_the_same_of_it() {
    let scene = Scene::new();
    let sides = Sides::of(&scene);
    let Sides { velmara, tarrun } = sides;
    velmara.write("ten.csv", TEN);
    // A list with a fault is refused whole, with the line, the column and what to write.
    velmara.write("bad.csv", TEN.replace("1999-06-08", "8 June"));
    let file = velmara.write("bad.toml", PROPOSAL.replace("ten.csv", "bad.csv"));
    velmara.json(&["propose", &file, "--yes"]).fails(6, "bad.csv, line 7, column birth_date", "1994-03-17");
    let file = velmara.write("ten.toml", PROPOSAL);
    let offer = say(velmara, &["propose", &file]);
    not_signed(velmara, &["lock", &offer], "nothing is sealed in case", "A handover begins once");
    sides.sealed(velmara, tarrun, &offer);
    let shown = tarrun.ok(&["show", &offer])["statement"]["body"]["legs"][0].clone();
    came_to_the_byte(&shown["list"], TEN);
    assert_eq!((&shown["number"], &shown["category"]), (&10.into(), &"seriously wounded".into()));
    let on = offer.as_str();
    not_signed(
        tarrun,
        &["lines", on, "--all-delivered"],
        "both sides have not said go",
        "Wait for both goes.",
    );
    sides.gone(velmara, tarrun, on);
    assert_eq!(sides.same_case(on)["handover"]["effective"], true);

    // The giver says that all is well; the receiver, beginning with the template, says what it saw.
    say(velmara, &["lines", on, "--all-delivered"]);
    let template = tarrun.dir.join("template.csv");
    tarrun.ok(&["lines", on, "--template", template.to_str().unwrap()]);
    let template = std::fs::read_to_string(template).unwrap();
    assert_eq!(template.matches("delivered as listed").count(), 10, "{template}");
    assert!(template.contains("Кадошев") && template.contains("Ne\u{301}mec"), "{template}");
    let wrong = tarrun.write("wrong.csv", five_and_five_others().replace("1,10,not", "1,11,not"));
    tarrun.json(&["lines", on, &wrong, "--yes"]).fails(
        6,
        "wrong.csv, line 11, column line: leg 1 has no line 11",
        "1 to 10",
    );
    let file = tarrun.write("seen.csv", five_and_five_others());
    let seen = say(tarrun, &["lines", on, &file]);
    sides.settle();
    let came = velmara.ok(&["show", &seen])["statement"]["body"]["lines"].clone();
    for ((surname, first_names), line) in OTHERS.iter().zip(&came.as_array().unwrap()[10..]) {
        let who = [&line["who"]["surname"], &line["who"]["first_names"]];
        assert_eq!(who, [*surname, *first_names], "{line}");
    }
    let found = discrepancy(sides, on);
    let leg = &found["legs"][0];
    assert_eq!(leg["own"]["summary"], "as agreed", "{leg}");
    assert_eq!(leg["peer"]["summary"], "5 not delivered, 5 surplus, cause unknown", "{leg}");
    assert_eq!((&leg["peer"]["delivered"], &leg["peer"]["fulfilled"]), (&5.into(), &false.into()), "{leg}");
    let findings = leg["findings"].as_array().unwrap();
    let says = |what: &str| findings.iter().any(|it| it.as_str().is_some_and(|it| it.contains(what)));
    assert!(says("lines 6-10: the giver says delivered as listed, the receiver not delivered"), "{leg}");
    assert!(
        says("5 on no list: the giver says nothing, the receiver surplus: compare what shows it"),
        "{leg}"
    );
    assert!(says("the receiver: 5 delivered, and the leg asks for 10: agree on what makes it good"), "{leg}");
    let asked = &found["remedies"][0];
    assert_eq!(
        (&asked["by"], &asked["remedy"], &asked["number"]),
        (&"peer".into(), &"deliver later".into(), &5.into())
    );
    assert!(asked["deadline"].is_string(), "{found}");

    // The giver finds the same: one sentence for both.
    let file = velmara.write("seen.csv", five_and_five_others());
    say(velmara, &["lines", on, &file]);
    post(velmara, tarrun);
    let found = discrepancy(sides, on);
    assert_eq!(found["legs"][0]["summary"], "5 not delivered, 5 surplus, cause unknown", "{found}");
    for officer in [velmara, tarrun] {
        assert!(
            officer.text(&["discrepancy", on]).contains("leg 1: 5 not delivered, 5 surplus, cause unknown")
        );
        say(officer, &["close", on]);
    }
    sides.settle();
    let closed = sides.same_case(on);
    assert_eq!(closed["handover"]["closed"], serde_json::json!({"own": true, "peer": true}), "{closed}");
    not_signed(tarrun, &["lines", on, "--all-delivered"], "you have closed this handover", "Ask in a query.");
    sides.exports_say(&sides.same_cases());
}

/// The discrepancy as Velmara computes it, which is what Tarrun computes.
#[track_caller]
fn discrepancy(sides: Sides<'_>, case: &str) -> Value {
    let found = [sides.velmara, sides.tarrun].map(|officer| officer.ok(&["discrepancy", case]));
    assert_eq!(found[0]["text"], found[1]["text"]);
    assert_eq!(found[0]["none"], false);
    sides.same(&found);
    let [ours, _] = found;
    ours
}
