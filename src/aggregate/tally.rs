//! Counts over some set of events. Sums saturate, which keeps them associative.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Body, Event, EventType};

use crate::price::Prices;

use super::{
    bounded::BoundedSums,
    latest::cut,
    parts::{Models, ToolCalls, Tools},
    usage::{Tokens, Usage, is_zero},
};

/// A reason in free text is told apart by its beginning.
const CODE_CHARS_MAX: usize = 64;

/// Counts over some set of events: all of a coder's, or those of one bucket of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Facts by the code of their type.
    #[serde(rename = "n", skip_serializing_if = "BTreeMap::is_empty")]
    facts: BTreeMap<u8, u64>,
    #[serde(rename = "u", skip_serializing_if = "is_zero")]
    tokens_used: u64,
    #[serde(rename = "i", skip_serializing_if = "is_zero")]
    input_tokens: u64,
    #[serde(rename = "o", skip_serializing_if = "is_zero")]
    output_tokens: u64,
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    cache_read_tokens: u64,
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
    /// Billionths of a dollar: a sum of whole numbers is the same in every order, one of floating-point numbers is not.
    #[serde(rename = "c", skip_serializing_if = "is_zero")]
    cost_nano_usd: u64,
    /// What corrections took away, apart from what was added: both only grow, which keeps them associative.
    #[serde(rename = "m", skip_serializing_if = "is_nothing")]
    corrected: [u64; 6],
    /// What was left of sums: events of calls that are none.
    #[serde(rename = "s", skip_serializing_if = "is_zero")]
    rests: u64,
    /// Those of them that turned out to be calls.
    #[serde(rename = "t", skip_serializing_if = "is_zero")]
    told: u64,
    /// Those of them that are no facts any more.
    #[serde(rename = "x", skip_serializing_if = "is_zero")]
    withdrawn: u64,
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    failed_tools: u64,
    /// How often each code of an error was seen.
    #[serde(rename = "e", skip_serializing_if = "BoundedSums::is_empty")]
    codes: BoundedSums<u64>,
    #[serde(rename = "b", skip_serializing_if = "Models::is_empty")]
    models: Models,
    #[serde(rename = "k", skip_serializing_if = "Tools::is_empty")]
    tools: Tools,
}

impl Tally {
    pub fn fold(&mut self, event: &Event) {
        self.fold_without_parts(event);
        self.models.fold(event);
        self.tools.fold(event);
    }

