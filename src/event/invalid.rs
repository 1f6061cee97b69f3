//! Why a draft was refused, in words that tell the sender what to send instead.

use std::fmt;

use crate::text::{self, Redactor};

/// A refusal: which field, what was given, what is valid. Never echoes more than 80 characters of the input, nothing that
/// cannot be seen, and no secret that is known by its looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    field: String,
    message: String,
}

/// How much of the input a message may repeat.
pub(super) const ECHO_CHARS_MAX: usize = 60;
/// How much of the input is looked at for that, so that a secret across the cut is seen whole.
const ECHO_BYTES_SEEN: usize = 4 << 10;

impl Invalid {
    /// `field` is the JSON key at fault; `message` says what is wrong and what is valid.
    pub fn new(field: &str, message: impl fmt::Display) -> Invalid {
        Invalid { field: echo(field, ECHO_CHARS_MAX), message: message.to_string() }
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    pub(crate) fn missing(field: &str, valid: &str) -> Invalid {
        Invalid::new(field, format_args!("`{field}` is missing: give {valid}"))
    }

    pub(crate) fn wrong(field: &str, given: &serde_json::Value, valid: &str) -> Invalid {
        let field = echo(field, 20);
        let given = echo(&given.to_string(), ECHO_CHARS_MAX);
        Invalid::new(&field, format_args!("`{field}` is `{given}`: give {valid}"))
    }
}

/// What a message repeats of the input: clean, without secrets, and only then cut. Whoever sees it may be somebody else than
/// who sent it: it goes into logs.
pub(crate) fn echo(given: &str, chars_max: usize) -> String {
    let start = &given[..given.floor_char_boundary(ECHO_BYTES_SEEN)];
    text::excerpt(&Redactor::default().redact(&text::clean_line(start)), chars_max)
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}
