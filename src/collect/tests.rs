use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Histogram, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use crate::{
    event::Time,
    source::otel::{self, Record},
};

use super::{answer::Encoding, found_record::FoundRecord, signal::Signal};

const SIGNALS: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

fn read(signal: Signal, encoding: Encoding, bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut tell = |found: FoundRecord, _| {
        match found {
            FoundRecord::Record(record) => records.push(record),
            FoundRecord::TooLarge => panic!("a record is too large"),
        }
        true
    };
    super::export::read_records(signal, encoding, bytes, &mut tell).expect("an export");
    records
}

fn read_json(signal: Signal, body: &Value) -> Vec<Record> {
    read(signal, Encoding::Json, body.to_string().as_bytes())
}

fn at(time: &str) -> Option<Time> {
    Some(Time::parse(time).expect("a time"))
}

fn any(value: Any) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.into(), value: any(value), ..KeyValue::default() }
}

fn service(name: &str) -> Option<Resource> {
    let attributes = vec![pair("service.name", Any::StringValue(name.into())), pair("host", Any::StringValue("vm".into()))];
    Some(Resource { attributes, ..Resource::default() })
}

fn resource_in_json(name: &str) -> Value {
    json!({ "attributes": [
        { "key": "service.name", "value": { "stringValue": name } }, { "key": "host", "value": { "stringValue": "vm" } },
    ] })
}

#[test]
fn a_log_is_the_same_in_both_encodings() {
    let list = ArrayValue { values: vec![AnyValue { value: Some(Any::BoolValue(true)) }, AnyValue { value: None }] };
    let object = KeyValueList { values: vec![pair("deep", Any::DoubleValue(0.5))] };
    let log = LogRecord {
        time_unix_nano: 1_795_375_375_701_000_999,
        body: any(Any::StringValue("demo.call".into())),
        attributes: vec![
            pair("tokens", Any::IntValue(-12)),
            pair("list", Any::ArrayValue(list)),
            pair("object", Any::KvlistValue(object)),
            pair("host", Any::StringValue("own".into())),
        ],
        ..LogRecord::default()
    };
    let scope = ScopeLogs { log_records: vec![log], ..ScopeLogs::default() };
    let resource = ResourceLogs { resource: service("demo"), scope_logs: vec![scope], ..ResourceLogs::default() };
    let protobuf = ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec();
    let json = json!({ "resourceLogs": [{ "resource": resource_in_json("demo"), "scopeLogs": [{ "logRecords": [{
        "timeUnixNano": "1795375375701000999",
        "body": { "stringValue": "demo.call" },
        "attributes": [
            { "key": "tokens", "value": { "intValue": "-12" } },
            { "key": "list", "value": { "arrayValue": { "values": [{ "boolValue": true }, {}] } } },
            { "key": "object", "value": { "kvlistValue": { "values": [{ "key": "deep", "value": { "doubleValue": 0.5 } }] } } },
            { "key": "host", "value": { "stringValue": "own" } },
        ],
    }] }] }] });
    let expected = [Record::Log(otel::Log {
        service: "demo".into(),
        name: "demo.call".into(),
        time: at("2026-11-22T19:22:55.701Z"),
        body: Some("demo.call".into()),
        attributes: json!({
            "service.name": "demo", "host": "own", "tokens": -12, "list": [true, null], "object": { "deep": 0.5 },
        }),
    })];
    assert_eq!(read(Signal::Logs, Encoding::Protobuf, &protobuf), expected);
    assert_eq!(read_json(Signal::Logs, &json), expected);
}

