//! `truceline mandate`: signed by a principal, put in force by an officer, shown, and asked about a proposal. May not
//! decide anything: a mandate's rules are weighed in `deal/`, and held to in `officer/`.

use crate::crypto::digest::{Digest, unhex};
use crate::deal::mandate::ruling::{Finding, Ruling, Verdict};
use crate::deal::mandate::{MANDATE_BYTES_MAX, Mandate};
use crate::desk::act::{self, Saying, read_bounded};
use crate::desk::ask::{can_ask, consent};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, count, field, json_time, plain, time};
use crate::host::folder::write_private;
use crate::officer::mandate::{SIGNED_BYTES_MAX, SignedMandate};
use serde_json::{Value, json};
use std::path::Path;

/// Columns of the names of fields.
const FIELD: usize = 14;

/// Bytes of a file that are read before it is asked what it is, at least: a file of another kind is told as such.
const LOOK_BYTES: u64 = 1 << 20;

/// A file that was handed in, whole. One that is somewhat longer than `max` is for its reader to refuse.
pub(super) fn read_file(what: &str, path: &Path, max: usize) -> Result<Vec<u8>, Failure> {
    read_bounded(path, LOOK_BYTES.max(max as u64)).map_err(|cause| {
        let what = format!("the {what} {} cannot be read: {cause}", path.display());
        Failure::new(Cause::Input, what, "Check the path and whether you may read the file.")
    })
}

/// An object with more fields.
pub(super) fn with<const N: usize>(mut object: Value, fields: [(&str, Value); N]) -> Value {
    if let Value::Object(all) = &mut object {
        all.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// `truceline mandate`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &grammar::Mandate) -> Result<Answer, Failure> {
    match asked {
        grammar::Mandate::Sign(asked) => sign(desk, asked),
        grammar::Mandate::Set(asked) => set(desk, asked),
        grammar::Mandate::Show => show(desk),
        grammar::Mandate::Check(asked) => check(desk, asked),
    }
}

fn sign(desk: &Desk, asked: &grammar::MandateSign) -> Result<Answer, Failure> {
    let text = read_file("mandate", &asked.file, MANDATE_BYTES_MAX)?;
    let identity = desk.service.officer().identity();
    let signed = SignedMandate::sign(identity, &text)?;
    if !desk.place.json {
        let name = plain(identity.card().name().as_str());
        eprint!("To be signed by {name}, as principal:\n\n{}\n", mandate_text(&signed));
    }
    if !asked.yes && can_ask() && !consent("Sign this mandate?", "--yes")? {
        return Err(Failure::new(Cause::Refused, "not signed", "Nothing was written."));
    }
    write_private(&asked.out, &signed.encode()?)?;
    let text = format!("Mandate {} is signed: {}\n", signed.mandate().number, asked.out.display());
    let aside = format!(
        "Hand it to the officer, and tell them your fingerprint in person:\n{}\n",
        signed.principal().hex()
    );
    let json = with(mandate_json(&signed), [("file", json!(asked.out.display().to_string()))]);
    Ok(Answer::new(text, json).aside(aside))
}

fn set(desk: &mut Desk, asked: &grammar::MandateSet) -> Result<Answer, Failure> {
    let principal = asked.principal.as_deref().map(fingerprint).transpose()?;
    let bytes = read_file("signed mandate", &asked.file, SIGNED_BYTES_MAX)?;
    desk.service.command(|officer, _, _| officer.set_mandate(&bytes, principal))?;
    let Some(signed) = desk.service.officer().mandate() else { return Ok(Answer::default()) };
    let text = format!("Mandate {} is in force.\n\n{}", signed.mandate().number, mandate_text(signed));
    Ok(Answer::new(text, mandate_json(signed)))
}

fn fingerprint(text: &str) -> Result<Digest, Failure> {
    let read = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok()).map(Digest);
    read.ok_or_else(|| {
        let what = format!("'{}' is no fingerprint", plain(text));
        Failure::new(
            Cause::Usage,
            what,
            "Give all 64 hexadecimal digits; the principal's 'truceline status' shows them.",
        )
    })
}

fn show(desk: &Desk) -> Result<Answer, Failure> {
    let Some(signed) = desk.service.officer().mandate() else {
        let aside = "Put one in force: truceline mandate set SIGNED --principal FINGERPRINT\n";
        let text = "No mandate is in force: nothing is held against one.\n";
        return Ok(Answer::new(text, json!({"number": null, "rules": []})).aside(aside));
    };
    Ok(Answer::new(mandate_text(signed), mandate_json(signed)))
}

