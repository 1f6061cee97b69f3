//! The secrets that are known by their looks: the one table.
//!
//! A short-lived process pays for what it uses: one pass over the text looks for each secret's triggers, and an
//! expression is compiled only once a trigger of it was seen.

use std::sync::LazyLock;

use regex::Regex;

pub(super) struct Secret {
    /// What the mark says: `[redacted: github token]`.
    pub name: &'static str,
    /// At least one of these is in every text that holds the secret. Lower case matches either case.
    triggers: &'static [&'static str],
    /// This one is in there too, where a trigger alone would be too frequent.
    companion: &'static str,
    /// The group `secret` is what is replaced; the whole match where there is no such group.
    pub regex: LazyLock<Regex>,
}

/// The expressions alone, for who wants to compare.
pub(super) const fn expressions() -> [&'static str; EXPRESSIONS.len()] {
    EXPRESSIONS
}

macro_rules! secrets {
    ($($name:literal [$($trigger:literal)*] $(and $companion:literal)? => $regex:expr;)*) => {
        pub(super) static SECRETS: [Secret; [$($name),*].len()] = [$(Secret {
            name: $name,
            triggers: &[$($trigger),*],
            companion: concat!($($companion)?),
            regex: LazyLock::new(|| Regex::new($regex).expect("a test compiles every expression of the table")),
        },)*];
        const EXPRESSIONS: [&str; [$($name),*].len()] = [$($regex),*];
    };
}

// A secret by its looks begins a word. In text within JSON, in coloured output and in a URL the character before it may be
// a letter that belongs to an escape: `\nsk-…`, `\u001b[32msk-…`, `%3Dsk-…`.
macro_rules! word {
    ($flags:literal $secret:literal) => {
        concat!($flags, r"(?:\b|\\[abefnrtv]|[0-9;\[]m|(?:%|\\x|\\u00)[0-9A-Fa-f]{2})(?P<secret>", $secret, ")")
    };
}

// The most telling first: what an earlier line takes is gone for the later ones.
secrets! {
    "private key" ["-----BEGIN "] =>
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)";
    "anthropic key" ["sk-ant-"] => word!("(?i-u)" r"sk-ant-[a-z0-9_-]{8,}");
    // A run of 16 tells a key from a class name such as `sk-circle-fade-dot`.
    "api key" ["sk-"] =>
        word!("(?i-u)" r"sk-(?:(?:proj|svcacct|admin|or-v1|lf)-[a-z0-9_-]{8,}|(?:[a-z0-9]*[_-])*[a-z0-9]{16,}[a-z0-9_-]*)");
    "google key" ["AIza" "ya29." "GOCSPX-" "1//0"] =>
        word!("(?-u)" r"AIza[0-9A-Za-z_-]{20,}|ya29\.[0-9A-Za-z_-]{16,}|GOCSPX-[0-9A-Za-z_-]{16,}|1//0[0-9A-Za-z_-]{24,}");
    // An installation's token may be a JWT behind its number.
    "github token" ["ghp_" "gho_" "ghu_" "ghs_" "ghr_" "github_pat_"] =>
        r"(?i-u)gh[pousr]_(?:[0-9]+_eyJ[a-z0-9_.-]{16,}|[a-z0-9]{16,})|github_pat_[a-z0-9_]{16,}";
    "gitlab token" ["glpat-" "gldt-" "glrt-" "glptt-" "glcbt-" "glft-" "gloas-" "glsoat-" "glimt-" "glagent-"] =>
        word!("(?i-u)" r"gl(?:pat|dt|rt|ptt|cbt|ft|oas|soat|imt|agent)-[a-z0-9_.-]{14,}[a-z0-9_-]");
    "slack token" ["xox" "xapp-"] => word!("(?i-u)" r"xox[a-z](?:\.xox[a-z])?-[a-z0-9-]{8,}|xapp-[0-9]-[a-z0-9-]{8,}");
    "slack webhook" ["hooks.slack.com"] =>
        r"(?i-u)hooks\.slack\.com\\*/(?:services|workflows|triggers)\\*/(?P<secret>[a-z0-9_-]+(?:\\*/[a-z0-9_-]+)+)";
    "aws key id" ["AKIA" "ASIA"] => word!("(?-u)" r"(?:AKIA|ASIA)[A-Z0-9]{16}\b");
    "stripe key" ["sk_live_" "rk_live_" "sk_test_" "rk_test_" "whsec_"] =>
        word!("(?-u)" r"[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,}");
    "npm token" ["npm_"] => word!("(?-u)" r"npm_[A-Za-z0-9]{30,}");
    "hugging face token" ["hf_" "api_org_"] => word!("(?-u)" r"(?:hf|api_org)_[A-Za-z0-9]{30,}");
    "pypi token" ["pypi-AgE"] => word!("(?-u)" r"pypi-AgE[A-Za-z0-9_-]{16,}");
    "api key" ["xai-" "gsk_" "tvly-" "pplx-" "r8_" "nvapi-" "lin_api_" "ntn_" "figd_" "sntrys_" "sbp_"] =>
        word!("(?-u)" r"(?:xai-|gsk_|tvly-(?:[a-z]+-)?|pplx-|r8_|nvapi-|lin_api_|ntn_|figd_|sntrys_|sbp_)[A-Za-z0-9_-]{0,8}[A-Za-z0-9]{20,}[A-Za-z0-9_-]*");
    "access token" ["dckr_pat_" "hvs." "shpat_" "glsa_" "dapi"] =>
        word!("(?-u)" r"dckr_pat_[A-Za-z0-9_-]{20,}|hvs\.[A-Za-z0-9_-]{20,}|shpat_[a-f0-9]{32}|glsa_[A-Za-z0-9_]{30,}|dapi[a-f0-9]{32}");
    "sendgrid key" ["SG."] => word!("(?-u)" r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}");
    "digitalocean token" ["dop_v1_" "doo_v1_" "dor_v1_"] => word!("(?-u)" r"do[opr]_v1_[a-f0-9]{32,}");
    "age key" ["AGE-SECRET-KEY-"] => word!("(?-u)" r"AGE-SECRET-KEY-[A-Z0-9-]{16,}");
    "jwt" ["eyJ"] => word!("(?-u)" r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3}");
    // With a scheme anything is a credential; without one, only what is too long for a word.
    "authorization" ["authorization"] =>
        r#"(?i-u)authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?(?:(?:bearer|basic|token|digest|apikey)[ \t]+(?P<secret>[!#-&(-+\--:<-\[\]-~]+)|(?P<secret2>[!#-&(-+\--:<-\[\]-~]{20,}))"#;
    // In prose `bearer` is followed by words: a digit within or a great length tells a token.
    "bearer token" ["bearer"] =>
        r"(?i-u)\bbearer(?:[ \t]+|%20|\+)(?P<secret>[a-z._~+/-]*[0-9][a-z0-9._~+/=-]{7,}|[a-z._~+/-]{8,}[0-9][a-z0-9._~+/=-]*|[a-z._~+/=-]{24,})";
    // Slashes may be escaped, as some write JSON.
    "password" ["://" ":\\/\\/"] and "@" =>
        r#"[A-Za-z][A-Za-z0-9+.-]*:\\*/\\*/[^\s/:@?\#"'<>]*:(?P<secret>[^\s/"'<>]+)@"#;
    // A whole URL within another one.
    "password" ["%3a%2f%2f"] and "%40" =>
        r#"(?i)%3A%2F%2F[^\s:@?\#"'<>&]*?%3A(?P<secret>(?:[^\s%:@?\#"'<>&]|%[013-9A-F][0-9A-F]|%2[0-9A-E])+?)%40"#;
    "password" ["curl"] and "-u" =>
        r#"\bcurl\b[^\n|;]*?\s(?:-u|--user)[\ =]?["']?[^\s:"']+:(?P<secret>[^\s"']+)"#;
}

