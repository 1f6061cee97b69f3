//! What agents export through OpenTelemetry, record by record, whichever encoding it came in.

use serde_json::{Map, Value};

use crate::event::{Draft, Time};

use super::{Refusal, claude_code, codex, copilot, gemini, genai};

/// Attributes by key; those of the resource are a record's too.
pub type Attributes = Map<String, Value>;

/// One record of an export.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Log(Log),
    Span(Span),
    Point(Point),
}

/// A log record, which is how agents tell events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// `service.name` of the resource: which program it is.
    pub service: String,
    /// `event.name`: of the attributes, else the record's own, else its body where that is a short text.
    pub name: String,
    pub time: Option<Time>,
    /// The body, where it is a text.
    pub body: Option<String>,
    pub attributes: Attributes,
}

/// A span: something that took time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    pub service: String,
    pub name: String,
    /// In hexadecimal.
    pub trace_id: String,
    pub span_id: String,
    pub start: Option<Time>,
    pub end: Option<Time>,
    /// Its status is an error; the message may be empty.
    pub error: Option<String>,
    pub attributes: Attributes,
}

/// One data point of a metric that is a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    pub service: String,
    /// Of the metric.
    pub name: String,
    pub time: Option<Time>,
    pub value: f64,
    /// The value counts since the last export, not from the beginning.
    pub is_delta: bool,
    pub attributes: Attributes,
}

/// What one record says: nothing where it is known and says nothing, or is no agent's.
///
/// # Errors
/// [`Refusal`] where it is an agent's and cannot be understood.
pub fn read_telemetry(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let service = match record {
        Record::Log(log) => &log.service,
        Record::Span(span) => &span.service,
        Record::Point(point) => &point.service,
    };
    match service.as_str() {
        claude_code::telemetry::SERVICE => claude_code::telemetry::read(record),
        service if codex::telemetry::is_service(service) => codex::telemetry::read(record),
        gemini::telemetry::SERVICE => gemini::telemetry::read(record),
        copilot::telemetry::SERVICE => copilot::telemetry::read(record),
        _ => genai::read(record),
    }
}
