//! Tokens: whose they are, and who tells them.
//!
//! Codex tells its tokens in three ways: the rollout and the telemetry call by call, which have no id in common and are one by
//! their figures; the JSON output of `codex exec` once a turn, as the sum of the thread so far, of which the history keeps what no
//! call told.

use super::thread::{Thread, print};
use crate::{
    event::{DataKey, Time},
    source::{
        fact::{Fact, ModelUsage, Told},
        json::Wire,
    },
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenSum {
    /// Cached ones and all.
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
}

impl TokenSum {
    /// As the rollout and the JSON output write them.
    pub fn read(usage: Wire<'_>) -> Option<TokenSum> {
        Some(TokenSum {
            input: usage.whole("input_tokens")?,
            cached: usage.whole("cached_input_tokens").unwrap_or(0),
            cache_write: usage.whole("cache_write_input_tokens").unwrap_or(0),
            output: usage.whole("output_tokens")?,
        })
    }

    /// As the attributes of telemetry have them.
    pub fn of_attributes(attributes: Wire<'_>) -> Option<TokenSum> {
        Some(TokenSum {
            input: attributes.whole("input_token_count")?,
            cached: attributes.whole("cached_token_count").unwrap_or(0),
            cache_write: attributes.whole("cache_write_token_count").unwrap_or(0),
            output: attributes.whole("output_token_count")?,
        })
    }

    pub fn plus(self, more: TokenSum) -> TokenSum {
        TokenSum {
            input: self.input.saturating_add(more.input),
            cached: self.cached.saturating_add(more.cached),
            cache_write: self.cache_write.saturating_add(more.cache_write),
            output: self.output.saturating_add(more.output),
        }
    }

    /// What came since the sum was `earlier`; all of it where it was counted from the beginning again.
    pub fn since(self, earlier: TokenSum) -> TokenSum {
        let since = || {
            Some(TokenSum {
                input: self.input.checked_sub(earlier.input)?,
                cached: self.cached.checked_sub(earlier.cached)?,
                cache_write: self.cache_write.checked_sub(earlier.cache_write)?,
                output: self.output.checked_sub(earlier.output)?,
            })
        };
        since().unwrap_or(self)
    }

    /// What stands for them in a key.
    pub fn print(self) -> String {
        format!("{}-{}-{}-{}", self.input, self.cached, self.cache_write, self.output)
    }
}

/// A call to the model.
#[derive(Clone, Debug, Default)]
pub(super) struct CodexUsage<'c> {
    pub provider: Option<&'c str>,
    pub model: Option<&'c str>,
    pub tokens: TokenSum,
}

impl CodexUsage<'_> {
    pub fn usage(&self) -> ModelUsage {
        let TokenSum { input, cached, cache_write, output } = self.tokens;
        ModelUsage {
            provider: self.provider.map(str::to_owned),
            model: self.model.map(str::to_owned),
            total: Some(input.saturating_add(output)),
            input: Some(input.saturating_sub(cached).saturating_sub(cache_write)),
            output: Some(output),
            cache_read: Some(cached),
            cache_write: Some(cache_write),
            ..ModelUsage::default()
        }
    }

    /// Known by its response's id where the channel has it, and by its tokens, which no two calls in a row share.
    pub fn told(&self, thread: &Thread, response: Option<&str>) -> Told {
        let said = ["api", &self.tokens.print()];
        let ids = match response {
            Some(response) => thread.who.own_provided(response, &["api", response]).or_said(&thread.who, &said),
            None => thread.who.repeat(&said),
        };
        thread.says(Fact::Called(self.usage())).known_by(ids)
    }
}

/// The calls of a rollout. One is held back until it is known whether it is its turn's last: histories of before schema 6 know
/// that one by the turn where the session is one of `codex exec`.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The session is one of `codex exec`.
    pub is_exec: bool,
    pub provider: Option<String>,
    pub model: Option<String>,
    /// Of the provider's limit, how much was used when last told.
    pub limit_used_percent: Option<f64>,
    held: Option<HeldCall>,
    thread: TokenSum,
    has_records: bool,
    /// What the context held when last told, and has room for.
    context: Option<(u64, Option<u64>)>,
}

#[derive(Debug)]
struct HeldCall {
    response: String,
    tokens: TokenSum,
    at: Option<Time>,
}

impl Account {
    /// `token_usage_record`: one call.
    pub fn record(&mut self, thread: &Thread, record: Wire<'_>, at: Option<Time>) -> Option<Told> {
        let tokens = TokenSum::read(record.at("usage"))?;
        let total = TokenSum::read(record.at("thread_token_usage")).unwrap_or_else(|| self.thread.plus(tokens));
        let response = record.text("response_id").map_or_else(|| print(&total.print()), str::to_owned);
        self.has_records = true;
        self.add(thread, HeldCall { response, tokens, at }, total)
    }

    /// `token_count`: the sum so far, told again whenever a limit changes. Older versions tell nothing else.
    pub fn count(&mut self, thread: &Thread, count: Wire<'_>, at: Option<Time>) -> Option<Told> {
        if let Some(percent) = count.at("rate_limits").at("primary").number("used_percent") {
            self.limit_used_percent = Some(percent);
        }
        let info = count.at("info");
        if let Some(tokens) = info.at("last_token_usage").whole("total_tokens") {
            self.context = Some((tokens, info.whole("model_context_window")));
        }
        let total = TokenSum::read(count.at("info").at("total_token_usage"))?;
        if self.has_records || total == self.thread {
            return None;
        }
        let response = format!("total-{}", total.print());
        self.add(thread, HeldCall { response, tokens: total.since(self.thread), at }, total)
    }

    /// What the context holds at the end of `turn`.
    pub fn context_used(&mut self, thread: &Thread, turn: &str) -> Option<Told> {
        let (tokens, window) = self.context.take()?;
        Some(thread.says(Fact::ContextUsed { tokens, window }).known_by(thread.who.own(&["context", turn])))
    }

    /// What a copied line tells: the sum goes on from there.
    pub fn begin_from(&mut self, copied: Wire<'_>) {
        let sum = TokenSum::read(copied.at("info").at("total_token_usage")).or(TokenSum::read(copied.at("thread_token_usage")));
        self.thread = sum.unwrap_or(self.thread);
    }

    fn add(&mut self, thread: &Thread, call: HeldCall, total: TokenSum) -> Option<Told> {
        let before = self.tell(thread, None);
        self.thread = total;
        self.held = Some(call);
        before
    }

    /// The call held back; `turn` is the one whose last it is.
    pub fn tell(&mut self, thread: &Thread, turn: Option<&str>) -> Option<Told> {
        let HeldCall { response, tokens, at } = self.held.take()?;
        let call = CodexUsage { provider: self.provider.as_deref(), model: self.model.as_deref(), tokens };
        let told = call.told(thread, Some(&response));
        let told = match turn.filter(|_| self.is_exec) {
            Some(turn) => Told { ids: told.ids.once_known_by(&thread.who, &["turn", turn, "api"]), ..told },
            None => told,
        };
        let told = told.with(DataKey::ResponseId, Some(response)).with(DataKey::LimitUsedPercent, self.limit_used_percent);
        Some(Told { at, ..told })
    }

    /// The call held back, where it needs not wait for its turn's end.
    pub fn tell_early(&mut self, thread: &Thread) -> Option<Told> {
        if self.is_exec { None } else { self.tell(thread, None) }
    }
}
