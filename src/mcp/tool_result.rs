//! What a tool answers, on its way to the wire: one JSON text, told twice.
//!
//! Structured content and text of an answer say the same, so an answer is made as text, and that text is both. rmcp holds
//! structured content as a tree of values: to build one, print it for the text, print it again and take it down cost an
//! answer of fifty events more than reading them did. So there is none, and [`line()`] writes the text a second time.

use std::io::Write;

use rmcp::{
    RoleServer,
    model::{CallToolResult, ContentBlock, JsonRpcMessage, RequestId, ServerResult},
    service::TxJsonRpcMessage,
};
use serde::Serialize;

use super::untrusted;

/// The result that tells `answer`, an object; `of_coders` where it holds anything that coders said. It is for [`line()`]:
/// whoever else reads it needs it [`whole`].
pub(super) fn result(answer: &impl Serialize, of_coders: bool) -> CallToolResult {
    let mut json = untrusted::cleaned_json(to_json(answer));
    if of_coders && json.pop() == Some('}') {
        json.push_str(&format!(",\"{}\":\"{}\"}}", untrusted::NOTE, untrusted::IS_DATA));
    }
    CallToolResult::success(vec![ContentBlock::text(json)])
}

/// The same as rmcp holds it.
pub(super) fn whole(result: CallToolResult) -> CallToolResult {
    match json_of(&result) {
        Some(json) => CallToolResult::structured(serde_json::from_str(json).expect("it was made as JSON")),
        None => result,
    }
}

/// A message as its line.
///
/// # Errors
/// Where it has no form in JSON.
pub(super) fn line(message: &TxJsonRpcMessage<RoleServer>) -> serde_json::Result<Vec<u8>> {
    let mut line = match answer_of(message) {
        Some((id, result, json)) => answer_line(id, result, json)?,
        None => serde_json::to_vec(message)?,
    };
    line.push(b'\n');
    Ok(line)
}

fn answer_of(message: &TxJsonRpcMessage<RoleServer>) -> Option<(&RequestId, &CallToolResult, &str)> {
    let JsonRpcMessage::Response(response) = message else { return None };
    let ServerResult::CallToolResult(result) = &response.result else { return None };
    Some((&response.id, result, json_of(result)?))
}

/// Nothing but [`result`] makes a success of a tool, so that its one text is the JSON of an object.
fn json_of(result: &CallToolResult) -> Option<&str> {
    match &result.content[..] {
        [text] if result.is_error != Some(true) && result.structured_content.is_none() => Some(&text.as_text()?.text),
        _ => None,
    }
}

/// What rmcp writes of a result that holds `json` in both forms.
fn answer_line(id: &RequestId, result: &CallToolResult, json: &str) -> serde_json::Result<Vec<u8>> {
    // Each of its quotes takes two bytes in the text.
    let mut line = Vec::with_capacity(json.len() * 5 / 2 + 256);
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    serde_json::to_writer(&mut line, id)?;
    line.extend_from_slice(b",\"result\":{");
    if let Some(result_type) = &result.result_type {
        line.extend_from_slice(b"\"resultType\":");
        serde_json::to_writer(&mut line, result_type)?;
        line.push(b',');
    }
    line.extend_from_slice(b"\"content\":[{\"type\":\"text\",\"text\":");
    serde_json::to_writer(&mut line, json)?;
    line.extend_from_slice(b"}],\"structuredContent\":");
    line.extend_from_slice(json.as_bytes());
    let is_error = result.is_error == Some(true);
    write!(line, ",\"isError\":{is_error}").map_err(serde_json::Error::io)?;
    if let Some(meta) = &result.meta {
        line.extend_from_slice(b",\"_meta\":");
        serde_json::to_writer(&mut line, meta)?;
    }
    line.extend_from_slice(b"}}");
    Ok(line)
}

fn to_json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("an answer has only JSON values and text keys")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_is_what_rmcp_would_write() {
        let check = |answer: Value, of_coders: bool, strip: bool| {
            let mut short = result(&answer, of_coders);
            let mut long = whole(short.clone());
            assert!(long.structured_content.as_ref().is_some_and(|it| it.get("note").is_some() == of_coders));
            if strip {
                (short.result_type, long.result_type) = (None, None);
            }
            let written = |result: CallToolResult| {
                let message = JsonRpcMessage::response(ServerResult::CallToolResult(result), RequestId::Number(7));
                let line = line(&message).expect("JSON");
                String::from_utf8(line).expect("text")
            };
            assert_eq!(written(short), written(long), "{answer}");
        };
        let events = json!({"events": [{"a": "quoted \"text\"\nof two lines\u{1f600}"}], "head": 7});
        check(events.clone(), true, false);
        check(events, false, true);
        check(json!({"duplicate": false, "seq": 18_446_744_073_709_551_615_u64}), false, false);
    }

    #[test]
    fn recorded_text_is_cleaned_and_marked() {
        let told = |answer: Value, of_coders| json_of(&result(&answer, of_coders)).expect("a text").to_owned();
        let dirty = json!({"events": [{"text": "\u{1b}[1mbold\u{202e}"}]});
        let clean = format!(r#"{{"events":[{{"text":"bold"}}],"note":"{}"}}"#, untrusted::IS_DATA);
        assert_eq!(told(dirty, true), clean);
        assert_eq!(told(json!({"seq": 1}), false), r#"{"seq":1}"#);
    }
}
