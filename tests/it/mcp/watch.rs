//! `subscribe_coder`: when it ends, with what, and in how few words.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, Era, old},
};

use super::{line, seqs};

#[test]
fn nobody_waits_to_hear_that_everything_is_gone() {
    let home = Home::new();
    home.record(&[&line("progress", "a"), &line("progress", "a")]);
    home.ok(&["prune", "--max-age", "0s"]);
    let mut client = Client::start(&home, &[], old());
    let watch = client.call("subscribe_coder", json!({"coder_id": "a", "cursor": 0, "wait_ms": 55_000}));
    assert_eq!((&watch["ended"], &watch["missed"]), (&"gap".into(), &json!({"after": 0, "through": 2})));
    let next = client.call("subscribe_coder", json!({"coder_id": "a", "cursor": watch["cursor"], "wait_ms": 0}));
    assert_eq!((&next["ended"], next.get("missed")), (&"timeout".into(), None));
}

#[test]
fn an_end_that_retention_took_still_ends_the_wait() {
    let home = Home::new();
    home.record(&[&line("created", "a"), &line("failed", "a")]);
    home.ok(&["prune", "--max-age", "0s"]);
    let mut client = Client::start(&home, &[], old());
    let mut watch = |until: &str, wait_ms| {
        client.call("subscribe_coder", json!({"coder_id": "a", "cursor": 0, "until": [until], "wait_ms": wait_ms}))
    };
    let finished = watch("finished", 55_000);
    assert_eq!((&finished["ended"], &finished["missed"]), (&"until".into(), &json!({"after": 0, "through": 2})));
    assert_eq!(watch("paused", 0)["ended"], "timeout");
}

#[test]
fn a_wait_in_vain_moves_the_cursor_past_what_was_not_wanted() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], old());
    let id = client.begin(
        "tools/call",
        json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 1, "wait_ms": 1000}, "_meta": {"progressToken": 1}}),
    );
    client.notice("notifications/progress");
    for (kind, coder) in [("output", "a"), ("progress", "b")] {
        client.call("emit_ai_coder_event", json!({"type": kind, "coder_id": coder}));
    }
    let watch = client.called(id);
    assert_eq!((seqs(&watch), &watch["ended"]), (vec![], &"timeout".into()));
    assert!(watch["cursor"].as_str().expect("a cursor").ends_with("-3"), "{watch}");
}

#[test]
fn a_history_that_was_replaced_during_the_wait_is_a_gap() {
    let home = Home::new();
    home.record(&[&line("created", "a"), &line("progress", "a")]);
    let mut client = Client::start(&home, &[], old());
    let now = client.call("subscribe_coder", json!({"coder_id": "a"}));
    let id = client.begin(
        "tools/call",
        json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": now["cursor"], "wait_ms": 1000}, "_meta": {"progressToken": 1}}),
    );
    client.notice("notifications/progress");
    for suffix in ["", "-wal", "-shm"] {
        let mut file = home.history().into_os_string();
        file.push(suffix);
        std::fs::remove_file(file).unwrap();
    }
    home.record(&[&line("created", "b")]);
    let watch = client.called(id);
    assert_eq!((&watch["ended"], seqs(&watch), watch.get("coder")), (&"gap".into(), vec![], None));
    assert_ne!(watch["cursor"], now["cursor"]);
    assert_eq!(client.call("list_ai_coder_events", json!({}))["events"][0]["coder_id"], "b");
}

#[test]
fn a_script_that_ends_its_input_after_the_call_gets_its_events() {
    let home = Home::new();
    home.record(&[&line("created", "a"), &line("failed", "a")]);
    let mut client = Client::start(&home, &[], old());
    let events = client.begin_call("subscribe_coder", json!({"coder_id": "a", "cursor": 0}));
    let until = client.begin_call("subscribe_coder", json!({"coder_id": "a", "cursor": 0, "until": ["finished"]}));
    let in_vain = client.begin_call("subscribe_coder", json!({"coder_id": "a", "cursor": 2}));
    assert!(client.close().0.success());
    for (id, expected, ended) in [(events, vec![1, 2], "events"), (until, vec![1, 2], "until"), (in_vain, vec![], "shutdown")] {
        let watch = client.called(id);
        assert_eq!((seqs(&watch), &watch["ended"]), (expected, &ended.into()));
    }
}

