//! What is no secret stays: every text of every fixture, as agents really write them, through the redactor.

use std::{collections::BTreeSet, fs, path::Path};

use ai_coder_events::text::{Redactor, clean_text};
use serde_json::Value;

use crate::planted::{self, Chance};

/// What the fixtures hold that is redacted, as it reads then. Anything else that appears here is a false positive.
const EXPECTED: &[&str] = &[];

fn texts_of(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, name, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            found.push((String::new(), name.clone()));
            texts_of(value, name, found);
        }),
        number => found.push((name.to_owned(), number.to_string())),
    }
}

fn visit(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let whole: Option<Value> = serde_json::from_str(&text).ok();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.chain(whole).for_each(|value| texts_of(&value, "", found));
        // As a rejection would keep it.
        found.extend(text.lines().map(|line| (String::new(), line.to_owned())));
    }
}

#[test]
fn nothing_in_the_fixtures_is_taken_for_a_secret_that_is_none() {
    let mut texts = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), &mut texts);
    assert!(texts.len() > 10_000, "{}", texts.len());
    let redactor = Redactor::default();
    let mut redacted = BTreeSet::new();
    for (name, text) in &texts {
        let clean = clean_text(text);
        let told = redactor.redact_field(name, &clean);
        if told != clean {
            let at = told.find("[redacted: ").unwrap_or_default();
            let start = told.floor_char_boundary(at.saturating_sub(40));
            let end = told.ceil_char_boundary((at + 60).min(told.len()));
            redacted.insert(format!("{name}: {}", &told[start..end]));
        }
    }
    assert_eq!(redacted.iter().map(String::as_str).collect::<Vec<_>>(), EXPECTED);
}

/// Words and shapes of which everyday text is made, and none of it a secret.
struct Everyday(Chance);

