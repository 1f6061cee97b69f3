//! Whether a name says that its value is a secret: `DB_PASSWORD`, `clientSecret`, `x-api-key`. A name is read the same way
//! whether it stands in a text or is the key of a field.

/// What the mark says of a value, and what it takes to be one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Credential {
    pub kind: &'static str,
    /// The name alone is not enough: the value has a letter and a digit.
    telling: bool,
}

impl Credential {
    /// Whether `value` is one, and no gap, no word and no folder.
    pub(super) fn takes(self, value: &str) -> bool {
        let is_folder = self.kind == PWD && value.starts_with(['/', '~']);
        !is_folder
            && !self.is_message(value)
            && !is_placeholder(value, self.kind)
            && (!self.telling || (value.len() >= TELLING_BYTES_MIN && is_telling(value)))
    }

    pub(super) fn is_header(self) -> bool {
        self.kind == "authorization" && !self.telling
    }

    /// `Forgot your password?`
    fn is_message(self, value: &str) -> bool {
        value.contains(' ')
            && !value.bytes().any(|byte| byte.is_ascii_digit())
            && value.to_lowercase().contains(self.kind.rsplit(' ').next().unwrap_or_default())
    }
}

/// A shorter one with a digit may be a count or a version.
const TELLING_BYTES_MIN: usize = 6;

/// No word: it has a letter and a digit.
pub(super) fn is_telling(secret: &str) -> bool {
    secret.bytes().any(|byte| byte.is_ascii_digit()) && secret.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// `None` for a name that says nothing of the kind.
///
/// Words are told apart by `_`, `-`, `.`, a space, or a capital: `clientSecret`, `CLIENT_SECRET` and `client-secret` are one.
pub(super) fn credential(name: &str) -> Option<Credential> {
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    let surely = |kind| Some(Credential { kind, telling: false });
    let telling = |kind| Some(Credential { kind, telling: true });
    match last {
        _ if last.ends_with("token") => surely("token").filter(|_| !NO_CREDENTIAL_TOKEN.contains(&before)),
        _ if last.ends_with("secret") => surely("secret"),
        _ if ["password", "passwd", "passphrase", "passcode", "passwort", "pswd"].iter().any(|it| last.ends_with(it)) => {
            surely("password")
        }
        // That alone is the folder that a shell is in, or what a database is opened with.
        "pwd" if words.len() == 1 => telling(PWD),
        "pwd" => surely("password"),
        "pass" if name.ends_with("_PASS") => surely("password"),
        "pass" | "pw" | "psw" | "userpass" | "dbpass" | "storepass" | "keypass" => telling("password"),
        "phrase" if ["pass", "seed", "recovery", "secret", "mnemonic"].contains(&before) => surely("password"),
        "mnemonic" => telling("password"),
        "authorization" => surely("authorization"),
        "auth" | "credential" | "credentials" | "creds" | "jwt" | "bearer" => telling("authorization"),
        "pat" if words.len() > 1 => telling("token"),
        "psk" => surely("key"),
        "key" if before == "api" => surely("api key"),
        "key" => surely("key").filter(|_| KEYS_TO_HIDE.contains(&before)),
        // Of kubeconfig.
        "data" if before == "key" && words.iter().any(|word| word == "client") => surely("key"),
        // Of Rails.
        "base" if before == "key" && words.iter().any(|word| word == "secret") => surely("key"),
        _ if last.ends_with("apikey") => surely("api key"),
        _ => {
            let whole = last.strip_suffix("key").is_some_and(|of| KEYS_TO_HIDE.contains(&of));
            surely("key").filter(|_| whole)
        }
    }
}

/// Every kind that [`credential`] may give.
pub(super) const CREDENTIALS: &[&str] = &["token", "secret", "password", PWD, "authorization", "api key", "key"];
const PWD: &str = "pwd";

/// One of these is where every such name ends.
#[rustfmt::skip]
pub(super) const ENDINGS: &[&str] = &[
    "token", "secret", "password", "passwd", "passphrase", "passcode", "passwort", "pass", "pswd", "psw", "pwd", "pw", "phrase",
    "mnemonic", "key-data", "key_base", "key", "psk", "auth", "credentials", "credential", "creds", "jwt", "bearer", "pat",
];

/// A value that tells no secret: a reference to a variable, a gap to be filled, an empty value of the language.
pub(super) fn is_placeholder(value: &str, kind: &str) -> bool {
    value.trim().is_empty()
        || is_variable(value)
        // What a template is filled with.
        || value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| !name.contains(is_odd_in_a_name))
        || value.starts_with("%(") || ["%s", "%v", "%d", "%q", "%w"].contains(&value)
        || (value.starts_with('%') && value.ends_with('%') && value.len() > 2 && !value[1..value.len() - 1].contains(is_odd_in_a_name))
        || (value.starts_with('<') && value.ends_with('>'))
        || value.bytes().all(|b| matches!(b, b'*' | b'.' | b'-' | b'_' | b'?'))
        || (value.len() > 2 && value.bytes().all(|b| matches!(b, b'x' | b'X' | b'-')))
        || NO_VALUES.contains(&value)
        || is_version(value)
        || (kind == "token" && value.bytes().all(|b| b.is_ascii_digit()))
        || (matches!(kind, "key" | "password" | "secret") && is_path(value))
}

