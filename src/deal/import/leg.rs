//! One leg of a proposal file: who gives, how many or who, and who belongs to it. May not know stages or conditions
//! but by their names.

use crate::deal::date::Date;
use crate::deal::import::file::{LegFile, StageFile};
use crate::deal::import::list::{Rows, read_list};
use crate::deal::import::value::{At, cell_text};
use crate::deal::import::{ImportError, Sources, plan};
use crate::deal::person::{Health, Sex, Status};
use crate::deal::row::side;
use crate::deal::terms::{Ages, Category, Criteria, Leg, Quantity, Rounding, Selection, Substitution};
use crate::statement::list::List;

pub(super) fn read(
    leg: &LegFile,
    number: usize,
    stages: &[StageFile],
    lists: &mut Vec<List>,
    sources: &mut Sources<'_>,
) -> Result<Leg, ImportError> {
    let at = At::table("leg", number, sources.now);
    let giver = side(&leg.giver, sources.me)
        .ok_or_else(|| at.wrong("giver", format!("{:?} is not known: write one of me, them", leg.giver)))?;
    let of_remains = leg.remains.is_some() || !leg.bag.is_empty();
    let default = if of_remains { Category::Remains } else { Category::Person };
    let category = at.word("category", leg.category.as_ref(), default, Category::read)?;
    let bags = category == Category::Remains;
    let quantity = match exact_quantity(leg, &at)? {
        Some(quantity) => quantity,
        None if of_remains != bags => {
            let fault = "does not fit the list: remains have bags, every other category has persons";
            return Err(at.wrong("category", fault));
        }
        None => {
            let file = leg.persons.as_deref().or(leg.remains.as_deref());
            let (key, tables) = if bags { ("bag", &leg.bag) } else { ("person", &leg.person) };
            Quantity::List(take(lists, read_list(&Rows { leg: number, file, key, tables, bags }, sources)?))
        }
    };
    Ok(Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity,
        except: exceptions(leg, number, bags, &at, lists, sources)?,
        criteria: criteria(leg, &at)?,
        selection: at.word("selection", leg.selection.as_ref(), Selection::Holder, Selection::read)?,
        substitution: at.word(
            "substitution",
            leg.substitution.as_ref(),
            Substitution::None,
            Substitution::read,
        )?,
        tolerance: at.whole("tolerance", leg.tolerance.unwrap_or(0))?,
        third_country: at.text("third_country", leg.third_country.as_ref())?,
        stage: match &leg.stage {
            Some(stage) => Some(at.named("stage", stage, &plan::stage_names(stages))?),
            None => None,
        },
        group: at.whole("group", leg.group.unwrap_or(0))?,
    })
}

/// Keeps a list: its index.
fn take(lists: &mut Vec<List>, list: List) -> u16 {
    lists.push(list);
    u16::try_from(lists.len() - 1).unwrap_or(u16::MAX)
}

/// How many, where no list says who.
fn exact_quantity(leg: &LegFile, at: &At) -> Result<Option<Quantity>, ImportError> {
    let given = [
        leg.count.is_some(),
        leg.ratio.is_some(),
        leg.persons.is_some(),
        leg.remains.is_some(),
        !leg.person.is_empty(),
        !leg.bag.is_empty(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        let fault = "says not exactly one of: count, ratio, persons (a list file), [[leg.person]], remains (a list \
                     file), [[leg.bag]]: keep one";
        return Err(at.wrong("", fault));
    }
    if leg.rounding.is_some() && leg.ratio.is_none() {
        return Err(at.wrong("rounding", "stands beside no ratio: give the ratio, or leave it out"));
    }
    match (&leg.count, &leg.ratio) {
        (Some(count), _) => {
            let text = cell_text(count).unwrap_or_else(|| count.to_string());
            let fault = || {
                format!(
                    "{text} is no count: write a whole number, a range in quotes such as \"10 to 15\", \"all\", or \
                     \"all, at least 10\""
                )
            };
            self::count(&text).map(Some).ok_or_else(|| at.wrong("count", fault()))
        }
        (None, Some(ratio)) => {
            let rounding = at.word("rounding", leg.rounding.as_ref(), Rounding::Down, Rounding::read)?;
            let fault = || format!("{ratio:?} is no ratio: write such as \"3:1 of leg 2\"");
            self::ratio(ratio, rounding).map(Some).ok_or_else(|| at.wrong("ratio", fault()))
        }
        (None, None) => Ok(None),
    }
}

/// `10`, `10 to 15`, `all`, `all, at least 10`.
fn count(text: &str) -> Option<Quantity> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("all") {
        return match rest.trim() {
            "" => Some(Quantity::All { least: 0 }),
            rest => {
                let least = rest.strip_prefix(',')?.trim_start().strip_prefix("at least ")?.trim().parse();
                least.ok().map(|least| Quantity::All { least })
            }
        };
    }
    match text.split_once(" to ") {
        None => text.parse().ok().map(Quantity::Count),
        Some((least, most)) => {
            Some(Quantity::Estimate { least: least.trim().parse().ok()?, most: most.trim().parse().ok()? })
        }
    }
}

/// `3:1 of leg 2`.
fn ratio(text: &str, rounding: Rounding) -> Option<Quantity> {
    let (parts, leg) = text.trim().split_once(" of leg ")?;
    let (give, per) = parts.split_once(':')?;
    Some(Quantity::Ratio {
        give: give.trim().parse().ok()?,
        per: per.trim().parse().ok()?,
        leg: leg.trim().parse::<u16>().ok()?.checked_sub(1)?,
        rounding,
    })
}

fn exceptions(
    leg: &LegFile,
    number: usize,
    bags: bool,
    at: &At,
    lists: &mut Vec<List>,
    sources: &mut Sources<'_>,
) -> Result<Option<u16>, ImportError> {
    match (&leg.except, leg.exception.is_empty()) {
        (None, true) => Ok(None),
        (Some(_), false) => Err(at.wrong("except", "stands beside [[leg.exception]]: keep one of them")),
        (file, _) => {
            let rows =
                Rows { leg: number, file: file.as_deref(), key: "exception", tables: &leg.exception, bags };
            Ok(Some(take(lists, read_list(&rows, sources)?)))
        }
    }
}

fn criteria(leg: &LegFile, at: &At) -> Result<Option<Criteria>, ImportError> {
    let fault = |text: &str| format!("{text:?} are no ages: write such as \"18..25 on 2031-05-01\"");
    let read = |text: &String| ages(text).ok_or_else(|| at.wrong("ages", fault(text)));
    let ages = leg.ages.as_ref().map(read).transpose()?;
    let health = at.words("health", leg.health.as_ref(), Health::read)?;
    let status = at.words("status", leg.status.as_ref(), Status::read)?;
    let sex =
        leg.sex.as_ref().map(|sex| Sex::read(sex).map_err(|fault| at.wrong("sex", fault))).transpose()?;
    let asked = ages.is_some() || !health.is_empty() || !status.is_empty() || sex.is_some();
    Ok(asked.then_some(Criteria { ages, health, status, sex }))
}

/// `18..25 on 2031-05-01`.
fn ages(text: &str) -> Option<Ages> {
    let (range, date) = text.split_once(" on ")?;
    let (from, to) = range.split_once("..")?;
    Some(Ages { from: from.trim().parse().ok()?, to: to.trim().parse().ok()?, on: Date::parse(date.trim())? })
}
