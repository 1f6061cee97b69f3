//! The typed fields of each family, declared once: structs, parser, writer, merge, schemas and docs follow from it.

use serde::Serialize;
use serde_json::{Number, Value};

use super::{bounds::check_field, invalid::Invalid};

/// One typed field, for schemas and docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: FieldKind,
    pub about: &'static str,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text of one line: a name, a path, a reason.
    Line,
    /// Text that may have several lines.
    Text,
    /// A number from 0 to 1.
    Fraction,
    /// A finite number, zero or more.
    Number,
    /// A whole number, zero or more, up to 64 bits.
    Count,
}

impl FieldKind {
    pub const fn valid(self) -> &'static str {
        match self {
            FieldKind::Line | FieldKind::Text => "text",
            FieldKind::Fraction => "a number from 0 to 1, such as 0.42",
            FieldKind::Number => "a number, zero or more",
            FieldKind::Count => "a whole number, zero or more",
        }
    }
}

macro_rules! rust_type {
    (Line) => {
        String
    };
    (Text) => {
        String
    };
    (Fraction) => {
        f64
    };
    (Number) => {
        f64
    };
    (Count) => {
        u64
    };
}

macro_rules! visit_text {
    (Line $value:expr, $visit:expr) => {
        $visit(FieldKind::Line, $value)
    };
    (Text $value:expr, $visit:expr) => {
        $visit(FieldKind::Text, $value)
    };
    ($number:ident $value:expr, $visit:expr) => {};
}

macro_rules! each_text {
    (Line $value:expr, $visit:expr) => {
        $value.iter().for_each(|text| $visit(text.as_str()))
    };
    (Text $value:expr, $visit:expr) => {
        $value.iter().for_each(|text| $visit(text.as_str()))
    };
    ($number:ident $value:expr, $visit:expr) => {};
}

macro_rules! check_number {
    (Fraction $family:literal $name:expr, $value:expr) => {
        check_number($name, $value, FieldKind::Fraction)?
    };
    (Number $family:literal $name:expr, $value:expr) => {
        check_number($name, $value, FieldKind::Number)?;
        check_field($family, $name, $value.and_then(Number::from_f64))?
    };
    (Count $family:literal $name:expr, $value:expr) => {
        check_field($family, $name, $value)?
    };
    ($other:ident $family:literal $name:expr, $value:expr) => {};
}

