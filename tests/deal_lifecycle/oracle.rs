//! The table of the life of a proposal written down once more, from its description alone and as plainly as can be:
//! every question is asked anew of the set of statements in a past, by search. Slow, and meant to be.

use crate::talk::{Spoken, Talk};
use truceline::crypto::digest::Digest;
use truceline::deal::body::{Content, Offer};
use truceline::deal::handover::{Round, lists_digest};
use truceline::deal::judge::Ledger;
use truceline::deal::terms::Category;
use truceline::party::role::Role;
use truceline::statement::kind::Kind;

/// A set of statements: bit `n` for the `n`th said.
type Set = u128;

/// What each statement has in its past, and whether it is valid.
pub struct Oracle<'a> {
    said: &'a [Spoken],
    past: Vec<Set>,
    valid: Set,
}

impl<'a> Oracle<'a> {
    pub fn of(talk: &'a Talk) -> Self {
        assert!(talk.said.len() <= 128, "a set has 128 bits");
        let mut oracle = Self { said: &talk.said, past: Vec::new(), valid: 0 };
        for (at, it) in talk.said.iter().enumerate() {
            // Its author's statement before it, the last it acknowledges, and whatever those have in their past.
            let find = |author: Role, sequence: Option<u64>| {
                let found = |other: &Spoken| other.author == author && Some(other.sequence) == sequence;
                talk.said.iter().position(found)
            };
            let own = find(it.author, it.sequence.checked_sub(1));
            let other = find(it.author.other(), it.peer_count.checked_sub(1));
            let past =
                own.into_iter().chain(other).fold(0, |past, near| past | oracle.past[near] | 1 << near);
            oracle.past.push(past);
            if oracle.is_valid(it, past) {
                oracle.valid |= 1 << at;
            }
        }
        oracle
    }

    pub fn valid(&self, at: usize) -> bool {
        self.valid >> at & 1 == 1
    }

    /// A case as all that was said makes it.
    pub fn world(&self, case: Digest) -> World<'_> {
        World { oracle: self, held: Set::MAX, case }
    }

    fn is_valid(&self, it: &Spoken, past: Set) -> bool {
        let Some(content) = &it.content else { return true };
        let remains_only = matches!(content, Content::Offer(offer) if of_remains(offer));
        if !matches!(content, Content::Note(_)) && !remains_only && !self.words_in(past) {
            return false;
        }
        match (content, it.case) {
            (Content::Note(_) | Content::Standby(_) | Content::Query(_) | Content::Answer(_), _) => true,
            (Content::Offer(offer), None) => offer.body().base == 0,
            (_, None) => false,
            (_, Some(case)) => {
                let world = World { oracle: self, held: past, case };
                world.has_opened() && world.allows(it.author, content)
            }
        }
    }

    fn words_in(&self, past: Set) -> bool {
        let words = Kind::WordsConfirmed.number();
        let said = |role| {
            let mut all = self.said.iter().enumerate();
            all.any(|(at, it)| past >> at & 1 == 1 && it.author == role && it.kind == words)
        };
        said(Role::Inviter) && said(Role::Joiner)
    }
}

fn of_remains(offer: &Offer) -> bool {
    !offer.legs().is_empty() && offer.legs().iter().all(|leg| leg.category == Category::Remains)
}

/// A case as a set of statements makes it.
#[derive(Clone, Copy)]
pub struct World<'a> {
    oracle: &'a Oracle<'a>,
    held: Set,
    case: Digest,
}

impl<'a> World<'a> {
    fn held(self) -> impl Iterator<Item = (usize, &'a Spoken)> {
        self.oracle.said.iter().enumerate().filter(move |(at, _)| self.held >> at & 1 == 1)
    }

    /// The valid statements of the case, in some order that keeps each chain's.
    fn all(self) -> impl Iterator<Item = (usize, &'a Spoken, &'a Content)> {
        let of_case = move |it: &Spoken| it.case.unwrap_or(it.id) == self.case;
        let valid = self.held().filter(move |(at, it)| self.oracle.valid(*at) && of_case(it));
        valid.filter_map(|(at, it)| it.content.as_ref().map(|content| (at, it, content)))
    }

