use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Body, Condition, Draft, Event, EventType, Key, Time, sentence};
use crate::source::{
    Agent, HookContext, Stream, Transcript,
    otel::{Log, Record},
    read_telemetry,
};
use crate::text::Redactor;

fn folder() -> String {
    format!("{}/tests/fixtures/codex", env!("CARGO_MANIFEST_DIR"))
}

/// The JSON lines of a file of a captured run.
fn lines(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{}/{file}", folder())).expect("the fixture is there");
    text.lines().map(|line| serde_json::from_str(line).expect("the fixture is JSON")).collect()
}

/// Codex's hooks.
fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    crate::source::read_hook(Agent::Codex, payload, context)
}

fn read(payload: &Value) -> Vec<Draft> {
    read_hook(payload.to_string().as_bytes(), &HookContext::default()).expect("the hook is known")
}

fn hooks(run: &str) -> Vec<Draft> {
    lines(&format!("{run}/hooks.jsonl")).iter().flat_map(|line| read(&line["payload"])).collect()
}

fn streamed(lines: &[Value]) -> Vec<Draft> {
    let mut reader = Stream::new(&HookContext::default());
    let mut drafts: Vec<Draft> = lines.iter().flat_map(|line| reader.line(line.to_string().as_bytes())).collect();
    assert!(reader.is_known());
    drafts.extend(reader.end());
    drafts
}

fn rollout(run: &str) -> Vec<Draft> {
    let files = std::fs::read_dir(format!("{}/{run}", folder())).expect("the fixture is there");
    let names = files.map(|file| file.expect("it can be listed").file_name().into_string().expect("plain"));
    let name = names.into_iter().find(|name| name.starts_with("rollout-")).expect("the run has a rollout");
    recorded(&name, &lines(&format!("{run}/{name}")))
}

fn recorded(path: &str, lines: &[Value]) -> Vec<Draft> {
    let mut reader = Transcript::new(Agent::Codex, path).expect("Codex keeps a record");
    let read = |line: &Value| reader.line(line.to_string().as_bytes()).expect("the line names a session");
    let mut drafts: Vec<Draft> = lines.iter().flat_map(read).collect();
    drafts.extend(reader.end());
    drafts
}

fn log(service: &str, attributes: &Value) -> Result<Vec<Draft>, Refusal> {
    let attributes = attributes.clone();
    let name = attributes["event.name"].as_str().expect("a name").to_owned();
    read_telemetry(&Record::Log(Log { service: service.to_owned(), name, attributes, ..Log::default() }))
}

fn logs(run: &str) -> Vec<Draft> {
    let read = |line: Value| log(line["service"].as_str().expect("a text"), &line["attributes"]).expect("it is understood");
    lines(&format!("{run}/logs.jsonl")).into_iter().flat_map(read).collect()
}

fn event(draft: &Draft) -> Event {
    let now = Time::parse("2026-11-22T19:21:00Z").expect("a valid time");
    draft.clone().check(now, &Redactor::default()).expect("every draft is a valid event").into_event(1, String::new())
}

