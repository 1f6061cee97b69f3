//! One export, from its bytes to what the history is asked to keep. Pure.

use axum::http::StatusCode;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;
use serde_json::{Value, json};

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
    json, records,
    signal::Signal,
};

/// What an export says, ready to be published.
#[derive(Debug, Default)]
pub(super) struct Export {
    pub entries: Vec<Entry>,
    pub origin: Origin,
}

/// Where the entries of an export come from.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Which record each entry comes from.
    records: Vec<usize>,
    /// Why the first record that was not understood was not.
    refusal: Option<String>,
}

/// # Errors
/// Where the bytes are no export.
pub(super) fn read(signal: Signal, encoding: Encoding, bytes: &[u8]) -> Result<Vec<Record>, RefusedRequest> {
    let bad = |reason: String| RefusedRequest::new(StatusCode::BAD_REQUEST, reason);
    match encoding {
        Encoding::Protobuf => decode(signal, bytes).map_err(|error| bad(format!("the body is no OTLP in protobuf: {error}"))),
        Encoding::Json => {
            let body: Value = serde_json::from_slice(bytes).map_err(|error| bad(format!("the body is not JSON: {error}")))?;
            json::read(signal, &body).ok_or_else(|| bad("the body is no OTLP in JSON".to_owned()))
        }
    }
}

fn decode(signal: Signal, bytes: &[u8]) -> Result<Vec<Record>, prost::DecodeError> {
    Ok(match signal {
        Signal::Logs => records::of_logs(ExportLogsServiceRequest::decode(bytes)?.resource_logs),
        Signal::Metrics => records::of_metrics(ExportMetricsServiceRequest::decode(bytes)?.resource_metrics),
        Signal::Traces => records::of_traces(ExportTraceServiceRequest::decode(bytes)?.resource_spans),
    })
}

impl Export {
    pub fn of(records: &[Record]) -> Export {
        let mut export = Export::default();
        for (index, record) in records.iter().enumerate() {
            match read_telemetry(record) {
                Ok(drafts) => drafts.into_iter().for_each(|draft| export.push(index, draft.into())),
                Err(refusal) => {
                    export.origin.refusal.get_or_insert_with(|| refusal.reason.clone());
                    export.push(index, rejection(record, refusal).into());
                }
            }
        }
        export
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
    Rejection { source: source.to_owned(), reason, input: json!({ "name": name, "attributes": attributes }).to_string() }
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
            let refused = read(Signal::Logs, encoding, bytes).expect_err("refused");
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.reason.starts_with(expected), "{}", refused.reason);
        };
        check(Encoding::Json, b"{", "the body is not JSON: EOF");
        check(Encoding::Json, b"", "the body is not JSON: EOF");
        check(Encoding::Json, b"[]", "the body is no OTLP in JSON");
        check(Encoding::Json, br#"{"resourceLogs":{}}"#, "the body is no OTLP in JSON");
        check(Encoding::Protobuf, b"\xff\xff", "the body is no OTLP in protobuf: ");
        assert_eq!(read(Signal::Logs, Encoding::Protobuf, b""), Ok(vec![]), "an empty message is an empty export");
        assert_eq!(read(Signal::Logs, Encoding::Json, b"{}"), Ok(vec![]));
    }
}
