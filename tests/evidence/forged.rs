//! Bundles by who holds both authors' keys: every signature in them holds, and what is signed is what no engine of ours
//! signs. The introduction's signatures are not looked at here.

use crate::pair;
use truceline::codec::{self, CodecError};
use truceline::crypto::digest::Digest;
use truceline::crypto::label;
use truceline::crypto::merkle::{Frontier, consistency_proof, inclusion_proof, leaf_hash};
use truceline::crypto::sign::SIGNATURE_BYTES;
use truceline::party::card::{CARD_BYTES_MAX, Identity, NAME_CHARS_MAX};
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::party::words::SafetyWords;
use truceline::statement::evidence::check::check;
use truceline::statement::evidence::checked::{BundleError, CheckedBundle, Fault, Gap};
use truceline::statement::evidence::{
    Bundle, ChainShown, Deposit, Disclosure, Element, Fork, PartList, PartSaid, Place, Proved, Run, Scope,
    SignedHeader,
};
use truceline::statement::export::{Introduced, Preamble};
use truceline::statement::header::{HEADER_BYTES, Header, StatementId, VERSION};
use truceline::statement::kind::Kind;
use truceline::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX, List, ListError, ListRoot, ShownLine};
use truceline::statement::receipt::WordsConfirmed;
use truceline::statement::signed::{
    LISTS_MAX, STATEMENT_BYTES_MAX, Said, Statement, StatementError, commitment,
};
use truceline::time::UnixMillis;

const ELSEWHERE: Digest = Digest([0x5e; 32]);

/// Both parties' keys, and what each said.
struct Forged {
    keys: [Identity; 2],
    chains: [Vec<Statement>; 2],
}

fn said(body: &[u8]) -> Said {
    Said { salt: [9; 32], body: body.to_vec(), lists: Vec::new() }
}

fn last(ids: &[Digest]) -> StatementId {
    ids.last().copied().map_or(StatementId::NONE, StatementId)
}

impl Forged {
    fn new() -> Self {
        let keys = [pair::identity("Velmara", 1), pair::identity("Tarrun", 101)];
        Self { keys, chains: [Vec::new(), Vec::new()] }
    }

    /// Three statements of each, by turns: each acknowledges all that the other said before, and one is changed.
    fn talk_with(author: Role, at: usize, change: impl Fn(&mut Header)) -> Self {
        let mut forged = Self::new();
        for nth in 0..3 {
            for (role, acknowledged) in [(Inviter, nth), (Joiner, nth + 1)] {
                forged.say(role, acknowledged, |header| {
                    if (role, nth) == (author, at) {
                        change(header);
                    }
                });
            }
        }
        forged
    }

    fn talk() -> Self {
        Self::talk_with(Inviter, 0, |_| ())
    }

    fn of(&self, author: Role) -> &[Statement] {
        &self.chains[usize::from(author.number())]
    }

    fn ids(&self, author: Role) -> Vec<Digest> {
        self.of(author).iter().map(|it| it.id().0).collect()
    }

    /// The author's next statement, which acknowledges so many of the other's, after `change` was made to its header.
    fn say(&mut self, author: Role, acknowledged: usize, change: impl FnOnce(&mut Header)) -> StatementId {
        self.say_what(author, acknowledged, said(b"A note."), change)
    }

    fn say_what(
        &mut self,
        author: Role,
        acknowledged: usize,
        said: Said,
        change: impl FnOnce(&mut Header),
    ) -> StatementId {
        let (own, peer) = (self.ids(author), self.ids(author.other()));
        let peer = &peer[..acknowledged];
        let mut header = Header {
            version: VERSION,
            author,
            kind: Kind::Note.number(),
            channel: pair::CHANNEL,
            case: StatementId::NONE,
            sequence: own.len() as u64,
            previous: last(&own),
            own_root: Frontier::of(&own).root(),
            peer_count: acknowledged as u64,
            peer_head: last(peer),
            peer_root: Frontier::of(peer).root(),
            clock: UnixMillis(7),
            commitment: said.commitment(),
        };
        change(&mut header);
        let at = usize::from(author.number());
        let statement = Statement::sign(header, said, self.keys[at].key()).unwrap();
        let id = statement.id();
        self.chains[at].push(statement);
        id
    }

