//! The terminal, taken and given back as it was, whatever ends the view.

use std::io::{self, BufWriter, Stdout, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEvent, KeyEventKind},
        execute, queue,
        terminal::{
            BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
            disable_raw_mode, enable_raw_mode,
        },
    },
    layout::Size,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{draw::draw, look::Look, state::State};

/// A whole screen in colour: it goes out in one write.
const FRAME_BYTES: usize = 64 * 1024;

type Written = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Dropped, it gives the terminal back.
pub struct Screen {
    terminal: Written,
}

impl Screen {
    /// # Errors
    /// Where the terminal does not take it.
    pub fn enter() -> io::Result<Screen> {
        static HOOK: std::sync::Once = std::sync::Once::new();
        HOOK.call_once(|| {
            let told_before = std::panic::take_hook();
            // What is told on the alternate screen goes away with it.
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                told_before(panic);
            }));
        });
        take().map(|terminal| Screen { terminal })
    }

    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Writes what differs from what is there. The state learns of another size.
    pub fn show(&mut self, state: &mut State, look: &Look) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            state.fit(frame.area().as_size());
            if let Some(cursor) = draw(state, look, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        state.was_drawn();
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
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
        use rustix::process::{Signal, getpid, kill_process};
        leave();
        kill_process(getpid(), Signal::STOP)?;
        // Nothing is on the screen of what was, so all of it is written again.
        self.terminal = take()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn take() -> io::Result<Written> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Hide)
        .and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, io::stdout()))))
        .inspect_err(|_| leave())
}

/// As much of it as can be done: the terminal itself may be gone.
fn leave() {
    let shown = execute!(io::stdout(), EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Show);
    if let Err(error) = shown.and_then(|()| disable_raw_mode()) {
        tracing::debug!("the terminal cannot be given back: {error}");
    }
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
    std::thread::Builder::new().name("keys".into()).spawn(move || {
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
