//! A coder as readers see it: its state at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, EventType, Status, Time};

use super::{Usage, latest::Number, usage::is_zero};

/// What is shown of a coder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoderView {
    pub coder_id: String,
    /// The shortest beginning of its session's id that tells it from others; a subagent's is its parent's, `/` and its place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coder_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_coder_id: Option<String>,
    /// What it is about: the first line of its first prompt, else what the agent calls the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The folder of its repository, else its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The model that it called last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The call of a tool that is at work longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_at_work: Option<ToolAtWork>,
    /// Running, and silent for five minutes with no tool at work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stalled: bool,
    /// Why a person should look: waiting, stalled, failed, rate_limited, file_conflict, looping, over_budget; nothing that somebody has seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_attention: Vec<Attention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What it said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_activity: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Time>,
    pub events: u64,
    pub events_by_type: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rate_limit: Option<Time>,
    /// Distinct files created, modified or deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_touched: u64,
    /// Files that another unfinished coder changed within half an hour, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_conflicts: Vec<FileConflict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
}

/// A file that two unfinished coders changed, neither working for the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileConflict {
    pub file_path: String,
    /// Who changed it.
    pub coder_ids: Vec<String>,
    /// When the last of these changes was.
    pub last_change: Time,
}

impl FileConflict {
    /// The one that a warning tells of.
    pub fn told_by(event: &Event) -> Option<FileConflict> {
        if event.kind != EventType::SystemWarning {
            return None;
        }
        let ids = event.data.get("coder_ids")?.as_array()?;
        Some(FileConflict {
            file_path: event.data.get("file_path")?.as_str()?.to_owned(),
            coder_ids: ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            last_change: event.timestamp,
        })
    }
}

/// A tool's call that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolAtWork {
    /// The call in a short line: `Bash: npm test`.
    pub call: String,
    pub since: Time,
}

/// Since when a coder waits, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub since: Time,
    #[serde(rename = "for")]
    pub reason: WaitingFor,
    /// What it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// What a coder waits for; `idle` is the next prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    Permission,
    Question,
    Idle,
}

impl WaitingFor {
    pub const ALL: &'static [WaitingFor] = &[WaitingFor::Permission, WaitingFor::Question, WaitingFor::Idle];

    pub const fn name(self) -> &'static str {
        match self {
            WaitingFor::Permission => "permission",
            WaitingFor::Question => "question",
            WaitingFor::Idle => "idle",
        }
    }

    /// What a reason in the sender's words speaks of.
    pub(super) fn named_in(reason: &str) -> Option<WaitingFor> {
        let reason = reason.to_lowercase();
        Self::ALL.iter().copied().find(|waiting| reason.contains(waiting.name()))
    }
}

/// Why a person should look at a coder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    Waiting,
    Stalled,
    Failed,
    RateLimited,
    FileConflict,
    /// It repeats a call that fails in the same way each time.
    Looping,
    OverBudget,
}

impl Attention {
    pub const fn name(self) -> &'static str {
        match self {
            Attention::Waiting => "waiting",
            Attention::Stalled => "stalled",
            Attention::Failed => "failed",
            Attention::RateLimited => "rate_limited",
            Attention::FileConflict => "file_conflict",
            Attention::Looping => "looping",
            Attention::OverBudget => "over_budget",
        }
    }
}

/// The most of each resource that was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peak {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_usage_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_count: Option<u64>,
}

impl Peak {
    pub fn is_empty(&self) -> bool {
        *self == Peak::default()
    }

    pub(super) fn raise(&mut self, other: &Peak) {
        self.memory_mb = self.memory_mb.max(other.memory_mb);
        self.cpu_percent = self.cpu_percent.map(Number).max(other.cpu_percent.map(Number)).map(|number| number.0);
        self.disk_usage_mb = self.disk_usage_mb.max(other.disk_usage_mb);
        self.network_bytes = self.network_bytes.max(other.network_bytes);
        self.file_count = self.file_count.max(other.file_count);
    }
}
