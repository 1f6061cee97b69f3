//! The spool: what a hook could not write in time waits in small files, until a process with more time takes it in.
//!
//! Entries are checked, cleaned and redacted before they are written. A file is complete or not there: it is written under
//! another name first.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Checked, Condition, Data, Draft, Key, Report, SumScope, Time},
    history::store::{
        Durability, Error, Options, file,
        spool_files::{self, DRAFT_SUFFIX, SUFFIX},
    },
};

use super::{
    entry::{CheckedEntry, Entry},
    reject::{self, Rejection},
    writer::Writer,
};

/// One line of a spool file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SpoolLine {
    Draft {
        received_at: Time,
        event: Data,
        key: Key,
        only_if: Option<Condition>,
        #[serde(default)]
        report: Option<Report>,
        #[serde(default)]
        sums: Option<SumScope>,
    },
    Rejection {
        received_at: Time,
        source: String,
        reason: String,
        input: String,
    },
}

/// Entries that were neither appended nor spooled.
#[derive(Debug, thiserror::Error)]
#[error("neither the history nor its spool took the entries")]
pub struct Unkept {
    /// Why the history did not; `None` where a defect of ours was in the way.
    pub refused: Option<Error>,
    pub source: Error,
}

impl Writer {
    /// Appends `entries`, or leaves them in the spool where the history does not take them, be it that it panics over them.
    /// Whether they were appended; `decided` hears it before anything is spooled.
    ///
    /// # Errors
    /// [`Unkept`] where they cannot be spooled either.
    pub fn append_or_spool(&mut self, entries: Vec<Entry>, decided: impl FnOnce(bool)) -> Result<bool, Box<Unkept>> {
        let appended = catch_unwind(AssertUnwindSafe(|| self.append(entries.clone())));
        decided(matches!(appended, Ok(Ok(_))));
        let refused = match appended {
            Ok(Ok(_)) => return Ok(true),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        spool(self.options(), entries).map(|_| false).map_err(|source| Box::new(Unkept { refused, source }))
    }
}

/// Leaves `entries` for the next process that has time; the file they lie in.
///
/// # Errors
/// Where no spool folder can be written, or it is full.
pub fn spool(options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    leave_in(options.spool_folders(), options, entries)
}

/// The same, but not beside the history, where the disk may hang.
///
/// # Errors
/// Where there is no other folder, none of them can be written, or they are full.
pub fn spool_elsewhere(options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    leave_in(options.spool_folders().split_off(1), options, entries)
}

fn leave_in(folders: Vec<PathBuf>, options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    let now = options.clock.now();
    let (mut text, count) = (String::new(), entries.len());
    for entry in entries {
        let Some(line) = to_line(entry, options) else { continue };
        text.push_str(&serde_json::to_string(&line).expect("a spool line has text keys and plain values"));
        text.push('\n');
    }
    let (mut failed, mut full) = (None, None);
    for folder in folders {
        match leave(&folder, now, &text, options.durability) {
            Ok(path) => return Ok(path),
            Err(error) => {
                full = full.or(matches!(error, Error::SpoolFull { .. }).then_some(folder));
                failed = Some(error);
            }
        }
    }
    // Lost, but not in silence.
    if let Some(folder) = full {
        spool_files::shed(&folder, count)?;
        return Err(Error::SpoolFull { folder });
    }
    Err(failed.unwrap_or_else(|| Error::file(&options.path, io::Error::other("there is no other folder for a spool"))))
}

/// `None` where nothing of it is to be written.
fn to_line(entry: Entry, options: &Options) -> Option<SpoolLine> {
    let received_at = options.clock.now();
    Some(match entry.check(options) {
        CheckedEntry::Checked(checked) => line_of(*checked, received_at),
        CheckedEntry::Refused(rejection, _) | CheckedEntry::Rejection(rejection) => {
            let Rejection { source, reason, input } = reject::cleaned(&rejection, &options.redactor);
            SpoolLine::Rejection { received_at, source, reason, input }
        }
        CheckedEntry::Unwanted => return None,
    })
}

fn line_of(checked: Checked, received_at: Time) -> SpoolLine {
    let event = match checked.event().to_value() {
        Value::Object(event) => event,
        _ => Data::new(),
    };
    let Checked { key, only_if, report, sums, .. } = checked;
    // Two processes may find the same file: without an id of its own the event would be recorded twice.
    let key = if key == Key::None { Key::Id(Uuid::now_v7().to_string()) } else { key };
    SpoolLine::Draft { received_at, event, key, only_if, report, sums }
}

/// What a line holds, and when that was received; what is no line becomes a rejection.
pub fn from_line(line: &str, now: Time) -> (Entry, Time) {
    let broken = |reason: String| Rejection { source: "spool".into(), reason, input: line.to_owned() };
    match serde_json::from_str(line) {
        Ok(SpoolLine::Draft { received_at, event, key, only_if, report, sums }) => match Draft::from_object(event) {
            Ok(draft) => (Draft { key, only_if, report, sums, ..draft }.into(), received_at),
            Err(invalid) => (broken(invalid.to_string()).into(), received_at),
        },
        Ok(SpoolLine::Rejection { received_at, source, reason, input }) => {
            (Rejection { source, reason, input }.into(), received_at)
        }
        Err(error) => (broken(format!("not a line of the spool: {error}")).into(), now),
    }
}

fn leave(folder: &Path, now: Time, text: &str, durability: Durability) -> Result<PathBuf, Error> {
    file::own_folder(folder)?;
    let fail = |source| Error::file(folder, source);
    if spool_files::is_full(folder, text.len() as u64).map_err(fail)? {
        return Err(Error::SpoolFull { folder: folder.to_owned() });
    }
    let name = spool_files::unique_name(now);
    let (draft, path) = (folder.join(format!("{name}.{DRAFT_SUFFIX}")), folder.join(format!("{name}.{SUFFIX}")));
    let written = file::open_private(OpenOptions::new().write(true).create_new(true), &draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            if durability == Durability::Full { file.sync_all() } else { Ok(()) }
        })
        .and_then(|()| fs::rename(&draft, &path))
        .and_then(|()| if durability == Durability::Full { file::sync_folder(folder) } else { Ok(()) });
    if let Err(error) = written {
        // Half a file helps nobody, and the disk may be full.
        if let Err(left) = fs::remove_file(&draft) {
            tracing::debug!("half a spool file stays behind: {left}");
        }
        return Err(fail(error));
    }
    Ok(path)
}
