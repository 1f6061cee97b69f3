//! What can happen while a command runs.

/// Everything that can wake the one who waits for the command.
pub(super) enum Wake {
    Received(Received),
    Command(CommandState),
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    Code(i32),
    Signal(i32),
}

impl CommandEnd {
    /// As a shell tells it: 128 + n where signal n ended it.
    pub fn exit_code(self) -> u8 {
        match self {
            CommandEnd::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            CommandEnd::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// What became of the command just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandState {
    Stopped(i32),
    Continued,
    Ended(CommandEnd),
}

/// A signal, and whether the kernel sent it to the terminal's whole foreground: then the command has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub signal: i32,
    pub from_terminal: bool,
}
