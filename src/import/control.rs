//! What wakes a tail, and ends it.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Anyone may ring; clones control the same tail.
#[derive(Clone, Debug, Default)]
pub struct TailControl(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<Wakes>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Wakes {
    rung: bool,
    stopped: bool,
}

impl TailControl {
    /// There is something to look at.
    pub fn ring(&self) {
        self.state().rung = true;
        self.0.rung.notify_all();
    }

    /// For good: whoever waits or works ends soon.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.0.rung.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Until somebody ring; at once where somebody did since the last wait.
    pub fn wait(&self, at_most: Duration) {
        let silent = |state: &mut Wakes| !state.rung && !state.stopped;
        let waited = self.0.rung.wait_timeout_while(self.state(), at_most, silent);
        waited.unwrap_or_else(PoisonError::into_inner).0.rung = false;
    }

    fn state(&self) -> MutexGuard<'_, Wakes> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
