//! A coder's hook asks what there is to tell it, and claims what it tells: each piece of news once, whoever asks at the same time.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    aggregate::CONFLICT_WINDOW,
    event::{Body, Draft, Micros, Time},
    history::store::Error,
    text::{Redactor, clean_line},
};

use super::{
    append::Append,
    conflict,
    entry::Entry,
    fold::Fold,
    news::{self, NEWS_FOR, NewsKey, NewsKind},
    watch,
    writer::Writer,
};

/// Between two messages to one coder.
const PAUSE: Micros = 10 * Time::SECOND;
/// Files of one step that are remembered, and news that are looked at for one message.
const FILES_MAX: usize = 16;
const NEWS_MAX: usize = 16;

/// A coder at one of its steps, at which its agent may be told something.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'l> {
    pub coder_id: &'l str,
    /// Files that it has read, changed, or is about to change.
    pub files: &'l [String],
    /// It begins again, with less in its memory than it knew.
    pub begins_again: bool,
}

/// One thing that a coder is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    key: NewsKey,
    pub at: Time,
    pub about: NewsAbout,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewsAbout {
    /// What the coder itself did until now.
    Itself,
    /// A file that another coder, which has not finished, changed.
    FileChange { path: String, coder_id: String },
    /// The warning at this seq.
    Loop { seq: u64 },
    /// A coder that works for this one.
    Offspring { coder_id: String },
    /// A coder that this one waited for, whether or not it stands as it should.
    Awaited { coder_id: String, in_vain: bool },
}

/// What the history knows of the one who asks.
struct Hearer {
    no: i64,
    told_at: Option<Micros>,
    has_news: bool,
    /// Something may have become of those that it waits for.
    has_due_watch: bool,
    /// Files that it was not known to know.
    new_files: Vec<String>,
}

impl Writer {
    /// What there is to tell a coder now, the oldest first; nothing so soon after it was told something. From here on it is one
    /// that is told things.
    ///
    /// # Errors
    /// Where the history cannot be asked, or what the coder now knows cannot be written.
    pub fn listen(&mut self, listener: &Listener<'_>) -> Result<Vec<News>, Error> {
        let now = self.now();
        let redactor = Arc::clone(&self.options().redactor);
        let Some(mut hearer) = self.outside_transaction(|db| Hearer::of(db, listener, &redactor, now))? else {
            return Ok(Vec::new());
        };
        if hearer.told_at.is_none() || listener.begins_again || !hearer.new_files.is_empty() {
            self.transact(|db| learn(db, listener, &hearer, now))?;
            hearer.has_news = true;
        }
        if hearer.has_due_watch {
            self.transact_with_cache(|db, options, _| Ok((watch::look(db, options, hearer.no, now)?, None)))?;
            hearer.has_news = true;
        }
        if !hearer.has_news || hearer.told_at.is_some_and(|told_at| is_soon_after(told_at, now)) {
            return Ok(Vec::new());
        }
        self.outside_transaction(|db| pending(db, hearer.no, now))
    }

    /// Claims `news` for a message to the coder and records the message with it; the message as it was recorded. `None` where
    /// another hook was faster, or the coder was told something a moment ago: then nothing is to be said.
    ///
    /// # Errors
    /// Where the history cannot be written: then nothing is to be said either.
    pub fn claim_news(&mut self, coder_id: &str, news: &[News], message: Draft) -> Result<Option<String>, Error> {
        let now = self.now();
        self.transact_with_cache(|db, options, kept| {
            if !claim(db, coder_id, news, now)? {
                return Ok((None, None));
            }
            let mut append = Append::begin(db, options, kept)?;
            append.take(Entry::from(message).check_at(now, &options.redactor), now)?;
            let (appended, cache) = append.finish()?;
            let said = appended.events.first().and_then(|event| match &event.body {
                Body::Progress(fields) => fields.text.clone(),
                _ => None,
            });
            Ok((said, Some(cache)))
        })
    }
}

impl Hearer {
    /// `None` for a coder that is not known.
    fn of(db: &Connection, listener: &Listener<'_>, redactor: &Redactor, now: Time) -> rusqlite::Result<Option<Hearer>> {
        let sql = format!(
            "SELECT no, told_at, EXISTS (SELECT 1 FROM news WHERE coder = no AND told IS NULL AND at >= ?1), {}
             FROM coder WHERE id = ?4",
            watch::IS_DUE
        );
        let (news_since, looked_before) = (now.plus(-NEWS_FOR).micros(), watch::looked_before(now));
        let found = db
            .prepare_cached(&sql)?
            .query_row(params![news_since, now.micros(), looked_before, listener.coder_id], |row| {
                let (no, told_at, has_news) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Hearer { no, told_at, has_news, has_due_watch: row.get(3)?, new_files: Vec::new() })
            })
            .optional()?;
        let Some(mut hearer) = found else { return Ok(None) };
        for file in listener.files.iter().take(FILES_MAX) {
            // As an event would have it: what is written here is no cleaner than what is recorded.
            let file = redactor.redact(&clean_line(file)).into_owned();
            let known = db
                .prepare_cached("SELECT 1 FROM path JOIN interest ON interest.path = path.no WHERE path.path = ? AND coder = ?")?
                .query_row(params![file, hearer.no], |_| Ok(()))
                .optional()?;
            if known.is_none() {
                hearer.new_files.push(file);
            }
        }
        Ok(Some(hearer))
    }
}

fn is_soon_after(told_at: Micros, now: Time) -> bool {
    // A clock that was set back keeps nobody silent.
    (0..PAUSE).contains(&(now.micros() - told_at))
}

