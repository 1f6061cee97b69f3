//! Spans by OpenTelemetry's conventions for generative AI, whoever sends them.
//!
//! A conversation of a service is a coder, `<service>:<conversation>`; where spans name no conversation, their trace is it.
//! The conventions moved: old and new spellings are read.

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Key, Lifecycle, Progress, Time, check_coder_id},
    source::{
        Refusal, json,
        model_call::{Tokens, duration, failure},
        session::{self, bounded, with_text},
        telemetry::{Record, Span},
    },
    text::Redactor,
};

/// As the `source` of events.
const SOURCE: &str = "genai";

/// # Errors
/// [`Refusal`] where a span's service and conversation make no coder's id.
pub(super) fn read(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let Record::Span(span) = record else { return Ok(Vec::new()) };
    let attributes = Value::Object(span.attributes.clone());
    let drafts = match json::text(&attributes, "gen_ai.operation.name") {
        Some("chat" | "text_completion" | "generate_content" | "embeddings") => chat,
        Some("execute_tool") => execute_tool,
        Some("invoke_agent" | "invoke_workflow") => invoke_agent,
        _ => return Ok(Vec::new()),
    };
    Ok(drafts(&Conversation::of(span, &attributes)?, &attributes))
}

/// A call to a model, as its span tells it.
#[derive(Debug)]
pub(super) struct Chat<'s> {
    pub provider: Option<&'s str>,
    pub model: Option<&'s str>,
    pub response_id: Option<&'s str>,
    /// Code and message, where it failed.
    pub error: Option<(Option<&'s str>, Option<&'s str>)>,
    tokens: Tokens,
    duration: Option<u64>,
}

impl<'s> Chat<'s> {
    pub fn of(span: &'s Span, attributes: &'s Value) -> Chat<'s> {
        let usage = |names: &[&str]| names.iter().find_map(|name| json::whole(attributes, &format!("gen_ai.usage.{name}")));
        Chat {
            provider: json::first_text(attributes, &["gen_ai.provider.name", "gen_ai.system"]),
            model: json::first_text(attributes, &["gen_ai.response.model", "gen_ai.request.model"]),
            response_id: json::text(attributes, "gen_ai.response.id"),
            error: error_of(span, attributes),
            tokens: Tokens {
                prompt: usage(&["input_tokens", "prompt_tokens"]),
                cache_read: usage(&["cache_read.input_tokens", "cache_read_input_tokens", "cached_tokens"]),
                cache_write: usage(&["cache_write.input_tokens", "cache_creation.input_tokens", "cache_creation_input_tokens"]),
                output: usage(&["output_tokens", "completion_tokens"]),
                total: None,
            },
            duration: duration(span.start, span.end),
        }
    }

    pub fn body(&self) -> Body {
        self.tokens.body(self.provider, self.model, self.duration)
    }
}

/// Code and message of the error that a span ended with.
pub(super) fn error_of<'s>(span: &'s Span, attributes: &'s Value) -> Option<(Option<&'s str>, Option<&'s str>)> {
    let code = json::first_text(attributes, &["error.type", "http.response.status_code"]);
    let message = span.error.as_deref().filter(|message| !message.is_empty());
    // A status code alone also stands on calls that succeeded.
    let failed = span.error.is_some() || json::text(attributes, "error.type").is_some();
    failed.then_some((code, message))
}

/// Whose span it is.
struct Conversation<'s> {
    span: &'s Span,
    coder_id: String,
    name: Option<&'s str>,
}

impl<'s> Conversation<'s> {
    /// # Errors
    /// [`Refusal`] where service and conversation make no coder's id.
    fn of(span: &'s Span, attributes: &'s Value) -> Result<Conversation<'s>, Refusal> {
        let name = json::text(attributes, "gen_ai.agent.name");
        let service = Some(span.service.as_str()).filter(|service| !service.is_empty()).or(name).unwrap_or(SOURCE);
        let conversation = json::text(attributes, "gen_ai.conversation.id").unwrap_or(&span.trace_id);
        // Joined below it would not look like one any more.
        if Redactor::default().holds_secret(service) {
            return Err(Refusal::new("the service's name holds a secret, which is never recorded"));
        }
        // A service may be called anything; a coder's id has no spaces.
        let coder_id = format!("{service}:{conversation}").split_whitespace().collect::<Vec<_>>().join("-");
        check_coder_id(&coder_id).map_err(|invalid| Refusal::new(invalid.to_string()))?;
        Ok(Conversation { span, coder_id, name })
    }

    fn draft(&self, kind: EventType, body: Body, time: Option<Time>, key: &[&str]) -> Draft {
        Draft {
            coder_name: self.name.map(bounded),
            source: Some(SOURCE.to_owned()),
            timestamp: time,
            body,
            key: Key::Natural(session::key(&format!("{SOURCE}:{}", self.coder_id), key)),
            ..Draft::new(kind, self.coder_id.clone())
        }
    }
}

fn chat(conversation: &Conversation<'_>, attributes: &Value) -> Vec<Draft> {
    let span = conversation.span;
    let chat = Chat::of(span, attributes);
    vec![match chat.error {
        None => {
            conversation.draft(EventType::ApiCall, chat.body(), span.end, &["api", chat.response_id.unwrap_or(&span.span_id)])
        }
        Some((code, message)) => {
            let (kind, body) = failure(chat.provider, chat.model, code, message);
            conversation.draft(kind, body, span.end, &["api", &span.span_id])
        }
    }]
}

fn execute_tool(conversation: &Conversation<'_>, attributes: &Value) -> Vec<Draft> {
    let span = conversation.span;
    let tool = json::text(attributes, "gen_ai.tool.name").unwrap_or("tool");
    let body = Body::Progress(Progress { stage: Some(bounded(tool)), description: Some(bounded(tool)), ..Progress::default() });
    // One span, one call: frameworks repeat the model's ids when they try again.
    let draft =
        conversation.draft(EventType::Progress, body, span.end, &["tool", &span.span_id]).with("tool_name", bounded(tool));
    let draft = match json::first_text(attributes, &["gen_ai.tool.call.id", "gen_ai.tool.call_id"]) {
        Some(id) => draft.with("tool_use_id", bounded(id)),
        None => draft,
    };
    let draft = match duration(span.start, span.end) {
        Some(nanos) => draft.with("duration_ms", nanos / 1_000_000),
        None => draft,
    };
    vec![match error_of(span, attributes) {
        Some((code, message)) => with_text(draft.with("failed", true), "error", message.or(code)),
        None => draft,
    }]
}

fn invoke_agent(conversation: &Conversation<'_>, attributes: &Value) -> Vec<Draft> {
    let span = conversation.span;
    let part = |part| ["agent", span.span_id.as_str(), part];
    let plain = || EventType::Started.body();
    let (end, body) = match error_of(span, attributes) {
        None => (EventType::Completed, plain()),
        Some((code, message)) => (
            EventType::Failed,
            Body::Lifecycle(Lifecycle { reason: code.map(bounded), error_message: message.map(bounded), ..Lifecycle::default() }),
        ),
    };
    vec![
        conversation.draft(EventType::Created, plain(), span.start, &["created"]),
        conversation.draft(EventType::Started, plain(), span.start, &part("started")),
        conversation.draft(end, body, span.end, &part("ended")),
    ]
}
