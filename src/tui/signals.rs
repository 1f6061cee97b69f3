//! Signals that end the view, put it aside or bring it back. Unhandled, they would leave the terminal as the view has it, or
//! the view without it.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(unix)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
    suspend: Signal,
    resume: Signal,
}

#[cfg(unix)]
impl Signals {
    // Their numbers are the same on Linux and macOS, but for the last two.
    pub const HANGUP: u8 = 1;
    pub const INTERRUPT: u8 = 2;
    const QUIT: u8 = 3;
    const TERMINATE: u8 = 15;
    pub const SUSPEND: u8 = rustix::process::Signal::TSTP.as_raw() as u8;
    /// After a stop, whoever stopped it.
    pub const RESUME: u8 = rustix::process::Signal::CONT.as_raw() as u8;

    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            suspend: signal(SignalKind::from_raw(Self::SUSPEND.into()))?,
            resume: signal(SignalKind::from_raw(Self::RESUME.into()))?,
        })
    }

    /// The number of the next one.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => Self::INTERRUPT,
            _ = self.terminate.recv() => Self::TERMINATE,
            _ = self.hangup.recv() => Self::HANGUP,
            _ = self.quit.recv() => Self::QUIT,
            _ = self.suspend.recv() => Self::SUSPEND,
            _ = self.resume.recv() => Self::RESUME,
        }
    }
}

/// Elsewhere only Ctrl-C is known, and comes as a key.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub const HANGUP: u8 = 1;
    pub const INTERRUPT: u8 = 2;
    pub const SUSPEND: u8 = 20;
    pub const RESUME: u8 = 18;

    pub fn listen() -> io::Result<Signals> {
        Ok(Signals)
    }

    pub async fn next(&mut self) -> u8 {
        std::future::pending().await
    }
}
