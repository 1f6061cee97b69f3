//! What `serve` costs who starts it: time to the first answer, and memory, on a million events, beside a bare echo server.

use std::{fs, path::Path, time::Duration};

use ai_coder_events::history::Options;
use serde_json::json;

use super::{
    echo,
    growth::SIZES,
    recording::{fill, realistic},
    server::{Server, program},
    times::Times,
};

const ROUNDS: usize = 100;
const CALLS: usize = 10_000;
/// Upkeep's first round comes a second after the start.
const SETTLED: Duration = Duration::from_secs(3);

pub fn start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = Options::new(folder.path().join("large.db"));
    fill(&large, SIZES[1]);
    first_answer(&large.path);
    memory(&large.path);
}

fn first_answer(db: &Path) {
    let (mut floor, mut ours, mut called) = (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        floor.measure(|| Server::run(echo::server()));
        ours.measure(|| Server::start(db, &[]));
        called.measure(|| {
            let mut server = Server::start(db, &[]);
            server.call("list_ai_coder_events", &json!({}));
            server
        });
    }
    println!("start to first answer: serve {ours}; echo server {floor}; serve, and its newest 50 events {called}");
    println!("  serve is {:.2} x the echo server, with the events {:.2} x", ours.p50() / floor.p50(), called.p50() / floor.p50());
}

fn memory(db: &Path) {
    let mut floor = Server::run(echo::server());
    let mut command = program(db, &[]);
    command.arg("serve");
    let mut server = Server::run(command);
    std::thread::sleep(SETTLED);
    let idle = held(&server);
    for call in 0..CALLS {
        let coder = realistic(call).coder_id;
        let (tool, arguments) = match call % 4 {
            0 => ("list_ai_coder_events", json!({"coder_id": coder})),
            1 => ("list_ai_coder_events", json!({"event_types": ["output"], "detail": "full"})),
            2 => ("list_ai_coder_events", json!({"path": format!("src/module_{}.rs", call % 500)})),
            _ => ("get_ai_coder_stats", json!({"coder_id": coder})),
        };
        server.call(tool, &arguments);
        floor.call("echo", &json!({"chars": 4000}));
    }
    let (after, bare) = (held(&server), held(&floor));
    println!("memory: serve idle {idle}; after {CALLS} calls {after}; echo server after as many {bare}");
}

/// Resident memory, and the most of it so far.
fn held(server: &Server) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap_or_default();
    let mib = |name: &str| {
        let kib = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    };
    format!("{:.1} MiB (of its own {:.1}, at most {:.1})", mib("VmRSS:"), mib("RssAnon:"), mib("VmHWM:"))
}
