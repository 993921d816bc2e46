//! The terms of an offer in words: legs, stages, corridors, conditions, guarantors, frame. What is estimated is
//! shown as the range it is, never as exact. May not know how an offer is answered.

use crate::deal::body::Offer;
use crate::deal::formula::{Formula, formulas};
use crate::deal::pledge::{Condition, End, Frame, Guarantor};
use crate::deal::stage::{Corridor, Place, Point, Stage, Window};
use crate::deal::terms::{Category, Criteria, Leg, Quantity, Rounding, Selection, Substitution};
use crate::desk::names::Names;
use crate::desk::screen::{count, field, list_of, paragraphs, plain, short, span, time};
use crate::desk::tell::FIELD;
use crate::party::role::Role;
use crate::time::Millis;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Numbers that count from 0 on the wire, as people count them.
#[must_use]
pub fn numbers<T: Copy + Into<u64>>(of: &[T]) -> String {
    let told: Vec<String> = of.iter().map(|at| ((*at).into() + 1).to_string()).collect();
    list_of(&told)
}

/// Several of a category.
const fn category_plural(category: Category) -> &'static str {
    match category {
        Category::Person => "persons",
        Category::PrisonerOfWar => "prisoners of war",
        Category::RetainedMedical => "retained medical personnel",
        Category::RetainedReligious => "retained chaplains",
        Category::CivilianInternee => "civilian internees",
        Category::CivilianUnclassified => "unclassified civilians",
        Category::Child => "children",
        Category::WoundedOrSick => "wounded or sick",
        Category::SeriouslyWounded => "seriously wounded",
        Category::Remains => "remains",
    }
}

/// So many of a category.
#[must_use]
pub fn category_count(category: Category, number: u64) -> String {
    count(number, category.text(), category_plural(category))
}

/// So many of a category: a range is told as one, and an end that is open as open.
fn amount(category: Category, range: &RangeInclusive<u32>) -> String {
    let many = category_plural(category);
    match (*range.start(), *range.end()) {
        (least, most) if least == most => category_count(category, least.into()),
        (0, u32::MAX) => format!("all {many}"),
        (least, u32::MAX) => format!("all {many} (at least {least})"),
        (least, most) => format!("{least} to {most} {many} (estimate)"),
    }
}

/// What `giver` gives, by category.
fn given(offer: &Offer, giver: Role) -> String {
    let mut sums: BTreeMap<Category, (u32, u32)> = BTreeMap::new();
    for leg in offer.legs().iter().filter(|leg| leg.giver == giver) {
        let range = offer.range(leg);
        let (least, most) = sums.entry(leg.category).or_default();
        *least = least.saturating_add(*range.start());
        *most = most.saturating_add(*range.end());
    }
    let told: Vec<String> =
        sums.into_iter().map(|(category, (least, most))| amount(category, &(least..=most))).collect();
    list_of(&told)
}

/// An offer in a few words, from its author's side: `40 persons for 40 persons`.
#[must_use]
pub fn offer_title(offer: &Offer) -> String {
    let Some(first) = offer.legs().first() else { return format!("cancels version {}", offer.body().base) };
    // The legs tell who gives; the author is not in the body, so the first giver stands first.
    let (gives, gets) = (given(offer, first.giver), given(offer, first.giver.other()));
    if gets.is_empty() { format!("{gives} for nothing in return") } else { format!("{gives} for {gets}") }
}

fn quantity_text(offer: &Offer, leg: &Leg) -> String {
    let range = amount(leg.category, &offer.range(leg));
    match leg.quantity {
        Quantity::List(_) => format!("{range}, by name"),
        Quantity::Ratio { give, per, leg: of, rounding } => {
            let rounded = match rounding {
                Rounding::Down => "rounded down",
                Rounding::Up => "rounded up",
                Rounding::Nearest => "rounded to the nearest",
            };
            format!("{give} for every {per} of leg {}, {rounded}: {range}", u32::from(of) + 1)
        }
        Quantity::Count(_) | Quantity::Estimate { .. } | Quantity::All { .. } => range,
    }
}

fn criteria_text(criteria: &Criteria) -> String {
    let mut parts = Vec::new();
    if let Some(ages) = criteria.ages {
        parts.push(format!("{} to {} years old on {}", ages.from, ages.to, ages.on));
    }
    let either = |words: Vec<&str>| words.join(" or ");
    if !criteria.health.is_empty() {
        parts.push(format!("health {}", either(criteria.health.iter().map(|it| it.text()).collect())));
    }
    if !criteria.status.is_empty() {
        parts.push(format!("status {}", either(criteria.status.iter().map(|it| it.text()).collect())));
    }
    if let Some(sex) = criteria.sex {
        parts.push(sex.text().to_owned());
    }
    parts.join("; ")
}

