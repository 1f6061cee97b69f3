//! Copilot CLI's telemetry to facts: its spans. Its metrics count what the spans tell one by one.
//!
//! A span of a tool says what was asked of it only where the export of contents is switched on. Without that it could not be
//! told to be the call that a hook reported, so it is left to the other channels.

use crate::source::{
    Agent, HookContext, Refusal,
    channel::Understood,
    fact::{Fact, Told},
    genai::{Chat, error_of},
    json::{self, Wire},
    moment::CoderMoment,
    otel::{Record, Span},
    tool_call::{CallEnd, ToolCall},
};

use super::session::{Trouble, subagent_begun, subagent_over, turn_over};

/// # Errors
/// [`Refusal`] where a span that matters names no session.
pub(super) fn read(record: &Record) -> Understood {
    let Record::Span(span) = record else { return Ok(Vec::new()) };
    let attributes = Wire(&span.attributes);
    let tell = match attributes.text("gen_ai.operation.name") {
        Some("chat") => chat,
        Some("execute_tool") => execute_tool,
        Some("invoke_agent") => invoke_agent,
        _ => return Ok(Vec::new()),
    };
    let Some(session) = attributes.text("gen_ai.conversation.id") else {
        return Err(Refusal::nameless(&span.name, "gen_ai.conversation.id"));
    };
    tell(&CoderMoment::new(Agent::Copilot, session, None, &HookContext::default())?.at(span.end), span)
}

fn chat(session: &CoderMoment, span: &Span) -> Understood {
    let chat = Chat::of(span);
    Ok(vec![match chat.error {
        None => {
            let ids = match chat.response_id {
                Some(id) => session.who.provided(id, &["api", id]),
                None => session.who.natural(&["api", &span.span_id]),
            };
            session.says(Fact::Called(chat.usage)).known_by(ids)
        }
        Some((code, message)) => {
            let (provider, model) = (chat.usage.provider.as_deref(), chat.usage.model.as_deref());
            Trouble { id: None, provider, model, code, message }.refused(session)
        }
    }])
}

fn execute_tool(session: &CoderMoment, span: &Span) -> Understood {
    let attributes = Wire(&span.attributes);
    let Some(asked) = attributes.text("gen_ai.tool.call.arguments").and_then(json::within) else { return Ok(Vec::new()) };
    let call = ToolCall {
        by: session,
        name: attributes.text("gen_ai.tool.name").unwrap_or("tool"),
        id: attributes.text("gen_ai.tool.call.id"),
        asked: Wire(&asked),
    };
    let exit_code = attributes.signed("process.exit.code").filter(|code| *code != 0);
    let outcome = match (error_of(span), exit_code) {
        (None, None) => CallEnd::DONE,
        (error, exit_code) => CallEnd::failed(error.and_then(|(code, message)| message.or(code)), exit_code),
    };
    Ok(vec![call.ended(outcome, None)])
}

fn invoke_agent(session: &CoderMoment, span: &Span) -> Understood {
    let error = error_of(span);
    let message = error.map(|(code, message)| message.or(code).unwrap_or("failed"));
    if let Some(name) = Wire(&span.attributes).text("gen_ai.agent.name") {
        let subagent = session.who.subagent(name, None)?;
        let over = subagent_over(&subagent, message, span.end);
        return Ok(std::iter::once(subagent_begun(&subagent, span.start)).chain(over).collect());
    }
    let end: Told = match error {
        Some((code, _)) => Trouble { code, message, ..Trouble::default() }.failed(session),
        None => turn_over(session, Some(&span.trace_id), None),
    };
    Ok(vec![session.who.says(span.start, Fact::begun(None)), end])
}
