//! Many processes on one history: writers that race, writers that are killed, and a reader that misses nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    thread,
};

use serde_json::Value;

use crate::home::{Home, Running};

/// Enough to keep the writers in each other's way for a while.
const EVENTS_EACH: u64 = 2_000;
const WRITERS: u64 = 3;

fn line(coder: u64, number: u64) -> String {
    format!("{{\"type\":\"output\",\"coder_id\":\"w{coder}\",\"id\":\"w{coder}-{number}\",\"text\":\"line {number}\"}}\n")
}

fn writer(home: &Home) -> (Child, ChildStdin) {
    let mut command = home.command(&["emit", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

#[test]
fn writers_race_and_a_follower_sees_each_event_once_in_order() {
    let home = Home::new();
    let mut command = home.command(&["follow", "--json", "--after", "0"]);
    let mut follower = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut followed = BufReader::new(follower.0.stdout.take().unwrap()).lines();
    let writers: Vec<_> = (0..WRITERS)
        .map(|coder| {
            let (child, mut stdin) = writer(&home);
            thread::spawn(move || {
                let receipts = thread::spawn(move || child.wait_with_output().unwrap());
                // Small writes, so that there are many transactions.
                for number in 0..EVENTS_EACH {
                    stdin.write_all(line(coder, number).as_bytes()).unwrap();
                }
                drop(stdin);
                let receipts = receipts.join().unwrap();
                assert!(receipts.status.success());
                String::from_utf8(receipts.stdout).unwrap()
            })
        })
        .collect();

    let mut ids = BTreeSet::new();
    let mut last = BTreeMap::new();
    for seq in 1..=WRITERS * EVENTS_EACH {
        let event: Value = serde_json::from_str(&followed.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["seq"], seq, "seqs have no holes and no disorder");
        let id = event["id"].as_str().unwrap().to_owned();
        let (coder, number) =
            id.split_once('-').map(|(coder, number)| (coder.to_owned(), number.parse::<u64>().unwrap())).unwrap();
        assert_eq!(last.insert(coder, number).map_or(0, |before| before + 1), number, "each writer's events keep their order");
        assert!(ids.insert(id));
    }
    let receipts: usize = writers.into_iter().map(|writer| writer.join().unwrap().lines().count()).sum();
    assert_eq!(receipts as u64, WRITERS * EVENTS_EACH);
    assert_eq!(home.json(&["check"])[0]["problems"], serde_json::json!([]));
}

#[test]
fn what_a_killed_writer_acknowledged_is_there() {
    let home = Home::new();
    let mut acknowledged = Vec::new();
    // Killed after another number of receipts each time, with lines still on their way.
    for (coder, receipts) in [1, 7, 50, 333].into_iter().enumerate() {
        let (mut child, mut stdin) = writer(&home);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let feeding = thread::spawn(move || {
            // Ends with the broken pipe of the kill.
            let mut numbers = 0..;
            while stdin.write_all(line(coder as u64, numbers.next().unwrap()).as_bytes()).is_ok() {}
        });
        let mut lines = stdout.lines();
        for _ in 0..receipts {
            let receipt: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            acknowledged.push((receipt["seq"].as_u64().unwrap(), receipt["id"].as_str().unwrap().to_owned()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        feeding.join().unwrap();
    }
    let events = home.json(&["list", "--limit", "0", "--detail", "full"]);
    let kept: BTreeMap<u64, &str> =
        events.iter().map(|event| (event["seq"].as_u64().unwrap(), event["id"].as_str().unwrap())).collect();
    for (seq, id) in &acknowledged {
        assert_eq!(kept.get(seq), Some(&id.as_str()));
    }
    assert_eq!(home.json(&["check"])[0]["problems"], serde_json::json!([]));
}
