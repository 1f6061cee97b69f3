//! The one tail reader of a process: it waits for the bell, reads what is new once, and calls whom it concerns.
//!
//! Its thread starts when a subscription first has to wait and ends some seconds after the last one is gone. It wakes when
//! this process committed, when the bell file was written, and twice a second to ask whether a commit came without either:
//! a lost bell costs half a second, never an event.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    event::Event,
    filter::Filter,
    history::{self, Options, Reader, Version},
    watch_path::{self, PathWatch},
};

use super::{Error, live::Live, wakeup::Wakeup};

/// How late an event may be whose bell was lost. One look costs some 30 µs.
const TICK: Duration = Duration::from_millis(500);
/// Calls that wait come and go; starting a thread and a watch for each would cost more than the ticks in between.
/// Short in tests, which so see it end and start again.
const LINGER: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(10) };
/// Events read at a time; subscribers are called after each page.
const PAGE_EVENTS: usize = 256;

pub(super) struct Tail {
    options: Options,
    /// The file other processes write to after a commit.
    bell: Option<PathBuf>,
    wakeup: Arc<Wakeup>,
    live: Mutex<Live>,
}

impl Tail {
    pub(super) fn new(options: Options, bell: Option<PathBuf>) -> Tail {
        Tail { options, bell, wakeup: Arc::default(), live: Mutex::default() }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        // Nothing that may panic happens under the lock except the caller's filter, which changes nothing.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was committed here.
    pub(super) fn poke(&self) {
        self.wakeup.wake();
    }

    /// This process committed these events. Where the ring ends just before them, nobody has to read them back.
    pub(super) fn hear(&self, events: Vec<Arc<Event>>, history: &str) {
        let Some(first) = events.first().map(|event| event.seq) else { return };
        let mut live = self.live();
        if live.stands_before(first, history) {
            live.hear(events);
        } else {
            drop(live);
            self.poke();
        }
    }

    /// Has a thread running for those who wait.
    pub(super) fn ensure_running(self: &Arc<Self>) -> Result<(), Error> {
        let mut live = self.live();
        if live.tail.is_some() || live.closed {
            return Ok(());
        }
        let (running, ended) = watch::channel(());
        let tail = Arc::clone(self);
        self.wakeup.wake();
        let started = thread::Builder::new().name("bus-tail".into()).spawn(move || {
            tail.run();
            drop(running);
        });
        started.map_err(|error| Error::Thread(Arc::new(error)))?;
        live.tail = Some(ended);
        Ok(())
    }

    /// Ends every wait, and the thread.
    pub(super) async fn close(&self) {
        let ended = {
            let mut live = self.live();
            live.closed = true;
            live.call_all();
            live.tail.clone()
        };
        self.wakeup.wake();
        if let Some(mut ended) = ended {
            while ended.changed().await.is_ok() {}
        }
    }

    fn run(&self) {
        let mut follower = Follower::new(self);
        let mut unused_since: Option<Instant> = None;
        loop {
            self.wakeup.wait(TICK);
            if self.ends(&mut unused_since) {
                return;
            }
            let trouble = match catch_unwind(AssertUnwindSafe(|| follower.catch_up())) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Error::from(error)),
                Err(payload) => Some(Error::panicked("the tail", &*payload)),
            };
            let mut live = self.live();
            let was_in_trouble = std::mem::replace(&mut live.in_trouble, trouble.is_some());
            if let Some(trouble) = trouble {
                live.call_all();
                drop(live);
                if !was_in_trouble {
                    tracing::warn!(error = &trouble as &dyn std::error::Error, "failed to follow the history, trying on");
                }
                follower = Follower::new(self);
            }
        }
    }

    /// Decided under the lock, so that nobody sits down while the thread leaves.
    fn ends(&self, unused_since: &mut Option<Instant>) -> bool {
        let mut live = self.live();
        let unused = live.waiters.is_empty();
        if !unused {
            *unused_since = None;
        }
        let lingered = unused && unused_since.get_or_insert_with(Instant::now).elapsed() >= LINGER;
        let ends = live.closed || lingered;
        if ends {
            live.stand_still();
        }
        ends
    }
}

/// What the thread holds: dropped and made anew where reading failed.
struct Follower<'t> {
    tail: &'t Tail,
    reader: Reader,
    watch: Option<PathWatch>,
    /// The history's version that was read to its end.
    version: Option<Version>,
    /// Whether the ring stands where this has looked.
    began: bool,
}

impl Follower<'_> {
    fn new(tail: &Tail) -> Follower<'_> {
        Follower { tail, reader: Reader::new(&tail.options), watch: None, version: None, began: false }
    }

    fn catch_up(&mut self) -> Result<(), history::Error> {
        // Before the look: what is committed after it rings.
        self.hang_bell();
        // Asked before the events are: what is committed in between is read now, and looked for once more next time.
        let version = self.reader.version()?;
        if self.version == Some(version) {
            return Ok(());
        }
        let before = self.version.unwrap_or_default();
        if before.file != version.file && before != Version::default() {
            // Another history began in the old one's place: its seqs start anew.
            (self.version, self.began) = (None, false);
        }
        if version == Version::default() {
            // Nothing more is asked of a history that does not exist: it could appear between two questions.
            if !self.began {
                self.tail.live().restart(0, String::new());
            }
            (self.version, self.began) = (Some(version), true);
            return Ok(());
        }
        if before.file != version.file {
            let position = self.reader.position()?;
            if self.began {
                // It has just appeared: everything in it is news.
                self.tail.live().history = position.history;
            } else {
                self.tail.live().restart(position.head, position.history);
            }
            self.began = true;
        }
        loop {
            // What this process commits, it tells the ring itself.
            let through = self.tail.live().ring.through();
            let unreadable = self.reader.unreadable();
            let batch = self.reader.after(through, &Filter::default(), PAGE_EVENTS)?;
            if self.reader.unreadable() > unreadable {
                tracing::warn!("events were left out of which nothing can be read: `check --repair` mends that");
            }
            let end = batch.through.max(through);
            let at_end = batch.events.is_empty() && end == through;
            let mut live = self.tail.live();
            let heard = live.ring.through();
            if batch.missed.is_none() {
                live.hear(batch.events.into_iter().filter(|event| event.seq > heard).map(Arc::new).collect());
            } else if heard < end {
                live.skip_to(end);
            }
            if at_end {
                self.version = Some(version);
                return Ok(());
            }
        }
    }

    /// Again where the file has just appeared, or is gone.
    fn hang_bell(&mut self) {
        let Some(bell) = &self.tail.bell else { return };
        if self.watch.as_ref().is_some_and(|watch| !watch.is_stale()) {
            return;
        }
        let wakeup = Arc::clone(&self.tail.wakeup);
        match watch_path::watch(bell, move || wakeup.wake()) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no bell to hear, looking twice a second");
                self.watch = None;
            }
        }
    }
}
