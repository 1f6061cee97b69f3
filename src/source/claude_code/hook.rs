//! The names of Claude Code's hooks, those of version 2.1.330: the one table.

macro_rules! hooks {
    ($($Hook:ident)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Hook { $($Hook,)* }

        impl Hook {
            #[cfg(test)]
            pub const ALL: &'static [&'static str] = &[$(stringify!($Hook),)*];

            pub fn parse(name: &str) -> Option<Hook> {
                match name {
                    $(stringify!($Hook) => Some(Hook::$Hook),)*
                    _ => None,
                }
            }
        }
    };
}

hooks! {
    PreToolUse PostToolUse PostToolUseFailure PostToolBatch
    Notification UserPromptSubmit UserPromptExpansion
    SessionStart SessionEnd Stop StopFailure SubagentStart SubagentStop
    PreCompact PostCompact PreModelSwitch PostModelSwitch
    PermissionRequest PermissionDenied Setup TeammateIdle TaskCreated TaskCompleted
    Elicitation ElicitationResult ConfigChange WorktreeCreate WorktreeRemove
    InstructionsLoaded CwdChanged FileChanged DirectoryAdded MessageDisplay
}
