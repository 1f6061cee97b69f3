//! What people and programs see on stdout: JSON lines, aligned rows, local time.
//!
//! On a terminal a row fits into its width, and what is near is told as it is said: `3m ago`, the time of today. Anywhere else
//! rows are whole and times full: scripts read them. Colours only where stdout is a terminal that can
//! show them, and NO_COLOR is unset.
//! What this program stores is clean, but another one may have written the history: nothing in a text moves the cursor or hides.
//! Refuses to know what the rows mean.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use ai_coder_events::{
    config::Environment,
    event::{Event, Summary, Time},
    filter::TextQuery,
    history::Reader,
    stderr::complain,
    style::{Tint, age},
    text,
};
use clap::builder::styling::{AnsiColor, Style};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use super::filter::DetailLevel;

pub mod chart;
mod columns;
mod fit;
#[cfg(test)]
mod tests;

use columns::LAST_OF_TABLE_PERCENT;
pub use columns::{Columns, LAST_OF_EVENTS_PERCENT};
#[cfg(test)]
pub use fit::columns as fit_columns;

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

/// `value` with every text in it cleaned, and every key.
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
pub fn json_event(out: &mut impl Write, event: &Event, detail: DetailLevel, looked_for: Option<&TextQuery>) -> io::Result<()> {
    match (detail, looked_for) {
        (DetailLevel::Full, _) => json_line(out, event),
        (DetailLevel::Summary, None) => json_line(out, &Summary::of(event)),
        (DetailLevel::Summary, Some(text)) => json_line(out, &Summary::of(event).saying(text.sentence(event))),
    }
}

/// What stdout can show to a person.
#[derive(Clone)]
pub struct Console {
    colour: bool,
    /// The columns of the terminal; absent where stdout is none.
    screen: Option<usize>,
    /// Whether more than ASCII can be seen.
    unicode: bool,
    zone: TimeZone,
}

/// Of a terminal that does not tell: nothing is cut.
const COLUMNS_UNKNOWN: usize = u16::MAX as usize;

/// One cell of a row; cut and padded first, coloured then.
pub struct Cell {
    text: String,
    tint: Tint,
    kind: CellKind,
    /// Its column is left out before anything else is cut.
    gives_way: bool,
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

impl CellKind {
    /// Whether it is seen whole or not at all.
    fn is_whole(self) -> bool {
        matches!(self, CellKind::Time | CellKind::Number)
    }
}

pub fn cell(text: impl Into<String>, tint: Tint) -> Cell {
    let text = text.into();
    let text = if text::is_clean(&text) && !text.contains(['\n', '\t']) { text } else { text::clean_line(&text).into_owned() };
    Cell { text, tint, kind: CellKind::Text, gives_way: false }
}

impl Cell {
    pub fn id(self) -> Cell {
        Cell { kind: CellKind::Id, ..self }
    }

    pub fn time(self) -> Cell {
        Cell { kind: CellKind::Time, ..self }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn number(self) -> Cell {
        Cell { kind: CellKind::Number, ..self }
    }

    /// Of a column that is left out where there is no room for all of it.
    pub fn giving_way(self) -> Cell {
        Cell { gives_way: true, ..self }
    }

    fn cut(&self, columns: usize) -> Cow<'_, str> {
        match self.kind {
            CellKind::Id => fit::cut_middle(&self.text, columns),
            CellKind::Text => fit::cut(&self.text, columns),
            CellKind::Time | CellKind::Number if fit::columns(&self.text) <= columns => self.text.as_str().into(),
            CellKind::Time | CellKind::Number => "".into(),
        }
    }
}

impl Console {
    pub fn of_stdout(environment: &Environment) -> Console {
        let screen = io::stdout().is_terminal().then(screen);
        let unicode = screen.is_none() || Environment::speaks_unicode();
        Console { colour: !environment.no_color && screen.is_some(), screen, unicode, zone: TimeZone::system() }
    }

    /// The window may have another size by now.
    pub fn measure(&mut self) {
        self.screen = self.screen.map(|_| screen());
    }

    /// For what must be read to its end, wherever that is.
    pub fn whole(self) -> Console {
        Console { screen: None, ..self }
    }

    #[cfg(test)]
    pub fn plain_utc(screen: Option<usize>) -> Console {
        Console { colour: false, screen, unicode: true, zone: TimeZone::UTC }
    }

    /// The columns of the terminal; `None` where stdout is none.
    pub fn screen(&self) -> Option<usize> {
        self.screen
    }

    /// To a person, where there is no history yet.
    pub fn tell_how_to_begin(&self, reader: &mut Reader) {
        if self.screen.is_some() && reader.position().is_ok_and(|position| position.history.is_empty()) {
            complain("no events yet: `ai-coder-events setup claude-code` begins, or `ai-coder-events run -- COMMAND`");
        }
    }

