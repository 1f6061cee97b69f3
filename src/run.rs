//! `run`: any process as a coder. Transparent first: what it runs must not notice that it is watched.
//!
//! ```text
//! stdin ──────────────────────────▶ command ─▶ pipe or terminal ─▶ copy ─▶ stdout, stderr
//!                                      │                             └tap▶ digest ─┐
//! signals ─▶ forward ─▶ command        ├─▶ workspace, resources ───────────────────┼─▶ recorder ─▶ history
//!                                      └─▶ waits: stopped, continued, ended ───────┘
//! ```
//!
//! It promises: the command's own end, streams, descriptors and signals, as whoever waits for it sees them (what a command and
//! its shell can tell apart is a table in `tests/it/run/same.rs`); copying never waits for recording, which sheds output
//! text and counts it instead; whatever state the history is in, nothing of it is heard on the command's streams; where
//! the wrapper dies, the command loses no more than the reader of a pipe.
//!
//! How a life ends: exit code 0 is `completed`, another one or a signal is `failed`, and as the process is gone too,
//! `stopped` follows. A command that dies of an interrupt, termination or hang-up that came through the wrapper did what
//! its person asked: it is `stopped` alone, with the signal as its reason.

mod coder;
mod command;
mod copy;
mod digest;
mod ending;
mod exit;
mod files;
mod full_screen;
mod inherited;
mod keys;
mod life;
mod not_started;
mod output;
mod outputs;
mod recorder;
mod resources;
mod room;
mod screen;
mod signals;
mod terminal;
mod wake;

use std::{
    ffi::OsString,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    time::{Duration, SystemTime},
};

use crate::{
    history,
    source::HookContext,
    workspace::{WatchBudget, WatchedTree, Workspace, WorkspaceNews},
};

pub use self::{coder::RunCoder, exit::end_like, not_started::NotStarted, wake::CommandEnd};
use self::{
    command::RunningCommand,
    digest::Digest,
    ending::Ending,
    files::RunFiles,
    inherited::Inherited,
    life::Life,
    recorder::{DraftSink, Recorder},
    resources::Resources,
    wake::{CommandState, Wake},
};

/// What of the command's folder is watched.
const FOLDERS_MAX: usize = 8_192;
const FILES_MAX: usize = 100_000;
/// An editor's save is one change.
const QUIET: Duration = Duration::from_millis(200);
/// How long the command's start waits for the watch: most trees stand by then. What a larger one misses it finds by the files'
/// own times.
const STANDING: Duration = Duration::from_millis(100);
/// How long a signal that may have ended the command may take to be heard of here.
const HEARING: Duration = Duration::from_millis(50);

/// What to run, and as whom to record it.
#[derive(Debug)]
pub struct Run {
    pub coder: RunCoder,
    /// The program and its arguments; not empty.
    pub command: Vec<OsString>,
    /// Whether stdout may be an agent's, whose JSON lines are read.
    pub reads_stream: bool,
    /// In MiB, of all its processes together.
    pub memory_limit_mb: Option<u64>,
    /// Where to record; nowhere, where there is no place for a history.
    pub history: Option<history::Options>,
}

/// Runs it to its end.
///
/// # Errors
/// [`NotStarted`] where the command could not be run; that is recorded too.
pub fn run(run: Run) -> Result<CommandEnd, NotStarted> {
    let Run { coder, command, reads_stream, memory_limit_mb, history } = run;
    let inherited = Inherited::take();
    signals::outlive_full_files();
    // A folder that is gone is still the command's, but there is nothing to watch in it.
    let folder = std::env::current_dir().ok();
    let life = Life::new(coder.clone(), &command, folder.as_deref());
    let environment = coder.environment(history.as_ref());
    if let Err(lack) = room::check() {
        let beginning = vec![life.created(), life.unrecorded(&lack)];
        return Err(room::give_up_place(&command, environment, &inherited, beginning, history.as_ref()));
    }
    let recorder = Recorder::start(history.as_ref());
    recorder.record(life.created());

    let (wake, wakes) = mpsc::channel();
    // Before the command: a signal that comes early is not lost but waits for it.
    signals::listen(wake.clone());
    let workspace = folder.map(|folder| watch(&folder, &coder, history.as_ref(), recorder.sink()));
    let context = HookContext { parent_coder_id: Some(coder.id.clone()), began: Some(coder::now()), ..HookContext::default() };
    let digest = Digest::start(coder.clone(), reads_stream.then_some(&context), recorder.sink());

    let mut command = match RunningCommand::start(&command, environment, inherited, &digest) {
        Ok(command) => command,
        Err(not_started) => {
            recorder.record_all(life.not_started(&not_started));
            recorder.finish();
            return Err(not_started);
        }
    };
    recorder.record(life.started(command.pid()));
    recorder.record_all(command.unread().iter().map(|(from, why)| digest::unread(&coder, *from, why)).collect());
    command.flow();
    let resources = Resources::measure(command.pid(), memory_limit_mb, coder, recorder.sink());
    command.wait_on(wake);

    let (end, ending) = attend(&mut command, &wakes, &life, &recorder);
    let ended_at = coder::now();
    let in_terminal = command.is_in_terminal();
    command.drain();
    resources.finish();
    workspace.into_iter().for_each(Workspace::finish);
    let last_lines = digest.finish();
    recorder.record_all(life.ended(end, ending.asked_for(end, in_terminal), &last_lines, ended_at));
    recorder.finish();
    Ok(end)
}

/// Returns once the tree is watched, or has taken too long for that.
fn watch(folder: &Path, coder: &RunCoder, history: Option<&history::Options>, record: DraftSink) -> Workspace {
    let files = RunFiles::new(coder.clone(), folder);
    let (standing, stands) = mpsc::channel();
    let reporter = move |news| {
        // Or it never will.
        if !matches!(news, WorkspaceNews::Changed { .. }) {
            standing.send(()).unwrap_or_default();
        }
        files.draft(news).into_iter().for_each(|draft| record.record(draft));
    };
    let budget = WatchBudget::new(FOLDERS_MAX, FILES_MAX);
    let (root, history) = (folder.to_owned(), history.cloned());
    let tree = WatchedTree { root, history, budget, since: SystemTime::now(), quiet: QUIET };
    let workspace = Workspace::watch(tree, Arc::new(reporter));
    stands.recv_timeout(STANDING).unwrap_or_default();
    workspace
}

/// Does what the command and whoever sends signals ask for, until it has ended.
fn attend(command: &mut RunningCommand, wakes: &Receiver<Wake>, life: &Life, recorder: &Recorder) -> (CommandEnd, Ending) {
    let mut ending = Ending::default();
    loop {
        // Its senders live as long as the threads that wait for the command and for signals.
        let Ok(woken) = wakes.recv() else { return (CommandEnd::Code(1), ending) };
        match woken {
            Wake::Received(received) => {
                ending.received(received);
                command.receive(received, recorder);
            }
            Wake::Command(CommandState::Stopped(signal)) => {
                recorder.record(life.paused(signal));
                command.stopped(recorder);
            }
            Wake::Command(CommandState::Continued) => {
                recorder.record(life.resumed());
                command.continued();
            }
            Wake::Command(CommandState::Ended(end)) => {
                while ending.may_be_asked_for(end)
                    && let Ok(Wake::Received(received)) = wakes.recv_timeout(HEARING)
                {
                    ending.received(received);
                }
                return (end, ending);
            }
        }
    }
}
