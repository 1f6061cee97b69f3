//! A canary for each kind of secret, through every way in: none may be in any byte that the program wrote.
//!
//! A secret that was cut, split or hidden is one all the same, so what is looked for is its first twelve characters behind
//! the prefix that everybody knows. What goes in may hold them: agents' own records, and what stands in `given`.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::home::{Home, Running, Said, feed};

/// The mark that stands in its place; the secret as it is met; what must never be found of it.
type Canary = (&'static str, &'static str, &'static str);

const CANARIES: &[Canary] = &[
    ("anthropic key", "sk-ant-api03-Qa1Anthropic0x7-abc", "Qa1Anthropic"),
    ("api key", "sk-proj-Qb2OpenAIkey0x7abcdef", "Qb2OpenAIkey"),
    ("api key", "sk-or-v1-Qc3OpenRoute0123456789abcdef", "Qc3OpenRoute"),
    ("google key", "AIzaQd4GoogleKeyabcdefghijklmnopqrst", "Qd4GoogleKey"),
    ("api key", "xai-Qe5xAIgrokKey0abcdefghij12345", "Qe5xAIgrokKe"),
    ("api key", "gsk_Qf6GroqApiKey0abcdefghij1234", "Qf6GroqApiKe"),
    ("hugging face token", "hf_Qg7HuggingFac0abcdefghijklmnopqrst", "Qg7HuggingFa"),
    ("github token", "ghp_Qh8GithubTokn0abcdefghijklmnopqr", "Qh8GithubTok"),
    ("github token", "github_pat_Qi9GithubFine0abcdefghijk", "Qi9GithubFin"),
    ("gitlab token", "glpat-Qj0GitlabTokn0abcdefgh", "Qj0GitlabTok"),
    ("slack token", "xoxb-Qk1SlackTokn0abcd-1234567890", "Qk1SlackTokn"),
    ("slack webhook", "https://hooks.slack.com/services/Ql2SlackHook/B000/abcdef", "Ql2SlackHook"),
    ("aws key id", "AKIAQM3AWSKEYID01234", "QM3AWSKEYID0"),
    ("key", "aws_secret_access_key = Qn4AwsSecret/K7MDENG+bPxRfiCYEXAMPLE", "Qn4AwsSecret"),
    ("stripe key", "sk_live_Qo5StripeKey0abcdefgh", "Qo5StripeKey"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.Qp6JwtPayload0abc.Qp7JwtSignat0", "Qp6JwtPayloa"),
    (
        "private key",
        "-----BEGIN RSA PRIVATE KEY-----\nQq8PrivateKe0abcdef\nQq9SecondLin0abc\n-----END RSA PRIVATE KEY-----",
        "Qq8PrivateKe",
    ),
    ("authorization", "Authorization: Bearer Qr0BearerTok0abc", "Qr0BearerTok"),
    ("password", "postgres://app:Qs1UrlPasswd0@db.local/x", "Qs1UrlPasswd"),
    ("token", "DEPLOY_TOKEN=Qt2AssignTok0", "Qt2AssignTok"),
    ("secret", "APP_SECRET='Qu3AssignSec0 x'", "Qu3AssignSec"),
    ("password", "DB_PASSWORD: \"Qv4AssignPwd0\"", "Qv4AssignPwd"),
    ("npm token", "npm_Qw5NpmTokenXX0abcdefghijklmnopqrstuvwxyz", "Qw5NpmTokenX"),
    ("corporate", "corp-Qx6OwnPattern0", "Qx6OwnPatter"),
    // A key without its end takes all that follows.
    ("private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nQy7NoEndKey00abc", "Qy7NoEndKey0"),
];

/// Parts that are looked for beside the first twelve characters.
const FURTHER: &[&str] = &["Qp7JwtSignat", "Qq9SecondLin", "Qz0ColourTok", "Qz1HiddenTok", "718281828459"];

/// All of them, as words, lines, and behind the escapes and colours that hide where they begin.
fn planted() -> String {
    let colour =
        "\u{1b}[32mghp_\u{1b}[0mQz0ColourTok0abcdefghijklmnop\u{1b}[0m gh\u{200b}p_Qz1Hid\u{202e}denTok0abcdefghijklmno ";
    let secrets: Vec<&str> = CANARIES.iter().map(|(_, secret, _)| *secret).collect();
    format!("planted: {colour}{}", secrets.join("\n"))
}

/// The ones that take no more than their own line, each so that a cut after `end` characters halves it.
fn across(end: usize) -> Vec<String> {
    let short = CANARIES.iter().filter(|(_, secret, _)| !secret.contains('\n'));
    let at = |(_, secret, needle): &Canary| {
        let shown = secret.find(needle).unwrap() + needle.len();
        format!("{}{secret}", "a b ".repeat(end / 4 + 1).split_at(end - shown - 1).0.to_owned() + " ")
    };
    short.map(at).collect()
}

/// `value` with secrets in every text but those that say what it is.
fn poisoned(value: &Value, secrets: &str) -> Value {
    const STRUCTURE: &[&str] = &[
        "type",
        "event",
        "hook_event_name",
        "hookName",
        "subtype",
        "role",
        "status",
        "kind",
        "session_id",
        "sessionId",
        "sessionID",
        "id",
        "uuid",
        "parentUuid",
        "parentId",
        "timestamp",
        "version",
        "source",
        "callID",
        "call_id",
        "tool_use_id",
        "toolCallId",
        "conversation_id",
        "generation_id",
        "messageID",
        "turn_id",
        "thread_id",
        "hookType",
        "service.name",
        "event.name",
        "name",
        "key",
        "timeUnixNano",
        "observedTimeUnixNano",
        "intValue",
        "arguments",
    ];
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| {
                let keep = value.is_string() && STRUCTURE.contains(&name.as_str());
                (name.clone(), if keep { value.clone() } else { poisoned(value, secrets) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| poisoned(item, secrets)).collect(),
        // OTLP writes whole numbers as text.
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => value.clone(),
        Value::String(text) => format!("{text} {secrets}").into(),
        plain => plain.clone(),
    }
}

fn fixture(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)).unwrap()
}

fn fixture_lines(path: &str) -> Vec<Value> {
    fixture(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A home, and what the program said on stderr in it.
struct Field {
    home: Home,
    heard: Vec<u8>,
}

impl Field {
    fn new() -> Field {
        let home = Home::new();
        home.configure("[redact]\npatterns = [{ name = \"corporate\", regex = \"corp-[A-Za-z0-9]{8,}\" }]\n");
        fs::create_dir(home.path().join("given")).unwrap();
        Field { home, heard: Vec::new() }
    }

    /// Runs it where everything that may be logged is.
    fn feed(&mut self, words: &[&str], input: &[u8]) -> Said {
        let mut command = self.home.command(words);
        command.env("AI_CODER_EVENTS_LOG", "trace");
        let said = feed(command, input);
        self.heard.extend_from_slice(said.stderr.as_bytes());
        said
    }

    fn hook(&mut self, words: &[&str], payload: &[u8]) {
        let said = self.feed(&[&["hook"], words].concat(), payload);
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{words:?}");
    }

    /// Puts what a command is to read or print where it is not looked for.
    fn give(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join("given").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Everything that can be read back.
    fn told(&self) -> String {
        let told = |words: &[&str]| self.home.ok(words);
        ["list --json --limit 0", "rejected --json", "coders --json", "stats --json"]
            .map(|words| told(&words.split(' ').collect::<Vec<_>>()))
            .concat()
    }

    /// That each kind was really there, and is nowhere now.
    fn check(&self, what: &str, kinds: &[&str]) {
        let mut files = Vec::new();
        written(self.home.path(), &mut files);
        let told = self.told();
        let places = files.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap_or_default()));
        let places = places.chain([("stderr".to_owned(), self.heard.clone()), ("answers".to_owned(), told.clone().into_bytes())]);
        for (place, bytes) in places {
            for needle in CANARIES.iter().map(|(.., needle)| needle).chain(FURTHER) {
                let found = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
                if let Some(at) = found {
                    let around = &bytes[at.saturating_sub(300)..bytes.len().min(at + 40)];
                    panic!("{what}: {needle} is in {place}: {}", String::from_utf8_lossy(around));
                }
            }
        }
        for kind in kinds {
            assert!(told.contains(&format!("[redacted: {kind}]")), "{what}: no {kind} came through");
        }
    }
}

fn all_kinds() -> Vec<&'static str> {
    CANARIES.iter().map(|(kind, ..)| *kind).collect()
}

/// Files that the program wrote, or may have.
fn written(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("given") {
            continue;
        }
        if path.is_dir() { written(&path, found) } else { found.push(path) }
    }
}

