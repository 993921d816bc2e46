//! What people write: proposals, lists, handover lines, mandates; and the papers between an officer and a principal.

use super::pair::{NOW, identity};
use super::{Input, body, seeds, told};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use truceline::deal::body::{Content, Offer};
use truceline::deal::handover::{HandoverLine, Outcome, Subject};
use truceline::deal::import::{Draft, ImportError, Sources, proposal_from_toml};
use truceline::deal::lines::{lines_from_csv, lines_to_csv, template_of};
use truceline::deal::mandate::weigh::Totals;
use truceline::deal::mandate::{Bounds, Class, Issue, Mandate};
use truceline::deal::write::{proposal_to_files, proposal_to_toml};
use truceline::desk::mandate::{ruling_json, ruling_text};
use truceline::desk::names::Names;
use truceline::desk::screen::json_line;
use truceline::officer::draft::{Approval, DraftFile};
use truceline::officer::mandate::SignedMandate;
use truceline::party::card::Identity;
use truceline::party::role::Role;
use truceline::statement::list::List;
use truceline::time::UnixMillis;

pub fn names(me: Role) -> Names {
    Names { me, own: "Velmara".to_owned(), peer: "Таррун".to_owned() }
}

fn read(text: &str, me: Role, now: UnixMillis, files: &[(String, Vec<u8>)]) -> Result<Draft, ImportError> {
    let mut list = |name: &str| {
        let found = files.iter().find(|(of, _)| of == name || of == "*");
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "is not there".to_owned())
    };
    let mut seed = || [7; 32];
    proposal_from_toml(text, &mut Sources { me, now, list: &mut list, seed: &mut seed })
}

fn records(lists: &[List]) -> Vec<&[Vec<u8>]> {
    lists.iter().map(List::lines).collect()
}

/// A proposal is all or nothing; one that is read is an offer, is shown, and reads back as it is written.
fn proposed(text: &str, files: &[(String, Vec<u8>)], input: usize) {
    match read(text, Role::Inviter, NOW, files) {
        Ok(draft) => match draft.offer(0, None) {
            Ok(content) => {
                let Content::Offer(offer) = &content else { panic!("an offer is another thing") };
                body::show(&content);
                let again = read(&proposal_to_toml(offer, Role::Inviter), Role::Inviter, UnixMillis(0), &[]);
                let again = again.unwrap_or_else(|error| panic!("what was written is not read: {error}"));
                assert_eq!((&again.terms, again.firmness), (&draft.terms, draft.firmness));
                assert_eq!(records(&again.lists), records(&draft.lists));
            }
            Err(error) => told(&error, input),
        },
        Err(error) => {
            told(&error, input);
            assert!(error.each().len() <= 21);
        }
    }
}

/// An offer as the file that would make it, which reads back. Two equal records in a list are no mistake of a counterpart's bytes,
/// and are one of a file.
pub fn written(offer: &Offer, me: Role) {
    let (toml, files) = proposal_to_files(offer, me);
    let files: Vec<_> = files.into_iter().map(|(name, csv)| (name, csv.into_bytes())).collect();
    for again in
        [read(&proposal_to_toml(offer, me), me, UnixMillis(0), &[]), read(&toml, me, UnixMillis(0), &files)]
    {
        match again {
            Ok(again) => {
                let (old, new) = (&offer.body().terms, &again.terms);
                assert_eq!((new, again.firmness), (old, offer.body().firmness));
            }
            Err(error) => {
                let told = error.to_string();
                assert!(
                    told.contains("says the same as") || told.contains("not in the future"),
                    "what was written is not read: {told}"
                );
            }
        }
    }
}

/// A proposal's file, and after a zero byte what stands in each list that it names.
pub fn proposal(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let csv = parts.next().map(|csv| ("*".to_owned(), csv.to_vec()));
    proposed(text, csv.as_slice(), data.len());
}

/// `which u8 ‖ …`: a table of persons or of bags, or of exceptions.
pub fn persons(data: &[u8]) {
    let mut input = Input(data);
    let leg = match input.u8() % 3 {
        0 => "persons = \"list.csv\"",
        1 => "remains = \"list.csv\"",
        _ => "count = \"all\"\nexcept = \"list.csv\"",
    };
    let file = ("list.csv".to_owned(), input.rest().to_vec());
    proposed(&format!("[[leg]]\ngiver = \"me\"\n{leg}\n"), &[file], data.len());
}

static OFFERS: LazyLock<Vec<Offer>> = LazyLock::new(|| {
    seeds::proposal_files()
        .into_iter()
        .filter_map(|(toml, files)| {
            match read(&toml, Role::Inviter, NOW, &files).ok()?.offer(0, None).ok()? {
                Content::Offer(offer) => Some(*offer),
                _ => None,
            }
        })
        .collect()
});

pub fn templates() -> Vec<String> {
    OFFERS.iter().map(|offer| template_of(offer, |_| true)).collect()
}

