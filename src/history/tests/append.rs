//! Receipts, natural keys, completing events, conditions, rules.

use serde_json::json;

use crate::{
    event::{Body, Condition, Draft, EventType, Key, Status, Time},
    history::{Entry, Outcome, Rejection},
};

use super::{Lab, draft, shorts};

fn keyed(draft: Draft, natural: &str) -> Draft {
    Draft { key: Key::Natural(natural.to_owned()), ..draft }
}

#[test]
fn a_receipt_has_the_seq_and_id_that_are_read_back() {
    let mut lab = Lab::new();
    let outcomes = lab.append_all([draft(EventType::Created, "a"), draft(EventType::Started, "b")]);
    let receipts: Vec<(u64, String)> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Appended { seq, id } => (seq, id),
            other => panic!("not appended: {other:?}"),
        })
        .collect();
    let log: Vec<(u64, String)> = lab.log().into_iter().map(|event| (event.seq, event.id)).collect();
    assert_eq!(receipts, log);
    assert_eq!(receipts[0].0, 1);
}

#[test]
fn defect_01_every_constructors_event_is_found_again_with_all_its_fields() {
    let mut lab = Lab::new();
    let drafts = [
        Draft::lifecycle("c", EventType::Paused, "running", "paused", "permission").with("tool", "Bash"),
        Draft::progress("c", 0.42, "editing", "rewriting the session store"),
        Draft::workspace("c", "modify", "/repo/src/main.rs"),
        Draft::provider("c", "anthropic", "opus"),
        Draft::resource("c", 512, 12.5, 9),
    ];
    lab.append_all(drafts.clone());
    let log = lab.log();
    assert_eq!(log.len(), drafts.len());
    for (event, draft) in log.iter().zip(&drafts) {
        assert_eq!((event.kind, &event.body, &event.data), (draft.kind, &draft.body, &draft.data));
    }
}