#[test]
fn emitted_events() {
    let mut field = Field::new();
    let planted = planted();
    let set = |name: &str| format!("{name}={planted}");
    let said = field.feed(
        &[
            "emit",
            "milestone",
            "--coder",
            "c",
            "--name",
            &planted,
            "--set",
            &set("description"),
            "--set",
            &set("milestone"),
            "--set",
            &set("stage"),
            "--set",
            &set("text"),
            "--set",
            &set("note"),
            "--set",
            &format!("{planted}=1"),
            "--set",
            "password=7182818284590",
        ],
        b"",
    );
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let mut lines = vec![
        json!({"type": "failed", "coder_id": "c", "coder_name": planted, "source": planted, "error_message": planted,
            "reason": planted, "previous_status": planted, "data": {"a": [{"b": planted}], planted.clone(): planted,
            "password": 7_182_818_284_590_u64, "list": [planted, [planted]]}})
        .to_string(),
        json!({"type": "file_modified", "coder_id": "c", "file_path": planted, "content_hash": planted}).to_string(),
        json!({"type": "api_error", "coder_id": "c", "model": planted, "error_code": planted, "provider": planted}).to_string(),
    ];
    let accepted = lines.len();
    // JSON within JSON.
    lines.push(json!({"type": "output", "coder_id": "c", "text": json!({"env": planted}).to_string()}).to_string());
    lines.push(
        json!({"type": "output", "coder_id": "c", "text": json!({"a": json!({"env": planted}).to_string()}).to_string()})
            .to_string(),
    );
    for secret in CANARIES.iter().map(|(_, secret, _)| secret).chain([&planted.as_str()]) {
        let line = |mut object: Value, field: &str| {
            object[field] = (*secret).into();
            object.to_string()
        };
        let whole = json!({"type": "progress", "coder_id": "c", "description": secret});
        for field in ["type", "coder_id", "progress", "timestamp", "data"] {
            lines.push(line(whole.clone(), field));
        }
        lines.push(line(whole.clone(), "id"));
        lines.push(format!("{} is no JSON", secret.replace('\n', " ")));
        lines.push(format!("{{\"coder_id\":{},", json!(secret)));
        lines.push(json!([secret]).to_string());
        lines.push(json!({"type": "progress", "coder_id": "c", "progress": {(*secret): 1}}).to_string());
        for place in across(60) {
            lines.push(json!({"type": "progress", "coder_id": "c", "progress": place}).to_string());
        }
        field.feed(&["emit", "progress", "--coder", secret, "--set", "progress=0.5"], b"");
        field.feed(&["emit", secret, "--coder", "c"], b"");
        field.feed(&["emit", "progress", "--coder", "c", "--at", secret], b"");
        field.feed(&["list", "--coder", secret, "--since", secret], b"");
        field.feed(&["stats", "--coder", secret], b"");
    }
    // Where what is kept of an input is cut, and where what is looked at is.
    for end in [80, 500, 4_000, 4_096, 8_128, 8_192] {
        lines.extend(across(end));
        lines.extend(across(end).iter().map(|text| json!({"type": "nothing", "note": text}).to_string()));
    }
    let key = CANARIES[16].1.replace('\n', " ");
    lines.extend(
        across(8_128)
            .iter()
            .chain(&across(8_192))
            .map(|text| format!("{key} {}", text.split_at(key.len() + 1).1.trim_end_matches('\n'))),
    );
    let said = field.feed(&["emit", "-", "--json"], lines.join("\n").replace("\n-----", " -----").as_bytes());
    let receipts = said.stdout.lines().filter(|line| line.contains("\"seq\"")).count();
    assert!(receipts >= accepted, "{}", said.stdout);
    let refused = said.stdout.lines().filter(|line| line.contains("\"rejected\"")).count();
    assert!(refused > 300, "{refused}");
    field.heard.extend_from_slice(said.stdout.as_bytes());
    field.check("emit", &all_kinds());
}

