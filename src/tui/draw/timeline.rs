//! The pane of the last hour: a row for each coder.

use ratatui::layout::Rect;

use crate::tui::{roster::name, state::ViewState, timeline::TimelineSlot};

use super::{Canvas, row, shifted};

/// Of coders' names.
const NAME_WIDTH: u16 = 20;

impl Canvas<'_> {
    pub(super) fn timeline(&mut self, area: Rect, state: &ViewState) {
        let mut title = vec![("the last hour".to_owned(), self.theme.bold())];
        for (cell, word) in [
            (TimelineSlot::Running, "works"),
            (TimelineSlot::Waiting, "waits"),
            (TimelineSlot::Milestone, "milestone"),
            (TimelineSlot::Completed, "done"),
            (TimelineSlot::Stopped, "stopped"),
            (TimelineSlot::Trouble, "trouble"),
        ] {
            let (sign, style) = self.theme.timeline(cell);
            title.push((format!("{sign} {word}"), style));
        }
        self.title(area, &title);
        let lines = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let width = NAME_WIDTH.min(area.width / 4);
        self.scale(shifted(row(lines, 0), width + 1));
        let rows = usize::from(lines.height).saturating_sub(1);
        let chosen = state.coder_at.saturating_sub(1);
        let first = (chosen + 1).saturating_sub(rows);
        for (number, (at, shown)) in state.rows.iter().enumerate().skip(first).take(rows).enumerate() {
            let line = row(lines, number + 1);
            self.put(Rect { width: width.min(line.width), ..line }, &name(&shown.coder), self.theme.bold());
            let bar = shifted(line, width + 1);
            for (x, cell) in (bar.x..).zip(state.timeline.row(&shown.coder, state.now, bar.width.into())) {
                let (sign, style) = self.theme.timeline(cell);
                self.put(Rect { x, width: 1, ..bar }, sign, style);
            }
            if at + 1 == state.coder_at {
                self.mark(line, self.theme.cursor(false));
            }
        }
    }

    /// Where a quarter of an hour begins.
    fn scale(&mut self, area: Rect) {
        for (quarter, label) in ["60m ago", "45m", "30m", "15m"].iter().enumerate() {
            let x = area.width / 4 * u16::try_from(quarter).unwrap_or(0);
            let room = Rect { width: (area.width / 4).saturating_sub(1), ..shifted(area, x) };
            self.put(room, label, self.theme.dim());
        }
        self.put_right(area, "now", self.theme.dim());
    }
}
