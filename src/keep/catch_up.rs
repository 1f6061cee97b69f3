//! Whose records a new keeper reads: those of who is there, and of who wrote something that nobody has read.

use std::{fs, path::Path, time::Duration};

use crate::{
    event::{Family, Time},
    filter::{Filter, TypeSet},
    history::{CodersQuery, Error, Options, Query, Reader},
    process::Liveness,
};

use super::records::CoderRecords;

/// Coders that are looked at, most recently active first.
const CODERS_MAX: usize = 200;
/// Of their events, newest first: among these is one that names their records.
const EVENTS_MAX: usize = 20;
/// Who was active so lately may have been cut short with the keeper before this one.
const LATELY: Duration = Duration::from_secs(900);
/// A record's last line is written a moment after what it tells.
const SLACK: Duration = Duration::from_secs(2);

/// The records that are to be followed at first, and whether their coder has ended.
pub(super) fn left_to_read(options: &Options, copilot_folder: Option<&Path>) -> Vec<(CoderRecords, bool)> {
    look(options, copilot_folder).unwrap_or_else(|error| {
        tracing::debug!(error = &error as &dyn std::error::Error, "failed to look whose records there are");
        Vec::new()
    })
}

fn look(options: &Options, copilot_folder: Option<&Path>) -> Result<Vec<(CoderRecords, bool)>, Error> {
    let mut reader = Reader::new(options);
    let living = reader.living(CODERS_MAX)?;
    let runs = |coder: &str| living.iter().any(|it| it.coder_id == coder && it.process.liveness() == Liveness::Runs);
    let mut found = Vec::new();
    for coder in reader.coders(&CodersQuery { limit: CODERS_MAX, ..CodersQuery::default() })? {
        let types = Some(TypeSet::family(Family::Lifecycle));
        let filter = Filter { types, ..Filter::coder(coder.coder_id.as_str()) };
        let page = reader.page(&Query { filter, limit: EVENTS_MAX, ..Query::default() })?;
        let Some(records) = page.events.iter().find_map(|event| CoderRecords::told_by(event, copilot_folder)) else { continue };
        let last = coder.last_activity.unwrap_or(Time::from_micros(0));
        let lately = options.clock.now().micros() - last.micros() < i64::try_from(LATELY.as_micros()).unwrap_or(i64::MAX);
        if runs(&coder.coder_id) || lately || records.places.iter().any(|place| was_written_after(place, last)) {
            found.push((records, coder.ended_at.is_some()));
        }
    }
    Ok(found)
}

fn was_written_after(place: &Path, last: Time) -> bool {
    let modified = fs::metadata(place).ok().filter(fs::Metadata::is_file).and_then(|metadata| metadata.modified().ok());
    modified.and_then(|modified| modified.checked_sub(SLACK)).is_some_and(|modified| Time::from(modified) > last)
}
