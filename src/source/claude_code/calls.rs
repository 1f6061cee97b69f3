//! Calls of the model, and the shares of a session's totals that fall to those whose own figures nobody told.
//!
//! Telemetry has every figure of a call. The stream and the transcript know a call's tokens, the stream often not those
//! written, and both know the cost only of a whole session. What is not known is left out until the session is over; what
//! another channel told meanwhile then stays as it is, and the shares complete only the rest.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    event::Time,
    source::{
        coder::CoderIdentity,
        fact::{Fact, ModelUsage, Told},
        json::Wire,
    },
};

use super::session::PROVIDER;

#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub who: Arc<CoderIdentity>,
    pub id: CallId,
    pub at: Option<Time>,
    pub model: Option<String>,
    pub tokens: CallTokens,
    pub duration_ns: Option<u64>,
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

/// A call's tokens, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CallTokens {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

impl CallTokens {
    /// As the provider tells them.
    pub fn read(usage: Wire<'_>) -> CallTokens {
        CallTokens {
            input: usage.whole("input_tokens"),
            output: usage.whole("output_tokens"),
            cache_read: usage.whole("cache_read_input_tokens"),
            cache_write: usage.whole("cache_creation_input_tokens"),
        }
    }

    /// CallTokens that were sent.
    fn sent(&self) -> u64 {
        [self.input, self.cache_read, self.cache_write].into_iter().flatten().fold(0, u64::saturating_add)
    }

    /// CallTokens in all, where all are known.
    fn total(&self) -> Option<u64> {
        let output = self.output?;
        self.input.map(|_| self.sent().saturating_add(output))
    }

    /// Where a message has begun, how much will be written is not known, whatever stands there.
    pub fn without_output(self) -> CallTokens {
        CallTokens { output: None, ..self }
    }
}

impl ApiCall {
    pub fn new(who: &Arc<CoderIdentity>, id: CallId, at: Option<Time>) -> ApiCall {
        let who = Arc::clone(who);
        ApiCall { who, id, at, model: None, tokens: CallTokens::default(), duration_ns: None, cost_nano_usd: None }
    }

    pub fn with_cost(self, usd: Option<f64>) -> ApiCall {
        ApiCall { cost_nano_usd: usd.map(nano), ..self }
    }

    pub fn told(&self) -> Told {
        let tokens = &self.tokens;
        let fact = Fact::Called(ModelUsage {
            provider: Some(PROVIDER.to_owned()),
            model: self.model.clone(),
            input: tokens.input,
            output: tokens.output,
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
            total: None,
            cost_usd: self.cost_nano_usd.map(|cost| cost as f64 / NANO),
            duration_ns: self.duration_ns,
        });
        let who = &self.who;
        let ids = match (&self.id, tokens.total()) {
            (CallId::LastOfSubagent { tokens }, _) => who.repeat(&["api", &tokens.to_string()]),
            (CallId::Request(id), Some(total)) if who.is_subagent() => who.both(&["api", id], &["api", &total.to_string()]),
            (CallId::Request(id), _) => who.natural(&["api", id]),
        };
        who.says(self.at, fact).known_by(ids)
    }
}

/// What an agent says that a session used, by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SessionTotals(BTreeMap<String, Total>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Total {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cost_nano_usd: u64,
}

impl SessionTotals {
    /// Of `modelUsage`; `None` where it is none.
    pub fn read(model_usage: Wire<'_>) -> Option<SessionTotals> {
        let read = |usage: Wire<'_>| {
            let count = |name: &str| usage.whole(name).unwrap_or(0);
            Total {
                input: count("inputTokens"),
                output: count("outputTokens"),
                cache_read: count("cacheReadInputTokens"),
                cache_write: count("cacheCreationInputTokens"),
                cost_nano_usd: usage.number("costUSD").map_or(0, nano),
            }
        };
        let models = model_usage.0.as_object()?.iter();
        Some(SessionTotals(models.map(|(model, usage)| (plain(model).to_owned(), read(Wire(usage)))).collect()))
    }

    pub fn add(&mut self, other: &SessionTotals) {
        for (model, other) in &other.0 {
            let total = self.0.entry(model.clone()).or_default();
            *total = total.combine(other, u64::saturating_add);
        }
    }

    /// What is in these and not in `earlier` ones.
    pub fn since(&self, earlier: &SessionTotals) -> SessionTotals {
        let since = |(model, total): (&String, &Total)| {
            let earlier = earlier.0.get(model).copied().unwrap_or_default();
            (model.clone(), total.combine(&earlier, u64::saturating_sub))
        };
        SessionTotals(self.0.iter().map(since).collect())
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
            (self.input, |tokens| &mut tokens.input),
            (self.cache_read, |tokens| &mut tokens.cache_read),
            (self.cache_write, |tokens| &mut tokens.cache_write),
        ];
        for (total, figure) in figures {
            let known: u64 = calls.iter_mut().map(|call| figure(&mut call.tokens).unwrap_or(0)).fold(0, u64::saturating_add);
            for (call, part) in calls.iter_mut().zip(parts(total.saturating_sub(known), &sizes)) {
                if call.unseen() > 0 {
                    *figure(&mut call.tokens) = Some(part);
                }
            }
        }
        for call in calls {
            if let CallId::LastOfSubagent { tokens } = call.id {
                let read = call.tokens.sent();
                call.tokens.output.get_or_insert(tokens.saturating_sub(read));
            }
        }
    }

    fn share_output(&self, calls: &mut [&mut ApiCall]) {
        let known = calls.iter().filter_map(|call| call.tokens.output).fold(0, u64::saturating_add);
        let sizes: Vec<u64> = calls.iter().map(|call| u64::from(call.tokens.output.is_none())).collect();
        for (call, part) in calls.iter_mut().zip(parts(self.output.saturating_sub(known), &sizes)) {
            call.tokens.output.get_or_insert(part);
        }
    }

    /// By what tokens cost relative to each other. What calls that are not known cost is nobody's share.
    fn share_cost(&self, calls: &mut [&mut ApiCall]) {
        let mut sizes: Vec<u64> = calls.iter().map(|call| weight(&call.tokens)).collect();
        let known = sizes.iter().copied().fold(0, u64::saturating_add);
        let all = weight(&CallTokens {
            input: Some(self.input),
            output: Some(self.output),
            cache_read: Some(self.cache_read),
            cache_write: Some(self.cache_write),
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
            CallId::LastOfSubagent { tokens } if self.tokens.output.is_none() => tokens,
            _ => 0,
        }
    }
}

type Figure = fn(&mut CallTokens) -> &mut Option<u64>;

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
fn weight(tokens: &CallTokens) -> u64 {
    let figures = [(tokens.input, 20), (tokens.output, 100), (tokens.cache_write, 25), (tokens.cache_read, 2)];
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