/// A draft in one line: the sentence that readers get, whose it is, its natural key (`~` where it is known by what it says),
/// and its condition.
fn line(draft: &Draft) -> String {
    let mut line = sentence(&event(draft));
    if let Some((_, agent)) = draft.coder_id.split_once('/') {
        line += &format!(" /{agent}");
    }
    let short = |key: &str| {
        let parts: Vec<&str> = key.splitn(3, ':').nth(2).expect("agent, session and more").split(':').collect();
        let is_print = |part: &&str| part.len() == 36 && part.contains('-');
        parts.iter().map(|part| if is_print(part) { &part[14..18] } else { part }).collect::<Vec<_>>().join(":")
    };
    match &draft.key {
        Key::Natural(key) => line += &format!(" #{}", short(key)),
        Key::Either { natural, .. } => line += &format!(" #{}~", short(natural)),
        Key::Several { ids, repeat, .. } => {
            line += &format!(" #{}{}", short(&ids[0]), if repeat.is_some() { "~" } else { "" });
        }
        // A sum is a fact of its own each time: the history takes what is known from it.
        Key::None if draft.sums.is_some() => line += " sum",
        Key::Repeat(_) => line += " ~",
        key => panic!("{line} has no key: {key:?}"),
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

#[track_caller]
fn check(drafts: &[Draft], expected: &[&str]) {
    let lines: Vec<String> = drafts.iter().map(line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn hooks_of_commands() {
    check(
        &hooks("main"),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:7dd3:53ca~",
            "resumed (prompt) #turn:7dd3:resumed ?pcfsd",
            "resumed (tool) #tool:call_mock_3:resumed-before ?pc",
            "Bash running: echo hello > hello.txt; ls #tool:call_mock_3~",
            "resumed (tool) #tool:call_mock_3:resumed-after ?pc",
            "Bash: echo hello > hello.txt; ls #tool:call_mock_3~",
            "output (stdout): hello.txt  #tool:call_mock_3:stdout~",
            "resumed (tool) #tool:call_mock_7:resumed-before ?pc",
            "Bash running: ls /nonexistent-dir #tool:call_mock_7~",
            "resumed (tool) #tool:call_mock_7:resumed-after ?pc",
            "Bash: ls /nonexistent-dir #tool:call_mock_7~",
            "output (stdout): ls: cannot access '/nonexistent-dir': No such file or directory  #tool:call_mock_7:stdout~",
            "completed #turn:7dd3:completed:5b16~",
            "stopped (other) ~",
        ],
    );
}

#[test]
fn hooks_of_patches() {
    check(
        &hooks("patch"),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:77b3:53ca~",
            "resumed (prompt) #turn:77b3:resumed ?pcfsd",
            "resumed (tool) #tool:call_mock_3:resumed-before ?pc",
            "apply_patch running: hello.txt #tool:call_mock_3~",
            "resumed (tool) #tool:call_mock_3:resumed-after ?pc",
            "apply_patch: hello.txt #tool:call_mock_3~",
            "new file /home/dev/work/demo/hello.txt +2 #tool:call_mock_3:file~",
            "resumed (tool) #tool:call_mock_7:resumed-before ?pc",
            "apply_patch running: hello.txt #tool:call_mock_7~",
            "resumed (tool) #tool:call_mock_7:resumed-after ?pc",
            "apply_patch: hello.txt #tool:call_mock_7~",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:call_mock_7:file~",
            "resumed (tool) #tool:call_mock_10:resumed-before ?pc",
            "apply_patch running: hello.txt #tool:call_mock_10~",
            "resumed (tool) #tool:call_mock_10:resumed-after ?pc",
            "apply_patch: hello.txt #tool:call_mock_10~",
            "deleted /home/dev/work/demo/hello.txt #tool:call_mock_10:file~",
            "completed #turn:77b3:completed:5b16~",
            "stopped (other) ~",
        ],
    );
}

#[test]
fn a_turn_that_fails_has_no_stop() {
    check(
        &hooks("400"),
        &[
            "created #created",
            "started #started",
            "prompt: say ok #asked:7781:5a60~",
            "resumed (prompt) #turn:7781:resumed ?pcfsd",
            "stopped (other) ~",
        ],
    );
}

#[test]
fn the_stream_of_commands() {
    check(
        &streamed(&lines("main/exec.jsonl")),
        &[
            "created #created",
            "started #started",
            "said: Step 1 ~",
            "Bash: echo hello > hello.txt; ls ~",
            "output (stdout): hello.txt  ~",
            "said: Step 2 ~",
            "Bash failed, exit 2: ls /nonexistent-dir · ls: cannot access '/nonexistent-dir': No such file or directory ~",
            "output (stdout): ls: cannot access '/nonexistent-dir': No such file or directory  ~",
            "said: Step 3 ~",
            "said: All done. ~",
            "api call (6,240 tokens) sum",
            "completed ~",
            "stopped ~",
        ],
    );
}

#[test]
fn the_stream_of_patches() {
    check(
        &streamed(&lines("patch/exec.jsonl")),
        &[
            "created #created",
            "started #started",
            "said: Step 1 ~",
            "apply_patch: hello.txt ~",
            "new file /home/dev/work/demo/hello.txt ~",
            "said: Step 2 ~",
            "apply_patch: hello.txt ~",
            "edited /home/dev/work/demo/hello.txt ~",
            "said: Step 3 ~",
            "apply_patch: hello.txt ~",
            "deleted /home/dev/work/demo/hello.txt ~",
            "said: Step 4 ~",
            "said: All done. ~",
            "api call (7,800 tokens) sum",
            "completed ~",
            "stopped ~",
        ],
    );
}

#[test]
fn the_stream_of_limits() {
    check(
        &streamed(&lines("429/exec.jsonl")),
        &[
            "created #created",
            "started #started",
            "rate limit 429: Reconnecting... 1/2 (exceeded retry limit, last status: 429 Too Many Requests) ~",
            "rate limit 429: Reconnecting... 2/2 (exceeded retry limit, last status: 429 Too Many Requests) ~",
            "said: ok ~",
            "api call (1,560 tokens) sum",
            "completed ~",
            "stopped ~",
        ],
    );
}

#[test]
fn the_stream_of_a_failure() {
    check(
        &streamed(&lines("400/exec.jsonl")),
        &[
            "created #created",
            "started #started",
            "api error invalid_request_error: mock bad request ~",
            "failed: mock bad request ~",
            "stopped ~",
        ],
    );
}

#[test]
fn the_rollout_of_commands() {
    check(
        &rollout("main"),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:7dd3:53ca~",
            "said: Step 1 #message:msg_3~",
            "Bash: echo hello > hello.txt; ls #tool:call_mock_3~",
            "output (stdout): hello.txt  #tool:call_mock_3:stdout~",
            "said: Step 2 #message:msg_7~",
            "api call gpt-mock (1,560 tokens) #api:resp_mock_3~",
            "Bash failed, exit 2: ls /nonexistent-dir · ls: cannot access '/nonexistent-dir': No such file or directory #tool:call_mock_7~",
            "output (stdout): ls: cannot access '/nonexistent-dir': No such file or directory  #tool:call_mock_7:stdout~",
            "said: Step 3 #message:msg_10~",
            "api call gpt-mock (1,560 tokens) #api:resp_mock_7~",
            "update_plan failed: Delete file · unsupported call: update_plan #tool:call_mock_10~",
            "said: All done. #message:msg_13~",
            "api call gpt-mock (1,560 tokens) #api:resp_mock_10~",
            "api call gpt-mock (1,560 tokens) #api:resp_mock_13~",
            "resource usage #context:7dd3",
            "completed #turn:7dd3:completed:5b16~",
        ],
    );
}

#[test]
fn the_rollout_of_patches() {
    check(
        &rollout("patch"),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:77b3:53ca~",
            "said: Step 1 #message:msg_3~",
            "apply_patch: hello.txt #tool:call_mock_3~",
            "new file /home/dev/work/demo/hello.txt +2 #tool:call_mock_3:file~",
            "said: Step 2 #message:msg_7~",
            "api call gpt-5.5 (1,560 tokens) #api:resp_mock_3~",
            "apply_patch: hello.txt #tool:call_mock_7~",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:call_mock_7:file~",
            "said: Step 3 #message:msg_10~",
            "api call gpt-5.5 (1,560 tokens) #api:resp_mock_7~",
            "apply_patch: hello.txt #tool:call_mock_10~",
            "deleted /home/dev/work/demo/hello.txt #tool:call_mock_10:file~",
            "said: Step 4 #message:msg_13~",
            "api call gpt-5.5 (1,560 tokens) #api:resp_mock_10~",
            "update_plan failed: Delete file · unsupported call: update_plan #tool:call_mock_13~",
            "said: All done. #message:msg_17~",
            "api call gpt-5.5 (1,560 tokens) #api:resp_mock_13~",
            "api call gpt-5.5 (1,560 tokens) #api:resp_mock_17~",
            "resource usage #context:77b3",
            "completed #turn:77b3:completed:5b16~",
        ],
    );
}

