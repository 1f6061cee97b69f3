//! The durable log: append, read, retain, reject, spool. One SQLite file, any number of processes.
//!
//! It promises: an acknowledged event survives the death of any process; the order of seqs is the order of commits, without
//! holes that fill later; in every committed state the aggregates are what was removed, folded with what is retained.
//! A [`Writer`] and a [`Reader`] are one connection each and belong to one thread; sharing is the bus's job.
//! It refuses to know: who reads, and how an agent speaks.
//!
//! ```
//! # let folder = tempfile::tempdir().unwrap();
//! use ai_coder_events::event::{Draft, EventType};
//! use ai_coder_events::history::{Entry, Options, Outcome, Query, Reader, Writer};
//!
//! let options = Options::new(folder.path().join("history.db"));
//! let draft = Draft::new(EventType::Started, "fix-auth");
//! let outcomes = Writer::new(&options).append(vec![Entry::from(draft)]).unwrap();
//! assert!(matches!(outcomes[..], [Outcome::Appended { seq: 1, .. }]));
//!
//! let page = Reader::new(&options).page(&Query::default()).unwrap();
//! assert_eq!(page.events[0].coder_id, "fix-auth");
//! ```

mod append;
mod aside;
mod bell;
mod check;
mod coders;
mod conflict;
mod entry;
mod error;
mod file;
mod fold;
mod graft;
mod id;
mod identity;
mod known;
mod ledger;
mod options;
mod query;
mod reader;
mod reject;
mod retain;
mod rows;
mod salvage;
mod schema;
mod spool;
mod stats;
mod tidy;
mod truth;
mod unmet;
mod walk;
mod writer;
mod zones;

#[cfg(test)]
mod tests;

pub use check::Checkup;
pub use coders::{CodersQuery, Living};
pub use entry::{Appended, Entry, Outcome, Ready};
pub use error::Error;
pub use options::{Clock, Durability, Options};
pub use query::{Batch, Missed, Order, Page, Query};
pub use reader::{Position, Reader, Version};
pub use reject::{Rejected, Rejection};
pub use retain::{Pruned, Retention};
pub use salvage::{Salvage, set_aside_if_broken};
pub use spool::{spool, spool_elsewhere};
pub use stats::{Minute, Minutes, StatsQuery};
pub use writer::Writer;
