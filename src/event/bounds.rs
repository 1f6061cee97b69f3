//! The most that one event may tell of what is summed, or of which the greatest is kept. What is beyond is a slip of its sender,
//! or malice, and would stay in totals for good: it is refused and told, whoever sent it.

use serde_json::{Number, Value};

use super::{Data, DataKey, Invalid};

/// The most that a number may be, and why nobody needs more.
pub(super) struct Most {
    pub most: u64,
    pub why: &'static str,
}

/// Contexts hold some millions, and the longest sessions that were told as one sum some thousand millions.
const TOKENS: Most = Most { most: 100_000_000_000, why: "tokens of one event" };
const COST_USD: Most = Most { most: 100_000, why: "US dollars of one event" };
const NANOSECONDS: Most = Most { most: 366 * 86_400_000_000_000, why: "nanoseconds, a year" };
const MILLISECONDS: Most = Most { most: 366 * 86_400_000, why: "milliseconds, a year" };
/// Beyond any machine and any file.
const MEBIBYTES: Most = Most { most: 1 << 34, why: "MiB, 16 PiB" };
const BYTES: Most = Most { most: 1 << 54, why: "bytes, 16 PiB" };
/// Ten thousand cores.
const PERCENT: Most = Most { most: 1_000_000, why: "percent of one core" };
const FILES: Most = Most { most: 1_000_000_000_000, why: "files" };
const LINES: Most = Most { most: 1_000_000_000, why: "lines of one file" };

/// The bound of a field, by its family and its name.
pub(super) fn of_field(family: &str, name: &str) -> Option<&'static Most> {
    Some(match (family, name) {
        ("provider", "tokens_used" | "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens") => &TOKENS,
        ("provider", "cost_usd") => &COST_USD,
        ("provider", "duration") => &NANOSECONDS,
        ("provider", "retry_after_ms") => &MILLISECONDS,
        ("resource", "memory_mb" | "disk_usage_mb") => &MEBIBYTES,
        ("resource", "network_bytes") => &BYTES,
        ("resource", "cpu_percent") => &PERCENT,
        ("resource", "file_count") => &FILES,
        _ => return None,
    })
}

/// Of `data`, what is summed.
pub(super) const SUMMED: [(DataKey, &Most); 5] = [
    (DataKey::CacheWrite1hTokens, &TOKENS),
    (DataKey::Covers, &TOKENS),
    (DataKey::DurationMs, &MILLISECONDS),
    (DataKey::LinesAdded, &LINES),
    (DataKey::LinesRemoved, &LINES),
];

pub(super) fn check_field(family: &str, name: &str, told: Option<impl Into<Number>>) -> Result<(), Invalid> {
    match (told, of_field(family, name)) {
        (Some(told), Some(bound)) => bound.check(name, &told.into()),
        _ => Ok(()),
    }
}

pub(super) fn check_data(data: &Data) -> Result<(), Invalid> {
    let mut told = SUMMED.iter().filter_map(|(key, bound)| Some((key.name(), data.get(key.name())?, bound)));
    told.try_for_each(|(name, value, bound)| bound.check_within(name, value))
}

impl Most {
    /// Checks every number in `value`.
    fn check_within(&self, name: &str, value: &Value) -> Result<(), Invalid> {
        match value {
            Value::Number(number) => self.check(name, number),
            Value::Array(items) => items.iter().try_for_each(|item| self.check_within(name, item)),
            Value::Object(object) => object.values().try_for_each(|item| self.check_within(name, item)),
            _ => Ok(()),
        }
    }

    fn check(&self, name: &str, number: &Number) -> Result<(), Invalid> {
        let Most { most, why } = self;
        let fits = match number.as_u64() {
            Some(number) => number <= *most,
            None => number.as_f64().is_some_and(|number| number.abs() <= *most as f64),
        };
        if fits {
            return Ok(());
        }
        Err(Invalid::wrong(name, &Value::Number(number.clone()), &format!("at most {most} ({why})")))
    }
}
