//! What events add up to model by model and tool by tool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::{CountedCall, DataKey, Event, EventType},
    price::{self, BilledTokens, Prices},
};

use super::{
    bounded::{BoundedSums, Merge},
    latest::cut,
};

/// A gateway's name for a model has the region and the account in it.
const MODEL_CHARS_MAX: usize = 160;
const TOOL_CHARS_MAX: usize = 100;

/// Sums of calls model by model; the empty name is that of calls whose model nobody told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Models(BoundedSums<ModelCalls>);

/// Calls of one model: those whose cost somebody told (under [`TOLD`]), and the others by the step of price that their prompt
/// reaches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ModelCalls(BTreeMap<i64, CallSums>);

const TOLD: i64 = -1;

/// Sums that corrections take from as well: wide enough that no number of 64-bit counts makes them overflow, so that their
/// order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct CallSums([i128; SUMS]);

const SUMS: usize = 9;
const CALLS: usize = 0;
/// Calls, and rests of sums, that have tokens.
const WITH_TOKENS: usize = 1;
/// From here on the figures of [`CountedCall`].
const FIGURES: usize = 2;
const CACHE_WRITE_1H: usize = 8;

/// What calls cost that nobody told the cost of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub usd: Option<f64>,
    /// Calls of models that have no price.
    pub unpriced: u64,
}

impl Merge for ModelCalls {
    fn merge(&mut self, other: &ModelCalls) {
        for (step, sums) in &other.0 {
            self.0.entry(*step).or_default().merge(sums);
        }
    }
}

impl Merge for CallSums {
    fn merge(&mut self, other: &CallSums) {
        for (sum, added) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(added);
        }
    }
}

impl Models {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn fold(&mut self, event: &Event) {
        let (taken, added) = event.counted_calls();
        for (call, sign) in [(taken, -1), (added, 1)] {
            let Some(call) = call else { continue };
            let model = cut(call.model.as_deref().unwrap_or_default(), MODEL_CHARS_MAX);
            self.0.add(&model, &ModelCalls::of(&call, sign));
        }
        let (covered, covers) = event.covered_calls();
        for (calls, sign) in [(covered, -1), (covers, 1)] {
            if let Some(Ok(calls)) = calls.map(Models::deserialize) {
                self.cover(&calls, sign);
            }
        }
    }

    /// What others told without a cost has one now, as part of a sum.
    fn cover(&mut self, calls: &Models, sign: i128) {
        for (model, calls) in calls.each() {
            for (&step, sums) in &calls.0 {
                let by = |sign: i128| CallSums(sums.0.map(|sum| sum.saturating_mul(sign)));
                self.0.add(model, &ModelCalls([(step, by(-sign))].into()));
                self.0.add(model, &ModelCalls([(TOLD, by(sign))].into()));
            }
        }
    }

    /// The calls of which nobody told the cost.
    pub fn without_cost(&self) -> Models {
        let mut left = Models::default();
        for (model, calls) in self.each() {
            let open = calls.0.iter().filter(|(step, sums)| **step != TOLD && sums.0[WITH_TOKENS] > 0);
            let open: BTreeMap<i64, CallSums> =
                open.map(|(&step, sums)| (step, CallSums(sums.0.map(|sum| sum.max(0))))).collect();
            if !open.is_empty() {
                left.0.add(model, &ModelCalls(open));
            }
        }
        left
    }

    pub fn merge(&mut self, other: &Models) {
        self.0.merge(&other.0);
    }

    pub fn each(&self) -> impl Iterator<Item = (&str, &ModelCalls)> {
        self.0.0.iter().map(|(model, calls)| (model.as_str(), calls))
    }

    pub fn single(model: &str, calls: &ModelCalls) -> Models {
        let mut models = Models::default();
        models.0.add(model, calls);
        models
    }

    pub fn estimate(&self, prices: &Prices) -> Estimate {
        let mut estimate = Estimate::default();
        for (model, calls) in self.each() {
            for (&step, sums) in &calls.0 {
                let Ok(step) = u64::try_from(step) else { continue };
                if sums.0[WITH_TOKENS] == 0 {
                    continue;
                }
                // Below zero where the cost of a sum that is counted here includes calls that are counted elsewhere.
                let (more, less) = (sums.billed(1), sums.billed(-1));
                match prices.cost(model, step, &more).zip(prices.cost(model, step, &less)) {
                    Some((more, less)) => estimate.usd = Some(estimate.usd.unwrap_or(0.0) + more - less),
                    None => estimate.unpriced = estimate.unpriced.saturating_add(count(sums.0[WITH_TOKENS])),
                }
            }
        }
        estimate
    }
}

