//! Answers as they go out: with the relay's deposit key where a connection begins to serve, and with the signed proof of
//! deposit where cells were stored. One signature for a whole commit. The key signs nothing else.

use crate::codec::{CellBytes, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{SignError, SigningKey};
use crate::relay::message::{ConnId, HeldCell, Send};
use crate::time::UnixMillis;
use crate::wire::deposit::{LeafPath, SignedTree, StoredProof, present_key};
use crate::wire::frame::Framed;
use crate::wire::reply::Reply;

/// What a connection is to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A frame.
    Reply(Framed<Reply>),
    /// As [`Send::Stored`].
    Stored(Stored),
    /// As [`Send::Cells`].
    Cells(Vec<HeldCell>),
    /// As [`Send::Close`].
    Close,
}

/// What is stored, and the proof of it. Its frame is made when it is its turn to go: an answer that waits for a slow peer
/// takes a quarter of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    first: u64,
    clock: UnixMillis,
    proof: StoredProof,
}

impl Stored {
    /// How many requests it answers.
    #[must_use]
    pub const fn answers(&self) -> usize {
        self.proof.paths.len()
    }

    /// Its frame.
    ///
    /// # Errors
    /// Never for a window's cells.
    pub fn framed(&self) -> Result<Framed<Reply>, CodecError> {
        let count = u32::try_from(self.answers()).map_err(|_| CodecError::Malformed)?;
        let stored = Reply::Stored { first: self.first, count, clock: self.clock };
        Ok(Framed::<Reply>::new(stored, Some(self.proof.encode()?)))
    }
}

/// The relay's deposit key at work.
pub struct Depositor {
    key: SigningKey,
    shown: Box<CellBytes>,
}

impl Depositor {
    /// Signs with `key`.
    ///
    /// # Errors
    /// Never for a key.
    pub fn new(key: SigningKey) -> Result<Self, SignError> {
        let shown = present_key(key.public()).map_err(|_| SignError::KeyUnusable)?;
        Ok(Self { key, shown })
    }

    /// The answers of one commit, in their order. What is stored is signed here: none may go out before its records are durable.
    ///
    /// # Errors
    /// [`SignError::KeyUnusable`] when the library fails.
    pub fn answer(&self, sends: Vec<Send>) -> Result<Vec<(ConnId, Answer)>, SignError> {
        let stored =
            |send: &Send| if let Send::Stored { leaves, .. } = send { leaves.clone() } else { Vec::new() };
        let leaves: Vec<Digest> = sends.iter().flat_map(stored).collect();
        let signed = if leaves.is_empty() { None } else { Some(SignedTree::sign(&self.key, &leaves)?) };
        let (tree, paths) = signed.map_or_else(|| (None, Vec::new()), |(tree, paths)| (Some(tree), paths));
        let mut paths = paths.into_iter();
        sends.into_iter().map(|send| Ok((send.conn(), self.one(send, tree.as_ref(), &mut paths)?))).collect()
    }

