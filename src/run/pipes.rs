//! Three pipes: stdin is the command's own, stdout and stderr are copied on a thread each.

use std::{
    ffi::OsString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    process::{self, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    process::Pid,
    stdio,
};

use super::{
    copy::copy,
    digest::{Digest, OutputOrigin, Tap},
    not_started::NotStarted,
};

/// One stream of the command on its way to one of ours.
struct PipedStream {
    theirs: OwnedFd,
    ours: BorrowedFd<'static>,
    tap: Tap,
}

/// The command's stdout and stderr.
pub(super) struct Pipes {
    /// Until they flow.
    streams: Vec<PipedStream>,
    copying: Vec<(BorrowedFd<'static>, JoinHandle<Option<OwnedFd>>)>,
    stopped: Arc<OwnedFd>,
    /// Closed to tell the copying threads that the command has ended.
    stop: OwnedFd,
}

impl Pipes {
    pub fn start(
        words: &[OsString],
        environment: Vec<(&'static str, OsString)>,
        digest: &Digest,
    ) -> Result<(Pid, Pipes), NotStarted> {
        let (program, arguments) = words.split_first().expect("a run has a program");
        let failed = |error| NotStarted::of(program, error);
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
        let mut command = process::Command::new(program);
        command.args(arguments).envs(environment).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        let stdout = child.stdout.map(OwnedFd::from).map(|theirs| (theirs, stdio::stdout(), OutputOrigin::Stdout));
        let stderr = child.stderr.map(OwnedFd::from).map(|theirs| (theirs, stdio::stderr(), OutputOrigin::Stderr));
        let stream = |(theirs, ours, from)| PipedStream { theirs, ours, tap: digest.tap(from) };
        let streams = stdout.into_iter().chain(stderr).map(stream).collect();
        Ok((pid, Pipes { streams, copying: Vec::new(), stopped: Arc::new(stopped), stop }))
    }

    pub fn flow(&mut self) {
        for PipedStream { theirs, ours, tap } in self.streams.drain(..) {
            let stopped = Arc::clone(&self.stopped);
            let copying = thread::Builder::new().name("copy".into()).spawn(move || copy(theirs, ours, stopped.as_fd(), tap));
            match copying {
                Ok(thread) => self.copying.push((ours, thread)),
                Err(error) => tracing::error!("output is lost: failed to start a thread: {error}"),
            }
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
