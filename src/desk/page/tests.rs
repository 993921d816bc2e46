//! The page of books that no vault holds: long ones, hostile ones, and parts of a transcript.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Note};
use crate::deal::word::Text;
use crate::desk::page::html;
use crate::desk::page::model::{Body, Book, Checked, Head, Page, Part, Party, Receipts, Source, Told};
use crate::party::role::Role;
use crate::statement::header::{Header, StatementId, VERSION};
use crate::statement::kind::Kind;
use crate::time::UnixMillis;

const START: u64 = 1_795_356_309_123;

fn id(number: u64) -> Digest {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Digest(bytes)
}

/// The next statement, of alternating parties, each having seen all before it.
fn told(number: u64, body: Body) -> Told {
    let author = if number.is_multiple_of(2) { Role::Inviter } else { Role::Joiner };
    let header = Header {
        version: VERSION,
        author,
        kind: Kind::Note.number(),
        channel: id(0),
        case: StatementId::NONE,
        sequence: number / 2,
        previous: StatementId::NONE,
        own_root: id(0),
        peer_count: number.div_ceil(2),
        peer_head: StatementId::NONE,
        peer_root: id(0),
        clock: UnixMillis(START + number * 60_000),
        commitment: id(0),
    };
    Told { id: id(number), header, body, receipts: Receipts::default() }
}

fn note(text: &str) -> Body {
    Body::Whole(Content::Note(Note { text: Text::new(text).unwrap() }))
}

fn book(names: [&str; 2], statements: Vec<Told>) -> Book {
    let parties = names.map(|name| Party { name: name.to_owned(), fingerprint: id(9), words: None });
    let count = statements.len() as u64 / 2;
    let heads = [Head { count, id: id(1) }, Head { count: 0, id: Digest::default() }];
    Book::new(id(5), parties, None, statements, None, heads)
}

fn page(book: Book) -> String {
    let checked = Checked {
        kind: "evidence".to_owned(),
        identified: false,
        proven: vec!["Velmara signed \u{202e}3<4>".to_owned()],
        not_proven: vec!["that it is true".to_owned()],
    };
    let page = Page {
        made: UnixMillis(START),
        source: Source::File(checked),
        figures: Vec::new(),
        books: vec![book],
    };
    html(&page)
}

#[test]
fn a_page_of_many_statements_is_bounded_and_says_what_it_leaves_out() {
    let of =
        |count: u64| page(book(["Velmara", "Tarrun"], (0..count).map(|at| told(at, note("so"))).collect()));
    let (few, many, more) = (of(5), of(2_000), of(20_000));
    assert_eq!(few.matches("class=\"arrow").count(), 5);
    assert!(!few.contains("not drawn") && !few.contains("not shown"), "{few}");
    assert_eq!(many.matches("class=\"arrow").count(), 144);
    assert!(many.contains("1856 statements are not drawn"));
    assert!(many.contains("The 1850 before these are not shown on this page"));
    assert!(many.len() < 200_000 && more.len() < many.len() + 2_000, "{} and {}", many.len(), more.len());
}

#[test]
fn an_arrow_ends_where_the_other_side_acknowledged() {
    let of = page(book(["Velmara", "Tarrun"], (0..3).map(|at| told(at, note("so"))).collect()));
    assert_eq!(of.matches("class=\"arrow open\"").count(), 1, "the last is not acknowledged");
    assert_eq!(of.matches("class=\"head\"").count(), 2);
    let first = of.find("class=\"time\"").unwrap();
    assert!(of[first..].contains("14:05") && of[first..].contains("class=\"time seen"), "{of}");
}

#[test]
fn a_hostile_name_or_sentence_stays_text_wherever_it_stands() {
    let evil = "</svg><script>x</script>\" onload=\"x";
    let of =
        page(book([evil, "שלום 1"], vec![told(0, note(evil)), told(1, Body::Unreadable(evil.to_owned()))]));
    assert!(!of.contains("<script") && !of.contains("\" onload"), "{of}");
    assert!(of.contains("&lt;/svg&gt;&lt;script&gt;x&lt;/script&gt;&quot; onload=&quot;x"));
    assert!(
        of.contains("Velmara signed \\u{202e}3&lt;4&gt;"),
        "sentences of a check come through the same door"
    );
    assert!(of.contains("<bdi dir=\"rtl\">שלום</bdi> 1"), "a name in a sentence is isolated");
}

#[test]
fn what_was_not_disclosed_is_said_not_to_be() {
    let part = Part::Lines(2, 40, Vec::new());
    let of = page(book(["Velmara", "Tarrun"], vec![told(0, Body::Withheld), told(1, Body::Part(part))]));
    assert!(of.contains("not disclosed; its place is proven"));
    assert!(of.contains("0 of 40 handover lines of version 2 were disclosed"));
    assert!(of.contains("Parties not identified") && of.contains("Truceline evidence"));
    assert!(of.contains("is not told here"), "nobody knows whether the words were confirmed");
    assert!(!of.contains("<h2>Cases</h2>"), "no ledger, no cases");
    // A chain of no statement has no head, and no code.
    assert_eq!(of.matches("<svg class=\"code\"").count(), 1);
}
