//! What the liar says, each lie by its name.

use super::{Forged, Liar};
use crate::sim::world::World;
use crate::talk;
use rand_core::Rng;
use truceline::codec::{decode, encode};
use truceline::crypto::digest::Digest;
use truceline::crypto::label;
use truceline::deal::handover::Round;
use truceline::deal::verdict::Act;
use truceline::session::content::{Content, FRAGMENT_BYTES, FRAGMENTS_MAX, Fragment};
use truceline::statement::header::{Header, StatementId};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::statement::receipt::{ForkNotice, Read};
use truceline::statement::renewal::{Cited, Renewal};
use truceline::statement::signed::Statement;
use truceline::statement::transcript::Heading;
use truceline::time::UnixMillis;

const NOTE: u16 = Kind::Note as u16;

/// A lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// Takes an acknowledgement back.
    StaleHead,
    /// Acknowledges a head of the honest party's that never was.
    OtherHead,
    /// Acknowledges a root that never was.
    OtherRoot,
    /// Acknowledges what was never said.
    NeverSaid,
    /// Leaves some of its places out.
    Gap,
    /// So far ahead that it is not kept.
    FarAhead,
    /// Does not follow its own last statement.
    BrokenChain,
    /// Names another root of its own chain.
    OwnRoot,
    /// Of another channel.
    OtherChannel,
    /// In the other's name.
    OtherRole,
    /// Under another number than its fragments say.
    OtherNumber,
    /// A signature of which one half does not hold, also under a claim.
    WrongSignature,
    /// Another body than was signed.
    OtherBody,
    /// Lists over a limit.
    OversizedLists,
    /// Some of the end is missing.
    Truncated,
    /// Something follows.
    Longer,
    /// Too short for a header.
    NoHeader,
    /// Another version.
    OtherVersion,
    /// A second header at a place, whose signature does not hold.
    UnsignedFork,
    /// A cell of random bytes.
    RandomCell,
    /// A good seal over random bytes.
    SealedGarbage,
    /// A fragment that breaks a bound.
    FragmentShape,
    /// Fragments of one statement that disagree.
    Disagreement,
    /// Its own cells again.
    Replay,
    /// The honest party's own cells.
    Reflection,
    /// Welcome or moved again.
    Introduction,
    /// Keys of the ratchet that are never used.
    Skipped,
    /// Pieces of statements that never become whole.
    Unfinished,
    /// A statement over and over.
    Repeated,
    /// A receipt for what was never said, or one that goes back.
    ReadOfUnsaid,
    /// A fork notice that proves nothing.
    BrokenNotice,
    /// A kind that has no number, or no body.
    UnknownKind,
    /// A body that its kind does not allow.
    MalformedBody,
    /// An act in a deal that is not due, or about something else.
    OutOfTurn,
    /// Other safety words.
    OtherWords,
    /// A renewal of some channel.
    RenewalOfNothing,
    /// Lists where none belong.
    ListsBeside,
    /// Two statements at its next place.
    Fork,
    /// Another statement at a place that was filled before.
    ForkPast,
    /// Two statements at a place that is not due.
    ForkAhead,
    /// Pieces that make its own next statement impossible.
    Jam,
    /// Half as many pieces as are kept.
    Flood,
    /// A fork notice that holds, made with the honest party's own keys.
    TrueNotice,
}

impl Lie {
    /// Those after which the channel goes on.
    pub const HARMLESS: [Self; 37] = [
        Self::StaleHead,
        Self::OtherHead,
        Self::OtherRoot,
        Self::NeverSaid,
        Self::Gap,
        Self::FarAhead,
        Self::BrokenChain,
        Self::OwnRoot,
        Self::OtherChannel,
        Self::OtherRole,
        Self::OtherNumber,
        Self::WrongSignature,
        Self::OtherBody,
        Self::OversizedLists,
        Self::Truncated,
        Self::Longer,
        Self::NoHeader,
        Self::OtherVersion,
        Self::UnsignedFork,
        Self::RandomCell,
        Self::SealedGarbage,
        Self::FragmentShape,
        Self::Disagreement,
        Self::Replay,
        Self::Reflection,
        Self::Introduction,
        Self::Skipped,
        Self::Unfinished,
        Self::Repeated,
        Self::ReadOfUnsaid,
        Self::BrokenNotice,
        Self::UnknownKind,
        Self::MalformedBody,
        Self::OutOfTurn,
        Self::OtherWords,
        Self::RenewalOfNothing,
        Self::ListsBeside,
    ];

