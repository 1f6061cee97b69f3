//! What waits in the spool becomes events, in order of receipt.
//!
//! A file is taken in once, whole: its name is kept in the same transaction as its entries.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use crate::history::{
    record::{Outcome, Rejection, Writer, append::Append, spool::from_line},
    store::{Error, HistoryFiles, file, options::Options, spool_files},
};

impl Writer {
    /// Takes in what waits in the spool, in order of receipt; how many events came of it.
    ///
    /// # Errors
    /// Where the history cannot be written; the files that are left wait on.
    pub fn take_in_spool(&mut self) -> Result<u64, Error> {
        let options = self.options().clone();
        options.spool_folders().iter().for_each(|folder| spool_files::close_count(folder, self.now()));
        let mut appended = 0;
        for path in spool_files::waiting(&options) {
            appended += self.take_in(&path, &options)?;
        }
        Ok(appended)
    }

    fn take_in(&mut self, path: &Path, options: &Options) -> Result<u64, Error> {
        let now = self.now();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A link to the database: whoever closes it takes SQLite's locks from it.
        let is_ours = fs::symlink_metadata(path).is_ok_and(|metadata| HistoryFiles::of(options).hold_as_own(&metadata));
        let opened = match is_ours {
            true => Err(io::Error::other("it belongs to a history")),
            false => file::open_private(OpenOptions::new().read(true), path),
        };
        let bytes = match opened.and_then(read_all) {
            Ok(bytes) => bytes,
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => {
                tracing::warn!("spool file `{}` cannot be read and waits on: {error}", path.display());
                return Ok(0);
            }
        };
        let entries = if spool_files::is_count(path) {
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
            let mut append = Append::begin(db, options, None)?;
            let mut appended = 0;
            for (entry, received_at) in entries {
                appended += u64::from(matches!(
                    append.take(entry.check_at(received_at, &options.redactor), received_at)?,
                    Outcome::Appended { .. }
                ));
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
