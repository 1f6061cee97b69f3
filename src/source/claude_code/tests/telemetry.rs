//! Telemetry.

use serde_json::json;

use super::*;
use crate::source::otel::Point;

fn check(run: &str, expected: &[&str]) {
    let drafts: Vec<Draft> = logs_of(run).iter().flat_map(|log| read_telemetry(log).expect("understood")).collect();
    assert_eq!(lines(&drafts), expected, "{run}");
}

#[test]
fn a_run_that_writes_edits_removes_and_fails_once() {
    check(
        "main",
        &[
            "prompt: please write hello.txt #asked:d197:eb5f~",
            "api call claude-opus-5-5 (6,542 tokens, $0.0081, 0.1 s) #api:req_mock_4~",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_mock_000003",
            "api call claude-opus-5-5 (6,642 tokens, $0.0085, 0.0 s) #api:req_mock_9~",
            "Edit: /home/dev/work/demo/hello.txt #tool:toolu_mock_000008",
            "api call claude-opus-5-5 (6,742 tokens, $0.0089, 0.0 s) #api:req_mock_15~",
            "Bash: rm hello.txt && ls -la #tool:toolu_mock_00000e",
            "api call claude-opus-5-5 (6,842 tokens, $0.0093, 0.0 s) #api:req_mock_20~",
            "Bash failed: ls /nonexistent-dir #tool:toolu_mock_00000j",
            "api call claude-opus-5-5 (6,942 tokens, $0.0097, 0.0 s) #api:req_mock_24~",
        ],
    );
}

#[test]
fn a_subagents_calls_are_its_own() {
    check(
        "subagent",
        &[
            "prompt: use a subagent #asked:21ef:a933~",
            "api call claude-opus-5-5 (6,542 tokens, $0.0081, 0.1 s) #api:req_mock_4~",
            "api call claude-opus-5-5 (6,542 tokens, $0.0081, 0.0 s) /a99b76bbf3cc5e5fd #api:req_mock_8~",
            "Bash: echo from-subagent /a99b76bbf3cc5e5fd #tool:toolu_mock_000007",
            "api call claude-opus-5-5 (6,642 tokens, $0.0085, 0.0 s) /a99b76bbf3cc5e5fd #api:req_mock_12~",
            "Agent: sub task #tool:toolu_mock_000003",
            "api call claude-opus-5-5 (6,642 tokens, $0.0085, 0.0 s) #api:req_mock_17~",
        ],
    );
}

#[test]
fn a_rate_limit_that_does_not_recover() {
    check(
        "429fatal",
        &[
            "prompt: say ok #asked:d77c:2df9~",
            "rate limit claude-opus-5-5 rate_limit: mock rate limit #turn:d77c:rate_limit~",
            "rate limit claude-opus-5-5 rate_limit: mock rate limit #turn:d77c:rate_limit~",
        ],
    );
}

fn log(name: &str, attributes: Value) -> Record {
    let mut attributes = attributes;
    attributes.as_object_mut().expect("an object").entry("session.id").or_insert("s1".into());
    Record::Log(Log { service: SERVICE.to_owned(), name: name.to_owned(), attributes, ..Log::default() })
}

#[test]
fn records_one_by_one() {
    let error = json!({"status_code": "500", "error": "boom", "prompt.id": "p1", "query_source": "title"});
    let cases: &[(&str, Value, &[&str])] = &[
        ("claude_code.api_error", error, &["api error anthropic 500: boom"]),
        ("api_request", json!({"model": "m"}), &["api call m"]),
        ("tool_result", json!({"tool_use_id": "t1", "tool_name": "Bash", "success": "true"}), &["Bash #tool:t1"]),
        ("tool_decision", json!({"tool_use_id": "t1", "tool_name": "Bash", "decision": "reject"}), &["Bash failed #tool:t1"]),
        ("tool_decision", json!({"tool_use_id": "t1", "tool_name": "Bash", "decision": "accept"}), &[]),
        ("compaction", json!({"trigger": "auto", "success": "true"}), &["milestone context compacted"]),
        ("compaction", json!({"success": "false"}), &[]),
        ("user_prompt", json!({"prompt": "<REDACTED>"}), &[]),
        ("skill_activated", json!({"session.id": ""}), &[]),
    ];
    for (name, attributes, expected) in cases {
        let drafts = read_telemetry(&log(name, attributes.clone())).expect("understood");
        assert_eq!(lines(&drafts), *expected, "{name} {attributes}");
    }
    let nameless = read_telemetry(&log("api_request", json!({"session.id": 7})));
    assert_eq!(nameless.expect_err("refused").reason, "`api_request` has no `session.id`");
}

#[test]
fn only_metrics_that_nobody_else_tells() {
    let point = |name: &str, value: f64| {
        Record::Point(Point {
            service: SERVICE.to_owned(),
            name: name.to_owned(),
            time: Time::parse("2026-11-22T19:00:00Z"),
            value,
            is_delta: true,
            attributes: json!({"session.id": "s1"}),
        })
    };
    let read = |point: &Record| lines(&read_telemetry(point).expect("understood"));
    assert_eq!(read(&point("claude_code.commit.count", 1.0)), ["milestone commit #commit:2026-11-22T19:00:00.000000Z"]);
    assert_eq!(read(&point("claude_code.commit.count", 0.0)), [""; 0]);
    assert_eq!(read(&point("claude_code.token.usage", 7.0)), [""; 0]);
}