fn check(desk: &mut Desk, asked: &grammar::MandateCheck) -> Result<Answer, Failure> {
    let Saying { thread, case, content, .. } = match (&asked.counter, &asked.amend) {
        (Some(offer), _) => act::counter(desk, offer, &asked.file)?,
        (None, Some(case)) => act::amend(desk, case, Some(&asked.file))?,
        (None, None) => act::propose(desk, &asked.file, None)?,
    };
    let now = desk.service.now();
    let ruling = desk.service.officer().ruling(thread, case.map(|case| case.0), &content, now);
    let text = ruling
        .as_ref()
        .map_or_else(|| "No mandate is in force: nothing is held against one.\n".to_owned(), ruling_text);
    Ok(Answer::new(text, json!({"mandate": ruling_json(ruling.as_ref())})))
}

fn rules(mandate: &Mandate) -> String {
    count(mandate.rules.len() as u64, "rule", "rules")
}

fn mandate_text(signed: &SignedMandate) -> String {
    let mandate = signed.mandate();
    let mut out = field("mandate", FIELD, &format!("number {}, {}", mandate.number, rules(mandate)));
    out.push_str(&field("principal", FIELD, &plain(signed.card().name().as_str())));
    out.push_str(&field("", FIELD, &signed.principal().hex()));
    out.push_str(&field("valid until", FIELD, &time(mandate.valid_until)));
    out.push('\n');
    // It was parsed, so it is UTF-8. Its lines stay as they are, so that it can be read as TOML again.
    for line in std::str::from_utf8(signed.text()).unwrap_or_default().trim_end().lines() {
        out.push_str(&plain(&line.replace('\t', "    ")));
        out.push('\n');
    }
    out
}

fn mandate_json(signed: &SignedMandate) -> Value {
    let mandate = signed.mandate();
    let rules: Vec<Value> =
        mandate.rules.iter().map(|rule| json!({"name": rule.name, "class": rule.class.text()})).collect();
    json!({
        "number": mandate.number,
        "principal": {"name": signed.card().name().as_str(), "fingerprint": signed.principal().hex()},
        "valid_until": json_time(mandate.valid_until),
        "rules": rules,
        "text": String::from_utf8_lossy(signed.text()),
    })
}

const fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::AllowIf { unmet: false } => "allowed, with a condition that holds",
        Verdict::AllowIf { unmet: true } => "allowed for a price that is not met",
        Verdict::NeedsPrincipal => "needs the principal",
        Verdict::Forbidden => "FORBIDDEN",
    }
}

/// What the mandate says of something, with every rule that spoke, the strictest first.
#[must_use]
pub fn ruling_text(ruling: &Ruling) -> String {
    let mut out =
        field("mandate", FIELD, &format!("{} (mandate {})", verdict_text(ruling.verdict()), ruling.mandate));
    let mut last = None;
    for Finding { by, verdict, why, remedy } in &ruling.findings {
        if *verdict != ruling.verdict() && last != Some(*verdict) {
            out.push_str(&field("", FIELD, &format!("besides, {}:", verdict_text(*verdict))));
        }
        last = Some(*verdict);
        out.push_str(&field("", FIELD, &plain(&format!("- {by}: {why}"))));
        if !remedy.is_empty() && *verdict == ruling.verdict() {
            out.push_str(&field("", FIELD, &plain(&format!("  What to do: {remedy}"))));
        }
    }
    out
}

/// The same for machines; null where there is none.
#[must_use]
pub fn ruling_json(ruling: Option<&Ruling>) -> Value {
    let Some(ruling) = ruling else { return Value::Null };
    let findings: Vec<Value> = ruling
        .findings
        .iter()
        .map(|finding| {
            json!({
                "verdict": finding.verdict.name(),
                "met": met(finding.verdict),
                "by": finding.by.to_string(),
                "why": finding.why,
                "remedy": finding.remedy,
            })
        })
        .collect();
    let verdict = ruling.verdict();
    json!({
        "number": ruling.mandate,
        "verdict": verdict.name(),
        "met": met(verdict),
        "by": ruling.deciding().map(|finding| finding.by.to_string()).collect::<Vec<_>>(),
        "findings": findings,
    })
}

const fn met(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::AllowIf { unmet } => Some(!unmet),
        _ => None,
    }
}
