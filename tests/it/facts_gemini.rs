//! A captured run of Gemini CLI through all its channels: each fact once, with the run's own figures.

use ai_coder_events::{
    event::{Draft, Status},
    source::{
        Agent, Transcript,
        otel::{Log, Record},
        read_telemetry,
    },
};
use serde_json::{Value, json};

use super::channels::{
    check_every_order, check_that_nothing_panics, hook, hooks, lines, of_coder, orders, refused, status_of, stream, tally,
    telemetry, transcript, transcript_of,
};

/// The tokens are those of the `result` line in stream.jsonl: 7500 in, 5000 of them cached, 300 out.
const RUN: &[(&str, u64)] = &[
    ("api_call", 5),
    ("completed", 1),
    ("completion_metrics", 1),
    ("created", 1),
    ("failed tools", 1),
    ("file_created", 1),
    ("file_deleted", 1),
    ("file_modified", 1),
    ("output", 6),
    ("progress", 4),
    ("prompt", 1),
    ("resource_usage", 1),
    ("started", 1),
    ("stopped", 1),
    ("tokens", 7800),
    ("tokens cached", 5000),
    ("tokens in", 2500),
    ("tokens out", 300),
];

#[test]
fn every_fact_is_recorded_once_whichever_channel_comes_first() {
    check_every_order(
        &[
            hooks(Agent::Gemini, "gemini/hooks.jsonl"),
            stream("gemini/stream.jsonl"),
            transcript(Agent::Gemini, "gemini/session.jsonl"),
            telemetry("gemini/otlp-logs.json"),
        ],
        RUN,
    );
}

#[test]
fn a_transcript_alone_tells_a_whole_life_but_its_end() {
    let expected = RUN.iter().copied().filter(|(name, _)| *name != "stopped").collect();
    assert_eq!(tally(&transcript(Agent::Gemini, "gemini/session.jsonl")), expected);
}

#[test]
fn telemetry_counts_every_call() {
    let found = tally(&telemetry("gemini/otlp-logs.json"));
    let counts = ["api_call", "progress", "tokens in", "tokens out", "tokens cached"].map(|name| found[name]);
    assert_eq!(counts, [5, 4, 2500, 300, 5000]);
    assert_eq!(telemetry("gemini/otlp-traces.json"), Vec::<Draft>::new(), "spans say the same with less");
}

#[test]
fn the_hooks_of_a_run() {
    assert_eq!(
        lines(&hooks(Agent::Gemini, "gemini/hooks.jsonl")),
        [
            "created (startup) #created",
            "started (startup) #started",
            "prompt: please write hello.txt",
            "resumed (prompt) ?pcfsd",
            "api call gemini-2.5-flash (1,560 tokens)",
            "resumed (tool) ?pc",
            "write_file running: hello.txt",
            "resumed (tool) ?pc",
            "write_file: hello.txt",
            "new file /home/dev/work/demo/hello.txt +2",
            "api call gemini-2.5-flash (1,560 tokens)",
            "resumed (tool) ?pc",
            "replace running: hello.txt",
            "resumed (tool) ?pc",
            "replace: hello.txt",
            "edited /home/dev/work/demo/hello.txt +1 −1",
            "api call gemini-2.5-flash (1,560 tokens)",
            "resumed (tool) ?pc",
            "run_shell_command running: rm hello.txt && ls -la",
            "resumed (tool) ?pc",
            "run_shell_command: rm hello.txt && ls -la",
            "deleted /home/dev/work/demo/hello.txt",
            "output (stdout): total 8 drwxr-xr-x  2 root root 4096 Nov 22 19:02 . drwxr-xr-x 14 root root 4096 Nov 22 19:02 ..",
            "api call gemini-2.5-flash (1,560 tokens)",
            "resumed (tool) ?pc",
            "read_file running: nope.txt",
            "resumed (tool) ?pc",
            "read_file failed: nope.txt · File not found: /home/dev/work/demo/nope.txt",
            "api call gemini-2.5-flash (1,560 tokens)",
            "completed",
            "stopped (exit)",
        ]
    );
}

