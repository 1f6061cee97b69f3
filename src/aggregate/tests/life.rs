//! Statuses, waiting and attention, by table. Each case is folded forwards and backwards.

use crate::event::{
    EventType::{self, *},
    Status,
};

use super::super::{Attention, Waiting, WaitingFor};
use super::*;

fn both_ways(events: &[Event], check: impl Fn(&Coder, &str)) {
    check(&fold(events), "forwards");
    check(&fold(events.iter().rev()), "backwards");
}

fn timeline(steps: &[(EventType, i64)]) -> Vec<Event> {
    steps.iter().map(|&(kind, seconds)| event(kind, seconds)).collect()
}

#[test]
fn status_follows_the_latest_step_of_life() {
    let check = |name: &str, steps: &[(EventType, i64)], status: Status, ended: Option<i64>, waiting: Option<i64>| {
        both_ways(&timeline(steps), |coder, way| {
            let since = coder.waiting().map(|waiting| waiting.since);
            assert_eq!((coder.status(), coder.ended_at(), since), (status, ended.map(at), waiting.map(at)), "{name}, {way}");
        });
    };
    check("nothing known", &[], Status::Running, None, None);
    check("created", &[(Created, 0)], Status::Created, None, None);
    check("first seen at work", &[(FileModified, 0)], Status::Running, None, None);
    check("created, then at work without a start", &[(Created, 0), (FileModified, 5)], Status::Created, None, None);
    check("started", &[(Created, 0), (Started, 1)], Status::Running, None, None);
    check("created and started at one instant", &[(Created, 0), (Started, 0)], Status::Running, None, None);
    check("paused", &[(Started, 0), (Paused, 5)], Status::Paused, None, Some(5));
    check("paused twice", &[(Started, 0), (Paused, 5), (Paused, 9)], Status::Paused, None, Some(9));
    check("paused and resumed", &[(Started, 0), (Paused, 5), (Resumed, 6)], Status::Running, None, None);
    check("resumed before the pause", &[(Started, 0), (Resumed, 4), (Paused, 5)], Status::Paused, None, Some(5));
    check("work after a pause", &[(Started, 0), (Paused, 5), (FileModified, 6)], Status::Paused, None, None);
    check("work before the pause", &[(Started, 0), (FileModified, 4), (Paused, 5)], Status::Paused, None, Some(5));
    check("resources measured in a pause", &[(Paused, 5), (ResourceUsage, 6), (ResourceLimit, 7)], Status::Paused, None, Some(5));
    check("a rate limit in a pause", &[(Paused, 5), (RateLimit, 6), (SystemWarning, 6)], Status::Paused, None, Some(5));
    check("created heard of in a pause", &[(Paused, 5), (Created, 6)], Status::Created, None, Some(5));
    check("a turn ended", &[(Started, 0), (Completed, 9)], Status::Completed, None, None);
    check("a turn ended, the next one began", &[(Started, 0), (Completed, 9), (Resumed, 10)], Status::Running, None, None);
    check("turn and process ended", &[(Started, 0), (Completed, 9), (Stopped, 10)], Status::Completed, Some(10), None);
    check("turn and process ended at one instant", &[(Completed, 9), (Stopped, 9)], Status::Completed, Some(9), None);
    check("failed", &[(Started, 0), (Failed, 9)], Status::Failed, None, None);
    check("failed, process ended", &[(Started, 0), (Failed, 9), (Stopped, 10)], Status::Failed, Some(10), None);
    check("stopped at work", &[(Started, 0), (Stopped, 10)], Status::Stopped, Some(10), None);
    check("stopped in a pause", &[(Started, 0), (Paused, 5), (Stopped, 10)], Status::Stopped, Some(10), None);
    check("only stopped", &[(Stopped, 10)], Status::Stopped, Some(10), None);
    check("stopped twice", &[(Started, 0), (Stopped, 10), (Stopped, 12)], Status::Stopped, Some(12), None);
    check("stopped, then resumed", &[(Started, 0), (Stopped, 10), (Resumed, 20)], Status::Running, None, None);
    check("resumed and stopped again", &[(Stopped, 10), (Resumed, 20), (Stopped, 30)], Status::Stopped, Some(30), None);
    check("stopped, then a file event", &[(Started, 0), (Stopped, 10), (FileModified, 11)], Status::Stopped, Some(10), None);
    check("completed after it stopped", &[(Stopped, 10), (Completed, 11)], Status::Completed, None, None);
    check("deleted", &[(Started, 0), (Deleted, 9)], Status::Deleted, None, None);
    check("deleted, then stopped", &[(Deleted, 9), (Stopped, 10)], Status::Deleted, Some(10), None);
    check("stopped, then deleted", &[(Stopped, 9), (Deleted, 10)], Status::Deleted, Some(9), None);
    check("resumed after deleted", &[(Deleted, 9), (Resumed, 10)], Status::Running, None, None);
    check(
        "a whole life at one instant",
        &[(Created, 0), (Started, 0), (Paused, 0), (Resumed, 0), (Completed, 0), (Stopped, 0)],
        Status::Completed,
        Some(0),
        None,
    );
}