    fn signed(&self, author: Role, at: usize) -> SignedHeader {
        let Statement { header, signature, .. } = self.of(author)[at].clone();
        SignedHeader { header, signature }
    }

    /// A chain up to its last statement, with its headers from `first` on.
    fn chain(&self, author: Role, first: usize) -> ChainShown {
        let ids = self.ids(author);
        let Some(last) = ids.len().checked_sub(1) else { return ChainShown::default() };
        let peer = self.of(author.other()).last().map_or(0, |it| it.header.peer_count as usize);
        let (less, more) = (last.min(peer), last.max(peer).min(ids.len()));
        let consistency = consistency_proof(&ids[..more], less);
        let headers = (first..last).map(|at| self.signed(author, at).header).collect();
        let run = Some(Run { before: Frontier::of(&ids[..first]), headers });
        ChainShown { head: Some(self.signed(author, last)), consistency, run }
    }

    /// Both chains from these places on, and no statement.
    fn from(&self, first: [usize; 2]) -> Bundle {
        let signature = self.chains.iter().flatten().next().unwrap().signature.clone();
        let introduced = [0, 1].map(|_| Introduced { first: ELSEWHERE, signature: signature.clone() });
        let cards = self.keys.each_ref().map(|it| it.card().clone());
        Bundle {
            preamble: Preamble { channel: pair::CHANNEL, cards, introduced },
            scope: Scope::Statements,
            chains: [self.chain(Inviter, first[0]), self.chain(Joiner, first[1])],
            statements: Vec::new(),
            forks: Vec::new(),
            deposits: Vec::new(),
        }
    }

    fn whole(&self) -> Bundle {
        self.from([0, 0])
    }

    /// Both heads, and nothing of what leads to them.
    fn heads(&self) -> Bundle {
        let mut bundle = self.whole();
        bundle.chains.iter_mut().for_each(|chain| chain.run = None);
        bundle
    }

    /// A statement whose header is shown.
    fn shown(&self, author: Role, at: usize) -> Element {
        let place = Place::Shown { author, sequence: at as u64 };
        Element { place, disclosure: Disclosure::Whole(self.of(author)[at].said.clone()) }
    }

    /// A statement that is tied to both heads by its proofs.
    fn proved(&self, author: Role, at: usize) -> Element {
        let ids = self.ids(author);
        let peer = self.of(author.other()).last().map_or(0, |it| it.header.peer_count as usize);
        let place = Place::Proved(Box::new(Proved {
            signed: self.signed(author, at),
            own: inclusion_proof(&ids[..ids.len() - 1], at),
            acknowledged: inclusion_proof(&ids[..peer], at),
        }));
        Element { place, ..self.shown(author, at) }
    }
}

fn found(bundle: &Bundle) -> Result<CheckedBundle, BundleError> {
    check(&bundle.encode().unwrap(), |_, _| Ok(()))
}

fn refusal(bundle: &Bundle) -> BundleError {
    found(bundle).map(drop).expect_err("it must be refused")
}

const fn head(role: Role, fault: Fault) -> BundleError {
    BundleError::Head { role, fault }
}

const fn run(role: Role, sequence: u64, fault: Fault) -> BundleError {
    BundleError::Run { role, sequence, fault }
}

