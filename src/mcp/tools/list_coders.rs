//! `list_ai_coders`: who is there, and who needs a look.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::Value;

use crate::{
    aggregate::CoderView,
    event::Status,
    history::{self, CodersQuery, Reader},
    mcp::{
        arguments::{SomeWords, Whole, Words, tool_arguments},
        budget::AnswerBudget,
        context::ServeContext,
        tool_error::ToolError,
    },
};

tool_arguments! {
    ListCoders {
        status: SomeWords<Status> = "Only these.",
        needs_attention: bool = "Only those that wait, are stuck, failed, rate limited, looping, or in a file conflict.",
        limit: Whole<1, 1000, 50> = "Most rows.",
    }
}

impl Words for Status {
    fn words() -> Vec<(&'static str, Status)> {
        Status::ALL.iter().map(|&status| (status.name(), status)).collect()
    }
}

/// How many coders the resource shows.
const SHOWN_MAX: usize = 100;

#[derive(Serialize)]
pub(in crate::mcp) struct CodersAnswer {
    coders: Vec<Value>,
    /// There are more: ask for a status, or for those that need attention.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl CodersAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        !self.coders.is_empty()
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    ListCoders::schema()
}

pub(super) async fn call(serving: &ServeContext, arguments: Option<JsonObject>) -> Result<CodersAnswer, ToolError> {
    let ListCoders { status, needs_attention, limit } = ListCoders::check(arguments)?;
    Ok(serving.bus.read(move |reader| list(reader, status.0, needs_attention, limit.0 as usize)).await?)
}

/// The coders, most recently active first, as the resource gives them.
pub(in crate::mcp) fn all(reader: &mut Reader) -> Result<CodersAnswer, history::Error> {
    list(reader, Vec::new(), false, SHOWN_MAX)
}

fn list(reader: &mut Reader, statuses: Vec<Status>, needs_attention: bool, limit: usize) -> Result<CodersAnswer, history::Error> {
    // One more than asked for tells whether there are more.
    let mut coders = reader.coders(&CodersQuery { statuses, needs_attention, limit: limit + 1 })?;
    let more = coders.len() > limit;
    coders.truncate(limit);
    Ok(fill(coders, more))
}

fn fill(coders: Vec<CoderView>, more: bool) -> CodersAnswer {
    let told = coders.iter().map(|coder| serde_json::to_value(coder).expect("a coder has only JSON values and text keys"));
    let mut answer = CodersAnswer { coders: Vec::new(), truncated: true };
    let (coders, left) = AnswerBudget::beside(&answer).fill(told);
    (answer.coders, answer.truncated) = (coders, left || more);
    answer
}
