//! The programs in `examples/`, which others copy: they do what they say.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::home::{Home, Running, Said, feed};

/// An example as a command in this home, with the program on its path.
fn example(home: &Home, name: &str, words: &[&str]) -> Command {
    // `cargo test` has built it; a run of these tests alone has not.
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "--example", name]).status().unwrap();
    assert!(built.success(), "{name} does not build");
    let here = env::current_exe().unwrap();
    let beside = here.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut command = Command::new(beside);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ai-coder-events"));
    command.args(words).env_clear().env("PATH", program.parent().unwrap());
    command.env("AI_CODER_EVENTS_DB", home.history()).env("HOME", home.path()).current_dir(home.path());
    command
}

/// Its next line.
fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}

#[cfg(unix)]
#[test]
fn a_handler_hears_of_failures_of_other_processes() {
    let home = Home::new();
    home.record(&[r#"{"type":"failed","coder_id":"before","error_message":"is not told"}"#]);
    let mut command = example(&home, "on_failure", &[home.history().to_str().unwrap()]);
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    assert_eq!(line(&mut lines), "waiting for failures\n");
    home.record(&[
        r#"{"type":"progress","coder_id":"fix-auth","progress":0.5}"#,
        r#"{"type":"failed","coder_id":"fix-auth","error_message":"the tests do not pass"}"#,
    ]);
    assert_eq!(line(&mut lines), "fix-auth: failed: the tests do not pass\n");
    // As a terminal does on Ctrl-C.
    let process = child.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn a_source_of_ones_own_records_what_its_tool_says() {
    let home = Home::new();
    let input = r#"{"step":"begun","run":"7"}
{"step":"passed","run":"7","test":"adds","done":1,"of":2}
{"step":"passed","run":"7","test":"adds","done":1,"of":2}
{"step":"coverage","run":"7"}
{"step":"passed","run":"7"}
{"step":"failed","run":"7","test":"divides","message":"by zero"}
{"step":"ended","run":"7"}
"#;
    let said = feed(example(&home, "custom_source", &[home.history().to_str().unwrap()]), input.as_bytes());
    assert_eq!(said, Said { code: Some(0), stdout: "1\n2\n2 again\n3\n4\n".to_owned(), stderr: String::new() });
    let told: Vec<_> = home.json(&["list", "--order", "oldest"]).iter().map(|event| event["type"].clone()).collect();
    assert_eq!(told[..4], ["ai_coder_started", "ai_coder_progress", "ai_coder_progress", "ai_coder_completed"]);
    let rejected = home.json(&["rejected"]);
    assert_eq!((rejected.len(), &rejected[0]["source"]), (1, &"test-runner".into()));
}

#[test]
fn a_client_follows_a_coder_to_its_end() {
    let home = Home::new();
    home.record(&[r#"{"type":"started","coder_id":"fix-auth"}"#]);
    let mut command = example(&home, "mcp_client", &["fix-auth"]);
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    assert_eq!(line(&mut lines), "now running\n");
    home.record(&[r#"{"type":"progress","coder_id":"fix-auth","progress":0.5,"stage":"testing"}"#]);
    assert_eq!(line(&mut lines), "2 progress 50 % (testing)\n");
    home.record(&[r#"{"type":"completed","coder_id":"fix-auth"}"#]);
    let rest: Vec<String> = lines.lines().map(Result::unwrap).collect();
    assert_eq!(rest[0], "3 completed");
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn a_client_of_events_goes_on_where_it_stood() {
    let home = Home::new();
    let start = || {
        let mut command = example(&home, "mcp_events", &["cursor.txt"]);
        let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(child.0.stdout.take().unwrap());
        assert_eq!(line(&mut lines), "waiting\n");
        (child, lines)
    };
    home.record(&[r#"{"type":"completed","coder_id":"before"}"#]);
    let (mut child, mut lines) = start();
    home.record(&[r#"{"type":"started","coder_id":"fix-auth"}"#, r#"{"type":"completed","coder_id":"fix-auth"}"#]);
    assert_eq!(line(&mut lines), "fix-auth is completed: completed\n");
    // Killed, it may meet the last one again, and misses none.
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    home.record(&[r#"{"type":"failed","coder_id":"meanwhile"}"#]);
    let (_child, mut lines) = start();
    let mut next = line(&mut lines);
    if next.starts_with("fix-auth") {
        next = line(&mut lines);
    }
    assert_eq!(next, "meanwhile is failed: failed\n");
}
