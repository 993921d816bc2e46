//! Remains on a list. A DNA record is named by its reference and laboratory; there is no field for a profile.

use crate::deal::date::PartialDate;
use crate::deal::word::{Text, words};
use crate::party::role::Role;
use bincode::{Decode, Encode};

words! {
    /// How much of one body a bag holds.
    Extent {
        /// Not examined.
        Unknown = 0 "unknown";
        /// One whole body.
        Whole = 1 "whole";
        /// A part of one body.
        Partial = 2 "partial";
        /// Parts of more than one body.
        Commingled = 3 "commingled";
    }
}

/// A bag of remains.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Remains {
    /// The number on the bag.
    pub bag: Text,
    /// Where it was recovered.
    pub place: Option<Text>,
    /// When it was recovered.
    pub date: Option<PartialDate>,
    /// How much of one body.
    pub extent: Extent,
    /// Who it is said to be.
    pub claimed_identity: Option<Text>,
    /// The identity disc found with it.
    pub disc: Option<Text>,
    /// The reference of a DNA record, at the laboratory below.
    pub dna_reference: Option<Text>,
    /// The laboratory that keeps the record.
    pub laboratory: Option<Text>,
    /// The bag from which this one was separated.
    pub parent_bag: Option<Text>,
    /// Whose dead it is said to be.
    pub claimed_side: Option<Role>,
}
