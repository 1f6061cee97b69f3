//! Calls of the model, and the shares of a session's totals that fall to those whose own figures nobody told.
//!
//! Telemetry has every figure of a call. The stream and the transcript know a call's tokens, the stream often not those
//! written, and both know the cost only of a whole session. What is not known is left out until the session is over; what
//! another channel told meanwhile then stays as it is, and the shares complete only the rest.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    facts::PROVIDER,
    line::Usage,
    report::{Coder, Teller},
};
use crate::{
    event::{Body, Draft, EventType, Provider, Time},
    source::session::bounded,
};

#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub coder: Coder,
    pub id: CallId,
    pub time: Option<Time>,
    pub model: Option<String>,
    pub usage: Usage,
    cost_nano_usd: Option<u64>,
}

/// By what a call is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallId {
    /// Its request, else its message.
    Request(String),
    /// The stream does not show a subagent's last call, only how many tokens it had in all.
    LastOfSubagent { tokens: u64 },
}

impl ApiCall {
    pub fn new(coder: Coder, id: CallId, time: Option<Time>) -> ApiCall {
        ApiCall { coder, id, time, model: None, usage: Usage::default(), cost_nano_usd: None }
    }

    pub fn with_cost(self, usd: Option<f64>) -> ApiCall {
        ApiCall { cost_nano_usd: usd.map(nano), ..self }
    }

    pub fn draft(&self) -> Draft {
        let teller = Teller::new(self.coder.clone(), self.time, "");
        let mut draft = teller.draft(EventType::ApiCall);
        draft.body = Body::Provider(Provider {
            provider: Some(PROVIDER.to_owned()),
            model: self.model.as_deref().map(bounded),
            input_tokens: self.usage.input_tokens,
            output_tokens: self.usage.output_tokens,
            cache_read_tokens: self.usage.cache_read_input_tokens,
            cache_write_tokens: self.usage.cache_creation_input_tokens,
            cost_usd: self.cost_nano_usd.map(|cost| cost as f64 / NANO),
            ..Provider::default()
        });
        match (&self.id, self.usage.total()) {
            (CallId::LastOfSubagent { tokens }, _) => teller.told(draft, None, &["api", &tokens.to_string()]),
            (CallId::Request(id), Some(tokens)) if self.coder.is_subagent() => {
                teller.coder.called(draft, &["api", id], &["api", &tokens.to_string()])
            }
            (CallId::Request(id), _) => teller.keyed(draft, &["api", id]),
        }
    }
}

/// What an agent says that a session used, by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Totals(BTreeMap<String, Total>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Total {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cost_nano_usd: u64,
}

impl Totals {
    /// Of `modelUsage`; `None` where it is none.
    pub fn read(model_usage: &Value) -> Option<Totals> {
        let read = |usage: &Value| {
            let count = |name: &str| usage[name].as_u64().unwrap_or(0);
            Total {
                input: count("inputTokens"),
                output: count("outputTokens"),
                cache_read: count("cacheReadInputTokens"),
                cache_write: count("cacheCreationInputTokens"),
                cost_nano_usd: usage["costUSD"].as_f64().map_or(0, nano),
            }
        };
        Some(Totals(model_usage.as_object()?.iter().map(|(model, usage)| (plain(model).to_owned(), read(usage))).collect()))
    }

    pub fn add(&mut self, other: &Totals) {
        for (model, other) in &other.0 {
            let total = self.0.entry(model.clone()).or_default();
            *total = total.combine(other, u64::saturating_add);
        }
    }

    /// What is in these and not in `earlier` ones.
    pub fn since(&self, earlier: &Totals) -> Totals {
        let since = |(model, total): (&String, &Total)| {
            let earlier = earlier.0.get(model).copied().unwrap_or_default();
            (model.clone(), total.combine(&earlier, u64::saturating_sub))
        };
        Totals(self.0.iter().map(since).collect())
    }

    /// Gives each of `calls` the figures it lacks, so that with them all sums are these totals, as far as these calls are
    /// all there were.
    pub fn share_among(&self, calls: &mut [ApiCall]) {
        for (model, total) in &self.0 {
            let mut calls: Vec<&mut ApiCall> =
                calls.iter_mut().filter(|call| call.model.as_deref().is_some_and(|own| plain(own) == model)).collect();
            total.share_input(&mut calls);
            total.share_output(&mut calls);
            total.share_cost(&mut calls);
        }
    }
}

impl Total {
    fn combine(&self, other: &Total, with: impl Fn(u64, u64) -> u64) -> Total {
        Total {
            input: with(self.input, other.input),
            output: with(self.output, other.output),
            cache_read: with(self.cache_read, other.cache_read),
            cache_write: with(self.cache_write, other.cache_write),
            cost_nano_usd: with(self.cost_nano_usd, other.cost_nano_usd),
        }
    }

