//! Links that came to a stop: when they go on or are connected anew. May not decide what is sent on them.

use crate::officer::engine::{Channel, Pace, Turn};
use crate::officer::inbound::GET_WAIT_MS;
use crate::officer::link::{Purpose, Trouble};
use crate::time::Millis;

/// A link that does not do its work is connected anew after so long.
const RETRY_AFTER: Millis = Millis::secs(60);

impl Channel {
    /// When a flooded link may try again, it does.
    pub(super) fn unblock_flooded(&mut self, turn: &mut Turn<'_>) {
        let flooded: Vec<Purpose> = self
            .troubles
            .iter()
            .filter(|(_, trouble)| **trouble == Trouble::Flooded)
            .map(|(purpose, _)| *purpose)
            .collect();
        for purpose in flooded {
            self.troubles.remove(&purpose);
            let Some(link) = self.links.get_mut(&purpose) else { continue };
            link.blocked = false;
            link.stuck_since = None;
            if link.getting {
                // Cells past those we did not take are still on their way here: begin again at the cursor.
                self.hang_up(purpose, turn);
            } else if let Purpose::Inbound(at) = purpose {
                self.get(at, turn);
            }
        }
    }

    /// Connects anew what has been blocked or without an answer for a while, and asks again where a relay had answered too soon.
    pub(super) fn retry_links(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let may_send = self.may_send();
        let mut again = Vec::new();
        for (purpose, link) in &mut self.links {
            let halted = matches!(purpose, Purpose::Outbound(_)) && !may_send;
            // A time ahead of the clock was given by a clock that was wrong.
            let overdue = now < link.asked || now.since(link.asked) > Millis(u64::from(GET_WAIT_MS));
            let silent = !link.serving || link.unanswered > 0 || (link.getting && overdue);
            if halted || !(link.blocked || silent) {
                link.stuck_since = None;
                continue;
            }
            let since = link.stuck_since.map_or(now, |since| since.min(now));
            link.stuck_since = Some(since);
            if now.since(since) >= RETRY_AFTER {
                again.push(*purpose);
            }
        }
        for purpose in again {
            self.hang_up(purpose, turn);
        }
        if turn.pace == Pace::Watch {
            let inbound = u8::try_from(self.thread.inbound.len()).unwrap_or(u8::MAX);
            (0..inbound).for_each(|at| self.get(at, turn));
        }
    }
}
