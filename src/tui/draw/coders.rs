//! The pane of coders: one row each, as many columns as fit.

use ratatui::{layout::Rect, style::Style, text::Span};

use crate::{
    aggregate::{CoderView, Usage},
    event::{Micros, Time},
    style::age,
    tui::{
        activity::MINUTES,
        roster::{Row, Standing, handle, name, own_name, task},
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
    Model,
    Branch,
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

const SHAPES: [ColumnShape; 16] = [
    shape(Column::Standing, "status", 11, 11, 0, false),
    shape(Column::Name, "coder", 12, 30, 0, false),
    shape(Column::Task, "task", 10, u16::MAX, 60, false),
    shape(Column::Source, "source", 11, 11, 120, false),
    shape(Column::Model, "model", 8, 20, 150, false),
    shape(Column::Branch, "branch", 8, 24, 170, false),
    shape(Column::Stage, "stage", 8, 16, 130, false),
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

/// Who gets the room that is left, in this order, up to this width, if it has so much to show; the task has the rest.
const GROWING: [(Column, u16); 11] = [
    (Column::Name, 18),
    (Column::Task, 30),
    (Column::Name, 22),
    (Column::Task, 44),
    (Column::Activity, MINUTES as u16),
    (Column::Stage, 16),
    (Column::Model, 20),
    (Column::Task, 60),
    (Column::Branch, 24),
    (Column::Name, 30),
    (Column::Task, u16::MAX),
];

/// The columns that have something to show and fit, each with its width; `need` is how wide that is, 0 where there is nothing.
fn columns(width: u16, need: impl Fn(Column) -> u16) -> Vec<(&'static ColumnShape, u16)> {
    let needed = |shape: &ColumnShape| need(shape.column).max(shape.title.len() as u16).min(shape.most);
    let is_shown = |shape: &&ColumnShape| shape.from <= width && need(shape.column) > 0;
    let mut shown: Vec<_> = SHAPES.iter().filter(is_shown).map(|shape| (shape, shape.least.min(needed(shape)))).collect();
    let used: u16 = shown.iter().map(|(_, width)| width + 1).sum();
    let mut left = (width + 1).saturating_sub(used);
    for (growing, most) in GROWING {
        if let Some((shape, width)) = shown.iter_mut().find(|(shape, _)| shape.column == growing) {
            // The numbers stand at the right end of the screen.
            let is_rest = most == u16::MAX;
            let more = left.min(if is_rest { most } else { most.min(needed(shape)) }.saturating_sub(*width));
            *width += more;
            left -= more;
        }
    }
    shown
}

/// How wide what the rows have in the column is.
fn need(state: &ViewState, column: Column) -> u16 {
    let widest = |text: &dyn Fn(&Row) -> usize| state.rows.iter().map(text).max().unwrap_or(0);
    let text = |text: Option<&str>| text.map_or(0, |text| Span::raw(text).width());
    let where_any = |any: bool, width: usize| if any { width } else { 0 };
    let any = |test: &dyn Fn(&CoderView) -> bool| state.rows.iter().any(|row| test(&row.coder));
    let all = state.overview.as_ref().map(|overview| &overview.stats.usage);
    let needed = match column {
        Column::Standing => widest(&|row| Standing::of(&row.coder).word().len() + 2),
        Column::Name => widest(&|row| 2 * row.depth + text(Some(&name(&row.coder)))),
        Column::Task => widest(&|row| text(Some(task(&row.coder)))),
        Column::Source => widest(&|row| text(row.coder.source.as_deref())),
        Column::Model => widest(&|row| text(row.coder.model.as_deref())),
        // Few have one: only those that are in sight make room for it.
        Column::Branch => {
            let in_sight = state.rows.iter().skip(state.coder_top).take(state.panes().coder_rows());
            in_sight.map(|row| text(row.coder.branch.as_deref())).max().unwrap_or(0)
        }
        Column::Stage => widest(&|row| text(Some(stage(&row.coder, Standing::of(&row.coder))))),
        Column::Tokens => widest(&|row| row.coder.usage.tokens.total as usize).min(6),
        Column::Cost => widest(&|row| text(Some(&cost(&row.coder.usage)))).max(text(all.map(cost).as_deref())),
        Column::Progress => where_any(any(&|coder| coder.progress.is_some()), 13),
        Column::Memory | Column::Cpu => where_any(!state.usage.is_empty() || any(&|coder| coder.peak.is_some()), 5),
        Column::Age | Column::Idle => 4,
        Column::Activity => where_any(state.activity.of_all(state.now).iter().any(|&events| events > 0), MINUTES),
        Column::Errors => 3,
    };
    u16::try_from(needed.max(usize::from(column == Column::Standing))).unwrap_or(u16::MAX)
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
        let columns = columns(area.width, |column| need(state, column));
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
                Column::Model => drop(self.put(cell, coder.model.as_deref().unwrap_or(""), Style::new())),
                Column::Branch => drop(self.put(cell, coder.branch.as_deref().unwrap_or(""), Style::new())),
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
            Column::Cost => self.put_right(cell, &cost(usage), Style::new()),
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

fn cost(usage: &Usage) -> String {
    usage.cost().map_or_else(String::new, |usd| format!("{}{}", usage.cost_mark(), dollars(usd)))
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
            let used: u16 = columns(width, |_| u16::MAX).iter().map(|(_, width)| width + 1).sum::<u16>() - 1;
            assert!(used <= width, "{used} of {width}");
        }
    }

    #[test]
    fn money_stays_short() {
        assert_eq!([0.0, 0.352, 9.99, 12.44, 99.96, 999.9].map(dollars), ["$0.00", "$0.35", "$9.99", "$12.4", "$100", "$999"]);
    }
}
