//! The bell: one byte written beside the database after each commit, so that other processes look again.
//!
//! The byte goes to the same place each time: the file never grows, and its change is all that counts. A bell that cannot be
//! rung loses nothing, since every waiter also looks at the data version twice a second.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use super::file::open_private;

#[derive(Debug)]
pub struct Bell(Option<File>);

impl Bell {
    pub fn at(path: &Path) -> Bell {
        let opened = open_private(OpenOptions::new().write(true).create(true).truncate(false), path);
        Bell(opened.inspect_err(|error| tracing::warn!("no bell at `{}`: {error}", path.display())).ok())
    }

    pub fn ring(&mut self) {
        let Some(file) = &mut self.0 else { return };
        if let Err(error) = strike(file) {
            tracing::debug!("the bell did not ring: {error}");
        }
    }
}

fn strike(file: &mut File) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(b"!")
}
