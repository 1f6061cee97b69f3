//! How a brief is made: from the coder's state, and from few of its events.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::Value;

use crate::{
    aggregate::CoderView,
    event::{Body, DataKey, Event, EventType, Time},
    filter::{Filter, TypeSet},
    history::{self, Order, Query, Reader, StatsQuery},
    text::{excerpt, telling_lines},
};

use super::{Asked, AtWork, Brief, BriefWait, ChangedFile, FailedCall, Subagent};

/// What is shown of each kind. The sum of them in characters is what a brief may cost at most.
const ASKED_MAX: usize = 3;
const ASKED_CHARS_MAX: usize = 240;
const FILES_MAX: usize = 10;
const PATH_CHARS_MAX: usize = 64;
const FAILED_MAX: usize = 4;
const CALL_CHARS_MAX: usize = 120;
const ERROR_CHARS_MAX: usize = 200;
/// The lines of an error that tell most.
const ERROR_LINES: usize = 3;
const SUBAGENTS_MAX: usize = 5;
const TITLE_CHARS_MAX: usize = 40;
const WORDS_CHARS_MAX: usize = 400;
const CODES_MAX: usize = 4;

/// Events that are looked at: files and failures of a very long session are counted from its newest ones.
const LOOKED_AT_MAX: usize = 2_000;

impl Brief {
    /// The brief of the coder with this id, of what came since; `None` where there is no such coder.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn read(reader: &mut Reader, coder_id: &str, since: Option<Time>, now: Time) -> Result<Option<Brief>, history::Error> {
        let stats = reader.stats(&StatsQuery { coder: Some(coder_id.to_owned()), since, coders_max: 1 })?;
        let Some(coder) = stats.coders.into_iter().next() else { return Ok(None) };
        let mut brief = Brief { position: reader.position()?, since, ..Brief::of(coder, now) };
        let mut events = EventsOf { reader, coder_id, since };
        brief.ask(&mut events)?;
        brief.take_files(&events.newest(CHANGES, false)?);
        brief.take_failures(&events.newest(TypeSet::all_but(&[EventType::RateLimit, EventType::ApiError]), true)?);
        let subagents = reader.subagents(coder_id)?;
        brief.subagents_more = subagents.len().saturating_sub(SUBAGENTS_MAX) as u64;
        brief.subagents = subagents.into_iter().take(SUBAGENTS_MAX).map(subagent).collect();
        Ok(Some(brief))
    }

    /// What its state tells.
    fn of(coder: CoderView, now: Time) -> Brief {
        let ago = |since: Time| u64::try_from(now.since(since) / Time::SECOND).unwrap_or(0);
        let short = |text: String| excerpt(&text, CALL_CHARS_MAX);
        // Whoever reported it last, the agent is told by the id where that has one.
        let agent = coder.coder_id.split_once(':').map(|(agent, _)| agent.to_owned()).or(coder.source).map(short);
        let mut errors_by_code: Vec<(String, u64)> =
            coder.usage.errors_by_code.iter().map(|(code, times)| (excerpt(code, TITLE_CHARS_MAX), *times)).collect();
        errors_by_code.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        errors_by_code.truncate(CODES_MAX);
        Brief {
            coder_id: coder.coder_id,
            handle: coder.handle,
            name: coder.coder_name.map(short),
            title: coder.title.map(short),
            agent,
            parent_coder_id: coder.parent_coder_id.map(short),
            status: coder.status,
            stalled: coder.stalled,
            needs_attention: coder.needs_attention,
            waiting: coder.waiting.map(|waiting| BriefWait {
                reason: waiting.reason,
                request: waiting.request.map(|request| excerpt(&request, ERROR_CHARS_MAX)),
                for_s: ago(waiting.since),
            }),
            at_work: coder.tool_at_work.map(|tool| AtWork { call: short(tool.call), for_s: ago(tool.since) }),
            progress: coder.progress,
            stage: coder.stage.map(|stage| excerpt(&stage, TITLE_CHARS_MAX)),
            project: coder.project.map(|project| excerpt(&project, CALL_CHARS_MAX)),
            branch: coder.branch.map(|branch| excerpt(&branch, TITLE_CHARS_MAX)),
            model: coder.model.map(|model| excerpt(&model, TITLE_CHARS_MAX)),
            created_at: coder.created_at,
            ended_at: coder.ended_at,
            last_activity: coder.last_activity,
            age_s: coder.last_activity.map_or(0, ago),
            since: None,
            asked: Vec::new(),
            asked_more: 0,
            files: Vec::new(),
            files_more: 0,
            failed: Vec::new(),
            failed_more: 0,
            errors_by_code: errors_by_code.into_iter().collect(),
            rate_limits: coder.usage.rate_limits,
            last_rate_limit: coder.last_rate_limit.filter(|_| coder.usage.rate_limits > 0),
            subagents: Vec::new(),
            subagents_more: 0,
            tokens: coder.usage.tokens.total,
            cost_usd: coder.usage.cost(),
            cost_is_estimated: !coder.usage.cost_mark().is_empty(),
            last_words: coder.last_words.map(|words| excerpt(&words, WORDS_CHARS_MAX)),
            position: history::Position::default(),
            now,
        }
    }

    /// The first prompt, and the newest ones.
    fn ask(&mut self, events: &mut EventsOf<'_>) -> Result<(), history::Error> {
        let newest = events.newest(TypeSet::of(&[EventType::Prompt]), false)?;
        let asked = |event: &Event| match &event.body {
            Body::Progress(fields) => {
                Some(Asked { at: event.timestamp, text: excerpt(fields.text.as_deref()?, ASKED_CHARS_MAX) })
            }
            _ => None,
        };
        let prompts: Vec<Asked> = newest.iter().rev().filter_map(asked).collect();
        self.asked_more = prompts.len().saturating_sub(ASKED_MAX) as u64;
        let behind = prompts.len().saturating_sub(ASKED_MAX - 1).max(1);
        self.asked = prompts.iter().take(1).chain(prompts.iter().skip(behind)).cloned().collect();
        Ok(())
    }

    /// The files of `events`, newest first.
    fn take_files(&mut self, events: &[Event]) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut files: Vec<ChangedFile> = Vec::new();
        for event in events {
            let Body::Workspace(fields) = &event.body else { continue };
            let Some(path) = fields.file_path.as_deref() else { continue };
            let lines = |key: DataKey| event.data.get(key.name()).and_then(Value::as_u64).unwrap_or(0);
            let (added, removed) = (lines(DataKey::LinesAdded), lines(DataKey::LinesRemoved));
            match places.entry(path) {
                Entry::Occupied(place) => {
                    let file = &mut files[*place.get()];
                    (file.added, file.removed) = (file.added.saturating_add(added), file.removed.saturating_add(removed));
                    // Older than what is known already: made by it, unless it is gone.
                    if event.kind == EventType::FileCreated && file.how == "modified" {
                        file.how = "created";
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(files.len());
                    let how = match event.kind {
                        EventType::FileCreated => "created",
                        EventType::FileDeleted => "deleted",
                        _ => "modified",
                    };
                    files.push(ChangedFile { path: self.within(path), how, added, removed });
                }
            }
        }
        self.files_more = files.len().saturating_sub(FILES_MAX) as u64;
        files.truncate(FILES_MAX);
        self.files = files;
    }

    /// A path from the project's folder; of a long one the end.
    fn within(&self, path: &str) -> String {
        let below = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let path = self.project.as_deref().and_then(below).unwrap_or_else(|| path.to_owned());
        let chars = path.chars().count();
        if chars <= PATH_CHARS_MAX {
            return path;
        }
        format!("…{}", path.chars().skip(chars - PATH_CHARS_MAX).collect::<String>())
    }

    /// What failed of `events`, newest first; what failed in the same way stands once.
    fn take_failures(&mut self, events: &[Event]) {
        let mut failed: Vec<FailedCall> = Vec::new();
        for event in events {
            let Some(call) = failed_call(event) else { continue };
            match failed.iter_mut().find(|known| known.what == call.what && known.exit_code == call.exit_code) {
                Some(known) => known.times += 1,
                None => failed.push(call),
            }
        }
        self.failed_more = failed.len().saturating_sub(FAILED_MAX) as u64;
        failed.truncate(FAILED_MAX);
        self.failed = failed;
    }
}

