//! `watch_ai_coder`: to be told of another coder by one's own hook, instead of waiting for it.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;

use crate::{
    aggregate::Until,
    event::{Invalid, Status, Time},
    history::WatchReply,
    mcp::{
        arguments::{self, Argument, Whole, tool_arguments},
        caller::{Caller, ME},
        context::{ServeContext, now},
        naming,
        tool_error::ToolError,
    },
};

use serde_json::Value;

tool_arguments! {
    WatchCoder {
        coder_id: AwaitedCoder = "Id or name.",
        until: Vec<String> = "As in subscribe_coder; left out: settled, needs_attention.",
        minutes: Whole<1, 1_440, 240> = "Give up after.",
    }
}

/// Of whom: the one argument that must be given.
struct AwaitedCoder(String);

impl Argument for AwaitedCoder {
    fn missing() -> Result<Self, &'static str> {
        Err("the id or name of a coder")
    }

    fn read(given: Value) -> Result<Self, Value> {
        arguments::text(given).map(AwaitedCoder)
    }
}

const UNTIL: [&str; 2] = ["settled", "needs_attention"];

#[derive(Serialize)]
pub(in crate::mcp) struct WatchReceipt {
    coder_id: String,
    status: Status,
    /// It stands so already: nothing is waited for.
    met: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Time>,
    now: Time,
}

pub(super) fn input() -> Arc<JsonObject> {
    WatchCoder::schema()
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<WatchReceipt, ToolError> {
    let WatchCoder { coder_id: AwaitedCoder(said), until, minutes } = WatchCoder::check(arguments)?;
    let until: Vec<String> = if until.is_empty() { UNTIL.map(str::to_owned).into() } else { until };
    let Some(judged) = Until::parse(&until)? else { return Err(Invalid::missing("until", "what to wait for").into()) };
    let now = now();
    let ends_at = now.plus(i64::try_from(minutes.0).unwrap_or(i64::MAX).saturating_mul(Time::MINUTE));
    let (own, other) = serving
        .read(move |reader| {
            let other = naming::coder(reader, &caller, &said)?;
            let view = reader.coder(&other)?.ok_or_else(|| ToolError::gone(&other))?;
            Ok((naming::coder(reader, &caller, ME)?, view))
        })
        .await?;
    let receipt = WatchReceipt { coder_id: other.coder_id.clone(), status: other.status, met: true, ends_at: None, now };
    if judged.is_met_by_state(&other) {
        return Ok(receipt);
    }
    match serving.bus.write(move |writer| writer.watch(&own, &other.coder_id, &until, ends_at)).await? {
        WatchReply::Watched => Ok(WatchReceipt { met: false, ends_at: Some(ends_at), ..receipt }),
        WatchReply::Deaf => Err(ToolError::Deaf),
        WatchReply::TooMany => {
            Err(Invalid::new("coder_id", "you wait for 20 coders already: `subscribe_coder` watches more").into())
        }
    }
}
