//! The events on the screen: a window of what the filter wants, oldest first, that follows or stands still.

use std::{collections::VecDeque, sync::Arc};

use crate::event::Event;

/// What a following window keeps to scroll back in without asking the history.
const KEPT_MAX: usize = 2000;
/// The same in bytes of JSON: an event may be large.
const KEPT_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Default)]
pub struct Log {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Everything up to here was looked at.
    through: u64,
    /// The event the cursor is on; none: the newest, whichever that is.
    cursor: Option<u64>,
    /// Nothing lies before the oldest.
    is_whole: bool,
    /// The newest are not here: they came while the window was full and stood still.
    unseen: u64,
    /// The first event shown, while standing still.
    top: Option<u64>,
}

impl Log {
    pub fn events(&self) -> &VecDeque<Arc<Event>> {
        &self.events
    }

    pub fn is_following(&self) -> bool {
        self.cursor.is_none()
    }

    /// Events that came and are not in the window.
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// Where the cursor is.
    pub fn at(&self) -> Option<usize> {
        let last = self.events.len().checked_sub(1)?;
        Some(self.cursor.map_or(last, |seq| self.index(seq).min(last)))
    }

    /// The event under the cursor.
    pub fn current(&self) -> Option<&Arc<Event>> {
        self.at().and_then(|at| self.events.get(at))
    }

    /// The newest of the history up to `through`, in place of all that is here and was looked at before.
    pub fn replace(&mut self, events: Vec<Event>, through: u64, is_whole: bool) {
        let later: Vec<_> = self.events.drain(..).filter(|event| event.seq > through).collect();
        let seen = self.through.max(through);
        *self = Log { through: seen, is_whole, ..Log::default() };
        events.into_iter().map(Arc::new).chain(later).for_each(|event| self.push(event));
        self.shrink();
    }

    /// What lies before the oldest, oldest first.
    pub fn prepend(&mut self, events: Vec<Event>, is_whole: bool) {
        self.is_whole = is_whole;
        let oldest = self.events.front().map_or(u64::MAX, |event| event.seq);
        for event in events.into_iter().rev().filter(|event| event.seq < oldest) {
            self.bytes += event.bytes();
            self.events.push_front(Arc::new(event));
        }
        while self.is_full() && !self.is_following() {
            self.unseen += u64::from(self.events.pop_back().map(|event| self.bytes -= event.bytes()).is_some());
        }
    }

    /// An event that the filter wants, just committed.
    pub fn add(&mut self, event: &Arc<Event>) {
        if event.seq <= self.through {
            return;
        }
        self.through = event.seq;
        if let Some(fact) = event.completes {
            return self.complete(fact, event);
        }
        if !self.is_following() && (self.unseen > 0 || self.is_full()) {
            self.unseen += 1;
            return;
        }
        self.push(Arc::clone(event));
        self.shrink();
    }

    /// Moves the cursor; at the newest it follows again. Whether more must be read: what lies before the oldest, or the newest.
    pub fn step(&mut self, by: isize) -> Step {
        let Some(at) = self.at() else { return Step::Here };
        let to = at.saturating_add_signed(by);
        if to >= self.events.len() {
            return self.follow();
        }
        self.cursor = self.events.get(to).map(|event| event.seq);
        if to == 0 && !self.is_whole { Step::Older } else { Step::Here }
    }

    /// To the newest, and on with it.
    pub fn follow(&mut self) -> Step {
        (self.cursor, self.top) = (None, None);
        if self.unseen > 0 { Step::Newest } else { Step::Here }
    }

    /// Stands still where it is.
    pub fn hold(&mut self) {
        self.cursor = self.current().map(|event| event.seq);
    }

    pub fn go_to_oldest(&mut self) -> Step {
        self.step(isize::MIN)
    }

    /// The first event to show on `height` rows, moved as little as the cursor asks for.
    pub fn first_shown(&self, height: usize) -> usize {
        let last = self.events.len().saturating_sub(height);
        match (self.at(), self.top) {
            (Some(at), Some(top)) if !self.is_following() => self.index(top).min(last).clamp((at + 1).saturating_sub(height), at),
            (Some(at), None) if !self.is_following() => last.min(at),
            _ => last,
        }
    }

    /// Keeps what is shown first now where it is.
    pub fn settle(&mut self, height: usize) {
        self.top = if self.is_following() { None } else { self.events.get(self.first_shown(height)).map(|event| event.seq) };
    }

