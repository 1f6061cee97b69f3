//! Files and folders that only their owner may read, whatever the umask; and none that somebody else has laid out.
//!
//! A file of the history is never a symbolic link, and never another user's: what is written through such a one goes where
//! somebody else wants it. The folder may lie behind a link, but must be ours or the system's, and not everybody's.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::error::Error;

/// Which file a path leads to: one deleted under an open connection lives on, and nobody else reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// `None` where there is no file, or where files have no identity.
    pub fn of(path: &Path) -> Option<FileId> {
        FileId::from_metadata(&fs::metadata(path).ok()?)
    }

    pub fn from_metadata(metadata: &Metadata) -> Option<FileId> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(FileId { device: metadata.dev(), inode: metadata.ino() })
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }
}

/// Makes sure that `folder` is there and may hold a history: creates it and what is missing above it with mode 0700.
pub fn private_folder(folder: &Path) -> Result<(), Error> {
    create_folder(folder).map_err(|source| Error::file(folder, source))?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let metadata = fs::metadata(folder).map_err(|source| Error::file(folder, source))?;
    refuse(folder, folder_of_another(&metadata))
}

/// As [`private_folder`], for a folder that is ours by its name: one that was left open to others is closed.
pub fn own_folder(folder: &Path) -> Result<(), Error> {
    // Whoever may write above it may put another one in its place.
    folder.parent().map_or(Ok(()), private_folder)?;
    private_folder(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_open = |metadata: &Metadata| metadata.permissions().mode() & 0o777 != MODE_FOLDER;
        let closed = fs::symlink_metadata(folder).and_then(|metadata| match metadata.is_symlink() {
            true => Err(io::Error::other(LINK)),
            false if is_open(&metadata) => fs::set_permissions(folder, fs::Permissions::from_mode(MODE_FOLDER)),
            false => Ok(()),
        });
        closed.map_err(|source| Error::file(folder, source))?;
    }
    Ok(())
}

/// Makes sure that `path` is a file that may hold a history: creates it, empty, with mode 0600 where it is missing.
///
/// SQLite gives its write-ahead log and shared memory the mode of the database.
pub fn private_file(path: &Path) -> Result<(), Error> {
    match open_private(OpenOptions::new().write(true).create_new(true), path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let metadata = look(path)?;
            close_to_others(&metadata, |mode| fs::set_permissions(path, mode)).map_err(|source| Error::file(path, source))
        }
        Err(source) => Err(Error::file(path, source)),
    }
}

/// What lies at `path`, where that is a file of ours.
pub fn look(path: &Path) -> Result<Metadata, Error> {
    let metadata = fs::symlink_metadata(path).map_err(|source| Error::file(path, source))?;
    refuse(path, file_of_another(&metadata))?;
    Ok(metadata)
}

/// Makes sure that what lies beside a database, if anything does, is ours too: SQLite reads and writes it unasked.
pub fn look_beside(companions: &[PathBuf]) -> Result<(), Error> {
    for path in companions {
        match look(path) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            looked => {
                looked?;
            }
        }
    }
    Ok(())
}

/// Opens `path` with `options`; where that creates it, with mode 0600.
pub fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe in its place would have the opener wait for its other end.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(MODE_FILE).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if let Some(reason) = file_of_another(&metadata) {
        return Err(io::Error::other(reason));
    }
    // A strict umask takes away even what the owner needs.
    close_to_others(&metadata, |mode| file.set_permissions(mode))?;
    Ok(file)
}

/// Makes what was just created, renamed or removed in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
    Ok(())
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    // One by one: below a folder that a strict umask has closed, nothing can be created.
    if let Some(above) = folder.parent() {
        create_folder(above)?;
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
    folder.parent().map_or(Ok(()), sync_folder)
}

fn refuse(path: &Path, reason: Option<&'static str>) -> Result<(), Error> {
    reason.map_or(Ok(()), |reason| Err(Error::Refused { path: path.to_owned(), reason }))
}

#[cfg(unix)]
fn close_to_others(metadata: &Metadata, set: impl FnOnce(fs::Permissions) -> io::Result<()>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o777 == MODE_FILE { Ok(()) } else { set(fs::Permissions::from_mode(MODE_FILE)) }
}

#[cfg(not(unix))]
fn close_to_others(_: &Metadata, _: impl FnOnce(fs::Permissions) -> io::Result<()>) -> io::Result<()> {
    Ok(())
}

const LINK: &str = "it is a symbolic link: name the file it leads to";

#[cfg(unix)]
fn file_of_another(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    if metadata.is_symlink() {
        return Some(LINK);
    }
    if !metadata.is_file() {
        return Some("it is no regular file: name another one");
    }
    (metadata.uid() != user()).then_some("it belongs to another user: run this as that user, or name another file")
}

#[cfg(unix)]
fn folder_of_another(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    /// In a folder with this bit only a file's owner may replace it.
    const STICKY: u32 = 0o1000;
    const EVERYBODY_WRITES: u32 = 0o002;
    if metadata.uid() != user() && metadata.uid() != SYSTEM {
        return Some("the folder belongs to another user: run this as that user, or name a file elsewhere");
    }
    (metadata.mode() & (EVERYBODY_WRITES | STICKY) == EVERYBODY_WRITES)
        .then_some("everybody may write to the folder: `chmod o-w` it, or name a file elsewhere")
}

/// Who writes; 0 where files have no owners.
pub fn user() -> u32 {
    #[cfg(unix)]
    {
        rustix::process::geteuid().as_raw()
    }
    #[cfg(not(unix))]
    {
        0
    }
}

#[cfg(not(unix))]
fn file_of_another(metadata: &Metadata) -> Option<&'static str> {
    metadata.is_symlink().then_some(LINK)
}

#[cfg(not(unix))]
fn folder_of_another(_: &Metadata) -> Option<&'static str> {
    None
}

#[cfg(unix)]
const MODE_FILE: u32 = 0o600;
#[cfg(unix)]
const MODE_FOLDER: u32 = 0o700;
/// The system's own user, to whom `/tmp` belongs.
#[cfg(unix)]
const SYSTEM: u32 = 0;
