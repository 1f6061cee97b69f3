//! Signals sent to the wrapper: heard on a thread, passed on by whoever waits for the command.

use std::{fs, io, sync::mpsc::Sender, thread};

use signal_hook::{
    consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Cause,
};

use super::wake::{Received, Wake};

/// A child's end is waited for elsewhere; it is here because a wrapper started with it ignored would never hear of one.
const HEARD: [i32; 10] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD];

/// From here on signals no longer end the wrapper but wake it. One that is ignored stays so, for the command inherits that:
/// `nohup` and background jobs rely on it.
pub(super) fn listen(wake: Sender<Wake>) {
    let ignored = ignored_signals();
    let heard = HEARD.iter().copied().filter(|&signal| signal == SIGCHLD || ignored & bit(signal) == 0);
    let listening = SignalsInfo::<WithOrigin>::new(heard).and_then(|mut signals| {
        thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in signals.forever().filter(|origin| origin.signal != SIGCHLD) {
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

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// As bits; none where the system does not tell.
fn ignored_signals() -> u64 {
    let status: io::Result<String> = fs::read_to_string("/proc/self/status");
    let mask = status.ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    });
    mask.unwrap_or(0)
}

/// `SIGTERM` for 15.
pub(super) fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}
