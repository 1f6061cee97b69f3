//! Counts over the whole history.

use serde::{Deserialize, Serialize};

use crate::event::{Event, Micros, Time};

use super::{Tally, arrivals::Arrivals, latest::keep, latest::keep_of};

/// Counts over the whole history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    #[serde(rename = "n")]
    tally: Tally,
    #[serde(rename = "z", skip_serializing_if = "Option::is_none")]
    last_event: Option<Micros>,
    #[serde(rename = "a", skip_serializing_if = "Arrivals::is_empty")]
    arrivals: Arrivals,
}

impl Totals {
    pub fn fold(&mut self, event: &Event) {
        self.tally.fold(event);
        self.fold_moment(event);
    }

    /// As [`Tally::fold_without_parts`].
    pub fn fold_without_parts(&mut self, event: &Event) {
        self.tally.fold_without_parts(event);
        self.fold_moment(event);
    }

    fn fold_moment(&mut self, event: &Event) {
        if event.completes.is_none() {
            keep(&mut self.last_event, event.timestamp.micros());
            self.arrivals.add(event.received_at);
        }
    }

    pub fn merge(&mut self, other: &Totals) {
        self.tally.merge(&other.tally);
        keep_of(&mut self.last_event, &other.last_event);
        self.arrivals.merge(&other.arrivals);
    }

    /// Events received in the 60 seconds up to `now`, to the second; `None` where the clock was set back, and only the
    /// events themselves know.
    pub fn events_per_minute(&self, now: Time) -> Option<f64> {
        (!self.arrivals.is_ahead_of(now)).then(|| self.arrivals.last_minute(now) as f64)
    }

    /// The latest event time.
    pub fn last_event(&self) -> Option<Time> {
        self.last_event.map(Time::from_micros)
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}
