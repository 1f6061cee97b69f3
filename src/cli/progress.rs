//! How far a long work is, for a person who looks at stderr; nothing for anybody else.
//!
//! A bar moves when the work says so, and is gone at its end.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Invocation, interrupt::EndSignals};

/// Of so many bytes.
pub fn bytes(total: u64, call: &Invocation) -> ProgressBar {
    new(call, "{wide_bar} {bytes}/{total_bytes} {eta}", Some(total))
}

/// Of so many events.
pub fn events(total: u64, call: &Invocation) -> ProgressBar {
    gone_with_ctrl_c(new(call, EVENTS, Some(total)))
}

/// Of nobody knows how much, until [`count_events`].
pub fn spinner(what: &'static str, call: &Invocation) -> ProgressBar {
    let spinner = gone_with_ctrl_c(new(call, "{spinner} {wide_msg}", None).with_message(what));
    spinner.tick();
    spinner
}

pub fn count_events(bar: &ProgressBar, done: u64, total: u64) {
    if bar.length() != Some(total) {
        bar.set_style(style(EVENTS));
        bar.set_length(total);
    }
    bar.set_position(done);
}

const EVENTS: &str = "{wide_bar} {pos}/{len} events {eta}";

/// From now on Ctrl-C takes the bar away before it ends the program. What was written by then is kept, as it is without a bar.
pub fn gone_with_ctrl_c(bar: ProgressBar) -> ProgressBar {
    let listen = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let mut signals = EndSignals::listen()?;
        drop(entered);
        let bar = bar.clone();
        std::thread::Builder::new().spawn(move || {
            let code = runtime.block_on(signals.next());
            bar.finish_and_clear();
            end(code);
        })?;
        Ok(())
    };
    // Where that cannot be had, a bar is left behind: no reason not to do the work.
    if !bar.is_hidden()
        && let Err(error) = listen()
    {
        tracing::debug!("nobody waits for Ctrl-C: {error}");
    }
    bar
}

#[expect(clippy::exit, reason = "Ctrl-C would have ended it as suddenly; the thread that works cannot be asked")]
fn end(code: u8) -> ! {
    std::process::exit(code.into())
}

pub fn is_seen(call: &Invocation) -> bool {
    io::stderr().is_terminal() && !call.json
}

fn new(call: &Invocation, template: &str, total: Option<u64>) -> ProgressBar {
    let target = if is_seen(call) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(total, target).with_style(style(template))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
