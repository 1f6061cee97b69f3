//! The events on the screen: a window of what the filter wants, oldest first, that follows or stands still. A row is an act:
//! what another event tells has none of its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    event::Event,
    story::{Act, acts},
};

/// What a following window keeps to scroll back in without asking the history.
const KEPT_MAX: usize = 2000;
/// The same in bytes of JSON: an event may be large.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// The same of completing events whose facts are not here, while the first page is read.
const COMPLETIONS_MAX: usize = 256;
/// How far around an event others of its act are looked for, and of its coder how many on each side. Acts are twice as near.
const ACT_NEAR: usize = 256;
const ACT_EVENTS: usize = 24;

#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Events that are told by another one: seq by seq.
    told_by: HashMap<u64, u64>,
    /// Everything up to here was looked at.
    through: u64,
    /// The event the cursor is on; none: the newest, whichever that is.
    cursor: Option<u64>,
    /// Before which seq more is to be looked for; none where nothing is.
    older: Option<u64>,
    /// Came before the facts they add to were read.
    completions: VecDeque<Arc<Event>>,
    /// The newest are not here: they came while the window was full and stood still.
    unseen: u64,
    /// The event shown first, while standing still.
    top: Option<u64>,
}

impl EventLog {
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

    /// Places of the events that have a row.
    pub fn rows(&self) -> Vec<usize> {
        let has_row = |event: &Arc<Event>| self.told_by.get(&event.seq).is_none_or(|&teller| !self.holds(teller));
        self.events.iter().enumerate().filter(|(_, event)| has_row(event)).map(|(at, _)| at).collect()
    }

