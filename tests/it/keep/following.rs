//! Agents' own records are followed: as they grow, over the keeper's death, and past the agent's.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{KeptHome, silent, wait_for};
use crate::home::Running;

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
    silent(&crate::home::feed(hook, session.payload("SessionStart").to_string().as_bytes()));
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

/// What the plugin of opencode leaves, as if it had been loaded by this process.
fn feed_lines(session: &str, id: &str) -> String {
    let process = ai_coder_events::process::Process::of(std::process::id()).expect("it runs");
    let at = jiff::Timestamp::now().as_millisecond();
    let event = |kind: &str, nth: u32| {
        json!({"at": at, "id": format!("{id}-{nth}"), "type": kind, "directory": "/w",
            "properties": {"sessionID": session, "info": {"id": session}, "status": {"type": "busy"}}})
    };
    let begun = json!({"at": at, "type": "feed.begun", "process": process});
    [begun, event("session.created", 1), event("session.status", 2), event("session.idle", 3)]
        .map(|line| format!("{line}\n"))
        .concat()
}

fn ended(home: &KeptHome, coder: &str) -> Option<Value> {
    home.0.json(&["coders"]).into_iter().find(|it| it["coder_id"] == coder && !it["ended_at"].is_null())
}

#[test]
fn what_a_plugin_leaves_is_read_in_order_and_removed() {
    let home = KeptHome::new();
    let feed = home.0.history().with_extension("feed");
    fs::create_dir_all(&feed).unwrap();
    let file = feed.join("opencode-1-a-0.jsonl");
    fs::write(&file, feed_lines("s1", "e")).unwrap();
    // How the plugin wakes whoever reads it.
    let mut hook = home.0.hook_program(&["opencode"]);
    hook.env_remove("AI_CODER_EVENTS_KEEPER");
    silent(&crate::home::feed(hook, br#"{"type":"server.connected"}"#));
    let done = |coders: Vec<Value>| coders.into_iter().find(|coder| coder["status"] == "completed");
    let coder = wait_for(|| done(home.0.json(&["coders"])));
    assert_eq!((&coder["coder_id"], &coder["ended_at"]), (&json!("opencode:s1"), &Value::Null), "its process lives");
    let mut writer = OpenOptions::new().append(true).open(&file).unwrap();
    writeln!(writer, "{}", json!({"at": jiff::Timestamp::now().as_millisecond(), "type": "feed.ended"})).unwrap();
    assert_eq!(wait_for(|| ended(&home, "opencode:s1"))["status"], "completed");
    wait_for(|| (!file.exists()).then_some(()));
    assert_eq!(home.0.json(&["rejected"]), [] as [Value; 0]);
}

/// Where hooks start no keeper, the next process that has time reads it.
#[test]
fn what_a_plugin_leaves_is_taken_in_without_a_keeper() {
    let home = crate::home::Home::new();
    let feed = home.history().with_extension("feed");
    fs::create_dir_all(&feed).unwrap();
    let file = feed.join("opencode-1-a-0.jsonl");
    fs::write(&file, feed_lines("s1", "e") + "{\"type\":\"feed.ended\"}\n").unwrap();
    home.ok(&["check"]);
    assert!(!file.exists());
    let coder = &home.json(&["coders"])[0];
    assert_eq!((&coder["status"], coder["ended_at"].is_string()), (&json!("completed"), true), "{coder}");
}
