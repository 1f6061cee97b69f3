//! A captured run of Copilot CLI through all its channels: each fact once, with the run's own figures.

use ai_coder_events::source::Agent;
use serde_json::{Value, json};

use super::{
    channels::{
        check_every_order, check_that_nothing_panics, hook, hooks, lines, nameless_hooks, refused, tally, telemetry, transcript,
        transcript_of,
    },
    home::Home,
};

/// The tokens are those of `session.shutdown` in events.jsonl: 7500 in, 5000 of them cached, 300 out.
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
            hooks(Agent::Copilot, "copilot/hooks.jsonl"),
            transcript(Agent::Copilot, "copilot/events.jsonl"),
            telemetry("copilot/otlp-traces.json"),
        ],
        RUN,
    );
}

#[test]
fn a_transcript_alone_tells_a_whole_life() {
    assert_eq!(tally(&transcript(Agent::Copilot, "copilot/events.jsonl")), RUN.iter().copied().collect());
}

#[test]
fn spans_count_every_call() {
    let found = tally(&telemetry("copilot/otlp-traces.json"));
    let counts = ["api_call", "progress", "completed", "tokens in", "tokens out", "tokens cached"].map(|name| found[name]);
    assert_eq!(counts, [5, 4, 1, 2500, 300, 5000]);
}

#[test]
fn the_hooks_of_a_run() {
    let drafts = hooks(Agent::Copilot, "copilot/hooks.jsonl");
    assert_eq!(
        lines(&drafts),
        [
            "created (new) #created",
            "started (new) #started",
            "prompt: please write hello.txt ?known",
            "resumed (prompt) ?pcfsd",
            "resumed (tool) ?pc",
            "create running: /home/dev/work/demo/hello.txt ?known",
            "resumed (tool) ?pc",
            "create: /home/dev/work/demo/hello.txt ?known",
            "new file /home/dev/work/demo/hello.txt +2 ?known",
            "resumed (tool) ?pc",
            "edit running: /home/dev/work/demo/hello.txt ?known",
            "resumed (tool) ?pc",
            "edit: /home/dev/work/demo/hello.txt ?known",
            "edited /home/dev/work/demo/hello.txt +1 −1 ?known",
            "resumed (tool) ?pc",
            "bash running: rm hello.txt && ls -la ?known",
            "resumed (tool) ?pc",
            "bash: rm hello.txt && ls -la ?known",
            "deleted /home/dev/work/demo/hello.txt ?known",
            "output (stdout): total 16 drwxr-xr-x  4 root root 4096 Nov 22 19:06 . drwxr-xr-x 16 root root 4096 Nov 22 19:06 .. drwxr-xr-x  7 root … ?known",
            "resumed (tool) ?pc",
            "view running: /home/dev/work/demo/nope.txt ?known",
            "resumed (tool) ?pc",
            "view failed: /home/dev/work/demo/nope.txt · Path does not exist ?known",
            "completed (end_turn) #turn:a04b8230cfc8aa727726cb0562e9a083 ?known",
            "stopped (complete)",
        ]
    );
    assert_eq!(nameless_hooks(Agent::Copilot, "copilot/hooks.jsonl"), drafts, "the payload's fields tell which hook it is of");
}

fn payload(hook: &str, more: Value) -> Value {
    let mut payload = json!({"hookName": hook, "sessionId": "s1", "cwd": "/w", "timestamp": 1_795_374_414_612_u64});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payload
}

