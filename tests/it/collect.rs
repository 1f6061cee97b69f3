//! `collect`: what agents export over HTTP, every answer of it, and how it ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message;
use serde_json::Value;

use crate::home::{Home, Running};

const LOGS: &str = include_str!("../fixtures/otlp/claude-code-logs.json");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

/// A running receiver.
struct Collector {
    process: Running,
    address: String,
}

struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Collector {
    fn start(home: &Home, words: &[&str]) -> Collector {
        Collector::of(home.command(&[&["collect", "--listen", "127.0.0.1:0"], words].concat()))
    }

    fn of(mut command: Command) -> Collector {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Running(child);
        let mut stderr = BufReader::new(process.0.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("collecting OTLP at http://").unwrap_or_else(|| panic!("{line}")).to_owned();
        // What it logs must go somewhere.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Collector { process, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(&self.request(method, path, headers, body)).unwrap();
        Answer::of(&mut stream)
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask("POST", path, headers, body)
    }

    /// A header that is given goes before what is sent anyway.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let length = body.len().to_string();
        for (name, value) in [("Host", self.address.as_str()), ("Content-Length", &length)] {
            if !headers.iter().any(|(given, _)| *given == name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        [head.as_bytes(), b"\r\n", body].concat()
    }

    fn interrupt(&mut self) -> Option<i32> {
        let process = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
        self.process.0.wait().unwrap().code()
    }
}

impl Answer {
    fn of(stream: &mut TcpStream) -> Answer {
        let mut bytes = Vec::new();
        // Where much of the body was not read, the connection ends with a reset behind the answer.
        let read = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("{read:?}"));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(bytes).unwrap();
    packing.finish().unwrap()
}

/// One log of a service that is no agent.
fn protobuf_logs() -> Vec<u8> {
    let name = KeyValue {
        key: "service.name".into(),
        value: Some(AnyValue { value: Some(Any::StringValue("demo".into())) }),
        ..KeyValue::default()
    };
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records: vec![LogRecord::default()], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

#[test]
fn every_request_has_its_answer() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let post = |path: &str, headers: &[(&str, &str)], body: &[u8]| collector.post(path, headers, body).status;
    for path in ["/v1/logs", "/v1/metrics", "/v1/traces"] {
        let answer = collector.post(path, &[JSON], b"{}");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]), "{path}");
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        let answer = collector.post(path, &[PROTOBUF], b"");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b""[..]), "{path}");
        assert!(answer.head.contains("content-type: application/x-protobuf"), "{}", answer.head);
    }
    let gzip = ("Content-Encoding", "gzip");
    assert_eq!(post("/v1/logs", &[PROTOBUF], &protobuf_logs()), 200);
    assert_eq!(post("/v1/logs", &[PROTOBUF, gzip], &zip(&protobuf_logs())), 200);
    assert_eq!(post("/v1/logs", &[("Content-Type", "application/json; charset=utf-8"), gzip], &zip(b"{}")), 200);

    assert_eq!(post("/v1/logs", &[JSON], b"{\"resourceLogs\":"), 400);
    assert_eq!(post("/v1/logs", &[JSON], b"[]"), 400);
    assert_eq!(post("/v1/logs", &[PROTOBUF], b"\xff\xff\xff"), 400);
    assert_eq!(post("/v1/logs", &[JSON, gzip], b"{}"), 400);
    assert_eq!(post("/v1/logs", &[("Content-Type", "text/plain")], b"{}"), 415);
    assert_eq!(post("/v1/logs", &[], b"{}"), 415);
    assert_eq!(post("/v1/logs", &[JSON, ("Content-Encoding", "zstd")], b"{}"), 415);
    assert_eq!(post("/v1/logs", &[JSON, ("Content-Length", "16777217")], b""), 413);
    assert_eq!(post("/v1/logs", &[JSON, gzip], &zip(&vec![b' '; (16 << 20) + 1])), 413);
    assert_eq!(post("/v1/other", &[JSON], b"{}"), 404);
    assert_eq!(collector.ask("GET", "/v1/logs", &[], b"").status, 405);

    assert_eq!(post("/v1/logs", &[JSON, ("Host", "example.com")], b"{}"), 403);
    assert_eq!(post("/v1/logs", &[JSON, ("Origin", "https://example.com")], b"{}"), 403);
    assert_eq!(post("/v1/logs", &[JSON, ("Origin", "http://localhost:8080"), ("Host", "localhost:1")], b"{}"), 200);

    let refused = collector.post("/v1/logs", &[PROTOBUF], b"\xff\xff\xff");
    assert!(refused.head.contains("application/x-protobuf"), "what failed is told in the request's encoding");
    assert_eq!(refused.body[..2], [0x08, 3], "as a google.rpc.Status: invalid argument");
}

