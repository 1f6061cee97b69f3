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
/// Streams of events, each about as much. They have a bound of their own: no stream keeps a call from waiting.
pub(super) const STREAMS_MAX: usize = 10_000;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct OpenRequests(Arc<OpenRequestsInner>);

#[derive(Default)]
struct OpenRequestsInner {
    counts: Mutex<RequestCounts>,
    less: Notify,
}

#[derive(Default)]
struct RequestCounts {
    requests: HashMap<RequestId, OpenRequest>,
    /// How many of them are at work, and the sum of their lengths: kept, since every message read asks for them.
    busy: usize,
    busy_bytes: usize,
    streams: usize,
}

#[derive(Clone, Copy)]
enum OpenRequest {
    /// The length of its line.
    Busy(usize),
    Waiting,
    Streaming,
}

/// As many calls wait as may.
#[derive(Debug)]
pub(super) struct TooMany;

impl OpenRequests {
    /// False where another request with this id is under way.
    #[must_use]
    pub fn begin(&self, id: &RequestId, bytes: usize) -> bool {
        let mut counts = self.counts();
        if counts.requests.contains_key(id) {
            return false;
        }
        counts.requests.insert(id.clone(), OpenRequest::Busy(bytes));
        (counts.busy, counts.busy_bytes) = (counts.busy + 1, counts.busy_bytes + bytes);
        true
    }

    /// It has its answer, or wants none any more. Both may be told of one request, as where it is cancelled while its answer
    /// is on the way: the second time it is not here, and nothing is counted twice.
    pub fn end(&self, id: &RequestId) {
        let mut counts = self.counts();
        let ended = counts.requests.remove(id);
        self.less(counts, ended);
    }

    /// From here on it only waits.
    ///
    /// # Errors
    /// [`TooMany`] wait already.
    pub fn wait(&self, id: &RequestId) -> Result<(), TooMany> {
        let counts = self.counts();
        if counts.requests.len() - counts.busy - counts.streams >= WAITING_MAX {
            return Err(TooMany);
        }
        self.becomes(counts, id, OpenRequest::Waiting);
        Ok(())
    }

    /// From here on it tells events.
    ///
    /// # Errors
    /// [`TooMany`] do already.
    pub fn stream(&self, id: &RequestId) -> Result<(), TooMany> {
        let counts = self.counts();
        if counts.streams >= STREAMS_MAX {
            return Err(TooMany);
        }
        self.becomes(counts, id, OpenRequest::Streaming);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.counts().requests.is_empty()
    }

    pub fn len(&self) -> usize {
        self.counts().requests.len()
    }

    /// Cancelled meanwhile, it is not here any more, and ends in a moment.
    fn becomes(&self, mut counts: MutexGuard<'_, RequestCounts>, id: &RequestId, next: OpenRequest) {
        let Some(open) = counts.requests.get_mut(id) else { return };
        let before = std::mem::replace(open, next);
        counts.streams += usize::from(matches!(next, OpenRequest::Streaming));
        self.less(counts, Some(before));
    }

    fn less(&self, mut counts: MutexGuard<'_, RequestCounts>, ended: Option<OpenRequest>) {
        match ended {
            Some(OpenRequest::Busy(bytes)) => {
                (counts.busy, counts.busy_bytes) = (counts.busy - 1, counts.busy_bytes - bytes);
                drop(counts);
                // One is enough: only the transport waits, and a permit that comes before it waits is kept for it.
                self.0.less.notify_one();
            }
            Some(OpenRequest::Streaming) => counts.streams -= 1,
            Some(OpenRequest::Waiting) | None => {}
        }
    }

    /// Ends once another request may be read. Cancel-safe.
    pub async fn room(&self) {
        while !self.has_room() {
            self.0.less.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let counts = self.counts();
        counts.busy < BUSY_MAX && counts.busy_bytes < BUSY_BYTES_MAX
    }

    /// A panic elsewhere leaves the counts whole: each change is made at once.
    fn counts(&self) -> MutexGuard<'_, RequestCounts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
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
        let open_requests = OpenRequests::default();
        for number in 0..BUSY_MAX {
            assert!(open_requests.has_room());
            assert!(open_requests.begin(&id(number), 1));
        }
        assert!(!open_requests.has_room());
        assert!(!open_requests.begin(&id(0), 1), "its id is taken");
        open_requests.wait(&id(0)).expect("it may wait");
        assert!(open_requests.has_room(), "who waits is not busy");
        open_requests.end(&id(0));
        open_requests.end(&id(0));
        open_requests.end(&id(1));
        assert!(open_requests.begin(&id(0), BUSY_BYTES_MAX));
        assert!(!open_requests.has_room());
        open_requests.end(&id(0));
        assert!(open_requests.has_room());
        (0..BUSY_MAX).for_each(|number| open_requests.end(&id(number)));
        let counts = open_requests.counts();
        assert_eq!((counts.requests.len(), counts.busy, counts.busy_bytes), (0, 0, 0));
    }

    #[test]
    fn who_waits_is_bounded_too() {
        let open_requests = OpenRequests::default();
        for number in 0..WAITING_MAX {
            assert!(open_requests.begin(&id(number), 1));
            open_requests.wait(&id(number)).expect("it may wait");
        }
        let one_more = id(WAITING_MAX);
        assert!(open_requests.begin(&one_more, 1));
        assert!(open_requests.wait(&one_more).is_err());
        open_requests.end(&id(0));
        assert!(open_requests.wait(&one_more).is_ok());
    }

    #[test]
    fn streams_have_a_bound_of_their_own() {
        let open_requests = OpenRequests::default();
        for number in 0..STREAMS_MAX {
            assert!(open_requests.begin(&id(number), 1));
            open_requests.stream(&id(number)).expect("it may tell events");
        }
        let one_more = id(STREAMS_MAX);
        assert!(open_requests.has_room() && open_requests.begin(&one_more, 1));
        assert!(open_requests.stream(&one_more).is_err());
        assert!(open_requests.wait(&one_more).is_ok(), "others wait as if there were none");
        open_requests.end(&id(0));
        assert_eq!(open_requests.counts().streams, STREAMS_MAX - 1);
    }
}
