//! Whom a run is about: named by its user, or after its program.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::SystemTime,
};

use uuid::Uuid;

use crate::{
    event::{DataKey, Draft, EventType, Time, check_coder_id},
    history, text,
};

/// A basename in an id leaves room for what makes it unique.
const BASENAME_CHARS_MAX: usize = 60;
/// Of a random id: a clash within one history is as good as impossible.
const UNIQUE_CHARS: usize = 8;

/// Whom the events of a run are about.
#[derive(Clone, Debug)]
pub struct RunCoder {
    pub id: String,
    pub name: String,
    /// The run around this one.
    pub parent: Option<String>,
}

impl RunCoder {
    /// Named after `program` where nothing else is said.
    pub fn new(program: &OsStr, id: Option<String>, name: Option<String>, parent: Option<String>) -> RunCoder {
        let basename = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let id = id.unwrap_or_else(|| id_of(&basename));
        RunCoder { id, name: name.unwrap_or(basename), parent }
    }

    /// A draft about it, of this moment.
    pub(super) fn draft(&self, kind: EventType) -> Draft {
        let mut draft = Draft::new(kind, &self.id);
        draft.coder_name = Some(self.name.clone());
        draft.source = Some("run".to_owned());
        draft.timestamp = Some(now());
        match &self.parent {
            Some(parent) => draft.with(DataKey::ParentCoderId, parent.as_str()),
            None => draft,
        }
    }

    /// What tells the command's own processes whom they work for.
    pub(super) fn environment(&self, history: Option<&history::Options>) -> Vec<(&'static str, OsString)> {
        let coder = [("AI_CODER_ID", OsString::from(&self.id)), ("AI_CODER_NAME", OsString::from(&self.name))];
        let history = history.map(|options| ("AI_CODER_EVENTS_DB", options.path.clone().into_os_string()));
        coder.into_iter().chain(history).collect()
    }
}

fn id_of(basename: &str) -> String {
    let plain = |c: char| if c.is_whitespace() || text::is_hidden(c) { '-' } else { c };
    let name: String = basename.chars().take(BASENAME_CHARS_MAX).map(plain).collect();
    // A program that is called like a secret is recorded nevertheless.
    let name = if check_coder_id(&name).is_ok() { name } else { "run".to_owned() };
    let unique = Uuid::new_v4().simple().to_string();
    let id = format!("{name}-{}", &unique[..UNIQUE_CHARS]);
    debug_assert!(check_coder_id(&id).is_ok(), "{id}");
    id
}

pub(super) fn now() -> Time {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_valid_whatever_the_program_is_called() {
        let long = "x".repeat(500);
        let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
        for program in ["/bin/ls", "ls", "/", "my tool", "\u{202e}evil", "", secret, long.as_str()] {
            let coder = RunCoder::new(OsStr::new(program), None, None, None);
            assert_eq!(check_coder_id(&coder.id), Ok(()), "{program:?}");
        }
        let coder = RunCoder::new(OsStr::new("/usr/bin/make"), None, None, None);
        assert!(coder.id.starts_with("make-") && coder.id.len() == "make-".len() + UNIQUE_CHARS, "{}", coder.id);
        assert_eq!(coder.name, "make");
        assert_ne!(coder.id, RunCoder::new(OsStr::new("make"), None, None, None).id);
    }
}
