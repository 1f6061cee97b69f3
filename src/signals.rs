//! Signals that ask a process to end, to stand aside or to come back, one after the other. Elsewhere than on Unix only Ctrl-C.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

// Their numbers are the same on Linux and macOS, but for the last two.
pub const HANGUP: u8 = 1;
/// Ctrl-C.
pub const INTERRUPT: u8 = 2;
pub const QUIT: u8 = 3;
pub const TERMINATE: u8 = 15;
#[cfg(unix)]
pub const SUSPEND: u8 = rustix::process::Signal::TSTP.as_raw() as u8;
/// After a stop, whoever stopped it.
#[cfg(unix)]
pub const RESUME: u8 = rustix::process::Signal::CONT.as_raw() as u8;
#[cfg(not(unix))]
pub const SUSPEND: u8 = 20;
#[cfg(not(unix))]
pub const RESUME: u8 = 18;

/// What is heard of them, from [`Signals::listen`] on.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    heard: Vec<(u8, Signal)>,
    #[cfg(not(unix))]
    hears_interrupt: bool,
}

#[cfg(unix)]
impl Signals {
    /// # Errors
    /// Where one of them cannot be listened to.
    ///
    /// # Panics
    /// Outside of a runtime with I/O.
    pub fn listen(numbers: &[u8]) -> io::Result<Signals> {
        // Whoever started this with `nohup` wants it to go on.
        let is_wanted = |number: &&u8| **number != HANGUP || !is_ignored(HANGUP);
        let heard = numbers.iter().filter(is_wanted);
        let heard = heard.map(|&number| Ok((number, signal(SignalKind::from_raw(number.into()))?)));
        Ok(Signals { heard: heard.collect::<io::Result<_>>()? })
    }

    /// The number of the next one. May be given up and asked again: none is lost.
    pub async fn next(&mut self) -> u8 {
        use std::task::Poll;
        std::future::poll_fn(|context| {
            let arrived =
                self.heard.iter_mut().find_map(|(number, signal)| signal.poll_recv(context).is_ready().then_some(*number));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Whether a signal is ignored, as it was where this was started: before anybody listens to it.
#[cfg(unix)]
fn is_ignored(number: u8) -> bool {
    // Where nothing tells, it is heard.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    ignored >> (number - 1) & 1 == 1
}

#[cfg(not(unix))]
impl Signals {
    /// # Errors
    /// None here.
    pub fn listen(numbers: &[u8]) -> io::Result<Signals> {
        Ok(Signals { hears_interrupt: numbers.contains(&INTERRUPT) })
    }

    /// The number of the next one.
    pub async fn next(&mut self) -> u8 {
        if self.hears_interrupt && tokio::signal::ctrl_c().await.is_ok() {
            return INTERRUPT;
        }
        std::future::pending().await
    }
}
