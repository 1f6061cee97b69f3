//! `emit_ai_coder_event`: one event from a client, as on the wire.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    event::{Draft, EventType, Family, FieldKind, Invalid, field_schema},
    history::{Entry, Outcome, Rejection},
    mcp::{arguments::said_by, context::ServeContext, tool_error::ToolError},
};

/// Who reported it, where the event does not say.
const SOURCE: &str = "mcp";
/// The families whose fields the schema names; the rest is rare here, and the table of types is a resource.
const SHOWN: &[Family] = &[Family::Lifecycle, Family::Progress, Family::Workspace];

#[derive(Serialize, JsonSchema)]
pub(in crate::mcp) struct EmitReceipt {
    /// Its place in the history.
    seq: u64,
    id: String,
    /// It was on record already.
    duplicate: bool,
}

/// From the table of types and fields; any other field is taken as well.
pub(super) fn input() -> Arc<JsonObject> {
    let kinds = EventType::ALL.iter().filter(|kind| !kind.is_derived()).map(|kind| kind.short()).collect::<Vec<_>>().join(", ");
    let mut properties = json!({
        "type": {"type": "string", "description": format!("What happened, with or without ai_coder_ in front: {kinds}.")},
        "coder_id": {"type": "string", "minLength": 1, "maxLength": 128, "description": "The coder it happened to; an unknown one begins to exist."},
        "coder_name": {"type": "string", "description": "A name for people."},
        "timestamp": {"type": "string", "description": "When it happened, RFC 3339; left out: now."},
        "id": {"type": "string", "description": "Your id for this fact, so that sending it again records it once."},
        "data": {"type": "object", "description": "Anything else."},
    });
    for field in SHOWN.iter().flat_map(|family| family.fields()) {
        properties[field.name] = field_schema(field.kind, field.about);
    }
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("description".into(), "Fields of the other types: `aicoder://event-types`.".into());
    schema.insert("properties".into(), properties);
    schema.insert("required".into(), json!(["type", "coder_id"]));
    Arc::new(schema)
}

/// With what is no text taken for what it says where it arrives as text.
fn as_said(mut object: JsonObject) -> JsonObject {
    let fields = || Family::ALL.iter().flat_map(|family| family.fields());
    let takes_text = |name: &str| {
        let kind = fields().find(|field| field.name == name).map(|field| field.kind);
        name != "data" && kind.is_none_or(|kind| matches!(kind, FieldKind::Line | FieldKind::Text))
    };
    for (_, value) in object.iter_mut().filter(|(name, _)| !takes_text(name)) {
        if let Some(said) = said_by(value) {
            *value = said;
        }
    }
    object
}

pub(super) async fn call(serving: &ServeContext, arguments: Option<JsonObject>) -> Result<EmitReceipt, ToolError> {
    let object = as_said(arguments.unwrap_or_default());
    let input = serde_json::to_string(&object).expect("it came as JSON");
    let entry = match Draft::from_object(object) {
        Ok(mut draft) => {
            draft.source.get_or_insert_with(|| SOURCE.to_owned());
            Entry::Draft(Box::new(draft))
        }
        Err(invalid) => {
            // Bad input is kept, so that what a client tried to say can be found.
            let rejection = Rejection { source: SOURCE.to_owned(), reason: invalid.to_string(), input };
            serving.bus.publish(vec![Entry::Rejection(rejection)]).await?;
            return Err(invalid.into());
        }
    };
    let outcome = serving.bus.publish(vec![entry]).await?.into_iter().next();
    match outcome {
        Some(Outcome::Appended { seq, id }) => Ok(EmitReceipt { seq, id, duplicate: false }),
        Some(Outcome::Duplicate { seq, id } | Outcome::Completed { seq, id, .. }) => Ok(EmitReceipt { seq, id, duplicate: true }),
        Some(Outcome::Rejected(invalid)) => Err(invalid.into()),
        Some(Outcome::Unwanted) => {
            Err(Invalid::new("type", "the recorder is configured not to keep such events: nothing of it was written").into())
        }
        Some(Outcome::Unmet | Outcome::Kept) | None => {
            Err(Invalid::new("event", "the history gave no receipt for this event: look before you send it again").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_text_is_taken_for_what_it_says() {
        let given =
            json!({"coder_id": "7", "text": "[1]", "progress": "0.5", "data": "{\"turn\": 3}", "mine": "8", "memory_mb": "x"});
        let expected =
            json!({"coder_id": "7", "text": "[1]", "progress": 0.5, "data": {"turn": 3}, "mine": "8", "memory_mb": "x"});
        let said = as_said(given.as_object().cloned().unwrap_or_default());
        assert_eq!(serde_json::Value::Object(said), expected);
    }
}
