//! Passes issued and taken back since the last look, taken in.

use super::Engine;
use crate::host::clock;
use crate::relay::message::Input;
use crate::service::relay::RelayError;
use crate::service::relay_folder::IssuedPass;
use crate::service::relay_revoked::Revocation;
use std::path::PathBuf;

impl Engine {
    /// Takes in the passes issued since the last look, once all is taken back that was to be before they were issued.
    pub(super) async fn take_passes(&mut self) -> Result<(), RelayError> {
        loop {
            let folder = self.folder.clone();
            let (issued, revoked) = match self.disk.run(move |_| folder.waiting()).await? {
                Ok(waiting) => waiting,
                Err(error) => {
                    if let Some(times) = self.no_passes.again() {
                        tracing::warn!(times, %error, "the folder of issued passes cannot be read");
                    }
                    return Ok(());
                }
            };
            let (mut taken_back, full) = (false, clock::now() < self.full_until);
            for Revocation { path, which } in revoked {
                let Ok(which) = which else {
                    if let Some(times) = self.no_passes.again() {
                        tracing::warn!(
                            times,
                            "a revocation among the issued passes cannot be read, or is damaged: remove it, and revoke again"
                        );
                    }
                    continue;
                };
                // Meanwhile nothing is opened.
                if full || !self.take(Input::Revoked(which), path).await? {
                    return Ok(());
                }
                taken_back = true;
            }
            // Those that were read before may be among what was taken back.
            if !taken_back {
                return self.take_issued(issued).await;
            }
        }
    }

    async fn take_issued(&mut self, issued: Vec<IssuedPass>) -> Result<(), RelayError> {
        for pass in issued {
            let Ok((hashes, expires)) = pass.tokens else {
                if let Some(times) = self.no_passes.again() {
                    tracing::warn!(
                        times,
                        "a file among the issued passes cannot be read, or is damaged: remove it, and issue another pass"
                    );
                }
                continue;
            };
            // Without room it waits: what has no room makes the relay begin again, and connections end.
            if !self.relay.has_room_for(hashes.len()) {
                if let Some(times) = self.no_room.again() {
                    tracing::warn!(times, "an issued pass waits: the disk is full");
                }
                continue;
            }
            if !self.take(Input::Tokens { hashes, expires }, pass.path).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes in what a file among the passes says; false when there was no room. It is in the store and its file gone, both
    /// durably, before any token can be spent: so no crash brings back one that is spent, or taken back.
    async fn take(&mut self, input: Input, file: PathBuf) -> Result<bool, RelayError> {
        let needs = self.sharing.as_ref().map(|_| self.relay.needs([&input])).unwrap_or_default();
        if let Err(undone) = self.turn(&needs, |relay, now| relay.handle(input, now)).await? {
            self.begin_again(undone).await?;
            return Ok(false);
        }
        let folder = self.folder.clone();
        self.disk.run(move |_| folder.forget_issued(&file)).await??;
        Ok(true)
    }
}
