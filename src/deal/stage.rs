//! Where and when: stages, corridors, places, windows of time. May not know what is exchanged in them.

use crate::deal::word::{Text, words};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// Points of one corridor, at most.
pub const POINTS_MAX: usize = 64;

/// A point on the earth: WGS84, in 1e-7 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Point {
    /// North is positive; at most 90 degrees either way.
    pub latitude: i32,
    /// East is positive; at most 180 degrees either way.
    pub longitude: i32,
}

/// A place by name, and where it is known by coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// What it is called.
    pub name: Text,
    /// Where it is.
    pub at: Option<Point>,
}

/// A window of time: from, and until after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Window {
    /// Its begin.
    pub from: UnixMillis,
    /// Its end, later than its begin.
    pub to: UnixMillis,
}

words! {
    /// In which order a stage's legs are carried out.
    Order {
        /// At once.
        Simultaneous = 0 "simultaneous";
        /// One person or group after another, by turns.
        Alternating = 1 "alternating";
    }
}

words! {
    /// What happens when a stage is broken off.
    Abort {
        /// Whoever has crossed stays; nobody else moves.
        Stop = 0 "stop where it stands";
        /// Whoever has crossed goes back.
        Return = 1 "return those who crossed";
        /// The stage is carried out to its end, and the next does not begin.
        Finish = 2 "finish the stage";
    }
}

/// One stage of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Stage {
    /// What it is called.
    pub name: Option<Text>,
    /// Stages that must be over before: their indices, rising, each below its own.
    pub after: Vec<u8>,
    /// Where.
    pub place: Option<Place>,
    /// When.
    pub window: Option<Window>,
    /// The corridor, by its index.
    pub corridor: Option<u8>,
    /// In which order.
    pub order: Order,
    /// What happens when it is broken off.
    pub abort: Abort,
}

/// A way that is kept free of fire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Corridor {
    /// What it is called.
    pub name: Text,
    /// Its line, 2 to [`POINTS_MAX`] points; empty where the name says enough.
    pub points: Vec<Point>,
    /// Its width in metres; 0 where none is agreed.
    pub width: u32,
    /// When it is kept free.
    pub window: Option<Window>,
}
