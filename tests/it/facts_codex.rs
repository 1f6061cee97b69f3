//! Codex: whatever its channels tell of one run, in whichever order, is recorded once, and adds up to the run's own totals.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use ai_coder_events::{
    event::{Body, Draft, Event, Time},
    history::{Clock, CodersQuery, Entry, Options, Order, Query, Reader, Writer},
    source::{
        Agent, HookContext, Stream, Transcript,
        otel::{Log, Record},
        read_hook, read_telemetry,
    },
};
use serde_json::Value;

use crate::channels::orders;

/// What one channel tells of a run: drafts, each with the time it was received at.
type Told = Vec<(Time, Draft)>;

struct Run {
    name: &'static str,
    /// When its output was read: between its first and last hook.
    at: &'static str,
    /// When its process ended: behind its last hook.
    end: &'static str,
    /// What all channels together say, by type without its prefix.
    expected: &'static [(&'static str, u64)],
    /// input, cached ones apart; cached; output: as the run's own `turn.completed` and last `token_count` have them.
    tokens: (u64, u64, u64),
    status: &'static str,
}

const RUNS: &[Run] = &[
    Run {
        name: "main",
        at: "2026-11-22T18:58:41.500Z",
        end: "2026-11-22T18:58:41.802Z",
        expected: &[
            ("api_call", 4),
            ("completed", 1),
            ("created", 1),
            ("output", 6),
            ("progress", 3),
            ("prompt", 1),
            ("resource_usage", 1),
            ("started", 1),
            ("stopped", 1),
        ],
        tokens: (2000, 4000, 240),
        status: "completed",
    },
    Run {
        name: "patch",
        at: "2026-11-22T19:01:19.600Z",
        end: "2026-11-22T19:01:19.811Z",
        expected: &[
            ("api_call", 5),
            ("completed", 1),
            ("created", 1),
            ("file_created", 1),
            ("file_deleted", 1),
            ("file_modified", 1),
            ("output", 5),
            ("progress", 4),
            ("prompt", 1),
            ("resource_usage", 1),
            ("started", 1),
            ("stopped", 1),
        ],
        tokens: (2500, 5000, 300),
        status: "completed",
    },
    Run {
        name: "429",
        at: "2026-11-22T19:00:09Z",
        end: "2026-11-22T19:00:10.366Z",
        expected: &[
            ("api_call", 1),
            ("completed", 1),
            ("created", 1),
            ("output", 1),
            ("prompt", 1),
            ("resource_usage", 1),
            ("rate_limit", 2),
            ("started", 1),
            ("stopped", 1),
        ],
        tokens: (500, 1000, 60),
        status: "completed",
    },
    Run {
        name: "400",
        at: "2026-11-22T19:00:17.150Z",
        end: "2026-11-22T19:00:17.194Z",
        expected: &[("api_error", 1), ("created", 1), ("failed", 1), ("prompt", 1), ("started", 1), ("stopped", 1)],
        tokens: (0, 0, 0),
        status: "failed",
    },
];

fn folder(run: &str) -> String {
    format!("{}/tests/fixtures/codex/{run}", env!("CARGO_MANIFEST_DIR"))
}

fn text(run: &str, file: &str) -> String {
    fs::read_to_string(format!("{}/{file}", folder(run))).unwrap_or_default()
}

