//! A party: its role in a channel, its card and identity, where its relays are, its safety words. May
//! not know a session.

pub mod card;
pub mod line;
pub mod relay;
pub mod role;
pub mod words;
