//! One file of records, read from where the last look ended.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use ruzstd::decoding::StreamingDecoder;
use serde::de::IgnoredAny;

use crate::source::{self, Agent, Transcript};

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

/// How a file holds its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordForm {
    /// A line each.
    Lines,
    /// The same, compressed: written once.
    Compressed,
    /// All in one object, which is written anew.
    Object,
}

impl RecordForm {
    fn of(path: &Path) -> RecordForm {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("zst") => RecordForm::Compressed,
            Some("json") => RecordForm::Object,
            _ => RecordForm::Lines,
        }
    }
}

/// Whoever put a record away compressed it and left its name, which may say whose it is.
fn open(agent: Agent, path: &Path) -> Option<Transcript> {
    let path = path.to_string_lossy();
    Transcript::new(agent, path.strip_suffix(".zst").unwrap_or(&path))
}

#[derive(Debug)]
pub(super) struct RecordFile {
    agent: Agent,
    path: PathBuf,
    form: RecordForm,
    transcript: Transcript,
    /// Where the first line begins that was not read yet.
    offset: u64,
    lines: u64,
    /// What the lines so far left open has not been asked for.
    is_open: bool,
    /// All that was there when it was read last was taken in.
    is_read: bool,
    /// Something in it was refused, which is to be told whenever it is imported.
    has_refused: bool,
}

impl RecordFile {
    /// `None` where the agent keeps no record that is understood.
    pub fn new(agent: Agent, path: &Path) -> Option<RecordFile> {
        let transcript = open(agent, path)?;
        let form = RecordForm::of(path);
        Some(RecordFile {
            agent,
            path: path.to_owned(),
            form,
            transcript,
            offset: 0,
            lines: 0,
            is_open: false,
            is_read: false,
            has_refused: false,
        })
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether all that was there when it was read last was understood and taken in.
    pub fn is_read(&self) -> bool {
        self.is_read && !self.has_refused
    }

    /// What was not read yet.
    fn input(&self, intake: &Intake) -> io::Result<Box<dyn Read>> {
        let mut file = intake.open(&self.path)?;
        if self.form == RecordForm::Compressed {
            let unpacked = StreamingDecoder::new(BufReader::new(file)).map_err(io::Error::other)?;
            return Ok(Box::new(unpacked));
        }
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(Box::new(file))
    }

    /// Whether what was read still lies before what was not: else the file is another one now.
    pub fn is_continued(&self, intake: &Intake) -> bool {
        if self.form != RecordForm::Lines {
            return true;
        }
        let Some(before) = self.offset.checked_sub(1) else { return true };
        let mut last = [0];
        let read = intake.open(&self.path).and_then(|mut file| {
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
        self.is_read = false;
        if self.form != RecordForm::Lines {
            self.begin_anew();
        }
        if self.form == RecordForm::Object {
            self.read_object(intake, progress)?;
            self.is_read = true;
            return Ok(());
        }
        let input = self.input(intake).map_err(|source| unreadable(&self.path, source))?;
        let mut lines = RecordLines::of(input);
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
                self.has_refused = true;
                intake.reject(&self.path, self.lines, &reason, line.text)?;
            } else if !line.text.trim_ascii().is_empty() {
                self.is_open = true;
                intake.summary.lines += 1;
                for record in source::records_in(line.text) {
                    match self.transcript.line(record) {
                        Ok(drafts) => intake.take(drafts)?,
                        Err(refusal) => {
                            self.has_refused = true;
                            intake.reject(&self.path, self.lines, &refusal.reason, record)?;
                        }
                    }
                }
            }
            if intake.is_stopped() {
                return Ok(());
            }
        }
        self.is_read = true;
        Ok(intake.take(self.transcript.pause())?)
    }

    fn read_object(&mut self, intake: &mut Intake, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let mut object = Vec::new();
        let read = self.input(intake).and_then(|input| input.take(LINE_BYTES_MAX as u64 + 1).read_to_end(&mut object));
        read.map_err(|source| unreadable(&self.path, source))?;
        progress(object.len() as u64);
        self.is_open = true;
        intake.summary.lines += 1;
        self.has_refused = true;
        if object.len() > LINE_BYTES_MAX {
            let reason = format!("the file has more than {LINE_BYTES_MAX} bytes");
            return Ok(intake.reject(&self.path, 1, &reason, &object)?);
        }
        match self.transcript.line(&object) {
            Ok(drafts) => {
                self.has_refused = false;
                Ok(intake.take(drafts)?)
            }
            Err(refusal) => Ok(intake.reject(&self.path, 1, &refusal.reason, &object)?),
        }
    }

    /// What is not written line by line is read from its beginning.
    fn begin_anew(&mut self) {
        (self.offset, self.lines, self.has_refused) = (0, 0, false);
        if let Some(transcript) = open(self.agent, &self.path) {
            self.transcript = transcript;
        }
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

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Unreadable { path: path.to_owned(), source }
}