/// Lines are about what was agreed, each about something else.
fn of_the_offer(lines: &[HandoverLine], offer: &Offer) {
    let mut seen = BTreeSet::new();
    for line in lines {
        let leg = &offer.legs()[usize::from(line.subject.leg())];
        let of = match &line.subject {
            Subject::Counted { leg, .. } => format!("{leg} {:?}", line.outcome),
            subject => format!("{subject:?}"),
        };
        assert!(seen.insert(of), "two lines are about the same");
        if let Subject::Listed { line: at, .. } = &line.subject {
            assert!((*at as usize) < offer.lines(leg).len(), "a line that is on no list");
            assert!(line.outcome != Outcome::Surplus, "who is listed is none too many");
        }
    }
}

/// `which u8 ‖ …`: handover lines of one of a few offers, as an officer fills them in. What is read reads back as it is written.
pub fn lines(data: &[u8]) {
    let mut input = Input(data);
    let offer = &OFFERS[usize::from(input.u8()) % OFFERS.len()];
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    for me in Role::BOTH {
        match lines_from_csv(text, "lines.csv", offer, me, NOW) {
            Ok(lines) => {
                of_the_offer(&lines, offer);
                let again = lines_to_csv(&lines, offer, me);
                let again = lines_from_csv(&again, "lines.csv", offer, me, NOW);
                assert_eq!(again.as_ref(), Ok(&lines), "handover lines read back as others");
                super::harmless(&truceline::desk::tell::outcomes_text(&lines, Some(offer)));
            }
            Err(error) => told(&error, data.len()),
        }
    }
}

static MINISTRY: LazyLock<Identity> = LazyLock::new(|| identity("Ministry", 201));

/// What docs/MANDATE.md says of every mandate.
fn keeps_its_rules(mandate: &Mandate) {
    assert!(mandate.number > 0 && mandate.rules.len() <= 256);
    let names: BTreeSet<&str> = mandate.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names.len(), mandate.rules.len(), "two rules have one name");
    for rule in &mandate.rules {
        let chars = rule.name.chars().count();
        assert!((1..=80).contains(&chars) && !rule.name.chars().any(char::is_control), "a rule's name");
        assert_eq!(rule.price.is_some(), rule.class == Class::Conditional, "a price belongs to what has one");
        if let Some(Bounds { opening, target, bottom }) = rule.bounds {
            assert!(rule.class != Class::Reserved, "bounds where the principal decides");
            let falls = matches!(rule.issue, Issue::Get(_));
            let (first, last) = if falls { (bottom, opening) } else { (opening, bottom) };
            assert!(!first.is_over(target) && !target.is_over(last), "bounds in another order");
        }
    }
}

/// A mandate's file. One that is read can be signed, and rules on every offer.
pub fn mandate(data: &[u8]) {
    let mandate = match Mandate::parse(data) {
        Ok(mandate) => mandate,
        Err(error) => return told(&error, data.len()),
    };
    keeps_its_rules(&mandate);
    let totals =
        Totals { cases: vec![OFFERS.iter().take(2).map(|offer| (offer.clone(), Role::Joiner)).collect()] };
    for offer in OFFERS.iter() {
        for me in Role::BOTH {
            for ruling in
                [mandate.weigh(offer, me, &totals, NOW), mandate.weigh_binding(offer, me, &totals, NOW)]
            {
                let _ = ruling_text(&ruling);
                super::harmless(&json_line(&ruling_json(Some(&ruling))));
                assert!(ruling.deciding().count() > 0, "nothing decides");
            }
        }
    }
    if data.first().is_some_and(|byte| byte % 16 == 0) {
        let signed = SignedMandate::sign(&MINISTRY, data).unwrap().encode().unwrap();
        assert!(SignedMandate::verify(&signed).is_ok_and(|it| it.text() == data));
    }
}

static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds::signed_mandate);
static APPROVED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds::approval);

/// A signed mandate: only one that was signed holds.
pub fn signed_mandate(data: &[u8]) {
    match SignedMandate::verify(data) {
        Ok(signed) => {
            assert!(signed.encode().unwrap() == data, "a mandate has another encoding");
            assert!(SIGNED.iter().any(|good| good == data), "a mandate that nobody signed");
        }
        Err(error) => told(&error, data.len()),
    }
}

/// A principal's approval: likewise.
pub fn approval(data: &[u8]) {
    match Approval::verify(data) {
        Ok(approval) => {
            assert!(approval.encode().unwrap() == data, "an approval has another encoding");
            assert!(APPROVED.iter().any(|good| good == data), "an approval that nobody signed");
        }
        Err(error) => told(&error, data.len()),
    }
}

/// `which u8 ‖ …`: a draft, or the file that shows it to a principal.
pub fn draft(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let data = input.rest();
    if which & 1 == 0 {
        match truceline::officer::draft::Draft::decode(data) {
            Ok(draft) => {
                assert!(draft.encode().unwrap() == data, "a draft has another encoding");
                body::show(&draft.content().unwrap());
            }
            Err(error) => told(&error, data.len()),
        }
        return;
    }
    match DraftFile::decode(data) {
        Ok(file) => {
            assert!(file.encode().unwrap() == data, "a draft's file has another encoding");
            if let Some((_, offer)) = file.offer().unwrap() {
                body::show(&offer);
            }
        }
        Err(error) => told(&error, data.len()),
    }
}
