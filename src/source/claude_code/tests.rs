use proptest::prelude::*;
use serde_json::{Value, json};

use super::{hook::Hook, *};
use crate::event::{Event, Key, Time, sentence};
use crate::text::Redactor;

/// The payloads of a run: as captured, with the time of receipt around them, or alone.
fn payloads(run: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/claude-code/{run}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).expect("the fixture is there");
    let payload = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("the fixture is JSON");
        line.get("payload").unwrap_or(&line).clone()
    };
    lines.lines().map(payload).collect()
}

fn read(payload: &Value) -> Vec<Draft> {
    read_hook(payload.to_string().as_bytes(), &HookContext::default()).expect("the hook is known")
}

fn event(draft: &Draft) -> Event {
    let now = Time::parse("2026-11-22T19:21:00Z").expect("a valid time");
    draft.clone().check(now, &Redactor::default()).expect("every draft is a valid event").into_event(1, String::new())
}

/// A draft in one line: the sentence that readers get, whose it is, its key and its condition.
fn line(draft: &Draft) -> String {
    let mut line = sentence(&event(draft));
    if let Some((_, agent)) = draft.coder_id.split_once('/') {
        line += &format!(" /{agent}");
    }
    if let Key::Natural(key) = &draft.key {
        line += &format!(" #{}", key.splitn(3, ':').nth(2).expect("agent, session and more"));
    }
    match &draft.only_if {
        Some(Condition::Status(statuses)) => {
            line += &format!(" ?{}", statuses.iter().map(|s| &s.name()[..1]).collect::<String>())
        }
        Some(condition) => line += &format!(" ?{condition:?}").to_lowercase(),
        None => {}
    }
    line
}

fn check(run: &str, expected: &[&str]) {
    let lines: Vec<String> = payloads(run).iter().flat_map(read).map(|draft| line(&draft)).collect();
    assert_eq!(lines, expected, "{run}");
}

