//! `serve`: what agents and editors get, in both eras of the protocol.

mod at_rest;
mod board;
mod coders;
mod conversation;
mod events;
mod hostile;
mod http;
mod http_client;
mod prompts;
mod published;
mod skill;
mod stats;
mod streams;
mod watch;

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, Era, modern, old},
};

/// rmcp alone would wait five seconds for those who wait; loaded machines make a tenth of one too strict here.
const SOON: Duration = Duration::from_secs(1);

fn line(kind: &str, coder: &str) -> String {
    json!({"type": kind, "coder_id": coder}).to_string()
}

/// None where there is nothing new.
fn seqs(answer: &Value) -> Vec<u64> {
    answer["events"].as_array().into_iter().flatten().map(|event| event["seq"].as_u64().expect("a seq")).collect()
}

pub(crate) fn eras() -> [Era; 2] {
    [old(), modern()]
}

#[test]
fn every_version_is_spoken() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::start(&Home::new(), &[], Era::Handshake(version));
        assert_eq!(client.result("tools/list", json!({}))["tools"].as_array().map(Vec::len), Some(7), "{version}");
        assert!(client.close().0.success(), "{version}");
    }
    let mut client = Client::start(&Home::new(), &[], modern());
    let hello = client.result("server/discover", json!({}));
    assert!(hello["supportedVersions"].as_array().expect("versions").contains(&"2026-07-28".into()), "{hello}");
    assert!(hello["instructions"].as_str().expect("instructions").contains("subscribe_coder {coder_id, until: [\"settled\"]}"));
    assert_eq!(hello["resultType"], "complete");
    let tools = client.result("tools/list", json!({}));
    assert!(tools["ttlMs"].is_u64() && tools["cacheScope"].is_string(), "{tools}");
}

#[test]
fn the_newer_era_wants_its_metadata() {
    let mut client = Client::start(&Home::new(), &[], modern());
    client.result("server/discover", json!({}));
    client.send(&json!({"jsonrpc": "2.0", "id": 90, "method": "tools/list", "params": {}}));
    assert_eq!(client.answer(90)["error"]["code"], -32602);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "1999-01-01", "io.modelcontextprotocol/clientCapabilities": {}});
    client.send(&json!({"jsonrpc": "2.0", "id": 91, "method": "tools/list", "params": {"_meta": meta}}));
    assert_eq!(client.answer(91)["error"]["code"], -32022);
}

#[test]
fn a_missing_history_answers_empty_and_is_made_by_the_first_write() {
    for era in eras() {
        let home = Home::new();
        let mut client = Client::start(&home, &[], era);
        let events = client.call("list_ai_coder_events", json!({}));
        assert_eq!(
            (&events["events"], &events["head"], &events["message"]),
            (&json!([]), &json!(0), &json!("nothing is on record yet"))
        );
        assert_eq!(client.call("list_ai_coders", json!({}))["coders"], json!([]));
        assert_eq!(client.call("get_ai_coder_stats", json!({}))["total_events"], 0);
        let watch = client.call("subscribe_coder", json!({"coder_id": "a"}));
        assert_eq!((&watch["coder"], &watch["ended"]), (&Value::Null, &"now".into()));
        assert!(!home.history().exists());

        let wait = client.begin_call("subscribe_coder", json!({"coder_id": "a", "cursor": watch["cursor"]}));
        let receipt = client.call("emit_ai_coder_event", json!({"type": "created", "coder_id": "a"}));
        assert_eq!((&receipt["seq"], &receipt["duplicate"]), (&1.into(), &false.into()));
        let watch = client.called(wait);
        assert_eq!((seqs(&watch), &watch["ended"], &watch["coder"]["status"]), (vec![1], &"events".into(), &"created".into()));
    }
}

