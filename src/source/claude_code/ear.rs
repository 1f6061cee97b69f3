//! At which steps Claude Code takes words of its hooks. Never at its end: words on `Stop` make it go on.

use crate::source::{
    channel::{Ear, HookPayload},
    occasion::{Occasion, OccasionMoment, file_of, specific_output},
};

use super::{ClaudePayload, tools::BASH};

pub(super) const EAR: Ear = Ear { occasion, reply: specific_output };

const WRITERS: &[&str] = &["Write", "Edit", "MultiEdit", "NotebookEdit"];
const READERS: &[&str] = &["Read", "NotebookRead"];

fn occasion(hook: &HookPayload<'_>) -> Option<Occasion> {
    let wire = hook.wire;
    let name = wire.text("hook_event_name")?;
    let of = |moment| Some(Occasion::new(&ClaudePayload::new(hook).ok()?.speaker.who.id, name, moment));
    let (tool, asked) = (wire.text("tool_name"), wire.at("tool_input"));
    let (folder, written) = (wire.text("cwd").unwrap_or_default(), file_of(tool, WRITERS, asked));
    match name {
        "SessionStart" => matches!(wire.text("source"), Some("compact" | "resume")).then(|| of(OccasionMoment::Again))?,
        "UserPromptSubmit" => of(OccasionMoment::Asked),
        "PreToolUse" => Some(of(OccasionMoment::Before)?.about([written?], folder)),
        "PostToolUse" | "PostToolUseFailure" => {
            let command = asked.text("command").filter(|_| tool == Some(BASH));
            let files = written.or_else(|| file_of(tool, READERS, asked));
            Some(of(OccasionMoment::After)?.about(files, folder).mentioning(command, folder))
        }
        _ => None,
    }
}