#[test]
fn a_talk_with_no_defect_holds_from_wherever_its_headers_begin() {
    let talk = Forged::talk();
    for inviter in 0..3 {
        for joiner in 0..3 {
            let bundle = found(&talk.from([inviter, joiner])).unwrap_or_else(|error| panic!("{error}"));
            let shown = |role| bundle.shown(role).map(|it| it.sequence as usize).collect::<Vec<_>>();
            assert_eq!(shown(Inviter), (inviter..3).collect::<Vec<_>>());
            assert_eq!(shown(Joiner), (joiner..3).collect::<Vec<_>>());
            for (role, first) in [(Inviter, inviter), (Joiner, joiner)] {
                let ids = talk.ids(role);
                for at in 0..4 {
                    let id = bundle.header(role, at as u64).map(|it| it.id().0);
                    let there = ids.get(at).copied().filter(|_| (first..3).contains(&at));
                    assert_eq!(id, there, "{role:?} {at} from {first}");
                }
            }
        }
    }
    assert_eq!(found(&talk.heads()).unwrap().shown(Joiner).count(), 1);
}

#[test]
fn a_header_of_a_run_that_does_not_follow_or_acknowledges_another_chain_is_refused() {
    let defects: [(Fault, fn(&mut Header)); 7] = [
        (Fault::ChannelMismatch, |it| it.channel = ELSEWHERE),
        (Fault::Misplaced, |it| it.author = it.author.other()),
        (Fault::Misplaced, |it| it.sequence += 1),
        (Fault::ChainBroken, |it| it.previous = StatementId(ELSEWHERE)),
        (Fault::RootMismatch, |it| it.own_root = ELSEWHERE),
        (Fault::PeerMismatch, |it| it.peer_head = StatementId(ELSEWHERE)),
        (Fault::PeerMismatch, |it| it.peer_root = ELSEWHERE),
    ];
    for (fault, defect) in defects {
        for (role, at) in [(Inviter, 0), (Joiner, 0), (Inviter, 1), (Joiner, 1)] {
            let talk = Forged::talk_with(role, at, defect);
            assert_eq!(refusal(&talk.whole()), run(role, at as u64, fault), "{at}");
        }
    }
    // Where the headers begin later, the first has one before it that is not shown.
    let orphan = Forged::talk_with(Joiner, 1, |it| it.previous = StatementId::NONE);
    assert_eq!(refusal(&orphan.from([0, 1])), run(Joiner, 1, Fault::ChainBroken));
    // Of the counterpart's run no more is compared than it shows.
    let other = Forged::talk_with(Joiner, 0, |it| it.peer_head = StatementId(ELSEWHERE));
    assert_eq!(refusal(&other.from([0, 0])), run(Joiner, 0, Fault::PeerMismatch));
    assert!(found(&other.from([1, 0])).is_ok());
    let mut other = other.whole();
    other.chains[0].run = None;
    assert!(found(&other).is_ok());
}

#[test]
fn a_run_that_takes_an_acknowledgement_back_or_begins_with_no_tree_is_refused() {
    let nothing = |it: &mut Header| {
        (it.peer_count, it.peer_head) = (0, StatementId::NONE);
        it.peer_root = Frontier::new().root();
    };
    let back = Forged::talk_with(Joiner, 1, nothing);
    assert_eq!(refusal(&back.whole()), run(Joiner, 1, Fault::AcknowledgementReversed));
    let mut again = Forged::talk();
    for acknowledged in [3, 3] {
        again.say(Joiner, acknowledged, |_| ());
    }
    assert!(found(&again.whole()).is_ok(), "the same twice takes nothing back");
    let mut unsound = Forged::talk().from([0, 1]);
    let no_peaks = codec::encode(&(1u64, Vec::<Digest>::new()), usize::MAX).unwrap();
    unsound.chains[1].run.as_mut().unwrap().before = codec::decode(&no_peaks, usize::MAX).unwrap();
    assert_eq!(refusal(&unsound), run(Joiner, 1, Fault::RootMismatch));
}

