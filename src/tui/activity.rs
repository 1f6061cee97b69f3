//! Events of each coder in each of the last minutes.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{
    event::{Event, Micros, Time},
    history::{Minute, Minutes},
};

/// Minutes that are shown.
pub const MINUTES: usize = 20;
/// Coders whose minutes are kept: those on the screen, and some that are not there yet.
const CODERS_MAX: usize = 2000;
/// Events counted here of which a reading that is under way may not know.
const RECENT_MAX: usize = 4096;

#[derive(Debug, Default)]
pub struct Activity {
    of_coders: HashMap<String, BTreeMap<Time, u64>>,
    of_all: BTreeMap<Time, u64>,
    /// The newest seq that was counted by the history.
    through: u64,
    /// What was counted here last: seq, coder, minute.
    recent: VecDeque<(u64, String, Time)>,
}

impl Activity {
    /// Counts an event that was just committed, once.
    pub fn add(&mut self, event: &Event) {
        if event.seq <= self.through || event.completes.is_some() {
            return;
        }
        let minute = event.timestamp.floor(Time::MINUTE);
        self.count(&event.coder_id, minute, 1);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((event.seq, event.coder_id.clone(), minute));
    }

    /// What the history counted, and what came since.
    pub fn replace(&mut self, read: Minutes) {
        let recent = std::mem::take(&mut self.recent);
        *self = Activity { through: read.through, ..Activity::default() };
        for Minute { coder_id, start, events } in read.minutes {
            self.count(&coder_id, start, events);
        }
        for (_, coder_id, minute) in recent.iter().filter(|(seq, ..)| *seq > read.through) {
            self.count(coder_id, *minute, 1);
        }
        self.recent = recent;
    }

    /// Forgets what is not shown any more, and, where there are too many, whom `is_shown` does not know.
    pub fn forget(&mut self, now: Time, is_shown: impl Fn(&str) -> bool) {
        let from = now.floor(Time::MINUTE).plus(-(MINUTES as Micros) * Time::MINUTE);
        let too_many = self.of_coders.len() > CODERS_MAX;
        self.of_all = self.of_all.split_off(&from);
        self.of_coders.retain(|coder_id, minutes| {
            *minutes = minutes.split_off(&from);
            !minutes.is_empty() && (!too_many || is_shown(coder_id))
        });
    }

    /// A coder's, the oldest minute first.
    pub fn of(&self, coder_id: &str, now: Time) -> [u64; MINUTES] {
        self.of_coders.get(coder_id).map_or([0; MINUTES], |minutes| counts(minutes, now))
    }

    pub fn of_all(&self, now: Time) -> [u64; MINUTES] {
        counts(&self.of_all, now)
    }

    fn count(&mut self, coder_id: &str, minute: Time, events: u64) {
        *self.of_all.entry(minute).or_default() += events;
        if !self.of_coders.contains_key(coder_id) {
            self.of_coders.insert(coder_id.to_owned(), BTreeMap::new());
        }
        if let Some(minutes) = self.of_coders.get_mut(coder_id) {
            *minutes.entry(minute).or_default() += events;
        }
    }
}

fn counts(minutes: &BTreeMap<Time, u64>, now: Time) -> [u64; MINUTES] {
    let mut counts = [0; MINUTES];
    for (back, count) in (0..).zip(counts.iter_mut().rev()) {
        let start = now.floor(Time::MINUTE).plus(-back * Time::MINUTE);
        *count = minutes.get(&start).copied().unwrap_or(0);
    }
    counts
}

#[cfg(test)]
mod tests {
    use crate::{
        event::{Draft, EventType},
        text::Redactor,
    };

    use super::*;

    fn now() -> Time {
        Time::from_micros(100 * Time::HOUR)
    }

    fn event(seq: u64) -> Event {
        let draft = Draft::new(EventType::Output, "a");
        draft.check(now(), &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
    }

    #[test]
    fn each_event_counts_once_whoever_counted_it_first() {
        let mut activity = Activity::default();
        (1..=5).for_each(|seq| activity.add(&event(seq)));
        // Read when 4 was the newest: the fifth came here before the answer did.
        let minute = Minute { coder_id: "a".into(), start: now(), events: 4 };
        activity.replace(Minutes { through: 4, minutes: vec![minute.clone()] });
        assert_eq!(activity.of("a", now())[MINUTES - 1], 5);
        // Read when 7 was the newest: the bus hands out the last two later.
        activity.replace(Minutes { through: 7, minutes: vec![Minute { events: 7, ..minute }] });
        (6..=8).for_each(|seq| activity.add(&event(seq)));
        assert_eq!((activity.of("a", now())[MINUTES - 1], activity.of_all(now())[MINUTES - 1]), (8, 8));
    }

    #[test]
    fn what_is_over_is_forgotten_and_memory_is_bounded() {
        let mut activity = Activity::default();
        for seq in 1..=10_000 {
            activity.add(&Event { coder_id: format!("c{seq}"), ..event(seq) });
        }
        activity.forget(now(), |coder_id| coder_id == "c7");
        assert_eq!((activity.of_coders.len(), activity.of("c7", now())[MINUTES - 1]), (1, 1));
        assert_eq!(activity.of_all(now())[MINUTES - 1], 10_000);
        activity.forget(now().plus(Time::HOUR), |_| true);
        assert!(activity.of_coders.is_empty() && activity.of_all.is_empty() && activity.recent.len() <= RECENT_MAX);
    }
}
