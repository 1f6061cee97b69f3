//! What is looked for in the texts of events: words in any order, `"quoted phrases"`, and `-words` that must not be there.

use crate::event::{Body, DataKey, Event, sentence};

use super::words::words;

/// How much is shown on each side of what was found, in characters.
const AROUND_CHARS: usize = 40;

/// The keys of `data` that hold what a person would call content.
const SEARCHED: &[DataKey] = &[
    DataKey::Command,
    DataKey::Arguments,
    DataKey::Error,
    DataKey::Output,
    DataKey::Diff,
    DataKey::Request,
    DataKey::Question,
    DataKey::Message,
    DataKey::Title,
    DataKey::LastAssistantMessage,
    DataKey::ErrorDetails,
    DataKey::ToolAtWork,
];

/// Words and phrases in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextQuery {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl TextQuery {
    pub fn parse(given: &str) -> TextQuery {
        let mut query = TextQuery::default();
        for word in words(given) {
            match word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                Some(word) => query.unwanted.push(word.to_lowercase()),
                None if word.is_empty() => {}
                None => query.wanted.push(word.to_lowercase()),
            }
        }
        query
    }

    /// The word that fewest texts have, as far as its length tells; `None` where only words are named that must not be there.
    pub fn rarest(&self) -> Option<&str> {
        self.wanted.iter().max_by_key(|word| word.len()).map(String::as_str)
    }

    pub fn matches(&self, event: &Event) -> bool {
        let texts: Vec<String> = texts(event).map(str::to_lowercase).collect();
        let has = |word: &String| texts.iter().any(|text| text.contains(word.as_str()));
        self.wanted.iter().all(has) && !self.unwanted.iter().any(has)
    }

    /// The event's sentence, with the part of its texts that was looked for where the sentence has it not.
    pub fn sentence(&self, event: &Event) -> String {
        self.add_found(&sentence(event), event)
    }

    /// `line`, which tells of the event, with the part that was looked for where it has it not.
    pub fn add_found(&self, line: &str, event: &Event) -> String {
        match self.excerpt(event, line) {
            Some(found) => format!("{line} · {found}"),
            None => line.to_owned(),
        }
    }

    /// The part of the event's texts that was looked for, where what is `shown` of it has it not.
    pub fn excerpt(&self, event: &Event, shown: &str) -> Option<String> {
        let shown = shown.to_lowercase();
        let word = self.wanted.iter().find(|word| !shown.contains(word.as_str()))?;
        texts(event).find_map(|text| around(text, word))
    }
}

/// What of `text` stands around `word`, which is in lower case.
fn around(text: &str, word: &str) -> Option<String> {
    // Lower case may be longer or shorter, so what is found is counted in characters.
    let lower = text.to_lowercase();
    let found = lower[..lower.find(word)?].chars().count();
    let from = found.saturating_sub(AROUND_CHARS);
    let length = found - from + word.chars().count() + AROUND_CHARS;
    let part: String = text.chars().skip(from).take(length).collect();
    let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = (from > 0, text.chars().nth(from + length).is_some());
    Some(format!("{}{line}{}", if before { "…" } else { "" }, if after { "…" } else { "" }))
}

/// Every text of an event that a person would call its content.
fn texts(event: &Event) -> impl Iterator<Item = &str> {
    let fields: Vec<&Option<String>> = match &event.body {
        Body::Lifecycle(fields) => vec![&fields.reason, &fields.error_message],
        Body::Progress(fields) => vec![&fields.description, &fields.text, &fields.milestone],
        Body::Workspace(fields) => vec![&fields.file_path],
        Body::Provider(fields) => vec![&fields.error_message],
        Body::Derived(fields) => vec![&fields.message],
        Body::Resource(_) => Vec::new(),
    };
    let data = SEARCHED.iter().filter_map(|key| event.data.get(key.name())?.as_str());
    fields.into_iter().filter_map(|field| field.as_deref()).chain(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Draft, EventType, Time},
        text::Redactor,
    };

    fn ran(description: &str, error: &str) -> Event {
        let draft = Draft::progress("a", 0.5, "Bash", description).with(DataKey::Error, error).with("other", "hidden");
        assert_eq!(draft.kind, EventType::Progress);
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        draft.check(now, &Redactor::default()).expect("an event").into_event(1, "i".into())
    }

    #[test]
    fn words_stand_in_any_order_and_in_any_text() {
        let event = ran("Bash: npm test", "Expected ÄRGER\nin src/auth.rs");
        let check = |query: &str, expected: bool| assert_eq!(TextQuery::parse(query).matches(&event), expected, "{query}");
        check("npm", true);
        check("test npm", true);
        check("auth.rs NPM", true);
        check("ärger", true);
        check("\"npm test\"", true);
        check("\"test npm\"", false);
        check("npm -auth.rs", false);
        check("npm -payment", true);
        check("-payment", true);
        check("hidden", false);
        check("", true);
        check("-", false);
    }

    #[test]
    fn what_was_found_is_shown_where_the_sentence_has_it_not() {
        let event = ran("Bash: make", &format!("{} the İ needle is here {}", "before ".repeat(20), "after ".repeat(20)));
        let query = TextQuery::parse("make needle");
        let found = query.excerpt(&event, "Bash: make").expect("it is elsewhere");
        assert!(found.starts_with('…') && found.ends_with('…') && found.contains("the İ needle is here"), "{found}");
        assert_eq!(query.excerpt(&event, "make needle"), None);
    }
}
