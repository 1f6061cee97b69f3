//! Lines of a client, into the real server. The first byte says whether the server may write.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use ai_coder_events::{
    bus::Bus,
    event::Draft,
    history::{Clock, Entry, Options},
    mcp::{ServeOptions, serve_streams},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};

use super::accepted;

/// A server ends within milliseconds once input has; rmcp alone would wait seconds for those who wait.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// Of two requests in work under one id rmcp loses sight: then only the server's own farewell ends a listening one.
const ENDED_WITHIN_AT_MISUSE: Duration = Duration::from_secs(20);
/// A history that grew larger than this is replaced: the same input shall find about the same history.
const EVENTS_MAX: u64 = 100;

pub fn check(input: &[u8]) {
    let Some((&kind, lines)) = input.split_first() else { return };
    let read_only = kind & 1 == 0;
    let (asked, odd) = asked(lines);
    let misused = odd || asked.values().any(|&times| times > 1);
    let within = if misused { ENDED_WITHIN_AT_MISUSE } else { ENDED_WITHIN };
    let written = DESK.with_borrow_mut(|desk| desk.get_or_insert_with(Desk::new).converse(lines, read_only, within));
    if let Some(worn) = DESK.with_borrow_mut(|desk| desk.take_if(|desk| desk.is_worn())) {
        worn.runtime.block_on(worn.bus.shutdown());
    }
    let written = std::str::from_utf8(&written).expect("the server writes UTF-8");
    assert!(written.is_empty() || written.ends_with('\n'), "a line without end: {written}");
    let answers: Vec<Value> = written.lines().map(message).collect();
    is_answered(&asked, odd, contains(lines, b"cancelled"), &answers);
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// A small history and what serves it.
struct Desk {
    runtime: Runtime,
    bus: Bus,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { clock: Clock::new(accepted::now), ..Options::new(folder.path().join("history.db")) };
        let bus = Bus::new(options);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let drafts =
            include_str!("../../tests/fixtures/go-events.jsonl").lines().map(|line| Draft::parse(line).expect("an event"));
        runtime.block_on(bus.publish(drafts.map(Entry::from).collect())).expect("published");
        Desk { runtime, bus, _folder: folder }
    }

    fn is_worn(&self) -> bool {
        let position = self.runtime.block_on(self.bus.read(|reader| reader.position())).expect("the history is read");
        position.head > EVENTS_MAX
    }

    /// Everything that the server writes to a client that sends `lines` and reads on.
    fn converse(&self, lines: &[u8], read_only: bool, within: Duration) -> Vec<u8> {
        let (client, server) = tokio::io::duplex(1 << 20);
        let (mut reading, mut writing) = tokio::io::split(client);
        let (input, output) = tokio::io::split(server);
        let talk = async {
            let send = async {
                // A server that has gone reads no more; what it wrote until then is judged.
                drop(writing.write_all(lines).await);
                drop(writing.shutdown().await);
            };
            let mut written = Vec::new();
            let receive = reading.read_to_end(&mut written);
            let serve = serve_streams(self.bus.clone(), ServeOptions { read_only }, input, output);
            let (served, received, ()) = tokio::join!(serve, receive, send);
            served.expect("whatever a client sends, the server serves it until it ends");
            received.expect("what the server writes is read");
            written
        };
        let talk = async { tokio::time::timeout(within, talk).await };
        let talked = self.runtime.block_on(talk);
        talked.unwrap_or_else(|_| panic!("the server does not end when its input does: {}", String::from_utf8_lossy(lines)))
    }
}

/// Each line is one message of the protocol, and tells of no defect.
fn message(line: &str) -> Value {
    let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(message["jsonrpc"], "2.0", "{line}");
    let defect = message["error"]["code"] == -32603 || line.contains("failed unexpectedly: this is a bug");
    assert!(!defect, "{line}");
    message
}

/// A request as every version of the protocol has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    jsonrpc: String,
    id: Id,
    #[serde(rename = "method")]
    _method: String,
    #[serde(default)]
    params: serde_json::Map<String, Value>,
}

impl Request {
    fn is_one(&self) -> bool {
        self.jsonrpc == "2.0" && self.params.get("_meta").is_none_or(Value::is_object)
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

/// How often each id is asked under, and whether a line that is no request may have an answer too.
fn asked(lines: &[u8]) -> (BTreeMap<Id, usize>, bool) {
    let mut asked: BTreeMap<Id, usize> = BTreeMap::new();
    let mut odd = false;
    for line in lines.split(|&byte| byte == b'\n') {
        match serde_json::from_slice::<Request>(line) {
            Ok(request) if request.is_one() && has_unique_names(line) => *asked.entry(request.id).or_default() += 1,
            // What else has an id may be answered or not.
            _ => odd |= contains(line, b"\"id\"") || contains(line, b"\\u"),
        }
    }
    (asked, odd)
}

/// Every request has one answer; no other line has one under an id.
fn is_answered(asked: &BTreeMap<Id, usize>, odd: bool, cancels: bool, answers: &[Value]) {
    let mut answered: BTreeMap<Id, usize> = BTreeMap::new();
    for answer in answers.iter().filter(|answer| answer.get("method").is_none()) {
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
        if let Ok(id) = Id::deserialize(&answer["id"]) {
            *answered.entry(id).or_default() += 1;
        }
    }
    for (id, &times) in asked {
        let answers = answered.get(id).copied().unwrap_or(0);
        // Ids in use are not to be used again: of two at once, one has the answer.
        let enough = answers >= 1 || cancels;
        assert!(enough && (answers <= times || odd), "{answers} answers to {times} requests of id {id:?}");
    }
    if !odd {
        let stray = answered.keys().find(|id| !asked.contains_key(id));
        assert_eq!(stray, None, "an answer that nobody asked for");
    }
}

/// JSON leaves open what the same name twice in an object means, so it is no request of any version.
fn has_unique_names(line: &[u8]) -> bool {
    let (mut given, mut in_text, mut escaped) = (0, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b':' if !in_text => given += 1,
            _ => {}
        }
    }
    serde_json::from_slice(line).is_ok_and(|value| names(&value) == given)
}

fn names(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(names).sum(),
        Value::Object(object) => object.len() + object.values().map(names).sum::<usize>(),
        _ => 0,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
