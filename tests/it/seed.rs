//! The seed's twenty types as Go writes them, from a file to every answer: the count by hand is in the file itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    home::{Home, json_lines},
    rpc::{Client, modern, old},
};

const GO_LINES: &str = include_str!("../fixtures/go-events.jsonl");

fn recorded() -> Home {
    let home = Home::new();
    home.record(&GO_LINES.lines().collect::<Vec<_>>());
    home
}

#[test]
fn every_line_of_go_is_found_again_with_all_its_fields() {
    let given = json_lines(GO_LINES);
    let listed = recorded().json(&["list", "--limit", "0", "--order", "oldest"]);
    let kept: Vec<&Value> = listed.iter().filter(|event| event.get("cause_id").is_none()).collect();
    assert_eq!((given.len(), kept.len()), (20, 20));
    for (given, kept) in given.iter().zip(kept) {
        for (name, value) in given.as_object().unwrap().iter().filter(|(_, value)| !value.is_null() && *value != "") {
            match name.as_str() {
                // Microseconds are kept, nanoseconds are not.
                "timestamp" => assert!(value.as_str().unwrap().starts_with(&kept[name].as_str().unwrap()[..26]), "{kept}"),
                // Go's `Data` may hold what stands at top level here; nothing of it may be lost.
                "data" => value.as_object().unwrap().iter().for_each(|(name, value)| {
                    assert!(
                        kept.get(name) == Some(value) || kept["data"].get(name) == Some(value),
                        "{name} of {given} in {kept}"
                    );
                }),
                // `0` and `0.0` are one number.
                _ => assert!(
                    kept[name] == *value || kept[name].as_f64() == value.as_f64().filter(|n| n.fract() == 0.0 && *n < 1e15),
                    "{name} of {given} in {kept}"
                ),
            }
        }
    }
}

#[test]
fn stats_and_lists_agree_with_a_count_by_hand() {
    let home = recorded();
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    for line in json_lines(GO_LINES) {
        *by_type.entry(line["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(by_type.len(), 20);
    // What the rules derive: one completion, one rate limit, one resource limit.
    by_type.insert("ai_coder_completion_metrics".to_owned(), 1);
    by_type.insert("ai_coder_system_warning".to_owned(), 2);
    let stats = home.json(&["stats"]).remove(0);
    assert_eq!(stats["events_by_type"], serde_json::to_value(&by_type).unwrap());
    let total: u64 = by_type.values().sum();
    assert_eq!((stats["total_events"].as_u64(), stats["events_by_coder"]["fix-auth"].as_u64()), (Some(total), Some(total)));
    for (kind, count) in by_type {
        assert_eq!(home.json(&["list", "--type", &kind]).len() as u64, count, "{kind}");
    }
}

#[test]
fn tools_and_resources_agree_with_the_same_count() {
    let home = recorded();
    for era in [old(), modern()] {
        let mut client = Client::start(&home, &[], era);
        let stats = client.call("get_ai_coder_stats", json!({}));
        assert_eq!(stats["total_events"], 23);
        let listed = client.call("list_ai_coder_events", json!({"event_types": ["workspace.*"]}));
        assert_eq!(listed["events"].as_array().map(Vec::len), Some(4));
        let mut read = |place: &str| -> Value {
            let contents = client.result("resources/read", json!({"uri": format!("aicoder://{place}")}));
            serde_json::from_str(contents["contents"][0]["text"].as_str().unwrap()).unwrap()
        };
        assert_eq!(read("stats")["events_by_type"], stats["events_by_type"]);
        let mut types = |place: &str| -> BTreeMap<String, u64> {
            let mut types = BTreeMap::new();
            for event in read(place)["events"].as_array().unwrap() {
                *types.entry(event["type"].as_str().unwrap().trim_start_matches("ai_coder_").to_owned()).or_default() += 1;
            }
            types
        };
        let once = |names: &[&str]| -> BTreeMap<String, u64> { names.iter().map(|&name| (name.to_owned(), 1)).collect() };
        let lives = ["created", "started", "paused", "resumed", "failed", "completed", "stopped", "deleted"];
        assert_eq!(types("coders/fix-auth/lifecycle"), once(&lives));
        assert_eq!(types("coders/fix-auth/progress"), once(&["progress", "milestone"]));
        assert_eq!(types("coders/fix-auth/events").values().sum::<u64>(), 23);
        assert_eq!(types("alerts").values().sum::<u64>(), 3);
    }
}
