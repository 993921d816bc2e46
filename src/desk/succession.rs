//! `truceline verify OLD NEW`: whether two transcripts are one, because both parties have signed in the newer which
//! statements of the older they hold.

use crate::crypto::digest::Digest;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, Style, count, field, plain, short};
use crate::desk::transcript::{check_file, check_own, named};
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::statement::export::Preamble;
use crate::statement::renewal::{Cited, Renewal, Succession, matters, succession};
use crate::statement::signed::Statement;
use crate::statement::transcript::{Chain, Transcript};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const FIELD: usize = 14;

/// A party, and what of its statements both transcripts tell.
struct Party {
    name: String,
    fingerprint: Digest,
    /// Statements in the old transcript, and the head.
    old: (u64, Digest),
    /// Of these both cite so many, and at least one so many.
    cited: (u64, u64),
    /// Statements in the new transcript, and the head.
    new: (u64, Digest),
}

/// How the old chains stood where the renewals cite them.
struct Stands(BTreeMap<(Role, u64), Option<Cited>>);

impl Stands {
    /// To be filled while the old transcript is checked.
    fn cited_in(said: &[Statement]) -> Self {
        let renewals = said.iter().filter_map(|it| Renewal::of(&it.header, &it.said));
        let places = renewals.flat_map(|it| Role::BOTH.map(|role| (role, it.cited(role).count)));
        Self(places.map(|place| (place, None)).collect())
    }

    fn see(&mut self, statement: &Statement, transcript: &Transcript) {
        let author = statement.header.author;
        let chain = transcript.chain(author);
        if let Some(cited) = self.0.get_mut(&(author, chain.count())) {
            *cited = Cited::of(chain, chain.count());
        }
    }

    fn at(&self, role: Role, count: u64) -> Option<Cited> {
        match count {
            0 => Cited::of(&Chain::default(), 0),
            _ => self.0.get(&(role, count)).copied().flatten(),
        }
    }
}

fn one(old: &Preamble, stands: &Stands, new: &Preamble, said: &[Statement]) -> Result<Succession, Failure> {
    succession(old, |role, count| stands.at(role, count), new, said.iter()).map_err(|error| {
        Failure::new(
            Cause::Verification,
            format!("each holds by itself, but they are not one: {error}"),
            "Check that the older is given first and is whole: ask both sides for their exports of it.",
        )
    })
}

/// Each party's count and head, the inviter's first.
type Heads = [(u64, Digest); 2];

fn parties(old: &Preamble, heads: [Heads; 2], both: &Succession) -> Result<Vec<Party>, Failure> {
    let [inviter, joiner] = &old.cards;
    let [olds, news] = heads;
    let cards = [(Role::Inviter, inviter), (Role::Joiner, joiner)];
    cards
        .into_iter()
        .map(|(was, card)| {
            let is = Role::BOTH.into_iter().zip(both.before).find(|(_, before)| *before == was);
            let is = is.map_or(was, |(role, _)| role);
            let head = |[inviter, joiner]: Heads, role: Role| match role {
                Role::Inviter => inviter,
                Role::Joiner => joiner,
            };
            Ok(Party {
                name: card.name().as_str().to_owned(),
                fingerprint: card.fingerprint()?,
                old: head(olds, was),
                cited: both.cited(was),
                new: head(news, is),
            })
        })
        .collect()
}

fn head_text((number, head): (u64, Digest)) -> String {
    match number {
        0 => "no statement".to_owned(),
        _ => format!("{}, head {}", count(number, "statement", "statements"), short(&head)),
    }
}

/// How far the two renewals vouch for what a party said in the old channel.
fn cited_text(party: &Party) -> String {
    let (both, one) = party.cited;
    let uncited = party.old.0.saturating_sub(one);
    let mut text = format!("both vouch for the first {both}");
    if one > both {
        text.push_str(&format!(", one side for {one}"));
    }
    if uncited > 0 {
        text.push_str(&format!("; the last {uncited} in the file stand by their signatures alone"));
    }
    text
}

