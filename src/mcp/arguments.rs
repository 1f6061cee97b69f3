//! Arguments of tools: a struct per tool, from which its input schema, its checks and its error messages come. Pure.
//!
//! A model reads the message and sends again, so a refusal names the argument and what is valid there. Nothing is
//! clamped or ignored in silence.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use crate::event::{Invalid, whole_number};

use super::cursor::Cursor;

/// A type that an argument may have.
pub(super) trait Argument: Sized {
    /// What stands for one that is missing; where it must be given, what it is.
    fn missing() -> Result<Self, &'static str>;
    /// Gives a value back that is no such argument.
    fn read(given: Value) -> Result<Self, Value>;

    /// Text, unless it is said otherwise.
    fn valid() -> String {
        "text".into()
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

/// Arguments of one tool, a struct `Name` with `check` and `schema`: `Name { field: Type = "What it is for.", }`.
macro_rules! tool_arguments {
    ($Name:ident { $($field:ident: $Type:ty = $about:literal,)* }) => {
        struct $Name { $($field: $Type,)* }

        impl $Name {
            fn check(given: Option<rmcp::model::JsonObject>) -> Result<$Name, $crate::event::Invalid> {
                use $crate::mcp::arguments::{refuse_unknown, take};
                let mut given = given.unwrap_or_default();
                refuse_unknown(&given, &[$(stringify!($field)),*])?;
                Ok($Name { $($field: take(&mut given, stringify!($field))?,)* })
            }

            fn schema() -> std::sync::Arc<rmcp::model::JsonObject> {
                use $crate::mcp::arguments::{Argument, input_schema};
                input_schema([$(
                    (stringify!($field), $about, <$Type as Argument>::schema(), <$Type as Argument>::missing().is_err()),
                )*])
            }
        }
    };
}

pub(super) use tool_arguments;

/// Each argument's name, what it is for, its schema, and whether it must be given. Some clients take neither references
/// nor flags in a schema, so it has none.
pub(super) fn input_schema<'n>(arguments: impl IntoIterator<Item = (&'n str, &'n str, Value, bool)>) -> Arc<JsonObject> {
    let (mut properties, mut needed) = (JsonObject::new(), Vec::new());
    for (name, about, mut schema, must_be_given) in arguments {
        schema["description"] = about.into();
        properties.insert(name.to_owned(), schema);
        needed.extend(must_be_given.then(|| Value::from(name)));
    }
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    if !needed.is_empty() {
        schema.insert("required".into(), needed.into());
    }
    Arc::new(schema)
}

/// Absent, `null`, and empty text all mean that an argument is missing.
///
/// # Errors
/// [`Invalid`] that names the argument and what is valid there.
pub(super) fn take<T: Argument>(given: &mut JsonObject, name: &str) -> Result<T, Invalid> {
    match given.remove(name).filter(|value| !(value.is_null() || value == "")) {
        Some(value) => {
            let read = T::read(value).or_else(|value| said_by(&value).map_or(Err(value.clone()), T::read).map_err(|_| value));
            read.map_err(|value| Invalid::wrong(name, &value, &T::valid()))
        }
        None => T::missing().map_err(|what| Invalid::missing(name, what)),
    }
}

/// What a text says as JSON, where that is no text: some clients send numbers, flags and lists so.
pub(super) fn said_by(given: &Value) -> Option<Value> {
    let said: Value = serde_json::from_str(given.as_str()?).ok()?;
    (!said.is_string()).then_some(said)
}

/// # Errors
/// [`Invalid`] where something else than `known` is given.
pub(super) fn refuse_unknown(given: &JsonObject, known: &[&str]) -> Result<(), Invalid> {
    let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let valid = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Err(Invalid::new(name, format_args!("unknown argument `{}`: valid are {valid}", super::untrusted::echo(name))))
}

impl Argument for Option<String> {
    fn missing() -> Result<Self, &'static str> {
        Ok(None)
    }

    fn read(given: Value) -> Result<Self, Value> {
        text(given).map(Some)
    }
}

pub(super) fn text(given: Value) -> Result<String, Value> {
    match given {
        Value::String(text) => Ok(text),
        other => Err(other),
    }
}

