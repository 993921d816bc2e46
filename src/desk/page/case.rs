//! A case on a page: what it has come to, its tree, its terms with their lists, its handover, and what the two sides'
//! lines come to. Says what both sides can compute; may not say what an officer might do.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::discrepancy::Discrepancy;
use crate::deal::state::CaseState;
use crate::desk::case::{fate, means_text, overdue};
use crate::desk::cases::{case_title, duty_text, state};
use crate::desk::names::Names;
use crate::desk::page::lists;
use crate::desk::page::model::{Body, Book, Part, Told};
use crate::desk::page::text::{facts, heading, id, line, more, table, when};
use crate::desk::progress::Progress;
use crate::desk::screen::{list_of, short, time};
use crate::desk::tell::content_line;
use crate::desk::tree::arrange;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Statements of one tree, at most: the first, and the last.
const FIRST: usize = 40;
const LAST: usize = 160;
/// Steps down in a tree.
const DEPTH_MAX: usize = 5;
/// Offers of a case whose terms are told in full.
const TERMS_MAX: usize = 8;
/// Cases of a book that are told in full.
const CASES_MAX: usize = 100;

/// A statement in a tree: which, what it hangs on, what it says there.
struct Branch<'a> {
    told: &'a Told,
    on: Option<Digest>,
    text: String,
}

/// A case with the book it stands in.
struct View<'a> {
    book: &'a Book,
    case: &'a CaseState<'a>,
    names: Names,
    now: UnixMillis,
    level: u8,
}

/// The cases of a book, the oldest first, below a heading of `level`.
pub fn cases(book: &Book, now: UnixMillis, level: u8) -> Markup {
    let Some(ledger) = &book.ledger else { return Markup::default() };
    let mut cases: Vec<CaseState<'_>> = ledger.cases().collect();
    cases.sort_by_key(|case| book.at(&case.id()));
    let (shown, rest) = cases.split_at(cases.len().min(CASES_MAX));
    html! {
        @if cases.is_empty() { p.more { "No offer opens a case yet." } }
        @for case in shown { (View { book, case, names: book.names(), now, level }.section()) }
        (more(rest.len(), "cases"))
    }
}