    /// What the calls that are known have not read falls to the last ones of subagents, by their sizes.
    fn share_input(&self, calls: &mut [&mut ApiCall]) {
        let sizes: Vec<u64> = calls.iter().map(|call| call.unseen()).collect();
        let figures: [(u64, Figure); 3] = [
            (self.input, |usage| &mut usage.input_tokens),
            (self.cache_read, |usage| &mut usage.cache_read_input_tokens),
            (self.cache_write, |usage| &mut usage.cache_creation_input_tokens),
        ];
        for (total, figure) in figures {
            let known: u64 = calls.iter_mut().map(|call| figure(&mut call.usage).unwrap_or(0)).fold(0, u64::saturating_add);
            for (call, part) in calls.iter_mut().zip(parts(total.saturating_sub(known), &sizes)) {
                if call.unseen() > 0 {
                    *figure(&mut call.usage) = Some(part);
                }
            }
        }
        for call in calls {
            if let CallId::LastOfSubagent { tokens } = call.id {
                let read = call.usage.read();
                call.usage.output_tokens.get_or_insert(tokens.saturating_sub(read));
            }
        }
    }

    fn share_output(&self, calls: &mut [&mut ApiCall]) {
        let known = calls.iter().filter_map(|call| call.usage.output_tokens).fold(0, u64::saturating_add);
        let sizes: Vec<u64> = calls.iter().map(|call| u64::from(call.usage.output_tokens.is_none())).collect();
        for (call, part) in calls.iter_mut().zip(parts(self.output.saturating_sub(known), &sizes)) {
            call.usage.output_tokens.get_or_insert(part);
        }
    }

    /// By what tokens cost relative to each other. What calls that are not known cost is nobody's share.
    fn share_cost(&self, calls: &mut [&mut ApiCall]) {
        let mut sizes: Vec<u64> = calls.iter().map(|call| weight(&call.usage)).collect();
        let known = sizes.iter().copied().fold(0, u64::saturating_add);
        let all = weight(&Usage {
            input_tokens: Some(self.input),
            output_tokens: Some(self.output),
            cache_read_input_tokens: Some(self.cache_read),
            cache_creation_input_tokens: Some(self.cache_write),
            ..Usage::default()
        });
        sizes.push(all.saturating_sub(known));
        for (call, part) in calls.iter_mut().zip(parts(self.cost_nano_usd, &sizes)) {
            call.cost_nano_usd.get_or_insert(part);
        }
    }
}

impl ApiCall {
    /// The size of a call of which nothing else is known.
    fn unseen(&self) -> u64 {
        match self.id {
            CallId::LastOfSubagent { tokens } if self.usage.output_tokens.is_none() => tokens,
            _ => 0,
        }
    }
}

type Figure = fn(&mut Usage) -> &mut Option<u64>;

const NANO: f64 = 1e9;

fn nano(usd: f64) -> u64 {
    (usd * NANO).round() as u64
}

/// A model's name without the size of its context: `claude-opus-5-5[1m]`.
fn plain(model: &str) -> &str {
    model.split('[').next().unwrap_or(model)
}

/// Twentieths of what a token of input costs: one written costs five times as much, one kept 1.25 times, one from the cache
/// a tenth. The model's price does not matter to shares.
fn weight(usage: &Usage) -> u64 {
    let figures = [
        (usage.input_tokens, 20),
        (usage.output_tokens, 100),
        (usage.cache_creation_input_tokens, 25),
        (usage.cache_read_input_tokens, 2),
    ];
    figures.into_iter().map(|(tokens, price)| tokens.unwrap_or(0).saturating_mul(price)).fold(0, u64::saturating_add)
}

/// `total` in whole parts that have the given sizes and add up to it.
fn parts(total: u64, sizes: &[u64]) -> Vec<u64> {
    let all = sizes.iter().copied().fold(0, u64::saturating_add);
    let mut before: u64 = 0;
    let mut part = |size: u64| {
        let upto = |sum: u64| (u128::from(total) * u128::from(sum)).checked_div(u128::from(all)).unwrap_or(0);
        let start = upto(before);
        before = before.saturating_add(size);
        u64::try_from(upto(before) - start).unwrap_or(0)
    };
    sizes.iter().map(|&size| part(size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        assert_eq!(parts(10, &[1, 1, 1]), [3, 3, 4]);
        assert_eq!(parts(10, &[0, 5, 0]), [0, 10, 0]);
        assert_eq!(parts(10, &[0, 0]), [0, 0]);
        assert_eq!(parts(u64::MAX, &[u64::MAX, u64::MAX]), [u64::MAX, 0]);
        assert!(parts(1, &[]).is_empty());
    }
}
