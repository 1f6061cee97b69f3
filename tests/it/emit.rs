//! `emit`: receipts, streams, refusals.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::home::{Home, Running, Said, feed, json_lines};

#[test]
fn one_event_prints_its_receipt() {
    let home = Home::new();
    let emit = ["emit", "created", "--coder", "fix-auth", "--id", "e1"];
    assert_eq!(home.ok(&emit), "recorded ai_coder_created as 1 (id e1)\n");
    assert_eq!(home.ok(&emit), "already recorded ai_coder_created as 1 (id e1)\n");
    assert_eq!(home.json(&emit), [json!({"seq": 1, "id": "e1", "duplicate": true})]);
    let receipt = &home.json(&["emit", "started", "--coder", "fix-auth"])[0];
    assert_eq!((&receipt["seq"], &receipt["duplicate"]), (&json!(2), &json!(false)));
    assert!(receipt["id"].as_str().is_some_and(|id| id.len() == 36), "{receipt}");
}

#[test]
fn flags_become_fields() {
    let home = Home::new();
    home.ok(&[
        "emit",
        "progress",
        "--coder",
        "a",
        "--name",
        "Ada",
        "--at",
        "2026-11-22T19:21:00.5+01:00",
        "--id",
        "e1",
        "--set",
        "progress=0.42",
        "--set",
        "stage=editing",
        "--set",
        "description=42",
        "--set",
        "turn=17",
        "--set",
        "branch=main",
        "--set",
        "tags=[\"x\"]",
    ]);
    let mut event = home.json(&["list"]).remove(0);
    assert!(event.as_object_mut().unwrap().remove("received_at").is_some());
    let expected = json!({
        "seq": 1, "id": "e1", "type": "ai_coder_progress", "coder_id": "a", "coder_name": "Ada", "timestamp": "2026-11-22T18:21:00.500000Z",
        "source": "emit", "progress": 0.42, "stage": "editing", "description": "42", "data": {"turn": 17, "branch": "main", "tags": ["x"]},
    });
    assert_eq!(event, expected);
}

#[test]
fn a_refusal_is_exit_1_says_why_and_is_kept() {
    let home = Home::new();
    let check = |words: &[&str], reason: &str| {
        let Said { code, stdout, stderr } = home.run(words);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{words:?}");
        assert!(stderr.starts_with("ai-coder-events: not recorded: ") && stderr.contains(reason), "{stderr}");
    };
    check(&["emit", "ai_coder_compelted", "--coder", "a"], "did you mean `ai_coder_completed`?");
    check(&["emit", "progress", "--coder", "a", "--set", "progress=2"], "`progress` is `2`");
    check(&["emit", "created", "--coder", "a b"], "`coder_id` is");
    assert_eq!(home.json(&["rejected"]).len(), 3);
    assert_eq!(home.ok(&["list"]), "");
}

#[test]
fn a_coder_is_named_by_flag_or_variable() {
    let home = Home::new();
    let emit = |words: &[&str]| {
        let mut command = home.command(&["emit", "started"]);
        command.args(words).env("AI_CODER_ID", "env").env("AI_CODER_NAME", "Env");
        assert_eq!(feed(command, b"").code, Some(0));
    };
    emit(&[]);
    emit(&["--coder", "flag", "--name", "Flag"]);
    let named = |event: &Value| format!("{} {}", event["coder_id"].as_str().unwrap(), event["coder_name"].as_str().unwrap());
    assert_eq!(home.json(&["list"]).iter().map(named).collect::<Vec<_>>(), ["flag Flag", "env Env"]);
}

const MIXED: &[u8] = b"{\"type\":\"created\",\"coder_id\":\"a\",\"id\":\"e1\"}\n\
    \n\
    {\"type\":\"nonsense\",\"coder_id\":\"a\"}\n\
    not json\r\n\
    \xff\xfe\n\
    {\"type\":\"started\",\"id\":\"e2\"}\r\n\
    {\"type\":\"created\",\"coder_id\":\"a\",\"id\":\"e1\"}\n\
    {\"type\":\"completed\",\"coder_id\":\"a\",\"id\":\"e3\"}";

