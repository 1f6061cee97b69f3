//! What people and programs see on stdout: JSON lines, aligned rows, local time.
//!
//! On a terminal a row fits into its width, and what is near is told as it is said: `3m ago`, the time of today. Anywhere else
//! rows are whole and times full: scripts read them. Colours only where stdout is a terminal and NO_COLOR is unset.
//! What this program stores is clean, but another one may have written the history: nothing in a text moves the cursor or hides.
//! Refuses to know what the rows mean.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use ai_coder_events::{
    event::{Body, Event, EventType, Family, Status, Summary, Time, sentence},
    text,
};
use clap::builder::styling::{AnsiColor, Style};
use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use super::filter::Detail;

pub mod chart;
mod fit;

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
    /// The columns of the terminal; absent where stdout is none.
    screen: Option<usize>,
    zone: TimeZone,
}

/// Of a terminal that does not tell: nothing is cut.
const COLUMNS_UNKNOWN: usize = u16::MAX as usize;

pub const PLAIN: Style = Style::new();
pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();
pub const CHART: Style = AnsiColor::Cyan.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const LOOK_HERE: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// One cell of a row; cut and padded first, coloured then.
pub struct Cell {
    text: String,
    style: Style,
    kind: CellKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Text,
    /// Its end tells as much as its beginning.
    Id,
    /// Half of it would be another one.
    Time,
    /// As a time; and under each other, to the right.
    Number,
}

pub fn cell(text: impl Into<String>, style: Style) -> Cell {
    let text = text.into();
    let text = if text::is_clean(&text) && !text.contains(['\n', '\t']) { text } else { text::clean_line(&text).into_owned() };
    Cell { text, style, kind: CellKind::Text }
}

impl Cell {
    pub fn id(self) -> Cell {
        Cell { kind: CellKind::Id, ..self }
    }

    pub fn time(self) -> Cell {
        Cell { kind: CellKind::Time, ..self }
    }

    pub fn number(self) -> Cell {
        Cell { kind: CellKind::Number, ..self }
    }

    fn cut(&self, columns: usize) -> Cow<'_, str> {
        match self.kind {
            CellKind::Id => fit::cut_middle(&self.text, columns),
            CellKind::Text | CellKind::Time | CellKind::Number => fit::cut(&self.text, columns),
        }
    }
}

/// The widths of columns, growing with what was seen so that a stream stays aligned.
struct Columns {
    /// All but the last one: it ends its line.
    needed: Vec<usize>,
    kinds: Vec<CellKind>,
    last: usize,
    /// How much of a terminal's width the last one may have, if it needs that much.
    last_percent: usize,
    /// What of `needed` the terminal has room for.
    shown: Vec<usize>,
}

/// Where nothing is cut a column does not grow beyond this: one long id must not push all else away.
const COLUMN_CHARS_MAX: usize = 48;
const GAP: usize = 2;
/// An id of which less is seen tells nothing.
const ID_COLUMNS_MIN: usize = 16;
/// A sentence says more than the id before it; in a table, the columns before are what is looked for.
const LAST_OF_EVENTS_PERCENT: usize = 40;
const LAST_OF_TABLE_PERCENT: usize = 20;

impl Columns {
    fn new(last_percent: usize) -> Columns {
        Columns { needed: Vec::new(), kinds: Vec::new(), last: 0, last_percent, shown: Vec::new() }
    }

    /// Makes room for these rows.
    fn fit(&mut self, look: &Look, rows: &[Vec<Cell>]) {
        for row in rows {
            for (index, cell) in row.iter().enumerate() {
                let width = look.columns(&cell.text);
                if index + 1 == row.len() {
                    self.last = width.max(self.last);
                    continue;
                }
                let width = if look.screen.is_some() { width } else { width.min(COLUMN_CHARS_MAX) };
                if index == self.needed.len() {
                    self.needed.push(width);
                    self.kinds.push(cell.kind);
                }
                self.needed[index] = width.max(self.needed[index]);
            }
        }
        self.shown.clone_from(&self.needed);
        if let Some(screen) = look.screen {
            let last = self.last.min(screen * self.last_percent / 100);
            let room = screen.saturating_sub(GAP * self.shown.len() + last);
            // Ids give way first, then all texts; in a window that is too small for anything, everything.
            self.shrink(room, |kind, width| if kind == CellKind::Id { width.min(ID_COLUMNS_MIN) } else { width });
            self.shrink(room, |kind, width| if matches!(kind, CellKind::Id | CellKind::Text) { 0 } else { width });
            self.shrink(room, |_, _| 0);
        }
    }

