//! The rules that derive one event from another. They look at state that has the cause folded in, and never at what
//! rules derived themselves.

use serde_json::Value;

use crate::event::{Body, DataKey, Derived, Draft, Event, EventType, Key, Micros, Time, Workspace};

use super::{
    Coder,
    warnings::{BUDGET, LOOP},
};

/// How far back the alert rule looks, in event time.
pub const FAILURE_WINDOW: Micros = 10 * Time::MINUTE;
/// Two coders that change a file within this much event time of each other are in each other's way.
pub const CONFLICT_WINDOW: Micros = 30 * Time::MINUTE;
/// How many failures since the last alert raise the next one.
pub const FAILURES_FOR_ALERT: u64 = 3;
/// So often the same call fails in the same way, within [`LOOP_WINDOW`] of event time, before that is a loop.
pub const LOOP_CALLS: usize = 5;
/// See [`LOOP_CALLS`]; who does not repeat a call for this long is in no loop any more.
pub const LOOP_WINDOW: Micros = 10 * Time::MINUTE;
/// Of a budget, in percent, where it is warned of.
pub const BUDGET_LEVELS: [u64; 2] = [80, 100];
/// Who reports derived events.
const SOURCE: &str = "ai-coder-events";

/// How often a coder failed with `cause.timestamp - FAILURE_WINDOW <= at <= cause.timestamp`, the cause itself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// What an alert tells; where there is none to be raised, nobody asks.
    pub all: u64,
    /// Those that arrived after the coder's last alert.
    pub since_alert: u64,
}

/// What rules must know of the past besides the coder's own state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    pub failures: Failures,
    /// The other unfinished coders that changed the cause's file within [`CONFLICT_WINDOW`] of it.
    pub rivals: Vec<String>,
}

/// The events that rules derive from `cause`. `coder` has `cause` folded in already.
///
/// A draft's id is derived from its cause's, so each is raised once; its timestamp is the cause's. A conflict is one of two
/// coders about a file: it is raised once, however often they change it.
pub fn judge(cause: &Event, coder: &Coder, past: &Past) -> Vec<Draft> {
    if cause.completes.is_some() {
        return Vec::new();
    }
    match &cause.body {
        Body::Workspace(Workspace { file_path: Some(path), .. }) => {
            past.rivals.iter().map(|rival| conflict(cause, path, rival)).collect()
        }
        _ => of_kind(cause, coder, past.failures).into_iter().collect(),
    }
}

fn of_kind(cause: &Event, coder: &Coder, failures: Failures) -> Option<Draft> {
    match cause.kind {
        EventType::Failed => {
            let failure_count = Some(failures.all);
            (failures.since_alert >= FAILURES_FOR_ALERT)
                .then(|| derive(cause, EventType::FailureAlert, Derived { failure_count, ..Derived::default() }))
        }
        EventType::Completed => {
            let elapsed = cause.timestamp.since(coder.born().unwrap_or(cause.timestamp));
            let duration = Some(u64::try_from(elapsed).unwrap_or(0).saturating_mul(NANOS_PER_MICRO));
            Some(derive(cause, EventType::CompletionMetrics, Derived { duration, ..Derived::default() }))
        }
        EventType::RateLimit => Some(warn(cause, "rate_limit", "AI provider rate limit reached")),
        EventType::ResourceLimit => Some(warn(cause, "resource_limit", "AI coder resource limit exceeded")),
        _ => None,
    }
}

fn conflict(cause: &Event, path: &str, rival: &str) -> Draft {
    let own = cause.coder_id.as_str();
    let pair = [own.min(rival), own.max(rival)];
    let draft = warn(cause, "file_conflict", &format!("{path} is changed by both {} and {}", pair[0], pair[1]));
    Draft { key: Key::Natural(format!("file_conflict:{}:{}:{path}", pair[0], pair[1])), ..draft }
        .with("file_path", path)
        .with("coder_ids", pair.to_vec())
}

/// A call that was made `times` times and failed in the same way each time. `cause` is the last of them, `first` the id of the
/// first: by it a streak is warned of once.
pub fn warn_of_loop(cause: &Event, first: &str, times: usize) -> Draft {
    let said = |key: &str| cause.data.get(key).and_then(Value::as_str);
    let described = match &cause.body {
        Body::Progress(fields) => fields.description.as_deref(),
        _ => None,
    };
    let call = described.or_else(|| said(DataKey::Command.name())).or_else(|| said(DataKey::ToolName.name())).unwrap_or("a tool");
    let call: String = call.chars().take(CALL_CHARS_MAX).collect();
    let draft = warn(cause, LOOP, &format!("the same call failed in the same way {times} times within ten minutes: {call}"));
    Draft { key: Key::Natural(format!("loop:{first}")), ..draft }.with("times", times)
}

/// Of `of_budget`, a text that names the budget and its period as nothing else does, this much is spent.
pub fn warn_of_budget(cause: &Event, budget: &str, of_budget: &str, level: u64, message: &str) -> Draft {
    let draft = warn(cause, BUDGET, message);
    Draft { key: Key::Natural(format!("budget:{of_budget}:{level}")), ..draft }.with("budget", budget).with("percent", level)
}

/// What a warning tells of a call.
const CALL_CHARS_MAX: usize = 200;
const NANOS_PER_MICRO: u64 = 1_000;

fn warn(cause: &Event, warning: &str, message: &str) -> Draft {
    let fields = Derived { warning: Some(warning.to_owned()), message: Some(message.to_owned()), ..Derived::default() };
    derive(cause, EventType::SystemWarning, fields)
}

fn derive(cause: &Event, kind: EventType, fields: Derived) -> Draft {
    let body = Derived { cause_id: Some(cause.id.clone()), cause_seq: Some(cause.seq), ..fields };
    Draft {
        coder_name: cause.coder_name.clone(),
        timestamp: Some(cause.timestamp),
        source: Some(SOURCE.to_owned()),
        body: Body::Derived(body),
        key: Key::Natural(format!("{kind}:{}", cause.id)),
        ..Draft::new(kind, cause.coder_id.as_str())
    }
}
