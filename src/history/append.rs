//! One transaction of appending: conditions, natural keys, insert, fold, judge.

use rusqlite::{Connection, params};

use crate::{
    aggregate::{self, Failures, Past},
    event::{Body, Checked, Condition, Data, Draft, Event, EventType, Invalid, Key, Status, Time},
    text::Redactor,
};

use super::{
    Rejection, conflict,
    fold::Fold,
    identity::{self, Identity},
    ledger::Ledger,
    reject,
    rows::{self, CoderIds, StoredId},
};

/// What is to be kept: a draft, or input that could not become one.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Draft(Box<Draft>),
    Rejection(Rejection),
}

impl From<Draft> for Entry {
    fn from(draft: Draft) -> Entry {
        Entry::Draft(Box::new(draft))
    }
}

impl From<Rejection> for Entry {
    fn from(rejection: Rejection) -> Entry {
        Entry::Rejection(rejection)
    }
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Appended {
        seq: u64,
        id: String,
    },
    /// Seen before, and nothing new in it; `seq` is the first report's.
    Duplicate {
        seq: u64,
        id: String,
    },
    /// Seen before, but this report added fields: `seq` is the first report's, `by` that of the event that completes it.
    Completed {
        seq: u64,
        id: String,
        by: u64,
    },
    /// Its condition did not hold.
    Unmet,
    /// Refused, and kept as a rejection.
    Rejected(Invalid),
    /// The rejection handed in was kept.
    Kept,
}

/// A write transaction that takes entries one by one.
pub(super) struct Append<'t> {
    db: &'t Connection,
    redactor: &'t Redactor,
    head_before: u64,
    ledger: Ledger,
    fold: Fold,
    ids: CoderIds,
}

