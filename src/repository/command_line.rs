//! A shell's command line taken apart into the commands it runs, each with its words.

use std::{iter::Peekable, mem, str::Chars};

/// The words of each command in `line`, without their quotes; also of those in `"$(…)"`.
///
/// No shell: nothing is expanded, and what is left open ends with the line.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut cutting = Cutting::default();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        cutting.take(c, &mut rest);
    }
    cutting.end_command();
    while let Some(around) = cutting.around.pop() {
        cutting.go_on(around);
        cutting.end_command();
    }
    cutting.found
}

#[derive(Default)]
struct Cutting {
    found: Vec<Vec<String>>,
    at: Level,
    /// What goes on behind each `"$(…)"` that is open.
    around: Vec<Level>,
    in_quotes: bool,
    /// The next word ends a document of lines that follow.
    is_document: bool,
    /// What ends the documents that begin with the next line.
    document_ends: Vec<String>,
}

/// A command that is being read.
#[derive(Default)]
struct Level {
    words: Vec<String>,
    /// `''` is a word too.
    word: Option<String>,
    /// Parentheses that are open.
    open: usize,
}

impl Cutting {
    fn take(&mut self, c: char, rest: &mut Peekable<Chars<'_>>) {
        match c {
            '\\' => self.escaped(rest.next()),
            '"' => {
                self.in_quotes = !self.in_quotes;
                self.word();
            }
            '$' if self.in_quotes && rest.next_if_eq(&'(').is_some() => {
                self.around.push(mem::take(&mut self.at));
                self.in_quotes = false;
            }
            c if self.in_quotes => self.word().push(c),
            '\'' => self.word().extend(rest.by_ref().take_while(|c| *c != '\'')),
            '#' if self.at.word.is_none() => while rest.next_if(|c| *c != '\n').is_some() {},
            '<' if rest.next_if_eq(&'<').is_some() => {
                self.end_word();
                // Three of them take a word, not lines.
                self.is_document = rest.next_if_eq(&'<').is_none();
                rest.next_if_eq(&'-');
            }
            '\n' => {
                self.end_command();
                self.skip_documents(rest);
            }
            ')' if self.at.open == 0 => {
                self.end_command();
                if let Some(around) = self.around.pop() {
                    self.go_on(around);
                }
            }
            ')' => {
                self.at.open -= 1;
                self.end_command();
            }
            '(' => {
                self.at.open += 1;
                self.end_command();
            }
            '&' | '|' | ';' => self.end_command(),
            c if c.is_ascii_whitespace() => self.end_word(),
            c => self.word().push(c),
        }
    }

    fn escaped(&mut self, c: Option<char>) {
        match c {
            // The line goes on.
            None | Some('\n') => {}
            Some(c) => {
                if self.in_quotes && !matches!(c, '"' | '\\' | '$' | '`') {
                    self.word().push('\\');
                }
                self.word().push(c);
            }
        }
    }

    fn word(&mut self) -> &mut String {
        self.at.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.at.word.take() else { return };
        match mem::take(&mut self.is_document) {
            true => self.document_ends.push(word),
            false => self.at.words.push(word),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let words = mem::take(&mut self.at.words);
        if !words.is_empty() {
            self.found.push(words);
        }
    }

    /// Back within the quotes that a `$(…)` stood in.
    fn go_on(&mut self, around: Level) {
        self.at = around;
        self.in_quotes = true;
    }

    fn skip_documents(&mut self, rest: &mut Peekable<Chars<'_>>) {
        for end in mem::take(&mut self.document_ends) {
            while rest.peek().is_some() {
                let line: String = rest.by_ref().take_while(|c| *c != '\n').collect();
                if line.trim_start_matches('\t') == end {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_a_shell_cuts_it() {
        let cases: [(&str, &[&[&str]]); 14] = [
            ("a b && c | d; e & f\ng", &[&["a", "b"], &["c"], &["d"], &["e"], &["f"], &["g"]]),
            ("a 'b; c' \"d | e\" f\\;g", &[&["a", "b; c", "d | e", "f;g"]]),
            (r#"a "say \"b; c\"" 'it'\''s' "\n""#, &[&["a", "say \"b; c\"", "it's", "\\n"]]),
            ("a '' b", &[&["a", "", "b"]]),
            ("(a; b) c=$(d e) f", &[&["a"], &["b"], &["c=$"], &["d", "e"], &["f"]]),
            ("a \\\n b", &[&["a", "b"]]),
            ("a # don't; b\nc", &[&["a"], &["c"]]),
            ("a 'never; closed", &[&["a", "never; closed"]]),
            ("cat > f <<'E F'\nit's; a\nE F\nb", &[&["cat", ">", "f"], &["b"]]),
            ("a <<X <<-Y\nx\nX\ny\n\tY\nb", &[&["a"], &["b"]]),
            ("a <<< b; c", &[&["a", "b"], &["c"]]),
            ("a \"$(cat <<'EOF'\nIt's \"b; c\" (d)\nEOF\n)\" && e", &[&["cat"], &["a", ""], &["e"]]),
            ("a \"x $( (b) ) y\"; c", &[&["b"], &["a", "x  y"], &["c"]]),
            ("a \"$(b 'c", &[&["b", "c"], &["a", ""]]),
        ];
        for (line, expected) in cases {
            assert_eq!(commands(line), expected, "{line}");
        }
    }
}
