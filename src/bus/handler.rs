//! A function called with each event, in a task of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::task::JoinHandle;

use crate::event::Event;

use super::{Delivery, Subscription, error::panic_message};

/// Keeps a handler subscribed; dropping it unsubscribes.
#[must_use = "dropping the guard unsubscribes the handler"]
pub struct Handler {
    task: JoinHandle<()>,
}

impl Handler {
    pub(super) fn start(subscription: Subscription, handler: impl FnMut(Arc<Event>) + Send + 'static) -> Handler {
        Handler { task: tokio::spawn(run(subscription, handler)) }
    }

    /// Waits until it ended: because it panicked, or because the bus is shut down and it has seen every event.
    pub async fn ended(mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!("a handler ended: {error}");
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut subscription: Subscription, mut handler: impl FnMut(Arc<Event>)) {
    while let Some(delivery) = subscription.next().await {
        match delivery {
            Ok(Delivery::Event(event)) => {
                let seq = event.seq;
                // Whatever the handler holds is dropped with it: nobody sees what a panic left half done.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(event))) {
                    tracing::error!("a handler panicked at event {seq} and is not called again: {}", panic_message(&*payload));
                    return;
                }
            }
            Ok(Delivery::Missed(missed)) => {
                tracing::warn!(
                    "a handler missed events after {} through {}: retention removed all but what it keeps",
                    missed.after,
                    missed.through
                );
            }
            Ok(Delivery::Replaced) => tracing::warn!("a handler goes on with another history, which took the place of its own"),
            // The subscription waits before it tries again.
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a handler waits for the history"),
        }
    }
}
