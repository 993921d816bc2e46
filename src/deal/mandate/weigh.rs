//! A draft held against a mandate: every rule that speaks of it gives a finding, and so does every part that no
//! rule speaks of. The strictest counts. May not know what is done with a ruling.

use crate::deal::body::Offer;
use crate::deal::mandate::ruling::{By, Finding, Ruling, Verdict};
use crate::deal::mandate::who::{Count, Match, Way, Who, goes};
use crate::deal::mandate::{Class, Fraction, Issue, Mandate, Price, Rule, Span};
use crate::deal::person::Line;
use crate::deal::stage::Window;
use crate::deal::terms::{Firmness, Leg, Substitution};
use crate::party::role::Role;
use crate::time::UnixMillis;

/// What stands in all other cases: of each case the offers of which one stands or may come to stand. Of these the one
/// counts that weighs most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// One case each: offers, and which side we are there.
    pub cases: Vec<Vec<(Offer, Role)>>,
}

impl Totals {
    fn count(&self, who: &Who, way: Way) -> Count {
        let mut total = Count::default();
        for case in &self.cases {
            let counts = case.iter().map(|(offer, me)| who.count(offer, way, *me));
            // Of what we get the least counts.
            let heaviest = match way {
                Way::Give => counts.max_by_key(|count| (count.open, count.most())),
                Way::Get => counts.min_by_key(|count| count.sure),
            };
            total = total.and(Count { first: None, ..heaviest.unwrap_or_default() });
        }
        total
    }
}

/// What is weighed.
struct Draft<'a> {
    offer: &'a Offer,
    me: Role,
    totals: &'a Totals,
}

/// How what was measured stands to the lines of a rule.
enum Band {
    Opening,
    Target,
    Bottom,
    Beyond { surely: bool },
}

const ASK: &str = "change the draft, or make it with 'truceline draft' and have the principal approve it";
const CHANGE: &str = "change the draft; only a new mandate can allow it";

impl Mandate {
    /// Weighs an offer that is made, as a whole, and with what stands in other cases, seen from the side `me`.
    #[must_use]
    pub fn weigh(&self, offer: &Offer, me: Role, totals: &Totals, now: UnixMillis) -> Ruling {
        self.weigh_as(offer.body().firmness, offer, me, totals, now)
    }

    /// Weighs an offer that comes to bind both sides: firm, whatever it calls itself.
    #[must_use]
    pub fn weigh_binding(&self, offer: &Offer, me: Role, totals: &Totals, now: UnixMillis) -> Ruling {
        self.weigh_as(Firmness::Firm, offer, me, totals, now)
    }

    fn weigh_as(
        &self,
        firmness: Firmness,
        offer: &Offer,
        me: Role,
        totals: &Totals,
        now: UnixMillis,
    ) -> Ruling {
        let draft = Draft { offer, me, totals };
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.applies(firmness, now)).collect();
        let mut findings: Vec<Finding> = rules.iter().filter_map(|rule| draft.weigh(rule)).collect();
        findings.extend(draft.silences(&rules));
        if now >= self.valid_until {
            findings.push(Finding {
                by: By::End,
                verdict: Verdict::NeedsPrincipal,
                why: "the mandate is over, so it allows nothing by itself".to_owned(),
                remedy: "ask the principal for a new mandate, or for its approval of this draft".to_owned(),
            });
        }
        Ruling::new(self.number, findings)
    }
}

impl Rule {
    fn applies(&self, firmness: Firmness, now: UnixMillis) -> bool {
        self.firmness.is_none_or(|only| only == firmness)
            && self.from.is_none_or(|from| now >= from)
            && self.until.is_none_or(|until| now < until)
    }

    fn finding(&self, verdict: Verdict, why: String) -> Option<Finding> {
        let remedy = match verdict {
            Verdict::Allow | Verdict::AllowIf { unmet: false } => "",
            Verdict::AllowIf { unmet: true } | Verdict::NeedsPrincipal => ASK,
            Verdict::Forbidden => CHANGE,
        };
        Some(Finding { by: By::Rule(self.name.clone()), verdict, why, remedy: remedy.to_owned() })
    }

    /// The verdict on something that may have a bottom line, without its price.
    fn judge(&self, band: &Band) -> Verdict {
        match (self.class, band) {
            (Class::Reserved, _) => Verdict::NeedsPrincipal,
            (Class::NonNegotiable, Band::Beyond { surely: true }) => Verdict::Forbidden,
            (_, Band::Beyond { .. }) => Verdict::NeedsPrincipal,
            (Class::NonNegotiable, _) | (_, Band::Opening | Band::Target) => Verdict::Allow,
            (_, Band::Bottom) => Verdict::AllowIf { unmet: false },
        }
    }
}

