//! The process that a coder lives in, as events tell it in `data.process`. How one is found and looked after is another room's.

use serde::{Deserialize, Serialize};

use super::Data;

/// Enough to tell a process from every other that has or had its pid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// When it started, in the unit of the system it runs on.
    pub start: u64,
    /// Which run of which machine.
    pub boot: String,
    /// Which pid namespace; empty where there are none.
    #[serde(default)]
    pub namespace: String,
}

impl Process {
    /// The reason of an end that nobody told, but the process was gone.
    pub const GONE: &str = "process gone";

    /// Longer texts are no ids of machines, and aggregates stay small.
    const TEXT_BYTES_MAX: usize = 100;

    /// The one that `data` names; `None` where it names none.
    pub fn of_data(data: &Data) -> Option<Process> {
        let process = Process::deserialize(data.get("process")?).ok()?;
        (process.boot.len() <= Self::TEXT_BYTES_MAX && process.namespace.len() <= Self::TEXT_BYTES_MAX).then_some(process)
    }
}
