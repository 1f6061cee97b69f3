//! `get_ai_coder_stats`: counts, tokens and cost, in all or a row for each of what they have in common.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    aggregate::{GroupKey, GroupKeys, GroupRow, Stats, Usage},
    event::{Invalid, Time},
    history::{self, GroupQuery, Groups, Reader, StatsQuery},
    mcp::{
        arguments::{SomeWords, Words, tool_arguments},
        budget::{self, AnswerBudget, shorten},
        caller::Caller,
        context::{ServeContext, moment, now},
        detail::AnswerDetail,
        naming,
        told_coder::{self, rounded},
        tool_error::ToolError,
    },
    text,
};

tool_arguments! {
    GetStats {
        group_by: SomeWords<GroupKey> = "A row for each.",
        since: Option<String> = "From: RFC 3339, an age such as 24h, 7d, or today.",
        until: Option<String> = "To, written as since.",
        coder_id: Option<String> = "Only this coder's.",
    }
}

impl Words for GroupKey {
    fn words() -> Vec<(&'static str, GroupKey)> {
        GroupKey::ALL.iter().map(|&key| (key.name(), key)).collect()
    }
}

/// How many coders are counted one by one, the last active ones.
const CODERS_MAX: usize = 20;
/// An answer of which nobody asked more than the whole has fewer tokens than a thousand, whatever is on record.
const TOKENS_MAX: usize = 980;
/// How many codes of errors are told, the most frequent.
const CODES_MAX: usize = 6;
/// As much of a code as tells it.
const CODE_CHARS_MAX: usize = 40;
/// What the resource tells of all coders' counts.
const RESOURCE_CHARS_MAX: usize = 20_000;

#[derive(Serialize)]
pub(in crate::mcp) struct StatsAnswer {
    #[serde(flatten)]
    stats: JsonObject,
    /// Groups were left out to keep the answer short.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    now: Time,
}