fn payload(hook: &str, more: Value) -> Value {
    let mut payload = json!({"hook_event_name": hook, "session_id": "s1", "cwd": "/w", "timestamp": "2026-11-22T19:02:52.615Z"});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payload
}

#[test]
fn hooks_that_the_run_does_not_have() {
    let check = |name: &str, more: Value, expected: &[&str]| {
        assert_eq!(lines(&hook(Agent::Gemini, &payload(name, more.clone()))), expected, "{name} {more}");
    };
    check("SessionStart", json!({"source": "resume"}), &["created (resume) #created ?unknown", "resumed (resume)"]);
    check("Notification", json!({"notification_type": "ToolPermission", "message": "may I?"}), &["paused (permission)"]);
    check(
        "Notification",
        json!({"notification_type": "ToolPermission", "details": {"type": "ask_user"}}),
        &["paused (question)"],
    );
    check("Notification", json!({"notification_type": "Other"}), &[]);
    check("PreCompress", json!({"trigger": "auto"}), &[]);
    // A piece of a streamed answer, and its last piece.
    let usage = json!({"promptTokenCount": 20, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "cachedContentTokenCount": 5});
    let piece = json!({"llm_request": {"model": "m"}, "llm_response": {"candidates": [{}], "usageMetadata": usage}});
    check("AfterModel", piece, &[]);
    let last = json!({"llm_request": {"model": "m"}, "llm_response": {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}});
    check("AfterModel", last, &["api call m (30 tokens)"]);
    check(
        "AfterTool",
        json!({"tool_name": "run_shell_command", "tool_input": {"command": "rm a && false"},
               "tool_response": {"llmContent": "Output: (empty)\nExit Code: 1", "returnDisplay": ""}}),
        &["resumed (tool) ?pc", "run_shell_command failed, exit 1: rm a && false"],
    );
    assert_eq!(refused(Agent::Gemini, &payload("AfterLunch", json!({}))), "unknown hook event `AfterLunch`");
    assert_eq!(refused(Agent::Gemini, &json!({"hook_event_name": "SessionEnd"})), "the payload has no `session_id`");
}

#[test]
fn a_second_prompt_resumes_the_coder() {
    let written = [
        r#"{"sessionId":"s1","startTime":"2026-11-22T19:00:00Z","kind":"main"}"#,
        r#"{"id":"u1","timestamp":"2026-11-22T19:00:01Z","type":"user","content":[{"text":"one"}]}"#,
        r#"{"id":"g1","timestamp":"2026-11-22T19:00:02Z","type":"gemini","content":"done"}"#,
        r#"{"id":"u2","timestamp":"2026-11-22T19:01:01Z","type":"user","content":[{"text":"two"}]}"#,
        r#"{"id":"g2","timestamp":"2026-11-22T19:01:02Z","type":"gemini","content":"","toolCalls":[{"id":"c1","name":"glob","args":{"pattern":"*"},"status":"executing"}]}"#,
    ];
    let expected = [
        "created #created",
        "started #started",
        "prompt: one #asked:u1",
        "said: done #message:g1",
        "completed #turn:g1",
        "prompt: two #asked:u2",
        "resumed (prompt) #prompt:u2",
    ];
    assert_eq!(lines(&transcript_of(Agent::Gemini, written)), expected);
}

#[test]
fn the_calls_of_a_copied_chat_count_once() {
    let chat = |session: &str| {
        let begun = json!({"sessionId": session, "startTime": "2026-11-22T19:00:00Z", "kind": "main"}).to_string();
        let said = json!({"id": "dc554717-df19-4b5e-82fc-641a9b79726f", "timestamp": "2026-11-22T19:00:02Z", "type": "gemini",
            "content": "done", "model": "m", "tokens": {"input": 10, "output": 2, "cached": 0, "total": 12}})
        .to_string();
        transcript_of(Agent::Gemini, [begun.as_str(), said.as_str()])
    };
    let found = tally(&[chat("s1"), chat("s2"), chat("s1")].concat());
    assert_eq!((found["api_call"], found["tokens"]), (1, 12));
}

