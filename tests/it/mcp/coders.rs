//! `list_ai_coders`: who is told, in which order, in how few words.

use ai_coder_events::{event::Time, process::Process};
use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern, old},
};

use super::line;

fn ids(answer: &Value) -> Vec<&str> {
    answer["coders"].as_array().expect("coders").iter().filter_map(|coder| coder["coder_id"].as_str()).collect()
}

/// As long ago as is said.
fn ago(seconds: i64) -> String {
    Time::from(std::time::SystemTime::now()).plus(-seconds * Time::SECOND).to_string()
}

fn at(kind: &str, coder: &str, seconds_ago: i64) -> String {
    json!({"type": kind, "coder_id": coder, "timestamp": ago(seconds_ago)}).to_string()
}

const DAY: i64 = 86_400;

#[test]
fn who_needs_someone_is_told_first_and_who_finished_long_ago_is_counted() {
    let home = Home::new();
    home.record(&[
        &at("stopped", "old-1", 3 * DAY),
        &at("stopped", "old-2", 2 * DAY),
        &at("started", "forgotten", 4 * DAY),
        &at("completed", "resting", 50),
        &at("stopped", "done", 40),
        &at("started", "working", 30),
        &at("failed", "broken", 20),
        &json!({"type": "paused", "coder_id": "asking", "reason": "permission", "timestamp": ago(90)}).to_string(),
    ]);
    let mut client = Client::start(&home, &[], modern());
    let told = client.call("list_ai_coders", json!({}));
    let told_ids = ids(&told);
    assert_eq!((told_ids[0], told_ids.last()), ("asking", Some(&"done")), "{told}");
    let place = |id: &str| told_ids.iter().position(|it| *it == id).unwrap_or_else(|| panic!("{id}: {told}"));
    assert!(place("broken") < place("working") && place("working") < place("resting"), "{told}");
    assert_eq!((told_ids.len(), &told["coders_more"]), (6, &json!(2)), "{told}");
    assert!(Time::parse(told["now"].as_str().expect("now")).is_some());
    let waiting = &told["coders"][0]["waiting"];
    assert_eq!(waiting["for"], "permission");
    assert!((90..200).contains(&waiting["for_s"].as_i64().expect("seconds")), "{waiting}");

    let mut check = |arguments: Value, expected: &[&str]| {
        let told = client.call("list_ai_coders", arguments.clone());
        let mut told = ids(&told).iter().map(|id| id.to_string()).collect::<Vec<_>>();
        told.sort();
        assert_eq!(told, expected, "{arguments}");
    };
    check(json!({"since": "1h"}), &["asking", "broken", "done", "resting", "working"]);
    check(json!({"since": "7d", "status": ["stopped"]}), &["done", "old-1", "old-2"]);
    check(json!({"status": "[\"stopped\"]", "since": "7d", "not_coder": "old-1"}), &["done", "old-2"]);
    check(json!({"text": "ASK"}), &["asking"]);
}

#[test]
fn filters_are_of_what_a_coder_is() {
    let home = Home::new();
    let begun = |id: &str, data: Value| {
        let mut event = json!({"type": "started", "coder_id": id});
        event.as_object_mut().expect("an object").extend(data.as_object().cloned().expect("an object"));
        event.to_string()
    };
    home.record(&[
        &begun("codex:1", json!({"data": {"cwd": "/home/dev/shop", "branch": "main"}, "coder_name": "Payments"})),
        &begun("claude-code:2", json!({"data": {"cwd": "/home/dev/docs"}})),
        &begun("claude-code:2/sub", json!({"data": {"parent_coder_id": "claude-code:2"}})),
    ]);
    let mut client = Client::start(&home, &[], old());
    let mut check = |arguments: Value, expected: &[&str]| {
        let told = client.call("list_ai_coders", arguments.clone());
        assert_eq!(ids(&told), expected, "{arguments}: {told}");
        assert_eq!(told.get("message").is_some(), expected.is_empty(), "{told}");
    };
    check(json!({"agent": "codex"}), &["codex:1"]);
    check(json!({"project": "shop"}), &["codex:1"]);
    check(json!({"project": "/home/dev/docs/guide"}), &["claude-code:2"]);
    check(json!({"parent": "claude-code:2"}), &["claude-code:2/sub"]);
    check(json!({"text": "payments"}), &["codex:1"]);
    check(json!({"text": "nothing like it"}), &[]);
    check(json!({"agent": "nobody's"}), &[]);
}

