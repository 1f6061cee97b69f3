//! What must stay quick, measured on the real history and the real binary: `cargo bench [-- NAME…]`.
//!
//! Every figure is printed beside the one it is to be compared with, from the same run: these are ratios, not promises.
//! - `growth`: queries, statistics and server start on a thousand and on a million events.
//! - `wake`: an `emit` in one process until `subscribe_coder` answers in another, commits 20 ms apart, and in bursts.
//! - `hook`: one hook process, beside `/bin/true` and a Python one-liner, on an empty and on a large history.
//! - `run`: 100 MB of output through `run`, beside a plain pipe.
//! - `redact`: a KiB of text, beside a `RegexSet` of the same expressions; the first call of a process.
//! - `append`: events a second in batches of 1,024, and one event a transaction.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use ai_coder_events::{
    event::{Draft, EventType},
    filter::Filter,
    history::{Entry, Options, Query, Reader, StatsQuery, Writer},
};
use serde_json::{Value, json};

#[path = "bench/hook.rs"]
mod hook;
#[path = "bench/redact.rs"]
mod redact;
#[path = "bench/run.rs"]
mod run;

/// Events in the small and the large history of `growth`: a first day, and a year of a busy machine.
const SIZES: [usize; 2] = [1_000, 1_000_000];
const CODERS: usize = 100;
/// Rounds of `wake`: enough for a 99th percentile that ten slow rounds do not move.
const ROUNDS: usize = 1000;
const PAUSE: Duration = Duration::from_millis(20);
const BURST: usize = 50;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let benches: [(&str, fn()); 6] = [
        ("append", append),
        ("growth", growth),
        ("hook", hook::hook),
        ("redact", redact::redact),
        ("run", run::run),
        ("wake", wake),
    ];
    for (name, bench) in benches {
        if named.is_empty() || named.iter().any(|given| given == name) {
            println!("## {name}");
            bench();
        }
    }
}

/// A hundred coders, types in the proportions of a real run: mostly output, progress and files, little of the rest.
fn realistic(n: usize) -> Draft {
    let coder = format!("claude-code:00000000-0000-4000-8000-{:012}", n % CODERS);
    match n % 20 {
        0 => Draft::new(EventType::Started, coder),
        1..=6 => Draft::progress(coder, (n % 1000) as f64 / 1000.0, "Bash", "Bash: cargo test --workspace --all-features"),
        7..=9 => Draft::workspace(coder, "modify", &format!("/home/dev/work/demo/src/module_{}.rs", n % 500)),
        10..=12 => Draft::provider(coder, "anthropic", "claude-opus-5-5").with("request_id", format!("req_{n:012}")),
        13 => Draft::resource(coder, 512, 80.0, 20),
        _ => Draft::new(EventType::Output, coder).with("text", "test session::tests::rejects_an_expired_token ... ok\n"),
    }
}

fn fill(options: &Options, events: usize) {
    let mut writer = Writer::new(options);
    for start in (0..events).step_by(1024) {
        let batch = (start..events.min(start + 1024)).map(|n| Entry::from(realistic(n))).collect();
        writer.append(batch).expect("the bench's history can be written");
    }
}

fn append() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    let events = 200_000;
    let begun = Instant::now();
    fill(&options, events);
    println!("batches of 1,024: {:.0} events/s", events as f64 / begun.elapsed().as_secs_f64());
    let bytes = std::fs::metadata(&options.path).map_or(0, |metadata| metadata.len());
    println!("on disk: {:.0} bytes an event", bytes as f64 / events as f64);

    let mut writer = Writer::new(&options);
    let mut times = Times::default();
    for n in 0..5000 {
        times.measure(|| writer.append(vec![realistic(n).into()]).expect("the bench's history can be written"));
    }
    println!("one event a transaction: {times}");
}

