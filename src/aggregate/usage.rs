//! Tokens, cost and errors, as readers see them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens, cost and errors; zero counts are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Usage {
    #[serde(default, skip_serializing_if = "Tokens::is_zero")]
    pub tokens: Tokens,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub api_calls: u64,
    /// api_error and failed events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// Of api_error, rate_limit and failed events that name a code or a reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors_by_code: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rate_limits: u64,
}

/// Tokens as the events name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// As `total`, under the name that events have for it.
    pub used: u64,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// Call by call what was told as its sum, and never less than its parts.
    pub total: u64,
}

impl Tokens {
    pub fn is_zero(&self) -> bool {
        *self == Tokens::default()
    }
}

pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}