/// A list of names; a single name stands for a list of one.
impl Argument for Vec<String> {
    fn missing() -> Result<Self, &'static str> {
        Ok(Vec::new())
    }

    fn read(given: Value) -> Result<Self, Value> {
        // No name is a list.
        let said = said_by(&given).filter(Value::is_array);
        match said.unwrap_or(given) {
            Value::String(name) => Ok(vec![name]),
            Value::Array(names) if names.iter().all(Value::is_string) => Ok(names.into_iter().flat_map(text).collect()),
            other => Err(other),
        }
    }

    fn valid() -> String {
        "a list of names, such as [\"a\", \"b\"]".into()
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string"}})
    }
}

/// One name, or a list of them.
pub(super) struct NameOrNames(pub Vec<String>);

impl Argument for NameOrNames {
    fn missing() -> Result<Self, &'static str> {
        Ok(NameOrNames(Vec::new()))
    }

    fn read(given: Value) -> Result<Self, Value> {
        Vec::read(given).map(NameOrNames)
    }

    fn valid() -> String {
        "text, or a list of texts".into()
    }

    fn schema() -> Value {
        json!({"type": ["string", "array"], "items": {"type": "string"}})
    }
}

/// Text, or a bare number.
impl Argument for Option<Cursor> {
    fn missing() -> Result<Self, &'static str> {
        Ok(None)
    }

    fn read(given: Value) -> Result<Self, Value> {
        let read = match &given {
            Value::String(text) => Cursor::parse(text).ok(),
            Value::Number(number) => Cursor::parse(&number.to_string()).ok(),
            _ => None,
        };
        read.map(Some).ok_or(given)
    }

    fn valid() -> String {
        Cursor::VALID.into()
    }
}

impl Argument for bool {
    fn missing() -> Result<Self, &'static str> {
        Ok(false)
    }

    fn read(given: Value) -> Result<Self, Value> {
        given.as_bool().ok_or(given)
    }

    fn valid() -> String {
        "true or false".into()
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

/// A whole number from `LEAST` to `MOST`.
pub(super) struct Whole<const LEAST: u64, const MOST: u64, const DEFAULT: u64>(pub u64);

impl<const LEAST: u64, const MOST: u64, const DEFAULT: u64> Argument for Whole<LEAST, MOST, DEFAULT> {
    fn missing() -> Result<Self, &'static str> {
        Ok(Whole(DEFAULT))
    }

    fn read(given: Value) -> Result<Self, Value> {
        whole_number(&given).filter(|number| (LEAST..=MOST).contains(number)).map(Whole).ok_or(given)
    }

    fn valid() -> String {
        format!("a whole number from {LEAST} to {MOST}")
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": LEAST, "maximum": MOST, "default": DEFAULT})
    }
}

/// A closed set of words; the first is the default where one is.
pub(super) trait Words: Copy + 'static {
    fn words() -> Vec<(&'static str, Self)>;
}

fn meant<T: Words>(given: &str) -> Option<T> {
    T::words().into_iter().find(|(word, _)| given == *word).map(|(_, meant)| meant)
}

fn names<T: Words>() -> Vec<&'static str> {
    T::words().into_iter().map(|(word, _)| word).collect()
}

/// One of some words.
pub(super) struct Word<T>(pub T);

impl<T: Words> Argument for Word<T> {
    fn missing() -> Result<Self, &'static str> {
        Ok(Word(T::words()[0].1))
    }

    fn read(given: Value) -> Result<Self, Value> {
        given.as_str().and_then(meant).map(Word).ok_or(given)
    }

    fn valid() -> String {
        names::<T>().join(" or ")
    }

    fn schema() -> Value {
        json!({"type": "string", "enum": names::<T>(), "default": T::words()[0].0})
    }
}

/// Any number of some words; a text names them with commas between them.
pub(super) struct SomeWords<T>(pub Vec<T>);

