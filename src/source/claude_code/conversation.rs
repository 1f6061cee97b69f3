//! What the stream and a transcript tell alike: what the model said, which tools it called, and what came of them.

use std::collections::HashMap;

use super::{
    facts::{self, Refused},
    line::{Block, Line},
    report::Teller,
    tools::{self, Call},
    wire::{ToolInput, ToolResponse},
};
use crate::event::Draft;

/// The calls of tools that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    open: HashMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    tool: Option<String>,
    input: ToolInput,
}

/// An agent runs a handful of tools at once; calls that were interrupted have no result.
const OPEN_MAX: usize = 1_000;

/// The agent's own words in the model's name.
pub(super) const SYNTHETIC: &str = "<synthetic>";

impl Conversation {
    /// What the model says in a line. The calls in it are remembered until their results come.
    pub fn assistant(&mut self, teller: &Teller<'_>, line: Line) -> Vec<Draft> {
        let uuid = line.uuid.as_deref().map(|uuid| ["said", uuid]);
        let natural = uuid.as_ref().map(|parts| &parts[..]);
        // A line holds one block as a rule, and only its first text may go by its id.
        let ids = std::iter::once(natural).chain(std::iter::repeat(None));
        let said = line.message.content.texts().zip(ids).map(|(text, natural)| facts::said(teller, natural, text)).collect();
        for block in line.message.content.blocks {
            if let (true, Some(id)) = (block.is("tool_use"), block.id) {
                if self.open.len() >= OPEN_MAX {
                    self.open.clear();
                }
                self.open.insert(id, Open { tool: block.name, input: block.input });
            }
        }
        said
    }

    /// What came of the calls whose results a line has.
    pub fn results(&mut self, teller: &Teller<'_>, line: &Line) -> Vec<Draft> {
        let results: Vec<&Block> = line.message.content.blocks.iter().filter(|block| block.is("tool_result")).collect();
        // The line's own account is of one result.
        let account = line.tool_use_result.as_ref().filter(|_| results.len() == 1);
        results.iter().flat_map(|result| self.result(teller, result, account)).collect()
    }

    fn result(&mut self, teller: &Teller<'_>, result: &Block, account: Option<&ToolResponse>) -> Vec<Draft> {
        let Some(id) = result.tool_use_id.as_deref() else { return Vec::new() };
        let Some(Open { tool, input }) = self.open.remove(id) else { return Vec::new() };
        let call = Call { tool: tool.as_deref().unwrap_or(tools::NAMELESS), id: Some(id), input: Some(&input) };
        let text = result.content.text();
        let progress = tools::progress(teller, &call);
        if result.is_error {
            let error = text.map(|text| tools::refusal(text).unwrap_or(text));
            return vec![tools::with_failure(progress, error)];
        }
        let mut drafts = vec![progress];
        match account {
            Some(response) => drafts.extend(tools::effects(teller, &call, response)),
            None => drafts.extend(tools::effects(teller, &call, &as_the_model_reads_it(call.tool, text))),
        }
        drafts
    }
}

/// Of a subagent's tools there is no other account.
fn as_the_model_reads_it(tool: &str, text: Option<&str>) -> ToolResponse {
    let text = text.unwrap_or_default();
    let created = text.starts_with("File created successfully");
    let printed = tool == tools::BASH && text != "(Bash completed with no output)" && !text.is_empty();
    ToolResponse {
        kind: created.then(|| "create".to_owned()),
        stdout: printed.then(|| text.to_owned()),
        ..ToolResponse::default()
    }
}

/// The request that the agent gave up on, as it says instead of the model.
pub(super) fn refused(line: &Line) -> Refused<'_> {
    Refused {
        status: line.api_error_status.or(line.error_status).or(line.error.status),
        code: line.error.code.as_deref(),
        message: line.message.content.text().or(line.error.formatted.as_deref()),
        model: None,
    }
}

/// The request that is tried again; nothing where the line does not say which attempt it was.
pub(super) fn retried(teller: &Teller<'_>, line: &Line, uuid: Option<&str>) -> Option<Draft> {
    Some(refused(line).for_now(teller, uuid, line.attempt?, line.retry_delay_ms.unwrap_or(0)))
}
