//! What goes into the history, and what becomes of it.

use std::sync::Arc;

use crate::{
    event::{Draft, Event, Invalid, Passed, Time},
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
    /// Refused, and kept as a rejection.
    Rejected(Invalid),
    /// The rejection handed in was kept.
    Kept,
}

impl Entry {
    /// Checks, cleans and redacts it: what can be done without the history, on any thread.
    pub fn check(self, options: &Options) -> Ready {
        self.ready(options.clock.now(), &options.redactor)
    }

    pub(in crate::history) fn ready(self, now: Time, redactor: &Redactor) -> Ready {
        Ready(match self {
            Entry::Draft(draft) => match draft.pass(now, redactor) {
                Ok(passed) => State::Passed(Box::new(passed)),
                Err(refused) => State::Refused(Rejection::of_draft(&refused.draft, &refused.invalid), refused.invalid),
            },
            Entry::Rejection(rejection) => State::Rejection(rejection),
        })
    }
}

/// An entry that only waits to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready(pub(in crate::history) State);

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Passed(Box<Passed>),
    Refused(Rejection, Invalid),
    Rejection(Rejection),
}

/// What one transaction kept.
#[derive(Clone, Debug, Default)]
pub struct Appended {
    /// One an entry.
    pub outcomes: Vec<Outcome>,
    /// What was written, in order: their seqs follow one another.
    pub events: Vec<Arc<Event>>,
    /// Of which history.
    pub history: String,
}
