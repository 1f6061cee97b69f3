//! A terminal of its own for a command that is typed into and shows on ours: ours is raw meanwhile, and given back on every
//! way out.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process::{self, Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use rustix::{
    process::Pid,
    stdio,
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

use super::{
    copy::{CHUNK_BYTES, write_all},
    digest::{Digest, OutputOrigin, Tap},
    keys::type_in,
    pty,
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

impl Terminal {
    /// `stderr` where that is no terminal.
    pub fn start(command: process::Command, stderr: Option<Stdio>, digest: &Digest) -> io::Result<(Child, Terminal)> {
        let (near, far) = pty::open_like(stdio::stdin(), |_| ())?;
        let mut command = pty_process::blocking::Command::from(command);
        if let Some(stderr) = stderr {
            command = command.stderr(stderr);
        }
        let child = command.spawn(far).map_err(pty::into_io)?;
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
        pty::fit(self.near.as_fd(), stdio::stdin());
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
