//! From what a sender gave to an entry of the history, and from the history's answer to a receipt. Pure.

use ai_coder_events::{
    event::{BYTES_MAX, Data, Draft, Invalid},
    history::{Entry, Outcome, Rejection},
};
use serde::Serialize;
use serde_json::Value;

use crate::cli::lines::Text;

/// What `source` says where the sender does not.
const SOURCE: &str = "emit";

/// Who sends, where a line does not say.
pub struct Sender {
    pub coder_id: Option<String>,
    pub coder_name: Option<String>,
}

impl Sender {
    pub fn fill(&self, object: &mut Data) {
        let known =
            [("coder_id", self.coder_id.as_deref()), ("coder_name", self.coder_name.as_deref()), ("source", Some(SOURCE))];
        for (key, value) in known {
            if let Some(value) = value.filter(|_| is_missing(object, key)) {
                object.insert(key.to_owned(), value.into());
            }
        }
    }
}

pub fn is_missing(object: &Data, key: &str) -> bool {
    object.get(key).is_none_or(|value| value.is_null() || value.as_str() == Some(""))
}

/// An event on its way into the history, or what was wrong with it.
pub struct CheckedInput(pub Entry);

impl CheckedInput {
    pub fn of(mut object: Data, fill: impl FnOnce(&mut Data)) -> CheckedInput {
        fill(&mut object);
        let input = Value::Object(object.clone()).to_string();
        CheckedInput::from_draft(Draft::from_object(object), || input)
    }

    pub fn of_line(text: Text, sender: &Sender) -> CheckedInput {
        match text {
            Text::Whole(bytes) => match String::from_utf8(bytes) {
                Ok(line) => CheckedInput::from_draft(Draft::parse_with(&line, |object| sender.fill(object)), || line.clone()),
                Err(error) => {
                    CheckedInput::rejected("not UTF-8 text: save it as UTF-8", &String::from_utf8_lossy(error.as_bytes()))
                }
            },
            Text::TooLong(head) => CheckedInput::rejected(
                &format!("event has more than {BYTES_MAX} bytes: cut its texts"),
                &String::from_utf8_lossy(&head),
            ),
        }
    }

    fn from_draft(draft: Result<Draft, Invalid>, input: impl FnOnce() -> String) -> CheckedInput {
        match draft {
            Ok(draft) => CheckedInput(Entry::Draft(Box::new(draft))),
            Err(invalid) => CheckedInput::rejected(&invalid.to_string(), &input()),
        }
    }

    fn rejected(reason: &str, input: &str) -> CheckedInput {
        CheckedInput(Entry::Rejection(Rejection {
            source: SOURCE.to_owned(),
            reason: reason.to_owned(),
            input: input.to_owned(),
        }))
    }
}

/// The acknowledgement of one event.
#[derive(Serialize)]
pub struct Receipt {
    pub seq: u64,
    pub id: String,
    pub duplicate: bool,
}

impl Receipt {
    /// # Errors
    /// Why there is none.
    pub fn of(outcome: Outcome) -> Result<Receipt, String> {
        match outcome {
            Outcome::Appended { seq, id } => Ok(Receipt { seq, id, duplicate: false }),
            Outcome::Duplicate { seq, id } | Outcome::Completed { seq, id, .. } => Ok(Receipt { seq, id, duplicate: true }),
            Outcome::Rejected(invalid) => Err(invalid.to_string()),
            Outcome::Unmet => Err("its condition did not hold".to_owned()),
            Outcome::Unwanted => {
                Err("such is not recorded, as `[record]` in the configuration says: nothing was written of it".to_owned())
            }
            Outcome::Kept => Err("kept as a rejection".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_fills_only_what_a_line_lacks() {
        let sender = Sender { coder_id: Some("me".into()), coder_name: Some("Me".into()) };
        let check = |line: &str, expected: [Option<&str>; 3]| {
            let CheckedInput(Entry::Draft(draft)) = CheckedInput::of_line(Text::Whole(line.into()), &sender) else {
                panic!("{line} was rejected")
            };
            assert_eq!([Some(draft.coder_id.as_str()), draft.coder_name.as_deref(), draft.source.as_deref()], expected, "{line}");
        };
        check(r#"{"type":"started"}"#, [Some("me"), Some("Me"), Some("emit")]);
        check(r#"{"type":"started","coder_id":"","coder_name":null}"#, [Some("me"), Some("Me"), Some("emit")]);
        check(
            r#"{"type":"started","coder_id":"you","coder_name":"You","source":"script"}"#,
            [Some("you"), Some("You"), Some("script")],
        );
    }

    #[test]
    fn what_is_no_event_is_a_rejection_with_its_reason() {
        let sender = Sender { coder_id: None, coder_name: None };
        let check = |text: Text, expected: &str| {
            let CheckedInput(Entry::Rejection(rejection)) = CheckedInput::of_line(text, &sender) else { panic!("accepted") };
            assert!(rejection.reason.contains(expected), "{}", rejection.reason);
        };
        check(Text::Whole(b"[]".to_vec()), "JSON object");
        check(Text::Whole(b"{\"type\":\"started\"}".to_vec()), "`coder_id` is missing");
        check(Text::Whole(b"\xff\xfe".to_vec()), "UTF-8");
        check(Text::TooLong(b"{\"type\"".to_vec()), "more than 262144 bytes");
    }
}
