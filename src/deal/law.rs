//! What the law of armed conflict says against an offer: warnings, each with its source, for an officer to weigh. They
//! bind nobody, and no warning means no more than that none of these rules was touched.

use crate::deal::body::Offer;
use crate::deal::criteria::{is_child, is_seriously_wounded, reference_date};
use crate::deal::handover::{Cause, HandoverLine, Subject, TransferNotice};
use crate::deal::numbers::numbered;
use crate::deal::person::{Health, Judicial, Line, Person, Status, Wish};
use crate::deal::terms::{Category, Leg, Quantity};
use crate::party::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that an offer touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Seriously wounded or sick tied to a ratio or to a return.
    SeriouslyWoundedTied,
    /// A wounded or sick person who refuses to return.
    SickAgainstWill,
    /// A wounded or sick person who was not asked, or is undecided.
    WishNotKnown,
    /// Anyone else who refuses to return.
    ReturnRefused,
    /// A civilian in a leg of prisoners of war.
    CivilianAsPrisoner,
    /// A civilian given for combatants.
    CivilianPricedInSoldiers,
    /// Persons taken to a third country of which no notice was given.
    ThirdCountryWithoutNotice,
    /// A child of whom nobody is named to take charge.
    ChildWithoutGuardian,
    /// Someone sentenced to death.
    SentencedToDeath,
    /// Medical or religious personnel given for something in return.
    RetainedPriced,
    /// The dead given for the living.
    RemainsPricedInLiving,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SeriouslyWoundedTied,
        Self::SickAgainstWill,
        Self::WishNotKnown,
        Self::ReturnRefused,
        Self::CivilianAsPrisoner,
        Self::CivilianPricedInSoldiers,
        Self::ThirdCountryWithoutNotice,
        Self::ChildWithoutGuardian,
        Self::SentencedToDeath,
        Self::RetainedPriced,
        Self::RemainsPricedInLiving,
    ];

    /// What is touched.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::SeriouslyWoundedTied => {
                "seriously wounded or sick are tied to a ratio or a return, and are to be sent back regardless of \
                 number or rank"
            }
            Self::SickAgainstWill => {
                "a wounded or sick person refuses to return, and may not be sent back against their will during \
                 hostilities"
            }
            Self::WishNotKnown => {
                "a wounded or sick person has not said that they wish to return, and may not be sent back against \
                 their will during hostilities"
            }
            Self::ReturnRefused => "a person who refuses to return is listed for return",
            Self::CivilianAsPrisoner => "a civilian is listed as a prisoner of war",
            Self::CivilianPricedInSoldiers => {
                "civilians are given for combatants: civilians held for what they fetch are hostages"
            }
            Self::ThirdCountryWithoutNotice => "persons go to a third country, and no notice of it was given",
            Self::ChildWithoutGuardian => "a child is given, and nobody is named who takes charge of them",
            Self::SentencedToDeath => "a person sentenced to death is listed",
            Self::RetainedPriced => {
                "medical or religious personnel are given for something in return, and are to be sent back as soon \
                 as prisoners can do without their care"
            }
            Self::RemainsPricedInLiving => {
                "the dead are given for the living: the return of remains is owed by itself"
            }
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::SeriouslyWoundedTied | Self::RetainedPriced | Self::RemainsPricedInLiving => {
                "give them in a separable group of their own, with nothing in return"
            }
            Self::SickAgainstWill | Self::ReturnRefused => {
                "take the line out, or have the person asked again by somebody neutral"
            }
            Self::WishNotKnown => "have the person asked by somebody neutral before they are moved",
            Self::CivilianAsPrisoner => "list them in a leg of civilians, or correct the status",
            Self::CivilianPricedInSoldiers => {
                "give civilians for nothing, or for civilians, in a group of their own"
            }
            Self::ThirdCountryWithoutNotice => {
                "the giver is to give the home side a transfer notice of these persons"
            }
            Self::ChildWithoutGuardian => {
                "add a condition on the child's line that says who takes charge, with a monitor"
            }
            Self::SentencedToDeath => {
                "agree first that the sentence is not carried out, and in what state they return"
            }
        }
    }

    /// Where it is written.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::SeriouslyWoundedTied | Self::SickAgainstWill | Self::WishNotKnown => {
                "Third Geneva Convention, article 109"
            }
            Self::ReturnRefused => {
                "Third Geneva Convention, article 118, as practised; Fourth Geneva Convention, article 45"
            }
            Self::CivilianAsPrisoner => {
                "Third Geneva Convention, articles 4 and 5; Fourth Geneva Convention, article 4"
            }
            Self::CivilianPricedInSoldiers => "Fourth Geneva Convention, articles 34 and 132",
            Self::ThirdCountryWithoutNotice => {
                "Third Geneva Convention, articles 12 and 122; Fourth Geneva Convention, articles 45, 49 and 136"
            }
            Self::ChildWithoutGuardian => {
                "Fourth Geneva Convention, articles 24 and 50; First Additional Protocol, articles 77 and 78"
            }
            Self::SentencedToDeath => {
                "Third Geneva Convention, articles 100 and 101; Fourth Geneva Convention, article 75"
            }
            Self::RetainedPriced => {
                "First Geneva Convention, articles 28 and 30; Third Geneva Convention, article 33"
            }
            Self::RemainsPricedInLiving => {
                "First Additional Protocol, article 34; ICRC study of customary law, rule 114"
            }
        }
    }
}

