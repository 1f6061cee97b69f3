//! What lies over the lists: help, something in full, the line that is typed.

use ratatui::{
    layout::{Position, Rect},
    style::Style,
    text::Span,
};

use crate::tui::{detail::DetailPane, prompt::Prompt};

use super::{Canvas, row, shifted};

const KEYS: [(&str, &str); 18] = [
    ("↑ ↓ k j", "move; PgUp PgDn or Ctrl-U Ctrl-D: by pages; g G: first, last"),
    ("Tab", "between coders and events"),
    ("Enter", "in full: the coder, or the event under the cursor; v: its JSON"),
    ("y", "copy it as JSON"),
    ("/", "filter: coder:X type:T path:P since:15m until:T words"),
    ("e", "errors only"),
    ("f", "follow what comes, or stand still"),
    ("t", "the last hour as a timeline"),
    ("s", "sort: attention, activity, name, cost, tokens"),
    ("n h z", "narrow the coders by words; hide finished ones; fold subagents"),
    ("a A", "seen: this coder needs nobody until something new; all of them"),
    ("Esc", "back; then the filter goes"),
    ("q", "quit; Ctrl-Z suspends"),
    ("", ""),
    ("status", "✗ failed  ? waits  ! silent 5 min  ~ rate-limited  ≠ shared file"),
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
            let plain = |text: &str| text.replace("↑ ↓ k j", "k j").replace('✗', "x").replace('≠', "%");
            let (key, what) = match self.theme.unicode {
                true => ((*key).to_owned(), (*what).to_owned()),
                false => (plain(key), plain(what)),
            };
            self.put(Rect { width: 9.min(line.width), ..line }, &key, self.theme.bold());
            self.put(shifted(line, 10), &what, Style::new());
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
