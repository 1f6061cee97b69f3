//! A session as Markdown, for an issue or a pull request: what was asked and said is read, the rest is folded away.

use std::fmt::Write;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::{
    story::{StepKind, StoryStep, StoryTurn},
    text::{clean_line, clean_text},
};

use super::{figures, told::SessionTold};

/// Lines of an answer or a change.
const LINES_MAX: usize = 60;

/// The file.
pub fn session(told: &SessionTold<'_>) -> String {
    let mut out = String::new();
    tell(&mut out, told, 1).expect("a text takes what is written to it");
    out
}

fn tell(out: &mut String, told: &SessionTold<'_>, level: usize) -> std::fmt::Result {
    let coder = &told.coder;
    writeln!(out, "{} {}\n", "#".repeat(level), plain(told.title()))?;
    let mut facts = vec![told.name.clone(), coder.status.name().to_owned()];
    facts.extend(coder.model.clone());
    facts.extend(told.began().map(|began| figures::moment(began, told.zone)));
    facts.extend(figures::usage(&coder.usage));
    writeln!(out, "{}\n", facts.iter().map(|fact| plain(fact)).collect::<Vec<_>>().join(" · "))?;
    for (nth, turn) in (1..).zip(&told.turns) {
        self::turn(out, turn)?;
        for subagent in told.subagents_of(nth) {
            writeln!(out, "<details><summary>Subagent: {}</summary>\n", html(subagent.title()))?;
            tell(out, subagent, level + 1)?;
            writeln!(out, "</details>\n")?;
        }
    }
    Ok(())
}

fn turn(out: &mut String, turn: &StoryTurn) -> std::fmt::Result {
    if let Some(prompt) = &turn.prompt {
        for line in clean_text(prompt).lines() {
            writeln!(out, "> {}", plain(line))?;
        }
        writeln!(out)?;
    }
    for step in &turn.steps {
        self::step(out, step)?;
    }
    let facts = figures::usage(&turn.usage);
    if facts.is_empty() { Ok(()) } else { writeln!(out, "_{}_\n", facts.join(" · ")) }
}

fn step(out: &mut String, step: &StoryStep) -> std::fmt::Result {
    match &step.what {
        // It is Markdown already, but may not be markup.
        StepKind::Said { text } => writeln!(out, "{}\n", html_in(&clean_text(text)).trim_end()),
        StepKind::Thought { text } => folded(out, "Thought", text, ""),
        StepKind::Told { text } => folded(out, "Told by its hook", text, ""),
        StepKind::Printed { text, .. } => folded(out, "Output", text, ""),
        StepKind::Called { tool, subjects, .. } => {
            let answers: Vec<&str> = step.calls.iter().filter_map(|call| call.output.as_deref()).collect();
            let line = format!("{tool} {}", subjects.join(", "));
            if answers.is_empty() { writeln!(out, "- {}\n", plain(&line)) } else { folded(out, &line, &answers.join("\n"), "") }
        }
        StepKind::Failed { tool, subject, exit_code, error } => {
            let code = exit_code.map_or(String::new(), |code| format!(" (exit {code})"));
            folded(out, &format!("❌ {tool} failed{code}: {subject}"), &error.join("\n"), "")
        }
        StepKind::Changed { change, diff: Some(diff), .. } => folded(out, change, diff, "diff"),
        StepKind::Changed { change, diff: None, .. } => writeln!(out, "- {}\n", plain(change)),
        StepKind::Note { note, .. } => writeln!(out, "_{}_\n", plain(note)),
    }
}

/// A text behind a line that opens, in a fence that is longer than any in the text.
fn folded(out: &mut String, line: &str, text: &str, language: &str) -> std::fmt::Result {
    let text = clean_text(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    let rest = if more > 0 { format!("\n… {}", figures::count(more as u64, "line")) } else { String::new() };
    writeln!(out, "<details><summary>{}</summary>\n\n{fence}{language}", html(line))?;
    writeln!(out, "{}{rest}\n{fence}\n\n</details>\n", lines[..lines.len() - more].join("\n"))
}

/// On one line, without meaning in Markdown or HTML.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in clean_line(text).chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '>' => shown.extend(['\\', c]),
            // Nobody is called by what was recorded.
            '@' => shown.push_str("&#64;"),
            c => shown.push(c),
        }
    }
    shown
}

