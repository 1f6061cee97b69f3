//! `types`: the table, for people and programs.

use serde_json::json;

use crate::home::{Home, json_lines};

#[test]
fn every_type_is_told_with_family_fields_and_schema() {
    let home = Home::new();
    let types = home.json(&["types"]);
    assert_eq!(types.len(), 25);
    let progress = types.iter().find(|kind| kind["type"] == "ai_coder_progress").unwrap();
    assert_eq!(progress["family"], "progress");
    let share = json!({"name": "progress", "holds": "a number from 0 to 1, such as 0.42", "about": "Share of the work that is done, 0 to 1."});
    assert_eq!(progress["fields"][0], share);
    assert_eq!(progress["schema"]["properties"]["progress"]["maximum"], 1);

    let said = home.ok(&["types"]);
    for kind in &types {
        assert!(said.contains(kind["type"].as_str().unwrap()) && said.contains(kind["about"].as_str().unwrap()), "{kind}");
    }
}

#[test]
fn the_seeds_spelling_gives_the_same() {
    let home = Home::new();
    assert_eq!(home.ok(&["--events"]), home.ok(&["types"]));
    assert_eq!(json_lines(&home.ok(&["--events", "--json"])), home.json(&["types"]));
}
