//! `truceline report`: the figures of all exchanges, for people, for machines, and one row a case for a spreadsheet.

use crate::deal::delay::median;
use crate::deal::figures::{CaseFigures, Held, figures};
use crate::deal::identity::title;
use crate::deal::terms::Category;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::own::history;
use crate::desk::page::model::{Page, Source};
use crate::desk::page::{self, channel};
use crate::desk::record::side;
use crate::desk::screen::{
    Answer, count, field, json_time, json_time_if, list_of, paragraphs, plain, short, span, time,
};
use crate::desk::terms::category_count;
use crate::party::role::Role;
use crate::time::Millis;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const FIELD: usize = 20;

/// A case's figures with its channel.
struct Row {
    channel: String,
    me: Role,
    figures: CaseFigures,
}

/// How many of each category came to us, and to them.
type Came = [BTreeMap<Category, u64>; 2];

fn came<'r>(rows: impl Iterator<Item = &'r Row>) -> Came {
    let [mut own, mut peer] = Came::default();
    for row in rows {
        for ((giver, category), number) in &row.figures.returned {
            *(if *giver == row.me { &mut peer } else { &mut own }).entry(*category).or_insert(0) += number;
        }
    }
    [own, peer]
}

/// What all cases come to.
struct Totals {
    sealed: usize,
    closed: usize,
    came: Came,
    otherwise: u64,
    discrepancies: usize,
    median: Option<Millis>,
    longest: Option<(Millis, String)>,
    /// Still held, and returned: the one held longest, with the side that holds or held them.
    held: [Option<(Held, bool)>; 2],
}

impl Totals {
    fn of(rows: &[Row]) -> Self {
        let took: Vec<(Millis, String)> =
            rows.iter().filter_map(|row| Some((row.figures.took()?, short(&row.figures.case)))).collect();
        let earliest = |at: usize| {
            let held = rows.iter().filter_map(|row| {
                let held = row.figures.longest.get(at)?.clone()?;
                let own = held.giver == row.me;
                Some((held, own))
            });
            held.min_by_key(|(held, _)| held.since)
        };
        Self {
            sealed: rows.len(),
            closed: rows.iter().filter(|row| row.figures.closed).count(),
            came: came(rows.iter()),
            otherwise: rows.iter().map(|row| row.figures.otherwise).sum(),
            discrepancies: rows.iter().map(|row| row.figures.discrepancies).sum(),
            median: median(took.iter().map(|(took, _)| *took).collect()),
            longest: took.into_iter().max(),
            held: [earliest(0), earliest(1)],
        }
    }

    /// Each figure with its name.
    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = Vec::new();
        let mut fact = |name: &str, text: &str| facts.push((name.to_owned(), text.to_owned()));
        fact("exchanges", &format!("{} sealed, {} closed", self.sealed, self.closed));
        let [own, peer] = &self.came;
        fact("came to us", &came_text(own));
        fact("came to them", &came_text(peer));
        fact("came otherwise", &format!("{} (substituted, mistaken or surplus)", self.otherwise));
        fact("discrepancies", &format!("{} not as agreed", count(self.discrepancies as u64, "leg", "legs")));
        let took = match (self.median, &self.longest) {
            (Some(median), Some((longest, case))) => {
                format!("half within {}, the longest {} ({case})", span(median), span(*longest))
            }
            _ => "nothing sealed yet".to_owned(),
        };
        fact("offer to seal", &took);
        for (held, what) in self.held.iter().zip(["still held longest", "was held longest"]) {
            if let Some((held, own)) = held {
                let by = if *own { "us" } else { "them" };
                fact(what, &format!("{}, by {by}, since {} at least", plain(&title(&held.who)), held.since));
            }
        }
        facts
    }

    fn text(&self) -> String {
        self.facts().iter().map(|(name, text)| field(name, FIELD, text)).collect()
    }

    fn json(&self) -> Value {
        let held = |at: usize| {
            self.held.get(at).and_then(Option::as_ref).map(|(held, own)| {
                json!({
                    "name": title(&held.who),
                    "holder": if *own { "own" } else { "peer" },
                    "since": held.since.to_string(),
                })
            })
        };
        json!({
            "sealed": self.sealed,
            "closed": self.closed,
            "came": came_json(&self.came),
            "otherwise": self.otherwise,
            "discrepancies_open": self.discrepancies,
            "offer_to_seal_median_ms": self.median.map(|median| median.0),
            "offer_to_seal_longest_ms": self.longest.as_ref().map(|(longest, _)| longest.0),
            "still_held_longest": held(0),
            "was_held_longest": held(1),
        })
    }
}

fn came_text(came: &BTreeMap<Category, u64>) -> String {
    let parts: Vec<String> =
        came.iter().map(|(category, number)| category_count(*category, *number)).collect();
    if parts.is_empty() { "nobody yet".to_owned() } else { list_of(&parts) }
}

fn came_json([own, peer]: &Came) -> Value {
    let of = |came: &BTreeMap<Category, u64>| -> Map<String, Value> {
        came.iter().map(|(category, number)| (category.text().to_owned(), Value::from(*number))).collect()
    };
    json!({"own": of(own), "peer": of(peer)})
}

