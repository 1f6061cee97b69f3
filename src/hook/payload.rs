//! What stdin holds, read to its end or for as long as there is time.

use std::{
    io::{self, Read},
    time::Instant,
};

#[cfg(unix)]
use serde::de::IgnoredAny;

use crate::history::{Entry, Rejection};

/// Larger payloads hold whole files; what matters of them is in other signals too.
pub const BYTES_MAX: usize = 16 << 20;
/// Most payloads fit into one read of this, and it into the stack.
const CHUNK_BYTES: usize = 16 << 10;

/// What stdin held when the time for reading was over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    pub bytes: Vec<u8>,
    /// Stdin was still open; the payload may be whole nevertheless.
    pub cut_short: bool,
    pub too_large: bool,
}

impl Payload {
    /// Reads to the end or until `deadline`.
    #[cfg(unix)]
    pub fn read(input: impl Read + std::os::fd::AsFd, deadline: Instant) -> Payload {
        let mut payload = Payload::default();
        payload.read_on(input, deadline);
        payload
    }

    /// Reads to the end. Where nothing can be asked whether it is ready, the watchdog ends the waiting.
    #[cfg(not(unix))]
    pub fn read(input: impl Read, _: Instant) -> Payload {
        let mut payload = Payload::default();
        payload.read_as_ready(input, |_| true);
        payload
    }

    /// What came of it is not all, and the rest may be on its way: a terminal's is not, and what has no end has no rest.
    #[cfg(unix)]
    pub fn is_awaited(&self, input: impl std::os::fd::AsFd) -> bool {
        use rustix::fs::{FileType, fstat};
        let is_pipe =
            || fstat(input).is_ok_and(|file| matches!(FileType::from_raw_mode(file.st_mode), FileType::Fifo | FileType::Socket));
        let is_whole = || serde_json::from_slice::<IgnoredAny>(&self.bytes).is_ok();
        self.cut_short && !self.too_large && !is_whole() && is_pipe()
    }

    /// Goes on to the end or until `deadline`.
    #[cfg(unix)]
    pub fn read_on(&mut self, input: impl Read + std::os::fd::AsFd, deadline: Instant) {
        self.cut_short = false;
        self.read_as_ready(input, |input| is_ready(input, deadline));
    }

    fn read_as_ready<R: Read>(&mut self, mut input: R, is_ready: impl Fn(&R) -> bool) {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            if !is_ready(&input) {
                self.cut_short = true;
                return;
            }
            match input.read(&mut chunk) {
                // An agent that still writes would fail on a closed pipe: what is too much is read on and dropped.
                Ok(length) if length > 0 && self.too_large => {}
                Ok(length) if length > 0 => self.take(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A closed or unreadable stdin ends the payload; what it lacks, its reader will say.
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        if self.bytes.len() + chunk.len() > BYTES_MAX {
            self.too_large = true;
            self.bytes.truncate(Rejection::INPUT_BYTES_SEEN);
        } else {
            self.bytes.extend_from_slice(chunk);
        }
    }

    pub fn rejection(&self, source: &str, reason: String) -> Entry {
        let head = &self.bytes[..self.bytes.len().min(Rejection::INPUT_BYTES_SEEN)];
        Entry::Rejection(Rejection { source: source.to_owned(), reason, input: String::from_utf8_lossy(head).into_owned() })
    }
}

/// Waits until there is something to read, or the end, or `deadline`.
#[cfg(unix)]
fn is_ready(input: &impl std::os::fd::AsFd, deadline: Instant) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Of a file that is always ready, such as `/dev/zero`, too.
        let Ok(timeout) = Timespec::try_from(left) else { return true };
        match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            // Where it cannot be asked, reading tells why.
            ready => return !left.is_zero() && ready != Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Seek, SeekFrom, Write},
        time::Duration,
    };

    use super::*;

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[cfg(unix)]
    #[test]
    fn a_payload_ends_with_stdin_or_with_the_time_for_it() {
        let whole = Payload::read(file(b"{}"), far());
        assert_eq!(whole, Payload { bytes: b"{}".to_vec(), ..Payload::default() });

        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"{}").unwrap();
        let open = Payload::read(reader, Instant::now() + Duration::from_millis(100));
        assert_eq!(open, Payload { bytes: b"{}".to_vec(), cut_short: true, too_large: false });

        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert_eq!(Payload::read(reader, far()), Payload::default());
    }

    #[cfg(unix)]
    #[test]
    fn the_rest_is_awaited_of_a_pipe_alone() {
        let cut = |bytes: &[u8]| Payload { bytes: bytes.to_vec(), cut_short: true, too_large: false };
        let (reader, mut writer) = io::pipe().unwrap();
        let terminal = File::open("/dev/ptmx").unwrap();
        for half in [cut(b""), cut(b"{\"half\":")] {
            assert!(half.is_awaited(&reader), "{half:?}");
            assert!(!half.is_awaited(&terminal) && !half.is_awaited(file(b"")), "{half:?}");
            assert!(!Payload { cut_short: false, ..half.clone() }.is_awaited(&reader));
            assert!(!Payload { too_large: true, ..half }.is_awaited(&reader));
        }
        assert!(!cut(b"{}").is_awaited(&reader), "whole, though nobody closes it");

        let mut half = cut(b"{\"half\":");
        writer.write_all(b"1}").unwrap();
        drop(writer);
        half.read_on(reader, far());
        assert_eq!(half, Payload { bytes: b"{\"half\":1}".to_vec(), ..Payload::default() });
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_read_no_longer_than_there_is_time() {
        let endless = File::open("/dev/zero").unwrap();
        assert!(Payload::read(endless, Instant::now() + Duration::from_millis(20)).cut_short);
    }

    #[test]
    fn a_payload_that_is_too_large_is_drained_and_only_its_head_is_kept() {
        let payload = Payload::read(file(&vec![b'x'; BYTES_MAX + 1]), far());
        assert_eq!((payload.bytes.len(), payload.too_large, payload.cut_short), (Rejection::INPUT_BYTES_SEEN, true, false));
    }
}
