//! OTLP's messages in protobuf to records. Pure.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::LogRecord,
    metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::{Span as OtlpSpan, status::StatusCode},
};
use prost::{DecodeError, Message};
use serde_json::{Map, Value};

use crate::source::otel::{Log, Point, Record, Span};

use super::{
    fields::messages,
    found_record::FoundRecord,
    producer::{Producer, hexadecimal, time},
    signal::Signal,
};

/// As values a record takes some forty times its bytes.
pub(super) const RECORD_BYTES_MAX: usize = 512 << 10;

/// Hands on the records of an export one after the other, each with its size, until `tell` has enough: decoded as a whole it
/// would take many times its room.
///
/// # Errors
/// Where the bytes are no export; what was handed on before that was understood.
pub(super) fn read(signal: Signal, bytes: &[u8], tell: &mut dyn FnMut(FoundRecord, usize) -> bool) -> Result<(), DecodeError> {
    // All three are built alike: resources, of each its own description and its scopes, of each scope the records.
    for resource in messages(bytes, 1) {
        let resource = resource?;
        let described = messages(resource, 1).next().transpose()?.filter(|bytes| bytes.len() <= RECORD_BYTES_MAX);
        let producer = producer(described.map(Resource::decode).transpose()?);
        for scope in messages(resource, 2) {
            for record in messages(scope?, 2) {
                let record = record?;
                let goes_on = if record.len() > RECORD_BYTES_MAX {
                    tell(FoundRecord::TooLarge, 0)
                } else {
                    records_of(signal, &producer, record)?.into_iter().all(|it| tell(FoundRecord::Record(it), record.len()))
                };
                if !goes_on {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn records_of(signal: Signal, producer: &Producer, bytes: &[u8]) -> Result<Vec<Record>, DecodeError> {
    Ok(match signal {
        Signal::Logs => vec![Record::Log(log_of(producer, LogRecord::decode(bytes)?))],
        Signal::Traces => vec![Record::Span(span_of(producer, OtlpSpan::decode(bytes)?))],
        Signal::Metrics => points_of(producer, Metric::decode(bytes)?),
    })
}

fn log_of(producer: &Producer, log: LogRecord) -> Log {
    let body = match log.body.and_then(|body| body.value) {
        Some(Any::StringValue(text)) => Some(text),
        _ => None,
    };
    let time = time(log.time_unix_nano).or(time(log.observed_time_unix_nano));
    producer.log(Log { name: log.event_name, time, body, ..Log::default() }, pairs(log.attributes))
}

fn span_of(producer: &Producer, span: OtlpSpan) -> Span {
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
    producer.span(own, pairs(span.attributes))
}

fn points_of(producer: &Producer, metric: Metric) -> Vec<Record> {
    let (points, is_delta) = match metric.data {
        Some(Data::Gauge(gauge)) => (gauge.data_points, false),
        Some(Data::Sum(sum)) => (sum.data_points, sum.aggregation_temporality == AggregationTemporality::Delta as i32),
        // It is no number, but a distribution.
        _ => return Vec::new(),
    };
    let point = |NumberDataPoint { attributes, time_unix_nano, value, .. }| {
        let value = match value? {
            number_data_point::Value::AsDouble(value) => value,
            number_data_point::Value::AsInt(value) => value as f64,
        };
        let own = Point { name: metric.name.clone(), time: time(time_unix_nano), value, is_delta, ..Point::default() };
        producer.point(own, pairs(attributes)).map(Record::Point)
    };
    points.into_iter().filter_map(point).collect()
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
