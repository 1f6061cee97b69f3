//! `hook`: one signal of an agent, on stdin, into the history. The recorder never harms the coder.
//!
//! Promises exit code 0 and, unless it is to tell the agent something, no word whatever comes: wrong flags, an unknown agent, a stdin that never closes, a broken
//! configuration (every other command tells of it), a locked, full or corrupt history, a panic. One deadline covers reading,
//! waiting and writing. What is no known signal is kept as a rejection; what cannot be written is spooled. Only what could be
//! left nowhere is told, on stderr. Starts nothing it does not need: no runtime, no logger, no parser of flags.

use std::{
    env,
    ffi::OsString,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    config::{self, Config, Environment},
    history::{self, Entry, Unkept, Writer},
    process::Process,
    repository,
    source::{self, Agent, HookContext, Occasion},
    stderr::{complain, with_causes},
    tell::{self, AskedStep, TellMode},
};

#[cfg(unix)]
mod apart;
mod payload;
mod watchdog;

use payload::Payload;
use watchdog::Watchdog;

/// The share of the budget that reading may take, 150 ms of 250: long enough for a payload of any size from a living agent,
/// and leaves time to write.
const READING: (u32, u32) = (3, 5);
/// How long a payload may take that comes when nobody waits for the hook any more. Claude Code writes those of hooks beside its work
/// when it has time to: some 50 ms after their start, a second and more on a busy machine. It gives each hook five.
#[cfg(unix)]
const LATE: Duration = Duration::from_secs(10);
/// A writer that waits for its turn says so itself, this much before it is given up.
const GIVING_UP: Duration = Duration::from_millis(10);

/// What is told must be claimed and said within the budget: so much of it is left for saying it.
const SAYING: Duration = Duration::from_millis(50);

/// Whose payload it is where the hook's own program is told nothing: Claude Code of before 2.1.139 leaves the words away that stand
/// apart from the program.
const UNSAID: &str = "claude-code";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    agent: String,
    event: Option<String>,
    db: Option<PathBuf>,
    /// What the agent may be told.
    telling: Option<TellMode>,
    started: Instant,
}

/// Why a payload is lost.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error("the hook's payload is lost: {refused}; nor can it be spooled")]
    Unspooled { refused: String, source: history::Error },
    #[error("the hook's payload is lost: the history did not take it in time, nor can it be spooled")]
    TooLate(#[source] history::Error),
}

impl HookCall {
    /// Reads `ai-coder-events hook AGENT [EVENT]` without the parser that may refuse it. `None`: another command, or a person who
    /// asks for help.
    pub fn of_command(arguments: &[OsString]) -> Option<HookCall> {
        HookCall::parse(arguments, Some("hook"))
    }

    /// The same of `ai-coder-events-hook AGENT [EVENT]`.
    pub fn of_program(arguments: &[OsString]) -> Option<HookCall> {
        HookCall::parse(arguments, None)
    }

    fn parse(arguments: &[OsString], mut command: Option<&str>) -> Option<HookCall> {
        let started = Instant::now();
        let (mut words, mut db, mut telling) = (Vec::new(), None, None);
        let mut rest = arguments.iter().skip(1);
        let is_command = command.is_some();
        while let Some(argument) = rest.next() {
            match argument.to_str() {
                Some("--help" | "-h") => return None,
                Some("--version" | "-V") if words.is_empty() && command.is_some() == is_command => return None,
                Some("--db") => db = rest.next().map(PathBuf::from),
                Some(flag) if flag.starts_with("--db=") => db = Some(PathBuf::from(&flag["--db=".len()..])),
                Some(flag) if flag.starts_with('-') => telling = telling.or(TellMode::of_flag(flag)),
                _ => match command.take() {
                    Some(command) if argument != command => return None,
                    Some(_) => {}
                    None => words.push(argument.to_string_lossy().into_owned()),
                },
            }
        }
        if command.is_some() {
            return None;
        }
        let mut words = words.into_iter();
        let unsaid = || if is_command { String::new() } else { UNSAID.to_owned() };
        let (agent, event) = (words.next().unwrap_or_else(unsaid), words.next());
        Some(HookCall { agent, event, db: db.filter(|db| !db.as_os_str().is_empty()), telling, started })
    }
}

