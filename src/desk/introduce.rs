//! `truceline init`, `invite` and `join`: a vault, and how two parties come to a channel.

use crate::desk::ask::{Progress, can_ask, consent};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::{Desk, Place};
use crate::desk::qr;
use crate::desk::renew;
use crate::desk::screen::{Answer, duration, json_time, paragraphs, plain, time};
use crate::desk::sync::{Told, at, proxy, runtime, trouble_text, troubles};
use crate::host::folder::write_private;
use crate::host::vault::PassphraseCost;
use crate::officer::introduce::RelayLeave;
use crate::officer::link::{LinkKey, Purpose, Trouble};
use crate::officer::renewal::Old;
use crate::officer::thread::Stage;
use crate::party::card::PartyName;
use crate::party::relay::{RelayLine, RelayPlace};
use crate::service::officer::OfficerService;
use crate::service::sync::{SyncOptions, SyncReport, fetch_offer};
use crate::session::invite::{Invite, UntrustedInvite};
use crate::wire::limit::RETENTION_DEFAULT;
use crate::wire::pass::Pass;
use crate::wire::reply::Bound;
use serde_json::json;
use std::io::Read;
use std::time::Duration;

/// How long one attempt to reach a relay may take here, where somebody waits.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a file that holds an invite, at most.
const INVITE_FILE_BYTES_MAX: u64 = 65_536;
/// A passphrase of fewer characters is remarked upon.
const PASSPHRASE_CHARS_ADVISED: usize = 16;

/// `truceline init`.
///
/// # Errors
/// [`Failure`].
pub fn init(place: &Place, asked: &grammar::Init) -> Result<Answer, Failure> {
    let name = PartyName::parse(&asked.name).map_err(|error| {
        Failure::new(Cause::Usage, error, "Give another --name, without spaces at its ends.")
    })?;
    let passphrase = place.new_passphrase()?;
    let cost = if asked.fast_passphrase { PassphraseCost::LEAST } else { PassphraseCost::default() };
    let progress = Progress::new("Making the vault");
    let service = OfficerService::create(&place.vault, &passphrase, name, cost)?;
    drop(progress);
    let card = service.officer().identity().card();
    let fingerprint = card.fingerprint()?.hex();
    let vault = place.vault.display().to_string();
    let text =
        format!("Vault of {} made in {vault}\nfingerprint {fingerprint}\n", plain(card.name().as_str()));
    let mut aside = String::new();
    if passphrase.chars().count() < PASSPHRASE_CHARS_ADVISED {
        aside.push_str(
            "The passphrase is short, and it is all that guards the vault on a stolen disk.\nSix random words are \
             good.\n",
        );
    }
    aside.push_str(
        "Next: invite a counterpart (truceline invite --help),\nor join one (truceline join --help).\n",
    );
    let json = json!({"party": {"name": card.name().as_str(), "fingerprint": fingerprint}, "vault": vault});
    Ok(Answer::new(text, json).aside(aside))
}

fn leaves(asked: &grammar::Relays) -> Result<Vec<RelayLeave>, Failure> {
    if asked.relays.len() != asked.passes.len() {
        let what = format!("{} relays and {} passes were given", asked.relays.len(), asked.passes.len());
        return Err(Failure::new(Cause::Usage, what, "Give one --pass for each --relay, in the same order."));
    }
    let mut leaves: Vec<RelayLeave> = Vec::new();
    for (relay, pass) in asked.relays.iter().zip(&asked.passes) {
        let RelayLine { place, deposit } = RelayLine::parse(relay).map_err(|error| {
            Failure::new(
                Cause::Usage,
                error,
                "Copy the relay's address from its operator: truceline-relay init prints it.",
            )
        })?;
        let pass = Pass::parse(pass).map_err(|error| {
            Failure::new(Cause::Usage, error, "Copy the whole line that 'truceline-relay pass DIR' printed.")
        })?;
        if leaves.iter().any(|leave| leave.place.pin() == place.pin()) {
            let what = format!("the relay {} is named twice", place.address());
            return Err(Failure::new(Cause::Usage, what, "Name each relay once."));
        }
        leaves.push(RelayLeave { place, deposit, pass });
    }
    Ok(leaves)
}

