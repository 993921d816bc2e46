//! `report --html` through the program: the page of a played exchange, with names in several scripts and texts that would
//! break out of a page.

use crate::cases::story::{agree, exchange, people, say, surname};
use crate::officer::Officer;
use crate::scene::Scene;
use std::os::unix::fs::PermissionsExt;

const EXCHANGE: &str = r#"
remarks = "</main><script>alert(1)</script>\n\u202Ereversed & \"quoted\""
[[leg]]
giver = "me"
persons = "ours.csv"
[[leg]]
giver = "them"
count = 3
"#;

/// Holds that every element is closed where it was opened, but for those that have no end.
#[track_caller]
fn is_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("an open tag");
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed in {open:?}");
        } else if !matches!(name, "meta" | "br") {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.is_empty(), "left open: {open:?} {rest}");
}

#[track_caller]
fn is_harmless(page: &str) {
    is_well_formed(page);
    for wrong in ["<script", "http:", "https:", "url(", "javascript:", " href=", " style="] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert!(page.contains(
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"
    ));
    let hides = |c: &char| matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert_eq!(page.chars().find(hides), None);
}

fn page(officer: &Officer, name: &str) -> String {
    let file = officer.dir.join(name);
    let answer = officer.ok(&["report", "--html", file.to_str().unwrap()]);
    let page = std::fs::read_to_string(&file).unwrap();
    assert_eq!((&answer["bytes"], &answer["channels"]), (&page.len().into(), &1.into()));
    assert_eq!(answer["file"], file.to_str().unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    is_harmless(&page);
    page
}

#[test]
fn the_page_of_an_exchange_tells_both_sides_the_same_and_runs_nothing() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    velmara.write("ours.csv", people(0..70, [], |_| []));
    let file = velmara.write("exchange.toml", EXCHANGE);
    velmara.ok(&["say", "<img src=x onerror=alert(1)> \u{200b}"]);
    let offer = say(velmara, &["propose", &file]);
    exchange(velmara, tarrun);
    agree(velmara, tarrun, &offer);
    let ours = page(velmara, "ours.html");
    let theirs = page(tarrun, "theirs.html");

    for told in [&ours, &theirs] {
        // Names to the byte, in their script.
        for number in 0..8 {
            assert!(told.contains(&format!(">{} ", surname(number))), "{}", surname(number));
        }
        assert!(told.contains("and 10 more lines, not shown"), "a list is bounded");
        assert!(
            told.contains("&lt;/main&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
            "remarks are told as they stand"
        );
        assert!(
            told.contains("\\u{202e}reversed &amp; &quot;quoted&quot;"),
            "what hides is shown by its number"
        );
        assert!(told.contains("&lt;img src=x onerror=alert(1)&gt; \\u{200b}"), "the note");
        assert!(told.contains("sealed as version 1") && told.contains("words confirmed"), "the state");
        assert_eq!(told.matches("<svg class=\"code\"").count(), 2, "both heads as codes");
        assert!(told.contains("proves nothing by itself"), "what it is not");
    }
    // Both tell of the same cases, in the same words.
    let cases = |page: &str| {
        let (_, cases) = page.split_once("<h2>Cases</h2>").unwrap();
        cases.split_once("<h2>Statements</h2>").unwrap().0.to_owned()
    };
    assert_eq!(cases(&ours), cases(&theirs));
    assert!(ours.contains("from the vault of <bdi dir=\"auto\">Velmara</bdi>"));
    assert!(theirs.contains("from the vault of <bdi dir=\"auto\">Tarrun</bdi>"));
    // What an officer calls a channel is his own.
    assert!(!ours.contains("tarrun") && !theirs.contains("velmara"), "a label is private");

    // A file that is there is left alone.
    let file = velmara.write("kept.html", "kept");
    velmara.refused(&["report", "--html", &file], 6, "exists already", "--force");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    let told = velmara.text(&["report", "--html", &file, "--force"]);
    assert!(told.contains("readable for you only") && told.contains("proves nothing by itself"), "{told}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(velmara.run(&["report", "--html", &file, "--csv"]).code, Some(2));
}

#[test]
fn there_is_no_page_before_a_channel_stands() {
    let officer = Officer::new("Velmara");
    let file = officer.dir.join("page.html");
    officer.refused(
        &["report", "--html", file.to_str().unwrap()],
        3,
        "no channel stands yet",
        "truceline invite",
    );
    assert!(!file.exists());
}
