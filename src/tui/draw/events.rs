//! The pane of events: time, who, what; the newest at the bottom.

use ratatui::{layout::Rect, style::Style, text::Span};

use crate::{
    style::Tint,
    tui::{
        roster::name,
        state::{Focus, ViewState},
        theme::grouped,
    },
};

use super::{Canvas, row, shifted};

/// The longest that a coder's id may push what it did to the right.
const CODER_WIDTH: u16 = 24;
/// Less would move with each row that comes.
const CODER_LEAST: u16 = 14;

/// What a person reads who has recorded nothing yet.
const BEGIN: [&str; 8] = [
    "No events yet. To begin:",
    "",
    "  ai-coder-events setup claude-code     has it report here from now on",
    "  ai-coder-events import claude-code    takes in what it has kept so far",
    "  ai-coder-events run -- make test      records any command",
    "  ai-coder-events emit started --coder me",
    "",
    "Whatever is recorded appears here by itself.",
];

impl Canvas<'_> {
    pub(super) fn events(&mut self, area: Rect, state: &ViewState) {
        let whose = state.chosen().map_or_else(|| "all coders".to_owned(), name);
        let mut title = vec![(format!("events of {whose}"), self.theme.bold())];
        if state.errors_only {
            title.push(("errors only".into(), self.theme.attention()));
        }
        if !state.filter_text.is_empty() {
            title.push((format!("/{}", state.filter_text), self.theme.attention()));
        }
        title.push(match (state.log.is_following(), state.log.unseen()) {
            (true, _) => ("following".into(), self.theme.good()),
            (false, 0) => ("standing still, f follows".into(), self.theme.dim()),
            (false, newer) => (format!("standing still, {} newer, f follows", grouped(newer)), self.theme.attention()),
        });
        self.title(area, &title);
        let lines = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        if state.log.events().is_empty() {
            return self.nothing(lines, state);
        }
        let height = usize::from(lines.height);
        let first = state.log.first_shown(height);
        let cursor = state.log.at();
        let acts = state.log.shown(first, height);
        let called = acts.iter().map(|act| Span::raw(state.name_of(&act.event.coder_id)).width()).max().unwrap_or(0);
        let coders = u16::try_from(called).unwrap_or(CODER_WIDTH).clamp(CODER_LEAST, CODER_WIDTH);
        for (number, act) in acts.iter().enumerate() {
            let event = act.event;
            let line = row(lines, number);
            let clock = self.put(line, &self.theme.clock(event.timestamp, state.now), self.theme.dim());
            let mut rest = shifted(line, clock + 1);
            if state.chosen().is_none() {
                let width = coders.min(rest.width / 3);
                self.put(Rect { width, ..rest }, state.name_of(&event.coder_id), self.theme.bold());
                rest = shifted(rest, width + 1);
            }
            self.put(rest, &self.theme.plain(state.told(act)), self.theme.tint(Tint::of_event(event)));
            if cursor == Some(first + number) && state.focus == Focus::Events {
                self.mark(line, self.theme.cursor(true));
            }
        }
    }

    /// The event under the cursor, as far as there is room; Enter shows the rest.
    pub(super) fn beside(&mut self, area: Rect, state: &ViewState) {
        let Some((title, lines)) = state.page_beside(area.width.into(), usize::from(area.height)).filter(|_| area.width > 0)
        else {
            return;
        };
        self.title(area, &[(title, self.theme.bold())]);
        for (number, (tint, line)) in lines.iter().enumerate() {
            self.put(row(area, number + 1), line, self.theme.tint(*tint));
        }
    }

    fn nothing(&mut self, lines: Rect, state: &ViewState) {
        let Some(overview) = &state.overview else { return };
        if overview.stats.history.head == 0 {
            for (number, text) in BEGIN.iter().enumerate() {
                self.put(row(shifted(lines, 2), number + 1), text, Style::new());
            }
        } else if let Some(older) = state.log.older() {
            self.put(
                row(shifted(lines, 2), 1),
                &format!("nothing so far, looking further back from {}", grouped(older)),
                self.theme.dim(),
            );
        } else if !state.is_loading() {
            let what = if state.filter_text.is_empty() && !state.errors_only {
                "nothing is kept of it any more"
            } else {
                "nothing is like that; Esc shows everything again"
            };
            self.put(row(shifted(lines, 2), 1), what, self.theme.dim());
        }
    }
}
