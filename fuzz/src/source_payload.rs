//! What agents say, by whichever channel. The first byte says which agent and channel; the rest is the payload.

use ai_coder_events::{
    event::{Draft, Time},
    source::{
        Agent, HookContext, Refusal, Stream, Transcript,
        otel::{Log, Point, Record, Span},
        read_hook, read_telemetry,
    },
};
use serde_json::{Value, json};

use super::accepted;

pub fn check(input: &[u8]) {
    let Some((&channel, payload)) = input.split_first() else { return };
    match channel {
        channel @ b'a'..=b'f' => hook(Agent::ALL[usize::from(channel - b'a')], payload),
        channel @ b'A'..=b'F' => hook_in_context(Agent::ALL[usize::from(channel - b'A')], payload),
        channel @ b't'..=b'y' => transcript(Agent::ALL[usize::from(channel - b't')], payload),
        b's' => stream(payload),
        channel @ (b'l' | b'm' | b'n') => telemetry(channel, payload),
        _ => {}
    }
}

fn hook(agent: Agent, payload: &[u8]) {
    told(read_hook(agent, payload, &HookContext::default()));
}

/// The first two lines are the event and the parent, as configuration and environment give them.
fn hook_in_context(agent: Agent, payload: &[u8]) {
    let mut lines = payload.splitn(3, |&byte| byte == b'\n').map(String::from_utf8_lossy);
    let mut line = || lines.next().map(|line| line.into_owned()).filter(|line| !line.is_empty());
    let context =
        HookContext { event: line(), parent_coder_id: line(), began: None, process: Some(json!({ "pid": 4242, "start": 17 })) };
    let payload = payload.splitn(3, |&byte| byte == b'\n').nth(2).unwrap_or_default();
    told(read_hook(agent, payload, &context));
}

/// The first line is the path of the file.
fn transcript(agent: Agent, payload: &[u8]) {
    let mut lines = payload.split(|&byte| byte == b'\n');
    let path = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let Some(mut transcript) = Transcript::new(agent, &path) else { return };
    lines.for_each(|line| told(transcript.line(line)));
    told(Ok(transcript.end()));
}

fn stream(payload: &[u8]) {
    let mut stream = Stream::new(&HookContext::default());
    payload.split(|&byte| byte == b'\n').for_each(|line| told(Ok(stream.line(line))));
    told(Ok(stream.end()));
}

/// Service, name and attributes, a line each.
fn telemetry(kind: u8, payload: &[u8]) {
    let mut lines = payload.splitn(3, |&byte| byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (service, name, attributes) = (line(), line(), line());
    let Ok(attributes @ Value::Object(_)) = serde_json::from_str(&attributes) else { return };
    let time = Some(accepted::now());
    let record = match kind {
        b'l' => Record::Log(Log { service, body: Some(name.clone()), name, time, attributes }),
        b'm' => {
            let value = attributes.get("value").and_then(Value::as_f64).unwrap_or(1.0);
            Record::Point(Point { service, name, time, value, is_delta: value != 1.0, attributes })
        }
        _ => {
            let start = attributes.get("start").and_then(Value::as_i64).map(Time::from_micros).or(time);
            let (trace_id, span_id) = ("a04b".to_owned(), "0f".to_owned());
            let error = attributes.get("error").and_then(Value::as_str).map(str::to_owned);
            Record::Span(Span { service, name, trace_id, span_id, start, end: time, error, attributes })
        }
    };
    told(read_telemetry(&record));
}

/// Each draft is accepted; a refusal has words.
pub fn told(said: Result<Vec<Draft>, Refusal>) {
    match said {
        Ok(drafts) => drafts.into_iter().for_each(draft),
        Err(refusal) => assert!(!refusal.reason.is_empty()),
    }
}

pub fn draft(draft: Draft) {
    accepted::has_a_bounded_key(&draft);
    // A source bounds what it takes: nothing but the clock of its agent can be wrong, or its figures beyond what one event may tell.
    if let Err(invalid) = accepted::check(draft) {
        assert!(invalid.field() == "timestamp" || invalid.to_string().contains("give at most"), "{invalid}");
    }
}
