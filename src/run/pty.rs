//! Pseudo-terminals that are like a terminal of ours.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use pty_process::{Error, blocking::Pts};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// Our end and the command's of one that has the size and the settings of `ours`, but for what `change` does.
pub(super) fn open_like(ours: BorrowedFd<'_>, change: impl FnOnce(&mut Termios)) -> io::Result<(OwnedFd, Pts)> {
    // Whatever is missing for it, it is not the command.
    let (near, far) = pty_process::blocking::open().map_err(io::Error::other)?;
    if let Ok(mut settings) = tcgetattr(ours) {
        change(&mut settings);
        tcsetattr(&far, OptionalActions::Now, &settings)?;
    }
    let near = OwnedFd::from(near);
    fit(near.as_fd(), ours);
    Ok((near, far))
}

/// Gives it the size that `ours` has now.
pub(super) fn fit(near: BorrowedFd<'_>, ours: BorrowedFd<'_>) {
    if let Err(error) = tcgetwinsize(ours).and_then(|size| tcsetwinsize(near, size)) {
        tracing::debug!("the command's terminal keeps its size: {error}");
    }
}

pub(super) fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Rustix(error) => error.into(),
    }
}
