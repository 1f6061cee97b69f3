//! The secrets that are known by their looks, as far as they are our own list: formats that changed or came since the rules
//! of others (`rules.txt`) were written, and the everyday places that those do not look at.

/// A line of the table.
pub(super) struct Secret {
    /// What the mark says: `[redacted: github token]`.
    pub name: &'static str,
    /// At least one of these is in every text that holds the secret. Lower case matches either case.
    pub triggers: &'static [&'static str],
    /// This one is in there too, where a trigger alone would be too frequent.
    pub companion: &'static str,
    pub takes: Takes,
    /// The group `secret`, or one of its like, is what is replaced; the whole match where there is no such group.
    pub expression: &'static str,
}

/// What of a match is a secret.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Whatever,
    /// What has a letter and a digit.
    Telling,
    /// The values of `name=value; name=value`.
    Cookies,
}

macro_rules! secrets {
    ($($name:literal [$($trigger:literal)*] $(and $companion:literal)? $(if $takes:ident)? => $expression:expr;)*) => {
        pub(super) static SECRETS: &[Secret] = &[$(Secret {
            name: $name,
            triggers: &[$($trigger),*],
            companion: concat!($($companion)?),
            takes: [$(Takes::$takes,)? Takes::Whatever][0],
            expression: $expression,
        },)*];
    };
}

// A secret by its looks begins a word. In text within JSON, in coloured output and in a URL the character before it may be
// a letter that belongs to an escape: `\nsk-…`, `\u001b[32msk-…`, `%3Dsk-…`.
macro_rules! word {
    ($flags:literal $secret:literal) => {
        concat!($flags, r"(?:\b|\\[abefnrtv]|[0-9;\[]m|(?:%|\\x|\\u00)[0-9A-Fa-f]{2})(?P<secret>", $secret, ")")
    };
}

// The value of a command's option, which may stand in quotes, or in a list of words.
macro_rules! option {
    ($commands:literal $options:literal) => {
        concat!(
            r#"(?-u:\b)(?:"#,
            $commands,
            r#")(?-u:\b)(?:[\t -~]|\\\n)*?[\s"'](?:"#,
            $options,
            r#")(?:[ \t=]|\\*["'],?\s*)*?(?:\\*'(?P<secret>[^'\\\n]+)|\\*"(?P<secret2>[^"\\\n]+)|(?P<secret3>[^\s"'\\,;|&\-][^\s"'\\]*))"#
        )
    };
}

macro_rules! mysql {
    ($command:literal) => {
        concat!(
            r#"(?-u:\b)"#,
            $command,
            r#"[a-z-]*(?-u:\b)(?:[\t -~]|\\\n)*?[\s"']-p(?:\\*'(?P<secret>[^'\\\n]+)|\\*"(?P<secret2>[^"\\\n]+)|(?P<secret3>[^\s"'\\$][^\s"'\\]*))"#
        )
    };
}

