//! What wakes readers: publishing is appending, a subscription is a cursor.
//!
//! The history is the bus's memory and the bus is only a bell. A subscription reads what lies after its cursor, then waits
//! until something new was committed, by this process or another. Replay, live tail, slow readers and other processes are
//! therefore one code path:
//!
//! ```text
//! publish ─▶ queue ─▶ writer thread ─▶ history (one transaction a group) ─▶ answers
//!                                         │ poke (this process) · bell file (others) · twice a second
//!                                         ▼
//!                                   tail thread: decodes each event once ─▶ ring ─▶ calls whom it concerns
//!                                                                            ▼
//!                            subscription: from the ring where its cursor lies in it, else from the history
//! ```
//!
//! It promises: an answer to `publish` comes after the commit; a subscriber gets every retained event after its cursor
//! once and in order, however slow it is, and is told where retention was faster; an idle subscriber costs nothing, however
//! many there are; a handler's panic ends that handler alone; shutdown commits what was accepted.
//!
//! It refuses to know what events mean, and how they are stored.

mod error;
mod handler;
mod live;
mod publish;
mod readers;
mod ring;
mod subscription;
mod tail;
#[cfg(test)]
mod tests;
mod waiters;
mod wakeup;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    event::Event,
    filter::Filter,
    history::{self, Entry, Missed, Options, Outcome, Reader, Writer},
};

pub use self::{error::Error, handler::Handler, subscription::Subscription};
use self::{publish::Publisher, readers::Readers, tail::Tail};

/// What a process has of the history; one is enough, clones share it.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use ai_coder_events::{bus::{Begin, Bus, Delivery}, event::{Draft, EventType}, filter::Filter, history::{Entry, Options}};
///
/// let bus = Bus::new(Options::new(folder.path().join("history.db")));
/// let mut subscription = bus.subscribe(Filter::coder("fix-auth"), Begin::Now);
/// bus.publish(vec![Entry::from(Draft::new(EventType::Started, "fix-auth"))]).await.unwrap();
///
/// let delivery = subscription.next().await.unwrap().unwrap();
/// assert!(matches!(delivery, Delivery::Event(event) if event.kind == EventType::Started));
/// bus.shutdown().await;
/// assert!(subscription.next().await.is_none());
/// # });
/// ```
#[derive(Clone)]
pub struct Bus {
    rooms: Arc<Rooms>,
}

struct Rooms {
    options: Options,
    publisher: Publisher,
    readers: Arc<Readers>,
    tail: Arc<Tail>,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After the newest event at the time of [`Bus::subscribe`].
    Now,
    /// After this seq; 0 is the beginning.
    After(u64),
}

/// What a subscription hands out.
#[derive(Clone, Debug)]
pub enum Delivery {
    Event(Arc<Event>),
    /// Retention was faster than this reader: of what lay here, all but what it keeps is gone.
    Missed(Missed),
    /// Another history has taken the place of the one that was followed: what comes next is that one's, from its beginning.
    Replaced,
}

impl Bus {
    /// Opens nothing and starts nothing yet. Its other methods need a tokio runtime around them; one thread is enough.
    pub fn new(options: Options) -> Bus {
        let bell = Some(options.bell_path());
        Bus::with_bell(options, bell)
    }

    fn with_bell(options: Options, bell: Option<std::path::PathBuf>) -> Bus {
        let tail = Arc::new(Tail::new(options.clone(), bell));
        let readers = Arc::new(Readers::new(options.clone()));
        let publisher = Publisher::new(options.clone(), Arc::clone(&tail));
        Bus { rooms: Arc::new(Rooms { options, publisher, readers, tail }) }
    }

    /// Appends, and answers after the commit, an outcome for each entry. Callers at the same time share a transaction; where
    /// too much waits already, this waits too. A call given up while it waits for the answer may still be committed.
    ///
    /// # Errors
    /// Why nothing of `entries` was appended.
    pub async fn publish(&self, entries: Vec<Entry>) -> Result<Vec<Outcome>, Error> {
        self.rooms.publisher.publish(entries).await
    }

    /// Runs `read` with a reading handle, away from the runtime's own thread.
    ///
    /// # Errors
    /// What `read` returned, or that it panicked.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.rooms.readers.read(read).await
    }

    /// The same for what reads only a few rows by their keys, such as one coder's state: mostly without leaving the thread.
    ///
    /// # Errors
    /// As [`Bus::read`].
    pub async fn read_few<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.rooms.readers.read_few(read).await
    }

    /// Runs `write` with a writing handle of its own, away from the runtime's own thread: for the little that is no event.
    ///
    /// # Errors
    /// What `write` returned, or that it panicked.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Writer) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let options = self.rooms.options.clone();
        let writing = tokio::task::spawn_blocking(move || {
            catch_unwind(AssertUnwindSafe(|| write(&mut Writer::new(&options))))
                .map_err(|payload| Error::panicked("a write", &*payload))?
                .map_err(Error::from)
        });
        writing.await.unwrap_or(Err(Error::Closed))
    }

    /// A cursor that follows. [`Begin::Now`] looks up the head on the calling thread, so that what this caller publishes next
    /// is delivered; where that fails, the first [`Subscription::next`] tries again.
    pub fn subscribe(&self, filter: Filter, begin: Begin) -> Subscription {
        Subscription::new(Arc::clone(&self.rooms.tail), Arc::clone(&self.rooms.readers), filter, begin)
    }

    /// Calls `handler` with each event in order, in a task of its own; a panic is logged and ends only this handler. Dropping
    /// the guard unsubscribes.
    pub fn handle(&self, filter: Filter, begin: Begin, handler: impl FnMut(Arc<Event>) + Send + 'static) -> Handler {
        Handler::start(self.subscribe(filter, begin), handler)
    }

    /// Commits what was accepted, refuses what comes later, and ends subscriptions once they delivered what is committed.
    pub async fn shutdown(&self) {
        self.rooms.publisher.close().await;
        self.rooms.tail.close().await;
        self.rooms.readers.close_idle();
    }

    /// Has the tail look at once, for those who wrote past the bus.
    pub(crate) fn poke(&self) {
        self.rooms.tail.poke();
    }
}
