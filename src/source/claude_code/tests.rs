//! What the tests of all channels share: fixtures, and drafts in one line.

mod hooks;
mod stream;
mod telemetry;
mod transcript;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::{Condition, Draft, Event, EventType, Key, Time, sentence};
use crate::source::{
    HookContext, Stream, Transcript,
    otel::{Log, Record},
    read_telemetry,
};
use crate::text::Redactor;

/// The lines of a file of a run.
fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/claude-code/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).expect("the fixture is there");
    lines.lines().map(|line| serde_json::from_str(line).expect("the fixture is JSON")).collect()
}

/// The hooks of a run: as captured, with the time of receipt around them, or alone.
fn payloads(run: &str) -> Vec<Value> {
    fixture(run).into_iter().map(|line| line.get("payload").unwrap_or(&line).clone()).collect()
}

/// Claude Code's hooks.
fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    crate::source::read_hook(Agent::ClaudeCode, payload, context)
}

fn read(payload: &Value) -> Vec<Draft> {
    read_hook(payload.to_string().as_bytes(), &HookContext::default()).expect("the hook is known")
}

fn event(draft: &Draft) -> Event {
    let now = Time::parse("2026-11-22T19:21:00Z").expect("a valid time");
    draft.clone().check(now, &Redactor::default()).expect("every draft is a valid event").into_event(1, String::new())
}

/// What any input may come to: an event, or one that tells more than an event may.
fn check_any(draft: &Draft) {
    let now = Time::parse("2026-11-22T19:21:00Z").expect("a valid time");
    if let Err(invalid) = draft.clone().check(now, &Redactor::default()) {
        assert!(invalid.to_string().contains("give at most"), "{invalid}");
    }
}

/// A draft in one line: the sentence that readers get, whose it is, its key (`~` where others may know it by what it says),
/// and its condition.
fn line(draft: &Draft) -> String {
    let mut line = sentence(&event(draft));
    if let Some((_, agent)) = draft.coder_id.split_once('/') {
        line += &format!(" /{agent}");
    }
    let key = |key: &str| {
        key.splitn(3, ':').nth(2).expect("agent, session and more").split(':').map(short).collect::<Vec<_>>().join(":")
    };
    match &draft.key {
        Key::Natural(natural) => line += &format!(" #{}", key(natural)),
        Key::Either { natural, .. } => line += &format!(" #{}~", key(natural)),
        Key::Several { ids, repeat, .. } => {
            line += &format!(" #{}{}", key(&ids[0]), if repeat.is_some() { "~" } else { "" });
        }
        _ => {}
    }
    match &draft.only_if {
        Some(Condition::Status(statuses)) => {
            line += &format!(" ?{}", statuses.iter().map(|s| &s.name()[..1]).collect::<String>())
        }
        Some(condition) => line += &format!(" ?{condition:?}").to_lowercase(),
        None => {}
    }
    line
}

/// Nobody reads the end of a UUID.
fn short(part: &str) -> &str {
    if uuid::Uuid::parse_str(part).is_ok() { &part[..4] } else { part }
}

fn lines(drafts: &[Draft]) -> Vec<String> {
    drafts.iter().map(line).collect()
}

/// What the stream of a run says, line by line, and at its end.
fn stream_of(run: &str) -> Vec<(Value, Vec<Draft>)> {
    let lines = fixture(&format!("{run}.stream"));
    let mut reader = Stream::new(&HookContext::default());
    let mut read: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let drafts = reader.line(line.to_string().as_bytes());
            (line, drafts)
        })
        .collect();
    assert!(reader.is_known());
    read.push((Value::Null, reader.end()));
    read
}

fn transcript(path: &str) -> Transcript {
    Transcript::new(Agent::ClaudeCode, path).expect("Claude Code keeps a record")
}

/// What a transcript of a run says; `path` is that of the file as the agent names it.
fn transcript_of(name: &str, path: &str) -> Vec<Draft> {
    let mut reader = transcript(path);
    let lines = fixture(&format!("{name}.transcript"));
    let read = |line: &Value| reader.line(line.to_string().as_bytes()).expect("the line is understood");
    let mut drafts: Vec<Draft> = lines.iter().flat_map(read).collect();
    drafts.extend(reader.end());
    drafts
}

const SERVICE: &str = "claude-code";

/// The log records of a run.
fn logs_of(run: &str) -> Vec<Record> {
    let log = |line: &Value| {
        let nanos: i64 = line["time_unix_nano"].as_str().and_then(|nanos| nanos.parse().ok()).expect("a time");
        Record::Log(Log {
            service: SERVICE.to_owned(),
            name: line["name"].as_str().expect("a name").to_owned(),
            time: Some(Time::from_micros(nanos / 1_000)),
            body: None,
            attributes: line["attributes"].clone(),
        })
    };
    fixture(&format!("{run}.logs")).iter().map(log).collect()
}

/// JSON of any shape, under the names that are read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "Write",
            "Bash",
            "AskUserQuestion",
            "create",
            "resume",
            "rate_limit",
            "permission_prompt",
            "auto",
            "rm a"
        ])
        .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "agent_id",
        "cwd",
        "source",
        "tool_name",
        "tool_use_id",
        "tool_input",
        "tool_response",
        "tool_calls",
        "command",
        "file_path",
        "filePath",
        "stdout",
        "type",
        "questions",
        "question",
        "structuredPatch",
        "lines",
        "duration_ms",
        "index",
        "delta",
        "message_id",
        "error",
        "reason",
        "notification_type",
        "trigger",
        "worktree_path",
        "background_tasks",
        "content",
        "event",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

/// A line of the stream or of a transcript, of any shape.
fn any_line() -> impl Strategy<Value = Value> {
    let kind =
        prop::sample::select(vec!["system", "assistant", "user", "stream_event", "rate_limit_event", "result", "cost-state"]);
    let subtype =
        prop::sample::select(vec!["init", "api_retry", "task_started", "task_notification", "compact_boundary", "api_error"]);
    let inner = prop_oneof![
        any_json(),
        Just(serde_json::json!([{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "rm a"}}])),
        Just(serde_json::json!([{"type": "tool_result", "tool_use_id": "t1", "content": "x"}])),
        Just(serde_json::json!([{"type": "text", "text": "x"}]))
    ];
    (kind, subtype, inner, any_json(), any::<u64>(), any::<f64>()).prop_map(|(kind, subtype, content, other, count, cost)| {
        serde_json::json!({
            "type": kind, "subtype": subtype, "session_id": "s1", "attempt": count, "task_id": "a1", "task_type": "local_agent",
            "agentId": (count % 2 == 0).then_some("a1"), "message": {"id": format!("m{}", count % 3), "model": "m", "content": content,
            "stop_reason": "end_turn", "usage": {"input_tokens": count, "output_tokens": 1}}, "tool_use_result": other,
            "usage": {"total_tokens": count}, "modelUsage": {"m": {"inputTokens": count, "outputTokens": count, "costUSD": cost}},
        })
    })
}