#[test]
fn what_is_refused_for_good_is_kept() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let answer = collector.post("/v1/logs", &[JSON], b"{broken");
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)));
    let kept = home.json(&["rejected"]);
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((&kept["source"], &kept["input"]), (&"collect".into(), &"{broken".into()));
    assert!(kept["reason"].as_str().unwrap().starts_with("the body is not JSON: "), "{kept}");
}

#[test]
fn where_it_is_full_the_exporter_is_told_when_to_come_again() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let halves: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = collector.connect();
            let request =
                collector.request("POST", "/v1/logs", &[JSON, ("Content-Length", "2"), ("Expect", "100-continue")], b"");
            stream.write_all(&request).unwrap();
            // It asks for the body once the request has its place.
            let mut asked = [0; 12];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(&asked, b"HTTP/1.1 100");
            stream
        })
        .collect();
    let answer = collector.post("/v1/logs", &[JSON], b"{}");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    for mut stream in halves {
        stream.write_all(b"{}").unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("HTTP/1.1 200"), "{rest}");
    }
    assert_eq!(collector.post("/v1/logs", &[JSON], b"{}").status, 200);
}

#[test]
fn a_history_that_cannot_be_written_loses_nothing() {
    let home = Home::new();
    let folder = home.path().join("no-folder");
    std::fs::write(&folder, "a file").unwrap();
    let collector = Collector::start(&home, &["--db", folder.join("history.db").to_str().unwrap()]);
    let answer = collector.post("/v1/logs", &[JSON], b"{broken");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
}

#[test]
fn other_machines_need_the_token() {
    let home = Home::new();
    let said = home.run(&["collect", "--listen", "0.0.0.0:0"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("AI_CODER_EVENTS_TOKEN"), "{}", said.stderr);

    let file = home.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let collector = Collector::start(&home, &["--token-file", file.to_str().unwrap()]);
    let post = |headers: &[(&str, &str)]| collector.post("/v1/logs", &[&[JSON], headers].concat(), b"{}").status;
    assert_eq!(post(&[("Authorization", "Bearer s3cret")]), 200);
    assert_eq!(post(&[("Authorization", "Bearer other")]), 401);
    assert_eq!(post(&[]), 401);

    let mut open = home.command(&["collect", "--listen", "0.0.0.0:0"]);
    open.env("AI_CODER_EVENTS_TOKEN", "s3cret");
    let mut open = Collector::of(open);
    open.address = open.address.replace("0.0.0.0", "127.0.0.1");
    let headers = [JSON, ("Host", "history.example.com"), ("Authorization", "Bearer s3cret")];
    assert_eq!(open.post("/v1/logs", &headers, b"{}").status, 200);
    assert_eq!(open.post("/v1/logs", &headers[..2], b"{}").status, 401);
}

#[test]
fn a_taken_port_is_an_error_and_beside_the_server_a_warning() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let said = home.run(&["collect", "--listen", &collector.address]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains(&format!("failed to listen on `{}`", collector.address)), "{}", said.stderr);

    let said = home.run(&["serve", "--collect", &collector.address]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""));
    assert!(said.stderr.contains("not collecting"), "{}", said.stderr);
    assert_eq!(home.run(&["serve", "--collect", "0.0.0.0:0"]).code, Some(2));
    assert_eq!(home.run(&["serve", "--collect", "127.0.0.1:0", "--read-only"]).code, Some(2));
}

