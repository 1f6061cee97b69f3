//! `subscribe_coder`: the present, or what came since a cursor, or the wait for it.
//!
//! A long poll, since no agent hands notifications to its model. The cursor is all the state there is: what one call did
//! not give, the next one does. First the history is read up to its head; only a call that then has no answer waits, as
//! a task where the client has tasks, else with progress notifications.

mod watch;

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleServer,
    model::{CallToolResponse, CallToolResult, CreateTaskResult, JsonObject},
    service::RequestContext,
    task_manager::{TaskExit, TaskOptions},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::CoderView,
    bus::Bus,
    event::{EventType, check_coder_id},
    filter::{Filter, TypeSet},
    history::{Missed, Position},
    mcp::{
        address::Address,
        arguments::{self, Argument, Whole, Word, tool_arguments},
        budget::{self, ANSWER_EVENTS_MAX, AnswerBudget, shorten},
        context::ServeContext,
        cursor::Cursor,
        detail::AnswerDetail,
        progress::ProgressNotifier,
        tool_error::ToolError,
        tool_result,
        until::Until,
    },
};

use self::watch::{CoderWatch, Patience};
use super::gather::{Gathering, WatchEnded};

const EVERY_CODER: &str = "*";
tool_arguments! {
    SubscribeCoder {
        coder_id: WatchedCoder = "Id, name or `me`; a list of them; `*` for all.",
        event_types: Vec<String> = "Only these types or families, such as lifecycle.*. Left out: all but output and resource_usage.",
        cursor: Option<Cursor> = "cursor of the last answer. Left out: the present state, at once.",
        // Clients give up on a call after 60 s.
        wait_ms: Whole<0, 55_000, 25_000> = "Longest wait; above 55000 only with a progress token or as a task.",
        max_events: Whole<1, 1000, 50> = "Most events.",
        until: Vec<String> = "Wait on until: settled (completed, paused, waiting or finished), finished, needs_attention, stalled, a status, or an event type.",
        detail: Word<AnswerDetail> = "summary: one sentence an event; full: every field.",
    }
}

/// Whom to watch: the one argument that must be given.
struct WatchedCoder(String);

impl Argument for WatchedCoder {
    fn missing() -> Result<Self, &'static str> {
        Err("the id of a coder, or `*` for all")
    }

    fn read(given: Value) -> Result<Self, Value> {
        arguments::text(given).map(WatchedCoder)
    }
}

/// Left out unless asked for: they are many and say little.
const NOISE: &[EventType] = &[EventType::Output, EventType::ResourceUsage];
/// A coder's state takes no more of an answer than this; the rest is for events.
const CODER_CHARS_MAX: usize = 10_000;
/// How long a task's result can be fetched once the wait is over.
const TASK_KEPT: Duration = Duration::from_secs(300);
/// Clients ask for a task's state this often: a wait ends at any moment.
const TASK_POLL: Duration = Duration::from_millis(500);

#[derive(Serialize)]
pub(in crate::mcp) struct WatchAnswer {
    coder: Value,
    events: Vec<Box<RawValue>>,
    /// Pass it on in the next call.
    cursor: String,
    ended: WatchEnded,
    /// Retention removed events before they could be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<Missed>,
    /// How many events before the given ones are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<u64>,
    /// The answer was full: the next call gives the rest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// Where to read more.
    resources: Vec<String>,
}

impl WatchAnswer {
    fn is_of_coders(&self) -> bool {
        self.coder.is_object() || !self.events.is_empty()
    }

