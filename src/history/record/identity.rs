//! Which fact a report is of: the one rule by which reports of several channels become one event.
//!
//! A report knows its fact by ids of the agent's world (natural), or only by what it says and when (repeat), or by both.
//! Two reports are of one fact where their natural ids are equal, or where they repeat each other within ten seconds of
//! event time and not both have natural ids. What one channel says again in another report is another fact, so that three equal
//! reports of one channel are three facts, and each may match one of another channel. A call of a tool that nobody named is
//! ended by the next report that says the same, however long it took.
//!
//! An id that was sent is no proof: see [`given_id`].

use rusqlite::{Connection, OptionalExtension, params};

use super::{given_id, settlement};

use crate::{
    aggregate::Coder,
    event::{Checked, Event, Family, Key, Micros, Report, Time},
    history::store::{
        id::Tag,
        rows::{self, RepeatId, StoredId},
    },
};

pub enum Recognised {
    /// The id to store; none where it follows from the seq.
    New(Option<String>),
    /// New, though an event of another coder or type, `other`, was sent with an id that is computed of it.
    Beside { id: Option<String>, other: u64 },
    /// Seq and id of the first report.
    Seen(u64, String),
    /// It was sent with the id of the event at this seq, which is another fact.
    Clash(u64),
}

/// `coder` is what is known of whose it is.
pub fn recognise(db: &Connection, tag: Tag, checked: &Checked, coder: Option<&Coder>) -> rusqlite::Result<Recognised> {
    let sought = Sought::of(checked, coder);
    match &checked.key {
        Key::None => Ok(Recognised::New(None)),
        Key::Id(id) => by_id(db, tag, id.clone(), checked),
        Key::Natural(natural) => by_id(db, tag, Key::id_of(natural), checked),
        Key::Repeat(repeat) => match sought.find(db, repeat, Among::All)? {
            Some(fact) => seen(db, tag, fact.seq),
            None => match sought.ended_call(db)? {
                Some(seq) => {
                    sought.remember_end(db, repeat, seq, false)?;
                    seen(db, tag, seq)
                }
                None => Ok(Recognised::New(None)),
            },
        },
        Key::Either { natural, repeat } => {
            let id = Key::id_of(natural);
            let named = by_id(db, tag, id.clone(), checked)?;
            claim(db, tag, named, &id, repeat, &sought)
        }
        Key::Several { ids, older, repeat } => {
            let ids: Vec<String> = ids.iter().map(|id| Key::id_of(id)).collect();
            let mut named = by_one_of(db, tag, &ids, checked)?;
            if let (Recognised::New(_) | Recognised::Beside { .. }, Some(older)) = (&named, older)
                && has_session_keys(db)?
                && let known @ Recognised::Seen(..) = by_id(db, tag, Key::id_of(older), checked)?
            {
                named = known;
            }
            let recognised = match (repeat, ids.first()) {
                (Some(repeat), Some(id)) => claim(db, tag, named, id, repeat, &sought)?,
                _ => named,
            };
            if let (Recognised::Seen(seq, _), [_, _, ..]) = (&recognised, &ids[..]) {
                let seq = *seq;
                know_as(db, seq, &ids)?;
            }
            Ok(recognised)
        }
    }
}

fn by_one_of(db: &Connection, tag: Tag, ids: &[String], checked: &Checked) -> rusqlite::Result<Recognised> {
    let (mut by_first, mut taken_by) = (None, None);
    for id in ids {
        let own = match by_id(db, tag, id.clone(), checked)? {
            Recognised::New(own) => own,
            Recognised::Beside { id: own, other } => {
                taken_by = taken_by.or(Some(other));
                own
            }
            known => return Ok(known),
        };
        by_first = by_first.or(Some(own));
    }
    let id = by_first.flatten();
    Ok(match taken_by {
        Some(other) => Recognised::Beside { id, other },
        None => Recognised::New(id),
    })
}

