//! How an exporter is answered: in its own encoding, with what was rejected of its export.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse},
    metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
};
use prost::Message;
use serde_json::json;

use super::signal::Signal;

/// How an export is written, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// `None`: none that OTLP knows.
    pub(super) fn of(headers: &HeaderMap) -> Option<Encoding> {
        let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let media_type = given.split(';').next()?.trim();
        [Encoding::Protobuf, Encoding::Json].into_iter().find(|encoding| media_type.eq_ignore_ascii_case(encoding.media_type()))
    }

    const fn media_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }

    fn response(self, status: StatusCode, bytes: Vec<u8>) -> Response {
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type()));
        response
    }
}

/// What was not taken of an export whose rest was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RejectedRecords {
    pub records: i64,
    /// Why the first of them was not.
    pub reason: String,
}

impl RejectedRecords {
    /// Those of another part of the export.
    pub fn add(&mut self, more: RejectedRecords) {
        self.records = self.records.saturating_add(more.records);
        if self.reason.is_empty() {
            self.reason = more.reason;
        }
    }
}

/// Everything that can be recorded is.
pub(super) fn success(signal: Signal, encoding: Encoding, rejected: RejectedRecords) -> Response {
    let bytes = match encoding {
        Encoding::Json => json_success(signal, &rejected),
        Encoding::Protobuf => protobuf_success(signal, rejected),
    };
    encoding.response(StatusCode::OK, bytes)
}

fn json_success(signal: Signal, rejected: &RejectedRecords) -> Vec<u8> {
    if rejected.records == 0 {
        return b"{}".to_vec();
    }
    let count = match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Traces => "rejectedSpans",
    };
    // Protobuf's JSON writes 64 bits as text.
    json!({ "partialSuccess": { count: rejected.records.to_string(), "errorMessage": rejected.reason } }).to_string().into_bytes()
}

fn protobuf_success(signal: Signal, RejectedRecords { records, reason: error_message }: RejectedRecords) -> Vec<u8> {
    match signal {
        Signal::Logs => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: records, error_message };
            ExportLogsServiceResponse { partial_success: (records > 0).then_some(partial) }.encode_to_vec()
        }
        Signal::Metrics => {
            let partial = ExportMetricsPartialSuccess { rejected_data_points: records, error_message };
            ExportMetricsServiceResponse { partial_success: (records > 0).then_some(partial) }.encode_to_vec()
        }
        Signal::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: records, error_message };
            ExportTraceServiceResponse { partial_success: (records > 0).then_some(partial) }.encode_to_vec()
        }
    }
}

/// A request that is not taken as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RefusedRequest {
    pub(super) status: StatusCode,
    pub(super) reason: String,
    pub(super) retry_after_seconds: Option<u32>,
}

impl RefusedRequest {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> RefusedRequest {
        RefusedRequest { status, reason: reason.into(), retry_after_seconds: None }
    }

    /// Not now: the exporter keeps it and sends it again.
    pub(super) fn later(seconds: u32, reason: impl Into<String>) -> RefusedRequest {
        RefusedRequest { retry_after_seconds: Some(seconds), ..RefusedRequest::new(StatusCode::SERVICE_UNAVAILABLE, reason) }
    }

    pub(super) fn response(self, encoding: Encoding) -> Response {
        let RefusedRequest { status, reason: message, retry_after_seconds } = self;
        let code = self::code(status);
        let bytes = match encoding {
            Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
            Encoding::Protobuf => RpcStatus { code, message }.encode_to_vec(),
        };
        let mut response = encoding.response(status, bytes);
        if let Some(seconds) = retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for RefusedRequest {
    /// For those whose encoding is not known.
    fn into_response(self) -> Response {
        self.response(Encoding::Json)
    }
}

/// `google.rpc.Status`, in which OTLP answers what failed.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// `google.rpc.Code` of an HTTP status.
fn code(status: StatusCode) -> i32 {
    match status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::NOT_FOUND => 5,
        StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::REQUEST_TIMEOUT => 4,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_told_by_its_media_type() {
        let check = |given: &str, expected: Option<Encoding>| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, given.parse().unwrap())]);
            assert_eq!(Encoding::of(&headers), expected, "{given}");
        };
        check("application/json", Some(Encoding::Json));
        check("Application/JSON; charset=utf-8", Some(Encoding::Json));
        check("application/x-protobuf", Some(Encoding::Protobuf));
        check("application/protobuf", None);
        check("text/plain", None);
        check("", None);
        assert_eq!(Encoding::of(&HeaderMap::new()), None);
    }

    #[test]
    fn what_was_rejected_is_told_in_each_encoding() {
        let rejected = RejectedRecords { records: 2, reason: "no session".into() };
        let check = |signal: Signal, json: &str, protobuf: &[u8]| {
            assert_eq!(String::from_utf8(json_success(signal, &rejected)).unwrap(), json);
            assert_eq!(protobuf_success(signal, rejected.clone()), protobuf, "{json}");
            assert_eq!(json_success(signal, &RejectedRecords::default()), b"{}");
            assert_eq!(protobuf_success(signal, RejectedRecords::default()), b"", "nothing rejected is nothing to say");
        };
        let protobuf = b"\x0a\x0e\x08\x02\x12\x0ano session";
        check(Signal::Logs, r#"{"partialSuccess":{"errorMessage":"no session","rejectedLogRecords":"2"}}"#, protobuf);
        check(Signal::Metrics, r#"{"partialSuccess":{"errorMessage":"no session","rejectedDataPoints":"2"}}"#, protobuf);
        check(Signal::Traces, r#"{"partialSuccess":{"errorMessage":"no session","rejectedSpans":"2"}}"#, protobuf);
    }
}