    fn result(&self) -> CallToolResult {
        tool_result::result(self, self.is_of_coders())
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    SubscribeCoder::schema()
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ToolError> {
    let mut given = SubscribeCoder::check(arguments)?;
    let (cursor, wait) = (given.cursor.take(), Duration::from_millis(given.wait_ms.0));
    let watch = CoderWatch::of(given)?;
    let deadline = Instant::now() + wait;

    // First what is there is looked at: a call that has its answer makes no task and is no waiting call.
    let mut patience = Patience {
        deadline,
        closing: serving.closing.clone(),
        cancelled: context.ct.clone(),
        progress: ProgressNotifier::to_caller(&context),
    };

    let (mut gathering, ended) = watch.catch_up(&serving.bus, cursor, &patience).await?;
    let patience_is_over = deadline <= Instant::now();
    if let Some(ended) = ended.or(patience_is_over.then_some(WatchEnded::Timeout)) {
        return Ok(watch.answer(&serving.bus, &gathering, ended).await?.result().into());
    }
    let takes_tasks = context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks());
    let kept = deadline.saturating_duration_since(Instant::now()) + TASK_KEPT;
    // Kept while it waits, and as long again once it is over.
    if !(takes_tasks && serving.tasks_made.may_make(Instant::now(), kept * 2)) {
        // From here on it does not keep other requests from being read, however long it stands.
        serving.open_requests.wait(&context.id).map_err(|_| ToolError::Crowd)?;
        // What the caller sent beside the arguments may be large, and the wait may be long.
        drop(context);
        let ended = watch.wait(&serving.bus, &mut gathering, &mut patience).await?;
        return Ok(watch.answer(&serving.bus, &gathering, ended).await?.result().into());
    }

    let options = TaskOptions::new()
        .with_ttl_ms(kept.as_millis() as u64)
        .with_poll_interval_ms(TASK_POLL.as_millis() as u64)
        .with_status_message(format!("waiting for {}", watch.coder));
    let bus = serving.bus.clone();
    let task = serving.tasks.spawn(options, move |task| {
        Box::pin(async move {
            patience.progress = ProgressNotifier::to_task(task.clone());
            // The request that made the task is answered; only the task itself can be cancelled now.
            patience.cancelled = CancellationToken::new();
            let waited = async {
                let ended = watch.wait(&bus, &mut gathering, &mut patience).await?;
                watch.answer(&bus, &gathering, ended).await
            };
            tokio::select! {
                () = task.cancelled() => Err(TaskExit::Cancelled),
                waited = waited => Ok(waited.map_or_else(ToolError::into_result, |answer| tool_result::whole(answer.result()))),
            }
        })
    });
    Ok(CallToolResponse::Task(CreateTaskResult::new(task)))
}

impl CoderWatch {
    fn of(given: SubscribeCoder) -> Result<CoderWatch, ToolError> {
        let WatchedCoder(coder) = given.coder_id;
        if coder != EVERY_CODER {
            check_coder_id(&coder)?;
        }
        let wanted = super::list_events::types(&given.event_types)?.unwrap_or_else(|| TypeSet::all_but(NOISE));
        let until = Until::parse(&given.until)?;
        let types = match until.as_ref().map(Until::deciding_types) {
            None => Some(wanted),
            Some(Some(deciding)) => Some(deciding.iter().fold(wanted, TypeSet::with)),
            Some(None) => None,
        };
        let coders = if coder == EVERY_CODER { Vec::new() } else { vec![coder.clone()] };
        let filter = Filter { coders, types, ..Filter::default() };
        let events_max = (given.max_events.0 as usize).min(ANSWER_EVENTS_MAX);
        Ok(CoderWatch { coder, filter, wanted, until, events_max, detail: given.detail.0 })
    }

    async fn answer(&self, bus: &Bus, gathering: &Gathering, ended: WatchEnded) -> Result<WatchAnswer, ToolError> {
        let coder = self.one().map(str::to_owned);
        let (position, coder) = bus
            .read_few(move |reader| {
                let coder = coder.map(|coder| reader.coder(&coder)).transpose()?.flatten();
                Ok((reader.position()?, coder))
            })
            .await?;
        if gathering.is_of_another_history_than(&position) {
            let lost = self.gathering(position.head);
            return Ok(self.fill(&lost, WatchEnded::Gap, &position, coder));
        }
        Ok(self.fill(gathering, ended, &position, coder))
    }

    fn fill(&self, gathering: &Gathering, ended: WatchEnded, position: &Position, coder: Option<CoderView>) -> WatchAnswer {
        let mut coder = serde_json::to_value(coder).expect("a coder has only JSON values and text keys");
        shorten(&mut coder, CODER_CHARS_MAX);
        let resources = match self.one() {
            Some(coder) => Address::of_coder(coder).map(|address| address.uri()).collect(),
            None => [Address::Coders, Address::Alerts].iter().map(Address::uri).collect(),
        };
        let mut answer = WatchAnswer {
            coder,
            events: Vec::new(),
            cursor: Cursor::at(position, gathering.through()).to_string(),
            ended,
            missed: gathering.missed(),
            omitted: None,
            truncated: false,
            resources,
        };
        let budget = AnswerBudget::beside(&answer);
        let told = gathering.events().iter().map(|event| self.detail.tell(event));
        if gathering.until().is_some() {
            // The newest matter: what does not fit is omitted, not left for later.
            let (mut newest, _) = budget.fill(told.rev());
            newest.reverse();
            let omitted = gathering.count() - newest.len() as u64;
            answer.omitted = (omitted > 0).then_some(omitted);
            answer.events = newest;
        } else {
            (answer.events, answer.truncated) = budget.fill(told);
            if answer.truncated {
                // The answer was full before as many came as were asked for.
                answer.ended = if ended == WatchEnded::MaxEvents { WatchEnded::Events } else { ended };
                let last = answer.events.len().checked_sub(1).and_then(|index| gathering.events().get(index));
                let through = last.map_or(gathering.through(), |event| event.seq);
                answer.cursor = Cursor::at(position, through).to_string();
            }
        }
        debug_assert!(budget::length(&answer) < budget::ANSWER_CHARS_MAX, "an answer keeps its budget");
        answer
    }
}
