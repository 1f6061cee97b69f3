//! Who exports: what all records of a resource share, and what makes a record of its own parts, in either encoding. Pure.

use serde_json::{Map, Value};

use crate::{
    event::Time,
    source::otel::{Log, Point, Span},
};

/// A longer body is a text of its own, not the name of what happened.
const NAME_BYTES_MAX: usize = 128;

/// Programs say some ten things of themselves, in a few words each.
const SHARED_MAX: usize = 64;
const SHARED_BYTES_MAX: usize = 1024;

/// A program that exports, by its resource's attributes.
pub(super) struct Producer {
    service: String,
    attributes: Map<String, Value>,
}

impl Producer {
    /// Of a resource's attributes as many, and as long ones, as name a program and its session: each record gets them.
    pub fn of(attributes: Map<String, Value>) -> Producer {
        let is_short = |value: &Value| match value {
            Value::String(text) => text.len() <= SHARED_BYTES_MAX,
            Value::Array(_) | Value::Object(_) => false,
            _ => true,
        };
        let names = attributes.into_iter().filter(|(key, value)| key.len() <= SHARED_BYTES_MAX && is_short(value));
        let attributes: Map<String, Value> = names.take(SHARED_MAX).collect();
        Producer { service: text(&attributes, "service.name").unwrap_or_default().to_owned(), attributes }
    }

    /// `own` as a record of this producer, whose name may stand in three places.
    pub fn log(&self, own: Log, attributes: Map<String, Value>) -> Log {
        let short_body = own.body.as_deref().filter(|body| body.len() <= NAME_BYTES_MAX);
        let own_name = Some(own.name.as_str()).filter(|name| !name.is_empty());
        let attributes = self.with(attributes);
        let name = text(&attributes, "event.name").or(own_name).or(short_body).unwrap_or_default().to_owned();
        Log { service: self.service.clone(), name, attributes: attributes.into(), ..own }
    }

    pub fn span(&self, own: Span, attributes: Map<String, Value>) -> Span {
        Span { service: self.service.clone(), attributes: self.with(attributes).into(), ..own }
    }

    /// `None` where the value is no number.
    pub fn point(&self, own: Point, attributes: Map<String, Value>) -> Option<Point> {
        let point = Point { service: self.service.clone(), attributes: self.with(attributes).into(), ..own };
        point.value.is_finite().then_some(point)
    }

    /// A record's own attributes go before its resource's.
    fn with(&self, own: Map<String, Value>) -> Map<String, Value> {
        self.attributes.clone().into_iter().chain(own).collect()
    }
}

fn text<'a>(attributes: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    attributes.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Zero is OTLP's "not known".
pub(super) fn time(unix_nanos: u64) -> Option<Time> {
    let micros = i64::try_from(unix_nanos / 1000).ok()?;
    (micros != 0).then(|| Time::from_micros(micros))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
