//! The journal to the byte, and what it says of damage.

use super::*;
use crate::crypto::digest::unhex;

const HALF: u64 = 256 << 10;

struct Frozen {
    salt: Salt,
    batches: [Vec<u8>; 2],
}

fn frozen() -> Frozen {
    let text = include_str!("../../../tests/vectors/journal.txt");
    let of = |name: &str| {
        unhex(text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()).unwrap()
    };
    Frozen { salt: of("salt").try_into().unwrap(), batches: ["first", "second"].map(of) }
}

fn change(table: u8, key: &[u8], value: Option<&[u8]>) -> Change {
    let (table, key) = (Table(table), key.to_vec());
    let row = value
        .map(|value| (crate::host::sqlite::checksum(table, &key, value), Zeroizing::new(value.to_vec())));
    Change { table, key, row }
}

fn changes() -> [Vec<Change>; 2] {
    [
        vec![change(1, &[1, 2], Some(b"value")), change(4, &[9; 32], None)],
        vec![change(3, &[0; 16], Some(&[0x55; 1_500]))],
    ]
}

#[test]
fn batches_are_written_to_the_byte_as_they_are_described_and_read_so() {
    let (place, frozen) = (tempfile::tempdir().unwrap(), frozen());
    let path = place.path().join("journal");
    create(&path).unwrap();
    let mut journal = Journal::open(&path, HALF, true, frozen.salt, 6, 0).unwrap();
    for changes in changes() {
        assert!(journal.append(changes).unwrap().is_ok());
    }
    let written = std::fs::read(&path).unwrap();
    for (at, batch) in [(0, &frozen.batches[0]), (4_096, &frozen.batches[1])] {
        assert_eq!(written[at..at + batch.len()], batch[..]);
    }
    let left = read(&path, HALF, &frozen.salt, 6).unwrap();
    assert_eq!((left.beyond, left.entered.len()), (9, 3));
    let Waiting::Lies(head, spot) = &left.entered[2].row else { panic!("a long value is held in memory") };
    let value = journal.value(Table(3), &[0; 16], head, *spot).unwrap();
    assert_eq!(value, [0x55; 1_500]);
    // SQLite's file has both; or a part of what belongs together, which no crash leaves.
    assert!(read(&path, HALF, &frozen.salt, 8).unwrap().entered.is_empty());
    assert!(read(&path, HALF, &frozen.salt, 7).is_err() && read(&path, HALF, &frozen.salt, 5).is_err());
    assert!(read(&path, HALF, &[0; 16], 6).is_err(), "another store's");
}
