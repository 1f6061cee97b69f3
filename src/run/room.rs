//! Whether there is room for a wrapper: memory, threads and descriptors. Where there is none the command takes its place, unrecorded but
//! for its beginning: what could run without us must run with us.

use std::{ffi::OsString, fs::File, io, os::unix::process::CommandExt, process::Command, sync::Mutex, thread, time::Duration};

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

use crate::{
    event::Draft,
    history::{self, Entry, Writer},
};

use super::{inherited::Inherited, not_started::NotStarted};

/// Those of a run, and the one of the watch on its folders.
const THREADS: usize = 10;
/// The history's, a pseudo-terminal's, pipes', the watch's and the signals': 14 were counted beside the three streams, and some are
/// open for a moment.
const DESCRIPTORS: usize = 32;
/// Address space (`ulimit -v`): glibc sets 64 MiB aside for each thread, and whoever gets no memory at all aborts.
const ADDRESS_BYTES: u64 = 1 << 30;
/// How long the beginning's commit waits for other writers.
const PATIENCE: Duration = Duration::from_millis(500);

/// # Errors
/// What there is too little of.
pub(super) fn check() -> io::Result<()> {
    if getrlimit(Resource::As).current.is_some_and(|bytes| bytes < ADDRESS_BYTES) {
        return Err(Errno::NOMEM.into());
    }
    (0..DESCRIPTORS).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<File>>>()?;
    let gate = Mutex::new(());
    let wait = || drop(gate.lock());
    thread::scope(|scope| {
        // All of them stand at once.
        let shut = gate.lock();
        let started = (0..THREADS).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, wait).map(drop));
        drop(shut);
        started
    })
}

/// Becomes the command, once `beginning` is recorded. Comes back where that cannot be run.
pub(super) fn give_up_place(
    words: &[OsString],
    environment: Vec<(&'static str, OsString)>,
    inherited: &Inherited,
    beginning: Vec<Draft>,
    history: Option<&history::Options>,
) -> NotStarted {
    if let Some(options) = history {
        let entries = beginning.into_iter().map(Entry::from).collect();
        if let Err(error) = Writer::new(options).with_patience(PATIENCE).append(entries) {
            tracing::debug!("the beginning is not recorded: {error}");
        }
    }
    let (program, arguments) = words.split_first().expect("a run has a program");
    let mut command = Command::new(program);
    inherited.hand_on(command.args(arguments).envs(environment));
    NotStarted::of(program, command.exec())
}
