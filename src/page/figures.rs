//! Times, spans and sums as a page shows them.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::{
    aggregate::Usage,
    event::{Micros, Time},
    style,
    text::thousands,
};

/// By the clock of whoever reads.
pub fn local(at: Time, zone: &TimeZone) -> Zoned {
    Timestamp::from_microsecond(at.micros()).unwrap_or_default().to_zoned(zone.clone())
}

/// `2026-11-28 09:14:02`
pub fn moment(at: Time, zone: &TimeZone) -> String {
    local(at, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `09:14`
pub fn minute(at: Time, zone: &TimeZone) -> String {
    local(at, zone).strftime("%H:%M").to_string()
}

/// `09:14:02`
pub fn clock(at: Time, zone: &TimeZone) -> String {
    local(at, zone).strftime("%H:%M:%S").to_string()
}

/// `340 ms`, `9.5 s`, `1 m 39 s`, `2 h 05 m`; empty where it is nothing.
pub fn span(span: Micros) -> String {
    let millis = span / 1000;
    match millis {
        ..=0 => String::new(),
        1..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", millis / 60_000, millis / 1000 % 60),
        _ => format!("{} h {:02} m", thousands(millis.unsigned_abs() / 3_600_000), millis / 60_000 % 60),
    }
}

/// `3 prompts`
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// `268,400 in, 2,200 out, ~$0.41`: what is known of it.
pub fn usage(usage: &Usage) -> Vec<String> {
    let tokens = &usage.tokens;
    let read = tokens.input + tokens.cache_read + tokens.cache_write;
    let parts = [
        (read > 0 || tokens.output > 0).then(|| format!("{} in, {} out", thousands(read), thousands(tokens.output))),
        (read == 0 && tokens.output == 0 && tokens.total > 0).then(|| format!("{} tokens", thousands(tokens.total))),
        Some(style::cost(usage)).filter(|cost| !cost.is_empty()),
    ];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_two_units() {
        let spans = [0, 340, 9_540, 99_000, 7_500_000].map(|millis: i64| span(millis * 1000));
        assert_eq!(spans, ["", "340 ms", "9.5 s", "1 m 39 s", "2 h 05 m"]);
    }
}
