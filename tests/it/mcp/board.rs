//! The board of MCP Apps: for clients that show such pages, and for nobody else.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, Era},
};

const URI: &str = "ui://ai-coder-events/board";
const APP: &str = "text/html;profile=mcp-app";

fn capabilities(mime_type: &str) -> Value {
    json!({"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": [mime_type]}}})
}

/// A client with these capabilities, in either era.
fn clients(home: &Home, capabilities: &Value) -> [Client; 2] {
    let mut old = Client::silent(home, &[], Era::Handshake("2025-11-25"));
    let about = json!({"name": "test", "version": "1"});
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": about});
    old.result("initialize", hello);
    old.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    [old, Client::start(home, &[], Era::Modern(capabilities.clone()))]
}

#[test]
fn who_shows_pages_is_told_of_it_and_nobody_else() {
    let home = Home::new();
    for (capabilities, is_told) in [(capabilities(APP), true), (capabilities("text/html"), false), (json!({}), false)] {
        for mut client in clients(&home, &capabilities) {
            let tools = client.result("tools/list", json!({}))["tools"].take();
            for tool in tools.as_array().unwrap() {
                let goes_with_it =
                    ["list_ai_coders", "get_ai_coder_stats", "brief_ai_coder"].contains(&tool["name"].as_str().unwrap());
                let named = if is_told && goes_with_it { json!(URI) } else { Value::Null };
                let meta = &tool["_meta"];
                assert_eq!((&meta["ui"]["resourceUri"], &meta["ui/resourceUri"]), (&named, &named), "{capabilities}: {tool}");
                assert!(meta["anthropic/searchHint"].is_string(), "{tool}");
            }
            let resources = client.result("resources/list", json!({}))["resources"].take();
            let is_listed = resources.as_array().unwrap().iter().any(|resource| resource["uri"] == URI);
            assert_eq!(is_listed, is_told, "{capabilities}: {resources}");
            let read = client.result("resources/read", json!({ "uri": URI }));
            let contents = &read["contents"][0];
            assert_eq!((&contents["mimeType"], &contents["_meta"]["ui"]["prefersBorder"]), (&json!(APP), &json!(true)));
            let page = contents["text"].as_str().unwrap();
            assert!(page.len() < 6_000 && !page.contains("innerHTML") && !page.contains("http"), "{} bytes", page.len());
        }
    }
}