#[test]
fn finished_is_failed_stopped_deleted_or_completed_with_an_end() {
    let check = |steps: &[(EventType, i64)], finished: bool| {
        assert_eq!(fold(&timeline(steps)).is_finished(), finished, "{steps:?}");
    };
    check(&[], false);
    check(&[(Created, 0)], false);
    check(&[(Started, 0)], false);
    check(&[(Paused, 0)], false);
    check(&[(Completed, 0)], false);
    check(&[(Completed, 0), (Stopped, 1)], true);
    check(&[(Failed, 0)], true);
    check(&[(Stopped, 0)], true);
    check(&[(Deleted, 0)], true);
    check(&[(Stopped, 0), (Resumed, 1)], false);
}

#[test]
fn the_reason_of_a_pause_says_what_for() {
    let check = |body: Body, data: &[(&str, &str)], expected: WaitingFor| {
        let data = data.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect();
        let paused = Event { body: body.clone(), data, ..event(Paused, 5) };
        assert_eq!(fold([&paused]).waiting(), Some(Waiting { since: at(5), reason: expected, request: None }), "{body:?}");
    };
    check(reason("permission"), &[], WaitingFor::Permission);
    check(reason("Permission_Prompt"), &[], WaitingFor::Permission);
    check(reason("question"), &[], WaitingFor::Question);
    check(reason("question asked"), &[("waiting_for", "permission")], WaitingFor::Question);
    check(reason("idle"), &[], WaitingFor::Idle);
    check(reason("lunch"), &[], WaitingFor::Idle);
    check(reason("lunch"), &[("waiting_for", "question")], WaitingFor::Question);
    check(Paused.body(), &[("for", "permission")], WaitingFor::Permission);
    check(Paused.body(), &[], WaitingFor::Idle);
}

#[test]
fn creation_is_the_first_event_until_created_says_otherwise() {
    let check = |steps: &[(EventType, i64)], created: Option<i64>| {
        both_ways(&timeline(steps), |coder, way| assert_eq!(coder.created_at(), created.map(at), "{steps:?} {way}"));
    };
    check(&[], None);
    check(&[(FileModified, 3), (Progress, 7)], Some(3));
    check(&[(FileModified, 3), (Created, 5)], Some(5));
    check(&[(Created, 5), (Created, 9)], Some(5));
    check(&[(SystemWarning, 1)], None);
}

