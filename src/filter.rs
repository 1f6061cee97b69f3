//! Which events a reader wants. Pure: a filter is parsed at the edge, then only matched.

mod moment;
mod text_query;
mod words;

pub use moment::{parse_age, parse_local_moment, parse_moment};
pub use text_query::TextQuery;

use crate::event::{Body, Event, EventType, Family, Invalid, Time};

/// What a reader asks for; an empty part asks for everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Any of these coders.
    pub coders: Vec<String>,
    /// None of these.
    pub not_coders: Vec<String>,
    pub types: Option<TypeSet>,
    /// Event time, inclusive.
    pub since: Option<Time>,
    /// Event time, inclusive.
    pub until: Option<Time>,
    /// The file itself, everything below the folder, or the end of a path.
    pub path: Option<String>,
    /// Words in description, text, messages, path, command, error, diff, whatever the case: [`TextQuery`].
    pub text: Option<String>,
    /// Only what failed: a tool, a call, a turn.
    pub failed: bool,
}

impl Filter {
    pub fn matches(&self, event: &Event) -> bool {
        self.wants_type(event.kind)
            && (self.coders.is_empty() || self.coders.contains(&event.coder_id))
            && !self.not_coders.contains(&event.coder_id)
            && self.since.is_none_or(|since| since <= event.timestamp)
            && self.until.is_none_or(|until| event.timestamp <= until)
            && self.matches_content(event)
    }

    pub fn wants_type(&self, kind: EventType) -> bool {
        self.types.is_none_or(|types| types.contains(kind)) && (!self.failed || kind.may_fail())
    }

    /// The part that no index answers: path and text.
    pub fn matches_content(&self, event: &Event) -> bool {
        self.path.as_ref().is_none_or(|path| matches_path(event, path))
            && (!self.failed || event.has_failed())
            && self.text.as_ref().is_none_or(|text| TextQuery::parse(text).matches(event))
    }

    /// One coder's events.
    pub fn coder(id: impl Into<String>) -> Filter {
        Filter { coders: vec![id.into()], ..Filter::default() }
    }
}

/// `given` names the file, a folder above it, or its last components.
fn matches_path(event: &Event, given: &str) -> bool {
    let Body::Workspace(fields) = &event.body else { return false };
    fields.file_path.as_deref().is_some_and(|path| path_matches(path, given))
}

/// Whether `given` is `path`, a folder above it, or its last components; one that begins with a slash is no end of another.
pub fn path_matches(path: &str, given: &str) -> bool {
    let given = given.strip_suffix('/').unwrap_or(given);
    let below = path.strip_prefix(given).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let end = !given.starts_with('/') && path.strip_suffix(given).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    below || end
}

