//! Coders whose process is gone without a word: any long-lived process notices, and it lands once.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::home::{Home, Running, feed};

const LIMIT: Duration = Duration::from_secs(60);

fn start(home: &Home, session: &str, pid: u32) {
    let payload = format!(r#"{{"session_id":"{session}","cwd":"/w","hook_event_name":"SessionStart","source":"startup"}}"#);
    let mut command = home.command(&["hook", "claude-code"]);
    command.env("CLAUDE_PID", pid.to_string());
    assert_eq!(feed(command, payload.as_bytes()).code, Some(0));
}

fn ends(home: &Home) -> Vec<Value> {
    home.json(&["list", "--type", "failed", "--type", "stopped"])
}

#[test]
fn an_agent_that_is_killed_is_noticed_once_by_all_who_watch() {
    let home = Home::new();
    let mut agent = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    start(&home, "killed", agent.id());
    start(&home, "lives", std::process::id());
    let watchers = [&["follow"][..], &["serve"]].map(|words| {
        Running(home.command(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    });
    agent.kill().unwrap();
    agent.wait().unwrap();
    let deadline = Instant::now() + LIMIT;
    while ends(&home).is_empty() {
        assert!(Instant::now() < deadline, "it is noticed in time");
        std::thread::yield_now();
    }
    // Whoever notices second finds it said: one more word of its own shows that nothing is added.
    start(&home, "later", std::process::id());
    drop(watchers);
    let [end] = &ends(&home)[..] else { panic!("more than one end: {:?}", ends(&home)) };
    assert_eq!((end["coder_id"].as_str(), end["type"].as_str()), (Some("claude-code:killed"), Some("ai_coder_failed")));
    assert_eq!(end["reason"], "process gone");
}
