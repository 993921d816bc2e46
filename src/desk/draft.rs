//! `truceline draft` and `truceline approve`: what is to be signed, shown to the principal exactly, and signed exactly
//! so. May not decide who may sign what.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::mandate::ruling::{Ruling, Verdict};
use crate::deal::verdict::Act;
use crate::desk::act::{self, Saying};
use crate::desk::ask::{can_ask, consent};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::mandate::{read_file, ruling_json, ruling_text, with};
use crate::desk::names::Names;
use crate::desk::open::{Desk, resolve};
use crate::desk::promise;
use crate::desk::screen::{Answer, field, json_time_if, paragraphs, plain, short, time};
use crate::desk::sign::{summary, warnings_text};
use crate::desk::tell::{FIELD, content_line, content_text};
use crate::desk::warn::warnings_in;
use crate::host::folder::write_private;
use crate::officer::draft::{APPROVAL_BYTES_MAX, Approval, DRAFT_FILE_BYTES_MAX, DraftError, DraftFile};
use crate::officer::drafts::HeldDraft;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `truceline draft`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &grammar::Draft) -> Result<Answer, Failure> {
    match asked {
        grammar::Draft::Propose(asked) => {
            let saying = act::propose(desk, &asked.file, asked.frame.as_ref())?;
            add(desk, saying, asked.to.out.as_ref())
        }
        grammar::Draft::Counter(asked) => {
            let saying = act::counter(desk, &asked.id, &asked.file)?;
            add(desk, saying, asked.to.out.as_ref())
        }
        grammar::Draft::Amend(asked) => {
            let saying = act::amend(desk, &asked.case, asked.file.as_deref())?;
            add(desk, saying, asked.to.out.as_ref())
        }
        grammar::Draft::Accept(asked) => {
            let saying = act::accept(desk, &asked.id, &asked.hold, &asked.groups)?;
            add(desk, saying, asked.to.out.as_ref())
        }
        grammar::Draft::Confirm(asked) => {
            let saying = act::confirm(desk, &asked.id)?;
            add(desk, saying, asked.to.out.as_ref())
        }
        grammar::Draft::List => list(desk),
        grammar::Draft::Show(asked) => show(desk, asked),
        grammar::Draft::Send(asked) => send(desk, asked),
        grammar::Draft::Drop(asked) => forget(desk, asked),
    }
}

/// Keeps a draft, and writes it for the principal.
fn add(desk: &mut Desk, saying: Saying, out: Option<&PathBuf>) -> Result<Answer, Failure> {
    let Saying { thread, case, content, lists } = saying;
    let content = &content;
    let id = desk.service.command(|officer, now, _| officer.add_draft(thread, case, content, lists, now))?;
    written(desk, &id, out)?;
    let mut text = format!("Draft {} is kept; nothing is signed.\n\n", short(&id));
    let channel = desk.channel(thread)?;
    text.push_str(&summary(channel, case.map(|case| case.0).as_ref(), content, desk.service.now()));
    let warnings = warnings_in(desk, thread, case.map(|case| case.0), content);
    text.push_str(&warnings_text(&warnings));
    let ruling = desk.service.officer().ruling(thread, case.map(|case| case.0), content, desk.service.now());
    text.extend(ruling.as_ref().map(ruling_text));
    let json = with(
        draft_json(desk, &id)?,
        [
            ("file", json!(out.map(|out| out.display().to_string()))),
            ("mandate", ruling_json(ruling.as_ref())),
            ("warnings", json!(warnings)),
        ],
    );
    Ok(Answer::new(text, json).aside(what_next(&id, out, ruling.as_ref().map(Ruling::verdict))))
}

/// What is to be done with a new draft, with the principal where the mandate asks for that.
fn what_next(id: &Digest, out: Option<&PathBuf>, verdict: Option<Verdict>) -> String {
    let id = short(id);
    // What no mandate rules on is for a principal where it was written for one.
    let alone = verdict.map_or(out.is_none(), |verdict| verdict.may_sign(false));
    if alone {
        return format!("Sign and send it: truceline draft send {id}\n");
    }
    let approve = match out {
        Some(out) => format!(
            "Have it approved in the principal's vault:\n  truceline approve {} --out APPROVAL\n",
            out.display()
        ),
        None => format!("Write it for the principal: truceline draft show {id} --out FILE\n"),
    };
    format!("{approve}Then sign and send it: truceline draft send {id} --approval APPROVAL\n")
}

fn written(desk: &Desk, id: &Digest, out: Option<&PathBuf>) -> Result<(), Failure> {
    let Some(out) = out else { return Ok(()) };
    let bytes = desk.service.officer().draft_file(id)?.encode()?;
    Ok(write_private(out, &bytes)?)
}

fn found(desk: &Desk, prefix: &str) -> Result<Digest, Failure> {
    let ids: Vec<Digest> = desk.service.officer().drafts().map(|(id, _)| *id).collect();
    let wanted = prefix.trim().to_ascii_lowercase();
    if !wanted.is_empty() && !ids.iter().any(|id| id.hex().starts_with(&wanted)) {
        return Err(DraftError::Unknown.into());
    }
    resolve(prefix, ids.into_iter().map(|id| (id.hex(), id)))
}

