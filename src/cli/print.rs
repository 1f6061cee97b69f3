//! What people and programs see on stdout: JSON lines, aligned rows, local time.
//!
//! Colours only where stdout is a terminal and NO_COLOR is unset. What this program stores is clean, but another one may have
//! written the history: nothing in a text moves the cursor or hides. Refuses to know what the rows mean.

use std::io::{self, IsTerminal, Write};

use ai_coder_events::{
    event::{Body, Event, Family, Status, Summary, Time, sentence},
    text,
};
use clap::builder::styling::{AnsiColor, Style};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::filter::Detail;

/// # Errors
/// Where the line cannot be written.
pub fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value)?;
    if text::is_clean(&line) {
        out.write_all(line.as_bytes())?;
    } else {
        serde_json::to_writer(&mut *out, &cleaned(serde_json::from_str(&line)?))?;
    }
    out.write_all(b"\n")
}

/// `value` with every text in it cleaned; its keys are the recorder's own, or were cleaned by it.
fn cleaned(value: Value) -> Value {
    match value {
        Value::String(given) => Value::String(text::clean_text(&given).into_owned()),
        Value::Array(items) => items.into_iter().map(cleaned).collect(),
        Value::Object(object) => {
            object.into_iter().map(|(name, value)| (text::clean_line(&name).into_owned(), cleaned(value))).collect()
        }
        plain => plain,
    }
}

/// # Errors
/// Where the line cannot be written.
pub fn json_event(out: &mut impl Write, event: &Event, detail: Detail) -> io::Result<()> {
    match detail {
        Detail::Full => json_line(out, event),
        Detail::Summary => json_line(out, &Summary::of(event)),
    }
}

/// How things look to a person here.
#[derive(Clone)]
pub struct Look {
    colour: bool,
    zone: TimeZone,
}

pub const PLAIN: Style = Style::new();
pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const LOOK_HERE: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// One cell of a row; padded first, coloured then.
pub struct Cell {
    text: String,
    style: Style,
}

pub fn cell(text: impl Into<String>, style: Style) -> Cell {
    let text = text.into();
    let text = if text::is_clean(&text) && !text.contains(['\n', '\t']) { text } else { text::clean_line(&text).into_owned() };
    Cell { text, style }
}

/// The widths of columns, growing with what was seen so that a stream stays aligned.
#[derive(Default)]
pub struct Columns(Vec<usize>);

/// A column does not grow beyond this: one long id must not push all else off the screen.
const COLUMN_CHARS_MAX: usize = 48;

impl Columns {
    /// Makes room for these rows. The last cell of a row ends its line and needs none.
    pub fn fit<'r>(&mut self, rows: impl IntoIterator<Item = &'r Vec<Cell>>) {
        for row in rows {
            for (index, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
                let chars = cell.text.chars().count().min(COLUMN_CHARS_MAX);
                match self.0.get_mut(index) {
                    Some(width) => *width = chars.max(*width),
                    None => self.0.push(chars),
                }
            }
        }
    }
}

impl Look {
    pub fn of_stdout(no_color: bool) -> Look {
        Look { colour: !no_color && io::stdout().is_terminal(), zone: TimeZone::system() }
    }

    #[cfg(test)]
    fn plain_utc() -> Look {
        Look { colour: false, zone: TimeZone::UTC }
    }

    /// Local time, to the second.
    pub fn time(&self, time: Time) -> String {
        match Timestamp::from_microsecond(time.micros()) {
            Ok(stamp) => stamp.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => time.to_string(),
        }
    }

    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.colour && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// # Errors
    /// Where the row cannot be written.
    pub fn row(&self, out: &mut impl Write, columns: &Columns, row: &[Cell]) -> io::Result<()> {
        // Nothing is left to align behind the last cell that says something.
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        for (index, Cell { text, style }) in row.iter().enumerate().take(last + 1) {
            let width = if index == last { 0 } else { columns.0.get(index).copied().unwrap_or(0) };
            let padding = width.saturating_sub(text.chars().count());
            out.write_all(self.paint(text, *style).as_bytes())?;
            if index < last {
                write!(out, "{:padding$}  ", "")?;
            }
        }
        out.write_all(b"\n")
    }

