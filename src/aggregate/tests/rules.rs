//! The rules, with a history as small as they need.

use crate::event::{
    Derived, Draft,
    EventType::{self, *},
    Key,
};

use super::super::{FAILURE_WINDOW, Failures, judge};
use super::*;
use crate::aggregate::Past;

/// Remembers one coder's events and failures in order of arrival, as the history does.
#[derive(Default)]
struct Judged {
    coder: Coder,
    /// When, and whether an alert told of it.
    failures: Vec<(Time, bool)>,
}

impl Judged {
    fn append(&mut self, cause: &Event) -> Option<Draft> {
        self.coder.fold(cause);
        if cause.kind == Failed && cause.completes.is_none() {
            self.failures.push((cause.timestamp, false));
        }
        let window = cause.timestamp.plus(-FAILURE_WINDOW)..=cause.timestamp;
        let recent = self.failures.iter().filter(|(at, _)| window.contains(at));
        let since_alert = recent.clone().filter(|(_, alerted)| !alerted).count() as u64;
        let failures = Failures { all: recent.count() as u64, since_alert };
        let derived = judge(cause, &self.coder, &Past { failures, rivals: Vec::new() }).pop();
        if derived.as_ref().is_some_and(|draft| draft.kind == FailureAlert) {
            self.failures.iter_mut().for_each(|(_, alerted)| *alerted = true);
        }
        derived
    }
}

fn fields(draft: &Draft) -> &Derived {
    match &draft.body {
        Body::Derived(fields) => fields,
        other => panic!("a derived draft has derived fields, not {other:?}"),
    }
}

/// The `failure_count` of each alert that failures at these seconds raise.
fn alerts(failures: impl IntoIterator<Item = i64>) -> Vec<u64> {
    let mut judged = Judged::default();
    let raised = failures.into_iter().filter_map(|seconds| judged.append(&event(Failed, seconds)));
    raised.map(|draft| fields(&draft).failure_count.expect("an alert has a count")).collect()
}

#[test]
fn defect_11_one_alert_per_three_failures() {
    let check = |name: &str, failures: &[i64], expected: &[u64]| assert_eq!(alerts(failures.iter().copied()), expected, "{name}");
    check("two are none", &[0, 1], &[]);
    check("three are one", &[0, 1, 2], &[3]);
    check("a fourth is not another", &[0, 1, 2, 3, 4], &[3]);
    check("six are two, the second counts all", &[0, 1, 2, 3, 4, 5], &[3, 6]);
    check("on the edge of the window", &[0, 300, 600], &[3]);
    check("beyond the window", &[0, 300, 601], &[]);
    check("the window moves on", &[0, 300, 601, 602], &[3]);
    check("late arrivals see what lies before them", &[600, 500, 400, 0], &[]);
    check("the same instant", &[7, 7, 7], &[3]);
    let fifty = alerts((0..50).map(|n| n * 10));
    assert_eq!(fifty, (1..=16).map(|alert| alert * 3).collect::<Vec<_>>());
}

#[test]
fn completion_is_measured_from_creation_in_event_time() {
    let check = |name: &str, life: &[(EventType, i64)], seconds: u64| {
        let mut judged = Judged::default();
        let derived = life.iter().filter_map(|&(kind, at)| judged.append(&event(kind, at))).last();
        let duration = derived.as_ref().and_then(|draft| fields(draft).duration);
        assert_eq!(duration, Some(seconds * 1_000_000_000), "{name}");
    };
    check("created", &[(Created, 0), (Started, 2), (Completed, 60)], 60);
    check("created heard of late", &[(Progress, 5), (Created, 0), (Completed, 60)], 60);
    check("never created", &[(Progress, 1), (Started, 2), (Completed, 60)], 58);
    check("first seen at work", &[(Progress, 5), (Completed, 60)], 55);
    check("first seen when complete", &[(Completed, 60)], 0);
    check("completed before it was created", &[(Created, 60), (Completed, 0)], 0);
    check("the second turn", &[(Created, 0), (Completed, 10), (Resumed, 20), (Completed, 30)], 30);
}

#[test]
fn limits_warn_with_the_seeds_words() {
    let check = |kind: EventType, warning: &str, message: &str| {
        let draft = Judged::default().append(&event(kind, 1)).expect("a limit warns");
        let said = (draft.kind, fields(&draft).warning.as_deref(), fields(&draft).message.as_deref());
        assert_eq!(said, (SystemWarning, Some(warning), Some(message)));
    };
    check(RateLimit, "rate_limit", "AI provider rate limit reached");
    check(ResourceLimit, "resource_limit", "AI coder resource limit exceeded");
}

#[test]
fn a_derived_event_points_at_its_cause() {
    let cause = Event { seq: 42, coder_name: Some("Fix auth".into()), source: Some("claude-code".into()), ..event(RateLimit, 7) };
    let draft = Judged::default().append(&cause).expect("a rate limit warns");
    assert_eq!(draft.key, Key::Natural("ai_coder_system_warning:rate_limit-7".to_owned()));
    assert_eq!((fields(&draft).cause_id.as_deref(), fields(&draft).cause_seq), (Some("rate_limit-7"), Some(42)));
    let told = (draft.coder_id.as_str(), draft.coder_name.as_deref(), draft.source.as_deref(), draft.timestamp);
    assert_eq!(told, ("fix-auth", Some("Fix auth"), Some("ai-coder-events"), Some(at(7))));
    let checked = draft.check(at(8), &crate::text::Redactor::default());
    assert_eq!(checked.map(|checked| checked.event().kind), Ok(SystemWarning));
}

#[test]
fn derived_and_completing_events_trigger_nothing() {
    let failures = Failures { all: 3, since_alert: 3 };
    let past = Past { failures, rivals: Vec::new() };
    let judged = |cause: &Event| judge(cause, &Coder::default(), &past).pop().map(|draft| draft.kind);
    for &kind in EventType::ALL {
        let expected = match kind {
            Failed => Some(FailureAlert),
            Completed => Some(CompletionMetrics),
            RateLimit | ResourceLimit => Some(SystemWarning),
            _ => None,
        };
        assert_eq!(judged(&event(kind, 0)), expected, "{kind}");
        assert_eq!(judged(&completing(event(kind, 0))), None, "{kind}");
    }
}
