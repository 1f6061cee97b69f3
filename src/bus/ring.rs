//! The newest events, decoded once and shared: what subscribers at the head read. Pure.

use std::{collections::VecDeque, sync::Arc};

use crate::event::Event;

/// A subscriber this far behind reads the history instead; far more than a burst between two of its turns.
const EVENTS_MAX: usize = 4096;
/// The events' bytes as JSON; in memory an event takes about three times that.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Every retained event after `after` and through `through`.
#[derive(Default)]
pub(super) struct Ring {
    events: VecDeque<(Arc<Event>, usize)>,
    bytes: usize,
    after: u64,
    through: u64,
}

impl Ring {
    /// Forgets everything, and stands at `head`.
    pub(super) fn reset(&mut self, head: u64) {
        *self = Ring { after: head, through: head, ..Ring::default() };
    }

    /// Adds what came next.
    pub(super) fn push(&mut self, event: Arc<Event>) {
        let bytes = event.bytes();
        self.through = event.seq;
        self.events.push_back((event, bytes));
        self.bytes += bytes;
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some((oldest, bytes)) = self.events.pop_front() else { break };
            self.after = oldest.seq;
            self.bytes -= bytes;
        }
    }

    pub(super) fn through(&self) -> u64 {
        self.through
    }

    /// Whether nothing after `cursor` is missing here, up to where the ring ends.
    pub(super) fn reaches_back_to(&self, cursor: u64) -> bool {
        self.after <= cursor
    }

    /// What follows `cursor`, in order.
    pub(super) fn after(&self, cursor: u64) -> impl Iterator<Item = &Arc<Event>> {
        let start = self.events.partition_point(|(event, _)| event.seq <= cursor);
        self.events.range(start..).map(|(event, _)| event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Draft, EventType, Time},
        text::Redactor,
    };

    fn event(seq: u64) -> Arc<Event> {
        let draft = Draft::new(EventType::Milestone, "a");
        let checked = draft.check(Time::from_micros(0), &Redactor::default()).expect("valid");
        Arc::new(checked.into_event(seq, seq.to_string()))
    }

    fn large_event(seq: u64, bytes: usize) -> Arc<Event> {
        let mut event = Event::clone(&event(seq));
        event.data.insert("text".to_owned(), "x".repeat(bytes).into());
        Arc::new(event)
    }

    fn seqs_after(ring: &Ring, cursor: u64) -> Vec<u64> {
        ring.after(cursor).map(|event| event.seq).collect()
    }

    #[test]
    fn holds_what_follows_a_cursor_even_where_seqs_have_gaps() {
        let mut ring = Ring::default();
        ring.reset(10);
        for seq in [11, 12, 15, 16] {
            ring.push(event(seq));
        }
        assert_eq!(seqs_after(&ring, 10), [11, 12, 15, 16]);
        assert_eq!(seqs_after(&ring, 13), [15, 16]);
        assert_eq!(seqs_after(&ring, 16), [0; 0]);
        assert_eq!(seqs_after(&ring, 99), [0; 0]);
        assert!(ring.reaches_back_to(10) && !ring.reaches_back_to(9));
        assert_eq!(ring.through(), 16);
    }

    #[test]
    fn is_bounded_by_count_and_by_bytes() {
        let mut ring = Ring::default();
        let extra = 5;
        for seq in 1..=EVENTS_MAX as u64 + extra {
            ring.push(event(seq));
        }
        assert!(ring.reaches_back_to(extra) && !ring.reaches_back_to(extra - 1));
        assert_eq!(ring.after(0).count(), EVENTS_MAX);

        ring.reset(100);
        ring.push(large_event(101, BYTES_MAX));
        ring.push(event(102));
        assert_eq!(seqs_after(&ring, 0), [102]);
        assert!(!ring.reaches_back_to(100));
        ring.push(large_event(103, BYTES_MAX + 1));
        assert_eq!(seqs_after(&ring, 0), [0; 0], "an event larger than the ring is read from the history");
        assert!(ring.reaches_back_to(103) && !ring.reaches_back_to(102));
    }
}
