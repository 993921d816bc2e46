//! What comes between an officer's command and the signature: the rules asked beforehand, the officer's own
//! promises of time, a summary of what is signed, and consent.

use crate::crypto::digest::Digest;
use crate::deal::body::{Accept, Confirm, Content, Lapse, Offer, Reject, Withdraw};
use crate::deal::part::renumbered_legs;
use crate::desk::ask::{can_ask, consent};
use crate::desk::content::content_json;
use crate::desk::failure::{Cause, Failure};
use crate::desk::held;
use crate::desk::mandate::{ruling_json, ruling_text};
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::progress::Progress;
use crate::desk::promise;
use crate::desk::screen::{Answer, paragraphs, short, time};
use crate::desk::tell::{content_line, content_text};
use crate::desk::terms::offer_text;
use crate::desk::warn::warnings_in;
use crate::officer::command::CommandError;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::statement::list::List;
use crate::time::UnixMillis;
use serde_json::json;

/// What the officer has agreed to beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// To sign without being asked.
    pub yes: bool,
    /// To do it although a promise of time stands against it.
    pub late: bool,
}

impl Leave {
    /// To sign without being asked, or nothing.
    #[must_use]
    pub const fn yes(yes: bool) -> Self {
        Self { yes, late: false }
    }
}

/// Shows what is about to be signed, asks where somebody is there, signs, and queues it.
///
/// # Errors
/// [`Failure`]; nothing is signed then.
pub fn sign(
    desk: &mut Desk,
    thread: u32,
    case: Option<StatementId>,
    content: &Content,
    lists: Vec<List>,
    leave: Leave,
) -> Result<Answer, Failure> {
    let now = desk.service.now();
    let channel = desk.channel(thread)?;
    let names = Names::of(channel);
    let label = channel.thread.label.clone();
    let case_id = case.map(|case| case.0);
    if channel.session().is_some() {
        channel.would_be(case_id.as_ref(), content)?;
        let ledger = case_id.map(|id| (id, channel.ledger_of(&id)));
        let case = ledger.as_ref().and_then(|(id, ledger)| ledger.case(id));
        promise::kept(channel, case.as_ref(), content, leave.late, now)?;
    }
    let ruling = desk.service.officer().ruling(thread, case_id, content, now);
    if let Some(ruling) = ruling.as_ref().filter(|ruling| !ruling.verdict().may_sign(false)) {
        return Err(CommandError::Mandate(Box::new(ruling.clone())).into());
    }
    let kind = content.kind();
    let warnings = warnings_in(desk, thread, case_id, content);
    if !desk.place.json {
        eprint!("{}", warnings_text(&warnings));
    }
    if kind != Kind::Note {
        if !desk.place.json {
            eprint!(
                "To be signed as {}, for {} to read:\n\n{}\n",
                names.own,
                names.peer,
                summary(channel, case_id.as_ref(), content, now)
            );
            eprint!("{}", ruling.as_ref().map(ruling_text).unwrap_or_default());
        }
        if !leave.yes && can_ask() && !consent("Sign it?", "--yes")? {
            return Err(Failure::new(Cause::Refused, "not signed", "Nothing was said."));
        }
    }
    let id = desk.service.command(|officer, now, rng| officer.say(thread, case, content, lists, now, rng))?;
    let text = format!("{} {} is signed and waits to be sent.\n", capital(kind.name()), short(&id.0));
    let json = json!({
        "id": id.0.hex(),
        "channel": label,
        "kind": kind.name(),
        "case": case_id.or((kind == Kind::Offer).then_some(id.0)).map(|case| case.hex()),
        "summary": content_line(content),
        "warnings": warnings,
        "mandate": ruling_json(ruling.as_ref()),
        "body": match content {
            Content::Offer(_) | Content::Lines(_) => serde_json::Value::Null,
            other => content_json(other, &names),
        },
    });
    Ok(Answer::new(text, json).aside("Send it: truceline sync\n"))
}

/// What the officer is to know before signing, in a paragraph of its own; nothing where there is nothing.
#[must_use]
pub fn warnings_text(warnings: &[String]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let told: String = warnings.iter().map(|warning| paragraphs(&format!("- {warning}"), 2)).collect();
    format!("\nFor you alone, before you sign:\n{told}\n")
}

