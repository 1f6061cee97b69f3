//! Two processes: the one that the agent started waits no longer than it may, the other one records, and may outlive it.
//!
//! Who writes to a disk that is frozen, or reads from one that is gone, is in the kernel's hands, and no signal and no `exit` ends
//! it before the disk answers; nor does its process end. The one that waits touches nothing that could hang.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, WaitOptions, waitpid},
    stdio,
};

use crate::config::HOOK_BUDGET;

/// How much longer than the deadline whoever records is waited for: it spools meanwhile, and a busy machine is slow.
const GRACE: Duration = Duration::from_millis(150);
/// What begins a line that is for the one who waits; no text has it.
const MARK: char = '\0';
const BUDGET: &str = "budget ";
const ANSWER: &str = "answer ";
const OVER: &str = "over";
/// So much a pipe takes without making anybody wait, once it takes anything.
const PIECE_BYTES: usize = 512;

pub enum Part {
    /// This process was started by the agent.
    Waiting(RecordingProcess),
    /// This one is nobody's to wait for.
    Recording,
}

/// The process that records, as the one that waits sees it.
pub struct RecordingProcess {
    pid: Pid,
    words: OwnedFd,
}

/// # Errors
/// Where there is no second process to be had: then there is one, and a disk that hangs keeps it.
pub fn divide() -> io::Result<Part> {
    outlive_full_files();
    // Who waits for the end of the agent's streams must not wait for a process that may outlive this one.
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    let (words, telling) = pipe_with(PipeFlags::CLOEXEC)?;
    match fork()? {
        Some(pid) => Ok(Part::Waiting(RecordingProcess { pid, words })),
        None => {
            stdio::dup2_stdout(&nothing)?;
            stdio::dup2_stderr(&telling)?;
            Ok(Part::Recording)
        }
    }
}

/// A file that may not grow any more (`ulimit -f`) is an error, and no end.
#[expect(unsafe_code, reason = "the standard library ignores no signal that is asked for")]
fn outlive_full_files() {
    // SAFETY: no code of ours is called.
    if unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) } == libc::SIG_ERR {
        tracing::debug!("a full file ends the hook: {}", io::Error::last_os_error());
    }
}

#[expect(unsafe_code, reason = "the standard library has no second process that goes on from here")]
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: nothing but `main` runs yet, so there is no other thread whose locks the copy would hold for ever.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Says that there is more time than the default allows, or less.
pub fn tell_budget(budget: Duration) {
    tell(&format!("{BUDGET}{}", budget.as_millis()));
}

/// Says what the agent is to be told: a line, no longer than a pipe has room for.
pub fn tell_answer(answer: &str) {
    tell(&format!("{ANSWER}{answer}"));
}

/// Says that there is nothing to wait for any more, though this process may not end yet.
pub fn tell_over() {
    tell(OVER);
}

fn tell(words: &str) {
    // Whoever waited may be gone.
    drop(writeln!(io::stderr(), "{MARK}{words}"));
}

/// Lets go of the agent's payload, once it is read.
pub fn close_stdin() {
    if let Err(error) = File::open("/dev/null").and_then(|nothing| Ok(stdio::dup2_stdin(nothing)?)) {
        tracing::debug!("stdin stays open: {error}");
    }
}

impl RecordingProcess {
    /// Returns when all is recorded, or it takes longer than it may; what is to be said on stderr is passed on.
    pub fn wait(self, started: Instant) {
        let mut limit = started + HOOK_BUDGET + GRACE;
        let mut words = File::from(self.words);
        let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
        while is_ready(&words, limit) {
            match words.read(&mut chunk) {
                Ok(0) => {
                    // Where nobody else takes its end, as in a container, it would stay.
                    if let Err(error) = waitpid(Some(self.pid), WaitOptions::empty()) {
                        tracing::debug!("the recording process is not waited for: {error}");
                    }
                    return;
                }
                Ok(length) => said.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
            while let Some(end) = said.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = said.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                match line.trim_end().strip_prefix(MARK) {
                    Some(OVER) => return,
                    Some(told) if told.starts_with(BUDGET) => {
                        let budget = told.strip_prefix(BUDGET).and_then(|ms| ms.parse().ok());
                        limit = started + budget.map_or(HOOK_BUDGET, Duration::from_millis) + GRACE;
                    }
                    Some(told) => answer(told.strip_prefix(ANSWER).unwrap_or_default(), limit),
                    None => drop(io::stderr().write_all(line.as_bytes())),
                }
            }
        }
    }
}

/// Says it on the agent's own stdout, which may be full, or nobody's any more: then there is no waiting for it.
fn answer(answer: &str, limit: Instant) {
    let (line, mut out) = (format!("{answer}\n"), io::stdout());
    for piece in line.as_bytes().chunks(PIECE_BYTES) {
        if !(is_able(&out, PollFlags::OUT, limit) && out.write_all(piece).and_then(|()| out.flush()).is_ok()) {
            return;
        }
    }
}

fn is_ready(words: &File, limit: Instant) -> bool {
    is_able(words, PollFlags::IN, limit)
}

fn is_able(end: &impl AsFd, able: PollFlags, limit: Instant) -> bool {
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::new(end, able)], Some(&timeout)) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return false,
            Ok(_) => return true,
        }
    }
}
