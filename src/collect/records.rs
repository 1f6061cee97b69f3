//! OTLP's messages in protobuf to records. Pure.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::ResourceLogs,
    metrics::v1::{AggregationTemporality, NumberDataPoint, ResourceMetrics, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, status::StatusCode},
};
use serde_json::{Map, Value};

use crate::source::otel::{Log, Point, Record, Span};

use super::producer::{Producer, hexadecimal, time};

pub(super) fn of_logs(resources: Vec<ResourceLogs>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceLogs { resource, scope_logs, .. } in resources {
        let producer = producer(resource);
        found.extend(scope_logs.into_iter().flat_map(|scope| scope.log_records).map(|log| {
            let body = match log.body.and_then(|body| body.value) {
                Some(Any::StringValue(text)) => Some(text),
                _ => None,
            };
            let time = time(log.time_unix_nano).or(time(log.observed_time_unix_nano));
            let own = Log { name: log.event_name, time, body, ..Log::default() };
            Record::Log(producer.log(own, pairs(log.attributes)))
        }));
    }
    found
}

pub(super) fn of_traces(resources: Vec<ResourceSpans>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceSpans { resource, scope_spans, .. } in resources {
        let producer = producer(resource);
        found.extend(scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| {
            let failed = span.status.filter(|status| status.code == StatusCode::Error as i32);
            let own = Span {
                name: span.name,
                trace_id: hexadecimal(&span.trace_id),
                span_id: hexadecimal(&span.span_id),
                start: time(span.start_time_unix_nano),
                end: time(span.end_time_unix_nano),
                error: failed.map(|status| status.message),
                ..Span::default()
            };
            Record::Span(producer.span(own, pairs(span.attributes)))
        }));
    }
    found
}

pub(super) fn of_metrics(resources: Vec<ResourceMetrics>) -> Vec<Record> {
    let mut found = Vec::new();
    for ResourceMetrics { resource, scope_metrics, .. } in resources {
        let producer = producer(resource);
        for metric in scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            let (points, is_delta) = match metric.data {
                Some(Data::Gauge(gauge)) => (gauge.data_points, false),
                Some(Data::Sum(sum)) => (sum.data_points, sum.aggregation_temporality == AggregationTemporality::Delta as i32),
                // It is no number, but a distribution.
                _ => continue,
            };
            found.extend(points.into_iter().filter_map(|NumberDataPoint { attributes, time_unix_nano, value, .. }| {
                let value = match value? {
                    number_data_point::Value::AsDouble(value) => value,
                    number_data_point::Value::AsInt(value) => value as f64,
                };
                let own = Point { name: metric.name.clone(), time: time(time_unix_nano), value, is_delta, ..Point::default() };
                producer.point(own, pairs(attributes)).map(Record::Point)
            }));
        }
    }
    found
}

fn producer(resource: Option<Resource>) -> Producer {
    Producer::of(pairs(resource.map(|resource| resource.attributes).unwrap_or_default()))
}

fn pairs(pairs: Vec<KeyValue>) -> Map<String, Value> {
    pairs.into_iter().map(|KeyValue { key, value, .. }| (key, value.map_or(Value::Null, json))).collect()
}

fn json(AnyValue { value }: AnyValue) -> Value {
    match value {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(truth)) => truth.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => number.into(),
        Some(Any::ArrayValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Any::KvlistValue(object)) => Value::Object(pairs(object.values)),
        Some(Any::BytesValue(bytes)) => hexadecimal(&bytes).into(),
        // An index into a table that only profiles have.
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}