const CHANGES: TypeSet = TypeSet::of(&[EventType::FileCreated, EventType::FileModified, EventType::FileDeleted]);

fn failed_call(event: &Event) -> Option<FailedCall> {
    let said = |key: DataKey| event.data.get(key.name()).and_then(Value::as_str);
    let (what, error) = match &event.body {
        Body::Progress(fields) => (fields.description.as_deref().or(fields.stage.as_deref())?, said(DataKey::Error)),
        Body::Lifecycle(fields) => ("the turn", fields.error_message.as_deref().or(fields.reason.as_deref())),
        _ => return None,
    };
    let telling = error.map(|error| telling_lines(error, ERROR_LINES).join("\n")).unwrap_or_default();
    Some(FailedCall {
        seq: event.seq,
        at: event.timestamp,
        what: excerpt(what, CALL_CHARS_MAX),
        exit_code: event.data.get(DataKey::ExitCode.name()).and_then(Value::as_i64),
        error: crate::text::cut(&telling, ERROR_CHARS_MAX).into_owned(),
        times: 1,
    })
}

fn subagent(coder: CoderView) -> Subagent {
    let title = coder.title.or(coder.coder_name).map(|title| excerpt(&title, TITLE_CHARS_MAX));
    Subagent { handle: coder.handle, title, status: coder.status }
}

/// Where a coder's events are asked for.
struct EventsOf<'r> {
    reader: &'r mut Reader,
    coder_id: &'r str,
    since: Option<Time>,
}

impl EventsOf<'_> {
    fn newest(&mut self, types: TypeSet, failed: bool) -> Result<Vec<Event>, history::Error> {
        let filter = Filter { types: Some(types), since: self.since, failed, ..Filter::coder(self.coder_id) };
        let query = Query {
            filter,
            order: Order::Newest,
            limit: LOOKED_AT_MAX,
            time_max: Some(Query::TIME_MAX),
            bytes_max: Query::PAGE_BYTES,
            ..Query::default()
        };
        Ok(self.reader.page(&query)?.events)
    }
}