#[test]
fn what_is_wrong_with_a_call_is_told_to_the_model() {
    let home = Home::new();
    home.record(&[&line("created", "fix-auth"), &line("created", "fix-ci")]);
    let mut client = Client::start(&home, &[], old());
    let mut refused = |tool: &str, arguments: Value, message: &str| {
        let told = client.refused(tool, arguments.clone());
        assert!(told.starts_with(message), "{tool} {arguments}: {told}");
    };
    let (list, stats, watch, coders, emit) =
        ("list_ai_coder_events", "get_ai_coder_stats", "subscribe_coder", "list_ai_coders", "emit_ai_coder_event");
    refused(list, json!({"limit": 0}), "`limit` is `0`: give a whole number from 1 to 1000");
    refused(list, json!({"limit": 1001}), "`limit` is `1001`: give a whole number from 1 to 1000");
    refused(list, json!({"limits": 5}), "unknown argument `limits`: valid are `coder_id`");
    refused(list, json!({"detail": "all"}), "`detail` is `\"all\"`: give summary or full");
    refused(list, json!({"order": "up"}), "`order` is `\"up\"`: give newest or oldest");
    refused(list, json!({"event_types": ["nope"]}), "`event_types`: unknown event type `nope`, did you mean");
    refused(list, json!({"since": "soon"}), "`since` is `\"soon\"`: give an RFC 3339 time");
    refused(list, json!({"cursor": "nope"}), "`cursor` is `\"nope\"`: give the `cursor` or `next_cursor` of an earlier answer");
    refused(list, json!({"cursor": "ffffffff-1"}), "`cursor` is `ffffffff-1`, but it belongs to another history");
    refused(list, json!({"cursor": 99}), "`cursor` is `99`, but it lies above the newest event");
    refused(list, json!({"coder_id": "fxi-auth"}), "unknown coder `fxi-auth`, the nearest are `fix-auth` (");
    refused(list, json!({"coder_id": ["fix-auth", "zzzzz"]}), "unknown coder `zzzzz`: none on record is like it");
    refused(list, json!({"coder_id": "fix-"}), "`fix-` may mean ");
    refused(stats, json!({"coder_id": "fxi-auth"}), "unknown coder `fxi-auth`, the nearest are `fix-auth` (");
    refused(stats, json!({"group_by": ["modle"]}), "`group_by` is `[\"modle\"]`: give one or more of model, agent, project,");
    refused(stats, json!({"since": 5}), "`since` is `5`: give text");
    refused(watch, json!({}), "`coder_id` is missing: give the id or name of a coder, a list of them, or `*` for all");
    refused(watch, json!({"coder_id": "a b"}), "unknown coder `a b`: none on record is like it");
    refused(watch, json!({"coder_id": []}), "`coder_id` is `[]`: give the id or name of a coder");
    refused(watch, json!({"coder_id": "me"}), "`me` cannot be told");
    refused(watch, json!({"coder_id": "a", "wait_ms": 55_001}), "`wait_ms` is `55001`: give a whole number from 0 to 55000");
    refused(watch, json!({"coder_id": "a", "max_events": 0}), "`max_events` is `0`: give a whole number from 1 to 1000");
    refused(
        watch,
        json!({"coder_id": "a", "until": ["finshed"]}),
        "`until` takes settled, finished, needs_attention, stalled, a status (created,",
    );
    refused(watch, json!({"coder_id": "a", "cursor": "x-1"}), "`cursor` is `\"x-1\"`: give");
    refused(coders, json!({"status": ["busy"]}), "`status` is `[\"busy\"]`: give one or more of created, running");
    refused(emit, json!({"type": "progress", "coder_id": "a", "progress": 2}), "`progress` is `2`: give a number from 0 to 1");
    refused(emit, json!({"coder_id": "a"}), "`type` is missing");
    assert_eq!(client.error_code("tools/call", json!({"name": "nope", "arguments": {}})), -32602);
}

