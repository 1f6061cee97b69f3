//! What is found where an export has a record.

use crate::source::otel::Record;

#[derive(Debug)]
pub(super) enum FoundRecord {
    Record(Record),
    /// It is not even read.
    TooLarge,
}
