//! What one coder did and where it stands, in few words: what it was asked, changed, failed at, cost and said. Made without
//! a model, of at most some 1,500 tokens, whatever the coder did.

mod read;
mod row;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    aggregate::{Attention, WaitingFor},
    event::{Status, Time},
    history::Position,
};

pub use row::{label, standing, works_on};

/// What one coder did and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Brief {
    pub coder_id: String,
    pub handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Which agent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_coder_id: Option<String>,
    pub status: Status,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stalled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_attention: Vec<Attention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<BriefWait>,
    /// The call of a tool that is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_work: Option<AtWork>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Time>,
    /// Seconds since its last activity.
    pub age_s: u64,
    /// What follows is of what came since; absent: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Its first prompt and the newest ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    #[serde(skip_serializing_if = "is_none")]
    pub asked_more: u64,
    /// What it changed, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ChangedFile>,
    #[serde(skip_serializing_if = "is_none")]
    pub files_more: u64,
    /// What failed, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedCall>,
    #[serde(skip_serializing_if = "is_none")]
    pub failed_more: u64,
    /// Calls of the model that failed: the error or limit, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors_by_code: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "is_none")]
    pub rate_limits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rate_limit: Option<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subagents: Vec<Subagent>,
    #[serde(skip_serializing_if = "is_none")]
    pub subagents_more: u64,
    pub tokens: u64,
    /// Reported and estimated together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Part of the cost is estimated, or not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cost_is_estimated: bool,
    /// What it said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
    /// Where the history stood.
    #[serde(skip)]
    pub position: Position,
    pub now: Time,
}

/// What it waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BriefWait {
    #[serde(rename = "for")]
    pub reason: WaitingFor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Since how many seconds.
    pub for_s: u64,
}

/// A call that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtWork {
    pub call: String,
    pub for_s: u64,
}

/// A prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    pub at: Time,
    pub text: String,
}

/// What became of a file, in sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangedFile {
    /// From the project's folder, where it lies in it.
    pub path: String,
    /// created, modified or deleted.
    pub how: &'static str,
    #[serde(skip_serializing_if = "is_none")]
    pub added: u64,
    #[serde(skip_serializing_if = "is_none")]
    pub removed: u64,
}

/// What failed, and how often in the same way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedCall {
    /// The last of them.
    pub seq: u64,
    pub at: Time,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The lines that tell most.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "is_once")]
    pub times: u64,
}

/// A coder that works for this one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subagent {
    pub handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub status: Status,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

fn is_once(times: &u64) -> bool {
    *times == 1
}
