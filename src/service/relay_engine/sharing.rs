//! What an engine's task does where other relays write the same store: hears what they stored, answers gets whose cells
//! nobody told of, forgets what was kept long enough, counts.

use super::Engine;
use crate::host::clock;
use crate::host::postgres::PostgresError;
use crate::relay::message::Notice;
use crate::relay::shared::Needs;
use crate::service::relay::RelayError;
use crate::service::relay_shared::SharedStore;
use crate::step::Step;
use crate::time::UnixMillis;
use tokio::sync::mpsc;

/// Beats between two looks at what a shared store holds.
const BEATS_PER_COUNT: u64 = 10;
/// Turns in which old cells are forgotten, at each such look.
const EXPIRIES_MAX: usize = 32;

/// A store that other relays write too, and what they tell.
pub(in crate::service) struct Sharing {
    pub(in crate::service) store: SharedStore,
    pub(in crate::service) stirred: mpsc::Receiver<String>,
}

/// What other relays tell; never, where there are none.
pub(super) async fn heard(sharing: Option<&mut Sharing>) -> Option<String> {
    match sharing {
        Some(sharing) => sharing.stirred.recv().await,
        None => std::future::pending().await,
    }
}

impl Engine {
    /// Looks at queues that other relays changed.
    pub(super) async fn stir(&mut self, told: Option<String>) -> Result<(), RelayError> {
        let Some(sharing) = &mut self.sharing else { return Ok(()) };
        let side = sharing.store.side();
        let mut queues = Vec::new();
        let mut next = told;
        while let Some(told) = next {
            queues.extend(side.heard(&told));
            next = sharing.stirred.try_recv().ok();
        }
        let needs = self.relay.stirred(queues);
        self.own_turn(&needs, |_, _| Step::new()).await
    }

    /// What a relay does now and then with a store that it shares: answers gets whose cells nobody told of, forgets what
    /// was kept long enough, counts.
    pub(super) async fn look_around(&mut self) -> Result<(), RelayError> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        let side = sharing.store.side();
        self.relay.let_queues_go();
        let needs = self.relay.awaited();
        self.own_turn(&needs, |_, _| Step::new()).await?;
        if !self.beats.is_multiple_of(BEATS_PER_COUNT) {
            return Ok(());
        }
        let now = clock::now();
        let looked = async { Ok((side.expire_tokens(now).await?, side.totals().await?)) };
        match looked.await {
            Ok((tokens, counted)) => {
                self.counted = counted;
                if tokens > 0 {
                    self.activity.add(Notice::TokensExpired(tokens));
                }
            }
            Err(error) => {
                self.tell_unanswered(&error);
                return Ok(());
            }
        }
        for _ in 0..EXPIRIES_MAX {
            let until = UnixMillis(now.0.saturating_sub(self.limits.retention.0));
            let expired = side.expired(until).await.unwrap_or_default();
            if expired.is_empty() {
                break;
            }
            let needs = Needs { changed: expired.clone(), ..Needs::default() };
            self.own_turn(&needs, |relay, now| relay.expire(expired, now)).await?;
        }
        Ok(())
    }

    pub(super) fn tell_unanswered(&mut self, error: &PostgresError) {
        if let Some(times) = self.no_answer.again() {
            tracing::error!(times, %error, "the store does not answer: nothing is acknowledged");
        }
    }
}
