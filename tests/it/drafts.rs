//! What every channel of every agent says, as one golden file: each draft of each fixture, with its key and condition.
//!
//! Natural keys stand in people's histories: one that changes makes two facts of one at the next import. So a line of
//! `tests/golden/drafts.txt` changes only where a change of behaviour is meant: `UPDATE=1 cargo test --test it drafts`.

use std::{fmt::Write as _, fs, path::Path};

use ai_coder_events::{
    collect::{Encoding, Packing, Signal, understand},
    event::{Condition, Draft, EventType, Status, Time},
    history::Entry,
    source::{
        Agent, HookContext, Refusal, Stream, Transcript,
        otel::{Log, Record},
        read_hook, read_telemetry,
    },
};
use serde_json::{Value, json};

#[test]
fn what_every_channel_says_is_as_it_was() {
    let found = said();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/drafts.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&golden, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&golden).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

/// What every fixture says, a line for each draft.
pub fn said() -> String {
    let mut found = String::new();
    for fixture in fixtures() {
        writeln!(found, "# {fixture}").unwrap();
        read(&fixture, &mut |line, said| match said {
            Ok(drafts) => drafts.iter().for_each(|draft| writeln!(found, "{line} {}", written(draft)).unwrap()),
            Err(refusal) => writeln!(found, "{line} ! {}", refusal.reason).unwrap(),
        });
    }
    found
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every captured file, below `tests/fixtures`, in order.
fn fixtures() -> Vec<String> {
    let mut found = vec!["edges.jsonl".to_owned()];
    let mut folders: Vec<_> = Agent::ALL.iter().map(|agent| root().join(agent.name())).collect();
    folders.extend([root().join("genai"), root().join("otlp")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

type Say<'s> = &'s mut dyn FnMut(usize, Result<Vec<Draft>, Refusal>);

/// Reads a fixture as the channel that its name says.
fn read(fixture: &str, say: Say<'_>) {
    let text = fs::read_to_string(root().join(fixture)).unwrap();
    let agent = fixture.split('/').next().and_then(Agent::parse);
    let name = fixture.rsplit('/').next().unwrap();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match agent {
        _ if name.ends_with(".json") => export(name, &text, say),
        None => edges(&text, say),
        Some(_) if is(&["stream", "exec"]) => {
            let mut stream = Stream::new(&HookContext::default());
            for (number, line) in text.lines().enumerate() {
                say(number + 1, Ok(stream.line(line.as_bytes())));
            }
            say(0, Ok(stream.end()));
        }
        Some(agent) if is(&["transcript", "rollout", "session", "events"]) => {
            let mut transcript = Transcript::new(agent, &transcript_path(agent, name)).unwrap();
            for (number, line) in text.lines().enumerate() {
                say(number + 1, transcript.line(line.as_bytes()));
            }
            say(0, Ok([transcript.pause(), transcript.end()].concat()));
        }
        Some(agent) if is(&["logs"]) => {
            for (number, line) in text.lines().enumerate() {
                say(number + 1, read_telemetry(&log(agent, line)));
            }
        }
        Some(agent) => {
            for (number, line) in text.lines().enumerate() {
                let (event, payload) = unwrapped(line);
                hook(agent, event, &payload, number + 1, say);
            }
        }
    }
}

fn hook(agent: Agent, event: Option<String>, payload: &str, number: usize, say: Say<'_>) {
    let context = HookContext {
        event: event.filter(|_| agent == Agent::Copilot),
        parent_coder_id: Some("nightly".to_owned()),
        began: None,
        process: Some(json!({ "pid": 7 })),
    };
    say(number, read_hook(agent, payload.as_bytes(), &context));
}

/// The event and the payload of a captured line; a line may be the payload itself.
fn unwrapped(line: &str) -> (Option<String>, String) {
    let Ok(captured) = serde_json::from_str::<Value>(line) else { return (None, payload_of(line)) };
    let event = captured["event"].as_str().filter(|_| captured.get("payload").is_some());
    match captured.get("payload") {
        Some(payload) => (event.map(str::to_owned), payload.to_string()),
        None => (None, line.to_owned()),
    }
}

/// Of a line that is no JSON, as half a character is not.
fn payload_of(line: &str) -> String {
    let start = line.find("\"payload\":").unwrap() + "\"payload\":".len();
    line[start..].trim_end().strip_suffix('}').unwrap().to_owned()
}

fn edges(text: &str, say: Say<'_>) {
    for (number, line) in text.lines().enumerate() {
        let agent = line.strip_prefix("{\"agent\":").or_else(|| line.strip_prefix("{\"agent\": ")).unwrap();
        let agent = Agent::parse(agent.split('"').nth(1).unwrap()).unwrap();
        let (event, payload) = unwrapped(line);
        hook(agent, event, &payload, number + 1, say);
    }
}

fn transcript_path(agent: Agent, name: &str) -> String {
    match name.split_once("agent-") {
        Some((_, rest)) => format!("/p/session/subagents/agent-{}.jsonl", rest.split('.').next().unwrap()),
        None if agent == Agent::Copilot => "/p/0bd2bb9c/events.jsonl".to_owned(),
        None => format!("/p/{name}"),
    }
}

fn log(agent: Agent, line: &str) -> Record {
    let line: Value = serde_json::from_str(line).unwrap();
    let attributes = line["attributes"].clone();
    let service = line["service"].as_str().unwrap_or(agent.name()).to_owned();
    let name = attributes["event.name"].as_str().unwrap().to_owned();
    let micros = line["time_unix_nano"].as_str().and_then(|nanos| nanos.parse::<i64>().ok()).map(|nanos| nanos / 1_000);
    Record::Log(Log { service, name, time: micros.map(Time::from_micros), body: None, attributes })
}

fn export(name: &str, text: &str, say: Say<'_>) {
    let signal = match name {
        name if name.contains("logs") => Signal::Logs,
        name if name.contains("metrics") => Signal::Metrics,
        _ => Signal::Traces,
    };
    let entries = understand(signal, Encoding::Json, Packing::Plain, text.into()).unwrap();
    for (number, entry) in entries.into_iter().enumerate() {
        say(
            number + 1,
            match entry {
                Entry::Draft(draft) => Ok(vec![*draft]),
                Entry::Rejection(rejection) => Err(Refusal { reason: rejection.reason }),
            },
        );
    }
}

fn written(draft: &Draft) -> String {
    let Draft { kind, coder_id, coder_name, timestamp, source, body, data, key, only_if, report, sums, copied_by, may_be_aside } =
        draft;
    // Of a report only the channel is worth a line: its number is a hash of all that stands here.
    let channel = report.map(|report| report.channel);
    let mut said = json!({
        "coder": coder_id, "name": coder_name, "source": source, "at": timestamp.map(|at| at.to_string()),
        "key": key, "only_if": only_if, "body": body, "data": data, "channel": channel, "sums": sums, "copied_by": copied_by,
    });
    if *may_be_aside {
        said["may_be_aside"] = true.into();
    }
    format!("{} {said}", kind.short())
}

/// What each agent's hook says of one thing, in its own words.
fn of_each(payloads: [(Agent, Option<&str>, Value); 6]) -> Vec<(Agent, Vec<Draft>)> {
    let read = |(agent, event, payload): (Agent, Option<&str>, Value)| {
        let context = HookContext { event: event.map(str::to_owned), ..HookContext::default() };
        (agent, read_hook(agent, payload.to_string().as_bytes(), &context).unwrap())
    };
    payloads.map(read).into()
}

#[test]
fn half_a_character_is_mended_for_every_agent() {
    let said = r#"half \ud83d"#;
    let payloads = [
        (Agent::ClaudeCode, format!(r#"{{"session_id":"s","hook_event_name":"MessageDisplay","final":true,"delta":"{said}"}}"#)),
        (Agent::Codex, format!(r#"{{"session_id":"s","hook_event_name":"Stop","last_assistant_message":"{said}"}}"#)),
        (Agent::Gemini, format!(r#"{{"session_id":"s","hook_event_name":"AfterAgent","prompt_response":"{said}"}}"#)),
        (Agent::Copilot, format!(r#"{{"sessionId":"s","prompt":"{said}"}}"#)),
        (Agent::Cursor, format!(r#"{{"conversation_id":"s","hook_event_name":"afterAgentResponse","text":"{said}"}}"#)),
        (
            Agent::Opencode,
            format!(
                r#"{{"type":"message.part.updated","properties":{{"part":{{"sessionID":"s","type":"text","id":"p","text":"{said}","time":{{"end":1}}}}}}}}"#
            ),
        ),
    ];
    for (agent, payload) in payloads {
        let drafts = read_hook(agent, payload.as_bytes(), &HookContext::default()).unwrap();
        assert!(written(&drafts[0]).contains("half \u{FFFD}"), "{agent}: {drafts:?}");
    }
}

#[test]
fn a_long_reason_is_cut_for_every_agent() {
    let reason = "r".repeat(300_000);
    let hook = |name: &str| json!({"session_id": "s", "hook_event_name": name, "reason": reason});
    let drafts = of_each([
        (Agent::ClaudeCode, None, hook("SessionEnd")),
        (Agent::Codex, None, hook("SessionEnd")),
        (Agent::Gemini, None, hook("SessionEnd")),
        (Agent::Copilot, Some("sessionEnd"), hook("")),
        (Agent::Cursor, None, hook("sessionEnd")),
        (
            Agent::Opencode,
            None,
            json!({"type": "session.error", "properties": {"sessionID": "s", "error": {"name": "UnknownError", "data": {"message": reason}}}}),
        ),
    ]);
    for (agent, drafts) in drafts {
        assert_eq!(drafts.len(), 1, "{agent}");
        assert!(written(&drafts[0]).len() < 5_000, "{agent}");
    }
}

#[test]
fn a_prompt_begins_work_again_whatever_ended_it() {
    let hook = |name: &str| json!({"session_id": "s", "hook_event_name": name, "prompt": "go on"});
    let drafts = of_each([
        (Agent::ClaudeCode, None, hook("UserPromptSubmit")),
        (Agent::Codex, None, hook("UserPromptSubmit")),
        (Agent::Gemini, None, hook("BeforeAgent")),
        (Agent::Copilot, Some("userPromptSubmitted"), hook("")),
        (Agent::Cursor, None, hook("beforeSubmitPrompt")),
        (Agent::Opencode, None, json!({"type": "session.status", "properties": {"sessionID": "s", "status": {"type": "busy"}}})),
    ]);
    let from = [Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];
    for (agent, drafts) in drafts {
        let steps: Vec<&Draft> = drafts.iter().filter(|draft| draft.kind != EventType::Prompt).collect();
        let [draft] = &steps[..] else { panic!("{agent}: {drafts:?}") };
        assert_eq!((draft.kind.short(), &draft.only_if), ("resumed", &Some(Condition::Status(from.into()))), "{agent}");
    }
}

#[test]
fn a_rate_limit_without_a_status_is_one_for_every_agent() {
    let words = "Rate limit exceeded, please slow down";
    let context = |event: &str| HookContext { event: Some(event.to_owned()), ..HookContext::default() };
    let kinds = |agent, event: &str, payload: Value| -> Vec<&str> {
        let drafts = read_hook(agent, payload.to_string().as_bytes(), &context(event)).unwrap();
        drafts.iter().map(|draft| draft.kind.short()).collect()
    };
    let stop = json!({"session_id": "s", "hook_event_name": "StopFailure", "error": words});
    assert_eq!(kinds(Agent::ClaudeCode, "", stop), ["rate_limit", "failed"]);
    let error = json!({"sessionId": "s", "error": {"message": words}, "errorContext": "model_call", "recoverable": false});
    assert_eq!(kinds(Agent::Copilot, "errorOccurred", error), ["rate_limit", "failed"]);
    let error = json!({"id": "e", "type": "session.error", "properties": {"sessionID": "s", "error": {"name": "APIError", "data": {"message": words}}}});
    assert_eq!(kinds(Agent::Opencode, "", error), ["rate_limit", "failed"]);
    let mut exec = Stream::new(&HookContext::default());
    exec.line(br#"{"type":"thread.started","thread_id":"s"}"#);
    let said = exec.line(json!({"type": "error", "message": words}).to_string().as_bytes());
    assert_eq!(said[0].kind.short(), "rate_limit");
    let attributes = json!({"session.id": "s", "error.message": words});
    let log = Log { service: "gemini-cli".to_owned(), name: "gemini_cli.api_error".to_owned(), attributes, ..Log::default() };
    assert_eq!(read_telemetry(&Record::Log(log)).unwrap()[0].kind.short(), "rate_limit");
}

#[test]
fn a_tool_at_work_shows_that_neither_wait_nor_turn_is_over_for_every_agent() {
    let hook = |name: &str| json!({"session_id": "s", "hook_event_name": name, "tool_name": "x", "tool_use_id": "t"});
    for (agent, event) in [
        (Agent::ClaudeCode, "PreToolUse"),
        (Agent::Codex, "PreToolUse"),
        (Agent::Gemini, "BeforeTool"),
        (Agent::Copilot, "preToolUse"),
    ] {
        let context = HookContext { event: Some(event.to_owned()), ..HookContext::default() };
        let drafts = read_hook(agent, hook(event).to_string().as_bytes(), &context).unwrap();
        let from = Condition::Status(vec![Status::Paused, Status::Completed]);
        assert_eq!((drafts[0].kind.short(), &drafts[0].only_if), ("resumed", &Some(from)), "{agent}");
    }
}
