//! TokenSum: whose they are, and who tells them.
//!
//! Codex tells its tokens in three ways: the rollout and the telemetry call by call, the JSON output of `codex exec` once a
//! turn, as the sum of the thread so far. A fact cannot be taken back when its parts are heard of later, so for a session of
//! `codex exec` the sum is the fact: the rollout gives a turn's tokens to the turn's last call, which then is what the JSON
//! output tells, and the telemetry says nothing of calls that succeeded. Each other session has no JSON output, and its
//! calls have tokens of their own. What this cannot do: telemetry alone has no tokens of `codex exec`; the JSON output alone
//! of a resumed thread counts the turns before again; a turn of `codex exec` has no tokens before it is over, and none where
//! the process is killed within it and the thread never resumed.

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

/// A call, or the calls of a turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls<'c> {
    pub provider: Option<&'c str>,
    pub model: Option<&'c str>,
    pub tokens: Option<TokenSum>,
}

impl Calls<'_> {
    pub fn called(&self) -> Fact {
        let tokens = self.tokens;
        Fact::Called(ModelUsage {
            provider: self.provider.map(str::to_owned),
            model: self.model.map(str::to_owned),
            total: tokens.map(|tokens| tokens.input.saturating_add(tokens.output)),
            input: tokens.map(|tokens| tokens.input.saturating_sub(tokens.cached).saturating_sub(tokens.cache_write)),
            output: tokens.map(|tokens| tokens.output),
            cache_read: tokens.map(|tokens| tokens.cached),
            cache_write: tokens.map(|tokens| tokens.cache_write),
            ..ModelUsage::default()
        })
    }

    /// One call, by its response's id where the channel knows it, and by its tokens, which no two calls in a row share.
    pub fn call(&self, thread: &Thread, response: Option<&str>) -> Told {
        let tokens = self.tokens.unwrap_or_default().print();
        thread.known(self.called(), response.map(|response| ["api", response]), &["api", &tokens])
    }

    /// A turn's calls, by the sum of the thread's tokens after it.
    pub fn turn(&self, thread: &Thread, turn: Option<&str>, total: TokenSum) -> Told {
        thread.known(self.called(), turn.map(|turn| ["turn", turn, "api"]), &["turn", "api", &total.print()])
    }
}

/// The calls of a rollout. One is held back until it is known whether it is its turn's last.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The session is one of `codex exec`.
    pub per_turn: bool,
    pub provider: Option<String>,
    pub model: Option<String>,
    /// Of the provider's limit, how much was used when last told.
    pub limit_used_percent: Option<f64>,
    held: Option<HeldCall>,
    turn: TokenSum,
    turn_calls: u64,
    thread: TokenSum,
    has_records: bool,
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
        let total = TokenSum::read(count.at("info").at("total_token_usage"))?;
        if self.has_records || total == self.thread {
            return None;
        }
        let response = format!("total-{}", total.print());
        self.add(thread, HeldCall { response, tokens: total.since(self.thread), at }, total)
    }

    fn add(&mut self, thread: &Thread, call: HeldCall, total: TokenSum) -> Option<Told> {
        let before = self.tell(thread);
        self.turn = self.turn.plus(call.tokens);
        self.turn_calls += 1;
        self.thread = total;
        self.held = Some(call);
        before
    }

    /// The call held back, where it needs not wait for its turn's end.
    pub fn told_alone(&mut self, thread: &Thread) -> Option<Told> {
        if self.per_turn { None } else { self.tell(thread) }
    }

    /// The call held back, which is not its turn's last.
    fn tell(&mut self, thread: &Thread) -> Option<Told> {
        let call = self.held.take()?;
        let calls = Calls {
            provider: self.provider.as_deref(),
            model: self.model.as_deref(),
            tokens: (!self.per_turn).then_some(call.tokens),
        };
        let told = if self.per_turn {
            // Its tokens are told with the turn's.
            let tokens = call.tokens.input.saturating_add(call.tokens.output);
            let told = thread.says(calls.called()).with(DataKey::TotalTokens, Some(tokens));
            told.known_by(thread.who.own(&["api", &call.response]))
        } else {
            calls.call(thread, Some(&call.response))
        };
        Some(Told { at: call.at, ..self.about(told, &call.response) })
    }

    /// The turn is over.
    pub fn turn_over(&mut self, thread: &Thread, turn: Option<&str>) -> Option<Told> {
        let tokens = std::mem::take(&mut self.turn);
        let count = std::mem::take(&mut self.turn_calls);
        if !self.per_turn {
            return self.tell(thread);
        }
        let call = self.held.take()?;
        let calls = Calls { provider: self.provider.as_deref(), model: self.model.as_deref(), tokens: Some(tokens) };
        // Older versions name no turns: the last call stands for its own.
        let turn = turn.unwrap_or(&call.response);
        let told = calls.turn(thread, Some(turn), self.thread).with(DataKey::Calls, Some(count));
        Some(self.about(told, &call.response))
    }

    fn about(&self, told: Told, response: &str) -> Told {
        told.with(DataKey::ResponseId, Some(response)).with(DataKey::LimitUsedPercent, self.limit_used_percent)
    }
}
