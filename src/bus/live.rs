//! What the tail and the subscriptions share, under one lock that is never held while anyone reads or waits.

use std::sync::Arc;

use tokio::sync::watch;

use crate::event::Event;

use super::{
    ring::Ring,
    waiters::{WaiterId, WaiterState, Waiters},
};

/// How many events one look examines under the lock.
const SCAN_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Live {
    pub(super) ring: Ring,
    /// Whose events the ring holds; empty while that is not known.
    pub(super) history: String,
    pub(super) waiters: Waiters,
    /// The tail thread's, while one runs; it closes when the thread has ended.
    pub(super) tail: Option<watch::Receiver<()>>,
    /// The tail failed to read; subscriptions ask the history themselves, and so learn why.
    pub(super) in_trouble: bool,
    pub(super) closed: bool,
}

/// What a subscription found when it looked.
pub(super) enum LookOutcome {
    /// What may be wanted, in order.
    Found(Vec<Arc<Event>>),
    /// Nothing so far, but the ring goes on.
    Again,
    /// Only the history knows.
    Behind,
    /// Everything was looked at: the waiter is idle now, and will be called.
    Idle,
    /// Everything was looked at, and nobody will call any more.
    Closed,
}

impl Live {
    /// Takes the next events after `cursor` from the ring that `may` be wanted, and moves the cursor over what it looked
    /// at. Reading texts is not for here, where everyone else waits. Where the file was replaced, `cursor` may be of the new
    /// history (whose name is empty where it is not known) while the ring is still of the old one.
    pub(super) fn look(&mut self, waiter: (WaiterId, &str), cursor: &mut u64, may: impl Fn(&Event) -> bool) -> LookOutcome {
        let (id, history) = waiter;
        *cursor = self.looked_through(id, *cursor);
        self.waiters.set_state(id, WaiterState::Away);
        let of_another = !history.is_empty() && !self.history.is_empty() && self.history != history;
        if self.in_trouble || of_another || !self.ring.reaches_back_to(*cursor) {
            return if self.closed { LookOutcome::Closed } else { LookOutcome::Behind };
        }
        let (mut found, mut scanned) = (Vec::new(), 0);
        for event in self.ring.after(*cursor).take(SCAN_MAX) {
            scanned += 1;
            *cursor = event.seq;
            if may(event) {
                found.push(Arc::clone(event));
            }
        }
        if !found.is_empty() {
            return LookOutcome::Found(found);
        }
        if scanned == SCAN_MAX {
            return LookOutcome::Again;
        }
        if self.closed {
            return LookOutcome::Closed;
        }
        *cursor = self.ring.through().max(*cursor);
        self.waiters.set_state(id, WaiterState::Idle);
        LookOutcome::Idle
    }

    /// The seq through which everything was looked at for this waiter, by itself or by the tail.
    pub(super) fn looked_through(&self, id: WaiterId, cursor: u64) -> u64 {
        match self.waiters.state(id) {
            WaiterState::Away => cursor,
            WaiterState::Idle => cursor.max(self.ring.through()),
            WaiterState::Called(seq) => cursor.max(seq.saturating_sub(1)),
        }
    }

    /// Whether `seq` of `history` is what comes next, and somebody listens.
    pub(super) fn stands_before(&self, seq: u64, history: &str) -> bool {
        let listens = self.tail.is_some() && !self.in_trouble;
        listens && self.history == history && self.ring.through() + 1 == seq
    }

    /// The next events in order.
    pub(super) fn hear(&mut self, news: Vec<Arc<Event>>) {
        for event in &news {
            self.waiters.tell(event);
        }
        for event in news {
            self.ring.push(event);
        }
    }

    /// Starts anew at `head`: what lies before it is to be read from the history.
    pub(super) fn restart(&mut self, head: u64, history: String) {
        self.skip_to(head);
        self.history = history;
    }

    /// The same within one history.
    pub(super) fn skip_to(&mut self, head: u64) {
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
        self.history.clear();
        self.ring.reset(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Draft, EventType, Time},
        filter::Filter,
        text::Redactor,
    };

    #[test]
    fn events_of_another_history_are_not_taken_for_this_ones() {
        let mut live = Live { history: "0ld0ld0l".into(), ..Live::default() };
        for seq in 1..=5 {
            let checked = Draft::new(EventType::Milestone, "a").check(Time::from_micros(0), &Redactor::default());
            live.hear(vec![Arc::new(checked.expect("valid").into_event(seq, seq.to_string()))]);
        }
        let (id, _call) = live.waiters.join(&Filter::default());
        let mut look = |history: &str| match live.look((id, history), &mut 1, |_| true) {
            LookOutcome::Found(events) => events.len(),
            LookOutcome::Behind => 0,
            _ => panic!("neither found nor behind"),
        };
        assert_eq!(look("0ld0ld0l"), 4);
        assert_eq!(look(""), 4, "a cursor without a history is of this one");
        assert_eq!(look("new"), 0, "only the file knows");
    }

    #[test]
    fn own_news_are_taken_where_nothing_of_others_lies_in_between() {
        let (_running, ended) = watch::channel(());
        let mut live = Live { history: "h".into(), tail: Some(ended), ..Live::default() };
        live.ring.reset(7);
        assert!(live.stands_before(8, "h"));
        assert!(!live.stands_before(9, "h"), "another process wrote 8");
        assert!(!live.stands_before(8, "other"), "another file took the place");
        live.in_trouble = true;
        assert!(!live.stands_before(8, "h"), "the tail starts anew");
        (live.in_trouble, live.tail) = (false, None);
        assert!(!live.stands_before(8, "h"), "nobody listens");
    }
}
