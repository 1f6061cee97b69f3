//! `[notify]`: by which command a person is told, and of what.

use serde::Deserialize;

use crate::notifier::{NotifyOn, NotifySettings, QuietHours};

use super::Error;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NotifyTable {
    command: Vec<String>,
    on: Option<Vec<String>>,
    quiet: Option<String>,
}

impl NotifyTable {
    /// # Errors
    /// Where a word is none of ours.
    pub fn into_settings(self) -> Result<NotifySettings, Error> {
        let parse = |name: String| {
            let valid = || NotifyOn::ALL.map(NotifyOn::name).join(", ");
            NotifyOn::parse(&name).ok_or_else(|| Error::Notify { key: "on", value: name.clone(), valid: valid() })
        };
        let on = match self.on {
            Some(names) => names.into_iter().map(parse).collect::<Result<_, _>>()?,
            None => NotifyOn::ALL.to_vec(),
        };
        let hours = |given: String| {
            QuietHours::parse(&given).ok_or_else(|| Error::Notify {
                key: "quiet",
                value: given.clone(),
                valid: "two times of the day, such as 22:00-07:00".into(),
            })
        };
        Ok(NotifySettings { command: self.command, on, quiet: self.quiet.map(hours).transpose()? })
    }
}
