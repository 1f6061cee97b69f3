//! `show`: a session as a story, an event with what it changed; through a pager where it is long.

use crate::home::{Home, Said};

pub const SESSION: &[&str] = &[
    r#"{"type":"created","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","coder_name":"demo","cwd":"/repo","project":"/repo","branch":"main","timestamp":"2026-11-22T10:00:00Z"}"#,
    r#"{"type":"prompt","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","text":"Fix the login\nand test it","timestamp":"2026-11-22T10:00:01Z"}"#,
    r#"{"type":"output","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","stream":"assistant","text":"I look at it first.","timestamp":"2026-11-22T10:00:05Z"}"#,
    r#"{"type":"progress","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","stage":"Read","description":"Read: /repo/src/a.rs","tool_name":"Read","duration_ms":3,"timestamp":"2026-11-22T10:00:06Z"}"#,
    r#"{"type":"progress","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","stage":"Read","description":"Read: /repo/src/b.rs","tool_name":"Read","duration_ms":4000,"timestamp":"2026-11-22T10:00:07Z"}"#,
    r#"{"type":"file_modified","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","file_path":"/repo/src/a.rs","tool_name":"Edit","lines_added":1,"lines_removed":1,"diff":"@@ -3,1 +3,1 @@\n-let a = 1;\n+let a = 2;\n","timestamp":"2026-11-22T10:01:02Z"}"#,
    r#"{"type":"progress","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","stage":"Bash","description":"Bash: make","tool_name":"Bash","command":"make","failed":true,"exit_code":2,"error":"building\nerror: no rule","timestamp":"2026-11-22T10:01:03Z"}"#,
    r#"{"type":"api_call","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","model":"gpt-5","input_tokens":1000,"output_tokens":200,"cost_usd":0.5,"timestamp":"2026-11-22T10:01:30Z"}"#,
    r#"{"type":"completed","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","timestamp":"2026-11-22T10:02:00Z"}"#,
    r#"{"type":"prompt","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","text":"Push it","timestamp":"2026-11-22T10:03:00Z"}"#,
    r#"{"type":"output","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","stream":"stdout","text":"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21","timestamp":"2026-11-22T10:03:01Z"}"#,
    r#"{"type":"paused","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","reason":"permission","data":{"request":"git push"},"timestamp":"2026-11-22T10:03:02Z"}"#,
    r#"{"type":"api_error","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","error_code":"529","timestamp":"2026-11-22T10:03:03Z"}"#,
    r#"{"type":"rate_limit","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","timestamp":"2026-11-22T10:03:04Z"}"#,
    r#"{"type":"api_call","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","model":"gpt-5","input_tokens":1000000,"timestamp":"2026-11-22T10:03:05Z"}"#,
    r#"{"type":"api_call","coder_id":"codex:02e40b45-11d3-4bca-97bd-1292e0b28074","model":"our-own","input_tokens":5,"timestamp":"2026-11-22T10:03:06Z"}"#,
];

fn recorded() -> Home {
    let home = Home::new();
    home.record(SESSION);
    home
}

#[test]
fn a_session_reads_as_a_story() {
    let said = recorded().ok(&["show", "demo"]);
    let (head, told) = said.split_once("\n\n").unwrap();
    assert!(
        head.starts_with("demo 02e40b · Fix the login\ncodex:02e40b45-11d3-4bca-97bd-1292e0b28074 · our-own · /repo (main) · "),
        "{head}"
    );
    let expected = "\
Sunday 2026-11-22
10:00  > Fix the login
       and test it
       I look at it first.
       Read: src/a.rs, src/b.rs (4s)
10:01  edited src/a.rs +1 −1
         @@ -3,1 +3,1 @@
         -let a = 1;
         +let a = 2;
       Bash failed, exit 2: make
         building
         error: no rule
       — 1m, 1 call, 1,200 tokens, $0.50
";
    assert!(told.starts_with(expected), "{told}");
    assert!(
        told.contains("10:03  > Push it\n       … 1 line\n       2\n") && told.contains("paused (permission): git push\n"),
        "{told}"
    );
    assert!(told.ends_with("— 6s, 2 calls, 1,000,005 tokens, ~$1.25\n"), "{told}");
}

#[test]
fn an_event_is_shown_by_its_seq_and_a_coder_by_what_it_is_called() {
    let home = recorded();
    assert!(home.ok(&["show", "6"]).ends_with("edited src/a.rs +1 −1\n    @@ -3,1 +3,1 @@\n    -let a = 1;\n    +let a = 2;\n"));
    assert_eq!(home.json(&["show", "6"])[0]["seq"], 6);
    for name in ["02e40b", "codex:02e4", "Fix the login"] {
        assert_eq!(home.ok(&["show", name]), home.ok(&["show", "demo"]), "{name}");
    }
    assert!(!home.ok(&["show", "demo", "--since", "2026-11-22T10:03:00Z"]).contains("Fix the login\nand"));
    let Said { code, stdout, stderr } = home.run(&["show", "nobody"]);
    assert!(code == Some(1) && stdout.is_empty() && stderr.contains("unknown coder `nobody`"), "{stderr}");
}

/// A handle may be digits alone, and so is a seq.
#[test]
fn a_handle_of_digits_is_a_coder() {
    let home = Home::new();
    let lines: Vec<String> = (0..20).map(|n| format!(r#"{{"type":"output","coder_id":"job","text":"line {n}"}}"#)).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    home.record(&[r#"{"type":"prompt","coder_id":"claude-code:000012-abc","text":"count to twelve"}"#]);
    assert!(home.ok(&["show", "000012"]).contains("count to twelve"));
    assert!(home.ok(&["show", "12"]).contains("line 11"), "what is no coder is a seq");
}
