//! Drafts and rejections on their way into the history, a batch a transaction, and what came of them.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    event::{DataKey, Draft, Micros, Recording, Time},
    history::{self, Clock, Entry, HistoryFiles, Options, Outcome, Reader, Rejection, Writer},
    repository::{self, AsOf},
    source::Agent,
};

use super::{Found, TailControl};

/// A transaction that others wait for stays short.
const BATCH_ENTRIES: usize = 512;
/// Broken lines that are remembered, so that the next import does not report them again.
const KNOWN_MAX: usize = 10_000;
/// Coders whose folders are remembered.
const FOLDERS_MAX: usize = 1_000;
/// What is read no later than this after it was written is of now.
const LIVE: Micros = 10 * Time::SECOND;

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportSummary {
    pub files: u64,
    pub lines: u64,
    /// Events that were not in the history.
    pub new: u64,
    /// Reports of events that were.
    pub duplicate: u64,
    /// Reports that added to such an event.
    pub completing: u64,
    /// Lines and events that were refused.
    pub rejected: u64,
    /// Last lines that were not written to their end yet.
    pub unfinished: u64,
    /// Files that did not change since they were read to their end: they were not read again.
    #[serde(skip_serializing_if = "is_zero")]
    pub unchanged: u64,
}

/// Serde asks so.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) struct Intake {
    agent: Agent,
    reader: Reader,
    writer: Writer,
    batch: Vec<Entry>,
    /// Files that were read to their end, and their stamps: all that they say is in `batch`, or written.
    read: Vec<(String, String)>,
    /// Something was refused when it was written: of the file that is read now, or of one that is in `read`.
    has_refused: bool,
    /// Reasons of rejections that are kept already: each names its file and line.
    known: HashSet<String>,
    /// Where coders work of whom no hook tells.
    folders: HashMap<String, PathBuf>,
    clock: Clock,
    control: TailControl,
    pub summary: ImportSummary,
}

impl Intake {
    /// Opens a record. What is no file might never end, or never begin; and a file of a history is opened by SQLite alone, whose
    /// locks are gone once anybody else in the process closes it.
    ///
    /// # Errors
    /// Where it is no such file, or cannot be opened.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if HistoryFiles::of(self.writer.options()).hold(&fs::canonicalize(path)?, &metadata) {
            return Err(io::Error::other("it belongs to a history"));
        }
        File::open(path)
    }

    /// # Errors
    /// Where the history cannot be read.
    pub fn new(agent: Agent, options: &Options, control: TailControl) -> Result<Intake, history::Error> {
        let mut reader = Reader::new(options);
        let kept = reader.rejected()?;
        let known = kept.into_iter().filter(|kept| kept.source == agent.name()).map(|kept| kept.reason).collect();
        Ok(Intake {
            agent,
            reader,
            writer: Writer::new(options),
            batch: Vec::new(),
            read: Vec::new(),
            has_refused: false,
            known,
            folders: HashMap::new(),
            clock: options.clock.clone(),
            control,
            summary: ImportSummary::default(),
        })
    }

    pub fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }

    /// Whether `found` is as it was when it was read to its end.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn knows(&mut self, found: &Found) -> Result<bool, history::Error> {
        let Some(file) = found.path.to_str() else { return Ok(false) };
        let stamp = self.reader.stamp_of_record(file)?;
        Ok(stamp.is_some_and(|stamp| stamp == self.stamp(found)))
    }

    /// `found` was read to its end, and was like this before it was read.
    pub fn has_read(&mut self, found: &Found) {
        let has_refused = std::mem::take(&mut self.has_refused);
        if let Some(file) = found.path.to_str().filter(|_| !has_refused) {
            self.read.push((file.to_owned(), self.stamp(found)));
        }
    }

    /// What else than the file decides what is made of it: who reads it, and what is to be recorded.
    fn stamp(&self, found: &Found) -> String {
        let Recording { prompts, outputs, diffs, thinking } = self.writer.options().recording;
        let recorded: String = [prompts, outputs, diffs, thinking].map(|on| if on { '1' } else { '0' }).into_iter().collect();
        format!("{} {} {recorded} {}", env!("CARGO_PKG_VERSION"), self.agent, found.stamp)
    }

    /// # Errors
    /// Where the history cannot be written: the whole batch is not then.
    pub fn take(&mut self, drafts: Vec<Draft>) -> Result<(), history::Error> {
        for draft in drafts {
            let told = self.told_by_repository(draft);
            self.batch.extend(told.into_iter().map(Entry::from));
        }
        self.flush_full()
    }

    /// What happens while it is followed, no hook may tell.
    fn told_by_repository(&mut self, draft: Draft) -> Vec<Draft> {
        if let Some(folder) = draft.data.get(DataKey::Cwd.name()).and_then(serde_json::Value::as_str) {
            if self.folders.len() >= FOLDERS_MAX {
                self.folders.clear();
            }
            self.folders.insert(draft.coder_id.clone(), PathBuf::from(folder));
        }
        let is_live = draft.timestamp.is_some_and(|at| self.clock.now().since(at) < LIVE);
        let folder = self.folders.get(&draft.coder_id).map(PathBuf::as_path);
        repository::tell(draft, folder, if is_live { AsOf::Now } else { AsOf::Then })
    }

    /// A line that could not be understood: kept once, however often it is imported.
    ///
    /// # Errors
    /// Where the history cannot be written: the whole batch is not then.
    pub fn reject(&mut self, path: &Path, line: u64, reason: &str, input: &[u8]) -> Result<(), history::Error> {
        self.summary.rejected += 1;
        let reason = format!("`{}` line {line}: {reason}", path.display());
        if self.known.contains(&reason) {
            return Ok(());
        }
        if self.known.len() < KNOWN_MAX {
            self.known.insert(reason.clone());
        }
        let head = &input[..input.len().min(Rejection::INPUT_BYTES_SEEN)];
        let input = String::from_utf8_lossy(head).into_owned();
        self.batch.push(Rejection { source: self.agent.name().to_owned(), reason, input }.into());
        self.flush_full()
    }

    fn flush_full(&mut self) -> Result<(), history::Error> {
        if self.batch.len() < BATCH_ENTRIES { Ok(()) } else { self.flush() }
    }

    /// # Errors
    /// Where the history cannot be written: the whole batch is not then.
    pub fn flush(&mut self) -> Result<(), history::Error> {
        // Of what is not written nothing is known either.
        let read = std::mem::take(&mut self.read);
        let written = self.writer.append(std::mem::take(&mut self.batch)).inspect_err(|_| self.known.clear())?;
        for outcome in written {
            match outcome {
                Outcome::Appended { .. } => self.summary.new += 1,
                Outcome::Duplicate { .. } => self.summary.duplicate += 1,
                Outcome::Completed { .. } => self.summary.completing += 1,
                Outcome::Rejected(_) => {
                    self.summary.rejected += 1;
                    self.has_refused = true;
                }
                // Counted when it came; or its condition, or the configuration, said that it is none.
                Outcome::Kept | Outcome::Unmet | Outcome::Unwanted => {}
            }
        }
        // What was refused is to be told whenever it is imported, whichever of these files it was in.
        if self.has_refused { Ok(()) } else { self.writer.remember_records(&read) }
    }
}
