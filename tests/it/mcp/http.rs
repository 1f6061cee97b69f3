//! `serve --http`: who comes in, both eras, several clients at once, bounds, and how it ends.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, process::Command};

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, modern},
};

use super::{
    http_client::{Answer, EventStream, HttpServer, MODERN},
    line,
};

const SETTLED: &str = "notifications/resources/updated";

fn terminate(pid: u32) {
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
}

#[test]
fn only_who_has_the_token_comes_in() {
    let home = Home::new();
    let server = HttpServer::start(&home, &[]);
    let file = home.history().with_extension("token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(server.said.ends_with(&format!("/mcp; the token lies in {}\n", file.display())), "{}", server.said);
    assert!(!server.said.contains(&server.token), "{}", server.said);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover"});
    let check = |headers: &[(&str, &str)], status: u16, said: &str| {
        let answer = server.post(headers, &ping);
        assert!(answer.status == status && answer.body.contains(said), "{headers:?}: {} {}", answer.head, answer.body);
        answer
    };
    for wrong in ["", "Bearer wrong", "Basic dG9rZW4=", &server.token] {
        let refused = check(&[("Authorization", wrong)], 401, "Authorization: Bearer");
        assert_eq!(refused.header("www-authenticate"), Some("bearer"));
    }
    check(&[("Host", "evil.example.com")], 403, "`Host`");
    check(&[("Origin", "https://evil.example.com")], 403, "web pages");
    check(&[("Origin", "http://localhost:3000")], 400, "Session ID");
    check(&[("Host", "172.17.0.1:7331")], 400, "Session ID");
    assert_eq!(server.ask("POST", "/other", &[], "").status, 404);
    // A browser asks for a page without the token, and hands on what it is told for the page's origin alone.
    let page = |origin: &str, token: &str, method: &str, body: &str| {
        let headers = [("Origin", origin), ("Authorization", token), ("Access-Control-Request-Method", "POST")];
        let answer = server.ask(method, "/mcp", &headers, body);
        (answer.status, answer.header("access-control-allow-origin").map(str::to_owned))
    };
    let here = "http://localhost:3000";
    assert_eq!(page(here, "", "OPTIONS", ""), (204, Some(here.to_owned())));
    assert_eq!(page(here, &format!("Bearer {}", server.token), "POST", &ping.to_string()), (400, Some(here.to_owned())));
    assert_eq!(page(here, "", "POST", &ping.to_string()), (401, Some(here.to_owned())));
    assert_eq!(page("https://evil.example.com", "", "OPTIONS", ""), (403, None));
    // The next one takes the same, another history has another, and the environment's goes before both.
    assert_eq!(HttpServer::start(&home, &[]).token, server.token);
    assert_ne!(HttpServer::start(&Home::new(), &[]).token, server.token);
}

#[test]
fn the_token_may_come_from_the_environment_and_names_may_be_allowed() {
    let home = Home::new();
    home.ok(&["emit", "started", "--coder", "a"]);
    let server = HttpServer::start(&home, &["--read-only", "--allow-host", "host.docker.internal"]);
    let hello =
        |host: &str| server.post(&[("Host", host)], &json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover"})).status;
    assert_eq!((hello("host.docker.internal:80"), hello("docker.internal")), (400, 403));
    let tools = server.answer(MODERN, "tools/list", json!({}))["result"]["tools"].take();
    assert_eq!(tools.as_array().map(Vec::len), Some(5), "nothing that writes");
    for wrong in [&["--allow-host", "x"][..], &["--http", "127.0.0.1:0", "--allow-host", "http://x"], &["--http", "7331"]] {
        assert_eq!(home.run(&[&["serve"], wrong].concat()).code, Some(2), "{wrong:?}");
    }
    let mut command = home.command(&["serve", "--http", "127.0.0.1:0"]);
    command.env("AI_CODER_EVENTS_TOKEN", "their own");
    let mut own = HttpServer::of(command);
    assert!(own.said.ends_with("; AI_CODER_EVENTS_TOKEN holds the token\n"), "{}", own.said);
    for (token, status) in [(server.token.clone(), 401), ("their own".to_owned(), 200)] {
        own.token = token;
        assert_eq!(Answer::of(own.request(MODERN, 1, "tools/list", json!({}))).status, status);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for words in [&["serve", "--http", &address][..], &["serve", "--http", &address, "--collect", &address]] {
        let said = home.run(words);
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(said.stderr.contains(&format!("failed to listen on `{address}`: choose another address")), "{}", said.stderr);
    }
}

#[test]
fn both_eras_are_answered_as_over_a_pipe() {
    let home = Home::new();
    home.record(&[&line("started", "fix-auth"), &line("completed", "fix-auth")]);
    let server = HttpServer::start(&home, &[]);
    let session = server.begin_session();
    let mut piped = Client::start(&home, &[], modern());
    for era in [session.as_str(), MODERN] {
        for (method, params) in [("tools/list", json!({})), ("prompts/list", json!({})), ("resources/templates/list", json!({}))]
        {
            let (mut here, mut there) =
                (server.answer(era, method, params.clone())["result"].take(), piped.result(method, params));
            for of_the_newer in ["resultType", "ttlMs", "cacheScope"] {
                for result in [&mut here, &mut there] {
                    result.as_object_mut().unwrap().remove(of_the_newer);
                }
            }
            assert_eq!(here, there, "{era} {method}");
        }
        let listed = server.call(era, "list_ai_coders", json!({}));
        let text: Value = serde_json::from_str(listed["content"][0]["text"].as_str().expect("text")).unwrap();
        assert_eq!((&text, &text["coders"][0]["coder_id"]), (&listed["structuredContent"], &json!("fix-auth")), "{listed}");
        let me = server.call(era, "brief_ai_coder", json!({"coder_id": "me"}));
        let said = me["content"][0]["text"].as_str().expect("text");
        assert!(me["isError"] == true && said.starts_with("`me` cannot be told over HTTP"), "{me}");
        let read = server.answer(era, "resources/read", json!({"uri": "aicoder://coders/fix-auth"}));
        assert!(read["result"]["contents"][0]["text"].as_str().is_some_and(|text| text.contains("completed")), "{read}");
        assert_eq!(server.answer(era, "tools/call", json!({"name": "nothing"}))["error"]["code"], -32602);
        let failed = server.call(era, "list_ai_coders", json!({"limit": -1}));
        assert_eq!(failed["isError"], true, "{failed}");
    }
    assert_eq!(server.ask("DELETE", "/mcp", &[("Mcp-Session-Id", &session)], "").status, 202);
    let gone = Answer::of(server.request(&session, 2, "tools/list", json!({})));
    assert_eq!(gone.status, 404, "{}", gone.body);
    assert_eq!(server.ask("GET", "/mcp", &[], "").status, 400);
}

#[test]
fn who_subscribes_hears_of_other_writers() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let server = HttpServer::start(&home, &[]);
    let uri = "aicoder://coders/a/lifecycle";
    let sessions = [server.begin_session(), server.begin_session()];
    let mut listening = sessions.each_ref().map(|session| server.listen(session));
    for session in &sessions {
        assert_eq!(server.answer(session, "resources/subscribe", json!({ "uri": uri }))["result"], json!({}));
    }
    let wanted = json!({"notifications": {"resourceSubscriptions": [uri]}});
    let mut listen = EventStream::of(server.request(MODERN, 3, "subscriptions/listen", wanted));
    let acknowledged = listen.next().expect("a message");
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
    let stream = json!({"name": "coder.event", "arguments": {"coder_id": "a"}});
    let mut events = EventStream::of(server.request(MODERN, 4, "events/stream", stream));
    assert_eq!(events.next().expect("a message")["method"], "notifications/events/active");
    home.ok(&["emit", "paused", "--coder", "a", "--set", "reason=permission"]);
    let event = events.notice("notifications/events/event");
    assert_eq!(event["params"]["data"]["type"], "ai_coder_paused", "{event}");
    assert_eq!(event["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 4, "{event}");
    assert_eq!(listen.notice(SETTLED)["params"]["uri"], uri);
    for stream in &mut listening {
        assert_eq!(stream.notice(SETTLED)["params"]["uri"], uri);
    }
    // Whoever goes away holds up nobody.
    drop((events, listen));
    let [first, _] = &mut listening;
    home.ok(&["emit", "completed", "--coder", "a"]);
    assert_eq!(first.notice(SETTLED)["params"]["uri"], uri);
}

#[test]
fn long_waits_tell_of_their_progress_and_end_with_what_is_waited_for() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let server = HttpServer::start(&home, &[]);
    let session = server.begin_session();
    let wait = |era: &str, id: u64| {
        let arguments = json!({"coder_id": "a", "until": ["settled"], "wait_ms": 600_000});
        let params = json!({"name": "subscribe_coder", "arguments": arguments, "_meta": {"progressToken": format!("p{id}")}});
        EventStream::of(server.request(era, id, "tools/call", params))
    };
    let mut waiting = [wait(&session, 11), wait(MODERN, 12), wait(&session, 13)];
    for (stream, token) in waiting.iter_mut().zip(["p11", "p12", "p13"]) {
        assert_eq!(stream.notice("notifications/progress")["params"]["progressToken"], token);
    }
    // An id that is open is no other's, and what is cancelled has no answer.
    let twice = Answer::of(server.request(&session, 11, "ping", json!({})));
    assert_eq!((twice.status, &twice.message()["error"]["code"]), (400, &json!(-32600)), "{}", twice.body);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 13}});
    assert_eq!(server.post(&[("Mcp-Session-Id", &session)], &cancel).status, 202);
    while let Some(message) = waiting[2].next() {
        assert_eq!(message["method"], "notifications/progress", "{message}");
    }
    home.ok(&["emit", "completed", "--coder", "a"]);
    for stream in &mut waiting[..2] {
        let answer = std::iter::from_fn(|| stream.next()).last().expect("an answer");
        assert_eq!(answer["result"]["structuredContent"]["ended"], "until", "{answer}");
    }
    assert_eq!(server.answer(&session, "ping", json!({}))["result"], json!({}));
}

