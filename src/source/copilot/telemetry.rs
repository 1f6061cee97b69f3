//! Copilot CLI's telemetry to drafts: its spans. Its metrics count what the spans tell one by one.
//!
//! A span of a tool says what was asked of it only where the export of contents is switched on. Without that it could not be
//! told to be the call that a hook reported, so it is left to the other channels.

use serde_json::Value;

use crate::{
    event::{Draft, EventType},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        genai::{Chat, error_of},
        json,
        session::{Session, bounded},
        telemetry::{Record, Span},
    },
};

use super::facts::{Trouble, at, begun, lifecycle, subagent_begun, subagent_end, turn_end};

pub(in crate::source) const SERVICE: &str = "github-copilot";

/// # Errors
/// [`Refusal`] where a span that matters names no session.
pub(in crate::source) fn read(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let Record::Span(span) = record else { return Ok(Vec::new()) };
    let attributes = Value::Object(span.attributes.clone());
    let drafts = match json::text(&attributes, "gen_ai.operation.name") {
        Some("chat") => chat,
        Some("execute_tool") => execute_tool,
        Some("invoke_agent") => invoke_agent,
        _ => return Ok(Vec::new()),
    };
    let Some(session) = json::text(&attributes, "gen_ai.conversation.id") else {
        return Err(Refusal::new(format!("span `{}` has no `gen_ai.conversation.id`", bounded(&span.name))));
    };
    drafts(&Session::new(Agent::Copilot, session, &HookContext::default())?, span, &attributes)
}

fn chat(session: &Session, span: &Span, attributes: &Value) -> Result<Vec<Draft>, Refusal> {
    let chat = Chat::of(span, attributes);
    let draft = match chat.error {
        None => {
            let draft = Draft { body: chat.body(), ..at(session.draft(EventType::ApiCall), span.end) };
            session.keyed(draft, &["api", chat.response_id.unwrap_or(&span.span_id)])
        }
        Some((code, message)) => {
            let (provider, model) = (chat.provider, chat.model);
            Trouble { id: None, provider, model, code, message, time: span.end }.draft(session)
        }
    };
    Ok(vec![draft])
}

fn execute_tool(session: &Session, span: &Span, attributes: &Value) -> Result<Vec<Draft>, Refusal> {
    let arguments = json::text(attributes, "gen_ai.tool.call.arguments").and_then(|text| serde_json::from_str(text).ok());
    let Some(arguments) = arguments else { return Ok(Vec::new()) };
    let call = Call {
        session,
        tool: json::text(attributes, "gen_ai.tool.name").unwrap_or("tool"),
        id: json::text(attributes, "gen_ai.tool.call.id"),
        arguments: &arguments,
        time: span.end,
    };
    let exit_code = attributes.get("process.exit.code").and_then(Value::as_i64).filter(|code| *code != 0);
    let end = match (error_of(span, attributes), exit_code) {
        (None, None) => End::Done,
        (error, exit_code) => End::Failed { error: error.and_then(|(code, message)| message.or(code)), exit_code },
    };
    Ok(vec![call.progress(end, None)])
}

fn invoke_agent(session: &Session, span: &Span, attributes: &Value) -> Result<Vec<Draft>, Refusal> {
    let error = error_of(span, attributes);
    let message = error.map(|(code, message)| message.or(code).unwrap_or("failed"));
    if let Some(name) = json::text(attributes, "gen_ai.agent.name") {
        let subagent = session.subagent(name, None)?;
        let begun = subagent_begun(&subagent, name, span.start);
        return Ok(begun.into_iter().chain([subagent_end(&subagent, name, message, span.end)]).collect());
    }
    let end = match message {
        Some(message) => {
            let (code, _) = error.unwrap_or_default();
            Trouble { id: None, provider: None, model: None, code, message: Some(message), time: span.end }.failed(session)
        }
        None => turn_end(session, lifecycle(session, EventType::Completed, "", span.end), Some(&span.trace_id)),
    };
    Ok(begun(session, "", span.start, |draft| draft).into_iter().chain([end]).collect())
}
