//! The view without a terminal: what keys do, and what the screen shows of captured runs.

mod keys;
mod screens;
mod timeline;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::{Rect, Size},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    brief::Brief,
    event::{Draft, EventType, Time},
    filter::Filter,
    history::{Clock, Options, Reader, Writer},
    source::{Agent, HookContext, read_hook},
};

use super::{
    draw::draw,
    feed,
    state::{Effect, ViewInput, ViewState},
    theme::Theme,
};

/// When it is on the screen.
const NOW: &str = "2026-11-22T12:00:00Z";

fn now() -> Time {
    Time::parse(NOW).expect("valid")
}

/// A history of captured sessions, and a view of it.
struct Lab {
    _folder: TempDir,
    options: Options,
    clock: Arc<AtomicI64>,
    state: ViewState,
    theme: Theme,
    /// Events looked at for one page.
    time_max: Duration,
}

impl Lab {
    fn empty(width: u16, height: u16) -> Lab {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(AtomicI64::new(now().micros()));
        let hand = Arc::clone(&clock);
        let options = Options {
            clock: Clock::new(move || Time::from_micros(hand.load(Ordering::SeqCst))),
            ..Options::new(folder.path().join("history.db"))
        };
        let theme = Theme { colour: true, unicode: true, zone: TimeZone::UTC };
        let state = ViewState::new(now(), Size { width, height }, "", Filter::default());
        Lab { _folder: folder, options, clock, state, theme, time_max: Duration::MAX }
    }

    /// Sessions of Claude Code as they were captured, each so many minutes ago, and coders that report by themselves.
    fn captured(width: u16, height: u16) -> Lab {
        let mut lab = Lab::empty(width, height);
        for (name, minutes_ago) in [("tasks", 58), ("main", 41), ("subagent", 23), ("429", 12), ("killTERM", 2)] {
            lab.live_through(name, minutes_ago);
        }
        let failed = || draft(json!({ "type": "failed", "coder_id": "migrate-db", "error_message": "disk full" }));
        let own = [
            (30, Draft::new(EventType::Started, "fix-auth")),
            (20, Draft::progress("fix-auth", 0.2, "reading", "the session store")),
            (9, draft(json!({ "type": "milestone", "coder_id": "fix-auth", "milestone": "tests pass" }))),
            (1, Draft::progress("fix-auth", 0.64, "testing", "cargo test --workspace")),
            (1, Draft::resource("fix-auth", 812, 143.0, 12)),
            (8, Draft::new(EventType::Started, "migrate-db")),
            (7, failed()),
            (6, failed()),
            (5, failed()),
        ];
        for (minutes, draft) in own {
            lab.record(now().plus(-minutes * Time::MINUTE), draft);
        }
        lab.open();
        lab
    }

    fn live_through(&mut self, name: &str, minutes_ago: i64) {
        let path = format!("{}/tests/fixtures/claude-code/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a fixture of this repository");
        let hooks: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("fixtures are JSON")).collect();
        let received = |hook: &Value| hook["received_unix_ns"].as_i64().expect("captured with its time") / 1000;
        let shift = now().micros() - minutes_ago * Time::MINUTE - received(&hooks[0]);
        for hook in &hooks {
            let payload = hook["payload"].to_string();
            let drafts = read_hook(Agent::ClaudeCode, payload.as_bytes(), &HookContext::default()).expect("a known hook");
            for draft in drafts {
                self.record(Time::from_micros(received(hook) + shift), draft);
            }
        }
    }

    fn record(&mut self, at: Time, draft: Draft) {
        self.clock.store(at.micros(), Ordering::SeqCst);
        Writer::new(&self.options).append(vec![draft.into()]).expect("the history can be written");
        self.clock.store(now().micros(), Ordering::SeqCst);
    }

    /// Reads what the view reads at its start.
    fn open(&mut self) {
        let first = self.state.ask();
        self.answer(vec![first]);
        self.refresh();
        let mut reader = Reader::new(&self.options);
        self.give(ViewInput::Past(feed::past_of(&mut reader, now()).expect("readable")));
        self.give(ViewInput::Minutes(feed::minutes_of(&mut reader, now()).expect("readable")));
    }

    fn refresh(&mut self) -> Vec<Effect> {
        let mut overview = feed::overview_of(&mut Reader::new(&self.options)).expect("readable");
        // How many pages a database takes is not the view's affair.
        overview.stats.history.bytes = 12 << 20;
        self.give(ViewInput::Overview(Box::new(overview)))
    }

    fn give(&mut self, input: ViewInput) -> Vec<Effect> {
        let effects = self.state.update(input);
        self.answer(effects)
    }

    /// Does what is to be done with the history; the rest is returned.
    fn answer(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in effects {
            match effect {
                Effect::Load(wanted) => {
                    let loaded = feed::page_of(&mut Reader::new(&self.options), wanted, self.time_max).expect("readable");
                    left.extend(self.give(ViewInput::Loaded(loaded)));
                }
                Effect::Parse(text) => {
                    let now = Timestamp::from_microsecond(now().micros()).expect("in range").to_zoned(TimeZone::UTC);
                    let filter = feed::filter_of(&mut Reader::new(&self.options), &text, &now).expect("readable");
                    left.extend(self.give(ViewInput::Parsed { text, filter }));
                }
                Effect::See(coder_ids) => {
                    coder_ids.iter().for_each(|id| self.record(now(), Draft::new(EventType::Seen, id.as_str())));
                    left.extend(self.refresh());
                }
                Effect::Brief(coder_id) => {
                    let brief = Brief::read(&mut Reader::new(&self.options), &coder_id, None, now()).expect("readable");
                    let text = brief.expect("known").to_text();
                    left.extend(self.give(ViewInput::Brief { coder_id, text }));
                }
                Effect::Marks(wanted) => {
                    let read = feed::marks_of(&mut Reader::new(&self.options), wanted, self.time_max).expect("readable");
                    left.extend(self.give(ViewInput::Marks(read)));
                }
                Effect::Open(seq) => {
                    let opened = feed::event_of(&mut Reader::new(&self.options), seq).expect("readable");
                    left.extend(self.give(opened));
                }
                other => left.push(other),
            }
        }
        left
    }

    /// Presses keys as they are typed: a character each, or a name in angle brackets.
    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (code, length) = match rest.strip_prefix('<').and_then(|named| named.split_once('>')) {
                Some((name, _)) => (named(name), name.len() + 2),
                None => (KeyEvent::from(KeyCode::Char(c)), c.len_utf8()),
            };
            effects.extend(self.give(ViewInput::Key(code)));
            rest = &rest[length..];
        }
        effects
    }

    /// The screen as text, a line a row.
    fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let rows = buffer.area.rows().map(|row| {
            let cells = row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    fn buffer(&mut self) -> Buffer {
        let Size { width, height } = self.state.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&self.state, &self.theme, &mut buffer);
        buffer
    }
}

/// As a program would send it.
fn draft(json: Value) -> Draft {
    let Value::Object(object) = json else { panic!("not an object") };
    Draft::from_object(object).expect("valid")
}

fn output(text: impl Into<Value>) -> Draft {
    draft(json!({ "type": "output", "coder_id": "fix-auth", "text": text.into() }))
}

fn named(name: &str) -> KeyEvent {
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "backspace" => KeyCode::Backspace,
        control => {
            let c = control.strip_prefix("c-").and_then(|c| c.chars().next()).expect("a known key");
            return KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        }
    };
    code.into()
}
