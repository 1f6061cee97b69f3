//! What a watcher waits for: how a coder stands, or an event of some type. Pure.
//!
//! How a coder stands is judged as it is now: what has passed says nothing. An event is one that comes, or came since the
//! cursor.

use crate::{
    event::{EventType, Invalid, Status},
    filter::TypeSet,
};

use super::CoderView;

/// Any of these is enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    kinds: TypeSet,
    statuses: Vec<Status>,
    conditions: Vec<Stance>,
}

/// What several statuses have in common, or is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    /// At rest.
    Settled,
    Finished,
    NeedsAttention,
    Stalled,
}

const CONDITIONS: &[(&str, Stance)] = &[
    ("settled", Stance::Settled),
    ("finished", Stance::Finished),
    ("needs_attention", Stance::NeedsAttention),
    ("stalled", Stance::Stalled),
];

impl Until {
    /// # Errors
    /// [`Invalid`] under the name `until`, with every word that is valid.
    pub fn parse(names: &[impl AsRef<str>]) -> Result<Option<Until>, Invalid> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut until = Until { kinds: TypeSet::EMPTY, statuses: Vec::new(), conditions: Vec::new() };
        for name in names {
            until.add(name.as_ref())?;
        }
        Ok(Some(until))
    }

    fn add(&mut self, name: &str) -> Result<(), Invalid> {
        if let Some((_, condition)) = CONDITIONS.iter().find(|(known, _)| *known == name) {
            self.conditions.push(*condition);
        } else if let Some(status) = Status::parse(name) {
            self.statuses.push(status);
        } else {
            let types = TypeSet::parse(name).map_err(|unknown| unknown_name(&unknown))?;
            self.kinds = types.iter().fold(self.kinds, TypeSet::with);
        }
        Ok(())
    }

    pub fn is_met_by_event(&self, kind: EventType) -> bool {
        self.kinds.contains(kind)
    }

    pub fn is_met_by_state(&self, coder: &CoderView) -> bool {
        self.statuses.contains(&coder.status) || self.conditions.iter().any(|stance| stance.holds(coder))
    }

    /// Whether how a coder stands may end the wait; else events alone do.
    pub fn judges_state(&self) -> bool {
        !(self.statuses.is_empty() && self.conditions.is_empty())
    }

    /// The types that end the wait.
    pub fn kinds(&self) -> TypeSet {
        self.kinds
    }
}

fn unknown_name(unknown: &Invalid) -> Invalid {
    let conditions = CONDITIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let statuses = Status::ALL.iter().map(|status| status.name()).collect::<Vec<_>>().join(", ");
    Invalid::new(
        "until",
        format_args!("`until` takes {conditions}, a status ({statuses}), or a type or family of events: {unknown}"),
    )
}

impl Stance {
    fn holds(self, coder: &CoderView) -> bool {
        match self {
            Stance::Settled => {
                matches!(coder.status, Status::Completed | Status::Paused) || coder.waiting.is_some() || is_finished(coder)
            }
            Stance::Finished => is_finished(coder),
            Stance::NeedsAttention => !coder.needs_attention.is_empty(),
            Stance::Stalled => coder.stalled,
        }
    }
}

/// failed, stopped, deleted, or completed and gone.
pub fn is_finished(coder: &CoderView) -> bool {
    match coder.status {
        Status::Failed | Status::Stopped | Status::Deleted => true,
        Status::Completed => coder.ended_at.is_some(),
        Status::Created | Status::Running | Status::Paused => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::Coder,
        event::{Draft, Time},
        price::Prices,
        text::Redactor,
    };

    #[test]
    fn types_are_met_by_events() {
        let check = |names: &[&str], kinds: &[&str], judges_state: bool| {
            let until = Until::parse(names).expect("valid").expect("given");
            let met =
                EventType::ALL.iter().filter(|&&kind| until.is_met_by_event(kind)).map(|kind| kind.short()).collect::<Vec<_>>();
            assert_eq!((&met[..], until.judges_state()), (kinds, judges_state), "{names:?}");
        };
        check(&["finished"], &[], true);
        check(&["completed", "stalled"], &[], true);
        check(&["ai_coder_completed"], &["completed"], false);
        check(&["paused", "milestone"], &["milestone"], true);
        check(&["provider.*"], &["api_call", "api_error", "rate_limit"], false);
        assert_eq!(Until::parse(&[""; 0]), Ok(None));
    }

    #[test]
    fn statuses_and_conditions_are_met_by_how_a_coder_stands() {
        let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
        let check = |kinds: &[&str], met: &[&str]| {
            let mut coder = Coder::default();
            for (seq, kind) in (1..).zip(kinds) {
                let draft = Draft::new(EventType::parse(kind).expect("a type"), "a");
                coder.fold(&draft.check(now, &Redactor::default()).expect("an event").into_event(seq, format!("id{seq}")));
            }
            let view = coder.view("a", now, &Prices::default(), 0, Vec::new());
            let names = ["settled", "finished", "needs_attention", "completed", "running", "failed"];
            let is_met = |name: &&str| Until::parse(&[name]).expect("valid").expect("given").is_met_by_state(&view);
            assert_eq!(names.into_iter().filter(|name| is_met(name)).collect::<Vec<_>>(), met, "{kinds:?}");
        };
        check(&["created"], &[]);
        check(&["progress"], &["running"]);
        check(&["started", "paused"], &["settled", "needs_attention"]);
        check(&["started", "completed"], &["settled", "completed"]);
        check(&["started", "completed", "stopped"], &["settled", "finished", "completed"]);
        check(&["started", "failed"], &["settled", "finished", "needs_attention", "failed"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_valid_ones() {
        let message = Until::parse(&["finshed"]).unwrap_err().to_string();
        assert!(message.starts_with("`until` takes settled, finished, needs_attention, stalled, a status (created, running, paused, completed, failed, stopped, deleted), or a type"), "{message}");
        assert!(message.contains("`finshed`") && message.contains("rate_limit"), "{message}");
    }
}
