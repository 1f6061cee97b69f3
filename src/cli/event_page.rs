//! One event as a person reads it, below its row.

use std::io::{self, Write};

use ai_coder_events::{event::Event, style, style::Tint, text};

use super::print::Console;

const INDENT: &str = "    ";

/// What a row leaves out of an event that is looked at by itself.
///
/// # Errors
/// Where it cannot be written.
pub fn write(console: &Console, out: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut lines = style::event_page(event).into_iter();
    lines.try_for_each(|(tint, line)| writeln!(out, "{INDENT}{}", console.paint(&text::clean_text(&line), tint)))
}

/// Hunks of a unified diff.
///
/// # Errors
/// Where they cannot be written.
pub fn diff(console: &Console, out: &mut impl Write, hunks: &str, indent: &str) -> io::Result<()> {
    let hunks = text::clean_text(hunks);
    hunks.lines().try_for_each(|line| writeln!(out, "{indent}{}", console.paint(line, Tint::of_hunk_line(line))))
}
