//! What an agent pays for "what happened to this coder?": characters, and tokens taken as a quarter of them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::server::{Server, program};

pub fn tokens() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = folder.path().join("history.db");
    // A captured run of an agent with a subagent, then one with a list of tasks: every hook it called.
    for run in ["main", "subagent", "tasks"] {
        let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/claude-code/{run}.jsonl"));
        for line in fs::read_to_string(hooks).expect("the fixtures are there").lines() {
            let captured: Value = serde_json::from_str(line).expect("a line of JSON");
            let mut command = program(&db, &[]);
            command.args(["hook", "claude-code"]);
            feed(command, &captured["payload"].to_string());
        }
    }
    let mut server = Server::start(&db, &[]);
    let coders = server.call("list_ai_coders", &json!({}))["structuredContent"]["coders"].clone();
    let events = |coder: &Value| coder["events"].as_u64().unwrap_or(0);
    let busiest = coders.as_array().into_iter().flatten().max_by_key(|coder| events(coder)).expect("there are coders");
    let coder = busiest["coder_id"].clone();
    println!("a coder of {} events, one of {}", events(busiest), coders.as_array().map_or(0, Vec::len));
    for (name, tool, arguments) in [
        ("last 50 events, summary", "list_ai_coder_events", json!({"coder_id": coder})),
        ("last 50 events, full", "list_ai_coder_events", json!({"coder_id": coder, "detail": "full"})),
        ("its stats", "get_ai_coder_stats", json!({"coder_id": coder})),
        ("its state", "subscribe_coder", json!({"coder_id": coder})),
        ("everybody's stats", "get_ai_coder_stats", json!({})),
    ] {
        let answer = server.call(tool, &arguments);
        let structured = answer["structuredContent"].to_string().chars().count();
        let text = answer["content"][0]["text"].as_str().map_or(0, |text| text.chars().count());
        let given = answer["structuredContent"]["events"].as_array().map_or(0, Vec::len);
        let an_event = structured.checked_div(given).map_or(String::new(), |each| format!(", {each} an event of {given}"));
        println!("{name}: {structured} characters, some {} tokens{an_event} (as text {text})", structured / 4);
        if std::env::var_os("BENCH_TOKENS_SHOW").is_some() {
            println!("{}", answer["structuredContent"]);
        }
    }
    server.request("tools/list", &json!({}));
    let tools = server.answer().to_string().chars().count();
    println!("what the tools say of themselves: {tools} characters, some {} tokens", tools / 4);
}

fn feed(mut command: Command, payload: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(payload.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
