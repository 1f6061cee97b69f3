//! Whole lines out of chunks, within a bound; a line that is too long, or has a hole, is skipped to its end.

/// Agents put whole files into one line of JSON.
const LINE_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    /// The line that is coming is not whole.
    is_broken: bool,
}

impl Lines {
    /// Calls `line` with each line that `bytes` ends, without its newline.
    pub fn take(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (last, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if std::mem::take(&mut self.is_broken) {
                continue;
            }
            if self.begun.is_empty() {
                line(last);
            } else if self.begun.len() + last.len() <= LINE_BYTES_MAX {
                self.begun.extend_from_slice(last);
                line(&self.begun);
            }
            // A line of megabytes must not hold its memory for ever.
            self.begun = Vec::new();
        }
        if self.begun.len() + rest.len() > LINE_BYTES_MAX {
            self.break_off();
        } else if !self.is_broken {
            self.begun.extend_from_slice(rest);
        }
    }

    /// Something is missing from here on.
    pub fn break_off(&mut self) {
        self.begun = Vec::new();
        self.is_broken = true;
    }

    /// A last line without a newline.
    pub fn end(&mut self) -> Option<Vec<u8>> {
        let last = std::mem::take(&mut self.begun);
        (!last.is_empty() && !self.is_broken).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(lines: &mut Lines, chunks: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for chunk in chunks {
            lines.take(chunk.as_bytes(), |line| found.push(String::from_utf8(line.to_vec()).unwrap()));
        }
        found
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        let mut lines = Lines::default();
        assert_eq!(lines_of(&mut lines, &["a\nb", "", "c", "\n\nd\ne"]), ["a", "bc", "", "d"]);
        assert_eq!(lines.end(), Some(b"e".to_vec()));
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn a_line_with_a_hole_is_skipped() {
        let mut lines = Lines::default();
        assert_eq!(lines_of(&mut lines, &["a\nb"]), ["a"]);
        lines.break_off();
        assert_eq!(lines_of(&mut lines, &["c", "d\ne\n"]), ["e"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut lines = Lines::default();
        let part = "x".repeat(LINE_BYTES_MAX / 2);
        assert_eq!(lines_of(&mut lines, &[&part, &part, "x", "\nnext\n"]), ["next"]);
        assert_eq!(lines_of(&mut lines, &[&part, &part, "\n"]).len(), 1);
        let whole = format!("{part}{part}\n");
        assert_eq!(lines_of(&mut lines, &["x", &whole, "next\n"]), ["next"]);
    }
}