#[test]
fn the_rollout_of_a_failure() {
    check(
        &rollout("400"),
        &[
            "created #created",
            "started #started",
            "prompt: say ok #asked:7781:5a60~",
            "api error invalid_request_error: mock bad request #request:7781:api-error~",
            "failed: mock bad request #turn:7781:failed~",
        ],
    );
}

/// A limit has no code, only words; some versions write the error before the turn's end, which then says nothing of it.
#[test]
fn a_turn_that_failed_is_not_completed_whichever_line_says_so() {
    let told = |lines: &[(&str, Value)]| {
        let mut rollout = Transcript::new(Agent::Codex, "rollout-2026-11-22T19-00-00-s1.jsonl").expect("Codex keeps a record");
        let line = |(time, payload): &(&str, Value)| {
            let line =
                serde_json::json!({"timestamp": format!("2026-11-22T19:00:{time}Z"), "type": "event_msg", "payload": payload});
            rollout.line(line.to_string().as_bytes()).expect("it is understood")
        };
        let drafts: Vec<Draft> = lines.iter().flat_map(line).collect();
        drafts.iter().map(|draft| draft.kind.short()).collect::<Vec<_>>()
    };
    let begun = |turn: &str| ("01", serde_json::json!({"type": "task_started", "turn_id": turn}));
    let over = |turn: &str, error: Option<&str>| {
        (
            "03",
            serde_json::json!({"type": "task_complete", "turn_id": turn, "error": error.map(|error| serde_json::json!({"message": error}))}),
        )
    };
    let limit = "Quota exceeded. Check your plan and billing details.";
    assert_eq!(told(&[begun("t1"), over("t1", Some(limit))]), ["rate_limit", "failed"]);
    assert_eq!(told(&[begun("t1"), over("t1", Some("sandbox died"))]), ["failed"]);
    let error = |message: &str| ("02", serde_json::json!({"type": "error", "message": message}));
    assert_eq!(told(&[begun("t1"), error(limit), over("t1", None)]), ["rate_limit", "failed"]);
    assert_eq!(
        told(&[begun("t1"), error(limit), begun("t2"), over("t2", None)]),
        ["rate_limit", "failed", "resumed", "completed"]
    );
}

