//! What the two sides' handover lines come to, beside what was agreed: computed, never typed. What a side has not said
//! is not reported, and never guessed. May not say which side is right.

mod text;

use crate::deal::body::Offer;
use crate::deal::count::ratio;
use crate::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject, TransferNotice};
use crate::deal::latest::{Latest, latest};
use crate::deal::law::Cover;
use crate::deal::person::{IdentityKey, Line, identity_key};
use crate::deal::terms::{Leg, Quantity, Substitution};
use crate::party::role::Role;
use crate::time::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// What a handover came to, leg by leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The legs, in the order of the offer.
    pub legs: Vec<LegResult>,
    /// What is asked for to make it good, by author, leg and deadline.
    pub remedies: Vec<Asked>,
    /// How many lines of each side fit nothing that was agreed, and do not count: inviter's, joiner's.
    pub strays: [usize; 2],
}

/// What one leg came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegResult {
    /// The leg, from 0.
    pub leg: usize,
    /// Who gives.
    pub giver: Role,
    /// How many were agreed: [`Offer::range`].
    pub agreed: RangeInclusive<u32>,
    /// How many fewer or more still fulfil it.
    pub tolerance: u32,
    /// As each side says: inviter's, joiner's.
    pub accounts: [Account; 2],
    /// Where the sides differ, and where it is not as agreed.
    pub findings: Vec<Finding>,
}

/// What one side says of a leg.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How many of each outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many of each outcome but delivery, by claimed cause.
    pub causes: BTreeMap<(Outcome, Cause), u64>,
    /// How many fulfil the leg: delivered as listed, and substituted where the leg allows it.
    pub delivered: u64,
    /// How many were agreed, at least, of whom nothing is said.
    pub not_reported: u64,
    /// Whether the leg is fulfilled within its tolerance, or its ratio held.
    pub fulfilled: bool,
}

/// Something of a leg on which the sides differ, or that is not as agreed. Lines are those of its list, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// One side has said nothing of the leg yet, and the other has.
    Silent(Role),
    /// The sides say different things, or one says nothing, of the same lines; and of so many on no list.
    Differ {
        /// What the giver says.
        giver: Option<Outcome>,
        /// What the receiver says.
        receiver: Option<Outcome>,
        /// Of which lines.
        lines: Vec<usize>,
        /// Of how many that are on no list.
        unlisted: usize,
    },
    /// The sides count differently, where one of them gave numbers only.
    CountsDiffer {
        /// Of what.
        outcome: Outcome,
        /// How many the giver says.
        giver: u64,
        /// How many the receiver says.
        receiver: u64,
    },
    /// Others came in the place of persons, and the leg allows none.
    SubstitutionNotAllowed(Role, u64),
    /// So many who are on no list are said to have been delivered as listed.
    DeliveredUnlisted(Role, u64),
    /// So many duplicates that do not name what they double.
    DuplicateOfWhat(Role, u64),
    /// By one side's account the leg is not fulfilled.
    NotFulfilled {
        /// Whose account.
        by: Role,
        /// How many were delivered.
        delivered: u64,
        /// How many fulfil it: of a ratio, by what the same account says of the other leg.
        asked: RangeInclusive<u64>,
        /// Whether it is a ratio.
        ratio: bool,
    },
    /// Persons went to a third country of whom no notice was given: lines, and so many on no list.
    ThirdCountryWithoutNotice(Vec<usize>, u64),
}

/// Something asked for to make a discrepancy good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// By whom.
    pub by: Role,
    /// The leg, from 0.
    pub leg: usize,
    /// By when; none sorts first.
    pub deadline: Option<UnixMillis>,
    /// What.
    pub remedy: Remedy,
    /// For how many.
    pub number: u64,
}

impl Discrepancy {
    /// Whether both sides say that every leg is as agreed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let all = self.legs.iter().all(|leg| {
            leg.findings.is_empty() && leg.accounts.iter().all(|it| it.fulfilled && it.causes.is_empty())
        });
        all && self.strays == [0, 0]
    }

    /// What should have been made good before `now`.
    pub fn overdue(&self, now: UnixMillis) -> impl Iterator<Item = &Asked> {
        self.remedies.iter().filter(move |asked| asked.deadline.is_some_and(|deadline| deadline < now))
    }

    /// How many of each outcome a side says, over all legs.
    #[must_use]
    pub fn totals(&self, by: Role) -> BTreeMap<Outcome, u64> {
        let mut totals = BTreeMap::new();
        for (outcome, number) in self.legs.iter().flat_map(|leg| &leg.account(by).outcomes) {
            *totals.entry(*outcome).or_insert(0) += number;
        }
        totals
    }
}