/// A name and what stands beside it; an empty name goes on with the one before.
pub type Fact = (String, String);

fn leg_facts(offer: &Offer, leg: &Leg, number: usize, names: &Names, facts: &mut Vec<Fact>) {
    let chosen = match leg.selection {
        Selection::Holder => "chosen by the holder",
        Selection::Receiver => "chosen by the receiver",
        Selection::Mutual => "chosen by both",
        Selection::Mediator => "chosen by a mediator",
        Selection::ByRule => "chosen by rule",
    };
    let substitution = match leg.substitution {
        Substitution::None => "nobody else instead",
        Substitution::SameCategory => "others of the same category may come instead",
        Substitution::ByAgreement => "others may come instead by agreement",
    };
    let tolerance = match leg.tolerance {
        0 => String::new(),
        tolerance => format!("; {tolerance} more or fewer still fulfil it"),
    };
    let text = format!(
        "{} gives {}; {chosen}; {substitution}{tolerance}",
        names.name(leg.giver),
        quantity_text(offer, leg)
    );
    facts.push((format!("leg {number}"), text));
    let mut more = |text: String| facts.push((String::new(), text));
    let except = offer.exceptions(leg).len() as u64;
    if except > 0 {
        more(match except {
            1 => "except the one named below".to_owned(),
            _ => format!("except the {except} named below"),
        });
    }
    if let Some(criteria) = &leg.criteria {
        more(format!("who: {}", criteria_text(criteria)));
    }
    if let Some(country) = &leg.third_country {
        more(format!("accommodated in a third country: {}", plain(country.as_str())));
    }
    if let Some(stage) = leg.stage {
        more(format!("in stage {}", u32::from(stage) + 1));
    }
    if leg.group > 0 {
        more(format!("separable: group {}", leg.group));
    }
    for (what, counts) in tallies(offer, leg) {
        let counts: Vec<String> = counts.iter().map(|(word, number)| format!("{number} {word}")).collect();
        more(format!("{what}: {}", counts.join(", ")));
    }
}

/// How many persons of a leg's list share a status and a state of health, where that says something.
#[must_use]
pub fn tallies(offer: &Offer, leg: &Leg) -> Vec<(&'static str, BTreeMap<&'static str, u32>)> {
    let status = offer.tally(leg, |person| person.status.text());
    let health = offer.tally(leg, |person| person.health.text());
    let told = |counts: &BTreeMap<&str, u32>| counts.keys().any(|word| *word != "unknown");
    [("status", status), ("health", health)].into_iter().filter(|(_, counts)| told(counts)).collect()
}

/// A point in degrees, north and east positive.
#[must_use]
pub fn point_text(point: Point) -> String {
    let degrees = |part: i32| {
        let sign = if part < 0 { "-" } else { "" };
        let size = part.unsigned_abs();
        format!("{sign}{}.{:07}", size / 10_000_000, size % 10_000_000)
    };
    format!("{} {}", degrees(point.latitude), degrees(point.longitude))
}

fn place_text(place: &Place) -> String {
    let at = place.at.map(|at| format!(" ({})", point_text(at)));
    format!("{}{}", plain(place.name.as_str()), at.unwrap_or_default())
}

/// A window of time.
#[must_use]
pub fn window_text(window: Window) -> String {
    format!("{} to {}", time(window.from), time(window.to))
}

/// A duration that the wire holds in seconds.
fn seconds_text(seconds: u64) -> String {
    span(Millis(seconds.saturating_mul(1_000)))
}

fn stage_text(stage: &Stage) -> String {
    let mut parts: Vec<String> = stage.name.iter().map(|name| plain(name.as_str())).collect();
    if !stage.after.is_empty() {
        parts.push(format!("after stage {}", numbers(&stage.after)));
    }
    parts.extend(stage.place.as_ref().map(|place| format!("at {}", place_text(place))));
    parts.extend(stage.window.map(window_text));
    parts.extend(stage.corridor.map(|at| format!("by corridor {}", u32::from(at) + 1)));
    parts.push(stage.order.text().to_owned());
    parts.push(format!("if broken off: {}", stage.abort));
    parts.join("; ")
}

fn corridor_text(corridor: &Corridor) -> String {
    let mut parts = vec![plain(corridor.name.as_str())];
    if corridor.width > 0 {
        parts.push(format!("{} m wide", corridor.width));
    }
    parts.extend(corridor.window.map(|window| format!("free of fire {}", window_text(window))));
    if !corridor.points.is_empty() {
        let points: Vec<String> = corridor.points.iter().map(|point| point_text(*point)).collect();
        parts.push(format!("by {}", points.join(", ")));
    }
    parts.join("; ")
}