#[test]
fn another_model_than_before_is_a_switch() {
    let said = |id: &str, model: &str| {
        json!({"id": id, "timestamp": "2026-11-22T19:00:02Z", "type": "gemini", "content": id, "model": model}).to_string()
    };
    let begun = r#"{"sessionId":"s1","startTime":"2026-11-22T19:00:00Z","kind":"main"}"#.to_owned();
    let written = [begun, said("g1", "flash"), said("g2", "flash"), said("g3", "pro"), said("g3", "pro")];
    let told = lines(&transcript_of(Agent::Gemini, written.iter().map(String::as_str)));
    let switches: Vec<&String> = told.iter().filter(|line| line.contains("#model:")).collect();
    assert_eq!(switches, ["model: pro #model:g3"]);
}

#[test]
fn a_chat_in_a_sessions_folder_is_its_subagents_and_one_taken_up_is_told_once() {
    let head = r#"{"sessionId":"sub","projectHash":"h","startTime":"2026-11-22T19:00:00Z","kind":"subagent"}"#;
    let asked = r#"{"id":"u1","timestamp":"2026-11-22T19:00:01Z","type":"user","content":[{"text":"\n<loaded_context>\nnotes\n</loaded_context>look"}]}"#;
    let said = r#"{"id":"g1","timestamp":"2026-11-22T19:00:02Z","type":"gemini","content":"found"}"#;
    let again =
        r#"{"$set":{"messages":[{"id":"u1","timestamp":"2026-11-22T20:00:00Z","type":"user","content":[{"text":"look"}]}]}}"#;
    let mut reader = Transcript::new(Agent::Gemini, "/h/.gemini/tmp/p/chats/main/sub.jsonl").unwrap();
    let mut drafts = Vec::new();
    for line in [head, asked, said, head, again] {
        drafts.extend(reader.line(line.as_bytes()).unwrap());
    }
    assert_eq!(
        drafts.iter().map(|draft| draft.kind.short()).collect::<Vec<_>>(),
        ["created", "started", "prompt", "output", "created", "started"]
    );
    assert!(drafts.iter().all(|draft| draft.coder_id == "gemini:main/sub"), "{drafts:?}");
    assert!(lines(&drafts)[2].starts_with("prompt: look /sub"), "{:?}", lines(&drafts));
}

#[test]
fn calls_that_failed_are_errors_or_rate_limits() {
    let check = |status: u64, expected: &str| {
        let attributes = json!({"session.id": "s1", "status_code": status, "error.message": "no", "model": "m"});
        let attributes = attributes.clone();
        let log = Log { service: "gemini-cli".to_owned(), name: "gemini_cli.api_error".to_owned(), attributes, ..Log::default() };
        let drafts = read_telemetry(&Record::Log(log)).unwrap();
        assert_eq!(drafts.iter().map(|draft| draft.kind.short()).collect::<Vec<_>>(), [expected]);
    };
    check(429, "rate_limit");
    check(500, "api_error");
}

#[test]
fn odd_payloads_do_no_harm() {
    for path in ["gemini/hooks.jsonl", "gemini/stream.jsonl", "gemini/session.jsonl"] {
        check_that_nothing_panics(Agent::Gemini, path);
    }
}

const SUBAGENT: &str = "c387cfb9-be28-4e67-af29-d6a0e2d00a82";
const SESSION: &str = "b6192c34-7023-4378-be39-1feb3ece367b";

