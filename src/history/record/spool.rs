//! The spool: what a hook could not write in time waits in small files, until a process with more time takes it in.
//!
//! Entries are checked, cleaned and redacted before they are written. A file is complete or not there: it is written under
//! another name first. It is taken in once, in order of receipt: its name is kept in the same transaction as its entries.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Checked, Condition, Data, Draft, Key, Time},
    history::store::{Durability, Error, Options, file},
    text::Redactor,
};

use super::{
    append::Append,
    entry::{Entry, Outcome},
    reject::{self, Rejection},
    writer::Writer,
};

/// Files that may wait, and their bytes. A hook that finds more leaves nothing, and counts that: a full disk must not be
/// made fuller.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: u64 = 256 << 20;
/// Holds a byte for each entry that found the spool full.
const SHED_FILE: &str = "shed";
const SHED_SUFFIX: &str = "shed";
const SUFFIX: &str = "jsonl";
const DRAFT_SUFFIX: &str = "tmp";
/// A file is written within the budget of a hook, ten seconds at most: one that is older and not complete was given up by a
/// process that died.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(60);

/// One line of a spool file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SpoolLine {
    Draft { received_at: Time, event: Data, key: Key, only_if: Option<Condition> },
    Rejection { received_at: Time, source: String, reason: String, input: String },
}

/// Leaves `entries` for the next process that has time; the file they lie in.
///
/// # Errors
/// Where no spool folder can be written, or it is full.
pub fn spool(options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    leave_in(options.spool_folders(), options, &entries)
}

/// The same, but not beside the history, where the disk may hang.
///
/// # Errors
/// Where there is no other folder, none of them can be written, or they are full.
pub fn spool_elsewhere(options: &Options, entries: Vec<Entry>) -> Result<PathBuf, Error> {
    leave_in(options.spool_folders().split_off(1), options, &entries)
}

fn leave_in(folders: Vec<PathBuf>, options: &Options, entries: &[Entry]) -> Result<PathBuf, Error> {
    let now = options.clock.now();
    let mut text = String::new();
    for entry in entries {
        let line = to_line(entry, now, &options.redactor);
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
        shed(&folder, entries.len())?;
        return Err(Error::SpoolFull { folder });
    }
    Err(failed.unwrap_or_else(|| Error::file(&options.path, io::Error::other("there is no other folder for a spool"))))
}

fn shed(folder: &Path, entries: usize) -> Result<(), Error> {
    file::open_private(OpenOptions::new().append(true).create(true), &folder.join(SHED_FILE))
        .and_then(|mut shed| shed.write_all(&vec![b'.'; entries]))
        .map_err(|source| Error::file(folder, source))
}

/// Spool files that wait to be taken in.
pub fn waiting(options: &Options) -> u64 {
    files(options).len() as u64
}

impl Writer {
    /// Takes in what waits in the spool, in order of receipt; how many events came of it.
    ///
    /// # Errors
    /// Where the history cannot be written; the files that are left wait on.
    pub fn take_in_spool(&mut self) -> Result<u64, Error> {
        let options = self.options().clone();
        options.spool_folders().iter().for_each(|folder| close_count(folder, self.now()));
        let mut appended = 0;
        for path in files(&options) {
            appended += self.take_in(&path, &options.redactor)?;
        }
        Ok(appended)
    }

    fn take_in(&mut self, path: &Path, redactor: &Redactor) -> Result<u64, Error> {
        let now = self.now();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = match file::open_private(OpenOptions::new().read(true), path).and_then(read_all) {
            Ok(bytes) => bytes,
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => {
                tracing::warn!("spool file `{}` cannot be read and waits on: {error}", path.display());
                return Ok(0);
            }
        };
        let entries = if has_suffix(path, SHED_SUFFIX) {
            let reason = format!("{} entries found the spool full and are lost", bytes.len());
            vec![(Rejection { source: "spool".into(), reason, input: String::new() }.into(), now)]
        } else {
            String::from_utf8_lossy(&bytes).lines().map(|line| from_line(line, now)).collect()
        };
        let appended = self.transact(|db| {
            // Another process may have taken it in meanwhile: then it is gone, or its name is here, be it that the other one
            // died before it removed it. The file goes first, the name after it.
            if !path.exists() || db.prepare_cached("INSERT OR IGNORE INTO taken (file) VALUES (?)")?.execute([&name])? == 0 {
                return Ok(0);
            }
            let mut append = Append::begin(db, redactor, None)?;
            let mut appended = 0;
            for (entry, received_at) in entries {
                appended +=
                    u64::from(matches!(append.take(entry.ready(received_at, redactor), received_at)?, Outcome::Appended { .. }));
            }
            append.finish()?;
            Ok(appended)
        })?;
        remove(path)?;
        // Its name is not made again, so nobody asks for it any more.
        self.transact(|db| db.prepare_cached("DELETE FROM taken WHERE file = ?")?.execute([&name]).map(drop))?;
        Ok(appended)
    }
}

