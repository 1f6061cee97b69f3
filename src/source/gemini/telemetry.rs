//! Gemini CLI's telemetry to drafts: its own log records. Its spans and metrics, and the log records of the GenAI
//! conventions, say the same with less.

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Time},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        json, model_call,
        session::{Session, bounded, fingerprint},
        telemetry::{Log, Record},
    },
};

use super::facts::{Answer, PROVIDER, at, begun};

pub(in crate::source) const SERVICE: &str = "gemini-cli";

/// # Errors
/// [`Refusal`] where a record that matters names no session.
pub(in crate::source) fn read(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let Record::Log(log) = record else { return Ok(Vec::new()) };
    let Some(name) = log.name.strip_prefix("gemini_cli.") else { return Ok(Vec::new()) };
    let drafts = match name {
        "config" => config,
        "api_response" => api_response,
        "api_error" => api_error,
        "tool_call" => tool_call,
        "chat_compression" => chat_compression,
        // Retries are told by the error that they follow, prompts by hooks, files with their paths by the other channels.
        _ => return Ok(Vec::new()),
    };
    let attributes = Value::Object(log.attributes.clone());
    let Some(session) = json::text(&attributes, "session.id") else {
        return Err(Refusal::new(format!("`{}` has no `session.id`", bounded(&log.name))));
    };
    let session = Session::new(Agent::Gemini, session, &HookContext::default())?;
    let told = Told { session, time: json::time(&attributes, "event.timestamp").or(log.time), attributes: &attributes, log };
    Ok(drafts(&told))
}

struct Told<'r> {
    session: Session,
    time: Option<Time>,
    attributes: &'r Value,
    log: &'r Log,
}

fn config(told: &Told<'_>) -> Vec<Draft> {
    begun(&told.session, "", told.time, |draft| draft)
}

fn api_response(told: &Told<'_>) -> Vec<Draft> {
    let count = |name| json::whole(told.attributes, name);
    let answer = Answer {
        model: json::text(told.attributes, "model"),
        prompt: count("input_token_count"),
        written: count("output_token_count"),
        thoughts: count("thoughts_token_count"),
        cached: count("cached_content_token_count"),
        tools: count("tool_token_count"),
        total: count("total_token_count"),
        duration_ms: count("duration_ms"),
        text: json::text(told.attributes, "response_text").and_then(answer_text),
        time: told.time,
    };
    vec![answer.draft(&told.session)]
}

/// What the model said, from the pieces in which it came. Prompts and answers may be left out of the export.
fn answer_text(pieces: &str) -> Option<String> {
    let pieces: Vec<Value> = serde_json::from_str(pieces).ok()?;
    let parts = pieces.iter().filter_map(|piece| piece.pointer("/candidates/0/content/parts")?.as_array()).flatten();
    Some(parts.filter(|part| json::truth(part, "thought") != Some(true)).filter_map(|part| json::text(part, "text")).collect())
}

fn api_error(told: &Told<'_>) -> Vec<Draft> {
    let attributes = told.attributes;
    let status = json::whole(attributes, "status_code").or_else(|| json::whole(attributes, "http.status_code"));
    let status = status.map(|status| status.to_string());
    let code = status.as_deref().or_else(|| json::first_text(attributes, &["error_type", "error.type"]));
    let message = json::first_text(attributes, &["error.message", "error"]);
    let (kind, body) = model_call::failure(Some(PROVIDER), json::text(attributes, "model"), code, message);
    let draft = Draft { body, ..at(told.session.draft(kind), told.time) };
    vec![told.session.keyed(draft, &["api_error", &told.fingerprint()])]
}

fn tool_call(told: &Told<'_>) -> Vec<Draft> {
    let attributes = told.attributes;
    let arguments = json::text(attributes, "function_args").and_then(|text| serde_json::from_str(text).ok());
    let arguments: Value = arguments.unwrap_or_default();
    let call = Call {
        session: &told.session,
        tool: json::text(attributes, "function_name").unwrap_or("tool"),
        id: None,
        arguments: &arguments,
        time: told.time,
    };
    let end = match json::truth(attributes, "success") {
        Some(false) => End::Failed { error: json::first_text(attributes, &["error.message", "error"]), exit_code: None },
        _ => End::Done,
    };
    vec![call.progress(end, json::whole(attributes, "duration_ms"))]
}

fn chat_compression(told: &Told<'_>) -> Vec<Draft> {
    let mut draft = at(told.session.draft(EventType::Milestone), told.time);
    if let Body::Progress(progress) = &mut draft.body {
        progress.milestone = Some("context compacted".to_owned());
    }
    for name in ["tokens_before", "tokens_after"] {
        if let Some(count) = json::whole(told.attributes, name) {
            draft = draft.with(name, count);
        }
    }
    vec![told.session.keyed(draft, &["compacted", &told.fingerprint()])]
}

impl Told<'_> {
    /// An exporter that sends a record again sends the same.
    fn fingerprint(&self) -> String {
        let time = self.time.map(Time::micros).unwrap_or_default();
        fingerprint(format!("{time} {} {}", self.log.name, self.attributes).as_bytes()).to_string()
    }
}
