//! How things look here: signs, styles of this terminal, local time, short numbers.
//!
//! No colour says something alone: each state has a word or a sign too. Backgrounds stay the terminal's own.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use ratatui::style::{Color, Modifier, Style};

use crate::{
    event::{Micros, Status, Time},
    style::Tint,
    tui::{roster::Standing, timeline::TimelineSlot},
};

/// What the terminal and its user allow.
#[derive(Clone, Debug)]
pub struct Theme {
    pub colour: bool,
    /// Signs beyond ASCII.
    pub unicode: bool,
    pub zone: TimeZone,
}

impl Theme {
    pub fn tint(&self, tint: Tint) -> Style {
        let colour = match tint {
            Tint::Plain => return Style::new(),
            Tint::Dim => return Style::new().add_modifier(Modifier::DIM),
            Tint::Bold => return Style::new().add_modifier(Modifier::BOLD),
            Tint::Good => Color::Green,
            Tint::Attention => Color::Yellow,
            Tint::Bad => Color::Red,
            Tint::Blue => Color::Blue,
            Tint::Magenta => Color::Magenta,
            Tint::Cyan => Color::Cyan,
        };
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn bold(&self) -> Style {
        self.tint(Tint::Bold)
    }

    pub fn dim(&self) -> Style {
        self.tint(Tint::Dim)
    }

    /// The row under a cursor; a list that has not the keys shows it less.
    pub fn cursor(&self, has_keys: bool) -> Style {
        Style::new().add_modifier(if has_keys { Modifier::REVERSED } else { Modifier::UNDERLINED })
    }

    pub fn good(&self) -> Style {
        self.tint(Tint::Good)
    }

    pub fn attention(&self) -> Style {
        self.tint(Tint::Attention)
    }

    pub fn bad(&self) -> Style {
        self.tint(Tint::Bad)
    }

    pub fn standing(&self, standing: Standing) -> (&'static str, Style) {
        let (sign, ascii, tint) = match standing {
            Standing::Failed => ("✗", "x", Tint::of_status(Status::Failed)),
            Standing::Waiting => ("?", "?", Tint::Attention),
            Standing::Stalled => ("!", "!", Tint::Attention),
            Standing::Limited => ("~", "~", Tint::Attention),
            Standing::Conflict => ("≠", "%", Tint::Attention),
            Standing::Looping => ("↻", "@", Tint::Attention),
            Standing::OverBudget => ("$", "$", Tint::Attention),
            Standing::Running => ("▶", ">", Tint::of_status(Status::Running)),
            Standing::Created => ("·", ".", Tint::of_status(Status::Created)),
            Standing::Completed => ("✓", "+", Tint::of_status(Status::Completed)),
            Standing::Stopped => ("■", "#", Tint::of_status(Status::Stopped)),
            Standing::Deleted => ("−", "-", Tint::of_status(Status::Deleted)),
        };
        (if self.unicode { sign } else { ascii }, self.tint(tint))
    }

    pub fn timeline(&self, slot: TimelineSlot) -> (&'static str, Style) {
        let (sign, ascii, tint) = match slot {
            TimelineSlot::Absent => (" ", " ", Tint::Plain),
            TimelineSlot::Running => ("━", "=", Tint::of_status(Status::Running)),
            TimelineSlot::Waiting => ("┄", ".", Tint::Attention),
            TimelineSlot::Silent => ("!", "!", Tint::Attention),
            TimelineSlot::Wait => ("?", "?", Tint::Attention),
            TimelineSlot::Milestone => ("◆", "*", Tint::Good),
            TimelineSlot::Completed => ("✓", "+", Tint::of_status(Status::Completed)),
            TimelineSlot::Stopped => ("■", "#", Tint::of_status(Status::Stopped)),
            TimelineSlot::Budget => ("$", "$", Tint::Attention),
            TimelineSlot::Loop => ("↻", "@", Tint::Attention),
            TimelineSlot::Conflict => ("≠", "%", Tint::Attention),
            TimelineSlot::Limit => ("~", "~", Tint::Attention),
            TimelineSlot::ApiError => ("×", "e", Tint::Bad),
            TimelineSlot::Failed => ("✗", "x", Tint::Bad),
        };
        (if self.unicode { sign } else { ascii }, self.tint(tint))
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

    /// A sentence with signs that this terminal has.
    pub fn plain(&self, sentence: String) -> String {
        if self.unicode { sentence } else { sentence.replace(" · ", " - ").replace('−', "-").replace('×', "x") }
    }

    /// The time of day here; with the day where that is not the one of `now`.
    pub fn clock(&self, at: Time, now: Time) -> String {
        match (self.local(at), self.local(now)) {
            (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
            (Some(at), _) => at.strftime("%m-%d %H:%M:%S").to_string(),
            (None, _) => String::from("--:--:--"),
        }
    }

    /// What stands on a scale: the hour, or the day that begins.
    pub fn tick(&self, at: Time) -> String {
        self.local(at).map_or_else(String::new, |at| {
            let is_midnight = at.hour() == 0 && at.minute() == 0;
            at.strftime(if is_midnight { "%m-%d" } else { "%H:%M" }).to_string()
        })
    }

    /// How far local time is ahead of UTC then.
    pub fn offset(&self, at: Time) -> Micros {
        self.local(at).map_or(0, |at| Micros::from(at.offset().seconds()) * Time::SECOND)
    }

    fn local(&self, at: Time) -> Option<Zoned> {
        Timestamp::from_microsecond(at.micros()).ok().map(|stamp| stamp.to_zoned(self.zone.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(unicode: bool) -> Theme {
        Theme { colour: true, unicode, zone: TimeZone::UTC }
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
    }

    #[test]
    fn bars_are_as_high_and_as_long_as_what_they_show() {
        assert_eq!(theme(true).sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(theme(false).sparkline(&[0, 1, 4, 8]), " .=@");
        assert_eq!(theme(true).sparkline(&[0, 0]), "  ");
        // Something is never shown as nothing.
        assert_eq!(theme(true).sparkline(&[1, 1000]), "▁█");
        assert_eq!(theme(true).gauge(0.5, 6), "███░░░");
        assert_eq!(theme(false).gauge(2.0, 3), "###");
    }
}
