//! Ctrl-C: how a person ends what goes on until then.

use ai_coder_events::signals::{INTERRUPT, Signals};
use anyhow::Context;

/// What a shell sees of a program that it ended.
pub const INTERRUPTED: u8 = 130;

/// Heard from here on.
pub struct CtrlC(Signals);

impl CtrlC {
    /// # Errors
    /// Where it cannot be heard.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn listen() -> anyhow::Result<CtrlC> {
        Signals::listen(&[INTERRUPT]).map(CtrlC).context("failed to wait for Ctrl-C")
    }

    /// Waits for the next one.
    pub async fn pressed(&mut self) {
        self.0.next().await;
    }
}
