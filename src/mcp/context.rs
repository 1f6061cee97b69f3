//! What every request is answered with: the bus, what is allowed, and who says when waiting ends.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, tz::TimeZone};
use rmcp::{model::MetaObject, task_manager::TaskManager};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    bus::Bus,
    event::{Invalid, Time},
    filter::parse_local_moment,
    history::{self, Reader},
};

use super::{ServeOptions, caller::Caller, open_requests::OpenRequests, tool_error::ToolError};

/// How clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientWay {
    /// One client, which started this process or has the other end of its streams.
    Stream,
    /// Any number of them, whoever they are.
    Http,
}

/// Cheap to clone: clones share the tasks.
#[derive(Clone)]
pub(super) struct ServeContext {
    pub bus: Bus,
    pub options: ServeOptions,
    pub way: ClientWay,
    /// Cancelled when input ends or a signal comes: whoever waits answers now.
    pub closing: CancellationToken,
    pub open_requests: OpenRequests,
    pub tasks: TaskManager,
    pub tasks_made: Arc<TasksMade>,
}

impl ServeContext {
    pub fn new(
        bus: Bus,
        options: ServeOptions,
        way: ClientWay,
        closing: CancellationToken,
        open_requests: OpenRequests,
    ) -> ServeContext {
        let (tasks, tasks_made) = (TaskManager::new(), Arc::default());
        ServeContext { bus, options, way, closing, open_requests, tasks, tasks_made }
    }

    /// Who sends a request with this `_meta`.
    pub fn caller(&self, meta: &MetaObject) -> Caller {
        match self.way {
            ClientWay::Stream => Caller::of(meta),
            ClientWay::Http => Caller::from_afar(meta),
        }
    }

    /// What a tool asks of the history; what is wrong with the call may show only there.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        self.bus.read(move |reader| told(read(reader))).await?
    }

    /// The same for what takes no longer than about a millisecond.
    pub async fn read_few<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        self.bus.read_few(move |reader| told(read(reader))).await?
    }
}

/// A reader that failed is not used again, so the bus must hear of it.
fn told<T>(read: Result<T, ToolError>) -> Result<Result<T, ToolError>, history::Error> {
    match read {
        Err(ToolError::Unreadable(error)) => Err(error),
        told => Ok(told),
    }
}

/// When it is.
pub(super) fn now() -> Time {
    SystemTime::now().into()
}

/// A moment that a caller names, `today` too, where it is `now`.
///
/// # Errors
/// [`Invalid`] under the name `argument`.
pub(super) fn moment(argument: &str, given: Option<&str>, now: Time) -> Result<Option<Time>, Invalid> {
    let Some(given) = given else { return Ok(None) };
    let now = Timestamp::from_microsecond(now.micros()).unwrap_or_default().to_zoned(TimeZone::system());
    parse_local_moment(argument, given, &now).map(Some)
}

/// Tasks that are kept at once, each with its answer of up to 300 kB: a call every other second, each of them waiting.
const TASKS_MAX: usize = 300;

/// The tasks that rmcp still keeps, which it does not tell.
#[derive(Default)]
pub(super) struct TasksMade(Mutex<BinaryHeap<Reverse<Instant>>>);

impl TasksMade {
    /// Whether one more may be made `now`, kept for `kept`; it then counts.
    #[must_use]
    pub fn may_make(&self, now: Instant, kept: Duration) -> bool {
        let mut gone_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while gone_at.peek().is_some_and(|Reverse(at)| *at <= now) {
            gone_at.pop();
        }
        let may = gone_at.len() < TASKS_MAX;
        if may {
            gone_at.push(Reverse(now + kept));
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_bounded_until_they_are_gone() {
        let (made, start) = (TasksMade::default(), Instant::now());
        let second = Duration::from_secs(1);
        for number in 0..TASKS_MAX {
            assert!(made.may_make(start, if number == 7 { 10 * second } else { 20 * second }));
        }
        assert!(!made.may_make(start, second));
        assert!(made.may_make(start + 10 * second, second), "one is gone");
        assert!(!made.may_make(start + 10 * second, second));
    }
}
