//! The pane of the timeline: a scale, a row for each coder that was there, and what the mark under the cursor is.

use std::collections::BTreeSet;

use ratatui::{layout::Rect, style::Modifier};

use crate::{
    aggregate::CoderView,
    event::{Micros, Time},
    tui::{roster::name, state::ViewState, timeline::TimelineSlot},
};

use super::{Canvas, row, shifted};

/// Of coders' names.
const NAME_WIDTH: u16 = 24;
/// Between two signs of the scale, least first: those that fit are shown.
const STEPS: [Micros; 9] = [
    5 * Time::MINUTE,
    15 * Time::MINUTE,
    30 * Time::MINUTE,
    Time::HOUR,
    2 * Time::HOUR,
    6 * Time::HOUR,
    12 * Time::HOUR,
    Time::DAY,
    2 * Time::DAY,
];
/// Of a sign on the scale, with room around it.
const SIGN_WIDTH: u16 = 10;

impl Canvas<'_> {
    pub(super) fn timeline(&mut self, area: Rect, state: &ViewState) {
        let lines = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let width = NAME_WIDTH.min(area.width / 4);
        let all = state.timeline_rows();
        // Above them the scale, below them what is under the cursor.
        let height = usize::from(lines.height).saturating_sub(2);
        let marked = state.timeline.current(state.now);
        let wanted = marked.map(|(id, _)| id).or_else(|| state.chosen().map(|coder| coder.coder_id.as_str()));
        let at = all.iter().position(|coder| Some(coder.coder_id.as_str()) == wanted);
        let first = at.map_or(0, |at| (at + 1).saturating_sub(height));
        let mut shown = BTreeSet::new();
        for (number, coder) in all.iter().skip(first).take(height).enumerate() {
            let line = row(lines, number + 1);
            shown.extend(self.timeline_row(line, width, coder, state));
        }
        self.timeline_title(area, &shown, all.len().saturating_sub(first + height), state);
        self.scale(shifted(row(lines, 0), width + 1), state);
        if all.is_empty() && !state.timeline.is_reading() {
            self.put(shifted(row(lines, 1), 2), "nobody was there then", self.theme.dim());
        }
        self.under_cursor(row(lines, usize::from(lines.height).saturating_sub(1)), state);
    }

    fn timeline_title(&mut self, area: Rect, shown: &BTreeSet<TimelineSlot>, below: usize, state: &ViewState) {
        let (from, to) = state.timeline.window(state.now);
        let clock = |at: Time| self.theme.clock(at, state.now).rsplit_once(':').map_or_else(String::new, |(at, _)| at.to_owned());
        let span = state.timeline.span_word();
        let reach = match state.timeline.ends_now() {
            true => format!("the last {span}"),
            false => format!("{span}, {} to {}", clock(from), clock(to)),
        };
        let mut title = vec![(reach, self.theme.bold())];
        if state.timeline.is_reading() {
            title.push(("reading".to_owned(), self.theme.dim()));
        } else if state.timeline.is_partial() {
            title.push(("not all of it, + is nearer".to_owned(), self.theme.attention()));
        }
        for &slot in shown.iter().filter(|&&slot| slot != TimelineSlot::Absent) {
            let (sign, style) = self.theme.timeline(slot);
            title.push((format!("{sign} {}", slot.word()), style));
        }
        if below > 0 {
            title.push((format!("{below} more below"), self.theme.dim()));
        }
        self.title(area, &title);
    }

    /// One coder's; what there is to see in it.
    fn timeline_row(&mut self, line: Rect, width: u16, coder: &CoderView, state: &ViewState) -> Vec<TimelineSlot> {
        self.put(Rect { width: width.min(line.width), ..line }, &name(coder), self.theme.bold());
        let bar = shifted(line, width + 1);
        let slots = state.timeline.row(coder, state.now, bar.width.into());
        for (x, &slot) in (bar.x..).zip(&slots) {
            let (sign, style) = self.theme.timeline(slot);
            self.put(Rect { x, width: 1, ..bar }, sign, style);
        }
        if state.chosen().is_some_and(|chosen| chosen.coder_id == coder.coder_id) {
            self.mark(line, self.theme.cursor(false));
        }
        if let Some((_, mark)) = state.timeline.current(state.now).filter(|(id, _)| *id == coder.coder_id) {
            let x = bar.x + u16::try_from(state.timeline.cell(mark.at, state.now, bar.width.into())).unwrap_or(0);
            // Its own sign, whatever else happened in that cell.
            if let Some(slot) = mark.slot {
                let (sign, style) = self.theme.timeline(slot);
                self.put(Rect { x, width: 1, ..bar }, sign, style.add_modifier(Modifier::REVERSED));
            }
        }
        slots
    }

    /// Where hours or days begin.
    fn scale(&mut self, area: Rect, state: &ViewState) {
        let (from, to) = state.timeline.window(state.now);
        let most = i64::from((area.width / SIGN_WIDTH).max(1));
        let span = to.since(from);
        let step = STEPS.iter().copied().find(|step| span / step <= most).unwrap_or(Time::DAY * 7);
        let offset = self.theme.offset(from);
        let mut at = from.plus(offset).floor(step).plus(-offset);
        if at < from {
            at = at.plus(step);
        }
        while at <= to {
            let x = u16::try_from(state.timeline.cell(at, state.now, area.width.into())).unwrap_or(0);
            let room = shifted(area, x);
            if room.width > SIGN_WIDTH {
                self.put(room, &format!("|{}", self.theme.tick(at)), self.theme.dim());
            }
            at = at.plus(step);
        }
        if state.timeline.ends_now() {
            self.put_right(area, "now", self.theme.dim());
        }
    }

    fn under_cursor(&mut self, line: Rect, state: &ViewState) {
        let Some((coder_id, mark)) = state.timeline.current(state.now) else {
            self.put(line, ", . go from mark to mark, and tell what it is", self.theme.dim());
            return;
        };
        let (sign, style) = mark.slot.map_or((" ", self.theme.dim()), |slot| self.theme.timeline(slot));
        let mut at = line;
        let called = state.timeline.others().iter().find(|coder| coder.coder_id == coder_id).map(name);
        let called = called.unwrap_or_else(|| state.name_of(coder_id).to_owned());
        for (text, style) in [
            (sign.to_owned(), style),
            (self.theme.clock(mark.at, state.now), self.theme.dim()),
            (called, self.theme.bold()),
            (self.theme.plain(state.with_names(mark.told.clone())), style),
        ] {
            let used = self.put(at, &text, style);
            at = shifted(at, used + 1);
        }
    }
}
