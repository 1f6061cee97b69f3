//! Where the tail thread sleeps until somebody wakes it, or a while has passed.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

#[derive(Default)]
pub(super) struct Wakeup {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wakeup {
    pub(super) fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Sleeps until somebody wakes it, `at_most` so long; not at all where somebody did since the last time.
    pub(super) fn wait(&self, at_most: Duration) {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut woken, _) =
            self.changed.wait_timeout_while(woken, at_most, |woken| !*woken).unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }
}
