//! Two parties that talk, and what they can say: each statement says how much of the other's it acknowledges.

use truceline::crypto::digest::Digest;
use truceline::deal::body::{
    Accept, Answer, Confirm, Content, Lapse, Lines, Note, Offer, OfferBody, Query, Reject, Reply, Standby,
    Withdraw,
};
use truceline::deal::handover::{
    Breach, BreachAnswer, BreachAnswered, Cause, Closed, Go, HandoverLine, LinesBody, Lock, Mode, Outcome,
    Ready, Remedy, Round, Subject, Suspend, TransferNotice, Transport, TransportAcknowledged,
};
use truceline::deal::judge::{Entry, Ledger, Said, judge};
use truceline::deal::pledge::{Condition, End, Obligation};
use truceline::deal::progress::Handover;
use truceline::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use truceline::deal::verdict::{Act, VoidReason};
use truceline::deal::word::Text;
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::statement::kind::Kind;
use truceline::statement::list::List;
use truceline::time::UnixMillis;

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing moves, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())])
    }
}

#[derive(Debug, Clone)]
pub struct Spoken {
    pub id: Digest,
    pub author: Role,
    pub sequence: u64,
    pub peer_count: u64,
    pub case: Option<Digest>,
    pub kind: u16,
    pub content: Option<Content>,
}

impl Spoken {
    pub fn entry(&self) -> Entry<'_> {
        let said = match &self.content {
            Some(content) => Said::Deal(content),
            None => Said::Other,
        };
        let Self { id, author, sequence, peer_count, case, kind, .. } = *self;
        Entry { id, author, sequence, peer_count, case, kind, said }
    }
}

/// All that both have said. Each statement says how much of the other's chain it acknowledges.
#[derive(Default, Clone)]
pub struct Talk {
    pub said: Vec<Spoken>,
}

pub fn leg(giver: Role, category: Category, count: u32) -> Leg {
    Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity: Quantity::Count(count),
        selection: Selection::Holder,
        substitution: Substitution::None,
        tolerance: 0,
        except: None,
        criteria: None,
        third_country: None,
        stage: None,
        group: 0,
    }
}

/// An offer of these legs: no leg at all cancels what it builds on.
pub fn offer_with(base: u32, legs: Vec<Leg>) -> Content {
    let condition = Condition {
        leg: 0,
        lines: Vec::new(),
        obligation: Obligation::NoArms,
        text: None,
        end: End::Seconds(86_400),
        monitor: None,
        consequence: text("return"),
    };
    let living = legs.first().is_some_and(|leg| leg.category != Category::Remains);
    let conditions = if living { vec![condition] } else { Vec::new() };
    let terms = Terms { legs, conditions, ..Terms::default() };
    let body = OfferBody {
        base,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: None,
        terms,
        lists: Vec::new(),
    };
    Content::Offer(Box::new(Offer::join(body, &[]).unwrap()))
}

/// So many of a category, either way.
pub fn offer_of(author: Role, base: u32, category: Category, count: u32) -> Content {
    offer_with(base, vec![leg(author, category, count), leg(author.other(), category, count)])
}

/// Prisoners either way, and remains from `author`: legs 0, 1 and 2.
pub fn offer_with_remains(author: Role, base: u32) -> Content {
    let prisoners = |giver| leg(giver, Category::PrisonerOfWar, 3);
    offer_with(base, vec![prisoners(author), prisoners(author.other()), leg(author, Category::Remains, 2)])
}

impl Talk {
    /// Words confirmed by both, and both have seen it.
    pub fn trusted() -> Self {
        let mut talk = Self::default();
        talk.plain(Inviter, Kind::WordsConfirmed, 0);
        talk.plain(Joiner, Kind::WordsConfirmed, 1);
        talk.plain(Inviter, Kind::Acknowledgement, 1);
        talk
    }

    pub fn count(&self, role: Role) -> u64 {
        self.said.iter().filter(|it| it.author == role).count() as u64
    }

    /// The least that the next statement of `role` can acknowledge: counts never fall.
    pub fn seen(&self, role: Role) -> u64 {
        self.said.iter().filter(|it| it.author == role).map(|it| it.peer_count).max().unwrap_or(0)
    }

    pub fn push(
        &mut self,
        author: Role,
        kind: Kind,
        peer_count: u64,
        case: Option<Digest>,
        content: Option<Content>,
    ) -> Digest {
        let sequence = self.count(author);
        let mut id = [0x5a; 32];
        id[0] = author.number() + 1;
        id[1..9].copy_from_slice(&sequence.to_be_bytes());
        let id = Digest(id);
        self.said.push(Spoken { id, author, sequence, peer_count, case, kind: kind.number(), content });
        id
    }

    pub fn plain(&mut self, author: Role, kind: Kind, peer_count: u64) -> Digest {
        self.push(author, kind, peer_count, None, None)
    }

    pub fn acknowledge(&mut self, author: Role) -> Digest {
        self.plain(author, Kind::Acknowledgement, self.count(author.other()))
    }

    /// Said having seen `peer_count` of the other's.
    pub fn stale(&mut self, author: Role, peer_count: u64, case: Option<Digest>, content: Content) -> Digest {
        self.push(author, content.kind(), peer_count, case, Some(content))
    }

