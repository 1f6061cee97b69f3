//! What a person should know of until they have seen it; and what they have seen, in case they want it back.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    event::{Event, EventType, Time},
    filter::TypeSet,
};

/// Alerts kept until they were seen, the newest of them; and as many that were.
const KEPT_MAX: usize = 100;
/// Seqs of alerts that were seen: the last hour's are read once more now and then.
const SEEN_MAX: usize = 1000;

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub event: Arc<Event>,
    pub seen_at: Option<Time>,
}

impl Alert {
    pub fn is_severe(&self) -> bool {
        self.event.kind == EventType::FailureAlert
    }
}

#[derive(Debug, Default)]
pub struct Alerts {
    /// In order of seq.
    unseen: Vec<Alert>,
    /// In the order in which they were seen.
    seen: Vec<Alert>,
    seen_seqs: BTreeSet<u64>,
}

impl Alerts {
    /// What is to be known of: alerts, and that they were seen.
    pub fn types() -> TypeSet {
        TypeSet::of(&[EventType::FailureAlert, EventType::SystemWarning, EventType::Seen])
    }

    /// Takes an event, whichever.
    pub fn add(&mut self, event: &Event) {
        match event.kind {
            EventType::FailureAlert | EventType::SystemWarning if !self.seen_seqs.contains(&event.seq) => {
                self.put(Alert { event: Arc::new(event.clone()), seen_at: None });
            }
            EventType::Seen => self.see_before(event),
            _ => {}
        }
    }

    /// Those that are not seen, the newest first; then the seen ones, the last seen first.
    pub fn all(&self) -> impl Iterator<Item = &Alert> {
        self.unseen.iter().rev().chain(self.seen.iter().rev())
    }

    pub fn newest(&self) -> Option<&Alert> {
        self.unseen.last()
    }

    /// How many are not seen.
    pub fn len(&self) -> usize {
        self.unseen.len()
    }

    pub fn is_empty(&self) -> bool {
        self.unseen.is_empty()
    }

    /// The newest was seen; the one before it is shown then. Whose it was.
    pub fn see_newest(&mut self, now: Time) -> Option<String> {
        let newest = self.unseen.last()?;
        let (seq, coder_id) = (newest.event.seq, newest.event.coder_id.clone());
        self.see(now, |alert| alert.event.seq == seq);
        Some(coder_id)
    }

    /// Those of this coder were seen.
    pub fn see_of(&mut self, coder_id: &str, now: Time) {
        self.see(now, |alert| alert.event.coder_id == coder_id);
    }

    pub fn see_all(&mut self, now: Time) {
        self.see(now, |_| true);
    }

    /// It is not seen after all.
    pub fn show_again(&mut self, seq: u64) {
        if let Some(place) = self.seen.iter().position(|alert| alert.event.seq == seq) {
            let alert = self.seen.remove(place);
            self.seen_seqs.remove(&seq);
            self.put(Alert { seen_at: None, ..alert });
        }
    }

    /// Somebody saw to the coder, here or elsewhere: to what it had until then.
    fn see_before(&mut self, seen: &Event) {
        self.see(seen.timestamp, |alert| alert.event.coder_id == seen.coder_id && alert.event.seq < seen.seq);
    }

    fn put(&mut self, alert: Alert) {
        if let Err(place) = self.unseen.binary_search_by_key(&alert.event.seq, |alert| alert.event.seq) {
            self.unseen.insert(place, alert);
            if self.unseen.len() > KEPT_MAX {
                self.unseen.remove(0);
            }
        }
    }

    fn see(&mut self, now: Time, which: impl Fn(&Alert) -> bool) {
        let (seen, unseen): (Vec<Alert>, _) = std::mem::take(&mut self.unseen).into_iter().partition(which);
        self.unseen = unseen;
        self.seen_seqs.extend(seen.iter().map(|alert| alert.event.seq));
        self.seen.extend(seen.into_iter().map(|alert| Alert { seen_at: Some(now), ..alert }));
        self.seen.drain(..self.seen.len().saturating_sub(KEPT_MAX));
        while self.seen_seqs.len() > SEEN_MAX {
            self.seen_seqs.pop_first();
        }
    }
}
