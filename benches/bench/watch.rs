//! The live view in a terminal of 120 by 40: its first frame on a large history, and what ten thousand events a second cost it.

use std::{
    fs,
    io::{Read, Write},
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    event::{Draft, EventType},
    history::{Entry, Options, Writer},
};
use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use super::{
    growth::SIZES,
    recording::{fill, plain},
    times::Times,
};

const SIZE: PtySize = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
const ROUNDS: usize = 20;
const A_SECOND: usize = 10_000;
const SECONDS: usize = 10;
/// Events of one transaction.
const BATCH: usize = 100;
const LIMIT: Duration = Duration::from_secs(30);

pub fn watch() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [small, large] = ["small.db", "large.db"].map(|name| Options::new(folder.path().join(name)));
    fill(&small, 1000);
    fill(&large, SIZES[1]);
    let [mut floor, mut first, mut ours] = [Times::default(), Times::default(), Times::default()];
    for _ in 0..ROUNDS {
        floor.measure(|| Terminal::start(&large.path, "--version").until(|text| text.contains("ai-coder-events")));
        first.measure(|| Terminal::start(&small.path, "watch").until(is_whole));
        ours.measure(|| Terminal::start(&large.path, "watch").until(is_whole));
    }
    println!("first frame on {} events: {ours}; on a thousand {first}; `--version` in the same terminal {floor}", SIZES[1]);
    println!("  {:.2} x the thousand's, {:.1} x `--version`", ours.p50() / first.p50(), ours.p50() / floor.p50());
    load(&large);
}

/// Coders, sums and events are there.
fn is_whole(text: &str) -> bool {
    text.contains("iB") && text.contains("following") && text.lines().filter(|line| !line.trim().is_empty()).count() > 30
}

/// Ten thousand events a second beside it.
fn load(options: &Options) {
    let terminal = Terminal::start(&options.path, "watch");
    terminal.see(is_whole);
    thread::sleep(Duration::from_secs(1));
    let pid = terminal.child.process_id().expect("it runs");
    let (cpu, held, written) = (cpu_seconds(pid), held_kib(pid), terminal.written());
    let mut writer = Writer::new(options);
    let begun = Instant::now();
    let mut most = held;
    for batch in 0..A_SECOND * SECONDS / BATCH {
        let drafts = (0..BATCH).map(|n| Entry::from(plain(batch * BATCH + n))).collect();
        writer.append(drafts).expect("the bench's history can be written");
        let due = Duration::from_secs_f64((batch + 1) as f64 * BATCH as f64 / A_SECOND as f64);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        most = most.max(held_kib(pid));
    }
    let took = begun.elapsed();
    writer.append(vec![Draft::new(EventType::Started, "the-last-one").into()]).expect("the bench's history can be written");
    let begun = Instant::now();
    terminal.see(|text| text.contains("the-last-one"));
    let late = begun.elapsed();
    let now = terminal.written();
    let seconds = took.as_secs_f64();
    println!(
        "{A_SECOND} events a second asked for, {:.0} had: {:.1} frames a second, {:.0} KiB a second to the terminal, {:.0} % of a core; \
         the last one on the screen after {:.0} ms",
        (A_SECOND * SECONDS) as f64 / seconds,
        (now.0 - written.0) as f64 / seconds,
        (now.1 - written.1) as f64 / seconds / 1024.0,
        (cpu_seconds(pid) - cpu) / seconds * 100.0,
        late.as_secs_f64() * 1e3,
    );
    println!("  resident before {:.1} MiB, at most {:.1} MiB", held as f64 / 1024.0, most as f64 / 1024.0);
}

/// A terminal, what runs in it, and what it shows.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    parser: vt100::Parser,
    frames: usize,
    bytes: usize,
}

/// How a frame begins: <https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036>
const FRAME: &[u8] = b"\x1b[?2026h";

impl Terminal {
    fn start(db: &Path, word: &str) -> Terminal {
        let pair = native_pty_system().openpty(SIZE).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ai-coder-events"));
        command.args(["--db", db.to_str().expect("a path in UTF-8"), word]);
        // `NO_COLOR`, say, would make the frames smaller.
        command.env_clear();
        for (name, value) in [("HOME", db.parent().expect("a folder").as_os_str()), ("PATH", "/usr/bin:/bin".as_ref())] {
            command.env(name, value);
        }
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("starts");
        let (keys, mut reader) =
            (pair.master.take_writer().expect("a terminal"), pair.master.try_clone_reader().expect("a terminal"));
        let [rows, columns] = [SIZE.rows, SIZE.cols].map(|cells| NonZero::new(cells).expect("not zero"));
        let shown = Arc::new(Mutex::new(Shown { parser: vt100::Parser::new(rows, columns, 0), frames: 0, bytes: 0 }));
        let showing = Arc::clone(&shown);
        thread::spawn(move || {
            let _terminal = pair;
            let mut chunk = [0; 65536];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                let mut shown = showing.lock().expect("nobody panicked");
                shown.parser.process(&chunk[..length]);
                shown.frames += chunk[..length].windows(FRAME.len()).filter(|bytes| *bytes == FRAME).count();
                shown.bytes += length;
            }
        });
        Terminal { child, keys, shown }
    }

    fn see(&self, is_there: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let text = self.shown.lock().expect("nobody panicked").parser.screen().contents();
            if is_there(&text) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "it never came:\n{text}");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Handed back, so that its end is not measured: whoever drops it waits for that.
    fn until(self, is_there: impl Fn(&str) -> bool) -> Terminal {
        self.see(is_there);
        self
    }

    /// Frames and bytes so far.
    fn written(&self) -> (usize, usize) {
        let shown = self.shown.lock().expect("nobody panicked");
        (shown.frames, shown.bytes)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.keys.write_all(b"q"));
        let begun = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && begun.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Of both kinds, as Linux counts them.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn held_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
