//! A party: its role in a channel, its card and identity, its safety words. May not know a session.

pub mod role;