#[test]
fn a_run_that_writes_edits_removes_and_fails_once() {
    check(
        "main",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:db4a10cc-04bd-4732-b240-ce234336a5a9:0",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "progress (Write): Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "file created /home/dev/work/demo/hello.txt (12 bytes) #tool:toolu_mock_000003:file",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "progress (Write): Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "output (assistant): Step 2. #message:cb7e1a27-6c4c-4667-a52c-6d7a68d443b4:0",
            "resumed (tool) #tool:toolu_mock_000008:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_000008:resumed-after ?pc",
            "progress (Edit): Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "file modified /home/dev/work/demo/hello.txt #tool:toolu_mock_000008:file",
            "resumed (tool) #tool:toolu_mock_000008:resumed-batch ?pc",
            "progress (Edit): Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "output (assistant): Step 3. #message:3a3db140-69fe-4abd-b36d-35b972a86d78:0",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-after ?pc",
            "progress (Bash): Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "file deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000e:removed-0",
            "output (stdout): total 8 drwxr-xr-x  2 root root 4096 Nov 22 19:22 . drwxr-xr-x 31 root root 4096 Nov 22 19:22 .. #tool:toolu_mock_00000e:stdout",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-batch ?pc",
            "progress (Bash): Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "output (assistant): Step 4. #message:eaaaa9ca-0ba4-4b1e-9d86-1331e93b5b49:0",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-after ?pc",
            "progress (Bash) failed: Bash: ls /nonexistent-dir #tool:toolu_mock_00000j",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-batch ?pc",
            "progress (Bash): Bash: ls /nonexistent-dir #tool:toolu_mock_00000j",
            "output (assistant): All done. #message:ea241721-4191-4286-838c-5dc1087cfa55:0",
            "completed",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_subagent_is_a_coder_of_its_own() {
    check(
        "subagent",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:b4b94c3f-08a8-4458-a00b-14d31e0ad897:0",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "created /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:created",
            "started /a99b76bbf3cc5e5fd",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-before ?pc",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-after ?pc",
            "progress (Bash): Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "output (stdout): from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:stdout",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-batch ?pc",
            "progress (Bash): Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "completed /a99b76bbf3cc5e5fd ?known",
            "stopped /a99b76bbf3cc5e5fd ?known",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "progress (Agent): Agent: sub task #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "progress (Agent): Agent: sub task #tool:toolu_mock_000003",
            "output (assistant): Parent done. #message:9934972e-485e-4dc7-b161-82fbdac57336:0",
            "completed",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_rate_limit_that_recovers_leaves_no_trace() {
    check(
        "429",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): ok after retry #message:eea59509-92d2-442e-b5cd-9e940fd32faa:0",
            "completed",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_rate_limit_that_does_not_recover_fails_the_turn() {
    check(
        "429fatal",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): API Error: Request rejected (429) · mock rate limit #message:c668d39b-74f2-4a36-a046-d5082af41485:0",
            "rate limit anthropic rate_limit: API Error: Request rejected (429) · mock rate limit",
            "failed (rate_limit): API Error: Request rejected (429) · mock rate limit",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_killed_session_is_stopped() {
    check(
        "killTERM",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:6f9259cf-779f-425b-9343-5a34aa15cf88:0",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_disabled_tool_is_reported_by_its_batch_alone() {
    check(
        "tasks",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:82e4f373-b95c-4e9f-8ae0-e20116c67367:0",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "progress (TaskCreate) failed: TaskCreate: Do thing #tool:toolu_mock_000003",
            "output (assistant): Step 2. #message:6a71c98f-b9a6-4897-b0a6-0a03be979c83:0",
            "resumed (tool) #tool:toolu_mock_000007:resumed-batch ?pc",
            "progress (TaskUpdate) failed: TaskUpdate #tool:toolu_mock_000007",
            "output (assistant): Step 3. #message:e86c6a3f-84d5-4513-8c95-d4774df5b328:0",
            "resumed (tool) #tool:toolu_mock_00000b:resumed-batch ?pc",
            "progress (TodoWrite) failed: TodoWrite #tool:toolu_mock_00000b",
            "output (assistant): done #message:8c87817f-2e30-43d9-9f18-436f5b1f74c9:0",
            "completed",
            "stopped (other)",
        ],
    );
}

#[test]
fn a_plugins_tools_are_tools() {
    check(
        "plugin",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:6c664c9f-2af4-43f9-9142-5c52511aab88:0",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "progress (ToolSearch): ToolSearch: select:mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "progress (ToolSearch): ToolSearch: select:mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000003",
            "output (assistant): Step 2. #message:5b3af030-1ab9-4f7d-91ee-c8a9b0e47751:0",
            "resumed (tool) #tool:toolu_mock_000009:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_000009:resumed-after ?pc",
            "progress (mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats): mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000009",
            "resumed (tool) #tool:toolu_mock_000009:resumed-batch ?pc",
            "progress (mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats): mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000009",
            "output (assistant): Step 3. #message:1e6fa67a-4b41-4a21-ae2b-796ac642df3f:0",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-before ?pc",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-after ?pc",
            "progress (Write): Write: /home/dev/work/demo/p.txt #tool:toolu_mock_00000f",
            "file created /home/dev/work/demo/p.txt (2 bytes) #tool:toolu_mock_00000f:file",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-batch ?pc",
            "progress (Write): Write: /home/dev/work/demo/p.txt #tool:toolu_mock_00000f",
            "output (assistant): done #message:0ef1a9d9-d410-4253-949e-6d5b93e00dc6:0",
            "completed",
            "stopped (other)",
        ],
    );
}

#[test]
fn permission_prompts_and_a_manual_compaction() {
    check(
        "tui",
        &[
            "created (startup) #created",
            "started (startup)",
            "resumed (prompt) ?pcfsd",
            "output (assistant): Step 1. #message:1d3c21fc-d755-4253-baf1-9d0b44d2166a:0",
            "resumed (tool) #tool:toolu_mock_000005:resumed-before ?pc",
            "paused (permission)",
            "paused (permission) ?crcfsd",
            "paused (permission) ?unknown",
            "resumed (tool) #tool:toolu_mock_000005:resumed-after ?pc",
            "progress (Write): Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000005",
            "file created /home/dev/work/demo/hello.txt (6 bytes) #tool:toolu_mock_000005:file",
            "resumed (tool) #tool:toolu_mock_000005:resumed-batch ?pc",
            "progress (Write): Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000005",
            "output (assistant): Step 2. #message:83046dc4-3f6d-463c-a7a9-5d2ea5f38edd:0",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-before ?pc",
            "paused (permission)",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-after ?pc",
            "progress (Bash): Bash: rm hello.txt #tool:toolu_mock_00000c",
            "file deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000c:removed-0",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-batch ?pc",
            "progress (Bash): Bash: rm hello.txt #tool:toolu_mock_00000c",
            "output (assistant): All done. #message:3c737cb8-be90-4734-a610-17e7d2bfefa7:0",
            "completed",
            "completed /a08a74ab936ae5018 ?known",
            "stopped /a08a74ab936ae5018 ?known",
            "completed /a8973fda52fbea9b4 ?known",
            "stopped /a8973fda52fbea9b4 ?known",
            "milestone context compacted: All done.",
            "stopped (prompt_input_exit)",
        ],
    );
}

#[test]
fn hooks_that_were_never_captured() {
    check(
        "documented",
        &[
            "rate limit anthropic rate_limit: API Error: Rate limit reached",
            "failed (rate_limit): API Error: Rate limit reached",
            "milestone Implement auth",
            "file modified /w/.envrc",
            "workspace sync /w/.claude/worktrees/x",
            "deleted (worktree removed) ?cfs",
            "created (resume) #created ?unknown",
            "resumed (resume)",
            "stopped (clear)",
        ],
    );
}

fn hook(name: &str, fields: Value) -> Value {
    let mut payload = json!({"hook_event_name": name, "session_id": "s1", "cwd": "/home/dev/demo/", "prompt_id": "p1"});
    let object = payload.as_object_mut().expect("an object");
    object.extend(fields.as_object().expect("an object").clone());
    payload
}

#[test]
fn hooks_one_by_one() {
    let asked =
        json!({"tool_name": "AskUserQuestion", "tool_use_id": "t1", "tool_input": {"questions": [{"question": "Which?"}]}});
    let denied = json!({"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "ls"}, "reason": "not here"});
    let cases: &[(&str, Value, &[&str])] = &[
        ("SessionStart", json!({}), &["created #created", "started"]),
        ("SessionStart", json!({"source": "clear"}), &["created (clear) #created", "started (clear)"]),
        ("SessionStart", json!({"source": "fork"}), &["created (fork) #created", "started (fork)"]),
        ("SessionStart", json!({"source": "resume"}), &["created (resume) #created ?unknown", "resumed (resume)"]),
        ("SessionStart", json!({"source": "compact"}), &[]),
        ("SessionEnd", json!({"reason": "logout"}), &["stopped (logout)"]),
        ("StopFailure", json!({"error": "overloaded", "error_details": "529"}), &["failed (overloaded): 529"]),
        ("PreToolUse", asked.clone(), &["paused (question) #tool:t1:question"]),
        ("PermissionRequest", asked, &["paused (question) ?crcfsd", "paused (question) ?unknown"]),
        ("PermissionDenied", denied, &["resumed (tool) #tool:t1:resumed-after ?pc", "progress (Bash) failed: Bash: ls #tool:t1"]),
        ("PostToolUse", json!({"tool_name": "Read"}), &["resumed (tool) ?pc", "progress (Read): Read"]),
        ("PostToolBatch", json!({"tool_calls": []}), &[]),
        ("Notification", json!({"notification_type": "idle_prompt"}), &["paused (idle)"]),
        (
            "Notification",
            json!({"notification_type": "agent_needs_input"}),
            &["paused (question) ?crcfsd", "paused (question) ?unknown"],
        ),
        ("Notification", json!({"notification_type": "auth_success"}), &[]),
        ("Notification", json!({"message": "Claude is waiting for your input"}), &["paused (idle)"]),
        ("Notification", json!({"message": "hello"}), &[]),
        ("Elicitation", json!({"message": "Your name?"}), &["paused (question)"]),
        ("ElicitationResult", json!({}), &["resumed (answer) ?p"]),
        ("PreCompact", json!({"trigger": "auto"}), &["resource limit"]),
        ("CwdChanged", json!({"old_cwd": "/a", "new_cwd": "/b"}), &["workspace sync /b"]),
        ("DirectoryAdded", json!({"path": "/c"}), &["workspace sync /c"]),
        ("WorktreeRemove", json!({"worktree_path": "/home/dev"}), &["workspace sync /home/dev", "deleted (worktree removed)"]),
        (
            "WorktreeRemove",
            json!({"worktree_path": "/home/dev/de"}),
            &["workspace sync /home/dev/de", "deleted (worktree removed) ?cfs"],
        ),
        ("FileChanged", json!({"file_path": "/a", "event": "add"}), &["file created /a"]),
        ("FileChanged", json!({"file_path": "/a", "event": "unlink"}), &["file deleted /a"]),
        ("MessageDisplay", json!({"delta": ""}), &[]),
        ("SubagentStart", json!({"agent_id": "a1"}), &["created /a1 #agent:a1:created", "started /a1"]),
    ];
    for (name, fields, expected) in cases {
        let lines: Vec<String> = read(&hook(name, fields.clone())).iter().map(line).collect();
        assert_eq!(lines, *expected, "{name} {fields}");
    }
}

#[test]
fn every_known_hook_is_accepted_and_no_other() {
    assert_eq!(Hook::ALL.len(), 33);
    for name in Hook::ALL {
        read(&hook(name, json!({})));
    }
    let refusal =
        |payload: Value| read_hook(payload.to_string().as_bytes(), &HookContext::default()).expect_err("refused").reason;
    assert_eq!(refusal(hook("PreCoffee", json!({}))), "unknown hook event `PreCoffee`");
    assert_eq!(refusal(json!({"session_id": "s1"})), "the payload has no `hook_event_name`");
    assert_eq!(refusal(hook("Stop", json!({"session_id": ""}))), "the payload has no `session_id`");
    assert!(refusal(hook("Stop", json!({"session_id": "a b"}))).starts_with("`coder_id` is"));
}

#[test]
fn whose_child_a_coder_is() {
    let parent = |fields: Value, context: &HookContext| {
        let payload = hook("Stop", fields).to_string();
        let draft = read_hook(payload.as_bytes(), context).expect("known").remove(0);
        (draft.coder_name.expect("a name"), draft.data.get("parent_coder_id").and_then(Value::as_str).map(str::to_owned))
    };
    let alone = HookContext::default();
    let in_run = HookContext { parent_coder_id: Some("fix-auth".to_owned()) };
    let in_itself = HookContext { parent_coder_id: Some("claude-code:s1".to_owned()) };
    let own = |name: &str, parent: Option<&str>| (name.to_owned(), parent.map(str::to_owned));
    assert_eq!(parent(json!({}), &alone), own("demo", None));
    assert_eq!(parent(json!({}), &in_run), own("demo", Some("fix-auth")));
    assert_eq!(parent(json!({}), &in_itself), own("demo", None));
    let subagent = json!({"agent_id": "a1", "agent_type": "Explore"});
    assert_eq!(parent(subagent, &in_run), own("Explore", Some("claude-code:s1")));
    assert_eq!(parent(json!({"agent_id": "a1", "agent_type": ""}), &alone), own("a1", Some("claude-code:s1")));
}

#[test]
fn a_batch_adds_nothing_to_what_its_tools_reported() {
    for run in ["main", "subagent", "plugin", "tui"] {
        let mut reported: Vec<Draft> = Vec::new();
        for payload in payloads(run) {
            for draft in read(&payload).into_iter().filter(|draft| draft.kind == EventType::Progress) {
                match reported.iter().find(|earlier| earlier.key == draft.key) {
                    Some(earlier) => {
                        assert_eq!(payload["hook_event_name"], "PostToolBatch");
                        assert_eq!(earlier.body, draft.body);
                        let added: Vec<&String> = draft.data.keys().filter(|key| !earlier.data.contains_key(*key)).collect();
                        assert!(added.is_empty(), "{run}: {added:?}");
                    }
                    None => reported.push(draft),
                }
            }
        }
        assert!(!reported.is_empty());
    }
}

#[test]
fn what_a_tool_did_is_told_in_data() {
    let drafts = read(&payloads("main")[16]);
    let error = "Exit code 2\nls: cannot access '/nonexistent-dir': No such file or directory";
    let expected = json!({
        "tool_name": "Bash", "tool_use_id": "toolu_mock_00000j", "failed": true, "error": error, "duration_ms": 11,
    });
    assert_eq!(Value::from(drafts[1].data.clone()), expected);

    let edited = read(&payloads("main")[8]).remove(2);
    let expected = json!({"tool_name": "Edit", "tool_use_id": "toolu_mock_000008", "lines_added": 1, "lines_removed": 1});
    assert_eq!(Value::from(edited.data), expected);

    let disabled = read(&payloads("tasks")[3]).remove(1);
    assert_eq!(disabled.data["failed"], true);
}

#[test]
fn the_same_payload_has_the_same_keys_and_another_has_others() {
    let keys = |payload: &Value| read(payload).into_iter().map(|draft| draft.key).collect::<Vec<_>>();
    let stop = hook("Stop", json!({"last_assistant_message": "done"}));
    assert_eq!(keys(&stop), keys(&stop));
    assert_ne!(keys(&stop), keys(&hook("Stop", json!({"last_assistant_message": "done."}))));
    // Fixed, as it is compared across processes and versions.
    let start = br#"{"hook_event_name":"SessionStart","session_id":"s1"}"#;
    let drafts = read_hook(start, &HookContext::default()).expect("known");
    assert_eq!(drafts[1].key, Key::Repeat("claude-code:7f99d82d-a603-5f54-9414-48e235b894f3:started".to_owned()));
}

#[test]
fn long_texts_are_cut() {
    let long = "é".repeat(100_000);
    let payloads = [
        hook("Stop", json!({"last_assistant_message": long})),
        hook("UserPromptSubmit", json!({"prompt": long})),
        hook("MessageDisplay", json!({"delta": long, "message_id": long})),
        hook("StopFailure", json!({"error": long, "last_assistant_message": long})),
        hook(
            "PostToolUse",
            json!({"tool_name": long, "tool_use_id": long, "tool_input": {"command": long}, "tool_response": {"stdout": long}}),
        ),
        hook("PostToolUse", json!({"tool_name": "Write", "tool_input": {"file_path": long, "content": long}})),
        hook("SessionStart", json!({"cwd": long, "source": long, "transcript_path": long})),
    ];
    for payload in &payloads {
        for draft in read(payload) {
            assert!(event(&draft).to_line().len() < 30_000, "{} of {}", draft.kind, payload["hook_event_name"]);
            if let Key::Natural(key) | Key::Repeat(key) = &draft.key {
                assert!(key.len() < 500);
            }
        }
    }
}

/// JSON of any shape, under the names that are read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "Write",
            "Bash",
            "AskUserQuestion",
            "create",
            "resume",
            "rate_limit",
            "permission_prompt",
            "auto",
            "rm a"
        ])
        .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "agent_id",
        "cwd",
        "source",
        "tool_name",
        "tool_use_id",
        "tool_input",
        "tool_response",
        "tool_calls",
        "command",
        "file_path",
        "filePath",
        "stdout",
        "type",
        "questions",
        "question",
        "structuredPatch",
        "lines",
        "duration_ms",
        "index",
        "delta",
        "message_id",
        "error",
        "reason",
        "notification_type",
        "trigger",
        "worktree_path",
        "background_tasks",
        "content",
        "event",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        for payload in [&bytes[..], text.as_bytes()] {
            prop_assert!(read_hook(payload, &HookContext::default()).is_err());
        }
    }

    #[test]
    fn whatever_a_known_hook_holds_its_drafts_are_events(
        name in prop::sample::select(Hook::ALL),
        fields in prop::collection::vec(any_json(), 1..4),
    ) {
        let mut payload = hook(name, json!({}));
        for fields in fields.iter().filter_map(Value::as_object) {
            payload.as_object_mut().expect("an object").extend(fields.clone());
        }
        match read_hook(payload.to_string().as_bytes(), &HookContext::default()) {
            Ok(drafts) => drafts.iter().for_each(|draft| drop(event(draft))),
            Err(refusal) => prop_assert!(refusal.reason.starts_with("`coder_id` is"), "{}", refusal),
        }
    }
}
