//! The command that runs: started with pipes or in a terminal of its own, signalled, waited for.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    path::Path,
    sync::mpsc::Sender,
    thread,
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};

use super::{
    digest::Digest,
    not_started::NotStarted,
    pipes::Pipes,
    recorder::Recorder,
    terminal::Terminal,
    wake::{CommandEnd, CommandState, Received, Wake},
};

/// What carries its streams.
enum Streams {
    Pipes(Pipes),
    Terminal(Terminal),
}

pub(super) struct RunningCommand {
    pid: Pid,
    streams: Streams,
    is_stopped: bool,
    /// The wrapper was asked to stop, and does so once the command has: a shell that waits for it sees one job.
    is_stopping: bool,
}

impl RunningCommand {
    /// In a terminal where all three streams are one, else with pipes. Its output waits until it may [flow](RunningCommand::flow).
    pub fn start(
        words: &[OsString],
        folder: &Path,
        environment: Vec<(&'static str, OsString)>,
        digest: &Digest,
    ) -> Result<RunningCommand, NotStarted> {
        let all_terminals = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
        let (pid, streams) = if all_terminals {
            let (pid, terminal) = Terminal::start(words, folder, environment, digest)?;
            (pid, Streams::Terminal(terminal))
        } else {
            let (pid, pipes) = Pipes::start(words, environment, digest)?;
            (pid, Streams::Pipes(pipes))
        };
        Ok(RunningCommand { pid, streams, is_stopped: false, is_stopping: false })
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub fn is_in_terminal(&self) -> bool {
        matches!(self.streams, Streams::Terminal(_))
    }

    /// Lets its output through from here on.
    pub fn flow(&mut self) {
        match &mut self.streams {
            Streams::Pipes(pipes) => pipes.flow(),
            Streams::Terminal(terminal) => terminal.flow(),
        }
    }

    /// Tells `wake` what becomes of it, until it has ended.
    pub fn wait_on(&self, wake: Sender<Wake>) {
        let pid = self.pid;
        let telling = move || {
            loop {
                let state = next_state(pid);
                if wake.send(Wake::Command(state)).is_err() || matches!(state, CommandState::Ended(_)) {
                    return;
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("wait".into()).spawn(telling) {
            tracing::error!("the command is not waited for: failed to start a thread: {error}");
        }
    }

    /// Passes a signal on, as far as the command does not have it yet.
    pub fn receive(&mut self, Received { signal, from_terminal }: Received, recorder: &Recorder) {
        match (signal, &self.streams) {
            (SIGWINCH, Streams::Terminal(terminal)) => terminal.resize(),
            // The kernel tells the command of its own terminal.
            (SIGWINCH, Streams::Pipes(_)) => {}
            (SIGTSTP, Streams::Terminal(_)) => {
                self.is_stopping = true;
                // A session's leader in a terminal of its own has no one to continue it: the kernel would not let it stop.
                self.send(Signal::STOP);
            }
            (SIGTSTP, Streams::Pipes(_)) => {
                self.is_stopping = true;
                if !from_terminal {
                    self.send(Signal::TSTP);
                }
                // Its stop may have been heard of first.
                self.follow(recorder);
            }
            (SIGCONT, _) => {
                self.is_stopping = false;
                self.send(Signal::CONT);
            }
            _ if from_terminal && !self.is_in_terminal() => {}
            _ => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.send(signal);
                }
            }
        }
    }

    pub fn stopped(&mut self, recorder: &Recorder) {
        self.is_stopped = true;
        self.follow(recorder);
    }

    pub fn continued(&mut self) {
        self.is_stopped = false;
    }

    /// Stops too where the command has and it was asked for; returns when the wrapper is continued.
    fn follow(&mut self, recorder: &Recorder) {
        if !(self.is_stopped && self.is_stopping) {
            return;
        }
        self.is_stopping = false;
        recorder.flush();
        if let Streams::Terminal(terminal) = &mut self.streams {
            terminal.give_back();
        }
        if let Err(error) = kill_process(rustix::process::getpid(), Signal::STOP) {
            tracing::debug!("failed to stop: {error}");
        }
        if let Streams::Terminal(terminal) = &mut self.streams {
            terminal.take_over();
            terminal.resize();
        }
    }

    /// Delivers what it left in its streams. What still runs of it keeps them.
    pub fn drain(self) {
        match self.streams {
            Streams::Pipes(pipes) => pipes.drain(),
            Streams::Terminal(terminal) => terminal.drain(),
        }
    }

    fn send(&self, signal: Signal) {
        // It may have ended a moment ago.
        if let Err(error) = kill_process(self.pid, signal) {
            tracing::debug!("failed to pass on {signal:?}: {error}");
        }
    }
}

fn next_state(pid: Pid) -> CommandState {
    loop {
        match waitpid(Some(pid), WaitOptions::UNTRACED | WaitOptions::CONTINUED) {
            Ok(Some((_, status))) => {
                if let Some(state) = state_of(status) {
                    return state;
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // Somebody else took its end: that it ended is all that is left to know.
            Err(_) => return CommandState::Ended(CommandEnd::Code(1)),
        }
    }
}

fn state_of(status: WaitStatus) -> Option<CommandState> {
    if status.continued() {
        return Some(CommandState::Continued);
    }
    let stopped = status.stopping_signal().map(CommandState::Stopped);
    let code = || status.exit_status().map(|code| CommandState::Ended(CommandEnd::Code(code)));
    let signal = || status.terminating_signal().map(|signal| CommandState::Ended(CommandEnd::Signal(signal)));
    stopped.or_else(code).or_else(signal)
}
