//! What the two parties of a channel are called, made harmless.

use crate::desk::screen::plain;
use crate::officer::engine::Channel;
use crate::party::role::Role;

/// What the two parties are called, made harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Our side.
    pub me: Role,
    /// Our name.
    pub own: String,
    /// The counterpart's.
    pub peer: String,
}

impl Names {
    /// The names on a channel's cards.
    #[must_use]
    pub fn of(channel: &Channel) -> Self {
        let me = channel.thread.role;
        let named = |role: Role| {
            channel.session().map_or_else(
                || "the other side".to_owned(),
                |session| plain(session.card(role).name().as_str()),
            )
        };
        Self { me, own: named(me), peer: named(me.other()) }
    }

    /// A party's name.
    #[must_use]
    pub fn name(&self, role: Role) -> &str {
        if role == self.me { &self.own } else { &self.peer }
    }
}
