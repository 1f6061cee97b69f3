//! One fact, one event: all channels of Claude Code's captured runs, in many orders, through the history itself.

use std::{collections::BTreeMap, fs};

use ai_coder_events::{
    event::{Draft, Time},
    history::{CodersQuery, Entry, Options, Reader, Writer},
    source::{
        Agent, HookContext, Stream, Transcript,
        otel::{Log, Record},
        read_hook, read_telemetry,
    },
};
use serde_json::Value;

use crate::channels::orders;

use crate::home::json_lines;

/// What a run's own `result` and `cost-state` say.
struct Run {
    name: &'static str,
    subagent: Option<&'static str>,
    /// Input, output, read from the cache, written to it, and billionths of a dollar.
    usage: [u64; 5],
    counts: &'static [(&'static str, u64)],
}

const RUNS: &[Run] = &[
    Run {
        name: "main",
        subagent: None,
        usage: [7_000, 210, 25_000, 1_500, 44_700_000],
        counts: &[
            ("created", 1),
            ("started", 1),
            ("completed", 1),
            ("stopped", 1),
            ("api_call", 5),
            ("file_created", 1),
            ("file_modified", 1),
            ("file_deleted", 1),
            ("progress", 4),
            ("prompt", 1),
            ("resource_usage", 1),
            ("output", 6),
            ("completion_metrics", 1),
        ],
    },
    Run {
        name: "subagent",
        subagent: Some("agent-a99b76bbf3cc5e5fd"),
        usage: [5_000, 168, 20_000, 1_200, 33_360_000],
        counts: &[
            ("created", 2),
            ("started", 2),
            ("completed", 2),
            ("stopped", 2),
            ("api_call", 4),
            ("progress", 2),
            ("prompt", 2),
            ("resource_usage", 1),
            // The transcript alone has the subagent's two.
            ("output", 5),
            ("completion_metrics", 2),
        ],
    },
    Run {
        name: "429",
        subagent: None,
        usage: [1_200, 42, 5_000, 300, 8_140_000],
        counts: &[
            ("created", 1),
            ("started", 1),
            ("completed", 1),
            ("stopped", 1),
            ("api_call", 1),
            ("rate_limit", 2),
            ("output", 1),
            ("completion_metrics", 1),
            ("system_warning", 2),
            ("prompt", 1),
            ("resource_usage", 1),
        ],
    },
    Run {
        name: "429fatal",
        subagent: None,
        usage: [0; 5],
        counts: &[
            ("created", 1),
            ("started", 1),
            ("failed", 1),
            ("stopped", 1),
            ("rate_limit", 3),
            ("output", 1),
            ("system_warning", 3),
            ("prompt", 1),
        ],
    },
    Run {
        name: "killTERM",
        subagent: None,
        usage: [1_200, 42, 5_000, 300, 8_140_000],
        counts: &[("created", 1), ("started", 1), ("stopped", 1), ("api_call", 1), ("progress", 1), ("prompt", 1), ("output", 1)],
    },
    Run {
        name: "tasks",
        subagent: None,
        usage: [5_400, 168, 20_000, 1_200, 34_960_000],
        counts: &[
            ("created", 1),
            ("started", 1),
            ("completed", 1),
            ("stopped", 1),
            ("api_call", 4),
            ("progress", 3),
            ("prompt", 1),
            ("resource_usage", 1),
            ("output", 4),
            ("completion_metrics", 1),
        ],
    },
];

