//! Numbers as lengths and heights, in characters.

/// A bar of up to `columns` characters for the largest value; whatever is not zero shows.
pub fn bar(value: u64, largest: u64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value == 0 {
        return String::new();
    }
    let eighths = (value as f64 / largest.max(1) as f64 * columns as f64 * 8.0).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A character a value; only nothing is as low as the ground.
pub fn sparkline(values: &[u64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let height = |value: u64| (value as f64 / largest * 7.0).ceil() as usize;
    values.iter().map(|&value| HEIGHTS[height(value)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let check = |value: u64, expected: &str| assert_eq!(bar(value, 1000, 4), expected, "{value}");
        check(1000, "████");
        check(500, "██");
        check(281, "█▏");
        check(1, "▏");
        check(0, "");
    }

    #[test]
    fn a_sparkline_shows_whatever_is_not_zero() {
        let check = |values: &[u64], expected: &str| assert_eq!(sparkline(values), expected);
        check(&[], "");
        check(&[0, 0], "▁▁");
        check(&[0, 1, 50, 100], "▁▂▅█");
        check(&[3, 3], "██");
    }
}
