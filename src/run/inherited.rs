//! What a command is to inherit, as whoever started us meant it.
//!
//! The language's runtime ignores SIGPIPE and opens `/dev/null` in the place of a closed stream before anything of ours runs, and
//! what it starts has no blocked signals and SIGPIPE as the system has it. So what was so is noted before it begins, and
//! brought back in the command between its fork and its `exec`. Neither can be said in safe code.

#![expect(unsafe_code, reason = "the standard library neither tells of these nor leaves them alone; each place says why it may")]

use std::{
    fs,
    io::{self, Error},
    mem::MaybeUninit,
    os::{fd::RawFd, unix::process::CommandExt},
    process::Command,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use libc::{SIG_BLOCK, SIG_IGN, SIG_SETMASK, SIGCHLD, SIGPIPE, SIGTTOU, c_int, sigset_t};

static WAS_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
static IGNORED_SIGPIPE: AtomicBool = AtomicBool::new(false);

/// Called by the system's loader, before the runtime.
#[used]
// SAFETY: a section of functions without arguments that return; `note` needs nothing that is not there yet.
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
// SAFETY: the same.
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
static NOTE: extern "C" fn() = note;

fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: changes nothing, and fills in `action` where it does not fail.
    unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0 && action.assume_init().sa_sigaction == SIG_IGN }
}

extern "C" fn note() {
    for (stream, was_closed) in (0..).zip(&WAS_CLOSED) {
        // SAFETY: asks about a number, whatever it is.
        was_closed.store(unsafe { libc::fcntl(stream, libc::F_GETFD) } == -1, Ordering::Relaxed);
    }
    IGNORED_SIGPIPE.store(is_ignored(SIGPIPE), Ordering::Relaxed);
}

/// Whether the stream of this number was closed where we were started.
pub(super) fn was_closed(stream: RawFd) -> bool {
    usize::try_from(stream).is_ok_and(|stream| WAS_CLOSED.get(stream).is_some_and(|was| was.load(Ordering::Relaxed)))
}

pub(super) struct Inherited {
    blocked: sigset_t,
    /// Of the signals that something of ours makes to be handled or reset.
    ignored: Vec<c_int>,
    /// Those above the three streams: ours are closed by `exec`, so what is not was handed to us.
    descriptors: Vec<RawFd>,
}

impl Inherited {
    /// Of this process, as long as it has opened nothing and blocked nothing.
    pub fn take() -> Inherited {
        let mut blocked = MaybeUninit::<sigset_t>::zeroed();
        // SAFETY: changes nothing, and `blocked` is a set of signals; all zeros is one too.
        let blocked = unsafe {
            libc::pthread_sigmask(SIG_BLOCK, ptr::null(), blocked.as_mut_ptr());
            blocked.assume_init()
        };
        let names = fs::read_dir("/dev/fd").into_iter().flatten().flatten().map(|entry| entry.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
        // SAFETY: asks about a number, whatever it is.
        let is_handed_on = |number: &RawFd| unsafe { libc::fcntl(*number, libc::F_GETFD) } & libc::FD_CLOEXEC == 0;
        let mut ignored: Vec<c_int> = Vec::new();
        ignored.extend(IGNORED_SIGPIPE.load(Ordering::Relaxed).then_some(SIGPIPE));
        ignored.extend(is_ignored(SIGCHLD).then_some(SIGCHLD));
        Inherited { blocked, ignored, descriptors: numbers.filter(|number| *number > 2).filter(is_handed_on).collect() }
    }

    pub fn hand_on(&self, command: &mut Command) {
        let (blocked, ignored) = (self.blocked, self.ignored.clone());
        let closed: Vec<RawFd> = (0..3).filter(|stream| was_closed(*stream)).collect();
        let in_command = move || {
            // SAFETY: these are calls that POSIX allows between fork and exec; nobody uses the streams any more.
            unsafe {
                for stream in &closed {
                    if libc::close(*stream) == -1 {
                        return Err(Error::last_os_error());
                    }
                }
                for signal in &ignored {
                    if libc::signal(*signal, SIG_IGN) == libc::SIG_ERR {
                        return Err(Error::last_os_error());
                    }
                }
                to_result(libc::pthread_sigmask(SIG_SETMASK, &raw const blocked, ptr::null_mut()))
            }
        };
        // SAFETY: it allocates nothing and takes no lock.
        unsafe { command.pre_exec(in_command) };
    }

    /// Once the command has them: what it closes, such as a lock or the end of a pipe, must be closed.
    pub fn let_go(self) {
        for number in self.descriptors {
            // SAFETY: nothing of this process uses it: it was there before anything was opened.
            if unsafe { libc::close(number) } == -1 {
                tracing::debug!("descriptor {number} stays open: {}", Error::last_os_error());
            }
        }
    }
}

/// Lets this thread write to a terminal, and set it, also where the command has made itself its foreground: the system would stop
/// the wrapper and all that is in its process group.
pub(super) fn serve_from_the_background() -> io::Result<()> {
    let mut background = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: the set is made by the first call, and only read by the others.
    unsafe {
        libc::sigemptyset(background.as_mut_ptr());
        libc::sigaddset(background.as_mut_ptr(), SIGTTOU);
        to_result(libc::pthread_sigmask(SIG_BLOCK, background.as_ptr(), ptr::null_mut()))
    }
}

/// Of a call that returns the error's number.
fn to_result(error: c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(Error::from_raw_os_error(error)) }
}
