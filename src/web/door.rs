//! Who may look. The token in the address is exchanged for a cookie that no script reads and no other site's page makes use of.

use axum::http::{HeaderMap, StatusCode, header};
use uuid::Uuid;

use crate::http::{AccessRules, HostRule, Token};

pub(super) struct LiveDoor {
    access: AccessRules,
    /// In the address that a person opens.
    token: String,
    cookie: String,
    /// Browsers tell hosts apart by their names, not by their ports.
    cookie_name: String,
}

impl LiveDoor {
    pub fn new(hosts: HostRule, port: u16) -> LiveDoor {
        // Two of them hold 244 bits of chance.
        let secret = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        // Whose a connection of another machine is, nobody here knows.
        let is_open = hosts != HostRule::Loopback;
        LiveDoor {
            access: AccessRules { token: None, hosts, secret: None, is_open },
            token: secret(),
            cookie: secret(),
            cookie_name: format!("ai-coder-events-{port}"),
        }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether a request may be looked at at all: it is no other user's, and no other site's page sent it.
    ///
    /// # Errors
    /// The status to answer with, and why.
    pub fn admit(&self, headers: &HeaderMap, is_stranger: bool) -> Result<(), (StatusCode, &'static str)> {
        self.access.admit(headers, is_stranger)
    }

    /// # Errors
    /// The status to answer with, and what to do.
    pub fn knows(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
        if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
            return Err((StatusCode::FORBIDDEN, "requests of other pages are not taken"));
        }
        let is_ours = |pair: &str| {
            pair.trim().split_once('=').is_some_and(|(name, value)| name == self.cookie_name && is_same(value, &self.cookie))
        };
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        match cookies.flat_map(|cookies| cookies.split(';')).any(is_ours) {
            true => Ok(()),
            false => Err((StatusCode::FORBIDDEN, "open the address that `watch --web` printed, token and all")),
        }
    }

    /// The cookie for who gave this token; `None` where it is wrong.
    pub fn cookie_for(&self, token: &str) -> Option<String> {
        is_same(token, &self.token).then(|| format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie_name, self.cookie))
    }
}

fn is_same(given: &str, secret: &str) -> bool {
    Token::new(secret).is_some_and(|secret| secret.is(given.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_the_cookie_and_comes_from_the_page_itself_is_known() {
        let door = LiveDoor::new(HostRule::Loopback, 4000);
        let cookie = door.cookie_for(door.token()).expect("its own token");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let check = |headers: &[(&'static str, &str)], expected: bool| {
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().expect(name), value.parse().expect(value))).collect();
            assert_eq!(door.admit(&headers, false).is_ok() && door.knows(&headers).is_ok(), expected, "{headers:?}");
        };
        check(&[("cookie", &cookie)], true);
        check(&[("cookie", &format!("a=b; {cookie}; c=d"))], true);
        check(&[("cookie", &cookie), ("host", "127.0.0.1:4000"), ("sec-fetch-site", "same-origin")], true);
        check(&[("cookie", &cookie), ("sec-fetch-site", "same-site")], false);
        check(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")], false);
        check(&[("cookie", &cookie), ("origin", "https://example.com")], false);
        check(&[("cookie", &cookie), ("host", "rebound.example.com")], false);
        check(&[("cookie", &cookie.replace("4000", "4001"))], false);
        check(&[("cookie", &cookie[..cookie.len() - 1])], false);
        check(&[("cookie", &format!("{cookie}0"))], false);
        check(&[("cookie", "ai-coder-events-4000=")], false);
        check(&[], false);
        for wrong in ["", &door.token()[1..], &door.token().to_uppercase()] {
            assert_eq!(door.cookie_for(wrong), None, "{wrong}");
        }
    }
}
