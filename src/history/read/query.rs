//! Which events: pages of facts for those who look back, batches of everything for those who follow.

use serde::Serialize;

use crate::{event::Event, filter::Filter};

use super::reader::Position;

/// Which facts, from which end, how many.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub filter: Filter,
    pub order: Order,
    /// Only seqs greater than this.
    pub after: Option<u64>,
    /// Only seqs less than this.
    pub before: Option<u64>,
    /// How many events at most; 0: no limit.
    pub limit: usize,
    /// Most events to look at; 0: no limit.
    pub scan_max: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Newest,
    Oldest,
}

/// Facts: what was completed later stands merged at its first seq.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub events: Vec<Event>,
    /// Where the history stood when they were read.
    pub position: Position,
    /// The next page's `before` (newest first) or `after` (oldest first); none at the end.
    pub next: Option<u64>,
    /// The last seq that was looked at, where `scan_max` ended the search before the page was full.
    pub scanned_through: Option<u64>,
}

/// Every event as it was recorded, completing ones too.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was looked at.
    pub through: u64,
    /// The events that retention removed before the reader had seen them.
    pub missed: Option<Missed>,
    /// The name of the history they are of; empty where there is none.
    pub history: String,
}

/// Events that are gone: some of those with `after < seq <= through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Missed {
    pub after: u64,
    pub through: u64,
}