fn growth() {
    const NAMES: [&str; 4] = ["newest 10 of a coder", "newest 50", "stats", "serve: start to first answer"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let histories = SIZES.map(|events| {
        let options = Options::new(folder.path().join(format!("{events}.db")));
        fill(&options, events);
        options
    });
    // As many as each coder has in the small history, so that both answer with the same number of events.
    let of_coder = Query { filter: Filter::coder(realistic(7).coder_id), limit: SIZES[0] / CODERS, ..Query::default() };
    let newest = Query { limit: 50, ..Query::default() };
    let stats = StatsQuery { coders_max: 50, ..StatsQuery::default() };
    let mut times: [[Times; 4]; 2] = Default::default();
    let mut readers = histories.each_ref().map(Reader::new);
    // In turn, so that a machine that changes its speed changes both.
    for _ in 0..200 {
        for (reader, times) in readers.iter_mut().zip(&mut times) {
            times[0].measure(|| reader.page(&of_coder).expect("readable"));
            times[1].measure(|| reader.page(&newest).expect("readable"));
            times[2].measure(|| reader.stats(&stats).expect("readable"));
        }
    }
    for _ in 0..20 {
        for (options, times) in histories.iter().zip(&mut times) {
            times[3].measure(|| Server::start(&options.path, &[]));
        }
    }
    let [small, large] = &mut times;
    for ((name, small), large) in NAMES.iter().zip(small).zip(large) {
        println!("{name}: {} events {small}; {} events {large}", SIZES[0], SIZES[1]);
        let ratio = large.quantile(0.5).as_secs_f64() / small.quantile(0.5).as_secs_f64();
        println!("{name}: {ratio:.2} × the small history's median");
    }
}

fn wake() {
    for durability in ["normal", "full"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config").join("ai-coder-events");
        std::fs::create_dir_all(&config).expect("a temporary folder");
        std::fs::write(config.join("config.toml"), format!("durability = \"{durability}\"\n")).expect("writable");
        let environment = [("XDG_CONFIG_HOME", folder.path().join("config"))];
        let environment: Vec<(&str, &Path)> = environment.iter().map(|(name, path)| (*name, path.as_path())).collect();
        let db = folder.path().join("history.db");
        let mut emitter = Emitter::start(&db, &environment);
        emitter.emit(0);
        let mut server = Server::start(&db, &environment);
        let mut cursor = server.subscribe(&json!({"coder_id": "bench"}))["cursor"].clone();
        let mut times = Times::default();
        for round in 1..=ROUNDS {
            server.send_subscribe(&json!({"coder_id": "bench", "cursor": cursor, "wait_ms": 5000}));
            // The pause lets the server begin to wait: what is measured is waking, not catching up.
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            emitter.write(round);
            let answer = server.structured();
            times.0.push(begun.elapsed());
            assert_eq!(answer["events"].as_array().map(Vec::len), Some(1), "{answer}");
            cursor = answer["cursor"].clone();
            emitter.read_receipt();
        }
        println!("durability {durability}, emit to subscribe_coder's answer: {times}");

        let (mut first, mut last) = (Times::default(), Times::default());
        for burst in 0..20 {
            server.send_subscribe(&json!({"coder_id": "bench", "cursor": cursor, "wait_ms": 5000}));
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            for n in 0..BURST {
                emitter.write(burst * BURST + n);
            }
            let mut seen = 0;
            while seen < BURST {
                let answer = server.structured();
                seen += answer["events"].as_array().map_or(0, Vec::len);
                cursor = answer["cursor"].clone();
                if first.0.len() == burst {
                    first.0.push(begun.elapsed());
                }
                if seen < BURST {
                    server.send_subscribe(&json!({"coder_id": "bench", "cursor": cursor, "wait_ms": 5000, "max_events": BURST}));
                }
            }
            last.0.push(begun.elapsed());
            (0..BURST).for_each(|_| emitter.read_receipt());
        }
        println!("durability {durability}, burst of {BURST}: first answer {first}; last event {last}");
    }
}

/// Durations of one thing done many times.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn measure<T>(&mut self, work: impl FnOnce() -> T) {
        let begun = Instant::now();
        let done = work();
        self.0.push(begun.elapsed());
        drop(done);
    }

    fn quantile(&mut self, share: f64) -> Duration {
        self.0.sort();
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = Times(self.0.clone());
        let (p50, p99) = (sorted.quantile(0.5), sorted.quantile(0.99));
        write!(f, "p50 {:.3} ms, p99 {:.3} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3)
    }
}

fn program(db: &Path, environment: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-coder-events"));
    command.arg("--db").arg(db).envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// `serve`, spoken to over its stdio.
struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    id: u64,
}

impl Server {
    /// Returns once the server answered `initialize`.
    fn start(db: &Path, environment: &[(&str, &Path)]) -> Server {
        let mut child = program(db, environment).arg("serve").spawn().expect("the binary starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let mut server = Server { child, stdin, stdout: BufReader::new(stdout), id: 0 };
        let client = json!({"name": "bench", "version": "1"});
        server.request("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}));
        server.answer();
        server.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn write(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().expect("open until drop");
        writeln!(stdin, "{message}").and_then(|()| stdin.flush()).expect("the server reads");
    }

    fn request(&mut self, method: &str, params: &Value) {
        self.id += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
    }

    fn answer(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("the server writes text"), 0, "the server went away");
            let message: Value = serde_json::from_str(&line).expect("the server writes JSON");
            if message["id"] == json!(self.id) {
                return message["result"].clone();
            }
        }
    }

    fn send_subscribe(&mut self, arguments: &Value) {
        self.request("tools/call", &json!({"name": "subscribe_coder", "arguments": arguments}));
    }

    fn structured(&mut self) -> Value {
        self.answer()["structuredContent"].clone()
    }

    fn subscribe(&mut self, arguments: &Value) -> Value {
        self.send_subscribe(arguments);
        self.structured()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("the server ends with its input");
    }
}

/// `emit -`, one line at a time.
struct Emitter {
    child: Child,
    stdin: Option<ChildStdin>,
    receipts: BufReader<ChildStdout>,
}

impl Emitter {
    fn start(db: &Path, environment: &[(&str, &Path)]) -> Emitter {
        let mut child = program(db, environment).args(["--json", "emit", "-"]).spawn().expect("the binary starts");
        let (stdin, receipts) = (child.stdin.take(), child.stdout.take().expect("piped"));
        Emitter { child, stdin, receipts: BufReader::new(receipts) }
    }

    fn write(&mut self, turn: usize) {
        let line = json!({"type": "progress", "coder_id": "bench", "progress": 0.5, "stage": "editing", "turn": turn});
        let stdin = self.stdin.as_mut().expect("open until drop");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("emit reads");
    }

    fn read_receipt(&mut self) {
        let mut line = String::new();
        assert_ne!(self.receipts.read_line(&mut line).expect("emit writes text"), 0, "emit went away");
    }

    fn emit(&mut self, turn: usize) {
        self.write(turn);
        self.read_receipt();
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("emit ends with its input");
    }
}
