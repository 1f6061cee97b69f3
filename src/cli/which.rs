//! Which coder a person means: by id, handle, name or title; told in words where that is not clear.

use ai_coder_events::{
    history::{Candidate, Meant, Reader, Unclear},
    style::age,
    text,
};
use anyhow::{Context, anyhow};

use super::UNREADABLE;

/// What is repeated of what was said, and of a title.
const QUOTE_CHARS_MAX: usize = 80;

/// The id of the coder that `said` means.
///
/// # Errors
/// Which coders it may mean, or that it means none.
pub fn coder(reader: &mut Reader, said: &str) -> anyhow::Result<String> {
    match reader.which(said).context(UNREADABLE)? {
        Meant::One(id) => Ok(id),
        Meant::Unclear(unclear) => Err(anyhow!(in_words(&unclear))),
    }
}

fn in_words(Unclear { said, candidates, more, is_ambiguous }: &Unclear) -> String {
    let said = text::excerpt(said, QUOTE_CHARS_MAX);
    let head = match (is_ambiguous, candidates.is_empty()) {
        (true, _) => format!("several coders are called `{said}`; say which by its handle:"),
        (false, true) => {
            return format!("unknown coder `{said}`: the history knows none like it; `ai-coder-events coders` lists them");
        }
        (false, false) => format!("unknown coder `{said}`; the nearest are:"),
    };
    let rows = candidates.iter().map(|Candidate { handle, title, age: since, .. }| {
        let title = title.as_deref().map_or(String::new(), |title| format!("  {}", text::excerpt(title, QUOTE_CHARS_MAX)));
        format!("\n  {handle}{title}  ({} ago)", age(*since))
    });
    let rest = if *more > 0 { format!("\n  and {more} more") } else { String::new() };
    head + &rows.collect::<String>() + &rest
}

#[cfg(test)]
mod tests {
    use ai_coder_events::event::Time;

    use super::*;

    #[test]
    fn what_is_not_clear_is_told_with_those_it_may_be() {
        let check = |candidates: &[(&str, Option<&str>)], more: usize, is_ambiguous: bool, expected: &str| {
            let candidate = |(handle, title): &(&str, Option<&str>)| Candidate {
                coder_id: (*handle).to_owned(),
                handle: (*handle).to_owned(),
                title: title.map(str::to_owned),
                age: 3 * Time::HOUR,
            };
            let candidates = candidates.iter().map(candidate).collect();
            let unclear = Unclear { said: "demo".into(), candidates, more, is_ambiguous };
            assert_eq!(in_words(&unclear), expected);
        };
        check(&[], 0, false, "unknown coder `demo`: the history knows none like it; `ai-coder-events coders` lists them");
        check(&[("demos", None)], 0, false, "unknown coder `demo`; the nearest are:\n  demos  (3h ago)");
        check(
            &[("7f3c1b", Some("Fix the login")), ("2b9d40", None)],
            2,
            true,
            "several coders are called `demo`; say which by its handle:\n  7f3c1b  Fix the login  (3h ago)\n  2b9d40  (3h ago)\n  and 2 more",
        );
    }
}
