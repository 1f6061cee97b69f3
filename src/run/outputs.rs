//! What the command writes on streams of its own, copied to ours on a thread each: pipes, and where one of ours is a terminal
//! a pseudo-terminal, so that the command finds one too.
//!
//! The command reads keys from our terminal itself then, and is in its session: all else that a terminal does is ours.

use std::{
    io::{self, IsTerminal},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    process::{self, Child, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    stdio,
    termios::OutputModes,
};

use super::{
    copy::copy,
    digest::{Digest, OutputOrigin, Tap},
    pty,
};

/// One stream of the command on its way to one of ours.
struct CopiedStream {
    theirs: OwnedFd,
    ours: BorrowedFd<'static>,
    tap: Tap,
}

/// The command's stdout and stderr, as far as no terminal of its own shows them.
pub(super) struct Outputs {
    /// Until they flow.
    streams: Vec<CopiedStream>,
    /// The pseudo-terminal among them, and the terminal of ours that it is like.
    screen: Option<(OwnedFd, BorrowedFd<'static>)>,
    copying: Vec<(BorrowedFd<'static>, JoinHandle<Option<OwnedFd>>)>,
    stopped: Arc<OwnedFd>,
    /// Closed to tell the copying threads that the command has ended.
    stop: OwnedFd,
}

impl Outputs {
    pub fn new() -> io::Result<Outputs> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Outputs { streams: Vec::new(), screen: None, copying: Vec::new(), stopped: Arc::new(stopped), stop })
    }

    /// Starts `command` with both of them.
    pub fn start(&mut self, mut command: process::Command, digest: &Digest) -> io::Result<Child> {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let ours = if stdout { stdio::stdout() } else { stdio::stderr() };
        // What passes is translated once, by ours.
        let as_is = |settings: &mut rustix::termios::Termios| settings.output_modes.remove(OutputModes::OPOST);
        let screen = if stdout || stderr { Some(pty::open_like(ours, as_is)?) } else { None };
        let end = |is_terminal: bool| match &screen {
            Some((_, far)) if is_terminal => far.as_fd().try_clone_to_owned().map(Stdio::from),
            _ => Ok(Stdio::piped()),
        };
        let mut child = command.stdout(end(stdout)?).stderr(end(stderr)?).spawn()?;
        self.take(&mut child, digest);
        if let Some((near, _)) = screen {
            // What both write stays in one order.
            let origin = match (stdout, stderr) {
                (true, true) => OutputOrigin::Terminal,
                (true, false) => OutputOrigin::Stdout,
                _ => OutputOrigin::Stderr,
            };
            self.screen = Some((near.try_clone()?, ours));
            self.streams.push(CopiedStream { theirs: near, ours, tap: digest.tap(origin) });
        }
        Ok(child)
    }

    /// The pipes of a command that was started.
    pub fn take(&mut self, child: &mut Child, digest: &Digest) {
        let stdout = child.stdout.take().map(OwnedFd::from).map(|theirs| (theirs, stdio::stdout(), OutputOrigin::Stdout));
        let stderr = child.stderr.take().map(OwnedFd::from).map(|theirs| (theirs, stdio::stderr(), OutputOrigin::Stderr));
        let stream = |(theirs, ours, from)| CopiedStream { theirs, ours, tap: digest.tap(from) };
        self.streams.extend(stdout.into_iter().chain(stderr).map(stream));
    }

    pub fn flow(&mut self) {
        for CopiedStream { theirs, ours, tap } in self.streams.drain(..) {
            let stopped = Arc::clone(&self.stopped);
            let copying = thread::Builder::new().name("copy".into()).spawn(move || copy(theirs, ours, stopped.as_fd(), tap));
            match copying {
                Ok(thread) => self.copying.push((ours, thread)),
                Err(error) => tracing::error!("output is lost: failed to start a thread: {error}"),
            }
        }
    }

    pub fn resize(&self) {
        if let Some((near, ours)) = &self.screen {
            pty::fit(near.as_fd(), *ours);
        }
    }

    /// What the command wrote is delivered. A stream that its own children hold goes on to be copied, by a `cat` that outlives
    /// us: a server left in the background must not die of our end.
    pub fn drain(self) {
        drop(self.stop);
        for (ours, thread) in self.copying {
            if let Ok(Some(theirs)) = thread.join() {
                hand_over(theirs, ours);
            }
        }
    }
}

/// Where systems keep `cat`. It is not looked for in PATH, which whoever set up the command's environment may have chosen.
const CAT: [&str; 3] = ["/bin/cat", "/usr/bin/cat", "/run/current-system/sw/bin/cat"];

fn hand_over(theirs: OwnedFd, ours: BorrowedFd<'static>) {
    let cat = CAT.iter().find(|path| Path::new(path).exists()).unwrap_or(&CAT[0]);
    let handed = ours.try_clone_to_owned().and_then(|ours| {
        process::Command::new(cat).stdin(Stdio::from(theirs)).stdout(Stdio::from(ours)).stderr(Stdio::null()).spawn()
    });
    if let Err(error) = handed {
        tracing::warn!("output of what still runs is lost: {error}");
    }
}
