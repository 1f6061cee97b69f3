//! What the keeper says of itself, in the file that it holds locked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    event::Time,
    process::{Liveness, Process},
    wake::{Holder, Seat},
};

use super::{Kept, door::Door};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperStatus {
    #[serde(flatten)]
    pub holder: Holder,
    pub since: Time,
    /// `None` where it receives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_port: Option<String>,
    pub exports: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_export: Option<Time>,
    /// Requests that did not know the secret.
    pub strayed: u64,
    /// Exports that were not taken.
    pub refused: u64,
    /// Records of exports of which anything was rejected.
    pub rejected: u64,
    /// The agents' own records that it follows.
    pub files: Vec<PathBuf>,
    /// Coders' folders that it watches.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    pub leaves_after_s: u64,
}

impl KeeperStatus {
    /// Of the keeper that holds `options`' history now; `None` where none does.
    pub fn of(options: &crate::history::Options) -> Option<KeeperStatus> {
        let status: KeeperStatus = serde_json::from_str(&Seat::read(options).ok()?).ok()?;
        (status.holder.process.liveness() == Liveness::Runs).then_some(status)
    }
}

pub(super) struct StatusFile {
    seat: Seat,
    status: Option<KeeperStatus>,
    port: u16,
    told: String,
}

impl StatusFile {
    pub fn new(seat: Seat, kept: &Kept) -> StatusFile {
        let status = Process::of(std::process::id()).map(|process| KeeperStatus {
            holder: Holder { process, version: env!("CARGO_PKG_VERSION").to_owned() },
            since: kept.options.clock.now(),
            port: None,
            no_port: None,
            exports: 0,
            last_export: None,
            strayed: 0,
            refused: 0,
            rejected: 0,
            files: Vec::new(),
            folders: Vec::new(),
            leaves_after_s: kept.settings.leaves_after.as_secs(),
        });
        StatusFile { seat, status, port: crate::wake::port(&kept.options, &kept.settings), told: String::new() }
    }

    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Written only where it changed.
    pub fn tell(&mut self, door: &Door, files: Vec<PathBuf>, folders: Vec<PathBuf>) {
        let Some(status) = &mut self.status else { return };
        let tally = door.tally();
        (status.files, status.folders) = (files, folders);
        status.port = door.address().map(|address| address.port());
        let no_port = || {
            format!(
                "port {} is another program's: end that, or set `port` under `[keeper]` in config.toml, and run `setup` again",
                self.port
            )
        };
        status.no_port = status.port.is_none().then(no_port);
        (status.exports, status.last_export) = (tally.exports(), tally.last_export());
        (status.strayed, status.refused, status.rejected) = (tally.strayed(), tally.refused(), tally.rejected());
        let Ok(text) = serde_json::to_string(status) else { return };
        if text == self.told {
            return;
        }
        match self.seat.write(&text) {
            Ok(()) => self.told = text,
            Err(error) => tracing::debug!("the status cannot be written: {error}"),
        }
    }
}
