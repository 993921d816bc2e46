//! A mandate: what a principal lets its officer agree to, as rules by issue. Stays on the own side; may not know
//! who signed it, nor what becomes of a ruling.

pub mod read;
pub mod ruling;
pub mod weigh;
pub mod who;

use crate::deal::mandate::who::Who;
use crate::deal::pledge::{Obligation, Part, Sight};
use crate::deal::terms::Firmness;
use crate::deal::word::words;
use crate::time::UnixMillis;

/// Rules of one mandate, at most.
pub const RULES_MAX: usize = 256;
/// Bytes of a mandate's file, at most.
pub const MANDATE_BYTES_MAX: usize = 256 << 10;

/// What a principal lets its officer agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Rises with every mandate of a principal: a lower one cannot replace it.
    pub number: u64,
    /// From then on everything needs the principal.
    pub valid_until: UnixMillis,
    /// The rules, in the order of the file; their names differ.
    pub rules: Vec<Rule>,
}

words! {
    /// How far a rule can be moved.
    Class {
        /// Past its bottom line, or at all where it has none, it is forbidden.
        NonNegotiable = 0 "non negotiable";
        /// Within opening, target and bottom line; past that the principal decides.
        Negotiable = 1 "negotiable";
        /// For its price.
        Conditional = 2 "conditional";
        /// The principal decides.
        Reserved = 3 "reserved";
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What a ruling calls it.
    pub name: String,
    /// What it is about.
    pub issue: Issue,
    /// How far it can be moved.
    pub class: Class,
    /// Its opening, target and bottom line.
    pub bounds: Option<Bounds>,
    /// Whether what stands in all other cases counts as well.
    pub over_all_cases: bool,
    /// For what it is allowed; exactly where the class is conditional.
    pub price: Option<Price>,
    /// Only for offers of this firmness.
    pub firmness: Option<Firmness>,
    /// Only from then on.
    pub from: Option<UnixMillis>,
    /// Only before then.
    pub until: Option<UnixMillis>,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// Whom we give.
    Give(Who),
    /// Whom we get.
    Get(Who),
    /// Whom we give in an exchange in which we get others.
    Swap {
        /// Whom we give.
        give: Who,
        /// Whom we get.
        against: Who,
    },
    /// How many we give for how many we get.
    Ratio {
        /// Whom we give.
        give: Who,
        /// Whom we get.
        against: Who,
    },
    /// Accommodation in a third country: any of these; none named: any at all.
    ThirdCountry(Vec<String>),
    /// What persons are bound to afterwards: any of these; none named: anything.
    Condition(Vec<Obligation>),
    /// Guarantors and witnesses, by what they do and what they may see; none named: any.
    Guarantor {
        /// What they do.
        parts: Vec<Part>,
        /// What they may see.
        sights: Vec<Sight>,
    },
    /// Ways kept free of fire, and when.
    Corridors(Span),
    /// Stages, and when.
    Stages(Span),
    /// A standing frame for exchanges to come.
    Frame,
    /// An amendment that cancels what is sealed.
    Cancel,
}

/// From when until when something may happen; open where not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Not before.
    pub not_before: Option<UnixMillis>,
    /// Not after.
    pub not_after: Option<UnixMillis>,
}

/// A number, or a ratio: `of` for `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// So many; `u64::MAX` where there is no end.
    pub of: u64,
    /// For so many: 1 where it is a number.
    pub to: u64,
}

impl Fraction {
    /// A number.
    #[must_use]
    pub const fn number(of: u64) -> Self {
        Self { of, to: 1 }
    }

    /// Whether it is more than `limit`. Anything for nothing is more than every limit.
    #[must_use]
    pub fn is_over(self, limit: Self) -> bool {
        u128::from(self.of) * u128::from(limit.to) > u128::from(limit.of) * u128::from(self.to)
    }
}

impl std::fmt::Display for Fraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.of, self.to) {
            (of, 1) => write!(f, "{of}"),
            (of, to) => write!(f, "{of}:{to}"),
        }
    }
}

/// Opening, target and bottom line, in this order from what is asked to what is least borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What is allowed without a word.
    pub opening: Fraction,
    /// What is allowed, and noted.
    pub target: Fraction,
    /// What is allowed as the last concession.
    pub bottom: Fraction,
}

/// What has to be got in the same exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Whom.
    pub who: Who,
    /// How many.
    pub at_least: u32,
    /// For every so many that the rule is about; none: in all.
    pub for_each: Option<u32>,
}
