//! `follow`: replay, live tail across processes, gaps, and how it ends.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::home::{Home, Running};

/// A running `follow` and its lines.
struct Follower {
    child: Running,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(home: &Home, words: &[&str]) -> Follower {
        let mut command = home.command(&[&["follow"], words].concat());
        let mut child = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        Follower { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("follow goes on").unwrap()
    }

    fn id(&mut self) -> String {
        let event: Value = serde_json::from_str(&self.line()).unwrap();
        event["id"].as_str().unwrap().to_owned()
    }

    /// As a terminal does on Ctrl-C.
    fn interrupt(&mut self) -> Option<i32> {
        let process = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
        self.child.0.wait().unwrap().code()
    }
}

fn emit(home: &Home, id: &str, coder: &str) {
    home.ok(&["emit", "started", "--coder", coder, "--id", id, "--at", "2026-11-22T10:00:00Z"]);
}

#[test]
fn it_replays_then_follows_other_processes_and_ends_with_130() {
    let home = Home::new();
    emit(&home, "e1", "a");
    emit(&home, "e2", "a");
    let mut follower = Follower::start(&home, &["--json", "--after", "1"]);
    assert_eq!(follower.id(), "e2");
    for id in ["e3", "e4"] {
        emit(&home, id, "a");
        assert_eq!(follower.id(), id);
    }
    assert_eq!(follower.interrupt(), Some(130));
}

#[test]
fn a_reader_that_goes_away_ends_it_without_one_more_event() {
    let home = Home::new();
    emit(&home, "e1", "a");
    let mut follower = Follower::start(&home, &["--json", "--after", "0"]);
    assert_eq!(follower.id(), "e1");
    let Follower { mut child, lines } = follower;
    drop(lines);
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn it_waits_for_a_history_that_does_not_exist_yet() {
    let home = Home::new();
    let mut follower = Follower::start(&home, &["--json", "--after", "0"]);
    emit(&home, "e1", "a");
    assert_eq!(follower.id(), "e1");
}

#[test]
fn people_get_rows_and_filters_hold() {
    let home = Home::new();
    for (id, coder) in [("e1", "a"), ("e2", "b"), ("e3", "a")] {
        emit(&home, id, coder);
    }
    let mut follower = Follower::start(&home, &["--after", "0", "--coder", "a"]);
    assert_eq!([follower.line(), follower.line()], ["1  2026-11-22 10:00:00  a  started", "3  2026-11-22 10:00:00  a  started"]);
}

#[test]
fn what_retention_removed_is_told_as_a_gap() {
    let home = Home::new();
    for number in 1..=5 {
        home.ok(&["emit", "output", "--coder", "a", "--id", &format!("e{number}"), "--set", "text=x"]);
    }
    home.ok(&["prune", "--max-events", "2"]);
    let oldest = home.json(&["list", "--order", "oldest"])[0]["seq"].as_u64().unwrap();
    assert!(oldest > 1, "something was removed");
    let mut follower = Follower::start(&home, &["--json", "--after", "0"]);
    let gap: Value = serde_json::from_str(&follower.line()).unwrap();
    assert_eq!(gap["missed"]["after"], json!(0));
    assert!(gap["missed"]["through"].as_u64().is_some_and(|through| through < 5), "{gap}");
}

#[test]
fn another_history_in_its_place_is_said_and_followed() {
    let home = Home::new();
    home.record(&[r#"{"type":"started","coder_id":"old"}"#, r#"{"type":"failed","coder_id":"old"}"#]);
    let mut follower = Follower::start(&home, &["--json", "--after", "1"]);
    let mut next = || serde_json::from_str::<Value>(&follower.line()).unwrap();
    assert_eq!(next()["seq"], 2);
    for suffix in ["", "-wal", "-shm"] {
        let mut file = home.history().into_os_string();
        file.push(suffix);
        std::fs::remove_file(file).unwrap();
    }
    home.record(&[r#"{"type":"started","coder_id":"new"}"#]);
    assert_eq!(next(), json!({ "replaced": true }));
    let event = next();
    assert_eq!((&event["seq"], &event["coder_id"]), (&1.into(), &"new".into()));
}