macro_rules! families {
    ($($Family:ident $name:literal $about:literal { $($field:ident $Kind:ident $field_about:literal;)* })*) => {
        $(
            #[doc = $about]
            #[derive(Clone, Debug, Default, PartialEq, Serialize)]
            pub struct $Family {
                $(
                    #[doc = $field_about]
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub $field: Option<rust_type!($Kind)>,
                )*
            }
        )*

        /// A group of types that share their fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Family { $(#[doc = $about] $Family,)* }

        impl Family {
            pub const ALL: &'static [Family] = &[$(Family::$Family,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Family::$Family => $name,)* }
            }

            pub const fn about(self) -> &'static str {
                match self { $(Family::$Family => $about,)* }
            }

            pub const fn fields(self) -> &'static [Field] {
                match self {
                    $(Family::$Family => &[
                        $(Field { name: stringify!($field), kind: FieldKind::$Kind, about: $field_about },)*
                    ],)*
                }
            }
        }

        /// The typed fields of one event. They stand at the top level of its JSON.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Body { $($Family($Family),)* }

        impl Body {
            pub fn empty(family: Family) -> Body {
                match family { $(Family::$Family => Body::$Family($Family::default()),)* }
            }

            pub fn family(&self) -> Family {
                match self { $(Body::$Family(_) => Family::$Family,)* }
            }

            /// Takes the family's fields out of an object by their names; what is left there is not ours.
            pub(super) fn take(family: Family, object: &mut impl FnMut(&str) -> Option<Value>) -> Result<Body, Invalid> {
                Ok(match family {
                    $(Family::$Family => Body::$Family($Family {
                        $($field: take(object(stringify!($field)), stringify!($field), FieldKind::$Kind)?,)*
                    }),)*
                })
            }

            /// The fields of `later` that are not as they are here. `None` where all are.
            pub(super) fn changed_in(&self, later: &Body) -> Option<Body> {
                match (self, later) {
                    $((Body::$Family(ours), Body::$Family(theirs)) => {
                        let changed = $Family {
                            $($field: theirs.$field.clone().filter(|theirs| ours.$field.as_ref() != Some(theirs)),)*
                        };
                        (changed != $Family::default()).then_some(Body::$Family(changed))
                    })*
                    _ => None,
                }
            }

            /// Takes the fields of `other` that are set.
            pub(super) fn overwrite(&mut self, other: &Body) {
                match (self, other) {
                    $((Body::$Family(ours), Body::$Family(theirs)) => {
                        $(if theirs.$field.is_some() { ours.$field.clone_from(&theirs.$field); })*
                    })*
                    _ => {}
                }
            }

            /// Fills the fields that are absent here from `other`.
            pub(crate) fn fill(&mut self, other: &Body) {
                match (self, other) {
                    $((Body::$Family(ours), Body::$Family(theirs)) => {
                        $(if ours.$field.is_none() { ours.$field.clone_from(&theirs.$field); })*
                    })*
                    _ => {}
                }
            }

            /// The names of the fields that are set.
            pub(super) fn set_names(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                match self {
                    $(Body::$Family(fields) => {
                        $(if fields.$field.is_some() { names.push(stringify!($field)); })*
                    })*
                }
                names
            }

            /// Refuses numbers that would not be read back, since those of a draft need not come from JSON, and those that no
            /// event has.
            #[allow(unused_variables, reason = "a family of texts has no number to check")]
            pub(super) fn check_numbers(&self) -> Result<(), Invalid> {
                match self {
                    $(Body::$Family(fields) => { $(check_number!($Kind $name stringify!($field), fields.$field);)* })*
                }
                Ok(())
            }

            /// Calls `visit` with every text that is there.
            #[allow(unused_variables, reason = "a family of numbers has no text to visit")]
            pub(super) fn each_text(&self, visit: &mut impl FnMut(&str)) {
                match self {
                    $(Body::$Family(fields) => { $(each_text!($Kind &fields.$field, visit);)* })*
                }
            }

            /// Calls `visit` with every text field, so that cleaning and redaction miss none.
            #[allow(unused_variables, reason = "a family of numbers has no text to visit")]
            pub(super) fn visit_text(&mut self, visit: &mut impl FnMut(FieldKind, &mut Option<String>)) {
                match self {
                    $(Body::$Family(fields) => { $(visit_text!($Kind &mut fields.$field, visit);)* })*
                }
            }
        }
    };
}