#[test]
fn defect_03_an_event_without_type_or_coder_is_refused_at_the_one_door() {
    assert!(Draft::parse(r#"{"type":"","coder_id":""}"#).is_err());
    let mut lab = Lab::new();
    assert!(matches!(lab.append(draft(EventType::Started, "")), Outcome::Rejected(_)));
    assert!(matches!(
        lab.append(Draft { body: EventType::ApiCall.body(), ..draft(EventType::Started, "a") }),
        Outcome::Rejected(_)
    ));
    assert!(lab.log().is_empty());
    assert_eq!(lab.reader.rejected().expect("readable").len(), 2);
}

#[test]
fn defect_13_ids_of_one_moment_differ() {
    let mut lab = Lab::new();
    lab.append_all((0..10_000).map(|_| draft(EventType::Output, "a")));
    let ids: std::collections::HashSet<String> = lab.log().into_iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 10_000);
}

#[test]
fn defect_15_the_senders_id_and_time_are_kept_and_the_time_of_receipt_apart() {
    let mut lab = Lab::new();
    let then = Time::parse("2026-11-20T08:00:00.000001Z").expect("valid");
    lab.append(Draft { timestamp: Some(then), key: Key::Id("mine".into()), ..draft(EventType::Started, "a") });
    let event = &lab.log()[0];
    assert_eq!((event.id.as_str(), event.timestamp, event.received_at), ("mine", then, lab.now()));
}

#[test]
fn the_same_id_again_is_a_duplicate_of_the_first_seq() {
    let mut lab = Lab::new();
    let given = || Draft { key: Key::Id("mine".into()), ..draft(EventType::Started, "a") };
    lab.append_all([draft(EventType::Created, "a"), given()]);
    assert_eq!(lab.append(given()), Outcome::Duplicate { seq: 2, id: "mine".into() });
    assert_eq!(lab.log().len(), 2);
}

#[test]
fn an_id_made_here_is_recognised_when_it_comes_back() {
    let mut lab = Lab::new();
    let Outcome::Appended { seq, id } = lab.append(draft(EventType::Started, "a")) else { panic!("not appended") };
    let again = Draft { key: Key::Id(id.clone()), ..draft(EventType::Started, "a") };
    assert_eq!(lab.append(again), Outcome::Duplicate { seq, id });
}

#[test]
fn a_later_report_completes_a_fact_and_is_counted_once() {
    let mut lab = Lab::new();
    let call = |body: serde_json::Value| {
        let mut object = json!({"type": "api_call", "coder_id": "a"}).as_object().cloned().expect("an object");
        object.extend(body.as_object().cloned().expect("an object"));
        keyed(Draft::from_object(object).expect("valid"), "req_1")
    };
    lab.append(call(json!({"model": "opus", "input_tokens": 10})));
    let second = lab.append(call(json!({"model": "sonnet", "input_tokens": 99, "output_tokens": 5, "cost_usd": 0.25})));
    assert!(matches!(second, Outcome::Completed { seq: 1, by: 2, .. }), "{second:?}");
    let third = lab.append(call(json!({"output_tokens": 5, "cost_usd": 0.25})));
    assert!(matches!(third, Outcome::Duplicate { seq: 1, .. }), "{third:?}");

    let log = lab.log();
    assert_eq!((log.len(), log[1].completes), (2, Some(1)));
    let facts = lab.facts();
    assert_eq!(facts.len(), 1);
    let Body::Provider(fields) = &facts[0].body else { panic!("no provider fields") };
    assert_eq!(
        (fields.model.as_deref(), fields.input_tokens, fields.output_tokens, fields.cost_usd),
        (Some("sonnet"), Some(99), Some(5), Some(0.25))
    );
    assert_eq!(lab.reader.event(1).expect("readable").as_ref(), Some(&facts[0]));
    let coder = lab.reader.coder("a").expect("readable").expect("known");
    assert_eq!((coder.events, coder.usage.api_calls), (1, 1));
    assert_eq!((coder.usage.tokens.input, coder.usage.tokens.output, coder.usage.cost_usd), (99, 5, Some(0.25)));
    lab.assert_sound();
}

#[test]
fn a_payload_without_an_id_is_the_same_fact_for_ten_seconds() {
    let mut lab = Lab::new();
    let resumed = || Draft { key: Key::Repeat("payload".into()), ..draft(EventType::Resumed, "a") };
    let mut steps = Vec::new();
    for wait in [0, 3, 6, 2, 12] {
        lab.wait(wait * Time::SECOND);
        steps.push(matches!(lab.append(resumed()), Outcome::Appended { .. }));
    }
    // Seconds 0, 3, 9, 11, 23: within ten of the first, then within ten of the next.
    assert_eq!(steps, [true, false, false, true, true]);
}

#[test]
fn a_payload_fed_again_is_judged_as_it_was_the_first_time() {
    let mut lab = Lab::new();
    let only_if = Some(Condition::Status(vec![Status::Completed]));
    let resumed = || Draft { key: Key::Repeat("prompt".into()), only_if: only_if.clone(), ..draft(EventType::Resumed, "a") };
    let run = |lab: &mut Lab| {
        let stop = Draft { key: Key::Repeat("stop".into()), ..draft(EventType::Completed, "a") };
        lab.append_all([draft(EventType::Started, "a"), resumed(), stop])
    };
    assert_eq!(run(&mut lab)[1], Outcome::Unmet);
    lab.wait(Time::SECOND);
    assert_eq!(run(&mut lab)[1], Outcome::Unmet);
    lab.wait(20 * Time::SECOND);
    assert!(matches!(lab.append(resumed()), Outcome::Unmet));
    lab.append(draft(EventType::Completed, "a"));
    lab.wait(20 * Time::SECOND);
    assert!(matches!(lab.append(resumed()), Outcome::Appended { .. }));
}

#[test]
fn another_prompt_without_an_id_is_judged_by_itself() {
    let mut lab = Lab::new();
    let prompt = |text: &str| {
        let key = Key::Repeat("claude-code:s:prompted".to_owned());
        let only_if = Some(Condition::Status(vec![Status::Completed]));
        Draft { key, only_if, ..draft(EventType::Resumed, "a").with("prompt", text) }
    };
    lab.append(draft(EventType::Started, "a"));
    assert_eq!(lab.append(prompt("one")), Outcome::Unmet, "it is at work");
    lab.append(draft(EventType::Completed, "a"));
    assert_eq!(lab.append(prompt("one")), Outcome::Unmet, "the same payload, fed again");
    assert!(matches!(lab.append(prompt("two")), Outcome::Appended { .. }), "it is at rest");
}

#[test]
fn conditions_are_judged_inside_the_transaction() {
    let mut lab = Lab::new();
    let only_if = |kind, condition| Draft { only_if: Some(condition), ..draft(kind, "a") };
    let outcomes = lab.append_all([
        only_if(EventType::Stopped, Condition::Known),
        only_if(EventType::Created, Condition::Unknown),
        only_if(EventType::Created, Condition::Unknown),
        only_if(EventType::Resumed, Condition::Status(vec![Status::Paused, Status::Completed])),
        draft(EventType::Paused, "a"),
        only_if(EventType::Resumed, Condition::Status(vec![Status::Paused, Status::Completed])),
    ]);
    let unmet: Vec<bool> = outcomes.iter().map(|outcome| *outcome == Outcome::Unmet).collect();
    assert_eq!(unmet, [true, false, true, true, false, false]);
    assert_eq!(shorts(&lab.log()), [(1, "created"), (2, "paused"), (3, "resumed")]);
    assert!(lab.reader.rejected().expect("readable").is_empty());
}

/// Each alert rewrote all failures of the coder, and each failure read them: a thousand took seconds.
#[test]
fn the_thousandth_failure_costs_as_much_as_the_first() {
    let mut lab = Lab::new();
    let changes = |lab: &mut Lab| lab.writer.outside_transaction(|db| Ok(db.total_changes())).expect("open");
    let mut written = Vec::new();
    for _ in 0..400 {
        let before = changes(&mut lab);
        for _ in 0..3 {
            lab.append(draft(EventType::Failed, "a"));
        }
        written.push(changes(&mut lab) - before);
    }
    assert!(written.iter().all(|rows| *rows < 60), "{written:?}");
    let alerts: Vec<u64> =
        lab.log().iter().filter(|event| event.kind == EventType::FailureAlert).map(|alert| alert.seq).collect();
    assert_eq!(alerts.len(), 400);
}

#[test]
fn defect_11_one_alert_for_three_failures_however_noisy_the_others() {
    let mut lab = Lab::new();
    for round in 0..50 {
        lab.append_all((0..20).map(|noise| draft(EventType::Failed, &format!("noise-{round}-{noise}"))));
        lab.append(draft(EventType::Failed, "a"));
        lab.wait(Time::SECOND);
    }
    let alerts: Vec<u64> = lab
        .log()
        .into_iter()
        .filter_map(|event| match event.body {
            Body::Derived(fields) if event.kind == EventType::FailureAlert => fields.failure_count,
            _ => None,
        })
        .collect();
    assert_eq!(alerts, (1..=16).map(|alert| alert * 3).collect::<Vec<u64>>());
    lab.assert_sound();
}

#[test]
fn defect_16_derived_events_are_events_linked_to_their_cause() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Created, "a"));
    lab.wait(90 * Time::SECOND);
    lab.append_all([draft(EventType::Completed, "a"), draft(EventType::RateLimit, "a"), draft(EventType::ResourceLimit, "a")]);
    let log = lab.log();
    assert_eq!(
        shorts(&log),
        [
            (1, "created"),
            (2, "completed"),
            (3, "completion_metrics"),
            (4, "rate_limit"),
            (5, "system_warning"),
            (6, "resource_limit"),
            (7, "system_warning"),
        ]
    );
    let derived = |seq: usize| match &log[seq - 1].body {
        Body::Derived(fields) => fields.clone(),
        other => panic!("not derived: {other:?}"),
    };
    assert_eq!(derived(3).duration, Some(90_000_000_000));
    assert_eq!((derived(3).cause_seq, derived(3).cause_id), (Some(2), Some(log[1].id.clone())));
    assert_eq!((derived(5).warning.as_deref(), derived(7).warning.as_deref()), (Some("rate_limit"), Some("resource_limit")));
    assert_eq!(log[2].timestamp, log[1].timestamp);
}