#[test]
fn a_span_is_the_same_in_both_encodings() {
    let span = |message: &str, code: i32| Span {
        trace_id: vec![0xa0, 0x4b],
        span_id: vec![0x0f],
        name: "chat".into(),
        start_time_unix_nano: 1_795_374_414_837_000_000,
        status: Some(Status { message: message.into(), code }),
        ..Span::default()
    };
    let scope = ScopeSpans { spans: vec![span("", 1), span("overloaded", 2)], ..ScopeSpans::default() };
    let resource = ResourceSpans { resource: service("demo"), scope_spans: vec![scope], ..ResourceSpans::default() };
    let protobuf = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let span = |status: Value| {
        json!({ "traceId": "A04b", "spanId": "0f", "name": "chat", "startTimeUnixNano": 1_795_374_414_837_000_000_u64,
                "endTimeUnixNano": null, "status": status })
    };
    let spans = [span(json!({ "code": 1 })), span(json!({ "code": "STATUS_CODE_ERROR", "message": "overloaded" }))];
    let json = json!({ "resourceSpans": [{ "resource": resource_in_json("demo"), "scopeSpans": [{ "spans": spans }] }] });
    let span = |error: Option<&str>| {
        Record::Span(otel::Span {
            service: "demo".into(),
            name: "chat".into(),
            trace_id: "a04b".into(),
            span_id: "0f".into(),
            start: at("2026-11-22T19:06:54.837Z"),
            end: None,
            error: error.map(str::to_owned),
            attributes: json!({ "service.name": "demo", "host": "vm" }),
        })
    };
    let expected = [span(None), span(Some("overloaded"))];
    assert_eq!(read(Signal::Traces, Encoding::Protobuf, &protobuf), expected);
    assert_eq!(read_json(Signal::Traces, &json), expected);
}

#[test]
fn a_point_is_the_same_in_both_encodings() {
    let point = |value| NumberDataPoint { time_unix_nano: 1_000_000_000, value: Some(value), ..NumberDataPoint::default() };
    let metric = |name: &str, data| Metric { name: name.into(), data: Some(data), ..Metric::default() };
    let whole = point(number_data_point::Value::AsInt(7));
    let (half, nothing) = (point(number_data_point::Value::AsDouble(0.5)), point(number_data_point::Value::AsDouble(f64::NAN)));
    let metrics = vec![
        metric("delta", Data::Sum(Sum { data_points: vec![whole], aggregation_temporality: 1, is_monotonic: true })),
        metric("total", Data::Sum(Sum { data_points: vec![half.clone()], aggregation_temporality: 2, is_monotonic: true })),
        metric("gauge", Data::Gauge(Gauge { data_points: vec![half, nothing] })),
        metric("histogram", Data::Histogram(Histogram::default())),
    ];
    let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
    let resource = ResourceMetrics { resource: service("demo"), scope_metrics: vec![scope], ..ResourceMetrics::default() };
    let protobuf = ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec();
    let metrics = json!([
        { "name": "delta", "sum": {
            "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "dataPoints": [{ "timeUnixNano": "1000000000", "asInt": "7" }],
        } },
        { "name": "total", "sum": { "aggregationTemporality": 2, "dataPoints": [{ "timeUnixNano": "1000000000", "asDouble": 0.5 }] } },
        { "name": "gauge", "gauge": { "dataPoints": [
            { "timeUnixNano": "1000000000", "asDouble": 0.5 }, { "timeUnixNano": "1000000000", "asDouble": "NaN" },
        ] } },
        { "name": "histogram", "histogram": { "dataPoints": [{ "count": "3" }] } },
    ]);
    let json = json!({ "resourceMetrics": [{ "resource": resource_in_json("demo"), "scopeMetrics": [{ "metrics": metrics }] }] });
    let expected = [("delta", 7.0, true), ("total", 0.5, false), ("gauge", 0.5, false)].map(|(name, value, is_delta)| {
        Record::Point(otel::Point {
            service: "demo".into(),
            name: name.into(),
            time: at("1970-01-01T00:00:01Z"),
            value,
            is_delta,
            attributes: json!({ "service.name": "demo", "host": "vm" }),
        })
    });
    assert_eq!(read(Signal::Metrics, Encoding::Protobuf, &protobuf), expected);
    assert_eq!(read_json(Signal::Metrics, &json), expected);
}

#[test]
fn a_log_has_the_first_name_that_says_something() {
    let check = |log: Value, name: &str| {
        let records = read_json(Signal::Logs, &json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [log] }] }] }));
        assert!(matches!(&records[..], [Record::Log(log)] if log.name == name), "{name}: {records:?}");
    };
    let attribute = json!([{ "key": "event.name", "value": { "stringValue": "by attribute" } }]);
    let body = json!({ "stringValue": "by body" });
    check(json!({ "attributes": attribute, "eventName": "own", "body": body }), "by attribute");
    check(json!({ "attributes": [], "eventName": "own", "body": body }), "own");
    check(json!({ "eventName": "", "body": body }), "by body");
    check(json!({ "body": { "stringValue": "x".repeat(129) } }), "");
    check(json!({ "body": { "intValue": 1 } }), "");
}

