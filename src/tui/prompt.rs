//! One line that is being typed.

/// The text, and where the cursor stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    /// In bytes, between two characters.
    at: usize,
    /// Why what is there cannot be applied.
    pub complaint: Option<String>,
}

impl Prompt {
    pub fn new(text: &str) -> Prompt {
        Prompt { text: text.to_owned(), at: text.len(), complaint: None }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub fn before(&self) -> &str {
        &self.text[..self.at]
    }

    pub fn insert(&mut self, c: char) {
        self.complaint = None;
        self.text.insert(self.at, c);
        self.at += c.len_utf8();
    }

    pub fn backspace(&mut self) {
        self.complaint = None;
        if let Some(c) = self.before().chars().next_back() {
            self.at -= c.len_utf8();
            self.text.remove(self.at);
        }
    }

    pub fn delete(&mut self) {
        self.complaint = None;
        if self.at < self.text.len() {
            self.text.remove(self.at);
        }
    }

    pub fn left(&mut self) {
        self.at -= self.before().chars().next_back().map_or(0, char::len_utf8);
    }

    pub fn right(&mut self) {
        self.at += self.text[self.at..].chars().next().map_or(0, char::len_utf8);
    }

    pub fn home(&mut self) {
        self.at = 0;
    }

    pub fn end(&mut self) {
        self.at = self.text.len();
    }

    /// Everything before the cursor goes.
    pub fn clear_before(&mut self) {
        self.complaint = None;
        self.text.drain(..self.at);
        self.at = 0;
    }

    /// The word before the cursor goes.
    pub fn clear_word(&mut self) {
        self.complaint = None;
        let before = self.before().trim_end();
        let start =
            before.rfind(char::is_whitespace).map_or(0, |space| space + before[space..].chars().next().map_or(1, char::len_utf8));
        self.text.drain(start..self.at);
        self.at = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut prompt = Prompt::new("größe");
        for step in [Prompt::left, Prompt::left, Prompt::backspace, Prompt::delete, Prompt::home] {
            step(&mut prompt);
        }
        assert_eq!((prompt.text(), prompt.before()), ("gre", ""));
        prompt.insert('é');
        prompt.right();
        assert_eq!((prompt.text(), prompt.before()), ("égre", "ég"));
        prompt.end();
        prompt.backspace();
        prompt.left();
        prompt.left();
        prompt.left();
        prompt.left();
        prompt.backspace();
        assert_eq!((prompt.text(), prompt.before()), ("égr", ""));
    }

    #[test]
    fn words_and_lines_go_at_once() {
        let mut prompt = Prompt::new("type:failed coder:ä b ");
        prompt.clear_word();
        assert_eq!(prompt.text(), "type:failed coder:ä ");
        prompt.clear_word();
        assert_eq!(prompt.text(), "type:failed ");
        prompt.clear_before();
        assert_eq!((prompt.text(), prompt.before()), ("", ""));
        prompt.clear_word();
        assert_eq!(prompt.text(), "");
    }
}
