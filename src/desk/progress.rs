//! How far a handover has come: locks, transport, ready, go, lines, closing, stages, and what the two sides' lines
//! come to.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::discrepancy::{Discrepancy, discrepancy};
use crate::deal::handover::{HandoverLine, Round, TransferNotice};
use crate::deal::progress::Handover;
use crate::deal::staging;
use crate::deal::state::CaseState;
use crate::deal::terms::Category;
use crate::desk::content::round_json;
use crate::desk::held::{self, Holds};
use crate::desk::names::Names;
use crate::desk::screen::{count, field, short};
use crate::desk::tell::{FIELD, round_text};
use crate::party::role::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The handover of a case's current version, with what was agreed and what was said of it.
pub struct Progress<'a> {
    handover: Handover<'a>,
    offer: Box<Offer>,
    /// The inviter's lines, and the joiner's.
    lines: [Vec<HandoverLine>; 2],
    notices: Vec<TransferNotice>,
}

/// A step of a handover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How far the inviter has come, and the joiner.
    pub sides: [String; 2],
    /// What that comes to, once both have.
    pub both: Option<&'static str>,
}

impl<'a> Progress<'a> {
    /// Of a case; none where nothing is sealed, or what is sealed is a cancellation.
    #[must_use]
    pub fn of(held: &dyn Holds, case: &CaseState<'a>) -> Option<Self> {
        let handover = case.handover()?;
        let offer = held::offer(held, &handover.offer()).filter(|offer| !offer.legs().is_empty())?;
        let lines = Role::BOTH.map(|role| held::lines(held, &handover, role));
        let notices =
            case.transfer_notices().into_iter().filter_map(|(id, _)| match held::content(held, &id)? {
                Content::TransferNotice(notice) if notice.offer == handover.offer() => Some(notice),
                _ => None,
            });
        Some(Self { offer, lines, notices: notices.collect(), handover })
    }

    /// The round.
    #[must_use]
    pub fn round(&self) -> Round {
        self.handover.round()
    }

    fn said(&self) -> [Vec<&HandoverLine>; 2] {
        self.lines.each_ref().map(|lines| lines.iter().collect())
    }

