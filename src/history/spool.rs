//! The spool: what a hook could not write in time waits in small files, until a process with more time takes it in.
//!
//! Entries are checked, cleaned and redacted before they are written, and each gets an id, so that taking a file in twice is
//! no harm. A file is complete or not there: it is written under another name first.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Checked, Condition, Data, Draft, Key, Time},
    text::Redactor,
};

use super::{Entry, Error, Options, Outcome, Rejection, Writer, append::Append, file, reject};

/// Files that may wait. A hook that finds more leaves nothing, and counts that: a full disk must not be made fuller.
const FILES_MAX: usize = 10_000;
/// Holds a byte for each entry that found the spool full.
const SHED_FILE: &str = "shed";
const SUFFIX: &str = "jsonl";

/// One line of a spool file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Draft { received_at: Time, event: Data, key: Key, only_if: Option<Condition> },
    Rejection { received_at: Time, source: String, reason: String, input: String },
}

/// Leaves `entries` for the next process that has time; the file they lie in.
///
/// # Errors
/// Where no spool folder can be written, or it is full.
pub fn spool(options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    let now = options.clock.now();
    let mut text = String::new();
    for entry in &entries {
        let line = to_line(entry, now, &options.redactor);
        text.push_str(&serde_json::to_string(&line).expect("a spool line has text keys and plain values"));
        text.push('\n');
    }
    let mut failed = None;
    for folder in options.spool_folders() {
        match leave(&folder, now, &text, entries.len()) {
            Ok(path) => return Ok(path),
            Err(source) => failed = Some(Error::file(folder, source)),
        }
    }
    Err(failed.expect("there is always a folder beside the history"))
}

/// Spool files that wait to be taken in.
pub(super) fn waiting(options: &Options) -> u64 {
    options.spool_folders().iter().map(|folder| files_in(folder).len() as u64).sum()
}

impl Writer {
    /// Takes in what waits in the spool, in order of receipt; how many events came of it.
    ///
    /// # Errors
    /// Where the history cannot be written; the files that are left wait on.
    pub fn take_in_spool(&mut self) -> Result<u64, Error> {
        let options = self.options().clone();
        let mut appended = 0;
        for folder in options.spool_folders() {
            for path in files_in(&folder) {
                appended += self.take_in(&path, &options.redactor)?;
            }
            self.take_in_shed(&folder.join(SHED_FILE), &options)?;
        }
        Ok(appended)
    }

    fn take_in(&mut self, path: &Path, redactor: &Redactor) -> Result<u64, Error> {
        let now = self.now();
        let appended = self.transact(|db| {
            // Looked for inside the transaction: another process may have taken it in meanwhile.
            let Ok(text) = fs::read_to_string(path) else { return Ok(0) };
            let mut append = Append::begin(db, redactor)?;
            let mut appended = 0;
            for line in text.lines() {
                let (entry, received_at) = from_line(line, now);
                appended += u64::from(matches!(append.take(entry, received_at)?, Outcome::Appended { .. }));
            }
            append.finish()?;
            Ok(appended)
        })?;
        remove(path)?;
        Ok(appended)
    }

    fn take_in_shed(&mut self, path: &Path, options: &Options) -> Result<(), Error> {
        let Ok(shed) = fs::metadata(path).map(|metadata| metadata.len()) else { return Ok(()) };
        let reason = format!("{shed} entries found the spool full and are lost");
        let rejection = Rejection { source: "spool".into(), reason, input: String::new() };
        let now = self.now();
        self.transact(|db| reject::keep(db, &options.redactor, now, &rejection))?;
        remove(path)
    }
}

fn to_line(entry: &Entry, now: Time, redactor: &Redactor) -> Line {
    let rejection = match entry {
        Entry::Draft(draft) => match draft.clone().check(now, redactor) {
            Ok(checked) => return line_of(checked, now),
            Err(invalid) => &Rejection::of_draft(draft, &invalid),
        },
        Entry::Rejection(rejection) => rejection,
    };
    let Rejection { source, reason, input } = reject::cleaned(rejection, redactor);
    Line::Rejection { received_at: now, source, reason, input }
}

fn line_of(checked: Checked, received_at: Time) -> Line {
    let (key, only_if) = (checked.key.clone(), checked.only_if.clone());
    let key = if key == Key::None { Key::Id(Uuid::now_v7().to_string()) } else { key };
    let event = match checked.event().to_value() {
        Value::Object(event) => event,
        _ => Data::new(),
    };
    Line::Draft { received_at, event, key, only_if }
}

fn from_line(line: &str, now: Time) -> (Entry, Time) {
    let broken = |reason: String| Rejection { source: "spool".into(), reason, input: line.to_owned() };
    match serde_json::from_str(line) {
        Ok(Line::Draft { received_at, event, key, only_if }) => match Draft::from_object(event) {
            Ok(draft) => (Draft { key, only_if, ..draft }.into(), received_at),
            Err(invalid) => (broken(invalid.to_string()).into(), received_at),
        },
        Ok(Line::Rejection { received_at, source, reason, input }) => (Rejection { source, reason, input }.into(), received_at),
        Err(error) => (broken(format!("not a line of the spool: {error}")).into(), now),
    }
}

fn leave(folder: &Path, now: Time, text: &str, entries: usize) -> io::Result<PathBuf> {
    file::create_private_folder(folder)?;
    if fs::read_dir(folder)?.count() >= FILES_MAX {
        file::open_private(OpenOptions::new().append(true).create(true), &folder.join(SHED_FILE))?
            .write_all(&vec![b'.'; entries])?;
        return Err(io::Error::other("the spool is full: start `ai-coder-events serve` or run `ai-coder-events check`"));
    }
    static LEFT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{:020}-{}-{}", now.micros(), std::process::id(), LEFT.fetch_add(1, Ordering::Relaxed));
    let (draft, path) = (folder.join(format!("{name}.tmp")), folder.join(format!("{name}.{SUFFIX}")));
    let written = file::open_private(OpenOptions::new().write(true).create_new(true), &draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, &path));
    if let Err(error) = written {
        // Half a file helps nobody, and the disk may be full.
        if let Err(left) = fs::remove_file(&draft) {
            tracing::debug!("half a spool file stays behind: {left}");
        }
        return Err(error);
    }
    Ok(path)
}

/// Complete spool files, in order of receipt.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == SUFFIX))
        .collect();
    files.sort();
    files
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
