//! The past: agents' own records, once or as they grow.
//!
//! ```text
//! places: files of an agent ─▶ record: new lines of one file ─▶ drafts ─▶ intake: a batch a transaction ─▶ history
//!    ▲ tail: now and then, and when a watched file changes
//! ```
//!
//! It promises: whatever was imported before adds nothing, because everything that records report has a key, and a file
//! that did not change since is not even opened; a broken line is kept as a rejection and harms no other; memory does not
//! grow with the records. It refuses to know what a line means: that is [`source`](crate::source)'s to say.

mod control;
mod feed;
mod intake;
mod lines;
mod place_watch;
mod places;
mod record;
mod tail;

use std::{io, path::PathBuf};

use crate::{
    history::{self, Options},
    source::Agent,
};

pub use control::TailControl;
pub use feed::{feeds, is_over, remove_feed, take_in_feeds};
pub use intake::ImportSummary;
pub use places::{Found, default_places, find, keeps_records};
pub use tail::RecordsTail;
use {intake::Intake, record::RecordFile};

/// Why nothing is imported, or no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{path}` does not exist: name a file or folder of {agent}'s records")]
    Missing { agent: Agent, path: PathBuf },
    #[error("failed to read `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("failed to write the history")]
    History(#[from] history::Error),
}

/// Imports `files`, one after the other; `progress` is told of bytes as they are read. What cannot be read is skipped, and
/// returned beside the summary.
///
/// # Errors
/// Where the history cannot be written: what was imported before stays.
pub fn once(
    agent: Agent,
    options: &Options,
    files: &[Found],
    progress: &mut dyn FnMut(u64),
) -> Result<(ImportSummary, Vec<Error>), Error> {
    let mut intake = Intake::new(agent, options, TailControl::default())?;
    let mut unread = Vec::new();
    for found in files {
        let Some(mut record) = RecordFile::new(agent, &found.path) else { continue };
        if intake.knows(found)? {
            (intake.summary.files, intake.summary.unchanged) = (intake.summary.files + 1, intake.summary.unchanged + 1);
            progress(found.stamp.bytes);
            continue;
        }
        let read = record.read(&mut intake, record::LastLine::MayBeWhole, progress);
        match read.and_then(|()| record.end(&mut intake)) {
            Ok(()) => {
                intake.summary.files += 1;
                if record.is_read() {
                    intake.has_read(found);
                }
            }
            Err(error @ Error::Unreadable { .. }) => unread.push(error),
            Err(error) => return Err(error),
        }
    }
    intake.flush()?;
    Ok((intake.summary, unread))
}
