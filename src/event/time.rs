//! A moment, in whole microseconds since 1970 UTC: what the history stores and compares.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time in microseconds.
pub type Micros = i64;

/// A moment; ordered, and written as RFC 3339 in UTC with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Micros);

impl Time {
    pub const SECOND: Micros = 1_000_000;
    pub const MINUTE: Micros = 60 * Self::SECOND;
    pub const HOUR: Micros = 60 * Self::MINUTE;
    pub const DAY: Micros = 24 * Self::HOUR;

    /// Where Go's `time.Time{}` lies: "no time was set", never a moment.
    const GO_ZERO: Time = Time(-62_135_596_800 * Self::SECOND);
    const YEAR_10000: Time = Time(253_402_300_800 * Self::SECOND);

    pub const fn from_micros(micros: Micros) -> Time {
        Time(micros)
    }

    pub const fn micros(self) -> Micros {
        self.0
    }

    /// RFC 3339; finer digits than microseconds are cut. `None` where the text is no such time or lies outside the years 1 to 9999.
    pub fn parse(text: &str) -> Option<Time> {
        let time = Time(jiff::Timestamp::from_str(text).ok()?.as_microsecond());
        time.is_writable().then_some(time)
    }

    /// Whether it reads back as it is written.
    pub(crate) fn is_writable(self) -> bool {
        Self::GO_ZERO <= self && self < Self::YEAR_10000
    }

    pub fn is_go_zero(self) -> bool {
        self == Self::GO_ZERO
    }

    pub fn plus(self, span: Micros) -> Time {
        Time(self.0.saturating_add(span))
    }

    /// How long after `earlier` this is; negative where it is before.
    pub fn since(self, earlier: Time) -> Micros {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of the `width`-long span this lies in.
    pub fn floor(self, width: Micros) -> Time {
        Time(self.0.div_euclid(width) * width)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl From<SystemTime> for Time {
    fn from(clock: SystemTime) -> Time {
        match clock.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Time(after.as_micros().try_into().unwrap_or(Micros::MAX)),
            Err(before) => Time(-before.duration().as_micros().try_into().unwrap_or(Micros::MAX)),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let check = |given: &str, written: Option<&str>| {
            assert_eq!(Time::parse(given).map(|time| time.to_string()).as_deref(), written, "{given}");
        };
        check("2026-11-22T19:21:00.123456Z", Some("2026-11-22T19:21:00.123456Z"));
        check("2026-11-22T19:21:00.123456789Z", Some("2026-11-22T19:21:00.123456Z"));
        check("2026-11-22T19:21:00+02:00", Some("2026-11-22T17:21:00.000000Z"));
        check("1969-12-31T23:59:59.5Z", Some("1969-12-31T23:59:59.500000Z"));
        check("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00.000000Z"));
        check("-000001-01-01T00:00:00Z", None);
        check("2026-11-22T19:21:00", None);
        check("yesterday", None);
        assert!(Time::parse("0001-01-01T00:00:00Z").is_some_and(Time::is_go_zero));
    }

    #[test]
    fn floors_towards_the_past() {
        assert_eq!(Time(-1).floor(Time::MINUTE), Time(-Time::MINUTE));
        assert_eq!(Time(Time::MINUTE + 1).floor(Time::MINUTE), Time(Time::MINUTE));
    }
}
