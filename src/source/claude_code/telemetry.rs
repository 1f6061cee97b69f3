//! Claude Code's telemetry to facts.
//!
//! Its log records are the richest account of a call of the model, and the only one of its cost. Metrics count what the
//! records tell one by one, except for commits and pull requests; spans measure what the records tell as well. Files are left
//! to the other channels: a record has what a tool was asked to do, not what it did.

use std::sync::Arc;

use crate::{
    event::DataKey,
    source::{
        Agent, HookContext, Refusal,
        channel::Understood,
        coder::CoderIdentity,
        fact::{Fact, RefusedCall, Switch, Told, Tool, nanos_of_millis},
        json::{self, Wire},
        otel::{Log, Point, Record},
    },
};

use super::{
    calls::{ApiCall, CallTokens},
    session::{Speaker, refused},
    tools::{self, ClaudeCall, ToolInput},
};

/// # Errors
/// [`Refusal`] where the record is of a session and does not name it.
pub(super) fn read(record: &Record) -> Understood {
    Ok(match record {
        Record::Log(log) => read_log(log)?,
        Record::Point(point) => read_point(point)?,
        Record::Span(_) => None,
    }
    .into_iter()
    .collect())
}

fn read_log(log: &Log) -> Result<Option<Told>, Refusal> {
    let tell: fn(Wire<'_>, &Speaker<'_>) -> Option<Told> = match log.name.strip_prefix("claude_code.").unwrap_or(&log.name) {
        "api_request" => api_request,
        "api_error" | "api_retries_exhausted" => api_error,
        "tool_result" => tool_result,
        "tool_decision" => tool_decision,
        "compaction" => compaction,
        "permission_mode_changed" => mode_changed,
        "user_prompt" => user_prompt,
        _ => return Ok(None),
    };
    let attributes = Wire(&log.attributes);
    Ok(tell(attributes, &Speaker::new(&coder(&log.name, attributes)?, log.time)))
}

fn coder(record: &str, attributes: Wire<'_>) -> Result<Arc<CoderIdentity>, Refusal> {
    let Some(session) = attributes.text("session.id") else { return Err(Refusal::nameless(record, "session.id")) };
    let who = CoderIdentity::new(Agent::ClaudeCode, session, &HookContext::default())?;
    match attributes.text("agent_id") {
        Some(agent_id) => who.subagent(agent_id, attributes.text("agent.name")),
        None => Ok(who),
    }
}

/// Agents are told not to export it, as a rule.
fn user_prompt(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let prompt = attributes.text("prompt").filter(|prompt| *prompt != "<REDACTED>")?;
    Some(speaker.asked(attributes.text("prompt.id"), prompt))
}

fn api_request(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let mut call = ApiCall::new(&speaker.who, attributes.text("request_id"), speaker.at);
    call.cost_usd = attributes.amount("cost_usd");
    call.model = attributes.text("model").map(str::to_owned);
    call.tokens = CallTokens {
        input: attributes.whole("input_tokens"),
        output: attributes.whole("output_tokens"),
        cache_read: attributes.whole("cache_read_tokens"),
        cache_write: attributes.whole("cache_creation_tokens"),
        cache_write_1h: None,
    };
    call.duration_ns = nanos_of_millis(attributes.whole("duration_ms"));
    let beside = [DataKey::QuerySource, DataKey::TtftMs];
    Some(beside.into_iter().fold(call.told(), |told, key| {
        let value = attributes.at(key.name());
        told.with(key, value.is_there().then(|| value.0.clone()))
    }))
}

/// A request that the agent gave up on: the turn ends with it, unless it was made in passing.
fn api_error(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let refused = RefusedCall {
        model: attributes.text("model").map(str::to_owned),
        ..refused(attributes.whole("status_code"), None, attributes.text("error"))
    };
    let source = attributes.text("query_source").unwrap_or("sdk");
    let prompt_id = attributes.text("prompt.id");
    if matches!(source, "sdk" | "repl_main_thread") || source.starts_with("agent:") {
        return Some(speaker.refused_for_good(refused, prompt_id));
    }
    // It is told twice, as an error and as the end of its attempts.
    let ids = speaker.who.repeat(&["refused", source, prompt_id.unwrap_or_default()]);
    Some(speaker.says(Fact::Refused(refused)).known_by(ids).with(DataKey::QuerySource, Some(source)))
}

fn tool_result(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let input = attributes.text("tool_input").and_then(json::within).map(|input| ToolInput::read(Wire(&input)));
    let duration_ms = attributes.whole("duration_ms");
    // The error is only a word for its kind: what it was is told by others.
    let failed = attributes.truth("success") == Some(false);
    Some(call(attributes, input.as_ref())?.step(speaker, Tool { failed, duration_ms, ..Tool::default() }))
}

/// A call that was not allowed has no result. What a person allowed is waited for no more, however long the tool will take.
fn tool_decision(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let call = call(attributes, None)?;
    if attributes.is("decision", "reject") {
        return Some(call.step(speaker, tools::failure(None)));
    }
    let id = call.id.filter(|_| attributes.text("source").is_some_and(|source| source.starts_with("user")))?;
    let answered = speaker.says(Fact::Answered { granted: Some(true) }).known_by(speaker.who.own(&["tool", id, "granted"]));
    Some(answered.with(DataKey::ToolUseId, Some(id)))
}

fn mode_changed(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let mode = attributes.first_text(&["to_mode", "mode"])?;
    let switched = Fact::Switched { what: Switch::Mode, to: mode.to_owned() };
    Some(speaker.says(switched).known_by(speaker.who.repeat(&["mode", mode])))
}

fn call<'r>(attributes: Wire<'r>, input: Option<&'r ToolInput>) -> Option<ClaudeCall<'r>> {
    let id = attributes.text("tool_use_id")?;
    Some(ClaudeCall { tool: attributes.text("tool_name").unwrap_or(tools::NAMELESS), id: Some(id), input })
}

fn compaction(attributes: Wire<'_>, speaker: &Speaker<'_>) -> Option<Told> {
    let succeeded = attributes.truth("success") != Some(false);
    succeeded.then(|| speaker.compacted(None, attributes.text("trigger"), None))
}

fn read_point(point: &Point) -> Result<Option<Told>, Refusal> {
    let name = match point.name.as_str() {
        "claude_code.commit.count" => "commit",
        "claude_code.pull_request.count" => "pull request",
        _ => return Ok(None),
    };
    let Some(time) = point.time.filter(|_| point.is_delta && point.value > 0.0) else { return Ok(None) };
    let who = coder(&point.name, Wire(&point.attributes))?;
    let reached = who.says(Some(time), Fact::reached(name)).known_by(who.own(&[name, &time.to_string()]));
    Ok(Some(reached.with(DataKey::Count, Some(point.value))))
}