    /// Whether anybody has said lines.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.lines.iter().any(|lines| !lines.is_empty())
    }

    /// What the two sides' lines come to.
    #[must_use]
    pub fn discrepancy(&self) -> Discrepancy {
        let [inviters, joiners] = &self.said();
        discrepancy(&self.offer, [inviters, joiners], &self.notices.iter().collect::<Vec<_>>())
    }

    /// The stages that a side may tell of now, and has not told of in full.
    #[must_use]
    pub fn to_tell(&self, role: Role) -> BTreeSet<u8> {
        let [inviters, joiners] = &self.said();
        staging::to_tell(&self.offer, [inviters, joiners], role)
    }

    /// Of how many a side has said what became of them, and how many were agreed, at least.
    #[must_use]
    pub fn told(&self, role: Role) -> (u32, u32) {
        staging::told_in_all(&self.offer, &self.lines_of(role).iter().collect::<Vec<_>>())
    }

    /// Of how many each side has said what became of them; none where both have of everybody.
    #[must_use]
    pub fn untold_text(&self, names: &Names) -> Option<String> {
        let sides = [names.me, names.me.other()].map(|role| (role, self.told(role)));
        let missing = sides.iter().any(|(_, (told, of))| told < of);
        let text = sides.map(|(role, (told, of))| format!("{}: {told} of {of} told", names.name(role)));
        missing.then(|| text.join("; "))
    }

    /// Whether all that was agreed are remains.
    #[must_use]
    pub fn is_of_remains(&self) -> bool {
        self.offer.legs().iter().all(|leg| leg.category == Category::Remains)
    }

    /// What was agreed.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// What was agreed, to keep.
    #[must_use]
    pub fn into_offer(self) -> Box<Offer> {
        self.offer
    }

    fn stages(&self) -> Vec<staging::StageProgress> {
        let [inviters, joiners] = &self.said();
        staging::progress(&self.offer, [inviters, joiners])
    }

    /// The steps, each with how far the inviter has come, and the joiner.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let it = &self.handover;
        let yes = |is: bool| (if is { "yes" } else { "not yet" }).to_owned();
        let step = |name: &str, told: &dyn Fn(Role) -> String| Step {
            name: name.to_owned(),
            sides: Role::BOTH.map(told),
            both: None,
        };
        let locked = |role| match it.lock(role) {
            Some(_) if !it.has_locked(role) => "OTHER LISTS than were sealed".to_owned(),
            lock => yes(lock.is_some()),
        };
        let transport = |role| match it.transport(role) {
            Some((notice, Some(_))) => format!("notice {}, acknowledged", short(&notice)),
            Some((notice, None)) => format!("notice {}, not acknowledged yet", short(&notice)),
            None if it.needs_transport(role) => "no notice yet".to_owned(),
            None => "gives nobody".to_owned(),
        };
        let lines = |role| match self.lines_of(role).len() as u64 {
            0 => "none yet".to_owned(),
            said => count(said, "line", "lines"),
        };
        let mut go = step("go", &|role| yes(it.is_gone(role)));
        go.both = it.is_effective().then_some("persons move");
        let mut steps = vec![
            step("locked", &locked),
            step("transport", &transport),
            step("ready", &|role| yes(it.is_ready(role))),
            go,
            step("lines", &lines),
            step("closed", &|role| yes(it.closed(role).is_some())),
        ];
        steps.extend(self.stages().into_iter().map(|stage| Step {
            name: format!("stage {}", u32::from(stage.stage) + 1),
            sides: stage.said.map(|said| format!("{said} of {} told", stage.expected)),
            both: stage.is_complete().then_some("complete"),
        }));
        steps
    }

    /// The version and the round.
    #[must_use]
    pub fn round_text(&self) -> String {
        format!("version {}, {}", self.handover.version(), round_text(self.handover.round()))
    }

    /// In full, for people.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut out = field("handover", FIELD, &self.round_text());
        let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
        for Step { name, sides: [inviter, joiner], both } in self.steps() {
            let side = |role| if role == Role::Inviter { &inviter } else { &joiner };
            let each =
                [names.me, names.me.other()].map(|role| format!("{}: {}", names.name(role), side(role)));
            let both = both.map(|both| format!("; both: {both}")).unwrap_or_default();
            fact(&format!("  {name}"), &format!("{}{both}", each.join("; ")));
        }
        if self.has_lines() {
            for leg in &self.discrepancy().legs {
                fact(&format!("  leg {}", leg.leg + 1), &leg.both());
            }
        }
        out
    }

    /// What a side has said became of whom, in the order said.
    #[must_use]
    pub fn lines_of(&self, role: Role) -> &[HandoverLine] {
        let [inviters, joiners] = &self.lines;
        if role == Role::Inviter { inviters } else { joiners }
    }

    /// For machines.
    #[must_use]
    pub fn json(&self, names: &Names) -> Value {
        let it = &self.handover;
        let sides =
            |told: &dyn Fn(Role) -> Value| json!({"own": told(names.me), "peer": told(names.me.other())});
        let transport = |role| {
            it.transport(role).map_or(Value::Null, |(notice, acknowledged)| {
                json!({"notice": notice.hex(), "acknowledged": acknowledged.map(|id: Digest| id.hex())})
            })
        };
        let stage = |stage: &staging::StageProgress| {
            let [inviter, joiner] = stage.said;
            let said = |role| Value::from(if role == Role::Inviter { inviter } else { joiner });
            json!({
                "stage": u32::from(stage.stage) + 1,
                "expected": stage.expected,
                "told": sides(&said),
                "complete": stage.is_complete(),
            })
        };
        json!({
            "version": it.version(),
            "offer": it.offer().hex(),
            "round": round_json(it.round()),
            "lists": it.lists().hex(),
            "locked": sides(&|role| it.has_locked(role).into()),
            "transport": sides(&transport),
            "ready": sides(&|role| it.is_ready(role).into()),
            "go": sides(&|role| it.is_gone(role).into()),
            "effective": it.is_effective(),
            "lines": sides(&|role| self.lines_of(role).len().into()),
            "closed": sides(&|role| it.closed(role).is_some().into()),
            "stages": self.stages().iter().map(stage).collect::<Vec<_>>(),
        })
    }
}
