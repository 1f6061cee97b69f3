//! Somebody who knows what ids are computed from sends an event with each of them first: nothing of any agent is hidden.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::home::{Home, json_lines};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn listed(home: &Home) -> Vec<Value> {
    home.json(&["list", "--limit", "0", "--order", "oldest"])
}

/// How many events each coder has of each type, but for the one that claims.
fn facts(home: &Home) -> BTreeMap<(String, String), usize> {
    let mut facts = BTreeMap::new();
    for event in listed(home).iter().filter(|event| event["coder_id"] != "evil") {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        *facts.entry((text("coder_id"), text("type"))).or_default() += 1;
    }
    facts
}

/// A home in which all ids that `seen` has were claimed.
fn claimed(seen: &Home) -> Home {
    let home = Home::new();
    let claim = |event: &Value| json!({"type": "output", "coder_id": "evil", "text": "mine", "id": event["id"]}).to_string();
    let claims: Vec<String> = listed(seen).iter().map(claim).collect();
    home.record(&claims.iter().map(String::as_str).collect::<Vec<_>>());
    home
}

#[test]
fn nobody_hides_what_agents_tell() {
    for (agent, record) in [
        ("claude-code", "claude-code/main.transcript.jsonl"),
        ("codex", "codex/main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl"),
        ("gemini", "gemini/session.jsonl"),
        ("copilot", "copilot/events.jsonl"),
    ] {
        let import = |home: &Home| home.ok(&["import", agent, &fixture(record)]);
        let seen = Home::new();
        import(&seen);
        let home = claimed(&seen);
        import(&home);
        assert_eq!(facts(&home), facts(&seen), "{agent}");
        assert!(!home.json(&["rejected"]).is_empty(), "{agent}: a clash is told");
        import(&home);
        assert_eq!(facts(&home), facts(&seen), "{agent}, again");
        home.ok(&["check"]);
        // In another history too, and what is told there again is known.
        let listing = home.ok(&["list", "--json", "--limit", "0", "--order", "oldest"]);
        let copies = [listing, seen.ok(&["list", "--json", "--limit", "0", "--order", "oldest"])].map(|listing| {
            let copy = Home::new();
            let said = copy.feed(&["emit", "-"], listing.as_bytes());
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{agent}");
            import(&copy);
            facts(&copy)
        });
        assert_eq!(copies[0], copies[1], "{agent}, copied");
    }
}

#[test]
fn a_hooks_write_is_recorded_and_who_comes_later_is_refused() {
    let payload = std::fs::read_to_string(fixture("claude-code/main.jsonl")).unwrap();
    let is_write = |line: &&str| line.contains("PostToolUse") && line.contains("\"Write\"");
    let captured: Value = serde_json::from_str(payload.lines().find(is_write).expect("the session writes a file")).unwrap();
    let write = captured["payload"].to_string();
    let hook = |home: &Home| assert_eq!(home.feed(&["hook", "claude-code"], write.as_bytes()).code, Some(0));
    let seen = Home::new();
    hook(&seen);
    let home = claimed(&seen);
    hook(&home);
    hook(&home);
    assert_eq!(facts(&home), facts(&seen));

    let fact = listed(&seen).remove(0);
    let id = fact["id"].as_str().unwrap();
    let said = seen.run(&["emit", "output", "--coder", "evil", "--id", id]);
    let told = format!("not recorded: `id` is that of event {}", fact["seq"]);
    assert!(said.code == Some(1) && said.stderr.contains(&told), "{}", said.stderr);
    let line = json!({"type": "output", "coder_id": "evil", "id": id}).to_string();
    let said = seen.feed(&["emit", "-", "--json"], line.as_bytes());
    assert!(said.code == Some(1) && json_lines(&said.stdout)[0]["rejected"].is_string(), "{}", said.stdout);
    assert_eq!(seen.json(&["rejected"]).len(), 2);
}
