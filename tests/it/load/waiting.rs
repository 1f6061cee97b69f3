//! A thousand calls that wait on one server, each for a coder of its own.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern, old},
};

const CALLS: usize = 1_000;
const MEMORY_MB_MAX: u64 = 150;

#[test]
fn a_thousand_waiting_calls_each_get_their_own_event() {
    for era in [old(), modern()] {
        let home = Home::new();
        home.record(&[r#"{"type":"started","coder_id":"first"}"#]);
        let mut client = Client::start(&home, &[], era);
        let cursor = client.call("subscribe_coder", json!({"coder_id": "first"}))["cursor"].take();
        let since = Instant::now();
        let calls = begin(&mut client, &cursor, "coder");
        assert_eq!(client.call("list_ai_coders", json!({}))["coders"].as_array().map(Vec::len), Some(1), "others are answered");
        let waiting = since.elapsed();

        let lines: Vec<String> =
            (0..CALLS).map(|n| json!({"type": "started", "coder_id": format!("coder-{n}")}).to_string()).collect();
        let since = Instant::now();
        home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        for (number, id) in calls.into_iter().enumerate() {
            let answer = client.called(id);
            assert_eq!((&answer["ended"], answer["events"].as_array().map(Vec::len)), (&"events".into(), Some(1)), "{answer}");
            assert_eq!(answer["events"][0]["coder_id"], format!("coder-{number}"));
            assert_eq!(answer["coder"]["coder_id"], format!("coder-{number}"));
        }
        let answered = since.elapsed();

        let since = Instant::now();
        let ids = begin(&mut client, &cursor, "nobody");
        for id in ids {
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
        }
        client.call("list_ai_coders", json!({}));
        println!(
            "{CALLS} calls waiting after {:.0} ms, all answered {:.0} ms after their events were sent, {CALLS} more begun and cancelled in {:.0} ms; {} MB at most",
            waiting.as_secs_f64() * 1e3,
            answered.as_secs_f64() * 1e3,
            since.elapsed().as_secs_f64() * 1e3,
            client.memory_peak_mb()
        );
        assert!(client.memory_peak_mb() < MEMORY_MB_MAX);
        assert!(client.close().0.success());
    }
}

fn begin(client: &mut Client, cursor: &Value, name: &str) -> Vec<u64> {
    let arguments = |number| json!({"coder_id": format!("{name}-{number}"), "cursor": cursor, "wait_ms": 55_000});
    (0..CALLS).map(|number| client.begin_call("subscribe_coder", arguments(number))).collect()
}