impl<'t> Append<'t> {
    pub(super) fn begin(db: &'t Connection, redactor: &'t Redactor) -> rusqlite::Result<Append<'t>> {
        let ledger = Ledger::load(db)?;
        Ok(Append { db, redactor, head_before: ledger.head, ledger, fold: Fold::default(), ids: CoderIds::default() })
    }

    /// `now` is the time of receipt.
    pub(super) fn take(&mut self, entry: Entry, now: Time) -> rusqlite::Result<Outcome> {
        let mut draft = match entry {
            Entry::Draft(draft) => *draft,
            Entry::Rejection(rejection) => {
                reject::keep(self.db, self.redactor, now, &rejection)?;
                return Ok(Outcome::Kept);
            }
        };
        if let Err(invalid) = draft.pass(now, self.redactor) {
            reject::keep(self.db, self.redactor, now, &Rejection::of_draft(&draft, &invalid))?;
            return Ok(Outcome::Rejected(invalid));
        }
        self.take_checked(draft.admit(now))
    }

    /// Writes what was folded, if anything was. The caller commits.
    pub(super) fn finish(self) -> rusqlite::Result<()> {
        if self.ledger.head == self.head_before {
            return Ok(());
        }
        self.fold.save(self.db)?;
        self.ledger.save(self.db)
    }

    fn take_checked(&mut self, mut checked: Checked) -> rusqlite::Result<Outcome> {
        if self.was_unmet(&checked)? {
            return Ok(Outcome::Unmet);
        }
        if !self.holds(&checked)? {
            self.remember_unmet(&checked)?;
            return Ok(Outcome::Unmet);
        }
        let id = match identity::recognise(self.db, self.ledger.tag, &checked)? {
            Identity::Seen(seq, id) => return self.take_again(checked, seq, id),
            Identity::New(id) => id,
        };
        let key = checked.key.clone();
        self.mark_unexpected(&mut checked)?;
        let seq = self.ledger.head + 1;
        let given = id.is_some();
        let id = id.unwrap_or_else(|| self.ledger.tag.id(checked.event().received_at, seq));
        let mut event = checked.into_event(seq, id);
        self.relink(&mut event)?;
        let path = self.insert(&event, given)?;
        identity::remember(self.db, &key, &event)?;
        self.derive_from(&event, path)?;
        Ok(Outcome::Appended { seq, id: event.id })
    }

    fn holds(&mut self, checked: &Checked) -> rusqlite::Result<bool> {
        let Some(condition) = &checked.only_if else { return Ok(true) };
        let event = checked.event();
        let coder = self.fold.coder(self.db, &event.coder_id)?;
        Ok(match condition {
            Condition::Unknown => coder.is_none(),
            Condition::Known => coder.is_some(),
            // A late report was meant for a status that has been left since: today's would mislead it.
            Condition::Status(statuses) => coder.is_some_and(|coder| {
                let left_since = coder.state.last_step().is_some_and(|step| event.timestamp < step);
                !left_since && statuses.contains(&coder.state.status())
            }),
        })
    }

    /// A payload fed again is judged as it was the first time, not by what came of it since.
    fn was_unmet(&self, checked: &Checked) -> rusqlite::Result<bool> {
        let (Key::Repeat(key) | Key::Natural(key) | Key::Either { natural: key, .. }, Some(_)) = (&checked.key, &checked.only_if)
        else {
            return Ok(false);
        };
        let since = checked.event().received_at.plus(-Key::REPEAT_WITHIN);
        self.db
            .prepare_cached("SELECT 1 FROM unmet WHERE id = ? AND received > ?")?
            .exists(params![StoredId(Key::id_of(key)), since.micros()])
    }

    fn remember_unmet(&self, checked: &Checked) -> rusqlite::Result<()> {
        let (Key::Repeat(key) | Key::Natural(key) | Key::Either { natural: key, .. }) = &checked.key else { return Ok(()) };
        let received = checked.event().received_at;
        self.db
            .prepare_cached("DELETE FROM unmet WHERE received <= ?")?
            .execute([received.plus(-Key::REPEAT_WITHIN).micros()])?;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO unmet (id, received) VALUES (?, ?)")?
            .execute(params![StoredId(Key::id_of(key)), received.micros()])?;
        Ok(())
    }

    /// A fact reported again: a duplicate, unless the report has fields that the fact lacks.
    fn take_again(&mut self, checked: Checked, seq: u64, id: String) -> rusqlite::Result<Outcome> {
        let Some(mut fact) = rows::find_event(self.db, self.ledger.tag, &mut self.ids, seq)? else {
            return Ok(Outcome::Duplicate { seq, id });
        };
        rows::complete(self.db, self.ledger.tag, &mut self.ids, std::slice::from_mut(&mut fact))?;
        let report = checked.event();
        if fact.completes.is_some() || fact.kind != report.kind || fact.coder_id != report.coder_id {
            return Ok(Outcome::Duplicate { seq, id });
        }
        let body = fact.body.missing_from(&report.body);
        let data: Data = report
            .data
            .iter()
            .filter(|(name, _)| !fact.data.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if body.is_none() && data.is_empty() {
            return Ok(Outcome::Duplicate { seq, id });
        }
        let by = self.ledger.head + 1;
        let made = self.ledger.tag.id(report.received_at, by);
        let mut event = checked.into_event(by, made);
        event.body = body.unwrap_or_else(|| event.kind.body());
        event.data = data;
        (event.completes, event.timestamp) = (Some(seq), fact.timestamp);
        self.insert(&event, false)?;
        Ok(Outcome::Completed { seq, id, by })
    }

    /// A derived event that was exported names its cause by the seq it had there; here it has another.
    fn relink(&self, event: &mut Event) -> rusqlite::Result<()> {
        if let Body::Derived(fields) = &mut event.body
            && let Some(cause_id) = &fields.cause_id
        {
            fields.cause_seq = rows::find_fact(self.db, self.ledger.tag, cause_id)?;
        }
        Ok(())
    }

    /// The number of the file that the event is about, if it is about one.
    fn insert(&mut self, event: &Event, id_given: bool) -> rusqlite::Result<Option<i64>> {
        let coder = self.fold.coder_no(self.db, &event.coder_id)?;
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
                id_given.then(|| StoredId(event.id.clone())),
                event.completes,
                path,
                event.stored_body(),
            ])?;
        if let Some(path) = path {
            conflict::touch(self.db, path, coder, event)?;
        }
        self.ledger.head = event.seq;
        self.ledger.rows += 1;
        self.fold.add(&mut self.ledger, event);
        Ok(path)
    }

    /// The number of the path of a file event; a sync is not about one file.
    fn intern_path(&self, event: &Event) -> rusqlite::Result<Option<i64>> {
        let Body::Workspace(fields) = &event.body else { return Ok(None) };
        let Some(path) = fields.file_path.as_ref().filter(|_| event.kind != EventType::WorkspaceSync) else { return Ok(None) };
        self.db.prepare_cached("INSERT OR IGNORE INTO path (path) VALUES (?)")?.execute([path])?;
        self.db.prepare_cached("SELECT no FROM path WHERE path = ?")?.query_row([path], |row| row.get(0)).map(Some)
    }

    /// Applies the rules to `cause`; what they derive is recorded right behind it.
    fn derive_from(&mut self, cause: &Event, path: Option<i64>) -> rusqlite::Result<()> {
        let coder = self.fold.coder_no(self.db, &cause.coder_id)?;
        let failures = if cause.kind == EventType::Failed { self.remember_failure(coder, cause)? } else { Failures::default() };
        let rivals = match path {
            Some(path) => conflict::rivals(self.db, &mut self.fold, cause, path)?,
            None => Vec::new(),
        };
        let Some(row) = self.fold.coder(self.db, &cause.coder_id)? else { return Ok(()) };
        for draft in aggregate::judge(cause, &row.state, &Past { failures, rivals }) {
            if draft.kind == EventType::FailureAlert {
                // Not all of them: who fails a thousand times would rewrite a thousand rows each third time.
                self.db.prepare_cached("UPDATE failure SET alerted = 1 WHERE coder = ? AND alerted = 0")?.execute([coder])?;
            }
            self.take(draft.into(), cause.received_at)?;
        }
        Ok(())
    }

    fn remember_failure(&self, coder: i64, cause: &Event) -> rusqlite::Result<Failures> {
        let at = cause.timestamp.micros();
        self.db
            .prepare_cached("INSERT INTO failure (seq, coder, at) VALUES (?, ?, ?)")?
            .execute(params![cause.seq, coder, at])?;
        let count = |condition: &str| -> rusqlite::Result<u64> {
            self.db
                .prepare_cached(&format!("SELECT count(*) FROM failure WHERE coder = ? AND at BETWEEN ? AND ? {condition}"))?
                .query_row(params![coder, at - aggregate::FAILURE_WINDOW, at], |row| row.get(0))
        };
        let since_alert = count("AND alerted = 0")?;
        let all = if since_alert < aggregate::FAILURES_FOR_ALERT { since_alert } else { count("")? };
        Ok(Failures { all, since_alert })
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
        let coder_id = event.coder_id.clone();
        let deleted = self.fold.coder(self.db, &coder_id)?.is_some_and(|coder| coder.state.status() == Status::Deleted);
        if deleted {
            checked.mark("unexpected_after", Status::Deleted.name());
        }
        Ok(())
    }
}