/// Exits 0, always.
pub fn run(call: &HookCall) -> ExitCode {
    // A defect is told once, below, and in our own words.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(not(unix))]
    let is_apart = false;
    #[cfg(unix)]
    let is_apart = match apart::divide() {
        Ok(apart::Part::Waiting(recording)) => {
            recording.wait(call.started);
            return ExitCode::SUCCESS;
        }
        Ok(apart::Part::Recording) => true,
        Err(error) => {
            tracing::debug!("one process records and is waited for: {error}");
            false
        }
    };
    let watchdog = Arc::new(Watchdog::new(call.started, is_apart));
    let guarding = Arc::clone(&watchdog);
    // Where not even a thread can be had, the payload is recorded unwatched: only what hangs without end would be noticed.
    if let Err(error) = thread::Builder::new().spawn(move || guarding.guard()) {
        tracing::debug!("nobody watches over the hook: {error}");
    }
    let trouble = match catch_unwind(AssertUnwindSafe(|| record(call, &watchdog))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(with_causes(&error)),
        Err(_) => Some("a defect in the recorder; the hook's payload was not recorded".to_owned()),
    };
    if let Some(trouble) = trouble {
        complain(&format!("ai-coder-events hook: {trouble}"));
    }
    ExitCode::SUCCESS
}

fn record(call: &HookCall, watchdog: &Watchdog) -> Result<(), Error> {
    let environment = Environment::of_process();
    let config = Config::for_hook(call.db.as_deref(), &environment)?;
    watchdog.allow(config.hook_budget);
    let began = config.history.clock.now();
    // While whoever the agent waits for is there, and with it the way up to the agent.
    let process = Agent::parse(&call.agent).and_then(|agent| process_of(agent, environment.claude_pid));
    let payload = read(call, config.hook_budget, watchdog);
    let (mut entries, occasion) = understand(call, payload, environment.coder_id, process);
    for entry in &mut entries {
        if let Entry::Draft(draft) = entry {
            draft.timestamp.get_or_insert(began);
        }
    }
    let step = Agent::parse(&call.agent).zip(occasion.as_ref()).zip(call.telling);
    let step = step.map(|((agent, occasion), telling)| AskedStep { agent, occasion, telling });
    if entries.is_empty() {
        watchdog.end_writing(true);
        tell_agent(step, &mut Writer::new(&config.history), &config, call.started, watchdog);
        wake_keeper(&config);
        return Ok(());
    }
    let Some(writing_ends) = watchdog.begin_writing(&config.history, &entries) else {
        watchdog.spool_in_time(config.history, entries);
        return Ok(());
    };
    let patience = writing_ends.saturating_duration_since(Instant::now() + GIVING_UP);
    let mut writer = Writer::new(&config.history).with_patience(patience);
    let kept = writer.append_or_spool(entries, |appended| watchdog.end_writing(appended));
    if matches!(kept, Ok(true)) {
        tell_agent(step, &mut writer, &config, call.started, watchdog);
        wake_keeper(&config);
        writer.end_with_process();
    } else {
        // What did not take the entries may not let itself be closed either.
        std::mem::forget(writer);
    }
    kept.map(drop).map_err(|unkept| {
        let Unkept { refused, source } = *unkept;
        let refused = refused.map_or_else(|| "a defect in the recorder".to_owned(), |error| with_causes(&error));
        Error::Unspooled { refused, source }
    })
}

/// The agent's payload, for as long as the agent may wait; what comes later than that is nobody's delay.
fn read(call: &HookCall, budget: Duration, watchdog: &Watchdog) -> Payload {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "nothing is read there when nobody waits"))]
    let mut payload = Payload::read(io::stdin(), call.started + budget * READING.0 / READING.1);
    #[cfg(unix)]
    {
        if payload.is_awaited(io::stdin()) && watchdog.release() {
            let late = Instant::now() + LATE;
            watchdog.begin_at(late);
            payload.read_on(io::stdin(), late);
            watchdog.begin_at(Instant::now());
        }
        apart::close_stdin();
    }
    payload
}

/// Says to the agent what there is to say, if it may be told anything. Where that cannot be asked, or not in time, nothing is said;
/// the watchdog ends this too.
fn tell_agent(step: Option<AskedStep<'_>>, writer: &mut Writer, config: &Config, started: Instant, watchdog: &Watchdog) {
    let Some(step) = step else { return };
    let ends = started + config.hook_budget.saturating_sub(SAYING);
    match tell::answer(step, writer, &config.history, || Instant::now() < ends) {
        Ok(Some(answer)) => watchdog.say(&answer),
        Ok(None) => {}
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "nothing is told"),
    }
}

/// What outlives the agent is started by whichever hook finds that it is missing: once all is written, and in silence. The
/// watchdog ends this too.
fn wake_keeper(config: &Config) {
    #[cfg(unix)]
    if let Err(error) = crate::wake::start_where_none(&config.history, &config.keeper) {
        tracing::debug!(error = &error as &dyn std::error::Error, "no keeper");
    }
}

