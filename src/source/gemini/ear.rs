//! At which steps Gemini CLI takes words of its hooks. What is said before a tool reaches nobody, but that it may not run.

use serde_json::{Value, json};

use crate::source::{
    channel::{Ear, HookPayload},
    occasion::{HookReply, Occasion, OccasionMoment, file_of, specific_output},
};

use super::{Agent, CoderMoment, session::is_shell};

pub(super) const EAR: Ear = Ear { occasion, reply };

const WRITERS: &[&str] = &["write_file", "replace"];
const READERS: &[&str] = &["read_file"];

fn occasion(hook: &HookPayload<'_>) -> Option<Occasion> {
    let wire = hook.wire;
    let name = wire.text("hook_event_name")?;
    let of = |moment| {
        let session = CoderMoment::new(Agent::Gemini, wire.text("session_id")?, None, hook.context).ok()?;
        Some(Occasion::new(&session.who.id, name, moment))
    };
    let (tool, asked) = (wire.text("tool_name"), wire.at("tool_input"));
    let (folder, written) = (wire.text("cwd").unwrap_or_default(), file_of(tool, WRITERS, asked));
    match name {
        "SessionStart" => wire.is("source", "resume").then(|| of(OccasionMoment::Again))?,
        "BeforeAgent" => of(OccasionMoment::Asked),
        "BeforeTool" => Some(of(OccasionMoment::Before)?.about([written?], folder)),
        "AfterTool" => {
            let command = asked.text("command").filter(|_| tool.is_some_and(is_shell));
            let files = written.or_else(|| file_of(tool, READERS, asked));
            Some(of(OccasionMoment::After)?.about(files, folder).mentioning(command, folder))
        }
        _ => None,
    }
}

fn reply(hook: &str, reply: HookReply<'_>) -> Value {
    match reply {
        HookReply::Context(_) => specific_output(hook, reply),
        HookReply::Deny(reason) => json!({"decision": "deny", "reason": reason}),
    }
}