#[test]
fn a_head_that_does_not_stand_at_its_place_is_refused() {
    let defects: [(Fault, fn(&mut Header)); 2] = [
        (Fault::ChannelMismatch, |it| it.channel = ELSEWHERE),
        (Fault::Misplaced, |it| it.author = it.author.other()),
    ];
    for role in Role::BOTH {
        for (fault, defect) in defects {
            let bundle = Forged::talk_with(role, 2, defect).heads();
            assert_eq!(refusal(&bundle), head(role, fault));
        }
        // A first statement follows none, and no later one does.
        let orphan = Forged::talk_with(role, 2, |it| it.previous = StatementId::NONE);
        assert_eq!(refusal(&orphan.heads()), head(role, Fault::ChainBroken));
    }
    let first = |change: fn(&mut Header)| {
        let mut forged = Forged::new();
        forged.say(Inviter, 0, change);
        found(&forged.heads()).map(drop)
    };
    assert_eq!(first(|_| ()), Ok(()));
    assert_eq!(first(|it| it.previous = StatementId(ELSEWHERE)), Err(head(Inviter, Fault::ChainBroken)));
    assert_eq!(first(|it| it.own_root = ELSEWHERE), Err(head(Inviter, Fault::RootMismatch)));
}

#[test]
fn heads_that_acknowledge_another_chain_are_refused() {
    let told = |inviters: usize, change: fn(&mut Header), acknowledged: usize| {
        let mut forged = Forged::new();
        (0..inviters).for_each(|_| {
            forged.say(Inviter, 0, |_| ());
        });
        forged.say(Joiner, acknowledged, change);
        found(&forged.heads()).map(drop)
    };
    let other = Err(head(Inviter, Fault::PeerMismatch));
    let counts = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2), (3, 3), (4, 2)];
    for (inviters, acknowledged) in counts {
        assert_eq!(told(inviters, |_| (), acknowledged), Ok(()), "{acknowledged} of {inviters}");
        let refused = told(inviters, |it| it.peer_root = ELSEWHERE, acknowledged);
        let proof = acknowledged > 1;
        assert_eq!(
            refused,
            if proof { Err(head(Inviter, Fault::Proof)) } else { other },
            "{acknowledged} of {inviters}"
        );
        // Of four that are not shown, which the second is cannot be told by their roots.
        let untold = (inviters, acknowledged) == (4, 2);
        let refused = told(inviters, |it| it.peer_head = StatementId(ELSEWHERE), acknowledged);
        assert_eq!(refused, if untold { Ok(()) } else { other }, "{acknowledged} of {inviters}");
        if acknowledged > 0 {
            assert_eq!(told(inviters, |it| it.peer_head = StatementId::NONE, acknowledged), other);
            assert_eq!(told(inviters, |it| it.peer_count = 9, acknowledged), other);
        }
    }
}

#[test]
fn of_a_party_with_no_head_nothing_is_shown_or_acknowledged() {
    let mut forged = Forged::new();
    forged.say(Joiner, 0, |_| ());
    let good = forged.whole();
    let bundle = found(&good).unwrap();
    assert_eq!(bundle.up_to(), [(0, StatementId::NONE), (1, forged.of(Joiner)[0].id())]);
    let with = |change: fn(&mut ChainShown)| {
        let mut bundle = good.clone();
        change(&mut bundle.chains[0]);
        refusal(&bundle)
    };
    assert_eq!(with(|it| it.consistency.push(ELSEWHERE)), head(Inviter, Fault::NoHead));
    let run = |it: &mut ChainShown| it.run = Some(Run { before: Frontier::new(), headers: Vec::new() });
    assert_eq!(with(run), head(Inviter, Fault::NoHead));
    let mut acknowledged = Forged::talk().whole();
    acknowledged.chains[0] = ChainShown::default();
    assert_eq!(refusal(&acknowledged), head(Inviter, Fault::NoHead));
    // What nobody acknowledges is compared with nothing.
    let mut alone = good;
    alone.chains[1].consistency.push(ELSEWHERE);
    assert_eq!(refusal(&alone), head(Joiner, Fault::Proof));
}

