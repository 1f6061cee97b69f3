//! A client that stops reading in the middle of an answer, for as long as it likes: it harms nobody, and misses nothing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    home::{Home, Running},
    rpc::{Client, memory_peak_mb, old},
};

use super::{Size, size};

/// What may wait to be written is bounded at 64 MB.
const MEMORY_MB_MAX: u64 = 250;

#[test]
fn a_client_that_stops_reading_gets_every_answer_whole_in_the_end() {
    // Answers of some 80 kB each: far more than a pipe holds.
    let Size { silence, asked, .. } = size();
    let home = Home::new();
    let text = "x".repeat(200);
    let line = |number| json!({"type": "milestone", "coder_id": "a", "milestone": text, "n": number}).to_string();
    let lines: Vec<String> = (0..500).map(line).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());

    let mut command = home.command(&["serve"]);
    let mut deaf = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut output = deaf.0.stdout.take().unwrap();
    let mut input = deaf.0.stdin.take().unwrap();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    // Beside reading: what the server does not read, because too much waits, must not hold up the other client.
    let asking = thread::spawn(move || {
        for id in 1..=asked {
            let params = json!({"_meta": meta, "name": "list_ai_coder_events", "arguments": {"detail": "full", "limit": 100}});
            writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})).unwrap();
        }
        input
    });
    let mut half = vec![0; 10_000];
    output.read_exact(&mut half).unwrap();

    let mut other = Client::start(&home, &[], old());
    let (since, mut rounds, mut worst) = (Instant::now(), 0_u32, Duration::ZERO);
    while since.elapsed() < silence {
        let begun = Instant::now();
        let cursor = other.call("subscribe_coder", json!({"coder_id": "b"}))["cursor"].take();
        let wait = other.begin_call("subscribe_coder", json!({"coder_id": "b", "cursor": cursor}));
        let receipt = other.call("emit_ai_coder_event", json!({"type": "milestone", "coder_id": "b", "milestone": "m"}));
        assert_eq!(other.called(wait)["events"][0]["seq"], receipt["seq"]);
        (rounds, worst) = (rounds + 1, worst.max(begun.elapsed()));
    }
    let memory = memory_peak_mb(deaf.0.id());
    println!(
        "silent for {:.1} s in the middle of {asked} answers: {memory} MB at most; another client's {rounds} rounds took at most {:.1} ms",
        silence.as_secs_f64(),
        worst.as_secs_f64() * 1_000.0
    );
    assert!(memory < MEMORY_MB_MAX, "{memory} MB");

    let mut answered = read_on(half, output, asked as usize);
    answered.sort_unstable();
    assert_eq!(answered, (1..=asked).collect::<Vec<_>>());
    drop(asking.join().unwrap());
    assert!(deaf.0.wait().unwrap().success());
    assert!(other.close().0.success());
}

/// The ids that are answered, each with a whole answer.
fn read_on(half: Vec<u8>, output: ChildStdout, asked: usize) -> Vec<u64> {
    let lines = BufReader::new(std::io::Cursor::new(half).chain(output)).lines().take(asked);
    lines
        .map(|line| {
            let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let events = answer["result"]["structuredContent"]["events"].as_array().unwrap_or_else(|| panic!("{answer}"));
            assert!(events.len() > 10, "{answer}");
            answer["id"].as_u64().unwrap()
        })
        .collect()
}
