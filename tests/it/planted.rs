//! Secrets of every kind that `planted/kinds.txt` lists, made anew by chance, but by the same chance each time: no scanner takes
//! the list itself for secrets.

/// A kind of secret, in a place where it is met.
pub struct Planted {
    pub name: &'static str,
    pub text: String,
    /// What must not be kept of it.
    pub secrets: Vec<String>,
}

const KINDS: &str = include_str!("planted/kinds.txt");

/// One of each kind; another `seed` gives others.
pub fn all(seed: u64) -> Vec<Planted> {
    let mut chance = Chance(seed);
    let kinds = KINDS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    let plant = |(name, template): (&'static str, &str)| {
        let mut secrets = Vec::new();
        let text = chance.filled(template, &mut secrets);
        Planted { name, text, secrets }
    };
    kinds.map(plant).collect()
}

/// Numbers that look like chance (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub fn letters(&mut self, class: char, count: usize) -> String {
        let (small, capitals, digits) = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789");
        let all = match class {
            'a' => [small, capitals, digits].concat(),
            'l' => [small, digits].concat(),
            'A' => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".to_owned(),
            'h' => "0123456789abcdef".to_owned(),
            'H' => "0123456789ABCDEF".to_owned(),
            'd' => "123456789".to_owned(),
            'w' => [small, capitals, digits, "_-"].concat(),
            'b' => [small, capitals, digits, "+/"].concat(),
            // The first letters are of every class, so that no chance makes a word of them.
            'p' => return format!("Q7z{}", self.letters('a', count - 3)),
            other => panic!("no class {other}"),
        };
        let all: Vec<char> = all.chars().collect();
        let made: String = (0..count).map(|_| *self.one_of(&all)).collect();
        // A token that ends with a sign may have lost it to the sentence, and one without a digit is as rare as a prime number.
        let is_odd = made.ends_with(['-', '_', '/', '+']) || made.starts_with(['-', '_', '/', '+']);
        let lacks = class != 'd'
            && count >= 10
            && !(made.bytes().any(|it| it.is_ascii_digit()) && made.bytes().any(|it| it.is_ascii_alphabetic()));
        if is_odd || lacks { self.letters(class, count) } else { made }
    }

    fn filled(&mut self, template: &str, secrets: &mut Vec<String>) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '\\']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let (piece, bytes) = self.piece(rest, secrets);
            text.push_str(&piece);
            rest = &rest[bytes..];
        }
        text + rest
    }

    /// What the start of a template stands for, and how long that is there.
    fn piece(&mut self, rest: &str, secrets: &mut Vec<String>) -> (String, usize) {
        if let Some(code) = rest.strip_prefix("\\u{") {
            let end = code.find('}').unwrap();
            return (char::from_u32(u32::from_str_radix(&code[..end], 16).unwrap()).unwrap().to_string(), end + 4);
        }
        for (escape, meant) in [("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")] {
            if rest.starts_with(escape) {
                return (meant.to_owned(), 2);
            }
        }
        if rest.starts_with("{64 ") {
            let end = matching(rest);
            let mut inner = Vec::new();
            let plain = self.filled(&rest[4..end], &mut inner);
            let lines = plain.len() > 80;
            let encoded = base64(plain.as_bytes());
            // None of it may be kept; a part that says nothing of the secret would do no harm, but nobody could tell.
            let middle = encoded.len() / 2;
            secrets.push(encoded[middle - 4..middle + 4].to_owned());
            secrets.extend(inner);
            let broken: Vec<String> =
                encoded.as_bytes().chunks(76).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            return (if lines && plain.contains("many more words") { broken.join("\n") } else { encoded }, end + 1);
        }
        let known = rest[1..].find('}').map(|end| (&rest[1..=end], end + 2)).filter(|(it, _)| is_class(it));
        let Some((class, bytes)) = known else { return (rest[..1].to_owned(), 1) };
        let plain = class.trim_start_matches('~');
        let made = match plain {
            "u" => [8, 4, 4, 4, 12].map(|count| self.letters('h', count.max(4))).join("-"),
            _ => self.letters(plain.chars().next().unwrap(), plain[1..].parse().unwrap()),
        };
        if plain == class && made.len() >= 8 {
            secrets.push(made.chars().take(12).collect());
        }
        (made, bytes)
    }
}

fn is_class(given: &str) -> bool {
    let plain = given.trim_start_matches('~');
    plain == "u"
        || (plain.starts_with(|c| "alAhHdwbp".contains(c)) && plain.len() > 1 && plain[1..].bytes().all(|it| it.is_ascii_digit()))
}

/// Where the brace ends that `text` begins with.
fn matching(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("no end: {text}")
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, &byte| all << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[usize::try_from(all >> (18 - 6 * place) & 63).unwrap()];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
