//! What the keys do with alerts: to see them, to have them back, to go to what they are about.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{Effect, Focus, Overlay, ViewState, keys::movement};

impl ViewState {
    /// A person saw to the chosen coder, else to the newest alert.
    pub(super) fn see(&mut self) -> Vec<Effect> {
        let chosen = self.chosen().filter(|coder| !coder.needs_attention.is_empty()).map(|coder| coder.coder_id.clone());
        if let Some(coder_id) = &chosen {
            self.alerts.see_of(coder_id, self.now);
        }
        let of_alert = |state: &mut ViewState| state.alerts.see_newest(state.now).filter(|coder_id| state.is_needing(coder_id));
        let seen = chosen.or_else(|| of_alert(self));
        seen.map(|coder_id| Effect::See(vec![coder_id])).into_iter().collect()
    }

    pub(super) fn see_all(&mut self) -> Vec<Effect> {
        self.alerts.see_all(self.now);
        let urgent = self.known.iter().filter(|coder| !coder.needs_attention.is_empty());
        let seen: Vec<String> = urgent.map(|coder| coder.coder_id.clone()).collect();
        if seen.is_empty() { Vec::new() } else { vec![Effect::See(seen)] }
    }

    pub(super) fn press_in_alerts(&mut self, at: usize, key: KeyEvent, control: bool) -> Vec<Effect> {
        if let Some(movement) = movement(key, control) {
            let to = at.saturating_add_signed(movement.by(self.panes().detail_rows()));
            self.overlay = Some(Overlay::Alerts(to));
            return Vec::new();
        }
        let alert = self.alerts.all().nth(at).cloned();
        match (key.code, alert) {
            (KeyCode::Esc | KeyCode::Char('q' | '!'), _) => return Vec::new(),
            (KeyCode::Enter, Some(alert)) => return self.go_to_event(alert.event.seq, &alert.event.coder_id),
            (KeyCode::Char('a'), Some(alert)) => {
                self.overlay = Some(Overlay::Alerts(at));
                return self.see_or_show(alert.event.seq, &alert.event.coder_id, alert.seen_at.is_some());
            }
            _ => {}
        }
        self.overlay = Some(Overlay::Alerts(at));
        Vec::new()
    }

    /// It was seen, and with it what else there is of its coder; or it was not, after all.
    fn see_or_show(&mut self, seq: u64, coder_id: &str, is_seen: bool) -> Vec<Effect> {
        if is_seen {
            self.alerts.show_again(seq);
            return Vec::new();
        }
        self.alerts.see_of(coder_id, self.now);
        if self.is_needing(coder_id) { vec![Effect::See(vec![coder_id.to_owned()])] } else { Vec::new() }
    }

    /// To the event in the list of its coder's, and into it.
    fn go_to_event(&mut self, seq: u64, coder_id: &str) -> Vec<Effect> {
        if let Some(at) = self.rows.iter().position(|row| row.coder.coder_id == coder_id) {
            self.coder_at = at + 1;
        }
        self.focus = Focus::Events;
        self.close_timeline();
        self.goes_to = Some(seq);
        vec![self.ask(), Effect::Open(seq)]
    }

    fn is_needing(&self, coder_id: &str) -> bool {
        self.known.iter().any(|coder| coder.coder_id == coder_id && !coder.needs_attention.is_empty())
    }
}
