//! What can happen while a command runs.

/// Everything that can wake the one who waits for the command.
pub(super) enum Wake {
    Received(Received),
    Command(State),
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
}

impl End {
    pub fn exit_code(self) -> u8 {
        match self {
            End::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            End::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// What became of the command just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stopped(i32),
    Continued,
    Ended(End),
}

/// A signal, and whether the kernel sent it to the terminal's whole foreground: then the command has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub signal: i32,
    pub from_terminal: bool,
}
