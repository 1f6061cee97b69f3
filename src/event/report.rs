//! How a draft came: which report of which channel it is, and what its figures are of.

use serde::{Deserialize, Serialize};

use super::Time;

/// What the figures of a sum are of: all calls of the coder and its subagents up to the event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumScope {
    /// From when on; none where from the beginning.
    pub since: Option<Time>,
}

/// One report of one channel. What has no id is the same fact as another channel's report that says the same, while a channel
/// that says the same in another report means another fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub channel: Channel,
    /// What tells it from the channel's others, and is the same where it is read again.
    pub id: i64,
}

/// A way on which an agent's facts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Hook = 1,
    Stream = 2,
    Transcript = 3,
    Telemetry = 4,
}

impl Channel {
    pub const ALL: &'static [Channel] = &[Channel::Hook, Channel::Stream, Channel::Transcript, Channel::Telemetry];

    pub const fn name(self) -> &'static str {
        match self {
            Channel::Hook => "hooks",
            Channel::Stream => "stream",
            Channel::Transcript => "records",
            Channel::Telemetry => "telemetry",
        }
    }
}
