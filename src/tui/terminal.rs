//! The terminal, taken and given back as it was, whatever ends the view.

use std::{
    io::{self, BufWriter, Stdout, Write},
    mem::ManuallyDrop,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread::{self, ThreadId},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEvent, KeyEventKind},
        execute, queue,
        style::Print,
        terminal::{
            BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
            disable_raw_mode, enable_raw_mode,
        },
    },
    layout::Size,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{draw::draw, state::ViewState, theme::Theme};

/// A whole screen in colour: it goes out in one write.
const FRAME_BYTES: usize = 64 * 1024;

type FrameBytes = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Which thread draws on the terminal, while it is taken.
static HOLDER: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Dropped, it gives the terminal back.
pub struct Screen {
    /// Not dropped: it would show the cursor and write the rest of a frame, after `leave` did all there is to do. Where the
    /// terminal is gone it even panics, since it says so on stderr.
    terminal: ManuallyDrop<FrameBytes>,
    /// How many need a person, as the window's title says.
    needing: Option<usize>,
    /// Whether the terminal rings where one more does.
    rings: bool,
}

/// The window's title is kept and given back: XTWINOPS 22 and 23 (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>).
const KEEP_TITLE: &str = "\x1b[22;2t";
const GIVE_TITLE_BACK: &str = "\x1b[23;2t";

impl Screen {
    /// # Errors
    /// Where the terminal does not take it.
    pub fn enter(rings: bool) -> io::Result<Screen> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let told_before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let holder = *holder();
                if is_caught(holder) {
                    // The view goes on, and says itself what it could not read.
                    tracing::error!("{panic}");
                } else {
                    // What is told on the alternate screen goes away with it.
                    leave();
                    told_before(panic);
                }
            }));
        });
        take()?;
        let out = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(out)).inspect_err(|_| leave())?;
        Ok(Screen { terminal: ManuallyDrop::new(terminal), needing: None, rings })
    }

    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Writes what differs from what is there. The state learns of another size.
    pub fn show(&mut self, state: &mut ViewState, theme: &Theme) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            state.fit(frame.area().as_size());
            if let Some(cursor) = draw(state, theme, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        state.was_drawn();
        if state.is_ready() {
            self.tell_beyond_the_screen(state.needing_count())?;
        }
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// How many need a person, where it is seen or heard without looking: the title, and where it is wanted a bell and a
    /// notification (OSC 9, <https://iterm2.com/documentation-escape-codes.html>).
    fn tell_beyond_the_screen(&mut self, needing: usize) -> io::Result<()> {
        let told = self.needing.replace(needing);
        if told == Some(needing) {
            return Ok(());
        }
        let out = self.terminal.backend_mut();
        let count = if needing > 0 { format!("({needing}) ") } else { String::new() };
        write!(out, "\x1b]2;{count}ai-coder-events\x07")?;
        if self.rings && told.is_some_and(|told| needing > told) {
            let coders = if needing == 1 { "coder needs" } else { "coders need" };
            write!(out, "\x07\x1b]9;{needing} {coders} you\x07")?;
        }
        Ok(())
    }

    /// Hands `text` to the terminal's clipboard, near or far: OSC 52 (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        out.flush()
    }

    /// Gives the terminal to the shell until it continues this process; where there are no such signals, does nothing.
    #[cfg(not(unix))]
    pub fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    pub fn suspend(&mut self) -> io::Result<()> {
        use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
        // The terminal was opened for this alone: no shell is there that would continue it.
        if getsid(None)? == getpgrp() {
            return Ok(());
        }
        leave();
        // A script that waits for this process stops too: else its shell goes on waiting for the script.
        kill_current_process_group(Signal::STOP)?;
        self.resume()
    }

    /// Takes the terminal anew: who stopped this process may have changed it. The next frame writes all of it.
    pub fn resume(&mut self) -> io::Result<()> {
        // Raw mode is not entered twice, and whether it was left meanwhile nobody says.
        disable_raw_mode()?;
        take()?;
        self.needing = None;
        // `clear` would ask the terminal where its cursor is, and the answer would come as keys.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    *holder() = Some(thread::current().id());
    execute!(io::stdout(), Print(KEEP_TITLE), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Hide)
        .inspect_err(|_| leave())
}

/// As much of it as can be done: the terminal itself may be gone. Once: the cursor would go back to where it was, over what
/// was said since.
fn leave() {
    if holder().take().is_none() {
        return;
    }
    let shown =
        execute!(io::stdout(), EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Print(GIVE_TITLE_BACK), Show);
    if let Err(error) = shown.and(disable_raw_mode()) {
        tracing::debug!("the terminal cannot be given back: {error}");
    }
}

fn holder() -> MutexGuard<'static, Option<ThreadId>> {
    HOLDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a panic here leaves the view as it is: it ends another thread, or a task.
fn is_caught(holder: Option<ThreadId>) -> bool {
    holder.is_some_and(|holder| holder != thread::current().id() || tokio::task::try_id().is_some())
}

/// What a person does at the terminal.
pub enum Hand {
    Key(KeyEvent),
    Paste(String),
    Resize(Size),
}

/// Reads on a thread of its own, which ends with the process; the channel closes where the terminal is gone.
pub fn hands() -> io::Result<UnboundedReceiver<Hand>> {
    let (sender, receiver) = unbounded_channel();
    thread::Builder::new().name("keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            let hand = match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => Hand::Key(key),
                Event::Paste(text) => Hand::Paste(text),
                Event::Resize(width, height) => Hand::Resize(Size { width, height }),
                _ => continue,
            };
            if sender.send(hand).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_that_ends_the_view_leaves_the_screen() {
        let here = Some(thread::current().id());
        assert!(!is_caught(here));
        assert!(thread::spawn(move || is_caught(here)).join().expect("no panic"));
        assert!(!thread::spawn(|| is_caught(None)).join().expect("no panic"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(!runtime.block_on(async { is_caught(here) }));
        assert!(runtime.block_on(async { tokio::spawn(async move { is_caught(here) }).await }).expect("no panic"));
    }
}