/// Bit `n` is set where `text` has a trigger of `SECRETS[n]`.
pub(super) fn triggered(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let by_pair = &*BY_PAIR;
    let mut found = 0;
    for (at, two) in bytes.windows(2).enumerate() {
        let mut candidates = by_pair[pair(two[0], two[1])] & !found;
        while candidates != 0 {
            let bit = candidates.trailing_zeros();
            candidates &= candidates - 1;
            if SECRETS[bit as usize].triggers.iter().any(|trigger| starts_with(&bytes[at..], trigger)) {
                found |= 1 << bit;
            }
        }
    }
    for (bit, secret) in SECRETS.iter().enumerate() {
        if found & (1 << bit) != 0 && !text.contains(secret.companion) {
            found &= !(1 << bit);
        }
    }
    found
}

/// Which secrets have a trigger that starts with two bytes: one letter alone stands everywhere in a text.
static BY_PAIR: LazyLock<[u32; 1 << 10]> = LazyLock::new(|| {
    let mut table = [0; 1 << 10];
    for (bit, secret) in SECRETS.iter().enumerate() {
        for trigger in secret.triggers.iter().map(|trigger| trigger.as_bytes()) {
            table[pair(trigger[0], trigger[1])] |= 1 << bit;
        }
    }
    table
});

/// The five bits in which letters of either case are the same.
fn pair(first: u8, second: u8) -> usize {
    usize::from(first & 31) << 5 | usize::from(second & 31)
}

/// Whether `bytes` start with `trigger`, whose lower-case letters stand for either case.
pub(super) fn starts_with(bytes: &[u8], trigger: &str) -> bool {
    bytes.len() >= trigger.len()
        && bytes.iter().zip(trigger.bytes()).all(|(&byte, wanted)| byte == wanted || byte.to_ascii_lowercase() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles_and_the_triggers_fit_the_bits() {
        assert!(SECRETS.len() <= u32::BITS as usize);
        for secret in &SECRETS {
            LazyLock::force(&secret.regex);
            assert!(!secret.triggers.is_empty() && secret.triggers.iter().all(|it| it.len() > 1), "{}", secret.name);
        }
    }

    #[test]
    fn a_text_without_triggers_costs_no_expression() {
        let names = |text: &str| {
            let found = triggered(text);
            SECRETS
                .iter()
                .enumerate()
                .filter(|(bit, _)| found & (1 << bit) != 0)
                .map(|(_, secret)| secret.name)
                .collect::<Vec<_>>()
        };
        assert!(names("see https://example.org/docs and run `cargo test --lib` in src/text.rs").is_empty());
        assert_eq!(names("postgres://a@b"), ["password"]);
        assert_eq!(names("BEARER x, ghp_1, AKIA, akia"), ["github token", "aws key id", "bearer token"]);
    }
}
