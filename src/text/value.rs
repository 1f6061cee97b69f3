//! Where the value of a name ends: in quotes of every depth, bare in a shell, in code, in a URL, in YAML.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::credential::credential;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Style {
    /// `DB_PASSWORD=…`: a shell's variable, a line of a file of them. No language gives it a meaning but a shell.
    Shell,
    /// In a query, where `&` begins the next one.
    Query,
    /// A program, a configuration, prose.
    Code,
    /// Words of a command.
    Words,
}

impl Style {
    pub(super) fn of(text: &str, name: &Range<usize>) -> Style {
        let word = &text[name.clone()];
        let tight =
            text[name.end..].starts_with('=') && !text[name.end + 1..].starts_with(|c: char| c == '=' || c.is_whitespace());
        match text[..name.start].bytes().last() {
            Some(b'?' | b'&') if tight => Style::Query,
            _ if tight && !word.bytes().any(|byte| byte.is_ascii_lowercase()) => Style::Shell,
            _ => Style::Code,
        }
    }
}

/// The value of an assignment to `name`.
pub(super) fn assigned(text: &str, name: &Range<usize>, style: Style) -> Option<Range<usize>> {
    let (sign, start) = sign(text, name.end)?;
    // An image and its tag, a volume and where it is mounted.
    if text[..name.start].ends_with('/') && text[name.end..start] == *":" {
        return None;
    }
    if text[start..].starts_with(['|', '>'])
        && sign == ":"
        && let Some(block) = BLOCK.captures(&text[start..]).and_then(|found| found.name("value").or(found.name("word")))
    {
        return Some(start + block.start()..start + block.end());
    }
    if let Some(quoted) = quoted(text, start) {
        return Some(quoted);
    }
    // `const API_KEY: &str = "…"`
    if sign == ":"
        && let Some(value) = TYPED.find(&text[start..]).and_then(|typed| quoted(text, start + typed.end()))
    {
        return Some(value);
    }
    let value = bare(text, start, style)?;
    let rest = &text[value.end..];
    let is_spaced = text[..start].ends_with([' ', '\t']);
    let said = &text[value.clone()];
    let is_word = said.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    // `token: expired, sign in again` and `the password: it must be long` are sentences; `token = next;` is a program.
    let is_prose = is_spaced && is_word && (PROSE_GOES_ON.is_match(rest) || rest.starts_with([';', ',', ')']));
    let is_code = style == Style::Code && is_code(said);
    (!is_prose && !is_code).then_some(value)
}

/// A value at `start`, quoted or bare.
pub(super) fn of(text: &str, start: usize, style: Style) -> Option<Range<usize>> {
    quoted(text, start).or_else(|| bare(text, start, style))
}

/// The sign of an assignment behind a name that ends at `end`, which may stand in quotes; and where the value begins.
fn sign(text: &str, end: usize) -> Option<(&'static str, usize)> {
    let rest = &text[end..];
    let behind = rest.trim_start_matches('\\');
    let behind = behind.strip_prefix(['"', '\'']).unwrap_or(behind);
    let behind = behind.strip_prefix(']').unwrap_or(behind).trim_start_matches([' ', '\t']);
    let sign = [":=", "=>", "?=", "||=", "+=", "<-", "=", ":"].into_iter().find(|sign| behind.starts_with(sign))?;
    let value = &behind[sign.len()..];
    // `token::Kind` is the name of a type.
    (!(sign == ":" && value.starts_with(':'))).then(|| (sign, text.len() - value.trim_start_matches([' ', '\t']).len()))
}

