//! What a person sees alike wherever they look, in `list` as in `watch`: the colour of a fact, how large it is, how long ago.
//!
//! Only the sixteen colours that every terminal has and its user chose. How a colour is written to a terminal is the business of
//! who writes it.

mod event_page;

pub use event_page::event_page;

use crate::{
    aggregate::Usage,
    event::{Event, EventType, Family, Micros, Status, Time},
    text::thousands,
};

/// What a text is painted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    Plain,
    Dim,
    Bold,
    /// Green: it went well.
    Good,
    /// Yellow: somebody should look.
    Attention,
    /// Red: it went wrong.
    Bad,
    Blue,
    Magenta,
    Cyan,
}

impl Tint {
    pub fn of_event(event: &Event) -> Tint {
        Tint::of_type(event.kind)
    }

    pub fn of_type(kind: EventType) -> Tint {
        match kind {
            EventType::Failed | EventType::ApiError | EventType::FailureAlert => Tint::Bad,
            EventType::RateLimit | EventType::ResourceLimit | EventType::SystemWarning | EventType::Paused => Tint::Attention,
            EventType::Completed | EventType::Milestone => Tint::Good,
            _ => match kind.family() {
                Family::Lifecycle => Tint::Blue,
                Family::Progress => Tint::Plain,
                Family::Workspace => Tint::Magenta,
                Family::Provider => Tint::Cyan,
                Family::Resource | Family::Derived => Tint::Dim,
            },
        }
    }

    /// Of a line of a unified diff.
    pub fn of_hunk_line(line: &str) -> Tint {
        match line.as_bytes().first() {
            Some(b'+') => Tint::Good,
            Some(b'-') => Tint::Bad,
            Some(b'@') => Tint::Cyan,
            _ => Tint::Plain,
        }
    }

    pub fn of_status(status: Status) -> Tint {
        match status {
            Status::Created => Tint::Plain,
            Status::Running => Tint::Cyan,
            Status::Paused => Tint::Attention,
            Status::Completed => Tint::Good,
            Status::Failed => Tint::Bad,
            Status::Stopped | Status::Deleted => Tint::Dim,
        }
    }
}

/// A number of bytes: `1.5 KiB`.
pub fn bytes(count: u64) -> String {
    let (unit, divisor) = match count {
        0..1024 => return format!("{count} B"),
        1024..1_048_576 => ("KiB", 1024.0),
        1_048_576..1_073_741_824 => ("MiB", 1_048_576.0),
        _ => ("GiB", 1_073_741_824.0),
    };
    format!("{:.1} {unit}", count as f64 / divisor)
}

/// What calls cost as one figure, `~$1,234.50`: marked where part of it is estimated; empty where nothing is known of it.
pub fn cost(usage: &Usage) -> String {
    usage.cost().map_or_else(String::new, |cost| format!("{}${}", usage.cost_mark(), dollars(cost)))
}

/// `1,234.50`
pub fn dollars(amount: f64) -> String {
    let cents = (amount * 100.0).round() as u64;
    format!("{}.{:02}", thousands(cents / 100), cents % 100)
}

/// `42s`, `12m`, `3h`, `5d`; nothing is ever in the future.
pub fn age(span: Micros) -> String {
    let seconds = (span / Time::SECOND).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_short() {
        assert_eq!([0, 1023, 1536, 326_107_136].map(bytes), ["0 B", "1023 B", "1.5 KiB", "311.0 MiB"]);
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        let spans = [-1, 59, 60, 3599, 3600, 86_400].map(|seconds| age(seconds * Time::SECOND));
        assert_eq!(spans, ["0s", "59s", "1m", "59m", "1h", "1d"]);
    }
}
