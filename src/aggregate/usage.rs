//! Tokens, cost and errors, as readers see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tokens, cost and errors; zero counts are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    #[serde(default, skip_serializing_if = "Tokens::is_zero")]
    pub tokens: Tokens,
    /// What was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Of the calls whose cost nobody reported: what their tokens cost by the list of prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_estimated_usd: Option<f64>,
    /// Calls whose cost nobody reported, of models that the list does not know.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_unpriced: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub api_calls: u64,
    /// api_error and failed events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// Calls of tools that failed, which are no errors of the coder.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_tools: u64,
    /// Of api_error, rate_limit and failed events that name a code or a reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors_by_code: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rate_limits: u64,
}

impl Usage {
    /// What people are shown as one figure: what was reported and what is estimated.
    pub fn cost(&self) -> Option<f64> {
        match (self.cost_usd, self.cost_estimated_usd) {
            (None, None) => None,
            (told, estimated) => Some(told.unwrap_or(0.0) + estimated.unwrap_or(0.0)),
        }
    }

    /// Goes before that figure: whether part of it is estimated, or missing.
    pub fn cost_mark(&self) -> &'static str {
        if self.cost_estimated_usd.is_some() || self.calls_unpriced > 0 { "~" } else { "" }
    }
}

/// Tokens as the events name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