fn parsed(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// The run's notification arrives like a hook, behind the others.
fn hooks(run: &Run) -> Told {
    let hook = |payload: &Value| read_hook(Agent::Codex, payload.to_string().as_bytes(), &HookContext::default()).unwrap();
    let mut told = Told::new();
    let mut last = time(run.at);
    for line in parsed(&text(run.name, "hooks.jsonl")) {
        last = Time::from_micros(line["received_unix_ns"].as_i64().unwrap() / 1000);
        told.extend(hook(&line["payload"]).into_iter().map(|draft| (last, draft)));
    }
    for line in parsed(&text(run.name, "notify.jsonl")) {
        told.extend(hook(&line).into_iter().map(|draft| (last, draft)));
    }
    told
}

fn stream(run: &Run) -> Told {
    let mut reader = Stream::new(&HookContext::default());
    let told: Vec<Draft> = text(run.name, "exec.jsonl").lines().flat_map(|line| reader.line(line.as_bytes())).collect();
    let last = reader.end();
    let at = |at: &str, drafts: Vec<Draft>| drafts.into_iter().map(|draft| (time(at), draft)).collect::<Told>();
    [at(run.at, told), at(run.end, last)].concat()
}

fn rollout(run: &Run) -> Told {
    let names = fs::read_dir(folder(run.name)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let name = names.into_iter().find(|name| name.starts_with("rollout-")).unwrap();
    let mut reader = Transcript::new(Agent::Codex, &name).unwrap();
    let mut drafts: Vec<Draft> = text(run.name, &name).lines().flat_map(|line| reader.line(line.as_bytes()).unwrap()).collect();
    drafts.extend(reader.end());
    drafts.into_iter().map(|draft| (time(run.at), draft)).collect()
}

fn telemetry(run: &Run) -> Told {
    let read = |line: Value| {
        let attributes = line["attributes"].clone();
        let name = attributes["event.name"].as_str().unwrap().to_owned();
        let service = line["service"].as_str().unwrap().to_owned();
        read_telemetry(&Record::Log(Log { service, name, attributes, ..Log::default() })).unwrap()
    };
    parsed(&text(run.name, "logs.jsonl")).flat_map(read).map(|draft| (time(run.at), draft)).collect()
}

fn time(at: &str) -> Time {
    Time::parse(at).unwrap()
}

/// A history with what was told, in this order.
fn recorded(told: impl IntoIterator<Item = (Time, Draft)>) -> (tempfile::TempDir, Reader) {
    let home = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let options = Options {
        clock: Clock::new(move || Time::from_micros(clock.load(Ordering::SeqCst))),
        ..Options::new(home.path().join("history.db"))
    };
    let mut writer = Writer::new(&options);
    for (at, draft) in told {
        now.store(at.micros(), Ordering::SeqCst);
        writer.append(vec![Entry::from(draft)]).unwrap();
    }
    (home, Reader::new(&options))
}

/// Facts by type; those that the recorder derives are no channel's.
fn counts(facts: &[Event]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for fact in facts.iter().filter(|fact| !fact.kind.is_derived()) {
        *counts.entry(fact.kind.short()).or_default() += 1;
    }
    counts
}

fn facts(reader: &mut Reader) -> Vec<Event> {
    reader.page(&Query { order: Order::Oldest, ..Query::default() }).unwrap().events
}

#[track_caller]
fn check_all(run: &Run, order: &str, told: Told) {
    let (_home, mut reader) = recorded(told);
    let expected: BTreeMap<&str, u64> = run.expected.iter().copied().collect();
    assert_eq!(counts(&facts(&mut reader)), expected, "{} by {order}", run.name);
    let coders = reader.coders(&CodersQuery::default()).unwrap();
    let [coder] = &coders[..] else { panic!("{} by {order}: one coder, not {coders:?}", run.name) };
    let tokens = &coder.usage.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.output), run.tokens, "{} by {order}", run.name);
    assert_eq!(coder.status.name(), run.status, "{} by {order}", run.name);
    assert!(coder.ended_at.is_some(), "{} by {order}", run.name);
}

#[test]
fn all_channels_add_up_to_the_runs_own_totals() {
    for run in RUNS {
        let channels = [("hooks", hooks(run)), ("stream", stream(run)), ("rollout", rollout(run)), ("telemetry", telemetry(run))];
        for order in orders(channels.len()) {
            let names: Vec<&str> = order.iter().map(|&channel| channels[channel].0).collect();
            let told = order.iter().flat_map(|&channel| channels[channel].1.clone());
            check_all(run, &names.join(", "), told.collect());
        }
    }
}

#[test]
fn channels_that_are_heard_at_once_add_up_too() {
    for run in RUNS {
        let channels = [hooks(run), rollout(run), telemetry(run)];
        for order in orders(channels.len()) {
            let mut told: Told = order.iter().flat_map(|&channel| channels[channel].clone()).collect();
            told.sort_by_key(|(received, draft)| draft.timestamp.unwrap_or(*received));
            // The output is read when it is all there.
            told.extend(stream(run));
            check_all(run, "time", told);
        }
    }
}

#[test]
fn stream_and_rollout_alone_and_in_either_order_have_the_runs_tokens() {
    for run in RUNS {
        let (stream, rollout) = (stream(run), rollout(run));
        let both = [stream.clone(), rollout.clone()].concat();
        let other = [rollout.clone(), stream.clone()].concat();
        let twice = [other.clone(), both.clone()].concat();
        for (order, told) in [("stream", stream), ("rollout", rollout), ("both", both), ("other", other), ("twice", twice)] {
            let (_home, mut reader) = recorded(told);
            let [coder] = &reader.coders(&CodersQuery::default()).unwrap()[..] else { panic!("one coder") };
            let tokens = &coder.usage.tokens;
            assert_eq!((tokens.input, tokens.cache_read, tokens.output), run.tokens, "{} by {order}", run.name);
            assert_eq!(coder.status.name(), run.status, "{} by {order}", run.name);
            let files = facts(&mut reader).iter().filter(|fact| fact.kind.short().starts_with("file_")).count();
            assert_eq!(files, if run.name == "patch" { 3 } else { 0 }, "{} by {order}", run.name);
        }
    }
}