fn label_of(desk: &Desk, asked: &grammar::Relays, old: Option<Old>) -> String {
    let renewed = || old.map(|old| renew::renewed_label(desk.service.officer(), old.thread));
    asked.label.clone().or_else(renewed).unwrap_or_else(|| {
        let taken =
            |label: &String| desk.service.officer().channels().any(|channel| channel.thread.label == *label);
        let mut labels = (1u32..).map(|number| format!("channel-{number}"));
        labels.find(|label| !taken(label)).unwrap_or_default()
    })
}

fn talk(desk: &mut Desk, thread: u32, asked: &grammar::Relays) -> Result<SyncReport, Failure> {
    let (mut options, _stop) = SyncOptions::once();
    options.via = proxy(asked.via.as_deref())?;
    options.connect_within = CONNECT_WITHIN;
    options.only = Some(thread);
    let runtime = runtime()?;
    let progress = Progress::new("Talking to the relays");
    let report = runtime.block_on(desk.service.sync(&options, &mut |_, _| {}));
    drop(progress);
    Ok(report?)
}

/// Takes a thread back that came to nothing, and says why it did.
fn discard(desk: &mut Desk, thread: u32, report: &SyncReport, what: &str) -> Failure {
    let told = troubles(desk.service.officer(), report);
    if let Err(error) = desk.service.command(|officer, _, _| Ok(((), officer.discard(thread)?))) {
        return error.into();
    }
    let (why, help) = report.troubles.first().map_or_else(
        || ("no relay answered in time".to_owned(), "Check the network, or use --via; then try again."),
        |(_, place, trouble)| {
            let (why, help) = trouble_text(trouble);
            (at(place.address(), &why), help)
        },
    );
    let others = if told.len() > 1 { format!(" (and {} more)", told.len() - 1) } else { String::new() };
    Failure::new(Cause::Network, format!("{what}: {why}{others}"), format!("{help} Nothing was kept."))
}

/// `truceline invite`.
///
/// # Errors
/// [`Failure`]; the invite is then taken back.
pub fn invite(desk: &mut Desk, asked: &grammar::Invite) -> Result<Answer, Failure> {
    invite_to(desk, asked, None)
}

/// Invites to a channel; to one that takes the place of `old`, if that is given.
///
/// # Errors
/// [`Failure`]; the invite is then taken back.
pub fn invite_to(desk: &mut Desk, asked: &grammar::Invite, old: Option<Old>) -> Result<Answer, Failure> {
    let leaves = leaves(&asked.at)?;
    let span = duration(&asked.expires).ok_or_else(|| {
        let what = format!("'{}' is no duration", plain(&asked.expires));
        Failure::new(Cause::Usage, what, "Write it as 12h, '3 days' or 2w.")
    })?;
    if span > RETENTION_DEFAULT {
        let what = "an invite lasts 21 days at most: relays forget what nobody fetched for so long";
        return Err(Failure::new(Cause::Usage, what, "Name a shorter time with --expires."));
    }
    if let Some(path) = asked.out.as_ref().filter(|path| path.exists()) {
        let what = format!("{} exists already", path.display());
        return Err(Failure::new(
            Cause::Input,
            what,
            "Name a new file; an invite is never written over another.",
        ));
    }
    let label = label_of(desk, &asked.at, old);
    let expires = desk.service.now().plus(span);
    let thread = desk.service.command(|officer, now, rng| match old {
        Some(old) => officer.renew(old, label.clone(), &leaves, expires, now, rng),
        None => officer.invite(label.clone(), &leaves, expires, now, rng),
    })?;
    let report = talk(desk, thread, &asked.at)?;
    let channel = desk.channel(thread)?;
    let opened = channel.thread.inbound.iter().any(|inbound| inbound.opened);
    let line = match &channel.thread.stage {
        Stage::Inviting(inviting) if opened && inviting.offers.iter().any(|offer| offer.stored) => {
            inviting.line.clone()
        }
        _ => return Err(discard(desk, thread, &report, "the invite was not made")),
    };
    let told = troubles(desk.service.officer(), &report);
    let json = json!({
        "channel": label,
        "invite": line,
        "expires": json_time(expires),
        "out": asked.out.as_ref().map(|path| path.display().to_string()),
        "troubles": told.iter().map(Told::json).collect::<Vec<_>>(),
    });
    let mut text = String::new();
    if let Some(path) = &asked.out {
        write_private(path, format!("{line}\n").as_bytes())?;
    }
    if asked.qr {
        text.push_str(&qr::render(&line, desk.place.style)?);
    } else if asked.out.is_none() {
        text = format!("{line}\n");
    }
    let mut aside = String::new();
    for one in &told {
        aside.push_str(&format!("Not all relays did their work:\n{}", one.text()));
    }
    let written = asked.out.as_ref().map(|path| format!("The invite is in {}.\n", path.display()));
    aside.push_str(&written.unwrap_or_default());
    let next = format!(
        "Hand this invite to the other officer so that nobody else sees it. It is good once, until {}. When it was \
         used: truceline sync, then truceline words.{}",
        time(expires),
        if old.is_some() {
            " The other officer joins with --renews and the label that the old channel has there."
        } else {
            ""
        }
    );
    aside.push_str(&paragraphs(&next, 0));
    Ok(Answer::new(text, json).aside(aside))
}