#[test]
fn pages_of_coders_never_repeat_or_skip_while_these_change() {
    let home = Home::new();
    let lines: Vec<String> = (0..23).map(|n| at("started", &format!("c{n:02}"), 100 + n)).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut client = Client::start(&home, &[], modern());
    let (mut seen, mut cursor, mut turn) = (Vec::new(), Value::Null, 0);
    loop {
        let page = client.call("list_ai_coders", json!({"limit": 5, "cursor": cursor}));
        seen.extend(ids(&page).iter().map(|id| id.to_string()));
        // Those that were told need someone now, those that were not are told to be first or last.
        for (kind, coder) in [("failed", seen[turn].clone()), ("progress", format!("c{:02}", 22 - turn))] {
            client.call("emit_ai_coder_event", json!({"type": kind, "coder_id": coder}));
        }
        turn += 1;
        match page.get("next_cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, (0..23).map(|n| format!("c{n:02}")).collect::<Vec<_>>());
    for wrong in ["3f9a-1042", "nope", "1042"] {
        let told = client.refused("list_ai_coders", json!({"cursor": wrong}));
        assert!(told.starts_with(&format!("`cursor` is `\"{wrong}\"`: give the `next_cursor`")), "{told}");
    }
}

#[test]
fn me_is_the_coder_whose_process_started_the_server() {
    let home = Home::new();
    home.record(&[&line("started", "other")]);
    let mut client = Client::start(&home, &[], old());
    let told = client.refused("list_ai_coders", json!({"not_coder": "me"}));
    assert!(told.starts_with("`me` cannot be told"), "{told}");
    let process = serde_json::to_value(Process::of(std::process::id()).expect("it runs")).unwrap();
    home.record(&[&json!({"type": "started", "coder_id": "mine", "data": {"process": process}}).to_string()]);
    assert_eq!(ids(&client.call("list_ai_coders", json!({"not_coder": "me"}))), ["other"]);
    let meta = json!({"name": "list_ai_coders", "arguments": {"not_coder": "me"}, "_meta": {"threadId": "t"}});
    home.record(&[&line("started", "codex:t")]);
    let id = client.begin("tools/call", meta);
    assert_eq!(ids(&client.called(id)), ["mine", "other"]);
}

#[test]
fn a_row_is_short() {
    let home = Home::new();
    let title = "Make the session store keep its tokens in Redis and drop the table of sessions, with tests for what expires";
    home.record(&[
        &json!({"type": "started", "coder_id": "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b", "data": {"cwd": "/home/dev/shop", "branch": "main"}}).to_string(),
        &json!({"type": "prompt", "coder_id": "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b", "text": title}).to_string(),
        &json!({"type": "api_call", "coder_id": "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b", "input_tokens": 12_000, "output_tokens": 600, "cost_usd": 0.123_456}).to_string(),
        &json!({"type": "progress", "coder_id": "claude-code:7f3c1b7e-52a3-4a6e-9d4b-1c2d3e4f5a6b", "progress": 0.4, "stage": "Edit", "description": "Edit: /home/dev/shop/src/store.rs"}).to_string(),
    ]);
    let mut client = Client::start(&home, &[], old());
    let row = client.call("list_ai_coders", json!({}))["coders"][0].take();
    assert_eq!((&row["tokens"]["total"], &row["cost_usd"], &row["stage"]), (&json!(12_600), &json!(0.1235), &json!("Edit")));
    // 120 tokens, of some four characters.
    assert!(row.to_string().chars().count() < 500, "{row}");
    let full = client.call("list_ai_coders", json!({"detail": "full"}))["coders"][0].take();
    assert_eq!((&full["title"], &full["events"], &full["cost_usd"]), (&json!(title), &json!(4), &json!(0.123_456)));
}

#[test]
fn a_day_of_finished_coders_is_told_while_there_is_room() {
    let home = Home::new();
    let id = |number: i64| format!("claude-code:{number:08x}-52a3-4a6e-9d4b-1c2d3e4f5a6b");
    let lines: Vec<String> = (0..60).map(|number| at("stopped", &id(number), 1_000 + number)).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    home.record(&[&at("failed", "broken", 900), &at("started", "working", 800)]);
    let mut client = Client::start(&home, &[], old());
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = client.call("list_ai_coders", json!({"cursor": cursor}));
        // 2,500 tokens, some of which have less than three characters.
        assert!(page.to_string().chars().count() < 7_200, "{page}");
        seen.extend(ids(&page).iter().map(|id| id.to_string()));
        assert_eq!(page["coders_more"].as_u64().unwrap_or(0), 62 - seen.len() as u64);
        match page.get("next_cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    assert_eq!(seen[..2], ["broken", "working"]);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 62);
    let all = client.call("list_ai_coders", json!({"limit": 100}));
    assert_eq!((ids(&all).len(), all.get("coders_more")), (62, None));
}
