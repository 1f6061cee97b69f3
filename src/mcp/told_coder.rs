//! A coder as an answer tells it: a short row, or every field; with ages where a model has to judge times. Pure.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use crate::{
    aggregate::{CoderView, is_finished},
    event::Time,
};

use super::detail::AnswerDetail;

/// What a row has, of what a coder has; ages and the handle are added.
const ROW_KEYS: &[&str] = &[
    "coder_id",
    "handle",
    "coder_name",
    "title",
    "parent_coder_id",
    "status",
    "waiting",
    "stalled",
    "needs_attention",
    "progress",
    "stage",
    "project",
    "branch",
    "last_activity",
];
/// A row is read among fifty.
const TITLE_CHARS_MAX: usize = 80;
const REQUEST_CHARS_MAX: usize = 160;

pub(super) fn tell(coder: &CoderView, now: Time, detail: AnswerDetail) -> Value {
    let Ok(Value::Object(mut told)) = serde_json::to_value(coder) else { return Value::Null };
    if detail == AnswerDetail::Summary {
        told.retain(|key, _| ROW_KEYS.contains(&key.as_str()));
        leave_out_repeats(&mut told, coder);
        shorten(told.get_mut("title"), TITLE_CHARS_MAX);
        shorten(told.get_mut("waiting").and_then(|waiting| waiting.get_mut("request")), REQUEST_CHARS_MAX);
        told.extend(bill(coder));
    }
    if let Some(waiting) = &coder.waiting
        && let Some(Value::Object(told)) = told.get_mut("waiting")
    {
        told.insert("for_s".into(), age_s(waiting.since, now).into());
        if detail == AnswerDetail::Summary {
            told.remove("since");
        }
    }
    if let Some(last) = coder.last_activity {
        told.insert("age_s".into(), age_s(last, now).into());
    }
    Value::Object(told)
}

/// A name that is its folder's, and at which step it was before it ended.
fn leave_out_repeats(told: &mut JsonObject, coder: &CoderView) {
    let folder = coder.project.as_deref().and_then(|project| project.rsplit('/').next());
    if folder.is_some() && coder.coder_name.as_deref() == folder && coder.title.is_some() {
        told.remove("coder_name");
    }
    if is_finished(coder) {
        told.remove("stage");
    }
}

/// Seconds from `then` to `now`; clocks differ, and nothing is younger than now.
pub(super) fn age_s(then: Time, now: Time) -> i64 {
    now.since(then).max(0) / Time::SECOND
}

fn shorten(text: Option<&mut Value>, chars_max: usize) {
    if let Some(Value::String(text)) = text
        && text.chars().count() > chars_max
    {
        *text = text.chars().take(chars_max - 1).chain(['…']).collect();
    }
}

/// Tokens and cost in a few words.
fn bill(coder: &CoderView) -> JsonObject {
    let mut bill = JsonObject::new();
    if coder.usage.tokens.total > 0 {
        bill.insert("tokens".into(), json!({"total": coder.usage.tokens.total}));
    }
    for (key, cost) in [("cost_usd", coder.usage.cost_usd), ("cost_estimated_usd", coder.usage.cost_estimated_usd)] {
        bill.extend(cost.map(|cost| (key.to_owned(), rounded(cost).into())));
    }
    bill
}

/// To a hundredth of a cent.
pub(super) fn rounded(cost: f64) -> f64 {
    (cost * 1e4).round() / 1e4
}
