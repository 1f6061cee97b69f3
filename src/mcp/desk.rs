//! What every request is answered with: the bus, what is allowed, and who says when waiting ends.

use rmcp::task_manager::TaskManager;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;

pub(super) struct Desk {
    pub bus: Bus,
    pub read_only: bool,
    /// Cancelled when input ends or a signal comes: whoever waits answers now.
    pub closing: CancellationToken,
    pub tasks: TaskManager,
}
