//! Checking a bundle: every signature, proof and commitment in it, from its bytes alone. May not know what a case
//! comes to.

use crate::crypto::digest::Digest;
use crate::crypto::merkle::{Frontier, verify_consistency, verify_inclusion};
use crate::crypto::sign::SignError;
use crate::party::role::Role;
use crate::statement::evidence::checked::{BundleError, CheckedBundle, Fault, Proven};
use crate::statement::evidence::{
    Bundle, ChainShown, Disclosure, Element, Fork, PartSaid, Place, Proved, Run, SignedHeader, complete, of,
    read,
};
use crate::statement::export::Preamble;
use crate::statement::header::{Header, StatementId};
use crate::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX, ListError};
use crate::statement::signed::{LISTS_MAX, StatementError, commitment, verify_header};
use std::collections::BTreeSet;

/// Reads and checks a bundle: the introduction's signatures by `verify`, and everything in it.
///
/// # Errors
/// [`BundleError`], at the first defect.
pub fn check(
    bytes: &[u8],
    verify: impl Fn(Role, &Preamble) -> Result<(), SignError>,
) -> Result<CheckedBundle, BundleError> {
    let (bundle, digest) = read::read(bytes)?;
    let [inviter, joiner] = &bundle.preamble.cards;
    if inviter.key().shares_with(joiner.key()) {
        return Err(BundleError::CardsShareKey);
    }
    for role in Role::BOTH {
        verify(role, &bundle.preamble).map_err(BundleError::IntroductionUnsigned)?;
    }
    for role in Role::BOTH {
        bundle.check_head(role).map_err(|fault| BundleError::Head { role, fault })?;
    }
    let trees = [bundle.check_run(Role::Inviter)?, bundle.check_run(Role::Joiner)?];
    for role in Role::BOTH {
        bundle.check_acknowledged(role, of(&trees, role.other()).as_ref())?;
    }
    bundle.check_forks()?;
    let statements = bundle.check_statements()?;
    bundle.check_deposits(&statements)?;
    let [first, second] = bundle.chains;
    let heads = [&first, &second].map(|chain| chain.head.as_ref().map(|head| head.header.clone()));
    let runs = [first.run, second.run].map(|run| run.map(|run| run.headers));
    let forks = bundle.forks.into_iter().map(|Fork(pair)| pair.map(|it| it.header)).collect();
    let mut checked = CheckedBundle {
        digest,
        preamble: bundle.preamble,
        scope: bundle.scope,
        heads,
        runs,
        statements,
        forks,
        deposits: bundle.deposits,
    };
    complete::check(&checked).map_err(BundleError::Incomplete)?;
    checked.find_acknowledgements();
    Ok(checked)
}

/// A run's ids and the tree's root before each, and after the last.
struct Tree {
    first: u64,
    ids: Vec<StatementId>,
    roots: Vec<Digest>,
}

impl Tree {
    /// The `count`-th id and the root over so many, where the run shows them.
    fn at(&self, count: u64) -> (Option<StatementId>, Option<Digest>) {
        let at = |count: u64| usize::try_from(count.checked_sub(self.first)?).ok();
        let id = match count.checked_sub(1) {
            None => Some(StatementId::NONE),
            Some(last) => at(last).and_then(|at| self.ids.get(at)).copied(),
        };
        (id, at(count).and_then(|at| self.roots.get(at)).copied())
    }
}

impl Bundle {
    fn chain(&self, role: Role) -> &ChainShown {
        of(&self.chains, role)
    }

    fn head(&self, role: Role) -> Option<&SignedHeader> {
        self.chain(role).head.as_ref()
    }

    /// The author's signature over a header of this channel.
    fn check_signed(&self, SignedHeader { header, signature }: &SignedHeader) -> Result<(), Fault> {
        if header.channel != self.preamble.channel {
            return Err(Fault::ChannelMismatch);
        }
        Ok(verify_header(header, signature, of(&self.preamble.cards, header.author).key())?)
    }