families! {
    Lifecycle "lifecycle" "How a coder's life goes on." {
        previous_status Line "Status before, in the sender's words.";
        current_status Line "Status now, in the sender's words.";
        reason Line "Why: for `paused` one of permission, question, idle where it is known.";
        error_message Text "What went wrong.";
    }
    Progress "progress" "How far a coder is, and what it says." {
        progress Fraction "Share of the work that is done, 0 to 1.";
        stage Line "What it is at: editing, testing, the name of a tool.";
        description Text "The same for a person, in a sentence.";
        milestone Line "Name of the milestone reached.";
        stream Line "Where output came from: stdout, stderr, assistant; told: what its hook told the agent.";
        text Text "The output itself.";
    }
    Workspace "workspace" "What happened to the coder's files." {
        operation Line "create, modify, delete, or the kind of sync.";
        file_path Line "Path of the file as the coder names it.";
        file_size Count "Size in bytes.";
        content_hash Line "Hash of the content, with its algorithm: `blake3:…`.";
    }
    Provider "provider" "What a coder asked of a model provider." {
        provider Line "Provider: anthropic, openai, google.";
        model Line "Model.";
        tokens_used Count "Tokens in all.";
        duration Count "How long the call took, in nanoseconds.";
        error_code Line "Code of the error, or HTTP status.";
        error_message Text "What went wrong.";
        input_tokens Count "Tokens read, cached ones apart.";
        output_tokens Count "Tokens written.";
        cache_read_tokens Count "Tokens read from the provider's cache.";
        cache_write_tokens Count "Tokens written to the provider's cache.";
        cost_usd Number "Cost in US dollars.";
        retry_after_ms Count "How long the provider asks to wait, in milliseconds.";
    }
    Resource "resource" "What a coder's processes use." {
        memory_mb Count "Resident memory in MiB.";
        cpu_percent Number "CPU in percent of one core.";
        disk_usage_mb Count "Disk space of the workspace in MiB.";
        network_bytes Count "Bytes sent and received.";
        file_count Count "Files in the workspace.";
    }
    Derived "derived" "What the recorder's rules concluded." {
        failure_count Count "Failures of this coder within the ten minutes up to its cause.";
        duration Count "From creation to completion, in nanoseconds of event time.";
        warning Line "rate_limit, resource_limit, file_conflict, loop or budget.";
        message Text "The warning for a person.";
        cause_id Line "Id of the event it was derived from.";
        cause_seq Count "Seq of the event it was derived from.";
    }
}

impl Lifecycle {
    /// The reason of a pause by which a person broke the turn off.
    pub const INTERRUPTED: &str = "interrupted";
}

impl Progress {
    /// The stream of what the coder says.
    pub const OF_ASSISTANT: &str = "assistant";
    /// The milestone of a context that was compacted; its description is the summary of what was in it.
    pub const COMPACTED: &str = "context compacted";
    /// The milestone of a commit that a coder made.
    pub const COMMIT: &str = "commit";
    /// Of what it thinks.
    pub const OF_THOUGHT: &str = "thinking";
    /// Of what its own hook told it, in the recorder's words.
    pub const TOLD: &str = "told";
}

/// A Rust type that a field may have.
trait FromField: Sized {
    /// Gives a value back that is no such field.
    fn from_field(value: Value, kind: FieldKind) -> Result<Self, Value>;
}

impl FromField for String {
    fn from_field(value: Value, _: FieldKind) -> Result<String, Value> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        }
    }
}

impl FromField for f64 {
    fn from_field(value: Value, kind: FieldKind) -> Result<f64, Value> {
        value.as_f64().filter(|number| fits(*number, kind)).ok_or(value)
    }
}

impl FromField for u64 {
    fn from_field(value: Value, _: FieldKind) -> Result<u64, Value> {
        whole_number(&value).ok_or(value)
    }
}

/// A whole number in JSON, zero or more. Go and JavaScript may write it as `3.0`.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    /// Above this a double no longer tells neighbouring whole numbers apart.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let whole = |number: f64| (number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number)).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(whole))
}

fn fits(number: f64, kind: FieldKind) -> bool {
    let most = if kind == FieldKind::Fraction { 1.0 } else { f64::MAX };
    (0.0..=most).contains(&number)
}

fn check_number(name: &str, number: Option<f64>, kind: FieldKind) -> Result<(), Invalid> {
    match number {
        Some(number) if !fits(number, kind) => Err(Invalid::wrong(name, &Value::from(number), kind.valid())),
        _ => Ok(()),
    }
}

/// Absent, `null` and empty text all mean that a field is missing.
pub(super) fn is_missing(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str() == Some("")
}

fn take<T: FromField>(value: Option<Value>, name: &str, kind: FieldKind) -> Result<Option<T>, Invalid> {
    let Some(value) = value.filter(|value| !is_missing(value)) else { return Ok(None) };
    T::from_field(value, kind).map(Some).map_err(|value| Invalid::wrong(name, &value, kind.valid()))
}
