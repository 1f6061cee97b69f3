//! What the command writes on streams of its own, copied to ours on a thread each: pipes, and where one of ours is a terminal
//! a pseudo-terminal, so that the command finds one too. Where both of ours are one, so are its own: what they hold stays in order.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
    process::{self, Child, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::{
    fs::{FileType, Stat, fstat, fstatvfs},
    pipe::{PipeFlags, pipe_with},
    process::{Resource, getrlimit},
    stdio,
    termios::isatty,
};

use super::{
    copy::copy,
    digest::{Digest, OutputOrigin, Tap},
    inherited::{serve_from_the_background, was_closed},
    screen::CommandScreen,
};

/// On a file system with less room, what is written may fail: then the command is who must hear of it.
const ROOM_BYTES: u64 = 64 << 20;

/// One stream of the command on its way to one of ours.
struct CopiedStream {
    theirs: OwnedFd,
    ours: BorrowedFd<'static>,
    screen: Option<Arc<CommandScreen>>,
    tap: Tap,
}

/// The command's stdout and stderr.
pub(super) struct Outputs {
    /// Until they flow.
    streams: Vec<CopiedStream>,
    unread: Vec<(OutputOrigin, &'static str)>,
    screens: Vec<Arc<CommandScreen>>,
    copying: Vec<(BorrowedFd<'static>, JoinHandle<Option<OwnedFd>>)>,
    stopped: Arc<OwnedFd>,
    /// Closed to tell the copying threads that the command has ended.
    stop: OwnedFd,
}

impl Outputs {
    pub fn new() -> io::Result<Outputs> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let (streams, unread, screens, copying) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Outputs { streams, unread, screens, copying, stopped: Arc::new(stopped), stop })
    }

    /// Starts `command` with both of them.
    pub fn start(&mut self, mut command: process::Command, digest: &Digest) -> io::Result<Child> {
        if is_one(stdio::stdout(), stdio::stderr()) {
            let origin = if isatty(stdio::stdout()) { OutputOrigin::Terminal } else { OutputOrigin::Both };
            if let Some(theirs) = self.lead(stdio::stdout(), origin, digest)? {
                command.stdout(theirs.try_clone()?).stderr(theirs);
            }
        } else {
            if let Some(theirs) = self.lead(stdio::stdout(), OutputOrigin::Stdout, digest)? {
                command.stdout(theirs);
            }
            if let Some(theirs) = self.lead(stdio::stderr(), OutputOrigin::Stderr, digest)? {
                command.stderr(theirs);
            }
        }
        let child = command.spawn()?;
        // Whoever writes to it must learn when the command does not read it any more.
        let_go(stdio::stdin());
        Ok(child)
    }

    /// Where the command's own terminal shows the rest.
    pub fn of_stderr(&mut self, digest: &Digest) -> io::Result<Option<OwnedFd>> {
        self.lead(stdio::stderr(), OutputOrigin::Stderr, digest)
    }

    /// The command's end of a stream that leads to `ours`; `None` where it has ours itself.
    fn lead(&mut self, ours: BorrowedFd<'static>, from: OutputOrigin, digest: &Digest) -> io::Result<Option<OwnedFd>> {
        if was_closed(ours.as_raw_fd()) {
            return Ok(None);
        }
        if let Some(why) = why_not_copied(ours) {
            self.unread.push((from, why));
            return Ok(None);
        }
        let tap = digest.tap(from);
        if isatty(ours) {
            let (screen, theirs, end) = CommandScreen::like(ours)?;
            let screen = Arc::new(screen);
            self.screens.push(Arc::clone(&screen));
            self.streams.push(CopiedStream { theirs, ours, screen: Some(screen), tap });
            return Ok(Some(end.as_fd().try_clone_to_owned()?));
        }
        let (theirs, end) = pipe_with(PipeFlags::CLOEXEC)?;
        self.streams.push(CopiedStream { theirs, ours, screen: None, tap });
        Ok(Some(end))
    }

    pub fn unread(&self) -> &[(OutputOrigin, &'static str)] {
        &self.unread
    }

    pub fn flow(&mut self) {
        for CopiedStream { theirs, ours, screen, tap } in self.streams.drain(..) {
            let stopped = Arc::clone(&self.stopped);
            let copying = thread::Builder::new().name("copy".into()).spawn(move || {
                if let Err(error) = serve_from_the_background() {
                    tracing::debug!("the terminal is served from the foreground alone: {error}");
                }
                let left = copy(theirs, ours, stopped.as_fd(), screen.as_deref(), tap);
                if left.is_none() && screen.is_none() {
                    let_go(ours);
                }
                left
            });
            match copying {
                Ok(thread) => self.copying.push((ours, thread)),
                Err(error) => tracing::error!("output is lost: failed to start a thread: {error}"),
            }
        }
    }

    pub fn resize(&self) {
        self.screens.iter().for_each(|screen| screen.fit());
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

/// Whether what is written to either comes out at one place.
fn is_one(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let place = |stat: Stat| (stat.st_dev, stat.st_ino, stat.st_rdev);
    let is_open = |stream: BorrowedFd<'_>| !was_closed(stream.as_raw_fd());
    is_open(one) && is_open(other) && matches!((fstat(one), fstat(other)), (Ok(one), Ok(other)) if place(one) == place(other))
}

/// What fails is told to whoever writes, so where that may be the command writes itself.
fn why_not_copied(ours: BorrowedFd<'_>) -> Option<&'static str> {
    let stat = fstat(ours).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice if !isatty(ours) => {
            let is_null = fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == stat.st_rdev);
            (!is_null).then_some("it is a device")
        }
        FileType::RegularFile if getrlimit(Resource::Fsize).current.is_some() => Some("its file may not grow beyond a limit"),
        FileType::RegularFile => {
            let left = fstatvfs(ours).ok()?;
            (left.f_bavail.saturating_mul(left.f_frsize) < ROOM_BYTES).then_some("its file lies on a disk that is nearly full")
        }
        _ => None,
    }
}

/// What the command has closed must not stay open with us.
fn let_go(ours: BorrowedFd<'static>) {
    let instead = |null: File| match ours.as_raw_fd() {
        0 => stdio::dup2_stdin(null),
        1 => stdio::dup2_stdout(null),
        _ => stdio::dup2_stderr(null),
    };
    let closed = File::open("/dev/null").and_then(|null| Ok(instead(null)?));
    if let Err(error) = closed {
        tracing::debug!("stream {} stays open: {error}", ours.as_raw_fd());
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
