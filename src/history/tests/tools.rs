//! A tool's call begins and ends: one fact, whatever channel tells which, in whatever order, however long it took.

use super::{Lab, draft};
use crate::event::{Body, Channel, DataKey, Draft, EventType, Key, Progress, Report, Time};

const CALL: &str = "Bash: npm test";

fn start() -> Time {
    Time::parse("2026-11-22T11:00:00Z").expect("valid")
}

/// The call as `channel` tells it, `at` seconds after it began.
fn call(channel: Channel, report: i64, key: Key, at: i64) -> Draft {
    let fields = Progress { stage: Some("Bash".to_owned()), description: Some(CALL.to_owned()), ..Progress::default() };
    Draft {
        key,
        report: Some(Report { channel, id: report }),
        timestamp: Some(start().plus(at * Time::SECOND)),
        body: Body::Progress(fields),
        ..draft(EventType::Progress, "a")
    }
    .with(DataKey::ToolName, "Bash")
}

fn begun(report: i64, key: Key, at: i64) -> Draft {
    call(Channel::Hook, report, key, at).with(DataKey::Running, true)
}

fn said() -> Key {
    Key::Repeat("s:tool:npm test".to_owned())
}

fn named(id: &str) -> Key {
    Key::Several { ids: vec![format!("s:tool:{id}")], older: None, repeat: Some("s:tool:npm test".to_owned()) }
}

/// The calls that are told, and how many of them run still.
fn calls(lab: &mut Lab) -> (usize, usize) {
    let facts = lab.facts();
    let running = facts.iter().filter(|event| event.is_running()).count();
    (facts.len(), running)
}

fn orders(of: &[usize]) -> Vec<Vec<usize>> {
    let Some((&last, others)) = of.split_last() else { return vec![Vec::new()] };
    let with_last =
        |order: Vec<usize>| (0..=order.len()).map(move |at| [&order[..at], &[last], &order[at..]].concat()).collect::<Vec<_>>();
    orders(others).into_iter().flat_map(with_last).collect()
}

#[test]
fn a_call_without_an_id_is_one_however_long_it_took() {
    for took in [1, 8, 11, 75, 4_000] {
        let reports = [
            begun(1, said(), 0),
            call(Channel::Hook, 2, said(), took).with(DataKey::ExitCode, 1),
            call(Channel::Telemetry, 3, said(), took + 1).with(DataKey::DurationMs, took * 1_000),
            call(Channel::Transcript, 4, named("toolu_1"), took + 1),
        ];
        // What took long and is heard of after its end cannot be told from another that says the same.
        for order in orders(&[0, 1, 2, 3]).into_iter().filter(|order| took < 10 || order[0] == 0) {
            let mut lab = Lab::new();
            for &nth in &order {
                lab.append(reports[nth].clone());
            }
            assert_eq!(calls(&mut lab), (1, 0), "{took} s, in the order {order:?}");
            lab.assert_sound();
        }
    }
}

#[test]
fn two_calls_that_say_the_same_are_two() {
    let mut lab = Lab::new();
    for nth in 0..3 {
        lab.append(begun(nth, said(), nth * 60));
        assert_eq!(calls(&mut lab), (nth as usize + 1, 1));
        lab.append(call(Channel::Hook, 10 + nth, said(), nth * 60 + 30));
        assert_eq!(calls(&mut lab), (nth as usize + 1, 0));
    }
    lab.assert_sound();
}

#[test]
fn what_is_at_work_is_known_until_it_ends_or_its_turn_does() {
    let at_work = |lab: &mut Lab| {
        let coder = lab.reader.coder("a").expect("reads").expect("known");
        coder.tool_at_work.map(|tool| (tool.call, tool.since))
    };
    let key = |nth: i64| Key::Natural(format!("s:tool:{nth}"));
    let mut lab = Lab::new();
    lab.append(begun(1, key(1), 0));
    lab.append(begun(2, key(2), 5));
    assert_eq!(at_work(&mut lab), Some((CALL.to_owned(), start())));
    lab.append(call(Channel::Hook, 3, key(1), 60));
    assert_eq!(at_work(&mut lab), Some((CALL.to_owned(), start().plus(5 * Time::SECOND))));
    let took: Vec<_> = lab.facts().iter().map(|event| event.data.get("duration_ms").cloned()).collect();
    assert_eq!(took, [Some(60_000.into()), None], "the history times what nobody timed");
    lab.append(Draft { timestamp: Some(start().plus(90 * Time::SECOND)), ..draft(EventType::Completed, "a") });
    assert_eq!(at_work(&mut lab), None);
    // It is heard of late.
    lab.append(begun(4, key(4), 80));
    assert_eq!(at_work(&mut lab), None);
    lab.assert_sound();
}

#[test]
fn what_ended_does_not_begin() {
    let mut lab = Lab::new();
    lab.append(call(Channel::Transcript, 1, named("toolu_1"), 3));
    lab.append(begun(2, named("toolu_1"), 0));
    assert_eq!(calls(&mut lab), (1, 0));
    lab.assert_sound();
}
