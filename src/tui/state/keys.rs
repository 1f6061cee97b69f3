//! What the keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::filter::Filter;

use super::{
    super::{event_log::CursorStep, prompt::Prompt},
    DetailPane, Effect, Focus, Overlay, ViewState,
};

/// Bytes that terminals take at once for their clipboard: xterm reads 100,000 characters of base64.
const COPIED_MAX: usize = 74_000;

impl ViewState {
    pub(super) fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.notice = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return vec![Effect::Interrupt],
            KeyCode::Char('z') if control => return vec![Effect::Suspend],
            _ => {}
        }
        let effects = match self.overlay.take() {
            Some(Overlay::Prompt(prompt)) => self.press_in_prompt(prompt, key, control),
            Some(Overlay::Detail(detail)) => self.press_in_detail(detail, key, control),
            Some(Overlay::Help) => Vec::new(),
            None => self.press_in_lists(key, control),
        };
        self.settle();
        effects
    }

    fn press_in_prompt(&mut self, mut prompt: Prompt, key: KeyEvent, control: bool) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Enter => match Filter::parse(prompt.text(), self.now) {
                Ok(filter) => {
                    (self.filter, self.filter_text) = (filter, prompt.text().trim().to_owned());
                    return vec![self.ask()];
                }
                Err(invalid) => prompt.complaint = Some(invalid.to_string()),
            },
            KeyCode::Backspace => prompt.backspace(),
            KeyCode::Delete => prompt.delete(),
            KeyCode::Left => prompt.left(),
            KeyCode::Right => prompt.right(),
            KeyCode::Home => prompt.home(),
            KeyCode::End => prompt.end(),
            KeyCode::Char('a') if control => prompt.home(),
            KeyCode::Char('e') if control => prompt.end(),
            KeyCode::Char('u') if control => prompt.clear_before(),
            KeyCode::Char('w') if control => prompt.clear_word(),
            KeyCode::Char(c) if !control => prompt.insert(c),
            _ => {}
        }
        self.overlay = Some(Overlay::Prompt(prompt));
        Vec::new()
    }

    fn press_in_detail(&mut self, mut detail: DetailPane, key: KeyEvent, control: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let height = self.panes().detail_rows();
        match (key.code, movement(key, control)) {
            (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q'), _) => return effects,
            (KeyCode::Char('y'), None) => effects.extend(self.copy(detail.text.clone())),
            (_, Some(movement)) => detail.scroll(movement.by(height), height),
            _ => {}
        }
        self.overlay = Some(Overlay::Detail(detail));
        effects
    }

    fn press_in_lists(&mut self, key: KeyEvent, control: bool) -> Vec<Effect> {
        if let Some(movement) = movement(key, control) {
            return self.go(movement);
        }
        match key.code {
            // Control with a letter is another key, a multiplexer's mostly.
            _ if control => {}
            KeyCode::Char('q') => return vec![Effect::Quit],
            KeyCode::Char('?') => self.overlay = Some(Overlay::Help),
            KeyCode::Char('/') => self.overlay = Some(Overlay::Prompt(Prompt::new(&self.filter_text))),
            KeyCode::Tab | KeyCode::BackTab => {
                self.focus = match self.focus {
                    Focus::Coders => Focus::Events,
                    Focus::Events => Focus::Coders,
                };
            }
            KeyCode::Char('f') if self.log.is_following() => self.log.hold(),
            KeyCode::Char('f') => {
                let step = self.log.follow();
                return self.after(step);
            }
            KeyCode::Char('t') => self.shows_timeline = !self.shows_timeline,
            KeyCode::Char('e') => {
                self.errors_only = !self.errors_only;
                return vec![self.ask()];
            }
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.arrange();
            }
            KeyCode::Char('a') => self.alerts.see_newest(),
            KeyCode::Char('A') => self.alerts.see_all(),
            KeyCode::Char('y') => {
                let copied = self.detail().and_then(|detail| self.copy(detail.text));
                return copied.into_iter().collect();
            }
            KeyCode::Enter => self.overlay = self.detail().map(Overlay::Detail),
            KeyCode::Esc if self.shows_timeline => self.shows_timeline = false,
            KeyCode::Esc if !self.filter_text.is_empty() || self.errors_only => {
                (self.filter, self.filter_text, self.errors_only) = (Filter::default(), String::new(), false);
                return vec![self.ask()];
            }
            _ => {}
        }
        Vec::new()
    }

    fn go(&mut self, movement: Movement) -> Vec<Effect> {
        if self.focus == Focus::Events && !self.shows_timeline {
            let step = match movement {
                Movement::Last => self.log.follow(),
                Movement::First => self.log.go_to_oldest(),
                other => self.log.step(other.by(self.panes().event_rows())),
            };
            return self.after(step);
        }
        let to = self.coder_at.saturating_add_signed(movement.by(self.panes().coder_rows())).min(self.rows.len());
        if to == self.coder_at {
            return Vec::new();
        }
        self.coder_at = to;
        vec![self.ask()]
    }

    fn after(&mut self, step: CursorStep) -> Vec<Effect> {
        match (step, self.log.older()) {
            (CursorStep::Older, Some(older)) if !self.is_loading => vec![self.load(Some(older))],
            (CursorStep::Newest, _) => vec![self.ask()],
            _ => Vec::new(),
        }
    }

    /// What is under the cursor, in full.
    fn detail(&self) -> Option<DetailPane> {
        let (title, json) = match self.focus {
            Focus::Events if !self.shows_timeline => {
                let event = self.log.current()?;
                (format!("event {}", event.seq), serde_json::to_string_pretty(&**event))
            }
            _ => match self.chosen() {
                Some(coder) => (coder.coder_id.clone(), serde_json::to_string_pretty(coder)),
                None => ("all coders".to_owned(), serde_json::to_string_pretty(&self.overview.as_ref()?.stats)),
            },
        };
        Some(DetailPane::new(title, json.ok()?))
    }

    fn copy(&mut self, text: String) -> Option<Effect> {
        let fits = text.len() <= COPIED_MAX;
        let notice = if fits { "copied, where the terminal allows it (OSC 52)" } else { "too long for a terminal's clipboard" };
        self.notice = Some(notice.to_owned());
        fits.then_some(Effect::Copy(text))
    }
}

/// A key that moves a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Movement {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Movement {
    /// By how many rows, where so many are shown.
    fn by(self, height: usize) -> isize {
        let page = isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(isize::MAX);
        match self {
            Movement::Up => -1,
            Movement::Down => 1,
            Movement::PageUp => -page,
            Movement::PageDown => page,
            Movement::First => isize::MIN,
            Movement::Last => isize::MAX,
        }
    }
}

fn movement(key: KeyEvent, control: bool) -> Option<Movement> {
    Some(match key.code {
        KeyCode::Char('b' | 'u') if control => Movement::PageUp,
        KeyCode::Char('f' | 'd') if control => Movement::PageDown,
        KeyCode::Char('p') if control => Movement::Up,
        KeyCode::Char('n') if control => Movement::Down,
        _ if control => return None,
        KeyCode::Up | KeyCode::Char('k') => Movement::Up,
        KeyCode::Down | KeyCode::Char('j') => Movement::Down,
        KeyCode::PageUp => Movement::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Movement::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Movement::First,
        KeyCode::End | KeyCode::Char('G') => Movement::Last,
        _ => return None,
    })
}