    /// Said having seen everything.
    pub fn say(&mut self, author: Role, case: Option<Digest>, content: Content) -> Digest {
        self.stale(author, self.count(author.other()), case, content)
    }

    pub fn ledger(&self) -> Ledger {
        judge(&self.said.iter().map(Spoken::entry).collect::<Vec<_>>())
    }

    /// The first statements of each: what somebody may hold.
    pub fn part(&self, inviter: u64, joiner: u64) -> Ledger {
        let held = |it: &&Spoken| it.sequence < if it.author == Inviter { inviter } else { joiner };
        judge(&self.said.iter().filter(held).map(Spoken::entry).collect::<Vec<_>>())
    }

    /// What `of` says of the handover of a case, as both hold it.
    pub fn handover<T>(&self, case: Digest, of: impl FnOnce(&Handover<'_>) -> T) -> T {
        of(&self.ledger().case(&case).unwrap().handover().unwrap())
    }

    /// Whether a statement that `author` made now, having seen everything, would be valid.
    pub fn would_be(&self, author: Role, case: Digest, act: Act) -> Result<(), VoidReason> {
        self.ledger().would_be(author, Some(&case), &act)
    }

    pub fn verdict(&self, id: Digest) -> Result<(), VoidReason> {
        self.ledger().verdict(&id).unwrap()
    }
}

/// Words, an offer of the inviter and a counter of the joiner, both seen by both.
pub fn two_offers() -> (Talk, Digest, Digest) {
    let mut talk = Talk::trusted();
    let first = talk.say(Inviter, None, offer_of(Inviter, 0, Category::PrisonerOfWar, 40));
    let counter = talk.say(Joiner, Some(first), offer_of(Joiner, 0, Category::PrisonerOfWar, 38));
    talk.acknowledge(Inviter);
    (talk, first, counter)
}

/// An offer of the inviter sealed as version 1, as both know: prisoners either way, and remains from the inviter.
pub fn sealed_deal() -> (Talk, Digest) {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_with_remains(Inviter, 0));
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    talk.acknowledge(Joiner);
    talk.acknowledge(Inviter);
    (talk, case)
}

/// And both locked its lists.
pub fn locked_deal() -> (Talk, Digest) {
    let (mut talk, case) = sealed_deal();
    let lists = talk.handover(case, |handover| handover.lists());
    talk.say(Inviter, Some(case), lock(1, lists));
    talk.say(Joiner, Some(case), lock(1, lists));
    talk.acknowledge(Inviter);
    (talk, case)
}

/// And both gave notice of transport, which the other acknowledged: with the notices.
pub fn settled_deal() -> (Talk, Digest, [Digest; 2]) {
    let (mut talk, case) = locked_deal();
    let inviters = talk.say(Inviter, Some(case), transport(1));
    let joiners = talk.say(Joiner, Some(case), transport(1));
    talk.say(Inviter, Some(case), acknowledged(joiners));
    talk.say(Joiner, Some(case), acknowledged(inviters));
    talk.acknowledge(Inviter);
    (talk, case, [inviters, joiners])
}

/// And an amendment of it was sealed as version 2, and locked by both.
pub fn amended_deal() -> (Talk, Digest) {
    let (mut talk, case, _) = settled_deal();
    let amendment = talk.say(Joiner, Some(case), offer_of(Joiner, 1, Category::PrisonerOfWar, 2));
    let accepted = talk.say(Inviter, Some(case), accept(amendment));
    talk.say(Joiner, Some(case), confirm(accepted));
    talk.acknowledge(Inviter);
    let lists = talk.handover(case, |handover| handover.lists());
    talk.say(Joiner, Some(case), lock(2, lists));
    talk.say(Inviter, Some(case), lock(2, lists));
    talk.acknowledge(Joiner);
    (talk, case)
}

/// Wounded that the inviter alone gives: sealed, locked, and its notice of transport acknowledged by the joiner.
pub fn given_deal() -> (Talk, Digest) {
    let mut talk = Talk::trusted();
    let case = talk.say(Inviter, None, offer_with(0, vec![leg(Inviter, Category::WoundedOrSick, 5)]));
    let accepted = talk.say(Joiner, Some(case), accept(case));
    talk.say(Inviter, Some(case), confirm(accepted));
    talk.acknowledge(Joiner);
    let lists = talk.handover(case, |handover| handover.lists());
    talk.say(Inviter, Some(case), lock(1, lists));
    talk.say(Joiner, Some(case), lock(1, lists));
    let notice = talk.say(Inviter, Some(case), transport(1));
    talk.say(Joiner, Some(case), acknowledged(notice));
    talk.acknowledge(Inviter);
    (talk, case)
}

/// Settled, and both are ready.
pub fn ready_deal() -> (Talk, Digest) {
    let (mut talk, case, _) = settled_deal();
    talk.say(Inviter, Some(case), ready(1, Round::default()));
    talk.say(Joiner, Some(case), ready(1, Round::default()));
    talk.acknowledge(Inviter);
    (talk, case)
}