/// The fact at `seq` is found by all of several ids from now on.
fn know_as(db: &Connection, seq: u64, ids: &[String]) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached("INSERT OR IGNORE INTO alias (id, seq, natural) VALUES (?, ?, 1)")?;
    ids.iter().try_for_each(|id| statement.execute(params![StoredId(id), seq]).map(drop))
}

/// What no report has named so far by its natural id may be what another channel told without one.
fn claim(db: &Connection, tag: Tag, named: Recognised, id: &str, repeat: &str, sought: &Sought) -> rusqlite::Result<Recognised> {
    if !matches!(named, Recognised::New(_) | Recognised::Beside { .. }) {
        return Ok(named);
    }
    match sought.find(db, repeat, Among::Nameless)? {
        Some(fact) => {
            name(db, id, fact.seq)?;
            seen(db, tag, fact.seq)
        }
        None => match sought.ended_call(db)? {
            Some(seq) => {
                sought.remember_end(db, repeat, seq, true)?;
                name(db, id, seq)?;
                seen(db, tag, seq)
            }
            None => Ok(named),
        },
    }
}

/// Whether events of before schema 6 are there, which know by keys of their session what has a provider's id.
fn has_session_keys(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT session_keys > floor FROM ledger")?.query_row([], |row| row.get(0))
}

/// After the first report of a fact became `event`: by what else it may be known.
pub fn remember(db: &Connection, key: &Key, report: Option<Report>, event: &Event) -> rusqlite::Result<()> {
    let natural = match key {
        Key::Several { ids, .. } => &ids[..],
        Key::Natural(natural) | Key::Either { natural, .. } => std::slice::from_ref(natural),
        Key::None | Key::Id(_) | Key::Repeat(_) => &[],
    };
    let ids: Vec<String> = natural.iter().map(|id| Key::id_of(id)).filter(|id| *id != event.id).collect();
    know_as(db, event.seq, &ids)?;
    given_id::remember(db, key, event.seq)?;
    let (repeat, named) = match key {
        Key::Either { repeat, .. } | Key::Several { repeat: Some(repeat), .. } => (repeat, true),
        Key::Repeat(repeat) => (repeat, false),
        Key::None | Key::Id(_) | Key::Natural(_) | Key::Several { repeat: None, .. } => return Ok(()),
    };
    insert(db, repeat, event.timestamp, event.seq, named, report.filter(|_| !event.is_running()))
}

fn insert(db: &Connection, repeat: &str, at: Time, seq: u64, named: bool, report: Option<Report>) -> rusqlite::Result<()> {
    let span = span_of(at);
    let (channel, report) = report.map(|report| (report.channel as u8, report.id)).unzip();
    db.prepare_cached("INSERT OR IGNORE INTO repeat (span, id, seq, named, channel, report) VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![span.micros(), id_in(repeat, span), seq, named, channel, report])
        .map(drop)
}

/// The fact goes, and with it its other ids.
pub fn forget(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM alias WHERE seq = ?")?.execute([seq])?;
    db.prepare_cached("DELETE FROM report WHERE seq = ?")?.execute([seq])?;
    settlement::forget(db, seq)?;
    given_id::forget(db, seq)?;
    db.prepare_cached("DELETE FROM repeat WHERE seq = ?")?.execute([seq]).map(drop)
}

fn by_id(db: &Connection, tag: Tag, id: String, report: &Checked) -> rusqlite::Result<Recognised> {
    let holder = rows::find_fact(db, tag, &id)?;
    if let Some(seq) = holder
        && given_id::is_of_one_fact(db, seq, report)?
    {
        return Ok(Recognised::Seen(seq, id));
    }
    let alias: Option<u64> = db
        .prepare_cached("SELECT seq FROM alias WHERE id = ? AND natural = 1")?
        .query_row([StoredId(&id)], |row| row.get(0))
        .optional()?;
    if let Some(seq) = alias
        && given_id::is_of_one_fact(db, seq, report)?
    {
        return Ok(Recognised::Seen(seq, id));
    }
    match (holder.or(alias), &report.key) {
        (None, _) => Ok(Recognised::New(Some(id))),
        (Some(other), Key::Id(_)) => Ok(Recognised::Clash(other)),
        (Some(other), _) => {
            let own = given_id::beside(&id, report.event());
            match rows::find_fact(db, tag, &own)? {
                None => Ok(Recognised::Beside { id: Some(own), other }),
                Some(seq) if given_id::is_of_one_fact(db, seq, report)? => Ok(Recognised::Seen(seq, own)),
                Some(_) => Ok(Recognised::Beside { id: None, other }),
            }
        }
    }
}

fn seen(db: &Connection, tag: Tag, seq: u64) -> rusqlite::Result<Recognised> {
    let (id, received): (Option<StoredId<String>>, Micros) = db
        .prepare_cached("SELECT id, received FROM event WHERE seq = ?")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Recognised::Seen(seq, id.map_or_else(|| tag.id(Time::from_micros(received), seq), |id| id.0)))
}