/// `$NAME`, `$name`, `$camelCase`, `${…}`, `$(…)`, `$1`. What mixes letters and digits in other ways is a value that begins so.
fn is_variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else { return false };
    let all = |has: fn(&u8) -> bool| name.bytes().all(|byte| has(&byte));
    name.starts_with(['{', '('])
        || all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_') && !name.is_empty()
        || all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
        || (name.starts_with(|c: char| c.is_ascii_lowercase()) && all(u8::is_ascii_alphabetic))
        || all(u8::is_ascii_digit)
}

/// Where a secret lies says nothing of it.
fn is_path(value: &str) -> bool {
    const STARTS: [&str; 14] = [
        "~/", "./", "../", "/home/", "/etc/", "/usr/", "/var/", "/opt/", "/tmp/", "/root/", "/run/", "/srv/", "/Users/", "/work",
    ];
    const ENDS: [&str; 9] = [".pem", ".key", ".pub", ".json", ".crt", ".txt", ".yaml", ".yml", ".p12"];
    STARTS.iter().any(|start| value.starts_with(start))
        || value == "/"
        || (value.contains('/') && ENDS.iter().any(|end| value.ends_with(end)))
        || value.as_bytes().get(1..3) == Some(b":\\")
}

/// `^1.12.0`: packages are called `js-tokens` and `password-hash`.
fn is_version(value: &str) -> bool {
    let number = value.trim_start_matches(['^', '~', '=', '>', '<', 'v', ' ']);
    let mut parts = number.split('.');
    let is_number = |part: &str| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.clone().count() == 3 && parts.all(is_number)
}

fn is_odd_in_a_name(c: char) -> bool {
    !(c.is_alphanumeric() || matches!(c, '_' | '.' | '{' | '}' | ' '))
}

/// Empty values and types, which stand after such a name in code and in schemas, and what is said of one.
#[rustfmt::skip]
const NO_VALUES: &[&str] = &[
    "null", "nil", "none", "None", "NULL", "true", "false", "True", "False", "undefined", "{", "[", "|", ">", "string", "String",
    "str", "&str", "bytes", "number", "any", "Option<String>", "Option<&str>", "SecretString", "integer", "boolean", "object",
    "required", "optional", "missing", "expired", "invalid", "empty", "unset", "unknown", "revoked", "changed", "updated",
    "incorrect", "wrong", "redacted", "hidden", "masked", "yes", "no", "enabled", "disabled", "default", "ok", "failed", "denied",
    "ask", "prompt", "inherit", "REDACTED", "new", "await", "this", "self", "not", "in", "is", "literal", "expr", "ident", "tt", "ty", "Text", "text",
];

/// Words before `token` with which it counts text, or walks through pages, and opens no door.
#[rustfmt::skip]
const NO_CREDENTIAL_TOKEN: &[&str] = &[
    "max", "min", "input", "output", "total", "prompt", "completion", "cached", "reasoning", "per", "first", "last", "next",
    "page", "continuation", "progress", "eos", "bos", "pad", "unk", "stop", "unexpected", "expected", "invalid", "cancellation",
];

/// Words before `key` with which it opens a door.
#[rustfmt::skip]
const KEYS_TO_HIDE: &[&str] = &[
    "access", "account", "secret", "private", "auth", "signing", "encryption", "master", "app", "application", "consumer",
    "license", "storage", "shared", "subscription", "service", "deploy", "hmac", "jwt", "cipher", "aes", "webhook", "admin",
    "role", "preshared", "certificate", "functions", "decryption", "api", "ssh", "crypt", "instrumentation", "ingestion",
];

/// No name of a credential is longer, in bytes; a longer key is cut to its end, where the telling word stands.
const NAME_BYTES_MAX: usize = 128;

fn words(name: &str) -> Vec<String> {
    let name = &name[name.ceil_char_boundary(name.len().saturating_sub(NAME_BYTES_MAX))..];
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
