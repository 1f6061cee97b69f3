//! How far a long work is, for a person who looks at stderr; nothing for anybody else.
//!
//! A bar moves when the work says so, and is gone at its end.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Call;

/// Of so many bytes.
pub fn bytes(total: u64, call: &Call) -> ProgressBar {
    new(call, "{bar:40} {bytes}/{total_bytes} {eta}", Some(total))
}

/// Of so many events.
pub fn events(total: u64, call: &Call) -> ProgressBar {
    new(call, EVENTS, Some(total))
}

/// Of nobody knows how much, until [`count_events`].
pub fn spinner(what: &'static str, call: &Call) -> ProgressBar {
    let spinner = new(call, "{spinner} {msg}", None).with_message(what);
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

const EVENTS: &str = "{bar:40} {pos}/{len} events {eta}";

pub fn is_seen(call: &Call) -> bool {
    io::stderr().is_terminal() && !call.json
}

fn new(call: &Call, template: &str, total: Option<u64>) -> ProgressBar {
    let target = if is_seen(call) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(total, target).with_style(style(template))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