/// A condition in words.
#[must_use]
pub fn condition_text(condition: &Condition) -> String {
    let lines = match condition.lines.as_slice() {
        [] => "all of it".to_owned(),
        lines => format!("line {}", numbers(lines)),
    };
    let text = condition.text.as_ref().map(|text| format!(" ({})", plain(text.as_str())));
    let end = match &condition.end {
        End::Seconds(seconds) => format!("for {} from the handover", seconds_text(*seconds)),
        End::Until(until) => format!("until {}", time(*until)),
        End::Event(event) => format!("until {}", plain(event.as_str())),
    };
    let monitor =
        condition.monitor.as_ref().map(|monitor| format!("; watched by {}", plain(monitor.as_str())));
    format!(
        "on leg {}, {lines}: {}{}, {end}{}; if broken: {}",
        u32::from(condition.leg) + 1,
        condition.obligation,
        text.unwrap_or_default(),
        monitor.unwrap_or_default(),
        plain(condition.consequence.as_str())
    )
}

fn guarantor_text(guarantor: &Guarantor) -> String {
    let duty =
        guarantor.duty.as_ref().map(|duty| format!(": {}", plain(duty.as_str().trim_end_matches('.'))));
    let name = plain(guarantor.name.as_str());
    format!("{name}{}; may see {}", duty.unwrap_or_default(), guarantor.sight)
}

fn frame_text(frame: &Frame) -> String {
    let every = match frame.every {
        0 => String::new(),
        every => format!(", one every {}", seconds_text(every)),
    };
    format!("stands for exchanges to come until {}{every}", time(frame.until))
}

/// An offer's terms, without its lists and its remarks.
#[must_use]
pub fn offer_facts(offer: &Offer, names: &Names) -> Vec<Fact> {
    let (body, terms) = (offer.body(), &offer.body().terms);
    let mut facts = Vec::new();
    let mut fact = |name: &str, text: String| facts.push((name.to_owned(), text));
    fact("terms", format!("{} ({})", offer_title(offer), body.firmness));
    let formulas: Vec<&str> = formulas(offer).into_iter().map(Formula::text).collect();
    if !formulas.is_empty() {
        fact("formula", formulas.join(", "));
    }
    fact(
        "on",
        match body.base {
            0 => "nothing sealed yet; it would become version 1".to_owned(),
            base => format!("version {base}: it would become version {}", u64::from(base) + 1),
        },
    );
    if let Some(parent) = body.parent {
        fact("answers", format!("offer {}", short(&parent)));
    }
    if let Some(frame) = body.frame {
        fact("in frame of", format!("offer {}", short(&frame)));
    }
    if let Some(until) = body.valid_until {
        fact("valid until", time(until));
    }
    for (leg, number) in offer.legs().iter().zip(1..) {
        leg_facts(offer, leg, number, names, &mut facts);
    }
    let named: usize = offer.legs().iter().map(|leg| offer.lines(leg).len()).sum();
    if named > 0 {
        facts.push(("names".to_owned(), format!("{named} in all")));
    }
    let mut each = |name: &str, texts: Vec<String>| {
        facts.extend(texts.into_iter().zip(1..).map(|(text, number)| (format!("{name} {number}"), text)));
    };
    each("stage", terms.stages.iter().map(stage_text).collect());
    each("corridor", terms.corridors.iter().map(corridor_text).collect());
    each("condition", terms.conditions.iter().map(condition_text).collect());
    for guarantor in &terms.guarantors {
        facts.push((guarantor.part.text().to_owned(), guarantor_text(guarantor)));
    }
    if let Some(frame) = &terms.frame {
        facts.push(("frame".to_owned(), frame_text(frame)));
    }
    facts
}

/// An offer's terms in full, without its lists.
#[must_use]
pub fn offer_text(offer: &Offer, names: &Names) -> String {
    let facts = offer_facts(offer, names);
    let mut out: String = facts.iter().map(|(name, text)| field(name, FIELD, text)).collect();
    if let Some(remarks) = &offer.body().terms.remarks {
        out.push_str("\nRemarks, which do not bind:\n");
        out.push_str(&paragraphs(remarks.as_str(), 2));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deal::body::OfferBody;
    use crate::deal::terms::{Firmness, Terms};

    #[test]
    fn an_offer_on_a_version_that_cannot_be_is_told() {
        let body = OfferBody {
            base: u32::MAX,
            parent: None,
            frame: None,
            firmness: Firmness::Firm,
            valid_until: None,
            terms: Terms::default(),
            lists: Vec::new(),
        };
        let names = Names { me: Role::Inviter, own: "Tarrun".to_owned(), peer: "Velmara".to_owned() };
        let text = offer_text(&Offer::join(body, &[]).unwrap(), &names);
        assert!(text.contains("version 4294967295: it would become version 4294967296"), "{text}");
    }
}
