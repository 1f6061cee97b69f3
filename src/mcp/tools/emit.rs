//! `emit_ai_coder_event`: one event from a client, as on the wire.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::json;

use crate::{
    event::{Draft, EventType, Family, FieldKind, Invalid},
    history::{Entry, Meant, Outcome, Rejection},
    mcp::{
        arguments::{input_schema, said_by},
        caller::{Caller, ME},
        context::ServeContext,
        naming,
        tool_error::ToolError,
        untrusted,
    },
};

/// Who reported it, where the event does not say.
const SOURCE: &str = "mcp";
/// What a client is not asked to tell, although it may: agents' hooks tell it.
const UNTOLD: &[EventType] = &[EventType::Prompt, EventType::Seen];
const CODER_ID: &str = "coder_id";

#[derive(Serialize)]
pub(in crate::mcp) struct EmitReceipt {
    /// Its place in the history.
    seq: u64,
    id: String,
    /// It was on record already.
    duplicate: bool,
}

/// The fields that models use; any other is taken as well, and the table of types is a resource.
pub(super) fn input() -> Arc<JsonObject> {
    let is_told = |kind: &&EventType| !kind.is_derived() && !UNTOLD.contains(kind);
    let kinds = EventType::ALL.iter().filter(is_told).map(|kind| kind.short()).collect::<Vec<_>>().join(", ");
    let kinds = format!("{kinds}.");
    input_schema([
        ("type", kinds.as_str(), json!({"type": "string"}), true),
        ("coder_id", "Whom it happened to: `me`, or an id; an unknown one begins to exist.", json!({"type": "string"}), true),
        ("coder_name", "Name for people.", json!({"type": "string"}), false),
        ("description", "What happened, in a sentence.", json!({"type": "string"}), false),
        ("progress", "Share of the work done.", json!({"type": "number", "minimum": 0, "maximum": 1}), false),
        ("stage", "What it is at, such as testing.", json!({"type": "string"}), false),
        ("milestone", "What was reached.", json!({"type": "string"}), false),
        ("error_message", "What went wrong.", json!({"type": "string"}), false),
        ("reason", "paused: permission, question or idle.", json!({"type": "string"}), false),
        ("file_path", "For file events.", json!({"type": "string"}), false),
        ("text", "For output.", json!({"type": "string"}), false),
        ("data", "Anything else; fields of each type: aicoder://event-types.", json!({"type": "object"}), false),
        ("id", "Yours, so that sending it again records it once.", json!({"type": "string"}), false),
        ("timestamp", "RFC 3339; left out: now.", json!({"type": "string"}), false),
    ])
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

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<EmitReceipt, ToolError> {
    let mut object = as_said(arguments.unwrap_or_default());
    // A name could mean another coder tomorrow: an event is of an id, or of who sends it.
    if object.get(CODER_ID).is_some_and(|said| said == ME) {
        object.insert(CODER_ID.into(), serving.read(move |reader| naming::coder(reader, &caller, ME)).await?.into());
    }
    let input = serde_json::to_string(&object).expect("it came as JSON");
    let entry = match Draft::from_object(object) {
        Ok(mut draft) => {
            if draft.kind == EventType::Seen {
                check_known(serving, draft.coder_id.clone()).await?;
            }
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

/// Nobody begins to exist by being seen to.
async fn check_known(serving: &ServeContext, id: String) -> Result<(), ToolError> {
    serving
        .read(move |reader| match reader.which(&id)? {
            Meant::One(known) if known == id => Ok(()),
            Meant::One(known) => {
                let valid = format!("its whole id, {}", untrusted::echo(&known));
                Err(Invalid::wrong(CODER_ID, &id.into(), &valid).into())
            }
            Meant::Unclear(unclear) => Err(ToolError::UnclearCoder(unclear)),
        })
        .await
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
