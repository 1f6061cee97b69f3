//! How the history is asked: pages and batches of events, coders, statistics. Nothing here writes.

pub(super) mod census;
pub(super) mod channels;
pub(super) mod coders;
pub(super) mod conflicts;
pub(super) mod glance;
pub(super) mod groups;
pub(super) mod handles;
pub(super) mod page;
pub(super) mod query;
pub(super) mod reader;
pub(super) mod scan;
pub(super) mod stats;
pub(super) mod told;
pub(super) mod touches;
pub(super) mod which;
pub(super) mod zones;

pub use self::{
    census::{Census, CensusEntry, CensusQuery},
    coders::{CodersQuery, Living},
    groups::{GroupQuery, Groups},
    handles::Handles,
    query::{Batch, Missed, Order, Page, Query},
    reader::{Position, Reader, Version},
    stats::{Minute, Minutes, StatsQuery},
    touches::Toucher,
    which::{Candidate, Meant, Unclear},
};
