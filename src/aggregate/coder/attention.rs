//! Why a person should look at a coder, and since when. What somebody has seen is over until something new happens.

use crate::{
    aggregate::Attention,
    event::{Micros, Status, Time},
};

use super::{Coder, Step};

/// A running coder that is silent for this long is stalled: longer than a slow model or a long build, mostly.
const STALLED_AFTER: Micros = 5 * Time::MINUTE;
/// What happened longer ago needs nobody any more.
const CONCERNS_FOR: Micros = Time::DAY;
/// Who waits in a process that may still live needs somebody for longer.
const LOOKED_AFTER_FOR: Micros = 7 * Time::DAY;

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
        ];
        let is_new = |since: Time| !self.is_seen(since);
        reasons.into_iter().filter_map(|(since, reason)| since.is_some_and(is_new).then_some(reason)).collect()
    }

    /// Whether somebody saw to it since then.
    pub(super) fn is_seen(&self, since: Time) -> bool {
        self.seen.is_some_and(|seen| seen >= since.micros())
    }
}
