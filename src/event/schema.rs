//! What the two tables say, for programs (JSON Schema) and for people (docs/events.md).

use std::fmt::Write;

use serde_json::{Value, json};

use super::{DataKey, EventType, Family, FieldKind};

/// The JSON Schema of one type's line.
pub fn event_schema(kind: EventType) -> Value {
    let mut properties = serde_json::Map::new();
    let mut add = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    add("seq", json!({"type": "integer", "minimum": 1, "description": "Place in the history."}));
    add("id", json!({"type": "string", "minLength": 1, "maxLength": 128}));
    add("type", json!({"const": kind.name()}));
    add("coder_id", json!({"type": "string", "minLength": 1, "maxLength": 128}));
    add("coder_name", json!({"type": "string"}));
    add("timestamp", json!({"type": "string", "format": "date-time", "description": "When it happened."}));
    add("received_at", json!({"type": "string", "format": "date-time", "description": "When the recorder got it."}));
    add("source", json!({"type": "string", "description": "Who reported it."}));
    add("completes", json!({"type": "integer", "minimum": 1, "description": "Seq of the event whose fact this one completes."}));
    for field in kind.family().fields() {
        add(field.name, field_schema(field.kind, field.about));
    }
    add("data", json!({"type": "object", "description": "Everything else, as it came."}));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
        "description": kind.about(),
        "type": "object",
        "properties": properties,
        "required": ["type", "coder_id"],
    })
}

/// The JSON Schema of one field.
fn field_schema(kind: FieldKind, about: &str) -> Value {
    match kind {
        FieldKind::Line | FieldKind::Text => json!({"type": "string", "description": about}),
        FieldKind::Fraction => json!({"type": "number", "minimum": 0, "maximum": 1, "description": about}),
        FieldKind::Number => json!({"type": "number", "minimum": 0, "description": about}),
        FieldKind::Count => json!({"type": "integer", "minimum": 0, "description": about}),
    }
}

/// The tables of docs/events.md.
pub fn events_page() -> String {
    let mut page = String::new();
    for &family in Family::ALL {
        let title = family.name();
        write!(page, "## {title}\n\n{}\n\n| type | what it says |\n|---|---|\n", family.about()).expect(INFALLIBLE);
        for kind in EventType::ALL.iter().filter(|kind| kind.family() == family) {
            writeln!(page, "| `{}` | {} |", kind.name(), kind.about()).expect(INFALLIBLE);
        }
        page.push_str("\n| field | holds | meaning |\n|---|---|---|\n");
        for field in family.fields() {
            writeln!(page, "| `{}` | {} | {} |", field.name, field.kind.valid(), field.about).expect(INFALLIBLE);
        }
        page.push('\n');
    }
    page.push_str(DATA_HEAD);
    for key in DataKey::ALL {
        writeln!(page, "| `{}` | {} | {} |", key.name(), key.holds(), key.about()).expect(INFALLIBLE);
    }
    page
}

const DATA_HEAD: &str = "## data\n\nWhat the recorder itself writes into `data`, whichever agent told it. A sender of its own may write what it likes; these names mean\nthis.\n\n| key | holds | meaning |\n|---|---|---|\n";

const INFALLIBLE: &str = "writing to a String cannot fail";
