//! Calls of the model, and what a session used in all.
//!
//! Telemetry has every figure of a call. The stream and the transcript know a call's tokens, the stream often not those written,
//! and both know the cost only of a whole session. What is not known of a call is left out; what a session used in all is told
//! as the sum it is, of which the history keeps what no call told.

use std::sync::Arc;

use crate::{
    event::{DataKey, Time},
    source::{
        coder::{CoderIdentity, nth_part},
        fact::{Fact, ModelUsage, Told},
        json::Wire,
    },
};

use super::session::PROVIDER;

#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub who: Arc<CoderIdentity>,
    /// Its request, else its message; none where the channel names neither.
    pub id: Option<String>,
    /// Which of those that the request made by the way; none where it is the request's own.
    pub by_the_way: Option<String>,
    pub at: Option<Time>,
    /// The line of the agent's record that tells it first.
    pub line: Option<String>,
    pub model: Option<String>,
    pub tokens: CallTokens,
    pub cost_usd: Option<f64>,
    pub duration_ns: Option<u64>,
}

/// A call's tokens, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CallTokens {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// Of those, the ones that live an hour, and cost more.
    pub cache_write_1h: Option<u64>,
}

impl CallTokens {
    /// As the provider tells them.
    pub fn read(usage: Wire<'_>) -> CallTokens {
        CallTokens {
            input: usage.whole("input_tokens"),
            output: usage.whole("output_tokens"),
            cache_read: usage.whole("cache_read_input_tokens"),
            cache_write: usage.whole("cache_creation_input_tokens"),
            cache_write_1h: usage.at("cache_creation").whole("ephemeral_1h_input_tokens").filter(|count| *count > 0),
        }
    }

    /// Where a message has begun, how much will be written is not known, whatever stands there.
    pub fn without_output(self) -> CallTokens {
        CallTokens { output: None, ..self }
    }

    /// What the context holds once the call is over. Where the provider asked the model several times, the last time says it.
    pub fn read_context(usage: Wire<'_>) -> Option<u64> {
        let last = usage.list("iterations").rfind(|round| !is_by_the_way(*round));
        CallTokens::read(last.unwrap_or(usage)).context()
    }

    fn context(self) -> Option<u64> {
        let rest = [self.output?, self.cache_read.unwrap_or(0), self.cache_write.unwrap_or(0)];
        Some(rest.into_iter().fold(self.input?, u64::saturating_add))
    }

    /// By what a call is known where a channel has no id of it.
    fn said(self) -> Option<[String; 4]> {
        let figures = [self.input?, self.output?, self.cache_read.unwrap_or(0), self.cache_write.unwrap_or(0)];
        Some(figures.map(|figure| figure.to_string()))
    }
}

impl ApiCall {
    pub fn new(who: &Arc<CoderIdentity>, id: Option<&str>, at: Option<Time>) -> ApiCall {
        ApiCall {
            who: Arc::clone(who),
            id: id.map(str::to_owned),
            by_the_way: None,
            at,
            line: None,
            model: None,
            tokens: CallTokens::default(),
            cost_usd: None,
            duration_ns: None,
        }
    }

    pub fn told(&self) -> Told {
        let who = &self.who;
        let said = self.tokens.said();
        let said = said.as_ref().map(|[input, output, read, write]| ["api", input, output, read, write]);
        let by_the_way = self.by_the_way.as_deref();
        let ids = match (&self.id, said) {
            (Some(id), said) => {
                let parts: Vec<&str> = ["api", id].into_iter().chain(by_the_way).collect();
                let on_line: Vec<&str> = ["api"].into_iter().chain(by_the_way).collect();
                let ids = who.provided(id, &parts).or_line(who, self.line.as_deref(), &on_line);
                if let Some(said) = said { ids.or_said(who, &said) } else { ids }
            }
            (None, Some(said)) => who.repeat(&said),
            (None, None) => who.repeat(&["api", self.model.as_deref().unwrap_or_default()]),
        };
        let told = who.says(self.at, Fact::Called(self.usage())).known_by(ids);
        told.with(DataKey::CacheWrite1hTokens, self.tokens.cache_write_1h)
    }

    /// What the provider did by the way, whose tokens are no part of the request's own: an advisor, which is another model, was
    /// asked, or the context was summed up.
    pub fn calls_by_the_way(&self, usage: Wire<'_>) -> Vec<ApiCall> {
        let rounds = usage.list("iterations").filter(|round| is_by_the_way(*round)).enumerate();
        rounds
            .map(|(nth, round)| ApiCall {
                by_the_way: Some(nth_part(round.text("type").unwrap_or_default(), nth)),
                model: round.text("model").map(str::to_owned).or_else(|| self.model.clone()),
                tokens: CallTokens::read(round),
                cost_usd: None,
                duration_ns: None,
                ..self.clone()
            })
            .collect()
    }

    fn usage(&self) -> ModelUsage {
        ModelUsage {
            provider: Some(PROVIDER.to_owned()),
            model: self.model.clone(),
            input: self.tokens.input,
            output: self.tokens.output,
            cache_read: self.tokens.cache_read,
            cache_write: self.tokens.cache_write,
            total: None,
            cost_usd: self.cost_usd,
            duration_ns: self.duration_ns,
        }
    }
}

fn is_by_the_way(round: Wire<'_>) -> bool {
    matches!(round.text("type"), Some("advisor_message" | "compaction"))
}

/// What the agent says that a session used, of all its models; `None` where it does not say.
pub(super) fn session_usage(model_usage: Wire<'_>) -> Option<ModelUsage> {
    let models = model_usage.0.as_object().filter(|models| !models.is_empty())?;
    let mut sum = ModelUsage { provider: Some(PROVIDER.to_owned()), ..ModelUsage::default() };
    for usage in models.values().map(Wire) {
        let add = |sum: &mut Option<u64>, name: &str| {
            if let Some(count) = usage.whole(name) {
                *sum = Some(sum.unwrap_or(0).saturating_add(count));
            }
        };
        add(&mut sum.input, "inputTokens");
        add(&mut sum.output, "outputTokens");
        add(&mut sum.cache_read, "cacheReadInputTokens");
        add(&mut sum.cache_write, "cacheCreationInputTokens");
        sum.cost_usd = usage.amount("costUSD").map(|cost| cost + sum.cost_usd.unwrap_or(0.0)).or(sum.cost_usd);
    }
    sum.model = models.keys().next().filter(|_| models.len() == 1).map(|model| plain(model).to_owned());
    Some(sum)
}

/// A model's name without the size of its context: `claude-opus-5-5[1m]`.
fn plain(model: &str) -> &str {
    model.split('[').next().unwrap_or(model)
}
