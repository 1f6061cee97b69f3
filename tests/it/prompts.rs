//! What was asked and said, as the real program records it, and what the configuration leaves out.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Home, feed};

fn hook(home: &Home, agent: &str, payload: &Value) {
    assert_eq!(feed(home.command(&["hook", agent]), payload.to_string().as_bytes()).code, Some(0));
}

fn claude(name: &str, more: Value) -> Value {
    let mut payload = json!({"session_id": "s1", "cwd": "/w", "hook_event_name": name});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payload
}

fn texts(home: &Home, kind: &str) -> Vec<String> {
    let events = home.json(&["list", "--order", "oldest", "--type", kind]);
    events.iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_session_is_called_by_its_first_prompt_and_ends_with_its_last_words() {
    let home = Home::new();
    hook(&home, "claude-code", &claude("SessionStart", json!({"source": "startup"})));
    hook(
        &home,
        "claude-code",
        &claude("UserPromptSubmit", json!({"prompt_id": "p1", "prompt": "Fix the login\nIt fails at night."})),
    );
    hook(&home, "claude-code", &claude("UserPromptSubmit", json!({"prompt_id": "p2", "prompt": "also the logout"})));
    hook(
        &home,
        "claude-code",
        &claude("MessageDisplay", json!({"message_id": "m", "index": 0, "final": true, "delta": "Both are fixed."})),
    );
    assert_eq!(texts(&home, "prompt"), ["Fix the login\nIt fails at night.", "also the logout"], "also while it works");
    let coder = home.json(&["coders"]).remove(0);
    assert_eq!((&coder["title"], &coder["last_words"]), (&json!("Fix the login"), &json!("Both are fixed.")), "{coder}");
    let asked = home.json(&["list", "--type", "prompt"]);
    assert!(asked.iter().all(|event| event["data"]["from"] == "person"), "{asked:?}");
    // Its own record tells the same once more, and a subagent's task.
    let folder = home.path().join("p");
    fs::create_dir_all(folder.join("s1/subagents")).unwrap();
    let line = |id: &str, text: &str| json!({"type": "user", "sessionId": "s1", "uuid": format!("u-{id}"), "promptId": id, "cwd": "/w", "timestamp": "2026-11-22T19:00:00Z", "message": {"role": "user", "content": text}});
    let command = "<command-message>review</command-message>\n<command-name>/review</command-name>\n<command-args>src/auth.rs</command-args>";
    let leaving = "<command-name>/exit</command-name>\n<command-message>exit</command-message>\n<command-args></command-args>";
    let lines = [
        line("p1", "Fix the login\nIt fails at night."),
        line("p2", "also the logout"),
        line("p3", command),
        line("p4", leaving),
    ];
    fs::write(folder.join("s1.jsonl"), lines.map(|line| line.to_string() + "\n").concat()).unwrap();
    let task = json!({"type": "user", "sessionId": "s1", "agentId": "a1", "isSidechain": true, "uuid": "u-9", "promptId": "p3", "timestamp": "2026-11-22T19:00:01Z", "message": {"content": "look at src"}});
    fs::write(folder.join("s1/subagents/agent-a1.jsonl"), task.to_string() + "\n").unwrap();
    home.ok(&["import", "claude-code", folder.to_str().unwrap()]);
    let mut asked = texts(&home, "prompt");
    asked.sort();
    assert_eq!(asked, ["/review src/auth.rs", "Fix the login\nIt fails at night.", "also the logout", "look at src"]);
    let task = home.json(&["list", "--coder", "claude-code:s1/a1", "--type", "prompt"]).remove(0);
    assert_eq!(task["data"]["from"], "coder", "{task}");
}

#[test]
fn a_long_prompt_keeps_its_beginning_and_its_end() {
    let home = Home::new();
    let prompt = format!("first {} last", "word ".repeat(4_000));
    hook(&home, "claude-code", &claude("UserPromptSubmit", json!({"prompt": prompt})));
    let text = texts(&home, "prompt").remove(0);
    assert!(text.starts_with("first word") && text.ends_with("word  last") && text.contains("…[cut "), "{text}");
    assert!(text.chars().count() <= 8_020, "{}", text.chars().count());
}

#[test]
fn what_is_turned_off_is_written_nowhere() {
    const SECRETS: [&str; 6] = ["asked-7391", "said-7391", "printed-7391", "error-7391", "summed-7391", "odd-7391"];
    let tell = |home: &Home| {
        hook(home, "claude-code", &claude("SessionStart", json!({"source": "startup"})));
        hook(home, "claude-code", &claude("UserPromptSubmit", json!({"prompt_id": "p1", "prompt": "asked-7391"})));
        hook(
            home,
            "claude-code",
            &claude("MessageDisplay", json!({"message_id": "m", "index": 0, "final": true, "delta": "said-7391"})),
        );
        let ran = json!({"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "make"}, "tool_response": {"stdout": "printed-7391"}});
        hook(home, "claude-code", &claude("PostToolUse", ran));
        let failed = json!({"tool_name": "Bash", "tool_use_id": "t2", "tool_input": {"command": "make"}, "error": "error-7391"});
        hook(home, "claude-code", &claude("PostToolUseFailure", failed));
        hook(home, "claude-code", &claude("PostCompact", json!({"compact_summary": "summed-7391"})));
        hook(home, "claude-code", &claude("Stop", json!({"last_assistant_message": "said-7391"})));
        hook(home, "claude-code", &claude("NeverHeardOf", json!({"prompt": "odd-7391"})));
    };
    let written = |home: &Home| {
        let mut bytes = Vec::new();
        let mut folders = vec![home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { bytes.extend(fs::read(path).unwrap()) }
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        SECRETS.map(|secret| text.contains(secret))
    };
    let home = Home::new();
    tell(&home);
    assert_eq!(written(&home), [true; 6], "all of it is recorded where nothing is turned off");
    let home = Home::new();
    home.configure("[record]\nprompts = false\noutputs = false\n");
    tell(&home);
    // What cannot be written waits in the spool, which is no other place.
    let lock = rusqlite::Connection::open(home.history()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    tell(&home);
    assert_eq!(written(&home), [false; 6]);
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    let refused = home.run(&["emit", "prompt", "--coder", "a", "--set", "text=asked-7391"]);
    assert!(refused.stderr.contains("[record]"), "{}", refused.stderr);
    assert_eq!(written(&home), [false; 6]);
    let kept = home.json(&["rejected"]);
    assert!(kept.iter().all(|kept| kept["input"] == "") && !kept.is_empty(), "{kept:?}");
    assert_eq!(home.json(&["coders"])[0]["status"], "completed", "the rest is recorded");
}

#[test]
fn what_a_tool_did_is_found_by_its_words_and_by_its_failure() {
    let home = Home::new();
    let tool = |name: &str, id: &str, input: Value, more: Value| {
        let mut payload = claude(name, json!({"tool_name": "Bash", "tool_use_id": id, "tool_input": input}));
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hook(&home, "claude-code", &payload);
    };
    let command = format!("npm test -- {} --needle", "--flag ".repeat(100));
    tool("PreToolUse", "t1", json!({"command": command}), json!({}));
    tool("PostToolUseFailure", "t1", json!({"command": command}), json!({"error": "Exit code 3\nExpected ÄRGER in auth.rs"}));
    tool("PostToolUse", "t2", json!({"command": "ls"}), json!({"tool_response": {"stdout": "a.txt"}}));
    let patch = json!([{"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-before", "+afterwards"]}]);
    let edited = json!({"tool_name": "Edit", "tool_use_id": "t3", "tool_input": {"file_path": "/w/a.rs", "old_string": "before", "new_string": "afterwards"}, "tool_response": {"filePath": "/w/a.rs", "structuredPatch": patch}});
    hook(&home, "claude-code", &claude("PostToolUse", edited));

    let failed = home.json(&["list", "--failed"]);
    let [failed] = &failed[..] else { panic!("{failed:?}") };
    let told = ["exit_code", "failed", "error", "command", "running"].map(|key| failed["data"][key].clone());
    let error = "Exit code 3\nExpected ÄRGER in auth.rs";
    assert_eq!(told, [json!(3), json!(true), json!(error), json!(command), Value::Null], "{failed}");
    let found = |text: &str| home.run(&["list", "--text", text, "--json"]).stdout.lines().count();
    assert_eq!(
        ["NEEDLE npm", "ärger", "afterwards", "\"test npm\"", "npm -needle", "\"+afterwards\""].map(found),
        [1, 1, 1, 0, 0, 1]
    );
    let listed = home.ok(&["list", "--text", "ärger"]);
    assert!(listed.contains("Bash failed, exit 3: npm test -- --flag --flag"), "{listed}");
    assert!(listed.contains("· Expected ÄRGER in auth.rs"), "{listed}");
    let change = home.json(&["list", "--type", "file_modified"]).remove(0);
    let told = ["diff", "lines_added", "lines_removed"].map(|key| change["data"][key].clone());
    assert_eq!(told, [json!("@@ -1,1 +1,1 @@\n-before\n+afterwards\n"), json!(1), json!(1)]);
    assert_eq!(home.json(&["coders"])[0]["failed_tools"], 1);
    assert_eq!(home.json(&["coders"])[0].get("errors"), None, "no call was refused");

    let home = Home::new();
    home.configure("[record]\ndiffs = false\n");
    hook(
        &home,
        "claude-code",
        &claude(
            "PostToolUse",
            json!({"tool_name": "Write", "tool_use_id": "t4", "tool_input": {"file_path": "/w/b", "content": "secret words"}, "tool_response": {"type": "create", "filePath": "/w/b"}}),
        ),
    );
    let change = home.json(&["list", "--type", "file_created"]).remove(0);
    assert_eq!((&change["data"]["lines_added"], change["data"].get("diff")), (&json!(1), None), "{change}");
}

#[test]
fn a_session_knows_its_project_and_branch() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(folder.join(".git/refs/heads")).unwrap();
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join(".git/HEAD"), "ref: refs/heads/fix-login\n").unwrap();
    let commit = "c0ffee".repeat(6) + "c0ff";
    fs::write(folder.join(".git/refs/heads/fix-login"), &commit).unwrap();
    let cwd = folder.join("src");
    hook(&home, "claude-code", &claude("SessionStart", json!({"source": "startup", "cwd": cwd})));
    let coder = home.json(&["coders"]).remove(0);
    assert_eq!((coder["project"].as_str(), coder["branch"].as_str()), (folder.to_str(), Some("fix-login")), "{coder}");
    let began = home.json(&["list", "--type", "created"]).remove(0);
    assert_eq!(began["data"]["commit"], commit.as_str());
    let by = home.json(&["stats", "--by", "branch"]);
    assert!(by.iter().any(|row| row["branch"] == "fix-login"), "{by:?}");
}

/// What its record says as it is written may be what no hook tells.
#[test]
fn a_commit_that_a_record_tells_of_at_once_is_its_coders() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(folder.join(".git/logs")).unwrap();
    let (commit, now) = ("c0ffee".repeat(6) + "c0ff", std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let logged = format!("{} {commit} a <a@b> {} +0000\tcommit: Fix the login\n", "0".repeat(40), now.as_secs());
    fs::write(folder.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(folder.join(".git/logs/HEAD"), logged).unwrap();
    let seconds = i64::try_from(now.as_secs()).unwrap();
    let record = |session: &str, at: i64| {
        let at = ai_coder_events::event::Time::from_micros(at * 1_000_000).to_string();
        let used = json!({"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "git commit -m 'Fix the login'"}});
        let came = json!({"type": "tool_result", "tool_use_id": "t", "content": ""});
        let line = |kind: &str, block: Value| {
            json!({"type": kind, "uuid": format!("{session}-{kind}"), "sessionId": session, "cwd": folder,
            "timestamp": at, "message": {"id": "m", "role": kind, "content": [block]}})
        };
        fs::write(home.path().join("record.jsonl"), format!("{}\n{}\n", line("assistant", used), line("user", came))).unwrap();
        home.ok(&["import", "claude-code", home.path().join("record.jsonl").to_str().unwrap()]);
        let told = home.json(&["list", "--type", "milestone", "--coder", &format!("claude-code:{session}")]);
        told.iter().map(|event| event["description"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(record("s1", seconds - 3_600), Vec::<String>::new(), "who knows who committed then");
    assert_eq!(record("s2", seconds), ["Fix the login"]);
}

#[test]
fn a_task_that_copilot_tells_under_another_id_makes_no_coder() {
    let home = Home::new();
    let prompt = |session: &str| json!({"sessionId": session, "cwd": "/w", "prompt": "look at src"});
    let copilot = |event: &str, payload: Value| {
        assert_eq!(feed(home.command(&["hook", "copilot", event]), payload.to_string().as_bytes()).code, Some(0));
    };
    copilot("sessionStart", json!({"sessionId": "s1", "cwd": "/w", "source": "new"}));
    copilot("userPromptSubmitted", prompt("s1"));
    copilot("userPromptSubmitted", prompt("task-of-s1"));
    let coders: Vec<Value> = home.json(&["coders"]).iter().map(|coder| coder["coder_id"].clone()).collect();
    assert_eq!(coders, ["copilot:s1"]);
    assert_eq!(texts(&home, "prompt"), ["look at src"]);
}

/// What was thought is told by records, and written nowhere unless that is asked for.
#[test]
fn what_a_model_thinks_is_recorded_where_that_is_turned_on() {
    let claude = json!({
        "type": "assistant", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-11-22T10:00:00Z", "cwd": "/w",
        "message": {"id": "m1", "role": "assistant", "model": "m", "content": [{"type": "thinking", "thinking": "thought-7391", "signature": "x"}]},
    });
    let codex = [
        json!({"timestamp": "2026-11-22T10:00:00Z", "type": "session_meta", "payload": {"id": "s2", "cwd": "/w", "timestamp": "2026-11-22T10:00:00Z"}}),
        json!({"timestamp": "2026-11-22T10:00:01Z", "type": "event_msg", "payload": {"type": "agent_reasoning", "text": "thought-7391"}}),
    ];
    let gemini = [
        json!({"sessionId": "s3", "projectHash": "h", "startTime": "2026-11-22T10:00:00Z", "lastUpdated": "2026-11-22T10:00:00Z", "kind": "main"}),
        json!({
            "id": "m1", "timestamp": "2026-11-22T10:00:01Z", "type": "gemini", "content": "Done.", "model": "m",
            "thoughts": [{"subject": "Plan", "description": "thought-7391", "timestamp": "2026-11-22T10:00:01Z"}],
        }),
    ];
    let tell = |home: &Home| {
        for (agent, name, lines) in [
            ("claude-code", "s1.jsonl", std::slice::from_ref(&claude)),
            ("codex", "rollout-2026-11-22T10-00-00-s2.jsonl", &codex),
            ("gemini", "session-s3.jsonl", &gemini),
        ] {
            let path = home.path().join(name);
            fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            home.ok(&["import", agent, path.to_str().unwrap()]);
            fs::remove_file(path).unwrap();
        }
    };
    let home = Home::new();
    tell(&home);
    let history = fs::read(home.history()).unwrap();
    assert!(!history.windows(12).any(|bytes| bytes == b"thought-7391"), "it is not asked for");
    home.configure("[record]\nthinking = true\n");
    tell(&home);
    tell(&home);
    let thoughts = home.json(&["list", "--type", "output", "--text", "thought-7391", "--order", "oldest"]);
    let told: Vec<_> =
        thoughts.iter().map(|event| (event["coder_id"].as_str(), event["stream"].as_str(), event["text"].as_str())).collect();
    let expected = [("claude-code:s1", "thought-7391"), ("codex:s2", "thought-7391"), ("gemini:s3", "Plan: thought-7391")];
    assert_eq!(told, expected.map(|(coder, text)| (Some(coder), Some("thinking"), Some(text))));
}
