//! A mandate's file, read: TOML as `docs/MANDATE.md` describes it. A rule that cannot be read is never left out:
//! the whole mandate is refused, and what is wrong is said by rule and key.

use crate::deal::mandate::who::Who;
use crate::deal::mandate::{
    Bounds, Class, Fraction, Issue, MANDATE_BYTES_MAX, Mandate, Price, RULES_MAX, Rule, Span,
};
use crate::deal::person::{Health, Judicial, Status, Wish};
use crate::deal::pledge::{Obligation, Part, Sight};
use crate::deal::terms::{Category, Firmness};
use crate::time::UnixMillis;
use serde::Deserialize;

/// Characters of a rule's name, at most.
const NAME_CHARS_MAX: usize = 80;
/// What rules may be about.
const ISSUES: &str =
    "give, get, swap, ratio, third country, condition, guarantor, corridors, stages, frame, cancel";

/// A mandate that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MandateError {
    /// Over [`MANDATE_BYTES_MAX`].
    #[error("the mandate has {0} bytes; at most {MANDATE_BYTES_MAX} are allowed: shorten its lists")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("the mandate is not UTF-8: save it as UTF-8")]
    NotText,
    /// Not TOML, or a key that a mandate does not have.
    #[error("the mandate, line {line}: {fault}: see docs/MANDATE.md for every key")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        fault: String,
    },
    /// A key outside the rules.
    #[error("the mandate, {key}: {fault}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A key of a rule.
    #[error("the mandate, rule '{rule}', {key}: {fault}")]
    Rule {
        /// The rule's name.
        rule: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        fault: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MandateFile {
    number: i64,
    valid_until: toml::Value,
    #[serde(default)]
    rule: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    issue: String,
    class: String,
    who: Option<WhoFile>,
    against: Option<WhoFile>,
    opening: Option<toml::Value>,
    target: Option<toml::Value>,
    bottom: Option<toml::Value>,
    #[serde(default)]
    over_all_cases: bool,
    price: Option<PriceFile>,
    firmness: Option<String>,
    from: Option<toml::Value>,
    until: Option<toml::Value>,
    not_before: Option<toml::Value>,
    not_after: Option<toml::Value>,
    country: Option<Vec<String>>,
    obligation: Option<Vec<String>>,
    part: Option<Vec<String>>,
    sight: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WhoFile {
    category: Vec<String>,
    status: Vec<String>,
    health: Vec<String>,
    judicial: Vec<String>,
    consent: Vec<String>,
    rank: Vec<String>,
    service_number: Vec<String>,
    name: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    #[serde(default)]
    who: WhoFile,
    at_least: i64,
    for_each: Option<i64>,
}

impl Mandate {
    /// Reads a mandate.
    ///
    /// # Errors
    /// [`MandateError`], the first one.
    pub fn parse(bytes: &[u8]) -> Result<Self, MandateError> {
        if bytes.len() > MANDATE_BYTES_MAX {
            return Err(MandateError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| MandateError::NotText)?;
        let file: MandateFile = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let fault = error.message().replace('\n', " ");
            MandateError::Toml { line: 1 + before.matches('\n').count(), fault }
        })?;
        let number = u64::try_from(file.number).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| MandateError::Key {
            key: "number",
            fault: "is not a number from 1: give the first mandate 1, and each new one a higher".to_owned(),
        })?;
        let valid_until =
            moment(&file.valid_until).map_err(|fault| MandateError::Key { key: "valid_until", fault })?;
        if file.rule.len() > RULES_MAX {
            let fault = format!("{} rules; at most {RULES_MAX} are allowed: join some", file.rule.len());
            return Err(MandateError::Key { key: "rule", fault });
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(file.rule.len());
        for rule in &file.rule {
            let wrong = |(key, fault)| MandateError::Rule { rule: rule.name.clone(), key, fault };
            let read = read_rule(rule).map_err(wrong)?;
            if rules.iter().any(|earlier| earlier.name == read.name) {
                return Err(wrong(("name", "stands twice: give each rule a name of its own".to_owned())));
            }
            rules.push(read);
        }
        Ok(Self { number, valid_until, rules })
    }
}

type Fault = (&'static str, String);

/// The phrases of a vocabulary.
fn known<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|word| text(*word)).collect()
}

fn moment(value: &toml::Value) -> Result<UnixMillis, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(moment) => moment.to_string(),
        other => other.to_string(),
    };
    let read = text.parse::<jiff::Timestamp>().ok();
    let read = read.and_then(|read| u64::try_from(read.as_millisecond()).ok()).map(UnixMillis);
    read.ok_or_else(|| format!("{text:?} is no moment: write such as 2031-05-01T12:00:00Z"))
}

