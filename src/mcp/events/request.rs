//! What a client asks for by `events/poll` and `events/stream`: one subscription, told whole with each request.

use std::sync::Arc;

use rmcp::{ErrorData, model::JsonObject};
use serde_json::{Value, json};

use crate::{
    event::{Invalid, Time, check_coder_id, whole_number},
    filter::{Filter, TypeSet, parse_path},
    history::{Meant, Reader},
    mcp::{
        arguments::{Argument, NameOrNames, said_by, take, tool_arguments},
        caller::{Caller, ME},
        context::{moment, now},
        cursor::Cursor,
        naming,
        tool_error::ToolError,
        tools::event_types,
        untrusted,
    },
};

use super::{NOT_FOUND, OccurrenceKind, refused};

tool_arguments! {
    EventArguments {
        coder_id: NameOrNames = "Only this coder's: id, name, `me`, or a list; `*` is all. One that is not there yet is waited for.",
        not_coder: Option<String> = "Leave this one out: `me` is you.",
        path: Option<String> = "Events of this file, of files in this folder, or of paths that end so.",
        text: Option<String> = "Events with this text in prompt, command, output, error, message or diff; case does not matter.",
        failed: bool = "Only what failed.",
        event_types: Vec<String> = "Only these types or families: failed, progress, lifecycle.*, workspace.*, provider.*.",
        since: Option<String> = "From this event time: RFC 3339, or an age such as 15m, 2h, 7d.",
        until: Option<String> = "To this event time, written as since.",
    }
}

pub(super) struct EventsRequest {
    pub kind: OccurrenceKind,
    pub cursor: Option<Cursor>,
    /// In milliseconds.
    pub max_age: Option<u64>,
    /// At most so many are wanted.
    pub max_events: Option<u64>,
    /// Coders as the caller names them, the rest as it is looked for.
    coders: Vec<String>,
    not_coder: Option<String>,
    filter: Filter,
    caller: Caller,
}

/// A whole number that may be left out.
struct AtLeast<const LEAST: u64>(Option<u64>);

impl<const LEAST: u64> Argument for AtLeast<LEAST> {
    fn missing() -> Result<Self, &'static str> {
        Ok(AtLeast(None))
    }

    fn read(given: Value) -> Result<Self, Value> {
        whole_number(&given).filter(|number| *number >= LEAST).map(|number| AtLeast(Some(number))).ok_or(given)
    }

    fn valid() -> String {
        format!("a whole number from {LEAST} on")
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": LEAST})
    }
}

pub(super) fn arguments_schema() -> Arc<JsonObject> {
    EventArguments::schema()
}

impl EventsRequest {
    /// Keys that are not known here are for a later version of the extension.
    ///
    /// # Errors
    /// The protocol's, which tells what is wrong and what is valid there.
    pub fn read(mut params: JsonObject, caller: Caller) -> Result<EventsRequest, ErrorData> {
        let name = take::<Option<String>>(&mut params, "name").map_err(invalid)?;
        let names = || OccurrenceKind::ALL.map(OccurrenceKind::name).join(", ");
        let Some(name) = name else {
            return Err(ErrorData::invalid_params(format!("`name` is missing: give one of {}", names()), None));
        };
        let Some(kind) = OccurrenceKind::parse(&name) else {
            let message = format!("no event is called `{}`: there are {}", untrusted::echo(&name), names());
            return Err(ErrorData::new(NOT_FOUND, message, Some(json!({"kind": "event"}))));
        };
        let arguments = match params.remove("arguments").map(|given| said_by(&given).unwrap_or(given)) {
            None | Some(Value::Null) => JsonObject::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(ErrorData::invalid_params("`arguments` is no object", None)),
        };
        EventsRequest::with_arguments(kind, params, arguments, caller).map_err(invalid)
    }

    fn with_arguments(
        kind: OccurrenceKind,
        mut params: JsonObject,
        arguments: JsonObject,
        caller: Caller,
    ) -> Result<EventsRequest, Invalid> {
        let given = EventArguments::check(Some(arguments))?;
        let asked_types = event_types(&given.event_types)?;
        let all = given.coder_id.0.iter().any(|said| said == naming::EVERY_CODER);
        Ok(EventsRequest {
            kind,
            cursor: take(&mut params, "cursor")?,
            max_age: take::<AtLeast<0>>(&mut params, "maxAgeMs")?.0,
            max_events: take::<AtLeast<1>>(&mut params, "maxEvents")?.0,
            coders: if all { Vec::new() } else { given.coder_id.0 },
            not_coder: given.not_coder,
            filter: Filter {
                types: both(kind.types(), asked_types),
                since: moment("since", given.since.as_deref(), now())?,
                until: moment("until", given.until.as_deref(), now())?,
                path: given.path.map(|path| parse_path("path", &path)).transpose()?,
                text: given.text,
                failed: given.failed,
                ..Filter::default()
            },
            caller,
        })
    }

    /// What the history is asked for.
    ///
    /// # Errors
    /// [`ToolError`] where it cannot be told who is meant.
    pub fn filter(&self, reader: &mut Reader) -> Result<Filter, ToolError> {
        let coders = self.coders.iter().map(|said| self.coder(reader, said)).collect::<Result<_, _>>()?;
        let not_coders = naming::coders(reader, &self.caller, self.not_coder.as_slice())?;
        Ok(Filter { coders, not_coders, ..self.filter.clone() })
    }

    /// One that is not known yet may come.
    fn coder(&self, reader: &mut Reader, said: &str) -> Result<String, ToolError> {
        if said == ME {
            return naming::coder(reader, &self.caller, said);
        }
        match reader.which(said)? {
            Meant::One(id) => Ok(id),
            Meant::Unclear(unclear) if unclear.is_ambiguous || check_coder_id(said).is_err() => {
                Err(ToolError::UnclearCoder(unclear))
            }
            Meant::Unclear(_) => Ok(said.to_owned()),
        }
    }

    /// Before when nothing is told again.
    pub fn oldest(&self, now: Time) -> Option<Time> {
        let micros = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000);
        self.max_age.map(|millis| now.plus(-micros(millis)))
    }
}

fn invalid(wrong: Invalid) -> ErrorData {
    refused(wrong.into())
}

/// What lies in both, where both are said.
fn both(one: Option<TypeSet>, other: Option<TypeSet>) -> Option<TypeSet> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.iter().filter(|&kind| other.contains(kind)).fold(TypeSet::EMPTY, TypeSet::with)),
        (one, other) => one.or(other),
    }
}
