//! `types`: every event type with its family, its fields and one sentence, out of the one table.

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use ai_coder_events::{
    config::Environment,
    event::{EventType, Family, Field, event_schema},
    style::Tint,
};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::print::{Console, cell, json_line};

/// List the event types and their fields
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TypesArgs {}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events types
  ai-coder-events types --json | jq 'select(.family == \"provider\") | .schema'";

#[derive(Serialize)]
struct Described {
    #[serde(rename = "type")]
    kind: &'static str,
    family: &'static str,
    about: &'static str,
    fields: Vec<DescribedField>,
    schema: Value,
}

#[derive(Serialize)]
struct DescribedField {
    name: &'static str,
    holds: &'static str,
    about: &'static str,
}

impl TypesArgs {
    pub fn run(&self, json: bool) -> anyhow::Result<ExitCode> {
        let mut out = BufWriter::new(io::stdout().lock());
        if json {
            EventType::ALL.iter().try_for_each(|&kind| json_line(&mut out, &described(kind)))?;
        } else {
            page(&mut out, &Console::of_stdout(&Environment::of_process()).whole())?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn described(kind: EventType) -> Described {
    let field = |&Field { name, kind, about }: &Field| DescribedField { name, holds: kind.valid(), about };
    Described {
        kind: kind.name(),
        family: kind.family().name(),
        about: kind.about(),
        fields: kind.family().fields().iter().map(field).collect(),
        schema: event_schema(kind),
    }
}

fn page(out: &mut impl Write, console: &Console) -> io::Result<()> {
    for (index, &family) in Family::ALL.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}: {}", console.paint(family.name(), Tint::Bold), family.about())?;
        let kinds = EventType::ALL.iter().filter(|kind| kind.family() == family);
        let mut rows: Vec<_> =
            kinds.map(|kind| vec![cell(format!("  {kind}"), Tint::Plain), cell(kind.about(), Tint::Plain)]).collect();
        rows.extend(family.fields().iter().map(|field| {
            let about = format!("{} ({})", field.about.trim_end_matches('.'), field.kind.valid());
            vec![cell(format!("    {}", field.name), Tint::Dim), cell(about, Tint::Dim)]
        }));
        console.table(out, &rows)?;
    }
    Ok(())
}
