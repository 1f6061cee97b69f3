//! A hook payload of Claude Code, as it arrives. Fields that no draft is made of are not read.

use serde::{Deserialize, de::MapAccess};

use crate::source::{
    Refusal,
    loose::{Length, Loose, loose, loose_objects, object, read_object, wire},
};

wire! {
    Payload {
        hook_event_name: Option<String>,
        session_id: Option<String>,
        transcript_path: Option<String>,
        cwd: Option<String>,
        prompt_id: Option<String>,
        agent_id: Option<String>,
        agent_type: Option<String>,
        source: Option<String>,
        model: Option<String>,
        reason: Option<String>,
        prompt: Option<String>,
        message: Option<String>,
        notification_type: Option<String>,
        tool_name: Option<String>,
        tool_use_id: Option<String>,
        tool_input: ToolInput,
        tool_response: ToolResponse,
        duration_ms: Option<u64>,
        tool_calls: Vec<ToolCall>,
        error: Option<String>,
        error_details: Option<String>,
        last_assistant_message: Option<String>,
        background_tasks: Length,
        message_id: Option<String>,
        index: Option<u64>,
        delta: Option<String>,
        #[serde(rename = "final")]
        is_final: bool,
        trigger: Option<String>,
        compact_summary: Option<String>,
        task_id: Option<String>,
        task_subject: Option<String>,
        old_cwd: Option<String>,
        new_cwd: Option<String>,
        directory: Option<String>,
        directory_path: Option<String>,
        path: Option<String>,
        worktree_path: Option<String>,
        file_path: Option<String>,
        event: Option<String>,
    }

    /// One call of a batch: what PostToolUse says of it, with the response as the model reads it.
    ToolCall {
        tool_name: Option<String>,
        tool_use_id: Option<String>,
        tool_input: ToolInput,
        tool_response: ToolResponse,
    }

    /// What tells a person which call it was; each tool has some of these.
    ToolInput {
        command: Option<String>,
        file_path: Option<String>,
        notebook_path: Option<String>,
        pattern: Option<String>,
        query: Option<String>,
        url: Option<String>,
        description: Option<String>,
        subject: Option<String>,
        skill: Option<String>,
        content: Length,
        run_in_background: bool,
        questions: Vec<Question>,
    }

    Question {
        question: Option<String>,
    }

    ToolResponse {
        /// The response itself, where it is a text.
        #[serde(skip_deserializing)]
        text: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        #[serde(rename = "filePath")]
        file_path: Option<String>,
        stdout: Option<String>,
        interrupted: bool,
        #[serde(rename = "isImage")]
        is_image: bool,
        #[serde(rename = "structuredPatch")]
        structured_patch: Vec<Hunk>,
    }

    Hunk {
        lines: Vec<PatchLine>,
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchLine {
    Added,
    Removed,
    #[default]
    Context,
}

impl Loose for PatchLine {
    fn from_text(line: &str) -> Self {
        match line.as_bytes().first() {
            Some(b'+') => PatchLine::Added,
            Some(b'-') => PatchLine::Removed,
            _ => PatchLine::Context,
        }
    }
}

impl Loose for ToolResponse {
    fn from_text(text: &str) -> Self {
        ToolResponse { text: Some(text.to_owned()), ..ToolResponse::default() }
    }

    fn from_object<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        object(map)
    }
}

loose_objects! { ToolCall ToolInput Question Hunk }

impl Payload {
    /// # Errors
    /// [`Refusal`] where `bytes` are no JSON object.
    pub fn read(bytes: &[u8]) -> Result<Payload, Refusal> {
        read_object(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_mended() {
        let cases: &[(&[u8], &str)] = &[
            (br#"{"delta":"a\ud83db"}"#, "a\u{FFFD}b"),
            (br#"{"delta":"a\ude80"}"#, "a\u{FFFD}"),
            (br#"{"delta":"\ud83d\ude80\ud83d"}"#, "\u{1F680}\u{FFFD}"),
            (br#"{"delta":"\\ud83d \ud83d"}"#, "\\ud83d \u{FFFD}"),
            (b"{\"delta\":\"a\xff\"}", "a\u{FFFD}"),
        ];
        for (given, expected) in cases {
            let payload = Payload::read(given).expect("it can be mended");
            assert_eq!(payload.delta.as_deref(), Some(*expected));
        }
    }

    #[test]
    fn a_wrong_type_is_as_good_as_absent() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let given = format!(
            r#"{{"session_id":7,"cwd":["x"],"tool_input":"none","tool_response":[{{}}],"index":-1,"duration_ms":2.6,"tool_calls":{{"a":1}},"delta":{deep},"new":{deep},"error":"e"}}"#
        );
        let payload = Payload::read(given.as_bytes()).expect("only unneeded types are wrong");
        assert_eq!(payload.session_id, None);
        assert_eq!(payload.duration_ms, Some(3));
        assert_eq!((payload.index, payload.tool_calls.len()), (None, 0));
        assert_eq!(payload.error.as_deref(), Some("e"));
    }

    #[test]
    fn what_is_no_object_is_refused_without_repeating_it() {
        let reason = |bytes: &[u8]| Payload::read(bytes).expect_err("it is no object").reason;
        assert_eq!(reason(b" \n"), "the payload is empty");
        assert_eq!(reason(b"[1]"), "the payload is not a JSON object");
        assert_eq!(reason(b"\"hunter2\""), "the payload is not a JSON object");
        assert!(reason(b"{\"a\":").starts_with("the payload is not JSON: EOF"));
    }
}
