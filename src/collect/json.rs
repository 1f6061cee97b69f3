//! OTLP in JSON to records. Pure.
//!
//! Exporters do not agree on how JSON says what protobuf says: 64 bits come as text or as number, an enum as number or by
//! name, what is not there as `null`. All of it is read; a value of an unexpected type is as good as absent.

use std::fmt;

use opentelemetry_proto::tonic::{metrics::v1::AggregationTemporality, trace::v1::status::StatusCode};
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::source::{
    bounded_json,
    otel::{Log, Point, Record, Span},
};

use super::{
    found_record::FoundRecord,
    producer::{Producer, time},
    signal::Signal,
};

/// A record's text; a longer one is no agent's, and as values it would take several times its room.
pub(super) const RECORD_BYTES_MAX: usize = 2 << 20;

/// Hands on the records of `body` one after the other, each with the size of its text, until `tell` has enough: as values the
/// whole would take many times its room. `None` where it is no export.
pub(super) fn read(signal: Signal, body: &RawValue, tell: &mut dyn FnMut(FoundRecord, usize) -> bool) -> Option<()> {
    let (resources, scopes, records, read): (_, _, _, fn(&Producer, &Value) -> Vec<Record>) = match signal {
        Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords", |producer, log| vec![Record::Log(log_of(producer, log))]),
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans", |producer, span| vec![Record::Span(span_of(producer, span))]),
        Signal::Metrics => ("resourceMetrics", "scopeMetrics", "metrics", points_of),
    };
    let [of_resources] = members(body, [resources])?;
    let Some(of_resources) = of_resources.filter(|value| value.get() != "null") else { return Some(()) };
    let mut goes_on = true;
    each(of_resources, &mut |resource| {
        let [shared, of_scopes] = members(resource, ["resource", scopes]).unwrap_or_default();
        let shared = shared.filter(|shared| shared.get().len() <= RECORD_BYTES_MAX).and_then(|shared| bounded_json(shared.get()));
        let producer = Producer::of(attributes(&shared.unwrap_or_default()));
        let of_scopes = of_scopes.filter(|_| goes_on);
        of_scopes.and_then(|scopes| {
            each(scopes, &mut |scope| {
                let of_records = members(scope, [records]).unwrap_or_default()[0].filter(|_| goes_on);
                of_records.and_then(|records| {
                    each(records, &mut |record| {
                        let text = record.get();
                        if !goes_on {
                        } else if text.len() > RECORD_BYTES_MAX {
                            goes_on = tell(FoundRecord::TooLarge, 0);
                        } else {
                            let record = bounded_json(text).unwrap_or_default();
                            goes_on =
                                read(&producer, &record).into_iter().all(|record| tell(FoundRecord::Record(record), text.len()));
                        }
                    })
                });
            })
        });
    })
}

/// What stands under `names` in an object; `None` where it is none.
fn members<'v, const N: usize>(object: &'v RawValue, names: [&str; N]) -> Option<[Option<&'v RawValue>; N]>
where
    [Option<&'v RawValue>; N]: Default,
{
    struct Members<'n, const N: usize>([&'n str; N]);
    impl<'v, const N: usize> Visitor<'v> for Members<'_, N>
    where
        [Option<&'v RawValue>; N]: Default,
    {
        type Value = [Option<&'v RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = Self::Value::default();
            while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                match self.0.iter().position(|wanted| *wanted == name) {
                    Some(nth) => found[nth] = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members(names)).ok()
}

/// Shows `tell` each item of a list; `None` where it is none.
fn each<'v>(list: &'v RawValue, tell: &mut dyn FnMut(&'v RawValue)) -> Option<()> {
    struct Items<'t, 'v>(&'t mut dyn FnMut(&'v RawValue));
    impl<'v> Visitor<'v> for Items<'_, 'v> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'v>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(item) = list.next_element::<&RawValue>()? {
                (self.0)(item);
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Items(tell)).ok()
}

fn log_of(producer: &Producer, log: &Value) -> Log {
    let body = log["body"].get("stringValue").and_then(Value::as_str).map(str::to_owned);
    let time = moment(&log["timeUnixNano"]).or(moment(&log["observedTimeUnixNano"]));
    producer.log(Log { name: text(&log["eventName"]), time, body, ..Log::default() }, attributes(log))
}

fn span_of(producer: &Producer, span: &Value) -> Span {
    let status = &span["status"];
    let failed = is_enum(&status["code"], StatusCode::Error as i32, StatusCode::Error.as_str_name());
    let own = Span {
        name: text(&span["name"]),
        trace_id: id(&span["traceId"]),
        span_id: id(&span["spanId"]),
        start: moment(&span["startTimeUnixNano"]),
        end: moment(&span["endTimeUnixNano"]),
        error: failed.then(|| text(&status["message"])),
        ..Span::default()
    };
    producer.span(own, attributes(span))
}

fn points_of(producer: &Producer, metric: &Value) -> Vec<Record> {
    let (data, is_delta) = match (&metric["sum"], &metric["gauge"]) {
        (sum @ Value::Object(_), _) => {
            let delta = AggregationTemporality::Delta;
            (sum, is_enum(&sum["aggregationTemporality"], delta as i32, delta.as_str_name()))
        }
        (_, gauge) => (gauge, false),
    };
    let point = |point: &Value| {
        let whole = whole::<i64>(&point["asInt"]).map(|value| value as f64);
        let value = whole.or_else(|| number(&point["asDouble"]))?;
        let own =
            Point { name: text(&metric["name"]), time: moment(&point["timeUnixNano"]), value, is_delta, ..Point::default() };
        producer.point(own, attributes(point)).map(Record::Point)
    };
    list(data, "dataPoints").iter().filter_map(point).collect()
}

fn attributes(value: &Value) -> Map<String, Value> {
    pairs(list(value, "attributes"))
}

fn pairs(list: &[Value]) -> Map<String, Value> {
    list.iter().map(|pair| (text(&pair["key"]), any(&pair["value"]))).collect()
}

fn any(value: &Value) -> Value {
    let said = |(kind, value): (&String, &Value)| {
        Some(match kind.as_str() {
            // Bytes are in base64; who wants them may read that as well.
            "stringValue" | "bytesValue" => value.as_str()?.into(),
            "boolValue" => value.as_bool()?.into(),
            "intValue" => whole::<i64>(value)?.into(),
            "doubleValue" => number(value)?.into(),
            "arrayValue" => list(value, "values").iter().map(any).collect(),
            "kvlistValue" => pairs(list(value, "values")).into(),
            _ => return None,
        })
    };
    value.as_object().and_then(|object| object.iter().find_map(said)).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn moment(value: &Value) -> Option<crate::event::Time> {
    time(whole(value)?)
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
fn id(value: &Value) -> String {
    let id = value.as_str().unwrap_or_default();
    if id.len().is_multiple_of(2) && id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        id.to_ascii_lowercase()
    } else {
        String::new()
    }
}