#[test]
fn attention_is_for_the_unfinished_and_the_failed() {
    let check = |name: &str, steps: &[(EventType, i64)], now: i64, expected: &[Attention]| {
        let view = fold(&timeline(steps)).view("fix-auth", at(now), &Prices::default(), 0, Vec::new());
        assert_eq!(view.needs_attention, expected, "{name}");
        assert_eq!(view.stalled, expected.contains(&Attention::Stalled), "{name}");
    };
    check("at work", &[(Started, 0)], 299, &[]);
    check("silent for five minutes", &[(Started, 0)], 300, &[Attention::Stalled]);
    check("paused is not stalled", &[(Paused, 0)], 300, &[Attention::Waiting]);
    check("a turn ended is not stalled", &[(Completed, 0)], 300, &[]);
    check("a life before now", &[(Started, 0)], -9, &[]);
    check("rate limited", &[(Started, 0), (RateLimit, 10)], 20, &[Attention::RateLimited]);
    check("rate limited, and got on", &[(Started, 0), (RateLimit, 10), (ApiCall, 11)], 20, &[]);
    check("rate limited, and called in vain", &[(Started, 0), (RateLimit, 10), (ApiError, 11)], 20, &[Attention::RateLimited]);
    check("rate limited, then ended", &[(RateLimit, 10), (Stopped, 11)], 20, &[]);
    check("paused, then ended", &[(Paused, 10), (Stopped, 11)], 20, &[]);
    check("failed", &[(Started, 0), (Failed, 9)], 1000, &[Attention::Failed]);
    check("waiting and rate limited", &[(Paused, 10), (RateLimit, 11)], 12, &[Attention::Waiting, Attention::RateLimited]);
    check("somebody saw that it failed", &[(Failed, 9), (Seen, 10)], 20, &[]);
    check("it failed again", &[(Failed, 9), (Seen, 10), (Started, 11), (Failed, 12)], 20, &[Attention::Failed]);
    check("somebody saw that it waits", &[(Paused, 9), (Seen, 9)], 20, &[]);
    check("it waits for something new", &[(Paused, 9), (Seen, 10), (Paused, 11)], 20, &[Attention::Waiting]);
    check("to be seen is not to do anything", &[(Started, 0), (Seen, 250)], 300, &[Attention::Stalled]);
    let day = 24 * 60 * 60;
    check("its end is no other failure", &[(Failed, 9), (Seen, 10), (Stopped, 11)], 20, &[]);
    check("failed yesterday", &[(Failed, 9)], 9 + day, &[]);
    check("waits since yesterday, in no process that is known", &[(Paused, 9)], 9 + day, &[]);
    check("rate limited yesterday", &[(RateLimit, 9), (ResourceUsage, 8 + day)], 9 + day, &[]);
}

#[test]
fn what_was_silent_for_a_day_is_stalled_and_needs_nobody() {
    let coder = fold(&timeline(&[(Started, 0)]));
    let later = at(24 * 60 * 60 + 300);
    assert!(coder.is_stalled(later) && coder.needs_attention(later).is_empty());
}

#[test]
fn who_is_known_by_hand_alone_never_stalls() {
    let started = |source: &str| Event { source: Some(source.into()), ..event(Started, 0) };
    let stalls = |events: &[Event]| fold(events).is_stalled(at(300));
    assert!(!stalls(&[started("emit")]) && !stalls(&[started("mcp")]));
    assert!(stalls(&[started("claude-code"), Event { source: Some("emit".into()), ..event(Milestone, 0) }]));
}

#[test]
fn a_wait_says_what_is_asked_for_as_long_as_its_process_lives() {
    let data = [
        ("request".to_owned(), "rm -rf build".into()),
        ("process".to_owned(), serde_json::json!({"pid": 7, "start": 1, "boot": "b"})),
    ];
    let paused = Event { body: reason("permission"), data: data.into_iter().collect(), ..event(Paused, 5) };
    let coder = fold([&paused]);
    assert_eq!(coder.waiting().and_then(|waiting| waiting.request).as_deref(), Some("rm -rf build"));
    let again = fold([&paused, &Event { body: reason("idle"), ..event(Paused, 6) }]);
    assert_eq!(again.waiting().and_then(|waiting| waiting.request), None, "it waits for something else");
    assert_eq!(coder.needs_attention(at(2 * 24 * 60 * 60)), [Attention::Waiting]);
    assert!(coder.needs_attention(at(8 * 24 * 60 * 60)).is_empty(), "nobody looks after it any more");
}

