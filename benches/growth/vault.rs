//! Vaults that hold so many statements of a channel that two parties were introduced to: made in bulk, signed on all
//! cores, many statements a commit. What each row says is what the program would have written.

use crate::pair::{self, NOW, Stage as Introduction};
use anyhow::Context as _;
use std::path::Path;
use truceline::codec;
use truceline::crypto::sign::{QueueSecret, SigningSeeds};
use truceline::deal::body::{Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::host::entropy::OsEntropy;
use truceline::host::store::Store;
use truceline::host::vault::{PassphraseCost, Vault};
use truceline::officer::held::{ChainRow, Counts, rows_of};
use truceline::officer::restore::first_rows;
use truceline::officer::table;
use truceline::officer::thread::{Inbound, Session, Stage, Thread};
use truceline::party::card::{Identity, IdentitySeeds, PartyName};
use truceline::party::role::Role;
use truceline::session::ratchet::Ratchet;
use truceline::statement::header::{Header, StatementId};
use truceline::statement::kind::Kind;
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::{Heading, Transcript};
use truceline::step::Record;
use truceline::time::UnixMillis;
use truceline::wire::queue::QueueId;

/// What opens the vaults.
pub const PASSPHRASE: &str = "a vault that grows";
/// The thread of the channel.
pub const THREAD: u32 = 1;
/// Statements a commit.
const COMMIT: u64 = 2_048;
/// The counterpart's newest statements that were not opened.
const UNREAD: u64 = 8;

/// A note.
pub fn note(text: &str) -> anyhow::Result<Deal> {
    Ok(Deal::Note(Note { text: Text::new(text)? }))
}

/// The channel as both hold it before anything is said: our thread, and the counterpart's ratchet.
fn introduced() -> anyhow::Result<(Thread, Ratchet)> {
    let stage = Introduction::new(1);
    let (greeting, hello) = stage.greet(2);
    let mut accepted = stage.accept(&hello, 3)?;
    let welcome = accepted.ratchet.seal(&pair::welcome(&accepted).encode()?, &mut pair::rng(4))?;
    let welcomed = greeting.open_welcome(&welcome, &mut pair::rng(5))?;
    let peer = greeting.into_ratchet(welcomed, NOW);
    let cards = [stage.inviter.card().clone(), stage.joiner.card().clone()];
    let introduced = [accepted.inviter, accepted.joiner];
    let mut session = Session::new(accepted.channel, cards, introduced, accepted.ratchet, Vec::new());
    session.heard = true;
    let secret = QueueSecret::from_seed(pair::secret(9));
    let id = QueueId(truceline::crypto::digest::Digest(pair::run(8)));
    let inbound = Inbound {
        place: pair::place("north", 0x21),
        deposit: None,
        reader: id,
        writer: id,
        writer_key: secret.public(),
        secret,
        tokens: Vec::new(),
        opened: true,
        cursor: 0,
        rekey: None,
        lost: 0,
    };
    let stage = Stage::Open(Box::new(session));
    Ok((Thread::new("Tarrun".to_owned(), Role::Inviter, vec![inbound], stage), peer))
}

/// Signs on all cores: a header names ids alone, so that signatures can come after all headers.
fn signed(said: Vec<(Header, Said)>, parties: [&Identity; 2]) -> anyhow::Result<Vec<Statement>> {
    let cores = std::thread::available_parallelism()?.get();
    let share = said.len().div_ceil(cores).max(1);
    let [inviter, joiner] = parties;
    let sign = |(header, said): &(Header, Said)| {
        let key = if header.author == Role::Inviter { inviter.key() } else { joiner.key() };
        Statement::sign(header.clone(), said.clone(), key)
    };
    std::thread::scope(|threads| {
        let parts: Vec<_> = said
            .chunks(share)
            .map(|part| threads.spawn(move || part.iter().map(sign).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut all = Vec::new();
        for part in parts {
            all.extend(part.join().ok().context("a thread that signs ended early")??);
        }
        Ok(all)
    })
}

fn next(transcript: &mut Transcript, at: u64) -> anyhow::Result<(Header, Said)> {
    let author = if at.is_multiple_of(2) { Role::Inviter } else { Role::Joiner };
    let body = note(&format!("Road report {at}."))?.encode()?;
    let mut salt = [0; 32];
    salt.iter_mut().zip(at.to_le_bytes()).for_each(|(to, from)| *to = from);
    let said = Said { salt, body, lists: Vec::new() };
    let clock = UnixMillis(NOW.0 + at);
    let heading = Heading { kind: Kind::Note.number(), case: StatementId::NONE, clock };
    let header = transcript.next_header(author, heading, said.commitment());
    transcript.append_verified(&header)?;
    Ok((header, said))
}

fn marks(header: &Header, count: u64, rows: &mut Vec<Record>) -> anyhow::Result<()> {
    // All but the last are acknowledged and deposited, and the newest of the counterpart's were not opened.
    let last = header.sequence + 1 == count;
    let of: &[u8] = match header.author {
        Role::Inviter if last => &[1],
        Role::Inviter => &[1, 2, 3],
        Role::Joiner if header.sequence + UNREAD >= count => &[1],
        Role::Joiner => &[1, 4],
    };
    for mark in of {
        let key = table::mark_key(THREAD, header.author, header.sequence, *mark);
        rows.push(Record::put(table::MARK, key, codec::encode(&header.clock, usize::MAX)?));
    }
    Ok(())
}

/// Makes a vault with so many statements, an even number; gives the counterpart's identity, ratchet and transcript.
pub fn make(dir: &Path, statements: u64) -> anyhow::Result<()> {
    let seeds = SigningSeeds::from_seeds(pair::secret(1), pair::secret(2));
    let mut vault = Vault::create(
        &dir.join("vault"),
        PASSPHRASE,
        PassphraseCost::LEAST,
        table::MUTABLE,
        first_rows(&IdentitySeeds::new(PartyName::parse("Velmara")?, seeds))?,
        Box::new(OsEntropy),
    )?;
    let (mut thread, peer) = introduced()?;
    let channel = match &mut thread.stage {
        Stage::Open(session) => {
            session.sealed = statements / 2;
            session.channel
        }
        _ => anyhow::bail!("the channel does not stand"),
    };
    let parties = [pair::identity("Velmara", 1), pair::identity("Tarrun", 101)];
    let mut transcript = Transcript::new(channel);
    let mut at = 0;
    while at < statements {
        let end = statements.min(at + COMMIT);
        let said = (at..end).map(|at| next(&mut transcript, at)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for statement in signed(said, parties.each_ref())? {
            let header = &statement.header;
            marks(header, statements / 2, &mut rows)?;
            let made = rows_of(THREAD, Role::Inviter, header, statement.encode()?);
            let opened = header.sequence + UNREAD < statements / 2;
            rows.extend(made.into_iter().filter(|row| !opened || row.table != table::UNREAD));
        }
        let ends = Role::BOTH.map(|role| transcript.chain(role).end().clone());
        let counts = Counts { words: [None; 2], sent: statements / 2 - 1, read: 0, unread: UNREAD };
        let chain = codec::encode(&ChainRow { ends, counts }, usize::MAX)?;
        rows.push(Record::put(table::CHAIN, table::thread_key(THREAD), chain));
        rows.push(Record::put(table::THREAD, table::thread_key(THREAD), codec::encode(&thread, usize::MAX)?));
        vault.commit(rows)?;
        at = end;
    }
    vault.checkpoint()?;
    std::fs::write(dir.join("peer"), codec::encode(&peer, usize::MAX)?)?;
    Ok(())
}