    /// How much room this takes.
    fn columns(&self, text: &str) -> usize {
        if self.screen.is_some() { fit::columns(text) } else { text.chars().count() }
    }

    pub fn local(&self, time: Time) -> Option<Zoned> {
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
            ago if (0..Time::DAY).contains(&ago) => format!("{} ago", age(ago)),
            _ => match (self.local(time), self.local(now)) {
                (Some(local), Some(now)) if local.year() == now.year() => local.strftime("%b %e %H:%M").to_string(),
                (Some(local), _) => local.strftime("%Y-%m-%d").to_string(),
                (None, _) => time.to_string(),
            },
        }
    }

    pub fn paint(&self, text: &str, tint: Tint) -> String {
        if !self.colour || tint == Tint::Plain {
            return text.to_owned();
        }
        let style = ansi(tint);
        format!("{style}{text}{style:#}")
    }

    /// Our own signs, which are all of one column, as what the terminal has for them.
    fn signs<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let as_ascii = |c| match c {
            '…' => '~',
            '▁' => '.',
            '×' => 'x',
            '−' => '-',
            '▂' => ':',
            '·' | '▏' | '▎' | '▍' | '▌' | '▋' | '▊' | '▉' | '▃' => '-',
            '▄' => '=',
            '▅' => '+',
            '▆' => '*',
            '▇' => '%',
            '█' => '#',
            other => other,
        };
        if self.unicode || text.is_ascii() { text } else { text.chars().map(as_ascii).collect() }
    }

    /// `text` in one line of the terminal.
    pub fn cut<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.screen {
            Some(screen) => self.signs(fit::cut(text, screen)),
            None => text.into(),
        }
    }

    /// The lines of `text`, none longer than what the terminal has beside `indent` columns.
    pub fn wrapped(&self, text: &str, indent: usize) -> Vec<String> {
        let Some(screen) = self.screen else { return text.lines().map(str::to_owned).collect() };
        let most = screen.saturating_sub(indent).max(1);
        text.lines().flat_map(|line| fit::wrap(line, most)).map(|line| self.signs(line.into()).into_owned()).collect()
    }

    /// A line that is no row.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn line(&self, out: &mut impl Write, text: &str, tint: Tint) -> io::Result<()> {
        let text = self.cut(text);
        writeln!(out, "{}", self.paint(&text, tint))
    }

    /// # Errors
    /// Where it cannot be written.
    pub fn row(&self, out: &mut impl Write, columns: &Columns, row: &[Cell]) -> io::Result<()> {
        // Nothing is left to align behind the last cell that says something.
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        // Where the cell begins, and where the text before it ended.
        let (mut begin, mut end) = (0, 0);
        for (index, cell) in row.iter().enumerate().take(last + 1) {
            if columns.is_left_out(index) && (index < last || cell.kind.is_whole()) {
                continue;
            }
            let column = columns.shown.get(index).copied().unwrap_or(0);
            let text = match self.screen {
                None => Cow::Borrowed(cell.text.as_str()),
                Some(screen) if index == last => self.signs(cell.cut(screen.saturating_sub(begin))),
                Some(_) => self.signs(cell.cut(column)),
            };
            let width = self.columns(&text);
            let is_to_the_right = self.screen.is_some() && cell.kind == CellKind::Number;
            let at = if is_to_the_right { begin + column.saturating_sub(width) } else { begin };
            if !text.is_empty() {
                write!(out, "{:1$}{2}", "", at - end, self.paint(&text, cell.tint))?;
                end = at + width;
            }
            begin = end.max(begin + column) + columns::GAP;
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
}

fn ansi(tint: Tint) -> Style {
    match tint {
        Tint::Plain => Style::new(),
        Tint::Dim => Style::new().dimmed(),
        Tint::Bold => Style::new().bold(),
        Tint::Good => AnsiColor::Green.on_default(),
        Tint::Attention => AnsiColor::Yellow.on_default(),
        Tint::Bad => AnsiColor::Red.on_default(),
        Tint::Blue => AnsiColor::Blue.on_default(),
        Tint::Magenta => AnsiColor::Magenta.on_default(),
        Tint::Cyan => AnsiColor::Cyan.on_default(),
    }
}

fn screen() -> usize {
    terminal_size_of(io::stdout()).map_or(COLUMNS_UNKNOWN, |(Width(columns), _)| columns.into())
}

/// The local hour that a time lies in: `2026-11-28 14:00`.
pub fn hour(time: Time) -> String {
    let local = Timestamp::from_microsecond(time.micros()).map(|moment| moment.to_zoned(TimeZone::system()));
    local.map_or_else(|_| time.to_string(), |local| local.strftime("%Y-%m-%d %H:00").to_string())
}

/// `1 event`, `2 events`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", text::thousands(number), if number == 1 { "" } else { "s" })
}
