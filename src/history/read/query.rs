//! Which events: pages of facts for those who look back, batches of everything for those who follow.

use std::time::Duration;

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
    /// How long events are looked at, at most; `None`: to the end.
    pub time_max: Option<Duration>,
    /// About how many bytes of events at most, but one event whatever it takes; 0: no limit.
    pub bytes_max: usize,
}

impl Query {
    /// Bytes of a page that whoever turns pages holds at once; as values they take three to four times as many.
    pub const PAGE_BYTES: usize = 2 << 20;
    /// What somebody who waits for one page lets pass.
    pub const TIME_MAX: Duration = Duration::from_millis(500);

    /// Whether so many events, of so many bytes, are all that is asked for at once.
    pub(super) fn is_full(&self, events: usize, bytes: usize) -> bool {
        (self.limit > 0 && events == self.limit) || (self.bytes_max > 0 && bytes >= self.bytes_max)
    }
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
    /// The next page's `before` (newest first) or `after` (oldest first), where `limit` or `bytes_max` ended this one; none at the end.
    pub next: Option<u64>,
    /// The last seq that was looked at, where `time_max` ended the search before the page was full.
    pub scanned_through: Option<u64>,
}

/// Every event as it was recorded, completing ones too.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was looked at.
    pub through: u64,
    /// `limit`, or the size of the events, ended it: what follows `through` was not looked at.
    pub more: bool,
    /// The events that retention removed before the reader had seen them.
    pub missed: Option<Missed>,
    /// The name of the history they are of; empty where there is none.
    pub history: String,
}

/// Events that are gone: some of those with `after < seq <= through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    pub after: u64,
    pub through: u64,
}
