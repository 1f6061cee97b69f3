//! Reading values whose shape Codex decides: of another type is as good as absent.

use serde_json::Value;

pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// A whole number; telemetry writes some as texts.
pub(super) fn whole(value: &Value, key: &str) -> Option<u64> {
    let value = value.get(key)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
