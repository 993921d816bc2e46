//! Words on a page: foreign text made harmless and kept from reordering its neighbours, moments, ids, headings. May not
//! know what a page tells of. Every text that is not the program's own comes in through here.

use crate::crypto::digest::Digest;
use crate::desk::screen::{json_time, plain, short, time};
use crate::time::UnixMillis;
use maud::{Markup, html};

/// Rows of a table that stands whole on a sheet of paper.
const SHORT_ROWS: usize = 12;

/// Whether a letter is written from right to left.
const fn is_rtl(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// The parts of a text, each with whether it runs from right to left: from the first letter that does to the last before
/// one that does not.
fn runs(text: &str) -> Vec<(bool, &str)> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_rtl) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_alphabetic() && !is_rtl(c)).unwrap_or(from.len());
        let (run, _) = from.split_at(end);
        let last = run
            .rfind(is_rtl)
            .map_or(0, |at| at + run.chars().rev().find(|c| is_rtl(*c)).map_or(0, char::len_utf8));
        let (run, after) = from.split_at(last);
        runs.extend([(false, before), (true, run)]);
        rest = after;
    }
    runs.push((false, rest));
    runs.retain(|(_, run)| !run.is_empty());
    runs
}

/// A sentence of the program's with foreign words in it, on one line: what is written from right to left turns nothing
/// around it.
pub fn line(text: &str) -> Markup {
    html! {
        @for (rtl, run) in runs(&plain(text)) {
            @if rtl { bdi dir="rtl" { (run) } } @else { (run) }
        }
    }
}

/// Foreign text that stands for itself, on one line: it runs as its first letter says.
pub fn foreign(text: &str) -> Markup {
    html! { bdi dir="auto" { (plain(text)) } }
}

/// Foreign text of several lines, each a paragraph of its own.
pub fn paragraphs(text: &str) -> Markup {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    html! { @for line in lines.filter(|line| !line.trim().is_empty()) { p dir="auto" { (plain(line)) } } }
}

/// A moment.
pub fn when(at: UnixMillis) -> Markup {
    let machine = json_time(at);
    html! { time datetime=[machine.as_str()] { (time(at)) } }
}

/// A moment that may not have come.
pub fn when_if(at: Option<UnixMillis>) -> Markup {
    html! { @if let Some(at) = at { (when(at)) } @else { span.none { "–" } } }
}

/// An id as people read it.
pub fn id(id: &Digest) -> Markup {
    html! { code.id { (short(id)) } }
}

/// A whole digest in groups of eight digits.
pub fn digest(id: &Digest) -> Markup {
    let digits: Vec<char> = id.hex().chars().collect();
    let groups = digits.chunks(8).map(|group| group.iter().collect::<String>());
    html! { code.digest { @for group in groups { span { (group) } " " } } }
}

/// A heading of a level; from six on, all are six.
pub fn heading(level: u8, content: &Markup) -> Markup {
    html! {
        @match level {
            0..=2 => h2 { (content) },
            3 => h3 { (content) },
            4 => h4 { (content) },
            5 => h5 { (content) },
            _ => h6 { (content) },
        }
    }
}

/// Names with what stands beside each; an empty name goes on with the one before.
pub fn facts(facts: &[(String, String)]) -> Markup {
    let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, text) in facts {
        match grouped.last_mut() {
            Some((_, texts)) if name.is_empty() => texts.push(text),
            _ => grouped.push((name, vec![text])),
        }
    }
    html! {
        dl.facts {
            @for (name, texts) in grouped {
                div { dt { (line(name)) } @for text in texts { dd { (line(text)) } } }
            }
        }
    }
}

/// A table in a frame that can be moved where the window is too narrow for it.
pub fn table(caption: &Markup, heads: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.wide.short[rows.len() <= SHORT_ROWS] tabindex="0" role="group" aria-label="table, can be moved sideways" {
            table {
                caption { (caption) }
                thead { tr { @for head in heads { th scope="col" { (line(head)) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Of so many so many are shown: the note on the others; nothing where there are none.
pub fn more(left: usize, what: &str) -> Markup {
    html! { @if left > 0 { p.more { "and " (left) " more " (what) ", not shown on this page" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_neither_leave_its_place_nor_hide_nor_turn_its_neighbours() {
        let evil = "<script>alert(\"1\")</script> & '\u{202e}\u{200b}\u{7}\n-->]]>";
        for shown in [line(evil), foreign(evil), when_named(evil)] {
            let shown = shown.into_string();
            assert!(
                !shown.contains("<script") && !shown.contains('\u{202e}') && !shown.contains('\n'),
                "{shown}"
            );
            assert!(
                shown.contains("&lt;script&gt;") && shown.contains("\\u{202e}\\u{200b}\\u{7}\\n"),
                "{shown}"
            );
            assert!(shown.contains("&quot;1&quot;") && shown.contains(" &amp; "), "{shown}");
        }
    }

    fn when_named(text: &str) -> Markup {
        table(&line(text), &["a"], &[vec![line(text)]])
    }

    #[test]
    fn words_from_right_to_left_stand_isolated_and_numbers_beside_them_stay() {
        let shown = line("gives שלום עולם 100 for 5").into_string();
        assert_eq!(shown, "gives <bdi dir=\"rtl\">שלום עולם</bdi> 100 for 5");
        assert_eq!(line("محمد").into_string(), "<bdi dir=\"rtl\">محمد</bdi>");
        assert_eq!(
            line("א1ב Андрей ג").into_string(),
            "<bdi dir=\"rtl\">א1ב</bdi> Андрей <bdi dir=\"rtl\">ג</bdi>"
        );
        assert_eq!(line("").into_string(), "");
    }

    #[test]
    fn paragraphs_are_the_lines_of_a_text() {
        let shown = paragraphs("one\r\n\n<b>two").into_string();
        assert_eq!(shown, "<p dir=\"auto\">one</p><p dir=\"auto\">&lt;b&gt;two</p>");
    }

    #[test]
    fn a_digest_stands_in_eight_groups() {
        let shown = digest(&Digest([0xab; 32])).into_string();
        assert_eq!(shown.matches("<span>abababab</span>").count(), 8);
    }
}
