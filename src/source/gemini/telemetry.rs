//! Gemini CLI's telemetry to facts: its own log records. Its spans and metrics, and the log records of the GenAI conventions,
//! say the same with less.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::Understood,
        coder::fingerprint,
        fact::{Fact, RefusedCall, Switch, Told},
        json::{self, Wire},
        moment::CoderMoment,
        otel::Record,
        tool_call::{CallEnd, ToolCall},
    },
};

use super::session::{COMPACTED, ModelAnswer, PROVIDER, SubagentEnd, subagent, without_hook_context};

/// # Errors
/// [`Refusal`] where a record that matters names no session.
pub(super) fn read(record: &Record) -> Understood {
    let Record::Log(log) = record else { return Ok(Vec::new()) };
    let tell: fn(&GeminiLog<'_>) -> Vec<Told> = match log.name.strip_prefix("gemini_cli.") {
        Some("config") => config,
        Some("user_prompt") => user_prompt,
        Some("api_response") => api_response,
        Some("api_error") => api_error,
        Some("tool_call") => tool_call,
        Some("chat_compression") => chat_compression,
        Some("plan.approval_mode_switch" | "approval_mode_switch") => mode_switched,
        Some("agent.start") => agent_start,
        Some("agent.finish") => agent_finish,
        // Retries are told by the error that they follow, files with their paths by the other channels.
        _ => return Ok(Vec::new()),
    };
    let attributes = Wire(&log.attributes);
    let Some(session) = attributes.text("session.id") else { return Err(Refusal::nameless(&log.name, "session.id")) };
    let at = attributes.time("event.timestamp").or(log.time);
    let session = CoderMoment::new(Agent::Gemini, session, None, &HookContext::default())?.at(at);
    let session = match subagent_of(attributes) {
        Some(id) => subagent(&session, id, attributes.text("agent_name"))?,
        None => session,
    };
    Ok(tell(&GeminiLog { session, name: &log.name, attributes }))
}

/// The subagent that a record is of: it says so itself, or by the prompt, which is numbered behind the subagent's id. The prompts
/// of a session are numbered behind the session's.
fn subagent_of(attributes: Wire<'_>) -> Option<&str> {
    let prompt = || attributes.text("prompt_id")?.split_once('#').map(|(id, _)| id);
    let id = attributes.text("agent_id").or_else(prompt)?;
    (Uuid::try_parse(id).is_ok() && attributes.text("session.id") != Some(id)).then_some(id)
}

struct GeminiLog<'r> {
    session: CoderMoment,
    name: &'r str,
    attributes: Wire<'r>,
}

fn config(event: &GeminiLog<'_>) -> Vec<Told> {
    vec![event.session.says(Fact::begun(None))]
}

fn mode_switched(event: &GeminiLog<'_>) -> Vec<Told> {
    let Some(mode) = event.attributes.text("to_mode") else { return Vec::new() };
    vec![event.says(Fact::Switched { what: Switch::Mode, to: mode.to_owned() }, "mode")]
}

fn agent_start(event: &GeminiLog<'_>) -> Vec<Told> {
    let is_subagent = event.session.who.is_subagent();
    is_subagent.then(|| event.session.says(Fact::begun(None))).into_iter().collect()
}

fn agent_finish(event: &GeminiLog<'_>) -> Vec<Told> {
    let reason = event.attributes.text("terminate_reason").filter(|_| event.session.who.is_subagent());
    reason.map(|reason| SubagentEnd::of(reason).told(&event.session)).unwrap_or_default()
}

/// Where prompts are exported.
fn user_prompt(event: &GeminiLog<'_>) -> Vec<Told> {
    event.attributes.text("prompt").map(|prompt| event.session.asked(None, without_hook_context(prompt))).into_iter().collect()
}

fn api_response(event: &GeminiLog<'_>) -> Vec<Told> {
    let attributes = event.attributes;
    let answer = ModelAnswer {
        model: attributes.text("model"),
        prompt: attributes.whole("input_token_count"),
        written: attributes.whole("output_token_count"),
        thoughts: attributes.whole("thoughts_token_count"),
        cached: attributes.whole("cached_content_token_count"),
        tools: attributes.whole("tool_token_count"),
        total: attributes.whole("total_token_count"),
        duration_ms: attributes.whole("duration_ms"),
        text: attributes.text("response_text").and_then(answer_text),
    };
    vec![answer.told(&event.session)]
}

/// What the model said, from the pieces in which it came. Prompts and answers may be left out of the export.
fn answer_text(pieces: &str) -> Option<String> {
    let pieces = json::within(pieces)?;
    let candidates = pieces.as_array()?.iter().filter_map(|piece| Wire(piece).list("candidates").next());
    let parts = candidates.flat_map(|candidate| candidate.at("content").list("parts"));
    Some(parts.filter(|part| part.truth("thought") != Some(true)).filter_map(|part| part.text("text")).collect())
}

fn api_error(event: &GeminiLog<'_>) -> Vec<Told> {
    let attributes = event.attributes;
    let status = attributes.whole("status_code").or_else(|| attributes.whole("http.status_code"));
    let code = status.map(|status| status.to_string());
    let refused = RefusedCall {
        provider: Some(PROVIDER.to_owned()),
        model: attributes.text("model").map(str::to_owned),
        code: code.or_else(|| attributes.first_text(&["error_type", "error.type"]).map(str::to_owned)),
        message: attributes.first_text(&["error.message", "error"]).map(str::to_owned),
        ..RefusedCall::default()
    };
    vec![event.says(Fact::Refused(refused), "api_error")]
}

fn tool_call(event: &GeminiLog<'_>) -> Vec<Told> {
    let attributes = event.attributes;
    let asked = attributes.text("function_args").and_then(json::within).unwrap_or(Value::Null);
    let name = attributes.text("function_name").unwrap_or("tool");
    let call = ToolCall { by: &event.session, name, id: None, asked: Wire(&asked) };
    let outcome = match attributes.truth("success") {
        Some(false) => CallEnd::failed(attributes.first_text(&["error.message", "error"]), None),
        _ => CallEnd::DONE,
    };
    vec![call.ended(outcome, attributes.whole("duration_ms"))]
}

fn chat_compression(event: &GeminiLog<'_>) -> Vec<Told> {
    let counts = [DataKey::TokensBefore, DataKey::TokensAfter];
    let compacted = event.says(Fact::compacted(None), "compacted");
    // The session's own record says it too, without a word that both have.
    let ids = compacted.ids.clone().or_said(&event.session.who, COMPACTED);
    let compacted = compacted.known_by(ids);
    vec![counts.into_iter().fold(compacted, |told, key| told.with(key, event.attributes.whole(key.name())))]
}

impl GeminiLog<'_> {
    /// An exporter that sends a record again sends the same.
    fn says(&self, fact: Fact, what: &str) -> Told {
        let CoderMoment { who, at } = &self.session;
        let micros = at.map(Time::micros).unwrap_or_default();
        let record = fingerprint(format!("{micros} {} {}", self.name, self.attributes.0).as_bytes()).to_string();
        who.says(*at, fact).known_by(who.natural(&[what, &record]))
    }
}
