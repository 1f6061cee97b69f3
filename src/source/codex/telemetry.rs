//! Codex's telemetry to facts.
//!
//! Its log records are read: failed requests, tools' results, the tokens of calls. Spans and metrics name no session.

use serde_json::Value;

use super::{
    call::{CodexCall, Work, WorkOutcome},
    thread::Thread,
    usage::{CodexUsage, TokenSum},
};
use crate::{
    event::DataKey,
    source::{
        HookContext, Refusal,
        channel::Understood,
        fact::{Fact, OnlyIf, RefusedCall, Told, nanos_of_millis},
        json::{self, Wire},
        otel::Record,
    },
};

/// # Errors
/// [`Refusal`] where the record names no session, or one that cannot be part of a coder's id.
pub(super) fn read(record: &Record) -> Understood {
    let Record::Log(log) = record else { return Ok(Vec::new()) };
    let tell = match log.name.as_str() {
        "codex.conversation_starts" => begun,
        "codex.api_request" => requested,
        "codex.sse_event" => answered,
        "codex.tool_result" => tool_result,
        "codex.tool_decision" => decided,
        "codex.user_prompt" => asked,
        // Most records tell of Codex's own insides.
        _ => return Ok(Vec::new()),
    };
    let attributes = Wire(&log.attributes);
    let Some(session) = attributes.text("conversation.id") else {
        return Err(Refusal::nameless(&log.name, "conversation.id"));
    };
    let at = attributes.time("event.timestamp").or(log.time);
    let thread = Thread::new(session, None, &HookContext::default())?.at(at);
    let event = CodexLog { thread, attributes };
    let told = tell(&event).into_iter();
    Ok(told.map(|told| Told { may_be_aside: !event.is_exec(), ..told }).collect())
}

struct CodexLog<'r> {
    thread: Thread,
    attributes: Wire<'r>,
}

impl CodexLog<'_> {
    /// What no person looks at makes no conversations beside its own.
    fn is_exec(&self) -> bool {
        self.attributes.is("originator", "codex_exec")
    }
}

/// A resumed session starts its conversation too, but its key is the first start's. At a terminal one starts with the program,
/// whether anything is ever asked, and another with each title: which of them is a session, others tell.
fn begun(event: &CodexLog<'_>) -> Option<Told> {
    let begun = event.thread.says(Fact::begun(None)).with(DataKey::Model, event.attributes.text("model"));
    Some(if event.is_exec() { begun } else { begun.only_if(OnlyIf::Known) })
}

/// Agents are told not to export it, as a rule.
fn asked(event: &CodexLog<'_>) -> Option<Told> {
    let prompt = event.attributes.text("prompt").filter(|prompt| *prompt != "[REDACTED]")?;
    Some(event.thread.asked(None, prompt))
}

/// A request that succeeded is told by the end of its answer, which has its tokens.
fn requested(event: &CodexLog<'_>) -> Option<Told> {
    let attributes = event.attributes;
    let status = attributes.whole("http.response.status_code");
    let message = attributes.first_text(&["error.message", "error"]);
    if message.is_none() && status.is_none_or(|status| status < 400) {
        return None;
    }
    // Requests have no id, but no two of one session end in the same instant.
    let ended = event.thread.at.map(|at| at.to_string());
    let refused = RefusedCall {
        model: attributes.text("model").map(str::to_owned),
        code: status.map(|status| status.to_string()),
        message: message.map(str::to_owned),
        duration_ns: nanos_of_millis(attributes.whole("duration_ms")),
        ..RefusedCall::default()
    };
    Some(event.thread.refused(ended.as_deref(), refused))
}

fn answered(event: &CodexLog<'_>) -> Option<Told> {
    let attributes = event.attributes;
    let is_end = attributes.is("event.kind", "response.completed");
    let tokens = TokenSum::of_attributes(attributes).filter(|_| is_end)?;
    Some(CodexUsage { provider: None, model: attributes.text("model"), tokens }.told(&event.thread, None))
}

/// What a person decided is waited for no more.
fn decided(event: &CodexLog<'_>) -> Option<Told> {
    let attributes = event.attributes;
    let (id, decision) = (attributes.text("call_id")?, attributes.text("decision")?);
    let granted = Some(decision.starts_with("approved")).filter(|_| attributes.text("source").is_some_and(is_person))?;
    let ids = event.thread.who.own(&["tool", id, "decided"]);
    let answered = event.thread.says(Fact::Answered { granted: Some(granted) }).known_by(ids);
    Some(answered.with(DataKey::ToolUseId, Some(id)))
}

fn is_person(source: &str) -> bool {
    source.eq_ignore_ascii_case("user")
}

/// Its `success` says that the tool ran, whatever came of the command.
fn tool_result(event: &CodexLog<'_>) -> Option<Told> {
    let attributes = event.attributes;
    let given = attributes.text("arguments").unwrap_or_default();
    let arguments = json::within(given).unwrap_or_else(|| Value::from(given));
    let arguments = Wire(&arguments);
    let tool = attributes.text("tool_name").unwrap_or("tool");
    let work = match attributes.text("mcp_server") {
        Some(server) if !tool.starts_with("mcp__") => Work::of_server(server, tool, arguments),
        _ => Work::of(tool, arguments, ""),
    };
    let failed = attributes.truth("success") == Some(false);
    let outcome = WorkOutcome { failed, duration_ms: attributes.whole("duration_ms"), ..WorkOutcome::default() };
    Some(CodexCall::new(attributes.text("call_id"), work).ended(&event.thread, &outcome))
}
