//! Pictures of the live view for the README: captured sessions, the real binary in a terminal, what it shows as SVG.
//!
//! `scripts/screenshots` builds and runs it; it writes docs/watch.svg and docs/watch-timeline.svg. `scripts/screenshots HISTORY FOLDER`
//! draws a history of your own at three sizes, dark, light and without colour, to look at.

use std::{
    error::Error,
    fs,
    io::{Read, Write as _},
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use ai_coder_events::{
    event::{Draft, Time},
    history::{Clock, Options, Writer},
    source::{Agent, HookContext, read_hook},
};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Columns and rows of the README's.
const SIZE: (u16, u16) = (110, 30);
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];
/// What is pressed for each view, one after the other, and what is on the screen then.
const VIEWS: [(&str, &str, &str); 8] = [
    ("lists", "", "/min"),
    ("coder", "j\r", "lines"),
    ("event", "\x1b\t\r", "lines"),
    ("alerts", "\x1b!", "not seen"),
    ("timeline", "\x1bt", "the last 1h"),
    ("timeline-7d", "----", "the last 7d"),
    ("timeline-back", "++hh,", "1d, "),
    ("help", "?", "quit; Ctrl-Z"),
];
const LIMIT: Duration = Duration::from_secs(20);

/// Captured sessions of Claude Code, and when in the last hour they began.
const SESSIONS: [(&str, i64); 6] = [("tasks", 52), ("main", 41), ("subagent", 29), ("429", 16), ("tui", 7), ("killTERM", 1)];

fn main() -> Outcome<()> {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if let [history, folder] = given.as_slice() {
        return look_at(history, folder);
    }
    let folder = tempfile::tempdir()?;
    let history = folder.path().join("history.db");
    record(&history)?;
    let mut terminal = Terminal::start(&history, SIZE, false)?;
    terminal.until("following")?;
    terminal.until("working on it")?;
    fs::write("docs/watch.svg", svg(terminal.parser()?.screen(), &DARK))?;
    terminal.press("t")?;
    terminal.until("the last 1h")?;
    terminal.press(",,,")?;
    terminal.until("failed: ")?;
    fs::write("docs/watch-timeline.svg", svg(terminal.parser()?.screen(), &DARK))?;
    terminal.press("q")
}

/// Every view of a history, however it may be looked at.
fn look_at(history: &Path, folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    for size in SIZES {
        for (look, palette, is_plain) in [("dark", &DARK, false), ("light", &LIGHT, false), ("plain", &DARK, true)] {
            let mut terminal = Terminal::start(history, size, is_plain)?;
            for (name, keys, text) in VIEWS {
                // An escape and a key behind it would be another key.
                for key in keys.split_inclusive('\x1b') {
                    terminal.press(key)?;
                    thread::sleep(Duration::from_millis(150));
                }
                terminal.until(text)?;
                let path = folder.join(format!("{}x{}-{look}-{name}.svg", size.0, size.1));
                fs::write(path, svg(terminal.parser()?.screen(), palette))?;
            }
            terminal.press("q")?;
            terminal.press("q")?;
        }
    }
    Ok(())
}

