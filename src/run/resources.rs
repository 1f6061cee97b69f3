//! What the command's processes use, measured now and then; and whether it is more than they should.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use crate::{
    event::{Body, DataKey, Draft, EventType, Resource},
    process::usage::{Meter, TreeUsage},
};

use super::{coder::RunCoder, recorder::DraftSink};

/// Commands that are shorter use nothing worth telling.
const FIRST_AFTER: Duration = Duration::from_secs(1);
/// A sample reads every process of the machine: some milliseconds.
const EVERY: Duration = Duration::from_secs(5);
/// With a limit: memory may grow fast.
const EVERY_LIMITED: Duration = Duration::from_secs(1);
/// Steady use is told this often all the same.
const TOLD_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// Smaller changes are noise.
const MEMORY_CHANGE_MB: u64 = 16;
const MEMORY_CHANGE_PERCENT: u64 = 10;
const CPU_CHANGE_PERCENT: f64 = 25.0;

/// Dropping it ends the measuring.
pub(super) struct Resources {
    /// Never sent to: the thread hears it being dropped.
    _alive: Sender<()>,
}

impl Resources {
    pub fn measure(pid: u32, memory_limit_mb: Option<u64>, coder: RunCoder, record: DraftSink) -> Resources {
        let (alive, ended) = mpsc::channel::<()>();
        let measuring = thread::Builder::new().name("resources".into()).spawn(move || {
            let Some(mut meter) = Meter::new(pid) else { return };
            let mut watched = Watched { memory_limit_mb, ..Watched::default() };
            let mut pause = FIRST_AFTER;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let Some(usage) = meter.sample() else { return };
                for kind in watched.take(usage, Instant::now()) {
                    record.record(drafted(&coder, kind, usage, memory_limit_mb));
                }
                pause = if memory_limit_mb.is_some() { EVERY_LIMITED } else { EVERY };
            }
        });
        if let Err(error) = measuring {
            tracing::warn!("resources are not measured: failed to start a thread: {error}");
        }
        Resources { _alive: alive }
    }

    pub fn finish(self) {}
}

fn drafted(coder: &RunCoder, kind: EventType, usage: TreeUsage, memory_limit_mb: Option<u64>) -> Draft {
    let mut draft = coder.draft(kind).with(DataKey::Processes, usage.processes);
    if let Some(limit) = memory_limit_mb.filter(|_| kind == EventType::ResourceLimit) {
        draft = draft.with(DataKey::Limit, "memory").with(DataKey::LimitMb, limit);
    }
    draft.body = Body::Resource(Resource {
        memory_mb: Some(usage.memory_mb),
        cpu_percent: Some(usage.cpu_percent),
        ..Resource::default()
    });
    draft
}

/// What was told so far.
#[derive(Default)]
struct Watched {
    memory_limit_mb: Option<u64>,
    told: Option<(TreeUsage, Instant)>,
    is_over: bool,
}

impl Watched {
    /// The types of event that this sample is worth.
    fn take(&mut self, usage: TreeUsage, now: Instant) -> Vec<EventType> {
        let mut kinds = Vec::new();
        if self.told.is_none_or(|(told, at)| differs(told, usage) || now.duration_since(at) >= TOLD_AT_LEAST_EVERY) {
            self.told = Some((usage, now));
            kinds.push(EventType::ResourceUsage);
        }
        let is_over = self.memory_limit_mb.is_some_and(|limit| usage.memory_mb > limit);
        // Once, until it has fallen below.
        if is_over && !self.is_over {
            kinds.push(EventType::ResourceLimit);
        }
        self.is_over = is_over;
        kinds
    }
}

fn differs(told: TreeUsage, now: TreeUsage) -> bool {
    let memory = told.memory_mb.abs_diff(now.memory_mb);
    memory >= MEMORY_CHANGE_MB.max(told.memory_mb * MEMORY_CHANGE_PERCENT / 100)
        || (told.cpu_percent - now.cpu_percent).abs() >= CPU_CHANGE_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        use EventType::{ResourceLimit, ResourceUsage};
        let mut watched = Watched { memory_limit_mb: Some(500), ..Watched::default() };
        let begun = Instant::now();
        let mut check = |seconds: u64, memory_mb: u64, cpu_percent: f64, expected: &[EventType]| {
            let usage = TreeUsage { memory_mb, cpu_percent, processes: 1 };
            assert_eq!(watched.take(usage, begun + Duration::from_secs(seconds)), expected, "after {seconds} s");
        };
        check(1, 100, 0.0, &[ResourceUsage]);
        check(2, 110, 20.0, &[]);
        check(3, 120, 20.0, &[ResourceUsage]);
        check(4, 120, 90.0, &[ResourceUsage]);
        check(5, 501, 90.0, &[ResourceUsage, ResourceLimit]);
        check(6, 510, 90.0, &[]);
        check(7, 500, 90.0, &[]);
        check(8, 502, 90.0, &[ResourceLimit]);
        check(65, 502, 90.0, &[ResourceUsage]);
    }
}