/// Gives a nameless fact its natural id: another one is another fact from now on.
fn name(db: &Connection, id: &str, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO alias (id, seq, natural) VALUES (?, ?, 1)")?.execute(params![StoredId(id), seq])?;
    db.prepare_cached("UPDATE repeat SET named = 1 WHERE seq = ?")?.execute([seq]).map(drop)
}

/// Which facts a report may repeat.
#[derive(Clone, Copy, PartialEq)]
enum Among {
    All,
    /// Those that no report has named by a natural id.
    Nameless,
}

/// The fact that a report repeats.
struct Repeated {
    apart: Micros,
    seq: u64,
}

/// A report whose fact is looked for by what it says.
struct Sought {
    at: Time,
    report: Option<Report>,
    /// When the coder's status was last told, where the report is of a step of its life: what a step parts is not one.
    last_step: Option<Time>,
    is_step: bool,
    /// The calls of tools that it may tell the end of.
    calls: Vec<u64>,
}

impl Sought {
    fn of(checked: &Checked, coder: Option<&Coder>) -> Sought {
        let event = checked.event();
        let is_step = event.kind.family() == Family::Lifecycle;
        let call = event.call().filter(|_| !event.is_running());
        let calls = coder.zip(call).map(|(coder, call)| coder.calls_at_work(call).collect()).unwrap_or_default();
        // The channel that tells that a call began has yet to tell that it ended.
        let report = checked.report.filter(|_| !event.is_running());
        Sought { at: event.timestamp, report, last_step: coder.and_then(Coder::last_step), is_step, calls }
    }

    /// The fact nearest in time that says the same: it lies in the same span of time or a neighbouring one.
    fn find(&self, db: &Connection, repeat: &str, among: Among) -> rusqlite::Result<Option<Repeated>> {
        let spans = [0, -1, 1].map(|step| span_of(self.at).plus(step * Key::REPEAT_WITHIN));
        let mut statement = db.prepare_cached(
            "SELECT found.span, found.seq, event.at, found.named, found.channel, found.report
             FROM (SELECT * FROM repeat WHERE span = ?1 AND id = ?2
                   UNION ALL SELECT * FROM repeat WHERE span = ?3 AND id = ?4
                   UNION ALL SELECT * FROM repeat WHERE span = ?5 AND id = ?6) AS found
             JOIN event ON event.seq = found.seq",
        )?;
        let [here, before, behind] = spans.map(|span| (span.micros(), id_in(repeat, span)));
        let mut rows = statement.query(params![here.0, here.1, before.0, before.1, behind.0, behind.1])?;
        let mut nearest: Option<Repeated> = None;
        while let Some(row) = rows.next()? {
            let (span_of_row, seq, first, named): (Micros, u64, Micros, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let (span, first) = (Time::from_micros(span_of_row), Time::from_micros(first));
            let apart = self.at.since(if span_of(first) == span { first } else { self.nearest_in(span) }).abs();
            if apart >= Key::REPEAT_WITHIN || named && among == Among::Nameless {
                continue;
            }
            let fact = Repeated { apart, seq };
            match self.relation(db, seq, first, (row.get(4)?, row.get(5)?))? {
                Relation::Same => return Ok(Some(fact)),
                Relation::Another => {}
                Relation::Repeats if nearest.as_ref().is_none_or(|nearest| apart < nearest.apart) => nearest = Some(fact),
                Relation::Repeats => {}
            }
        }
        if let Some(fact) = &nearest {
            self.remember_for(db, fact.seq)?;
        }
        Ok(nearest)
    }

    /// The moment in `span` that is nearest: a long call is remembered where it began and where it ended.
    fn nearest_in(&self, span: Time) -> Time {
        self.at.clamp(span, span.plus(Key::REPEAT_WITHIN))
    }

    /// The call whose end it tells, of those that no id tells apart.
    fn ended_call(&self, db: &Connection) -> rusqlite::Result<Option<u64>> {
        for seq in &self.calls {
            let nameless: bool = db
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM repeat WHERE seq = ? AND named = 0)")?
                .query_row([seq], |row| row.get(0))?;
            if nameless {
                return Ok(Some(*seq));
            }
        }
        Ok(None)
    }

