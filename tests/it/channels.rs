//! What the channels of a captured run say, and what a history makes of them in some order of arrival.

use std::{collections::BTreeMap, fs};

use ai_coder_events::{
    event::{Body, Condition, Draft, Key, Status, Time, sentence},
    filter::Filter,
    history::{Clock, Entry, Options, Order, Query, Reader, Writer},
    source::{
        Agent, HookContext, Stream, Transcript,
        otel::{Attributes, Log, Record, Span},
        read_hook, read_telemetry,
    },
    text::Redactor,
};
use serde_json::Value;

/// Later than every captured event, and less than a day.
const NOW: &str = "2026-11-22T23:00:00Z";

fn fixture(path: &str) -> String {
    fs::read_to_string(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn json_lines(path: &str) -> Vec<Value> {
    fixture(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The hooks of a run, each with the name that its configuration gives it.
pub fn hooks(agent: Agent, path: &str) -> Vec<Draft> {
    let read = |line: &Value| {
        let context = HookContext { event: line["event"].as_str().map(str::to_owned), ..HookContext::default() };
        read_hook(agent, line.get("payload").unwrap_or(line).to_string().as_bytes(), &context).unwrap()
    };
    json_lines(path).iter().flat_map(read).collect()
}

/// The same where only the payload tells which hook it is of.
pub fn nameless_hooks(agent: Agent, path: &str) -> Vec<Draft> {
    let read = |line: &Value| read_hook(agent, line["payload"].to_string().as_bytes(), &HookContext::default()).unwrap();
    json_lines(path).iter().flat_map(read).collect()
}

pub fn hook(agent: Agent, payload: &Value) -> Vec<Draft> {
    read_hook(agent, payload.to_string().as_bytes(), &HookContext::default()).unwrap()
}

pub fn stream(path: &str) -> Vec<Draft> {
    let mut stream = Stream::new(&HookContext::default());
    let mut drafts: Vec<Draft> = fixture(path).lines().flat_map(|line| stream.line(line.as_bytes())).collect();
    drafts.extend(stream.end());
    drafts
}

pub fn transcript(agent: Agent, path: &str) -> Vec<Draft> {
    transcript_of(agent, fixture(path).lines())
}

pub fn transcript_of<'l>(agent: Agent, lines: impl IntoIterator<Item = &'l str>) -> Vec<Draft> {
    let mut transcript = Transcript::new(agent, "s1/events.jsonl").unwrap();
    let mut drafts: Vec<Draft> = lines.into_iter().flat_map(|line| transcript.line(line.as_bytes()).unwrap()).collect();
    drafts.extend(transcript.end());
    drafts
}

pub fn telemetry(path: &str) -> Vec<Draft> {
    records(path).iter().flat_map(|record| read_telemetry(record).unwrap()).collect()
}

/// The records of an OTLP export in JSON.
pub fn records(path: &str) -> Vec<Record> {
    let export: Value = serde_json::from_str(&fixture(path)).unwrap();
    let mut records = Vec::new();
    for resource in list(&export, "resourceLogs").chain(list(&export, "resourceSpans")) {
        let shared = attributes(&resource["resource"]);
        let service = shared["service.name"].as_str().unwrap().to_owned();
        for scope in list(resource, "scopeLogs").chain(list(resource, "scopeSpans")) {
            records.extend(list(scope, "logRecords").map(|log| Record::Log(log_of(&service, log))));
            records.extend(list(scope, "spans").map(|span| Record::Span(span_of(&service, span))));
        }
    }
    records
}

fn log_of(service: &str, log: &Value) -> Log {
    let attributes = attributes(log);
    let name = attributes["event.name"].as_str().unwrap().to_owned();
    Log { service: service.to_owned(), name, time: nanos(&log["timeUnixNano"]), body: None, attributes }
}

fn span_of(service: &str, span: &Value) -> Span {
    let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
    let error = (span["status"]["code"] == 2).then(|| span["status"]["message"].as_str().unwrap_or_default().to_owned());
    Span {
        service: service.to_owned(),
        name: text("name"),
        trace_id: text("traceId"),
        span_id: text("spanId"),
        start: nanos(&span["startTimeUnixNano"]),
        end: nanos(&span["endTimeUnixNano"]),
        error,
        attributes: attributes(span),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn nanos(value: &Value) -> Option<Time> {
    Some(Time::from_micros(value.as_str()?.parse::<i64>().ok()? / 1_000))
}

fn attributes(holder: &Value) -> Attributes {
    let plain = |value: &Value| {
        let (kind, plain) = value.as_object()?.iter().next()?;
        Some(match (kind.as_str(), plain.as_str()) {
            ("intValue", Some(digits)) => digits.parse::<i64>().unwrap().into(),
            _ => plain.clone(),
        })
    };
    list(holder, "attributes").filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), plain(&pair["value"])?))).collect()
}

/// Each draft in one line: the sentence that readers get, whose it is, its key and its condition.
pub fn lines(drafts: &[Draft]) -> Vec<String> {
    drafts.iter().map(line).collect()
}

fn line(draft: &Draft) -> String {
    let now = Time::parse(NOW).unwrap();
    let event = draft.clone().check(now, &Redactor::default()).unwrap().into_event(1, String::new());
    let mut line = sentence(&event);
    if let Some((_, subagent)) = draft.coder_id.split_once('/') {
        line += &format!(" /{subagent}");
    }
    let first = match &draft.key {
        Key::Natural(key) | Key::Either { natural: key, .. } => Some(key),
        Key::Several { ids, .. } => ids.first(),
        Key::None | Key::Id(_) | Key::Repeat(_) => None,
    };
    if let Some(key) = first {
        line += &format!(" #{}", key.splitn(3, ':').nth(2).unwrap());
    }
    match &draft.only_if {
        Some(Condition::Status(statuses)) => {
            line += &format!(" ?{}", statuses.iter().map(|status| &status.name()[..1]).collect::<String>());
        }
        Some(condition) => line += &format!(" ?{condition:?}").to_lowercase(),
        None => {}
    }
    line
}

/// A history after these reports, in this order.
fn recorded<'d, T>(drafts: impl IntoIterator<Item = &'d Draft>, read: impl FnOnce(Reader) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let now = Time::parse(NOW).unwrap();
    let options = Options { clock: Clock::new(move || now), ..Options::new(folder.path().join("history.db")) };
    let entries = drafts.into_iter().cloned().map(Entry::from).collect();
    Writer::new(&options).append(entries).unwrap();
    read(Reader::new(&options))
}

