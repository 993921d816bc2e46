//! Rows and frames, read as docs/PROTOCOL.md and docs/DISK.md lay them out. Nothing here is the program's.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

pub type Hash = [u8; 32];

pub fn sha256(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// Merkle root over leaf hashes: RFC 6962, section 2.1.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// Reads values one after the other.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    pub fn hash(&mut self) -> Hash {
        self.take(32).try_into().unwrap()
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    pub fn list(&mut self) -> &'a [u8] {
        let count = self.u64() as usize;
        self.take(count)
    }

    fn optional(&mut self, count: usize) -> Option<&'a [u8]> {
        (self.u8() == 1).then(|| self.take(count))
    }
}

/// A statement's header, as it is in its row.
pub struct Header {
    pub id: Hash,
    pub author: u8,
    pub kind: u16,
    pub channel: Hash,
    pub sequence: u64,
    pub previous: Hash,
    pub own_root: Hash,
    pub peer_count: u64,
    pub peer_head: Hash,
    pub peer_root: Hash,
    pub salt: Hash,
    /// How many cells the statement takes.
    pub cells: u64,
}

/// Of a statement's bytes: `header 252 ‖ signature 3,373 ‖ salt 32 ‖ ...`.
pub fn header(bytes: &[u8]) -> Header {
    let id = sha256(&[&[0], &bytes[..252]]);
    let salt = Reader(&bytes[252 + 3_373..]).hash();
    let mut at = Reader(bytes);
    assert_eq!(at.u8(), 1, "the version of a header");
    let author = at.u8();
    let kind = u16::from_le_bytes(at.take(2).try_into().unwrap());
    let channel = at.hash();
    at.take(32);
    Header {
        id,
        author,
        kind,
        channel,
        sequence: at.u64(),
        previous: at.hash(),
        own_root: at.hash(),
        peer_count: at.u64(),
        peer_head: at.hash(),
        peer_root: at.hash(),
        salt,
        cells: (bytes.len() as u64).div_ceil(13_728),
    }
}

/// What a cell's row says: of which statement the cell is a part, if of one; whether it is a hello; the cell.
pub struct CellRow<'a> {
    pub sequence: Option<u64>,
    pub hello: bool,
    pub cell: &'a [u8],
}

/// `carries ‖ cell (list of u8) ‖ ...`.
pub fn cell_row(bytes: &[u8]) -> CellRow<'_> {
    let mut at = Reader(bytes);
    let carries = at.u32();
    let sequence = (carries == 3).then(|| at.u64());
    if carries == 3 {
        at.u8();
    }
    CellRow { sequence, hello: carries == 0, cell: at.list() }
}

/// What is checked of a thread's row.
pub struct ThreadRow {
    pub role: u8,
    /// The cursor of each queue that is read.
    pub cursors: Vec<u64>,
    pub channel: Option<Hash>,
    /// The header key of the sending chain.
    pub header_key: Option<Hash>,
}

pub fn thread_row(bytes: &[u8]) -> ThreadRow {
    let mut at = Reader(bytes);
    at.list();
    let role = at.u8();
    let mut cursors = Vec::new();
    for _ in 0..at.u64() {
        at.list();
        at.take(32);
        at.optional(32);
        at.take(4 * 32);
        let tokens = at.u64() as usize;
        at.take(tokens * 32);
        at.u8();
        cursors.push(at.u64());
        at.optional(64);
        at.take(8);
    }
    let channel = (at.u32() > 0).then(|| at.hash());
    ThreadRow {
        role,
        cursors,
        channel,
        header_key: channel.and_then(|channel| header_key(at.0, &channel, role)),
    }
}

/// `channel ‖ own role ‖ root key 32 ‖ X25519 private key 32 ‖ ML-KEM seed 64 ‖ optional (chain key 32 ‖ header key 32 ‖ ...`:
/// the ratchet is the last that begins with the channel and the role.
fn header_key(bytes: &[u8], channel: &Hash, role: u8) -> Option<Hash> {
    let begin = [&channel[..], &[role]].concat();
    let mut found =
        bytes.windows(33).rposition(|window| window == begin).map(|at| Reader(&bytes[at + 33..]))?;
    found.take(32 + 32 + 64);
    (found.u8() == 1).then(|| {
        found.take(32);
        found.hash()
    })
}

/// The X25519 key and the number in a cell's header, where the header key opens it.
pub fn place_in_ratchet(cell: &[u8], key: &Hash, channel: &Hash, role: u8) -> Option<(Hash, u32)> {
    let label = b"truceline/1/cell/data";
    let data = [&[label.len() as u8], &label[..], channel, &[role]].concat();
    let nonce = XNonce::try_from(&cell[..24]).unwrap();
    let sealed = Payload { msg: &cell[24..24 + 2_328], aad: &data };
    let header = XChaCha20Poly1305::new(key.into()).decrypt(&nonce, sealed).ok()?;
    Some((Reader(&header).hash(), Reader(&header[2_308..]).u32()))
}

/// A cell's hash: as puts are signed over it, and as deposits are.
pub fn cell_hash(cell: &[u8]) -> Hash {
    let label = b"truceline/1/cell";
    sha256(&[&[label.len() as u8], label, cell])
}

/// `length u32 ‖ version u8 ‖ variant u32 ‖ fields`: the variant, and the fields.
pub fn said(frame: &[u8]) -> (u32, Reader<'_>) {
    let mut at = Reader(&frame[..256]);
    let length = at.u32() as usize;
    let mut content = Reader(at.take(length));
    assert_eq!(content.u8(), 1, "the version of a frame");
    (content.u32(), content)
}
