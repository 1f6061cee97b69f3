//! A history that version 0.1.0 wrote: it opens, steps forward, and an import of what it was made of completes it.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use rusqlite::Connection;
use serde_json::Value;

use super::home::Home;

/// What 0.1.0 imported into `history-0.1.0.sql`.
const RECORDS: &[(&str, &str)] = &[
    ("claude-code", "claude-code/main.transcript.jsonl"),
    ("codex", "codex/main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl"),
    ("gemini", "gemini/session.jsonl"),
    ("copilot", "copilot/events.jsonl"),
];

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn import(home: &Home) {
    for (agent, record) in RECORDS {
        home.ok(&["import", agent, &fixture(record)]);
    }
}

/// A home with the history as 0.1.0 left it.
fn released() -> Home {
    let home = Home::new();
    let folder = home.history().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let db = Connection::open(home.history()).unwrap();
    db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;").unwrap();
    db.execute_batch(&fs::read_to_string(fixture("history-0.1.0.sql")).unwrap()).unwrap();
    drop(db);
    fs::set_permissions(home.history(), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

/// Facts of each coder by type. The cost of a session, which 0.1.0 shared out among its calls, is one that is estimated by now.
fn facts(home: &Home) -> BTreeMap<(String, String), usize> {
    let mut facts = BTreeMap::new();
    for event in home.json(&["list", "--limit", "0"]).iter().filter(|event| event.get("completes").is_none()) {
        // Who was in whose way is judged when a change is first heard of: of what 0.1.0 heard, by its rule.
        if event["data"]["estimated"] == true || event["warning"] == "file_conflict" {
            continue;
        }
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        *facts.entry((text("coder_id"), text("type"))).or_default() += 1;
    }
    facts
}

fn coders(home: &Home) -> BTreeMap<String, Value> {
    // What 0.1.0 did not fold into a coder, `check --repair` does.
    let keys = ["title", "last_words", "status", "api_calls", "tokens", "cost_usd", "failed_tools", "errors"];
    let coders = home.json(&["coders", "--limit", "0"]).into_iter();
    coders
        .map(|coder| {
            let told = keys.iter().map(|key| ((*key).to_owned(), coder.get(*key).cloned().unwrap_or_default())).collect();
            (coder["coder_id"].as_str().unwrap().to_owned(), Value::Object(told))
        })
        .collect()
}

#[test]
fn a_history_of_the_released_version_is_completed_and_nothing_in_it_counts_twice() {
    let (old, new) = (released(), Home::new());
    let before = facts(&old);
    assert!(before.keys().all(|(_, kind)| kind != "ai_coder_prompt"), "0.1.0 knew no prompts: {before:?}");
    assert!(coders(&old).values().all(|coder| coder["title"].is_null()));
    import(&old);
    old.ok(&["check", "--repair"]);
    import(&new);
    assert_eq!(facts(&old), facts(&new));
    assert_eq!(coders(&old), coders(&new));
    assert!(coders(&old).values().all(|coder| coder["title"].is_string()), "{:?}", coders(&old));
    import(&old);
    assert_eq!(facts(&old), facts(&new), "twice");
    old.ok(&["check"]);
}
