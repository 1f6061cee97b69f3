//! From a commit in one process to who waits in another.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    server::{Emitter, Server},
    times::Times,
};

/// Enough for a 99th percentile that ten slow rounds do not move.
const ROUNDS: usize = 1000;
const PAUSE: Duration = Duration::from_millis(20);
const BURST: usize = 50;

pub fn wake() {
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