const HOOKS: &[(&str, &[&str])] = &[
    (
        "claude-code",
        &["claude-code/main.jsonl", "claude-code/documented.jsonl", "claude-code/429.jsonl", "claude-code/subagent.jsonl"],
    ),
    ("codex", &["codex/main/hooks.jsonl"]),
    ("copilot", &["copilot/hooks.jsonl"]),
    ("cursor", &["cursor/hooks.jsonl"]),
    ("gemini", &["gemini/hooks.jsonl"]),
    ("opencode", &["opencode/main.jsonl"]),
];

/// An agent's payloads, each with the name of its hook where the payload does not say.
fn payloads(agent: &str, files: &[&str]) -> Vec<(Option<String>, Value)> {
    let unwrapped = |line: Value| match line.get("payload") {
        Some(payload) if agent == "copilot" => (line["event"].as_str().map(str::to_owned), payload.clone()),
        Some(payload) => (None, payload.clone()),
        None => (None, line),
    };
    files.iter().flat_map(|file| fixture_lines(file)).map(unwrapped).collect()
}

fn feed_hooks(field: &mut Field, each_at_most: usize) {
    for (agent, files) in HOOKS {
        for (event, payload) in payloads(agent, files).into_iter().take(each_at_most) {
            let words: Vec<&str> = [agent].into_iter().copied().chain(event.as_deref()).collect();
            field.hook(&words, poisoned(&payload, &planted()).to_string().as_bytes());
        }
    }
}

