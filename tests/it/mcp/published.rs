//! What the server says of itself, word by word: with these texts, found by experiment, the searches of agents find the
//! tool that answers. A word is changed only with a reason.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern, old},
};

/// Of names that clients make of a tool's, its server's and its plugin's.
const COMPOSED_NAME_CHARS_MAX: usize = 64;
/// 3,000 tokens, of which each has four characters at least in these texts.
const TOOLS_CHARS_MAX: usize = 12_000;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn texts() -> Value {
    read_json(&root("tests/fixtures/mcp-texts.json"))
}

fn names(tools: &Value) -> Vec<&str> {
    tools.as_array().expect("tools").iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}

#[test]
fn the_texts_are_those_that_were_found() {
    let texts = texts();
    let mut client = Client::start(&Home::new(), &[], modern());
    let hello = client.result("server/discover", json!({}));
    assert_eq!(hello["instructions"], texts["instructions"]);
    let tools = client.result("tools/list", json!({}))["tools"].take();
    assert_eq!(names(&tools), names(&texts["tools"]));
    for (tool, found) in tools.as_array().into_iter().flatten().zip(texts["tools"].as_array().into_iter().flatten()) {
        assert_eq!(*tool, *found, "{}", tool["name"]);
    }
    let chars = tools.to_string().chars().count();
    assert!(chars < TOOLS_CHARS_MAX, "{chars}");
}

/// Every name that a file of a client has for a server.
fn servers_in(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    if file.extension().is_some_and(|extension| extension == "toml") {
        let tables = text.lines().filter_map(|line| line.trim().strip_prefix("[mcp_servers.")?.strip_suffix(']'));
        return tables.map(str::to_owned).collect();
    }
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let lists = ["mcpServers", "servers", "mcp"].iter().filter_map(|key| json[*key].as_object());
    lists.flat_map(|servers| servers.keys().cloned()).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap().path())).collect()
}

#[test]
fn no_name_that_a_client_makes_of_a_tool_s_is_too_long() {
    let plugin = root("plugins/claude-code");
    let plugin_name = read_json(&plugin.join(".claude-plugin/plugin.json"))["name"].as_str().expect("a name").to_owned();
    let mut composed: Vec<String> = servers_in(&plugin.join(".mcp.json"));
    assert_eq!(composed, ["coders"], "agents find it by this word");
    composed.iter_mut().for_each(|server| *server = format!("plugin_{plugin_name}_{server}"));
    for agent in ["claude-code", "codex", "gemini", "copilot", "cursor", "opencode", "vscode"] {
        let home = Home::new();
        assert_eq!(home.run(&["setup", agent]).code, Some(0), "{agent}");
        let servers: Vec<String> = files_below(home.path()).iter().flat_map(|file| servers_in(file)).collect();
        assert!(!servers.is_empty(), "{agent}");
        composed.extend(servers);
    }
    composed.extend(servers_in(&root("mcp.json.example")));
    for server in composed {
        for tool in names(&texts()["tools"]) {
            let name = format!("mcp__{server}__{tool}");
            assert!(name.len() <= COMPOSED_NAME_CHARS_MAX, "{name} has {}", name.len());
        }
    }
}

/// What some clients stumble over.
#[test]
fn schemas_are_of_the_plain_kind() {
    let mut client = Client::start(&Home::new(), &[], old());
    let tools = client.result("tools/list", json!({}))["tools"].take();
    for tool in tools.as_array().expect("tools") {
        assert_plain(&tool["inputSchema"]);
        assert_eq!(tool.get("outputSchema"), None, "no model sees one");
    }
}

fn assert_plain(schema: &Value) {
    match schema {
        Value::Object(object) => {
            for key in ["$schema", "$defs", "$ref", "additionalProperties", "format"] {
                assert_eq!(object.get(key), None, "{schema}");
            }
            object.values().for_each(assert_plain);
        }
        Value::Array(items) => items.iter().for_each(assert_plain),
        _ => {}
    }
}
