//! Ctrl-C, the end of the terminal, a supervisor's word: how what goes on until then is ended. Process 1 hears no signal that it
//! does not listen to.

use ai_coder_events::signals::{HANGUP, INTERRUPT, Signals, TERMINATE};
use anyhow::Context;
use tokio::sync::oneshot;

/// What a shell sees of a program that a signal ended, more than the signal's number.
const SIGNALED: u8 = 128;

/// Heard from here on.
pub struct EndSignals(Signals);

impl EndSignals {
    /// # Errors
    /// Where they cannot be heard.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn listen() -> anyhow::Result<EndSignals> {
        Signals::listen(&[INTERRUPT, TERMINATE, HANGUP]).map(EndSignals).context("failed to wait for Ctrl-C")
    }

    /// Waits for the next one; the exit code that tells of it: 130 after Ctrl-C.
    pub async fn next(&mut self) -> u8 {
        SIGNALED + self.0.next().await
    }

    /// What is over when the next one comes; the exit code is there from then on.
    pub fn ending(mut self) -> (impl Future<Output = ()> + Send + 'static, oneshot::Receiver<u8>) {
        let (tell, code) = oneshot::channel();
        let ending = async move {
            if tell.send(self.next().await).is_err() {
                tracing::debug!("nobody asks any more how it ended");
            }
        };
        (ending, code)
    }
}
