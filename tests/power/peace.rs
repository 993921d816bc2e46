//! All three machines lost power at one moment and came back: relay and officers go on until both officers hold the same.

use crate::disk::{Tree, lay};
use crate::look::{Wrong, notes};
use crate::record::Recorded;
use crate::replay::scratch;
use crate::world::{Ledger, PASSPHRASES, RELAY, VAULT};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::path::Path;
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::host::vault::VaultError;
use truceline::party::role::Role;
use truceline::service::officer::{OfficerService, ServiceError};
use truceline::service::relay::RelayService;
use truceline::service::relay_folder::RelayFolder;
use truceline::service::sync::SyncOptions;

/// Rounds of syncs within which both agree.
const ROUNDS_MAX: usize = 4;

/// Moments after which the channel stood.
pub fn moments(log: &[Recorded], ledger: &Ledger, count: usize, seed: u64) -> BTreeSet<usize> {
    let open = ledger.officers[0].open.unwrap().done;
    let first = log.iter().position(|recorded| recorded.end > open).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..count).map(|_| first + rng.next_u64() as usize % (log.len() - first)).collect()
}

fn open(dir: &Path, changed: bool) -> Result<OfficerService, Wrong> {
    let first = usize::from(changed);
    match OfficerService::open(dir, PASSPHRASES[first]) {
        Err(ServiceError::Vault(VaultError::PassphraseWrong)) => {
            OfficerService::open(dir, PASSPHRASES[1 - first]).map_err(|error| error.to_string())
        }
        opened => opened.map_err(|error| error.to_string()),
    }
}

/// Holds that both officers, each saying one thing more, come to the same transcript over the relay, with all in it that
/// was told to be said by `now`.
pub fn reached(trees: &[Tree; 3], ledger: &Ledger, now: u64) -> Result<(), Wrong> {
    let place = scratch();
    trees.iter().for_each(|tree| lay(tree, place.path()));
    let changed = ledger.officers[0].passphrase.is_some_and(|span| span.begun < now);
    let mut officers = [
        open(&place.path().join("velmara").join(VAULT), changed)?,
        open(&place.path().join("tarrun").join(VAULT), false)?,
    ];
    let last = ["Velmara is back.", "Tarrun is back."];
    crate::scene::run(async {
        let folder = RelayFolder::at(&place.path().join(RELAY));
        let config = folder.config().map_err(|error| error.to_string())?;
        let relay = RelayService::start(folder, config).await.map_err(|error| error.to_string())?;
        for (officer, text) in officers.iter_mut().zip(last) {
            let content = Content::Note(Note { text: Text::new(text).unwrap() });
            let thread = officer.officer().channels().next().ok_or("the channel is gone")?.number;
            officer
                .command(|officer, now, rng| officer.say(thread, None, &content, Vec::new(), now, rng))
                .map_err(|error| error.to_string())?;
        }
        let mut rounds = 0;
        while held(&officers[0]) != held(&officers[1]) || rounds == 0 {
            if rounds == ROUNDS_MAX {
                return Err(format!("they do not agree: {:?}, {:?}", held(&officers[0]), held(&officers[1])));
            }
            for officer in &mut officers {
                let (options, _stop) = SyncOptions::once();
                let report =
                    officer.sync(&options, &mut |_, _| {}).await.map_err(|error| error.to_string())?;
                if !report.troubles.is_empty() {
                    return Err(format!("{:?}", report.troubles));
                }
            }
            rounds += 1;
        }
        relay.shutdown().await.map_err(|error| error.to_string())
    })?;
    for officer in &officers {
        let channel = officer.officer().channels().next().unwrap();
        if let Some(halt) = channel.session().unwrap().halt {
            return Err(format!("the channel is halted: {halt:?}"));
        }
    }
    for (who, found) in held(&officers[0]).into_iter().enumerate() {
        let said = &ledger.officers[who].said;
        let least = said.iter().filter(|(_, span)| span.done <= now).count();
        let before = found.len() - 1;
        let texts = said.iter().map(|(text, _)| text.as_str()).take(before).chain([last[who]]);
        if before < least || !found.iter().map(String::as_str).eq(texts) {
            return Err(format!("of at least {least} notes and the last: {found:?}"));
        }
    }
    Ok(())
}

/// What both sides said, the inviter's first.
fn held(officer: &OfficerService) -> [Vec<String>; 2] {
    let channel = officer.officer().channels().next().unwrap();
    Role::BOTH.map(|role| notes(channel, role))
}
