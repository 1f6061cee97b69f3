//! Lines of a client in, lines of the server out, over streams in memory.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{bus::Bus, history::Options};

use super::{ServeOptions, serve_streams};

/// Generous; rmcp alone would wait five seconds.
const ENDED_WITHIN: Duration = Duration::from_secs(4);

/// What the server writes to a client that sends `lines` and then nothing more.
async fn answers(lines: &[Value]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::new(Options::new(folder.path().join("history.db")));
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let (input, output) = tokio::io::split(server);
    for line in lines {
        client.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    client.shutdown().await.unwrap();
    let mut written = String::new();
    let serve = serve_streams(bus.clone(), ServeOptions::default(), input, output);
    let both = async { tokio::join!(serve, client.read_to_string(&mut written)) };
    let (served, received) = tokio::time::timeout(ENDED_WITHIN, both).await.expect("it ends when its input does");
    served.unwrap();
    received.unwrap();
    bus.shutdown().await;
    written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A request of the newer era, which says everything itself.
fn modern(id: u64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    });
    request(id, method, params)
}

fn notification(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": method })
}

#[tokio::test]
async fn every_request_is_answered_whatever_stands_between() {
    let check = async |lines: &[Value], expected: &[u64]| {
        let answers = answers(lines).await;
        let mut ids: Vec<u64> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{lines:?}: {answers:?}");
    };
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let hello = |id: u64| request(id, "initialize", hello.clone());
    let response = json!({ "jsonrpc": "2.0", "id": 9, "result": {} });
    // What came between a request that does not begin a conversation and the one that does ended it.
    check(&[request(1, "ping", json!({})), notification("notifications/initialized"), hello(2)], &[1, 2]).await;
    check(&[request(1, "tools/list", json!({})), response.clone(), hello(2), request(3, "ping", json!({}))], &[1, 2, 3]).await;
    check(&[modern(1, "server/discover", json!({})), response, modern(2, "tools/list", json!({}))], &[1, 2]).await;
    check(&[notification("notifications/initialized"), hello(1), notification("notifications/initialized")], &[1]).await;
    // A handler that still had something to send when input ended held up the end.
    let listen = json!({ "notifications": { "resourcesListChanged": true } });
    check(&[modern(1, "subscriptions/listen", listen)], &[1]).await;
}
