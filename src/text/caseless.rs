//! A text looked for in any case, quickly, in much JSON that does not have it.

use regex::{Regex, RegexBuilder};

/// Passes over JSON that cannot have a text: where neither it nor another spelling by case is in there.
pub struct CaselessJson {
    /// None where the text is too long for one.
    wanted: Option<Regex>,
}

/// The one letter that becomes two in lower case (`i` and a dot above), and so is no other case of one.
const DOTTED_CAPITAL_I: char = '\u{130}';

impl CaselessJson {
    pub fn new(text: &str) -> CaselessJson {
        // As serde_json writes it within a string.
        let written = serde_json::Value::from(text).to_string();
        let within = written.get(1..written.len() - 1).unwrap_or_default();
        CaselessJson { wanted: RegexBuilder::new(&regex::escape(within)).case_insensitive(true).build().ok() }
    }

    /// Whether a string in `json` may have the text; `false` is certain.
    pub fn may_be_in(&self, json: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.is_match(json)) || json.contains(DOTTED_CAPITAL_I)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_there_is_passed_over() {
        let json = serde_json::json!({"text": "a \"quoted\"\nline — Übung"}).to_string();
        for (wanted, expected) in [("QUOTED", true), ("\"quoted\"", true), ("übung", true), ("ubung", false), ("line\"", false)]
        {
            assert_eq!(CaselessJson::new(wanted).may_be_in(&json), expected, "{wanted}");
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_text_is_found_in_whatever_case(
            text in "[a-zA-ZİıſKKåÅΣσςßẞÄäǅǆﬁ\"\\\\\n ]{0,12}|\\PC{0,12}",
            from in 0..12_usize,
            length in 1..12_usize,
        ) {
            let part: String = text.to_lowercase().chars().skip(from).take(length).collect();
            let json = serde_json::json!({"text": text}).to_string();
            prop_assert!(CaselessJson::new(&part).may_be_in(&json), "{part} in {json}");
        }
    }
}