#[test]
fn pages_never_repeat_or_skip_while_events_arrive() {
    let home = Home::new();
    let lines: Vec<String> = (0..25).map(|_| line("milestone", "a")).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut client = Client::start(&home, &[], modern());
    for (order, expected) in [("newest", (1..=25).rev().collect::<Vec<u64>>()), ("oldest", (1..=25).collect())] {
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page =
                client.call("list_ai_coder_events", json!({"coder_id": "a", "order": order, "limit": 7, "cursor": cursor}));
            seen.extend(seqs(&page));
            assert!(page["head"].as_u64() >= seen.iter().copied().max());
            client.call("emit_ai_coder_event", json!({"type": "milestone", "coder_id": "b"}));
            match page.get("next_cursor") {
                Some(next) => cursor = next.clone(),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
}

#[test]
fn a_summary_is_short_and_full_detail_is_whole() {
    let home = Home::new();
    home.record(&[r#"{"type":"progress","coder_id":"a","progress":0.42,"stage":"editing","turn":17,"timestamp":"2026-11-22T10:00:00Z","id":"x"}"#]);
    let mut client = Client::start(&home, &[], old());
    let summary = client.call("list_ai_coder_events", json!({}));
    let expected = json!({"seq": 1, "timestamp": "2026-11-22T10:00:00.000000Z", "type": "ai_coder_progress", "coder_id": "a", "summary": "progress 42 % (editing)"});
    assert_eq!(summary["events"], json!([expected]), "{summary}");
    let full = client.call("list_ai_coder_events", json!({"detail": "full"}));
    let event = &full["events"][0];
    assert_eq!((&event["progress"], &event["data"]["turn"], &event["id"]), (&json!(0.42), &json!(17), &json!("x")));
    assert!(event["received_at"].is_string());
}

#[test]
fn answers_stay_below_forty_thousand_characters() {
    let home = Home::new();
    let big = |chars: usize| json!({"type": "milestone", "coder_id": "a", "description": "ä".repeat(chars)}).to_string();
    home.record(&[&big(15_000), &big(100_000), &big(10_000), &big(10_000), &big(10), &line("created", "b")]);
    let mut client = Client::start(&home, &[], modern());
    for tool in ["list_ai_coder_events", "subscribe_coder"] {
        let (mut seen, mut cursor, mut marks) = (Vec::new(), json!("0"), 0);
        while seen.last() != Some(&5) {
            let mut arguments = json!({"coder_id": "a", "detail": "full", "cursor": cursor});
            if tool == "list_ai_coder_events" {
                arguments["order"] = "oldest".into();
            }
            let page = client.call(tool, arguments);
            seen.extend(seqs(&page));
            marks += page["events"].to_string().matches("…[cut ").count();
            assert!(page.get("truncated").is_none_or(|truncated| truncated == true));
            cursor = page.get("next_cursor").or(page.get("cursor")).cloned().unwrap_or_default();
        }
        assert_eq!((seen, marks), (vec![1, 2, 3, 4, 5], 1), "{tool}");
    }
    let whole = client.result("resources/read", json!({"uri": "aicoder://events/2"}));
    assert!(whole["contents"][0]["text"].as_str().expect("text").contains(&"ä".repeat(100_000)));
}

#[test]
fn a_watch_wakes_for_what_another_process_records() {
    for era in eras() {
        let home = Home::new();
        home.record(&[&line("created", "a")]);
        let mut client = Client::start(&home, &[], era);
        let params = json!({
            "name": "subscribe_coder",
            "arguments": {"coder_id": "new", "cursor": "1", "until": ["finished"]},
            "_meta": {"progressToken": "p"},
        });
        let id = client.begin("tools/call", params);
        let progress = client.notice("notifications/progress");
        assert_eq!((&progress["params"]["progressToken"], &progress["params"]["progress"]), (&"p".into(), &json!(1.0)));
        // Commits of their own, while the first is being told: the end is told with all that led to it.
        for (kind, coder) in [("created", "new"), ("progress", "other"), ("progress", "new"), ("failed", "new")] {
            home.record(&[&line(kind, coder)]);
        }
        let watch = client.called(id);
        assert_eq!((seqs(&watch), &watch["ended"]), (vec![2, 4, 5], &"until".into()), "{watch}");
        assert_eq!(watch["coder"]["status"], "failed");
    }
}

#[test]
fn a_coder_first_seen_through_another_event_is_running() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], old());
    let id = client.begin(
        "tools/call",
        json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "until": ["running"]}, "_meta": {"progressToken": 1}}),
    );
    client.notice("notifications/progress");
    home.record(&[&line("output", "a")]);
    assert_eq!(client.called(id)["ended"], "until");
}

#[test]
fn a_reader_below_retention_is_told_what_it_missed() {
    let home = Home::new();
    home.record(&[&line("progress", "a"), &line("progress", "a"), &line("progress", "a")]);
    home.ok(&["prune", "--max-events", "1"]);
    let mut client = Client::start(&home, &[], old());
    let watch = client.call("subscribe_coder", json!({"coder_id": "*", "cursor": 1}));
    assert_eq!((&watch["missed"], seqs(&watch)), (&json!({"after": 1, "through": 2}), vec![3]));
    assert_eq!((&watch["ended"], watch.get("coder")), (&"events".into(), None));
}

#[test]
fn a_cancelled_watch_leaves_the_server_well() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], old());
    let id = client.begin(
        "tools/call",
        json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 0}, "_meta": {"progressToken": 1}}),
    );
    client.notice("notifications/progress");
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    assert_eq!(client.call("list_ai_coders", json!({}))["coders"], json!([]));
    let (status, took) = client.close();
    assert!(status.success() && took < SOON, "{took:?}");
}