    fn push(&mut self, event: Arc<Event>) {
        self.through = self.through.max(event.seq);
        self.bytes += event.bytes();
        self.events.push_back(event);
    }

    /// What later reports brought is shown with the fact.
    fn complete(&mut self, fact: u64, later: &Event) {
        let at = self.index(fact);
        if let Some(event) = self.events.get_mut(at).filter(|event| event.seq == fact) {
            self.bytes -= event.bytes();
            Arc::make_mut(event).complete_with(later);
            self.bytes += event.bytes();
        }
    }

    fn index(&self, seq: u64) -> usize {
        self.events.partition_point(|event| event.seq < seq)
    }

    fn is_full(&self) -> bool {
        self.events.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX
    }

    fn shrink(&mut self) {
        while self.is_following() && self.is_full() && self.events.len() > 1 {
            if let Some(event) = self.events.pop_front() {
                self.bytes -= event.bytes();
                self.is_whole = false;
            }
        }
    }
}

/// What a step of the cursor asks of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Here,
    Older,
    Newest,
}

#[cfg(test)]
mod tests {
    use crate::{
        event::{Draft, EventType, Time},
        text::Redactor,
    };

    use super::*;

    fn event(seq: u64) -> Event {
        let now = Time::from_micros(1_000_000);
        Draft::new(EventType::Output, "a").check(now, &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
    }

    fn seqs(log: &Log) -> Vec<u64> {
        log.events().iter().map(|event| event.seq).collect()
    }

    fn log(seqs: std::ops::RangeInclusive<u64>) -> Log {
        let mut log = Log::default();
        let through = *seqs.end();
        log.replace(seqs.map(event).collect(), through, false);
        log
    }

    #[test]
    fn a_page_and_what_came_meanwhile_are_joined_without_gap_or_repeat() {
        let mut log = Log::default();
        for seq in [4, 5, 6] {
            log.add(&Arc::new(event(seq)));
        }
        log.replace([2, 4, 5].map(event).into(), 5, false);
        assert_eq!(seqs(&log), [2, 4, 5, 6]);
        log.add(&Arc::new(event(6)));
        log.add(&Arc::new(event(7)));
        assert_eq!(seqs(&log), [2, 4, 5, 6, 7]);
    }

    #[test]
    fn it_follows_until_the_cursor_goes_up_and_again_when_it_reaches_the_end() {
        let mut log = log(1..=5);
        assert_eq!((log.at(), log.is_following()), (Some(4), true));
        assert_eq!(log.step(-1), Step::Here);
        log.add(&Arc::new(event(6)));
        assert_eq!((log.at(), log.is_following()), (Some(3), false));
        assert_eq!(log.step(9), Step::Here);
        assert_eq!((log.at(), log.is_following()), (Some(5), true));
    }

    #[test]
    fn the_top_asks_for_what_lies_before_it() {
        let mut log = log(11..=15);
        assert_eq!(log.go_to_oldest(), Step::Older);
        log.prepend((6..=10).map(event).collect(), true);
        assert_eq!((seqs(&log), log.at()), ((6..=15).collect(), Some(5)));
        assert_eq!(log.go_to_oldest(), Step::Here);
    }

    #[test]
    fn memory_is_bounded_following_or_not() {
        let mut log = log(1..=10);
        for seq in 11..=10_000 {
            log.add(&Arc::new(event(seq)));
        }
        assert!(log.events().len() <= KEPT_MAX && log.events().back().is_some_and(|event| event.seq == 10_000));
        log.step(-100);
        for seq in 10_001..=20_000 {
            log.add(&Arc::new(event(seq)));
        }
        assert!(log.events().len() <= KEPT_MAX + 1 && log.unseen() >= 9_999);
        assert_eq!(log.follow(), Step::Newest);
    }

    #[test]
    fn standing_still_the_screen_moves_no_more_than_the_cursor_asks() {
        let mut log = log(1..=100);
        assert_eq!(log.first_shown(10), 90);
        log.step(-5);
        log.settle(10);
        assert_eq!(log.first_shown(10), 90);
        log.step(-5);
        log.settle(10);
        assert_eq!(log.first_shown(10), 89);
        log.step(3);
        log.settle(10);
        assert_eq!(log.first_shown(10), 89);
    }
}
