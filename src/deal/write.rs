//! A proposal as the file that would make it again: TOML, with persons inline or in CSVs beside it. Reading it back
//! gives the same terms and records, names to the byte; only salts differ. Writes no file itself.

use crate::deal::body::Offer;
use crate::deal::cells::{cells, parts, side_word};
use crate::deal::date::moment_text;
use crate::deal::person::Line;
use crate::deal::pledge::{Condition, End};
use crate::deal::row::{PERSON_COLUMNS, REMAINS_COLUMNS};
use crate::deal::stage::{Corridor, Point, Stage, Window};
use crate::deal::terms::{Category, Criteria, Leg, Quantity};
use crate::deal::word::Text;
use crate::party::role::Role;
use crate::time::UnixMillis;
use std::fmt::{Display, Write};

/// The proposal in one file of the side `me`, persons inline.
#[must_use]
pub fn proposal_to_toml(offer: &Offer, me: Role) -> String {
    Toml::of(offer, me, None).out
}

/// The proposal, and a CSV for each of its lists: their names, and what they hold.
#[must_use]
pub fn proposal_to_files(offer: &Offer, me: Role) -> (String, Vec<(String, String)>) {
    let toml = Toml::of(offer, me, Some(Vec::new()));
    (toml.out, toml.files.unwrap_or_default())
}

/// A TOML file as it is written.
struct Toml {
    out: String,
    me: Role,
    /// Lists beside it; none where they are inline.
    files: Option<Vec<(String, String)>>,
}

impl Toml {
    fn of(offer: &Offer, me: Role, files: Option<Vec<(String, String)>>) -> Self {
        let (body, terms) = (offer.body(), &offer.body().terms);
        let mut toml = Self { out: String::new(), me, files };
        toml.word("firmness", body.firmness);
        toml.moment("valid_until", body.valid_until);
        toml.text("remarks", terms.remarks.as_ref());
        if let Some(frame) = &terms.frame {
            toml.table("[frame]");
            toml.moment("until", Some(frame.until));
            if frame.every > 0 {
                toml.word("every", secs(frame.every));
            }
        }
        terms.corridors.iter().for_each(|corridor| toml.corridor(corridor));
        terms.stages.iter().for_each(|stage| toml.stage(stage));
        for (leg, number) in terms.legs.iter().zip(1..) {
            toml.leg(offer, leg, number);
        }
        terms.conditions.iter().for_each(|condition| toml.condition(condition));
        for guarantor in &terms.guarantors {
            toml.table("[[guarantor]]");
            toml.text("name", Some(&guarantor.name));
            toml.word("part", guarantor.part);
            toml.text("duty", guarantor.duty.as_ref());
            toml.word("sight", guarantor.sight);
        }
        toml
    }

    fn table(&mut self, head: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let _ = writeln!(self.out, "{head}");
    }

