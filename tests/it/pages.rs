//! Sessions and days as pages: what was recorded stays text, and a page needs nothing else.

use std::fs;

use crate::home::Home;

/// What would run, load or break out, wherever a page forgot to escape.
const HOSTILE: &str = r#"<img src=x onerror=alert(1)>'"&{}</style></title><script>alert(2)</script>"#;

/// A session whose every text is hostile.
fn recorded() -> Home {
    let home = Home::new();
    home.configure("[record]\nthinking = true\n");
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let hostile = &hostile[1..hostile.len() - 1];
    let lines = [
        r#"{"type":"started","coder_name":"H","data":{"project":"/w/H","branch":"H","model":"H"}}"#,
        r#"{"type":"prompt","text":"H"}"#,
        r#"{"type":"output","stream":"assistant","text":"H [H](javascript:H) `H` ![H](https://example.com/H)"}"#,
        r#"{"type":"output","stream":"thinking","text":"H"}"#,
        r#"{"type":"output","stream":"stdout","text":"H"}"#,
        r#"{"type":"progress","tool_name":"H","stage":"H","description":"H: H","command":"H H","output":"H","duration_ms":5}"#,
        r#"{"type":"progress","tool_name":"H","stage":"H","description":"H: H","arguments":"H","failed":true,"exit_code":2,"error":"H"}"#,
        r#"{"type":"file_modified","file_path":"/w/H.rs","diff":"@@ -1 +1 @@ H\n-H\n+H"}"#,
        r#"{"type":"milestone","milestone":"H","description":"H"}"#,
        r#"{"type":"paused","reason":"permission","data":{"request":"H"}}"#,
        r#"{"type":"api_call","provider":"H","model":"H","input_tokens":7,"cost_usd":0.5}"#,
        r#"{"type":"rate_limit","provider":"H","error_code":"H","error_message":"H"}"#,
        r#"{"type":"failed","reason":"H","error_message":"H"}"#,
    ];
    let told = |line: &str, coder: &str| line.replace('H', hostile).replacen('{', &format!(r#"{{"coder_id":"{coder}","#), 1);
    let of_a = lines.iter().map(|line| told(line, "a"));
    let of_b = lines.iter().map(|line| told(line, "b").replacen(r#""data":{"#, r#""data":{"parent_coder_id":"a","#, 1));
    let all: Vec<String> = of_a.chain(of_b).collect();
    home.record(&all.iter().map(String::as_str).collect::<Vec<_>>());
    home
}

#[test]
fn recorded_text_stays_text_in_every_page() {
    let home = recorded();
    for page in [&["show", "a", "--html", "-"][..], &["report", "--since", "1h", "--html", "-"]] {
        let page = home.ok(page);
        assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "it is there: {page}");
        for markup in ["<img", "<script", "</style><", "href=\"javascript:"] {
            let found = page.split(markup).nth(1).map(|rest| rest.chars().take(80).collect::<String>());
            // The page's own style ends once.
            assert!(found.is_none() || markup == "</style><" && page.matches(markup).count() == 1, "{markup}{found:?}");
        }
        assert!(page.contains("default-src 'none'"), "nothing may load or run");
        assert!(!page.contains("url(") && !page.contains("@import") && !page.contains("<link"), "nothing from elsewhere");
    }
    let markdown = home.ok(&["show", "a", "--markdown"]);
    // Within a fence, and within backticks, it is shown as it is.
    let mut fence = None;
    for line in markdown.lines() {
        if line.starts_with("```") {
            fence = if fence.is_none() { Some(line) } else { None };
        }
        assert!(fence.is_some() || !line.contains("<img") || line.contains('`'), "{line}");
    }
}

#[test]
fn a_session_is_a_file_with_its_prompts_calls_changes_and_subagents() {
    let home = Home::new();
    home.record(crate::show::SESSION);
    let file = home.path().join("demo.html");
    home.ok(&["show", "demo", "--html", file.to_str().unwrap()]);
    let page = fs::read_to_string(file).unwrap();
    for part in ["Asked · 1", "class=\"diff\"", "id=\"t1\"", "href=\"#t1\""] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn a_page_is_not_written_over_a_history() {
    let home = recorded();
    let db = home.history();
    let linked = home.path().join("page.html");
    fs::hard_link(&db, &linked).unwrap();
    for file in [&db, &linked] {
        let said = home.run(&["show", "a", "--html", file.to_str().unwrap()]);
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(said.stderr.contains("belongs to a history"), "{}", said.stderr);
    }
    assert_eq!(home.run(&["check"]).code, Some(0));
}

#[test]
fn what_no_page_is_made_of_is_told() {
    let home = recorded();
    for (arguments, told) in [
        (&["show", "a", "--html", "-", "--json"][..], "--json"),
        (&["show", "1", "--html", "-"], "one event"),
        (&["show", "a", "--html", "-", "--markdown"], "--markdown"),
        (&["report"], "--html"),
        (&["report", "--html", "-", "--json"], "stats --by"),
        (&["report", "--since", "1h", "--until", "2h", "--html", "-"], "--since"),
    ] {
        let said = home.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(told), "{arguments:?}: {}", said.stderr);
    }
}
