//! Events as rows: one for each act, its coder by name and handle, paths as the coder sees them.
//!
//! On a terminal the day stands above its rows, unless it is today from the beginning. With full detail each event is a row,
//! and its fields stand below it.

use std::io::{self, Write};

use ai_coder_events::{
    event::Event,
    filter::TextQuery,
    history::Reader,
    story::{Act, acts},
    style::Tint,
    text,
};
use jiff::{Zoned, civil::Date};
use serde_json::Value;

use super::{
    filter::DetailLevel,
    names::{NamedCoder, Names},
    print::{Cell, Columns, Console, LAST_OF_EVENTS_PERCENT, cell},
};

/// Rows aligned with those before.
pub struct EventRows {
    console: Console,
    names: Names,
    columns: Columns,
    day: Option<Date>,
    looked_for: Option<TextQuery>,
}

impl EventRows {
    /// `looked_for` is shown where it was found; coders are looked up with `reader`.
    pub fn new(console: Console, reader: Reader, looked_for: Option<TextQuery>) -> EventRows {
        let day = console.local(super::now()).map(|now| now.date());
        EventRows { console, names: Names::new(reader), columns: Columns::new(LAST_OF_EVENTS_PERCENT), day, looked_for }
    }

    /// Names the coders that warnings tell of as rows do.
    pub fn name_coders(&mut self, events: &mut [Event]) {
        self.names.put_into(events);
    }

    pub fn looked_for(&self) -> Option<&TextQuery> {
        self.looked_for.as_ref()
    }

    /// # Errors
    /// Where they cannot be written.
    pub fn write<'e>(
        &mut self,
        out: &mut impl Write,
        events: impl IntoIterator<Item = &'e Event>,
        detail: DetailLevel,
    ) -> io::Result<()> {
        match detail {
            DetailLevel::Summary => self.write_acts(out, &acts(events)),
            DetailLevel::Full => {
                let each: Vec<Act<'e>> = events.into_iter().map(Act::of).collect();
                self.write_each(out, &each, |console, out, event| fields(console, out, event))
            }
        }
    }

    /// # Errors
    /// Where they cannot be written.
    pub fn write_acts(&mut self, out: &mut impl Write, acts: &[Act<'_>]) -> io::Result<()> {
        self.write_each(out, acts, |_, _, _| Ok(()))
    }

    /// Each event as a row, and below it what `more` tells of it.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write_each<W: Write>(
        &mut self,
        out: &mut W,
        acts: &[Act<'_>],
        more: impl Fn(&Console, &mut W, &Event) -> io::Result<()>,
    ) -> io::Result<()> {
        self.console.measure();
        let rows: Vec<_> =
            acts.iter().map(|act| row(&self.console, act, self.names.of(act.event), self.looked_for.as_ref())).collect();
        self.columns.fit(&self.console, &rows);
        for (row, act) in rows.iter().zip(acts) {
            self.turn_to_day_of(out, act.event)?;
            self.console.row(out, &self.columns, row)?;
            more(&self.console, out, act.event)?;
        }
        Ok(())
    }

    fn turn_to_day_of(&mut self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let Some(local) = self.console.screen().and_then(|_| self.console.local(event.timestamp)) else { return Ok(()) };
        if self.day.replace(local.date()) == Some(local.date()) {
            return Ok(());
        }
        self.console.line(out, &local.strftime("%A %Y-%m-%d").to_string(), Tint::Dim)
    }

    /// A remark between the rows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn remark(&mut self, out: &mut impl Write, text: &str) -> io::Result<()> {
        self.console.measure();
        self.console.line(out, text, Tint::Dim)
    }
}

/// Seq, time, coder, sentence.
fn row(console: &Console, act: &Act<'_>, named: &NamedCoder, looked_for: Option<&TextQuery>) -> Vec<Cell> {
    let event = act.event;
    let line = act.sentence(named.folder.as_deref());
    let line = looked_for.map_or_else(|| line.clone(), |text| text.add_found(&line, event));
    let clock = |local: Zoned| local.strftime("%H:%M:%S").to_string();
    let time = match console.screen() {
        Some(_) => console.local(event.timestamp).map(clock).unwrap_or_default(),
        None => console.time(event.timestamp),
    };
    vec![
        cell(event.seq.to_string(), Tint::Dim).number(),
        cell(time, Tint::Dim).time(),
        cell(&named.label, Tint::Bold).id(),
        cell(line, Tint::of_event(event)),
    ]
}

/// Every field that the row above it does not show, one a line.
fn fields(console: &Console, out: &mut impl Write, event: &Event) -> io::Result<()> {
    let Value::Object(fields) = serde_json::to_value(event)? else { return Ok(()) };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "seq") {
        let value = value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\n', "\n      "));
        writeln!(out, "    {} {}", console.paint(&format!("{name}:"), Tint::Dim), text::clean_text(&value))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::print::fit_columns;

    use ai_coder_events::{
        event::{Draft, Time},
        text::Redactor,
    };

    use super::*;

    fn event(seq: u64, coder: &str) -> Event {
        let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
        Draft::progress(coder, 0.5, "testing", "").check(now, &Redactor::default()).unwrap().into_event(seq, "e".into())
    }

    fn rows(screen: Option<usize>, events: &[Event]) -> String {
        let mut out = Vec::new();
        let console = Console::plain_utc(screen);
        let named = |event: &Event| NamedCoder { label: event.coder_id.clone(), folder: None };
        let rows: Vec<_> = events.iter().map(|event| row(&console, &Act::of(event), &named(event), None)).collect();
        let mut columns = Columns::new(LAST_OF_EVENTS_PERCENT);
        columns.fit(&console, &rows);
        rows.iter().for_each(|row| console.row(&mut out, &columns, row).unwrap());
        String::from_utf8(out).unwrap()
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

    #[test]
    fn a_row_fits_into_a_terminal() {
        let check = |screen: usize, expected: &str| {
            let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
            assert_eq!(said, expected);
            assert!(said.lines().all(|line| fit_columns(line) <= screen), "{said}");
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
    fn a_row_fits_into_any_window() {
        for screen in 0..=60 {
            let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
            assert_eq!(said.lines().count(), 2);
            for line in said.lines() {
                assert!(fit_columns(line) <= screen && !line.ends_with(' '), "{screen}: {line:?}");
                assert!(
                    !line.contains(':') || line.contains("19:21:00") || line.contains("code:"),
                    "{screen}: half a time: {line:?}"
                );
            }
        }
        check_rows(20, " 9  a       progres…\n10  cla…9b  progres…\n");
        check_rows(3, "pr…\npr…\n");
    }

    #[track_caller]
    fn check_rows(screen: usize, expected: &str) {
        let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
        assert_eq!(said, expected);
    }

    #[test]
    fn full_detail_shows_each_field_once() {
        let mut out = Vec::new();
        fields(&Console::plain_utc(None), &mut out, &event(9, "a")).unwrap();
        let expected = "    id: e\n    coder_id: a\n    type: ai_coder_progress\n    timestamp: 2026-11-22T19:21:00.000000Z\n    \
                        received_at: 2026-11-22T19:21:00.000000Z\n    progress: 0.5\n    stage: testing\n";
        let mut lines: Vec<_> = std::str::from_utf8(&out).unwrap().lines().collect();
        let mut expected: Vec<_> = expected.lines().collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }
}
