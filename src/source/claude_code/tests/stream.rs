//! The stream.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(run: &str, expected: &[&str]) {
    let drafts: Vec<Draft> = stream_of(run).into_iter().flat_map(|(_, drafts)| drafts).collect();
    assert_eq!(lines(&drafts), expected, "{run}");
}

#[test]
fn a_run_with_parts_of_messages() {
    check(
        "main",
        &[
            "created #created",
            "started #started",
            "said: Step 1. #said:f7fc~",
            "api call claude-opus-5-5 (6,542 tokens) #api:req_mock_4~",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "new file /home/dev/work/demo/hello.txt +2 #tool:toolu_mock_000003:file",
            "said: Step 2. #said:2954~",
            "api call claude-opus-5-5 (6,642 tokens) #api:req_mock_9~",
            "Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:toolu_mock_000008:file",
            "said: Step 3. #said:44e2~",
            "api call claude-opus-5-5 (6,742 tokens) #api:req_mock_15~",
            "Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000e:removed-0",
            "output (stdout): total 8 drwxr-xr-x  2 root root 4096 Nov 22 19:22 . drwxr-xr-x 31 root root 4096 Nov 22 19:22 .. #tool:toolu_mock_00000e:stdout",
            "said: Step 4. #said:e583~",
            "api call claude-opus-5-5 (6,842 tokens) #api:req_mock_20~",
            "Bash failed, exit 2: ls /nonexistent-dir · ls: cannot access '/nonexistent-dir': No such file or directory #tool:toolu_mock_00000j",
            "said: All done. #said:12c3~",
            "api call claude-opus-5-5 (6,942 tokens) #api:req_mock_24~",
            "api call claude-opus-5-5 (33,710 tokens, $0.0447)",
            "completed",
            "stopped",
        ],
    );
}

#[test]
fn a_subagent_whose_last_call_is_not_shown() {
    check(
        "subagent",
        &[
            "created #created",
            "started #started",
            "api call claude-opus-5-5 (6,500 tokens) #api:req_mock_4",
            "said: Step 1. #said:4734~",
            "created /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:created",
            "started /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:started",
            "prompt: MOCK_SUBAGENT_PROMPT do it /a99b76bbf3cc5e5fd",
            "api call claude-opus-5-5 (6,500 tokens) /a99b76bbf3cc5e5fd #api:req_mock_8",
            "Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "output (stdout): from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:stdout",
            "completed /a99b76bbf3cc5e5fd",
            "stopped /a99b76bbf3cc5e5fd",
            "Agent: sub task #tool:toolu_mock_000003",
            "api call claude-opus-5-5 (6,600 tokens) #api:req_mock_17",
            "said: Parent done. #said:2e3f~",
            "api call claude-opus-5-5 (26,368 tokens, $0.0334)",
            "completed",
            "stopped",
        ],
    );
}

#[test]
fn a_rate_limit_that_recovers() {
    check(
        "429",
        &[
            "created #created",
            "started #started",
            "rate limit anthropic (retry after 1.1 s) rate_limit",
            "rate limit anthropic (retry after 1.1 s) rate_limit",
            "api call claude-opus-5-5 (6,500 tokens) #api:req_mock_7",
            "said: ok after retry #said:1992~",
            "api call claude-opus-5-5 (6,542 tokens, $0.0081)",
            "completed",
            "stopped",
        ],
    );
}

#[test]
fn a_rate_limit_that_does_not_recover() {
    check(
        "429fatal",
        &[
            "created #created",
            "started #started",
            "rate limit anthropic (retry after 1.1 s) rate_limit",
            "rate limit anthropic (retry after 1.2 s) rate_limit",
            "rate limit anthropic rate_limit: API Error: Request rejected (429) · mock rate limit",
            "said: API Error: Request rejected (429) · mock rate limit #said:fb91~",
            "failed (rate_limit): API Error: Request rejected (429) · mock rate limit",
            "stopped",
        ],
    );
}

