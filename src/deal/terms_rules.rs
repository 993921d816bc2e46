//! The rules that terms keep, each told by leg, stage, corridor or condition, counted from 1, with its remedy.
//! Terms that break one are refused wherever they come from. May not know how an offer is answered.

use crate::deal::pledge::{Condition, End, Frame};
use crate::deal::stage::{Corridor, POINTS_MAX, Point, Stage, Window};
use crate::deal::terms::{
    Ages, CONDITIONS_MAX, CORRIDORS_MAX, Category, Criteria, GUARANTORS_MAX, LEGS_MAX, Leg, Quantity,
    STAGES_MAX, Terms,
};
use crate::statement::signed::LISTS_MAX;
use crate::time::UnixMillis;

/// The last moment that terms may name: the last day of the year 9999, where calendars end.
pub const MOMENT_MAX: UnixMillis = UnixMillis(253_402_207_200_000);
/// The longest span that terms may name, in seconds: 100 years.
pub const SPAN_SECS_MAX: u64 = 36_525 * 86_400;

/// Terms that contradict themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Over a limit.
    #[error("the terms have {found} {what}; at most {max} are allowed: make several proposals of it")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A list that no leg names.
    #[error("a list belongs to no leg: leave it out, or add its leg")]
    UnusedList,
    /// A leg.
    #[error("leg {0} {1}")]
    Leg(usize, LegFault),
    /// A stage.
    #[error("stage {0} {1}")]
    Stage(usize, StageFault),
    /// A corridor.
    #[error("corridor {0} {1}")]
    Corridor(usize, StageFault),
    /// A condition.
    #[error("condition {0} {1}")]
    Condition(usize, ConditionFault),
    /// The frame.
    #[error("the frame {0}")]
    Frame(ConditionFault),
    /// The moment until which an offer stands.
    #[error("the time until which it stands {0}")]
    ValidUntil(StageFault),
}

/// What is wrong with a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegFault {
    /// Giver and receiver are one.
    #[error("is given and received by the same side: name the other side as receiver")]
    GivenToItself,
    /// A count of nobody.
    #[error("counts nobody: leave it out, or give a number from 1")]
    NobodyCounted,
    /// An estimate that is none.
    #[error("estimates {least} to {most}: the second number must be the larger one")]
    NoEstimate {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
    },
    /// A ratio with a part of nothing.
    #[error("has a ratio with a 0 in it: give both parts from 1")]
    RatioOfNothing,
    /// A ratio of itself, or of a leg that is not there.
    #[error("is a ratio of leg {0}, which is no other leg of the terms: name the number of another leg")]
    RatioLegMissing(usize),
    /// A ratio of a ratio.
    #[error("is a ratio of leg {0}, which is a ratio itself: name a leg with a number or a list")]
    RatioOfRatio(usize),
    /// A list index out of order.
    #[error("does not name the next list: number lists in the order of their legs")]
    WrongList,
    /// Exceptions beside a list.
    #[error("has a list and exceptions from it: leave those persons off the list")]
    ExceptFromList,
    /// Criteria that ask nothing.
    #[error("has criteria that ask nothing: name ages, health, status or sex, or leave them out")]
    CriteriaEmpty,
    /// A word twice, or not in the order of the vocabulary.
    #[error("has criteria with a {0} twice or out of order: name each once, in the order of the vocabulary")]
    CriteriaOrder(&'static str),
    /// Criteria on remains.
    #[error("is of remains and has criteria of persons: leave them out")]
    CriteriaOfRemains,
    /// Ages the wrong way round.
    #[error("has ages from {from} to {to}: the second age must not be below the first")]
    AgesReversed {
        /// The youngest.
        from: u8,
        /// The oldest.
        to: u8,
    },
    /// A reference date that is partial.
    #[error("has ages on a date that is not known to the day: write such as 2031-05-01")]
    AgesWithoutDay,
    /// Remains accommodated.
    #[error("is of remains and names a third country: only persons are accommodated, so leave it out")]
    RemainsAccommodated,
    /// A stage that is not there.
    #[error("is in stage {0}, which the terms do not have: add the stage, or name another")]
    StageMissing(usize),
    /// No stage where there are stages.
    #[error("is in no stage, and the terms have stages: name its stage")]
    Unstaged,
}

/// What is wrong with a stage, a corridor, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StageFault {
    /// Prerequisites that no order could fulfil.
    #[error("must come after stages that stand before it, each named once, rising: put it behind them")]
    AfterOutOfOrder,
    /// A corridor that is not there.
    #[error("uses corridor {0}, which the terms do not have: add the corridor, or name another")]
    CorridorMissing(usize),
    /// A window that is over before it begins.
    #[error("has a window that ends before it begins: give an end later than the begin")]
    WindowReversed,
    /// A point that is not on the earth.
    #[error(
        "has a point off the earth: latitude lies within 90 degrees either way, longitude within 180: correct it"
    )]
    PointOffEarth,
    /// Points that make no line, or too many.
    #[error("has {0} points; a line has 2 to {POINTS_MAX}: give as many, or none")]
    PointCount(usize),
    /// A moment past [`MOMENT_MAX`].
    #[error("lies past the year 9999: give an earlier moment")]
    PastCalendar,
}

