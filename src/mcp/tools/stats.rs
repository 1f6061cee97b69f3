//! `get_ai_coder_stats`: the counts, and the present state of the coders behind them.

use std::{sync::Arc, time::SystemTime};

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    aggregate::Stats,
    event::check_coder_id,
    filter::parse_moment,
    history::{self, Reader, StatsQuery},
    mcp::{
        arguments::tool_arguments,
        budget::{ANSWER_CHARS_MAX, AnswerBudget, shorten},
        context::ServeContext,
        tool_error::ToolError,
    },
};

tool_arguments! {
    GetStats {
        coder_id: Option<String> = "Only this coder.",
        since: Option<String> = "Count from this time on: RFC 3339, or an age such as 15m, 2h, 7d. Rounded down to a minute or hour, and echoed.",
    }
}

/// How many coders are described; the answer is full before many more.
const CODERS_MAX: usize = 50;

#[derive(Serialize, JsonSchema)]
pub(in crate::mcp) struct StatsAnswer {
    #[serde(flatten)]
    #[schemars(with = "Stats")]
    stats: Value,
    /// Coders were left out to keep the answer short: ask for one with coder_id, or `list_ai_coders`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl StatsAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        self.stats["coders"].as_array().is_some_and(|coders| !coders.is_empty())
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    GetStats::schema()
}

pub(super) async fn call(serving: &ServeContext, arguments: Option<JsonObject>) -> Result<StatsAnswer, ToolError> {
    let GetStats { coder_id: coder, since } = GetStats::check(arguments)?;
    coder.as_deref().map_or(Ok(()), check_coder_id)?;
    let since = since.map(|moment| parse_moment("since", &moment, SystemTime::now().into())).transpose()?;
    // Of one coder it is a row and what hangs on it.
    let takes_few_rows = coder.is_some() && since.is_none();
    let query = StatsQuery { coder, since, coders_max: CODERS_MAX };
    let read = move |reader: &mut Reader| {
        let stats = reader.stats(&query)?;
        match &query.coder {
            Some(coder) if stats.coders.is_empty() => Ok(Err(ToolError::unknown_coder(reader, coder)?)),
            _ => Ok(Ok(answer(stats, &query))),
        }
    };
    if takes_few_rows { serving.bus.read_few(read).await? } else { serving.bus.read(read).await? }
}

/// The whole history's statistics, as the resource gives them.
pub(in crate::mcp) fn all(reader: &mut Reader) -> Result<StatsAnswer, history::Error> {
    let query = StatsQuery { coder: None, since: None, coders_max: CODERS_MAX };
    Ok(answer(reader.stats(&query)?, &query))
}

fn answer(stats: Stats, query: &StatsQuery) -> StatsAnswer {
    let more = query.coder.is_none() && (stats.coders.len() as u64) < stats.coders_total;
    fill(stats, more)
}

fn fill(mut stats: Stats, more: bool) -> StatsAnswer {
    /// Counts by coder and code are many only where ids are long; most of an answer is for the coders.
    const COUNTS_CHARS_MAX: usize = ANSWER_CHARS_MAX / 2;
    let coders = std::mem::take(&mut stats.coders);
    let mut told = serde_json::to_value(stats).expect("statistics have only JSON values and text keys");
    shorten(&mut told, COUNTS_CHARS_MAX);
    let coders = coders.into_iter().map(|coder| serde_json::to_value(coder).expect("a coder has only JSON values and text keys"));
    let (coders, left) = AnswerBudget::beside(&told).fill(coders);
    told["coders"] = coders.into();
    StatsAnswer { stats: told, truncated: left || more }
}
