//! The demonstration's second half: from the seal to a handover that did not go as agreed. Nothing in it is played.

use crate::deal::body::{Content, Lines, Offer};
use crate::deal::handover::{
    Closed, Go, HandoverLine, LinesBody, Lock, Mode, Outcome, Ready, Round, Subject, Transport,
    TransportAcknowledged,
};
use crate::deal::lines::all_delivered;
use crate::deal::person::{Line, Name, Person};
use crate::deal::word::Text;
use crate::desk::demo::Side;
use crate::desk::demo_text::{self as tell, Telling};
use crate::desk::held;
use crate::desk::progress::Progress;
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::list::List;
use anyhow::{Context, Result, ensure};

/// The version that the demonstration has sealed, and its only round.
const VERSION: u32 = 1;
const ROUND: Round = Round { opener: 0, other: 0 };
/// Of the leg that Velmara gives, the line that does not come.
const MISSING: u32 = 11;

/// Both sides, and the case between them.
pub(crate) struct Handover<'a> {
    pub(crate) case: StatementId,
    pub(crate) velmara: &'a mut Side,
    pub(crate) tarrun: &'a mut Side,
}

impl Handover<'_> {
    /// From the locks to the closing.
    pub(crate) async fn play(&mut self, tell: &mut Telling) -> Result<()> {
        self.lock(tell).await?;
        self.move_out(tell).await?;
        self.say_what_came(tell).await?;
        self.close(tell).await
    }

    fn both(&mut self, content: &Content) -> Result<()> {
        for side in [&mut *self.velmara, &mut *self.tarrun] {
            side.say(Some(self.case), content, Vec::new())?;
        }
        Ok(())
    }

    /// Whatever was said is known to both.
    async fn settle(&mut self) -> Result<()> {
        self.velmara.sync().await?;
        self.tarrun.sync().await?;
        self.velmara.sync().await
    }

    /// The offer that was sealed, as one side holds it, and the digest of its lists.
    fn sealed(&self, side: &Side) -> Result<(Box<Offer>, crate::crypto::digest::Digest)> {
        let channel = side.channel()?;
        let ledger = channel.ledger();
        let case = ledger.case(&self.case.0).context("the case is not there")?;
        let handover = case.handover().context("nothing is sealed")?;
        let offer = held::offer(channel, &handover.offer()).context("the sealed offer is not there")?;
        Ok((offer, handover.lists()))
    }

    async fn lock(&mut self, tell: &mut Telling) -> Result<()> {
        tell.step("Both lock the lists", "Tarrun first: its lock shows that it holds the seal.");
        let mut digests = Vec::new();
        for name in ["Tarrun", "Velmara"] {
            let side: &Side = if name == "Tarrun" { self.tarrun } else { self.velmara };
            let (_, lists) = self.sealed(side)?;
            tell.fact(name, &format!("locks {}", tell::groups(&lists.hex())));
            let content = Content::Lock(Lock { version: VERSION, lists });
            let side = if name == "Tarrun" { &mut *self.tarrun } else { &mut *self.velmara };
            side.say(Some(self.case), &content, Vec::new())?;
            self.settle().await?;
            digests.push(lists);
        }
        ensure!(digests.first() == digests.last(), "the two locks differ");
        Ok(())
    }

    async fn move_out(&mut self, tell: &mut Telling) -> Result<()> {
        tell.step("They say how they move, and go", "Nobody moves on their own go: each must hold both.");
        let mut notices = Vec::new();
        for (side, mode, persons) in
            [(&mut *self.velmara, Mode::Bus, 38), (&mut *self.tarrun, Mode::Train, 38)]
        {
            let content = Content::Transport(Transport {
                version: VERSION,
                mode,
                vehicles: Vec::new(),
                persons: Some(persons),
                corridor: None,
                route: Some(Text::new("To the bridge of Kelda.")?),
                window: None,
                airspace: None,
                remark: None,
            });
            notices.push(side.say(Some(self.case), &content, Vec::new())?);
        }
        self.settle().await?;
        for (side, notice) in [&mut *self.tarrun, &mut *self.velmara].into_iter().zip(&notices) {
            let content = Content::TransportAcknowledged(TransportAcknowledged { notice: notice.0 });
            side.say(Some(self.case), &content, Vec::new())?;
        }
        self.settle().await?;
        tell.fact("transport", "Velmara by bus, Tarrun by train; each has acknowledged the other's notice");
        self.both(&Content::Ready(Ready { version: VERSION, round: ROUND }))?;
        self.settle().await?;
        self.both(&Content::Go(Go { version: VERSION, round: ROUND, window: None }))?;
        self.settle().await?;
        for side in [&*self.velmara, &*self.tarrun] {
            let ledger = side.channel()?.ledger();
            let case = ledger.case(&self.case.0).context("the case is not there")?;
            let effective = case.handover().is_some_and(|handover| handover.is_effective());
            ensure!(effective, "a side does not hold both goes");
        }
        tell.fact("go", "both are ready, and both hold both goes: persons move");
        Ok(())
    }

    /// Velmara says that all came. Tarrun says that one of them did not, and that somebody else did.
    async fn say_what_came(&mut self, tell: &mut Telling) -> Result<()> {
        tell.step("Each says what became of whom", "What differs is computed from the two, never typed.");
        let (offer, _) = self.sealed(self.velmara)?;
        let theirs = offer.legs().iter().position(|leg| leg.giver == Role::Inviter);
        let leg = u16::try_from(theirs.context("Velmara gives nobody")?)?;
        let mut seen = all_delivered(&offer);
        let missing = Subject::Listed { leg, line: MISSING };
        let line = seen.iter_mut().find(|line| line.subject == missing).context("the list is too short")?;
        line.outcome = Outcome::NotDelivered;
        let surplus = HandoverLine {
            subject: Subject::Unlisted { leg, who: stranger(&offer)? },
            outcome: Outcome::Surplus,
            ..line.clone()
        };
        seen.push(surplus);
        for (side, lines) in [(&mut *self.velmara, all_delivered(&offer)), (&mut *self.tarrun, seen)] {
            let records = lines.iter().map(HandoverLine::encode_line).collect::<Result<Vec<_>, _>>()?;
            let lists = vec![List::new(side.service.random_seed(), records)?];
            let root = lists.first().map(List::root).context("no list was made")?;
            let content = Content::Lines(Lines::join(LinesBody { version: VERSION, lines: root }, &lists)?);
            side.say(Some(self.case), &content, lists)?;
        }
        self.settle().await?;
        for (name, side) in [("Velmara", &*self.velmara), ("Tarrun", &*self.tarrun)] {
            let channel = side.channel()?;
            let ledger = channel.ledger();
            let case = ledger.case(&self.case.0).context("the case is not there")?;
            let found = Progress::of(channel, &case).context("nothing is sealed")?.discrepancy();
            let differs = found.legs.iter().filter(|leg| !leg.findings.is_empty());
            for leg in differs {
                tell.fact(name, &format!("computes of leg {}: {}", leg.leg + 1, leg.both()));
            }
        }
        Ok(())
    }

    async fn close(&mut self, tell: &mut Telling) -> Result<()> {
        self.both(&Content::Closed(Closed { version: VERSION, remark: None }))?;
        self.settle().await?;
        for side in [&*self.velmara, &*self.tarrun] {
            let ledger = side.channel()?.ledger();
            let case = ledger.case(&self.case.0).context("the case is not there")?;
            ensure!(case.handover().is_some_and(|handover| handover.is_closed()), "it is not closed");
        }
        tell.fact("closed", "by both, with what differs on record; results on remains may still change");
        Ok(())
    }
}

/// Somebody whom nobody has listed: the fields of a listed person, under another name.
fn stranger(offer: &Offer) -> Result<Line> {
    let listed = offer.legs().iter().flat_map(|leg| offer.lines(leg)).find_map(Line::person);
    let name = Name {
        surname: Some(Text::new("Невідомий")?),
        first_names: Some(Text::new("Остап")?),
        patronymic: None,
    };
    let person = Person { name, romanised: None, ..listed.context("nobody is listed")?.clone() };
    Ok(Line::Person(Box::new(person)))
}
