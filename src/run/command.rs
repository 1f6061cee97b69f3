//! The command that runs: started with streams or a terminal of its own, signalled, waited for.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::{self, Stdio},
    sync::mpsc::Sender,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, waitpid};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};

use super::{
    digest::{Digest, OutputOrigin},
    inherited::Inherited,
    not_started::NotStarted,
    outputs::Outputs,
    recorder::Recorder,
    terminal::{Terminal, is_shell_of_its_own},
    wake::{CommandEnd, CommandState, Received, Wake},
};

/// How long a signal may be on its way to whoever passes it on. Twice does no harm to a command that has hardly begun.
const HEARING: Duration = Duration::from_millis(20);

pub(super) struct RunningCommand {
    pid: Pid,
    began: Instant,
    /// A terminal of its own, where it has one.
    terminal: Option<Terminal>,
    outputs: Outputs,
    is_stopped: bool,
    /// The wrapper was asked to stop, and does so once the command has: a shell that waits for it sees one job.
    is_stopping: bool,
}

impl RunningCommand {
    /// Its output waits until it may [flow](RunningCommand::flow).
    pub fn start(
        words: &[OsString],
        environment: Vec<(&'static str, OsString)>,
        inherited: Inherited,
        digest: &Digest,
    ) -> Result<RunningCommand, NotStarted> {
        let (program, arguments) = words.split_first().expect("a run has a program");
        let mut command = process::Command::new(program);
        inherited.hand_on(command.args(arguments).envs(environment));
        let is_shell = is_shell_of_its_own(words);
        let started = RunningCommand::begin(command, is_shell, digest).map_err(|error| NotStarted::of(program, error))?;
        inherited.let_go();
        Ok(started)
    }

    fn begin(command: process::Command, is_shell: bool, digest: &Digest) -> io::Result<RunningCommand> {
        let mut outputs = Outputs::new()?;
        let (child, terminal) = if is_shell {
            let stderr = if io::stderr().is_terminal() { None } else { outputs.of_stderr(digest)? };
            let (child, terminal) = Terminal::start(command, stderr.map(Stdio::from), digest)?;
            (child, Some(terminal))
        } else {
            (outputs.start(command, digest)?, None)
        };
        Ok(RunningCommand {
            pid: Pid::from_child(&child),
            began: Instant::now(),
            terminal,
            outputs,
            is_stopped: false,
            is_stopping: false,
        })
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub fn is_in_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// What of its output nobody reads, and why.
    pub fn unread(&self) -> &[(OutputOrigin, &'static str)] {
        self.outputs.unread()
    }

    /// Lets its output through from here on.
    pub fn flow(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.flow();
        }
        self.outputs.flow();
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
        match signal {
            SIGWINCH => self.resize(),
            SIGTSTP if self.is_in_terminal() => {
                self.is_stopping = true;
                // A session's leader in a terminal of its own has no one to continue it: the kernel would not let it stop.
                self.send_to_group(Signal::STOP);
            }
            SIGTSTP => {
                self.is_stopping = true;
                if !self.has_heard(from_terminal) {
                    self.send(Signal::TSTP);
                }
                // Its stop may have been heard of first.
                self.follow(recorder);
            }
            SIGCONT => {
                self.is_stopping = false;
                if self.is_in_terminal() { self.send_to_group(Signal::CONT) } else { self.send(Signal::CONT) }
            }
            _ if self.has_heard(from_terminal) && !self.is_in_terminal() => {}
            _ => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.send(signal);
                }
            }
        }
    }

    /// Whether a signal has reached it without us: what a terminal sends, it sends to all in its foreground. One that it sent before
    /// the command was there, we may hear of only now.
    fn has_heard(&self, from_terminal: bool) -> bool {
        from_terminal && self.began.elapsed() > HEARING
    }

    /// The kernel tells the command of its own terminal.
    fn resize(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.resize();
        }
        self.outputs.resize();
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
        if let Some(terminal) = &mut self.terminal {
            terminal.give_back();
        }
        if let Err(error) = kill_process(getpid(), Signal::STOP) {
            tracing::debug!("failed to stop: {error}");
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.take_over();
        }
        self.resize();
    }

    /// Delivers what it left in its streams. What still runs of it keeps them.
    pub fn drain(self) {
        if let Some(terminal) = self.terminal {
            terminal.drain();
        }
        self.outputs.drain();
    }

    fn send(&self, signal: Signal) {
        passed_on(kill_process(self.pid, signal), signal);
    }

    /// To all of the command that works for it in its terminal.
    fn send_to_group(&self, signal: Signal) {
        passed_on(kill_process_group(self.pid, signal), signal);
    }
}

fn passed_on(sent: rustix::io::Result<()>, signal: Signal) {
    // It may have ended a moment ago.
    if let Err(error) = sent {
        tracing::debug!("failed to pass on {signal:?}: {error}");
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
