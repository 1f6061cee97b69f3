//! A terminal and a session of its own for a bash that is typed into: ours is raw meanwhile, and given back on every way out.
//!
//! bash alone asks the terminal that it writes to whose turn it is, and only a session's own terminal answers that. All else finds its
//! session's terminal by itself, and stays in ours (`screen.rs`): there, nothing of a terminal has to be done anew.

use std::{
    ffi::OsString,
    io,
    os::fd::OwnedFd,
    path::Path,
    process::{self, Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use pty_process::Error;
use rustix::{
    process::{Pid, getpgrp},
    stdio,
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr},
};

use super::{
    copy::{CHUNK_BYTES, write_all},
    digest::{Digest, OutputOrigin, Tap},
    keys::type_in,
    screen::{self, size_like},
};

/// What is left in the terminal after the command's end comes within this, or nothing does.
const QUIET: Duration = Duration::from_millis(50);

pub(super) struct Terminal {
    near: Arc<OwnedFd>,
    command: Pid,
    /// How ours was before; `None` while it is given back.
    before: Option<Termios>,
    copied: Arc<AtomicU64>,
    ended: Option<Receiver<()>>,
    tap: Option<Tap>,
}

/// Whether `words` are a bash that a person types into, and sees what it shows. In the background nobody does.
pub(super) fn is_shell_of_its_own(words: &[OsString]) -> bool {
    let is_in_foreground = || tcgetpgrp(stdio::stdin()).is_ok_and(|foreground| foreground == getpgrp());
    is_interactive_bash(words) && [stdio::stdin(), stdio::stdout()].into_iter().all(isatty) && is_in_foreground()
}

fn is_interactive_bash(words: &[OsString]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let is_bash = Path::new(program).file_name().is_some_and(|name| name == "bash");
    let arguments: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let has =
        |letter: char| arguments.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter));
    is_bash && (has('i') || !has('c') && arguments.iter().all(|word| word.starts_with('-')))
}

impl Terminal {
    /// `stderr` where that is no terminal.
    pub fn start(command: process::Command, stderr: Option<Stdio>, digest: &Digest) -> io::Result<(Child, Terminal)> {
        let (near, far, _) = screen::open_like(stdio::stdin(), |_| ())?;
        let mut command = pty_process::blocking::Command::from(command);
        if let Some(stderr) = stderr {
            command = command.stderr(stderr);
        }
        let child = command.spawn(far).map_err(into_io)?;
        let (near, tap) = (Arc::new(near), Some(digest.tap(OutputOrigin::Terminal)));
        let terminal =
            Terminal { near, command: Pid::from_child(&child), before: None, copied: Arc::default(), ended: None, tap };
        Ok((child, terminal))
    }

    /// Keys go in and what is shown comes out, on a thread each.
    pub fn flow(&mut self) {
        self.take_over();
        let Some(tap) = self.tap.take() else { return };
        let (ending, ended) = mpsc::channel();
        let (near, copied) = (Arc::clone(&self.near), Arc::clone(&self.copied));
        let showing = thread::Builder::new().name("show".into()).spawn(move || {
            show(&near, tap, &copied);
            drop(ending);
        });
        // It stays behind in a read of our terminal, and ends with us.
        let (near, command) = (Arc::clone(&self.near), self.command);
        let typing = thread::Builder::new().name("keys".into()).spawn(move || type_in(&near, command));
        if let Err(error) = showing.and(typing) {
            tracing::error!("the terminal of the command cannot be served: failed to start a thread: {error}");
        }
        self.ended = Some(ended);
    }

    pub fn resize(&self) {
        size_like(&self.near, stdio::stdin());
    }

    /// Ours becomes raw: every key is the command's.
    pub fn take_over(&mut self) {
        let Ok(before) = tcgetattr(stdio::stdin()) else { return };
        let mut raw = before.clone();
        raw.make_raw();
        if tcsetattr(stdio::stdin(), OptionalActions::Drain, &raw).is_ok() {
            self.before = Some(before);
        }
    }

    /// Ours is as it was.
    pub fn give_back(&mut self) {
        if let Some(before) = self.before.take()
            && let Err(error) = tcsetattr(stdio::stdin(), OptionalActions::Drain, &before)
        {
            tracing::warn!("the terminal stays raw: {error}");
        }
    }

    /// Shows what is left. Who still holds the terminal, like any terminal's children, is told by its closing.
    pub fn drain(self) {
        let Some(ended) = &self.ended else { return };
        let mut copied = self.copied.load(Ordering::Acquire);
        while ended.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
            let now = self.copied.load(Ordering::Acquire);
            if now == copied {
                return;
            }
            copied = now;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Rustix(error) => error.into(),
    }
}

fn show(from: &OwnedFd, mut tap: Tap, copied: &AtomicU64) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match rustix::io::read(from, &mut chunk) {
            Err(rustix::io::Errno::INTR) => {}
            // An error is how Linux tells that nobody holds the other end any more.
            Ok(0) | Err(_) => return,
            Ok(length) => {
                if write_all(stdio::stdout(), &chunk[..length]).is_err() {
                    return;
                }
                tap.take(&chunk[..length]);
                copied.fetch_add(length as u64, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bash_that_reads_from_a_person_is_a_shell_of_its_own() {
        for (line, expected) in [
            ("bash", true),
            ("/bin/bash --norc", true),
            ("bash -l", true),
            ("bash -ic exit", true),
            ("bash --norc -i -c exit", true),
            ("bash -c exit", false),
            ("bash script", false),
            ("bash -x script --in", false),
            ("sh", false),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(is_interactive_bash(&words), expected, "{line}");
        }
    }
}
