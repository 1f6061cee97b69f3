//! `get_ai_coder_stats`: short on any history, and rows of what was asked for.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, old},
};

fn call(coder: &str, model: &str, cost: f64) -> String {
    json!({"type": "api_call", "coder_id": coder, "model": model, "input_tokens": 100, "output_tokens": 10, "cost_usd": cost})
        .to_string()
}

#[test]
fn the_plain_answer_is_short_however_many_there_are() {
    let home = Home::new();
    let mut lines = Vec::new();
    for number in 0..300 {
        let coder = format!("claude-code:{number:08x}-52a3-4a6e-9d4b-{number:012x}");
        let code = format!("overloaded_{number}");
        lines.push(json!({"type": "api_error", "coder_id": coder, "error_code": code}).to_string());
        lines.push(call(&coder, "claude-opus-5-5", 0.01));
    }
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut client = Client::start(&home, &[], old());
    let told = client.call("get_ai_coder_stats", json!({}));
    assert_eq!(
        (&told["total_events"], &told["tokens"]["total"], &told["coders_total"]),
        (&json!(600), &json!(33_000), &json!(300))
    );
    let by_coder = told["events_by_coder"].as_object().expect("counts");
    assert_eq!((by_coder.len(), &told["coders_more"]), (20, &json!(280)));
    assert!(by_coder.keys().all(|id| id.contains("000001")), "the latest: {by_coder:?}");
    assert_eq!(told.get("coders"), None, "nobody asked for states");
    // A thousand tokens; ids take one for two characters, the rest one for four.
    let ids: usize = by_coder.keys().map(String::len).sum();
    assert!(ids / 2 + (told.to_string().len() - ids) / 4 < 1_000, "{told}");

    let since = client.call("get_ai_coder_stats", json!({"since": "1h"}));
    assert_eq!(since["total_events"], 600);
    let until = client.call("get_ai_coder_stats", json!({"until": "yesterday"}));
    assert_eq!((&until["total_events"], until["until"].is_string()), (&json!(0), true), "{until}");
    let until = client.call("get_ai_coder_stats", json!({"until": "2099-01-01"}));
    assert_eq!(
        (&until["total_events"], &until["tokens"]["total"], &until["coders_more"]),
        (&json!(600), &json!(33_000), &json!(280))
    );
}

#[test]
fn rows_are_of_what_was_asked_for() {
    let home = Home::new();
    home.record(&[&call("a", "claude-opus-5-5", 1.5), &call("b", "claude-opus-5-5", 0.5), &call("b", "gpt-6", 0.25)]);
    let mut client = Client::start(&home, &[], old());
    let models = client.call("get_ai_coder_stats", json!({"group_by": ["model"], "since": "today"}));
    let row = |row: &Value| (row["model"].clone(), row["cost_usd"].clone());
    let rows: Vec<_> = models["groups"].as_array().expect("rows").iter().map(row).collect();
    assert_eq!(rows, [(json!("claude-opus-5-5"), json!(2.0)), (json!("gpt-6"), json!(0.25))]);
    assert_eq!(models["sum"]["cost_usd"], 2.25);
    let coders = client.call("get_ai_coder_stats", json!({"group_by": "coder"}));
    assert_eq!((&coders["groups"][0]["coder"], &coders["groups"][0]["status"]), (&json!("a"), &json!("running")));
    let one = client.call("get_ai_coder_stats", json!({"coder_id": "b"}));
    assert_eq!((&one["total_events"], &one["coders"][0]["status"]), (&json!(2), &json!("running")));
}
