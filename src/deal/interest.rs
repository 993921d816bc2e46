//! Whom the other side asks for: those on its lists that we are to give, and those its questions name.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::delay::{End, Wait};
use crate::deal::history::History;
use crate::deal::identity::{Register, is_named_in};
use crate::deal::person::Line;
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// A person or bag that the other side has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest<'h> {
    /// Who: the first record of them.
    pub who: &'h Line,
    /// The statements that ask, the first first.
    pub asked: Vec<(Digest, UnixMillis)>,
    /// How many of these we have answered.
    pub answered: usize,
}

impl Interest<'_> {
    /// When they were asked for first and last.
    #[must_use]
    pub fn span(&self) -> Option<(UnixMillis, UnixMillis)> {
        Some((self.asked.first()?.1, self.asked.last()?.1))
    }
}

/// All of them, those asked for most often first.
#[must_use]
pub fn interest<'h>(history: &'h History<'_>, waits: &[Wait]) -> Vec<Interest<'h>> {
    let ends: BTreeMap<Digest, End> = waits.iter().map(|wait| (wait.id, wait.end)).collect();
    let answered =
        |id: &Digest| usize::from(ends.get(id).is_some_and(|end| matches!(end, End::Answered(..))));
    let mut register: Register<'h, Interest<'h>> = Register::default();
    let ask = |register: &mut Register<'h, Interest<'h>>, who: &'h Line, id: Digest, at: UnixMillis| {
        // What is asked for is ours to give.
        let interest = register.entry(history.me, who, || Interest { who, asked: Vec::new(), answered: 0 });
        if let Some(interest) = interest
            && interest.asked.last().is_none_or(|(last, _)| *last != id)
        {
            interest.asked.push((id, at));
            interest.answered += answered(&id);
        }
    };
    let known = known(history);
    for spoken in history.spoken().iter().filter(|it| it.author != history.me) {
        match &spoken.content {
            Some(Content::Offer(offer)) => {
                for leg in offer.legs().iter().filter(|leg| leg.giver == history.me) {
                    for who in offer.lines(leg) {
                        ask(&mut register, who, spoken.id, spoken.at);
                    }
                }
            }
            Some(Content::Query(query)) => {
                for (who, ()) in known.entries() {
                    if who.person().is_some_and(|person| is_named_in(query.text.as_str(), person)) {
                        ask(&mut register, who, spoken.id, spoken.at);
                    }
                }
            }
            _ => {}
        }
    }
    let mut all: Vec<Interest<'h>> = register.entries().map(|(_, interest)| interest.clone()).collect();
    all.sort_by_key(|it| (std::cmp::Reverse(it.asked.len()), it.span()));
    all
}

/// Everyone on any list.
fn known<'h>(history: &'h History<'_>) -> Register<'h, ()> {
    let mut known = Register::default();
    for (_, offer) in history.offers() {
        for leg in offer.legs() {
            for line in offer.lines(leg) {
                known.entry(leg.giver, line, || ());
            }
        }
    }
    known
}
