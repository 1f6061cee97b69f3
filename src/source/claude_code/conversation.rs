//! What the stream and a transcript tell alike: what the model said, which tools it called, and what came of them.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    event::Time,
    source::{
        asked::answered,
        coder::CoderIdentity,
        fact::{Told, Tool},
        json::Wire,
        open_calls::OpenCalls,
    },
};

use super::{
    line::{ClaudeLine, MessageContent},
    session::Speaker,
    tools::{self, ClaudeCall, Response, ToolInput},
};

/// A conversation, with the calls of tools that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    open: OpenCalls<UnansweredCall>,
    /// That it goes on with what the last result said.
    went_on: Option<Told>,
}

#[derive(Debug)]
struct UnansweredCall {
    tool: String,
    input: ToolInput,
    question: Option<String>,
    /// Whose it is, since when and by which line, until its beginning is told.
    untold: Option<(Arc<CoderIdentity>, Option<Time>, Option<String>)>,
}

impl Dialogue {
    /// What the model says in a line. The calls in it are remembered until their results come.
    pub fn assistant(&mut self, speaker: &Speaker<'_>, line: ClaudeLine<'_>) -> Vec<Told> {
        let content = line.content();
        // A line holds one block as a rule, and only its first text may go by its id.
        let ids = || std::iter::once(line.uuid()).chain(std::iter::repeat(None));
        // What is redacted is empty.
        let thoughts =
            content.blocks("thinking").filter_map(|block| block.text("thinking")).filter(|text| !text.trim().is_empty());
        let mut told: Vec<Told> = thoughts.zip(ids()).map(|(text, uuid)| speaker.thought(uuid, text)).collect();
        told.extend(content.texts().zip(ids()).map(|(text, uuid)| speaker.said(uuid, text)));
        for block in content.blocks("tool_use") {
            if let Some(id) = block.text("id") {
                let tool = block.text("name").unwrap_or(tools::NAMELESS).to_owned();
                let (input, question) = (ToolInput::read(block.at("input")), tools::question(block.at("input")));
                let untold = Some((Arc::clone(&speaker.who), speaker.at, speaker.line.map(str::to_owned)));
                self.open.open(id, UnansweredCall { tool, input, question: question.map(str::to_owned), untold });
            }
        }
        told
    }

    /// Whatever the last result said, it does not go on.
    pub fn rest(&mut self) {
        self.went_on = None;
    }

    /// The calls that have no result yet and were not told of, and that it goes on since the last result.
    pub fn at_work(&mut self) -> Vec<Told> {
        let mut told: Vec<Told> = self.went_on.take().into_iter().collect();
        for (id, UnansweredCall { tool, input, question, untold }) in self.open.all() {
            let Some((who, at, line)) = untold.take() else { continue };
            let speaker = Speaker { line: line.as_deref(), ..Speaker::new(&who, at) };
            let call = ClaudeCall { tool, id: Some(id), input: Some(input) };
            told.extend(tools::begun(&speaker, &call, question.as_deref()));
        }
        told
    }

    /// What came of the calls whose results a line has; relative paths start from `folder`.
    pub fn results(&mut self, speaker: &Speaker<'_>, line: ClaudeLine<'_>, folder: &str) -> Vec<Told> {
        let results: Vec<Wire<'_>> = line.content().blocks("tool_result").collect();
        // The line's own account is of one result.
        let account = line.tool_use_result().filter(|_| results.len() == 1);
        results.into_iter().flat_map(|result| self.result(speaker, result, account, folder)).collect()
    }

    fn result(&mut self, speaker: &Speaker<'_>, result: Wire<'_>, account: Option<Wire<'_>>, folder: &str) -> Vec<Told> {
        let Some(id) = result.text("tool_use_id") else { return Vec::new() };
        let Some(UnansweredCall { tool, input, .. }) = self.open.close(id) else { return Vec::new() };
        let call = ClaudeCall { tool: &tool, id: Some(id), input: Some(&input) };
        self.went_on = Some(tools::goes_on(speaker, &call));
        let text = MessageContent::of(result).text();
        if result.truth("is_error") == Some(true) {
            let error = text.map(|text| tools::refusal(text).unwrap_or(text));
            return vec![call.step(speaker, tools::failure(error))];
        }
        let output = text.filter(|_| tool != tools::BASH).and_then(|text| answered(&tool, Wire(&Value::from(text))));
        let mut told = vec![call.step(speaker, Tool { output, ..Tool::default() })];
        let response = account.map_or_else(|| as_the_model_reads_it(&tool, text), Response::read);
        told.extend(tools::effects(speaker, &call, response, folder));
        told
    }
}

/// Of a subagent's tools there is no other account.
fn as_the_model_reads_it<'p>(tool: &str, text: Option<&'p str>) -> Response<'p> {
    let printed = text.filter(|text| tool == tools::BASH && *text != "(Bash completed with no output)");
    let created = text.is_some_and(|text| text.starts_with("File created successfully"));
    Response { created, stdout: printed, ..Response::default() }
}
