//! Keys on their way from our terminal to the command's.
//!
//! Ours is raw meanwhile, so that a key that interrupts, quits or suspends reaches nobody else. Without the wrapper it would
//! reach our whole process group: a shell's loop ends with its command only where the shell was interrupted too.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    io::{Errno, read},
    process::{Pid, Signal, kill_current_process_group},
    stdio,
    termios::{LocalModes, SpecialCodeIndex, tcgetattr, tcgetpgrp},
};

use super::{copy::write_all, signals::is_left_to_the_system};

const KEYS_BYTES: usize = 4096;

/// Types in what comes until either terminal is gone.
pub(super) fn type_in(to: &OwnedFd, command: Pid) {
    let mut keys = [0; KEYS_BYTES];
    loop {
        let length = match read(stdio::stdin(), &mut keys) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        let signal = signal_for_our_group(&keys[..length], to, command);
        if write_all(to.as_fd(), &keys[..length]).is_err() {
            return;
        }
        if let Some(signal) = signal
            && let Err(error) = kill_current_process_group(signal)
        {
            tracing::debug!("failed to pass on {signal:?}: {error}");
        }
    }
}

/// A job of a shell inside is in a group of its own: its signals would not reach ours either.
fn signal_for_our_group(keys: &[u8], terminal: &OwnedFd, command: Pid) -> Option<Signal> {
    const MAKING: [(SpecialCodeIndex, Signal); 3] = [
        (SpecialCodeIndex::VINTR, Signal::INT),
        (SpecialCodeIndex::VQUIT, Signal::QUIT),
        (SpecialCodeIndex::VSUSP, Signal::TSTP),
    ];
    let settings = tcgetattr(terminal).ok().filter(|settings| settings.local_modes.contains(LocalModes::ISIG))?;
    tcgetpgrp(terminal).ok().filter(|foreground| *foreground == command)?;
    // A key that is 0 is none.
    let made = |key: &u8| MAKING.into_iter().find(|(index, _)| *key != 0 && settings.special_codes[*index] == *key);
    let (_, signal) = keys.iter().find_map(made)?;
    // Who does not let itself be suspended goes on, and so do we.
    (signal != Signal::TSTP || is_left_to_the_system(command, signal)).then_some(signal)
}
