//! The steps of a coder at which its agent takes words of its hooks, and the form in which it takes them.
//!
//! Which steps these are was found by looking at what agents' models are asked after such words: on others agents go on where
//! they should end, or tell their person that the hook is broken.

use serde_json::{Value, json};

use super::{json::Wire, shell};

/// A step of a coder at which its agent may be told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    pub coder_id: String,
    pub moment: OccasionMoment,
    /// The files that the call of a tool is about.
    pub files: Vec<String>,
    /// Words of a command that may be files.
    pub mentioned: Vec<String>,
    /// The hook's name, as the agent has it.
    hook: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OccasionMoment {
    /// The coder begins again, with less in its memory than it knew.
    Again,
    /// Somebody asked it something.
    Asked,
    /// A call that changes files is about to be made.
    Before,
    /// The call of a tool is over.
    After,
}

/// What an agent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookReply<'r> {
    /// For its model, beside what it reads anyway.
    Context(&'r str),
    /// The call is not to be made, for this reason.
    Deny(&'r str),
}

/// Words of a command that are looked at.
const MENTIONED_MAX: usize = 8;
/// Longer ones are no paths of anybody.
const PATH_BYTES_MAX: usize = 1024;

impl Occasion {
    pub(super) fn new(coder_id: &str, hook: &str, moment: OccasionMoment) -> Occasion {
        Occasion { coder_id: coder_id.to_owned(), moment, files: Vec::new(), mentioned: Vec::new(), hook: hook.to_owned() }
    }

    /// About files, with relative paths below `folder`.
    pub(super) fn about<'f>(self, files: impl IntoIterator<Item = &'f str>, folder: &str) -> Occasion {
        let files = files.into_iter().filter(|file| file.len() <= PATH_BYTES_MAX).map(|file| shell::join(folder, file)).collect();
        Occasion { files, ..self }
    }

    /// With what a command names, run in `folder`.
    pub(super) fn mentioning(self, command: Option<&str>, folder: &str) -> Occasion {
        let mentioned = command.map_or_else(Vec::new, |command| mentioned(command, folder));
        Occasion { mentioned, ..self }
    }

    pub(super) fn hook(&self) -> &str {
        &self.hook
    }
}

/// The words of a command that may be files: what reads one has no other way to say so.
fn mentioned(command: &str, folder: &str) -> Vec<String> {
    let parts = command.split(|c: char| c.is_whitespace() || "|&;<>()'\"`".contains(c));
    let may_be = |word: &&str| {
        word.len() <= PATH_BYTES_MAX
            && !word.starts_with('-')
            && word.contains(['.', '/'])
            && !word.contains(['$', '*', '?', '{', '='])
    };
    parts.filter(may_be).take(MENTIONED_MAX).map(|word| shell::join(folder, word)).collect()
}

/// The file in what a tool is asked, where it is one of `tools`.
pub(super) fn file_of<'w>(tool: Option<&str>, tools: &[&str], asked: Wire<'w>) -> Option<&'w str> {
    tools.contains(&tool?).then(|| asked.first_text(&["file_path", "notebook_path", "absolute_path", "path"])).flatten()
}

