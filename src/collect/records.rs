//! OTLP's messages to records. Pure.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs},
    metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, Span, Status, status::StatusCode},
};
use serde_json::{Map, Value};

use crate::{
    event::Time,
    source::otel::{self, Attributes, Record},
};

/// A longer body is a text of its own, not the name of what happened.
const NAME_BYTES_MAX: usize = 128;

pub(super) fn of_logs(resources: Vec<ResourceLogs>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceLogs { resource, scope_logs, .. } in resources {
        let origin = Origin::of(resource);
        found.extend(scope_logs.into_iter().flat_map(|scope| scope.log_records).map(|log| Record::Log(origin.log(log))));
    }
    found
}

pub(super) fn of_traces(resources: Vec<ResourceSpans>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceSpans { resource, scope_spans, .. } in resources {
        let origin = Origin::of(resource);
        found.extend(scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| Record::Span(origin.span(span))));
    }
    found
}

pub(super) fn of_metrics(resources: Vec<ResourceMetrics>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceMetrics { resource, scope_metrics, .. } in resources {
        let origin = Origin::of(resource);
        for metric in scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            found.extend(origin.points(metric).into_iter().map(Record::Point));
        }
    }
    found
}

/// What all records of a resource share.
struct Origin {
    service: String,
    attributes: Map<String, Value>,
}

impl Origin {
    fn of(resource: Option<Resource>) -> Origin {
        let attributes: Map<String, Value> =
            resource.map(|resource| resource.attributes).unwrap_or_default().into_iter().map(pair).collect();
        Origin { service: attributes.get("service.name").and_then(Value::as_str).unwrap_or_default().to_owned(), attributes }
    }

    /// A record's own attributes go before its resource's.
    fn with(&self, own: Vec<KeyValue>) -> Attributes {
        self.attributes.clone().into_iter().chain(own.into_iter().map(pair)).collect()
    }

    fn log(&self, log: LogRecord) -> otel::Log {
        let LogRecord { time_unix_nano, observed_time_unix_nano, body, attributes, event_name, .. } = log;
        let attributes = self.with(attributes);
        let body = match body.and_then(|body| body.value) {
            Some(Any::StringValue(text)) => Some(text),
            _ => None,
        };
        let short_body = body.as_deref().filter(|body| body.len() <= NAME_BYTES_MAX);
        let own_name = Some(event_name.as_str()).filter(|name| !name.is_empty());
        let name = text_of(&attributes, "event.name").or(own_name).or(short_body).unwrap_or_default().to_owned();
        let time = time(time_unix_nano).or(time(observed_time_unix_nano));
        otel::Log { service: self.service.clone(), name, time, body, attributes }
    }

    fn span(&self, span: Span) -> otel::Span {
        let Span { trace_id, span_id, name, start_time_unix_nano, end_time_unix_nano, attributes, status, .. } = span;
        let error = status.filter(|status| status.code == StatusCode::Error as i32).map(|Status { message, .. }| message);
        otel::Span {
            service: self.service.clone(),
            name,
            trace_id: hexadecimal(&trace_id),
            span_id: hexadecimal(&span_id),
            start: time(start_time_unix_nano),
            end: time(end_time_unix_nano),
            error,
            attributes: self.with(attributes),
        }
    }

    /// None where the metric is no number, but a distribution.
    fn points(&self, metric: Metric) -> Vec<otel::Point> {
        let (points, is_delta) = match metric.data {
            Some(Data::Gauge(gauge)) => (gauge.data_points, false),
            Some(Data::Sum(sum)) => (sum.data_points, sum.aggregation_temporality == AggregationTemporality::Delta as i32),
            _ => return Vec::new(),
        };
        let point = |NumberDataPoint { attributes, time_unix_nano, value, .. }| {
            let value = match value? {
                number_data_point::Value::AsDouble(value) => value,
                number_data_point::Value::AsInt(value) => value as f64,
            };
            value.is_finite().then(|| otel::Point {
                service: self.service.clone(),
                name: metric.name.clone(),
                time: time(time_unix_nano),
                value,
                is_delta,
                attributes: self.with(attributes),
            })
        };
        points.into_iter().filter_map(point).collect()
    }
}

fn text_of<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a str> {
    attributes.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn pair(KeyValue { key, value, .. }: KeyValue) -> (String, Value) {
    (key, value.map_or(Value::Null, json))
}

fn json(AnyValue { value }: AnyValue) -> Value {
    match value {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(truth)) => truth.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => number.into(),
        Some(Any::ArrayValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Any::KvlistValue(object)) => Value::Object(object.values.into_iter().map(pair).collect()),
        Some(Any::BytesValue(bytes)) => hexadecimal(&bytes).into(),
        // An index into a table that only profiles have.
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}

/// Zero is OTLP's "not known".
fn time(unix_nanos: u64) -> Option<Time> {
    let micros = i64::try_from(unix_nanos / 1000).ok()?;
    (micros != 0).then(|| Time::from_micros(micros))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
