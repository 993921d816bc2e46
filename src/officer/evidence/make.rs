//! Making a bundle from a channel: of statements alone, never of what one side keeps to itself.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::crypto::merkle::{Frontier, consistency_proof, inclusion_proof};
use crate::deal::body::{Content, Offer};
use crate::deal::case::{Agreement, Means};
use crate::deal::handover::{HandoverLine, Subject};
use crate::deal::judge::Ledger;
use crate::deal::state::CaseState;
use crate::deal::terms::Quantity;
use crate::officer::engine::Channel;
use crate::officer::evidence::deposit;
use crate::officer::view::{Shown, preamble};
use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::statement::evidence::{
    Bundle, ChainShown, Deposit, Disclosure, Element, PartList, PartSaid, Place, Proved, Run, Scope,
    SignedHeader,
};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::{Read, WordsConfirmed};
use crate::statement::signed::{Statement, StatementError};
use std::collections::{BTreeMap, BTreeSet};

/// What a bundle is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// These statements, whole.
    Statements(Vec<StatementId>),
    /// A case, whole.
    Case(StatementId),
    /// How something was agreed: an offer, an acceptance or a confirm of it, or a case at its current version.
    Agreement(StatementId),
    /// One line of an offer's list, and what was said of it.
    Person {
        /// The offer.
        offer: StatementId,
        /// The leg, from 0.
        leg: u16,
        /// The line of its list, from 0.
        line: u32,
    },
    /// That a party signed two statements at one place.
    Fork,
}

/// Why a bundle cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The channel does not stand yet.
    #[error("nothing was said in this channel yet")]
    NotOpen,
    /// No statement with this id.
    #[error("this channel has no statement {}", .0.0.hex())]
    Unknown(StatementId),
    /// No case with this id.
    #[error("no valid offer opens case {}", .0.0.hex())]
    NoCase(StatementId),
    /// Nothing that was sealed.
    #[error("{} is no part of an agreement that is sealed", .0.0.hex())]
    NotSealed(StatementId),
    /// Nobody forked.
    #[error("nothing shows that a party of this channel signed two statements at one place")]
    NoFork,
    /// No list there.
    #[error("offer {} lists nobody at this leg and line", .0.0.hex())]
    NoLine(StatementId),
    /// Over a limit.
    #[error("the bundle cannot be written: {0}")]
    TooLarge(#[from] CodecError),
    /// Never for a stored statement.
    #[error("a stored statement cannot be read: {0}")]
    Unreadable(#[from] StatementError),
}

impl Channel {
    /// A bundle of what is asked for.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn evidence(&self, asked: &Asked) -> Result<Vec<u8>, MakeError> {
        let mut maker = Maker::new(self)?;
        let scope = match asked {
            Asked::Statements(ids) => maker.statements(ids)?,
            Asked::Case(case) => maker.case(*case)?,
            Asked::Agreement(about) => maker.agreement(*about)?,
            Asked::Person { offer, leg, line } => maker.person(*offer, *leg, *line)?,
            Asked::Fork if self.forks.is_empty() => return Err(MakeError::NoFork),
            Asked::Fork => Scope::Fork,
        };
        Ok(maker.bundle(scope)?.encode()?)
    }
}

/// What is kept of a statement while a bundle is made.
#[derive(Clone, Copy)]
struct Brief {
    author: Role,
    sequence: u64,
    peer_count: u64,
    kind: u16,
    case: StatementId,
}

impl From<&Header> for Brief {
    fn from(&Header { author, sequence, peer_count, kind, case, .. }: &Header) -> Self {
        Self { author, sequence, peer_count, kind, case }
    }
}

/// A bundle in the making.
struct Maker<'a> {
    channel: &'a Channel,
    words: SafetyWords,
    /// Each party's statements and their ids, the inviter's first.
    chains: [(Vec<Brief>, Vec<Digest>); 2],
    /// How many of them the bundle counts.
    counts: [u64; 2],
    /// Where the rows of headers begin.
    firsts: Option<[u64; 2]>,
    shown: BTreeMap<(Role, u64), Disclosure>,
}

