//! Ten thousand events through `events/stream` to clients whose server is killed again and again, of which half read only
//! when the others are done: from the last cursor that each dealt with, nothing is lost, doubled or out of order.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

use serde_json::{Value, json};

use crate::home::{Home, Running};

const EVENTS: u64 = 10_000;
/// Each client's server is killed about so often.
const KILLS: u64 = 4;
const CLIENTS: u64 = 8;

/// Reads a stream of everything to its last event, through as many servers as it takes; the seqs it dealt with. The first one
/// reads nothing behind its first event until `wait` is over.
fn follow(home: &Home, wait: Option<Receiver<()>>) -> Vec<u64> {
    let (mut dealt, mut cursor, mut wait) = (Vec::new(), json!("0"), wait);
    while dealt.last() != Some(&EVENTS) {
        let kill_at = dealt.len() as u64 + EVENTS / KILLS;
        let mut command = home.command(&["serve"]);
        let mut serve = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let _input = open(serve.0.stdin.take().unwrap(), &cursor);
        for line in BufReader::new(serve.0.stdout.take().unwrap()).lines() {
            let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let params = &message["params"];
            assert_ne!(params["truncated"], true, "{message}");
            cursor.clone_from(&params["cursor"]);
            let Some(seq) = params["data"]["seq"].as_u64() else { continue };
            dealt.push(seq);
            if let Some(wait) = wait.take() {
                wait.recv().unwrap();
            }
            if dealt.len() as u64 == kill_at || seq == EVENTS {
                serve.0.kill().unwrap();
                break;
            }
        }
    }
    dealt
}

fn open(mut input: ChildStdin, cursor: &Value) -> ChildStdin {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"_meta": meta, "name": "coder.event", "cursor": cursor});
    writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "events/stream", "params": params})).unwrap();
    input
}

#[test]
fn streams_lose_and_double_nothing_though_their_servers_are_killed() {
    let home = Home::new();
    home.record(&[r#"{"type":"created","coder_id":"w"}"#]);
    let since = Instant::now();
    thread::scope(|scope| {
        let mut told = Vec::new();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let wait = (n % 2 == 0).then(|| {
                    let (sender, wait) = mpsc::channel();
                    told.push(sender);
                    wait
                });
                scope.spawn({
                    let home = &home;
                    move || follow(home, wait)
                })
            })
            .collect();
        let mut emit = home.command(&["emit", "-"]);
        let mut emit = Running(emit.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        let mut input = emit.0.stdin.take().unwrap();
        for n in 2..=EVENTS {
            writeln!(input, "{}", json!({"type": "milestone", "coder_id": "w", "milestone": format!("step {n}")})).unwrap();
        }
        drop(input);
        assert!(emit.0.wait().unwrap().success());
        let (slow, fast): (Vec<_>, Vec<_>) = clients.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
        let expected: Vec<u64> = (1..=EVENTS).collect();
        for (_, client) in fast {
            assert!(client.join().unwrap() == expected, "a fast client");
        }
        told.iter().for_each(|sender| sender.send(()).unwrap());
        for (_, client) in slow {
            assert!(client.join().unwrap() == expected, "a slow client");
        }
    });
    println!("{EVENTS} events to {CLIENTS} clients of events/stream: {:.1} s", since.elapsed().as_secs_f64());
}
