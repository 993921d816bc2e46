//! What became of whom: each side's handover lines, and the discrepancy that is computed from both.

use crate::deal::body::{BodyError, Content, Lines, Offer};
use crate::deal::discrepancy::{Account, Asked, Discrepancy, LegResult};
use crate::deal::handover::{HandoverLine, LinesBody};
use crate::deal::lines::{all_delivered, lines_from_csv, template_of, to_fill_in};
use crate::deal::terms::Leg;
use crate::desk::act::{LIST_BYTES_MAX, read_bounded};
use crate::desk::converse::{from_zero, named};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::handover::Sealed;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::progress::Progress;
use crate::desk::record::side;
use crate::desk::screen::{Answer, json_time_if, list_of, paragraphs, short};
use crate::desk::sign::{Leave, sign};
use crate::host::folder::write_private;
use crate::party::role::Role;
use crate::statement::list::List;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// `truceline lines`: from a file, or everybody as listed; or a file to fill in.
///
/// # Errors
/// [`Failure`].
pub fn lines(desk: &mut Desk, asked: &grammar::Lines) -> Result<Answer, Failure> {
    let on = Sealed::named(desk, &asked.case)?;
    let channel = desk.channel(on.thread)?;
    let me = channel.thread.role;
    let ledger = channel.ledger_of(&on.case.0);
    let Some(progress) = ledger.case(&on.case.0).and_then(|case| Progress::of(channel, &case)) else {
        let what =
            format!("what was sealed in case {} is cancelled: nobody is handed over", short(&on.case.0));
        return Err(Failure::new(
            Cause::Refused,
            what,
            "Agree on another version first: truceline amend CASE FILE",
        ));
    };
    let to_tell = progress.to_tell(me);
    let offer = progress.into_offer();
    let stage = asked.stage.map(|stage| stage_of(&offer, stage)).transpose()?;
    if let Some(path) = &asked.template {
        return template(path, &offer, stage, &to_tell);
    }
    let in_stage = |line: &HandoverLine| {
        let leg = offer.legs().get(usize::from(line.subject.leg()));
        stage.is_none() || leg.is_some_and(|leg| leg.stage == stage)
    };
    let mut lines = match &asked.file {
        Some(path) => read(desk, path, &offer, me)?,
        None => all_delivered(&offer),
    };
    lines.retain(in_stage);
    let records = lines.iter().map(HandoverLine::encode_line).collect::<Result<Vec<_>, _>>()?;
    let list = List::new(desk.service.random_seed(), records).map_err(BodyError::from)?;
    let body = LinesBody { version: on.version, lines: list.root() };
    let lists = vec![list];
    let content = Content::Lines(Lines::join(body, &lists)?);
    let leave = Leave { yes: asked.yes, late: asked.late };
    sign(desk, on.thread, Some(on.case), &content, lists, leave)
}

/// Writes a file to fill in: of one stage, or of what may be told now.
fn template(path: &Path, offer: &Offer, stage: Option<u8>, now: &BTreeSet<u8>) -> Result<Answer, Failure> {
    let kept = |leg: &Leg| match (leg.stage, stage) {
        (of, Some(_)) => of == stage,
        (None, None) => true,
        (Some(of), None) => now.contains(&of),
    };
    let legs: Vec<&Leg> = offer.legs().iter().collect();
    if !legs.iter().any(|leg| kept(leg)) {
        return Err(Failure::new(
            Cause::Refused,
            "there is nothing more to tell of now: of every stage that has begun you have told",
            "Wait for the other side's lines (truceline sync), or correct those of one stage: \
             truceline lines CASE --stage N --template FILE",
        ));
    }
    let csv = template_of(offer, kept);
    write_private(path, csv.as_bytes())?;
    let open = to_fill_in(&csv);
    let mut text =
        format!("{} is to be corrected, then handed in: truceline lines CASE FILE\n", path.display());
    if stage.is_none() && !legs.iter().all(|leg| kept(leg)) {
        let stages: Vec<String> = now.iter().map(|stage| (u32::from(*stage) + 1).to_string()).collect();
        let of = if stages.is_empty() { "legs in no stage".to_owned() } else { numbered("stage", &stages) };
        let told = format!("It holds what you may tell of now: {of}. Of another stage: --stage N");
        text.push_str(&paragraphs(&told, 0));
    }
    if !open.is_empty() {
        let lines: Vec<String> = open.iter().map(ToString::to_string).collect();
        let told = format!(
            "Fill in the number in {}: the offer gives only an estimate there, or no number at all.",
            numbered("line", &lines)
        );
        text.push_str(&paragraphs(&told, 0));
    }
    Ok(Answer::new(text, json!({"template": path.display().to_string(), "fill_in": open})))
}

