//! All for all by age and wounds: the list that comes back has 42 lines that do not belong, and three of which nobody
//! can tell.

use crate::cases::story::{agree, exports_agree, legs, names_are, one_says, pass, people, say, sentences};
use crate::officer::Officer;
use crate::scene::Scene;
use std::path::Path;

const WHO: &str = "category = \"prisoner of war\"\nages = \"18..25 on 2031-05-01\"\n\
                   health = [\"slightly wounded\", \"seriously wounded\"]\n";

/// Of 300 on the list: 20 too old, 15 not wounded, 6 civilians, and one who is neither young nor wounded.
fn particulars(number: usize) -> [String; 3] {
    let (born, health, status) = match number {
        0..20 => ("1999-03-02", "slightly wounded", "prisoner of war"),
        100..115 => ("2010-11-30", "good", "prisoner of war"),
        200..206 => ("2008-01-01", "seriously wounded", "civilian internee"),
        250 => ("1990", "recovered", "prisoner of war"),
        // Whoever was born in 2005 is 25 or 26 on that day; of one nothing is known.
        280 | 281 => ("2005", "slightly wounded", "prisoner of war"),
        299 => ("", "slightly wounded", "prisoner of war"),
        _ => ("2009-07", "slightly wounded", "prisoner of war"),
    };
    [born, health, status].map(str::to_owned)
}

fn belongs(number: &usize) -> bool {
    !matches!(number, 0..20 | 100..115 | 200..206 | 250)
}

/// Takes the lines of these persons out of a list file.
fn take_out(file: &Path, unwanted: impl Fn(usize) -> bool) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (at, row) in reader.records().enumerate() {
        // The first is the header.
        if at == 0 || !unwanted(at - 1) {
            writer.write_record(&row.unwrap()).unwrap();
        }
    }
    std::fs::write(file, writer.into_inner().unwrap()).unwrap();
}

fn misfits(officer: &Officer, offer: &str) -> Vec<String> {
    sentences(&officer.ok(&["show", offer])["statement"]["misfits"])
}

#[test]
fn lines_that_do_not_belong_to_an_all_for_all_are_found_and_taken_out_and_the_rest_is_agreed() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let all = format!(
        "[[leg]]\ngiver = \"me\"\ncount = \"all\"\n{WHO}[[leg]]\ngiver = \"them\"\ncount = \"all\"\n{WHO}"
    );
    let asked = say(velmara, &["propose", &velmara.write("all.toml", all)]);
    pass(velmara, tarrun);

    // Tarrun fills in its list. Its own officer is told before signing that not all of them belong there.
    tarrun.write("held.csv", people(0..300, ["birth_date", "health", "status"], particulars));
    let listed = format!(
        "[[leg]]\ngiver = \"them\"\ncount = \"all\"\n{WHO}[[leg]]\ngiver = \"me\"\npersons = \"held.csv\"\n{WHO}"
    );
    let listed = tarrun.write("listed.toml", listed);
    let countered = tarrun.ok(&["counter", &asked, &listed, "--yes"]);
    let many =
        ["leg 2, lines 1-20, 101-115, 201-206 and 251 (42 of 300): not whom the leg is for", "take them out"];
    one_says(&sentences(&countered["warnings"]), &many);
    let counter = countered["id"].as_str().unwrap().to_owned();
    pass(tarrun, velmara);

    names_are(&legs(velmara, &counter)[1]["list"], 0..300);
    let found = misfits(velmara, &counter);
    assert_eq!(found, misfits(tarrun, &counter));
    let (certain, open): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.contains("does not belong"));
    assert_eq!((certain.len(), open.len()), (42, 3), "{certain:#?} {open:#?}");
    one_says(
        &certain,
        &["leg 2, line 1 ", "32 years old on 2031-05-01", "ages 18 to 25", "take the line out"],
    );
    one_says(
        &certain,
        &["leg 2, line 101 ", "health good, and the leg is for: slightly wounded, seriously wounded"],
    );
    one_says(&certain, &["leg 2, line 206 ", "civilian internee, and the leg is for: prisoner of war"]);
    one_says(&certain, &["leg 2, line 251 ", "years old", "health recovered"]);
    one_says(&open, &["leg 2, line 282 may not belong", "25 to 26 years old"]);
    one_says(&open, &["leg 2, line 300 may not belong", "the birth date is not known", "find it out"]);

    // The same list without the 42, made from the offer as it came, goes back.
    let folder = velmara.dir.join("theirs");
    velmara.ok(&["show", &counter, "--toml", "--out", folder.to_str().unwrap()]);
    take_out(&folder.join("leg-2.csv"), |number| !belongs(&number));
    let file = folder.join("proposal.toml");
    let answered = velmara.ok(&["counter", &counter, file.to_str().unwrap(), "--yes"]);
    let warned = sentences(&answered["warnings"]);
    assert!(!warned.iter().any(|it| it.contains(": not whom")), "{warned:?}");
    one_says(
        &warned,
        &["leg 2, lines 239-240 and 258 (3 of 258): perhaps not whom the leg is for", "find it out"],
    );
    let answer = answered["id"].as_str().unwrap().to_owned();
    agree(velmara, tarrun, &answer);

    let shown = tarrun.ok(&["show", &answer])["statement"].clone();
    assert_eq!(shown["against"], counter.as_str(), "{shown}");
    let changes = sentences(&shown["changes"]);
    assert_eq!(changes.iter().filter(|it| it.contains("removed: ")).count(), 42, "{changes:#?}");
    one_says(&changes, &["Tarrun gives prisoner of war: 300 -> 258"]);
    names_are(&shown["body"]["legs"][1]["list"], (0..300).filter(belongs));
    assert_eq!(shown["misfits"].as_array().unwrap().len(), 3, "{}", shown["misfits"]);
    let case = exports_agree(velmara, tarrun, &asked);
    assert_eq!((&case["version"], &case["versions"][0]["offer"]), (&1.into(), &answer.into()), "{case}");
}
