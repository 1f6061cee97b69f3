//! Transcripts.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(name: &str, path: &str, expected: &[&str]) {
    assert_eq!(lines(&transcript_of(name, path)), expected, "{name}");
}

#[test]
fn a_run_that_writes_edits_removes_and_fails_once() {
    check(
        "main",
        "bc3dcad7-a00c-4e95-b2f3-4393269863a1.jsonl",
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:d197:eb5f~",
            "said: Step 1. #said:f7fc~",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "new file /home/dev/work/demo/hello.txt +2 #tool:toolu_mock_000003:file",
            "api call claude-opus-5-5 (6,542 tokens) #api:req_mock_4~",
            "said: Step 2. #said:2954~",
            "Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:toolu_mock_000008:file",
            "api call claude-opus-5-5 (6,642 tokens) #api:req_mock_9~",
            "said: Step 3. #said:44e2~",
            "Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "deleted /home/dev/work/demo/hello.txt #tool:toolu_mock_00000e:removed-0",
            "output (stdout): total 8 drwxr-xr-x  2 root root 4096 Nov 22 19:22 . drwxr-xr-x 31 root root 4096 Nov 22 19:22 .. #tool:toolu_mock_00000e:stdout",
            "api call claude-opus-5-5 (6,742 tokens) #api:req_mock_15~",
            "said: Step 4. #said:e583~",
            "Bash failed, exit 2: ls /nonexistent-dir · ls: cannot access '/nonexistent-dir': No such file or directory #tool:toolu_mock_00000j",
            "api call claude-opus-5-5 (6,842 tokens) #api:req_mock_20~",
            "said: All done. #said:12c3~",
            "api call claude-opus-5-5 (6,942 tokens) #api:req_mock_24~",
            "resource usage #context:msg_mock_mws856cy23",
            "completed #turn:d197:completed:033c~",
            "api call claude-opus-5-5 (33,710 tokens, $0.0447) #sum:7000-210-25000-1500",
            "stopped #stopped:1795375376287~",
        ],
    );
}

#[test]
fn a_subagents_file() {
    check(
        "subagent.agent-a99b76bbf3cc5e5fd",
        "/p/b6838c7b/subagents/agent-a99b76bbf3cc5e5fd.jsonl",
        &[
            "created /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:created",
            "started /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:started",
            "prompt: MOCK_SUBAGENT_PROMPT do it /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:asked:21ef:1d6c~",
            "said: Step 1. /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:said:aff2~",
            "Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "output (stdout): from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007:stdout",
            "api call claude-opus-5-5 (6,542 tokens) /a99b76bbf3cc5e5fd #api:req_mock_8~",
            "said: Subagent done. /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:said:791c~",
            "api call claude-opus-5-5 (6,642 tokens) /a99b76bbf3cc5e5fd #api:req_mock_12~",
            "completed /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:turn:21ef:completed:1338~",
            "stopped /a99b76bbf3cc5e5fd #agent:a99b76bbf3cc5e5fd:turn:21ef:stopped:1338~",
        ],
    );
}

#[test]
fn a_rate_limit_that_does_not_recover() {
    check(
        "429fatal",
        "7c5b5a53.jsonl",
        &[
            "created #created",
            "started #started",
            "prompt: say ok #asked:d77c:2df9~",
            "rate limit anthropic (retry after 1.1 s) rate_limit: 429 mock rate limit #retry:725f~",
            "rate limit anthropic (retry after 1.2 s) rate_limit: 429 mock rate limit #retry:1b63~",
            "rate limit anthropic rate_limit: API Error: Request rejected (429) · mock rate limit #turn:d77c:rate_limit~",
            "failed (rate_limit): API Error: Request rejected (429) · mock rate limit #turn:d77c:failed:2457~",
            "said: API Error: Request rejected (429) · mock rate limit #said:fb91~",
            "stopped #stopped:1795375326590~",
        ],
    );
}

