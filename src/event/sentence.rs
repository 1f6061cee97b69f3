//! An event as one plain sentence: few tokens for an agent, readable for a person.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::text;

use super::{Body, DataKey, Derived, Event, EventType, Lifecycle, Progress, Provider, Resource, Time, Workspace};

/// How much of a recorded text a sentence repeats, in characters.
const QUOTE_CHARS_MAX: usize = 120;

/// An event in few words, for programs that pay by the word.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary<'e> {
    seq: u64,
    timestamp: Time,
    #[serde(rename = "type")]
    kind: &'static str,
    coder_id: &'e str,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completes: Option<u64>,
}

impl Summary<'_> {
    pub fn of(event: &Event) -> Summary<'_> {
        let Event { seq, timestamp, kind, ref coder_id, completes, .. } = *event;
        Summary { seq, timestamp, kind: kind.name(), coder_id, summary: sentence(event), completes }
    }

    /// With another sentence.
    pub fn saying(self, summary: String) -> Self {
        Summary { summary, ..self }
    }
}

/// One line, without the coder's id: `progress 42 % (editing): rewriting the session store`.
pub fn sentence(event: &Event) -> String {
    let verb = event.kind.short().replace('_', " ");
    match &event.body {
        Body::Lifecycle(fields) => lifecycle(verb, fields),
        Body::Progress(fields) => progress(verb, event, fields),
        Body::Workspace(fields) => workspace(verb, fields),
        Body::Provider(fields) => provider(verb, fields),
        Body::Resource(fields) => resource(verb, fields),
        Body::Derived(fields) => derived(verb, fields),
    }
}

fn lifecycle(mut line: String, fields: &Lifecycle) -> String {
    append(&mut line, " (", fields.reason.as_deref(), ")");
    append(&mut line, ": ", fields.error_message.as_deref(), "");
    line
}

fn progress(verb: String, event: &Event, fields: &Progress) -> String {
    let mut line = verb;
    if let Some(progress) = fields.progress {
        append(&mut line, " ", Some(&format!("{:.0} %", progress * 100.0)), "");
    }
    append(&mut line, " (", fields.stage.as_deref().or(fields.stream.as_deref()), ")");
    if event.kind == EventType::Milestone {
        append(&mut line, " ", fields.milestone.as_deref(), "");
    }
    // Sources say so of a tool call; the step itself was still taken.
    if event.data.get("failed") == Some(&Value::Bool(true)) {
        line.push_str(" failed");
    }
    if event.is_running() {
        line.push_str(" running");
    }
    append(&mut line, ": ", fields.description.as_deref().or(fields.text.as_deref()), "");
    append(&mut line, ": titled ", event.data.get(DataKey::Title.name()).and_then(Value::as_str), "");
    line
}

fn workspace(verb: String, fields: &Workspace) -> String {
    let mut line = verb;
    append(&mut line, " ", fields.file_path.as_deref(), "");
    if let Some(bytes) = fields.file_size {
        append(&mut line, " (", Some(&format!("{bytes} bytes")), ")");
    }
    line
}

fn provider(verb: String, fields: &Provider) -> String {
    let mut line = verb;
    append(&mut line, " ", fields.model.as_deref().or(fields.provider.as_deref()), "");
    let mut facts = Vec::new();
    let tokens = fields.tokens_used.or_else(|| Some(fields.input_tokens?.saturating_add(fields.output_tokens.unwrap_or(0))));
    facts.extend(tokens.map(|tokens| format!("{tokens} tokens")));
    facts.extend(fields.cost_usd.map(|cost| format!("${cost:.4}")));
    facts.extend(fields.duration.map(|nanos| format!("{:.1} s", nanos as f64 / 1e9)));
    facts.extend(fields.retry_after_ms.map(|wait| format!("retry after {wait} ms")));
    if !facts.is_empty() {
        append(&mut line, " (", Some(&facts.join(", ")), ")");
    }
    append(&mut line, " ", fields.error_code.as_deref(), "");
    append(&mut line, ": ", fields.error_message.as_deref(), "");
    line
}

fn resource(verb: String, fields: &Resource) -> String {
    let facts: Vec<String> = [
        fields.memory_mb.map(|mib| format!("{mib} MiB")),
        fields.cpu_percent.map(|percent| format!("{percent:.0} % CPU")),
        fields.disk_usage_mb.map(|mib| format!("{mib} MiB disk")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if facts.is_empty() { verb } else { format!("{verb}: {}", facts.join(", ")) }
}

fn derived(verb: String, fields: &Derived) -> String {
    let mut line = verb;
    if let Some(count) = fields.failure_count {
        append(&mut line, ": ", Some(&format!("{count} failures within ten minutes")), "");
    }
    if let Some(nanos) = fields.duration {
        append(&mut line, ": took ", Some(&format!("{:.1} s", nanos as f64 / 1e9)), "");
    }
    append(&mut line, " (", fields.warning.as_deref(), ")");
    append(&mut line, ": ", fields.message.as_deref(), "");
    line
}

fn append(line: &mut String, before: &str, part: Option<&str>, after: &str) {
    if let Some(part) = part {
        write!(line, "{before}{}{after}", text::excerpt(part, QUOTE_CHARS_MAX)).expect("writing to a String cannot fail");
    }
}
