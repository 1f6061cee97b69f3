//! The door and the wire: what is taken, what is refused and in which words, and that nothing changes on the way.

mod absurd;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::text::Redactor;

use super::{BYTES_MAX, Body, Draft, Event, EventType, FieldKind, Key, Time, bounds};

fn now() -> Time {
    Time::parse("2026-11-22T20:00:00Z").expect("valid")
}

fn event_of(line: &str) -> Result<Event, String> {
    let draft = Draft::parse(line).map_err(|invalid| invalid.to_string())?;
    let checked = draft.check(now(), &Redactor::default()).map_err(|invalid| invalid.to_string())?;
    let id = checked.event().id.clone();
    Ok(checked.into_event(7, if id.is_empty() { "made".into() } else { id }))
}

#[test]
fn refusals_name_the_field_the_value_and_what_is_valid() {
    let check = |line: &str, expected: &str| match event_of(line) {
        Ok(event) => panic!("taken: {line} as {event:?}"),
        Err(message) => assert!(message.contains(expected), "{line}\n  says: {message}\n  not:  {expected}"),
    };
    check("", "not a JSON object");
    check("{", "not a JSON object");
    check("[1]", "`event` is `[1]`: give a JSON object");
    check(r#"{"coder_id":"a"}"#, "`type` is missing");
    check(r#"{"type":null,"coder_id":"a"}"#, "`type` is missing");
    check(r#"{"type":5,"coder_id":"a"}"#, "`type` is `5`: give text");
    check(r#"{"type":"compelted","coder_id":"a"}"#, "did you mean `ai_coder_completed`?");
    check(r#"{"type":"progress"}"#, "`coder_id` is missing");
    check(r#"{"type":"progress","coder_id":""}"#, "`coder_id` is missing");
    check(r#"{"type":"progress","coder_id":7}"#, "`coder_id` is `7`: give text");
    check(r#"{"type":"progress","coder_id":"a b"}"#, "without spaces");
    check("{\"type\":\"progress\",\"coder_id\":\"a\u{200b}b\"}", "without spaces");
    check(&format!(r#"{{"type":"progress","coder_id":"{}"}}"#, "x".repeat(129)), "1 to 128 characters");
    check(r#"{"type":"progress","coder_id":"a","progress":1.5}"#, "`progress` is `1.5`: give a number from 0 to 1");
    check(r#"{"type":"progress","coder_id":"a","progress":"0.5"}"#, "`progress` is `\"0.5\"`: give a number from 0 to 1");
    check(r#"{"type":"api_call","coder_id":"a","tokens_used":-1}"#, "`tokens_used` is `-1`: give a whole number");
    check(r#"{"type":"api_call","coder_id":"a","tokens_used":1.5}"#, "`tokens_used` is `1.5`: give a whole number");
    check(r#"{"type":"started","coder_id":"a","reason":["x"]}"#, "`reason` is `[\"x\"]`: give text");
    check(r#"{"type":"started","coder_id":"a","data":[]}"#, "`data` is `[]`: give a JSON object");
    check(
        r#"{"type":"started","coder_id":"a","timestamp":"yesterday"}"#,
        "`timestamp` is `\"yesterday\"`: give an RFC 3339 time",
    );
    check(r#"{"type":"started","coder_id":"a","timestamp":1700000000}"#, "`timestamp` is `1700000000`: give text");
    check(r#"{"type":"started","coder_id":"a","timestamp":"2026-11-23T20:00:01Z"}"#, "at most a day ahead");
    check(r#"{"type":"started","coder_id":"a","id":"a\u0007"}"#, "printable");
    check(r#"{"type":"failure_alert","coder_id":"a"}"#, "made by the recorder");
    check(r#"{"type":"failure_alert","coder_id":"a","id":"x"}"#, "made by the recorder");
    check(r#"{"type":"failure_alert","coder_id":"a","id":"x","cause_id":"\u200b"}"#, "made by the recorder");
    check(&format!(r#"{{"type":"started","coder_id":"a","x":"{}"}}"#, "x".repeat(BYTES_MAX)), "at most 262144 are valid");
    check(
        &format!(r#"{{"type":"started","coder_id":"a","data":{{"x":{}1{}}}}}"#, "[".repeat(31), "]".repeat(31)),
        "deeper than 32",
    );
    check(
        &format!(r#"{{"type":"started","coder_id":"a","x":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
        "`event` is nested deeper than 32",
    );
    // Small enough as given, but each secret makes room for a longer mark.
    let secrets = vec!["a"; 40_000];
    check(&json!({"type": "started", "coder_id": "a", "password": secrets}).to_string(), "at most 262144 are valid");
    let long = event_of(&format!(r#"{{"type":"{}","coder_id":"a"}}"#, "y".repeat(10_000))).expect_err("unknown");
    assert!(!long.contains(&"y".repeat(81)), "echoes too much: {long}");
}

#[test]
fn lenient_in_form() {
    let check = |line: &str, expected: Value| {
        let mut written = event_of(line).unwrap_or_else(|message| panic!("{line}: {message}")).to_value();
        for known in ["seq", "type", "coder_id"] {
            written.as_object_mut().expect("an object").remove(known);
        }
        assert_eq!(written, expected, "{line}");
    };
    let at = "2026-11-22T20:00:00.000000Z";
    check(r#"{"type":"started","coder_id":"a"}"#, json!({"id": "made", "timestamp": at}));
    check(
        r#"{"type":"ai_coder_started","coder_id":"a","timestamp":"0001-01-01T00:00:00Z"}"#,
        json!({"id": "made", "timestamp": at}),
    );
    check(r#"{"type":"started","coder_id":"a","reason":"","data":null,"id":null}"#, json!({"id": "made", "timestamp": at}));
    check(
        r#"{"type":"started","coder_id":"a","seq":99,"received_at":"x","turn":17}"#,
        json!({"id": "made", "timestamp": at, "data": {"turn": 17}}),
    );
    check(
        r#"{"type":"started","coder_id":"a","turn":1,"data":{"turn":2,"_turn":3}}"#,
        json!({"id": "made", "timestamp": at, "data": {"turn": 1, "__turn": 2, "_turn": 3}}),
    );
    // Names that are one once they are clean.
    check(
        r#"{"type":"started","coder_id":"a","data":{"a\u200b":1,"a":2,"a\u202e":{"\u200cb":3,"b":4}}}"#,
        json!({"id": "made", "timestamp": at, "data": {"a": 2, "_a": 1, "__a": {"b": 4, "_b": 3}}}),
    );
    check(
        r#"{"type":"progress","coder_id":"a","stage":"x","data":{"stage":"y","coder_id":"z","milestone":"m"}}"#,
        json!({"id": "made", "timestamp": at, "stage": "x", "data": {"_stage": "y", "_coder_id": "z", "milestone": "m"}}),
    );
    check(
        r#"{"type":"api_call","coder_id":"a","tokens_used":3.0,"n":18446744073709551615,"m":-9223372036854775808}"#,
        json!({"id": "made", "timestamp": at, "tokens_used": 3, "data": {"n": u64::MAX, "m": i64::MIN}}),
    );
    check(
        r#"{"type":"system_warning","coder_id":"a","id":"w","cause_id":"c","warning":"rate_limit"}"#,
        json!({"id": "w", "timestamp": at, "cause_id": "c", "warning": "rate_limit"}),
    );
    check(
        &format!(r#"{{"type":"started","coder_id":"a","data":{{"x":{}1{}}}}}"#, "[".repeat(30), "]".repeat(30)),
        json!({"id": "made", "timestamp": at, "data": {"x": serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(30), "]".repeat(30))).expect("valid")}}),
    );
}

#[test]
fn defect_02_nothing_of_what_go_writes_is_lost() {
    for line in include_str!("../../tests/fixtures/go-events.jsonl").lines() {
        let event = event_of(line).unwrap_or_else(|message| panic!("{line}: {message}"));
        let given: serde_json::Map<String, Value> = serde_json::from_str(line).expect("valid");
        let written = event.to_value();
        for (name, value) in given {
            let missing = value.is_null() || value == "";
            match name.as_str() {
                _ if missing => assert_eq!(written.get(&name), None, "{line}"),
                "timestamp" => assert_eq!(event.timestamp.to_string()[..26], value.as_str().expect("text")[..26], "{line}"),
                _ if value.is_number() => assert_eq!(written[&name].as_f64(), value.as_f64(), "{line}"),
                _ => assert_eq!(written.get(&name), Some(&value), "{line}"),
            }
        }
    }
}

#[test]
fn defect_06_an_event_shares_nothing_with_its_draft() {
    let mut draft = Draft::new(EventType::Started, "a").with("turn", 1);
    let event = draft.clone().check(now(), &Redactor::default()).expect("valid").into_event(1, "x".into());
    draft.data.insert("turn".into(), json!(2));
    assert_eq!(event.data["turn"], json!(1));
}

#[test]
fn a_constructor_of_another_family_is_refused_at_the_door() {
    let draft = Draft::lifecycle("a", EventType::ApiCall, "", "running", "");
    let message = draft.check(now(), &Redactor::default()).expect_err("refused").to_string();
    assert_eq!(message, "`ai_coder_api_call` takes provider fields, not lifecycle ones");
}

#[test]
fn sentences_are_one_line_and_say_what_matters() {
    let check = |line: &str, expected: &str| {
        assert_eq!(super::sentence(&event_of(line).unwrap_or_else(|message| panic!("{line}: {message}"))), expected);
    };
    let sentences = [
        "created (requested by alice)",
        "started",
        "paused (permission)",
        "resumed",
        "progress 42 % (editing): rewriting the session store",
        "milestone 50 % (testing) tests-green: all unit tests pass",
        "output 0 %: cargo test",
        "new file src/session.rs (1204 bytes)",
        "edited src/lib.rs",
        "deleted src/old.rs",
        "workspace sync",
        "api call claude-opus-5-5 (1,842 tokens, 1.5 s)",
        "api error claude-opus-5-5 529: overloaded",
        "rate limit claude-opus-5-5 429: rate limited",
        "resource usage: 512 MiB, 88 % CPU, 20 MiB disk",
        "resource limit: 2048 MiB, 99 % CPU, 20 MiB disk",
        "failed (build): exit status 101",
        "completed",
        "stopped (session ended)",
        "deleted",
    ];
    for (line, expected) in include_str!("../../tests/fixtures/go-events.jsonl").lines().zip(sentences) {
        check(line, expected);
    }
    check(r#"{"type":"failed","coder_id":"a","error_message":"one\ntwo"}"#, "failed: one two");
    let call = |more: &str| {
        format!(r#"{{"type":"progress","coder_id":"a","stage":"Bash","tool_name":"Bash","description":"Bash: npm test"{more}}}"#)
    };
    check(&call(""), "Bash: npm test");
    check(&call(r#","running":true"#), "Bash running: npm test");
    check(
        &call(
            r#","failed":true,"exit_code":1,"error":"Exit code 1\n> demo@1.0.0 test\nError: expected 3 to be 4\n    at x.js:1""#,
        ),
        "Bash failed, exit 1: npm test · Error: expected 3 to be 4",
    );
    check(r#"{"type":"progress","coder_id":"a","stage":"Bash","description":"Bash: ls /x","failed":true}"#, "Bash failed: ls /x");
    check(r#"{"type":"progress","coder_id":"a","tool_name":"Task","progress":0.5}"#, "Task 50 %");
    check(r#"{"type":"output","coder_id":"a","stream":"assistant","text":"All done."}"#, "said: All done.");
    check(
        r#"{"type":"file_modified","coder_id":"a","file_path":"/w/a.rs","lines_added":12,"lines_removed":3,"file_size":99}"#,
        "edited /w/a.rs +12 −3",
    );
}

#[test]
fn what_lies_in_the_coders_folder_is_named_from_there() {
    let check = |said: &str, folder: &str, expected: &str| {
        let line = json!({"type": "progress", "coder_id": "a", "tool_name": "Bash", "description": said}).to_string();
        let event = event_of(&line).expect("valid");
        assert_eq!(super::sentence_within(&event, Some(folder)), format!("Bash: {expected}"), "{said} in {folder}");
    };
    check("cat /w/demo/src/a.rs", "/w/demo", "cat src/a.rs");
    check("cat /w/demo/src/a.rs", "/w/demo/", "cat src/a.rs");
    check("diff /w/demo/a '/w/demo/b' x=/w/demo/c", "/w/demo", "diff a 'b' x=c");
    check("cd /w/demo && ls /w/demo/ /w/demonstration/a", "/w/demo", "cd /w/demo && ls /w/demo/ /w/demonstration/a");
    check("cat /tmp/w/a ./w/a ~/w/w/a", "/w", "cat /tmp/w/a ./w/a ~/w/w/a");
    check("cat /a", "/", "cat /a");
}

#[test]
fn a_draft_that_would_not_read_back_is_refused() {
    let check = |draft: Draft, expected: &str| {
        let message = draft.check(now(), &Redactor::default()).expect_err(expected).to_string();
        assert!(message.starts_with(expected), "{message}");
    };
    check(Draft::progress("a", f64::NAN, "", ""), "`progress` is `null`: give a number from 0 to 1");
    check(Draft::resource("a", 1, -0.5, 1), "`cpu_percent` is `-0.5`: give a number, zero or more");
    check(Draft::resource("a", 1, f64::INFINITY, 1), "`cpu_percent` is `null`: give a number, zero or more");
    for micros in [i64::MIN, Time::parse("0001-01-01T00:00:00Z").expect("valid").micros() - 1] {
        let draft = Draft { timestamp: Some(Time::from_micros(micros)), ..Draft::new(EventType::Started, "a") };
        check(draft, "`timestamp` is `");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn valid_object() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let extras = proptest::collection::btree_map("[a-z_]{1,12}", json_value(), 0..5);
    let kinds = 0..EventType::ALL.len() - 3;
    (kinds, extras, proptest::collection::vec(any::<u64>(), 16), ".{0,20}").prop_map(|(kind, extras, numbers, text)| {
        let kind = EventType::ALL[kind];
        let mut object: serde_json::Map<String, Value> = extras.clone().into_iter().collect();
        object.insert("data".into(), Value::Object(extras.into_iter().collect()));
        for (field, number) in kind.family().fields().iter().zip(numbers) {
            let bound = bounds::of_field(kind.family().name(), field.name);
            let number = bound.map_or(number, |bound| number % (bound.most / 7));
            let value = match field.kind {
                _ if number.is_multiple_of(3) => Value::Null,
                FieldKind::Line | FieldKind::Text => Value::from(text.clone()),
                FieldKind::Fraction => json!((number % 1000) as f64 / 999.0),
                FieldKind::Number => json!(number as f64 / 7.0),
                FieldKind::Count => json!(number),
            };
            object.insert(field.name.into(), value);
        }
        for (name, value) in
            [("type", json!(kind.name())), ("coder_id", json!("fix-auth/1")), ("timestamp", json!("2026-11-22T19:00:00.25Z"))]
        {
            object.insert(name.into(), value);
        }
        for envelope in ["id", "source", "coder_name"] {
            object.remove(envelope);
        }
        object
    })
}

proptest! {
    #[test]
    fn any_event_written_as_json_reads_back_equal(object in valid_object()) {
        let event = event_of(&Value::Object(object).to_string()).expect("valid");
        let again = event_of(&event.to_line()).expect("what was written is valid");
        prop_assert_eq!(&again, &event);
        let full = serde_json::to_string(&event).expect("an event is JSON");
        prop_assert_eq!(&event_of(&full).expect("what was written is valid"), &event);

        let mut stored = Event { body: event.kind.body(), data: Default::default(), coder_name: None, source: None, ..event.clone() };
        stored.fill_from_stored(&event.stored_body()).expect("what was stored is read");
        prop_assert_eq!(stored, event);
    }

    #[test]
    fn no_line_panics(line in ".{0,200}", object in proptest::collection::btree_map("type|coder_id|progress|data|id|timestamp|.{0,6}", json_value(), 0..8)) {
        drop(event_of(&line));
        drop(event_of(&json!(object).to_string()));
    }
}

#[test]
fn a_natural_key_gives_the_same_id_everywhere() {
    let draft = Draft { key: Key::Natural("claude-code:tool:toolu_01".into()), ..Draft::new(EventType::Progress, "a") };
    let checked = draft.check(now(), &Redactor::default()).expect("valid");
    assert_eq!(checked.event().id, Key::id_of("claude-code:tool:toolu_01"));
    assert!(matches!(checked.event().body, Body::Progress(_)));
}