    fn any(self, says: impl Fn(&Spoken, &Content) -> bool) -> bool {
        self.all().any(|(_, it, content)| says(it, content))
    }

    fn opener(self) -> Role {
        self.all().find(|(_, it, _)| it.id == self.case).unwrap().1.author
    }

    fn has_opened(self) -> bool {
        self.any(|it, content| it.id == self.case && matches!(content, Content::Offer(_)))
    }

    /// The valid offer with this id, and its author.
    fn offer(self, id: Digest) -> Option<(Role, &'a Offer)> {
        self.all().find(|(_, it, _)| it.id == id).and_then(|(_, it, content)| match content {
            Content::Offer(offer) => Some((it.author, &**offer)),
            _ => None,
        })
    }

    /// The valid acceptance with this id, its author and its offer.
    fn acceptance(self, id: Digest) -> Option<(Role, Digest)> {
        self.all().find(|(_, it, _)| it.id == id).and_then(|(_, it, content)| match content {
            Content::Accept(accept) => Some((it.author, accept.offer)),
            _ => None,
        })
    }

    fn withdrawn(self, offer: Digest) -> bool {
        self.any(|_, content| matches!(content, Content::Withdraw(it) if it.offer == offer))
    }

    fn rejected(self, offer: Digest) -> bool {
        self.any(|_, content| matches!(content, Content::Reject(it) if it.offer == offer))
    }

    fn lapsed(self, acceptance: Digest) -> bool {
        self.any(|_, content| matches!(content, Content::Lapse(it) if it.acceptance == acceptance))
    }