/// What a person would see who had five agents at work.
fn record(history: &Path) -> Outcome<()> {
    let now = Time::from(SystemTime::now());
    let clock = Arc::new(AtomicI64::new(now.micros()));
    let hand = Arc::clone(&clock);
    let options = Options { clock: Clock::new(move || Time::from_micros(hand.load(Ordering::SeqCst))), ..Options::new(history) };
    let mut events: Vec<(i64, Draft)> = Vec::new();
    for (name, minutes_ago) in SESSIONS {
        let text = fs::read_to_string(format!("tests/fixtures/claude-code/{name}.jsonl"))?;
        let hooks: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let received = |hook: &Value| hook["received_unix_ns"].as_i64().unwrap_or(0) / 1000;
        let Some(first) = hooks.first().map(received) else { continue };
        for hook in &hooks {
            let at = now.micros() - minutes_ago * Time::MINUTE + received(hook) - first;
            let drafts = read_hook(Agent::ClaudeCode, hook["payload"].to_string().as_bytes(), &HookContext::default())?;
            events.extend(drafts.into_iter().map(|draft| (at, draft)));
        }
    }
    for (minutes_ago, event) in own() {
        let Value::Object(event) = event else { continue };
        events.push((now.micros() - (minutes_ago * Time::MINUTE as f64) as i64, Draft::from_object(event)?));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut writer = Writer::new(&options);
    for (at, draft) in events {
        clock.store(at, Ordering::SeqCst);
        writer.append(vec![draft.into()])?;
    }
    Ok(())
}

/// Two coders that report by themselves, and how many minutes ago.
fn own() -> Vec<(f64, Value)> {
    let fix = |kind: &str| json!({ "type": kind, "coder_id": "fix-auth", "source": "emit" });
    let with = |kind: &str, fields: Value| {
        let mut event = fix(kind);
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        event
    };
    let mut events = vec![(34.0, fix("started"))];
    for step in 0..30 {
        let (ago, progress) = (33.0 - f64::from(step), f64::from(step) / 42.0);
        let stage = if step < 9 {
            "reading"
        } else if step < 20 {
            "editing"
        } else {
            "testing"
        };
        events.push((ago, with("progress", json!({ "progress": progress, "stage": stage }))));
        events.push((
            ago - 0.2,
            with(
                "api_call",
                json!({ "provider": "anthropic", "model": "claude-opus-5-5",
            "input_tokens": 3100 + 40 * step, "output_tokens": 420, "tokens_used": 3520 + 40 * step, "cost_usd": 0.019 }),
            ),
        ));
    }
    events.push((14.0, with("milestone", json!({ "milestone": "store rewritten" }))));
    events.push((0.9, with("resource_usage", json!({ "memory_mb": 812, "cpu_percent": 143.0 }))));
    events.push((0.3, with("output", json!({ "text": "test session::tests::rejects_an_expired_token ... ok" }))));
    events.push((0.1, with("progress", json!({ "progress": 0.71, "stage": "testing", "description": "working on it" }))));
    for ago in [9.0, 8.2, 7.5] {
        events.push((
            ago,
            json!({ "type": "failed", "coder_id": "migrate-db", "source": "emit", "reason": "error",
            "error_message": "disk full" }),
        ));
    }
    events
}

struct Terminal {
    keys: Box<dyn std::io::Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn start(history: &Path, (cols, rows): (u16, u16), is_plain: bool) -> Outcome<Terminal> {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })?;
        let mut command = CommandBuilder::new(binary()?);
        command.args(["--db".as_ref(), history.as_os_str(), "watch".as_ref()]);
        // `NO_COLOR`, say, would be seen.
        command.env_clear();
        command.env("HOME", history.parent().ok_or("no folder")?);
        for (name, value) in [("PATH", "/usr/bin:/bin"), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        if is_plain {
            command.env("NO_COLOR", "1");
        }
        pair.slave.spawn_command(command)?;
        let (keys, mut reader) = (pair.master.take_writer()?, pair.master.try_clone_reader()?);
        let size = (NonZero::new(rows).ok_or("no rows")?, NonZero::new(cols).ok_or("no columns")?);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(size.0, size.1, 0)));
        let showing = Arc::clone(&parser);
        thread::spawn(move || {
            let _terminal = pair;
            let mut chunk = [0; 65536];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if let Ok(mut parser) = showing.lock() {
                    parser.process(&chunk[..length]);
                }
            }
        });
        Ok(Terminal { keys, parser })
    }

    fn parser(&self) -> Outcome<std::sync::MutexGuard<'_, vt100::Parser>> {
        self.parser.lock().map_err(|_| "the terminal's reader panicked".into())
    }

    fn until(&self, text: &str) -> Outcome<()> {
        let begun = Instant::now();
        while !self.parser()?.screen().contents().contains(text) {
            if begun.elapsed() > LIMIT {
                return Err(format!("`{text}` did not come").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        // What comes behind it in the same frame.
        thread::sleep(Duration::from_millis(300));
        Ok(())
    }

    fn press(&mut self, keys: &str) -> Outcome<()> {
        self.keys.write_all(keys.as_bytes())?;
        Ok(self.keys.flush()?)
    }
}

/// Cargo puts the program beside its examples.
fn binary() -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no folder")?.join("ai-coder-events"))
}

/// In pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 12.0;

/// A terminal's own colours, as those of today have them: ground, ink, and the first eight.
struct Palette {
    ground: &'static str,
    ink: &'static str,
    colours: [&'static str; 8],
}

const DARK: Palette = Palette {
    ground: "#16181d",
    ink: "#d4d7dd",
    colours: ["#3b4048", "#e06c75", "#7fbf6a", "#d7a64a", "#6aa5f0", "#c286dd", "#4fb8c4", "#c8ccd4"],
};
const LIGHT: Palette = Palette {
    ground: "#fdfdfb",
    ink: "#24292f",
    colours: ["#24292f", "#c01c28", "#1a7f37", "#8a6100", "#0550ae", "#8250df", "#0a6f7c", "#6e7781"],
};

/// The look of some cells side by side.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    ink: &'static str,
    bold: bool,
    dim: bool,
    inverse: bool,
    underline: bool,
}

fn svg(screen: &vt100::Screen, palette: &Palette) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let (width, height) = (f64::from(columns) * CELL.0 + 2.0 * MARGIN, f64::from(rows) * CELL.1 + 2.0 * MARGIN);
    let ground = palette.ground;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-size=\"14\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{ground}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let style = style_of(screen, row, column, palette);
            let start = column;
            let mut text = String::new();
            while column < columns {
                let cell = screen.cell(row, column);
                // The second half of a wide character, which has a look of its own.
                let is_half = column > start && cell.is_some_and(vt100::Cell::is_wide_continuation);
                if !is_half {
                    if style_of(screen, row, column, palette) != style {
                        break;
                    }
                    text.push_str(cell.map(vt100::Cell::contents).filter(|contents| !contents.is_empty()).unwrap_or(" "));
                }
                column += 1;
            }
            run(&mut svg, &text, (row, start), column - start, style, palette);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn style_of(screen: &vt100::Screen, row: u16, column: u16, palette: &Palette) -> Option<Style> {
    screen.cell(row, column).map(|cell| Style {
        ink: match cell.fgcolor() {
            vt100::Color::Idx(index @ 0..8) => palette.colours[usize::from(index)],
            _ => palette.ink,
        },
        bold: cell.bold(),
        dim: cell.dim(),
        inverse: cell.inverse(),
        underline: cell.underline(),
    })
}

fn run(svg: &mut String, text: &str, (row, column): (u16, u16), cells: u16, style: Option<Style>, palette: &Palette) {
    let Some(style) = style else { return };
    let (x, y, width) = (MARGIN + f64::from(column) * CELL.0, MARGIN + f64::from(row) * CELL.1, f64::from(cells) * CELL.0);
    let mut put = |part: String| svg.push_str(&part);
    if style.inverse {
        put(format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{}\"/>\n", CELL.1, style.ink));
    }
    if text.trim().is_empty() {
        return;
    }
    let ink = if style.inverse { palette.ground } else { style.ink };
    let mut looks = String::new();
    for (holds, look) in [
        (style.bold, " font-weight=\"bold\""),
        (style.dim, " opacity=\"0.6\""),
        (style.underline, " text-decoration=\"underline\""),
    ] {
        if holds {
            looks.push_str(look);
        }
    }
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            c => escaped.push(c),
        }
    }
    // The font of who looks at it may be another: each run is as wide as its cells.
    put(format!(
        "<text x=\"{x:.1}\" y=\"{:.1}\" xml:space=\"preserve\" textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\" fill=\"{ink}\"{looks}>{escaped}</text>\n",
        y + 13.5
    ));
}