const fn of<T>([inviter, joiner]: &[T; 2], role: Role) -> &T {
    match role {
        Role::Inviter => inviter,
        Role::Joiner => joiner,
    }
}

/// The same of a list that a party's number counts in.
fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl<'a> Maker<'a> {
    fn new(channel: &'a Channel) -> Result<Self, MakeError> {
        let words = channel.session().ok_or(MakeError::NotOpen)?.words();
        let chains: [(Vec<_>, Vec<_>); 2] = Role::BOTH
            .map(|role| channel.statements_of(role).map(|it| (Brief::from(&it.header), it.id.0)).unzip());
        let counts = chains.each_ref().map(|(headers, _)| headers.len() as u64);
        Ok(Self { channel, words, chains, counts, firsts: None, shown: BTreeMap::new() })
    }

    /// A party's statements, as far as the bundle counts them.
    fn said(&self, role: Role) -> &[Brief] {
        let (said, _) = of(&self.chains, role);
        said.get(..index(*of(&self.counts, role))).unwrap_or_default()
    }

    fn ids(&self, role: Role, count: u64) -> &[Digest] {
        let (_, ids) = of(&self.chains, role);
        ids.get(..index(count)).unwrap_or_default()
    }

    fn find(&self, id: &StatementId) -> Option<Brief> {
        self.channel.statement(&id.0).map(|it| Brief::from(&it.header))
    }

    fn stored(&self, role: Role, sequence: u64) -> Option<Shown<'a>> {
        self.channel.statement_at(role, sequence)
    }

    fn statement(&self, role: Role, sequence: u64) -> Result<Statement, MakeError> {
        let stored = self.stored(role, sequence).ok_or(MakeError::Unknown(StatementId::NONE))?;
        Ok(stored.statement()?)
    }

    /// Discloses a statement whole.
    fn whole(&mut self, role: Role, sequence: u64) -> Result<(), MakeError> {
        let said = self.statement(role, sequence)?.said;
        self.shown.insert((role, sequence), Disclosure::Whole(said));
        Ok(())
    }

    fn whole_id(&mut self, id: &Digest) -> Result<(), MakeError> {
        let id = StatementId(*id);
        let (role, sequence) =
            self.find(&id).map(|it| (it.author, it.sequence)).ok_or(MakeError::Unknown(id))?;
        self.whole(role, sequence)
    }

    /// Where the statements are that are `wanted`.
    fn places(&self, wanted: impl Fn(&Brief) -> bool) -> Vec<(Role, u64)> {
        let all = Role::BOTH.into_iter().flat_map(|role| self.said(role));
        all.filter(|header| wanted(header)).map(|header| (header.author, header.sequence)).collect()
    }

    /// Adds the receipts that say one of `about` was opened.
    fn receipts(&mut self, about: &BTreeSet<(Role, u64)>) -> Result<(), MakeError> {
        for (role, sequence) in self.places(|header| header.kind == Kind::Read.number()) {
            let receipt = self.statement(role, sequence)?;
            let read = Read::decode(&receipt.said.body, receipt.header.peer_count);
            let names = |read: &Read| read.sequences.iter().any(|it| about.contains(&(role.other(), *it)));
            if read.as_ref().is_ok_and(names) {
                self.shown.insert((role, sequence), Disclosure::Whole(receipt.said));
            }
        }
        Ok(())
    }

    fn statements(&mut self, ids: &[StatementId]) -> Result<Scope, MakeError> {
        for id in ids {
            self.whole_id(&id.0)?;
        }
        self.receipts(&self.shown.keys().copied().collect())?;
        Ok(Scope::Statements)
    }

    fn case(&mut self, case: StatementId) -> Result<Scope, MakeError> {
        self.channel.ledger_of(&case.0).case(&case.0).ok_or(MakeError::NoCase(case))?;
        let opening = self.find(&case).ok_or(MakeError::NoCase(case))?;
        let mut firsts = [0; 2];
        for (role, first) in Role::BOTH.into_iter().zip(&mut firsts) {
            let begins = if role == opening.author { opening.sequence } else { opening.peer_count };
            let begins = begins.min(of(&self.counts, role).saturating_sub(1));
            match self.words_confirmed(role)? {
                Some(words) if words < begins => {
                    self.whole(role, words)?;
                    *first = begins;
                }
                _ => *first = 0,
            }
        }
        let words = Kind::WordsConfirmed.number();
        let opens = (opening.author, opening.sequence);
        let needed = self.places(|header| {
            let is_case = header.case == case || (header.author, header.sequence) == opens;
            is_case || (header.kind == words && header.sequence >= *of(&firsts, header.author))
        });
        for (role, sequence) in needed {
            self.whole(role, sequence)?;
        }
        self.firsts = Some(firsts);
        self.receipts(&self.shown.keys().copied().collect())?;
        Ok(Scope::Case(case))
    }

    /// Where a party first confirmed the words of this channel.
    fn words_confirmed(&self, role: Role) -> Result<Option<u64>, MakeError> {
        for (author, sequence) in self.places(|it| it.kind == Kind::WordsConfirmed.number()) {
            let said = if author == role { Some(self.statement(role, sequence)?.said) } else { None };
            let confirms = |body: &[u8]| WordsConfirmed::confirms(body, &self.words);
            if said.is_some_and(|said| said.lists.is_empty() && confirms(&said.body)) {
                return Ok(Some(sequence));
            }
        }
        Ok(None)
    }

    /// The case as it was when an agreement was sealed.
    fn agreement(&mut self, about: StatementId) -> Result<Scope, MakeError> {
        let of = self.find(&about).ok_or(MakeError::NotSealed(about))?.case;
        let of = if of == StatementId::NONE { about } else { of };
        let ledger = self.channel.ledger_of(&of.0);
        let (case, agreement) = sealed(&ledger, &about).ok_or(MakeError::NotSealed(about))?;
        self.counts = self.sealing(&agreement).ok_or(MakeError::NotSealed(about))?;
        let case = StatementId(case);
        self.case(case)?;
        Ok(Scope::Agreement { case, offer: StatementId(agreement.offer) })
    }

    /// How many statements each party had made when both had acknowledged what an agreement needs.
    fn sealing(&self, agreement: &Agreement) -> Option<[u64; 2]> {
        let needed = match &agreement.means {
            Means::Confirm { confirm, .. } => vec![confirm],
            Means::Crossing { openers, others } => vec![openers, others],
        };
        let mut counts = [0, 0];
        for id in needed {
            let said = self.find(&StatementId(*id))?;
            let by = said.author.other();
            let all = self.said(by);
            let header = all.get(all.partition_point(|header| header.peer_count <= said.sequence))?;
            let past = [(by, header.sequence.saturating_add(1)), (by.other(), header.peer_count)];
            for (role, count) in past {
                let [inviter, joiner] = &mut counts;
                let held = if role == Role::Inviter { inviter } else { joiner };
                *held = count.max(*held);
            }
        }
        Some(counts)
    }

    fn person(&mut self, offer: StatementId, leg: u16, line: u32) -> Result<Scope, MakeError> {
        let header = self.find(&offer).ok_or(MakeError::Unknown(offer))?;
        let stored = self.stored(header.author, header.sequence).and_then(|it| it.content());
        let Some(Ok(Content::Offer(terms))) = stored else {
            return Err(MakeError::NoLine(offer));
        };
        let list = list_of(&terms, leg).ok_or(MakeError::NoLine(offer))?;
        self.part(header.author, header.sequence, &[(list, line)])?;
        self.receipts(&BTreeSet::from([(header.author, header.sequence)]))?;
        let case = if header.case == StatementId::NONE { offer } else { header.case };
        let ledger = self.channel.ledger_of(&case.0);
        if let Some(state) = ledger.case(&case.0) {
            let agreements = state.sealed().iter().chain(state.pending());
            for agreement in agreements.filter(|agreement| agreement.offer == offer.0) {
                self.agreed(agreement)?;
                let version = agreement.base.saturating_add(1);
                self.outcomes(case, version, leg, line)?;
            }
        }
        self.notices(case, &offer, &terms, leg, line)?;
        Ok(Scope::Person { offer, leg, line })
    }

    fn agreed(&mut self, agreement: &Agreement) -> Result<(), MakeError> {
        let (Means::Confirm { acceptance: one, confirm: other }
        | Means::Crossing { openers: one, others: other }) = &agreement.means;
        self.whole_id(one)?;
        self.whole_id(other)
    }

    /// What was said in handover lines of a version about a line of a leg.
    fn outcomes(&mut self, case: StatementId, version: u32, leg: u16, line: u32) -> Result<(), MakeError> {
        for (role, sequence) in self.places(|it| it.case == case && it.kind == Kind::Lines.number()) {
            let stored = self.stored(role, sequence).and_then(|it| it.content());
            let Some(Ok(Content::Lines(lines))) = stored else { continue };
            let about = |it: &HandoverLine| matches!(&it.subject, Subject::Listed { leg: at, line: of } if (*at, *of) == (leg, line));
            let numbered = (0u32..).zip(lines.lines());
            let shown: Vec<_> =
                numbered.filter(|(_, it)| about(it)).map(|(number, _)| (0usize, number)).collect();
            if lines.body().version == version && !shown.is_empty() {
                self.part(role, sequence, &shown)?;
            }
        }
        Ok(())
    }

    /// Notices of transfer and of breach that name the line: whole where they name nobody else.
    fn notices(
        &mut self,
        case: StatementId,
        offer: &StatementId,
        terms: &Offer,
        leg: u16,
        line: u32,
    ) -> Result<(), MakeError> {
        let notices = [Kind::TransferNotice, Kind::Breach].map(Kind::number);
        let mut breaches = BTreeMap::new();
        for (role, sequence) in self.places(|it| it.case == case && notices.contains(&it.kind)) {
            let Some(stored) = self.stored(role, sequence) else { continue };
            let conditions = &terms.body().terms.conditions;
            let (about, lines) = match stored.content() {
                Some(Ok(Content::TransferNotice(it))) => ((it.offer, Some(it.leg)), it.lines),
                Some(Ok(Content::Breach(it))) => {
                    let condition = conditions.get(usize::from(it.condition));
                    ((it.offer, condition.map(|condition| condition.leg)), it.lines)
                }
                _ => continue,
            };
            if about != (offer.0, Some(leg)) || !(lines.is_empty() || lines.contains(&line)) {
                continue;
            }
            let others = lines.iter().any(|it| *it != line);
            breaches.insert(stored.id.0, others);
            self.whole_or_withheld(role, sequence, others)?;
        }
        for (role, sequence) in self.places(|it| it.case == case && it.kind == Kind::BreachAnswered.number())
        {
            let Some(Ok(Content::BreachAnswered(it))) =
                self.stored(role, sequence).and_then(|it| it.content())
            else {
                continue;
            };
            if let Some(others) = breaches.get(&it.breach) {
                self.whole_or_withheld(role, sequence, *others)?;
            }
        }
        Ok(())
    }

    fn whole_or_withheld(&mut self, role: Role, sequence: u64, withheld: bool) -> Result<(), MakeError> {
        if withheld {
            self.shown.insert((role, sequence), Disclosure::Withheld);
            return Ok(());
        }
        self.whole(role, sequence)
    }

    /// Discloses a statement's body, and single lines: each a list and a place in it.
    fn part(&mut self, role: Role, sequence: u64, lines: &[(usize, u32)]) -> Result<(), MakeError> {
        let statement = self.statement(role, sequence)?;
        let missing = || MakeError::NoLine(statement.id());
        let mut lists = Vec::new();
        for (list, at) in statement.said.lists.iter().zip(0usize..) {
            let wanted = lines.iter().filter(|(of, _)| *of == at);
            let shown: Option<Vec<_>> = wanted.map(|(_, line)| list.show(*line)).collect();
            lists.push(PartList { root: list.root(), lines: shown.ok_or_else(missing)? });
        }
        let (salt, body) = (statement.said.salt, statement.said.body);
        self.shown.insert((role, sequence), Disclosure::Part(PartSaid { salt, body, lists }));
        Ok(())
    }

    fn bundle(self, scope: Scope) -> Result<Bundle, MakeError> {
        let chains = [self.chain(Role::Inviter)?, self.chain(Role::Joiner)?];
        let deposits = self.deposits()?;
        let places: Vec<_> = self.shown.keys().copied().collect();
        let mut proofs = Vec::new();
        for (role, sequence) in places {
            proofs.push(self.place(role, sequence)?);
        }
        let statements = proofs
            .into_iter()
            .zip(self.shown.into_values())
            .map(|(place, disclosure)| Element { place, disclosure });
        let session = self.channel.session().ok_or(MakeError::NotOpen)?;
        let (statements, preamble) = (statements.collect(), preamble(session));
        let forks = if scope == Scope::Fork { self.channel.proofs_of_forks() } else { Vec::new() };
        Ok(Bundle { preamble, scope, chains, statements, forks, deposits })
    }

    /// What relays signed of own statements that are shown whole and not acknowledged: the proofs hold all of them.
    fn deposits(&self) -> Result<Vec<Deposit>, MakeError> {
        let me = self.channel.thread.role;
        let untold = |at: &&(Role, u64)| at.0 == me && at.1 >= self.acknowledged(me);
        let mut deposits = Vec::new();
        for (place, disclosure) in self.shown.iter().filter(|(at, _)| untold(at)) {
            if matches!(disclosure, Disclosure::Whole(_)) {
                deposits.extend(deposit::of(self.channel, place.1)?);
            }
        }
        Ok(deposits)
    }

    /// How many of a party's statements the counterpart's head acknowledges.
    fn acknowledged(&self, role: Role) -> u64 {
        self.said(role.other()).last().map_or(0, |head| head.peer_count)
    }

    fn signed(&self, role: Role, sequence: u64) -> Result<SignedHeader, MakeError> {
        let Statement { header, signature, .. } = self.statement(role, sequence)?;
        Ok(SignedHeader { header, signature })
    }

    fn chain(&self, role: Role) -> Result<ChainShown, MakeError> {
        let Some(head) = self.said(role).last() else { return Ok(ChainShown::default()) };
        let (own, theirs) = (head.sequence, self.acknowledged(role));
        let consistency = consistency_proof(self.ids(role, own.max(theirs)), index(own.min(theirs)));
        let run = self.firsts.as_ref().map(|firsts| {
            let first = (*of(firsts, role)).min(own);
            let before = Frontier::of(self.ids(role, first));
            let headers = (first..own).filter_map(|at| self.channel.header_at(role, at));
            Run { before, headers: headers.collect() }
        });
        Ok(ChainShown { head: Some(self.signed(role, own)?), consistency, run })
    }

    fn place(&self, author: Role, sequence: u64) -> Result<Place, MakeError> {
        let last = self.said(author).last().map_or(0, |head| head.sequence);
        let first = self.firsts.as_ref().map_or(last, |firsts| *of(firsts, author));
        if sequence >= first.min(last) {
            return Ok(Place::Shown { author, sequence });
        }
        let path = |count| inclusion_proof(self.ids(author, count), index(sequence));
        let signed = self.signed(author, sequence)?;
        Ok(Place::Proved(Box::new(Proved {
            signed,
            own: path(last),
            acknowledged: path(self.acknowledged(author)),
        })))
    }
}

/// The sealed agreement that an id is part of, else the last of the case with that id; and its case.
fn sealed(ledger: &Ledger, about: &StatementId) -> Option<(Digest, Agreement)> {
    let part = |it: &Agreement| {
        let (Means::Confirm { acceptance: one, confirm: other }
        | Means::Crossing { openers: one, others: other }) = &it.means;
        [&it.offer, one, other].contains(&&about.0)
    };
    let among = |case: &CaseState<'_>| {
        let found = case.sealed().iter().find(|it| part(it));
        found.map(|agreement| (case.id(), agreement.clone()))
    };
    ledger.cases().find_map(|case| among(&case)).or_else(|| {
        let case = ledger.case(&about.0)?;
        Some((case.id(), case.sealed().last()?.clone()))
    })
}

/// The list that a leg names.
fn list_of(offer: &Offer, leg: u16) -> Option<usize> {
    match offer.legs().get(usize::from(leg))?.quantity {
        Quantity::List(list) => Some(list.into()),
        _ => None,
    }
}