#[test]
fn a_fork_is_of_one_author_and_one_place_in_this_channel() {
    let (one, other) = (Forged::talk(), Forged::talk_with(Joiner, 1, |it| it.clock.0 += 1));
    let pair = |mut pair: [SignedHeader; 2]| {
        pair.sort_by_key(|it| it.header.id());
        Fork(pair)
    };
    let with = |forks: Vec<Fork>| found(&Bundle { forks, ..one.whole() }).map(|it| it.forks.len());
    let fork = |at, fault| Err(BundleError::Fork { at, fault });
    let [first, second] = [1, 2].map(|at| pair([one.signed(Joiner, at), other.signed(Joiner, at)]));
    assert_eq!(with(vec![first.clone(), second.clone()]), Ok(2));
    assert_eq!(with(vec![second, first.clone()]), fork(1, Fault::OutOfOrder));
    assert_eq!(
        with(vec![first, pair([one.signed(Joiner, 1), one.signed(Joiner, 2)])]),
        fork(1, Fault::NoFork)
    );
    assert_eq!(with(vec![pair([one.signed(Inviter, 1), one.signed(Joiner, 1)])]), fork(0, Fault::NoFork));
    let elsewhere = Forged::talk_with(Joiner, 1, |it| it.channel = ELSEWHERE);
    let elsewhere = pair([one.signed(Joiner, 1), elsewhere.signed(Joiner, 1)]);
    assert_eq!(with(vec![elsewhere]), fork(0, Fault::ChannelMismatch));
}

#[test]
fn every_statement_has_the_first_that_acknowledges_it_however_it_is_tied_to_the_heads() {
    let talk = Forged::talk();
    for bundle in [talk.whole(), talk.heads()] {
        let runs = bundle.chains[0].run.is_some();
        let places = Role::BOTH.into_iter().flat_map(|role| [0, 1, 2].map(|at| (role, at)));
        let element = |(role, at)| if runs || at == 2 { talk.shown(role, at) } else { talk.proved(role, at) };
        let statements: Vec<_> = places.clone().map(element).collect();
        let checked = found(&Bundle { statements: statements.clone(), ..bundle.clone() }).unwrap();
        for (role, at) in places {
            let first = if role == Inviter { at } else { at + 1 };
            let statement = checked.statement(&talk.of(role)[at].id()).unwrap();
            let by = statement.acknowledged.as_ref().map(|it| (it.author, it.sequence as usize));
            assert_eq!(by, (first < 3).then_some((role.other(), first)));
        }
        let order = [statements[1].clone(), statements[0].clone()].to_vec();
        let refused = BundleError::Statement { at: 1, fault: Fault::OutOfOrder };
        assert_eq!(refusal(&Bundle { statements: order, ..bundle }), refused);
    }
    // Alone it is acknowledged by the head.
    let alone = found(&Bundle { statements: vec![talk.proved(Inviter, 0)], ..talk.heads() }).unwrap();
    assert_eq!(alone.statements[0].acknowledged.as_ref(), alone.heads[1].as_ref());
    let fault = |element: Element, bundle: Bundle| {
        let refused = refusal(&Bundle { statements: vec![element], ..bundle });
        let BundleError::Statement { at: 0, fault } = refused else { panic!("{refused}") };
        fault
    };
    assert_eq!(fault(talk.proved(Inviter, 1), talk.whole()), Fault::Misplaced, "it is shown");
    assert!(found(&Bundle { statements: vec![talk.proved(Inviter, 0)], ..talk.from([1, 1]) }).is_ok());
    assert_eq!(fault(talk.shown(Inviter, 0), talk.from([1, 1])), Fault::Misplaced, "it is not shown");
    // The first that the other has not acknowledged.
    let mut ahead = Forged::talk();
    ahead.say(Joiner, 3, |_| ());
    assert!(found(&Bundle { statements: vec![ahead.proved(Joiner, 2)], ..ahead.heads() }).is_ok());
    let mut headless = Forged::new();
    headless.say(Joiner, 0, |_| ());
    assert_eq!(fault(talk.shown(Inviter, 0), headless.whole()), Fault::NoHead);
}