    /// Those that prove that their author forked.
    pub const FORKS: [Self; 3] = [Self::Fork, Self::ForkPast, Self::ForkAhead];

    /// Other ends of a channel.
    pub const ENDS: [Self; 3] = [Self::Jam, Self::Flood, Self::TrueNotice];
}

impl Liar {
    /// Tells a lie to the honest party at node `to`, whose thread is `theirs`. False where there is nothing yet to lie about.
    pub fn tell(&mut self, world: &mut World, lie: Lie, (to, theirs): (usize, u32)) -> bool {
        match lie {
            Lie::StaleHead => return self.stale_head(world),
            Lie::OtherHead => self.claim(world, |header, other| header.peer_head = StatementId(other)),
            Lie::OtherRoot => self.claim(world, |header, other| header.peer_root = other),
            Lie::NeverSaid => self.claim(world, |header, other| {
                header.peer_count += 1 + u64::from(other.0[0] % 9);
                header.peer_head = StatementId(other);
            }),
            Lie::Gap => {
                let ahead = 200 + self.below(700);
                self.altered(world, |header, _| header.sequence += ahead);
            }
            Lie::FarAhead => {
                let far = [1_024, 1_025, u64::MAX / 2, u64::MAX - self.next(world)][self.below(4) as usize];
                self.altered(world, |header, _| header.sequence += far);
            }
            Lie::BrokenChain => self.altered(world, |header, other| header.previous = StatementId(other)),
            Lie::OwnRoot => self.altered(world, |header, other| header.own_root = other),
            Lie::OtherChannel => self.altered(world, |header, other| header.channel = other),
            Lie::OtherRole => self.altered(world, |header, _| header.author = header.author.other()),
            Lie::OtherNumber => {
                let statement = self.note(world, |header| header.sequence += 300);
                let bytes = statement.encode().unwrap();
                self.put_bytes(world, statement.header.sequence - 300, &bytes);
            }
            Lie::WrongSignature => self.wrong_signature(world),
            Lie::OtherBody => {
                let mut statement = self.note(world, |_| ());
                statement.said.body.push(7);
                self.put_statement(world, &statement);
            }
            Lie::OversizedLists => self.oversized_lists(world),
            Lie::Truncated | Lie::Longer | Lie::NoHeader | Lie::OtherVersion => self.misshapen(world, lie),
            Lie::UnsignedFork => return self.at_a_filled_place(world, false),
            Lie::RandomCell => {
                let cells = (0..=self.below(3)).map(|_| Forged::Cell(Box::new(self.bytes()))).collect();
                self.put(world, cells);
            }
            Lie::SealedGarbage => self.garbage(world),
            Lie::FragmentShape => self.fragment_shapes(world),
            Lie::Disagreement => {
                let sequence = self.far(world);
                let pieces = [(0, 3), (1, 4), (2, 3)].map(|(index, count)| piece(sequence, index, count));
                self.put_contents(world, pieces);
            }
            Lie::Replay => {
                if self.old.is_empty() {
                    return false;
                }
                let some = [(); 3].map(|()| self.below(self.old.len() as u64) as usize);
                let cells = some.map(|at| Forged::Cell(self.old[at].clone()));
                self.put(world, cells.into());
            }
            Lie::Reflection => {
                let theirs = world.nodes[to].officer.channel(theirs).unwrap();
                let cells: Vec<_> = theirs.outbox.cells.values().map(|cell| cell.bytes.clone()).collect();
                if cells.is_empty() {
                    return false;
                }
                self.put(world, cells.into_iter().take(3).map(Forged::Cell).collect());
            }
            Lie::Introduction => self.introduce_again(world),
            Lie::Skipped => {
                let cells = (0..=self.below(20)).map(|_| Forged::Lost).collect();
                self.put(world, cells);
            }
            Lie::Unfinished => {
                let sequence = self.far(world);
                let pieces = (0..20 + self.below(20) as u32).map(|index| piece(sequence, index, 612));
                self.put_contents(world, pieces);
            }
            Lie::Repeated => return self.repeat(world),
            Lie::ReadOfUnsaid
            | Lie::UnknownKind
            | Lie::MalformedBody
            | Lie::OutOfTurn
            | Lie::OtherWords
            | Lie::RenewalOfNothing
            | Lie::ListsBeside => self.say_void(world, lie),
            Lie::BrokenNotice => self.broken_notice(world, theirs, to),
            Lie::Fork | Lie::ForkAhead => {
                let ahead = if lie == Lie::Fork { 0 } else { 1 + self.below(5) };
                for _ in 0..2 {
                    let statement = self.note(world, |header| header.sequence += ahead);
                    self.put_statement(world, &statement);
                }
            }
            Lie::ForkPast => return self.at_a_filled_place(world, true),
            Lie::Jam => {
                let next = self.next(world);
                self.put_contents(world, [piece(next, 1, 2), piece(next + 1, 0, 5), piece(next + 2, 3, 9)]);
            }
            Lie::Flood => {
                // Its own engine keeps no more than 1,024 cells.
                if self.channel(world).outbox.cells.len() > 450 {
                    return false;
                }
                let sequence = self.far(world);
                self.put_contents(world, (0..530).map(|index| piece(sequence, index, 600)));
            }
            Lie::TrueNotice => self.true_notice(world, (to, theirs)),
        }
        true
    }

