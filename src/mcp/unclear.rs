//! A name that stands for no coder, or for several, as a model is told of it. Pure.

use crate::{
    event::{Micros, Time},
    history::{Candidate, Unclear},
};

use super::untrusted;

/// Whom it could mean, in words.
pub(super) fn message(unclear: &Unclear) -> String {
    let said = untrusted::echo(&unclear.said);
    let told = nearest(&unclear.candidates);
    let more = if unclear.more > 0 { format!(" and {} more", unclear.more) } else { String::new() };
    match (unclear.is_ambiguous, unclear.candidates.is_empty()) {
        (true, _) => format!("`{said}` may mean {told}{more}: give one of these, or a whole id"),
        (false, true) => format!("unknown coder `{said}`: none on record is like it; `list_ai_coders` names those there are"),
        (false, false) => format!("unknown coder `{said}`, the nearest are {told}; `list_ai_coders` names them all"),
    }
}

/// With handle, title and age; one whose handle could pass for the rest of a message is left out.
fn nearest(candidates: &[Candidate]) -> String {
    let candidates = candidates.iter().filter(|candidate| !candidate.handle.contains('`'));
    let told = candidates.map(|Candidate { handle, title, age: since, .. }| {
        let title = title.as_ref().map(|title| format!("{}, ", untrusted::echo(title))).unwrap_or_default();
        format!("`{}` ({title}{} ago)", untrusted::echo(handle), age(*since))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// `42 s`, `5 min`, `3 h`, `2 d`.
fn age(age: Micros) -> String {
    let of = |unit: Micros, name: &str| format!("{} {name}", age / unit);
    match age {
        _ if age < Time::MINUTE => of(Time::SECOND, "s"),
        _ if age < Time::HOUR => of(Time::MINUTE, "min"),
        _ if age < Time::DAY => of(Time::HOUR, "h"),
        _ => of(Time::DAY, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(candidates: &[(&str, Option<&str>)], more: usize, is_ambiguous: bool) -> String {
        let candidate = |(handle, title): &(&str, Option<&str>)| Candidate {
            coder_id: format!("codex:{handle}"),
            handle: (*handle).to_owned(),
            title: title.map(str::to_owned),
            age: 125 * Time::MINUTE,
        };
        message(&Unclear { said: "fix".into(), candidates: candidates.iter().map(candidate).collect(), more, is_ambiguous })
    }

    #[test]
    fn who_could_be_meant_is_told_with_title_and_age() {
        assert_eq!(told(&[], 0, false), "unknown coder `fix`: none on record is like it; `list_ai_coders` names those there are");
        assert_eq!(
            told(&[("fix-ci", None), ("7f3c1b", Some("Fix auth"))], 0, false),
            "unknown coder `fix`, the nearest are `fix-ci` (2 h ago), `7f3c1b` (Fix auth, 2 h ago); `list_ai_coders` names them all"
        );
        assert_eq!(
            told(&[("fix-ci", None), ("a`b", None)], 3, true),
            "`fix` may mean `fix-ci` (2 h ago) and 3 more: give one of these, or a whole id"
        );
    }
}
