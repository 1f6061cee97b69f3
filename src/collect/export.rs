//! One export, from its bytes to what the history is asked to keep. Pure.

use axum::http::StatusCode;
use serde_json::{json, value::RawValue};

use crate::{
    history::{Entry, Outcome, Rejection},
    source::{
        Refusal,
        otel::{Attributes, Record},
        read_telemetry,
    },
};

use super::{
    answer::{Encoding, RefusedRequest, RejectedRecords},
    found_record::FoundRecord,
    json, records,
    signal::Signal,
};

/// A part of what an export says, ready to be published.
#[derive(Debug, Default)]
pub(super) struct Export {
    pub entries: Vec<Entry>,
    pub origin: Origin,
    /// Of the texts that it was made of.
    bytes: usize,
}

/// Where the entries of an export come from.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Which record each entry comes from.
    records: Vec<usize>,
    /// Why the first record that was not understood was not.
    refusal: Option<String>,
}

/// A part is published at one of these: a transaction stays short, and no more is held than it needs.
const PART_ENTRIES: usize = 256;
const PART_BYTES: usize = 1 << 20;

/// Hands on what an export says, part by part, until `take` wants no more.
///
/// # Errors
/// Where the bytes are no export. In JSON nothing was handed on then; in protobuf the parts before the one that is broken.
pub(super) fn read(
    signal: Signal,
    encoding: Encoding,
    bytes: &[u8],
    take: &mut dyn FnMut(Export) -> bool,
) -> Result<(), RefusedRequest> {
    let (mut export, mut index) = (Export::default(), 0);
    let mut tell = |found: FoundRecord, bytes: usize| {
        export.tell(index, &found, bytes);
        index += 1;
        export.is_small() || take(std::mem::take(&mut export))
    };
    read_records(signal, encoding, bytes, &mut tell)?;
    if !export.entries.is_empty() {
        take(export);
    }
    Ok(())
}

/// Hands on one record after the other, each with the size of its text, until `tell` wants no more.
///
/// # Errors
/// As [`read`].
pub(super) fn read_records(
    signal: Signal,
    encoding: Encoding,
    bytes: &[u8],
    tell: &mut dyn FnMut(FoundRecord, usize) -> bool,
) -> Result<(), RefusedRequest> {
    let bad = |reason: String| RefusedRequest::new(StatusCode::BAD_REQUEST, reason);
    match encoding {
        Encoding::Protobuf => {
            records::read(signal, bytes, tell).map_err(|error| bad(format!("the body is no OTLP in protobuf: {error}")))
        }
        Encoding::Json => {
            // Encoders of another system put a byte order mark in front.
            let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
            let body: &RawValue = serde_json::from_slice(bytes).map_err(|error| bad(format!("the body is not JSON: {error}")))?;
            json::read(signal, body, tell).ok_or_else(|| bad("the body is no OTLP in JSON".to_owned()))
        }
    }
}

impl Export {
    fn is_small(&self) -> bool {
        self.entries.len() < PART_ENTRIES && self.bytes < PART_BYTES
    }

    fn tell(&mut self, index: usize, found: &FoundRecord, bytes: usize) {
        let record = match found {
            FoundRecord::Record(record) => record,
            FoundRecord::TooLarge => {
                let reason = "a record is too large: it is not read".to_owned();
                self.origin.refusal.get_or_insert_with(|| reason.clone());
                return self.push(index, Rejection { source: SOURCE.to_owned(), reason, input: String::new() }.into());
            }
        };
        match read_telemetry(record) {
            Ok(drafts) if drafts.is_empty() => {}
            Ok(drafts) => {
                self.bytes += bytes;
                drafts.into_iter().for_each(|draft| self.push(index, draft.into()));
            }
            Err(refusal) => {
                self.origin.refusal.get_or_insert_with(|| refusal.reason.clone());
                self.push(index, rejection(record, refusal).into());
            }
        }
    }

    fn push(&mut self, record: usize, entry: Entry) {
        self.entries.push(entry);
        self.origin.records.push(record);
    }
}

