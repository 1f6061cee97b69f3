//! An event, and how it is written: as a line for readers, as a body for the history.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::{Body, Data, EventType, Invalid, Time, limits::fields_bytes};

/// The keys that every event has at top level, or may have.
pub(super) const ENVELOPE: &[&str] =
    &["seq", "id", "type", "coder_id", "coder_name", "timestamp", "received_at", "source", "data", "completes"];

/// One recorded fact. Immutable once it has its seq.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the history, from 1 on; the order of seqs is the order of commits.
    pub seq: u64,
    pub id: String,
    pub kind: EventType,
    pub coder_id: String,
    pub coder_name: Option<String>,
    /// When it happened, as its sender says.
    pub timestamp: Time,
    /// When the recorder got it.
    pub received_at: Time,
    pub source: Option<String>,
    pub body: Body,
    pub data: Data,
    /// Seq of the event whose fact this one completes.
    pub completes: Option<u64>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    seq: u64,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    coder_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    coder_name: Option<&'a str>,
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completes: Option<u64>,
    #[serde(flatten)]
    body: &'a Body,
    #[serde(skip_serializing_if = "Data::is_empty")]
    data: &'a Data,
}

/// What the history keeps beside its columns.
#[derive(Serialize)]
struct Stored<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    coder_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(flatten)]
    body: &'a Body,
    #[serde(skip_serializing_if = "Data::is_empty")]
    data: &'a Data,
}

/// A stored body as it is read back: a few fields, looked up one after the other. To build a map of them takes longer.
struct StoredFields<'s>(Vec<(Cow<'s, str>, Value)>);

impl StoredFields<'_> {
    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().rposition(|(field, _)| field == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl<'de> Deserialize<'de> for StoredFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StoredFields<'de>, D::Error> {
        #[derive(Deserialize)]
        struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = StoredFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<StoredFields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(FIELDS_EXPECTED);
                while let Some((Name(name), value)) = object.next_entry()? {
                    fields.push((name, value));
                }
                Ok(StoredFields(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Room for the fields of a stored body: most have fewer.
const FIELDS_EXPECTED: usize = 8;

impl Event {
    /// About as many bytes as its JSON has, without writing it.
    pub fn bytes(&self) -> usize {
        /// What surrounds the texts: names, times, numbers.
        const FRAME: usize = 200;
        let mut bytes = FRAME + self.id.len() + self.coder_id.len();
        self.body.each_text(&mut |text| bytes += text.len());
        bytes + fields_bytes(&self.data)
    }

    /// The event as one line of JSON, without its time of receipt.
    pub fn to_line(&self) -> String {
        to_json(&self.line(None))
    }

    /// The same as a value.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self.line(None)).expect("an event has only JSON values and text keys")
    }

    /// The JSON body that the history stores beside seq, id, type, coder and times.
    pub fn stored_body(&self) -> String {
        stored_body(self.coder_name.as_deref(), self.source.as_deref(), &self.body, &self.data)
    }

    /// Reads [`Event::stored_body`] back into an event that has everything else.
    ///
    /// # Errors
    /// [`Invalid`] where the stored text is damaged.
    pub fn fill_from_stored(&mut self, stored: &str) -> Result<(), Invalid> {
        let mut fields: StoredFields = serde_json::from_str(stored)
            .map_err(|error| Invalid::new("body", format_args!("stored body is damaged: {error}")))?;
        let mut text = |name: &str| match fields.take(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        (self.coder_name, self.source) = (text("coder_name"), text("source"));
        self.body = Body::take(self.kind.family(), &mut |name| fields.take(name))?;
        self.data = match fields.take("data") {
            Some(Value::Object(data)) => data,
            _ => Data::new(),
        };
        Ok(())
    }

    fn line(&self, received_at: Option<Time>) -> EventLine<'_> {
        EventLine {
            seq: self.seq,
            id: &self.id,
            kind: self.kind.name(),
            coder_id: &self.coder_id,
            coder_name: self.coder_name.as_deref(),
            timestamp: self.timestamp,
            received_at,
            source: self.source.as_deref(),
            completes: self.completes,
            body: &self.body,
            data: &self.data,
        }
    }
}

/// Full detail: every field, the time of receipt included.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.line(Some(self.received_at)).serialize(serializer)
    }
}

pub(super) fn stored_body(coder_name: Option<&str>, source: Option<&str>, body: &Body, data: &Data) -> String {
    to_json(&Stored { coder_name, source, body, data })
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an event has only JSON values and text keys")
}
