//! Registers that keep what was said last, whatever the order in which it is heard.
//!
//! Each is ordered by all it holds, time first. Keeping the greater of two is then associative and commutative even
//! where times or ids are equal.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Micros, Status, Time};

/// The longest text a register keeps, in characters: an aggregate is rewritten with every event, and the whole text
/// stays readable in the history.
const TEXT_CHARS_MAX: usize = 500;

/// A value, and when and by which event it was said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Latest<V>(Micros, Box<str>, V);

impl<V> Latest<V> {
    pub fn new(event: &Event, value: V) -> Latest<V> {
        Latest(event.timestamp.micros(), event.id.as_str().into(), value)
    }

    pub fn at(&self) -> Time {
        Time::from_micros(self.0)
    }

    pub fn value(&self) -> &V {
        &self.2
    }

    /// Whether it was said after `mark`.
    pub fn is_after(&self, mark: &Latest<()>) -> bool {
        (self.0, &self.1) > (mark.0, &mark.1)
    }
}

/// A step of a coder's life: when, its rank among steps of the same instant, by which event, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Step(Micros, u8, Box<str>, Status);

impl Step {
    pub fn new(event: &Event, rank: u8, status: Status) -> Step {
        Step(event.timestamp.micros(), rank, event.id.as_str().into(), status)
    }

    pub fn at(&self) -> Time {
        Time::from_micros(self.0)
    }

    pub fn status(&self) -> Status {
        self.3
    }
}

/// A number with a total order, so that it can stand in a register.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Number(pub f64);

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

/// Keeps the greater of the two; nothing is the least of all.
pub(super) fn keep<T: Ord>(held: &mut Option<T>, candidate: T) {
    if held.as_ref().is_none_or(|held| *held < candidate) {
        *held = Some(candidate);
    }
}

/// Keeps the greater of a register and another aggregate's.
pub(super) fn keep_of<T: Ord + Clone>(held: &mut Option<T>, other: &Option<T>) {
    if *held < *other {
        held.clone_from(other);
    }
}

/// Keeps the lesser of the two; nothing is the greatest of all.
pub(super) fn keep_least<T: Ord + Copy>(held: &mut Option<T>, candidate: Option<T>) {
    *held = match (*held, candidate) {
        (Some(held), Some(candidate)) => Some(held.min(candidate)),
        (held, candidate) => held.or(candidate),
    };
}

/// Keeps what was said first.
pub(super) fn keep_first<V: Ord>(held: &mut Option<Latest<V>>, candidate: Latest<V>) {
    if held.as_ref().is_none_or(|held| candidate < *held) {
        *held = Some(candidate);
    }
}

/// Keeps what `event` says in a text, if it says anything; its end is cut where it is long.
pub(super) fn keep_text(held: &mut Option<Latest<String>>, event: &Event, text: Option<&str>) {
    let Some(text) = text else { return };
    let may_win = |held: &Latest<String>| (held.0, &*held.1) <= (event.timestamp.micros(), event.id.as_str());
    if held.as_ref().is_none_or(may_win) {
        keep(held, Latest::new(event, cut(text, TEXT_CHARS_MAX)));
    }
}

/// At most `chars_max` characters of `text`, an ellipsis included where some are missing.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}