fn moment_at(key: &'static str, value: Option<&toml::Value>) -> Result<Option<UnixMillis>, Fault> {
    value.map(moment).transpose().map_err(|fault| (key, fault))
}

fn word<T: Copy>(
    key: &'static str,
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    words: &[&str],
) -> Result<T, Fault> {
    read(text).ok_or_else(|| (key, format!("{text:?} is not known: write one of {}", words.join(", "))))
}

fn words<T: Copy>(
    key: &'static str,
    texts: &[String],
    read: impl Fn(&str) -> Option<T>,
    words: &[&str],
) -> Result<Vec<T>, Fault> {
    texts.iter().map(|text| word(key, text, &read, words)).collect()
}

fn read_who(file: Option<&WhoFile>) -> Result<Who, Fault> {
    let Some(file) = file else { return Ok(Who::default()) };
    Ok(Who {
        category: words(
            "category",
            &file.category,
            Category::from_text,
            &known(Category::ALL, Category::text),
        )?,
        status: words("status", &file.status, Status::from_text, &known(Status::ALL, Status::text))?,
        health: words("health", &file.health, Health::from_text, &known(Health::ALL, Health::text))?,
        judicial: words(
            "judicial",
            &file.judicial,
            Judicial::from_text,
            &known(Judicial::ALL, Judicial::text),
        )?,
        consent: words("consent", &file.consent, Wish::from_text, &known(Wish::ALL, Wish::text))?,
        rank: file.rank.clone(),
        service_number: file.service_number.clone(),
        name: file.name.clone(),
    })
}

fn read_rule(file: &RuleFile) -> Result<Rule, Fault> {
    let chars = file.name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || file.name.chars().any(char::is_control) {
        let fault =
            format!("has {chars} characters: write 1 to {NAME_CHARS_MAX}, none of them control characters");
        return Err(("name", fault));
    }
    let class = word("class", &file.class, Class::from_text, &known(Class::ALL, Class::text))?;
    let issue = read_issue(file)?;
    for (key, given, belongs) in belongings(file, &issue) {
        if given && !belongs {
            return Err((key, format!("does not belong to the issue '{}': remove it", file.issue)));
        }
    }
    let bounds = read_bounds(file, &issue)?;
    if matches!(issue, Issue::Ratio { .. }) && bounds.is_none() {
        return Err((
            "bottom",
            "is missing: write the most you give for what you get, such as \"2:1\"".to_owned(),
        ));
    }
    if bounds.is_some() && class == Class::Reserved {
        return Err(("bottom", "has no use where the principal decides: remove it".to_owned()));
    }
    let price = file.price.as_ref().map(read_price).transpose()?;
    if price.is_some() != (class == Class::Conditional) {
        let fault =
            "belongs to the class conditional, and to no other: give it there, or remove it".to_owned();
        return Err(("price", fault));
    }
    let firmness = file.firmness.as_deref();
    let firmness = firmness
        .map(|text| word("firmness", text, Firmness::from_text, &known(Firmness::ALL, Firmness::text)))
        .transpose()?;
    Ok(Rule {
        name: file.name.clone(),
        issue,
        class,
        bounds,
        over_all_cases: file.over_all_cases,
        price,
        firmness,
        from: moment_at("from", file.from.as_ref())?,
        until: moment_at("until", file.until.as_ref())?,
    })
}

fn read_issue(file: &RuleFile) -> Result<Issue, Fault> {
    let who = read_who(file.who.as_ref())?;
    let against = read_who(file.against.as_ref())?;
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let span = Span {
        not_before: moment_at("not_before", file.not_before.as_ref())?,
        not_after: moment_at("not_after", file.not_after.as_ref())?,
    };
    let issue = file.issue.trim().to_lowercase().replace(['-', '_'], " ");
    Ok(match issue.as_str() {
        "give" => Issue::Give(who),
        "get" => Issue::Get(who),
        "swap" => Issue::Swap { give: who, against },
        "ratio" => Issue::Ratio { give: who, against },
        "third country" => Issue::ThirdCountry(list(&file.country)),
        "condition" => {
            let all = known(Obligation::ALL, Obligation::text);
            Issue::Condition(words("obligation", &list(&file.obligation), Obligation::from_text, &all)?)
        }
        "guarantor" => Issue::Guarantor {
            parts: words("part", &list(&file.part), Part::from_text, &known(Part::ALL, Part::text))?,
            sights: words("sight", &list(&file.sight), Sight::from_text, &known(Sight::ALL, Sight::text))?,
        },
        "corridors" => Issue::Corridors(span),
        "stages" => Issue::Stages(span),
        "frame" => Issue::Frame,
        "cancel" => Issue::Cancel,
        _ => return Err(("issue", format!("{:?} is not known: write one of {ISSUES}", file.issue))),
    })
}