#[test]
fn one_port_serves_exporters_and_clients() {
    let home = Home::new();
    let server = HttpServer::start(&home, &["--collect", "127.0.0.1:0"]);
    assert!(server.said.starts_with(&format!("collecting OTLP at http://{}\n", server.address)), "{}", server.said);
    let logs = include_str!("../../fixtures/otlp/claude-code-logs.json");
    let export = server.ask("POST", "/v1/logs", &[("Authorization", "")], logs);
    assert_eq!(export.status, 200, "{}", export.body);
    let stats = server.call(MODERN, "get_ai_coder_stats", json!({}));
    assert!(stats["structuredContent"]["total_events"].as_u64() > Some(0), "{stats}");
    assert_eq!(server.post(&[("Authorization", "")], &json!({})).status, 401);
}

#[test]
fn what_clients_have_it_hold_is_bounded() {
    let server = HttpServer::start(&Home::new(), &[]);
    let refused = |body: &str| {
        let answer = server.ask("POST", "/mcp", &[], body);
        (answer.status, answer.body)
    };
    assert_eq!(refused(&format!("{{\"jsonrpc\": \"{}\"}}", "x".repeat(2 << 20))).0, 413);
    for broken in ["", "{\"jsonrpc\": \"2.0\", \"id\": 1, \"meth", "[]", "nonsense"] {
        let (status, body) = refused(broken);
        let code = serde_json::from_str::<Value>(&body).unwrap()["error"]["code"].as_i64();
        assert!(status == 400 && matches!(code, Some(-32700 | -32600)), "{broken}: {status} {body}");
    }
    let (status, body) = refused(r#"{"jsonrpc": "2.0", "id": 5, "result": 1, "method": 3}"#);
    assert!(status == 202 || status == 400, "{status} {body}");
    // Sessions that are listened to keep their places; one that nobody uses makes room.
    let sessions: Vec<String> = (0..100).map(|_| server.begin_session()).collect();
    let mut listening: Vec<EventStream> = sessions.iter().map(|session| server.listen(session)).collect();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let full = server.post(&[], &hello);
    assert_eq!((full.status, full.header("retry-after")), (503, Some("1")), "{}", full.body);
    assert!(server.answer(MODERN, "tools/list", json!({}))["result"].is_object(), "who needs no session comes in");
    drop(listening.pop());
    while server.post(&[], &hello).status != 200 {
        std::thread::yield_now();
    }
    let gone = Answer::of(server.request(&sessions[99], 1, "ping", json!({})));
    assert_eq!(gone.status, 404, "{}", gone.body);
    assert_eq!(server.answer(&sessions[0], "ping", json!({}))["result"], json!({}));
}

#[test]
fn at_a_signal_whoever_waits_is_answered() {
    let home = Home::new();
    home.record(&[&line("started", "a")]);
    let mut server = HttpServer::start(&home, &[]);
    let session = server.begin_session();
    let mut listening = server.listen(&session);
    let arguments = json!({"coder_id": "a", "until": ["settled"], "wait_ms": 50_000});
    let params = json!({"name": "subscribe_coder", "arguments": arguments, "_meta": {"progressToken": 1}});
    let mut waiting = [(session.as_str(), 21), (MODERN, 22)]
        .map(|(era, id)| EventStream::of(server.request(era, id, "tools/call", params.clone())));
    for stream in &mut waiting {
        stream.notice("notifications/progress");
    }
    let mut events = EventStream::of(server.request(MODERN, 23, "events/stream", json!({"name": "coder.event"})));
    assert_eq!(events.next().expect("a message")["method"], "notifications/events/active");
    terminate(server.pid());
    for stream in &mut waiting {
        let answer = std::iter::from_fn(|| stream.next()).last().expect("an answer");
        assert_eq!(answer["result"]["structuredContent"]["ended"], "shutdown", "{answer}");
    }
    let result = std::iter::from_fn(|| events.next()).last().expect("a result");
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    while listening.next().is_some() {}
    assert_eq!(server.ended().code(), Some(0));
}
