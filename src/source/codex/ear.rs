//! At which steps Codex takes words of its hooks.

use crate::source::{
    channel::{Ear, HookPayload},
    occasion::{Occasion, OccasionMoment, specific_output},
};

use super::{CodexPayload, call::Work};

pub(super) const EAR: Ear = Ear { occasion, reply: specific_output };

fn occasion(hook: &HookPayload<'_>) -> Option<Occasion> {
    let wire = hook.wire;
    let name = wire.text("hook_event_name")?;
    let of = |moment| Some(Occasion::new(&CodexPayload::new(hook).ok()?.thread.who.id, name, moment));
    let folder = wire.text("cwd").unwrap_or_default();
    let work = || wire.text("tool_name").map(|tool| Work::of(tool, wire.at("tool_input"), folder));
    match name {
        "SessionStart" => matches!(wire.text("source"), Some("compact" | "resume")).then(|| of(OccasionMoment::Again))?,
        "UserPromptSubmit" => of(OccasionMoment::Asked),
        "PreToolUse" => match work()? {
            Work::Patch(files) => Some(of(OccasionMoment::Before)?.about(files.iter().map(|file| file.path.as_str()), folder)),
            _ => None,
        },
        "PostToolUse" => {
            let after = of(OccasionMoment::After)?;
            Some(match work() {
                Some(Work::Patch(files)) => after.about(files.iter().map(|file| file.path.as_str()), folder),
                // It reads files by a shell alone.
                Some(Work::Command(script)) => after.mentioning(Some(&script), folder),
                _ => after,
            })
        }
        _ => None,
    }
}
