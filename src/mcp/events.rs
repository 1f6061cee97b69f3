//! The protocol's own events, `io.modelcontextprotocol/events` (SEP-3415): kinds of occurrences to subscribe to, by poll
//! and by push.
//!
//! A subscription is the bus's cursor as the protocol spells it, so a client that went away goes on where it stood, with
//! whichever process serves it next. docs/mcp.md tells each requirement, and the test that shows it. Only the version
//! that the extension is made for has it. Webhooks are not offered: they need a caller whose name is known.

mod at_rest;
mod kind;
mod occurrence;
mod poll;
mod request;
mod start;
mod stream;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use rmcp::{
    ErrorData, RoleServer,
    model::{CustomRequest, CustomResult, ErrorCode, JsonObject, ProtocolVersion},
    service::RequestContext,
};
use serde_json::{Value, json};

use self::{kind::OccurrenceKind, request::EventsRequest};

use super::{context::ServeContext, prompts, tool_error::ToolError, untrusted};

/// Under which name the extension is offered.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/events";
/// The key in `_meta` by which a client knows which of its streams a message is of.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
const PREFIX: &str = "events/";

/// The extension's codes, in the range that the protocol numbers itself.
const NOT_FOUND: ErrorCode = ErrorCode(-32_023);
const FORBIDDEN: ErrorCode = ErrorCode(-32_024);
const RESOURCE_EXHAUSTED: ErrorCode = ErrorCode(-32_025);

/// The kinds never change while a server runs.
pub(super) fn settings() -> JsonObject {
    JsonObject::from_iter([("listChanged".to_owned(), Value::from(false))])
}

/// Whether this request is one of the extension, and its version has it.
pub(super) fn is_asked_for(method: &str, context: &RequestContext<RoleServer>) -> bool {
    let has_it = |version: ProtocolVersion| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str();
    method.starts_with(PREFIX) && context.protocol_version().is_some_and(has_it)
}

/// # Errors
/// The protocol's, of a request that is wrong; no stream is open then.
pub(super) async fn answer(
    serving: &ServeContext,
    request: CustomRequest,
    context: RequestContext<RoleServer>,
) -> Result<CustomResult, ErrorData> {
    // One that panics would have no answer at all.
    AssertUnwindSafe(dispatch(serving, request, context)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a request of the events extension panicked");
        Err(ErrorData::internal_error("this failed unexpectedly: it is a bug; other requests still work", None))
    })
}

async fn dispatch(
    serving: &ServeContext,
    request: CustomRequest,
    context: RequestContext<RoleServer>,
) -> Result<CustomResult, ErrorData> {
    let params = match request.params {
        None | Some(Value::Null) => JsonObject::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(ErrorData::invalid_params("the params are no object", None)),
    };
    match request.method.as_str() {
        "events/list" => list(&params).map(CustomResult::new),
        "events/poll" => {
            poll::answer(serving, EventsRequest::read(params, serving.caller(&context.meta))?).await.map(CustomResult::new)
        }
        "events/stream" => stream::answer(serving, EventsRequest::read(params, serving.caller(&context.meta))?, context)
            .await
            .map(CustomResult::new),
        "events/subscribe" | "events/unsubscribe" => Err(ErrorData::new(
            FORBIDDEN,
            "webhooks are not offered, since nobody here says who asks: use events/poll or events/stream",
            Some(json!({"reason": "no authenticated principal"})),
        )),
        unknown => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, untrusted::echo(unknown), None)),
    }
}

/// All on one page.
fn list(params: &JsonObject) -> Result<Value, ErrorData> {
    if params.get("cursor").is_some_and(|cursor| !cursor.is_null()) {
        return Err(ErrorData::invalid_params("`cursor`: there is one page only, so leave it out", None));
    }
    let arguments = request::arguments_schema();
    let events: Vec<Value> = OccurrenceKind::ALL.iter().map(|kind| kind.describe(&arguments)).collect();
    Ok(json!({"resultType": "complete", "events": events}))
}

fn refused(error: ToolError) -> ErrorData {
    match error {
        ToolError::History(_) | ToolError::Unreadable(_) => prompts::failed(error),
        wrong => ErrorData::invalid_params(wrong.message(), None),
    }
}
