//! What a person should know of until they have seen it.

use std::collections::BTreeSet;

use crate::event::{Event, EventType, Time, sentence};

/// Alerts kept until they were seen, the newest of them.
const KEPT_MAX: usize = 100;
/// Seqs of alerts that were seen: the last hour's are read once more now and then.
const SEEN_MAX: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub seq: u64,
    pub coder_id: String,
    pub at: Time,
    pub text: String,
    pub is_severe: bool,
}

#[derive(Debug, Default)]
pub struct Alerts {
    /// In order of seq.
    unseen: Vec<Alert>,
    seen: BTreeSet<u64>,
}

impl Alerts {
    /// Takes an event, whichever; `name` is what its coder is called.
    pub fn add(&mut self, event: &Event, name: &str) {
        let is_severe = match event.kind {
            EventType::FailureAlert => true,
            EventType::SystemWarning => false,
            _ => return,
        };
        if self.seen.contains(&event.seq) {
            return;
        }
        let Err(place) = self.unseen.binary_search_by_key(&event.seq, |alert| alert.seq) else { return };
        let text = format!("{name}: {}", sentence(event));
        self.unseen
            .insert(place, Alert { seq: event.seq, coder_id: event.coder_id.clone(), at: event.timestamp, text, is_severe });
        if self.unseen.len() > KEPT_MAX {
            self.unseen.remove(0);
        }
    }

    pub fn newest(&self) -> Option<&Alert> {
        self.unseen.last()
    }

    pub fn len(&self) -> usize {
        self.unseen.len()
    }

    pub fn is_empty(&self) -> bool {
        self.unseen.is_empty()
    }

    /// The newest was seen; the one before it is shown then. Whose it was.
    pub fn see_newest(&mut self) -> Option<String> {
        let newest = self.unseen.pop()?;
        let coder_id = newest.coder_id.clone();
        self.remember([newest]);
        Some(coder_id)
    }

    /// Those of this coder were seen.
    pub fn see_of(&mut self, coder_id: &str) {
        let (seen, unseen) = std::mem::take(&mut self.unseen).into_iter().partition(|alert| alert.coder_id == coder_id);
        self.unseen = unseen;
        self.remember::<Vec<Alert>>(seen);
    }

    pub fn see_all(&mut self) {
        let all = std::mem::take(&mut self.unseen);
        self.remember(all);
    }

    fn remember<S: IntoIterator<Item = Alert>>(&mut self, seen: S) {
        self.seen.extend(seen.into_iter().map(|alert| alert.seq));
        while self.seen.len() > SEEN_MAX {
            self.seen.pop_first();
        }
    }
}