    /// A place that its chain will not reach.
    fn far(&mut self, world: &World) -> u64 {
        self.next(world) + 200 + self.below(700)
    }

    fn note(&mut self, world: &World, change: impl FnOnce(&mut Header)) -> Statement {
        let body = self.bytes::<9>().to_vec();
        let said = self.said(body, Vec::new());
        self.forge(world, NOTE, said, change)
    }

    fn altered(&mut self, world: &mut World, change: impl FnOnce(&mut Header, Digest)) {
        let other = Digest(self.bytes());
        let statement = self.note(world, |header| change(header, other));
        self.put_statement(world, &statement);
    }

    fn claim(&mut self, world: &mut World, change: impl FnOnce(&mut Header, Digest)) {
        let other = Digest(self.bytes());
        let statement = self.note(world, |header| change(header, other));
        self.claims.insert(statement.header.peer_count);
        self.put_statement(world, &statement);
    }

    /// Acknowledges fewer than its last statement does, and truly so.
    fn stale_head(&mut self, world: &mut World) -> bool {
        let (channel, role) = (self.channel(world), self.role(world));
        let acknowledged = channel.transcript.chain(role).acknowledged();
        let Some(back) = acknowledged.checked_sub(1).map(|last| self.below(last + 1)) else { return false };
        let stood = self.channel(world).header_at(role.other(), back).unwrap();
        let statement = self.note(world, |header| {
            header.peer_count = back;
            (header.peer_head, header.peer_root) = (stood.previous, stood.own_root);
        });
        self.put_statement(world, &statement);
        true
    }

    fn wrong_signature(&mut self, world: &mut World) {
        // The second claims what only a signature could make a claim.
        for more in [0, 1 + self.below(3)] {
            let mut statement = self.note(world, |header| header.peer_count += more);
            // Nobody can show it as signed.
            self.unsign(&statement);
            let at = self.below(3_373) as usize;
            match at.checked_sub(64) {
                None => statement.signature.ed25519[at] ^= 1 << self.below(8),
                Some(at) => statement.signature.mldsa[at] ^= 1 << self.below(8),
            }
            self.put_statement(world, &statement);
        }
    }

    fn unsign(&mut self, statement: &Statement) {
        let at = self.signed.get_mut(&statement.header.sequence).unwrap();
        assert!(at.remove(&statement.header.id()));
    }

    fn oversized_lists(&mut self, world: &mut World) {
        let lists = match self.below(4) {
            0 => vec![list(vec![b"line".to_vec()]); 65],
            1 => vec![list(vec![vec![3; 4_097]])],
            2 => vec![list(vec![vec![3]; 20_001])],
            _ => vec![list(Vec::new())],
        };
        let said = self.said(b"lists".to_vec(), lists);
        let statement = self.forge(world, Kind::Offer.number(), said, |_| ());
        self.put_statement(world, &statement);
    }

    fn misshapen(&mut self, world: &mut World, lie: Lie) {
        let statement = self.note(world, |_| ());
        let (mut bytes, sequence) = (statement.encode().unwrap(), statement.header.sequence);
        match lie {
            Lie::Truncated => bytes.truncate(bytes.len() - 1 - self.below(50) as usize),
            Lie::Longer => bytes.push(0),
            Lie::OtherVersion => bytes[0] = 2 + self.below(200) as u8,
            _ => bytes.truncate(1 + self.below(250) as usize),
        }
        self.put_bytes(world, sequence, &bytes);
    }

