//! What stands beside the legs: conditions on persons, guarantors and witnesses, a standing frame. May not know
//! who keeps them.

use crate::deal::word::{Text, words};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

words! {
    /// What a person is bound to.
    Obligation {
        /// Not to leave the country that accommodates them.
        StayInCountry = 0 "stay in the country";
        /// Not to bear arms.
        NoArms = 1 "bear no arms";
        /// Not to hold command or office.
        NoOffice = 2 "hold no command or office";
        /// Not to speak in public.
        NoPublicity = 3 "no public statements";
        /// To report to an authority.
        Report = 4 "report to an authority";
        /// As the text says.
        Other = 5 "other";
    }
}

/// Until when a condition binds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum End {
    /// So many seconds from the handover.
    Seconds(u64),
    /// Until a moment.
    Until(UnixMillis),
    /// Until something happens.
    Event(Text),
}

/// What is asked of persons of a leg after they are handed over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Condition {
    /// The leg, from 0.
    pub leg: u16,
    /// The lines of its list, from 0, rising; none: all of the leg.
    pub lines: Vec<u32>,
    /// What they are bound to.
    pub obligation: Obligation,
    /// In what words.
    pub text: Option<Text>,
    /// Until when.
    pub end: End,
    /// Who watches over it.
    pub monitor: Option<Text>,
    /// What follows when it is broken.
    pub consequence: Text,
}

words! {
    /// What somebody from outside does for an exchange.
    Part {
        /// Answers for its being kept.
        Guarantor = 0 "guarantor";
        /// Sees it happen.
        Witness = 1 "witness";
        /// Chooses or decides where the parties cannot.
        Mediator = 2 "mediator";
        /// Transports or accommodates.
        Carrier = 3 "carrier";
    }
}

words! {
    /// What somebody from outside may see.
    Sight {
        /// Nothing.
        Nothing = 0 "nothing";
        /// How many, by category.
        Totals = 1 "totals";
        /// The lists.
        Lists = 2 "lists";
        /// The whole transcript of the case.
        Everything = 3 "everything";
    }
}

/// A guarantor or witness.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Guarantor {
    /// Who.
    pub name: Text,
    /// As what.
    pub part: Part,
    /// To do what.
    pub duty: Option<Text>,
    /// What they may see.
    pub sight: Sight,
}

/// Terms that stand for exchanges to come: each names this one as the frame it is made under.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Frame {
    /// Until when it stands.
    pub until: UnixMillis,
    /// How often an exchange is made under it: every so many seconds; 0 where no rhythm is agreed.
    pub every: u64,
}