fn noted(band: &Band, why: String) -> String {
    match band {
        Band::Opening => why,
        Band::Target => format!("{why}; past the opening, up to the target"),
        Band::Bottom => format!("{why}; past the target: the last concession before the bottom line"),
        Band::Beyond { surely: true } => format!("{why}; past the bottom line"),
        Band::Beyond { surely: false } => format!("{why}; at its greatest past the bottom line"),
    }
}

impl Draft<'_> {
    fn weigh(&self, rule: &Rule) -> Option<Finding> {
        match &rule.issue {
            Issue::Give(who) => self.weigh_count(rule, who, Way::Give),
            Issue::Get(who) => self.weigh_count(rule, who, Way::Get),
            Issue::Swap { give, against } => self.weigh_swap(rule, give, against),
            Issue::Ratio { give, against } => self.weigh_ratio(rule, give, against),
            Issue::Corridors(span) => {
                let corridors = &self.offer.body().terms.corridors;
                self.weigh_windows(rule, *span, "corridor", corridors.iter().map(|it| it.window))
            }
            Issue::Stages(span) => {
                let stages = &self.offer.body().terms.stages;
                self.weigh_windows(rule, *span, "stage", stages.iter().map(|it| it.window))
            }
            _ => {
                let parts = self.parts();
                let found: Vec<&str> = parts
                    .iter()
                    .filter(|(issue, _)| rule.speaks_of(issue))
                    .map(|(_, what)| what.as_str())
                    .collect();
                if found.is_empty() { None } else { self.weigh_plain(rule, &found.join(", ")) }
            }
        }
    }

    fn count(&self, rule: &Rule, who: &Who, way: Way) -> Count {
        let here = who.count(self.offer, way, self.me);
        if rule.over_all_cases { here.and(self.totals.count(who, way)) } else { here }
    }

    fn weigh_count(&self, rule: &Rule, who: &Who, way: Way) -> Option<Finding> {
        let here = who.count(self.offer, way, self.me);
        if here.any == Match::No {
            return None;
        }
        let all = self.count(rule, who, way);
        let what = told(rule, who, way, &here, &all);
        let Some(bounds) = rule.bounds else {
            return self.weigh_bare(rule, here, what);
        };
        let within = |limit: Fraction| match way {
            Way::Give => !all.open && !Fraction::number(all.most()).is_over(limit),
            Way::Get => !limit.is_over(Fraction::number(all.sure)),
        };
        let surely = match way {
            Way::Give => Fraction::number(all.sure).is_over(bounds.bottom),
            Way::Get => bounds.bottom.is_over(Fraction::number(all.sure.saturating_add(all.doubtful))),
        };
        let band = band([bounds.opening, bounds.target, bounds.bottom].map(within), surely);
        let line = if way == Way::Give { "at most" } else { "at least" };
        let why = noted(&band, format!("{what}, {line} {}", bounds.bottom));
        self.priced(rule, rule.judge(&band), why, &here)
    }

    /// A rule about persons that has no number: it speaks of whether there is anyone at all.
    fn weigh_bare(&self, rule: &Rule, here: Count, what: String) -> Option<Finding> {
        match (rule.class, here.any) {
            (Class::NonNegotiable, Match::Yes) => rule.finding(Verdict::Forbidden, format!("{what}, never")),
            (Class::NonNegotiable, _) => rule.finding(
                Verdict::NeedsPrincipal,
                format!("{what}, perhaps: the offer does not say who they are, and the rule says never"),
            ),
            (Class::Reserved, _) => {
                rule.finding(Verdict::NeedsPrincipal, format!("{what}: the principal decides"))
            }
            (Class::Negotiable | Class::Conditional, _) => self.priced(rule, Verdict::Allow, what, &here),
        }
    }

    fn weigh_swap(&self, rule: &Rule, give: &Who, against: &Who) -> Option<Finding> {
        let given = give.count(self.offer, Way::Give, self.me);
        let got = against.count(self.offer, Way::Get, self.me);
        let any = given.any.min(got.any);
        if any == Match::No {
            return None;
        }
        let what = format!("gives {give}{} for {against}{}", place(&given), place(&got));
        self.weigh_bare(rule, Count { any, ..given }, what)
    }

    fn weigh_ratio(&self, rule: &Rule, give: &Who, against: &Who) -> Option<Finding> {
        let here = give.count(self.offer, Way::Give, self.me);
        if here.any == Match::No {
            return None;
        }
        let (given, got) = (self.count(rule, give, Way::Give), self.count(rule, against, Way::Get));
        let bounds = rule.bounds?;
        let ratio = |of: u64| Fraction { of, to: got.sure };
        let within = |limit| !given.open && !ratio(given.most()).is_over(limit);
        let least = Fraction { of: given.sure, to: got.sure.saturating_add(got.doubtful) };
        let band =
            band([bounds.opening, bounds.target, bounds.bottom].map(within), least.is_over(bounds.bottom));
        let across = if rule.over_all_cases { " across all cases" } else { "" };
        let Fraction { of, to } = bounds.bottom;
        let why = format!("gives {} for {}{across}, at most {of}:{to}", number(&given), got.sure);
        self.priced(rule, rule.judge(&band), noted(&band, why), &here)
    }

    fn weigh_windows(
        &self,
        rule: &Rule,
        span: Span,
        unit: &str,
        windows: impl Iterator<Item = Option<Window>>,
    ) -> Option<Finding> {
        let windows: Vec<Option<Window>> = windows.collect();
        if windows.is_empty() {
            return None;
        }
        if span == Span::default() {
            return self.weigh_plain(rule, &format!("{unit}s: {}", windows.len()));
        }
        let outside = |window: &Window| {
            span.not_before.is_some_and(|first| window.from < first)
                || span.not_after.is_some_and(|last| window.to > last)
        };
        let surely = windows.iter().position(|window| window.as_ref().is_some_and(outside));
        let (band, why) = match (surely, windows.iter().position(Option::is_none)) {
            (Some(at), _) => {
                (Band::Beyond { surely: true }, format!("{unit} {} lies outside the time allowed", at + 1))
            }
            (None, Some(at)) => (Band::Beyond { surely: false }, format!("{unit} {} says no time", at + 1)),
            (None, None) => (Band::Opening, format!("every {unit} lies within the time allowed")),
        };
        self.priced(rule, rule.judge(&band), why, &Count { sure: 1, ..Count::default() })
    }

    /// A rule about a part that is there or not.
    fn weigh_plain(&self, rule: &Rule, what: &str) -> Option<Finding> {
        self.weigh_bare(rule, Count { sure: 1, any: Match::Yes, ..Count::default() }, what.to_owned())
    }

    /// A verdict, and the price where the rule has one.
    fn priced(&self, rule: &Rule, verdict: Verdict, why: String, here: &Count) -> Option<Finding> {
        let Some(price) = &rule.price else { return rule.finding(verdict, why) };
        let asked = price.asked(here);
        let got = price.who.count(self.offer, Way::Get, self.me).sure;
        let unmet = asked.is_none_or(|asked| got < asked);
        let asked = asked.map_or_else(|| "no number that can be named".to_owned(), |asked| asked.to_string());
        let why = format!("{why}; for at least {asked} ({}), and gets {got}", price.who);
        rule.finding(verdict.max(Verdict::AllowIf { unmet }), why)
    }

    /// Everything in the draft that a rule has to speak of besides its legs: as issue, and in words.
    fn parts(&self) -> Vec<(Part<'_>, String)> {
        let terms = &self.offer.body().terms;
        let mut parts = Vec::new();
        for (leg, number) in terms.legs.iter().zip(1..) {
            if let Some(country) = &leg.third_country {
                parts.push((Part::ThirdCountry(country.as_str()), format!("leg {number}: in {country}")));
            }
        }
        for (condition, number) in terms.conditions.iter().zip(1..) {
            let what = format!("condition {number}: {}", condition.obligation);
            parts.push((Part::Condition(condition.obligation), what));
        }
        for guarantor in &terms.guarantors {
            let what = format!("{} {} who sees {}", guarantor.part, guarantor.name, guarantor.sight);
            parts.push((Part::Guarantor(guarantor.part, guarantor.sight), what));
        }
        if !terms.corridors.is_empty() {
            parts.push((Part::Corridors, format!("corridors: {}", terms.corridors.len())));
        }
        if !terms.stages.is_empty() {
            parts.push((Part::Stages, format!("stages: {}", terms.stages.len())));
        }
        if terms.frame.is_some() {
            parts.push((Part::Frame, "a standing frame".to_owned()));
        }
        if terms.legs.is_empty() {
            parts.push((Part::Cancel, format!("cancels version {}", self.offer.body().base)));
        }
        parts
    }

    /// What no rule speaks of.
    fn silences(&self, rules: &[&Rule]) -> Vec<Finding> {
        let mut silent: Vec<String> = self
            .parts()
            .into_iter()
            .filter(|(part, _)| !rules.iter().any(|rule| rule.speaks_of(part)))
            .map(|(_, what)| what)
            .collect();
        for (leg, number) in self.offer.legs().iter().zip(1..) {
            silent.extend(self.silence_of(leg, number, rules));
        }
        let finding = |what: String| Finding {
            by: By::Silence,
            verdict: Verdict::NeedsPrincipal,
            why: format!("{what}: of this the mandate says nothing"),
            remedy: ASK.to_owned(),
        };
        silent.into_iter().map(finding).collect()
    }

    fn silence_of(&self, leg: &Leg, number: usize, rules: &[&Rule]) -> Option<String> {
        let way = if goes(leg, Way::Give, self.me) { Way::Give } else { Way::Get };
        let speaks = |rule: &&&Rule| match &rule.issue {
            Issue::Give(_) => way == Way::Give,
            Issue::Get(_) => way == Way::Get,
            _ => false,
        };
        let whos: Vec<&Who> = rules.iter().filter(speaks).filter_map(|rule| rule.issue.who()).collect();
        let word = if way == Way::Give { "gives" } else { "gets" };
        let lines = self.offer.lines(leg);
        let covered = || whos.iter().any(|who| who.fits_count(self.offer, leg) == Match::Yes);
        if lines.is_empty() {
            return (!covered()).then(|| format!("leg {number} {word} {}", leg.category));
        }
        let bare = |line: &&Line| !whos.iter().any(|who| who.fits_line(leg, line) == Match::Yes);
        let count = lines.iter().filter(bare).count();
        let Some(first) = lines.iter().position(|line| bare(&line)) else {
            let fixed = leg.tolerance == 0 && leg.substitution == Substitution::None;
            return (!fixed && !covered())
                .then(|| format!("leg {number} {word} {} who are not on its list", leg.category));
        };
        Some(format!("leg {number} {word} {count} {} from line {} on", leg.category, first + 1))
    }
}

