//! A relay whose disk fills while two officers sync: they are told so, and once there is room all arrives.

use crate::killed::Trial;
use crate::officer::{Answer, Officer};
use crate::relay::{DEADLINE, Relay};
use crate::scene::Scene;
use crate::strike::seeds;
use crate::vaults::SmallDisk;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// The 200 cells that the officers have to put take 3.2 MB: the disk fills before there is room for all of them.
const FILLS_WITHIN: u64 = 1_000_000;

/// Bytes of the relay's store, its log and its journal.
fn stored(relay: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(relay.join(name)).map_or(0, |file| file.len());
    size("relay.sqlite") + size("relay.sqlite-wal") + size("relay.journal")
}

/// Takes the disk to its last block.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    while file.write_all(&[0; 65_536]).is_ok() {}
    while file.write_all(&[0; 512]).is_ok() {}
}

/// Both sync, as two programs at once, and `meanwhile` is done beside them.
fn sync_both(officers: [&Officer; 2], meanwhile: impl FnOnce()) -> [Answer; 2] {
    std::thread::scope(|scope| {
        let syncs = officers.map(|officer| scope.spawn(|| officer.json(&["sync"])));
        meanwhile();
        syncs.map(|sync| sync.join().unwrap())
    })
}

/// Statements that wait to be put, of both.
fn waiting(officers: [&Officer; 2]) -> u64 {
    officers.iter().map(|officer| officer.sync()["waiting"].as_u64().unwrap()).sum()
}

#[test]
fn a_relay_whose_disk_fills_under_load_says_so_and_loses_nothing_that_it_acknowledged() {
    let Some(disk) = SmallDisk::new("24m") else {
        println!("not tried: no small disk can be mounted here");
        return;
    };
    let relay = Relay::at(disk.place.path().join("relay"), None, "reserve_bytes = 1\n");
    let mut trial = Trial::on(Scene::on(relay));
    let filler = disk.place.path().join("filler");
    for seed in 0..seeds(2) {
        let told = format!(
            "seed {seed}; again: TRUCELINE_SEEDS={} cargo test --test cli fills_under_load",
            seed + 1
        );
        println!("{told}");
        let after = ChaCha20Rng::seed_from_u64(seed).next_u64() % FILLS_WITHIN;
        trial.begin();
        let dir = trial.scene.relay.dir.clone();
        let from = stored(&dir);
        let answers = sync_both(trial.officers(), || {
            let begin = Instant::now();
            while stored(&dir) < from + after {
                assert!(begin.elapsed() < DEADLINE, "the load never came");
                std::thread::sleep(Duration::from_millis(1));
            }
            fill(&filler);
        });
        for answer in &answers {
            assert!(matches!(answer.code, Some(0 | 5)), "{answer:?}");
        }
        // A relay that dies on a full disk, or is ended there, comes up on it.
        if seed % 2 == 1 {
            trial.scene.relay.kill();
        } else {
            assert_eq!(trial.scene.relay.terminate(), Some(0), "{told}");
        }
        trial.scene.relay.start();
        let [velmara, tarrun] = trial.officers();
        let mut told_full = 0;
        for officer in [velmara, tarrun] {
            let synced = officer.sync();
            let mut troubles = synced["troubles"].as_array().unwrap().iter();
            if synced["waiting"] != 0 {
                let full = troubles.find(|it| it["code"] == "full").unwrap_or_else(|| panic!("{synced}"));
                assert!(full["help"].as_str().unwrap().contains("Nothing is lost"), "{synced}");
                told_full += 1;
            }
        }
        assert!(told_full > 0, "{told}: the disk filled too late to try anything");
        std::fs::remove_file(&filler).unwrap();
        let begin = Instant::now();
        // After a write that found no room a relay takes nothing new for ten seconds.
        while waiting([velmara, tarrun]) > 0 {
            assert!(begin.elapsed() < DEADLINE, "{told}: it takes nothing though there is room again");
        }
        trial.end([false, false], &told);
    }
}
