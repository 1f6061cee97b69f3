//! `hook`: one signal of an agent, on stdin, into the history. The recorder never harms the coder.
//!
//! Promises exit code 0 and no word whatever comes: wrong flags, an unknown agent, a stdin that never closes, a broken
//! configuration (every other command tells of it), a locked, full or corrupt history, a panic. One deadline covers reading,
//! waiting and writing. What is no known signal is kept as a rejection; what cannot be written is spooled. Only what could be
//! left nowhere is told, on stderr. Starts nothing it does not need: no runtime, no logger, no parser of flags.

use std::{
    ffi::{OsStr, OsString},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    history::{self, Entry, Writer},
    process::Identity,
    source::{self, Agent, HookContext},
};
use anyhow::{Context, anyhow};
use clap::Args;

use super::{complain::complain, completions::Offered};
use crate::config::{Config, Environment};

mod payload;
mod watch;

use payload::Payload;
use watch::Watch;

/// Record one hook payload from stdin: what agents call, never people
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Hook {
    /// Whose hook it is: claude-code, codex, copilot, cursor, gemini, opencode
    #[arg(value_name = "AGENT", value_parser = Offered(names()), hide_possible_values = true)]
    _agent: String,
    /// Which hook it is, for agents whose payloads do not say: sessionStart
    #[arg(value_name = "EVENT")]
    _event: Option<String>,
}

const EXAMPLES: &str = "\
Always exits 0 and prints nothing, so that it never disturbs the agent. What it cannot understand,
`ai-coder-events rejected` lists.

`ai-coder-events setup AGENT` registers it with an agent.

Example:
  ai-coder-events hook claude-code < payload.json";

/// The share of the budget that reading may take, 150 ms of 250: long enough for a payload of any size from a living agent,
/// and leaves time to write.
const READING: (u32, u32) = (3, 5);
/// A writer that waits for its turn says so itself, this much before it is given up.
const GIVING_UP: Duration = Duration::from_millis(10);

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    agent: String,
    event: Option<String>,
    db: Option<PathBuf>,
    started: Instant,
}

/// Reads the arguments of a `hook` call without the parser that may refuse them. `None`: not a hook, or a person who asks for help.
pub fn call(arguments: &[OsString]) -> Option<HookCall> {
    let started = Instant::now();
    let (mut positionals, mut db) = (Vec::new(), None);
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return None,
            Some("--version" | "-V") if positionals.is_empty() => return None,
            Some("--db") => db = rest.next().map(PathBuf::from),
            Some(flag) if flag.starts_with("--db=") => db = Some(PathBuf::from(&flag["--db=".len()..])),
            Some(flag) if flag.starts_with('-') => {}
            _ => positionals.push(argument),
        }
        if positionals.first().is_some_and(|first| *first != OsStr::new("hook")) {
            return None;
        }
    }
    positionals.first()?;
    let mut words = positionals.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let (agent, event) = (words.next().unwrap_or_default(), words.next());
    Some(HookCall { agent, event, db: db.filter(|db| !db.as_os_str().is_empty()), started })
}

/// Exits 0, always.
pub fn run(call: &HookCall) -> ExitCode {
    // A defect is told once, below, and in our own words.
    std::panic::set_hook(Box::new(|_| {}));
    let watch = Arc::new(Watch::new(call.started));
    let watchdog = Arc::clone(&watch);
    // Where not even a thread can be had, the payload is recorded unwatched: only what hangs without end would be noticed.
    if let Err(error) = thread::Builder::new().spawn(move || watchdog.stand()) {
        tracing::debug!("nobody watches over the hook: {error}");
    }
    let trouble = match catch_unwind(AssertUnwindSafe(|| record(call, &watch))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some("a defect in the recorder; the hook's payload was not recorded".to_owned()),
    };
    if let Some(trouble) = trouble {
        complain(&format!("ai-coder-events hook: {trouble}"));
    }
    ExitCode::SUCCESS
}

fn record(call: &HookCall, watch: &Watch) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let config = Config::for_hook(call.db.as_deref(), &environment)?;
    watch.allow(config.hook_budget);
    let reading_ends = call.started + config.hook_budget * READING.0 / READING.1;
    let payload = Payload::read(io::stdin(), reading_ends);
    let entries = understand(call, payload, environment.coder_id, environment.claude_pid);
    if entries.is_empty() {
        return Ok(());
    }
    let Some(writing_ends) = watch.begin_writing(&config.history, &entries) else {
        watch.spool_in_time(config.history, entries);
        return Ok(());
    };
    let patience = writing_ends.saturating_duration_since(Instant::now() + GIVING_UP);
    let mut writer = Writer::new(&config.history).with_patience(patience);
    let appended = catch_unwind(AssertUnwindSafe(|| writer.append(entries.clone())));
    watch.end_writing(matches!(appended, Ok(Ok(_))));
    let failed = match appended {
        Ok(Ok(_)) => {
            writer.end_with_process();
            return Ok(());
        }
        Ok(Err(failed)) => anyhow::Error::from(failed),
        Err(_) => anyhow!("a defect in the recorder"),
    };
    // What did not take the entries may not let itself be closed either.
    std::mem::forget(writer);
    let lost = || format!("the hook's payload is lost: {failed:#}; nor can it be spooled");
    history::spool(&config.history, entries).map(drop).with_context(lost)
}

