//! `stats --by`: a row for each model, project, day and so on, and the sum of all.

use std::io::{self, Write};

use ai_coder_events::{
    aggregate::{GroupKey, GroupKeys, GroupRow},
    brief::label,
    history::{Groups, Reader},
    style::{self, Tint},
    text::thousands,
};
use serde::Serialize;

use super::super::print::{Cell, Console, cell, json_line};

/// The sum, told from the rows.
#[derive(Serialize)]
struct SumLine<'g> {
    sum: bool,
    #[serde(flatten)]
    row: &'g GroupRow,
}

/// A figure that some rows have.
struct Figure {
    heading: &'static str,
    /// Left out first where a terminal is narrow.
    is_detail: bool,
    of: fn(&GroupRow) -> String,
}

impl Figure {
    fn cell(&self, text: String, tint: Tint) -> Cell {
        let cell = cell(text, tint).number();
        if self.is_detail { cell.giving_way() } else { cell }
    }
}

const FIGURES: &[Figure] = &[
    // Where all are calls, that says it.
    Figure {
        heading: "events",
        is_detail: false,
        of: |row| some(if row.events == row.usage.api_calls.max(row.tool_calls) { 0 } else { row.events }),
    },
    Figure { heading: "calls", is_detail: false, of: |row| some(row.usage.api_calls) },
    Figure { heading: "cost", is_detail: false, of: |row| style::cost(&row.usage) },
    Figure { heading: "tokens", is_detail: false, of: |row| some(row.usage.tokens.total) },
    Figure { heading: "in", is_detail: true, of: |row| some(row.usage.tokens.input) },
    Figure { heading: "out", is_detail: true, of: |row| some(row.usage.tokens.output) },
    Figure { heading: "cache read", is_detail: true, of: |row| some(row.usage.tokens.cache_read) },
    Figure { heading: "cache write", is_detail: true, of: |row| some(row.usage.tokens.cache_write) },
    Figure { heading: "unpriced", is_detail: true, of: |row| some(row.usage.calls_unpriced) },
    Figure { heading: "tool calls", is_detail: false, of: |row| some(row.tool_calls) },
    Figure { heading: "failed", is_detail: false, of: |row| some(row.tool_calls_failed) },
    Figure {
        heading: "took",
        is_detail: false,
        of: |row| if row.tool_duration_ms > 0 { seconds(row.tool_duration_ms) } else { String::new() },
    },
    Figure { heading: "errors", is_detail: false, of: |row| some(row.usage.errors) },
];

/// # Errors
/// Where they cannot be written.
pub fn lines(out: &mut impl Write, groups: &Groups) -> io::Result<()> {
    groups.rows.iter().try_for_each(|row| json_line(out, row))?;
    json_line(out, &SumLine { sum: true, row: &groups.sum })
}

/// # Errors
/// Where it cannot be written.
pub fn table(out: &mut impl Write, console: &Console, reader: &mut Reader, keys: &GroupKeys, groups: &Groups) -> io::Result<()> {
    if let Some(since) = groups.since {
        console.line(out, &format!("since {}", console.time(since)), Tint::Dim)?;
    }
    let has = |figure: &&Figure| groups.rows.iter().any(|row| !(figure.of)(row).is_empty());
    let figures: Vec<&Figure> = FIGURES.iter().filter(has).collect();
    let mut rows = vec![heading(keys, &figures)];
    let values =
        |row: &GroupRow, tint: Tint| -> Vec<Cell> { figures.iter().map(|figure| figure.cell((figure.of)(row), tint)).collect() };
    for row in &groups.rows {
        let names: Vec<Cell> = keys.iter().map(|key| name(reader, key, row.get(key).unwrap_or_default())).collect();
        rows.push(names.into_iter().chain(values(row, Tint::Plain)).collect());
    }
    let all = keys.iter().enumerate().map(|(index, _)| cell(if index == 0 { "all" } else { "" }, Tint::Bold));
    rows.push(all.chain(values(&groups.sum, Tint::Bold)).collect());
    console.table(out, &rows)
}

fn heading(keys: &GroupKeys, figures: &[&Figure]) -> Vec<Cell> {
    let keys = keys.iter().map(|key| cell(key.name(), Tint::Dim));
    keys.chain(figures.iter().map(|figure| figure.cell(figure.heading.to_owned(), Tint::Dim))).collect()
}

fn name(reader: &mut Reader, key: GroupKey, value: &str) -> Cell {
    // Of one that is no longer known the id is all there is.
    let coder = if key == GroupKey::Coder { reader.coder(value).ok().flatten() } else { None };
    let shown = cell(coder.map_or_else(|| value.to_owned(), |coder| label(&coder)), Tint::Plain);
    match key {
        GroupKey::Coder | GroupKey::Project => shown.id(),
        GroupKey::Day | GroupKey::Hour => shown.time(),
        _ => shown,
    }
}

/// Nothing for none.
fn some(count: u64) -> String {
    if count > 0 { thousands(count) } else { String::new() }
}

/// `0.4 s`, `17m 54s`
fn seconds(millis: u64) -> String {
    match millis / 1000 {
        whole @ 0..60 => format!("{whole}.{} s", millis % 1000 / 100),
        whole => format!("{}m {:02}s", thousands(whole / 60), whole % 60),
    }
}
