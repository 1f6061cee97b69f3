//! What coders are called in rows: a name and the handle that every command takes, not half a line of UUID.

use std::collections::HashMap;

use ai_coder_events::{
    brief::label,
    event::{Body, Derived, Event, EventType},
    history::Reader,
};
use serde_json::Value;

/// What is known of the coders that rows are about. Looked up as they come: a history may have very many.
pub struct Names {
    reader: Reader,
    known: HashMap<String, NamedCoder>,
}

/// A coder as rows name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedCoder {
    pub label: String,
    /// The folder it works in.
    pub folder: Option<String>,
}

/// More are not kept: who follows for weeks meets many.
const KEPT_MAX: usize = 4096;

impl Names {
    pub fn new(reader: Reader) -> Names {
        Names { reader, known: HashMap::new() }
    }

    pub fn of(&mut self, event: &Event) -> &NamedCoder {
        // It may have another name by now.
        if matches!(event.kind, EventType::Created | EventType::Started) || self.known.len() > KEPT_MAX {
            self.known.clear();
        }
        let reader = &mut self.reader;
        self.known.entry(event.coder_id.clone()).or_insert_with(|| match reader.coder(&event.coder_id) {
            Ok(Some(coder)) => NamedCoder { label: label(&coder), folder: coder.project },
            // What the rows are read from tells what is wrong with the history.
            Ok(None) | Err(_) => NamedCoder { label: event.coder_id.clone(), folder: None },
        })
    }
}

impl Names {
    /// Names the coders that a warning tells of as rows do.
    pub fn put_into(&mut self, events: &mut [Event]) {
        for event in events.iter_mut().filter(|event| event.kind == EventType::SystemWarning) {
            let Some(ids) = event.data.get("coder_ids").and_then(Value::as_array) else { continue };
            let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            let Body::Derived(Derived { message: Some(message), .. }) = &mut event.body else { continue };
            for id in ids {
                // What the rows are read from tells what is wrong with the history.
                if let Ok(Some(coder)) = self.reader.coder(id) {
                    *message = message.replace(id, &label(&coder));
                }
            }
        }
    }
}