    /// A party's head: its signature, and that its chain is one with what the counterpart's head acknowledges.
    fn check_head(&self, role: Role) -> Result<(), Fault> {
        let empty = Frontier::new().root();
        let peer = self.head(role.other()).map(|head| &head.header);
        let acknowledged = peer.map_or(0, |peer| peer.peer_count);
        if peer.is_some_and(|it| acknowledged == 0 && it.peer_root != empty)
            || peer.is_some_and(|it| (it.peer_head == StatementId::NONE) != (acknowledged == 0))
        {
            return Err(Fault::PeerMismatch);
        }
        let ChainShown { head, consistency, run } = self.chain(role);
        let Some(head) = head else {
            let nothing = acknowledged == 0 && consistency.is_empty() && run.is_none();
            return if nothing { Ok(()) } else { Err(Fault::NoHead) };
        };
        let header = &head.header;
        if header.author != role {
            return Err(Fault::Misplaced);
        }
        self.check_signed(head)?;
        let own = (header.sequence, &header.own_root);
        if (own.0 == 0) != (header.previous == StatementId::NONE) {
            return Err(Fault::ChainBroken);
        }
        if own.0 == 0 && *own.1 != empty {
            return Err(Fault::RootMismatch);
        }
        let Some(peer) = peer.filter(|_| acknowledged > 0) else {
            return if consistency.is_empty() { Ok(()) } else { Err(Fault::Proof) };
        };
        let last = match own.0.checked_add(1).and_then(|count| count.checked_sub(acknowledged)) {
            None => return Err(Fault::PeerMismatch),
            Some(0) => Some(header.id()),
            Some(1) => Some(header.previous),
            Some(_) => None,
        };
        let single = (acknowledged == 1).then_some(peer.peer_head.0);
        if last.is_some_and(|last| last != peer.peer_head)
            || single.is_some_and(|root| root != peer.peer_root)
        {
            return Err(Fault::PeerMismatch);
        }
        let theirs = (acknowledged, &peer.peer_root);
        let (old, new) = if own.0 <= theirs.0 { (own, theirs) } else { (theirs, own) };
        Ok(verify_consistency(old, new, consistency)?)
    }

    /// A party's run: each header's place, what it follows, and the root that it signs.
    fn check_run(&self, role: Role) -> Result<Option<Tree>, BundleError> {
        let chain = self.chain(role);
        let (Some(Run { before, headers }), Some(head)) = (&chain.run, &chain.head) else { return Ok(None) };
        let first = before.size();
        let broken = |sequence, fault| BundleError::Run { role, sequence, fault };
        if !before.is_sound() {
            return Err(broken(first, Fault::RootMismatch));
        }
        let mut tree = before.clone();
        let (mut ids, mut roots, mut acknowledged) = (Vec::new(), vec![tree.root()], 0);
        for (sequence, header) in (first..).zip(headers.iter().chain([&head.header])) {
            let root = roots.last().copied().unwrap_or_default();
            let fault = if header.channel != self.preamble.channel {
                Some(Fault::ChannelMismatch)
            } else if (header.author, header.sequence) != (role, sequence) {
                Some(Fault::Misplaced)
            } else if ids.last().is_some_and(|before| *before != header.previous)
                || (sequence == 0) != (header.previous == StatementId::NONE)
            {
                Some(Fault::ChainBroken)
            } else if header.own_root != root {
                Some(Fault::RootMismatch)
            } else if header.peer_count < acknowledged {
                Some(Fault::AcknowledgementReversed)
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(broken(sequence, fault));
            }
            acknowledged = header.peer_count;
            let id = header.id();
            tree.push(id.0);
            ids.push(id);
            roots.push(tree.root());
        }
        Ok(Some(Tree { first, ids, roots }))
    }

    /// That what a party's run acknowledges is the counterpart's run, as far as that is shown.
    fn check_acknowledged(&self, role: Role, peer: Option<&Tree>) -> Result<(), BundleError> {
        let ChainShown { head, run: Some(run), .. } = self.chain(role) else { return Ok(()) };
        let Some(peer) = peer else { return Ok(()) };
        for header in run.headers.iter().chain(head.iter().map(|head| &head.header)) {
            let (id, root) = peer.at(header.peer_count);
            if id.is_some_and(|id| id != header.peer_head)
                || root.is_some_and(|root| root != header.peer_root)
            {
                let (sequence, fault) = (header.sequence, Fault::PeerMismatch);
                return Err(BundleError::Run { role, sequence, fault });
            }
        }
        Ok(())
    }

    fn check_forks(&self) -> Result<(), BundleError> {
        let mut last = None;
        for (at, Fork([first, second])) in self.forks.iter().enumerate() {
            let broken = |fault| BundleError::Fork { at, fault };
            let place = (first.header.author, first.header.sequence);
            if place != (second.header.author, second.header.sequence)
                || first.header.id() >= second.header.id()
            {
                return Err(broken(Fault::NoFork));
            }
            if last.replace(place).is_some_and(|last| last >= place) {
                return Err(broken(Fault::OutOfOrder));
            }
            self.check_signed(first).and_then(|()| self.check_signed(second)).map_err(broken)?;
        }
        Ok(())
    }

