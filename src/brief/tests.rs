//! Briefs of sessions as agents tell them.

use serde_json::{Value, json};

use crate::{
    event::{Draft, Time},
    history::{Clock, Entry, Options, Reader, Writer},
};

use super::Brief;

const CODER: &str = "claude-code:7f3c1b22-aaaa";

struct Lab {
    _folder: tempfile::TempDir,
    reader: Reader,
    writer: Writer,
}

fn now() -> Time {
    Time::parse("2026-11-22T12:10:00Z").expect("valid")
}

fn lab() -> Lab {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { clock: Clock::new(now), ..Options::new(folder.path().join("history.db")) };
    Lab { reader: Reader::new(&options), writer: Writer::new(&options), _folder: folder }
}

impl Lab {
    /// Records what happened at minutes of the hour.
    fn tell(&mut self, minute: u32, mut event: Value) {
        let coder = event.get("coder_id").cloned().unwrap_or_else(|| CODER.into());
        let fields = event.as_object_mut().expect("an object");
        fields.insert("coder_id".into(), coder);
        fields.insert("source".into(), "claude-code".into());
        fields.insert("timestamp".into(), format!("2026-11-22T12:{minute:02}:00Z").into());
        let draft = Draft::from_object(fields.clone()).expect("valid");
        self.writer.append(vec![Entry::from(draft)]).expect("writable");
    }

    fn brief(&mut self, since: Option<&str>) -> Brief {
        let since = since.map(|since| Time::parse(since).expect("valid"));
        Brief::read(&mut self.reader, CODER, since, now()).expect("readable").expect("known")
    }
}

fn failed_test(error: &str) -> Value {
    json!({"type": "progress", "description": "Bash: npm test", "tool_name": "Bash", "failed": true, "exit_code": 1, "error": error})
}

fn a_session() -> Lab {
    let mut lab = lab();
    lab.tell(0, json!({"type": "created", "cwd": "/repo/web", "project": "/repo", "branch": "main"}));
    lab.tell(0, json!({"type": "prompt", "text": "Fix the session store\nand its tests"}));
    lab.tell(
        1,
        json!({"type": "api_call", "model": "claude-opus-4-6", "input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.5}),
    );
    lab.tell(2, json!({"type": "file_created", "file_path": "/repo/src/new.rs", "lines_added": 40}));
    lab.tell(2, json!({"type": "file_modified", "file_path": "/repo/src/new.rs", "lines_added": 2, "lines_removed": 1}));
    lab.tell(3, json!({"type": "file_modified", "file_path": "/etc/hosts"}));
    lab.tell(4, failed_test("> app@1 test\nError: expected 3 to be 4\n"));
    lab.tell(5, failed_test("> app@1 test\nError: expected 3 to be 5\n"));
    lab.tell(5, json!({"type": "rate_limit", "error_code": "429"}));
    lab.tell(6, json!({"type": "created", "coder_id": "claude-code:7f3c1b22-aaaa/a99b", "coder_name": "explore", "parent_coder_id": CODER}));
    lab.tell(6, json!({"type": "prompt", "text": "Now the docs"}));
    lab.tell(7, json!({"type": "output", "stream": "assistant", "text": "The tests pass."}));
    lab.tell(8, json!({"type": "paused", "reason": "permission", "request": "npm publish"}));
    lab
}

#[test]
fn a_session_is_told_in_some_lines() {
    let told = a_session().brief(None).to_text();
    let expected = "\
7f3c1b  Fix the session store · paused, active 2m ago · claude-code · claude-opus-4-6
  in        /repo, branch main
  waits     for permission since 2m: npm publish
  asked     Fix the session store and its tests
  then      Now the docs
  changed   /etc/hosts, src/new.rs (new) +42 −1
  failed    Bash: npm test, exit 1 (× 2)
            > app@1 test
            Error: expected 3 to be 5
  errors    1 × 429, rate limited 1 ×, the last 5m ago
  subagents 7f3c1b/1 explore (created)
  cost      1,234 tokens, $0.50
  said      The tests pass.
";
    assert_eq!(told, expected);
}

#[test]
fn since_limits_what_happened_and_not_what_is() {
    let brief = a_session().brief(Some("2026-11-22T12:05:30Z"));
    assert_eq!((brief.files.len(), brief.failed.len(), brief.asked.len()), (0, 0, 1));
    assert_eq!(brief.asked[0].text, "Now the docs");
    assert!(brief.waiting.is_some() && brief.tokens == 0, "{brief:?}");
}

#[test]
fn whatever_a_coder_did_its_brief_is_short() {
    let mut lab = lab();
    let long = "word ".repeat(2_000);
    for n in 0..60_u32 {
        lab.tell(n % 10, json!({"type": "prompt", "text": format!("{n} {long}")}));
        let path = format!("/w/{}{n}.rs", "deep/".repeat(60));
        lab.tell(
            n % 10,
            json!({"type": "file_modified", "file_path": path, "lines_added": 9_999_999, "lines_removed": 9_999_999}),
        );
        lab.tell(
            n % 10,
            json!({"type": "progress", "description": format!("Bash: {n} {long}"), "tool_name": "Bash", "failed": true,
            "error": format!("error: {long}\nerror: {long}\nfailed {long}")}),
        );
        lab.tell(n % 10, json!({"type": "api_error", "error_code": format!("{n} {long}"), "model": long}));
        lab.tell(
            n % 10,
            json!({"type": "created", "coder_id": format!("{CODER}/a{n}"), "coder_name": long, "parent_coder_id": CODER}),
        );
    }
    lab.tell(9, json!({"type": "output", "stream": "assistant", "text": long}));
    lab.tell(9, json!({"type": "paused", "reason": "permission", "request": long, "branch": long, "project": long}));
    let brief = lab.brief(None);
    assert_eq!(
        (brief.asked_more, brief.files_more, brief.failed_more, brief.subagents_more),
        (57, 50, 48, 55),
        "failures are counted as far as some megabytes go"
    );
    let (json, text) = (serde_json::to_string(&brief).expect("JSON"), brief.to_text());
    // Prose has some four characters a token, JSON and paths some three.
    assert!(json.len() < 6_000, "{} {json}", json.len());
    assert!(text.len() < 6_000, "{} {text}", text.len());
}

#[test]
fn who_is_unknown_has_no_brief() {
    let mut lab = a_session();
    assert_eq!(Brief::read(&mut lab.reader, "nobody", None, now()).expect("readable"), None);
}
