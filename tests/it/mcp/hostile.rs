//! What a client may do out of malice. Whatever it was, the same server answers the next call, holds no more memory than a
//! bound says, and ends at the end of its input.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, Era, modern, old},
};

use super::{eras, line};

/// What no attack may make the server hold, in megabytes: some 15 at rest, and room for one line of 16 MiB and for what
/// 10,000 waiting calls hold. Before there were bounds, some of these attacks took more than a thousand.
const MEMORY_MB_MAX: u64 = 250;
const MB: usize = 1024 * 1024;
/// rmcp would wait five seconds for whoever still waits. A busy machine takes a while to end what ten thousand calls hold.
const AT_ONCE: Duration = Duration::from_secs(4);
/// The client that has tasks.
fn with_tasks() -> Era {
    Era::Modern(json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}))
}

fn request(id: &str, method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}\n")
}

/// What a request of this era must carry, as the start of an object.
fn meta(era: &Era) -> String {
    match era {
        Era::Handshake(_) => "{".into(),
        Era::Modern(capabilities) => {
            let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities});
            format!("{{\"_meta\":{meta},")
        }
    }
}

/// A call with arguments that are not necessarily JSON.
fn raw_call(era: &Era, id: &str, tool: &str, arguments: &str) -> String {
    request(id, "tools/call", &format!("{}\"name\":\"{tool}\",\"arguments\":{arguments}}}", meta(era)))
}

/// The server is attacked, then asked, then closed.
fn survives(attack: impl Fn(&mut Client, &Era)) {
    for era in [old(), modern(), with_tasks()] {
        let home = Home::new();
        home.record(&[&line("created", "a"), &line("started", "a")]);
        let mut client = Client::start(&home, &[], era.clone());
        attack(&mut client, &era);
        let events = client.call("list_ai_coder_events", json!({"coder_id": "a", "limit": 2, "order": "oldest"}));
        assert_eq!(super::seqs(&events), [1, 2], "{era:?}");
        let memory = client.memory_peak_mb();
        assert!(memory < MEMORY_MB_MAX, "{era:?}: {memory} MB");
        let (status, took) = client.close();
        assert!(status.success() && took < AT_ONCE, "{era:?}: {status} {took:?}");
    }
}

/// The cursor to wait from.
fn cursor(client: &mut Client) -> Value {
    client.call("subscribe_coder", json!({"coder_id": "a"}))["cursor"].take()
}

fn begin_wait(client: &mut Client, coder: &str, cursor: &Value) -> u64 {
    client.begin_call("subscribe_coder", json!({"coder_id": coder, "cursor": cursor, "wait_ms": 55_000}))
}

#[test]
fn odd_ids_are_answered_as_they_are_or_refused() {
    survives(|client, era| {
        let mut check = |id: &str, is_valid: bool| {
            client.send_raw(raw_call(era, id, "list_ai_coders", "{}").as_bytes());
            let sent = serde_json::from_str::<Value>(id).unwrap();
            let answer = if is_valid { client.answer_to(&sent) } else { client.error_without_id() };
            assert_eq!(answer["result"].is_object(), is_valid, "{id}: {answer}");
        };
        for id in ["-5", "9223372036854775807", "-9223372036854775808", "\"\"", "\"\\u202e\\u0000\"", "\"1\""] {
            check(id, true);
        }
        check(&Value::from("x".repeat(1_024)).to_string(), true);
        for id in ["null", "1.5", "true", "{}", "[]", "[1]", "9223372036854775808", &"1".repeat(40)] {
            check(id, false);
        }
        let huge = Value::from("x".repeat(MB));
        client.send_raw(raw_call(era, &huge.to_string(), "list_ai_coders", "{}").as_bytes());
        assert_eq!(client.answer_to(&huge)["error"]["code"], -32600);
    });
}

