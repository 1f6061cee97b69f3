//! Files and folders that only their owner may read, whatever the umask.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// Which file a path leads to: one deleted under an open connection lives on, and nobody else reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// `None` where there is no file, or where files have no identity.
    pub fn of(path: &Path) -> Option<FileId> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = fs::metadata(path).ok()?;
            Some(FileId { device: metadata.dev(), inode: metadata.ino() })
        }
        #[cfg(not(unix))]
        {
            None
        }
    }
}

/// Opens `path` with `options`; where that creates it, with mode 0600.
pub(super) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, MODE_FILE);
    let file = options.open(path)?;
    #[cfg(unix)]
    let file = {
        use std::os::unix::fs::PermissionsExt;
        // A strict umask takes away even what the owner needs.
        if file.metadata()?.permissions().mode() & MODE_FILE != MODE_FILE {
            file.set_permissions(fs::Permissions::from_mode(MODE_FILE))?;
        }
        file
    };
    Ok(file)
}

/// Creates `folder` and what is missing above it, with mode 0700.
pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    // One by one: below a folder that a strict umask has closed, nothing can be created.
    if let Some(above) = folder.parent() {
        create_private_folder(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, MODE_FOLDER);
    match builder.create(folder) {
        // Another process was faster, or a file is in the way.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        made => made?,
    }
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(MODE_FOLDER))?;
    Ok(())
}

/// Creates `path` as an empty file with mode 0600; nothing where it exists.
///
/// SQLite gives its write-ahead log and shared memory the mode of the database.
pub(super) fn create_private_file(path: &Path) -> io::Result<()> {
    match open_private(OpenOptions::new().write(true).create_new(true), path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
const MODE_FILE: u32 = 0o600;
#[cfg(unix)]
const MODE_FOLDER: u32 = 0o700;