impl Origin {
    /// The records of which anything was refused, by their source or by the history.
    pub fn rejected(self, outcomes: &[Outcome]) -> RejectedRecords {
        let Origin { records, refusal: mut reason } = self;
        let mut refused: Vec<usize> = Vec::new();
        for (record, outcome) in records.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Kept => refused.push(record),
                Outcome::Rejected(invalid) => {
                    refused.push(record);
                    reason.get_or_insert_with(|| invalid.to_string());
                }
                _ => {}
            }
        }
        refused.dedup();
        RejectedRecords { records: i64::try_from(refused.len()).unwrap_or(i64::MAX), reason: reason.unwrap_or_default() }
    }
}

/// A record that is an agent's and cannot be understood.
fn rejection(record: &Record, Refusal { reason }: Refusal) -> Rejection {
    let (service, name, attributes): (&str, &str, &Attributes) = match record {
        Record::Log(log) => (&log.service, &log.name, &log.attributes),
        Record::Span(span) => (&span.service, &span.name, &span.attributes),
        Record::Point(point) => (&point.service, &point.name, &point.attributes),
    };
    let source = if service.is_empty() { SOURCE } else { service };
    let mut input = json!({ "name": name, "attributes": attributes }).to_string();
    let end = input.floor_char_boundary(Rejection::INPUT_BYTES_SEEN);
    input.truncate(end);
    Rejection { source: source.to_owned(), reason, input }
}

/// Who reports what names no service.
pub(super) const SOURCE: &str = "collect";

#[cfg(test)]
mod tests {
    use crate::event::{Draft, EventType, Invalid};

    use super::*;

    #[test]
    fn a_record_is_rejected_once_however_much_of_it_is() {
        let draft = || Entry::from(Draft::new(EventType::ApiCall, "a"));
        let invalid = || Outcome::Rejected(Invalid::missing("coder_id", "an id"));
        let duplicate = Outcome::Duplicate { seq: 1, id: "e".into() };
        let check = |entries: Vec<(usize, Entry)>, refusal: Option<&str>, outcomes: &[Outcome], expected: (i64, &str)| {
            let mut export = Export::default();
            entries.into_iter().for_each(|(record, entry)| export.push(record, entry));
            export.origin.refusal = refusal.map(str::to_owned);
            let rejected = export.origin.rejected(outcomes);
            assert_eq!((rejected.records, rejected.reason.as_str()), expected);
        };
        check(vec![], None, &[], (0, ""));
        check(vec![(0, draft()), (1, draft())], None, &[duplicate.clone(), Outcome::Unmet], (0, ""));
        let reason = match invalid() {
            Outcome::Rejected(invalid) => invalid.to_string(),
            _ => unreachable!("made above"),
        };
        check(vec![(0, draft()), (0, draft()), (3, draft())], None, &[invalid(), invalid(), duplicate.clone()], (1, &reason));
        check(vec![(0, draft()), (3, draft())], Some("odd"), &[invalid(), Outcome::Kept], (2, "odd"));
    }

    #[test]
    fn what_is_no_export_is_told() {
        let check = |encoding: Encoding, bytes: &[u8], expected: &str| {
            let refused = read(Signal::Logs, encoding, bytes, &mut |_| true).expect_err("refused");
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.reason.starts_with(expected), "{}", refused.reason);
        };
        check(Encoding::Json, b"{", "the body is not JSON: EOF");
        check(Encoding::Json, b"", "the body is not JSON: EOF");
        check(Encoding::Json, b"[]", "the body is no OTLP in JSON");
        check(Encoding::Json, br#"{"resourceLogs":{}}"#, "the body is no OTLP in JSON");
        check(Encoding::Protobuf, b"\xff\xff", "the body is no OTLP in protobuf: ");
        let none = |_| panic!("there is nothing to tell");
        assert_eq!(read(Signal::Logs, Encoding::Protobuf, b"", &mut { none }), Ok(()), "an empty message is an empty export");
        assert_eq!(read(Signal::Logs, Encoding::Json, b"{}", &mut { none }), Ok(()));
        assert_eq!(
            read(Signal::Logs, Encoding::Json, "\u{feff}{}".as_bytes(), &mut { none }),
            Ok(()),
            "behind a byte order mark"
        );
    }
}