// The most telling first: what an earlier line takes is gone for the later ones.
secrets! {
    "private key" ["-----BEGIN " "---- BEGIN SSH2"] =>
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----.*?(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----|\z)";
    "private key" ["Private-Lines"] => r"(?-u)Private-Lines: *[0-9]+(?:\s|\\[nr])+(?P<secret>(?:[A-Za-z0-9+/=]{8,}(?:\s|\\[nr])*)+)";
    // The private parts of a key in JSON.
    "private key" ["\"kty"] and "\"d" => r#"(?-u)"(?:d|p|q|dp|dq|qi|k)\\*"\s*:\s*\\*"(?P<secret>[A-Za-z0-9_-]{20,})"#;
    "anthropic key" ["sk-ant-"] => word!("(?i-u)" r"sk-ant-[a-z0-9_-]{8,}");
    // A run of 16 tells a key from a class name such as `sk-circle-fade-dot`.
    "api key" ["sk-"] =>
        word!("(?i-u)" r"sk-(?:(?:proj|svcacct|admin|or-v1|lf)-[a-z0-9_-]{8,}|(?:[a-z0-9]*[_-])*[a-z0-9]{16,}[a-z0-9_-]*)");
    "google key" ["AIza" "ya29." "GOCSPX-" "1//0"] =>
        word!("(?-u)" r"AIza[0-9A-Za-z_-]{20,}|ya29\.[0-9A-Za-z_-]{16,}|GOCSPX-[0-9A-Za-z_-]{16,}|1//0[0-9A-Za-z_-]{24,}");
    // An installation's token may be a JWT behind its number.
    "github token" ["ghp_" "gho_" "ghu_" "ghs_" "ghr_" "github_pat_"] =>
        r"(?i-u)gh[pousr]_(?:[0-9]+_eyJ[a-z0-9_.-]{16,}|[a-z0-9]{16,})|github_pat_[a-z0-9_]{16,}";
    "gitlab token" ["glpat-" "gldt-" "glrt-" "glrtr-" "glptt-" "glcbt-" "glft-" "glffct-" "gloas-" "glsoat-" "glimt-" "glagent-" "glwt-"] =>
        word!("(?i-u)" r"gl(?:pat|dt|rtr?|ptt|cbt|ft|ffct|oas|soat|imt|agent|wt)-[a-z0-9_.-]{14,}[a-z0-9_-]");
    "slack token" ["xox" "xapp-"] => word!("(?i-u)" r"xox[a-z](?:\.xox[a-z])?-[a-z0-9-]{8,}|xapp-[0-9]-[a-z0-9-]{8,}");
    "slack webhook" ["hooks.slack.com"] =>
        r"(?i-u)hooks\.slack\.com\\*/(?:services|workflows|triggers)\\*/(?P<secret>[a-z0-9_-]+(?:\\*/[a-z0-9_-]+)+)";
    "webhook" ["/api/webhooks/" "/webhookb2/" "hooks.zapier.com" ".logic.azure.com" "/with/key/" "api\\/webhooks"] =>
        r"(?i-u)(?:discord(?:app)?\.com\\*/api\\*/webhooks\\*/[0-9]+\\*/|/webhookb2/|hooks\.zapier\.com/hooks/(?:catch|standard)/|/with/key/)(?P<secret>[a-z0-9_@/-]{16,})";
    "aws key id" ["AKIA" "ASIA" "ABIA" "ACCA"] => word!("(?-u)" r"(?:A[KS]IA|ABIA|ACCA)[A-Z0-9]{16}\b");
    "stripe key" ["sk_live_" "rk_live_" "sk_test_" "rk_test_" "sk_prod_" "whsec_"] =>
        word!("(?-u)" r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,}");
    "npm token" ["npm_"] => word!("(?-u)" r"npm_[A-Za-z0-9]{30,}");
    "hugging face token" ["hf_" "api_org_"] => word!("(?-u)" r"(?:hf|api_org)_[A-Za-z0-9]{30,}");
    "pypi token" ["pypi-AgE"] => word!("(?-u)" r"pypi-AgE[A-Za-z0-9_-]{16,}");
    // Airtable's.
    "access token" ["pat"] and "." if Telling => word!("(?-u)" r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,}");
    // Within base64 such letters are zeros.
    "square token" ["EAAA"] if Telling => r"(?-u)(?:^|[\s\x22'=:,>\\])(?P<secret>EAAA[A-Za-z0-9_-]{30,})";
    "access token" ["1/1" "2/1"] => word!("(?-u)" r"[012]/1[0-9]{12,}(?:/1[0-9]{12,})?:[a-f0-9]{32}");
    "access token" ["token-"] => word!("(?-u)" r"token-[a-z0-9]{5}:[a-z0-9]{40,}");
    "access token" ["tid="] and ";exp=" => r"(?-u:\b)tid=[0-9a-f]{32};exp=[^\s\x22']+";
    "access token" ["v1.local." "v2.local." "v3.local." "v4.local." "v1.public." "v2.public." "v3.public." "v4.public."] =>
        word!("(?-u)" r"v[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{30,}(?:\.[A-Za-z0-9_-]+)?");
    "sdk key" ["sdk-" "api-"] => word!("(?-u)" r"(?:sdk|api)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b");
    "vault token" ["s."] if Telling => word!("(?-u)" r"s\.[A-Za-z0-9]*(?:[A-Z][a-z0-9]*[0-9]|[0-9][a-z0-9]*[A-Z])[A-Za-z0-9]*\b");
    "sonar token" ["sonar.login"] => r"(?-u)sonar\.login\s*=\s*(?P<secret>[A-Za-z0-9_]{20,})";
    "mailchimp key" ["-us1" "-us2" "-us3" "-us4" "-us5" "-us6" "-us7" "-us8" "-us9"] => r"(?-u)\b[0-9a-f]{32}-us[0-9]{1,2}\b";
    "telegram token" [":AA"] => r"(?-u)\b(?:bot)?(?P<secret>[0-9]{6,16}:AA[A-Za-z0-9_-]{30,})";
    "azure key" ["JQQJ99" "+ASt" "+AMC" "+AEh" "+ARm" "+ABa" "+ASb" "AIoT" "AzFu" "AzSe" "AzCa" "ACDb" "APIM"] if Telling =>
        word!("(?-u)" r"[A-Za-z0-9+/]{32,}(?:\+A(?:St|MC|Eh|Rm|Ba|Sb)|AIoT|Az(?:Fu|Se|Ca)|ACDb|APIM)[A-Za-z0-9+/]{5,}=*|[A-Za-z0-9]{40,}JQQJ99[A-Za-z0-9]{10,}");
    "sendgrid key" ["SG."] => word!("(?-u)" r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}");
    "digitalocean token" ["dop_v1_" "doo_v1_" "dor_v1_"] => word!("(?-u)" r"do[opr]_v1_[a-f0-9]{32,}");
    "age key" ["AGE-SECRET-KEY-" "AGE-PLUGIN-"] => word!("(?-u)" r"AGE-(?:SECRET-KEY|PLUGIN)-[A-Z0-9-]{16,}");
    "jwt" ["eyJ"] => word!("(?-u)" r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3}");
    "password hash" ["$1$" "$5$" "$6$" "$y$" "$2a$" "$2b$" "$2x$" "$2y$" "$apr1$" "$argon2" "$scrypt$" "$pbkdf2"] =>
        r"(?-u)(?P<secret>\$(?:[156y]|2[abxy]|apr1|argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*)\$[./A-Za-z0-9$=,+-]{20,})";
    // With a scheme anything is a credential; without one, only what is too long for a word. A scheme with parts is one whole.
    "authorization" ["authorization"] =>
        r#"(?i)authorization\\*["']?[ \t]*(?:[:=]|,)[ \t]*\\*["']?(?:(?:aws4-[a-z0-9-]+|digest|hawk|oauth|token|signature)[ \t]+(?P<secret>[a-z_]+=\\*"?[^\n'$]*[^\s'"\\])|(?:bearer|basic|token|digest|api-?key|negotiate|ntlm|ssws|key|splunk|dpop|sharedkey|sharedkeylite|sharedaccesssignature|googlelogin|bot|genie-?key|klaviyo-api-key|discogs|snowflake)[ \t]+(?P<secret2>[!#-&(-+\--:<-\[\]-~]+))"#;
    "authorization" ["authorization"] if Telling => r#"(?i-u)authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?(?P<secret>[a-z0-9_.~+/=%-]{20,})"#;
    // Of a scheme that is not known, what looks like no word.
    "authorization" ["authorization"] if Telling =>
        r#"(?i)authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?[a-z][a-z0-9_-]*[ \t]+(?P<secret>[!#-&(-+\--:<-\[\]-~]{8,})"#;
    // In prose `bearer` is followed by words: a digit within or a great length tells a token.
    "bearer token" ["bearer"] =>
        r"(?i-u)\bbearer(?:[ \t]+|%20|\+)(?P<secret>[a-z._~+/-]*[0-9][a-z0-9._~+/=-]{7,}|[a-z._~+/-]{8,}[0-9][a-z0-9._~+/=-]*|[a-z._~+/=-]{24,})";
    // Slashes may be escaped, as some write JSON.
    "password" ["://" ":\\/\\/"] and "@" =>
        r#"[A-Za-z][A-Za-z0-9+.-]*:\\*/\\*/[^\s/:@?\#"'<>]*:(?P<secret>[^\s/"'<>]+)@"#;
    "token" ["://" ":\\/\\/"] and "@" if Telling => r"(?-u)[A-Za-z][A-Za-z0-9+.-]*:\\*/\\*/(?P<secret>[A-Za-z0-9_.~%=-]{16,}):?@";
    // A whole URL within another one.
    "password" ["%3a%2f%2f"] and "%40" =>
        r#"(?i)%3A%2F%2F[^\s:@?\#"'<>&]*?%3A(?P<secret>(?:[^\s%:@?\#"'<>&]|%[013-9A-F][0-9A-F]|%2[0-9A-E])+?)%40"#;
    "signature" ["signature=" "sig=" "-credential=" "&code=" "?code="] =>
        r#"(?i-u)[?&;](?:x-[a-z]+-)?(?:signature|sig)=(?P<secret>[a-z0-9%+/=_~.-]{16,})|[?&]code=(?P<secret2>[a-z0-9%_=/-]{30,})"#;
    "cookie" ["cookie:" "cookie2" "cookie=" "cookie\"" "cookie'" "cookie\\"] if Cookies => r#"(?i)(?-u:\b)(?:set-)?cookie2?\\*["']?\s*[:=]\s*\\*["']?(?P<secret>[a-z0-9_.%-]+=[^\n"'\\]*)"#;
    "cookie" [" -b" " --cookie" "\"-b"] and "curl" if Cookies => r#"(?-u:\b)curl(?-u:\b)(?:[\t -~]|\\\n)*?\s(?:-b|--cookie)[ =]?\\*["']?(?P<secret>[A-Za-z0-9_.%-]+=[^\n"'\\]+)"#;
    "cookie" ["PHPSESSID" "JSESSIONID" "ASP.NET_SessionId" "connect.sid" "_gitlab_session" "laravel_session" "sessionid=" "sessionid\""] =>
        r#"(?-u)(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|connect\.sid|_gitlab_session|laravel_session|\bsessionid)\\*["']?\s*[:=]\s*\\*["']?(?P<secret>[A-Za-z0-9%_.!:+/=-]{8,})"#;
    "password" [" -u" " --user" " --proxy-user" " -U" "\"-u" "'-u" "\"--user" "-su" "-sSu" "-fsSu" "-sSLu"] and "curl" =>
        r#"(?-u:\b)curl(?-u:\b)(?:[\t -~]|\\\n)*?[\s"'](?:-[A-Za-z]*[uU]|--(?:proxy-)?user)(?:[ \t=]|\\*["'],?\s*)*?(?:\\*'[^':\n]*:(?P<secret>[^'\\\n]+)|\\*"[^":\n]*:(?P<secret2>[^"\\\n]+)|[^\s"':\\\-][^\s"':\\]*:(?P<secret3>[^\s"'\\]+))"#;
    "password" [" -p" "\"-p" "'-p"] and "mysql" => mysql!("mysql");
    "password" [" -p" "\"-p" "'-p"] and "mariadb" => mysql!("mariadb");
    "password" ["sshpass"] => option!("sshpass" r"-p");
    "password" ["redis-cli"] and "-" => option!("redis-cli" r"-a|--pass");
    "password" [" -p" "\"-p" "'-p"] and "login" =>
        option!("(?:docker|podman|nerdctl|helm registry|oras|az|oc|cf|buildah|skopeo|crane auth|acr) login" r"-p");
    "password" [" -p" "\"-p" "'-p"] and "mongo" => option!("mongo(?:sh|dump|restore|export|import)?" r"-p");
    "password" [" -w" " -s" "\"-w"] and "ldap" => option!("ldap(?:search|add|modify|delete|whoami|passwd)" r"-w|-s");
    "password" [" -P" "\"-P"] and "sqlcmd" => option!("sqlcmd|bcp" r"-P");
    "password" [" -P" "\"-P"] and "zip" => option!("unzip|zip" r"-P");
    "password" ["7z"] and " -p" => r#"(?-u:\b)7za?(?-u:\b)[\t -~]*?\s-p(?P<secret>[^\s"'\\]+)"#;
    "password" ["smbclient" "rpcclient"] => r#"(?-u:\b)(?:smb|rpc)client(?-u:\b)[\t -~]*?\s-U[ \t]*["']?[^\s%"']+%(?P<secret>[^\s"'\\]+)"#;
    "password" ["htpasswd"] =>
        r#"(?-u:\b)htpasswd\s+(?:-[A-Za-z]*(?:nb|bn)[A-Za-z]*\s+\S+\s+["']?(?P<secret>[^\s"'\\]+)|-[A-Za-z]*b[A-Za-z]*\s+(?:-\S+\s+)*\S+\s+\S+\s+["']?(?P<secret2>[^\s"'\\]+))"#;
    "password" [" pass:" "\"pass:"] and "-pass" => r#"-(?:pass(?:in|out)?|k)[ \t"',\\]+pass:(?P<secret>[^\s"'\\]+)"#;
    "password" ["xfreerdp" "rdesktop" "net use"] => r#"(?i)(?-u:\b)(?:xfreerdp|rdesktop|net use)(?-u:\b)[\t -~]*?\s(?:/p:|-p[ \t]+|\\\\\S+[ \t]+(?:/user:\S+[ \t]+)?)["']?(?P<secret>[^\s"'\\]+)"#;
    "password" ["sudo"] and " -" => r#"(?-u:\b)echo\s+(?:-n\s+)?["']?(?P<secret>[^\s"'|]+)["']?\s*\|\s*sudo(?-u:\b)[\t -~]*?\s-[a-zA-Z]*S"#;
    "password" ["--password-stdin" "chpasswd"] => r#"(?-u:\b)(?:echo|printf)\s+(?:-n\s+)?["']?(?:[^\s:"'|]+:)?(?P<secret>[^\s"'|]+)["']?\s*\|[\t -~]*(?:--password-stdin|(?-u:\b)chpasswd)"#;
    // .netrc, .pgpass, redis.conf
    "password" ["machine " "machine\n" "machine\t" "default login" "default password" "machine\\n"] and "password" =>
        r#"(?-u:\b)(?:machine(?:\s|\\[nrt])+[^\s\\]+|default)(?:\s|\\[nrt])+(?:(?:login|account)(?:\s|\\[nrt])+[^\s\\]+(?:\s|\\[nrt])+)*password(?:\s|\\[nrt])+(?P<secret>[^\s"\\]+)"#;
    "password" ["login "] and " password " if Telling =>
        r"(?m-u)(?:^|\\n)[ \t]*login[ \t]+[!-~]+[ \t]+password[ \t]+(?P<secret>[!#-\[\]-~]+)";
    "password" [":5432:" ":5433:" ":6432:" ":5439:" ":26257:" ":*:"] if Telling =>
        r#"(?m)(?:^|\\n|[\s"'])[A-Za-z0-9.*_-]+:(?:\*|[1-9][0-9]{3,4}):(?:\*|[A-Za-z_][A-Za-z0-9_-]*):[A-Za-z_][A-Za-z0-9_.-]*:(?P<secret>[^\s"'\\:]+)"#;
    "password" ["requirepass" "masterauth"] if Telling =>
        r#"(?:^|\\n|[\s"'])(?:requirepass|masterauth)[ \t]+["']?(?P<secret>[^\s"'\\]+)"#;
}
