//! Counts over some set of events. Sums saturate, which keeps them associative.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Body, Event, EventType, Provider};

use super::{
    latest::cut,
    usage::{Tokens, Usage, is_zero},
};

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
    #[serde(rename = "e", skip_serializing_if = "Codes::is_empty")]
    codes: Codes,
}

impl Tally {
    pub fn fold(&mut self, event: &Event) {
        if event.completes.is_none() {
            add(self.facts.entry(event.kind.code()).or_default(), 1);
        }
        if let Some(code) = error_code(event) {
            self.codes.add(&cut(code, Codes::CODE_CHARS_MAX), 1);
        }
        if let Body::Provider(call) = &event.body {
            self.fold_call(call);
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        for (&kind, &count) in &other.facts {
            add(self.facts.entry(kind).or_default(), count);
        }
        add(&mut self.tokens_used, other.tokens_used);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cache_read_tokens, other.cache_read_tokens);
        add(&mut self.cache_write_tokens, other.cache_write_tokens);
        add(&mut self.cost_nano_usd, other.cost_nano_usd);
        self.codes.merge(&other.codes);
    }

    /// Facts counted; completing events are none.
    pub fn events(&self) -> u64 {
        self.facts.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Facts of one type.
    pub fn count(&self, kind: EventType) -> u64 {
        self.facts.get(&kind.code()).copied().unwrap_or(0)
    }

    /// Facts by the name of their type on the wire.
    pub fn by_type(&self) -> BTreeMap<String, u64> {
        let named = |(&code, &count): (&u8, &u64)| Some((EventType::from_code(code)?.name().to_owned(), count));
        self.facts.iter().filter_map(named).collect()
    }

    pub fn usage(&self) -> Usage {
        Usage {
            tokens: Tokens {
                used: self.tokens_used,
                input: self.input_tokens,
                output: self.output_tokens,
                cache_read: self.cache_read_tokens,
                cache_write: self.cache_write_tokens,
            },
            cost_usd: (self.cost_nano_usd > 0).then_some(self.cost_nano_usd as f64 / NANO),
            api_calls: self.count(EventType::ApiCall),
            errors: self.count(EventType::ApiError).saturating_add(self.count(EventType::Failed)),
            errors_by_code: self.codes.0.clone(),
            rate_limits: self.count(EventType::RateLimit),
        }
    }

    fn fold_call(&mut self, call: &Provider) {
        let sums = [
            (&mut self.tokens_used, call.tokens_used),
            (&mut self.input_tokens, call.input_tokens),
            (&mut self.output_tokens, call.output_tokens),
            (&mut self.cache_read_tokens, call.cache_read_tokens),
            (&mut self.cache_write_tokens, call.cache_write_tokens),
            // A cast from a floating-point number saturates.
            (&mut self.cost_nano_usd, call.cost_usd.map(|usd| (usd * NANO).round() as u64)),
        ];
        for (sum, count) in sums {
            add(sum, count.unwrap_or(0));
        }
    }
}

const NANO: f64 = 1e9;

/// How often each code of an error was seen, for a bounded number of codes: the least ones in order of text, all others
/// together as `other`.
///
/// A code that is among the least of all events is among the least of every part of them that it occurs in, so it is
/// never counted as `other` on the way and its count is exact; `other` is what remains. Both depend on the events alone,
/// not on their order or on how they were batched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Codes(BTreeMap<String, u64>);

impl Codes {
    /// Providers have a few dozen codes; a sender that invents new ones must not grow the aggregate.
    const COUNT_MAX: usize = 64;
    /// A reason in free text is told apart by its beginning.
    const CODE_CHARS_MAX: usize = 64;
    const OTHER: &str = "other";

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, code: &str, count: u64) {
        match self.0.get_mut(code) {
            Some(sum) => add(sum, count),
            None => {
                self.0.insert(code.to_owned(), count);
                self.shed();
            }
        }
    }

    fn merge(&mut self, other: &Codes) {
        for (code, &count) in &other.0 {
            self.add(code, count);
        }
    }

    /// Moves the greatest code to `other` where there is one too many.
    fn shed(&mut self) {
        let room_for_other = usize::from(self.0.contains_key(Self::OTHER));
        if self.0.len() <= Self::COUNT_MAX + room_for_other {
            return;
        }
        let greatest = self.0.keys().rev().find(|code| *code != Self::OTHER).cloned();
        if let Some(count) = greatest.and_then(|code| self.0.remove(&code)) {
            add(self.0.entry(Self::OTHER.to_owned()).or_default(), count);
        }
    }
}

fn error_code(event: &Event) -> Option<&str> {
    match (event.kind, &event.body) {
        (EventType::ApiError | EventType::RateLimit, Body::Provider(call)) => call.error_code.as_deref(),
        (EventType::Failed, Body::Lifecycle(failure)) => failure.reason.as_deref(),
        _ => None,
    }
}

fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}
