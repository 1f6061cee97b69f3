//! `emit`: one event from flags, or many from JSON lines.
//!
//! A receipt is the acknowledgement: it is written and flushed when its event is committed, while stdin stays open. What
//! is refused is kept as a rejection and told; the rest goes on.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    event::{Data, EventType, Field, FieldKind, Time},
    history::{Entry, Outcome, Writer},
};
use anyhow::{Context, anyhow};
use clap::{Args, error::ErrorKind};
use serde_json::Value;

use self::{
    item::{CheckedInput, Receipt, Sender, is_missing},
    stream::InputStream,
};
use super::{Invocation, completions::Offered, filter::moment, print::json_line};

mod item;
mod stream;

/// Record an event, or a stream of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EmitArgs {
    /// The type, with or without `ai_coder_`; `-` reads events from stdin, one JSON object a line
    #[arg(value_name = "TYPE", value_parser = types(), hide_possible_values = true)]
    kind: String,

    /// Whose event it is [default: $AI_CODER_ID]; with `-`, for lines that do not say
    #[arg(long, value_name = "ID")]
    coder: Option<String>,

    /// The coder's name for people [default: $AI_CODER_NAME]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// When it happened: RFC 3339, or an age such as 90s, 15m, 2h, 7d [default: now]
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Time>,

    /// An id of your own: the same again is the same event
    #[arg(long)]
    id: Option<String>,

    /// A field of the type, or anything else to keep in `data`; JSON, else text
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<Assignment>,
}

/// Types that may be told; what is wrong with others is told by what reads them.
fn types() -> Offered {
    Offered(EventType::ALL.iter().filter(|kind| !kind.is_derived()).map(|kind| kind.short()).collect())
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events emit created --coder fix-auth --name 'Fix auth'
  ai-coder-events emit progress --coder fix-auth --set stage=editing
  ai-coder-events emit file_modified --coder fix-auth --set file_path=src/lib.rs
  ai-coder-events emit failed --coder fix-auth --id run-17-end
  ai-coder-events emit - --json < events.jsonl
  ai-coder-events --db copy.db emit - < events.jsonl

`ai-coder-events types` lists types and fields.";

type Assignment = (String, String);

impl EmitArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        if self.kind != "-" {
            return self.emit_one(call);
        }
        if self.at.is_some() || self.id.is_some() || !self.set.is_empty() {
            let message = "`--at`, `--id` and `--set` are for a single event: with `-`, each line says them itself";
            return Err(super::usage(Some("emit"), ErrorKind::ArgumentConflict, message));
        }
        InputStream::new(self.sender(call), call).run()
    }

    fn sender(&self, call: &Invocation) -> Sender {
        let given =
            |flag: &Option<String>, variable: &Option<String>| flag.clone().filter(|text| !text.is_empty()).or(variable.clone());
        Sender {
            coder_id: given(&self.coder, &call.environment.coder_id),
            coder_name: given(&self.name, &call.environment.coder_name),
        }
    }

    fn emit_one(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let sender = self.sender(call);
        let object = self.object();
        if sender.coder_id.is_none() && is_missing(&object, "coder_id") {
            let message = "a coder is missing: give `--coder ID`, or set AI_CODER_ID";
            return Err(super::usage(Some("emit"), ErrorKind::MissingRequiredArgument, message));
        }
        let entry = CheckedInput::of(object, |object| sender.fill(object)).0;
        let kind = match &entry {
            Entry::Draft(draft) => draft.kind.name(),
            Entry::Rejection(rejection) => {
                let refusal = anyhow!("{}", rejection.reason);
                append(&mut Writer::new(&call.config.history), vec![entry])?;
                return Err(refusal.context(NOT_RECORDED));
            }
        };
        let outcomes = append(&mut Writer::new(&call.config.history), vec![entry])?;
        let outcome = outcomes.into_iter().next().context("the history gave no answer")?;
        let receipt = Receipt::of(outcome).map_err(|refusal| anyhow!(refusal).context(NOT_RECORDED))?;
        let mut out = io::stdout().lock();
        match (call.json, receipt.duplicate) {
            (true, _) => json_line(&mut out, &receipt)?,
            (false, false) => writeln!(out, "recorded {kind} as {} (id {})", receipt.seq, receipt.id)?,
            (false, true) => writeln!(out, "already recorded {kind} as {} (id {})", receipt.seq, receipt.id)?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    /// The line that these flags mean.
    fn object(self) -> Data {
        let fields = EventType::parse(&self.kind).map_or(&[][..], |kind| kind.family().fields());
        let mut object: Data = self
            .set
            .into_iter()
            .map(|(key, value)| {
                let value = assigned(fields, &key, value);
                (key, value)
            })
            .collect();
        let flags = [
            ("type", Some(self.kind)),
            ("coder_id", self.coder),
            ("coder_name", self.name),
            ("timestamp", self.at.map(|time| time.to_string())),
            ("id", self.id),
        ];
        object.extend(flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))));
        object
    }
}

const NOT_RECORDED: &str = "not recorded";

/// JSON, else text. A field that holds text takes what stands there: `error_code=429` is the text `429`.
fn assigned(fields: &[Field], key: &str, value: String) -> Value {
    let holds_text = fields.iter().any(|field| field.name == key && matches!(field.kind, FieldKind::Line | FieldKind::Text));
    match serde_json::from_str(&value) {
        Ok(json @ (Value::String(_) | Value::Null)) => json,
        Ok(json) if !holds_text => json,
        _ => Value::String(value),
    }
}

fn append(writer: &mut Writer, entries: Vec<Entry>) -> anyhow::Result<Vec<Outcome>> {
    writer.append(entries).context("failed to write the history")
}

fn at(given: &str) -> Result<Time, String> {
    moment("at", given)
}

fn assignment(given: &str) -> Result<Assignment, String> {
    match given.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give KEY=VALUE, such as progress=0.42".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_else_text() {
        let fields = EventType::ApiError.family().fields();
        let check = |key: &str, value: &str, expected: Value| {
            assert_eq!(assigned(fields, key, value.to_owned()), expected, "{key}={value}")
        };
        check("tokens_used", "12", 12.into());
        check("error_code", "429", "429".into());
        check("error_message", "{}", "{}".into());
        check("error_message", "\"quoted\"", "quoted".into());
        check("error_message", "", "".into());
        check("model", "null", Value::Null);
        check("turn", "17", 17.into());
        check("ok", "true", true.into());
        check("list", "[1,2]", vec![1, 2].into());
        check("branch", "main", "main".into());
        check("branch", "{broken", "{broken".into());
    }

    #[test]
    fn an_assignment_needs_a_key() {
        assert_eq!(assignment("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(assignment("a="), Ok(("a".to_owned(), String::new())));
        assert!(assignment("=b").is_err() && assignment("a").is_err());
    }
}
