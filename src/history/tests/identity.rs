//! One fact, one event: whichever channels report it, in whatever order.

use proptest::prelude::*;

use super::{Lab, draft};
use crate::{
    event::{Channel, Draft, EventType, Key, Report, Time},
    history::{Outcome, Retention},
};

/// The end of a turn as a channel tells it: `at` seconds after the first, by the turn's id where the channel knows it.
fn end(turn: Option<&str>, message: &str, at: i64) -> Draft {
    let repeat = format!("s:completed:{message}");
    let key = match turn {
        Some(turn) => Key::Either { natural: format!("s:turn:{turn}"), repeat },
        None => Key::Repeat(repeat),
    };
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    Draft { key, timestamp: Some(start.plus(at * Time::SECOND)), ..draft(EventType::Completed, "a") }
}

fn completed(lab: &mut Lab) -> usize {
    lab.facts().iter().filter(|event| event.kind == EventType::Completed).count()
}

fn check(name: &str, reports: &[(Option<&str>, &str, i64)], facts: usize) {
    let mut lab = Lab::new();
    for &(turn, message, at) in reports {
        lab.append(end(turn, message, at));
    }
    assert_eq!(completed(&mut lab), facts, "{name}");
    lab.assert_sound();
}

#[test]
fn a_fact_is_recognised_by_its_id_or_by_what_it_says_and_when() {
    check("the hook, then the stream", &[(Some("1"), "done", 0), (None, "done", 2)], 1);
    check("the stream, then the hook", &[(None, "done", 2), (Some("1"), "done", 0)], 1);
    check("the stream, the hook, the transcript", &[(None, "done", 2), (Some("1"), "done", 0), (Some("1"), "done", 60)], 1);
    check("two turns that end alike", &[(Some("1"), "done", 0), (Some("2"), "done", 3)], 2);
    check("a named turn and another's hook", &[(None, "done", 1), (Some("1"), "done", 0), (Some("2"), "done", 3)], 2);
    check("two words", &[(Some("1"), "done", 0), (None, "failed", 0)], 2);
    check("ten seconds apart", &[(None, "done", 0), (None, "done", 10)], 2);
    check("across the border of a span", &[(None, "done", 9), (None, "done", 11), (Some("1"), "done", 12)], 1);
    check("backwards across it", &[(Some("1"), "done", 11), (None, "done", 9)], 1);
}

/// A command that was run, as a channel tells it that has no id of it.
fn ran(channel: Channel, report: i64, at: i64) -> Draft {
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    Draft {
        key: Key::Repeat("s:tool:npm test".to_owned()),
        report: Some(Report { channel, id: report }),
        timestamp: Some(start.plus(at * Time::SECOND)),
        ..draft(EventType::Progress, "a")
    }
}

#[test]
fn what_one_channel_says_again_is_another_fact_and_another_channel_says_it_of_one() {
    use Channel::{Hook, Transcript};
    let check = |name: &str, reports: &[(Channel, i64, i64)], facts: usize| {
        let mut lab = Lab::new();
        for &(channel, report, at) in reports {
            lab.append(ran(channel, report, at));
        }
        assert_eq!(lab.facts().len(), facts, "{name}");
        lab.assert_sound();
    };
    check("three times", &[(Hook, 1, 0), (Hook, 2, 2), (Hook, 3, 4)], 3);
    check("a payload fed again", &[(Hook, 1, 0), (Hook, 1, 1)], 1);
    check("told by two channels", &[(Hook, 1, 0), (Hook, 2, 2), (Transcript, 1, 0), (Transcript, 2, 2)], 2);
    check("one channel after the other, twice", &[(Hook, 1, 0), (Transcript, 1, 0), (Hook, 1, 0), (Transcript, 1, 0)], 1);
    check("the other channel knows more", &[(Hook, 1, 0), (Transcript, 1, 0), (Transcript, 2, 1)], 2);
}