    /// The acts of so many rows from one on.
    pub fn shown(&self, first: usize, height: usize) -> Vec<Act<'_>> {
        let mut folded: HashMap<u64, Vec<&Event>> = HashMap::new();
        for event in &self.events {
            if let Some(teller) = self.told_by.get(&event.seq) {
                folded.entry(*teller).or_default().push(event);
            }
        }
        let act = |at: usize| {
            let event: &Event = &self.events[at];
            Act { event, folded: folded.remove(&event.seq).unwrap_or_default() }
        };
        self.rows().into_iter().skip(first).take(height).map(act).collect()
    }

    /// The row of the cursor.
    pub fn at(&self) -> Option<usize> {
        self.row_of_cursor(&self.rows())
    }

    fn row_of_cursor(&self, rows: &[usize]) -> Option<usize> {
        let last = rows.len().checked_sub(1)?;
        Some(self.cursor.map_or(last, |seq| self.row(rows, seq).min(last)))
    }

    /// The event under the cursor.
    pub fn current(&self) -> Option<&Arc<Event>> {
        let rows = self.rows();
        self.row_of_cursor(&rows).and_then(|at| self.events.get(rows[at]))
    }

    /// Before which seq more is to be looked for.
    pub fn older(&self) -> Option<u64> {
        self.older
    }

    /// Whether more than what is here may be kept.
    pub fn has_room(&self) -> bool {
        !self.is_full()
    }

    /// The newest of the history up to `through`, in place of all that is here and was looked at before.
    pub fn replace(&mut self, events: Vec<Event>, through: u64, older: Option<u64>) {
        let later: Vec<_> = self.events.drain(..).filter(|event| event.seq > through).collect();
        let completions = std::mem::take(&mut self.completions);
        let seen = self.through.max(through);
        *self = EventLog { through: seen, older, ..EventLog::default() };
        events.into_iter().map(Arc::new).chain(later).for_each(|event| self.push(event));
        for later in completions.iter().filter(|event| event.seq > through) {
            self.complete(later);
        }
        self.fold_all();
        self.shrink();
    }

    /// What lies before the oldest, oldest first, as far as there is room.
    pub fn prepend(&mut self, events: Vec<Event>, older: Option<u64>) {
        self.put_before(events, older);
        self.fold_all();
    }

    fn put_before(&mut self, events: Vec<Event>, older: Option<u64>) {
        self.older = older;
        let oldest = self.events.front().map_or(u64::MAX, |event| event.seq);
        let is_reading = !self.is_following();
        for event in events.into_iter().rev().filter(|event| event.seq < oldest) {
            // Whoever scrolls back leaves the newest behind, but never the event under the cursor.
            while is_reading
                && self.is_full()
                && let Some(newest) = self.events.pop_back_if(|newest| Some(newest.seq) > self.cursor)
            {
                self.bytes -= newest.bytes();
                self.unseen += 1;
            }
            if self.is_full() {
                self.older = self.events.front().map(|front| front.seq);
                return;
            }
            self.bytes += event.bytes();
            self.events.push_front(Arc::new(event));
        }
    }

    /// An event that the filter wants, just committed.
    pub fn add(&mut self, event: &Arc<Event>) {
        if event.seq <= self.through {
            return;
        }
        self.through = event.seq;
        if event.completes.is_some() {
            return self.complete(event);
        }
        if !self.is_following() && (self.unseen > 0 || self.is_full()) {
            self.unseen += 1;
            return;
        }
        self.push(Arc::clone(event));
        self.fold_near(self.events.len() - 1);
        self.shrink();
    }

    /// Moves the cursor; at the newest it follows again. Whether more must be read: what lies before the oldest, or the newest.
    pub fn step(&mut self, by: isize) -> CursorStep {
        let rows = self.rows();
        let Some(at) = self.row_of_cursor(&rows) else { return CursorStep::Here };
        let (to, last) = (at.saturating_add_signed(by), rows.len() - 1);
        if to > last && self.unseen == 0 {
            return self.follow();
        }
        // What lies behind the last one is not here: it is not passed over in silence.
        let to = to.min(last);
        self.cursor = self.events.get(rows[to]).map(|event| event.seq);
        if to == 0 && self.older.is_some() { CursorStep::Older } else { CursorStep::Here }
    }

    /// To this event, if it is here.
    pub fn go_to(&mut self, seq: u64) {
        if self.events.get(self.index(seq)).is_some_and(|event| event.seq == seq) {
            self.cursor = Some(seq);
        }
    }

    /// To the newest, and on with it.
    pub fn follow(&mut self) -> CursorStep {
        (self.cursor, self.top) = (None, None);
        if self.unseen > 0 { CursorStep::Newest } else { CursorStep::Here }
    }

    /// Stands still where it is.
    pub fn hold(&mut self) {
        self.cursor = self.current().map(|event| event.seq);
    }

    pub fn go_to_oldest(&mut self) -> CursorStep {
        self.step(isize::MIN)
    }

    /// The first row to show of `height`, moved as little as the cursor asks for.
    pub fn first_shown(&self, height: usize) -> usize {
        let (height, rows) = (height.max(1), self.rows());
        let last = rows.len().saturating_sub(height);
        match (self.row_of_cursor(&rows), self.top) {
            (Some(at), Some(top)) if !self.is_following() => {
                self.row(&rows, top).min(last).clamp((at + 1).saturating_sub(height), at)
            }
            (Some(at), None) if !self.is_following() => last.min(at),
            _ => last,
        }
    }

    /// Keeps what is shown first now where it is.
    pub fn settle(&mut self, height: usize) {
        let first = self.rows().get(self.first_shown(height)).copied();
        self.top = first.filter(|_| !self.is_following()).and_then(|at| self.events.get(at)).map(|event| event.seq);
    }

    fn push(&mut self, event: Arc<Event>) {
        self.through = self.through.max(event.seq);
        self.bytes += event.bytes();
        self.events.push_back(event);
    }

    /// What later reports brought is shown with the fact.
    fn complete(&mut self, later: &Arc<Event>) {
        let Some(fact) = later.completes else { return };
        let at = self.index(fact);
        match self.events.get_mut(at).filter(|event| event.seq == fact) {
            Some(event) => {
                self.bytes -= event.bytes();
                Arc::make_mut(event).complete_with(later);
                self.bytes += event.bytes();
                self.fold_near(at);
            }
            None if self.completions.len() < COMPLETIONS_MAX => self.completions.push_back(Arc::clone(later)),
            None => {}
        }
    }

    fn index(&self, seq: u64) -> usize {
        self.events.partition_point(|event| event.seq < seq)
    }

    fn holds(&self, seq: u64) -> bool {
        self.events.front().is_some_and(|event| event.seq <= seq) && self.events.back().is_some_and(|event| event.seq >= seq)
    }

    /// The row that tells the event.
    fn row(&self, rows: &[usize], seq: u64) -> usize {
        let seq = self.told_by.get(&seq).copied().filter(|&teller| self.holds(teller)).unwrap_or(seq);
        rows.partition_point(|&at| self.events[at].seq < seq)
    }

    fn fold_all(&mut self) {
        let told = acts(self.events.iter().map(|event| &**event));
        self.told_by = told.iter().flat_map(|act| act.folded.iter().map(|event| (event.seq, act.event.seq))).collect();
    }

    /// The event came or changed: it may tell others of its coder, and they it.
    fn fold_near(&mut self, at: usize) {
        let coder_id = &self.events[at].coder_id;
        let is_of_coder = |other: &usize| self.events[*other].coder_id == *coder_id;
        let before = (at.saturating_sub(ACT_NEAR)..at).rev().filter(is_of_coder).take(ACT_EVENTS);
        let behind = (at..self.events.len().min(at + ACT_NEAR)).filter(is_of_coder).take(ACT_EVENTS);
        let mut near: Vec<usize> = before.chain(behind).collect();
        near.sort_unstable();
        // Those at the ends may be told by some that are not looked at here.
        let place = near.partition_point(|&other| other < at);
        let judged = near[place.saturating_sub(ACT_EVENTS / 2)..near.len().min(place + ACT_EVENTS / 2)].iter();
        let judged: Vec<u64> = judged.map(|&other| self.events[other].seq).collect();
        let told = acts(near.iter().map(|&other| &*self.events[other]));
        let told_by: HashMap<u64, u64> =
            told.iter().flat_map(|act| act.folded.iter().map(|event| (event.seq, act.event.seq))).collect();
        for seq in judged {
            match told_by.get(&seq) {
                Some(&teller) => drop(self.told_by.insert(seq, teller)),
                None => drop(self.told_by.remove(&seq)),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX
    }

    fn shrink(&mut self) {
        while self.is_following() && self.is_full() && self.events.len() > 1 {
            if let Some(event) = self.events.pop_front() {
                self.bytes -= event.bytes();
                self.told_by.remove(&event.seq);
                self.older = self.events.front().map(|front| front.seq);
            }
        }
    }
}

/// What a step of the cursor asks of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorStep {
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

    fn seqs(log: &EventLog) -> Vec<u64> {
        log.events().iter().map(|event| event.seq).collect()
    }

    fn log(seqs: std::ops::RangeInclusive<u64>) -> EventLog {
        let mut log = EventLog::default();
        let through = *seqs.end();
        log.replace(seqs.map(event).collect(), through, Some(1));
        log
    }

    #[test]
    fn a_page_and_what_came_meanwhile_are_joined_without_gap_or_repeat() {
        let mut log = EventLog::default();
        for seq in [4, 5, 6] {
            log.add(&Arc::new(event(seq)));
        }
        log.replace([2, 4, 5].map(event).into(), 5, Some(2));
        assert_eq!(seqs(&log), [2, 4, 5, 6]);
        log.add(&Arc::new(event(6)));
        log.add(&Arc::new(event(7)));
        assert_eq!(seqs(&log), [2, 4, 5, 6, 7]);
    }

    #[test]
    fn it_follows_until_the_cursor_goes_up_and_again_when_it_reaches_the_end() {
        let mut log = log(1..=5);
        assert_eq!((log.at(), log.is_following()), (Some(4), true));
        assert_eq!(log.step(-1), CursorStep::Here);
        log.add(&Arc::new(event(6)));
        assert_eq!((log.at(), log.is_following()), (Some(3), false));
        assert_eq!(log.step(9), CursorStep::Here);
        assert_eq!((log.at(), log.is_following()), (Some(5), true));
    }

    #[test]
    fn the_top_asks_for_what_lies_before_it() {
        let mut log = log(11..=15);
        assert_eq!(log.go_to_oldest(), CursorStep::Older);
        log.prepend((6..=10).map(event).collect(), None);
        assert_eq!((seqs(&log), log.at()), ((6..=15).collect(), Some(5)));
        assert_eq!(log.go_to_oldest(), CursorStep::Here);
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
        assert_eq!(log.follow(), CursorStep::Newest);
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

    #[test]
    fn a_completion_that_came_before_its_fact_is_kept_for_it() {
        let later = |seq: u64, completes: u64, text: &str| {
            let mut event = Event { completes: Some(completes), ..event(seq) };
            event.data.insert("later".into(), text.into());
            Arc::new(event)
        };
        let mut log = EventLog::default();
        // The page was read in between: the first lies in it already.
        log.add(&later(4, 2, "known"));
        log.add(&later(6, 2, "new"));
        log.replace([1, 2, 3].map(event).into(), 5, None);
        assert_eq!(log.events()[1].data.get("later"), Some(&"new".into()));
        log.add(&later(7, 3, "live"));
        assert_eq!(log.events()[2].data.get("later"), Some(&"live".into()));
    }

    #[test]
    fn scrolling_back_through_large_events_keeps_them_in_a_row() {
        let large = |seq: u64| {
            let mut event = event(seq);
            event.data.insert("x".into(), "x".repeat(200_000).into());
            event
        };
        let mut log = EventLog::default();
        log.replace((401..=440).map(large).collect(), 440, Some(401));
        let mut oldest = 401;
        while oldest > 300 {
            assert_eq!(log.go_to_oldest(), CursorStep::Older);
            let before = log.older().expect("there is more");
            assert_eq!(before, oldest);
            log.prepend((before - 50..before).map(large).collect(), Some(before - 50));
            let seqs = seqs(&log);
            assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
            assert!(seqs.contains(&oldest) && seqs[0] < oldest, "{seqs:?} lost {oldest}");
            oldest = seqs[0];
        }
        // Down again: it stops where what follows is not here, and says how much that is.
        assert_eq!((log.step(10_000), log.is_following()), (CursorStep::Here, false));
        assert!(log.unseen() > 0);
        assert_eq!(log.follow(), CursorStep::Newest);
    }

    #[test]
    fn no_height_breaks_it() {
        let mut log = log(1..=5);
        log.step(-1);
        for height in 0..8 {
            log.settle(height);
            assert!(log.first_shown(height) < 5);
        }
    }
}
