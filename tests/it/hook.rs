//! `hook`: exit 0 and an empty stdout, whatever comes; and nothing lost where anything can be written.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::home::{Home, Running, Said, feed};

const START: &str =
    r#"{"session_id":"s1","transcript_path":"/t.jsonl","cwd":"/repo/shop","hook_event_name":"SessionStart","source":"startup"}"#;

/// How a hook is called.
#[derive(Clone, Copy, Debug)]
enum Called {
    /// `ai-coder-events hook …`
    Command,
    /// `ai-coder-events-hook …`
    Program,
}

const BOTH: [Called; 2] = [Called::Command, Called::Program];

impl Called {
    fn command(self, home: &Home, words: &[&str]) -> Command {
        match self {
            Called::Command => home.command(&[&["hook"], words].concat()),
            Called::Program => home.hook_program(words),
        }
    }

    fn record(self, home: &Home, payload: &[u8]) {
        silent(feed(self.command(home, &["claude-code"]), payload));
    }
}

fn silent(said: Said) {
    assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
}

fn reasons(home: &Home) -> Vec<String> {
    home.json(&["rejected"]).iter().map(|kept| kept["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_payload_becomes_events_of_its_session() {
    for called in BOTH {
        let home = Home::new();
        called.record(&home, START.as_bytes());
        let coders = home.json(&["coders"]);
        assert_eq!(
            (coders.len(), &coders[0]["coder_id"], &coders[0]["coder_name"]),
            (1, &json!("claude-code:s1"), &json!("shop"))
        );
        assert_eq!(reasons(&home), [""; 0]);
    }
}

#[test]
fn a_session_is_created_once_whatever_is_heard_first() {
    let home = Home::new();
    let said =
        r#"{"session_id":"s1","cwd":"/repo/shop","hook_event_name":"MessageDisplay","message_id":"m","index":0,"delta":"hi"}"#;
    let compacted = START.replace("startup", "compact");
    for (called, payload) in BOTH.into_iter().cycle().zip([said, START, START, &compacted]) {
        called.record(&home, payload.as_bytes());
    }
    let events = home.json(&["list", "--order", "oldest"]);
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["ai_coder_output", "ai_coder_created", "ai_coder_started"]);
    assert_eq!(home.json(&["coders"])[0]["created_at"], events[1]["timestamp"]);
}

#[test]
fn inside_a_run_the_parent_is_named() {
    for called in BOTH {
        let home = Home::new();
        let mut command = called.command(&home, &["claude-code"]);
        command.env("AI_CODER_ID", "outer");
        silent(feed(command, START.as_bytes()));
        let parents: Vec<Value> = home.json(&["list"]).iter().map(|event| event["data"]["parent_coder_id"].clone()).collect();
        assert!(!parents.is_empty() && parents.iter().all(|parent| parent == "outer"), "{parents:?}");
    }
}

#[test]
fn what_is_no_payload_is_one_rejection() {
    for called in BOTH {
        let home = Home::new();
        let mut count = 0;
        for payload in
            [&b""[..], b"not json", b"[1]", b"\xff\xfe\x00", b"{\"hook_event_name\":\"Never heard of\",\"session_id\":\"s\"}"]
        {
            called.record(&home, payload);
            count += 1;
            assert_eq!(reasons(&home).len(), count, "{}", String::from_utf8_lossy(payload));
        }
        assert_eq!(home.ok(&["list"]), "");
    }
}

#[test]
fn a_huge_payload_is_a_rejection_with_its_head() {
    for called in BOTH {
        let home = Home::new();
        let huge = [&b"{\"tool_response\":\""[..], &vec![b'x'; 17 << 20]].concat();
        called.record(&home, &huge);
        let kept = home.json(&["rejected"]);
        assert_eq!(kept.len(), 1);
        assert!(kept[0]["input"].as_str().is_some_and(|input| input.starts_with("{\"tool_response\"") && input.len() <= 4096));
    }
}

#[test]
fn wrong_flags_and_unknown_agents_harm_nobody() {
    for called in BOTH {
        let home = Home::new();
        for words in [&[][..], &["nobody"], &["--wrong", "claude-code", "more"], &["--db", "x.db", "--db"]] {
            silent(feed(called.command(&home, words), START.as_bytes()));
        }
        let kept = home.json(&["rejected"]);
        assert!(kept.iter().any(|kept| kept["reason"].as_str().unwrap().contains("unknown agent `nobody`")), "{kept:?}");
    }
}

#[test]
fn a_broken_configuration_means_the_defaults() {
    for called in BOTH {
        let home = Home::new();
        home.configure("[hook]\nbudget = 3\n");
        called.record(&home, START.as_bytes());
        assert!(home.run(&["list"]).stderr.contains("`budget`"), "every other command tells of it");
        home.configure("");
        assert_ne!(home.ok(&["list"]), "");
    }
}

#[test]
fn a_stdin_that_never_closes_is_not_waited_for() {
    for called in BOTH {
        let home = Home::new();
        home.configure("");
        for payload in [START, "{\"half\":"] {
            let mut command = called.command(&home, &["claude-code"]);
            let started = Instant::now();
            let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
            let mut stdin = child.0.stdin.take().unwrap();
            std::io::Write::write_all(&mut stdin, payload.as_bytes()).unwrap();
            assert!(child.0.wait().unwrap().success());
            // The budget is 250 ms; the rest is for a machine that is busy with other tests.
            assert!(started.elapsed() < Duration::from_secs(3));
        }
        until("a payload that was whole is recorded, and one that was not is kept", || {
            home.ok(&["check"]);
            !home.json(&["list"]).is_empty() && reasons(&home).len() == 1
        });
    }
}

/// Claude Code starts the hooks beside its work at once, and writes to them when it has the time.
#[test]
fn a_payload_that_comes_when_nobody_waits_any_more_is_of_the_time_it_was_started_for() {
    let captured = include_str!("../fixtures/claude-code/main.jsonl");
    let payload = |event: &str| {
        let named = format!(r#""hook_event_name":"{event}""#);
        let line = captured.lines().find(|line| line.contains(&named)).unwrap();
        serde_json::from_str::<Value>(line).unwrap()["payload"].to_string()
    };
    for called in BOTH {
        let home = Home::new();
        home.configure("");
        called.record(&home, payload("SessionStart").as_bytes());
        let mut command = called.command(&home, &["claude-code"]);
        let mut late = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        // Or waiting would close it.
        let mut stdin = late.0.stdin.take().unwrap();
        assert!(late.0.wait().unwrap().success());
        called.record(&home, payload("Stop").as_bytes());
        std::io::Write::write_all(&mut stdin, payload("UserPromptSubmit").as_bytes()).unwrap();
        drop(stdin);
        let types = || -> Vec<String> {
            home.ok(&["check"]);
            let mut events = home.json(&["list", "--limit", "0", "--order", "oldest"]);
            events.sort_by_key(|event| event["timestamp"].as_str().map(str::to_owned));
            events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
        };
        until("the prompt is recorded", || types().contains(&"ai_coder_prompt".to_owned()));
        let expected = ["created", "started", "prompt", "completed", "completion_metrics"].map(|word| format!("ai_coder_{word}"));
        assert_eq!(types(), expected, "it woke nobody who had come to rest since");
        assert_eq!(home.json(&["coders"])[0]["status"], "completed");
        assert_eq!(reasons(&home), Vec::<String>::new());
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_cannot_be_written_is_spooled_and_taken_in_later() {
    for called in BOTH {
        let home = Home::new();
        home.ok(&["emit", "created", "--coder", "other"]);
        let lock = rusqlite::Connection::open(home.history()).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        called.record(&home, START.as_bytes());
        assert_eq!(home.json(&["coders"]).len(), 1);
        lock.execute_batch("ROLLBACK").unwrap();
        drop(lock);
        let checkup = home.json(&["check"]).remove(0);
        assert!(checkup["spool_taken_in"].as_u64().is_some_and(|taken| taken > 0), "{checkup}");
        assert_eq!(home.json(&["coders"]).len(), 2);
    }
}

#[test]
fn a_history_that_is_broken_or_in_the_way_harms_nobody() {
    for called in BOTH {
        let home = Home::new();
        fs::write(home.path().join("broken.db"), "no database".repeat(999)).unwrap();
        fs::create_dir(home.path().join("folder.db")).unwrap();
        for db in ["broken.db", "folder.db", "broken.db/below.db", "/dev/null", "/proc/nowhere/h.db"] {
            silent(feed(called.command(&home, &["--db", db, "claude-code"]), START.as_bytes()));
        }
        let spooled = |folder: &Path| fs::read_dir(folder).map_or(0, |files| files.count());
        assert_eq!(spooled(&home.path().join("broken.spool")), 1, "beside the history");
        assert!(spooled(&home.path().join("runtime/ai-coder-events")) > 0, "else under XDG_RUNTIME_DIR");
    }
}

/// A captured run through one hook process a payload: each coder's id, status, whether it ended, and its types in order.
fn record(home: &Home, called: Called, captured: &str) -> Vec<(String, String, bool)> {
    for line in captured.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        called.record(home, line["payload"].to_string().as_bytes());
    }
    let text = |coder: &Value, name: &str| coder[name].as_str().unwrap_or_default().to_owned();
    let mut coders: Vec<_> = home
        .json(&["coders"])
        .iter()
        .map(|coder| (text(coder, "coder_id"), text(coder, "status"), !coder["ended_at"].is_null()))
        .collect();
    coders.sort();
    coders
}

#[test]
fn defect_17_a_real_run_ends_completed_or_failed() {
    let check = |captured: &str, expected: &[(&str, &str, bool)]| {
        let home = Home::new();
        let expected: Vec<_> = expected.iter().map(|&(id, status, ended)| (id.to_owned(), status.to_owned(), ended)).collect();
        assert_eq!(record(&home, Called::Command, captured), expected);
        assert_eq!(reasons(&home), [""; 0]);
        // The same run fed again, as by a second registration of the hooks with their other name, changes nothing.
        let before = home.json(&["stats"])[0]["total_events"].clone();
        assert_eq!(record(&home, Called::Program, captured), expected);
        assert_eq!(home.json(&["stats"])[0]["total_events"], before);
    };
    check(
        include_str!("../fixtures/claude-code/main.jsonl"),
        &[("claude-code:bc3dcad7-a00c-4e95-b2f3-4393269863a1", "completed", true)],
    );
    check(
        include_str!("../fixtures/claude-code/429fatal.jsonl"),
        &[("claude-code:7c5b5a53-0604-4912-9a3d-3065021f7ba4", "failed", true)],
    );
    check(
        include_str!("../fixtures/claude-code/subagent.jsonl"),
        &[
            ("claude-code:b6838c7b-49b9-4672-93d3-6a98a2651cf4", "completed", true),
            ("claude-code:b6838c7b-49b9-4672-93d3-6a98a2651cf4/a99b76bbf3cc5e5fd", "completed", true),
        ],
    );
}

#[test]
fn who_asks_the_hooks_own_program_for_help_is_told_where_it_is() {
    let home = Home::new();
    for flag in ["--help", "--version"] {
        let said = feed(home.hook_program(&[flag]), b"");
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        assert!(said.stdout.starts_with("ai-coder-events-hook ") && said.stdout.contains("`ai-coder-events hook --help`"));
    }
}