    /// As histories counted before they knew models and tools.
    pub fn fold_without_parts(&mut self, event: &Event) {
        if event.completes.is_none() {
            add(self.facts.entry(event.kind.code()).or_default(), 1);
        }
        if event.kind == EventType::ApiCall {
            add(&mut self.rests, u64::from(event.completes.is_none() && event.is_estimated()));
            add(&mut self.told, u64::from(event.completes.is_some() && event.is_told_after_all()));
            add(&mut self.withdrawn, u64::from(event.completes.is_some() && event.is_withdrawn()));
        }
        add(&mut self.failed_tools, u64::from(event.kind == EventType::Progress && event.tool_has_failed()));
        if let Some(code) = error_code(event) {
            self.codes.add(&cut(code, CODE_CHARS_MAX), &1);
        }
        if let Some(change) = event.change() {
            self.add_figures(change.map(|by| u64::try_from(by).unwrap_or(0)));
            add_each(&mut self.corrected, change.map(|by| if by < 0 { by.unsigned_abs() } else { 0 }));
        } else if let Body::Provider(call) = &event.body {
            self.add_figures(call.figures());
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        for (&kind, &count) in &other.facts {
            add(self.facts.entry(kind).or_default(), count);
        }
        self.add_figures(other.figures());
        add_each(&mut self.corrected, other.corrected);
        add(&mut self.rests, other.rests);
        add(&mut self.told, other.told);
        add(&mut self.withdrawn, other.withdrawn);
        add(&mut self.failed_tools, other.failed_tools);
        self.codes.merge(&other.codes);
        self.models.merge(&other.models);
        self.tools.merge(&other.tools);
    }

    /// Facts counted; completing events are none.
    pub fn events(&self) -> u64 {
        self.facts.values().fold(0, |sum: u64, &count| sum.saturating_add(count)).saturating_sub(self.withdrawn)
    }

    /// Facts of one type.
    pub fn count(&self, kind: EventType) -> u64 {
        let withdrawn = if kind == EventType::ApiCall { self.withdrawn } else { 0 };
        self.facts.get(&kind.code()).copied().unwrap_or(0).saturating_sub(withdrawn)
    }

    /// Facts by the name of their type on the wire.
    pub fn by_type(&self) -> BTreeMap<String, u64> {
        let kinds = self.facts.keys().filter_map(|code| EventType::from_code(*code));
        kinds.map(|kind| (kind.name().to_owned(), self.count(kind))).filter(|(_, count)| *count > 0).collect()
    }

    /// `prices` say what calls cost of which nobody told it.
    pub fn usage(&self, prices: &Prices) -> Usage {
        let estimate = self.models.estimate(prices);
        let [used, input, output, cache_read, cache_write, cost_nano_usd] = self.net_figures();
        // Events of older histories may lack the sum of a call.
        let total = [input, output, cache_read, cache_write].into_iter().fold(0, u64::saturating_add).max(used);
        Usage {
            tokens: Tokens { used: total, input, output, cache_read, cache_write, total },
            cost_usd: (cost_nano_usd > 0).then_some(cost_nano_usd as f64 / NANO),
            cost_estimated_usd: estimate.usd,
            calls_unpriced: estimate.unpriced,
            api_calls: self.api_calls(),
            errors: self.count(EventType::ApiError).saturating_add(self.count(EventType::Failed)),
            failed_tools: self.failed_tools,
            errors_by_code: self.codes.0.clone(),
            rate_limits: self.count(EventType::RateLimit),
        }
    }

    /// The calls of which nobody told the cost, as `data.covers` has them; `None` where there are none.
    pub fn calls_without_cost(&self) -> Option<serde_json::Value> {
        let calls = self.models.without_cost();
        if calls.is_empty() { None } else { serde_json::to_value(calls).ok() }
    }

    /// Calls of tools.
    pub fn tool_calls(&self) -> ToolCalls {
        self.tools.sum()
    }

    /// The part of each model, with the calls that no model was told of under an empty name.
    pub fn by_model(&self) -> Vec<(String, Tally)> {
        let mut rest = (self.api_calls(), self.net_figures());
        let mut parts = Vec::new();
        for (model, calls) in self.models.each() {
            let (count, figures) = calls.sums();
            rest.0 = rest.0.saturating_sub(count);
            rest.1.iter_mut().zip(figures).for_each(|(rest, figure)| *rest = rest.saturating_sub(figure));
            parts.push((model.to_owned(), Tally::of_calls(count, figures, Models::single(model, calls))));
        }
        // What was counted before models were.
        if rest != (0, [0; 6]) {
            parts.push((String::new(), Tally::of_calls(rest.0, rest.1, Models::default())));
        }
        parts
    }

    /// The part of each tool: its calls alone.
    pub fn by_tool(&self) -> Vec<(String, Tally)> {
        let part = |(tool, calls): (&str, &ToolCalls)| {
            let facts = BTreeMap::from([(EventType::Progress.code(), calls.calls)]);
            (tool.to_owned(), Tally { facts, tools: Tools::single(tool, calls), ..Tally::default() })
        };
        self.tools.each().map(part).collect()
    }

    /// The part of each type: how many there were.
    pub fn by_kind(&self) -> Vec<(String, Tally)> {
        let kinds = self.facts.keys().filter_map(|code| EventType::from_code(*code));
        let part = |kind: EventType| {
            let facts = BTreeMap::from([(kind.code(), self.count(kind))]);
            (kind.name().to_owned(), Tally { facts, ..Tally::default() })
        };
        kinds.filter(|kind| self.count(*kind) > 0).map(part).collect()
    }

    fn of_calls(count: u64, figures: [u64; 6], models: Models) -> Tally {
        let mut tally = Tally { facts: BTreeMap::from([(EventType::ApiCall.code(), count)]), models, ..Tally::default() };
        tally.add_figures(figures);
        tally
    }

    fn api_calls(&self) -> u64 {
        let calls = self.facts.get(&EventType::ApiCall.code()).copied().unwrap_or(0);
        calls.saturating_sub(self.rests.saturating_sub(self.told))
    }

    /// Sums of the figures of calls, corrections and all, in the order of `Provider::figures`.
    pub fn net_figures(&self) -> [u64; 6] {
        let mut figures = self.figures();
        for (figure, corrected) in figures.iter_mut().zip(self.corrected) {
            *figure = figure.saturating_sub(corrected);
        }
        figures
    }

    fn figures(&self) -> [u64; 6] {
        let Tally { tokens_used, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_nano_usd, .. } = *self;
        [tokens_used, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_nano_usd]
    }

    fn add_figures(&mut self, by: [u64; 6]) {
        let mut figures = self.figures();
        add_each(&mut figures, by);
        [
            self.tokens_used,
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
            self.cost_nano_usd,
        ] = figures;
    }
}

const NANO: f64 = 1e9;

fn error_code(event: &Event) -> Option<&str> {
    match (event.kind, &event.body) {
        (EventType::ApiError | EventType::RateLimit, Body::Provider(call)) => call.error_code.as_deref(),
        (EventType::Failed, Body::Lifecycle(failure)) => failure.reason.as_deref(),
        _ => None,
    }
}

fn add_each(sums: &mut [u64; 6], counts: [u64; 6]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        add(sum, count);
    }
}

fn is_nothing(counts: &[u64; 6]) -> bool {
    counts.iter().all(is_zero)
}

fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}