/// Which keys are given, and which an issue has.
fn belongings(file: &RuleFile, issue: &Issue) -> [(&'static str, bool, bool); 11] {
    let swaps = matches!(issue, Issue::Swap { .. } | Issue::Ratio { .. });
    let counts = matches!(issue, Issue::Give(_) | Issue::Get(_));
    let numbers = counts || matches!(issue, Issue::Ratio { .. });
    let dated = matches!(issue, Issue::Corridors(_) | Issue::Stages(_));
    [
        ("who", file.who.is_some(), swaps || counts),
        ("against", file.against.is_some(), swaps),
        ("opening", file.opening.is_some(), numbers),
        ("target", file.target.is_some(), numbers),
        ("bottom", file.bottom.is_some(), numbers),
        ("over_all_cases", file.over_all_cases, numbers),
        ("not_before", file.not_before.is_some(), dated),
        ("not_after", file.not_after.is_some(), dated),
        ("country", file.country.is_some(), matches!(issue, Issue::ThirdCountry(_))),
        ("obligation", file.obligation.is_some(), matches!(issue, Issue::Condition(_))),
        ("part", file.part.is_some() || file.sight.is_some(), matches!(issue, Issue::Guarantor { .. })),
    ]
}

fn read_bounds(file: &RuleFile, issue: &Issue) -> Result<Option<Bounds>, Fault> {
    let is_ratio = matches!(issue, Issue::Ratio { .. });
    let read = |key: &'static str, value: &Option<toml::Value>| {
        value.as_ref().map(|value| fraction(value, is_ratio).map_err(|fault| (key, fault))).transpose()
    };
    let (opening, target) = (read("opening", &file.opening)?, read("target", &file.target)?);
    let Some(bottom) = read("bottom", &file.bottom)? else {
        return match (opening, target) {
            (None, None) if file.over_all_cases => Err((
                "over_all_cases",
                "counts nothing without a bottom line: give one, or remove it".to_owned(),
            )),
            (None, None) => Ok(None),
            _ => Err((
                "bottom",
                "is missing: where there is an opening or a target, give the bottom line too".to_owned(),
            )),
        };
    };
    let target = target.unwrap_or(bottom);
    let opening = opening.unwrap_or(target);
    let rises = |first: Fraction, then: Fraction| {
        if matches!(issue, Issue::Get(_)) { !then.is_over(first) } else { !first.is_over(then) }
    };
    if !rises(opening, target) || !rises(target, bottom) {
        let order = if matches!(issue, Issue::Get(_)) { "fall" } else { "rise" };
        return Err((
            "bottom",
            format!("opening, target and bottom do not {order} in this order: order them so"),
        ));
    }
    Ok(Some(Bounds { opening, target, bottom }))
}

fn fraction(value: &toml::Value, is_ratio: bool) -> Result<Fraction, String> {
    let whole = |text: &str| text.trim().parse::<u32>().ok().map(u64::from);
    let read = match value {
        toml::Value::Integer(number) if !is_ratio => {
            u32::try_from(*number).ok().map(u64::from).map(Fraction::number)
        }
        toml::Value::String(text) if is_ratio => text.split_once(':').and_then(|(of, to)| {
            let to = whole(to).filter(|to| *to > 0)?;
            Some(Fraction { of: whole(of)?, to })
        }),
        _ => None,
    };
    let form = if is_ratio {
        "a ratio: write such as \"2:1\", what we give first"
    } else {
        "a whole number: write such as 40"
    };
    read.ok_or_else(|| format!("{value} is not {form}"))
}

fn read_price(file: &PriceFile) -> Result<Price, Fault> {
    let whole = |number: i64| u32::try_from(number).ok().filter(|number| *number > 0);
    let fault = |key: &str| ("price", format!("{key} is no number from 1: write a whole number"));
    Ok(Price {
        who: read_who(Some(&file.who))?,
        at_least: whole(file.at_least).ok_or_else(|| fault("at_least"))?,
        for_each: file.for_each.map(|each| whole(each).ok_or_else(|| fault("for_each"))).transpose()?,
    })
}