    /// Another statement at a place that the honest party has, signed or not.
    fn at_a_filled_place(&mut self, world: &mut World, signed: bool) -> bool {
        let Some(last) = self.next(world).checked_sub(1) else { return false };
        let sequence = self.below(last + 1);
        let before = self.channel(world).header_at(self.role(world), sequence).unwrap();
        let said = self.said(b"otherwise".to_vec(), Vec::new());
        let header = Header { commitment: said.commitment(), ..before };
        let mut statement = self.sign(world, header, said);
        if !signed {
            self.unsign(&statement);
            statement.signature.mldsa[11] ^= 1;
        }
        self.put_statement(world, &statement);
        true
    }

    fn garbage(&mut self, world: &mut World) {
        let mut content = vec![0; self.below(13_757) as usize];
        self.rng.fill_bytes(&mut content);
        let mut variant = vec![3, 0, 0, 0];
        variant.extend(&content[..content.len().min(40)]);
        let mut claims = vec![2, 0, 0, 0];
        claims.extend([0xff; 24]);
        let cells = [content, variant, claims, Vec::new()].map(Forged::Content);
        self.put(world, cells.into());
    }

    fn fragment_shapes(&mut self, world: &mut World) {
        let sequence = self.next(world);
        let of = |index, count, length| {
            Content::Fragment(Fragment { sequence, index, count, bytes: vec![5; length] })
        };
        let shapes = [
            of(0, 0, 9),
            of(1, 1, 9),
            of(u32::MAX, u32::MAX, 9),
            of(0, FRAGMENTS_MAX + 1, FRAGMENT_BYTES),
            of(0, u32::MAX, FRAGMENT_BYTES),
            of(0, 2, 9),
            of(1, 2, 0),
            of(0, 1, 0),
        ];
        self.put_contents(world, shapes);
    }

    fn introduce_again(&mut self, world: &mut World) {
        let ids: Vec<Digest> = (0..self.below(5)).map(|_| Digest(self.bytes())).collect();
        let signature = self.note(world, |header| header.channel = Digest([1; 32])).signature;
        let welcome =
            truceline::session::content::Welcome { writers: ids.clone(), writer_keys: Vec::new(), signature };
        self.put_contents(world, [Content::Moved(ids), Content::Welcome(welcome)]);
    }

    /// Statements of its own again, each sealed and signed anew.
    fn repeat(&mut self, world: &mut World) -> bool {
        let next = self.next(world);
        if next == 0 {
            return false;
        }
        for _ in 0..3 {
            let sequence = self.below(next);
            let shown = self.channel(world).statement_at(self.role(world), sequence).unwrap();
            let before = shown.statement().unwrap();
            let again = self.sign(world, before.header, before.said);
            self.put_statement(world, &again);
        }
        true
    }

    /// A statement that has its place in the chain and no effect.
    fn say_void(&mut self, world: &mut World, lie: Lie) {
        let (role, next) = (self.role(world), self.next(world));
        let theirs = self.channel(world).transcript.chain(role.other()).count();
        let random = self.bytes::<40>().to_vec();
        let some = Digest(self.bytes());
        let one = vec![list(vec![b"line".to_vec()])];
        let mut case = StatementId::NONE;
        let (kind, body, lists) = match lie {
            Lie::ReadOfUnsaid => {
                let read = [vec![theirs + 5], vec![next, 0], vec![0, 0], vec![u64::MAX]];
                let read = read[self.below(4) as usize].clone();
                (Kind::Read.number(), Read::new(read).encode().unwrap(), Vec::new())
            }
            Lie::UnknownKind => ([0, 5, 8, 43, 999, u16::MAX][self.below(6) as usize], random, Vec::new()),
            Lie::MalformedBody => {
                let kind = Kind::ALL[self.below(Kind::ALL.len() as u64) as usize];
                (kind.number(), random, Vec::new())
            }
            Lie::OtherWords => {
                let body = [vec![1], some.0.to_vec()].concat();
                (Kind::WordsConfirmed.number(), body, Vec::new())
            }
            Lie::RenewalOfNothing => {
                let cited = Cited { count: 3, head: StatementId(some), root: some };
                (Kind::Renewal.number(), Renewal::new(some, [cited; 2]).encode().unwrap(), Vec::new())
            }
            Lie::ListsBeside => {
                let kind =
                    [Kind::Acknowledgement, Kind::Note, Kind::Read, Kind::Accept][self.below(4) as usize];
                (kind.number(), vec![1], one)
            }
            _ => {
                let (of, content) = self.out_of_turn(world);
                case = of;
                (content.kind().number(), content.encode().unwrap(), Vec::new())
            }
        };
        self.say(world, kind, case, body, lists);
    }

