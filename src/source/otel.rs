//! What agents export through OpenTelemetry: its logs, spans and points, whichever encoding they came in.

use serde_json::Value;

use crate::event::Time;

/// Attributes by key, as an object; those of the resource are a record's too.
pub type Attributes = Value;

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

impl Record {
    /// Which program it is of.
    pub fn service(&self) -> &str {
        match self {
            Record::Log(log) => &log.service,
            Record::Span(span) => &span.service,
            Record::Point(point) => &point.service,
        }
    }
}
