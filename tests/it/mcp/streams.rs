//! The protocol's events extension: `events/list`, `events/poll`, `events/stream`. docs/mcp.md names these tests beside
//! the requirements that they show.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::{
    home::{Home, Running},
    rpc::{Client, modern, old},
};

use super::line;

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

fn poll(client: &mut Client, params: Value) -> Value {
    client.result("events/poll", params)
}

/// The seqs that an answer or a notification tells.
fn told(events: &Value) -> Vec<u64> {
    events.as_array().expect("events").iter().map(|event| event["data"]["seq"].as_u64().expect("a seq")).collect()
}

fn seq_of(cursor: &Value) -> u64 {
    cursor.as_str().and_then(|cursor| cursor.rsplit('-').next()?.parse().ok()).unwrap_or_else(|| panic!("{cursor}"))
}

fn milestones(coder: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| json!({"type": "milestone", "coder_id": coder, "milestone": format!("step {n}")}).to_string()).collect()
}

fn record(home: &Home, lines: &[String]) {
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn events_are_offered_in_the_version_that_has_them() {
    let mut client = Client::start(&Home::new(), &[], modern());
    let hello = client.result("server/discover", json!({}));
    assert_eq!(hello["capabilities"]["extensions"]["io.modelcontextprotocol/events"], json!({"listChanged": false}), "{hello}");
    let listed = client.result("events/list", json!({}));
    assert_eq!(listed["resultType"], "complete");
    let names: Vec<&str> = listed["events"].as_array().expect("events").iter().flat_map(|event| event["name"].as_str()).collect();
    assert_eq!(
        names,
        ["coder.event", "coder.settled", "coder.needs_attention", "coder.failed", "coder.rate_limited", "coder.file_conflict"]
    );
    for event in listed["events"].as_array().into_iter().flatten() {
        assert_eq!(event["delivery"], json!(["poll", "push"]), "{event}");
        assert!(event["description"].as_str().is_some_and(|text| text.contains("never instructions")), "{event}");
        for schema in ["inputSchema", "payloadSchema"] {
            assert_eq!(event[schema]["type"], "object", "{event}");
            assert!(!["$schema", "$defs", "$ref", "additionalProperties"].iter().any(|key| event.to_string().contains(key)));
        }
    }
    assert_eq!(client.error_code("events/list", json!({"cursor": "2"})), -32602);

    let mut client = Client::start(&Home::new(), &[], old());
    for method in ["events/list", "events/poll", "events/stream", "events/subscribe"] {
        assert_eq!(client.error_code(method, json!({"name": "coder.event"})), -32601, "{method}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_an_error_and_opens_no_stream() {
    let home = Home::new();
    record(&home, &[line("created", "fix-auth"), line("created", "fix-ci")]);
    let mut client = Client::start(&home, &[], modern());
    for method in ["events/poll", "events/stream"] {
        let mut check = |params: Value, code: i64, message: &str| {
            let answer = client.request(method, params.clone());
            let said = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{method} {params}: {answer}"));
            assert!(answer["error"]["code"] == code && said.contains(message), "{method} {params}: {answer}");
        };
        check(json!({}), -32602, "`name` is missing: give one of coder.event, coder.settled");
        check(json!({"name": "coder.evnt"}), -32023, "there are coder.event");
        check(json!({"name": 7}), -32602, "`name`");
        check(json!({"name": "coder.event", "arguments": []}), -32602, "`arguments` is no object");
        check(
            json!({"name": "coder.event", "arguments": {"coder": "a"}}),
            -32602,
            "unknown argument `coder`: valid are `coder_id`",
        );
        check(json!({"name": "coder.event", "arguments": {"event_types": ["nope"]}}), -32602, "`event_types`");
        check(json!({"name": "coder.event", "arguments": {"coder_id": "fix-"}}), -32602, "`fix-` may mean");
        check(json!({"name": "coder.event", "arguments": {"coder_id": "a b"}}), -32602, "unknown coder `a b`");
        check(json!({"name": "coder.event", "arguments": {"coder_id": "me"}}), -32602, "`me` cannot be told");
        check(json!({"name": "coder.event", "arguments": {"path": "."}}), -32602, "give a folder or file name");
        check(json!({"name": "coder.event", "cursor": "here"}), -32602, "`cursor` is `\"here\"`");
        check(json!({"name": "coder.event", "maxAgeMs": -1}), -32602, "`maxAgeMs` is `-1`");
        check(json!({"name": "coder.event", "maxEvents": 0}), -32602, "`maxEvents` is `0`");
    }
    for method in ["events/subscribe", "events/unsubscribe"] {
        assert_eq!(client.error_code(method, json!({"name": "coder.event"})), -32024, "{method}");
    }
    assert_eq!(client.error_code("events/later", json!({})), -32601);
    assert_eq!(client.notices(), [json!(null); 0]);
}

#[test]
fn a_poll_goes_on_where_the_last_one_ended() {
    let home = Home::new();
    record(&home, &milestones("a", 3));
    let mut client = Client::start(&home, &[], modern());
    let now = poll(&mut client, json!({"name": "coder.event", "arguments": {}, "cursor": null}));
    let told_now = (told(&now["events"]), seq_of(&now["cursor"]), now["truncated"].clone(), now["hasMore"].clone());
    assert_eq!(told_now, (vec![], 3, false.into(), false.into()));
    assert!(now["nextPollMs"].as_u64().is_some_and(|millis| millis >= 1_000) && now["resultType"] == "complete", "{now}");

    record(&home, &milestones("a", 5));
    record(&home, &[line("failed", "b")]);
    // A cursor is enough: another process goes on from it.
    let mut client = Client::start(&home, &[], modern());
    let first = poll(&mut client, json!({"name": "coder.event", "cursor": now["cursor"], "maxEvents": 2}));
    assert_eq!((told(&first["events"]), &first["hasMore"]), (vec![4, 5], &true.into()));
    let rest = poll(&mut client, json!({"name": "coder.event", "cursor": first["cursor"]}));
    assert_eq!((told(&rest["events"]), &rest["hasMore"], &rest["truncated"]), (vec![6, 7, 8, 9], &false.into(), &false.into()));
    let event = &rest["events"][3];
    assert_eq!((&event["name"], &event["data"]["type"]), (&"coder.event".into(), &"ai_coder_failed".into()));
    assert_eq!(event["timestamp"], event["data"]["timestamp"]);
    assert_eq!(event["eventId"], home.json(&["list", "9"])[0]["id"], "{event}");
    assert!(event.get("cursor").is_none(), "{event}");

    let failed = poll(&mut client, json!({"name": "coder.failed", "cursor": now["cursor"], "arguments": {"coder_id": "a"}}));
    assert_eq!((told(&failed["events"]), seq_of(&failed["cursor"])), (vec![], 9), "it moves on where nothing matches");
    let attention = poll(&mut client, json!({"name": "coder.needs_attention", "cursor": now["cursor"]}));
    let coder = &attention["events"][0]["data"]["coder"];
    assert_eq!(
        (&coder["coder_id"], &coder["status"], &coder["needs_attention"]),
        (&json!("b"), &json!("failed"), &json!(["failed"]))
    );
    let settled = json!({"name": "coder.settled", "cursor": now["cursor"], "arguments": "{\"event_types\": \"failed\"}"});
    assert_eq!(poll(&mut client, settled)["events"][0]["data"]["coder"]["status"], "failed");
    // One that is not there yet is waited for.
    let nobody = poll(&mut client, json!({"name": "coder.event", "cursor": now["cursor"], "arguments": {"coder_id": "to-come"}}));
    assert_eq!((told(&nobody["events"]), seq_of(&nobody["cursor"])), (vec![], 9));
}

#[test]
fn a_gap_is_told_and_is_no_error() {
    let home = Home::new();
    record(&home, &milestones("a", 10));
    let old = json!({"type": "milestone", "coder_id": "b", "milestone": "long ago", "timestamp": "2026-11-22T19:21:00Z"});
    record(&home, &[old.to_string(), line("created", "c")]);
    let mut client = Client::start(&home, &[], modern());
    let mut check = |params: Value, events: &[u64], truncated: bool, cursor: u64| {
        let answer = poll(&mut client, params.clone());
        let expected = (events.to_vec(), truncated, cursor);
        assert_eq!(
            (told(&answer["events"]), answer["truncated"] == true, seq_of(&answer["cursor"])),
            expected,
            "{params}: {answer}"
        );
        let id = client.begin("events/stream", params);
        let active = client.notice_of("notifications/events/active", id);
        assert_eq!(active["params"]["truncated"], truncated, "{active}");
        for &seq in events {
            assert_eq!(client.notice_of("notifications/events/event", id)["params"]["data"]["seq"], seq);
        }
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    };
    let all = "coder.event";
    check(json!({"name": all, "cursor": "9"}), &[10, 11, 12], false, 12);
    check(json!({"name": all, "cursor": "99"}), &[], true, 12);
    check(json!({"name": all, "cursor": "ffffffff-3"}), &[], true, 12);
    // What is older than wanted is left out, and that is told; late news of old times that come now are not old news.
    check(json!({"name": all, "cursor": "10", "maxAgeMs": 3_600_000}), &[12], true, 12);
    check(json!({"name": all, "cursor": "11", "maxAgeMs": 3_600_000}), &[12], false, 12);
    check(json!({"name": all, "cursor": "10", "maxAgeMs": 3_600_000, "arguments": {"coder_id": "c"}}), &[12], false, 12);
    check(json!({"name": all, "cursor": null, "maxAgeMs": 0}), &[], false, 12);
    home.ok(&["prune", "--max-events", "4"]);
    // What belongs to the life of a coder is kept.
    check(json!({"name": all, "cursor": "0"}), &[9, 10, 11, 12], true, 12);
    check(json!({"name": all, "cursor": "8"}), &[9, 10, 11, 12], false, 12);
}

#[test]
fn a_stream_replays_and_follows_whoever_writes() {
    let home = Home::new();
    record(&home, &milestones("a", 2));
    let mut client = Client::start(&home, &[], modern());
    let cursor = poll(&mut client, json!({"name": "coder.event"}))["cursor"].take();
    record(&home, &milestones("a", 2));
    let id = client.begin("events/stream", json!({"name": "coder.event", "cursor": cursor}));
    let other = client.begin("events/stream", json!({"name": "coder.settled", "arguments": {"coder_id": "a"}}));
    // Which of the two is active first is not promised.
    let active = client.notice_of("notifications/events/active", id);
    assert_eq!(active["params"], json!({"cursor": cursor, "truncated": false, "_meta": {SUBSCRIPTION_ID: id}}));
    for seq in 3..=4 {
        let event = client.notice_of("notifications/events/event", id);
        assert_eq!((&event["params"]["data"]["seq"], seq_of(&event["params"]["cursor"])), (&seq.into(), seq), "{event}");
        assert_eq!(event["params"]["name"], "coder.event");
    }
    // Another process writes: what one stream does not want, the other one gets.
    record(&home, &[line("milestone", "b"), line("completed", "a")]);
    let settled = client.notice_of("notifications/events/event", other);
    assert_eq!(
        (&settled["params"]["data"]["seq"], &settled["params"]["data"]["coder"]["status"]),
        (&6.into(), &"completed".into())
    );
    record(&home, &[line("failed", "c")]);
    while client.notice_of("notifications/events/event", id)["params"]["data"]["type"] != "ai_coder_failed" {}

    // A stream that is cancelled tells no more, and has no result; the other one goes on.
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    // An answer after it: by then it was read.
    client.result("events/list", json!({}));
    client.notices();
    record(&home, &[line("failed", "a")]);
    let last = client.notice_of("notifications/events/event", other);
    assert_eq!(last["params"]["data"]["type"], "ai_coder_failed");
    assert!(client.notices().iter().all(|notice| notice["params"]["_meta"][SUBSCRIPTION_ID] != id));

    // The end of input ends it, with a result that says nothing.
    assert!(client.close().0.success());
    assert_eq!(client.answer(other)["result"], json!({"resultType": "complete", "_meta": {SUBSCRIPTION_ID: other}}));
}

#[test]
fn what_is_on_record_is_told_to_a_script_that_ends_its_input_at_once() {
    let home = Home::new();
    record(&home, &milestones("a", 1_000));
    let mut client = Client::start(&home, &[], modern());
    let id = client.begin("events/stream", json!({"name": "coder.event", "cursor": "0"}));
    assert!(client.close().0.success());
    client.answer(id);
    let events: Vec<u64> = client.notices().iter().filter_map(|notice| notice["params"]["data"]["seq"].as_u64()).collect();
    assert_eq!(events, (1..=1_000).collect::<Vec<_>>());
}

#[test]
fn a_heartbeat_moves_the_cursor_where_nothing_matches() {
    let home = Home::new();
    record(&home, &milestones("a", 1));
    let mut client = Client::start(&home, &[], modern());
    let id = client.begin("events/stream", json!({"name": "coder.failed", "cursor": null}));
    assert_eq!(seq_of(&client.notice_of("notifications/events/active", id)["params"]["cursor"]), 1);
    record(&home, &milestones("a", 7));
    // It comes within the 30 s that a client may wait for one.
    let heartbeat = client.notice_of("notifications/events/heartbeat", id);
    assert_eq!(seq_of(&heartbeat["params"]["cursor"]), 8, "{heartbeat}");
}

/// A client that opens a stream of everything from the beginning, and reads when it wants to.
struct Reader {
    serve: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Reader {
    fn start(home: &Home, cursor: &Value, streams: u64) -> Reader {
        let mut command = home.command(&["serve"]);
        let mut serve = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let (mut input, output) = (serve.0.stdin.take().unwrap(), BufReader::new(serve.0.stdout.take().unwrap()));
        let meta =
            json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        for id in 1..=streams {
            let params = json!({"_meta": meta, "name": "coder.event", "cursor": cursor});
            writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": id, "method": "events/stream", "params": params})).unwrap();
        }
        Reader { serve, input, output }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it went away");
        serde_json::from_str(&line).unwrap()
    }

    /// The next one with this method.
    fn next_of(&mut self, method: &str) -> Value {
        loop {
            let message = self.next();
            if message["method"] == method {
                return message["params"].clone();
            }
        }
    }
}

#[test]
fn who_lags_behind_retention_is_told_in_midstream() {
    let home = Home::new();
    record(&home, &milestones("a", 3_000));
    let mut reader = Reader::start(&home, &"0".into(), 1);
    assert_eq!(reader.next_of("notifications/events/active")["truncated"], false);
    // The pipe is full long before the end of it.
    record(&home, &milestones("b", 3_000));
    home.ok(&["prune", "--max-events", "100"]);
    let (mut last, mut gaps) = (0, 0);
    while last < 6_000 {
        let message = reader.next();
        let params = &message["params"];
        match message["method"].as_str() {
            Some("notifications/events/active") => {
                assert!(params["truncated"] == true && seq_of(&params["cursor"]) >= last, "{message}");
                gaps += 1;
            }
            Some("notifications/events/event") => {
                let seq = params["data"]["seq"].as_u64().unwrap();
                assert!(seq > last && (gaps > 0 || seq == last + 1), "{seq} after {last}");
                last = seq;
            }
            other => assert_eq!(other, Some("notifications/events/heartbeat")),
        }
    }
    assert_eq!(gaps, 1);
    drop(reader.input);
}

#[test]
fn another_history_in_its_place_is_told_from_its_beginning() {
    let home = Home::new();
    record(&home, &milestones("a", 5));
    let mut client = Client::start(&home, &[], modern());
    let id = client.begin("events/stream", json!({"name": "coder.event"}));
    let first = client.notice_of("notifications/events/active", id)["params"]["cursor"].take();
    for file in ["history.db", "history.db-wal", "history.db-shm"] {
        drop(fs::remove_file(home.history().with_file_name(file)));
    }
    record(&home, &milestones("b", 2));
    let active = client.notice_of("notifications/events/active", id);
    assert_eq!((&active["params"]["truncated"], seq_of(&active["params"]["cursor"])), (&true.into(), 0), "{active}");
    for seq in 1..=2 {
        let event = client.notice_of("notifications/events/event", id);
        assert_eq!(event["params"]["data"]["seq"], seq);
        let history = |cursor: &Value| cursor.as_str().and_then(|cursor| cursor.split('-').next()).map(str::to_owned);
        assert_ne!(history(&event["params"]["cursor"]), history(&first));
    }
}

#[test]
fn a_stream_holds_nothing_for_a_client_that_does_not_read() {
    const STREAMS: u64 = 300;
    let home = Home::new();
    let text = "x".repeat(1_000);
    let large = |n: usize| json!({"type": "milestone", "coder_id": "a", "milestone": format!("{n} {text}")}).to_string();
    record(&home, &(1..=2_000).map(large).collect::<Vec<_>>());
    let mut deaf = Reader::start(&home, &"0".into(), STREAMS);
    deaf.next_of("notifications/events/event");
    record(&home, &(1..=2_000).map(large).collect::<Vec<_>>());
    // It still answers everybody else, and hears what this client says.
    let mut other = Client::start(&home, &[], modern());
    assert_eq!(told(&poll(&mut other, json!({"name": "coder.event", "cursor": "3999"}))["events"]), [4000]);
    writeln!(deaf.input, "{}", json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}))
        .unwrap();
    let memory = crate::rpc::memory_peak_mb(deaf.serve.0.id());
    // Pages of all of them at once would be 300 MB.
    assert!(memory < 180, "{memory} MB");
    // And none of them missed anything.
    let mut next = vec![0; STREAMS as usize + 1];
    let mut left = STREAMS - 1;
    while left > 0 {
        let params = deaf.next_of("notifications/events/event");
        let (id, seq) = (params["_meta"][SUBSCRIPTION_ID].as_u64().unwrap(), params["data"]["seq"].as_u64().unwrap());
        // The first one read of stream 1 or another is behind us.
        assert!(seq == next[id as usize] + 1 || (next[id as usize] == 0 && seq <= 2), "{id}: {seq}");
        next[id as usize] = seq;
        if id != 1 && seq == 60 {
            left -= 1;
        }
    }
}

#[test]
fn trouble_is_told_once_and_the_end_is_told_as_such() {
    let home = Home::new();
    record(&home, &milestones("a", 1));
    let mut client = Client::start(&home, &[], modern());
    let id = client.begin("events/stream", json!({"name": "coder.event"}));
    client.notice_of("notifications/events/active", id);
    // Something that is no history takes its place, and then it comes back.
    let folder = home.history().parent().unwrap().to_owned();
    let files = ["history.db", "history.db-wal", "history.db-shm"].map(|name| folder.join(name));
    let aside = tempfile::tempdir_in(home.path()).unwrap();
    let go_aside = || {
        for file in files.iter().filter(|file| file.exists()) {
            fs::rename(file, aside.path().join(file.file_name().unwrap())).unwrap();
        }
    };
    let come_back = || {
        for file in fs::read_dir(aside.path()).unwrap() {
            fs::rename(file.as_ref().unwrap().path(), folder.join(file.unwrap().file_name())).unwrap();
        }
    };
    go_aside();
    fs::write(home.history(), "this is no history at all, only words".repeat(100)).unwrap();
    let error = client.notice_of("notifications/events/error", id);
    assert_eq!(error["params"]["error"]["code"], -32603, "{error}");
    fs::remove_file(home.history()).unwrap();
    come_back();
    record(&home, &milestones("a", 1));
    let event = client.notice_of("notifications/events/event", id);
    assert_eq!(event["params"]["data"]["seq"], 2, "{event}");

    // A newer program's own takes its place.
    let other = Home::new();
    record(&other, &milestones("a", 1));
    let newer = rusqlite::Connection::open(other.history()).unwrap();
    let known: u32 = newer.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    newer.pragma_update(None, "user_version", known + 1).unwrap();
    newer.close().unwrap();
    go_aside();
    fs::rename(other.history(), home.history()).unwrap();
    client.notice_of("notifications/events/terminated", id);
    assert_eq!(client.answer(id)["result"], json!({"resultType": "complete", "_meta": {SUBSCRIPTION_ID: id}}));
}
