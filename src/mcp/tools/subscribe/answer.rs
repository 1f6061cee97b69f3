//! What a watch is answered with: what happened, and how those stand that it concerns, unless nothing changed.

use rmcp::model::CallToolResult;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    aggregate::CoderView,
    bus::Bus,
    event::Time,
    history::{Missed, Position, Reader},
    mcp::{
        budget::{self, AnswerBudget, shorten},
        context::now,
        cursor::Cursor,
        told_coder,
        told_events::{Shared, TellEvents},
        tool_error::ToolError,
        tool_result,
    },
};

use super::{
    super::gather::{Gathering, WatchEnded},
    watch::{CoderWatch, WatchTarget, WatchedCoder},
};

/// The states of coders take no more of an answer than this; the rest is for events.
const CODERS_CHARS_MAX: usize = 10_000;
/// Coders that are told of where all are watched.
const MET_MAX: usize = 20;

#[derive(Serialize)]
pub(super) struct WatchAnswer {
    ended: WatchEnded,
    /// The one that is watched; null while it is unknown. Not told again where nothing happened to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    coder: Option<Value>,
    /// Of several, those that something happened to, or that meet what is waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    coders: Vec<Value>,
    /// Who may be meant by ids that nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<Value>,
    #[serde(flatten)]
    shared: Shared,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Box<RawValue>>>,
    /// Retention removed events before they could be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<Missed>,
    /// How many events before the given ones are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<u64>,
    /// The answer was full: the next call gives the rest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// Pass it on in the next call.
    cursor: String,
    now: Time,
}

impl WatchAnswer {
    fn is_of_coders(&self) -> bool {
        let tells = |coder: &Value| coder.is_object();
        self.coder.as_ref().is_some_and(tells) || !self.coders.is_empty() || self.events.iter().flatten().next().is_some()
    }

    pub fn result(&self) -> CallToolResult {
        tool_result::result(self, self.is_of_coders())
    }
}

impl CoderWatch {
    pub async fn answer(&self, bus: &Bus, gathering: &Gathering) -> Result<WatchAnswer, ToolError> {
        let told = self.whom_to_tell(gathering);
        let (position, coders) = bus
            .read_few(move |reader: &mut Reader| {
                let position = reader.position()?;
                let coders = told.iter().map(|id| reader.coder(id)).collect::<Result<Vec<_>, _>>()?;
                Ok((position, coders.into_iter().flatten().collect::<Vec<_>>()))
            })
            .await?;
        if gathering.is_of_another_history_than(&position) {
            let mut lost = self.gathering(position.head);
            lost.end(WatchEnded::Gap);
            return Ok(self.fill(&lost, &position, &coders));
        }
        Ok(self.fill(gathering, &position, &coders))
    }

    /// Those that something happened to; all where the caller knows of none.
    fn whom_to_tell(&self, gathering: &Gathering) -> Vec<String> {
        let tells_all = self.is_first || gathering.missed().is_some() || gathering.ended() == Some(WatchEnded::Gap);
        let ids = self.watched.ids();
        let mut told: Vec<String> = match (&self.watched, tells_all) {
            (WatchTarget::One(_) | WatchTarget::Some(_), true) => ids,
            (WatchTarget::One(_) | WatchTarget::Some(_), false) => {
                let happened =
                    |id: &String| gathering.met().contains(id) || gathering.events().iter().any(|event| event.coder_id == *id);
                ids.into_iter().filter(happened).collect()
            }
            (WatchTarget::All, _) => gathering.met().to_vec(),
        };
        told.truncate(if matches!(self.watched, WatchTarget::All) { MET_MAX } else { told.len() });
        told
    }

    fn fill(&self, gathering: &Gathering, position: &Position, coders: &[CoderView]) -> WatchAnswer {
        let (now, ended) = (now(), gathering.ended().unwrap_or(WatchEnded::Timeout));
        let is_idle = ended == WatchEnded::Timeout && gathering.events().is_empty() && coders.is_empty();
        let (coder, coders) = self.tell_coders(coders, now);
        let mut shared = Shared::of(gathering.events().iter().map(|event| &**event), self.detail);
        if let Some(one) = coder.as_ref().filter(|_| shared.coder_id.is_some()) {
            shared.project = one["project"].as_str().map(str::to_owned);
        }
        let mut answer = WatchAnswer {
            ended,
            coder,
            coders,
            nearest: self.nearest(),
            shared: shared.clone(),
            events: (!is_idle).then(Vec::new),
            missed: gathering.missed(),
            omitted: None,
            truncated: false,
            cursor: Cursor::at(position, gathering.through()).to_string(),
            now,
        };
        if !is_idle {
            self.fill_events(&mut answer, gathering, position, &shared);
        }
        // The project stands in the row already.
        answer.shared.project = None;
        debug_assert!(budget::length(&answer) < budget::ANSWER_CHARS_MAX, "an answer keeps its budget");
        answer
    }

    fn fill_events(&self, answer: &mut WatchAnswer, gathering: &Gathering, position: &Position, shared: &Shared) {
        let budget = AnswerBudget::beside(&*answer);
        let tell = TellEvents { detail: self.detail, shared, looked_for: None };
        let told = gathering.events().iter().map(|event| tell.tell(event));
        if gathering.until().is_some() {
            // The newest matter: what does not fit is omitted, not left for later.
            let (mut newest, _) = budget.fill(told.rev());
            newest.reverse();
            let omitted = gathering.count() - newest.len() as u64;
            answer.omitted = (omitted > 0).then_some(omitted);
            answer.events = Some(newest);
            return;
        }
        let (events, truncated) = budget.fill(told);
        if truncated {
            // The answer was full before as many came as were asked for.
            answer.ended = if answer.ended == WatchEnded::MaxEvents { WatchEnded::Events } else { answer.ended };
            let last = events.len().checked_sub(1).and_then(|index| gathering.events().get(index));
            let through = last.map_or(gathering.through(), |event| event.seq);
            answer.cursor = Cursor::at(position, through).to_string();
        }
        (answer.events, answer.truncated) = (Some(events), truncated);
    }

    /// One for itself, several in a list.
    fn tell_coders(&self, coders: &[CoderView], now: Time) -> (Option<Value>, Vec<Value>) {
        let told = coders.iter().map(|coder| {
            let mut told = told_coder::tell(coder, now, self.detail);
            shorten(&mut told, CODERS_CHARS_MAX);
            told
        });
        match &self.watched {
            WatchTarget::One(one) if !one.nearest.is_empty() || self.is_first => {
                (Some(told.into_iter().next().unwrap_or(Value::Null)), Vec::new())
            }
            WatchTarget::One(_) => (told.into_iter().next(), Vec::new()),
            WatchTarget::Some(_) | WatchTarget::All => (None, AnswerBudget::of(CODERS_CHARS_MAX).fill(told).0),
        }
    }

    fn nearest(&self) -> Option<Value> {
        let lost = |coder: &&WatchedCoder| !coder.nearest.is_empty();
        match &self.watched {
            WatchTarget::One(one) => lost(&one).then(|| json!(one.nearest)),
            WatchTarget::Some(some) => {
                let nearest: serde_json::Map<String, Value> =
                    some.iter().filter(lost).map(|coder| (coder.coder_id.clone(), json!(coder.nearest))).collect();
                (!nearest.is_empty()).then(|| nearest.into())
            }
            WatchTarget::All => None,
        }
    }
}
