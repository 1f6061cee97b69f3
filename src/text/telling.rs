//! The lines of an error that tell what went wrong: of a hundred that a build prints, the two that a reader looks for.
//!
//! Told by words that compilers, test runners and shells of all kinds use; where none of them is, the last lines tell most.

/// Longer texts are not looked through to their middle: what tells stands near an end.
const LINES_LOOKED_AT: usize = 400;

/// With these a line says what is wrong, not only that something is.
const BEGINNINGS: &[&str] = &["error", "fatal", "e   ", "panic", "abort", "segmentation", "uncaught", "bash:", "sh:"];
const NAMED: &[&str] = &["error:", "exception:", "error[", "panicked at", "err!", "assertion", "assert "];
const WORDS: &[&str] = &[
    "fail",
    "cannot",
    "can't",
    "could not",
    "not found",
    "no such",
    "denied",
    "undefined",
    "unexpected",
    "expected",
    "missing",
    "invalid",
    "refused",
    "timed out",
    "timeout",
    "unknown",
    "not allowed",
    "rejected",
    "error",
];
/// Said of what went well, or of nothing.
const WELL: &[&str] = &["0 failed", "0 errors", "0 failures", "no errors", "error: 0", "errors: 0", "failed: 0"];

/// How much a line tells; 0 for one that says nothing.
fn weight(line: &str) -> u8 {
    let lower = line.to_lowercase();
    if lower.is_empty() || is_exit_code(&lower) || !lower.contains(char::is_alphanumeric) {
        return 0;
    }
    // What a line announces stands below it.
    let less = u8::from(lower.ends_with(':'));
    let is_well = WELL.iter().any(|words| lower.contains(words)) && !lower.contains("panicked");
    match () {
        () if is_well => 1,
        () if BEGINNINGS.iter().any(|begin| lower.starts_with(begin)) => 3 - less,
        () if NAMED.iter().any(|name| lower.contains(name)) => 3 - less,
        () if WORDS.iter().any(|word| lower.contains(word)) => 2 - less,
        () => 1,
    }
}

/// Which is told beside the error.
fn is_exit_code(lower: &str) -> bool {
    let number = lower.strip_prefix("exit code").map(|rest| rest.trim_start_matches([':', ' ']));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// At most `lines_max` lines of `text` that tell what went wrong, in their order, without the white space around them.
///
/// ```
/// use ai_coder_events::text::telling_lines;
///
/// let said = "Exit code 101\n   Compiling demo v0.1.0\nerror[E0308]: mismatched types\n  --> src/lib.rs:3:5\n\nFor more, try `--explain`";
/// assert_eq!(telling_lines(said, 1), ["error[E0308]: mismatched types"]);
/// assert_eq!(telling_lines("one\ntwo\nthree", 2), ["two", "three"]);
/// assert_eq!(telling_lines("Exit code 1", 1), [""; 0]);
/// ```
pub fn telling_lines(text: &str, lines_max: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_near = |at: usize| at < LINES_LOOKED_AT / 2 || at + LINES_LOOKED_AT / 2 >= lines.len();
    let mut found: Vec<(u8, usize)> =
        (0..lines.len()).filter(|&at| is_near(at)).map(|at| (weight(lines[at]), at)).filter(|(weight, _)| *weight > 0).collect();
    // The first of those that name an error; of others the last, where a program says how it ended.
    found.sort_by_key(|&(weight, at)| (std::cmp::Reverse(weight), if weight > 1 { at } else { lines.len() - at }));
    let mut chosen: Vec<usize> = found.into_iter().take(lines_max).map(|(_, at)| at).collect();
    chosen.sort_unstable();
    let mut told: Vec<&str> = chosen.into_iter().map(|at| lines[at]).collect();
    told.dedup();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_looks_for_is_found() {
        let check = |text: &str, expected: &str| assert_eq!(telling_lines(text, 1), [expected], "{text}");
        check(
            "Exit code 2\nls: cannot access '/x': No such file or directory",
            "ls: cannot access '/x': No such file or directory",
        );
        check("Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no", "ValueError: no");
        check("running 3 tests\ntest a ... ok\ntest b ... FAILED\n", "test b ... FAILED");
        check("> demo@1.0.0 test\n> jest\nTests: 0 failed\nnpm ERR! missing script", "npm ERR! missing script");
        check("thread 'main' panicked at src/a.rs:3:5:\nindex out of bounds\n", "thread 'main' panicked at src/a.rs:3:5:");
        check("thread 'x' panicked at src/a.rs:3:5:\nassertion `left == right` failed\n", "assertion `left == right` failed");
        check("making\nmaking\ndone, with 3 notes\n---\n", "done, with 3 notes");
    }

    #[test]
    fn several_stand_in_their_order() {
        let text = "compiling\nwarning: unused\nerror: a\n  at 1\nerror: b\ndone";
        assert_eq!(telling_lines(text, 2), ["error: a", "error: b"]);
        assert_eq!(telling_lines("same\nsame", 2), ["same"]);
        assert_eq!(telling_lines("", 2), [""; 0]);
    }

    #[test]
    fn a_long_text_is_looked_at_from_both_ends() {
        let middle = "x\n".repeat(10_000);
        assert_eq!(telling_lines(&format!("{middle}error: here\n{middle}"), 1), ["x"]);
        assert_eq!(telling_lines(&format!("{middle}error: here\n"), 1), ["error: here"]);
    }
}