fn held<'a>(desk: &'a Desk, id: &Digest) -> Result<&'a HeldDraft, Failure> {
    let mut drafts = desk.service.officer().drafts();
    drafts.find(|(it, _)| *it == id).map(|(_, held)| held).ok_or_else(|| DraftError::Unknown.into())
}

fn draft_json(desk: &Desk, id: &Digest) -> Result<Value, Failure> {
    let held = held(desk, id)?;
    let content = held.draft.content()?;
    let approval = held.approval.as_ref();
    Ok(json!({
        "draft": id.hex(),
        "channel": desk.channel(held.thread)?.thread.label,
        "kind": content.kind().name(),
        "case": held.draft.case().map(|case| case.0.hex()),
        "summary": content_line(&content),
        "sent": held.sent.map(|sent| sent.0.hex()),
        "approved_by": approval.and_then(|it| it.card().fingerprint().ok()).map(|it| it.hex()),
        "approved_at": json_time_if(approval.map(Approval::at)),
    }))
}

fn list(desk: &Desk) -> Result<Answer, Failure> {
    let (mut text, mut all) = (String::new(), Vec::new());
    for (id, held) in desk.service.officer().drafts() {
        let content = held.draft.content()?;
        let state = match (held.sent, &held.approval) {
            (None, _) => "not sent".to_owned(),
            (Some(sent), None) => format!("sent as {}", short(&sent.0)),
            (Some(sent), Some(approval)) => {
                let who = plain(approval.card().name().as_str());
                format!("sent as {}, approved by {who} on {}", short(&sent.0), time(approval.at()))
            }
        };
        let line = format!("{}: {}; {state}", content.kind().name(), content_line(&content));
        text.push_str(&field(&short(id), FIELD, &line));
        all.push(draft_json(desk, id)?);
    }
    if all.is_empty() {
        text.push_str("No draft.\n");
    }
    Ok(Answer::new(text, json!({"drafts": all})))
}

fn show(desk: &Desk, asked: &grammar::DraftShow) -> Result<Answer, Failure> {
    let id = found(desk, &asked.id)?;
    written(desk, &id, asked.to.out.as_ref())?;
    let held = held(desk, &id)?;
    let content = held.draft.content()?;
    let ruling = desk.service.officer().ruling(
        held.thread,
        held.draft.case().map(|case| case.0),
        &content,
        desk.service.now(),
    );
    let mut text = file_text(&desk.service.officer().draft_file(&id)?)?;
    if let Some(ruling) = &ruling {
        text.push('\n');
        text.push_str(&ruling_text(ruling));
    }
    let file = json!(asked.to.out.as_ref().map(|out| out.display().to_string()));
    let json = with(draft_json(desk, &id)?, [("file", file), ("mandate", ruling_json(ruling.as_ref()))]);
    Ok(Answer::new(text, json))
}

/// A draft in full, as principal and drafter read it.
fn file_text(file: &DraftFile) -> Result<String, Failure> {
    let draft = &file.draft;
    let (own, peer) = (plain(file.drafter.name().as_str()), plain(file.peer.as_str()));
    let names = Names { me: draft.author(), own, peer };
    let content = draft.content()?;
    let mut out = field("draft", FIELD, &draft.id().hex());
    out.push_str(&field("drafted by", FIELD, &names.own));
    out.push_str(&field("", FIELD, &file.drafter.fingerprint()?.hex()));
    out.push_str(&field("to", FIELD, &names.peer));
    out.push_str(&field("channel", FIELD, &draft.channel().hex()));
    let case = draft.case().map_or_else(|| "a new one".to_owned(), |case| case.0.hex());
    out.push_str(&field("case", FIELD, &case));
    out.push_str(&field("kind", FIELD, content.kind().name()));
    let under = match file.mandate {
        0 => "none: none was in force when it was drafted".to_owned(),
        number => format!("number {number}: an approval counts under no other"),
    };
    out.push_str(&field("mandate", FIELD, &under));
    out.push('\n');
    match &content {
        Content::Accept(accept) => {
            let text = format!(
                "{} accepts the whole of the offer below, and holds to that until {}.",
                names.own,
                time(accept.hold_until)
            );
            out.push_str(&paragraphs(&text, 0));
            let remark = accept.remark.as_ref().map(|remark| paragraphs(remark.as_str(), 2));
            out.push_str(&remark.unwrap_or_default());
        }
        Content::Confirm(_) => out.push_str(&paragraphs(
            &format!(
                "{} confirms that {} accepted the offer below, which then binds both.",
                names.own, names.peer
            ),
            0,
        )),
        _ => {}
    }
    match file.offer()? {
        Some((author, offer)) => {
            if author != draft.author() {
                out.push_str(&format!("The offer, made by {}:\n", names.peer));
            }
            out.push_str(&content_text(&offer, &names, None, true));
        }
        None => out.push_str(&content_text(&content, &names, None, true)),
    }
    Ok(out)
}

