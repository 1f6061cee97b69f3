//! Something in full, as a person reads it or as JSON: wrapped at the screen's width, scrolled by lines.

use ratatui::text::Span;

use crate::style::Tint;

#[derive(Debug)]
pub struct DetailPane {
    pub title: String,
    /// As it is copied.
    pub json: String,
    /// As it is read, each line in its colour; empty where it is JSON alone.
    page: Vec<(Tint, String)>,
    pub shows_json: bool,
    pub lines: Vec<(Tint, String)>,
    pub top: usize,
    width: usize,
}

impl DetailPane {
    pub fn new(title: String, json: String, page: Vec<(Tint, String)>) -> DetailPane {
        let shows_json = page.is_empty();
        DetailPane { title, json, page, shows_json, lines: Vec::new(), top: 0, width: usize::MAX }
    }

    /// What was still to be read when it was opened.
    pub fn fill(&mut self, page: Vec<(Tint, String)>) {
        self.page = page;
        self.wrap_anew();
    }

    /// From what is read to its JSON, and back.
    pub fn turn(&mut self) {
        self.shows_json = !self.shows_json || self.page.is_empty();
        self.top = 0;
        self.wrap_anew();
    }

    fn wrap_anew(&mut self) {
        self.width = usize::MAX;
    }

    /// Wraps for a screen of this width, and stays within it.
    pub fn fit(&mut self, width: usize, height: usize) {
        if self.width != width {
            // What stood at the top still does, or nearly.
            let share = self.top as f64 / self.lines.len().max(1) as f64;
            let pieces = |tint: Tint, line: &str| wrapped(line, width).into_iter().map(move |piece| (tint, piece));
            self.lines = match self.shows_json {
                true => self.json.lines().flat_map(|line| pieces(Tint::Plain, line)).collect(),
                false => self.page.iter().flat_map(|(tint, line)| pieces(*tint, line)).collect(),
            };
            (self.width, self.top) = (width, (share * self.lines.len() as f64) as usize);
        }
        self.top = self.top.min(self.lines.len().saturating_sub(height));
    }

    pub fn scroll(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
    }
}

/// These lines on a screen of this width, so many rows of them.
pub fn wrapped_page(page: &[(Tint, String)], width: usize, height: usize) -> Vec<(Tint, String)> {
    let pieces = page.iter().flat_map(|(tint, line)| wrapped(line, width).into_iter().map(|piece| (*tint, piece)));
    pieces.take(height).collect()
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
            let mut detail = DetailPane::new("t".into(), text.clone(), Vec::new());
            detail.fit(width, 10);
            let widest = detail.lines.iter().map(|(_, line)| Span::raw(line.as_str()).width()).max();
            assert!(widest <= Some(width.max(2)), "{widest:?} cells of {width}");
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            let all = detail.lines.iter().map(|(_, line)| line.as_str()).collect::<String>();
            assert_eq!(plain(&all), plain(&text), "at {width}");
        }
    }

    #[test]
    fn it_stays_within_what_there_is() {
        let mut detail = DetailPane::new("t".into(), (0..50).map(|n| format!("{n}\n")).collect(), Vec::new());
        detail.fit(80, 10);
        detail.scroll(isize::MAX, 10);
        assert_eq!(detail.top, 40);
        detail.scroll(isize::MIN, 10);
        assert_eq!(detail.top, 0);
        detail.scroll(30, 10);
        detail.fit(40, 25);
        assert_eq!(detail.top, 25);
    }

    #[test]
    fn it_turns_between_what_is_read_and_json() {
        let mut detail = DetailPane::new("t".into(), "{}".into(), vec![(Tint::Good, "+ line".into())]);
        let shown = |detail: &mut DetailPane| {
            detail.fit(80, 10);
            detail.lines.clone()
        };
        assert_eq!(shown(&mut detail), [(Tint::Good, "+ line".to_owned())]);
        detail.turn();
        assert_eq!(shown(&mut detail), [(Tint::Plain, "{}".to_owned())]);
        detail.turn();
        detail.fill(vec![(Tint::Bad, "- line".into())]);
        assert_eq!(shown(&mut detail), [(Tint::Bad, "- line".to_owned())]);
    }
}
