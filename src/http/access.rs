//! Who may come in: no page of a browser, and nobody from elsewhere without the token. Pure.
//!
//! A page that a person visits can send requests to this machine, and by a name of its own that points here (DNS rebinding)
//! even look like a neighbour. Its requests name that page as their origin, or its name as their host.

use std::{fmt, net::IpAddr};

use axum::http::{HeaderMap, StatusCode, header};

/// What whoever comes has to know.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// `None` where nothing but white space is given: that would let everybody in.
    pub fn new(given: &str) -> Option<Token> {
        let given = given.trim();
        (!given.is_empty()).then(|| Token(given.to_owned()))
    }

    /// Takes the same time however much of `given` is right.
    pub fn is(&self, given: &[u8]) -> bool {
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

/// The names by which this machine may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// Only this machine reaches the address.
    Loopback,
    /// Also an address, which no page's own name is, and these names. Pages that come from there are let in too.
    Named(Vec<String>),
    /// Others reach it by names that are not known here: the token is asked for.
    Any,
}

#[derive(Debug)]
pub struct AccessRules {
    pub token: Option<Token>,
    pub hosts: HostRule,
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
        if headers.get_all(header::ORIGIN).iter().any(|origin| !self.is_own_origin(origin.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, "requests of web pages are not taken"));
        }
        if headers.get_all(header::HOST).iter().any(|host| !self.hosts.has(host.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, self.hosts.refusal()));
        }
        match &self.token {
            Some(token) if !bearer(headers).is_some_and(|given| token.is(given)) => {
                Err((StatusCode::UNAUTHORIZED, "send the header `Authorization: Bearer <token>`"))
            }
            _ => Ok(()),
        }
    }

    fn is_own_origin(&self, origin: &[u8]) -> bool {
        let authority = [&b"http://"[..], b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        authority.is_some_and(|authority| match &self.hosts {
            HostRule::Named(names) => is_local_authority(authority) || is_one_of(names, authority),
            HostRule::Loopback | HostRule::Any => is_local_authority(authority),
        })
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

impl HostRule {
    fn has(&self, authority: &[u8]) -> bool {
        match self {
            HostRule::Loopback => is_local_authority(authority),
            HostRule::Named(names) => {
                is_local_authority(authority) || address_of(authority).is_some() || is_one_of(names, authority)
            }
            HostRule::Any => true,
        }
    }

    const fn refusal(&self) -> &'static str {
        match self {
            HostRule::Named(_) => "`Host` is neither an address nor a name that was allowed",
            HostRule::Loopback | HostRule::Any => "`Host` is none of this machine's loopback names",
        }
    }
}

/// A loopback name or address, with a port or without.
fn is_local_authority(authority: &[u8]) -> bool {
    let name = name_of(authority);
    name == "localhost"
        || name.ends_with(".localhost")
        || address_of(authority).is_some_and(|address| address.to_canonical().is_loopback())
}

fn is_one_of(names: &[String], authority: &[u8]) -> bool {
    let name = name_of(authority);
    !name.is_empty() && names.iter().any(|known| name_of(known.as_bytes()) == name)
}

fn address_of(authority: &[u8]) -> Option<IpAddr> {
    host_of(authority).parse().ok()
}

fn name_of(authority: &[u8]) -> String {
    host_of(authority).trim_end_matches('.').to_ascii_lowercase()
}

/// Without the port; empty where it is no text.
fn host_of(authority: &[u8]) -> &str {
    let authority = std::str::from_utf8(authority).unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
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
        let access = AccessRules { token: None, hosts: HostRule::Loopback, secret: None, is_open: false };
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
    fn a_name_that_was_allowed_is_a_host_and_an_origin_and_an_address_is_a_host() {
        let hosts = HostRule::Named(vec!["Host.docker.internal".into(), "dev.example.com:80".into()]);
        let access = AccessRules { token: None, hosts, secret: None, is_open: false };
        let check = |authority: &str, as_host: u16, as_origin: u16| {
            assert_eq!(admitted(&access, &[("host", authority)]), as_host, "host {authority}");
            assert_eq!(admitted(&access, &[("origin", &format!("http://{authority}"))]), as_origin, "origin {authority}");
        };
        check("localhost:7331", 200, 200);
        check("host.docker.internal:7331", 200, 200);
        check("dev.example.com.", 200, 200);
        check("172.17.0.1:7331", 200, 403);
        check("[2001:db8::1]:7331", 200, 403);
        check("evil.example.com", 403, 403);
        check("sub.dev.example.com", 403, 403);
        check("", 403, 403);
    }

    #[test]
    fn where_a_token_is_set_it_is_asked_for() {
        let access = AccessRules { token: Token::new(" s3cret\n"), hosts: HostRule::Any, secret: None, is_open: false };
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
            let access = AccessRules { token: token.and_then(Token::new), hosts: HostRule::Loopback, secret: None, is_open };
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
        let access = AccessRules { token: None, hosts: HostRule::Loopback, secret: Token::new("s3cret"), is_open: false };
        let check = |path: &str, expected: bool| assert_eq!(access.knows(path), expected, "{path}");
        check("/k/s3cret/v1/logs", true);
        check("/k/s3cret", true);
        for wrong in ["/k/s3cre/v1/logs", "/k/s3cret2/v1/logs", "/v1/logs", "/k//v1/logs", "/K/s3cret/v1/logs", "/", "s3cret"] {
            check(wrong, false);
        }
    }
}