/// A part of a draft that a rule has to speak of.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    ThirdCountry(&'a str),
    Condition(crate::deal::pledge::Obligation),
    Guarantor(crate::deal::pledge::Part, crate::deal::pledge::Sight),
    Corridors,
    Stages,
    Frame,
    Cancel,
}

impl Rule {
    fn speaks_of(&self, part: &Part<'_>) -> bool {
        match (&self.issue, part) {
            (Issue::ThirdCountry(countries), Part::ThirdCountry(country)) => {
                countries.is_empty()
                    || countries.iter().any(|it| it.trim().to_lowercase() == country.trim().to_lowercase())
            }
            (Issue::Condition(any), Part::Condition(it)) => any.is_empty() || any.contains(it),
            (Issue::Guarantor { parts, sights }, Part::Guarantor(part, sight)) => {
                (parts.is_empty() || parts.contains(part)) && (sights.is_empty() || sights.contains(sight))
            }
            (Issue::Corridors(_), Part::Corridors)
            | (Issue::Stages(_), Part::Stages)
            | (Issue::Frame, Part::Frame)
            | (Issue::Cancel, Part::Cancel) => true,
            _ => false,
        }
    }
}

impl Issue {
    const fn who(&self) -> Option<&Who> {
        match self {
            Self::Give(who) | Self::Get(who) => Some(who),
            _ => None,
        }
    }
}

