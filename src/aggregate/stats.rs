//! The answer of `stats`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Time;

use super::{CoderView, FileConflict, Usage};

/// The answer of `stats`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    pub total_events: u64,
    pub events_by_type: BTreeMap<String, u64>,
    /// The `coders` most recently active ones where there are more.
    pub events_by_coder: BTreeMap<String, u64>,
    /// Latest event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event: Option<Time>,
    /// Events received in the last 60 seconds.
    pub events_per_minute: f64,
    /// What the counts start from, rounded down to the bucket; absent: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    #[serde(flatten)]
    pub usage: Usage,
    /// Coders known in all.
    pub coders_total: u64,
    /// Most recently active first.
    pub coders: Vec<CoderView>,
    /// Files that two unfinished coders changed within half an hour, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_conflicts: Vec<FileConflict>,
    pub history: HistorySize,
}

/// How large the history is, on disk and in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistorySize {
    /// Newest seq.
    pub head: u64,
    /// Oldest seq still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// Rows kept, completing events included.
    pub events: u64,
    /// Bytes on disk: database, write-ahead log.
    pub bytes: u64,
    /// Bytes this process holds in memory; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// Rejections kept; `ai-coder-events rejected` lists them.
    pub rejections: u64,
    /// Spool files not yet taken in.
    pub spooled: u64,
}
