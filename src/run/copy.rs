//! Copies one stream of the command to one of ours, byte for byte, and lets the digest have what passed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, read, write},
};

use super::digest::Tap;

/// What a pipe holds.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// Copies until `from` ends or `to` does, and then lets go of `from`, so that its writer learns of it. Once `stop` is closed and
/// `from` is empty, it is returned: others write to it yet.
pub(super) fn copy(from: OwnedFd, to: BorrowedFd<'_>, stop: BorrowedFd<'_>, mut tap: Tap) -> Option<OwnedFd> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        if !wait_for(from.as_fd(), stop) {
            return Some(from);
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

/// Whether there is something to read, an end included; `false` where there is nothing and it is time to stop.
fn wait_for(from: BorrowedFd<'_>, stop: BorrowedFd<'_>) -> bool {
    loop {
        let mut watched = [PollFd::from_borrowed_fd(from, PollFlags::IN), PollFd::from_borrowed_fd(stop, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => {}
            // Then the read tells what is wrong.
            Err(_) => return true,
            Ok(_) if !watched[0].revents().is_empty() => return true,
            Ok(_) if !watched[1].revents().is_empty() => return false,
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