fn text(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/fixtures/claude-code/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What has no time of its own gets that of its arrival, as the history would see to.
fn at(time: Time, drafts: Vec<Draft>) -> Vec<Draft> {
    drafts.into_iter().map(|draft| Draft { timestamp: draft.timestamp.or(Some(time)), ..draft }).collect()
}

fn hooks(run: &Run) -> Vec<(Time, Vec<Draft>)> {
    let told = |line: Value| {
        let time = Time::from_micros(line["received_unix_ns"].as_i64().unwrap() / 1_000);
        let payload = line["payload"].to_string();
        (time, at(time, read_hook(Agent::ClaudeCode, payload.as_bytes(), &HookContext::default()).unwrap()))
    };
    json_lines(&text(run.name)).into_iter().map(told).collect()
}

/// A line without a time arrives with the next one that has one; the stream ends with the process, after its last hook.
fn stream(run: &Run, end: Time) -> Vec<Draft> {
    let mut stream = Stream::new(&HookContext::default());
    let mut told = Vec::new();
    for line in text(&format!("{}.stream", run.name)).lines() {
        let time = serde_json::from_str::<Value>(line).unwrap()["timestamp"].as_str().and_then(Time::parse);
        told.push((time, stream.line(line.as_bytes())));
    }
    told.push((None, stream.end()));
    let mut next = end;
    let mut drafts = Vec::new();
    for (time, told) in told.into_iter().rev() {
        next = time.unwrap_or(next);
        drafts.push(at(next, told));
    }
    drafts.into_iter().rev().flatten().collect()
}

fn logs(run: &Run) -> Vec<Draft> {
    let record = |line: Value| {
        let nanos: i64 = line["time_unix_nano"].as_str().unwrap().parse().unwrap();
        Record::Log(Log {
            service: "claude-code".to_owned(),
            name: line["name"].as_str().unwrap().to_owned(),
            time: Some(Time::from_micros(nanos / 1_000)),
            body: None,
            attributes: line["attributes"].clone(),
        })
    };
    json_lines(&text(&format!("{}.logs", run.name))).into_iter().flat_map(|line| read_telemetry(&record(line)).unwrap()).collect()
}

fn transcript(run: &Run) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let files = std::iter::once((run.name.to_owned(), "session.jsonl".to_owned()))
        .chain(run.subagent.map(|agent| (format!("{}.{agent}", run.name), format!("/session/subagents/{agent}.jsonl"))));
    for (name, path) in files {
        let mut reader = Transcript::new(Agent::ClaudeCode, &path).unwrap();
        for line in text(&format!("{name}.transcript")).lines() {
            drafts.extend(reader.line(line.as_bytes()).unwrap());
            // As where it is followed, line by line.
            drafts.extend(reader.pause());
        }
        drafts.extend(reader.end());
    }
    drafts
}

/// What the history says of all coders together after `channels` were told in their order.
fn recorded(channels: &[&[Draft]]) -> ([u64; 5], BTreeMap<String, u64>) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("history.db"));
    let mut writer = Writer::new(&options);
    for drafts in channels {
        writer.append(drafts.iter().cloned().map(Entry::from).collect()).unwrap();
    }
    let mut usage = [0; 5];
    let mut counts = BTreeMap::new();
    for coder in Reader::new(&options).coders(&CodersQuery::default()).unwrap() {
        let tokens = coder.usage.tokens;
        let cost = (coder.usage.cost_usd.unwrap_or_default() * 1e9).round() as u64;
        let figures = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, cost];
        usage = std::array::from_fn(|at| usage[at] + figures[at]);
        for (kind, count) in coder.events_by_type {
            *counts.entry(kind.trim_start_matches("ai_coder_").to_owned()).or_default() += count;
        }
    }
    (usage, counts)
}

#[test]
fn all_channels_of_a_run_give_its_own_totals_in_any_order() {
    for run in RUNS {
        let live = hooks(run);
        let end = live.last().unwrap().0;
        let live: Vec<Draft> = live.into_iter().flat_map(|(_, drafts)| drafts).collect();
        let channels = [&live[..], &stream(run, end), &logs(run), &transcript(run)];
        let counts = run.counts.iter().map(|&(kind, count)| (kind.to_owned(), count)).collect::<BTreeMap<_, _>>();
        let mut orders = orders(channels.len());
        orders.extend([vec![0, 1, 2, 3, 1, 2, 3, 0], vec![1, 2, 3], vec![3, 2, 1], vec![2, 1, 3]]);
        for order in orders {
            let told: Vec<&[Draft]> = order.iter().map(|&channel| channels[channel]).collect();
            assert_eq!(
                recorded(&told),
                (run.usage, counts.clone()),
                "{}, hooks, stream, logs, transcript as {order:?}",
                run.name
            );
        }
    }
}
