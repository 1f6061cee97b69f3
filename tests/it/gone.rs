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

fn wait_for_an_end(home: &Home) {
    let deadline = Instant::now() + LIMIT;
    while ends(home).is_empty() {
        assert!(Instant::now() < deadline, "it is noticed in time");
        std::thread::yield_now();
    }
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
    wait_for_an_end(&home);
    // Whoever notices second finds it said: one more word of its own shows that nothing is added.
    start(&home, "later", std::process::id());
    drop(watchers);
    let [end] = &ends(&home)[..] else { panic!("more than one end: {:?}", ends(&home)) };
    assert_eq!((end["coder_id"].as_str(), end["type"].as_str()), (Some("claude-code:killed"), Some("ai_coder_failed")));
    assert_eq!(end["reason"], "process gone");
}

#[test]
fn what_ran_when_it_was_killed_is_on_the_record() {
    let home = Home::new();
    let mut agent = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    start(&home, "killed", agent.id());
    let payload = r#"{"session_id":"killed","cwd":"/w","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"toolu_1","tool_input":{"command":"npm test"}}"#;
    assert_eq!(feed(home.command(&["hook", "claude-code"]), payload.as_bytes()).code, Some(0));
    let coder = home.json(&["coders"]).remove(0);
    assert_eq!(coder["tool_at_work"]["call"], "Bash: npm test", "{coder}");
    let watcher =
        Running(home.command(&["serve"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    agent.kill().unwrap();
    agent.wait().unwrap();
    wait_for_an_end(&home);
    drop(watcher);
    assert_eq!(ends(&home)[0]["data"]["tool_at_work"], "Bash: npm test");
    let coder = home.json(&["coders"]).remove(0);
    assert_eq!((coder["status"].as_str(), coder.get("tool_at_work")), (Some("failed"), None), "{coder}");
    assert!(home.ok(&["list"]).contains("Bash running: npm test"), "it was never told to end");
}
