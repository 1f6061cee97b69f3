//! Every kind of secret that `planted/kinds.txt` lists, through every way into a history: none is in any byte of its files.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    home::{Home, Running},
    planted::{self, Planted},
};

/// As many as issue reports planted, and more.
const KINDS_MIN: usize = 195;
/// So many are in one text; a key without its end takes what follows, so it comes last.
const TOGETHER: usize = 8;
/// What the fixtures' person asked for, and what an agent ran that tells no prompts: in their place the secrets stand.
const ASKED: [&str; 2] = ["please write hello.txt", "rm hello.txt && ls -la"];

struct Way {
    home: Home,
    kinds: Vec<Planted>,
}

impl Way {
    fn new(seed: u64) -> Way {
        let kinds = planted::all(seed);
        assert!(kinds.len() >= KINDS_MIN, "{}", kinds.len());
        let home = Home::new();
        fs::create_dir(home.path().join("given")).unwrap();
        Way { home, kinds }
    }

    /// Texts that hold them all.
    fn texts(&self) -> Vec<String> {
        let (alone, together): (Vec<&Planted>, Vec<&Planted>) = self.kinds.iter().partition(|it| it.name.contains("without end"));
        let joined = |some: &[&Planted]| some.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n\n");
        together.chunks(TOGETHER).map(joined).chain(alone.iter().map(|it| it.text.clone())).collect()
    }

    fn give(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join("given").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// That as many came through as there are texts, and nothing is left of any.
    fn check(&self, way: &str, marks_min: usize) {
        let told = self.home.ok(&["list", "--json", "--limit", "0"]) + &self.home.ok(&["rejected", "--json"]);
        let marks = told.matches("[redacted: ").count();
        assert!(marks >= marks_min, "{way}: {marks} marks, {marks_min} expected");
        let mut files = Vec::new();
        written(self.home.path(), &mut files);
        let places = files.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap_or_default()));
        let mut kept = Vec::new();
        for (place, bytes) in places.chain([("answers".to_owned(), told.into_bytes())]) {
            let text = String::from_utf8_lossy(&bytes);
            let left = |it: &&Planted| it.secrets.iter().any(|secret| text.contains(secret.as_str()));
            kept.extend(self.kinds.iter().filter(left).map(|it| format!("{} in {place}", it.name)));
        }
        assert!(kept.is_empty(), "{way}: {kept:#?}");
    }
}

fn written(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            _ if path.ends_with("given") => {}
            true => written(&path, found),
            false => found.push(path),
        }
    }
}

/// The texts of `value` that say what was asked say `text`; what makes it one and the same is another one with each `no`.
fn asked(value: &Value, text: &str, no: usize) -> Value {
    const IDS: [&str; 8] = ["callID", "prompt_id", "turn_id", "generation_id", "messageID", "id", "uuid", "message_id"];
    match value {
        Value::Object(object) => {
            let changed = |(name, value): (&String, &Value)| {
                let value = match value {
                    Value::String(id) if IDS.contains(&name.as_str()) => Value::from(format!("{id}{no}")),
                    Value::Number(time) if name == "timestamp" => {
                        Value::from(time.as_u64().unwrap_or_default() + no as u64 * 60_000)
                    }
                    value => asked(value, text, no),
                };
                (name.clone(), value)
            };
            object.iter().map(changed).collect()
        }
        Value::Array(items) => items.iter().map(|item| asked(item, text, no)).collect(),
        Value::String(said) if said.contains(ASKED[0]) => said.replace(ASKED[0], text).into(),
        Value::String(said) if said == ASKED[1] => text.into(),
        plain => plain.clone(),
    }
}

