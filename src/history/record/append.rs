//! One transaction of appending: conditions, natural keys, insert, fold, judge.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    aggregate::{self, Failures, Past},
    event::{Body, Channel, Checked, Condition, DataKey, Event, EventType, Invalid, Key, Status, Time},
    history::store::options::Options,
    history::store::rows::{self, StoredId},
    text::Redactor,
};

use super::{
    aside,
    budgets::Purse,
    cache::Cache,
    conflict,
    entry::{Appended, CheckedEntry, Entry, Outcome},
    failed_calls, failures,
    identity::{self, Recognised},
    news, offspring, reject,
    settlement::{self, Unsettled},
    unmet_drafts,
};

/// The keys of `data` that a copy of a call in another session's record may add.
const OF_THE_CALL: [&str; 3] = [DataKey::CacheWrite1hTokens.name(), DataKey::Change.name(), DataKey::Estimated.name()];

/// A write transaction that takes entries one by one.
pub struct Append<'t> {
    db: &'t Connection,
    redactor: &'t Redactor,
    purse: Purse<'t>,
    events: Vec<Arc<Event>>,
    unsettled: Unsettled,
    /// When the last one was received whose condition did not hold.
    last_unmet: Option<Time>,
    cache: Cache,
}

impl<'t> Append<'t> {
    /// `kept` is what the connection's last append left.
    pub fn begin(db: &'t Connection, options: &'t Options, kept: Option<Cache>) -> rusqlite::Result<Append<'t>> {
        let unsettled = Unsettled::default();
        let purse = Purse { budget: &options.budget, prices: &options.prices };
        let (redactor, cache) = (&*options.redactor, Cache::of(db, kept)?);
        Ok(Append { db, redactor, purse, events: Vec::new(), unsettled, last_unmet: None, cache })
    }

    /// `now` is the time of receipt.
    pub fn take(&mut self, entry: CheckedEntry, now: Time) -> rusqlite::Result<Outcome> {
        let (rejection, outcome) = match entry {
            CheckedEntry::Checked(mut checked) => {
                checked.receive(now);
                return self.take_checked(*checked);
            }
            CheckedEntry::Refused(rejection, invalid) => (rejection, Outcome::Rejected(invalid)),
            CheckedEntry::Rejection(rejection) => (rejection, Outcome::Kept),
            CheckedEntry::Unwanted => return Ok(Outcome::Unwanted),
        };
        reject::keep(self.db, self.redactor, now, &rejection)?;
        Ok(outcome)
    }

    /// Writes what was folded, if anything was. The caller commits, and knows the outcomes; what the cache holds is true once it did.
    pub fn finish(mut self) -> rusqlite::Result<(Appended, Cache)> {
        self.settle()?;
        if let Some(received_at) = self.last_unmet {
            unmet_drafts::forget(self.db, received_at)?;
        }
        if !self.events.is_empty() {
            self.cache.fold.save(self.db, &self.cache.ledger)?;
            self.warn_of_budgets()?;
        }
        let history = self.cache.ledger.tag.name();
        Ok((Appended { outcomes: Vec::new(), events: self.events, history }, self.cache.trimmed()))
    }

    /// What is spent is read from what was saved.
    fn warn_of_budgets(&mut self) -> rusqlite::Result<()> {
        let count = self.events.len();
        for draft in self.purse.warnings(self.db, &mut self.cache.fold, &self.events)? {
            let received_at = self.events.last().map_or_else(|| draft.timestamp.unwrap_or_default(), |event| event.received_at);
            self.take(Entry::from(draft).check_at(received_at, self.redactor), received_at)?;
        }
        if self.events.len() > count {
            self.cache.fold.save(self.db, &self.cache.ledger)?;
        }
        Ok(())
    }

    /// Takes what became known in this transaction from what is left of sums.
    fn settle(&mut self) -> rusqlite::Result<()> {
        let tag = self.cache.ledger.tag;
        for (coder_id, sum) in settlement::sums_of(self.db, std::mem::take(&mut self.unsettled))? {
            let Some(mut fact) = rows::find_event(self.db, tag, &mut self.cache.ids, sum.seq)? else { continue };
            rows::complete(self.db, tag, &mut self.cache.ids, std::slice::from_mut(&mut fact))?;
            if let Some((body, data)) = sum.correction(self.db, tag, &coder_id, &fact)? {
                let received_at = self.events.last().map_or(fact.received_at, |event| event.received_at);
                self.insert_completion(&fact, Event { body, data, received_at, ..fact.clone() })?;
            }
        }
        Ok(())
    }

    fn take_checked(&mut self, mut checked: Checked) -> rusqlite::Result<Outcome> {
        if let Some(outcome) = self.turn_away(&mut checked)? {
            return Ok(outcome);
        }
        let coder = self.cache.fold.coder(self.db, &checked.event().coder_id)?;
        let mut beside = None;
        let id = match identity::recognise(self.db, self.cache.ledger.tag, &checked, coder)? {
            Recognised::Seen(seq, id) => return self.take_again(checked, seq, id),
            Recognised::Clash(seq) => return self.refuse(&checked, clash(seq)),
            Recognised::Beside { id, other } => {
                beside = Some(other);
                id
            }
            Recognised::New(id) => id,
        };
        let told = match checked.sums {
            None => None,
            Some(_) => match settlement::reduce(self.db, self.cache.ledger.tag, &mut checked)? {
                Some(told) => Some(told),
                None => return Ok(Outcome::Unmet),
            },
        };
        let copied_by = checked.copied_by.take();
        let (key, report, sums) = (std::mem::take(&mut checked.key), checked.report, checked.sums);
        self.mark_unexpected(&mut checked)?;
        let seq = self.cache.ledger.head + 1;
        let given = id.is_some();
        let id = id.unwrap_or_else(|| self.cache.ledger.tag.id(checked.event().received_at, seq));
        let (mut event, mut stored) = checked.into_stored(seq, id);
        if self.relink(&mut event)? {
            stored = event.stored_body();
        }
        let event = Arc::new(event);
        let path = self.insert(&event, &stored, given)?;
        identity::remember(self.db, &key, report, &event)?;
        if let Some(other) = beside {
            self.tell_of_clash(&event, other)?;
        }
        if let Some((sums, told)) = sums.zip(told) {
            let coder = self.cache.fold.coder_no(self.db, &event.coder_id)?;
            settlement::remember(self.db, &event, coder, sums.since, told)?;
        }
        if let Some(fork) = copied_by {
            self.remember_copy(&fork, &event)?;
        }
        self.unsettled.note(&event);
        // What was exported brings the ends of its subagents along.
        if !matches!(key, Key::Id(_)) && !event.kind.is_derived() {
            self.end_offspring(&event)?;
        }
        self.derive_from(&event, path)?;
        self.watch_calls(&event)?;
        Ok(Outcome::Appended { seq, id: event.id.clone() })
    }

    /// What becomes of a report that is none of a fact, whoever told that before.
    fn turn_away(&mut self, checked: &mut Checked) -> rusqlite::Result<Option<Outcome>> {
        if !self.address(checked)? || unmet_drafts::contains(self.db, checked)? {
            return Ok(Some(Outcome::Unmet));
        }
        let event = checked.event();
        // Nobody begins to exist by being seen to.
        if event.kind == EventType::Seen && self.cache.fold.coder(self.db, &event.coder_id)?.is_none() {
            let unknown = format!("unknown coder `{}`: give the id of one that is known", event.coder_id);
            return self.refuse(checked, Invalid::new("coder_id", unknown)).map(Some);
        }
        let ledger = &self.cache.ledger;
        if let Key::Id(id) = &checked.key
            && ledger.tag.may_yet_make(id, ledger.head, event.received_at)
        {
            let ours = "`id` is one that this history makes itself: give an id of your own";
            return self.refuse(checked, Invalid::new("id", ours)).map(Some);
        }
        if !self.holds(checked)? {
            unmet_drafts::remember(self.db, checked)?;
            self.last_unmet = Some(checked.event().received_at);
            return Ok(Some(Outcome::Unmet));
        }
        Ok(None)
    }

    fn refuse(&mut self, checked: &Checked, invalid: Invalid) -> rusqlite::Result<Outcome> {
        self.keep_rejection(checked.event(), invalid.to_string())?;
        Ok(Outcome::Rejected(invalid))
    }

    /// What was recorded nevertheless, but not by the id that others know it by.
    fn tell_of_clash(&mut self, event: &Event, other: u64) -> rusqlite::Result<()> {
        let reason = format!(
            "event {other} was sent with the id of this fact, as another coder's or of another type: the fact is event {}",
            event.seq
        );
        self.keep_rejection(event, reason)
    }

    fn keep_rejection(&self, event: &Event, reason: String) -> rusqlite::Result<()> {
        let rejection = reject::Rejection { source: event.source.clone().unwrap_or_default(), reason, input: event.to_line() };
        reject::keep(self.db, self.redactor, event.received_at, &rejection)
    }

    /// Telemetry takes a subagent for a session: what it tells is the subagent's, once that is known. So it does a call that a
    /// session makes in passing. Whether it is a fact: that a subagent began is told by who started it.
    fn address(&mut self, checked: &mut Checked) -> rusqlite::Result<bool> {
        let event = checked.event();
        let of_telemetry = checked.report.is_some_and(|report| report.channel == Channel::Telemetry);
        if !of_telemetry || self.cache.fold.coder(self.db, &event.coder_id)?.is_some() {
            return Ok(true);
        }
        let Some((agent, session)) = event.coder_id.split_once(':') else { return Ok(true) };
        let subagent: Option<String> = self
            .db
            .prepare_cached(
                "SELECT id FROM coder WHERE id > ?1 || ':' AND id < ?1 || ';' AND substr(id, instr(id, '/') + 1) = ?2",
            )?
            .query_row([agent, session], |row| row.get(0))
            .optional()?;
        if let Some(subagent) = subagent {
            let begins = matches!(event.kind, EventType::Created | EventType::Started);
            checked.set_coder(subagent);
            return Ok(!begins);
        }
        let asking = if checked.may_be_aside { aside::asking(self.db, &mut self.cache.fold, event)? } else { None };
        let Some(asking) = asking else { return Ok(true) };
        let costs = aside::costs(event);
        checked.set_coder(asking);
        Ok(costs)
    }

    fn holds(&mut self, checked: &Checked) -> rusqlite::Result<bool> {
        let Some(condition) = &checked.only_if else { return Ok(true) };
        let event = checked.event();
        let coder = self.cache.fold.coder(self.db, &event.coder_id)?;
        Ok(match condition {
            Condition::Unknown => coder.is_none(),
            Condition::Known => coder.is_some(),
            Condition::Unwatched => coder.is_none_or(|coder| coder.process().is_none()),
            // A late report was meant for a status that has been left since: today's would mislead it.
            Condition::Status(statuses) => coder.is_some_and(|coder| {
                let left_since = coder.last_step().is_some_and(|step| event.timestamp < step);
                !left_since && statuses.contains(&coder.status())
            }),
        })
    }

    /// A fact reported again: a duplicate, unless the report has fields that the fact lacks.
    fn take_again(&mut self, checked: Checked, seq: u64, id: String) -> rusqlite::Result<Outcome> {
        let Some(mut fact) = rows::find_event(self.db, self.cache.ledger.tag, &mut self.cache.ids, seq)? else {
            return Ok(Outcome::Duplicate { seq, id });
        };
        rows::complete(self.db, self.cache.ledger.tag, &mut self.cache.ids, std::slice::from_mut(&mut fact))?;
        if fact.completes.is_some() || fact.kind != checked.event().kind || fact.kind.is_derived() {
            return Ok(Outcome::Duplicate { seq, id });
        }
        // An id can be computed, so by an id alone nothing is corrected, nor another coder's fact added to.
        let by_id = matches!(checked.key, Key::Id(_));
        let is_copy = fact.coder_id != checked.event().coder_id;
        if is_copy && by_id {
            return Ok(Outcome::Duplicate { seq, id });
        }
        if let Some(fork) = checked.copied_by.as_ref().or(is_copy.then_some(&checked.event().coder_id)) {
            self.remember_copy(fork, &fact)?;
        }
        let Some((body, mut data)) = fact.completion_by(checked.event(), !by_id) else {
            return Ok(Outcome::Duplicate { seq, id });
        };
        if is_copy {
            // A copy may know the call better; what else it says is of its own session.
            data.retain(|name, _| OF_THE_CALL.contains(&name.as_str()));
            if body == fact.kind.body() {
                return Ok(Outcome::Duplicate { seq, id });
            }
        }
        let mut report = checked.into_event(0, String::new());
        (report.body, report.data) = (body, data);
        if is_copy {
            (report.coder_id, report.coder_name) = (fact.coder_id.clone(), fact.coder_name.clone());
        }
        let may_fail = report.tool_has_failed() || fact.is_running();
        let by = self.insert_completion(&fact, report)?;
        if may_fail && let Some(whole) = self.whole(seq)? {
            self.watch_calls(&whole)?;
        }
        Ok(Outcome::Completed { seq, id, by })
    }

    fn remember_copy(&mut self, fork: &str, call: &Event) -> rusqlite::Result<()> {
        if call.kind != EventType::ApiCall {
            return Ok(());
        }
        self.unsettled.note_coder(fork);
        settlement::remember_copy(self.db, fork, call.seq)
    }

    /// The seq of the event that completes `fact`.
    fn insert_completion(&mut self, fact: &Event, completion: Event) -> rusqlite::Result<u64> {
        let seq = self.cache.ledger.head + 1;
        let event = Event {
            seq,
            id: self.cache.ledger.tag.id(completion.received_at, seq),
            completes: Some(fact.seq),
            timestamp: fact.timestamp,
            ..completion
        };
        let stored = event.stored_body();
        let event = Arc::new(event);
        self.insert(&event, &stored, false)?;
        self.unsettled.note(&event);
        Ok(seq)
    }

    /// A derived event that was exported names its cause by the seq it had there; here it has another. Whether it
    /// was one.
    fn relink(&self, event: &mut Event) -> rusqlite::Result<bool> {
        if let Body::Derived(fields) = &mut event.body
            && let Some(cause_id) = &fields.cause_id
        {
            fields.cause_seq = rows::find_fact(self.db, self.cache.ledger.tag, cause_id)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The number of the file that the event is about, if it is about one.
    fn insert(&mut self, event: &Arc<Event>, stored: &str, id_given: bool) -> rusqlite::Result<Option<i64>> {
        let coder = self.cache.fold.coder_no(self.db, &event.coder_id)?;
        let path = self.intern_path(event)?;
        self.db
            .prepare_cached(
                "INSERT INTO event (seq, coder, type, at, received, id, completes, path, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                event.seq,
                coder,
                event.kind.code(),
                event.timestamp.micros(),
                event.received_at.micros(),
                id_given.then(|| StoredId(&event.id)),
                event.completes,
                path,
                stored,
            ])?;
        if let Some(path) = path {
            conflict::touch(self.db, path, coder, event)?;
        }
        self.cache.ledger.head = event.seq;
        self.cache.ledger.rows += 1;
        self.cache.fold.add(self.db, &self.cache.ledger, coder, event)?;
        self.events.push(Arc::clone(event));
        Ok(path)
    }

    /// The number of the path of a file event; a sync is not about one file.
    fn intern_path(&mut self, event: &Event) -> rusqlite::Result<Option<i64>> {
        let Body::Workspace(fields) = &event.body else { return Ok(None) };
        let Some(path) = fields.file_path.as_ref().filter(|_| event.kind != EventType::WorkspaceSync) else { return Ok(None) };
        self.cache.path_no(self.db, path).map(Some)
    }

    fn end_offspring(&mut self, cause: &Event) -> rusqlite::Result<()> {
        let mut ends = offspring::ends(self.db, &mut self.cache.fold, cause)?;
        if cause.kind != EventType::Stopped {
            ends.extend(offspring::late_end(self.db, &mut self.cache.fold, cause)?);
        }
        for end in ends {
            self.take(Entry::from(end).check_at(cause.received_at, self.redactor), cause.received_at)?;
        }
        Ok(())
    }

    /// Applies the rules to `cause`; what they derive is recorded right behind it.
    fn derive_from(&mut self, cause: &Event, path: Option<i64>) -> rusqlite::Result<()> {
        let coder = self.cache.fold.coder_no(self.db, &cause.coder_id)?;
        let failures =
            if cause.kind == EventType::Failed { failures::remember(self.db, coder, cause)? } else { Failures::default() };
        let rivals = match path {
            Some(path) => {
                news::of_change(self.db, &mut self.cache.fold, cause, path)?;
                conflict::rivals(self.db, &mut self.cache.fold, cause, path)?
            }
            None => Vec::new(),
        };
        news::of_offspring(self.db, &mut self.cache.fold, cause)?;
        let Some(state) = self.cache.fold.coder(self.db, &cause.coder_id)? else { return Ok(()) };
        for draft in aggregate::judge(cause, state, &Past { failures, rivals }) {
            if draft.kind == EventType::FailureAlert {
                failures::settle(self.db, coder)?;
            }
            self.take(Entry::from(draft).check_at(cause.received_at, self.redactor), cause.received_at)?;
        }
        Ok(())
    }

    /// A fact with all that completes it.
    fn whole(&mut self, seq: u64) -> rusqlite::Result<Option<Event>> {
        let tag = self.cache.ledger.tag;
        let Some(mut fact) = rows::find_event(self.db, tag, &mut self.cache.ids, seq)? else { return Ok(None) };
        rows::complete(self.db, tag, &mut self.cache.ids, std::slice::from_mut(&mut fact))?;
        Ok(Some(fact))
    }

    /// What a coder did in some minutes, whole. It is asked for where a loop is suspected, once a streak.
    fn steps_between(&mut self, coder: i64, from: Time, to: Time) -> rusqlite::Result<Vec<Event>> {
        let seqs: Vec<u64> = self
            .db
            .prepare_cached("SELECT seq FROM event WHERE coder = ? AND type = ? AND at BETWEEN ? AND ? AND completes IS NULL")?
            .query_map(params![coder, EventType::Progress.code(), from.micros(), to.micros()], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        seqs.into_iter().filter_map(|seq| self.whole(seq).transpose()).collect()
    }

    /// Warns where the call that `event` tells whole is one of a loop.
    fn watch_calls(&mut self, event: &Event) -> rusqlite::Result<()> {
        if event.kind != EventType::Progress {
            return Ok(());
        }
        let coder = self.cache.fold.coder_no(self.db, &event.coder_id)?;
        let Some(suspicion) = failed_calls::note(self.db, coder, event)? else { return Ok(()) };
        let between = self.steps_between(coder, suspicion.from, suspicion.to)?;
        for streak in failed_calls::confirm(self.db, coder, &suspicion, &between)? {
            let (Some(first), Some(last)) = (self.whole(streak.first)?, self.whole(streak.last)?) else { continue };
            let draft = aggregate::warn_of_loop(&last, &first.id, streak.calls);
            let warning = self.take(Entry::from(draft).check_at(event.received_at, self.redactor), event.received_at)?;
            if let Outcome::Appended { seq, .. } = warning {
                news::of_loop(self.db, coder, seq, event.received_at)?;
            }
        }
        Ok(())
    }

    /// A log does not refuse facts: work after `deleted` is recorded, and says that it was not to be expected.
    fn mark_unexpected(&mut self, checked: &mut Checked) -> rusqlite::Result<()> {
        let event = checked.event();
        let lives_on = matches!(
            event.kind,
            EventType::Started | EventType::Paused | EventType::Resumed | EventType::Completed | EventType::Failed
        );
        if !lives_on {
            return Ok(());
        }
        let deleted = self.cache.fold.coder(self.db, &event.coder_id)?.is_some_and(|coder| coder.status() == Status::Deleted);
        if deleted {
            checked.mark("unexpected_after", Status::Deleted.name());
        }
        Ok(())
    }
}

fn clash(seq: u64) -> Invalid {
    Invalid::new(
        "id",
        format_args!("`id` is that of event {seq}, which is another coder's or of another type: give an id of its own"),
    )
}
