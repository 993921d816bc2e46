//! Whether those on a list belong to their leg: its criteria, and its category where that is plain. Says which lines
//! do not, and apart from them which cannot be told; may not change a list.

use crate::deal::body::Offer;
use crate::deal::date::Date;
use crate::deal::numbers::numbered;
use crate::deal::person::{Commission, Health, Line, Person, Sex, Status};
use crate::deal::terms::{Category, Leg};
use std::ops::RangeInclusive;

/// The age from which nobody is a child.
pub const ADULT_FROM: u16 = 18;

/// A line that does not belong to its leg, or of which it cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The line of the leg's list, from 0.
    pub line: usize,
    /// Each rule that it does not meet, or may not.
    pub why: Vec<Why>,
}

/// A rule of a leg that a person does not meet, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The rule.
    pub rule: FitRule,
    /// Whether it is certain. Otherwise what is known of the person leaves it open.
    pub certain: bool,
}

/// What a leg asks of a person, beside what is known of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FitRule {
    /// An age.
    Age {
        /// The youngest and the oldest that the person may be; none where no birth date is known.
        found: Option<RangeInclusive<u16>>,
        /// The youngest and the oldest of the leg.
        asked: RangeInclusive<u16>,
        /// The reference date; none where the terms name no day at all.
        on: Option<Date>,
    },
    /// A state of health.
    Health(Health, Vec<Health>),
    /// A status.
    Status(Status, Vec<Status>),
    /// A sex.
    Sex(Sex, Sex),
    /// The leg's category, against the person's status or health.
    Category(&'static str, Category),
}

impl Misfit {
    /// Whether the line certainly does not belong to the leg.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.why.iter().any(|why| why.certain)
    }
}

/// Whether a rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    Open,
}

/// The lines of `leg` that do not belong to it or of which it cannot be told, in their order; none where the leg only
/// counts.
#[must_use]
pub fn misfits(offer: &Offer, leg: &Leg) -> Vec<Misfit> {
    let on = reference_date(offer, leg);
    let misfit = |(line, record): (usize, &Line)| {
        let why = faults(record.person()?, leg, on);
        (!why.is_empty()).then_some(Misfit { line, why })
    };
    offer.lines(leg).iter().enumerate().filter_map(misfit).collect()
}

/// Which lines of an offer's lists do not belong to their legs, and which may not, in a sentence for each leg.
#[must_use]
pub fn misfits_in_short(offer: &Offer) -> Vec<String> {
    let mut short = Vec::new();
    for (leg, number) in offer.legs().iter().zip(1..) {
        let all = offer.lines(leg).len();
        let (certain, open): (Vec<_>, Vec<_>) = misfits(offer, leg).into_iter().partition(Misfit::is_certain);
        let parts = [
            (certain, "not whom the leg is for: take them out, or correct the records or the leg"),
            (open, "perhaps not whom the leg is for: find it out and complete the records, or take them out"),
        ];
        for (found, verdict) in parts.into_iter().filter(|(found, _)| !found.is_empty()) {
            let (lines, many) = (numbered("line", found.iter().map(|misfit| misfit.line)), found.len());
            short.push(format!("leg {number}, {lines} ({many} of {all}): {verdict}"));
        }
    }
    short
}

/// The day on which ages count for a leg: its criteria's, else the begin of its stage, else the offer's last day.
#[must_use]
pub fn reference_date(offer: &Offer, leg: &Leg) -> Option<Date> {
    let ages = leg.criteria.as_ref().and_then(|criteria| criteria.ages);
    let stage = leg.stage.and_then(|stage| offer.body().terms.stages.get(usize::from(stage)));
    let moment = stage.and_then(|stage| stage.window).map(|window| window.from);
    ages.map(|ages| ages.on).or_else(|| Date::of(moment.or(offer.body().valid_until)?))
}

/// Whether a person is under eighteen on `on`: certainly so, certainly not, or none where it cannot be told.
#[must_use]
pub fn is_child(person: &Person, on: Option<Date>) -> Option<bool> {
    if person.status == Status::Child {
        return Some(true);
    }
    match age_fit(person, &(0..=ADULT_FROM - 1), on) {
        Fit::Yes => Some(true),
        Fit::No => Some(false),
        Fit::Open => None,
    }
}

/// Whether the medical commission or the holder calls a person seriously wounded or sick.
#[must_use]
pub fn is_seriously_wounded(person: &Person) -> bool {
    person.health == Health::SeriouslyWounded
        || matches!(person.commission, Commission::Direct | Commission::ManifestlySerious)
}

fn faults(person: &Person, leg: &Leg, on: Option<Date>) -> Vec<Why> {
    let mut why = Vec::new();
    let mut add = |fit: Fit, rule: FitRule| {
        if fit != Fit::Yes {
            why.push(Why { rule, certain: fit == Fit::No });
        }
    };
    if let Some(criteria) = &leg.criteria {
        if let Some(ages) = criteria.ages {
            let asked = u16::from(ages.from)..=u16::from(ages.to);
            add(age_fit(person, &asked, on), age_rule(person, asked, on));
        }
        add(
            one_of(person.health, Health::Unknown, &criteria.health),
            FitRule::Health(person.health, criteria.health.clone()),
        );
        add(
            one_of(person.status, Status::Unknown, &criteria.status),
            FitRule::Status(person.status, criteria.status.clone()),
        );
        if let Some(sex) = criteria.sex {
            add(one_of(person.sex, Sex::Unknown, &[sex]), FitRule::Sex(person.sex, sex));
        }
    }
    match leg.category {
        Category::Child if person.status != Status::Child => {
            let asked = 0..=ADULT_FROM - 1;
            add(age_fit(person, &asked, on), age_rule(person, asked, on));
        }
        Category::WoundedOrSick | Category::SeriouslyWounded => {
            add(health_fit(person, leg.category), FitRule::Category(person.health.text(), leg.category));
        }
        _ => {}
    }
    add(status_fit(person.status, leg.category), FitRule::Category(person.status.text(), leg.category));
    why
}

