//! One event as a person reads it: what it says of itself, the whole of what was said, asked and answered, the change with its
//! colours. JSON has the rest.

use serde_json::Value;

use crate::event::{Body, DataKey, Event, Progress, sentence};

use super::Tint;

/// Lines, each in its colour.
pub fn event_page(event: &Event) -> Vec<(Tint, String)> {
    let mut lines = vec![(Tint::of_event(event), sentence(event)), (Tint::Plain, String::new())];
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
        lines.extend(hunks.lines().map(|line| (of_hunk_line(line), line.to_owned())));
    }
    lines
}

/// The colour of a line of a unified diff.
fn of_hunk_line(line: &str) -> Tint {
    match line.as_bytes().first() {
        Some(b'+') => Tint::Good,
        Some(b'-') => Tint::Bad,
        Some(b'@') => Tint::Cyan,
        _ => Tint::Plain,
    }
}
