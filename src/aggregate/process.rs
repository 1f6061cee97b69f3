//! The process that a coder lives in, as events tell it in `data.process`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Enough to tell a process from every other that has or had its pid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
    /// Longer texts are no ids of machines, and aggregates stay small.
    const TEXT_BYTES_MAX: usize = 100;

    pub(super) fn read(value: &Value) -> Option<Process> {
        let process = Process::deserialize(value).ok()?;
        (process.boot.len() <= Self::TEXT_BYTES_MAX && process.namespace.len() <= Self::TEXT_BYTES_MAX).then_some(process)
    }
}
