//! `brief_ai_coder`: what one coder did and where it stands, in one short answer.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::Value;

use crate::{
    brief::Brief,
    mcp::{
        arguments::{self, Argument, tool_arguments},
        caller::Caller,
        context::{ServeContext, moment, now},
        cursor::Cursor,
        naming,
        tool_error::ToolError,
    },
};

tool_arguments! {
    BriefCoder {
        coder_id: BriefedCoder = "Id, name or `me`.",
        since: Option<String> = "Only what came after: RFC 3339, or an age such as 2h.",
    }
}

/// Of whom: the one argument that must be given.
struct BriefedCoder(String);

impl Argument for BriefedCoder {
    fn missing() -> Result<Self, &'static str> {
        Err("the id or name of a coder")
    }

    fn read(given: Value) -> Result<Self, Value> {
        arguments::text(given).map(BriefedCoder)
    }
}

#[derive(Serialize)]
pub(in crate::mcp) struct BriefAnswer {
    #[serde(flatten)]
    brief: Brief,
    /// What comes next comes after it: for `subscribe_coder`.
    cursor: String,
}

pub(super) fn input() -> Arc<JsonObject> {
    BriefCoder::schema()
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<BriefAnswer, ToolError> {
    let BriefCoder { coder_id: BriefedCoder(said), since } = BriefCoder::check(arguments)?;
    let now = now();
    let since = moment("since", since.as_deref(), now)?;
    serving
        .read(move |reader| {
            let id = naming::coder(reader, &caller, &said)?;
            // It was there a moment ago; gone, it is as unknown as any other.
            let brief = Brief::read(reader, &id, since, now)?.ok_or_else(|| ToolError::gone(&id))?;
            let cursor = Cursor::at(&brief.position, brief.position.head).to_string();
            Ok(BriefAnswer { brief, cursor })
        })
        .await
}
