//! OTLP in JSON to its messages, as far as records are made of them. Pure.
//!
//! Exporters do not agree on how JSON says what protobuf says: 64 bits come as text or as number, an enum as number or by
//! name, what is not there as `null`. All of it is read; a value of an unexpected type is as good as absent.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status::StatusCode},
};
use serde_json::Value;

use crate::source::otel::Record;

use super::{records, signal::Signal};

/// `None` where `body` is no export.
pub(super) fn read(signal: Signal, body: &Value) -> Option<Vec<Record>> {
    let resources = |key: &str| match body.as_object()?.get(key) {
        None | Some(Value::Null) => Some(&[][..]),
        Some(resources) => resources.as_array().map(Vec::as_slice),
    };
    Some(match signal {
        Signal::Logs => records::of_logs(resources("resourceLogs")?.iter().map(logs).collect()),
        Signal::Metrics => records::of_metrics(resources("resourceMetrics")?.iter().map(metrics).collect()),
        Signal::Traces => records::of_traces(resources("resourceSpans")?.iter().map(spans).collect()),
    })
}

fn logs(value: &Value) -> ResourceLogs {
    let scope = |scope: &Value| ScopeLogs { log_records: list(scope, "logRecords", log), ..ScopeLogs::default() };
    ResourceLogs { resource: resource(value), scope_logs: list(value, "scopeLogs", scope), ..ResourceLogs::default() }
}

fn log(value: &Value) -> LogRecord {
    LogRecord {
        time_unix_nano: whole(&value["timeUnixNano"]).unwrap_or_default(),
        observed_time_unix_nano: whole(&value["observedTimeUnixNano"]).unwrap_or_default(),
        body: Some(any(&value["body"])),
        attributes: list(value, "attributes", pair),
        event_name: text(&value["eventName"]),
        ..LogRecord::default()
    }
}

fn spans(value: &Value) -> ResourceSpans {
    let scope = |scope: &Value| ScopeSpans { spans: list(scope, "spans", span), ..ScopeSpans::default() };
    ResourceSpans { resource: resource(value), scope_spans: list(value, "scopeSpans", scope), ..ResourceSpans::default() }
}

fn span(value: &Value) -> Span {
    let status = &value["status"];
    let is_error = is_enum(&status["code"], StatusCode::Error as i32, StatusCode::Error.as_str_name());
    let code = if is_error { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: bytes(&value["traceId"]),
        span_id: bytes(&value["spanId"]),
        name: text(&value["name"]),
        start_time_unix_nano: whole(&value["startTimeUnixNano"]).unwrap_or_default(),
        end_time_unix_nano: whole(&value["endTimeUnixNano"]).unwrap_or_default(),
        attributes: list(value, "attributes", pair),
        status: Some(Status { message: text(&status["message"]), code: code as i32 }),
        ..Span::default()
    }
}

fn metrics(value: &Value) -> ResourceMetrics {
    let scope = |scope: &Value| ScopeMetrics { metrics: list(scope, "metrics", metric), ..ScopeMetrics::default() };
    ResourceMetrics { resource: resource(value), scope_metrics: list(value, "scopeMetrics", scope), ..ResourceMetrics::default() }
}

fn metric(value: &Value) -> Metric {
    let data = match (value.get("sum"), value.get("gauge")) {
        (Some(sum @ Value::Object(_)), _) => {
            let (delta, name) = (AggregationTemporality::Delta, AggregationTemporality::Delta.as_str_name());
            let is_delta = is_enum(&sum["aggregationTemporality"], delta as i32, name);
            let temporality = if is_delta { delta } else { AggregationTemporality::Cumulative };
            let data_points = list(sum, "dataPoints", point);
            Some(Data::Sum(Sum { data_points, aggregation_temporality: temporality as i32, ..Sum::default() }))
        }
        (_, Some(gauge @ Value::Object(_))) => Some(Data::Gauge(Gauge { data_points: list(gauge, "dataPoints", point) })),
        _ => None,
    };
    Metric { name: text(&value["name"]), data, ..Metric::default() }
}

fn point(value: &Value) -> NumberDataPoint {
    let whole_value = whole(&value["asInt"]).map(number_data_point::Value::AsInt);
    NumberDataPoint {
        attributes: list(value, "attributes", pair),
        time_unix_nano: whole(&value["timeUnixNano"]).unwrap_or_default(),
        value: whole_value.or_else(|| number(&value["asDouble"]).map(number_data_point::Value::AsDouble)),
        ..NumberDataPoint::default()
    }
}

fn resource(value: &Value) -> Option<Resource> {
    Some(Resource { attributes: list(&value["resource"], "attributes", pair), ..Resource::default() })
}

fn pair(value: &Value) -> KeyValue {
    KeyValue { key: text(&value["key"]), value: Some(any(&value["value"])), ..KeyValue::default() }
}

fn any(value: &Value) -> AnyValue {
    let value = value.as_object().and_then(|object| object.iter().find_map(|(kind, value)| said(kind, value)));
    AnyValue { value }
}

fn said(kind: &str, value: &Value) -> Option<Any> {
    Some(match kind {
        "stringValue" => Any::StringValue(value.as_str()?.to_owned()),
        "boolValue" => Any::BoolValue(value.as_bool()?),
        "intValue" => Any::IntValue(whole(value)?),
        "doubleValue" => Any::DoubleValue(number(value)?),
        "arrayValue" => Any::ArrayValue(ArrayValue { values: list(value, "values", any) }),
        "kvlistValue" => Any::KvlistValue(KeyValueList { values: list(value, "values", pair) }),
        // In base64; who wants the bytes may read that as well.
        "bytesValue" => Any::StringValue(value.as_str()?.to_owned()),
        _ => return None,
    })
}

fn list<T>(value: &Value, key: &str, read: impl Fn(&Value) -> T) -> Vec<T> {
    value[key].as_array().map_or_else(Vec::new, |items| items.iter().map(read).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn whole<T: TryFrom<i64> + TryFrom<u64> + std::str::FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let signed = number.as_i64().and_then(|number| number.try_into().ok());
            signed.or_else(|| number.as_u64()?.try_into().ok())
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

fn is_enum(value: &Value, code: i32, name: &str) -> bool {
    value.as_str() == Some(name) || whole::<i64>(value) == Some(i64::from(code))
}

/// OTLP writes ids in hexadecimal; what is none is no id.
fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_default().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect::<Option<_>>().unwrap_or_default()
}