#[test]
fn a_stream_goes_on_after_bad_lines_and_exits_1() {
    let home = Home::new();
    let Said { code, stdout, stderr } = home.feed(&["emit", "-", "--coder", "b", "--json"], MIXED);
    assert_eq!(code, Some(1));
    let answers = json_lines(&stdout);
    let recorded =
        |line: u64, seq: u64, id: &str, duplicate: bool| json!({"line": line, "seq": seq, "id": id, "duplicate": duplicate});
    let by_line =
        |line: u64| answers.iter().find(|answer| answer["line"] == line).unwrap_or_else(|| panic!("{line} in {stdout}")).clone();
    assert_eq!(answers.len(), 7, "{stdout}");
    assert_eq!(by_line(1), recorded(1, 1, "e1", false));
    assert_eq!(by_line(6), recorded(6, 2, "e2", false));
    assert_eq!(by_line(7), recorded(7, 1, "e1", true));
    assert!(by_line(8)["seq"].as_u64() > Some(2), "the last line counts without its newline");
    for line in [3, 4, 5] {
        let reason = by_line(line)["rejected"].as_str().unwrap().to_owned();
        assert!(stderr.contains(&format!("line {line}: {reason}\n")), "{stderr}");
    }
    assert_eq!(home.json(&["rejected"]).len(), 3);
    assert_eq!(home.json(&["list", "--coder", "b"]).len(), 1);
}

#[test]
fn a_stream_without_json_says_one_line_at_the_end() {
    let home = Home::new();
    let said = home.feed(&["emit", "-", "--coder", "b"], MIXED);
    assert_eq!(said.stdout, "recorded 3 events, 1 already known, 3 rejected\n");
    assert_eq!(
        home.feed(&["emit", "-"], b""),
        Said { code: Some(0), stdout: "recorded 0 events\n".into(), stderr: String::new() }
    );
}

#[test]
fn a_line_that_is_too_long_is_rejected_and_the_next_is_recorded() {
    let home = Home::new();
    let mut input = br#"{"type":"output","coder_id":"a","text":""#.to_vec();
    input.resize(3 << 20, b'x');
    input.extend_from_slice(b"\"}\n{\"type\":\"started\",\"coder_id\":\"a\"}\n");
    let Said { code, stdout, .. } = home.feed(&["emit", "-", "--json"], &input);
    let answers = json_lines(&stdout);
    assert_eq!((code, answers.len(), answers[1]["seq"].as_u64()), (Some(1), 2, Some(1)));
    assert!(answers[0]["rejected"].as_str().unwrap().contains("262144"), "{stdout}");
    assert!(home.json(&["rejected"])[0]["input"].as_str().unwrap().len() <= 4096);
}

