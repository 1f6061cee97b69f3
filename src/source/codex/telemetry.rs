//! Codex's telemetry to drafts.
//!
//! Its log records are read: failed requests, tools' results, the tokens of calls. Spans and metrics name no session.

use serde_json::Value;

use super::{
    call::{Call, Outcome, Work},
    facts::Thread,
    json::{text, whole},
    usage::{Calls, Tokens},
};
use crate::{
    event::{Body, Draft, Time},
    source::{HookContext, Refusal, otel::Record, session::with_text},
};

/// The program has a name for each way to run it.
pub(in crate::source) fn is_service(name: &str) -> bool {
    name.starts_with("codex")
}

/// The way to run it whose tokens its JSON output tells: see `usage`.
const EXEC: &str = "codex_exec";

/// # Errors
/// [`Refusal`] where the record names no session, or one that cannot be part of a coder's id.
pub(in crate::source) fn read(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let Record::Log(log) = record else { return Ok(Vec::new()) };
    let attributes = log.attributes.clone();
    let Some(read) = reader(&log.name) else { return Ok(Vec::new()) };
    let Some(session) = text(&attributes, "conversation.id") else {
        return Err(Refusal::new(format!("the record `{}` has no `conversation.id`", log.name)));
    };
    let thread = Thread::new(session, None, &HookContext::default())?;
    let time = text(&attributes, "event.timestamp").and_then(Time::parse).or(log.time);
    let drafts = read(&Report { thread, attributes: &attributes, service: &log.service, time });
    Ok(drafts.into_iter().map(|draft| Draft { timestamp: time, ..draft }).collect())
}

struct Report<'r> {
    thread: Thread,
    attributes: &'r Value,
    service: &'r str,
    time: Option<Time>,
}

/// Most records tell of Codex's own insides.
fn reader(name: &str) -> Option<fn(&Report<'_>) -> Vec<Draft>> {
    match name {
        "codex.conversation_starts" => Some(begun),
        "codex.api_request" => Some(requested),
        "codex.sse_event" => Some(answered),
        "codex.tool_result" => Some(tool_result),
        _ => None,
    }
}

/// A resumed session starts its conversation too, but its key is the first start's.
fn begun(report: &Report<'_>) -> Vec<Draft> {
    let about = |draft: Draft| with_text(draft, "model", text(report.attributes, "model"));
    vec![about(report.thread.created()), about(report.thread.started())]
}

/// A request that succeeded is told by the end of its answer, which has its tokens.
fn requested(report: &Report<'_>) -> Vec<Draft> {
    let status = whole(report.attributes, "http.response.status_code");
    let message = text(report.attributes, "error.message").or_else(|| text(report.attributes, "error"));
    if message.is_none() && status.is_none_or(|status| status < 400) {
        return Vec::new();
    }
    let status = status.map(|status| status.to_string());
    // Requests have no id, but no two of one session end in the same instant.
    let ended = report.time.map(|time| time.to_string());
    let mut draft = report.thread.request_failed(ended.as_deref(), status.as_deref(), message);
    if let Body::Provider(provider) = &mut draft.body {
        provider.model = text(report.attributes, "model").map(str::to_owned);
        provider.duration = whole(report.attributes, "duration_ms").and_then(|ms| ms.checked_mul(NANOS_PER_MS));
    }
    vec![draft]
}

const NANOS_PER_MS: u64 = 1_000_000;

fn answered(report: &Report<'_>) -> Vec<Draft> {
    let is_end = text(report.attributes, "event.kind") == Some("response.completed");
    let is_exec = report.service == EXEC || text(report.attributes, "originator") == Some(EXEC);
    let Some(tokens) = Tokens::of_attributes(report.attributes).filter(|_| is_end && !is_exec) else { return Vec::new() };
    let calls = Calls { provider: None, model: text(report.attributes, "model"), tokens: Some(tokens) };
    vec![calls.call(&report.thread, None)]
}

/// Its `success` says that the tool ran, whatever came of the command.
fn tool_result(report: &Report<'_>) -> Vec<Draft> {
    let attributes = report.attributes;
    let given = text(attributes, "arguments").unwrap_or_default();
    let arguments = serde_json::from_str(given).unwrap_or_else(|_| Value::from(given));
    let tool = text(attributes, "tool_name").unwrap_or("tool");
    let work = match text(attributes, "mcp_server") {
        Some(server) if !tool.starts_with("mcp__") => Work::of_server(server, tool, &arguments),
        _ => Work::of(tool, &arguments, ""),
    };
    let failed = attributes["success"].as_bool() == Some(false) || text(attributes, "success") == Some("false");
    let outcome = Outcome { failed, duration_ms: whole(attributes, "duration_ms"), ..Outcome::default() };
    vec![Call::new(text(attributes, "call_id"), work).progress(&report.thread, &outcome)]
}
