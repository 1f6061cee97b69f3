//! What a model's tokens cost: a dated table of list prices, which a configuration overrides. Pure.
//!
//! An agent names a model in its own way, its provider, its gateway and a router each in another: `price/names.rs` says by which
//! rules they are one. A model that no rule finds has no price; it is never guessed. What comes out is an estimate: the
//! table knows no discounts, subscriptions, regions or faster tiers.
//!
//! The table (`price/table.txt`) is made by `scripts/prices`. It is text that is searched line by line and never parsed as
//! a whole: most processes that hold it are hooks, which price nothing.
//!
//! ```
//! use ai_coder_events::price::{BilledTokens, Prices};
//!
//! let call = BilledTokens { input: 1_000_000, output: 100_000, ..BilledTokens::default() };
//! let cost = |model| Prices::default().cost(model, 0, &call);
//! assert_eq!(cost("claude-opus-4-6"), Some(5.0 + 2.5));
//! assert_eq!(cost("us.anthropic.claude-opus-4-6-v1"), cost("claude-opus-4-6"));
//! assert_eq!(cost("a-model-of-my-own"), None);
//! ```

use std::collections::BTreeMap;

mod names;
mod table;

pub use table::{ModelPrice, Rates};

/// Tokens of calls to one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BilledTokens {
    /// Cached ones apart.
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    /// Whatever they live.
    pub cache_write: u64,
    /// Those of them that live an hour.
    pub cache_write_1h: u64,
}

/// What the user says of a model's price.
#[derive(Clone, Debug, PartialEq)]
pub enum Override {
    Rates(Rates),
    /// It costs what this one costs.
    As(String),
}

/// The table, and what overrides it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    overrides: BTreeMap<String, Override>,
}

/// Lengths of a prompt beyond which some model asks another price.
const STEPS: &[u64] = &[100_000, 128_000, 200_000, 272_000, 512_000];

/// The greatest length that a price may depend on and `prompt` exceeds; 0 where it exceeds none. Tokens of calls that have it
/// in common can be priced as one sum.
pub fn prompt_step(prompt: u64) -> u64 {
    STEPS.iter().copied().rfind(|step| prompt > *step).unwrap_or(0)
}

impl Prices {
    /// With the user's own prices, by the names of models.
    pub fn with_overrides(overrides: impl IntoIterator<Item = (String, Override)>) -> Prices {
        Prices { overrides: overrides.into_iter().map(|(name, price)| (name.to_lowercase(), price)).collect() }
    }

    /// What a model costs, whatever it is called; `None` where it is not known.
    pub fn find(&self, model: &str) -> Option<ModelPrice> {
        let spellings = names::spellings(model);
        let said = spellings.iter().find_map(|name| self.overrides.get(name));
        match said {
            Some(Override::Rates(rates)) => Some(ModelPrice::flat(*rates)),
            Some(Override::As(other)) => table::find(&names::spellings(other)),
            None => table::find(&spellings),
        }
    }

    /// What calls with a prompt beyond `step` cost, in dollars; `None` where the model is not known.
    pub fn cost(&self, model: &str, step: u64, tokens: &BilledTokens) -> Option<f64> {
        Some(self.find(model)?.rates(step).cost(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(model: &str, step: u64, tokens: BilledTokens) -> Option<f64> {
        Prices::default().cost(model, step, &tokens)
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        const MILLION: u64 = 1_000_000;
        let check = |tokens: BilledTokens, dollars: f64| {
            let cost = cost("claude-opus-4-6", 0, tokens).unwrap();
            assert!((cost - dollars).abs() < 1e-9, "{tokens:?} cost {cost}");
        };
        let none = BilledTokens::default();
        check(BilledTokens { input: MILLION, ..none }, 5.0);
        check(BilledTokens { output: MILLION, ..none }, 25.0);
        check(BilledTokens { cache_read: MILLION, ..none }, 0.5);
        check(BilledTokens { cache_write: MILLION, ..none }, 6.25);
        check(BilledTokens { cache_write: MILLION, cache_write_1h: MILLION, ..none }, 10.0);
        check(BilledTokens { cache_write: MILLION, cache_write_1h: MILLION / 2, ..none }, 3.125 + 5.0);
        // More of a part than of the whole: a sender's mistake.
        check(BilledTokens { cache_write_1h: MILLION, ..none }, 10.0);
    }

    #[test]
    fn long_prompts_have_their_own_price() {
        let call = BilledTokens { input: 1_000_000, ..BilledTokens::default() };
        let check = |model: &str, prompt: u64, dollars: f64| assert_eq!(cost(model, prompt_step(prompt), call), Some(dollars));
        check("gemini-2.5-pro", 200_000, 1.25);
        check("gemini-2.5-pro", 200_001, 2.5);
        check("gemini-2.5-pro", 900_000, 2.5);
        check("gpt-5.4", 272_000, 2.5);
        check("gpt-5.4", 272_001, 5.0);
        check("claude-opus-4-6", 900_000, 5.0);
    }

    #[test]
    fn what_the_user_says_wins() {
        let rates = Rates { input: 1.0, output: 2.0, cache_read: None, cache_write: None, cache_write_1h: None };
        let prices = Prices::with_overrides([
            ("Claude-Opus-4-6".to_owned(), Override::Rates(rates)),
            ("our-gateway/fast".to_owned(), Override::As("gpt-5-mini".to_owned())),
            ("lost".to_owned(), Override::As("nothing-we-know".to_owned())),
        ]);
        let call = BilledTokens { input: 1_000_000, cache_read: 1_000_000, ..BilledTokens::default() };
        assert_eq!(prices.cost("us.anthropic.claude-opus-4-6-v1", 0, &call), Some(2.0));
        assert_eq!(prices.cost("our-gateway/fast", 0, &call), Some(0.25 + 0.025));
        assert_eq!(prices.cost("lost", 0, &call), None);
        assert_eq!(prices.cost("gpt-5-mini", 0, &call), Some(0.25 + 0.025));
    }
}
