//! What a watcher waits for: statuses, `finished`, or event types. Pure.

use crate::{
    aggregate::CoderView,
    event::{EventType, Invalid, Status},
    filter::TypeSet,
};

/// A condition that an event or the coder's present state may meet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Until {
    kinds: TypeSet,
    statuses: Vec<Status>,
    finished: bool,
}

const FINISHED: &str = "finished";

impl Until {
    /// # Errors
    /// [`Invalid`] under the name `until`.
    pub fn parse(names: &[impl AsRef<str>]) -> Result<Option<Until>, Invalid> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut until = Until { kinds: TypeSet::EMPTY, statuses: Vec::new(), finished: false };
        for name in names {
            until.add(name.as_ref())?;
        }
        Ok(Some(until))
    }

    fn add(&mut self, name: &str) -> Result<(), Invalid> {
        if name == FINISHED {
            self.finished = true;
            // A coder is finished by these alone: `completed` becomes finished by the `stopped` that follows it.
            self.add_kinds([EventType::Failed, EventType::Stopped, EventType::Deleted]);
        } else if let Some(status) = Status::parse(name) {
            self.statuses.push(status);
            self.add_kinds(kinds_that_give(status).iter().copied());
        } else {
            let types = TypeSet::parse(name).map_err(|unknown| {
                let statuses = Status::ALL.iter().map(|status| status.name()).collect::<Vec<_>>().join(", ");
                Invalid::new(
                    "until",
                    format_args!("`until` takes statuses ({statuses}), `{FINISHED}`, or event types: {unknown}"),
                )
            })?;
            self.add_kinds(types.iter());
        }
        Ok(())
    }

    fn add_kinds(&mut self, kinds: impl IntoIterator<Item = EventType>) {
        self.kinds = kinds.into_iter().fold(self.kinds, TypeSet::with);
    }

    pub fn is_met_by_event(&self, kind: EventType) -> bool {
        self.kinds.contains(kind)
    }

    pub fn is_met_by_state(&self, coder: &CoderView) -> bool {
        self.statuses.contains(&coder.status) || (self.finished && is_finished(coder))
    }

    pub fn waits_for_running(&self) -> bool {
        self.statuses.contains(&Status::Running)
    }

    /// The types that must be seen to tell; `None` where the first event of any type may decide, since a coder first
    /// seen through another event is running.
    pub fn deciding_types(&self) -> Option<TypeSet> {
        (!self.waits_for_running()).then_some(self.kinds)
    }
}

/// failed, stopped, deleted, or completed and gone.
fn is_finished(coder: &CoderView) -> bool {
    match coder.status {
        Status::Failed | Status::Stopped | Status::Deleted => true,
        Status::Completed => coder.ended_at.is_some(),
        Status::Created | Status::Running | Status::Paused => false,
    }
}

fn kinds_that_give(status: Status) -> &'static [EventType] {
    match status {
        Status::Created => &[EventType::Created],
        Status::Running => &[EventType::Started, EventType::Resumed],
        Status::Paused => &[EventType::Paused],
        Status::Completed => &[EventType::Completed],
        Status::Failed => &[EventType::Failed],
        Status::Stopped => &[EventType::Stopped],
        Status::Deleted => &[EventType::Deleted],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_statuses_finished_or_types() {
        let check = |names: &[&str], kinds: &[&str]| {
            let until = Until::parse(names).expect("valid").expect("given");
            let met =
                EventType::ALL.iter().filter(|&&kind| until.is_met_by_event(kind)).map(|kind| kind.short()).collect::<Vec<_>>();
            assert_eq!(met, kinds, "{names:?}");
        };
        check(&["finished"], &["failed", "stopped", "deleted"]);
        check(&["completed"], &["completed"]);
        check(&["ai_coder_completed"], &["completed"]);
        check(&["running"], &["started", "resumed"]);
        check(&["paused", "finished"], &["paused", "failed", "stopped", "deleted"]);
        check(&["milestone"], &["milestone"]);
        check(&["provider.*"], &["api_call", "api_error", "rate_limit"]);
        assert_eq!(Until::parse(&[""; 0]), Ok(None));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_valid_ones() {
        let message = Until::parse(&["finshed"]).unwrap_err().to_string();
        assert!(message.starts_with("`until` takes statuses (created, running, paused, completed, failed, stopped, deleted), `finished`, or event types: "), "{message}");
        assert!(message.contains("`finshed`"), "{message}");
    }
}
