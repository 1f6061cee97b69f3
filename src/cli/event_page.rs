//! One event as a person reads it: the change itself with its colours, what a command answered, the whole of what was said.
//! JSON and `--detail full` have the rest.

use std::io::{self, Write};

use ai_coder_events::{
    event::{Body, DataKey, Event, Progress},
    style::Tint,
    text,
};
use serde_json::Value;

use super::print::Console;

const INDENT: &str = "    ";

/// What a row leaves out of an event that is looked at by itself.
///
/// # Errors
/// Where it cannot be written.
pub fn write(console: &Console, out: &mut impl Write, event: &Event) -> io::Result<()> {
    if let Body::Progress(Progress { text: Some(said), .. }) = &event.body {
        paragraph(console, out, said, Tint::Plain)?;
    }
    if let Some(command) = data(event, DataKey::Command) {
        paragraph(console, out, &format!("$ {command}"), Tint::Bold)?;
    } else if let Some(arguments) = data(event, DataKey::Arguments) {
        paragraph(console, out, arguments, Tint::Dim)?;
    }
    for (key, tint) in [(DataKey::Output, Tint::Plain), (DataKey::Error, Tint::Bad), (DataKey::Request, Tint::Attention)] {
        if let Some(said) = data(event, key) {
            paragraph(console, out, said, tint)?;
        }
    }
    data(event, DataKey::Diff).map_or(Ok(()), |changes| diff(console, out, changes, INDENT))
}

fn data(event: &Event, key: DataKey) -> Option<&str> {
    event.data.get(key.name()).and_then(Value::as_str)
}

fn paragraph(console: &Console, out: &mut impl Write, said: &str, tint: Tint) -> io::Result<()> {
    text::clean_text(said).trim_end().lines().try_for_each(|line| writeln!(out, "{INDENT}{}", console.paint(line, tint)))
}

/// Hunks of a unified diff.
///
/// # Errors
/// Where they cannot be written.
pub fn diff(console: &Console, out: &mut impl Write, hunks: &str, indent: &str) -> io::Result<()> {
    for line in text::clean_text(hunks).lines() {
        let tint = match line.as_bytes().first() {
            Some(b'+') => Tint::Good,
            Some(b'-') => Tint::Bad,
            Some(b'@') => Tint::Cyan,
            _ => Tint::Plain,
        };
        writeln!(out, "{indent}{}", console.paint(line, tint))?;
    }
    Ok(())
}
