//! What a later report of a fact adds to it, and what it corrects.
//!
//! Fields that the fact lacks are added, whatever its family. The figures of a call are corrected besides: a count that grows (a
//! placeholder of a running stream, a message written again with its usage) is the greatest that was told, and an estimate
//! gives way to what is no estimate. What a completing event changes in figures that stood there is told as a difference
//! (`data.change`), so that sums need not know what it changed.

use serde_json::Value;

use super::{Body, Data, DataKey, Event, EventType, Provider, Time};

/// The figures of a call that are summed, under the names that `data.change` has for them; cost in billionths of a dollar, of
/// which a sum is exact in every order.
pub(crate) const SUMMED: [&str; 6] =
    ["tokens_used", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_nano_usd"];

const MICROS_IN_MILLI: u64 = 1_000;
/// Billionths in one.
const NANO: f64 = 1e9;

impl Provider {
    /// The figures that are summed, in the order of [`SUMMED`].
    pub(crate) fn figures(&self) -> [u64; 6] {
        // A cast from a floating-point number saturates.
        let cost = self.cost_usd.map(|usd| (usd * NANO).round() as u64);
        let counts =
            [self.tokens_used, self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens, cost];
        counts.map(Option::unwrap_or_default)
    }

    /// A call of which these figures are known, in the order of [`SUMMED`]; tokens in all are those told one by one.
    pub(crate) fn of_figures([_, input, output, cache_read, cache_write, cost_nano]: [u64; 6]) -> Provider {
        let told = |count: u64| (count > 0).then_some(count);
        let mut call = Provider {
            input_tokens: told(input),
            output_tokens: told(output),
            cache_read_tokens: told(cache_read),
            cache_write_tokens: told(cache_write),
            cost_usd: told(cost_nano).map(|cost| cost as f64 / NANO),
            ..Provider::default()
        };
        call.settle_total();
        call
    }

    /// Tokens in all are never less than those that are told one by one.
    pub(super) fn settle_total(&mut self) {
        let [_, parts @ .., _] = self.figures();
        let sum = parts.into_iter().fold(0, u64::saturating_add);
        if sum > self.tokens_used.unwrap_or(0) {
            self.tokens_used = Some(sum);
        }
    }

    /// Takes the figures of `report` that are nearer to the truth than ours.
    fn correct(&mut self, report: &Provider, ranks: Ranks) {
        let count = |ours: &mut Option<u64>, theirs: Option<u64>| *ours = ranks.choose(*ours, theirs, u64::max);
        count(&mut self.tokens_used, report.tokens_used);
        count(&mut self.input_tokens, report.input_tokens);
        count(&mut self.output_tokens, report.output_tokens);
        count(&mut self.cache_read_tokens, report.cache_read_tokens);
        count(&mut self.cache_write_tokens, report.cache_write_tokens);
        self.cost_usd = ranks.choose(self.cost_usd, report.cost_usd, f64::max);
        self.settle_total();
    }
}

/// Which of two reports of a figure is believed.
#[derive(Clone, Copy)]
enum Ranks {
    First,
    Later,
    /// Neither knows better: a count only grows, and the greatest is the same in every order.
    Alike,
}

impl Ranks {
    fn of(first: &Event, later: &Event) -> Ranks {
        match (first.is_estimated(), later.is_estimated()) {
            (true, false) => Ranks::Later,
            (false, true) => Ranks::First,
            _ => Ranks::Alike,
        }
    }

    fn choose<T>(self, ours: Option<T>, theirs: Option<T>, greatest: fn(T, T) -> T) -> Option<T> {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(match self {
                Ranks::First => ours,
                Ranks::Later => theirs,
                Ranks::Alike => greatest(ours, theirs),
            }),
            (ours, theirs) => ours.or(theirs),
        }
    }
}

impl Event {
    /// What `report`, of the same fact, adds to this and corrects in it: fields and data of the event that completes it. `None`
    /// where it says nothing new. Who knows the fact only by its id may add to it, but correct nothing.
    pub(crate) fn completion_by(&self, report: &Event, may_correct: bool) -> Option<(Body, Data)> {
        let mut merged = self.clone();
        merged.body.fill(&report.body);
        if let (Body::Provider(call), Body::Provider(theirs)) = (&mut merged.body, &report.body) {
            call.correct(theirs, if may_correct { Ranks::of(self, report) } else { Ranks::First });
        }
        let body = self.body.changed_in(&merged.body);
        // An estimate that fills nothing leaves no mark, and what ended does not begin.
        let is_mark = |name: &str| name == DataKey::Running.name() || body.is_none() && name == DataKey::Estimated.name();
        // What the history itself finds out nobody tells it.
        let is_ours = |name: &str| name == DataKey::Change.name() || name == DataKey::Withdrawn.name();
        let lacking = |(name, _): &(&String, &Value)| !self.data.contains_key(*name) && !is_mark(name) && !is_ours(name);
        let mut data: Data = report.data.iter().filter(lacking).map(|(name, value)| (name.clone(), value.clone())).collect();
        if may_correct && self.is_estimated() && !report.is_estimated() && body.is_some() {
            data.insert(DataKey::Estimated.name().to_owned(), false.into());
        }
        if may_correct && self.is_running() && report.call().is_some() && !report.is_running() {
            self.end_in(&mut data, report.timestamp);
        }
        if body.is_none() && data.is_empty() {
            return None;
        }
        if let (Body::Provider(before), Body::Provider(after)) = (&self.body, &merged.body) {
            let change = difference(before.figures(), after.figures());
            if before.figures().iter().any(|figure| *figure > 0) && !change.is_empty() {
                data.insert(DataKey::Change.name().to_owned(), change.into());
            }
        }
        Some((body.unwrap_or_else(|| self.kind.body()), data))
    }

