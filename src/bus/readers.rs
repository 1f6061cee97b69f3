//! A few reading handles, lent to closures that run away from the runtime's own thread.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use crate::history::{self, Options, Reader};

use super::Error;

/// Reads at once: enough that a long scan holds up nobody, few enough that a crowd does not open a crowd of connections.
const READS_MAX: usize = 4;

pub(super) struct Readers {
    options: Options,
    idle: Mutex<Vec<Reader>>,
    gate: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(options: Options) -> Readers {
        Readers { options, idle: Mutex::default(), gate: Arc::new(Semaphore::new(READS_MAX)) }
    }

    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.gate).acquire_owned().await.map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            // A caller that gives up frees its place only when the read itself has ended.
            let _place = place;
            readers.read_here(read)
        });
        // It catches panics itself: what is left is a runtime that shuts down.
        reading.await.unwrap_or(Err(Error::Closed))
    }

    /// Reads a few rows by their keys: on the calling thread, where a handle is open and idle. To hand that to
    /// another thread and be called back costs more than reading it does.
    pub(super) async fn read_few<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        // To open a file may take long.
        let is_open = !self.idle().is_empty();
        if is_open { self.read_here(read) } else { self.read(read).await }
    }

    /// Reads on the calling thread. A handle whose read failed or panicked is not used again.
    pub(super) fn read_here<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T, history::Error>) -> Result<T, Error> {
        let lent = self.idle().pop();
        let mut reader = lent.unwrap_or_else(|| Reader::new(&self.options));
        let answer = catch_unwind(AssertUnwindSafe(|| read(&mut reader)))
            .map_err(|payload| Error::panicked("a read", &*payload))?
            .map_err(Error::from)?;
        self.idle().push(reader);
        Ok(answer)
    }

    /// Closes the handles nobody uses.
    pub(super) fn close_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
