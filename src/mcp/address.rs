//! The resources' addresses: what `aicoder://…` URIs mean, read and written. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::event::check_coder_id;

/// What a URI of ours names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Coders,
    Stats,
    Alerts,
    EventTypes,
    Coder(String, Aspect),
    Event(u64),
}

/// Which side of a coder is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Aspect {
    State,
    Lifecycle,
    Progress,
    Events,
}

const SCHEME: &str = "aicoder://";
/// What URI templates (RFC 6570) leave as it is in a simple expansion; we read any other spelling as well.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Aspect {
    pub const ALL: &[Aspect] = &[Aspect::State, Aspect::Lifecycle, Aspect::Progress, Aspect::Events];

    const fn suffix(self) -> &'static str {
        match self {
            Aspect::State => "",
            Aspect::Lifecycle => "/lifecycle",
            Aspect::Progress => "/progress",
            Aspect::Events => "/events",
        }
    }

    /// The template whose variable is `coder_id`.
    pub fn template(self) -> String {
        format!("{SCHEME}coders/{{coder_id}}{}", self.suffix())
    }
}

impl Address {
    pub const EVENT_TEMPLATE: &str = "aicoder://events/{seq}";

    /// What `uri` names; `None` where it is none of ours.
    pub fn parse(uri: &str) -> Option<Address> {
        let parts: Vec<&str> = uri.strip_prefix(SCHEME)?.split('/').collect();
        match parts[..] {
            ["coders"] => Some(Address::Coders),
            ["stats"] => Some(Address::Stats),
            ["alerts"] => Some(Address::Alerts),
            ["event-types"] => Some(Address::EventTypes),
            ["events", seq] if seq.bytes().all(|byte| byte.is_ascii_digit()) => seq.parse().ok().map(Address::Event),
            ["coders", id] => Address::coder(id, Aspect::State),
            ["coders", id, "lifecycle"] => Address::coder(id, Aspect::Lifecycle),
            ["coders", id, "progress"] => Address::coder(id, Aspect::Progress),
            ["coders", id, "events"] => Address::coder(id, Aspect::Events),
            _ => None,
        }
    }

    fn coder(escaped: &str, aspect: Aspect) -> Option<Address> {
        let id = percent_decode_str(escaped).decode_utf8().ok()?;
        check_coder_id(&id).ok()?;
        Some(Address::Coder(id.into_owned(), aspect))
    }

    pub fn uri(&self) -> String {
        match self {
            Address::Coders => format!("{SCHEME}coders"),
            Address::Stats => format!("{SCHEME}stats"),
            Address::Alerts => format!("{SCHEME}alerts"),
            Address::EventTypes => format!("{SCHEME}event-types"),
            Address::Coder(id, aspect) => format!("{SCHEME}coders/{}{}", utf8_percent_encode(id, ESCAPED), aspect.suffix()),
            Address::Event(seq) => format!("{SCHEME}events/{seq}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_resource() {
        let check = |uri: &str, expected: Option<Address>| {
            assert_eq!(Address::parse(uri), expected, "{uri}");
        };
        let coder = |id: &str, aspect| Some(Address::Coder(id.into(), aspect));
        check("aicoder://coders", Some(Address::Coders));
        check("aicoder://stats", Some(Address::Stats));
        check("aicoder://alerts", Some(Address::Alerts));
        check("aicoder://event-types", Some(Address::EventTypes));
        check("aicoder://coders/fix-auth", coder("fix-auth", Aspect::State));
        check("aicoder://coders/fix-auth/lifecycle", coder("fix-auth", Aspect::Lifecycle));
        check("aicoder://coders/fix-auth/progress", coder("fix-auth", Aspect::Progress));
        check("aicoder://coders/fix-auth/events", coder("fix-auth", Aspect::Events));
        check("aicoder://coders/claude-code%3Aab%2Fc1", coder("claude-code:ab/c1", Aspect::State));
        check("aicoder://coders/claude-code:ab", coder("claude-code:ab", Aspect::State));
        check("aicoder://events/42", Some(Address::Event(42)));
        for wrong in [
            "aicoder://",
            "aicoder://nope",
            "aicoder://coders/",
            "aicoder://coders/a/nope",
            "aicoder://coders/a/events/",
            "aicoder://coders//events",
            "aicoder://coders/a%20b",
            "aicoder://coders/%FF",
            "aicoder://events/",
            "aicoder://events/-1",
            "aicoder://events/+1",
            "aicoder://events/99999999999999999999",
            "aicoder://stats/",
            "file:///etc/passwd",
            "coders",
            "",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_slash_in_an_id_is_escaped() {
        let address = Address::Coder("claude-code:ab/c1".into(), Aspect::Events);
        assert_eq!(address.uri(), "aicoder://coders/claude-code%3Aab%2Fc1/events");
    }

    proptest! {
        #[test]
        fn every_id_survives_its_uri(id in "[^\\s\\p{C}]{1,128}") {
            prop_assume!(check_coder_id(&id).is_ok());
            for address in Aspect::ALL.iter().map(|&aspect| Address::Coder(id.clone(), aspect)) {
                prop_assert_eq!(Address::parse(&address.uri()), Some(address));
            }
        }
    }
}