#[test]
fn deep_nesting_is_refused() {
    survives(|client, era| {
        for bracket in ["[", "{\"a\":", "[{\"a\":"] {
            client.send_raw(format!("{}\n", bracket.repeat(10_000)).as_bytes());
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let event = |levels| format!("{{\"type\":\"output\",\"coder_id\":\"b\",\"data\":{{\"a\":{}}}}}", nested(levels));
        client.send_raw(raw_call(era, "50", "emit_ai_coder_event", &event(50)).as_bytes());
        assert_eq!(client.answer(50)["result"]["isError"], true);
        // Deeper than the parser goes: there is no call, but there is an answer.
        for levels in [200_u64, 10_000] {
            client.send_raw(raw_call(era, &levels.to_string(), "emit_ai_coder_event", &event(levels as usize)).as_bytes());
            assert_eq!(client.answer(levels)["error"]["code"], -32600);
        }
    });
}

/// As JavaScript cuts a text, in the middle of a character, and as a pipe does, in the middle of its bytes.
#[test]
fn text_that_was_cut_is_recorded_with_a_mark() {
    survives(|client, era| {
        for (id, cut) in [(7, &b"\\ud83d"[..]), (8, b"\xf0\x9f"), (9, b"\xff")] {
            let call =
                raw_call(era, &id.to_string(), "emit_ai_coder_event", r#"{"type":"output","coder_id":"b","text":"cut @"}"#);
            let at = call.find('@').unwrap();
            client.send_raw(&[&call.as_bytes()[..at], cut, &call.as_bytes()[at + 1..]].concat());
            let receipt = client.called(id);
            let read = client.call("list_ai_coder_events", json!({"coder_id": "b", "limit": 1, "detail": "full"}));
            assert_eq!((&read["events"][0]["seq"], &read["events"][0]["text"]), (&receipt["seq"], &"cut \u{fffd}".into()));
        }
    });
}

#[test]
fn unknown_names_are_echoed_in_part() {
    survives(|client, _| {
        let long = "x".repeat(MB);
        for (method, params) in [
            (long.as_str(), json!({})),
            ("tools/call", json!({"name": long, "arguments": {}})),
            ("tools/call", json!({"name": "list_ai_coders", "arguments": {long.clone(): 1}})),
            ("tools/call", json!({"name": "subscribe_coder", "arguments": {"coder_id": long, "cursor": long, "until": long}})),
            ("resources/read", json!({"uri": long})),
            ("resources/subscribe", json!({"uri": long})),
            ("prompts/get", json!({"name": long})),
            ("prompts/get", json!({"name": "diagnose_coder", "arguments": {"coder_id": long}})),
            (
                "completion/complete",
                json!({"ref": {"type": "ref/prompt", "name": long}, "argument": {"name": long, "value": long}}),
            ),
            ("tasks/get", json!({"taskId": long})),
            ("tasks/update", json!({"taskId": long, "inputResponses": {long.clone(): {}}})),
            ("tasks/cancel", json!({"taskId": long})),
            ("logging/setLevel", json!({"level": long})),
            ("server/discover", json!({"x": long})),
            ("initialize", json!({"protocolVersion": long, "capabilities": {}, "clientInfo": {"name": long, "version": long}})),
        ] {
            let answer = client.request(method, params).to_string();
            assert!(answer.len() < 20_000, "{}…: {}", &method[..method.len().min(20)], answer.len());
        }
    });
}

#[test]
fn odd_requests_of_known_methods_are_answered() {
    survives(|client, _| {
        for id in [json!(null), json!(5), json!({}), json!([]), json!(""), json!("nope"), json!("../../x")] {
            for method in ["tasks/get", "tasks/update", "tasks/cancel", "tasks/result", "tasks/list"] {
                assert!(
                    client.request(method, json!({"taskId": id, "inputResponses": {}}))["error"].is_object(),
                    "{method} {id}"
                );
            }
        }
        for token in [json!(null), json!(1.5), json!({}), json!([]), json!(true), json!(-1), json!("x".repeat(MB))] {
            let id = client.begin(
                "tools/call",
                json!({"name": "subscribe_coder", "arguments": {"coder_id": "a"}, "_meta": {"progressToken": token}}),
            );
            assert_eq!(client.called(id)["ended"], "now");
        }
        // In the client's own metadata: the era's own is not there then.
        for meta in [json!(5), json!("x"), json!([]), json!(true)] {
            client.send(&json!({"jsonrpc": "2.0", "id": 900, "method": "tools/list", "params": {"_meta": meta}}));
            assert_eq!(client.answer(900)["error"]["code"], -32600, "{meta}");
        }
        for (line, id) in [
            (r#"[{"jsonrpc":"2.0","id":901,"method":"tools/list"},{"jsonrpc":"2.0","id":902,"method":"ping"}]"#, None),
            (r#"{"jsonrpc":"1.0","id":903,"method":"tools/list"}"#, Some(903)),
            (r#"{"jsonrpc":"2.0","id":904}"#, Some(904)),
            (r#"{"jsonrpc":"2.0","id":905,"id":906,"method":"tools/list"}"#, None),
            (r#"{"jsonrpc":"2.0","id":907,"method":5}"#, Some(907)),
            (r#"{"jsonrpc":"2.0","id":908,"method":"tools/list","params":[1]}"#, Some(908)),
        ] {
            client.send_raw(format!("{line}\n").as_bytes());
            let answer = match id {
                Some(id) => client.answer(id),
                None => client.error_without_id(),
            };
            assert_eq!(answer["error"]["code"], -32600, "{line}");
        }
    });
}

#[test]
fn long_lines_are_refused_or_passed_over() {
    survives(|client, era| {
        let call = |id: &str, text: String| {
            raw_call(era, id, "emit_ai_coder_event", &format!("{{\"type\":\"output\",\"text\":\"{text}\"}}"))
        };
        // The whole line is read, and says why it is no event.
        client.send_raw(call("1000", "x".repeat(MB)).as_bytes());
        assert_eq!(client.answer(1000)["result"]["isError"], true);
        client.send_raw(call("1001", "x".repeat(15 * MB)).as_bytes());
        assert_eq!(client.answer(1001)["error"]["code"], -32600);
        // Read as a tree, it would take a gigabyte.
        let brackets = format!("{{\"a\":[{}[]]}}", "[],".repeat(5 * MB - 100));
        client.send_raw(raw_call(era, "1002", "list_ai_coders", &brackets).as_bytes());
        assert_eq!(client.answer(1002)["error"]["code"], -32600);
        client.send_raw(call("1003", "x".repeat(17 * MB)).as_bytes());
        assert_eq!(client.error_without_id()["error"]["code"], -32600);
        for _ in 0..40 {
            client.send_raw("x".repeat(MB).as_bytes());
        }
        assert_eq!(client.error_without_id()["error"]["code"], -32600, "before the line has an end");
        client.send_raw(b"\n");
    });
}

#[test]
fn a_line_that_never_ends_ends_with_the_input() {
    for length in [100, 20 * MB] {
        let mut client = Client::start(&Home::new(), &[], old());
        client.send_raw(&vec![b'['; length]);
        assert!(client.close().0.success());
    }
}

#[test]
fn thousands_of_notifications_are_taken() {
    survives(|client, _| {
        for number in 0..3_000 {
            for (method, params) in [
                ("notifications/whatever", json!({"n": number})),
                ("notifications/initialized", json!({})),
                ("notifications/cancelled", json!({"requestId": number + 1_000_000, "reason": "x"})),
                ("notifications/progress", json!({"progressToken": number, "progress": 1})),
                ("notifications/roots/list_changed", json!({})),
            ] {
                client.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
            }
        }
        for id in [json!(null), json!(1.5), json!({}), json!([]), json!(true), json!("x".repeat(MB))] {
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
            client.send(&json!({"jsonrpc": "2.0", "id": 77, "result": id}));
        }
    });
}

fn cancel(client: &mut Client, id: u64) {
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
}

#[test]
fn everything_may_be_cancelled() {
    survives(|client, _| {
        let cursor = cursor(client);
        let ahead = begin_wait(client, "nobody", &cursor) + 1;
        cancel(client, ahead);
        // Cancelled before it came: an id that is not known yet says nothing about the next request with it.
        let wait = begin_wait(client, "b", &cursor);
        assert_eq!(wait, ahead);
        client.call("emit_ai_coder_event", json!({"type": "started", "coder_id": "b"}));
        assert!(!client.answer(wait)["result"].is_null());
        cancel(client, wait);
        for number in 0..500 {
            let id = begin_wait(client, &format!("nobody-{number}"), &cursor);
            cancel(client, id);
            cancel(client, id);
            let id = client.begin_call("list_ai_coder_events", json!({}));
            cancel(client, id);
        }
    });
}

#[test]
fn the_same_id_twice_is_refused_while_the_first_is_under_way() {
    survives(|client, era| {
        let cursor = cursor(client);
        let arguments = json!({"coder_id": "b", "cursor": cursor, "wait_ms": 55_000}).to_string();
        let is_task = matches!(era, Era::Modern(capabilities) if capabilities["extensions"].is_object());
        if is_task {
            // Its answer is the task, and comes at once.
            return;
        }
        for _ in 0..100 {
            client.send_raw(raw_call(era, "4000", "subscribe_coder", &arguments).as_bytes());
        }
        for _ in 1..100 {
            assert_eq!(client.answer(4000)["error"]["code"], -32600);
        }
        client.call("emit_ai_coder_event", json!({"type": "started", "coder_id": "b"}));
        assert_eq!(client.called(4000)["ended"], "events");
        client.send_raw(raw_call(era, "4000", "subscribe_coder", "{\"coder_id\":\"b\"}").as_bytes());
        assert_eq!(client.called(4000)["ended"], "now", "an id that is answered is free");
    });
}

/// Ten thousand calls wait, more are refused, and nothing but these is held up.
#[test]
fn a_crowd_of_waiting_calls_has_a_bound() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], old());
    let cursor = cursor(&mut client);
    let waits: Vec<u64> = (0..10_050).map(|number| begin_wait(&mut client, &format!("b{number}"), &cursor)).collect();
    let refused = client.answer(waits[10_049]);
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(refused["result"]["content"][0]["text"].as_str().unwrap().starts_with("too many calls wait already"), "{refused}");
    assert_eq!(client.call("list_ai_coders", json!({}))["coders"].as_array().map(Vec::len), Some(1));
    let memory = client.memory_peak_mb();
    assert!(memory < MEMORY_MB_MAX, "{memory} MB");
    waits.iter().for_each(|&id| cancel(&mut client, id));
    let again = begin_wait(&mut client, "c", &cursor);
    client.call("emit_ai_coder_event", json!({"type": "started", "coder_id": "c"}));
    assert_eq!(client.called(again)["ended"], "events", "cancelled calls make room");
    let (status, took) = client.close();
    assert!(status.success() && took < AT_ONCE, "{status} {took:?}");
}

/// A client that asks faster than the history answers, before it reads anything.
#[test]
fn a_flood_of_requests_is_answered_in_full() {
    survives(|client, _| {
        let ids: Vec<u64> = (0..3_000).map(|_| client.begin_call("list_ai_coder_events", json!({"limit": 1}))).collect();
        for id in ids {
            client.called(id);
        }
    });
}

/// Tasks are kept for minutes with their answers: beyond a bound, a call waits as it does for other clients.
#[test]
fn tasks_have_a_bound() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], with_tasks());
    let cursor = cursor(&mut client);
    for number in 0..400 {
        begin_wait(&mut client, &format!("b{number}"), &cursor);
    }
    let tasks = client.next_answers(300);
    assert!(tasks.iter().all(|answer| answer["result"]["resultType"] == "task"));
    let events: Vec<String> = (0..400).map(|number| line("started", &format!("b{number}"))).collect();
    home.record(&events.iter().map(String::as_str).collect::<Vec<_>>());
    let waited = client.next_answers(100);
    assert!(waited.iter().all(|answer| answer["result"]["structuredContent"]["ended"] == "events"));
    assert!(client.close().0.success());
}

#[test]
fn subscriptions_have_a_bound() {
    survives(|client, era| match era {
        Era::Handshake(_) => {
            let subscribe = |client: &mut Client, number| {
                let uri = format!("aicoder://coders/c{number}");
                client.request("resources/subscribe", json!({"uri": uri}))["result"].is_object()
            };
            assert_eq!((0..1_100).filter(|&number| subscribe(client, number)).count(), 1_000);
            for number in 0..1_100 {
                client.result("resources/unsubscribe", json!({"uri": format!("aicoder://coders/c{number}")}));
            }
            assert!(subscribe(client, 5_000));
        }
        Era::Modern(_) => {
            let uris: Vec<String> = (0..1_100).map(|number| format!("aicoder://coders/c{number}")).collect();
            let wanted = json!({"notifications": {"resourcesListChanged": true, "resourceSubscriptions": uris}});
            let listens: Vec<u64> = (0..110).map(|_| client.begin("subscriptions/listen", wanted.clone())).collect();
            for &id in &listens[100..] {
                assert_eq!(client.answer(id)["error"]["code"], -32600);
            }
            listens.iter().for_each(|&id| cancel(client, id));
            client.call("list_ai_coders", json!({}));
            let id = client.begin("subscriptions/listen", wanted);
            let accepted = client.notice_of("notifications/subscriptions/acknowledged", id);
            assert_eq!(accepted["params"]["notifications"]["resourceSubscriptions"].as_array().map(Vec::len), Some(1_000));
        }
    });
}

#[test]
fn a_handshake_may_come_twice_and_after_other_things() {
    let hello = |client: &mut Client| {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        client.request("initialize", params)["result"]["protocolVersion"].take()
    };
    survives(|client, _| {
        for _ in 0..3 {
            assert!(hello(client).is_string() || hello(client).is_null());
        }
    });
    // Probes that begin nothing, and what a client may send after them.
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    for (method, params) in [
        ("ping", json!({})),
        ("server/discover", json!({"_meta": meta})),
        ("tools/list", json!({})),
        (
            "tools/list",
            json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01", "io.modelcontextprotocol/clientCapabilities": {}}}),
        ),
    ] {
        let mut client = Client::silent(&Home::new(), &[], old());
        client.request(method, params.clone());
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
        client.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
        assert_eq!(hello(&mut client), "2025-11-25", "{method} {params}");
        assert!(client.close().0.success());
    }
}

/// Its answers go nowhere, and it still ends with its input.
#[cfg(unix)]
#[test]
fn a_client_that_closes_only_its_own_input_does_no_harm() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::deaf(&home);
    client.close_output();
    for id in 1_000..1_100 {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}));
    }
    client.begin_call("emit_ai_coder_event", json!({"type": "started", "coder_id": "a"}));
    let (status, took) = client.close();
    assert!(status.success() && took < AT_ONCE, "{status} {took:?}");
    assert_eq!(home.json(&["list", "--type", "started"]).len(), 1, "what it asked for was done");
}

#[test]
fn both_eras_may_be_mixed() {
    for era in eras() {
        let mut client = Client::start(&Home::new(), &[], era);
        client.request("resources/subscribe", json!({"uri": "aicoder://coders"}));
        client.begin("subscriptions/listen", json!({"notifications": {"resourcesListChanged": true}}));
        client.call("emit_ai_coder_event", json!({"type": "started", "coder_id": "b"}));
        assert!(client.close().0.success());
    }
}