    fn one(
        &self,
        send: Send,
        tree: Option<&SignedTree>,
        paths: &mut impl Iterator<Item = LeafPath>,
    ) -> Result<Answer, SignError> {
        let said = match (send, tree) {
            (Send::Stored { first, clock, leaves, .. }, Some(tree)) => {
                let proof = StoredProof { tree: tree.clone(), paths: paths.take(leaves.len()).collect() };
                return Ok(Answer::Stored(Stored { first, clock, proof }));
            }
            (Send::Reply { reply, .. }, _) => {
                let shown = matches!(reply, Reply::Serving { .. }).then(|| self.shown.clone());
                Framed::<Reply>::new(reply, shown)
            }
            (Send::Cells { cells, .. }, _) => return Ok(Answer::Cells(cells)),
            (Send::Close { .. } | Send::Stored { .. }, _) => return Ok(Answer::Close),
        };
        Ok(Answer::Reply(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::crypto::sign::SigningSeeds;
    use crate::wire::deposit::{Deposit, presented_key};
    use crate::wire::queue::{CellHash, QueueId};

    const CLOCK: UnixMillis = UnixMillis(9);

    fn depositor() -> Depositor {
        let seeds = SigningSeeds::from_seeds(Secret::take(&mut [1; 32]), Secret::take(&mut [2; 32]));
        Depositor::new(SigningKey::expand(&seeds).unwrap()).unwrap()
    }

    fn deposit(conn: u64, index: u64) -> Deposit {
        let (writer, cell) = (QueueId(Digest([conn as u8; 32])), CellHash(Digest([index as u8; 32])));
        Deposit { writer, index, cell, clock: CLOCK }
    }

    #[test]
    fn a_full_commit_is_signed_once_and_every_answer_proves_its_own_cells() {
        let depositor = depositor();
        // The most a commit can hold: 256 puts, here of 16 connections with a window each.
        let stored = |conn: u64| {
            let leaves = (0..16).map(|index| deposit(conn, index).leaf()).collect();
            Send::Stored { conn: ConnId(conn), first: 0, clock: CLOCK, leaves }
        };
        let answers = depositor.answer((0..16).map(stored).collect()).unwrap();
        let mut trees = Vec::new();
        for (conn, answer) in answers {
            let Answer::Stored(stored) = answer else { panic!("nothing is stored") };
            assert_eq!(stored.answers(), 16);
            let framed = Framed::<Reply>::decode(&stored.framed().unwrap().encode().unwrap()).unwrap();
            assert_eq!(framed.said, Reply::Stored { first: 0, count: 16, clock: CLOCK });
            let proof = StoredProof::decode(&framed.cell.unwrap(), 16).unwrap();
            for index in 0..16 {
                let own = proof.of(index as usize).unwrap();
                own.verify(depositor.key.public(), &deposit(conn.0, index)).unwrap();
                assert!(own.verify(depositor.key.public(), &deposit(conn.0 + 1, index)).is_err());
            }
            trees.push(proof.tree);
        }
        assert!(trees.windows(2).all(|two| two[0] == two[1]), "one signature");
    }

    #[test]
    fn a_window_of_answers_that_waits_for_a_slow_peer_takes_less_than_64_kib() {
        let depositor = depositor();
        // As they come where each of its puts is in another commit, and every commit full.
        let answers = (0..16).flat_map(|at| {
            let leaves = |conn: u64| vec![deposit(conn, at).leaf()];
            let sends = (0..256).map(|conn| Send::Stored {
                conn: ConnId(conn),
                first: at,
                clock: CLOCK,
                leaves: leaves(conn),
            });
            depositor.answer(sends.collect()).unwrap().into_iter().filter(|(conn, _)| *conn == ConnId(7))
        });
        let answers: Vec<_> = answers.map(|(_, answer)| answer).collect();
        let held = answers.iter().map(|answer| {
            let Answer::Stored(Stored { proof, .. }) = answer else { panic!("nothing is stored") };
            let paths = proof.paths.iter().map(|path| size_of::<LeafPath>() + path.digests.capacity() * 32);
            size_of::<Answer>() + proof.tree.signature.mldsa.len() + paths.sum::<usize>()
        });
        assert_eq!(answers.len(), 16);
        assert!(held.clone().sum::<usize>() < 64 << 10, "{:?}", held.collect::<Vec<_>>());
    }

    #[test]
    fn the_key_is_shown_where_a_connection_begins_and_nothing_is_signed_without_cells() {
        let depositor = depositor();
        let conn = ConnId(1);
        let serving = Reply::Serving { clock: CLOCK, low: 0, next: 0, last: None };
        let sends = vec![
            Send::Reply { conn, reply: serving.clone() },
            Send::Reply { conn, reply: Reply::Rekeyed },
            Send::Close { conn },
        ];
        let answers: Vec<_> = depositor.answer(sends).unwrap().into_iter().map(|(_, it)| it).collect();
        let [Answer::Reply(shown), Answer::Reply(bare), Answer::Close] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(shown.said, serving);
        assert_eq!(&presented_key(shown.cell.as_ref().unwrap()).unwrap(), depositor.key.public());
        assert_eq!(*bare, Framed::<Reply>::new(Reply::Rekeyed, None));
    }
}
