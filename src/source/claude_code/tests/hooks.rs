//! Hooks.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn check(run: &str, expected: &[&str]) {
    let found: Vec<String> = payloads(run).iter().flat_map(read).map(|draft| line(&draft)).collect();
    assert_eq!(found, expected, "{run}");
}

#[test]
fn a_run_that_writes_edits_removes_and_fails_once() {
    check(
        "main",
        &[
            "created (startup) #created",
            "started (startup) #started",
            "prompt: please write hello.txt #asked:d197:eb5f~",
            "resumed (prompt) #prompt:d197~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "Write running: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "new file /home/dev/work/demo/hello.txt +2 #tool:toolu_mock_000003:file",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "said: Step 2.",
            "resumed (tool) #tool:toolu_mock_000008:resumed-before ?pc",
            "Edit running: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "resumed (tool) #tool:toolu_mock_000008:resumed-after ?pc",
            "Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:toolu_mock_000008:file",
            "resumed (tool) #tool:toolu_mock_000008:resumed-batch ?pc",
            "Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "said: Step 3.",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-before ?pc",
            "Bash running: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-after ?pc",
            "Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000e:removed-0",
            "output (stdout): total 8 drwxr-xr-x  2 root root 4096 Nov 22 19:22 . drwxr-xr-x 31 root root 4096 Nov 22 19:22 .. #tool:toolu_mock_00000e:stdout",
            "resumed (tool) #tool:toolu_mock_00000e:resumed-batch ?pc",
            "Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "said: Step 4.",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-before ?pc",
            "Bash running: ls /nonexistent-dir #tool:toolu_mock_00000j",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-after ?pc",
            "Bash failed, exit 2: ls /nonexistent-dir · ls: cannot access '/nonexistent-dir': No such file or directory #tool:toolu_mock_00000j",
            "resumed (tool) #tool:toolu_mock_00000j:resumed-batch ?pc",
            "Bash: ls /nonexistent-dir #tool:toolu_mock_00000j",
            "said: All done.",
            "completed #turn:d197:completed:033c~",
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
            "started (startup) #started",
            "prompt: use a subagent #asked:21ef:a933~",
            "resumed (prompt) #prompt:21ef~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "Agent running: sub task #tool:toolu_mock_000003",
            "created /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:created",
            "started /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:started",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-before ?pc",
            "Bash running: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-after ?pc",
            "Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "output (stdout): from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:stdout",
            "resumed (tool) /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:resumed-batch ?pc",
            "Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "completed /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:turn:21ef:completed:1338~ ?known",
            "stopped /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:turn:21ef:stopped:1338~ ?known",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "Agent: sub task #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "Agent: sub task #tool:toolu_mock_000003",
            "said: Parent done.",
            "completed #turn:21ef:completed:89fa~",
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
            "started (startup) #started",
            "prompt: say ok #asked:ec27:2df9~",
            "resumed (prompt) #prompt:ec27~ ?pcfsd",
            "said: ok after retry",
            "completed #turn:ec27:completed:20b1~",
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
            "started (startup) #started",
            "prompt: say ok #asked:d77c:2df9~",
            "resumed (prompt) #prompt:d77c~ ?pcfsd",
            "said: API Error: Request rejected (429) · mock rate limit",
            "rate limit anthropic rate_limit: API Error: Request rejected (429) · mock rate limit #turn:d77c:rate_limit~",
            "failed (rate_limit): API Error: Request rejected (429) · mock rate limit #turn:d77c:failed:2457~",
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
            "started (startup) #started",
            "prompt: x #asked:912a:bd53~",
            "resumed (prompt) #prompt:912a~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "Bash running: sleep 20 #tool:toolu_mock_000003",
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
            "started (startup) #started",
            "prompt: make tasks #asked:e35f:5413~",
            "resumed (prompt) #prompt:e35f~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "TaskCreate failed: Do thing · Error: No such tool available: TaskCreate. TaskCreate is disabled for this session, in subagents as well as here. #tool:toolu_mock_000003",
            "said: Step 2.",
            "resumed (tool) #tool:toolu_mock_000007:resumed-batch ?pc",
            "TaskUpdate failed · Error: No such tool available: TaskUpdate. TaskUpdate is disabled for this session, in subagents as well as here. #tool:toolu_mock_000007",
            "said: Step 3.",
            "resumed (tool) #tool:toolu_mock_00000b:resumed-batch ?pc",
            "TodoWrite failed · Error: No such tool available: TodoWrite. TodoWrite is disabled for this session, in subagents as well as here. #tool:toolu_mock_00000b",
            "said: done",
            "completed #turn:e35f:completed:17cb~",
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
            "started (startup) #started",
            "prompt: use the plugin #asked:35e9:a8fd~",
            "resumed (prompt) #prompt:35e9~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000003:resumed-before ?pc",
            "ToolSearch running: select:mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-after ?pc",
            "ToolSearch: select:mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000003",
            "resumed (tool) #tool:toolu_mock_000003:resumed-batch ?pc",
            "ToolSearch: select:mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000003",
            "said: Step 2.",
            "resumed (tool) #tool:toolu_mock_000009:resumed-before ?pc",
            "mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats running #tool:toolu_mock_000009",
            "resumed (tool) #tool:toolu_mock_000009:resumed-after ?pc",
            "mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000009",
            "resumed (tool) #tool:toolu_mock_000009:resumed-batch ?pc",
            "mcp__plugin_ai-coder-events-demo_aicoder__get_ai_coder_stats #tool:toolu_mock_000009",
            "said: Step 3.",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-before ?pc",
            "Write running: /home/dev/work/demo/p.txt #tool:toolu_mock_00000f",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-after ?pc",
            "Write: /home/dev/work/demo/p.txt #tool:toolu_mock_00000f",
            "new file /home/dev/work/demo/p.txt +1 #tool:toolu_mock_00000f:file",
            "resumed (tool) #tool:toolu_mock_00000f:resumed-batch ?pc",
            "Write: /home/dev/work/demo/p.txt #tool:toolu_mock_00000f",
            "said: done",
            "completed #turn:35e9:completed:17cb~",
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
            "started (startup) #started",
            "prompt: please write hello.txt #asked:b73e:eb5f~",
            "resumed (prompt) #prompt:b73e~ ?pcfsd",
            "said: Step 1.",
            "resumed (tool) #tool:toolu_mock_000005:resumed-before ?pc",
            "Write running: /home/dev/work/demo/hello.txt #tool:toolu_mock_000005",
            "paused (permission): Write: /home/dev/work/demo/hello.txt",
            "paused (permission) ?crcfsd",
            "paused (permission) ?unknown",
            "resumed (tool) #tool:toolu_mock_000005:resumed-after ?pc",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000005",
            "new file /home/dev/work/demo/hello.txt +1 #tool:toolu_mock_000005:file",
            "resumed (tool) #tool:toolu_mock_000005:resumed-batch ?pc",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000005",
            "said: Step 2.",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-before ?pc",
            "Bash running: rm hello.txt #tool:toolu_mock_00000c",
            "paused (permission): Bash: rm hello.txt",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-after ?pc",
            "Bash: rm hello.txt #tool:toolu_mock_00000c",
            "deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000c:removed-0",
            "resumed (tool) #tool:toolu_mock_00000c:resumed-batch ?pc",
            "Bash: rm hello.txt #tool:toolu_mock_00000c",
            "said: All done.",
            "completed #turn:b73e:completed:033c~",
            "completed /a08a74ab936ae5018 #agent:a08a74ab936ae5018:turn:a3ea:completed:033c~ ?known",
            "stopped /a08a74ab936ae5018 #agent:a08a74ab936ae5018:turn:a3ea:stopped:033c~ ?known",
            "completed /a8973fda52fbea9b4 #agent:a8973fda52fbea9b4:turn:a3ea:completed:033c~ ?known",
            "stopped /a8973fda52fbea9b4 #agent:a8973fda52fbea9b4:turn:a3ea:stopped:033c~ ?known",
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
            "edited /w/.envrc",
            "workspace sync /w/.claude/worktrees/x",
            "deleted (worktree removed) ?cfs",
            "created (resume) #created ?unknown",
            "resumed (resume)",
            "stopped (clear) ?known",
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
        ("SessionStart", json!({}), &["created #created", "started #started"]),
        ("SessionStart", json!({"source": "clear"}), &["created (clear) #created", "started (clear) #started"]),
        ("SessionStart", json!({"source": "fork"}), &["created (fork) #created", "started (fork) #started"]),
        ("SessionStart", json!({"source": "resume"}), &["created (resume) #created ?unknown", "resumed (resume)"]),
        ("SessionStart", json!({"source": "compact"}), &[]),
        ("SessionEnd", json!({"reason": "logout"}), &["stopped (logout)"]),
        ("SessionEnd", json!({"reason": "other", "prompt_id": null}), &["stopped (other) ?known"]),
        (
            "StopFailure",
            json!({"error": "overloaded", "error_details": "529"}),
            &["failed (overloaded): 529 #turn:p1:failed:d293~"],
        ),
        ("PreToolUse", asked.clone(), &["paused (question): Which? #tool:t1:question"]),
        (
            "PermissionRequest",
            asked,
            &["paused (question): AskUserQuestion: Which? ?crcfsd", "paused (question): AskUserQuestion: Which? ?unknown"],
        ),
        ("PermissionDenied", denied, &["resumed (tool) #tool:t1:resumed-after ?pc", "Bash failed: ls · not here #tool:t1"]),
        ("PostToolUse", json!({"tool_name": "Read"}), &["resumed (tool) ?pc", "Read"]),
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
        ("FileChanged", json!({"file_path": "/a", "event": "add"}), &["new file /a"]),
        ("FileChanged", json!({"file_path": "/a", "event": "unlink"}), &["deleted /a"]),
        ("MessageDisplay", json!({"delta": ""}), &[]),
        ("SubagentStart", json!({"agent_id": "a1"}), &["created /a1 #agent:a1:created", "started /a1 #agent:a1:started"]),
    ];
    for (name, fields, expected) in cases {
        let lines: Vec<String> = read(&hook(name, fields.clone())).iter().map(line).collect();
        assert_eq!(lines, *expected, "{name} {fields}");
    }
}

#[test]
fn every_known_hook_is_accepted_and_no_other() {
    assert_eq!(HOOKS.len(), 33);
    for name in HOOKS {
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
    let in_run = HookContext { parent_coder_id: Some("fix-auth".to_owned()), ..HookContext::default() };
    let in_itself = HookContext { parent_coder_id: Some("claude-code:s1".to_owned()), ..HookContext::default() };
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
            let is_end = |draft: &Draft| draft.kind == EventType::Progress && !draft.data.contains_key("running");
            for draft in read(&payload).into_iter().filter(is_end) {
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
        "command": "ls /nonexistent-dir", "exit_code": 2,
    });
    assert_eq!(Value::from(drafts[1].data.clone()), expected);

    let edited = read(&payloads("main")[8]).remove(2);
    let expected = json!({"tool_name": "Edit", "tool_use_id": "toolu_mock_000008", "lines_added": 1, "lines_removed": 1,
        "diff": "@@ -1,2 +1,2 @@\n hello\n-world\n+there\n"});
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
    let asked = br#"{"hook_event_name":"Elicitation","session_id":"s1"}"#;
    let drafts = read_hook(asked, &HookContext::default()).expect("known");
    assert_eq!(drafts[0].key, Key::Repeat("claude-code:2421a047-4ebf-5b03-ad09-edcc157170f2:paused".to_owned()));
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
            assert!(event(&draft).to_line().len() < 40_000, "{} of {}", draft.kind, payload["hook_event_name"]);
            if let Key::Natural(key) | Key::Repeat(key) = &draft.key {
                assert!(key.len() < 500);
            }
        }
    }
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
        name in prop::sample::select(HOOKS),
        fields in prop::collection::vec(any_json(), 1..4),
    ) {
        let mut payload = hook(name, json!({}));
        for fields in fields.iter().filter_map(Value::as_object) {
            payload.as_object_mut().expect("an object").extend(fields.clone());
        }
        match read_hook(payload.to_string().as_bytes(), &HookContext::default()) {
            Ok(drafts) => drafts.iter().for_each(check_any),
            Err(refusal) => prop_assert!(refusal.reason.starts_with("`coder_id` is"), "{}", refusal),
        }
    }
}
