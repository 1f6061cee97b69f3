//! The rules that derive one event from another. They look at state that has the cause folded in, and never at what
//! rules derived themselves.

use crate::event::{Body, Derived, Draft, Event, EventType, Key, Micros, Time};

use super::Coder;

/// How far back the alert rule looks, in event time.
pub const FAILURE_WINDOW: Micros = 10 * Time::MINUTE;
/// How many failures since the last alert raise the next one.
const FAILURES_FOR_ALERT: usize = 3;
/// Who reports derived events.
const SOURCE: &str = "ai-coder-events";

/// A failure of a coder that the alert rule remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub at: Time,
    /// It arrived before the coder's last alert.
    pub alerted: bool,
}

/// The event that a rule derives from `cause`, if any. `coder` has `cause` folded in already; `failures` are the coder's
/// failures with `cause.timestamp - FAILURE_WINDOW <= at <= cause.timestamp`, the cause itself included.
///
/// The draft's id is derived from the cause's, so each is raised once; its timestamp is the cause's.
pub fn judge(cause: &Event, coder: &Coder, failures: &[Failure]) -> Option<Draft> {
    if cause.completes.is_some() {
        return None;
    }
    match cause.kind {
        EventType::Failed => {
            let unalerted = failures.iter().filter(|failure| !failure.alerted).count();
            let failure_count = Some(failures.len() as u64);
            (unalerted >= FAILURES_FOR_ALERT)
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
        key: Key::Id(Key::id_of(&format!("{kind}:{}", cause.id))),
        ..Draft::new(kind, cause.coder_id.as_str())
    }
}
