//! One event as a person reads it: the whole of what was said, asked and answered, and the change with its colours. JSON has the
//! rest.

use serde_json::Value;

use crate::event::{Body, DataKey, Event, Progress};

use super::Tint;

/// What a sentence leaves out of an event that is looked at by itself: lines, each in its colour.
pub fn event_page(event: &Event) -> Vec<(Tint, String)> {
    let mut lines = Vec::new();
    let mut add = |said: &str, tint: Tint| lines.extend(said.trim_end().lines().map(|line| (tint, line.to_owned())));
    let data = |key: DataKey| event.data.get(key.name()).and_then(Value::as_str);
    if let Body::Progress(Progress { text: Some(said), .. }) = &event.body {
        add(said, Tint::Plain);
    }
    match (data(DataKey::Command), data(DataKey::Arguments)) {
        (Some(command), _) => add(&format!("$ {command}"), Tint::Bold),
        (None, Some(arguments)) => add(arguments, Tint::Dim),
        (None, None) => {}
    }
    for (key, tint) in [(DataKey::Output, Tint::Plain), (DataKey::Error, Tint::Bad), (DataKey::Request, Tint::Attention)] {
        if let Some(said) = data(key) {
            add(said, tint);
        }
    }
    if let Some(hunks) = data(DataKey::Diff) {
        lines.extend(hunks.lines().map(|line| (Tint::of_hunk_line(line), line.to_owned())));
    }
    lines
}
