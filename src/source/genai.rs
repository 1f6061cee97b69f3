//! Spans by OpenTelemetry's conventions for generative AI, whoever sends them.
//!
//! A conversation of a service is a coder, `<service>:<conversation>`; where spans name no conversation, their trace is it.
//! The conventions moved: old and new spellings are read.

use std::sync::Arc;

use crate::text::Redactor;

use super::{
    Refusal,
    channel::Understood,
    coder::CoderIdentity,
    fact::{About, Fact, ModelUsage, RefusedCall, Tool, nanos_between},
    json::Wire,
    otel::{Record, Span},
};

/// As the `source` of events.
const SOURCE: &str = "genai";

/// # Errors
/// [`Refusal`] where a span's service and conversation make no coder's id.
pub(super) fn read(record: &Record) -> Understood {
    let Record::Span(span) = record else { return Ok(Vec::new()) };
    let who = || coder_of(span);
    match Wire(&span.attributes).text("gen_ai.operation.name") {
        Some("chat" | "text_completion" | "generate_content" | "embeddings") => chat(&who()?, span),
        Some("execute_tool") => execute_tool(&who()?, span),
        Some("invoke_agent" | "invoke_workflow") => invoke_agent(&who()?, span),
        _ => Ok(Vec::new()),
    }
}

/// A call to a model, as its span tells it.
#[derive(Debug)]
pub(super) struct Chat<'s> {
    pub response_id: Option<&'s str>,
    /// Code and message, where it failed.
    pub error: Option<(Option<&'s str>, Option<&'s str>)>,
    pub usage: ModelUsage,
}

impl<'s> Chat<'s> {
    pub fn of(span: &'s Span) -> Chat<'s> {
        let attributes = Wire(&span.attributes);
        let count = |names: &[&str]| names.iter().find_map(|name| attributes.whole(&format!("gen_ai.usage.{name}")));
        let text = |names: &[&str]| attributes.first_text(names).map(str::to_owned);
        let usage = ModelUsage::of_prompt(
            count(&["input_tokens", "prompt_tokens"]),
            count(&["cache_read.input_tokens", "cache_read_input_tokens", "cached_tokens"]),
            count(&["cache_write.input_tokens", "cache_creation.input_tokens", "cache_creation_input_tokens"]),
            count(&["output_tokens", "completion_tokens"]),
        );
        Chat {
            response_id: attributes.text("gen_ai.response.id"),
            error: error_of(span),
            usage: ModelUsage {
                provider: text(&["gen_ai.provider.name", "gen_ai.system"]),
                model: text(&["gen_ai.response.model", "gen_ai.request.model"]),
                duration_ns: nanos_between(span.start, span.end),
                ..usage
            },
        }
    }
}

/// Code and message of the error that a span ended with.
pub(super) fn error_of(span: &Span) -> Option<(Option<&str>, Option<&str>)> {
    let attributes = Wire(&span.attributes);
    let code = attributes.first_text(&["error.type", "http.response.status_code"]);
    let message = span.error.as_deref().filter(|message| !message.is_empty());
    // A status code alone also stands on calls that succeeded.
    let failed = span.error.is_some() || attributes.text("error.type").is_some();
    failed.then_some((code, message))
}

/// # Errors
/// [`Refusal`] where service and conversation make no coder's id.
fn coder_of(span: &Span) -> Result<Arc<CoderIdentity>, Refusal> {
    let attributes = Wire(&span.attributes);
    let name = attributes.text("gen_ai.agent.name");
    let service = Some(span.service.as_str()).filter(|service| !service.is_empty()).or(name).unwrap_or(SOURCE);
    let conversation = attributes.text("gen_ai.conversation.id").unwrap_or(&span.trace_id);
    // Joined below it would not look like one any more.
    if Redactor::default().holds_secret(service) {
        return Err(Refusal::new("the service's name holds a secret, which is never recorded"));
    }
    // A service may be called anything; a coder's id has no spaces.
    let id = format!("{service}:{conversation}").split_whitespace().collect::<Vec<_>>().join("-");
    CoderIdentity::of_source(SOURCE, id, name)
}

fn chat(who: &Arc<CoderIdentity>, span: &Span) -> Understood {
    let Chat { response_id, error, usage } = Chat::of(span);
    let (fact, id) = match error {
        None => (Fact::Called(usage), response_id.unwrap_or(&span.span_id)),
        Some((code, message)) => {
            let (code, message) = (code.map(str::to_owned), message.map(str::to_owned));
            let ModelUsage { provider, model, .. } = usage;
            (Fact::Refused(RefusedCall { provider, model, code, message, ..RefusedCall::default() }), span.span_id.as_str())
        }
    };
    Ok(vec![who.says(span.end, fact).known_by(who.natural(&["api", id]))])
}

fn execute_tool(who: &Arc<CoderIdentity>, span: &Span) -> Understood {
    let attributes = Wire(&span.attributes);
    let error = error_of(span);
    let tool = Tool {
        name: attributes.text("gen_ai.tool.name").unwrap_or("tool").to_owned(),
        id: attributes.first_text(&["gen_ai.tool.call.id", "gen_ai.tool.call_id"]).map(str::to_owned),
        about: Some(About::default()),
        failed: error.is_some(),
        error: error.and_then(|(code, message)| message.or(code)).map(str::to_owned),
        duration_ms: nanos_between(span.start, span.end).map(|nanos| nanos / 1_000_000),
        ..Tool::default()
    };
    // One span, one call: frameworks repeat the model's ids when they try again.
    Ok(vec![who.says(span.end, Fact::Tool(tool)).known_by(who.natural(&["tool", &span.span_id]))])
}

fn invoke_agent(who: &Arc<CoderIdentity>, span: &Span) -> Understood {
    let ids = |part| who.natural(&["agent", &span.span_id, part]);
    let end = match error_of(span) {
        None => Fact::turn_ended(None),
        Some((code, message)) => Fact::turn_failed(code, message),
    };
    let begun = who.says(span.start, Fact::begun(None)).known_by(ids("started"));
    Ok(vec![begun, who.says(span.end, end).known_by(ids("ended"))])
}