/// What the payload says, as entries; what it does not say clearly, as a rejection.
fn understand(call: &HookCall, payload: Payload, parent_coder_id: Option<String>, claude_pid: Option<u32>) -> Vec<Entry> {
    let agent = call.agent.as_str();
    let Some(known) = Agent::parse(agent) else {
        let given = ai_coder_events::text::excerpt(agent, 40);
        let reason = format!("unknown agent `{given}`: give one of {}", names().join(", "));
        return vec![payload.rejection("hook", reason)];
    };
    if payload.too_large {
        let reason = format!("payload has more than {} bytes", payload::BYTES_MAX);
        return vec![payload.rejection(known.name(), reason)];
    }
    let context = HookContext { event: call.event.clone(), parent_coder_id, process: process_of(known, claude_pid) };
    // A payload that trips the reader is still evidence.
    match catch_unwind(AssertUnwindSafe(|| source::read_hook(known, &payload.bytes, &context))) {
        Ok(Ok(drafts)) => drafts.into_iter().map(|draft| Entry::Draft(Box::new(draft))).collect(),
        Ok(Err(refusal)) if payload.cut_short => {
            vec![payload.rejection(known.name(), format!("stdin was not closed in time: {}", refusal.reason))]
        }
        Ok(Err(refusal)) => vec![payload.rejection(known.name(), refusal.reason)],
        Err(_) => vec![payload.rejection(known.name(), "a defect in the recorder: please report this payload".to_owned())],
    }
}

fn names() -> Vec<&'static str> {
    Agent::ALL.iter().map(|agent| agent.name()).collect()
}

/// The process whose end is the agent's. A hook's parent is often a shell that ends with it, so an ancestor counts only
/// where it is the agent by name.
fn process_of(agent: Agent, claude_pid: Option<u32>) -> Option<serde_json::Value> {
    let identity = match (agent, claude_pid) {
        (Agent::ClaudeCode, Some(pid)) => Identity::of(pid),
        (Agent::ClaudeCode, None) => Identity::of_ancestor("claude"),
        _ => Identity::of_ancestor(agent.name()),
    };
    serde_json::to_value(identity?).ok()
}

#[cfg(test)]
mod tests {
    use ai_coder_events::history::Rejection;

    use super::*;

    #[test]
    fn a_hook_call_is_found_whatever_stands_around_it() {
        let check = |words: &str, expected: Option<(&str, Option<&str>)>| {
            let arguments: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
            let found = call(&arguments).map(|call| (call.agent, call.db));
            let expected = expected.map(|(agent, db)| (agent.to_owned(), db.map(PathBuf::from)));
            assert_eq!(found, expected, "{words}");
        };
        check("x hook claude-code", Some(("claude-code", None)));
        check("x --db h.db hook claude-code", Some(("claude-code", Some("h.db"))));
        check("x hook claude-code --db h.db --json", Some(("claude-code", Some("h.db"))));
        check("x hook --db=h.db claude-code", Some(("claude-code", Some("h.db"))));
        check("x hook --db= claude-code", Some(("claude-code", None)));
        check("x --wrong hook --worse claude-code extra", Some(("claude-code", None)));
        check("x hook nobody", Some(("nobody", None)));
        check("x hook", Some(("", None)));
        check("x hook claude-code --db", Some(("claude-code", None)));
        check("x hook claude-code --version", Some(("claude-code", None)));
        check("x --version hook", None);
        check("x hook --help", None);
        check("x list hook", None);
        check("x --db hook list", None);
        check("x --json", None);
        check("x", None);
    }

    #[test]
    fn what_no_agent_sends_is_a_rejection() {
        let payload = Payload { bytes: vec![b'x'; 10_000], ..Payload::default() };
        let call = HookCall { agent: "nobody".to_owned(), event: None, db: None, started: Instant::now() };
        let entries = understand(&call, payload, None, None);
        let [Entry::Rejection(rejection)] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(rejection.reason, "unknown agent `nobody`: give one of claude-code, codex, copilot, cursor, gemini, opencode");
        assert_eq!(rejection.input.len(), Rejection::INPUT_BYTES_SEEN);
    }
}
