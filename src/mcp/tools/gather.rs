//! What a watcher has gathered so far, and when that is an answer. Pure.

use std::{collections::VecDeque, sync::Arc};

use serde::Serialize;

use crate::{
    aggregate::Until,
    event::{Event, Micros, Time},
    filter::TypeSet,
    history::{Missed, Position, Query},
};

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::mcp) enum WatchEnded {
    /// Something came.
    Events,
    /// What was waited for came, or was so already.
    Until,
    /// Nothing did in time: call again with the new cursor.
    Timeout,
    /// As many came as were asked for; more may lie after the cursor.
    MaxEvents,
    /// The cursor leads nowhere: above the newest event, in another history, or nothing is left of what came after it.
    /// Go on with the new one.
    Gap,
    /// The server ends.
    Shutdown,
    /// No cursor was given: this is the present.
    Now,
}

/// Bytes of events that are held for an answer.
const BYTES_MAX: usize = Query::PAGE_BYTES;

/// Without `until`, the first events after the cursor; with it, the newest before it was met.
#[derive(Debug)]
pub(super) struct Gathering {
    wanted: TypeSet,
    until: Option<Until>,
    events_max: usize,
    events: VecDeque<Arc<Event>>,
    /// Of `events`: an answer shows little of what is large, and holds no more of it either.
    bytes: usize,
    omitted: u64,
    /// Empty where there was none at the start.
    history: String,
    missed: Option<Missed>,
    /// The seq through which everything was looked at.
    through: u64,
    ended: Option<WatchEnded>,
    /// The coders that stand as is waited for.
    met: Vec<String>,
}

impl Gathering {
    pub fn new(wanted: TypeSet, until: Option<Until>, events_max: usize, from: u64) -> Gathering {
        Gathering {
            wanted,
            until,
            events_max,
            events: VecDeque::new(),
            bytes: 0,
            omitted: 0,
            history: String::new(),
            missed: None,
            through: from,
            ended: None,
            met: Vec::new(),
        }
    }

    /// From this history.
    #[must_use]
    pub fn of(mut self, history: String) -> Gathering {
        self.history = history;
        self
    }

    /// Another history may have taken the place of this one during a wait.
    pub fn is_of_another_history_than(&self, position: &Position) -> bool {
        !self.history.is_empty() && self.history != position.history
    }

    /// Takes the next event in order; once the gathering ended, it takes no more.
    pub fn take(&mut self, event: Arc<Event>) {
        if self.ended.is_some() {
            return;
        }
        self.through = event.seq;
        let met = self.until.as_ref().is_some_and(|until| until.is_met_by_event(event.kind));
        if self.wanted.contains(event.kind) || met {
            self.bytes += event.bytes();
            self.events.push_back(event);
        }
        match &self.until {
            None if self.events.len() >= self.events_max => self.ended = Some(WatchEnded::MaxEvents),
            None if self.bytes >= BYTES_MAX => self.ended = Some(WatchEnded::Events),
            None => {}
            Some(_) => {
                let is_full = |it: &Gathering| it.events.len() > it.events_max || (it.bytes > BYTES_MAX && it.events.len() > 1);
                while is_full(self) {
                    self.bytes -= self.events.pop_front().map_or(0, |event| event.bytes());
                    self.omitted += 1;
                }
                if met {
                    self.ended = Some(WatchEnded::Until);
                }
            }
        }
    }

    /// Retention took these before this reader came.
    pub fn miss(&mut self, missed: Missed) {
        if self.ended.is_none() {
            let after = self.missed.map_or(missed.after, |before| before.after);
            self.missed = Some(Missed { after, through: missed.through });
        }
    }

    /// Nothing more comes into it.
    pub fn end(&mut self, ended: WatchEnded) {
        self.ended.get_or_insert(ended);
    }

    /// The same, where what came so far is an answer of its own.
    pub fn end_with_what_came(&mut self, ended: WatchEnded) {
        self.pause();
        self.end(ended);
    }

    /// Everything through this seq was looked at, also what no filter let through.
    pub fn looked_through(&mut self, seq: u64) {
        if self.ended.is_none() {
            self.through = self.through.max(seq);
        }
    }

    /// Until when more is taken than came, where something did and nothing else is waited for: what comes within `span` of
    /// the first one comes with it.
    pub fn gathers_until(&self, span: Micros) -> Option<Time> {
        match (self.ended, &self.until, self.events.front()) {
            (None, None, Some(first)) => Some(first.received_at.plus(span)),
            _ => None,
        }
    }

    /// A pause in the stream: what came is an answer, unless something is waited for.
    pub fn pause(&mut self) -> Option<WatchEnded> {
        if self.ended.is_none() && self.until.is_none() {
            self.ended = match (self.events.is_empty(), self.missed) {
                (false, _) => Some(WatchEnded::Events),
                // Nobody should wait to hear that something is gone.
                (true, Some(_)) => Some(WatchEnded::Gap),
                (true, None) => None,
            };
        }
        self.ended
    }