#[test]
fn a_stream_that_breaks_off() {
    check(
        "killTERM",
        &[
            "created #created",
            "started #started",
            "api call claude-opus-5-5 (6,500 tokens) #api:req_mock_4",
            "said: Step 1. #said:0088~",
            "Bash failed, exit 137: sleep 20 #tool:toolu_mock_000003",
            "stopped",
        ],
    );
}

fn reader() -> Stream {
    let first = json!({"type": "system", "subtype": "init", "session_id": "s1", "cwd": "/w/demo", "model": "m"});
    let mut reader = Stream::new(&HookContext::default());
    assert_eq!(
        lines(&reader.line(first.to_string().as_bytes())),
        ["created #created", "started #started", "resumed (resume) ?pcfsd"]
    );
    reader
}

#[test]
fn lines_one_by_one() {
    let warned = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "resetsAt": 9, "rateLimitType": "five_hour"}});
    let rejected = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "rateLimitType": "five_hour"}});
    let allowed = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed"}});
    let overloaded = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "retry_delay_ms": 7, "error_status": 529, "error": "overloaded"});
    let turns = json!({"type": "result", "subtype": "error_max_turns", "is_error": true, "terminal_reason": "max_turns"});
    let denied = json!({"type": "result", "is_error": false, "result": "ok", "permission_denials": [{"tool_name": "Bash"}]});
    let compacted = json!({"type": "system", "subtype": "compact_boundary", "compact_metadata": {"trigger": "auto"}});
    let shell = json!({"type": "system", "subtype": "task_started", "task_id": "b1", "task_type": "local_bash"});
    let cases: &[(Value, &[&str])] = &[
        (warned, &["resource limit #limit:five_hour:9"]),
        (rejected, &["rate limit anthropic rate_limit"]),
        (allowed, &[]),
        (overloaded, &["api error anthropic (retry after 0.0 s) overloaded"]),
        (turns, &["failed (error_max_turns)"]),
        (denied, &["completed"]),
        (compacted, &["milestone context compacted"]),
        (shell, &[]),
        (
            json!({"type": "assistant", "message": {"id": "m1", "model": "<synthetic>", "content": [{"type": "text", "text": "No response requested."}]}}),
            &[],
        ),
        (json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "unknown"}]}}), &[]),
    ];
    for (given, expected) in cases {
        assert_eq!(lines(&reader().line(given.to_string().as_bytes())), *expected, "{given}");
    }
}

#[test]
fn another_turn_resumes() {
    let mut reader = reader();
    let init = json!({"type": "system", "subtype": "init", "session_id": "s1"});
    assert!(reader.line(init.to_string().as_bytes()).is_empty());
    reader.line(json!({"type": "result", "result": "ok"}).to_string().as_bytes());
    assert_eq!(lines(&reader.line(init.to_string().as_bytes())), ["resumed (prompt)"]);
}

#[test]
fn the_session_is_the_one_that_init_names() {
    let mut reader = Stream::new(&HookContext::default());
    let hook = json!({"type": "system", "subtype": "hook_started", "hook_event": "SessionStart", "hook_name": "SessionStart:resume", "session_id": "new"});
    assert!(reader.line(hook.to_string().as_bytes()).is_empty());
    let init = json!({"type": "system", "subtype": "init", "session_id": "s1", "cwd": "/w"});
    let drafts = reader.line(init.to_string().as_bytes());
    assert!(!drafts.is_empty() && drafts.iter().all(|draft| draft.coder_id == "claude-code:s1"), "{drafts:?}");
}

#[test]
fn another_agents_line_opens_nothing() {
    for line in [json!({}), json!({"type": "init", "session_id": "s1"}), json!({"type": "system", "subtype": "init"})] {
        let mut reader = Stream::new(&HookContext::default());
        assert_eq!(reader.line(line.to_string().as_bytes()), []);
        assert!(!reader.is_known(), "{line}");
    }
}

proptest! {
    #[test]
    fn no_line_panics(given in prop::collection::vec(any_line(), 1..8)) {
        let mut reader = reader();
        for line in &given {
            reader.line(line.to_string().as_bytes()).iter().for_each(check_any);
        }
        reader.end().iter().for_each(check_any);
    }
}
