//! Whom a caller means: by id, a beginning of it, a handle, a name or title, or `me`.

use std::cmp::Reverse;

use crate::{
    aggregate::CoderView,
    event::{Micros, Time, check_coder_id},
    history::{CensusQuery, Meant, Reader},
};

use super::{
    caller::{Caller, ME},
    context::now,
    tool_error::ToolError,
};

/// The word for all of them.
pub(super) const EVERY_CODER: &str = "*";

/// The id of the coder that `said` means.
///
/// # Errors
/// [`ToolError`] that tells whom else it could mean.
pub(super) fn coder(reader: &mut Reader, caller: &Caller, said: &str) -> Result<String, ToolError> {
    if said == ME && !is_id(reader, said)? {
        return caller.coder(reader)?.ok_or_else(|| caller.unknown());
    }
    match reader.which(said)? {
        Meant::One(id) => Ok(id),
        Meant::Unclear(unclear) => Err(ToolError::UnclearCoder(unclear)),
    }
}

/// The same for each of a list.
///
/// # Errors
/// As [`coder`].
pub(super) fn coders(reader: &mut Reader, caller: &Caller, said: &[String]) -> Result<Vec<String>, ToolError> {
    said.iter().map(|said| coder(reader, caller, said)).collect()
}

/// An exact id always wins, also one that is a word of ours; and it is found at once.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn is_id(reader: &mut Reader, said: &str) -> Result<bool, ToolError> {
    Ok(reader.coder_ids(said, 1)?.first().is_some_and(|known| known == said))
}

/// Ids of coders of which something begins as typed (the id, the session's part of it), or whose name or title has it; the
/// last active ones first. What is typed by itself never finds who finished long ago.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn begun(reader: &mut Reader, typed: &str) -> Result<Vec<String>, ToolError> {
    let typed_lower = typed.to_lowercase();
    let is_begun = |coder: &CoderView| {
        let part = coder.coder_id.split_once(':').map_or(coder.coder_id.as_str(), |(_, part)| part);
        let named = |name: &Option<String>| name.as_ref().is_some_and(|name| name.to_lowercase().contains(&typed_lower));
        coder.coder_id.starts_with(typed) || part.starts_with(typed) || named(&coder.coder_name) || named(&coder.title)
    };
    let since = now().plus(-COMPLETED_SINCE);
    let query = CensusQuery { finished_since: Some(since), wants: Some(&is_begun), ..CensusQuery::default() };
    let mut coders: Vec<CoderView> = reader.census(&query)?.coders.into_iter().map(|entry| entry.coder).collect();
    coders.sort_by_key(|coder| Reverse(coder.last_activity));
    Ok(coders.into_iter().map(|coder| coder.coder_id).filter(|id| check_coder_id(id).is_ok()).collect())
}

/// As handles are told apart.
const COMPLETED_SINCE: Micros = 30 * Time::DAY;