    /// These coders stand as is waited for.
    pub fn meet(&mut self, coders: Vec<String>) {
        if !coders.is_empty() && self.ended.is_none() {
            (self.ended, self.met) = (Some(WatchEnded::Until), coders);
        }
    }

    pub fn met(&self) -> &[String] {
        &self.met
    }

    pub fn ended(&self) -> Option<WatchEnded> {
        self.ended
    }

    pub fn until(&self) -> Option<&Until> {
        self.until.as_ref()
    }

    pub fn through(&self) -> u64 {
        self.through
    }

    pub fn missed(&self) -> Option<Missed> {
        self.missed
    }

    pub fn events(&self) -> &VecDeque<Arc<Event>> {
        &self.events
    }

    /// How many events came, the omitted ones included.
    pub fn count(&self) -> u64 {
        self.events.len() as u64 + self.omitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Draft, EventType, Time},
        text::Redactor,
    };

    fn event(seq: u64, name: &str) -> Arc<Event> {
        let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
        let kind = EventType::parse(name).expect(name);
        Arc::new(Draft::new(kind, "a").check(now, &Redactor::default()).expect("an event").into_event(seq, format!("id{seq}")))
    }

    fn gather(until: &[&str], events_max: usize, names: &[&str]) -> Gathering {
        let wanted = TypeSet::all_but(&[EventType::Output]);
        let mut gathering = Gathering::new(wanted, Until::parse(until).expect("valid"), events_max, 10);
        for (seq, name) in (11..).zip(names) {
            gathering.take(event(seq, name));
        }
        gathering.pause();
        gathering
    }

    #[test]
    fn ends_where_the_contract_says() {
        let check = |until: &[&str],
                     events_max: usize,
                     names: &[&str],
                     ended: Option<WatchEnded>,
                     seqs: &[u64],
                     omitted: u64,
                     through: u64| {
            let gathering = gather(until, events_max, names);
            let got = gathering.events().iter().map(|event| event.seq).collect::<Vec<_>>();
            assert_eq!(
                (gathering.ended(), &got[..], gathering.omitted, gathering.through()),
                (ended, seqs, omitted, through),
                "{until:?} {events_max} {names:?}"
            );
        };
        check(&[], 3, &[], None, &[], 0, 10);
        check(&[], 3, &["progress"], Some(WatchEnded::Events), &[11], 0, 11);
        check(&[], 3, &["output", "progress"], Some(WatchEnded::Events), &[12], 0, 12);
        check(&[], 3, &["output"], None, &[], 0, 11);
        // What lies behind the last one taken is left for the next call.
        check(&[], 2, &["progress", "progress", "progress"], Some(WatchEnded::MaxEvents), &[11, 12], 0, 12);
        check(&["ai_coder_failed"], 2, &["progress", "progress", "progress"], None, &[12, 13], 1, 13);
        let of_four = ["progress", "progress", "failed", "progress"];
        check(&["ai_coder_failed"], 2, &of_four, Some(WatchEnded::Until), &[12, 13], 1, 13);
        // How the coder stands is not an event's to say.
        check(&["finished"], 2, &of_four, None, &[13, 14], 2, 14);
        // What is waited for is given, also where its type is not wanted otherwise.
        check(&["output"], 2, &["output"], Some(WatchEnded::Until), &[11], 0, 11);
    }

    #[test]
    fn no_more_is_held_than_an_answer_may_show() {
        let large = |seq: u64| {
            let draft = Draft::progress("a", 0.5, "editing", &"x".repeat(200_000));
            let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
            Arc::new(draft.check(now, &Redactor::default()).expect("valid").into_event(seq, format!("id-{seq}")))
        };
        let gathered = |until: &[&str]| {
            let mut gathering = Gathering::new(TypeSet::all_but(&[]), Until::parse(until).expect("valid"), 1000, 0);
            (1..=100).for_each(|seq| gathering.take(large(seq)));
            gathering
        };
        let first = gathered(&[]);
        assert_eq!((first.ended(), first.through()), (Some(WatchEnded::Events), first.count()), "the rest is for the next call");
        assert!(first.bytes < BYTES_MAX + 300_000);
        let newest = gathered(&["failed"]);
        assert_eq!((newest.ended(), newest.through(), newest.count()), (None, 100, 100));
        assert!(newest.bytes <= BYTES_MAX && newest.events().back().is_some_and(|event| event.seq == 100));
    }

    #[test]
    fn what_was_missed_is_told_once_as_a_whole() {
        let mut gathering = gather(&["finished"], 2, &[]);
        gathering.miss(Missed { after: 10, through: 20 });
        gathering.miss(Missed { after: 25, through: 30 });
        // Retention may keep events inside the gap: only they, or what was looked through, move the reader on.
        assert_eq!((gathering.missed(), gathering.through()), (Some(Missed { after: 10, through: 30 }), 10));
        assert_eq!(gathering.pause(), None);
    }

    #[test]
    fn nobody_waits_to_hear_that_everything_is_gone() {
        let mut gathering = gather(&[], 2, &[]);
        gathering.miss(Missed { after: 10, through: 20 });
        assert_eq!(gathering.pause(), Some(WatchEnded::Gap));
    }
}
