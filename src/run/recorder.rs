//! The one writer of a run: takes drafts from every thread, never makes one wait, and commits them in batches.
//!
//! What the history does not take in time is spooled; what cannot even be spooled is gone, as nobody may be told but the
//! history itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    event::{Draft, EventType},
    history::{self, Entry, Rejection, Writer},
};

/// Drafts that may wait to be written; more are shed, but for the steps of life. At the rate that output is held to, minutes.
const WAITING_MAX: usize = 16_384;
/// Drafts a transaction.
const BATCH_MAX: usize = 512;
/// One commit takes what comes within this.
const GATHERING: Duration = Duration::from_millis(20);
/// The same while the history refuses: each batch becomes a file in the spool.
const GATHERING_REFUSED: Duration = Duration::from_secs(1);
/// How long a commit waits for writers elsewhere: their worst wait under saturation was measured at 340 ms.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a run's end waits for what is left: one batch that is being written, and the last.
const FINISHING: Duration = Duration::from_secs(3);
/// How long a stop waits for its own event.
const FLUSHING: Duration = Duration::from_millis(200);

enum RecorderMessage {
    Draft(Box<Draft>),
    /// Answered once everything before it was written.
    Flush(SyncSender<()>),
    End,
}

/// A door to the recorder for another thread.
#[derive(Clone)]
pub(super) struct DraftSink {
    notes: Sender<RecorderMessage>,
    waiting: Arc<AtomicUsize>,
    shed: Arc<AtomicUsize>,
}

pub(super) struct Recorder {
    record: DraftSink,
    ended: Receiver<()>,
}

impl DraftSink {
    /// Never waits.
    pub fn record(&self, draft: Draft) {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting >= WAITING_MAX && !is_step(draft.kind) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.shed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // A recorder that is gone takes nothing more; the command must not notice.
        drop(self.notes.send(RecorderMessage::Draft(Box::new(draft))));
    }
}

impl Recorder {
    /// Without a history everything is taken and forgotten.
    pub fn start(history: Option<&history::Options>) -> Recorder {
        let (notes, waiting_notes) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        let record = DraftSink { notes, waiting: Arc::default(), shed: Arc::default() };
        let writing = history.map(|options| Writing {
            writer: Writer::new(options).with_patience(PATIENCE),
            waiting: Arc::clone(&record.waiting),
            shed: Arc::clone(&record.shed),
            refused: false,
        });
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || {
            if let Some(mut writing) = writing {
                writing.run(&waiting_notes);
            }
            drop(ending);
        });
        if let Err(error) = thread {
            tracing::warn!("nothing is recorded: failed to start a thread: {error}");
        }
        Recorder { record, ended }
    }

    pub fn sink(&self) -> DraftSink {
        self.record.clone()
    }

    pub fn record(&self, draft: Draft) {
        self.record.record(draft);
    }

    pub fn record_all(&self, drafts: Vec<Draft>) {
        drafts.into_iter().for_each(|draft| self.record(draft));
    }

    /// Waits a moment for what was recorded so far to be written.
    pub fn flush(&self) {
        let (written, answer) = mpsc::sync_channel(1);
        if self.record.notes.send(RecorderMessage::Flush(written)).is_ok() {
            // Late or never, the caller goes on.
            answer.recv_timeout(FLUSHING).unwrap_or_default();
        }
    }

    /// Writes what is left, within a bounded time.
    pub fn finish(self) {
        if self.record.notes.send(RecorderMessage::End).is_ok()
            && self.ended.recv_timeout(FINISHING) == Err(RecvTimeoutError::Timeout)
        {
            tracing::warn!("the history did not take the last events in time");
        }
    }
}

/// Steps of life are few, and without them a coder's state would be wrong.
fn is_step(kind: EventType) -> bool {
    kind.family() == crate::event::Family::Lifecycle
}

struct Writing {
    writer: Writer,
    waiting: Arc<AtomicUsize>,
    shed: Arc<AtomicUsize>,
    refused: bool,
}

/// A batch, and what ended it.
struct DraftBatch {
    entries: Vec<Entry>,
    flushed: Option<SyncSender<()>>,
    is_last: bool,
}

impl Writing {
    fn run(&mut self, notes: &Receiver<RecorderMessage>) {
        loop {
            let DraftBatch { mut entries, flushed, is_last } = self.gather(notes);
            self.waiting.fetch_sub(entries.len(), Ordering::Relaxed);
            entries.extend(self.told_of_shed());
            self.write(entries);
            if let Some(written) = flushed {
                // Whoever waited may have gone on.
                written.try_send(()).unwrap_or_default();
            }
            if is_last {
                return;
            }
        }
    }

    fn gather(&self, notes: &Receiver<RecorderMessage>) -> DraftBatch {
        let mut batch = DraftBatch { entries: Vec::new(), flushed: None, is_last: false };
        let mut deadline = None;
        while batch.entries.len() < BATCH_MAX {
            let note = match deadline {
                None => notes.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => notes.recv_timeout(Instant::saturating_duration_since(&deadline, Instant::now())),
            };
            match note {
                Ok(RecorderMessage::Draft(draft)) => batch.entries.push(Entry::Draft(draft)),
                Ok(RecorderMessage::Flush(written)) => {
                    batch.flushed = Some(written);
                    break;
                }
                Ok(RecorderMessage::End) | Err(RecvTimeoutError::Disconnected) => {
                    batch.is_last = true;
                    break;
                }
                Err(RecvTimeoutError::Timeout) => break,
            }
            let gathering = if self.refused { GATHERING_REFUSED } else { GATHERING };
            deadline.get_or_insert_with(|| Instant::now() + gathering);
        }
        batch
    }

    fn told_of_shed(&self) -> Option<Entry> {
        let shed = self.shed.swap(0, Ordering::Relaxed);
        let reason = format!("{shed} events came faster than the history took them and are lost");
        (shed > 0).then(|| Rejection { source: "run".into(), reason, input: String::new() }.into())
    }

    fn write(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let written = self.writer.append_or_spool(entries, |_| {});
        self.refused = !matches!(written, Ok(true));
        if let Err(lost) = written {
            tracing::warn!("events of the run are lost: {}", lost.source);
        }
    }
}
