//! Who may come in: no page of a browser, and nobody from elsewhere without the token. Pure.
//!
//! A page that a person visits can send requests to this machine, and by a name of its own that points here (DNS rebinding)
//! even look like a neighbour. Its requests name that page as their origin, or its name as their host.

use std::{fmt, net::IpAddr};

use axum::http::{HeaderMap, StatusCode, header};

/// What an exporter has to know.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// `None` where nothing but white space is given: that would let everybody in.
    pub fn new(given: &str) -> Option<Token> {
        let given = given.trim();
        (!given.is_empty()).then(|| Token(given.to_owned()))
    }

    /// Takes the same time however much of `given` is right.
    fn is(&self, given: &[u8]) -> bool {
        let token = self.0.as_bytes();
        let differing = token.iter().zip(given).fold(0, |differing, (a, b)| differing | (a ^ b));
        (token.len() == given.len()) & (std::hint::black_box(differing) == 0)
    }
}

/// A token belongs into no log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Debug)]
pub(super) struct AccessRules {
    pub token: Option<Token>,
    /// Only this machine reaches the address; elsewhere the machine's names are not known, and the token is asked for.
    pub is_local: bool,
    /// What stands in the path, behind `/k/`: the one form of token that every agent can send.
    pub secret: Option<Token>,
    /// Other users of this machine are let in, who know neither.
    pub is_open: bool,
}

impl AccessRules {
    /// # Errors
    /// The status to answer with, and why.
    pub fn admit(&self, headers: &HeaderMap, is_stranger: bool) -> Result<(), (StatusCode, &'static str)> {
        if is_stranger && self.asks_whose() {
            return Err((StatusCode::FORBIDDEN, "this is another user's history: what is sent here is not yours"));
        }
        if headers.get_all(header::ORIGIN).iter().any(|origin| !is_local_origin(origin.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, "requests of web pages are not taken"));
        }
        if self.is_local && headers.get_all(header::HOST).iter().any(|host| !is_local_authority(host.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, "`Host` is none of this machine's loopback names"));
        }
        match &self.token {
            Some(token) if !bearer(headers).is_some_and(|given| token.is(given)) => {
                Err((StatusCode::UNAUTHORIZED, "send the header `Authorization: Bearer <token>`"))
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing but the user says who may come in.
    pub fn asks_whose(&self) -> bool {
        !self.is_open && self.token.is_none() && self.secret.is_none()
    }

    /// Whether `path` knows the secret, where there is one.
    pub fn knows(&self, path: &str) -> bool {
        let Some(secret) = &self.secret else { return true };
        let given = path.strip_prefix("/k/").and_then(|rest| rest.split('/').next());
        given.is_some_and(|given| secret.is(given.as_bytes()))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let given = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = given.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn is_local_origin(origin: &[u8]) -> bool {
    let authority = [&b"http://"[..], b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
    authority.is_some_and(is_local_authority)
}

/// A loopback name or address, with a port or without.
fn is_local_authority(authority: &[u8]) -> bool {
    let Ok(authority) = std::str::from_utf8(authority) else { return false };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let Some(host) = host else { return false };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(access: &AccessRules, headers: &[(&'static str, &str)]) -> u16 {
        let headers = headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        access.admit(&headers, false).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_this_machine_is_a_host_and_an_origin() {
        let access = AccessRules { token: None, is_local: true, secret: None, is_open: false };
        let check = |authority: &str, expected: u16| {
            assert_eq!(admitted(&access, &[("host", authority)]), expected, "host {authority}");
            assert_eq!(admitted(&access, &[("origin", &format!("http://{authority}"))]), expected, "origin {authority}");
        };
        for local in
            ["localhost", "LOCALHOST:4318", "localhost.:80", "otel.localhost", "127.0.0.1:4318", "127.9.9.9", "[::1]:4318"]
        {
            check(local, 200);
        }
        for foreign in ["example.com", "localhost.example.com", "127.0.0.1.example.com:4318", "10.0.0.1", "[2001:db8::1]", ""] {
            check(foreign, 403);
        }
        assert_eq!(admitted(&access, &[("origin", "null")]), 403, "a page without an address");
        assert_eq!(admitted(&access, &[("origin", "https://localhost:3000")]), 200);
        assert_eq!(admitted(&access, &[]), 200, "a program");
    }

    #[test]
    fn where_a_token_is_set_it_is_asked_for() {
        let access = AccessRules { token: Token::new(" s3cret\n"), is_local: false, secret: None, is_open: false };
        let check = |given: &str, expected: u16| {
            let headers = [("host", "history.example.com:4318"), ("authorization", given)];
            assert_eq!(admitted(&access, &headers), expected, "{given}");
        };
        check("Bearer s3cret", 200);
        check("bearer  s3cret", 200);
        for wrong in ["Bearer s3cre", "Bearer s3cret2", "Bearer S3cret", "Bearer ", "Bearer", "Basic s3cret", "s3cret"] {
            check(wrong, 401);
        }
        assert_eq!(admitted(&access, &[]), 401);
        assert_eq!(admitted(&access, &[("authorization", "Bearer s3cret"), ("origin", "https://example.com")]), 403);
        assert!(Token::new(" \n").is_none());
    }

    #[test]
    fn another_user_needs_a_token_or_an_open_door() {
        let check = |token: Option<&str>, is_open: bool, expected: bool| {
            let access = AccessRules { token: token.and_then(Token::new), is_local: true, secret: None, is_open };
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, "Bearer s3cret".parse().unwrap());
            assert_eq!(access.admit(&headers, true).is_ok(), expected, "{token:?} {is_open}");
            assert!(access.admit(&headers, false).is_ok(), "one's own");
        };
        check(None, false, false);
        check(None, true, true);
        check(Some("s3cret"), false, true);
    }

    #[test]
    fn a_secret_stands_in_the_path() {
        let access = AccessRules { token: None, is_local: true, secret: Token::new("s3cret"), is_open: false };
        let check = |path: &str, expected: bool| assert_eq!(access.knows(path), expected, "{path}");
        check("/k/s3cret/v1/logs", true);
        check("/k/s3cret", true);
        for wrong in ["/k/s3cre/v1/logs", "/k/s3cret2/v1/logs", "/v1/logs", "/k//v1/logs", "/K/s3cret/v1/logs", "/", "s3cret"] {
            check(wrong, false);
        }
    }
}
