//! The one reader of JSON whose shape another program decides: a value of an unexpected type is as good as absent.
//!
//! What JavaScript cut in the middle of a character is mended, and what is too deep or too wide to be anybody's message is left
//! out as it is read, so that a body made for harm takes no more memory than its text.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value, error::Category};

use crate::{
    event::Time,
    text::{mend_surrogates, without_byte_order_mark},
};

use super::Refusal;

/// Deeper values are left out: an event has a third of these levels.
const DEPTH_MAX: usize = 96;
/// How many values are read of one message; a value in memory takes some forty times the room of a `0,` in its text.
const VALUES_MAX: usize = 200_000;

/// One JSON object that another program wrote.
///
/// # Errors
/// [`Refusal`] where `bytes` are none.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Refusal> {
    let bytes = without_byte_order_mark(bytes);
    // Who writes from a buffer of one size writes what is behind its text too.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let bytes = &bytes[..end];
    let Some(first) = bytes.trim_ascii_start().first() else { return Err(Refusal::new("the payload is empty")) };
    // What does not begin as an object is not mended into one, however long it is.
    let mend = |error| if *first == b'{' { bounded(mend_surrogates(bytes).as_bytes()) } else { Err(error) };
    match bounded(bytes).or_else(mend) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Refusal::new("the payload is not a JSON object")),
        // Errors of this kind repeat what they found.
        Err(error) if error.classify() == Category::Data => Err(Refusal::new("the payload is not a JSON object")),
        Err(error) => Err(Refusal::new(format!("the payload is not JSON: {error}"))),
    }
}

