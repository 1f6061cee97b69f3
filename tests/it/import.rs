//! `import`: agents' own records, once, again, and as they grow.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::home::{Home, Running, Said};

/// Long enough that only what never happens runs into it.
const LIMIT: Duration = Duration::from_secs(30);

/// A record in Claude Code's place.
fn record(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(".claude/projects/-home-dev-demo").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Where each rejected line stands, and what it says.
fn rejected(home: &Home) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place = |kept: &Value| {
        assert_eq!(kept["source"], "claude-code");
        let reason = text(&kept["reason"]);
        let (place, _) = reason.split_once(": ").unwrap();
        place.rsplit('/').next().unwrap().replace('`', "")
    };
    home.json(&["rejected"]).iter().map(|kept| (place(kept), text(&kept["input"]))).collect()
}

fn owned(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(place, input)| (place.to_owned(), input.to_owned())).collect()
}

/// A running `import --follow` that has caught up.
struct Follower<'h> {
    home: &'h Home,
    child: Running,
    said: BufReader<ChildStdout>,
}

impl Follower<'_> {
    fn start<'h>(home: &'h Home, words: &[&str]) -> (Follower<'h>, String) {
        let mut command = home.command(&[&["import", "claude-code", "--follow"], words].concat());
        let mut child = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut summary = String::new();
        let mut said = BufReader::new(child.0.stdout.take().unwrap());
        said.read_line(&mut summary).unwrap();
        (Follower { home, child, said }, summary)
    }

    fn sees(&self, expected: &[(&str, &str)]) {
        let expected = owned(expected);
        let deadline = Instant::now() + LIMIT;
        loop {
            let found = rejected(self.home);
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{found:?} is not {expected:?}");
        }
    }

    /// What it says then.
    fn interrupt(mut self) -> String {
        let process = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.0.wait().unwrap().code(), Some(130));
        rest
    }
}

#[test]
fn a_broken_line_harms_no_other_and_is_kept_once() {
    let home = Home::new();
    record(&home, "s1.jsonl", "{}\nbroken one\n\n[]\n{}");
    record(&home, "s1/subagents/agent-a.jsonl", "{}\n");
    let import = || home.json(&["import", "claude-code"]).remove(0);
    let summary = import();
    for (field, value) in [("files", 2), ("lines", 5), ("unfinished", 0)] {
        assert_eq!(summary[field], value, "{field}: {summary}");
    }
    assert!(summary["rejected"].as_u64().is_some_and(|rejected| rejected >= 2), "{summary}");
    let kept = rejected(&home);
    for expected in owned(&[("s1.jsonl line 2", "broken one"), ("s1.jsonl line 4", "[]")]) {
        assert!(kept.contains(&expected), "{expected:?} in {kept:?}");
    }
    let again = import();
    assert_eq!((&again["new"], &again["rejected"]), (&json!(0), &summary["rejected"]), "the same is found again: {again}");
    assert_eq!(again["unchanged"], 1, "only what holds no mistake is not read again: {again}");
    assert_eq!(rejected(&home), kept, "and not kept again");
}

