//! `subscribe_coder`: the present, or what came since a cursor, or the wait for it.
//!
//! A long poll, since no agent hands notifications to its model. The cursor is all the state there is: what one call did
//! not give, the next one does. First the history is read up to its head; only a call that then has no answer waits, as
//! a task where the client has tasks, else with progress notifications.

mod answer;
mod watch;

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleServer,
    model::{CallToolResponse, CreateTaskResult, JsonObject},
    service::RequestContext,
    task_manager::{TaskExit, TaskOptions},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::Until,
    event::{EventType, Invalid, check_coder_id},
    filter::{Filter, TypeSet},
    history::{Meant, Reader},
    mcp::{
        arguments::{Argument, NameOrNames, Whole, Word, tool_arguments},
        budget::ANSWER_EVENTS_MAX,
        caller::{Caller, ME},
        context::ServeContext,
        cursor::Cursor,
        detail::AnswerDetail,
        naming,
        progress::ProgressNotifier,
        tool_error::ToolError,
        tool_result,
    },
};

use self::watch::{CoderWatch, Patience, WatchTarget, WatchedCoder};
use super::gather::WatchEnded;

tool_arguments! {
    SubscribeCoder {
        coder_id: WhomToWatch = "Id, name or `me`; a list of them; `*` for all.",
        cursor: Option<Cursor> = "cursor of the last answer. Left out: the present state, at once.",
        until: Vec<String> = "Wait on until: settled (completed, paused, waiting or finished), finished, needs_attention, stalled, a status, or an event type.",
        wait_ms: Whole<0, WAIT_MS_MAX, 25_000> = "Longest wait; above 55000 only with a progress token or as a task.",
        event_types: Vec<String> = "Only these types or families, such as lifecycle.*. Left out: all but output and resource_usage.",
        not_coder: Option<String> = "Leave this one out: `me` is you.",
        gather_ms: Whole<0, 5_000, 250> = "Wait this much after the first event, for more.",
        max_events: Whole<1, 1000, 50> = "Most events.",
        detail: Word<AnswerDetail> = "summary: one sentence an event; full: every field.",
    }
}

/// Whom to watch: the one argument that must be given.
struct WhomToWatch(Vec<String>);

impl Argument for WhomToWatch {
    fn missing() -> Result<Self, &'static str> {
        Err("the id or name of a coder, a list of them, or `*` for all")
    }

    fn read(given: Value) -> Result<Self, Value> {
        let NameOrNames(names) = NameOrNames::read(given)?;
        if names.is_empty() { Err(json!(names)) } else { Ok(WhomToWatch(names)) }
    }

    fn valid() -> String {
        "the id or name of a coder, a list of them, or `*` for all".into()
    }

    fn schema() -> Value {
        NameOrNames::schema()
    }
}

/// Left out unless asked for: they are many and say little.
const NOISE: &[EventType] = &[EventType::Output, EventType::ResourceUsage];
/// As a task, which clients run in the background.
const WAIT_MS_MAX: u64 = 3_600_000;
/// With a progress token, by which clients see that a call still lives.
const WAIT_MS_WITH_PROGRESS: u64 = 600_000;
/// Others give up on a call after 60 s.
const WAIT_MS_ALONE: u64 = 55_000;
/// How many may be watched by name.
const WATCHED_MAX: usize = 100;
/// How long a task's result can be fetched once the wait is over.
const TASK_KEPT: Duration = Duration::from_secs(300);
/// Clients ask for a task's state this often: a wait ends at any moment.
const TASK_POLL: Duration = Duration::from_millis(500);

pub(super) fn input() -> Arc<JsonObject> {
    SubscribeCoder::schema()
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    context: RequestContext<RoleServer>,
    caller: Caller,
) -> Result<CallToolResponse, ToolError> {
    let mut given = SubscribeCoder::check(arguments)?;
    let takes_tasks = context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks());
    let progress = ProgressNotifier::to_caller(&context);
    check_wait(given.wait_ms.0, takes_tasks, !matches!(progress, ProgressNotifier::Nobody))?;
    let (cursor, wait) = (given.cursor.take(), Duration::from_millis(given.wait_ms.0));
    let watch = Arc::new(CoderWatch::of(given, serving, caller, cursor.is_none()).await?);
    let deadline = Instant::now() + wait;

    // First what is there is looked at: a call that has its answer makes no task and is no waiting call.
    let mut patience = Patience { deadline, closing: serving.closing.clone(), cancelled: context.ct.clone(), progress };
    let mut gathering = watch.catch_up(&serving.bus, cursor, &mut patience).await?;
    if gathering.ended().is_none() && deadline <= Instant::now() {
        gathering.end(WatchEnded::Timeout);
    }
    if gathering.ended().is_some() {
        return Ok(watch.answer(&serving.bus, &gathering).await?.result().into());
    }
    let kept = deadline.saturating_duration_since(Instant::now()) + TASK_KEPT;
    // Kept while it waits, and as long again once it is over.
    if !(takes_tasks && serving.tasks_made.may_make(Instant::now(), kept * 2)) {
        // From here on it does not keep other requests from being read, however long it stands.
        serving.open_requests.wait(&context.id).map_err(|_| ToolError::Crowd)?;
        // What the caller sent beside the arguments may be large, and the wait may be long.
        drop(context);
        watch.wait(&serving.bus, &mut gathering, &mut patience).await?;
        return Ok(watch.answer(&serving.bus, &gathering).await?.result().into());
    }

    let options = TaskOptions::new()
        .with_ttl_ms(kept.as_millis() as u64)
        .with_poll_interval_ms(TASK_POLL.as_millis() as u64)
        .with_status_message(format!("waiting for {}", watch.told));
    let bus = serving.bus.clone();
    let task = serving.tasks.spawn(options, move |task| {
        Box::pin(async move {
            patience.progress = ProgressNotifier::to_task(task.clone());
            // The request that made the task is answered; only the task itself can be cancelled now.
            patience.cancelled = CancellationToken::new();
            let waited = async {
                watch.wait(&bus, &mut gathering, &mut patience).await?;
                watch.answer(&bus, &gathering).await
            };
            tokio::select! {
                () = task.cancelled() => Err(TaskExit::Cancelled),
                waited = waited => Ok(waited.map_or_else(ToolError::into_result, |answer| tool_result::whole(answer.result()))),
            }
        })
    });
    Ok(CallToolResponse::Task(CreateTaskResult::new(task)))
}

