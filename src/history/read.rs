//! How the history is asked: pages and batches of events, coders, statistics. Nothing here writes.

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
pub(super) mod which;
pub(super) mod zones;

pub use self::{
    coders::{CodersQuery, Living},
    groups::{GroupQuery, Groups},
    handles::Handles,
    query::{Batch, Missed, Order, Page, Query},
    reader::{Position, Reader, Version},
    stats::{Minute, Minutes, StatsQuery},
    which::{Candidate, Meant, Unclear},
};
