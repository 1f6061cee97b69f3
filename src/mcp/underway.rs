//! The requests that are read and not answered yet: a bound on what a client can have the server hold.
//!
//! A client may write requests faster than the history answers them, and rmcp takes all of them in. Where too much is
//! under way, nothing more is read until some of it is answered. Calls that wait for events are apart: they hold almost
//! nothing, may stand for a minute, and must not keep others from being read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::model::RequestId;
use tokio::sync::Notify;

/// Requests at work at once: many times what the readers of the history take.
const BUSY_MAX: usize = 250;
/// The length of all their lines; what is read from them takes several times that, in the worst case sixty.
const BUSY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Calls that wait for events, each some 5 kB.
const WAITING_MAX: usize = 10_000;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Underway(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    less: Notify,
}

#[derive(Default)]
struct State {
    /// The length of each request's line; `None` for one that waits.
    requests: HashMap<RequestId, Option<usize>>,
    busy: usize,
    busy_bytes: usize,
}

/// As many calls wait as may.
#[derive(Debug)]
pub(super) struct TooMany;

impl Underway {
    /// False where another request with this id is under way.
    #[must_use]
    pub fn begin(&self, id: &RequestId, bytes: usize) -> bool {
        let mut state = self.state();
        if state.requests.contains_key(id) {
            return false;
        }
        state.requests.insert(id.clone(), Some(bytes));
        (state.busy, state.busy_bytes) = (state.busy + 1, state.busy_bytes + bytes);
        true
    }

    /// It has its answer, or wants none any more.
    pub fn end(&self, id: &RequestId) {
        let mut state = self.state();
        let ended = state.requests.remove(id).flatten();
        self.less(state, ended);
    }

    /// From here on it only waits.
    ///
    /// # Errors
    /// [`TooMany`] wait already.
    pub fn wait(&self, id: &RequestId) -> Result<(), TooMany> {
        let mut state = self.state();
        if state.requests.len() - state.busy >= WAITING_MAX {
            return Err(TooMany);
        }
        // Cancelled meanwhile, it is not here any more, and ends in a moment.
        let bytes = state.requests.get_mut(id).and_then(Option::take);
        self.less(state, bytes);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.state().requests.is_empty()
    }

    fn less(&self, mut state: MutexGuard<'_, State>, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            (state.busy, state.busy_bytes) = (state.busy - 1, state.busy_bytes - bytes);
            drop(state);
            self.0.less.notify_one();
        }
    }

    /// Ends once another request may be read. Cancel-safe.
    pub async fn room(&self) {
        while !self.has_room() {
            self.0.less.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let state = self.state();
        state.busy < BUSY_MAX && state.busy_bytes < BUSY_BYTES_MAX
    }

    /// A panic elsewhere leaves the counts whole: each change is made at once.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> RequestId {
        RequestId::Number(number as i64)
    }

    #[test]
    fn what_is_busy_is_bounded_by_count_and_by_bytes() {
        let underway = Underway::default();
        for number in 0..BUSY_MAX {
            assert!(underway.has_room());
            assert!(underway.begin(&id(number), 1));
        }
        assert!(!underway.has_room());
        assert!(!underway.begin(&id(0), 1), "its id is taken");
        underway.wait(&id(0)).expect("it may wait");
        assert!(underway.has_room(), "who waits is not busy");
        underway.end(&id(0));
        underway.end(&id(0));
        underway.end(&id(1));
        assert!(underway.begin(&id(0), BUSY_BYTES_MAX));
        assert!(!underway.has_room());
        underway.end(&id(0));
        assert!(underway.has_room());
        (0..BUSY_MAX).for_each(|number| underway.end(&id(number)));
        let state = underway.state();
        assert_eq!((state.requests.len(), state.busy, state.busy_bytes), (0, 0, 0));
    }

    #[test]
    fn who_waits_is_bounded_too() {
        let underway = Underway::default();
        for number in 0..WAITING_MAX {
            assert!(underway.begin(&id(number), 1));
            underway.wait(&id(number)).expect("it may wait");
        }
        let one_more = id(WAITING_MAX);
        assert!(underway.begin(&one_more, 1));
        assert!(underway.wait(&one_more).is_err());
        underway.end(&id(0));
        assert!(underway.wait(&one_more).is_ok());
    }
}
