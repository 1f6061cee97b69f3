//! What goes into the history, and what becomes of it.

use std::sync::Arc;

use crate::{
    event::{Checked, Draft, Event, Invalid, Time},
    history::store::Options,
    text::Redactor,
};

use super::reject::Rejection;

/// What is to be kept: a draft, or input that could not become one.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Draft(Box<Draft>),
    Rejection(Rejection),
}

impl From<Draft> for Entry {
    fn from(draft: Draft) -> Entry {
        Entry::Draft(Box::new(draft))
    }
}

impl From<Rejection> for Entry {
    fn from(rejection: Rejection) -> Entry {
        Entry::Rejection(rejection)
    }
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Appended {
        seq: u64,
        id: String,
    },
    /// Seen before, and nothing new in it; `seq` is the first report's.
    Duplicate {
        seq: u64,
        id: String,
    },
    /// Seen before, but this report added fields: `seq` is the first report's, `by` that of the event that completes it.
    Completed {
        seq: u64,
        id: String,
        by: u64,
    },
    /// Its condition did not hold.
    Unmet,
    /// The configuration says that such is not recorded: nothing was written of it.
    Unwanted,
    /// Refused, and kept as a rejection.
    Rejected(Invalid),
    /// The rejection handed in was kept.
    Kept,
}

impl Entry {
    /// Takes out what is not wanted, checks, cleans and redacts the rest: what can be done without the history, on any thread.
    pub fn check(self, options: &Options) -> CheckedEntry {
        let now = options.clock.now();
        match self {
            Entry::Draft(draft) => match options.recording.of(*draft) {
                Some(draft) => Entry::from(draft).check_at(now, &options.redactor),
                None => CheckedEntry::Unwanted,
            },
            Entry::Rejection(rejection) if options.recording.keeps_all_words() => CheckedEntry::Rejection(rejection),
            // It may hold them anywhere.
            Entry::Rejection(rejection) => CheckedEntry::Rejection(Rejection { input: String::new(), ..rejection }),
        }
    }

    pub(in crate::history) fn check_at(self, now: Time, redactor: &Redactor) -> CheckedEntry {
        match self {
            Entry::Draft(draft) => match draft.check_or_return(now, redactor) {
                Ok(checked) => CheckedEntry::Checked(Box::new(checked)),
                Err(refused) => CheckedEntry::Refused(Rejection::of_draft(&refused.0, &refused.1), refused.1),
            },
            Entry::Rejection(rejection) => CheckedEntry::Rejection(rejection),
        }
    }
}

/// An entry that only waits to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckedEntry {
    Checked(Box<Checked>),
    /// A draft that is no event, and why.
    Refused(Rejection, Invalid),
    Rejection(Rejection),
    /// Nothing of it is to be written.
    Unwanted,
}

/// What one transaction kept.
#[derive(Clone, Debug, Default)]
pub struct Appended {
    /// One an entry.
    pub outcomes: Vec<Outcome>,
    /// What was written, in order: their seqs follow one another.
    pub events: Vec<Arc<Event>>,
    /// The name of the history they went into.
    pub history: String,
}
