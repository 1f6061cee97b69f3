//! One file of records, read from where the last look ended.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

use crate::source::{Agent, Transcript};

use super::{
    Error,
    intake::Intake,
    lines::{LINE_BYTES_MAX, RecordLines},
};

/// What a last line without newline is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLine {
    /// It counts if it is whole JSON: nobody will look again soon.
    MayBeWhole,
    /// It is held back until its newline comes.
    HeldBack,
}

#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    transcript: Transcript,
    /// Where the first line begins that was not read yet.
    offset: u64,
    lines: u64,
    /// What the lines so far left open has not been asked for.
    is_open: bool,
}

impl RecordFile {
    /// `None` where the agent keeps no record that is understood.
    pub fn new(agent: Agent, path: &Path) -> Option<RecordFile> {
        let transcript = Transcript::new(agent, &path.to_string_lossy())?;
        Some(RecordFile { path: path.to_owned(), transcript, offset: 0, lines: 0, is_open: false })
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether what was read still lies before what was not: else the file is another one now.
    pub fn is_continued(&self) -> bool {
        let Some(before) = self.offset.checked_sub(1) else { return true };
        let mut last = [0];
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(before))?;
            file.read_exact(&mut last)
        });
        read.is_ok() && last == [b'\n']
    }

    /// Takes in the lines that came since. Ends early where the intake is stopped.
    ///
    /// # Errors
    /// Where the file cannot be read, or the history not be written.
    pub fn read(&mut self, intake: &mut Intake, last: LastLine, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let unreadable = |path: &Path, source: io::Error| Error::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(&self.path).map_err(|source| unreadable(&self.path, source))?;
        file.seek(SeekFrom::Start(self.offset)).map_err(|source| unreadable(&self.path, source))?;
        let mut lines = RecordLines::of(file);
        while let Some(line) = lines.next().map_err(|source| unreadable(&self.path, source))? {
            let is_broken_off = || serde_json::from_slice::<IgnoredAny>(line.text).is_err();
            if !line.is_ended {
                match last {
                    LastLine::HeldBack => return Ok(()),
                    LastLine::MayBeWhole if line.is_whole && is_broken_off() => {
                        intake.summary.unfinished += 1;
                        progress(line.bytes);
                        return Ok(());
                    }
                    LastLine::MayBeWhole => {}
                }
            }
            self.offset += line.bytes;
            self.lines += 1;
            progress(line.bytes);
            if !line.is_whole {
                let reason = format!("the line has more than {LINE_BYTES_MAX} bytes");
                intake.reject(&self.path, self.lines, &reason, line.text)?;
            } else if !line.text.trim_ascii().is_empty() {
                self.is_open = true;
                intake.summary.lines += 1;
                match self.transcript.line(line.text) {
                    Ok(drafts) => intake.take(drafts)?,
                    Err(refusal) => intake.reject(&self.path, self.lines, &refusal.reason, line.text)?,
                }
            }
            if intake.is_stopped() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes in what the lines so far left open.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn end(&mut self, intake: &mut Intake) -> Result<(), Error> {
        self.is_open = false;
        Ok(intake.take(self.transcript.end())?)
    }
}