    /// A key with a value that needs no quotes.
    fn bare(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.out, "{key} = {value}");
    }

    fn word(&mut self, key: &str, word: impl Display) {
        self.bare(key, quoted(&word.to_string()));
    }

    fn text(&mut self, key: &str, text: Option<&Text>) {
        if let Some(text) = text {
            self.bare(key, quoted(text.as_str()));
        }
    }

    fn moment(&mut self, key: &str, moment: Option<UnixMillis>) {
        if let Some(stamp) = moment.and_then(moment_text) {
            self.bare(key, stamp);
        }
    }

    fn window(&mut self, window: Option<Window>) {
        self.moment("from", window.map(|window| window.from));
        self.moment("to", window.map(|window| window.to));
    }

    fn several(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.bare(key, format_args!("[{}]", values.join(", ")));
        }
    }

    fn corridor(&mut self, corridor: &Corridor) {
        self.table("[[corridor]]");
        self.text("name", Some(&corridor.name));
        self.several("points", corridor.points.iter().copied().map(point));
        if corridor.width > 0 {
            self.bare("width", corridor.width);
        }
        self.window(corridor.window);
    }

    fn stage(&mut self, stage: &Stage) {
        self.table("[[stage]]");
        self.text("name", stage.name.as_ref());
        self.several("after", stage.after.iter().map(|index| counted(*index)));
        if let Some(place) = &stage.place {
            self.text("place", Some(&place.name));
            if let Some(at) = place.at {
                self.bare("at", point(at));
            }
        }
        self.window(stage.window);
        if let Some(corridor) = stage.corridor {
            self.bare("corridor", counted(corridor));
        }
        self.word("order", stage.order);
        self.word("abort", stage.abort);
    }

    fn leg(&mut self, offer: &Offer, leg: &Leg, number: usize) {
        self.table("[[leg]]");
        self.word("giver", side_word(leg.giver, self.me));
        self.word("category", leg.category);
        let of_remains = leg.category == Category::Remains;
        let list = matches!(leg.quantity, Quantity::List(_));
        match leg.quantity {
            Quantity::Count(count) => self.bare("count", count),
            Quantity::Estimate { least, most } => self.word("count", format_args!("{least} to {most}")),
            Quantity::All { least: 0 } => self.word("count", "all"),
            Quantity::All { least } => self.word("count", format_args!("all, at least {least}")),
            Quantity::Ratio { give, per, leg, rounding } => {
                self.word("ratio", format_args!("{give}:{per} of leg {}", counted(leg)));
                self.word("rounding", rounding);
            }
            Quantity::List(_) => {
                let key = if of_remains { "remains" } else { "persons" };
                self.file(key, &format!("leg-{number}.csv"), offer.lines(leg));
            }
        }
        if leg.except.is_some() {
            self.file("except", &format!("leg-{number}-except.csv"), offer.exceptions(leg));
        }
        if let Some(criteria) = &leg.criteria {
            self.criteria(criteria);
        }
        self.word("selection", leg.selection);
        self.word("substitution", leg.substitution);
        if leg.tolerance > 0 {
            self.bare("tolerance", leg.tolerance);
        }
        self.text("third_country", leg.third_country.as_ref());
        if let Some(stage) = leg.stage {
            self.bare("stage", counted(stage));
        }
        if leg.group > 0 {
            self.bare("group", leg.group);
        }
        if list {
            self.tables(if of_remains { "[[leg.bag]]" } else { "[[leg.person]]" }, offer.lines(leg));
        }
        self.tables("[[leg.exception]]", offer.exceptions(leg));
    }

    /// A list beside the file, where lists stand beside it.
    fn file(&mut self, key: &str, name: &str, lines: &[Line]) {
        if let Some(files) = &mut self.files {
            files.push((name.to_owned(), csv(lines, self.me)));
            self.word(key, name);
        }
    }

    /// A list in the file, where lists stand in it.
    fn tables(&mut self, head: &str, lines: &[Line]) {
        if self.files.is_some() {
            return;
        }
        for line in lines {
            self.table(head);
            let several = line.person().map(parts).unwrap_or_default();
            for (column, cell) in cells(line, self.me) {
                match several.iter().find(|(key, _)| *key == column) {
                    Some((_, parts)) => self.several(column, parts.iter().map(|part| quoted(part))),
                    None => self.bare(column, quoted(&cell)),
                }
            }
        }
    }

    fn criteria(&mut self, criteria: &Criteria) {
        if let Some(ages) = criteria.ages {
            self.word("ages", format_args!("{}..{} on {}", ages.from, ages.to, ages.on));
        }
        self.several("health", criteria.health.iter().map(|word| quoted(word.text())));
        self.several("status", criteria.status.iter().map(|word| quoted(word.text())));
        if let Some(sex) = criteria.sex {
            self.word("sex", sex);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        self.table("[[condition]]");
        self.bare("leg", counted(condition.leg));
        self.several("lines", condition.lines.iter().map(|line| (u64::from(*line) + 1).to_string()));
        self.word("obligation", condition.obligation);
        self.text("text", condition.text.as_ref());
        match &condition.end {
            End::Seconds(span) => self.word("end", secs(*span)),
            End::Until(moment) => self.moment("until", Some(*moment)),
            End::Event(event) => self.text("event", Some(event)),
        }
        self.text("monitor", condition.monitor.as_ref());
        self.text("consequence", Some(&condition.consequence));
    }
}

/// A number from 0 as people count.
fn counted(index: impl Into<u64>) -> String {
    (index.into() + 1).to_string()
}

/// A basic string of TOML: what it may not hold, or may not hold unchanged, by its number.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A span in the largest unit that it is a whole number of.
fn secs(span: u64) -> String {
    match span {
        days if days % 86_400 == 0 => format!("{} days", days / 86_400),
        hours if hours % 3_600 == 0 => format!("{} hours", hours / 3_600),
        minutes if minutes % 60 == 0 => format!("{} minutes", minutes / 60),
        seconds => format!("{seconds} seconds"),
    }
}

/// A point in degrees, every digit kept.
fn point(point: Point) -> String {
    let degrees = |angle: i32| {
        let (sign, angle) = (if angle < 0 { "-" } else { "" }, angle.unsigned_abs());
        let digits = format!("{:07}", angle % 10_000_000);
        let digits = digits.trim_end_matches('0');
        format!("{sign}{}.{}", angle / 10_000_000, if digits.is_empty() { "0" } else { digits })
    };
    format!("[{}, {}]", degrees(point.latitude), degrees(point.longitude))
}

/// A list as a CSV, with the columns that it needs.
fn csv(lines: &[Line], me: Role) -> String {
    let rows: Vec<_> = lines.iter().map(|line| cells(line, me)).collect();
    let all =
        if lines.iter().any(|line| line.remains().is_some()) { REMAINS_COLUMNS } else { PERSON_COLUMNS };
    let used: std::collections::BTreeSet<&str> = rows.iter().flatten().map(|(column, _)| *column).collect();
    let columns: Vec<&str> = all.iter().copied().filter(|column| used.contains(column)).collect();
    let mut out = columns.iter().map(|column| cell(column)).collect::<Vec<_>>().join(",") + "\n";
    for row in rows {
        let find = |column: &&str| row.iter().find(|(of, _)| of == column).map_or("", |(_, cell)| cell);
        out += &columns.iter().map(find).map(cell).collect::<Vec<_>>().join(",");
        out.push('\n');
    }
    out
}

/// A cell of a CSV, in quotes where it needs them.
fn cell(text: &str) -> String {
    let plain = text.chars().all(|c| !matches!(c, ',' | '"' | '\n' | '\r')) && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
