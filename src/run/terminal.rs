//! A terminal of its own for a command whose three streams are one: ours is raw meanwhile, and given back on every way out.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::{
    fs::{Access, access},
    process::Pid,
    stdio,
    termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};

use super::{
    copy::{CHUNK_BYTES, write_all},
    digest::{Digest, OutputOrigin, Tap},
    not_started::NotStarted,
};

/// What is left in the terminal after the command's end comes within this, or nothing does.
const QUIET: Duration = Duration::from_millis(50);

pub(super) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// How ours was before; `None` while it is given back.
    before: Option<Termios>,
    copied: Arc<AtomicU64>,
    ended: Option<Receiver<()>>,
    tap: Option<Tap>,
}

impl Terminal {
    pub fn start(
        words: &[OsString],
        folder: &Path,
        environment: Vec<(&'static str, OsString)>,
        digest: &Digest,
    ) -> Result<(Pid, Terminal), NotStarted> {
        let program = words.first().expect("a run has a program");
        // In the terminal the command is told apart from its failure to start only here.
        check_executable(program).map_err(|error| NotStarted::of(program, error))?;
        let failed = |error| NotStarted::of(program, io::Error::other(error));
        let pair = native_pty_system().openpty(size()).map_err(failed)?;
        let mut builder = CommandBuilder::from_argv(words.to_vec());
        builder.cwd(folder);
        for (name, value) in environment {
            builder.env(name, value);
        }
        let child = pair.slave.spawn_command(builder).map_err(failed)?;
        let pid = child.process_id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.ok_or_else(|| NotStarted::of(program, io::Error::other("it has no process id")))?;
        let tap = Some(digest.tap(OutputOrigin::Terminal));
        Ok((pid, Terminal { master: pair.master, before: None, copied: Arc::default(), ended: None, tap }))
    }

    /// Keys go in and what is shown comes out, on a thread each.
    pub fn flow(&mut self) {
        self.take_over();
        let (Ok(reader), Ok(writer), Some(tap)) = (self.master.try_clone_reader(), self.master.take_writer(), self.tap.take())
        else {
            tracing::error!("the terminal of the command cannot be reached");
            return;
        };
        let (ending, ended) = mpsc::channel();
        let copied = Arc::clone(&self.copied);
        let showing = thread::Builder::new().name("show".into()).spawn(move || {
            show(reader, tap, &copied);
            drop(ending);
        });
        // It stays behind in a read of our terminal, and ends with us.
        let typing = thread::Builder::new().name("keys".into()).spawn(move || type_in(writer));
        if let Err(error) = showing.and(typing) {
            tracing::error!("the terminal of the command cannot be served: failed to start a thread: {error}");
        }
        self.ended = Some(ended);
    }

    pub fn resize(&self) {
        if let Err(error) = self.master.resize(size()) {
            tracing::debug!("the command's terminal keeps its size: {error}");
        }
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

fn show(mut from: Box<dyn Read + Send>, mut tap: Tap, copied: &AtomicU64) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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

fn type_in(mut to: Box<dyn Write + Send>) {
    let mut keys = [0; 4096];
    loop {
        match rustix::io::read(stdio::stdin(), &mut keys) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => return,
            Ok(length) => {
                if to.write_all(&keys[..length]).and_then(|()| to.flush()).is_err() {
                    return;
                }
            }
        }
    }
}

/// Our terminal's.
fn size() -> PtySize {
    tcgetwinsize(stdio::stdin()).map_or_else(
        |_| PtySize::default(),
        |size| PtySize { rows: size.ws_row, cols: size.ws_col, pixel_width: size.ws_xpixel, pixel_height: size.ws_ypixel },
    )
}

fn check_executable(program: &OsStr) -> io::Result<()> {
    if program.as_encoded_bytes().contains(&b'/') {
        return check_file(Path::new(program));
    }
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        match check_file(&folder.join(program)) {
            Ok(()) => return Ok(()),
            // Another folder may hold one that can be executed.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => outcome = Err(error),
            Err(_) => {}
        }
    }
    outcome
}

fn check_file(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}
