//! `[prices]`: what models cost that the table does not know, or that cost others than the list says.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use crate::price::{Override, Prices, Rates};

/// Models by their names, each with its prices or the name of one that costs the same.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct PricesTable(BTreeMap<String, PriceOrName>);

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected the prices of a model, such as { input = 3, output = 15 }, or the name of one that costs the same"
)]
enum PriceOrName {
    Name(String),
    Price(PriceTable),
}

/// Dollars for a million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceTable {
    input: Dollars,
    output: Dollars,
    cache_read: Option<Dollars>,
    cache_write: Option<Dollars>,
    cache_write_1h: Option<Dollars>,
}

#[derive(Clone, Copy, Debug)]
struct Dollars(f64);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dollars, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        if dollars.is_finite() && dollars >= 0.0 {
            return Ok(Dollars(dollars));
        }
        Err(de::Error::custom(format_args!("{dollars} is no price: give dollars for a million tokens")))
    }
}

impl PricesTable {
    pub fn into_prices(self) -> Prices {
        Prices::with_overrides(self.0.into_iter().map(|(model, said)| (model, said.into_override())))
    }
}

impl PriceOrName {
    fn into_override(self) -> Override {
        match self {
            PriceOrName::Name(name) => Override::As(name),
            PriceOrName::Price(price) => {
                let dollars = |price: Option<Dollars>| price.map(|Dollars(dollars)| dollars);
                Override::Rates(Rates {
                    input: price.input.0,
                    output: price.output.0,
                    cache_read: dollars(price.cache_read),
                    cache_write: dollars(price.cache_write),
                    cache_write_1h: dollars(price.cache_write_1h),
                })
            }
        }
    }
}
