//! The history through its own doors: append, read, retain, spool, check; and against a plain model.

mod append;
mod claims;
mod clock;
mod conflict;
#[cfg(unix)]
mod doors;
mod files;
mod groups;
mod identity;
mod model;
mod query;
mod retain;
mod rows;
mod salvage;
mod scan;
mod spool;
mod sums;
mod tools;
mod which;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tempfile::TempDir;

use crate::{
    event::{Draft, Event, EventType, Micros, Time},
    filter::Filter,
};

use super::{Checkup, Clock, Entry, Options, Order, Outcome, Query, Reader, Writer};

/// A history in a folder of its own, with a clock that the test moves.
pub(super) struct Lab {
    _folder: TempDir,
    pub options: Options,
    pub writer: Writer,
    pub reader: Reader,
    now: Arc<AtomicI64>,
}

impl Lab {
    pub(super) fn new() -> Lab {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = Arc::new(AtomicI64::new(Time::parse("2026-11-22T12:00:00Z").expect("valid").micros()));
        let clock = Arc::clone(&now);
        let options = Options {
            clock: Clock::new(move || Time::from_micros(clock.load(Ordering::SeqCst))),
            ..Options::new(folder.path().join("history.db"))
        };
        let (writer, reader) = (Writer::new(&options), Reader::new(&options));
        Lab { _folder: folder, options, writer, reader, now }
    }

    pub(super) fn now(&self) -> Time {
        self.options.clock.now()
    }

    pub(super) fn wait(&self, span: Micros) {
        self.now.fetch_add(span, Ordering::SeqCst);
    }

    pub(super) fn append(&mut self, draft: Draft) -> Outcome {
        self.append_all([draft]).pop().expect("one outcome an entry")
    }

    pub(super) fn append_all(&mut self, drafts: impl IntoIterator<Item = Draft>) -> Vec<Outcome> {
        self.writer.append(drafts.into_iter().map(Entry::from).collect()).expect("the history can be written")
    }

    /// Everything as recorded, oldest first.
    pub(super) fn log(&mut self) -> Vec<Event> {
        self.reader.after(0, &Filter::default(), 0).expect("the history can be read").events
    }

    /// All facts, oldest first.
    pub(super) fn facts(&mut self) -> Vec<Event> {
        let query = Query { order: Order::Oldest, ..Query::default() };
        self.reader.page(&query).expect("the history can be read").events
    }

    #[track_caller]
    pub(super) fn assert_sound(&mut self) {
        let checkup = self.writer.check(false).expect("the history can be checked");
        assert_eq!(checkup.problems, Vec::<String>::new());
    }

    pub(super) fn checkup(&mut self, repair: bool) -> Checkup {
        self.writer.check(repair).expect("the history can be checked")
    }
}

pub(super) fn draft(kind: EventType, coder: &str) -> Draft {
    Draft::new(kind, coder)
}

/// Seq and short type, which tell an event apart in most tests.
pub(super) fn shorts(events: &[Event]) -> Vec<(u64, &'static str)> {
    events.iter().map(|event| (event.seq, event.kind.short())).collect()
}
