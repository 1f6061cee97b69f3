//! What lies over the lists: help, something in full, the line that is typed.

use ratatui::{
    layout::{Position, Rect},
    style::Style,
    text::Span,
};

use crate::{
    style::age,
    tui::{detail::DetailPane, prompt::Prompt, state::ViewState},
};

use super::{Canvas, row, shifted};

const KEYS: [(&str, &str); 20] = [
    ("↑ ↓ k j", "move; PgUp PgDn or Ctrl-U Ctrl-D: by pages; g G: first, last"),
    ("Tab", "between coders and events"),
    ("Enter", "in full: the coder, or the event under the cursor; v: its JSON"),
    ("y", "copy it as JSON"),
    ("/", "filter: coder:X type:T path:P since:15m until:T words"),
    ("e f", "errors only; follow what comes, or stand still"),
    ("t", "timeline; + - zoom from 15m to 7d, ← → or h l pan, 0 now"),
    (", .", "from mark to mark of the timeline; Enter: its event"),
    ("s", "sort: attention, activity, name, cost, tokens"),
    ("n h z", "narrow the coders by words; hide finished ones; fold subagents"),
    ("a A", "seen: this coder needs nobody until something new; all of them"),
    ("!", "alerts, seen ones too; Enter: the event, a: seen or not after all"),
    ("Esc", "back; then the filter goes"),
    ("q", "quit; Ctrl-Z suspends"),
    ("", ""),
    ("status", "✗ failed  ? waits  ! silent 5 min  ~ rate-limited  ≠ shared file"),
    ("", "↻ in a loop  $ over budget"),
    ("activity", "events in each of the last minutes"),
    ("mem, cpu", "the latest sample, or the highest there was"),
    ("idle", "since its last event"),
];

impl Canvas<'_> {
    pub(super) fn help(&mut self, area: Rect) {
        self.cover(area);
        self.title(area, &[("help".into(), self.theme.bold())]);
        for (number, (key, what)) in KEYS.iter().enumerate() {
            let line = shifted(row(area, number + 1), 2);
            let plain = |text: &str| {
                text.replace("↑ ↓ k j", "k j").replace('✗', "x").replace('≠', "%").replace('↻', "@").replace("← → or h l", "h l")
            };
            let (key, what) = match self.theme.unicode {
                true => ((*key).to_owned(), (*what).to_owned()),
                false => (plain(key), plain(what)),
            };
            self.put(Rect { width: 9.min(line.width), ..line }, &key, self.theme.bold());
            self.put(shifted(line, 10), &what, Style::new());
        }
    }

    pub(super) fn alert_list(&mut self, area: Rect, at: usize, state: &ViewState) {
        self.cover(area);
        let unseen = (format!("{} not seen", state.alerts.len()), self.theme.attention());
        self.title(area, &[("alerts".into(), self.theme.bold()), unseen]);
        let height = usize::from(area.height).saturating_sub(1);
        let first = (at + 1).saturating_sub(height);
        for (number, alert) in state.alerts.all().enumerate().skip(first).take(height) {
            let line = row(area, number - first + 1);
            let seen = alert.seen_at.map_or_else(String::new, |seen| format!("seen {} ago", age(state.now.since(seen))));
            let style = match alert.seen_at {
                Some(_) => self.theme.dim(),
                None if alert.is_severe() => self.theme.bad(),
                None => self.theme.attention(),
            };
            let clock = self.put(line, &self.theme.clock(alert.event.timestamp, state.now), self.theme.dim());
            let rest = shifted(line, clock + 1);
            let tail = u16::try_from(Span::raw(&seen).width() + 1).unwrap_or(0).min(rest.width);
            self.put(Rect { width: rest.width - tail, ..rest }, &self.theme.plain(state.told_alert(alert)), style);
            self.put_right(rest, &seen, self.theme.dim());
            if number == at {
                self.mark(line, self.theme.cursor(true));
            }
        }
        if state.alerts.all().next().is_none() {
            self.put(shifted(row(area, 1), 2), "none in the last hour", self.theme.dim());
        }
    }

    pub(super) fn detail(&mut self, area: Rect, detail: &DetailPane) {
        self.cover(area);
        let height = usize::from(area.height).saturating_sub(1);
        let through = (detail.top + height).min(detail.lines.len());
        let place = format!("{} to {through} of {} lines", (detail.top + 1).min(through), detail.lines.len());
        self.title(area, &[(detail.title.clone(), self.theme.bold()), (place, self.theme.dim())]);
        for (number, (tint, text)) in detail.lines.iter().skip(detail.top).take(height).enumerate() {
            let line = row(area, number + 1);
            // A name in bold, what it says as it is.
            match text.split_once("\": ") {
                Some((name, value)) if detail.shows_json => {
                    let used = self.put(line, &format!("{name}\": "), self.theme.dim());
                    self.put(shifted(line, used), value, Style::new());
                }
                _ => drop(self.put(line, text, self.theme.tint(*tint))),
            }
        }
    }

    pub(super) fn prompt(&mut self, area: Rect, label: &str, prompt: &Prompt) -> Option<Position> {
        let used = self.put(area, label, self.theme.bold());
        let room = shifted(area, used);
        if let Some(complaint) = &prompt.complaint {
            let above = Rect { y: area.y.saturating_sub(1), ..area };
            self.cover(above);
            self.put(above, complaint, self.theme.bad());
        }
        // The end that is typed stays in sight.
        let before = prompt.before();
        let wide = Span::raw(before).width();
        let hidden = (wide + 1).saturating_sub(room.width.into());
        let start = before
            .char_indices()
            .map(|(at, _)| at)
            .find(|&at| Span::raw(&before[..at]).width() >= hidden)
            .unwrap_or(before.len());
        self.put(room, &prompt.text()[start..], Style::new());
        let x = room.x + u16::try_from(Span::raw(&before[start..]).width()).unwrap_or(0);
        Some(Position { x: x.min(area.right().saturating_sub(1)), y: area.y })
    }

    fn cover(&mut self, area: Rect) {
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }
}
