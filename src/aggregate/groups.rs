//! Sums by what events have in common: a row for each model, project, day and so on, and one for all.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use crate::price::Prices;

use super::{Tally, Usage, usage::is_zero};

macro_rules! group_keys {
    ($($Name:ident $name:literal $field:ident $about:literal;)*) => {
        /// What rows are made by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum GroupKey { $(#[doc = $about] $Name,)* }

        impl GroupKey {
            pub const ALL: &'static [GroupKey] = &[$(GroupKey::$Name,)*];

            pub const fn name(self) -> &'static str {
                match self { $(GroupKey::$Name => $name,)* }
            }

            pub fn parse(name: &str) -> Option<GroupKey> {
                GroupKey::ALL.iter().copied().find(|key| key.name() == name)
            }
        }

        /// One row: the keys that were asked for, and what its events add up to.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct GroupRow {
            $(
                #[doc = $about]
                #[serde(rename = $name, skip_serializing_if = "Option::is_none")]
                pub $field: Option<String>,
            )*
            pub events: u64,
            #[serde(flatten)]
            pub usage: Usage,
            #[serde(default, skip_serializing_if = "is_zero")]
            pub tool_calls: u64,
            #[serde(default, skip_serializing_if = "is_zero")]
            pub tool_calls_failed: u64,
            /// How long all calls of tools took together.
            #[serde(default, skip_serializing_if = "is_zero")]
            pub tool_duration_ms: u64,
        }

        impl GroupRow {
            fn set(&mut self, key: GroupKey, value: String) {
                match key { $(GroupKey::$Name => self.$field = Some(value),)* }
            }

            /// What the row has for a key that was asked for.
            pub fn get(&self, key: GroupKey) -> Option<&str> {
                match key { $(GroupKey::$Name => self.$field.as_deref(),)* }
            }
        }
    };
}

group_keys! {
    Model "model" model "Model of the calls; `unknown` where nobody told it.";
    Agent "agent" agent "Agent, as in the coder's id.";
    Project "project" project "The project, else the folder, that the coder began in.";
    Branch "branch" branch "The branch that the coder began on.";
    Coder "coder" coder "The coder's id.";
    Day "day" day "Local day.";
    Hour "hour" hour "Local hour.";
    Tool "tool" tool "Name of the tool.";
    Type "type" kind "Type of the events.";
}

/// What a row has for a key of which nothing is known.
const UNKNOWN: &str = "unknown";

/// The keys of a question, in the order of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKeys(Vec<GroupKey>);

/// Why no rows can be made by some keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    #[error("nothing to group by: give one or more of {}", names())]
    None,
    #[error("`{given}` is nothing to group by: give {}", names())]
    Unknown { given: String },
    #[error("`{}` and `{}` are of different events: give one of them", .0.name(), .1.name())]
    Apart(GroupKey, GroupKey),
}

fn names() -> String {
    GroupKey::ALL.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ")
}

impl GroupKeys {
    /// # Errors
    /// Where a name is no key, or two of them no event has together.
    pub fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<GroupKeys, BadKeys> {
        let mut keys: Vec<GroupKey> = Vec::new();
        for name in names {
            let key = GroupKey::parse(name.trim()).ok_or_else(|| BadKeys::Unknown { given: excerpt(name) })?;
            if let Some(other) = keys.iter().find(|other| other.is_of_events() && key.is_of_events() && **other != key) {
                return Err(BadKeys::Apart(*other, key));
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.is_empty() { Err(BadKeys::None) } else { Ok(GroupKeys(keys)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = GroupKey> {
        self.0.iter().copied()
    }

    /// Whether some of them are properties of a coder.
    pub fn are_of_coders(&self) -> bool {
        use GroupKey::{Agent, Branch, Coder, Project};
        self.iter().any(|key| matches!(key, Agent | Branch | Coder | Project))
    }

    /// Whether some of them are times.
    pub fn are_of_time(&self) -> bool {
        self.iter().any(|key| matches!(key, GroupKey::Day | GroupKey::Hour))
    }
}

impl GroupKey {
    /// A part of the events of a coder and an hour.
    fn is_of_events(self) -> bool {
        matches!(self, GroupKey::Model | GroupKey::Tool | GroupKey::Type)
    }
}

/// No more of what was given than tells what it was.
fn excerpt(given: &str) -> String {
    super::latest::cut(given, 80)
}

/// Whose counts, and of which hour.
#[derive(Clone, Debug, Default)]
pub struct GroupOrigin {
    pub coder: String,
    pub agent: String,
    pub project: String,
    pub branch: String,
    /// `2026-11-28 14:00`
    pub hour: String,
}

/// Counts on their way into rows.
#[derive(Clone, Debug)]
pub struct Grouping {
    keys: GroupKeys,
    rows: BTreeMap<Vec<String>, Tally>,
    sum: Tally,
}

impl Grouping {
    pub fn by(keys: GroupKeys) -> Grouping {
        Grouping { keys, rows: BTreeMap::new(), sum: Tally::default() }
    }

    pub fn add(&mut self, origin: &GroupOrigin, tally: &Tally) {
        let parts = match self.keys.iter().find(|key| key.is_of_events()) {
            Some(GroupKey::Model) => tally.by_model(),
            Some(GroupKey::Tool) => tally.by_tool(),
            Some(GroupKey::Type) => tally.by_kind(),
            _ => vec![(String::new(), tally.clone())],
        };
        for (part, tally) in parts {
            let values = self.keys.iter().map(|key| value(key, origin, &part).to_owned()).collect();
            self.sum.merge(&tally);
            self.rows.entry(values).or_default().merge(&tally);
        }
    }

    /// The rows, those of a time in its order, others the dearest first; and the sum of all.
    pub fn finish(self, prices: &Prices) -> (Vec<GroupRow>, GroupRow) {
        let mut rows: Vec<GroupRow> = Vec::new();
        for (values, tally) in &self.rows {
            let mut row = row(tally, prices);
            for (key, value) in self.keys.iter().zip(values) {
                let value = if value.is_empty() { UNKNOWN } else { value };
                row.set(key, value.to_owned());
            }
            rows.push(row);
        }
        if !self.keys.are_of_time() {
            rows.sort_by_key(|row| {
                Reverse(((row.usage.cost().unwrap_or(0.0) * 1e6) as i64, row.usage.tokens.total, row.tool_calls, row.events))
            });
        }
        (rows, row(&self.sum, prices))
    }
}

fn value<'v>(key: GroupKey, origin: &'v GroupOrigin, part: &'v str) -> &'v str {
    match key {
        GroupKey::Model | GroupKey::Tool | GroupKey::Type => part,
        GroupKey::Agent => &origin.agent,
        GroupKey::Project => &origin.project,
        GroupKey::Branch => &origin.branch,
        GroupKey::Coder => &origin.coder,
        GroupKey::Day => origin.hour.split(' ').next().unwrap_or_default(),
        GroupKey::Hour => &origin.hour,
    }
}

fn row(tally: &Tally, prices: &Prices) -> GroupRow {
    let tools = tally.tool_calls();
    GroupRow {
        events: tally.events(),
        usage: tally.usage(prices),
        tool_calls: tools.calls,
        tool_calls_failed: tools.failed,
        tool_duration_ms: tools.duration_ms,
        ..GroupRow::default()
    }
}
