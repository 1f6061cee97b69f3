//! `coder.settled`: once, where a coder comes to rest, and not again where one that is at rest only ends.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern},
};

use super::line;

#[test]
fn who_is_at_rest_and_ends_does_not_settle_again() {
    let home = Home::new();
    let steps = ["started", "completed", "stopped", "resumed", "stopped", "deleted", "resumed", "paused", "failed", "stopped"];
    home.record(&steps.map(|kind| line(kind, "a")).each_ref().map(String::as_str));
    home.record(&[&line("completed", "b"), &line("stopped", "c")]);
    let types = |events: &[Value]| {
        let told = |event: &Value| {
            let data = &event["data"];
            format!("{} {}", data["coder_id"].as_str().unwrap(), data["type"].as_str().unwrap().trim_start_matches("ai_coder_"))
        };
        events.iter().map(told).collect::<Vec<_>>()
    };
    let expected = ["a completed", "a stopped", "a paused", "a failed", "b completed", "c stopped"];
    let mut client = Client::start(&home, &[], modern());
    let polled = client.result("events/poll", json!({"name": "coder.settled", "cursor": "0"}));
    assert_eq!(types(polled["events"].as_array().expect("events")), expected, "{polled}");

    let stream = client.begin("events/stream", json!({"name": "coder.settled", "cursor": "0"}));
    let streamed: Vec<Value> =
        expected.iter().map(|_| client.notice_of("notifications/events/event", stream)["params"].take()).collect();
    assert_eq!(types(&streamed), expected);
    let every = client.result("events/poll", json!({"name": "coder.event", "cursor": "0"}));
    assert!(types(every["events"].as_array().expect("events")).contains(&"a deleted".to_owned()), "{every}");
}