impl Everyday {
    fn word(&mut self) -> &'static str {
        const WORDS: &[&str] = &[
            "token", "tokens", "password", "secret", "key", "session", "cookie", "auth", "login", "request", "response",
            "parser", "build", "server", "client", "table", "index", "value", "status", "config", "event", "history", "reader",
            "commit", "branch", "merge", "error", "retry", "queue", "worker", "cache", "schema", "column", "review", "release",
            "version",
        ];
        WORDS[self.0.below(WORDS.len())]
    }

    /// What has a value that anybody may see.
    fn plain(&mut self) -> &'static str {
        const WORDS: &[&str] =
            &["tokens", "session", "status", "retry", "queue", "column", "version", "key", "max_tokens", "token_count"];
        WORDS[self.0.below(WORDS.len())]
    }

    fn letters(&mut self, class: char, count: usize) -> String {
        self.0.letters(class, count)
    }

    fn number(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    fn text(&mut self, shape: usize) -> String {
        let (a, b, c) = (self.word(), self.word(), self.word());
        let (open, shown) = (self.plain(), self.plain());
        let (n, m) = (self.number(5000), self.number(90));
        let uuid = [8, 4, 4, 4, 12].map(|count| self.letters('h', count)).join("-");
        let (sha, sha256, hash) =
            (self.letters('h', 40), self.letters('h', 64), planted::base64(self.letters('a', 32).as_bytes()));
        let capitals = (a.to_uppercase(), b.to_uppercase());
        match shape {
            0 => format!("src/{a}/{b}_{c}.rs:{n}:{m}"),
            1 => format!("commit {sha}\nAuthor: Ann Example <ann@example.org>\n\n    {a}: {b} the {c}"),
            2 => format!("session {uuid} of {a} {b}"),
            3 => format!("The {a} of the {b} was {c}ed {n} times; see the {b} for more."),
            4 => format!("https://example.org/{a}/{b}?page={n}&sort={c}#section-{m}"),
            5 => format!("\"{a}-{b}\": \"^{m}.{n}.{m}\""),
            6 => format!("{a}-{b}@{m}.{n}.0: sha512-{hash}=="),
            7 => format!("checksum = \"{sha256}\""),
            8 => format!("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAA{}", self.letters('b', 120)),
            9 => format!("fn {a}_{b}({c}: &str, {a}_count: usize) -> Result<{}, Error> {{", "Token"),
            10 => format!("let {a} = self.{b}.{c}({n});"),
            11 => format!("{open}={n}, {shown}: {m}, {a}_id: {uuid}"),
            12 => format!("if {a} == {b} {{ return {c}; }}"),
            13 => format!("export PATH=/usr/local/{a}/bin:$PATH; cd /home/dev/{b} && cargo test -p {c} -- {a}::{b}"),
            14 => format!("test {a}::{b}::{c}_{n} ... ok ({m} ms)"),
            15 => format!("ERROR {a}: invalid {b}: expected {c}, found `{a}`"),
            16 => format!("{{\"{open}\": {n}, \"{b}_type\": \"{c}\", \"id\": \"{uuid}\", \"ok\": true}}"),
            17 => format!("docker run --rm -v /work/{a}:/{b} -p {n}:80 registry.example.org/{c}:{m}.{n}"),
            18 => format!("SELECT {a}, {b} FROM {c} WHERE id = {n} ORDER BY {a} LIMIT {m}"),
            19 => format!("<div class=\"{a}-{b}\" id=\"{c}{n}\">{a} {b}</div>"),
            20 => format!("+ {a}: ${{{}_{}}} # {c}", capitals.0, capitals.1),
            21 => format!("git push origin {a}/{b}-{n} && git log {}..HEAD", &sha[..9]),
            22 => format!("{a}.{b}.example.org has address 10.{m}.{m}.{}", n % 250),
            23 => format!("curl -sS https://example.org/{a} -o {b}.json -H 'Accept: application/json'"),
            24 => format!("toolu_01{} call_{} msg_01{}", self.letters('a', 22), self.letters('a', 24), self.letters('a', 22)),
            25 => format!("the {a} has a {b}; pass it as --{a} to the {c}, or set {}_{} in {a}.toml", capitals.0, capitals.1),
            26 => format!("go.sum: github.com/{a}/{b} v1.{m}.{n} h1:{}=", self.letters('b', 43)),
            27 => format!("thread '{a}' ({n}) panicked at src/{b}.rs:{n}:{m}: {c} not found"),
            28 => format!("2026-11-{:02}T10:{:02}:00Z INFO {a} {shown}={n} {c}_ms={m}", m % 28 + 1, m % 60),
            29 => format!("pub struct {}Token {{ {b}: Vec<u8>, {c}: Option<String> }}", a.to_uppercase()),
            30 => format!("mkdir -p target/{a} && unzip -o {b}.zip -d {c} && mysql -u root {a} < {b}.sql"),
            31 => format!("`{a}.{b}` is {m}.{n} % of {c}; user@example.org wrote: \"{a} the {b}?\""),
            32 => format!("image: registry.example.org/{a}/{b}@sha256:{sha256}"),
            33 => format!("etag: W/\"{}\"\ncache-control: max-age={n}\ncontent-type: text/{a}", &sha[..20]),
            34 => format!("x-request-id: {uuid}\ntraceparent: 00-{}-{}-01", &sha256[..32], &sha[..16]),
            _ => format!("#{} {a}_{b}[{m}] = 0x{} // {c}", self.letters('h', 6), &sha[..8]),
        }
    }
}

#[test]
fn everyday_text_is_left_as_it_is() {
    const SHAPES: usize = 36;
    let mut everyday = Everyday(Chance(7));
    let texts: BTreeSet<String> = (0..30_000).map(|no| everyday.text(no % SHAPES)).collect();
    assert!(texts.len() >= 20_000, "{}", texts.len());
    let redactor = Redactor::default();
    let changed: Vec<_> =
        texts.iter().filter(|text| redactor.redact(text) != **text).map(|text| (text, redactor.redact(text))).collect();
    assert!(
        changed.is_empty(),
        "{} of {}: {:#?}",
        changed.len(),
        texts.len(),
        changed.iter().step_by(changed.len() / 20 + 1).collect::<Vec<_>>()
    );
}