/// What stands in quotes at `start`: JSON within JSON escapes them, a program may put a letter before them.
pub(super) fn quoted(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let lettered = rest.strip_prefix('@').unwrap_or_else(|| rest.trim_start_matches(['b', 'r', 'f', 'u']));
    let rest = if rest.len() - lettered.len() < 3 && lettered.starts_with(['"', '\'']) { lettered } else { rest };
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let quote = rest[slashes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    // Of a shell, within single quotes.
    let inner = rest.strip_prefix(r"'\''").unwrap_or(&rest[slashes + 1..]);
    let (mut before, mut last) = (0, ' ');
    let ends = |(at, c): (usize, char)| {
        let next = inner[at + c.len_utf8()..].chars().next();
        let apostrophe = quote == '\'' && last.is_alphanumeric() && next.is_some_and(char::is_alphanumeric);
        let is_end = c == '\n' || (c == quote && !apostrophe && (before == slashes || (slashes == 0 && quote != '"')));
        before = if c == '\\' { before + 1 } else { 0 };
        if slashes == 0 && before == 2 {
            before = 0;
        }
        last = c;
        is_end.then_some(at)
    };
    let end = inner.char_indices().find_map(ends).unwrap_or(inner.len());
    let end = end - if inner[end..].starts_with(quote) { slashes } else { 0 };
    let value = &inner[..end];
    let is_value = !value.is_empty() && (quote != '`' || value.contains(|c: char| c.is_ascii_digit()));
    let start = text.len() - inner.len();
    is_value.then(|| start..start + end)
}

fn bare(text: &str, start: usize, style: Style) -> Option<Range<usize>> {
    let rest = &text[start..];
    let first = rest.chars().next()?;
    let never = match style {
        Style::Shell => " \t\n\r\"'`;|\\=$)",
        _ => " \t\n\r\"'`;|\\=&()#,",
    };
    // What it stands for is read in the reading.
    let is_entity = |rest: &str| ["&quot;", "&apos;", "&#", "&lt;", "&amp;"].iter().any(|entity| rest.starts_with(entity));
    if is_entity(rest) {
        return None;
    }
    let is_variable = first == '$' && !rest.starts_with("$(");
    if never.contains(first) && !is_variable {
        return None;
    }
    let mut depth = 0_usize;
    let mut end = rest.len();
    let mut last = ' ';
    for (at, c) in rest.char_indices() {
        let next = &rest[at + c.len_utf8()..];
        let goes_on = next.starts_with(|c: char| c.is_alphanumeric() || "_!@#$%^*?.+-/".contains(c));
        let ends = match c {
            _ if c.is_whitespace() => true,
            '"' | '\'' => !(last.is_alphanumeric() && next.starts_with(char::is_alphanumeric)),
            '`' => true,
            '&' if is_entity(&rest[at..]) && !rest[at..].starts_with("&amp;") => true,
            '\\' => next.is_empty() || next.starts_with(['n', 'r', 't', '"', '\'', '\\', '/', 'u', '\n']),
            '&' | ';' | '|' if style == Style::Query => true,
            '&' | ';' | '|' => style != Style::Shell || !goes_on || NAME_FOLLOWS.is_match(next),
            '#' => style == Style::Query,
            '<' => next.starts_with(['/', 'b', 'p']),
            '(' => {
                if style == Style::Code && is_call(&rest[..at], next) {
                    return None;
                }
                depth += 1;
                style == Style::Query || style == Style::Code && next.starts_with([')', ' '])
            }
            ')' => match depth.checked_sub(1) {
                Some(less) => {
                    depth = less;
                    false
                }
                None => style != Style::Shell || !goes_on,
            },
            ',' => NAME_FOLLOWS.is_match(next) || next.starts_with(['"', '\'', ' ']),
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
        last = c;
    }
    let value = rest[..end].trim_end_matches([',', '.', ')', '}', ']', ':', ';']);
    let is_called = style == Style::Code && rest[value.len()..].strip_prefix('(').is_some_and(|behind| is_call(value, behind));
    (!value.is_empty() && !is_called).then(|| start..start + value.len())
}

/// `next_token()`, `config.get("x")`: a name, and a bracket that is closed in the same line.
fn is_call(name: &str, behind: &str) -> bool {
    is_path_of_names(name) && behind.lines().next().unwrap_or_default().contains(')')
        || behind.is_empty() && is_path_of_names(name)
}

fn is_path_of_names(name: &str) -> bool {
    let name = name.trim_start_matches(['&', '*', '!']);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'$' | b'?' | b'<' | b'>'))
}

/// `user.password`, `process.env.API_KEY`, `tokens[0]`, `apiKey`, `TokenKind`, `u32`: code that says where it comes from.
fn is_code(value: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'));
    let value = value.trim_start_matches(['&', '*', '!']);
    let of_names = value.split("?.").flat_map(|part| part.split('.')).all(plain);
    let capitals = value.bytes().filter(u8::is_ascii_uppercase).count();
    let is_type = value.starts_with(|c: char| c.is_ascii_uppercase()) && plain(value) && capitals > 1 && capitals < value.len();
    value.contains("::")
        || value.starts_with(['{', '[', '<'])
        || value.split_once(['[', '<']).is_some_and(|(name, _)| plain(name))
        || is_type
        || (of_names && (value.contains('.') || credential(value).is_some()))
        || NUMBER_OR_TYPE.is_match(value)
}

static NUMBER_OR_TYPE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"\A(?:_{0,2}[iu](?:8|16|32|64|128|size)|f32|f64|bool|char|mut|const|dyn|c_[a-z]+|[a-z_0-9]+_t|0[xX][0-9A-Fa-f]{1,8}|-?[0-9]{1,5}|if|match|write|read|function|lambda|async|typeof|return)\z",
    )
});
static TYPED: LazyLock<Regex> = LazyLock::new(|| compiled(r"\A&?[A-Za-z_][A-Za-z0-9_:<>&' |?]{0,40}?\s*=\s*"));
/// A block of YAML, as far as its indentation goes; in one line, its first word.
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?x) \A [|>][+-]? (?: [\ \t]* (?:\n|\\n) [\ \t]+ (?P<value> [^\s\\] (?:[^\n\\]*[^\s\\])? (?: (?:\n|\\n) [\ \t]+ [^\s:\\]+ )* )
            | [\ \t]+ (?P<word> [^\s\\]+ ) )",
    )
});
static NAME_FOLLOWS: LazyLock<Regex> = LazyLock::new(|| compiled(r#"\A\s*["']?[A-Za-z_][\w .-]{0,40}["']?[=:]"#));
static PROSE_GOES_ON: LazyLock<Regex> = LazyLock::new(|| compiled(r"\A[,.]?[ \t]+[A-Za-z(]"));
fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("a test compiles every expression")
}
