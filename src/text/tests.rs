use proptest::prelude::*;

use super::*;

#[test]
fn cleaning_a_line() {
    let cases: &[(&str, &str, &str)] = &[
        ("plain", "rewriting the store", "rewriting the store"),
        ("each control one space", "a\tb\nc\r\nd\0e\u{7f}", "a b c  d e "),
        ("colour", "\u{1b}[1;31mred\u{1b}[0m!", "red!"),
        ("colour, single character", "\u{9b}31mred", "red"),
        ("title, ended by a bell", "\u{1b}]0;title\u{7}after", "after"),
        ("link, ended by ST", "\u{1b}]8;;https://a.b\u{1b}\\text\u{1b}]8;;\u{1b}\\", "text"),
        ("title without end", "\u{1b}]0;title", "0;title"),
        ("charset", "\u{1b}(Bx\u{1b}cy\u{1b}", "xy "),
        ("cut sequence", "x\u{1b}[31", "x"),
        ("bidi", "a\u{202e}b\u{2066}c\u{200f}", "abc"),
        ("zero width", "a\u{200b}\u{200c}\u{2060}\u{2064}\u{feff}b", "ab"),
        ("tags", "hi\u{e0041}\u{e007f}", "hi"),
        ("joiner between emoji", "\u{1f469}\u{1f3fd}\u{200d}\u{1f680}", "\u{1f469}\u{1f3fd}\u{200d}\u{1f680}"),
        ("joiner after a variation selector", "\u{2764}\u{fe0f}\u{200d}\u{1f525}", "\u{2764}\u{fe0f}\u{200d}\u{1f525}"),
        ("joiner between letters", "a\u{200d}b", "ab"),
        ("joiner at an edge", "\u{200d}\u{1f680}\u{200d}", "\u{1f680}"),
        ("two joiners are one", "\u{1f469}\u{200d}\u{200d}\u{1f680}", "\u{1f469}\u{200d}\u{1f680}"),
        ("other scripts stay", "été 日本語 עברית", "été 日本語 עברית"),
    ];
    for (name, given, expected) in cases {
        assert_eq!(clean_line(given), *expected, "{name}");
    }
}

#[test]
fn cleaning_text_keeps_its_lines() {
    assert_eq!(clean_text("a\r\n\tb\rc\u{8}\u{1b}[2Kd\u{202e}"), "a\n\tbcd");
    assert!(matches!(clean_text("a\n\tb"), Cow::Borrowed(_)));
    assert!(matches!(clean_text("été\n"), Cow::Borrowed(_)));
}

#[test]
fn an_excerpt_never_exceeds_its_bound() {
    let cases: &[(&str, usize, &str)] = &[
        ("rewriting", 9, "rewriting"),
        ("rewriting", 8, "rewriti…"),
        ("rewriting", 1, "…"),
        ("rewriting", 0, ""),
        ("\u{1b}[31mété\u{1b}[0m", 3, "été"),
        ("a\nbc", 3, "a …"),
        ("\u{1f469}\u{200d}\u{1f680}\u{1f680}", 3, "\u{1f469}…"),
    ];
    for (given, chars_max, expected) in cases {
        assert_eq!(excerpt(given, *chars_max), *expected, "{given:?} to {chars_max}");
    }
}

