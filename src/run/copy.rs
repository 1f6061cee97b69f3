//! Copies one stream of the command to one of ours, byte for byte, and lets the digest have what passed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read, write},
};

use super::{digest::Tap, screen::CommandScreen};

/// What a pipe holds.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// How often a terminal is looked at though nothing is shown: of a new size the system tells its foreground alone, which a shell
/// that the command runs may have taken.
const LOOKING: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Copies until `from` ends or `to` does, and then lets go of `from`, so that its writer learns of it. Once `stop` is closed and
/// `from` is empty, it is returned: others write to it yet. `screen`: what `to` is, where that is a terminal.
pub(super) fn copy(
    from: OwnedFd,
    to: BorrowedFd<'_>,
    stop: BorrowedFd<'_>,
    screen: Option<&CommandScreen>,
    mut tap: Tap,
) -> Option<OwnedFd> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let next = wait_for(from.as_fd(), to, stop, screen.map(|_| &LOOKING));
        if let Some(screen) = screen {
            screen.follow();
        }
        match next {
            Next::Read => {}
            Next::Look => continue,
            Next::ReaderLeft => return None,
            Next::Stop => return Some(from),
        }
        let length = match read(&from, &mut chunk) {
            Ok(0) => return None,
            Ok(length) => length,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(_) => return None,
        };
        if write_all(to, &chunk[..length]).is_err() {
            return None;
        }
        tap.take(&chunk[..length]);
    }
}

enum Next {
    /// There is something to read, an end included.
    Read,
    /// Nothing happened for a while.
    Look,
    /// Whoever read what we write is gone: the command shall hear of it by what it writes next.
    ReaderLeft,
    /// There is nothing to read, and it is time to stop.
    Stop,
}

fn wait_for(from: BorrowedFd<'_>, to: BorrowedFd<'_>, stop: BorrowedFd<'_>, patience: Option<&Timespec>) -> Next {
    loop {
        let of = |stream, flags| PollFd::from_borrowed_fd(stream, flags);
        let mut watched = [of(from, PollFlags::IN), of(stop, PollFlags::IN), of(to, PollFlags::empty())];
        match poll(&mut watched, patience) {
            Err(Errno::INTR) => {}
            // Then the read tells what is wrong.
            Err(_) => return Next::Read,
            Ok(0) => return Next::Look,
            Ok(_) if !watched[2].revents().is_empty() => return Next::ReaderLeft,
            Ok(_) if !watched[0].revents().is_empty() => return Next::Read,
            Ok(_) if !watched[1].revents().is_empty() => return Next::Stop,
            Ok(_) => {}
        }
    }
}

/// All of it, also to a stream that somebody made non-blocking.
///
/// # Errors
/// Why nothing more can be written: mostly that the reader went away.
pub(super) fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
