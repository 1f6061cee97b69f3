//! `stats` and `coders`: what people and programs are told about coders.

use serde_json::{Value, json};

use crate::home::{Home, Said};

const DAY: &[&str] = &[
    r#"{"type":"created","coder_id":"fix-auth","timestamp":"2026-11-22T10:00:00Z"}"#,
    r#"{"type":"progress","coder_id":"fix-auth","progress":0.42,"stage":"editing","description":"the session store","timestamp":"2026-11-22T10:01:00Z"}"#,
    r#"{"type":"api_call","coder_id":"fix-auth","tokens_used":100,"input_tokens":60,"output_tokens":40,"cost_usd":0.25,"timestamp":"2026-11-22T10:02:00Z"}"#,
    r#"{"type":"api_error","coder_id":"fix-auth","error_code":"529","timestamp":"2026-11-22T10:03:00Z"}"#,
    r#"{"type":"failed","coder_id":"docs","error_message":"no such page","timestamp":"2026-11-22T10:04:00Z"}"#,
    r#"{"type":"paused","coder_id":"review","reason":"permission","timestamp":"2026-11-22T10:05:00Z"}"#,
];

fn day() -> Home {
    let home = Home::new();
    home.record(DAY);
    home
}

#[test]
fn stats_agree_with_a_count_by_hand() {
    let home = day();
    let stats = home.json(&["stats"]).remove(0);
    let part = |name: &str| stats[name].clone();
    assert_eq!(
        (part("total_events"), part("coders_total"), part("last_event")),
        (json!(6), json!(3), json!("2026-11-22T10:05:00.000000Z"))
    );
    assert_eq!(part("events_by_coder"), json!({"fix-auth": 4, "docs": 1, "review": 1}));
    assert_eq!(part("events_by_type")["ai_coder_api_call"], 1);
    assert_eq!((&stats["tokens"]["used"], part("cost_usd"), part("errors")), (&json!(100), json!(0.25), json!(2)));

    let one = home.json(&["stats", "--coder", "docs"]).remove(0);
    assert_eq!((&one["total_events"], one["coders"].as_array().unwrap().len()), (&json!(1), 1));
}

#[test]
fn people_get_the_figures_that_are_not_zero() {
    let said = day().ok(&["stats"]);
    for part in [
        "events   6\n",
        "last     2026-11-22 10:05:00\n",
        "tokens   100 (60 in, 40 out)\n",
        "cost     $0.25\n",
        "fix-auth",
        "ai_coder_api_call",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("rate limits") && !said.lines().any(|line| line.ends_with(' ')), "{said}");
}

#[test]
fn an_unknown_coder_is_exit_1_with_the_nearest() {
    let Said { code, stdout, stderr } = day().run(&["stats", "--coder", "fix-aut"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("ai-coder-events: unknown coder `fix-aut`: did you mean `fix-auth`"), "{stderr}");
}

#[test]
fn coders_are_told_with_what_they_are_at() {
    let home = day();
    let ids = |words: &[&str]| -> Vec<String> {
        let id = |coder: &Value| coder["coder_id"].as_str().unwrap().to_owned();
        home.json(&[&["coders"], words].concat()).iter().map(id).collect()
    };
    assert_eq!(ids(&[]), ["review", "docs", "fix-auth"]);
    assert_eq!(ids(&["--status", "failed"]), ["docs"]);
    assert_eq!(ids(&["--status", "failed", "--status", "paused"]), ["review", "docs"]);
    assert_eq!(ids(&["--limit", "1"]), ["review"]);
    assert!(ids(&["--needs-attention"]).contains(&"review".to_owned()));
    let said = home.ok(&["coders", "--status", "failed"]);
    assert_eq!(said, "docs  failed  2026-11-22 10:04:00  1 event  no such page\n");
}
