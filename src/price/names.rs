//! Under which names one model is known. Each rule takes away what is no part of the model's own name; they apply one after
//! another, and what each leaves is looked up before the next applies, so that a name that is in the table is never changed.

/// How one rule spells a name; `None` where it does not apply.
type Rule = fn(&str) -> Option<String>;

const RULES: &[Rule] = &[
    without_context_size,
    without_path,
    without_vendor,
    without_location,
    without_bedrock_version,
    with_claudes_dashes,
    without_effort,
    without_date,
    in_claudes_order,
    without_zero,
];

/// How hard a model thinks changes how much it writes, not what a token costs.
const EFFORTS: &[&str] = &["-thinking", "-minimal", "-low", "-medium", "-high", "-xhigh"];

/// The spellings of `model`, its own first.
pub(super) fn spellings(model: &str) -> Vec<String> {
    let mut spellings = vec![model.trim().to_lowercase()];
    for rule in RULES {
        while let Some(next) = spellings.last().and_then(|name| rule(name)).filter(|name| !name.is_empty()) {
            spellings.push(next);
        }
    }
    spellings
}

/// `claude-opus-4-6[1m]`: what a longer context costs, the length of the prompt tells.
fn without_context_size(name: &str) -> Option<String> {
    name.strip_suffix(']')?.rsplit_once('[').map(|(name, _)| name.to_owned())
}

/// `openrouter/anthropic/…`, `models/…`, `publishers/google/models/…`, one step at a time.
fn without_path(name: &str) -> Option<String> {
    name.split_once('/').map(|(_, name)| name.to_owned())
}

/// `us.anthropic.…`: Bedrock's regions and vendors. A point in a version has a digit before it.
fn without_vendor(name: &str) -> Option<String> {
    let (before, name) = name.split_once('.')?;
    before.chars().all(|char| char.is_ascii_lowercase() || char == '-').then(|| name.to_owned())
}

/// `claude-opus-4-5@20251101`, `…@default`: Vertex.
fn without_location(name: &str) -> Option<String> {
    let (name, version) = name.split_once('@')?;
    Some(if is_number(version, 8) { format!("{name}-{version}") } else { name.to_owned() })
}

/// `…-v1:0`
fn without_bedrock_version(name: &str) -> Option<String> {
    let (name, version) = name.rsplit_once("-v")?;
    version.starts_with(|char: char| char.is_ascii_digit()).then_some(())?;
    version.chars().all(|char| char.is_ascii_digit() || char == ':').then(|| name.to_owned())
}

/// `claude-opus-4.6`: Copilot and OpenRouter.
fn with_claudes_dashes(name: &str) -> Option<String> {
    (name.starts_with("claude") && name.contains('.')).then(|| name.replace('.', "-"))
}

/// `gpt-5.1-codex-high`: Cursor.
fn without_effort(name: &str) -> Option<String> {
    EFFORTS.iter().find_map(|effort| name.strip_suffix(effort)).map(str::to_owned)
}

/// `-20250929`, `-2025-08-07`, `-latest`: one price for what a model was and is.
fn without_date(name: &str) -> Option<String> {
    if let Some(name) = name.strip_suffix("-latest") {
        return Some(name.to_owned());
    }
    let (before, last) = name.rsplit_once('-')?;
    if is_number(last, 8) {
        return Some(before.to_owned());
    }
    let (before, month) = before.rsplit_once('-')?;
    let (before, year) = before.rsplit_once('-')?;
    (is_number(last, 2) && is_number(month, 2) && is_number(year, 4)).then(|| before.to_owned())
}

/// `claude-4-6-opus`: Cursor. What came before version 4 is called so by Anthropic itself.
fn in_claudes_order(name: &str) -> Option<String> {
    let rest = name.strip_prefix("claude-")?;
    let (version, family) = rest.rsplit_once('-')?;
    let is_version = version.chars().all(|char| char.is_ascii_digit() || char == '-');
    let is_family = family.chars().all(|char| char.is_ascii_lowercase());
    (is_version && is_family && !version.starts_with('3')).then(|| format!("claude-{family}-{version}"))
}

/// `claude-opus-4-0`
fn without_zero(name: &str) -> Option<String> {
    name.starts_with("claude").then(|| name.strip_suffix("-0")).flatten().map(str::to_owned)
}

pub(super) fn is_number(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::price::{ModelPrice, Prices};

    fn find(model: &str) -> Option<ModelPrice> {
        Prices::default().find(model)
    }

    #[test]
    fn one_model_has_many_names() {
        let check = |name: &str, plain: &str| {
            let (found, expected) = (find(name), find(plain));
            assert!(expected.is_some(), "{plain} is not in the table");
            assert_eq!(found, expected, "{name} is not taken for {plain}");
        };
        check("claude-opus-4-6[1m]", "claude-opus-4-6");
        check("Claude-Opus-4-6", "claude-opus-4-6");
        check("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5");
        check("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5");
        check("anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5");
        check("bedrock/us-gov.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5");
        check("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6");
        check("claude-opus-4-5@20251101", "claude-opus-4-5");
        check("vertex_ai/claude-opus-4-6@default", "claude-opus-4-6");
        check("claude-haiku-4-5-20991231", "claude-haiku-4-5");
        check("claude-4.5-sonnet-thinking", "claude-sonnet-4-5");
        check("claude-sonnet-4", "claude-sonnet-4-20250514");
        check("claude-4-sonnet", "claude-sonnet-4-20250514");
        check("claude-opus-4-0", "claude-opus-4-20250514");
        check("claude-opus-4.1", "claude-opus-4-1-20250805");
        check("claude-3-5-sonnet-latest", "claude-3-5-sonnet");
        check("claude-3.7-sonnet", "claude-3-7-sonnet-20250219");
        check("models/gemini-2.5-pro", "gemini-2.5-pro");
        check("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro");
        check("gpt-5.1-codex-high", "gpt-5.1-codex");
        check("openai/gpt-5-2099-01-31", "gpt-5");
        check("xai/grok-4.5", "grok-4.5");
        // A name that is in the table is the model of that name.
        check("mistral/mistral-medium", "mistral-medium");
        check("groq/openai/gpt-oss-120b", "groq/openai/gpt-oss-120b");
    }

    #[test]
    fn nothing_is_guessed() {
        for unknown in [
            "",
            " ",
            "opus",
            "sonnet",
            "claude",
            "claude-opus",
            "gpt",
            "auto",
            "default",
            "claude-opus-9",
            "gpt-5.1-codex-fast",
            "<synthetic>",
            "#",
            "my/own-model",
            "gemini-2.5-pro:free",
            "gpt-5 ",
        ] {
            let found = find(unknown);
            assert_eq!(found.is_some(), unknown.trim() == "gpt-5", "{unknown:?} costs {found:?}");
        }
    }
}