/// What each agent's exporter made of one run: service, name, time, and one attribute in its own spelling.
#[test]
fn captured_exports_are_read() {
    let check = |signal: Signal, text: &str, key: &str, expected: &[(&str, &str, &str, Value)]| {
        let records = read(signal, Encoding::Json, text.as_bytes());
        let found = records.iter().map(|record| {
            let (service, name, time, attributes) = match record {
                Record::Log(log) => (&*log.service, &*log.name, log.time, &log.attributes),
                Record::Span(span) => (&*span.service, &*span.name, span.start, &span.attributes),
                Record::Point(point) => (&*point.service, &*point.name, point.time, &point.attributes),
            };
            (service, name, time.expect("a time").to_string(), attributes[key].clone())
        });
        let expected = expected.iter().map(|(service, name, time, value)| (*service, *name, (*time).to_owned(), value.clone()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    };
    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/otlp/", $name, ".json"))
        };
    }
    check(
        Signal::Logs,
        fixture!("claude-code-logs"),
        "cost_usd",
        &[
            ("claude-code", "api_request", "2026-11-22T19:22:55.701000Z", json!(0.00814)),
            ("claude-code", "api_request", "2026-11-22T19:22:55.841000Z", json!(0.008539999999999999)),
        ],
    );
    check(
        Signal::Metrics,
        fixture!("claude-code-metrics"),
        "model",
        &[
            ("claude-code", "claude_code.cost.usage", "2026-11-22T19:22:56.284000Z", json!("claude-opus-5-5")),
            ("claude-code", "claude_code.token.usage", "2026-11-22T19:22:56.284000Z", json!("claude-opus-5-5")),
        ],
    );
    check(
        Signal::Traces,
        fixture!("claude-code-traces"),
        "duration_ms",
        &[
            ("claude-code", "claude_code.tool.blocked_on_user", "2026-11-22T19:22:55.720000Z", json!(19)),
            ("claude-code", "claude_code.tool.execution", "2026-11-22T19:22:55.739000Z", json!(10)),
        ],
    );
    check(
        Signal::Logs,
        fixture!("codex-logs"),
        "http.response.status_code",
        &[
            ("codex_exec", "codex.api_request", "2026-11-22T18:58:41.476253Z", json!(200)),
            ("codex_exec", "codex.api_request", "2026-11-22T18:58:41.622824Z", json!(200)),
        ],
    );
    check(
        Signal::Metrics,
        fixture!("codex-metrics"),
        "operation",
        &[("codex_exec", "codex.auth_storage.operation", "2026-11-22T18:58:41.812959Z", json!("load"))],
    );
    check(
        Signal::Logs,
        fixture!("gemini-logs"),
        "total_token_count",
        &[
            ("gemini-cli", "gemini_cli.api_response", "2026-11-22T19:02:52.805000Z", json!(1560)),
            ("gemini-cli", "gemini_cli.api_response", "2026-11-22T19:02:52.923000Z", json!(1560)),
        ],
    );
    check(
        Signal::Metrics,
        fixture!("gemini-metrics"),
        "process.pid",
        &[
            ("gemini-cli", "gemini_cli.tool.call.count", "2026-11-22T19:02:53.377000Z", json!(15796)),
            ("gemini-cli", "gemini_cli.api.request.count", "2026-11-22T19:02:53.377000Z", json!(15796)),
        ],
    );
    check(
        Signal::Traces,
        fixture!("gemini-traces"),
        "gen_ai.operation.name",
        &[
            ("gemini-cli", "llm_call", "2026-11-22T19:02:52.704000Z", json!("llm_call")),
            ("gemini-cli", "tool_call", "2026-11-22T19:02:52.836000Z", json!("tool_call")),
        ],
    );
    check(
        Signal::Traces,
        fixture!("copilot-traces"),
        "gen_ai.response.finish_reasons",
        &[
            ("github-copilot", "chat gpt-5-mini", "2026-11-22T19:06:54.837000Z", json!(["tool_calls"])),
            ("github-copilot", "chat gpt-5-mini", "2026-11-22T19:06:54.966000Z", json!(["tool_calls"])),
        ],
    );
    check(Signal::Metrics, fixture!("copilot-metrics"), "its metrics are distributions", &[]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(proptest::num::u8::ANY, 0..200)) {
        for signal in SIGNALS {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                drop(super::export::read(signal, encoding, &bytes, &mut |_| true));
            }
        }
    }
}