/// A rule that one leg touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule.
    pub rule: Rule,
    /// The leg, from 0.
    pub leg: usize,
    /// The lines of its list, from 0, rising; none: all of the leg.
    pub lines: Vec<usize>,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "leg {}", self.leg + 1)?;
        if !self.lines.is_empty() {
            write!(f, ", {}", numbered("line", self.lines.iter().copied()))?;
        }
        write!(f, ": {}: {} ({})", self.rule.text(), self.rule.remedy(), self.rule.source())
    }
}

impl Warning {
    /// The warning as it is told to one side of `offer`: who does not give a leg can only ask for a notice of it.
    #[must_use]
    pub fn told_to(&self, me: Role, offer: &Offer) -> String {
        let giver = offer.legs().get(self.leg).map(|leg| leg.giver);
        if self.rule != Rule::ThirdCountryWithoutNotice || giver == Some(me) {
            return self.to_string();
        }
        self.to_string().replace(self.rule.remedy(), "ask the giver for its transfer notice of these persons")
    }
}

/// What `offer` touches, by leg and rule, with the third-country notices that its parties have given of it.
#[must_use]
pub fn warnings(offer: &Offer, notices: &[&TransferNotice]) -> Vec<Warning> {
    let known = Known {
        noticed: Cover::of_notices(notices),
        monitored: Cover::of_monitors(offer),
        soldiers: offer.legs().iter().map(|leg| has_soldiers(offer, leg)).collect(),
    };
    offer.legs().iter().enumerate().flat_map(|(at, leg)| leg_warnings(offer, at, leg, &known)).collect()
}

/// Whom handover `lines` tell of as moved to a third country with no notice of it, by leg.
#[must_use]
pub fn unannounced(lines: &[HandoverLine], notices: &[&TransferNotice]) -> Vec<Warning> {
    let noticed = Cover::of_notices(notices);
    let mut found: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.cause == Cause::ThirdCountry) {
        let leg = usize::from(line.subject.leg());
        let of = match line.subject {
            Subject::Listed { line, .. } => Some(line as usize),
            Subject::Counted { .. } | Subject::Unlisted { .. } => None,
        };
        if !noticed.has(leg, of) {
            found.entry(leg).or_default().extend(of);
        }
    }
    let rule = Rule::ThirdCountryWithoutNotice;
    found.into_iter().map(|(leg, lines)| Warning { rule, leg, lines: lines.into_iter().collect() }).collect()
}

/// What is looked up for every leg.
struct Known {
    noticed: Cover,
    monitored: Cover,
    /// Whether there are prisoners of war in each leg.
    soldiers: Vec<bool>,
}

fn leg_warnings(offer: &Offer, at: usize, leg: &Leg, known: &Known) -> Vec<Warning> {
    let ties = ties(offer, at, leg);
    let tied = !ties.is_empty();
    let for_soldiers = ties.iter().any(|(other, _)| known.soldiers.get(*other) == Some(&true));
    let on = reference_date(offer, leg);
    let mut found: BTreeMap<Rule, Vec<usize>> = BTreeMap::new();
    for (line, person) in offer.lines(leg).iter().enumerate().filter_map(|(n, it)| Some((n, it.person()?))) {
        let mut touch = |rule: Rule, touched: bool| {
            if touched {
                found.entry(rule).or_default().push(line);
            }
        };
        let (sick, wish) = (is_sick(person), person.consent.wish);
        touch(Rule::SeriouslyWoundedTied, tied && serious(person, leg));
        touch(Rule::SickAgainstWill, sick && wish == Wish::Refuses);
        touch(Rule::WishNotKnown, sick && matches!(wish, Wish::NotAsked | Wish::Undecided));
        touch(Rule::ReturnRefused, !sick && wish == Wish::Refuses);
        touch(
            Rule::CivilianAsPrisoner,
            leg.category == Category::PrisonerOfWar && is_civilian(person.status),
        );
        touch(Rule::CivilianPricedInSoldiers, for_soldiers && priced_civilian(person, leg));
        touch(
            Rule::ChildWithoutGuardian,
            (leg.category == Category::Child || is_child(person, on) == Some(true))
                && !known.monitored.has(at, Some(line)),
        );
        touch(Rule::SentencedToDeath, person.judicial == Judicial::SentencedToDeath);
        touch(Rule::RetainedPriced, tied && is_retained(person, leg));
    }
    let listed = matches!(leg.quantity, Quantity::List(_));
    let counted = !listed;
    let mut whole = |rule: Rule, touched: bool| {
        if touched {
            found.insert(rule, Vec::new());
        }
    };
    whole(Rule::SeriouslyWoundedTied, counted && tied && leg.category == Category::SeriouslyWounded);
    whole(Rule::CivilianPricedInSoldiers, counted && for_soldiers && civilians(leg.category));
    whole(Rule::ChildWithoutGuardian, {
        counted && leg.category == Category::Child && !known.monitored.has(at, None)
    });
    whole(Rule::RetainedPriced, counted && tied && retained(leg.category));
    let of_dead = leg.category == Category::Remains;
    whole(
        Rule::RemainsPricedInLiving,
        of_dead && ties.iter().any(|(_, other)| other.category != Category::Remains),
    );
    if leg.third_country.is_some() {
        let open: Vec<usize> =
            (0..offer.lines(leg).len()).filter(|line| !known.noticed.has(at, Some(*line))).collect();
        if !open.is_empty() || (counted && !known.noticed.has(at, None)) {
            found.insert(Rule::ThirdCountryWithoutNotice, open);
        }
    }
    found.into_iter().map(|(rule, lines)| Warning { rule, leg: at, lines }).collect()
}

