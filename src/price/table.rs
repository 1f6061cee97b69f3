//! The table of list prices: lines of text in order, found by halving.

use std::cmp::Ordering;

use super::{BilledTokens, names::is_number};

const TABLE: &str = include_str!("table.txt");

/// Dollars for a million tokens of each kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub input: f64,
    pub output: f64,
    /// As other input, where the provider has no price of its own for it; so below.
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    /// As what lives for minutes, where there is no other price.
    pub cache_write_1h: Option<f64>,
}

/// What a model costs.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelPrice {
    /// Tokens that a prompt may have; `None` where that is not known.
    pub context_window: Option<u64>,
    rates: Rates,
    /// What holds for prompts longer than this, the longest last.
    longer: Vec<(u64, Rates)>,
}

impl Rates {
    pub fn cost(&self, tokens: &BilledTokens) -> f64 {
        const MILLION: f64 = 1e6;
        let &BilledTokens { input, output, cache_read, cache_write, cache_write_1h } = tokens;
        let write = self.cache_write.unwrap_or(self.input);
        let parts = [
            (input, self.input),
            (output, self.output),
            (cache_read, self.cache_read.unwrap_or(self.input)),
            (cache_write.saturating_sub(cache_write_1h), write),
            (cache_write_1h, self.cache_write_1h.unwrap_or(write)),
        ];
        parts.into_iter().map(|(count, price)| count as f64 * price).sum::<f64>() / MILLION
    }

    /// From the next five of `words`.
    fn read<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<Rates> {
        let mut price = || words.next().map(|word| word.parse::<f64>().ok());
        Some(Rates { input: price()??, output: price()??, cache_read: price()?, cache_write: price()?, cache_write_1h: price()? })
    }
}

impl ModelPrice {
    /// The same for every length of a prompt.
    pub(super) fn flat(rates: Rates) -> ModelPrice {
        ModelPrice { context_window: None, rates, longer: Vec::new() }
    }

    /// For prompts beyond `step`.
    pub(super) fn rates(&self, step: u64) -> &Rates {
        self.longer.iter().rfind(|(above, _)| step >= *above).map_or(&self.rates, |(_, rates)| rates)
    }

    fn read(line: &str) -> Option<ModelPrice> {
        let mut words = line.split(' ').skip(1);
        let context_window = words.next()?.parse().ok();
        let rates = Rates::read(&mut words)?;
        let mut longer = Vec::new();
        while let Some(above) = words.next().and_then(|word| word.strip_prefix('>')) {
            longer.push((above.parse().ok()?, Rates::read(&mut words)?));
        }
        Some(ModelPrice { context_window, rates, longer })
    }
}

/// The price of the first of `names` that is in the table, or is there with a date.
pub(super) fn find(names: &[String]) -> Option<ModelPrice> {
    let exact = names.iter().find_map(|name| line_at(name).filter(|line| name_in(line) == name));
    let dated = || names.iter().find_map(|name| line_at(&format!("{name}-20")).filter(|line| is_dated(name_in(line), name)));
    ModelPrice::read(exact.or_else(dated)?)
}

fn is_dated(found: &str, name: &str) -> bool {
    found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).is_some_and(|date| is_number(date, 8))
}

fn name_in(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// The first line whose name is not before `name`.
fn line_at(name: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = TABLE[..middle].rfind('\n').map_or(0, |newline| newline + 1);
        let end = TABLE[middle..].find('\n').map_or(TABLE.len(), |newline| middle + newline + 1);
        match name_in(&TABLE[start..end]).cmp(name) {
            Ordering::Less => low = end,
            Ordering::Equal | Ordering::Greater => high = start,
        }
    }
    TABLE[low..].lines().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::prompt_step;

    #[test]
    fn every_line_is_a_price_and_is_found() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 200 && TABLE.is_ascii() && TABLE.len() < 60_000, "{} lines", lines.len());
        assert!(lines.is_sorted_by(|a, b| name_in(a) < name_in(b)), "not in order");
        for line in lines {
            let price = ModelPrice::read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(find(&[name_in(line).to_owned()]), Some(price.clone()), "{line}");
            assert!(price.rates.input > 0.0 && price.rates.output > 0.0, "{line}");
            let words = line.split(' ').count();
            assert_eq!(words, 7 + 6 * price.longer.len(), "{line}");
            // A price that depends on a length no sum is kept for could not be found again.
            for (above, _) in &price.longer {
                assert_eq!((prompt_step(*above) < *above, prompt_step(above + 1)), (true, *above), "{line}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for name in ["", "a", "zzz", "#", "gpt-5.", "claude-opus-4-6-", "claude", "~"] {
            assert_eq!(find(&[name.to_owned()]), None, "{name}");
        }
    }
}
