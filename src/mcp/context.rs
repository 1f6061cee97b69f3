//! What every request is answered with: the bus, what is allowed, and who says when waiting ends.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rmcp::task_manager::TaskManager;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;

use super::open_requests::OpenRequests;

pub(super) struct ServeContext {
    pub bus: Bus,
    pub read_only: bool,
    /// Cancelled when input ends or a signal comes: whoever waits answers now.
    pub closing: CancellationToken,
    pub open_requests: OpenRequests,
    pub tasks: TaskManager,
    pub tasks_made: TasksMade,
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
