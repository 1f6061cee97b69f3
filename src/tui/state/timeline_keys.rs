//! What the keys do while the timeline is shown: nearer, farther, back, from mark to mark.

use std::collections::HashSet;

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::{aggregate::CoderView, tui::timeline::MarksRead};

use super::{Effect, ViewState};

impl ViewState {
    pub(super) fn open_timeline(&mut self) -> Effect {
        self.shows_timeline = true;
        self.ask_for_marks()
    }

    pub(super) fn close_timeline(&mut self) {
        (self.shows_timeline, self.steps_on) = (false, None);
        self.timeline.close();
    }

    pub(super) fn ask_for_marks(&mut self) -> Effect {
        Effect::Marks(self.timeline.ask(self.known.iter(), self.now))
    }

    pub(super) fn take_marks(&mut self, read: MarksRead) {
        self.timeline.replace(read, self.now);
        if !self.timeline.is_reading()
            && let Some(earlier) = self.steps_on.take()
        {
            self.step_over_marks(earlier);
        }
    }

    /// Who is shown: the coders of the list, then others, as far as they were there in the window.
    pub fn timeline_rows(&self) -> Vec<&CoderView> {
        let listed = self.rows.iter().map(|row| &row.coder);
        let known: HashSet<&str> = self.known.iter().map(|coder| coder.coder_id.as_str()).collect();
        let others = self.timeline.others().iter().filter(|coder| !known.contains(coder.coder_id.as_str()));
        let others = others.filter(|coder| self.row_filter.keeps(coder));
        listed.chain(others).filter(|coder| self.timeline.shows(coder, self.now)).collect()
    }

    /// None: the key is one of the lists.
    pub(super) fn press_in_timeline(&mut self, key: KeyEvent, control: bool) -> Option<Vec<Effect>> {
        let is_another = match key.code {
            _ if control => return None,
            KeyCode::Char('t') => {
                self.close_timeline();
                return Some(Vec::new());
            }
            KeyCode::Esc if self.timeline.leave() => false,
            KeyCode::Esc => {
                self.close_timeline();
                return Some(Vec::new());
            }
            KeyCode::Enter => {
                let (_, mark) = self.timeline.current(self.now)?;
                return Some(vec![Effect::Open(mark.seq)]);
            }
            KeyCode::Char('+' | '=') => self.timeline.zoom(true, self.now),
            KeyCode::Char('-') => self.timeline.zoom(false, self.now),
            KeyCode::Left | KeyCode::Char('h') => self.timeline.pan(true, self.now),
            KeyCode::Right | KeyCode::Char('l') => self.timeline.pan(false, self.now),
            KeyCode::Home | KeyCode::Char('0') => self.timeline.go_to_now(),
            KeyCode::Char(',' | '[') => self.step_over_marks(true),
            KeyCode::Char('.' | ']') => self.step_over_marks(false),
            _ => return None,
        };
        Some(if is_another { vec![self.ask_for_marks()] } else { Vec::new() })
    }

    /// Among the marks of the chosen coder, if it was there, else of all that are shown; the window stays.
    fn step_over_marks(&mut self, earlier: bool) -> bool {
        if self.timeline.is_reading() {
            self.steps_on = Some(earlier);
            return false;
        }
        let chosen = self.chosen().filter(|coder| self.timeline.shows(coder, self.now)).map(|coder| coder.coder_id.as_str());
        let coders: Vec<String> = match chosen {
            Some(coder_id) => vec![coder_id.to_owned()],
            None => self.timeline_rows().iter().map(|coder| coder.coder_id.clone()).collect(),
        };
        if !self.timeline.step(earlier, coders.iter().map(String::as_str), self.now) {
            let told =
                if earlier { "no earlier mark in this window: the left arrow pans" } else { "no later mark in this window" };
            self.notice = Some(told.to_owned());
        }
        false
    }
}