#[test]
fn a_history_listed_and_emitted_into_a_fresh_one_has_equal_stats() {
    let mut lab = Lab::new();
    for _ in 0..4 {
        lab.append_all([draft(EventType::Created, "a"), draft(EventType::Failed, "a"), draft(EventType::RateLimit, "b")]);
        lab.append_all([draft(EventType::Completed, "b"), Draft::progress("a", 0.5, "editing", "half")]);
        lab.wait(Time::SECOND);
    }
    let mut copy = Lab::new();
    copy.wait(4 * Time::SECOND);
    for fact in lab.facts() {
        let line = serde_json::to_string(&fact).expect("an event is JSON");
        copy.append(Draft::parse(&line).expect("a line that was written is read"));
    }
    let stats = |lab: &mut Lab| {
        let mut stats = lab.reader.stats(&crate::history::StatsQuery::default()).expect("readable");
        (stats.events_per_minute, stats.history) = (0.0, crate::aggregate::HistorySize::default());
        stats
    };
    assert_eq!(stats(&mut copy), stats(&mut lab));
    assert_eq!(copy.facts().len(), lab.facts().len());
}

#[test]
fn a_derived_event_that_comes_back_is_linked_to_its_cause_as_it_is_numbered_here() {
    let mut lab = Lab::new();
    lab.append_all([draft(EventType::Output, "other"), draft(EventType::RateLimit, "a")]);
    let lines: Vec<String> = lab.facts()[1..].iter().map(|fact| fact.to_line()).collect();
    let mut copy = Lab::new();
    // The warning alone first: its cause is not here.
    copy.append(Draft::parse(&lines[1]).expect("valid"));
    let links = |lab: &mut Lab| -> Vec<Option<u64>> {
        let seq = |event: crate::event::Event| match event.body {
            Body::Derived(fields) => Some(fields.cause_seq),
            _ => None,
        };
        lab.facts().into_iter().filter_map(seq).collect()
    };
    assert_eq!(links(&mut copy), [None]);
    let mut copy = Lab::new();
    copy.append_all(lines.iter().map(|line| Draft::parse(line).expect("valid")));
    assert_eq!((links(&mut lab), links(&mut copy)), (vec![Some(2)], vec![Some(1)]));
}