/// As Claude Code takes it, and who follows it.
pub(super) fn specific_output(hook: &str, reply: HookReply<'_>) -> Value {
    let output = match reply {
        HookReply::Context(text) => json!({"hookEventName": hook, "additionalContext": text}),
        HookReply::Deny(reason) => {
            json!({"hookEventName": hook, "permissionDecision": "deny", "permissionDecisionReason": reason})
        }
    };
    json!({"hookSpecificOutput": output})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Agent, HookContext, hear_hook};

    fn occasion(agent: Agent, payload: &Value, event: Option<&str>) -> Option<Occasion> {
        let context = HookContext { event: event.map(str::to_owned), ..HookContext::default() };
        hear_hook(agent, payload.to_string().as_bytes(), &context).1
    }

    #[test]
    fn agents_are_told_things_at_some_of_their_steps_only() {
        use OccasionMoment::{After, Again, Asked, Before};
        let check = |agent: Agent, payload: Value, event: Option<&str>, expected: Option<(OccasionMoment, &[&str])>| {
            let found = occasion(agent, &payload, event);
            let found = found.as_ref().map(|found| (found.moment, [&found.files[..], &found.mentioned[..]].concat()));
            let expected = expected.map(|(moment, files)| (moment, files.iter().map(|&file| file.to_owned()).collect()));
            assert_eq!(found, expected, "{agent} {payload}");
        };
        let claude = |name: &str, more: Value| {
            let mut payload = json!({"session_id": "s", "cwd": "/w", "hook_event_name": name});
            payload.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            payload
        };
        let edit = json!({"tool_name": "Edit", "tool_input": {"file_path": "/w/a.rs", "old_string": "x", "new_string": "y"}});
        let cat = json!({"tool_name": "Bash", "tool_input": {"command": "cat src/a.rs | head -n 5 && sed -n 1,5p /w/b.rs"}});
        for agent in [Agent::ClaudeCode, Agent::Codex] {
            for silent in ["Stop", "SessionEnd", "SubagentStop", "PreCompact", "PostCompact", "PermissionRequest"] {
                check(agent, claude(silent, json!({"reason": "x"})), None, None);
            }
            check(agent, claude("SessionStart", json!({"source": "startup"})), None, None);
            check(agent, claude("SessionStart", json!({"source": "compact"})), None, Some((Again, &[])));
            check(agent, claude("SessionStart", json!({"source": "resume"})), None, Some((Again, &[])));
            check(agent, claude("UserPromptSubmit", json!({"prompt": "x"})), None, Some((Asked, &[])));
            check(agent, claude("PreToolUse", cat.clone()), None, None);
            check(agent, claude("PostToolUse", cat.clone()), None, Some((After, &["/w/src/a.rs", "/w/b.rs"])));
        }
        check(Agent::ClaudeCode, claude("PreToolUse", edit.clone()), None, Some((Before, &["/w/a.rs"])));
        check(Agent::ClaudeCode, claude("PostToolUse", edit.clone()), None, Some((After, &["/w/a.rs"])));
        check(Agent::ClaudeCode, claude("PostToolUseFailure", edit), None, Some((After, &["/w/a.rs"])));
        let read = json!({"tool_name": "Read", "tool_input": {"file_path": "/w/a.rs"}});
        check(Agent::ClaudeCode, claude("PreToolUse", read.clone()), None, None);
        check(Agent::ClaudeCode, claude("PostToolUse", read), None, Some((After, &["/w/a.rs"])));
        check(Agent::ClaudeCode, claude("Notification", json!({"message": "x"})), None, None);
        let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n-x\n+y\n*** Add File: /w/b.rs\n+z\n*** End Patch\n";
        let patch = json!({"tool_name": "apply_patch", "tool_input": {"command": patch}, "tool_response": "Done"});
        check(Agent::Codex, claude("PreToolUse", patch.clone()), None, Some((Before, &["/w/b.rs", "/w/src/a.rs"])));
        check(Agent::Codex, claude("PostToolUse", patch), None, Some((After, &["/w/b.rs", "/w/src/a.rs"])));
        check(Agent::Codex, claude("Interrupt", json!({})), None, None);

        let replace = json!({"tool_name": "replace", "tool_input": {"file_path": "a.rs"}});
        check(Agent::Gemini, claude("SessionStart", json!({"source": "resume"})), None, Some((Again, &[])));
        check(Agent::Gemini, claude("SessionStart", json!({"source": "startup"})), None, None);
        check(Agent::Gemini, claude("BeforeAgent", json!({"prompt": "x"})), None, Some((Asked, &[])));
        check(Agent::Gemini, claude("BeforeTool", replace.clone()), None, Some((Before, &["/w/a.rs"])));
        check(Agent::Gemini, claude("AfterTool", replace), None, Some((After, &["/w/a.rs"])));
        check(Agent::Gemini, claude("AfterAgent", json!({"prompt": "x"})), None, None);
        check(Agent::Gemini, claude("SessionEnd", json!({})), None, None);

        let copilot = |more: Value| {
            let mut payload = json!({"sessionId": "s", "cwd": "/w"});
            payload.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            payload
        };
        let edit = copilot(json!({"toolName": "edit", "toolArgs": {"path": "/w/a.rs", "old_str": "x", "new_str": "y"}}));
        let view = copilot(json!({"toolName": "view", "toolArgs": {"path": "/w/a.rs"}, "toolResult": {}}));
        check(Agent::Copilot, edit.clone(), Some("preToolUse"), Some((Before, &["/w/a.rs"])));
        check(Agent::Copilot, edit, Some("postToolUse"), Some((After, &["/w/a.rs"])));
        check(Agent::Copilot, view.clone(), Some("preToolUse"), None);
        check(Agent::Copilot, view, Some("postToolUse"), Some((After, &["/w/a.rs"])));
        check(Agent::Copilot, copilot(json!({"source": "resume"})), Some("sessionStart"), Some((Again, &[])));
        check(Agent::Copilot, copilot(json!({"source": "new"})), Some("sessionStart"), None);
        check(Agent::Copilot, copilot(json!({"prompt": "x"})), Some("userPromptSubmitted"), Some((Asked, &[])));
        check(Agent::Copilot, copilot(json!({"stopReason": "x"})), Some("agentStop"), None);

        let written = json!({"conversation_id": "s", "workspace_roots": ["/w"], "hook_event_name": "postToolUse",
            "tool_name": "Write", "tool_input": {"file_path": "/w/a.rs"}});
        check(Agent::Cursor, written, None, Some((After, &["/w/a.rs"])));
        check(Agent::Cursor, json!({"conversation_id": "s", "hook_event_name": "stop"}), None, None);
    }

    #[test]
    fn each_agent_is_answered_in_its_own_form() {
        let edit = |name: &str| {
            json!({"session_id": "s", "conversation_id": "s", "sessionId": "s", "cwd": "/w", "hook_event_name": name,
                "tool_name": "replace", "tool_input": {"file_path": "/w/a.rs"}, "toolName": "edit", "toolArgs": {"path": "/w/a.rs"}})
        };
        let check = |agent: Agent, hook: &str, reply: HookReply<'_>, expected: Value| {
            let payload = edit(hook);
            let payload = if matches!(agent, Agent::ClaudeCode | Agent::Codex) && hook == "PreToolUse" {
                json!({"session_id": "s", "cwd": "/w", "hook_event_name": hook, "tool_name": if agent == Agent::Codex { "apply_patch" } else { "Edit" },
                    "tool_input": {"file_path": "/w/a.rs", "command": "*** Begin Patch\n*** Delete File: a.rs\n*** End Patch"}})
            } else {
                payload
            };
            let event = (agent == Agent::Copilot).then_some(hook);
            let found = occasion(agent, &payload, event).unwrap_or_else(|| panic!("{agent} {hook}"));
            let told: Value = serde_json::from_str(&agent.reply(&found, reply)).expect("JSON");
            assert_eq!(told, expected, "{agent} {hook}");
        };
        let (context, deny) = (HookReply::Context("so \"it\" is"), HookReply::Deny("because"));
        for agent in [Agent::ClaudeCode, Agent::Codex] {
            let expected = json!({"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "so \"it\" is"}});
            check(agent, "PostToolUse", context, expected);
            let expected = json!({"hookSpecificOutput":
                {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "because"}});
            check(agent, "PreToolUse", deny, expected);
        }
        let expected = json!({"hookSpecificOutput": {"hookEventName": "AfterTool", "additionalContext": "so \"it\" is"}});
        check(Agent::Gemini, "AfterTool", context, expected);
        check(Agent::Gemini, "BeforeTool", deny, json!({"decision": "deny", "reason": "because"}));
        check(Agent::Copilot, "postToolUse", context, json!({"additionalContext": "so \"it\" is"}));
        let expected = json!({"permissionDecision": "deny", "permissionDecisionReason": "because"});
        check(Agent::Copilot, "preToolUse", deny, expected);
        check(Agent::Cursor, "postToolUse", context, json!({"additional_context": "so \"it\" is"}));
    }
}