fn age_rule(person: &Person, asked: RangeInclusive<u16>, on: Option<Date>) -> FitRule {
    let found = person.birth_date.zip(on).map(|(birth, on)| birth.ages_on(on));
    FitRule::Age { found, asked, on }
}

fn age_fit(person: &Person, asked: &RangeInclusive<u16>, on: Option<Date>) -> Fit {
    let Some((birth, on)) = person.birth_date.zip(on) else { return Fit::Open };
    let ages = birth.ages_on(on);
    match (asked.contains(ages.start()), asked.contains(ages.end())) {
        (true, true) => Fit::Yes,
        (false, false) if ages.end() < asked.start() || ages.start() > asked.end() => Fit::No,
        _ => Fit::Open,
    }
}

/// Whether `found` is among `asked`; none asked: any.
fn one_of<T: Copy + PartialEq>(found: T, unknown: T, asked: &[T]) -> Fit {
    if asked.is_empty() || asked.contains(&found) {
        Fit::Yes
    } else if found == unknown {
        Fit::Open
    } else {
        Fit::No
    }
}

fn health_fit(person: &Person, category: Category) -> Fit {
    use Health::{
        Convalescent, Good, NotWounded, Recovered, SeriouslyWounded, Sick, SlightlyWounded, Unknown,
    };
    if is_seriously_wounded(person) {
        return Fit::Yes;
    }
    match (category, person.health) {
        // Whether a sickness is serious is for a commission to say.
        (Category::SeriouslyWounded, Sick | Unknown) | (_, Unknown) => Fit::Open,
        (Category::WoundedOrSick, Sick | SlightlyWounded | SeriouslyWounded) => Fit::Yes,
        (Category::WoundedOrSick, Convalescent) => Fit::Open,
        (_, Good | NotWounded | Recovered | Convalescent | SlightlyWounded | Sick | SeriouslyWounded) => {
            Fit::No
        }
    }
}

/// Nothing is said of a status against a category of health or age, but that the dead are none of the living.
fn status_fit(status: Status, category: Category) -> Fit {
    let asked = match category {
        _ if status == Status::Deceased => return Fit::No,
        Category::PrisonerOfWar => Status::PrisonerOfWar,
        Category::RetainedMedical => Status::RetainedMedical,
        Category::RetainedReligious => Status::RetainedReligious,
        Category::CivilianInternee => Status::CivilianInternee,
        Category::CivilianUnclassified => Status::CivilianUnclassified,
        Category::Person
        | Category::Child
        | Category::WoundedOrSick
        | Category::SeriouslyWounded
        | Category::Remains => return Fit::Yes,
    };
    let civilian = |status| matches!(status, Status::CivilianInternee | Status::CivilianUnclassified);
    match status {
        status if status == asked => Fit::Yes,
        // A child is of one of the categories too, and on what ground a civilian is held is often disputed.
        Status::Unknown | Status::Child => Fit::Open,
        status if civilian(status) && civilian(asked) => Fit::Open,
        _ => Fit::No,
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let certain = self.is_certain();
        let verdict = if certain { "does not belong to its leg" } else { "may not belong to its leg" };
        write!(f, "line {} {verdict}: ", self.line + 1)?;
        for (at, why) in self.why.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { "; " }, why.rule)?;
            if certain && !why.certain {
                f.write_str(" (cannot be told)")?;
            }
        }
        f.write_str(if certain {
            ": take the line out, or correct the record or the leg"
        } else {
            ": find it out and complete the record, or take the line out"
        })
    }
}

impl std::fmt::Display for FitRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Age { found, asked, on } => {
                match (found, on) {
                    (Some(ages), Some(on)) if ages.start() == ages.end() => {
                        write!(f, "{} years old on {on}", ages.start())?;
                    }
                    (Some(ages), Some(on)) => {
                        write!(f, "{} to {} years old on {on}", ages.start(), ages.end())?;
                    }
                    (None, Some(_)) => f.write_str("the birth date is not known")?,
                    (_, None) => f.write_str("the terms name no day on which ages count")?,
                }
                write!(f, ", and the leg is for ages {} to {}", asked.start(), asked.end())
            }
            Self::Health(found, asked) => among(f, "health", found.text(), asked.iter().map(|it| it.text())),
            Self::Status(found, asked) => among(f, "status", found.text(), asked.iter().map(|it| it.text())),
            Self::Sex(found, asked) => among(f, "sex", found.text(), [asked.text()].into_iter()),
            Self::Category(found, asked) => write!(f, "{found}, and the leg is for: {asked}"),
        }
    }
}

fn among<'a>(
    f: &mut std::fmt::Formatter<'_>,
    what: &str,
    found: &str,
    asked: impl Iterator<Item = &'a str>,
) -> std::fmt::Result {
    write!(f, "{what} {found}, and the leg is for: {}", asked.collect::<Vec<_>>().join(", "))
}
