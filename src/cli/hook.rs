//! `hook`: one signal of an agent, on stdin, into the history. The recorder never harms the coder.
//!
//! Promises exit code 0 and no word whatever comes: wrong flags, an unknown agent, a stdin that never closes, a broken
//! configuration (every other command tells of it), a locked, full or corrupt history, a panic. One deadline covers reading,
//! waiting and writing. What is no known signal is kept as a rejection; what cannot be written is spooled. Only what could be
//! left nowhere is told, on stderr. Starts nothing it does not need: no runtime, no logger, no parser of flags.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    history::{self, Entry, Options, Rejection, Writer},
    process::Identity,
    source::{self, Agent, HookContext},
};
use anyhow::Context;
use clap::Args;

use super::complain::complain;
use crate::config::{Config, Environment, HOOK_BUDGET};

/// Record one hook payload from stdin: what agents call, never people
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Hook {
    /// Whose hook it is: claude-code, codex, copilot, cursor, gemini, opencode
    #[arg(value_name = "AGENT")]
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
/// Kept back from waiting for a busy history, to spool in its stead.
const SPOOLING: Duration = Duration::from_millis(40);
/// How much longer the process lasts where spooling has begun and the machine is busy. Then it ends, whatever hangs.
const GRACE: Duration = Duration::from_millis(750);
/// A writer that waits for its turn says so itself, this much before it is given up.
const GIVING_UP: Duration = Duration::from_millis(10);
/// Larger payloads hold whole files; what matters of them is in other signals too.
const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// One read takes what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

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
    let (budget, chosen) = sync_channel(1);
    let (recorded, outcome) = sync_channel(1);
    let call = call.clone();
    let started = call.started;
    let recording = thread::Builder::new().spawn(move || {
        let trouble = match catch_unwind(AssertUnwindSafe(|| record(&call, &budget))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("a defect in the recorder; the hook's payload was not recorded".to_owned()),
        };
        recorded.try_send(trouble).unwrap_or_default();
    });
    let left = |budget: Duration| (started + budget + GRACE).saturating_duration_since(Instant::now());
    let outcome = recording.map_or(Err(RecvTimeoutError::Disconnected), |_| {
        // A configuration that cannot even be read gets the time that the default allows.
        let budget = chosen.recv_timeout(left(HOOK_BUDGET)).unwrap_or(HOOK_BUDGET);
        outcome.recv_timeout(left(budget))
    });
    match outcome {
        Ok(None) => {}
        Ok(Some(trouble)) => complain(&format!("ai-coder-events hook: {trouble}")),
        // Not by way of the configuration, which may be what hangs. Where even this cannot be said, nothing is left to do.
        Err(_) => drop(writeln!(io::stderr(), "ai-coder-events hook: the payload is lost: nothing could be written in time")),
    }
    ExitCode::SUCCESS
}

/// `budget` is told once it is known.
fn record(call: &HookCall, budget: &SyncSender<Duration>) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let config = Config::for_hook(call.db.as_deref(), &environment)?;
    budget.try_send(config.hook_budget).unwrap_or_default();
    let deadline = call.started + config.hook_budget;
    let reading_ends = call.started + config.hook_budget * READING.0 / READING.1;
    let payload = Payload::read(io::stdin(), reading_ends);
    let entries = understand(call, payload, environment.coder_id, environment.claude_pid);
    if entries.is_empty() {
        return Ok(());
    }
    let closing = match write(&config.history, entries.clone(), deadline - SPOOLING) {
        Ok(closing) => closing,
        Err(Some(failed)) => {
            let lost = || format!("the hook's payload is lost: {:#}; nor can it be spooled", anyhow::Error::from(failed));
            return history::spool(&config.history, entries).map(drop).with_context(lost);
        }
        Err(None) => {
            let lost = "the hook's payload is lost: the history did not take it in time, nor can it be spooled";
            return spool(&config.history, entries, deadline).context(lost);
        }
    };
    // Closing may move a long write-ahead log into the database: for as long as there is time.
    if closing.recv_timeout(deadline.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout) {
        tracing::trace!("the history is still being closed");
    }
    Ok(())
}

/// For a history that did not answer: the disk it lies on may hang, and the spool beside it with it.
fn spool(options: &Options, entries: Vec<Entry>, deadline: Instant) -> Result<(), history::Error> {
    let (spooled, outcome) = sync_channel(1);
    let beside = (options.clone(), entries.clone());
    let spooling = thread::Builder::new().spawn(move || {
        spooled.try_send(history::spool(&beside.0, beside.1).map(drop)).unwrap_or_default();
    });
    match spooling.map(|_| outcome.recv_timeout(deadline.saturating_duration_since(Instant::now()))) {
        Ok(Ok(spooled)) => spooled,
        _ => history::spool_elsewhere(options, entries).map(drop),
    }
}