#[test]
fn work_after_deletion_is_recorded_and_marked() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Deleted, "a"));
    lab.wait(Time::SECOND);
    lab.append(draft(EventType::Resumed, "a"));
    assert_eq!(lab.log()[1].data.get("unexpected_after"), Some(&json!("deleted")));
}

#[test]
fn rejections_are_bounded_and_what_they_shed_is_counted() {
    let mut lab = Lab::new();
    let rejection =
        |n: usize| Entry::from(Rejection { source: "test".into(), reason: format!("{n}"), input: "x".repeat(10_000) });
    lab.writer.append((0..1010).map(rejection).collect()).expect("writable");
    let kept = lab.reader.rejected().expect("readable");
    assert_eq!((kept.len(), kept[0].reason.as_str()), (1000, "10"));
    assert!(kept.iter().all(|kept| kept.input.len() <= 4096));
    assert_eq!(lab.writer.clear_rejected().expect("writable"), 1000);
    assert!(lab.reader.rejected().expect("readable").is_empty());
}

#[test]
fn subagents_end_with_their_parent() {
    let mut lab = Lab::new();
    let sub = |id: &str| draft(EventType::Started, id).with("parent_coder_id", "a");
    lab.append_all([draft(EventType::Started, "a"), sub("a/1"), sub("a/2"), draft(EventType::Started, "a/other")]);
    lab.append(draft(EventType::Completed, "a/2"));
    lab.append(draft(EventType::Stopped, "a"));
    let status = |lab: &mut Lab, id: &str| {
        let coder = lab.reader.coder(id).expect("readable").expect("known");
        (coder.status, coder.ended_at.is_some())
    };
    assert_eq!(status(&mut lab, "a/1"), (Status::Stopped, true));
    assert_eq!(status(&mut lab, "a/2"), (Status::Completed, true));
    // One of which is heard only now, but it was before.
    let before = lab.now();
    lab.wait(Time::MINUTE);
    lab.append(draft(EventType::Resumed, "a"));
    lab.append(draft(EventType::Stopped, "a"));
    lab.append(Draft { timestamp: Some(before), ..sub("a/3") });
    assert_eq!(status(&mut lab, "a/3"), (Status::Stopped, true));
    // Of one that only looks like a subagent nobody says that it is one.
    assert_eq!(status(&mut lab, "a/other"), (Status::Running, false));
    lab.assert_sound();
}