/// Within an element.
fn html(text: &str) -> String {
    clean_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;")
}

/// Stands for `<` while it is looked where code is: markup that is left out must not say what is code. No text has it.
const OPENING: &str = "\u{1}";

/// Markdown without markup in it, outside code.
fn html_in(text: &str) -> String {
    let text = text.replace('<', OPENING);
    // What follows, so that a fence that was left open is seen.
    let followed = format!("{text}\n\n{OPENING}");
    let (mut shown, mut end, mut fence) = (String::new(), 0, String::new());
    for (event, range) in Parser::new_ext(&followed, Options::ENABLE_TABLES).into_offset_iter() {
        if range.start < end || !matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))) {
            continue;
        }
        let code = &text[range.start..range.end.min(text.len())];
        shown.push_str(&inert(&text[end..range.start]));
        shown.push_str(&code.replace(OPENING, "<"));
        end = range.start + code.len();
        if range.end == followed.len() {
            let mark = code.trim_start().chars().next();
            fence = code.trim_start().chars().take_while(|&c| Some(c) == mark).collect();
        }
    }
    shown.push_str(&inert(&text[end..]));
    // It would take the rest of the page.
    if fence.is_empty() { shown } else { format!("{}\n{fence}\n", shown.trim_end_matches('\n')) }
}

/// Without markup, pictures and calls of people.
fn inert(text: &str) -> String {
    text.replace(OPENING, "&lt;").replace("![", "&#33;[").replace('@', "&#64;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_text_stays_text() {
        assert_eq!(plain("a <b> *c* @d"), "a &lt;b\\> \\*c\\* &#64;d");
        assert_eq!(html_in("a `Vec<T>` <b>"), "a `Vec<T>` &lt;b>");
        assert_eq!(html_in("<img> @a\n```\n<b>\n"), "&lt;img> &#64;a\n```\n<b>\n```\n");
        let mut out = String::new();
        folded(&mut out, "a <b>", "x\n````\ny", "").expect("written");
        assert_eq!(out, "<details><summary>a &lt;b&gt;</summary>\n\n`````\nx\n````\ny\n`````\n\n</details>\n\n");
    }
    #[test]
    fn what_only_looks_like_code_is_text() {
        let check = |said: &str, expected: &str| assert_eq!(html_in(said), expected, "{said}");
        check("```\n~~~\n<i>\n```\n<b> @c", "```\n~~~\n<i>\n```\n&lt;b> &#64;c");
        check("````\n```\n<i>\n````\n<b>", "````\n```\n<i>\n````\n&lt;b>");
        check("a\n    ```\n<b>", "a\n    ```\n&lt;b>");
        check("``` a`b\n<b>", "``` a`b\n&lt;b>");
        check("\\`<b>\\`", "\\`&lt;b>\\`");
        check("a `b\nc` `<b>` d", "a `b\nc` `<b>` d");
        check("a `b\n` <b> `c", "a `b\n` &lt;b> `c");
        check("<a t=\"`\">`<b>`", "&lt;a t=\"`\">`&lt;b>`");
        check("|a `<b>|c`|\n|-|-|", "|a `&lt;b>|c`|\n|-|-|");
        check("!![a](b)", "!&#33;[a](b)");
    }

    #[test]
    fn a_fence_that_was_left_open_is_closed_and_no_other() {
        let check = |said: &str, expected: &str| assert_eq!(html_in(said), expected, "{said}");
        check("~~~~\n<b>", "~~~~\n<b>\n~~~~\n");
        check("```\n~~~", "```\n~~~\n```\n");
        check("```", "```\n```\n");
        check("~~~\na\n~~~", "~~~\na\n~~~");
        check("- ```\n  a", "- ```\n  a");
        check("> ```\n> <a>\n<b>", "> ```\n> <a>\n&lt;b>");
    }
}
