//! Claude Code's telemetry to drafts.
//!
//! Its log records are the richest account of a call of the model, and the only one of its cost. Metrics count what the
//! records tell one by one, except for commits and pull requests; spans measure what the records tell as well. Files are left
//! to the other channels: a record has what a tool was asked to do, not what it did.

use serde::Deserialize;
use serde_json::Value;

use super::{
    calls::{ApiCall, CallId},
    facts::{self, Refused},
    line::Usage,
    report::{Coder, Teller},
    tools::{self, Call},
    wire::ToolInput,
};
use crate::{
    event::{Body, Draft},
    source::{
        HookContext, Refusal,
        otel::{Attributes, Log, Point, Record},
    },
};

pub(in crate::source) const SERVICE: &str = "claude-code";

/// # Errors
/// [`Refusal`] where the record is of a session and does not name it.
pub(in crate::source) fn read(record: &Record) -> Result<Vec<Draft>, Refusal> {
    match record {
        Record::Log(log) => read_log(log),
        Record::Point(point) => read_point(point),
        Record::Span(_) => Ok(Vec::new()),
    }
}

fn read_log(log: &Log) -> Result<Vec<Draft>, Refusal> {
    let draft: fn(&Log, &Teller<'_>) -> Option<Draft> = match log.name.strip_prefix("claude_code.").unwrap_or(&log.name) {
        "api_request" => api_request,
        "api_error" | "api_retries_exhausted" => api_error,
        "tool_result" => tool_result,
        "tool_decision" => tool_decision,
        "compaction" => compaction,
        _ => return Ok(Vec::new()),
    };
    let teller = Teller::new(coder(&log.attributes)?, log.time, "");
    Ok(draft(log, &teller).into_iter().collect())
}

fn coder(attributes: &Attributes) -> Result<Coder, Refusal> {
    let Some(session) = text(attributes, "session.id") else {
        return Err(Refusal::new("the record has no `session.id`"));
    };
    let coder = Coder::new(session, &HookContext::default())?;
    match text(attributes, "agent_id") {
        Some(agent_id) => coder.subagent(agent_id, text(attributes, "agent.name")),
        None => Ok(coder),
    }
}

fn api_request(log: &Log, teller: &Teller<'_>) -> Option<Draft> {
    let attributes = &log.attributes;
    let id = CallId::Request(text(attributes, "request_id")?.to_owned());
    let mut call = ApiCall::new(teller.coder.clone(), id, log.time).with_cost(attributes.get("cost_usd").and_then(Value::as_f64));
    call.model = text(attributes, "model").map(str::to_owned);
    call.usage = Usage {
        input_tokens: count(attributes, "input_tokens"),
        output_tokens: count(attributes, "output_tokens"),
        cache_read_input_tokens: count(attributes, "cache_read_tokens"),
        cache_creation_input_tokens: count(attributes, "cache_creation_tokens"),
        ..Usage::default()
    };
    let mut draft = call.draft();
    if let (Body::Provider(provider), Some(duration)) = (&mut draft.body, count(attributes, "duration_ms")) {
        provider.duration = Some(duration.saturating_mul(NANOS_IN_MILLI));
    }
    Some(["query_source", "ttft_ms"].into_iter().fold(draft, |draft, name| match attributes.get(name) {
        Some(value) => draft.with(name, value.clone()),
        None => draft,
    }))
}

const NANOS_IN_MILLI: u64 = 1_000_000;

/// A request that the agent gave up on: the turn ends with it, unless it was made in passing.
fn api_error(log: &Log, teller: &Teller<'_>) -> Option<Draft> {
    let attributes = &log.attributes;
    let refused = Refused {
        status: count(attributes, "status_code"),
        code: None,
        message: text(attributes, "error"),
        model: text(attributes, "model"),
    };
    let source = text(attributes, "query_source").unwrap_or("sdk");
    let prompt_id = text(attributes, "prompt.id");
    if matches!(source, "sdk" | "repl_main_thread") || source.starts_with("agent:") {
        return Some(refused.for_good(teller, prompt_id));
    }
    // It is told twice, as an error and as the end of its attempts.
    let draft = refused.draft(teller).with("query_source", source);
    Some(teller.told(draft, None, &["refused", source, prompt_id.unwrap_or_default()]))
}

fn tool_result(log: &Log, teller: &Teller<'_>) -> Option<Draft> {
    let attributes = &log.attributes;
    let input = text(attributes, "tool_input").and_then(|input| serde_json::from_str::<Value>(input).ok());
    let input = input.and_then(|input| ToolInput::deserialize(input).ok());
    let call = call(attributes, input.as_ref())?;
    let progress = tools::with_duration(tools::progress(teller, &call), count(attributes, "duration_ms"));
    // The error is only a word for its kind: what it was is told by others.
    Some(if text(attributes, "success") == Some("false") { tools::with_failure(progress, None) } else { progress })
}

/// A call that was not allowed has no result.
fn tool_decision(log: &Log, teller: &Teller<'_>) -> Option<Draft> {
    let call = call(&log.attributes, None)?;
    let refused = text(&log.attributes, "decision") == Some("reject");
    refused.then(|| tools::with_failure(tools::progress(teller, &call), None))
}

fn call<'r>(attributes: &'r Attributes, input: Option<&'r ToolInput>) -> Option<Call<'r>> {
    let id = text(attributes, "tool_use_id")?;
    Some(Call { tool: text(attributes, "tool_name").unwrap_or(tools::NAMELESS), id: Some(id), input })
}

fn compaction(log: &Log, teller: &Teller<'_>) -> Option<Draft> {
    let succeeded = text(&log.attributes, "success") != Some("false");
    succeeded.then(|| facts::compacted(teller, None, text(&log.attributes, "trigger"), None))
}

fn read_point(point: &Point) -> Result<Vec<Draft>, Refusal> {
    let name = match point.name.as_str() {
        "claude_code.commit.count" => "commit",
        "claude_code.pull_request.count" => "pull request",
        _ => return Ok(Vec::new()),
    };
    let Some(time) = point.time.filter(|_| point.is_delta && point.value > 0.0) else { return Ok(Vec::new()) };
    let teller = Teller::new(coder(&point.attributes)?, Some(time), "");
    let milestone = facts::milestone(&teller, name, None).with("count", point.value);
    Ok(vec![teller.own(milestone, &[name, &time.to_string()])])
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Some numbers are exported as text.
fn count(attributes: &Attributes, name: &str) -> Option<u64> {
    let value = attributes.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
