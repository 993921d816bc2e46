//! What differs between two offers, in short lines. May not compute anything. Names stand in them as they are: whoever
//! prints them makes them harmless first.

use crate::deal::body::Offer;
use crate::deal::change::{Changes, FieldChange, LegChange, ListChange, TotalChange, quantity_text};
use crate::deal::person::Line;
use crate::deal::terms::Leg;
use crate::party::role::Role;

impl Changes {
    /// Each difference in a line, totals first. `side` names the two sides.
    #[must_use]
    pub fn lines(&self, old: &Offer, new: &Offer, side: &dyn Fn(Role) -> String) -> Vec<String> {
        let mut lines: Vec<String> =
            self.totals.iter().map(|total| format!("{} gives {total}", side(total.giver))).collect();
        let gives = |offer: &Offer, leg: &Leg| {
            format!("{} gives {}, {}", side(leg.giver), quantity_text(offer, leg), leg.category)
        };
        for change in &self.legs {
            match change {
                LegChange::Added(at) => {
                    let what = new.legs().get(*at).map(|leg| gives(new, leg)).unwrap_or_default();
                    lines.push(format!("leg {}: added: {what}", at + 1));
                }
                LegChange::Removed(at) => {
                    let what = old.legs().get(*at).map(|leg| gives(old, leg)).unwrap_or_default();
                    lines.push(format!("leg {} before: removed: {what}", at + 1));
                }
                LegChange::Changed { old: was, new: at, fields, persons, except } => {
                    let moved = if was == at { String::new() } else { format!(" (before: leg {})", was + 1) };
                    let leg = format!("leg {}{moved}", at + 1);
                    lines.extend(fields.iter().map(|field| format!("{leg}: {field}")));
                    let Some((before, after)) = old.legs().get(*was).zip(new.legs().get(*at)) else {
                        continue;
                    };
                    list_lines(&leg, persons, old.lines(before), new.lines(after), &mut lines);
                    let (before, after) = (old.exceptions(before), new.exceptions(after));
                    list_lines(&format!("{leg}, exceptions"), except, before, after, &mut lines);
                }
            }
        }
        lines.extend(self.terms.iter().cloned());
        lines
    }
}

fn list_lines(leg: &str, change: &ListChange, old: &[Line], new: &[Line], lines: &mut Vec<String>) {
    let label = |list: &[Line], at: usize| list.get(at).map(Line::label).unwrap_or_default();
    for at in &change.removed {
        lines.push(format!("{leg}: removed: {}", label(old, *at)));
    }
    for at in &change.added {
        lines.push(format!("{leg}: added as line {}: {}", at + 1, label(new, *at)));
    }
    for record in &change.changed {
        let fields: Vec<String> = record.fields.iter().map(FieldChange::to_string).collect();
        lines.push(format!(
            "{leg}, line {}, {}: {}",
            record.new + 1,
            label(new, record.new),
            fields.join("; ")
        ));
    }
}

impl std::fmt::Display for FieldChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "not given".to_owned());
        write!(f, "{}: {} -> {}", self.field.replace('_', " "), said(&self.old), said(&self.new))
    }
}

impl std::fmt::Display for TotalChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let many = |(least, most): (u64, u64)| match (least, most) {
            (least, most) if least == most => least.to_string(),
            (least, u64::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        write!(f, "{}: {} -> {}", self.category, many(self.old), many(self.new))
    }
}
