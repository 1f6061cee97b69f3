//! What wakes a tail, and ends it.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Anyone may ring; clones are the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    stopped: bool,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.state().rung = true;
        self.0.rung.notify_all();
    }

    /// For good: whoever waits or works ends soon.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.0.rung.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Until somebody rings; at once where somebody did since the last wait.
    pub(super) fn wait(&self, at_most: Duration) {
        let silent = |state: &mut State| !state.rung && !state.stopped;
        let waited = self.0.rung.wait_timeout_while(self.state(), at_most, silent);
        waited.unwrap_or_else(PoisonError::into_inner).0.rung = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