/// What a draft promises that time has overtaken.
fn overtaken(desk: &Desk, content: &Content) -> Result<(), Failure> {
    let now = desk.service.now();
    let (what, until) = match content {
        Content::Accept(accept) => ("the acceptance would be held", Some(accept.hold_until)),
        Content::Offer(offer) => ("the offer would be valid", offer.body().valid_until),
        _ => return Ok(()),
    };
    match until.filter(|until| *until <= now) {
        None => Ok(()),
        Some(until) => {
            let what = format!("{what} until {}, which is past", time(until));
            Err(Failure::new(Cause::Refused, what, "Draft it again, and have it approved again."))
        }
    }
}

fn send(desk: &mut Desk, asked: &grammar::DraftSend) -> Result<Answer, Failure> {
    let id = found(desk, &asked.id)?;
    let approval = match &asked.approval {
        Some(path) => Some(Approval::verify(&read_file("approval", path, APPROVAL_BYTES_MAX)?)?),
        None => None,
    };
    let (thread, case, content) = {
        let held = held(desk, &id)?;
        (held.thread, held.draft.case(), held.draft.content()?)
    };
    overtaken(desk, &content)?;
    let channel = desk.channel(thread)?;
    let names = Names::of(channel);
    let (case_id, now) = (case.map(|case| case.0), desk.service.now());
    if channel.session().is_some() {
        let ledger = channel.ledger();
        ledger.would_be(names.me, case_id.as_ref(), &Act::of(&content))?;
        let case = case_id.and_then(|id| ledger.case(&id));
        promise::kept(channel, case.as_ref(), &content, asked.late, now)?;
    }
    let ruling = desk.service.officer().ruling(thread, case_id, &content, now);
    let warnings = warnings_in(desk, thread, case_id, &content);
    if !desk.place.json {
        eprint!("{}", warnings_text(&warnings));
        eprint!(
            "To be signed as {}, for {} to read:\n\n{}",
            names.own,
            names.peer,
            summary(channel, case_id.as_ref(), &content, now)
        );
        eprintln!("{}", ruling.as_ref().map(ruling_text).unwrap_or_default());
    }
    if !asked.yes && can_ask() && !consent("Sign it?", "--yes")? {
        return Err(Failure::new(Cause::Refused, "not signed", "Nothing was said."));
    }
    let by = approval.as_ref().map(|approval| plain(approval.card().name().as_str()));
    let statement = desk.service.command(|officer, now, rng| officer.send_draft(&id, approval, now, rng))?;
    let approved = by.map(|by| format!(", as {by} approved it,")).unwrap_or_default();
    let text = format!(
        "Draft {}{approved} is signed as {} {} and waits to be sent.\n",
        short(&id),
        content.kind().name(),
        short(&statement.0)
    );
    let id_json = json!(statement.0.hex());
    let json = with(
        draft_json(desk, &id)?,
        [("id", id_json), ("mandate", ruling_json(ruling.as_ref())), ("warnings", json!(warnings))],
    );
    Ok(Answer::new(text, json).aside("Send it: truceline sync\n"))
}

fn forget(desk: &mut Desk, asked: &grammar::DraftDrop) -> Result<Answer, Failure> {
    let id = found(desk, &asked.id)?;
    desk.service.command(|officer, _, _| officer.drop_draft(&id))?;
    Ok(Answer::new(format!("Draft {} is forgotten.\n", short(&id)), json!({"draft": id.hex()})))
}

/// `truceline approve`: in the principal's own vault.
///
/// # Errors
/// [`Failure`]; nothing is signed then.
pub fn approve(desk: &Desk, asked: &grammar::Approve) -> Result<Answer, Failure> {
    let file = DraftFile::decode(&read_file("draft", Path::new(&asked.file), DRAFT_FILE_BYTES_MAX)?)?;
    let identity = desk.service.officer().identity();
    file.check_approver(identity.card())?;
    if !desk.place.json {
        eprint!("To be approved by {}:\n\n{}\n", plain(identity.card().name().as_str()), file_text(&file)?);
    }
    if !asked.yes && can_ask() && !consent("Approve exactly this?", "--yes")? {
        return Err(Failure::new(Cause::Refused, "not approved", "Nothing was written."));
    }
    let approval = file.approve(identity, desk.service.now())?;
    write_private(&asked.out, &approval.encode()?)?;
    let id = file.draft.id();
    let text = format!("Draft {} is approved: {}\n", short(&id), asked.out.display());
    let json = json!({
        "draft": id.hex(),
        "drafter": {"name": file.drafter.name().as_str(), "fingerprint": file.drafter.fingerprint()?.hex()},
        "approved_by": identity.card().fingerprint()?.hex(),
        "approved_at": json_time_if(Some(approval.at())),
        "file": asked.out.display().to_string(),
    });
    Ok(Answer::new(text, json)
        .aside("Hand it back to the officer: truceline draft send ID --approval FILE\n"))
}