/// What telemetry says of a subagent, and the chats of both.
fn channels_of_a_subagent(reason: &str) -> [Vec<Draft>; 3] {
    let log = |name: &str, second: u32, more: Value| {
        let mut attributes = json!({"session.id": SESSION, "event.timestamp": format!("2026-11-22T19:00:{second:02}Z")});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let log = Log { service: "gemini-cli".to_owned(), name: format!("gemini_cli.{name}"), attributes, ..Log::default() };
        read_telemetry(&Record::Log(log)).unwrap()
    };
    let call = |second, prompt: &str, read: u64| {
        let figures = json!({"prompt_id": prompt, "model": "m", "input_token_count": read, "output_token_count": 1,
            "cached_content_token_count": 0, "thoughts_token_count": 0, "total_token_count": read + 1});
        log("api_response", second, figures)
    };
    let named = json!({"agent_id": SUBAGENT, "agent_name": "generalist"});
    let mut finished = named.clone();
    finished["terminate_reason"] = json!(reason);
    let telemetry = [
        call(1, &format!("{SESSION}########0"), 10),
        log("agent.start", 2, named),
        call(3, &format!("{SUBAGENT}#0"), 20),
        log("agent.finish", 4, finished),
    ];
    let chat = |path: &str, lines: &[Value]| {
        let mut reader = Transcript::new(Agent::Gemini, path).unwrap();
        let mut drafts: Vec<Draft> = lines.iter().flat_map(|line| reader.line(line.to_string().as_bytes()).unwrap()).collect();
        drafts.extend(reader.end());
        drafts
    };
    let tokens = |read: u64| json!({"input": read, "output": 1, "cached": 0, "thoughts": 0, "tool": 0, "total": read + 1});
    let answer = format!("Subagent 'generalist' finished.\nTermination Reason: {reason}\nResult:\nok");
    let own = chat(
        "/h/chats/session-1.jsonl",
        &[
            json!({"sessionId": SESSION, "startTime": "2026-11-22T19:00:00Z", "kind": "main"}),
            json!({"id": "u", "timestamp": "2026-11-22T19:00:00Z", "type": "user", "content": "delegate it"}),
            json!({"id": "g", "timestamp": "2026-11-22T19:00:01Z", "type": "gemini", "model": "m", "tokens": tokens(10), "content": "",
                "toolCalls": [{"id": "invoke_agent__A1B2C3D4E5F6G7H8", "name": "invoke_agent", "status": "success", "agentId": SUBAGENT,
                    "timestamp": "2026-11-22T19:00:05Z", "args": {"agent_name": "generalist", "prompt": "look"},
                    "result": [{"functionResponse": {"response": {"output": answer}}}]}]}),
        ],
    );
    let subagents = chat(
        &format!("/h/chats/{SESSION}/{SUBAGENT}.jsonl"),
        &[
            json!({"sessionId": SUBAGENT, "startTime": "2026-11-22T19:00:02Z", "kind": "subagent"}),
            json!({"id": "s", "timestamp": "2026-11-22T19:00:03Z", "type": "gemini", "model": "m", "tokens": tokens(20), "content": "",
                "toolCalls": [{"id": "complete_task__A1B2C3D4E5F6G7H8", "name": "complete_task", "status": if reason == "GOAL" { "success" } else { "error" },
                    "timestamp": "2026-11-22T19:00:04Z", "args": {"result": "ok"}}]}),
        ],
    );
    [telemetry.concat(), own, subagents]
}

#[test]
fn what_a_subagent_spends_is_its_own_and_so_is_its_end() {
    let check = |reason: &str, ends: &[&str]| {
        let channels = channels_of_a_subagent(reason);
        for order in orders(channels.len()) {
            let told = of_coder(order.iter().flat_map(|channel| &channels[*channel]), &format!("gemini:{SESSION}/{SUBAGENT}"));
            let lives: Vec<&str> =
                told.iter().map(String::as_str).filter(|it| ends.contains(it) || it.contains("fail")).collect();
            assert_eq!(lives, ends, "{reason} {order:?}: {told:?}");
            assert_eq!(told.iter().filter(|it| *it == "api_call").count(), 1, "{reason} {order:?}: {told:?}");
        }
    };
    check("GOAL", &["completed", "stopped"]);
    check("TIMEOUT", &["failed", "stopped"]);
    check("ABORTED", &["stopped"]);
}