#[test]
fn a_session_that_ends_twice_within_seconds_ends_twice() {
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    let step = |kind: EventType, key: &str, report: i64, at: i64| Draft {
        key: Key::Repeat(key.to_owned()),
        report: Some(Report { channel: Channel::Hook, id: report }),
        timestamp: Some(start.plus(at * Time::SECOND)),
        ..draft(kind, "a")
    };
    let mut lab = Lab::new();
    lab.append(step(EventType::Stopped, "s:stopped", 1, 0));
    assert!(matches!(lab.append(step(EventType::Stopped, "s:stopped", 2, 1)), Outcome::Duplicate { .. }), "told by two hooks");
    lab.append(step(EventType::Resumed, "s:prompted", 3, 2));
    // By the same payload, to the byte.
    assert!(matches!(lab.append(step(EventType::Stopped, "s:stopped", 1, 4)), Outcome::Appended { .. }));
    lab.assert_sound();
}

#[test]
fn a_call_is_one_whichever_session_repeats_it() {
    let call = |coder: &str, ids: &[&str], older: Option<&str>| Draft {
        key: Key::Several { ids: ids.iter().map(|id| (*id).to_owned()).collect(), older: older.map(str::to_owned), repeat: None },
        ..draft(EventType::ApiCall, coder)
    };
    let mut lab = Lab::new();
    lab.append(call("parent", &["api:req_1"], None));
    assert!(matches!(lab.append(call("fork", &["api:req_1"], None)), Outcome::Duplicate { seq: 1, .. }));
    // The provider's ids count, and the line of the record is the same in a copy.
    lab.append(call("parent", &["parent:api:1", "line:u1"], None));
    assert!(matches!(lab.append(call("fork", &["fork:api:1", "line:u1"], None)), Outcome::Duplicate { seq: 2, .. }));
    assert!(matches!(lab.append(call("fork", &["fork:api:1"], None)), Outcome::Duplicate { seq: 2, .. }));
    assert_eq!(lab.facts().len(), 2);
    lab.assert_sound();
}

#[test]
fn what_telemetry_tells_of_a_subagent_as_a_session_is_the_subagents() {
    let told = |coder: &str, kind: EventType| Draft {
        report: Some(Report { channel: Channel::Telemetry, id: 1 }),
        ..draft(kind, coder)
    };
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "codex:parent"));
    lab.append(draft(EventType::Started, "codex:parent/child"));
    assert!(matches!(lab.append(told("codex:child", EventType::Started)), Outcome::Unmet));
    lab.append(told("codex:child", EventType::ApiCall));
    lab.append(told("codex:other", EventType::ApiCall));
    let coders: Vec<String> = lab.facts().into_iter().map(|event| event.coder_id).collect();
    assert_eq!(coders, ["codex:parent", "codex:parent/child", "codex:parent/child", "codex:other"]);
    lab.assert_sound();
}

#[test]
fn what_a_conversation_in_passing_costs_is_the_sessions_that_was_at_work() {
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    let at = |seconds: i64, draft: Draft| Draft { timestamp: Some(start.plus(seconds * Time::SECOND)), ..draft };
    let process = serde_json::json!({"pid": 7, "start": 1, "boot": "b", "namespace": "n"});
    let session = |coder: &str, began| at(began, draft(EventType::Started, coder).with("process", process.clone()));
    let told = |seconds, coder: &str, kind: EventType, may_be_aside: bool| {
        let report = Some(Report { channel: Channel::Telemetry, id: seconds });
        at(seconds, Draft { report, may_be_aside, ..draft(kind, coder) })
    };
    let mut lab = Lab::new();
    lab.append(told(0, "codex:alone", EventType::ApiCall, true));
    lab.append(session("codex:early", 1));
    lab.append(session("codex:late", 100));
    lab.append(at(100, draft(EventType::Started, "codex:late/child")));
    lab.append(at(101, draft(EventType::Started, "codex:unwatched")));
    assert!(matches!(lab.append(told(102, "codex:title", EventType::Started, true)), Outcome::Unmet));
    assert!(matches!(lab.append(told(102, "codex:title", EventType::Prompt, true)), Outcome::Unmet));
    lab.append(told(103, "codex:title", EventType::ApiCall, true));
    lab.append(told(103, "codex:script", EventType::ApiCall, false));
    lab.append(told(103, "codex:alone", EventType::ApiCall, true));
    lab.append(told(200, "codex:later", EventType::ApiCall, true));
    let told: Vec<String> = lab.facts().into_iter().filter(|it| it.kind == EventType::ApiCall).map(|it| it.coder_id).collect();
    assert_eq!(told, ["codex:alone", "codex:late", "codex:script", "codex:alone", "codex:later"]);
    lab.assert_sound();
}

