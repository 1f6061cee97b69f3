//! What may be spent: in dollars and tokens, by all coders on one day and by one coder in all. Pure.

use super::Usage;

/// What the configuration allows; nothing said is no bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    pub per_day_usd: Option<f64>,
    pub per_coder_usd: Option<f64>,
    pub per_day_tokens: Option<u64>,
    pub per_coder_tokens: Option<u64>,
}

/// One bound, and what was spent of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpentShare {
    /// The key of the configuration.
    pub budget: &'static str,
    pub limit: f64,
    pub spent: f64,
    /// As a person reads it: `~$9.20 of $10.00`.
    pub told: String,
}

impl Budget {
    pub fn is_of_days(&self) -> bool {
        self.per_day_usd.is_some() || self.per_day_tokens.is_some()
    }

    pub fn is_of_coders(&self) -> bool {
        self.per_coder_usd.is_some() || self.per_coder_tokens.is_some()
    }

    /// How a day's budgets stand.
    pub fn of_day(&self, usage: &Usage) -> Vec<SpentShare> {
        shares([("per_day_usd", self.per_day_usd), ("per_day_tokens", self.per_day_tokens.map(|most| most as f64))], usage)
    }

    /// How a coder's budgets stand.
    pub fn of_coder(&self, usage: &Usage) -> Vec<SpentShare> {
        shares(
            [("per_coder_usd", self.per_coder_usd), ("per_coder_tokens", self.per_coder_tokens.map(|most| most as f64))],
            usage,
        )
    }
}

/// Dollars, then tokens.
fn shares(limits: [(&'static str, Option<f64>); 2], usage: &Usage) -> Vec<SpentShare> {
    let [(usd, usd_max), (tokens, tokens_max)] = limits;
    let cost = usd_max.map(|limit| {
        let spent = usage.cost().unwrap_or(0.0);
        let mut told = format!("{}${spent:.2} of ${limit:.2}", usage.cost_mark());
        if usage.cost_estimated_usd.is_some() {
            told.push_str(", in part an estimate by list prices");
        }
        SpentShare { budget: usd, limit, spent, told }
    });
    let tokens = tokens_max.map(|limit| {
        let spent = usage.tokens.total as f64;
        SpentShare { budget: tokens, limit, spent, told: format!("{spent:.0} of {limit:.0} tokens") }
    });
    cost.into_iter().chain(tokens).collect()
}

impl SpentShare {
    pub fn has_reached(&self, percent: u64) -> bool {
        self.spent > 0.0 && self.spent * 100.0 >= self.limit * percent as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_where_something_was_spent() {
        let budget = Budget { per_day_usd: Some(10.0), per_day_tokens: Some(1_000), ..Budget::default() };
        let reached = |cost: f64, tokens: u64| {
            let mut usage = Usage { cost_usd: Some(cost), ..Usage::default() };
            usage.tokens.total = tokens;
            let shares = budget.of_day(&usage);
            let of = |share: &SpentShare| [80, 100].map(|percent| share.has_reached(percent));
            (of(&shares[0]), of(&shares[1]))
        };
        assert_eq!(reached(7.99, 0), ([false, false], [false, false]));
        assert_eq!(reached(8.0, 999), ([true, false], [true, false]));
        assert_eq!(reached(10.0, 1_000), ([true, true], [true, true]));
        assert_eq!(Budget::default().of_coder(&Usage::default()), []);
        let nothing = Budget { per_coder_usd: Some(0.0), ..Budget::default() };
        assert!(!nothing.of_coder(&Usage::default())[0].has_reached(100));
        let guessed = Usage { cost_estimated_usd: Some(9.2), ..Usage::default() };
        assert_eq!(budget.of_day(&guessed)[0].told, "~$9.20 of $10.00, in part an estimate by list prices");
    }
}