/// `stage 3`, `stages 3 and 4`.
fn numbered(what: &str, numbers: &[String]) -> String {
    format!("{what}{} {}", if numbers.len() == 1 { "" } else { "s" }, list_of(numbers))
}

/// A stage as the wire counts it.
fn stage_of(offer: &Offer, stage: u8) -> Result<u8, Failure> {
    let at: u8 = from_zero("stage", stage)?;
    if usize::from(at) < offer.body().terms.stages.len() {
        return Ok(at);
    }
    let what = format!("the sealed offer has no stage {stage}");
    Err(Failure::new(Cause::Usage, what, "See its stages: truceline case show CASE"))
}

fn read(desk: &Desk, path: &Path, offer: &Offer, me: Role) -> Result<Vec<HandoverLine>, Failure> {
    let unreadable = |cause: String| {
        let what = format!("the lines {} cannot be read: {cause}", path.display());
        Failure::new(
            Cause::Input,
            what,
            "Check the path; truceline lines CASE --template FILE makes such a file.",
        )
    };
    let bytes = read_bounded(path, LIST_BYTES_MAX).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    lines_from_csv(&text, &file, offer, me, desk.service.now()).map_err(|error| {
        let mut failure = Failure::from(error);
        if !failure.details.is_empty() {
            failure.what = "the list of lines cannot be used as it is".to_owned();
        }
        failure
    })
}

/// `truceline discrepancy`.
///
/// # Errors
/// [`Failure`].
pub fn discrepancy(desk: &Desk, asked: &grammar::OneCase) -> Result<Answer, Failure> {
    let (thread, id) = named(desk, &asked.case)?;
    let channel = desk.channel(thread)?;
    let names = Names::of(channel);
    let ledger = channel.ledger_of(&id.0);
    let progress = ledger.case(&id.0).and_then(|case| Progress::of(channel, &case));
    let progress = progress.filter(Progress::has_lines).ok_or_else(|| {
        let what = format!("nobody has said in case {} what became of whom", short(&id.0));
        Failure::new(Cause::Refused, what, "Say it once both have said go: truceline lines CASE FILE.csv")
    })?;
    let found = progress.discrepancy();
    let mut text = String::new();
    if found.is_none() {
        text.push_str("Both sides say that everything is as agreed.\n");
    }
    text.push_str(&paragraphs(found.to_string().trim_end(), 0));
    Ok(Answer::new(text, json(&found, &names)))
}

fn json(found: &Discrepancy, names: &Names) -> Value {
    json!({
        "none": found.is_none(),
        "text": found.to_string(),
        "legs": found.legs.iter().map(|leg| leg_json(leg, names)).collect::<Vec<_>>(),
        "remedies": found.remedies.iter().map(|asked| asked_json(asked, names)).collect::<Vec<_>>(),
        "strays": found.strays.iter().sum::<usize>(),
    })
}

fn leg_json(leg: &LegResult, names: &Names) -> Value {
    let account = |by: Role| {
        let Account { outcomes, delivered, not_reported, fulfilled, .. } = leg.account(by);
        let outcomes: Map<String, Value> =
            outcomes.iter().map(|(outcome, number)| (outcome.text().to_owned(), (*number).into())).collect();
        json!({
            "outcomes": outcomes,
            "delivered": delivered,
            "not_reported": not_reported,
            "fulfilled": fulfilled,
            "summary": leg.sentence(by),
        })
    };
    let (least, most) = leg.agreed.clone().into_inner();
    json!({
        "leg": leg.leg + 1,
        "giver": side(leg.giver, names.me),
        "least": least,
        "most": (most != u32::MAX).then_some(most),
        "tolerance": leg.tolerance,
        "own": account(names.me),
        "peer": account(names.me.other()),
        "summary": leg.both(),
        "findings": leg.findings.iter().map(|finding| leg.finding(finding)).collect::<Vec<_>>(),
    })
}

fn asked_json(asked: &Asked, names: &Names) -> Value {
    json!({
        "by": side(asked.by, names.me),
        "leg": asked.leg + 1,
        "remedy": asked.remedy.text(),
        "number": asked.number,
        "deadline": json_time_if(asked.deadline),
    })
}
