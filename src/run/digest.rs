//! What passed through becomes drafts: output events, and what an agent's JSON on stdout says. On a thread of its own.
//!
//! The threads that copy hand over what they copied through a bounded queue; where it is full, they count what is missing.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{stdio, termios::tcgetwinsize};

use crate::{
    event::{Body, DataKey, Draft, EventType},
    source::{HookContext, Stream},
    text::{self, KeyGuard, LineSplitter, Redactor},
};

use super::{
    coder::{RunCoder, now},
    full_screen::{self, FullScreen, SeenScreen},
    output::{OutputGatherer, OutputPiece, Suppressed, guarded},
    recorder::DraftSink,
};

/// Chunks of at most 64 KiB that may wait.
const WAITING_MAX: usize = 128;
/// The end of output is kept for what a failure says: some twenty lines, even where each is coloured.
const TAIL_BYTES: usize = 16 << 10;
const TAIL_LINES: usize = 20;
const TAIL_CHARS: usize = 4_000;
/// Agents put whole files into one line of JSON.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Nothing is due for this long.
const IDLE: Duration = Duration::from_secs(3600);

/// The stream it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputOrigin {
    Stdout,
    Stderr,
    /// Both, where they are one stream.
    Both,
    /// Both, as a terminal shows them.
    Terminal,
}

impl OutputOrigin {
    const fn name(self) -> &'static str {
        match self {
            OutputOrigin::Stdout | OutputOrigin::Both => "stdout",
            OutputOrigin::Stderr => "stderr",
            OutputOrigin::Terminal => "terminal",
        }
    }
}

/// Says that nobody reads a stream, and why.
pub(super) fn unread(coder: &RunCoder, from: OutputOrigin, why: &str) -> Draft {
    let mut draft = coder.draft(EventType::Output);
    if let Body::Progress(fields) = &mut draft.body {
        fields.stream = Some(from.name().to_owned());
        fields.description = Some(format!("{} is not recorded: {why}", from.name()));
    }
    draft
}

enum DigestMessage {
    Passed {
        from: OutputOrigin,
        bytes: Vec<u8>,
        /// What passed unseen just before.
        lost: Suppressed,
    },
    End,
}

/// Where a copying thread leaves what it copied.
pub(super) struct Tap {
    from: OutputOrigin,
    notes: SyncSender<DigestMessage>,
    lost: Suppressed,
}

