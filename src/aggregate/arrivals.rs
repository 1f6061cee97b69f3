//! How many events arrived in each of the last seconds: what a true rate is read from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Time;

/// Seconds kept, counted back from the latest one in which anything arrived.
const SECONDS: i64 = 60;

/// Counts by second of receipt.
///
/// What is kept depends on the latest second alone, so folding and merging stay free of order. The price: where the clock
/// was set back by more than a minute, arrivals are not counted here until it has caught up; [`Arrivals::is_ahead_of`]
/// tells, and the rate is then read from the events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Arrivals(BTreeMap<i64, u64>);

impl Arrivals {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, received_at: Time) {
        self.count(second(received_at), 1);
    }

    pub fn merge(&mut self, other: &Arrivals) {
        // Latest first, so that nothing is inserted only to be dropped.
        for (&second, &count) in other.0.iter().rev() {
            self.count(second, count);
        }
    }

    /// How many arrived in the 60 seconds up to and with the one `now` lies in; what lies ahead of `now` is not counted.
    pub fn last_minute(&self, now: Time) -> u64 {
        let last = second(now);
        self.0.range(last - (SECONDS - 1)..=last).fold(0, |sum, (_, &count)| sum.saturating_add(count))
    }

    /// Whether something arrived later than `now`.
    pub fn is_ahead_of(&self, now: Time) -> bool {
        self.0.last_key_value().is_some_and(|(&latest, _)| latest > second(now))
    }

    fn count(&mut self, second: i64, count: u64) {
        let latest = self.0.last_key_value().map_or(second, |(&latest, _)| latest.max(second));
        let oldest = latest - (SECONDS - 1);
        if second < oldest {
            return;
        }
        let sum = self.0.entry(second).or_default();
        *sum = sum.saturating_add(count);
        while self.0.first_entry().is_some_and(|first| *first.key() < oldest) {
            self.0.pop_first();
        }
    }
}

fn second(time: Time) -> i64 {
    time.micros().div_euclid(Time::SECOND)
}
