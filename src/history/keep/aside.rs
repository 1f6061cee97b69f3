//! A file that cannot be used any more makes room, and is kept: under another name beside its place, with its log.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::history::store::{Error, Options, bell::Bell, file, options::with_suffix};

/// The lock that the one process holds which may exchange the file; the system gives it back when that process ends.
pub fn take_turn(options: &Options) -> Result<File, Error> {
    let bell = options.bell_path();
    let mut open = OpenOptions::new();
    let turn = file::open_private(open.write(true).create(true).truncate(false), &bell);
    turn.and_then(|file| file.lock().map(|()| file)).map_err(|source| Error::file(bell, source))
}

/// Gives the place of the history to `successor`, a closed database beside it, or to nobody. Where the old one lies now.
///
/// At every moment the old file lies whole under one of its names: it gets its new one before it loses the other.
pub fn make_room(options: &Options, successor: Option<&Path>) -> Result<PathBuf, Error> {
    let fail = |source| Error::file(&options.path, source);
    let kept = link_to_free_name(options).map_err(fail)?;
    let log = options.wal_path();
    if_there(fs::hard_link(&log, with_suffix(&kept, "-wal"))).map_err(fail)?;
    // A log that stayed would be taken for the successor's own.
    for beside in [log, options.shared_memory_path()] {
        if_there(fs::remove_file(beside)).map_err(fail)?;
    }
    let made = match successor {
        Some(successor) => fs::rename(successor, &options.path),
        None => fs::remove_file(&options.path),
    };
    made.and_then(|()| options.path.parent().map_or(Ok(()), file::sync_folder)).map_err(fail)?;
    // Whoever reads the old one looks again, and finds that its place is another's.
    Bell::at(&options.bell_path()).ring();
    Ok(kept)
}

/// `history.db.broken-20261126T170301Z`; where one second brings two, with a number behind it.
fn link_to_free_name(options: &Options) -> io::Result<PathBuf> {
    let digits = |c: &char| c.is_ascii_alphanumeric();
    // Year to second, with the `T` between: what `Display` begins with.
    let second: String = options.clock.now().to_string().chars().filter(digits).take(15).collect();
    let name = with_suffix(&options.path, &format!(".broken-{second}Z"));
    let mut free = name.clone();
    for number in 2.. {
        match fs::hard_link(&options.path, &free) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => free = with_suffix(&name, &format!("-{number}")),
            linked => return linked.map(|()| free),
        }
    }
    Ok(free)
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