    /// # Errors
    /// Where the rows cannot be written.
    pub fn table(&self, out: &mut impl Write, rows: &[Vec<Cell>]) -> io::Result<()> {
        let mut columns = Columns::default();
        columns.fit(rows);
        rows.iter().try_for_each(|row| self.row(out, &columns, row))
    }

    /// Seq, time, coder, sentence.
    pub fn event_row(&self, event: &Event) -> Vec<Cell> {
        vec![
            cell(event.seq.to_string(), DIM),
            cell(self.time(event.timestamp), DIM),
            cell(&event.coder_id, BOLD),
            cell(sentence(event), event_style(event)),
        ]
    }

    /// Every field that the row above it does not show, one a line.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn event_fields(&self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let Value::Object(fields) = serde_json::to_value(event)? else { return Ok(()) };
        for (name, value) in fields.iter().filter(|(name, _)| !["seq", "coder_id"].contains(&name.as_str())) {
            let value = value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\n', "\n      "));
            writeln!(out, "    {} {}", self.paint(&format!("{name}:"), DIM), text::clean_text(&value))?;
        }
        Ok(())
    }
}

pub fn status_style(status: Status) -> Style {
    match status {
        Status::Created | Status::Running => PLAIN,
        Status::Paused => LOOK_HERE,
        Status::Completed => GOOD,
        Status::Failed => BAD,
        Status::Stopped | Status::Deleted => DIM,
    }
}

fn event_style(event: &Event) -> Style {
    use ai_coder_events::event::EventType;
    match event.kind {
        EventType::Failed | EventType::ApiError | EventType::FailureAlert => BAD,
        EventType::Completed | EventType::Milestone => GOOD,
        EventType::Paused | EventType::RateLimit | EventType::ResourceLimit | EventType::SystemWarning => LOOK_HERE,
        _ if matches!(event.body, Body::Progress(_)) || event.kind.family() == Family::Lifecycle => PLAIN,
        _ => DIM,
    }
}

/// A number of bytes for people: `1.2 GiB`.
pub fn bytes(count: u64) -> String {
    let (unit, divisor) = match count {
        0..1024 => return format!("{count} B"),
        1024..1_048_576 => ("KiB", 1024.0),
        1_048_576..1_073_741_824 => ("MiB", 1_048_576.0),
        _ => ("GiB", 1_073_741_824.0),
    };
    format!("{:.1} {unit}", count as f64 / divisor)
}

/// `1 event`, `2 events`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use ai_coder_events::{event::Draft, text::Redactor};

    use super::*;

    fn event(seq: u64, coder: &str) -> Event {
        let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
        Draft::progress(coder, 0.5, "testing", "").check(now, &Redactor::default()).unwrap().into_event(seq, "e".into())
    }

    #[test]
    fn rows_are_aligned_and_plain_without_a_terminal() {
        let look = Look::plain_utc();
        let rows = [look.event_row(&event(9, "a")), look.event_row(&event(10, "long-one"))];
        let mut out = Vec::new();
        look.table(&mut out, &rows).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "9   2026-11-22 19:21:00  a         progress 50 % (testing)\n\
             10  2026-11-22 19:21:00  long-one  progress 50 % (testing)\n"
        );
    }

    #[test]
    fn full_detail_shows_each_field_once() {
        let mut out = Vec::new();
        Look::plain_utc().event_fields(&mut out, &event(9, "a")).unwrap();
        let expected = "    id: e\n    type: ai_coder_progress\n    timestamp: 2026-11-22T19:21:00.000000Z\n    \
                        received_at: 2026-11-22T19:21:00.000000Z\n    progress: 0.5\n    stage: testing\n";
        let mut lines: Vec<_> = std::str::from_utf8(&out).unwrap().lines().collect();
        let mut expected: Vec<_> = expected.lines().collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_fits() {
        let check = |count: u64, expected: &str| assert_eq!(bytes(count), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1536, "1.5 KiB");
        check(1 << 30, "1.0 GiB");
    }
}
