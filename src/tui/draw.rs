//! The screen as it follows from the state. Pure: state in, cells out.

mod coders;
mod events;
mod overlay;
mod timeline;

use std::borrow::Cow;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::Span,
};

use crate::{
    event::Time,
    style::{age, bytes},
    text,
};

use super::{
    state::{Overlay, ViewState},
    theme::{Theme, grouped},
};

/// Smaller than this, nothing can be read.
const LEAST: (u16, u16) = (40, 10);

/// Draws everything; where the terminal's cursor is to be shown, if anywhere.
pub fn draw(state: &ViewState, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let page = Canvas { buffer, theme };
    page.draw(state)
}

/// What is drawn on.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
}

impl Canvas<'_> {
    fn draw(mut self, state: &ViewState) -> Option<Position> {
        if state.size.width < LEAST.0 || state.size.height < LEAST.1 {
            let area = *self.buffer.area();
            self.put(Rect { height: area.height.min(1), ..area }, "too small: 40 columns and 10 rows are needed", Style::new());
            return None;
        }
        let panes = state.panes();
        self.head(panes.head, state);
        self.alerts(panes.alerts, state);
        self.coders(panes.coders, state);
        if state.shows_timeline {
            self.timeline(panes.events, state);
        } else {
            let (events, beside) = panes.events_and_beside();
            self.events(events, state);
            self.beside(beside, state);
        }
        match &state.overlay {
            Some(Overlay::Help) => self.help(panes.over),
            Some(Overlay::Alerts(at)) => self.alert_list(panes.over, *at, state),
            Some(Overlay::Detail(detail)) => self.detail(panes.over, detail),
            Some(Overlay::Prompt(prompt)) => return self.prompt(panes.foot, "filter: ", prompt),
            Some(Overlay::Narrow(prompt)) => return self.prompt(panes.foot, "coders: ", prompt),
            None => {}
        }
        self.foot(panes.foot, state);
        None
    }

    fn head(&mut self, area: Rect, state: &ViewState) {
        let mut parts = vec![(String::from("ai-coder-events"), self.theme.bold())];
        if let Some(trouble) = &state.trouble {
            parts.push((format!("cannot read the history: {trouble}"), self.theme.bad()));
        } else if state.behind >= Time::SECOND {
            parts.push((format!("{} behind", age(state.behind)), self.theme.attention()));
        } else {
            parts.push((String::from("live"), self.theme.good()));
        }
        if let Some(overview) = &state.overview {
            let (stats, plain) = (&overview.stats, Style::new());
            parts.push((format!("{}/min", grouped(stats.events_per_minute as u64)), plain));
            parts.push((counted(stats.coders_total, "coder"), plain));
            let needing = state.needing_count();
            if needing > 0 {
                parts.push((format!("{needing} need{} you", if needing == 1 { "s" } else { "" }), self.theme.attention()));
            }
            parts.push((counted(stats.total_events, "event"), plain));
            parts.push((bytes(stats.history.bytes), plain));
            if stats.history.rejections > 0 {
                parts.push((format!("{} rejected", grouped(stats.history.rejections)), self.theme.attention()));
            }
        } else if state.trouble.is_none() {
            parts.push((String::from("reading the history"), self.theme.dim()));
        }
        // Half a number is another one; but why nothing can be read is told as far as it goes.
        while parts.len() > 2 && self.joined_width(&parts) > area.width.into() {
            parts.pop();
        }
        self.joined(area, &parts);
    }

    fn alerts(&mut self, area: Rect, state: &ViewState) {
        let Some(newest) = state.alerts.newest() else { return };
        let style = if newest.is_severe() { self.theme.bad() } else { self.theme.attention() };
        let ago = age(state.now.since(newest.event.timestamp));
        let others = match state.alerts.len() - 1 {
            0 => String::new(),
            others => format!("+{others}, "),
        };
        let tail = format!("{}{ago} ago, {others}a: seen, !: all", self.theme.dot());
        let room = usize::from(area.width).saturating_sub(Span::raw(&tail).width());
        let line = self.fit(&format!("! {}", self.theme.plain(state.told_alert(newest))), room).into_owned();
        let used = self.put(area, &line, style.patch(self.theme.bold()));
        self.put(shifted(area, used), &tail, self.theme.dim());
    }

    fn foot(&mut self, area: Rect, state: &ViewState) {
        if let Some(notice) = &state.notice {
            self.put(area, notice, self.theme.attention());
            return;
        }
        let keys: &[(&str, &str)] = match &state.overlay {
            Some(Overlay::Help) => &[("any key", "back")],
            Some(Overlay::Detail(_)) => &[("↑↓", "scroll"), ("v", "JSON"), ("y", "copy"), ("Esc", "back")],
            Some(Overlay::Alerts(_)) => {
                &[("↑↓", "move"), ("Enter", "its event"), ("a", "seen, or not after all"), ("Esc", "back")]
            }
            _ if state.shows_timeline => &[
                ("?", "help"),
                ("t", "events"),
                ("+ -", "zoom"),
                ("← →", "pan"),
                ("0", "now"),
                (", .", "marks"),
                ("Enter", "detail"),
                ("↑↓", "coder"),
                ("/", "filter"),
                ("n", "narrow"),
            ],
            _ => &[
                ("?", "help"),
                ("q", "quit"),
                ("/", "filter"),
                ("n", "narrow"),
                ("Tab", "pane"),
                ("Enter", "detail"),
                ("a", "seen"),
                ("!", "alerts"),
                ("e", "errors"),
                ("t", "timeline"),
                ("f", "follow"),
                ("s", "sort"),
            ],
        };
        let mut at = area;
        for (key, what) in keys {
            let key = if self.theme.unicode { key } else { &key.replace("↑↓", "j k").replace("← →", "h l")[..] };
            // Half of what a key does tells nothing.
            if Span::raw(format!("{key} {what}")).width() > at.width.into() {
                break;
            }
            let used = self.put(at, key, self.theme.bold());
            let said = self.put(shifted(at, used + 1), what, self.theme.dim());
            at = shifted(at, used + said + 3);
        }
    }

    /// A line across, with a title in it.
    fn title(&mut self, area: Rect, parts: &[(String, Style)]) {
        let area = Rect { height: area.height.min(1), ..area };
        let rule = self.theme.rule();
        self.put(area, &rule.repeat(area.width.into()), self.theme.dim());
        let inner = shifted(area, 2);
        let width = self.joined_width(parts).min(inner.width.saturating_sub(2).into());
        self.put(shifted(area, 1), &" ".repeat(width + 2), Style::reset());
        self.joined(Rect { width: u16::try_from(width).unwrap_or(inner.width), ..inner }, parts);
    }

    fn joined(&mut self, area: Rect, parts: &[(String, Style)]) {
        let mut at = area;
        for (number, (part, style)) in parts.iter().enumerate() {
            if number > 0 {
                let used = self.put(at, self.theme.dot(), self.theme.dim());
                at = shifted(at, used);
            }
            let used = self.put(at, part, *style);
            at = shifted(at, used);
        }
    }

    fn joined_width(&self, parts: &[(String, Style)]) -> usize {
        let between = Span::raw(self.theme.dot()).width() * parts.len().saturating_sub(1);
        parts.iter().map(|(part, _)| Span::raw(part).width()).sum::<usize>() + between
    }

    /// Writes what fits into the first row of `area`; how many cells that took.
    fn put(&mut self, area: Rect, line: &str, style: Style) -> u16 {
        if area.is_empty() {
            return 0;
        }
        // Another program may have written the history: nothing in a text moves the cursor or hides.
        let clean = text::clean_line(line);
        let fitting = self.fit(&clean, area.width.into());
        let (end, _) = self.buffer.set_stringn(area.x, area.y, &fitting, area.width.into(), style);
        end - area.x
    }

    /// The same at its right end.
    fn put_right(&mut self, area: Rect, line: &str, style: Style) {
        let width = u16::try_from(Span::raw(line).width()).unwrap_or(u16::MAX).min(area.width);
        self.put(shifted(area, area.width - width), line, style);
    }

    /// `line` in at most `width` cells, with a sign where something is missing.
    fn fit<'t>(&self, line: &'t str, width: usize) -> Cow<'t, str> {
        if Span::raw(line).width() <= width {
            return Cow::Borrowed(line);
        }
        let mut end = 0;
        for (at, c) in line.char_indices() {
            let next = at + c.len_utf8();
            if Span::raw(&line[..next]).width() + 1 > width {
                break;
            }
            end = next;
        }
        let sign = if width == 0 { "" } else { self.theme.ellipsis() };
        Cow::Owned(format!("{}{sign}", &line[..end]))
    }

    /// A whole row in another style.
    fn mark(&mut self, row: Rect, style: Style) {
        self.buffer.set_style(row, style);
    }
}

/// `1 event`, `2 events`.
fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// What is left of `area` behind its first `by` columns.
fn shifted(area: Rect, by: u16) -> Rect {
    let by = by.min(area.width);
    Rect { x: area.x + by, width: area.width - by, ..area }
}

/// One row of `area`.
fn row(area: Rect, number: usize) -> Rect {
    let number = u16::try_from(number).unwrap_or(u16::MAX).min(area.height);
    Rect { y: area.y + number, height: (area.height - number).min(1), ..area }
}