impl LegResult {
    /// What a side says.
    #[must_use]
    pub const fn account(&self, by: Role) -> &Account {
        let [inviter, joiner] = &self.accounts;
        match by {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }
}

/// Computes it. `said` are the lines of the inviter and of the joiner, each in the order said: a later line of a side
/// takes the place of an earlier one on the same subject (see [`latest`]). `notices` are the third-country notices given of this offer.
#[must_use]
pub fn discrepancy(offer: &Offer, said: [&[&HandoverLine]; 2], notices: &[&TransferNotice]) -> Discrepancy {
    let [(inviter, inviter_strays), (joiner, joiner_strays)] = said.map(|lines| by_leg(offer, lines));
    let mut remedies = BTreeMap::new();
    let mut legs = Vec::with_capacity(offer.legs().len());
    let notices = Cover::of_notices(notices);
    for ((at, leg), sides) in offer.legs().iter().enumerate().zip(inviter.iter().zip(&joiner)) {
        let sides = [sides.0, sides.1];
        let accounts = sides.map(|side| account(offer, leg, side));
        let mut findings = Vec::new();
        differences(leg, sides, &mut findings);
        for (role, side) in Role::BOTH.into_iter().zip(sides) {
            not_as_agreed(leg, role, side, &mut findings);
            ask(role, at, side, &mut remedies);
        }
        findings.extend(third_country(offer, at, leg, sides, &notices));
        let (giver, tolerance) = (leg.giver, leg.tolerance);
        legs.push(LegResult { leg: at, giver, agreed: offer.range(leg), tolerance, accounts, findings });
    }
    fulfil(offer, &mut legs);
    let remedies = remedies
        .into_iter()
        .map(|((by, leg, deadline, remedy), number)| Asked { by, leg, deadline, remedy, number })
        .collect();
    Discrepancy { legs, remedies, strays: [inviter_strays, joiner_strays] }
}

/// The lines of one side on one leg, one on each subject.
#[derive(Default)]
struct Side<'a> {
    listed: BTreeMap<usize, &'a HandoverLine>,
    unlisted: Vec<(&'a Line, &'a HandoverLine)>,
    counted: Vec<(u64, &'a HandoverLine)>,
}

impl<'a> Side<'a> {
    fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.unlisted.is_empty() && self.counted.is_empty()
    }

    /// Every line that counts, with how many it is about.
    fn lines(&self) -> impl Iterator<Item = (u64, &'a HandoverLine)> {
        let listed = self.listed.values().map(|line| (1, *line));
        listed.chain(self.unlisted.iter().map(|(_, line)| (1, *line))).chain(self.counted.iter().copied())
    }
}

/// The lines of one side that count, by leg, and how many do not.
fn by_leg<'a>(offer: &Offer, said: &[&'a HandoverLine]) -> (Vec<Side<'a>>, usize) {
    let mut sides: Vec<Side<'a>> = offer.legs().iter().map(|_| Side::default()).collect();
    let Latest { lines, strays } = latest(offer, said.iter().copied());
    for line in lines {
        let Some(side) = sides.get_mut(usize::from(line.subject.leg())) else { continue };
        match &line.subject {
            Subject::Listed { line: of, .. } => drop(side.listed.insert(*of as usize, line)),
            Subject::Counted { number, .. } => side.counted.push((u64::from(*number), line)),
            Subject::Unlisted { who, .. } => side.unlisted.push((who, line)),
        }
    }
    (sides, strays)
}

fn fulfils(leg: &Leg, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Delivered => true,
        Outcome::Substituted => leg.substitution != Substitution::None,
        _ => false,
    }
}

const fn is_by_name(leg: &Leg) -> bool {
    matches!(leg.quantity, Quantity::List(_))
}

