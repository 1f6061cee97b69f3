//! As many coders as years of agents leave: what is asked of them stays bounded, and does not cost more than their number.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    home::Home,
    rpc::{Client, old},
};

use super::{size, timed};

/// As many are remembered, whatever became of them.
const CODERS_KEPT: u64 = 20_000;
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn a_hundred_thousand_coders_are_listed_counted_and_forgotten() {
    let coders = size().coders;
    let home = Home::new();
    // Two in three have finished. Nothing here may depend on when the test runs.
    let line =
        |kind: &str, n: u64| format!("{{\"type\":\"{kind}\",\"coder_id\":\"coder-{n:06}\",\"file_path\":\"/src/{n}.rs\"}}\n");
    let started: String = (0..coders).map(|n| line("started", n) + &line("file_modified", n)).collect();
    let ended: String = (0..coders).filter(|n| n % 3 != 0).map(|n| line("stopped", n)).collect();
    timed(&format!("recording {coders} coders"), || {
        for input in [&started, &ended] {
            let said = home.feed(&["emit", "-"], input.as_bytes());
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        }
    });

    let mut client = Client::start(&home, &[], old());
    let newest = format!("coder-{:06}", coders - 1);
    timed("one event of a coder among them", || {
        client.call("emit_ai_coder_event", json!({"type": "milestone", "coder_id": newest, "milestone": "m"}))
    });
    let call = |client: &mut Client, tool: &str, arguments: Value| {
        timed(&format!("{tool} {arguments}"), || client.call(tool, arguments))
    };
    let listed = call(&mut client, "list_ai_coders", json!({}));
    assert!(!listed["coders"].as_array().unwrap().is_empty());
    call(&mut client, "list_ai_coders", json!({"needs_attention": true}));
    let stats = call(&mut client, "get_ai_coder_stats", json!({}));
    assert_eq!(stats["total_events"], 2 * coders + (coders - coders.div_ceil(3)) + 1);
    call(&mut client, "get_ai_coder_stats", json!({"since": "1h"}));
    call(&mut client, "get_ai_coder_stats", json!({"coder_id": newest}));
    let told =
        timed("a wrong id, and the nearest ones", || client.refused("get_ai_coder_stats", json!({"coder_id": "coder-00001"})));
    assert!(told.contains("coder-00001"), "{told}");
    let resources = timed("resources/list", || client.result("resources/list", json!({})));
    assert_eq!(resources["resources"].as_array().map(Vec::len), Some(105));
    for place in ["coders", "stats", "alerts"] {
        let read = timed(&format!("aicoder://{place}"), || {
            client.result("resources/read", json!({"uri": format!("aicoder://{place}")}))
        });
        assert!(read.to_string().len() < 50_000, "{place}");
    }
    let completed = timed("completion of coder_id", || {
        let reference = json!({"type": "ref/resource", "uri": "aicoder://coders/{coder_id}"});
        client.result("completion/complete", json!({"ref": reference, "argument": {"name": "coder_id", "value": "coder-"}}))
    });
    assert_eq!(completed["completion"]["values"].as_array().map(Vec::len), Some(100));
    println!("memory of the server: {} MB at most", client.memory_peak_mb());
    assert!(client.memory_peak_mb() < 250);
    assert!(client.close().0.success());

    let count = |words: &[&str]| home.json(words).len() as u64;
    assert_eq!(timed("coders --json", || count(&["coders", "--limit", "0"])), coders);
    assert_eq!(
        timed("coders --status running --limit 50 --json", || count(&["coders", "--status", "running", "--limit", "50"])),
        50
    );
    let unfinished = coders.div_ceil(3);
    timed("check", || assert_eq!(home.json(&["check"])[0]["problems"], json!([])));
    let kept =
        timed("prune of all but 1,000 events", || home.json(&["prune", "--max-events", "1000"])[0]["kept"].as_u64().unwrap());
    assert_eq!(kept, unfinished.max(1_000), "what began the life of a coder that lives stays");
    timed("check again", || assert_eq!(home.json(&["check"])[0]["problems"], json!([])));

    // A server forgets those that have finished and of which nothing is left, down to the bound.
    let mut client = Client::start(&home, &[], old());
    let (since, least) = (Instant::now(), unfinished.max(CODERS_KEPT).min(coders));
    timed("forgetting coders", || {
        while client.call("get_ai_coder_stats", json!({}))["coders_total"].as_u64().unwrap() > least {
            assert!(since.elapsed() < LIMIT, "it forgets nobody");
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.call("get_ai_coder_stats", json!({}))["total_events"], stats["total_events"], "totals stay");
    assert!(client.close().0.success());
}