    /// Other channels tell the end at about the same time.
    fn remember_end(&self, db: &Connection, repeat: &str, seq: u64, named: bool) -> rusqlite::Result<()> {
        insert(db, repeat, self.at, seq, named, self.report)
    }

    /// A session that ended, was taken up and ended again within ten seconds ended twice.
    fn is_parted_from(&self, first: Time) -> bool {
        let between = |step: Time| first.min(self.at) < step && step < first.max(self.at);
        self.is_step && self.last_step.is_some_and(between)
    }

    /// How the report stands to the fact at `seq`, which `by` told first.
    fn relation(&self, db: &Connection, seq: u64, first: Time, by: ReportBy) -> rusqlite::Result<Relation> {
        let Some(mine) = self.report else { return Ok(Relation::Repeats) };
        let mut told = vec![by];
        let mut others = db.prepare_cached("SELECT channel, report FROM report WHERE seq = ?")?;
        let mut rows = others.query([seq])?;
        while let Some(row) = rows.next()? {
            told.push((row.get(0)?, row.get(1)?));
        }
        let of_my_channel = |&&(channel, _): &&ReportBy| channel == Some(mine.channel as u8);
        let mut mine_told = told.iter().filter(of_my_channel).map(|(_, report)| *report == Some(mine.id));
        let parted = self.is_step && self.is_parted_from(first);
        Ok(match (mine_told.clone().next(), mine_told.any(|is_this| is_this)) {
            // Channels tell one step at about the same time.
            (None, _) if parted && self.at.since(first).abs() > STEP_SKEW => Relation::Another,
            (None, _) => Relation::Repeats,
            // The same payload ends a session again that was taken up since.
            (Some(_), _) if parted => Relation::Another,
            (Some(_), true) => Relation::Same,
            // Two hooks of an agent may tell one step of life.
            (Some(_), false) if self.is_step => Relation::Repeats,
            (Some(_), false) => Relation::Another,
        })
    }

    /// The fact was told by this report too.
    fn remember_for(&self, db: &Connection, seq: u64) -> rusqlite::Result<()> {
        let Some(Report { channel, id }) = self.report else { return Ok(()) };
        db.prepare_cached("INSERT OR IGNORE INTO report (seq, channel, report) VALUES (?, ?, ?)")?
            .execute(params![seq, channel as u8, id])
            .map(drop)
    }
}

/// A hook is stamped when it is received, a record when it is written.
const STEP_SKEW: Micros = 2 * Time::SECOND;

/// Channel and number of a report, where they are known.
type ReportBy = (Option<u8>, Option<i64>);

/// How a report stands to a fact that says the same at about the same time.
enum Relation {
    /// The fact was told by this very report.
    Same,
    Repeats,
    /// The report's channel has told the fact in another report.
    Another,
}

/// The span of time in which a repeat is looked for; its neighbours hold the rest.
fn span_of(at: Time) -> Time {
    at.floor(Key::REPEAT_WITHIN)
}

fn id_in(repeat: &str, span: Time) -> RepeatId {
    RepeatId::of(&format!("{repeat}@{}", span.micros()))
}
