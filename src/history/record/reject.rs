//! What could not become an event: kept with its reason, so that nothing is dropped in silence.

use rusqlite::{Connection, params};

use crate::{
    event::{Draft, Invalid, Time},
    text::{self, Redactor},
};

/// Rejections kept; the oldest make room, and are counted.
const REJECTIONS_MAX: u64 = 1000;
/// How much of the refused input is kept.
const INPUT_BYTES_MAX: usize = 4 << 10;
/// How much of that is redacted: a little less than callers hand in, so that it shows where more follows.
const INPUT_BYTES_REDACTED: usize = Rejection::INPUT_BYTES_SEEN - 64;
const REASON_BYTES_MAX: usize = 500;
const SOURCE_CHARS_MAX: usize = 80;

/// Input that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Who sent it: `emit`, `claude-code`.
    pub source: String,
    pub reason: String,
    pub input: String,
}

impl Rejection {
    /// How much of an input is looked at for what is kept of it: twice as much, so that a secret across the cut is seen whole.
    pub const INPUT_BYTES_SEEN: usize = 2 * INPUT_BYTES_MAX;

    pub(in crate::history) fn of_draft(draft: &Draft, invalid: &Invalid) -> Rejection {
        let input = format!(
            r#"{{"type":"{}","coder_id":{},"data":{}}}"#,
            draft.kind,
            serde_json::Value::from(head(&draft.coder_id, Rejection::INPUT_BYTES_SEEN)),
            serde_json::Value::Object(draft.data.clone()),
        );
        Rejection { source: draft.source.clone().unwrap_or_default(), reason: invalid.to_string(), input }
    }
}

/// Cut, cleaned and redacted: fit to be written.
pub fn cleaned(rejection: &Rejection, redactor: &Redactor) -> Rejection {
    let clean = |given: &str, bytes_max: usize| {
        // Marks are shorter than secrets, so what stands at the end of what is seen may be kept: it must not be half a one.
        let seen = match given.len() {
            ..=INPUT_BYTES_REDACTED => given,
            _ => head(given, text::end_of_words(given.as_bytes(), INPUT_BYTES_REDACTED)),
        };
        let cleaned = text::clean_text(seen);
        head(&redactor.redact(&cleaned), bytes_max).to_owned()
    };
    Rejection {
        source: text::excerpt(&redactor.redact(&text::clean_line(head(&rejection.source, REASON_BYTES_MAX))), SOURCE_CHARS_MAX),
        reason: clean(&rejection.reason, REASON_BYTES_MAX),
        input: clean(&rejection.input, INPUT_BYTES_MAX),
    }
}

/// As much of `text` as fits into `bytes_max`, in whole characters.
fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

pub fn keep(db: &Connection, redactor: &Redactor, now: Time, rejection: &Rejection) -> rusqlite::Result<()> {
    let Rejection { source, reason, input } = cleaned(rejection, redactor);
    db.prepare_cached("INSERT INTO rejection (time, source, reason, input) VALUES (?, ?, ?, ?)")?.execute(params![
        now.micros(),
        source,
        reason,
        input
    ])?;
    let last = db.last_insert_rowid();
    let oldest_kept = last - i64::try_from(REJECTIONS_MAX).unwrap_or(i64::MAX);
    let shed = db.prepare_cached("DELETE FROM rejection WHERE no <= ?")?.execute([oldest_kept])?;
    if shed > 0 {
        db.prepare_cached("UPDATE ledger SET shed = shed + ?")?.execute([shed])?;
    }
    Ok(())
}