#[test]
fn a_watch_is_a_task_where_the_client_has_tasks_and_it_would_wait() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], Era::Modern(json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})));
    assert_eq!(client.call("subscribe_coder", json!({"coder_id": "a", "cursor": 0}))["ended"], "events");
    assert_eq!(client.call("subscribe_coder", json!({"coder_id": "a", "cursor": 1, "wait_ms": 0}))["ended"], "timeout");
    let made = client.result("tools/call", json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 1}}));
    assert_eq!((&made["resultType"], &made["status"]), (&"task".into(), &"working".into()), "{made}");
    let task = json!({"taskId": made["taskId"]});
    home.record(&[&line("milestone", "a")]);
    let done = loop {
        let state = client.result("tasks/get", task.clone());
        if state["status"] != "working" {
            break state;
        }
    };
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(seqs(&done["result"]["structuredContent"]), [2]);
}

#[test]
fn resources_are_listed_read_and_completed() {
    let home = Home::new();
    home.record(&[&line("created", "one"), &line("failed", "gone"), &line("progress", "claude-code:s/1")]);
    for (era, not_found) in [(old(), -32002), (modern(), -32602)] {
        let mut client = Client::start(&home, &[], era);
        let listed = client.result("resources/list", json!({}));
        let uris: Vec<&str> =
            listed["resources"].as_array().expect("resources").iter().filter_map(|resource| resource["uri"].as_str()).collect();
        assert_eq!(
            uris,
            [
                "aicoder://coders",
                "aicoder://stats",
                "aicoder://alerts",
                "aicoder://event-types",
                "skill://ai-coder-events/SKILL.md",
                "aicoder://coders/claude-code%3As%2F1",
                "aicoder://coders/one"
            ]
        );
        for uri in uris.iter().filter(|uri| uri.starts_with("aicoder:")).chain(&[
            "aicoder://coders/gone/lifecycle",
            "aicoder://coders/one/progress",
            "aicoder://coders/one/events",
            "aicoder://events/2",
        ]) {
            let read = client.result("resources/read", json!({"uri": uri}));
            let contents = &read["contents"][0];
            assert_eq!((&contents["uri"], &contents["mimeType"]), (&json!(uri), &"application/json".into()));
            let told: Value = serde_json::from_str(contents["text"].as_str().expect("text")).unwrap();
            assert!(told.is_object(), "{uri}");
        }
        for unknown in ["aicoder://nope", "aicoder://coders/nobody", "aicoder://coders/nobody/events", "aicoder://events/99"] {
            assert_eq!(client.error_code("resources/read", json!({"uri": unknown})), not_found, "{unknown}");
        }
        assert_eq!(client.result("resources/templates/list", json!({}))["resourceTemplates"].as_array().map(Vec::len), Some(5));
    }
}

#[test]
fn older_clients_hear_of_what_they_subscribed_to() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], old());
    assert_eq!(client.error_code("resources/subscribe", json!({"uri": "aicoder://nope"})), -32002);
    client.result("resources/subscribe", json!({"uri": "aicoder://coders/a/lifecycle"}));
    client.result("resources/subscribe", json!({"uri": "aicoder://coders/a/progress"}));
    home.record(&[&line("progress", "other"), &line("progress", "a"), &line("paused", "a")]);
    let mut uris =
        [0, 1].map(|_| client.notice("notifications/resources/updated")["params"]["uri"].as_str().expect("a URI").to_owned());
    uris.sort();
    assert_eq!(uris, ["aicoder://coders/a/lifecycle", "aicoder://coders/a/progress"]);
    client.result("resources/unsubscribe", json!({"uri": "aicoder://coders/a/lifecycle"}));
    home.record(&[&line("resumed", "a"), &line("progress", "a")]);
    assert_eq!(client.notice("notifications/resources/updated")["params"]["uri"], "aicoder://coders/a/progress");
}

#[test]
fn the_list_of_resources_is_told_to_have_changed() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], old());
    client.result("resources/list", json!({}));
    home.record(&[&line("created", "a")]);
    client.notice("notifications/resources/list_changed");
    home.record(&[&line("stopped", "a")]);
    client.notice("notifications/resources/list_changed");
}