    fn confirm_of(self, acceptance: Digest) -> Option<&'a Spoken> {
        let confirms =
            |content: &Content| matches!(content, Content::Confirm(it) if it.acceptance == acceptance);
        self.all().find(|(_, _, content)| confirms(content)).map(|(_, it, _)| it)
    }

    /// Acceptances on `base`, not lapsed, of offers that are not withdrawn: each with its offer.
    fn standing(self, base: u32) -> Vec<(&'a Spoken, Digest)> {
        let mut standing = Vec::new();
        for (_, it, content) in self.all() {
            let Content::Accept(accept) = content else { continue };
            let (_, offer) = self.offer(accept.offer).unwrap();
            if offer.body().base == base && !self.lapsed(it.id) && !self.withdrawn(accept.offer) {
                standing.push((it, accept.offer));
            }
        }
        standing
    }

    /// Whether a later statement of `role`, void or not, acknowledges `what`.
    fn acknowledged(self, role: Role, what: &Spoken) -> bool {
        self.held().any(|(_, it)| it.author == role && it.peer_count > what.sequence)
    }

    /// The offer that is agreed and sealed on `base`.
    fn sealed_on(self, base: u32) -> Option<Digest> {
        let standing = self.standing(base);
        let of = |role: Role| standing.iter().find(|(it, _)| it.author == role);
        let opener = self.opener();
        if let (Some((openers, _)), Some((others, offer))) = (of(opener), of(opener.other())) {
            let both = self.acknowledged(opener, others) && self.acknowledged(opener.other(), openers);
            return both.then_some(*offer);
        }
        let confirmed = standing.iter().find_map(|(it, offer)| Some((it, offer, self.confirm_of(it.id)?)));
        let (acceptance, offer, confirm) = confirmed?;
        self.acknowledged(acceptance.author, confirm).then_some(*offer)
    }

    pub fn version(self) -> u32 {
        (0..).find(|base| self.sealed_on(*base).is_none()).unwrap()
    }

    fn live(self, role: Role) -> Option<(&'a Spoken, Digest)> {
        self.standing(self.version()).into_iter().find(|(it, _)| it.author == role)
    }

    fn hanging(self, role: Role) -> bool {
        let confirmed = |(it, _): (&Spoken, _)| self.confirm_of(it.id).is_some();
        self.live(role).is_some() || self.live(role.other()).is_some_and(confirmed)
    }

    fn open(self, id: Digest) -> bool {
        let current = self.offer(id).is_some_and(|(_, offer)| offer.body().base == self.version());
        current && !self.withdrawn(id) && !self.rejected(id)
    }

    /// The version's offer: none at version 0, nor where it is empty.
    fn terms(self) -> Option<(Digest, &'a Offer)> {
        let id = self.sealed_on(self.version().checked_sub(1)?)?;
        self.offer(id).map(|(_, offer)| (id, offer)).filter(|(_, offer)| !offer.legs().is_empty())
    }

    /// Suspends, and transport notices that take the place of another or of what their author was ready for.
    pub fn round(self, version: u32) -> Round {
        let breaks = |role: Role| {
            let by = self.all().filter(|(_, it, _)| it.author == role);
            let count = by.filter(|(at, _, content)| match content {
                Content::Suspend(it) => it.version == version,
                Content::Transport(it) if it.version == version => {
                    let before = World { held: self.oracle.past[*at], ..self };
                    before.notice(role, version).is_some()
                        || before.is_ready(role, version, before.round(version))
                }
                _ => false,
            });
            u32::try_from(count.count()).unwrap()
        };
        Round { opener: breaks(self.opener()), other: breaks(self.opener().other()) }
    }

    fn notice(self, role: Role, version: u32) -> Option<Digest> {
        let by = self.all().filter(|(_, it, _)| it.author == role);
        by.filter(|(_, _, content)| matches!(content, Content::Transport(it) if it.version == version))
            .last()
            .map(|(_, it, _)| it.id)
    }

    pub fn notice_acknowledged(self, notice: Digest) -> bool {
        self.any(|_, content| matches!(content, Content::TransportAcknowledged(it) if it.notice == notice))
    }

    pub fn is_ready(self, role: Role, version: u32, round: Round) -> bool {
        self.any(|it, content| {
            let ready = |of: u32, at: Round| it.author == role && of == version && at == round;
            matches!(content, Content::Ready(it) if ready(it.version, it.round))
        })
    }

    pub fn went(self, role: Role, version: u32, round: Round) -> bool {
        self.any(|it, content| {
            let went = |of: u32, at: Round| it.author == role && of == version && at == round;
            matches!(content, Content::Go(it) if went(it.version, it.round))
        })
    }

    pub fn gone(self, role: Role) -> bool {
        let version = self.version();
        self.went(role, version, self.round(version))
    }

    /// Whether both parties' goes carry this version and one round, whatever that is.
    pub fn effective(self, version: u32) -> bool {
        let mut goes = self.all().filter_map(|(_, it, content)| match content {
            Content::Go(go) if go.version == version => Some((it.author, go.round)),
            _ => None,
        });
        goes.any(|(role, round)| self.went(role.other(), version, round))
    }

    /// What the author's last lock of the version names.
    fn lock(self, role: Role, version: u32) -> Option<Digest> {
        let by = self.all().filter(|(_, it, _)| it.author == role);
        let locks = by.filter_map(|(_, _, content)| match content {
            Content::Lock(it) if it.version == version => Some(it.lists),
            _ => None,
        });
        locks.last()
    }

    fn has_locked(self, role: Role) -> bool {
        let Some((id, offer)) = self.terms() else { return false };
        let version = self.version();
        self.lock(role, version) == Some(lists_digest(version, &id, &offer.body().lists))
    }

    pub fn locked(self) -> bool {
        self.has_locked(Role::Inviter) && self.has_locked(Role::Joiner)
    }

    pub fn settled(self) -> bool {
        let (Some((_, offer)), version) = (self.terms(), self.version()) else { return false };
        Role::BOTH.into_iter().all(|role| match self.notice(role, version) {
            Some(notice) => self.notice_acknowledged(notice),
            None => offer.legs().iter().all(|leg| leg.giver != role),
        })
    }

    pub fn closed(self, role: Role) -> bool {
        self.any(|it, content| it.author == role && matches!(content, Content::Closed(_)))
    }

    /// The table.
    fn allows(self, author: Role, content: &Content) -> bool {
        let (other, version) = (author.other(), self.version());
        let current = |of: u32| of == version && self.terms().is_some();
        let in_round = |of: u32, round: Round| current(of) && round == self.round(version);
        let (free, gone) = (!self.hanging(author), self.gone(author));
        match content {
            Content::Note(_) | Content::Standby(_) | Content::Query(_) | Content::Answer(_) => true,
            Content::Offer(it) => it.body().base == version && free && !gone,
            Content::Withdraw(it) => {
                self.open(it.offer) && self.offer(it.offer).is_some_and(|of| of.0 == author) && free
            }
            Content::Reject(it) => {
                let own = self.live(author).is_some_and(|(_, offer)| offer == it.offer);
                self.open(it.offer) && self.offer(it.offer).is_some_and(|of| of.0 == other) && !own
            }
            Content::Accept(it) => {
                let others = self.open(it.offer) && self.offer(it.offer).is_some_and(|of| of.0 == other);
                others && free && !gone && self.live(other).is_none()
            }
            Content::Confirm(it) => {
                let live = self.live(other).is_some_and(|(live, _)| live.id == it.acceptance);
                let own_lapses = self.all().filter(|(_, it, content)| match content {
                    Content::Lapse(lapse) => {
                        let (_, offer) = self.acceptance(lapse.acceptance).unwrap();
                        it.author == author && self.offer(offer).unwrap().1.body().base == version
                    }
                    _ => false,
                });
                let mut unseen = own_lapses.filter(|(_, lapse, _)| !self.acknowledged(other, lapse));
                live && free && !gone && unseen.next().is_none()
            }
            Content::Lapse(it) => {
                let live = self.live(author).is_some_and(|(live, _)| live.id == it.acceptance);
                live && self.confirm_of(it.acceptance).is_none() && self.live(other).is_none()
            }
            Content::Lock(it) => current(it.version) && free && !self.has_locked(author),
            Content::Transport(it) => current(it.version) && self.locked() && !gone,
            Content::TransportAcknowledged(it) => {
                self.notice(other, version) == Some(it.notice) && !self.notice_acknowledged(it.notice)
            }
            Content::Ready(it) => {
                let again = self.is_ready(author, version, it.round);
                in_round(it.version, it.round) && free && !again && self.locked() && self.settled()
            }
            Content::Go(it) => {
                let ready = |role| self.is_ready(role, version, it.round);
                in_round(it.version, it.round) && free && !gone && ready(author) && ready(other)
            }
            Content::Suspend(it) => in_round(it.version, it.round) && !gone,
            Content::Lines(it) => {
                let of = it.body().version;
                let Some((_, offer)) = self.terms() else { return false };
                let legs = offer.legs();
                let fits = it.lines().iter().all(|line| {
                    let leg = legs.get(usize::from(line.subject.leg()));
                    leg.is_some_and(|leg| leg.category == Category::Remains || !self.closed(author))
                });
                current(of) && self.effective(of) && fits
            }
            Content::Closed(it) => current(it.version) && self.effective(it.version) && !self.closed(author),
            Content::TransferNotice(it) => self.offer(it.offer).is_some(),
            Content::Breach(it) => (0..version).any(|base| self.sealed_on(base) == Some(it.offer)),
            Content::BreachAnswered(it) => self.any(|of, content| {
                of.id == it.breach && of.author == other && matches!(content, Content::Breach(_))
            }),
        }
    }
}

/// The table written down twice says the same of every statement, and of what stands in the end.
pub fn agrees_with_the_oracle(talk: &Talk, ledger: &Ledger) {
    let oracle = Oracle::of(talk);
    for (at, it) in talk.said.iter().enumerate() {
        let verdict = ledger.verdict(&it.id).unwrap();
        assert_eq!(verdict.is_ok(), oracle.valid(at), "statement {at}, {verdict:?}: {it:?}");
    }
    for case in ledger.cases() {
        let world = oracle.world(case.id());
        assert_eq!(case.version(), world.version());
        let Some(handover) = case.handover() else { continue };
        let (version, round) = (case.version(), world.round(case.version()));
        assert_eq!(handover.round(), round);
        assert_eq!(handover.is_effective(), world.effective(version));
        if handover.is_cancelled() {
            continue;
        }
        assert_eq!(handover.is_locked(), world.locked());
        assert_eq!(handover.transport_settled(), world.settled());
        for role in Role::BOTH {
            assert_eq!(handover.is_ready(role), world.is_ready(role, version, round));
            assert_eq!(handover.is_gone(role), world.gone(role));
            assert_eq!(handover.closed(role).is_some(), world.closed(role));
        }
    }
}
