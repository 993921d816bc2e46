//! Terms: the legs of an exchange, and what is promised by each. May not know how an offer is answered.
//!
//! A formula is not a field: named persons, counts, all-for-all, ratio, package, unilateral, remains, third-country
//! accommodation, stages and frame are what legs and their company come to, and they compose.

use crate::deal::date::Date;
use crate::deal::person::{Health, Sex, Status};
use crate::deal::pledge::{Condition, Frame, Guarantor};
use crate::deal::stage::{Corridor, Stage};
use crate::deal::word::{Text, words};
use crate::party::role::Role;
use bincode::{Decode, Encode};

/// Legs of one exchange, at most: two a stage.
pub const LEGS_MAX: usize = 128;
/// Stages of one exchange, at most.
pub const STAGES_MAX: usize = 64;
/// Corridors of one exchange, at most.
pub const CORRIDORS_MAX: usize = 64;
/// Conditions of one exchange, at most.
pub const CONDITIONS_MAX: usize = 64;
/// Guarantors and witnesses of one exchange, at most.
pub const GUARANTORS_MAX: usize = 16;

words! {
    /// Whom a leg is about.
    Category {
        /// Anyone held.
        Person = 0 "person";
        /// Prisoners of war.
        PrisonerOfWar = 1 "prisoner of war";
        /// Medical personnel retained.
        RetainedMedical = 2 "retained medical";
        /// Chaplains retained.
        RetainedReligious = 3 "retained religious";
        /// Civilian internees.
        CivilianInternee = 4 "civilian internee";
        /// Civilians held with no stated ground.
        CivilianUnclassified = 5 "civilian unclassified";
        /// Persons under eighteen.
        Child = 6 "child";
        /// The sick and the wounded.
        WoundedOrSick = 7 "wounded or sick";
        /// The seriously wounded.
        SeriouslyWounded = 8 "seriously wounded";
        /// The dead.
        Remains = 9 "remains";
    }
}

words! {
    /// Who chooses the persons of a leg.
    Selection {
        /// The side that holds them.
        Holder = 0 "holder";
        /// The side that receives them.
        Receiver = 1 "receiver";
        /// Both, by agreed list.
        Mutual = 2 "mutual";
        /// A mediator.
        Mediator = 3 "mediator";
        /// A rule, such as the longest held first.
        ByRule = 4 "by rule";
    }
}

words! {
    /// Whether someone else may come in the place of a listed person.
    Substitution {
        /// Nobody.
        None = 0 "none";
        /// Anyone of the same category.
        SameCategory = 1 "same category";
        /// Whoever both sides agree to.
        ByAgreement = 2 "by agreement";
    }
}

words! {
    /// Whether an offer is meant to be accepted as it stands.
    Firmness {
        /// To be accepted as it stands.
        Firm = 0 "firm";
        /// To hear what the other says.
        Exploratory = 1 "exploratory";
    }
}

words! {
    /// How a ratio that does not come out even is rounded.
    Rounding {
        /// Down to a whole person.
        Down = 0 "down";
        /// Up to a whole person.
        Up = 1 "up";
        /// To the nearest, half up.
        Nearest = 2 "nearest";
    }
}

/// How many, or who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Quantity {
    /// So many of the category.
    Count(u32),
    /// Those on the offer's list with this index, from 0.
    List(u16),
    /// From `least` to `most`: an estimate, never shown as exact.
    Estimate {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
    },
    /// All of the category that the giver holds, and no fewer than `least`.
    All {
        /// At least; 0 where no minimum is promised.
        least: u32,
    },
    /// `give` persons for every `per` of another leg.
    Ratio {
        /// This leg's part of the ratio, from 1.
        give: u32,
        /// The other leg's part, from 1.
        per: u32,
        /// The other leg's index, from 0; it is no ratio itself.
        leg: u16,
        /// How it is rounded.
        rounding: Rounding,
    },
}

/// Ages in completed years on a reference date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ages {
    /// The youngest.
    pub from: u8,
    /// The oldest.
    pub to: u8,
    /// The reference date, known to the day.
    pub on: Date,
}

/// Who belongs to a leg: a person must meet each of these that is given. At least one is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Criteria {
    /// Ages.
    pub ages: Option<Ages>,
    /// Any of these states of health; none given: any.
    pub health: Vec<Health>,
    /// Any of these statuses; none given: any.
    pub status: Vec<Status>,
    /// Sex.
    pub sex: Option<Sex>,
}

/// One direction of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Leg {
    /// Who gives.
    pub giver: Role,
    /// Who receives.
    pub receiver: Role,
    /// Whom.
    pub category: Category,
    /// How many, or who by name.
    pub quantity: Quantity,
    /// Named persons who are not part of it: the index of their list. Only where the quantity is no list.
    pub except: Option<u16>,
    /// Who belongs to it.
    pub criteria: Option<Criteria>,
    /// Who chooses.
    pub selection: Selection,
    /// Whether others may come instead.
    pub substitution: Substitution,
    /// How many fewer or more still fulfil the leg.
    pub tolerance: u32,
    /// The third country that accommodates them, in the place of the receiver's own.
    pub third_country: Option<Text>,
    /// The stage in which it is carried out, from 0; none where the exchange has no stages.
    pub stage: Option<u8>,
    /// The separable group, from 1: legs of one group stand and fall together, and apart from others. 0: not
    /// separable from anything.
    pub group: u8,
}

/// What an offer promises and asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// The legs, at most [`LEGS_MAX`]. None at all, on a sealed version, cancels it.
    pub legs: Vec<Leg>,
    /// The stages, at most [`STAGES_MAX`].
    pub stages: Vec<Stage>,
    /// The corridors, at most [`CORRIDORS_MAX`].
    pub corridors: Vec<Corridor>,
    /// What is asked of persons after their return, at most [`CONDITIONS_MAX`].
    pub conditions: Vec<Condition>,
    /// Guarantors and witnesses, at most [`GUARANTORS_MAX`].
    pub guarantors: Vec<Guarantor>,
    /// That it stands for exchanges to come.
    pub frame: Option<Frame>,
    /// Free text beside the legs; never binds.
    pub remarks: Option<Text>,
}

impl Terms {
    /// Whether it is about the dead alone, the one proposal that may be made before the safety words. Whatever else
    /// stands in terms that were checked hangs on a leg, and neither conditions nor criteria hang on remains.
    #[must_use]
    pub fn is_remains_only(&self) -> bool {
        !self.legs.is_empty() && self.legs.iter().all(|leg| leg.category == Category::Remains)
    }
}
