//! What a question to `serve` costs, beside an echo server that answers with as many bytes; and how both grow.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use ai_coder_events::{
    event::{Body, Draft, Time},
    history::{Clock, Options},
};
use serde_json::{Value, json};

use super::{
    echo,
    recording::{fill_with, plain},
    server::{Server, program},
    times::Times,
};

/// One call at a time; and calls at once, as many as the floor was measured with.
const ONE: usize = 1;
const MANY: usize = 64;
const ROUNDS: usize = 300;
const BURSTS: usize = 20;
/// A tenth of a second between two events: the smallest history holds a quarter of an hour.
const BETWEEN_MICROS: i64 = 100_000;

pub fn ask() {
    ask_of(&[10_000, 1_000_000]);
}

/// By its own name: such a history takes minutes to write, and gigabytes.
pub fn ask_huge() {
    ask_of(&[10_000, 10_000_000]);
}

struct Question {
    name: &'static str,
    tool: &'static str,
    arguments: Value,
}

fn ask_of(sizes: &[usize]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
    let mut small = None;
    for &events in sizes {
        let mut options = Options::new(folder.path().join(format!("{events}.db")));
        let begun = now.plus(-BETWEEN_MICROS * events as i64);
        // Received when they happened: what came within the last minute is asked for too.
        let micros = Arc::new(AtomicI64::new(0));
        let received = Arc::clone(&micros);
        options.clock = Clock::new(move || Time::from_micros(received.load(Ordering::Relaxed)));
        fill_with(&options, events, |n| {
            let draft = draft(n, begun);
            micros.store(draft.timestamp.map_or(0, Time::micros), Ordering::Relaxed);
            draft
        });
        println!("{events} events");
        let before = small.take();
        small = Some(questions(begun).iter().map(|question| measure(&options.path, question)).collect::<Vec<_>>());
        if let (Some(before), Some(after)) = (before, &small) {
            for (question, (few, many)) in questions(begun).iter().zip(before.iter().zip(after)) {
                println!("growth {}: {:.2} x from {} to {events} events", question.name, many / few, sizes[0]);
            }
        }
    }
}

/// As it comes, a tenth of a second apart; of the changes of files, one in thirty is of a new one.
fn draft(n: usize, begun: Time) -> Draft {
    let mut draft = plain(n);
    if let Body::Workspace(fields) = &mut draft.body {
        fields.file_path = Some(match n % 30 {
            8 => format!("/home/dev/work/demo/target/{}/out_{n}.rs", n / 20_000),
            _ => format!("/home/dev/work/demo/src/module_{}.rs", n % 500),
        });
    }
    // A few are busy at a time.
    draft.coder_id = coder(n / 20);
    draft.timestamp = Some(begun.plus(BETWEEN_MICROS * n as i64));
    draft
}

fn coder(n: usize) -> String {
    plain(n).coder_id
}

fn questions(begun: Time) -> [Question; 9] {
    let list = |name, arguments| Question { name, tool: "list_ai_coder_events", arguments };
    let coder = coder(7);
    let (since, until) = (begun.plus(5 * Time::MINUTE), begun.plus(10 * Time::MINUTE));
    [
        list("newest 50", json!({})),
        list("newest 50 of a coder", json!({"coder_id": coder})),
        list("newest 50 of a rare type", json!({"event_types": ["started"]})),
        list("newest 50 of a frequent type", json!({"event_types": ["output"]})),
        list("newest 50 of five minutes", json!({"since": since.to_string(), "until": until.to_string()})),
        list("newest 10 of a file", json!({"path": "/home/dev/work/demo/src/module_207.rs", "limit": 10})),
        list("newest 10 of a file by its end", json!({"path": "src/module_207.rs", "limit": 10})),
        list("newest 50 of a folder", json!({"path": "/home/dev/work/demo/src", "detail": "full"})),
        Question { name: "stats of a coder", tool: "get_ai_coder_stats", arguments: json!({"coder_id": coder}) },
    ]
}

/// In turn, so that a machine that changes its speed changes both. Gives the median of one call at a time.
fn measure(db: &Path, question: &Question) -> f64 {
    let mut command = program(db, &[]);
    command.args(["serve", "--read-only"]);
    let mut ours = Server::run(command);
    let mut floor = Server::run(echo::server());
    let mut line = String::new();
    let mut length = |server: &mut Server, tool: &str, arguments: &Value| {
        server.request("tools/call", &json!({"name": tool, "arguments": arguments}));
        server.read_line(&mut line);
        assert!(line.contains("structuredContent"), "{line}");
        line.len()
    };
    let bytes = length(&mut ours, question.tool, &question.arguments);
    let empty = length(&mut floor, "echo", &json!({"chars": 0}));
    let echo = json!({"chars": bytes.saturating_sub(empty) / 2});
    let (mut one, mut many): ([Times; 2], [Times; 2]) = Default::default();
    for _ in 0..ROUNDS {
        in_flight(&mut ours, question.tool, &question.arguments, ONE, ONE, &mut one[0]);
        in_flight(&mut floor, "echo", &echo, ONE, ONE, &mut one[1]);
    }
    for _ in 0..BURSTS {
        in_flight(&mut ours, question.tool, &question.arguments, MANY, MANY * 2, &mut many[0]);
        in_flight(&mut floor, "echo", &echo, MANY, MANY * 2, &mut many[1]);
    }
    println!("{} ({bytes} bytes)", question.name);
    for (at_once, [ours, floor]) in [(ONE, &mut one), (MANY, &mut many)] {
        let (p50, p99) = (ours.p50() / floor.p50(), ours.p99() / floor.p99());
        println!("  {at_once} in flight: {ours}; echo {floor}: {p50:.2} x at p50, {p99:.2} x at p99");
    }
    one[0].p50()
}

/// Asks `count` times with `at_once` calls on their way, and takes down how long each took.
fn in_flight(server: &mut Server, tool: &str, arguments: &Value, at_once: usize, count: usize, times: &mut Times) {
    let params = json!({"name": tool, "arguments": arguments});
    let (mut sent, mut line) = (HashMap::new(), String::new());
    for asked in 0..count + at_once {
        if asked >= at_once {
            server.read_line(&mut line);
            let begun: Instant = sent.remove(&id_of(&line)).expect("an answer to what was asked");
            times.0.push(begun.elapsed());
        }
        if asked < count {
            sent.insert(server.next_id(), Instant::now());
            server.request("tools/call", &params);
        }
    }
}

/// Where rmcp writes it: reading all of an answer would cost as much as making it.
fn id_of(line: &str) -> u64 {
    let digits = line.split_once("\"id\":").map_or("", |(_, rest)| rest.split([',', '}']).next().unwrap_or_default());
    digits.parse().expect("an answer has its id in front")
}
