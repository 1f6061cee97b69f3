//! The flight recorder for AI coders: one durable, ordered history of what every coding agent did.
//!
//! ```
//! # let folder = tempfile::tempdir().unwrap();
//! use ai_coder_events::event::{Draft, EventType, sentence};
//! use ai_coder_events::history::{Entry, Options, Query, Reader, Writer};
//!
//! let options = Options::new(folder.path().join("history.db"));
//! let drafts = [Draft::new(EventType::Started, "fix-auth"), Draft::progress("fix-auth", 0.42, "editing", "the session store")];
//! Writer::new(&options).append(drafts.map(Entry::from).into()).unwrap();
//!
//! let mut reader = Reader::new(&options);
//! let newest = reader.page(&Query { limit: 1, ..Query::default() }).unwrap();
//! assert_eq!(sentence(&newest.events[0]), "progress 42 % (editing): the session store");
//! assert_eq!(reader.coder("fix-auth").unwrap().unwrap().status.name(), "running");
//! ```
//!
//! In reading order: [`event`] says what a fact is and [`text`] cleans it; [`source`] makes drafts of what agents emit;
//! [`history`] keeps them, with the aggregates and rules of [`aggregate`] and what tokens cost ([`price`]); [`bus`] wakes whoever waits for what a [`filter`]
//! wants; [`mcp`] serves agents and editors. A [`hook`] records one payload; [`run`], [`collect`] (on a port of [`http`]) and [`import`] bring in what hooks do not, [`setup`] makes
//! agents report. [`notifier`] tells a person; [`upkeep`], [`process`], [`watch_path`] and [`workspace`] work in the background. [`config`] resolves what people set, [`stderr`] says what went wrong.

pub mod aggregate;
pub mod brief;
pub mod bus;
pub mod collect;
pub mod config;
pub mod event;
pub mod filter;
pub mod history;
pub mod hook;
pub mod http;
pub mod import;
#[cfg(unix)]
pub mod keep;
pub mod mcp;
pub mod notifier;
pub mod page;
pub mod price;
pub mod process;
#[cfg(unix)]
pub mod repository;
pub mod run;
pub mod setup;
pub mod signals;
pub mod source;
pub mod stderr;
pub mod story;
pub mod style;
pub mod tell;
pub mod text;
pub mod tui;
pub mod upkeep;
pub mod wake;
pub mod watch_path;
pub mod web;
#[cfg(unix)]
pub mod workspace;
