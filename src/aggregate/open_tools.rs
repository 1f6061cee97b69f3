//! The calls of tools that began and have not ended.
//!
//! A call that begins counts one, its end takes one away, and what began before a turn or a process was over is over too. So
//! it is a merge of contributions like the rest: the end may be heard of in another part of the history than the beginning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Body, Event, EventType, Lifecycle, Micros, Time};

use super::latest::{cut, keep, keep_of};

/// An agent runs a handful of tools at once. Of more, which are none but by mistake, the oldest are forgotten.
const OPEN_MAX: usize = 64;
/// A line of a list.
const LABEL_CHARS_MAX: usize = 200;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OpenTools {
    /// By the seq of the call's event.
    #[serde(rename = "c", skip_serializing_if = "BTreeMap::is_empty")]
    calls: BTreeMap<u64, OpenCall>,
    /// When the last turn or process was over.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    over: Option<Micros>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    #[serde(rename = "t")]
    since: Micros,
    /// Begun less ended.
    #[serde(rename = "n")]
    open: i8,
    #[serde(rename = "l", default, skip_serializing_if = "str::is_empty")]
    label: Box<str>,
}

impl OpenTools {
    pub fn is_empty(&self) -> bool {
        *self == OpenTools::default()
    }

    pub fn fold(&mut self, event: &Event) {
        let call = |open, label: &str| OpenCall { since: event.timestamp.micros(), open, label: label.into() };
        match event.completes {
            None if event.is_running() => self.add(event.seq, call(1, &cut(event.call().unwrap_or_default(), LABEL_CHARS_MAX))),
            None if ends_all(event) => keep(&mut self.over, event.timestamp.micros()),
            Some(fact) if event.has_ended() => self.add(fact, call(-1, "")),
            _ => return,
        }
        self.tidy();
    }

    pub fn merge(&mut self, other: &OpenTools) {
        keep_of(&mut self.over, &other.over);
        for (seq, call) in &other.calls {
            self.add(*seq, call.clone());
        }
        self.tidy();
    }

    /// The one that is at work longest: since when, and what it is.
    pub fn oldest(&self) -> Option<(Time, &str)> {
        let calls = self.calls.values().filter(|call| call.open > 0);
        calls.min_by_key(|call| call.since).map(|call| (Time::from_micros(call.since), &*call.label))
    }

    /// Seqs of the calls that are described like this.
    pub fn described(&self, description: &str) -> impl Iterator<Item = u64> {
        let sought = cut(description, LABEL_CHARS_MAX);
        self.calls.iter().filter(move |(_, call)| call.open > 0 && *call.label == *sought).map(|(seq, _)| *seq)
    }

    fn add(&mut self, seq: u64, call: OpenCall) {
        let held = self.calls.entry(seq).or_insert_with(|| OpenCall { open: 0, ..call.clone() });
        held.open = held.open.saturating_add(call.open);
        if held.label.is_empty() {
            held.label = call.label;
        }
    }

    fn tidy(&mut self) {
        let over = self.over;
        self.calls.retain(|_, call| call.open != 0 && over.is_none_or(|over| call.since > over));
        while self.calls.len() > OPEN_MAX {
            self.calls.pop_first();
        }
    }
}

/// No tool of before is at work after it. Who waits may wait for one that is.
fn ends_all(event: &Event) -> bool {
    use EventType::{Completed, Deleted, Failed, Paused, Started, Stopped};
    match (event.kind, &event.body) {
        (Started | Completed | Failed | Stopped | Deleted, _) => true,
        (Paused, Body::Lifecycle(Lifecycle { reason, .. })) => reason.as_deref() == Some(Lifecycle::INTERRUPTED),
        _ => false,
    }
}