    fn check_statements(&self) -> Result<Vec<Proven>, BundleError> {
        let mut last = None;
        let mut statements = Vec::new();
        for (at, element) in self.statements.iter().enumerate() {
            let broken = |fault| BundleError::Statement { at, fault };
            let header = self.header(&element.place).map_err(broken)?;
            let place = (header.author, header.sequence);
            if last.replace(place).is_some_and(|last| last >= place) {
                return Err(broken(Fault::OutOfOrder));
            }
            let Element { disclosure, .. } = element;
            disclosure.check(header).map_err(broken)?;
            let (header, disclosure) = (header.clone(), disclosure.clone());
            statements.push(Proven { id: header.id(), header, acknowledged: None, disclosure });
        }
        Ok(statements)
    }

    /// The header at a place, once it is tied to its author's head.
    fn header<'a>(&'a self, place: &'a Place) -> Result<&'a Header, Fault> {
        let (author, sequence) = match place {
            Place::Shown { author, sequence } => (*author, *sequence),
            Place::Proved(proved) => (proved.signed.header.author, proved.signed.header.sequence),
        };
        let chain = self.chain(author);
        let head = chain.head.as_ref().map(|head| &head.header).ok_or(Fault::NoHead)?;
        let in_run = chain
            .run
            .as_ref()
            .and_then(|run| run.headers.get(usize::try_from(sequence.checked_sub(run.before.size())?).ok()?));
        let shown = if sequence == head.sequence { Some(head) } else { in_run };
        match (place, shown) {
            (Place::Shown { .. }, Some(shown)) => Ok(shown),
            (Place::Proved(proved), None) => self.check_proved(proved, head).map(|()| &proved.signed.header),
            _ => Err(Fault::Misplaced),
        }
    }

    fn check_proved(&self, proved: &Proved, head: &Header) -> Result<(), Fault> {
        self.check_signed(&proved.signed)?;
        let header = &proved.signed.header;
        let id = header.id().0;
        verify_inclusion(&id, header.sequence, head.sequence, &proved.own, &head.own_root)?;
        let peer = self.head(header.author.other()).map(|head| &head.header);
        match peer.filter(|peer| header.sequence < peer.peer_count) {
            Some(peer) => {
                let size = peer.peer_count;
                Ok(verify_inclusion(&id, header.sequence, size, &proved.acknowledged, &peer.peer_root)?)
            }
            None if proved.acknowledged.is_empty() => Ok(()),
            None => Err(Fault::Proof),
        }
    }

    fn check_deposits(&self, statements: &[Proven]) -> Result<(), BundleError> {
        let whole = statements.iter().filter(|it| matches!(it.disclosure, Disclosure::Whole(_)));
        let places: BTreeSet<_> = whole.map(|it| (it.header.author, it.header.sequence)).collect();
        let mut last = None;
        for (at, deposit) in self.deposits.iter().enumerate() {
            let place = (deposit.author, deposit.sequence);
            if !places.contains(&place) || last.replace(place).is_some_and(|last| last >= place) {
                return Err(BundleError::Deposit { at });
            }
        }
        Ok(())
    }
}

impl Disclosure {
    /// That what is shown is what the header commits to.
    fn check(&self, header: &Header) -> Result<(), Fault> {
        let found = match self {
            Self::Withheld => return Ok(()),
            Self::Whole(said) => {
                said.check()?;
                said.commitment()
            }
            Self::Part(part) => {
                part.check()?;
                commitment(&part.salt, &part.body, part.lists.iter().map(|list| list.root))
            }
        };
        if found == header.commitment { Ok(()) } else { Err(StatementError::CommitmentBroken.into()) }
    }
}

impl PartSaid {
    /// Limits, order, and the path of each line. What has no list is shown whole or not at all.
    fn check(&self) -> Result<(), Fault> {
        if self.lists.is_empty() || self.lists.len() > LISTS_MAX {
            return Err(StatementError::TooManyLists.into());
        }
        for (list, number) in self.lists.iter().zip(1..) {
            let lines = usize::try_from(list.root.lines).unwrap_or(usize::MAX);
            if lines == 0 {
                return Err(StatementError::List(ListError::Empty).into());
            }
            if lines > LIST_LINES_MAX {
                return Err(StatementError::List(ListError::TooManyLines(lines)).into());
            }
            let mut next = 0;
            for line in &list.lines {
                let index = u64::from(line.index);
                let broken = Fault::Line { list: number, line: index + 1 };
                let in_order = index >= std::mem::replace(&mut next, index + 1);
                if !in_order || line.line.len() > LINE_BYTES_MAX || line.verify(&list.root).is_err() {
                    return Err(broken);
                }
            }
        }
        Ok(())
    }
}
