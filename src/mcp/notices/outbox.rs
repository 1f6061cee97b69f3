//! Which notifications are owed and when each may go out. Pure: a set, not a queue, so a client that reads slowly
//! finds one notification per resource, however much happened.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// What is owed, by key; no key is in it twice.
#[derive(Debug)]
pub(super) struct Outbox<K> {
    due: BTreeSet<(Instant, K)>,
    slots: HashMap<K, Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    due: Option<Instant>,
    sent: Option<Instant>,
}

/// How soon a notification goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    AtOnce,
    /// At once, but not sooner than this after the last one.
    AtMostEvery(Duration),
}

impl<K: Clone + Eq + Hash + Ord> Outbox<K> {
    pub fn new() -> Outbox<K> {
        Outbox { due: BTreeSet::new(), slots: HashMap::new() }
    }

    pub fn owe(&mut self, key: &K, pace: Pace, now: Instant) {
        let slot = self.slots.entry(key.clone()).or_default();
        let wanted = match (pace, slot.sent) {
            (Pace::AtMostEvery(interval), Some(sent)) => now.max(sent + interval),
            (Pace::AtOnce, _) | (_, None) => now,
        };
        if slot.due.is_some_and(|due| due <= wanted) {
            return;
        }
        if let Some(later) = slot.due.replace(wanted) {
            self.due.remove(&(later, key.clone()));
        }
        self.due.insert((wanted, key.clone()));
    }

    /// The next one that may go out now.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let (due, _) = self.due.first()?;
        if *due > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let slot = self.slots.entry(key.clone()).or_default();
        (slot.due, slot.sent) = (None, Some(now));
        Some(key)
    }

    /// When the next one may go out.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Forgets whatever `keep` does not want any more.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.due.retain(|(_, key)| keep(key));
        self.slots.retain(|key, _| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Pace = Pace::AtMostEvery(Duration::from_millis(100));

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_one_notification_now_and_one_later() {
        let (mut outbox, start) = (Outbox::new(), Instant::now());
        outbox.owe(&"a", TENTH, start);
        assert_eq!(outbox.pop(start), Some("a"));
        for millis in 1..50 {
            outbox.owe(&"a", TENTH, at(start, millis));
        }
        assert_eq!(outbox.next_due(), Some(at(start, 100)));
        assert_eq!(outbox.pop(at(start, 99)), None);
        assert_eq!(outbox.pop(at(start, 100)), Some("a"));
        assert_eq!((outbox.pop(at(start, 1_000)), outbox.next_due()), (None, None));
    }

    #[test]
    fn what_is_urgent_does_not_wait() {
        let (mut outbox, start) = (Outbox::new(), Instant::now());
        outbox.owe(&"a", TENTH, start);
        outbox.pop(start);
        outbox.owe(&"a", TENTH, at(start, 1));
        outbox.owe(&"a", Pace::AtOnce, at(start, 2));
        assert_eq!(outbox.pop(at(start, 2)), Some("a"));
        assert_eq!(outbox.next_due(), None);
    }

    #[test]
    fn it_does_not_grow_with_events() {
        let (mut outbox, start) = (Outbox::new(), Instant::now());
        for n in 0..10_000u64 {
            outbox.owe(&(n % 3), if n % 2 == 0 { Pace::AtOnce } else { TENTH }, at(start, n));
        }
        assert_eq!((outbox.due.len(), outbox.slots.len()), (3, 3));
        outbox.retain(|key| *key == 1);
        assert_eq!((outbox.due.len(), outbox.slots.len()), (1, 1));
    }
}
