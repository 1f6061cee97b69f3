//! Storms of `kill -9` over processes that write, serve, follow and prune one history, all at once, again and again.
//!
//! Afterwards: what was acknowledged is there or was removed by retention; seqs rise strictly; the aggregates are what the
//! events add up to; each alert was raised once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::{
    home::{Home, json_lines},
    rpc::{Client, modern},
};

/// `AI_CODER_EVENTS_STORM_ROUNDS` asks for more.
const ROUNDS: usize = 5;
const WRITERS: usize = 3;
/// Receipts after which everybody is killed: another number each round, from the middle of the first batch on.
const RECEIPTS: [usize; 7] = [3, 150, 40, 700, 1, 1500, 333];
/// Few enough that retention is always at work.
const KEPT_MAX: &str = "600";

type Acknowledged = Arc<Mutex<Vec<(u64, String)>>>;

fn line(round: usize, writer: usize, number: usize) -> String {
    let kind = if number.is_multiple_of(4) { "failed" } else { "output" };
    let (coder, id) = (format!("w{writer}"), format!("r{round}-w{writer}-{number}"));
    json!({"type": kind, "coder_id": coder, "id": id, "text": "line", "error_message": "no"}).to_string() + "\n"
}

/// A writer that is fed until it dies, and the thread that takes its receipts.
fn writer(
    home: &Home,
    round: usize,
    writer: usize,
    heard: &Acknowledged,
    receipts: &Arc<AtomicUsize>,
) -> (Child, [JoinHandle<()>; 2]) {
    let mut command = home.command(&["emit", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || {
        // Ends with the broken pipe of the kill.
        let mut numbers = 0..;
        while stdin.write_all(line(round, writer, numbers.next().unwrap()).as_bytes()).is_ok() {}
    });
    let (heard, receipts) = (Arc::clone(heard), Arc::clone(receipts));
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let hearing = thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            // A line that the kill cut off is no receipt.
            let Ok(receipt) = serde_json::from_str::<Value>(&line) else { return };
            heard.lock().unwrap().push((receipt["seq"].as_u64().unwrap(), receipt["id"].as_str().unwrap().to_owned()));
            receipts.fetch_add(1, Ordering::SeqCst);
        }
    });
    (child, [feeding, hearing])
}

fn follower(home: &Home) -> (Child, BufReader<ChildStdout>) {
    let mut command = home.command(&["follow", "--json", "--after", "0"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

/// What a follower said until it died: seqs without a hole, but where it was told of one.
fn assert_in_order(lines: &[Value]) {
    let (mut last, mut missed) = (0, 0);
    for line in lines {
        match line["seq"].as_u64() {
            Some(seq) => {
                assert!(seq > last, "{seq} after {last}");
                assert!(seq == last + 1 || last < missed, "a hole after {last} that nobody told of");
                last = seq;
            }
            None => missed = line["missed"]["through"].as_u64().unwrap(),
        }
    }
}

/// Dropped, it is over.
struct Ending<'e>(&'e AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn nothing_acknowledged_is_lost_whoever_is_killed_whenever() {
    let rounds = std::env::var("AI_CODER_EVENTS_STORM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let home = Home::new();
    let acknowledged: Acknowledged = Arc::default();
    for round in 0..rounds {
        let receipts = Arc::new(AtomicUsize::new(0));
        let enough = RECEIPTS[round % RECEIPTS.len()];
        let (follower, followed) = follower(&home);
        let following = thread::spawn(move || {
            let whole = |line: String| serde_json::from_str::<Value>(&line).ok();
            followed.lines().map_while(Result::ok).map_while(whole).collect::<Vec<Value>>()
        });
        let mut killed = vec![follower];
        let mut threads = Vec::new();
        for number in 0..WRITERS {
            let (child, [feeding, hearing]) = writer(&home, round, number, &acknowledged, &receipts);
            killed.push(child);
            threads.extend([feeding, hearing]);
        }
        let mut server = Client::start(&home, &[], modern());
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let pruning = scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let mut command = home.command(&["prune", "--max-events", KEPT_MAX, "--json"]);
                    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
                    // One in two is killed wherever it is by the next receipt.
                    let before = receipts.load(Ordering::SeqCst);
                    while before % 2 == 1 && receipts.load(Ordering::SeqCst) == before && !over.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    if before % 2 == 1 {
                        child.kill().unwrap();
                    }
                    child.wait().unwrap();
                }
            });
            // A failure ends the pruning too.
            let ending = Ending(&over);
            let mut number = 0;
            while receipts.load(Ordering::SeqCst) < enough {
                let id = format!("r{round}-server-{number}");
                let receipt = server.call("emit_ai_coder_event", json!({"type": "progress", "coder_id": "served", "id": id}));
                acknowledged.lock().unwrap().push((receipt["seq"].as_u64().unwrap(), id));
                number += 1;
            }
            drop(ending);
            killed.iter_mut().for_each(|child| child.kill().unwrap());
            server.signal("KILL");
            pruning.join().unwrap();
        });
        for child in &mut killed {
            child.wait().unwrap();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_in_order(&following.join().unwrap());
        assert_eq!(home.json(&["check"])[0]["problems"], json!([]), "round {round}");
    }

    let events = json_lines(&home.ok(&["list", "--limit", "0", "--order", "oldest", "--detail", "full", "--json"]));
    let kept: BTreeMap<u64, &str> =
        events.iter().map(|event| (event["seq"].as_u64().unwrap(), event["id"].as_str().unwrap())).collect();
    let floor = {
        let mut follow = follower(&home);
        let mut first = String::new();
        follow.1.read_line(&mut first).unwrap();
        follow.0.kill().unwrap();
        follow.0.wait().unwrap();
        serde_json::from_str::<Value>(&first).unwrap()["missed"]["through"].as_u64().unwrap_or(0)
    };
    let acknowledged = acknowledged.lock().unwrap();
    assert!(floor > 0 && acknowledged.len() > rounds, "{floor} {}", acknowledged.len());
    for (seq, id) in acknowledged.iter().filter(|(seq, _)| *seq > floor) {
        assert_eq!(kept.get(seq), Some(&id.as_str()), "it was acknowledged");
    }
    let seqs: BTreeSet<u64> = acknowledged.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs.len(), acknowledged.len(), "no seq was given twice");
    let causes: Vec<&str> = events.iter().filter_map(|event| event["cause_id"].as_str()).collect();
    let distinct: BTreeSet<&&str> = causes.iter().collect();
    assert!(!causes.is_empty() && distinct.len() == causes.len(), "each alert once");
}
