//! What a tool was asked and what it answered, as far as its event tells it.

use serde_json::Value;

use super::{
    fact::{About, Fact},
    json::Wire,
};

/// Whole contents of files are told by their diffs, tasks of subagents by their prompts, plans by their steps.
const TOLD_ELSEWHERE: &[&str] = &[
    "content",
    "file_text",
    "old_string",
    "new_string",
    "oldString",
    "newString",
    "old_str",
    "new_str",
    "insert_text",
    "edits",
    "patch",
    "input",
    "prompt",
    "message",
    "todos",
    "plan",
];

/// Tools that show a file: what they answer is what stands there.
const READERS: &[&str] = &[
    "Read",
    "read",
    "read_file",
    "read_many_files",
    "view",
    "Write",
    "write",
    "write_file",
    "create",
    "Edit",
    "MultiEdit",
    "edit",
];

impl About {
    /// What `asked` asks of a tool, in a line `subject`.
    pub fn asked(asked: Wire<'_>, subject: Option<&str>) -> About {
        let command = asked.first_text(&["command", "cmd"]).map(str::to_owned);
        let arguments = if command.is_some() { None } else { arguments(asked, subject) };
        About { subject: subject.map(str::to_owned), command, arguments }
    }
}

/// The arguments that are told nowhere else, as JSON.
pub(super) fn arguments(asked: Wire<'_>, subject: Option<&str>) -> Option<String> {
    let is_told = |name: &str, value: &Value| {
        TOLD_ELSEWHERE.contains(&name) || value.is_null() || value.as_str().is_some_and(|value| Some(value) == subject)
    };
    let given = asked.0.as_object()?;
    let left = given.iter().filter(|(name, value)| !is_told(name, value));
    let left: serde_json::Map<String, Value> = left.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!left.is_empty()).then(|| Value::Object(left).to_string())
}

/// The list of steps that `asked` sets, as `TodoWrite` and `write_todos` have it.
pub(super) fn plan(asked: Wire<'_>) -> Option<Fact> {
    let steps = || asked.list("todos").filter(|step| step.text("status").is_some());
    let of_status = |status: &'static str| steps().filter(move |step| step.is("status", status));
    let current = of_status("in_progress").next().and_then(|step| step.first_text(&["content", "description", "title"]));
    let (done, of) = (of_status("completed").count(), steps().count());
    (of > 0).then(|| Fact::Planned { done, of, current: current.map(str::to_owned) })
}

/// What `tool` answered, in whatever form; nothing where it shows a file.
pub(super) fn answered(tool: &str, answer: Wire<'_>) -> Option<String> {
    if READERS.contains(&tool) {
        return None;
    }
    let parts = || answer.list("content").filter_map(|part| part.text("text")).collect::<Vec<_>>().join("\n");
    let text = answer.as_text().or_else(|| answer.first_text(&["stdout", "output", "result", "llmContent", "content", "text"]));
    let text = text.map_or_else(parts, str::to_owned);
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_elsewhere_is_no_argument() {
        let about = |asked: Value| About::asked(Wire(&asked), asked["path"].as_str());
        let of_file = about(json!({"path": "/w/a", "content": "x", "limit": 10}));
        assert_eq!((of_file.command, of_file.arguments.as_deref()), (None, Some(r#"{"limit":10}"#)));
        let command = about(json!({"command": "npm test", "timeout": 5}));
        assert_eq!((command.command.as_deref(), command.arguments), (Some("npm test"), None));
        assert_eq!(about(json!({"path": "/w/a"})).arguments, None);
        assert_eq!(about(json!("words")).arguments, None);
    }

    #[test]
    fn a_plan_is_how_much_is_done_of_how_much() {
        let steps = json!({"todos": [
            {"content": "read", "status": "completed"}, {"description": "write", "status": "in_progress"}, {"content": "test", "status": "pending"}
        ]});
        let Some(Fact::Planned { done, of, current }) = plan(Wire(&steps)) else { panic!("a plan") };
        assert_eq!((done, of, current.as_deref()), (1, 3, Some("write")));
        assert!(plan(Wire(&json!({"todos": "- [ ] read"}))).is_none() && plan(Wire(&json!({"path": "/w"}))).is_none());
    }

    #[test]
    fn an_answer_has_many_forms() {
        let check = |answer: Value, text: Option<&str>| assert_eq!(answered("grep", Wire(&answer)).as_deref(), text, "{answer}");
        check(json!("3 matches"), Some("3 matches"));
        check(json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}), Some("a\nb"));
        check(json!({"llmContent": "found"}), Some("found"));
        check(json!({"isImage": true, "stdout": ""}), None);
        check(json!(7), None);
        assert_eq!(answered("Read", Wire(&json!("a file"))), None);
    }
}