#[test]
fn a_last_line_that_is_not_whole_is_left_for_the_next_import() {
    let home = Home::new();
    let path = record(&home, "s1.jsonl", "broken\n{\"type\":\"us");
    let summary = home.json(&["import", "claude-code"]).remove(0);
    assert_eq!((&summary["lines"], &summary["unfinished"]), (&json!(1), &json!(1)));
    append(&path, "er\n");
    home.ok(&["import", "claude-code"]);
    assert_eq!(rejected(&home), owned(&[("s1.jsonl line 1", "broken"), ("s1.jsonl line 2", "{\"type\":\"user")]));
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let home = Home::new();
    let line = |n: u32| {
        let message = json!({"role": "user", "content": format!("task {n}")});
        let at = format!("2026-11-22T10:00:0{n}Z");
        json!({"type": "user", "uuid": format!("u{n}"), "sessionId": "s1", "timestamp": at, "message": message}).to_string()
            + "\n"
    };
    let path = record(&home, "s1.jsonl", &line(1));
    let import = |expected: [u64; 3]| {
        let summary = home.json(&["import", "claude-code"]).remove(0);
        let told = ["lines", "new", "unchanged"].map(|key| summary.get(key).and_then(Value::as_u64).unwrap_or(0));
        assert_eq!((told[0], told[1] > 0, told[2]), (expected[0], expected[1] > 0, expected[2]), "{summary}");
    };
    import([1, 1, 0]);
    import([0, 0, 1]);
    append(&path, &line(2));
    import([2, 1, 0]);
    let said = home.ok(&["import", "claude-code"]);
    assert!(said.starts_with("1 file (1 unchanged since they were read), 0 lines: 0 new events"), "{said}");
    // Another file in its place, as long as it was and as old.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let other = path.with_extension("other");
    fs::write(&other, line(1) + &line(3)).unwrap();
    fs::File::options().append(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(&other, &path).unwrap();
    import([2, 1, 0]);
    // What is to be recorded was changed.
    home.configure("[record]\noutputs = false\n");
    import([2, 0, 0]);
    import([0, 0, 1]);
    home.ok(&["rejected", "--clear"]);
    import([2, 0, 0]);
}

#[test]
fn what_is_refused_when_it_is_written_is_told_again() {
    let home = Home::new();
    // Its time is a year ahead, which only the history knows.
    let message = json!({"role": "user", "content": "from the future"});
    let line = json!({"type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2099-01-01T00:00:00Z", "message": message});
    record(&home, "s1.jsonl", &format!("{line}\n"));
    let import = || home.json(&["import", "claude-code"]).remove(0);
    let first = import();
    assert!(first["rejected"].as_u64().is_some_and(|rejected| rejected > 0), "{first}");
    let again = import();
    assert_eq!((&again["rejected"], again.get("unchanged")), (&first["rejected"], None), "{again}");
}

#[test]
fn people_get_a_summary_on_one_line() {
    let home = Home::new();
    record(&home, "s1.jsonl", "broken\nbroken again");
    let expected = "1 file, 1 line: 0 new events, 0 known, 0 completed, 1 rejected, \
                    1 unfinished last line left for the next import\n";
    assert_eq!(home.ok(&["import", "claude-code"]), expected);
}

#[test]
fn places_are_named_where_they_are_missing() {
    let home = Home::new();
    let said = home.run(&["import", "claude-code"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains(".claude/projects` does not exist"), "{}", said.stderr);

    record(&home, "s1.jsonl", "broken\n");
    let said = home.run(&["import", "claude-code", ".claude", "missing.jsonl"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("missing.jsonl` does not exist"), "{}", said.stderr);
    assert_eq!(rejected(&home), [], "nothing is imported then");

    let mut elsewhere = home.command(&["import", "claude-code", "--json"]);
    elsewhere.env("CLAUDE_CONFIG_DIR", home.path().join("other"));
    fs::create_dir_all(home.path().join("other/projects")).unwrap();
    let said = Said::of(elsewhere.output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let summary: Value = serde_json::from_str(&said.stdout).unwrap();
    let nothing = json!({
        "agent": "claude-code", "files": 0, "lines": 0, "new": 0, "duplicate": 0, "completing": 0, "rejected": 0, "unfinished": 0,
    });
    assert_eq!(summary, nothing, "an empty folder holds nothing");

    for agent in ["cursor", "opencode", "nobody"] {
        let said = home.run(&["import", agent]);
        assert_eq!(said.code, Some(2), "{agent}");
        assert!(said.stderr.contains("give one of claude-code, codex, copilot, gemini"), "{}", said.stderr);
    }
}

#[test]
fn a_follower_takes_in_what_grows_appears_and_begins_anew() {
    let home = Home::new();
    let path = record(&home, "s1.jsonl", "one\n");
    let (follower, summary) = Follower::start(&home, &[]);
    assert!(summary.starts_with("1 file, 1 line: "), "{summary}");
    follower.sees(&[("s1.jsonl line 1", "one")]);

    append(&path, "do");
    append(&path, "s\ndr");
    follower.sees(&[("s1.jsonl line 1", "one"), ("s1.jsonl line 2", "dos")]);
    append(&path, "ei\n");
    let so_far = [("s1.jsonl line 1", "one"), ("s1.jsonl line 2", "dos"), ("s1.jsonl line 3", "drei")];
    follower.sees(&so_far);

    record(&home, "s2.jsonl", "added\n");
    let so_far = [&so_far[..], &[("s2.jsonl line 1", "added")]].concat();
    follower.sees(&so_far);

    // Another file in its place: what it says anew is known, what it says more is not.
    record(&home, "s1.next", "other\nother\nother\nother four\n");
    fs::rename(path.with_extension("next"), &path).unwrap();
    let so_far = [&so_far[..], &[("s1.jsonl line 4", "other four")]].concat();
    follower.sees(&so_far);

    fs::write(path.with_file_name("s2.jsonl"), "").unwrap();
    append(&path, "five\n");
    let so_far = [&so_far[..], &[("s1.jsonl line 5", "five")]].concat();
    follower.sees(&so_far);
    append(&path.with_file_name("s2.jsonl"), "other words\nagain\n");
    follower.sees(&[&so_far[..], &[("s2.jsonl line 2", "again")]].concat());
    let all = follower.interrupt();
    assert!(all.starts_with("2 files, ") && all.lines().count() == 1, "it sums up what it did: {all}");
}

/// What Claude Code recorded of a run lands once, whether imported again or followed.
#[test]
fn a_session_is_imported_once() {
    let home = Home::new();
    let session = concat!(
        r#"{"type":"user","uuid":"u1","sessionId":"s1","timestamp":"2026-11-22T10:00:00.000Z","cwd":"/home/dev/demo","message":{"role":"user","content":"hello"}}"#,
        "\n",
        r#"{"type":"assistant","uuid":"a1","sessionId":"s1","timestamp":"2026-11-22T10:00:01.000Z","requestId":"req_1","message":{"id":"msg_1","role":"assistant","model":"claude-opus-5-5","stop_reason":"end_turn","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":12,"output_tokens":3}}}"#,
        "\n",
    );
    let path = record(&home, "s1.jsonl", session);
    let import = || home.json(&["import", "claude-code"]).remove(0);
    let first = import();
    assert!(first["new"].as_u64().is_some_and(|new| new > 0), "{first}");
    let events = home.json(&["list", "--limit", "0"]);
    assert!(events.iter().all(|event| event["coder_id"] == "claude-code:s1"), "{events:?}");
    let again = import();
    assert_eq!((&again["new"], &again["completing"]), (&json!(0), &json!(0)), "{again}");
    assert_eq!(home.json(&["list", "--limit", "0"]), events);
    let (follower, summary) = Follower::start(&home, &["--json"]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["new"], 0, "{summary}");
    append(&path, &session.replace("u1", "u2").replace("a1", "a2").replace("req_1", "req_2").replace("msg_1", "msg_2"));
    let deadline = Instant::now() + LIMIT;
    while home.json(&["list", "--type", "api_call"]).len() < 2 {
        assert!(Instant::now() < deadline, "the second call is taken in");
    }
    let all: Value = serde_json::from_str(&follower.interrupt()).unwrap();
    assert_eq!((&all["files"], &all["lines"]), (&json!(1), &json!(4)), "{all}");
    assert!(all["new"].as_u64() > Some(0), "{all}");
}

/// Whoever starts it first need not start it again once the agent has run.
#[test]
fn a_follower_waits_for_the_place_of_records() {
    let home = Home::new();
    let (follower, summary) = Follower::start(&home, &[]);
    assert!(summary.starts_with("0 files, 0 lines: "), "{summary}");
    record(&home, "s1.jsonl", "one\n");
    follower.sees(&[("s1.jsonl line 1", "one")]);
    assert!(follower.interrupt().starts_with("1 file, 1 line: "));
}

/// A history is opened by SQLite alone, whatever name it is met under; what is no file is told at once.
#[cfg(unix)]
#[test]
fn a_history_and_what_is_no_file_are_no_records() {
    let home = Home::new();
    home.ok(&["emit", "started", "--coder", "a"]);
    let folder = home.path().join("records");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(home.history(), folder.join("linked.jsonl")).unwrap();
    std::fs::hard_link(home.history(), folder.join("same.jsonl")).unwrap();
    std::fs::hard_link(home.history().with_extension("db-wal"), folder.join("log.jsonl")).unwrap();
    let history = home.history().to_str().unwrap().to_owned();
    for (place, expected) in [(history.as_str(), "it belongs to a history"), ("records", "3 files could not be read")] {
        let said = home.run(&["import", "claude-code", place]);
        assert!(said.code == Some(1) && said.stderr.contains(expected), "{place}: {}", said.stderr);
    }
    let pipe = home.path().join("pipe.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for place in ["pipe.jsonl", "/dev/zero"] {
        let said = home.run(&["import", "claude-code", place]);
        assert!(said.code == Some(1) && said.stderr.contains("it is no regular file"), "{place}: {}", said.stderr);
    }
    for words in [&["show", "a", "--html"][..], &["report", "--html"]] {
        for file in [history.as_str(), "records/same.jsonl", "records/linked.jsonl", "records/log.jsonl"] {
            let said = home.run(&[words, &[file]].concat());
            assert!(said.code == Some(1) && said.stderr.contains("belongs to a history"), "{words:?} {file}: {}", said.stderr);
        }
    }
    assert_eq!(home.json(&["check"])[0]["problems"], serde_json::json!([]));
}
