//! `[budget]`: what may be spent before it is warned of.

use serde::Deserialize;

use crate::aggregate::Budget;

use super::Error;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BudgetTable {
    per_day_usd: Option<f64>,
    per_coder_usd: Option<f64>,
    per_day_tokens: Option<u64>,
    per_coder_tokens: Option<u64>,
}

impl BudgetTable {
    /// # Errors
    /// Where an amount is none.
    pub fn into_budget(self) -> Result<Budget, Error> {
        for (key, value) in [("per_day_usd", self.per_day_usd), ("per_coder_usd", self.per_coder_usd)] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value >= 0.0)) {
                return Err(Error::Budget { key, value });
            }
        }
        let BudgetTable { per_day_usd, per_coder_usd, per_day_tokens, per_coder_tokens } = self;
        Ok(Budget { per_day_usd, per_coder_usd, per_day_tokens, per_coder_tokens })
    }
}
