//! A discrepancy in words: a clause for each side's account of a leg, and a sentence for each finding with what to do.
//! May not compute anything; names of persons do not stand in it.

use crate::deal::date::moment_text;
use crate::deal::discrepancy::{Asked, Discrepancy, Finding, LegResult};
use crate::deal::handover::{Cause, Outcome};
use crate::deal::law::Rule;
use crate::deal::numbers::{listed, numbered};
use crate::party::role::Role;
use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result};

impl LegResult {
    /// What a side says of the leg, in a clause: `5 not delivered, 5 surplus, cause unknown`.
    #[must_use]
    pub fn sentence(&self, by: Role) -> String {
        let account = self.account(by);
        if account.outcomes.is_empty() {
            return "nothing reported".to_owned();
        }
        let causes: BTreeSet<Cause> = account.causes.keys().map(|(_, cause)| *cause).collect();
        let mut parts: Vec<String> = Vec::new();
        for ((outcome, cause), number) in &account.causes {
            let cause = if causes.len() == 1 { String::new() } else { format!(" ({})", named(*cause)) };
            parts.push(format!("{number} {outcome}{cause}"));
        }
        if let (1, Some(only)) = (causes.len(), causes.first()) {
            parts.push(named(*only).to_owned());
        }
        if account.not_reported > 0 {
            parts.push(format!("{} not reported", account.not_reported));
        }
        match (parts.is_empty(), account.fulfilled) {
            (false, _) => parts.join(", "),
            (true, true) => "as agreed".to_owned(),
            (true, false) => format!("{} delivered, which is not what was agreed", account.delivered),
        }
    }

    /// What the leg came to: one clause where the sides agree, else each side's.
    #[must_use]
    pub fn both(&self) -> String {
        let (giver, receiver) = (self.sentence(self.giver), self.sentence(self.giver.other()));
        if giver == receiver {
            giver
        } else {
            format!("the giver says: {giver}; the receiver says: {receiver}")
        }
    }

    fn side(&self, role: Role) -> &'static str {
        if role == self.giver { "the giver" } else { "the receiver" }
    }

    /// A finding of this leg in a sentence, with what to do.
    #[must_use]
    pub fn finding(&self, finding: &Finding) -> String {
        match finding {
            Finding::Silent(role) => {
                format!("{} has said nothing yet: wait for their lines, or ask for them", self.side(*role))
            }
            Finding::Differ { giver, receiver, lines, unlisted } => {
                let mut about = Vec::new();
                if !lines.is_empty() {
                    about.push(numbered("line", lines.iter().copied()));
                }
                if *unlisted > 0 {
                    about.push(format!("{unlisted} on no list"));
                }
                format!(
                    "{}: the giver says {}, the receiver {}: compare what shows it",
                    listed(&about),
                    outcome(*giver),
                    outcome(*receiver)
                )
            }
            Finding::CountsDiffer { outcome, giver, receiver } => {
                format!("{outcome}: the giver counts {giver}, the receiver {receiver}: count again by name")
            }
            Finding::SubstitutionNotAllowed(by, number) => format!(
                "{number} substituted as {} says, and the leg allows nobody else: agree to it by amendment, or return \
                 them",
                self.side(*by)
            ),
            Finding::DeliveredUnlisted(by, number) => format!(
                "{} says that {number} on no list were delivered as listed: say surplus or substituted",
                self.side(*by)
            ),
            Finding::DuplicateOfWhat(by, number) => format!(
                "{} says of {number} that they are the same as another, and not of which: name the other line or bag",
                self.side(*by)
            ),
            Finding::NotFulfilled { by, delivered, asked, ratio } => {
                let asked = match (asked.start(), asked.end()) {
                    (least, most) if least == most => least.to_string(),
                    (least, most) if *most >= u64::from(u32::MAX) => format!("at least {least}"),
                    (least, most) => format!("{least} to {most}"),
                };
                let why = if *ratio { "the ratio asks for" } else { "the leg asks for" };
                format!(
                    "{}: {delivered} delivered, and {why} {asked}: agree on what makes it good",
                    self.side(*by)
                )
            }
            Finding::ThirdCountryWithoutNotice(lines, others) => {
                let mut about = Vec::new();
                if !lines.is_empty() {
                    about.push(numbered("line", lines.iter().copied()));
                }
                if *others > 0 {
                    about.push(format!("{others} on no list"));
                }
                let rule = Rule::ThirdCountryWithoutNotice;
                format!(
                    "{}: moved to a third country with no notice: {} ({})",
                    listed(&about),
                    rule.remedy(),
                    rule.source()
                )
            }
        }
    }
}

const fn named(cause: Cause) -> &'static str {
    match cause {
        Cause::Unknown => "cause unknown",
        cause => cause.text(),
    }
}

fn outcome(said: Option<Outcome>) -> &'static str {
    said.map_or("nothing", Outcome::text)
}

impl Display for LegResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.both())
    }
}

impl Display for Asked {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "leg {}: {} of {}", self.leg + 1, self.remedy, self.number)?;
        match self.deadline.and_then(moment_text) {
            Some(deadline) => write!(f, ", by {deadline}"),
            None => Ok(()),
        }
    }
}

impl Display for Discrepancy {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for leg in &self.legs {
            writeln!(f, "leg {}: {leg}", leg.leg + 1)?;
            for finding in &leg.findings {
                writeln!(f, "  {}", leg.finding(finding))?;
            }
        }
        for asked in &self.remedies {
            writeln!(f, "{asked}")?;
        }
        let strays: usize = self.strays.iter().sum();
        if strays > 0 {
            writeln!(
                f,
                "{strays} lines are of a leg or a line that was not agreed, of a bag among persons, or of a person \
                 among remains, and do not count: say them of the leg they belong to"
            )?;
        }
        Ok(())
    }
}
