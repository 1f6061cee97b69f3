//! The skill: served, shipped with the plugin, and true. A model that has only it finds the answers.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern},
};

use super::{eras, line};

const URI: &str = "skill://ai-coder-events/SKILL.md";

fn text() -> String {
    let path = "plugins/claude-code/skills/ai-coder-events/SKILL.md";
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of its table: the question, and the calls that answer it.
fn questions(text: &str) -> Vec<(String, String, Value)> {
    let row = |line: &str| {
        let (question, call) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        let (tool, arguments) = call.trim_matches('`').split_once(' ')?;
        Some((question.to_owned(), tool.to_owned(), serde_json::from_str(arguments).ok()?))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn the_skill_is_served_as_the_plugin_has_it() {
    for era in eras() {
        let mut client = Client::start(&Home::new(), &[], era);
        let skills = client.result("skills/list", json!({}))["skills"].take();
        assert_eq!(skills.as_array().map(Vec::len), Some(1), "{skills}");
        let skill = client.result("skills/get", json!({ "uri": URI }))["skill"].take();
        assert_eq!((&skill, &skill["frontmatter"]["name"]), (&skills[0], &json!("ai-coder-events")));
        let read = client.result("resources/read", json!({ "uri": URI }));
        assert_eq!((&read["contents"][0]["text"], &read["contents"][0]["mimeType"]), (&json!(text()), &json!("text/markdown")));
        assert_eq!(skill["resources"][0]["size"], json!(text().len()));
        assert_eq!(client.error_code("skills/get", json!({"uri": "skill://other/SKILL.md"})), -32602);
    }
    let mut client = Client::start(&Home::new(), &[], modern());
    let hello = client.result("server/discover", json!({}));
    assert!(hello["capabilities"]["extensions"]["io.modelcontextprotocol/skills"].is_object(), "{hello}");
}

#[test]
fn the_skill_names_only_tools_and_arguments_that_there_are() {
    let text = text();
    let mut client = Client::start(&Home::new(), &[], modern());
    let tools = client.result("tools/list", json!({}))["tools"].take();
    let tool = |name: &str| tools.as_array().into_iter().flatten().find(|tool| tool["name"] == name);
    let questions = questions(&text);
    for (question, name, arguments) in &questions {
        let tool = tool(name).unwrap_or_else(|| panic!("{question}: there is no tool `{name}`"));
        for argument in arguments.as_object().expect("arguments").keys() {
            assert!(tool["inputSchema"]["properties"].get(argument).is_some(), "{question}: `{name}` has no `{argument}`");
        }
    }
    let asked: BTreeSet<&str> = questions.iter().map(|(_, name, _)| name.as_str()).collect();
    let read_only = |tool: &&Value| tool["annotations"]["readOnlyHint"] == true;
    let reading: BTreeSet<&str> =
        tools.as_array().into_iter().flatten().filter(read_only).flat_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(asked, reading, "each that reads answers a question");
    for word in text
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.ends_with("_coders") || word.contains("ai_coder"))
    {
        assert!(tool(word).is_some(), "the skill names `{word}`");
    }
}

/// Whose name stands for the question's X, and what a right answer holds.
#[test]
fn the_six_questions_have_their_answers() {
    let home = Home::new();
    let failed = json!({"type": "failed", "coder_id": "X", "error_message": "the port is taken"}).to_string();
    let edited = json!({"type": "file_modified", "coder_id": "other", "file_path": "src/auth.rs"}).to_string();
    let asked = json!({"type": "paused", "coder_id": "other", "reason": "permission"}).to_string();
    let spent = json!({"type": "api_call", "coder_id": "other", "model": "claude-sonnet-4-5", "cost_usd": 0.25}).to_string();
    let limited = json!({"type": "rate_limit", "coder_id": "other", "provider": "anthropic"}).to_string();
    home.record(&[&line("started", "X"), &line("started", "other"), &edited, &spent, &limited, &asked, &failed]);
    let mut client = Client::start(&home, &[], modern());
    let expected = [
        ("running", "needs_attention"),
        ("change in the last hour", "the port is taken"),
        ("Wait until X is done", "\"ended\":\"until\""),
        ("sum up", "the port is taken"),
        ("touched this file", "\"other\""),
        ("spent today", "0.25"),
    ];
    let mut questions = questions(&text());
    let (last, tool, mut arguments) = questions.pop().expect("questions");
    assert_eq!(questions.len(), expected.len());
    for ((question, tool, mut arguments), (about, answer)) in questions.into_iter().zip(expected) {
        assert!(question.contains(about), "{question}");
        if let Some(not) = arguments.as_object_mut().and_then(|arguments| arguments.remove("not_coder")) {
            assert_eq!(not, "me");
            // Nothing here is an agent's.
            arguments["not_coder"] = "X".into();
        }
        let given = client.call(&tool, arguments);
        assert!(given.to_string().contains(answer), "{question}: {given}");
    }
    assert!(last.contains("rate limit"), "{last}");
    // What comes before the call is taken is not lost to whoever has a cursor.
    arguments["cursor"] = client.call(&tool, json!({"coder_id": "*"}))["cursor"].take();
    let waiting = client.begin_call(&tool, arguments);
    home.record(&[&limited.replace("anthropic", "openai")]);
    let told = client.answer(waiting)["result"]["structuredContent"].take();
    assert_eq!((&told["ended"], &told["events"][0]["coder_id"]), (&json!("until"), &json!("other")), "{told}");
}
