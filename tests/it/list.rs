//! `list`: exact rows and lines, filters, order, pages.

use serde_json::{Value, json};

use crate::home::{Home, Said};

/// One hour of two coders.
const HOUR: &[&str] = &[
    r#"{"id":"e1","type":"created","coder_id":"fix-auth","coder_name":"Fix auth","timestamp":"2026-11-22T10:00:00Z"}"#,
    r#"{"id":"e2","type":"progress","coder_id":"fix-auth","progress":0.42,"stage":"editing","description":"Rewriting the session store","timestamp":"2026-11-22T10:10:00Z"}"#,
    r#"{"id":"e3","type":"file_modified","coder_id":"fix-auth","file_path":"/repo/src/session.rs","file_size":2048,"timestamp":"2026-11-22T10:20:00Z"}"#,
    r#"{"id":"e4","type":"created","coder_id":"docs","timestamp":"2026-11-22T10:30:00Z","turn":17}"#,
    r#"{"id":"e5","type":"failed","coder_id":"fix-auth","error_message":"two tests FAILED","timestamp":"2026-11-22T10:40:00Z"}"#,
];

fn hour() -> Home {
    let home = Home::new();
    home.record(HOUR);
    home
}

#[test]
fn people_get_aligned_rows_newest_first_without_colour() {
    let expected = "\
5  2026-11-22 10:40:00  fix-auth  failed: two tests FAILED
4  2026-11-22 10:30:00  docs      created
3  2026-11-22 10:20:00  fix-auth  edited /repo/src/session.rs (2048 bytes)
2  2026-11-22 10:10:00  fix-auth  progress 42 % (editing): Rewriting the session store
1  2026-11-22 10:00:00  fix-auth  created
";
    assert_eq!(hour().ok(&["list"]), expected);
}

#[test]
fn programs_get_full_lines_or_summaries() {
    let home = hour();
    let mut full = home.json(&["list", "4"]);
    let received = full[0].as_object_mut().unwrap().remove("received_at");
    assert!(received.is_some_and(|time| time.as_str().is_some_and(|time| time.len() == "2026-11-22T10:30:00.000000Z".len())));
    let expected = json!({"seq": 4, "id": "e4", "type": "ai_coder_created", "coder_id": "docs",
        "timestamp": "2026-11-22T10:30:00.000000Z", "source": "emit", "data": {"turn": 17}});
    assert_eq!(full, [expected]);
    let summary = json!({"seq": 4, "timestamp": "2026-11-22T10:30:00.000000Z", "type": "ai_coder_created", "coder_id": "docs", "summary": "created"});
    assert_eq!(home.json(&["list", "4", "--detail", "summary"]), [summary]);
    assert!(home.ok(&["list", "4", "--detail", "full"]).contains("\n    data: {\"turn\":17}\n"));
}

#[test]
fn filters_narrow_the_list() {
    let home = hour();
    let check = |words: &[&str], expected: &[u64]| {
        let words: Vec<&str> = ["list"].iter().chain(words).copied().collect();
        let seqs: Vec<u64> = home.json(&words).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, expected, "{words:?}");
    };
    check(&["--coder", "docs"], &[4]);
    check(&["--coder", "docs", "--coder", "fix-auth", "--limit", "2"], &[5, 4]);
    check(&["--type", "created", "--type", "ai_coder_failed"], &[5, 4, 1]);
    check(&["--type", "lifecycle.*"], &[5, 4, 1]);
    check(&["--type", "workspace"], &[3]);
    check(&["--since", "2026-11-22T10:20:00Z", "--until", "2026-11-22T12:30:00+02:00"], &[4, 3]);
    check(&["--path", "/repo/src"], &[3]);
    check(&["--path", "session.rs"], &[3]);
    check(&["--text", "SESSION"], &[3, 2]);
    check(&["--text", "failed"], &[5]);
    check(&["--after", "2"], &[5, 4, 3]);
    check(&["--before", "3", "--order", "oldest"], &[1, 2]);
    check(&["--after", "1", "--before", "5", "--order", "oldest", "--limit", "2"], &[2, 3]);
    check(&["--coder", "fix-a", "--failed"], &[5]);
    check(&["--coder", "Fix auth", "--until", "2026-11-22T10:00:00Z"], &[1]);
    check(&["--coder", "docs", "--failed"], &[]);
    check(&["5", "2"], &[5, 2]);
}