#[test]
fn one_call_is_one_event_with_what_each_channel_knows() {
    let run = &RUNS[0];
    let (_home, mut reader) = recorded([stream(run), telemetry(run), hooks(run), rollout(run)].concat());
    let progress: Vec<Event> = facts(&mut reader).into_iter().filter(|fact| fact.kind.short() == "progress").collect();
    let told: Vec<[&Value; 4]> = progress
        .iter()
        .map(|fact| ["tool_use_id", "exit_code", "failed", "duration_ms"].map(|name| fact.data.get(name).unwrap_or(&Value::Null)))
        .collect();
    let expected =
        serde_json::json!([["call_mock_3", 0, null, 61], ["call_mock_7", 2, true, 34], ["call_mock_10", null, true, 0],]);
    assert_eq!(serde_json::json!(told), expected);
}

/// Of the last request `codex exec` exports nothing as a rule, and at a terminal all: its record tells which one the turn failed of.
#[test]
fn requests_that_were_refused_are_counted_once_each_whoever_tells_the_last() {
    const SESSION: &str = "01a2260d-293a-7d20-8eb8-cf6bbe75bfa8";
    let at = |time: &str| Time::parse(&format!("2026-11-22T19:00:{time}Z")).unwrap();
    let attempt = |time: &str| {
        let attributes = serde_json::json!({"conversation.id": SESSION, "event.timestamp": format!("2026-11-22T19:00:{time}Z"),
            "originator": "codex_exec", "http.response.status_code": "429", "error.message": "http 429", "model": "m"});
        let log = Log { service: "codex_exec".into(), name: "codex.api_request".into(), attributes, ..Log::default() };
        read_telemetry(&Record::Log(log)).unwrap().into_iter().map(|draft| (at(time), draft)).collect::<Told>()
    };
    let record = || {
        let mut rollout = Transcript::new(Agent::Codex, &format!("rollout-2026-11-22T19-00-00-{SESSION}.jsonl")).unwrap();
        let lines = [
            serde_json::json!({"timestamp": "2026-11-22T19:00:25Z", "type": "session_meta", "payload": {"id": SESSION, "source": "exec"}}),
            serde_json::json!({"timestamp": "2026-11-22T19:00:28.835Z", "type": "event_msg", "payload": {"type": "task_complete",
                "turn_id": "t1", "error": {"message": "exceeded retry limit, last status: 429 Too Many Requests"}}}),
        ];
        let told = lines.iter().flat_map(|line| rollout.line(line.to_string().as_bytes()).unwrap());
        told.map(|draft| (at("28.9"), draft)).collect::<Told>()
    };
    let exported = || [attempt("28.400"), attempt("28.610")].concat();
    let check = |told: Told, expected: usize| {
        let (_home, mut reader) = recorded(told);
        let limits: Vec<Event> = facts(&mut reader).into_iter().filter(|fact| fact.kind.short() == "rate_limit").collect();
        assert_eq!(limits.len(), expected, "{limits:#?}");
    };
    check([exported(), record()].concat(), 3);
    check([record(), exported()].concat(), 3);
    let at_terminal = || [exported(), attempt("28.821")].concat();
    check([at_terminal(), record()].concat(), 3);
    check([record(), at_terminal(), record()].concat(), 3);
}

#[test]
fn words_for_one_refusal_are_the_same_in_every_order() {
    const SESSION: &str = "01a2260d-293a-7d20-8eb8-cf6bbe75bfa9";
    let at = |time: &str| Time::parse(&format!("2026-11-22T19:00:{time}Z")).unwrap();
    let log = serde_json::json!({"conversation.id": SESSION, "event.timestamp": "2026-11-22T19:00:28.800Z", "originator": "codex_exec",
        "http.response.status_code": 400, "error.message": "http 400", "model": "m"});
    let log = Log { service: "codex_exec".into(), name: "codex.api_request".into(), attributes: log, ..Log::default() };
    let told: Told = read_telemetry(&Record::Log(log)).unwrap().into_iter().map(|draft| (at("28.8"), draft)).collect();
    let mut rollout = Transcript::new(Agent::Codex, &format!("rollout-2026-11-22T19-00-00-{SESSION}.jsonl")).unwrap();
    let answer = r#"{"error":{"type":"invalid_request_error","message":"the request is refused"}}"#;
    let line = serde_json::json!({"timestamp": "2026-11-22T19:00:28.835Z", "type": "event_msg", "payload": {"type": "task_complete",
        "turn_id": "t1", "error": {"message": answer}}});
    let record: Told = rollout.line(line.to_string().as_bytes()).unwrap().into_iter().map(|draft| (at("28.9"), draft)).collect();
    for told in [[told.clone(), record.clone()].concat(), [record, told].concat()] {
        let (_home, mut reader) = recorded(told);
        let errors: Vec<Event> = facts(&mut reader).into_iter().filter(|fact| fact.kind.short() == "api_error").collect();
        let [error] = &errors[..] else { panic!("one error: {errors:#?}") };
        let Body::Provider(call) = &error.body else { panic!("{error:?}") };
        let words = [&call.error_code, &call.error_message, &call.model].map(|word| word.as_deref());
        assert_eq!(words, [Some("invalid_request_error"), Some("the request is refused"), Some("m")]);
    }
}