/// The legs that `leg` stands and falls with and that are given in return, and those of a ratio with it.
fn ties<'a>(offer: &'a Offer, at: usize, leg: &Leg) -> Vec<(usize, &'a Leg)> {
    let in_ratio = |it: &Leg, with: usize| match it.quantity {
        Quantity::Ratio { leg, .. } => usize::from(leg) == with,
        _ => false,
    };
    // Group 0 is not separable from anything.
    let together = |other: &Leg| other.group == leg.group || other.group == 0 || leg.group == 0;
    let tied = |(index, other): &(usize, &Leg)| {
        *index != at
            && ((other.giver != leg.giver && together(other)) || in_ratio(leg, *index) || in_ratio(other, at))
    };
    offer.legs().iter().enumerate().filter(tied).collect()
}

fn has_soldiers(offer: &Offer, leg: &Leg) -> bool {
    let soldier = |line: &Line| line.person().is_some_and(|it| it.status == Status::PrisonerOfWar);
    leg.category == Category::PrisonerOfWar || offer.lines(leg).iter().any(soldier)
}

const fn is_civilian(status: Status) -> bool {
    matches!(status, Status::CivilianInternee | Status::CivilianUnclassified)
}

const fn civilians(category: Category) -> bool {
    matches!(category, Category::CivilianInternee | Category::CivilianUnclassified)
}

/// A civilian by status; by the leg's category where the status is not known.
fn priced_civilian(person: &Person, leg: &Leg) -> bool {
    is_civilian(person.status)
        || (matches!(person.status, Status::Unknown | Status::Child) && civilians(leg.category))
}

const fn retained(category: Category) -> bool {
    matches!(category, Category::RetainedMedical | Category::RetainedReligious)
}

fn is_retained(person: &Person, leg: &Leg) -> bool {
    matches!(person.status, Status::RetainedMedical | Status::RetainedReligious) || retained(leg.category)
}

fn is_sick(person: &Person) -> bool {
    matches!(person.health, Health::Sick | Health::SlightlyWounded) || is_seriously_wounded(person)
}

fn serious(person: &Person, leg: &Leg) -> bool {
    is_seriously_wounded(person) || leg.category == Category::SeriouslyWounded
}

/// Lines and whole legs that something covers: third-country notices of one offer, or its conditions with a monitor.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    legs: BTreeSet<usize>,
    lines: BTreeSet<(usize, usize)>,
}

impl Cover {
    /// From the leg and the lines of each; no lines: all of the leg.
    fn new<'a>(parts: impl Iterator<Item = (u16, &'a [u32])>) -> Self {
        let mut cover = Self::default();
        for (leg, lines) in parts {
            let leg = usize::from(leg);
            if lines.is_empty() {
                cover.legs.insert(leg);
            }
            cover.lines.extend(lines.iter().map(|line| (leg, *line as usize)));
        }
        cover
    }

    /// Whom third-country notices cover.
    pub(crate) fn of_notices(notices: &[&TransferNotice]) -> Self {
        Self::new(notices.iter().map(|notice| (notice.leg, notice.lines.as_slice())))
    }

    /// Whom a condition with a monitor covers: who takes charge of a child has no field of its own.
    fn of_monitors(offer: &Offer) -> Self {
        let watched = offer.body().terms.conditions.iter().filter(|condition| condition.monitor.is_some());
        Self::new(watched.map(|condition| (condition.leg, condition.lines.as_slice())))
    }

    /// Whether a line of a leg is covered; none: someone of it who is on no list.
    pub(crate) fn has(&self, leg: usize, line: Option<usize>) -> bool {
        self.legs.contains(&leg) || line.is_some_and(|line| self.lines.contains(&(leg, line)))
    }
}