#[test]
fn a_view_shows_what_was_said_last() {
    let mut events = vec![
        Event { coder_name: Some("Fix auth".into()), source: Some("claude-code".into()), ..event(Created, 0) },
        Event {
            body: progress(crate::event::Progress {
                progress: Some(0.25),
                stage: Some("reading".into()),
                description: Some("the session store".into()),
                ..Default::default()
            }),
            ..event(Progress, 1)
        },
        Event { body: progress(crate::event::Progress { progress: Some(0.125), ..Default::default() }), ..event(Progress, 3) },
        Event {
            body: progress(crate::event::Progress { stage: Some("editing".into()), ..Default::default() }),
            ..event(Progress, 2)
        },
        Event {
            body: progress(crate::event::Progress { milestone: Some("tests green".into()), ..Default::default() }),
            ..event(Milestone, 4)
        },
        Event {
            body: call(Provider {
                error_code: Some("529".into()),
                error_message: Some("overloaded".into()),
                ..Default::default()
            }),
            ..event(ApiError, 5)
        },
        Event {
            body: resource(Resource { memory_mb: Some(90), cpu_percent: Some(12.5), ..Default::default() }),
            ..event(ResourceUsage, 6)
        },
        Event {
            body: resource(Resource { memory_mb: Some(70), cpu_percent: Some(99.5), ..Default::default() }),
            ..event(ResourceUsage, 7)
        },
    ];
    events[2].data.insert("parent_coder_id".into(), "lead".into());
    // A rule's event names neither the coder's source nor its life.
    events.push(Event { source: Some("ai-coder-events".into()), ..event(FailureAlert, 8) });
    both_ways(&events, |coder, way| {
        let shown = serde_json::to_string_pretty(&coder.view("fix-auth", at(9), &Prices::default(), 2, Vec::new()))
            .expect("a view is JSON");
        let expected = r#"{
  "coder_id": "fix-auth",
  "coder_name": "Fix auth",
  "source": "claude-code",
  "parent_coder_id": "lead",
  "status": "created",
  "progress": 0.125,
  "stage": "editing",
  "description": "the session store",
  "milestone": "tests green",
  "last_error": "overloaded",
  "created_at": "2026-11-22T19:00:00.000000Z",
  "first_activity": "2026-11-22T19:00:00.000000Z",
  "last_activity": "2026-11-22T19:00:07.000000Z",
  "events": 9,
  "events_by_type": {
    "ai_coder_api_error": 1,
    "ai_coder_created": 1,
    "ai_coder_failure_alert": 1,
    "ai_coder_milestone": 1,
    "ai_coder_progress": 3,
    "ai_coder_resource_usage": 2
  },
  "errors": 1,
  "errors_by_code": {
    "529": 1
  },
  "files_touched": 2,
  "peak": {
    "memory_mb": 90,
    "cpu_percent": 99.5
  }
}"#;
        assert_eq!(shown, expected, "{way}");
    });
}

#[test]
fn a_completing_event_adds_fields_and_no_life() {
    let paused = event(Paused, 5);
    let later = completing(Event {
        coder_name: Some("Fix auth".into()),
        source: Some("import".into()),
        body: progress(crate::event::Progress { stage: Some("editing".into()), ..Default::default() }),
        ..event(Progress, 9)
    });
    both_ways(&[paused, later, completing(event(Stopped, 9))], |coder, way| {
        let view = coder.view("fix-auth", at(10), &Prices::default(), 0, Vec::new());
        let said = (view.coder_name.as_deref(), view.stage.as_deref(), view.source);
        assert_eq!(said, (Some("Fix auth"), Some("editing"), None), "{way}");
        assert_eq!((view.status, view.last_activity, view.events), (Status::Paused, Some(at(5)), 1), "{way}");
        assert_eq!(view.waiting.map(|waiting| waiting.since), Some(at(5)), "{way}");
    });
}

#[test]
fn long_texts_are_cut_so_that_the_aggregate_stays_small() {
    let long = "ü".repeat(100_000);
    let body = progress(crate::event::Progress { description: Some(long.clone()), ..Default::default() });
    let coder = fold([&Event { body, coder_name: Some(long), ..event(Progress, 1) }]);
    let view = coder.view("fix-auth", at(1), &Prices::default(), 0, Vec::new());
    let expected = "ü".repeat(499) + "…";
    assert_eq!((view.description.as_deref(), view.coder_name.as_deref()), (Some(&*expected), Some(&*expected)));
}
