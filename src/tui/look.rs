//! How things look here: colours, signs, local time, short numbers.
//!
//! Only the sixteen colours that every terminal has and its user chose, and none of them alone: each state has a word or a sign
//! too. Backgrounds stay the terminal's own.

use jiff::{Timestamp, tz::TimeZone};
use ratatui::style::{Color, Modifier, Style};

use crate::{
    event::{Event, EventType, Family, Micros, Time},
    tui::{roster::Standing, timeline::Cell},
};

/// What the terminal and its user allow.
#[derive(Clone, Debug)]
pub struct Look {
    pub colour: bool,
    /// Signs beyond ASCII.
    pub unicode: bool,
    pub zone: TimeZone,
}

impl Look {
    pub fn bold(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn dim(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The row under a cursor; a list that has not the keys shows it less.
    pub fn cursor(&self, has_keys: bool) -> Style {
        Style::new().add_modifier(if has_keys { Modifier::REVERSED } else { Modifier::UNDERLINED })
    }

    pub fn good(&self) -> Style {
        self.in_colour(Color::Green)
    }

    pub fn look_here(&self) -> Style {
        self.in_colour(Color::Yellow)
    }

    pub fn bad(&self) -> Style {
        self.in_colour(Color::Red)
    }

    fn in_colour(&self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn standing(&self, standing: Standing) -> (&'static str, Style) {
        let (sign, ascii, style) = match standing {
            Standing::Failed => ("✗", "x", self.bad()),
            Standing::Waiting => ("?", "?", self.look_here()),
            Standing::Stalled => ("!", "!", self.look_here()),
            Standing::Limited => ("~", "~", self.look_here()),
            Standing::Conflict => ("≠", "%", self.look_here()),
            Standing::Running => ("▶", ">", self.in_colour(Color::Cyan)),
            Standing::Created => ("·", ".", Style::new()),
            Standing::Completed => ("✓", "+", self.good()),
            Standing::Stopped => ("■", "#", self.dim()),
            Standing::Deleted => ("−", "-", self.dim()),
        };
        (if self.unicode { sign } else { ascii }, style)
    }

    /// Of what an event says.
    pub fn event(&self, event: &Event) -> Style {
        match event.kind {
            EventType::Failed | EventType::ApiError | EventType::FailureAlert => self.bad(),
            EventType::RateLimit | EventType::ResourceLimit | EventType::SystemWarning | EventType::Paused => self.look_here(),
            EventType::Completed | EventType::Milestone => self.good(),
            _ => match event.kind.family() {
                Family::Lifecycle => self.in_colour(Color::Blue),
                Family::Progress => Style::new(),
                Family::Workspace => self.in_colour(Color::Magenta),
                Family::Provider => self.in_colour(Color::Cyan),
                Family::Resource | Family::Derived => self.dim(),
            },
        }
    }

    pub fn timeline(&self, cell: Cell) -> (&'static str, Style) {
        let (sign, ascii, style) = match cell {
            Cell::Absent => (" ", " ", Style::new()),
            Cell::Running => ("━", "=", self.in_colour(Color::Cyan)),
            Cell::Waiting => ("┄", ".", self.look_here()),
            Cell::Milestone => ("◆", "*", self.good()),
            Cell::Completed => ("✓", "+", self.good()),
            Cell::Stopped => ("■", "#", self.dim()),
            Cell::Trouble => ("✗", "x", self.bad()),
        };
        (if self.unicode { sign } else { ascii }, style)
    }

    /// Bars as high as the counts, the highest first reaching the top.
    pub fn sparkline(&self, counts: &[u64]) -> String {
        let signs: &[char] = if self.unicode {
            &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &[' ', '.', ':', '-', '=', '+', '*', '#', '@']
        };
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let steps = signs.len() as u64 - 1;
        let sign = |&count: &u64| signs[usize::try_from((count * steps).div_ceil(most)).unwrap_or(0)];
        counts.iter().map(sign).collect()
    }

    /// A bar of `width` for a fraction, `█████░░░`.
    pub fn gauge(&self, fraction: f64, width: usize) -> String {
        let full = ((fraction.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
        let (on, off) = if self.unicode { ("█", "░") } else { ("#", "-") };
        format!("{}{}", on.repeat(full), off.repeat(width - full))
    }

    pub fn rule(&self) -> &'static str {
        if self.unicode { "─" } else { "-" }
    }

    pub fn dot(&self) -> &'static str {
        if self.unicode { " · " } else { " - " }
    }

    pub fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }

    /// The time of day here.
    pub fn clock(&self, at: Time) -> String {
        match Timestamp::from_microsecond(at.micros()) {
            Ok(stamp) => stamp.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string(),
            Err(_) => String::from("--:--:--"),
        }
    }
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

/// `999`, `1.2k`, `34k`, `5.6M`: at most five characters below a quadrillion.
pub fn short(count: u64) -> String {
    let (value, unit) = match count {
        0..1000 => return count.to_string(),
        1000..1_000_000 => (count as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (count as f64 / 1e6, "M"),
        1_000_000_000..1_000_000_000_000 => (count as f64 / 1e9, "G"),
        _ => (count as f64 / 1e12, "T"),
    };
    if value < 9.95 { format!("{value:.1}{unit}") } else { format!("{}{unit}", value as u64) }
}

/// With separators: `1,204,332`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `512M`, `1.5G`, of MiB.
pub fn memory(mib: u64) -> String {
    if mib < 1024 { format!("{mib}M") } else { format!("{:.1}G", mib as f64 / 1024.0) }
}

/// `311 MiB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_048_576 => format!("{} KiB", count.div_ceil(1024)),
        1_048_576..1_073_741_824 => format!("{} MiB", count / 1_048_576),
        _ => format!("{:.1} GiB", count as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(unicode: bool) -> Look {
        Look { colour: true, unicode, zone: TimeZone::UTC }
    }

    #[test]
    fn numbers_are_short() {
        let check = |count: u64, expected: &str| assert_eq!(short(count), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1.0k");
        check(9949, "9.9k");
        check(9951, "9k");
        check(34_567, "34k");
        check(999_999, "999k");
        check(5_600_000, "5.6M");
        assert_eq!([grouped(0), grouped(999), grouped(1000), grouped(1_204_332)], ["0", "999", "1,000", "1,204,332"]);
        let spans = [-1, 59, 60, 3599, 3600, 86_400].map(|seconds| age(seconds * Time::SECOND));
        assert_eq!(spans, ["0s", "59s", "1m", "59m", "1h", "1d"]);
    }

    #[test]
    fn bars_are_as_high_and_as_long_as_what_they_show() {
        assert_eq!(look(true).sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(look(false).sparkline(&[0, 1, 4, 8]), " .=@");
        assert_eq!(look(true).sparkline(&[0, 0]), "  ");
        // Something is never shown as nothing.
        assert_eq!(look(true).sparkline(&[1, 1000]), "▁█");
        assert_eq!(look(true).gauge(0.5, 6), "███░░░");
        assert_eq!(look(false).gauge(2.0, 3), "###");
    }
}
