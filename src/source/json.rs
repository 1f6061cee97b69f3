//! Looking into parsed JSON whose shape another program decides: a value of an unexpected type is as good as absent.

use serde_json::{Map, Value};

use crate::event::Time;

use super::{Refusal, loose::read_object};

/// One JSON object that another program wrote.
///
/// # Errors
/// [`Refusal`] where `bytes` are none.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Refusal> {
    read_object::<Map<String, Value>>(bytes).map(Value::Object)
}

/// The text under `name`; absent and empty text are one.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The first text that one of `names` has: agents spell a field in more than one way.
pub(super) fn first_text<'v>(value: &'v Value, names: &[&str]) -> Option<&'v str> {
    names.iter().find_map(|name| text(value, name))
}

/// The number under `name`, zero or more; JavaScript and OpenTelemetry write some as fractions or as text.
pub(super) fn whole(value: &Value, name: &str) -> Option<u64> {
    let number = value.get(name)?;
    let fraction =
        || number.as_f64().filter(|number| (0.0..=f64::from(u32::MAX)).contains(number)).map(|number| number.round() as u64);
    number.as_u64().or_else(fraction).or_else(|| number.as_str()?.parse().ok())
}

pub(super) fn truth(value: &Value, name: &str) -> Option<bool> {
    let truth = value.get(name)?;
    truth.as_bool().or_else(|| truth.as_str()?.parse().ok())
}

pub(super) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The moment under `name`: RFC 3339, or milliseconds since 1970.
pub(super) fn time(value: &Value, name: &str) -> Option<Time> {
    if let Some(written) = text(value, name) {
        return Time::parse(written);
    }
    let micros = value.get(name)?.as_u64()?.checked_mul(1_000)?;
    Time::parse(&Time::from_micros(i64::try_from(micros).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unexpected_type_is_absent() {
        let value = json!({"text": "a", "empty": "", "number": 7, "fraction": 2.6, "written": "12", "wrong": -1, "truth": "true", "list": [1]});
        assert_eq!((text(&value, "text"), text(&value, "empty"), text(&value, "number")), (Some("a"), None, None));
        let numbers = ["number", "fraction", "written", "wrong", "text"].map(|name| whole(&value, name));
        assert_eq!(numbers, [Some(7), Some(3), Some(12), None, None]);
        assert_eq!((truth(&value, "truth"), truth(&value, "text")), (Some(true), None));
        assert_eq!((list(&value, "list").len(), list(&value, "text").len()), (1, 0));
        assert_eq!(first_text(&value, &["empty", "text"]), Some("a"));
    }

    #[test]
    fn times_come_in_two_spellings() {
        let value =
            json!({"iso": "2026-11-22T19:06:54.612Z", "millis": 1_795_374_414_612_u64, "far": u64::MAX, "later": 1u64 << 52});
        assert!(time(&value, "iso").is_some());
        assert_eq!(time(&value, "iso"), time(&value, "millis"));
        assert_eq!((time(&value, "far"), time(&value, "later")), (None, None));
    }
}