/// What it holds of a coder: the types of its events, as they happened.
pub fn of_coder<'d>(drafts: impl IntoIterator<Item = &'d Draft>, coder_id: &str) -> Vec<String> {
    let query = Query { filter: Filter::coder(coder_id), order: Order::Oldest, ..Query::default() };
    let mut events = recorded(drafts, |mut reader| reader.page(&query).unwrap().events);
    events.sort_by_key(|event| event.timestamp);
    events.iter().map(|event| event.kind.short().to_owned()).collect()
}

/// Where it says that a coder stands.
pub fn status_of<'d>(drafts: impl IntoIterator<Item = &'d Draft>, coder_id: &str) -> Status {
    recorded(drafts, |mut reader| reader.coder(coder_id).unwrap().unwrap().status)
}

/// What it holds: facts by type, and what was spent.
pub fn tally<'d>(drafts: impl IntoIterator<Item = &'d Draft>) -> BTreeMap<&'static str, u64> {
    let page = recorded(drafts, |mut reader| reader.page(&Query { order: Order::Oldest, ..Query::default() }).unwrap());
    let mut tally = BTreeMap::new();
    for event in &page.events {
        *tally.entry(event.kind.short()).or_default() += 1;
        if event.data.get("failed") == Some(&Value::Bool(true)) {
            *tally.entry("failed tools").or_default() += 1;
        }
        let Body::Provider(call) = &event.body else { continue };
        let counts = [
            ("tokens", call.tokens_used),
            ("tokens in", call.input_tokens),
            ("tokens out", call.output_tokens),
            ("tokens cached", call.cache_read_tokens),
        ];
        for (name, count) in counts {
            *tally.entry(name).or_default() += count.unwrap_or(0);
        }
    }
    tally
}

/// Every order in which whole channels may arrive.
pub fn orders(channels: usize) -> Vec<Vec<usize>> {
    if channels == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(channels - 1);
    let inserted = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, channels - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..channels).map(move |at| inserted(order, at))).collect()
}

/// Feeds the channels of one run in every order of arrival, as it happened, and twice: always the same facts.
pub fn check_every_order(channels: &[Vec<Draft>], expected: &[(&'static str, u64)]) {
    let expected: BTreeMap<&str, u64> = expected.iter().copied().collect();
    for order in orders(channels.len()) {
        let found = tally(order.iter().flat_map(|channel| &channels[*channel]));
        assert_eq!(found, expected, "channels in the order {order:?}");
    }
    let mut lived: Vec<&Draft> = channels.iter().flatten().collect();
    lived.sort_by_key(|draft| draft.timestamp);
    assert_eq!(tally(lived.iter().copied()), expected, "as it happened");
    assert_eq!(tally(channels.iter().flatten().chain(channels.iter().flatten())), expected, "twice");
}

/// A payload of any agent with one part of it replaced by something else: whatever comes of it, nothing panics.
pub fn check_that_nothing_panics(agent: Agent, path: &str) {
    let odd = [Value::Null, Value::from(-1), Value::from("\u{202e}x"), Value::from(vec![1]), serde_json::json!({"a": {}})];
    for line in json_lines(path) {
        let payload = line.get("payload").unwrap_or(&line);
        for name in payload.as_object().unwrap().keys() {
            for value in &odd {
                let mut changed = payload.clone();
                changed[name] = value.clone();
                drop(read_hook(agent, changed.to_string().as_bytes(), &HookContext::default()));
                if let Some(mut transcript) = Transcript::new(agent, "s1/events.jsonl") {
                    drop(transcript.line(changed.to_string().as_bytes()));
                }
                Stream::new(&HookContext::default()).line(changed.to_string().as_bytes());
            }
        }
    }
}

/// Why a hook's payload is kept as a rejection.
pub fn refused(agent: Agent, payload: &Value) -> String {
    read_hook(agent, payload.to_string().as_bytes(), &HookContext::default()).unwrap_err().reason
}
