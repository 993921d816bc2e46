//! How the demonstration is told: 80 columns, plain text, no colour.

use crate::deal::body::Offer;
use crate::deal::terms::Quantity;
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

const WIDTH: usize = 76;
const NAMES_SHOWN: usize = 3;

/// The first eight digits of an id.
#[must_use]
pub fn short(id: StatementId) -> String {
    id.0.hex().chars().take(8).collect()
}

/// The first 32 digits of a digest in groups of four.
#[must_use]
pub fn groups(hex: &str) -> String {
    let digits: Vec<char> = hex.chars().take(32).collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn padded(text: &str, width: usize) -> String {
    let used = text.width();
    format!("{text}{}", " ".repeat(width.saturating_sub(used)))
}

/// Tells the story, step by step, on standard output.
#[derive(Default)]
pub struct Telling {
    steps: u32,
}

impl Telling {
    /// What this is.
    pub fn title(&self) {
        println!("Truceline: a relay and two officers on this machine, from invite to handover.");
        println!("Velmara and Tarrun are at war; neither they nor the persons listed exist.");
    }

    /// A new step.
    pub fn step(&mut self, title: &str, meaning: &str) {
        self.steps = self.steps.saturating_add(1);
        println!("\n{:>2}. {title}", self.steps);
        println!("    {meaning}");
    }

    /// One thing to know.
    pub fn fact(&self, name: &str, value: &str) {
        let mut lines = wrapped(value, WIDTH - 18).into_iter();
        println!("      {} {}", padded(name, 11), lines.next().unwrap_or_default());
        lines.for_each(|line| println!("                  {line}"));
    }

    /// A long line, broken to fit.
    pub fn quote(&self, line: &str) {
        let chars: Vec<char> = line.chars().collect();
        for part in chars.chunks(WIDTH - 8) {
            println!("      {}", part.iter().collect::<String>());
        }
    }

    /// The safety words as one side reads them.
    pub fn words(&self, who: &str, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        for (at, row) in words.chunks(4).enumerate() {
            let name = if at == 0 { who } else { "" };
            let row: Vec<String> = row.iter().map(|word| padded(word, 10)).collect();
            println!("      {} {}", padded(name, 13), row.join(" ").trim_end());
        }
    }

    /// An offer: what each side gives, and the first names of each list in both scripts.
    pub fn offer(&self, where_held: &str, id: StatementId, offer: &Offer, channel: &Channel) {
        self.fact("offer", &format!("{}, {where_held}", short(id)));
        for leg in offer.legs() {
            let name = |role: Role| {
                channel
                    .session()
                    .map_or_else(String::new, |session| session.card(role).name().as_str().to_owned())
            };
            let listed = matches!(leg.quantity, Quantity::List(_));
            let what = if listed { "named, " } else { "" };
            let giver = name(leg.giver);
            let count = offer.number(leg);
            self.fact(&giver, &format!("gives {count} ({what}{}) to {}", leg.category, name(leg.receiver)));
            for person in offer.lines(leg).iter().filter_map(|line| line.person()).take(NAMES_SHOWN) {
                let original = person.name.full();
                let roman = person.romanised.as_ref().map(|roman| roman.name.full()).unwrap_or_default();
                println!("                  {} {roman}", padded(&original, 34));
            }
            let more = offer.lines(leg).len().saturating_sub(NAMES_SHOWN);
            if more > 0 && offer.lines(leg).iter().any(|line| line.person().is_some()) {
                println!("                  and {more} more");
            }
        }
    }

    /// What became of each of a side's statements.
    pub fn receipts(&mut self, channel: &Channel) {
        self.step(
            "Velmara looks at its receipts",
            "Deposited: a relay has it on disk. Delivered, read: Tarrun signed it.",
        );
        println!("      statement  kind               deposited  delivered  read");
        for shown in channel.statements_of(channel.thread.role) {
            let marks = shown.item.marks;
            let mark = |set: bool| if set { "yes" } else { "-" };
            let kind = Kind::from_number(shown.header.kind).map_or("unknown", Kind::name);
            println!(
                "      {}   {} {} {} {}",
                short(shown.id),
                padded(kind, 18),
                padded(mark(marks.deposited.is_some()), 10),
                padded(mark(marks.delivered.is_some()), 10),
                mark(marks.read.is_some())
            );
        }
    }

    /// Up to where a transcript is complete.
    pub fn heads(&self, name: &str, heads: &[(u64, StatementId); 2]) {
        let [(inviter, inviter_head), (joiner, joiner_head)] = heads;
        let text = format!(
            "valid; complete up to {} (Velmara, {inviter}) and {} (Tarrun, {joiner})",
            short(*inviter_head),
            short(*joiner_head)
        );
        self.fact(name, &text);
    }

    /// Where everything is, and what to try next.
    pub fn end(&self, dir: &Path, export: &Path) {
        let program =
            std::env::current_exe().map_or_else(|_| "truceline".into(), |path| path.display().to_string());
        let dir = dir.display();
        println!("\nThat was all of it. The files are in {dir}");
        println!("Three commands to try next:\n");
        println!("  {program} --vault {dir}/tarrun --passphrase-file {dir}/passphrase log");
        println!("  {program} --vault {dir}/velmara --passphrase-file {dir}/passphrase cases");
        println!("  {program} verify {}", export.display());
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let fits =
            lines.last().is_none_or(|line| line.is_empty() || line.width() + 1 + word.width() <= width);
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
