//! The bus through its own doors, over real histories in folders of their own.

use std::{
    future::{Future, poll_fn},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, future::join_all};
use tempfile::TempDir;

use crate::{
    event::{Draft, EventType},
    history::{Clock, Retention, Writer},
};

use super::*;

mod following;
mod handling;
mod model;
mod publishing;

/// Only a lost event runs into it.
const LIMIT: Duration = Duration::from_secs(60);

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    fn options(&self) -> Options {
        Options::new(self.path())
    }

    /// Two of them on one place stand for two processes.
    fn bus(&self) -> Bus {
        Bus::new(self.options())
    }

    /// With its log and what they share, as a person would.
    fn remove_history(&self) {
        for file in ["history.db", "history.db-wal", "history.db-shm"] {
            std::fs::remove_file(self.folder.path().join(file)).expect("removable");
        }
    }

    fn head(&self) -> u64 {
        Reader::new(&self.options()).position().expect("reads").head
    }
}

fn entry(coder: &str, n: u64) -> Entry {
    Entry::Draft(Box::new(Draft::new(EventType::Milestone, coder).with("n", n)))
}

fn entries(coder: &str, numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(|n| entry(coder, n)).collect()
}

fn seqs(outcomes: &[Outcome]) -> Vec<u64> {
    let seq = |outcome: &Outcome| match outcome {
        Outcome::Appended { seq, .. } => *seq,
        other => panic!("not appended: {other:?}"),
    };
    outcomes.iter().map(seq).collect()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("it arrives in time")
}

async fn next_event(subscription: &mut Subscription) -> Arc<Event> {
    match within(subscription.next()).await {
        Some(Ok(Delivery::Event(event))) => event,
        other => panic!("no event: {other:?}"),
    }
}

async fn next_seqs(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        seqs.push(next_event(subscription).await.seq);
    }
    seqs
}

/// Everything up to the end, after a shutdown.
async fn rest(mut subscription: Subscription) -> Vec<Delivery> {
    within(async {
        let mut deliveries = Vec::new();
        while let Some(delivery) = subscription.next().await {
            deliveries.push(delivery.expect("the history is well"));
        }
        deliveries
    })
    .await
}

async fn until(holds: impl Fn() -> bool) {
    within(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Lets everything that can run on this thread run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
