//! What a later report of a fact adds to it, and what it corrects.
//!
//! Fields that the fact lacks are added, whatever its family. The figures of a call are corrected besides: a count that grows (a
//! placeholder of a running stream, a message written again with its usage) is the greatest that was told, and an estimate
//! gives way to what is no estimate. Where channels have different words for one thing, the one that says most stays, whoever
//! came first. What a completing event changes in figures that stood there is told as a difference
//! (`data.change`), so that sums need not know what it changed.

use serde_json::Value;

use super::{
    Body, Data, DataKey, Event, EventType, Provider, Time,
    counted_call::{CountedCall, recounted},
};

const MICROS_IN_MILLI: u64 = 1_000;
/// Billionths in one.
const NANO: f64 = 1e9;

impl Provider {
    /// The figures that are summed, in the order of [`SUMMED`](super::counted_call::SUMMED).
    pub(crate) fn figures(&self) -> [u64; 6] {
        // A cast from a floating-point number saturates.
        let cost = self.cost_usd.map(|usd| (usd * NANO).round() as u64);
        let counts =
            [self.tokens_used, self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens, cost];
        counts.map(Option::unwrap_or_default)
    }

    /// A call of which these figures are known, in the same order; tokens in all are those told one by one.
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
        self.retry_after_ms = ranks.choose(self.retry_after_ms, report.retry_after_ms, u64::max);
        let word = |ours: &mut Option<String>, theirs: &Option<String>| {
            if ours != theirs {
                *ours = ranks.choose(ours.take(), theirs.clone(), telling);
            }
        };
        word(&mut self.model, &report.model);
        word(&mut self.error_code, &report.error_code);
        word(&mut self.error_message, &report.error_message);
        self.settle_total();
    }
}

/// Of two words for one thing the one that says more: a name says more than a number, and what is longer more than what is shorter.
fn telling(one: String, other: String) -> String {
    let rank = |word: &str| (word.bytes().any(|byte| !byte.is_ascii_digit()), word.len());
    if (rank(&one), &one) >= (rank(&other), &other) { one } else { other }
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
        // Version 0.1.0 told the last call of a turn with the turn's figures, and said of how many calls.
        let is_sum = |event: &Event| event.data.contains_key(DataKey::Calls.name());
        match (first.is_estimated() || is_sum(first), later.is_estimated() || is_sum(later)) {
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
        let is_ours = |name: &str| [DataKey::Change, DataKey::Covers, DataKey::Withdrawn].iter().any(|key| name == key.name());
        // Of a call whose cost is told nobody needs what it is worked out from.
        let has_cost = matches!(&self.body, Body::Provider(call) if call.cost_usd.is_some());
        let is_moot = |name: &str| has_cost && name == DataKey::CacheWrite1hTokens.name();
        let is_wanted = |name: &str| !is_mark(name) && !is_ours(name) && !is_moot(name);
        let lacking = |(name, _): &(&String, &Value)| !self.data.contains_key(*name) && is_wanted(name);
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
        let mut body = body.unwrap_or_else(|| self.kind.body());
        merged.add_data(&data);
        if let Some(change) = self.change_to(&merged, &mut body) {
            data.insert(DataKey::Change.name().to_owned(), change.into());
        }
        self.name_tool(&mut data);
        Some((body, data))
    }

    /// Takes in what an event brought that completes this one.
    pub fn complete_with(&mut self, later: &Event) {
        self.body.overwrite(&later.body);
        if self.coder_name.is_none() {
            self.coder_name.clone_from(&later.coder_name);
        }
        self.add_data(&later.data);
        if let Some(covers) = later.covered_calls().1 {
            self.data.insert(DataKey::Covers.name().to_owned(), covers.clone());
        }
    }

    fn add_data(&mut self, later: &Data) {
        for (name, value) in later {
            let is_lifted = name == DataKey::Estimated.name() || name == DataKey::Running.name();
            if is_lifted && value == false {
                self.data.remove(name);
            } else if name != DataKey::Change.name() {
                self.data.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// What `body` and its data change in what is counted of this call, which becomes `whole`. Where nothing was counted yet, its
    /// own fields are what it adds, and it names its model.
    fn change_to(&self, whole: &Event, body: &mut Body) -> Option<Data> {
        let (before, after) = (CountedCall::of(self)?, CountedCall::of(whole)?);
        if before == after {
            return None;
        }
        let was_empty = before.figures == [0; 6] && !before.has_cost;
        if was_empty && before.model == after.model && before.is_call == after.is_call {
            if let Body::Provider(call) = body {
                call.model = after.model;
            }
            return None;
        }
        Some(recounted(&before, &after))
    }

    /// Whoever counts by tool is told of which one it is that a later report says more.
    fn name_tool(&self, data: &mut Data) {
        let counted = [DataKey::Failed, DataKey::DurationMs].iter().any(|key| data.contains_key(key.name()));
        let tool = self.data.get(DataKey::ToolName.name());
        if let Some(tool) = tool.filter(|_| counted && self.kind == EventType::Progress) {
            data.insert(DataKey::ToolName.name().to_owned(), tool.clone());
        }
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

    /// It tells that something failed: a tool, a call of the model, a turn.
    pub(crate) fn has_failed(&self) -> bool {
        match self.kind {
            EventType::Progress => self.tool_has_failed(),
            kind => kind.may_fail(),
        }
    }

    /// It tells that a tool failed.
    pub(crate) fn tool_has_failed(&self) -> bool {
        self.data.get(DataKey::Failed.name()).is_some_and(|value| value == true)
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
