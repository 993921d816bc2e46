//! `truceline channel`: a channel that takes the place of another, what an older copy of a vault lacks, an invite
//! that is taken back; and what of all that, and of forks, is told with a channel.

use crate::crypto::digest::Digest;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::introduce;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, count, field, plain, short};
use crate::desk::transcript;
use crate::officer::engine::{Channel, Officer};
use crate::officer::renewal::{Counterpart, Old};
use crate::officer::thread::Stage;
use crate::party::role::Role;
use crate::statement::receipt::ForkNotice;
use serde_json::{Value, json};

/// The thread that has this label.
///
/// # Errors
/// [`Cause::Usage`] where none has.
pub fn labelled(desk: &Desk, label: &str) -> Result<u32, Failure> {
    let found = desk.service.officer().channels().find(|channel| channel.thread.label == label);
    found.map(|channel| channel.number).ok_or_else(|| {
        let what = format!("no channel is called '{}'", plain(label));
        Failure::new(Cause::Usage, what, "See the channels: truceline status")
    })
}

/// Carries out a command about a channel.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &grammar::Channel) -> Result<Answer, Failure> {
    match asked {
        grammar::Channel::Renew(asked) => {
            let old = Old { thread: labelled(desk, &asked.old)?, new_identity: asked.new_identity };
            introduce::invite_to(desk, &asked.invite, Some(old))
        }
        grammar::Channel::Adopt(asked) => adopt(desk, asked),
        grammar::Channel::Discard(asked) => discard(desk, asked),
    }
}

fn adopt(desk: &mut Desk, asked: &grammar::Adopt) -> Result<Answer, Failure> {
    let thread = labelled(desk, &asked.label)?;
    let checked = transcript::read_and_check(&asked.export)?;
    let adopted = desk.service.command(|officer, now, rng| officer.adopt(thread, &checked, now, rng))?;
    let names = Names::of(desk.channel(thread)?);
    let text = match (adopted.own, adopted.peer) {
        (0, 0) => format!("The export holds nothing that channel {} lacks.\n", plain(&asked.label)),
        (own, peer) => format!(
            "Taken in: {} of your own, and {} of {}'s.\n",
            count(own, "statement", "statements"),
            count(peer, "statement", "statements"),
            names.peer
        ),
    };
    let next = format!("To go on: truceline channel renew {}\n", plain(&asked.label));
    let json = json!({"channel": asked.label, "adopted": {"own": adopted.own, "peer": adopted.peer}});
    Ok(Answer::new(text, json).aside(next))
}

fn discard(desk: &mut Desk, asked: &grammar::Discard) -> Result<Answer, Failure> {
    let thread = labelled(desk, &asked.label)?;
    let inviting = matches!(desk.channel(thread)?.thread.stage, Stage::Inviting(_));
    desk.service.command(|officer, _, _| Ok(((), officer.discard(thread)?)))?;
    let what = if inviting { "The invite" } else { "The join" };
    let text = format!("{what} of channel {} is taken back.\n", plain(&asked.label));
    let aside = if inviting { "Whoever still has the invite can no longer reach you by it.\n" } else { "" };
    Ok(Answer::new(text, json!({"channel": asked.label, "discarded": true})).aside(aside))
}

fn label(officer: &Officer, thread: u32) -> Option<&str> {
    officer.channel(thread).map(|channel| channel.thread.label.as_str())
}

/// A fork in one line of harmless text.
#[must_use]
pub fn fork_text(names: &Names, fork: &ForkNotice) -> String {
    let (stored, other) = (&fork.stored.0, &fork.other.0);
    let (one, other) = (short(&stored.id().0), short(&other.id().0));
    let author = stored.author;
    if author == names.me {
        return format!(
            "{} showed two statements of yours as #{}: {one} and {other}. An older copy of this vault, or a second one, \
             has spoken",
            names.peer, stored.sequence
        );
    }
    format!(
        "{} signed two different statements as #{}: {one} and {other}. To show it to others: truceline evidence make \
         --fork --out FILE",
        names.peer, stored.sequence
    )
}

/// What the counterpart has said of the channel that is renewed.
fn counterpart_text(names: &Names, said: &Counterpart) -> String {
    match said {
        Counterpart::Silent => format!("{} has not said so yet", names.peer),
        Counterpart::OtherChannel(other) => {
            format!("{} SAYS THAT IT RENEWS ANOTHER CHANNEL, {}", names.peer, short(other))
        }
        Counterpart::Differs(error) => {
            format!(
                "{} says so too, but what it holds of the old channel is not what is here: {error}",
                names.peer
            )
        }
        Counterpart::Agrees(_) => format!("{} says so too, and of the same statements", names.peer),
    }
}