impl ModelCalls {
    fn of(call: &CountedCall, sign: i128) -> ModelCalls {
        let step = if call.has_cost {
            TOLD
        } else if call.is_call {
            i64::try_from(price::prompt_step(call.prompt())).unwrap_or(0)
        } else {
            // How long the prompts were that a sum is of, it does not say.
            0
        };
        let mut sums = [0; SUMS];
        sums[CALLS] = i128::from(call.is_call);
        sums[WITH_TOKENS] = i128::from(call.has_tokens());
        for (sum, figure) in sums[FIGURES..].iter_mut().zip(call.figures) {
            *sum = figure.into();
        }
        sums[CACHE_WRITE_1H] = call.cache_write_1h.into();
        ModelCalls([(step, CallSums(sums.map(|sum| sum * sign)))].into())
    }

    /// Calls, and the figures of [`CountedCall`].
    pub fn sums(&self) -> (u64, [u64; 6]) {
        let mut all = CallSums::default();
        self.0.values().for_each(|sums| all.merge(sums));
        let figure = |index: usize| count(all.0[FIGURES + index]);
        (count(all.0[CALLS]), [figure(0), figure(1), figure(2), figure(3), figure(4), figure(5)])
    }
}

impl CallSums {
    /// The tokens above zero, or below it.
    fn billed(&self, sign: i128) -> BilledTokens {
        let signed = |index: usize| count(self.0[index].saturating_mul(sign));
        let [used, input, output, cache_read, cache_write] = [0, 1, 2, 3, 4].map(|index| signed(FIGURES + index));
        let cache_write_1h = signed(CACHE_WRITE_1H);
        let parts = [output, cache_read, cache_write].into_iter().fold(0, u64::saturating_add);
        // Of whom only sums are known, most is input.
        let input = input.max(used.saturating_sub(parts));
        BilledTokens { input, output, cache_read, cache_write, cache_write_1h }
    }
}

/// Calls of tools, tool by tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tools(BoundedSums<ToolCalls>);

/// Calls, those that failed, and how long all took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 3]", into = "[u64; 3]")]
pub struct ToolCalls {
    pub calls: u64,
    pub failed: u64,
    pub duration_ms: u64,
}

impl From<[u64; 3]> for ToolCalls {
    fn from([calls, failed, duration_ms]: [u64; 3]) -> ToolCalls {
        ToolCalls { calls, failed, duration_ms }
    }
}

impl From<ToolCalls> for [u64; 3] {
    fn from(tool: ToolCalls) -> [u64; 3] {
        [tool.calls, tool.failed, tool.duration_ms]
    }
}

impl Merge for ToolCalls {
    fn merge(&mut self, other: &ToolCalls) {
        self.calls.merge(&other.calls);
        self.failed.merge(&other.failed);
        self.duration_ms.merge(&other.duration_ms);
    }
}

impl Tools {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn fold(&mut self, event: &Event) {
        let said = |key: DataKey| event.data.get(key.name());
        let tool = said(DataKey::ToolName).and_then(Value::as_str).filter(|_| event.kind == EventType::Progress);
        let Some(tool) = tool else { return };
        let called = ToolCalls {
            calls: u64::from(event.completes.is_none()),
            failed: u64::from(said(DataKey::Failed).is_some_and(|failed| failed == true)),
            duration_ms: said(DataKey::DurationMs).and_then(Value::as_u64).unwrap_or(0),
        };
        if called != ToolCalls::default() {
            self.0.add(&cut(tool, TOOL_CHARS_MAX), &called);
        }
    }

    pub fn merge(&mut self, other: &Tools) {
        self.0.merge(&other.0);
    }

    pub fn each(&self) -> impl Iterator<Item = (&str, &ToolCalls)> {
        self.0.0.iter().map(|(tool, calls)| (tool.as_str(), calls))
    }

    pub fn single(tool: &str, calls: &ToolCalls) -> Tools {
        let mut tools = Tools::default();
        tools.0.add(tool, calls);
        tools
    }

    pub fn sum(&self) -> ToolCalls {
        let mut sum = ToolCalls::default();
        self.each().for_each(|(_, calls)| sum.merge(calls));
        sum
    }
}

/// As far as it can be counted; corrections that came before what they correct are below zero for a while.
fn count(sum: i128) -> u64 {
    u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
}