#[test]
fn an_older_rollout() {
    check(
        &recorded("rollout.jsonl", &lines("rollout-legacy.jsonl")),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt #asked:2025-11-02T10:00:01.000Z:53ca~",
            "thought: **Planning** #thought:2025-11-02T10:00:02.000Z~",
            "Bash: echo hello > hello.txt #tool:call_1~",
            "api call gpt-5-codex (1,560 tokens) #api:total-1500-1000-0-60~",
            "said: Done. #message:2025-11-02T10:00:05.000Z~",
            "resource usage #context:2025-11-02T10:00:01.000Z",
            "paused (interrupted) #turn:2025-11-02T10:00:01.000Z:stopped~",
        ],
    );
}

#[test]
fn the_telemetry_of_limits() {
    check(
        &logs("429"),
        &[
            "created #created",
            "started #started",
            "prompt: say ok ~",
            "rate limit gpt-mock (0.0 s) 429: http 429 #request:2026-11-22T19:00:08.202000Z:rate-limit~",
            "rate limit gpt-mock (0.0 s) 429: http 429 #request:2026-11-22T19:00:09.222000Z:rate-limit~",
            "api call gpt-mock (1,560 tokens) ~",
        ],
    );
}

#[test]
fn the_telemetry_of_patches() {
    check(
        &logs("patch"),
        &[
            "created #created",
            "started #started",
            "prompt: please write hello.txt ~",
            "api call gpt-5.5 (1,560 tokens) ~",
            "apply_patch: hello.txt #tool:call_mock_3~",
            "api call gpt-5.5 (1,560 tokens) ~",
            "apply_patch: hello.txt #tool:call_mock_7~",
            "api call gpt-5.5 (1,560 tokens) ~",
            "apply_patch: hello.txt #tool:call_mock_10~",
            "api call gpt-5.5 (1,560 tokens) ~",
            "update_plan failed: Delete file #tool:call_mock_13~",
            "api call gpt-5.5 (1,560 tokens) ~",
        ],
    );
}

/// A payload of `hook` with what all payloads have, and `more`.
fn payload(hook: &str, more: &Value) -> Value {
    let mut payload = json!({"hook_event_name": hook, "session_id": "s", "turn_id": "t", "cwd": "/w", "transcript_path": null});
    payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    payload
}