/// What is asked, and how it ends: why, with which events, how many of which are omitted.
#[test]
fn a_watch_ends_as_the_contract_says() {
    let home = Home::new();
    let types = ["created", "started", "output", "progress", "resource_usage", "milestone", "progress", "completed"];
    home.record(&types.map(|kind| line(kind, "a")).each_ref().map(String::as_str));
    // Its completion brings derived metrics, so the head lies one higher.
    let mut client = Client::start(&home, &[], old());
    let mut check = |arguments: Value, ended: &str, expected: &[u64], omitted: Option<u64>| {
        let mut given = json!({"coder_id": "a", "wait_ms": 0});
        given.as_object_mut().expect("an object").extend(arguments.as_object().cloned().expect("an object"));
        let answer = client.call("subscribe_coder", given);
        assert_eq!(
            (&answer["ended"], &seqs(&answer)[..], answer.get("omitted").and_then(Value::as_u64)),
            (&ended.into(), expected, omitted),
            "{arguments}: {answer}"
        );
        answer
    };
    let now = check(json!({}), "now", &[], None);
    assert_eq!(now["coder"]["status"], "completed");
    let head = now["cursor"].as_str().expect("a cursor").to_owned();
    assert!(head.ends_with("-9"), "{head}");
    let all = check(json!({"cursor": 0}), "events", &[1, 2, 4, 6, 7, 8, 9], None);
    assert_eq!((&all["coder"]["status"], &all["coder_id"]), (&json!("completed"), &json!("a")));
    check(json!({"cursor": 0, "event_types": ["output", "resource.*"]}), "events", &[3, 5], None);
    let first = check(json!({"cursor": 0, "max_events": 2}), "max_events", &[1, 2], None);
    assert!(first["cursor"].as_str().expect("a cursor").ends_with("-2"));
    check(json!({"cursor": 10}), "gap", &[], None);
    check(json!({"cursor": "ffffffff-1"}), "gap", &[], None);
    // By how it stands, with a cursor and without.
    for until in ["completed", "settled"] {
        check(json!({"until": [until]}), "until", &[], None);
        check(json!({"until": [until], "cursor": head}), "until", &[], None);
        check(json!({"until": [until], "cursor": 0, "max_events": 2}), "until", &[8, 9], Some(5));
    }
    // Not by what has passed.
    check(json!({"cursor": 0, "until": ["running"], "max_events": 1}), "timeout", &[9], Some(6));
    check(json!({"until": ["finished"]}), "timeout", &[], None);
    check(json!({"until": ["milestone"]}), "timeout", &[], None);
    // Of types, by what lies between the cursor and now.
    let milestone = check(json!({"cursor": 0, "until": ["milestone"]}), "until", &[1, 2, 4, 6], None);
    assert!(milestone["cursor"].as_str().expect("a cursor").ends_with("-6"));
    check(json!({"cursor": 0, "until": ["failed"], "max_events": 2}), "timeout", &[8, 9], Some(5));
    check(json!({"cursor": 0, "event_types": ["created"], "until": ["output"]}), "until", &[1, 3], None);
}

#[test]
fn nothing_new_is_told_in_three_words() {
    let home = Home::new();
    home.record(&[&line("started", "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b")]);
    let mut client = Client::start(&home, &[], old());
    let told = client.call("subscribe_coder", json!({"coder_id": "7f3c", "cursor": 1, "wait_ms": 0}));
    let keys: Vec<&String> = told.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["cursor", "ended", "now"], "{told}");
    // 60 tokens.
    assert!(told.to_string().len() < 110, "{told}");
}

#[test]
fn what_comes_within_a_moment_comes_together() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let mut client = Client::start(&home, &[], old());
    let params = json!({
        "name": "subscribe_coder", "_meta": {"progressToken": 1},
        "arguments": {"coder_id": "a", "cursor": 1, "gather_ms": 5_000, "max_events": 3, "wait_ms": 30_000},
    });
    let wait = client.begin("tools/call", params);
    client.notice("notifications/progress");
    // Commits of their own; the third fills the answer before five seconds are over.
    for kind in ["progress", "milestone", "progress"] {
        home.record(&[&line(kind, "a")]);
    }
    let watch = client.called(wait);
    assert_eq!((seqs(&watch), &watch["ended"]), (vec![2, 3, 4], &json!("max_events")));
    let alone = client.call("subscribe_coder", json!({"coder_id": "a", "cursor": 3, "gather_ms": 0}));
    assert_eq!((seqs(&alone), &alone["ended"]), (vec![4], &json!("events")));
}