/// What is wrong with a condition or a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// A leg that is not there.
    #[error("binds leg {0}, which the terms do not have: add the leg, or name another")]
    LegMissing(usize),
    /// On remains.
    #[error("binds leg {0}, which is of remains: conditions bind persons, so leave it out")]
    OfRemains(usize),
    /// Lines of a leg without a list.
    #[error("binds lines of leg {0}, which has no list: leave the lines out, or give the leg a list")]
    LinesOfNoList(usize),
    /// Lines twice or not rising.
    #[error("names lines twice or out of order: name each once, rising")]
    LinesOutOfOrder,
    /// A line that is not there.
    #[error("binds line {0}, and the list of its leg has fewer: correct the line")]
    LineMissing(u64),
    /// No time at all, or longer than [`SPAN_SECS_MAX`].
    #[error("lasts {0} seconds: give 1 second to 100 years, or a moment")]
    Span(u64),
    /// A moment past [`MOMENT_MAX`].
    #[error("ends past the year 9999: give an earlier moment")]
    PastCalendar,
}

/// Whether numbers rise, none twice.
pub(crate) fn rising<T: Ord>(numbers: &[T]) -> bool {
    numbers.is_sorted_by(|one, next| one < next)
}

/// Whether a moment has a date that people can read.
pub(crate) fn check_moment(moment: Option<UnixMillis>) -> Result<(), StageFault> {
    match moment {
        Some(moment) if moment > MOMENT_MAX => Err(StageFault::PastCalendar),
        _ => Ok(()),
    }
}

/// A number from 0 as people count.
fn counted(index: impl Into<usize>) -> usize {
    index.into() + 1
}

impl Terms {
    /// Holds the rules against the terms of an offer whose lists have so many `lines`, in their order.
    pub(crate) fn check(&self, lines: &[u32]) -> Result<(), TermsError> {
        let limit = |what, found, max| {
            if found > max { Err(TermsError::TooMany { what, found, max }) } else { Ok(()) }
        };
        limit("legs", self.legs.len(), LEGS_MAX)?;
        limit("stages", self.stages.len(), STAGES_MAX)?;
        limit("corridors", self.corridors.len(), CORRIDORS_MAX)?;
        limit("conditions", self.conditions.len(), CONDITIONS_MAX)?;
        limit("guarantors and witnesses", self.guarantors.len(), GUARANTORS_MAX)?;
        limit("lists", lines.len(), LISTS_MAX)?;
        let mut next = 0;
        for (leg, at) in self.legs.iter().zip(0..) {
            self.check_leg(leg, at, &mut next).map_err(|fault| TermsError::Leg(counted(at), fault))?;
        }
        if next != lines.len() {
            return Err(TermsError::UnusedList);
        }
        for (stage, at) in self.stages.iter().zip(0..) {
            self.check_stage(stage, at).map_err(|fault| TermsError::Stage(counted(at), fault))?;
        }
        for (corridor, number) in self.corridors.iter().zip(1..) {
            check_corridor(corridor).map_err(|fault| TermsError::Corridor(number, fault))?;
        }
        for (condition, number) in self.conditions.iter().zip(1..) {
            let checked = self.check_condition(condition, lines);
            checked.map_err(|fault| TermsError::Condition(number, fault))?;
        }
        self.frame.as_ref().map_or(Ok(()), check_frame).map_err(TermsError::Frame)
    }

    /// A leg with its index; `next` is the index that the next list must have: one form, none unused.
    fn check_leg(&self, leg: &Leg, at: usize, next: &mut usize) -> Result<(), LegFault> {
        if leg.giver == leg.receiver {
            return Err(LegFault::GivenToItself);
        }
        self.check_quantity(&leg.quantity, at)?;
        let own = match leg.quantity {
            Quantity::List(_) if leg.except.is_some() => return Err(LegFault::ExceptFromList),
            Quantity::List(index) => Some(index),
            _ => leg.except,
        };
        if let Some(index) = own {
            if usize::from(index) != *next {
                return Err(LegFault::WrongList);
            }
            *next += 1;
        }
        let of_remains = leg.category == Category::Remains;
        match &leg.criteria {
            Some(_) if of_remains => return Err(LegFault::CriteriaOfRemains),
            Some(criteria) => check_criteria(criteria)?,
            None => {}
        }
        if of_remains && leg.third_country.is_some() {
            return Err(LegFault::RemainsAccommodated);
        }
        match leg.stage {
            Some(stage) if usize::from(stage) >= self.stages.len() => {
                Err(LegFault::StageMissing(counted(stage)))
            }
            None if !self.stages.is_empty() => Err(LegFault::Unstaged),
            _ => Ok(()),
        }
    }

