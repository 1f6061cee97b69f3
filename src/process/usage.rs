//! What a process and all its descendants use.

use std::collections::HashMap;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

const MIB: u64 = 1 << 20;

/// What all processes of a tree use together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TreeUsage {
    /// Resident memory in MiB; pages that processes share are counted in each.
    pub memory_mb: u64,
    /// Processor time since the sample before, in percent of one core.
    pub cpu_percent: f64,
    pub processes: usize,
}

/// Measures one tree again and again.
#[derive(Debug)]
pub struct Meter {
    system: System,
    root: Pid,
}

impl Meter {
    /// `None` where the system tells nothing of processes.
    pub fn new(root: u32) -> Option<Meter> {
        Some(Meter { system: System::new().ok()?, root: Pid::from_u32(root) })
    }

    /// `None` once the root is gone. A child that outlives its parent leaves the tree.
    pub fn sample(&mut self) -> Option<TreeUsage> {
        let wanted = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted);
        self.system.process(self.root)?;
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for (&pid, process) in self.system.processes() {
            if let Some(parent) = process.parent() {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut usage = TreeUsage::default();
        let mut bytes = 0;
        let mut left = vec![self.root];
        while let Some(pid) = left.pop() {
            if let Some(process) = self.system.process(pid) {
                bytes += process.memory();
                usage.cpu_percent += cpu_percent(process);
                usage.processes += 1;
            }
            // Taken out, so that ids that were reused in a circle end nothing but the walk.
            left.extend(children.remove(&pid).unwrap_or_default());
        }
        usage.memory_mb = bytes.div_ceil(MIB);
        Some(usage)
    }
}

/// One decimal says enough.
fn cpu_percent(process: &Process) -> f64 {
    (f64::from(process.cpu_usage()) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_this_process_and_what_it_started() {
        let mut meter = Meter::new(std::process::id()).expect("this system tells");
        let alone = meter.sample().expect("this process runs");
        assert!(alone.memory_mb > 0, "{alone:?}");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let mut below = Meter::new(child.id()).expect("this system tells");
        let usage = below.sample().expect("it runs");
        let both = meter.sample().expect("this process runs");
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        assert_eq!(usage.processes, 1);
        assert!(both.processes > usage.processes, "{both:?}");
        assert_eq!(below.sample(), None);
    }
}