impl StatsAnswer {
    /// What models, tools, coders and errors are called is recorded text.
    pub(super) fn is_of_coders(&self) -> bool {
        ["groups", "coders", "events_by_coder", "errors_by_code"].iter().any(|key| self.stats.contains_key(*key))
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    GetStats::schema()
}

/// What is asked for.
struct AskedStats {
    keys: Option<GroupKeys>,
    since: Option<Time>,
    until: Option<Time>,
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<StatsAnswer, ToolError> {
    let GetStats { coder_id, since, until, group_by } = GetStats::check(arguments)?;
    let keys = match &group_by.0[..] {
        [] => None,
        keys => Some(GroupKeys::parse(keys.iter().map(|key| key.name())).map_err(|error| Invalid::new("group_by", error))?),
    };
    let asked =
        AskedStats { keys, since: moment("since", since.as_deref(), now())?, until: moment("until", until.as_deref(), now())? };
    serving
        .read(move |reader| {
            let coder = coder_id.as_deref().map(|said| naming::coder(reader, &caller, said)).transpose()?;
            match (&asked.keys, asked.until) {
                (Some(keys), _) => grouped(reader, keys, coder, &asked),
                (None, Some(_)) => counted_until(reader, coder, &asked),
                (None, None) => counted(reader, coder, &asked),
            }
        })
        .await
}

/// The seed's keys, from what is folded of the whole or since a time.
fn counted(reader: &mut Reader, coder: Option<String>, asked: &AskedStats) -> Result<StatsAnswer, ToolError> {
    let now = now();
    let query = StatsQuery { coder, since: asked.since, coders_max: CODERS_MAX };
    let mut stats = reader.stats(&query)?;
    let mut latest: Vec<(String, u64)> = Vec::new();
    for coder in &stats.coders {
        latest.extend(stats.events_by_coder.get(&coder.coder_id).map(|&events| (coder.coder_id.clone(), events)));
    }
    let coders = std::mem::take(&mut stats.coders);
    let mut told = figures(&stats);
    tell_coders(&mut told, latest, stats.coders_total);
    if query.coder.is_some() {
        let row = |coder| told_coder::tell(coder, now, AnswerDetail::Summary);
        told.insert("coders".into(), coders.iter().map(row).collect());
    }
    Ok(StatsAnswer { stats: told, truncated: false, now })
}

/// The same up to a time, which is told from the counts of minutes and hours alone.
fn counted_until(reader: &mut Reader, coder: Option<String>, asked: &AskedStats) -> Result<StatsAnswer, ToolError> {
    let mut by = |key: GroupKey| {
        let keys = GroupKeys::parse([key.name()]).map_err(|error| Invalid::new("group_by", error))?;
        read_groups(reader, &keys, coder.clone(), asked)
    };
    let (types, coders) = (by(GroupKey::Type)?, by(GroupKey::Coder)?);
    let counts = |groups: Groups, key| {
        let named = |row: GroupRow| row.get(key).map(|name| (name.to_owned(), row.events));
        groups.rows.into_iter().filter_map(named).collect::<Vec<_>>()
    };
    let mut told = JsonObject::new();
    told.insert("total_events".into(), coders.sum.events.into());
    told.extend(types.since.map(|since| ("since".to_owned(), since.to_string().into())));
    told.extend(asked.until.map(|until| ("until".to_owned(), until.to_string().into())));
    told.extend(usage(&coders.sum.usage));
    let by_type: BTreeMap<String, u64> = counts(types, GroupKey::Type).into_iter().collect();
    told.insert("events_by_type".into(), json!(by_type));
    let coders = counts(coders, GroupKey::Coder);
    let total = coders.len() as u64;
    tell_coders(&mut told, coders, total);
    Ok(StatsAnswer { stats: told, truncated: false, now: now() })
}

/// What is counted, without what is nothing.
fn figures(stats: &Stats) -> JsonObject {
    let mut told = JsonObject::new();
    told.insert("total_events".into(), stats.total_events.into());
    told.insert("events_by_type".into(), json!(stats.events_by_type));
    told.extend(stats.last_event.map(|last| ("last_event".to_owned(), last.to_string().into())));
    told.insert("events_per_minute".into(), stats.events_per_minute.into());
    told.extend(stats.since.map(|since| ("since".to_owned(), since.to_string().into())));
    told.insert("coders_total".into(), stats.coders_total.into());
    told.extend(usage(&stats.usage));
    let mut history = json!(stats.history);
    if let Value::Object(fields) = &mut history {
        fields.retain(|key, value| key == "head" || *value != json!(0));
    }
    told.insert("history".into(), history);
    told
}

/// The first of `coders`, as far as there is room, and how many more there are. A token has three characters mostly, and
/// less than two in an id.
fn tell_coders(told: &mut JsonObject, coders: Vec<(String, u64)>, total: u64) {
    let mut left = TOKENS_MAX.saturating_sub(budget::length(told) / 3);
    let fits = |(id, _): &(String, u64)| {
        let room = left.checked_sub(id.len() * 3 / 5 + 3);
        left = room.unwrap_or(0);
        room.is_some()
    };
    let by_coder: BTreeMap<String, u64> = coders.into_iter().take(CODERS_MAX).take_while(fits).collect();
    let more = total.saturating_sub(by_coder.len() as u64);
    if more > 0 {
        told.insert("coders_more".into(), more.into());
    }
    told.insert("events_by_coder".into(), json!(by_coder));
}

/// Tokens, cost and errors: a total once, no zeros, cost to a hundredth of a cent, the most frequent codes.
fn usage(usage: &Usage) -> JsonObject {
    let Value::Object(mut told) = json!(usage) else { return JsonObject::new() };
    if let Some(Value::Object(tokens)) = told.get_mut("tokens") {
        tokens.retain(|key, value| key == "total" || (key != "used" && *value != json!(0)));
    }
    for key in ["cost_usd", "cost_estimated_usd"] {
        if let Some(cost) = told.get(key).and_then(Value::as_f64) {
            told.insert(key.into(), rounded(cost).into());
        }
    }
    let mut codes: Vec<(&String, &u64)> = usage.errors_by_code.iter().collect();
    codes.sort_by_key(|(code, count)| (std::cmp::Reverse(**count), *code));
    let left: u64 = codes.iter().skip(CODES_MAX).map(|(_, count)| **count).sum();
    let mut frequent = JsonObject::new();
    for (code, count) in codes.into_iter().take(CODES_MAX) {
        frequent.insert(text::cut(code, CODE_CHARS_MAX).into_owned(), json!(count));
    }
    if left > 0 {
        frequent.insert("others".into(), left.into());
    }
    if !frequent.is_empty() {
        told.insert("errors_by_code".into(), frequent.into());
    }
    told
}

fn read_groups(reader: &mut Reader, keys: &GroupKeys, coder: Option<String>, asked: &AskedStats) -> Result<Groups, ToolError> {
    let query = GroupQuery { keys: keys.clone(), coder, since: asked.since, until: asked.until, hour_of: &local_hour };
    Ok(reader.groups(&query)?)
}

/// The dearest first, or in order of time; and the sum of all, those left out included.
fn grouped(reader: &mut Reader, keys: &GroupKeys, coder: Option<String>, asked: &AskedStats) -> Result<StatsAnswer, ToolError> {
    let now = now();
    let Groups { since, rows, sum } = read_groups(reader, keys, coder, asked)?;
    let mut told = JsonObject::new();
    told.extend(since.map(|since| ("since".to_owned(), since.to_string().into())));
    told.insert("sum".into(), row(keys, &sum).into());
    let budget = AnswerBudget::beside(&told);
    let of_coders = keys.iter().any(|key| key == GroupKey::Coder);
    let mut told_rows = Vec::new();
    for group in &rows {
        let mut told = row(keys, group);
        if let Some(id) = group.get(GroupKey::Coder).filter(|_| of_coders && told_rows.len() < STATES_MAX) {
            told.extend(state(reader, id, now)?);
        }
        told_rows.push(Value::Object(told));
    }
    let (rows, left) = budget.fill(told_rows);
    told.insert("groups".into(), rows.into());
    Ok(StatsAnswer { stats: told, truncated: left, now })
}

/// More rows with a state than this no answer holds.
const STATES_MAX: usize = 200;

fn row(keys: &GroupKeys, group: &GroupRow) -> JsonObject {
    let named = keys.iter().filter_map(|key| Some((key.name().to_owned(), Value::from(group.get(key)?))));
    let mut told: JsonObject = named.collect();
    told.insert("events".into(), group.events.into());
    told.extend(usage(&group.usage));
    let of_tools = [
        ("tool_calls", group.tool_calls),
        ("tool_calls_failed", group.tool_calls_failed),
        ("tool_duration_ms", group.tool_duration_ms),
    ];
    told.extend(of_tools.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| (key.to_owned(), count.into())));
    told
}

/// Where a coder stands, beside what it cost.
fn state(reader: &mut Reader, id: &str, now: Time) -> Result<JsonObject, ToolError> {
    let Some(coder) = reader.coder(id)? else { return Ok(JsonObject::new()) };
    let Value::Object(mut told) = told_coder::tell(&coder, now, AnswerDetail::Summary) else { return Ok(JsonObject::new()) };
    told.retain(|key, _| ["handle", "coder_name", "title", "status", "needs_attention", "age_s"].contains(&key.as_str()));
    Ok(told)
}

/// As a person's clock has it: days are theirs.
fn local_hour(time: Time) -> String {
    let local = Timestamp::from_microsecond(time.micros()).map(|moment| moment.to_zoned(TimeZone::system()));
    local.map_or_else(|_| time.to_string(), |local| local.strftime("%Y-%m-%d %H:00").to_string())
}

/// The whole history's statistics with the states of the last active coders, as the resource gives them.
pub(in crate::mcp) fn all(reader: &mut Reader) -> Result<StatsAnswer, history::Error> {
    /// The answer is full before many more.
    const SHOWN_MAX: usize = 50;
    let mut stats = reader.stats(&StatsQuery { coder: None, since: None, coders_max: SHOWN_MAX })?;
    let more = (stats.coders.len() as u64) < stats.coders_total;
    let coders = std::mem::take(&mut stats.coders);
    let mut told = json!(stats);
    shorten(&mut told, RESOURCE_CHARS_MAX);
    let coders = coders.iter().map(|coder| json!(coder));
    let (coders, left) = AnswerBudget::beside(&told).fill(coders);
    told["coders"] = coders.into();
    let Value::Object(stats) = told else { return Ok(StatsAnswer { stats: JsonObject::new(), truncated: true, now: now() }) };
    Ok(StatsAnswer { stats, truncated: left || more, now: now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coders_are_counted_as_far_as_there_is_room() {
        let check = |chars_of_an_id: usize, chars_before: usize, counted: usize| {
            let mut told = JsonObject::new();
            told.insert("before".into(), "x".repeat(chars_before).into());
            let coders = (0..50).map(|number| (format!("{number:0chars_of_an_id$}"), 1)).collect();
            tell_coders(&mut told, coders, 60);
            assert_eq!(told["events_by_coder"].as_object().map(JsonObject::len), Some(counted));
            assert_eq!(told["coders_more"], 60 - counted);
        };
        check(48, 900, 20);
        check(128, 900, 8);
        check(48, 2_000, 9);
        check(48, 9_000, 0);
    }
}