#[test]
fn a_receipt_comes_while_stdin_stays_open_and_means_committed() {
    let home = Home::new();
    let mut command: Command = home.command(&["emit", "-", "--json"]);
    let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut stdin = child.0.stdin.take().unwrap();
    let mut receipts = BufReader::new(child.0.stdout.take().unwrap()).lines();
    for seq in 1..=3_u64 {
        writeln!(stdin, r#"{{"type":"started","coder_id":"a","id":"e{seq}"}}"#).unwrap();
        let receipt: Value = serde_json::from_str(&receipts.next().unwrap().unwrap()).unwrap();
        assert_eq!(receipt, json!({"line": seq, "seq": seq, "id": format!("e{seq}"), "duplicate": false}));
        assert_eq!(home.json(&["list"]).len() as u64, seq, "another process sees what was acknowledged");
    }
    drop(stdin);
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn a_listing_fed_into_a_fresh_history_gives_equal_stats() {
    let home = Home::new();
    let failed = |minute: u64| {
        format!(r#"{{"type":"failed","coder_id":"a","timestamp":"2026-11-22T10:0{minute}:00Z","error_message":"e"}}"#)
    };
    let failures: Vec<String> = (1..=3).map(failed).collect();
    let mut lines = vec![
        r#"{"type":"created","coder_id":"a","coder_name":"A","timestamp":"2026-11-22T10:00:00Z"}"#,
        r#"{"type":"api_call","coder_id":"a","tokens_used":7,"cost_usd":0.5,"timestamp":"2026-11-22T10:00:01Z"}"#,
        r#"{"type":"completed","coder_id":"b","timestamp":"2026-11-22T10:00:02Z"}"#,
    ];
    lines.extend(failures.iter().map(String::as_str));
    home.record(&lines);
    let listing = home.ok(&["list", "--json", "--limit", "0", "--order", "oldest"]);
    assert!(listing.contains("ai_coder_failure_alert") && listing.contains("ai_coder_completion_metrics"), "{listing}");
    let copied = home.feed(&["--db", "copy.db", "emit", "-"], listing.as_bytes());
    assert_eq!((copied.code, copied.stderr.as_str()), (Some(0), ""));
    let stats = |db: &[&str]| {
        let words: Vec<&str> = ["stats"].iter().chain(db).copied().collect();
        let mut stats = home.json(&words).remove(0);
        for measured in ["history", "events_per_minute"] {
            stats.as_object_mut().unwrap().remove(measured);
        }
        stats
    };
    assert_eq!(stats(&["--db", "copy.db"]), stats(&[]));
}

#[test]
fn the_largest_event_comes_back_from_its_listing() {
    let home = Home::new();
    let line = |bytes: usize| {
        let (head, tail) = (r#"{"type":"output","coder_id":"a","text":""#, r#""}"#);
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    home.record(&[&line(256 * 1024)]);
    assert_eq!(home.feed(&["emit", "-"], line(256 * 1024 + 1).as_bytes()).code, Some(1));
    let listing = home.ok(&["list", "--json"]);
    assert!(listing.len() > 256 * 1024, "{}", listing.len());
    let copied = home.feed(&["--db", "copy.db", "emit", "-"], listing.as_bytes());
    assert_eq!((copied.code, copied.stderr.as_str()), (Some(0), ""));
    assert_eq!(home.json(&["list", "--db", "copy.db"])[0]["text"], home.json(&["list"])[0]["text"]);
}

#[test]
fn a_reader_of_receipts_that_goes_away_ends_it_quietly() {
    let home = Home::new();
    let mut command = home.command(&["emit", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, r#"{{"type":"started","coder_id":"a"}}"#).unwrap();
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
}

/// What one event tells is refused where it would stay in the totals for good, by whichever way it comes.
#[test]
fn an_absurd_figure_spoils_no_total() {
    let home = Home::new();
    home.record(&[r#"{"type":"api_call","coder_id":"a","tokens_used":7,"cost_usd":0.5}"#]);
    for figure in ["cost_usd=1e300", "tokens_used=18446744073709551615", "output_tokens=1e15", "cache_write_1h_tokens=1e300"] {
        let said = home.run(&["emit", "api_call", "--coder", "a", "--set", figure]);
        let (name, _) = figure.split_once('=').unwrap();
        assert!(said.code == Some(1) && said.stderr.contains("at most 1"), "{figure}: {}", said.stderr);
        assert!(
            said.stderr.contains(&name[..15.min(name.len())]) || said.stderr.contains("tokens_used"),
            "{figure}: {}",
            said.stderr
        );
    }
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/claude-code/main.transcript.jsonl");
    let record = std::fs::read_to_string(fixture).unwrap().replace("\"output_tokens\":", "\"output_tokens\":18446744073709551");
    assert!(record.contains("\"output_tokens\":18446744073709551"));
    std::fs::write(home.path().join("absurd.jsonl"), record).unwrap();
    home.run(&["import", "claude-code", "absurd.jsonl"]);
    let stats = home.json(&["stats"]).remove(0);
    let spent = stats["tokens"]["total"].as_u64().unwrap();
    assert!(spent < 1_000_000_000 && stats["cost_usd"].as_f64().unwrap() < 10.0, "{stats}");
    assert!(home.json(&["rejected"]).len() > 4, "what was refused is told");
}
