//! `hook`: what its help and its usage say. It is answered before flags are parsed, by [`ai_coder_events::hook`].

use ai_coder_events::source::Agent;
use clap::Args;

use super::completions::Offered;

/// Record one hook payload from stdin: what agents call, never people
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HookUsage {
    /// Whose hook it is: claude-code, codex, copilot, cursor, gemini, opencode
    #[arg(value_name = "AGENT", value_parser = Offered(Agent::ALL.iter().map(|agent| agent.name()).collect()), hide_possible_values = true)]
    _agent: String,
    /// Which hook it is, for agents whose payloads do not say: sessionStart
    #[arg(value_name = "EVENT")]
    _event: Option<String>,
}

const EXAMPLES: &str = "\
Always exits 0 and prints nothing, so that it never disturbs the agent, unless --tell asks it to
tell the agent something. What it cannot understand,
`ai-coder-events rejected` lists.

`ai-coder-events setup AGENT` registers it with an agent.

Example:
  ai-coder-events hook claude-code < payload.json";