#[test]
fn what_is_not_there_is_told_in_words() {
    let home = hour();
    let check = |words: &[&str], code: i32, told: &str| {
        let words: Vec<&str> = ["list"].iter().chain(words).copied().collect();
        assert_eq!(home.run(&words), Said { code: Some(code), stdout: String::new(), stderr: told.to_owned() }, "{words:?}");
    };
    let nearest = "ai-coder-events: unknown coder `docks`; the nearest are:\n  docs  (";
    for json in [&[][..], &["--json"]] {
        check(
            &[&["--path", "ession.rs"][..], json].concat(),
            1,
            "ai-coder-events: no event is about `ession.rs`: a path is as the coder names it, a folder above it, or its end\n",
        );
        check(
            &[&["--coder", "docs", "--text", "needle"][..], json].concat(),
            1,
            "ai-coder-events: no event that the other flags leave has `needle`: all words must be in one event, whatever their order\n",
        );
        let Said { code, stdout, stderr } = home.run(&[&["list", "--coder", "docks"][..], json].concat());
        assert!(code == Some(1) && stdout.is_empty() && stderr.starts_with(nearest), "{stderr}");
    }
    check(&["--coder", "docs", "--failed"], 0, "no event is like that\n");
    check(&["--coder", "docs", "--failed", "--json"], 0, "");
    assert_eq!(Home::new().ok(&["list"]), "", "an empty history is no question");
}

/// What hooks tell of an edit and of a test that fails.
const WORK: &[&str] = &[
    r#"{"type":"created","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","coder_name":"demo","cwd":"/repo","timestamp":"2026-11-22T10:00:00Z"}"#,
    r#"{"type":"started","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","timestamp":"2026-11-22T10:00:00Z"}"#,
    r#"{"type":"prompt","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","text":"Fix the login","timestamp":"2026-11-22T10:00:01Z"}"#,
    r#"{"type":"resumed","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","reason":"prompt","timestamp":"2026-11-22T10:00:01Z"}"#,
    r#"{"type":"progress","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","stage":"Edit","description":"Edit: /repo/src/login.rs","tool_name":"Edit","tool_use_id":"t1","timestamp":"2026-11-22T10:00:02Z"}"#,
    r#"{"type":"file_modified","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","file_path":"/repo/src/login.rs","tool_name":"Edit","tool_use_id":"t1","lines_added":1,"lines_removed":1,"diff":"@@ -3,1 +3,1 @@\n-let a = 1;\n+let a = 2;\n","timestamp":"2026-11-22T10:00:02Z"}"#,
    r#"{"type":"progress","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","stage":"Bash","description":"Bash: cargo test","tool_name":"Bash","command":"cargo test","failed":true,"exit_code":101,"error":"running 1 test\nerror: test failed","timestamp":"2026-11-22T10:00:03Z"}"#,
    r#"{"type":"completed","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","timestamp":"2026-11-22T10:00:09Z"}"#,
];

#[test]
fn one_act_is_one_row_for_people_and_every_event_is_a_line_for_programs() {
    let home = Home::new();
    home.record(WORK);
    let expected = "\
2  2026-11-22 10:00:00  demo 02e40b  started
3  2026-11-22 10:00:01  demo 02e40b  prompt: Fix the login
6  2026-11-22 10:00:02  demo 02e40b  edited src/login.rs +1 −1
7  2026-11-22 10:00:03  demo 02e40b  Bash failed, exit 101: cargo test · error: test failed
8  2026-11-22 10:00:09  demo 02e40b  completed
";
    assert_eq!(home.ok(&["list", "--order", "oldest"]), expected);
    let newest: Vec<&str> = expected.lines().rev().collect();
    assert_eq!(home.ok(&["list"]).lines().collect::<Vec<_>>(), newest);
    assert_eq!(home.ok(&["list", "--limit", "3"]).lines().collect::<Vec<_>>(), newest[..3], "a limit is of rows");
    assert_eq!(home.json(&["list"]).len(), 9, "with what the rules derived");
    let full = home.ok(&["list", "--detail", "full"]);
    assert_eq!(full.matches("    coder_id: claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074\n").count(), 9, "{full}");
}