impl Row {
    fn text(&self) -> String {
        let it = &self.figures;
        let state = if it.closed { "closed" } else { "not closed" };
        let sealed = match (it.sealed, it.took()) {
            (Some(at), Some(took)) => format!("sealed {} after {}", time(at), span(took)),
            _ => "sealed".to_owned(),
        };
        let (persons, remains) = it.returned_in_all();
        let text = format!(
            "{}, version {}: {sealed}; {state}; {} and {remains} remains came as listed, {} otherwise; {}",
            plain(&self.channel),
            it.version,
            count(persons, "person", "persons"),
            it.otherwise,
            count(it.discrepancies as u64, "leg not as agreed", "legs not as agreed"),
        );
        field(&short(&it.case), FIELD, &text)
    }

    fn json(&self) -> Value {
        let it = &self.figures;
        let agreed: Vec<Value> = it
            .agreed
            .iter()
            .map(|((giver, category), number)| {
                json!({"giver": side(*giver, self.me), "category": category.text(), "number": number})
            })
            .collect();
        json!({
            "channel": self.channel,
            "case": it.case.hex(),
            "version": it.version,
            "offered": json_time(it.offered),
            "sealed": json_time_if(it.sealed),
            "closed": it.closed,
            "agreed": agreed,
            "came": came_json(&came(std::iter::once(self))),
            "otherwise": it.otherwise,
            "discrepancies_open": it.discrepancies,
        })
    }

    /// The cells of a row; the times as in JSON.
    fn cells(&self) -> Vec<String> {
        let it = &self.figures;
        let moment = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let mut cells = vec![
            plain(&self.channel),
            it.case.hex(),
            it.version.to_string(),
            moment(json_time(it.offered)),
            moment(json_time_if(it.sealed)),
            it.took().map(|took| (took.0 / 1000).to_string()).unwrap_or_default(),
            it.closed.to_string(),
            it.otherwise.to_string(),
            it.discrepancies.to_string(),
        ];
        for came in came(std::iter::once(self)) {
            let number = |category: &Category| came.get(category).copied().unwrap_or(0).to_string();
            cells.extend(Category::ALL.iter().map(number));
        }
        cells
    }
}

/// The first columns of the spreadsheet; then each category that came to us, and to them.
const COLUMNS: [&str; 9] = [
    "channel",
    "case",
    "version",
    "offered",
    "sealed",
    "offer_to_seal_secs",
    "closed",
    "otherwise",
    "discrepancies_open",
];

fn csv(rows: &[Row]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut heads = COLUMNS.map(str::to_owned).to_vec();
    for side in ["own", "peer"] {
        heads.extend(
            Category::ALL.iter().map(|category| format!("{}_{side}", category.text().replace(' ', "_"))),
        );
    }
    writer.write_record(&heads)?;
    for row in rows {
        writer.write_record(row.cells())?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes the page of all channels that are meant.
fn written(desk: &Desk, file: &Path, force: bool, figures: Vec<(String, String)>) -> Result<Answer, Failure> {
    let mut books = Vec::new();
    for number in desk.chosen()? {
        books.extend(channel::book(desk.channel(number)?));
    }
    if books.is_empty() {
        return Err(Failure::new(
            Cause::Refused,
            "no channel stands yet, so there is nothing to tell of",
            "Bring one up first: truceline invite, truceline join",
        ));
    }
    let channels = books.len();
    let page = Page { made: desk.service.now(), source: Source::Vault, figures, books };
    let bytes = page::write(file, force, &page)?;
    let file = file.display().to_string();
    let of = if channels == 1 { "the channel".to_owned() } else { format!("all {channels} channels") };
    let text = paragraphs(
        &format!(
            "{} written, readable for you only: one page for a browser and for paper. It holds what was said in {of}, in \
             the clear, and nothing that you keep to yourself. It proves nothing by itself: an exported transcript does.",
            plain(&file)
        ),
        0,
    );
    let aside = if channels == 1 {
        ""
    } else {
        "Of one channel alone: truceline --channel LABEL report --html FILE\n"
    };
    Ok(Answer::new(text, json!({"file": file, "bytes": bytes, "channels": channels})).aside(aside))
}

/// `truceline report`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk, asked: &grammar::Report) -> Result<Answer, Failure> {
    let mut rows = Vec::new();
    for number in desk.chosen()? {
        let channel = desk.channel(number)?;
        let (ledger, me) = (channel.ledger(), channel.thread.role);
        let label = &channel.thread.label;
        let of_channel = figures(&history(channel, &ledger));
        rows.extend(of_channel.into_iter().map(|figures| Row { channel: label.clone(), me, figures }));
    }
    let totals = Totals::of(&rows);
    if let Some(file) = &asked.html {
        return written(desk, file, asked.force, totals.facts());
    }
    let cases: Vec<Value> = rows.iter().map(Row::json).collect();
    let json = json!({"totals": totals.json(), "cases": cases});
    if asked.csv {
        let text = csv(&rows).map_err(|error| {
            Failure::new(
                Cause::Internal,
                format!("the rows cannot be written: {error}"),
                "Use --json instead.",
            )
        })?;
        return Ok(Answer::new(text, json));
    }
    let mut text = totals.text();
    if !rows.is_empty() {
        text.push('\n');
    }
    text.extend(rows.iter().map(Row::text));
    Ok(Answer::new(text, json))
}
