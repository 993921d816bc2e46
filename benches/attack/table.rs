//! What an attack came to, as a row of a Markdown table, and what of it must not be.

use crate::attacks::{Kind, On};
use crate::honest::Seen;

/// A cell that comes in a hundred times what it takes otherwise is not slow but held up.
const P99_RATIO_MAX: f64 = 100.0;
/// Longer nobody may wait for an answer.
const STUCK_SECS: f64 = 10.0;
/// What a machine with 512 MiB can give.
const MEMORY_MIB: f64 = 400.0;
/// With fewer cells nothing is said of one in a hundred.
const CELLS_MIN: usize = 10;

/// One attack, and what was seen beside it.
pub struct Row {
    pub kind: Kind,
    /// What got through a second.
    pub rate: f64,
    pub seen: Seen,
    /// Before and after.
    pub quiet: Seen,
    pub peak_mib: f64,
    pub descriptors: usize,
}

/// The value below which this part of all lies.
fn quantile(all: &[f64], part: f64) -> f64 {
    let mut all = all.to_vec();
    all.sort_unstable_by(f64::total_cmp);
    let at = (all.len() as f64 * part) as usize;
    all.get(at.min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

pub fn head() -> &'static str {
    "| attack | got through, a second | median | p99 | new connection | tries for one | reconnects | longest wait, s | peak memory, MiB | open files |\n\
     | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
}

/// What the ratios are to, over all rounds of quiet.
pub fn quiet(rows: &[Row]) -> String {
    let all =
        |of: fn(&Seen) -> &Vec<f64>| rows.iter().flat_map(|row| of(&row.quiet)).copied().collect::<Vec<_>>();
    let (cells, newcomers) = (all(|seen| &seen.latencies), all(|seen| &seen.newcomers));
    format!(
        "In quiet: median {:.1} ms, p99 {:.1} ms, new connection {:.1} ms.",
        quantile(&cells, 0.5),
        quantile(&cells, 0.99),
        quantile(&newcomers, 0.5)
    )
}

impl Row {
    fn ratio(&self, part: f64) -> f64 {
        quantile(&self.seen.latencies, part) / quantile(&self.quiet.latencies, part)
    }

    pub fn told(&self) -> String {
        let Seen { newcomers, turned_away, reconnects, stuck, shut_out, .. } = &self.seen;
        let new = quantile(newcomers, 0.5) / quantile(&self.quiet.newcomers, 0.5);
        let tries = (newcomers.len() as f64 + *turned_away as f64) / newcomers.len() as f64;
        format!(
            "| {} | {:.0} {} | {:.1} | {:.1} | {new:.1} | {tries:.1} | {reconnects} | {:.1} | {:.0} | {} |",
            self.kind.name,
            self.rate,
            self.kind.unit,
            self.ratio(0.5),
            self.ratio(0.99),
            stuck.max(*shut_out),
            self.peak_mib,
            self.descriptors
        )
    }

    /// What must not be.
    pub fn wrong(&self) -> Vec<String> {
        let Seen { latencies, newcomers, fulls, stuck, shut_out, wrong, .. } = &self.seen;
        let mut all: Vec<String> = wrong.iter().chain(&self.quiet.wrong).cloned().collect();
        let mut must = |holds: bool, what: String| {
            if !holds {
                all.push(what);
            }
        };
        let p99 = self.ratio(0.99);
        must(latencies.len() >= CELLS_MIN, format!("only {} cells came", latencies.len()));
        must(p99 <= P99_RATIO_MAX, format!("p99 is {p99:.0} times that without the attack"));
        must(*stuck <= STUCK_SECS, format!("the pair had no answer for {stuck:.0} s"));
        must(*shut_out <= STUCK_SECS, format!("a new connection took {shut_out:.0} s"));
        must(!newcomers.is_empty(), "nobody new got in".to_owned());
        must(self.peak_mib <= MEMORY_MIB, format!("the relay took {:.0} MiB", self.peak_mib));
        must(self.rate > 0.0, "the attack came to nothing: it shows nothing".to_owned());
        let small = self.kind.on == On::SmallStore;
        must(small == (*fulls > 0), format!("{fulls} honest puts were told that there is no room"));
        all.into_iter().map(|what| format!("{}: {what}", self.kind.name)).collect()
    }
}
