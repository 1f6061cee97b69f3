//! Arguments of tools: one table per tool, from which its input schema, its checks and its error messages come. Pure.
//!
//! A model reads the message and sends again, so a refusal names the argument and what is valid there. Nothing is
//! clamped or ignored in silence.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use crate::event::{Invalid, whole_number};

#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    pub name: &'static str,
    pub kind: ArgumentKind,
    pub about: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ArgumentKind {
    /// Text that must be given, and what it is.
    Needed(&'static str),
    Text,
    /// A list of names; a single name stands for a list of one.
    Names,
    /// A cursor: text, or a bare number.
    Cursor,
    Flag,
    Whole {
        least: u64,
        most: u64,
        default: u64,
    },
    /// One of some words; the first is the default.
    Word(&'static [&'static str]),
}

impl Argument {
    fn valid(&self) -> String {
        match self.kind {
            ArgumentKind::Needed(_) | ArgumentKind::Text => "text".into(),
            ArgumentKind::Names => "a list of names, such as [\"a\", \"b\"]".into(),
            ArgumentKind::Cursor => super::cursor::Cursor::VALID.into(),
            ArgumentKind::Flag => "true or false".into(),
            ArgumentKind::Whole { least, most, .. } => format!("a whole number from {least} to {most}"),
            ArgumentKind::Word(words) => words.join(" or "),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            ArgumentKind::Needed(_) | ArgumentKind::Text | ArgumentKind::Cursor => json!({"type": "string"}),
            ArgumentKind::Names => json!({"type": "array", "items": {"type": "string"}}),
            ArgumentKind::Flag => json!({"type": "boolean", "default": false}),
            ArgumentKind::Whole { least, most, default } => {
                json!({"type": "integer", "minimum": least, "maximum": most, "default": default})
            }
            ArgumentKind::Word(words) => json!({"type": "string", "enum": words, "default": words[0]}),
        };
        schema["description"] = self.about.into();
        schema
    }

    /// The value in its one form, or why it is none.
    fn read(&self, given: Value) -> Result<Value, Invalid> {
        let value = match (self.kind, given) {
            (ArgumentKind::Cursor, Value::Number(number)) if number.is_u64() => number.to_string().into(),
            (ArgumentKind::Names, Value::String(name)) => json!([name]),
            (_, given) => given,
        };
        let is_valid = match (self.kind, &value) {
            (ArgumentKind::Needed(_) | ArgumentKind::Text | ArgumentKind::Cursor, Value::String(_)) => true,
            (ArgumentKind::Flag, Value::Bool(_)) => true,
            (ArgumentKind::Names, Value::Array(names)) => names.iter().all(Value::is_string),
            (ArgumentKind::Whole { least, most, .. }, number) => {
                whole_number(number).is_some_and(|number| (least..=most).contains(&number))
            }
            (ArgumentKind::Word(words), Value::String(word)) => words.contains(&word.as_str()),
            _ => false,
        };
        if is_valid { Ok(value) } else { Err(Invalid::wrong(self.name, &value, &self.valid())) }
    }
}

/// The input schema of a tool with these arguments.
pub(super) fn schema(table: &[Argument]) -> Arc<JsonObject> {
    let properties: JsonObject = table.iter().map(|argument| (argument.name.to_owned(), argument.schema())).collect();
    let needed = table
        .iter()
        .filter(|argument| matches!(argument.kind, ArgumentKind::Needed(_)))
        .map(|argument| argument.name)
        .collect::<Vec<_>>();
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    if !needed.is_empty() {
        schema.insert("required".into(), needed.into());
    }
    schema.insert("additionalProperties".into(), false.into());
    Arc::new(schema)
}

/// The arguments of one call, each known and of its kind.
#[derive(Debug)]
pub(super) struct Arguments {
    table: &'static [Argument],
    values: JsonObject,
}