/// Has those who find the spool full from now on begin to count anew: what was counted is taken in like any other file.
fn close_count(folder: &Path, now: Time) {
    let (count, closed) = (folder.join(SHED_FILE), folder.join(format!("{}.{SHED_SUFFIX}", unique_name(now))));
    match fs::rename(count, closed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("what the spool shed is not counted yet: {error}");
        }
        _ => {}
    }
}

fn to_line(entry: &Entry, now: Time, redactor: &Redactor) -> SpoolLine {
    let rejection = match entry {
        Entry::Draft(draft) => match draft.clone().check(now, redactor) {
            Ok(checked) => return line_of(checked, now),
            Err(invalid) => &Rejection::of_draft(draft, &invalid),
        },
        Entry::Rejection(rejection) => rejection,
    };
    let Rejection { source, reason, input } = reject::cleaned(rejection, redactor);
    SpoolLine::Rejection { received_at: now, source, reason, input }
}

fn line_of(checked: Checked, received_at: Time) -> SpoolLine {
    let (key, only_if) = (checked.key.clone(), checked.only_if.clone());
    let key = if key == Key::None { Key::Id(Uuid::now_v7().to_string()) } else { key };
    let event = match checked.event().to_value() {
        Value::Object(event) => event,
        _ => Data::new(),
    };
    SpoolLine::Draft { received_at, event, key, only_if }
}

fn from_line(line: &str, now: Time) -> (Entry, Time) {
    let broken = |reason: String| Rejection { source: "spool".into(), reason, input: line.to_owned() };
    match serde_json::from_str(line) {
        Ok(SpoolLine::Draft { received_at, event, key, only_if }) => match Draft::from_object(event) {
            Ok(draft) => (Draft { key, only_if, ..draft }.into(), received_at),
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
    if is_full(folder, text.len() as u64).map_err(fail)? {
        return Err(Error::SpoolFull { folder: folder.to_owned() });
    }
    let name = unique_name(now);
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

/// Names are in order of receipt; their end tells apart what one moment, or one process number, brings twice.
fn unique_name(now: Time) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let (order, id) = (MADE.fetch_add(1, Ordering::Relaxed), Uuid::new_v4().simple());
    format!("{:020}-{}-{order:010}-{id}", now.micros(), std::process::id())
}

fn is_full(folder: &Path, bytes: u64) -> io::Result<bool> {
    let (mut files, mut waiting) = (0, bytes);
    for entry in fs::read_dir(folder)? {
        files += 1;
        // One that was taken in meanwhile takes no room.
        waiting += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(files >= FILES_MAX || waiting > BYTES_MAX)
}

/// What waits to be taken in, from all folders, in order of receipt.
fn files(options: &Options) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = options.spool_folders().iter().flat_map(|folder| files_in(folder)).collect();
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    files
}

/// Complete spool files, and those that will not become so.
fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let path = entry.path();
        let complete = has_suffix(&path, SUFFIX) || has_suffix(&path, SHED_SUFFIX);
        let given_up = || has_suffix(&path, DRAFT_SUFFIX) && is_given_up(&entry).unwrap_or(false);
        (complete || given_up()).then_some(path)
    })
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

fn is_given_up(entry: &fs::DirEntry) -> io::Result<bool> {
    let written = entry.metadata()?.modified()?;
    Ok(SystemTime::now().duration_since(written).is_ok_and(|age| age > DRAFT_AGE_MAX))
}

fn read_all(mut file: fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
