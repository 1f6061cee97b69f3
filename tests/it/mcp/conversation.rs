//! What a client may get wrong before anything is asked of a tool.

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, Era, old},
};

use super::{SOON, line};

fn hello() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params":
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
}

fn ask(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"})
}

#[test]
fn a_stray_message_before_the_first_request_is_passed_over() {
    for stray in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}),
        json!({"jsonrpc": "2.0", "id": 7, "result": {}}),
    ] {
        let mut client = Client::silent(&Home::new(), &[], old());
        client.send(&stray);
        client.send(&hello());
        assert_eq!(client.answer(0)["result"]["serverInfo"]["name"], "ai-coder-events", "{stray}");

        let mut client = Client::silent(&Home::new(), &[], old());
        client.send(&stray);
        assert!(client.close().0.success(), "{stray}");
    }
}

#[test]
fn a_request_before_the_handshake_is_refused_and_the_handshake_still_works() {
    let mut client = Client::silent(&Home::new(), &[], old());
    client.send(&ask(1));
    client.send(&hello());
    client.send(&ask(2));
    assert_eq!(client.answer(1)["error"]["code"], -32602);
    assert_eq!(client.answer(0)["result"]["protocolVersion"], "2025-11-25");
    assert!(client.answer(2)["result"]["tools"].is_array());
}

#[test]
fn a_last_line_without_a_newline_is_answered() {
    let mut client = Client::start(&Home::new(), &[], old());
    client.send_raw(ask(9).to_string().as_bytes());
    assert!(client.close().0.success());
    assert!(client.answer(9)["result"]["tools"].is_array());
}

#[test]
fn lines_that_are_no_messages_harm_nobody() {
    let mut client = Client::start(&Home::new(), &[], old());
    for wrong in [&b"garbage\n"[..], b"\n", b"[]\n", b"42\n", b"{}\n", b"{\"jsonrpc\":\"2.0\",\n", b"\"\xff\xfe\"\n"] {
        client.send_raw(wrong);
    }
    client.send(&ask(9));
    assert!(client.answer(9)["result"]["tools"].is_array());
}

#[test]
fn params_of_the_wrong_shape_are_answered_with_the_right_one() {
    let mut client = Client::start(&Home::new(), &[], old());
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({"name": 5})),
        ("tools/call", json!({"name": "list_ai_coders", "arguments": []})),
        ("resources/read", json!({})),
        ("prompts/get", json!({"name": ["standup"]})),
        ("completion/complete", json!({"ref": "coder"})),
    ] {
        let error = client.request(method, params.clone())["error"].take();
        let message = error["message"].as_str().expect("a message");
        assert_eq!(error["code"], -32602, "{method} {params}: {message}");
        assert!(message.starts_with(&format!("the params of `{method}` cannot be read: give {{")), "{message}");
    }
    assert_eq!(client.error_code("nope", json!({})), -32601);
}

#[test]
fn what_real_clients_send_first_is_answered() {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "title": "Claude Code", "version": "2.1.330", "websiteUrl": "https://claude.com/claude-code"},
        "io.modelcontextprotocol/clientCapabilities": {"roots": {"listChanged": true}, "elicitation": {"form": {}, "url": {}}},
    });
    let mut client = Client::silent(&Home::new(), &[], Era::Modern(json!({})));
    client.send(
        &json!({"jsonrpc": "2.0", "id": "server-discover-probe-1", "method": "server/discover", "params": {"_meta": meta}}),
    );
    assert!(client.answer_to(&"server-discover-probe-1".into())["result"]["capabilities"]["tools"].is_object());
    let wanted = json!({"toolsListChanged": true, "resourcesListChanged": true});
    client.send(&json!({"jsonrpc": "2.0", "id": "listen:0", "method": "subscriptions/listen", "params": {"_meta": meta, "notifications": wanted}}));
    let accepted = client.notice("notifications/subscriptions/acknowledged");
    assert_eq!(accepted["params"]["notifications"], json!({"resourcesListChanged": true}));
    assert_eq!(accepted["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "listen:0");

    // A probe in the newer era, then a handshake on the same connection.
    let mut client = Client::silent(&Home::new(), &[], old());
    client.send(&json!({"jsonrpc": "2.0", "id": "probe", "method": "server/discover", "params": {"_meta": meta}}));
    client.send(&hello());
    assert!(client.answer_to(&"probe".into())["result"].is_object());
    assert_eq!(client.answer(0)["result"]["protocolVersion"], "2025-11-25");
    assert!(client.request("tools/list", json!({}))["result"]["tools"].is_array());
}

/// The answers fill the pipe and wait; a signal still ends the server in a moment.
#[test]
fn a_signal_ends_a_server_whose_client_does_not_read() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::deaf(&home);
    for id in 1..200 {
        client.send(&ask(id));
    }
    let (status, took) = client.signal("TERM");
    assert!(status.success() && took < 3 * SOON, "{status} {took:?}");
}

/// Its answers are a list too; what is no request in it is passed over, and what comes after it is answered by itself.
#[test]
fn a_list_of_messages_is_answered_in_the_version_that_has_them() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], Era::Handshake("2025-03-26"));
    let emit = json!({"name": "emit_ai_coder_event", "arguments": {"type": "created", "coder_id": "a"}});
    let call = json!({"jsonrpc": "2.0", "id": 502, "method": "tools/call", "params": emit});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/whatever"});
    client.send(&json!([ask(501), note, call, {"jsonrpc": "2.0", "id": 503}]));
    let list = client.list();
    let mut ids: Vec<u64> = list.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [501, 502, 503], "{list:?}");
    assert!(client.request("ping", json!({}))["result"].is_object());
    client.send(&json!([]));
    assert_eq!(client.error_without_id()["error"]["code"], -32600);
    assert!(client.close().0.success());
    assert_eq!(home.json(&["list"]).len(), 1);
}

/// Something else holds the client's end of its input, so that never ends.
#[cfg(unix)]
#[test]
fn a_server_that_nobody_reads_ends_by_itself() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::deaf(&home);
    client.close_output();
    assert!(client.ended().0.success());
}
