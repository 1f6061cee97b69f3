//! A pseudo-terminal that is like a terminal of ours, for what the command shows.
//!
//! It reads keys from ours itself, and is in its session: job control, signals of keys and what is typed ahead are none of our
//! business. What it sets on the terminal that it writes to, ours is set to; what ours is sized to, that is told.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    sync::{Mutex, PoisonError},
};

use pty_process::blocking::Pts;
use rustix::{
    process::{Signal, kill_process_group},
    termios::{
        InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcgetpgrp,
        tcgetwinsize, tcsetattr, tcsetwinsize,
    },
};

pub(super) struct CommandScreen {
    near: OwnedFd,
    ours: BorrowedFd<'static>,
    known: Mutex<Agreement>,
}

/// What both ends agreed on last.
struct Agreement {
    settings: Option<Termios>,
    size: Option<Winsize>,
}

impl CommandScreen {
    /// With the near end of it, and the command's.
    pub fn like(ours: BorrowedFd<'static>) -> io::Result<(CommandScreen, OwnedFd, Pts)> {
        // What passes is translated once, by ours.
        let (near, far, settings) = open_like(ours, |settings| settings.output_modes.remove(OutputModes::OPOST))?;
        let screen = CommandScreen {
            near: near.try_clone()?,
            ours,
            known: Mutex::new(Agreement { settings, size: tcgetwinsize(ours).ok() }),
        };
        Ok((screen, near, far))
    }

    /// Does what either end was set to since.
    pub fn follow(&self) {
        self.fit();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(before), Ok(now)) = (&known.settings, tcgetattr(&self.near)) else { return };
        if is_same(before, &now) {
            return;
        }
        if let Ok(ours) = tcgetattr(self.ours)
            && let Err(error) = tcsetattr(self.ours, OptionalActions::Drain, &changed_alike(ours, before, &now))
        {
            tracing::debug!("the terminal is not set as the command wants it: {error}");
        }
        known.settings = Some(now);
    }

    /// Tells the command of a size that is new. The system told whoever is in the foreground when ours changed, which was before
    /// its own did.
    pub fn fit(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(size) = tcgetwinsize(self.ours) else { return };
        if known.size == Some(size) {
            return;
        }
        known.size = Some(size);
        size_like(&self.near, self.ours);
        if let Err(error) = tcgetpgrp(self.ours).and_then(|foreground| kill_process_group(foreground, Signal::WINCH)) {
            tracing::debug!("nobody is told of the new size: {error}");
        }
    }
}

/// Our end and the command's of a pseudo-terminal that has the size and the settings of `ours`, but for what `change` does.
pub(super) fn open_like(ours: BorrowedFd<'_>, change: impl FnOnce(&mut Termios)) -> io::Result<(OwnedFd, Pts, Option<Termios>)> {
    // Whatever is missing for it, it is not the command.
    let (near, far) = pty_process::blocking::open().map_err(io::Error::other)?;
    let mut settings = tcgetattr(ours).ok();
    if let Some(settings) = &mut settings {
        change(settings);
        tcsetattr(&far, OptionalActions::Now, settings)?;
    }
    let near = OwnedFd::from(near);
    size_like(&near, ours);
    Ok((near, far, settings))
}

/// Gives it the size that `ours` has now.
pub(super) fn size_like(near: &OwnedFd, ours: BorrowedFd<'_>) {
    if let Err(error) = tcgetwinsize(ours).and_then(|size| tcsetwinsize(near, size)) {
        tracing::debug!("the command's terminal keeps its size: {error}");
    }
}

const CODES: [SpecialCodeIndex; 16] = [
    SpecialCodeIndex::VINTR,
    SpecialCodeIndex::VQUIT,
    SpecialCodeIndex::VERASE,
    SpecialCodeIndex::VKILL,
    SpecialCodeIndex::VEOF,
    SpecialCodeIndex::VTIME,
    SpecialCodeIndex::VMIN,
    SpecialCodeIndex::VSTART,
    SpecialCodeIndex::VSTOP,
    SpecialCodeIndex::VSUSP,
    SpecialCodeIndex::VEOL,
    SpecialCodeIndex::VREPRINT,
    SpecialCodeIndex::VDISCARD,
    SpecialCodeIndex::VWERASE,
    SpecialCodeIndex::VLNEXT,
    SpecialCodeIndex::VEOL2,
];

fn is_same(one: &Termios, other: &Termios) -> bool {
    one.input_modes == other.input_modes
        && one.output_modes == other.output_modes
        && one.local_modes == other.local_modes
        && CODES.into_iter().all(|code| one.special_codes[code] == other.special_codes[code])
}

/// `ours`, with what differs between `before` and `now`.
fn changed_alike(mut ours: Termios, before: &Termios, now: &Termios) -> Termios {
    let input = before.input_modes ^ now.input_modes;
    ours.input_modes = (ours.input_modes - input) | (now.input_modes & input);
    let output = before.output_modes ^ now.output_modes;
    ours.output_modes = (ours.output_modes - output) | (now.output_modes & output);
    let local = before.local_modes ^ now.local_modes;
    ours.local_modes = (ours.local_modes - local) | (now.local_modes & local);
    for code in CODES.into_iter().filter(|&code| before.special_codes[code] != now.special_codes[code]) {
        ours.special_codes[code] = now.special_codes[code];
    }
    // That it is raw to its output too, its own settings cannot tell: they never translated.
    if is_raw(now) != is_raw(before) {
        ours.output_modes.set(OutputModes::OPOST, !is_raw(now));
    }
    ours
}

/// As by `cfmakeraw`.
fn is_raw(settings: &Termios) -> bool {
    let cooks = LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN | LocalModes::ECHO;
    !settings.local_modes.intersects(cooks) && !settings.input_modes.intersects(InputModes::ICRNL | InputModes::IXON)
}