/// The objects that stand in a line one behind the other, and what lies between them where something is broken.
pub(super) fn records_in(line: &[u8]) -> Vec<&[u8]> {
    let line = without_byte_order_mark(line);
    if serde_json::from_slice::<IgnoredAny>(line).is_ok() || !holds_several(line) {
        return vec![line];
    }
    let (mut records, mut broken, mut at) = (Vec::new(), 0, 0);
    let mut tries = 0..RESYNC_MAX;
    while at < line.len() {
        if line[at] == 0 || line[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let mut values = serde_json::Deserializer::from_slice(&line[at..]).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) if line[at] == b'{' => {
                records.extend(worth_telling(&line[broken..at]));
                let end = at + values.byte_offset();
                records.push(&line[at..end]);
                (broken, at) = (end, end);
            }
            _ => match object_from(line, at + 1).filter(|_| tries.next().is_some()) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    records.extend(worth_telling(&line[broken..]));
    records
}

/// Beginnings of objects that are tried in a broken line.
const RESYNC_MAX: usize = 64;

/// A line that is only cut off has no second object, and needs no second look.
fn holds_several(line: &[u8]) -> bool {
    line.contains(&0) || object_from(line, 1).is_some()
}

/// Where an object begins that is no part of another.
fn object_from(line: &[u8], from: usize) -> Option<usize> {
    let is_part = |at: &usize| line[..*at].trim_ascii_end().last().is_some_and(|before| b":,[".contains(before));
    let objects = line.get(from..)?.windows(2).enumerate().filter(|(_, pair)| pair == b"{\"");
    objects.map(|(at, _)| from + at).find(|at| !is_part(at))
}

/// What lies between records, but for NULs and white space.
fn worth_telling(between: &[u8]) -> Option<&[u8]> {
    let is_nothing = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let first = between.iter().position(|byte| !is_nothing(byte))?;
    let last = between.iter().rposition(|byte| !is_nothing(byte))?;
    Some(&between[first..=last])
}

/// JSON inside a text, as telemetry exports what tools were asked.
pub(super) fn within(text: &str) -> Option<Value> {
    bounded(text.as_bytes()).or_else(|_| bounded(mend_surrogates(text.as_bytes()).as_bytes())).ok()
}

/// A look at a value, and through it at what it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire<'v>(pub &'v Value);

static ABSENT: Value = Value::Null;

impl<'v> Wire<'v> {
    /// What stands under `name`; a look at nothing where nothing does.
    pub fn at(self, name: &str) -> Wire<'v> {
        Wire(self.0.get(name).unwrap_or(&ABSENT))
    }

    pub fn is_there(self) -> bool {
        !self.0.is_null()
    }

    pub fn as_text(self) -> Option<&'v str> {
        self.0.as_str().filter(|text| !text.is_empty())
    }

    /// The text under `name`; absent and empty text are one.
    pub fn text(self, name: &str) -> Option<&'v str> {
        self.at(name).as_text()
    }

    /// The first text that one of `names` has: agents spell a field in more than one way.
    pub fn first_text(self, names: &[&str]) -> Option<&'v str> {
        names.iter().find_map(|name| self.text(name))
    }

    pub fn is(self, name: &str, text: &str) -> bool {
        self.text(name) == Some(text)
    }

    /// The whole number under `name`, zero or more; JavaScript and OpenTelemetry write some as fractions or as text.
    pub fn whole(self, name: &str) -> Option<u64> {
        let number = self.at(name).0;
        let fraction = || number.as_f64().filter(|number| (0.0..=FRACTION_MAX).contains(number));
        let written = || number.as_str()?.parse().ok();
        number.as_u64().or_else(|| fraction().map(|number| number.round() as u64)).or_else(written)
    }

    /// A number that may be below zero, as an exit code is on some systems.
    pub fn signed(self, name: &str) -> Option<i64> {
        let number = self.at(name).0;
        number.as_i64().or_else(|| number.as_str()?.parse().ok())
    }

    /// OpenTelemetry writes some as text.
    pub fn number(self, name: &str) -> Option<f64> {
        let number = self.at(name).0;
        number.as_f64().or_else(|| number.as_str()?.parse().ok().filter(|number: &f64| number.is_finite()))
    }

    /// A number that cannot be below zero, such as a cost.
    pub fn amount(self, name: &str) -> Option<f64> {
        self.number(name).filter(|number| *number >= 0.0)
    }

    pub fn truth(self, name: &str) -> Option<bool> {
        let truth = self.at(name).0;
        truth.as_bool().or_else(|| truth.as_str()?.parse().ok())
    }

    pub fn list(self, name: &str) -> impl DoubleEndedIterator<Item = Wire<'v>> + ExactSizeIterator + use<'v> {
        self.at(name).0.as_array().map_or(&[][..], Vec::as_slice).iter().map(Wire)
    }

    /// The texts of a list.
    pub fn words(self) -> Vec<&'v str> {
        self.0.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// How long the text under `name` is, in bytes, or the list, in items.
    pub fn length(self, name: &str) -> Option<u64> {
        match self.at(name).0 {
            Value::String(text) => Some(text.len() as u64),
            Value::Array(list) => Some(list.len() as u64),
            _ => None,
        }
    }

    /// The moment under `name`: RFC 3339, or milliseconds since 1970.
    pub fn time(self, name: &str) -> Option<Time> {
        if let Some(written) = self.text(name) {
            return Time::parse(written);
        }
        let micros = self.at(name).0.as_u64()?.checked_mul(1_000)?;
        Time::parse(&Time::from_micros(i64::try_from(micros).ok()?).to_string())
    }
}

/// Fractions are of durations in milliseconds and counts that JavaScript divided; larger ones are no such thing.
const FRACTION_MAX: f64 = u32::MAX as f64;

fn bounded(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Bounded { left: &Cell::new(VALUES_MAX), depth: DEPTH_MAX }.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Reads a value as far as the bounds go; the rest is skipped without recursion and without a copy.
#[derive(Clone, Copy)]
struct Bounded<'b> {
    left: &'b Cell<usize>,
    depth: usize,
}

