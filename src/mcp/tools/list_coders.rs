//! `list_ai_coders`: who is there, and who needs a look.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::Value;

use crate::{
    aggregate::CoderView,
    event::{Status, Time},
    filter::{path_matches, plain_path},
    history::{self, Census, CensusEntry, CensusQuery, CodersQuery, Reader},
    mcp::{
        arguments::{SomeWords, Whole, Word, Words, tool_arguments},
        budget::{self, AnswerBudget},
        caller::Caller,
        coders_cursor::{CodersCursor, of_another_history},
        context::{ServeContext, moment, now},
        detail::AnswerDetail,
        naming,
        ranked::{is_quiet, ranked},
        told_coder,
        tool_error::ToolError,
    },
};

tool_arguments! {
    ListCoders {
        status: SomeWords<Status> = "Only these.",
        needs_attention: bool = "Only those that wait, are stuck, failed, rate limited, looping, or in a file conflict.",
        since: Option<String> = "Active since: RFC 3339, or an age such as 15m, 2h, 7d. Left out: unfinished, or active within 24 h.",
        agent: Option<String> = "claude-code, codex, gemini, copilot, cursor, opencode.",
        project: Option<String> = "Folder or repository.",
        parent: Option<String> = "Only this coder's subagents.",
        text: Option<String> = "In name, title or task.",
        not_coder: Option<String> = "Leave this one out: `me` is you.",
        detail: Word<AnswerDetail> = "A short row each, or every field.",
        limit: Whole<1, 1000, { LIMIT as u64 }> = "Most rows.",
        cursor: Option<CodersCursor> = "next_cursor of the page before; other arguments as they were.",
    }
}

impl Words for Status {
    fn words() -> Vec<(&'static str, Status)> {
        Status::ALL.iter().map(|&status| (status.name(), status)).collect()
    }
}

/// How many rows there are at most where nobody says it.
const LIMIT: usize = 50;
/// What the rows may take then: some 2,400 tokens.
const ROOM_CHARS: usize = 6_800;
/// How many coders the resource shows.
const SHOWN_MAX: usize = 100;

#[derive(Serialize)]
pub(in crate::mcp) struct CodersAnswer {
    coders: Vec<Value>,
    /// How many more there are: on the pages that follow, and of those that finished and were last active before `since`.
    #[serde(skip_serializing_if = "is_none")]
    coders_more: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What was asked for is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The answer was full before there were as many as were asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    now: Time,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl CodersAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        !self.coders.is_empty()
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    ListCoders::schema()
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<CodersAnswer, ToolError> {
    let given = ListCoders::check(arguments)?;
    serving.read(move |reader| list(reader, &given, &caller)).await
}

fn list(reader: &mut Reader, given: &ListCoders, caller: &Caller) -> Result<CodersAnswer, ToolError> {
    let now = now();
    // What is within a day is so for all pages of a list.
    let at = given.cursor.as_ref().map_or(now, |cursor| cursor.at);
    let since = moment("since", given.since.as_deref(), at)?;
    let wanted = WantedCoders::of(reader, given, caller)?;
    let wants = |coder: &CoderView| wanted.is(coder);
    let query = CensusQuery {
        finished_since: Some(since.unwrap_or_else(|| at.plus(-Time::DAY))),
        unfinished_since: since,
        needs_attention: given.needs_attention,
        wants: (!wanted.is_everybody()).then_some(&wants),
    };
    let census = reader.census(&query)?;
    let cursor = match &given.cursor {
        Some(cursor) if !cursor.is_of(&census.position) => return Err(of_another_history(cursor).into()),
        Some(cursor) => cursor.clone(),
        None => CodersCursor::new(&census.position, at),
    };
    Ok(page(census, cursor, given, now))
}

/// What the rest of the arguments asks for.
struct WantedCoders<'g> {
    statuses: &'g [Status],
    agent: Option<&'g str>,
    project: Option<&'g str>,
    text: Option<String>,
    parent: Option<String>,
    not_coder: Option<String>,
}

impl WantedCoders<'_> {
    fn of<'g>(reader: &mut Reader, given: &'g ListCoders, caller: &Caller) -> Result<WantedCoders<'g>, ToolError> {
        let mut named = |said: &Option<String>| said.as_deref().map(|said| naming::coder(reader, caller, said)).transpose();
        Ok(WantedCoders {
            statuses: &given.status.0,
            agent: given.agent.as_deref(),
            project: given.project.as_deref(),
            text: given.text.as_ref().map(|text| text.to_lowercase()),
            parent: named(&given.parent)?,
            not_coder: named(&given.not_coder)?,
        })
    }

    fn is_everybody(&self) -> bool {
        let names = [&self.parent, &self.not_coder, &self.text];
        self.statuses.is_empty() && self.agent.or(self.project).is_none() && names.into_iter().all(Option::is_none)
    }

    fn is(&self, coder: &CoderView) -> bool {
        let says = |text: &str| {
            let said = [&coder.coder_name, &coder.title, &coder.description, &coder.stage];
            coder.coder_id.to_lowercase().contains(text)
                || said.into_iter().flatten().any(|said| said.to_lowercase().contains(text))
        };
        (self.statuses.is_empty() || self.statuses.contains(&coder.status))
            && self.agent.is_none_or(|agent| is_agent(coder, agent))
            && self.project.is_none_or(|project| coder.project.as_deref().is_some_and(|of| is_project(of, project)))
            && self.parent.as_ref().is_none_or(|parent| coder.parent_coder_id.as_ref() == Some(parent))
            && self.not_coder.as_ref() != Some(&coder.coder_id)
            && self.text.as_deref().is_none_or(says)
    }
}