#[test]
fn a_warning_names_coders_as_rows_do() {
    let home = Home::new();
    let change = |coder: &str, second: u32| {
        format!(
            r#"{{"type":"file_modified","coder_id":"{coder}","coder_name":"demo","file_path":"/repo/a.rs","timestamp":"2026-11-22T10:00:0{second}Z"}}"#
        )
    };
    let coders = ["claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074", "codex:7f3c1b00-11d3-4bca-97bd-1292e0b28074"];
    home.record(&[&change(coders[0], 1), &change(coders[1], 2)]);
    let told = "/repo/a.rs is changed by both demo 02e40b and demo 7f3c1b\n";
    assert!(home.ok(&["list", "--type", "system_warning"]).ends_with(told), "{}", home.ok(&["list"]));
    assert!(home.ok(&["show", "7f3c1b"]).contains(told));
    assert!(home.json(&["list", "--type", "system_warning"])[0]["message"].as_str().unwrap().contains(coders[0]));
}

#[test]
fn an_event_by_itself_is_told_with_what_it_changed() {
    let home = Home::new();
    home.record(WORK);
    assert!(
        home.ok(&["list", "6"]).ends_with("edited src/login.rs +1 −1\n    @@ -3,1 +3,1 @@\n    -let a = 1;\n    +let a = 2;\n")
    );
    assert!(home.ok(&["list", "7"]).ends_with("\n    $ cargo test\n    running 1 test\n    error: test failed\n"));
    assert!(home.ok(&["list", "3"]).ends_with("prompt: Fix the login\n    Fix the login\n"));
}

#[test]
fn what_would_be_ignored_is_refused() {
    let home = hour();
    let refused = |words: &[&str]| {
        let Said { code, stdout, stderr } = home.run(words);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{words:?}");
        stderr
    };
    assert!(refused(&["list", "5", "--failed"]).contains("cannot be used with"));
    for command in ["list", "follow"] {
        let told = refused(&[command, "--path", "."]);
        assert!(told.contains("give a folder or file name: paths are matched as written"), "{told}");
        refused(&[command, "--path", ""]);
    }
}

#[test]
fn missing_seqs_are_named() {
    let home = hour();
    let Said { code, stdout, stderr } = home.run(&["list", "4", "9", "77", "--json", "--detail", "summary"]);
    assert_eq!((code, stdout.lines().count()), (Some(1), 1));
    assert_eq!(stderr, "ai-coder-events: no event 9, 77: the history ends at 5\n");
}

#[test]
fn all_of_a_long_history_is_listed_page_by_page() {
    let home = Home::new();
    let line = |n: u64| format!(r#"{{"type":"output","coder_id":"a","text":"line {n}"}}"#);
    let lines: Vec<String> = (1..=1234).map(line).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let seqs = |words: &[&str]| -> Vec<u64> {
        let number = |event: &Value| event["seq"].as_u64().unwrap();
        home.json(&[&["list", "--detail", "summary"], words].concat()).iter().map(number).collect()
    };
    assert_eq!(seqs(&["--limit", "0", "--order", "oldest"]), (1..=1234).collect::<Vec<_>>());
    assert_eq!(seqs(&["--limit", "0"]), (1..=1234).rev().collect::<Vec<_>>());
    assert_eq!(seqs(&["--limit", "700"]), (535..=1234).rev().collect::<Vec<_>>());
    assert_eq!(seqs(&[]).len(), 50);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    use std::process::Stdio;
    let home = Home::new();
    let line = format!(r#"{{"type":"output","coder_id":"a","text":"{}"}}"#, "x".repeat(1000));
    home.record(&vec![line.as_str(); 500]);
    let mut command = home.command(&["list", "--limit", "0", "--json"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
}

/// An agent's record is read when its hooks have told the end already.
#[test]
fn a_story_is_told_in_order_of_time() {
    let home = Home::new();
    let line = |kind: &str, second: u32, more: &str| {
        format!(r#"{{"type":"{kind}","coder_id":"a","timestamp":"2026-11-22T12:00:{second:02}Z"{more}}}"#)
    };
    let said = |second: u32, text: &str| line("output", second, &format!(r#","stream":"assistant","text":"{text}""#));
    let heard = [
        line("started", 0, ""),
        line("prompt", 1, r#","text":"Port it""#),
        line("stopped", 8, ""),
        said(3, "First."),
        line("prompt", 5, r#","text":"Go on""#),
        said(6, "Second."),
    ];
    home.record(&heard.each_ref().map(String::as_str));
    let told = home.ok(&["show", "a"]);
    let at = |part: &str| told.find(part).unwrap_or_else(|| panic!("{part}: {told}"));
    let order = ["> Port it", "First.", "> Go on", "Second.", "       stopped"].map(at);
    assert!(order.is_sorted(), "{told}");
}