/// The agent whose server had the port quits first.
#[test]
fn a_server_takes_the_port_that_became_free() {
    let home = Home::new();
    let Collector { process, address } = Collector::start(&home, &[]);
    let mut command = home.command(&["serve", "--collect", &address]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut collector = Collector { process: Running(child), address };
    let mut line = String::new();
    BufReader::new(collector.process.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("not collecting until"), "{line}");
    drop(process);
    let begun = std::time::Instant::now();
    while TcpStream::connect(&collector.address).is_err() {
        assert!(begun.elapsed().as_secs() < 20, "nobody took it");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(collector.post("/v1/logs", &[JSON], b"{}").status, 200);
    drop(collector.process.0.stdin.take());
    assert_eq!(collector.process.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_server_collects_until_its_client_goes() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--collect", "127.0.0.1:0"]);
    let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let stdin = child.0.stdin.take().unwrap();
    let mut line = String::new();
    BufReader::new(child.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit('/').next().unwrap().to_owned();
    let mut collector = Collector { process: child, address };
    assert_eq!(collector.post("/v1/logs", &[JSON], b"{}").status, 200);
    drop(stdin);
    assert_eq!(collector.process.0.wait().unwrap().code(), Some(0));
}

#[test]
fn ctrl_c_ends_it_after_the_request_in_work() {
    let home = Home::new();
    let mut collector = Collector::start(&home, &[]);
    let mut half = collector.connect();
    let headers = [JSON, ("Content-Length", "7"), ("Expect", "100-continue")];
    half.write_all(&collector.request("POST", "/v1/logs", &headers, b"")).unwrap();
    let mut asked = [0; 12];
    half.read_exact(&mut asked).unwrap();
    let process = collector.process.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    half.write_all(b"{broken").unwrap();
    let mut rest = String::new();
    half.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 400"), "{rest}");
    assert_eq!(collector.process.0.wait().unwrap().code(), Some(130));
    assert_eq!(home.json(&["rejected"]).len(), 1, "what was answered is in the history");
    assert_eq!(Collector::start(&home, &[]).interrupt(), Some(130));
}

/// What Claude Code says of its calls lands as events, in both encodings, once.
#[test]
fn api_calls_are_recorded_once() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    assert_eq!(collector.post("/v1/logs", &[JSON], LOGS.as_bytes()).status, 200);
    assert_eq!(collector.post("/v1/logs", &[JSON, ("Content-Encoding", "gzip")], &zip(LOGS.as_bytes())).status, 200);
    let calls = home.json(&["list", "--type", "api_call", "--order", "oldest"]);
    let [first, second] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(first["coder_id"], "claude-code:bc3dcad7-a00c-4e95-b2f3-4393269863a1");
    assert_eq!((&first["timestamp"], &first["model"]), (&"2026-11-22T19:22:55.701000Z".into(), &"claude-opus-5-5".into()));
    for (field, value) in
        [("input_tokens", 1200), ("output_tokens", 42), ("cache_read_tokens", 5000), ("cache_write_tokens", 300)]
    {
        assert_eq!(first[field], value, "{field}: {first}");
    }
    assert_ne!(first["id"], second["id"]);
}

/// One record without a session beside one that has its own: the good one is taken, the other is told and kept.
#[test]
fn what_cannot_be_understood_of_an_export_is_told() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let mut logs: Value = serde_json::from_str(LOGS).unwrap();
    let attributes = &mut logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"];
    attributes.as_array_mut().unwrap().retain(|attribute| attribute["key"] != "session.id");
    let answer = collector.post("/v1/logs", &[JSON], logs.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "1");
    assert!(answer.json()["partialSuccess"]["errorMessage"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(home.json(&["list", "--type", "api_call"]).len(), 1);
    assert_eq!(home.json(&["rejected"])[0]["source"], "claude-code");
    let none = ExportLogsServiceResponse { partial_success: None }.encode_to_vec();
    assert_eq!(collector.post("/v1/logs", &[PROTOBUF], &protobuf_logs()).body, none, "no agent's is no rejection");
}

/// The most memory that a process has had, in MiB.
#[cfg(target_os = "linux")]
fn most_memory_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Bodies that are many times their size once they are read: each has a name.
#[cfg(target_os = "linux")]
fn bombs() -> Vec<(&'static str, (&'static str, &'static str), Vec<u8>)> {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Any::StringValue(value.into())) }),
        ..KeyValue::default()
    };
    let export = |resource: Vec<KeyValue>, log_records: Vec<LogRecord>| {
        let resource = Some(Resource { attributes: resource, ..Resource::default() });
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    };
    let json = |resource: &str, records: &str| {
        format!(r#"{{"resourceLogs":[{{"resource":{{"attributes":[{resource}]}},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)
            .into_bytes()
    };
    let long = "x".repeat(1 << 20);
    let named = r#"{"key":"service.name","value":{"stringValue":"claude-code"}}"#;
    let long_json = format!(r#"{named},{{"key":"a","value":{{"stringValue":"{long}"}}}}"#);
    let many = vec![LogRecord::default(); 10_000];
    let wide = format!(r#"{{"attributes":[{}{named}]}}"#, "{},".repeat(2_000_000));
    let deep = format!(
        r#"{{"body":{}{}}}"#,
        r#"{"kvlistValue":{"values":[{"value":"#.repeat(100_000),
        ["1", &"}]}}".repeat(100_000)].concat()
    );
    vec![
        ("a long attribute of many records, JSON", JSON, json(&long_json, &vec!["{}"; 10_000].join(","))),
        ("the same, protobuf", PROTOBUF, export(vec![attribute("service.name", "claude-code"), attribute("a", &long)], many)),
        ("many records, JSON", JSON, json(named, &vec!["{}"; 100_000].join(","))),
        (
            "many records, protobuf",
            PROTOBUF,
            export(vec![attribute("service.name", "codex")], vec![LogRecord::default(); 100_000]),
        ),
        ("a wide record", JSON, json(named, &wide)),
        ("a deep record", JSON, json(named, &deep)),
        ("a wide resource", JSON, json("{},".repeat(2_000_000).trim_end_matches(','), "{}")),
    ]
}

/// The status of an export; who is turned away while it still writes may not hear why.
#[cfg(target_os = "linux")]
fn offer(collector: &Collector, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let mut stream = collector.connect();
    drop(stream.write_all(&collector.request("POST", "/v1/logs", headers, body)));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).split(' ').nth(1).map_or(503, |status| status.parse().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn bodies_take_no_more_memory_than_they_may_whatever_they_hold() {
    const MEMORY_MB: u64 = 25 + 64;
    let home = Home::new();
    let gzip = ("Content-Encoding", "gzip");
    for (name, encoding, body) in bombs() {
        let collector = Collector::start(&home, &[]);
        let packed = zip(&body);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let posts: Vec<_> = (0..8)
                .map(|nth| {
                    let (collector, body, packed) = (&collector, &body, &packed);
                    scope.spawn(move || match nth % 2 {
                        0 => offer(collector, &[encoding, gzip], packed),
                        _ => offer(collector, &[encoding], body),
                    })
                })
                .collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect()
        });
        assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 503].contains(status)), "{name}: {statuses:?}");
        let most = most_memory_mb(collector.process.0.id());
        assert!(most <= MEMORY_MB, "{name}: {most} MiB");
    }
}
