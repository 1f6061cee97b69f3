//! A private key in text that comes in pieces: what goes on in the next piece no longer looks like a key.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

use super::redact;

/// The kind of the marks, as in the table of secrets.
const KIND: &str = "private key";
/// No key is longer: one of RSA with 16384 bits has 13 KiB, one of PGP with many subkeys some tens. What begins like a key
/// and is longer never was one, such as the line of a program that looks for keys, and must not silence all that follows.
const KEY_BYTES_MAX: usize = 64 << 10;
/// So much is remembered to know a line that was halved; the longest in use has 45 characters.
const LINE_BYTES_MAX: usize = 64;

// Certificates and public keys begin likewise and are no secret.
static BEGINS: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"));
static ENDS: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|---- END SSH2 ENCRYPTED PRIVATE KEY ----"));

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("a test compiles both expressions")
}

/// Takes private keys out of one stream of text, however it is cut.
#[derive(Clone, Debug, Default)]
pub struct KeyGuard {
    /// A key has begun, and may have so many bytes more.
    left: Option<usize>,
    /// The end of what was seen, since the last line that began or ended a key.
    seam: String,
}

impl KeyGuard {
    /// `text`, which follows what was taken before, with a mark in place of each key or part of one.
    ///
    /// ```
    /// let mut guard = ai_coder_events::text::KeyGuard::default();
    /// assert_eq!(guard.take("see\n-----BEGIN PRIVATE KEY-----\nMII"), "see\n[redacted: private key]");
    /// assert_eq!(guard.take("Evg\n-----END PRIVATE KEY-----\ndone"), "[redacted: private key]\ndone");
    /// ```
    pub fn take<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if text.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut all = std::mem::take(&mut self.seam);
        // Up to here it was handed out, or taken out.
        let mut done = all.len();
        all.push_str(text);
        // No line that begins or ends a key lies across this.
        let mut known = 0;
        let mut kept = self.left.map(|_| redact::mark(KIND));
        loop {
            match self.left {
                None => {
                    let Some(begins) = BEGINS.find_at(&all, known) else { break };
                    let kept = kept.get_or_insert_default();
                    kept.push_str(&all[done..begins.start().max(done)]);
                    kept.push_str(&redact::mark(KIND));
                    self.left = Some(KEY_BYTES_MAX);
                    (known, done) = (begins.end(), begins.end());
                }
                Some(left) => {
                    let longest = done.saturating_add(left);
                    let ends = ENDS.find_at(&all, known).map(|ends| ends.end()).filter(|&end| end <= longest);
                    let too_long = (all.len() > longest).then(|| all.floor_char_boundary(longest));
                    let Some(end) = ends.or(too_long) else {
                        self.left = Some(longest - all.len());
                        done = all.len();
                        break;
                    };
                    self.left = None;
                    (known, done) = (end, end);
                }
            }
        }
        self.seam = all[all.floor_char_boundary(known.max(all.len().saturating_sub(LINE_BYTES_MAX)))..].to_owned();
        match kept {
            None => Cow::Borrowed(text),
            Some(kept) => Cow::Owned(kept + &all[done..]),
        }
    }

    /// So many bytes are missing here.
    pub fn skip(&mut self, bytes: u64) {
        self.seam.clear();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.left = self.left.and_then(|left| left.checked_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "[redacted: private key]";

    /// What a guard makes of `pieces`; `#` stands for a mark.
    fn taken(pieces: &[&str]) -> Vec<String> {
        let mut guard = KeyGuard::default();
        pieces.iter().map(|piece| guard.take(piece).replace(MARK, "#")).collect()
    }

    #[test]
    fn a_key_is_taken_out_however_it_is_cut() {
        let check = |pieces: &[&str], expected: &[&str]| assert_eq!(taken(pieces), expected, "{pieces:?}");
        check(&["", "a", "", "b"], &["", "a", "", "b"]);
        let (begin, end) = ("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----");
        check(&[&format!("a {begin}\nMII\n{end} b {begin}MII{end} c")], &["a # b # c"]);
        check(&[begin, "MII", "Evg", &format!("MII{end}\nafter")], &["#", "#", "#", "#\nafter"]);
        check(&[begin, "", &format!("MII{end}")], &["#", "", "#"]);
        check(&["a ----", "-BEGIN RSA PRIV", "ATE KEY--", "---MII", "x"], &["a ----", "-BEGIN RSA PRIV", "ATE KEY--", "#", "#"]);
        check(&[&format!("{begin}MII---"), "--END RSA PRIV", "ATE KEY-----", "b"], &["#", "#", "#", "b"]);
        check(&[&format!("{begin}MII{end}"), &format!("{begin}MII"), end, "b"], &["#", "#", "#", "b"]);
        check(&["-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "-----END PGP PRIVATE KEY BLOCK-----b"], &["#", "#b"]);
        // The end of something else within it ends no key.
        check(&[begin, "-----END CERTIFICATE-----\n", "MII"], &["#", "#", "#"]);
        for header in
            ["-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PGP MESSAGE-----", "BEGIN PRIVATE KEY"]
        {
            check(&[header, "MII"], &[header, "MII"]);
            // What begins a key for the redactor does so here.
            assert!(!redact::Redactor::default().holds_secret(header));
        }
        for header in [begin, "-----BEGIN PRIVATE KEY-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"] {
            check(&[header, "MII"], &["#", "#"]);
            assert_eq!(redact::Redactor::default().redact(&format!("{header}MII")), MARK);
        }
    }

    #[test]
    fn what_only_begins_like_a_key_does_not_silence_all_that_follows() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        let line = "x".repeat(1023) + "\n";
        let mut pieces = vec![begin];
        pieces.extend([line.as_str(); KEY_BYTES_MAX >> 10]);
        pieces.extend(["after\n", begin, "MII"]);
        let taken = taken(&pieces);
        assert!(taken[..taken.len() - 3].iter().all(|text| text == "#"), "{taken:?}");
        assert_eq!(taken[taken.len() - 3..], ["#after\n", "#", "#"]);
        // All at once, at a place within a character.
        let text = format!("{begin}{}\u{20ac}after", "x".repeat(KEY_BYTES_MAX - 1));
        assert_eq!(super::KeyGuard::default().take(&text), format!("{MARK}\u{20ac}after"));
    }

    #[test]
    fn what_is_missing_counts_as_the_keys() {
        let mut guard = KeyGuard::default();
        guard.take("-----BEGIN PRIVATE KEY-----");
        guard.skip(1000);
        assert_eq!(guard.take("MII"), MARK);
        guard.skip(KEY_BYTES_MAX as u64);
        assert_eq!(guard.take("after"), "after");
    }
}
