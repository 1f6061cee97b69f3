//! The durable log: append, read, retain, reject, spool. One SQLite file, any number of processes.
//!
//! It promises: an acknowledged event survives the death of any process; the order of seqs is the order of commits, without
//! holes that fill later; in every committed state the aggregates are what was removed, folded with what is retained.
//! A [`Writer`] and a [`Reader`] are one connection each and belong to one thread; sharing is the bus's job.
//! It refuses to know: who reads, and how an agent speaks.
//!
//! Four wings: `store` is what lies on the disk, `record` writes it, `read` asks it, `keep` looks after it. `store` names
//! none of the others, and only `keep` names all. What a wing calls `pub` is for the other wings; what leaves the room is listed
//! at the end of this file.
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

mod keep;
mod read;
mod record;
mod store;

#[cfg(test)]
mod tests;

pub use self::{
    keep::{Checkup, Pruned, Rejected, Retention, Salvage, set_aside_if_broken},
    read::{
        Batch, Candidate, Census, CensusEntry, CensusQuery, CodersQuery, GroupQuery, Groups, Handles, Living, Meant, Minute,
        Minutes, Missed, Order, Page, Position, Query, Reader, StatsQuery, Toucher, Unclear, Version,
    },
    record::{
        Appended, CheckedEntry, Entry, Listener, News, NewsAbout, Outcome, Rejection, Unkept, WatchReply, Writer, spool,
        spool_elsewhere,
    },
    store::{Clock, Durability, Error, HistoryFiles, Options, open_private, private_folder, user},
};