/// And both went.
pub fn gone_deal() -> (Talk, Digest) {
    let (mut talk, case) = ready_deal();
    talk.say(Inviter, Some(case), go(1, Round::default()));
    talk.say(Joiner, Some(case), go(1, Round::default()));
    talk.acknowledge(Inviter);
    (talk, case)
}

pub fn accept(offer: Digest) -> Content {
    Content::Accept(Accept { offer, hold_until: UnixMillis(0), remark: None })
}

pub fn confirm(acceptance: Digest) -> Content {
    Content::Confirm(Confirm { acceptance })
}

pub fn lapse(acceptance: Digest) -> Content {
    Content::Lapse(Lapse { acceptance, reason: None })
}

pub fn withdraw(offer: Digest) -> Content {
    Content::Withdraw(Withdraw { offer, reason: None })
}

pub fn reject(offer: Digest) -> Content {
    Content::Reject(Reject { offer, reason: None })
}

pub fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

pub const fn lock(version: u32, lists: Digest) -> Content {
    Content::Lock(Lock { version, lists })
}

pub const fn transport(version: u32) -> Content {
    Content::Transport(Transport {
        version,
        mode: Mode::Bus,
        vehicles: Vec::new(),
        persons: None,
        corridor: None,
        route: None,
        window: None,
        airspace: None,
        remark: None,
    })
}

pub const fn acknowledged(notice: Digest) -> Content {
    Content::TransportAcknowledged(TransportAcknowledged { notice })
}

pub const fn ready(version: u32, round: Round) -> Content {
    Content::Ready(Ready { version, round })
}

pub const fn go(version: u32, round: Round) -> Content {
    Content::Go(Go { version, round, window: None })
}

pub const fn suspend(version: u32, round: Round) -> Content {
    Content::Suspend(Suspend { version, round, reason: None })
}

/// One line on each of these legs.
pub fn lines(version: u32, legs: &[u16]) -> Content {
    let line = |leg: &u16| HandoverLine {
        subject: Subject::Counted { leg: *leg, number: 1 },
        outcome: Outcome::Delivered,
        cause: Cause::Unknown,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    };
    let list = List::new([7; 32], legs.iter().map(|leg| line(leg).encode_line().unwrap()).collect()).unwrap();
    Content::Lines(Lines::join(LinesBody { version, lines: list.root() }, &[list]).unwrap())
}

pub const fn closed(version: u32) -> Content {
    Content::Closed(Closed { version, remark: None })
}

pub fn transfer_notice(offer: Digest) -> Content {
    Content::TransferNotice(TransferNotice {
        offer,
        leg: 0,
        lines: Vec::new(),
        country: text("elsewhere"),
        on: None,
        accommodation: None,
        reason: None,
    })
}

pub fn breach(offer: Digest) -> Content {
    Content::Breach(Breach {
        offer,
        condition: 0,
        lines: Vec::new(),
        on: None,
        facts: text("seen under arms"),
        remedy: Remedy::Explain,
        answer_by: None,
    })
}

pub const fn breach_answered(breach: Digest) -> Content {
    Content::BreachAnswered(BreachAnswered { breach, answer: BreachAnswer::Denied, text: None })
}

/// What `act` says, in full. `shape` chooses among offers: with remains beside, by one side alone, of nothing.
pub fn content_of(author: Role, act: Act, shape: u32) -> Content {
    match act {
        Act::Note => Content::Note(Note { text: text("x") }),
        Act::Offer { base, remains_only: true } => offer_of(author, base, Category::Remains, 2),
        Act::Offer { base, .. } => match shape {
            0 if base > 0 => offer_with(base, Vec::new()),
            1 => offer_with(base, vec![leg(author, Category::PrisonerOfWar, 5)]),
            2 | 3 => offer_with_remains(author, base),
            _ => offer_of(author, base, Category::PrisonerOfWar, shape + 1),
        },
        Act::Withdraw(id) => withdraw(id),
        Act::Reject(id) => reject(id),
        Act::Accept(id) => accept(id),
        Act::Confirm(id) => confirm(id),
        Act::Lapse(id) => lapse(id),
        Act::Standby => Content::Standby(Standby { until: None, reason: None }),
        Act::Query => Content::Query(Query { about: None, text: text("who?"), answer_by: None }),
        Act::Answer(query) => Content::Answer(Answer { query, reply: Reply::Told, text: Some(text("he")) }),
        Act::Lock { version, lists } => lock(version, lists),
        Act::Transport(version) => transport(version),
        Act::AcknowledgeTransport(notice) => acknowledged(notice),
        Act::Ready { version, round } => ready(version, round),
        Act::Go { version, round } => go(version, round),
        Act::Suspend { version, round } => suspend(version, round),
        Act::Lines { version, legs } => {
            let legs: Vec<u16> = (0..128).filter(|leg| legs >> leg & 1 == 1).collect();
            lines(version, &legs)
        }
        Act::Close(version) => closed(version),
        Act::TransferNotice(offer) => transfer_notice(offer),
        Act::Breach(offer) => breach(offer),
        Act::AnswerBreach(breach) => breach_answered(breach),
    }
}