/// Remembers what the coder knows by now, and what others did to it lately.
fn learn(db: &Connection, listener: &Listener<'_>, hearer: &Hearer, now: Time) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE coder SET told_at = coalesce(told_at, 0) WHERE no = ?")?.execute([hearer.no])?;
    if listener.begins_again {
        news::of_beginning(db, hearer.no, now)?;
    }
    if hearer.new_files.is_empty() {
        return Ok(());
    }
    let mut fold = Fold::begin(db)?;
    for file in &hearer.new_files {
        db.prepare_cached("INSERT OR IGNORE INTO path (path) VALUES (?)")?.execute([file])?;
        let path = db.prepare_cached("SELECT no FROM path WHERE path = ?")?.query_row([file], |row| row.get(0))?;
        db.prepare_cached("INSERT OR IGNORE INTO interest (path, coder) VALUES (?, ?)")?.execute(params![path, hearer.no])?;
        for (changer, id, at) in changers(db, hearer.no, path, now)? {
            if conflict::are_apart(db, &mut fold, listener.coder_id, &id)? {
                news::change_for(db, hearer.no, (path, changer), at)?;
            }
        }
    }
    Ok(())
}

/// The unfinished coders besides `own` that changed the file within half an hour, the latest first.
fn changers(db: &Connection, own: i64, path: i64, now: Time) -> rusqlite::Result<Vec<(i64, String, Time)>> {
    db.prepare_cached(
        "SELECT coder.no, coder.id, touch.last FROM touch JOIN coder ON coder.no = touch.coder
         WHERE path = ? AND coder.no <> ? AND finished = 0 AND touch.last BETWEEN ? AND ? ORDER BY touch.last DESC LIMIT ?",
    )?
    .query_map(params![path, own, now.plus(-CONFLICT_WINDOW).micros(), now.plus(CONFLICT_WINDOW).micros(), NEWS_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?, Time::from_micros(row.get(2)?)))
    })?
    .collect()
}

fn pending(db: &Connection, hearer: i64, now: Time) -> rusqlite::Result<Vec<News>> {
    // What is no news any more takes no place of what is.
    let mut statement = db.prepare_cached(
        "SELECT kind, about, other, at FROM news WHERE coder = ? AND told IS NULL AND at >= ?
         AND (kind <> ? OR EXISTS (SELECT 1 FROM coder AS changer WHERE changer.no = news.other AND finished = 0))
         ORDER BY kind, at LIMIT ?",
    )?;
    let mut rows = statement.query(params![hearer, now.plus(-NEWS_FOR).micros(), NewsKind::FileChange as u8, NEWS_MAX])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(kind) = NewsKind::of_code(row.get(0)?) else { continue };
        let key = NewsKey { kind, about: row.get(1)?, other: row.get(2)? };
        if let Some(about) = about(db, key)? {
            found.push(News { key, at: Time::from_micros(row.get(3)?), about });
        }
    }
    Ok(found)
}

/// `None` where it is no news any more: who changed the file has finished.
fn about(db: &Connection, NewsKey { kind, about, other }: NewsKey) -> rusqlite::Result<Option<NewsAbout>> {
    let coder = |no: i64, which: &str| {
        let sql = format!("SELECT id FROM coder WHERE no = ? {which}");
        db.prepare_cached(&sql)?.query_row([no], |row| row.get(0)).optional()
    };
    Ok(match kind {
        NewsKind::Brief => Some(NewsAbout::Itself),
        NewsKind::Loop => Some(NewsAbout::Loop { seq: u64::try_from(about).unwrap_or_default() }),
        NewsKind::Offspring => coder(about, "")?.map(|coder_id| NewsAbout::Offspring { coder_id }),
        NewsKind::Awaited | NewsKind::InVain => {
            coder(about, "")?.map(|coder_id| NewsAbout::Awaited { coder_id, in_vain: kind == NewsKind::InVain })
        }
        NewsKind::FileChange => {
            let path =
                db.prepare_cached("SELECT path FROM path WHERE no = ?")?.query_row([about], |row| row.get(0)).optional()?;
            path.zip(coder(other, "AND finished = 0")?).map(|(path, coder_id)| NewsAbout::FileChange { path, coder_id })
        }
    })
}

/// Whether all of it is this one's to tell; from here on it is told.
fn claim(db: &Connection, coder_id: &str, news: &[News], now: Time) -> rusqlite::Result<bool> {
    let hearer: Option<(i64, Option<Micros>)> = db
        .prepare_cached("SELECT no, told_at FROM coder WHERE id = ?")?
        .query_row([coder_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((no, told_at)) = hearer else { return Ok(false) };
    if told_at.is_some_and(|told_at| is_soon_after(told_at, now)) {
        return Ok(false);
    }
    for News { key, .. } in news {
        let waits = "SELECT 1 FROM news WHERE coder = ? AND kind = ? AND about = ? AND other = ? AND told IS NULL";
        let waits =
            db.prepare_cached(waits)?.query_row(params![no, key.kind as u8, key.about, key.other], |_| Ok(())).optional()?;
        if waits.is_none() {
            return Ok(false);
        }
    }
    for News { key, .. } in news {
        db.prepare_cached("UPDATE news SET told = ? WHERE coder = ? AND kind = ? AND about = ? AND other = ?")?
            .execute(params![now.micros(), no, key.kind as u8, key.about, key.other])?;
    }
    db.prepare_cached("UPDATE coder SET told_at = ? WHERE no = ?")?.execute(params![now.micros(), no])?;
    Ok(true)
}
