//! What the keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::{
    event::Event,
    filter::Filter,
    story::Act,
    style::{Tint, event_page},
};

use super::{
    super::{detail::wrapped_page, event_log::CursorStep, prompt::Prompt, row_filter::RowFilter},
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
            Some(Overlay::Narrow(prompt)) => self.press_while_narrowing(prompt, key, control),
            Some(Overlay::Detail(detail)) => self.press_in_detail(detail, key, control),
            Some(Overlay::Alerts(at)) => self.press_in_alerts(at, key, control),
            Some(Overlay::Help) => Vec::new(),
            None if self.shows_timeline => match self.press_in_timeline(key, control) {
                Some(effects) => effects,
                None => self.press_in_lists(key, control),
            },
            None => self.press_in_lists(key, control),
        };
        self.settle();
        effects
    }

    fn press_in_prompt(&mut self, mut prompt: Prompt, key: KeyEvent, control: bool) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Enter => return vec![Effect::Parse(prompt.text().trim().to_owned())],
            code => edit(&mut prompt, code, control),
        }
        self.overlay = Some(Overlay::Prompt(prompt));
        Vec::new()
    }

    /// The rows follow each letter.
    fn press_while_narrowing(&mut self, mut prompt: Prompt, key: KeyEvent, control: bool) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => prompt = Prompt::new(""),
            KeyCode::Enter => {}
            code => edit(&mut prompt, code, control),
        }
        let chosen = self.chosen().map(|coder| coder.coder_id.clone());
        self.row_filter.words = prompt.text().to_owned();
        if !matches!(key.code, KeyCode::Esc | KeyCode::Enter) {
            self.overlay = Some(Overlay::Narrow(prompt));
        }
        self.show_rows(chosen)
    }

    fn hide(&mut self, which: fn(&mut RowFilter) -> &mut bool) -> Vec<Effect> {
        let chosen = self.chosen().map(|coder| coder.coder_id.clone());
        let hidden = which(&mut self.row_filter);
        *hidden = !*hidden;
        self.show_rows(chosen)
    }

    /// Other coders are shown: whose events are is told anew where the chosen one is not among them any more.
    fn show_rows(&mut self, chosen: Option<String>) -> Vec<Effect> {
        self.arrange();
        if self.chosen().map(|coder| &coder.coder_id) == chosen.as_ref() { Vec::new() } else { vec![self.ask()] }
    }

    fn press_in_detail(&mut self, mut detail: DetailPane, key: KeyEvent, control: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let height = self.panes().detail_rows();
        match (key.code, movement(key, control)) {
            (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q'), _) => return effects,
            (KeyCode::Char('y'), None) => effects.extend(self.copy(detail.json.clone())),
            (KeyCode::Char('v'), None) => detail.turn(),
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
            KeyCode::Char('t') => return vec![self.open_timeline()],
            KeyCode::Char('e') => {
                self.errors_only = !self.errors_only;
                return vec![self.ask()];
            }
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.arrange();
            }
            KeyCode::Char('a') => return self.see(),
            KeyCode::Char('A') => return self.see_all(),
            KeyCode::Char('!') => self.overlay = Some(Overlay::Alerts(0)),
            KeyCode::Char('n') => self.overlay = Some(Overlay::Narrow(Prompt::new(&self.row_filter.words))),
            KeyCode::Char('h') => return self.hide(|rows| &mut rows.hides_finished),
            KeyCode::Char('z') => return self.hide(|rows| &mut rows.folds_subagents),
            KeyCode::Char('y') => {
                let copied = self.detail().and_then(|detail| self.copy(detail.json));
                return copied.into_iter().collect();
            }
            KeyCode::Enter => {
                self.overlay = self.detail().map(Overlay::Detail);
                let is_of_events = self.focus == Focus::Events && !self.shows_timeline;
                let coder = self.chosen().filter(|_| !is_of_events).map(|coder| coder.coder_id.clone());
                return coder.map(Effect::Brief).into_iter().collect();
            }
            KeyCode::Esc if !self.row_filter.words.is_empty() && self.focus == Focus::Coders => {
                let chosen = self.chosen().map(|coder| coder.coder_id.clone());
                self.row_filter.words.clear();
                return self.show_rows(chosen);
            }
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
        let by = movement.by(self.panes().coder_rows());
        // In the timeline those that have no row there are passed over.
        let has_row = |&place: &usize| {
            let row = place.checked_sub(1).map(|at| &self.rows[at]);
            !self.shows_timeline || row.is_none_or(|row| self.timeline.shows(&row.coder, self.now))
        };
        let places: Vec<usize> = (0..=self.rows.len()).filter(has_row).collect();
        let here = places.partition_point(|&place| place < self.coder_at);
        let to = places[here.saturating_add_signed(by).min(places.len() - 1)];
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
        let (title, json, page) = match self.focus {
            Focus::Events if !self.shows_timeline => {
                return self.page_of(self.log.current()?, None);
            }
            _ => match self.chosen() {
                Some(coder) => {
                    let reading = vec![(Tint::Dim, "reading …".to_owned())];
                    (coder.coder_id.clone(), serde_json::to_string_pretty(coder), reading)
                }
                None => ("all coders".to_owned(), serde_json::to_string_pretty(&self.overview.as_ref()?.stats), Vec::new()),
            },
        };
        Some(DetailPane::new(title, json.ok()?, page))
    }

    /// An event in full, and below it the one that it was derived from.
    fn page_of(&self, event: &Event, cause: Option<&Event>) -> Option<DetailPane> {
        let title = format!("event {} of {}", event.seq, self.name_of(&event.coder_id));
        Some(DetailPane::new(title, serde_json::to_string_pretty(event).ok()?, self.lines_of(event, cause)))
    }

    /// What is shown of the event under the cursor where there is room beside the list.
    pub fn page_beside(&self, width: usize, height: usize) -> Option<(String, Vec<(Tint, String)>)> {
        let event = self.log.current()?;
        let lines = wrapped_page(&self.lines_of(event, None), width, height);
        Some((format!("event {}", event.seq), lines))
    }

    fn lines_of(&self, event: &Event, cause: Option<&Event>) -> Vec<(Tint, String)> {
        let mut page = Vec::new();
        for event in [Some(event), cause].into_iter().flatten() {
            if !page.is_empty() {
                page.extend([(Tint::Plain, String::new()), (Tint::Dim, format!("because of event {}:", event.seq))]);
            }
            page.extend([(Tint::of_event(event), self.told(&Act::of(event))), (Tint::Plain, String::new())]);
            page.extend(event_page(event));
        }
        page
    }

    /// What was asked for is shown, unless the person went on to something else.
    pub(super) fn open(&mut self, seq: u64, event: Option<&Event>, cause: Option<&Event>) {
        match event {
            None => self.notice = Some(format!("event {seq} is not kept any more")),
            Some(event) if self.overlay.is_none() => {
                self.overlay = self.page_of(event, cause).map(Overlay::Detail);
                self.settle();
            }
            Some(_) => {}
        }
    }

    fn copy(&mut self, text: String) -> Option<Effect> {
        let fits = text.len() <= COPIED_MAX;
        let notice = if fits { "copied, where the terminal allows it (OSC 52)" } else { "too long for a terminal's clipboard" };
        self.notice = Some(notice.to_owned());
        fits.then_some(Effect::Copy(text))
    }
}

fn edit(prompt: &mut Prompt, key: KeyCode, control: bool) {
    match key {
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
}

/// A key that moves a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Movement {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Movement {
    /// By how many rows, where so many are shown.
    pub fn by(self, height: usize) -> isize {
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

pub(super) fn movement(key: KeyEvent, control: bool) -> Option<Movement> {
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