#[test]
fn hooks() {
    let mut field = Field::new();
    feed_hooks(&mut field, usize::MAX);
    for (agent, _) in HOOKS {
        let coders = field.home.json(&["coders"]);
        assert!(coders.iter().any(|coder| coder["coder_id"].as_str().unwrap().starts_with(agent)), "{agent}: {coders:?}");
    }
    let planted = planted();
    let start = json!({"session_id": "s1", "cwd": "/repo", "hook_event_name": "SessionStart", "source": "startup"});
    for (_, secret, _) in CANARIES {
        let mut wrong = start.clone();
        wrong["hook_event_name"] = (*secret).into();
        field.hook(&["claude-code"], wrong.to_string().as_bytes());
        let mut wrong = start.clone();
        wrong["session_id"] = (*secret).into();
        field.hook(&["claude-code"], wrong.to_string().as_bytes());
        field.hook(&["copilot", secret], br#"{"sessionId":"s"}"#);
        field.hook(&[secret], b"{}");
        let asked = json!({"session_id": "s1", "hook_event_name": "PreToolUse", "tool_name": secret, "tool_use_id": secret,
            "tool_input": {"command": secret, "file_path": secret}});
        field.hook(&["claude-code"], asked.to_string().as_bytes());
    }
    field.hook(&["claude-code"], planted.as_bytes());
    // What is cut before it is stored.
    for end in [60, 80, 120, 4_000] {
        for text in across(end) {
            let said =
                json!({"session_id": "s1", "hook_event_name": "MessageDisplay", "message_id": text, "index": 0, "delta": text});
            field.hook(&["claude-code"], said.to_string().as_bytes());
            let ran = json!({"session_id": "s1", "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "t",
                "tool_input": {"command": text}});
            field.hook(&["claude-code"], ran.to_string().as_bytes());
        }
    }
    for end in [4_096, 8_128, 8_192] {
        let huge = format!("{{\"a\":\"{}{}", across(end)[6], "x".repeat(17 << 20));
        field.hook(&["claude-code"], huge.as_bytes());
    }
    field.check("hooks", &all_kinds());
}

#[test]
fn spooled_hooks() {
    let mut field = Field::new();
    field.home.record(&[r#"{"type":"created","coder_id":"before"}"#]);
    let locked = Connection::open(field.home.history()).unwrap();
    locked.execute_batch("BEGIN EXCLUSIVE").unwrap();
    feed_hooks(&mut field, 4);
    field.hook(&["claude-code"], planted().as_bytes());
    let spooled = fs::read_dir(field.home.history().with_extension("spool")).unwrap().count();
    assert!(spooled > 10, "{spooled}");
    locked.execute_batch("ROLLBACK").unwrap();
    drop(locked);
    let mut files = Vec::new();
    written(field.home.path(), &mut files);
    assert!(files.iter().any(|path| path.extension().is_some_and(|it| it == "jsonl")), "{files:?}");
    assert!(!field.told().contains("claude-code:"), "all of it is in the spool");
    field.check("the spool", &[]);
    field.feed(&["check"], b"");
    field.check("what was spooled", &all_kinds());
}

#[test]
fn hooks_without_a_place_for_a_history() {
    let mut field = Field::new();
    fs::write(field.home.path().join("no-folder"), "a file").unwrap();
    let db = field.home.path().join("no-folder/history.db");
    for (event, payload) in payloads("claude-code", &["claude-code/main.jsonl"]) {
        assert_eq!(event, None);
        let payload = poisoned(&payload, &planted()).to_string();
        field.hook(&["claude-code", "--db", db.to_str().unwrap()], payload.as_bytes());
    }
    let mut spooled = Vec::new();
    written(&field.home.path().join("runtime"), &mut spooled);
    assert!(spooled.len() > 5, "{spooled:?}");
    let told: String = spooled.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(all_kinds().iter().all(|kind| told.contains(&format!("[redacted: {kind}]"))), "{told}");
    field.check("the runtime folder", &[]);
}

#[test]
#[cfg(unix)]
fn runs() {
    let mut field = Field::new();
    let planted = planted();
    let printed = field.give("printed", &planted);
    let printed = printed.to_str().unwrap();
    let stream: String =
        fixture_lines("claude-code/main.stream.jsonl").iter().map(|line| poisoned(line, &planted).to_string() + "\n").collect();
    let stream = field.give("stream", &stream);
    let run = |field: &mut Field, words: &[&str]| {
        // What the command prints is its own.
        let mut command = field.home.command(&[&["run"], words].concat());
        command.env("AI_CODER_EVENTS_LOG", "trace");
        feed(command, b"").code
    };
    assert_eq!(
        run(&mut field, &["--name", &planted, "--", "sh", "-c", "cat \"$1\"; cat \"$1\" >&2; exit 3", "sh", printed, &planted]),
        Some(3)
    );
    assert_eq!(run(&mut field, &["--", "cat", stream.to_str().unwrap()]), Some(0));
    assert_eq!(run(&mut field, &["--", &format!("./{}", CANARIES[7].1)]), Some(127));
    let said = field.feed(&["run", "--id", CANARIES[7].1, "--", "true"], b"");
    assert_eq!(said.code, Some(2), "an id is no place for a secret");
    // Where a command line, and a piece of output, is cut.
    for text in across(4_000) {
        run(&mut field, &["--", "true", &text]);
    }
    let pieces: Vec<String> = across(8_192).into_iter().chain(across(16_384)).collect();
    let key = format!(
        "{}-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        "a line\n".repeat(1160),
        "Qq9SecondLin0abcdefghijklmnopqrs\n".repeat(20)
    );
    for (no, text) in pieces.iter().chain([&key]).enumerate() {
        let path = field.give(&format!("piece-{no}"), text);
        run(&mut field, &["--", "cat", path.to_str().unwrap()]);
        run(&mut field, &["--", "sh", "-c", "cat \"$0\" >&2; exit 1", path.to_str().unwrap()]);
    }
    // A key that comes with a pause in it, one that is longer than a piece of output, and one longer than the last lines kept.
    let body = "Qq9SecondLin0abcdefghijklmnopqrs\n".repeat(1_000);
    let parts = [
        "before\n-----BEGIN RSA PRIV".to_owned(),
        "ATE KEY-----\nQq8PrivateKe0abcdef\n".to_owned(),
        format!("{body}-----END RSA PRIVATE KEY-----\nafter the pause\n"),
    ];
    let parts = [0, 1, 2].map(|no| field.give(&format!("part-{no}"), &parts[no]).display().to_string());
    let slowly = "cat \"$0\"; sleep 1.3; cat \"$1\"; sleep 0.8; cat \"$2\"";
    for script in [slowly.to_owned(), format!("exec >&2; {slowly}; exit 1")] {
        run(&mut field, &["--", "sh", "-c", &script, &parts[0], &parts[1], &parts[2]]);
    }
    // A folder and files that are called like secrets.
    let folder = field.home.path().join("given").join(format!("in-{}", CANARIES[7].1));
    fs::create_dir_all(&folder).unwrap();
    let mut command = field.home.command(&["run", "--", "sh", "-c", &format!("echo x > {}.txt; sleep 1", CANARIES[9].1)]);
    command.current_dir(&folder);
    assert_eq!(feed(command, b"").code, Some(0));
    let told = field.told();
    assert!(told.contains("\"source\":\"claude-code\"") && told.contains("\"source\":\"run\""), "{told}");
    assert!(told.contains("in-[redacted: github token]"), "the folder is told");
    let after = |event: &&Value| event.to_string().contains("after the pause");
    let events = field.home.json(&["list", "--limit", "0", "--detail", "full"]);
    assert_eq!(events.iter().filter(after).count(), 3, "two streams and an error message");
    field.check("runs", &all_kinds());
}

#[test]
fn imported_records() {
    let mut field = Field::new();
    let planted = planted();
    let records: &[(&str, &str, &str)] = &[
        ("claude-code", "claude-code/main.transcript.jsonl", "s1.jsonl"),
        (
            "codex",
            "codex/main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl",
            "rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl",
        ),
        ("copilot", "copilot/events.jsonl", "0bd2bb9c/events.jsonl"),
        ("gemini", "gemini/session.jsonl", "chats/session-2026-11-22T19-02-b7ae9ad1.jsonl"),
    ];
    for (agent, file, name) in records {
        let mut lines: Vec<String> = fixture_lines(file).iter().map(|line| poisoned(line, &planted).to_string()).collect();
        lines.push(format!("{} is no JSON", planted.replace('\n', " ")));
        lines.extend([4_096, 8_128, 8_192].into_iter().flat_map(across));
        let path = field.give(&format!("{agent}/{name}"), &(lines.join("\n") + "\n"));
        let said = field.feed(&["import", agent, path.to_str().unwrap(), "--json"], b"");
        assert_eq!(said.code, Some(0), "{agent}: {}", said.stderr);
        let summary: Value = serde_json::from_str(said.stdout.trim()).unwrap();
        assert!(summary["new"].as_u64().unwrap() > 3 && summary["rejected"].as_u64().unwrap() > 20, "{agent}: {summary}");
        field.feed(&["import", agent, CANARIES[7].1], b"");
    }
    field.check("import", &all_kinds());
}

#[test]
fn collected_telemetry() {
    let mut field = Field::new();
    let mut command = field.home.command(&["collect", "--listen", "127.0.0.1:0"]);
    command.env("AI_CODER_EVENTS_LOG", "trace");
    let mut child = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    let mut heard = String::new();
    let address = loop {
        let start = heard.len();
        assert_ne!(stderr.read_line(&mut heard).unwrap(), 0, "{heard}");
        if let Some((_, address)) = heard[start..].split_once("collecting OTLP at http://") {
            break address.trim().to_owned();
        }
    };
    let listening = thread::spawn(move || {
        let mut rest = Vec::new();
        stderr.read_to_end(&mut rest).unwrap();
        rest
    });
    let post = |path: &str, kind: &str, body: &[u8], more: &str| -> Vec<u8> {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\n{more}\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    };
    let planted = planted();
    let exports = [
        ("/v1/logs", "otlp/claude-code-logs.json"),
        ("/v1/logs", "otlp/codex-logs.json"),
        ("/v1/logs", "otlp/gemini-logs.json"),
        ("/v1/traces", "otlp/copilot-traces.json"),
        ("/v1/traces", "genai/traces.json"),
        ("/v1/metrics", "otlp/claude-code-metrics.json"),
    ];
    for (path, file) in exports {
        let export: Value = serde_json::from_str(&fixture(file)).unwrap();
        let answer = post(path, "json", poisoned(&export, &planted).to_string().as_bytes(), "");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{file}: {}", String::from_utf8_lossy(&answer));
    }
    let one_line = planted.replace('\n', " ");
    for (kind, body) in [("json", &planted), ("x-protobuf", &planted), (one_line.replace('\u{1b}', "").as_str(), &planted)] {
        let answer = post(
            "/v1/logs",
            kind,
            body.as_bytes(),
            &format!("X-Api-Key: {}\r\nAuthorization: Bearer {}\r\n", CANARIES[0].1, CANARIES[7].1),
        );
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        field.heard.extend(answer);
    }
    for text in [4_096, 8_128, 8_192].into_iter().flat_map(across) {
        post("/v1/logs", "json", text.as_bytes(), "");
    }
    // A service, a name and an attribute that are secrets.
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    for (_, secret, _) in CANARIES {
        let export = json!({"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "claude-code"), attribute(secret, secret)]},
        "scopeLogs": [{"logRecords": [
            {"timeUnixNano": "1795375375455758356", "body": {"stringValue": secret}, "attributes": [attribute("event.name", secret), attribute("session.id", secret)]},
            {"timeUnixNano": "1795375375455758356", "attributes": [attribute("event.name", "api_request"), attribute("session.id", secret)]},
            {"timeUnixNano": "1795375375455758356", "attributes": [attribute("event.name", "api_error"), attribute("session.id", "s1"), attribute("error", secret), attribute("model", secret)]},
        ]}]}]});
        field.heard.extend(post("/v1/logs", "json", export.to_string().as_bytes(), ""));
        let spans = json!({"resourceSpans": [{"resource": {"attributes": [attribute("service.name", secret)]}, "scopeSpans": [{"spans": [
            {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": secret, "startTimeUnixNano": "1795375375455758356",
             "endTimeUnixNano": "1795375375555758356", "status": {"code": 2, "message": secret},
             "attributes": [attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.request.model", secret), attribute("gen_ai.provider.name", secret)]}]}]}]});
        field.heard.extend(post("/v1/traces", "json", spans.to_string().as_bytes(), ""));
    }
    drop(child);
    field.heard.extend(heard.into_bytes());
    field.heard.extend(listening.join().unwrap());
    let told = field.told();
    assert!(told.contains("claude-code:") && told.contains("\"ai_coder_api_error\""), "{told}");
    field.check("collect", &all_kinds());
}

#[test]
fn mcp_calls() {
    let mut field = Field::new();
    let planted = planted();
    let calls = AtomicUsize::new(10);
    let request = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": calls.fetch_add(1, Ordering::Relaxed), "method": method, "params": params}).to_string()
    };
    let call = |tool: &str, arguments: Value| request("tools/call", json!({"name": tool, "arguments": arguments}));
    let mut lines = vec![
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": planted, "version": "1"}}}).to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        call("emit_ai_coder_event", json!({"type": "progress", "coder_id": "m", "coder_name": planted, "description": planted, "stage": planted, "data": {"a": {"b": planted, "password": 7_182_818_284_590_u64}, planted.clone(): 1}})),
    ];
    for secret in CANARIES.iter().map(|(_, secret, _)| *secret).chain([planted.as_str()]) {
        for field in ["type", "coder_id", "progress", "timestamp", "data", "id"] {
            let mut event = json!({"type": "progress", "coder_id": "m", "description": secret});
            event[field] = secret.into();
            lines.push(call("emit_ai_coder_event", event));
        }
        for tool in ["list_ai_coder_events", "get_ai_coder_stats", "subscribe_coder", "list_ai_coders"] {
            for argument in ["coder_id", "cursor", "since", "until", "event_types", "status", "limit", "detail"] {
                lines.push(call(tool, json!({argument: secret})));
            }
            lines.push(call(tool, json!({secret: 1})));
        }
        lines.push(call(secret, json!({})));
        lines.push(request("prompts/get", json!({"name": secret})));
        lines.push(request("prompts/get", json!({"name": "diagnose_coder", "arguments": {"coder_id": secret}})));
        lines.push(request("resources/read", json!({"uri": secret})));
        lines.push(request("resources/subscribe", json!({"uri": format!("aicoder://coders/{secret}")})));
        lines.push(request(secret, json!({"x": secret})));
        lines.push(request("tools/call", json!({"name": ["x"], "arguments": secret})));
        lines.push(secret.replace('\n', " "));
    }
    for text in across(60) {
        lines.push(call("emit_ai_coder_event", json!({"type": "progress", "coder_id": "m", "progress": text})));
    }
    let said = field.feed(&["serve"], (lines.join("\n") + "\n").as_bytes());
    let answers = said.stdout.lines().count();
    assert!(answers > 500, "{answers}");
    assert!(said.stdout.lines().any(|line| line.contains("\"duplicate\":false")), "an event was recorded");
    assert!(said.stderr.contains("TRACE") && said.stderr.contains("DEBUG"), "everything is logged");
    // What a client sent comes back to nobody else, but some keep what they are answered. A user's own pattern is not known
    // to the messages.
    field.heard.extend(said.stdout.replace("corp-Qx6OwnPattern0", "").into_bytes());
    field.check("mcp", &all_kinds());
}