/// `truceline verify OLD NEW`: no vault, no network.
///
/// # Errors
/// [`Cause::Verification`] where either does not hold, or they are not one.
pub fn verify_files(asked: &grammar::Verify, newer: &Path, style: Style) -> Result<Answer, Failure> {
    let named = named(&asked.parties)?;
    let mut said = Vec::new();
    let (new, new_told) = check_file(newer, &mut |statement, _| {
        if matters(statement.header.kind) {
            said.push(statement.clone());
        }
    })?;
    let mut stands = Stands::cited_in(&said);
    let (old, old_told) = check_file(&asked.file, &mut |statement, chains| stands.see(statement, chains))?;
    let both = one(&old, &stands, &new, &said)?;
    let parties = parties(&old, [old_told.heads(), new_told.heads()], &both)?;
    if let Some(stranger) = named.iter().find(|wanted| !parties.iter().any(|it| it.fingerprint == **wanted)) {
        let what = format!("{} is no party of these transcripts", stranger.hex());
        return Err(Failure::new(
            Cause::Verification,
            what,
            "Do not take them for what you were told they are.",
        ));
    }
    let identified = parties.iter().all(|party| named.contains(&party.fingerprint));
    let mut text = String::new();
    for party in &parties {
        text.push_str(&field("party", FIELD, &party.fingerprint.hex()));
        text.push_str(&field("", FIELD, &format!("calls itself {}", plain(&party.name))));
        text.push_str(&field("", FIELD, &format!("old: {}", head_text(party.old))));
        text.push_str(&field("", FIELD, &cited_text(party)));
        text.push_str(&field("", FIELD, &format!("new: {}", head_text(party.new))));
    }
    text.push_str(&field("old channel", FIELD, &old.channel.hex()));
    text.push_str(&field("new channel", FIELD, &new.channel.hex()));
    let line = "Both hold, and they are one: each party has signed in the new channel which\nstatements of the old one it holds, and these are they.";
    text.push_str(&format!("\n{}\n", style.bold(line)));
    text.push_str(if identified {
        "They are between the two parties you named.\n"
    } else {
        "Parties not identified: anyone can make up two parties. Name both with --party,\nby fingerprints that you know \
         from elsewhere.\n"
    });
    let party = |party: &Party| {
        let head =
            |(number, head): (u64, Digest)| json!({"count": number, "id": (number > 0).then(|| head.hex())});
        let (both, one) = party.cited;
        json!({
            "name": party.name, "fingerprint": party.fingerprint.hex(), "old": head(party.old),
            "cited": {"both": both, "one": one}, "new": head(party.new),
        })
    };
    let json = json!({
        "holds": true, "one": true, "parties_identified": identified,
        "old_channel": old.channel.hex(), "new_channel": new.channel.hex(),
        "parties": parties.iter().map(party).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

/// Of a channel in the vault that renews another: whether the two transcripts are one. Nothing where it renews none,
/// or where not both have said so yet.
///
/// # Errors
/// [`Cause::Verification`] where the old transcript does not hold, or the two are not one.
pub fn verify_own(
    desk: &Desk,
    channel: &Channel,
    new: &Preamble,
    said: &[Statement],
) -> Result<Option<(String, Value)>, Failure> {
    use crate::officer::renewal::Counterpart;
    let Some(renews) = channel.thread.renews.filter(|renews| renews.said) else { return Ok(None) };
    if desk.service.officer().counterpart_renews(channel.number) == Some(Counterpart::Silent) {
        return Ok(None);
    }
    let old = desk.channel(renews.thread)?;
    let mut stands = Stands::cited_in(said);
    let (preamble, _) = check_own(desk, old, &mut |statement, chains| stands.see(statement, chains))?;
    one(&preamble, &stands, new, said)?;
    let label = &old.thread.label;
    let text = format!(
        "It goes on where channel {} ended: both have signed which of its statements they\nhold, and these are they.\n",
        plain(label)
    );
    Ok(Some((text, json!({"label": label, "channel": renews.channel.hex()}))))
}
