//! Why a person should look at a coder, and since when. What somebody has seen is over until something new happens.

use serde::{Deserialize, Serialize};

use crate::{
    aggregate::{
        Attention,
        latest::{keep, keep_of},
        warnings,
    },
    event::{Body, Event, Micros, Status, Time},
};

use super::{Coder, Step};

/// A running coder that is silent for this long is stalled: longer than a slow model or a long build, mostly.
const STALLED_AFTER: Micros = 5 * Time::MINUTE;
/// What happened longer ago needs nobody any more.
const CONCERNS_FOR: Micros = Time::DAY;
/// Who waits in a process that may still live needs somebody for longer.
const LOOKED_AFTER_FOR: Micros = 7 * Time::DAY;

/// When the recorder last warned of a coder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Warned {
    /// For repeating a call that fails.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    looped: Option<Micros>,
    /// For what it spends.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    over_budget: Option<Micros>,
}

impl Warned {
    pub fn is_empty(&self) -> bool {
        *self == Warned::default()
    }

    pub fn fold(&mut self, event: &Event) {
        let Body::Derived(fields) = &event.body else { return };
        match fields.warning.as_deref() {
            Some(warnings::LOOP) => keep(&mut self.looped, event.timestamp.micros()),
            Some(warnings::BUDGET) => keep(&mut self.over_budget, event.timestamp.micros()),
            _ => {}
        }
    }

    pub fn merge(&mut self, other: &Warned) {
        keep_of(&mut self.looped, &other.looped);
        keep_of(&mut self.over_budget, &other.over_budget);
    }
}

impl Coder {
    /// Running, and silent for five minutes with no tool at work. Who reports by hand may be silent for long.
    pub fn is_stalled(&self, now: Time) -> bool {
        let silent = |last: Time| now.since(last) >= STALLED_AFTER;
        self.is_observed
            && self.status() == Status::Running
            && self.last_activity().is_some_and(silent)
            && self.open_tools.oldest().is_none()
    }

    /// Why a person should look at it, besides what other coders do.
    pub fn needs_attention(&self, now: Time) -> Vec<Attention> {
        let is_recent = |since: Time| now.since(since) < CONCERNS_FOR;
        // A process that is known is looked after: where it is gone, the wait is over. One of another machine, or of this one before
        // it was started anew, is looked after by nobody here.
        let is_looked_after = |since: Time| self.process.is_some() && now.since(since) < LOOKED_AFTER_FOR;
        let waiting = self.waiting().map(|waiting| waiting.since).filter(|&since| is_looked_after(since) || is_recent(since));
        let stalled = self.last_activity().filter(|_| self.is_stalled(now)).map(|last| last.plus(STALLED_AFTER));
        // That it ended since is nothing new.
        let failed = self.step.as_ref().map(Step::at).filter(|_| self.status() == Status::Failed);
        let is_over = |at: Time| self.is_finished() || self.got_on.is_some_and(|got_on| got_on > at.micros());
        let limited = self.last_rate_limit().filter(|&at| !is_over(at));
        let reasons = [
            (waiting, Attention::Waiting),
            (stalled.filter(|&since| is_recent(since)), Attention::Stalled),
            (failed.filter(|&at| is_recent(at)), Attention::Failed),
            (limited.filter(|&at| is_recent(at)), Attention::RateLimited),
            (self.warned.looped.map(Time::from_micros).filter(|&at| is_recent(at)), Attention::Looping),
            (self.warned.over_budget.map(Time::from_micros).filter(|&at| is_recent(at)), Attention::OverBudget),
        ];
        let is_new = |since: Time| !self.is_seen(since);
        reasons.into_iter().filter_map(|(since, reason)| since.is_some_and(is_new).then_some(reason)).collect()
    }

    /// Whether somebody saw to it since then.
    pub(super) fn is_seen(&self, since: Time) -> bool {
        self.seen.is_some_and(|seen| seen >= since.micros())
    }
}
