//! The one writer of a process: callers queue, a thread commits what waits as one transaction and answers each.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::history::{CheckedEntry, Entry, Options, Outcome, Writer};

use super::{Error, tail::Tail};

/// Entries accepted and not yet answered; whoever comes with more waits. Four full groups, so that the thread never idles.
const QUEUE_ENTRIES_MAX: usize = 4096;
/// Entries a transaction is filled up to: from about here on larger ones are no faster.
const GROUP_ENTRIES_MAX: usize = 1024;

pub(super) struct Publisher {
    options: Options,
    tail: Arc<Tail>,
    queue: Arc<Queue>,
    /// One permit an entry.
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    came: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Request>,
    closed: bool,
    /// The writer thread's, once it runs; it closes when the thread has ended.
    thread: Option<watch::Receiver<()>>,
}

struct Request {
    entries: Vec<CheckedEntry>,
    answer: oneshot::Sender<Result<Vec<Outcome>, Error>>,
    room: OwnedSemaphorePermit,
}

impl Publisher {
    pub(super) fn new(options: Options, tail: Arc<Tail>) -> Publisher {
        Publisher { options, tail, queue: Arc::default(), room: Arc::new(Semaphore::new(QUEUE_ENTRIES_MAX)) }
    }

    pub(super) async fn publish(&self, entries: Vec<Entry>) -> Result<Vec<Outcome>, Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        // Here, where callers do not wait for each other.
        let check = || entries.into_iter().map(|entry| entry.check(&self.options)).collect();
        let entries: Vec<CheckedEntry> =
            catch_unwind(AssertUnwindSafe(check)).map_err(|payload| Error::panicked("the check", &*payload))?;
        // More than the whole queue at once waits until it is alone.
        let places = u32::try_from(entries.len().min(QUEUE_ENTRIES_MAX)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(places).await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        self.accept(Request { entries, answer, room })?;
        answered.await.unwrap_or(Err(Error::Closed))
    }

    /// What is in the queue when it closes is committed; this is where a call before or after shutdown is told apart.
    fn accept(&self, request: Request) -> Result<(), Error> {
        let mut state = self.queue.state();
        if state.closed {
            return Err(Error::Closed);
        }
        if state.thread.is_none() {
            state.thread = Some(self.start()?);
        }
        state.waiting.push_back(request);
        drop(state);
        self.queue.came.notify_one();
        Ok(())
    }

    fn start(&self) -> Result<watch::Receiver<()>, Error> {
        let (running, ended) = watch::channel(());
        let (queue, options, tail) = (Arc::clone(&self.queue), self.options.clone(), Arc::clone(&self.tail));
        let started = thread::Builder::new().name("bus-writer".into()).spawn(move || {
            write(&queue, &options, &tail);
            drop(running);
        });
        started.map_err(|error| Error::Thread(Arc::new(error)))?;
        Ok(ended)
    }

    /// Refuses what comes, and returns when everything accepted is answered and the thread has ended.
    pub(super) async fn close(&self) {
        let thread = self.close_queue();
        if let Some(mut ended) = thread {
            while ended.changed().await.is_ok() {}
        }
    }

    /// How many entries are not answered yet.
    #[cfg(test)]
    pub(super) fn accepted_entries(&self) -> usize {
        QUEUE_ENTRIES_MAX - self.room.available_permits()
    }

    fn close_queue(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.queue.state();
        state.closed = true;
        let thread = state.thread.clone();
        drop(state);
        self.room.close();
        self.queue.came.notify_one();
        thread
    }
}

/// Without a shutdown, too, the thread commits what was accepted and ends.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.close_queue();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for requests and takes what fits a transaction; `None` when closed and empty.
    fn next_group(&self) -> Option<Vec<Request>> {
        let idle = |state: &mut QueueState| state.waiting.is_empty() && !state.closed;
        let mut state = self.came.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut entries) = (Vec::new(), 0);
        while entries < GROUP_ENTRIES_MAX
            && let Some(request) = state.waiting.pop_front()
        {
            entries += request.entries.len();
            group.push(request);
        }
        (!group.is_empty()).then_some(group)
    }
}

/// The thread: ends when the queue is closed and empty.
fn write(queue: &Queue, options: &Options, tail: &Tail) {
    let mut writer = Writer::new(options);
    while let Some(mut group) = queue.next_group() {
        let shares: Vec<usize> = group.iter().map(|request| request.entries.len()).collect();
        let entries: Vec<CheckedEntry> = group.iter_mut().flat_map(|request| std::mem::take(&mut request.entries)).collect();
        let answer = match catch_unwind(AssertUnwindSafe(|| writer.append_checked(entries))) {
            // First the readers: whoever waits for an answer has a thread of its own to wake.
            Ok(Ok(appended)) => {
                tail.hear(appended.events, &appended.history);
                Ok(appended.outcomes)
            }
            Ok(Err(error)) => {
                // Committed perhaps, although that could not be told.
                tail.poke();
                Err(error.into())
            }
            Err(payload) => {
                // Its connection may be in the middle of anything.
                writer = Writer::new(options);
                tail.poke();
                Err(Error::panicked("the writer", &*payload))
            }
        };
        share_out(group, &shares, answer);
    }
}

/// Gives each caller its part of the outcomes; an error is everyone's.
fn share_out(group: Vec<Request>, shares: &[usize], answer: Result<Vec<Outcome>, Error>) {
    let mut outcomes = answer.map(Vec::into_iter);
    for (request, &share) in group.into_iter().zip(shares) {
        let part = match &mut outcomes {
            Ok(outcomes) => Ok(outcomes.take(share).collect()),
            Err(error) => Err(error.clone()),
        };
        // Whoever is answered finds the queue as it then is.
        drop(request.room);
        if request.answer.send(part).is_err() {
            tracing::trace!("a caller no longer waits for its {share} outcomes");
        }
    }
}