impl Tap {
    /// Never waits.
    pub fn take(&mut self, bytes: &[u8]) {
        let note = DigestMessage::Passed { from: self.from, bytes: bytes.to_vec(), lost: self.lost };
        match self.notes.try_send(note) {
            Ok(()) => self.lost = Suppressed::default(),
            Err(TrySendError::Full(_)) => self.lost.count(bytes),
            // The digest has ended: nobody is left to count for.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Drop for Tap {
    /// The stream has ended: nothing is held up by waiting for the digest now.
    fn drop(&mut self) {
        if self.lost != Suppressed::default() {
            drop(self.notes.send(DigestMessage::Passed { from: self.from, bytes: Vec::new(), lost: self.lost }));
        }
    }
}

pub(super) struct Digest {
    notes: SyncSender<DigestMessage>,
    thread: Option<JoinHandle<String>>,
}

impl Digest {
    /// `stream`: where an agent's JSON lines are looked for on stdout.
    pub fn start(coder: RunCoder, stream: Option<&HookContext>, record: DraftSink) -> Digest {
        let (notes, passed) = mpsc::sync_channel(WAITING_MAX);
        let agent = stream.map(Stream::new);
        let thread = thread::Builder::new().name("digest".into()).spawn(move || {
            let streams =
                [OutputOrigin::Stdout, OutputOrigin::Stderr, OutputOrigin::Both, OutputOrigin::Terminal].map(StreamDigest::new);
            Digesting { coder, record, agent, streams }.run(&passed)
        });
        if let Err(error) = &thread {
            tracing::warn!("output is not recorded: failed to start a thread: {error}");
        }
        Digest { notes, thread: thread.ok() }
    }

    pub fn tap(&self, from: OutputOrigin) -> Tap {
        Tap { from, notes: self.notes.clone(), lost: Suppressed::default() }
    }

    /// Records what is left; the last lines of stderr, or of the terminal.
    pub fn finish(self) -> String {
        let Some(thread) = self.thread else { return String::new() };
        // Where the digest is gone already, its thread says so below.
        drop(self.notes.send(DigestMessage::End));
        thread.join().unwrap_or_default()
    }
}

/// One stream as far as it came.
struct StreamDigest {
    from: OutputOrigin,
    output: OutputGatherer,
    /// Of a program that has the whole of it.
    screen: Option<FullScreen>,
    lines: LineSplitter,
    tail: Vec<u8>,
    /// Has seen what came before `tail`.
    tail_guard: KeyGuard,
}

impl StreamDigest {
    fn new(from: OutputOrigin) -> StreamDigest {
        let output = OutputGatherer::new(now());
        let lines = LineSplitter::new(LINE_BYTES_MAX, 0);
        StreamDigest { from, output, screen: None, lines, tail: Vec::new(), tail_guard: KeyGuard::default() }
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        let dropped: Vec<u8> = self.tail.drain(..excess).collect();
        guarded(&mut self.tail_guard, &dropped);
    }

    /// Its last lines, as text.
    fn last_lines(&mut self) -> String {
        // The first line was cut where the tail is full.
        let cut = match self.tail.iter().position(|&byte| byte == b'\n') {
            Some(end) if self.tail.len() == TAIL_BYTES && end + 1 < self.tail.len() => end + 1,
            _ => 0,
        };
        let (begun, whole) = self.tail.split_at(cut);
        guarded(&mut self.tail_guard, begun);
        let text = guarded(&mut self.tail_guard, whole);
        let text = Redactor::default().redact(&text);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let mut left = TAIL_CHARS;
        let fits = |line: &&&str| {
            left = left.saturating_sub(line.chars().count() + 1);
            left > 0
        };
        let last = lines.iter().rev().take(TAIL_LINES).take_while(fits).count().max(1).min(lines.len());
        text::cut(&lines[lines.len() - last..].join("\n"), TAIL_CHARS).into_owned()
    }
}

struct Digesting {
    coder: RunCoder,
    record: DraftSink,
    agent: Option<Stream>,
    streams: [StreamDigest; 4],
}

impl Digesting {
    fn run(mut self, notes: &Receiver<DigestMessage>) -> String {
        loop {
            match notes.recv_timeout(self.patience()) {
                Ok(DigestMessage::Passed { from, bytes, lost }) => self.take(from, &bytes, lost),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(DigestMessage::End) | Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            let now = now();
            for at in 0..self.streams.len() {
                let said = self.streams[at].output.tick(now);
                self.say(at, said);
                let seen = self.streams[at].screen.as_mut().and_then(|screen| screen.tick(now));
                self.show(at, seen);
            }
        }
    }

    fn patience(&self) -> Duration {
        let due = self.streams.iter().filter_map(|stream| stream.output.due()).min();
        let seen = self.streams.iter().filter_map(|stream| stream.screen.as_ref()?.due()).min();
        let due = due.into_iter().chain(seen).min();
        due.map_or(IDLE, |due| Duration::from_micros(due.since(now()).try_into().unwrap_or(0)))
    }

    fn take(&mut self, from: OutputOrigin, bytes: &[u8], lost: Suppressed) {
        let at = self.streams.iter().position(|stream| stream.from == from).unwrap_or_default();
        let mut bytes = bytes;
        while let Some(rest) = self.draw(at, bytes) {
            bytes = rest;
        }
        // A failure tells of the others.
        if from != OutputOrigin::Stdout {
            self.streams[at].keep_tail(bytes);
        }
        if from != OutputOrigin::Stderr {
            self.read_lines(at, bytes, lost);
            if self.is_agents() {
                self.streams[at].output.forget();
                return;
            }
        }
        let now = now();
        let output = &mut self.streams[at].output;
        if lost != Suppressed::default() {
            output.lost(lost, now);
        }
        let said = output.take(bytes, now);
        self.say(at, said);
    }

    /// What draws a whole screen is no text; what is left of `bytes`, where something of them was.
    fn draw<'b>(&mut self, at: usize, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let now = now();
        let stream = &mut self.streams[at];
        let Some(screen) = &mut stream.screen else {
            let at_screen = full_screen::begins(bytes)?;
            let mut said = stream.output.take(&bytes[..at_screen], now);
            said.extend(stream.output.end(now));
            stream.screen = Some(FullScreen::new(size_of_ours()));
            self.say(at, said);
            return Some(&bytes[at_screen..]);
        };
        if bytes.is_empty() {
            return None;
        }
        let Some(taken) = screen.take(bytes, now) else { return Some(&[]) };
        let seen = screen.look();
        stream.screen = None;
        self.show(at, seen);
        Some(&bytes[taken..])
    }

    fn show(&self, at: usize, seen: Option<SeenScreen>) {
        let Some(SeenScreen { text, drawn: Suppressed { bytes, lines } }) = seen else { return };
        let mut draft = self.coder.draft(EventType::Output);
        draft = draft.with(DataKey::SuppressedBytes, bytes).with(DataKey::SuppressedLines, lines);
        if let Body::Progress(fields) = &mut draft.body {
            fields.stream = Some(self.streams[at].from.name().to_owned());
            fields.text = Some(guarded(&mut KeyGuard::default(), text.as_bytes()));
            fields.description = Some(format!("the screen, which {bytes} bytes drew"));
        }
        self.record.record(draft);
    }

    fn read_lines(&mut self, at: usize, bytes: &[u8], lost: Suppressed) {
        let Some(agent) = &mut self.agent else { return };
        let lines = &mut self.streams[at].lines;
        if lost != Suppressed::default() {
            lines.break_off();
        }
        lines.each_line(bytes, |line| {
            if line.is_whole {
                agent.line(line.text).into_iter().for_each(|draft| self.record.record(draft));
            }
        });
    }

    /// Its JSON is not recorded twice, as output too.
    fn is_agents(&self) -> bool {
        self.agent.as_ref().is_some_and(Stream::is_known)
    }

    fn say(&self, at: usize, said: Vec<OutputPiece>) {
        for said in said {
            let mut draft = self.coder.draft(EventType::Output);
            let stream = self.streams[at].from.name();
            let (text, description) = match said {
                OutputPiece::Text(text) => (Some(text), None),
                OutputPiece::Suppressed(Suppressed { bytes, lines }) => {
                    draft = draft.with(DataKey::SuppressedBytes, bytes).with(DataKey::SuppressedLines, lines);
                    (None, Some(format!("suppressed {bytes} bytes of {stream} in {lines} lines")))
                }
            };
            if let Body::Progress(fields) = &mut draft.body {
                fields.stream = Some(stream.to_owned());
                fields.text = text;
                fields.description = description;
            }
            self.record.record(draft);
        }
    }

    fn end(mut self) -> String {
        if let Some(agent) = &mut self.agent {
            // A last line may lack its newline.
            let last = self.streams.iter().map(|stream| stream.lines.line()).filter(|line| line.is_whole && line.bytes > 0);
            let last = last.flat_map(|line| agent.line(line.text)).collect::<Vec<Draft>>();
            last.into_iter().chain(agent.end()).for_each(|draft| self.record.record(draft));
        }
        for at in 0..self.streams.len() {
            if self.is_agents() && self.streams[at].from != OutputOrigin::Stderr {
                self.streams[at].output.forget();
            }
            let said = self.streams[at].output.end(now());
            self.say(at, said);
            let seen = self.streams[at].screen.as_mut().and_then(FullScreen::look);
            self.show(at, seen);
        }
        let mut said =
            |from: OutputOrigin| self.streams.iter_mut().find(|stream| stream.from == from).map(StreamDigest::last_lines);
        let stderr = said(OutputOrigin::Stderr).filter(|tail| !tail.is_empty());
        let both = stderr.or_else(|| said(OutputOrigin::Both).filter(|tail| !tail.is_empty()));
        both.or_else(|| said(OutputOrigin::Terminal)).unwrap_or_default()
    }
}

/// Rows and columns, as a program that asks finds them.
fn size_of_ours() -> (u16, u16) {
    let asked = [stdio::stdout(), stdio::stderr()].into_iter().find_map(|ours| tcgetwinsize(ours).ok());
    asked.map_or((24, 80), |size| (size.ws_row, size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_without_colours() {
        let check = |bytes: &[u8], expected: &str| {
            let mut passed = StreamDigest::new(OutputOrigin::Stderr);
            bytes.chunks(100).for_each(|chunk| passed.keep_tail(chunk));
            assert_eq!(passed.last_lines(), expected);
        };
        check(b"", "");
        check(b"\x1b[31merror\x1b[0m: no\n\n", "error: no");
        let many: String = (0..30).map(|n| format!("line {n}\n")).collect();
        let last: Vec<String> = (10..30).map(|n| format!("line {n}")).collect();
        check(many.as_bytes(), &last.join("\n"));
        let long = format!("{}\nlast\n", "x".repeat(TAIL_BYTES));
        check(long.as_bytes(), "last");
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(60));
        check(format!("x\n{key}-----END PRIVATE KEY-----\nbye\n").as_bytes(), "x\n[redacted: private key]\nbye");
        // It began, or ended, before what is kept.
        let long = key.clone() + &"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(TAIL_BYTES / 33);
        check(long.as_bytes(), "[redacted: private key]");
        check(format!("{long}-----END PRIVATE KEY-----\nbye\n").as_bytes(), "[redacted: private key]\nbye");
        let ended = format!("{key}-----END PRIVATE KEY-----\n{}\nbye\n", "x".repeat(TAIL_BYTES));
        check(ended.as_bytes(), "bye");
        let wide = format!("{}\n{}\n", "x".repeat(3_000), "y".repeat(3_000));
        check(wide.as_bytes(), &"y".repeat(3_000));
    }
}