impl View<'_> {
    fn section(&self) -> Markup {
        let case = self.case;
        html! {
            section.case {
                (heading(self.level, &html! { (line(&case_title(self.book, case))) }))
                p.state { (line(&state(self.book, case, &self.names).1)) }
                (facts(&self.facts()))
                (heading(self.level + 1, &html! { "Offers and answers" }))
                (self.tree())
                @for (title, id) in self.told_in_full() { (self.terms(&title, &id)) }
                @if let Some(progress) = Progress::of(self.book, case) { (self.handover(&progress)) }
            }
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let (case, names) = (self.case, &self.names);
        let mut facts = Vec::new();
        let mut fact = |name: &str, text: String| facts.push((name.to_owned(), text));
        let opened = self.book.get(&case.id()).map(|told| format!(", {}", time(told.header.clock)));
        fact("case", short(&case.id()));
        fact("opened", format!("by {}{}", names.name(case.opener()), opened.unwrap_or_default()));
        for agreement in case.sealed() {
            let version = agreement.base.saturating_add(1);
            let current = if version == case.version() { "; current" } else { "" };
            let text = format!(
                "offer {}, agreed by {}{current}",
                short(&agreement.offer),
                means_text(&agreement.means)
            );
            fact(&format!("version {version}"), text);
        }
        for role in Role::BOTH {
            let duties: Vec<String> = case.owes(role).into_iter().map(duty_text).collect();
            if !duties.is_empty() {
                fact("turn", format!("{}’s: {}", names.name(role), list_of(&duties)));
            }
        }
        for late in overdue(case, self.now) {
            let text = format!(
                "{} {}: {} owes an answer since {}",
                late.kind,
                short(&late.id),
                names.name(late.whose),
                time(late.since)
            );
            fact("overdue", text);
        }
        facts
    }

    /// Its statements that stand in the tree: offers, what was said to them, and what is void.
    fn branches(&self) -> Vec<Branch<'_>> {
        let of = |told: &&Told| self.book.case_of(told) == Some(self.case.id());
        let branch = |told| {
            let is_void = self.book.void(told).is_some();
            let (on, text) = match (told.place(), &told.body) {
                (Some(place), _) => (place.on, place.text),
                (None, Body::Unreadable(why)) => (None, why.clone()),
                (None, Body::Whole(content)) if is_void => (None, content_line(content)),
                (None, Body::Withheld) => (None, "not disclosed".to_owned()),
                (None, _) if is_void => (None, String::new()),
                _ => return None,
            };
            Some(Branch { told, on, text })
        };
        self.book.statements.iter().filter(of).filter_map(branch).collect()
    }

    fn tree(&self) -> Markup {
        let mut branches = self.branches();
        let all = branches.len();
        let left = all.saturating_sub(FIRST + LAST);
        branches.drain(FIRST.min(all)..FIRST.min(all) + left);
        let at: BTreeMap<Digest, usize> = branches.iter().zip(0..).map(|(it, at)| (it.told.id, at)).collect();
        let parents: Vec<Option<usize>> = branches
            .iter()
            .zip(0..)
            .map(|(it, nth)| it.on.and_then(|on| at.get(&on)).copied().filter(|parent| *parent < nth))
            .collect();
        let tree = arrange(&parents, DEPTH_MAX);
        html! {
            @if left > 0 {
                p.more { (left) " statements between the first " (FIRST) " and the last " (LAST) " are not shown on this page" }
            }
            (self.grown(&branches, &tree.children, &tree.roots))
        }
    }

    /// Branches with what hangs on them: at most [`DEPTH_MAX`] deep.
    fn grown(&self, branches: &[Branch<'_>], children: &[Vec<usize>], here: &[usize]) -> Markup {
        html! {
            ul.tree {
                @for at in here {
                    @if let (Some(branch), Some(below)) = (branches.get(*at), children.get(*at)) {
                        li {
                            (self.branch(branch))
                            @if !below.is_empty() { (self.grown(branches, children, below)) }
                        }
                    }
                }
            }
        }
    }

    fn branch(&self, Branch { told, text, .. }: &Branch<'_>) -> Markup {
        let author = told.header.author;
        let kind = Kind::from_number(told.header.kind).map_or("unknown", Kind::name);
        let void = self.book.void(told);
        let fate = fate(self.case, told.id, self.now);
        html! {
            div.said.(side(author)) {
                strong.kind { (kind) } " " (id(&told.id)) " "
                span.who { (line(self.names.name(author))) } " " (when(told.header.clock))
                @if let Some(void) = void { " " span.fate.wrong { "void: " (line(&void)) } }
                @else if let Some(fate) = fate { " " span.fate { (fate) } }
                @if !text.is_empty() { p { (line(text)) } }
            }
        }
    }

    /// The offers whose terms are told: sealed ones, the newest first; then those that are agreed or open.
    fn told_in_full(&self) -> Vec<(String, Digest)> {
        let sealed = self.case.sealed().iter().rev();
        let mut offers: Vec<(String, Digest)> =
            sealed.map(|it| (format!("Version {}", it.base.saturating_add(1)), it.offer)).collect();
        let pending = self.case.pending().map(|it| it.offer);
        offers.extend(pending.map(|id| ("Agreed, not sealed yet".to_owned(), id)));
        let mut open: Vec<Digest> =
            self.case.open_offers().map(|offer| offer.id).filter(|id| Some(*id) != pending).collect();
        open.sort_by_key(|id| std::cmp::Reverse(self.book.at(id)));
        offers.extend(open.into_iter().map(|id| ("Open".to_owned(), id)));
        offers.truncate(TERMS_MAX);
        offers
    }

    fn terms(&self, title: &str, offer: &Digest) -> Markup {
        let Some(told) = self.book.get(offer) else { return Markup::default() };
        let who = self.names.name(told.header.author);
        let is_sealed = self.case.sealed().iter().any(|it| it.offer == *offer);
        html! {
            (heading(self.level + 1, &html! { (title) ": offer " (id(offer)) " of " (line(who)) }))
            @match &told.body {
                Body::Whole(Content::Offer(offer)) => (lists::offer(offer, &[], is_sealed, &self.names)),
                Body::Part(Part::Offer(offer, disclosed)) => (lists::offer(offer, disclosed, is_sealed, &self.names)),
                _ => p.more { "Its terms were not disclosed." },
            }
        }
    }

    fn handover(&self, progress: &Progress<'_>) -> Markup {
        let [inviter, joiner] = Role::BOTH.map(|role| self.names.name(role));
        let rows: Vec<Vec<Markup>> = progress
            .steps()
            .into_iter()
            .map(|step| {
                let [inviter, joiner] = step.sides;
                vec![
                    html! { (step.name) },
                    html! { (inviter) },
                    html! { (joiner) },
                    html! { (step.both.unwrap_or_default()) },
                ]
            })
            .collect();
        html! {
            (heading(self.level + 1, &html! { "Handover" }))
            (table(&html! { (progress.round_text()) }, &["step", inviter, joiner, "both"], &rows))
            (lists::outcomes(Role::BOTH.map(|role| progress.lines_of(role)), Some(progress.offer()), &self.names))
            @if progress.has_lines() { (self.discrepancy(&progress.discrepancy())) }
        }
    }

    fn discrepancy(&self, found: &Discrepancy) -> Markup {
        let names = &self.names;
        let [inviter, joiner] = Role::BOTH.map(|role| names.name(role));
        let rows: Vec<Vec<Markup>> = found
            .legs
            .iter()
            .map(|leg| {
                let (least, most) = leg.agreed.clone().into_inner();
                let agreed = match (least, most) {
                    (least, most) if least == most => least.to_string(),
                    (least, u32::MAX) => format!("at least {least}"),
                    (least, most) => format!("{least} to {most}"),
                };
                vec![
                    html! { (leg.leg + 1) },
                    html! { (agreed) " from " (line(names.name(leg.giver))) },
                    line(&leg.sentence(Role::Inviter)),
                    line(&leg.sentence(Role::Joiner)),
                ]
            })
            .collect();
        let findings = || found.legs.iter().flat_map(|leg| leg.findings.iter().map(move |it| (leg, it)));
        let strays: usize = found.strays.iter().sum();
        html! {
            (heading(self.level + 1, &html! { "What the two sides’ lines come to" }))
            @if found.is_none() { p.state { "Both sides say that everything is as agreed." } }
            (table(&html! { "Leg by leg, computed from both sides’ lines" }, &["leg", "agreed", inviter, joiner], &rows))
            @if findings().next().is_some() || !found.remedies.is_empty() || strays > 0 {
                ul.findings {
                    @for (leg, finding) in findings() { li { "Leg " (leg.leg + 1) ": " (line(&leg.finding(finding))) } }
                    @for asked in &found.remedies { li { (line(names.name(asked.by))) " asks for " (line(&asked.to_string())) } }
                    @if strays > 0 { li { (strays) " lines fit nothing that was agreed, and do not count" } }
                }
            }
        }
    }
}

/// The class of a party's colour.
pub const fn side(role: Role) -> &'static str {
    match role {
        Role::Inviter => "a",
        Role::Joiner => "b",
    }
}
