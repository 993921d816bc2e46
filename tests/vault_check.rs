//! What `vault check` finds where every seal is whole and the rows under them do not fit: as a defect of a program, or
//! an officer with the key, would leave them. The vault is the frozen one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use truceline::host::entropy::OsEntropy;
use truceline::host::store::Store;
use truceline::host::vault::Vault;
use truceline::officer::table;
use truceline::party::role::Role;
use truceline::service::keep::check_vault;
use truceline::statement::header::HEADER_BYTES;
use truceline::step::{Record, Table};

const PASSPHRASE: &str = "seven words that nobody says to strangers";

fn thawed() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("vault");
    std::fs::create_dir(&dir).unwrap();
    let file = dir.join("vault.sqlite");
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vault-1/vault.sqlite");
    std::fs::copy(frozen, &file).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    (place, dir)
}

fn open(dir: &Path) -> Vault {
    Vault::open(dir, PASSPHRASE, table::MUTABLE, Box::new(OsEntropy)).unwrap()
}

/// Every key of a table.
fn keys(vault: &mut Vault, table: Table) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    vault.scan(table, &mut |key, _| keys.push(key.to_vec())).unwrap();
    keys
}

/// Deletes a row and puts another in its place, under a seal that holds.
fn replace(vault: &mut Vault, table: Table, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let mut value = vault.read(table, key).unwrap().unwrap().to_vec();
    change(&mut value);
    let records = vec![Record::delete(table, key.to_vec()), Record::put(table, key.to_vec(), value)];
    vault.commit(records).unwrap();
}

/// What is found after `meddle`.
fn found(meddle: impl FnOnce(&mut Vault)) -> Vec<String> {
    let (_place, dir) = thawed();
    let mut vault = open(&dir);
    meddle(&mut vault);
    drop(vault);
    let check = check_vault(&dir, PASSPHRASE).unwrap();
    assert!(check.damage.is_empty(), "{:?}", check.damage);
    check.checked.findings.into_iter().map(|it| format!("{}: {}", it.table.0, it.what)).collect()
}

#[track_caller]
fn finds(found: &[String], what: &[&str]) {
    for what in what {
        assert!(found.iter().any(|found| found.contains(what)), "no '{what}': {found:?}");
    }
}

fn second(author: Role) -> Vec<u8> {
    table::statement_key(1, author, 1)
}

#[test]
fn a_sound_vault_has_no_findings() {
    assert_eq!(found(|_| {}), Vec::<String>::new());
}

#[test]
fn a_statement_that_is_not_what_was_signed_is_found() {
    for author in Role::BOTH {
        let body = found(|vault| {
            replace(vault, table::STATEMENT, &second(author), |bytes| {
                // The salt, which hides the body behind its commitment.
                bytes[HEADER_BYTES + 64 + 3_309] ^= 1;
            });
        });
        finds(&body, &["4: "]);
        assert!(body.iter().all(|it| it.contains("commit")), "{body:?}");
        let signature = found(|vault| {
            replace(vault, table::STATEMENT, &second(author), |bytes| bytes[HEADER_BYTES + 9] ^= 1);
        });
        assert_eq!(signature.len(), 1, "{signature:?}");
        finds(&signature, &["signature does not hold"]);
        // The author's clock, 40 bytes before the end of the header: the id is another one, and all that names it tells.
        let header = found(|vault| {
            replace(vault, table::STATEMENT, &second(author), |bytes| bytes[HEADER_BYTES - 40] ^= 1);
        });
        finds(
            &header,
            &["signature does not hold", "does not follow its author's last one", "own root is not"],
        );
    }
}

#[test]
fn a_chain_with_a_gap_or_without_its_end_is_found_and_the_rest_is_checked_on() {
    let gap =
        found(|vault| vault.commit(vec![Record::delete(table::STATEMENT, second(Role::Inviter))]).unwrap());
    finds(&gap, &["statement #1 of the inviter is missing or cannot be read"]);
    // What follows holds: the id of the missing one is named by the next.
    assert!(!gap.iter().any(|it| it.contains("own root")), "{gap:?}");
    let cut = found(|vault| {
        let all = keys(vault, table::STATEMENT);
        vault.commit(vec![Record::delete(table::STATEMENT, all.last().unwrap().clone())]).unwrap();
    });
    finds(&cut, &["do not end as is kept"]);
}

#[test]
fn what_is_kept_beside_the_statements_has_to_fit_them() {
    let deleted = |table: Table| {
        found(|vault| {
            let first = keys(vault, table)[0].clone();
            vault.commit(vec![Record::delete(table, first)]).unwrap();
        })
    };
    finds(&deleted(table::IDENTITY), &["1: the identity is missing"]);
    finds(&deleted(table::THREAD), &["4: its channel is not there", "5: ", "13: its channel is not there"]);
    finds(&deleted(table::MARK), &["5: "]);
    finds(&deleted(table::PLACE), &["4: a row by which it is found is missing or wrong"]);
    finds(&deleted(table::CASE), &["4: a row by which it is found is missing or wrong"]);
    finds(&deleted(table::CHAIN), &["17: ", "the ends of its chains are not kept"]);
    finds(&deleted(table::PLACES), &["6: where it lies is not known"]);
    finds(&deleted(table::CELL), &["7: its cell is not there"]);
    // Of the draft that was sent the draft itself.
    let draft = found(|vault| {
        let sent = keys(vault, table::DRAFT).into_iter().find(|key| key.last() == Some(&2)).unwrap();
        let draft = [&sent[..sent.len() - 1], &[0]].concat();
        vault.commit(vec![Record::delete(table::DRAFT, draft)]).unwrap();
    });
    finds(&draft, &["12: its draft is not there"]);
    let more = |table: Table, key: Vec<u8>, value: Vec<u8>| {
        found(move |vault| vault.commit(vec![Record::put(table, key, value)]).unwrap())
    };
    let moment = 7u64.to_le_bytes().to_vec();
    finds(
        &more(table::MARK, table::mark_key(1, Role::Joiner, 900, 1), moment.clone()),
        &["5: its statement is not"],
    );
    finds(&more(table::MARK, table::mark_key(1, Role::Joiner, 0, 9), moment.clone()), &["5: it is no mark"]);
    let newest = |vault: &mut Vault| {
        let all = keys(vault, table::STATEMENT);
        all.iter().rfind(|key| key[4] == Role::Inviter.number()).unwrap().clone()
    };
    let claimed = found(|vault| {
        let key = [newest(vault), vec![3]].concat();
        vault.commit(vec![Record::put(table::MARK, key, moment)]).unwrap();
    });
    finds(&claimed, &["5: it says delivered, and nothing acknowledges the statement"]);
    finds(&more(table::OWN, b"x".to_vec(), b"y".to_vec()), &["13: its key is none"]);
    finds(&more(table::FORK, vec![0, 0, 0, 1, 1], b"y".to_vec()), &["10: it does not prove"]);
    finds(&more(table::RETIRED, Vec::new(), b"y".to_vec()), &["20: "]);
    let mandate = found(|vault| {
        let key = keys(vault, table::MANDATE)[0].clone();
        replace(vault, table::MANDATE, &key, |bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        });
    });
    finds(&mandate, &["11: the mandate is not what its principal signed"]);
}