fn account(offer: &Offer, leg: &Leg, side: &Side<'_>) -> Account {
    let mut account = Account::default();
    let mut reported = 0;
    for (number, line) in side.lines() {
        *account.outcomes.entry(line.outcome).or_insert(0) += number;
        if line.outcome != Outcome::Delivered {
            *account.causes.entry((line.outcome, line.cause)).or_insert(0) += number;
        }
        // Who is on no list of a leg by name is none of those agreed.
        let agreed = !(is_by_name(leg) && matches!(line.subject, Subject::Unlisted { .. }));
        if agreed && fulfils(leg, line.outcome) {
            account.delivered += number;
        }
        if agreed && line.outcome != Outcome::Surplus {
            reported += number;
        }
    }
    account.not_reported = u64::from(offer.number(leg)).saturating_sub(reported);
    account
}

/// Whom a side means by somebody who is on no list: the two sides' records of one person are seldom equal.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Who<'a> {
    Person(IdentityKey),
    Bag(&'a str),
}

fn who(line: &Line) -> Who<'_> {
    match line {
        Line::Person(person) => Who::Person(identity_key(person)),
        Line::Remains(bag) => Who::Bag(bag.bag.as_str()),
    }
}

/// Where the sides differ: line by line of the list, and of who is on none one by one, or by number where one of them
/// gave numbers only.
fn differences(leg: &Leg, sides: [&Side<'_>; 2], findings: &mut Vec<Finding>) {
    let [inviter, joiner] = sides;
    let (giver, receiver) = match leg.giver {
        Role::Inviter => (inviter, joiner),
        Role::Joiner => (joiner, inviter),
    };
    match (giver.is_empty(), receiver.is_empty()) {
        (true, true) => return,
        (true, false) => return findings.push(Finding::Silent(leg.giver)),
        (false, true) => return findings.push(Finding::Silent(leg.giver.other())),
        (false, false) => {}
    }
    let mut differ = Differ::new();
    let lines: BTreeSet<usize> = giver.listed.keys().chain(receiver.listed.keys()).copied().collect();
    for line in lines {
        let said = [giver, receiver].map(|side| side.listed.get(&line).map(|it| it.outcome));
        if said[0] != said[1] {
            differ.entry(said).or_default().0.push(line);
        }
    }
    let by_number = !giver.counted.is_empty() || !receiver.counted.is_empty();
    if !by_number {
        unlisted_differ([giver, receiver], &mut differ);
    }
    findings.extend(differ.into_iter().map(|([giver, receiver], (lines, unlisted))| Finding::Differ {
        giver,
        receiver,
        lines,
        unlisted,
    }));
    if by_number {
        counts_differ([giver, receiver], findings);
    }
}

/// By what the giver says and what the receiver says: lines of the list, and how many are on none.
type Differ = BTreeMap<[Option<Outcome>; 2], (Vec<usize>, usize)>;

/// Those on no list of whom the giver and the receiver say different things.
fn unlisted_differ(sides: [&Side<'_>; 2], differ: &mut Differ) {
    let mut unlisted: BTreeMap<Who<'_>, [Vec<Outcome>; 2]> = BTreeMap::new();
    for (at, side) in sides.into_iter().enumerate() {
        for (record, line) in &side.unlisted {
            if let Some(said) = unlisted.entry(who(record)).or_default().get_mut(at) {
                said.push(line.outcome);
            }
        }
    }
    for [giver, receiver] in unlisted.into_values() {
        for at in 0..giver.len().max(receiver.len()) {
            let said = [giver.get(at).copied(), receiver.get(at).copied()];
            if said[0] != said[1] {
                differ.entry(said).or_default().1 += 1;
            }
        }
    }
}

/// Outcomes of which the giver and the receiver count different numbers, by name or not.
fn counts_differ([giver, receiver]: [&Side<'_>; 2], findings: &mut Vec<Finding>) {
    let count = |side: &Side<'_>, of: Outcome| {
        side.lines().filter(|(_, line)| line.outcome == of).map(|(number, _)| number).sum()
    };
    for outcome in Outcome::ALL.iter().copied() {
        let (giver, receiver) = (count(giver, outcome), count(receiver, outcome));
        if giver != receiver {
            findings.push(Finding::CountsDiffer { outcome, giver, receiver });
        }
    }
}

/// What one side's lines say that the leg does not allow, or that does not say enough.
fn not_as_agreed(leg: &Leg, by: Role, side: &Side<'_>, findings: &mut Vec<Finding>) {
    let count = |of: &dyn Fn(&HandoverLine) -> bool| -> u64 {
        side.lines().filter(|(_, line)| of(line)).map(|(number, _)| number).sum()
    };
    let substituted = count(&|line| line.outcome == Outcome::Substituted);
    if substituted > 0 && leg.substitution == Substitution::None {
        findings.push(Finding::SubstitutionNotAllowed(by, substituted));
    }
    let unlisted = |line: &HandoverLine| matches!(line.subject, Subject::Unlisted { .. });
    let delivered = count(&|line| unlisted(line) && line.outcome == Outcome::Delivered);
    if delivered > 0 && is_by_name(leg) {
        findings.push(Finding::DeliveredUnlisted(by, delivered));
    }
    let doubles = count(&|line| line.outcome == Outcome::Duplicate && line.detail.is_none());
    if doubles > 0 {
        findings.push(Finding::DuplicateOfWhat(by, doubles));
    }
}

fn third_country(
    offer: &Offer,
    at: usize,
    leg: &Leg,
    sides: [&Side<'_>; 2],
    notices: &Cover,
) -> Option<Finding> {
    let mut lines = BTreeSet::new();
    if leg.third_country.is_some() {
        lines.extend(0..offer.lines(leg).len());
    }
    let mut others = 0;
    for side in sides {
        let moved = side.lines().filter(|(_, line)| line.cause == Cause::ThirdCountry);
        let mut here = 0;
        for (number, line) in moved {
            match line.subject {
                Subject::Listed { line, .. } => drop(lines.insert(line as usize)),
                _ => here += number,
            }
        }
        // The two sides may speak of the same persons.
        others = others.max(here);
    }
    if leg.third_country.is_some() && !is_by_name(leg) {
        others = others.max(u64::from(offer.number(leg)).max(1));
    }
    let lines: Vec<usize> = lines.into_iter().filter(|line| !notices.has(at, Some(*line))).collect();
    let others = if notices.has(at, None) { 0 } else { others };
    (!lines.is_empty() || others > 0).then_some(Finding::ThirdCountryWithoutNotice(lines, others))
}

type Remedies = BTreeMap<(Role, usize, Option<UnixMillis>, Remedy), u64>;

fn ask(by: Role, leg: usize, side: &Side<'_>, remedies: &mut Remedies) {
    for (number, line) in side.lines().filter(|(_, line)| line.remedy != Remedy::None) {
        *remedies.entry((by, leg, line.deadline, line.remedy)).or_insert(0) += number;
    }
}

/// Holds each account against what was agreed: a ratio against what it says of the other leg, once all are known.
fn fulfil(offer: &Offer, legs: &mut [LegResult]) {
    let delivered: Vec<[u64; 2]> =
        legs.iter().map(|leg| [leg.accounts[0].delivered, leg.accounts[1].delivered]).collect();
    for (result, leg) in legs.iter_mut().zip(offer.legs()) {
        let slack = u64::from(leg.tolerance);
        for (at, by) in Role::BOTH.into_iter().enumerate() {
            let (asked, in_ratio) = match leg.quantity {
                Quantity::Ratio { give, per, leg, rounding } => {
                    let other = delivered.get(usize::from(leg)).and_then(|it| it.get(at)).copied();
                    let other = u32::try_from(other.unwrap_or(0)).unwrap_or(u32::MAX);
                    let exact = u64::from(ratio(other, give, per, rounding));
                    (exact.saturating_sub(slack)..=exact + slack, true)
                }
                _ => {
                    let (least, most) = (u64::from(*result.agreed.start()), u64::from(*result.agreed.end()));
                    (least.saturating_sub(slack)..=most + slack, false)
                }
            };
            let Some(account) = result.accounts.get_mut(at) else { continue };
            let delivered = account.delivered;
            account.fulfilled = asked.contains(&delivered);
            if !account.fulfilled && !account.outcomes.is_empty() {
                result.findings.push(Finding::NotFulfilled { by, delivered, asked, ratio: in_ratio });
            }
        }
    }
}
