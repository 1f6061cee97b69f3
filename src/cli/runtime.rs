//! The one thread on which commands wait.

use anyhow::Context;

/// Runs `work` to its end. A read that nobody will answer, or a write to a reader that stands still, does not hold that up.
///
/// # Errors
/// Where no runtime can be started.
pub fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}