#[test]
fn a_turn_that_a_person_broke_off_is_not_completed_by_its_hook() {
    let ended = hook(
        Agent::Gemini,
        &json!({"hook_event_name": "AfterAgent", "session_id": "s1", "timestamp": "2026-11-22T19:00:05.019Z", "prompt": "one",
            "prompt_response": "half"}),
    );
    let written = [
        r#"{"sessionId":"s1","startTime":"2026-11-22T19:00:00Z","kind":"main"}"#,
        r#"{"id":"u1","timestamp":"2026-11-22T19:00:01Z","type":"user","content":[{"text":"one"}]}"#,
        r#"{"id":"g1","timestamp":"2026-11-22T19:00:02Z","type":"gemini","content":"half"}"#,
        r#"{"id":"i1","timestamp":"2026-11-22T19:00:05Z","type":"info","content":"Request cancelled."}"#,
        r#"{"$set":{"messages":[{"id":"c1","timestamp":"2026-11-22T19:00:00Z","type":"user","content":[{"text":"<session_context>\n"}]}]}}"#,
    ];
    let chat = transcript_of(Agent::Gemini, written);
    assert_eq!(lines(&chat).last().unwrap(), "paused (interrupted) #interrupted:i1");
    for channels in [[&chat, &ended], [&ended, &chat]] {
        assert_eq!(status_of(channels.into_iter().flatten(), "gemini:s1"), Status::Paused);
    }
}

#[test]
fn what_is_summed_up_for_the_model_was_told_before() {
    let written = [
        r#"{"sessionId":"s1","startTime":"2026-11-22T19:00:00Z","kind":"main"}"#,
        r#"{"id":"u1","timestamp":"2026-11-22T19:00:01Z","type":"user","content":[{"text":"one"}]}"#,
        r#"{"$set":{"messages":[
            {"id":"n1","timestamp":"2026-11-22T19:00:04Z","type":"user","content":[{"text":"<state_snapshot>half done"}]},
            {"id":"n2","timestamp":"2026-11-22T19:00:04Z","type":"gemini","content":"Got it."},
            {"id":"n3","timestamp":"2026-11-22T19:00:04Z","type":"user","content":[{"text":"one"}]}]}}"#,
        r#"{"$set":{"messages":[
            {"id":"n1","timestamp":"2026-11-22T20:00:00Z","type":"user","content":[{"text":"<state_snapshot>half done"}]}]}}"#,
        r#"{"id":"g1","timestamp":"2026-11-22T19:00:05Z","type":"gemini","content":"done"}"#,
    ];
    let chat = transcript_of(Agent::Gemini, written);
    assert_eq!(
        lines(&chat),
        [
            "created #created",
            "started #started",
            "prompt: one #asked:u1",
            "milestone context compacted: <state_snapshot>half done",
            "said: done #message:g1",
            "completed #turn:g1 ?unwatched",
        ]
    );
    let attributes =
        json!({"session.id": "s1", "event.timestamp": "2026-11-22T19:00:03Z", "tokens_before": 9, "tokens_after": 1});
    let log =
        Log { service: "gemini-cli".to_owned(), name: "gemini_cli.chat_compression".to_owned(), attributes, ..Log::default() };
    let telemetry = read_telemetry(&Record::Log(log)).unwrap();
    for channels in [[&chat, &telemetry], [&telemetry, &chat]] {
        assert_eq!(tally(channels.into_iter().flatten())["milestone"], 1);
    }
}

#[test]
fn what_a_run_says_it_used_is_a_sum() {
    let told = stream("gemini/stream.jsonl");
    let found = tally(&told);
    assert_eq!(["tokens in", "tokens cached", "tokens out"].map(|name| found[name]), [2500, 5000, 300]);
}
