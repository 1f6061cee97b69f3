//! `subscribe_coder` where the history does not hold what the cursor points at.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, old},
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
fn a_coder_that_began_to_run_between_cursor_and_now_is_running() {
    let home = Home::new();
    home.record(&[&line("created", "b"), &line("output", "a"), &line("progress", "b")]);
    let mut client = Client::start(&home, &[], old());
    let mut check = |coder: &str, cursor: u64, ended: &str| {
        let arguments = json!({"coder_id": coder, "cursor": cursor, "until": ["running"], "wait_ms": 0});
        assert_eq!(client.call("subscribe_coder", arguments)["ended"], ended, "{coder} {cursor}");
    };
    check("a", 0, "until");
    check("a", 1, "until");
    check("a", 2, "timeout");
    check("b", 0, "timeout");
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
    assert_eq!((&watch["ended"], seqs(&watch), &watch["coder"]), (&"gap".into(), vec![], &Value::Null));
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