/// What is told of forks and renewals below a channel's title in `status`.
#[must_use]
pub fn text(officer: &Officer, channel: &Channel, columns: usize) -> String {
    let names = Names::of(channel);
    let mut out = String::new();
    for fork in &channel.forks {
        out.push_str(&field("  FORK", columns, &fork_text(&names, fork)));
    }
    if let Some(label) = channel.thread.renewed_as.and_then(|thread| label(officer, thread)) {
        let text = format!("as {}: nothing more is said here", plain(label));
        out.push_str(&field("  renewed", columns, &text));
    }
    if let Some(renews) = channel.thread.renews {
        let old = label(officer, renews.thread).map(plain).unwrap_or_default();
        let said = officer.counterpart_renews(channel.number).unwrap_or(Counterpart::Silent);
        let own = if renews.said { "you have said so" } else { "once both have confirmed the words" };
        let text = format!("{old}: {own}; {}", counterpart_text(&names, &said));
        out.push_str(&field("  renews", columns, &text));
    }
    out
}

/// The same for machines: adds `forks`, `renewed_as` and `renews` to a channel's object.
pub fn tell(officer: &Officer, channel: &Channel, json: &mut Value) {
    let Value::Object(fields) = json else { return };
    let fork = |fork: &ForkNotice| {
        let [one, other] = [&fork.stored.0, &fork.other.0].map(|header| header.id().0.hex());
        let author = if fork.stored.0.author == channel.thread.role { "own" } else { "peer" };
        json!({"author": author, "sequence": fork.sequence(), "ids": [one, other]})
    };
    let forks: Vec<Value> = channel.forks.iter().map(fork).collect();
    fields.insert("forks".to_owned(), forks.into());
    let renewed_as = channel.thread.renewed_as.and_then(|thread| label(officer, thread));
    fields.insert("renewed_as".to_owned(), renewed_as.into());
    let renews = channel.thread.renews.map(|renews| {
        let peer = match officer.counterpart_renews(channel.number).unwrap_or(Counterpart::Silent) {
            Counterpart::Silent => Value::Null,
            Counterpart::OtherChannel(_) => "other-channel".into(),
            Counterpart::Differs(_) => "differs".into(),
            Counterpart::Agrees(_) => "agrees".into(),
        };
        json!({
            "label": label(officer, renews.thread), "channel": renews.channel.hex(), "own": renews.said, "peer": peer,
        })
    });
    fields.insert("renews".to_owned(), renews.into());
}

/// What is told below a statement, or a case, of a channel in which a party forked: `of` is the statement shown.
#[must_use]
pub fn fork_lines(channel: &Channel, of: Option<(Role, u64)>, columns: usize) -> String {
    let names = Names::of(channel);
    let concerned =
        |fork: &&ForkNotice| of.is_none_or(|place| place == (fork.stored.0.author, fork.sequence()));
    let forks = channel.forks.iter().filter(concerned);
    forks.map(|fork| field("FORK", columns, &fork_text(&names, fork))).collect()
}

/// The label of a channel that takes another's place: the old one's, numbered.
#[must_use]
pub fn renewed_label(officer: &Officer, old: u32) -> String {
    let old = label(officer, old).unwrap_or_default();
    let taken = |label: &String| officer.channels().any(|channel| channel.thread.label == *label);
    let room = crate::officer::command::LABEL_CHARS_MAX.saturating_sub(12);
    let stem: String = old.chars().take(room).collect();
    let mut labels = (2u32..).map(|number| format!("{stem}-{number}"));
    labels.find(|label| !taken(label)).unwrap_or_default()
}

/// A channel that the same party is the other side of, and that could be meant to be renewed.
#[must_use]
pub fn same_party(officer: &Officer, fingerprint: &Digest) -> Option<String> {
    let with = |channel: &&Channel| {
        let session = channel.session();
        session.is_some_and(|session| {
            session.card(channel.thread.role.other()).fingerprint() == Ok(*fingerprint)
        })
    };
    let mut open = officer.channels().filter(|channel| channel.thread.renewed_as.is_none());
    open.find(with).map(|channel| channel.thread.label.clone())
}