/// Writes on a thread of its own: a disk that hangs, or a defect, must not keep the agent, nor lose what can be spooled.
/// The receiver closes once the history is closed.
///
/// # Errors
/// What went wrong, where the history says so before `deadline`.
fn write(options: &Options, entries: Vec<Entry>, deadline: Instant) -> Result<Receiver<()>, Option<history::Error>> {
    let patience = deadline.saturating_duration_since(Instant::now() + GIVING_UP);
    let mut writer = Writer::new(options).with_patience(patience);
    let (written, outcome) = sync_channel(1);
    let (open, closed) = sync_channel(0);
    let writing = thread::Builder::new().spawn(move || {
        let appended = catch_unwind(AssertUnwindSafe(|| writer.append(entries).map(drop)));
        // Whoever waited may have gone on.
        written.try_send(appended.map_err(drop)).unwrap_or_default();
        drop(writer);
        drop(open);
    });
    let outcome = writing.map_or(Err(RecvTimeoutError::Disconnected), |_| {
        outcome.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    });
    match outcome {
        Ok(Ok(Ok(()))) => Ok(closed),
        Ok(Ok(Err(failed))) => Err(Some(failed)),
        Ok(Err(())) | Err(_) => Err(None),
    }
}

/// What the payload says, as entries; what it does not say clearly, as a rejection.
fn understand(call: &HookCall, payload: Payload, parent_coder_id: Option<String>, claude_pid: Option<u32>) -> Vec<Entry> {
    let agent = call.agent.as_str();
    let Some(known) = Agent::parse(agent) else {
        let names: Vec<_> = Agent::ALL.iter().map(|agent| agent.name()).collect();
        let given = ai_coder_events::text::excerpt(agent, 40);
        let reason = format!("unknown agent `{given}`: give one of {}", names.join(", "));
        return vec![payload.rejection("hook", reason)];
    };
    if payload.too_large {
        let reason = format!("payload has more than {PAYLOAD_BYTES_MAX} bytes");
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

/// What stdin held when the time for reading was over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Payload {
    bytes: Vec<u8>,
    /// Stdin was still open; the payload may be whole nevertheless.
    cut_short: bool,
    too_large: bool,
}

impl Payload {
    /// Reads to the end or until `deadline`, on a thread that may stay behind in a read that never returns.
    fn read(mut input: impl Read + Send + 'static, deadline: Instant) -> Payload {
        let (sender, chunks) = sync_channel::<Vec<u8>>(4);
        let reading = thread::Builder::new().spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                match input.read(&mut chunk) {
                    Ok(length) if length > 0 => chunk.truncate(length),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    // A closed or unreadable stdin ends the payload; what it lacks, its reader will say.
                    Ok(_) | Err(_) => return,
                }
                if sender.send(chunk).is_err() {
                    return;
                }
            }
        });
        let mut payload = Payload::default();
        if reading.is_err() {
            payload.cut_short = true;
            return payload;
        }
        loop {
            match chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                // An agent that still writes would fail on a closed pipe: what is too much is read on and dropped.
                Ok(_) if payload.too_large => {}
                Ok(chunk) => payload.take(&chunk),
                Err(RecvTimeoutError::Disconnected) => return payload,
                Err(RecvTimeoutError::Timeout) => {
                    payload.cut_short = true;
                    return payload;
                }
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        if self.bytes.len() + chunk.len() > PAYLOAD_BYTES_MAX {
            self.too_large = true;
            self.bytes.truncate(Rejection::INPUT_BYTES_SEEN);
        } else {
            self.bytes.extend_from_slice(chunk);
        }
    }

    fn rejection(&self, source: &str, reason: String) -> Entry {
        let head = &self.bytes[..self.bytes.len().min(Rejection::INPUT_BYTES_SEEN)];
        Entry::Rejection(Rejection { source: source.to_owned(), reason, input: String::from_utf8_lossy(head).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

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

    struct Pipe(Receiver<Vec<u8>>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Ok(chunk) = self.0.recv() else { return Ok(0) };
            buffer[..chunk.len()].copy_from_slice(&chunk);
            Ok(chunk.len())
        }
    }

    #[test]
    fn a_payload_ends_with_stdin_or_with_the_time_for_it() {
        let far = || Instant::now() + Duration::from_secs(60);
        let whole = Payload::read(io::Cursor::new(b"{}".to_vec()), far());
        assert_eq!(whole, Payload { bytes: b"{}".to_vec(), ..Payload::default() });

        let (writer, pipe): (Sender<Vec<u8>>, _) = channel();
        writer.send(b"{}".to_vec()).unwrap();
        let open = Payload::read(Pipe(pipe), Instant::now() + Duration::from_millis(100));
        assert_eq!(open, Payload { bytes: b"{}".to_vec(), cut_short: true, too_large: false });
    }

    #[test]
    fn a_payload_that_is_too_large_is_drained_and_only_its_head_is_kept() {
        let huge = io::repeat(b'x').take(PAYLOAD_BYTES_MAX as u64 + 1);
        let payload = Payload::read(huge, Instant::now() + Duration::from_secs(60));
        assert_eq!((payload.bytes.len(), payload.too_large, payload.cut_short), (Rejection::INPUT_BYTES_SEEN, true, false));
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