#[test]
fn newer_clients_listen() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], modern());
    let wanted = json!({"resourceSubscriptions": ["aicoder://coders/a/lifecycle", "aicoder://nope", "aicoder://coders/a:b"], "resourcesListChanged": true});
    let listen = client.begin("subscriptions/listen", json!({"notifications": wanted}));
    let accepted = client.notice("notifications/subscriptions/acknowledged");
    let honoured = &accepted["params"]["notifications"];
    assert_eq!(honoured["resourceSubscriptions"], json!(["aicoder://coders/a/lifecycle", "aicoder://coders/a:b"]), "{accepted}");
    assert_eq!(honoured["resourcesListChanged"], true);
    home.record(&[&line("failed", "a"), &line("created", "a:b")]);
    let mut heard: Vec<Value> = Vec::new();
    for method in ["notifications/resources/updated", "notifications/resources/updated"] {
        heard.push(client.notice(method));
    }
    for notice in &heard {
        assert_eq!(notice["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], listen, "{notice}");
    }
    let mut uris: Vec<&str> = heard.iter().filter_map(|notice| notice["params"]["uri"].as_str()).collect();
    uris.sort_unstable();
    assert_eq!(uris, ["aicoder://coders/a/lifecycle", "aicoder://coders/a:b"]);
    assert_eq!(client.error_code("resources/subscribe", json!({"uri": "aicoder://coders"})), -32601);
}

#[test]
fn progress_is_told_at_most_ten_times_a_second() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], old());
    client.result("resources/subscribe", json!({"uri": "aicoder://coders/a/progress"}));
    home.record(&[&line("progress", "a")]);
    client.notice("notifications/resources/updated");
    let since = std::time::Instant::now();
    let lines: Vec<String> = (0..500).map(|_| line("progress", "a")).collect();
    for lines in lines.chunks(50) {
        home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    client.notice("notifications/resources/updated");
    let told = 1 + client.notices().iter().filter(|notice| notice["method"] == "notifications/resources/updated").count();
    let most = 2 + since.elapsed().as_millis() as usize / 100;
    assert!((1..=most).contains(&told), "{told} of {most}");
}

#[test]
fn the_end_of_input_ends_every_wait_at_once() {
    for era in eras() {
        let home = Home::new();
        home.record(&[&line("created", "a")]);
        let mut client = Client::start(&home, &[], era.clone());
        let listen = match &era {
            Era::Modern(_) => {
                let id = client
                    .begin("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": ["aicoder://coders"]}}));
                client.notice("notifications/subscriptions/acknowledged");
                Some(id)
            }
            Era::Handshake(_) => {
                client.result("resources/subscribe", json!({"uri": "aicoder://coders"}));
                None
            }
        };
        let watch = client.begin(
            "tools/call",
            json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 1}, "_meta": {"progressToken": 1}}),
        );
        client.notice("notifications/progress");
        let (status, took) = client.close();
        assert!(status.success() && took < SOON, "{era:?}: {took:?}");
        assert_eq!(client.called(watch)["ended"], "shutdown");
        if let Some(listen) = listen {
            assert_eq!(client.answer(listen)["result"]["resultType"], "complete");
        }
    }
}

#[test]
fn signals_and_silence_end_it_well() {
    let home = Home::new();
    for signal in ["TERM", "INT"] {
        let mut client = Client::start(&home, &[], old());
        let watch = client.begin(
            "tools/call",
            json!({"name": "subscribe_coder", "arguments": {"coder_id": "a", "cursor": 0}, "_meta": {"progressToken": 1}}),
        );
        client.notice("notifications/progress");
        let (status, took) = client.signal(signal);
        assert!(status.success() && took < SOON, "{signal}: {status} {took:?}");
        assert_eq!(client.called(watch)["ended"], "shutdown");
    }
    assert!(Client::silent(&home, &[], old()).close().0.success());
}

#[test]
fn what_a_client_records_is_receipted_once_and_refused_aloud() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], modern());
    let first =
        client.call("emit_ai_coder_event", json!({"type": "milestone", "coder_id": "a", "id": "m1", "milestone": "done"}));
    assert_eq!(first, json!({"seq": 1, "id": "m1", "duplicate": false}));
    let again =
        client.call("emit_ai_coder_event", json!({"type": "milestone", "coder_id": "a", "id": "m1", "milestone": "done"}));
    assert_eq!(again, json!({"seq": 1, "id": "m1", "duplicate": true}));
    client.refused("emit_ai_coder_event", json!({"type": "nope", "coder_id": "a"}));
    let kept = home.json(&["rejected"]);
    assert_eq!((kept.len(), &kept[0]["source"]), (1, &"mcp".into()), "{kept:?}");
    assert_eq!(home.json(&["list"])[0]["source"], "mcp");
}