    fn shrink(&mut self, room: usize, least: impl Fn(CellKind, usize) -> usize) {
        let least: Vec<usize> = self.kinds.iter().zip(&self.shown).map(|(&kind, &width)| least(kind, width)).collect();
        fit::shrink(&mut self.shown, &least, room);
    }
}

impl Look {
    pub fn of_stdout(no_color: bool) -> Look {
        let screen = io::stdout().is_terminal().then(screen);
        Look { colour: !no_color && screen.is_some(), screen, zone: TimeZone::system() }
    }

    /// For what must be read to its end, wherever that is.
    pub fn whole(self) -> Look {
        Look { screen: None, ..self }
    }

    #[cfg(test)]
    fn plain_utc(screen: Option<usize>) -> Look {
        Look { colour: false, screen, zone: TimeZone::UTC }
    }

    /// The columns of the terminal; `None` where stdout is none.
    pub fn screen(&self) -> Option<usize> {
        self.screen
    }

    /// How much room this takes.
    fn columns(&self, text: &str) -> usize {
        if self.screen.is_some() { fit::columns(text) } else { text.chars().count() }
    }

    fn local(&self, time: Time) -> Option<Zoned> {
        Some(Timestamp::from_microsecond(time.micros()).ok()?.to_zoned(self.zone.clone()))
    }

    /// Local time, to the second.
    pub fn time(&self, time: Time) -> String {
        self.local(time).map_or_else(|| time.to_string(), |local| local.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// For one who looks at it now: how long ago, where that was not long ago.
    pub fn when(&self, time: Time, now: Time) -> String {
        if self.screen.is_none() {
            return self.time(time);
        }
        match now.micros().saturating_sub(time.micros()) {
            // Clocks of two machines differ by as much.
            ago if (-2 * Time::SECOND..Time::SECOND).contains(&ago) => "now".to_owned(),
            ago if (0..Time::MINUTE).contains(&ago) => format!("{}s ago", ago / Time::SECOND),
            ago if (0..Time::HOUR).contains(&ago) => format!("{}m ago", ago / Time::MINUTE),
            ago if (0..Time::DAY).contains(&ago) => format!("{}h ago", ago / Time::HOUR),
            _ => match (self.local(time), self.local(now)) {
                (Some(local), Some(now)) if local.year() == now.year() => local.strftime("%b %e %H:%M").to_string(),
                (Some(local), _) => local.strftime("%Y-%m-%d").to_string(),
                (None, _) => time.to_string(),
            },
        }
    }

    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.colour && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn row(&self, out: &mut impl Write, columns: &Columns, row: &[Cell]) -> io::Result<()> {
        // Nothing is left to align behind the last cell that says something.
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        let mut left = self.screen.unwrap_or(usize::MAX);
        for (index, cell) in row.iter().enumerate().take(last + 1) {
            let column = columns.shown.get(index).copied().unwrap_or(0);
            let text = match self.screen {
                None => Cow::Borrowed(cell.text.as_str()),
                Some(_) => cell.cut(if index == last { left } else { column }),
            };
            let padding = column.saturating_sub(self.columns(&text));
            let before = if self.screen.is_some() && cell.kind == CellKind::Number { padding } else { 0 };
            if before > 0 {
                write!(out, "{:before$}", "")?;
            }
            out.write_all(self.paint(&text, cell.style).as_bytes())?;
            if index < last {
                let after = padding - before + GAP;
                write!(out, "{:after$}", "")?;
                left = left.saturating_sub(column + GAP);
            }
        }
        out.write_all(b"\n")
    }

    /// # Errors
    /// Where the rows cannot be written.
    pub fn table(&self, out: &mut impl Write, rows: &[Vec<Cell>]) -> io::Result<()> {
        let mut columns = Columns::new(LAST_OF_TABLE_PERCENT);
        columns.fit(self, rows);
        rows.iter().try_for_each(|row| self.row(out, &columns, row))
    }

    /// Seq, time, coder, sentence.
    fn event_row(&self, event: &Event) -> Vec<Cell> {
        let clock = |local: Zoned| local.strftime("%H:%M:%S").to_string();
        let time = match self.screen {
            Some(_) => self.local(event.timestamp).map(clock).unwrap_or_default(),
            None => self.time(event.timestamp),
        };
        vec![
            cell(event.seq.to_string(), DIM).number(),
            cell(time, DIM).time(),
            cell(&event.coder_id, BOLD).id(),
            cell(sentence(event), event_style(event)),
        ]
    }

    /// Every field that the row above it does not show, one a line.
    fn event_fields(&self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let Value::Object(fields) = serde_json::to_value(event)? else { return Ok(()) };
        for (name, value) in fields.iter().filter(|(name, _)| !["seq", "coder_id"].contains(&name.as_str())) {
            let value = value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\n', "\n      "));
            writeln!(out, "    {} {}", self.paint(&format!("{name}:"), DIM), text::clean_text(&value))?;
        }
        Ok(())
    }
}

fn screen() -> usize {
    terminal_size_of(io::stdout()).map_or(COLUMNS_UNKNOWN, |(Width(columns), _)| columns.into())
}

/// Events as rows, aligned with those before. On a terminal the day stands above its rows, unless it is today from the beginning.
pub struct EventRows {
    look: Look,
    columns: Columns,
    day: Option<Date>,
}

impl EventRows {
    pub fn new(look: Look) -> EventRows {
        let day = look.local(super::now()).map(|now| now.date());
        EventRows { look, columns: Columns::new(LAST_OF_EVENTS_PERCENT), day }
    }

    /// # Errors
    /// Where they cannot be written.
    pub fn write<'e>(
        &mut self,
        out: &mut impl Write,
        events: impl IntoIterator<Item = &'e Event> + Clone,
        detail: Detail,
    ) -> io::Result<()> {
        // The window may have another size by now.
        self.look.screen = self.look.screen.map(|_| screen());
        let rows: Vec<_> = events.clone().into_iter().map(|event| self.look.event_row(event)).collect();
        self.columns.fit(&self.look, &rows);
        for (row, event) in rows.iter().zip(events) {
            self.turn_to_day_of(out, event)?;
            self.look.row(out, &self.columns, row)?;
            if detail == Detail::Full {
                self.look.event_fields(out, event)?;
            }
        }
        Ok(())
    }

    fn turn_to_day_of(&mut self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let Some(local) = self.look.screen.and_then(|_| self.look.local(event.timestamp)) else { return Ok(()) };
        if self.day.replace(local.date()) == Some(local.date()) {
            return Ok(());
        }
        writeln!(out, "{}", self.look.paint(&local.strftime("%A %Y-%m-%d").to_string(), DIM))
    }

    /// A remark between the rows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn remark(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        writeln!(out, "{}", self.look.paint(text, DIM))
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
        let events = [event(9, "a"), event(10, "long-one")];
        assert_eq!(
            rows(None, &events),
            "9   2026-11-22 19:21:00  a         progress 50 % (testing)\n\
             10  2026-11-22 19:21:00  long-one  progress 50 % (testing)\n"
        );
    }