/// `./` and `..` of a path resolved, relative to nothing: what is left names the same file by its end.
pub fn plain_path(given: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in given.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if given.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// A [`plain_path`] that somebody looks for.
///
/// # Errors
/// [`Invalid`] where nothing is left of it, as of `.`: it would be every path's.
pub fn parse_path(field: &str, given: &str) -> Result<String, Invalid> {
    let path = plain_path(given);
    if path.is_empty() {
        return Err(Invalid::wrong(field, &given.into(), "a folder or file name: paths are matched as written"));
    }
    Ok(path)
}

/// A set of event types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeSet(u64);

impl TypeSet {
    pub const EMPTY: TypeSet = TypeSet(0);

    /// A type by either spelling, a family as `progress.*`, or a bare family name that is no type.
    ///
    /// # Errors
    /// [`Invalid`] that names the nearest type.
    pub fn parse(name: &str) -> Result<TypeSet, Invalid> {
        let family = |name: &str| Family::ALL.iter().copied().find(|family| family.name() == name);
        if let Some(family) = name.strip_suffix(".*").and_then(family) {
            return Ok(TypeSet::family(family));
        }
        match (EventType::parse(name), family(name)) {
            (Ok(kind), _) => Ok(TypeSet::EMPTY.with(kind)),
            (Err(_), Some(family)) => Ok(TypeSet::family(family)),
            (Err(unknown), None) => Err(unknown),
        }
    }

    /// The union of what each name means; `None` where there is no name.
    ///
    /// # Errors
    /// As [`TypeSet::parse`].
    pub fn parse_all<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Option<TypeSet>, Invalid> {
        let mut union = None;
        for name in names {
            let set = TypeSet::parse(name)?;
            union = Some(TypeSet(union.unwrap_or(TypeSet::EMPTY).0 | set.0));
        }
        Ok(union)
    }

    pub fn family(family: Family) -> TypeSet {
        EventType::ALL.iter().filter(|kind| kind.family() == family).fold(TypeSet::EMPTY, |set, &kind| set.with(kind))
    }

    pub const fn of(kinds: &[EventType]) -> TypeSet {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at].code();
            at += 1;
        }
        TypeSet(set)
    }

    /// Every type but `left_out`.
    pub fn all_but(left_out: &[EventType]) -> TypeSet {
        EventType::ALL.iter().filter(|kind| !left_out.contains(kind)).fold(TypeSet::EMPTY, |set, &kind| set.with(kind))
    }

    #[must_use]
    pub fn with(self, kind: EventType) -> TypeSet {
        TypeSet(self.0 | 1 << kind.code())
    }

    pub fn contains(self, kind: EventType) -> bool {
        self.0 & (1 << kind.code()) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = EventType> {
        EventType::ALL.iter().copied().filter(move |&kind| self.contains(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_win_over_families() {
        let check = |name: &str, types: &[&str]| {
            let set = TypeSet::parse(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(set.iter().map(EventType::short).collect::<Vec<_>>(), types, "{name}");
        };
        check("progress", &["progress"]);
        check("ai_coder_progress", &["progress"]);
        check("progress.*", &["progress", "milestone", "output", "prompt", "seen"]);
        check("provider", &["api_call", "api_error", "rate_limit"]);
        check("provider.*", &["api_call", "api_error", "rate_limit"]);
        check("workspace.*", &["file_created", "file_modified", "file_deleted", "workspace_sync"]);
        assert!(TypeSet::parse("provder").is_err());
        assert!(TypeSet::parse("nothing.*").is_err());
    }

    #[test]
    fn a_path_is_a_file_a_folder_or_an_end() {
        let check = |path: &str, given: &str, expected: bool| {
            assert_eq!(path_matches(path, given), expected, "{path} {given}");
        };
        check("/repo/src/main.rs", "/repo/src/main.rs", true);
        check("/repo/src/main.rs", "/repo/src", true);
        check("/repo/src/main.rs", "/repo/src/", true);
        check("/repo/src/main.rs", "main.rs", true);
        check("/repo/src/main.rs", "src/main.rs", true);
        check("/repo//src/main.rs", "/src/main.rs", false);
        check("/repo/src/main.rs", "ain.rs", false);
        check("/repo/src/main.rs", "/repo/sr", false);
    }

    #[test]
    fn a_path_is_resolved_relative_to_nothing() {
        let check = |given: &str, expected: &str| assert_eq!(plain_path(given), expected, "{given}");
        check("./src/main.rs", "src/main.rs");
        check("../src//main.rs", "src/main.rs");
        check("/repo/src/../lib/./a.rs", "/repo/lib/a.rs");
        check("src/", "src");
        check("/", "/");
        check(".", "");
        assert_eq!(parse_path("path", "./src/").as_deref(), Ok("src"));
        let refused = |given: &str| parse_path("path", given).expect_err("it names nothing").to_string();
        assert_eq!(refused("."), "`path` is `\".\"`: give a folder or file name: paths are matched as written");
        assert!(refused("").starts_with("`path` is `\"\"`:") && refused("a/../..").starts_with("`path` is `\"a/../..\"`:"));
    }

    #[test]
    fn somebody_may_be_left_out() {
        use crate::{event::Draft, text::Redactor};
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let of = |coder: &str| {
            Draft::new(EventType::Started, coder).check(now, &Redactor::default()).expect("an event").into_event(1, "i".into())
        };
        let others = Filter { not_coders: vec!["a".into()], ..Filter::default() };
        assert_eq!([of("a"), of("b")].map(|event| others.matches(&event)), [false, true]);
    }
}
