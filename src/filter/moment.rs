//! Moments as people and scripts write them: RFC 3339, an age, what only a person's clock knows.

use jiff::{
    Zoned,
    civil::{self, Date, DateTime},
};
use serde_json::Value;

use crate::event::{Invalid, Micros, Time};

/// A moment as scripts write it: RFC 3339, or an age such as `90s`, `15m`, `1h30m`, `7d`.
///
/// # Errors
/// [`Invalid`] under the name `field`.
pub fn parse_moment(field: &str, given: &str, now: Time) -> Result<Time, Invalid> {
    if let Some(time) = Time::parse(given) {
        return Ok(time);
    }
    match parse_age(given) {
        Some(age) => Ok(now.plus(-age)),
        None => Err(Invalid::wrong(
            field,
            &Value::from(given),
            "an RFC 3339 time such as 2026-11-22T19:21:00Z, a date, or an age such as 90s, 15m, 2h, 7d",
        )),
    }
}

/// A moment as people write it, too: `today`, `yesterday`, a date, `HH:MM` of today, a time without a zone, by the clock of `now`.
///
/// # Errors
/// As [`parse_moment`].
pub fn parse_local_moment(field: &str, given: &str, now: &Zoned) -> Result<Time, Invalid> {
    let micros = |moment: &Zoned| Time::from_micros(moment.timestamp().as_microsecond());
    match local(given, now) {
        Some(moment) => Ok(micros(&moment)),
        None => parse_moment(field, given, micros(now)),
    }
}

fn local(given: &str, now: &Zoned) -> Option<Zoned> {
    let here = |moment: DateTime| moment.to_zoned(now.time_zone().clone()).ok();
    let midnight = |date: Date| here(date.to_datetime(civil::Time::midnight()));
    match given {
        "today" => midnight(now.date()),
        "yesterday" => midnight(now.date().yesterday().ok()?),
        _ if given.len() == 5 => here(now.date().to_datetime(civil::Time::strptime("%H:%M", given).ok()?)),
        _ if given.len() == 10 => midnight(Date::strptime("%Y-%m-%d", given).ok()?),
        // With a zone it is no time of here.
        _ if given.contains(['T', 't', ' ']) && !given.ends_with(['Z', 'z']) && Time::parse(given).is_none() => {
            here(given.parse().ok()?)
        }
        _ => None,
    }
}

/// A span such as `90s`, `15m`, `1h30m`, `7d`, `1w`.
pub fn parse_age(given: &str) -> Option<Micros> {
    let (mut age, mut rest, mut last_unit) = (0, given, Micros::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&digits| digits > 0)?;
        let unit = match rest[digits..].chars().next()? {
            's' => Time::SECOND,
            'm' => Time::MINUTE,
            'h' => Time::HOUR,
            'd' => Time::DAY,
            'w' => 7 * Time::DAY,
            _ => return None,
        };
        // `30m1h` is a slip of the pen.
        if unit >= last_unit {
            return None;
        }
        let count: u32 = rest[..digits].parse().ok()?;
        age = Micros::from(count).checked_mul(unit)?.checked_add(age)?;
        (rest, last_unit) = (&rest[digits + 1..], unit);
    }
    (!given.is_empty()).then_some(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_ages() {
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(parse_moment("since", given, now).ok(), expected.and_then(Time::parse), "{given}");
        };
        check("15m", Some("2026-11-22T11:45:00Z"));
        check("7d", Some("2026-11-15T12:00:00Z"));
        check("1w", Some("2026-11-15T12:00:00Z"));
        check("1h30m", Some("2026-11-22T10:30:00Z"));
        check("2026-11-22T11:00:00+01:00", Some("2026-11-22T10:00:00Z"));
        for wrong in ["", "m", "-5m", "5", "5 m", "5µ", "99999999999d", "4294967295w1d", "30m1h", "1h1h", "1hm", "tomorrow"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_person_s_day_begins_at_midnight() {
        let now: Zoned = "2026-11-28T21:30:00+01:00[+01:00]".parse().expect("valid");
        let check = |given: &str, expected: Option<&str>| {
            let moment = parse_local_moment("since", given, &now).ok();
            assert_eq!(moment, expected.map(|time| Time::parse(time).expect("valid")), "{given}");
        };
        check("today", Some("2026-11-27T23:00:00Z"));
        check("yesterday", Some("2026-11-26T23:00:00Z"));
        check("2026-11-02", Some("2026-11-01T23:00:00Z"));
        check("08:15", Some("2026-11-28T07:15:00Z"));
        check("2026-11-28T10:00:00", Some("2026-11-28T09:00:00Z"));
        check("2026-11-28 10:00", Some("2026-11-28T09:00:00Z"));
        check("2026-11-28T10:00:00Z", Some("2026-11-28T10:00:00Z"));
        check("2026-11-28T10:00:00+02:00", Some("2026-11-28T08:00:00Z"));
        check("15m", Some("2026-11-28T20:15:00Z"));
        for given in ["24:00", "2026-13-01", "noon", "", "2026-11-28T25:00:00"] {
            check(given, None);
        }
    }
}
