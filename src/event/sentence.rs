//! An event as one plain sentence: few tokens for an agent, readable for a person.
//!
//! A call of a tool begins with the tool, and one that failed with that, so that a row that is cut still tells it. Of an error
//! the line is told that says most.

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
    sentence_within(event, None)
}

/// The same, with what lies in this folder named from there: `edited src/session.rs +3 −1`.
pub fn sentence_within(event: &Event, folder: Option<&str>) -> String {
    let verb = event.kind.short().replace('_', " ");
    let line = match &event.body {
        Body::Lifecycle(fields) => lifecycle(verb, event, fields),
        Body::Progress(fields) => match called_tool(event, fields) {
            Some(tool) => tool_call(tool, event, fields),
            None => progress(verb, event, fields),
        },
        Body::Workspace(fields) => workspace(verb, event, fields),
        Body::Provider(fields) => provider(verb, fields),
        Body::Resource(fields) => resource(verb, fields),
        Body::Derived(fields) => derived(verb, fields),
    };
    match folder {
        Some(folder) => within_folder(&line, folder),
        None => line,
    }
}

fn lifecycle(mut line: String, event: &Event, fields: &Lifecycle) -> String {
    let asked = [DataKey::Question, DataKey::Request].iter().find_map(|key| event.data.get(key.name())?.as_str());
    append(&mut line, " (", fields.reason.as_deref(), ")");
    append(&mut line, ": ", fields.error_message.as_deref().or(asked), "");
    line
}

/// The tool, where the event tells of a call: what it does is described as `Bash: npm test`.
fn called_tool<'e>(event: &'e Event, fields: &'e Progress) -> Option<&'e str> {
    if event.kind != EventType::Progress {
        return None;
    }
    let named = event.data.get(DataKey::ToolName.name()).and_then(Value::as_str);
    let is_described = |tool: &&str| fields.description.as_deref().is_some_and(|said| subject(said, tool) != said);
    named.or_else(|| fields.stage.as_deref().filter(is_described))
}

/// What the tool was called with: its description without the tool's own name.
fn subject<'d>(description: &'d str, tool: &str) -> &'d str {
    match description.strip_prefix(tool) {
        Some("") => "",
        Some(rest) => rest.strip_prefix(": ").unwrap_or(description),
        None => description,
    }
}

fn tool_call(tool: &str, event: &Event, fields: &Progress) -> String {
    let mut line = text::excerpt(tool, QUOTE_CHARS_MAX);
    append_share(&mut line, fields.progress);
    let has_failed = event.tool_has_failed();
    if has_failed {
        line.push_str(" failed");
        let code = event.data.get(DataKey::ExitCode.name()).and_then(Value::as_i64);
        append(&mut line, ", exit ", code.map(|code| code.to_string()).as_deref(), "");
    } else if event.data.get(DataKey::Running.name()) == Some(&Value::Bool(true)) {
        line.push_str(" running");
    }
    let asked = fields.description.as_deref().or(fields.text.as_deref()).map(|said| subject(said, tool));
    append(&mut line, ": ", asked.filter(|asked| !asked.is_empty()), "");
    let error = event.data.get(DataKey::Error.name()).and_then(Value::as_str).filter(|_| has_failed);
    let telling = error.and_then(|error| text::telling_lines(error, 1).first().copied());
    append(&mut line, " · ", telling, "");
    line
}

fn progress(verb: String, event: &Event, fields: &Progress) -> String {
    let stream = fields.stream.as_deref().filter(|_| event.kind == EventType::Output);
    let title = event.data.get(DataKey::Title.name()).and_then(Value::as_str).filter(|_| event.kind == EventType::Progress);
    let mut line = match stream {
        Some(Progress::OF_ASSISTANT) => "said".to_owned(),
        Some(Progress::OF_THOUGHT) => "thought".to_owned(),
        Some(Progress::TOLD) => "was told".to_owned(),
        None if title.is_some() => "titled".to_owned(),
        _ => verb,
    };
    append_share(&mut line, fields.progress);
    let is_told = matches!(stream, Some(Progress::OF_ASSISTANT | Progress::OF_THOUGHT | Progress::TOLD));
    let stage = fields.stage.as_deref().or(fields.stream.as_deref().filter(|_| !is_told));
    append(&mut line, " (", stage, ")");
    if event.kind == EventType::Milestone {
        append(&mut line, " ", fields.milestone.as_deref(), "");
    }
    // Sources say so of a tool call; the step itself was still taken.
    if event.tool_has_failed() {
        line.push_str(" failed");
    }
    append(&mut line, ": ", fields.description.as_deref().or(fields.text.as_deref()), "");
    append(&mut line, " ", title, "");
    line
}

fn append_share(line: &mut String, progress: Option<f64>) {
    append(line, " ", progress.map(|share| format!("{:.0} %", share * 100.0)).as_deref(), "");
}

fn workspace(verb: String, event: &Event, fields: &Workspace) -> String {
    let verb = match event.kind {
        EventType::FileCreated => "new file",
        EventType::FileModified => "edited",
        EventType::FileDeleted => "deleted",
        _ => verb.as_str(),
    };
    let mut line = verb.to_owned();
    append(&mut line, " ", fields.file_path.as_deref(), "");
    let lines = |key: DataKey| event.data.get(key.name()).and_then(Value::as_u64);
    match (lines(DataKey::LinesAdded), lines(DataKey::LinesRemoved)) {
        (None, None) => append(&mut line, " (", fields.file_size.map(|size| format!("{size} bytes")).as_deref(), ")"),
        (added, removed) => {
            append(&mut line, " +", Some(&added.unwrap_or(0).to_string()), "");
            append(&mut line, " −", removed.filter(|count| *count > 0).map(|count| count.to_string()).as_deref(), "");
        }
    }
    line
}

fn provider(verb: String, fields: &Provider) -> String {
    let mut line = verb;
    append(&mut line, " ", fields.model.as_deref().or(fields.provider.as_deref()), "");
    let mut facts = Vec::new();
    let tokens = fields.tokens_used.or_else(|| Some(fields.input_tokens?.saturating_add(fields.output_tokens.unwrap_or(0))));
    facts.extend(tokens.map(|tokens| format!("{} tokens", text::thousands(tokens))));
    facts.extend(fields.cost_usd.map(|cost| format!("${cost:.4}")));
    facts.extend(fields.duration.map(|nanos| format!("{:.1} s", nanos as f64 / 1e9)));
    facts.extend(fields.retry_after_ms.map(|wait| format!("retry after {:.1} s", wait as f64 / 1e3)));
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

/// `line` with every path that leads into `folder` told from there.
pub fn within_folder(line: &str, folder: &str) -> String {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() || !line.contains(folder) {
        return line.to_owned();
    }
    let mut told = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(folder) {
        let (before, found) = rest.split_at(at);
        told.push_str(before);
        let after = &found[folder.len()..];
        let begins = told.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"/-_.~".contains(c));
        match after.strip_prefix('/') {
            Some(inside) if begins && inside.starts_with(|c: char| !c.is_whitespace()) => rest = inside,
            _ => {
                told.push_str(folder);
                rest = after;
            }
        }
    }
    told + rest
}
