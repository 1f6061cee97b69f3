//! How large an event may be, and how an id may look.

use serde_json::Value;

use crate::text::{self, Redactor};

use super::{Data, invalid::Invalid};

/// The longest event, as JSON, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// The longest line that is read: what the recorder puts around an event when it lists it is not held against the event.
pub const LINE_BYTES_MAX: usize = BYTES_MAX + 4 * 1024;
/// How deep an event may nest, itself included.
pub const DEPTH_MAX: usize = 32;
/// The longest id of an event or a coder, in characters.
const ID_CHARS_MAX: usize = 128;

impl Invalid {
    pub(super) fn too_large(bytes: usize) -> Invalid {
        Invalid::new("event", format_args!("event has {bytes} bytes, at most {BYTES_MAX} are valid: cut its texts"))
    }

    pub(super) fn too_deep(field: &str) -> Invalid {
        Invalid::new(field, format_args!("`{field}` is nested deeper than {DEPTH_MAX} levels: flatten it"))
    }
}

/// An id must stay what it is, so a secret in one cannot be redacted: it is refused, and the sender told to choose another.
///
/// # Errors
/// [`Invalid`] unless `id` has 1 to 128 characters, none of them control, invisible or white space, and is no secret.
pub fn check_coder_id(id: &str) -> Result<(), Invalid> {
    let valid = "1 to 128 characters without spaces, control or invisible characters";
    if id.is_empty() {
        return Err(Invalid::missing("coder_id", valid));
    }
    let fits = id.chars().nth(ID_CHARS_MAX).is_none() && !id.chars().any(|c| c.is_whitespace() || text::is_hidden(c));
    if fits {
        check_no_secret("coder_id", id, &Redactor::default())
    } else {
        Err(Invalid::wrong("coder_id", &Value::from(id), valid))
    }
}

/// # Errors
/// [`Invalid`] unless `id` has 1 to 128 printable characters and is no secret.
pub fn check_id(id: &str) -> Result<(), Invalid> {
    let fits = !id.is_empty() && id.chars().nth(ID_CHARS_MAX).is_none() && !id.chars().any(text::is_hidden);
    if fits {
        check_no_secret("id", id, &Redactor::default())
    } else {
        Err(Invalid::wrong("id", &Value::from(id), "1 to 128 printable characters"))
    }
}

pub(super) fn check_no_secret(field: &str, id: &str, redactor: &Redactor) -> Result<(), Invalid> {
    match redactor.kind_of_secret(id) {
        None => Ok(()),
        Some(kind) => Err(Invalid::new(
            field,
            format_args!("`{field}` holds a secret ({kind}), which is never recorded: give an id without it"),
        )),
    }
}

/// About how long the value is as JSON, and never longer than that: escapes and digits are not counted. Each value counts,
/// since each takes room in memory.
pub(super) fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 1 + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(object) => 1 + fields_bytes(object),
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(_) => 1,
    }
}

/// The same for the fields of an object.
pub(super) fn fields_bytes(object: &Data) -> usize {
    object.iter().map(|(name, value)| name.len() + 4 + json_bytes(value)).sum()
}

/// How many containers lie around the deepest value: 0 for a plain one.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_about_as_long_as_its_json() {
        let check = |value: Value, bytes: usize| {
            assert_eq!(json_bytes(&value), bytes, "{value}");
            assert!(bytes <= value.to_string().len(), "{value}");
        };
        check(json!("text"), 6);
        check(json!("\n"), 3);
        check(json!([1, 2, 3]), 7);
        check(json!({"a": [true, false, null], "b": {"c": "d"}}), 37);
        check(json!(1_234_567), 1);
        // A thousand numbers take the room of a thousand values.
        check(json!(vec![0; 1000]), 2001);
    }
}
