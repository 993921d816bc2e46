//! The costs as tables of 80 columns, and whether they grow as the lists do.

use crate::measure::Cost;
use std::fmt::Write as _;

/// One of the things that are measured.
struct Measure {
    name: &'static str,
    of: fn(&Cost) -> f64,
    /// What a machine with other work adds at times, or what is spent before the list plays a part.
    noise: f64,
}

const MEASURES: [Measure; 3] = [
    Measure { name: "time, seconds", of: |cost| cost.wall.as_secs_f64(), noise: 0.1 },
    Measure { name: "processor, seconds", of: |cost| cost.cpu.as_secs_f64(), noise: 0.03 },
    Measure { name: "peak memory, MiB", of: |cost| cost.peak_kib as f64 / 1024.0, noise: 1.0 },
];

/// How much steeper the growth may be from the second size to the third than from the first to the second.
const STEEPER_MAX: f64 = 2.0;

/// Whether a cost grows no steeper from `lines[1]` to `lines[2]` than it did before. What does not depend on the lines
/// cancels out; a cost that grows with the square would be ten times as steep.
fn is_linear(lines: [f64; 3], costs: [f64; 3], noise: f64) -> bool {
    let [few, some, many] = lines;
    let [least, middle, most] = costs;
    let before = ((middle - least).max(0.0) + noise) / (some - few);
    (most - middle) / (many - some) <= STEEPER_MAX * before
}

/// How many times `of` is `to`; a dash where that is too little to be told.
fn ratio(of: f64, to: f64) -> String {
    if to < 0.005 { format!("{:>9}", "-") } else { format!("{:>9.1}", of / to) }
}

/// A table for each measure, and how many costs grow worse than linear.
pub fn tables(lines: [u32; 3], rows: &[(&str, [Cost; 3])]) -> (String, usize) {
    let lines = lines.map(f64::from);
    let [few, some, many] = lines;
    let (mut out, mut worse) = (String::new(), 0);
    for measure in MEASURES {
        let head = format!("{few:>8} {some:>8} {many:>8} {:>9.1} {:>9.1}", some / few, many / some);
        // Writing to a string does not fail.
        let _ = writeln!(out, "\n{:<22}{head}  growth\n{}", measure.name, "─".repeat(80));
        for (name, costs) in rows {
            let costs = costs.map(|cost| (measure.of)(&cost));
            let [least, middle, most] = costs;
            let linear = is_linear(lines, costs, measure.noise);
            worse += usize::from(!linear);
            let growth = if linear { "linear" } else { "WORSE" };
            let cells = format!("{least:>8.2} {middle:>8.2} {most:>8.2}");
            let _ =
                writeln!(out, "{name:<22}{cells} {} {}  {growth}", ratio(middle, least), ratio(most, middle));
        }
    }
    let _ = match worse {
        0 => writeln!(out, "\nEvery cost grows linearly with the list, or slower."),
        _ => writeln!(out, "\nCosts that grow WORSE than linear with the list: {worse}."),
    };
    (out, worse)
}