/// What is signed, in words, and the whole offer that it is about.
#[must_use]
pub fn summary(channel: &Channel, case: Option<&Digest>, content: &Content, now: UnixMillis) -> String {
    let names = &Names::of(channel);
    let peer = &names.peer;
    let (about, hold) = about(channel, content);
    let offer = about.as_ref().and_then(offer_of);
    let means = match content {
        Content::Offer(offer) => {
            return offer_text(offer, names) + &renumbered_text(channel, offer);
        }
        Content::Accept(accept) => format!(
            "You accept the whole of the offer below, and hold to that until {}. Once {peer} confirms, it binds \
             both, and only an amendment can change it.{}",
            time(accept.hold_until),
            past(offer.as_deref(), names, now)
        ),
        Content::Confirm(_) => format!(
            "You confirm that {peer} accepted your offer below. Once {peer} acknowledges that, it binds both, and \
             only an amendment can change it."
        ),
        Content::Lapse(_) => {
            let promised = hold.map_or_else(String::new, |until| {
                format!(" You promised to hold to it until {}.", time(until))
            });
            format!("You take back your acceptance of the offer below.{promised}")
        }
        Content::Reject(_) => "You reject the offer below.".to_owned(),
        Content::Withdraw(_) => "You withdraw your offer below.".to_owned(),
        Content::Note(_) => String::new(),
        Content::Standby(_) => format!("You ask {peer} for time."),
        Content::Query(_) => format!("You ask {peer}:"),
        Content::Answer(_) | Content::BreachAnswered(_) => format!("You answer {peer}:"),
        Content::Lock(_) => format!(
            "You freeze the lists of the version below. Once {peer} has locked the same, its handover can be \
             prepared."
        ),
        Content::Transport(_) => {
            format!(
                "You say how your persons are moved. {peer} is to acknowledge it before you can be ready."
            )
        }
        Content::TransportAcknowledged(_) => {
            format!("You say that your own forces have been told how {peer} moves its persons.")
        }
        Content::Ready(_) => "You say that you are ready to move.".to_owned(),
        Content::Go(_) => format!(
            "You say go, and cannot break this round off after it. Nobody moves before you hold {peer}'s go too."
        ),
        Content::Suspend(_) => {
            "You break this round off: ready and go of it no longer count, and have to be said again."
                .to_owned()
        }
        Content::Lines(_) => "You say what became of whom, as your side saw it:".to_owned(),
        Content::Closed(_) => format!(
            "{}You say that your lines are complete. After this only results on remains may still change.",
            untold(channel, case).unwrap_or_default()
        ),
        Content::TransferNotice(_) => format!("You tell {peer} of persons taken to a third country."),
        Content::Breach(_) => format!("You say that {peer} has to answer for a condition that was broken."),
    };
    let mut text = paragraphs(&means, 0);
    if let Some(shown) = &about {
        if !shown.own && shown.item.marks.read.is_none() {
            text.push_str("You have not opened it before.\n");
        }
        if let Some(offer) = &offer {
            text.push('\n');
            text.push_str(&offer_text(offer, names));
        }
        return text;
    }
    text.push('\n');
    let ledger = case.map(|id| (id, channel.ledger_of(id)));
    let case = ledger.as_ref().and_then(|(id, ledger)| ledger.case(id));
    let agreed = held::agreed(channel, case.as_ref(), content);
    text.push_str(&content_text(content, names, agreed.as_deref(), false));
    text
}

/// That nothing was said of some, where that is so.
fn untold(channel: &Channel, case: Option<&Digest>) -> Option<String> {
    let ledger = channel.ledger_of(case?);
    let (told, of) = Progress::of(channel, &ledger.case(case?)?)?.told(channel.thread.role);
    (told < of).then(|| format!("YOU HAVE SAID OF ONLY {told} OF THE {of} AGREED WHAT BECAME OF THEM. "))
}

/// Which legs have other numbers than in the offer that this one is a part of.
fn renumbered_text(channel: &Channel, offer: &Offer) -> String {
    let Some(whole) = offer.body().parent.and_then(|id| held::offer(channel, &id)) else {
        return String::new();
    };
    let moved: Vec<String> = renumbered_legs(&whole, offer)
        .into_iter()
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("{} is now {}", old + 1, new + 1))
        .collect();
    if moved.is_empty() {
        return String::new();
    }
    let told = format!(
        "Legs renumbered: {}. Words in free text, such as the duties of guarantors, may still name the old numbers.",
        moved.join(", ")
    );
    format!("\n{}", paragraphs(&told, 0))
}

/// That the time of the other's offer is over, where it is.
fn past(offer: Option<&Offer>, names: &Names, now: UnixMillis) -> String {
    let until = offer.and_then(|offer| offer.body().valid_until).filter(|until| *until <= now);
    until.map_or_else(String::new, |until| {
        format!(" {} promised to confirm until {} only, and that is over.", names.peer, time(until))
    })
}

fn offer_of(shown: &Shown<'_>) -> Option<Box<Offer>> {
    match shown.content() {
        Some(Ok(Content::Offer(offer))) => Some(offer),
        _ => None,
    }
}

/// The offer that an act is about, and until when our acceptance of it was promised to hold.
fn about<'a>(channel: &'a Channel, content: &Content) -> (Option<Shown<'a>>, Option<UnixMillis>) {
    let held = |id: Digest| held::statement(channel, &id);
    match content {
        Content::Accept(Accept { offer, .. })
        | Content::Reject(Reject { offer, .. })
        | Content::Withdraw(Withdraw { offer, .. }) => (held(*offer), None),
        Content::Confirm(Confirm { acceptance }) | Content::Lapse(Lapse { acceptance, .. }) => {
            match held(*acceptance).and_then(|shown| shown.content()) {
                Some(Ok(Content::Accept(accept))) => (held(accept.offer), Some(accept.hold_until)),
                _ => (None, None),
            }
        }
        _ => (None, None),
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
