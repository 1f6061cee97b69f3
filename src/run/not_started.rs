//! Why a command does not run.

use std::{ffi::OsString, io};

/// Why a command does not run; the exit codes are the shell's.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("`{program}` was not found: check the name and PATH")]
    NotFound { program: String },
    #[error("`{program}` could not be executed")]
    NotExecutable { program: String, source: io::Error },
}

impl NotStarted {
    pub(super) fn of(program: &OsString, source: io::Error) -> NotStarted {
        let program = program.to_string_lossy().into_owned();
        match source.kind() {
            io::ErrorKind::NotFound => NotStarted::NotFound { program },
            _ => NotStarted::NotExecutable { program, source },
        }
    }

    pub const fn exit_code(&self) -> u8 {
        match self {
            NotStarted::NotFound { .. } => 127,
            NotStarted::NotExecutable { .. } => 126,
        }
    }
}
