//! Tokens that begin with letters of their own: a prefix, and what may follow it. As lenient as harmless words let it be: who
//! issues them changes their lengths.

/// What a token goes on with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Letters {
    Hex,
    Alphanumeric,
    /// With `_` and `-`.
    Word,
    /// With what base64 and parts of a token need: `.`, `=`, `+`, `/`.
    Any,
}

impl Letters {
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Letters::Hex => byte.is_ascii_hexdigit(),
            Letters::Alphanumeric => byte.is_ascii_alphanumeric(),
            Letters::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Letters::Any => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/' | b':'),
        }
    }
}

use Letters::{Alphanumeric, Any, Hex, Word};

/// What the mark says, how many letters follow at least, which, and the prefixes.
#[rustfmt::skip]
pub(super) const PREFIXES: &[(&str, usize, Letters, &[&str])] = &[
    ("api key", 20, Word, &[
        "xai-", "gsk_", "tvly-", "pplx-", "r8_", "nvapi-", "lin_api_", "lin_oauth_", "ntn_", "figd_", "figo_", "sntryu_", "sbp_",
        "sb_secret_", "fw_", "csk-", "fc-", "e2b_", "lsv2_pt_", "lsv2_sk_", "pcsk_", "jina_", "apify_api_", "tskey-", "phx_",
        "phs_", "crsr_", "CFPAT-", "NRAK-", "NRII-", "NRRA-", "NRJS-", "PMAK-", "cal_live_",
    ]),
    ("api key", 40, Word, &["pa-", "key_", "secret_"]),
    ("api key", 20, Any, &["sntrys_"]),
    ("access token", 20, Word, &[
        "dckr_pat_", "dckr_oat_", "hvs.", "hvb.", "hvr.", "glsa_", "nfp_", "nfc_", "nfo_", "vcp_", "vci_", "vca_", "vcr_", "vck_",
        "rnd_", "CCIPAT_", "CCIPRJ_", "bkua_", "bkaj_", "aio_", "ATBB", "cfut_", "cfat_", "ddapp_", "sq0atp-", "sq0csp-", "pnu_",
        "HRKU-", "SWMTKN-1-", "AKCp", "xkeysib-", "xsmtpsib-", "sm_pat_", "sm_aat_", "sm_sat_", "snyk_",
    ]),
    ("access token", 20, Any, &[
        "fo1_", "fm1a_", "fm1r_", "fm2_", "glc_", "ATATT3", "ATCTT3", "BBDC-", "pscale_tkn_", "pscale_oauth_", "pscale_pw_", "tfp_",
        "ops_eyJ", "sk.eyJ", "rdme_", "dt0c01.", "dt0s01.", "dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit.", "duffel_live_",
        "duffel_test_", "bedrock-api-key-",
    ]),
    ("access token", 30, Word, &["EZAK", "EZTK", "LTAI", "AKID", "IGQ", "ABSK", "oy2", "cio"]),
    ("access token", 32, Hex, &[
        "shpat_", "shpca_", "shppa_", "shpss_", "shptka_", "dapi", "dkea", "dose", "pul-", "sqp_", "squ_", "sqa_", "sgp_",
        "sgp_local_", "rubygems_", "shippo_live_", "shippo_test_", "sk_", "key-",
    ]),
    ("access token", 30, Alphanumeric, &["live_", "test_"]),
    ("twilio key", 32, Hex, &["SK"]),
    ("resend key", 30, Word, &["re_"]),
    ("dropbox token", 60, Word, &["sl."]),
    ("access token", 30, Word, &["pat-na1-", "pat-na2-", "pat-eu1-", "pat-ap1-"]),
];

/// Where the token ends that begins at the start of `text`; `None` where what follows the prefix is too little for one.
pub(super) fn end_of_token(text: &str, prefix: &str, letters: Letters, letters_min: usize) -> Option<usize> {
    let rest = &text.as_bytes()[prefix.len()..];
    let letters = rest.iter().position(|&byte| !letters.has(byte)).unwrap_or(rest.len());
    // What ends a sentence is no part of it.
    let token = text[..prefix.len() + letters].trim_end_matches(['.', ':', '-']);
    let tail = token.get(prefix.len()..)?;
    let run = tail.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max()?;
    // Names of functions have longer words as seldom as tokens have short ones.
    let is_no_name = run >= 20 || (run >= 10 && tail.bytes().any(|byte| byte.is_ascii_digit()));
    (tail.len() >= letters_min && is_no_name).then_some(token.len())
}
