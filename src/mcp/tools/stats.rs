//! `get_ai_coder_stats`: the counts, and the present state of the coders behind them.

use std::{sync::Arc, time::SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::Value;

use crate::{
    aggregate::{GroupKey, GroupKeys, GroupRow, Stats},
    event::{Invalid, Time, check_coder_id},
    filter::parse_moment,
    history::{self, GroupQuery, Groups, Reader, StatsQuery},
    mcp::{
        arguments::{SomeWords, Words, tool_arguments},
        budget::{ANSWER_CHARS_MAX, AnswerBudget, shorten},
        context::ServeContext,
        tool_error::ToolError,
    },
};

tool_arguments! {
    GetStats {
        coder_id: Option<String> = "Only this coder's.",
        since: Option<String> = "From: RFC 3339, an age such as 24h, 7d, or today.",
        until: Option<String> = "To, written as since.",
        group_by: SomeWords<GroupKey> = "A row for each.",
    }
}

impl Words for GroupKey {
    fn words() -> Vec<(&'static str, GroupKey)> {
        GroupKey::ALL.iter().map(|&key| (key.name(), key)).collect()
    }
}

/// How many coders are described; the answer is full before many more.
const CODERS_MAX: usize = 50;

#[derive(Serialize)]
pub(in crate::mcp) struct StatsAnswer {
    #[serde(flatten)]
    stats: Value,
    /// With group_by: the dearest first, or in order of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Value>>,
    /// With group_by: all of them, those left out included.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<GroupRow>,
    /// Coders or groups were left out to keep the answer short: ask for one with coder_id, or `list_ai_coders`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl StatsAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        self.groups.is_some() || self.stats["coders"].as_array().is_some_and(|coders| !coders.is_empty())
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    GetStats::schema()
}

pub(super) async fn call(serving: &ServeContext, arguments: Option<JsonObject>) -> Result<StatsAnswer, ToolError> {
    let GetStats { coder_id: coder, since, until, group_by } = GetStats::check(arguments)?;
    coder.as_deref().map_or(Ok(()), check_coder_id)?;
    let moment = |name: &'static str, given: Option<String>| {
        given.map(|given| parse_moment(name, &given, SystemTime::now().into())).transpose()
    };
    let (since, until) = (moment("since", since)?, moment("until", until)?);
    if !group_by.0.is_empty() {
        return grouped(serving, coder, since, until, &group_by.0).await;
    }
    if until.is_some() {
        return Err(Invalid::new("until", "`until` needs `group_by`").into());
    }
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

async fn grouped(
    serving: &ServeContext,
    coder: Option<String>,
    since: Option<Time>,
    until: Option<Time>,
    group_by: &[GroupKey],
) -> Result<StatsAnswer, ToolError> {
    let keys = GroupKeys::parse(group_by.iter().map(|key| key.name())).map_err(|error| Invalid::new("group_by", error))?;
    let read = move |reader: &mut Reader| {
        if let Some(coder) = &coder
            && reader.coder(coder)?.is_none()
        {
            return Ok(Err(ToolError::unknown_coder(reader, coder)?));
        }
        let groups = reader.groups(&GroupQuery { keys, coder, since, until, hour_of: &local_hour })?;
        Ok(Ok(answer_of_groups(groups)))
    };
    serving.bus.read(read).await?
}

fn answer_of_groups(Groups { since, rows, sum }: Groups) -> StatsAnswer {
    let mut stats = JsonObject::new();
    if let Some(since) = since {
        stats.insert("since".into(), since.to_string().into());
    }
    let rows = rows.into_iter().map(|row| serde_json::to_value(row).expect("a row has only JSON values and text keys"));
    let (rows, left) = AnswerBudget::beside(&(&stats, &sum)).fill(rows);
    StatsAnswer { stats: stats.into(), groups: Some(rows), sum: Some(sum), truncated: left }
}

/// As a person's clock has it: days are theirs.
fn local_hour(time: Time) -> String {
    let local = Timestamp::from_microsecond(time.micros()).map(|moment| moment.to_zoned(TimeZone::system()));
    local.map_or_else(|_| time.to_string(), |local| local.strftime("%Y-%m-%d %H:00").to_string())
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
    StatsAnswer { stats: told, groups: None, sum: None, truncated: left || more }
}
