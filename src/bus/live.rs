//! What the tail and the subscriptions share, under one lock that is never held while anyone reads or waits.

use std::sync::Arc;

use tokio::sync::watch;

use crate::event::Event;

use super::{
    ring::Ring,
    waiters::{State, WaiterId, Waiters},
};

/// How many events one look examines under the lock.
const SCAN_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Live {
    pub(super) ring: Ring,
    pub(super) waiters: Waiters,
    /// Set while a tail thread runs; it closes when the thread has ended.
    pub(super) tail: Option<watch::Receiver<()>>,
    /// The tail failed to read; subscriptions ask the history themselves, and so learn why.
    pub(super) in_trouble: bool,
    pub(super) closed: bool,
}

/// What a subscription found when it looked.
pub(super) enum Look {
    /// What may be wanted, in order.
    Found(Vec<Arc<Event>>),
    /// Nothing so far, but the ring goes on.
    Again,
    /// Only the history knows.
    Behind,
    /// Everything was looked at: the waiter is idle now, and will be called.
    Idle,
    /// As `Idle`, but nobody will call any more.
    Closed,
}

impl Live {
    /// Takes at most `max` events after `cursor` from the ring that `may` be wanted, and moves the cursor over what it looked
    /// at. Reading texts is not for here, where everyone else waits.
    pub(super) fn look(&mut self, id: WaiterId, cursor: &mut u64, max: usize, may: impl Fn(&Event) -> bool) -> Look {
        *cursor = self.looked_through(id, *cursor);
        self.waiters.set_state(id, State::Away);
        if self.in_trouble || !self.ring.reaches_back_to(*cursor) {
            return if self.closed { Look::Closed } else { Look::Behind };
        }
        let (mut found, mut scanned) = (Vec::new(), 0);
        for event in self.ring.after(*cursor).take(SCAN_MAX) {
            scanned += 1;
            *cursor = event.seq;
            if may(event) {
                found.push(Arc::clone(event));
                if found.len() == max {
                    break;
                }
            }
        }
        if !found.is_empty() {
            return Look::Found(found);
        }
        if scanned == SCAN_MAX {
            return Look::Again;
        }
        if self.closed {
            return Look::Closed;
        }
        *cursor = self.ring.through().max(*cursor);
        self.waiters.set_state(id, State::Idle);
        Look::Idle
    }

    /// The seq through which everything was looked at for this waiter, by itself or by the tail.
    pub(super) fn looked_through(&self, id: WaiterId, cursor: u64) -> u64 {
        match self.waiters.state(id) {
            State::Away => cursor,
            State::Idle => cursor.max(self.ring.through()),
            State::Called(seq) => cursor.max(seq.saturating_sub(1)),
        }
    }

    /// The next events in order, each with its length.
    pub(super) fn hear(&mut self, news: Vec<(usize, Arc<Event>)>) {
        for (_, event) in &news {
            self.waiters.tell(event);
        }
        for (bytes, event) in news {
            self.ring.push(event, bytes);
        }
    }

    /// Starts anew at `head`: what lies before it is to be read from the history.
    pub(super) fn restart(&mut self, head: u64) {
        self.call_all();
        self.ring.reset(head);
    }

    /// Has everyone look for itself from where the ring ends.
    pub(super) fn call_all(&mut self) {
        self.waiters.call_all(self.ring.through() + 1);
    }

    /// The tail thread ends: nothing is known any more of what comes.
    pub(super) fn stand_still(&mut self) {
        self.tail = None;
        self.ring.reset(0);
    }
}
