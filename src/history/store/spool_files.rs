//! The folders of the spool: how its files are called, how many there may be, which of them wait.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use crate::event::Time;

use super::{error::Error, file, options::Options};

/// Files that may wait, and their bytes. A hook that finds more leaves nothing, and counts that: a full disk must not be
/// made fuller.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: u64 = 256 << 20;
/// Holds a byte for each entry that found the spool full.
const SHED_FILE: &str = "shed";
const SHED_SUFFIX: &str = "shed";
pub const SUFFIX: &str = "jsonl";
pub const DRAFT_SUFFIX: &str = "tmp";
/// A file is written within the budget of a hook, ten seconds at most: one that is older and not complete was given up by a
/// process that died.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(60);

/// Counts entries that find the spool full.
pub fn shed(folder: &Path, entries: usize) -> Result<(), Error> {
    file::open_private(OpenOptions::new().append(true).create(true), &folder.join(SHED_FILE))
        .and_then(|mut shed| shed.write_all(&vec![b'.'; entries]))
        .map_err(|source| Error::file(folder, source))
}

/// Has those who find the spool full from now on begin to count anew: what was counted is taken in like any other file.
pub fn close_count(folder: &Path, now: Time) {
    let (count, closed) = (folder.join(SHED_FILE), folder.join(format!("{}.{SHED_SUFFIX}", unique_name(now))));
    match fs::rename(count, closed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("what the spool shed is not counted yet: {error}");
        }
        _ => {}
    }
}

/// A name for a new file. Names are in order of receipt; their end tells apart what one moment, or one process number, brings twice.
pub fn unique_name(now: Time) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let (order, id) = (MADE.fetch_add(1, Ordering::Relaxed), Uuid::new_v4().simple());
    format!("{:020}-{}-{order:010}-{id}", now.micros(), std::process::id())
}

pub fn is_full(folder: &Path, bytes: u64) -> io::Result<bool> {
    let (mut files, mut waiting) = (0, bytes);
    for entry in fs::read_dir(folder)? {
        files += 1;
        // One that was taken in meanwhile takes no room.
        waiting += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(files >= FILES_MAX || waiting > BYTES_MAX)
}

/// What waits to be taken in, from all folders, in order of receipt.
pub fn waiting(options: &Options) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = options.spool_folders().iter().flat_map(|folder| files_in(folder)).collect();
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    files
}

/// Complete spool files, and those that will not become so.
fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let path = entry.path();
        let complete = has_suffix(&path, SUFFIX) || is_count(&path);
        let given_up = || has_suffix(&path, DRAFT_SUFFIX) && is_given_up(&entry).unwrap_or(false);
        (complete || given_up()).then_some(path)
    })
}

/// Whether it holds a byte for each entry that found the spool full.
pub fn is_count(path: &Path) -> bool {
    has_suffix(path, SHED_SUFFIX)
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

fn is_given_up(entry: &fs::DirEntry) -> io::Result<bool> {
    let written = entry.metadata()?.modified()?;
    Ok(SystemTime::now().duration_since(written).is_ok_and(|age| age > DRAFT_AGE_MAX))
}
