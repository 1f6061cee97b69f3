//! Whether anybody is there: a coder whose process lives, a new event, an export.

use std::time::{Duration, Instant};

use crate::{
    bus::Bus,
    collect::ExportTally,
    history::{Reader, Version},
    process::Liveness,
};

/// Coders whose processes are looked at, most recently active first: as upkeep does.
const LOOKED_AFTER_MAX: usize = 1_000;

pub(super) struct Vigil {
    leaves_after: Duration,
    last_sign: Instant,
    exports: u64,
    known: Option<(Version, SeenHistory)>,
}

/// What was read of the history.
#[derive(Clone, Debug, Default)]
struct SeenHistory {
    head: u64,
    living: Vec<crate::history::Living>,
}

impl Vigil {
    pub fn new(leaves_after: Duration) -> Vigil {
        Vigil { leaves_after, last_sign: Instant::now(), exports: 0, known: None }
    }

    pub async fn look(&mut self, bus: &Bus, tally: &ExportTally) {
        let known = self.known.take();
        let head = known.as_ref().map(|(_, seen)| seen.head);
        match bus.read(move |reader| see(reader, known)).await {
            Ok((version, seen)) => {
                // Whose process is gone is still to be told so.
                let lives = seen.living.iter().any(|living| living.process.liveness() != Liveness::Elsewhere);
                if lives || head.is_some_and(|head| head != seen.head) || tally.exports() != self.exports {
                    self.last_sign = Instant::now();
                }
                self.exports = tally.exports();
                self.known = Some((version, seen));
            }
            // Nobody can be seen: who is there is not left for that, but for the time.
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "failed to look who is there"),
        }
    }

    pub fn is_over(&self) -> bool {
        self.last_sign.elapsed() >= self.leaves_after
    }
}

fn see(reader: &mut Reader, known: Option<(Version, SeenHistory)>) -> Result<(Version, SeenHistory), crate::history::Error> {
    let version = reader.version()?;
    if let Some((before, seen)) = known
        && before == version
    {
        return Ok((before, seen));
    }
    Ok((version, SeenHistory { head: reader.position()?.head, living: reader.living(LOOKED_AFTER_MAX)? }))
}