fn check_wait(wait_ms: u64, takes_tasks: bool, has_progress: bool) -> Result<(), Invalid> {
    let (most, more) = match (takes_tasks, has_progress) {
        (true, _) => (WAIT_MS_MAX, ""),
        (false, true) => (WAIT_MS_WITH_PROGRESS, ""),
        (false, false) => {
            (WAIT_MS_ALONE, "; a client that sends a progress token may wait up to 600000, one that has tasks 3600000")
        }
    };
    if wait_ms <= most {
        return Ok(());
    }
    Err(Invalid::wrong("wait_ms", &wait_ms.into(), &format!("a whole number from 0 to {most}{more}")))
}

impl CoderWatch {
    async fn of(given: SubscribeCoder, serving: &ServeContext, caller: Caller, is_first: bool) -> Result<CoderWatch, ToolError> {
        let wanted = super::list_events::types(&given.event_types)?.unwrap_or_else(|| TypeSet::all_but(NOISE));
        let until = Until::parse(&given.until)?;
        let WhomToWatch(said) = given.coder_id;
        if said.len() > WATCHED_MAX {
            return Err(Invalid::new(
                "coder_id",
                format_args!("`coder_id` names {}: give at most {WATCHED_MAX}, or `*`", said.len()),
            )
            .into());
        }
        let told = said.join(", ");
        let not_coder = given.not_coder;
        let (watched, not_coders) = serving
            .read(move |reader| {
                let watched = WatchTarget::of(reader, &caller, &said)?;
                Ok((watched, naming::coders(reader, &caller, not_coder.as_slice())?))
            })
            .await?;
        // How a coder stands may change with any event but what it prints.
        let types = match &until {
            None => wanted,
            Some(until) if until.judges_state() => {
                TypeSet::all_but(NOISE).iter().chain(until.kinds().iter()).fold(wanted, TypeSet::with)
            }
            Some(until) => until.kinds().iter().fold(wanted, TypeSet::with),
        };
        let filter = Filter { coders: watched.ids(), not_coders, types: Some(types), ..Filter::default() };
        let events_max = (given.max_events.0 as usize).min(ANSWER_EVENTS_MAX);
        let gather = Duration::from_millis(given.gather_ms.0);
        Ok(CoderWatch { watched, told, filter, wanted, until, events_max, gather, detail: given.detail.0, is_first })
    }
}

impl WatchTarget {
    /// One that is not known yet is waited for.
    fn of(reader: &mut Reader, caller: &Caller, said: &[String]) -> Result<WatchTarget, ToolError> {
        match said {
            all if all.iter().any(|said| said == naming::EVERY_CODER) => Ok(WatchTarget::All),
            [one] => Ok(WatchTarget::One(WatchedCoder::of(reader, caller, one)?)),
            list => {
                list.iter().map(|said| WatchedCoder::of(reader, caller, said)).collect::<Result<_, _>>().map(WatchTarget::Some)
            }
        }
    }
}

impl WatchedCoder {
    fn of(reader: &mut Reader, caller: &Caller, said: &str) -> Result<WatchedCoder, ToolError> {
        let known = |coder_id| WatchedCoder { coder_id, nearest: Vec::new() };
        if said == ME && !naming::is_id(reader, said)? {
            return naming::coder(reader, caller, said).map(known);
        }
        match reader.which(said)? {
            Meant::One(id) => Ok(known(id)),
            Meant::Unclear(unclear) if unclear.is_ambiguous => Err(ToolError::UnclearCoder(unclear)),
            Meant::Unclear(unclear) => {
                // What can be no id will never be one's.
                check_coder_id(said).map_err(|_| ToolError::UnclearCoder(unclear.clone()))?;
                let nearest = unclear.candidates.into_iter().map(|candidate| candidate.coder_id).collect();
                Ok(WatchedCoder { coder_id: said.to_owned(), nearest })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_long_as_the_client_can_wait() {
        let check = |wait_ms, takes_tasks, has_progress, allowed: bool| {
            assert_eq!(check_wait(wait_ms, takes_tasks, has_progress).is_ok(), allowed, "{wait_ms} {takes_tasks} {has_progress}");
        };
        check(55_000, false, false, true);
        check(55_001, false, false, false);
        check(600_000, false, true, true);
        check(600_001, false, true, false);
        check(3_600_000, true, false, true);
    }
}
