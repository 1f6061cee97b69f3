//! `list_ai_coder_events`: who is meant, what is told once, and what is said where there is nothing.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, old},
};

use super::{line, seqs};

fn edit(coder: &str, path: &str) -> String {
    edit_at(coder, path, 0)
}

fn edit_at(coder: &str, path: &str, second: u8) -> String {
    let at = format!("2026-11-22T19:21:{second:02}Z");
    json!({"type": "file_modified", "coder_id": coder, "file_path": path, "timestamp": at}).to_string()
}

#[test]
fn coders_are_meant_by_lists_and_beginnings_and_somebody_is_left_out() {
    let home = Home::new();
    let session = "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b";
    home.record(&[&line("started", session), &line("started", "b"), &line("started", "c")]);
    let mut client = Client::start(&home, &[], old());
    let mut check = |arguments: Value, expected: &[u64]| {
        assert_eq!(seqs(&client.call("list_ai_coder_events", arguments.clone())), expected, "{arguments}");
    };
    check(json!({"coder_id": "7f3c1b"}), &[1]);
    check(json!({"coder_id": ["7f3c", "b"]}), &[2, 1]);
    check(json!({"coder_id": "[\"7f3c\", \"c\"]"}), &[3, 1]);
    check(json!({"coder_id": "*", "not_coder": "7f3c"}), &[3, 2]);
    check(json!({"since": "today"}), &[3, 2, 1]);
    check(json!({"until": "yesterday"}), &[]);
}

#[test]
fn who_touched_a_file_is_a_row_a_coder() {
    let home = Home::new();
    home.record(&[
        &json!({"type": "started", "coder_id": "a", "coder_name": "Fix auth", "data": {"cwd": "/repo"}}).to_string(),
        &edit_at("a", "/repo/src/auth.rs", 1),
        &edit_at("a", "/repo/src/auth.rs", 2),
        &edit_at("b", "/repo/src/auth.rs", 3),
        &edit("b", "/repo/src/other.rs"),
        &edit("c", "/repo/docs/a.md"),
    ]);
    let mut client = Client::start(&home, &[], old());
    let told = client.call("list_ai_coder_events", json!({"path": "./src/../src/auth.rs", "limit": 1}));
    let touched: Vec<(&Value, &Value)> =
        told["touched_by"].as_array().expect("rows").iter().map(|row| (&row["coder_id"], &row["status"])).collect();
    assert_eq!(touched, [(&json!("b"), &json!("running")), (&json!("a"), &json!("running"))], "{told}");
    assert_eq!((&told["touched_by"][1]["coder_name"], seqs(&told)), (&json!("Fix auth"), vec![4]));
    let others = client.call("list_ai_coder_events", json!({"path": "src/auth.rs", "not_coder": "b"}));
    assert_eq!((others["touched_by"].as_array().map(Vec::len), seqs(&others)), (Some(1), vec![3, 2]));
    assert_eq!((&others["coder_id"], &others["project"]), (&json!("a"), &json!("/repo")));
    assert!(!others["events"].to_string().contains("/repo"), "{others}");
}

#[test]
fn what_is_not_there_is_told_in_words() {
    let home = Home::new();
    home.record(&[&edit("a", "/repo/src/auth.rs"), &line("started", "b")]);
    let mut client = Client::start(&home, &[], old());
    let mut check = |arguments: Value, message: &str| {
        let told = client.call("list_ai_coder_events", arguments.clone());
        let said = told["message"].as_str().unwrap_or_else(|| panic!("{arguments}: {told}"));
        assert!(said.starts_with(message) && seqs(&told).is_empty(), "{arguments}: {said}");
    };
    let unknown_path = "no event is of a path that is this one, lies in it or ends so; the nearest are /repo/src/auth.rs";
    check(json!({"path": "src/auht.rs"}), unknown_path);
    check(json!({"text": "needle"}), "no event that matches the other arguments has all words of `text`");
    check(json!({"coder_id": "b", "event_types": ["failed"]}), "no event on record matches these arguments");
    assert!(client.refused("list_ai_coder_events", json!({"path": "."})).contains("give a folder or file name"));
}

#[test]
fn what_was_looked_for_is_shown() {
    let home = Home::new();
    let error = format!("{} the needle is here {}", "before ".repeat(50), "after ".repeat(50));
    home.record(&[&json!({"type": "failed", "coder_id": "a", "error_message": error}).to_string()]);
    let mut client = Client::start(&home, &[], old());
    let told = client.call("list_ai_coder_events", json!({"text": "NEEDLE"}));
    assert!(told["events"][0]["summary"].as_str().is_some_and(|line| line.contains("the needle is here")), "{told}");
}