#[test]
fn what_an_older_history_knows_by_its_sessions_key_is_found() {
    let mut lab = Lab::new();
    let old = Draft { key: Key::Natural("claude-code:s:api:req_1".to_owned()), ..draft(EventType::ApiCall, "a") };
    lab.append(old);
    let ids = || Key::Several {
        ids: vec!["claude-code::api:req_1".to_owned()],
        older: Some("claude-code:s:api:req_1".to_owned()),
        repeat: None,
    };
    lab.writer.transact(|db| db.execute_batch("UPDATE ledger SET session_keys = head")).expect("as a migration leaves it");
    assert!(matches!(lab.append(Draft { key: ids(), ..draft(EventType::ApiCall, "a") }), Outcome::Duplicate { seq: 1, .. }));
}

#[test]
fn a_removed_fact_takes_its_other_ids_along() {
    let mut lab = Lab::new();
    lab.append(end(Some("1"), "done", 0));
    lab.append(Draft::new(EventType::Deleted, "a"));
    lab.wait(Time::DAY);
    lab.writer.prune(&Retention { max_events: Some(0), ..Retention::default() }).expect("pruned");
    assert!(matches!(lab.append(end(None, "done", 1)), Outcome::Appended { .. }));
    lab.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_order_of_reports_gives_the_same_facts(
        order in Just(vec![(0, Some("1")), (0, Some("1")), (1, None), (30, Some("2")), (31, None), (32, Some("2"))]).prop_shuffle(),
    ) {
        let mut lab = Lab::new();
        for (at, turn) in order {
            lab.append(end(turn, "done", at));
        }
        prop_assert_eq!(completed(&mut lab), 2);
    }
}

#[test]
fn what_was_said_goes_with_its_fact() {
    let mut lab = Lab::new();
    lab.append_all([end(None, "done", 0), end(Some("1"), "done", 1), end(Some("2"), "more", 30), draft(EventType::Stopped, "a")]);
    let rows = |lab: &mut Lab| -> [u64; 2] {
        let counted = lab.writer.outside_transaction(|db| {
            let count = |table| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
            Ok([count("repeat")?, count("alias")?])
        });
        counted.expect("reads")
    };
    assert_eq!(rows(&mut lab), [2, 1]);
    lab.writer.prune(&Retention { max_events: Some(0), ..Retention::default() }).expect("writable");
    assert_eq!(rows(&mut lab), [0, 0]);
}

/// Each draft whose condition did not hold once scanned all those before it.
#[test]
fn drafts_that_were_unmet_are_forgotten_after_a_while() {
    let mut lab = Lab::new();
    for n in 0..5 {
        let unmet = Draft {
            key: Key::Natural(format!("a:{n}")),
            only_if: Some(crate::event::Condition::Known),
            ..draft(EventType::Output, "nobody")
        };
        assert_eq!(lab.append(unmet), Outcome::Unmet);
        lab.wait(15 * Time::SECOND);
    }
    let left = lab.writer.outside_transaction(|db| db.query_row("SELECT count(*) FROM unmet", [], |row| row.get::<_, u64>(0)));
    let left = left.expect("reads");
    assert!(left <= 2, "{left} are remembered");
}
