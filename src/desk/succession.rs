//! `truceline verify OLD NEW`: whether two transcripts are one, because both parties have signed in the newer which
//! statements of the older they hold.

use crate::crypto::digest::Digest;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, Style, count, field, plain, short};
use crate::desk::transcript::{named, read_and_check};
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::statement::export::CheckedExport;
use crate::statement::renewal::{Cited, Succession, succession};
use serde_json::{Value, json};
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

fn one(old: &CheckedExport, new: &CheckedExport) -> Result<Succession, Failure> {
    let at = |role: Role, count: u64| Cited::of(old.transcript.chain(role), count);
    succession(&old.preamble, at, &new.preamble, new.statements.iter()).map_err(|error| {
        Failure::new(
            Cause::Verification,
            format!("each holds by itself, but they are not one: {error}"),
            "Check that the older is given first and is whole: ask both sides for their exports of it.",
        )
    })
}

fn parties(old: &CheckedExport, new: &CheckedExport, both: &Succession) -> Result<Vec<Party>, Failure> {
    let [inviter, joiner] = &old.preamble.cards;
    let cards = [(Role::Inviter, inviter), (Role::Joiner, joiner)];
    cards
        .into_iter()
        .map(|(was, card)| {
            let is = Role::BOTH.into_iter().zip(both.before).find(|(_, before)| *before == was);
            let is = is.map_or(was, |(role, _)| role);
            let head = |export: &CheckedExport, role: Role| {
                let chain = export.transcript.chain(role);
                (chain.count(), chain.head(chain.count()).0)
            };
            Ok(Party {
                name: card.name().as_str().to_owned(),
                fingerprint: card.fingerprint()?,
                old: head(old, was),
                cited: both.cited(was),
                new: head(new, is),
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
    let (old, new) = (read_and_check(&asked.file)?, read_and_check(newer)?);
    let parties = parties(&old, &new, &one(&old, &new)?)?;
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
    text.push_str(&field("old channel", FIELD, &old.preamble.channel.hex()));
    text.push_str(&field("new channel", FIELD, &new.preamble.channel.hex()));
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
        "old_channel": old.preamble.channel.hex(), "new_channel": new.preamble.channel.hex(),
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
    new: &CheckedExport,
) -> Result<Option<(String, Value)>, Failure> {
    use crate::officer::renewal::Counterpart;
    let Some(renews) = channel.thread.renews.filter(|renews| renews.said) else { return Ok(None) };
    if desk.service.officer().counterpart_renews(channel.number) == Some(Counterpart::Silent) {
        return Ok(None);
    }
    let old = crate::desk::transcript::check(&crate::desk::transcript::bytes_of(desk, renews.thread)?)?;
    one(&old, new)?;
    let label = &desk.channel(renews.thread)?.thread.label;
    let text = format!(
        "It goes on where channel {} ended: both have signed which of its statements they\nhold, and these are they.\n",
        plain(label)
    );
    Ok(Some((text, json!({"label": label, "channel": renews.channel.hex()}))))
}
