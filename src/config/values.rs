//! Values of `config.toml` and of flags, as people write them.

use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::{event::Micros, filter::parse_age};

/// Below this not even an idle history answers; above it an agent would be the one that waits for us.
const HOOK_BUDGET_MS: std::ops::RangeInclusive<u64> = 10..=10_000;

/// A span of time: `90d`, `12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub Micros);

impl Age {
    pub(super) fn into_duration(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }
}

/// # Errors
/// Where it is no age.
pub(super) fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Age>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(de::Error::custom)
}

impl FromStr for Age {
    type Err = String;

    fn from_str(given: &str) -> Result<Age, String> {
        parse_age(given).map(Age).ok_or_else(|| format!("`{given}` is no age: give a number and a unit, such as 90d, 12h, 30m"))
    }
}

/// A number of bytes: `1GiB`, `500MiB`, `2GB`, or plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(given: &str) -> Result<Size, String> {
        let (digits, unit) =
            UNITS.iter().find_map(|(suffix, unit)| Some((given.strip_suffix(suffix)?.trim_end(), *unit))).unwrap_or((given, 1));
        let size = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
        size.map(Size).ok_or_else(|| format!("`{given}` is no size: give bytes, such as 1GiB, 500MiB, 1000000"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventCount(u64);

impl FromStr for EventCount {
    type Err = String;

    fn from_str(given: &str) -> Result<EventCount, String> {
        given.parse().map(EventCount).map_err(|_| format!("`{given}` is no count: give a whole number, such as 1000000"))
    }
}

impl From<Age> for Micros {
    fn from(Age(micros): Age) -> Micros {
        micros
    }
}

impl From<Size> for u64 {
    fn from(Size(bytes): Size) -> u64 {
        bytes
    }
}

impl From<EventCount> for u64 {
    fn from(EventCount(count): EventCount) -> u64 {
        count
    }
}

/// A bound of retention: a value, or `"none"`.
#[derive(Debug, PartialEq)]
pub(super) enum Bound<T> {
    At(T),
    None,
}

impl<T> Bound<T> {
    pub fn into_limit<L: From<T>>(self) -> Option<L> {
        match self {
            Bound::At(value) => Some(value.into()),
            Bound::None => None,
        }
    }
}

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for Bound<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bound<T>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number, or text such as \"90d\", \"1GiB\" or \"none\"")]
        enum NumberOrText {
            Number(u64),
            Text(String),
        }
        let text = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Text(text) if text == "none" => return Ok(Bound::None),
            NumberOrText::Text(text) => text,
            NumberOrText::Number(number) => number.to_string(),
        };
        text.parse().map(Bound::At).map_err(de::Error::custom)
    }
}

#[derive(Debug)]
pub(super) struct BudgetMs(pub u64);

impl<'de> Deserialize<'de> for BudgetMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BudgetMs, D::Error> {
        let ms = u64::deserialize(deserializer)?;
        if HOOK_BUDGET_MS.contains(&ms) {
            return Ok(BudgetMs(ms));
        }
        let (least, most) = (HOOK_BUDGET_MS.start(), HOOK_BUDGET_MS.end());
        Err(de::Error::custom(format_args!("`budget_ms` is {ms}: give {least} to {most}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_with_or_without_a_unit() {
        let check = |given: &str, bytes: Option<u64>| assert_eq!(given.parse::<Size>().ok().map(u64::from), bytes, "{given}");
        check("0", Some(0));
        check("1024", Some(1024));
        check("512B", Some(512));
        check("10KiB", Some(10 << 10));
        check("1GiB", Some(1 << 30));
        check("1 GiB", Some(1 << 30));
        check("2GB", Some(2_000_000_000));
        for wrong in ["", "GiB", "-1", "1.5GiB", "99999999999TiB", "1gib "] {
            check(wrong, None);
        }
    }
}
