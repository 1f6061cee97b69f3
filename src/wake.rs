//! Who keeps a history, where it is reached, and how it is woken: as little of the keeper as a hook needs.
//!
//! ```text
//! hook ─▶ seat: locked by another? then it is kept ─▶ else: listen on the port, start `ai-coder-events keep` with both
//! ```
//!
//! It promises: one keeper a history, whatever races, since the lock is handed on with its open file and never let go in
//! between; an export that comes while the keeper starts waits in the port's queue; a hook that cannot start one goes on
//! without, in silence. What the keeper does is not known here.

mod address;
mod seat;
#[cfg(unix)]
mod start;

use std::time::Duration;

pub use address::{is_keeper_endpoint, known_secret, known_token, made_secret, made_token, port};
pub use seat::{Holder, Seat};
#[cfg(unix)]
pub use start::{NoKeeper, ask_to_leave, inherit, replace_process, start_where_none};

/// What people set of the keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperSettings {
    /// Hooks start one.
    pub is_enabled: bool,
    /// `None`: the one that follows from the user and the history.
    pub port: Option<u16>,
    /// How long after the last sign of life it leaves.
    pub leaves_after: Duration,
    /// It watches the folders that coders work in.
    pub watches_folders: bool,
}

impl Default for KeeperSettings {
    fn default() -> KeeperSettings {
        KeeperSettings { is_enabled: true, port: None, leaves_after: LEAVES_AFTER, watches_folders: true }
    }
}

/// Long enough for a person between two sessions, short enough that nobody finds it.
const LEAVES_AFTER: Duration = Duration::from_secs(300);