#[test]
fn a_cut_never_halves_a_word() {
    let check = |given: &str, end: usize, expected: usize| assert_eq!(end_of_words(given.as_bytes(), end), expected, "{given:?}");
    check("key ghp_abcdef", 9, 4);
    check("key ghp_abcdef", 14, 4);
    check("key ghp_abcdef more", 14, 14);
    check(r#"{"a":"ghp_abc","b":1}"#, 9, 6);
    check(r"one\nghp_abc", 9, 4);
    check("ghp_abcdef", 5, 5);
    assert_eq!(end_of_words("x".repeat(600).as_bytes(), 500), 500, "too long for a word");
    assert_eq!(cut("key ghp_abcdef", 9), "key …[cut 10]");
    assert_eq!(excerpt("key ghp_abcdef", 10), "key …");
}

#[test]
fn a_cut_says_how_much_is_missing() {
    assert_eq!(cut("été", 3), "été");
    assert_eq!(cut("été", 2), "ét…[cut 1]");
    assert_eq!(cut("été", 0), "…[cut 3]");
}

#[test]
fn secrets_are_replaced_and_nothing_else() {
    let cases: &[(&str, &str)] = &[
        ("key sk-ant-api03-AbCd_1234-xyz987 used", "key [redacted: anthropic key] used"),
        ("sk-proj-abc123DEF456_-ghi789jkl", "[redacted: api key]"),
        ("sk-abcdefghijklmnopqrstuvwxyz012345", "[redacted: api key]"),
        ("a task-list-of-many-things, .sk-circle-fade-dot", "a task-list-of-many-things, .sk-circle-fade-dot"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[redacted: google key]"),
        ("see ghp_abcdefghijklmnopqrstuvwxyz0123456789.", "see [redacted: github token]."),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrst", "[redacted: github token]"),
        ("pip: pypi-AgEIcHlwaS5vcmcCJDEyMzQ1Njc4LTEy.", "pip: [redacted: pypi token]."),
        ("xai-abcdefghijklmnopqrstuvwxyz0123", "[redacted: api key]"),
        ("gsk_abcdefghijklmnopqrstuvwxyz0123 tvly-dev-abcdefghijklmnopqrst", "[redacted: api key] [redacted: api key]"),
        ("SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz", "[redacted: sendgrid key]"),
        ("dop_v1_0123456789abcdef0123456789abcdef", "[redacted: digitalocean token]"),
        ("AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54", "[redacted: age key]"),
        ("AccountKey=abcdefghijklmnop==;EndpointSuffix=x", "AccountKey=[redacted: key];EndpointSuffix=x"),
        ("pypi-attestations-and-more, SG.short", "pypi-attestations-and-more, SG.short"),
        ("glpat-abcdefghij0123456789", "[redacted: gitlab token]"),
        ("xoxb-123456789012-abcdefABCDEF", "[redacted: slack token]"),
        (
            "curl https://hooks.slack.com/services/T000/B000/abcdef0123",
            "curl https://hooks.slack.com/services/[redacted: slack webhook]",
        ),
        ("id AKIAIOSFODNN7EXAMPLE in Asia", "id [redacted: aws key id] in Asia"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [redacted: key]"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[redacted: stripe key]"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123 end", "jwt [redacted: jwt] end"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted: private key]\nb"),
        ("a -----BEGIN OPENSSH PRIVATE KEY----- b3Bl and so on", "a [redacted: private key]"),
        ("-----BEGIN PUBLIC KEY-----\nMIIE", "-----BEGIN PUBLIC KEY-----\nMIIE"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [redacted: authorization]"),
        (r#"-H "Authorization: Basic dXNlcjpwYXNz" -v"#, r#"-H "Authorization: Basic [redacted: authorization]" -v"#),
        ("sent bearer a1b2c3d4e5f6 along", "sent bearer [redacted: bearer token] along"),
        ("a bearer authentication scheme", "a bearer authentication scheme"),
        ("postgres://app:p@ss@db.local:5432/x", "postgres://app:[redacted: password]@db.local:5432/x"),
        ("redis://:hunter2@cache/0 and http://host:80/a@b", "redis://:[redacted: password]@cache/0 and http://host:80/a@b"),
        ("export NPM_TOKEN=abc123 && npm publish", "export NPM_TOKEN=[redacted: token] && npm publish"),
        ("DB_PASSWORD='correct horse' ./run", "DB_PASSWORD='[redacted: password]' ./run"),
        (r#"MY_SECRET="with \" inside" x"#, r#"MY_SECRET="[redacted: secret]" x"#),
        (r#"{"x_token": "abc", "n": 1}"#, r#"{"x_token": "[redacted: token]", "n": 1}"#),
        (r#"{\"clientSecret\":\"abc\",\"n\":1}"#, r#"{\"clientSecret\":\"[redacted: secret]\",\"n\":1}"#),
        ("openai:\n  api_key: abc123\n  model: x", "openai:\n  api_key: [redacted: api key]\n  model: x"),
        ("gh login --password hunter2 --user bob", "gh login --password [redacted: password] --user bob"),
        ("x --api-key 'a b' --token --verbose", "x --api-key '[redacted: api key]' --token --verbose"),
        (
            "MYSQL_PASS=hunter2 tests_pass=12 MY_PWD=x1 signing-key: k1",
            "MYSQL_PASS=[redacted: password] tests_pass=12 MY_PWD=[redacted: password] signing-key: [redacted: key]",
        ),
        ("x-api-key: abc123", "x-api-key: [redacted: api key]"),
        ("GET /a?access_token=abc&b=1", "GET /a?access_token=[redacted: token]&b=1"),
        ("max_tokens=4096, input_tokens: 12, token: 5", "max_tokens=4096, input_tokens: 12, token: 5"),
        ("TOKEN=$GITHUB_TOKEN PASSWORD=${PW} token: null", "TOKEN=$GITHUB_TOKEN PASSWORD=${PW} token: null"),
        ("fn login(password: &str, api_key: Option<String>)", "fn login(password: &str, api_key: Option<String>)"),
        ("let token = next_token(); key = 3", "let token = next_token(); key = 3"),
        ("if password == other { }", "if password == other { }"),
        ("PWD=/home/dev OLDPWD=/tmp", "PWD=/home/dev OLDPWD=/tmp"),
        // Behind the letter or the number of an escape.
        (r#"{"env":"A=1\nsk-ant-api03-AbCd_1234-xyz"}"#, r#"{"env":"A=1\n[redacted: anthropic key]"}"#),
        (r"A=1\nAKIAIOSFODNN7EXAMPLE\n", r"A=1\n[redacted: aws key id]\n"),
        ("\\u001b[32mnpm_abcdefghijklmnopqrstuvwxyz0123456789", "\\u001b[32m[redacted: npm token]"),
        ("/cb%3Fkey%3Dxai-abcdefghijklmnopqrstuvwxyz0123", "/cb%3Fkey%3D[redacted: api key]"),
        (r"A=1\napi_key=k1\nsecret_key: k2", r"A=1\napi_key=[redacted: api key]\nsecret_key: [redacted: key]"),
        // Hidden behind escapes of what cannot be seen.
        (r"ghp_abcdefghij\u200bklmnopqrstuvwxyz0123456789.", "[redacted: github token]."),
        (r#"{"t":"ghp\u005fabcdefghij\u001b[0mklmnopqrstuvwxyz"}"#, r#"{"t":"[redacted: github token]"}"#),
        (r#"{"t":"\u001b[0m \u00e9t\u00e9"}"#, r#"{"t":"\u001b[0m \u00e9t\u00e9"}"#),
        (r#"{\"password\":\"a\\\"b\\\\c\",\"n\":1}"#, r#"{\"password\":\"[redacted: password]\",\"n\":1}"#),
        (r#"{\\\"password\\\":\\\"abc\\\",\\\"n\\\":1}"#, r#"{\\\"password\\\":\\\"[redacted: password]\\\",\\\"n\\\":1}"#),
        (r#""key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}"#, r#""key": "[redacted: private key]\n"}"#),
        (r#"sh -c 'PASSWORD='\''a b'\'' ./run'"#, r#"sh -c 'PASSWORD='\''[redacted: password]'\'' ./run'"#),
        ("the key: password=hunter2", "the key: password=[redacted: password]"),
        // URLs.
        (r"https:\/\/bob:hunter2@host\/x", r"https:\/\/bob:[redacted: password]@host\/x"),
        ("https://bob:p%40ss%2Fw@host/x", "https://bob:[redacted: password]@host/x"),
        ("?to=https%3A%2F%2Fbob%3Ap%2540ss%40host%2Fx", "?to=https%3A%2F%2Fbob%3A[redacted: password]%40host%2Fx"),
        (
            "origin\thttps://x-access-token:abc123@github.com/a/b.git (fetch)",
            "origin\thttps://x-access-token:[redacted: password]@github.com/a/b.git (fetch)",
        ),
        ("origin\tgit@github.com:a/b.git (fetch)", "origin\tgit@github.com:a/b.git (fetch)"),
        (
            "postgres://$USER:${PW}@host, f'redis://{user}:{password}@{host}', 'x://%s:%s@%s'",
            "postgres://$USER:${PW}@host, f'redis://{user}:{password}@{host}', 'x://%s:%s@%s'",
        ),
        ("curl -sS -u bob:hunter2 https://host", "curl -sS -u bob:[redacted: password] https://host"),
        (r#"curl --user "bob:$PW" https://host -u x"#, r#"curl --user "bob:$PW" https://host -u x"#),
        // As tools print them.
        (r#""Env": ["DB_PASSWORD=hunter2", "PATH=/bin"]"#, r#""Env": ["DB_PASSWORD=[redacted: password]", "PATH=/bin"]"#),
        (
            "kubectl create secret generic db --from-literal=password=hunter2",
            "kubectl create secret generic db --from-literal=password=[redacted: password]",
        ),
        ("data:\n  password: aHVudGVyMg==\n  user: Ym9i", "data:\n  password: [redacted: password]\n  user: Ym9i"),
        ("[server]\nauth_token = \"abc\"\nport = 1", "[server]\nauth_token = \"[redacted: token]\"\nport = 1"),
        ("//registry.example.org/:_authToken=abc123", "//registry.example.org/:_authToken=[redacted: token]"),
        (
            "< set-cookie: a=b\n> X-Auth-Token: abc123\n> Accept: */*",
            "< set-cookie: a=b\n> X-Auth-Token: [redacted: token]\n> Accept: */*",
        ),
        (
            "KeyError: 'API_KEY'\n  at login (auth.ts:5:3) token=abc12",
            "KeyError: 'API_KEY'\n  at login (auth.ts:5:3) token=[redacted: token]",
        ),
        (
            "Authorization: Bearer $TOKEN, -H \"Authorization: token ${T}\"",
            "Authorization: Bearer $TOKEN, -H \"Authorization: token ${T}\"",
        ),
        ("?authorization=Bearer%20abcdef0123456789", "?authorization=[redacted: authorization]"),
        ("ghs_123456_eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiIxIn0.abc", "[redacted: github token]"),
        (
            "hvs.CAESIAbcdefghijklmnopqrst and dckr_pat_abcdefghijklmnopqrstu",
            "[redacted: access token] and [redacted: access token]",
        ),
        ("pplx-0123456789abcdef0123456789abcdef r8_abcdefghijklmnopqrstuvwxyz", "[redacted: api key] [redacted: api key]"),
        ("[redacted: ghp_abcdefghijklmnopqrstuvwxyz0123]", "[redacted: [redacted: github token]]"),
    ];
    let redactor = Redactor::default();
    let wrong = |(given, expected): &&(&str, &str)| redactor.redact(given) != *expected;
    let wrong: Vec<_> = cases.iter().filter(wrong).map(|(given, expected)| (redactor.redact(given), expected)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (given, expected) in cases {
        let redacted = redactor.redact(given);
        assert_eq!(matches!(redacted, Cow::Borrowed(_)), given == expected, "{given}");
        assert_eq!(redactor.redact(expected), *expected, "a second time");
    }
}

#[test]
fn a_field_named_as_a_credential_goes_whole() {
    let redactor = Redactor::default();
    let credentials = [
        "token",
        "GITHUB_TOKEN",
        "clientSecret",
        "db-password",
        "apiKey",
        "API_KEY",
        "Authorization",
        "x-api-key",
        "GitHubAPIToken",
    ];
    for name in credentials {
        let redacted = redactor.redact_field(name, "opaque value");
        assert!(redacted.starts_with("[redacted: ") && redacted.ends_with(']'), "{name}: {redacted}");
        assert_eq!(redactor.redact_field(name, &redacted), redacted);
    }
    for name in
        ["max_tokens", "input_tokens", "tokens_used", "token_type", "next_page_token", "key", "tokenizer", "secretary", ""]
    {
        assert_eq!(redactor.redact_field(name, "opaque value"), "opaque value", "{name}");
    }
    assert_eq!(redactor.redact_field("password", "12345678"), "[redacted: password]");
    assert_eq!(redactor.redact_field("token", "12345678"), "12345678");
    // The word that made a message of it was a secret itself.
    assert_eq!(redactor.redact_field("token=", "--secret token: Basic "), "[redacted: token]");
    assert_eq!(redactor.redact_field("note", "x ghp_abcdefghijklmnopqrstuvwxyz"), "x [redacted: github token]");
}

#[test]
fn patterns_of_the_users_own() {
    let pattern = |name: &str, regex: &str| (name.to_owned(), regex.to_owned());
    let own = [pattern("ticket", r"ACME-\d+"), pattern("user", "user=(?P<secret>[a-z]+)")];
    let redactor = Redactor::new(own).expect("both compile");
    assert_eq!(redactor.redact("ACME-12 by user=bob"), "[redacted: ticket] by user=[redacted: user]");

    let error = Redactor::new([pattern("open", "(")]).expect_err("it does not compile");
    assert_eq!(error.to_string(), "redaction pattern `open` is not a valid regular expression");

    let greedy = Redactor::new([pattern("word", r"\w+"), pattern("none", "x*")]).expect("both compile");
    let once = greedy.redact("a b").into_owned();
    assert_eq!(once, "[redacted: word] [redacted: word]");
    assert_eq!(greedy.redact(&once), once);
}

/// Texts in which the parts of secrets and sequences meet by chance.
fn adversarial() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "sk-ant-",
        "sk-",
        "ghp_",
        "AKIA",
        "IOSFODNN7EXAMPLE",
        "eyJhbGciOi",
        ".",
        "abcdefghijklmnop0123456789",
        "token",
        "_",
        "=",
        ": ",
        "\"",
        "'",
        "\\",
        "password",
        "://",
        "user:",
        "@host",
        "Bearer ",
        "Authorization: ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "[redacted: ",
        "[redacted: token]",
        "[redacted: github token]",
        "]",
        " ",
        "\n",
        "é",
        "\u{1b}",
        "\u{1b}[",
        "\u{1b}]",
        "\u{7}",
        "\u{200d}",
        "\u{1f469}",
        "\u{fe0f}",
        "\u{9b}",
        "31m",
        "\r",
        "api_key",
        "$",
    ]);
    let piece = prop_oneof![4 => parts.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cleaning_twice_is_cleaning_once(text in adversarial()) {
        for (clean, keeps) in [(clean_line as fn(&str) -> Cow<'_, str>, &[][..]), (clean_text, &['\n', '\t'][..])] {
            let once = clean(&text);
            prop_assert_eq!(matches!(once, Cow::Borrowed(_)), once == text);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(matches!(clean(&once), Cow::Borrowed(_)));
            let unwelcome = |c: &char| c.is_control() && !keeps.contains(c) || matches!(c, '\u{200b}' | '\u{202e}' | '\u{feff}' | '\u{e0041}');
            prop_assert_eq!(once.chars().find(unwelcome), None);
        }
    }

    #[test]
    fn bounds_hold(text in adversarial(), chars_max in 0_usize..40) {
        prop_assert!(excerpt(&text, chars_max).chars().count() <= chars_max);
        let total = text.chars().count();
        match cut(&text, chars_max) {
            Cow::Borrowed(same) => prop_assert!(same == text && total <= chars_max),
            Cow::Owned(short) => {
                let (kept, left_out) = short.rsplit_once("…[cut ").expect("a mark");
                prop_assert!(text.starts_with(kept) && kept.chars().count() <= chars_max, "{}", short);
                prop_assert_eq!(left_out, format!("{}]", total - kept.chars().count()));
            }
        }
    }

    #[test]
    fn redacting_twice_is_redacting_once(text in adversarial()) {
        let redactor = Redactor::default();
        let once = redactor.redact(&text);
        prop_assert_eq!(matches!(once, Cow::Borrowed(_)), once == text);
        prop_assert_eq!(&redactor.redact(&once), &once);
    }

    #[test]
    fn redacting_a_field_twice_is_redacting_it_once(name in "token=?|api[-_]key|pwd|note|secret", text in adversarial()) {
        let redactor = Redactor::default();
        let once = redactor.redact_field(&name, &text);
        prop_assert_eq!(&redactor.redact_field(&name, &once), &once);
    }

    #[test]
    fn a_token_goes_wherever_it_stands(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
        let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
        let text = format!("{before} {token} {after}");
        prop_assert!(!Redactor::default().redact(&text).contains(token));
    }
}

#[test]
fn names_and_values_in_every_spelling() {
    // Given, and what is left of it.
    let cases: &[(&str, &str)] = &[
        ("PASSWORD=a(b", "PASSWORD=[redacted: password]"),
        ("PASSWORD=a(b)c9 ./run", "PASSWORD=[redacted: password] ./run"),
        ("A_TOKEN=x1;B_TOKEN=y2", "A_TOKEN=[redacted: token];B_TOKEN=[redacted: token]"),
        (r#"password = getpass("x"), token = next_token()"#, r#"password = getpass("x"), token = next_token()"#),
        (r#"{"password":"$ecr3tWord"}"#, r#"{"password":"[redacted: password]"}"#),
        (r#"PASSWORD="$x9Kd2""#, r#"PASSWORD="[redacted: password]""#),
        (r#"PASSWORD="$DB_PASSWORD" TOKEN=$token"#, r#"PASSWORD="$DB_PASSWORD" TOKEN=$token"#),
        (r#"["deploy","--password","x","-v"]"#, r#"["deploy","--password","[redacted: password]","-v"]"#),
        (r#"{"name":"API_KEY","value":"x y"}"#, r#"{"name":"API_KEY","value":"[redacted: api key]"}"#),
        (r#"{"value":"x","name":"API_KEY"}"#, r#"{"value":"[redacted: api key]","name":"API_KEY"}"#),
        (r#"{"name":"password","type":"string"}"#, r#"{"name":"password","type":"string"}"#),
        ("<password>x</password><user>y</user>", "<password>[redacted: password]</password><user>y</user>"),
        ("&lt;b&gt; password=&quot;x y&quot; &amp;", "&lt;b&gt; password=&quot;[redacted: password]&quot; &amp;"),
        ("gh\u{ad}p_abcdefghijklmno\u{fe0f}pqrstuvwxyz0123456789 \u{ad}ok", "[redacted: github token] \u{ad}ok"),
        (r#"["name", "password"], ("token", "id")"#, r#"["name", "password"], ("token", "id")"#),
        (
            "reset the password: it must be long; error: invalid token: expired",
            "reset the password: it must be long; error: invalid token: expired",
        ),
        ("const API_KEY: &str = \"k1\";", "const API_KEY: &str = \"[redacted: api key]\";"),
        (
            "fn f(token: u32, secret: Range<usize>, key: private_key::Guard)",
            "fn f(token: u32, secret: Range<usize>, key: private_key::Guard)",
        ),
        ("Cookie: session=abc; theme=dark", "Cookie: session=[redacted: cookie]; theme=dark"),
        ("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted: aws key id] [redacted: key]"),
        ("data: eyJhcGlfa2V5IjogImFiYzEyMyJ9 end", "data: [redacted: api key] end"),
        ("data: eyJhcGlfbmFtZSI6ICJhYmMxMjMifQ end", "data: eyJhcGlfbmFtZSI6ICJhYmMxMjMifQ end"),
        (r#"{"auth": "dXNlcjpwYXNzd29yZDE="}"#, r#"{"auth": "[redacted: authorization]"}"#),
        ("machine h login u password p port 1", "machine h login u password [redacted: password] port 1"),
        ("https://0123456789abcdef0123@host/x and git@github.com", "https://[redacted: token]@host/x and git@github.com"),
        ("Authorization: Custom a1b2c3d4e5", "Authorization: Custom [redacted: authorization]"),
        ("Authorization: see the documentation", "Authorization: see the documentation"),
    ];
    let redactor = Redactor::default();
    let wrong: Vec<_> =
        cases.iter().map(|(given, expected)| (redactor.redact(given), *expected)).filter(|(is, of)| is != of).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (given, expected) in cases {
        assert_eq!(redactor.redact(expected), *expected, "a second time, of {given}");
    }
}

/// An id that is taken for a secret refuses all that its coder does.
#[test]
fn ids_of_sessions_are_no_secrets() {
    let redactor = Redactor::default();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let hex = format!("{:016x}{:016x}", random(), random());
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        let number = random() % 1_000;
        let counted = format!("{number:08x}-52a3-4a6e-9d4b-{number:012x}");
        for id in [
            format!("claude-code:{uuid}"),
            format!("codex:{uuid}/{uuid}"),
            hex,
            format!("claude-code:{counted}"),
            format!("ses_{number}{uuid}"),
        ] {
            assert_eq!(redactor.kind_of_secret(&id), None, "{id}");
        }
    }
}
