//! What was measured, as a Markdown table with the ratios first, and what of the promises is missed.

use std::fmt::Write as _;

/// What a ratio was promised, or hoped, to be.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// As near to this as can be: nothing is missed.
    Aim(f64),
    /// Told, and nothing more.
    Open,
}

impl Bound {
    fn told(self) -> String {
        match self {
            Self::AtMost(bound) => format!("at most {bound}"),
            Self::AtLeast(bound) => format!("at least {bound}"),
            Self::Aim(bound) => format!("near {bound}"),
            Self::Open => String::new(),
        }
    }

    fn is_missed(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio > bound,
            Self::AtLeast(bound) => ratio < bound,
            Self::Aim(_) | Self::Open => false,
        }
    }
}

/// One comparison.
pub struct Row {
    pub what: String,
    pub ratio: f64,
    pub bound: Bound,
    /// The two figures that were compared, with their unit.
    pub figures: [f64; 2],
    pub unit: &'static str,
    /// What it is compared with.
    pub beside: String,
}

/// All rows so far.
#[derive(Default)]
pub struct Table(Vec<Row>);

fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Table {
    /// Takes a row, and says on standard error that it is there.
    pub fn push(&mut self, row: Row) {
        let [ours, other] = row.figures.map(figure);
        eprintln!("{}: {} ({ours} : {other} {}, {})", row.what, figure(row.ratio), row.unit, row.beside);
        self.0.push(row);
    }

    /// The table.
    pub fn markdown(&self) -> String {
        let mut out = "| what | ratio | promised | ours | beside it | unit | beside what |\n".to_owned();
        out += "| --- | ---: | --- | ---: | ---: | --- | --- |\n";
        for row in &self.0 {
            let [ours, other] = row.figures.map(figure);
            let missed = if row.bound.is_missed(row.ratio) { " **missed**" } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "| {} | {} | {}{missed} | {ours} | {other} | {} | {} |",
                row.what,
                figure(row.ratio),
                row.bound.told(),
                row.unit,
                row.beside
            );
        }
        out
    }

    /// A line for each promise that is missed.
    pub fn missed(&self) -> Vec<String> {
        let missed = self.0.iter().filter(|row| row.bound.is_missed(row.ratio));
        missed
            .map(|row| format!("{}: {}, promised {}", row.what, figure(row.ratio), row.bound.told()))
            .collect()
    }

    /// The ratios of the rows whose names begin so.
    pub fn ratios(&self, begins: &str) -> Vec<(String, f64)> {
        let rows =
            self.0.iter().filter_map(|row| Some((row.what.strip_prefix(begins)?.to_owned(), row.ratio)));
        rows.collect()
    }
}