    fn rows(screen: Option<usize>, events: &[Event]) -> String {
        let mut out = Vec::new();
        let look = Look::plain_utc(screen);
        let rows: Vec<_> = events.iter().map(|event| look.event_row(event)).collect();
        let mut columns = Columns::new(LAST_OF_EVENTS_PERCENT);
        columns.fit(&look, &rows);
        rows.iter().for_each(|row| look.row(&mut out, &columns, row).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_fits_into_a_terminal() {
        let check = |screen: usize, expected: &str| {
            let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
            assert_eq!(said, expected);
            assert!(said.lines().all(|line| fit::columns(line) <= screen), "{said}");
        };
        check(
            80,
            " 9  19:21:00  a                         progress 50 % (testing)\n\
             10  19:21:00  claude-code:6f/修正/a99b  progress 50 % (testing)\n",
        );
        check(
            50,
            " 9  19:21:00  a               progress 50 % (test…\n\
             10  19:21:00  claude-…/a99b   progress 50 % (test…\n",
        );
    }

    #[test]
    fn ages_are_told_where_they_are_short() {
        let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
        let check = |time: &str, expected: &str| {
            assert_eq!(Look::plain_utc(Some(80)).when(Time::parse(time).unwrap(), now), expected, "{time}");
        };
        check("2026-11-22T19:21:00Z", "now");
        check("2026-11-22T19:21:01Z", "now");
        check("2026-11-22T19:20:48Z", "12s ago");
        check("2026-11-22T19:17:30Z", "3m ago");
        check("2026-11-21T19:22:00Z", "23h ago");
        check("2026-11-21T19:21:00Z", "Nov 21 19:21");
        check("2026-11-22T19:30:00Z", "Nov 22 19:30");
        check("2026-01-02T07:05:00Z", "Jan  2 07:05");
        check("2025-12-31T23:59:00Z", "2025-12-31");
        assert_eq!(Look::plain_utc(None).when(now, now), "2026-11-22 19:21:00");
    }

    #[test]
    fn full_detail_shows_each_field_once() {
        let mut out = Vec::new();
        Look::plain_utc(None).event_fields(&mut out, &event(9, "a")).unwrap();
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
