//! What an event carries as JSON, cleaned and redacted: a secret may be the value of a field, the second of two fields of which
//! the first names it, or a word of a list behind its option.

use std::borrow::Cow;

use serde_json::Value;

use crate::text::{self, Redactor};

use super::Data;

/// The fields of one object; `owner` is what the object itself is called.
pub(super) fn clean_object(object: Data, owner: &str, redactor: &Redactor) -> Data {
    // `{"name": "API_KEY", "value": "…"}`
    let named = NAMES.iter().find_map(|name| object.get(*name)?.as_str()).unwrap_or(owner).to_owned();
    let is_web_key = object.contains_key("kty");
    let mut cleaned = Data::new();
    let mut renamed = Vec::new();
    for (given, value) in object {
        let name = redactor.redact(&text::clean_line(&given)).into_owned();
        let says_what = if is_web_key && PRIVATE_PARTS.contains(&name.as_str()) {
            "private_key"
        } else if VALUES.contains(&name.as_str()) {
            named.as_str()
        } else {
            name.as_str()
        };
        let value = clean_value(says_what, value, redactor);
        if name == given {
            cleaned.insert(name, value);
        } else {
            renamed.push((name, value));
        }
    }
    // Two names may be one once they are clean; neither value is lost.
    for (name, value) in renamed {
        if cleaned.contains_key(&name) {
            insert_beside(&mut cleaned, name, value);
        } else {
            cleaned.insert(name, value);
        }
    }
    cleaned
}

/// Puts `value` under `_name`, with as many underscores as it takes.
pub(super) fn insert_beside(data: &mut Data, name: String, value: Value) {
    let mut free = format!("_{name}");
    while data.contains_key(&free) {
        free.insert(0, '_');
    }
    data.insert(free, value);
}

/// Fields that say what another field of their object is.
const NAMES: &[&str] = &["name", "Name", "key", "Key", "variable", "var", "header", "env", "field", "k", "n"];
/// The fields of which they say it.
const VALUES: &[&str] =
    &["value", "Value", "val", "v", "stringValue", "string_value", "intValue", "default", "content", "bytesValue"];

/// Of a key in JSON.
const PRIVATE_PARTS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "k"];

fn clean_value(name: &str, value: Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(given) => Value::String(redactor.redact_field(name, &text::clean_text(&given)).into_owned()),
        Value::Array(items) => {
            Value::Array(clean_list(items.into_iter().map(|item| clean_value(name, item, redactor)).collect(), redactor))
        }
        Value::Object(object) => Value::Object(clean_object(object, name, redactor)),
        // A password may be a number.
        Value::Number(number) => match redactor.redact_field(name, &number.to_string()) {
            Cow::Owned(mark) => Value::String(mark),
            Cow::Borrowed(_) => Value::Number(number),
        },
        plain => plain,
    }
}

/// The words of a command tell together what one alone does not: `["mysql", "-pX"]`, `["--password", "x"]`, `["API_KEY", "x1"]`.
fn clean_list(items: Vec<Value>, redactor: &Redactor) -> Vec<Value> {
    if items.iter().filter(|item| item.is_string()).nth(1).is_none() {
        return items;
    }
    let redacted = match redactor.redact(&Value::from(items.as_slice()).to_string()) {
        Cow::Owned(redacted) => serde_json::from_str(&redacted).ok(),
        Cow::Borrowed(_) => None,
    };
    redacted.filter(|redacted: &Vec<Value>| redacted.len() == items.len()).unwrap_or(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_known_by_the_field_or_the_word_beside_it() {
        let check = |given: Value, expected: Value| {
            let cleaned = clean_value("", given, &Redactor::default());
            assert_eq!(cleaned, expected);
            assert_eq!(clean_value("", cleaned, &Redactor::default()), expected, "a second time");
        };
        check(json!({"name": "API_KEY", "value": "x y"}), json!({"name": "API_KEY", "value": "[redacted: api key]"}));
        check(
            json!({"key": "db_password", "value": {"stringValue": "x"}}),
            json!({"key": "db_password", "value": {"stringValue": "[redacted: password]"}}),
        );
        check(json!({"name": "path", "value": "x"}), json!({"name": "path", "value": "x"}));
        check(json!(["deploy", "--password", "x", 5]), json!(["deploy", "--password", "[redacted: password]", 5]));
        check(json!(["mysql", "-uroot", "-psecret1"]), json!(["mysql", "-uroot", "-p[redacted: password]"]));
        check(json!(["curl", "-u", "bob:x1"]), json!(["curl", "-u", "bob:[redacted: password]"]));
        check(json!([["X-Api-Key", "a1b2c3d4e5f6"]]), json!([["X-Api-Key", "[redacted: api key]"]]));
        check(json!(["password", "token", "a b"]), json!(["password", "token", "a b"]));
    }
}
