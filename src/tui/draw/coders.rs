//! The pane of coders: one row each, as many columns as fit.

use ratatui::{layout::Rect, style::Style, text::Span};

use crate::{
    aggregate::{CoderView, Usage},
    event::{Micros, Time},
    style::age,
    tui::{
        activity::MINUTES,
        roster::{Row, Standing, handle, own_name, task},
        state::{Focus, ViewState},
        theme::{memory, short},
    },
};

use super::{Canvas, row, shifted};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Standing,
    Name,
    Task,
    Source,
    Stage,
    Progress,
    Age,
    Idle,
    Activity,
    Tokens,
    Cost,
    Errors,
    Memory,
    Cpu,
}

struct ColumnShape {
    column: Column,
    title: &'static str,
    least: u16,
    most: u16,
    /// Shown from this width of the screen on, where it has something to show.
    from: u16,
    is_number: bool,
}

const fn shape(column: Column, title: &'static str, least: u16, most: u16, from: u16, is_number: bool) -> ColumnShape {
    ColumnShape { column, title, least, most, from, is_number }
}

const SHAPES: [ColumnShape; 14] = [
    shape(Column::Standing, "status", 11, 11, 0, false),
    shape(Column::Name, "coder", 12, 30, 0, false),
    shape(Column::Task, "task", 10, u16::MAX, 60, false),
    shape(Column::Source, "source", 11, 11, 120, false),
    shape(Column::Stage, "stage", 8, 16, 110, false),
    shape(Column::Progress, "progress", 10, 13, 80, false),
    shape(Column::Age, "age", 4, 4, 90, true),
    shape(Column::Idle, "idle", 4, 4, 0, true),
    shape(Column::Activity, "activity", 8, MINUTES as u16, 110, false),
    shape(Column::Tokens, "tokens", 6, 6, 0, true),
    shape(Column::Cost, "cost", 6, 7, 60, true),
    shape(Column::Errors, "err", 3, 3, 50, true),
    shape(Column::Memory, "mem", 5, 5, 130, true),
    shape(Column::Cpu, "cpu", 4, 4, 130, true),
];

/// Who gets the room that is left, in this order, up to this width; the task has the rest.
const GROWING: [(Column, u16); 8] = [
    (Column::Name, 18),
    (Column::Task, 30),
    (Column::Name, 22),
    (Column::Task, 44),
    (Column::Activity, MINUTES as u16),
    (Column::Stage, 16),
    (Column::Name, 30),
    (Column::Task, u16::MAX),
];

/// The columns that have something to show and fit, each with its width.
fn columns(width: u16, has: impl Fn(Column) -> bool) -> Vec<(&'static ColumnShape, u16)> {
    let is_shown = |shape: &&ColumnShape| shape.from <= width && has(shape.column);
    let mut shown: Vec<_> = SHAPES.iter().filter(is_shown).map(|shape| (shape, shape.least)).collect();
    let used: u16 = shown.iter().map(|(_, width)| width + 1).sum();
    let mut left = (width + 1).saturating_sub(used);
    for (growing, most) in GROWING {
        if let Some((shape, width)) = shown.iter_mut().find(|(shape, _)| shape.column == growing) {
            let more = left.min(shape.most.min(most).saturating_sub(*width));
            *width += more;
            left -= more;
        }
    }
    shown
}

/// Whether some row has anything in the column.
fn has(state: &ViewState, column: Column) -> bool {
    let any = |test: &dyn Fn(&CoderView) -> bool| state.rows.iter().any(|row| test(&row.coder));
    match column {
        Column::Standing | Column::Name | Column::Age | Column::Idle | Column::Activity | Column::Errors => true,
        Column::Task => any(&|coder| !task(coder).is_empty()),
        Column::Source => any(&|coder| coder.source.is_some()),
        Column::Stage => any(&|coder| coder.stage.is_some()),
        Column::Progress => any(&|coder| coder.progress.is_some()),
        Column::Tokens => any(&|coder| coder.usage.tokens.total > 0),
        Column::Cost => any(&|coder| coder.usage.cost().is_some()),
        Column::Memory | Column::Cpu => !state.usage.is_empty() || any(&|coder| coder.peak.is_some()),
    }
}