/// What the payload says, as entries; what it does not say clearly, as a rejection. And the occasion to tell the agent something.
fn understand(
    call: &HookCall,
    payload: Payload,
    parent_coder_id: Option<String>,
    process: Option<Value>,
) -> (Vec<Entry>, Option<Occasion>) {
    let agent = call.agent.as_str();
    let Some(known) = Agent::parse(agent) else {
        let given = crate::text::excerpt(agent, 40);
        let reason = format!("unknown agent `{given}`: give one of {}", names().join(", "));
        return (vec![payload.rejection("hook", reason)], None);
    };
    if payload.too_large {
        let reason = format!("payload has more than {} bytes", payload::BYTES_MAX);
        return (vec![payload.rejection(known.name(), reason)], None);
    }
    let context = HookContext { event: call.event.clone(), parent_coder_id, began: None, process };
    // A payload that trips the reader is still evidence.
    let read = || match call.telling {
        Some(_) => source::hear_hook(known, &payload.bytes, &context),
        None => (source::read_hook(known, &payload.bytes, &context), None),
    };
    let (read, occasion) = match catch_unwind(AssertUnwindSafe(read)) {
        Ok((read, occasion)) => (Ok(read), occasion),
        Err(panic) => (Err(panic), None),
    };
    let entries = match read {
        Ok(Ok(drafts)) => {
            // Agents start their hooks where they work.
            let folder = env::current_dir().ok();
            let told = drafts.into_iter().flat_map(|draft| repository::tell(draft, folder.as_deref(), repository::AsOf::Now));
            told.map(|draft| Entry::Draft(Box::new(draft))).collect()
        }
        Ok(Err(refusal)) if payload.cut_short => {
            vec![payload.rejection(known.name(), format!("stdin was not closed in time: {}", refusal.reason))]
        }
        Ok(Err(refusal)) => vec![payload.rejection(known.name(), refusal.reason)],
        Err(_) => vec![payload.rejection(known.name(), "a defect in the recorder: please report this payload".to_owned())],
    };
    (entries, occasion)
}

fn names() -> Vec<&'static str> {
    Agent::ALL.iter().map(|agent| agent.name()).collect()
}

/// The process whose end is the agent's. A hook's parent is often a shell that ends with it, so an ancestor counts only
/// where it is the agent by name.
fn process_of(agent: Agent, claude_pid: Option<u32>) -> Option<Value> {
    let process = match (agent, claude_pid) {
        (Agent::ClaudeCode, Some(pid)) => Process::of(pid),
        (Agent::ClaudeCode, None) => Process::of_ancestor("claude"),
        _ => Process::of_ancestor(agent.name()),
    };
    serde_json::to_value(process?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Rejection;

    #[test]
    fn a_hook_call_is_found_whatever_stands_around_it() {
        let check = |words: &str, expected: Option<(&str, Option<&str>)>| {
            let arguments: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
            let found = HookCall::of_command(&arguments).map(|call| (call.agent, call.db));
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
    fn the_hooks_own_program_needs_no_command() {
        let check = |words: &str, expected: Option<(&str, Option<&str>, Option<&str>)>| {
            let arguments: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
            let found = HookCall::of_program(&arguments).map(|call| (call.agent, call.event, call.db));
            let expected = expected.map(|(agent, event, db)| (agent.into(), event.map(str::to_owned), db.map(PathBuf::from)));
            assert_eq!(found, expected, "{words}");
        };
        check("x claude-code", Some(("claude-code", None, None)));
        check("x copilot sessionStart --db h.db", Some(("copilot", Some("sessionStart"), Some("h.db"))));
        check("x --wrong hook", Some(("hook", None, None)));
        check("x", Some(("claude-code", None, None)));
        check("x --db h.db", Some(("claude-code", None, Some("h.db"))));
        check("x --version", None);
        check("x claude-code --help", None);
    }

    #[test]
    fn what_no_agent_sends_is_a_rejection() {
        let payload = Payload { bytes: vec![b'x'; 10_000], ..Payload::default() };
        let call = HookCall { agent: "nobody".to_owned(), event: None, db: None, telling: None, started: Instant::now() };
        let (entries, _) = understand(&call, payload, None, None);
        let [Entry::Rejection(rejection)] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(rejection.reason, "unknown agent `nobody`: give one of claude-code, codex, copilot, cursor, gemini, opencode");
        assert_eq!(rejection.input.len(), Rejection::INPUT_BYTES_SEEN);
    }
}