#[test]
fn hooks_that_the_run_does_not_have() {
    let check = |name: &str, more: Value, expected: &[&str]| {
        assert_eq!(lines(&hook(Agent::Copilot, &payload(name, more.clone()))), expected, "{name} {more}");
    };
    check("sessionStart", json!({"source": "resume"}), &["created (resume) #created ?unknown", "resumed (resume)"]);
    check("permissionRequest", json!({"toolName": "bash", "toolInput": {"command": "ls"}}), &[]);
    check("notification", json!({"notification_type": "permission_prompt", "message": "may I?"}), &["paused (permission)"]);
    check("notification", json!({"notification_type": "elicitation_dialog"}), &["paused (question)"]);
    check("notification", json!({"notification_type": "shell_completed"}), &[]);
    check("preCompact", json!({"trigger": "manual"}), &[]);
    check("preCompact", json!({"trigger": "auto"}), &["resource limit"]);
    check("subagentStart", json!({"agentName": "explore"}), &["created /explore #agent:explore:created", "started /explore"]);
    check("subagentStop", json!({"agentName": "explore"}), &["completed /explore ?known", "stopped /explore ?known"]);
    check(
        "postToolUse",
        json!({"toolName": "bash", "toolArgs": {"command": "rm a && false"}, "toolResult":
               {"resultType": "success", "textResultForLlm": "oh\n<shellId: 0 completed with exit code 1>"}}),
        &["resumed (tool) ?pc", "bash failed, exit 1: rm a && false · oh ?known", "output (stdout): oh ?known"],
    );
    check(
        "postToolUse",
        json!({"toolName": "apply_patch", "toolArgs": "*** Begin Patch\n*** Add File: /w/a\n+x\n*** Delete File: /w/b\n*** End Patch",
               "toolResult": {"resultType": "success"}}),
        &["resumed (tool) ?pc", "apply_patch ?known", "new file /w/a ?known", "deleted /w/b ?known"],
    );
    let error =
        |recoverable, message| json!({"errorContext": "model_call", "recoverable": recoverable, "error": {"message": message}});
    check("errorOccurred", error(true, "429 Too Many Requests"), &["rate limit: 429 Too Many Requests ?known"]);
    check("errorOccurred", error(false, "no route"), &["api error: no route ?known", "failed: no route ?known"]);
    assert_eq!(refused(Agent::Copilot, &payload("lunch", json!({}))), "unknown hook event `lunch`");
    assert_eq!(
        refused(Agent::Copilot, &json!({"sessionId": "s1"})),
        "the payload does not tell which hook it is of: name it, as in `hook copilot sessionStart`"
    );
}

#[test]
fn lines_that_the_run_does_not_have() {
    let line = |kind: &str, data: Value| json!({"type": kind, "data": data, "id": "e1", "timestamp": "2026-11-22T19:00:00Z"});
    let check = |kind: &str, data: Value, expected: &[&str]| {
        let line = line(kind, data).to_string();
        assert_eq!(lines(&transcript_of(Agent::Copilot, [line.as_str()])), expected, "{kind}");
    };
    check("session.resume", json!({}), &["resumed (resume)"]);
    check("model.call_failure", json!({"errorMessage": "slow down (429)"}), &["rate limit: slow down (429) #api_error:e1"]);
    check("subagent.failed", json!({"agentName": "explore", "error": "no"}), &["failed: no /explore", "stopped /explore"]);
    check("abort", json!({"reason": "user"}), &["paused (interrupted)"]);
    check("a.new.kind", json!({}), &[]);
}

#[test]
fn odd_payloads_do_no_harm() {
    for path in ["copilot/hooks.jsonl", "copilot/events.jsonl"] {
        check_that_nothing_panics(Agent::Copilot, path);
    }
}

#[test]
fn the_configuration_may_name_the_hook() {
    let home = Home::new();
    let said = home.feed(&["hook", "copilot", "sessionEnd"], br#"{"sessionId":"s1","timestamp":1795374415297}"#);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""));
    let listed = home.run(&["list", "--json"]).stdout;
    assert!(listed.contains(r#""type":"ai_coder_stopped","coder_id":"copilot:s1""#), "{listed}");
}

#[test]
fn the_calls_of_a_copied_session_count_once() {
    let session = |id: &str| {
        let begun = json!({"type": "session.start", "id": "1", "timestamp": "2026-11-22T19:00:00Z",
            "data": {"sessionId": id, "startTime": "2026-11-22T19:00:00Z"}});
        let used = json!({"type": "session.usage_record", "id": "2", "timestamp": "2026-11-22T19:00:02Z",
            "data": {"usage": {"apiCallId": "chatcmpl-CbVnT4xKq8mZbR2wLsYhJe01", "model": "m", "inputTokens": 10, "outputTokens": 2}}});
        let lines = [begun.to_string(), used.to_string()];
        transcript_of(Agent::Copilot, lines.iter().map(String::as_str))
    };
    let found = tally(&[session("s1"), session("s2"), session("s1")].concat());
    assert_eq!(found["api_call"], 1);
}
