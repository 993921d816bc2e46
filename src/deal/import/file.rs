//! The shape of a proposal file: its tables and keys, with nothing checked. May not know what a value means.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Value;

/// A table of one person or bag: cells by column.
pub(super) type Record = BTreeMap<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposalFile {
    pub(super) firmness: Option<String>,
    pub(super) valid_until: Option<Value>,
    pub(super) remarks: Option<String>,
    pub(super) frame: Option<FrameFile>,
    #[serde(default)]
    pub(super) corridor: Vec<CorridorFile>,
    #[serde(default)]
    pub(super) stage: Vec<StageFile>,
    #[serde(default)]
    pub(super) leg: Vec<LegFile>,
    #[serde(default)]
    pub(super) condition: Vec<ConditionFile>,
    #[serde(default)]
    pub(super) guarantor: Vec<GuarantorFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameFile {
    pub(super) until: Value,
    pub(super) every: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorridorFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) points: Vec<Value>,
    pub(super) width: Option<i64>,
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageFile {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) after: Vec<Value>,
    pub(super) place: Option<String>,
    pub(super) at: Option<Value>,
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
    pub(super) corridor: Option<Value>,
    pub(super) order: Option<String>,
    pub(super) abort: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LegFile {
    pub(super) giver: String,
    pub(super) category: Option<String>,
    pub(super) count: Option<Value>,
    pub(super) ratio: Option<String>,
    pub(super) rounding: Option<String>,
    pub(super) persons: Option<String>,
    pub(super) remains: Option<String>,
    #[serde(default)]
    pub(super) person: Vec<Record>,
    #[serde(default)]
    pub(super) bag: Vec<Record>,
    pub(super) except: Option<String>,
    #[serde(default)]
    pub(super) exception: Vec<Record>,
    pub(super) ages: Option<String>,
    pub(super) health: Option<Value>,
    pub(super) status: Option<Value>,
    pub(super) sex: Option<String>,
    pub(super) selection: Option<String>,
    pub(super) substitution: Option<String>,
    pub(super) tolerance: Option<i64>,
    pub(super) third_country: Option<String>,
    pub(super) stage: Option<Value>,
    pub(super) group: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionFile {
    pub(super) leg: i64,
    #[serde(default)]
    pub(super) lines: Vec<i64>,
    pub(super) obligation: String,
    pub(super) text: Option<String>,
    pub(super) end: Option<String>,
    pub(super) until: Option<Value>,
    pub(super) event: Option<String>,
    pub(super) monitor: Option<String>,
    pub(super) consequence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuarantorFile {
    pub(super) name: String,
    pub(super) part: Option<String>,
    pub(super) duty: Option<String>,
    pub(super) sight: Option<String>,
}
