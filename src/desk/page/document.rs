//! The whole page: head, parties, and each part in its place; what it proves and what it does not. The page has no script,
//! and its policy lets a browser load nothing.

use crate::desk::page::case::{cases, side};
use crate::desk::page::code::{code, head_line};
use crate::desk::page::model::{Book, Checked, Page, Party, Source};
use crate::desk::page::receipts::{parts, receipts, spoken, statements};
use crate::desk::page::text::{digest, facts, foreign, heading, line, when};
use crate::desk::page::timeline::timeline;
use crate::desk::screen::{count, plain};
use crate::party::role::Role;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Nothing is loaded, nothing runs, nothing is sent.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page.css");

/// The page as HTML.
#[must_use]
pub fn html(page: &Page) -> String {
    let title = title(page);
    let several = page.books.len() > 1;
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (plain(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    p.kicker { (kicker(&page.source)) }
                    h1 { (line(&title)) }
                    p.made { (made(page)) }
                }
                main {
                    @if let Source::File(checked) = &page.source { (verdict(checked)) }
                    @if !page.figures.is_empty() {
                        section {
                            h2 { "Figures" }
                            (facts(&page.figures))
                            @if let Some(viewer) = viewer(page) { p.note { "“Us” is " (foreign(viewer)) "." } }
                        }
                    }
                    @for (book, number) in page.books.iter().zip(1usize..) {
                        @if several {
                            section.channel {
                                h2 { "Channel " (number) ": " (line(&names(book))) }
                                (parts_of(page, book, 3))
                            }
                        } @else { (parts_of(page, book, 2)) }
                    }
                    (limits(page))
                }
            }
        }
    };
    whole.into_string()
}

fn names(book: &Book) -> String {
    let [inviter, joiner] = &book.parties;
    format!("{} and {}", inviter.name, joiner.name)
}

fn title(page: &Page) -> String {
    match page.books.as_slice() {
        [one] => names(one),
        many => count(many.len() as u64, "channel", "channels"),
    }
}

const fn kicker(source: &Source) -> &'static str {
    match source {
        Source::Vault => "Truceline report",
        Source::File(_) => "Truceline evidence",
    }
}

/// The party in whose vault the page was made.
fn viewer(page: &Page) -> Option<&str> {
    page.books.first().and_then(|book| Some(book.party(book.view?).name.as_str()))
}

fn made(page: &Page) -> Markup {
    html! {
        "Made " (when(page.made)) ", "
        @match (&page.source, viewer(page)) {
            (Source::Vault, Some(viewer)) => { "from the vault of " (foreign(viewer)) "." },
            (Source::Vault, None) => "from a vault.",
            (Source::File(checked), _) => { "from a file of " (line(&checked.kind)) " that was checked." },
        }
        " Times are UTC."
    }
}

fn verdict(checked: &Checked) -> Markup {
    html! {
        section.verdict {
            h2 { "What the check came to" }
            p.state {
                @if checked.identified { "Between the two parties that were named by their fingerprints." }
                @else { "Parties not identified: anyone can make up two parties. Compare both fingerprints with what you know from elsewhere." }
            }
            @if !checked.proven.is_empty() {
                h3 { "Proven" }
                ul.proven { @for text in &checked.proven { li { (line(text)) } } }
            }
            @if !checked.not_proven.is_empty() {
                h3 { "Not proven" }
                ul.unproven { @for text in &checked.not_proven { li { (line(text)) } } }
            }
        }
    }
}

fn parts_of(page: &Page, book: &Book, level: u8) -> Markup {
    let part = |title: &str, content: &Markup| {
        html! { section { (heading(level, &html! { (title) })) (content) } }
    };
    let names = book.names();
    html! {
        (part("Parties", &parties(book, level + 1)))
        (part("Timeline", &timeline(book)))
        @if book.ledger.is_some() { (part("Cases", &cases(book, page.made, level + 1))) }
        (parts(book, &names, level))
        (part("Statements", &statements(book)))
        (part("Receipts", &receipts(book, &page.source, page.made)))
        (part("Heads", &heads(book, level + 1)))
    }
}

fn parties(book: &Book, level: u8) -> Markup {
    let said = spoken(book);
    let words = match book.parties.each_ref().map(|party| party.words) {
        [Some(true), Some(true)] => "The twelve safety words were compared and confirmed by both.",
        [Some(true), Some(false)] | [Some(false), Some(true)] => {
            "The twelve safety words were confirmed by one side only: who the other is has not been made sure."
        }
        [Some(false), Some(false)] => {
            "The twelve safety words were not confirmed: somebody may stand between the two."
        }
        _ => "Whether the twelve safety words were confirmed is not told here.",
    };
    html! {
        div.parties {
            @for ((role, party), said) in Role::BOTH.into_iter().zip(&book.parties).zip(said) {
                div.party.(side(role)) {
                    (heading(level, &foreign(&party.name)))
                    p.role { (place(role)) ", " (count(said as u64, "statement", "statements")) (confirmed(party)) }
                    p.label { "Fingerprint" }
                    (digest(&party.fingerprint))
                }
            }
        }
        p.state { (words) }
        p.label { "Channel" }
        p { (digest(&book.channel)) }
    }
}

const fn place(role: Role) -> &'static str {
    match role {
        Role::Inviter => "invited",
        Role::Joiner => "joined",
    }
}

const fn confirmed(party: &Party) -> &'static str {
    match party.words {
        Some(true) => ", words confirmed",
        Some(false) => ", words not confirmed",
        None => "",
    }
}

fn heads(book: &Book, level: u8) -> Markup {
    html! {
        p {
            "Equal heads mean equal transcripts. Compare these with the heads that the other side’s program shows, by eye or by camera; each code holds "
            code { "truceline-head:CHANNEL:ROLE:COUNT:ID" } " in capitals."
        }
        div.heads {
            @for ((role, party), head) in Role::BOTH.into_iter().zip(&book.parties).zip(&book.heads) {
                div.party.(side(role)) {
                    (heading(level, &foreign(&party.name)))
                    p.role { (count(head.count, "statement", "statements")) ", receipts counted" }
                    @if head.count > 0 {
                        (digest(&head.id))
                        (code(&head_line(&book.channel, role, head), &format!("The head of the {}", side_of(role))))
                    }
                }
            }
        }
    }
}

const fn side_of(role: Role) -> &'static str {
    match role {
        Role::Inviter => "inviter",
        Role::Joiner => "joiner",
    }
}

/// What the page is not, and what is.
fn limits(page: &Page) -> Markup {
    html! {
        section.limits {
            h2 { "What this page is not" }
            p {
                "This page proves nothing by itself: it has no signature, and whoever holds it can change it. It is a reading, made to be read and printed. "
                "Times of statements are their authors’ claims. That something was said is shown; that it is true is not."
            }
            @match page.source {
                Source::Vault => {
                    p {
                        "What proves is the transcript. " code { "truceline transcript export FILE" } " writes it; with no vault and no network "
                        code { "truceline verify FILE --party FINGERPRINT --party FINGERPRINT" }
                        " checks every signature in it, and shows the heads above."
                    }
                    p { "It holds what was said in the channel and the receipts of the side that made it. What one side keeps to itself is not in it." }
                },
                Source::File(_) => {
                    p {
                        "What proves is the file it was made from. With no vault and no network " code { "truceline evidence check FILE --party FINGERPRINT --party FINGERPRINT" }
                        " checks it again."
                    }
                },
            }
            p { "Read no more into it than both sides signed: what is not on this page may still have been said." }
        }
    }
}
