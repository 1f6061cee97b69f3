//! The keeper's seat: a file beside the history, locked by whoever keeps it, with what it says of itself.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
};

use serde::{Deserialize, Serialize};

use crate::{
    event::{Micros, Process, Time},
    history::{Options, open_private},
    process::Liveness,
};

/// What a keeper says of itself is a page; what is longer is none of ours.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Where a keeper died before it said a word, the next one is not started sooner than this after it.
const AGAIN_AFTER: Micros = 30 * Time::SECOND;

/// Held for as long as the open file is: by a process, or by the one it was handed to.
#[derive(Debug)]
pub struct Seat(File);

/// Which process holds the seat, and of which version it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub process: Process,
    pub version: String,
}

/// What stands there of a keeper that has not said anything yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Starting {
    starting_since: Time,
}

impl Holder {
    /// Whether a program of version `ours` is to take its place.
    pub fn is_older_than(&self, ours: &str) -> bool {
        let numbers = |version: &str| {
            let release = version.split(['-', '+']).next().unwrap_or_default();
            release.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<u64>>>()
        };
        matches!((numbers(&self.version), numbers(ours)), (Some(theirs), Some(ours)) if theirs < ours)
    }
}

impl Seat {
    /// `None` where it is taken.
    ///
    /// # Errors
    /// Where it can be neither opened nor locked.
    pub fn take(options: &Options) -> io::Result<Option<Seat>> {
        let file = open_private(OpenOptions::new().read(true).write(true).create(true), &options.keeper_path())?;
        let seat = Seat(file);
        Ok(seat.take_again()?.then_some(seat))
    }

    /// Whether it could be taken once more after it was [freed](Seat::free).
    ///
    /// # Errors
    /// Where it cannot be locked.
    pub fn take_again(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// For others to take.
    ///
    /// # Errors
    /// Where it cannot be unlocked.
    pub fn free(&self) -> io::Result<()> {
        self.0.unlock()
    }

    /// Says this of whoever holds it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(text.as_bytes())?;
        self.0.set_len(text.len() as u64)
    }

    /// Says that a keeper is being started, unless one was just now that never came to say anything: whatever it died of, it is not
    /// started by every hook. Whether it may be.
    ///
    /// # Errors
    /// Where that cannot be read or written.
    pub fn may_start(&mut self, now: Time) -> io::Result<bool> {
        let mut text = String::new();
        self.0.seek(SeekFrom::Start(0))?;
        (&self.0).take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
        let before = serde_json::from_str::<Starting>(&text).ok();
        if before.is_some_and(|before| (0..AGAIN_AFTER).contains(&now.since(before.starting_since))) {
            return Ok(false);
        }
        self.write(&serde_json::to_string(&Starting { starting_since: now })?)?;
        Ok(true)
    }

    /// What the last holder said of itself.
    ///
    /// # Errors
    /// Where it cannot be read; where nobody held it yet, it is not found.
    pub fn read(options: &Options) -> io::Result<String> {
        let file = open_private(OpenOptions::new().read(true), &options.keeper_path())?;
        let mut text = String::new();
        file.take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Who holds it, or did last; `None` where that is not told, or just being written.
    pub fn holder(options: &Options) -> Option<Holder> {
        serde_json::from_str(&Seat::read(options).ok()?).ok()
    }

    /// Whether a keeper of this machine holds it.
    pub fn is_held(options: &Options) -> bool {
        Seat::holder(options).is_some_and(|holder| holder.process.liveness() == Liveness::Runs)
    }

    #[cfg(unix)]
    pub(super) fn of_file(file: File) -> Seat {
        Seat(file)
    }

    #[cfg(unix)]
    pub(super) fn into_file(self) -> File {
        self.0
    }

    #[cfg(unix)]
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(version: &str) -> Holder {
        let process = Process { pid: 1, start: 2, boot: "b".into(), namespace: String::new() };
        Holder { process, version: version.into() }
    }

    #[test]
    fn a_keeper_that_died_before_it_said_a_word_is_not_started_by_every_hook() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut seat = Seat::take(&Options::new(folder.path().join("h.db"))).expect("opens").expect("free");
        let at = |seconds: i64| Time::from_micros(1_795_374_357_000_000 + seconds * Time::SECOND);
        assert!(seat.may_start(at(0)).expect("writes"));
        assert!(!seat.may_start(at(29)).expect("reads"));
        assert!(seat.may_start(at(31)).expect("writes"));
        assert!(seat.may_start(at(20)).expect("writes"), "the clock was set back");
        seat.write(&serde_json::to_string(&holder("1")).expect("plain")).expect("writes");
        assert!(seat.may_start(at(21)).expect("writes"), "one that lived and was killed");
    }

    #[test]
    fn it_is_taken_once_and_tells_by_whom() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("h.db"));
        let mut seat = Seat::take(&options).expect("opens").expect("free");
        assert!(Seat::take(&options).expect("opens").is_none());
        assert_eq!(Seat::holder(&options), None, "it has not said yet");
        for version in ["0.10.0", "1"] {
            seat.write(&serde_json::to_string(&holder(version)).expect("plain")).expect("writes");
            assert_eq!(Seat::holder(&options), Some(holder(version)));
        }
        seat.free().expect("unlocks");
        let other = Seat::take(&options).expect("opens").expect("free");
        assert!(!seat.take_again().expect("asks"));
        drop(other);
        assert!(seat.take_again().expect("asks"));
    }

    #[test]
    fn only_what_is_older_makes_way() {
        let check = |theirs: &str, ours: &str, expected: bool| {
            assert_eq!(holder(theirs).is_older_than(ours), expected, "{theirs} {ours}")
        };
        check("0.1.0", "0.2.0", true);
        check("0.9.0", "0.10.0", true);
        check("0.2.0-rc.1", "0.2.1", true);
        check("0.2.0", "0.2.0", false);
        check("0.3.0", "0.2.0", false);
        check("odd", "0.2.0", false);
    }
}