impl Canvas<'_> {
    pub(super) fn coders(&mut self, area: Rect, state: &ViewState) {
        let sorted = (format!("by {}", state.sort.name()), self.theme.dim());
        let mut title = vec![(format!("coders ({})", state.rows.len()), self.theme.bold()), sorted];
        let total = state.overview.as_ref().map_or(0, |overview| overview.stats.coders_total);
        if total > state.known_count() as u64 {
            title.push((format!("the latest of {total}"), self.theme.dim()));
        }
        title.extend(state.row_filter.told().into_iter().map(|told| (told, self.theme.attention())));
        self.title(area, &title);
        let columns = columns(area.width, |column| has(state, column));
        let mut at = row(area, 1);
        for (shape, width) in &columns {
            let cell = Rect { width: (*width).min(at.width), ..at };
            match shape.is_number {
                true => self.put_right(cell, shape.title, self.theme.dim()),
                false => drop(self.put(cell, shape.title, self.theme.dim())),
            }
            at = shifted(at, width + 1);
        }
        let height = usize::from(area.height.saturating_sub(2));
        let below = (state.rows.len() + 1).saturating_sub(state.coder_top + height);
        if below > 0 {
            let told = format!(" {below} more below ");
            self.put_right(Rect { height: 1, width: area.width.saturating_sub(2), ..area }, &told, self.theme.dim());
        }
        let rows = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
        for number in 0..usize::from(rows.height) {
            let place = state.coder_top + number;
            let line = row(rows, number);
            match place.checked_sub(1).map(|at| state.rows.get(at)) {
                None => self.everybody(line, &columns, state),
                Some(Some(coder)) => self.coder(line, &columns, coder, state),
                Some(None) => break,
            }
            if place == state.coder_at {
                self.mark(line, self.theme.cursor(state.focus == Focus::Coders || state.shows_timeline));
            }
        }
    }

    fn everybody(&mut self, line: Rect, columns: &[(&'static ColumnShape, u16)], state: &ViewState) {
        let usage = state.overview.as_ref().map(|overview| &overview.stats.usage);
        let mut at = line;
        for (shape, width) in columns {
            let cell = Rect { width: (*width).min(at.width), ..at };
            match shape.column {
                Column::Standing => drop(self.put(cell, "all", self.theme.bold())),
                Column::Activity => drop(self.put(cell, &self.activity(state.activity.of_all(state.now), *width), Style::new())),
                column => {
                    if let Some(usage) = usage {
                        self.sum(cell, column, usage);
                    }
                }
            }
            at = shifted(at, width + 1);
        }
    }

    fn coder(&mut self, line: Rect, columns: &[(&'static ColumnShape, u16)], shown: &Row, state: &ViewState) {
        let Row { coder, depth, .. } = shown;
        let standing = Standing::of(coder);
        let (sign, style) = self.theme.standing(standing);
        let (memory_mib, cpu) = state
            .usage
            .get(&coder.coder_id)
            .copied()
            .unwrap_or_else(|| coder.peak.as_ref().map_or((None, None), |peak| (peak.memory_mb, peak.cpu_percent)));
        let ago = |at: Option<Time>| at.map_or_else(String::new, |at| age(state.now.since(at)));
        let mut at = line;
        for (shape, width) in columns {
            let cell = Rect { width: (*width).min(at.width), ..at };
            match shape.column {
                Column::Standing => drop(self.put(cell, &format!("{sign} {}", standing.word()), style)),
                Column::Name => {
                    let indent = "  ".repeat(*depth);
                    let under = if *depth == 0 {
                        ""
                    } else if self.theme.unicode {
                        "└ "
                    } else {
                        "+ "
                    };
                    let indent = indent.strip_suffix("  ").unwrap_or("");
                    self.name(cell, &format!("{indent}{under}"), coder);
                }
                Column::Task => {
                    self.put(cell, task(coder), if coder.waiting.is_some() { style } else { Style::new() });
                }
                Column::Source => drop(self.put(cell, coder.source.as_deref().unwrap_or(""), Style::new())),
                Column::Stage => drop(self.put(cell, stage(coder, standing), Style::new())),
                Column::Progress => {
                    if let Some(progress) = coder.progress {
                        let gauge = self.theme.gauge(progress, usize::from(*width).saturating_sub(5));
                        self.put(cell, &format!("{gauge}{:>4.0}%", progress * 100.0), style);
                    }
                }
                Column::Age => self.put_right(cell, &ago(coder.created_at), Style::new()),
                Column::Idle => self.put_right(cell, &ago(coder.last_activity), idle_style(self, coder, state.now)),
                Column::Activity => {
                    let counts = state.activity.of(&coder.coder_id, state.now);
                    self.put(cell, &self.activity(counts, *width), Style::new());
                }
                Column::Memory => self.put_right(cell, &memory_mib.map_or_else(String::new, memory), Style::new()),
                Column::Cpu => {
                    self.put_right(cell, &cpu.map_or_else(String::new, |percent| format!("{percent:.0}%")), Style::new());
                }
                column => self.sum(cell, column, &coder.usage),
            }
            at = shifted(at, width + 1);
        }
    }

    /// Of a name that is too long the handle stays.
    fn name(&mut self, cell: Rect, indent: &str, coder: &CoderView) {
        let used = self.put(cell, indent, self.theme.dim());
        let mut at = shifted(cell, used);
        if let Some(name) = own_name(coder) {
            let taken = Span::raw(handle(coder)).width() + 1;
            let room = usize::from(at.width).saturating_sub(taken);
            if room >= NAME_LEAST {
                let used = self.put(Rect { width: u16::try_from(room).unwrap_or(at.width), ..at }, name, self.theme.bold());
                at = shifted(at, used + 1);
            }
        }
        let style = if own_name(coder).is_some() { Style::new() } else { self.theme.bold() };
        self.put(at, handle(coder), style);
    }

    fn sum(&mut self, cell: Rect, column: Column, usage: &Usage) {
        match column {
            Column::Tokens if usage.tokens.total > 0 => self.put_right(cell, &short(usage.tokens.total), Style::new()),
            Column::Cost => {
                let cost = usage.cost().map_or_else(String::new, |usd| format!("{}{}", usage.cost_mark(), dollars(usd)));
                self.put_right(cell, &cost, Style::new());
            }
            Column::Errors if usage.errors > 0 => self.put_right(cell, &short(usage.errors), self.theme.bad()),
            _ => {}
        }
    }

    fn activity(&self, counts: [u64; MINUTES], width: u16) -> String {
        self.theme.sparkline(&counts[MINUTES.saturating_sub(width.into())..])
    }
}

/// Less of a name tells nothing.
const NAME_LEAST: usize = 4;

/// What it does, or why it does nothing.
fn stage(coder: &CoderView, standing: Standing) -> &str {
    match (&coder.waiting, standing) {
        (Some(waiting), Standing::Waiting) => waiting.reason.name(),
        (_, Standing::Conflict) => "same file",
        _ => coder.stage.as_deref().unwrap_or(""),
    }
}

fn idle_style(page: &Canvas<'_>, coder: &CoderView, now: Time) -> Style {
    const LONG: Micros = 2 * Time::MINUTE;
    let silent = coder.last_activity.is_some_and(|last| now.since(last) >= LONG);
    if silent && Standing::of(coder) == Standing::Stalled { page.theme.attention() } else { Style::new() }
}

/// `$0.35`, `$12.4`, `$1.2k`: at most five characters, six with the mark of an estimate.
fn dollars(usd: f64) -> String {
    match usd {
        ..9.995 => format!("${usd:.2}"),
        ..99.95 => format!("${usd:.1}"),
        ..999.5 => format!("${usd:.0}"),
        _ => format!("${}", short(usd as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fill_the_screen_and_never_pass_it() {
        for width in 40..300 {
            let used: u16 = columns(width, |_| true).iter().map(|(_, width)| width + 1).sum::<u16>() - 1;
            assert!(used <= width, "{used} of {width}");
        }
    }

    #[test]
    fn money_stays_short() {
        assert_eq!([0.0, 0.352, 9.99, 12.44, 99.96, 999.9].map(dollars), ["$0.00", "$0.35", "$9.99", "$12.4", "$100", "$999"]);
    }
}