impl Arguments {
    /// Absent, `null`, and empty text all mean that an argument is missing.
    ///
    /// # Errors
    /// [`Invalid`] that names the argument and what is valid there.
    pub fn check(table: &'static [Argument], given: Option<JsonObject>) -> Result<Arguments, Invalid> {
        let mut values = JsonObject::new();
        for (name, value) in given.unwrap_or_default() {
            let Some(argument) = table.iter().find(|argument| argument.name == name) else { return Err(unknown(table, &name)) };
            if !(value.is_null() || value == "") {
                values.insert(name, argument.read(value)?);
            }
        }
        for argument in table {
            if let (ArgumentKind::Needed(valid), false) = (argument.kind, values.contains_key(argument.name)) {
                return Err(Invalid::missing(argument.name, valid));
            }
        }
        Ok(Arguments { table, values })
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    pub fn needed(&self, name: &str) -> &str {
        self.text(name).expect("a needed argument is there once the arguments are checked")
    }

    pub fn names(&self, name: &str) -> Vec<&str> {
        self.values.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn whole(&self, name: &str) -> u64 {
        match (self.values.get(name).and_then(whole_number), self.kind(name)) {
            (Some(number), _) => number,
            (None, ArgumentKind::Whole { default, .. }) => default,
            (None, kind) => unreachable!("`{name}` is declared as {kind:?}"),
        }
    }

    pub fn word(&self, name: &str) -> &str {
        match (self.text(name), self.kind(name)) {
            (Some(word), _) => word,
            (None, ArgumentKind::Word(words)) => words[0],
            (None, kind) => unreachable!("`{name}` is declared as {kind:?}"),
        }
    }

    fn kind(&self, name: &str) -> ArgumentKind {
        self.table.iter().find(|argument| argument.name == name).expect("tools ask only for arguments of their table").kind
    }
}

fn unknown(table: &[Argument], name: &str) -> Invalid {
    let valid = table.iter().map(|argument| format!("`{}`", argument.name)).collect::<Vec<_>>().join(", ");
    Invalid::new(name, format_args!("unknown argument `{}`: valid are {valid}", super::untrusted::echo(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Argument] = &[
        Argument { name: "coder_id", kind: ArgumentKind::Needed("the id of the coder"), about: "Id." },
        Argument { name: "types", kind: ArgumentKind::Names, about: "Types." },
        Argument { name: "limit", kind: ArgumentKind::Whole { least: 1, most: 1000, default: 50 }, about: "How many." },
        Argument { name: "cursor", kind: ArgumentKind::Cursor, about: "Where to go on." },
        Argument { name: "order", kind: ArgumentKind::Word(&["newest", "oldest"]), about: "Order." },
        Argument { name: "loud", kind: ArgumentKind::Flag, about: "Loud." },
    ];

    fn check(given: Value) -> Result<Arguments, Invalid> {
        let Value::Object(given) = given else { panic!("{given} is no object") };
        Arguments::check(TABLE, Some(given))
    }

    #[test]
    fn reads_what_is_given_and_fills_defaults() {
        let given =
            check(json!({"coder_id": "a", "types": "progress", "limit": 3.0, "cursor": 1042, "loud": true})).expect("valid");
        assert_eq!((given.needed("coder_id"), given.names("types"), given.whole("limit")), ("a", vec!["progress"], 3));
        assert_eq!((given.text("cursor"), given.word("order"), given.flag("loud")), (Some("1042"), "newest", true));
        let given = check(json!({"coder_id": "a", "types": null, "cursor": "", "limit": null, "order": null})).expect("valid");
        assert_eq!(
            (given.names("types").len(), given.whole("limit"), given.text("cursor"), given.flag("loud")),
            (0, 50, None, false)
        );
    }

    #[test]
    fn a_refusal_names_the_argument_and_what_is_valid() {
        let refused = |given: Value, message: &str| {
            assert_eq!(check(given).map(|given| given.values).unwrap_err().to_string(), message);
        };
        refused(json!({}), "`coder_id` is missing: give the id of the coder");
        refused(json!({"coder_id": ""}), "`coder_id` is missing: give the id of the coder");
        refused(json!({"coder_id": 7}), "`coder_id` is `7`: give text");
        refused(json!({"coder_id": "a", "limit": 0}), "`limit` is `0`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": 1001}), "`limit` is `1001`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": 1.5}), "`limit` is `1.5`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": -1}), "`limit` is `-1`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "limit": "50"}), "`limit` is `\"50\"`: give a whole number from 1 to 1000");
        refused(json!({"coder_id": "a", "types": [1]}), "`types` is `[1]`: give a list of names, such as [\"a\", \"b\"]");
        refused(json!({"coder_id": "a", "order": "latest"}), "`order` is `\"latest\"`: give newest or oldest");
        refused(json!({"coder_id": "a", "loud": "yes"}), "`loud` is `\"yes\"`: give true or false");
        refused(
            json!({"coder": "a"}),
            "unknown argument `coder`: valid are `coder_id`, `types`, `limit`, `cursor`, `order`, `loud`",
        );
    }

    #[test]
    fn the_schema_says_what_the_checks_do() {
        let schema = schema(TABLE);
        assert_eq!(schema["required"], json!(["coder_id"]));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(
            schema["properties"]["limit"],
            json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 50, "description": "How many."})
        );
    }
}