#[test]
fn hooks_that_no_run_fired() {
    let cases: &[(&str, Value, &[&str])] = &[
        ("SessionStart", json!({"source": "clear"}), &["created #created", "started #started"]),
        ("SessionStart", json!({"source": "resume"}), &["created #created ?unknown", "resumed (resume) ~"]),
        ("SessionStart", json!({"source": "compact"}), &[]),
        (
            "PermissionRequest",
            json!({"tool_name": "Bash", "tool_input": {"command": "rm -rf /"}}),
            &["paused (permission): Bash: rm -rf / ~"],
        ),
        ("PreCompact", json!({"trigger": "auto"}), &["resource limit ~"]),
        ("PreCompact", json!({"trigger": "manual"}), &[]),
        ("PostCompact", json!({"trigger": "auto"}), &["milestone context compacted ~"]),
        (
            "SubagentStart",
            json!({"agent_id": "a", "agent_type": "worker"}),
            &["created /a #agent:a:created", "started /a #agent:a:started"],
        ),
        (
            "SubagentStop",
            json!({"agent_id": "a", "last_assistant_message": "done"}),
            &["completed /a #agent:a:turn:t:completed:PRINT~ ?known", "stopped /a ~ ?known"],
        ),
        ("Interrupt", json!({}), &["paused (interrupted) #turn:t:stopped~"]),
        (
            "PostToolUse",
            json!({"tool_name": "mcp__files__read", "tool_input": {"path": "/w/a"}, "tool_use_id": "c"}),
            &["resumed (tool) #tool:c:resumed-after ?pc", "mcp__files__read: /w/a #tool:c~"],
        ),
        // A patch that did not apply changed nothing.
        (
            "PostToolUse",
            json!({"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n*** Delete File: a\n*** End Patch"},
                "tool_response": "apply_patch verification failed", "tool_use_id": "c"}),
            &["resumed (tool) #tool:c:resumed-after ?pc", "apply_patch: a #tool:c~"],
        ),
    ];
    for (hook, more, expected) in cases {
        let print = thread::print("done");
        let expected: Vec<String> = expected.iter().map(|line| line.replace("PRINT", &print[14..18])).collect();
        let lines: Vec<String> = read(&payload(hook, more)).iter().map(line).collect();
        assert_eq!(lines, expected, "{hook} {more}");
    }
}

#[test]
fn a_notification_is_the_end_of_the_turn_that_stop_tells() {
    let [notified] = &read(&lines("main/notify.jsonl")[0])[..] else { panic!("one draft") };
    assert!(hooks("main").iter().any(|draft| draft.key == notified.key && draft.kind == notified.kind));
}

/// The hooks of version 0.169.
const HOOKS: &[&str] = &[
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "Interrupt",
];