#[test]
fn proofs_of_deposit_are_of_statements_shown_whole_in_their_order() {
    let talk = Forged::talk();
    let deposit = |sequence| Deposit { author: Inviter, sequence, proofs: Vec::new() };
    let with = |deposits: Vec<Deposit>| {
        let mut statements = vec![talk.shown(Inviter, 0), talk.shown(Inviter, 1), talk.shown(Inviter, 2)];
        statements[2].disclosure = Disclosure::Withheld;
        found(&Bundle { statements, deposits, ..talk.whole() }).map(|it| it.deposits.len())
    };
    assert_eq!(with(vec![deposit(0), deposit(1)]), Ok(2));
    assert_eq!(with(vec![deposit(1), deposit(0)]), Err(BundleError::Deposit { at: 1 }));
    assert_eq!(with(vec![deposit(0), deposit(2)]), Err(BundleError::Deposit { at: 1 }));
}

/// What is found of a statement of which these lists are shown.
fn shown_in_part(lists: Vec<PartList>) -> Result<(), Fault> {
    let part = PartSaid { salt: [9; 32], body: b"A note.".to_vec(), lists };
    let mut forged = Forged::new();
    forged.say(Inviter, 0, |it| {
        it.commitment = commitment(&part.salt, &part.body, part.lists.iter().map(|list| list.root));
    });
    let statement = Element { disclosure: Disclosure::Part(part), ..forged.shown(Inviter, 0) };
    match found(&Bundle { statements: vec![statement], ..forged.whole() }) {
        Ok(_) => Ok(()),
        Err(BundleError::Statement { at: 0, fault }) => Err(fault),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn lists_shown_in_part_keep_the_limits_of_lists() {
    let bare = |lines: usize| PartList {
        root: ListRoot { root: ELSEWHERE, lines: u32::try_from(lines).unwrap() },
        lines: Vec::new(),
    };
    let many = Err(Fault::Statement(StatementError::TooManyLists));
    assert_eq!(shown_in_part(Vec::new()), many, "what has no list is shown whole");
    assert_eq!(shown_in_part(vec![bare(1); LISTS_MAX]), Ok(()));
    assert_eq!(shown_in_part(vec![bare(1); LISTS_MAX + 1]), many);
    let list = |error| Err(Fault::Statement(StatementError::List(error)));
    assert_eq!(shown_in_part(vec![bare(1), bare(0)]), list(ListError::Empty));
    assert_eq!(shown_in_part(vec![bare(LIST_LINES_MAX)]), Ok(()));
    let over = LIST_LINES_MAX + 1;
    assert_eq!(shown_in_part(vec![bare(over)]), list(ListError::TooManyLines(over)));
    let list = List::new([3; 32], vec![vec![b'a'; LINE_BYTES_MAX], b"b".to_vec(), b"c".to_vec()]).unwrap();
    let show = |lines: &[u32]| PartList {
        root: list.root(),
        lines: lines.iter().map(|at| list.show(*at).unwrap()).collect(),
    };
    assert_eq!(shown_in_part(vec![show(&[0, 1, 2]), show(&[0, 2])]), Ok(()));
    for (lines, line) in [(&[1, 0], 1), (&[0, 0], 1), (&[2, 2], 3)] {
        let fault = Fault::Line { list: 2, line };
        assert_eq!(shown_in_part(vec![bare(1), show(lines)]), Err(fault), "{lines:?}");
    }
    // A longer line whose path holds.
    let (salt, line) = ([4; 32], vec![b'a'; LINE_BYTES_MAX + 1]);
    let root = leaf_hash(&[&label::LINE.bytes(), &[0; 8], &salt, &line]);
    let lines = vec![ShownLine { index: 0, salt, line, path: Vec::new() }];
    let long = PartList { root: ListRoot { root, lines: 1 }, lines };
    assert_eq!(shown_in_part(vec![long]), Err(Fault::Line { list: 1, line: 1 }));
}

/// The words confirmed by both and said again in a note, an offer that opens a case, an answer to it, and more notes:
/// by whom, how many of the other's it acknowledges, its kind, whether it is of the case. The one at `at` is changed.
fn case_with(at: usize, change: impl Fn(&mut Header)) -> (Forged, StatementId) {
    let (mut forged, mut opening) = (Forged::new(), StatementId::NONE);
    let [inviter, joiner] = forged.keys.each_ref().map(|it| it.card().fingerprint().unwrap());
    let words = WordsConfirmed::new(&SafetyWords::of(&pair::CHANNEL, &inviter, &joiner)).encode().unwrap();
    let said_so = [
        (Inviter, 0, Kind::WordsConfirmed, false),
        (Joiner, 1, Kind::WordsConfirmed, false),
        (Joiner, 1, Kind::Note, false),
        (Inviter, 2, Kind::Offer, false),
        (Joiner, 2, Kind::Reject, true),
        (Inviter, 3, Kind::Note, false),
        (Joiner, 3, Kind::Note, false),
    ];
    for (nth, (author, acknowledged, kind, in_case)) in said_so.into_iter().enumerate() {
        let body = if nth < 3 { &words[..] } else { b"A note." };
        let id = forged.say_what(author, acknowledged, said(body), |header| {
            header.kind = kind.number();
            if in_case {
                header.case = opening;
            }
            if nth == at {
                change(header);
            }
        });
        if kind == Kind::Offer {
            opening = id;
        }
    }
    (forged, opening)
}

#[test]
fn a_case_is_whole_with_its_headers_its_bodies_and_the_words() {
    let (forged, opening) = case_with(0, |_| ());
    let gap = |forged: &Forged, first: [usize; 2], left_out: &[(Role, usize)], case| {
        let places = [(Inviter, 0), (Inviter, 1), (Joiner, 0), (Joiner, 1), (Joiner, 2)];
        let element = |(role, at): (Role, usize)| {
            let whole = if at < first[usize::from(role.number())] {
                forged.proved(role, at)
            } else {
                forged.shown(role, at)
            };
            let withheld = left_out.contains(&(role, at));
            Element { disclosure: if withheld { Disclosure::Withheld } else { whole.disclosure }, ..whole }
        };
        let statements = places.map(element).to_vec();
        match found(&Bundle { scope: Scope::Case(case), statements, ..forged.from(first) }) {
            Ok(_) => None,
            Err(BundleError::Incomplete(gap)) => Some(gap),
            Err(error) => panic!("{error}"),
        }
    };
    let of_it = |first, left_out: &[_]| gap(&forged, first, left_out, opening);
    // From the beginnings, from where the offer stands and what it acknowledges, and from between.
    for first in [[0, 0], [1, 2], [1, 0], [0, 1]] {
        assert_eq!(of_it(first, &[]), None, "{first:?}");
    }
    assert_eq!(of_it([2, 0], &[]), Some(Gap::Run(Inviter)));
    assert_eq!(of_it([0, 3], &[]), Some(Gap::Run(Joiner)));
    // Each that belongs to it, and a confirmation of the words wherever it stands.
    for (role, at) in [(Inviter, 0), (Inviter, 1), (Joiner, 0), (Joiner, 2)] {
        let sequence = at as u64;
        assert_eq!(of_it([0, 0], &[(role, at)]), Some(Gap::Withheld { role, sequence }));
    }
    assert_eq!(of_it([1, 2], &[(Inviter, 0)]), Some(Gap::Run(Inviter)));
    assert_eq!(of_it([1, 2], &[(Joiner, 0)]), Some(Gap::Run(Joiner)));
    assert_eq!(gap(&forged, [0, 0], &[], forged.of(Inviter)[0].id()), Some(Gap::Opening), "it is no offer");
    assert_eq!(gap(&forged, [0, 0], &[], forged.of(Joiner)[3].id()), Some(Gap::Opening), "it is not shown");
    // An offer of another case opens none.
    let (of_another, id) = case_with(3, |it| it.case = StatementId(ELSEWHERE));
    assert_eq!(gap(&of_another, [0, 0], &[], id), Some(Gap::Opening));
    // Who says the words in a note confirms nothing, which all that was said before shows as well.
    let (noted, id) = case_with(0, |it| it.kind = Kind::Note.number());
    assert_eq!(gap(&noted, [0, 0], &[], id), None);
    assert_eq!(gap(&noted, [1, 0], &[], id), Some(Gap::Run(Inviter)));
    // The confirmation must be from before the headers that are shown.
    let (again, id) = case_with(2, |it| it.kind = Kind::WordsConfirmed.number());
    assert_eq!(gap(&again, [0, 1], &[(Joiner, 0)], id), Some(Gap::Run(Joiner)));
    assert_eq!(gap(&again, [0, 2], &[(Joiner, 0)], id), None);
}

#[test]
fn cards_of_the_longest_names_fit() {
    let mut forged = Forged::new();
    forged.keys[0] = pair::identity(&"𝒱".repeat(NAME_CHARS_MAX), 1);
    forged.say(Inviter, 0, |_| ());
    let bundle = found(&forged.whole()).unwrap();
    assert_eq!(bundle.preamble.cards[0].encode().unwrap().len(), CARD_BYTES_MAX);
}

#[test]
fn a_count_that_cannot_be_is_refused_before_room_is_made_for_it() {
    let (one, other) = (Forged::talk(), Forged::talk_with(Joiner, 1, |it| it.clock.0 += 1));
    let mut pair = [one.signed(Joiner, 1), other.signed(Joiner, 1)];
    pair.sort_by_key(|it| it.header.id());
    let bare = one.whole();
    let forked = Bundle { forks: vec![Fork(pair)], ..one.whole() };
    let fork = 2 * (HEADER_BYTES + SIGNATURE_BYTES);
    // Where the count stands before the end, what it is made, and how many could be.
    let counts = [(&bare, 56, 3, 2), (&forked, 48 + fork, 2, 1), (&bare, 40, 2, 1)];
    for (bundle, before_end, found, max) in counts {
        let mut bytes = bundle.encode().unwrap();
        let at = bytes.len() - before_end;
        bytes[at..at + 8].copy_from_slice(&(found as u64).to_le_bytes());
        let refused = check(&bytes, |_, _| Ok(())).map(drop);
        assert_eq!(refused, Err(BundleError::Malformed(CodecError::TooLong { found, max })));
    }
    let whole = bare.encode().unwrap();
    let refused = |bytes: &[u8]| check(bytes, |_, _| Ok(())).map(drop);
    assert_eq!(refused(&[&whole[..], &[0]].concat()), Err(BundleError::Malformed(CodecError::Trailing(1))));
    let (last, before) = whole.split_last().unwrap();
    assert_eq!(refused(&[before, &[last ^ 1]].concat()), Err(BundleError::Damaged));
    // As many as fit: each withheld at a place that is shown takes no more than 17 bytes.
    let withheld = |at| Element { disclosure: Disclosure::Withheld, ..one.shown(Inviter, at) };
    let statements = [0, 1, 2].map(withheld).to_vec();
    assert_eq!(found(&Bundle { statements, ..bare }).unwrap().statements.len(), 3);
}

#[test]
fn a_statement_and_a_proof_of_the_greatest_size_are_read_and_no_larger_ones() {
    let forged = Forged::talk();
    let read = |body: usize, proof: usize| {
        let disclosure = Disclosure::Whole(Said { body: vec![0; body], ..said(&[]) });
        let mut bundle = forged.whole();
        bundle.statements = vec![Element { disclosure, ..forged.shown(Inviter, 0) }];
        bundle.chains[0].consistency = vec![ELSEWHERE; proof];
        bundle.encode().is_ok_and(|bytes| Bundle::decode(&bytes).is_ok())
    };
    assert!(read(STATEMENT_BYTES_MAX, 128));
    assert!(!read(STATEMENT_BYTES_MAX + (64 << 10), 128));
    assert!(!read(0, 129));
}
