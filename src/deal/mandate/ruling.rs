//! What a mandate says of a draft, always with the rule that decided. May not know how it came to it.

/// What may be done with a draft, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It may be signed.
    Allow,
    /// It may be signed if something holds.
    AllowIf {
        /// Whether that does not hold: then as [`Verdict::NeedsPrincipal`].
        unmet: bool,
    },
    /// It may be signed once the principal has approved exactly this.
    NeedsPrincipal,
    /// It may not be signed; only a new mandate changes that.
    Forbidden,
}

impl Verdict {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowIf { .. } => "allow-if",
            Self::NeedsPrincipal => "needs-principal",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether it may be signed, given whether the principal has approved exactly this.
    #[must_use]
    pub const fn may_sign(self, approved: bool) -> bool {
        match self {
            Self::Allow | Self::AllowIf { unmet: false } => true,
            Self::AllowIf { unmet: true } | Self::NeedsPrincipal => approved,
            Self::Forbidden => false,
        }
    }
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// This rule.
    Rule(String),
    /// That no rule speaks of it.
    Silence,
    /// That the mandate has ended.
    End,
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(name) => write!(f, "rule '{name}'"),
            Self::Silence => f.write_str("no rule"),
            Self::End => f.write_str("the mandate's end"),
        }
    }
}

/// What one rule says of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What decided.
    pub by: By,
    /// What it decided.
    pub verdict: Verdict,
    /// What it found.
    pub why: String,
    /// What to do; empty where nothing need be done.
    pub remedy: String,
}

/// What a mandate says of a draft: the strictest of its findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The mandate's number.
    pub mandate: u64,
    /// The findings, the strictest first, else in the order of the rules; never empty.
    pub findings: Vec<Finding>,
}

impl Ruling {
    /// The ruling of these findings.
    #[must_use]
    pub fn new(mandate: u64, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        Self { mandate, findings }
    }

    /// The strictest verdict. What nothing was found about needs the principal.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.findings.first().map_or(Verdict::NeedsPrincipal, |finding| finding.verdict)
    }

    /// The findings that decided.
    pub fn deciding(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == self.verdict())
    }

    /// The findings of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        Self::new(self.mandate, self.findings)
    }
}

impl std::fmt::Display for Ruling {
    /// What decided, and why; then, after the last colon, what to do.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.verdict() {
            Verdict::Allow => "the mandate allows this",
            Verdict::AllowIf { unmet: false } => "the mandate allows this, with a condition that holds",
            Verdict::AllowIf { unmet: true } => "the mandate allows this for a price that is not met",
            Verdict::NeedsPrincipal => "the principal has to approve this",
            Verdict::Forbidden => "the mandate forbids this",
        };
        f.write_str(what)?;
        for finding in self.deciding() {
            write!(f, "; {}: {}", finding.by, finding.why)?;
        }
        match self.deciding().find(|finding| !finding.remedy.is_empty()) {
            Some(finding) => write!(f, ": {}", finding.remedy),
            None => Ok(()),
        }
    }
}