fn is_agent(coder: &CoderView, agent: &str) -> bool {
    let named = coder.coder_id.split_once(':').map(|(agent, _)| agent).or(coder.source.as_deref());
    named.is_some_and(|named| named.eq_ignore_ascii_case(agent))
}

/// The project itself, by its folder or the end of it, or a folder in it, where whoever asks may be.
fn is_project(project: &str, asked: &str) -> bool {
    let asked = plain_path(asked);
    // What names nothing is no project's.
    !asked.is_empty() && (path_matches(project, &asked) || (asked.starts_with('/') && path_matches(&asked, project)))
}

fn page(census: Census, mut cursor: CodersCursor, given: &ListCoders, now: Time) -> CodersAnswer {
    let Census { mut coders, quieter, .. } = census;
    let all = coders.len();
    coders.retain(|entry| !cursor.shown.contains(&entry.no));
    let coders = ranked(coders);
    let limit = given.limit.0 as usize;
    let mut chars = 0;
    // Who finished and needs nobody is told while there is room, the rest where somebody asks for more.
    let has_room = |(coder, told): &(&CoderView, Value)| {
        chars += budget::length(told);
        chars <= ROOM_CHARS || limit != LIMIT || !is_quiet(coder)
    };
    let rows = coders.iter().take(limit).map(|CensusEntry { coder, .. }| (coder, told_coder::tell(coder, now, given.detail.0)));
    let rows = rows.take_while(has_room).map(|(_, told)| told);
    let mut answer =
        CodersAnswer { coders: Vec::new(), coders_more: u64::MAX, next_cursor: None, message: None, truncated: true, now };
    // A cursor holds a bit for each coder between the first and the last that are shown.
    cursor.shown.extend(coders.iter().take(limit).map(|entry| entry.no));
    answer.next_cursor = Some(cursor.to_string());
    let (told, truncated) = AnswerBudget::beside(&answer).fill(rows);
    for entry in coders.iter().take(limit).skip(told.len()) {
        cursor.shown.remove(&entry.no);
    }
    let left = (coders.len() - told.len()) as u64;
    answer.next_cursor = (left > 0).then(|| cursor.to_string());
    (answer.coders, answer.truncated, answer.coders_more) = (told, truncated, left + quieter);
    answer.message = (all == 0).then(|| nobody(given, quieter));
    answer
}

fn nobody(given: &ListCoders, quieter: u64) -> String {
    match quieter {
        0 => "no coder on record is like that".into(),
        1 if given.since.is_none() => "none is unfinished or was active within 24 h, but 1 before: give `since`".into(),
        older if given.since.is_none() => {
            format!("none is unfinished or was active within 24 h, but {older} before: give `since`")
        }
        older => format!("none was active since then, but {older} before: give an earlier `since`"),
    }
}

/// The coders, most recently active first, as the resource gives them.
pub(in crate::mcp) fn all(reader: &mut Reader) -> Result<CodersAnswer, history::Error> {
    let now = now();
    // One more than are shown tells whether there are more.
    let mut coders = reader.coders(&CodersQuery { limit: SHOWN_MAX + 1, ..CodersQuery::default() })?;
    let more = coders.len() > SHOWN_MAX;
    coders.truncate(SHOWN_MAX);
    let mut answer = CodersAnswer { coders: Vec::new(), coders_more: 0, next_cursor: None, message: None, truncated: true, now };
    let told = coders.iter().map(|coder| told_coder::tell(coder, now, AnswerDetail::Full));
    let (told, left) = AnswerBudget::beside(&answer).fill(told);
    (answer.coders, answer.truncated) = (told, left || more);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_by_its_folder_an_end_of_it_or_what_is_in_it() {
        let check = |asked: &str, expected: bool| assert_eq!(is_project("/home/dev/shop", asked), expected, "{asked}");
        check("/home/dev/shop", true);
        check("shop", true);
        check("./dev/shop", true);
        check("/home/dev", true);
        check("/home/dev/shop/src/cart", true);
        check("hop", false);
        check(".", false);
        check("/home/dev/shopping", false);
        check("shop/src", false);
    }
}