impl Price {
    /// How many it asks for; none where what is given has no greatest number.
    fn asked(&self, given: &Count) -> Option<u64> {
        match self.for_each {
            None => Some(self.at_least.into()),
            Some(_) if given.open => None,
            Some(each) => {
                Some(u64::from(self.at_least).saturating_mul(given.most().div_ceil(u64::from(each.max(1)))))
            }
        }
    }
}

fn band([opening, target, bottom]: [bool; 3], surely: bool) -> Band {
    match (opening, target, bottom) {
        (true, ..) => Band::Opening,
        (_, true, _) => Band::Target,
        (.., true) => Band::Bottom,
        _ => Band::Beyond { surely },
    }
}

fn number(count: &Count) -> String {
    match (count.open, count.doubtful) {
        (true, _) => format!("{} or more", count.sure),
        (false, 0) => count.sure.to_string(),
        (false, _) => format!("{} to {}", count.sure, count.most()),
    }
}

fn place(count: &Count) -> String {
    match count.first {
        Some((leg, Some(line))) => format!(" (leg {leg}, line {line})"),
        Some((leg, None)) => format!(" (leg {leg})"),
        None => String::new(),
    }
}

fn told(rule: &Rule, who: &Who, way: Way, here: &Count, all: &Count) -> String {
    let word = if way == Way::Give { "gives" } else { "gets" };
    let across =
        if rule.over_all_cases { format!(", {} across all cases", number(all)) } else { String::new() };
    format!("{word} {} ({who}){}{across}", number(here), place(here))
}