    fn check_quantity(&self, quantity: &Quantity, at: usize) -> Result<(), LegFault> {
        match *quantity {
            Quantity::Count(0) => Err(LegFault::NobodyCounted),
            Quantity::Estimate { least, most } if least >= most => Err(LegFault::NoEstimate { least, most }),
            Quantity::Ratio { give, per, .. } if give == 0 || per == 0 => Err(LegFault::RatioOfNothing),
            Quantity::Ratio { leg, .. } => {
                let other = self.legs.get(usize::from(leg)).filter(|_| usize::from(leg) != at);
                match other.map(|other| other.quantity) {
                    None => Err(LegFault::RatioLegMissing(counted(leg))),
                    Some(Quantity::Ratio { .. }) => Err(LegFault::RatioOfRatio(counted(leg))),
                    Some(_) => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_stage(&self, stage: &Stage, at: usize) -> Result<(), StageFault> {
        if !rising(&stage.after) || stage.after.last().is_some_and(|last| usize::from(*last) >= at) {
            return Err(StageFault::AfterOutOfOrder);
        }
        if let Some(corridor) = stage.corridor.filter(|at| usize::from(*at) >= self.corridors.len()) {
            return Err(StageFault::CorridorMissing(counted(corridor)));
        }
        stage.place.iter().filter_map(|place| place.at).try_for_each(check_point)?;
        check_window(stage.window)
    }

    fn check_condition(&self, condition: &Condition, lines: &[u32]) -> Result<(), ConditionFault> {
        let number = counted(condition.leg);
        let leg = self.legs.get(usize::from(condition.leg)).ok_or(ConditionFault::LegMissing(number))?;
        if leg.category == Category::Remains {
            return Err(ConditionFault::OfRemains(number));
        }
        if !rising(&condition.lines) {
            return Err(ConditionFault::LinesOutOfOrder);
        }
        if let Some(last) = condition.lines.last() {
            let Quantity::List(list) = leg.quantity else {
                return Err(ConditionFault::LinesOfNoList(number));
            };
            if lines.get(usize::from(list)).is_none_or(|count| last >= count) {
                return Err(ConditionFault::LineMissing(u64::from(*last) + 1));
            }
        }
        match condition.end {
            End::Seconds(span) if !(1..=SPAN_SECS_MAX).contains(&span) => Err(ConditionFault::Span(span)),
            End::Until(moment) if moment > MOMENT_MAX => Err(ConditionFault::PastCalendar),
            _ => Ok(()),
        }
    }
}

fn check_criteria(criteria: &Criteria) -> Result<(), LegFault> {
    let Criteria { ages, health, status, sex } = criteria;
    if ages.is_none() && health.is_empty() && status.is_empty() && sex.is_none() {
        return Err(LegFault::CriteriaEmpty);
    }
    if !rising(health) {
        return Err(LegFault::CriteriaOrder("state of health"));
    }
    if !rising(status) {
        return Err(LegFault::CriteriaOrder("status"));
    }
    match *ages {
        Some(Ages { from, to, .. }) if from > to => Err(LegFault::AgesReversed { from, to }),
        Some(Ages { on, .. }) if on.day().is_none() => Err(LegFault::AgesWithoutDay),
        _ => Ok(()),
    }
}

fn check_corridor(corridor: &Corridor) -> Result<(), StageFault> {
    if !matches!(corridor.points.len(), 0 | 2..=POINTS_MAX) {
        return Err(StageFault::PointCount(corridor.points.len()));
    }
    corridor.points.iter().copied().try_for_each(check_point)?;
    check_window(corridor.window)
}

fn check_frame(frame: &Frame) -> Result<(), ConditionFault> {
    if frame.until > MOMENT_MAX {
        return Err(ConditionFault::PastCalendar);
    }
    if frame.every > SPAN_SECS_MAX { Err(ConditionFault::Span(frame.every)) } else { Ok(()) }
}

/// A point on the earth.
fn check_point(point: Point) -> Result<(), StageFault> {
    let within = |angle: i32, degrees: u32| angle.unsigned_abs() <= degrees * 10_000_000;
    let on_earth = within(point.latitude, 90) && within(point.longitude, 180);
    if on_earth { Ok(()) } else { Err(StageFault::PointOffEarth) }
}

/// A window that ends after it begins, both in a year that people can write.
pub(crate) fn check_window(window: Option<Window>) -> Result<(), StageFault> {
    match window {
        Some(Window { from, to }) if from >= to => Err(StageFault::WindowReversed),
        window => check_moment(window.map(|window| window.to)),
    }
}