/// No hook tells of tools where a keeper follows the transcript.
#[test]
fn a_tool_is_at_work_until_its_result_comes_and_a_question_waits_for_its_answer() {
    let check = |tool: &str, begun: [&str; 2], ended: &str| {
        let mut reader = transcript("bc3dcad7-a00c-4e95-b2f3-4393269863a1.jsonl");
        let mut paused = Vec::new();
        for line in
            fixture("main.transcript").iter().take_while(|line| line.to_string().matches("toolu_mock_000008").count() == 0)
        {
            let line = line.to_string().replace(r#""name":"Write""#, &format!(r#""name":"{tool}""#));
            reader.line(line.as_bytes()).expect("the line is understood");
            paused.push(lines(&reader.pause()));
        }
        paused.retain(|told| !told.is_empty());
        let begun: Vec<&str> = begun.into_iter().filter(|told| !told.is_empty()).collect();
        assert_eq!(paused, [begun, vec![ended]]);
    };
    let id = "#tool:toolu_mock_000003";
    let write = format!("Write running: /home/dev/work/demo/hello.txt {id}");
    let after = format!("resumed (tool) {id}:resumed-after ?pc");
    check("Write", [&format!("resumed (tool) {id}:resumed-before ?pc"), &write], &after);
    check("AskUserQuestion", [&format!("paused (question) {id}:question"), ""], &after);
}

#[test]
fn what_a_killed_process_left_at_work_is_told() {
    let mut reader = transcript("killTERM.jsonl");
    for line in fixture("killTERM.transcript") {
        reader.line(line.to_string().as_bytes()).expect("the line is understood");
    }
    let told = reader.pause();
    let running: Vec<_> = told.iter().filter(|draft| draft.data.contains_key("running")).map(line).collect();
    assert_eq!(running, ["Bash running: sleep 20 #tool:toolu_mock_000003"]);
    assert_eq!(reader.pause(), []);
}

#[test]
fn what_a_person_stopped_does_not_go_on() {
    let mut reader = transcript("s1.jsonl");
    let line = |kind: &str, uuid: &str, content: Value| {
        let message = json!({"id": "msg_181", "type": "message", "role": kind, "model": "m", "stop_reason": "tool_use", "content": content});
        json!({"type": kind, "sessionId": "s1", "promptId": "p1", "uuid": uuid, "timestamp": "2026-11-22T19:00:01Z", "message": message})
    };
    let called = json!([{"type": "tool_use", "id": "toolu_181", "name": "Bash", "input": {"command": "rm -r build"}}]);
    let refused =
        json!([{"type": "tool_result", "tool_use_id": "toolu_181", "is_error": true, "content": "The tool use was rejected."}]);
    let noted = json!([{"type": "text", "text": "[Request interrupted by user for tool use]"}]);
    let mut told = Vec::new();
    for line in [
        line("user", "u1", json!("clean up")),
        line("assistant", "u2", called),
        line("user", "u3", refused),
        line("user", "u4", noted),
    ] {
        told.extend(reader.line(line.to_string().as_bytes()).expect("the line is understood"));
    }
    told.extend(reader.pause());
    let told = lines_of(&told);
    assert!(told.iter().any(|line| line.starts_with("Bash failed")), "{told:#?}");
    assert!(told.last().is_some_and(|line| line.starts_with("paused (interrupted)")), "{told:#?}");
}

fn message(id: &str, stop_reason: Option<&str>, output: u64, text: &str) -> Value {
    json!({"type": "assistant", "uuid": format!("{id}-{output}"), "timestamp": "2026-11-22T19:00:00Z", "message": {
        "id": id, "model": "m", "stop_reason": stop_reason, "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 10, "output_tokens": output}}})
}

fn figures(drafts: &[Draft]) -> Vec<(Option<u64>, Option<u64>)> {
    let figures = |draft: &Draft| match &draft.body {
        crate::event::Body::Provider(call) => Some((call.input_tokens, call.output_tokens)),
        _ => None,
    };
    drafts.iter().filter_map(figures).collect()
}

#[test]
fn a_message_is_told_with_its_last_figures() {
    let mut reader = transcript("/p/s1.jsonl");
    let mut read = |line: &Value| reader.line(line.to_string().as_bytes()).expect("the path names the session");
    assert_eq!(figures(&read(&message("m1", None, 1, "a"))), []);
    assert_eq!(figures(&read(&message("m1", Some("tool_use"), 42, "b"))), []);
    assert_eq!(figures(&read(&message("m2", None, 1, "c"))), [(Some(10), Some(42))]);
    // What is still being written is told without what may change.
    assert_eq!(figures(&reader.end()), [(Some(10), None)]);
    let prompt = json!({"type": "user", "promptId": "p2", "message": {"content": "go on"}});
    assert_eq!(figures(&reader.line(prompt.to_string().as_bytes()).expect("the path names the session")), [(Some(10), None)]);
}

/// An advisor is another model, and a summing up another request: the message's own figures are without theirs.
#[test]
fn what_a_request_made_by_the_way_are_calls_of_their_own() {
    let round = |kind: &str, model: Option<&str>, input: u64, output: u64| json!({"type": kind, "model": model, "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": 5});
    let mut asked = message("m1", Some("tool_use"), 45, "a");
    asked["requestId"] = json!("req_011CVnT4xKq8mZbR2wLsYhJe");
    asked["message"]["usage"]["iterations"] = json!([
        round("compaction", None, 100, 7),
        round("message", None, 4, 20),
        round("advisor_message", Some("wise"), 200, 9),
        round("message", None, 6, 25),
        round("advisor_message", Some("wise"), 300, 11),
        "odd",
    ]);
    let mut reader = transcript("/p/s1.jsonl");
    let mut read = |line: &Value| reader.line(line.to_string().as_bytes()).expect("the path names the session");
    // Told with every block of the message.
    read(&asked);
    read(&asked);
    let told = lines(&read(&message("m2", Some("end_turn"), 1, "b")));
    let calls: Vec<&str> = told.iter().map(String::as_str).filter(|line| line.starts_with("api call")).collect();
    let request = "req_011CVnT4xKq8mZbR2wLsYhJe";
    assert_eq!(
        calls,
        [
            format!("api call m (55 tokens) #api:{request}~"),
            format!("api call m (112 tokens) #api:{request}:compaction~"),
            format!("api call wise (214 tokens) #api:{request}:advisor_message-2~"),
            format!("api call wise (316 tokens) #api:{request}:advisor_message-3~"),
        ]
    );
}

#[test]
fn a_context_holds_what_the_model_was_last_asked_with() {
    let mut last = message("m1", Some("end_turn"), 45, "a");
    last["message"]["usage"]["iterations"] = json!([
        {"type": "message", "input_tokens": 4, "output_tokens": 20, "cache_read_input_tokens": 100},
        {"type": "message", "input_tokens": 6, "output_tokens": 25, "cache_read_input_tokens": 130},
        {"type": "advisor_message", "model": "wise", "input_tokens": 900, "output_tokens": 1},
    ]);
    let mut reader = transcript("/p/s1.jsonl");
    reader.line(last.to_string().as_bytes()).expect("the path names the session");
    let context = reader.end().iter().find_map(|draft| event(draft).data.get("context_tokens").cloned());
    assert_eq!(context, Some(json!(161)));
}

#[test]
fn only_a_prompt_after_a_turn_resumes() {
    let prompt = |id: &str, text: &str| json!({"type": "user", "promptId": id, "message": {"content": text}});
    let cases: &[(&[Value], &[&str])] = &[
        (
            &[prompt("p1", "a"), prompt("p2", "b")],
            &["created #created", "started #started", "prompt: a #asked:p1:56dd~", "prompt: b #asked:p2:7457~"],
        ),
        (
            &[prompt("p1", "a"), message("m1", Some("end_turn"), 2, "done"), prompt("p1", "<command-name>/x"), prompt("p2", "b")],
            &[
                "created #created",
                "started #started",
                "prompt: a #asked:p1:56dd~",
                "said: done #said:m1-2~",
                "api call m (12 tokens) #api:m1~",
                "resource usage #context:m1",
                "completed #turn:p1:completed:17cb~",
                "prompt: b #asked:p2:7457~",
                "resumed (prompt) #prompt:p2~",
            ],
        ),
    ];
    for (given, expected) in cases {
        let mut reader = transcript("s1.jsonl");
        let drafts: Vec<Draft> =
            given.iter().flat_map(|line| reader.line(line.to_string().as_bytes()).expect("named by the path")).collect();
        assert_eq!(lines(&drafts), *expected);
    }
}

#[test]
fn a_line_of_no_session_is_refused() {
    let line = json!({"type": "user", "message": {"content": "hi"}});
    assert_eq!(transcript("").line(line.to_string().as_bytes()).expect_err("refused").reason, "the line has no `sessionId`");
    assert_eq!(transcript("").line(json!({"type": "summary"}).to_string().as_bytes()), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_line_panics(given in prop::collection::vec(any_line(), 1..8)) {
        let mut reader = transcript("s1.jsonl");
        for line in &given {
            if let Ok(drafts) = reader.line(line.to_string().as_bytes()) {
                drafts.iter().for_each(check_any);
            }
            reader.end().iter().for_each(check_any);
        }
    }
}

#[test]
fn of_what_a_fork_copied_only_the_calls_are_told() {
    let said = |time: &str, uuid: &str, prompt: Option<&str>| match prompt {
        Some(prompt) => json!({"type": "user", "sessionId": "fork", "timestamp": time, "uuid": uuid, "promptId": "p-fork",
            "message": {"content": prompt}}),
        None => {
            json!({"type": "assistant", "sessionId": "fork", "timestamp": time, "uuid": uuid, "requestId": format!("r-{uuid}"),
            "message": {"id": format!("m-{uuid}"), "model": "m", "stop_reason": "end_turn", "content": [{"type": "text", "text": uuid}],
                "usage": {"input_tokens": 1, "output_tokens": 2}}})
        }
    };
    let lines = [
        json!({"type": "queue-operation", "sessionId": "fork", "timestamp": "2026-11-22T12:00:00Z"}),
        said("2026-11-22T11:00:00Z", "u1", Some("first")),
        said("2026-11-22T11:00:01Z", "u2", None),
        said("2026-11-22T12:00:01Z", "u3", Some("second")),
        said("2026-11-22T12:00:02Z", "u4", None),
    ];
    let mut reader = transcript("/p/fork.jsonl");
    let mut drafts: Vec<Draft> = Vec::new();
    for line in &lines {
        drafts.extend(reader.line(line.to_string().as_bytes()).expect("it names the session"));
    }
    drafts.extend(reader.end());
    assert_eq!(
        lines_of(&drafts),
        [
            "created #created",
            "started #started",
            "api call m (3 tokens) #api:r-u2~",
            "prompt: second #asked:p-fork:4f77~",
            "said: u4 #said:u4~",
            "api call m (3 tokens) #api:r-u4~",
            "resource usage #context:m-u4",
            "completed #turn:p-fork:completed:PRINT~",
        ]
    );
    assert_eq!(drafts[2].copied_by.as_deref(), Some("claude-code:fork"));
}

/// As [`lines`], with the prints of texts left out.
fn lines_of(drafts: &[Draft]) -> Vec<String> {
    let hide = |line: String| match line.split_once(":completed:") {
        Some((before, _)) => format!("{before}:completed:PRINT~"),
        None => line,
    };
    lines(drafts).into_iter().map(hide).collect()
}
