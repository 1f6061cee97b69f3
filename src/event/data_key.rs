//! The keys of `data` that the recorder itself writes: the one table. docs/events.md lists them from here.
//!
//! What a sender of its own puts into `data` is its own; these names mean the same whichever agent and channel told them.

/// Keys as `Name "key" "type" "meaning";`.
macro_rules! data_keys {
    ($($Name:ident $key:literal $kind:literal $about:literal;)*) => {
        /// A key of `data` that means the same for every agent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DataKey { $(#[doc = $about] $Name,)* }

        impl DataKey {
            pub const ALL: &'static [DataKey] = &[$(DataKey::$Name,)*];

            pub const fn name(self) -> &'static str {
                match self { $(DataKey::$Name => $key,)* }
            }

            /// What its value is, in a word.
            pub const fn holds(self) -> &'static str {
                match self { $(DataKey::$Name => $kind,)* }
            }

            pub const fn about(self) -> &'static str {
                match self { $(DataKey::$Name => $about,)* }
            }
        }
    };
}

data_keys! {
    AgentId "agent_id" "text" "Id of the subagent that ended, as its session names it.";
    Arguments "arguments" "text" "What a tool was given, as JSON, but for what stands in files, prompts and plans.";
    AtWork "at_work" "list of texts" "The coders that may have changed the file, where nobody knows who did; empty where none was at work.";
    Attempt "attempt" "whole number" "Which attempt of a request was refused; the agent tries again.";
    BackgroundTasks "background_tasks" "whole number" "Tasks that go on in the background after the turn's end.";
    Branch "branch" "text" "The branch of the repository that the coder began or ended in.";
    CacheWrite1hTokens "cache_write_1h_tokens" "whole number" "Of the tokens written to the provider's cache, those that live an hour.";
    Cached "cached" "whole number" "Cached tokens of a whole run, where the agent tells only sums.";
    Calls "calls" "whole number" "Calls of the model that the event's tokens are the sum of.";
    Change "change" "object" "What a completing event changes in figures of its call that stood there: the differences, cost in billionths of a dollar, and what the call was.";
    Command "command" "text" "What a shell was given, or the command that `run` wraps.";
    Commit "commit" "text" "The commit that the coder began or ended on, or made.";
    ContextTokens "context_tokens" "whole number" "Tokens that the context holds.";
    ContextWindow "context_window" "whole number" "Tokens that the context has room for.";
    Count "count" "number" "How many, where the milestone was reached more than once.";
    Covers "covers" "object" "Calls told without a cost that the cost of this sum includes, by their model.";
    Cwd "cwd" "text" "The coder's working folder.";
    Diff "diff" "text" "What changed in the file, as hunks of a unified diff.";
    DurationMs "duration_ms" "whole number" "How long a tool, or a whole run, took, in milliseconds.";
    Error "error" "text" "What a tool that failed answered.";
    ErrorDetails "error_details" "text" "What the provider answered, where the agent tells it beside its own words.";
    Estimated "estimated" "true" "Not a call, but what an agent told as the sum of many exceeds those by that were told one by one; it shrinks when more of them come.";
    ExitCode "exit_code" "whole number" "Exit code of a command.";
    Failed "failed" "true" "The tool failed, or was not allowed.";
    ForkedFrom "forked_from" "text" "The coder whose record this one's begins with a copy of.";
    From "from" "text" "Who asked: `person`, or `coder` where another coder did.";
    Granted "granted" "true or false" "Whether what was asked permission for was allowed.";
    InputTokens "input_tokens" "whole number" "Tokens read in a whole run, where the agent tells only sums.";
    LastAssistantMessage "last_assistant_message" "text" "What the coder said last in the turn.";
    Limit "limit" "text" "Which limit: `context`, `memory`, or the provider's name for it.";
    LimitMb "limit_mb" "whole number" "The limit on memory that `run` was given, in MiB.";
    LimitUsedPercent "limit_used_percent" "number" "How much of the provider's limit was used after the call.";
    LinesAdded "lines_added" "whole number" "Lines that a change added to the file.";
    LinesRemoved "lines_removed" "whole number" "Lines that a change took out of the file.";
    Message "message" "text" "What the agent showed the person.";
    MessageId "message_id" "text" "Id of the message, as the agent has it.";
    Mode "mode" "text" "What the coder may do unasked from then on, in the agent's word.";
    Model "model" "text" "Model that the session was begun with, or goes on with.";
    OldCwd "old_cwd" "text" "The working folder before it changed.";
    Output "output" "text" "What a tool answered that printed nothing.";
    OutputTokens "output_tokens" "whole number" "Tokens written in a whole run, where the agent tells only sums.";
    ParentCoderId "parent_coder_id" "text" "The coder that this one works for.";
    PermissionDenials "permission_denials" "text" "Tools that were not allowed in the turn.";
    Pid "pid" "whole number" "Id of the coder's process.";
    Process "process" "object" "Which process the coder is: `pid`, `start`, `boot`, `namespace`.";
    Processes "processes" "whole number" "How many processes the figures are of.";
    Project "project" "text" "The folder of the repository that the coder began in: the main one's, whichever worktree it is.";
    PromptTokens "prompt_tokens" "whole number" "Tokens of the prompt, cached ones and all, where it is not known which were cached.";
    QuerySource "query_source" "text" "What the agent made the call for.";
    Question "question" "text" "What the coder asks the person.";
    Reason "reason" "text" "Why the workspace was looked at as a whole.";
    Request "request" "text" "What the coder asks permission for.";
    ResetsAt "resets_at" "whole number" "When the limit is lifted, in seconds since 1970.";
    ResponseId "response_id" "text" "The provider's id of the call.";
    Running "running" "true" "The tool is at work; the event that completes this one has `false` when it ended.";
    Signal "signal" "text" "The signal that ended the command.";
    Source "source" "text" "How the session began, in the agent's word.";
    StepsDone "steps_done" "whole number" "Steps of the plan that are done.";
    StepsTotal "steps_total" "whole number" "Steps of the plan in all.";
    SuppressedBytes "suppressed_bytes" "whole number" "Bytes of output that are not recorded, since there were too many.";
    SuppressedLines "suppressed_lines" "whole number" "Lines of output that are not recorded, since there were too many.";
    TaskId "task_id" "text" "Id of the task that was completed.";
    Title "title" "text" "What the agent calls its session.";
    TokensAfter "tokens_after" "whole number" "Tokens in the context after it was compacted.";
    TokensBefore "tokens_before" "whole number" "Tokens in the context before it was compacted.";
    ToolAtWork "tool_at_work" "text" "The tool's call that was at work when the process was gone.";
    ToolCalls "tool_calls" "whole number" "Calls of tools in a whole run.";
    ToolName "tool_name" "text" "The tool that the event is of.";
    ToolUseId "tool_use_id" "text" "Id of the tool's call.";
    TotalTokens "total_tokens" "whole number" "Tokens of the call or run in all, where they are counted elsewhere one by one.";
    TranscriptPath "transcript_path" "text" "The file in which the agent keeps its own record of the session.";
    Trigger "trigger" "text" "Who asked for the compaction: `auto`, `manual`.";
    TtftMs "ttft_ms" "whole number" "Time to the first token of the answer, in milliseconds.";
    Watched "watched" "true" "No tool told of the change: the keeper saw it in the coder's folder.";
    Withdrawn "withdrawn" "true" "Calls that were told since account for all of it: the event is no fact any more.";
    WorktreePath "worktree_path" "text" "The linked worktree that the coder began in, or that was removed.";
}

impl AsRef<str> for DataKey {
    fn as_ref(&self) -> &str {
        self.name()
    }
}
