//! Spans by the conventions for generative AI, from whichever service.

use ai_coder_events::{
    event::{Body, Draft, Key},
    source::{
        otel::{Record, Span},
        read_telemetry,
    },
};
use serde_json::{Value, json};

use super::channels::{lines, tally, telemetry};

#[test]
fn a_conversation_of_a_service_is_a_coder() {
    let drafts = telemetry("genai/traces.json");
    assert_eq!(
        lines(&drafts),
        [
            "created #conv_5j66:created",
            "started #conv_5j66:agent:0000000000000001:started",
            "completed #conv_5j66:agent:0000000000000001:ended",
            "api call claude-sonnet-4-5 (6,242 tokens, 0.5 s) #conv_5j66:api:msg_1",
            "Write #conv_5j66:tool:0000000000000003",
            "rate limit claude-sonnet-4-5 429: 429 #conv_5j66:api:0000000000000004",
        ]
    );
    assert!(drafts.iter().all(|draft| draft.coder_id == "my-agent:conv_5j66"));
    // The agent's span sums up what its calls used: they count once.
    let found = tally(drafts.iter().chain(&drafts));
    let counts = ["created", "api_call", "rate_limit", "tokens in", "tokens out", "tokens cached"].map(|name| found[name]);
    assert_eq!(counts, [1, 1, 1, 1200, 42, 5000]);
}

fn read(service: &str, error: Option<&str>, attributes: Value) -> Vec<Draft> {
    let span = Span {
        service: service.to_owned(),
        trace_id: "5b8efff798038103d269b633813fc60c".to_owned(),
        span_id: "01".to_owned(),
        error: error.map(str::to_owned),
        attributes: attributes.clone(),
        ..Span::default()
    };
    read_telemetry(&Record::Span(span)).unwrap()
}

#[test]
fn old_spellings_are_read() {
    let drafts = read(
        "my bot",
        None,
        json!({"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m",
               "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 7, "gen_ai.usage.cache_read_input_tokens": 60}),
    );
    let [draft] = &drafts[..] else { panic!("{drafts:?}") };
    assert_eq!(draft.coder_id, "my-bot:5b8efff798038103d269b633813fc60c");
    let Body::Provider(call) = &draft.body else { panic!("{draft:?}") };
    assert_eq!(call.provider.as_deref(), Some("openai"));
    let counts = (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.tokens_used);
    assert_eq!(counts, (Some(40), Some(60), Some(7), Some(107)));
}

#[test]
fn what_failed_says_so() {
    let check = |operation: &str, error: Option<&str>, code: Option<&str>, expected: &[&str]| {
        let attributes = json!({"gen_ai.operation.name": operation, "error.type": code});
        let drafts = read("s", error, attributes);
        assert_eq!(drafts.iter().map(|draft| draft.kind.short()).collect::<Vec<_>>(), expected, "{operation} {error:?} {code:?}");
    };
    check("chat", None, None, &["api_call"]);
    check("chat", Some(""), None, &["api_error"]);
    check("chat", None, Some("timeout"), &["api_error"]);
    check("chat", Some("too many requests"), None, &["rate_limit"]);
    check("generate_content", None, None, &["api_call"]);
    check("invoke_agent", Some("no"), None, &["created", "started", "failed"]);
    check("execute_tool", Some("no"), None, &["progress"]);
    check("plan", None, None, &[]);
}

#[test]
fn an_id_of_any_length_makes_a_short_key() {
    let draft = |id: &str| read("s", None, json!({"gen_ai.operation.name": "chat", "gen_ai.response.id": id})).remove(0);
    let key = |id: &str| match draft(id).key {
        Key::Natural(key) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(key("msg_1"), "genai:s:5b8efff798038103d269b633813fc60c:api:msg_1");
    let [long, longer] = [key(&"x".repeat(20_000)), key(&"x".repeat(20_001))];
    assert!(long.len() < 200 && long != longer, "{long}");
}
