//! Which part of the screen shows what.

use ratatui::layout::{Constraint, Layout, Rect, Size};

/// From top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panes {
    pub head: Rect,
    /// Of no height where there is no alert.
    pub alerts: Rect,
    pub coders: Rect,
    /// Or the timeline.
    pub events: Rect,
    pub foot: Rect,
    /// Over the lists, where something is shown in full.
    pub over: Rect,
}

/// Above the rows of coders: a title, and the names of the columns.
const CODERS_HEAD: u16 = 2;
/// Above the events: a title.
const EVENTS_HEAD: u16 = 1;
/// Coders that are shown at least, where there are so many and there is room.
const CODERS_MIN: u16 = 4;
/// Events that are shown at least.
const EVENTS_MIN: u16 = 2;

/// A screen as wide as this has room beside the list of events, which needs so much.
const BESIDE_FROM: u16 = 160;
const LIST_MIN: u16 = 100;

impl Panes {
    /// `coders` is the number of rows that there are to show.
    pub fn of(size: Size, has_alerts: bool, coders: usize) -> Panes {
        let area = Rect::new(0, 0, size.width, size.height);
        let lists = size.height.saturating_sub(2 + u16::from(has_alerts));
        let most = (lists * 2 / 5).max(CODERS_HEAD + CODERS_MIN).min(lists.saturating_sub(EVENTS_HEAD + EVENTS_MIN));
        let coders = u16::try_from(coders).unwrap_or(u16::MAX).saturating_add(CODERS_HEAD).min(most);
        let [head, alerts, coders, events, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(u16::from(has_alerts)),
            Constraint::Length(coders),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(area);
        let over = Rect::new(0, alerts.bottom(), size.width, foot.y.saturating_sub(alerts.bottom()));
        Panes { head, alerts, coders, events, foot, over }
    }

    /// Where there is room, the event under the cursor is shown beside the list: the list has the larger part.
    pub fn events_and_beside(&self) -> (Rect, Rect) {
        let list = if self.events.width < BESIDE_FROM { self.events.width } else { LIST_MIN.max(self.events.width * 11 / 20) };
        let [list, _, beside] =
            Layout::horizontal([Constraint::Length(list), Constraint::Length(1), Constraint::Fill(1)]).areas(self.events);
        (list, beside)
    }

    /// Rows of coders that are shown.
    pub fn coder_rows(&self) -> usize {
        self.coders.height.saturating_sub(CODERS_HEAD).into()
    }

    /// Events that are shown.
    pub fn event_rows(&self) -> usize {
        self.events.height.saturating_sub(EVENTS_HEAD).into()
    }

    /// Lines that are shown of what is shown in full.
    pub fn detail_rows(&self) -> usize {
        self.over.height.saturating_sub(1).into()
    }
}
