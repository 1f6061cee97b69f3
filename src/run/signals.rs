//! Signals sent to the wrapper: heard on a thread, passed on by whoever waits for the command.

use std::{
    fs,
    sync::{Arc, mpsc::Sender},
    thread,
};

use rustix::process::{Pid, Signal, getpid};
use signal_hook::{
    consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH, SIGXFSZ},
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::{Cause, Origin},
};

use super::wake::{Received, Wake};

/// A child's end is waited for elsewhere; it is here because a wrapper started with it ignored would never hear of one.
const HEARD: [i32; 10] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD];

/// From here on signals no longer end the wrapper but wake it. One that is ignored stays so, for the command inherits that:
/// `nohup` and background jobs rely on it.
pub(super) fn listen(wake: Sender<Wake>) {
    let ignored = ignored_signals();
    let heard = HEARD.iter().copied().filter(|&signal| signal == SIGCHLD || ignored & bit(signal) == 0);
    // The keys of our terminal that are signals, which we passed to our own group: the command has them from its own.
    let own = getpid().as_raw_nonzero().get();
    let is_own_key = move |origin: &Origin| {
        let by_us = origin.process.as_ref().is_some_and(|process| process.pid == own);
        by_us && matches!(origin.signal, SIGINT | SIGQUIT)
    };
    let listening = SignalsInfo::<WithOrigin>::new(heard).and_then(|mut signals| {
        thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in signals.forever().filter(|origin| origin.signal != SIGCHLD && !is_own_key(origin)) {
                let received = Received { signal: origin.signal, from_terminal: matches!(origin.cause, Cause::Kernel) };
                if wake.send(Wake::Received(received)).is_err() {
                    return;
                }
            }
        })
    });
    if let Err(error) = listening {
        tracing::warn!("signals are not passed on: {error}");
    }
}

/// A file that may not grow any more (`ulimit -f`) is an error of the recorder's, not its end. The command inherits nothing of
/// that, but where it is ignored anyway.
pub(super) fn outlive_full_files() {
    if ignored_signals() & bit(SIGXFSZ) == 0
        && let Err(error) = signal_hook::flag::register(SIGXFSZ, Arc::default())
    {
        tracing::debug!("a full file ends the wrapper: {error}");
    }
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// As bits; none where the system does not tell.
fn ignored_signals() -> u64 {
    signal_mask("self", "SigIgn:").unwrap_or(0)
}

/// Whether `process` neither ignores nor handles the signal; not where the system does not tell.
pub(super) fn is_left_to_the_system(process: Pid, signal: Signal) -> bool {
    let process = process.as_raw_nonzero().to_string();
    let masks = ["SigIgn:", "SigCgt:"].map(|name| signal_mask(&process, name));
    masks.into_iter().all(|mask| mask.is_some_and(|mask| mask & bit(signal.as_raw()) == 0))
}

fn signal_mask(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// `SIGTERM` for 15.
pub(super) fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}