impl<T: Words> Argument for SomeWords<T> {
    fn missing() -> Result<Self, &'static str> {
        Ok(SomeWords(Vec::new()))
    }

    fn read(given: Value) -> Result<Self, Value> {
        let words: Option<Vec<&str>> = match &given {
            Value::String(text) => Some(text.split(',').map(str::trim).collect()),
            Value::Array(words) => words.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let read = words.and_then(|words| words.into_iter().map(meant).collect());
        read.map(SomeWords).ok_or(given)
    }

    fn valid() -> String {
        format!("one or more of {}", names::<T>().join(", "))
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string", "enum": names::<T>()}})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::detail::AnswerDetail;

    /// Must be given.
    struct Needed(String);

    impl Argument for Needed {
        fn missing() -> Result<Self, &'static str> {
            Err("the id of the coder")
        }

        fn read(given: Value) -> Result<Self, Value> {
            text(given).map(Needed)
        }
    }

    tool_arguments! {
        Example {
            coder_id: Needed = "Id.",
            types: Vec<String> = "Types.",
            limit: Whole<1, 1000, 50> = "How many.",
            cursor: Option<Cursor> = "Where to go on.",
            detail: Word<AnswerDetail> = "How much.",
            loud: bool = "Loud.",
        }
    }

    fn check(given: Value) -> Result<Example, Invalid> {
        let Value::Object(given) = given else { panic!("{given} is no object") };
        Example::check(Some(given))
    }

    #[test]
    fn reads_what_is_given_and_fills_defaults() {
        let read = |given: Value| {
            let Example { coder_id, types, limit, cursor, detail, loud } = check(given).expect("valid");
            (coder_id.0, types.join(" "), limit.0, cursor.map(|cursor| cursor.seq), detail.0, loud)
        };
        let given = json!({"coder_id": "a", "types": "progress", "limit": 3.0, "cursor": 1042, "detail": "full", "loud": true});
        assert_eq!(read(given), ("a".into(), "progress".into(), 3, Some(1042), AnswerDetail::Full, true));
        let given = json!({"coder_id": "a", "types": "[\"progress\", \"failed\"]", "limit": "3", "loud": "true"});
        assert_eq!(read(given), ("a".into(), "progress failed".into(), 3, None, AnswerDetail::Summary, true));
        let given = json!({"coder_id": "a", "types": null, "cursor": "", "limit": null, "detail": null});
        assert_eq!(read(given), ("a".into(), "".into(), 50, None, AnswerDetail::Summary, false));
    }

    #[test]
    fn a_refusal_names_the_argument_and_what_is_valid() {
        let refused = |given: Value, message: &str| {
            assert_eq!(check(given).map(|_| ()).unwrap_err().to_string(), message);
        };
        refused(json!({}), "`coder_id` is missing: give the id of the coder");
        refused(json!({"coder_id": ""}), "`coder_id` is missing: give the id of the coder");
        refused(json!({"coder_id": 7}), "`coder_id` is `7`: give text");
        refused(json!({"coder_id": "a", "limit": 0}), "`limit` is `0`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": 1001}), "`limit` is `1001`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": 1.5}), "`limit` is `1.5`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": -1}), "`limit` is `-1`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": "1001"}), "`limit` is `\"1001\"`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "types": "[1]"}), "`types` is `[1]`: give a list of names, such as [\"a\", \"b\"]");
        refused(json!({"coder_id": "a", "types": [1]}), "`types` is `[1]`: give a list of names, such as [\"a\", \"b\"]");
        refused(json!({"coder_id": "a", "detail": "latest"}), "`detail` is `\"latest\"`: give summary or full");
        refused(json!({"coder_id": "a", "loud": "yes"}), "`loud` is `\"yes\"`: give true or false");
        refused(json!({"coder_id": "a", "cursor": 1.5}), &format!("`cursor` is `1.5`: give {}", Cursor::VALID));
        refused(
            json!({"coder": "a"}),
            "unknown argument `coder`: valid are `coder_id`, `types`, `limit`, `cursor`, `detail`, `loud`",
        );
    }

    #[test]
    fn the_schema_says_what_the_checks_do() {
        let schema = Example::schema();
        assert_eq!(schema["required"], json!(["coder_id"]));
        assert_eq!(schema.get("additionalProperties"), None, "some clients take no flag there");
        assert_eq!(
            schema["properties"]["limit"],
            json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 50, "description": "How many."})
        );
    }
}
