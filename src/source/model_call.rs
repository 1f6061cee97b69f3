//! A call to a model, in numbers that mean the same for every agent.

use crate::event::{Body, EventType, Provider, Time};

use super::session::bounded;

/// What a channel counted; `prompt` includes what was read from and written to the provider's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub prompt: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// Including what the model thought.
    pub output: Option<u64>,
    pub total: Option<u64>,
}

impl Tokens {
    /// The body of an `api_call`. A prompt that is smaller than its cached part was counted without it.
    pub fn body(self, provider: Option<&str>, model: Option<&str>, duration: Option<u64>) -> Body {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        let input_tokens = self.prompt.map(|prompt| prompt.checked_sub(cached).unwrap_or(prompt));
        let whole = input_tokens.zip(self.output).map(|(input, output)| input.saturating_add(cached).saturating_add(output));
        Body::Provider(Provider {
            provider: provider.map(bounded),
            model: model.map(bounded),
            tokens_used: self.total.or(whole),
            duration,
            input_tokens,
            output_tokens: self.output,
            cache_read_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            ..Provider::default()
        })
    }
}

/// A call that failed: which kind of event it is, and its body.
pub(super) fn failure(
    provider: Option<&str>,
    model: Option<&str>,
    code: Option<&str>,
    message: Option<&str>,
) -> (EventType, Body) {
    let body = Body::Provider(Provider {
        provider: provider.map(bounded),
        model: model.map(bounded),
        error_code: code.map(bounded),
        error_message: message.map(bounded),
        ..Provider::default()
    });
    let kind = if is_rate_limit(code, message) { EventType::RateLimit } else { EventType::ApiError };
    (kind, body)
}

/// How long it took, in nanoseconds.
pub(super) fn duration(start: Option<Time>, end: Option<Time>) -> Option<u64> {
    u64::try_from(end?.since(start?)).ok()?.checked_mul(1_000)
}

/// Providers and frameworks have no common name for it, but 429 is everywhere the same.
fn is_rate_limit(code: Option<&str>, message: Option<&str>) -> bool {
    let tells = |text: &str| {
        let text = text.to_ascii_lowercase().replace([' ', '-'], "_");
        let number = text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "429");
        number || ["rate_limit", "ratelimit", "too_many_requests", "resource_exhausted"].iter().any(|name| text.contains(name))
    };
    code.is_some_and(tells) || message.is_some_and(tells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cached_is_not_read_twice() {
        let check = |prompt, cache_read, cache_write, expected: (Option<u64>, Option<u64>)| {
            let tokens = Tokens { prompt, cache_read, cache_write, output: Some(42), total: None };
            let Body::Provider(body) = tokens.body(None, None, None) else { panic!("a provider's body") };
            assert_eq!((body.input_tokens, body.tokens_used), expected, "{tokens:?}");
        };
        check(Some(1500), Some(1000), None, (Some(500), Some(1542)));
        check(Some(1500), Some(1000), Some(200), (Some(300), Some(1542)));
        check(Some(1200), Some(5000), None, (Some(1200), Some(6242)));
        check(Some(7), None, None, (Some(7), Some(49)));
        check(None, Some(5), None, (None, None));
    }

    #[test]
    fn rate_limits_are_told_from_other_errors() {
        let check = |code, message, expected| assert_eq!(failure(None, None, code, message).0, expected, "{code:?} {message:?}");
        check(Some("429"), None, EventType::RateLimit);
        check(Some("RateLimitError"), None, EventType::RateLimit);
        check(Some("rate_limit_exceeded"), None, EventType::RateLimit);
        check(None, Some("got status: RESOURCE_EXHAUSTED"), EventType::RateLimit);
        check(None, Some("Request failed (429): slow down"), EventType::RateLimit);
        check(Some("500"), Some("request 14290 failed"), EventType::ApiError);
        check(None, None, EventType::ApiError);
    }
}