fn fixture_lines(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn no_secret_is_kept_that_is_emitted() {
    let way = Way::new(1);
    let sets: Vec<String> = way.kinds.iter().enumerate().map(|(no, it)| format!("note{no}={}", it.text)).collect();
    for some in sets.chunks(60) {
        let set = some.iter().flat_map(|it| ["--set", it.as_str()]);
        way.home.ok(&["emit", "progress", "--coder", "c", "--set", "progress=0.5"].into_iter().chain(set).collect::<Vec<_>>());
    }
    way.check("emit", way.kinds.len());

    let way = Way::new(2);
    let mut lines = Vec::new();
    for it in &way.kinds {
        // In a text, in a field of one line, deep within data, as JSON within JSON, and in what cannot be read.
        lines.push(json!({"type": "output", "coder_id": "c", "text": it.text}));
        lines.push(json!({"type": "progress", "coder_id": "c", "progress": 0.5, "description": it.text, "data": {"a": [{"b": it.text}]}}));
        lines.push(json!({"type": "output", "coder_id": "c", "text": json!({"out": it.text}).to_string()}));
        lines.push(json!({"type": "nothing", "coder_id": "c", "note": it.text}));
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let said = way.home.feed(&["emit", "-"], lines.join("\n").as_bytes());
    assert_eq!(said.code, Some(1), "the lines of no type are refused: {}", said.stderr);
    way.check("emit -", 4 * way.kinds.len());
}

#[test]
fn no_secret_is_kept_that_a_hook_tells() {
    let agents = [
        ("claude-code", "claude-code/main.jsonl"),
        ("codex", "codex/main/hooks.jsonl"),
        ("copilot", "copilot/hooks.jsonl"),
        ("cursor", "cursor/hooks.jsonl"),
        ("gemini", "gemini/hooks.jsonl"),
        ("opencode", "opencode/main.jsonl"),
    ];
    for (seed, (agent, file)) in agents.into_iter().enumerate() {
        let way = Way::new(10 + seed as u64);
        let lines = fixture_lines(file);
        let asked_for = ASKED[usize::from(matches!(agent, "copilot" | "opencode"))];
        let first = lines.iter().position(|line| line.to_string().contains(asked_for)).unwrap();
        let tell = |line: &Value| {
            let payload = line.get("payload").unwrap_or(line);
            let event = line["event"].as_str().filter(|_| agent == "copilot");
            let words: Vec<&str> = ["hook", agent].into_iter().chain(event).collect();
            assert_eq!(way.home.feed(&words, payload.to_string().as_bytes()).code, Some(0));
        };
        lines[..first].iter().take(4).for_each(tell);
        way.texts().iter().enumerate().for_each(|(no, text)| tell(&asked(&lines[first], text, no)));
        // A prompt is cut, and what an agent says twice within ten seconds is one.
        way.check(agent, way.texts().len() / 3);
    }
}

#[test]
fn no_secret_is_kept_that_is_imported() {
    let records = [
        ("claude-code", "claude-code/main.transcript.jsonl", "s1.jsonl"),
        (
            "codex",
            "codex/main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl",
            "rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a.jsonl",
        ),
        ("copilot", "copilot/events.jsonl", "0bd2bb9c/events.jsonl"),
        ("gemini", "gemini/session.jsonl", "chats/session-2026-11-22T19-02-b7ae9ad1.jsonl"),
    ];
    for (seed, (agent, file, name)) in records.into_iter().enumerate() {
        let way = Way::new(20 + seed as u64);
        let lines = fixture_lines(file);
        let first = lines.iter().position(|line| line.to_string().contains(ASKED[0])).unwrap();
        let texts = way.texts();
        let more =
            texts.iter().enumerate().flat_map(|(no, text)| [asked(&lines[first], text, no).to_string(), text.replace('\n', " ")]);
        let record: Vec<String> = lines[..first].iter().map(Value::to_string).chain(more).collect();
        let path = way.give(&format!("{agent}/{name}"), &(record.join("\n") + "\n"));
        way.home.ok(&["import", agent, path.to_str().unwrap()]);
        way.check(agent, texts.len());
    }
}

#[test]
#[cfg(unix)]
fn no_secret_is_kept_that_a_run_prints_or_is_told() {
    let way = Way::new(30);
    for (no, text) in way.texts().iter().enumerate() {
        let path = way.give(&format!("printed-{no}"), text);
        let path = path.to_str().unwrap();
        let said = way.home.run(&["run", "--name", text, "--", "sh", "-c", "cat \"$0\"; cat \"$0\" >&2; exit 3", path, text]);
        assert_eq!(said.code, Some(3));
    }
    way.check("run", 3 * way.texts().len());
}

#[test]
fn no_secret_is_kept_that_a_model_emits() {
    let way = Way::new(40);
    let call = |no: usize, arguments: Value| {
        let params = json!({"name": "emit_ai_coder_event", "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": no + 10, "method": "tools/call", "params": params}).to_string()
    };
    let mut lines = vec![
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}).to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
    ];
    for (no, it) in way.kinds.iter().enumerate() {
        let event = json!({"type": "progress", "coder_id": "m", "description": it.text, "data": {"a": {"b": it.text}}});
        lines.push(call(2 * no, event));
        lines.push(call(2 * no + 1, json!({"type": it.text, "coder_id": "m"})));
    }
    way.home.feed(&["serve"], (lines.join("\n") + "\n").as_bytes());
    way.check("mcp", 2 * way.kinds.len());
}

#[test]
fn no_secret_is_kept_that_is_exported() {
    let way = Way::new(50);
    let mut command = way.home.command(&["collect", "--listen", "127.0.0.1:0"]);
    let mut child = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    let mut heard = String::new();
    stderr.read_line(&mut heard).unwrap();
    let address = heard.trim_end().strip_prefix("collecting OTLP at http://").unwrap().to_owned();
    let post = |kind: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /v1/logs HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    };
    for (no, text) in way.texts().iter().enumerate() {
        for (kind, name) in
            [("json", "user_prompt"), ("x-protobuf", "user_prompt"), ("json", "api_error"), ("x-protobuf", "api_error")]
        {
            let id = format!("{no}-{kind}");
            let attributes = [
                ("event.name", name),
                ("session.id", "s1"),
                ("prompt", text),
                ("prompt.id", &id),
                ("error", text),
                ("model", "m"),
            ];
            let time = 1_795_375_375_455_758_356_u64 + no as u64 * 60_000_000_000;
            match kind {
                "json" => {
                    let json = |(key, value): &(&str, &str)| json!({"key": key, "value": {"stringValue": value}});
                    let attributes: Vec<Value> = attributes.iter().map(json).collect();
                    let export = json!({"resourceLogs": [{"resource": {"attributes": [json(&("service.name", "claude-code"))]},
                        "scopeLogs": [{"logRecords": [{"timeUnixNano": time.to_string(), "attributes": attributes}]}]}]});
                    post(kind, export.to_string().as_bytes());
                }
                _ => post(kind, &protobuf(time, &attributes)),
            }
        }
    }
    drop(child);
    // The same prompt by both, once each; an error by each.
    way.check("collect", 2 * way.texts().len());
}

fn protobuf(time_unix_nano: u64, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(Any::StringValue((*value).to_owned())) }),
        ..KeyValue::default()
    };
    let resource = Some(Resource { attributes: vec![attribute(&("service.name", "claude-code"))], ..Resource::default() });
    let record = LogRecord { time_unix_nano, attributes: attributes.iter().map(attribute).collect(), ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}
