//! `follow`: what happens, as it happens, whoever records it.
//!
//! A reader of any speed sees every event once and in order; where retention may have taken some before it was read, a gap is told.

use std::{io, pin::pin, process::ExitCode};

use ai_coder_events::{
    bus::{self, Begin, Bus, Delivery, Subscription},
    event::Event,
    history::{Missed, Reader},
    story::LiveActs,
};
use anyhow::Context;
use clap::Args;
use futures::FutureExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{
    Invocation, UNREADABLE,
    event_rows::EventRows,
    filter::{DetailFlag, DetailLevel, FilterFlags},
    interrupt::EndSignals,
    print::{Console, json_event, json_line},
    runtime::block_on,
};

/// Print events as they happen
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FollowArgs {
    #[command(flatten)]
    filter: FilterFlags,

    /// Start after this seq, 0 for the beginning [default: now; with --since, then]
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,

    #[command(flatten)]
    detail: DetailFlag,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events follow
  ai-coder-events follow --coder fix-auth --type 'lifecycle.*'
  ai-coder-events follow --since 1h --failed
  ai-coder-events follow --json --after 1042 | jq -r .type

Ctrl-C ends it, with exit code 130.";

/// Events that are there already are written together, up to about this much.
const WRITE_BYTES: usize = 64 * 1024;

impl FollowArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        block_on(self.follow(call))?
    }

    async fn follow(self, call: Invocation) -> anyhow::Result<ExitCode> {
        let console = Console::of_stdout(&call.environment);
        if !call.json {
            console.tell_how_to_begin(&mut Reader::new(&call.config.history));
        }
        let mut reader = Reader::new(&call.config.history);
        let looked_for = self.filter.looked_for();
        let filter = self.filter.into_filter(&mut reader)?;
        let begin = match (self.after, filter.since) {
            (Some(after), _) => Begin::After(after),
            // What is there since then comes first; that retention took others is not asked.
            (None, Some(_)) => Begin::After(reader.position().context(UNREADABLE)?.floor),
            (None, None) => Begin::Now,
        };
        let rows = EventRows::new(console, Reader::new(&call.config.history), looked_for);
        let bus = Bus::new(call.config.history);
        let detail = self.detail.or_default(call.json);
        let mut writing = FollowWriter { json: call.json, detail, rows, live: LiveActs::default(), reader, failed: None };
        let mut subscription = bus.subscribe(filter, begin);
        let mut end = EndSignals::listen()?;
        let mut reader_left = pin!(reader_left());
        let mut out = tokio::io::stdout();
        loop {
            tokio::select! {
                code = end.next() => {
                    bus.shutdown().await;
                    return Ok(ExitCode::from(code));
                }
                () = &mut reader_left => return Ok(ExitCode::SUCCESS),
                lines = writing.lines(&mut subscription) => match lines? {
                    Some(lines) => tokio::select! {
                        code = end.next() => return Ok(ExitCode::from(code)),
                        written = write(&mut out, &lines) => written?,
                    },
                    None => return Ok(ExitCode::SUCCESS),
                },
            }
        }
    }
}

/// Ends when nobody reads stdout any more: `follow | head -1` must not wait for one more event to notice.
#[cfg(target_os = "linux")]
#[expect(deprecated, reason = "unsound only for types that lie about their descriptor; an `OwnedFd` does not")]
async fn reader_left() {
    use std::os::fd::AsFd;
    use tokio::io::{Interest, unix::AsyncFd};

    // A file cannot be watched, and its reader cannot leave.
    let copy = io::stdout().as_fd().try_clone_to_owned();
    let Ok(Ok(stdout)) = copy.map(|copy| AsyncFd::with_interest(copy, Interest::ERROR)) else {
        return std::future::pending().await;
    };
    loop {
        match stdout.ready(Interest::ERROR).await {
            Ok(guard) if guard.ready().is_error() => return,
            Ok(mut guard) => guard.clear_ready(),
            Err(_) => return std::future::pending().await,
        }
    }
}

/// Elsewhere the next write notices.
#[cfg(not(target_os = "linux"))]
async fn reader_left() {
    std::future::pending().await
}

async fn write(out: &mut tokio::io::Stdout, lines: &[u8]) -> io::Result<()> {
    out.write_all(lines).await?;
    out.flush().await
}

/// Deliveries as lines.
struct FollowWriter {
    json: bool,
    detail: DetailLevel,
    rows: EventRows,
    live: LiveActs,
    /// For what a call was that began before this did.
    reader: Reader,
    /// Told once what came before it is written.
    failed: Option<bus::Error>,
}

impl FollowWriter {
    /// Waits for one delivery, and takes the others that are there.
    async fn lines(&mut self, subscription: &mut Subscription) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(failed) = self.failed.take() {
            return Err(failed).context(UNREADABLE);
        }
        let mut lines = Vec::new();
        // What was committed together is told together.
        let mut told: Vec<Event> = Vec::new();
        let mut bytes = 0;
        let mut next = subscription.next().await;
        loop {
            match next {
                Some(Ok(Delivery::Event(event))) if self.folds() => {
                    bytes += event.bytes();
                    let reader = &mut self.reader;
                    // What the subscription reads from tells what is wrong with the history.
                    told.extend(self.live.told(&event, |seq| reader.event(seq).ok().flatten()));
                }
                Some(Ok(delivery)) => {
                    self.rows.write(&mut lines, &std::mem::take(&mut told), self.detail)?;
                    self.write(&mut lines, &delivery)?;
                }
                Some(Err(failed)) if lines.is_empty() && told.is_empty() => return Err(failed).context(UNREADABLE),
                Some(Err(failed)) => {
                    self.failed = Some(failed);
                    break;
                }
                None if lines.is_empty() && told.is_empty() => return Ok(None),
                None => break,
            }
            if lines.len().max(bytes) >= WRITE_BYTES {
                break;
            }
            match subscription.next().now_or_never() {
                Some(ready) => next = ready,
                None => break,
            }
        }
        self.rows.name_coders(&mut told);
        self.rows.write(&mut lines, &told, self.detail)?;
        Ok(Some(lines))
    }

    /// Whether people are told acts, rather than programs every event.
    fn folds(&self) -> bool {
        !self.json && self.detail == DetailLevel::Summary
    }

    fn write(&mut self, out: &mut Vec<u8>, delivery: &Delivery) -> io::Result<()> {
        match delivery {
            Delivery::Event(event) if self.json => json_event(out, event, self.detail, self.rows.looked_for()),
            Delivery::Missed(missed) if self.json => json_line(out, &json!({ "missed": missed })),
            Delivery::Replaced if self.json => json_line(out, &json!({ "replaced": true })),
            Delivery::Replaced => {
                self.rows.remark(out, "(another history took the place of the one before; what it holds, from its beginning)")
            }
            Delivery::Event(event) => self.rows.write(out, [event.as_ref()], self.detail),
            Delivery::Missed(Missed { after, through }) => {
                let gap = format!("(retention may have removed events after {after} up to {through} before they were read)");
                self.rows.remark(out, &gap)
            }
        }
    }
}
