//! The names of Codex's hooks, those of version 0.169: the one table.

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
    SessionStart SessionEnd UserPromptSubmit PreToolUse PermissionRequest PostToolUse
    PreCompact PostCompact SubagentStart SubagentStop Stop Interrupt
}
