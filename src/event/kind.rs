//! The event types: the one table.

use std::fmt;

use super::{
    body::{Body, Family},
    invalid::{ECHO_CHARS_MAX, Invalid, echo},
};

macro_rules! event_types {
    ($($Variant:ident $code:literal $short:literal $Family:ident $about:literal;)*) => {
        /// What happened. Names are the seed's: `ai_coder_` and a short name; both spellings are read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $(#[doc = $about] $Variant = $code,)*
        }

        impl EventType {
            /// Every type, family by family.
            pub const ALL: &'static [EventType] = &[$(EventType::$Variant,)*];

            /// The name on the wire: `ai_coder_created`.
            pub const fn name(self) -> &'static str {
                match self { $(EventType::$Variant => concat!("ai_coder_", $short),)* }
            }

            pub const fn family(self) -> Family {
                match self { $(EventType::$Variant => Family::$Family,)* }
            }

            /// One sentence for help and docs.
            pub const fn about(self) -> &'static str {
                match self { $(EventType::$Variant => $about,)* }
            }

            pub const fn from_code(code: u8) -> Option<EventType> {
                match code { $($code => Some(EventType::$Variant),)* _ => None }
            }
        }
    };
}

// The code is what the history stores: never change or reuse one. Types below `FREQUENT_FROM` are rare and indexed.
event_types! {
    Created           1 "created"            Lifecycle "The coder came into being.";
    Started           2 "started"            Lifecycle "The coder began to work.";
    Paused            3 "paused"             Lifecycle "The coder waits: for a permission, an answer, or the next prompt.";
    Resumed           4 "resumed"            Lifecycle "The coder works again.";
    Completed         5 "completed"          Lifecycle "The coder finished its turn or its task.";
    Failed            6 "failed"             Lifecycle "The coder gave up on an error.";
    Stopped           7 "stopped"            Lifecycle "The coder's process or session ended.";
    Deleted           8 "deleted"            Lifecycle "The coder was removed.";
    Progress         32 "progress"           Progress  "A step forward: how far, at which stage.";
    Milestone         9 "milestone"          Progress  "A step worth telling a person about.";
    Output           33 "output"             Progress  "Text the coder or one of its commands printed.";
    Prompt           39 "prompt"             Progress  "What a person asked, or for a subagent its parent.";
    Seen             17 "seen"               Progress  "Somebody saw to the coder: it needs nobody until something new happens.";
    FileCreated      34 "file_created"       Workspace "A file appeared.";
    FileModified     35 "file_modified"      Workspace "A file changed.";
    FileDeleted      36 "file_deleted"       Workspace "A file went away.";
    WorkspaceSync    16 "workspace_sync"     Workspace "The workspace changed as a whole: look again.";
    ApiCall          37 "api_call"           Provider  "A call to a model provider, with its tokens and cost.";
    ApiError         10 "api_error"          Provider  "A call to a model provider that failed.";
    RateLimit        11 "rate_limit"         Provider  "A model provider asked to slow down.";
    ResourceUsage    38 "resource_usage"     Resource  "What the coder's processes use.";
    ResourceLimit    12 "resource_limit"     Resource  "The coder passed a limit set for it.";
    FailureAlert     13 "failure_alert"      Derived   "Three or more failures of one coder within ten minutes.";
    CompletionMetrics 14 "completion_metrics" Derived  "How long a completed coder took.";
    SystemWarning    15 "system_warning"     Derived   "What concerns more than one coder: a rate or resource limit, a file that two change.";
}

impl EventType {
    /// Types from this code on occur all the time; an index on them would cost more than it saves.
    pub const FREQUENT_FROM: u8 = 32;
    const PREFIX: &'static str = "ai_coder_";

    /// The name without `ai_coder_`.
    pub fn short(self) -> &'static str {
        &self.name()[Self::PREFIX.len()..]
    }

    pub const fn code(self) -> u8 {
        self as u8
    }

    pub const fn is_rare(self) -> bool {
        self.code() < Self::FREQUENT_FROM
    }

    /// An empty body of this type's family.
    pub fn body(self) -> Body {
        Body::empty(self.family())
    }

    /// Made by the recorder's own rules from another event.
    pub fn is_derived(self) -> bool {
        self.family() == Family::Derived
    }

    /// Whether an event of this type may tell that something failed.
    pub(crate) fn may_fail(self) -> bool {
        matches!(self, EventType::Failed | EventType::ApiError | EventType::RateLimit | EventType::Progress)
    }

    /// Reads either spelling.
    ///
    /// # Errors
    /// [`Invalid`] that names the nearest type.
    pub fn parse(name: &str) -> Result<EventType, Invalid> {
        let short = name.strip_prefix(Self::PREFIX).unwrap_or(name);
        let found = Self::ALL.iter().copied().find(|kind| kind.short() == short);
        found.ok_or_else(|| Self::unknown(name, Self::nearest(short)))
    }

    fn unknown(name: &str, nearest: EventType) -> Invalid {
        let given = echo(name, ECHO_CHARS_MAX);
        let all = Self::ALL.iter().map(|kind| kind.short()).collect::<Vec<_>>().join(", ");
        Invalid::new("type", format_args!("unknown event type `{given}`, did you mean `{nearest}`? there are {all}"))
    }

    fn nearest(short: &str) -> EventType {
        let likeness = |kind: &EventType| strsim::jaro_winkler(kind.short(), short);
        let best = Self::ALL.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        best.expect("the table of types is not empty")
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_seeds_twenty_types_two_of_ours_and_three_derived_ones() {
        let derived = EventType::ALL.iter().filter(|kind| kind.is_derived()).count();
        assert_eq!((EventType::ALL.len(), derived), (25, 3));
        for &kind in EventType::ALL {
            assert_eq!(EventType::from_code(kind.code()), Some(kind));
            assert_eq!(EventType::parse(kind.name()), Ok(kind));
            assert_eq!(EventType::parse(kind.short()), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_type_names_the_nearest() {
        let message = |name: &str| EventType::parse(name).unwrap_err().to_string();
        assert!(
            message("ai_coder_compelted")
                .starts_with("unknown event type `ai_coder_compelted`, did you mean `ai_coder_completed`?")
        );
        assert!(message("file_modifed").contains("did you mean `ai_coder_file_modified`?"));
    }
}
