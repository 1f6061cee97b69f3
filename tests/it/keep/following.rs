//! Agents' own records are followed: as they grow, over the keeper's death, and past the agent's.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{KeptHome, silent, wait_for};
use crate::home::{Running, feed};

const TRANSCRIPT: &str = include_str!("../../fixtures/claude-code/main.transcript.jsonl");
const SESSION: &str = "bc3dcad7-a00c-4e95-b2f3-4393269863a1";

/// A session of the captured run, whose record grows as the test says.
struct Session<'h> {
    home: &'h KeptHome,
    record: PathBuf,
}

impl Session<'_> {
    fn of(home: &KeptHome) -> Session<'_> {
        let record = home.0.path().join(format!(".claude/projects/-home-dev/{SESSION}.jsonl"));
        fs::create_dir_all(record.parent().unwrap()).unwrap();
        Session { home, record }
    }

    fn payload(&self, event: &str) -> Value {
        json!({"hook_event_name": event, "session_id": SESSION, "transcript_path": self.record, "cwd": "/home/dev/work/demo",
            "source": "startup", "reason": "other", "prompt_id": "p"})
    }

    fn write(&self, lines: &[String]) {
        let mut record = OpenOptions::new().create(true).append(true).open(&self.record).unwrap();
        record.write_all(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes()).unwrap();
    }

    /// Calls and output tokens that are recorded.
    fn calls(&self) -> (u64, u64) {
        let stats = &self.home.0.json(&["stats"])[0];
        let calls = stats["events_by_type"]["ai_coder_api_call"].as_u64().unwrap_or(0);
        (calls, stats["tokens"]["output"].as_u64().unwrap_or(0))
    }
}

/// The run as if it had begun now.
fn lines() -> Vec<String> {
    let lines: Vec<Value> = TRANSCRIPT.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let time = |line: &Value| line["timestamp"].as_str().map(|time| time.parse::<jiff::Timestamp>().unwrap());
    let later = jiff::Timestamp::now() - lines.iter().find_map(time).expect("a line has a time");
    let moved = |mut line: Value| {
        if let Some(time) = time(&line) {
            line["timestamp"] = (time + later).to_string().into();
        }
        line.to_string()
    };
    lines.into_iter().map(moved).collect()
}

/// What the whole record tells, by `import`.
fn whole() -> (u64, u64) {
    let home = KeptHome::new();
    let session = Session::of(&home);
    session.write(&lines());
    home.0.ok(&["import", "claude-code", session.record.to_str().unwrap()]);
    assert!(session.calls().0 > 1);
    session.calls()
}

#[test]
fn a_record_is_followed_as_it_grows_and_past_the_end() {
    let home = KeptHome::new();
    let session = Session::of(&home);
    // It is not there yet.
    home.hook(&session.payload("SessionStart"));
    let lines = lines();
    let (first, rest) = lines.split_at(lines.len() / 2);
    session.write(first);
    wait_for(|| (session.calls().0 > 0).then_some(()));
    let status = home.status_when(|status| status["files"] != json!([]));
    assert_eq!(status["files"], json!([session.record]));
    // Agents write on after the hook of their end.
    home.hook(&session.payload("SessionEnd"));
    session.write(rest);
    wait_for(|| (session.calls() == whole()).then_some(()));
    home.status_when(|status| status["files"] == json!([]));
}

#[test]
fn what_was_written_while_none_was_there_is_caught_up_with() {
    let home = KeptHome::new();
    let session = Session::of(&home);
    let lines = lines();
    let (first, rest) = lines.split_at(lines.len() / 2);
    home.hook(&session.payload("SessionStart"));
    session.write(first);
    wait_for(|| (session.calls().0 > 0).then_some(()));
    home.kill();
    session.write(rest);
    home.hook(&session.payload("SessionEnd"));
    wait_for(|| (session.calls() == whole()).then_some(()));
    home.0.ok(&["check"]);
}

/// Nobody tells the end of a session that is killed, but what it had done by then stands in its record.
#[test]
fn what_a_killed_session_left_is_read_before_its_end_is_told() {
    let home = KeptHome::new();
    let session = Session::of(&home);
    let mut agent = Running(Command::new("cat").stdin(Stdio::piped()).spawn().unwrap());
    let mut hook = home.hook_command();
    hook.env("CLAUDE_PID", agent.0.id().to_string());
    silent(&feed(hook, session.payload("SessionStart").to_string().as_bytes()));
    home.running();
    session.write(&lines());
    agent.0.kill().unwrap();
    agent.0.wait().unwrap();
    let coder = wait_for(|| home.0.json(&["coders"]).into_iter().find(|coder| !coder["ended_at"].is_null()));
    assert_eq!(coder["status"], "completed", "its turn was over: {coder}");
    assert_eq!(session.calls(), whole());
}

#[test]
fn records_of_subagents_are_followed_too() {
    let home = KeptHome::new();
    let session = Session::of(&home);
    home.hook(&session.payload("SessionStart"));
    let subagents = session.record.with_extension("").join("subagents");
    fs::create_dir_all(&subagents).unwrap();
    let record = include_str!("../../fixtures/claude-code/subagent.agent-a99b76bbf3cc5e5fd.transcript.jsonl");
    fs::write(subagents.join("agent-a99b76bbf3cc5e5fd.jsonl"), record).unwrap();
    let is_subagent = |coder: &Value| coder["coder_id"].as_str().is_some_and(|id| id.ends_with("/a99b76bbf3cc5e5fd"));
    wait_for(|| home.0.json(&["coders"]).into_iter().find(is_subagent));
}