#[test]
fn several_may_be_watched_and_somebody_left_out() {
    let home = Home::new();
    home.record(&[&line("started", "a"), &line("started", "b"), &line("started", "c"), &line("failed", "b")]);
    let mut client = Client::start(&home, &[], old());
    let told = |watch: &Value| {
        let coders = watch["coders"].as_array().into_iter().flatten();
        coders.map(|coder| coder["coder_id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let mut watch = |arguments: Value| client.call("subscribe_coder", arguments);
    let now = watch(json!({"coder_id": ["a", "b"]}));
    assert_eq!((told(&now), &now["ended"]), (vec!["a".into(), "b".into()], &json!("now")));
    let since = watch(json!({"coder_id": "[\"a\", \"b\"]", "cursor": 2}));
    assert_eq!((seqs(&since), told(&since)), (vec![4], vec!["b".into()]), "those that something happened to: {since}");
    let others = watch(json!({"coder_id": "*", "cursor": 0, "not_coder": "b"}));
    assert_eq!(seqs(&others), [1, 2 + 1], "{others}");
    let finished = watch(json!({"coder_id": "*", "until": ["finished"]}));
    assert_eq!((told(&finished), &finished["ended"]), (vec!["b".into()], &json!("until")));
    let nobody_s = watch(json!({"coder_id": "*", "until": ["finished"], "not_coder": "b", "wait_ms": 0}));
    assert_eq!(nobody_s["ended"], "timeout");
}

#[test]
fn an_unknown_coder_is_waited_for_and_the_nearest_are_told() {
    let home = Home::new();
    home.record(&[&line("started", "fix-auth")]);
    let mut client = Client::start(&home, &[], old());
    let now = client.call("subscribe_coder", json!({"coder_id": "fxi-auth"}));
    assert_eq!((&now["coder"], &now["nearest"]), (&Value::Null, &json!(["fix-auth"])), "{now}");
    assert!(now.as_object().expect("an object").contains_key("coder"));
    let wait =
        client.begin_call("subscribe_coder", json!({"coder_id": "fxi-auth", "cursor": now["cursor"], "until": ["running"]}));
    client.call("emit_ai_coder_event", json!({"type": "progress", "coder_id": "fxi-auth"}));
    let watch = client.called(wait);
    assert_eq!((&watch["ended"], &watch["coder"]["status"]), (&json!("until"), &json!("running")));
}

#[test]
fn how_a_coder_stands_ends_a_wait_when_it_comes_to_that() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let mut client = Client::start(&home, &[], old());
    let params = json!({
        "name": "subscribe_coder", "_meta": {"progressToken": 1},
        "arguments": {"coder_id": "a", "until": ["settled"], "max_events": 1, "wait_ms": 600_000},
    });
    let wait = client.begin("tools/call", params);
    client.notice("notifications/progress");
    home.record(&[&line("progress", "a"), &line("progress", "a")]);
    home.record(&[&json!({"type": "paused", "coder_id": "a", "reason": "permission"}).to_string()]);
    let watch = client.called(wait);
    assert_eq!((&watch["ended"], seqs(&watch), &watch["omitted"]), (&json!("until"), vec![4], &json!(2)), "{watch}");
    assert_eq!(watch["coder"]["waiting"]["for"], "permission");
}

#[test]
fn who_can_wait_longer_may() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let mut client = Client::start(&home, &[], old());
    let refused = client.refused("subscribe_coder", json!({"coder_id": "a", "cursor": 1, "wait_ms": 55_001}));
    assert!(refused.starts_with("`wait_ms` is `55001`: give a whole number from 0 to 55000"), "{refused}");
    let mut tasks = Client::start(&home, &[], Era::Modern(json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})));
    let params = json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 1, "wait_ms": 3_600_000}});
    let made = tasks.result("tools/call", params);
    assert_eq!(made["resultType"], "task", "{made}");
}