    /// Takes in what an event brought that completes this one.
    pub fn complete_with(&mut self, later: &Event) {
        self.body.overwrite(&later.body);
        if self.coder_name.is_none() {
            self.coder_name.clone_from(&later.coder_name);
        }
        for (name, value) in &later.data {
            let is_lifted = name == DataKey::Estimated.name() || name == DataKey::Running.name();
            if is_lifted && value == false {
                self.data.remove(name);
            } else if name != DataKey::Change.name() {
                self.data.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// What this changes in the figures of the call that it completes, as [`SUMMED`]; `None` where its own fields are what it adds.
    pub(crate) fn change(&self) -> Option<[i64; 6]> {
        let change = self.data.get(DataKey::Change.name()).filter(|_| self.completes.is_some())?;
        Some(SUMMED.map(|name| change.get(name).and_then(Value::as_i64).unwrap_or(0)))
    }

    /// What is left of a sum, and nothing is.
    pub(crate) fn is_withdrawn(&self) -> bool {
        let says_so = self.data.get(DataKey::Withdrawn.name()).is_some_and(|value| value == true);
        // The same key in a sender's own event means what the sender means by it.
        let is_nothing = matches!(&self.body, Body::Provider(call) if call.figures() == [0; 6]);
        says_so && is_nothing && (self.completes.is_some() || self.is_estimated())
    }

    /// That the call ended at `end`, which nobody else may have timed.
    fn end_in(&self, data: &mut Data, end: Time) {
        data.insert(DataKey::Running.name().to_owned(), false.into());
        let took = u64::try_from(end.since(self.timestamp)).ok().map(|micros| micros / MICROS_IN_MILLI);
        let is_timed = self.data.contains_key(DataKey::DurationMs.name());
        if let (Some(took), false) = (took, is_timed) {
            data.entry(DataKey::DurationMs.name()).or_insert_with(|| took.into());
        }
    }

    /// A tool's call in a line, where that is what it tells.
    pub(crate) fn call(&self) -> Option<&str> {
        let Body::Progress(fields) = &self.body else { return None };
        let is_call = self.kind == EventType::Progress && self.data.contains_key(DataKey::ToolName.name());
        fields.description.as_deref().or(fields.stage.as_deref()).filter(|_| is_call)
    }

    /// It is a call of a tool that has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.call().is_some() && self.data.get(DataKey::Running.name()).is_some_and(|value| value == true)
    }

    /// It tells the end of the call that it completes.
    pub(crate) fn has_ended(&self) -> bool {
        self.completes.is_some() && self.data.get(DataKey::Running.name()).is_some_and(|value| value == false)
    }

    /// When the call ended that it completes.
    pub(crate) fn tool_ended_at(&self) -> Option<Time> {
        let took = self.data.get(DataKey::DurationMs.name()).filter(|_| self.has_ended())?.as_i64()?;
        let end = self.timestamp.micros().checked_add(took.checked_mul(MICROS_IN_MILLI as i64)?)?;
        Some(Time::from_micros(end).min(self.received_at))
    }

    /// The figures of what it completes were computed, and now they are told.
    pub(crate) fn is_told_after_all(&self) -> bool {
        self.data.get(DataKey::Estimated.name()).is_some_and(|value| value == false)
    }

    /// Its figures are computed from others, not told.
    pub(crate) fn is_estimated(&self) -> bool {
        self.data.get(DataKey::Estimated.name()).is_some_and(|value| value == true)
    }
}

/// By how much figures change, as `data.change` tells it.
pub(crate) fn difference(before: [u64; 6], after: [u64; 6]) -> Data {
    let changed = |index: usize| {
        let (before, after) = (i64::try_from(before[index]).unwrap_or(i64::MAX), i64::try_from(after[index]).unwrap_or(i64::MAX));
        (before != after).then(|| (SUMMED[index].to_owned(), Value::from(after - before)))
    };
    (0..SUMMED.len()).filter_map(changed).collect()
}
