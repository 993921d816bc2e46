//! One page of HTML about a channel, or about a file that was checked: for people, on a screen and on paper. No script,
//! nothing from outside, and nothing that is not in the model.

pub mod channel;
pub mod model;