/// The text of an invite: the line itself, standard input, or a file.
fn invite_text(argument: &str) -> Result<zeroize::Zeroizing<String>, Failure> {
    if argument.trim_start().to_ascii_lowercase().starts_with("truceline") && argument.contains(':') {
        return Ok(zeroize::Zeroizing::new(argument.to_owned()));
    }
    // All the room at once: where a text lay before it grew, it would stay.
    let mut text = zeroize::Zeroizing::new(String::with_capacity(INVITE_FILE_BYTES_MAX as usize));
    let read = if argument == "-" {
        std::io::stdin().take(INVITE_FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(argument)
            .and_then(|file| file.take(INVITE_FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| {
        let what = format!("the invite {} cannot be read: {error}", plain(argument));
        Failure::new(Cause::Input, what, "Give the truceline: line itself, or the file that holds it.")
    })?;
    Ok(text)
}

/// Asks before addresses are contacted that the counterpart named.
fn approve(what: &str, places: &[&RelayPlace], asked: &grammar::Join, as_json: bool) -> Result<(), Failure> {
    // Machines that have agreed beforehand read nothing but answers and errors.
    let shown = !as_json || (can_ask() && !asked.yes);
    for place in places.iter().filter(|_| shown) {
        eprintln!("{what}: {}\n  pin {}", place.address(), place.pin().0.hex());
    }
    if let Some(place) = places.iter().find(|place| place.is_private()).filter(|_| !asked.allow_private) {
        let what =
            format!("{} is on this machine or on a private network; it was not contacted", place.address());
        let help =
            "An invite could point at your own network to probe it. If this is meant, add --allow-private.";
        return Err(Failure::new(Cause::Refused, what, help));
    }
    if places.is_empty() || asked.yes || consent("Contact it?", "--yes")? {
        return Ok(());
    }
    Err(Failure::new(
        Cause::Refused,
        "not joined: the address was not approved",
        "Nothing was contacted with it.",
    ))
}

/// Takes a join back whose pass was refused, or whose hello no relay of the inviter takes any more.
fn came_to_nothing(
    desk: &mut Desk,
    thread: u32,
    report: &SyncReport,
    relays: usize,
) -> Result<Option<Failure>, Failure> {
    let channel = desk.channel(thread)?;
    if !matches!(channel.thread.stage, Stage::Greeting(_)) {
        return Ok(None);
    }
    let opened = channel.thread.inbound.iter().any(|inbound| inbound.opened);
    let said = |own: bool, wanted: &Trouble| {
        let of = |link: &LinkKey| matches!(link.purpose, Purpose::Inbound(_)) == own;
        report.troubles.iter().filter(|(link, _, trouble)| of(link) && trouble == wanted).count()
    };
    if said(false, &Trouble::Refused) == relays {
        let _ = discard(desk, thread, report, "not joined");
        return Ok(Some(Failure::new(
            Cause::Refused,
            "not joined: the invite was used already, by you or by somebody else",
            "If it was not you, tell the inviter not to confirm any words, and ask for a new invite. Nothing was kept.",
        )));
    }
    if said(false, &Trouble::Full(Bound::Queue)) == relays {
        let _ = discard(desk, thread, report, "not joined");
        return Ok(Some(Failure::new(
            Cause::Refused,
            "not joined: somebody else who knows the invite has filled the places that answers to it have",
            "Tell the inviter, and ask for a new invite, handed over in another way. Nothing was kept.",
        )));
    }
    let refused = !opened && said(true, &Trouble::PassRefused) > 0;
    Ok(refused.then(|| discard(desk, thread, report, "not joined")))
}

/// `truceline join`.
///
/// # Errors
/// [`Failure`].
pub fn join(desk: &mut Desk, asked: &grammar::Join) -> Result<Answer, Failure> {
    let leaves = leaves(&asked.at)?;
    let old = asked.renews.as_deref().map(|label| renew::labelled(desk, label)).transpose()?;
    let old = old.map(|thread| Old { thread, new_identity: asked.new_identity });
    let via = proxy(asked.at.via.as_deref())?;
    let invite: Invite = UntrustedInvite::parse(&invite_text(&asked.invite)?)?.verify(desk.service.now())?;
    let as_json = desk.place.json;
    let first: Vec<&RelayPlace> = invite.relays().iter().collect();
    approve("The invite names the relay", &first, asked, as_json)?;
    let runtime = runtime()?;
    let progress = Progress::new("Fetching the offer");
    let fetched = runtime.block_on(fetch_offer(&invite, via.as_ref(), CONNECT_WITHIN));
    drop(progress);
    let offer = fetched?;
    let further = offer.relays().iter().map(|relay| &relay.place).filter(|place| !first.contains(place));
    let further: Vec<&RelayPlace> = further.collect();
    approve("Its offer names a further relay", &further, asked, as_json)?;
    let label = label_of(desk, &asked.at, old);
    let inviter = plain(offer.card().name().as_str());
    let before = renew::same_party(desk.service.officer(), &offer.card().fingerprint()?);
    let thread = desk.service.command(|officer, now, rng| match old {
        Some(old) => officer.join_renewal(old, label.clone(), &invite, &offer, &leaves, now, rng),
        None => officer.join(label.clone(), &invite, &offer, &leaves, now, rng),
    })?;
    let report = talk(desk, thread, &asked.at)?;
    if let Some(failure) = came_to_nothing(desk, thread, &report, offer.relays().len())? {
        return Err(failure);
    }
    let told = troubles(desk.service.officer(), &report);
    let json = json!({
        "channel": label,
        "peer": {"name": offer.card().name().as_str(), "fingerprint": offer.card().fingerprint()?.hex()},
        "troubles": told.iter().map(Told::json).collect::<Vec<_>>(),
    });
    let text = format!("Joined {inviter}'s invite as channel {}.\n", plain(&label));
    let mut aside: String = told.iter().map(Told::text).collect();
    if let Some(before) = before.filter(|_| old.is_none()) {
        let hint = format!(
            "Channel {} is with the same party. If this one is to take its place: truceline channel discard {}, and join \
             again with --renews {}.",
            plain(&before),
            plain(&label),
            plain(&before)
        );
        aside.push_str(&paragraphs(&hint, 0));
    }
    let next = format!(
        "Next: {inviter} syncs, then you do (truceline sync); then compare the words (truceline words). Until then \
         nothing proves who {inviter} is."
    );
    aside.push_str(&paragraphs(&next, 0));
    Ok(Answer::new(text, json).aside(aside))
}
