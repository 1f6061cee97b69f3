//! Something in full: wrapped at the screen's width, scrolled by lines.

use ratatui::text::Span;

#[derive(Debug)]
pub struct DetailPane {
    pub title: String,
    /// As it is copied.
    pub text: String,
    pub lines: Vec<String>,
    pub top: usize,
    width: usize,
}

impl DetailPane {
    pub fn new(title: String, text: String) -> DetailPane {
        DetailPane { title, text, lines: Vec::new(), top: 0, width: usize::MAX }
    }

    /// Wraps for a screen of this width, and stays within it.
    pub fn fit(&mut self, width: usize, height: usize) {
        if self.width != width {
            // What stood at the top still does, or nearly.
            let share = self.top as f64 / self.lines.len().max(1) as f64;
            self.lines = self.text.lines().flat_map(|line| wrapped(line, width)).collect();
            (self.width, self.top) = (width, (share * self.lines.len() as f64) as usize);
        }
        self.top = self.top.min(self.lines.len().saturating_sub(height));
    }

    pub fn scroll(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
    }
}

/// `line` in pieces of at most `width` cells; those behind the first are indented as far as it is.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let indent = if indent + 20 > width { String::new() } else { " ".repeat(indent + 2) };
    let (mut pieces, mut piece, mut used) = (Vec::new(), String::new(), 0);
    for c in line.chars() {
        let cells = Span::raw(c.encode_utf8(&mut [0; 4]) as &str).width();
        if used + cells > width.max(1) && !piece.is_empty() {
            pieces.push(std::mem::replace(&mut piece, indent.clone()));
            used = indent.len();
        }
        piece.push(c);
        used += cells;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_wider_than_the_screen() {
        let text = format!("{{\n  \"text\": \"{}\",\n  \"漢字\": \"{}\"\n}}", "word ".repeat(60), "漢字".repeat(80));
        for width in 0..120 {
            let mut detail = DetailPane::new("t".into(), text.clone());
            detail.fit(width, 10);
            let widest = detail.lines.iter().map(|line| Span::raw(line.as_str()).width()).max();
            assert!(widest <= Some(width.max(2)), "{widest:?} cells of {width}");
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(plain(&detail.lines.concat()), plain(&text), "at {width}");
        }
    }

    #[test]
    fn it_stays_within_what_there_is() {
        let mut detail = DetailPane::new("t".into(), (0..50).map(|n| format!("{n}\n")).collect());
        detail.fit(80, 10);
        detail.scroll(isize::MAX, 10);
        assert_eq!(detail.top, 40);
        detail.scroll(isize::MIN, 10);
        assert_eq!(detail.top, 0);
        detail.scroll(30, 10);
        detail.fit(40, 25);
        assert_eq!(detail.top, 25);
    }
}