#[test]
fn every_known_hook_is_understood_and_every_other_is_one_refusal() {
    for hook in HOOKS {
        let bare = json!({"hook_event_name": hook, "session_id": "s"});
        read(&bare);
        let wrong = json!({"hook_event_name": hook, "session_id": "s", "tool_input": 7, "tool_response": [[]], "source": {}});
        read(&wrong);
    }
    let refused = |payload: &str| read_hook(payload.as_bytes(), &HookContext::default()).expect_err("it is refused").reason;
    let cases = [
        (r#"{"hook_event_name":"Stopp","session_id":"s"}"#, "unknown hook event `Stopp`"),
        (r#"{"hook_event_name":"Stop"}"#, "the payload has no `session_id`"),
        (r#"{"session_id":"s"}"#, "the payload has no `hook_event_name`"),
        (r#"{"type":"agent-turn-begun","thread-id":"s"}"#, "unknown notification `agent-turn-begun`"),
        (r#"{"type":"agent-turn-complete"}"#, "the notification has no `thread-id`"),
    ];
    for (payload, reason) in cases {
        assert_eq!(refused(payload), reason);
    }
}

#[test]
fn a_plan_is_how_far_the_work_is() {
    let item = |done: bool| json!({"type": "todo_list", "id": "item_1", "items": [{"text": "a", "completed": true}, {"text": "b", "completed": done}]});
    let lines = [
        json!({"type": "thread.started", "thread_id": "s"}),
        json!({"type": "item.started", "item": item(false)}),
        json!({"type": "item.updated", "item": item(true)}),
        json!({"type": "item.completed", "item": item(true)}),
    ];
    let told = streamed(&lines);
    check(&told, &["created #created", "started #started", "update_plan 50 %: b ~", "update_plan 100 % ~", "stopped ~"]);
    let call = json!({"type": "response_item", "payload": {"type": "function_call", "name": "update_plan", "call_id": "c",
        "arguments": r#"{"plan":[{"step":"a","status":"completed"},{"step":"b","status":"in_progress"}]}"#}});
    let answer =
        json!({"type": "response_item", "payload": {"type": "function_call_output", "call_id": "c", "output": "Plan updated"}});
    let [recorded] = &recorded("rollout-2026-11-22T18-58-41-s.jsonl", &[call, answer])[..] else { panic!("one draft") };
    let (Key::Either { repeat, .. }, Key::Repeat(told)) = (&recorded.key, &told[2].key) else { panic!("{:?}", recorded.key) };
    assert_eq!(repeat, told);
}

/// A rollout of two turns of a person's session, whose calls have tokens of their own.
fn two_turns(source: &Value) -> Vec<Value> {
    let event = |payload: Value| json!({"timestamp": "2026-11-22T18:58:41Z", "type": "event_msg", "payload": payload});
    let record = |n: u64, total: u64| {
        let usage = |n: u64| json!({"input_tokens": n, "cached_input_tokens": 0, "output_tokens": 0});
        json!({"timestamp": "2026-11-22T18:58:41Z", "type": "token_usage_record", "payload":
            {"thread_id": "s", "response_id": format!("r{total}"), "usage": usage(n), "thread_token_usage": usage(total)}})
    };
    vec![
        json!({"type": "session_meta", "payload": {"id": "s", "session_id": "root", "source": source, "cwd": "/w"}}),
        event(json!({"type": "task_started", "turn_id": "t1"})),
        record(10, 10),
        record(20, 30),
        event(json!({"type": "turn_aborted", "turn_id": "t1", "reason": "interrupted"})),
        event(json!({"type": "task_started", "turn_id": "t2"})),
        record(5, 35),
        // Of the thread that this one forked off.
        json!({"type": "token_usage_record", "payload": {"thread_id": "other", "response_id": "r", "usage": {"input_tokens": 9, "output_tokens": 9}}}),
        event(json!({"type": "task_started", "turn_id": "t3"})),
        record(7, 42),
    ]
}

#[test]
fn calls_of_a_subagent_have_tokens_of_their_own() {
    let source = json!({"subagent": {"thread_spawn": {"parent_thread_id": "root", "agent_nickname": "Ada"}}});
    check(
        &recorded("r", &two_turns(&source)),
        &[
            "created /s #agent:s:created",
            "started /s #agent:s:started",
            "api call (10 tokens) /s #agent:s:api:r10~",
            "api call (20 tokens) /s #agent:s:api:r30~",
            "paused (interrupted) /s #agent:s:turn:t1:stopped~",
            "resumed (prompt) /s #agent:s:turn:t2:resumed",
            "api call (5 tokens) /s #agent:s:api:r35~",
            "api call (7 tokens) /s #agent:s:api:r42~",
        ],
    );
}

#[test]
fn calls_of_exec_have_tokens_of_their_own() {
    let mut lines = two_turns(&json!("exec"));
    lines[0]["payload"]["session_id"] = json!("s");
    check(
        &recorded("r", &lines),
        &[
            "created #created",
            "started #started",
            "api call (10 tokens) #api:r10~",
            "api call (20 tokens) #api:r30~",
            "paused (interrupted) #turn:t1:stopped~",
            "resumed (prompt) #turn:t2:resumed",
            "api call (5 tokens) #api:r35~",
            "api call (7 tokens) #api:r42~",
        ],
    );
}

#[test]
fn telemetry_tells_tokens() {
    let attributes = json!({"event.name": "codex.sse_event", "event.kind": "response.completed", "conversation.id": "s",
        "event.timestamp": "2026-11-22T18:58:41Z", "input_token_count": "10", "output_token_count": 2, "cached_token_count": 4});
    let [told] = &log("codex_cli_rs", &attributes).expect("it names a session")[..] else { panic!("one draft") };
    let Body::Provider(provider) = &told.body else { panic!("{:?}", told.body) };
    let tokens = (provider.input_tokens, provider.cache_read_tokens, provider.output_tokens, provider.tokens_used);
    assert_eq!(tokens, (Some(6), Some(4), Some(2), Some(12)));
    assert_eq!(log("codex_exec", &attributes).map(|told| told.len()), Ok(1));
    assert!(log("codex_exec", &json!({"event.name": "codex.api_request"})).is_err());
    assert_eq!(log("codex_exec", &json!({"event.name": "codex.startup_phase"})), Ok(Vec::new()));
}

/// Which of the conversations of a terminal is a session, hooks and the rollout say.
#[test]
fn a_conversation_at_a_terminal_may_be_one_in_passing() {
    let starts = |originator: &str| {
        let attributes = json!({"event.name": "codex.conversation_starts", "conversation.id": "s", "originator": originator});
        let told = log("codex", &attributes).expect("it names a session");
        told.iter().map(|draft| (draft.kind, draft.only_if.clone(), draft.may_be_aside)).collect::<Vec<_>>()
    };
    let steps = |only_if: Option<Condition>, may_be_aside| {
        [EventType::Created, EventType::Started].map(|kind| (kind, only_if.clone(), may_be_aside)).to_vec()
    };
    assert_eq!(starts("codex-tui"), steps(Some(Condition::Known), true));
    assert_eq!(starts("codex_exec"), steps(None, false));
}

#[test]
fn a_plan_says_how_much_of_it_is_done_and_a_turn_with_what_it_goes_on() {
    let at = |payload: Value, kind: &str| json!({"timestamp": "2026-11-22T18:58:41Z", "type": kind, "payload": payload});
    let context = |turn: &str, model: &str, approval: &str| {
        at(json!({"turn_id": turn, "model": model, "approval_policy": approval}), "turn_context")
    };
    let plan = json!({"plan": [{"step": "a", "status": "completed"}, {"step": "b", "status": "in_progress"}]}).to_string();
    let lines = [
        at(json!({"id": "s", "cwd": "/w", "git": {"branch": "main", "commit_hash": "abc"}}), "session_meta"),
        context("t1", "m1", "never"),
        at(json!({"type": "function_call", "call_id": "c", "name": "update_plan", "arguments": plan}), "response_item"),
        at(json!({"type": "function_call_output", "call_id": "c", "output": "Plan updated"}), "response_item"),
        context("t2", "m2", "on-request"),
        context("t3", "m2", "on-request"),
    ];
    let told = recorded("rollout-2026-11-22T18-58-41-s.jsonl", &lines);
    let begun = [DataKey::Branch, DataKey::Commit].map(|key| told[0].data[key.name()].clone());
    assert_eq!(begun, [json!("main"), json!("abc")]);
    let [plan, model, mode] = &told[2..] else { panic!("{told:?}") };
    assert_eq!([DataKey::StepsDone, DataKey::StepsTotal].map(|key| plan.data[key.name()].clone()), [json!(1), json!(2)]);
    assert_eq!(
        [line(model), line(mode)].map(|line| line.split(" #").next().map(str::to_owned)),
        [Some("model: m2".to_owned()), Some("mode: on-request".to_owned()),]
    );
}

#[test]
fn what_a_person_decided_is_waited_for_no_more() {
    let decided = |decision: &str, source: &str| {
        let attributes = json!({"event.name": "codex.tool_decision", "conversation.id": "s", "call_id": "c", "decision": decision, "source": source});
        let told = log("codex_exec", &attributes).expect("it names a session");
        told.iter().map(|draft| (draft.kind, draft.data["granted"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(decided("approved", "User"), [(EventType::Resumed, json!(true))]);
    assert_eq!(decided("denied", "User"), [(EventType::Resumed, json!(false))]);
    assert_eq!(decided("approved", "Config"), []);
}

const WORDS: &[&str] = &[
    "type",
    "item",
    "payload",
    "id",
    "call_id",
    "command",
    "changes",
    "usage",
    "output",
    "content",
    "message",
    "item.completed",
    "item_completed",
    "event_msg",
    "response_item",
    "file_change",
    "token_count",
    "function_call",
    "",
];

/// JSON of the fixtures' own words, in any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        prop::sample::select(WORDS).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(WORDS).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_line_panics(values in prop::collection::vec(any_json(), 1..6)) {
        let mut rollout =
            Transcript::new(Agent::Codex, "rollout-2026-11-22T18-58-41-s.jsonl").expect("Codex keeps a record");
        let opening = json!({"type": "thread.started", "thread_id": "s"});
        let mut stream = Stream::new(&HookContext::default());
        prop_assert!(!stream.line(opening.to_string().as_bytes()).is_empty());
        for value in &values {
            let mut drafts = stream.line(value.to_string().as_bytes());
            drafts.extend(rollout.line(value.to_string().as_bytes()).unwrap_or_default());
            for hook in HOOKS {
                drafts.extend(read(&payload(hook, &json!({"tool_name": "apply_patch", "tool_input": value, "tool_response": value}))));
            }
            for draft in &drafts {
                event(draft);
            }
        }
    }
}