    fn out_of_turn(&mut self, world: &World) -> (StatementId, truceline::deal::body::Content) {
        let (channel, role) = (self.channel(world), self.role(world));
        let ids: Vec<Digest> = channel.statements().iter().map(|shown| shown.id.0).collect();
        let cases = channel.case_ids();
        let mut pick =
            |from: &[Digest]| from.get(self.below(from.len() as u64) as usize).copied().unwrap_or_default();
        let (case, one) = (pick(&cases), pick(&ids));
        let version = self.below(3) as u32;
        let round = Round { opener: self.below(2) as u32, other: self.below(2) as u32 };
        let acts = [
            Act::Offer { base: 1 + version, remains_only: false },
            Act::Withdraw(one),
            Act::Reject(one),
            Act::Accept(one),
            Act::Confirm(one),
            Act::Lapse(one),
            Act::Lock { version, lists: one },
            Act::Transport(version),
            Act::AcknowledgeTransport(one),
            Act::Ready { version, round },
            Act::Go { version, round },
            Act::Suspend { version, round },
            Act::Close(version),
            Act::TransferNotice(one),
            Act::Breach(one),
            Act::AnswerBreach(one),
        ];
        let act = acts[self.below(acts.len() as u64) as usize];
        (StatementId(case), talk::content_of(role, act, self.below(9) as u32))
    }

    fn broken_notice(&mut self, world: &mut World, theirs: u32, to: usize) {
        let honest = world.nodes[to].officer.channel(theirs).unwrap();
        let said = honest.statement_at(self.role(world).other(), 0).map(|shown| shown.statement().unwrap());
        let own = [(); 2].map(|()| self.note(world, |header| header.channel = Digest([1; 32])));
        let signed = |it: &Statement| (it.header.clone(), it.signature.clone());
        let mut pairs = vec![(signed(&own[0]), signed(&own[1]))];
        if let Some(said) = said {
            let mut other = signed(&said);
            other.0.clock.0 += 1;
            // The same twice, and a second header that the honest party never signed.
            pairs.extend([
                (signed(&said), signed(&said)),
                (signed(&said), other.clone()),
                (other.clone(), other),
            ]);
        }
        let (stored, other) = pairs.swap_remove(self.below(pairs.len() as u64) as usize);
        let body = ForkNotice::new(stored, other).encode().unwrap();
        self.say(world, Kind::ForkNotice.number(), StatementId::NONE, body, Vec::new());
    }
}

impl Liar {
    /// Two statements of the party at node `to`, at a place of its chain: somebody else has its keys.
    fn true_notice(&mut self, world: &mut World, (to, theirs): (usize, u32)) {
        let honest = world.nodes[to].officer.channel(theirs).unwrap();
        let heading = Heading { kind: NOTE, case: StatementId::NONE, clock: UnixMillis(world.now) };
        let header = honest.transcript.next_header(honest.thread.role, heading, Digest(self.bytes()));
        let key = world.nodes[to].officer.identity().key();
        let [one, other] = [(); 2].map(|()| {
            let header = Header { commitment: Digest(self.bytes()), ..header.clone() };
            let signature = key.sign(label::STATEMENT_SIGN, &[&header.encode()]).unwrap();
            (header, signature)
        });
        self.stole = true;
        let body = ForkNotice::new(one, other).encode().unwrap();
        self.say(world, Kind::ForkNotice.number(), StatementId::NONE, body, Vec::new());
    }
}

fn piece(sequence: u64, index: u32, count: u32) -> Content {
    Content::Fragment(Fragment { sequence, index, count, bytes: vec![5; FRAGMENT_BYTES] })
}

/// A list, over a limit or not.
fn list(lines: Vec<Vec<u8>>) -> List {
    decode(&encode(&([9u8; 32], lines), usize::MAX).unwrap(), usize::MAX).unwrap()
}