#[test]
fn who_was_seen_to_needs_nobody() {
    let home = Home::new();
    home.record(&[&line("failed", "fix-auth")]);
    let mut client = Client::start(&home, &[], old());
    let needy = |client: &mut Client| client.call("list_ai_coders", json!({"needs_attention": true}))["coders"].take();
    assert_eq!(needy(&mut client)[0]["coder_id"], "fix-auth");
    let told = client.refused("emit_ai_coder_event", json!({"type": "seen", "coder_id": "fix-auht"}));
    assert!(told.starts_with("unknown coder `fix-auht`"), "{told}");
    let told = client.refused("emit_ai_coder_event", json!({"type": "seen", "coder_id": "fix-"}));
    assert!(told.starts_with("`coder_id` is `\"fix-\"`: give its whole id, fix-auth"), "{told}");
    client.call("emit_ai_coder_event", json!({"type": "seen", "coder_id": "fix-auth"}));
    assert_eq!(needy(&mut client), json!([]));
}

#[test]
fn read_only_offers_nothing_that_writes() {
    let mut client = Client::start(&Home::new(), &["--read-only"], old());
    let tools = client.result("tools/list", json!({}));
    assert_eq!(tools["tools"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        client
            .error_code("tools/call", json!({"name": "emit_ai_coder_event", "arguments": {"type": "created", "coder_id": "a"}})),
        -32602
    );
}

#[test]
fn the_example_configuration_starts_what_it_names() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp.json.example")).unwrap();
    let configuration: Value = serde_json::from_str(&text).unwrap();
    let server = &configuration["mcpServers"]["ai-coder-events"];
    assert_eq!(server["command"], env!("CARGO_PKG_NAME"));
    let flags: Vec<&str> = server["args"].as_array().expect("arguments").iter().filter_map(Value::as_str).collect();
    assert_eq!(flags[0], "serve");
    let mut client = Client::start(&Home::new(), &flags[1..], old());
    assert_eq!(client.call("list_ai_coders", json!({}))["coders"], json!([]));
}

#[test]
fn defect_20_a_listener_that_left_hears_nothing_and_harms_nobody() {
    let home = Home::new();
    let mut client = Client::start(&home, &[], modern());
    let everything = json!({"notifications": {"resourceSubscriptions": ["aicoder://coders/a/lifecycle"]}});
    let left = client.begin("subscriptions/listen", everything.clone());
    client.notice("notifications/subscriptions/acknowledged");
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": left}}));
    let stays = client.begin("subscriptions/listen", everything);
    client.notice("notifications/subscriptions/acknowledged");
    for kind in ["created", "paused", "resumed"] {
        home.record(&[&line(kind, "a")]);
        let heard = client.notice("notifications/resources/updated");
        assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], stays, "{kind}: {heard}");
    }
    assert_eq!(client.call("list_ai_coder_events", json!({}))["head"], 3);
}

#[test]
fn defect_21_every_advertised_default_works_and_says_the_same() {
    let home = Home::new();
    home.record(&[&line("created", "a")]);
    let mut client = Client::start(&home, &[], old());
    let tools = client.result("tools/list", json!({}))["tools"].take();
    for tool in tools.as_array().expect("tools") {
        let properties = tool["inputSchema"]["properties"].as_object().expect("properties");
        let defaults = properties.iter().filter_map(|(name, schema)| Some((name.clone(), schema.get("default")?.clone())));
        let (mut given, mut bare) = (Value::Object(defaults.collect()), json!({}));
        // Who is told something is a coder that calls, which nobody is here.
        if ["emit_ai_coder_event", "watch_ai_coder"].iter().any(|name| tool["name"] == *name) {
            continue;
        }
        if tool["inputSchema"]["required"] == json!(["coder_id"]) {
            (given["coder_id"], bare["coder_id"]) = ("a".into(), "a".into());
        }
        let name = tool["name"].as_str().expect("a name");
        let mut told = [client.call(name, given), client.call(name, bare)];
        for answer in &mut told {
            // SQLite's own memory changes from one moment to the next, and so does the time.
            answer["history"].take();
            answer["now"].take();
            answer["coders"].as_array_mut().into_iter().flatten().for_each(|coder| drop(coder["age_s"].take()));
        }
        assert_eq!(told[0], told[1], "{name}");
    }
}
