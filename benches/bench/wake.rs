//! From another process's append to who waits here, beside a bare pipe's round trip between two processes.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Duration, Instant},
};

use ai_coder_events::{
    bus::{Begin, Bus},
    filter::Filter,
    history::Options,
};
use serde_json::json;

use super::{
    echo::{self, CODER},
    server::{Emitter, Server, program},
    times::Times,
};

/// Enough for a 99th percentile that a few slow rounds do not move.
const ROUNDS: usize = 500;
/// Lets whoever waits begin to: what is measured is waking, not catching up.
const PAUSE: Duration = Duration::from_millis(5);
const BURST: usize = 50;

pub fn wake() {
    for durability in ["normal", "full"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let db = folder.path().join("history.db");
        let mut appender = Line::of(echo::appender(&db.to_string_lossy(), durability));
        appender.ask();
        to_subscriber(&db, durability, &mut appender);
        to_notification(&db, durability, &mut appender);
        to_answer(&db, durability, &mut appender);
        to_stream(&db, durability, &mut appender);
    }
    bursts();
}

fn to_subscriber(db: &Path, durability: &str, appender: &mut Line) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let bus = Bus::new(Options::new(db));
        let mut subscription = bus.subscribe(Filter::coder(CODER), Begin::Now);
        let mut measured = Measured::default();
        for _ in 0..ROUNDS {
            measured.pipe();
            // Only who is polled waits.
            assert!(tokio::time::timeout(PAUSE, subscription.next()).await.is_err(), "nothing comes unasked");
            appender.write("go");
            subscription.next().await.expect("the bus is open").expect("readable");
            measured.seen(echo::nanos_now(), appender);
        }
        measured.print(&format!("durability {durability}, append to subscriber"));
        bus.shutdown().await;
    });
}

fn to_notification(db: &Path, durability: &str, appender: &mut Line) {
    let mut server = Server::start(db, &[]);
    server.request("resources/subscribe", &json!({"uri": format!("aicoder://coders/{CODER}/lifecycle")}));
    server.answer();
    let (mut measured, mut line) = (Measured::default(), String::new());
    for _ in 0..ROUNDS {
        measured.pipe();
        std::thread::sleep(PAUSE);
        appender.write("go");
        loop {
            server.read_line(&mut line);
            if line.contains("resources/updated") {
                break;
            }
        }
        measured.seen(echo::nanos_now(), appender);
    }
    measured.print(&format!("durability {durability}, append to notification"));
}

fn to_answer(db: &Path, durability: &str, appender: &mut Line) {
    let mut server = Server::start(db, &[]);
    let mut cursor = server.subscribe(&json!({"coder_id": CODER}))["cursor"].clone();
    let mut measured = Measured::default();
    for _ in 0..ROUNDS {
        measured.pipe();
        server.send_subscribe(&json!({"coder_id": CODER, "cursor": cursor, "wait_ms": 5000, "gather_ms": 0}));
        std::thread::sleep(PAUSE);
        appender.write("go");
        let answer = server.structured();
        measured.seen(echo::nanos_now(), appender);
        assert_eq!(answer["events"].as_array().map(Vec::len), Some(1), "{answer}");
        cursor = answer["cursor"].clone();
    }
    measured.print(&format!("durability {durability}, append to subscribe_coder's answer"));
}

fn to_stream(db: &Path, durability: &str, appender: &mut Line) {
    let mut command = program(db, &[]);
    command.arg("serve");
    let mut server = Server::spoken_to(command);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    server.request("events/stream", &json!({"_meta": meta, "name": "coder.event", "arguments": {"coder_id": CODER}}));
    let (mut measured, mut line) = (Measured::default(), String::new());
    server.read_line(&mut line);
    assert!(line.contains("notifications/events/active"), "{line}");
    for _ in 0..ROUNDS {
        measured.pipe();
        std::thread::sleep(PAUSE);
        appender.write("go");
        loop {
            server.read_line(&mut line);
            if line.contains("notifications/events/event") {
                break;
            }
        }
        measured.seen(echo::nanos_now(), appender);
    }
    measured.print(&format!("durability {durability}, append to events/stream"));
}

struct Measured {
    pipe: Line,
    round_trips: Times,
    /// From the call of `append`.
    since_begun: Times,
    /// From its return, with the bell rung; zero where it was seen before.
    since_done: Times,
}

impl Default for Measured {
    fn default() -> Measured {
        Measured {
            pipe: Line::of(echo::pipe()),
            round_trips: Times::default(),
            since_begun: Times::default(),
            since_done: Times::default(),
        }
    }
}

impl Measured {
    /// In each round, as cold as the other.
    fn pipe(&mut self) {
        std::thread::sleep(PAUSE);
        let begun = Instant::now();
        self.pipe.ask();
        self.round_trips.0.push(begun.elapsed());
    }

    fn seen(&mut self, at: u64, appender: &mut Line) {
        let told = appender.read();
        let mut moments = told.split_whitespace().map(|moment| moment.parse::<u64>().expect("nanoseconds"));
        for times in [&mut self.since_begun, &mut self.since_done] {
            times.0.push(Duration::from_nanos(at.saturating_sub(moments.next().expect("two moments"))));
        }
    }

    fn print(mut self, name: &str) {
        let ratio = self.since_begun.p50() / self.round_trips.p50();
        println!("{name}: {}; after the append itself {}", self.since_begun, self.since_done);
        println!("  {ratio:.2} x a pipe's round trip ({})", self.round_trips);
    }
}

/// A process that answers each line with one.
struct Line {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Line {
    fn of(mut command: Command) -> Line {
        let mut child = command.spawn().expect("it starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        Line { child, stdin, stdout: BufReader::new(stdout) }
    }

    fn write(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().expect("open until drop"), "{line}").expect("it reads");
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).expect("text"), 0, "it went away");
        line
    }

    fn ask(&mut self) {
        self.write("go");
        self.read();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("it ends with its input");
    }
}

/// Commits as fast as `emit -` makes them, and one call after another.
fn bursts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = folder.path().join("history.db");
    let mut emitter = Emitter::start(&db, &[]);
    emitter.emit(0);
    let mut server = Server::start(&db, &[]);
    let mut cursor = server.subscribe(&json!({"coder_id": CODER}))["cursor"].clone();
    let (mut first, mut last) = (Times::default(), Times::default());
    for burst in 0..20 {
        server.send_subscribe(&json!({"coder_id": CODER, "cursor": cursor, "wait_ms": 5000, "gather_ms": 0}));
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
                server.send_subscribe(
                    &json!({"coder_id": CODER, "cursor": cursor, "wait_ms": 5000, "gather_ms": 0, "max_events": BURST}),
                );
            }
        }
        last.0.push(begun.elapsed());
        (0..BURST).for_each(|_| emitter.read_receipt());
    }
    println!("burst of {BURST} through emit: first answer {first}; last event {last}");
}