impl Bounded<'_> {
    /// The reader of what this one holds; `None` where a bound is reached.
    fn inner(self) -> Option<Self> {
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        Some(Bounded { depth: self.depth.checked_sub(1)?, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(inner) = self.inner() {
            let Some(name) = map.next_key::<String>()? else { return Ok(Value::Object(object)) };
            object.insert(name, map.next_value_seed(inner)?);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(inner) = self.inner() {
            let Some(item) = list.next_element_seed(inner)? else { return Ok(Value::Array(items)) };
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(items))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unexpected_type_is_absent() {
        let value = json!({"text": "a", "empty": "", "number": 7, "fraction": 2.6, "written": "12", "wrong": -1, "truth": "true", "list": [1]});
        let value = Wire(&value);
        assert_eq!((value.text("text"), value.text("empty"), value.text("number")), (Some("a"), None, None));
        let numbers = ["number", "fraction", "written", "wrong", "text"].map(|name| value.whole(name));
        assert_eq!(numbers, [Some(7), Some(3), Some(12), None, None]);
        assert_eq!((value.truth("truth"), value.truth("text")), (Some(true), None));
        assert_eq!((value.list("list").len(), value.list("text").len()), (1, 0));
        assert_eq!((value.length("list"), value.length("written"), value.length("number")), (Some(1), Some(2), None));
        assert_eq!(value.first_text(&["empty", "text"]), Some("a"));
        assert_eq!(value.at("list").at("nothing").text("there"), None);
    }

    #[test]
    fn times_come_in_two_spellings() {
        let value =
            json!({"iso": "2026-11-22T19:06:54.612Z", "millis": 1_795_374_414_612_u64, "far": u64::MAX, "later": 1u64 << 52});
        let value = Wire(&value);
        assert!(value.time("iso").is_some());
        assert_eq!(value.time("iso"), value.time("millis"));
        assert_eq!((value.time("far"), value.time("later")), (None, None));
    }

    #[test]
    fn what_stands_around_an_object_is_left_out() {
        for given in ["{\"a\":1}", "\u{feff}{\"a\":1}\r\n", "{\"a\":1}\0\0\0", " {\"a\":1}\n\0"] {
            assert_eq!(read(given.as_bytes()).expect("it is read"), json!({"a": 1}), "{given:?}");
        }
        assert!(read(b"{\"a\":1}\0{").is_err() && read(b"\0\0").is_err());
    }

    #[test]
    fn halves_of_characters_are_mended() {
        let cases: &[(&[u8], &str)] = &[
            (br#"{"delta":"a\ud83db"}"#, "a\u{FFFD}b"),
            (br#"{"delta":"a\ude80"}"#, "a\u{FFFD}"),
            (br#"{"delta":"\ud83d\ude80\ud83d"}"#, "\u{1F680}\u{FFFD}"),
            (br#"{"delta":"\\ud83d \ud83d"}"#, "\\ud83d \u{FFFD}"),
            (b"{\"delta\":\"a\xff\"}", "a\u{FFFD}"),
        ];
        for (given, expected) in cases {
            assert_eq!(read(given).expect("it can be mended")["delta"], *expected);
        }
    }

    #[test]
    fn what_is_no_object_is_refused_without_repeating_it() {
        let reason = |bytes: &[u8]| read(bytes).expect_err("it is no object").reason;
        assert_eq!(reason(b" \n"), "the payload is empty");
        assert_eq!(reason(b"[1]"), "the payload is not a JSON object");
        assert_eq!(reason(b"\"hunter2\""), "the payload is not a JSON object");
        assert!(reason(b"{\"a\":").starts_with("the payload is not JSON: EOF"));
        assert!(reason(b"{\"a\":1} x").starts_with("the payload is not JSON: trailing"));
    }

    #[test]
    fn what_is_too_deep_or_too_wide_is_left_out() {
        let deep = format!(r#"{{"deep":{}{},"after":"a"}}"#, "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(read(deep.as_bytes()).expect("it is JSON")["after"], "a");
        let wide = format!(r#"{{"before":"b","wide":[{}0],"after":"a"}}"#, "0,".repeat(VALUES_MAX));
        let read = read(wide.as_bytes()).expect("it is JSON");
        assert_eq!((&read["before"], &read["after"]), (&json!("b"), &Value::Null));
        assert!(read["wide"].as_array().is_some_and(|list| list.len() < VALUES_MAX));
    }
}
