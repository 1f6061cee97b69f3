//! What coders are to be told by their own hooks: noted as it happens, for those whose hooks tell them anything.
//!
//! The queue is filled by whoever records what happened, so that a coder's own hook has one question to ask. What was told is
//! kept for a while: the same is no news.

use rusqlite::{Connection, params};

use crate::{
    aggregate::{CONFLICT_WINDOW, Coder, WaitingFor},
    event::{Event, EventType, Micros, Status, Time},
};

use super::{conflict, fold::Fold};

/// What is older than this is no news any more, and what was told longer ago is told again where it happens again.
pub const NEWS_FOR: Micros = CONFLICT_WINDOW;
/// A beginning that is reported twice, by two registrations of one hook, is one.
const SAME_BEGINNING: Micros = 10 * Time::SECOND;
/// Coders that are told of one change: a lock file may be everybody's.
const HEARERS_MAX: usize = 64;

/// What kind of news it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// The coder begins again with less in its memory than it knew.
    Brief = 0,
    /// Another one changed a file that it knows.
    FileChange = 1,
    /// It repeats itself.
    Loop = 2,
    /// A coder that works for it waits, failed or came to rest.
    Offspring = 3,
    /// A coder stands as it waited for.
    Awaited = 4,
    /// It waited long enough.
    InVain = 5,
}

impl NewsKind {
    pub fn of_code(code: u8) -> Option<NewsKind> {
        [NewsKind::Brief, NewsKind::FileChange, NewsKind::Loop, NewsKind::Offspring, NewsKind::Awaited, NewsKind::InVain]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }
}

/// How a coder stands that works for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffspringNews {
    Waits = 0,
    Failed = 1,
    AtRest = 2,
}

/// By what a piece of news is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewsKey {
    pub kind: NewsKind,
    pub about: i64,
    pub other: i64,
}

/// Notes it for the coder numbered `hearer`, where it is told anything. What was told after `at - again_after` stays told.
pub fn note(db: &Connection, hearer: i64, key: NewsKey, at: Time, again_after: Micros) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO news (coder, kind, about, other, at)
         SELECT no, ?2, ?3, ?4, ?5 FROM coder WHERE no = ?1 AND told_at IS NOT NULL
         ON CONFLICT DO UPDATE SET
             told = CASE WHEN told < excluded.at - ?6 THEN NULL ELSE told END, at = max(at, excluded.at)",
    )?
    .execute(params![hearer, key.kind as u8, key.about, key.other, at.micros(), again_after])
    .map(drop)
}

/// `event` of another coder changed the file `path`: those that know it are to hear of it, but for whom it works for, and who
/// works for it.
pub fn of_change(db: &Connection, fold: &mut Fold, event: &Event, path: i64) -> rusqlite::Result<()> {
    let is_late = event.received_at.since(event.timestamp) > NEWS_FOR;
    if is_late || !conflict::is_own_change(event) {
        return Ok(());
    }
    let changer = fold.coder_no(db, &event.coder_id)?;
    let hearers: Vec<(i64, String)> = db
        .prepare_cached(
            "SELECT coder.no, coder.id FROM interest JOIN coder ON coder.no = interest.coder
             WHERE path = ? AND coder.no <> ? LIMIT ?",
        )?
        .query_map(params![path, changer, HEARERS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (hearer, id) in hearers {
        if conflict::are_apart(db, fold, &id, &event.coder_id)? {
            change_for(db, hearer, (path, changer), event.timestamp)?;
        }
    }
    Ok(())
}

/// The coder numbered `hearer` is to hear that `changer` changed the file `path`.
pub fn change_for(db: &Connection, hearer: i64, (path, changer): (i64, i64), at: Time) -> rusqlite::Result<()> {
    note(db, hearer, NewsKey { kind: NewsKind::FileChange, about: path, other: changer }, at, NEWS_FOR)
}

/// The event at `seq` warns the coder numbered `hearer` that it repeats itself.
pub fn of_loop(db: &Connection, hearer: i64, seq: u64, at: Time) -> rusqlite::Result<()> {
    let about = i64::try_from(seq).unwrap_or(i64::MAX);
    note(db, hearer, NewsKey { kind: NewsKind::Loop, about, other: 0 }, at, NEWS_FOR)
}

/// The coder numbered `hearer` needs to hear what it did until now.
pub fn of_beginning(db: &Connection, hearer: i64, at: Time) -> rusqlite::Result<()> {
    note(db, hearer, NewsKey { kind: NewsKind::Brief, about: 0, other: 0 }, at, SAME_BEGINNING)
}

/// With `event`, a coder that works for another one waits, failed or came to rest.
pub fn of_offspring(db: &Connection, fold: &mut Fold, event: &Event) -> rusqlite::Result<()> {
    let is_step = matches!(event.kind, EventType::Completed | EventType::Failed | EventType::Stopped | EventType::Paused);
    if !is_step || event.completes.is_some() || event.received_at.since(event.timestamp) > NEWS_FOR {
        return Ok(());
    }
    let Some(state) = fold.coder(db, &event.coder_id)? else { return Ok(()) };
    let Some((parent, news)) = state.parent().map(str::to_owned).zip(standing_of(state)) else { return Ok(()) };
    // What a subagent says at its end, its agent hears from the tool that began it.
    let is_inside = event.coder_id.strip_prefix(&parent).is_some_and(|below| below.starts_with('/'));
    if (is_inside && news == OffspringNews::AtRest) || fold.coder(db, &parent)?.is_none() {
        return Ok(());
    }
    let (hearer, about) = (fold.coder_no(db, &parent)?, fold.coder_no(db, &event.coder_id)?);
    note(db, hearer, NewsKey { kind: NewsKind::Offspring, about, other: news as i64 }, event.timestamp, NEWS_FOR)
}

fn standing_of(state: &Coder) -> Option<OffspringNews> {
    match (state.waiting().map(|waiting| waiting.reason), state.status()) {
        (Some(WaitingFor::Permission | WaitingFor::Question), _) => Some(OffspringNews::Waits),
        (_, Status::Failed) => Some(OffspringNews::Failed),
        (_, Status::Paused | Status::Completed | Status::Stopped) => Some(OffspringNews::AtRest),
        (_, Status::Created | Status::Running | Status::Deleted) => None,
    }
}

/// What is no news any more, and what finished coders knew.
pub fn forget(db: &Connection, now: Time) -> rusqlite::Result<()> {
    db.execute("DELETE FROM news WHERE at < ?", [now.plus(-Time::DAY).micros()])?;
    db.execute("DELETE FROM watch WHERE ends < ?", [now.plus(-Time::DAY).micros()])?;
    db.execute("DELETE FROM interest WHERE coder IN (SELECT no FROM coder WHERE finished = 1)", []).map(drop)
}
