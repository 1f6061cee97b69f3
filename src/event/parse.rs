//! From a line of JSON to a draft: lenient in form, strict in meaning.

use serde_json::Value;

use super::{
    BYTES_MAX, Body, Data, Draft, EventType, Invalid, Key, LINE_BYTES_MAX, Time, body::is_missing, clean_data::insert_beside,
};

impl Draft {
    /// Reads one line: the wire format, or what Go writes for the seed's structs.
    ///
    /// # Errors
    /// [`Invalid`] where the line is no JSON object, or a field is missing or wrong.
    pub fn parse(line: &str) -> Result<Draft, Invalid> {
        Draft::parse_with(line, |_| {})
    }

    /// Like [`Draft::parse`], with a look at the object before it is read, to fill what the line lacks.
    ///
    /// # Errors
    /// As [`Draft::parse`].
    pub fn parse_with(line: &str, fill: impl FnOnce(&mut Data)) -> Result<Draft, Invalid> {
        let line = line.trim_start_matches('\u{FEFF}');
        if line.len() > LINE_BYTES_MAX {
            return Err(Invalid::too_large(line.len()));
        }
        match serde_json::from_str(line) {
            Ok(Value::Object(object)) if line.len() > BYTES_MAX && !is_listed(&object) => Err(Invalid::too_large(line.len())),
            Ok(Value::Object(mut object)) => {
                fill(&mut object);
                Draft::from_object(object)
            }
            Ok(other) => Err(Invalid::wrong("event", &other, "a JSON object with `type` and `coder_id`")),
            // The parser's own bound, far above ours, has no kind to be told by.
            Err(error) if error.to_string().starts_with("recursion limit") => Err(Invalid::too_deep("event")),
            Err(error) => Err(Invalid::new("event", format_args!("not a JSON object: {error}"))),
        }
    }

    /// Reads an object that is already parsed.
    ///
    /// # Errors
    /// As [`Draft::parse`].
    pub fn from_object(mut object: Data) -> Result<Draft, Invalid> {
        for ignored in ["seq", "received_at", "completes"] {
            object.remove(ignored);
        }
        let kind = match take_text(&mut object, "type")? {
            Some(name) => EventType::parse(&name)?,
            None => return Err(Invalid::missing("type", "an event type such as `ai_coder_progress`")),
        };
        let coder_id = take_text(&mut object, "coder_id")?
            .ok_or_else(|| Invalid::missing("coder_id", "the id of the coder, 1 to 128 characters"))?;
        let timestamp = match take_text(&mut object, "timestamp")? {
            Some(given) => Some(Time::parse(&given).ok_or_else(|| {
                Invalid::wrong("timestamp", &Value::from(given), "an RFC 3339 time such as 2026-11-22T19:21:00Z")
            })?),
            None => None,
        };
        let key = take_text(&mut object, "id")?.map_or(Key::None, Key::Id);
        let coder_name = take_text(&mut object, "coder_name")?;
        let source = take_text(&mut object, "source")?;
        let mut data = match object.remove("data") {
            None | Some(Value::Null) => Data::new(),
            Some(Value::Object(data)) => data,
            Some(text) if is_missing(&text) => Data::new(),
            Some(other) => return Err(Invalid::wrong("data", &other, "a JSON object")),
        };
        let body = Body::take(kind.family(), &mut |name| object.remove(name))?;
        for (name, value) in object {
            if let Some(shadowed) = data.remove(&name) {
                insert_beside(&mut data, name.clone(), shadowed);
            }
            data.insert(name, value);
        }
        Ok(Draft {
            kind,
            coder_id,
            coder_name,
            timestamp,
            source,
            body,
            data,
            key,
            only_if: None,
            report: None,
            sums: None,
            copied_by: None,
            may_be_aside: false,
        })
    }
}

/// Whether the line is one that the recorder wrote itself, with all that it knows of the event.
fn is_listed(object: &Data) -> bool {
    ["seq", "id", "received_at"].iter().all(|name| object.contains_key(*name))
}

fn take_text(object: &mut Data, name: &str) -> Result<Option<String>, Invalid> {
    match object.remove(name) {
        Some(value) if is_missing(&value) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Invalid::wrong(name, &other, "text")),
        None => Ok(None),
    }
}
